#include "k8s/watch_event.h"

#include <string.h>

/* Copy a text member; an absent or null one is "". */
static int copy_member(struct json_slice object, const char *key, char *out_text, size_t room) {
    struct json_slice value;

    out_text[0] = '\0';
    if (!json_scan_member(object, key, &value) ||
        (value.bytes == 4 && memcmp(value.at, "null", 4) == 0)) {
        return OK;
    }
    return json_scan_copy_text(value, out_text, room) ? OK : ERR_INVALID;
}

static bool is_object(struct json_slice value) {
    return value.bytes > 0 && *value.at == '{';
}

int object_meta_parse(struct json_slice object, struct object_meta *out_meta) {
    struct object_meta meta;
    struct json_slice metadata;

    if (!is_object(object) || !json_scan_member(object, "metadata", &metadata) ||
        copy_member(metadata, "namespace", meta.namespace_, sizeof meta.namespace_) != OK ||
        copy_member(metadata, "name", meta.name, sizeof meta.name) != OK ||
        copy_member(metadata, "uid", meta.uid, sizeof meta.uid) != OK ||
        copy_member(metadata, "resourceVersion", meta.version, sizeof meta.version) != OK ||
        meta.name[0] == '\0' || meta.uid[0] == '\0' || meta.version[0] == '\0') {
        return ERR_INVALID;
    }
    *out_meta = meta;
    return OK;
}

struct object_id object_meta_id(const struct object_meta *meta) {
    return (struct object_id){.namespace_ = meta->namespace_,
                              .name = meta->name,
                              .uid = meta->uid,
                              .version = meta->version};
}

static int parse_type(struct json_slice text, enum watch_event_type *out_type) {
    static const struct {
        const char *text;
        enum watch_event_type type;
    } rows[] = {
        {"ADDED", WATCH_PUT},         {"MODIFIED", WATCH_PUT}, {"DELETED", WATCH_DELETED},
        {"BOOKMARK", WATCH_BOOKMARK}, {"ERROR", WATCH_ERROR},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (json_scan_is_text(text, rows[i].text)) {
            *out_type = rows[i].type;
            return OK;
        }
    }
    return ERR_INVALID;
}

static int parse_bookmark(struct json_slice object, struct object_meta *out_meta) {
    struct object_meta meta = {.name = ""};
    struct json_slice metadata;

    if (!json_scan_member(object, "metadata", &metadata) ||
        copy_member(metadata, "resourceVersion", meta.version, sizeof meta.version) != OK ||
        meta.version[0] == '\0') {
        return ERR_INVALID;
    }
    *out_meta = meta;
    return OK;
}

int watch_event_parse(const char *line, size_t bytes, struct watch_event *out_event) {
    struct watch_event event = {.type = WATCH_ERROR};
    struct json_slice root;
    struct json_slice type;
    int r = json_scan_text(line, bytes, &root);

    if (r != OK) {
        return r;
    }
    if (!json_scan_member(root, "type", &type) || parse_type(type, &event.type) != OK ||
        !json_scan_member(root, "object", &event.object) || !is_object(event.object)) {
        return ERR_INVALID;
    }
    if (event.type == WATCH_BOOKMARK) {
        r = parse_bookmark(event.object, &event.meta);
    } else if (event.type != WATCH_ERROR) {
        r = object_meta_parse(event.object, &event.meta);
    }
    if (r == OK) {
        *out_event = event;
    }
    return r;
}

int list_page_parse(const char *json, size_t bytes, struct list_page *out_page) {
    struct list_page page = {.version = ""};
    struct json_slice root;
    struct json_slice metadata;
    int r = json_scan_text(json, bytes, &root);

    if (r != OK) {
        return r;
    }
    if (!json_scan_member(root, "metadata", &metadata) ||
        copy_member(metadata, "resourceVersion", page.version, sizeof page.version) != OK ||
        copy_member(metadata, "continue", page.continue_token, sizeof page.continue_token) != OK ||
        page.version[0] == '\0') {
        return ERR_INVALID;
    }
    (void)json_scan_member(root, "items", &page.items);
    *out_page = page;
    return OK;
}

bool list_page_fresh_token(const char *json, size_t bytes, char out_token[4096]) {
    struct json_slice root;
    struct json_slice metadata;

    return json_scan_text(json, bytes, &root) == OK &&
           json_scan_member(root, "metadata", &metadata) &&
           copy_member(metadata, "continue", out_token, 4096) == OK && out_token[0] != '\0';
}
