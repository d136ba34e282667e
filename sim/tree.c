#include "sim/tree.h"

#include <stdarg.h>
#include <string.h>

#include <jansson.h>

#include "base/ensure.h"
#include "base/error.h"
#include "base/rfc3339.h"

#define STEP_BYTES_MAX 128

/* Cut the first step off the path. */
static const char *next_step(const char *path, char out_step[STEP_BYTES_MAX]) {
    size_t length = strcspn(path, "/");

    ENSURE(length < STEP_BYTES_MAX);
    memcpy(out_step, path, length);
    out_step[length] = '\0';
    return path[length] == '/' ? path + length + 1 : path + length;
}

json_t *tree_at(const json_t *node, const char *path) {
    while (node != NULL && path[0] != '\0') {
        size_t length = strcspn(path, "/");

        node = json_object_getn(node, path, length);
        path += path[length] == '/' ? length + 1 : length;
    }
    return tree_walkable(node);
}

json_t *tree_walkable(const json_t *node) {
    union {
        const json_t *in;
        json_t *out;
    } same = {.in = node};

    return same.out;
}

const char *tree_text(const json_t *node, const char *path) {
    return json_string_value(tree_at(node, path));
}

int64_t tree_int(const json_t *node, const char *path, int64_t fallback) {
    const json_t *value = tree_at(node, path);

    return json_is_integer(value) ? (int64_t)json_integer_value(value) : fallback;
}

bool tree_true(const json_t *node, const char *path) {
    return json_is_true(tree_at(node, path));
}

bool tree_is(const json_t *node, const char *path, const char *text) {
    const char *found = tree_text(node, path);

    return found != NULL && strcmp(found, text) == 0;
}

const char *tree_label(const json_t *object, const char *key) {
    return json_string_value(json_object_get(tree_at(object, "metadata/labels"), key));
}

const char *tree_annotation(const json_t *object, const char *key) {
    return json_string_value(json_object_get(tree_at(object, "metadata/annotations"), key));
}

static const char *text_or_empty(const json_t *object, const char *path) {
    const char *text = tree_text(object, path);

    return text != NULL ? text : "";
}

const char *tree_name(const json_t *object) {
    return text_or_empty(object, "metadata/name");
}

const char *tree_namespace(const json_t *object) {
    return text_or_empty(object, "metadata/namespace");
}

const char *tree_uid(const json_t *object) {
    return text_or_empty(object, "metadata/uid");
}

static void set_member(json_t *object, const char *key, json_t *take_value) {
    int r = json_object_set_new(object, key, take_value);

    ENSURE(r == 0);
}

static json_t *make_member(json_t *node, const char *key) {
    json_t *member = json_object_get(node, key);

    if (!json_is_object(member)) {
        member = json_object();
        set_member(node, key, member);
    }
    return member;
}

json_t *tree_make(json_t *node, const char *path) {
    char step[STEP_BYTES_MAX];

    while (path[0] != '\0') {
        path = next_step(path, step);
        node = make_member(node, step);
    }
    return node;
}

/* The object that holds the last step of the path, and that step. */
static json_t *parent_of(json_t *node, const char *path, const char **out_key) {
    char step[STEP_BYTES_MAX];

    while (strchr(path, '/') != NULL) {
        path = next_step(path, step);
        node = make_member(node, step);
    }
    *out_key = path;
    return node;
}

json_t *tree_make_array(json_t *node, const char *path) {
    const char *key;
    json_t *parent = parent_of(node, path, &key);
    json_t *array = json_object_get(parent, key);

    if (!json_is_array(array)) {
        array = json_array();
        set_member(parent, key, array);
    }
    return array;
}

void tree_put(json_t *node, const char *path, json_t *take_value) {
    const char *key;
    json_t *parent = parent_of(node, path, &key);

    set_member(parent, key, take_value);
}

void tree_put_text(json_t *node, const char *path, const char *text) {
    tree_put(node, path, json_string(text));
}

void tree_put_int(json_t *node, const char *path, int64_t value) {
    tree_put(node, path, json_integer(value));
}

void tree_put_time(json_t *node, const char *path, int64_t time_us) {
    char text[RFC3339_BYTES_MAX];

    rfc3339_print(time_us, text);
    tree_put_text(node, path, text);
}

void tree_default(json_t *node, const char *path, json_t *take_value) {
    const json_t *value = tree_at(node, path);

    if (value == NULL || json_is_null(value)) {
        tree_put(node, path, take_value);
    } else {
        json_decref(take_value);
    }
}

void tree_default_text(json_t *node, const char *path, const char *text) {
    tree_default(node, path, json_string(text));
}

void tree_drop(json_t *node, const char *path) {
    const char *key = path;
    json_t *parent = node;

    while (parent != NULL && strchr(key, '/') != NULL) {
        char step[STEP_BYTES_MAX];

        key = next_step(key, step);
        parent = json_object_get(parent, step);
    }
    if (parent != NULL) {
        (void)json_object_del(parent, key); /* Absent is as good as dropped. */
    }
}

json_t *tree_pack(const char *format, ...) {
    json_error_t error;
    json_t *value;
    va_list args;

    va_start(args, format);
    value = json_vpack_ex(&error, 0, format, args);
    va_end(args);
    ENSURE(value != NULL);
    return value;
}

int64_t tree_time(const json_t *node, const char *path) {
    const char *text = tree_text(node, path);
    int64_t time_us;

    if (text == NULL || rfc3339_parse(text, &time_us) != OK) {
        return 0;
    }
    return time_us;
}
