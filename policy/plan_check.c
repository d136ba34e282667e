/* The pass, checked by what it tells everybody. */
#include "policy/plan.h"

#include <stdlib.h>

#include "base/ensure.h"
#include "base/memory.h"

static void verify_order(const struct plan *plan, const struct plan_input *input) {
    for (size_t i = 1; i < plan_start_count(plan); i++) {
        const struct plan_start *a = &plan_starts(plan)[i - 1];
        const struct plan_start *b = &plan_starts(plan)[i];
        const int32_t a_priority = input->shapes[a->shape].priority;
        const int32_t b_priority = input->shapes[b->shape].priority;

        ENSURE(a_priority > b_priority || (a_priority == b_priority && a->job_id < b->job_id));
    }
}

static void verify_shapes(const struct plan *plan, const struct plan_input *input) {
    size_t *started = mem_alloc(input->shape_count, sizeof *started);

    for (size_t i = 0; i < plan_start_count(plan); i++) {
        const struct plan_start *start = &plan_starts(plan)[i];
        const struct plan_shape *shape = &input->shapes[start->shape];

        ENSURE(started[start->shape] < shape->job_count);
        ENSURE(shape->job_ids[started[start->shape]] == start->job_id);
        started[start->shape]++;
    }
    for (size_t i = 0; i < input->shape_count; i++) {
        const struct plan_wait wait = plan_wait(plan, i);

        if (started[i] == input->shapes[i].job_count) {
            ENSURE(wait.job_id == 0);
        } else {
            ENSURE(wait.job_id == input->shapes[i].job_ids[started[i]]);
            ENSURE(wait.reason->code != REASON_NONE);
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
        int64_t sum = own > item->used ? own : item->used;

        sum = amount_add(amount_add(sum, reserved), more);
        ENSURE(more == 0 || sum <= item->hard);
    }
}

static void verify_quotas(const struct plan *plan, const struct plan_input *input) {
    const size_t count = ledger_namespace_count(input->ledger);
    struct usage *started = mem_alloc(count, sizeof *started);

    for (size_t i = 0; i < plan_start_count(plan); i++) {
        const struct plan_shape *shape = &input->shapes[plan_starts(plan)[i].shape];

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

static void verify_nodes(const struct plan *plan, const struct plan_input *input) {
    struct resources *taken = mem_alloc(ledger_node_count(input->ledger), sizeof *taken);
    uint32_t at = 0;

    for (size_t i = 0; i < plan_start_count(plan); i++) {
        verify_runs(plan, i, input->shapes[plan_starts(plan)[i].shape].demand, taken);
    }
    for (size_t i = 0; i < ledger_node_count(input->ledger); i++) {
        const struct ledger_node *record = ledger_node(input->ledger, i);
        const struct resources free = ledger_node_free(record);

        if (record->node != NULL) {
            ENSURE(plan_node(plan, at) == record->node);
            ENSURE(resources_fit(&taken[at], &free));
            at++;
        }
    }
    free(taken);
}

void plan_verify(const struct plan *plan, const struct plan_input *input) {
    ENSURE(plan_start_count(plan) <= input->starts_max);
    verify_order(plan, input);
    verify_shapes(plan, input);
    verify_quotas(plan, input);
    if (!input->capacity_unknown && plan_start_count(plan) > 0) {
        verify_nodes(plan, input);
    }
}
