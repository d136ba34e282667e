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

static bool is_even(void *context, uint64_t id) {
    size_t *asked = context;

    (*asked)++;
    return id % 2 == 0;
}

/* What is left out is gone, the order stays, and half of the room is free for those to come. */
TEST(timers_keep__leaves_out_and_makes_room) {
    struct timers timers = {0};
    size_t asked = 0;
    uint64_t id;

    for (uint64_t i = 1; i <= 64; i++) {
        timers_add(&timers, (int64_t)(i * 7 % 64), i);
    }
    CHECK_EQ(timers.count, timers.room, "full");
    timers_keep(&timers, is_even, &asked);
    CHECK_EQ(asked, 64, "each is asked about once");
    CHECK_EQ(timers.count, 32, "half are kept");
    CHECK_EQ(timers.room, 64, "in the same room");
    for (int64_t last = -1; timers.count > 0;) {
        int64_t due = timers_next_us(&timers);

        CHECK(timers_take_due(&timers, due, &id) && id % 2 == 0 && due > last, "in order");
        last = due;
    }
    for (uint64_t i = 1; i <= 64; i++) {
        timers_add(&timers, 1, 2 * i);
    }
    timers_keep(&timers, is_even, &asked);
    CHECK_EQ(timers.room, 128, "nothing could go: there is more room");
    timers_finish(&timers);
}
