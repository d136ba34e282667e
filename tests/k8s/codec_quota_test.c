#include "k8s/codec_quota.h"

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

static const struct quota_item *item_of(const struct quota *quota, const char *key) {
    for (size_t i = 0; i < quota->item_count; i++) {
        if (strcmp(quota->items[i].key, key) == 0) {
            return &quota->items[i];
        }
    }
    test_fail(__FILE__, __LINE__, key, "no such item");
}

TEST(codec_quota_read__reads_a_real_servers_quota) {
    struct resource_names names = {0};
    struct field_error error = {0};
    struct quota quota;
    char *json = read_fixture("03-resourcequota-get");

    CHECK_OK(codec_quota_read(json, strlen(json), &names, &quota, &error), error.error.text);
    CHECK_STR(quota.namespace, "team-a", "namespace");
    CHECK_STR(quota.name, "team-quota", "name");
    CHECK_EQ(quota.item_count, 6, "its keys");
    CHECK_EQ(item_of(&quota, "limits.cpu")->hard, 4000, "cpu is in thousandths");
    CHECK_EQ(item_of(&quota, "requests.memory")->hard, INT64_C(4) << 30, "memory is in bytes");
    CHECK_EQ(item_of(&quota, "pods")->hard, 8, "pods are counted");
    CHECK_EQ(item_of(&quota, "requests.nvidia.com/gpu")->hard, 8, "so are GPUs");
    quota_finish(&quota);
    free(json);
    resource_names_finish(&names);
}

TEST(codec_quota_read__takes_what_is_enforced_and_the_wish_until_then) {
    static const struct {
        const char *what;
        const char *status;
        int64_t hard;
        int64_t used;
    } rows[] = {
        {"no status", "", 2, 0},
        {"an empty status", ",\"status\":{}", 2, 0},
        {"an empty list", ",\"status\":{\"hard\":{}}", 2, 0},
        {"the status is behind the spec",
         ",\"status\":{\"hard\":{\"pods\":\"5\"},\"used\":{\"pods\":\"3\"}}", 5, 3},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char *json = mem_format("{\"metadata\":{\"name\":\"q\",\"namespace\":\"n\"},\"spec\":{"
                                "\"hard\":{\"pods\":\"2\"}}%s}",
                                rows[i].status);
        struct resource_names names = {0};
        struct field_error error = {0};
        struct quota quota;

        CHECK_OK(codec_quota_read(json, strlen(json), &names, &quota, &error), rows[i].what);
        CHECK_EQ(item_of(&quota, "pods")->hard, rows[i].hard, rows[i].what);
        CHECK_EQ(item_of(&quota, "pods")->used, rows[i].used, rows[i].what);
        quota_finish(&quota);
        free(json);
        resource_names_finish(&names);
    }
}

TEST(codec_quota_read__reads_scopes) {
    static const char json[] =
        "{\"metadata\":{\"name\":\"q\",\"namespace\":\"n\"},\"spec\":{\"hard\":{\"pods\":\"1\"},"
        "\"scopes\":[\"NotTerminating\"],\"scopeSelector\":{\"matchExpressions\":[{\"scopeName\":"
        "\"PriorityClass\",\"operator\":\"In\",\"values\":[\"high\",\"low\"]}]}}}";
    struct resource_names names = {0};
    struct field_error error = {0};
    struct quota quota;

    CHECK_OK(codec_quota_read(json, strlen(json), &names, &quota, &error), error.error.text);
    CHECK_EQ(quota.selector_count, 2, "both kinds");
    CHECK_EQ(quota.selectors[0].scope, QUOTA_SCOPE_NOT_TERMINATING, "a plain scope");
    CHECK_EQ(quota.selectors[1].scope, QUOTA_SCOPE_PRIORITY_CLASS, "an expression");
    CHECK_EQ(quota.selectors[1].operator, MATCH_IN, "its operator");
    CHECK_STR(quota.selectors[1].values[1], "low", "its values");
    quota_finish(&quota);
    resource_names_finish(&names);
}

TEST(codec_quota_read__refuses_wrong_types) {
    static const struct {
        const char *json;
        const char *path;
    } rows[] = {
        {"{\"spec\":{\"hard\":[]}}", "spec.hard"},
        {"{\"spec\":{\"hard\":{\"pods\":\"many\"}}}", "spec.hard.pods"},
        {"{\"status\":{\"hard\":{\"pods\":\"1\"},\"used\":{\"pods\":true}}}", "status.used.pods"},
        {"{\"spec\":{\"scopes\":[1]}}", "spec.scopes[0]"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct resource_names names = {0};
        struct field_error error = {0};
        struct quota quota;

        CHECK_EQ(codec_quota_read(rows[i].json, strlen(rows[i].json), &names, &quota, &error),
                 ERR_INVALID, rows[i].json);
        CHECK_STR(error.path, rows[i].path, rows[i].json);
        resource_names_finish(&names);
    }
}
