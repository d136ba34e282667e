#include "config/schema.h"

#include <string.h>

#include "base/buf.h"
#include "config/document.h"
#include "tests/test.h"

static const char *const colours[] = {"red", "green", "blue", NULL};
static const char *const later[] = {"comes later", NULL};

static const struct field inner_fields[] = {
    {.name = "memory", .type = FIELD_MEMORY},
    {.name = "cores", .type = FIELD_INT, .min = 1, .max = 100, .required = true},
};
static const struct schema inner = {inner_fields, ARRAY_LEN(inner_fields)};

static const struct field fields[] = {
    {.name = "text", .type = FIELD_TEXT},
    {.name = "name", .type = FIELD_LABEL},
    {.name = "host", .type = FIELD_SUBDOMAIN},
    {.name = "team", .type = FIELD_LABEL_VALUE},
    {.name = "flag", .type = FIELD_BOOL},
    {.name = "count", .type = FIELD_INT},
    {.name = "ratio", .type = FIELD_NUMBER, .min = 0},
    {.name = "cpu", .type = FIELD_QUANTITY},
    {.name = "factor", .type = FIELD_NUMBER_TEXT},
    {.name = "time", .type = FIELD_DURATION},
    {.name = "colour", .type = FIELD_WORD, .words = colours},
    {.name = "port", .type = FIELD_INT_OR_TEXT},
    {.name = "conf", .type = FIELD_TEXT_MAP},
    {.name = "labels", .type = FIELD_LABEL_MAP},
    {.name = "annotations", .type = FIELD_ANNOTATIONS},
    {.name = "limits", .type = FIELD_QUANTITY_MAP},
    {.name = "args", .type = FIELD_TEXTS},
    {.name = "driver", .type = FIELD_OBJECT, .object = &inner},
    {.name = "pods", .type = FIELD_OBJECTS, .object = &inner},
    {.name = "any", .type = FIELD_OPAQUE},
    {.name = "anys", .type = FIELD_OPAQUES},
    {.name = "status", .type = FIELD_IGNORED},
    {.name = "after", .type = FIELD_REFUSED},
    {.name = "window", .type = FIELD_LABELS},
    {.name = "array", .type = FIELD_REFUSED, .words = later},
};
static const struct schema schema = {fields, ARRAY_LEN(fields)};

static void check_text(const char *text, struct buf *out) {
    struct document_set set = {0};
    struct problems problems = {0};

    CHECK_OK(document_set_parse(text, strlen(text), 1000, &set, &problems), text);
    schema_check(&schema, &set.documents[0], NULL, &problems);
    problems_sort(&problems);
    if (problems.count > 0) {
        problems_print(&problems, "f", out);
    } else {
        node_print_json(&set.documents[0], out);
    }
    document_set_destroy(&set);
    problems_finish(&problems);
}

TEST(schema_check__tells_every_problem_with_its_place) {
    static const struct {
        const char *text;
        const char *want;
    } rows[] = {
        {"text: 5", "{\"text\":\"5\"}"},
        {"text: true", "{\"text\":\"true\"}"},
        {"text: yes", "{\"text\":\"yes\"}"},
        {"text: ~\nflag: ", "{}"},
        {"text: [a]", "f:1:1: text: must be text, not a list\n"},
        {"name: Web", "f:1:7: name: \"Web\" is not a name: 1 to 63 of a-z, 0-9 and -, not - at "
                      "either end\n"},
        {"host: a..b", "f:1:7: host: \"a..b\" is not a name: 1 to 253 of a-z, 0-9, - and ., a "
                       "letter or digit at both ends\n"},
        {"team: ''", "f:1:7: team: \"\" is not a name: 1 to 63 of letters, digits, -, _ and ., a "
                     "letter or digit at both ends\n"},
        {"team: Data_1", "{\"team\":\"Data_1\"}"},
        {"flag: true", "{\"flag\":true}"},
        {"flag: yes", "f:1:7: flag: must be true or false, not yes\n"},
        {"flag: 'true'", "f:1:7: flag: must be true or false, not the text \"true\"\n"},
        {"count: -5", "{\"count\":-5}"},
        {"count: '5'", "f:1:8: count: must be a whole number, not the text \"5\"\n"},
        {"count: 1.5", "f:1:8: count: must be a whole number, not 1.5\n"},
        {"count: {a: 1}", "f:1:1: count: must be a whole number, not an object\n"},
        {"ratio: 1.50", "{\"ratio\":1.5}"},
        {"ratio: -1", "f:1:8: ratio: must be at least 0, not -1\n"},
        {"cpu: 1", "{\"cpu\":\"1\"}"},
        {"cpu: 500m", "{\"cpu\":\"500m\"}"},
        {"cpu: 4GB", "f:1:6: cpu: \"4GB\" is not a quantity; write it like 500m, 2 or 4Gi\n"},
        {"cpu: -1", "f:1:6: cpu: must not be negative, not -1\n"},
        {"cpu: 1e30", "f:1:6: cpu: \"1e30\" is too large\n"},
        {"factor: 0.10", "{\"factor\":\"0.10\"}"},
        {"factor: high", "f:1:9: factor: \"high\" is not a number; write it like 0.1\n"},
        {"time: 15m", "{\"time\":\"15m\"}"},
        {"time: 15", "f:1:7: time: \"15\" is not a duration; write it like 90s, 15m or 1h30m\n"},
        {"colour: green", "{\"colour\":\"green\"}"},
        {"colour: pink", "f:1:9: colour: must be red, green or blue, not \"pink\"\n"},
        {"port: 80", "{\"port\":80}"},
        {"port: http", "{\"port\":\"http\"}"},
        {"conf: {b: 1, a: on, c: 0.50}", "{\"conf\":{\"a\":\"on\",\"b\":\"1\",\"c\":\"0.50\"}}"},
        {"conf: {a: [1]}", "f:1:8: conf.a: must be text, not a list\n"},
        {"conf: {a: }", "f:1:8: conf.a: must be text, not empty\n"},
        {"conf: [a]", "f:1:1: conf: must be an object (key: value), not a list\n"},
        {"labels: {a/b: c}", "{\"labels\":{\"a/b\":\"c\"}}"},
        {"labels: {a b: c}", "f:1:10: labels.a b: \"a b\" is not a key: at most 63 of letters, "
                             "digits, -, _ and . after an optional domain and /\n"},
        {"labels: {a: b c}", "f:1:13: labels.a: \"b c\" is not a label: at most 63 of letters, "
                             "digits, -, _ and ., a letter or digit at both ends\n"},
        {"annotations: {a: b c}", "{\"annotations\":{\"a\":\"b c\"}}"},
        {"limits: {cpu: 1, memory: x}",
         "f:1:26: limits.memory: \"x\" is not a quantity; write it like 500m, 2 or 4Gi\n"},
        {"args: [1, --day, 2026-11-22]", "{\"args\":[\"1\",\"--day\",\"2026-11-22\"]}"},
        {"args: [a, [b], ]", "f:1:11: args[1]: must be text, not a list\n"},
        {"args: a", "f:1:7: args: must be a list, not a\n"},
        {"pods: [{cores: 1}, {cores: 100}]", "{\"pods\":[{\"cores\":1},{\"cores\":100}]}"},
        {"driver: {cores: 0}", "f:1:17: driver.cores: must be between 1 and 100, not 0\n"},
        {"driver: {cores: 2, memory: 4G}", "{\"driver\":{\"cores\":2,\"memory\":\"4G\"}}"},
        {"driver:\n  memory: 4Gi\n",
         "f:1:1: driver.cores: missing; it is required\n"
         "f:2:11: driver.memory: \"4Gi\" is not a size as Spark writes it; write it like 512m or "
         "4g\n"},
        {"driver:\n  cores: 101\n  memroy: 1g\n",
         "f:2:10: driver.cores: must be between 1 and 100, not 101\n"
         "f:3:3: driver.memroy: unknown field (did you mean \"memory\"?)\n"},
        {"pods:\n- cores: 1\n- xyz: 1\n  cores: 1\n- 5",
         "f:3:3: pods[1].xyz: unknown field\n"
         "f:5:3: pods[2]: must be an object (key: value), not 5\n"},
        {"any: {b: yes, a: 0644, c: ~}", "{\"any\":{\"a\":420,\"b\":\"yes\",\"c\":null}}"},
        {"any: 5", "f:1:6: any: must be an object (key: value), not 5\n"},
        {"anys: [{}, 1]", "f:1:12: anys[1]: must be an object (key: value), not 1\n"},
        {"window: nightly,weekend", "{\"window\":\"nightly,weekend\"}"},
        {"window: nightly,",
         "f:1:9: window: \"nightly,\" is not a name, nor names joined by commas: 1 "
         "to 63 of a-z, 0-9 and -, not - at either end\n"},
        {"status: [whatever]", "{\"status\":[\"whatever\"]}"},
        {"after: x\narray: 5", "f:1:1: after: not supported by this version\n"
                               "f:2:1: array: comes later\n"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf out;

        buf_init(&out, 10000);
        check_text(rows[i].text, &out);
        CHECK_STR(buf_text(&out), rows[i].want, rows[i].text);
        buf_finish(&out);
    }
}

TEST(schema_check__stops_counting_at_the_bound) {
    struct buf text;
    struct buf out;

    buf_init(&text, 1000);
    buf_init(&out, 10000);
    for (int i = 0; i < 25; i++) {
        buf_add_format(&text, "zzzz%d: 1\n", i);
    }
    check_text(text.data, &out);
    CHECK(strstr(buf_text(&out), "\nf: 5 more problems\n") != NULL, buf_text(&out));
    buf_finish(&text);
    buf_finish(&out);
}
