#include "sim/spark_launch.h"

#include <string.h>

#include <jansson.h>

#include "base/clock.h"
#include "base/text.h"
#include "sim/pod_plan.h"
#include "sim/store.h"
#include "sim/tree.h"

/* The argument behind this one, or NULL. */
static const char *argument_after(const json_t *args, const char *option) {
    for (size_t i = 0; i + 1 < json_array_size(args); i++) {
        const char *arg = json_string_value(json_array_get(args, i));

        if (arg != NULL && strcmp(arg, option) == 0) {
            return json_string_value(json_array_get(args, i + 1));
        }
    }
    return NULL;
}

static const json_t *driver_args(const json_t *pod) {
    json_t *container;
    size_t i;

    json_array_foreach(tree_at(pod, "spec/containers"), i, container) {
        const char *first = json_string_value(json_array_get(tree_at(container, "args"), 0));

        if (first != NULL && strcmp(first, "driver") == 0) {
            return tree_at(container, "args");
        }
    }
    return NULL;
}

/* The text of a file that a ConfigMap volume of the pod holds, or NULL. */
static const char *mounted_file(const struct sim_store *store, const json_t *pod,
                                const char *file) {
    json_t *volume;
    size_t i;

    json_array_foreach(tree_at(pod, "spec/volumes"), i, volume) {
        const char *name = tree_text(volume, "configMap/name");
        const json_t *map =
            name != NULL ? sim_store_get(store, SIM_CONFIGMAPS, tree_namespace(pod), name) : NULL;
        const char *text = json_string_value(json_object_get(tree_at(map, "data"), file));

        if (text != NULL) {
            return text;
        }
    }
    return NULL;
}

const char *spark_launch_properties(const struct sim_store *store, const json_t *pod) {
    const char *path = argument_after(driver_args(pod), "--properties-file");
    const char *slash = path != NULL ? strrchr(path, '/') : NULL;

    return path != NULL ? mounted_file(store, pod, slash != NULL ? slash + 1 : path) : NULL;
}

int64_t spark_launch_work_us(const json_t *pod, int64_t fallback_us) {
    const json_t *args = driver_args(pod);
    int64_t number;

    for (size_t i = json_array_size(args); i > 1; i--) {
        const char *arg = json_string_value(json_array_get(args, i - 1));

        if (arg != NULL && text_parse_int64(arg, &number) == OK && number >= 0) {
            fallback_us = number * CLOCK_US_PER_MS;
        }
    }
    return pod_plan_us(pod, "kubesim/runtime", fallback_us);
}
