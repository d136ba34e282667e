#include "policy/reason.h"

#include "tests/policy/samples.h"
#include "tests/test.h"

TEST(reason_print__says_what_a_quota_lacks) {
    static const struct {
        const char *what;
        const char *quota;
        const char *own;
        const char *reserved;
        const char *demand;
        const char *want_code;
        const char *want;
    } rows[] = {
        {"pods and reservations", "requests.memory=100Gi:80Gi", "pod*1 main memory=84Gi",
         "pod*1 main memory=6Gi", "pod*1 main memory=24Gi", "Quota",
         "quota team-a/compute requests.memory: needs 24Gi, free 10Gi of 100Gi (pods 84Gi, "
         "reserved 6Gi)"},
        {"used is the floor", "requests.cpu=4:3500m", "pod*1 main cpu=1", "pod*0 main",
         "pod*1 main cpu=1500m", "Quota",
         "quota team-a/compute requests.cpu: needs 1500m, free 500m of 4 (used 3500m, reserved "
         "0)"},
        {"counts", "count/pods=3:3", "pod*0 main", "pod*0 main", "pod*2 main", "Quota",
         "quota team-a/compute count/pods: needs 2, free 0 of 3 (used 3, reserved 0)"},
        {"less than nothing is nothing", "pods=3:9", "pod*0 main", "pod*0 main", "pod*2 main",
         "Quota", "quota team-a/compute pods: needs 2, free 0 of 3 (used 9, reserved 0)"},
        {"storage", "requests.storage=1Gi:1Gi", "pod*0 main", "pod*0 main",
         "pod*1 main | +requests.storage=1048576", "Quota",
         "quota team-a/compute requests.storage: needs 1Mi, free 0 of 1Gi (used 1Gi, reserved 0)"},
        {"never", "requests.cpu=4", "pod*0 main cpu=1", "pod*0 main", "pod*1 main cpu=5",
         "QuotaNever", "quota team-a/compute requests.cpu: needs 5, more than its hard 4"},
        {"must specify", "limits.cpu=4 requests.memory=1Gi", "pod*0 main", "pod*0 main",
         "pod*1 main cpu=5", "QuotaMustSpecify",
         "failed quota: compute: must specify limits.cpu,requests.memory"},
        {"must specify everything",
         "cpu=4 limits.cpu=4 limits.memory=4 memory=4 requests.cpu=4 requests.memory=4",
         "pod*0 main", "pod*0 main", "pod*1 main", "QuotaMustSpecify",
         "failed quota: compute: must specify cpu,limits.cpu,limits.memory,memory,requests.cpu,"
         "requests.memory"},
    };
    struct resource_names names = {0};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct quota quota = sample_quota(&names, "team-a", "compute", rows[i].quota);
        const struct quota *quotas[] = {&quota};
        struct demand *own_demand = sample_demand(&names, rows[i].own);
        struct demand *reserved_demand = sample_demand(&names, rows[i].reserved);
        struct demand *demand = sample_demand(&names, rows[i].demand);
        struct usage own = {0};
        struct usage reserved = {0};
        const struct usage *both[] = {&reserved};
        struct quota_answer answer;
        struct reason reason;
        char text[REASON_TEXT_BYTES];

        usage_add_demand(&own, own_demand, 1);
        usage_add_demand(&reserved, reserved_demand, 1);
        answer = quota_check(quotas, 1, demand, &own, both, 1);
        reason = reason_quota(&answer, demand);
        quota_finish(&quota);
        reason_print(&reason, &names, text);
        CHECK_STR(text, rows[i].want, rows[i].what);
        CHECK_STR(reason_code_text((enum reason_code)reason.code), rows[i].want_code, rows[i].what);
        demand_destroy(own_demand);
        demand_destroy(reserved_demand);
        demand_destroy(demand);
        usage_finish(&own);
        usage_finish(&reserved);
    }
    resource_names_finish(&names);
}

TEST(reason_print__says_what_nodes_lack) {
    static const struct {
        const char *what;
        enum reason_code code;
        const char *demand;
        const char *want;
    } rows[] = {
        {"the nearest node", REASON_CAPACITY, "executor*4 main cpu=1 memory=6Gi",
         "nodes: room for 1 of 4 executor pods; one more needs memory 6Gi, the nearest node, "
         "worker-7, has 4Gi (1 of 1 nodes match)"},
        {"no node", REASON_CAPACITY, "driver*1 main cpu=1 @disk=ssd",
         "nodes: none of 1 accepts the driver pod; the nearest, worker-7, has no label disk=ssd"},
        {"never", REASON_CAPACITY_NEVER, "pod*1 main cpu=64",
         "nodes: even empty, room for 0 of 1 pods; one more needs cpu 64, the nearest node, "
         "worker-7, has 8 (1 of 1 nodes match)"},
        {"never, no node", REASON_CAPACITY_NEVER, "pod*1 main ~x @disk=ssd",
         "nodes: none of 1 accepts the pod; the nearest, worker-7, has no label disk=ssd"},
    };
    struct resource_names names = {0};
    struct node node = sample_node(&names, "worker-7", "cpu=8 memory=10Gi pods=110");

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct place place = {.run_count = 0};
        struct demand *demand = sample_demand(&names, rows[i].demand);
        struct place_miss miss;
        struct reason reason;
        char text[REASON_TEXT_BYTES];

        place_add_node(&place, &node, &node.allocatable);
        CHECK(!place_gang(&place, demand, &miss), rows[i].what);
        reason = reason_capacity(rows[i].code, &place, demand, &miss);
        reason_print(&reason, &names, text);
        CHECK_STR(text, rows[i].want, rows[i].what);
        demand_destroy(demand);
        place_finish(&place);
    }
    node_finish(&node);
    resource_names_finish(&names);
}

TEST(reason_print__has_a_sentence_for_every_code) {
    const struct resource_names names = {0};

    for (uint32_t code = REASON_NONE + 1; code < REASON_CODE_COUNT; code++) {
        const struct reason reason = reason_plain((enum reason_code)code);
        char text[REASON_TEXT_BYTES] = "";

        reason_print(&reason, &names, text);
        CHECK(text[0] != '\0', reason_code_text((enum reason_code)code));
        CHECK(reason_code_text((enum reason_code)code)[0] != '\0', text);
    }
}

TEST(reason_print__says_who_is_ahead_and_until_when) {
    const struct resource_names names = {0};
    struct reason reason = reason_behind(17, REASON_QUOTA);
    char text[REASON_TEXT_BYTES];

    reason_print(&reason, &names, text);
    CHECK_STR(text, "behind job 17, which waits for quota", "quota");
    reason = reason_behind(17, REASON_CAPACITY);
    reason_print(&reason, &names, text);
    CHECK_STR(text, "behind job 17, which waits for room on the nodes", "capacity");
    reason = reason_behind(17, REASON_NONE);
    reason_print(&reason, &names, text);
    CHECK_STR(text, "behind job 17", "whatever it waits for");
    reason = reason_retry_wait(INT64_C(1795384800000000));
    reason_print(&reason, &names, text);
    CHECK_STR(text, "the next attempt starts at 2026-11-22T22:00:00Z at the earliest", "retry");
}

TEST(reason_print__says_who_has_a_pod_name) {
    static const struct {
        enum reason_holder holder;
        uint64_t job_id;
        const char *want;
    } rows[] = {
        {HOLDER_JOB, 12, "job 12 has it, or is next to; jobs of one name run one by one"},
        {HOLDER_POD, 12, "the pod of job 12 has it, and has neither finished nor gone yet"},
        {HOLDER_ENDED, 12, "the ended pod of job 12 has it, and goes once its log is stored"},
        {HOLDER_NEXT, 0, "nobody has it; not looked at yet"},
        {HOLDER_FOREIGN, 0,
         "a pod that is not of this queue has it, and is left alone; the job can start as soon as "
         "that pod is gone"},
        {HOLDER_FOREIGN_ENDED, 0,
         "an ended pod that is not of this queue has it, and is left alone; the job can start as "
         "soon as somebody deletes that pod"},
    };
    const struct resource_names names = {0};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct reason reason = reason_pod_name(rows[i].holder, rows[i].job_id, "a/etl");
        char text[REASON_TEXT_BYTES];

        reason_print(&reason, &names, text);
        CHECK(strncmp(text, "pod name a/etl: ", 16) == 0, text);
        CHECK_STR(text + 16, rows[i].want, "what is said");
    }
}

TEST(reason_quota__cuts_long_names) {
    struct resource_names names = {0};
    char name[200];
    struct quota quota;
    const struct quota *quotas[] = {&quota};
    struct demand *demand = sample_demand(&names, "pod*1 main");
    const struct usage none = {0};
    struct quota_answer answer;
    struct reason reason;

    memset(name, 'q', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    quota = sample_quota(&names, "team-a", name, "pods=0");
    answer = quota_check(quotas, 1, demand, &none, NULL, 0);
    reason = reason_quota(&answer, demand);
    CHECK_EQ(strlen(reason.name), REASON_NAME_BYTES - 1, "cut");
    CHECK(strncmp(reason.name, "team-a/qqq", 10) == 0, "from the end");
    quota_finish(&quota);
    demand_destroy(demand);
    resource_names_finish(&names);
}

TEST(reason_capacity__names_the_pool_that_has_to_grow) {
    static const struct {
        const char *what;
        const char *demand;
        enum reason_code code;
        const char *want;
    } rows[] = {
        {"its nodes are taken by pods on their way", "executor*2 main cpu=4", REASON_CAPACITY,
         "nodes: waiting for node pool spot to grow; room for 1 of 2 executor pods; one more needs "
         "cpu 4, the nearest, a new node of pool, spot, has 1 (1 of 1 nodes match)"},
        {"its nodes are too small", "executor*1 main cpu=9", REASON_CAPACITY_NEVER,
         "nodes: even empty, room for 0 of 1 executor pods; one more needs cpu 9, the nearest, a "
         "new "
         "node of pool, spot, has 5 (1 of 1 nodes match)"},
        {"its nodes are others", "pod*1 main @zone=b", REASON_CAPACITY_NEVER,
         "nodes: none of 1 accepts the pod; the nearest, a new node of pool, spot, has no label "
         "zone=b"},
    };
    struct resource_names names = {0};
    struct node node = sample_node(&names, "spot", "cpu=5 pods=110");
    char pool[] = "spot";

    node.pool = pool;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct place place = {.run_count = 0};
        struct demand *demand = sample_demand(&names, rows[i].demand);
        struct place_miss miss;
        struct reason reason;
        char text[REASON_TEXT_BYTES];

        place_add_node(&place, &node, &node.allocatable);
        CHECK(!place_gang(&place, demand, &miss), rows[i].what);
        reason = reason_capacity(rows[i].code, &place, demand, &miss);
        reason_print(&reason, &names, text);
        CHECK_STR(text, rows[i].want, rows[i].what);
        demand_destroy(demand);
        place_finish(&place);
    }
    node.pool = NULL;
    node_finish(&node);
    resource_names_finish(&names);
}
