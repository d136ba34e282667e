/* config/queue_fields.h - what the queue needs to know of a job, in its two spellings.
 *
 * A BatchJob says it in its spec (retry.maxRetries: 3); an object of somebody else's
 * kind in annotations (nightshift/retries: "3"). One table holds both.
 */
#ifndef CONFIG_QUEUE_FIELDS_H
#define CONFIG_QUEUE_FIELDS_H

#include "config/manifest.h"
#include "config/node.h"
#include "config/problem.h"

#define QUEUE_ANNOTATION_PREFIX "nightshift/"

/* Take what a checked BatchJob's spec says. */
void queue_fields_read(const struct text_node *spec, struct manifest *manifest);

/* Complain of annotations nightshift/... that do not exist or hold the wrong thing, and of such
 * labels: those are ours to give. metadata may be NULL; trail is the object's. */
void queue_annotations_check(const struct text_node *metadata, const struct trail *trail,
                             struct problems *problems);

/* Nor may a BatchJob's pod template have any: nobody would read them. pod may be NULL. */
void queue_template_check(const struct text_node *pod, const struct trail *trail,
                          struct problems *problems);

/* Take what checked annotations say. */
void queue_annotations_read(const struct text_node *metadata, struct manifest *manifest);

#endif
