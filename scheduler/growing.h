/* scheduler/growing.h - arrays that are being made: some elements in a turn, as many as there are.
 *
 * Private to scheduler/core. An array exists whole from the commit on that stores its first
 * elements: ids for all of them are taken, what they need of the limits is kept, and a fact
 * (FACT_ARRAY) says how far it has come. Each turn makes some more, also after a restart, after the
 * first element, which stays in the history until all are there. Elements that are still to come
 * count as waiting.
 */
#ifndef SCHEDULER_GROWING_H
#define SCHEDULER_GROWING_H

#include "policy/demand.h"
#include "policy/indices.h"
#include "policy/share.h"
#include "scheduler/event.h"

struct core;
struct entry;

struct growth {
    uint64_t first_id;
    uint64_t made;
    struct indices indices; /* of all elements */
    struct spec spec;       /* of the first; its text is owned, its row is not */
    struct demand *demand;  /* shared */
    struct share_charge charge;
    uint64_t stored; /* made when the queue was last told; 0: it was not */
};

struct growths {
    struct growth **items; /* in the order they were submitted */
    size_t count;
    size_t room;
    uint64_t unmade; /* elements of all of them */
};

/* Make the first element now, of a new_job with an element_count; the others follow in this turn
 * and in those to come. job is what all have in common; its id is the first's. */
struct entry *growing_begin(struct core *core, const struct job *job,
                            const struct new_job *new_job);

/* Forget those that are whole: what they lent to the last turn's changes is not needed any more. */
void growing_sweep(struct core *core);

/* Make more of them. True: there are more to make. */
bool growing_go_on(struct core *core);

/* How many of the ids from first_id on belong to elements that are to come. */
uint64_t growing_unmade(const struct core *core, uint64_t first_id, uint64_t count);

/* Is this the first element of one of them? */
bool growing_needs(const struct core *core, uint64_t id);

void growing_finish(struct core *core);

#endif
