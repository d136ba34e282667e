/* scheduler/names.h - many short texts, close together, each of which stays where it is.
 *
 * Names of jobs are mostly different and as many as there are jobs: one after the other in blocks,
 * they cost their bytes and three more. A text equal to the one before is stored once. A block goes
 * with its last text.
 */
#ifndef SCHEDULER_NAMES_H
#define SCHEDULER_NAMES_H

#include <stddef.h>

struct names_block;

/* Zeroed is empty and ready. */
struct names {
    struct names_block *last; /* takes new ones while they fit */
    const char *previous;     /* the text taken last, if it is still there */
};

/* A copy, at the same place until it is dropped as often as it was taken. */
const char *names_take(struct names *names, const char *text);
void names_drop(struct names *names, const char *text); /* Accepts NULL. */

/* All that were taken have been dropped. Accepts NULL. */
void names_finish(struct names *names);

#endif
