#include "k8s/codec_limit_range.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "k8s/codec_json.h"
#include "tests/test.h"

TEST(codec_limit_range_read__reads_a_real_servers_range) {
    FILE *file = fopen("tests/fixtures/kube/06b-limitrange-create.json", "r");
    struct resource_names names = {0};
    struct field_error error = {0};
    struct limit_range range;
    char json[4096];
    size_t count;

    CHECK(file != NULL, "the fixture");
    count = fread(json, 1, sizeof json, file);
    (void)fclose(file);
    CHECK_OK(codec_limit_range_read(json, count, &names, &range, &error), error.error.text);
    CHECK_STR(range.namespace, "team-b", "namespace");
    CHECK_STR(range.name, "lr", "name");
    CHECK_EQ(range.item_count, 1, "one item");
    CHECK_EQ(range.items[0].type, LIMIT_TYPE_CONTAINER, "of containers");
    CHECK_EQ(range.items[0].max.amounts.amount[RESOURCE_CPU], 1000, "max");
    CHECK_EQ(range.items[0].max.set, RESOURCE_BIT(RESOURCE_CPU), "of cpu alone");
    CHECK_EQ(range.items[0].default_limit.amounts.amount[RESOURCE_MEMORY], 64 << 20, "default");
    CHECK_EQ(range.items[0].default_request.amounts.amount[RESOURCE_CPU], 100, "defaultRequest");
    limit_range_finish(&range);
    resource_names_finish(&names);
}

TEST(codec_limit_range_read__keeps_ratios_pods_and_claims) {
    static const char json[] =
        "{\"metadata\":{\"name\":\"r\",\"namespace\":\"n\"},\"spec\":{\"limits\":["
        "{\"type\":\"PersistentVolumeClaim\",\"max\":{\"storage\":\"1Ti\"}},"
        "{\"type\":\"Pod\",\"min\":{\"memory\":\"1Mi\"},\"maxLimitRequestRatio\":{\"cpu\":\"1.5\","
        "\"memory\":\"2\"}}]}}";
    struct resource_names names = {0};
    struct field_error error = {0};
    struct limit_range range;

    CHECK_OK(codec_limit_range_read(json, strlen(json), &names, &range, &error), error.error.text);
    CHECK_EQ(range.item_count, 2, "both");
    CHECK_EQ(range.items[0].type, LIMIT_TYPE_CLAIM, "claims");
    CHECK_EQ(range.items[0].storage_max, INT64_C(1) << 40, "of so much");
    CHECK_EQ(range.items[1].type, LIMIT_TYPE_POD, "pods");
    CHECK_EQ(range.items[1].min.amounts.amount[RESOURCE_MEMORY], 1 << 20, "min");
    CHECK_EQ(range.items[1].ratio_max_milli.amounts.amount[RESOURCE_CPU], 1500, "a ratio");
    CHECK_EQ(range.items[1].ratio_max_milli.amounts.amount[RESOURCE_MEMORY], 2000, "in milli too");
    limit_range_finish(&range);
    resource_names_finish(&names);
}

TEST(codec_limit_range_read__refuses_wrong_types) {
    static const struct {
        const char *json;
        const char *path;
    } rows[] = {
        {"{\"spec\":{\"limits\":{}}}", "spec.limits"},
        {"{\"spec\":{\"limits\":[{\"type\":\"Pod\",\"max\":{\"cpu\":\"x\"}}]}}",
         "spec.limits[0].max.cpu"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct resource_names names = {0};
        struct field_error error = {0};
        struct limit_range range;

        CHECK_EQ(codec_limit_range_read(rows[i].json, strlen(rows[i].json), &names, &range, &error),
                 ERR_INVALID, rows[i].json);
        CHECK_STR(error.path, rows[i].path, rows[i].json);
        resource_names_finish(&names);
    }
}
