#include "policy/job.h"

#include <string.h>

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
        {JOB_SUCCEEDED, "......  ....."},  {JOB_FAILED, ".+....  ....."},
        {JOB_CANCELLED, ".+....  ....."},  {JOB_REJECTED, ".+....  ....."},
        {JOB_SKIPPED, ".+....  ....."},
    };

    CHECK_EQ(ARRAY_LEN(rows), JOB_STATE_COUNT, "a row per state");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *mark = rows[i].to;

        for (size_t to = 0; to < JOB_STATE_COUNT; to++, mark++) {
            mark += *mark == ' ' ? 2 : 0;
            CHECK_EQ(job_may_move(rows[i].from, (enum job_state)to), *mark == '+',
                     job_state_text((enum job_state)to));
        }
        /* What is over goes nowhere by itself, and back into the queue by hand alone. */
        CHECK_EQ(job_state_is_final(rows[i].from),
                 strcmp(rows[i].to + 1, "+....  .....") == 0 ||
                     strcmp(rows[i].to, "......  .....") == 0,
                 job_state_text(rows[i].from));
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
