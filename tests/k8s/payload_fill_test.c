#include "k8s/payload_fill.h"

#include <stdlib.h>
#include <string.h>

#include "k8s/payload.h"
#include "policy/demand.h"
#include "policy/resources.h"
#include "tests/test.h"

#define SPEC_MAX (1 << 20)

static int fill(enum job_kind kind, const char *payload, const char *row, struct buf *out) {
    struct field_error error = {0};

    buf_init(out, SPEC_MAX);
    buf_add_text(out, payload);
    return payload_fill(kind, out, row, &error);
}

TEST(payload_fill__puts_values_where_only_the_program_reads) {
    static const struct {
        const char *what;
        enum job_kind kind;
        const char *payload;
        const char *row;
        const char *want; /* NULL: refused */
    } rows[] = {
        {"arguments and both environments", JOB_KIND_SPARK,
         "{\"row\":[\"day\"],\"spec\":{\"arguments\":[\"--day={{day}}\",\"{{index}}/{{index}}\"],"
         "\"driver\":{\"env\":[{\"name\":\"A\",\"value\":\"<{{day}}>\"}],\"envVars\":{\"B\":\"{{"
         "day}}\"}},"
         "\"executor\":{\"envVars\":{\"C\":\"{{day}}\"}}}}",
         "[7,\"mon\"]",
         "{\"spec\":{\"arguments\":[\"--day=mon\",\"7/7\"],"
         "\"driver\":{\"env\":[{\"name\":\"A\",\"value\":\"<mon>\"},"
         "{\"name\":\"NIGHTSHIFT_ARRAY_INDEX\",\"value\":\"7\"},"
         "{\"name\":\"JOB_COMPLETION_INDEX\",\"value\":\"7\"},"
         "{\"name\":\"NIGHTSHIFT_PARAM_day\",\"value\":\"mon\"}],\"envVars\":{\"B\":\"mon\"}},"
         "\"executor\":{\"envVars\":{\"C\":\"mon\",\"NIGHTSHIFT_ARRAY_INDEX\":\"7\","
         "\"JOB_COMPLETION_INDEX\":\"7\","
         "\"NIGHTSHIFT_PARAM_day\":\"mon\"}}}}"},
        {"a pod", JOB_KIND_POD,
         "{\"row\":[\"a\"],\"spec\":{\"containers\":[{\"args\":[\"{{a}}\"],\"command\":[\"{{a}}\"],"
         "\"image\":\"{{a}}\"}],\"nodeName\":\"{{a}}\"}}",
         "[0,\"v\"]",
         "{\"spec\":{\"containers\":[{\"args\":[\"v\"],\"command\":[\"v\"],\"image\":\"{{a}}\","
         "\"env\":[{\"name\":\"NIGHTSHIFT_ARRAY_INDEX\",\"value\":\"0\"},"
         "{\"name\":\"JOB_COMPLETION_INDEX\",\"value\":\"0\"},"
         "{\"name\":\"NIGHTSHIFT_PARAM_a\",\"value\":\"v\"}]}],\"nodeName\":\"{{a}}\"}}"},
        {"braces of others, and half ones", JOB_KIND_POD,
         "{\"row\":[\"a\"],\"spec\":{\"containers\":[{\"args\":[\"{{APP_ID}} {{{{a}}}} {{a} {{\","
         "\"{{}}{{ a }}\"]}]}}",
         "[1,\"x\"]",
         "{\"spec\":{\"containers\":[{\"args\":[\"{{APP_ID}} {{x}} {{a} {{\",\"{{}}x\"],"
         "\"env\":[{\"name\":\"NIGHTSHIFT_ARRAY_INDEX\",\"value\":\"1\"},"
         "{\"name\":\"JOB_COMPLETION_INDEX\",\"value\":\"1\"},"
         "{\"name\":\"NIGHTSHIFT_PARAM_a\",\"value\":\"x\"}]}]}}"},
        {"a value is not looked into", JOB_KIND_POD,
         "{\"row\":[\"a\",\"b\"],\"spec\":{\"containers\":[{\"args\":[\"{{a}}\"],\"env\":["
         "{\"name\":\"NIGHTSHIFT_ARRAY_INDEX\",\"value\":\"mine\"},"
         "{\"name\":\"NIGHTSHIFT_PARAM_a\",\"valueFrom\":{}},"
         "{\"name\":\"NIGHTSHIFT_PARAM_b\",\"value\":\"mine too\"}]}]}}",
         "[1,\"{{b}}\\\"}\",\"x\"]",
         "{\"spec\":{\"containers\":[{\"args\":[\"{{b}}\\\"}\"],\"env\":["
         "{\"name\":\"NIGHTSHIFT_ARRAY_INDEX\",\"value\":\"mine\"},"
         "{\"name\":\"NIGHTSHIFT_PARAM_a\",\"valueFrom\":{}},"
         "{\"name\":\"NIGHTSHIFT_PARAM_b\",\"value\":\"mine too\"},"
         "{\"name\":\"JOB_COMPLETION_INDEX\",\"value\":\"1\"}]}]}}"},
        {"a value too few", JOB_KIND_POD, "{\"row\":[\"a\"],\"spec\":{}}", "[1]", NULL},
        {"a value too many", JOB_KIND_POD, "{\"row\":[],\"spec\":{}}", "[1,\"a\"]", NULL},
        {"no index", JOB_KIND_POD, "{\"row\":[],\"spec\":{}}", "[\"a\"]", NULL},
        {"no row", JOB_KIND_POD, "{\"row\":[],\"spec\":{}}", "", NULL},
        {"no names", JOB_KIND_POD, "{\"spec\":{}}", "[1]", NULL},
        {"no JSON", JOB_KIND_POD, "{", "[1]", NULL},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf out;
        int r = fill(rows[i].kind, rows[i].payload, rows[i].row, &out);

        CHECK_EQ(r, rows[i].want != NULL ? OK : ERR_INVALID, rows[i].what);
        if (r == OK) {
            CHECK_STR(buf_text(&out), rows[i].want, rows[i].what);
        }
        buf_finish(&out);
    }
}

#define TEMPLATE                                                                                 \
    "{\"row\":[\"day\"],\"spec\":{\"arguments\":[\"{{day}}\"],\"image\":\"apache/spark:3.5.6\"," \
    "\"mainApplicationFile\":\"local:///a.jar\",\"mainClass\":\"a.B\",\"driver\":{\"cores\":1}}}"

static struct demand *demand_of(struct resource_names *names, const char *json) {
    struct payload *payload = NULL;
    struct demand *demand = NULL;
    struct field_error error = {0};

    CHECK_OK(payload_read(JOB_KIND_SPARK, json, strlen(json), "spark", &payload, &error), json);
    CHECK_OK(payload_demand(payload, names, &demand, &error), json);
    payload_destroy(payload);
    return demand;
}

TEST(payload_fill__leaves_the_demand_as_it_was) {
    struct resource_names names = {0};
    struct demand *template = demand_of(&names, TEMPLATE);
    struct demand *filled;
    struct buf out;

    CHECK_OK(fill(JOB_KIND_SPARK, TEMPLATE, "[3,\"--conf spark.driver.memory=64g\"]", &out),
             "fill");
    filled = demand_of(&names, buf_text(&out));
    CHECK(demand_equal(template, filled), "a row decides nothing");
    demand_destroy(template);
    demand_destroy(filled);
    resource_names_finish(&names);
    buf_finish(&out);
}
