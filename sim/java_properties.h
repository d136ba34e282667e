/* sim/java_properties.h - reads a Java properties file, as java.util.Properties does. Pure.
 *
 * Source: the documentation of Properties.load(Reader): comments, continued lines, the
 * three separators, escapes and \uXXXX (pairs of surrogates become one character).
 * Values lose their outer blanks, as Spark strips them.
 */
#ifndef SIM_JAVA_PROPERTIES_H
#define SIM_JAVA_PROPERTIES_H

#include <stddef.h>

#include "base/map.h"

/* A plain value; zeroed is empty and ready. */
struct java_properties {
    struct map values; /* key -> owned text */
};

void java_properties_finish(struct java_properties *properties); /* Accepts NULL. */

/* Add every property of the text; later ones win. There is no wrong text. */
void java_properties_read(struct java_properties *properties, const char *text);

/* NULL when absent. */
const char *java_properties_get(const struct java_properties *properties, const char *key);

#endif
