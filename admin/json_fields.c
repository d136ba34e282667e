#include "admin/json_fields.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/memory.h"
#include "policy/job.h"
#include "queue/fields.h"

/* --- Words ----------------------------------------------------------------------------------- */

static const char *state_word(unsigned value) {
    return job_state_text((enum job_state)value);
}

static const char *failure_word(unsigned value) {
    return failure_text((enum failure)value);
}

/* NULL: an enum without words is its number. */
static const char *(*words_of(const struct field *field))(unsigned value) {
    if (strcmp(field->name, "state") == 0) {
        return state_word;
    }
    return strcmp(field->name, "failure") == 0 ? failure_word : NULL;
}

static json_t *enum_to_json(const struct field *field, uint32_t value) {
    const char *(*word)(unsigned value) = words_of(field);

    return word != NULL ? json_string(word(value)) : json_integer(value);
}

static bool enum_from_json(const struct field *field, const json_t *json, uint32_t *out_value) {
    const char *(*word)(unsigned value) = words_of(field);

    if (word == NULL) {
        json_int_t number = json_integer_value(json);

        *out_value = (uint32_t)number;
        return json_is_integer(json) && number >= 0 && number < field->bound;
    }
    for (uint32_t i = 0; i < field->bound && json_is_string(json); i++) {
        if (strcmp(word(i), json_string_value(json)) == 0) {
            *out_value = i;
            return true;
        }
    }
    return false;
}

/* --- Hex ------------------------------------------------------------------------------------- */

static json_t *bytes_to_json(const unsigned char *bytes, size_t count) {
    static const char digits[] = "0123456789abcdef";
    char *text = mem_alloc(2 * count + 1, 1);
    json_t *json;

    for (size_t i = 0; i < count; i++) {
        text[2 * i] = digits[bytes[i] >> 4];
        text[2 * i + 1] = digits[bytes[i] & 15];
    }
    json = json_string(text);
    free(text);
    return json;
}

static bool bytes_from_json(const json_t *json, unsigned char *out, size_t count) {
    static const char digits[] = "0123456789abcdef";
    const char *text = json_string_value(json);

    if (text == NULL || strlen(text) != 2 * count) {
        return false;
    }
    for (size_t i = 0; i < 2 * count; i++) {
        const char *digit = strchr(digits, text[i]);

        if (digit == NULL) {
            return false;
        }
        out[i / 2] = (unsigned char)(out[i / 2] << 4 | (digit - digits));
    }
    return true;
}

/* --- Encoding -------------------------------------------------------------------------------- */

static json_t *series_to_json(const struct field *field, const char *value) {
    json_t *list = json_array();
    uint32_t count;

    memcpy(&count, value + field->base, sizeof count);
    for (size_t i = 0; i < count && i < field->bound; i++) {
        int64_t number;

        memcpy(&number, value + field->at + i * sizeof number, sizeof number);
        (void)!json_array_append_new(list, json_integer(number));
    }
    return list;
}

static json_t *field_to_json(const struct field *field, const char *value) {
    const char *at = value + field->at;
    union {
        bool flag;
        uint32_t narrow;
        int64_t wide;
        const char *text;
    } part = {.wide = 0};

    switch ((enum field_type)field->type) {
    case FIELD_BOOL:
        memcpy(&part.flag, at, sizeof part.flag);
        return json_boolean(part.flag);
    case FIELD_ENUM:
        memcpy(&part.narrow, at, sizeof part.narrow);
        return enum_to_json(field, part.narrow);
    case FIELD_U32:
        memcpy(&part.narrow, at, sizeof part.narrow);
        return json_integer(part.narrow);
    case FIELD_I32:
        memcpy(&part.narrow, at, sizeof part.narrow);
        return json_integer((int32_t)part.narrow);
    case FIELD_U64:
    case FIELD_I64:
    case FIELD_SINCE:
        memcpy(&part.wide, at, sizeof part.wide);
        return json_integer(part.wide);
    case FIELD_TEXT:
    case FIELD_LONG_TEXT:
        memcpy(&part.text, at, sizeof part.text);
        return json_string(part.text);
    case FIELD_BYTES:
        return bytes_to_json((const unsigned char *)at, field->bound);
    case FIELD_SERIES:
        return series_to_json(field, value);
    }
    return NULL;
}

/* What a record without any field means. */
static void *absent_value(const struct field_table *table) {
    void *value = mem_alloc(1, table->bytes);

    (void)!fields_decode(table, "", 0, value);
    return value;
}

struct json_t *json_fields_encode(const struct field_table *table, const void *value) {
    void *absent = absent_value(table);
    json_t *object = json_object();

    for (size_t i = 0; i < table->count && object != NULL; i++) {
        json_t *part = field_to_json(&table->rows[i], value);
        json_t *none = field_to_json(&table->rows[i], absent);

        if (part == NULL) {
            json_decref(object);
            object = NULL;
        } else if (!json_equal(part, none)) {
            (void)!json_object_set(object, table->rows[i].name, part);
        }
        json_decref(part);
        json_decref(none);
    }
    free(absent);
    return object;
}

/* --- Decoding -------------------------------------------------------------------------------- */

static bool series_from_json(const struct field *field, const json_t *json, char *value) {
    uint32_t count = (uint32_t)json_array_size(json);

    if (!json_is_array(json) || json_array_size(json) > field->bound) {
        return false;
    }
    memcpy(value + field->base, &count, sizeof count);
    for (size_t i = 0; i < count; i++) {
        int64_t number = json_integer_value(json_array_get(json, i));

        if (!json_is_integer(json_array_get(json, i))) {
            return false;
        }
        memcpy(value + field->at + i * sizeof number, &number, sizeof number);
    }
    return true;
}

static bool number_from_json(const struct field *field, const json_t *json, char *at) {
    json_int_t number = json_integer_value(json);
    uint32_t narrow = (uint32_t)number;
    int64_t wide = number;

    if (!json_is_integer(json)) {
        return false;
    }
    if (field->type == FIELD_U32 || field->type == FIELD_I32) {
        memcpy(at, &narrow, sizeof narrow);
        return field->type == FIELD_U32 ? number >= 0 && number <= UINT32_MAX
                                        : number >= INT32_MIN && number <= INT32_MAX;
    }
    memcpy(at, &wide, sizeof wide);
    return field->type != FIELD_U64 || number >= 0;
}

static bool field_from_json(const struct field *field, const json_t *json, char *value) {
    char *at = value + field->at;
    const char *text = json_string_value(json);
    bool flag = json_is_true(json);
    uint32_t narrow = 0;

    switch ((enum field_type)field->type) {
    case FIELD_BOOL:
        memcpy(at, &flag, sizeof flag);
        return json_is_boolean(json);
    case FIELD_ENUM:
        if (!enum_from_json(field, json, &narrow)) {
            return false;
        }
        memcpy(at, &narrow, sizeof narrow);
        return true;
    case FIELD_TEXT:
    case FIELD_LONG_TEXT:
        memcpy(at, &text, sizeof text);
        return text != NULL &&
               (field->type != FIELD_LONG_TEXT || strlen(text) <= LIMIT_SCHEDULE_BYTES);
    case FIELD_BYTES:
        return bytes_from_json(json, (unsigned char *)at, field->bound);
    case FIELD_SERIES:
        return series_from_json(field, json, value);
    default:
        return number_from_json(field, json, at);
    }
}

/* A time that is as its base, and not written, follows the base it has here. */
static void follow_base(const struct field_table *table, const json_t *object, char *value) {
    for (size_t i = 0; i < table->count; i++) {
        const struct field *field = &table->rows[i];

        if (field->type == FIELD_SINCE && field->absent == FIELD_AS_BASE &&
            json_object_get(object, field->name) == NULL) {
            memcpy(value + field->at, value + field->base, sizeof(int64_t));
        }
    }
}

int json_fields_decode(const struct field_table *table, const struct json_t *object,
                       void *out_value, struct error *error) {
    void *value = absent_value(table);
    size_t known = 0;
    int r = OK;

    for (size_t i = 0; i < table->count && r == OK; i++) {
        const json_t *part = json_object_get(object, table->rows[i].name);

        if (part != NULL && !field_from_json(&table->rows[i], part, value)) {
            r = error_set(error, ERR_INVALID, "%s is not what it should be", table->rows[i].name);
        }
        known += part != NULL;
    }
    if (r == OK && known != json_object_size(object)) {
        r = error_set(error, ERR_INVALID, "a field that this version does not know");
    }
    if (r == OK) {
        follow_base(table, object, value);
        memcpy(out_value, value, table->bytes);
    }
    free(value);
    return r;
}
