/* The pass, checked by what it tells everybody. */
#include <stdlib.h>

#include "base/ensure.h"
#include "base/memory.h"
#include "policy/plan_pass.h"

/* Whom a pass started, by shape. */
static const struct plan_shape *shape_of(const struct plan *plan, size_t start) {
    return plan->states[plan->starts[start].shape].shape;
}

/* With ORDER_FAIR, the order between users is that of the shares at that instant, which are over:
 * what is left to check is tiers, and the order of one user's equal jobs. Jobs that had a
 * promise went before others of their rank. */
static void verify_pair(const struct plan *plan, size_t first, size_t second) {
    const struct plan_shape *a = shape_of(plan, first);
    const struct plan_shape *b = shape_of(plan, second);
    const bool by_id = plan->starts[first].job_id < plan->starts[second].job_id;

    if (plan->settings.mode == ORDER_FIFO) {
        ENSURE(by_id);
        return;
    }
    ENSURE(a->tier >= b->tier);
    if (plan->settings.mode == ORDER_PRIORITY && a->tier == b->tier) {
        ENSURE(a->priority > b->priority || (a->priority == b->priority && by_id));
    }
}

static void verify_order(const struct plan *plan) {
    size_t last = SIZE_MAX;

    for (size_t i = 0; i < plan->start_count; i++) {
        if (!plan->starts[i].had_promise) {
            if (last != SIZE_MAX) {
                verify_pair(plan, last, i);
            }
            last = i;
        }
    }
}

static void verify_shapes(const struct plan *plan) {
    size_t *started = mem_alloc(plan->state_count, sizeof *started);

    for (size_t i = 0; i < plan->start_count; i++) {
        const struct plan_start *start = &plan->starts[i];
        const struct plan_shape *shape = shape_of(plan, i);

        ENSURE(started[start->shape] < shape->job_count);
        ENSURE(shape->job_ids[started[start->shape]] == start->job_id);
        started[start->shape]++;
    }
    for (size_t i = 0; i < plan->state_count; i++) {
        const struct plan_shape *shape = plan->states[i].shape;
        struct plan_wait wait;

        if (shape == NULL) {
            continue;
        }
        wait = plan_wait(plan, (uint32_t)i);
        if (started[i] == shape->job_count) {
            ENSURE(wait.job_id == 0);
        } else {
            ENSURE(wait.job_id == shape->job_ids[started[i]]);
            ENSURE(wait.reason.code != REASON_NONE);
        }
    }
    free(started);
}

static void verify_quota(const struct quota *quota, const struct ledger_namespace *namespace,
                         const struct usage *started) {
    for (size_t i = 0; i < quota->item_count; i++) {
        const struct quota_item *item = &quota->items[i];
        const int64_t own = quota_item_amount(quota, item, &namespace->own);
        const int64_t reserved = quota_item_amount(quota, item, &namespace->reserved);
        const int64_t more = quota_item_amount(quota, item, started);
        int64_t sum = quota_taken(quota, item, own);

        sum = amount_add(amount_add(sum, reserved), more);
        ENSURE(more == 0 || sum <= item->hard);
    }
}

static void verify_quotas(const struct plan *plan, const struct plan_input *input) {
    const size_t count = ledger_namespace_count(input->ledger);
    struct usage *started = mem_alloc(count, sizeof *started);

    for (size_t i = 0; i < plan->start_count; i++) {
        const struct plan_shape *shape = shape_of(plan, i);

        usage_add_demand(&started[shape->namespace_index], shape->demand, 1);
    }
    for (size_t i = 0; i < count; i++) {
        const struct ledger_namespace *namespace = ledger_namespace(input->ledger, i);

        for (size_t j = 0; j < namespace->quota_count; j++) {
            verify_quota(namespace->quotas[j], namespace, &started[i]);
        }
        usage_finish(&started[i]);
    }
    free(started);
}

/* One by one, each start was within every limit. */
static void verify_limits(const struct plan *plan, const struct plan_input *input) {
    for (size_t i = 0; i < plan->start_count; i++) {
        const struct share_charge charge = plan_charge(shape_of(plan, i));

        ENSURE(share_check(plan->share, &charge).limit == SHARE_WITHIN);
        share_charge(plan->share, &charge, 1, input->now_us);
    }
    for (size_t i = 0; i < plan->start_count; i++) {
        const struct share_charge charge = plan_charge(shape_of(plan, i));

        share_charge(plan->share, &charge, -1, input->now_us);
    }
}

/* Every pod of the start is on a node that accepts it; what they take is added to `taken`. */
static void verify_runs(const struct plan *plan, size_t start, const struct demand *demand,
                        struct resources *taken) {
    uint64_t placed[DEMAND_GROUPS_MAX] = {0};
    size_t count;
    const struct place_run *runs = plan_start_runs(plan, start, &count);

    for (size_t i = 0; i < count; i++) {
        const struct pod_group *group = &demand->groups[runs[i].group];

        ENSURE(node_accepts(plan_node(plan, runs[i].node), &group->pod));
        resources_add_times(&taken[runs[i].node], &group->requests, runs[i].count);
        placed[runs[i].group] += runs[i].count;
    }
    for (size_t i = 0; i < demand->group_count; i++) {
        ENSURE(placed[i] == demand->groups[i].count);
    }
}

/* A node of the pass that is none of the ledger's is one that a pool may grow. */
static void verify_nodes(const struct plan *plan, const struct plan_input *input) {
    struct resources *taken = mem_alloc(plan->place->index.node_end, sizeof *taken);

    for (size_t i = 0; i < plan->start_count; i++) {
        verify_runs(plan, i, shape_of(plan, i)->demand, taken);
    }
    for (size_t i = 0; i < ledger_node_count(input->ledger); i++) {
        const struct ledger_node *record = ledger_node(input->ledger, i);
        const struct resources free = ledger_node_free(record);

        if (record->node != NULL) {
            ENSURE(plan_node(plan, record->room_at) == record->node);
            ENSURE(resources_fit(&taken[record->room_at], &free));
        }
    }
    free(taken);
}

void plan_verify(const struct plan *plan, const struct plan_input *input) {
    ENSURE(plan->start_count <= input->starts_max);
    verify_order(plan);
    verify_shapes(plan);
    verify_quotas(plan, input);
    verify_limits(plan, input);
    if (!input->capacity_unknown && plan->start_count > 0) {
        verify_nodes(plan, input);
    }
}
