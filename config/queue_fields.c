#include "config/queue_fields.h"

#include <string.h>

#include "base/ensure.h"
#include "base/limits.h"
#include "base/text.h"
#include "config/schema.h"

/* Setters: from a value that its table let pass. */

static int64_t duration_us(const struct text_node *node) {
    int64_t us = 0;
    int result = text_parse_duration_us(node->text, &us);

    ENSURE(result == OK);
    return us;
}

static void set_team(struct manifest *manifest, const struct text_node *node) {
    manifest->team = node->text;
}

static void set_priority(struct manifest *manifest, const struct text_node *node) {
    manifest->priority = (int32_t)node_int(node);
    manifest->has_priority = true;
}

static void set_priority_class(struct manifest *manifest, const struct text_node *node) {
    manifest->priority_class = node->text;
}

static void set_hold(struct manifest *manifest, const struct text_node *node) {
    manifest->hold = node_bool(node);
}

static void set_retries(struct manifest *manifest, const struct text_node *node) {
    manifest->retries_max = node_int(node);
}

static void set_infra_retries(struct manifest *manifest, const struct text_node *node) {
    manifest->infra_retries_max = node_int(node);
}

static void set_backoff_first(struct manifest *manifest, const struct text_node *node) {
    manifest->backoff_first_us = duration_us(node);
}

static void set_backoff_max(struct manifest *manifest, const struct text_node *node) {
    manifest->backoff_max_us = duration_us(node);
}

static void set_ttl_seconds(struct manifest *manifest, const struct text_node *node) {
    manifest->ttl_s = node_int(node);
}

static void set_ttl(struct manifest *manifest, const struct text_node *node) {
    manifest->ttl_s = (duration_us(node) + 999999) / 1000000;
}

static void set_expected_runtime(struct manifest *manifest, const struct text_node *node) {
    manifest->expected_runtime_us = duration_us(node);
}

static void set_max_runtime(struct manifest *manifest, const struct text_node *node) {
    if (node->kind != NODE_OBJECT) {
        manifest->max_runtime_us = duration_us(node);
    }
}

static void set_warn_runtime(struct manifest *manifest, const struct text_node *node) {
    manifest->warn_runtime_us = duration_us(node);
}

static struct deadline deadline_of(const struct text_node *node) {
    struct deadline deadline = {.kind = DEADLINE_NONE};
    int result = deadline_parse(node->text, &deadline);

    ENSURE(result == OK);
    return deadline;
}

static void set_start_by(struct manifest *manifest, const struct text_node *node) {
    if (node->kind != NODE_OBJECT) {
        manifest->start_by = deadline_of(node);
        manifest->start_by_place = node->place;
    }
}

static void set_start_miss(struct manifest *manifest, const struct text_node *node) {
    manifest->start_miss = strcmp(node->text, start_miss_texts[START_MISS_SKIP]) == 0
                               ? START_MISS_SKIP
                               : START_MISS_WARN;
}

static void set_finish_by(struct manifest *manifest, const struct text_node *node) {
    manifest->finish_by = deadline_of(node);
    manifest->finish_by_place = node->place;
}

static void set_preemptible(struct manifest *manifest, const struct text_node *node) {
    manifest->preemptible = node_bool(node);
}

static void set_window(struct manifest *manifest, const struct text_node *node) {
    manifest->window = node->text;
    manifest->window_place = node->place;
}

/* config/manifest.c does: the rows of an array before the payload, what is waited for behind it. */
static void read_elsewhere(struct manifest *manifest, const struct text_node *node) {
    (void)manifest;
    (void)node;
}

/* The table. */

static const struct queue_field {
    const char *path;   /* in a BatchJob's spec; NULL: only an annotation */
    struct field field; /* the annotation's name behind the prefix, and its type */
    void (*set)(struct manifest *manifest, const struct text_node *node);
} queue_fields[] = {
    {"team", {.name = "team", .type = FIELD_LABEL_VALUE}, set_team},
    {"priority",
     {.name = "priority", .type = FIELD_INT, .min = -1000000000, .max = 1000000000},
     set_priority},
    {"priorityClass", {.name = "priority-class", .type = FIELD_LABEL_VALUE}, set_priority_class},
    {"hold", {.name = "hold", .type = FIELD_BOOL}, set_hold},
    {"retry.maxRetries",
     {.name = "retries", .type = FIELD_INT, .min = 0, .max = LIMIT_JOB_ATTEMPTS - 1},
     set_retries},
    {"retry.infraRetries",
     {.name = "infra-retries", .type = FIELD_INT, .min = 0, .max = LIMIT_JOB_ATTEMPTS - 1},
     set_infra_retries},
    {"retry.backoff.initial",
     {.name = "backoff-initial", .type = FIELD_DURATION},
     set_backoff_first},
    {"retry.backoff.max", {.name = "backoff-max", .type = FIELD_DURATION}, set_backoff_max},
    {"ttlSecondsAfterFinished", {.name = NULL}, set_ttl_seconds},
    {NULL, {.name = "ttl", .type = FIELD_DURATION}, set_ttl},
    {"expectedRuntime", {.name = "expected-runtime", .type = FIELD_DURATION}, set_expected_runtime},
    {"maxRuntime", {.name = "max-runtime", .type = FIELD_DURATION}, set_max_runtime},
    {"maxRuntime.kill", {.name = NULL}, set_max_runtime},
    {"maxRuntime.warn", {.name = "warn-runtime", .type = FIELD_DURATION}, set_warn_runtime},
    {"startBy", {.name = "start-by", .type = FIELD_DEADLINE}, set_start_by},
    {"startBy.at", {.name = NULL}, set_start_by},
    {"startBy.onMiss",
     {.name = "on-start-miss", .type = FIELD_WORD, .words = start_miss_texts},
     set_start_miss},
    {"finishBy", {.name = "finish-by", .type = FIELD_DEADLINE}, set_finish_by},
    {"preemptible", {.name = "preemptible", .type = FIELD_BOOL}, set_preemptible},
    {"after", {.name = "after", .type = FIELD_TEXT}, read_elsewhere},
    {"array", {.name = "array", .type = FIELD_TEXT}, read_elsewhere},
    {"window", {.name = "window", .type = FIELD_LABELS}, set_window},
};

void queue_fields_read(const struct text_node *spec, struct manifest *manifest) {
    for (size_t i = 0; i < ARRAY_LEN(queue_fields); i++) {
        const struct text_node *node = NULL;
        bool found = false;

        if (queue_fields[i].path != NULL) {
            node = node_find(spec, queue_fields[i].path, &found);
        }
        if (found) {
            queue_fields[i].set(manifest, node);
        }
    }
}

/* Annotations are always text; what they hold is read like a plain scalar. */
static struct text_node value_of(const struct text_node *annotation) {
    struct text_node value = *annotation;

    value.plain = true;
    value.kind = node_plain_kind(value.text);
    return value;
}

static const struct queue_field *find_annotation(const char *name) {
    for (size_t i = 0; i < ARRAY_LEN(queue_fields); i++) {
        const char *known = queue_fields[i].field.name;

        if (known != NULL && strcmp(known, name) == 0) {
            return &queue_fields[i];
        }
    }
    return NULL;
}

static void complain_unknown(const struct text_node *annotation, const char *name,
                             const struct trail *trail, struct problems *problems) {
    const char *names[ARRAY_LEN(queue_fields)];
    const char *meant;
    size_t count = 0;

    for (size_t i = 0; i < ARRAY_LEN(queue_fields); i++) {
        if (queue_fields[i].field.name != NULL && queue_fields[i].set != NULL) {
            names[count++] = queue_fields[i].field.name;
        }
    }
    meant = text_closest(name, names, count);
    if (meant != NULL) {
        problems_add_at(problems, annotation->key_place, trail,
                        "unknown annotation (did you mean \"" QUEUE_ANNOTATION_PREFIX "%s\"?)",
                        meant);
    } else {
        problems_add_at(problems, annotation->key_place, trail, "unknown annotation");
    }
}

static void check_annotation(const struct text_node *annotation, const struct trail *trail,
                             struct problems *problems) {
    const char *name = annotation->key + strlen(QUEUE_ANNOTATION_PREFIX);
    const struct queue_field *known = find_annotation(name);
    struct text_node value;

    if (known == NULL) {
        complain_unknown(annotation, name, trail, problems);
    } else if (annotation->kind == NODE_TEXT) {
        value = value_of(annotation);
        schema_check_field(&known->field, &value, trail, problems);
    }
}

static bool is_ours(const struct text_node *annotation) {
    return text_starts_with(annotation->key, QUEUE_ANNOTATION_PREFIX);
}

/* Each member of ours in one of the metadata's maps. */
static void check_ours(const struct text_node *metadata, const char *map_name,
                       const struct trail *in_metadata, struct problems *problems,
                       void (*check)(const struct text_node *member, const struct trail *trail,
                                     struct problems *problems)) {
    const struct text_node *map = node_member(metadata, map_name);
    struct trail in_map = {in_metadata, map_name, 0};

    if (map == NULL || map->kind != NODE_OBJECT) {
        return;
    }
    for (uint32_t i = 0; i < map->count; i++) {
        struct trail at = {&in_map, map->items[i].key, 0};

        if (is_ours(&map->items[i])) {
            check(&map->items[i], &at, problems);
        }
    }
}

static void refuse_label(const struct text_node *label, const struct trail *trail,
                         struct problems *problems) {
    problems_add_at(problems, label->key_place, trail,
                    "labels " QUEUE_ANNOTATION_PREFIX "... are given by the scheduler");
}

static void refuse_in_template(const struct text_node *annotation, const struct trail *trail,
                               struct problems *problems) {
    problems_add_at(problems, annotation->key_place, trail,
                    "not read in a pod template; say it in the job's own spec");
}

void queue_annotations_check(const struct text_node *metadata, const struct trail *trail,
                             struct problems *problems) {
    struct trail in_metadata = {trail, "metadata", 0};

    check_ours(metadata, "annotations", &in_metadata, problems, check_annotation);
    check_ours(metadata, "labels", &in_metadata, problems, refuse_label);
}

void queue_template_check(const struct text_node *pod, const struct trail *trail,
                          struct problems *problems) {
    struct trail in_spec = {trail, "spec", 0};
    struct trail in_pod = {&in_spec, pod != NULL ? pod->key : "", 0};
    struct trail in_metadata = {&in_pod, "metadata", 0};
    const struct text_node *metadata = node_member(pod, "metadata");

    check_ours(metadata, "annotations", &in_metadata, problems, refuse_in_template);
    check_ours(metadata, "labels", &in_metadata, problems, refuse_label);
}

void queue_annotations_read(const struct text_node *metadata, struct manifest *manifest) {
    const struct text_node *annotations = node_member(metadata, "annotations");

    for (uint32_t i = 0; annotations != NULL && i < annotations->count; i++) {
        const struct text_node *annotation = &annotations->items[i];

        if (is_ours(annotation)) {
            struct text_node value = value_of(annotation);

            find_annotation(annotation->key + strlen(QUEUE_ANNOTATION_PREFIX))
                ->set(manifest, &value);
        }
    }
}
