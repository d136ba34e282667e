/* scheduler/arrays.h - which queued jobs are offered to the next pass.
 *
 * Private to scheduler/core. A job that waits for others is not, and of an array with a limit
 * (0-999%50) at most as many elements as may run are offered or run at once: the others cost a pass
 * nothing. When one is through, the element with the lowest index that wants to is next.
 */
#ifndef SCHEDULER_ARRAYS_H
#define SCHEDULER_ARRAYS_H

#include "policy/reason.h"
#include "scheduler/event.h"
#include "scheduler/groups.h"

/* A change to each element of an array, and how far it has come. */
struct array_order {
    struct event event; /* of one element; without a client */
    uint64_t token;     /* the client's */
    uint64_t next_id;
    uint64_t end_id;
    uint64_t first_id;
    bool is_stored; /* a cancellation, as a fact: it goes on after a crash */
};

/* A queued job whose time has come: it is listed, or parked with the reason why not. */
void arrays_offer(struct core *core, struct entry *entry);

/* The entry takes a place among those that may run (1), or gives it back (-1); and the name of its
 * pod with it. */
void arrays_take(struct core *core, const struct entry *entry, int times);

/* Offer elements in the places that have become free. */
void arrays_fill(struct core *core, struct group *group);

/* To cancel, hold or release all elements, or try again those that failed; some in this turn and
 * the others in those to come. The client is answered when it is done. */
void arrays_order(struct core *core, const struct event *event);

/* The element has failed, and with it its array: what is not over of it is cancelled. */
void arrays_fail(struct core *core, const struct entry *entry);

/* Go on with that. True: there is more to do. */
bool arrays_go_on(struct core *core);

/* What is left of cancellations at the end of a turn is stored: whoever fails its array has nobody
 * who would ask again. */
void arrays_store(struct core *core);

/* Is it an element of an array that is being cancelled or held? */
bool arrays_is_stopped(const struct entry *entry);

/* The element is not to start after all: its array is being cancelled or held. True: it waits. */
bool arrays_defer(struct core *core, struct entry *entry);

void arrays_finish(struct core *core);

/* Did it fail, and is its array not over? It may be tried again with the others. */
bool arrays_keep(const struct entry *entry);

/* Of an element that is parked. */
struct reason arrays_reason(const struct entry *entry);

#endif
