/* Who waits for whom, and whole arrays, between turns of the core. */
#include "scheduler/graph.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "policy/demand.h"
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

static struct fixture make(void) {
    struct fixture fixture = {.now = {.now_us = INT64_C(1800000000000000), .mono_us = 1}};

    fixture.core = core_create(&(struct core_options){
        .next_id = 1,
        .settings = {.starts_per_turn_max = 8,
                     .start_timeout_us = INT64_MAX / 4,
                     .history_age_us = INT64_MAX / 4,
                     .history_count = 1000000,
                     .jobs_waiting_max = 1000000},
    });
    fixture.demand = demand_create();
    (void)demand_add_group(fixture.demand, POD_ROLE_POD, 1);
    demand_settle(fixture.demand);
    return fixture;
}

/* No nodes nor quotas to be seen: whatever comes starts. */
static void denied(struct fixture *fixture) {
    struct event events[CLUSTER_PART_COUNT];

    for (size_t i = 0; i < CLUSTER_PART_COUNT; i++) {
        events[i] = (struct event){.kind = EVENT_SYNCED,
                                   .synced = {.part = (enum cluster_part)i, .denied = i > 0}};
    }
    turn(fixture, events, CLUSTER_PART_COUNT);
}

static void finish(struct fixture *fixture) {
    core_destroy(fixture->core);
    demand_destroy(fixture->demand);
}

/* One job, or an array of `count`, that waits for what the text says. */
static void submit(struct fixture *fixture, const char *name, int64_t seconds, const char *after,
                   const char *array, size_t count) {
    struct new_job *jobs = mem_alloc(count, sizeof *jobs);
    struct new_after items[8] = {{.is_here = false}};
    struct after_reader reader = {.at = after};
    struct event event = {.kind = EVENT_SUBMIT,
                          .submit = {.jobs = jobs, .count = count, .submitter = "ann"}};
    size_t item_count = 0;

    while (after_next(&reader, &items[item_count].item)) {
        item_count++;
    }
    for (size_t i = 0; i < count; i++) {
        jobs[i] = (struct new_job){.name = name,
                                   .namespace = "red",
                                   .team = "red",
                                   .window = "",
                                   .ttl_s = JOB_TTL_NEVER,
                                   .expected_runtime_us = seconds * CLOCK_US_PER_SECOND,
                                   .after = items,
                                   .after_count = item_count,
                                   .array = array,
                                   .array_place = i,
                                   .demand = fixture->demand,
                                   .spec = {.text = "{}", .bytes = 2}};
    }
    turn(fixture, &event, 1);
    free(jobs);
}

TEST(graph_around__knows_the_longest_way_and_the_slack) {
    struct fixture fixture = make();
    static const struct {
        const char *what;
        uint64_t id;
        size_t predecessors;
        size_t successors;
        const char *way;
        int64_t way_s; /* -1: unknown */
        int64_t slack_s;
    } rows[] = {
        {"the long load is on it", 1, 0, 1, "long,parts,report", 200 + 60 * 2 + 10, 0},
        {"the short one has time", 2, 0, 1, "long,parts,report", 200 + 60 * 2 + 10, 150},
        {"four elements, two at once", 3, 2, 2, "long,parts,report", 200 + 60 * 2 + 10, 0},
        {"what is behind", 7, 1, 0, "long,parts,report", 200 + 60 * 2 + 10, 0},
        {"an alarm ends sooner", 8, 1, 0, "long,parts,alarm", 200 + 60 * 2 + 5, 0},
        {"who is for himself", 9, 0, 0, "", -1, -1},
        {"a time that is not known", 11, 1, 0, "unknown,behind", -1, -1},
    };

    submit(&fixture, "long", 200, "", NULL, 1);
    submit(&fixture, "short", 50, "", NULL, 1);
    submit(&fixture, "parts", 60, "1-2", "0-3%2", 4);
    submit(&fixture, "report", 10, "3+4", NULL, 1);
    submit(&fixture, "alarm", 5, "3+4:failure", NULL, 1);
    submit(&fixture, "alone", 5, "", NULL, 1);
    submit(&fixture, "unknown", 0, "", NULL, 1);
    submit(&fixture, "behind", 5, "10", NULL, 1);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char way[128] = "";
        struct graph graph;

        graph_around(fixture.core, rows[i].id, &graph);
        CHECK_EQ(graph.predecessor_count, rows[i].predecessors, rows[i].what);
        CHECK_EQ(graph.successor_count, rows[i].successors, rows[i].what);
        for (size_t k = 0; k < graph.way_count; k++) {
            (void)strncat(way, k > 0 ? "," : "", sizeof way - strlen(way) - 1);
            (void)strncat(way, graph.way[k].name, sizeof way - strlen(way) - 1);
        }
        CHECK_STR(way, rows[i].way, rows[i].what);
        CHECK_EQ(graph.way_us, rows[i].way_s < 0 ? -1 : rows[i].way_s * CLOCK_US_PER_SECOND,
                 rows[i].what);
        CHECK_EQ(graph.slack_us, rows[i].slack_s < 0 ? -1 : rows[i].slack_s * CLOCK_US_PER_SECOND,
                 rows[i].what);
        graph_finish(&graph);
    }
    finish(&fixture);
}

static size_t count_in(const struct fixture *fixture, enum job_state state) {
    return core_counts(fixture->core).jobs[state];
}

/* However long it is, a turn does so much of it, and the client hears when it is done. */
TEST(arrays__are_cancelled_held_and_let_go_a_part_in_each_turn) {
    struct fixture fixture = make();
    struct event hold = {.kind = EVENT_HOLD, .token = 7, .job_id = 1, .whole = true};
    struct event cancel = {.kind = EVENT_CANCEL, .token = 8, .job_id = 1, .whole = true};
    unsigned turns = 0;

    submit(&fixture, "part", 5, "", "0-4999", 5000);
    submit(&fixture, "behind", 5, "1+5000:any", NULL, 1);
    turn(&fixture, &hold, 1);
    CHECK_EQ(count_in(&fixture, JOB_HELD), 2000, "a part of them");
    CHECK_EQ(fixture.turn.reply_count, 0, "and no answer yet");
    CHECK_EQ(fixture.turn.wake_after_us, 0, "it goes on at once");
    while (fixture.turn.reply_count == 0 && ++turns < 10) {
        turn(&fixture, NULL, 0);
    }
    CHECK_EQ(count_in(&fixture, JOB_HELD), 5000, "all of them");
    CHECK_EQ(fixture.turn.replies[0].token, 7, "and the answer");
    for (turns = 0, turn(&fixture, &cancel, 1); fixture.turn.reply_count == 0 && ++turns < 10;) {
        turn(&fixture, NULL, 0);
    }
    CHECK_EQ(count_in(&fixture, JOB_CANCELLED), 5000, "cancelled");
    CHECK_EQ(fixture.turn.replies[0].token, 8, "answered");
    CHECK_EQ(count_in(&fixture, JOB_QUEUED), 1, "who waits for their end");
    finish(&fixture);
}

static void tell_pod(struct fixture *fixture, uint64_t id, enum pod_standing standing) {
    char name[32];
    struct event events[2] = {
        {.kind = EVENT_STARTED,
         .started = {.job_id = id,
                     .attempt = 1,
                     .result = START_DONE,
                     .pod_name = name,
                     .pod_uid = name,
                     .message = ""}},
        {.kind = EVENT_POD,
         .pod = {.namespace = "red",
                 .name = name,
                 .uid = name,
                 .node = "n",
                 .job_id = id,
                 .attempt = 1,
                 .is_main = true,
                 .standing = standing,
                 .failure = standing == POD_STANDS_FAILED ? FAILURE_APP : FAILURE_NONE,
                 .exit_code = standing == POD_STANDS_FAILED,
                 .message = "",
                 .demand = &fixture->demand->groups[0].pod}},
    };

    (void)snprintf(name, sizeof name, "p%u", (unsigned)id);
    turn(fixture, events, 2);
}

/* With and without a limit of its own. */
TEST(arrays__start_nothing_while_they_are_cancelled_or_held) {
    static const struct {
        const char *what;
        const char *array;
        enum event_kind kind;
        size_t runs;
    } rows[] = {
        {"cancelled", "0-4999", EVENT_CANCEL, 8},
        {"held", "0-4999", EVENT_HOLD, 8},
        {"cancelled, of a limit", "0-4999%9", EVENT_CANCEL, 8},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fixture fixture = make();
        struct event order = {.kind = rows[i].kind, .token = 7, .job_id = 1, .whole = true};
        const enum job_state end = rows[i].kind == EVENT_CANCEL ? JOB_CANCELLED : JOB_HELD;
        unsigned turns = 0;

        denied(&fixture);
        submit(&fixture, "part", 5, "", rows[i].array, 5000);
        CHECK_EQ(count_in(&fixture, JOB_SUBMITTING), rows[i].runs, rows[i].what);
        turn(&fixture, &order, 1);
        CHECK_EQ(fixture.turn.reply_count, 0, "it takes several turns");
        while (fixture.turn.reply_count == 0 && ++turns < 100) {
            CHECK_EQ(count_in(&fixture, JOB_SUBMITTING), rows[i].runs, "nothing more starts");
            turn(&fixture, NULL, 0);
        }
        CHECK_EQ(count_in(&fixture, JOB_SUBMITTING), rows[i].runs, rows[i].what);
        CHECK_EQ(count_in(&fixture, end), 5000 - rows[i].runs, rows[i].what);
        finish(&fixture);
    }
}

/* Another core, as the disk would have made it after that turn. */
static struct fixture restarted(const struct fixture *fixture, const struct fact *fact) {
    struct fixture again = make();
    struct job job;

    for (uint64_t id = 0; core_next_job(fixture->core, id, &job); id = job.id) {
        if (core_new_id(again.core) <= job.id) {
            core_destroy(again.core);
            again.core = core_create(&(struct core_options){
                .next_id = core_new_id(fixture->core),
                .settings = {.starts_per_turn_max = 8,
                             .start_timeout_us = INT64_MAX / 4,
                             .history_age_us = INT64_MAX / 4,
                             .history_count = 1000000,
                             .jobs_waiting_max = 1000000},
            });
        }
        core_load_job(again.core, &job, job_state_is_final(job.state) ? NULL : again.demand,
                      core_attempt(fixture->core, job.id));
    }
    CHECK_OK(core_load_array_cancel(again.core, fact), "the order");
    again.now = fixture->now;
    return again;
}

static const struct queue_change *find_change(const struct fixture *fixture,
                                              enum queue_change_kind kind, enum fact_kind fact) {
    for (size_t i = 0; i < fixture->turn.change_count; i++) {
        const struct queue_change *change = &fixture->turn.changes[i];

        if (change->kind == kind && change->fact.kind == fact) {
            return change;
        }
    }
    return NULL;
}

/* FailJob, or a person: the client never hears of it then, and it is carried out all the same. */
TEST(arrays__are_cancelled_to_the_end_after_a_crash) {
    struct fixture fixture = make();
    struct event cancel = {.kind = EVENT_CANCEL, .token = 8, .job_id = 1, .whole = true};
    struct fixture again;
    char key[16];
    struct fact fact = {.kind = FACT_ARRAY_CANCEL, .key = key};
    unsigned turns = 0;

    submit(&fixture, "part", 5, "", "0-99", 100);
    submit(&fixture, "part", 5, "", "0-4999", 5000);
    turn(&fixture, &cancel, 1);
    CHECK_EQ(fixture.turn.reply_count, 1, "a short one is cancelled at once");
    CHECK(find_change(&fixture, CHANGE_FACT_PUT, FACT_ARRAY_CANCEL) == NULL, "nothing to keep");
    cancel.job_id = 101;
    turn(&fixture, &cancel, 1);
    CHECK_EQ(count_in(&fixture, JOB_CANCELLED), 2100, "a part of the long one");
    CHECK(find_change(&fixture, CHANGE_FACT_PUT, FACT_ARRAY_CANCEL) != NULL, "it is stored");
    (void)snprintf(key, sizeof key, "%s",
                   find_change(&fixture, CHANGE_FACT_PUT, FACT_ARRAY_CANCEL)->fact.key);
    CHECK_STR(key, "101", "by its first element");
    again = restarted(&fixture, &fact);
    denied(&again);
    while (find_change(&again, CHANGE_FACT_DROP, FACT_ARRAY_CANCEL) == NULL && ++turns < 10) {
        CHECK_EQ(count_in(&again, JOB_SUBMITTING), 0, "nothing of it starts");
        turn(&again, NULL, 0);
    }
    CHECK_EQ(count_in(&again, JOB_CANCELLED), 5100, "all of it");
    turn(&again, NULL, 0);
    CHECK(find_change(&again, CHANGE_FACT_DROP, FACT_ARRAY_CANCEL) == NULL, "dropped once");
    finish(&again);
    finish(&fixture);
}

TEST(arrays__try_again_the_elements_that_failed) {
    struct fixture fixture = make();
    struct event retry = {.kind = EVENT_RETRY,
                          .token = 9,
                          .whole = true,
                          .retry = {.job_id = 1, .demand = fixture.demand}};

    denied(&fixture);
    submit(&fixture, "part", 5, "", "0-3", 4);
    submit(&fixture, "behind", 5, "1+4:success:wait", NULL, 1);
    for (uint64_t id = 1; id <= 4; id++) {
        tell_pod(&fixture, id, id % 2 == 0 ? POD_STANDS_FAILED : POD_STANDS_SUCCEEDED);
    }
    CHECK_EQ(count_in(&fixture, JOB_FAILED), 2, "two failed");
    turn(&fixture, &retry, 1);
    CHECK_EQ(fixture.turn.replies[0].token, 9, "answered");
    CHECK_EQ(count_in(&fixture, JOB_FAILED), 0, "none is left");
    CHECK_EQ(count_in(&fixture, JOB_SUCCEEDED), 2, "what succeeded stays");
    CHECK_EQ(count_in(&fixture, JOB_SUBMITTING) + count_in(&fixture, JOB_QUEUED), 3,
             "two go again, and one waits for them");
    finish(&fixture);
}

/* A schedule's run of one business date. */
static void submit_run_in(struct fixture *fixture, const char *namespace, const char *schedule,
                          int32_t date, const char *after) {
    struct new_after items[4] = {{.is_here = false}};
    struct after_reader reader = {.at = after};
    struct new_job job = {
        .name = schedule,
        .namespace = namespace,
        .team = "red",
        .window = "",
        .schedule = schedule,
        .occurrence = {.time_us = 1, .business_date = date},
        .ttl_s = JOB_TTL_NEVER,
        .after = items,
        .demand = fixture->demand,
        .spec = {.text = "{}", .bytes = 2},
    };
    struct event event = {.kind = EVENT_SUBMIT,
                          .submit = {.jobs = &job, .count = 1, .submitter = "ann"}};

    while (after_next(&reader, &items[job.after_count].item)) {
        job.after_count++;
    }
    turn(fixture, &event, 1);
}

static void submit_run(struct fixture *fixture, const char *schedule, int32_t date,
                       const char *after) {
    submit_run_in(fixture, "red", schedule, date, after);
}

static enum reason_code reason_of(const struct fixture *fixture, uint64_t id) {
    struct reason reason = {.code = REASON_NONE};

    (void)core_reason(fixture->core, id, &reason);
    return (enum reason_code)reason.code;
}

/* It may be waited for before there is one, and that of another date is another one. */
TEST(conditions__wait_for_the_run_of_the_same_business_date) {
    struct fixture fixture = make();
    struct job job;

    denied(&fixture);
    submit_run(&fixture, "report", 20000, "load@1"); /* The run's own date is what counts. */
    CHECK_EQ(reason_of(&fixture, 1), REASON_DEPENDENCY, "there is no such run yet");
    submit_run(&fixture, "load", 19999, "");
    tell_pod(&fixture, 2, POD_STANDS_SUCCEEDED);
    CHECK_EQ(reason_of(&fixture, 1), REASON_DEPENDENCY, "yesterday's is another one");
    submit_run_in(&fixture, "blue", "load", 20000, "");
    tell_pod(&fixture, 3, POD_STANDS_SUCCEEDED);
    CHECK_EQ(reason_of(&fixture, 1), REASON_DEPENDENCY, "and another namespace's");
    submit_run(&fixture, "load", 20000, "");
    CHECK_EQ(reason_of(&fixture, 1), REASON_DEPENDENCY, "it is there, and not over");
    tell_pod(&fixture, 4, POD_STANDS_SUCCEEDED);
    CHECK(core_job(fixture.core, 1, &job) && job.state == JOB_SUBMITTING, "now it starts");
    CHECK_EQ(job.eligible_us, fixture.now.now_us, "and ages from here");
    finish(&fixture);
}

/* What waits for an array is let go, and skipped, a part in each turn too. */
TEST(conditions__end_many_jobs_within_bounds) {
    struct fixture fixture = make();
    struct event cancel = {.kind = EVENT_CANCEL, .token = 1, .job_id = 1};
    unsigned turns = 0;

    submit(&fixture, "load", 5, "", NULL, 1);
    submit(&fixture, "part", 5, "1", "0-9999", 10000);
    submit(&fixture, "behind", 5, "2+10000", NULL, 1);
    turn(&fixture, &cancel, 1);
    CHECK(count_in(&fixture, JOB_SKIPPED) < 10000, "not all at once");
    while (fixture.turn.wake_after_us == 0 && ++turns < 100) {
        turn(&fixture, NULL, 0);
    }
    CHECK_EQ(count_in(&fixture, JOB_SKIPPED), 10001, "but all of them");
    finish(&fixture);
}

/* An array of so many elements, made by the core; returns the reply's code. */
static int submit_array(struct fixture *fixture, const char *indices, uint64_t count) {
    struct new_job job = {.name = "part",
                          .namespace = "red",
                          .team = "red",
                          .window = "",
                          .ttl_s = JOB_TTL_NEVER,
                          .array = indices,
                          .element_count = count,
                          .demand = fixture->demand,
                          .spec = {.text = "{}", .bytes = 2}};
    struct event event = {
        .kind = EVENT_SUBMIT, .token = 1, .submit = {.jobs = &job, .count = 1, .submitter = "ann"}};

    turn(fixture, &event, 1);
    CHECK_EQ(fixture->turn.reply_count, 1, "an answer");
    return fixture->turn.replies[0].code;
}

/* They wait from the beginning, all of them, for whoever counts. */
TEST(arrays__are_promised_whole_and_made_a_part_in_each_turn) {
    struct fixture fixture = make();
    struct core_array array;
    unsigned turns = 0;
    struct job job;

    CHECK_EQ(submit_array(&fixture, "0-8999%3", 9000), OK, "taken");
    CHECK_EQ(fixture.turn.replies[0].count, 9000, "all of them");
    CHECK_EQ(core_new_id(fixture.core), 9001, "with their ids");
    CHECK(core_array(fixture.core, 1, &array) && array.unmade > 0 && array.count == 9000, "a part");
    CHECK_EQ(array.states[JOB_QUEUED], 9000, "and the others wait as well");
    CHECK_EQ(submit_array(&fixture, "0-995999", 996000), ERR_FULL, "promised is promised");
    while (fixture.turn.wake_after_us == 0 && ++turns < 100) {
        turn(&fixture, NULL, 0);
    }
    CHECK(turns > 1, "in some turns");
    CHECK(core_array(fixture.core, 1, &array) && array.unmade == 0, "whole");
    CHECK_EQ(count_in(&fixture, JOB_QUEUED), 9000, "all are jobs");
    CHECK(core_job(fixture.core, 9000, &job) && strcmp(job.name, "part-8999") == 0, "the last");
    CHECK_EQ(submit_array(&fixture, "0-995999", 996000), ERR_FULL, "as before");
    CHECK_EQ(submit_array(&fixture, "0-9", 10), OK, "a short one is made at once");
    CHECK(core_array(fixture.core, 9001, &array) && array.unmade == 0, "whole");
    finish(&fixture);
}
