/* policy/plan_pass.h - what the files of policy/plan share: a pass under way.
 *
 * plan.c walks the order and asks limits, quotas and nodes; plan_blocked.c says what a job that
 * can't start means for those behind it, and is the place for reservations in time; plan_check.c
 * checks the outcome.
 */
#ifndef POLICY_PLAN_PASS_H
#define POLICY_PLAN_PASS_H

#include "policy/place.h"
#include "policy/plan.h"

/* Why a shape is not on offer, and so when it will be again. */
enum plan_aside {
    PLAN_OFFERED,
    PLAN_EMPTY,          /* it has no jobs left */
    PLAN_WAITS_QUOTA,    /* for a change in its namespace: on the namespace's list */
    PLAN_WAITS_PASS,     /* for the next pass: on the plan's list */
    PLAN_WAITS_NODES,    /* for other nodes than there are: on the plan's list */
    PLAN_WAITS_SETTINGS, /* for other limits, or for a change of its own */
};

struct plan_state {
    const struct plan_shape *shape; /* NULL: the number is free */
    const struct demand *demand;    /* as it was looked at */
    bool is_refused;
    enum plan_aside aside;
    size_t started;        /* of its jobs, in this pass */
    uint64_t pass;         /* the first to see what is on offer */
    uint64_t waits_id;     /* the job that `reason` is about */
    struct reason *reason; /* its own; NULL: PLAN_OFFERED or PLAN_EMPTY */
};

/* Numbers of shapes. */
struct plan_list {
    uint32_t *numbers;
    size_t count;
    size_t room;
};

/* What passes did to a namespace. */
struct plan_namespace {
    struct usage started; /* by this pass */
    struct usage kept;    /* the shares of jobs that wait for nodes */
    uint64_t kept_for;    /* the first of those; 0: none */
    uint64_t blocked_by;  /* the job that shuts it; 0: it is open */
    enum reason_code blocked_code;
    bool reopens;     /* with the next pass, whatever changes */
    bool is_touched;  /* in plan->touched */
    uint64_t version; /* the ledger's, when it was last looked at */
    struct plan_list waiting;
};

struct plan {
    struct share *share;
    struct order *order;
    struct order_settings settings;
    plan_eligible_fn *eligible_us;
    const void *context;

    struct plan_state *states; /* by number */
    size_t state_count;
    struct plan_list free_numbers;
    struct plan_list next_pass; /* PLAN_WAITS_PASS */
    struct plan_list for_nodes; /* PLAN_WAITS_NODES */
    struct plan_namespace *namespaces;
    size_t namespace_count;
    size_t *touched; /* namespaces to clear before the next pass */
    size_t touched_count;
    size_t *shut; /* namespaces that are */
    size_t shut_count;
    uint64_t *node_blockers; /* by node of the share tree: the job that shuts it */
    size_t node_blocker_count;

    struct plan_start *starts;
    size_t start_count;
    size_t start_room;
    struct place_run *runs;
    size_t run_count;
    size_t run_room;
    size_t *run_ends;   /* by start */
    struct reason rest; /* of what the pass did not come to */
    uint64_t pass;      /* how many there were */
    bool is_running;

    struct place *place;    /* the ledger's room; NULL until the pass needs it */
    uint64_t nodes_version; /* when PLAN_WAITS_NODES last had their chance */
    bool nodes_known;
};

/* --- plan.c ---------------------------------------------------------------------------------- */

/* The job of the shape that is looked at. */
uint64_t plan_next_job(const struct plan *plan, uint32_t number);

/* The shape waits, for a reason of its own. */
void plan_set_aside(struct plan *plan, uint32_t number, enum plan_aside aside,
                    const struct reason *reason);

/* The charge of one job of the shape. */
struct share_charge plan_charge(const struct plan_shape *shape);

/* Its namespace, which this pass changes. */
struct plan_namespace *plan_touch(struct plan *plan, const struct plan_shape *shape);

struct quota_answer plan_ask_quotas(const struct plan *plan, const struct plan_input *input,
                                    const struct plan_shape *shape, bool with_kept);

/* --- plan_blocked.c -------------------------------------------------------------------------- */

/* The job that order_next() gave can't start, as the answer says: why it waits, and what that keeps
 * from those behind it. */
void plan_blocked_by_limit(struct plan *plan, uint32_t number, const struct share_answer *answer);
void plan_blocked_by_quota(struct plan *plan, const struct plan_input *input, uint32_t number,
                           const struct quota_answer *answer);
void plan_blocked_by_nodes(struct plan *plan, const struct plan_input *input, uint32_t number,
                           const struct place_miss *miss);

/* Is all kept for somebody, so that nobody further can start? */
bool plan_blocked_all(const struct plan *plan);

/* Before a pass: what was kept in the last one is free again. */
void plan_blocked_begin(struct plan *plan, const struct plan_input *input);

/* Why a shape that is on offer was not looked at. */
struct reason plan_blocked_why(const struct plan *plan, const struct plan_shape *shape);

#endif
