#include "policy/quota.h"

#include "tests/policy/samples.h"
#include "tests/test.h"

/* A small Spark job: 5 cpu, 9Gi, 3 pods, 1 service, 2 config maps. */
#define SPARK                                                                          \
    "driver*1 main cpu=1/2 memory=1Gi/1Gi | executor*2 main cpu=2/2 memory=4Gi/4Gi | " \
    "+services=1 +configmaps=2"

static const struct {
    const char *key;
    enum quota_verdict want;
    int64_t needs;
} spark_keys[] = {
    {"cpu=5", QUOTA_FITS, 0},
    {"cpu=4999m", QUOTA_NEVER, 5000},
    {"requests.cpu=4", QUOTA_NEVER, 5000},
    {"limits.cpu=6", QUOTA_FITS, 0},
    {"limits.cpu=5", QUOTA_NEVER, 6000},
    {"memory=9Gi", QUOTA_FITS, 0},
    {"memory=8Gi", QUOTA_NEVER, INT64_C(9) << 30},
    {"requests.memory=8Gi", QUOTA_NEVER, INT64_C(9) << 30},
    {"limits.memory=8Gi", QUOTA_NEVER, INT64_C(9) << 30},
    {"pods=3", QUOTA_FITS, 0},
    {"pods=2", QUOTA_NEVER, 3},
    {"count/pods=2", QUOTA_NEVER, 3},
    {"services=1", QUOTA_FITS, 0},
    {"services=0", QUOTA_NEVER, 1},
    {"count/services=0", QUOTA_NEVER, 1},
    {"configmaps=1", QUOTA_NEVER, 2},
    {"count/configmaps=1", QUOTA_NEVER, 2},
    {"secrets=0", QUOTA_FITS, 0},
    {"persistentvolumeclaims=0", QUOTA_FITS, 0},
    {"count/deployments.apps=0", QUOTA_FITS, 0},
    {"requests.storage=0", QUOTA_FITS, 0},
    {"ephemeral-storage=0", QUOTA_FITS, 0},
    {"requests.ephemeral-storage=0", QUOTA_FITS, 0},
    {"requests.nvidia.com/gpu=0", QUOTA_FITS, 0},
    {"pods=5:2", QUOTA_FITS, 0},
    {"pods=5:3", QUOTA_SHORT, 3},
    {"services=3:3", QUOTA_SHORT, 1},
};

TEST(quota_check__charges_every_key) {
    struct resource_names names = {0};
    struct demand *demand = sample_demand(&names, SPARK);
    const struct usage none = {0};

    for (size_t i = 0; i < ARRAY_LEN(spark_keys); i++) {
        struct quota quota = sample_quota(&names, "team-a", "compute", spark_keys[i].key);
        const struct quota *quotas[] = {&quota};
        const struct quota_answer answer = quota_check(quotas, 1, demand, &none, NULL, 0);

        CHECK_EQ(answer.verdict, spark_keys[i].want, spark_keys[i].key);
        CHECK_EQ(answer.needs, spark_keys[i].needs, spark_keys[i].key);
        quota_finish(&quota);
    }
    demand_destroy(demand);
    resource_names_finish(&names);
}

TEST(quota_check__charges_storage_and_extended_resources) {
    static const struct {
        const char *quota;
        enum quota_verdict want;
    } rows[] = {
        {"requests.nvidia.com/gpu=8:2", QUOTA_SHORT},
        {"requests.nvidia.com/gpu=9:2", QUOTA_FITS},
        {"requests.storage=100Gi", QUOTA_FITS},
        {"requests.storage=99Gi", QUOTA_NEVER},
        {"fast.storageclass.storage.k8s.io/requests.storage=99Gi", QUOTA_NEVER},
        {"slow.storageclass.storage.k8s.io/requests.storage=0", QUOTA_FITS},
        {"persistentvolumeclaims=1", QUOTA_NEVER},
        {"ephemeral-storage=1Gi", QUOTA_FITS},
        {"limits.ephemeral-storage=1Gi", QUOTA_NEVER},
        {"hugepages-2Mi=2Mi", QUOTA_NEVER},
        {"requests.hugepages-2Mi=4Mi", QUOTA_FITS},
    };
    struct resource_names names = {0};
    struct demand *demand = sample_demand(
        &names, "pod*1 main nvidia.com/gpu=7/7 ephemeral-storage=1Gi/2Gi hugepages-2Mi=4Mi/4Mi | "
                "+persistentvolumeclaims=2 +requests.storage=107374182400 "
                "+fast.storageclass.storage.k8s.io/requests.storage=107374182400");
    const struct usage none = {0};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct quota quota = sample_quota(&names, "team-a", "compute", rows[i].quota);
        const struct quota *quotas[] = {&quota};

        CHECK_EQ(quota_check(quotas, 1, demand, &none, NULL, 0).verdict, rows[i].want,
                 rows[i].quota);
        quota_finish(&quota);
    }
    demand_destroy(demand);
    resource_names_finish(&names);
}

/* One key, needs 3: what is free is hard - max(used, own) - reserved. */
TEST(quota_check__takes_used_as_a_floor) {
    static const struct {
        const char *what;
        const char *quota;
        int64_t own;
        int64_t reserved[2];
        enum quota_verdict want;
        int64_t free;
    } rows[] = {
        {"empty", "pods=3", 0, {0, 0}, QUOTA_FITS, 0},
        {"used alone", "pods=10:8", 0, {0, 0}, QUOTA_SHORT, 2},
        {"own alone, used is stale", "pods=10:0", 8, {0, 0}, QUOTA_SHORT, 2},
        {"not both", "pods=10:7", 7, {0, 0}, QUOTA_FITS, 0},
        {"own is more", "pods=10:3", 8, {0, 0}, QUOTA_SHORT, 2},
        {"used is more", "pods=10:8", 3, {0, 0}, QUOTA_SHORT, 2},
        {"reserved on top", "pods=10:3", 3, {5, 0}, QUOTA_SHORT, 2},
        {"both reservations on top", "pods=10:3", 3, {2, 3}, QUOTA_SHORT, 2},
        {"an exact fit", "pods=10:3", 3, {2, 2}, QUOTA_FITS, 0},
        {"used above hard", "pods=3:9", 0, {0, 0}, QUOTA_SHORT, -6},
        {"hard below the need", "pods=2:1", 0, {0, 0}, QUOTA_NEVER, 1},
    };
    struct resource_names names = {0};
    struct demand *demand = sample_demand(&names, "pod*3 main");
    struct demand *one = sample_demand(&names, "pod*1 main");

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct quota quota = sample_quota(&names, "team-a", "compute", rows[i].quota);
        const struct quota *quotas[] = {&quota};
        struct usage own = {0};
        struct usage reserved[2] = {{0}, {0}};
        const struct usage *both[] = {&reserved[0], &reserved[1]};
        struct quota_answer answer;

        usage_add_demand(&own, one, rows[i].own);
        usage_add_demand(&reserved[0], one, rows[i].reserved[0]);
        usage_add_demand(&reserved[1], one, rows[i].reserved[1]);
        answer = quota_check(quotas, 1, demand, &own, both, 2);
        CHECK_EQ(answer.verdict, rows[i].want, rows[i].what);
        if (answer.verdict != QUOTA_FITS) {
            CHECK_EQ(answer.free, rows[i].free, rows[i].what);
            CHECK_EQ(answer.own, rows[i].own, rows[i].what);
            CHECK_EQ(answer.reserved, rows[i].reserved[0] + rows[i].reserved[1], rows[i].what);
            CHECK_STR(answer.item->key, "pods", rows[i].what);
        }
        usage_finish(&own);
        usage_finish(&reserved[0]);
        usage_finish(&reserved[1]);
        quota_finish(&quota);
    }
    demand_destroy(one);
    demand_destroy(demand);
    resource_names_finish(&names);
}

TEST(quota_check__names_the_first_short_key_of_the_worst_kind) {
    static const struct {
        const char *what;
        const char *first;
        const char *second;
        enum quota_verdict want;
        const char *quota;
        const char *key;
    } rows[] = {
        {"all fit", "pods=9", "requests.cpu=9", QUOTA_FITS, NULL, NULL},
        {"the second quota", "pods=9", "services=9 pods=9:9", QUOTA_SHORT, "b", "pods"},
        {"the first of two", "services=1:1 pods=9:9", "pods=9:9", QUOTA_SHORT, "a", "services"},
        {"never beats short", "pods=9:9", "services=0", QUOTA_NEVER, "b", "services"},
        {"no room for nothing is fine", "secrets=1:9", "requests.nvidia.com/gpu=0", QUOTA_FITS,
         NULL, NULL},
    };
    struct resource_names names = {0};
    struct demand *demand = sample_demand(&names, SPARK);
    const struct usage none = {0};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct quota a = sample_quota(&names, "team-a", "a", rows[i].first);
        struct quota b = sample_quota(&names, "team-a", "b", rows[i].second);
        const struct quota *quotas[] = {&a, &b};
        const struct quota_answer answer = quota_check(quotas, 2, demand, &none, NULL, 0);

        CHECK_EQ(answer.verdict, rows[i].want, rows[i].what);
        if (rows[i].quota != NULL) {
            CHECK_STR(answer.quota->name, rows[i].quota, rows[i].what);
            CHECK_STR(answer.item->key, rows[i].key, rows[i].what);
        }
        quota_finish(&a);
        quota_finish(&b);
    }
    demand_destroy(demand);
    resource_names_finish(&names);
}

TEST(quota_check__wants_containers_to_say_what_it_covers) {
    static const struct {
        const char *what;
        const char *quota;
        const char *demand;
        const char *missing; /* NULL: nothing */
    } rows[] = {
        {"the server's own example",
         "limits.cpu=4 limits.memory=4Gi pods=8 requests.cpu=4 requests.memory=4Gi "
         "requests.nvidia.com/gpu=8",
         "pod*1 main", "limits.cpu,limits.memory,requests.cpu,requests.memory"},
        {"all said", "limits.cpu=4 requests.memory=4Gi", "pod*1 main cpu=1/1 memory=1Gi", NULL},
        {"a limit says the request", "requests.cpu=4", "pod*1 main cpu=/1", NULL},
        {"a request does not say the limit", "limits.cpu=4", "pod*1 main cpu=1", "limits.cpu"},
        {"bare names", "cpu=4 memory=4Gi", "pod*1 main", "cpu,memory"},
        {"zero is said", "requests.cpu=4", "pod*1 main cpu=0", NULL},
        {"every container", "requests.cpu=4", "pod*1 main cpu=1 main", "requests.cpu"},
        {"init containers too", "requests.cpu=4", "pod*1 init main cpu=1", "requests.cpu"},
        {"every group", "requests.cpu=4", "driver*1 main cpu=1 | executor*1 main", "requests.cpu"},
        {"a group of none", "requests.cpu=4", "driver*1 main cpu=1 | executor*0 main", NULL},
        {"the whole pod says it", "requests.cpu=4", "pod*1 main whole cpu=1", NULL},
        {"other keys ask nothing", "pods=4 ephemeral-storage=1Gi requests.nvidia.com/gpu=1",
         "pod*1 main", NULL},
    };
    struct resource_names names = {0};
    const struct usage none = {0};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct quota quota = sample_quota(&names, "team-a", "team-quota", rows[i].quota);
        const struct quota *quotas[] = {&quota};
        struct demand *demand = sample_demand(&names, rows[i].demand);
        const struct quota_answer answer = quota_check(quotas, 1, demand, &none, NULL, 0);
        char text[128];

        CHECK_EQ(answer.verdict, rows[i].missing != NULL ? QUOTA_MUST_SPECIFY : QUOTA_FITS,
                 rows[i].what);
        quota_missing_print(&quota, demand, text, sizeof text);
        CHECK_STR(text, rows[i].missing != NULL ? rows[i].missing : "", rows[i].what);
        demand_destroy(demand);
        quota_finish(&quota);
    }
    resource_names_finish(&names);
}

TEST(quota_matches__evaluates_scopes) {
    static const struct {
        const char *what;
        const char *scope;
        const char *operator;
        const char *values[2];
        size_t value_count;
        const char *demand;
        bool want;
    } rows[] = {
        {"terminating", "Terminating", NULL, {NULL}, 0, "pod*1 main !deadline", true},
        {"not so", "Terminating", NULL, {NULL}, 0, "pod*1 main", false},
        {"not terminating", "NotTerminating", NULL, {NULL}, 0, "pod*1 main", true},
        {"not so", "NotTerminating", NULL, {NULL}, 0, "pod*1 main !deadline", false},
        {"best effort", "BestEffort", NULL, {NULL}, 0, "pod*1 main", true},
        {"not so", "BestEffort", NULL, {NULL}, 0, "pod*1 main cpu=1", false},
        {"not best effort", "NotBestEffort", NULL, {NULL}, 0, "pod*1 main cpu=1", true},
        {"not so", "NotBestEffort", NULL, {NULL}, 0, "pod*1 main", false},
        {"class in", "PriorityClass", "In", {"low", "high"}, 2, "pod*1 main ^high", true},
        {"class not in the list",
         "PriorityClass",
         "In",
         {"low", "mid"},
         2,
         "pod*1 main ^high",
         false},
        {"no class is in no list", "PriorityClass", "In", {"low", "mid"}, 2, "pod*1 main", false},
        {"not in", "PriorityClass", "NotIn", {"low"}, 1, "pod*1 main ^high", true},
        {"exists", "PriorityClass", "Exists", {NULL}, 0, "pod*1 main ^high", true},
        {"exists not", "PriorityClass", "Exists", {NULL}, 0, "pod*1 main", false},
        {"does not exist", "PriorityClass", "DoesNotExist", {NULL}, 0, "pod*1 main", true},
        {"a plain scope", "PriorityClass", NULL, {NULL}, 0, "pod*1 main ^high", true},
        {"one that looks beyond its namespace",
         "CrossNamespacePodAffinity",
         NULL,
         {NULL},
         0,
         "pod*1 main",
         false},
        {"of claims alone",
         "VolumeAttributesClass",
         "DoesNotExist",
         {NULL},
         0,
         "pod*1 main",
         false},
        {"an unknown scope is left to the server",
         "Galactic",
         NULL,
         {NULL},
         0,
         "pod*1 main",
         false},
        {"an unknown operator too", "PriorityClass", "Near", {"low"}, 1, "pod*1 main ^high", false},
    };
    struct resource_names names = {0};
    const struct usage none = {0};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct quota made = sample_quota(&names, "team-a", "scoped", "pods=0 services=0");
        struct quota quota;
        const struct quota *quotas[] = {&quota};
        struct demand *demand = sample_demand(&names, rows[i].demand);
        struct pod_scope scope = pod_group_scope(&demand->groups[0]);

        quota_add_scope(&made, rows[i].scope, rows[i].operator, rows[i].values,
                        rows[i].value_count);
        quota_copy(&made, &quota);
        quota_finish(&made);
        CHECK_EQ(quota_matches(&quota, &scope), rows[i].want, rows[i].what);
        CHECK_EQ(quota_check(quotas, 1, demand, &none, NULL, 0).verdict,
                 rows[i].want ? QUOTA_NEVER : QUOTA_FITS, rows[i].what);
        demand_destroy(demand);
        quota_finish(&quota);
    }
    resource_names_finish(&names);
}

TEST(quota_check__leaves_objects_out_of_scoped_quotas) {
    struct resource_names names = {0};
    struct quota quota = sample_quota(&names, "team-a", "scoped", "services=0");
    const struct quota *quotas[] = {&quota};
    struct demand *demand = sample_demand(&names, "pod*1 main | +services=1");
    const struct usage none = {0};

    CHECK_EQ(quota_check(quotas, 1, demand, &none, NULL, 0).verdict, QUOTA_NEVER, "no scopes");
    quota_add_scope(&quota, "NotTerminating", NULL, NULL, 0);
    CHECK_EQ(quota_check(quotas, 1, demand, &none, NULL, 0).verdict, QUOTA_FITS, "scoped");
    demand_destroy(demand);
    quota_finish(&quota);
    quota_finish(NULL);
    resource_names_finish(&names);
}

TEST(quota_item_amount__counts_the_pods_its_scopes_match) {
    static const struct {
        const char *what;
        const char *class; /* NULL: no scopes */
        int64_t pods;
        int64_t services;
    } rows[] = {
        {"no scopes: all pods, and objects", NULL, 5, 3},
        {"one class", "high", 2, 0},
        {"another class", "low", 3, 0},
        {"a class nobody has", "mid", 0, 0},
    };
    struct resource_names names = {0};
    struct demand *demand =
        sample_demand(&names, "driver*2 main ^high | executor*3 main ^low | +services=3");
    struct usage own = {0};

    usage_add_demand(&own, demand, 1);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct quota quota = sample_quota(&names, "team-a", "q", "pods=9 services=9");

        if (rows[i].class != NULL) {
            quota_add_scope(&quota, "PriorityClass", "In", &rows[i].class, 1);
        }
        CHECK_EQ(quota_item_amount(&quota, &quota.items[0], &own), rows[i].pods, rows[i].what);
        CHECK_EQ(quota_item_amount(&quota, &quota.items[1], &own), rows[i].services, rows[i].what);
        quota_finish(&quota);
    }
    usage_finish(&own);
    demand_destroy(demand);
    resource_names_finish(&names);
}

TEST(quota_add_item__refuses_what_it_cannot_count) {
    static const struct {
        const char *key;
        const char *hard;
        const char *used;
        int want;
    } rows[] = {
        {"pods", "3", NULL, OK},
        {"pods", "3", "", OK},
        {"pods", "three", "0", ERR_INVALID},
        {"requests.cpu", "1", "x", ERR_INVALID},
        {"requests.memory", "100E", "0", ERR_FULL},
        {"requests.", "1", "0", ERR_INVALID},
        {"limits.a b", "1", "0", OK},
    };
    struct resource_names names = {0};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct quota quota;

        quota_init(&quota, "n", "q");
        CHECK_EQ(quota_add_item(&quota, &names, rows[i].key, rows[i].hard, rows[i].used),
                 rows[i].want, rows[i].key);
        CHECK_EQ(quota.item_count, rows[i].want == OK, rows[i].key);
        quota_finish(&quota);
    }
    resource_names_finish(&names);
}

TEST(quota_item_print__uses_the_keys_unit) {
    static const struct {
        const char *key;
        int64_t amount;
        const char *want;
    } rows[] = {
        {"requests.cpu", 1500, "1500m"},      {"limits.memory", 1 << 30, "1Gi"},
        {"requests.storage", 1 << 30, "1Gi"}, {"pods", 1500, "1500"},
        {"count/services", 2, "2"},
    };
    struct resource_names names = {0};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct quota quota;
        char text[QUANTITY_BYTES_MAX];

        quota_init(&quota, "n", "q");
        CHECK_OK(quota_add_item(&quota, &names, rows[i].key, "1", "0"), rows[i].key);
        quota_item_print(&quota.items[0], &names, rows[i].amount, text);
        CHECK_STR(text, rows[i].want, rows[i].key);
        quota_finish(&quota);
    }
    resource_names_finish(&names);
}
