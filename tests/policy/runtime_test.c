#include "policy/runtime.h"

#include "tests/test.h"

#define S INT64_C(1000000)
#define M (60 * S)
#define H (60 * M)

TEST(runtime_expect__takes_the_first_that_is_known) {
    static const struct {
        const char *what;
        struct runtime_known known;
        int64_t want_us;
        enum runtime_source want_source;
    } rows[] = {
        {"nothing is known", {0}, 0, RUNTIME_UNKNOWN},
        {"the default is the last", {.default_us = 4}, 4, RUNTIME_BY_DEFAULT},
        {"the limit before it", {.limit_us = 9, .default_us = 4}, 9, RUNTIME_BY_LIMIT},
        {"earlier runs before that", {0, 3, 9, 4}, 3, RUNTIME_BY_HISTORY},
        {"the submitter knows best", {5, 3, 9, 4}, 5, RUNTIME_BY_USER},
        {"but not beyond the limit", {10, 3, 9, 4}, 9, RUNTIME_BY_LIMIT},
        {"nor do earlier runs", {0, 30, 9, 4}, 9, RUNTIME_BY_LIMIT},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct runtime got = runtime_expect(&rows[i].known);

        CHECK_EQ(got.us, rows[i].want_us, rows[i].what);
        CHECK_EQ(got.source, rows[i].want_source, rows[i].what);
    }
}

TEST(runtime_class__is_the_same_for_what_is_alike_and_grows) {
    CHECK_EQ(runtime_class(0), 0, "unknown");
    CHECK(runtime_class(1) > 0, "known");
    CHECK_EQ(runtime_class(64 * M), runtime_class(65 * M), "alike");
    for (int64_t us = 1; us < 400 * H; us += 1 + us / 50) {
        const int64_t more = us + us / 8 + 1;

        CHECK(runtime_class(more) > runtime_class(us), "an eighth more is not alike");
        CHECK(runtime_class(more) <= runtime_class(us) + 2, "but next to it");
    }
    CHECK(runtime_class(INT64_MAX) < 1000, "few classes");
}

TEST(runtime_end__is_never_past_and_grows_by_steps) {
    static const struct {
        const char *what;
        int64_t started_us, expected_us, limit_us, now_us, want_us;
    } rows[] = {
        {"nothing expected", 0, 0, 0, 5, RUNTIME_NEVER},
        {"nothing expected, but a limit: the caller passes it as expectation", 7, 5, 5, 8, 12},
        {"as expected", 100, H, 0, 200, 100 + H},
        {"one microsecond left", 0, H, 0, H - 1, H},
        {"at its end: ten seconds more", 0, H, 0, H, H + 10 * S},
        {"nine seconds over", 0, H, 0, H + 9 * S, H + 10 * S},
        {"then a minute", 0, H, 0, H + 10 * S, H + M},
        {"then five", 0, H, 0, H + M, H + 5 * M},
        {"an hour over: two", 0, H, 0, 2 * H, 3 * H},
        {"a week over: a hundred hours from now", 0, H, 0, 169 * H, 269 * H},
        {"not beyond the limit", 0, H, H + 2 * M, H + M, H + 2 * M},
        {"the limit has passed: it is being stopped", 0, H, H, H, H + 10 * S},
        {"sums do not overflow", INT64_MAX - 2, INT64_MAX - 2, 0, 5, RUNTIME_NEVER - 1},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CHECK_EQ(runtime_end_us(rows[i].started_us, rows[i].expected_us, rows[i].limit_us,
                                rows[i].now_us),
                 rows[i].want_us, rows[i].what);
    }
}
