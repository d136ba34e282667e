#include "k8s/runtime_class.h"

#include <jansson.h>
#include <stdlib.h>

#include "base/limits.h"
#include "base/map.h"
#include "base/memory.h"
#include "base/quantity.h"
#include "k8s/codec_json.h"

struct runtime_classes {
    enum runtime_classes_state state;
    struct map by_name; /* of JSON trees */
};

struct runtime_classes *runtime_classes_create(void) {
    return mem_alloc(1, sizeof(struct runtime_classes));
}

void runtime_classes_destroy(struct runtime_classes *classes) {
    struct map_entry *entry;

    if (classes == NULL) {
        return;
    }
    for (size_t at = 0; (entry = map_next(&classes->by_name, &at)) != NULL;) {
        json_decref(entry->value);
    }
    map_finish(&classes->by_name);
    free(classes);
}

void runtime_classes_set_state(struct runtime_classes *classes, enum runtime_classes_state state) {
    classes->state = state;
}

int runtime_classes_put(struct runtime_classes *classes, const char *name, const char *json,
                        size_t bytes, struct field_error *error) {
    struct json_t *class = NULL;
    int r = json_parse_object(json, bytes, LIMIT_SPEC_BYTES, &class, error);

    if (r == OK && classes->by_name.count >= LIMIT_RUNTIME_CLASSES &&
        map_get(&classes->by_name, name) == NULL) {
        json_decref(class);
        return error_set(&error->error, ERR_FULL, "more than %d RuntimeClasses",
                         LIMIT_RUNTIME_CLASSES);
    }
    if (r == OK) {
        json_decref(map_put(&classes->by_name, name, class));
    }
    return r;
}

void runtime_classes_remove(struct runtime_classes *classes, const char *name) {
    json_decref(map_remove(&classes->by_name, name));
}

/* --- Admission -------------------------------------------------------------------------------- */

/* Are two lists of resources the same amounts? */
static bool amounts_equal(const json_t *a, const json_t *b) {
    const char *key;
    json_t *value;

    if (json_object_size(a) != json_object_size(b)) {
        return false;
    }
    json_object_foreach((json_t *)(uintptr_t)a, key, value) {
        const json_t *other = json_object_get(b, key);
        int64_t left = 0;
        int64_t right = 0;

        if (!json_is_string(value) || !json_is_string(other)) {
            if (!json_equal(value, other)) {
                return false;
            }
        } else if (quantity_parse_milli(json_string_value(value), &left) != OK ||
                   quantity_parse_milli(json_string_value(other), &right) != OK || left != right) {
            return false;
        }
    }
    return true;
}

static int add_overhead(const json_t *class, const char *name, const struct json_at *spec,
                        json_t *copy, struct field_error *error) {
    const json_t *fixed = json_object_get(json_object_get(class, "overhead"), "podFixed");
    const struct json_at told = json_at_key(spec, "overhead");

    if (!json_is_there(&told)) {
        json_object_set_new(copy, "overhead",
                            fixed != NULL ? json_deep_copy(fixed) : json_object());
    } else if (!amounts_equal(fixed, told.value)) {
        return json_fail(&told, error, ERR_INVALID,
                         "not the overhead of RuntimeClass %s, which the API server insists on: "
                         "leave it out",
                         name);
    }
    return OK;
}

static int add_selector(const json_t *class, const char *name, const struct json_at *spec,
                        json_t *copy, struct field_error *error) {
    const json_t *selector = json_object_get(json_object_get(class, "scheduling"), "nodeSelector");
    const struct json_at told = json_at_key(spec, "nodeSelector");
    json_t *merged;
    const char *key;
    json_t *value;

    if (json_object_size(selector) == 0) {
        return OK;
    }
    merged = json_is_object(told.value) ? json_copy(told.value) : json_object();
    json_object_foreach((json_t *)(uintptr_t)selector, key, value) {
        const json_t *other = json_object_get(merged, key);

        if (other != NULL && !json_equal(other, value)) {
            json_decref(merged);
            return json_fail(&told, error, ERR_INVALID,
                             "%s is another one in RuntimeClass %s: the API server refuses that",
                             key, name);
        }
        json_object_set(merged, key, value);
    }
    json_object_set_new(copy, "nodeSelector", merged);
    return OK;
}

static void add_tolerations(const json_t *class, const struct json_at *spec, json_t *copy) {
    const json_t *added = json_object_get(json_object_get(class, "scheduling"), "tolerations");
    const struct json_at told = json_at_key(spec, "tolerations");
    json_t *merged;

    if (json_array_size(added) > 0) {
        merged = json_is_array(told.value) ? json_copy(told.value) : json_array();
        json_array_extend(merged, (json_t *)(uintptr_t)added);
        json_object_set_new(copy, "tolerations", merged);
    }
}

static int admit_unknown(enum runtime_classes_state state, const struct json_at *at,
                         const struct json_at *spec, json_t *copy, struct field_error *error) {
    const struct json_at told = json_at_key(spec, "overhead");

    if (json_is_there(&told)) {
        return OK;
    }
    if (state != RUNTIME_CLASSES_ACCEPTED) {
        return json_fail(at, error, ERR_INVALID,
                         "RuntimeClass %s may add an overhead to the pod, and RuntimeClasses can't "
                         "be listed: let the daemon list and watch runtimeclasses.node.k8s.io, or "
                         "write it into overhead, beside this ({} if the class has none)",
                         json_string_value(at->value));
    }
    json_object_set_new(copy, "overhead", json_object());
    return OK;
}

static int add_class(const json_t *class, const char *name, const struct json_at *spec,
                     json_t *copy, struct field_error *error) {
    int r = add_overhead(class, name, spec, copy, error);

    r = r < 0 ? r : add_selector(class, name, spec, copy, error);
    add_tolerations(class, spec, copy);
    return r;
}

int runtime_class_admit(const struct runtime_classes *classes, const struct json_at *spec,
                        struct json_t **out_spec, struct field_error *error) {
    const struct json_at at = json_at_key(spec, "runtimeClassName");
    const json_t *class;
    const char *name = NULL;
    json_t *copy;
    int r = json_get_text(&at, &name, error);

    if (r < 0) {
        return r;
    }
    if (name == NULL || !json_is_object(spec->value)) {
        *out_spec = json_incref(spec->value);
        return OK;
    }
    copy = json_copy(spec->value);
    class = classes != NULL ? map_get(&classes->by_name, name) : NULL;
    if (classes != NULL && classes->state == RUNTIME_CLASSES_ACCEPTED && class != NULL) {
        struct field_error refused = {0};

        (void)!add_class(class, name, spec, copy, &refused); /* It changed since. */
    } else if (classes == NULL || classes->state != RUNTIME_CLASSES_KNOWN) {
        r = admit_unknown(classes != NULL ? classes->state : RUNTIME_CLASSES_UNKNOWN, &at, spec,
                          copy, error);
    } else if (class == NULL) {
        r = json_fail(&at, error, ERR_INVALID, "there is no RuntimeClass %s", name);
    } else {
        r = add_class(class, name, spec, copy, error);
    }
    if (r < 0) {
        json_decref(copy);
        return r;
    }
    *out_spec = copy;
    return OK;
}
