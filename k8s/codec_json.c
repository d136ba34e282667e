#include "k8s/codec_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/ensure.h"
#include "base/memory.h"
#include "base/quantity.h"
#include "base/rfc3339.h"
#include "base/text.h"

#define QUANTITY_TEXT_BYTES_MAX 64

int json_parse_object(const char *text, size_t bytes, size_t bytes_max, struct json_t **out_root,
                      struct field_error *error) {
    const struct json_at top = {0};
    json_error_t cause;
    json_t *root;

    if (bytes > bytes_max) {
        return json_fail(&top, error, ERR_FULL, "%zu bytes; the limit is %zu", bytes, bytes_max);
    }
    root = json_loadb(text, bytes, JSON_REJECT_DUPLICATES, &cause);
    if (root == NULL) {
        return json_fail(&top, error, ERR_INVALID, "not valid JSON: line %d, column %d: %s",
                         cause.line, cause.column, cause.text);
    }
    if (!json_is_object(root)) {
        json_decref(root);
        return json_fail(&top, error, ERR_INVALID, "not a JSON object");
    }
    *out_root = root;
    return OK;
}

void json_drop(struct json_t *root) {
    json_decref(root);
}

struct json_at json_at_root(struct json_t *root) {
    return (struct json_at){.value = root};
}

struct json_at json_at_key(const struct json_at *at, const char *key) {
    json_t *value = json_object_get(at->value, key);

    return (struct json_at){.parent = at, .key = key, .value = json_is_null(value) ? NULL : value};
}

struct json_at json_at_index(const struct json_at *at, size_t index) {
    json_t *value = json_array_get(at->value, index);

    return (struct json_at){
        .parent = at, .index = index, .value = json_is_null(value) ? NULL : value};
}

bool json_is_there(const struct json_at *at) {
    return at->value != NULL;
}

static void print_step(const struct json_at *at, char *text, size_t bytes_max) {
    if (at->key == NULL) {
        (void)snprintf(text, bytes_max, "[%zu]", at->index);
    } else {
        (void)snprintf(text, bytes_max, "%s%s", at->parent->parent != NULL ? "." : "", at->key);
    }
}

void json_at_path(const struct json_at *at, char out_path[FIELD_PATH_BYTES_MAX]) {
    size_t used;

    if (at->parent == NULL) {
        out_path[0] = '\0';
        return;
    }
    json_at_path(at->parent, out_path);
    used = strlen(out_path);
    print_step(at, out_path + used, FIELD_PATH_BYTES_MAX - used);
}

int json_fail(const struct json_at *at, struct field_error *error, int code, const char *format,
              ...) {
    va_list args;

    if (error == NULL || error->error.code != OK) {
        return code;
    }
    json_at_path(at, error->path);
    va_start(args, format);
    (void)error_set_v(&error->error, code, format, args);
    va_end(args);
    return code;
}

static int wrong_type(const struct json_at *at, struct field_error *error, const char *wanted) {
    static const char *const names[] = {
        [JSON_OBJECT] = "an object", [JSON_ARRAY] = "a list",  [JSON_STRING] = "a text",
        [JSON_INTEGER] = "a number", [JSON_REAL] = "a number", [JSON_TRUE] = "true",
        [JSON_FALSE] = "false",      [JSON_NULL] = "null",
    };

    return json_fail(at, error, ERR_INVALID, "must be %s, not %s", wanted,
                     names[json_typeof(at->value)]);
}

int json_get_text(const struct json_at *at, const char **out_value, struct field_error *error) {
    if (at->value == NULL) {
        return OK;
    }
    if (!json_is_string(at->value)) {
        return wrong_type(at, error, "a text");
    }
    *out_value = json_string_value(at->value);
    return OK;
}

int json_get_int64(const struct json_at *at, int64_t *out_value, struct field_error *error) {
    if (at->value == NULL) {
        return OK;
    }
    if (!json_is_integer(at->value)) {
        return wrong_type(at, error, "a whole number");
    }
    *out_value = json_integer_value(at->value);
    return OK;
}

int json_get_bool(const struct json_at *at, bool *out_value, struct field_error *error) {
    if (at->value == NULL) {
        return OK;
    }
    if (!json_is_boolean(at->value)) {
        return wrong_type(at, error, "true or false");
    }
    *out_value = json_is_true(at->value);
    return OK;
}

int json_get_time_us(const struct json_at *at, int64_t *out_time_us, struct field_error *error) {
    const char *text = NULL;
    int r = json_get_text(at, &text, error);

    if (r < 0 || text == NULL) {
        return r;
    }
    r = rfc3339_parse(text, out_time_us);
    if (r < 0) {
        return json_fail(at, error, r, "\"%s\" is not a time such as 2026-11-22T22:00:00Z", text);
    }
    return OK;
}

/* The quantity's text, from whichever type it was written as. */
static int quantity_text(const struct json_at *at, char out_text[QUANTITY_TEXT_BYTES_MAX],
                         struct field_error *error) {
    int length;

    if (json_is_string(at->value)) {
        length = snprintf(out_text, QUANTITY_TEXT_BYTES_MAX, "%s", json_string_value(at->value));
    } else if (json_is_integer(at->value)) {
        length = snprintf(out_text, QUANTITY_TEXT_BYTES_MAX, "%" JSON_INTEGER_FORMAT,
                          json_integer_value(at->value));
    } else if (json_is_real(at->value)) {
        length = snprintf(out_text, QUANTITY_TEXT_BYTES_MAX, "%.15g", json_real_value(at->value));
    } else {
        return wrong_type(at, error, "a quantity");
    }
    if (length < 0 || length >= QUANTITY_TEXT_BYTES_MAX) {
        return json_fail(at, error, ERR_INVALID, "is too long for a quantity");
    }
    return OK;
}

static int get_quantity(const struct json_at *at, int (*parse)(const char *, int64_t *),
                        int64_t *out_value, struct field_error *error) {
    char text[QUANTITY_TEXT_BYTES_MAX];
    int r;

    if (at->value == NULL) {
        return OK;
    }
    r = quantity_text(at, text, error);
    if (r < 0) {
        return r;
    }
    r = parse(text, out_value);
    if (r == ERR_FULL) {
        return json_fail(at, error, r, "\"%s\" is too large", text);
    }
    if (r < 0) {
        return json_fail(at, error, r, "\"%s\" is not a quantity such as 500m, 2 or 4Gi", text);
    }
    return OK;
}

int json_get_milli(const struct json_at *at, int64_t *out_milli, struct field_error *error) {
    return get_quantity(at, quantity_parse_milli, out_milli, error);
}

int json_get_units(const struct json_at *at, int64_t *out_units, struct field_error *error) {
    return get_quantity(at, quantity_parse_units, out_units, error);
}

int json_expect_object(const struct json_at *at, struct field_error *error) {
    return at->value == NULL || json_is_object(at->value) ? OK : wrong_type(at, error, "an object");
}

int json_expect_array(const struct json_at *at, struct field_error *error) {
    return at->value == NULL || json_is_array(at->value) ? OK : wrong_type(at, error, "a list");
}

int json_get_count(const struct json_at *at, size_t count_max, size_t *out_count,
                   struct field_error *error) {
    size_t count = json_array_size(at->value);
    int r = json_expect_array(at, error);

    if (r < 0) {
        return r;
    }
    if (count > count_max) {
        return json_fail(at, error, ERR_FULL, "has %zu entries; the limit is %zu", count,
                         count_max);
    }
    *out_count = count;
    return OK;
}

bool json_next(const struct json_at *at, void **iterator, struct json_at *out_member) {
    void *next;
    json_t *value;

    if (!json_is_object(at->value)) {
        return false;
    }
    next = *iterator == NULL ? json_object_iter(at->value)
                             : json_object_iter_next(at->value, *iterator);
    if (next == NULL) {
        return false;
    }
    *iterator = next;
    value = json_object_iter_value(next);
    *out_member = (struct json_at){.parent = at,
                                   .key = json_object_iter_key(next),
                                   .value = json_is_null(value) ? NULL : value};
    return true;
}

char *json_print(const struct json_t *value) {
    char *printed = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    char *text;

    ENSURE(printed != NULL);
    text = mem_copy_text(printed);
    free(printed);
    return text;
}

uint64_t codec_version_read(const char *version) {
    int64_t number;

    return text_parse_int64(version, &number) == OK && number > 0 ? (uint64_t)number : 0;
}
