/* The kinds of manifests that make jobs by the clock. */
#include "config/manifest_inside.h"

#include "base/limits.h"
#include "config/kube_job.h"
#include "config/queue_fields.h"
#include "config/spark_defaults.h"

static struct schedule_text *add_schedule(const struct job_text *job) {
    struct schedule_text *schedule = arena_take(job->reader->texts, 1, sizeof *schedule);

    job->manifest->schedule = schedule;
    return schedule;
}

/* What is kept of it: the object as it was written. */
static void keep_document(const struct job_text *job, struct schedule_text *schedule) {
    struct buf out;

    buf_init(&out, LIMIT_SCHEDULE_BYTES);
    node_print_json(job->object, &out);
    if (out.full) {
        problems_add_at(job->reader->problems, node_place(job->object), job->trail,
                        "too large: as JSON more than %d bytes", LIMIT_SCHEDULE_BYTES);
    }
    schedule->document = arena_text(job->reader->texts, buf_text(&out), out.bytes);
    schedule->document_bytes = out.bytes;
    buf_finish(&out);
}

/* One occurrence is one job. */
static void refuse_array(const struct job_text *job, struct position place,
                         const struct trail *trail) {
    problems_add_at(job->reader->problems, place, trail,
                    "the jobs of a CronJob have one pod; of a Schedule its template may have "
                    "an array");
}

/* The template of a Schedule, as if it were a BatchJob. */
static struct job_text template_of(const struct job_text *job, struct text_node *template) {
    struct job_text inner = *job;

    inner.object = template;
    inner.prefix = manifest_path_of(job, "spec.template.");
    return inner;
}

/* Each run is one, then. */
static void read_array(const struct job_text *job, const struct text_node *array) {
    if (array != NULL && (array->kind == NODE_TEXT || array->kind == NODE_INT)) {
        rows_of_indices(array->text, array->place, job->reader->texts, job->reader->problems,
                        &job->manifest->rows);
        manifest_check_row_names(job);
    }
}

void manifest_read_schedule(const struct job_text *job) {
    const struct text_node *spec = node_member(job->object, "spec");
    const struct trail trail = {job->trail, "spec", 0};
    struct schedule_text *schedule = add_schedule(job);
    struct text_node *mutable_spec = node_member_mutable(job->object, "spec");
    struct job_text inner = template_of(job, node_member_mutable(mutable_spec, "template"));

    schedule_read(spec, &trail, job->reader->problems, schedule);
    read_array(job, node_member(node_member(inner.object, "spec"), "array"));
    manifest_read_batch_job(&inner);
    keep_document(job, schedule);
}

void manifest_read_cron_job(const struct job_text *job) {
    struct manifest *manifest = job->manifest;
    const struct text_node *spec = node_member(job->object, "spec");
    const struct trail trail = {job->trail, "spec", 0};
    const struct trail in_template = {&trail, "jobTemplate", 0};
    const struct trail in_spec = {&in_template, "spec", 0};
    struct schedule_text *schedule = add_schedule(job);
    struct text_node *mutable_spec = node_member_mutable(job->object, "spec");
    struct job_text inner = template_of(job, node_member_mutable(mutable_spec, "jobTemplate"));
    const struct text_node *job_spec = node_member(inner.object, "spec");
    const struct text_node *pod = node_member(job_spec, "template");

    schedule_read_cron_job(spec, &trail, job->reader->problems, schedule);
    manifest->metadata_prefix = manifest_path_of(job, "spec.jobTemplate.spec.template.metadata");
    manifest->spec_prefix = manifest_path_of(job, "spec.jobTemplate.spec.template.spec");
    queue_template_check(pod, &in_template, job->reader->problems);
    if (kube_job_read(job_spec, &in_spec, job->reader->texts, job->reader->problems, manifest) !=
        NULL) {
        refuse_array(job, node_place(node_member(job_spec, "completions")), &in_spec);
    }
    manifest_build_payload(&inner, node_member(pod, "metadata"),
                           kube_job_pod_spec(job_spec, job->reader->texts));
    keep_document(job, schedule);
}

void manifest_read_scheduled_spark(const struct job_text *job) {
    const struct text_node *spec = node_member(job->object, "spec");
    const struct text_node *template = manifest_seal_secrets(job, "spec.template");
    const struct trail trail = {job->trail, "spec", 0};
    struct schedule_text *schedule = add_schedule(job);
    struct text_node with_defaults =
        spark_defaults_add(job->reader->defaults, template, job->reader->texts);

    schedule_read_scheduled_spark(spec, &trail, job->reader->problems, schedule);
    job->manifest->metadata_prefix = manifest_path_of(job, "metadata");
    job->manifest->spec_prefix = manifest_path_of(job, "spec.template");
    manifest_read_spark_spec(job->manifest, template);
    manifest_build_payload(job, NULL, &with_defaults);
    keep_document(job, schedule);
}

void manifest_check_schedule(const struct job_text *job) {
    struct text_node *spec = node_member_mutable(job->object, "spec");
    struct text_node *template = node_member_mutable(spec, "template");
    const struct trail in_spec = {job->trail, "spec", 0};
    const struct trail trail = {&in_spec, "template", 0};
    struct job_text inner = *job;

    if (template == NULL || template->kind != NODE_OBJECT) {
        return;
    }
    inner.object = template;
    inner.trail = &trail;
    manifest_check_batch_job(&inner);
    queue_template_check(node_member(node_member(template, "spec"), "pod"), &trail,
                         job->reader->problems);
}
