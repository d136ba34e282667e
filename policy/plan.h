/* policy/plan.h - the pass: which waiting jobs start now, and why the others do not.
 *
 * Jobs go by priority (higher first), then submission (lower id first). Equal jobs are one
 * shape: once its first job is blocked, the rest of the shape is not looked at, so a pass costs
 * the number of shapes, not of jobs. Once nobody further can start, the rest is not sorted.
 *
 * A job that no quota has room for blocks the later jobs of its namespace. A job that no nodes
 * have room for keeps the nodes that accept its pods, and its share of the quotas, from later
 * jobs; those may use other nodes. A job that could not start even in an empty cluster, or needs
 * more than a quota's hard, or is refused by a quota for what it does not specify, blocks nobody.
 * So a job is delayed only by those before it in order; but what frees up in a quota while its
 * nodes are taken by other namespaces' jobs has to wait for those (reservations in time come
 * with backfill).
 *
 * Each start is charged to quotas and nodes before the next job is looked at. Pure: equal
 * inputs give equal plans.
 */
#ifndef POLICY_PLAN_H
#define POLICY_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/ledger.h"
#include "policy/place.h"
#include "policy/reason.h"

/* Equal waiting jobs: same namespace, demand and priority. Borrowed for the pass. */
struct plan_shape {
    size_t namespace_index;      /* ledger_namespace_index() */
    const struct demand *demand; /* settled, LimitRanges applied */
    int32_t priority;
    const uint64_t *job_ids; /* eligible now, ascending */
    size_t job_count;        /* 0: the shape is skipped */
};

struct plan_input {
    const struct ledger *ledger;
    const struct plan_shape *shapes; /* in any order; ties cannot be, ids are unique */
    size_t shape_count;
    size_t starts_max;     /* in this pass */
    bool capacity_unknown; /* nodes may not be listed: quotas alone decide */
};

struct plan_start {
    size_t shape;
    uint64_t job_id;
};

/* Of a shape with jobs left: `job_id` is the first that waits, for `reason`; the others of the
 * shape are behind it. job_id 0 and reason NULL: none is left. Shapes share equal reasons. */
struct plan_wait {
    uint64_t job_id;
    const struct reason *reason;
};

/* Reusable room for passes, and the last pass's outcome. */
struct plan;

struct plan *plan_create(void);
void plan_destroy(struct plan *plan);

/* One pass. The outcome is valid until the next one. */
void plan_run(struct plan *plan, const struct plan_input *input);

size_t plan_start_count(const struct plan *plan);
const struct plan_start *plan_starts(const struct plan *plan); /* in order */
struct plan_wait plan_wait(const struct plan *plan, size_t shape);

/* Where the pass put a start's pods: runs over the pass's nodes. None if capacity is unknown. */
const struct place_run *plan_start_runs(const struct plan *plan, size_t start, size_t *out_count);
const struct node *plan_node(const struct plan *plan, uint32_t index);

/* Could the job never start as things are: it needs more than a quota's hard, does not specify
 * what a quota asks for, or would not fit on empty nodes? The reason says which; a quota's hard is
 * named last, for it can be raised. Without any
 * listed node, capacity is not looked at. The last pass's outcome stays as it is. */
bool plan_is_impossible(struct plan *plan, const struct plan_input *cluster,
                        const struct plan_shape *shape, struct reason *out_reason);

/* Checks a pass without its bookkeeping, by ENSURE: starts are in order and of their shapes, no
 * quota that had room is exceeded, no node takes more than was free, and each shape either
 * started all its jobs or has a reason. */
void plan_verify(const struct plan *plan, const struct plan_input *input);

#endif
