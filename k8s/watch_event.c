#include "k8s/watch_event.h"

#include <string.h>

/* A text member, and where it goes; absent or null it is "". */
struct wanted {
    const char *key;
    char *out_text;
    size_t room;
    bool found;
};

static int copy_text(struct json_slice value, const struct wanted *wanted) {
    if (value.bytes == 4 && memcmp(value.at, "null", 4) == 0) {
        return OK;
    }
    return json_scan_copy_text(value, wanted->out_text, wanted->room) ? OK : ERR_INVALID;
}

/* Copy all that are wanted in one walk; of several of one name the first. */
static int copy_members(struct json_slice object, struct wanted *wanted, size_t count) {
    struct json_cursor cursor = json_scan_members(object);
    struct json_slice key;
    struct json_slice value;
    int r = OK;

    for (size_t i = 0; i < count; i++) {
        wanted[i].out_text[0] = '\0';
    }
    while (r == OK && json_scan_next(&cursor, &key, &value)) {
        for (size_t i = 0; i < count; i++) {
            if (!wanted[i].found && json_scan_is_text(key, wanted[i].key)) {
                wanted[i].found = true;
                r = copy_text(value, &wanted[i]);
                break;
            }
        }
    }
    return r;
}

static int copy_member(struct json_slice object, const char *key, char *out_text, size_t room) {
    struct wanted wanted = {.key = key, .out_text = out_text, .room = room};

    return copy_members(object, &wanted, 1);
}

static bool is_object(struct json_slice value) {
    return value.bytes > 0 && *value.at == '{';
}

int object_meta_parse(struct json_slice object, struct object_meta *out_meta) {
    struct object_meta meta;
    struct json_slice metadata;
    struct wanted wanted[] = {
        {.key = "namespace", .out_text = meta.namespace_, .room = sizeof meta.namespace_},
        {.key = "name", .out_text = meta.name, .room = sizeof meta.name},
        {.key = "uid", .out_text = meta.uid, .room = sizeof meta.uid},
        {.key = "resourceVersion", .out_text = meta.version, .room = sizeof meta.version},
    };

    if (!is_object(object) || !json_scan_member(object, "metadata", &metadata) ||
        copy_members(metadata, wanted, ARRAY_LEN(wanted)) != OK || meta.name[0] == '\0' ||
        meta.uid[0] == '\0' || meta.version[0] == '\0') {
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

/* The two members of a line, which is checked as a whole on the way. */
static int parse_line(struct json_slice line, struct json_slice *out_type,
                      struct json_slice *out_object) {
    struct json_cursor cursor = json_scan_members(line);
    struct json_slice key;
    struct json_slice value;

    while (json_scan_next(&cursor, &key, &value)) {
        if (out_type->bytes == 0 && json_scan_is_text(key, "type")) {
            *out_type = value;
        } else if (out_object->bytes == 0 && json_scan_is_text(key, "object")) {
            *out_object = value;
        }
    }
    return json_scan_is_whole(&cursor) && is_object(*out_object) ? OK : ERR_INVALID;
}

int watch_event_parse(const char *line, size_t bytes, struct watch_event *out_event) {
    struct watch_event event = {.type = WATCH_ERROR};
    struct json_slice type = {0};
    int r = parse_line((struct json_slice){line, bytes}, &type, &event.object);

    if (r != OK || parse_type(type, &event.type) != OK) {
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
