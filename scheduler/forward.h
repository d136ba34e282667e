/* scheduler/forward.h - the core run forward in virtual time, against a cluster that obeys.
 *
 * What the core asks of the cluster is done at once: pods are created, bound to nodes that have
 * room, run as long as the caller says, and succeed; a pod that is deleted is gone. Nothing else
 * happens: nobody else's pods come or go, no node fails. The clock jumps from one instant at which
 * something happens to the next.
 *
 * The core may be new (nightshift-replay) or a running daemon's (the forecast, which drives the
 * copy in a forked child). Pure as the core is: the same core, answers and calls give the same
 * turns.
 */
#ifndef SCHEDULER_FORWARD_H
#define SCHEDULER_FORWARD_H

#include "scheduler/core.h"

struct forward;

struct forward_options {
    struct core *core;      /* driven from here on; stays the caller's */
    struct instant start;   /* both clocks go on from here, together */
    int64_t start_delay_us; /* from a pod's creation until it runs */
    void *context;          /* of the functions */

    /* How long this attempt runs in all; it has run for ran_us already, and the answer is more.
     * CLOCK_NEVER_US: unknown, it does not end. Asked once an attempt. */
    int64_t (*runtime_us)(void *context, const struct job *job, int64_t ran_us);

    /* Told of each job that a turn changed, as it is at the turn's end; may be NULL. */
    void (*on_job)(void *context, const struct job *job, int64_t now_us);
};

/* The attempts that are under way go on from where they are. What other people's pods and objects
 * hold of quotas and nodes, they hold for ever. Takes no turn yet. */
struct forward *forward_create(const struct forward_options *options);
void forward_destroy(struct forward *forward); /* Accepts NULL. The core stays as it has become. */

/* Events from outside (what the cluster is like, what clients ask for), and all that follows from
 * them at this instant. Their texts are borrowed for the call. */
void forward_tell(struct forward *forward, struct event *events, size_t count);

/* The next instant at which something happens by itself (wall clock), perhaps this one;
 * CLOCK_NEVER_US: never again. */
int64_t forward_next_us(const struct forward *forward);

/* Go on to this instant, at most forward_next_us(), and do all that happens then. */
void forward_go(struct forward *forward, int64_t now_us);

int64_t forward_now_us(const struct forward *forward);

/* The job whose pods left the cluster last at this instant; 0: none did. */
uint64_t forward_ended_now(const struct forward *forward);

uint64_t forward_turns(const struct forward *forward); /* taken so far */

/* Does anything run whose end is known? */
bool forward_has_ends(const struct forward *forward);

/* Too many turns have passed at one instant: our bug, and no answer is to be had. */
bool forward_is_stuck(const struct forward *forward);

#endif
