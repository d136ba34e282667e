#include "config/document.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/limits.h"
#include "tests/test.h"

/* The documents as JSON, a line each, or the problems. */
static void read_as_text(const char *text, size_t bytes, struct buf *out) {
    struct document_set set = {0};
    struct problems problems = {0};

    if (document_set_parse(text, bytes, LIMIT_MANIFEST_BYTES, &set, &problems) == OK) {
        CHECK_EQ(problems.count, 0, "no problem without a failure");
        for (size_t i = 0; i < set.count; i++) {
            node_print_json(&set.documents[i], out);
            buf_add_char(out, '\n');
        }
    } else {
        problems_print(&problems, "f", out);
    }
    document_set_destroy(&set);
    problems_finish(&problems);
}

struct row {
    const char *what;
    const char *text;
    const char *want;
};

static void check_rows(const struct row *rows, size_t count) {
    for (size_t i = 0; i < count; i++) {
        struct buf out;

        buf_init(&out, LIMIT_MIB);
        read_as_text(rows[i].text, strlen(rows[i].text), &out);
        CHECK_STR(buf_text(&out), rows[i].want, rows[i].what);
        buf_finish(&out);
    }
}

TEST(document__reads_yaml_and_json_as_one) {
    static const struct row rows[] = {
        {"members are sorted", "b: 1\na: 2\n", "{\"a\":2,\"b\":1}\n"},
        {"JSON, tabs and escaped slashes", "{\"b\":[1,\t2],\"a\":\"\\/x\"}",
         "{\"a\":\"/x\",\"b\":[1,2]}\n"},
        {"a pair of JSON's surrogates", "{\"a\":\"\\ud83d\\ude00!\",\"b\":\"\\\\ud83d\"}",
         "{\"a\":\"\xf0\x9f\x98\x80!\",\"b\":\"\\\\ud83d\"}\n"},
        {"a byte order mark", "\xef\xbb\xbf{\"a\":1}", "{\"a\":1}\n"},
        {"several documents, empty ones left out", "a: 1\n---\n---\n# nothing\n---\nb: 2\n...\n",
         "{\"a\":1}\n{\"b\":2}\n"},
        {"no document", "# only a comment\n", ""},
        {"an empty text", "", ""},
        {"a block text", "a: |\n  x\n  y\n", "{\"a\":\"x\\ny\\n\"}\n"},
        {"YAML 1.1's booleans are text", "a: yes\nb: on\nc: n\nd: true\ne: FALSE\n",
         "{\"a\":\"yes\",\"b\":\"on\",\"c\":\"n\",\"d\":true,\"e\":false}\n"},
        {"what is quoted is text", "a: '5'\nb: \"true\"\nc: !!str 7\n",
         "{\"a\":\"5\",\"b\":\"true\",\"c\":\"7\"}\n"},
        {"numbers", "[0, -0, +5, 0x1F, 0o17, 0644, 089, 1.5, 1e3, -0.0, .5, 1_000, 12:30]",
         "[0,0,5,31,15,420,\"089\",1.5,1000,0,0.5,\"1_000\",\"12:30\"]\n"},
        {"large numbers", "[9223372036854775807, 9223372036854775808, 1e999, .inf]",
         "[9223372036854775807,9.223372036854776e+18,\"1e999\",\".inf\"]\n"},
        {"nothing", "a:\nb: ~\nc: null\nd: 'null'\n",
         "{\"a\":null,\"b\":null,\"c\":null,\"d\":\"null\"}\n"},
        {"numbers as keys are text", "5: a\ntrue: b\n", "{\"5\":\"a\",\"true\":\"b\"}\n"},
        {"an alias is written out", "a: &x {k: [1]}\nb: *x\n",
         "{\"a\":{\"k\":[1]},\"b\":{\"k\":[1]}}\n"},
        {"an alias to a text", "a: &x hi\nb: *x\n", "{\"a\":\"hi\",\"b\":\"hi\"}\n"},
        {"an anchor given anew", "a: &x 1\nb: &x 2\nc: *x\n", "{\"a\":1,\"b\":2,\"c\":2}\n"},
        {"what YAML would fold is escaped", "{\"a\":\"\\u2028\\u007f\\u0085\\ufeff\\b\\u0001\"}",
         "{\"a\":\"\\u2028\\u007f\\u0085\\ufeff\\b\\u0001\"}\n"},
    };

    check_rows(rows, ARRAY_LEN(rows));
}

TEST(document__says_what_is_wrong_and_where) {
    static const struct row rows[] = {
        {"keys given twice, all of them", "a: 1\nb:\n  c: 1\n  c: 2\n  c: 3\n",
         "f:4:3: \"c\" is given twice; first in line 3\n"
         "f:5:3: \"c\" is given twice; first in line 4\n"},
        {"bad indentation", "a: 1\n b: 2\n",
         "f:2:3: not valid YAML: mapping values are not allowed in this context\n"},
        {"a tab for indentation", "a:\n\tb: 1\n",
         "f:2:1: not valid YAML: found character that cannot start any token, while scanning for "
         "the next token\n"},
        {"an object that is not closed", "{\"a\": 1",
         "f:2:1: not valid YAML: did not find expected ',' or '}', while parsing a flow mapping\n"},
        {"not UTF-8", "a: b\nc: \xff\n",
         "f:2:4: not valid UTF-8 text: invalid leading UTF-8 octet\n"},
        {"half a surrogate pair", "{\"a\":\"\\ud83d\"}",
         "f:1:9: not valid YAML: found invalid Unicode character escape code, while parsing a "
         "quoted scalar\n"},
        {"NUL", "a: \"x\\0y\"\n", "f:1:4: a NUL character is not allowed\n"},
        {"an alias without anchor", "a: *x\n", "f:1:4: no anchor &x before this alias\n"},
        {"an alias within its anchor", "a: &x [*x]\n", "f:1:8: no anchor &x before this alias\n"},
        {"an anchor of the document before", "a: &x 1\n---\nb: *x\n",
         "f:3:4: no anchor &x before this alias\n"},
        {"a merge key", "a: &x {k: 1}\nb:\n  <<: *x\n",
         "f:3:3: merge keys (<<) are not supported; write the fields out\n"},
        {"a list as a key", "[1]: 2\n", "f:1:1: a key must be text\n"},
        {"an aliased list as a key", "- &x [1]\n- {*x : 2}\n", "f:2:4: a key must be text\n"},
        {"no key", "?\n: 1\n", "f:1:2: a key is missing before the colon\n"},
        {"a tag", "a: !!binary aGk=\n",
         "f:1:4: the tag tag:yaml.org,2002:binary is not supported\n"},
    };

    check_rows(rows, ARRAY_LEN(rows));
}

static void repeat(struct buf *buf, const char *text, size_t count) {
    for (size_t i = 0; i < count; i++) {
        buf_add_text(buf, text);
    }
}

TEST(document__holds_its_bounds) {
    struct buf text;
    struct buf out;

    buf_init(&text, LIMIT_MANIFEST_BYTES + 1);
    buf_init(&out, LIMIT_MIB);
    repeat(&text, "[", LIMIT_MANIFEST_DEPTH);
    repeat(&text, "]", LIMIT_MANIFEST_DEPTH);
    read_as_text(text.data, text.bytes, &out);
    CHECK_EQ(out.bytes, text.bytes + 1, "the deepest that is read");

    buf_clear(&text);
    buf_clear(&out);
    repeat(&text, "[", 100000);
    read_as_text(text.data, text.bytes, &out);
    CHECK_STR(buf_text(&out), "f:1:65: nested too deeply\n", "deeper");

    buf_clear(&text);
    buf_clear(&out);
    buf_add_text(&text, "- &x ");
    repeat(&text, "[", 30);
    repeat(&text, "]", 30);
    buf_add_text(&text, "\n- ");
    repeat(&text, "[", 34);
    buf_add_text(&text, "*x");
    repeat(&text, "]", 34);
    read_as_text(text.data, text.bytes, &out);
    CHECK_STR(buf_text(&out), "f:2:37: nested too deeply\n", "deeper through an alias");

    buf_clear(&text);
    buf_clear(&out);
    buf_add_text(&text, "x0: &x0 [a,a,a,a,a,a,a,a,a,a]\n");
    for (int i = 1; i < 40; i++) {
        buf_add_format(&text, "x%d: &x%d [*x%d,*x%d,*x%d,*x%d,*x%d,*x%d,*x%d,*x%d,*x%d]\n", i, i,
                       i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
    }
    read_as_text(text.data, text.bytes, &out);
    CHECK_STR(buf_text(&out), "f:7:10: too large: more than 1000000 values in one file\n",
              "a bomb of aliases");

    buf_clear(&text);
    buf_clear(&out);
    repeat(&text, "---\na\n", LIMIT_MANIFEST_DOCUMENTS + 1);
    read_as_text(text.data, text.bytes, &out);
    CHECK_STR(buf_text(&out), "f:20002:1: more than 10000 documents in one file\n", "documents");

    buf_finish(&text);
    buf_finish(&out);
}

TEST(document__refuses_more_bytes_than_it_was_told) {
    struct document_set set = {0};
    struct problems problems = {0};

    CHECK_EQ(document_set_parse("a: 12345", 8, 7, &set, &problems), ERR_INVALID, "one too many");
    CHECK_STR(problems.items[0].message, "too large: 8 bytes; at most 7 are read", "words");
    CHECK_OK(document_set_parse("a: 12345", 8, 8, &set, &problems), "as many as allowed");
    document_set_destroy(&set);
    problems_finish(&problems);
}

TEST(node_find__goes_as_far_as_the_path_is_written) {
    static const char text[] = "spec:\n"
                               "  conf:\n"
                               "    a.b: 1\n"
                               "    a.b.c: 2\n"
                               "  list:\n"
                               "    - name: x\n"
                               "    - name: y\n";
    static const struct {
        const char *path;
        uint32_t line;
        uint32_t column;
        bool exact;
    } rows[] = {
        {"", 1, 1, true},
        {"spec", 1, 1, true},
        {"spec.conf.a.b", 3, 10, true},
        {"spec.conf.a.b.c", 4, 12, true},
        {"spec.conf.a.b.d", 3, 10, false},
        {"spec.conf.zzz", 2, 3, false},
        {"spec.list[1].name", 7, 13, true},
        {"spec.list[2].name", 5, 3, false},
        {"spec.list[x]", 5, 3, false},
        {"spec.list.name", 5, 3, false},
        {"spec.conf[0]", 2, 3, false},
        {"nothing", 1, 1, false},
    };
    struct document_set set;
    struct problems problems = {0};

    CHECK_OK(document_set_parse(text, sizeof text - 1, LIMIT_MIB, &set, &problems), "parse");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        bool exact;
        const struct text_node *node = node_find(&set.documents[0], rows[i].path, &exact);

        CHECK_EQ(node_place(node).line, rows[i].line, rows[i].path);
        CHECK_EQ(node_place(node).column, rows[i].column, rows[i].path);
        CHECK_EQ(exact, rows[i].exact, rows[i].path);
    }
    document_set_destroy(&set);
}
