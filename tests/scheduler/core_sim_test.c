/* Seeds of the scheduler's core against a fake cluster: see tests/fake/world.h for what is checked
 * after each turn. A failure names its seed; run it again with the same row. */
#include "tests/fake/world.h"

#include "tests/test.h"

/* Sanitizers see the same code with fewer of them. */
#ifdef __SANITIZE_ADDRESS__
#define SEEDS 75
#else
#define SEEDS 250
#endif

static void run_some_seeds(struct world_options options, uint64_t last) {
    for (uint64_t seed = 1; seed <= last; seed++) {
        options.seed = seed;
        (void)world_run(&options);
    }
}

static void run_seeds(struct world_options options) {
    run_some_seeds(options, SEEDS);
}

TEST_WITHIN(core__runs_every_job_once_in_a_quiet_cluster, 180) {
    run_seeds((struct world_options){.jobs = 20, .nodes = 4});
}

TEST_WITHIN(core__survives_lost_requests_and_replies, 180) {
    run_seeds((struct world_options){
        .jobs = 15, .nodes = 4, .request_lost = 150, .reply_lost = 150, .pod_fails = 100});
}

TEST_WITHIN(core__survives_crashes_between_commit_and_act, 180) {
    run_seeds((struct world_options){
        .jobs = 12, .nodes = 4, .crash = 60, .reply_lost = 50, .pod_fails = 100});
}

TEST_WITHIN(core__survives_everything_at_once, 180) {
    run_seeds((struct world_options){.jobs = 15,
                                     .nodes = 3,
                                     .request_lost = 80,
                                     .reply_lost = 80,
                                     .pod_fails = 150,
                                     .pod_vanishes = 2,
                                     .node_dies = 2,
                                     .cancel = 20,
                                     .crash = 30,
                                     .gives_up = 50,
                                     .foreign = 60});
}

TEST_WITHIN(core__keeps_to_the_windows, 180) {
    const struct world_options options = {.jobs = 12,
                                          .nodes = 3,
                                          .windows = 700,
                                          .reply_lost = 80,
                                          .pod_fails = 100,
                                          .cancel = 10,
                                          .crash = 20};

    run_some_seeds(options, 60); /* Virtual hours, most of them waiting. */
}

/* A schedule beside them: each of its occurrences is one job, whoever dies when. */
TEST_WITHIN(core__makes_each_occurrence_once, 180) {
    const struct world_options kinds[] = {
        {.jobs = 20, .nodes = 3, .schedule = 6},
        {.jobs = 20,
         .nodes = 3,
         .schedule = 6,
         .request_lost = 80,
         .reply_lost = 80,
         .pod_fails = 100,
         .cancel = 10,
         .crash = 60},
        {.jobs = 12, .nodes = 3, .schedule = 6, .pause = 150, .reply_lost = 50},
    };

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        run_some_seeds(kinds[i], 20);
    }
}

/* Deadlines, runs that are warned of or stopped, forecasts that say anything: each alarm is told
 * once, whatever dies in between. */
TEST_WITHIN(core__tells_each_alarm_once, 180) {
    const struct world_options kinds[] = {
        {.jobs = 20, .nodes = 3, .deadlines = 900},
        {.jobs = 20,
         .nodes = 2,
         .deadlines = 900,
         .request_lost = 80,
         .reply_lost = 80,
         .pod_fails = 150,
         .pod_vanishes = 2,
         .node_dies = 2,
         .cancel = 10,
         .crash = 60},
        {.jobs = 12, .nodes = 3, .deadlines = 900, .pause = 150, .reply_lost = 50},
    };

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        unsigned alarms = 0;
        unsigned skips = 0;
        unsigned told = 0;

        for (uint64_t seed = 1; seed <= SEEDS / 8; seed++) {
            struct world_options options = kinds[i];
            struct world_totals totals;

            options.seed = seed;
            totals = world_run(&options);
            alarms += totals.alarms;
            skips += totals.skips;
            told += totals.told;
        }
        CHECK(alarms > SEEDS / 2, "there are alarms");
        CHECK(told > SEEDS, "receivers are told");
        CHECK(skips > SEEDS / 40, "some jobs are skipped");
    }
}

/* Nobody starts before those that it waits for did as it wants, no array runs more than it may, and
 * nobody waits for ever, whatever fails, is cancelled or dies. */
TEST_WITHIN(core__keeps_to_what_jobs_wait_for, 180) {
    unsigned growths = 0;

    for (uint64_t seed = 1; seed <= SEEDS / 2; seed++) {
        growths += world_run(&(struct world_options){.jobs = 24,
                                                     .nodes = 4,
                                                     .after = 700,
                                                     .reply_lost = 50,
                                                     .pod_fails = 250,
                                                     .pod_vanishes = 2,
                                                     .cancel = 30,
                                                     .crash = 30,
                                                     .seed = seed})
                       .growths;
    }
    CHECK(growths > SEEDS / 8, "arrays are made in several turns");
}

/* Pods fail in all ways there are, events tell anything: each failure is paid for as its class is,
 * nothing starts past an open breaker, and nobody waits for ever. */
TEST_WITHIN(core__keeps_to_budgets_and_breakers, 180) {
    unsigned held = 0;
    unsigned blamed = 0;
    unsigned asked = 0;

    for (uint64_t seed = 1; seed <= SEEDS / 4; seed++) {
        const struct world_totals totals = world_run(&(struct world_options){.jobs = 24,
                                                                             .nodes = 4,
                                                                             .classes = 1,
                                                                             .reply_lost = 50,
                                                                             .pod_fails = 500,
                                                                             .pod_vanishes = 3,
                                                                             .node_dies = 1,
                                                                             .cancel = 10,
                                                                             .crash = 30,
                                                                             .seed = seed});

        held += totals.held;
        blamed += totals.blamed;
        asked += totals.asked;
    }
    CHECK(held > SEEDS / 16, "breakers open");
    CHECK(blamed > SEEDS / 16, "nodes fail several jobs");
    CHECK(asked > SEEDS / 4, "events are read");
}

/* What runs again whenever it ends never ends by itself, whatever fails or dies. */
TEST_WITHIN(core__runs_again_until_somebody_cancels, 120) {
    const struct world_options kinds[] = {
        {.jobs = 12, .nodes = 3, .always = 400, .pod_fails = 200},
        {.jobs = 12,
         .nodes = 3,
         .always = 400,
         .request_lost = 50,
         .reply_lost = 50,
         .pod_fails = 200,
         .pod_vanishes = 2,
         .node_dies = 1,
         .crash = 30},
    };

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        unsigned reruns = 0;

        for (uint64_t seed = 1; seed <= SEEDS / 16; seed++) {
            struct world_options options = kinds[i];

            options.seed = seed;
            reruns += world_run(&options).reruns;
        }
        CHECK(reruns > SEEDS / 4, "they run again");
    }
}

/* Two cores on one store, one after the other, with what the first had on the wire arriving at any
 * later time: a pod's name is its attempt's, so it can only collide. */
TEST_WITHIN(core__takes_over_from_a_leader_that_was_stopped, 180) {
    struct world_totals sum = {0};

    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct world_totals totals = world_run(&(struct world_options){.seed = seed,
                                                                       .jobs = 12,
                                                                       .nodes = 4,
                                                                       .pause = 150,
                                                                       .reply_lost = 50,
                                                                       .request_lost = 50,
                                                                       .pod_fails = 100});

        sum.takeovers += totals.takeovers;
        sum.late += totals.late;
        sum.fenced += totals.fenced;
    }
    CHECK(sum.takeovers > SEEDS, "more than one for each seed");
    CHECK(sum.late > SEEDS / 2, "something was on the wire");
    CHECK(sum.fenced > 0, "and the old ones had something in mind");
}

/* Names that jobs give their pods: one job at a time, never beside another pod of that name, and no
 * stranger's is deleted; whatever is lost, dies, or arrives from a leader that was stopped. */
TEST_WITHIN(core__gives_a_pod_name_to_one_at_a_time, 180) {
    const struct world_options kinds[] = {
        {.jobs = 15, .nodes = 4, .names = 700, .pod_fails = 200, .foreign = 60},
        {.jobs = 15,
         .nodes = 4,
         .names = 700,
         .request_lost = 80,
         .reply_lost = 80,
         .pod_fails = 200,
         .pod_vanishes = 2,
         .node_dies = 1,
         .cancel = 15,
         .crash = 40,
         .foreign = 60},
        {.jobs = 12, .nodes = 4, .names = 700, .pause = 150, .reply_lost = 50, .pod_fails = 150},
    };

    unsigned taken = 0;

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        unsigned waited = 0;

        for (uint64_t seed = 1; seed <= SEEDS / 8; seed++) {
            struct world_options options = kinds[i];
            struct world_totals totals;

            options.seed = seed;
            totals = world_run(&options);
            waited += totals.waited;
            taken += totals.taken;
        }
        CHECK(waited > SEEDS, "jobs wait for names");
    }
    CHECK(taken > 0, "and some creations find theirs taken");
}

/* The daemon dies in each turn of a small history, between its commit and its commands. */
TEST_WITHIN(core__keeps_pod_names_apart_wherever_it_dies, 120) {
    const struct world_options quiet = {
        .seed = 5, .jobs = 4, .nodes = 3, .names = 1000, .pod_fails = 300, .foreign = 30};
    unsigned last = world_run(&quiet).turns;

    for (unsigned nth = 1; nth <= last; nth += 1 + nth / 40) {
        struct world_options options = quiet;

        options.nth_turn_dies = nth;
        (void)world_run(&options);
    }
}

/* A small history in which each request in turn, and then each reply, is the one that is lost. */
TEST_WITHIN(core__survives_the_loss_of_each_single_request_and_reply, 60) {
    const struct world_options quiet = {
        .seed = 7, .jobs = 6, .nodes = 3, .pod_fails = 200, .cancel = 40};
    unsigned last = world_run(&quiet).requests;

    CHECK(last > 8, "starts and deletions");
    for (unsigned nth = 1; nth <= last; nth++) {
        struct world_options options = quiet;

        options.nth_request_lost = nth;
        (void)world_run(&options);
        options.nth_request_lost = 0;
        options.nth_reply_lost = nth;
        (void)world_run(&options);
    }
}

TEST_WITHIN(core__survives_dying_between_commit_and_commands_of_each_turn, 60) {
    const struct world_options quiet = {.seed = 11, .jobs = 3, .nodes = 3, .pod_fails = 200};
    unsigned last = world_run(&quiet).turns;

    for (unsigned nth = 1; nth <= last; nth += 1 + nth / 100) {
        struct world_options options = quiet;

        options.nth_turn_dies = nth;
        (void)world_run(&options);
    }
}

/* Classes and jobs that may be stopped, whatever goes wrong: nothing is lost, nobody is stopped too
 * often, and all comes to an end. */
TEST_WITHIN(core__preempts_and_loses_nothing, 180) {
    const struct world_options kinds[] = {
        {.jobs = 20, .nodes = 3, .preemption = PLAN_PREEMPTION_LOWER_TIER},
        {.jobs = 20,
         .nodes = 3,
         .estimated = 700,
         .backfill = PLAN_BACKFILL_EASY,
         .preemption = PLAN_PREEMPTION_RECLAIM},
        {.jobs = 15,
         .nodes = 3,
         .estimated = 700,
         .request_lost = 80,
         .reply_lost = 80,
         .pod_fails = 150,
         .pod_vanishes = 2,
         .node_dies = 2,
         .cancel = 20,
         .crash = 30,
         .backfill = PLAN_BACKFILL_CONSERVATIVE,
         .preemption = PLAN_PREEMPTION_RECLAIM},
    };

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        unsigned preemptions = 0;

        for (uint64_t seed = 1; seed <= SEEDS / 5; seed++) {
            struct world_options options = kinds[i];

            options.seed = seed;
            preemptions += world_run(&options).preemptions;
        }
        CHECK(preemptions > SEEDS / 10, "some are stopped");
    }
}

/* With estimates that are about right, watches that lag and pods that go where the cluster likes:
 * nothing is lost. How promises are kept is in tests/policy/plan_backfill_test.c. */
TEST_WITHIN(core__backfills_and_loses_nothing, 180) {
    for (int mode = PLAN_BACKFILL_EASY; mode < PLAN_BACKFILL_MODE_COUNT; mode++) {
        unsigned promises = 0;

        for (uint64_t seed = 1; seed <= SEEDS / 5; seed++) {
            promises += world_run(&(struct world_options){
                                      .seed = seed,
                                      .jobs = 20,
                                      .nodes = 3,
                                      .estimated = 900,
                                      .pod_fails = 50,
                                      .cancel = 10,
                                      .backfill = (enum plan_backfill_mode)mode,
                                  })
                            .promises;
        }
        CHECK(promises > SEEDS / 5, "there are promises");
    }
}
