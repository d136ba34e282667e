/* scheduler/conditions.h - what jobs wait for before they may start at all.
 *
 * Private to scheduler/core. Jobs of the same terms have one condition, as long as one of them has
 * not started. When a member of a group moves, the conditions that look at the group are judged
 * anew, at the end of the turn's events: what they let go is offered to the same turn's pass, what
 * can't start any more is skipped or fails. A job that was admitted once waits for others no more.
 */
#ifndef SCHEDULER_CONDITIONS_H
#define SCHEDULER_CONDITIONS_H

#include "policy/reason.h"
#include "scheduler/groups.h"

/* One of the things that a condition consists of. */
struct condition_part {
    struct after_item item;
    struct group *group;
};

struct condition {
    struct terms *terms; /* whose it is; its parts' schedules point into their text */
    struct condition_part *parts;
    size_t part_count;
    bool has_each; /* elements are judged one by one: it is of one array alone */
    size_t users;  /* jobs that have not started */
    uint64_t *ids; /* of those, the ones to be looked at once it is met, from `at` on */
    size_t at;
    size_t id_count;
    size_t id_room;
    bool is_met;
    int64_t met_us;
    bool is_unsettled; /* in core->unsettled_conditions */
};

/* A job waits, from when it is known or from when it is queued anew. */
void conditions_join(struct core *core, struct entry *entry);

/* It has moved: once started or over, it waits for nothing. */
void conditions_moved(struct core *core, struct entry *entry, enum job_state from);

/* May it not start yet, for what it waits for? */
bool conditions_hold(const struct core *core, const struct entry *entry);

/* Since when jobs that have not started wait for others no more; 0: not known, or they do. */
int64_t conditions_met_us(const struct entry *entry);

/* What it waits for. The entry is held by its condition. */
struct reason conditions_reason(const struct core *core, const struct entry *entry);

/* Is there something to settle? */
bool conditions_are_due(const struct core *core);

/* Do, within bounds, what follows from how groups have moved. True: there is more to do. */
bool conditions_settle(struct core *core);

/* Does an element of another array wait for this job, which is over? */
bool conditions_need(const struct core *core, const struct entry *entry);

void conditions_finish(struct core *core);

int conditions_verify(const struct core *core, struct error *error) MUST_CHECK;

#endif
