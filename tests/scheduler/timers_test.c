#include "scheduler/timers.h"

#include "base/clock.h"
#include "base/rng.h"
#include "tests/test.h"

TEST(timers__come_in_order_of_time_then_id) {
    struct timers timers = {0};
    struct rng rng;
    int64_t last_due = -1;
    uint64_t last_id = 0;
    uint64_t id;

    CHECK_EQ(timers_next_us(&timers), CLOCK_NEVER_US, "empty");
    rng_init(&rng, 7);
    for (uint64_t i = 1; i <= 1000; i++) {
        timers_add(&timers, (int64_t)rng_below(&rng, 50), i);
    }
    for (int i = 0; i < 1000; i++) {
        int64_t due = timers_next_us(&timers);

        CHECK(!timers_take_due(&timers, due - 1, &id), "not a moment early");
        CHECK(timers_take_due(&timers, due, &id), "due");
        CHECK(due > last_due || (due == last_due && id > last_id), "ordered");
        last_due = due;
        last_id = id;
    }
    CHECK(!timers_take_due(&timers, CLOCK_NEVER_US, &id), "empty again");
    timers_finish(&timers);
}
