/* scheduler/charges.h - what an attempt is charged to its user, as its record has it. Private to
 * scheduler/core.
 *
 * From admission to its end an attempt's gang counts as its user's usage, by what it requested when
 * it was admitted. Its record says how much and from when to when, so that the stored usage can be
 * computed again from the stored attempts (queue/verify_usage.c): the latest attempt of each job is
 * remembered, all others are carried in the user's account (policy/share.h).
 */
#ifndef SCHEDULER_CHARGES_H
#define SCHEDULER_CHARGES_H

#include "scheduler/view.h"

/* The entry's new attempt is charged with its shape's demand; charge it no more, if it is. */
void charges_begin(struct core *core, struct entry *entry);
void charges_end(struct core *core, struct entry *entry);

/* The entry's attempt is about to be replaced, or to go with its job. */
void charges_forget(struct core *core, struct entry *entry);

/* A job from the queue, with its attempt; and in the first turn, when share_settle() was called. */
void charges_load(struct core *core, struct entry *entry);
void charges_loaded(struct core *core, struct entry *entry);

#endif
