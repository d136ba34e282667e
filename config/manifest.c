#include "config/manifest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/memory.h"
#include "base/text.h"
#include "config/arena.h"
#include "config/job_schema.h"
#include "config/kube_job.h"
#include "config/pod_schema.h"
#include "config/queue_fields.h"
#include "config/retry_rules.h"
#include "config/schema.h"
#include "config/spark_defaults.h"

struct reader {
    const struct manifest_defaults *defaults;
    struct manifest_set *set;
    size_t room;
    struct arena *texts;
    struct text_node *rows; /* the document behind this one, if it is of kind Rows */
    size_t job_count;
    struct problems *problems;
};

/* A document of one of the kinds we take, with its manifest to be. */
struct job_text {
    struct reader *reader;
    struct manifest *manifest;
    struct text_node *object;
    const struct trail *trail; /* NULL, or of a List's item */
    const char *prefix;        /* of paths: "" or "items[3]." */
};

static const char *text_of(const struct text_node *node, const char *otherwise) {
    return node != NULL && node->kind == NODE_TEXT ? node->text : otherwise;
}

/* What stands before the paths in an object. */
static const char *prefix_of(struct arena *texts, const struct trail *trail) {
    struct buf buf;
    const char *prefix;

    if (trail == NULL) {
        return "";
    }
    buf_init(&buf, ERROR_TEXT_BYTES_MAX);
    trail_print(trail, &buf);
    buf_add_char(&buf, '.');
    prefix = arena_text(texts, buf_text(&buf), buf.bytes);
    buf_finish(&buf);
    return prefix;
}

/* The path of a member; the tail lives for ever, the rest is in the set's memory. */
static const char *path_of(const struct job_text *job, const char *tail) {
    size_t prefix_bytes = strlen(job->prefix);
    size_t tail_bytes = strlen(tail);
    char *path;

    if (prefix_bytes == 0) {
        return tail;
    }
    path = arena_take(job->reader->texts, prefix_bytes + tail_bytes + 1, 1);
    memcpy(path, job->prefix, prefix_bytes);
    memcpy(path + prefix_bytes, tail, tail_bytes);
    return path;
}

/* The name. */

static void read_name(const struct job_text *job) {
    struct problems *problems = job->reader->problems;
    const struct text_node *metadata = node_member(job->object, "metadata");
    const struct text_node *name = node_member(metadata, "name");
    struct trail up = {job->trail, "metadata", 0};
    struct trail trail = {&up, "name", 0};
    const char *text = text_of(name, "");

    if (name == NULL) {
        const struct text_node *near = metadata != NULL ? metadata : job->object;

        problems_add_at(problems, node_place(near), &trail, "missing; it is required");
    } else if (!text_is_dns_label(text)) {
        problems_add_at(problems, node_place(name), &trail,
                        "\"%s\" is not a name: 1 to 63 of a-z, 0-9 and -, not - at either end",
                        text);
    } else if (job->manifest->kind == JOB_KIND_SPARK && (text[0] < 'a' || text[0] > 'z')) {
        problems_add_at(problems, node_place(name), &trail,
                        "\"%s\": the name of a Spark application begins with a letter", text);
    }
    job->manifest->name = text;
    job->manifest->namespace = text_of(node_member(metadata, "namespace"), "");
}

/* The payload. */

/* Of annotations; such labels were refused. */
static bool is_for_pods(const char *key) {
    return !text_starts_with(key, QUEUE_ANNOTATION_PREFIX) &&
           !text_starts_with(key, "kubectl.kubernetes.io/");
}

struct map_printer {
    struct buf *out;
    const char *name;
    size_t printed; /* members of this map */
    size_t *maps;   /* printed so far */
};

static void print_member(struct map_printer *printer, const struct text_node *member) {
    if (printer->printed++ == 0) {
        buf_add_format(printer->out, "%s\"%s\":{", (*printer->maps)++ > 0 ? "," : "",
                       printer->name);
    } else {
        buf_add_char(printer->out, ',');
    }
    json_print_text(member->key, printer->out);
    buf_add_char(printer->out, ':');
    node_print_json(member, printer->out);
}

/* Both maps as one, in order of the keys; the inner one, nearer to the pod, wins. */
static void print_merged(struct map_printer *printer, const struct text_node *outer,
                         const struct text_node *inner) {
    uint32_t i = 0;
    uint32_t j = 0;
    uint32_t outer_count = outer != NULL ? outer->count : 0;
    uint32_t inner_count = inner != NULL ? inner->count : 0;

    while (i < outer_count || j < inner_count) {
        int order = i == outer_count   ? 1
                    : j == inner_count ? -1
                                       : strcmp(outer->items[i].key, inner->items[j].key);
        const struct text_node *member = order < 0 ? &outer->items[i] : &inner->items[j];

        i += order <= 0;
        j += order >= 0;
        if (is_for_pods(member->key)) {
            print_member(printer, member);
        }
    }
    if (printer->printed > 0) {
        buf_add_char(printer->out, '}');
    }
}

static void print_metadata(const struct text_node *outer, const struct text_node *inner,
                           struct buf *out) {
    static const char *const names[] = {"annotations", "labels"};
    size_t maps = 0;

    buf_add_text(out, "\"metadata\":{");
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct map_printer printer = {out, names[i], 0, &maps};

        print_merged(&printer, node_member(outer, names[i]), node_member(inner, names[i]));
    }
    buf_add_char(out, '}');
}

/* inner: the pod template's metadata, or NULL. */
static void build_payload(const struct job_text *job, const struct text_node *inner,
                          const struct text_node *spec) {
    struct manifest *manifest = job->manifest;
    struct buf out;

    buf_init(&out, LIMIT_SPEC_BYTES);
    buf_add_char(&out, '{');
    print_metadata(node_member(job->object, "metadata"), inner, &out);
    if (manifest->for_operator) {
        buf_add_text(&out, ",\"operator\":true");
    }
    if (manifest->rows.count > 0) {
        buf_add_text(&out, ",\"row\":");
        rows_print_names(&manifest->rows, &out);
    }
    buf_add_text(&out, ",\"spec\":");
    node_print_json(spec, &out);
    buf_add_char(&out, '}');
    if (out.full) {
        problems_add_at(job->reader->problems, node_place(job->object), job->trail,
                        "too large: as JSON more than %d bytes", LIMIT_SPEC_BYTES);
    }
    manifest->payload = arena_text(job->reader->texts, buf_text(&out), out.bytes);
    manifest->payload_bytes = out.bytes;
    buf_finish(&out);
}

/* What a spec itself says of retries and of the time to keep things. */

static void read_restart_policy(struct manifest *manifest, const struct text_node *policy) {
    const struct text_node *interval = node_member(policy, "onFailureRetryInterval");
    const struct text_node *retries = node_member(policy, "onFailureRetries");
    const char *type = text_of(node_member(policy, "type"), "Never");

    if (policy == NULL) {
        return;
    }
    manifest->retries_max = 0;
    if (strcmp(type, "OnFailure") == 0 && retries != NULL) {
        int64_t count = node_int(retries);

        manifest->retries_max = count < LIMIT_JOB_ATTEMPTS ? count : LIMIT_JOB_ATTEMPTS - 1;
    }
    if (interval != NULL) {
        manifest->backoff_first_us = node_int(interval) * 1000000;
    }
}

static void read_spark_spec(struct manifest *manifest, const struct text_node *spec) {
    const struct text_node *ttl = node_member(spec, "timeToLiveSeconds");
    const struct text_node *suspend = node_member(spec, "suspend");

    read_restart_policy(manifest, node_member(spec, "restartPolicy"));
    if (ttl != NULL) {
        /* To the operator 0 means for ever. */
        manifest->ttl_s = node_int(ttl) == 0 ? JOB_TTL_NEVER : node_int(ttl);
    }
    manifest->hold = suspend != NULL && node_bool(suspend);
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
static void read_spark(const struct job_text *job, const struct text_node *spec, const char *path) {
    struct text_node with_defaults =
        spark_defaults_add(job->reader->defaults, spec, job->reader->texts);

    job->manifest->metadata_prefix = path_of(job, "metadata");
    job->manifest->spec_prefix = path_of(job, path);
    read_spark_spec(job->manifest, spec);
    build_payload(job, NULL, &with_defaults);
}

static void read_batch_job(const struct job_text *job) {
    struct manifest *manifest = job->manifest;
    const struct text_node *spec = node_member(job->object, "spec");
    const struct text_node *spark = node_member(spec, "spark");
    const struct text_node *pod = node_member(spec, "pod");
    const struct text_node *application = node_member(spec, "sparkApplication");

    if (spark != NULL) {
        read_spark(job, spark, "spec.spark");
    } else if (application != NULL) {
        manifest->for_operator = node_bool(node_member(application, "operator"));
        read_spark(job, node_member(application, "spec"), "spec.sparkApplication.spec");
    } else {
        manifest->metadata_prefix = path_of(job, "spec.pod.metadata");
        manifest->spec_prefix = path_of(job, "spec.pod.spec");
        build_payload(job, node_member(pod, "metadata"), node_member(pod, "spec"));
    }
    queue_fields_read(spec, manifest);
    if (node_member(spec, "retry") != NULL) {
        manifest->retry_rules = retry_rules_text(job, node_member(spec, "retry"));
    }
}

static void read_spark_application(const struct job_text *job) {
    read_spark(job, node_member(job->object, "spec"), "spec");
}

static void read_pod(const struct job_text *job) {
    job->manifest->metadata_prefix = path_of(job, "metadata");
    job->manifest->spec_prefix = path_of(job, "spec");
    build_payload(job, NULL, node_member(job->object, "spec"));
}

/* The name of a job leaves room for the index. */
static void check_row_names(const struct job_text *job) {
    const struct rows *rows = &job->manifest->rows;

    if (rows->count > 0 &&
        strlen(job->manifest->name) + rows_suffix_bytes(rows) > LIMIT_LABEL_BYTES) {
        problems_add(job->reader->problems, node_place(job->object), "metadata.name",
                     "\"%s\" with an index would have more than %d characters", job->manifest->name,
                     LIMIT_LABEL_BYTES);
    }
}

/* The pods of a batch/v1 Job, each a job. */
static void read_kube_job(const struct job_text *job) {
    struct reader *reader = job->reader;
    struct manifest *manifest = job->manifest;
    const struct text_node *spec = node_member(job->object, "spec");
    const struct text_node *pod = node_member(spec, "template");
    const struct trail trail = {job->trail, "spec", 0};
    const char *array = kube_job_read(spec, &trail, reader->texts, reader->problems, manifest);

    manifest->metadata_prefix = path_of(job, "spec.template.metadata");
    manifest->spec_prefix = path_of(job, "spec.template.spec");
    queue_template_check(pod, job->trail, reader->problems);
    if (array != NULL && manifest->rows.count > 0) {
        problems_add_at(reader->problems, node_place(node_member(spec, "completions")), &trail,
                        "its completions are an array; leave out the annotation nightshift/array");
    } else if (array != NULL) {
        rows_of_indices(array, node_place(spec), reader->texts, reader->problems, &manifest->rows);
        check_row_names(job);
    }
    build_payload(job, node_member(pod, "metadata"), kube_job_pod_spec(spec, reader->texts));
}

/* Schedules: a template in the place of an object of its own. */

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
                    "a schedule makes one job at a time, not an array");
}

/* The template of a Schedule, as if it were a BatchJob. */
static struct job_text template_of(const struct job_text *job, struct text_node *template) {
    struct job_text inner = *job;

    inner.object = template;
    inner.prefix = path_of(job, "spec.template.");
    return inner;
}

static void read_schedule(const struct job_text *job) {
    const struct text_node *spec = node_member(job->object, "spec");
    const struct trail trail = {job->trail, "spec", 0};
    const struct trail in_template = {&trail, "template", 0};
    struct schedule_text *schedule = add_schedule(job);
    struct text_node *mutable_spec = node_member_mutable(job->object, "spec");
    struct job_text inner = template_of(job, node_member_mutable(mutable_spec, "template"));

    schedule_read(spec, &trail, job->reader->problems, schedule);
    read_batch_job(&inner);
    if (job->manifest->rows.count > 0) {
        refuse_array(job, node_place(inner.object), &in_template);
    }
    keep_document(job, schedule);
}

static void read_cron_job(const struct job_text *job) {
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
    manifest->metadata_prefix = path_of(job, "spec.jobTemplate.spec.template.metadata");
    manifest->spec_prefix = path_of(job, "spec.jobTemplate.spec.template.spec");
    queue_template_check(pod, &in_template, job->reader->problems);
    if (kube_job_read(job_spec, &in_spec, job->reader->texts, job->reader->problems, manifest) !=
        NULL) {
        refuse_array(job, node_place(node_member(job_spec, "completions")), &in_spec);
    }
    build_payload(&inner, node_member(pod, "metadata"),
                  kube_job_pod_spec(job_spec, job->reader->texts));
    keep_document(job, schedule);
}

static void read_scheduled_spark_application(const struct job_text *job) {
    const struct text_node *spec = node_member(job->object, "spec");
    const struct text_node *template = node_member(spec, "template");
    const struct trail trail = {job->trail, "spec", 0};
    struct schedule_text *schedule = add_schedule(job);
    struct text_node with_defaults =
        spark_defaults_add(job->reader->defaults, template, job->reader->texts);

    schedule_read_scheduled_spark(spec, &trail, job->reader->problems, schedule);
    job->manifest->metadata_prefix = path_of(job, "metadata");
    job->manifest->spec_prefix = path_of(job, "spec.template");
    read_spark_spec(job->manifest, template);
    build_payload(job, NULL, &with_defaults);
    keep_document(job, schedule);
}

/* Exactly one of the two ways to say what runs. */
static void check_batch_job(const struct job_text *job) {
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

static void check_no_array(const struct job_text *job, const struct trail *in_template,
                           const struct text_node *template) {
    const struct text_node *array = node_member(node_member(template, "spec"), "array");
    const struct trail in_spec = {in_template, "spec", 0};
    const struct trail trail = {&in_spec, "array", 0};

    if (array != NULL) {
        problems_add_at(job->reader->problems, node_place(array), &trail,
                        "each run of a schedule is one job, not an array");
    }
}

static void check_schedule(const struct job_text *job) {
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
    check_batch_job(&inner);
    check_no_array(job, &trail, template);
    queue_template_check(node_member(node_member(template, "spec"), "pod"), &trail,
                         job->reader->problems);
}

static void check_nothing(const struct job_text *job) {
    (void)job;
}

static const struct kind {
    const char *api_version;
    const char *name;
    enum job_kind job_kind; /* a BatchJob may turn out to be a pod */
    const struct schema *schema;
    void (*check)(const struct job_text *job);
    void (*read)(const struct job_text *job);
} kinds[] = {
    {"nightshift/v1", "BatchJob", JOB_KIND_SPARK, &schema_batch_job, check_batch_job,
     read_batch_job},
    {"sparkoperator.k8s.io/v1beta2", "SparkApplication", JOB_KIND_SPARK, &schema_spark_application,
     check_nothing, read_spark_application},
    {"v1", "Pod", JOB_KIND_POD, &schema_pod, check_nothing, read_pod},
    {"nightshift/v1", "Schedule", JOB_KIND_SPARK, &schema_schedule, check_schedule, read_schedule},
    {"sparkoperator.k8s.io/v1beta2", "ScheduledSparkApplication", JOB_KIND_SPARK,
     &schema_scheduled_spark_application, check_nothing, read_scheduled_spark_application},
    {"batch/v1", "Job", JOB_KIND_POD, &schema_kube_job, check_nothing, read_kube_job},
    {"batch/v1", "CronJob", JOB_KIND_POD, &schema_cron_job, check_nothing, read_cron_job},
};

/* Growing moves them: nobody keeps the pointer beyond the next. */
static struct manifest *add_manifest(struct reader *reader, const struct kind *kind,
                                     const struct text_node *root, const struct text_node *object) {
    struct manifest_set *set = reader->set;

    if (set->count == reader->room) {
        reader->room = reader->room == 0 ? 4 : reader->room * 2;
        set->items = mem_grow(set->items, reader->room, sizeof *set->items);
    }
    set->items[set->count] = (struct manifest){
        .team = "",
        .window = "",
        .priority_class = "",
        .retry_rules = "",
        .kind = kind->job_kind,
        .retries_max = MANIFEST_UNSET,
        .infra_retries_max = MANIFEST_UNSET,
        .backoff_first_us = MANIFEST_UNSET,
        .backoff_max_us = MANIFEST_UNSET,
        .ttl_s = MANIFEST_UNSET,
        .place = object->place,
        .object = object,
        .root = root,
    };
    return &set->items[set->count++];
}

/* A field of the queue's: an annotation wins over a BatchJob's spec. NULL: it is not said. */
static const struct text_node *annotated(const struct job_text *job, const struct kind *kind,
                                         const char *name) {
    const struct text_node *annotations =
        node_member(node_member(job->object, "metadata"), "annotations");
    const bool is_ours = strcmp(kind->name, "BatchJob") == 0;
    char key[64];
    const struct text_node *annotation;

    (void)snprintf(key, sizeof key, QUEUE_ANNOTATION_PREFIX "%s", name);
    annotation = node_member(annotations, key);
    return annotation != NULL ? annotation
           : is_ours          ? node_member(node_member(job->object, "spec"), name)
                              : NULL;
}

/* Only a BatchJob is a template. */
static void read_template(const struct job_text *job, const struct kind *kind) {
    struct reader *reader = job->reader;

    if (strcmp(kind->name, "BatchJob") != 0) {
        problems_add(reader->problems, node_place(reader->rows), "kind",
                     "Rows are of a BatchJob, and before these stands a %s", kind->name);
        return;
    }
    rows_read(reader->rows, reader->texts, reader->problems, &job->manifest->rows);
}

/* Either the rows behind it or the indices of its array make it many jobs. */
static void read_job_rows(const struct job_text *job, const struct kind *kind) {
    struct reader *reader = job->reader;
    struct rows *rows = &job->manifest->rows;
    const struct text_node *array = annotated(job, kind, "array");

    if (reader->rows != NULL && job->trail == NULL) {
        read_template(job, kind);
        if (array != NULL) {
            problems_add(reader->problems, array->key_place, "spec.array",
                         "the rows behind it make it an array already");
        }
    } else if (array != NULL && (array->kind == NODE_TEXT || array->kind == NODE_INT)) {
        rows_of_indices(array->text, array->place, reader->texts, reader->problems, rows);
    }
    check_row_names(job);
}

/* A warning after the end would never come. */
static void check_warning(const struct job_text *job) {
    const struct manifest *manifest = job->manifest;

    if (manifest->max_runtime_us > 0 && manifest->warn_runtime_us >= manifest->max_runtime_us) {
        problems_add_at(job->reader->problems,
                        node_place(node_find(job->object, "spec.maxRuntime.warn", NULL)),
                        job->trail,
                        "a run would be stopped before it is warned of: "
                        "maxRuntime.warn must be below maxRuntime.kill");
    }
}

static void read_after(const struct job_text *job, const struct kind *kind) {
    const struct trail in_spec = {job->trail, "spec", 0};
    const struct trail in_template = {&in_spec, "template", 0};
    const struct trail in_template_spec = {&in_template, "spec", 0};
    struct trail trail = {&in_spec, "after", 0};
    const struct text_node *value = annotated(job, kind, "after");

    if (value == NULL && kind->read == read_schedule) {
        value = node_member(
            node_member(node_member(node_member(job->object, "spec"), "template"), "spec"),
            "after");
        trail.up = &in_template_spec;
    }
    if (value != NULL) {
        after_refs_read(value, &trail, job->reader->texts, job->reader->problems,
                        &job->manifest->after);
    }
}

static size_t problem_count(const struct reader *reader) {
    return reader->problems->count + reader->problems->dropped;
}

static void read_job(struct reader *reader, const struct kind *kind, const struct text_node *root,
                     struct text_node *object, const struct trail *trail) {
    struct job_text job = {.reader = reader,
                           .manifest = add_manifest(reader, kind, root, object),
                           .object = object,
                           .trail = trail,
                           .prefix = prefix_of(reader->texts, trail)};
    size_t before = problem_count(reader);

    kind->check(&job);
    schema_check(kind->schema, object, trail, reader->problems);
    read_name(&job);
    read_job_rows(&job, kind);
    queue_annotations_check(node_member(object, "metadata"), trail, reader->problems);
    queue_template_check(node_member(node_member(object, "spec"), "pod"), trail, reader->problems);
    if (problem_count(reader) > before) {
        return;
    }
    job.manifest->outer_metadata_prefix = path_of(&job, "metadata");
    kind->read(&job);
    queue_annotations_read(node_member(object, "metadata"), job.manifest);
    read_after(&job, kind);
    check_warning(&job);
    reader->job_count += job.manifest->schedule != NULL ? 1 : manifest_job_count(job.manifest);
    if (reader->job_count > LIMIT_MANIFEST_DOCUMENTS) {
        problems_add_at(reader->problems, node_place(object), trail,
                        "more than %d jobs in one file", LIMIT_MANIFEST_DOCUMENTS);
    }
}

/* Which kind an object is. */

static void complain_kind(const struct text_node *node, const struct trail *trail, const char *text,
                          struct problems *problems) {
    const char *names[ARRAY_LEN(kinds)];
    const char *meant;

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        names[i] = kinds[i].name;
    }
    meant = text_closest(text, names, ARRAY_LEN(kinds));
    if (meant != NULL) {
        problems_add_at(problems, node_place(node), trail,
                        "\"%s\" is not known (did you mean \"%s\"?)", text, meant);
    } else {
        problems_add_at(
            problems, node_place(node), trail,
            "\"%s\" is not known; taken are BatchJob, SparkApplication, Pod, Job and List", text);
    }
}

/* The row of that kind, or NULL after complaining. */
static const struct kind *find_kind(const struct text_node *api_version,
                                    const struct text_node *kind, const struct trail *trail,
                                    struct problems *problems) {
    struct trail at_kind = {trail, "kind", 0};
    struct trail at_version = {trail, "apiVersion", 0};

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        const struct kind *row = &kinds[i];

        if (strcmp(row->name, kind->text) != 0) {
            continue;
        }
        if (strcmp(row->api_version, api_version->text) != 0) {
            problems_add_at(problems, node_place(api_version), &at_version,
                            "%s is of \"%s\", not \"%s\"", row->name, row->api_version,
                            api_version->text);
            return NULL;
        }
        return row;
    }
    complain_kind(kind, &at_kind, kind->text, problems);
    return NULL;
}

static const struct text_node *need_text(const struct text_node *object, const char *key,
                                         const struct trail *trail, struct problems *problems) {
    const struct text_node *node = node_member(object, key);
    struct trail at = {trail, key, 0};

    if (node == NULL) {
        problems_add_at(problems, node_place(object), &at, "missing; it is required");
    } else if (node->kind != NODE_TEXT) {
        problems_add_at(problems, node_place(node), &at, "must be text");
        node = NULL;
    }
    return node;
}

static void read_object(struct reader *reader, const struct text_node *root,
                        struct text_node *object, const struct trail *trail);

static void read_list(struct reader *reader, const struct text_node *root, struct text_node *list) {
    struct trail trail = {NULL, "items", 0};
    struct text_node *items;

    schema_check(&schema_list, list, NULL, reader->problems);
    items = node_member_mutable(list, "items");
    for (uint32_t i = 0; items != NULL && i < items->count; i++) {
        struct trail at = {&trail, NULL, i};

        if (items->items[i].kind == NODE_OBJECT) {
            read_object(reader, root, &items->items[i], &at);
        }
    }
}

/* trail is NULL for a document, which alone may be a List. */
static void read_object(struct reader *reader, const struct text_node *root,
                        struct text_node *object, const struct trail *trail) {
    const struct text_node *api_version;
    const struct text_node *kind_node;
    const struct kind *kind;

    if (object->kind != NODE_OBJECT) {
        problems_add_at(reader->problems, object->place, trail,
                        "not a manifest: that is an object with apiVersion, kind, metadata, spec");
        return;
    }
    kind_node = need_text(object, "kind", trail, reader->problems);
    api_version = need_text(object, "apiVersion", trail, reader->problems);
    if (kind_node == NULL || api_version == NULL) {
        return;
    }
    if (trail == NULL && strcmp(kind_node->text, "List") == 0 &&
        strcmp(api_version->text, "v1") == 0) {
        read_list(reader, root, object);
        return;
    }
    kind = find_kind(api_version, kind_node, trail, reader->problems);
    if (kind != NULL) {
        read_job(reader, kind, root, object, trail);
    }
}

int manifest_set_parse(const char *text, size_t bytes, struct manifest_set *out_set,
                       struct problems *problems) {
    static const struct manifest_defaults none = {"", ""};

    return manifest_set_parse_with(&none, text, bytes, out_set, problems);
}

int manifest_set_parse_with(const struct manifest_defaults *defaults, const char *text,
                            size_t bytes, struct manifest_set *out_set, struct problems *problems) {
    struct manifest_set set = {0};
    struct reader reader = {.defaults = defaults, .set = &set, .problems = problems};
    size_t before = problems->count;

    if (document_set_parse(text, bytes, LIMIT_MANIFEST_BYTES, &set.documents, problems) == OK) {
        set.texts = reader.texts = arena_create();
        for (size_t i = 0; i < set.documents.count; i++) {
            struct text_node *root = &set.documents.documents[i];
            bool rows_follow = i + 1 < set.documents.count && rows_is(root + 1);

            reader.rows = rows_follow ? root + 1 : NULL;
            if (!rows_is(root)) {
                read_object(&reader, root, root, NULL);
            } else if (i == 0 || rows_is(root - 1)) {
                problems_add(problems, node_place(root), "kind",
                             "Rows are of the BatchJob before them, and there is none");
            }
        }
        if (set.count == 0 && problems->count == before) {
            problems_add(problems, (struct position){0}, "", "holds no job");
        }
        if (problems->count == before) {
            after_refs_resolve(&set, problems);
        }
    }
    problems_sort(problems);
    if (problems->count > before) {
        manifest_set_destroy(&set);
        return ERR_INVALID;
    }
    *out_set = set;
    return OK;
}

size_t manifest_job_count(const struct manifest *manifest) {
    if (manifest->schedule != NULL) {
        return 0;
    }
    return manifest->rows.count > 0 ? manifest->rows.count : 1;
}

void manifest_job(const struct manifest_set *set, const struct manifest *manifest, size_t at,
                  const char **out_name, const char **out_row) {
    if (manifest->rows.count == 0) {
        *out_name = manifest->name;
        *out_row = NULL;
    } else {
        *out_name = rows_job_name(&manifest->rows, manifest->name, at, set->texts);
        *out_row = manifest->rows.texts[at];
    }
}

void manifest_set_destroy(struct manifest_set *set) {
    if (set == NULL) {
        return;
    }
    free(set->items);
    arena_destroy(set->texts);
    document_set_destroy(&set->documents);
    *set = (struct manifest_set){0};
}

/* From the payload's paths to the user's. */

/* What a pod template does not say stands in the metadata around it. */
static char *metadata_path(const struct manifest *manifest, const char *tail) {
    char *path = mem_format("%s%s", manifest->metadata_prefix, tail);
    bool exact;

    (void)node_find(manifest->root, path, &exact);
    if (!exact) {
        free(path);
        path = mem_format("%s%s", manifest->outer_metadata_prefix, tail);
    }
    return path;
}

static char *user_path(const struct manifest *manifest, const char *payload_path) {
    static const char metadata[] = "metadata";
    static const char spec[] = "spec";

    if (text_starts_with(payload_path, metadata)) {
        return metadata_path(manifest, payload_path + strlen(metadata));
    }
    if (text_starts_with(payload_path, spec)) {
        return mem_format("%s%s", manifest->spec_prefix, payload_path + strlen(spec));
    }
    return mem_copy_text(manifest->spec_prefix);
}

struct position manifest_position(const struct manifest *manifest, const char *payload_path) {
    char *path = user_path(manifest, payload_path);
    struct position place = node_place(node_find(manifest->root, path, NULL));

    free(path);
    return place;
}

void manifest_explain(const struct manifest *manifest, const char *payload_path,
                      const char *message, struct problems *problems) {
    char *path = user_path(manifest, payload_path);

    problems_add(problems, node_place(node_find(manifest->root, path, NULL)), path, "%s", message);
    free(path);
}
