#include "k8s/json_document.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/rng.h"
#include "tests/fake/json_twins.h"
#include "tests/test.h"

#define FILE_BYTES_MAX 100000
#define ROUNDS         40 /* damaged copies of each text */

static bool is_taken(const char *text) {
    struct json_document document;
    size_t at = 0;
    bool taken = json_document_read(text, strlen(text), &document, &at) == OK;

    if (taken) {
        json_document_finish(&document);
    }
    CHECK(json_twins_agree(text, strlen(text)), text);
    return taken;
}

TEST(json_document_read__takes_what_is_json_and_nothing_else) {
    static const struct {
        const char *text;
        bool taken;
    } rows[] = {
        {"{}", true},
        {" [ ] \r\n\t", true},
        {"{\"a\":{\"b\":[1,-2,0.5,1e3,true,false,null,\"x\"]},\"\":{}}", true},
        {"[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u00e9\\u20ac\\ud83d\\ude00\"]", true},
        {"[\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\x7f\"]", true},
        {"[9223372036854775807,-9223372036854775808,-0]", true},
        {"", false},
        {"1", false},
        {"\"a\"", false},
        {"{", false},
        {"[1", false},
        {"[1,]", false},
        {"[,1]", false},
        {"[1 2]", false},
        {"[1}", false},
        {"{]", false},
        {"{\"a\":1,}", false},
        {"{\"a\"}", false},
        {"{\"a\":}", false},
        {"{\"a\" 1}", false},
        {"{a:1}", false},
        {"{\"a\":1 \"b\":2}", false},
        {"{\"a\":1,\"a\":2}", false},
        {"{\"a\":1,\"\\u0061\":2}", false},
        {"{} {}", false},
        {"{},", false},
        {"]", false},
        {"[01]", false},
        {"[1.]", false},
        {"[.5]", false},
        {"[+1]", false},
        {"[-]", false},
        {"[1e]", false},
        {"[1e+]", false},
        {"[0x10]", false},
        {"[1e999]", false},
        {"[9223372036854775808]", false},
        {"[tru]", false},
        {"[truefalse]", false},
        {"[nullx]", false},
        {"[NaN]", false},
        {"[\"a]", false},
        {"[\"a\nb\"]", false},
        {"[\"\\x\"]", false},
        {"[\"\\\"]", false},
        {"[\"\\u12\"]", false},
        {"[\"\\u00g0\"]", false},
        {"[\"\\u0000\"]", false},
        {"[\"\\ud800\"]", false},
        {"[\"\\ud800\\u0041\"]", false},
        {"[\"\\udc00\"]", false},
        {"[\"\xff\"]", false},
        {"[\"\xc0\x80\"]", false},
        {"[\"\xed\xa0\x80\"]", false},
        {"[\"\xe2\x82\"]", false},
        {"[\"a\\n\xe2\"]", false},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CHECK_EQ(is_taken(rows[i].text), rows[i].taken, rows[i].text);
    }
    CHECK(json_twins_agree("[1]\0", 4), "a NUL after it");
    CHECK(json_twins_agree("[1\0]", 4), "a NUL that jansson overlooks");
    CHECK(json_twins_agree("[\"a\0b\"]", 7), "a NUL in a text");
}

TEST(json_document_read__bounds_the_depth) {
    char text[2 * JSON_DOCUMENT_DEPTH_MAX + 3] = "";
    size_t depth = JSON_DOCUMENT_DEPTH_MAX;

    memset(text, '[', depth);
    memset(text + depth, ']', depth);
    CHECK(is_taken(text), "as deep as allowed");
    memset(text, '[', depth + 1);
    memset(text + depth + 1, ']', depth + 1);
    CHECK(!is_taken(text), "one deeper");
}

/* Below and above what a document has room for by itself, in bytes and in nodes. */
TEST(json_document_read__takes_texts_of_every_size) {
    for (size_t count = 1; count < 3000; count += 1 + count / 16) {
        struct json_document document;
        const struct json_node *item = NULL;
        char *text = mem_alloc(1, 9 * count + 3);
        size_t used = 0;
        size_t at = 0;

        for (size_t i = 0; i < count; i++) {
            used += (size_t)snprintf(text + used, 10, "%c\"%zu\"", i == 0 ? '[' : ',', i);
        }
        text[used++] = ']';
        CHECK_OK(json_document_read(text, used, &document, &at), "read");
        CHECK_EQ(json_document_root(&document)->count, count, "items");
        for (size_t i = 0; i < count; i++) {
            item = json_node_next(json_document_root(&document), item);
            CHECK_EQ(strtoul(item->text, NULL, 10), i, "an item");
        }
        json_document_finish(&document);
        free(text);
    }
}

/* Below and above the number of keys that are compared each with each. */
TEST(json_document_read__finds_a_key_that_is_given_twice) {
    for (int count = 2; count < 80; count++) {
        for (int twice = 0; twice < 2; twice++) {
            char text[2000] = "{";
            int at = 1;

            for (int i = 0; i < count; i++) {
                at += snprintf(text + at, sizeof text - (size_t)at, "%s\"key-%d\":%d",
                               i == 0 ? "" : ",", twice && i == count - 1 ? count / 2 - 1 : i, i);
            }
            text[at] = '}';
            CHECK_EQ(is_taken(text), twice == 0, text);
        }
    }
}

TEST(json_node_member__finds_by_name_and_next_walks_in_order) {
    static const char text[] = "{\"a\":{\"b\":[1,[2,3],{}],\"c\":\"x\"},\"ab\":null}";
    const struct json_node *item = NULL;
    const struct json_node *list;
    const struct json_node *root;
    struct json_document document;
    size_t at;

    CHECK_OK(json_document_read(text, strlen(text), &document, &at), "read");
    root = json_document_root(&document);
    CHECK_EQ(root->count, 2, "its own members alone");
    CHECK(json_node_member(root, "b") == NULL, "not the members' members");
    CHECK_EQ(json_node_member(root, "ab")->kind, JSON_KIND_NULL, "a longer name");
    list = json_node_member(json_node_member(root, "a"), "b");
    CHECK_EQ(list->count, 3, "items");
    item = json_node_next(list, item);
    CHECK_EQ(item->integer, 1, "the first");
    item = json_node_next(list, item);
    CHECK_EQ(item->kind, JSON_KIND_ARRAY, "the second");
    item = json_node_next(list, item);
    CHECK_EQ(item->kind, JSON_KIND_OBJECT, "the third, beyond what the second holds");
    CHECK(json_node_next(list, item) == NULL, "the end");
    CHECK(json_node_next(item, NULL) == NULL, "an empty one");
    CHECK_STR(json_node_member(json_node_member(root, "a"), "c")->text, "x", "a text");
    json_document_finish(&document);
}

/* --- Beside jansson --------------------------------------------------------------------------- */

/* The text, then copies of it with a few bytes changed, dropped or repeated. */
static void compare(const char *text, size_t bytes, struct rng *rng, const char *what) {
    static const char bytes_of_json[] = "{}[]\",:\\u0dD8tnf-.eE \n";

    CHECK(json_twins_agree(text, bytes), what);
    for (int round = 0; round < ROUNDS && bytes > 0; round++) {
        char *copy = mem_copy(text, bytes);

        for (uint64_t change = 0; change <= rng_below(rng, 3); change++) {
            size_t at = (size_t)rng_below(rng, bytes);

            copy[at] = rng_below(rng, 2) == 0
                           ? (char)rng_below(rng, 256)
                           : bytes_of_json[rng_below(rng, sizeof bytes_of_json - 1)];
        }
        CHECK(json_twins_agree(copy, bytes - (size_t)rng_below(rng, 2)), what);
        free(copy);
    }
}

/* Each line for itself, and all together: recorded watches and answers with their heads. */
static size_t compare_file(const char *path, struct rng *rng) {
    char *text = mem_alloc(1, FILE_BYTES_MAX);
    FILE *file = fopen(path, "r");
    size_t count = 0;
    size_t bytes;

    CHECK(file != NULL, path);
    bytes = fread(text, 1, FILE_BYTES_MAX - 1, file);
    (void)fclose(file);
    compare(text, bytes, rng, path);
    for (char *line = text; line < text + bytes;) {
        char *end = memchr(line, '\n', (size_t)(text + bytes - line));

        end = end != NULL ? end : text + bytes;
        if (*line == '{' || *line == '[') {
            compare(line, (size_t)(end - line), rng, path);
            count++;
        }
        line = end + 1;
    }
    free(text);
    return count;
}

static size_t compare_folder(const char *folder, struct rng *rng) {
    DIR *directory = opendir(folder);
    size_t count = 0;
    struct dirent *entry;

    CHECK(directory != NULL, folder);
    while ((entry = readdir(directory)) != NULL) {
        char path[512];

        if (entry->d_name[0] != '.') {
            (void)snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
            count += compare_file(path, rng);
        }
    }
    (void)closedir(directory);
    return count;
}

TEST(json_document__says_what_jansson_says_of_recorded_exchanges_and_of_damaged_ones) {
    static const struct {
        const char *folder;
        size_t texts_min;
    } rows[] = {{"tests/fixtures/kube", 80},
                {"tests/fuzz/corpus/cluster_object", 1},
                {"tests/fuzz/corpus/json_document", 5},
                {"tests/fuzz/corpus/watch_line", 5},
                {"tests/fuzz/corpus/payload", 1}};
    struct rng rng;

    rng_init(&rng, 1);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CHECK(compare_folder(rows[i].folder, &rng) >= rows[i].texts_min, rows[i].folder);
    }
}
