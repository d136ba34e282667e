#include "sim/status.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/memory.h"
#include "sim/json.h"
#include "sim/resource.h"

static char *format_text(const char *format, va_list args) PRINTF_LIKE(1, 0);

static char *format_text(const char *format, va_list args) {
    char *text = NULL;

    if (vasprintf(&text, format, args) < 0) {
        return mem_copy_text("");
    }
    return text;
}

static json_t *status_begin(const char *outcome) {
    json_t *status = json_object();

    sim_json_set_text(status, "kind", "Status");
    sim_json_set_text(status, "apiVersion", "v1");
    json_object_set_new(status, "metadata", json_object());
    sim_json_set_text(status, "status", outcome);
    return status;
}

static json_t *failure(const char *message, const char *reason, json_t *details_take, int code) {
    json_t *status = status_begin("Failure");

    sim_json_set_text(status, "message", message);
    if (reason[0] != '\0') {
        sim_json_set_text(status, "reason", reason);
    }
    if (details_take != NULL) {
        json_object_set_new(status, "details", details_take);
    }
    sim_json_set_int(status, "code", code);
    return status;
}

static json_t *details_of(const struct sim_resource *resource, const char *kind, const char *name) {
    json_t *details = json_object();

    if (name != NULL && name[0] != '\0') {
        sim_json_set_text(details, "name", name);
    }
    if (resource->group[0] != '\0') {
        sim_json_set_text(details, "group", resource->group);
    }
    sim_json_set_text(details, "kind", kind);
    return details;
}

struct json_t *sim_status(int code, const char *reason, const struct sim_resource *resource,
                          const char *name, const char *format, ...) {
    va_list args;
    char *message;
    json_t *status;

    va_start(args, format);
    message = format_text(format, args);
    va_end(args);
    status = failure(message, reason,
                     resource == NULL ? NULL : details_of(resource, resource->plural, name), code);
    free(message);
    return status;
}

struct json_t *sim_status_forbidden(const struct sim_resource *resource, const char *name,
                                    const char *format, ...) {
    va_list args;
    char *why;
    json_t *status;

    va_start(args, format);
    why = format_text(format, args);
    va_end(args);
    status = sim_status(403, "Forbidden", resource, name, "%s \"%s\" is forbidden: %s",
                        sim_resource_qualified(resource), name, why);
    free(why);
    return status;
}

struct json_t *sim_status_not_found(const struct sim_resource *resource, const char *name) {
    return sim_status(404, "NotFound", resource, name, "%s \"%s\" not found",
                      sim_resource_qualified(resource), name);
}

struct json_t *sim_status_exists(const struct sim_resource *resource, const char *name) {
    return sim_status(409, "AlreadyExists", resource, name, "%s \"%s\" already exists",
                      sim_resource_qualified(resource), name);
}

struct json_t *sim_status_conflict(const struct sim_resource *resource, const char *name,
                                   const char *format, ...) {
    va_list args;
    char *why;
    json_t *status;

    va_start(args, format);
    why = format_text(format, args);
    va_end(args);
    status = sim_status(409, "Conflict", resource, name,
                        "Operation cannot be fulfilled on %s \"%s\": %s",
                        sim_resource_qualified(resource), name, why);
    free(why);
    return status;
}

struct json_t *sim_status_bad_request(const char *format, ...) {
    va_list args;
    char *message;
    json_t *status;

    va_start(args, format);
    message = format_text(format, args);
    va_end(args);
    status = failure(message, "BadRequest", NULL, 400);
    free(message);
    return status;
}

void sim_invalid_add(struct sim_invalid *invalid, const char *reason, const char *field,
                     const char *format, ...) {
    json_t *cause = json_object();
    va_list args;
    char *message;

    va_start(args, format);
    message = format_text(format, args);
    va_end(args);
    sim_json_set_text(cause, "reason", reason);
    sim_json_set_text(cause, "message", message);
    sim_json_set_text(cause, "field", field);
    if (invalid->causes == NULL) {
        invalid->causes = json_array();
    }
    json_array_append_new(invalid->causes, cause);
    free(message);
}

/* "a: why", or "[a: why, b: why]" */
static void causes_text(const json_t *causes, struct buf *text) {
    bool several = json_array_size(causes) > 1;
    const json_t *cause;
    size_t i;

    if (several) {
        buf_add_char(text, '[');
    }
    json_array_foreach(causes, i, cause) {
        buf_add_format(text, "%s%s: %s", i == 0 ? "" : ", ", sim_json_text(cause, "field"),
                       sim_json_text(cause, "message"));
    }
    if (several) {
        buf_add_char(text, ']');
    }
}

struct json_t *sim_invalid_finish(struct sim_invalid *invalid, const struct sim_resource *resource,
                                  const char *name) {
    struct buf text;
    json_t *details;
    json_t *status;

    if (invalid->causes == NULL) {
        return NULL;
    }
    buf_init(&text, LIMIT_KUBE_OBJECT_BYTES);
    buf_add_format(&text, "%s%s%s \"%s\" is invalid: ", resource->kind,
                   resource->group[0] == '\0' ? "" : ".", resource->group, name);
    causes_text(invalid->causes, &text);
    details = details_of(resource, resource->kind, name);
    json_object_set_new(details, "causes", invalid->causes);
    invalid->causes = NULL;
    status = failure(buf_text(&text), "Invalid", details, 422);
    buf_finish(&text);
    return status;
}

struct json_t *sim_status_success(int code) {
    json_t *status = status_begin("Success");

    if (code != 200) {
        sim_json_set_int(status, "code", code);
    }
    return status;
}

int sim_status_code(const struct json_t *status) {
    return (int)sim_json_int(status, "code", 500);
}
