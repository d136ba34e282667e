#include "config/json_text.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/rng.h"
#include "config/arena.h"
#include "config/document.h"
#include "tests/test.h"

/* Everything a node knows. */
static void describe(const struct text_node *node, struct buf *out) {
    buf_add_format(out, "%d%s %u:%u %u:%u %s=%s\n", (int)node->kind, node->plain ? "p" : "",
                   node->place.line, node->place.column, node->key_place.line,
                   node->key_place.column, node->key != NULL ? node->key : "-",
                   node->text != NULL ? node->text : "-");
    for (uint32_t i = 0; i < node->count; i++) {
        describe(&node->items[i], out);
    }
    buf_add_text(out, "<\n");
}

/* What is read quickly is read so by YAML too: a comment sends the text there. */
static bool check_same(const char *text, const char *what) {
    struct arena *arena = arena_create();
    struct text_node root = {0};
    struct document_set set = {0};
    struct problems problems = {0};
    struct buf yaml;
    struct buf quick;
    struct buf want;
    bool is_ours = json_text_parse(text, strlen(text), 1, arena, &root);

    buf_init(&yaml, LIMIT_MIB);
    buf_init(&quick, LIMIT_MIB);
    buf_init(&want, LIMIT_MIB);
    if (is_ours) {
        buf_add_text(&yaml, text);
        buf_add_text(&yaml, "\n# read as YAML\n");
        CHECK_OK(document_set_parse(yaml.data, yaml.bytes, LIMIT_MIB, &set, &problems), what);
        CHECK_EQ(set.count, 1, what);
        describe(&root, &quick);
        describe(&set.documents[0], &want);
        CHECK_STR(buf_text(&quick), buf_text(&want), what);
    }
    buf_finish(&yaml);
    buf_finish(&quick);
    buf_finish(&want);
    document_set_destroy(&set);
    problems_finish(&problems);
    arena_destroy(arena);
    return is_ours;
}

TEST(json_text_parse__reads_as_yaml_does) {
    static const char *const texts[] = {
        "{}",
        " \r\n{ } \n",
        "{\"a\":1}",
        "{\"b\":1,\"a\":[true,false,null,0,-1,1.5,-0,1e3,1E-2,12345678901234567890]}",
        "{\"text\":\"a\\\"b\\\\c\\/d\\be\\ff\\ng\\rh\\ti\"}",
        "{\"a\":{\"b\":{\"c\":[[],{},[[1]]]}},\n  \"d\": [\n    1,\n    2\n  ]\n}",
        "{\"quoted\":\"5\",\"word\":\"true\",\"none\":\"\",\"<<\":1,\"\":2,\"#\":\"#\"}",
        "{\"z\":1,\"y\":2,\"x\":3,\"w\":4,\"zz\":5,\"a\":6,\"aa\":7,\"b\":8,\"c\":9,\"d\":10,"
        "\"e\":11,\"f\":12,\"g\":13,\"h\":14,\"i\":15,\"j\":16,\"k\":17,\"l\":18,\"m\":19,"
        "\"n\":20,\"o\":21,\"p\":22,\"q\":23,\"r\":24,\"s\":25,\"t\":26,\"u\":27,\"v\":28}",
        "{\r\n\"a\" :\t1 ,\r\n\"b\": [ 1 , 2 ] }\r\n",
    };

    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        CHECK(check_same(texts[i], texts[i]), texts[i]);
    }
}

/* YAML's rules of layout are not JSON's. */
TEST(json_text_parse__takes_what_only_json_allows) {
    static const char *const texts[] = {"{\n\t\"a\": 1\n}", "{\"a\"\n:1}", "{\"a\":\"\t\"}"};

    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct arena *arena = arena_create();
        struct text_node root;

        CHECK_EQ(json_text_parse(texts[i], strlen(texts[i]), 1, arena, &root), i < 2, texts[i]);
        arena_destroy(arena);
    }
}

TEST(json_text_parse__leaves_the_rest_to_yaml) {
    static const char *const texts[] = {
        "",
        "a: 1",
        "[1]",
        "5",
        "\"a\"",
        "{",
        "{\"a\"",
        "{\"a\":",
        "{\"a\":1",
        "{\"a\":1,}",
        "{,}",
        "{\"a\":1 \"b\":2}",
        "{\"a\":[1,]}",
        "{\"a\":[1}",
        "{\"a\":1}}",
        "{\"a\":1}{\"b\":2}",
        "{\"a\":1}\n---\n{\"b\":2}",
        "{\"a\":1} # comment",
        "{a:1}",
        "{'a':1}",
        "{\"a\":yes}",
        "{\"a\":01}",
        "{\"a\":-}",
        "{\"a\":+1}",
        "{\"a\":.5}",
        "{\"a\":1.}",
        "{\"a\":1e}",
        "{\"a\":0x10}",
        "{\"a\":NaN}",
        "{\"a\":True}",
        "{\"a\":}",
        "{\"a\":\"b}",
        "{\"a\":\"\\u0041\"}",
        "{\"a\":\"\\x41\"}",
        "{\"a\":\"\\",
        "{\"a\":\"\xc3\xa9\"}",
        "{\"a\":\"\x7f\"}",
        "{\"a\":\"line\nbreak\"}",
        "{\"a\":\"tab\tin it\"}",
        "{\"a\":1,\"a\":2}",
        "{\"a\":1,\r\"b\":2}",
    };

    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        CHECK(!check_same(texts[i], texts[i]), texts[i]);
    }
}

static void nest(struct buf *out, size_t depth) {
    buf_add_text(out, "{\"a\":");
    for (size_t i = 1; i < depth; i++) {
        buf_add_char(out, '[');
    }
    buf_add_char(out, '1');
    for (size_t i = 1; i < depth; i++) {
        buf_add_char(out, ']');
    }
    buf_add_char(out, '}');
}

TEST(json_text_parse__keeps_the_bounds) {
    struct buf text;

    buf_init(&text, LIMIT_MIB);
    nest(&text, LIMIT_MANIFEST_DEPTH);
    CHECK(check_same(buf_text(&text), "as deep as may be"), "as deep as may be");
    buf_clear(&text);
    nest(&text, LIMIT_MANIFEST_DEPTH + 1);
    CHECK(!check_same(buf_text(&text), "too deep"), "too deep");
    buf_clear(&text);
    buf_add_format(&text, "{\"%0900d\":1}", 0);
    CHECK(check_same(buf_text(&text), "a long key"), "a long key");
    buf_clear(&text);
    buf_add_format(&text, "{\"%01100d\":1}", 0);
    CHECK(!check_same(buf_text(&text), "too long a key"), "too long a key");
    buf_finish(&text);
}

/* --- Chance ---------------------------------------------------------------------------------- */

static void space(struct rng *rng, struct buf *out) {
    static const char *const spaces[] = {"", "", "", " ", "\n", "\r\n", "  "};

    buf_add_text(out, spaces[rng_below(rng, ARRAY_LEN(spaces))]);
}

static void make_text(struct rng *rng, struct buf *out) {
    static const char *const parts[] = {"a",  "key", " ",  "\\n", "\\\"", "#",    ": ",
                                        "- ", "{",   "]",  "0",   "true", "\\\\", "\\/",
                                        "'",  ",",   "&x", "*x",  "!!str"};

    buf_add_char(out, '"');
    for (uint64_t i = rng_below(rng, 5); i > 0; i--) {
        buf_add_text(out, parts[rng_below(rng, ARRAY_LEN(parts))]);
    }
    buf_add_char(out, '"');
}

static void make_value(struct rng *rng, size_t depth, struct buf *out) {
    static const char *const words[] = {"true", "false", "null", "0",
                                        "-1",   "17",    "1.25", "-0.5e+3"};
    uint64_t kind = rng_below(rng, depth < 5 ? 4 : 2);
    uint64_t count = rng_below(rng, 5);

    if (kind == 0) {
        buf_add_text(out, words[rng_below(rng, ARRAY_LEN(words))]);
        return;
    }
    if (kind == 1) {
        make_text(rng, out);
        return;
    }
    buf_add_char(out, kind == 2 ? '[' : '{');
    for (uint64_t i = 0; i < count; i++) {
        buf_add_text(out, i > 0 ? "," : "");
        space(rng, out);
        if (kind == 3) {
            make_text(rng, out);
            buf_add_char(out, ':'); /* YAML wants it in the key's line. */
            space(rng, out);
        }
        make_value(rng, depth + 1, out);
        space(rng, out);
    }
    buf_add_char(out, kind == 2 ? ']' : '}');
}

TEST(json_text_parse__reads_as_yaml_does_whatever_comes) {
    struct rng rng;
    struct buf text;
    unsigned ours = 0;

    rng_init(&rng, 1);
    buf_init(&text, LIMIT_MIB);
    for (unsigned i = 0; i < 3000; i++) {
        buf_clear(&text);
        buf_add_text(&text, "{\"root\":");
        make_value(&rng, 0, &text);
        buf_add_char(&text, '}');
        if (i % 4 == 3) { /* Break it somewhere: if it is still ours, it still is YAML. */
            text.data[rng_below(&rng, text.bytes)] = "{}[]\",:\\ 1\n"[rng_below(&rng, 11)];
        }
        ours += check_same(buf_text(&text), buf_text(&text)) ? 1 : 0;
    }
    CHECK(ours > 1500, "most were read");
    buf_finish(&text);
}
