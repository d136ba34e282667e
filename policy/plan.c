#include "policy/plan.h"

#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "base/memory.h"
#include "policy/plan_pass.h"
#include "policy/room.h"

#define UNKNOWN_CORES          INT64_C(1000)
#define UNKNOWN_BYTES_PER_CORE (INT64_C(4) << 30)

static void append(struct plan_list *list, uint32_t number) {
    if (list->count == list->room) {
        list->room = list->room > 0 ? 2 * list->room : 4;
        list->numbers = mem_grow(list->numbers, list->room, sizeof *list->numbers);
    }
    list->numbers[list->count++] = number;
}

struct plan *plan_create(struct share *share, plan_eligible_fn *eligible_us, const void *context) {
    struct plan *plan = mem_alloc(1, sizeof *plan);

    plan->share = share;
    plan->order = order_create(share);
    plan->settings.mode = ORDER_PRIORITY;
    plan->eligible_us = eligible_us;
    plan->context = context;
    return plan;
}

static void forget_reason(struct plan *plan, struct plan_state *state) {
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
        forget_reason(plan, &plan->states[i]);
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

/* --- Shapes ---------------------------------------------------------------------------------- */

uint64_t plan_next_job(const struct plan *plan, uint32_t number) {
    const struct plan_state *state = &plan->states[number];

    ENSURE(state->started + state->promised < state->shape->job_count);
    return state->shape->job_ids[state->started + state->promised];
}

/* The shape's next job may start, as far as we know; or there is none. */
static void offer(struct plan *plan, uint32_t number) {
    struct plan_state *state = &plan->states[number];
    uint64_t job_id;

    forget_reason(plan, state);
    state->promised = 0;
    if (state->demand != state->shape->demand) {
        plan_kept_forget(plan, number);
        state->miss_version = 0;
        state->placed_epoch = 0;
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

void plan_set_aside(struct plan *plan, uint32_t number, enum plan_aside aside,
                    const struct reason *reason) {
    struct plan_state *state = &plan->states[number];

    forget_reason(plan, state);
    state->aside = aside;
    state->own = keep_reason(plan, reason);
    state->waits_id = plan_next_job(plan, number);
    order_withdraw(plan->order, number);
    if (aside == PLAN_WAITS_PASS) {
        append(&plan->next_pass, number);
    } else if (aside == PLAN_WAITS_NODES) {
        append(&plan->for_nodes, number);
    } else if (aside == PLAN_WAITS_QUOTA) {
        append(&plan->namespaces[state->shape->namespace_index].waiting, number);
    }
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

static void need_namespace(struct plan *plan, size_t index) {
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
    need_namespace(plan, shape->namespace_index);
    add_to_order(plan, number);
    plan_shape_changed(plan, number);
    return number;
}

void plan_remove_shape(struct plan *plan, uint32_t number) {
    struct plan_state *state = &plan->states[number];

    /* If it was what shuts the namespace, somebody else has a chance now. */
    plan->namespaces[state->shape->namespace_index].reopens = true;
    forget_reason(plan, state);
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
    offer(plan, number);
}

void plan_forget(struct plan *plan) {

    for (size_t i = 0; i < plan->namespace_count; i++) {
        plan->namespaces[i].reopens = true;
        plan->namespaces[i].waiting.count = 0;
    }
    plan->next_pass.count = 0;
    plan->for_nodes.count = 0;
    for (size_t i = 0; i < plan->state_count; i++) {
        if (plan->states[i].shape != NULL) {
            plan->states[i].started = 0;
            plan->states[i].miss_version = 0;
            offer(plan, (uint32_t)i);
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
                            .had_promise = plan_kept_is_own(plan),
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

/* Does the gang go onto the nodes, whatever is promised? If it did not, and nothing has become free
 * since, it does not. With promises, only a trial: they are kept clear of then. */
static bool place_it(struct plan *plan, const struct plan_input *input, uint32_t number,
                     struct place_miss *out_miss) {
    struct plan_state *state = &plan->states[number];
    const uint64_t version = room_version(ledger_room(input->ledger));

    if (state->miss_version == version) {
        *out_miss = state->miss;
        return false;
    }
    if (plan_is_reserving(plan) ? place_possible(plan->place, state->shape->demand, out_miss)
                                : place_gang(plan->place, state->shape->demand, out_miss)) {
        return true;
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
    offer(plan, number);
}

/* --- The pass -------------------------------------------------------------------------------- */

/* Offer those of a list that still wait like this. The list is empty afterwards. */
static void offer_all(struct plan *plan, struct plan_list *list, enum plan_aside aside) {
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
        need_namespace(plan, count - 1);
    }
    for (size_t i = 0; i < count; i++) {
        struct plan_namespace *namespace = &plan->namespaces[i];
        const uint64_t version = ledger_namespace_version(ledger, i);

        if (namespace->version != version) {
            namespace->version = version;
            offer_all(plan, &namespace->waiting, PLAN_WAITS_QUOTA);
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
    plan->preempt.blocked_count = 0;
    offer_where_quota_changed(plan, input->ledger);
    offer_all(plan, &plan->next_pass, PLAN_WAITS_PASS);
    if (!plan->nodes_known || plan->nodes_version != ledger_nodes_version(input->ledger)) {
        plan->nodes_known = true;
        plan->nodes_epoch++;
        plan->nodes_version = ledger_nodes_version(input->ledger);
        sum_capacity(plan, input);
        offer_all(plan, &plan->for_nodes, PLAN_WAITS_NODES);
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

/* Those that have a promise go before others of their rank. */
static uint32_t next_shape(struct plan *plan) {
    const uint32_t next = order_next(plan->order);
    const uint32_t promised = plan_kept_due(plan, next);

    return promised != ORDER_NONE ? promised : next;
}

void plan_run(struct plan *plan, const struct plan_input *input) {
    bool is_complete = false;
    uint32_t number;

    begin(plan, input);
    while (plan->start_count < input->starts_max && !plan_blocked_all(plan)) {
        number = next_shape(plan);
        if (number == ORDER_NONE) {
            is_complete = true;
            break;
        }
        if (plan_backfill_is_tired(plan, input)) {
            plan->rest = reason_plain(REASON_BACKFILL_LIMIT);
            break;
        }
        plan_kept_ask(plan, input, number);
        if (try_job(plan, input, number)) {
            start_job(plan, input, number);
        }
        plan_kept_asked(plan);
    }
    if (plan_blocked_all(plan)) {
        plan->rest = reason_behind(
            node_index_holder(&plan->place->index, node_index_first(&plan->place->index)),
            REASON_CAPACITY);
    }
    plan_backfill_end(plan, input, is_complete);
    take_back_charges(plan, input->now_us);
    plan->is_running = false;
}

/* --- The outcome ----------------------------------------------------------------------------- */

size_t plan_start_count(const struct plan *plan) {
    return plan->start_count;
}

const struct plan_start *plan_starts(const struct plan *plan) {
    return plan->starts;
}

/* What came since the last pass was not looked at. */
uint64_t plan_waiting_job(const struct plan *plan, uint32_t number) {
    const struct plan_state *state = &plan->states[number];

    ENSURE(number < plan->state_count && state->shape != NULL);
    if (state->own != NULL) {
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
                              .reason = state->own != NULL ? state->own->reason
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

bool plan_is_impossible(struct plan *plan, const struct plan_input *cluster,
                        const struct plan_shape *shape, struct reason *out_reason) {
    const struct ledger_namespace *namespace =
        ledger_namespace(cluster->ledger, shape->namespace_index);
    const struct quota_answer answer =
        quota_check((const struct quota *const *)namespace->quotas, namespace->quota_count,
                    shape->demand, &namespace->own, NULL, 0);
    struct place *empty = room_empty(ledger_room(cluster->ledger));
    struct place_miss miss;

    (void)plan;

    if (answer.verdict == QUOTA_MUST_SPECIFY) {
        *out_reason = reason_quota(&answer, shape->demand);
        return true;
    }
    if (!cluster->capacity_unknown && empty->index.node_count > 0 &&
        place_impossible(empty, shape->demand, &miss)) {
        *out_reason = reason_capacity(REASON_CAPACITY_NEVER, empty, shape->demand, &miss);
        return true;
    }
    if (answer.verdict == QUOTA_NEVER) {
        *out_reason = reason_quota(&answer, shape->demand);
        return true;
    }
    return false;
}
