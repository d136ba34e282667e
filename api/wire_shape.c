#include "api/wire_shape.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "api/wire.h"
#include "api/wire_text.h"
#include "base/clock.h"
#include "base/ensure.h"
#include "base/memory.h"
#include "base/rfc3339.h"

#define PLACE_BYTES 128

/* --- Writing ---------------------------------------------------------------------------------- */

static void write_time(struct buf *out, int64_t time_us) {
    char text[RFC3339_BYTES_MAX];

    if (time_us == 0) {
        buf_add_text(out, "null");
    } else {
        rfc3339_print_us(time_us, text);
        wire_text_quote(out, text);
    }
}

static void write_number(struct buf *out, int64_t number, int64_t null_value) {
    if (number == null_value) {
        buf_add_text(out, "null");
    } else {
        buf_add_int64(out, number);
    }
}

static void write_array(struct buf *out, const struct wire_shape *shape, const char *items,
                        size_t count) {
    buf_add_char(out, '[');
    for (size_t i = 0; i < count; i++) {
        if (i > 0) {
            buf_add_char(out, ',');
        }
        wire_encode(out, shape, items + i * shape->size);
    }
    buf_add_char(out, ']');
}

static void write_counts(struct buf *out, const struct wire_count *counts, size_t count) {
    buf_add_char(out, '{');
    for (size_t i = 0; i < count; i++) {
        if (i > 0) {
            buf_add_char(out, ',');
        }
        wire_text_quote(out, counts[i].name);
        buf_add_char(out, ':');
        buf_add_int64(out, counts[i].count);
    }
    buf_add_char(out, '}');
}

static void write_text(struct buf *out, const char *text, bool optional) {
    if (optional && (text == NULL || text[0] == '\0')) {
        buf_add_text(out, "null");
    } else {
        wire_text_quote(out, text != NULL ? text : "");
    }
}

static int64_t number_at(const void *at) {
    int64_t number;

    memcpy(&number, at, sizeof number);
    return number;
}

static const void *pointer_at(const void *at) {
    const void *pointer;

    memcpy(&pointer, at, sizeof pointer);
    return pointer;
}

static size_t count_at(const void *at) {
    size_t count;

    memcpy(&count, at, sizeof count);
    return count;
}

static void write_field(struct buf *out, const struct wire_field *field, const char *value) {
    const char *at = value + field->offset;

    switch (field->type) {
    case WIRE_TEXT:
    case WIRE_OPTIONAL:
        write_text(out, pointer_at(at), field->type == WIRE_OPTIONAL);
        break;
    case WIRE_NUMBER:
        buf_add_int64(out, number_at(at));
        break;
    case WIRE_KNOWN:
        write_number(out, number_at(at), WIRE_UNKNOWN);
        break;
    case WIRE_ID:
        buf_add_uint64(out, (uint64_t)number_at(at));
        break;
    case WIRE_SECONDS:
        write_number(out, number_at(at) / CLOCK_US_PER_SECOND, 0);
        break;
    case WIRE_TIME:
        write_time(out, number_at(at));
        break;
    case WIRE_BOOL:
        buf_add_text(out, *(const bool *)at ? "true" : "false");
        break;
    case WIRE_OBJECT:
        wire_encode(out, field->shape, at);
        break;
    case WIRE_ARRAY:
    case WIRE_EXTRA:
        write_array(out, field->shape, pointer_at(at), count_at(value + field->count_offset));
        break;
    case WIRE_COUNTS:
        write_counts(out, pointer_at(at), count_at(value + field->count_offset));
        break;
    case WIRE_TYPE_COUNT:
        ENSURE(false);
    }
}

/* The byte before it, the name between quotes, a colon. */
static void write_name(struct buf *out, char before, const char *name) {
    size_t bytes = strlen(name);
    char *room = buf_add_room(out, bytes + 4);

    if (room != NULL) {
        room[0] = before;
        room[1] = '"';
        memcpy(room + 2, name, bytes);
        room[bytes + 2] = '"';
        room[bytes + 3] = ':';
    }
}

void wire_encode(struct buf *out, const struct wire_shape *shape, const void *value) {
    char before = '{';

    for (size_t i = 0; i < shape->field_count; i++) {
        const struct wire_field *field = &shape->fields[i];

        if (field->type == WIRE_EXTRA && pointer_at((const char *)value + field->offset) == NULL) {
            continue;
        }
        write_name(out, before, field->name);
        before = ',';
        write_field(out, field, value);
    }
    buf_add_text(out, before == '{' ? "{}" : "}");
}

/* --- Reading ---------------------------------------------------------------------------------- */

/* Where we are, for the error's text. */
struct trail {
    const struct trail *up;
    const char *name;
    size_t index; /* in an array, when name is NULL */
};

static void print_trail(struct buf *out, const struct trail *trail) {
    if (trail == NULL) {
        return;
    }
    print_trail(out, trail->up);
    if (trail->name == NULL) {
        buf_add_format(out, "[%zu]", trail->index);
    } else {
        buf_add_format(out, "%s%s", out->bytes > 0 ? "." : "", trail->name);
    }
}

struct reader {
    struct wire_memory *memory;
    struct error *error;
};

static int refuse(const struct reader *reader, const struct trail *trail, const char *wanted) {
    struct buf place;
    int r;

    buf_init(&place, PLACE_BYTES);
    print_trail(&place, trail);
    r = error_set(reader->error, ERR_INVALID, "%s%sexpected %s", buf_text(&place),
                  place.bytes > 0 ? ": " : "", wanted);
    buf_finish(&place);
    return r;
}

static void *keep(struct wire_memory *memory, void *block) {
    if (memory->count == memory->room) {
        memory->room = memory->room > 0 ? 2 * memory->room : 16;
        memory->blocks = mem_grow(memory->blocks, memory->room, sizeof *memory->blocks);
    }
    memory->blocks[memory->count++] = block;
    return block;
}

static int read_object(const struct reader *reader, const struct trail *trail,
                       const struct wire_shape *shape, const json_t *json, char *out);

static int read_text(const struct reader *reader, const struct trail *trail, const json_t *json,
                     bool optional, char *out) {
    const char *text = "";

    if (json_is_string(json)) {
        /* Most texts are short; what has a NUL inside was refused by the parser. */
        text = keep(reader->memory, mem_copy_text(json_string_value(json)));
    } else if (!optional || !json_is_null(json)) {
        return refuse(reader, trail, "a text");
    }
    memcpy(out, &text, sizeof text);
    return OK;
}

static int read_number(const struct reader *reader, const struct trail *trail, const json_t *json,
                       const int64_t *null_value, char *out) {
    int64_t number = 0;

    if (json_is_integer(json)) {
        number = json_integer_value(json);
    } else if (null_value != NULL && json_is_null(json)) {
        number = *null_value;
    } else {
        return refuse(reader, trail, "a whole number");
    }
    memcpy(out, &number, sizeof number);
    return OK;
}

static int read_id(const struct reader *reader, const struct trail *trail, const json_t *json,
                   char *out) {
    uint64_t id;

    if (!json_is_integer(json) || json_integer_value(json) < 0) {
        return refuse(reader, trail, "an id");
    }
    id = (uint64_t)json_integer_value(json);
    memcpy(out, &id, sizeof id);
    return OK;
}

static int read_seconds(const struct reader *reader, const struct trail *trail, const json_t *json,
                        char *out) {
    static const int64_t none = 0;
    int64_t seconds = 0;
    int r = read_number(reader, trail, json, &none, (char *)&seconds);

    if (r != OK || seconds < 0 || seconds > INT64_MAX / CLOCK_US_PER_SECOND) {
        return r != OK ? r : refuse(reader, trail, "a number of seconds");
    }
    seconds *= CLOCK_US_PER_SECOND;
    memcpy(out, &seconds, sizeof seconds);
    return OK;
}

static int read_time(const struct reader *reader, const struct trail *trail, const json_t *json,
                     char *out) {
    int64_t time_us = 0;

    if (!json_is_null(json) &&
        (!json_is_string(json) || rfc3339_parse(json_string_value(json), &time_us) != OK)) {
        return refuse(reader, trail, "a time such as 2026-11-22T22:00:00Z");
    }
    memcpy(out, &time_us, sizeof time_us);
    return OK;
}

static int read_bool(const struct reader *reader, const struct trail *trail, const json_t *json,
                     char *out) {
    bool value = json_is_true(json);

    if (!json_is_boolean(json)) {
        return refuse(reader, trail, "true or false");
    }
    memcpy(out, &value, sizeof value);
    return OK;
}

static void put_items(const struct wire_field *field, char *value, const void *items,
                      size_t count) {
    memcpy(value + field->offset, &items, sizeof items);
    memcpy(value + field->count_offset, &count, sizeof count);
}

static int read_array(const struct reader *reader, const struct trail *trail,
                      const struct wire_field *field, const json_t *json, char *value) {
    size_t count = json_array_size(json);
    char *items;

    if (!json_is_array(json)) {
        return refuse(reader, trail, "a list");
    }
    items = keep(reader->memory, mem_alloc(count > 0 ? count : 1, field->shape->size));
    for (size_t i = 0; i < count; i++) {
        struct trail here = {.up = trail, .index = i};
        int r = read_object(reader, &here, field->shape, json_array_get(json, i),
                            items + i * field->shape->size);

        if (r != OK) {
            return r;
        }
    }
    put_items(field, value, items, count);
    return OK;
}

static int read_counts(const struct reader *reader, const struct trail *trail,
                       const struct wire_field *field, json_t *json, char *value) {
    size_t count = json_object_size(json), at = 0;
    struct wire_count *items;
    const char *key;
    json_t *member;

    if (!json_is_object(json)) {
        return refuse(reader, trail, "an object of numbers");
    }
    items = keep(reader->memory, mem_alloc(count > 0 ? count : 1, sizeof *items));
    json_object_foreach(json, key, member) {
        struct trail here = {.up = trail, .name = key};
        int r = read_number(reader, &here, member, NULL, (char *)&items[at].count);

        if (r != OK) {
            return r;
        }
        items[at++].name = keep(reader->memory, mem_copy_text(key));
    }
    put_items(field, value, items, count);
    return OK;
}

static int read_field(const struct reader *reader, const struct trail *trail,
                      const struct wire_field *field, json_t *json, char *value) {
    static const int64_t unknown = WIRE_UNKNOWN;
    char *at = value + field->offset;

    switch (field->type) {
    case WIRE_TEXT:
    case WIRE_OPTIONAL:
        return read_text(reader, trail, json, field->type == WIRE_OPTIONAL, at);
    case WIRE_NUMBER:
        return read_number(reader, trail, json, NULL, at);
    case WIRE_KNOWN:
        return read_number(reader, trail, json, &unknown, at);
    case WIRE_ID:
        return read_id(reader, trail, json, at);
    case WIRE_SECONDS:
        return read_seconds(reader, trail, json, at);
    case WIRE_TIME:
        return read_time(reader, trail, json, at);
    case WIRE_BOOL:
        return read_bool(reader, trail, json, at);
    case WIRE_OBJECT:
        return read_object(reader, trail, field->shape, json, at);
    case WIRE_ARRAY:
    case WIRE_EXTRA:
        return read_array(reader, trail, field, json, value);
    case WIRE_COUNTS:
        return read_counts(reader, trail, field, json, value);
    case WIRE_TYPE_COUNT:
        break;
    }
    ENSURE(false);
    return ERR_INVALID;
}

/* What a struct holds whose JSON says nothing: texts "", unknown numbers unknown. */
static void set_default(const struct wire_field *field, char *value) {
    const char *text = "";
    int64_t unknown = WIRE_UNKNOWN;

    if (field->type == WIRE_TEXT || field->type == WIRE_OPTIONAL) {
        memcpy(value + field->offset, &text, sizeof text);
    } else if (field->type == WIRE_KNOWN) {
        memcpy(value + field->offset, &unknown, sizeof unknown);
    } else if (field->type == WIRE_OBJECT) {
        for (size_t i = 0; i < field->shape->field_count; i++) {
            set_default(&field->shape->fields[i], value + field->offset);
        }
    }
}

static int read_object(const struct reader *reader, const struct trail *trail,
                       const struct wire_shape *shape, const json_t *json, char *out) {
    if (!json_is_object(json)) {
        return refuse(reader, trail, "an object");
    }
    for (size_t i = 0; i < shape->field_count; i++) {
        const struct wire_field *field = &shape->fields[i];
        struct trail here = {.up = trail, .name = field->name};
        json_t *member = json_object_get(json, field->name);
        int r;

        set_default(field, out);
        if (member != NULL) {
            r = read_field(reader, &here, field, member, out);
            if (r != OK) {
                return r;
            }
        }
    }
    return OK;
}

int wire_decode(const char *text, size_t bytes, const struct wire_shape *shape,
                struct wire_memory *memory, void *out_value, struct error *error) {
    struct reader reader = {.memory = memory, .error = error};
    json_error_t cause;
    json_t *json = json_loadb(text, bytes, JSON_REJECT_DUPLICATES, &cause);
    char *value;
    int r;

    if (json == NULL) {
        return error_set(error, ERR_INVALID, "not JSON: line %d: %s", cause.line, cause.text);
    }
    value = mem_alloc(1, shape->size);
    r = read_object(&reader, NULL, shape, json, value);
    if (r == OK) {
        memcpy(out_value, value, shape->size);
    }
    free(value);
    json_decref(json);
    return r;
}

void wire_memory_finish(struct wire_memory *memory) {
    if (memory != NULL) {
        for (size_t i = 0; i < memory->count; i++) {
            free(memory->blocks[i]);
        }
        free(memory->blocks);
        *memory = (struct wire_memory){0};
    }
}
