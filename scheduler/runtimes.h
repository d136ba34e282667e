/* scheduler/runtimes.h - what the core knows of how long jobs run.
 *
 * Private to scheduler/core. The runs of each name are kept in the queue as facts; policy's rules
 * are in policy/runtime.h and policy/runtime_history.h.
 */
#ifndef SCHEDULER_RUNTIMES_H
#define SCHEDULER_RUNTIMES_H

#include "policy/runtime.h"
#include "scheduler/view.h"

/* The job's attempt ran for so long: kept, and stored. */
void runtimes_note(struct core *core, const struct entry *entry, int64_t ran_us);

/* How long a run of the job is expected to take. */
struct runtime runtimes_expect(const struct core *core, const struct entry *entry);

#endif
