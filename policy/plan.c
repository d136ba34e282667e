#include "policy/plan.h"

#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "base/memory.h"
#include "policy/plan_pass.h"
#include "policy/room.h"

#define UNKNOWN_CORES          INT64_C(1000)
#define UNKNOWN_BYTES_PER_CORE (INT64_C(4) << 30)

struct plan *plan_create(struct share *share, plan_eligible_fn *eligible_us, const void *context) {
    struct plan *plan = mem_alloc(1, sizeof *plan);

    plan->share = share;
    plan->order = order_create(share);
    plan->settings.mode = ORDER_PRIORITY;
    plan->eligible_us = eligible_us;
    plan->context = context;
    return plan;
}

void plan_destroy(struct plan *plan) {
    if (plan == NULL) {
        return;
    }
    for (size_t i = 0; i < plan->namespace_count; i++) {
        usage_finish(&plan->namespaces[i].started);
        usage_finish(&plan->namespaces[i].kept);
        free(plan->namespaces[i].waiting.numbers);
    }
    for (size_t i = 0; i < plan->state_count; i++) {
        plan_forget_reason(plan, &plan->states[i]);
    }
    for (struct plan_reason *next; plan->spare != NULL; plan->spare = next) {
        next = plan->spare->next;
        free(plan->spare);
    }
    plan_backfill_finish(&plan->backfill);
    plan_preempt_finish(&plan->preempt);
    order_destroy(plan->order);
    free(plan->states);
    free(plan->free_numbers.numbers);
    free(plan->next_pass.numbers);
    free(plan->for_nodes.numbers);
    free(plan->namespaces);
    free(plan->touched);
    free(plan->shut);
    free(plan->node_blockers);
    free(plan->starts);
    free(plan->runs);
    free(plan->run_ends);
    free(plan);
}

/* --- One job --------------------------------------------------------------------------------- */

struct plan_namespace *plan_touch(struct plan *plan, const struct plan_shape *shape) {
    struct plan_namespace *namespace = &plan->namespaces[shape->namespace_index];

    if (!namespace->is_touched) {
        namespace->is_touched = true;
        plan->touched[plan->touched_count++] = shape->namespace_index;
    }
    return namespace;
}

struct share_charge plan_charge(const struct plan_shape *shape) {
    return (struct share_charge){.node = shape->node,
                                 .namespace_index = shape->namespace_index,
                                 .requests = &shape->demand->requests};
}

struct quota_answer plan_ask_quotas(const struct plan *plan, const struct plan_input *input,
                                    const struct plan_shape *shape, bool with_kept) {
    const struct ledger_namespace *namespace =
        ledger_namespace(input->ledger, shape->namespace_index);
    const struct plan_namespace *pass = &plan->namespaces[shape->namespace_index];
    const struct usage *reserved[] = {&namespace->reserved, &pass->started, &pass->kept};

    return quota_check((const struct quota *const *)namespace->quotas, namespace->quota_count,
                       shape->demand, &namespace->own, reserved, with_kept ? 3 : 2);
}

static void record_start(struct plan *plan, uint32_t number, const struct place_run *runs,
                         size_t run_count) {
    if (plan->start_count == plan->start_room) {
        plan->start_room = plan->start_room > 0 ? plan->start_room * 2 : 16;
        plan->starts = mem_grow(plan->starts, plan->start_room, sizeof *plan->starts);
        plan->run_ends = mem_grow(plan->run_ends, plan->start_room, sizeof *plan->run_ends);
    }
    if (plan->run_count + run_count > plan->run_room) {
        plan->run_room = (plan->run_count + run_count) * 2;
        plan->runs = mem_grow(plan->runs, plan->run_room, sizeof *plan->runs);
    }
    if (run_count > 0) {
        memcpy(&plan->runs[plan->run_count], runs, run_count * sizeof *runs);
    }
    plan->run_count += run_count;
    plan->run_ends[plan->start_count] = plan->run_count;
    plan->starts[plan->start_count++] =
        (struct plan_start){.shape = number,
                            .job_id = plan_next_job(plan, number),
                            .had_promise = plan_kept_was_told(plan),
                            .runtime_us = plan->states[number].runtime_us};
}

/* Pods on their way have the first right to the nodes. */
void plan_load_nodes(struct plan *plan, const struct ledger *ledger) {
    if (plan->place == NULL) {
        room_refresh(ledger_room(ledger));
        plan->place = room_place(ledger_room(ledger));
    }
}

static int64_t runtime_of(const struct plan *plan, const struct plan_input *input,
                          uint32_t number) {
    return input->backfill.mode != PLAN_BACKFILL_NONE && input->runtime_us != NULL
               ? input->runtime_us(plan->context, plan_next_job(plan, number))
               : 0;
}

/* Among very many, how it did not fit is not worked out anew if it still does not. */
static bool is_missed_again(const struct plan *plan, const struct plan_state *state) {
    return plan->backfill.look.is_large && state->miss_version != 0 && state->own != NULL &&
           state->own->reason.code == REASON_CAPACITY;
}

/* Does the gang go onto the nodes, whatever is promised? If it did not, and nothing has become free
 * since, it does not. With promises, only a trial: they are kept clear of then. */
static bool place_it(struct plan *plan, const struct plan_input *input, uint32_t number,
                     struct place_miss *out_miss) {
    struct plan_state *state = &plan->states[number];
    const uint64_t version = room_version(ledger_room(input->ledger));
    struct place_miss *miss = is_missed_again(plan, state) ? NULL : out_miss;

    if (state->miss_version == version) {
        *out_miss = state->miss;
        return false;
    }
    if (plan_is_reserving(plan) ? place_possible(plan->place, state->shape->demand, miss)
                                : place_gang(plan->place, state->shape->demand, miss)) {
        return true;
    }
    if (miss == NULL) {
        *out_miss = state->miss;
    }
    if (!place_is_kept_from(plan->place, state->shape->demand)) {
        state->miss = *out_miss;
        state->miss_version = version;
    }
    return false;
}

/* Could empty nodes not hold it? Asked once for the nodes there are. */
static bool is_never_placed(struct plan *plan, const struct plan_input *input, uint32_t number) {
    struct plan_state *state = &plan->states[number];
    struct place *empty = room_empty(ledger_room(input->ledger));
    struct place_miss miss;
    struct reason reason;

    if (input->capacity_unknown) {
        return false;
    }
    if (state->placed_epoch == plan->nodes_epoch ||
        !place_impossible(empty, state->shape->demand, &miss)) {
        state->placed_epoch = plan->nodes_epoch;
        return false;
    }
    reason = reason_capacity(REASON_CAPACITY_NEVER, empty, state->shape->demand, &miss);
    plan_set_aside(plan, number, PLAN_WAITS_NODES, &reason);
    return true;
}

/* What the present nodes, limits and limit ranges never let start blocks nobody: this is asked
 * before all that changes from pass to pass. */
static bool is_hopeless(struct plan *plan, const struct plan_input *input, uint32_t number) {
    const struct plan_shape *shape = plan->states[number].shape;
    const struct share_charge charge = plan_charge(shape);
    const struct share_answer limits = share_check_never(plan->share, &charge);

    if (shape->is_refused) {
        const struct reason reason = reason_plain(REASON_LIMIT_RANGE);

        plan_set_aside(plan, number, PLAN_WAITS_SETTINGS, &reason);
        return true;
    }
    if (limits.limit != SHARE_WITHIN) {
        plan_blocked_by_limit(plan, number, &limits);
        return true;
    }
    return is_never_placed(plan, input, number);
}

/* Does the job start? Otherwise its shape waits, for the reason that was written down. */
static bool try_job(struct plan *plan, const struct plan_input *input, uint32_t number) {
    const struct plan_shape *shape = plan->states[number].shape;
    const struct share_charge charge = plan_charge(shape);
    struct share_answer limits;
    struct quota_answer quotas;
    struct place_miss miss;
    struct reason reason;

    plan->states[number].runtime_us = runtime_of(plan, input, number);
    if (plan->states[number].promised > 0) {
        plan_promise_behind(plan, input, number);
        return false;
    }
    if (is_hopeless(plan, input, number)) {
        return false;
    }
    quotas = plan_ask_quotas(plan, input, shape, true);
    if (quotas.verdict != QUOTA_FITS) {
        plan_blocked_by_quota(plan, input, number, &quotas);
        return false;
    }
    limits = share_check(plan->share, &charge);
    if (limits.limit != SHARE_WITHIN) {
        plan_blocked_by_limit(plan, number, &limits);
        return false;
    }
    if (plan_delays_quota(plan, input, number, &reason)) {
        plan_blocked_by_promise(plan, input, number, &reason);
        return false;
    }
    if (!input->capacity_unknown) {
        plan_load_nodes(plan, input->ledger);
        if (!place_it(plan, input, number, &miss)) {
            plan_blocked_by_nodes(plan, input, number, &miss);
            return false;
        }
        if (plan_is_reserving(plan) && plan_delays_nodes(plan, input, number, &reason)) {
            plan_blocked_by_promise(plan, input, number, &reason);
            return false;
        }
    }
    return true;
}

static void start_job(struct plan *plan, const struct plan_input *input, uint32_t number) {
    const struct plan_shape *shape = plan->states[number].shape;
    const struct share_charge charge = plan_charge(shape);

    usage_add_demand(&plan_touch(plan, shape)->started, shape->demand, 1);
    share_charge(plan->share, &charge, 1, input->now_us);
    record_start(plan, number, input->capacity_unknown ? NULL : plan->place->runs,
                 input->capacity_unknown ? 0 : plan->place->run_count);
    plan_backfill_started(plan, input);
    plan->states[number].started++;
    order_charged(plan->order, number);
    plan_offer(plan, number);
}

/* --- The pass -------------------------------------------------------------------------------- */

/* Offer those of a list that still wait like this. The list is empty afterwards. */
static void offer_all(struct plan *plan, struct plan_list *list, enum plan_aside aside,
                      void (*offer)(struct plan *plan, uint32_t number)) {
    for (size_t i = 0; i < list->count; i++) {
        if (plan->states[list->numbers[i]].shape != NULL &&
            plan->states[list->numbers[i]].aside == aside) {
            offer(plan, list->numbers[i]);
        }
    }
    list->count = 0;
}

static void offer_where_quota_changed(struct plan *plan, const struct ledger *ledger) {
    const size_t count = ledger_namespace_count(ledger);

    if (count > 0) {
        plan_need_namespace(plan, count - 1);
    }
    for (size_t i = 0; i < count; i++) {
        struct plan_namespace *namespace = &plan->namespaces[i];
        const uint64_t version = ledger_namespace_version(ledger, i);

        if (namespace->version != version) {
            namespace->version = version;
            offer_all(plan, &namespace->waiting, PLAN_WAITS_QUOTA, plan_offer);
        }
    }
}

static void sum_capacity(struct plan *plan, const struct plan_input *input) {
    struct resources sum = *ledger_capacity(input->ledger);

    if (input->capacity_unknown) { /* Something to measure shares against. */
        sum.amount[RESOURCE_CPU] += UNKNOWN_CORES * 1000;
        sum.amount[RESOURCE_MEMORY] += UNKNOWN_CORES * UNKNOWN_BYTES_PER_CORE;
    }
    plan->capacity = sum;
    share_set_capacity(plan->share, &sum);
}

static void begin(struct plan *plan, const struct plan_input *input) {
    plan->start_count = 0;
    plan->run_count = 0;
    plan->place = NULL;
    plan->rest = reason_plain(REASON_START_RATE);
    plan->pass++;
    plan->is_running = true;
    plan_backfill_begin(plan, input);
    plan_blocked_begin(plan, input);
    plan_brief_load(plan, input);
    plan->preempt.blocked_count =
        plan->backfill.look.is_started || plan_is_brief(plan) ? plan->preempt.blocked_count : 0;
    offer_where_quota_changed(plan, input->ledger);
    offer_all(plan, &plan->next_pass, PLAN_WAITS_PASS,
              plan->backfill.is_sliced ? plan_offer_again : plan_offer);
    if (!plan->nodes_known || plan->nodes_version != ledger_nodes_version(input->ledger)) {
        plan->nodes_known = true;
        plan->nodes_epoch++;
        plan->nodes_version = ledger_nodes_version(input->ledger);
        sum_capacity(plan, input);
        offer_all(plan, &plan->for_nodes, PLAN_WAITS_NODES, plan_offer);
    }
    order_begin(plan->order, input->now_us);
}

/* Who admits the jobs charges them. */
static void take_back_charges(struct plan *plan, int64_t now_us) {
    for (size_t i = 0; i < plan->start_count; i++) {
        const struct share_charge charge = plan_charge(plan->states[plan->starts[i].shape].shape);

        share_charge(plan->share, &charge, -1, now_us);
    }
}

/* Those that have a promise go before others of their rank. What the look under way came to already
 * waits on. */
static uint32_t next_shape(struct plan *plan, const struct plan_input *input) {
    for (;;) {
        const uint32_t next = order_next(plan->order);
        const uint32_t promised = plan_kept_due(plan, next);

        if (promised != ORDER_NONE) {
            return promised;
        }
        if (next == ORDER_NONE || !plan_look_passes_over(plan, input, next)) {
            return next;
        }
    }
}

static void look_at(struct plan *plan, const struct plan_input *input, uint32_t number) {
    plan->states[number].keeps = false;
    plan_kept_ask(plan, input, number);
    if (try_job(plan, input, number)) {
        start_job(plan, input, number);
    } else {
        plan_look_saw(plan, number);
    }
    plan_kept_asked(plan);
}

/* Until nobody is left, or the pass has done what it may; true: nobody is. */
static bool look_at_all(struct plan *plan, const struct plan_input *input, bool *out_is_complete) {
    bool has_looked = false;

    *out_is_complete = false;
    while (plan->start_count < input->starts_max && !plan_blocked_all(plan)) {
        const uint32_t number = next_shape(plan, input);

        if (number == ORDER_NONE) {
            *out_is_complete = true;
            return true;
        }
        if (has_looked && plan_look_is_spent(plan)) {
            plan->rest = reason_plain(REASON_BACKFILL_LIMIT);
            return false;
        }
        if (plan_backfill_is_tired(plan, input)) {
            plan->rest = reason_plain(REASON_BACKFILL_LIMIT);
            return true;
        }
        look_at(plan, input, number);
        has_looked = true;
    }
    return plan->start_count < input->starts_max;
}

void plan_run(struct plan *plan, const struct plan_input *input) {
    bool is_complete;
    bool is_done;

    begin(plan, input);
    is_done = look_at_all(plan, input, &is_complete);
    if (plan_blocked_all(plan)) {
        plan->rest = reason_behind(
            node_index_holder(&plan->place->index, node_index_first(&plan->place->index)),
            REASON_CAPACITY);
    }
    plan_look_end(plan, input, is_done);
    plan_backfill_end(plan, input, is_complete);
    if (plan->backfill.is_sliced && !plan->backfill.is_brief) {
        offer_all(plan, &plan->next_pass, PLAN_WAITS_PASS, plan_offer_again);
    }
    take_back_charges(plan, input->now_us);
    plan->is_running = false;
}
