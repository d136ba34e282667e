#include "k8s/codec_node.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "k8s/codec_json.h"
#include "tests/test.h"

static char *read_fixture(const char *name) {
    char *path = mem_format("tests/fixtures/kube/%s.json", name);
    FILE *file = fopen(path, "r");
    char *text = mem_alloc(1 << 20, 1);
    size_t count;

    CHECK(file != NULL, path);
    count = fread(text, 1, (1 << 20) - 1, file);
    text[count] = '\0';
    (void)fclose(file);
    free(path);
    return text;
}

TEST(codec_node_read__reads_a_real_servers_nodes) {
    static const struct {
        const char *fixture;
        const char *name;
        const char *taint;
        const char *value;
        bool unschedulable;
    } rows[] = {
        {"04-node-status-patch", "node-a", "node.kubernetes.io/not-ready", "", false},
        {"04-node-cordon-taint-mergepatch", "node-b", "dedicated", "gpu", true},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct resource_names names = {0};
        struct field_error error = {0};
        struct node node;
        char *json = read_fixture(rows[i].fixture);

        CHECK_OK(codec_node_read(json, strlen(json), &names, &node, &error), rows[i].fixture);
        CHECK_STR(node.name, rows[i].name, rows[i].fixture);
        CHECK_EQ(node.taint_count, 1, rows[i].fixture);
        CHECK_STR(node.taints[0].key, rows[i].taint, rows[i].fixture);
        CHECK_STR(node.taints[0].value, rows[i].value, rows[i].fixture);
        CHECK_EQ(node.taints[0].effect, TAINT_NO_SCHEDULE, rows[i].fixture);
        CHECK_EQ(node.unschedulable, rows[i].unschedulable, rows[i].fixture);
        CHECK(node.ready, rows[i].fixture);
        CHECK_EQ(node.allocatable.amount[RESOURCE_CPU], 15500, rows[i].fixture);
        CHECK_EQ(node.allocatable.amount[RESOURCE_MEMORY], INT64_C(62) << 30, rows[i].fixture);
        CHECK_EQ(node.allocatable.amount[RESOURCE_EPHEMERAL_STORAGE], INT64_C(90) << 30,
                 rows[i].fixture);
        CHECK_EQ(node.allocatable.amount[RESOURCE_PODS], 110, rows[i].fixture);
        CHECK_EQ(node.allocatable.amount[resource_find(&names, "nvidia.com/gpu")], 4,
                 rows[i].fixture);
        CHECK_STR(node_label(&node, "kubernetes.io/hostname"), rows[i].name, rows[i].fixture);
        node_finish(&node);
        free(json);
        resource_names_finish(&names);
    }
}

TEST(codec_node_read__knows_a_resource_only_where_there_is_some) {
    static const char json[] = "{\"metadata\":{\"name\":\"n\"},\"status\":{\"allocatable\":"
                               "{\"hugepages-1Gi\":\"0\",\"cpu\":2,\"example.com/x\":3}}}";
    struct resource_names names = {0};
    struct field_error error = {0};
    struct node node;

    CHECK_OK(codec_node_read(json, strlen(json), &names, &node, &error), error.error.text);
    CHECK_EQ(resource_find(&names, "hugepages-1Gi"), RESOURCE_NONE, "none of it");
    CHECK_EQ(node.allocatable.amount[resource_find(&names, "example.com/x")], 3, "three of it");
    CHECK_EQ(node.allocatable.amount[RESOURCE_CPU], 2000, "a bare number");
    CHECK(!node.ready, "nobody said that it is ready");
    node_finish(&node);
    resource_names_finish(&names);
}

TEST(codec_node_read__bears_more_kinds_of_resources_than_there_is_room_for) {
    struct resource_names names = {0};
    struct field_error error = {0};
    struct node node;
    char json[4096] = "{\"metadata\":{\"name\":\"n\"},\"status\":{\"allocatable\":{";

    for (int i = 0; i < 2 * RESOURCE_KIND_MAX; i++) {
        size_t used = strlen(json);

        (void)snprintf(json + used, sizeof json - used, "\"example.com/r%d\":\"1\",", i);
    }
    memcpy(json + strlen(json), "\"cpu\":\"1\"}}}", sizeof "\"cpu\":\"1\"}}}");
    CHECK_OK(codec_node_read(json, strlen(json), &names, &node, &error), error.error.text);
    CHECK_EQ(node.allocatable.amount[RESOURCE_CPU], 1000, "what there is room for");
    node_finish(&node);
    resource_names_finish(&names);
}

TEST(codec_node_read__refuses_wrong_types) {
    static const struct {
        const char *json;
        const char *path;
    } rows[] = {
        {"{}", "metadata.name"},
        {"{\"metadata\":{\"name\":\"n\"},\"spec\":{\"unschedulable\":\"yes\"}}",
         "spec.unschedulable"},
        {"{\"metadata\":{\"name\":\"n\"},\"spec\":{\"taints\":[{\"key\":1}]}}",
         "spec.taints[0].key"},
        {"{\"metadata\":{\"name\":\"n\"},\"status\":{\"allocatable\":{\"cpu\":\"-1\"}}}",
         "status.allocatable.cpu"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct resource_names names = {0};
        struct field_error error = {0};
        struct node node;

        CHECK_EQ(codec_node_read(rows[i].json, strlen(rows[i].json), &names, &node, &error),
                 ERR_INVALID, rows[i].json);
        CHECK_STR(error.path, rows[i].path, rows[i].json);
        resource_names_finish(&names);
    }
}

TEST(codec_node_read__takes_pressure_for_the_taint_it_becomes) {
    static const char json[] =
        "{\"metadata\":{\"name\":\"n\"},\"spec\":{\"taints\":[{\"key\":"
        "\"node.kubernetes.io/disk-pressure\",\"effect\":\"NoSchedule\"}]},"
        "\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\"},"
        "{\"type\":\"MemoryPressure\",\"status\":\"True\"},"
        "{\"type\":\"PIDPressure\",\"status\":\"False\"},"
        "{\"type\":\"DiskPressure\",\"status\":\"True\"}]}}";
    struct resource_names names = {0};
    struct field_error error = {0};
    struct node node;

    CHECK_OK(codec_node_read(json, strlen(json), &names, &node, &error), error.error.text);
    CHECK(node.ready, "ready");
    CHECK_EQ(node.taint_count, 2, "one was there, one is made, one condition is false");
    CHECK_STR(node.taints[1].key, "node.kubernetes.io/memory-pressure", "made");
    CHECK_EQ(node.taints[1].effect, TAINT_NO_SCHEDULE, "as the node controller does");
    node_finish(&node);
    resource_names_finish(&names);
}
