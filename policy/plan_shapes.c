/* The shapes that a plan knows: on offer, or set aside for a reason. */
#include <string.h>

#include "base/ensure.h"
#include "base/memory.h"
#include "policy/plan_pass.h"

static void append(struct plan_list *list, uint32_t number) {
    if (list->count == list->room) {
        list->room = list->room > 0 ? 2 * list->room : 4;
        list->numbers = mem_grow(list->numbers, list->room, sizeof *list->numbers);
    }
    list->numbers[list->count++] = number;
}

void plan_forget_reason(struct plan *plan, struct plan_state *state) {
    if (state->own != NULL) {
        state->own->next = plan->spare;
        plan->spare = state->own;
        state->own = NULL;
    }
    state->waits_id = 0;
}

static struct plan_reason *keep_reason(struct plan *plan, const struct reason *reason) {
    struct plan_reason *kept = plan->spare;

    if (kept != NULL) {
        plan->spare = kept->next;
    } else {
        kept = mem_alloc(1, sizeof *kept);
    }
    kept->reason = *reason;
    return kept;
}

uint64_t plan_next_job(const struct plan *plan, uint32_t number) {
    const struct plan_state *state = &plan->states[number];

    ENSURE(state->started + state->promised < state->shape->job_count);
    return state->shape->job_ids[state->started + state->promised];
}

/* The shape's next job may start, as far as we know; or there is none. */
void plan_offer(struct plan *plan, uint32_t number) {
    struct plan_state *state = &plan->states[number];
    uint64_t job_id;

    plan_forget_reason(plan, state);
    state->promised = 0;
    state->seen = state->searched = state->through = 0;
    if (state->demand != state->shape->demand) {
        plan_kept_forget(plan, number);
        state->miss_version = 0;
        state->placed_epoch = state->found_epoch = 0;
    }
    state->demand = state->shape->demand;
    state->is_refused = state->shape->is_refused;
    if (state->started == state->shape->job_count) {
        state->aside = PLAN_EMPTY;
        order_withdraw(plan->order, number);
        return;
    }
    state->aside = PLAN_OFFERED;
    state->pass = plan->is_running ? plan->pass : plan->pass + 1;
    job_id = plan_next_job(plan, number);
    order_offer(plan->order, number, job_id,
                plan->eligible_us != NULL ? plan->eligible_us(plan->context, job_id) : 0);
}

void plan_offer_again(struct plan *plan, uint32_t number) {
    struct plan_state *state = &plan->states[number];
    const uint64_t job_id = state->shape->job_ids[state->started];

    if (state->waits_id != job_id || state->demand != state->shape->demand) {
        plan_offer(plan, number);
        return;
    }
    state->promised = 0;
    state->aside = PLAN_OFFERED;
    order_offer(plan->order, number, job_id,
                plan->eligible_us != NULL ? plan->eligible_us(plan->context, job_id) : 0);
}

void plan_set_aside(struct plan *plan, uint32_t number, enum plan_aside aside,
                    const struct reason *reason) {
    struct plan_state *state = &plan->states[number];

    plan_forget_reason(plan, state);
    state->aside = aside;
    state->own = keep_reason(plan, reason);
    state->waits_id = plan_next_job(plan, number);
    state->told = plan->backfill.look.number;
    order_withdraw(plan->order, number);
    if (aside == PLAN_WAITS_PASS) {
        append(&plan->next_pass, number);
    } else if (aside == PLAN_WAITS_NODES) {
        append(&plan->for_nodes, number);
    } else if (aside == PLAN_WAITS_QUOTA) {
        append(&plan->namespaces[state->shape->namespace_index].waiting, number);
    }
}

void plan_pass_over(struct plan *plan, uint32_t number) {
    struct plan_state *state = &plan->states[number];

    order_withdraw(plan->order, number);
    if (state->aside != PLAN_WAITS_PASS) {
        state->aside = PLAN_WAITS_PASS;
        append(&plan->next_pass, number);
    }
}

void plan_pass_over_promised(struct plan *plan, uint32_t number, size_t promised) {
    plan_pass_over(plan, number);
    plan->states[number].promised = promised - 1;
    plan_offer_behind(plan, number);
}

void plan_offer_behind(struct plan *plan, uint32_t number) {
    struct plan_state *state = &plan->states[number];
    uint64_t job_id;

    state->promised++;
    if (state->started + state->promised == state->shape->job_count) {
        order_withdraw(plan->order, number);
        return;
    }
    job_id = plan_next_job(plan, number);
    order_offer(plan->order, number, job_id,
                plan->eligible_us != NULL ? plan->eligible_us(plan->context, job_id) : 0);
}

void plan_need_namespace(struct plan *plan, size_t index) {
    if (index >= plan->namespace_count) {
        const size_t count = 2 * index + 1;

        plan->namespaces = mem_grow(plan->namespaces, count, sizeof *plan->namespaces);
        memset(&plan->namespaces[plan->namespace_count], 0,
               (count - plan->namespace_count) * sizeof *plan->namespaces);
        plan->touched = mem_grow(plan->touched, count, sizeof *plan->touched);
        plan->namespace_count = count;
    }
}

/* The same for demands whose pods may use the same nodes, whatever they need of them. */
uint64_t plan_where(const struct demand *demand) {
    uint64_t hash = 0;

    for (size_t i = 0; i < demand->group_count; i++) {
        hash = (hash ^ demand->groups[i].where_hash) * UINT64_C(0x100000001b3);
    }
    return hash;
}

/* To the order, without offer. */
static void add_to_order(struct plan *plan, uint32_t number) {
    const struct plan_shape *shape = plan->states[number].shape;

    order_add(plan->order, number,
              &(struct order_shape){.namespace_index = shape->namespace_index,
                                    .node = shape->node,
                                    .tier = shape->tier,
                                    .priority = shape->priority,
                                    .where = plan_where(shape->demand)});
}

uint32_t plan_add_shape(struct plan *plan, const struct plan_shape *shape) {
    uint32_t number;

    if (plan->free_numbers.count > 0) {
        number = plan->free_numbers.numbers[--plan->free_numbers.count];
    } else {
        number = (uint32_t)plan->state_count++;
        plan->states = mem_grow(plan->states, plan->state_count, sizeof *plan->states);
    }
    plan->states[number] = (struct plan_state){.shape = shape, .aside = PLAN_EMPTY};
    plan_need_namespace(plan, shape->namespace_index);
    add_to_order(plan, number);
    plan_shape_changed(plan, number);
    return number;
}

void plan_remove_shape(struct plan *plan, uint32_t number) {
    struct plan_state *state = &plan->states[number];

    /* If it was what shuts the namespace, somebody else has a chance now. */
    plan->namespaces[state->shape->namespace_index].reopens = true;
    plan_forget_reason(plan, state);
    plan_kept_forget(plan, number);
    order_remove(plan->order, number);
    state->shape = NULL;
    append(&plan->free_numbers, number);
}

void plan_shape_changed(struct plan *plan, uint32_t number) {
    struct plan_state *state = &plan->states[number];
    const struct plan_shape *shape = state->shape;
    const uint64_t first_id = shape->job_count > 0 ? shape->job_ids[0] : 0;

    state->started = 0;
    state->promised = 0;
    if (state->demand == shape->demand && state->is_refused == shape->is_refused &&
        state->own != NULL && state->waits_id == first_id) {
        return;
    }
    plan->namespaces[shape->namespace_index].reopens = true;
    plan_offer(plan, number);
}

void plan_forget(struct plan *plan) {
    for (size_t i = 0; i < plan->namespace_count; i++) {
        plan->namespaces[i].reopens = true;
        plan->namespaces[i].waiting.count = 0;
    }
    plan->backfill.look.is_under_way = false;
    plan->backfill.look.next_us = 0;
    plan->next_pass.count = 0;
    plan->for_nodes.count = 0;
    for (size_t i = 0; i < plan->state_count; i++) {
        if (plan->states[i].shape != NULL) {
            plan->states[i].started = 0;
            plan->states[i].miss_version = 0;
            plan_offer(plan, (uint32_t)i);
        }
    }
}

void plan_configure(struct plan *plan, const struct order_settings *settings) {
    plan->settings = *settings;
    plan->nodes_epoch++;
    order_configure(plan->order, settings);
    for (size_t i = 0; i < plan->shut_count; i++) {
        plan->namespaces[plan->shut[i]].blocked_by = 0;
    }
    plan->shut_count = 0;
    for (size_t i = 0; i < plan->state_count; i++) {
        if (plan->states[i].shape != NULL) {
            add_to_order(plan, (uint32_t)i);
        }
    }
    plan_forget(plan);
}
