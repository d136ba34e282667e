/* scheduler/view.h - the core's own picture of the queue: entries, shapes, pods to clean up.
 *
 * Private to scheduler/core: view.c keeps the containers, lifecycle.h's files move jobs, pass.c
 * chooses whom to start, turn.c calls them in order; core.h's other files are the door.
 */
#ifndef SCHEDULER_VIEW_H
#define SCHEDULER_VIEW_H

#include "base/intern.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/rng.h"
#include "policy/ledger.h"
#include "policy/plan.h"
#include "scheduler/alarms.h"
#include "scheduler/core.h"
#include "scheduler/entries.h"
#include "scheduler/gates.h"
#include "scheduler/groups.h"
#include "scheduler/growing.h"
#include "scheduler/names.h"
#include "scheduler/notices.h"
#include "scheduler/outbox.h"
#include "scheduler/pod_names.h"
#include "scheduler/schedules.h"
#include "scheduler/timers.h"

/* The latest attempt of a job, and what its pod shows. Texts are owned. */
struct run {
    struct attempt attempt;
    bool changed;         /* to be stored at the end of the turn */
    bool is_charged;      /* to its user: see charges.h */
    bool start_in_flight; /* COMMAND_START was sent, EVENT_STARTED has not come */
    bool stop_asked;      /* its pod was deleted for another job, since the start of the daemon */
    bool start_may_exist; /* a try's fate is unknown, or was before a restart */
    uint32_t start_failures;
    int64_t start_due_us; /* monotonic: not asked again before */
    /* Monotonic twins of the job's eligible_us and the attempt's created_us, which a step of the
     * clock on the wall does not move; 0: not known yet, as after a restart. */
    int64_t eligible_mono_us;
    int64_t created_mono_us;
    uint32_t executors;    /* of this attempt, that run */
    bool had_executors;    /* or may have had, before a restart */
    int64_t alone_mono_us; /* monotonic: its driver has run without any since then; 0: not known */
    bool seen;             /* its pod was in the watch */
    bool gone;             /* and has left it, or could not be found after a restart */
    enum pod_standing standing;
    enum failure standing_failure;
    int32_t standing_exit_code;
    int64_t standing_started_us;
    int64_t standing_finished_us;
    char *standing_message;
    char *standing_cause;
    struct retry_signs *signs; /* of its failed pod; NULL: none */
    bool news_in_flight;       /* COMMAND_NEWS was sent, EVENT_NEWS has not come */
    bool asked_of_end;         /* what took the pod */
    uint32_t news_asked;       /* times */
    int64_t news_due_us;       /* monotonic: asked again then; 0: not planned */
    enum failure news_failure; /* what events say keeps the pod from running */
    int64_t news_mono_us;      /* since when they do; 0: they do not */
    char *news;
    char *application; /* what the Spark operator says of it; NULL: nothing, or not its */
    enum application_end application_end;
    int64_t gone_mono_us; /* since when its pod is gone, for who waits for the operator's word */
    enum failure stuck_failure;
    int64_t stuck_mono_us;                 /* since when its pod can't start; 0: it can */
    uint32_t executor_ends[FAILURE_COUNT]; /* executors of it that failed, by class */
};

/* Equal jobs: same namespace, team, submitter, class, priority and demand. */
struct shape {
    struct plan_shape plan; /* what passes look at, as of the last one: see pass.c */
    uint32_t number;        /* the plan's */
    bool is_touched;        /* in core->touched: the plan does not know of a change yet */
    struct demand *applied; /* with the namespace's LimitRanges */
    uint64_t *waiting;      /* ids of jobs that may start now, ascending; from `first` on */
    size_t first;
    size_t waiting_end;
    size_t taken;   /* of the list: gone, and only marked so until view_settle() */
    uint64_t *late; /* belong into the middle of the list: merged by view_settle() */
    size_t late_count;
    size_t late_room;
    bool is_unsettled;     /* listed in core->unsettled */
    const char *namespace; /* these are interned */
    const char *team;
    const char *submitter;
    const char *priority_class;
    const char *window;
    int64_t expected_us; /* of jobs with a window: what has to fit into it */
    struct gate *gate;   /* NULL: they have none */
    unsigned runtime_class;
    uint64_t key;
    struct demand *demand; /* as submitted */
    size_t waiting_room;
    size_t jobs; /* that have this shape, in any state that is not final, */
    size_t held; /* and of those in the states that wait */
    size_t retrying;
    size_t queued;
    size_t parked[PARKED_COUNT]; /* of those queued */
};

/* A pod that has to go. */
struct cleanup {
    char *key; /* namespace/name */
    char *namespace;
    char *name;
    char *uid; /* "": any */
    uint64_t job_id;
    uint32_t attempt; /* not 0: its application is to go, not a pod */
    bool in_flight;
    uint32_t failures;
    int64_t due_us; /* monotonic */
};

/* What jobs were submitted with, and have in common. */
struct terms {
    struct job job; /* its texts interned; what is a job's own is zero */
    uint64_t key;
    size_t users;
    struct group *array;         /* of its elements; NULL: they are of none */
    struct condition *condition; /* what they wait for; NULL: none of them does (any more) */
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
    bool works;  /* it runs */
    bool leaves; /* it was deleted to make room for one of its name */
    char *uid;
};

/* Jobs that are stopped so that another one can start. */
struct preemption {
    uint64_t job_id; /* which; 0: none, or all of them are gone */
    uint64_t *victims;
    size_t count; /* to be stopped in this turn */
};

struct core {
    uint64_t next_id;
    struct core_settings settings;
    struct rng rng;
    struct instant instant; /* of this turn */
    struct intern texts;
    struct resource_names names;
    struct ledger *ledger;
    struct share *share;
    struct plan *plan;
    struct runtime_history *runtimes;
    struct preemption preemption;
    struct shape **touched; /* shapes whose lists or demands changed since the last pass */
    size_t touched_count;
    size_t touched_room;
    enum reason_code stopped;       /* why there are no passes now; REASON_NONE: there are */
    struct priority_class *classes; /* as configured; names are owned */
    size_t class_count;
    struct entries entries;
    struct names job_names;
    struct map terms;           /* hash -> struct terms */
    struct terms *recent_terms; /* of the latest job: the next one's are mostly the same */
    struct map shapes;          /* hash -> struct shape */
    struct shape *recent_shape; /* the same */
    struct shape **unsettled;   /* shapes whose lists have marks or late ids */
    size_t unsettled_count;
    size_t list_moves; /* since view_settle() */
    size_t unsettled_room;
    const struct spec **new_specs; /* of this turn's new jobs, in id order */
    size_t new_spec_count;
    size_t new_spec_room;
    bool is_loaded;      /* the first turn has looked at everybody */
    struct map limits;   /* namespace -> struct namespace_limits */
    struct map pods;     /* namespace/name -> struct pod_note */
    struct map cleanups; /* namespace/name -> struct cleanup */
    struct pod_names pod_names;
    struct gates gates;
    struct groups groups;
    struct growths growths;
    struct array_order *orders; /* what is to be done to whole arrays, one after the other */
    size_t order_count;
    size_t order_room;
    struct condition **unsettled_conditions;
    size_t unsettled_condition_count;
    size_t unsettled_condition_room;
    bool is_settled;   /* the first turn has dropped what is remembered for nobody */
    bool settle_again; /* there was more to do than one turn does */
    struct retry_settings retry;
    struct map breakers; /* key -> struct breaker */
    size_t breakers_open;
    int64_t breakers_due_us; /* wall: when a pause is over */
    struct map learnt;       /* namespace/name -> struct learnt */
    struct map blamed;       /* node -> struct blamed */
    size_t blamed_avoided;   /* of those, by everybody */
    int64_t blamed_due_us;   /* wall: when one may be avoided no longer */
    struct timers timers;    /* monotonic; id 0 is the cleanups */
    struct schedules schedules;
    struct alarms alarms;
    struct notices notices;
    uint64_t *finished; /* ids in the order they finished, from `finished_first` on */
    size_t finished_first;
    size_t finished_end;
    size_t finished_room;
    size_t finished_undone; /* of those, places of jobs that were tried again */
    int64_t forget_due_us;  /* monotonic: when the timer to forget the first one is set */
    uint64_t *changed;      /* entries to store at the end of the turn */
    size_t changed_count;
    size_t changed_room;
    struct core_counts counts;
    int64_t pass_due_us; /* on the wall clock: promised to a job; CLOCK_NEVER_US: nothing is */
    bool pass_needed;
    bool plan_outdated; /* the settings or the tree of teams changed since the last pass */
    enum {
        APPLICATIONS_UNKNOWN, /* those of the Spark operator: not listed yet, */
        APPLICATIONS_KNOWN,
        APPLICATIONS_DENIED, /* or nobody will tell of them */
    } applications;
    bool adopted; /* the pods that were there at start have been matched with the jobs */
    int64_t submissions_expired_us;
    struct outbox outbox;
};

/* --- view.c ---------------------------------------------------------------------------------- */

struct entry *view_entry(const struct core *core, uint64_t id);

/* Add a job with an id above all others; texts are copied. demand is shared; may be NULL. */
struct entry *view_add(struct core *core, const struct job *job, struct demand *demand);
void view_drop(struct core *core, struct entry *entry);

/* What its shape's demand was made from: as submitted. */
struct demand *view_base(const struct entry *entry);

/* Give it the shape of its demand, with the memory that it has grown to. */
void view_join(struct core *core, struct entry *entry, struct demand *base);

/* Give a job that waits another demand, which is taken: of its shape, from now on. */
void view_dress(struct core *core, struct entry *entry, struct demand *demand);

/* Could a gang never start as things are? See plan_is_impossible(), plan_is_unfit(). */
bool view_is_never(const struct core *core, const char *namespace, const struct demand *applied,
                   struct reason *out_reason);
bool view_is_unfit(const struct core *core, const char *namespace, const struct demand *applied,
                   struct reason *out_reason);

/* Its record is to be inserted at the end of the turn, with this spec, which is the event's. */
void view_note_new(struct core *core, struct entry *entry, const struct spec *spec);

/* All that is known of a job, as a value; its texts are the view's. */
void view_job(const struct entry *entry, struct job *out_job);

/* Note that the entry, or its run, is to be stored. */
void view_changed(struct core *core, struct entry *entry);
void view_run_changed(struct core *core, struct entry *entry);

/* Put into, or take out of, the list of those that may start. */
void view_list(struct core *core, struct entry *entry);
void view_unlist(struct core *core, struct entry *entry);

/* Say why a queued job is not listed. */
void view_park(struct core *core, struct entry *entry, enum parked parked);

/* Bring the lists into order after jobs came into, or went from, their middle. O(their lengths),
 * but once for all of a turn. Before it lists have marks that only view_list() and view_unlist()
 * know. */
void view_settle(struct core *core);

/* How many of the shape's waiting jobs have a lower id. */
size_t view_waiting_before(const struct shape *shape, uint64_t id);

/* Remember the order in which jobs finished. */
void view_note_finished(struct core *core, uint64_t id);
void view_forget_finished(struct core *core, struct entry *entry);

/* Give the job the shape of its equals. */
void shape_join(struct core *core, struct entry *entry, struct demand *demand);

/* The plan has to hear of a change before the next pass. */
void shape_touch(struct core *core, struct shape *shape);

/* The tier of a priority class, as configured now; 0 if there is no such class. */
int32_t shape_tier(const struct core *core, const char *priority_class);
int shape_verify(const struct core *core, const struct shape *shape,
                 struct error *error) MUST_CHECK;

/* A final job needs no shape any more. */
void view_release_shape(struct core *core, struct entry *entry);

/* Keep the places of an active job's gang, as it stands now. */
void view_reserve(struct core *core, struct entry *entry);

/* Count the entry in (1) or out (-1), as its state is. */
void view_count(struct core *core, const struct entry *entry, int times);

/* Tell the ledger how long the gang is expected to stay: it was reserved, or has started. */
void view_expect(struct core *core, const struct entry *entry);

void view_put_limit_range(struct core *core, const struct limit_range *range);
void view_remove_limit_range(struct core *core, const char *namespace, const char *name);
struct demand *view_apply_limits(struct core *core, const char *namespace, struct demand *demand);
int view_check_limits(struct core *core, const char *namespace, const struct demand *demand,
                      struct error *error) MUST_CHECK;

void view_finish(struct core *core);
void run_set_text(const char **slot, const char *text); /* owned copy, the old one freed */
void run_forget_pod(struct run *run);                   /* what its pod showed */

/* --- core.c, handlers.c ----------------------------------------------------------------------- */

/* What can change while the daemon runs; windows and notices are shared. */
void core_apply_settings(struct core *core, const struct core_settings *settings);

/* Let the view know what has happened. */
void handlers_apply(struct core *core, struct event *event);

/* --- pass.c ---------------------------------------------------------------------------------- */

bool pass_is_possible(const struct core *core);
void pass_run(struct core *core);

#endif
