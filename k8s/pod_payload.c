#include "k8s/pod_payload.h"

#include <string.h>

#include <jansson.h>

#include "base/limits.h"
#include "base/quantity.h"
#include "base/text.h"
#include "k8s/attempt_labels.h"
#include "k8s/codec_json.h"
#include "k8s/json_build.h"
#include "k8s/spark_names.h"
#include "policy/demand_change.h"

static int check_labels(const struct json_at *labels, struct field_error *error) {
    struct json_at label;
    void *iterator = NULL;
    int r = json_expect_object(labels, error);

    while (r == OK && json_next(labels, &iterator, &label)) {
        const char *value = "";

        r = json_get_text(&label, &value, error);
        if (r < 0) {
            return r;
        }
        if (text_starts_with(label.key, "nightshift/")) {
            return json_fail(&label, error, ERR_INVALID, "the label %s is reserved", label.key);
        }
        if (!text_is_label_key(label.key) || !text_is_label_value(value)) {
            return json_fail(&label, error, ERR_INVALID, "\"%s\": \"%s\" is not a label", label.key,
                             value);
        }
    }
    return r;
}

static int check_annotations(const struct json_at *annotations, struct field_error *error) {
    struct json_at annotation;
    void *iterator = NULL;
    int r = json_expect_object(annotations, error);

    while (r == OK && json_next(annotations, &iterator, &annotation)) {
        const char *value;

        r = json_get_text(&annotation, &value, error);
    }
    return r;
}

static int check_restart(const struct json_at *spec, struct field_error *error) {
    struct json_at at = json_at_key(spec, "restartPolicy");
    const char *restart = "Never";
    int r = json_get_text(&at, &restart, error);

    if (r == OK && strcmp(restart, "Never") != 0) {
        r = json_fail(&at, error, ERR_INVALID,
                      "\"%s\": a job's pod never restarts by itself, its retries make new pods; "
                      "leave restartPolicy out, or say Never",
                      restart);
    }
    return r;
}

static int check_container(const struct json_at *container, struct field_error *error) {
    struct json_at name_at = json_at_key(container, "name");
    struct json_at image_at = json_at_key(container, "image");
    const char *name = NULL;
    const char *image = NULL;
    int r = json_expect_object(container, error);

    r = r < 0 ? r : json_get_text(&name_at, &name, error);
    r = r < 0 ? r : json_get_text(&image_at, &image, error);
    if (r == OK && (name == NULL || !text_is_dns_label(name))) {
        r = json_fail(&name_at, error, ERR_INVALID, "a container needs a name such as \"main\"");
    }
    if (r == OK && (image == NULL || image[0] == '\0')) {
        r = json_fail(&image_at, error, ERR_INVALID, "a container needs an image");
    }
    return r;
}

static int check_containers(const struct json_at *spec, const char *key,
                            struct field_error *error) {
    struct json_at list = json_at_key(spec, key);
    size_t count = 0;
    int r = json_get_count(&list, LIMIT_POD_CONTAINERS, &count, error);

    if (r == OK && count == 0 && strcmp(key, "containers") == 0) {
        return json_fail(&list, error, ERR_INVALID, "a pod needs at least one container");
    }
    for (size_t i = 0; r == OK && i < count; i++) {
        struct json_at item = json_at_index(&list, i);

        r = check_container(&item, error);
    }
    return r;
}

int pod_payload_check(const struct json_at *root, struct field_error *error) {
    struct json_at metadata = json_at_key(root, "metadata");
    struct json_at labels = json_at_key(&metadata, "labels");
    struct json_at annotations = json_at_key(&metadata, "annotations");
    struct json_at spec = json_at_key(root, "spec");
    struct json_at node = json_at_key(&spec, "nodeName");
    int r = json_expect_object(&spec, error);

    r = r < 0 ? r : json_expect_object(&metadata, error);
    r = r < 0 ? r : check_labels(&labels, error);
    r = r < 0 ? r : check_annotations(&annotations, error);
    r = r < 0 ? r : check_containers(&spec, "containers", error);
    r = r < 0 ? r : check_containers(&spec, "initContainers", error);
    r = r < 0 ? r : check_restart(&spec, error);
    if (r == OK && json_is_there(&node)) {
        r = json_fail(&node, error, ERR_INVALID,
                      "it would go past the cluster's scheduler; use nodeSelector with "
                      "kubernetes.io/hostname");
    }
    return r;
}

static struct json_t *make_metadata(const struct json_t *root, const struct payload_run *run) {
    const struct json_t *given = json_object_get(root, "metadata");
    struct json_t *metadata = json_new_object();
    struct json_t *labels = json_deep_copy(json_object_get(given, "labels"));
    struct spark_names names;

    spark_names_make(&run->id, &names);
    json_put_text(metadata, "name", names.prefix);
    json_put_text(metadata, "namespace", run->namespace_);
    labels = labels != NULL ? labels : json_new_object();
    attempt_put_labels(&run->id, labels);
    json_put_take(metadata, "labels", labels);
    json_put_copy(metadata, "annotations", given, "annotations");
    return metadata;
}

static void grow_amount(struct json_t *resources, const char *kind, uint32_t permille) {
    struct json_t *amounts = json_object_get(resources, kind);
    const char *said = json_string_value(json_object_get(amounts, "memory"));
    char text[QUANTITY_BYTES_MAX];
    int64_t bytes;

    if (said != NULL && quantity_parse_units(said, &bytes) == OK) {
        quantity_print_bytes(demand_grown_bytes(bytes, permille), text);
        json_put_text(amounts, "memory", text);
    }
}

void pod_payload_grow(struct json_t *root, uint32_t permille) {
    const struct json_t *containers = json_object_get(json_object_get(root, "spec"), "containers");
    struct json_t *resources = json_object_get(json_array_get(containers, 0), "resources");

    if (permille > 1000) {
        grow_amount(resources, "requests", permille);
        grow_amount(resources, "limits", permille);
    }
}

char *pod_payload_body(const struct json_t *root, const struct payload_run *run) {
    struct json_t *pod = json_new_object();
    struct json_t *spec = json_deep_copy(json_object_get(root, "spec"));

    json_put_text(pod, "apiVersion", "v1");
    json_put_text(pod, "kind", "Pod");
    json_put_take(pod, "metadata", make_metadata(root, run));
    json_put_take(pod, "spec", spec);
    json_put_text(spec, "restartPolicy", "Never");
    return json_print_take(pod);
}

const char *pod_payload_log_container(const struct json_t *root) {
    const struct json_t *annotations =
        json_object_get(json_object_get(root, "metadata"), "annotations");
    const struct json_t *containers = json_object_get(json_object_get(root, "spec"), "containers");
    const char *chosen = json_string_value(json_object_get(annotations, ANNOTATION_MAIN_CONTAINER));

    return chosen != NULL
               ? chosen
               : json_string_value(json_object_get(json_array_get(containers, 0), "name"));
}
