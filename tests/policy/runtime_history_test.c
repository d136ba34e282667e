#include "policy/runtime_history.h"

#include <stdio.h>
#include <string.h>

#include "base/rng.h"
#include "tests/test.h"

#define MS INT64_C(1000)

TEST(runtime_history_key__drops_counters_and_times_at_the_end) {
    static const struct {
        const char *name;
        const char *want;
    } rows[] = {
        {"etl", "ns/etl"},
        {"etl-7", "ns/etl"},
        {"etl-2026-11-22", "ns/etl"},
        {"etl-20261122t0210z", "ns/etl"},
        {"etl.20261122T0210Z.3", "ns/etl"},
        {"etl_20261122_17", "ns/etl"},
        {"load-step2", "ns/load-step2"},
        {"load-step2-9", "ns/load-step2"},
        {"etl-7-final", "ns/etl-7-final"},
        {"etl-t", "ns/etl-t"},
        {"etl-z", "ns/etl-z"},
        {"etl-1t2t3", "ns/etl-1t2t3"},
        {"2026-11-22", "ns/2026"},
        {"2026", "ns/2026"},
        {"-7", "ns/-7"},
        {"etl-", "ns/etl-"},
        {"", "ns/"},
    };
    char key[RUNTIME_KEY_BYTES];

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        runtime_history_key("ns", rows[i].name, key);
        CHECK_STR(key, rows[i].want, rows[i].name);
    }
}

TEST(runtime_history_quantile__is_the_nearest_rank_of_the_last_runs) {
    struct runtime_history *history = runtime_history_create(4);
    char forgotten[RUNTIME_KEY_BYTES];
    unsigned runs;

    CHECK_EQ(runtime_history_quantile_us(history, "a/x", 75, &runs), 0, "nothing known");
    CHECK_EQ(runs, 0, "no run");
    for (int64_t i = 1; i <= 4; i++) {
        CHECK(!runtime_history_add(history, "a/x", (5 - i) * 100 * MS, i, forgotten), "room");
    }
    CHECK_EQ(runtime_history_quantile_us(history, "a/x", 75, &runs), 300 * MS, "3 of 4");
    CHECK_EQ(runs, 4, "four runs");
    CHECK_EQ(runtime_history_quantile_us(history, "a/x", 76, &runs), 400 * MS, "more than 3 of 4");
    CHECK_EQ(runtime_history_quantile_us(history, "a/x", 100, &runs), 400 * MS, "all");
    CHECK_EQ(runtime_history_quantile_us(history, "a/x", 1, &runs), 100 * MS, "the shortest");
    for (int64_t i = 0; i < RUNTIME_RUNS_MAX; i++) {
        (void)runtime_history_add(history, "a/x", 7 * MS, i, forgotten);
    }
    CHECK_EQ(runtime_history_quantile_us(history, "a/x", 100, &runs), 7 * MS, "old ones are out");
    CHECK_EQ(runs, RUNTIME_RUNS_MAX, "a full ring");
    (void)runtime_history_add(history, "a/y", 0, 1, forgotten);
    CHECK_EQ(runtime_history_quantile_us(history, "a/y", 50, &runs), 1 * MS, "no time, but known");
    (void)runtime_history_add(history, "a/z", INT64_MAX, 1, forgotten);
    CHECK_EQ(runtime_history_quantile_us(history, "a/z", 50, &runs), UINT32_MAX * MS, "49 days");
    runtime_history_destroy(history);
}

TEST(runtime_history_add__forgets_the_name_not_heard_of_for_longest) {
    struct runtime_history *history = runtime_history_create(2);
    char forgotten[RUNTIME_KEY_BYTES];
    unsigned runs;

    CHECK(!runtime_history_add(history, "a/x", 1 * MS, 10, forgotten), "room for x");
    CHECK(!runtime_history_add(history, "a/y", 1 * MS, 20, forgotten), "room for y");
    CHECK(!runtime_history_add(history, "a/x", 1 * MS, 30, forgotten), "x again");
    CHECK(runtime_history_add(history, "a/z", 1 * MS, 40, forgotten), "no room for z");
    CHECK_STR(forgotten, "a/y", "x was heard of later");
    CHECK_EQ(runtime_history_quantile_us(history, "a/y", 50, &runs), 0, "y is gone");
    CHECK(runtime_history_quantile_us(history, "a/x", 50, &runs) > 0, "x is not,");
    CHECK(runtime_history_quantile_us(history, "a/z", 50, &runs) > 0, "nor is z");
    runtime_history_destroy(history);
}

TEST(runtime_history_load__takes_what_get_gave_and_nothing_else) {
    struct runtime_history *history = runtime_history_create(2);
    struct runtime_history *copy = runtime_history_create(1);
    char forgotten[RUNTIME_KEY_BYTES];
    struct runtime_runs runs;
    struct runtime_runs again;
    struct rng rng;

    rng_init(&rng, 1);
    for (size_t n = 1; n <= RUNTIME_RUNS_MAX + 2; n++) {
        (void)runtime_history_add(history, "a/x", (int64_t)(rng_next(&rng) >> 20), (int64_t)n,
                                  forgotten);
        runtime_history_get(history, "a/x", &runs);
        CHECK_OK(runtime_history_load(copy, "a/x", &runs), "what was stored");
        runtime_history_get(copy, "a/x", &again);
        CHECK_MEM(&again, &runs, sizeof runs, "the same runs");
        CHECK_EQ(runtime_history_load(copy, "a/y", &runs), ERR_FULL, "one name only");
    }
    CHECK_EQ(runs.count, RUNTIME_RUNS_MAX, "the last ones");
    runs.runs_us[3] = 0;
    CHECK_EQ(runtime_history_load(copy, "a/x", &runs), ERR_CORRUPT, "a run of no time");
    runs.count = 0;
    CHECK_EQ(runtime_history_load(copy, "a/x", &runs), ERR_CORRUPT, "no runs");
    runs.count = RUNTIME_RUNS_MAX + 1;
    CHECK_EQ(runtime_history_load(copy, "a/x", &runs), ERR_CORRUPT, "too many runs");
    runtime_history_destroy(history);
    runtime_history_destroy(copy);
}
