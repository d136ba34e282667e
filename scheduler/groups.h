/* scheduler/groups.h - jobs that are looked at together: the elements of an array, the one job that
 * others wait for, the runs that a schedule made for one business date.
 *
 * Private to scheduler/core. A group counts how its members stand, in O(1) for each that moves. Of
 * those that have left the history it keeps the count, also across restarts (FACT_GROUP), while it
 * has others in the view or somebody waits for it.
 */
#ifndef SCHEDULER_GROUPS_H
#define SCHEDULER_GROUPS_H

#include "base/map.h"
#include "policy/after.h"
#include "queue/fact.h"
#include "scheduler/entry.h"

struct core;
struct condition;

enum group_kind {
    GROUP_JOB,   /* one, as others wait for it */
    GROUP_ARRAY, /* from first_id on, `total` of them */
    GROUP_RUNS,  /* of a schedule and a business date */
};

struct group {
    enum group_kind kind;
    uint64_t first_id; /* of GROUP_RUNS: that of the latest member; 0: there is none */
    char *key;         /* its fact's: "17", "array 100", "spark/load@20779" */
    struct after_tally tally;
    struct fact_group forgotten;    /* of it, those that are not in the view any more */
    int64_t last_us;                /* when the last of them ran first, or ended */
    size_t live;                    /* members in the view */
    size_t states[JOB_STATE_COUNT]; /* of those */
    struct condition **conditions;  /* that look at it, each as often as it does */
    size_t condition_count;
    size_t condition_room;
    size_t each_count; /* of those, that look at its elements one by one */
    uint64_t *moved;   /* elements that changed, for them */
    size_t moved_count;
    size_t moved_room;
    bool is_dirty;        /* in groups.dirty */
    bool is_stopped;      /* an array that is being cancelled or held: nothing more of it starts */
    uint32_t running_max; /* of an array with a limit; 0: it has none */
    uint32_t taken;       /* elements that run, or are offered to the next pass */
    uint64_t *wanting;    /* a bit for each that would be; NULL: none ever was */
    size_t wanting_words;
    size_t wanting_from; /* no bit is set in the words before it */
    size_t wanting_count;
};

/* Zeroed is empty and ready. */
struct groups {
    struct map jobs;      /* id -> group */
    struct map arrays;    /* id of the first element -> group */
    struct map runs;      /* "namespace/schedule@business date" -> group */
    struct group **dirty; /* to be settled in this turn */
    size_t dirty_count;
    size_t dirty_room;
};

void groups_finish(struct core *core);

/* A job is in the view from now on; and leaves the history. */
void groups_add(struct core *core, struct entry *entry);
void groups_drop(struct core *core, struct entry *entry);

/* Its state was another one, or it ran for the first time. */
void groups_moved(struct core *core, const struct entry *entry, enum job_state from);
void groups_ran(struct core *core, const struct entry *entry);

/* The group that an item of a condition looks at; made if there is none. */
struct group *groups_find(struct core *core, const struct after_item *item);

/* The same, if there is one. */
const struct group *groups_peek(const struct core *core, const struct after_item *item);

void groups_watch(struct group *group, struct condition *condition, bool each);
void groups_unwatch(struct core *core, struct group *group, struct condition *condition, bool each);

void groups_mark(struct core *core, struct group *group);
struct group *groups_next_dirty(struct core *core); /* not any more; NULL: none */

/* Those that were only remembered, and that nobody asks for. */
void groups_sweep(struct core *core);

/* The array's; NULL if the entry is of none. */
struct group *groups_array(const struct entry *entry);

/* How it stands. Members that are to come wait; those whose record was lost are as if they were
 * cancelled before they ran. */
struct after_tally groups_tally(const struct core *core, const struct group *group);

int groups_verify(const struct core *core, struct error *error) MUST_CHECK;

/* An element's index; -1 if it is none. */
int64_t groups_index(const struct entry *entry);

#endif
