#include "scheduler/demand_classes.h"

#include "policy/demand.h"
#include "tests/test.h"

static struct demand *demand_from(unsigned char origin) {
    const unsigned char bytes[DEMAND_ORIGIN_BYTES] = {origin};
    struct demand *demand = demand_create();

    (void)demand_add_group(demand, POD_ROLE_POD, 1);
    demand_settle(demand);
    demand_set_origin(demand, bytes);
    return demand;
}

TEST(demand_classes__believe_a_number_whose_origin_is_found_again) {
    static const struct {
        const char *what;
        unsigned char stored;
        size_t bytes;
        unsigned char found;
        bool is_known;
    } rows[] = {
        {"the origin that was stored", 1, DEMAND_ORIGIN_BYTES, 1, true},
        {"another version's", 1, DEMAND_ORIGIN_BYTES, 2, false},
        {"something shorter", 1, DEMAND_ORIGIN_BYTES - 1, 1, false},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const unsigned char origin[DEMAND_ORIGIN_BYTES] = {rows[i].stored};
        struct demand_classes classes = {0};
        struct demand *demand = demand_from(rows[i].found);
        struct demand *known;

        demand_classes_add(&classes, 7, origin, rows[i].bytes);
        CHECK(demand_classes_get(&classes, 7) == NULL, "not before a job has told it");
        demand_classes_learn(&classes, 7, demand);
        demand_classes_learn(&classes, 8, demand); /* A number that the queue has no content of. */
        known = demand_classes_get(&classes, 7);
        CHECK_EQ(known == demand, rows[i].is_known, rows[i].what);
        CHECK(demand_classes_get(&classes, 8) == NULL, "another number");
        demand_destroy(known);
        demand_destroy(demand);
        demand_classes_finish(&classes);
    }
}
