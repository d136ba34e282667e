#include "scheduler/lookahead.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/memory.h"
#include "policy/demand.h"
#include "policy/node.h"
#include "tests/fake/poll_poller.h"
#include "tests/test.h"

#define SECOND_US CLOCK_US_PER_SECOND
#define BEGIN_US  (INT64_C(1700000000) * SECOND_US)

static const struct instant now = {.now_us = BEGIN_US, .mono_us = BEGIN_US};

static struct instant clock_of(void *owner) {
    (void)owner;
    return clock_sample();
}

static void tell(struct core *core, struct event event) {
    struct turn turn;

    scheduler_turn(core, now, &event, 1, &turn);
}

static struct event submission(struct new_job *job, int32_t priority) {
    struct demand *demand = demand_create();
    struct pod_group *group = demand_add_group(demand, POD_ROLE_POD, 1);

    container_demand_request(pod_demand_add_container(&group->pod, CONTAINER_MAIN), RESOURCE_CPU,
                             1000);
    demand_settle(demand);
    *job = (struct new_job){.name = "job",
                            .namespace = "red",
                            .team = "team",
                            .priority = priority,
                            .ttl_s = JOB_TTL_NEVER,
                            .expected_runtime_us = 10 * SECOND_US,
                            .demand = demand,
                            .spec = {.text = "{}", .bytes = 2}};
    return (struct event){.kind = EVENT_SUBMIT,
                          .submit = {.jobs = job, .count = 1, .submitter = "me"}};
}

/* A node of one core, and jobs of ten seconds each. */
static struct core *begin(unsigned jobs) {
    struct core *core =
        core_create(&(struct core_options){.next_id = 1,
                                           .seed = 1,
                                           .settings = {.starts_per_turn_max = 100,
                                                        .start_timeout_us = 3600 * SECOND_US,
                                                        .backoff_first_us = SECOND_US,
                                                        .backoff_max_us = SECOND_US,
                                                        .history_age_us = INT64_MAX / 4,
                                                        .history_count = 1000000,
                                                        .jobs_waiting_max = 1000000}});
    struct node node;

    node_init(&node, "node-1");
    node.ready = true;
    node.allocatable.amount[RESOURCE_CPU] = 1000;
    node.allocatable.amount[RESOURCE_PODS] = 110;
    tell(core, (struct event){.kind = EVENT_NODE, .node = &node});
    node_finish(&node);
    for (size_t i = 0; i < CLUSTER_PART_COUNT; i++) {
        tell(core, (struct event){.kind = EVENT_SYNCED, .synced = {.part = (enum cluster_part)i}});
    }
    for (unsigned i = 0; i < jobs; i++) {
        struct new_job job;

        tell(core, submission(&job, 0));
        demand_destroy(job.demand);
    }
    return core;
}

struct heard {
    bool done;
    int code;
    size_t as_is;
    size_t with;
    unsigned futures;
    enum future_end end;
    int64_t last_as_is_us; /* start of the job with the highest id */
    int64_t last_with_us;
    int64_t until_us;
};

static int64_t last_start(const struct forecast *forecast) {
    return forecast->count > 0 ? forecast->jobs[forecast->count - 1].p50_us : 0;
}

static void on_answer(void *context, const struct lookahead_answer *answer,
                      const struct error *error) {
    struct heard *heard = context;

    heard->done = true;
    heard->code = error->code;
    if (answer != NULL) {
        heard->as_is = answer->as_is.count;
        heard->with = answer->with.count;
        heard->futures = answer->as_is.futures;
        heard->end = answer->as_is.end;
        heard->until_us = answer->as_is.until_us;
        heard->last_as_is_us = last_start(&answer->as_is);
        heard->last_with_us = last_start(&answer->with);
    }
}

static bool is_done(void *owner) {
    return ((struct heard *)owner)->done;
}

static struct lookahead_question question_of(struct core *core, struct heard *heard) {
    *heard = (struct heard){0};
    return (struct lookahead_question){.core = core,
                                       .now = now,
                                       .seed = 1,
                                       .limits = {.futures_max = 5,
                                                  .starts_max = 1000,
                                                  .horizon_us = 86400 * SECOND_US,
                                                  .spend_us = 5 * SECOND_US},
                                       .on_answer = on_answer,
                                       .context = heard};
}

TEST(lookahead_ask__tells_what_the_child_found_and_leaves_the_core_alone) {
    struct poll_poller *loop = poll_poller_create();
    struct lookahead *lookahead = lookahead_create(poll_poller_of(loop), clock_of, NULL);
    struct core *core = begin(20);
    uint64_t turns = core_counts(core).turns;
    struct heard heard;
    struct lookahead_question question = question_of(core, &heard);
    struct error error = {0};

    CHECK_OK(lookahead_ask(lookahead, &question, &error), error.text);
    CHECK(lookahead_is_busy(lookahead), "one at a time");
    CHECK_EQ(lookahead_ask(lookahead, &question, &error), ERR_BUSY, "one at a time");
    CHECK(poll_poller_run(loop, is_done, &heard, 20 * SECOND_US), "an answer comes");
    CHECK_EQ(heard.code, OK, "a good one");
    CHECK_EQ(heard.as_is, 19, "all that wait; the first runs");
    CHECK_EQ(heard.last_as_is_us, BEGIN_US + 190 * SECOND_US, "one after the other");
    CHECK_EQ(heard.futures, 1, "nothing is left to chance");
    CHECK_EQ(heard.end, FUTURE_NOTHING_MORE, "to the end");
    CHECK_EQ(core_counts(core).turns, turns, "the daemon's core has not moved");
    CHECK(!lookahead_is_busy(lookahead), "ready for the next");
    lookahead_destroy(lookahead);
    core_destroy(core);
    poll_poller_destroy(loop);
}

TEST(lookahead_ask__answers_what_if) {
    struct poll_poller *loop = poll_poller_create();
    struct lookahead *lookahead = lookahead_create(poll_poller_of(loop), clock_of, NULL);
    struct core *core = begin(20);
    struct heard heard;
    struct lookahead_question question = question_of(core, &heard);
    struct error error = {0};
    struct new_job job;
    struct event added = submission(&job, 7);

    question.added = &added;
    CHECK_OK(lookahead_ask(lookahead, &question, &error), error.text);
    demand_destroy(job.demand); /* The child has its own. */
    CHECK(poll_poller_run(loop, is_done, &heard, 20 * SECOND_US), "an answer comes");
    CHECK_EQ(heard.as_is, 19, "without the new job");
    CHECK_EQ(heard.with, 20, "and with it");
    CHECK_EQ(heard.last_with_us, BEGIN_US + 10 * SECOND_US, "its priority puts it first");
    lookahead_destroy(lookahead);
    core_destroy(core);
    poll_poller_destroy(loop);
}

TEST(lookahead_ask__stops_when_its_time_is_up) {
    struct poll_poller *loop = poll_poller_create();
    struct lookahead *lookahead = lookahead_create(poll_poller_of(loop), clock_of, NULL);
    struct core *core = begin(2000);
    struct heard heard;
    struct lookahead_question question = question_of(core, &heard);
    struct error error = {0};

    question.limits.spend_us = 1;
    question.limits.starts_max = 100000;
    CHECK_OK(lookahead_ask(lookahead, &question, &error), error.text);
    CHECK(poll_poller_run(loop, is_done, &heard, 20 * SECOND_US), "an answer comes");
    CHECK_EQ(heard.code, OK, "of what was found until then");
    CHECK_EQ(heard.end, FUTURE_CUT, "the rest starts later");
    CHECK(heard.as_is < 1999, "not all");
    lookahead_destroy(lookahead);
    core_destroy(core);
    poll_poller_destroy(loop);
}

TEST(lookahead_destroy__ends_what_is_under_way) {
    struct poll_poller *loop = poll_poller_create();
    struct lookahead *lookahead = lookahead_create(poll_poller_of(loop), clock_of, NULL);
    struct core *core = begin(100);
    struct heard heard;
    struct lookahead_question question = question_of(core, &heard);
    struct error error = {0};

    CHECK_OK(lookahead_ask(lookahead, &question, &error), error.text);
    lookahead_destroy(lookahead);
    CHECK(!heard.done, "nobody hears of it");
    core_destroy(core);
    poll_poller_destroy(loop);
}

/* Whoever waits for the end of a connection of the daemon's must not wait for the child. */
TEST(lookahead_ask__keeps_no_files_of_the_daemon_open) {
    struct poll_poller *loop = poll_poller_create();
    struct lookahead *lookahead = lookahead_create(poll_poller_of(loop), clock_of, NULL);
    struct core *core = begin(2000);
    struct heard heard;
    struct lookahead_question question = question_of(core, &heard);
    struct error error = {0};
    char byte;
    int ends[2];

    CHECK(pipe(ends) == 0, "a pipe");
    question.limits.starts_max = 100000;
    CHECK_OK(lookahead_ask(lookahead, &question, &error), error.text);
    (void)close(ends[1]);
    CHECK_EQ(read(ends[0], &byte, 1), 0, "its end is seen");
    CHECK(!heard.done, "while the child computes");
    (void)close(ends[0]);
    CHECK(poll_poller_run(loop, is_done, &heard, 20 * SECOND_US), "an answer comes");
    lookahead_destroy(lookahead);
    core_destroy(core);
    poll_poller_destroy(loop);
}
