/* Reservations in time: what a blocked job is promised, and how others keep clear of it. */
#include <stdlib.h>

#include "base/ensure.h"
#include "base/memory.h"
#include "policy/plan_pass.h"

const char *plan_backfill_text(enum plan_backfill_mode mode) {
    static const char *const texts[PLAN_BACKFILL_MODE_COUNT] = {"none", "easy", "conservative"};

    ENSURE(mode < PLAN_BACKFILL_MODE_COUNT);
    return texts[mode];
}

void plan_backfill_finish(struct plan_backfill_state *state) {
    profile_destroy(state->profile);
    free(state->runs);
    free(state->kinds);
    free(state->favoured);
    plan_ends_finish(&state->ends);
    plan_kept_finish(&state->kept);
}

/* A pass begins: nothing is reserved. */
void plan_backfill_begin(struct plan *plan, const struct plan_input *input) {
    struct plan_backfill_state *state = &plan->backfill;

    ENSURE(!state->is_loaded);
    plan_look_begin(plan, input);
    state->promises = 0;
    state->kind_count = 0;
    state->looked_at = 0;
    state->has_ends = false;
    for (size_t i = 0; state->look.is_first && i < state->favoured_count; i++) {
        state->favoured[i].is_seen = false;
    }
    plan_kept_begin(plan, input);
}

/* --- Reserving -------------------------------------------------------------------------------- */

static struct plan_favoured *find_favoured(const struct plan_backfill_state *state,
                                           uint64_t job_id) {
    for (size_t i = 0; i < state->favoured_count; i++) {
        if (state->favoured[i].job_id == job_id) {
            return &state->favoured[i];
        }
    }
    return NULL;
}

/* Those that were not promised anything in a pass that came to everybody wait no more. */
static void forget_favoured(struct plan_backfill_state *state) {
    size_t left = 0;

    for (size_t i = 0; i < state->favoured_count; i++) {
        if (state->favoured[i].is_seen) {
            state->favoured[left++] = state->favoured[i];
        }
    }
    state->favoured_count = left;
}

void plan_favour(struct plan *plan, uint64_t job_id) {
    struct plan_backfill_state *state = &plan->backfill;

    if (find_favoured(state, job_id) == NULL) {
        state->favoured =
            mem_grow(state->favoured, state->favoured_count + 1, sizeof *state->favoured);
        state->favoured[state->favoured_count++] = (struct plan_favoured){.job_id = job_id};
    }
    find_favoured(state, job_id)->is_seen = true;
}

struct profile_ask plan_backfill_ask(const struct plan *plan, const struct plan_input *input,
                                     const struct plan_state *state,
                                     const struct usage **out_charged) {
    const struct plan_shape *shape = state->shape;
    const struct ledger_namespace *namespace =
        ledger_namespace(input->ledger, shape->namespace_index);

    out_charged[0] = &namespace->reserved;
    out_charged[1] = &plan->namespaces[shape->namespace_index].started;
    out_charged[2] = &plan->namespaces[shape->namespace_index].kept;
    return (struct profile_ask){
        .namespace_index = shape->namespace_index,
        .namespace = namespace,
        .demand = shape->demand,
        .runtime_us = state->runtime_us > 0 ? state->runtime_us : PROFILE_FOREVER,
        .charged = out_charged,
        .charged_count = 3,
        .nodes_unknown = input->capacity_unknown,
    };
}

/* Unless a job ahead may still take it. */
static void tell_promise(struct plan *plan, struct reason *reason) {
    const struct plan_promised *promised = plan_kept_last(plan);
    const size_t count = promised->run_count;
    const struct node *first = NULL;

    if (promised->is_loose) {
        return;
    }
    if (count > 0 && promised->runs[0].node < plan->place->index.node_end) {
        first = plan->place->index.nodes[promised->runs[0].node].node;
    }
    reason_promise(reason, promised->at_us, first != NULL ? (uint32_t)count : 0,
                   first != NULL ? first->name : NULL);
}

/* True if it was not noted yet. */
static bool note_kind(struct plan_backfill_state *state, uint64_t kind) {
    for (size_t i = 0; i < state->kind_count; i++) {
        if (state->kinds[i] == kind) {
            return false;
        }
    }
    state->kinds = mem_grow(state->kinds, state->kind_count + 1, sizeof *state->kinds);
    state->kinds[state->kind_count++] = kind;
    return true;
}

static void forget_kind(struct plan_backfill_state *state, uint64_t kind) {
    for (size_t i = 0; i < state->kind_count; i++) {
        if (state->kinds[i] == kind) {
            state->kinds[i] = state->kinds[--state->kind_count];
            return;
        }
    }
}

void plan_backfill_note(struct plan *plan, const struct plan_promised *promised) {
    struct plan_backfill_state *state = &plan->backfill;
    struct plan_namespace *namespace = plan_touch(plan, plan->states[promised->number].shape);

    state->promises++;
    namespace->is_reserved = true;
    if (promised->by_quota) {
        namespace->is_promised = true;
    } else {
        (void)note_kind(state, promised->kind);
    }
}

void plan_backfill_reserve(struct plan *plan, const struct plan_promised *promised) {
    struct plan_backfill_state *state = &plan->backfill;
    const struct plan_shape *shape = plan->states[promised->number].shape;

    plan_backfill_take_runs(state, shape->demand, promised->runs, promised->run_count);
    profile_reserve(state->profile, promised->id, promised->at_us, promised->until_us,
                    &(struct profile_part){.namespace_index = shape->namespace_index,
                                           .demand = shape->demand,
                                           .runs = state->runs,
                                           .run_count = state->run_count});
    plan_backfill_note(plan, promised);
}

void plan_backfill_unreserve(struct plan *plan, const struct plan_promised *promised) {
    struct plan_backfill_state *state = &plan->backfill;

    profile_cancel(state->profile, promised->id);
    state->promises--;
    if (promised->by_quota) {
        plan_touch(plan, plan->states[promised->number].shape)->is_promised = false;
    } else {
        forget_kind(state, promised->kind);
    }
}

/* The first instant at which the job fits that has none yet; false: there is none to be seen. */
static bool find_instant(struct plan *plan, const struct plan_input *input,
                         struct plan_promised *promised) {
    struct plan_backfill_state *state = &plan->backfill;
    struct plan_state *asked = &plan->states[promised->number];
    const struct usage *charged[3];
    const struct profile_ask ask = plan_backfill_ask(plan, input, asked, charged);

    if (plan_is_brief(plan) || !state->has_ends ||
        state->promises >= input->backfill.promises_max ||
        state->look.tries == 2 * input->backfill.promises_max ||
        (asked->promised == 0 && asked->searched == state->look.number)) {
        return false;
    }
    state->look.tries++;
    asked->searched = state->look.number;
    if (!profile_earliest(state->profile, &ask, &promised->at_us)) {
        return false;
    }
    promised->until_us = plan_backfill_end_of(asked->runtime_us, promised->at_us);
    promised->runs =
        (struct place_run *)(uintptr_t)profile_runs(state->profile, &promised->run_count);
    return true;
}

/* Promise the job that is looked at what it was promised before, something earlier, or else the
 * first instant at which it fits; `promised` says what it waits for. */
static bool reserve(struct plan *plan, const struct plan_input *input,
                    struct plan_promised promised, struct reason *reason) {
    struct plan_backfill_state *state = &plan->backfill;
    const uint64_t job_id = plan_next_job(plan, promised.number);
    struct plan_favoured *favoured = find_favoured(state, job_id);

    if (!plan_is_brief(plan)) {
        profile_lift(state->profile, plan->place);
    }
    if (plan_kept_renew(plan, input, promised.number)) {
        tell_promise(plan, reason);
    } else if (!find_instant(plan, input, &promised)) {
        return false;
    } else {
        promised.id = ++state->kept.last_id;
        plan_backfill_reserve(plan, &promised);
        plan_kept_remember(plan, input, &promised);
        tell_promise(plan, reason);
    }
    if (favoured != NULL) {
        favoured->is_seen = true;
    }
    return true;
}

/* Pods that choose their nodes alike compete for them. */
static uint64_t node_kind(const struct plan_shape *shape, const struct place_miss *miss) {
    return pod_demand_where_hash(&shape->demand->groups[miss->group].pod);
}

/* A promise whether it is the first of its kind or not. */
static bool is_entitled(const struct plan *plan, const struct plan_input *input, uint32_t number) {
    return input->backfill.mode == PLAN_BACKFILL_CONSERVATIVE || plan_kept_is_own(plan) ||
           find_favoured(&plan->backfill, plan_next_job(plan, number)) != NULL;
}

/* EASY: the first job that a namespace's quotas stop, and the first for each kind of nodes. */
enum plan_promise plan_promise_quota(struct plan *plan, const struct plan_input *input,
                                     uint32_t number, struct reason *reason) {
    struct plan_namespace *namespace;

    if (input->backfill.mode == PLAN_BACKFILL_NONE) {
        return PLAN_UNPROMISED;
    }
    plan_backfill_load(plan, input);
    namespace = plan_touch(plan, plan->states[number].shape);
    if (namespace->is_promised && !is_entitled(plan, input, number)) {
        return PLAN_NOT_FIRST;
    }
    if (reserve(plan, input, (struct plan_promised){.number = number, .by_quota = true}, reason)) {
        return PLAN_PROMISED;
    }
    return namespace->is_promised ? PLAN_NOT_FIRST : PLAN_UNPROMISED;
}

enum plan_promise plan_promise_nodes(struct plan *plan, const struct plan_input *input,
                                     uint32_t number, const struct place_miss *miss,
                                     struct reason *reason) {
    struct plan_backfill_state *state = &plan->backfill;
    const uint64_t kind = node_kind(plan->states[number].shape, miss);
    bool first;

    if (input->backfill.mode == PLAN_BACKFILL_NONE) {
        return PLAN_UNPROMISED;
    }
    plan_backfill_load(plan, input);
    first = note_kind(state, kind);
    if (!first && !is_entitled(plan, input, number)) {
        return PLAN_NOT_FIRST;
    }
    if (reserve(plan, input, (struct plan_promised){.number = number, .kind = kind}, reason)) {
        return PLAN_PROMISED;
    }
    return first ? PLAN_UNPROMISED : PLAN_NOT_FIRST;
}

enum plan_promise plan_promise_later(struct plan *plan, const struct plan_input *input,
                                     uint32_t number, struct reason *reason) {
    return is_entitled(plan, input, number) &&
                   reserve(plan, input, (struct plan_promised){.number = number}, reason)
               ? PLAN_PROMISED
               : PLAN_NOT_FIRST;
}

void plan_promise_behind(struct plan *plan, const struct plan_input *input, uint32_t number) {
    struct reason unused = reason_plain(REASON_NONE);

    if (reserve(plan, input, (struct plan_promised){.number = number}, &unused)) {
        plan_offer_behind(plan, number);
    } else {
        plan->states[number].through = plan->backfill.look.number;
        order_withdraw(plan->order, number);
    }
}

/* --- Keeping clear ---------------------------------------------------------------------------- */

bool plan_is_reserving(const struct plan *plan) {
    return plan->backfill.promises > 0;
}

static struct reason would_delay(const struct plan *plan, const struct plan_input *input,
                                 int64_t runtime_us) {
    struct reason reason = reason_plain(REASON_WOULD_DELAY);
    uint64_t id = 0;

    if (plan_is_brief(plan)) {
        return plan_brief_delay(plan, runtime_us);
    }
    if (profile_first_reservation(plan->backfill.profile,
                                  plan_backfill_end_of(runtime_us, input->now_us), &reason.until_us,
                                  &id)) {
        reason.job_id = plan_kept_job_of(plan, id);
    }
    reason.needs = runtime_us;
    return reason;
}

bool plan_delays_quota(struct plan *plan, const struct plan_input *input, uint32_t number,
                       struct reason *out_reason) {
    const struct plan_shape *shape = plan->states[number].shape;
    const struct usage *charged[3];
    const struct profile_ask ask = plan_backfill_ask(plan, input, &plan->states[number], charged);

    if (!plan_is_reserving(plan) || !plan->namespaces[shape->namespace_index].is_reserved ||
        (plan_is_brief(plan)
             ? plan_brief_quotas(plan, input, number)
             : profile_quotas(plan->backfill.profile, &ask).verdict == QUOTA_FITS)) {
        return false;
    }
    *out_reason = would_delay(plan, input, plan->states[number].runtime_us);
    return true;
}

bool plan_delays_nodes(struct plan *plan, const struct plan_input *input, uint32_t number,
                       struct reason *out_reason) {
    struct profile *profile = plan->backfill.profile;
    const struct plan_state *state = &plan->states[number];
    bool placed;

    if (plan_is_brief(plan)) {
        placed = plan_brief_place(plan, input, number);
    } else {
        profile_lower(profile, plan->place, plan_backfill_end_of(state->runtime_us, input->now_us));
        placed = place_gang(plan->place, state->shape->demand, NULL);
        profile_lift(profile, plan->place);
    }
    if (!placed) {
        *out_reason = would_delay(plan, input, state->runtime_us);
    }
    return !placed;
}

void plan_backfill_unreserved(struct plan *plan) {
    plan->backfill.look.is_firm = false;
}

bool plan_check_quotas(struct plan *plan, const struct plan_input *input, uint32_t number,
                       const struct usage *const *charged, size_t count) {
    const struct plan_state *state = &plan->states[number];
    const struct ledger_namespace *namespace =
        ledger_namespace(input->ledger, state->shape->namespace_index);
    struct profile_ask ask;
    const struct usage *unused[3];

    if (!plan_is_reserving(plan)) {
        return quota_check((const struct quota *const *)namespace->quotas, namespace->quota_count,
                           state->shape->demand, &namespace->own, charged, count)
                   .verdict == QUOTA_FITS;
    }
    ask = plan_backfill_ask(plan, input, state, unused);
    ask.charged = charged;
    ask.charged_count = count;
    return profile_quotas(plan->backfill.profile, &ask).verdict == QUOTA_FITS;
}

void plan_keep_clear(struct plan *plan, const struct plan_input *input, uint32_t number,
                     struct place *place) {
    if (plan_is_reserving(plan)) {
        profile_cancel(plan->backfill.profile, plan_kept_first_id(plan, number));
        if (!input->capacity_unknown) {
            profile_lower(plan->backfill.profile, place,
                          plan_backfill_end_of(plan->states[number].runtime_us, input->now_us));
        }
    }
}

void plan_keep_clear_end(struct plan *plan, struct place *place) {
    if (plan_is_reserving(plan)) {
        profile_lift(plan->backfill.profile, place);
    }
}

void plan_backfill_started(struct plan *plan, const struct plan_input *input) {
    if (plan->backfill.is_loaded) {
        plan_backfill_add_start(plan, input, plan->start_count - 1);
    }
}

bool plan_backfill_is_tired(struct plan *plan, const struct plan_input *input) {
    if (plan_is_brief(plan)) {
        return plan->backfill.looked_at++ >= plan->backfill.shapes_max;
    }
    return plan_is_reserving(plan) && plan->backfill.look.looked_at >= input->backfill.jobs_max;
}

bool plan_backfill_watches(const struct plan *plan) {
    return plan_is_brief(plan) || (plan->backfill.is_loaded && plan->backfill.has_ends);
}

/* The pass is over: the nodes are as they were. */
void plan_backfill_end(struct plan *plan, const struct plan_input *input, bool is_complete) {
    if (plan_is_brief(plan)) {
        return;
    }
    if ((is_complete && plan->backfill.look.is_done) ||
        plan->backfill.favoured_count > 2 * input->backfill.promises_max) {
        forget_favoured(&plan->backfill);
    }
    if (plan->backfill.is_loaded) {
        profile_lift(plan->backfill.profile, plan->place);
        plan->backfill.is_loaded = false;
    }
}
