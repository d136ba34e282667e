#include "scheduler/future_runs.h"

#include <string.h>

#include "base/clock.h"
#include "tests/test.h"

#define MINUTE_US (60 * CLOCK_US_PER_SECOND)
#define NIGHT_US  (INT64_C(1792879200) * CLOCK_US_PER_SECOND)
#define MOST      2

/* A run of red/etl: its occurrence, by minutes, in the state at that minute. */
static void note(struct future_runs *runs, uint64_t id, int occurrence, enum job_state state,
                 int minute) {
    const struct job job = {
        .id = id,
        .namespace = "red",
        .schedule = "etl",
        .state = state,
        .occurrence = {.civil_s = occurrence * 60, .time_us = NIGHT_US + occurrence * MINUTE_US},
        .start_by_us = NIGHT_US + 20 * MINUTE_US,
        .finish_by_us = NIGHT_US + 60 * MINUTE_US,
        .finished_us = job_state_is_final(state) ? NIGHT_US + minute * MINUTE_US : 0,
    };

    future_runs_note(runs, MOST, &job, NIGHT_US + minute * MINUTE_US);
}

static int minute_of(int64_t at_us) {
    return at_us == FORECAST_NEVER ? -1 : (int)((at_us - NIGHT_US) / MINUTE_US);
}

TEST(future_runs_note__follows_a_run_from_when_it_is_made_to_its_end) {
    struct future_runs runs = {0};

    note(&runs, 7, 10, JOB_QUEUED, 10);
    note(&runs, 8, 11, JOB_QUEUED, 11);
    note(&runs, 9, 12, JOB_QUEUED, 12);
    CHECK_EQ(runs.count, MOST, "one too many is left out");
    note(&runs, 7, 10, JOB_SUBMITTING, 15);
    note(&runs, 7, 10, JOB_SUBMITTING, 16);
    note(&runs, 9, 12, JOB_SUBMITTING, 16);
    CHECK_EQ(runs.open, 2, "both go on");
    note(&runs, 7, 10, JOB_SUCCEEDED, 30);
    note(&runs, 8, 11, JOB_SKIPPED, 31);
    CHECK_EQ(runs.open, 0, "both are over");
    CHECK_STR(runs.items[0].key, "red/etl", "its schedule");
    CHECK_EQ(minute_of(runs.items[0].made_us), 10, "made");
    CHECK_EQ(minute_of(runs.items[0].starts_us), 15, "its first start");
    CHECK_EQ(minute_of(runs.items[0].ends_us), 30, "its end");
    CHECK(runs.items[1].skipped && minute_of(runs.items[1].ends_us) == -1, "skipped is no end");
    future_runs_finish(&runs);
}

TEST(future_runs_note__takes_an_array_for_one_run) {
    struct future_runs runs = {0};

    for (int minute = 10; minute <= 30; minute += 10) {
        for (uint64_t id = 4; id < 7; id++) {
            const struct job job = {
                .id = id,
                .array_id = 4,
                .namespace = "red",
                .schedule = "etl",
                .state = minute == 10   ? JOB_QUEUED
                         : minute == 20 ? JOB_SUBMITTING
                                        : JOB_SUCCEEDED,
                .finished_us = minute == 30 ? NIGHT_US + (minute + (int)id) * MINUTE_US : 0,
            };

            future_runs_note(&runs, MOST, &job, NIGHT_US + (minute + (int)id) * MINUTE_US);
            CHECK(runs.count == 1 && (runs.open > 0) == (minute < 30 || id < 6), "one run");
        }
    }
    CHECK_EQ(minute_of(runs.items[0].starts_us), 24, "when its first element starts");
    CHECK_EQ(minute_of(runs.items[0].ends_us), 36, "until its last one ends");
    future_runs_finish(&runs);
}

/* Four futures; in each the run of minute 10 has another id. */
TEST(forecast_runs_make__joins_what_is_the_same_occurrence) {
    static const struct {
        const char *what;
        int starts[4]; /* 0: not in this future; -1: it is made and does not start */
        int ends[4];   /* -1: it doesn't */
        int want_p50, want_p90;
        int want_end_p50;
        int want_risk; /* minute of the deadline; -1: none */
    } rows[] = {
        {"in time", {11, 12, 13, 14}, {21, 22, 23, 24}, 12, 14, 22, -1},
        {"half of them miss the start", {11, 21, 22, 23}, {40, 40, 40, 40}, 21, 23, 40, 20},
        {"half of them miss the end", {11, 11, 11, 11}, {50, 59, 61, 62}, 11, 11, 59, -1},
        {"more than half", {11, 11, 11, 11}, {50, 61, 61, 62}, 11, 11, 61, 60},
        {"one future lacks it", {11, 12, 13, 0}, {20, 20, 20, 0}, 12, -1, 20, -1},
        {"most do not know", {11, -1, -1, -1}, {20, -1, -1, -1}, -1, -1, -1, -1},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct future_runs futures[4] = {0};
        struct forecast_runs joined;

        for (size_t k = 0; k < ARRAY_LEN(futures); k++) {
            if (rows[i].starts[k] == 0) {
                continue;
            }
            note(&futures[k], 5 + k, 10, JOB_QUEUED, 10);
            if (rows[i].starts[k] > 0) {
                note(&futures[k], 5 + k, 10, JOB_SUBMITTING, rows[i].starts[k]);
            }
            if (rows[i].ends[k] > 0) {
                note(&futures[k], 5 + k, 10, JOB_SUCCEEDED, rows[i].ends[k]);
            }
        }
        forecast_runs_make(futures, ARRAY_LEN(futures), &joined);
        CHECK_EQ(joined.count, 1, rows[i].what);
        CHECK_EQ(minute_of(joined.items[0].p50_us), rows[i].want_p50, rows[i].what);
        CHECK_EQ(minute_of(joined.items[0].p90_us), rows[i].want_p90, rows[i].what);
        CHECK_EQ(minute_of(joined.items[0].ends_p50_us), rows[i].want_end_p50, rows[i].what);
        CHECK_EQ(forecast_run_risk_us(&joined.items[0]),
                 rows[i].want_risk < 0 ? 0 : NIGHT_US + rows[i].want_risk * MINUTE_US,
                 rows[i].what);
        forecast_runs_finish(&joined);
        for (size_t k = 0; k < ARRAY_LEN(futures); k++) {
            future_runs_finish(&futures[k]);
        }
    }
}

TEST(forecast_runs_make__keeps_different_occurrences_apart_in_their_order) {
    struct future_runs futures[2] = {0};
    struct forecast_runs joined;

    note(&futures[0], 1, 12, JOB_QUEUED, 12);
    note(&futures[0], 2, 13, JOB_QUEUED, 13);
    note(&futures[1], 1, 11, JOB_QUEUED, 11);
    note(&futures[1], 2, 12, JOB_SKIPPED, 12);
    forecast_runs_make(futures, ARRAY_LEN(futures), &joined);
    CHECK_EQ(joined.count, 3, "three of them");
    for (size_t i = 0; i < joined.count; i++) {
        CHECK_EQ(joined.items[i].run.occurrence.civil_s, (int64_t)(11 + i) * 60, "in order");
    }
    CHECK(!joined.items[1].run.skipped, "skipped in half of them alone");
    forecast_runs_finish(&joined);
    forecast_runs_make(NULL, 0, &joined);
    CHECK_EQ(joined.count, 0, "of nothing nothing");
    forecast_runs_finish(&joined);
    future_runs_finish(&futures[0]);
    future_runs_finish(&futures[1]);
}
