/* config/schema.h - what a document may hold, as tables, and the one checker that reads them.
 *
 * Strict: what no table names is a problem, with the name that was probably meant.
 * The checker never stops at the first problem. It settles the types of scalars as
 * it goes (a plain 5 where a text belongs becomes the text "5"), so what it let
 * pass prints as canonical JSON with the types Kubernetes expects.
 */
#ifndef CONFIG_SCHEMA_H
#define CONFIG_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/document.h"
#include "config/problem.h"

enum field_type {
    FIELD_TEXT,
    FIELD_LABEL,       /* an RFC 1123 label: at most 63 of a-z 0-9 - */
    FIELD_LABELS,      /* such labels, joined by commas */
    FIELD_SUBDOMAIN,   /* labels joined by dots, at most 253 */
    FIELD_LABEL_VALUE, /* what a label may hold, and not empty */
    FIELD_BOOL,
    FIELD_INT,         /* in [min, max] */
    FIELD_NUMBER,      /* at least min */
    FIELD_QUANTITY,    /* Kubernetes: 500m, 2Gi; stored as text */
    FIELD_MEMORY,      /* Spark: 512m, 2g, 1024; stored as text */
    FIELD_NUMBER_TEXT, /* a decimal number in a text: "0.1" */
    FIELD_DURATION,    /* 90s, 15m, 1h30m */
    FIELD_DEADLINE,    /* 06:00, +1d 06:00, 2026-12-24T06:00:00Z */
    FIELD_WORD,        /* one of words */
    FIELD_INT_OR_TEXT,
    FIELD_TEXT_MAP,
    FIELD_LABEL_MAP,    /* label keys to label values */
    FIELD_ANNOTATIONS,  /* label keys to any text */
    FIELD_QUANTITY_MAP, /* resource names to quantities */
    FIELD_TEXTS,        /* list of texts */
    FIELD_OBJECT,       /* of object's fields */
    FIELD_OBJECTS,      /* list of such objects */
    FIELD_OPAQUE,       /* an object we do not look into */
    FIELD_OPAQUES,      /* list of such objects */
    FIELD_IGNORED,      /* anything; what the server wrote and nobody reads back */
    FIELD_REFUSED,      /* known, and not supported; words[0] says why */
    FIELD_TYPE_COUNT,
};

struct schema;

struct field {
    const char *name;
    enum field_type type;
    bool required;
    int64_t min; /* of FIELD_INT, FIELD_NUMBER; min == max == 0 means no bounds */
    int64_t max;
    const char *const *words;    /* ends in NULL */
    const struct schema *object; /* of FIELD_OBJECT, FIELD_OBJECTS; of others: or such an object */
};

struct schema {
    const struct field *fields;
    size_t field_count;
};

/* Check an object, all the way down; trail is its own. Members that are null are dropped: to
 * Kubernetes they are not there. */
void schema_check(const struct schema *schema, struct text_node *object, const struct trail *trail,
                  struct problems *problems);

/* Check one value that is not null. */
void schema_check_field(const struct field *field, struct text_node *value,
                        const struct trail *trail, struct problems *problems);

/* Complain of an unknown name, with a suggestion from names when one is close. */
void schema_unknown(const struct text_node *member, const struct trail *trail,
                    const char *const *names, size_t name_count, struct problems *problems);

#endif
