#include "scheduler/known_manifests.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/memory.h"
#include "tests/test.h"

#define POD(name)                                                            \
    "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"" name \
    "\"},\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}}"

TEST(named_text_find__finds_the_name_of_the_metadata) {
    static const struct {
        const char *what;
        const char *text;
        const char *want; /* NULL: none */
    } rows[] = {
        {"plain", "{\"metadata\":{\"name\":\"etl-1\"}}", "etl-1"},
        {"spaces",
         " {\n \"kind\" : \"Pod\" ,\t\"metadata\" : { \"labels\":{\"name\":\"x\"},\r\n"
         " \"name\" : \"etl\" } }",
         "etl"},
        {"behind other values",
         "{\"a\":[1,{\"metadata\":{\"name\":\"x\"}},\"}\"],\"b\":\"\\\"metadata\",\"metadata\":{"
         "\"n\":null,\"name\":\"etl\"}}",
         "etl"},
        {"an escape before it", "{\"a\":\"\\\\\",\"metadata\":{\"name\":\"etl\"}}", "etl"},
        {"no metadata", "{\"spec\":{\"name\":\"x\"}}", NULL},
        {"no name", "{\"metadata\":{\"labels\":{\"name\":\"x\"}},\"name\":\"y\"}", NULL},
        {"metadata is no object", "{\"metadata\":\"name\"}", NULL},
        {"a name that is no text", "{\"metadata\":{\"name\":5}}", NULL},
        {"a name that is no label", "{\"metadata\":{\"name\":\"Etl\"}}", NULL},
        {"an escaped name", "{\"metadata\":{\"name\":\"a\\nb\"}}", NULL},
        {"an empty name", "{\"metadata\":{\"name\":\"\"}}", NULL},
        {"a comment", "{\"a\":1,# x\n\"metadata\":{\"name\":\"etl\"}}", NULL},
        {"YAML", "metadata: {name: etl}", NULL},
        {"a list", "[{\"metadata\":{\"name\":\"etl\"}}]", NULL},
        {"cut in a text", "{\"metadata\":{\"name\":\"et", NULL},
        {"cut behind a backslash", "{\"a\":\"\\", NULL},
        {"cut in a value", "{\"a\":[1", NULL},
        {"nothing", "", NULL},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct named_text named;
        bool found = named_text_find(rows[i].text, strlen(rows[i].text), &named);

        CHECK_EQ(found, rows[i].want != NULL, rows[i].what);
        if (found) {
            CHECK_EQ(named.name.bytes, strlen(rows[i].want), rows[i].what);
            CHECK_MEM(named.text + named.name.at, rows[i].want, named.name.bytes, rows[i].what);
        }
    }
}

#define SPARK(name, arguments)                                                        \
    "{\"apiVersion\":\"sparkoperator.k8s.io/v1beta2\",\"kind\":\"SparkApplication\"," \
    "\"metadata\":{\"name\":\"" name                                                  \
    "\"},\"spec\":{\"type\":\"Python\",\"mode\":\"cluster\",\"image\":\"i\","         \
    "\"mainApplicationFile\":\"local:///a.py\",\"sparkVersion\":\"3.5.1\","           \
    "\"arguments\":[" arguments "],\"driver\":{},\"executor\":{}}}"

TEST(named_text_find__finds_plain_arguments) {
    static const struct {
        const char *what;
        const char *text;
        size_t want;
    } rows[] = {
        {"two", SPARK("a", "\"x\", \"\""), 2},
        {"of a BatchJob",
         "{\"metadata\":{\"name\":\"a\"},\"spec\":{\"spark\":{\"arguments\":[\"1\"]}}}", 1},
        {"before the name", "{\"spec\":{\"arguments\":[\"1\"]},\"metadata\":{\"name\":\"a\"}}", 1},
        {"none", SPARK("a", ""), 0},
        {"one with an escape", SPARK("a", "\"x\",\"\\n\""), 0},
        {"one beyond ASCII", SPARK("a", "\"\xc3\xa9\""), 0},
        {"one that may be filled in", SPARK("a", "\"{{day}}\""), 0},
        {"one that is no text", SPARK("a", "\"x\",5"), 0},
        {"not in the spec",
         "{\"metadata\":{\"name\":\"a\"},\"arguments\":[\"1\"],\"spec\":{\"driver\":{"
         "\"arguments\":[\"1\"]}}}",
         0},
        {"as many as are kept apart",
         SPARK("a", "\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\","
                    "\"\",\"\""),
         16},
        {"more",
         SPARK("a", "\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\","
                    "\"\",\"\",\"\""),
         0},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct named_text named;

        CHECK(named_text_find(rows[i].text, strlen(rows[i].text), &named), rows[i].what);
        CHECK_EQ(named.argument_count, rows[i].want, rows[i].what);
    }
}

TEST(named_texts_find__cuts_a_list_into_its_manifests) {
    static const struct {
        const char *what;
        const char *text;
        size_t want; /* 0: none of ours */
    } rows[] = {
        {"one manifest", POD("a"), 1},
        {"a list",
         "{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":[" POD("a") "," POD("b") "]}", 2},
        {"in another order, with spaces",
         " {\"items\" : [ " POD("a") " ,\n" POD(
             "b") " ] ,\"kind\":\"List\",\"apiVersion\":\"v1\"} ",
         2},
        {"of nothing", "{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":[]}", 0},
        {"without items", "{\"apiVersion\":\"v1\",\"kind\":\"List\"}", 0},
        {"of another kind", "{\"apiVersion\":\"v1\",\"kind\":\"PodList\",\"items\":[" POD("a") "]}",
         0},
        {"one mark twice", "{\"kind\":\"List\",\"kind\":\"List\",\"items\":[" POD("a") "]}", 0},
        {"items twice",
         "{\"items\":[" POD("a") "],\"kind\":\"List\",\"apiVersion\":\"v1\",\"items\":[" POD(
             "b") "]}",
         0},
        {"another member",
         "{\"apiVersion\":\"v1\",\"kind\":\"List\",\"x\":1,\"items\":[" POD("a") "]}", 0},
        {"an item that is none",
         "{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":[" POD("a") ",5]}", 0},
        {"an item without a name",
         "{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":[" POD("a") ",{}]}", 0},
        {"a comma too much", "{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":[" POD("a") ",]}",
         0},
        {"cut", "{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":[" POD("a"), 0},
        {"something behind it",
         "{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":[" POD("a") "]}\n---\n", 0},
    };

    const struct known_texts none = {0};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct named_text *items = NULL;
        size_t count = 0;
        bool found = named_texts_find(&none, rows[i].text, strlen(rows[i].text), &items, &count);

        CHECK_EQ(found, rows[i].want > 0, rows[i].what);
        CHECK_EQ(count, rows[i].want, rows[i].what);
        for (size_t at = 0; at < count; at++) {
            CHECK_EQ(items[at].text[0], '{', rows[i].what);
            CHECK_EQ(items[at].text[items[at].name.at], (char)('a' + at), rows[i].what);
        }
        free(items);
    }
}

static struct known_manifests *read(const char *text) {
    struct known_manifests *known = known_manifests_create();
    struct problems problems = {0};

    CHECK_OK(manifest_set_parse(text, strlen(text), &known->set, &problems), text);
    problems_finish(&problems);
    return known;
}

static struct named_text named(const char *text) {
    struct named_text out;

    CHECK(named_text_find(text, strlen(text), &out), text);
    return out;
}

TEST(known_texts__recognises_another_name_and_nothing_else) {
    static const struct {
        const char *what;
        const char *text;
        bool want;
    } rows[] = {
        {"itself", POD("first"), true},
        {"another name", POD("a-longer-name"), true},
        {"a shorter one", POD("a"), true},
        {"another byte",
         "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"first\"},"
         "\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"j\"}]}}",
         false},
        {"a space more", " " POD("first"), false},
    };
    struct known_texts texts = {0};
    struct known_manifests *known = read(POD("first"));
    struct named_text first = named(POD("first"));

    CHECK(known_texts_get(&texts, &first) == NULL, "nothing is known yet");
    known_texts_put(&texts, &first, known);
    known_texts_put(&texts, &first, known);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct named_text text = named(rows[i].text);
        struct known_manifests *found = known_texts_get(&texts, &text);

        CHECK(found == (rows[i].want ? known : NULL), rows[i].what);
        known_manifests_destroy(found);
    }
    CHECK_EQ(known->uses, 2, "ours and the kept one");
    known_texts_finish(&texts);
    CHECK_EQ(known->uses, 1, "ours");
    known_manifests_destroy(known);
}

/* As the second item of a List. */
static struct named_text beside(const struct known_texts *texts, const char *text) {
    char *list =
        mem_format("{\"kind\":\"List\",\"apiVersion\":\"v1\",\"items\":[%s, %s]}", POD("a"), text);
    struct named_text *items = NULL;
    struct named_text found;
    size_t count = 0;

    CHECK(named_texts_find(texts, list, strlen(list), &items, &count), text);
    CHECK_EQ(count, 2, text);
    found = items[1];
    CHECK_MEM(found.text, text, found.bytes, text);
    found.text = text; /* The same bytes, and they stay. */
    free(items);
    free(list);
    return found;
}

/* A payload with other arguments is the one that the reader prints of such a text. */
TEST(known_manifests__print_what_the_reader_would) {
    static const struct {
        const char *what;
        const char *text;
        bool want;
        bool same; /* as what is known */
    } rows[] = {
        {"itself", SPARK("first", "\"1\", \"two\""), true, true},
        {"another name", SPARK("second", "\"1\", \"two\""), true, true},
        {"other arguments", SPARK("second", "\"a longer one, 'quoted'\", \"\""), true, false},
        {"one more", SPARK("first", "\"1\", \"two\", \"3\""), false, false},
        {"without the space", SPARK("first", "\"1\",\"two\""), false, false},
        {"one with an escape", SPARK("first", "\"1\", \"\\\"\""), false, false},
    };
    struct known_texts texts = {0};
    struct known_manifests *known = read(rows[0].text);
    struct named_text first = named(rows[0].text);

    known_texts_put(&texts, &first, known);
    for (size_t i = 0; i < 2 * ARRAY_LEN(rows); i++) {
        const char *what = rows[i / 2].what;
        struct named_text text = named(rows[i / 2].text);
        struct known_manifests *want = read(rows[i / 2].text);
        size_t bytes = want->set.items[0].payload_bytes;
        char *payload = mem_alloc(bytes, 1);
        struct known_manifests *found;

        if (i % 2 == 1) { /* The short way, by the last one known. */
            text = beside(&texts, rows[i / 2].text);
            CHECK_EQ(text.like != NULL, rows[i / 2].want, what);
        }
        found = known_texts_get(&texts, &text);
        CHECK_EQ(found != NULL, rows[i / 2].want, what);
        if (found != NULL) {
            CHECK_EQ(known_manifests_has_payload(found, &text), rows[i / 2].same, what);
            CHECK_EQ(known_manifests_payload_bytes(found, &text), bytes, what);
            known_manifests_print_payload(found, &text, payload);
            CHECK_MEM(payload, want->set.items[0].payload, bytes, what);
            CHECK_EQ(text.name.bytes, strlen(want->set.items[0].name), what);
            CHECK_MEM(text.text + text.name.at, want->set.items[0].name, text.name.bytes, what);
        }
        free(payload);
        known_manifests_destroy(want);
        known_manifests_destroy(found);
    }
    known_texts_finish(&texts);
    known_manifests_destroy(known);
}

/* One text, two places where a name could have been cut out. */
TEST(known_texts__knows_where_the_name_stood) {
    const char *one = "{\"metadata\":{\"name\":\"ab\",\"x\":\"\"}}";
    const char *other = "{\"metadata\":{\"name\":\"\",\"x\":\"ab\"}}";
    struct named_text first = named(one);
    struct named_text second = {
        .text = other, .bytes = strlen(other), .name = {(size_t)(strstr(other, "ab") - other), 2}};
    struct known_texts texts = {0};
    struct known_manifests *known = read(POD("first"));

    known_texts_put(&texts, &first, known);
    CHECK(known_texts_get(&texts, &second) == NULL, "the same rest, another place");
    known_texts_finish(&texts);
    known_manifests_destroy(known);
}

TEST(known_texts__keeps_the_rule_for_spark_names) {
    static const char text[] =
        "{\"apiVersion\":\"sparkoperator.k8s.io/"
        "v1beta2\",\"kind\":\"SparkApplication\",\"metadata\":{"
        "\"name\":\"%s\"},\"spec\":{\"type\":\"Python\",\"mode\":\"cluster\",\"image\":\"i\","
        "\"mainApplicationFile\":\"local:///a.py\",\"sparkVersion\":\"3.5.1\",\"driver\":{},"
        "\"executor\":{}}}";
    char *letter = mem_format(text, "a1");
    char *digit = mem_format(text, "1a");
    struct named_text first = named(letter);
    struct named_text second = named(digit);
    struct known_manifests *known = read(letter);
    struct known_texts texts = {0};

    known_texts_put(&texts, &first, known);
    CHECK(known_texts_get(&texts, &second) == NULL, "the reader will say what is wrong with it");
    known_texts_finish(&texts);
    known_manifests_destroy(known);
    free(letter);
    free(digit);
}

TEST(known_texts__stay_within_their_bound) {
    struct known_texts texts = {0};
    struct known_manifests *known = read(POD("first"));

    for (unsigned i = 0; i < 2 * LIMIT_MANIFESTS_KNOWN + 1; i++) {
        char text[128];
        struct named_text each;

        (void)snprintf(text, sizeof text, "{\"metadata\":{\"name\":\"a\"},\"x\":%u}", i);
        each = named(text);
        known_texts_put(&texts, &each, known);
        CHECK(texts.by_hash.count <= LIMIT_MANIFESTS_KNOWN, "bounded");
    }
    known_texts_finish(&texts);
    CHECK_EQ(known->uses, 1, "all are given back");
    known_manifests_destroy(known);
}
