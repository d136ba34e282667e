#include "sim/json.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/rfc3339.h"

struct json_t *sim_json_at(const struct json_t *object, const char *path) {
    const json_t *at = object;

    for (;;) {
        size_t length = strcspn(path, ".");
        json_t *next = json_object_getn(at, path, length);

        if (next == NULL || path[length] == '\0') {
            return next;
        }
        at = next;
        path += length + 1;
    }
}

const char *sim_json_text(const struct json_t *object, const char *path) {
    return json_string_value(sim_json_at(object, path));
}

int64_t sim_json_int(const struct json_t *object, const char *path, int64_t fallback) {
    const json_t *value = sim_json_at(object, path);

    return json_is_integer(value) ? json_integer_value(value) : fallback;
}

bool sim_json_true(const struct json_t *object, const char *path) {
    return json_is_true(sim_json_at(object, path));
}

struct json_t *sim_json_copy(const struct json_t *object) {
    /* jansson has no const here, and only counts the members' users. */
    json_t *copy = json_copy((json_t *)(uintptr_t)object);

    return copy == NULL ? json_object() : copy;
}

struct json_t *sim_json_make_object(struct json_t *parent, const char *key) {
    json_t *value = json_object_get(parent, key);

    if (value == NULL || json_is_null(value)) {
        value = json_object();
        json_object_set_new(parent, key, value);
        value = json_object_get(parent, key);
    }
    return json_is_object(value) ? value : NULL;
}

void sim_json_set_text(struct json_t *object, const char *key, const char *text) {
    json_object_set_new(object, key, json_string(text));
}

void sim_json_set_int(struct json_t *object, const char *key, int64_t value) {
    json_object_set_new(object, key, json_integer(value));
}

static bool is_absent(const json_t *object, const char *key) {
    const json_t *value = json_object_get(object, key);

    return value == NULL || json_is_null(value);
}

void sim_json_default_text(struct json_t *object, const char *key, const char *text) {
    const char *old = json_string_value(json_object_get(object, key));

    /* The real one's "omitempty": an empty text is an absent one. */
    if (is_absent(object, key) || (old != NULL && old[0] == '\0')) {
        sim_json_set_text(object, key, text);
    }
}

void sim_json_default_int(struct json_t *object, const char *key, int64_t value) {
    if (is_absent(object, key)) {
        sim_json_set_int(object, key, value);
    }
}

void sim_json_set_time(struct json_t *object, const char *key, int64_t time_us) {
    char text[RFC3339_BYTES_MAX];

    rfc3339_print(time_us, text);
    sim_json_set_text(object, key, text);
}
