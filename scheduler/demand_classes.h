/* scheduler/demand_classes.h - at a start: the demands of jobs by the numbers the queue gave them.
 *
 * Jobs whose demands had one origin (demand_set_origin()) have one number in the queue: the demand
 * of the first serves all others, and their specs need not be read. A number whose origin is not
 * the one that this program finds for its first job, because another version wrote it or it is
 * damaged, is never believed.
 */
#ifndef SCHEDULER_DEMAND_CLASSES_H
#define SCHEDULER_DEMAND_CLASSES_H

#include "base/map.h"

struct demand;

/* Zeroed is empty. */
struct demand_classes {
    struct map by_number;
};

void demand_classes_finish(struct demand_classes *classes); /* Accepts NULL. */

/* An origin as the queue has it. */
void demand_classes_add(struct demand_classes *classes, uint64_t number, const void *origin,
                        size_t bytes);

/* The demand of that number, shared with the caller, who destroys it; NULL: not known yet. */
struct demand *demand_classes_get(const struct demand_classes *classes, uint64_t number);

/* A job of that number has this demand. */
void demand_classes_learn(struct demand_classes *classes, uint64_t number, struct demand *demand);

#endif
