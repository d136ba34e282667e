#include "config/kube_job.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "config/arena.h"
#include "config/manifest.h"
#include "config/pod_schema.h"

#define BACKOFF_LIMIT_DEFAULT 6 /* Kubernetes' own */

static const char *const completion_modes[] = {"NonIndexed", "Indexed", NULL};
static const char *const replacement_policies[] = {"Failed", "TerminatingOrFailed", NULL};
static const char *const managers[] = {"kubernetes.io/job-controller", NULL};
static const char *const no_failure_policy[] = {
    "its rules are not read; say spec.retry of a BatchJob", NULL};
static const char *const no_success_policy[] = {"each of its pods must succeed here", NULL};
static const char *const no_index_limit[] = {"each of its pods has its own retries here", NULL};

/* Of what the server wrote, all is ignored. */
static const struct field kube_job_spec_fields[] = {
    FIELD_RANGE("activeDeadlineSeconds", 1, INT32_MAX),
    FIELD_RANGE("backoffLimit", 0, INT32_MAX),
    FIELD_RANGE("backoffLimitPerIndex", 0, INT32_MAX),
    FIELD_ONE_OF("completionMode", completion_modes),
    FIELD_RANGE("completions", 1, LIMIT_ARRAY_ELEMENTS),
    FIELD_ONE_OF("managedBy", managers),
    FIELD("manualSelector", FIELD_IGNORED),
    {.name = "maxFailedIndexes", .type = FIELD_REFUSED, .words = no_index_limit},
    FIELD_RANGE("parallelism", 1, INT32_MAX),
    {.name = "podFailurePolicy", .type = FIELD_REFUSED, .words = no_failure_policy},
    FIELD_ONE_OF("podReplacementPolicy", replacement_policies),
    FIELD("selector", FIELD_IGNORED),
    {.name = "successPolicy", .type = FIELD_REFUSED, .words = no_success_policy},
    FIELD("suspend", FIELD_BOOL),
    {.name = "template", .type = FIELD_OBJECT, .object = &schema_pod_template, .required = true},
    FIELD_RANGE("ttlSecondsAfterFinished", 0, UINT32_MAX - 1),
};
const struct schema schema_kube_job_spec = SCHEMA(kube_job_spec_fields);

static const struct field kube_job_fields[] = {
    FIELD_NEEDED("apiVersion", FIELD_TEXT),
    FIELD_NEEDED("kind", FIELD_TEXT),
    FIELD_OF("metadata", FIELD_OBJECT, schema_object_meta),
    {.name = "spec", .type = FIELD_OBJECT, .object = &schema_kube_job_spec, .required = true},
    FIELD("status", FIELD_IGNORED),
};
const struct schema schema_kube_job = SCHEMA(kube_job_fields);

static int64_t int_of(const struct text_node *spec, const char *key, int64_t otherwise) {
    const struct text_node *node = node_member(spec, key);

    return node != NULL ? node_int(node) : otherwise;
}

/* Of each pod, where Kubernetes counts those of the whole Job unless it says otherwise. */
static int64_t retries_of(const struct text_node *spec) {
    int64_t retries =
        int_of(spec, "backoffLimitPerIndex", int_of(spec, "backoffLimit", BACKOFF_LIMIT_DEFAULT));

    return retries < LIMIT_JOB_ATTEMPTS ? retries : LIMIT_JOB_ATTEMPTS - 1;
}

static void read_limits(const struct text_node *spec, struct manifest *manifest) {
    const struct text_node *suspend = node_member(spec, "suspend");

    manifest->retries_max = retries_of(spec);
    manifest->max_runtime_us = int_of(spec, "activeDeadlineSeconds", 0) * 1000000;
    manifest->ttl_s = int_of(spec, "ttlSecondsAfterFinished", MANIFEST_UNSET);
    manifest->hold = suspend != NULL && node_bool(suspend);
}

static const char *array_of(int64_t completions, int64_t parallelism, struct arena *arena) {
    char text[64];
    int bytes =
        parallelism < completions
            ? snprintf(text, sizeof text, "0-%" PRId64 "%%%" PRId64, completions - 1, parallelism)
            : snprintf(text, sizeof text, "0-%" PRId64, completions - 1);

    return arena_text(arena, text, (size_t)bytes);
}

const char *kube_job_read(const struct text_node *spec, const struct trail *trail,
                          struct arena *arena, struct problems *problems,
                          struct manifest *manifest) {
    const struct text_node *parallel = node_member(spec, "parallelism");
    const struct text_node *mode = node_member(spec, "completionMode");
    const bool counts = node_member(spec, "completions") != NULL;
    const bool is_indexed = mode != NULL && strcmp(mode->text, "Indexed") == 0;
    struct trail at_parallel = {trail, "parallelism", 0};
    struct trail at_mode = {trail, "completionMode", 0};

    read_limits(spec, manifest);
    if (!counts && int_of(spec, "parallelism", 1) > 1) {
        problems_add_at(problems, node_place(parallel), &at_parallel,
                        "pods that share a queue of their own end together; say completions, and "
                        "each is a job");
        return NULL;
    }
    if (!counts && is_indexed) {
        problems_add_at(problems, node_place(mode), &at_mode, "Indexed needs completions");
        return NULL;
    }
    return counts && (is_indexed || int_of(spec, "completions", 1) > 1)
               ? array_of(int_of(spec, "completions", 1), int_of(spec, "parallelism", 1), arena)
               : NULL;
}

const struct text_node *kube_job_pod_spec(const struct text_node *spec, struct arena *arena) {
    const struct text_node *pod = node_member(node_member(spec, "template"), "spec");
    struct text_node *copy = arena_take(arena, 1, sizeof *copy);

    *copy = *pod;
    copy->items = arena_take(arena, pod->count, sizeof *copy->items);
    for (uint32_t i = 0; i < pod->count; i++) {
        copy->items[i] = pod->items[i];
        if (strcmp(pod->items[i].key, "restartPolicy") == 0) {
            copy->items[i].text = "Never";
        }
    }
    return copy;
}
