/* scheduler/schedules.h - schedules: when they are due, and the jobs they make.
 *
 * Private to scheduler/core. One heap has all schedules by the wall-clock instant of their next
 * occurrence: those that are not due cost nothing. What has been dealt with is stored in the same
 * commit as the jobs that it made, so a restart makes none of them twice, and leaves none out.
 *
 * The runs of a schedule are known by its name alone: they stay its runs when it is deleted and
 * made anew.
 */
#ifndef SCHEDULER_SCHEDULES_H
#define SCHEDULER_SCHEDULES_H

#include "base/map.h"
#include "policy/heap.h"
#include "scheduler/event.h"

struct core;
struct entry;

/* What a schedule has made. */
struct schedule_runs {
    uint64_t *active; /* not final, in the order of their ids */
    size_t active_count;
    uint64_t *succeeded; /* the oldest first */
    size_t succeeded_count;
    uint64_t *failed; /* the same: all that ended otherwise */
    size_t failed_count;
};

struct schedule_entry {
    struct heap_item item;    /* in no heap: nothing comes any more, or it waits for a run to end */
    char *key;                /* namespace/name */
    struct new_schedule made; /* as it was put: all texts are owned */
    char *creator;
    struct fact_schedule_state state;
    struct cron_time next; /* if has_next */
    bool has_next;
    bool waits_for_end; /* of a run, before it catches up further */
    int64_t due_us;     /* wall clock: to be looked at */
};

/* Zeroed is empty and ready but for the heap: schedules_init(). */
struct schedules {
    struct map by_key; /* -> struct schedule_entry */
    struct map runs;   /* namespace/name -> struct schedule_runs */
    struct map zones;  /* name -> struct zone */
    struct heap heap;
    uint64_t *retired; /* runs beyond what is kept, until their pods are gone */
    size_t retired_count;
    struct schedule_entry **buried; /* freed when the turn has been committed */
    size_t buried_count;
    int64_t looked_s;  /* wall clock: the last turn's */
    int64_t second_us; /* monotonic: the current second of catching up, */
    size_t caught_up;  /* and how many runs it has made */
    uint64_t verdicts[SCHEDULE_VERDICT_COUNT];
};

void schedules_init(struct core *core);
void schedules_finish(struct core *core);

/* The schedules and their jobs have been loaded: find out when each is due. */
void schedules_loaded(struct core *core);

/* A new turn begins: what was borrowed of the last one is not needed any more. */
void schedules_begin(struct core *core);

/* Make what is due. */
void schedules_tick(struct core *core);

/* When to look again, from the turn's instant; CLOCK_NEVER_US. Never far ahead: the wall clock may
 * be set. */
int64_t schedules_wake_after_us(const struct core *core);

/* Put those of a submission; one letter each. */
const char *schedules_put(struct core *core, const struct submit_event *submit);

void schedules_act(struct core *core, const struct event *event);
void schedules_replace_zone(struct core *core, struct event *event);

/* A job came into the view, has become final, or leaves it. */
void schedules_note_job(struct core *core, const struct entry *entry);
void schedules_note_final(struct core *core, const struct entry *entry);
void schedules_note_gone(struct core *core, const struct entry *entry);

/* Drop runs beyond what is kept. */
void schedules_forget(struct core *core);

int schedules_verify(const struct core *core, struct error *error) MUST_CHECK;

/* --- Among schedules.c, schedule_put.c and schedule_runs.c ------------------------------------ */

/* Find out what comes next, and when to look. */
void schedules_arm(struct core *core, struct schedule_entry *schedule);

/* See to it that what was dealt with is not far ahead of the clock. */
void schedules_correct(struct core *core, struct schedule_entry *schedule);

/* Its state is to be stored in this turn. */
void schedules_store(struct core *core, const struct schedule_entry *schedule);

/* The jobs that a run is: of an array its elements. */
size_t schedules_jobs_of(const struct schedule_entry *schedule);

/* Why a run can never be made, however empty the queue is; NULL: it can. */
const char *schedules_too_long(struct core *core, const struct schedule_entry *schedule);

/* A job of it; verdict: it runs, or is skipped for that, as the text says. */
uint64_t schedules_make(struct core *core, struct schedule_entry *schedule,
                        const struct occurrence *occurrence, enum schedule_verdict verdict,
                        const char *text);

/* The runs that are not over; NULL: none ever were. */
const struct schedule_runs *schedules_runs(const struct core *core,
                                           const struct schedule_entry *schedule);

/* Cancel them. */
void schedules_replace(struct core *core, const struct schedule_runs *runs);

void schedules_finish_runs(struct core *core);
int schedules_verify_runs(const struct core *core, struct error *error) MUST_CHECK;

#endif
