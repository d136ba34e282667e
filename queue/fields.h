/* queue/fields.h - a struct to bytes and back, by a table of its fields.
 *
 * A field is a row: a tag, a type, where it is in the struct, and the value that is not written. A
 * new field is a new row with a tag of its own, nothing else: records without it still decode (to
 * its absent value), and it costs nothing where it has that value. A tag is never used again for
 * something else. Rows stand in the order of their tags.
 *
 * Numbers are variable-length integers, seven bits to a byte, lowest first; those that may be
 * negative are folded (0, -1, 1, -2, ...). A text is its bytes and a NUL, read in place.
 */
#ifndef QUEUE_FIELDS_H
#define QUEUE_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"

enum field_type {
    FIELD_BOOL, /* written only when true: the tag alone */
    FIELD_ENUM, /* an enum below `bound` */
    FIELD_U32,
    FIELD_I32,
    FIELD_U64,
    FIELD_I64,
    FIELD_SINCE,     /* an int64_t, as its distance from the int64_t at `base`; an earlier row */
    FIELD_TEXT,      /* const char *; "" and NULL are not written */
    FIELD_LONG_TEXT, /* the same, and up to LIMIT_SCHEDULE_BYTES: never cut */
    FIELD_BYTES,     /* `bound` unsigned char; all zero is not written */
    FIELD_SERIES,    /* int64_t[bound], of which the uint32_t at `base` says how many count */
};

struct field {
    const char *name; /* the member's: in exports, so it stays */
    uint8_t tag;      /* 1 to 127 */
    uint8_t type;
    uint16_t at; /* offsetof() */
    uint16_t base;
    uint16_t bound;
    int64_t absent; /* the number that is not written; of FIELD_SINCE: FIELD_AS_BASE, or 0 */
};

#define FIELD_AS_BASE 1 /* equal to its base is what is not written, rather than 0 */

/* Rows of a table for a struct. */
#define FIELD(tag, type, of, member) \
    { #member, tag, type, offsetof(of, member), 0, 0, 0 }
#define FIELD_UNLESS(tag, type, of, member, absent) \
    { #member, tag, type, offsetof(of, member), 0, 0, absent }
#define FIELD_BOUND(tag, type, of, member, bound) \
    { #member, tag, type, offsetof(of, member), 0, bound, 0 }
#define FIELD_TIME(tag, of, member, base, absent) \
    { #member, tag, FIELD_SINCE, offsetof(of, member), offsetof(of, base), 0, absent }
#define FIELD_LIST(tag, of, member, count, bound) \
    { #member, tag, FIELD_SERIES, offsetof(of, member), offsetof(of, count), bound, 0 }

struct field_table {
    const struct field *rows;
    size_t count;
    size_t bytes; /* of the struct */
};

/* Append the value's fields that are not absent. */
void fields_encode(struct buf *out, const struct field_table *table, const void *value);

/* One that is not absent; are a FIELD_BYTES all zero? For queue/fields_walk.h. */
void field_encode(struct buf *out, const struct field *field, const void *value);
bool field_is_zero(const struct field *field, const void *value);

/* Fill the table's members of *out_value; others are left alone. Texts point into bytes.
 * ERR_CORRUPT for anything that no encoder wrote: an unknown or repeated tag, a number out of
 * range, an absent value, bytes left over. */
int fields_decode(const struct field_table *table, const void *bytes, size_t count,
                  void *out_value) MUST_CHECK;

#endif
