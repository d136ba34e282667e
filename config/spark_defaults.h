/* config/spark_defaults.h - what the configuration adds to Spark applications that do not say it.
 *
 * An image where it names none, and Spark's version where neither it nor its image tells one.
 */
#ifndef CONFIG_SPARK_DEFAULTS_H
#define CONFIG_SPARK_DEFAULTS_H

#include "config/node.h"

struct arena;
struct manifest_defaults;

/* A copy of the spec, which was checked, with the members that it lacks; they live in texts. */
struct text_node spark_defaults_add(const struct manifest_defaults *defaults,
                                    const struct text_node *spec, struct arena *texts);

#endif
