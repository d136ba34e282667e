#include "k8s/codec_json.h"

#include <stdlib.h>
#include <string.h>

#include "tests/test.h"

TEST(json_parse_object__takes_whole_bounded_objects_only) {
    static const struct {
        const char *json;
        size_t bytes_max;
        int want;
    } rows[] = {
        {"{}", 10, OK},
        {"{} ", 10, OK},
        {"{}", 2, OK},
        {"{}", 1, ERR_FULL},
        {"", 10, ERR_INVALID},
        {"[]", 10, ERR_INVALID},
        {"{} x", 10, ERR_INVALID},
        {"{\"a\":1,\"a\":2}", 100, ERR_INVALID},
        {"{\"a\":\"\xFF\"}", 100, ERR_INVALID},
        {"{\"a\":\"\\u0000\"}", 100, ERR_INVALID},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct field_error error = {0};
        struct json_t *root = NULL;
        int r =
            json_parse_object(rows[i].json, strlen(rows[i].json), rows[i].bytes_max, &root, &error);

        CHECK_EQ(r, rows[i].want, rows[i].json);
        CHECK_EQ(error.error.code, rows[i].want, rows[i].json);
        json_drop(root);
    }
}

TEST(json_get__reads_its_type_leaves_alone_what_is_absent_and_names_what_is_wrong) {
    static const char json[] = "{\"t\":\"x\",\"n\":7,\"b\":true,\"z\":null,\"l\":[{\"a.b\":[1]}],"
                               "\"q\":0.1,\"i\":2,\"when\":\"2026-11-22T14:18:10Z\"}";
    struct field_error error = {0};
    struct json_t *root = NULL;
    struct json_at top;
    struct json_at at;
    const char *text = "kept";
    int64_t number = -1;
    bool truth = false;
    char path[FIELD_PATH_BYTES_MAX];

    CHECK_OK(json_parse_object(json, strlen(json), sizeof json, &root, &error), "parse");
    top = json_at_root(root);
    at = json_at_key(&top, "absent");
    CHECK_OK(json_get_text(&at, &text, &error), "absent");
    CHECK_STR(text, "kept", "absent");
    at = json_at_key(&top, "z");
    CHECK_OK(json_get_int64(&at, &number, &error), "null is absent");
    CHECK_EQ(number, -1, "null is absent");
    at = json_at_key(&top, "t");
    CHECK_OK(json_get_text(&at, &text, &error), "text");
    CHECK_STR(text, "x", "text");
    at = json_at_key(&top, "b");
    CHECK_OK(json_get_bool(&at, &truth, &error), "bool");
    CHECK(truth, "bool");
    at = json_at_key(&top, "q");
    CHECK_OK(json_get_milli(&at, &number, &error), "a fraction");
    CHECK_EQ(number, 100, "not a thousandth more");
    at = json_at_key(&top, "i");
    CHECK_OK(json_get_milli(&at, &number, &error), "a number");
    CHECK_EQ(number, 2000, "a number");
    at = json_at_key(&top, "when");
    CHECK_OK(json_get_time_us(&at, &number, &error), "a time");
    CHECK_EQ(number, INT64_C(1795357090) * 1000000, "a time");
    at = json_at_key(&top, "l");
    {
        struct json_at item = json_at_index(&at, 0);
        struct json_at list = json_at_key(&item, "a.b");
        struct json_at deep = json_at_index(&list, 0);
        size_t count;

        CHECK_EQ(json_get_text(&deep, &text, &error), ERR_INVALID, "a number is no text");
        CHECK_STR(error.path, "l[0].a.b[0]", "its path");
        CHECK_STR(error.error.text, "must be a text, not a number", "its words");
        CHECK_EQ(json_fail(&top, &error, ERR_FULL, "later"), ERR_FULL, "a later cause");
        CHECK_STR(error.path, "l[0].a.b[0]", "the first one stays");
        CHECK_EQ(json_get_count(&list, 0, &count, NULL), ERR_FULL, "too many");
        json_at_path(&deep, path);
        CHECK_STR(path, "l[0].a.b[0]", "the path");
    }
    json_drop(root);
}
