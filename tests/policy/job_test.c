#include "policy/job.h"

#include "tests/test.h"

/* From each state (row) to each state (column); '+' may, '.' may not. */
TEST(job_may_move__allows_these_pairs_and_no_others) {
    static const struct {
        enum job_state from;
        const char *to; /* HELD QUEUED SUBMITTING STARTING RUNNING RETRY_WAIT, then SUCCEEDED
                         * FAILED CANCELLED REJECTED SKIPPED */
    } rows[] = {
        {JOB_HELD, ".+....  .++++"},       {JOB_QUEUED, "+.+...  .++++"},
        {JOB_SUBMITTING, ".+.+++  ++++."}, {JOB_STARTING, ".+..++  +++.."},
        {JOB_RUNNING, ".+...+  +++.."},    {JOB_RETRY_WAIT, "++....  .++.+"},
        {JOB_SUCCEEDED, "......  ....."},  {JOB_FAILED, "......  ....."},
        {JOB_CANCELLED, "......  ....."},  {JOB_REJECTED, "......  ....."},
        {JOB_SKIPPED, "......  ....."},
    };

    CHECK_EQ(ARRAY_LEN(rows), JOB_STATE_COUNT, "a row per state");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *mark = rows[i].to;
        bool final = true;

        for (size_t to = 0; to < JOB_STATE_COUNT; to++, mark++) {
            mark += *mark == ' ' ? 2 : 0;
            CHECK_EQ(job_may_move(rows[i].from, (enum job_state)to), *mark == '+',
                     job_state_text((enum job_state)to));
            final = final && *mark == '.';
        }
        CHECK_EQ(job_state_is_final(rows[i].from), final, job_state_text(rows[i].from));
    }
}

TEST(job_state__has_one_name_each_and_belongs_to_one_phase) {
    for (size_t i = 0; i < JOB_STATE_COUNT; i++) {
        const enum job_state state = (enum job_state)i;
        enum job_state again = JOB_STATE_COUNT;

        CHECK_OK(job_state_parse(job_state_text(state), &again), job_state_text(state));
        CHECK_EQ(again, state, job_state_text(state));
        CHECK_EQ(job_state_is_waiting(state) + job_state_is_active(state) +
                     job_state_is_final(state),
                 1, job_state_text(state));
    }
    CHECK_EQ(job_state_parse("queued", &(enum job_state){0}), ERR_INVALID, "upper case only");
    CHECK_EQ(job_state_parse("", &(enum job_state){0}), ERR_INVALID, "no name");
}

TEST(job_move__gives_the_new_state) {
    CHECK_EQ(job_move(JOB_QUEUED, JOB_SUBMITTING), JOB_SUBMITTING, "moved");
}

TEST(failure__says_what_it_costs) {
    static const struct {
        enum failure failure;
        const char *text;
        bool spends;
        bool may_retry;
    } rows[] = {
        {FAILURE_NONE, "none", false, false},
        {FAILURE_SUBMIT_TRANSIENT, "submit_transient", false, true},
        {FAILURE_QUOTA_RACE, "quota_race", false, true},
        {FAILURE_REJECTED, "rejected", false, false},
        {FAILURE_IMAGE, "image", true, true},
        {FAILURE_CONFIG, "config", true, true},
        {FAILURE_UNSCHEDULABLE, "unschedulable", false, true},
        {FAILURE_EXECUTOR_STARVED, "executor_starved", false, true},
        {FAILURE_OOM, "oom", true, true},
        {FAILURE_EVICTED, "evicted", false, true},
        {FAILURE_NODE_LOST, "node_lost", false, true},
        {FAILURE_PREEMPTED, "preempted", false, true},
        {FAILURE_DEADLINE, "deadline", false, false},
        {FAILURE_APP, "app", true, true},
        {FAILURE_CANCELLED, "cancelled", false, false},
        {FAILURE_DEPENDENCY, "dependency", false, false},
    };

    CHECK_EQ(ARRAY_LEN(rows), FAILURE_COUNT, "a row per failure");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CHECK_STR(failure_text(rows[i].failure), rows[i].text, rows[i].text);
        CHECK_EQ(failure_spends_retry(rows[i].failure), rows[i].spends, rows[i].text);
        CHECK_EQ(failure_may_retry(rows[i].failure), rows[i].may_retry, rows[i].text);
    }
}

TEST(retry_backoff_us__doubles_up_to_the_cap) {
    static const struct {
        const char *what;
        int64_t first_us;
        int64_t max_us;
        uint32_t failures;
        double unit;
        int64_t want_us;
    } rows[] = {
        {"the first: up to first", 10000000, 600000000, 1, 0.5, 5000000},
        {"the second: twice", 10000000, 600000000, 2, 0.5, 10000000},
        {"the fourth: eight times", 10000000, 600000000, 4, 0.5, 40000000},
        {"capped", 10000000, 600000000, 7, 0.5, 300000000},
        {"capped for ever", 10000000, 600000000, 4000000000, 0.5, 300000000},
        {"full jitter reaches down to a millisecond", 10000000, 600000000, 3, 0, 1000},
        {"and up to the bound", 10000000, 600000000, 1, 0.75, 7500000},
        {"no policy: a millisecond", 0, 0, 5, 0.5, 1000},
        {"first above the cap", 20000000, 10000000, 1, 0.5, 5000000},
        {"no overflow", INT64_MAX / 2, INT64_MAX, 3, 0.5, INT64_C(1) << 62},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct retry_policy policy = {.backoff_first_us = rows[i].first_us,
                                            .backoff_max_us = rows[i].max_us};

        CHECK_EQ(retry_backoff_us(&policy, rows[i].failures, rows[i].unit), rows[i].want_us,
                 rows[i].what);
    }
}
