/* api/wire_shape.h - a struct's members as JSON, said by a table.
 *
 * One walk writes and one walk reads every struct of wire.h, so that the two can't differ.
 */
#ifndef API_WIRE_SHAPE_H
#define API_WIRE_SHAPE_H

#include <stddef.h>

#include "base/buf.h"
#include "base/error.h"

struct wire_memory;

enum wire_type {
    WIRE_TEXT,     /* const char * */
    WIRE_OPTIONAL, /* const char *; "" is null */
    WIRE_NUMBER,   /* int64_t */
    WIRE_KNOWN,    /* int64_t; WIRE_UNKNOWN is null */
    WIRE_ID,       /* uint64_t */
    WIRE_SECONDS,  /* int64_t microseconds, whole seconds in JSON; 0 is null */
    WIRE_TIME,     /* int64_t microseconds; 0 is null */
    WIRE_BOOL,     /* bool */
    WIRE_OBJECT,   /* a struct */
    WIRE_ARRAY,    /* const struct *, size_t count */
    WIRE_EXTRA,    /* the same; NULL is left out */
    WIRE_COUNTS,   /* const struct wire_count *, size_t: an object of numbers */
    WIRE_TYPE_COUNT,
};

struct wire_shape;

struct wire_field {
    const char *name;
    enum wire_type type;
    size_t offset;
    size_t count_offset;            /* of arrays and counts */
    const struct wire_shape *shape; /* of objects and arrays */
};

struct wire_shape {
    size_t size;
    size_t field_count;
    const struct wire_field *fields;
};

void wire_encode(struct buf *out, const struct wire_shape *shape, const void *value);

/* ERR_INVALID with the place; value is untouched. Texts and arrays go to memory. */
int wire_decode(const char *text, size_t bytes, const struct wire_shape *shape,
                struct wire_memory *memory, void *out_value, struct error *error) MUST_CHECK;

#endif
