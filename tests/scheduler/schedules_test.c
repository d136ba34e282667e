/* Schedules in the core alone: stories of random outages, in which each occurrence is dealt with
 * exactly once; and what ten thousand of them cost while none is due.
 */
#include "scheduler/core.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/rng.h"
#include "policy/demand.h"
#include "policy/zone.h"
#include "tests/fake/zones.h"
#include "tests/test.h"

#define US       CLOCK_US_PER_SECOND
#define MINUTE   60
#define HOUR     3600
#define DAY      86400
#define JOBS_MAX 20000

/* What is on the disk: a schedule's definition is the test's own. */
struct store {
    struct fact_schedule_state state;
    bool has_state;
    struct job *jobs; /* by id */
    uint64_t next_id;
    uint64_t recorded; /* occurrences that have a job, or share one */
};

struct story {
    struct core *core;
    struct store store;
    struct demand *demand;
    struct instant now;
    struct rng rng;
    const char *zone;
    const char *cron;
    struct schedule rule;
    size_t catch_up_per_s;
    uint64_t made[JOBS_MAX]; /* ids by the order of their occurrences */
    size_t changes;
};

static struct new_schedule definition(struct story *story) {
    struct error error = {0};
    struct new_schedule made = {
        .namespace = "a",
        .name = "s",
        .cron = story->cron,
        .rule = story->rule,
        .zone = zones_read(story->zone),
        .succeeded_max = -1,
        .failed_max = -1,
        .job = {.namespace = "a",
                .team = "a",
                .kind = JOB_KIND_POD,
                .ttl_s = JOB_TTL_NEVER,
                .demand = story->demand,
                .spec = {.text = "{}", .bytes = 2}},
        .text = "{}",
        .creator = "ann",
    };

    CHECK_OK(cron_parse(story->cron, CRON_CRONIE, &error, &made.rule.cron), story->cron);
    return made;
}

static void store_turn(struct story *story, const struct turn *turn) {
    for (size_t i = 0; i < turn->change_count; i++) {
        const struct queue_change *change = &turn->changes[i];

        if (change->kind == CHANGE_FACT_PUT && change->fact.kind == FACT_SCHEDULE_STATE) {
            story->store.state = change->fact.value.schedule_state;
            story->store.has_state = true;
        } else if (change->kind == CHANGE_JOB_PUT) {
            struct job *job = &story->store.jobs[change->job.id];

            CHECK(change->job.id < JOBS_MAX, "not so many jobs");
            *job = change->job;
            job->name = "s";
            job->namespace = job->team = "a";
            job->submitter = "ann";
            job->priority_class = job->window = "";
            job->schedule = "s";
            job->after = job->array = job->pod_name = job->retry.rules = "";
            if (job->id >= story->store.next_id) {
                story->store.next_id = job->id + 1;
            }
        }
    }
    story->changes = turn->change_count;
}

static struct turn take_turn(struct story *story, struct event *events, size_t count) {
    struct error error = {0};
    struct turn turn;

    scheduler_turn(story->core, story->now, events, count, &turn);
    store_turn(story, &turn);
    if (rng_below(&story->rng, 20) == 0) { /* It looks at all jobs. */
        CHECK_OK(core_verify(story->core, &error), error.text);
    }
    return turn;
}

static void start(struct story *story) {
    struct new_schedule made = definition(story);

    story->core = core_create(&(struct core_options){
        .next_id = story->store.next_id,
        .seed = 1,
        .settings = {.starts_per_turn_max = 10,
                     .history_age_us = INT64_C(1000) * DAY * US,
                     .history_count = JOBS_MAX,
                     .jobs_waiting_max = JOBS_MAX,
                     .catch_up_per_s = story->catch_up_per_s},
    });
    if (story->store.has_state) {
        const struct fact fact = {
            .kind = FACT_SCHEDULE_STATE, .key = "a/s", .value.schedule_state = story->store.state};

        core_load_schedule(story->core, &made);
        CHECK_OK(core_load_schedule_state(story->core, &fact), "state");
        zone_destroy(made.zone);
    }
    for (uint64_t id = 1; id < story->store.next_id; id++) {
        core_load_job(story->core, &story->store.jobs[id], story->demand, NULL);
    }
    if (!story->store.has_state) {
        struct event event = {
            .kind = EVENT_SUBMIT,
            .submit = {.schedules = &made, .schedule_count = 1, .submitter = "ann"}};

        (void)take_turn(story, &event, 1);
        zone_destroy(made.zone);
    } else {
        (void)take_turn(story, NULL, 0);
    }
}

static void go_to(struct story *story, int64_t now_us) {
    story->now.mono_us += now_us > story->now.now_us ? now_us - story->now.now_us : 0;
    story->now.now_us = now_us;
}

/* Turns until nothing more is due. */
static void settle(struct story *story) {
    for (int i = 0; i < 5000; i++) {
        struct turn turn = take_turn(story, NULL, 0);

        if (turn.wake_after_us > 2 * US) {
            return;
        }
        go_to(story, story->now.now_us + (turn.wake_after_us > 0 ? turn.wake_after_us : 1));
    }
    CHECK(false, "it comes to rest");
}

/* All occurrences up to now, each in the jobs or in the text of one that stands for it. */
static void check_all(struct story *story, int64_t begun_us, const char *what) {
    struct new_schedule made = definition(story);
    struct cron_time at = {.time_s = begun_us / US, .civil_s = CRON_BEHIND};
    struct cron_time next;
    uint64_t id = 1;
    uint64_t left_out = 0;
    uint64_t wanted = 0;

    made.rule.zone = made.zone;
    while (schedule_next(&made.rule, &at, &next) &&
           schedule_due_us(&made.rule, "a/s", &next) <= story->now.now_us) {
        const struct occurrence *got = &story->store.jobs[id].occurrence;

        at = next;
        wanted++;
        if (id < story->store.next_id && got->civil_s == next.civil_s && got->fold == next.fold) {
            CHECK_EQ(got->time_us, next.time_s * US, what);
            id++;
        } else {
            left_out++;
        }
    }
    CHECK_EQ(id, story->store.next_id, what);
    CHECK_EQ(story->store.state.runs + story->store.state.skipped, wanted, what);
    CHECK_EQ(story->store.next_id - 1 + left_out, wanted, what);
    zone_destroy(made.zone);
}

static void live(uint64_t seed) {
    static const char *const zones[] = {"Europe/Berlin", "Australia/Lord_Howe", "UTC",
                                        "America/New_York", "Africa/Casablanca"};
    static const char *const crons[] = {"*/20 * * * *", "30 2 * * *", "0 * * * *", "0,30 1-3 * * *",
                                        "15 22 * * mon-fri"};
    struct story *story = mem_alloc(1, sizeof *story);
    char what[64];
    int64_t begun_us;

    (void)snprintf(what, sizeof what, "seed %" PRIu64, seed);
    rng_init(&story->rng, seed);
    story->demand = demand_create();
    demand_settle(story->demand);
    story->store.jobs = mem_alloc(JOBS_MAX, sizeof *story->store.jobs);
    story->store.next_id = 1;
    story->zone = zones[rng_below(&story->rng, ARRAY_LEN(zones))];
    story->cron = crons[rng_below(&story->rng, ARRAY_LEN(crons))];
    story->catch_up_per_s = 1 + rng_below(&story->rng, 50);
    story->rule = (struct schedule){
        .clocks = cron_policy_of(rng_below(&story->rng, 2) == 0 ? CRON_CRONIE : CRON_KUBERNETES),
        .misfire = (enum schedule_misfire)rng_below(&story->rng, 3),
        .catch_up_max = rng_below(&story->rng, 2) == 0 ? 0 : 5,
        .late_us_max = rng_below(&story->rng, 2) == 0 ? 0 : 6 * HOUR * US,
        .jitter_us = rng_below(&story->rng, 3) == 0 ? 90 * US : 0,
        .from_civil_s = SCHEDULE_ANY_CIVIL,
        .until_civil_s = SCHEDULE_ANY_CIVIL,
    };
    if (story->rule.misfire != SCHEDULE_MISFIRE_ALL) {
        story->rule.catch_up_max = 0;
    }
    /* Within a week before a change of the clocks, for half of the zones. */
    story->now.now_us =
        (rng_below(&story->rng, 2) == 0 ? INT64_C(1774310400) : INT64_C(1792454400)) * US +
        (int64_t)rng_below(&story->rng, 5 * DAY) * US;
    story->now.mono_us = 1;
    begun_us = story->now.now_us;
    start(story);
    for (int i = 0; i < 40; i++) {
        int64_t step_us = (int64_t)rng_below(&story->rng, 6 * HOUR) * US;

        if (rng_below(&story->rng, 6) == 0) {
            step_us = (int64_t)rng_below(&story->rng, 2 * DAY) * US; /* An outage. */
        } else if (rng_below(&story->rng, 10) == 0) {
            step_us = -(int64_t)rng_below(&story->rng, HOUR) * US; /* Set back. */
        }
        if (rng_below(&story->rng, 3) == 0) { /* Killed, its last turn committed or not. */
            struct turn turn;

            if (rng_below(&story->rng, 2) == 0) {
                go_to(story, story->now.now_us + (int64_t)rng_below(&story->rng, HOUR) * US);
                scheduler_turn(story->core, story->now, NULL, 0, &turn);
                if (rng_below(&story->rng, 2) == 0) {
                    store_turn(story, &turn);
                }
            }
            core_destroy(story->core);
            go_to(story, story->now.now_us + (step_us > 0 ? step_us : 0));
            start(story);
        } else {
            go_to(story, story->now.now_us + step_us);
        }
        settle(story);
    }
    go_to(story, story->now.now_us + 2 * HOUR * US); /* Beyond what it was set back. */
    settle(story);
    check_all(story, begun_us, what);
    core_destroy(story->core);
    demand_destroy(story->demand);
    free(story->store.jobs);
    free(story);
}

TEST_WITHIN(schedules__deal_with_each_occurrence_once, 120) {
    for (uint64_t seed = 1; seed <= 60; seed++) {
        live(seed);
    }
}

/* --- Arrays that are too long ---------------------------------------------------------------- */

/* As many as ever may wait, and one more. */
TEST(schedules__skip_an_array_that_the_queue_could_never_hold) {
    static const struct {
        const char *what;
        uint64_t elements;
        enum job_state want;
        size_t want_jobs;
    } rows[] = {
        {"as many as may wait", 100, JOB_QUEUED, 100},
        {"one more than ever may", 101, JOB_SKIPPED, 1},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct story story = {.zone = "UTC", .cron = "0 * * * *", .now = {0, 1}};
        struct schedule_event trigger = {.action = SCHEDULE_TRIGGER, .key = "a/s"};
        struct event triggered = {.kind = EVENT_SCHEDULE, .token = 5, .schedule = trigger};
        struct event event = {.kind = EVENT_SUBMIT,
                              .submit = {.schedule_count = 1, .submitter = "ann"}};
        struct core_schedule schedule;
        struct new_schedule made;
        struct turn turn;

        story.rule = (struct schedule){.from_civil_s = SCHEDULE_ANY_CIVIL,
                                       .until_civil_s = SCHEDULE_ANY_CIVIL};
        story.now.now_us = INT64_C(1795384800) * US;
        story.demand = demand_create();
        demand_settle(story.demand);
        made = definition(&story);
        made.job.array = rows[i].elements == 100 ? "0-99" : "0-100";
        made.job.element_count = rows[i].elements;
        event.submit.schedules = &made;
        story.core = core_create(
            &(struct core_options){.next_id = 1,
                                   .seed = 1,
                                   .settings = {.jobs_waiting_max = 100,
                                                .history_age_us = DAY * INT64_C(1000000),
                                                .history_count = 1000}});
        scheduler_turn(story.core, story.now, &event, 1, &turn);
        go_to(&story, story.now.now_us + 61 * INT64_C(60) * US);
        for (int turns = 0; turns < 5; turns++) {
            scheduler_turn(story.core, story.now, NULL, 0, &turn);
        }
        CHECK_EQ(core_counts(story.core).jobs[rows[i].want], rows[i].want_jobs, rows[i].what);
        CHECK(core_schedule(story.core, "a/s", &schedule), "it is there");
        CHECK_EQ(schedule.state.runs, rows[i].want == JOB_QUEUED, "runs");
        CHECK_EQ(schedule.state.skipped, rows[i].want == JOB_SKIPPED, "and skips");
        scheduler_turn(story.core, story.now, &triggered, 1, &turn);
        CHECK_EQ(turn.replies[0].code, ERR_FULL, "and by hand it is refused, with the reason");
        CHECK((strstr(turn.replies[0].text, "limits.waitingJobs") != NULL) ==
                  (rows[i].want == JOB_SKIPPED),
              turn.replies[0].text);
        core_destroy(story.core);
        zone_destroy(made.zone);
        demand_destroy(story.demand);
    }
}

/* --- What they cost -------------------------------------------------------------------------- */

#define MANY 10000

TEST_WITHIN(schedules__cost_nothing_while_they_are_idle, 60) {
    struct story story = {.zone = "Europe/Berlin", .cron = "30 2 1 1 *", .now = {0, 1}};
    struct new_schedule *many = mem_alloc(MANY, sizeof *many);
    char(*names)[16] = mem_alloc(MANY, sizeof *names);
    struct event event = {
        .kind = EVENT_SUBMIT,
        .submit = {.schedules = many, .schedule_count = MANY, .submitter = "ann"}};
    struct instant before;
    struct instant after;
    struct turn turn;

    story.rule =
        (struct schedule){.from_civil_s = SCHEDULE_ANY_CIVIL, .until_civil_s = SCHEDULE_ANY_CIVIL};
    story.now.now_us = INT64_C(1795384800) * US;
    story.demand = demand_create();
    demand_settle(story.demand);
    for (size_t i = 0; i < MANY; i++) {
        (void)snprintf(names[i], sizeof names[i], "s%zu", i);
        many[i] = definition(&story);
        many[i].name = names[i];
    }
    story.core = core_create(&(struct core_options){
        .next_id = 1, .seed = 1, .settings = {.jobs_waiting_max = JOBS_MAX}});
    scheduler_turn(story.core, story.now, &event, 1, &turn);
    CHECK_EQ(core_schedule_count(story.core), MANY, "all are there");
    before = clock_sample();
    for (int i = 0; i < 20000; i++) {
        story.now.now_us += US;
        story.now.mono_us += US;
        scheduler_turn(story.core, story.now, NULL, 0, &turn);
        CHECK_EQ(turn.wake_after_us, 60 * US, "and none is due");
    }
    after = clock_sample();
    printf("%d schedules: %" PRId64 " ns a turn\n", MANY,
           (after.mono_us - before.mono_us) * 1000 / 20000);
    CHECK(after.mono_us - before.mono_us < 20 * US, "a turn takes less than a millisecond");
    core_destroy(story.core);
    for (size_t i = 0; i < MANY; i++) {
        zone_destroy(many[i].zone);
    }
    demand_destroy(story.demand);
    free(names);
    free(many);
}
