#include "sim/meta.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/rng.h"
#include "sim/json.h"
#include "sim/status.h"

/* In the order of the API's own encoder. */
static const char *const keys_in_order[] = {
    "name",
    "generateName",
    "namespace",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "labels",
    "annotations",
    "ownerReferences",
    "finalizers",
};

static const char *const keys_of_clients[] = {"labels", "annotations", "ownerReferences",
                                              "finalizers"};

static const char *const keys_of_server[] = {"uid",
                                             "resourceVersion",
                                             "generation",
                                             "creationTimestamp",
                                             "deletionTimestamp",
                                             "deletionGracePeriodSeconds",
                                             "managedFields",
                                             "selfLink"};

static json_t *wrong_type(const struct sim_resource *resource, const char *key) {
    return sim_status_bad_request("%s in version \"%s\" cannot be handled as a %s: json: cannot "
                                  "unmarshal into Go struct field %s.%s of type object",
                                  resource->kind, resource->version, resource->kind, resource->kind,
                                  key);
}

static json_t *check_types(const struct sim_resource *resource, const json_t *object) {
    static const char *const keys[] = {"metadata", "spec", "status"};

    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        const json_t *value = json_object_get(object, keys[i]);

        if (value != NULL && !json_is_object(value) && !json_is_null(value)) {
            return wrong_type(resource, keys[i]);
        }
    }
    for (size_t i = 0; i < 2; i++) {
        const json_t *value =
            json_object_get(json_object_get(object, "metadata"), keys_of_clients[i]);

        if (value != NULL && !json_is_object(value) && !json_is_null(value)) {
            return wrong_type(resource, keys_of_clients[i]);
        }
    }
    return NULL;
}

struct json_t *sim_meta_check_new(const struct sim_resource *resource, const char *namespace,
                                  struct json_t *object) {
    json_t *refusal = check_types(resource, object);
    json_t *metadata;
    const char *own;

    if (refusal != NULL) {
        return refusal;
    }
    metadata = sim_json_make_object(object, "metadata");
    own = sim_json_text(metadata, "namespace");
    if (resource->namespaced && own != NULL && own[0] != '\0' && strcmp(own, namespace) != 0) {
        return sim_status_bad_request("the namespace of the provided object does not match the "
                                      "namespace sent on the request");
    }
    for (size_t i = 0; i < ARRAY_LEN(keys_of_server); i++) {
        json_object_del(metadata, keys_of_server[i]);
    }
    if (resource->namespaced) {
        sim_json_set_text(metadata, "namespace", namespace);
    } else {
        json_object_del(metadata, "namespace");
    }
    return NULL;
}

char *sim_meta_name(struct json_t *object, struct rng *rng) {
    static const char letters[] = "bcdfghjklmnpqrstvwxz2456789";
    json_t *metadata = json_object_get(object, "metadata");
    const char *name = sim_json_text(metadata, "name");
    const char *stem = sim_json_text(metadata, "generateName");
    char *made;
    char end[6] = "";

    if (name != NULL && name[0] != '\0') {
        return mem_copy_text(name);
    }
    if (stem == NULL || stem[0] == '\0') {
        return NULL;
    }
    for (size_t i = 0; i < 5; i++) {
        end[i] = letters[rng_below(rng, sizeof letters - 1)];
    }
    made = mem_format("%.*s%s", 58, stem, end);
    sim_json_set_text(metadata, "name", made);
    return made;
}

struct json_t *sim_meta_no_name(const struct sim_resource *resource) {
    struct sim_invalid invalid = {0};

    sim_invalid_add(&invalid, "FieldValueRequired", "metadata.name",
                    "Required value: name or generateName is required");
    return sim_invalid_finish(&invalid, resource, "");
}

void sim_meta_begin(struct json_t *metadata, struct rng *rng, int64_t now_us) {
    uint64_t high = (rng_next(rng) & ~UINT64_C(0xf000)) | UINT64_C(0x4000);
    uint64_t low = (rng_next(rng) & (UINT64_MAX >> 2)) | UINT64_C(1) << 63;
    char uid[40];

    snprintf(uid, sizeof uid, "%08" PRIx64 "-%04" PRIx64 "-%04" PRIx64 "-%04" PRIx64 "-%012" PRIx64,
             high >> 32, high >> 16 & 0xffff, high & 0xffff, low >> 48,
             low & UINT64_C(0xffffffffffff));
    sim_json_set_text(metadata, "uid", uid);
    sim_json_set_time(metadata, "creationTimestamp", now_us);
}

void sim_meta_set_version(struct json_t *object, int64_t number) {
    json_t *metadata = json_object_get(object, "metadata");
    char text[24];

    snprintf(text, sizeof text, "%" PRId64, number);
    sim_json_set_text(metadata, "resourceVersion", text);
}

static json_t *version_missing(const struct sim_resource *resource, const char *name) {
    static const char why[] = "Invalid value: 0x0: must be specified for an update";
    json_t *status = sim_status(422, "Invalid", resource, name,
                                "%s \"%s\" is invalid: metadata.resourceVersion: %s",
                                sim_resource_qualified(resource), name, why);

    json_object_set_new(json_object_get(status, "details"), "causes",
                        json_pack("[{s:s, s:s, s:s}]", "reason", "FieldValueInvalid", "message",
                                  why, "field", "metadata.resourceVersion"));
    return status;
}

static json_t *check_preconditions(const struct sim_resource *resource, const char *name,
                                   const json_t *old, const json_t *object) {
    const char *version = sim_json_text(object, "metadata.resourceVersion");
    const char *uid = sim_json_text(object, "metadata.uid");
    const char *old_uid = sim_json_text(old, "metadata.uid");

    if (version == NULL || version[0] == '\0') {
        if (resource->id == SIM_LEASES || resource->id == SIM_PRIORITYCLASSES) {
            return version_missing(resource, name);
        }
    } else if (strcmp(version, sim_json_text(old, "metadata.resourceVersion")) != 0) {
        return sim_status_conflict(resource, name,
                                   "the object has been modified; please apply your changes to the "
                                   "latest version and try again");
    }
    if (uid != NULL && uid[0] != '\0' && strcmp(uid, old_uid) != 0) {
        return sim_status_conflict(
            resource, name, "Precondition failed: UID in precondition: %s, UID in object meta: %s",
            uid, old_uid);
    }
    return NULL;
}

struct json_t *sim_meta_check_update(const struct sim_resource *resource, const char *namespace,
                                     const char *name, const struct json_t *old,
                                     const struct json_t *object) {
    json_t *refusal = check_types(resource, object);
    const char *own_name = sim_json_text(object, "metadata.name");
    const char *own_namespace = sim_json_text(object, "metadata.namespace");

    if (refusal != NULL) {
        return refusal;
    }
    if (own_name == NULL || own_name[0] == '\0') {
        return sim_status_bad_request("name must be provided");
    }
    if (strcmp(own_name, name) != 0) {
        return sim_status_bad_request(
            "the name of the object (%s) does not match the name on the URL (%s)", own_name, name);
    }
    if (resource->namespaced && own_namespace != NULL && own_namespace[0] != '\0' &&
        strcmp(own_namespace, namespace) != 0) {
        return sim_status_bad_request("the namespace of the object (%s) does not match the "
                                      "namespace on the URL (%s)",
                                      own_namespace, namespace);
    }
    return check_preconditions(resource, name, old, object);
}

static bool is_empty(const json_t *value) {
    return value == NULL || json_is_null(value) ||
           (json_is_object(value) && json_object_size(value) == 0) ||
           (json_is_array(value) && json_array_size(value) == 0);
}

static json_t *ordered_metadata(const json_t *metadata) {
    json_t *ordered = json_object();

    for (size_t i = 0; i < ARRAY_LEN(keys_in_order); i++) {
        json_t *value = json_object_get(metadata, keys_in_order[i]);

        if (!is_empty(value)) {
            json_object_set(ordered, keys_in_order[i], value);
        }
    }
    return ordered;
}

static json_t *ordered_with(const struct sim_resource *resource, const json_t *object,
                            json_t *metadata_take, json_t *status) {
    json_t *rest = (json_t *)(uintptr_t)object; /* jansson has no const for walks. */
    json_t *ordered = json_object();
    const char *key;
    json_t *value;

    sim_json_set_text(ordered, "kind", resource->kind);
    sim_json_set_text(ordered, "apiVersion", sim_resource_api_version(resource));
    json_object_set_new(ordered, "metadata", metadata_take);
    json_object_foreach(rest, key, value) {
        bool wanted = !json_is_null(value) || strcmp(key, "eventTime") == 0;

        if (wanted && json_object_get(ordered, key) == NULL && strcmp(key, "status") != 0) {
            json_object_set(ordered, key, value);
        }
    }
    if (status != NULL && !json_is_null(status)) {
        json_object_set(ordered, "status", status);
    }
    return ordered;
}

struct json_t *sim_meta_ordered(const struct sim_resource *resource, const struct json_t *object) {
    return ordered_with(resource, object, ordered_metadata(json_object_get(object, "metadata")),
                        json_object_get(object, "status"));
}

/* old's metadata with what clients may change taken from draft. */
static json_t *merged_metadata(const json_t *old, const json_t *draft) {
    json_t *merged = json_copy(json_object_get(old, "metadata"));
    const json_t *changes = json_object_get(draft, "metadata");
    json_t *ordered;

    for (size_t i = 0; i < ARRAY_LEN(keys_of_clients); i++) {
        json_t *value = json_object_get(changes, keys_of_clients[i]);

        if (is_empty(value)) {
            json_object_del(merged, keys_of_clients[i]);
        } else {
            json_object_set(merged, keys_of_clients[i], value);
        }
    }
    ordered = ordered_metadata(merged);
    json_decref(merged);
    return ordered;
}

struct json_t *sim_meta_merge(const struct sim_resource *resource, const struct json_t *old,
                              const struct json_t *draft, bool status_only) {
    json_t *metadata = merged_metadata(old, draft);

    if (status_only) {
        return ordered_with(resource, old, metadata, json_object_get(draft, "status"));
    }
    return ordered_with(resource, draft, metadata,
                        json_object_get(resource->has_status ? old : draft, "status"));
}

struct json_t *sim_meta_merge_raw(const struct sim_resource *resource, const struct json_t *old,
                                  const struct json_t *draft) {
    return ordered_with(resource, draft, merged_metadata(old, draft),
                        json_object_get(draft, "status"));
}

/* The object without metadata and status. New. */
static json_t *desired(const json_t *object) {
    json_t *copy = sim_json_copy(object);

    json_object_del(copy, "metadata");
    json_object_del(copy, "status");
    return copy;
}

void sim_meta_count_generation(const struct json_t *old, struct json_t *object) {
    json_t *before = desired(old);
    json_t *after = desired(object);

    if (!json_equal(before, after)) {
        sim_json_set_int(json_object_get(object, "metadata"), "generation",
                         sim_json_int(old, "metadata.generation", 1) + 1);
    }
    json_decref(before);
    json_decref(after);
}
