#include "sim/timers.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/rng.h"
#include "tests/test.h"

TEST(timers_pop__gives_what_is_due_in_order) {
    struct timers timers = {0};
    struct timer timer;

    CHECK_EQ(timers_next_us(&timers), CLOCK_NEVER_US, "nothing is set");
    timers_set(&timers, 30, 1);
    timers_set(&timers, 10, 2);
    timers_set(&timers, 10, 3);
    CHECK_EQ(timers_next_us(&timers), 10, "the earliest");
    CHECK(!timers_pop(&timers, 9, &timer), "one microsecond early");
    CHECK(timers_pop(&timers, 10, &timer) && timer.id == 2, "the first set of two equal ones");
    CHECK(timers_pop(&timers, 10, &timer) && timer.id == 3, "then the second");
    CHECK(!timers_pop(&timers, 29, &timer), "the third is not due");
    CHECK(timers_pop(&timers, 1000, &timer) && timer.due_us == 30, "long overdue");
    CHECK(!timers_pop(&timers, 1000, &timer), "empty");
    timers_finish(&timers);
}

TEST(timers_pop__sorts_any_number) {
    struct timers timers = {0};
    struct timer timer;
    struct rng rng;
    int64_t last_us = -1;

    rng_init(&rng, 7);
    for (uint64_t i = 0; i < 1000; i++) {
        timers_set(&timers, (int64_t)rng_below(&rng, 100), i);
    }
    for (size_t i = 0; i < 1000; i++) {
        CHECK(timers_pop(&timers, 100, &timer), "one more");
        CHECK(timer.due_us >= last_us, "in order");
        last_us = timer.due_us;
    }
    timers_finish(&timers);
}
