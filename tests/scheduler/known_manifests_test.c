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
            CHECK_EQ(named.name_bytes, strlen(rows[i].want), rows[i].what);
            CHECK_MEM(named.text + named.name_at, rows[i].want, named.name_bytes, rows[i].what);
        }
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

/* One text, two places where a name could have been cut out. */
TEST(known_texts__knows_where_the_name_stood) {
    const char *one = "{\"metadata\":{\"name\":\"ab\",\"x\":\"\"}}";
    const char *other = "{\"metadata\":{\"name\":\"\",\"x\":\"ab\"}}";
    struct named_text first = named(one);
    struct named_text second = {.text = other,
                                .bytes = strlen(other),
                                .name_at = (size_t)(strstr(other, "ab") - other),
                                .name_bytes = 2};
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
