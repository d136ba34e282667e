#include "config/node_pools.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "config/document.h"
#include "tests/test.h"

static void read_text(const char *text, struct pool_set *out_set, struct problems *problems) {
    struct document_set documents;

    CHECK_OK(document_set_parse(text, strlen(text), 1 << 20, &documents, problems), text);
    node_pools_read(&documents.documents[0], out_set, problems);
    problems_sort(problems);
    document_set_destroy(&documents);
}

TEST(node_pools_read__gives_the_template) {
    static const char text[] =
        "nodePools:\n"
        "  - name: spot\n"
        "    maxCount: 40\n"
        "    labels: {pool: spot, zone: \"1\"}\n"
        "    taints: [{key: spot, value: \"true\", effect: NoSchedule}]\n"
        "    allocatable: {cpu: 15500m, memory: 60Gi, nvidia.com/gpu: 4}\n"
        "  - {name: other, maxCount: 0, labels: {pool: b}, allocatable: {cpu: 1}}\n";
    struct problems problems = {0};
    struct pool_set set;

    read_text(text, &set, &problems);
    CHECK_EQ(problems.count, 0, "no problems");
    CHECK_EQ(set.count, 2, "pools");
    CHECK_STR(set.pools[0].name, "spot", "name");
    CHECK_EQ(set.pools[0].node_max, 40, "the most");
    CHECK_EQ(set.pools[0].label_count, 2, "labels");
    CHECK_STR(set.pools[0].taints[0].effect, "NoSchedule", "taint");
    CHECK_EQ(set.pools[0].allocatable_count, 3, "allocatable");
    CHECK_EQ(set.pools[1].taint_count, 0, "none");
    pool_set_finish(&set);
    problems_finish(&problems);
}

TEST(node_pools_read__refuses_with_a_place) {
    static const struct {
        const char *what;
        const char *text;
        const char *want;
    } rows[] = {
        {"nobody would be a member",
         "nodePools: [{name: a, maxCount: 1, labels: {}, allocatable: {cpu: 1}}]", "nodePools[0]"},
        {"no amount", "nodePools: [{name: a, maxCount: 1, labels: {a: b}, allocatable: {cpu: x}}]",
         "nodePools[0].allocatable.cpu"},
        {"too many", "nodePools: [{name: a, maxCount: 10001, labels: {a: b}, allocatable: {}}]",
         "nodePools[0].maxCount"},
        {"no such effect",
         "nodePools: [{name: a, maxCount: 1, labels: {a: b}, allocatable: {cpu: 1}, "
         "taints: [{key: k, effect: Never}]}]",
         "nodePools[0].taints[0].effect"},
        {"twice",
         "nodePools: [{name: a, maxCount: 1, labels: {a: b}, allocatable: {cpu: 1}}, "
         "{name: a, maxCount: 1, labels: {a: b}, allocatable: {cpu: 1}}]",
         "nodePools[1]"},
        {"without a size", "nodePools: [{name: a, maxCount: 1, labels: {a: b}}]", "nodePools[0]"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct problems problems = {0};
        struct pool_set set;

        read_text(rows[i].text, &set, &problems);
        CHECK_EQ(problems.count, 1, rows[i].what);
        CHECK(strncmp(problems.items[0].path, rows[i].want, strlen(rows[i].want)) == 0,
              problems.items[0].path);
        CHECK_EQ(set.count, 0, rows[i].what);
        problems_finish(&problems);
    }
}
