/* Jobs that come into, and go from, the middle of what waits; and what is forgotten of them. */
#include <stdlib.h>

#include "base/limits.h"
#include "base/memory.h"
#include "base/rng.h"
#include "policy/demand.h"
#include "scheduler/core.h"
#include "tests/test.h"

struct fixture {
    struct core *core;
    struct demand *demand;
    struct instant now;
    struct turn turn;
};

static void turn(struct fixture *fixture, struct event *events, size_t count) {
    struct error error = {0};

    fixture->now.now_us += CLOCK_US_PER_SECOND;
    fixture->now.mono_us += CLOCK_US_PER_SECOND;
    scheduler_turn(fixture->core, fixture->now, events, count, &fixture->turn);
    CHECK_EQ(core_verify(fixture->core, &error), OK, error.text);
}

static struct fixture make(size_t history_count) {
    struct fixture fixture = {.now = {.now_us = INT64_C(1800000000000000), .mono_us = 1}};
    struct event synced[CLUSTER_PART_COUNT];

    fixture.core = core_create(&(struct core_options){
        .next_id = 1,
        .seed = 1,
        .settings = {.starts_per_turn_max = 8,
                     .start_timeout_us = INT64_MAX / 4,
                     .backoff_first_us = 1,
                     .backoff_max_us = 1,
                     .history_age_us = INT64_MAX / 4,
                     .history_count = history_count,
                     .jobs_waiting_max = 1000000},
    });
    fixture.demand = demand_create();
    (void)demand_add_group(fixture.demand, POD_ROLE_POD, 1);
    demand_settle(fixture.demand);
    for (size_t i = 0; i < CLUSTER_PART_COUNT; i++) {
        synced[i] = (struct event){.kind = EVENT_SYNCED, .synced = {.part = (enum cluster_part)i}};
    }
    turn(&fixture, synced, CLUSTER_PART_COUNT); /* There is no node: all wait. */
    return fixture;
}

static void finish(struct fixture *fixture) {
    core_destroy(fixture->core);
    demand_destroy(fixture->demand);
}

static void submit(struct fixture *fixture, size_t count, uint32_t ttl_s) {
    struct new_job *jobs = mem_alloc(count, sizeof *jobs);
    struct event event = {.kind = EVENT_SUBMIT,
                          .submit = {.jobs = jobs, .count = count, .submitter = "ann"}};

    for (size_t i = 0; i < count; i++) {
        jobs[i] = (struct new_job){.name = "job",
                                   .namespace = "red",
                                   .team = "red",
                                   .priority_class = "",
                                   .window = "",
                                   .ttl_s = ttl_s,
                                   .demand = fixture->demand,
                                   .spec = {.text = "{}", .bytes = 2}};
    }
    turn(fixture, &event, 1);
    free(jobs);
}

static size_t waiting_below(const struct fixture *fixture, uint64_t id) {
    size_t count = 0;

    for (struct job job = {0}; core_next_job(fixture->core, job.id, &job) && job.id < id;) {
        count += job.state == JOB_QUEUED;
    }
    return count;
}

/* core_verify() compares the lists with the jobs; here, the count of those ahead too. */
TEST(core__keeps_its_lists_in_order) {
    enum {
        JOBS = 300,
        ROUNDS = 200
    };
    static const enum event_kind kinds[] = {EVENT_HOLD, EVENT_RELEASE, EVENT_RELEASE, EVENT_CANCEL};
    struct fixture fixture = make(JOBS);
    struct rng rng;

    rng_init(&rng, 7);
    submit(&fixture, JOBS, JOB_TTL_NEVER);
    for (int round = 0; round < ROUNDS; round++) {
        struct event events[40];
        size_t count = 1 + rng_below(&rng, round % 2 == 0 ? 3 : ARRAY_LEN(events) - 1);
        uint64_t id = 1 + rng_below(&rng, JOBS);
        struct job job;

        for (size_t i = 0; i < count; i++) {
            /* Few are cancelled, so that there are some left at the end. */
            size_t kind = rng_below(&rng, rng_below(&rng, 8) == 0 ? ARRAY_LEN(kinds) : 3);

            events[i] = (struct event){.kind = kinds[kind], .job_id = 1 + rng_below(&rng, JOBS)};
        }
        turn(&fixture, events, count);
        if (core_job(fixture.core, id, &job) && job.state == JOB_QUEUED) {
            CHECK_EQ(core_jobs_ahead(fixture.core, id), waiting_below(&fixture, id), "those ahead");
        }
    }
    CHECK(waiting_below(&fixture, JOBS + 1) > 20, "some still wait");
    finish(&fixture);
}

TEST(core__forgets_past_a_job_whose_pods_are_kept) {
    struct fixture fixture = make(0);
    struct event cancels[301];
    struct job job;

    submit(&fixture, 1, 3600);
    submit(&fixture, 300, JOB_TTL_NEVER);
    for (size_t i = 0; i < ARRAY_LEN(cancels); i++) {
        cancels[i] = (struct event){.kind = EVENT_CANCEL, .job_id = i + 1};
    }
    turn(&fixture, cancels, ARRAY_LEN(cancels));
    for (int slices = 0; slices < 6; slices++) {
        turn(&fixture, NULL, 0);
        CHECK(fixture.turn.change_count <= 64, "a slice at a time");
    }
    CHECK(core_job(fixture.core, 1, &job), "its pods go in an hour");
    CHECK(!core_next_job(fixture.core, 1, &job), "the others were not held up");
    fixture.now.now_us += 3600 * CLOCK_US_PER_SECOND;
    fixture.now.mono_us += 3600 * CLOCK_US_PER_SECOND;
    turn(&fixture, NULL, 0);
    turn(&fixture, NULL, 0);
    CHECK(!core_job(fixture.core, 1, &job), "and then it is forgotten too");
    finish(&fixture);
}

/* What runs again and again has more attempts than others may, and forgets the older ones. */
TEST(core__forgets_the_older_runs_of_what_runs_always) {
    struct fixture fixture = make(0);
    struct event blind = {.kind = EVENT_SYNCED, .synced = {.part = CLUSTER_NODES, .denied = true}};
    struct new_job new_job = {.name = "stream",
                              .namespace = "red",
                              .team = "red",
                              .priority_class = "",
                              .window = "",
                              .retry = {.always = true},
                              .ttl_s = JOB_TTL_NEVER,
                              .demand = fixture.demand,
                              .spec = {.text = "{}", .bytes = 2}};
    struct event event = {.kind = EVENT_SUBMIT,
                          .submit = {.jobs = &new_job, .count = 1, .submitter = "ann"}};
    unsigned drops = 0;
    struct job job;

    turn(&fixture, &blind, 1); /* Nodes are not asked. */
    turn(&fixture, &event, 1);
    for (int turns = 0; turns < 20000; turns++) {
        struct event lost = {
            .kind = EVENT_STARTED,
            .started = {
                .job_id = 1, .result = START_QUOTA, .pod_name = "", .pod_uid = "", .message = "q"}};

        CHECK(core_job(fixture.core, 1, &job), "it is there");
        if (job.attempt > 2000) {
            break;
        }
        lost.started.attempt = job.attempt;
        turn(&fixture, &lost, job.state == JOB_SUBMITTING ? 1 : 0);
        for (size_t i = 0; i < fixture.turn.change_count; i++) {
            if (fixture.turn.changes[i].kind == CHANGE_HISTORY_DROP) {
                CHECK(core_job(fixture.core, 1, &job), "it is there");
                CHECK_EQ(job.attempt % 999, 1, "when 999 are over");
                drops++;
            }
        }
    }
    CHECK(job.attempt > 2000, "it goes on beyond the bound of others");
    CHECK_EQ(drops, 2, "its history is dropped now and then");
    finish(&fixture);
}

/* Names, and leaves of entries, go and come; ids have gaps, and cross from shelf to shelf. */
TEST(core_load_job__takes_ids_with_gaps) {
    struct core *core = core_create(&(struct core_options){
        .next_id = UINT64_C(1) << 33,
        .seed = 1,
        .settings = {.starts_per_turn_max = 8, .jobs_waiting_max = 10, .history_count = 10}});
    struct demand *demand = demand_create();
    uint64_t seen = 0;
    struct job job;

    (void)demand_add_group(demand, POD_ROLE_POD, 1);
    demand_settle(demand);
    for (uint64_t id = 1; id < UINT64_C(1) << 33; id = id * 3 + 1) {
        char *name = mem_format("job-%llu", (unsigned long long)id);

        core_load_job(core,
                      &(struct job){.id = id,
                                    .name = name,
                                    .namespace = "red",
                                    .team = "red",
                                    .submitter = "ann",
                                    .priority_class = "",
                                    .window = "",
                                    .state = JOB_HELD,
                                    .event_count = 1,
                                    .exit_code = -1},
                      demand, NULL);
        free(name);
    }
    for (uint64_t id = 0; core_next_job(core, id, &job); id = job.id) {
        char *name = mem_format("job-%llu", (unsigned long long)job.id);

        CHECK_EQ(job.id, id * 3 + 1, "in order, none left out");
        CHECK_STR(job.name, name, "its own name");
        free(name);
        seen++;
    }
    CHECK_EQ(seen, 21, "all");
    CHECK(!core_job(core, 2, &job) && !core_job(core, UINT64_C(1) << 40, &job), "no others");
    demand_destroy(demand);
    core_destroy(core);
}

/* What was learnt is left out above its bound, and nothing else of it. */
TEST(core_load__bounds_what_was_learnt) {
    static const struct {
        const char *what;
        enum fact_kind kind;
        const char *key;
        int (*load)(struct core *core, const struct fact *fact);
        int most;
    } rows[] = {
        {"memory", FACT_MEMORY, "ns/job-", core_load_memory, LIMIT_RUNTIME_NAMES},
        {"breakers", FACT_BREAKER, "job:ns/job-", core_load_breaker, LIMIT_BREAKERS},
        {"nodes", FACT_NODE, "node-", core_load_node, LIMIT_BLAMED_NODES},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fixture fixture = make(10);

        for (int n = 0; n <= rows[i].most; n++) {
            char *key = mem_format("%s%d", rows[i].key, n);
            const struct fact fact = {.kind = rows[i].kind, .key = key};

            CHECK_EQ(rows[i].load(fixture.core, &fact), n < rows[i].most ? OK : ERR_FULL,
                     rows[i].what);
            free(key);
        }
        turn(&fixture, NULL, 0);
        finish(&fixture);
    }
}
