/* scheduler/breakers.h - jobs that fail alike in a row are stopped, until one of them succeeds.
 *
 * Private to scheduler/core. A breaker belongs to a schedule, to a job's name or to a team, and
 * counts its jobs that failed for good with the same class and exit code. At the configured number
 * it opens: what of it waits, waits on. After a pause one job may try; its end closes the breaker,
 * or opens it for another pause. Facts of the queue, so a restart keeps them.
 */
#ifndef SCHEDULER_BREAKERS_H
#define SCHEDULER_BREAKERS_H

#include "scheduler/view.h"

/* The job is over, or held: it counts, for or against its breakers. */
void breakers_note(struct core *core, struct entry *entry);

/* Does a breaker keep the job from starting? If one lets a single job try, it is this one now. */
bool breakers_block(struct core *core, const struct entry *entry);

/* Why it does, of one that is parked for it. */
struct reason breakers_reason(const struct core *core, const struct entry *entry);

/* At the start of a turn: pauses that are over. */
void breakers_tick(struct core *core);

/* Close it; false: there is none of that key. */
bool breakers_reset(struct core *core, const char *key);

void breakers_finish(struct core *core);

#endif
