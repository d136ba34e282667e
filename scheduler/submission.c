#include "scheduler/submission.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "api/api.h"
#include "api/wire.h"
#include "base/digest.h"
#include "base/limits.h"
#include "base/memory.h"
#include "config/manifest.h"
#include "k8s/payload.h"
#include "scheduler/daemon.h"

struct submission_work {
    struct manifest_set manifests;
    struct new_job *jobs;
    char *submitter;
    char *key; /* NULL: none */
    unsigned char request_hash[SPEC_HASH_BYTES];
    char *namespace; /* of jobs that do not say theirs */
    char *team;
    bool denied; /* a job is for a team that the caller has no right to */
};

static const char *either(const char *first, const char *second) {
    return first[0] != '\0' ? first : second;
}

static int64_t unless_unset(int64_t said, int64_t otherwise) {
    return said != MANIFEST_UNSET ? said : otherwise;
}

static uint32_t ttl_s(const struct manifest *manifest, const struct config *config) {
    int64_t ttl = unless_unset(manifest->ttl_s, config->ttl_us / CLOCK_US_PER_SECOND);

    return ttl < JOB_TTL_NEVER ? (uint32_t)ttl : JOB_TTL_NEVER;
}

static struct retry_policy retry_of(const struct manifest *manifest, const struct config *config) {
    return (struct retry_policy){
        .retries_max = (uint32_t)unless_unset(manifest->retries_max, config->retries_max),
        .infra_retries_max =
            (uint32_t)unless_unset(manifest->infra_retries_max, config->infra_retries_max),
        .backoff_first_us = unless_unset(manifest->backoff_first_us, config->backoff_first_us),
        .backoff_max_us = unless_unset(manifest->backoff_max_us, config->backoff_max_us),
    };
}

/* The demand of a spec; NULL if it has problems. */
static struct demand *demand_of(struct daemon *daemon, const struct manifest *manifest,
                                const struct new_job *job, struct problems *problems) {
    const struct demand_key key = {
        .kind = job->kind, .namespace = job->namespace, .spec_hash = job->spec_hash};
    struct demand *demand = demands_get(&daemon->demands, &key);
    struct payload *payload = NULL;
    struct field_error field = {0};

    if (demand == NULL) {
        demand =
            demands_get_alike(&daemon->demands, &key, manifest->payload, manifest->payload_bytes);
    }
    if (demand != NULL) {
        return demand;
    }
    if (payload_read(manifest->kind, manifest->payload, manifest->payload_bytes, job->namespace,
                     &payload, &field) < 0 ||
        payload_demand(payload, core_resource_names(daemon->core), &demand, &field) < 0) {
        manifest_explain(manifest, field.path, field.error.text, problems);
    } else {
        demands_put(&daemon->demands, &key, manifest->payload, manifest->payload_bytes, demand);
    }
    payload_destroy(payload);
    return demand;
}

/* Is there a way to run it here at all? Problems get the place in the text. */
static struct demand *read_demand(struct daemon *daemon, const struct manifest *manifest,
                                  const struct new_job *job, struct problems *problems) {
    struct demand *demand = demand_of(daemon, manifest, job, problems);
    struct error error = {0};

    if (demand != NULL && core_check_possible(daemon->core, job->namespace, demand, &error) < 0) {
        manifest_explain(manifest, "spec", error.text, problems);
    }
    return demand;
}

static void read_job(struct daemon *daemon, const struct api_call *call,
                     struct submission_work *work, size_t at, struct problems *problems) {
    const struct manifest *manifest = &work->manifests.items[at];
    const struct config *config = &daemon->config;
    struct new_job *job = &work->jobs[at];
    struct error error = {0};

    *job = (struct new_job){
        .name = manifest->name,
        .namespace = either(manifest->namespace, work->namespace),
        .window = manifest->window,
        .kind = manifest->kind,
        .priority = manifest->priority,
        .hold = manifest->hold || call->hold,
        .ttl_s = ttl_s(manifest, config),
        .retry = retry_of(manifest, config),
        .expected_runtime_us = manifest->expected_runtime_us,
        .max_runtime_us = manifest->max_runtime_us,
        .preemptible = manifest->preemptible,
        .spec = manifest->payload,
        .spec_bytes = manifest->payload_bytes,
    };
    job->team = either(either(manifest->team, work->team), job->namespace);
    digest_sha256(job->spec, job->spec_bytes, job->spec_hash);
    if (job->spec_bytes > LIMIT_SPEC_BYTES) {
        problems_add(problems, manifest->place, "",
                     "the job's specification has %zu bytes, more than %d", job->spec_bytes,
                     LIMIT_SPEC_BYTES);
        return;
    }
    if (config->namespace_count > 0) {
        bool known = false;

        for (size_t i = 0; i < config->namespace_count; i++) {
            known = known || strcmp(config->namespaces[i], job->namespace) == 0;
        }
        if (!known) {
            manifest_explain(manifest, "metadata.namespace",
                             "this scheduler does not serve that namespace "
                             "(kubernetes.namespaces of its configuration)",
                             problems);
            return;
        }
    }
    if (!api_call_permits(call, job->team)) {
        work->denied = true;
        problems_add(problems, manifest->place, "", "%s may not submit for team %s",
                     call->identity.user, job->team);
        return;
    }
    if (core_check_window(daemon->core, job->window,
                          job->expected_runtime_us > 0 ? job->expected_runtime_us
                                                       : job->max_runtime_us,
                          &error) < 0) {
        problems_add(problems, manifest->window_place, "", "%s", error.text);
        return;
    }
    job->demand = read_demand(daemon, manifest, job, problems);
}

static void refuse(struct api_call *call, int code, struct problems *problems) {
    struct wire_detail *details = mem_alloc(problems->count, sizeof *details);

    problems_sort(problems);
    for (size_t i = 0; i < problems->count; i++) {
        details[i] = (struct wire_detail){.file = call->file,
                                          .line = problems->items[i].place.line,
                                          .column = problems->items[i].place.column,
                                          .path = problems->items[i].path,
                                          .message = problems->items[i].message};
    }
    api_reply_details(call, code, "the manifest is refused, nothing was submitted", details,
                      problems->count);
    free(details);
    problems_finish(problems);
}

struct submission_work *submission_read(struct daemon *daemon, struct api_call *call) {
    struct submission_work *work = mem_alloc(1, sizeof *work);
    struct problems problems = {0};

    work->submitter = mem_copy_text(call->identity.user);
    work->key = call->idempotency_key[0] != '\0' ? mem_copy_text(call->idempotency_key) : NULL;
    memcpy(work->request_hash, call->body_sha256, sizeof work->request_hash);
    work->namespace =
        mem_copy_text(either(call->default_namespace, daemon->config.default_namespace));
    work->team = mem_copy_text(either(call->default_team, daemon->config.default_team));
    if (manifest_set_parse_with(
            &(struct manifest_defaults){.spark_image = daemon->config.spark_image,
                                        .spark_version = daemon->config.spark_version},
            call->body, call->body_bytes, &work->manifests, &problems) == OK) {
        work->jobs = mem_alloc(work->manifests.count, sizeof *work->jobs);
        for (size_t i = 0; i < work->manifests.count; i++) {
            read_job(daemon, call, work, i, &problems);
        }
    }
    if (problems.count > 0) {
        refuse(call, work->denied ? ERR_DENIED : ERR_INVALID, &problems);
        submission_destroy(work);
        return NULL;
    }
    return work;
}

struct submit_event submission_event(const struct submission_work *work) {
    struct submit_event event = {.jobs = work->jobs,
                                 .count = work->manifests.count,
                                 .submitter = work->submitter,
                                 .key = work->key};

    memcpy(event.request_hash, work->request_hash, sizeof event.request_hash);
    return event;
}

void submission_destroy(void *value) {
    struct submission_work *work = value;

    for (size_t i = 0; work->jobs != NULL && i < work->manifests.count; i++) {
        demand_destroy(work->jobs[i].demand);
    }
    free(work->jobs);
    manifest_set_destroy(&work->manifests);
    free(work->submitter);
    free(work->key);
    free(work->namespace);
    free(work->team);
    free(work);
}
