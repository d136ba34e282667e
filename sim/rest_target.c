#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "sim/rest_parts.h"

#define SEGMENTS_MAX 8

struct path {
    char text[1024];
    const char *segments[SEGMENTS_MAX];
    size_t count;
};

/* False for what can't be a resource's path. */
static bool split(const char *text, struct path *path) {
    char *at = path->text;

    path->count = 0;
    if (text[0] != '/' || !text_copy(path->text, sizeof path->text, text)) {
        return false;
    }
    while (*at == '/') {
        *at++ = '\0';
        if (*at == '\0') {
            break; /* A slash at the end. */
        }
        if (path->count == SEGMENTS_MAX) {
            return false;
        }
        path->segments[path->count++] = at;
        at += strcspn(at, "/");
    }
    return true;
}

static const char *segment(const struct path *path, size_t at) {
    return at < path->count ? path->segments[at] : "";
}

static bool is_watch(const struct sim_request *request) {
    return sim_request_flag(request, "watch");
}

static const char *verb_of(const struct sim_request *request, bool named) {
    static const struct {
        const char *method;
        const char *collection;
        const char *object;
    } verbs[] = {
        {"GET", "list", "get"}, {"HEAD", "list", "get"}, {"POST", "create", "create"},
        {"PUT", "", "update"},  {"PATCH", "", "patch"},  {"DELETE", "deletecollection", "delete"},
    };

    if (!named && strcmp(request->method, "GET") == 0 && is_watch(request)) {
        return "watch";
    }
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
        if (strcmp(request->method, verbs[i].method) == 0) {
            return named ? verbs[i].object : verbs[i].collection;
        }
    }
    return "";
}

/* Where the resource's own name stands, after group and version. 0 if the path is too short. */
static size_t after_version(const struct path *path, const char **out_group,
                            const char **out_version) {
    if (strcmp(segment(path, 0), "api") == 0) {
        *out_group = "";
        *out_version = segment(path, 1);
        return 2;
    }
    if (strcmp(segment(path, 0), "apis") == 0) {
        *out_group = segment(path, 1);
        *out_version = segment(path, 2);
        return 3;
    }
    return 0;
}

void sim_rest_target(const struct sim_request *request, struct sim_target *out_target) {
    struct path path;
    const char *group = "";
    const char *version = "";
    const char *namespace = "";
    size_t at;

    *out_target = (struct sim_target){.verb = ""};
    if (!split(request->path, &path)) {
        return;
    }
    at = after_version(&path, &group, &version);
    if (at == 0 || at >= path.count) {
        return;
    }
    /* namespaces/x and namespaces/x/status are about the namespace itself. */
    if (strcmp(segment(&path, at), "namespaces") == 0 && path.count > at + 2 &&
        sim_resource_find(group, version, segment(&path, at + 2)) != NULL) {
        namespace = segment(&path, at + 1);
        at += 2;
    }
    if (path.count > at + 3) {
        return;
    }
    out_target->resource = sim_resource_find(group, version, segment(&path, at));
    if (out_target->resource == NULL) {
        return;
    }
    if (!text_copy(out_target->namespace, sizeof out_target->namespace, namespace) ||
        !text_copy(out_target->name, sizeof out_target->name, segment(&path, at + 1)) ||
        !text_copy(out_target->subresource, sizeof out_target->subresource,
                   segment(&path, at + 2))) {
        out_target->resource = NULL;
        return;
    }
    out_target->verb = verb_of(request, out_target->name[0] != '\0');
}
