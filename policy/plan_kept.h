/* policy/plan_kept.h - promises that are kept from pass to pass: a part of policy/plan.
 *
 * A blocked job that was promised an instant keeps it, and the nodes it was to have, until it has
 * started: later passes reserve that first, and only ever find it something earlier. It yields to
 * jobs of a higher tier, and with ORDER_PRIORITY of a higher priority. To whom nothing is promised
 * is asked after those of the same rank to whom something is, whatever the shares are by then.
 *
 * A promise can't be kept if what it counted on is not there: a job runs longer than expected, a
 * node or a quota is gone, or its own run time is now expected to be longer. Then it is made anew.
 */
#ifndef POLICY_PLAN_KEPT_H
#define POLICY_PLAN_KEPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct plan;
struct plan_input;
struct place_run;

/* The n-th promise of a shape, by instant, is its n-th waiting job's: they are equal. */
struct plan_promised {
    uint64_t id;     /* what is reserved in the profile goes by it */
    uint32_t number; /* the shape's */
    bool by_quota;   /* quota stopped it; else nodes of this kind: */
    uint64_t kind;
    int64_t at_us;
    int64_t until_us;
    struct place_run *runs; /* owned */
    size_t run_count;
    bool is_loose;      /* some job ahead has no instant: it is none to tell people, or to keep */
    uint64_t seen;      /* the look that came to it */
    uint64_t looked_at; /* the pass that looked for an earlier instant last, */
    uint64_t room;      /* and what was free then: room_version(), */
    uint64_t quotas;    /* ledger_namespace_version() */
    bool is_asked;      /* in this pass */
    bool is_reserved;   /* in this pass's profile */
};

/* Zeroed is empty. */
struct plan_kept {
    struct plan_promised *promises; /* the oldest first */
    size_t count;
    uint64_t last_id;
    struct plan_promised own; /* of the job that is looked at: it is none of those above then */
    size_t own_at;            /* where it was */
    bool has_own;
    size_t renewals; /* in this look: how often something earlier was looked for */
    int64_t now_us;  /* of this pass */
};

void plan_kept_finish(struct plan_kept *kept);

/* A pass begins. */
void plan_kept_begin(struct plan *plan, const struct plan_input *input);

/* The shape that is asked before `next` (ORDER_NONE: nobody is next), because a job of it has a
 * promise that does not yield; ORDER_NONE: there is none, or all of them were asked. */
uint32_t plan_kept_due(struct plan *plan, uint32_t next);

/* The shape's next job is looked at: what does not yield to it is reserved for others. */
void plan_kept_ask(struct plan *plan, const struct plan_input *input, uint32_t number);

/* It was: unless it has its promise again, it needs none any more. */
void plan_kept_asked(struct plan *plan);

/* Reserve what was promised to the job that is looked at, or something earlier. False: it has no
 * promise, or none that can be kept. */
bool plan_kept_renew(struct plan *plan, const struct plan_input *input, uint32_t number);

/* What is reserved for the job that is looked at is promised from now on. */
void plan_kept_remember(struct plan *plan, const struct plan_input *input,
                        const struct plan_promised *promised);

/* Is the placement one on the nodes of this pass? Numbers of nodes that went may be others' now. */
bool plan_kept_is_placed(const struct plan *plan, const struct plan_input *input,
                         const struct plan_promised *promised);

/* How many jobs of the shape have one? */
size_t plan_kept_count(const struct plan *plan, uint32_t number);

/* Whose is the promise, and the one of that id? */
uint64_t plan_kept_job(const struct plan *plan, size_t at);
uint64_t plan_kept_job_of(const struct plan *plan, uint64_t id);

/* The id of the promise to the shape's first job; 0: there is none. */
uint64_t plan_kept_first_id(const struct plan *plan, uint32_t number);

/* Has the job that is looked at a promise? And one that it was told? */
bool plan_kept_is_own(const struct plan *plan);
bool plan_kept_was_told(const struct plan *plan);

/* What plan_kept_renew() or plan_kept_remember() kept last. */
const struct plan_promised *plan_kept_last(const struct plan *plan);

/* The latest instant that is promised; 0: none is. */
int64_t plan_kept_last_us(const struct plan *plan);

/* The shape is another one now, or none. */
void plan_kept_forget(struct plan *plan, uint32_t number);

#endif
