/* policy/plan.h - the pass: which waiting jobs start now, and why the others do not.
 *
 * Equal jobs are one shape. A plan knows all shapes, and is told when one changes; the next job
 * comes from policy/order.h. Once the first job of a shape is blocked, the rest of the shape is
 * not looked at, so a pass costs the number of shapes, not of jobs; and what nothing has changed
 * for since it was blocked is not looked at again, so most passes cost less. Their outcome is that
 * of a pass that looks at everything (plan_forget()).
 *
 * What a blocked job means for those behind it is in policy/plan_blocked.c, the seam where
 * reservations in time plug in; today:
 * A job that no quota has room for blocks the later jobs of its namespace, one that a limit stops
 * those of the team or namespace whose limit it is. A job that no nodes have room for keeps the
 * nodes that accept its pods, and its share of the quotas, from later jobs; those may use other
 * nodes. A job that could not start even in an empty cluster, or needs more than a quota's hard or
 * than a limit, or is refused by a quota for what it does not specify, blocks nobody.
 * So a job is delayed only by those before it in order.
 *
 * Each start is charged to quotas, limits, shares and nodes before the next job is looked at; at
 * the end the charges are taken back, for who admits the jobs charges them. Pure: equal inputs
 * give equal plans.
 */
#ifndef POLICY_PLAN_H
#define POLICY_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/ledger.h"
#include "policy/order.h"
#include "policy/place.h"
#include "policy/plan_settings.h"
#include "policy/reason.h"
#include "policy/share.h"

/* Equal waiting jobs: same user, namespace, demand, tier and priority. */
struct plan_shape {
    size_t namespace_index;      /* ledger_namespace_index() */
    const struct demand *demand; /* settled, LimitRanges applied */
    uint32_t node;               /* of the share tree: the user; held by whoever has the shape */
    int32_t tier;
    int32_t priority;
    bool is_refused;         /* by a LimitRange */
    const uint64_t *job_ids; /* eligible now, in the order in which they start */
    size_t job_count;        /* 0: the shape is skipped */
};

/* When a job became eligible; asked of the first jobs of shapes alone. */
typedef int64_t plan_eligible_fn(const void *context, uint64_t job_id);

const char *plan_backfill_text(enum plan_backfill_mode mode); /* "none", "easy", "conservative" */

/* How long a waiting job is expected to run; 0: unknown. */
typedef int64_t plan_runtime_fn(const void *context, uint64_t job_id);

struct plan_input {
    const struct ledger *ledger; /* always the same one */
    int64_t now_us;
    size_t starts_max;     /* in this pass */
    bool is_idle;          /* nothing has happened since the last one, but for time */
    bool capacity_unknown; /* nodes may not be listed: quotas and limits decide */
    enum plan_preemption_mode preemption;
    struct plan_backfill backfill;
    plan_runtime_fn *runtime_us; /* with the context of plan_create(); NULL: all unknown */
};

struct plan_start {
    uint32_t shape;
    uint64_t job_id;
    int64_t runtime_us; /* expected; 0: unknown, or not asked for */
    bool had_promise;   /* from an earlier pass: it went before others of its rank */
};

/* Of a shape with jobs left: `job_id` is the first that waits, for `reason`; the others of the
 * shape are behind it. job_id 0: none is left, or no pass has looked. */
struct plan_wait {
    uint64_t job_id;
    struct reason reason;
};

struct plan;

/* The share tree is charged for starts during a pass, and is as before when it is over.
 * eligible_us may be NULL: all since ever. */
struct plan *plan_create(struct share *share, plan_eligible_fn *eligible_us, const void *context);
void plan_destroy(struct plan *plan);

/* Also after share_configure(). */
void plan_configure(struct plan *plan, const struct order_settings *settings);

/* The plan keeps the pointer; a shape's number is good until it is removed. Its namespace, node,
 * tier and priority stay as they are; tell when its jobs or anything else of it change. */
uint32_t plan_add_shape(struct plan *plan, const struct plan_shape *shape);
void plan_remove_shape(struct plan *plan, uint32_t number);
void plan_shape_changed(struct plan *plan, uint32_t number);

/* Look at everything in the next pass. */
void plan_forget(struct plan *plan);

/* One pass. Its starts are valid until the next one. */
void plan_run(struct plan *plan, const struct plan_input *input);

/* A pass is due then, even if nothing happens: something is promised then, or a look at everything
 * goes on, or begins; INT64_MAX: none. */
int64_t plan_due_us(const struct plan *plan);

size_t plan_start_count(const struct plan *plan);
const struct plan_start *plan_starts(const struct plan *plan); /* in order */

/* As the last pass left it. plan_waiting_job() is its job_id alone. */
uint64_t plan_waiting_job(const struct plan *plan, uint32_t number);
struct plan_wait plan_wait(const struct plan *plan, uint32_t number);

/* Where the pass put a start's pods: runs over the pass's nodes. None if capacity is unknown. */
const struct place_run *plan_start_runs(const struct plan *plan, size_t start, size_t *out_count);
const struct node *plan_node(const struct plan *plan, uint32_t index);

/* Could the job never start as things are, whatever a quota's hard was raised to: it does not
 * specify what a quota asks for, or would not fit on empty nodes? The reason says which. Without
 * any listed node, capacity is not looked at. */
bool plan_is_unfit(const struct plan_input *cluster, const struct plan_shape *shape,
                   struct reason *out_reason);

/* The same, or because it needs more than a quota's hard. */
bool plan_is_impossible(const struct plan_input *cluster, const struct plan_shape *shape,
                        struct reason *out_reason);

/* --- Preemption ------------------------------------------------------------------------------ */

const char *plan_preemption_text(enum plan_preemption_mode mode); /* "off", "lower-tier", ... */

/* A running job that may be stopped, and what that costs. */
struct plan_victim {
    uint64_t job_id;
    int32_t tier;
    uint32_t node; /* of the share tree: its user */
    uint32_t pods;
    int64_t ran_us;
};

struct plan_preemption {
    uint64_t job_id; /* can start when the victims are gone */
    uint32_t shape;
    const uint64_t *victims; /* job ids; valid until the next pass */
    size_t victim_count;
};

/* Did the last pass look at a job that waits for quota or nodes? */
bool plan_has_blocked(const struct plan *plan);

/* After a pass, before its starts are charged: the first blocked job in order that starts when some
 * victims go, and those (policy/preempt.h). None while the room of pods that are going already is
 * enough for a blocked job: one at a time. */
bool plan_preempt(struct plan *plan, const struct plan_input *input,
                  const struct plan_victim *victims, size_t count,
                  struct plan_preemption *out_preemption);

/* Its reason is that jobs were stopped for it, if the last pass looked at it; 0: nobody. */
void plan_note_preempting(struct plan *plan, uint64_t job_id);

/* Checks a pass without its bookkeeping, by ENSURE: starts are in order and of their shapes, no
 * quota that had room is exceeded and no limit, no node takes more than was free, and each shape
 * either started all its jobs or has a reason. Before the starts are charged. */
void plan_verify(const struct plan *plan, const struct plan_input *input);

#endif
