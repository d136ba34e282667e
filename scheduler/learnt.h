/* scheduler/learnt.h - the memory that jobs of a name turned out to need, kept for their next runs.
 *
 * Private to scheduler/core. Facts of the queue; forgotten when nobody used them for
 * retry.memoryGrowth.keep, or when somebody asks.
 */
#ifndef SCHEDULER_LEARNT_H
#define SCHEDULER_LEARNT_H

#include "scheduler/view.h"

/* The job's pods of a role are grown to so much. */
void learnt_note(struct core *core, const struct entry *entry, bool of_executors, int64_t bytes);

/* What a new job's memory is to be multiplied by, in thousandths; 0: it asks for enough itself.
 * False: nothing was learnt that it needs. It is used, so kept. */
bool learnt_find(struct core *core, const struct entry *entry, const struct demand *demand,
                 uint32_t *out_driver, uint32_t *out_executors);

bool learnt_forget(struct core *core, const char *key); /* false: there is nothing */
void learnt_sweep(struct core *core);
void learnt_finish(struct core *core);

#endif
