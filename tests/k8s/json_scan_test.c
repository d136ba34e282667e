#include "k8s/json_scan.h"

#include <string.h>

#include "base/error.h"
#include "tests/test.h"

TEST(json_scan_text__knows_whole_values_from_broken_ones) {
    static const struct {
        const char *what;
        const char *text;
        bool is_json;
    } rows[] = {
        {"object", " {\"a\":1 , \"b\" : [ ] } \n", true},
        {"nested", "[[{\"a\":{\"b\":[1,2,{}]}},\"]\"],null]", true},
        {"escaped quote", "\"a\\\"b\"", true},
        {"escaped backslash", "[\"a\\\\\"]", true},
        {"number", "-1.5e10", true},
        {"empty", "", false},
        {"blanks", "  ", false},
        {"cut in an object", "{\"a\":1", false},
        {"cut in a string", "{\"a\":\"x", false},
        {"cut in an escape", "\"\\", false},
        {"wrong bracket", "[1}", false},
        {"no comma", "[1 2]", false},
        {"comma at the end", "[1,]", false},
        {"comma at the end of an object", "{\"a\":1,}", false},
        {"comma first", "[,1]", false},
        {"no colon", "{\"a\" 1}", false},
        {"no value", "{\"a\":}", false},
        {"key without quotes", "{a:1}", false},
        {"two values", "{} {}", false},
        {"a line break in a string", "\"a\nb\"", false},
        {"closing bracket alone", "]", false},
        {"garbage", "\x01\x02", false},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct json_slice value;
        int r = json_scan_text(rows[i].text, strlen(rows[i].text), &value);

        CHECK_EQ(r == OK, rows[i].is_json, rows[i].what);
    }
}

TEST(json_scan_text__bounds_the_depth) {
    char text[2 * JSON_SCAN_DEPTH_MAX + 2];
    struct json_slice value;

    memset(text, '[', JSON_SCAN_DEPTH_MAX);
    memset(text + JSON_SCAN_DEPTH_MAX, ']', JSON_SCAN_DEPTH_MAX);
    CHECK_OK(json_scan_text(text, 2 * JSON_SCAN_DEPTH_MAX, &value), "as deep as allowed");
    memset(text, '[', JSON_SCAN_DEPTH_MAX + 1);
    memset(text + JSON_SCAN_DEPTH_MAX + 1, ']', JSON_SCAN_DEPTH_MAX + 1);
    CHECK_EQ(json_scan_text(text, sizeof text, &value), ERR_INVALID, "one deeper");
}

TEST(json_scan_is_whole__only_after_all_of_a_sound_text) {
    static const struct {
        const char *text;
        bool whole;
    } rows[] = {{" {\"a\":1} \n", true}, {"[]", true},       {"{\"a\":1} x", false},
                {"{\"a\":1", false},     {"{\"a\":", false}, {"{\"a\":1}}", false},
                {"[1,]", false},         {"1", false},       {"", false}};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct json_cursor cursor =
            json_scan_members((struct json_slice){rows[i].text, strlen(rows[i].text)});
        struct json_slice key;
        struct json_slice value;

        CHECK(!json_scan_is_whole(&cursor), "not before the walk");
        while (json_scan_next(&cursor, &key, &value)) {
        }
        CHECK_EQ(json_scan_is_whole(&cursor), rows[i].whole, rows[i].text);
        CHECK(!json_scan_next(&cursor, &key, &value), "the end stays the end");
    }
}

TEST(json_scan_next__walks_in_order_and_reports_damage) {
    static const char text[] = "{\"a\":1,\"b\":[\"x\",{\"c\":2}],\"a\":3}";
    struct json_slice value = {text, sizeof text - 1};
    struct json_slice broken = {"[1,x2,!]", 8};
    struct json_slice key;
    struct json_slice item;
    struct json_cursor cursor;
    char copy[8];

    CHECK(json_scan_member(value, "b", &item), "b is there");
    CHECK_MEM(item.at, "[\"x\",{\"c\":2}]", item.bytes, "its bytes");
    cursor = json_scan_members(item);
    CHECK(json_scan_next(&cursor, &key, &item) && json_scan_is_text(item, "x"), "x");
    CHECK(json_scan_copy_text(item, copy, sizeof copy), "a text");
    CHECK_STR(copy, "x", "the text");
    CHECK(!json_scan_copy_text(item, copy, 1), "no room");
    CHECK(json_scan_next(&cursor, &key, &item) && item.bytes == 7, "the object");
    CHECK(!json_scan_next(&cursor, &key, &item) && !cursor.failed, "the end");
    CHECK(json_scan_member(value, "a", &item) && *item.at == '1', "the first of two");
    CHECK(!json_scan_member(value, "c", &item), "not on this level");
    cursor = json_scan_members(broken);
    CHECK(json_scan_next(&cursor, &key, &item), "1");
    CHECK(json_scan_next(&cursor, &key, &item), "a word; spelling is the codec's matter");
    CHECK(!json_scan_next(&cursor, &key, &item) && cursor.failed, "damage");
}
