#include "scheduler/arrays.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "base/memory.h"
#include "base/text.h"
#include "scheduler/breakers.h"
#include "scheduler/conditions.h"
#include "scheduler/lifecycle.h"
#include "scheduler/pod_names.h"
#include "scheduler/view.h"

/* --- Those that want to run ------------------------------------------------------------------ */

static void want(struct group *group, uint64_t id) {
    const uint64_t place = id - group->first_id;
    const uint64_t bit = UINT64_C(1) << (place % 64);
    const size_t word = (size_t)(place / 64);

    if (group->wanting == NULL) {
        group->wanting_words = (size_t)(group->tally.total / 64 + 1);
        group->wanting = mem_alloc(group->wanting_words, sizeof *group->wanting);
    }
    ENSURE(word < group->wanting_words);
    group->wanting_count += (group->wanting[word] & bit) == 0;
    group->wanting[word] |= bit;
    if (word < group->wanting_from) {
        group->wanting_from = word;
    }
}

/* The lowest of them, which is not among them any more. */
static uint64_t take_first(struct group *group) {
    uint64_t bit;

    while (group->wanting[group->wanting_from] == 0) {
        group->wanting_from++;
    }
    bit = (uint64_t)__builtin_ctzll(group->wanting[group->wanting_from]);
    group->wanting[group->wanting_from] &= ~(UINT64_C(1) << bit);
    group->wanting_count--;
    return group->first_id + group->wanting_from * 64 + bit;
}

static bool is_full(const struct group *group) {
    return group->is_stopped || (group->running_max > 0 &&
                                 (group->taken >= group->running_max || group->wanting_count > 0));
}

static void wait_for_place(struct core *core, struct entry *entry, struct group *group) {
    want(group, entry->id);
    view_park(core, entry, PARKED_ARRAY);
    groups_mark(core, group);
}

bool arrays_is_stopped(const struct entry *entry) {
    const struct group *group = groups_array(entry);

    return group != NULL && group->is_stopped;
}

bool arrays_defer(struct core *core, struct entry *entry) {
    const bool is_stopped = arrays_is_stopped(entry);

    if (is_stopped) {
        view_unlist(core, entry);
        wait_for_place(core, entry, groups_array(entry));
    }
    return is_stopped;
}

void arrays_offer(struct core *core, struct entry *entry) {
    struct group *group = groups_array(entry);

    if (entry->is_listed || entry->shape == NULL || entry->parked == PARKED_ARRAY) {
        return;
    }
    if (conditions_hold(core, entry)) {
        view_park(core, entry, PARKED_AFTER);
        return;
    }
    if (pod_names_block(core, entry)) {
        view_park(core, entry, PARKED_NAME);
        return;
    }
    if (breakers_block(core, entry)) {
        view_park(core, entry, PARKED_BREAKER);
        return;
    }
    if (group != NULL && is_full(group)) {
        wait_for_place(core, entry, group);
        return;
    }
    view_park(core, entry, PARKED_NOT);
    view_list(core, entry);
}

void arrays_take(struct core *core, const struct entry *entry, int times) {
    struct group *group = groups_array(entry);

    pod_names_take(core, entry, times);
    if (group != NULL && group->running_max > 0) {
        group->taken += (uint32_t)times;
        if (group->taken < group->running_max && group->wanting_count > 0) {
            groups_mark(core, group);
        }
    }
}

/* Those that are not parked any more were cancelled or held, or are behind their turn. */
void arrays_fill(struct core *core, struct group *group) {
    while (!group->is_stopped && group->wanting_count > 0 &&
           (group->running_max == 0 || group->taken < group->running_max)) {
        struct entry *entry = view_entry(core, take_first(group));

        if (entry != NULL && entry->parked == PARKED_ARRAY) {
            view_park(core, entry, PARKED_NOT);
            view_list(core, entry);
        }
    }
}

/* --- Whole arrays ---------------------------------------------------------------------------- */

#define ELEMENTS_PER_TURN 2000

_Static_assert(offsetof(struct event, job_id) == offsetof(struct event, retry.job_id),
               "an order goes through its elements' ids");

/* What is being cancelled or held starts nothing more meanwhile. */
static void stop(struct core *core, uint64_t array_id, bool is_stopped) {
    struct group *group = map_get_id(&core->groups.arrays, array_id);

    if (group != NULL) {
        group->is_stopped = is_stopped;
        groups_mark(core, group);
    }
}

void arrays_order(struct core *core, const struct event *event) {
    const struct group *group = map_get_id(&core->groups.arrays, event->job_id);
    struct array_order *order;

    if (core->order_count == core->order_room) {
        core->order_room = core->order_room > 0 ? 2 * core->order_room : 4;
        core->orders = mem_grow(core->orders, core->order_room, sizeof *core->orders);
    }
    order = &core->orders[core->order_count++];
    *order =
        (struct array_order){.event = *event,
                             .token = event->token,
                             .next_id = event->job_id,
                             .first_id = event->job_id,
                             .end_id = event->job_id + (group != NULL ? group->tally.total : 0)};
    if (event->kind == EVENT_RETRY && event->retry.demand != NULL) {
        order->event.retry.demand = demand_share(event->retry.demand);
    }
    order->event.token = 0;
    order->event.whole = false;
    stop(core, event->job_id, event->kind == EVENT_CANCEL || event->kind == EVENT_HOLD);
}

static bool is_being_cancelled(const struct core *core, uint64_t array_id) {
    for (size_t i = 0; i < core->order_count; i++) {
        if (core->orders[i].first_id == array_id && core->orders[i].event.kind == EVENT_CANCEL) {
            return true;
        }
    }
    return false;
}

void arrays_fail(struct core *core, const struct entry *entry) {
    const uint64_t array_id = entry->terms->array_id;

    if (groups_array(entry) != NULL && !is_being_cancelled(core, array_id)) {
        arrays_order(core, &(struct event){.kind = EVENT_CANCEL, .job_id = array_id});
    }
}

/* What is over already, or can't be held, is left as it is; and tried again is what failed. */
static void carry_out(struct core *core, const struct event *event) {
    static void (*const does[EVENT_KIND_COUNT])(struct core *, const struct event *) = {
        [EVENT_CANCEL] = requests_cancel,
        [EVENT_HOLD] = requests_hold,
        [EVENT_RELEASE] = requests_release,
        [EVENT_RETRY] = requests_retry,
    };
    const struct entry *entry = view_entry(core, event->job_id);

    if (entry != NULL && (event->kind != EVENT_RETRY || entry->state == JOB_FAILED)) {
        does[event->kind](core, event);
    }
}

static void change_fact(struct core *core, const struct array_order *order,
                        enum queue_change_kind kind) {
    struct queue_change change = {.kind = kind, .fact = {.kind = FACT_ARRAY_CANCEL}};

    change.fact.key = outbox_format(&core->outbox, "%" PRIu64, order->first_id);
    change.fact.value.array_cancel.asked_us = core->instant.now_us;
    outbox_add_change(&core->outbox, &change);
}

void arrays_store(struct core *core) {
    for (size_t i = 0; i < core->order_count; i++) {
        struct array_order *order = &core->orders[i];

        if (order->event.kind == EVENT_CANCEL && !order->is_stored) {
            order->is_stored = true;
            change_fact(core, order, CHANGE_FACT_PUT);
        }
    }
}

int core_load_array_cancel(struct core *core, const struct fact *fact) {
    int64_t first_id;

    if (text_parse_int64(fact->key, &first_id) < 0 || first_id <= 0) {
        return ERR_CORRUPT;
    }
    arrays_order(core, &(struct event){.kind = EVENT_CANCEL, .job_id = (uint64_t)first_id});
    core->orders[core->order_count - 1].is_stored = true;
    return OK;
}

static void end_order(struct core *core) {
    struct array_order *order = &core->orders[0];

    if (order->is_stored) {
        change_fact(core, order, CHANGE_FACT_DROP);
    }

    stop(core, order->first_id, false);
    if (order->token != 0) {
        outbox_add_reply(&core->outbox, &(struct reply){.token = order->token,
                                                        .first_id = order->first_id,
                                                        .count = 1,
                                                        .text = ""});
    }
    if (order->event.kind == EVENT_RETRY) {
        demand_destroy(order->event.retry.demand);
    }
    memmove(core->orders, core->orders + 1, --core->order_count * sizeof *core->orders);
}

void arrays_finish(struct core *core) {
    for (size_t i = 0; i < core->order_count; i++) {
        if (core->orders[i].event.kind == EVENT_RETRY) {
            demand_destroy(core->orders[i].event.retry.demand);
        }
    }
    free(core->orders);
}

bool arrays_go_on(struct core *core) {
    size_t done = 0;

    while (core->order_count > 0) {
        struct array_order *order = &core->orders[0];

        const uint64_t made_end =
            order->end_id - growing_unmade(core, order->first_id, order->end_id - order->first_id);

        for (; order->next_id < made_end && done < ELEMENTS_PER_TURN; done++) {
            order->event.job_id = order->next_id++;
            carry_out(core, &order->event);
        }
        if (order->next_id < order->end_id) {
            return true;
        }
        end_order(core);
    }
    return false;
}

bool arrays_keep(const struct entry *entry) {
    const struct group *group = groups_array(entry);
    size_t over = 0;

    if (group == NULL || entry->state != JOB_FAILED) {
        return false;
    }
    for (size_t state = 0; state < JOB_STATE_COUNT; state++) {
        over += job_state_is_final((enum job_state)state) ? group->states[state] : 0;
    }
    return over < group->live;
}

struct reason arrays_reason(const struct entry *entry) {
    const struct group *group = groups_array(entry);
    struct reason reason = reason_plain(REASON_ARRAY_LIMIT);

    reason.job_id = group->first_id;
    reason.used = group->taken;
    reason.hard = group->is_stopped ? 0 : group->running_max;
    (void)snprintf(reason.name, sizeof reason.name, "%s", group->key);
    return reason;
}
