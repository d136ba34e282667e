#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "sim/json.h"
#include "sim/patch.h"
#include "sim/protobuf.h"
#include "sim/rest_parts.h"
#include "sim/status.h"

static struct sim_write write_of(const struct sim_call *call) {
    return (struct sim_write){
        .id = call->target.resource->id,
        .namespace = call->target.namespace,
        .name = call->target.name[0] == '\0' ? NULL : call->target.name,
        .subresource = call->target.subresource[0] == '\0' ? NULL : call->target.subresource,
        .user = call->request->user,
        .now_us = call->request->now_us,
        .dry_run = call->dry_run,
    };
}

/* Answer with what the store says; body is handed on. */
static void answer(struct sim_call *call, struct sim_answer answer_take) {
    if (answer_take.code >= 400) {
        sim_call_refuse(call, answer_take.body);
        return;
    }
    sim_call_object(call, answer_take.code, answer_take.body);
}

/* The body fits the route: its kind, if it says one. */
static bool check_kind(struct sim_call *call, const json_t *body) {
    const struct sim_resource *resource = call->target.resource;
    const char *kind = sim_json_text(body, "kind");
    const char *version = sim_json_text(body, "apiVersion");

    if (kind != NULL && kind[0] != '\0' && strcmp(kind, resource->kind) != 0) {
        sim_call_refuse(call, sim_status_bad_request(
                                  "%s in version \"%s\" cannot be handled as a %s: no "
                                  "kind \"%s\" is registered for this path",
                                  kind, version == NULL ? "" : version, resource->kind, kind));
        return false;
    }
    if (version != NULL && version[0] != '\0' &&
        strcmp(version, sim_resource_api_version(resource)) != 0) {
        sim_call_refuse(call,
                        sim_status_bad_request(
                            "the API version in the data (%s) does not match the expected API "
                            "version (%s)",
                            version, sim_resource_api_version(resource)));
        return false;
    }
    return true;
}

static bool check_content_type(struct sim_call *call) {
    const char *type = call->request->content_type;

    if (type == NULL || type[0] == '\0' || text_starts_with(type, SIM_CONTENT_JSON) ||
        text_starts_with(type, SIM_CONTENT_PROTOBUF)) {
        return true;
    }
    sim_call_refuse(call, sim_status(415, "UnsupportedMediaType", NULL, NULL,
                                     "the body of the request was in an unknown format - accepted "
                                     "media types include: application/json, application/yaml, "
                                     "application/vnd.kubernetes.protobuf"));
    return false;
}

/* The body of a create or an update; NULL when the call is refused. */
static json_t *object_body(struct sim_call *call) {
    json_t *body;

    if (!check_content_type(call)) {
        return NULL;
    }
    body = sim_call_body(call, call->target.resource->kind);
    if (body != NULL && !check_kind(call, body)) {
        json_decref(body);
        return NULL;
    }
    return body;
}

void sim_call_create(struct sim_call *call) {
    struct sim_write write = write_of(call);
    json_t *body = object_body(call);

    if (body != NULL) {
        answer(call, sim_store_post_take(call->rest->store, &write, body));
    }
}

void sim_call_update(struct sim_call *call) {
    struct sim_write write = write_of(call);
    json_t *body = object_body(call);

    if (body != NULL) {
        answer(call, sim_store_put(call->rest->store, &write, body));
        json_decref(body);
    }
}

/* Patching. */

static const struct {
    const char *content_type;
    enum sim_patch_type type;
} patch_types[] = {
    {"application/json-patch+json", SIM_PATCH_JSON},
    {"application/merge-patch+json", SIM_PATCH_MERGE},
    {"application/strategic-merge-patch+json", SIM_PATCH_STRATEGIC},
    {"application/apply-patch+yaml", SIM_PATCH_APPLY},
};

static bool find_patch_type(struct sim_call *call, enum sim_patch_type *out_type) {
    const char *type = call->request->content_type == NULL ? "" : call->request->content_type;

    for (size_t i = 0; i < ARRAY_LEN(patch_types); i++) {
        if (text_starts_with(type, patch_types[i].content_type)) {
            *out_type = patch_types[i].type;
            return true;
        }
    }
    sim_call_refuse(call, sim_status(415, "UnsupportedMediaType", NULL, NULL,
                                     "the body of the request was in an unknown format - accepted "
                                     "media types include: application/json-patch+json, "
                                     "application/merge-patch+json, "
                                     "application/strategic-merge-patch+json, "
                                     "application/apply-patch+yaml"));
    return false;
}

static json_t *patch_body(struct sim_call *call) {
    json_t *patch = json_loadb(call->request->body == NULL ? "" : call->request->body,
                               call->request->body_bytes, 0, NULL);

    if (patch == NULL) {
        sim_call_refuse(call, sim_status_bad_request("error decoding patch: the body is not JSON"));
    }
    return patch;
}

static void patch_absent(struct sim_call *call, enum sim_patch_type type, const json_t *patch) {
    struct sim_write write = write_of(call);

    if (type != SIM_PATCH_APPLY || write.subresource != NULL) {
        sim_call_refuse(call, sim_status_not_found(call->target.resource, call->target.name));
        return;
    }
    answer(call, sim_store_post(call->rest->store, &write, patch));
}

static void patch_existing(struct sim_call *call, enum sim_patch_type type, const json_t *old,
                           const json_t *patch) {
    struct sim_write write = write_of(call);
    json_t *patched = NULL;
    json_t *refusal = sim_patch(type, old, patch, &patched);

    if (refusal == NULL && !json_is_object(patched)) {
        refusal = sim_status_bad_request("the patch leaves no object");
    }
    if (refusal != NULL) {
        sim_call_refuse(call, refusal);
    } else {
        answer(call, sim_store_put(call->rest->store, &write, patched));
    }
    json_decref(patched);
}

void sim_call_patch(struct sim_call *call) {
    enum sim_patch_type type;
    json_t *patch;
    json_t *old;

    if (!find_patch_type(call, &type)) {
        return;
    }
    patch = patch_body(call);
    if (patch == NULL) {
        return;
    }
    old = sim_store_get(call->rest->store, call->target.resource->id, call->target.namespace,
                        call->target.name);
    if (old == NULL) {
        patch_absent(call, type, patch);
    } else {
        json_incref(old);
        patch_existing(call, type, old, patch);
        json_decref(old);
    }
    json_decref(patch);
}

/* Deleting. */

/* What body and query say about a delete. The texts live in the options' JSON. */
static bool read_delete(struct sim_call *call, struct sim_delete *request, json_t **out_options) {
    const char *grace = sim_request_parameter(call->request, "gracePeriodSeconds");
    const char *policy = sim_request_parameter(call->request, "propagationPolicy");
    json_t *options = NULL;

    if (call->request->body_bytes > 0) {
        options = sim_call_body(call, "DeleteOptions");
        if (options == NULL) {
            return false;
        }
    }
    *request = (struct sim_delete){
        .id = call->target.resource->id,
        .namespace = call->target.namespace,
        .name = call->target.name,
        .now_us = call->request->now_us,
        .grace_seconds = sim_json_int(options, "gracePeriodSeconds", SIM_GRACE_DEFAULT),
        .uid = sim_json_text(options, "preconditions.uid"),
        .version = sim_json_text(options, "preconditions.resourceVersion"),
        .dry_run = call->dry_run,
    };
    if (grace != NULL && text_parse_int64(grace, &request->grace_seconds) != OK) {
        request->grace_seconds = SIM_GRACE_DEFAULT;
    }
    if (policy == NULL) {
        policy = sim_json_text(options, "propagationPolicy");
    }
    request->orphan = (policy != NULL && strcmp(policy, "Orphan") == 0) ||
                      sim_json_true(options, "orphanDependents");
    if (json_array_size(json_object_get(options, "dryRun")) > 0) {
        request->dry_run = true;
    }
    *out_options = options;
    return true;
}

void sim_call_delete(struct sim_call *call) {
    struct sim_delete request;
    json_t *options = NULL;

    if (read_delete(call, &request, &options)) {
        answer(call, sim_store_delete(call->rest->store, &request));
        json_decref(options);
    }
}

/* The selected objects as a list, each with one more user. New. */
static json_t *select_objects(struct sim_call *call, const struct sim_selector *labels,
                              const struct sim_selector *fields) {
    struct sim_walk walk = {0};
    json_t *items = json_array();
    json_t *object;

    while ((object = sim_store_next(call->rest->store, call->target.resource->id,
                                    sim_call_namespace(call), &walk)) != NULL) {
        if (sim_selector_matches(labels, object) && sim_selector_matches(fields, object)) {
            json_array_append(items, object);
        }
    }
    return items;
}

static void delete_all(struct sim_call *call, struct sim_delete *request, const json_t *items) {
    const json_t *item;
    size_t i;

    json_array_foreach(items, i, item) {
        const char *namespace = sim_json_text(item, "metadata.namespace");
        struct sim_answer gone;

        request->namespace = namespace == NULL ? "" : namespace;
        request->name = sim_json_text(item, "metadata.name");
        gone = sim_store_delete(call->rest->store, request);
        sim_answer_finish(&gone);
    }
}

static json_t *list_of(const struct sim_call *call, const json_t *items) {
    const struct sim_resource *resource = call->target.resource;
    char *kind = mem_format("%sList", resource->kind);
    char *version = mem_format("%lld", (long long)sim_store_version(call->rest->store));
    json_t *list = json_object();
    json_t *bare = json_array();
    const json_t *item;
    size_t i;

    json_array_foreach(items, i, item) {
        json_t *copy = sim_json_copy(item);

        if (!resource->is_custom) {
            json_object_del(copy, "kind");
            json_object_del(copy, "apiVersion");
        }
        json_array_append_new(bare, copy);
    }
    sim_json_set_text(list, "kind", kind);
    sim_json_set_text(list, "apiVersion", sim_resource_api_version(resource));
    json_object_set_new(list, "metadata", json_pack("{s:s}", "resourceVersion", version));
    json_object_set_new(list, "items", bare);
    free(kind);
    free(version);
    return list;
}

void sim_call_delete_collection(struct sim_call *call) {
    struct sim_delete request;
    struct sim_selector labels = {0};
    struct sim_selector fields = {0};
    json_t *options = NULL;
    json_t *items;

    if (!read_delete(call, &request, &options)) {
        return;
    }
    if (sim_call_selectors(call, &labels, &fields)) {
        items = select_objects(call, &labels, &fields);
        delete_all(call, &request, items);
        sim_call_json(call, 200, list_of(call, items));
        json_decref(items);
    }
    sim_selector_finish(&labels);
    sim_selector_finish(&fields);
    json_decref(options);
}
