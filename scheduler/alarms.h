/* scheduler/alarms.h - deadlines of jobs: told of once each, when they are missed or will be.
 *
 * Private to scheduler/core. A job with a deadline is armed when it is added, by the wall clock:
 * after a restart, and when that clock jumps, it is armed anew or found to be due. What was told is
 * kept with the job (enum alarm), in the commit of the event that tells it.
 */
#ifndef SCHEDULER_ALARMS_H
#define SCHEDULER_ALARMS_H

#include <stdbool.h>
#include <stdint.h>

#include "scheduler/timers.h"

struct core;
struct entry;
struct outlook_event;

/* Zeroed is empty and ready. */
struct alarms {
    struct timers due;    /* by the wall clock */
    struct timers unseen; /* were due while it could not be seen what runs: by when they were */
};

/* The job was added to the view. */
void alarms_arm(struct core *core, const struct entry *entry);

/* Tell of what is due: at most so many a turn. Not while it can't be known what runs. */
void alarms_tick(struct core *core);

/* When to look again, from the turn's instant; CLOCK_NEVER_US. Never far ahead: the wall clock may
 * be set. */
int64_t alarms_wake_after_us(const struct core *core);

/* Its first pod began to run then. */
void alarms_started(struct core *core, struct entry *entry, int64_t started_us);

/* It has succeeded, or failed for good, then. */
void alarms_ended(struct core *core, struct entry *entry, int64_t ended_us);

/* It has run for so long in this attempt. */
void alarms_ran(struct core *core, struct entry *entry, int64_t ran_us);

/* Must the job be skipped, as the time is over by which it had to start? */
bool alarms_forbid_start(const struct entry *entry);
void alarms_skip(struct core *core, struct entry *entry);

/* What is foreseen: tell of deadlines that will be missed, or now will not. */
void alarms_foresee(struct core *core, const struct outlook_event *outlook);

void alarms_finish(struct alarms *alarms);

#endif
