#include "policy/demand.h"

#include "tests/policy/samples.h"
#include "tests/test.h"

static void check_amount(struct resource_names *names, const struct resources *have,
                         const char *name, const char *want, const char *what) {
    size_t kind;
    char text[QUANTITY_BYTES_MAX];

    CHECK_OK(resource_intern(names, name, &kind), name);
    resource_print(names, kind, have->amount[kind], text);
    CHECK_STR(text, want, what);
}

TEST(pod_demand_requests_and_limits__are_what_kubernetes_counts) {
    static const struct {
        const char *what;
        const char *pod;
        const char *cpu_request;
        const char *cpu_limit;
        const char *memory_request;
        const char *memory_limit;
    } rows[] = {
        {"nothing set", "main", "0", "0", "0", "0"},
        {"one container", "main cpu=1 memory=1Gi/2Gi", "1", "0", "1Gi", "2Gi"},
        {"the limit is the request", "main cpu=/500m", "500m", "500m", "0", "0"},
        {"a request of zero stays", "main cpu=0/500m", "0", "500m", "0", "0"},
        {"containers add up", "main cpu=1/2 main cpu=500m/1", "1500m", "3", "0", "0"},
        {"a small init container hides", "init cpu=1/1 main cpu=2/2", "2", "2", "0", "0"},
        {"a large init container counts", "init cpu=3/4 main cpu=2/2", "3", "4", "0", "0"},
        {"init containers run one by one", "init cpu=3 init cpu=2 main cpu=1", "3", "0", "0", "0"},
        {"kind by kind", "init cpu=3 memory=1Gi main cpu=1 memory=2Gi", "3", "0", "2Gi", "0"},
        {"a sidecar stays", "sidecar cpu=1/1 main cpu=2/2", "3", "3", "0", "0"},
        {"an init container after a sidecar runs beside it", "sidecar cpu=1 init cpu=3 main cpu=1",
         "4", "0", "0", "0"},
        {"an init container before a sidecar runs alone", "init cpu=3 sidecar cpu=1 main cpu=1",
         "3", "0", "0", "0"},
        {"sidecars alone while they start", "sidecar cpu=1 sidecar cpu=2 main", "3", "0", "0", "0"},
        {"overhead on requests", "main cpu=1 overhead cpu=250m memory=64Mi", "1250m", "0", "64Mi",
         "0"},
        {"overhead on limits that are set", "main cpu=1/1 overhead cpu=250m memory=64Mi", "1250m",
         "1250m", "64Mi", "0"},
        {"the whole pod's request wins", "main cpu=1 whole cpu=4", "4", "0", "0", "0"},
        {"the whole pod's limit", "main cpu=1/1 whole cpu=/4", "1", "4", "0", "0"},
        {"the whole pod's limit where nobody requests", "main whole cpu=/4", "4", "4", "0", "0"},
        {"overhead on the whole pod", "main whole cpu=4/4 overhead cpu=1", "5", "5", "0", "0"},
    };
    struct resource_names names = {0};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct pod_demand pod = {0};
        struct resources requests;
        struct resources limits;

        (void)sample_pod(&pod, &names, rows[i].pod);
        requests = pod_demand_requests(&pod);
        limits = pod_demand_limits(&pod);
        check_amount(&names, &requests, "cpu", rows[i].cpu_request, rows[i].what);
        check_amount(&names, &limits, "cpu", rows[i].cpu_limit, rows[i].what);
        check_amount(&names, &requests, "memory", rows[i].memory_request, rows[i].what);
        check_amount(&names, &limits, "memory", rows[i].memory_limit, rows[i].what);
        CHECK_EQ(requests.amount[RESOURCE_PODS], 1, "one pod");
        CHECK_EQ(limits.amount[RESOURCE_PODS], 0, "no limit of pods");
        pod_demand_finish(&pod);
    }
    resource_names_finish(&names);
}

TEST(pod_demand_is_best_effort__looks_at_cpu_and_memory) {
    static const struct {
        const char *pod;
        bool want;
    } rows[] = {
        {"main", true},
        {"main cpu=0", true},
        {"main nvidia.com/gpu=1/1", true},
        {"main ephemeral-storage=1Gi", true},
        {"main cpu=1", false},
        {"main memory=/1Gi", false},
        {"init cpu=1 main", false},
        {"main whole cpu=1", false},
    };
    struct resource_names names = {0};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct pod_demand pod = {0};

        (void)sample_pod(&pod, &names, rows[i].pod);
        CHECK_EQ(pod_demand_is_best_effort(&pod), rows[i].want, rows[i].pod);
        pod_demand_finish(&pod);
    }
    resource_names_finish(&names);
}

/* A Spark application with a driver of 1408Mi and five such executors. */
TEST(demand_settle__adds_up_the_gang) {
    struct resource_names names = {0};
    struct demand *demand = sample_demand(
        &names, "driver*1 main cpu=1 memory=1408Mi/1408Mi | executor*5 main cpu=1 "
                "memory=1408Mi/1408Mi | +services=1 +configmaps=1 +count/configmaps=1");

    check_amount(&names, &demand->requests, "cpu", "6", "cpu");
    check_amount(&names, &demand->limits, "cpu", "0", "no cpu limit");
    check_amount(&names, &demand->requests, "memory", "8448Mi", "memory");
    check_amount(&names, &demand->limits, "memory", "8448Mi", "memory limit");
    check_amount(&names, &demand->requests, "pods", "6", "pods");
    CHECK_EQ(demand->requests.amount[RESOURCE_MEMORY], INT64_C(8858370048), "to the byte");
    CHECK_EQ(demand_object_amount(demand, "services"), 1, "a service");
    CHECK_EQ(demand_object_amount(demand, "configmaps"), 2, "added up, count/ or not");
    CHECK_EQ(demand_object_amount(demand, "count/configmaps"), 2, "asked for, count/ or not");
    CHECK_EQ(demand_object_amount(demand, "secrets"), 0, "no secrets");
    CHECK_EQ(demand->object_count, 2, "two kinds of objects");
    CHECK_STR(demand->objects[0].key, "configmaps", "sorted");
    CHECK_STR(pod_role_text(demand->groups[1].role), "executor", "the second group");
    demand_destroy(demand);
    resource_names_finish(&names);
}

#define BASE "driver*1 main cpu=1/2 @disk=ssd ~gpu=yes | executor*2 main cpu=2 | +services=1"

/* Every row differs from the base in one thing. */
TEST(demand_equal__sees_every_difference) {
    static const struct {
        const char *what;
        const char *demand;
        bool want;
    } rows[] = {
        {"itself", BASE, true},
        {"count", "driver*1 main cpu=1/2 @disk=ssd ~gpu=yes | executor*3 main cpu=2 | +services=1",
         false},
        {"role", "pod*1 main cpu=1/2 @disk=ssd ~gpu=yes | executor*2 main cpu=2 | +services=1",
         false},
        {"request",
         "driver*1 main cpu=1/2 @disk=ssd ~gpu=yes | executor*2 main cpu=3 | "
         "+services=1",
         false},
        {"limit", "driver*1 main cpu=1/3 @disk=ssd ~gpu=yes | executor*2 main cpu=2 | +services=1",
         false},
        {"what is set",
         "driver*1 main cpu=1/2 @disk=ssd ~gpu=yes | executor*2 main cpu=2/0 | "
         "+services=1",
         false},
        {"kind of container",
         "driver*1 main cpu=1/2 @disk=ssd ~gpu=yes | executor*2 sidecar "
         "cpu=2 | +services=1",
         false},
        {"selector's value",
         "driver*1 main cpu=1/2 @disk=hdd ~gpu=yes | executor*2 main cpu=2 | "
         "+services=1",
         false},
        {"selector's key",
         "driver*1 main cpu=1/2 @disc=ssd ~gpu=yes | executor*2 main cpu=2 | "
         "+services=1",
         false},
        {"one selector more",
         "driver*1 main cpu=1/2 @disk=ssd @a=b ~gpu=yes | executor*2 main "
         "cpu=2 | +services=1",
         false},
        {"toleration",
         "driver*1 main cpu=1/2 @disk=ssd ~gpu=no | executor*2 main cpu=2 | "
         "+services=1",
         false},
        {"toleration's operator",
         "driver*1 main cpu=1/2 @disk=ssd ~gpu | executor*2 main cpu=2 "
         "| +services=1",
         false},
        {"priority class",
         "driver*1 main cpu=1/2 @disk=ssd ~gpu=yes ^high | executor*2 main "
         "cpu=2 | +services=1",
         false},
        {"run deadline",
         "driver*1 main cpu=1/2 @disk=ssd ~gpu=yes !deadline | executor*2 main "
         "cpu=2 | +services=1",
         false},
        {"overhead",
         "driver*1 main cpu=1/2 overhead cpu=1 @disk=ssd ~gpu=yes | executor*2 main "
         "cpu=2 | +services=1",
         false},
        {"objects",
         "driver*1 main cpu=1/2 @disk=ssd ~gpu=yes | executor*2 main cpu=2 | "
         "+services=2",
         false},
        {"kind of object",
         "driver*1 main cpu=1/2 @disk=ssd ~gpu=yes | executor*2 main cpu=2 | "
         "+secrets=1",
         false},
        {"one group less", "driver*1 main cpu=1/2 @disk=ssd ~gpu=yes | +services=1", false},
    };
    struct resource_names names = {0};
    struct demand *base = sample_demand(&names, BASE);

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct demand *demand = sample_demand(&names, rows[i].demand);

        CHECK_EQ(demand_equal(base, demand), rows[i].want, rows[i].what);
        CHECK(!rows[i].want || demand_hash(base) == demand_hash(demand), rows[i].what);
        demand_destroy(demand);
    }
    demand_destroy(base);
    resource_names_finish(&names);
}

TEST(demand_copy__is_deep_and_open) {
    struct resource_names names = {0};
    struct demand *base = sample_demand(&names, BASE);
    char *values[] = {(char[]){"a"}, (char[]){"b"}};
    const struct match_rule rule = {
        .key = (char[]){"zone"}, .operator= MATCH_IN, .values = values, .value_count = 2};
    struct demand *copy = demand_copy(base);
    struct demand *again;

    match_term_add_rule(pod_demand_add_term(&copy->groups[0].pod), &rule);
    demand_settle(copy);
    CHECK(!demand_equal(base, copy), "the base has no affinity");
    again = demand_copy(copy);
    demand_settle(again);
    CHECK(demand_equal(copy, again), "affinity is copied");
    CHECK(again->groups[0].pod.terms[0].rules[0].values[1] !=
              copy->groups[0].pod.terms[0].rules[0].values[1],
          "to the last text");
    demand_destroy(base);
    demand_destroy(copy);
    CHECK_STR(again->groups[0].pod.terms[0].rules[0].values[1], "b", "and stands alone");
    demand_destroy(again);
    resource_names_finish(&names);
}

TEST(demand_share__counts_uses) {
    struct resource_names names = {0};
    struct demand *demand = sample_demand(&names, BASE);

    CHECK_EQ(demand_share(demand), demand, "the same");
    demand_destroy(demand);
    CHECK_EQ(demand->group_count, 2, "one use is left");
    demand_destroy(demand);
    demand_destroy(NULL);
    resource_names_finish(&names);
}
