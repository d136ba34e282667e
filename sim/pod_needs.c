#include "sim/pod_needs.h"

#include <string.h>

#include <jansson.h>

#include "base/text.h"
#include "sim/store.h"
#include "sim/tree.h"

static bool image_is_missing(const char *image, const char *hidden) {
    return text_ends_with(image, ":missing") || (hidden != NULL && strstr(image, hidden) != NULL);
}

const char *pod_missing_image(const json_t *pod, const char *hidden) {
    json_t *container;
    size_t i;

    json_array_foreach(tree_at(pod, "spec/containers"), i, container) {
        const char *image = tree_text(container, "image");

        if (image != NULL && image_is_missing(image, hidden)) {
            return image;
        }
    }
    return NULL;
}

static bool is_there(const struct sim_store *store, const char *namespace, enum sim_resource_id id,
                     const json_t *source, const char *name_path) {
    const char *name = tree_text(source, name_path);

    return source == NULL || name == NULL || tree_true(source, "optional") ||
           sim_store_get(store, id, namespace, name) != NULL;
}

const json_t *pod_missing_volume(const struct sim_store *store, const json_t *pod) {
    json_t *volume;
    size_t i;

    json_array_foreach(tree_at(pod, "spec/volumes"), i, volume) {
        if (!is_there(store, tree_namespace(pod), SIM_CONFIGMAPS, tree_at(volume, "configMap"),
                      "name") ||
            !is_there(store, tree_namespace(pod), SIM_SECRETS, tree_at(volume, "secret"),
                      "secretName")) {
            return volume;
        }
    }
    return NULL;
}

static bool variable_is_missing(const struct sim_store *store, const char *namespace,
                                const json_t *variable) {
    const json_t *from = tree_at(variable, "valueFrom");

    return !is_there(store, namespace, SIM_SECRETS, tree_at(from, "secretKeyRef"), "name") ||
           !is_there(store, namespace, SIM_CONFIGMAPS, tree_at(from, "configMapKeyRef"), "name");
}

bool pod_misses_reference(const struct sim_store *store, const json_t *pod) {
    json_t *container;
    json_t *variable;
    size_t i;
    size_t j;

    json_array_foreach(tree_at(pod, "spec/containers"), i, container) {
        json_array_foreach(tree_at(container, "env"), j, variable) {
            if (variable_is_missing(store, tree_namespace(pod), variable)) {
                return true;
            }
        }
    }
    return false;
}
