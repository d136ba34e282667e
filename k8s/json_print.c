#include "k8s/json_print.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/buf.h"
#include "base/ensure.h"
#include "base/text.h"

static void add_escaped(struct buf *out, unsigned char byte) {
    static const char bytes[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
    const char *found = byte == '\0' ? NULL : strchr(bytes, byte);

    if (found == NULL) {
        buf_add_format(out, "\\u%04X", byte);
        return;
    }
    buf_add_char(out, '\\');
    buf_add_char(out, letters[found - bytes]);
}

static void add_text(struct buf *out, const char *text, size_t bytes) {
    buf_add_char(out, '"');
    for (size_t at = 0; at < bytes; at++) {
        size_t plain = text_plain_bytes(text + at, bytes - at);

        buf_add(out, text + at, plain);
        at += plain;
        if (at < bytes) {
            add_escaped(out, (unsigned char)text[at]);
        }
    }
    buf_add_char(out, '"');
}

void json_print_add_key(struct buf *out, const char *key) {
    add_text(out, key, strlen(key));
    buf_add_char(out, ':');
}

static void add_object(struct buf *out, json_t *object) {
    void *iterator = json_object_iter(object);

    buf_add_char(out, '{');
    while (iterator != NULL) {
        json_print_add_key(out, json_object_iter_key(iterator));
        json_print_add(out, json_object_iter_value(iterator));
        iterator = json_object_iter_next(object, iterator);
        if (iterator != NULL) {
            buf_add_char(out, ',');
        }
    }
    buf_add_char(out, '}');
}

static void add_array(struct buf *out, const json_t *array) {
    size_t count = json_array_size(array);

    buf_add_char(out, '[');
    for (size_t i = 0; i < count; i++) {
        if (i > 0) {
            buf_add_char(out, ',');
        }
        json_print_add(out, json_array_get(array, i));
    }
    buf_add_char(out, ']');
}

/* Its shortest form is jansson's matter. */
static void add_real(struct buf *out, const json_t *real) {
    char *text = json_dumps(real, JSON_ENCODE_ANY);

    ENSURE(text != NULL);
    buf_add_text(out, text);
    free(text);
}

void json_print_add(struct buf *out, const struct json_t *value) {
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        add_object(out, (json_t *)(uintptr_t)value); /* jansson's iterators take no const. */
        break;
    case JSON_ARRAY:
        add_array(out, value);
        break;
    case JSON_STRING:
        add_text(out, json_string_value(value), json_string_length(value));
        break;
    case JSON_INTEGER:
        buf_add_int64(out, json_integer_value(value));
        break;
    case JSON_REAL:
        add_real(out, value);
        break;
    case JSON_TRUE:
        buf_add_text(out, "true");
        break;
    case JSON_FALSE:
        buf_add_text(out, "false");
        break;
    case JSON_NULL:
        buf_add_text(out, "null");
        break;
    }
}
