/* Payloads: whatever can be read can be built, and has a demand. */
#include "k8s/payload.h"

#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "policy/demand.h"
#include "policy/resources.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void build(const struct payload *payload) {
    static const struct payload_run run = {
        .id = {.job_name = "name", .store_uid = "store", .job_id = 1, .attempt = 1},
        .namespace_ = "spark",
        .submitted_us = 1,
    };
    char *bodies[] = {
        payload_pod_body(payload, &run),
        payload_service_body(payload, &run, "uid"),
        payload_conf_map_body(payload, &run, "uid"),
        payload_network_policy_body(payload, &run, "uid"),
    };

    ENSURE(bodies[0] != NULL);
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        free(bodies[i]);
    }
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
