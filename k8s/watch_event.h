/* k8s/watch_event.h - lists and watch lines, taken apart without decoding the objects. Pure. */
#ifndef K8S_WATCH_EVENT_H
#define K8S_WATCH_EVENT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/limits.h"
#include "k8s/json_scan.h"
#include "k8s/object_set.h"

enum watch_event_type {
    WATCH_PUT, /* ADDED or MODIFIED */
    WATCH_DELETED,
    WATCH_BOOKMARK,
    WATCH_ERROR
};

/* An object's identity, copied out. */
struct object_meta {
    char namespace_[LIMIT_LABEL_BYTES + 1];
    char name[LIMIT_NAME_BYTES + 1];
    char uid[OBJECT_UID_BYTES];
    char version[OBJECT_VERSION_BYTES];
};

struct watch_event {
    enum watch_event_type type;
    struct json_slice object;
    struct object_meta meta; /* of a bookmark the version alone, of an error nothing */
};

/* One line of a watch. ERR_INVALID when it is anything else. */
int watch_event_parse(const char *line, size_t bytes, struct watch_event *out_event) MUST_CHECK;

/* A page of a list; versions and tokens longer than this are not Kubernetes'. */
struct list_page {
    struct json_slice items; /* an array; empty when absent or null */
    char version[OBJECT_VERSION_BYTES];
    char continue_token[4096]; /* "": the last page */
};
int list_page_parse(const char *json, size_t bytes, struct list_page *out_page) MUST_CHECK;

/* The fresh continue token of a 410, if it has one. */
bool list_page_fresh_token(const char *json, size_t bytes, char out_token[4096]);

/* An item's identity: name, uid and version must be there. */
int object_meta_parse(struct json_slice object, struct object_meta *out_meta) MUST_CHECK;

struct object_id object_meta_id(const struct object_meta *meta);

#endif
