/* What runs, and when it is expected to end: what the promises of a pass are made from. */
#include <stdlib.h>

#include "base/memory.h"
#include "policy/plan_pass.h"
#include "policy/room.h"
#include "policy/runtime.h"

/* Pods of an attempt that is over go within about this time. */
#define LEAVING_US INT64_C(30000000)

void plan_backfill_add_run(struct plan_backfill_state *state, uint32_t node, uint32_t count,
                           const struct resources *requests) {
    if (state->run_count == state->run_room) {
        state->run_room = state->run_room > 0 ? 2 * state->run_room : 64;
        state->runs = mem_grow(state->runs, state->run_room, sizeof *state->runs);
    }
    state->runs[state->run_count++] =
        (struct profile_run){.node = node, .count = count, .requests = requests};
}

static void add_run(void *context, uint32_t node, uint32_t count,
                    const struct resources *requests) {
    plan_backfill_add_run(context, node, count, requests);
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

/* When the gang is expected to be through. */
static int64_t gang_end_us(const struct plan_input *input, const struct ledger_reservation *gang) {
    const struct ledger_stay *stay = &gang->stay;

    if (stay->is_leaving) {
        return input->now_us + LEAVING_US;
    }
    return runtime_end_us(stay->started_us != 0 ? stay->started_us : input->now_us,
                          stay->runtime_us, stay->limit_us, input->now_us);
}

static int compare_instants(const void *a, const void *b) {
    const int64_t left = *(const int64_t *)a;
    const int64_t right = *(const int64_t *)b;

    return (left > right) - (left < right);
}

/* Of more running gangs than are looked at, those that end first: up to what instant? By a sample
 * of them, for what counts is about how many. */
static int64_t last_end_us(const struct plan_input *input) {
    const size_t ends_max = input->backfill.ends_max;
    const size_t stride = ends_max > 0 ? ledger_stay_count(input->ledger) / ends_max + 1 : 1;
    const struct ledger_reservation *gang;
    int64_t *sample;
    int64_t last_us;
    size_t count = 0;
    size_t seen = 0;

    if (stride == 1) {
        return RUNTIME_NEVER;
    }
    sample = mem_alloc(ledger_stay_count(input->ledger) / stride + 1, sizeof *sample);
    for (size_t at = 0; (gang = ledger_next_reservation(input->ledger, &at)) != NULL;) {
        if (gang->stay.runtime_us != 0 && seen++ % stride == 0) {
            sample[count++] = gang_end_us(input, gang);
        }
    }
    qsort(sample, count, sizeof *sample, compare_instants);
    last_us = sample[count / stride];
    free(sample);
    return last_us;
}

static void add_running(struct plan *plan, const struct plan_input *input) {
    const int64_t few_us = last_end_us(input);
    const int64_t kept_us = plan_kept_last_us(plan);
    const int64_t last_us = few_us > kept_us ? few_us : kept_us;
    const struct ledger_reservation *gang;
    size_t at = 0;

    while ((gang = ledger_next_reservation(input->ledger, &at)) != NULL) {
        const int64_t end_us = gang_end_us(input, gang);

        if (end_us != RUNTIME_NEVER && end_us <= last_us) {
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
void plan_backfill_take_runs(struct plan_backfill_state *state, const struct demand *demand,
                             const struct place_run *runs, size_t count) {
    state->run_count = 0;
    for (size_t i = 0; i < count; i++) {
        add_run(state, runs[i].node, runs[i].count, &demand->groups[runs[i].group].requests);
    }
}

/* When a job that starts then is through. */
int64_t plan_backfill_end_of(int64_t runtime_us, int64_t at_us) {
    return runtime_us > 0 && runtime_us < PROFILE_FOREVER - at_us ? at_us + runtime_us
                                                                  : PROFILE_FOREVER;
}

void plan_backfill_add_start(struct plan *plan, const struct plan_input *input, size_t start) {
    const struct plan_shape *shape = plan->states[plan->starts[start].shape].shape;
    const int64_t runtime_us = plan->starts[start].runtime_us;
    const struct place_run *runs;
    size_t count;

    if (runtime_us > 0) {
        runs = plan_start_runs(plan, start, &count);
        plan_backfill_take_runs(&plan->backfill, shape->demand, runs, count);
        add_end(plan, plan_backfill_end_of(runtime_us, input->now_us), shape->namespace_index,
                shape->demand);
    }
}

/* Has nothing changed of what runs since the ends were loaded? */
static bool ends_are_current(const struct plan *plan, const struct plan_input *input) {
    const struct plan_backfill_state *state = &plan->backfill;

    return state->ends_of == ledger_changes(input->ledger) &&
           state->ends_room == room_version(ledger_room(input->ledger)) &&
           state->ends_horizon_us == input->backfill.horizon_us;
}

static void load_ends(struct plan *plan, const struct plan_input *input) {
    struct plan_backfill_state *state = &plan->backfill;

    if (ends_are_current(plan, input) && profile_begin_again(state->profile, input->now_us)) {
        state->has_ends = true;
        return;
    }
    profile_begin(state->profile, plan->place, input->now_us,
                  &(struct profile_limits){.horizon_us = input->backfill.horizon_us,
                                           .instants_max = input->backfill.instants_max});
    if (ledger_stay_count(input->ledger) > 0) {
        add_running(plan, input);
        add_leaving(plan, input);
    }
    profile_keep_ends(state->profile);
    state->ends_of = ledger_changes(input->ledger);
    state->ends_room = room_version(ledger_room(input->ledger));
    state->ends_horizon_us = input->backfill.horizon_us;
}

/* Once in a pass, when the first job is blocked. */
void plan_backfill_load(struct plan *plan, const struct plan_input *input) {
    struct plan_backfill_state *state = &plan->backfill;

    if (state->is_loaded || plan_is_brief(plan)) {
        return;
    }
    if (state->profile == NULL) {
        state->profile = profile_create();
    }
    plan_load_nodes(plan, input->ledger);
    state->is_loaded = true;
    load_ends(plan, input);
    for (size_t i = 0; i < plan->start_count; i++) {
        plan_backfill_add_start(plan, input, i);
    }
}
