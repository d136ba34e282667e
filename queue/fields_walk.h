/* queue/fields_walk.h - what is done to each field of a table that the compiler knows.
 *
 * Most fields of most records are absent. Of the rows of a table that is const in the same file, a
 * load and a comparison each are left, where a loop would look up what to do.
 */
#ifndef QUEUE_FIELDS_WALK_H
#define QUEUE_FIELDS_WALK_H

#include <string.h>

#include "queue/fields.h"

#if defined(__clang__)
#define FIELDS_EACH _Pragma("clang loop unroll(full)")
#else
#define FIELDS_EACH _Pragma("GCC unroll 64")
#endif
#define FIELDS_INLINE static inline __attribute__((always_inline))

FIELDS_INLINE int64_t field_load_i64(const void *value, size_t at) {
    int64_t number;

    memcpy(&number, (const char *)value + at, sizeof number);
    return number;
}

FIELDS_INLINE uint32_t field_load_u32(const void *value, size_t at) {
    uint32_t number;

    memcpy(&number, (const char *)value + at, sizeof number);
    return number;
}

FIELDS_INLINE const char *field_load_text(const void *value, size_t at) {
    const char *text;

    memcpy(&text, (const char *)value + at, sizeof text);
    return text;
}

FIELDS_INLINE bool field_is_absent(const struct field *field, const void *value) {
    switch ((enum field_type)field->type) {
    case FIELD_BOOL:
        return ((const char *)value)[field->at] == 0;
    case FIELD_ENUM:
    case FIELD_U32:
    case FIELD_I32:
        return field_load_u32(value, field->at) == (uint32_t)field->absent;
    case FIELD_SINCE:
        return field_load_i64(value, field->at) ==
               (field->absent == FIELD_AS_BASE ? field_load_i64(value, field->base) : 0);
    case FIELD_TEXT:
    case FIELD_LONG_TEXT:
        return field_load_text(value, field->at) == NULL ||
               field_load_text(value, field->at)[0] == '\0';
    case FIELD_BYTES:
        return field_is_zero(field, value);
    case FIELD_SERIES:
        return field_load_u32(value, field->base) == 0;
    default:
        return field_load_i64(value, field->at) == field->absent;
    }
}

/* As fields_encode(). */
FIELDS_INLINE void fields_encode_known(struct buf *out, const struct field_table *table,
                                       const void *value) {
    FIELDS_EACH
    for (size_t i = 0; i < table->count; i++) {
        if (!field_is_absent(&table->rows[i], value)) {
            field_encode(out, &table->rows[i], value);
        }
    }
}

FIELDS_INLINE bool field_is_same(const struct field *field, const void *a, const void *b) {
    switch ((enum field_type)field->type) {
    case FIELD_BOOL:
        return ((const char *)a)[field->at] == ((const char *)b)[field->at];
    case FIELD_ENUM:
    case FIELD_U32:
    case FIELD_I32:
        return field_load_u32(a, field->at) == field_load_u32(b, field->at);
    case FIELD_BYTES:
        return memcmp((const char *)a + field->at, (const char *)b + field->at, field->bound) == 0;
    case FIELD_SERIES:
        return field_load_u32(a, field->base) == field_load_u32(b, field->base) &&
               memcmp((const char *)a + field->at, (const char *)b + field->at,
                      field->bound * sizeof(int64_t)) == 0;
    case FIELD_SINCE:
        return field_load_i64(a, field->base) == field_load_i64(b, field->base) &&
               field_load_i64(a, field->at) == field_load_i64(b, field->at);
    case FIELD_TEXT:
    case FIELD_LONG_TEXT:
        return field_load_text(a, field->at) == field_load_text(b, field->at);
    default:
        return field_load_i64(a, field->at) == field_load_i64(b, field->at);
    }
}

/* Would both encode to the same bytes? Texts are compared by their addresses, and what does not
 * count of a series counts here: false says nothing. */
FIELDS_INLINE bool fields_same(const struct field_table *table, const void *a, const void *b) {
    FIELDS_EACH
    for (size_t i = 0; i < table->count; i++) {
        if (!field_is_same(&table->rows[i], a, b)) {
            return false;
        }
    }
    return true;
}

#endif
