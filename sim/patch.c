#include "sim/patch.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"
#include "sim/json.h"
#include "sim/status.h"

#define DEPTH_MAX 64

/* RFC 7386. */

static void merge_into(json_t *target, json_t *patch, int depth) {
    const char *key;
    json_t *value;

    json_object_foreach(patch, key, value) {
        json_t *old = json_object_get(target, key);

        if (json_is_null(value)) {
            json_object_del(target, key);
        } else if (!json_is_object(value)) {
            json_object_set_new(target, key, json_deep_copy(value));
        } else if (depth < DEPTH_MAX) {
            if (!json_is_object(old)) {
                json_object_set_new(target, key, json_object());
                old = json_object_get(target, key);
            }
            merge_into(old, value, depth + 1);
        }
    }
}

/* Strategic merge. */

/* The lists that are merged item by item, and by what. "" is a list of plain values. A key that
 * stands in several places has the same merge key in all that we serve, but for `ports`. */
static const struct {
    const char *list;
    const char *key;
} merge_keys[] = {
    {"containers", "name"},
    {"initContainers", "name"},
    {"ephemeralContainers", "name"},
    {"volumes", "name"},
    {"imagePullSecrets", "name"},
    {"secrets", "name"},
    {"env", "name"},
    {"volumeMounts", "mountPath"},
    {"volumeDevices", "devicePath"},
    {"ports", "port"},
    {"hostAliases", "ip"},
    {"topologySpreadConstraints", "topologyKey"},
    {"conditions", "type"},
    {"addresses", "type"},
    {"taints", "key"},
    {"ownerReferences", "uid"},
    {"podIPs", "ip"},
    {"resourceClaims", "name"},
    {"finalizers", ""},
    {"podCIDRs", ""},
};

static const char *merge_key_of(const char *list, const json_t *items) {
    for (size_t i = 0; i < ARRAY_LEN(merge_keys); i++) {
        if (strcmp(merge_keys[i].list, list) == 0) {
            /* A container's ports have containerPort, a service's have port. */
            bool in_container = strcmp(list, "ports") == 0 &&
                                json_object_get(json_array_get(items, 0), "containerPort") != NULL;

            return in_container ? "containerPort" : merge_keys[i].key;
        }
    }
    return NULL;
}

static void strategic_object(json_t *target, json_t *patch, int depth);

static size_t find_item(const json_t *items, const char *key, const json_t *wanted) {
    const json_t *value = key[0] == '\0' ? wanted : json_object_get(wanted, key);
    const json_t *item;
    size_t i;

    json_array_foreach(items, i, item) {
        const json_t *own = key[0] == '\0' ? item : json_object_get(item, key);

        if (value != NULL && own != NULL && json_equal(own, value)) {
            return i;
        }
    }
    return SIZE_MAX;
}

static bool says(const json_t *patch, const char *directive) {
    const char *text = sim_json_text(patch, "$patch");

    return text != NULL && strcmp(text, directive) == 0;
}

static bool list_is_replaced(const json_t *patch) {
    const json_t *item;
    size_t i;

    json_array_foreach(patch, i, item) {
        if (says(item, "replace")) {
            return true;
        }
    }
    return false;
}

static json_t *list_without_directives(const json_t *patch) {
    json_t *list = json_array();
    json_t *item;
    size_t i;

    json_array_foreach(patch, i, item) {
        if (json_object_get(item, "$patch") == NULL) {
            json_array_append_new(list, json_deep_copy(item));
        }
    }
    return list;
}

static void strategic_list(json_t *target, const json_t *patch, const char *key, int depth) {
    json_t *item;
    size_t i;

    json_array_foreach(patch, i, item) {
        size_t at = find_item(target, key, item);

        if (says(item, "delete")) {
            if (at != SIZE_MAX) {
                json_array_remove(target, at);
            }
        } else if (at == SIZE_MAX) {
            json_array_append_new(target, json_deep_copy(item));
        } else if (json_is_object(item)) {
            strategic_object(json_array_get(target, at), item, depth + 1);
        }
    }
}

static void delete_primitives(json_t *target, const char *list, const json_t *values) {
    json_t *items = json_object_get(target, list);
    const json_t *value;
    size_t i;

    json_array_foreach(values, i, value) {
        size_t at = find_item(items, "", value);

        if (at != SIZE_MAX) {
            json_array_remove(items, at);
        }
    }
}

static void retain_keys(json_t *target, const json_t *keys) {
    const char *key;
    json_t *value;
    void *next;

    json_object_foreach_safe(target, next, key, value) {
        bool kept = false;

        for (size_t i = 0; i < json_array_size(keys); i++) {
            const char *wanted = json_string_value(json_array_get(keys, i));

            kept = kept || (wanted != NULL && strcmp(wanted, key) == 0);
        }
        if (!kept) {
            json_object_del(target, key);
        }
    }
    (void)value;
}

/* True when the key was a directive. */
static bool strategic_directive(json_t *target, const char *key, const json_t *value) {
    static const char from_list[] = "$deleteFromPrimitiveList/";

    if (key[0] != '$') {
        return false;
    }
    if (strcmp(key, "$retainKeys") == 0) {
        retain_keys(target, value);
    } else if (text_starts_with(key, from_list)) {
        delete_primitives(target, key + strlen(from_list), value);
    }
    return true; /* $setElementOrder and the rest change nothing that matters here. */
}

static void strategic_value(json_t *target, const char *key, json_t *value, int depth) {
    json_t *old = json_object_get(target, key);
    const char *by = json_is_array(value) ? merge_key_of(key, value) : NULL;

    if (json_is_null(value)) {
        json_object_del(target, key);
    } else if (json_is_object(value) && says(value, "delete")) {
        json_object_del(target, key);
    } else if (json_is_object(value) && json_is_object(old)) {
        strategic_object(old, value, depth + 1);
    } else if (json_is_object(value)) {
        json_object_set_new(target, key, json_object());
        strategic_object(json_object_get(target, key), value, depth + 1);
    } else if (by != NULL && list_is_replaced(value)) {
        json_object_set_new(target, key, list_without_directives(value));
    } else if (by != NULL && json_is_array(old)) {
        strategic_list(old, value, by, depth);
    } else if (by != NULL) {
        json_object_set_new(target, key, list_without_directives(value));
    } else {
        json_object_set_new(target, key, json_deep_copy(value));
    }
}

static void strategic_object(json_t *target, json_t *patch, int depth) {
    const char *key;
    json_t *value;

    if (depth > DEPTH_MAX) {
        return;
    }
    if (says(patch, "replace")) {
        json_object_clear(target);
    }
    json_object_foreach(patch, key, value) {
        if (!strategic_directive(target, key, value)) {
            strategic_value(target, key, value, depth);
        }
    }
}

/* RFC 6902. */

/* The next segment of a pointer, unescaped and owned; NULL at the end. */
static char *take_segment(const char **at) {
    size_t length;
    char *segment;
    char *to;

    if (**at != '/') {
        return NULL;
    }
    (*at)++;
    length = strcspn(*at, "/");
    segment = mem_alloc(length + 1, 1);
    to = segment;
    for (size_t i = 0; i < length; i++) {
        char c = (*at)[i];

        if (c == '~' && i + 1 < length) {
            i++;
            c = (*at)[i] == '1' ? '/' : '~';
        }
        *to++ = c;
    }
    *at += length;
    return segment;
}

/* Where an array's segment points; SIZE_MAX if nowhere. "-" is the end. */
static size_t index_of(const json_t *array, const char *segment) {
    int64_t index;

    if (strcmp(segment, "-") == 0) {
        return json_array_size(array);
    }
    if (text_parse_int64(segment, &index) != OK || index < 0) {
        return SIZE_MAX;
    }
    return (size_t)index;
}

static json_t *step(const json_t *at, const char *segment) {
    if (json_is_array(at)) {
        return json_array_get(at, index_of(at, segment));
    }
    return json_object_get(at, segment);
}

/* The parent of what the path names, and its last segment (owned). NULL if there is none. */
static json_t *find_parent(json_t *document, const char *path, char **out_last) {
    json_t *at = document;
    char *segment = take_segment(&path);

    while (segment != NULL && at != NULL && *path == '/') {
        at = step(at, segment);
        free(segment);
        segment = take_segment(&path);
    }
    if (segment == NULL || at == NULL || (!json_is_object(at) && !json_is_array(at))) {
        free(segment);
        return NULL;
    }
    *out_last = segment;
    return at;
}

static bool put_at(json_t *document, const char *path, json_t *value_take, bool replace) {
    char *last = NULL;
    json_t *parent = find_parent(document, path, &last);
    bool done = false;

    if (parent != NULL && json_is_array(parent)) {
        size_t at = index_of(parent, last);

        done = replace ? json_array_set(parent, at, value_take) == 0
                       : json_array_insert(parent, at, value_take) == 0;
    } else if (parent != NULL) {
        done = (!replace || json_object_get(parent, last) != NULL) &&
               json_object_set(parent, last, value_take) == 0;
    }
    json_decref(value_take);
    free(last);
    return done;
}

/* The value taken out, or NULL. */
static json_t *take_at(json_t *document, const char *path) {
    char *last = NULL;
    json_t *parent = find_parent(document, path, &last);
    json_t *value = parent == NULL ? NULL : json_incref(step(parent, last));

    if (value != NULL && json_is_array(parent)) {
        json_array_remove(parent, index_of(parent, last));
    } else if (value != NULL) {
        json_object_del(parent, last);
    }
    free(last);
    return value;
}

static json_t *value_at(json_t *document, const char *path) {
    char *last = NULL;
    json_t *parent;
    json_t *value;

    if (path[0] == '\0') {
        return document;
    }
    parent = find_parent(document, path, &last);
    value = parent == NULL ? NULL : step(parent, last);
    free(last);
    return value;
}

static bool run_operation(json_t *document, const json_t *operation) {
    const char *op = sim_json_text(operation, "op");
    const char *path = sim_json_text(operation, "path");
    const char *from = sim_json_text(operation, "from");
    json_t *value = json_object_get(operation, "value");

    if (op == NULL || path == NULL) {
        return false;
    }
    if (strcmp(op, "test") == 0) {
        const json_t *found = value_at(document, path);

        return found == NULL ? value == NULL || json_is_null(value) : json_equal(found, value);
    }
    if (strcmp(op, "add") == 0 || strcmp(op, "replace") == 0) {
        return value != NULL && put_at(document, path, json_deep_copy(value), op[0] == 'r');
    }
    if (strcmp(op, "remove") == 0) {
        value = take_at(document, path);
        json_decref(value);
        return value != NULL;
    }
    if (from != NULL && strcmp(op, "move") == 0) {
        value = take_at(document, from);
        return value != NULL && put_at(document, path, value, false);
    }
    if (from != NULL && strcmp(op, "copy") == 0) {
        value = value_at(document, from);
        return value != NULL && put_at(document, path, json_deep_copy(value), false);
    }
    return false;
}

static json_t *json_patch(json_t *document, const json_t *operations) {
    const json_t *operation;
    size_t i;

    if (!json_is_array(operations)) {
        return sim_status_bad_request(
            "json: cannot unmarshal object into Go value of type jsonpatch.Patch");
    }
    json_array_foreach(operations, i, operation) {
        if (!run_operation(document, operation)) {
            json_t *status =
                sim_status(422, "Invalid", NULL, NULL,
                           "the server rejected our request due to an error in our request");

            json_object_set_new(status, "details", json_object());
            return status;
        }
    }
    return NULL;
}

struct json_t *sim_patch(enum sim_patch_type type, const struct json_t *object,
                         const struct json_t *patch, struct json_t **out_object) {
    json_t *copy = json_deep_copy(object);
    json_t *body = json_deep_copy(patch);
    json_t *refusal = NULL;

    if (type == SIM_PATCH_JSON) {
        refusal = json_patch(copy, body);
    } else if (!json_is_object(body)) {
        refusal = sim_status_bad_request("json: cannot unmarshal array into Go value of type "
                                         "map[string]interface {}");
    } else if (type == SIM_PATCH_MERGE) {
        merge_into(copy, body, 0);
    } else {
        strategic_object(copy, body, 0);
    }
    json_decref(body);
    if (refusal != NULL) {
        json_decref(copy);
        return refusal;
    }
    *out_object = copy;
    return NULL;
}
