/* scheduler/view.h - the core's own picture of the queue: entries, shapes, pods to clean up.
 *
 * Private to scheduler/core: view.c keeps the containers, lifecycle.h's files move jobs, pass.c
 * chooses whom to start, core.c is the door.
 */
#ifndef SCHEDULER_VIEW_H
#define SCHEDULER_VIEW_H

#include "base/intern.h"
#include "base/map.h"
#include "base/rng.h"
#include "policy/ledger.h"
#include "policy/plan.h"
#include "scheduler/core.h"
#include "scheduler/outbox.h"
#include "scheduler/timers.h"

/* The latest attempt of a job, and what its pod shows. Texts are owned. */
struct run {
    struct attempt attempt;
    bool changed;         /* to be stored at the end of the turn */
    bool start_in_flight; /* COMMAND_START was sent, EVENT_STARTED has not come */
    bool start_may_exist; /* a try's fate is unknown, or was before a restart */
    uint32_t start_failures;
    int64_t start_due_us; /* monotonic: not asked again before */
    bool seen;            /* its pod was in the watch */
    bool gone;            /* and has left it, or could not be found after a restart */
    enum pod_standing standing;
    enum failure standing_failure;
    int32_t standing_exit_code;
    int64_t standing_started_us;
    int64_t standing_finished_us;
    char *standing_message;
};

/* Equal jobs: same namespace, priority and demand. What a pass looks at comes first: with many
 * shapes it waits for nothing but memory. */
struct shape {
    size_t namespace_index;
    int32_t priority;
    struct demand *applied; /* with the namespace's LimitRanges */
    uint64_t *waiting;      /* ids of jobs that may start now, ascending; from `first` on */
    size_t first;
    size_t waiting_end;
    uint64_t blocked_id; /* the first that waits, by the last pass; 0: none, or no pass yet */
    const struct reason *reason; /* why it does; the plan's or the core's, until the next pass */
    const char *namespace;       /* interned */
    char *key;
    struct demand *demand; /* as submitted */
    size_t waiting_room;
    size_t jobs; /* that have this shape, in any state that is not final */
};

struct entry {
    struct job job;
    struct shape *shape;  /* NULL when final, or when its spec can't be read */
    struct run *run;      /* NULL before the first attempt */
    bool changed;         /* to be stored at the end of the turn */
    bool is_listed;       /* in its shape's list of waiting ids */
    uint32_t quota_races; /* and names that were taken: starts refused in a row */
    uint32_t deletes_pending;
    struct pod_note *main_pods; /* the visible ones of all its attempts */
};

/* A pod that has to go. */
struct cleanup {
    char *key; /* namespace/name */
    char *namespace;
    char *name;
    char *uid; /* "": any */
    uint64_t job_id;
    bool in_flight;
    uint32_t failures;
    int64_t due_us; /* monotonic */
};

/* The LimitRanges of a namespace, sorted by name. */
struct namespace_limits {
    struct limit_range **ranges;
    size_t count;
};

/* What we remember of a pod beside the ledger. */
struct pod_note {
    struct pod_note *next_of_job; /* among the job's main pods */
    char *key;                    /* namespace/name */
    uint64_t job_id;
    uint32_t attempt;
    bool is_main;
    bool finished;
    char *uid;
};

struct core {
    uint64_t next_id;
    struct core_settings settings;
    struct rng rng;
    struct instant instant; /* of this turn */
    struct intern texts;
    struct resource_names names;
    struct ledger *ledger;
    struct plan *plan;
    struct shape **candidates; /* of the last pass; room kept for the next */
    struct plan_shape *candidate_plans;
    size_t candidate_room;
    struct reason plain_reasons[REASON_CODE_COUNT];
    struct map entries;   /* id -> struct entry, in id order */
    struct map shapes;    /* key -> struct shape */
    struct map limits;    /* namespace -> struct namespace_limits */
    struct map pods;      /* namespace/name -> struct pod_note */
    struct map cleanups;  /* namespace/name -> struct cleanup */
    struct timers timers; /* monotonic; id 0 is the cleanups */
    uint64_t *finished;   /* ids in the order they finished, from `finished_first` on */
    size_t finished_first;
    size_t finished_end;
    size_t finished_room;
    int64_t forget_due_us; /* monotonic: when the timer to forget the first one is set */
    uint64_t *changed;     /* entries to store at the end of the turn */
    size_t changed_count;
    size_t changed_room;
    struct core_counts counts;
    bool pass_needed;
    bool adopted; /* the pods that were there at start have been matched with the jobs */
    int64_t submissions_expired_us;
    struct outbox outbox;
};

/* --- view.c ---------------------------------------------------------------------------------- */

struct entry *view_entry(const struct core *core, uint64_t id);

/* Add a job; texts are interned. demand is shared; may be NULL. */
struct entry *view_add(struct core *core, const struct job *job, struct demand *demand);
void view_drop(struct core *core, struct entry *entry);

/* Note that the entry, or its run, is to be stored. */
void view_changed(struct core *core, struct entry *entry);
void view_run_changed(struct core *core, struct entry *entry);

/* Put into, or take out of, the list of those that may start. */
void view_list(struct core *core, struct entry *entry);
void view_unlist(struct core *core, struct entry *entry);

/* How many of the shape's waiting jobs have a lower id. */
size_t view_waiting_before(const struct shape *shape, uint64_t id);

/* Remember the order in which jobs finished. */
void view_note_finished(struct core *core, uint64_t id);

/* A final job needs no shape any more. */
void view_release_shape(struct core *core, struct entry *entry);

/* Charge an active job's gang, as it stands now. */
void view_reserve(struct core *core, struct entry *entry);

void view_put_limit_range(struct core *core, const struct limit_range *range);
void view_remove_limit_range(struct core *core, const char *namespace, const char *name);
struct demand *view_apply_limits(struct core *core, const char *namespace, struct demand *demand);
int view_check_limits(struct core *core, const char *namespace, const struct demand *demand,
                      struct error *error) MUST_CHECK;

void view_finish(struct core *core);
void run_set_text(const char **slot, const char *text); /* owned copy, the old one freed */

/* --- pass.c ---------------------------------------------------------------------------------- */

bool pass_is_possible(const struct core *core);
void pass_run(struct core *core);

#endif
