/* Payloads: whatever can be read can be built, and has a demand. */
#include "k8s/payload.h"

#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "base/limits.h"
#include "k8s/codec_json.h"
#include "k8s/codec_pod_spec.h"
#include "policy/demand.h"
#include "policy/resources.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void build(const struct payload *payload) {
    static const struct payload_run run = {
        .id = {.job_name = "name", .store_uid = "store", .job_id = 1, .attempt = 1},
        .namespace_ = "spark",
        .submitted_us = 1,
    };
    char *pod = payload_pod_body(payload, &run);
    struct payload_part part;

    ENSURE(pod != NULL);
    free(pod);
    for (size_t i = 0; i < PAYLOAD_PART_COUNT; i++) {
        if (payload_part_make(payload, &run, "uid", i, &part)) {
            free(part.body);
        }
    }
}

/* Counted before the body was printed: it is the printed body's. */
static void compare(const struct payload *payload, const struct demand *demand,
                    struct resource_names *names) {
    static const struct payload_run run = {
        .id = {.job_name = "name", .store_uid = "store", .job_id = 1, .attempt = 1},
        .namespace_ = "spark"};
    struct demand *posted = demand_create();
    struct pod_group *group = demand_add_group(posted, demand->groups[0].role, 1);
    char *body = payload_pod_body(payload, &run);
    struct field_error error = {0};
    struct json_t *root = NULL;
    struct json_at top;
    struct json_at spec;
    int r = json_parse_object(body, strlen(body), LIMIT_KUBE_OBJECT_BYTES, &root, &error);

    ENSURE(r == OK);
    top = json_at_root(root);
    spec = json_at_key(&top, "spec");
    r = codec_pod_spec_read(&spec, names, CODEC_NAMES_STRICT, &group->pod, &error);
    ENSURE(r == OK);
    demand_settle(posted);
    ENSURE(pod_demand_equal(&posted->groups[0].pod, &demand->groups[0].pod));
    demand_destroy(posted);
    json_drop(root);
    free(body);
}

static void check(enum job_kind kind, const char *json, size_t size) {
    struct payload *payload = NULL;
    struct field_error error = {0};
    struct resource_names names = {0};
    struct demand *demand = NULL;
    struct buf words;

    if (payload_read(kind, json, size, "spark", &payload, &error) < 0) {
        ENSURE(error.error.code != OK);
        return;
    }
    build(payload);
    buf_init(&words, 65536);
    payload_explain(payload, &words);
    buf_finish(&words);
    if (payload_demand(payload, &names, &demand, &error) == OK) {
        ENSURE(demand->group_count > 0);
        if (!payload_is_for_operator(payload)) {
            compare(payload, demand, &names);
        }
        demand_destroy(demand);
    } else {
        ENSURE(error.error.code != OK);
    }
    resource_names_finish(&names);
    payload_destroy(payload);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    check(JOB_KIND_SPARK, (const char *)data, size);
    check(JOB_KIND_POD, (const char *)data, size);
    return 0;
}
