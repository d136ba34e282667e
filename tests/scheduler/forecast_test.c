#include "scheduler/forecast.h"

#include <stdlib.h>

#include "base/memory.h"
#include "policy/demand.h"
#include "policy/node.h"
#include "tests/test.h"

#define SECOND_US CLOCK_US_PER_SECOND
#define BEGIN_US  (INT64_C(1700000000) * SECOND_US)

static const struct instant now = {.now_us = BEGIN_US, .mono_us = BEGIN_US};

static void tell(struct core *core, struct event event) {
    struct turn turn;

    scheduler_turn(core, now, &event, 1, &turn);
}

static struct demand *one_core(void) {
    struct demand *demand = demand_create();
    struct pod_group *group = demand_add_group(demand, POD_ROLE_POD, 1);

    container_demand_request(pod_demand_add_container(&group->pod, CONTAINER_MAIN), RESOURCE_CPU,
                             1000);
    demand_settle(demand);
    return demand;
}

/* Earlier runs of "etl" took 10, 20, ... 100 s. */
static void load_runs(struct core *core) {
    struct fact fact = {.kind = FACT_RUNS, .key = "red/etl"};

    fact.value.runs.updated_us = BEGIN_US;
    fact.value.runs.count = 10;
    for (int i = 0; i < 10; i++) {
        fact.value.runs.runs_us[i] = (i + 1) * 10 * SECOND_US;
    }
    CHECK_OK(core_load_runs(core, &fact), "the runs");
}

static struct event submission(struct new_job *job, const char *name, int64_t expected_us) {
    *job = (struct new_job){.name = name,
                            .namespace = "red",
                            .team = "team",
                            .ttl_s = JOB_TTL_NEVER,
                            .expected_runtime_us = expected_us,
                            .demand = one_core(),
                            .spec = {.text = "{}", .bytes = 2}};
    return (struct event){.kind = EVENT_SUBMIT,
                          .submit = {.jobs = job, .count = 1, .submitter = "me"}};
}

static void submit(struct core *core, const char *name, int64_t expected_us) {
    struct new_job job;

    tell(core, submission(&job, name, expected_us));
    demand_destroy(job.demand);
}

/* A node of one core, and jobs of these run times (0: unknown, -1: as earlier runs). */
static struct core *begin(const int64_t *expected_s, size_t count) {
    struct core *core =
        core_create(&(struct core_options){.next_id = 1,
                                           .seed = 1,
                                           .settings = {.starts_per_turn_max = 100,
                                                        .start_timeout_us = 3600 * SECOND_US,
                                                        .backoff_first_us = SECOND_US,
                                                        .backoff_max_us = SECOND_US,
                                                        .history_age_us = INT64_MAX / 4,
                                                        .history_count = 1000000,
                                                        .runtime_percent = 90,
                                                        .jobs_waiting_max = 1000000}});
    struct node node;

    load_runs(core);
    node_init(&node, "node-1");
    node.ready = true;
    node.allocatable.amount[RESOURCE_CPU] = 1000;
    node.allocatable.amount[RESOURCE_PODS] = 110;
    tell(core, (struct event){.kind = EVENT_NODE, .node = &node});
    node_finish(&node);
    for (size_t i = 0; i < CLUSTER_PART_COUNT; i++) {
        tell(core, (struct event){.kind = EVENT_SYNCED, .synced = {.part = (enum cluster_part)i}});
    }
    for (size_t i = 0; i < count; i++) {
        char name[] = "job-aa"; /* Of each its own: what ends becomes history. */

        name[4] = (char)('a' + i / 26);
        name[5] = (char)('a' + i % 26);
        submit(core, expected_s[i] < 0 ? "etl" : name,
               expected_s[i] > 0 ? expected_s[i] * SECOND_US : 0);
    }
    return core;
}

struct row {
    const char *what;
    int64_t expected_s[3];
    int64_t horizon_s;
    int64_t want_p50_s; /* of the third job; -1: never */
    int64_t want_p90_s;
    enum future_end want_end;
};

#define FUTURES 40

/* Each future has a core of its own, as each has in a child of its own. */
static struct forecast forecast_of(const struct row *row, struct event *added) {
    struct future futures[FUTURES];
    struct forecast forecast;

    for (unsigned i = 0; i < FUTURES; i++) {
        struct core *core = begin(row->expected_s, ARRAY_LEN(row->expected_s));

        future_run(&(struct future_options){.core = core,
                                            .now = now,
                                            .seed = i + 1,
                                            .added = added,
                                            .horizon_us = row->horizon_s * SECOND_US,
                                            .starts_max = 100},
                   &futures[i]);
        core_destroy(core);
    }
    forecast_make(futures, FUTURES, &forecast);
    for (unsigned i = 0; i < FUTURES; i++) {
        future_finish(&futures[i]);
    }
    return forecast;
}

static int64_t seconds(int64_t at_us) {
    return at_us == FORECAST_NEVER ? -1 : (at_us - BEGIN_US) / SECOND_US;
}

TEST_WITHIN(forecast__says_what_is_known_and_no_more, 60) {
    static const struct row rows[] = {
        {"one after the other", {10, 20, 5}, 1000, 30, 30, FUTURE_NOTHING_MORE},
        {"behind a run of unknown length", {10, 0, 5}, 1000, -1, -1, FUTURE_NOTHING_MORE},
        {"further than anybody looks", {10, 2000, 5}, 1000, -1, -1, FUTURE_CUT},
        /* Two draws from 10 ... 100: the middle of their sums is 110, nine in ten are below 170. */
        {"run times as they were before", {-1, -1, 5}, 1000, 110, 160, FUTURE_NOTHING_MORE},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct forecast forecast = forecast_of(&rows[i], NULL);
        const struct forecast_job *job = forecast_find(&forecast, 3);
        int64_t p50_s = job != NULL ? seconds(job->p50_us) : -1;
        int64_t p90_s = job != NULL ? seconds(job->p90_us) : -1;

        CHECK(llabs(p50_s - rows[i].want_p50_s) <= (rows[i].expected_s[0] < 0 ? 20 : 0),
              rows[i].what);
        CHECK(llabs(p90_s - rows[i].want_p90_s) <= (rows[i].expected_s[0] < 0 ? 20 : 0),
              rows[i].what);
        CHECK_EQ(forecast.end, rows[i].want_end, rows[i].what);
        CHECK_EQ(forecast.futures, FUTURES, rows[i].what);
        forecast_finish(&forecast);
    }
}

TEST(forecast__answers_what_if) {
    static const struct row row = {"", {10, 20, 5}, 1000, 0, 0, FUTURE_NOTHING_MORE};
    struct new_job job;
    struct event added = submission(&job, "new", SECOND_US);
    struct forecast forecast;

    job.priority = 7;
    forecast = forecast_of(&row, &added);
    CHECK_EQ(seconds(forecast_find(&forecast, 4)->p50_us), 10, "the new job goes first");
    CHECK_EQ(seconds(forecast_find(&forecast, 2)->p50_us), 11, "and delays the second");
    forecast_finish(&forecast);
    demand_destroy(job.demand);
}

static bool stop(void *context) {
    ++*(int *)context;
    return false;
}

TEST(future_run__stops_when_it_is_told_to) {
    int64_t expected_s[64];
    struct future future;
    struct core *core;
    int asked = 0;

    for (size_t i = 0; i < ARRAY_LEN(expected_s); i++) {
        expected_s[i] = 1;
    }
    core = begin(expected_s, ARRAY_LEN(expected_s));
    future_run(&(struct future_options){.core = core,
                                        .now = now,
                                        .seed = 1,
                                        .horizon_us = 1000 * SECOND_US,
                                        .starts_max = 100,
                                        .may_go_on = stop,
                                        .context = &asked},
               &future);
    CHECK_EQ(asked, 1, "once");
    CHECK_EQ(future.end, FUTURE_CUT, "what is left starts later");
    CHECK(future.count > 0 && future.count < 63, "some are known");
    CHECK(!future.chance, "nothing was drawn");
    future_finish(&future);
    core_destroy(core);
}
