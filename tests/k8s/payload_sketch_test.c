#include "k8s/payload_sketch.h"

#include <string.h>

#include "base/limits.h"
#include "k8s/payload.h"
#include "policy/demand.h"
#include "policy/resources.h"
#include "tests/test.h"

#define SPEC                                                                                   \
    "\"spec\":{\"arguments\":[%s],\"driver\":{\"cores\":%s},\"image\":\"apache/spark:3.5.6\"," \
    "\"mainApplicationFile\":\"local:///a.jar\",\"mainClass\":\"a.B\",\"sparkConf\":{%s}}"

struct row {
    const char *what;
    enum job_kind kind;
    const char *json;
    const char *want;
};

TEST(payload_sketch__empties_what_only_the_program_reads) {
    static const struct row rows[] = {
        {"arguments", JOB_KIND_SPARK,
         "{\"metadata\":{},\"spec\":{\"arguments\":[\"a\",\"\",\"c\\\"]}\"],\"x\":\"a\"}}",
         "{\"metadata\":{},\"spec\":{\"arguments\":[\"\",\"\",\"\"],\"x\":\"a\"}}"},
        {"only there", JOB_KIND_SPARK,
         "{\"arguments\":[\"a\"],\"spec\":{\"d\":{\"arguments\":[\"a\"]},\"n\":[1,true,null]}}",
         "{\"arguments\":[\"a\"],\"spec\":{\"d\":{\"arguments\":[\"a\"]},\"n\":[1,true,null]}}"},
        {"what is no text stays", JOB_KIND_SPARK,
         "{\"spec\":{\"arguments\":[1,{\"a\":\"b\"},[\"c\"]]}}",
         "{\"spec\":{\"arguments\":[1,{\"a\":\"b\"},[\"\"]]}}"},
        {"a pod's containers", JOB_KIND_POD,
         "{\"spec\":{\"containers\":[{\"args\":[\"a\"],\"command\":[\"b\"],\"env\":[{\"name\":"
         "\"n\","
         "\"value\":\"v\"}],\"image\":\"i\"}],\"initContainers\":[{\"args\":[\"a\"]}]}}",
         "{\"spec\":{\"containers\":[{\"args\":[\"\"],\"command\":[\"\"],\"env\":[{\"name\":\"n\","
         "\"value\":\"\"}],\"image\":\"i\"}],\"initContainers\":[{\"args\":[\"\"]}]}}"},
        {"a pod has no arguments", JOB_KIND_POD, "{\"spec\":{\"arguments\":[\"a\"]}}",
         "{\"spec\":{\"arguments\":[\"a\"]}}"},
        {"empty ones", JOB_KIND_SPARK, "{\"metadata\":{},\"spec\":{\"arguments\":[]}}",
         "{\"metadata\":{},\"spec\":{\"arguments\":[]}}"},
        {"not whole", JOB_KIND_SPARK, "{\"spec\":{\"arguments\":[\"a\"]}", NULL},
        {"an open text", JOB_KIND_SPARK, "{\"spec\":\"a\\\"", NULL},
        {"no colon", JOB_KIND_SPARK, "{\"spec\"}", NULL},
        {"behind the end", JOB_KIND_SPARK, "{}}", NULL},
        {"nothing", JOB_KIND_SPARK, "", NULL},
        {"a list", JOB_KIND_SPARK, "[]", NULL},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf out;
        int r;

        buf_init(&out, LIMIT_SPEC_BYTES);
        r = payload_sketch(rows[i].kind, rows[i].json, strlen(rows[i].json), &out);
        CHECK_EQ(r, rows[i].want != NULL ? OK : ERR_INVALID, rows[i].what);
        if (r == OK) {
            CHECK_STR(buf_text(&out), rows[i].want, rows[i].what);
        }
        buf_finish(&out);
    }
}

/* The demand, or NULL when it can't be built. */
static struct demand *demand_of(struct resource_names *names, const char *json) {
    struct payload *payload = NULL;
    struct demand *demand = NULL;
    struct field_error error = {0};

    if (payload_read(JOB_KIND_SPARK, json, strlen(json), "spark", &payload, &error) == OK) {
        (void)!payload_demand(payload, names, &demand, &error);
    }
    payload_destroy(payload);
    return demand;
}

static bool same_sketch(const char *a, const char *b) {
    struct buf first;
    struct buf second;
    bool same;

    buf_init(&first, LIMIT_SPEC_BYTES);
    buf_init(&second, LIMIT_SPEC_BYTES);
    CHECK_OK(payload_sketch(JOB_KIND_SPARK, a, strlen(a), &first), a);
    CHECK_OK(payload_sketch(JOB_KIND_SPARK, b, strlen(b), &second), b);
    same = strcmp(buf_text(&first), buf_text(&second)) == 0;
    buf_finish(&first);
    buf_finish(&second);
    return same;
}

/* Equal sketches, equal demands: whatever the arguments say, and only then. */
TEST(payload_sketch__decides_the_demand) {
    static const struct {
        const char *what;
        const char *arguments;
        const char *cores;
        const char *conf;
        bool same;
    } rows[] = {
        {"itself", "\"1000\"", "1", "", true},
        {"another argument", "\"2000\"", "1", "", true},
        {"an argument like a property", "\"--conf spark.driver.memory=8g\"", "1", "", true},
        {"an argument with a resource in it", "\"{\\\"cores\\\":9}\"", "1", "", true},
        {"an empty one", "\"\"", "1", "", true},
        {"two of them", "\"1000\",\"\"", "1", "", false},
        {"one that is no text", "1000", "1", "", false},
        {"more cores", "\"1000\"", "2", "", false},
        {"more memory", "\"1000\"", "1", "\"spark.driver.memory\":\"8g\"", false},
    };
    struct resource_names names = {0};
    struct buf first;
    struct demand *want;

    buf_init(&first, LIMIT_SPEC_BYTES);
    buf_add_format(&first, "{" SPEC "}", "\"1000\"", "1", "");
    want = demand_of(&names, buf_text(&first));
    CHECK(want != NULL, "the first");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf text;
        struct demand *demand;

        buf_init(&text, LIMIT_SPEC_BYTES);
        buf_add_format(&text, "{" SPEC "}", rows[i].arguments, rows[i].cores, rows[i].conf);
        CHECK_EQ(same_sketch(buf_text(&first), buf_text(&text)), rows[i].same, rows[i].what);
        demand = demand_of(&names, buf_text(&text));
        if (rows[i].same) {
            CHECK(demand != NULL && demand_equal(demand, want), rows[i].what);
        }
        demand_destroy(demand);
        buf_finish(&text);
    }
    demand_destroy(want);
    resource_names_finish(&names);
    buf_finish(&first);
}
