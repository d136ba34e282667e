/* cli/properties.h - pairs of keys and values, and Java's files of them.
 *
 * Source: java.util.Properties.load(). Values lose white space at both ends, as Spark does it.
 */
#ifndef CLI_PROPERTIES_H
#define CLI_PROPERTIES_H

#include <stddef.h>

#include "base/error.h"

struct property {
    char *key;
    char *value;
};

/* In the order in which keys came first. Zeroed is empty. */
struct properties {
    struct property *items;
    size_t count, room;
};

void properties_finish(struct properties *properties);

/* Replaces the value of a key that is there. Texts are copied. */
void properties_set(struct properties *properties, const char *key, const char *value);

/* NULL: not there. */
const char *properties_get(const struct properties *properties, const char *key);

/* The pairs of a text; later ones win. ERR_INVALID with the line for an escape that is none. */
int properties_parse(const char *text, struct properties *properties,
                     struct error *error) MUST_CHECK;

#endif
