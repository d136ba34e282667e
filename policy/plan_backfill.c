/* Reservations in time: what a blocked job is promised, and how others keep clear of it. */
#include <stdlib.h>

#include "base/ensure.h"
#include "base/memory.h"
#include "policy/plan_pass.h"
#include "policy/room.h"
#include "policy/runtime.h"

/* Pods of an attempt that is over go within about this time. */
#define LEAVING_US INT64_C(30000000)

const char *plan_backfill_text(enum plan_backfill_mode mode) {
    static const char *const texts[PLAN_BACKFILL_MODE_COUNT] = {"none", "easy", "conservative"};

    ENSURE(mode < PLAN_BACKFILL_MODE_COUNT);
    return texts[mode];
}

void plan_backfill_finish(struct plan_backfill_state *state) {
    profile_destroy(state->profile);
    free(state->runs);
    free(state->kinds);
    free(state->promised);
}

/* A pass begins: nothing is reserved. */
void plan_backfill_begin(struct plan *plan) {
    struct plan_backfill_state *state = &plan->backfill;

    ENSURE(!state->is_loaded);
    state->tries = state->promises = 0;
    state->kind_count = 0;
    state->looked_at = 0;
    state->has_ends = false;
    state->is_firm = true;
    for (size_t i = 0; i < state->promised_count; i++) {
        state->promised[i].is_seen = false;
    }
}

/* --- What runs -------------------------------------------------------------------------------- */

static void add_run(void *context, uint32_t node, uint32_t count,
                    const struct resources *requests) {
    struct plan_backfill_state *state = context;

    if (state->run_count == state->run_room) {
        state->run_room = state->run_room > 0 ? 2 * state->run_room : 64;
        state->runs = mem_grow(state->runs, state->run_room, sizeof *state->runs);
    }
    state->runs[state->run_count++] =
        (struct profile_run){.node = node, .count = count, .requests = requests};
}

static void add_end(struct plan *plan, int64_t end_us, size_t namespace_index,
                    const struct demand *demand) {
    struct plan_backfill_state *state = &plan->backfill;

    state->has_ends = true;
    profile_add_end(state->profile, end_us,
                    &(struct profile_part){.namespace_index = namespace_index,
                                           .demand = demand,
                                           .runs = state->runs,
                                           .run_count = state->run_count});
}

static void add_running(struct plan *plan, const struct plan_input *input) {
    const struct ledger_reservation *gang;
    size_t at = 0;

    while ((gang = ledger_next_reservation(input->ledger, &at)) != NULL) {
        const struct ledger_stay *stay = &gang->stay;
        const int64_t from_us = stay->started_us != 0 ? stay->started_us : input->now_us;
        const int64_t end_us = stay->is_leaving ? input->now_us + LEAVING_US
                                                : runtime_end_us(from_us, stay->runtime_us,
                                                                 stay->limit_us, input->now_us);

        if (end_us != RUNTIME_NEVER) {
            plan->backfill.run_count = 0;
            ledger_each_run(input->ledger, gang->job_id, add_run, &plan->backfill);
            add_end(plan, end_us, gang->namespace_index, gang->demand);
        }
    }
}

static void add_leaving(struct plan *plan, const struct plan_input *input) {
    uint64_t job_id;
    size_t at = 0;

    while ((job_id = ledger_next_leaving(input->ledger, &at)) != 0) {
        plan->backfill.run_count = 0;
        ledger_each_run(input->ledger, job_id, add_run, &plan->backfill);
        add_end(plan, input->now_us + LEAVING_US, 0, NULL);
    }
}

/* Runs of a placed gang, each with what its group requests. */
static void take_runs(struct plan_backfill_state *state, const struct demand *demand,
                      const struct place_run *runs, size_t count) {
    state->run_count = 0;
    for (size_t i = 0; i < count; i++) {
        add_run(state, runs[i].node, runs[i].count, &demand->groups[runs[i].group].requests);
    }
}

/* When a job that starts then is through. */
static int64_t end_of(int64_t runtime_us, int64_t at_us) {
    return runtime_us > 0 && runtime_us < PROFILE_FOREVER - at_us ? at_us + runtime_us
                                                                  : PROFILE_FOREVER;
}

static void add_start(struct plan *plan, const struct plan_input *input, size_t start) {
    const struct plan_shape *shape = plan->states[plan->starts[start].shape].shape;
    const int64_t runtime_us = plan->starts[start].runtime_us;
    const struct place_run *runs;
    size_t count;

    if (runtime_us > 0) {
        runs = plan_start_runs(plan, start, &count);
        take_runs(&plan->backfill, shape->demand, runs, count);
        add_end(plan, end_of(runtime_us, input->now_us), shape->namespace_index, shape->demand);
    }
}

/* Once in a pass, when the first job is blocked. */
static void load(struct plan *plan, const struct plan_input *input) {
    struct plan_backfill_state *state = &plan->backfill;

    if (state->is_loaded) {
        return;
    }
    if (state->profile == NULL) {
        state->profile = profile_create();
    }
    plan_load_nodes(plan, input->ledger);
    profile_begin(state->profile, plan->place, input->now_us,
                  &(struct profile_limits){.horizon_us = input->backfill.horizon_us,
                                           .instants_max = input->backfill.instants_max});
    state->is_loaded = true;
    if (ledger_has_stays(input->ledger)) {
        add_running(plan, input);
        add_leaving(plan, input);
    }
    for (size_t i = 0; i < plan->start_count; i++) {
        add_start(plan, input, i);
    }
}

/* --- Reserving -------------------------------------------------------------------------------- */

static struct plan_promised *find_promised(const struct plan_backfill_state *state,
                                           uint64_t job_id) {
    for (size_t i = 0; i < state->promised_count; i++) {
        if (state->promised[i].job_id == job_id) {
            return &state->promised[i];
        }
    }
    return NULL;
}

/* Those that were not promised anything in a pass that came to everybody wait no more. */
static void forget_promised(struct plan_backfill_state *state) {
    size_t left = 0;

    for (size_t i = 0; i < state->promised_count; i++) {
        if (state->promised[i].is_seen) {
            state->promised[left++] = state->promised[i];
        }
    }
    state->promised_count = left;
}

static void remember_promised(struct plan_backfill_state *state, uint64_t job_id, int64_t at_us) {
    struct plan_promised *promised = find_promised(state, job_id);

    if (promised == NULL) {
        state->promised =
            mem_grow(state->promised, state->promised_count + 1, sizeof *state->promised);
        promised = &state->promised[state->promised_count++];
        *promised = (struct plan_promised){.job_id = job_id, .first_us = at_us};
    }
    promised->is_seen = true;
}

void plan_favour(struct plan *plan, uint64_t job_id) {
    remember_promised(&plan->backfill, job_id, 0);
}

static struct profile_ask ask_for(const struct plan *plan, const struct plan_input *input,
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

static void note_promise(struct plan *plan, struct reason *reason, int64_t at_us) {
    size_t count;
    const struct place_run *runs = profile_runs(plan->backfill.profile, &count);

    reason_promise(reason, at_us, (uint32_t)count,
                   count > 0 ? plan->place->index.nodes[runs[0].node].node->name : NULL);
}

/* Promise the shape's job the first instant at which it fits; false: there is none to be seen. */
static bool reserve(struct plan *plan, const struct plan_input *input, uint32_t number,
                    struct reason *reason) {
    struct plan_backfill_state *state = &plan->backfill;
    const struct plan_shape *shape = plan->states[number].shape;
    const struct usage *charged[3];
    const struct profile_ask ask = ask_for(plan, input, &plan->states[number], charged);
    const struct place_run *runs;
    int64_t at_us;
    size_t count;

    if (!state->has_ends || state->promises == input->backfill.promises_max ||
        state->tries == 2 * input->backfill.promises_max) {
        return false;
    }
    state->tries++;
    profile_lift(state->profile, plan->place);
    if (!profile_earliest(state->profile, &ask, &at_us)) {
        return false;
    }
    runs = profile_runs(state->profile, &count);
    take_runs(state, shape->demand, runs, count);
    profile_reserve(state->profile, plan_next_job(plan, number), at_us,
                    end_of(plan->states[number].runtime_us, at_us),
                    &(struct profile_part){.namespace_index = shape->namespace_index,
                                           .demand = shape->demand,
                                           .runs = state->runs,
                                           .run_count = state->run_count});
    state->promises++;
    plan_touch(plan, shape)->is_reserved = true;
    if (state->is_firm) {
        remember_promised(state, plan_next_job(plan, number), at_us);
        note_promise(plan, reason, at_us);
    }
    return true;
}

/* Pods that choose their nodes alike compete for them. */
static uint64_t node_kind(const struct plan_shape *shape, const struct place_miss *miss) {
    return pod_demand_where_hash(&shape->demand->groups[miss->group].pod);
}

static bool is_first_of_kind(struct plan_backfill_state *state, uint64_t kind) {
    for (size_t i = 0; i < state->kind_count; i++) {
        if (state->kinds[i] == kind) {
            return false;
        }
    }
    state->kinds = mem_grow(state->kinds, state->kind_count + 1, sizeof *state->kinds);
    state->kinds[state->kind_count++] = kind;
    return true;
}

/* A promise whether it is the first of its kind or not. */
static bool is_entitled(const struct plan *plan, const struct plan_input *input, uint32_t number) {
    return input->backfill.mode == PLAN_BACKFILL_CONSERVATIVE ||
           find_promised(&plan->backfill, plan_next_job(plan, number)) != NULL;
}

/* EASY: the first job that a namespace's quotas stop, and the first for each kind of nodes. */
enum plan_promise plan_promise_quota(struct plan *plan, const struct plan_input *input,
                                     uint32_t number, struct reason *reason) {
    struct plan_namespace *namespace;

    if (input->backfill.mode == PLAN_BACKFILL_NONE) {
        return PLAN_UNPROMISED;
    }
    load(plan, input);
    namespace = plan_touch(plan, plan->states[number].shape);
    if (namespace->is_promised && !is_entitled(plan, input, number)) {
        return PLAN_NOT_FIRST;
    }
    if (reserve(plan, input, number, reason)) {
        namespace->is_promised = true;
        return PLAN_PROMISED;
    }
    return namespace->is_promised ? PLAN_NOT_FIRST : PLAN_UNPROMISED;
}

enum plan_promise plan_promise_nodes(struct plan *plan, const struct plan_input *input,
                                     uint32_t number, const struct place_miss *miss,
                                     struct reason *reason) {
    struct plan_backfill_state *state = &plan->backfill;
    bool first;

    if (input->backfill.mode == PLAN_BACKFILL_NONE) {
        return PLAN_UNPROMISED;
    }
    load(plan, input);
    first = is_first_of_kind(state, node_kind(plan->states[number].shape, miss));
    if (!first && !is_entitled(plan, input, number)) {
        return PLAN_NOT_FIRST;
    }
    if (reserve(plan, input, number, reason)) {
        return PLAN_PROMISED;
    }
    return first ? PLAN_UNPROMISED : PLAN_NOT_FIRST;
}

enum plan_promise plan_promise_later(struct plan *plan, const struct plan_input *input,
                                     uint32_t number, struct reason *reason) {
    return is_entitled(plan, input, number) && reserve(plan, input, number, reason)
               ? PLAN_PROMISED
               : PLAN_NOT_FIRST;
}

void plan_promise_behind(struct plan *plan, const struct plan_input *input, uint32_t number) {
    struct reason unused = reason_plain(REASON_NONE);

    if (reserve(plan, input, number, &unused)) {
        plan_offer_behind(plan, number);
    } else {
        order_withdraw(plan->order, number);
    }
}

/* --- Keeping clear ---------------------------------------------------------------------------- */

static bool is_reserving(const struct plan *plan) {
    return plan->backfill.promises > 0;
}

static struct reason would_delay(const struct plan *plan, const struct plan_input *input,
                                 int64_t runtime_us) {
    struct reason reason = reason_plain(REASON_WOULD_DELAY);

    (void)profile_first_reservation(plan->backfill.profile, end_of(runtime_us, input->now_us),
                                    &reason.until_us, &reason.job_id);
    reason.needs = runtime_us;
    return reason;
}

bool plan_delays_quota(struct plan *plan, const struct plan_input *input, uint32_t number,
                       struct reason *out_reason) {
    const struct plan_shape *shape = plan->states[number].shape;
    const struct usage *charged[3];
    const struct profile_ask ask = ask_for(plan, input, &plan->states[number], charged);

    if (!is_reserving(plan) || !plan->namespaces[shape->namespace_index].is_reserved ||
        profile_quotas(plan->backfill.profile, &ask).verdict == QUOTA_FITS) {
        return false;
    }
    *out_reason = would_delay(plan, input, plan->states[number].runtime_us);
    return true;
}

void plan_lower_nodes(struct plan *plan, const struct plan_input *input, uint32_t number) {
    if (is_reserving(plan)) {
        profile_lower(plan->backfill.profile, plan->place,
                      end_of(plan->states[number].runtime_us, input->now_us));
    }
}

bool plan_delays_nodes(struct plan *plan, const struct plan_input *input, uint32_t number,
                       struct place_miss *miss, struct reason *out_reason) {
    const struct plan_shape *shape = plan->states[number].shape;

    if (!is_reserving(plan)) {
        return false;
    }
    profile_lift(plan->backfill.profile, plan->place);
    if (!place_possible(plan->place, shape->demand, miss)) {
        return false;
    }
    *out_reason = would_delay(plan, input, plan->states[number].runtime_us);
    return true;
}

void plan_backfill_unreserved(struct plan *plan) {
    plan->backfill.is_firm = false;
}

bool plan_check_quotas(struct plan *plan, const struct plan_input *input, uint32_t number,
                       const struct usage *const *charged, size_t count) {
    const struct plan_state *state = &plan->states[number];
    const struct ledger_namespace *namespace =
        ledger_namespace(input->ledger, state->shape->namespace_index);
    struct profile_ask ask;
    const struct usage *unused[3];

    if (!is_reserving(plan)) {
        return quota_check((const struct quota *const *)namespace->quotas, namespace->quota_count,
                           state->shape->demand, &namespace->own, charged, count)
                   .verdict == QUOTA_FITS;
    }
    ask = ask_for(plan, input, state, unused);
    ask.charged = charged;
    ask.charged_count = count;
    return profile_quotas(plan->backfill.profile, &ask).verdict == QUOTA_FITS;
}

void plan_keep_clear(struct plan *plan, const struct plan_input *input, uint32_t number,
                     struct place *place) {
    if (is_reserving(plan)) {
        profile_cancel(plan->backfill.profile,
                       plan->states[number].shape->job_ids[plan->states[number].started]);
        if (!input->capacity_unknown) {
            profile_lower(plan->backfill.profile, place,
                          end_of(plan->states[number].runtime_us, input->now_us));
        }
    }
}

void plan_keep_clear_end(struct plan *plan, struct place *place) {
    if (is_reserving(plan)) {
        profile_lift(plan->backfill.profile, place);
    }
}

void plan_backfill_started(struct plan *plan, const struct plan_input *input) {
    if (plan->backfill.is_loaded) {
        add_start(plan, input, plan->start_count - 1);
    }
}

bool plan_backfill_is_tired(struct plan *plan, const struct plan_input *input) {
    return is_reserving(plan) && plan->backfill.looked_at++ >= input->backfill.jobs_max;
}

bool plan_backfill_watches(const struct plan *plan) {
    return plan->backfill.is_loaded && plan->backfill.has_ends;
}

/* The pass is over: the nodes are as they were. */
void plan_backfill_end(struct plan *plan, const struct plan_input *input, bool is_complete) {
    if (is_complete || plan->backfill.promised_count > 2 * input->backfill.promises_max) {
        forget_promised(&plan->backfill);
    }
    if (plan->backfill.is_loaded) {
        profile_lift(plan->backfill.profile, plan->place);
        plan->backfill.is_loaded = false;
    }
}
