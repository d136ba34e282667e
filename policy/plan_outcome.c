/* What a pass came to; and what can never start. */
#include "base/ensure.h"
#include "policy/plan_pass.h"
#include "policy/room.h"

size_t plan_start_count(const struct plan *plan) {
    return plan->start_count;
}

const struct plan_start *plan_starts(const struct plan *plan) {
    return plan->starts;
}

/* It has a reason of its own, unless a look at everything did not come to it. */
static bool has_reason(const struct plan *plan, const struct plan_state *state) {
    return state->own != NULL &&
           (state->aside != PLAN_OFFERED || state->told >= plan->backfill.look.last_done);
}

/* What came since the last pass was not looked at. */
uint64_t plan_waiting_job(const struct plan *plan, uint32_t number) {
    const struct plan_state *state = &plan->states[number];

    ENSURE(number < plan->state_count && state->shape != NULL);
    if (has_reason(plan, state)) {
        return state->waits_id;
    }
    return state->pass > plan->pass ? 0 : order_offered_job(plan->order, number);
}

struct plan_wait plan_wait(const struct plan *plan, uint32_t number) {
    const struct plan_state *state = &plan->states[number];
    const uint64_t job_id = plan_waiting_job(plan, number);

    if (job_id == 0) {
        return (struct plan_wait){.job_id = 0};
    }
    return (struct plan_wait){.job_id = job_id,
                              .reason = has_reason(plan, state) ? state->own->reason
                                                                : plan_blocked_why(plan, number)};
}

const struct place_run *plan_start_runs(const struct plan *plan, size_t start, size_t *out_count) {
    const size_t begin = start > 0 ? plan->run_ends[start - 1] : 0;

    ENSURE(start < plan->start_count);
    *out_count = plan->run_ends[start] - begin;
    return *out_count > 0 ? &plan->runs[begin] : NULL;
}

const struct node *plan_node(const struct plan *plan, uint32_t index) {
    ENSURE(plan->place != NULL && index < plan->place->index.node_end);
    return plan->place->index.nodes[index].node;
}

bool plan_is_unfit(const struct plan_input *cluster, const struct plan_shape *shape,
                   struct reason *out_reason) {
    const struct ledger_namespace *namespace =
        ledger_namespace(cluster->ledger, shape->namespace_index);
    const struct quota_answer answer = {
        .verdict = QUOTA_MUST_SPECIFY,
        .quota = quota_find_missing((const struct quota *const *)namespace->quotas,
                                    namespace->quota_count, shape->demand),
    };
    struct place *empty = room_empty(ledger_room(cluster->ledger));
    struct place_miss miss;

    if (answer.quota != NULL) {
        *out_reason = reason_quota(&answer, shape->demand);
        return true;
    }
    if (!cluster->capacity_unknown && empty->index.node_count > 0 &&
        place_impossible(empty, shape->demand, &miss)) {
        *out_reason = reason_capacity(REASON_CAPACITY_NEVER, empty, shape->demand, &miss);
        return true;
    }
    return false;
}

bool plan_is_impossible(const struct plan_input *cluster, const struct plan_shape *shape,
                        struct reason *out_reason) {
    const struct ledger_namespace *namespace =
        ledger_namespace(cluster->ledger, shape->namespace_index);
    struct quota_answer answer;

    if (plan_is_unfit(cluster, shape, out_reason)) {
        return true;
    }
    answer = quota_check((const struct quota *const *)namespace->quotas, namespace->quota_count,
                         shape->demand, &namespace->own, NULL, 0);
    if (answer.verdict == QUOTA_NEVER) {
        *out_reason = reason_quota(&answer, shape->demand);
        return true;
    }
    return false;
}
