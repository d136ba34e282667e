#include "config/manifest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/memory.h"
#include "base/text.h"
#include "config/job_schema.h"
#include "config/kube_job.h"
#include "config/manifest_inside.h"
#include "config/pod_schema.h"
#include "config/queue_fields.h"
#include "config/schema.h"

const char *manifest_text_of(const struct text_node *node, const char *otherwise) {
    return node != NULL && node->kind == NODE_TEXT ? node->text : otherwise;
}

/* What stands before the paths in an object. */
const char *manifest_prefix_of(struct arena *texts, const struct trail *trail) {
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
const char *manifest_path_of(const struct job_text *job, const char *tail) {
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
    const char *text = manifest_text_of(name, "");

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
    job->manifest->namespace = manifest_text_of(node_member(metadata, "namespace"), "");
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
    {"nightshift/v1", "BatchJob", JOB_KIND_SPARK, &schema_batch_job, manifest_check_batch_job,
     manifest_read_batch_job},
    {"sparkoperator.k8s.io/v1beta2", "SparkApplication", JOB_KIND_SPARK, &schema_spark_application,
     check_nothing, manifest_read_spark_application},
    {"v1", "Pod", JOB_KIND_POD, &schema_pod, check_nothing, manifest_read_pod},
    {"nightshift/v1", "Schedule", JOB_KIND_SPARK, &schema_schedule, manifest_check_schedule,
     manifest_read_schedule},
    {"sparkoperator.k8s.io/v1beta2", "ScheduledSparkApplication", JOB_KIND_SPARK,
     &schema_scheduled_spark_application, check_nothing, manifest_read_scheduled_spark},
    {"batch/v1", "Job", JOB_KIND_POD, &schema_kube_job, check_nothing, manifest_read_kube_job},
    {"batch/v1", "CronJob", JOB_KIND_POD, &schema_cron_job, check_nothing, manifest_read_cron_job},
};

/* Growing moves them: nobody keeps the pointer beyond the next. */
static struct manifest *add_manifest(struct manifest_reader *reader, const struct kind *kind,
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
        .pod_name = "",
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
    struct manifest_reader *reader = job->reader;

    if (strcmp(kind->name, "BatchJob") != 0) {
        problems_add(reader->problems, node_place(reader->rows), "kind",
                     "Rows are of a BatchJob, and before these stands a %s", kind->name);
        return;
    }
    rows_read(reader->rows, reader->texts, reader->problems, &job->manifest->rows);
}

/* Either the rows behind it or the indices of its array make it many jobs. */
static void read_job_rows(const struct job_text *job, const struct kind *kind) {
    struct manifest_reader *reader = job->reader;
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
    manifest_check_row_names(job);
}

/* Elements run side by side. */
static void check_pod_name(const struct job_text *job) {
    const struct manifest *manifest = job->manifest;

    if (manifest->rows.count > 0 && manifest->pod_name[0] != '\0') {
        manifest_explain(manifest, "spec.driver.podName",
                         "all elements of the array would give this name to their driver's pod, "
                         "and one pod at a time can have it: leave it out, and each is named after "
                         "its job; or submit jobs with names of their own, one by one",
                         job->reader->problems);
    }
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

    if (value == NULL && kind->read == manifest_read_schedule) {
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

static size_t problem_count(const struct manifest_reader *reader) {
    return reader->problems->count + reader->problems->dropped;
}

static void read_job(struct manifest_reader *reader, const struct kind *kind,
                     const struct text_node *root, struct text_node *object,
                     const struct trail *trail) {
    struct job_text job = {.reader = reader,
                           .manifest = add_manifest(reader, kind, root, object),
                           .object = object,
                           .trail = trail,
                           .prefix = manifest_prefix_of(reader->texts, trail)};
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
    job.manifest->outer_metadata_prefix = manifest_path_of(&job, "metadata");
    kind->read(&job);
    queue_annotations_read(node_member(object, "metadata"), job.manifest);
    read_after(&job, kind);
    check_warning(&job);
    check_pod_name(&job);
    reader->job_count += job.manifest->schedule != NULL ? 1 : manifest_written_count(job.manifest);
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

static void read_object(struct manifest_reader *reader, const struct text_node *root,
                        struct text_node *object, const struct trail *trail);

static void read_list(struct manifest_reader *reader, const struct text_node *root,
                      struct text_node *list) {
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
static void read_object(struct manifest_reader *reader, const struct text_node *root,
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
    static const struct manifest_defaults none = {"", "", 0, "", NULL};

    return manifest_set_parse_with(&none, text, bytes, out_set, problems);
}

int manifest_set_parse_with(const struct manifest_defaults *defaults, const char *text,
                            size_t bytes, struct manifest_set *out_set, struct problems *problems) {
    struct manifest_set set = {0};
    struct manifest_reader reader = {.defaults = defaults, .set = &set, .problems = problems};
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

size_t manifest_written_count(const struct manifest *manifest) {
    return manifest->rows.texts != NULL ? manifest->rows.count : manifest->schedule == NULL;
}

void manifest_job(const struct manifest_set *set, const struct manifest *manifest, size_t at,
                  const char **out_name, const char **out_row) {
    if (manifest->rows.texts == NULL) {
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
