#include "k8s/codec_json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "base/buf.h"
#include "base/quantity.h"
#include "base/rfc3339.h"
#include "base/text.h"
#include "k8s/json_document.h"
#include "k8s/json_print.h"

#define QUANTITY_TEXT_BYTES_MAX 64

static int refuse_long(size_t bytes, size_t bytes_max, struct field_error *error) {
    const struct json_at top = {0};

    return json_fail(&top, error, ERR_FULL, "%zu bytes; the limit is %zu", bytes, bytes_max);
}

int json_parse_object(const char *text, size_t bytes, size_t bytes_max, struct json_t **out_root,
                      struct field_error *error) {
    const struct json_at top = {0};
    json_error_t cause;
    json_t *root;

    if (bytes > bytes_max) {
        return refuse_long(bytes, bytes_max, error);
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

int json_read_object(const char *text, size_t bytes, size_t bytes_max,
                     struct json_document *out_document, struct field_error *error) {
    const struct json_at top = {0};
    size_t broken_at;

    if (bytes > bytes_max) {
        return refuse_long(bytes, bytes_max, error);
    }
    if (json_document_read(text, bytes, out_document, &broken_at) < 0) {
        return json_fail(&top, error, ERR_INVALID, "not valid JSON, from byte %zu", broken_at);
    }
    if (json_document_root(out_document)->kind != JSON_KIND_OBJECT) {
        json_document_finish(out_document);
        return json_fail(&top, error, ERR_INVALID, "not a JSON object");
    }
    return OK;
}

struct json_at json_at_document(const struct json_document *document) {
    return (struct json_at){.node = json_document_root(document)};
}

static struct json_at at_value(const struct json_at *parent, const char *key, json_t *value) {
    return (struct json_at){
        .parent = parent, .key = key, .value = json_is_null(value) ? NULL : value};
}

static struct json_at at_node(const struct json_at *parent, const char *key,
                              const struct json_node *node) {
    return (struct json_at){.parent = parent,
                            .key = key,
                            .node = node != NULL && node->kind == JSON_KIND_NULL ? NULL : node};
}

bool json_is_there(const struct json_at *at) {
    return at->value != NULL || at->node != NULL;
}

/* Of what is there. */
static enum json_kind kind_of(const struct json_at *at) {
    static const enum json_kind kinds[] = {
        [JSON_OBJECT] = JSON_KIND_OBJECT, [JSON_ARRAY] = JSON_KIND_ARRAY,
        [JSON_STRING] = JSON_KIND_TEXT,   [JSON_INTEGER] = JSON_KIND_INTEGER,
        [JSON_REAL] = JSON_KIND_REAL,     [JSON_TRUE] = JSON_KIND_TRUE,
        [JSON_FALSE] = JSON_KIND_FALSE,   [JSON_NULL] = JSON_KIND_NULL,
    };

    return at->node != NULL ? at->node->kind : kinds[json_typeof(at->value)];
}

static bool is_kind(const struct json_at *at, enum json_kind kind) {
    return json_is_there(at) && kind_of(at) == kind;
}

static const char *text_of(const struct json_at *at) {
    return at->node != NULL ? at->node->text : json_string_value(at->value);
}

static int64_t integer_of(const struct json_at *at) {
    return at->node != NULL ? at->node->integer : json_integer_value(at->value);
}

static double real_of(const struct json_at *at) {
    return at->node != NULL ? at->node->real : json_real_value(at->value);
}

struct json_at json_at_key(const struct json_at *at, const char *key) {
    if (at->node == NULL) {
        return at_value(at, key, json_object_get(at->value, key));
    }
    return at_node(at, key, is_kind(at, JSON_KIND_OBJECT) ? json_node_member(at->node, key) : NULL);
}

static const struct json_node *node_at(const struct json_node *array, size_t index) {
    const struct json_node *member = NULL;

    for (size_t i = 0; i <= index && (i == 0 || member != NULL); i++) {
        member = json_node_next(array, member);
    }
    return member;
}

struct json_at json_at_index(const struct json_at *at, size_t index) {
    struct json_at member =
        at->node == NULL
            ? at_value(at, NULL, json_array_get(at->value, index))
            : at_node(at, NULL, is_kind(at, JSON_KIND_ARRAY) ? node_at(at->node, index) : NULL);

    member.index = index;
    return member;
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
        [JSON_KIND_OBJECT] = "an object", [JSON_KIND_ARRAY] = "a list",
        [JSON_KIND_TEXT] = "a text",      [JSON_KIND_INTEGER] = "a number",
        [JSON_KIND_REAL] = "a number",    [JSON_KIND_TRUE] = "true",
        [JSON_KIND_FALSE] = "false",      [JSON_KIND_NULL] = "null",
    };

    return json_fail(at, error, ERR_INVALID, "must be %s, not %s", wanted, names[kind_of(at)]);
}

int json_get_text(const struct json_at *at, const char **out_value, struct field_error *error) {
    if (!json_is_there(at)) {
        return OK;
    }
    if (kind_of(at) != JSON_KIND_TEXT) {
        return wrong_type(at, error, "a text");
    }
    *out_value = text_of(at);
    return OK;
}

int json_get_int64(const struct json_at *at, int64_t *out_value, struct field_error *error) {
    if (!json_is_there(at)) {
        return OK;
    }
    if (kind_of(at) != JSON_KIND_INTEGER) {
        return wrong_type(at, error, "a whole number");
    }
    *out_value = integer_of(at);
    return OK;
}

int json_get_bool(const struct json_at *at, bool *out_value, struct field_error *error) {
    if (!json_is_there(at)) {
        return OK;
    }
    if (kind_of(at) != JSON_KIND_TRUE && kind_of(at) != JSON_KIND_FALSE) {
        return wrong_type(at, error, "true or false");
    }
    *out_value = kind_of(at) == JSON_KIND_TRUE;
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
    switch (kind_of(at)) {
    case JSON_KIND_TEXT:
        return text_copy(out_text, QUANTITY_TEXT_BYTES_MAX, text_of(at))
                   ? OK
                   : json_fail(at, error, ERR_INVALID, "is too long for a quantity");
    case JSON_KIND_INTEGER:
        (void)snprintf(out_text, QUANTITY_TEXT_BYTES_MAX, "%" PRId64, integer_of(at));
        return OK;
    case JSON_KIND_REAL:
        (void)snprintf(out_text, QUANTITY_TEXT_BYTES_MAX, "%.15g", real_of(at));
        return OK;
    default:
        return wrong_type(at, error, "a quantity");
    }
}

static int get_quantity(const struct json_at *at, int (*parse)(const char *, int64_t *),
                        int64_t *out_value, struct field_error *error) {
    char text[QUANTITY_TEXT_BYTES_MAX];
    int r;

    if (!json_is_there(at)) {
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
    return !json_is_there(at) || kind_of(at) == JSON_KIND_OBJECT
               ? OK
               : wrong_type(at, error, "an object");
}

int json_expect_array(const struct json_at *at, struct field_error *error) {
    return !json_is_there(at) || kind_of(at) == JSON_KIND_ARRAY ? OK
                                                                : wrong_type(at, error, "a list");
}

int json_get_count(const struct json_at *at, size_t count_max, size_t *out_count,
                   struct field_error *error) {
    int r = json_expect_array(at, error);
    size_t count;

    if (r < 0) {
        return r;
    }
    count = at->node != NULL ? at->node->count : json_array_size(at->value);
    if (count > count_max) {
        return json_fail(at, error, ERR_FULL, "has %zu entries; the limit is %zu", count,
                         count_max);
    }
    *out_count = count;
    return OK;
}

static bool next_node(const struct json_at *at, void **iterator, struct json_at *out_member) {
    const struct json_node *next = json_node_next(at->node, *iterator);

    if (next == NULL) {
        return false;
    }
    *iterator = (void *)(uintptr_t)next;
    *out_member = at_node(at, next->key, next);
    return true;
}

static bool next_value(const struct json_at *at, void **iterator, struct json_at *out_member) {
    void *next = *iterator == NULL ? json_object_iter(at->value)
                                   : json_object_iter_next(at->value, *iterator);

    if (next == NULL) {
        return false;
    }
    *iterator = next;
    *out_member = at_value(at, json_object_iter_key(next), json_object_iter_value(next));
    return true;
}

bool json_next(const struct json_at *at, void **iterator, struct json_at *out_member) {
    if (!is_kind(at, JSON_KIND_OBJECT)) {
        return false;
    }
    return at->node != NULL ? next_node(at, iterator, out_member)
                            : next_value(at, iterator, out_member);
}

char *json_print(const struct json_t *value) {
    struct buf text;

    buf_init(&text, SIZE_MAX);
    json_print_add(&text, value);
    return buf_take_text(&text);
}

uint64_t codec_version_read(const char *version) {
    int64_t number;

    return text_parse_int64(version, &number) == OK && number > 0 ? (uint64_t)number : 0;
}
