/* What the promises of a pass are made from: what runs, and what the pass starts. */
#include <stdlib.h>

#include "base/memory.h"
#include "policy/plan_pass.h"

void plan_backfill_add_run(struct plan_backfill_state *state, uint32_t node, uint32_t count,
                           const struct resources *requests) {
    if (state->run_count == state->run_room) {
        state->run_room = state->run_room > 0 ? 2 * state->run_room : 64;
        state->runs = mem_grow(state->runs, state->run_room, sizeof *state->runs);
    }
    state->runs[state->run_count++] =
        (struct profile_run){.node = node, .count = count, .requests = requests};
}

/* Runs of a placed gang, each with what its group requests. */
void plan_backfill_take_runs(struct plan_backfill_state *state, const struct demand *demand,
                             const struct place_run *runs, size_t count) {
    state->run_count = 0;
    for (size_t i = 0; i < count; i++) {
        plan_backfill_add_run(state, runs[i].node, runs[i].count,
                              &demand->groups[runs[i].group].requests);
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
        plan->backfill.has_ends = true;
        profile_add_end(plan->backfill.profile, plan_backfill_end_of(runtime_us, input->now_us),
                        &(struct profile_part){.namespace_index = shape->namespace_index,
                                               .demand = shape->demand,
                                               .runs = plan->backfill.runs,
                                               .run_count = plan->backfill.run_count});
    }
}

/* Once in a pass, when the first job is blocked. */
void plan_backfill_load(struct plan *plan, const struct plan_input *input) {
    struct plan_backfill_state *state = &plan->backfill;

    if (state->is_loaded || plan_is_brief(plan)) {
        return;
    }
    plan_load_nodes(plan, input->ledger);
    state->is_loaded = true;
    profile_begin(state->profile, plan->place, input->now_us,
                  &(struct profile_limits){.horizon_us = input->backfill.horizon_us,
                                           .instants_max = input->backfill.instants_max});
    state->has_ends = profile_end_count(state->profile) > 0;
    for (size_t i = 0; i < plan->start_count; i++) {
        plan_backfill_add_start(plan, input, i);
    }
}
