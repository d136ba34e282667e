/* The kinds of manifests that are jobs. */
#include "config/manifest_inside.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/memory.h"
#include "config/kube_job.h"
#include "config/queue_fields.h"
#include "config/retry_rules.h"
#include "config/schema.h"
#include "config/spark_defaults.h"

#define RETRY_INTERVAL_US 5000000 /* the operator's default */

/* What a spec itself says of retries and of the time to keep things. */

static void read_restart_policy(struct manifest *manifest, const struct text_node *policy) {
    const struct text_node *interval = node_member(policy, "onFailureRetryInterval");
    const struct text_node *retries = node_member(policy, "onFailureRetries");
    const char *type = manifest_text_of(node_member(policy, "type"), "Never");

    if (policy == NULL) {
        return;
    }
    manifest->retries_max = 0;
    if (strcmp(type, "OnFailure") == 0 && retries != NULL) {
        int64_t count = node_int(retries);

        manifest->retries_max = count < LIMIT_JOB_ATTEMPTS ? count : LIMIT_JOB_ATTEMPTS - 1;
    }
    manifest->runs_again = strcmp(type, "Always") == 0;
    if (interval != NULL) {
        manifest->backoff_first_us = node_int(interval) * 1000000;
    } else if (strcmp(type, "Never") != 0) {
        manifest->backoff_first_us = RETRY_INTERVAL_US;
    }
}

/* The one that is said; that they differ is found where the application is built. */
static void read_pod_name(struct manifest *manifest, const struct text_node *spec) {
    const struct text_node *field = node_member(node_member(spec, "driver"), "podName");
    const struct text_node *property =
        node_member(node_member(spec, "sparkConf"), "spark.kubernetes.driver.pod.name");

    manifest->pod_name = manifest_text_of(field != NULL ? field : property, "");
}

void manifest_read_spark_spec(struct manifest *manifest, const struct text_node *spec) {
    const struct text_node *ttl = node_member(spec, "timeToLiveSeconds");
    const struct text_node *suspend = node_member(spec, "suspend");

    read_restart_policy(manifest, node_member(spec, "restartPolicy"));
    if (ttl != NULL) {
        manifest->ttl_s = node_int(ttl);
    }
    manifest->hold = suspend != NULL && node_bool(suspend);
    read_pod_name(manifest, spec);
}

/* The kinds. Each is called with an object that its table let pass. */

/* As the queue stores them. */
static const char *retry_rules_text(const struct job_text *job, const struct text_node *retry) {
    struct retry_rules *rules = mem_alloc(1, sizeof *rules);
    const char *text;
    struct buf out;

    buf_init(&out, RETRY_TEXT_BYTES);
    retry_rules_read(retry, rules);
    retry_rules_print(rules, &out);
    text = arena_text(job->reader->texts, buf_text(&out), out.bytes);
    buf_finish(&out);
    free(rules);
    return text;
}

/* A Spark application's spec, at this path. */
static void read_spark(const struct job_text *job, const char *path) {
    const struct text_node *spec = manifest_seal_secrets(job, path);
    struct text_node with_defaults =
        spark_defaults_add(job->reader->defaults, spec, job->reader->texts);

    job->manifest->metadata_prefix = manifest_path_of(job, "metadata");
    job->manifest->spec_prefix = manifest_path_of(job, path);
    manifest_read_spark_spec(job->manifest, spec);
    manifest_build_payload(job, NULL, &with_defaults);
}

void manifest_read_batch_job(const struct job_text *job) {
    struct manifest *manifest = job->manifest;
    const struct text_node *spec = node_member(job->object, "spec");
    const struct text_node *spark = node_member(spec, "spark");
    const struct text_node *pod = node_member(spec, "pod");
    const struct text_node *application = node_member(spec, "sparkApplication");

    if (spark != NULL) {
        read_spark(job, "spec.spark");
    } else if (application != NULL) {
        manifest->for_operator = node_bool(node_member(application, "operator"));
        read_spark(job, "spec.sparkApplication.spec");
    } else {
        manifest->metadata_prefix = manifest_path_of(job, "spec.pod.metadata");
        manifest->spec_prefix = manifest_path_of(job, "spec.pod.spec");
        manifest_build_payload(job, node_member(pod, "metadata"), node_member(pod, "spec"));
    }
    queue_fields_read(spec, manifest);
    if (node_member(spec, "retry") != NULL) {
        manifest->retry_rules = retry_rules_text(job, node_member(spec, "retry"));
    }
}

void manifest_read_spark_application(const struct job_text *job) {
    read_spark(job, "spec");
}

void manifest_read_pod(const struct job_text *job) {
    job->manifest->metadata_prefix = manifest_path_of(job, "metadata");
    job->manifest->spec_prefix = manifest_path_of(job, "spec");
    manifest_build_payload(job, NULL, node_member(job->object, "spec"));
}

/* The name of a job leaves room for the index. */
void manifest_check_row_names(const struct job_text *job) {
    const struct rows *rows = &job->manifest->rows;

    if (rows->count > 0 &&
        strlen(job->manifest->name) + rows_suffix_bytes(rows) > LIMIT_LABEL_BYTES) {
        problems_add(job->reader->problems, node_place(job->object), "metadata.name",
                     "\"%s\" with an index would have more than %d characters", job->manifest->name,
                     LIMIT_LABEL_BYTES);
    }
}

/* The pods of a batch/v1 Job, each a job. */
void manifest_read_kube_job(const struct job_text *job) {
    struct manifest_reader *reader = job->reader;
    struct manifest *manifest = job->manifest;
    const struct text_node *spec = node_member(job->object, "spec");
    const struct text_node *pod = node_member(spec, "template");
    const struct trail trail = {job->trail, "spec", 0};
    const char *array = kube_job_read(spec, &trail, reader->texts, reader->problems, manifest);

    manifest->metadata_prefix = manifest_path_of(job, "spec.template.metadata");
    manifest->spec_prefix = manifest_path_of(job, "spec.template.spec");
    queue_template_check(pod, job->trail, reader->problems);
    if (array != NULL && manifest->rows.count > 0) {
        problems_add_at(reader->problems, node_place(node_member(spec, "completions")), &trail,
                        "its completions are an array; leave out the annotation nightshift/array");
    } else if (array != NULL) {
        rows_of_indices(array, node_place(spec), reader->texts, reader->problems, &manifest->rows);
        manifest_check_row_names(job);
    }
    manifest_build_payload(job, node_member(pod, "metadata"),
                           kube_job_pod_spec(spec, reader->texts));
}

/* Exactly one of the two ways to say what runs. */
void manifest_check_batch_job(const struct job_text *job) {
    const struct text_node *spec = node_member(job->object, "spec");
    const struct text_node *spark = node_member(spec, "spark");
    const struct text_node *pod = node_member(spec, "pod");
    const struct text_node *application = node_member(spec, "sparkApplication");
    struct trail trail = {job->trail, "spec", 0};
    struct trail in_retry = {&trail, "retry", 0};
    struct problems *problems = job->reader->problems;

    if (pod != NULL) {
        job->manifest->kind = JOB_KIND_POD;
    }
    if (spec == NULL || spec->kind != NODE_OBJECT) {
        return;
    }
    retry_rules_check(node_member(spec, "retry"), &in_retry, problems);
    if (application != NULL && (spark != NULL || pod != NULL)) {
        problems_add_at(problems, application->key_place, &trail,
                        "has another beside sparkApplication; exactly one says what to run");
    } else if (spark != NULL && pod != NULL) {
        bool spark_last = spark->key_place.line > pod->key_place.line;

        problems_add_at(problems, spark_last ? spark->key_place : pod->key_place, &trail,
                        "has both spark and pod; exactly one of them says what to run");
    } else if (spark == NULL && pod == NULL && application == NULL) {
        problems_add_at(problems, node_place(spec), &trail,
                        "nothing to run; it needs one of spark and pod");
    }
}
