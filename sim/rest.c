#include "sim/rest.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/text.h"
#include "k8s/json_print.h"
#include "sim/collection.h"
#include "sim/json.h"
#include "sim/meta.h"
#include "sim/protobuf.h"
#include "sim/rest_parts.h"
#include "sim/status.h"
#include "sim/table.h"
#include "sim/version.h"
#include "sim/watch.h"

#define FUTURE_WAIT_US   (3 * CLOCK_US_PER_SECOND)
#define WATCH_DEFAULT_US (1800 * CLOCK_US_PER_SECOND)

/* The request. */

const char *sim_request_parameter(const struct sim_request *request, const char *name) {
    for (size_t i = 0; i < request->parameter_count; i++) {
        if (strcmp(request->parameters[i].name, name) == 0) {
            return request->parameters[i].value;
        }
    }
    return NULL;
}

bool sim_request_flag(const struct sim_request *request, const char *name) {
    const char *value = sim_request_parameter(request, name);

    return value != NULL && strcmp(value, "0") != 0 && strcmp(value, "false") != 0;
}

const char *sim_call_namespace(const struct sim_call *call) {
    if (!call->target.resource->namespaced) {
        return "";
    }
    return call->target.namespace[0] == '\0' ? NULL : call->target.namespace;
}

bool sim_call_selectors(struct sim_call *call, struct sim_selector *out_labels,
                        struct sim_selector *out_fields) {
    struct sim_selector labels = {0};
    struct sim_selector fields = {0};
    json_t *refusal =
        sim_selector_parse_labels(sim_request_parameter(call->request, "labelSelector"), &labels);

    if (refusal == NULL) {
        refusal = sim_selector_parse_fields(
            call->target.resource, sim_request_parameter(call->request, "fieldSelector"), &fields);
    }
    if (refusal != NULL) {
        sim_selector_finish(&labels);
        sim_call_refuse(call, refusal);
        return false;
    }
    *out_labels = labels;
    *out_fields = fields;
    return true;
}

bool sim_call_version(struct sim_call *call, int64_t *out_version) {
    const char *text = sim_request_parameter(call->request, "resourceVersion");
    int64_t version = 0;

    if (text != NULL && text[0] != '\0' &&
        (text_parse_int64(text, &version) != OK || version < 0)) {
        sim_call_refuse(call, sim_status(500, "", NULL, NULL,
                                         "resourceVersion: Invalid value: \"%s\": "
                                         "strconv.ParseUint: parsing \"%s\": invalid syntax",
                                         text, text));
        return false;
    }
    *out_version = version;
    return true;
}

/* The body's beginning, as error texts quote it. */
static json_t *unreadable(const struct sim_call *call, const char *kind) {
    int shown = call->request->body_bytes > 30 ? 30 : (int)call->request->body_bytes;

    return sim_status_bad_request("the object provided is unrecognized (must be of type %s): "
                                  "couldn't get version/kind; json parse error: unexpected end of "
                                  "JSON input (%.*s ...)",
                                  kind, shown, call->request->body);
}

static json_t *protobuf_body(struct sim_call *call) {
    json_t *body = NULL;
    int r = sim_protobuf_read(call->request->body, call->request->body_bytes, &body);

    if (r == ERR_NOT_FOUND) {
        sim_call_refuse(call, sim_status(415, "UnsupportedMediaType", NULL, NULL,
                                         "kubesim reads no protobuf of this kind: send "
                                         "application/json"));
    } else if (r < 0) {
        sim_call_refuse(call, sim_status_bad_request("unable to decode the protobuf body"));
    }
    return body;
}

struct json_t *sim_call_body(struct sim_call *call, const char *kind) {
    const char *type = call->request->content_type;
    json_t *body;

    if (type != NULL && text_starts_with(type, SIM_CONTENT_PROTOBUF)) {
        return protobuf_body(call);
    }
    body = json_loadb(call->request->body == NULL ? "" : call->request->body,
                      call->request->body_bytes, 0, NULL);

    if (body == NULL) {
        sim_call_refuse(call, unreadable(call, kind));
        return NULL;
    }
    if (!json_is_object(body)) {
        json_decref(body);
        sim_call_refuse(call, sim_status_bad_request("json: cannot unmarshal into Go value of type "
                                                     "struct { APIVersion string; Kind string }"));
        return NULL;
    }
    return body;
}

/* The response. */

void sim_response_finish(struct sim_response *response) {
    buf_finish(&response->body);
    sim_watch_destroy(response->watch);
    response->watch = NULL;
}

void sim_call_json(struct sim_call *call, int code, struct json_t *value_take) {
    call->response->code = code;
    call->response->content_type = SIM_CONTENT_JSON;
    json_print_add(&call->response->body, value_take);
    buf_add_char(&call->response->body, '\n');
    json_decref(value_take);
}

void sim_call_text(struct sim_call *call, int code, const char *text) {
    call->response->code = code;
    call->response->content_type = SIM_CONTENT_TEXT;
    buf_add_text(&call->response->body, text);
}

void sim_response_status(struct sim_response *response, struct json_t *status_take) {
    response->code = sim_status_code(status_take);
    response->content_type = SIM_CONTENT_JSON;
    response->retry_after_seconds = (int)sim_json_int(status_take, "details.retryAfterSeconds", 0);
    json_print_add(&response->body, status_take);
    buf_add_char(&response->body, '\n');
    json_decref(status_take);
}

void sim_call_refuse(struct sim_call *call, struct json_t *status_take) {
    sim_response_status(call->response, status_take);
}

static bool is_status(const json_t *object) {
    const char *kind = sim_json_text(object, "kind");

    return kind != NULL && strcmp(kind, "Status") == 0;
}

/* An object that is stored as it is: lists and watches send the same text. */
static bool add_stored(struct sim_call *call, const json_t *object) {
    const struct sim_resource *resource = call->target.resource;
    const char *namespace = sim_json_text(object, "metadata.namespace");
    const char *name = sim_json_text(object, "metadata.name");
    struct buf *out = &call->response->body;
    struct sim_version *version;
    const char *text;
    size_t bytes;

    if (name == NULL || is_status(object)) {
        return false;
    }
    version = sim_collection_get(sim_store_collection(call->rest->store, resource->id),
                                 namespace == NULL ? "" : namespace, name);
    if (version == NULL || version->object != object) {
        return false;
    }
    text = sim_version_text(version, &bytes);
    buf_add_format(out, "{\"kind\":\"%s\",\"apiVersion\":\"%s\",", resource->kind,
                   sim_resource_api_version(resource));
    buf_add(out, text + 1, bytes - 1);
    buf_add_char(out, '\n');
    return true;
}

void sim_call_object(struct sim_call *call, int code, struct json_t *object_take) {
    json_t *shown = NULL;

    if (call->form == SIM_FORM_JSON && add_stored(call, object_take)) {
        call->response->code = code;
        call->response->content_type = SIM_CONTENT_JSON;
        json_decref(object_take);
        return;
    }

    if (call->form != SIM_FORM_JSON && !is_status(object_take)) {
        shown = call->form == SIM_FORM_TABLE
                    ? sim_table_of_one(call->target.resource, object_take, call->request->now_us)
                    : sim_partial_metadata(object_take);
    }
    if (shown != NULL) {
        json_decref(object_take);
        object_take = shown;
    }
    sim_call_json(call, code, object_take);
}

/* Which of our forms the client takes; false: none. */
static bool accepts(const char *accept, enum sim_form *out_form) {
    if (accept == NULL || accept[0] == '\0') {
        *out_form = SIM_FORM_JSON;
        return true;
    }
    while (*accept != '\0') {
        size_t length = strcspn(accept, ",");
        char part[160];

        accept += strspn(accept, " ");
        length = strcspn(accept, ",");
        snprintf(part, sizeof part, "%.*s", (int)(length < 159 ? length : 159), accept);
        accept += length + (accept[length] == ',' ? 1 : 0);
        if (strstr(part, "g=apidiscovery.k8s.io") != NULL) {
            continue;
        }
        if (text_starts_with(part, "application/json") || text_starts_with(part, "*/*") ||
            text_starts_with(part, "application/*")) {
            *out_form = strstr(part, "as=Table") != NULL                   ? SIM_FORM_TABLE
                        : strstr(part, "as=PartialObjectMetadata") != NULL ? SIM_FORM_METADATA
                                                                           : SIM_FORM_JSON;
            return true;
        }
    }
    return false;
}

/* Watching. */

static void start_watch(struct sim_call *call) {
    const char *timeout = sim_request_parameter(call->request, "timeoutSeconds");
    struct sim_watch_options options = {
        .store = call->rest->store,
        .id = call->target.resource->id,
        .namespace = sim_call_namespace(call),
    };
    int64_t seconds = 0;

    if (sim_request_flag(call->request, "sendInitialEvents")) {
        sim_call_refuse(call, sim_status(422, "Invalid", NULL, NULL,
                                         "ListOptions.meta.k8s.io \"\" is invalid: "
                                         "sendInitialEvents: Forbidden: sendInitialEvents is "
                                         "forbidden for watch unless the WatchList feature gate is "
                                         "enabled"));
        return;
    }
    if (!sim_call_version(call, &options.from) ||
        !sim_call_selectors(call, &options.labels_take, &options.fields_take)) {
        return;
    }
    if (timeout != NULL && text_parse_int64(timeout, &seconds) != OK) {
        seconds = 0;
    }
    call->response->code = 200;
    call->response->content_type = SIM_CONTENT_JSON;
    call->response->watch = sim_watch_create(&options);
    call->response->timeout_us =
        seconds > 0 && seconds < 86400 ? seconds * CLOCK_US_PER_SECOND : WATCH_DEFAULT_US;
    call->response->bookmarks = sim_request_flag(call->request, "allowWatchBookmarks");
    call->response->form = call->form;
}

static const char *const event_names[] = {"ADDED", "MODIFIED", "DELETED"};

/* A selection's DELETED shows the old state under the number of the change. New. */
static json_t *renumbered(const json_t *object, int64_t number) {
    json_t *copy = sim_json_copy(object);

    json_object_set_new(copy, "metadata", sim_json_copy(json_object_get(object, "metadata")));
    sim_meta_set_version(copy, number);
    return copy;
}

static void add_shown_object(const struct sim_response *response, const json_t *object,
                             int64_t now_us, struct buf *out) {
    json_t *shown = response->form == SIM_FORM_TABLE
                        ? sim_table_of_one(sim_watch_resource(response->watch), object, now_us)
                    : response->form == SIM_FORM_METADATA ? sim_partial_metadata(object)
                                                          : sim_json_copy(object);

    json_print_add(out, shown);
    json_decref(shown);
}

void sim_rest_event_line(const struct sim_response *response, const struct sim_watch_event *event,
                         int64_t now_us, struct buf *out) {
    const struct sim_resource *resource = sim_watch_resource(response->watch);

    buf_add_format(out, "{\"type\":\"%s\",\"object\":", event_names[event->type]);
    if (event->version->number != event->number) {
        json_t *object = renumbered(event->version->object, event->number);

        add_shown_object(response, object, now_us, out);
        json_decref(object);
    } else if (response->form != SIM_FORM_JSON) {
        add_shown_object(response, event->version->object, now_us, out);
    } else {
        size_t bytes;
        const char *text = sim_version_text(event->version, &bytes);

        buf_add_format(out, "{\"kind\":\"%s\",\"apiVersion\":\"%s\",", resource->kind,
                       sim_resource_api_version(resource));
        buf_add(out, text + 1, bytes - 1);
    }
    buf_add_text(out, "}\n");
}

void sim_rest_bookmark_line(const struct sim_response *response, struct buf *out) {
    const struct sim_resource *resource = sim_watch_resource(response->watch);

    buf_add_format(
        out,
        "{\"type\":\"BOOKMARK\",\"object\":{\"kind\":\"%s\",\"apiVersion\":\"%s\","
        "\"metadata\":{\"resourceVersion\":\"%" PRId64 "\",\"creationTimestamp\":null}%s}}\n",
        resource->kind, sim_resource_api_version(resource), sim_watch_seen(response->watch),
        resource->id == SIM_PODS ? ",\"spec\":{\"containers\":null},\"status\":{}" : "");
}

void sim_rest_error_line(struct json_t *status_take, struct buf *out) {
    buf_add_text(out, "{\"type\":\"ERROR\",\"object\":");
    json_print_add(out, status_take);
    buf_add_text(out, "}\n");
    json_decref(status_take);
}

struct json_t *sim_rest_expired(const struct sim_watch *watch) {
    int64_t from;
    int64_t oldest;

    sim_watch_numbers(watch, &from, &oldest);
    return sim_status(410, "Expired", NULL, NULL,
                      "too old resource version: %" PRId64 " (%" PRId64 ")", from, oldest);
}

/* Routes. */

static void get_object(struct sim_call *call) {
    const char *namespace = sim_call_namespace(call);
    json_t *object = sim_store_get(call->rest->store, call->target.resource->id,
                                   namespace == NULL ? "" : namespace, call->target.name);

    if (object == NULL) {
        sim_call_refuse(call, sim_status_not_found(call->target.resource, call->target.name));
        return;
    }
    sim_call_object(call, 200, json_incref(object));
}

static json_t *bare_details(int code, const char *reason, const char *message) {
    json_t *status = sim_status(code, reason, NULL, NULL, "%s", message);

    json_object_del(status, "code"); /* Code stands last. */
    json_object_set_new(status, "details", json_object());
    sim_json_set_int(status, "code", code);
    return status;
}

static void method_not_allowed(struct sim_call *call) {
    sim_call_refuse(
        call, bare_details(405, "MethodNotAllowed",
                           "the server does not allow this method on the requested resource"));
}

static void resource_not_found(struct sim_call *call) {
    sim_call_refuse(
        call, bare_details(404, "NotFound", "the server could not find the requested resource"));
}

static const struct {
    const char *verb;
    const char *subresource;
    void (*handle)(struct sim_call *call);
} routes[] = {
    {"get", "", get_object},
    {"get", "status", get_object},
    {"list", "", sim_call_list},
    {"watch", "", start_watch},
    {"create", "", sim_call_create},
    {"update", "", sim_call_update},
    {"update", "status", sim_call_update},
    {"patch", "", sim_call_patch},
    {"patch", "status", sim_call_patch},
    {"delete", "", sim_call_delete},
    {"deletecollection", "", sim_call_delete_collection},
    {"create", "binding", sim_call_bind},
    {"create", "eviction", sim_call_evict},
    {"get", "log", sim_call_log},
};

/* Whether this resource has the subresource at all. */
static bool has_subresource(const struct sim_target *target) {
    const char *name = target->subresource;

    if (name[0] == '\0') {
        return true;
    }
    if (strcmp(name, "status") == 0) {
        return target->resource->has_status;
    }
    return target->resource->id == SIM_PODS &&
           (strcmp(name, "binding") == 0 || strcmp(name, "eviction") == 0 ||
            strcmp(name, "log") == 0);
}

static bool needs_namespace(const struct sim_target *target) {
    return target->resource->namespaced && target->namespace[0] == '\0' &&
           strcmp(target->verb, "list") != 0 && strcmp(target->verb, "watch") != 0;
}

static bool creates_by_name(const struct sim_target *target) {
    return strcmp(target->verb, "create") == 0 && target->name[0] != '\0' &&
           target->subresource[0] == '\0';
}

static void route(struct sim_call *call) {
    const struct sim_target *target = &call->target;

    if (!has_subresource(target)) {
        resource_not_found(call);
        return;
    }
    if (needs_namespace(target) || creates_by_name(target)) {
        method_not_allowed(call);
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
        if (strcmp(routes[i].verb, target->verb) == 0 &&
            strcmp(routes[i].subresource, target->subresource) == 0) {
            routes[i].handle(call);
            return;
        }
    }
    method_not_allowed(call);
}

static bool changes_something(const struct sim_request *request) {
    return strcmp(request->method, "GET") != 0 && strcmp(request->method, "HEAD") != 0;
}

static bool wants_dry_run(const struct sim_request *request) {
    const char *value = sim_request_parameter(request, "dryRun");

    return value != NULL && strcmp(value, "All") == 0;
}

void sim_rest_handle(struct sim_rest *rest, const struct sim_request *request,
                     struct sim_response *out_response) {
    struct sim_call call = {
        .rest = rest,
        .request = request,
        .response = out_response,
        .dry_run = wants_dry_run(request),
    };

    *out_response = (struct sim_response){.code = 500};
    buf_init(&out_response->body, LIMIT_SIM_BODY_BYTES);
    sim_rest_target(request, &call.target);
    if (call.target.resource == NULL) {
        if (!sim_call_discovery(&call)) {
            resource_not_found(&call);
        }
        return;
    }
    if (strcmp(call.target.subresource, "log") != 0 && !accepts(request->accept, &call.form)) {
        sim_call_refuse(&call, bare_details(406, "NotAcceptable", "406: Not Acceptable"));
        return;
    }
    route(&call);
    if (changes_something(request)) {
        (void)sim_store_collect(rest->store, request->now_us);
    }
}
