/* What a blocked job keeps from those behind it. */
#include "base/ensure.h"
#include "base/memory.h"
#include "policy/plan_pass.h"
#include "policy/room.h"

#define REOPENED_MAX 32 /* contended namespaces, in a pass */

/* --- A namespace ----------------------------------------------------------------------------- */

/* Its later jobs wait. reopens: not only when something in the namespace changes. */
static void shut_namespace(struct plan *plan, uint32_t number, enum reason_code code,
                           bool reopens) {
    const struct plan_shape *shape = plan->states[number].shape;
    struct plan_namespace *namespace = plan_touch(plan, shape);

    ENSURE(namespace->blocked_by == 0);
    namespace->blocked_by = plan_next_job(plan, number);
    namespace->blocked_code = code;
    namespace->reopens = reopens;
    namespace->watches = false;
    plan->states[number].keeps = true;
    plan->shut = mem_grow(plan->shut, plan->shut_count + 1, sizeof *plan->shut);
    plan->shut[plan->shut_count++] = shape->namespace_index;
    order_shut_namespace(plan->order, shape->namespace_index);
}

/* It waits with a promise, or behind one: nothing more is kept for it. */
static bool is_promised(struct plan *plan, const struct plan_input *input,
                        enum plan_promise promise, uint32_t number, const struct reason *reason) {
    if (promise != PLAN_PROMISED) {
        plan_backfill_unreserved(plan);
    }
    if (promise == PLAN_UNPROMISED) {
        return false;
    }
    plan_set_aside(plan, number, PLAN_WAITS_PASS, reason);
    if (promise == PLAN_PROMISED && input->backfill.mode == PLAN_BACKFILL_CONSERVATIVE) {
        plan_offer_behind(plan, number);
    }
    return true;
}

/* It could start, but would be in the way of a promise. */
void plan_blocked_by_promise(struct plan *plan, const struct plan_input *input, uint32_t number,
                             struct reason *reason) {
    (void)is_promised(plan, input, plan_promise_later(plan, input, number, reason), number, reason);
}

/* The first job in order that quota stops. Without what is kept for jobs ahead, it might start:
 * then it waits for those. */
void plan_blocked_by_quota(struct plan *plan, const struct plan_input *input, uint32_t number,
                           const struct quota_answer *answer) {
    const struct plan_shape *shape = plan->states[number].shape;
    const struct plan_namespace *namespace = &plan->namespaces[shape->namespace_index];
    struct reason reason = reason_quota(answer, shape->demand);
    bool reopens = false;
    bool watches = false;

    if (answer->verdict == QUOTA_SHORT) {
        plan_note_blocked(plan, number, plan_next_job(plan, number), false);
        if (is_promised(plan, input, plan_promise_quota(plan, input, number, &reason), number,
                        &reason)) {
            return;
        }
        watches = plan_backfill_watches(plan);
        reopens = input->preemption != PLAN_PREEMPTION_OFF;
        if (namespace->kept_for != 0 &&
            plan_ask_quotas(plan, input, shape, false).verdict == QUOTA_FITS) {
            reason = reason_behind(namespace->kept_for, REASON_CAPACITY);
            reopens = true;
        }
        shut_namespace(plan, number, REASON_QUOTA, reopens);
        plan->namespaces[shape->namespace_index].watches = watches;
    }
    plan_set_aside(plan, number, reopens || watches ? PLAN_WAITS_PASS : PLAN_WAITS_QUOTA, &reason);
}

/* --- A limit --------------------------------------------------------------------------------- */

static void shut_node(struct plan *plan, uint32_t node, uint64_t job_id) {
    if (node >= plan->node_blocker_count) {
        plan->node_blocker_count = 2 * (size_t)node + 1;
        plan->node_blockers =
            mem_grow(plan->node_blockers, plan->node_blocker_count, sizeof *plan->node_blockers);
    }
    plan->node_blockers[node] = job_id;
    order_shut_node(plan->order, node);
}

void plan_blocked_by_limit(struct plan *plan, uint32_t number, const struct share_answer *answer) {
    const struct plan_shape *shape = plan->states[number].shape;
    const struct reason reason = reason_limit(
        answer, answer->of_namespace ? share_namespace_name(plan->share, shape->namespace_index)
                                     : share_node(plan->share, answer->node).name);

    plan_set_aside(plan, number, answer->never ? PLAN_WAITS_SETTINGS : PLAN_WAITS_PASS, &reason);
    if (answer->never) {
        return;
    }
    plan_backfill_unreserved(plan);
    if (answer->of_namespace) {
        shut_namespace(plan, number, REASON_NAMESPACE_LIMIT, true);
    } else {
        plan->states[number].keeps = true;
        shut_node(plan, answer->node, plan_next_job(plan, number));
    }
}

/* --- Nodes ----------------------------------------------------------------------------------- */

/* It waits for nodes: they, and its share of the quotas, are kept for it. */
static void keep_for(struct plan *plan, const struct plan_shape *shape, uint64_t job_id) {
    struct plan_namespace *namespace = plan_touch(plan, shape);

    place_hold(plan->place, shape->demand, job_id);
    usage_add_demand(&namespace->kept, shape->demand, 1);
    namespace->kept_for = namespace->kept_for != 0 ? namespace->kept_for : job_id;
}

/* Is there a way to place it on empty nodes? */
static bool is_found(struct plan *plan, const struct plan_input *input, uint32_t number) {
    struct plan_state *state = &plan->states[number];

    if (state->found_epoch != plan->nodes_epoch &&
        place_possible(room_empty(ledger_room(input->ledger)), state->shape->demand, NULL)) {
        state->found_epoch = plan->nodes_epoch;
    }
    return state->found_epoch == plan->nodes_epoch;
}

void plan_blocked_by_nodes(struct plan *plan, const struct plan_input *input, uint32_t number,
                           const struct place_miss *miss) {
    const struct plan_shape *shape = plan->states[number].shape;
    const uint64_t job_id = plan_next_job(plan, number);
    struct reason reason;
    bool promised;

    if (!is_found(plan, input, number)) { /* No way is found, though there may be. */
        reason = reason_capacity(REASON_CAPACITY, plan->place, shape->demand, miss);
        plan_set_aside(plan, number, PLAN_WAITS_PASS, &reason);
        return;
    }
    reason = miss->nodes_held > 0
                 ? reason_behind(miss->held_by, REASON_CAPACITY)
                 : reason_capacity(REASON_CAPACITY, plan->place, shape->demand, miss);
    promised = is_promised(plan, input, plan_promise_nodes(plan, input, number, miss, &reason),
                           number, &reason);
    plan_note_blocked(plan, number, job_id, !promised);
    if (!promised) {
        plan_set_aside(plan, number, PLAN_WAITS_PASS, &reason);
        plan->states[number].keeps = true;
        keep_for(plan, shape, job_id);
        order_shut_where(plan->order, plan_where(shape->demand), job_id);
    }
}

bool plan_blocked_all(const struct plan *plan) {
    return plan->place != NULL && place_is_all_held(plan->place);
}

/* --- Between passes -------------------------------------------------------------------------- */

/* Has anything changed for the job that shuts the namespace? */
static bool has_changed(const struct plan *plan, const struct plan_namespace *namespace,
                        uint64_t version) {
    return namespace->reopens || namespace->version != version ||
           (namespace->watches && !plan_is_brief(plan) && !plan->backfill.look.is_started);
}

/* Where several users wait, their order changes by itself, with their shares. Each pass looks at a
 * few of those; as what is shut again goes to the end of the list, all have their turn. */
static bool has_its_turn(const struct plan *plan, size_t index, size_t *turns) {
    if (plan->settings.mode != ORDER_FAIR || *turns == REOPENED_MAX ||
        !order_is_contended(plan->order, index)) {
        return false;
    }
    (*turns)++;
    return true;
}

void plan_blocked_begin(struct plan *plan, const struct plan_input *input) {
    size_t turns = 0;
    size_t left = 0;

    for (size_t i = 0; i < plan->touched_count; i++) {
        struct plan_namespace *namespace = &plan->namespaces[plan->touched[i]];

        usage_clear(&namespace->started);
        usage_clear(&namespace->kept);
        namespace->kept_for = 0;
        namespace->is_promised = namespace->is_reserved = false;
        namespace->is_touched = false;
    }
    plan->touched_count = 0;
    for (size_t i = 0; i < plan->shut_count; i++) {
        const size_t index = plan->shut[i];

        struct plan_namespace *namespace = &plan->namespaces[index];

        if (has_changed(plan, namespace, ledger_namespace_version(input->ledger, index)) ||
            has_its_turn(plan, index, &turns)) {
            namespace->blocked_by = 0;
            namespace->version = 0;
            order_open_namespace(plan->order, index);
        } else {
            plan->shut[left++] = index;
        }
    }
    plan->shut_count = left;
}

struct reason plan_blocked_why(const struct plan *plan, uint32_t number) {
    const struct plan_shape *shape = plan->states[number].shape;
    const uint64_t kept_for = order_where_shut_for(plan->order, number);
    const struct plan_namespace *namespace = &plan->namespaces[shape->namespace_index];
    const uint32_t shut = order_shut_by(plan->order, shape->node);

    if (namespace->blocked_by != 0) {
        return reason_behind(namespace->blocked_by, namespace->blocked_code);
    }
    if (shut != SHARE_NONE) {
        return reason_behind(plan->node_blockers[shut], REASON_TEAM_LIMIT);
    }
    return kept_for != 0 ? reason_behind(kept_for, REASON_CAPACITY) : plan->rest;
}
