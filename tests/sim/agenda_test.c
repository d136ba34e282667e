#include "sim/agenda.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/rng.h"
#include "tests/test.h"

TEST(agenda_pop__gives_what_is_due_in_order) {
    struct agenda agenda = {0};
    struct agenda_item item;

    CHECK_EQ(agenda_next_us(&agenda), CLOCK_NEVER_US, "nothing is set");
    agenda_set(&agenda, 30, 1);
    agenda_set(&agenda, 10, 2);
    agenda_set(&agenda, 10, 3);
    CHECK_EQ(agenda_next_us(&agenda), 10, "the earliest");
    CHECK(!agenda_pop(&agenda, 9, &item), "one microsecond early");
    CHECK(agenda_pop(&agenda, 10, &item) && item.id == 2, "the first set of two equal ones");
    CHECK(agenda_pop(&agenda, 10, &item) && item.id == 3, "then the second");
    CHECK(!agenda_pop(&agenda, 29, &item), "the third is not due");
    CHECK(agenda_pop(&agenda, 1000, &item) && item.due_us == 30, "long overdue");
    CHECK(!agenda_pop(&agenda, 1000, &item), "empty");
    agenda_finish(&agenda);
}

TEST(agenda_pop__sorts_any_number) {
    struct agenda agenda = {0};
    struct agenda_item item;
    struct rng rng;
    int64_t last_us = -1;

    rng_init(&rng, 7);
    for (uint64_t i = 0; i < 1000; i++) {
        agenda_set(&agenda, (int64_t)rng_below(&rng, 100), i);
    }
    for (size_t i = 0; i < 1000; i++) {
        CHECK(agenda_pop(&agenda, 100, &item), "one more");
        CHECK(item.due_us >= last_us, "in order");
        last_us = item.due_us;
    }
    agenda_finish(&agenda);
}
