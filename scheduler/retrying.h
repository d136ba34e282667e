/* scheduler/retrying.h - what follows a failed attempt.
 *
 * Private to scheduler/core. The rules are policy/retry.h's; here they meet the job: its budgets
 * are spent, its nodes noted, its memory grown, and its demand is what the next attempt asks for.
 */
#ifndef SCHEDULER_RETRYING_H
#define SCHEDULER_RETRYING_H

#include "scheduler/diagnosis.h"

/* It came to its end, and its restartPolicy is Always: after its pause it queues again, with all
 * budgets as new. */
void retrying_run_again(struct core *core, struct entry *entry, const char *message);

/* Another attempt, or the job has failed. The attempt's books are closed. */
void retrying_decide(struct core *core, struct entry *entry, const struct diagnosis *diagnosis,
                     const char *message);

/* How long a pod may be stuck with that failure before it is given up; CLOCK_NEVER_US: as long as
 * any may take to start. */
int64_t retrying_grace_us(const struct core *core, const struct entry *entry, enum failure failure);

/* Nodes are avoided for a time: the demand of a job that waits follows. */
void retrying_refresh(struct core *core, struct entry *entry);

/* The nodes are known: what grew while they were not, or while larger ones were there, fits now. */
void retrying_refit(struct core *core, struct entry *entry);

/* A job that was never admitted has what earlier runs of its name turned out to need. */
void retrying_recall(struct core *core, struct entry *entry);

/* All budgets as new, for a person wants it again. */
void retrying_renew(struct entry *entry);

#endif
