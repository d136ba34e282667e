#include "scheduler/forward.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/rng.h"
#include "policy/ledger.h"
#include "policy/node.h"
#include "policy/quota.h"
#include "tests/test.h"

#define SECOND_US CLOCK_US_PER_SECOND
#define BEGIN_US  (INT64_C(1700000000) * SECOND_US)
#define JOBS_MAX  128

/* A core, its cluster, and what became of its jobs. */
struct fixture {
    struct core *core;
    struct forward *forward;
    int64_t runtime_us[JOBS_MAX]; /* by id */
    int64_t started_us[JOBS_MAX];
    int64_t finished_us[JOBS_MAX];
    uint32_t attempts[JOBS_MAX];
    enum job_state state[JOBS_MAX];
    int64_t delay_us;
};

static int64_t runtime(void *context, const struct job *job, int64_t ran_us) {
    const struct fixture *fixture = context;

    CHECK(ran_us == 0 || fixture->runtime_us[job->id] > ran_us, "asked only while it runs");
    return fixture->runtime_us[job->id];
}

static void on_job(void *context, const struct job *job, int64_t now_us) {
    struct fixture *fixture = context;

    (void)now_us;
    fixture->started_us[job->id] = job->started_us;
    fixture->finished_us[job->id] = job->finished_us;
    fixture->attempts[job->id] = job->attempt;
    fixture->state[job->id] = job->state;
}

static void drive(struct fixture *fixture, int64_t now_us) {
    forward_destroy(fixture->forward);
    fixture->forward =
        forward_create(&(struct forward_options){.core = fixture->core,
                                                 .start = {.now_us = now_us, .mono_us = now_us},
                                                 .start_delay_us = fixture->delay_us,
                                                 .context = fixture,
                                                 .runtime_us = runtime,
                                                 .on_job = on_job});
}

static void tell_node(struct fixture *fixture, const char *name, int64_t cpu_milli) {
    struct node node;
    struct event event = {.kind = EVENT_NODE, .node = &node};

    node_init(&node, name);
    node.ready = true;
    node.allocatable.amount[RESOURCE_CPU] = cpu_milli;
    node.allocatable.amount[RESOURCE_MEMORY] = INT64_C(1) << 40;
    node.allocatable.amount[RESOURCE_PODS] = 110;
    forward_tell(fixture->forward, &event, 1);
    node_finish(&node);
}

static void tell_quota(struct fixture *fixture, const char *key, const char *hard,
                       const char *used) {
    struct quota quota;
    struct event event = {.kind = EVENT_QUOTA, .quota = &quota};

    quota_init(&quota, "red", "q");
    CHECK_OK(quota_add_item(&quota, core_resource_names(fixture->core), key, hard, used), key);
    forward_tell(fixture->forward, &event, 1);
    quota_finish(&quota);
}

static void tell_synced(struct fixture *fixture) {
    struct event events[CLUSTER_PART_COUNT];

    for (size_t i = 0; i < CLUSTER_PART_COUNT; i++) {
        events[i] = (struct event){.kind = EVENT_SYNCED, .synced = {.part = (enum cluster_part)i}};
    }
    forward_tell(fixture->forward, events, ARRAY_LEN(events));
}

static void begin(struct fixture *fixture, int64_t delay_us) {
    *fixture = (struct fixture){.delay_us = delay_us};
    fixture->core = core_create(&(struct core_options){
        .next_id = 1,
        .seed = 1,
        .settings = {.starts_per_turn_max = 100,
                     .start_timeout_us = 3600 * SECOND_US,
                     .backoff_first_us = SECOND_US,
                     .backoff_max_us = SECOND_US,
                     .history_age_us = INT64_MAX / 4,
                     .history_count = 1000000,
                     .jobs_waiting_max = 1000000},
    });
    drive(fixture, BEGIN_US);
}

static void end(struct fixture *fixture) {
    forward_destroy(fixture->forward);
    core_destroy(fixture->core);
}

static struct demand *demand_of(int64_t driver_milli, uint32_t executors, int64_t executor_milli) {
    struct demand *demand = demand_create();

    for (int i = 0; i < (executors > 0 ? 2 : 1); i++) {
        struct pod_group *group = demand_add_group(
            demand, i == 0 ? POD_ROLE_DRIVER : POD_ROLE_EXECUTOR, i == 0 ? 1 : executors);
        struct container_demand *container = pod_demand_add_container(&group->pod, CONTAINER_MAIN);

        container_demand_request(container, RESOURCE_CPU, i == 0 ? driver_milli : executor_milli);
        container_demand_request(container, RESOURCE_MEMORY, 1 << 20);
    }
    demand_settle(demand);
    return demand;
}

/* The job's id. */
static uint64_t submit(struct fixture *fixture, struct demand *demand, int64_t runtime_us) {
    struct new_job job = {.name = "job",
                          .namespace = "red",
                          .team = "team",
                          .ttl_s = JOB_TTL_NEVER,
                          .demand = demand,
                          .spec = {.text = "{}", .bytes = 2}};
    struct event event = {.kind = EVENT_SUBMIT, .submit = {.jobs = &job, .count = 1}};
    struct job known;
    uint64_t id = 1;

    while (core_job(fixture->core, id, &known)) {
        id++;
    }
    CHECK(id < JOBS_MAX, "the fixture's room");
    fixture->runtime_us[id] = runtime_us;
    event.submit.submitter = "me";
    forward_tell(fixture->forward, &event, 1);
    demand_destroy(demand);
    return id;
}

static void check(const struct fixture *fixture) {
    struct error error = {0};

    CHECK_OK(core_verify(fixture->core, &error), error.text);
    CHECK_OK(ledger_overrun(core_ledger(fixture->core), core_resource_names(fixture->core), &error),
             error.text);
}

static void run(struct fixture *fixture, int64_t until_us) {
    int64_t next_us;

    while ((next_us = forward_next_us(fixture->forward)) <= until_us && next_us != CLOCK_NEVER_US) {
        forward_go(fixture->forward, next_us);
        check(fixture);
    }
}

TEST(forward__starts_and_ends_jobs_when_there_is_room) {
    static const struct {
        const char *what;
        int64_t delay_us;
        int64_t want_started_s[3];
    } rows[] = {
        {"two at once, the third when the first ends", 0, {0, 0, 10}},
        {"a pod takes a while to start, and holds its room meanwhile", 2 * SECOND_US, {2, 2, 14}},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fixture fixture;

        begin(&fixture, rows[i].delay_us);
        tell_node(&fixture, "node-1", 2000);
        tell_synced(&fixture);
        (void)submit(&fixture, demand_of(500, 2, 250), 10 * SECOND_US);
        (void)submit(&fixture, demand_of(1000, 0, 0), 20 * SECOND_US);
        (void)submit(&fixture, demand_of(1000, 0, 0), 30 * SECOND_US);
        run(&fixture, CLOCK_NEVER_US);
        for (uint64_t id = 1; id <= 3; id++) {
            CHECK_EQ(fixture.started_us[id] - BEGIN_US, rows[i].want_started_s[id - 1] * SECOND_US,
                     rows[i].what);
            CHECK_EQ(fixture.finished_us[id] - fixture.started_us[id], fixture.runtime_us[id],
                     rows[i].what);
            CHECK_EQ(fixture.state[id], JOB_SUCCEEDED, rows[i].what);
        }
        CHECK_EQ(core_counts(fixture.core).pods, 0, "nothing is left behind");
        end(&fixture);
    }
}

TEST(forward__leaves_what_waits_for_the_unknown_waiting) {
    struct fixture fixture;

    begin(&fixture, 0);
    tell_node(&fixture, "node-1", 1000);
    tell_synced(&fixture);
    (void)submit(&fixture, demand_of(1000, 0, 0), CLOCK_NEVER_US);
    (void)submit(&fixture, demand_of(1000, 0, 0), SECOND_US);
    run(&fixture, CLOCK_NEVER_US);
    CHECK_EQ(fixture.state[1], JOB_RUNNING, "nobody knows when it ends");
    CHECK_EQ(fixture.state[2], JOB_QUEUED, "nor when this one starts");
    CHECK_EQ(forward_next_us(fixture.forward), CLOCK_NEVER_US, "nothing more happens");
    end(&fixture);
}

TEST(forward__deletes_what_is_cancelled) {
    struct fixture fixture;
    struct event event = {.kind = EVENT_CANCEL, .token = 1, .job_id = 1};

    begin(&fixture, 0);
    tell_node(&fixture, "node-1", 1000);
    tell_synced(&fixture);
    (void)submit(&fixture, demand_of(400, 2, 300), 100 * SECOND_US);
    (void)submit(&fixture, demand_of(1000, 0, 0), SECOND_US);
    run(&fixture, BEGIN_US);
    forward_tell(fixture.forward, &event, 1);
    check(&fixture);
    CHECK_EQ(fixture.state[1], JOB_CANCELLED, "at once");
    CHECK_EQ(fixture.state[2], JOB_RUNNING, "in its room");
    end(&fixture);
}

/* status.used of a quota lags for ever here: it must not keep what our own sums say is free. */
TEST(forward__counts_by_our_own_sums_and_keeps_what_others_hold) {
    static const struct {
        const char *what;
        const char *key;
        const char *hard;
        const char *used;
        enum job_state want;
    } rows[] = {
        {"pods that ended are still in used", "pods", "1", "1", JOB_SUCCEEDED},
        {"somebody's services stay", "services", "1", "1", JOB_QUEUED},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct demand *demand = demand_create();
        struct fixture fixture;

        (void)demand_add_group(demand, POD_ROLE_POD, 1);
        demand_add_object(demand, "services", 1);
        demand_settle(demand);
        begin(&fixture, 0);
        tell_node(&fixture, "node-1", 1000);
        tell_synced(&fixture);
        tell_quota(&fixture, rows[i].key, rows[i].hard, rows[i].used);
        (void)submit(&fixture, demand, SECOND_US);
        CHECK_EQ(fixture.state[1], JOB_QUEUED, "used is a floor to the daemon");
        drive(&fixture, BEGIN_US);
        run(&fixture, CLOCK_NEVER_US);
        CHECK_EQ(fixture.state[1], rows[i].want, rows[i].what);
        end(&fixture);
    }
}

/* A daemon's core at the moment between its commands and what comes of them. */
TEST(forward__takes_over_a_start_that_is_under_way) {
    const struct instant now = {.now_us = BEGIN_US, .mono_us = BEGIN_US};
    struct fixture fixture;
    struct node node;
    struct turn turn;

    begin(&fixture, 0);
    tell_synced(&fixture);
    (void)submit(&fixture, demand_of(500, 1, 500), 10 * SECOND_US);
    (void)submit(&fixture, demand_of(500, 0, 0), SECOND_US);
    node_init(&node, "node-1");
    node.ready = true;
    node.allocatable.amount[RESOURCE_CPU] = 1000;
    node.allocatable.amount[RESOURCE_MEMORY] = INT64_C(1) << 40;
    node.allocatable.amount[RESOURCE_PODS] = 110;
    scheduler_turn(fixture.core, now, &(struct event){.kind = EVENT_NODE, .node = &node}, 1, &turn);
    node_finish(&node);
    CHECK_EQ(turn.command_count, 1, "the first is being started");
    drive(&fixture, BEGIN_US + SECOND_US);
    run(&fixture, CLOCK_NEVER_US);
    CHECK_EQ(fixture.started_us[1], BEGIN_US + SECOND_US, "it runs at once");
    CHECK_EQ(fixture.started_us[2], BEGIN_US + 11 * SECOND_US, "then the second");
    end(&fixture);
}

struct outcome {
    int64_t started_us[JOBS_MAX];
};

/* Forty random gangs; run forward in one go, or taken over by another run at random instants. */
static struct outcome run_random(uint64_t seed, bool interrupted) {
    struct fixture fixture;
    struct outcome outcome;
    struct rng rng;
    struct rng stops;

    rng_init(&rng, seed);
    rng_init(&stops, seed + 1000);
    begin(&fixture, 0);
    for (int i = 0; i < 4; i++) {
        char name[16];

        (void)snprintf(name, sizeof name, "node-%d", i);
        tell_node(&fixture, name, 4000);
    }
    tell_synced(&fixture);
    tell_quota(&fixture, "requests.cpu", "13", "0");
    for (int i = 0; i < 40; i++) {
        struct demand *demand =
            demand_of(500 * (int64_t)(1 + rng_below(&rng, 4)), (uint32_t)rng_below(&rng, 5),
                      500 * (int64_t)(1 + rng_below(&rng, 3)));

        (void)submit(&fixture, demand, (int64_t)(1 + rng_below(&rng, 600)) * SECOND_US);
        run(&fixture, forward_now_us(fixture.forward) + (int64_t)rng_below(&rng, 60) * SECOND_US);
    }
    while (forward_next_us(fixture.forward) != CLOCK_NEVER_US) {
        run(&fixture, forward_next_us(fixture.forward));
        if (interrupted && rng_below(&stops, 4) == 0) {
            drive(&fixture, forward_now_us(fixture.forward));
        }
    }
    for (uint64_t id = 1; id <= 40; id++) {
        CHECK_EQ(fixture.state[id], JOB_SUCCEEDED, "all of them end");
        CHECK_EQ(fixture.attempts[id], 1, "at the first attempt");
    }
    memcpy(outcome.started_us, fixture.started_us, sizeof outcome.started_us);
    end(&fixture);
    return outcome;
}

TEST_WITHIN(forward__goes_on_the_same_when_another_takes_over, 60) {
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct outcome whole = run_random(seed, false);
        struct outcome again = run_random(seed, false);
        struct outcome pieces = run_random(seed, true);
        char what[48];

        (void)snprintf(what, sizeof what, "seed %" PRIu64, seed);
        CHECK_MEM(&whole, &again, sizeof whole, what);
        CHECK_MEM(&whole, &pieces, sizeof whole, what);
    }
}
