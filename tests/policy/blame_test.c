#include "policy/blame.h"

#include "tests/test.h"

#define HOUR ((int64_t)3600 * 1000000)

TEST(blame_milli__counts_each_job_once_and_halves) {
    static const struct {
        const char *what;
        int64_t jobs[4][2]; /* id, hours */
        int64_t hour;
        int64_t want_milli;
        size_t want_jobs;
    } rows[] = {
        {"nobody failed there", {{0}}, 5, 0, 0},
        {"one job, just now", {{7, 0}}, 0, 1000, 1},
        {"one half-life later", {{7, 0}}, 1, 500, 1},
        {"the same job three times weighs once, as of the last",
         {{7, 0}, {7, 1}, {7, 2}},
         2,
         1000,
         1},
        {"three jobs at once", {{7, 1}, {8, 1}, {9, 1}}, 1, 3000, 3},
        {"three jobs an hour apart", {{7, 0}, {8, 1}, {9, 2}}, 2, 1750, 3},
        {"a clock that went back adds nothing", {{7, 3}}, 0, 1000, 1},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct blame blame = {0};

        for (size_t k = 0; k < 4 && rows[i].jobs[k][0] != 0; k++) {
            blame_note(&blame, (uint64_t)rows[i].jobs[k][0], rows[i].jobs[k][1] * HOUR);
        }
        CHECK_EQ(blame_milli(&blame, HOUR, rows[i].hour * HOUR), rows[i].want_milli, rows[i].what);
        CHECK_EQ(blame_jobs(&blame), rows[i].want_jobs, rows[i].what);
        CHECK(blame_is_valid(&blame), rows[i].what);
    }
}

TEST(blame_ends_us__is_the_instant_at_which_the_weight_is_reached) {
    struct blame blame = {0};
    int64_t ends_us;

    for (uint64_t id = 1; id <= 4; id++) {
        blame_note(&blame, id, 0);
    }
    CHECK_EQ(blame_ends_us(&blame, 2000, HOUR, 0), HOUR, "four weigh two after one half-life");
    CHECK_EQ(blame_ends_us(&blame, 4000, HOUR, 0), 0, "at the threshold it is over");
    ends_us = blame_ends_us(&blame, 3000, HOUR, HOUR / 10);
    CHECK(blame_milli(&blame, HOUR, ends_us) <= 3000, "it has come down by then,");
    CHECK(blame_milli(&blame, HOUR, ends_us - 2000000) >= 3000, "and not before");
    CHECK_EQ(blame_ends_us(&blame, 2000, 0, 5), 5, "without a half-life nothing weighs");
}

TEST(blame_note__keeps_the_latest) {
    struct blame blame = {0};

    for (uint64_t id = 1; id <= BLAME_JOBS_MAX + 3; id++) {
        blame_note(&blame, id, (int64_t)id);
    }
    CHECK_EQ(blame_jobs(&blame), BLAME_JOBS_MAX, "no more than fit");
    CHECK_EQ(blame.marks[0], 4, "the first three made way");
    CHECK(blame_is_valid(&blame), "as it is made");
    blame.marks[2] = blame.marks[0];
    CHECK(!blame_is_valid(&blame), "a job twice");
    blame.count = 3;
    CHECK(!blame_is_valid(&blame), "half a pair");
}
