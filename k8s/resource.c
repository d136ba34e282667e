#include "k8s/resource.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/ensure.h"

static const struct {
    const char *plural;
    const char *prefix;
    bool is_namespaced;
} resources[KUBE_RESOURCE_COUNT] = {
#define RESOURCE_ROW(name, plural, prefix, namespaced) {plural, prefix, namespaced},
    KUBE_RESOURCE_LIST(RESOURCE_ROW)
#undef RESOURCE_ROW
};

const char *resource_plural(enum kube_resource resource) {
    ENSURE(resource < KUBE_RESOURCE_COUNT);
    return resources[resource].plural;
}

/* Unreserved characters of RFC 3986 stay, except that "." and ".." alone would be folded. */
static void add_encoded(struct buf *out, const char *text) {
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    bool only_dots = text[strspn(text, ".")] == '\0';

    for (; *text != '\0'; text++) {
        if (strchr(plain, *text) != NULL && !only_dots) {
            buf_add_char(out, *text);
        } else {
            buf_add_format(out, "%%%02X", (unsigned)(unsigned char)*text);
        }
    }
}

static void add_segment(struct buf *out, const char *text) {
    if (text != NULL) {
        buf_add_char(out, '/');
        add_encoded(out, text);
    }
}

void resource_add_path(struct buf *out, const struct resource_path *path) {
    ENSURE(path->resource < KUBE_RESOURCE_COUNT);
    buf_add_text(out, resources[path->resource].prefix);
    if (resources[path->resource].is_namespaced && path->namespace_ != NULL) {
        buf_add_text(out, "/namespaces");
        add_segment(out, path->namespace_);
    }
    add_segment(out, resources[path->resource].plural);
    add_segment(out, path->name);
    add_segment(out, path->subresource);
}

void resource_add_query(struct buf *out, const char *key, const char *value) {
    if (value == NULL) {
        return;
    }
    if (out->bytes > 0) {
        buf_add_char(out, '&');
    }
    buf_add_text(out, key);
    buf_add_char(out, '=');
    add_encoded(out, value);
}

void resource_add_query_int(struct buf *out, const char *key, int64_t value) {
    char text[24];

    (void)snprintf(text, sizeof text, "%" PRId64, value);
    resource_add_query(out, key, text);
}

void resource_add_log_query(struct buf *out, const struct resource_log_query *query) {
    resource_add_query(out, "container", query->container);
    if (query->tail_lines > 0) {
        resource_add_query_int(out, "tailLines", query->tail_lines);
    }
    if (query->limit_bytes > 0) {
        resource_add_query_int(out, "limitBytes", query->limit_bytes);
    }
    resource_add_query(out, "follow", query->follow ? "true" : NULL);
    resource_add_query(out, "previous", query->previous ? "true" : NULL);
    resource_add_query(out, "timestamps", query->timestamps ? "true" : NULL);
}
