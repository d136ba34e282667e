#include "policy/demand_change.h"

#include "tests/test.h"

#define GIB ((int64_t)1 << 30)
#define MIB ((int64_t)1 << 20)

static struct demand *gang(void) {
    struct demand *demand = demand_create();
    struct pod_group *driver = demand_add_group(demand, POD_ROLE_DRIVER, 1);
    struct container_demand *container = pod_demand_add_container(&driver->pod, CONTAINER_INIT);

    container_demand_request(container, RESOURCE_MEMORY, MIB);
    container = pod_demand_add_container(&driver->pod, CONTAINER_MAIN);
    container_demand_request(container, RESOURCE_MEMORY, GIB);
    container_demand_limit(container, RESOURCE_MEMORY, 2 * GIB);
    container = pod_demand_add_container(&driver->pod, CONTAINER_MAIN);
    container_demand_request(container, RESOURCE_MEMORY, 64 * MIB);
    container = pod_demand_add_container(&demand_add_group(demand, POD_ROLE_EXECUTOR, 3)->pod,
                                         CONTAINER_MAIN);
    container_demand_request(container, RESOURCE_MEMORY, 2 * GIB);
    demand_settle(demand);
    return demand;
}

TEST(demand_grown_bytes__are_whole_mib_rounded_up) {
    static const struct {
        int64_t bytes;
        uint32_t permille;
        int64_t want;
    } rows[] = {
        {GIB, 1500, 1536 * MIB},      {GIB, 1000, GIB},  {GIB, 0, GIB},
        {GIB, 1001, 1026 * MIB},      {1000, 1500, MIB}, {0, 2000, 0},
        {INT64_MAX, 2000, INT64_MAX},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CHECK_EQ(demand_grown_bytes(rows[i].bytes, rows[i].permille), rows[i].want, "row");
    }
}

TEST(demand_changed__grows_the_first_main_container_of_a_role) {
    struct demand *demand = gang();
    struct demand *driver =
        demand_changed(demand, &(struct demand_change){.driver_permille = 1500});
    struct demand *both = demand_changed(
        demand, &(struct demand_change){.driver_permille = 1500, .executor_permille = 2000});
    struct demand *same = demand_changed(demand, &(struct demand_change){.driver_permille = 1000});

    CHECK_EQ(demand_role_memory(demand, false), GIB + 64 * MIB, "before");
    CHECK_EQ(demand_role_memory(driver, false), 1536 * MIB + 64 * MIB, "the driver");
    CHECK_EQ(driver->groups[0].limits.amount[RESOURCE_MEMORY], 3 * GIB, "its limit");
    CHECK_EQ(demand_role_memory(driver, true), 2 * GIB, "not the executors");
    CHECK_EQ(demand_role_memory(both, true), 4 * GIB, "they too");
    CHECK_EQ(both->requests.amount[RESOURCE_MEMORY], 1600 * MIB + 12 * GIB, "the sum is new");
    CHECK(same == demand, "no difference, no copy");
    demand_destroy(same);
    demand_destroy(both);
    demand_destroy(driver);
    demand_destroy(demand);
}

TEST(demand_changed__keeps_every_pod_off_the_avoided_nodes) {
    static const char *const avoided[] = {"node-a", "node-b"};
    const struct demand_change change = {.avoided = avoided, .avoided_count = 2};
    struct demand *demand = gang();
    struct demand *changed;
    char *values[] = {NULL};
    char key[] = "zone";
    char value[] = "east";
    struct demand *two = demand_create();
    struct pod_group *group = demand_add_group(two, POD_ROLE_POD, 1);

    changed = demand_changed(demand, &change);
    for (size_t i = 0; i < changed->group_count; i++) {
        CHECK_EQ(changed->groups[i].pod.term_count, 1, "one term");
        CHECK_EQ(changed->groups[i].pod.terms[0].rule_count, 2, "a rule a node");
        CHECK(changed->groups[i].pod.terms[0].rules[1].on_name, "by its name");
    }
    demand_destroy(changed);
    values[0] = value;
    match_term_add_rule(
        pod_demand_add_term(&group->pod),
        &(struct match_rule){.key = key, .operator= MATCH_IN, .values = values, .value_count = 1});
    (void)pod_demand_add_term(&group->pod); /* matches nothing */
    demand_settle(two);
    changed = demand_changed(two, &change);
    CHECK_EQ(changed->groups[0].pod.terms[0].rule_count, 3, "each term has them");
    CHECK_EQ(changed->groups[0].pod.terms[1].rule_count, 0, "one that matches nothing still does");
    demand_destroy(changed);
    demand_destroy(two);
    demand_destroy(demand);
}
