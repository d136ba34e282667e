#include "config/rows.h"

#include <string.h>

#include "base/buf.h"
#include "base/limits.h"
#include "config/manifest.h"
#include "tests/test.h"

#define POD                                             \
    "apiVersion: nightshift/v1\nkind: BatchJob\n"       \
    "metadata: {name: etl}\nspec:\n  pod:\n    spec:\n" \
    "      containers: [{name: c, image: i, args: [\"{{day}}\"]}]\n"
#define ROWS(spec) "---\n{\"apiVersion\":\"nightshift/v1\",\"kind\":\"Rows\",\"spec\":{" spec "}}\n"

/* Each job's name and row, or the problems. */
static void read_as_text(const char *text, struct buf *out) {
    struct manifest_set set = {0};
    struct problems problems = {0};

    if (manifest_set_parse(text, strlen(text), &set, &problems) == OK) {
        for (size_t i = 0; i < set.count; i++) {
            const char *payload = set.items[i].payload;

            for (size_t at = 0; at < manifest_job_count(&set.items[i]); at++) {
                const char *name;
                const char *row;

                manifest_job(&set, &set.items[i], at, &name, &row);
                buf_add_format(out, "%s %s\n", name, row != NULL ? row : "-");
            }
            buf_add_format(out, "%.*s\n", (int)(strstr(payload, ",\"spec\"") - payload), payload);
        }
    } else {
        problems_print(&problems, "f", out);
    }
    manifest_set_destroy(&set);
    problems_finish(&problems);
}

TEST(rows__are_a_job_each) {
    static const struct {
        const char *what;
        const char *text;
        const char *want;
    } rows[] = {
        {"two rows", POD ROWS("\"names\":[\"day\"],\"rows\":[[\"mon\"],[\"t\\\"ue\"]]"),
         "etl-0 [0,\"mon\"]\netl-1 [1,\"t\\\"ue\"]\n{\"metadata\":{},\"row\":[\"day\"]\n"},
        {"an index to begin with",
         POD ROWS("\"first\":98,\"names\":[\"a\",\"b\"],\"rows\":[[1,true]]"),
         "etl-98 [98,\"1\",\"true\"]\n{\"metadata\":{},\"row\":[\"a\",\"b\"]\n"},
        {"no columns", POD ROWS("\"rows\":[[],[]]"),
         "etl-0 [0]\netl-1 [1]\n{\"metadata\":{},\"row\":[]\n"},
        {"as YAML",
         POD "---\napiVersion: nightshift/v1\nkind: Rows\nspec:\n  names: [day]\n  rows:\n"
             "  - [mon]\n  - [2026-11-22]\n",
         "etl-0 [0,\"mon\"]\netl-1 [1,\"2026-11-22\"]\n{\"metadata\":{},\"row\":[\"day\"]\n"},
        {"a template in JSON",
         "{\"apiVersion\":\"nightshift/v1\",\"kind\":\"BatchJob\",\"metadata\":{\"name\":\"etl\"},"
         "\"spec\":{\"pod\":{\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}}}}"
         "\n" ROWS("\"rows\":[[]]"),
         "etl-0 [0]\n{\"metadata\":{},\"row\":[]\n"},
        {"no template", ROWS("\"rows\":[[]]"),
         "f:2:1: kind: Rows are of the BatchJob before them, and there is none\n"},
        {"two of them", POD ROWS("\"rows\":[[]]") ROWS("\"rows\":[[]]"),
         "f:11:1: kind: Rows are of the BatchJob before them, and there is none\n"},
        {"of another kind",
         "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: c, image: i}]}"
         "\n" ROWS("\"rows\":[[]]"),
         "f:6:1: kind: Rows are of a BatchJob, and before these stands a Pod\n"},
        {"none", POD ROWS("\"rows\":[]"), "f:9:53: spec.rows: must be a list of rows\n"},
        {"a short row", POD ROWS("\"names\":[\"a\"],\"rows\":[[1],[]]"),
         "f:9:79: spec.rows[1]: must be a list of 1 values\n"},
        {"a value that is none", POD ROWS("\"names\":[\"a\"],\"rows\":[[null]]"),
         "f:9:76: spec.rows[0]: column 1 must be text, a number, true or false\n"},
        {"a bad column", POD ROWS("\"names\":[\"1a\"],\"rows\":[[1]]"),
         "f:9:62: spec.names[0]: \"1a\" is not a column: 1 to 63 of letters, digits and _, not a "
         "digit first, and not \"index\"\n"},
        {"a column twice", POD ROWS("\"names\":[\"a\",\"a\"],\"rows\":[[1,2]]"),
         "f:9:66: spec.names[1]: \"a\" is given twice\n"},
        {"the index is no column", POD ROWS("\"names\":[\"index\"],\"rows\":[[1]]"),
         "f:9:62: spec.names[0]: \"index\" is not a column: 1 to 63 of letters, digits and _, not "
         "a "
         "digit first, and not \"index\"\n"},
        {"too high an index", POD ROWS("\"first\":999999999,\"rows\":[[],[]]"),
         "f:9:71: spec.rows: an index is above 999999999\n"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf out;

        buf_init(&out, LIMIT_MIB);
        read_as_text(rows[i].text, &out);
        CHECK_STR(buf_text(&out), rows[i].want, rows[i].what);
        buf_finish(&out);
    }
}

TEST(rows__keep_the_bounds) {
    struct buf text;
    struct buf out;

    buf_init(&text, LIMIT_MIB);
    buf_init(&out, LIMIT_MIB);
    buf_add_text(&text, POD "---\n{\"apiVersion\":\"nightshift/v1\",\"kind\":\"Rows\",\"spec\":{"
                            "\"names\":[\"a\"],\"rows\":[[\"");
    for (int i = 0; i < LIMIT_ROW_BYTES; i++) {
        buf_add_char(&text, 'x');
    }
    buf_add_text(&text, "\"]]}}");
    read_as_text(buf_text(&text), &out);
    CHECK_STR(buf_text(&out), "f:9:75: spec.rows[0]: has more than 4000 bytes\n", "a long row");
    buf_clear(&text);
    buf_clear(&out);
    buf_add_text(&text, POD "---\n{\"apiVersion\":\"nightshift/v1\",\"kind\":\"Rows\",\"spec\":{"
                            "\"rows\":[[]");
    for (int i = 0; i < LIMIT_MANIFEST_DOCUMENTS; i++) {
        buf_add_text(&text, ",[]");
    }
    buf_add_text(&text, "]}}");
    read_as_text(buf_text(&text), &out);
    CHECK_STR(buf_text(&out), "f:1:1: more than 10000 jobs in one file\n", "too many rows");
    buf_clear(&text);
    buf_clear(&out);
    buf_add_text(&text, "apiVersion: nightshift/v1\nkind: BatchJob\nmetadata: {name: "
                        "a23456789-a23456789-a23456789-a23456789-a23456789-a23456789-a}\n"
                        "spec: {pod: {spec: {containers: [{name: c, image: i}]}}}\n" ROWS(
                            "\"first\":10,\"rows\":[[]]"));
    read_as_text(buf_text(&text), &out);
    CHECK_STR(buf_text(&out),
              "f:1:1: metadata.name: \"a23456789-a23456789-a23456789-a23456789-a23456789-a23456789-"
              "a\" with an index would have more than 63 characters\n",
              "a name too long for its index");
    buf_finish(&text);
    buf_finish(&out);
}
