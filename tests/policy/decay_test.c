#include "policy/decay.h"

#include <math.h>

#include "tests/test.h"

#define HOUR INT64_C(3600000000)

TEST(decay_left__halves_with_each_half_life) {
    static const struct {
        const char *what;
        int64_t elapsed_us;
        double want;
    } rows[] = {
        {"no time", 0, 1},
        {"a clock that went back", -HOUR, 1},
        {"one half-life", HOUR, 0.5},
        {"three", 3 * HOUR, 0.125},
        {"a half of one", HOUR / 2, 0.70710678118654752440},
        {"beyond what a number can say", 2000 * HOUR, 0},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CHECK(fabs(decay_left(rows[i].elapsed_us, HOUR) - rows[i].want) < 1e-15, rows[i].what);
    }
}

TEST(decay_held__counts_the_time_it_was_held) {
    static const struct {
        const char *what;
        int64_t from;
        int64_t to;
        int64_t at;
        double want;
    } rows[] = {
        {"an hour until now", 0, 1, 1, 0.5},
        {"that, an hour later", 0, 1, 2, 0.25},
        {"two hours until now", 0, 2, 2, 0.75},
        {"what comes later does not count", 0, 5, 1, 0.5},
        {"nor does what has not begun", 3, 5, 1, 0},
        {"no time at all", 1, 1, 1, 0},
        {"an end before the start", 2, 1, 4, 0},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const double got =
            decay_held(rows[i].from * HOUR, rows[i].to * HOUR, rows[i].at * HOUR, HOUR);

        CHECK(fabs(got - rows[i].want) < 1e-15, rows[i].what);
    }
}
