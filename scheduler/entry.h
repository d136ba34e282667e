/* scheduler/entry.h - a job as the view holds it: small, for there may be a million that wait.
 *
 * What others have too (namespace, team, priority, policies: whatever does not change once it is
 * submitted) is shared, as terms. What happens once a job has been admitted, retried or cancelled
 * is its course, which a job that only waits does not have.
 *
 * To read:  entry->id, ->name, ->state, ->submitted_us; entry->terms->namespace (a struct job of
 *           which only the shared members mean something); entry_course(entry)->attempt;
 *           entry_eligible_us(entry). All at once: view_job().
 * To write: entry_edit(entry)->retries++; the state through lifecycle_move() alone.
 * To add a field: a member of struct job and a row in queue/record.c. If it never changes, that is
 *           all: it is part of the terms. Otherwise also a member of struct course, and two lines
 *           in entry.c: view_job() and entry_load().
 */
#ifndef SCHEDULER_ENTRY_H
#define SCHEDULER_ENTRY_H

#include <stdbool.h>
#include <stdint.h>

#include "policy/job.h"

struct demand;
struct pod_note;
struct run;
struct shape;

struct course {
    uint32_t attempt;
    uint32_t failures;
    uint32_t retries;
    uint32_t infra_retries;
    uint64_t failed_as[2];
    uint32_t driver_growth;
    uint32_t executor_growth;
    char *avoid;         /* owned; NULL: none */
    struct demand *base; /* as submitted; NULL: its shape's is */
    int64_t eligible_us;
    int64_t admitted_us;
    int64_t started_us;
    int64_t finished_us;
    int64_t close_us;
    enum window_close at_close;
    enum failure failure;
    int32_t exit_code;
    bool cancel_requested;
    bool preempt_requested;
    bool has_run;
    bool is_retried;
    bool pods_deleted;
    bool retired;         /* to be forgotten as soon as its pods are gone; not stored */
    uint32_t ends_undone; /* places in core->finished that are not its end any more; not stored */
    uint32_t alarms;
    uint32_t preemptions;
    int64_t preempted_us;
    struct occurrence occurrence;
    uint32_t quota_races; /* and names that were taken: starts refused in a row; not stored */
    uint32_t deletes_pending;
    struct pod_note *main_pods; /* the visible ones of all its attempts */
};

/* Why a queued job is not among those that passes look at. */
enum parked {
    PARKED_NOT,     /* it is, or its back-off is not over, or an earlier pod is there */
    PARKED_AFTER,   /* it waits for other jobs */
    PARKED_ARRAY,   /* as many of its array run as may */
    PARKED_BREAKER, /* jobs like it failed alike */
    PARKED_NAME,    /* the name that its pod is to have is taken */
    PARKED_COUNT,
};

struct entry {
    uint64_t id;
    const char *name;
    const struct job *terms; /* shared; never changed */
    struct shape *shape;     /* NULL when final, or when its spec can't be read */
    struct course *course;   /* NULL: as it was submitted; see entry_course() */
    struct run *run;         /* NULL before the first attempt */
    int64_t submitted_us;
    uint32_t event_count;
    uint8_t state;      /* enum job_state */
    bool is_new : 1;    /* not stored yet */
    bool changed : 1;   /* to be stored at the end of the turn */
    bool is_listed : 1; /* in its shape's list of waiting ids */
    uint8_t parked;     /* enum parked */
};

_Static_assert(sizeof(struct entry) == 64, "a million of them wait");

/* To read: of a job that only waits, one that says so (its eligible_us is not set). */
const struct course *entry_course(const struct entry *entry);

/* To write: made if there is none. */
struct course *entry_edit(struct entry *entry);

int64_t entry_eligible_us(const struct entry *entry);

/* The terms as the view has them. */
struct terms;
struct terms *entry_terms(const struct entry *entry);

/* --- For view.c ------------------------------------------------------------------------------ */

struct core;

/* Terms like those of the job, with one more user; and one less. */
const struct job *entry_take_terms(struct core *core, const struct job *job);
void entry_drop_terms(struct core *core, const struct job *terms);

/* What is the job's own, but for its name. */
void entry_load(struct entry *entry, const struct job *job);

#endif
