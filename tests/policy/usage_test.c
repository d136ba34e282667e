#include "policy/usage.h"

#include "tests/policy/samples.h"
#include "tests/test.h"

TEST(usage_add_pods__keeps_scopes_apart) {
    const struct pod_scope plain = {.priority_class = NULL};
    const struct pod_scope empty = {.priority_class = ""};
    const struct pod_scope high = {.priority_class = "high"};
    const struct pod_scope brief = {.has_run_deadline = true};
    const struct pod_scope poor = {.best_effort = true};
    const struct resources one = {{1000, 1, 0, 1}};
    const struct resources limit = {{2000}};
    struct usage usage = {0};

    usage_add_pods(&usage, &plain, &one, &limit, false, 2);
    usage_add_pods(&usage, &empty, &one, &limit, false, 1);
    usage_add_pods(&usage, &high, &one, &limit, false, 1);
    usage_add_pods(&usage, &brief, &one, &limit, false, 1);
    usage_add_pods(&usage, &poor, &one, &limit, false, 1);
    CHECK_EQ(usage.bucket_count, 4, "no class and an empty one are the same");
    CHECK_EQ(usage.buckets[0].sum.requests.amount[RESOURCE_PODS], 3, "three plain pods");
    CHECK_EQ(usage.buckets[0].sum.limits.amount[RESOURCE_CPU], 6000, "their limits");
    usage_add_pods(&usage, &high, &one, &limit, false, -1);
    CHECK_EQ(usage.buckets[1].sum.requests.amount[RESOURCE_CPU], 0, "taken away");
    usage_finish(&usage);
    usage_finish(NULL);
}

TEST(usage_add_pods__counts_finished_ones_apart) {
    const struct pod_scope plain = {.priority_class = NULL};
    const struct resources one = {{1000, 1, 0, 1}};
    struct usage usage = {0};

    usage_add_pods(&usage, &plain, &one, &one, true, 1);
    CHECK_EQ(usage.buckets[0].sum.pods_all, 1, "count/pods");
    CHECK_EQ(usage.buckets[0].sum.requests.amount[RESOURCE_PODS], 0, "but not pods");
    CHECK_EQ(usage.buckets[0].sum.requests.amount[RESOURCE_CPU], 0, "nor cpu");
    usage_finish(&usage);
}

TEST(usage_add_demand__adds_pods_and_objects) {
    struct resource_names names = {0};
    struct usage usage = {0};
    struct demand *demand = sample_demand(
        &names, "driver*1 main cpu=1 | executor*2 main cpu=2 ^low | +services=1 +configmaps=2");

    usage_add_demand(&usage, demand, 3);
    CHECK_EQ(usage.bucket_count, 2, "two classes");
    CHECK_EQ(usage.buckets[0].sum.requests.amount[RESOURCE_CPU], 3000, "drivers");
    CHECK_EQ(usage.buckets[1].sum.requests.amount[RESOURCE_CPU], 12000, "executors");
    CHECK_EQ(usage.buckets[1].sum.pods_all, 6, "six of them");
    CHECK_EQ(usage_object_amount(&usage, "configmaps"), 6, "objects");
    CHECK_EQ(usage_object_amount(&usage, "count/services"), 3, "under either name");
    CHECK_EQ(usage_object_amount(&usage, "secrets"), 0, "none of these");
    usage_add_demand(&usage, demand, -2);
    CHECK_EQ(usage.buckets[1].sum.requests.amount[RESOURCE_CPU], 4000, "two jobs less");
    usage_clear(&usage);
    CHECK_EQ(usage_object_amount(&usage, "configmaps"), 0, "cleared");
    CHECK_EQ(usage.buckets[1].sum.pods_all, 0, "cleared");
    demand_destroy(demand);
    usage_finish(&usage);
    resource_names_finish(&names);
}
