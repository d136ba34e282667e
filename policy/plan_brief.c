/* Brief passes: those that look for no instants, nor for jobs that keep clear of them, count all
 * that is promised as taken from now on, and so delay nobody. */
#include "base/ensure.h"
#include "policy/plan_pass.h"
#include "policy/room.h"

/* Shapes that a brief pass looks at behind those that are promised something. */
#define BRIEF_SHAPES 16

/* What is promised is known, without any instant being looked for. */
void plan_brief_load(struct plan *plan, const struct plan_input *input) {
    struct plan_backfill_state *state = &plan->backfill;

    if (!state->is_brief) {
        return;
    }
    state->shapes_max = state->kept.count + BRIEF_SHAPES;
    for (size_t i = 0; i < state->kept.count; i++) {
        plan_backfill_note(plan, &state->kept.promises[i]);
    }
    if (state->kept.count > 0 && !input->capacity_unknown) {
        plan_load_nodes(plan, input->ledger);
    }
}

/* --- As if what is promised were taken -------------------------------------------------------- */

/* Does any pod of the gang fit on it? */
static bool has_room(const struct place *place, uint32_t node, const struct demand *demand) {
    for (size_t i = 0; i < demand->group_count; i++) {
        if (resources_fit(&demand->groups[i].requests, &place->index.nodes[node].free)) {
            return true;
        }
    }
    return false;
}

/* Take what is promised from the nodes, where that makes a difference to the gang. */
static void take_promised(struct plan *plan, const struct demand *demand) {
    const struct plan_kept *kept = &plan->backfill.kept;
    struct node_index *index = &plan->place->index;

    plan->backfill.run_count = 0;
    for (size_t i = 0; i < kept->count; i++) {
        const struct plan_promised *promised = &kept->promises[i];
        const struct demand *other = plan->states[promised->number].shape->demand;

        for (size_t j = 0; j < promised->run_count; j++) {
            const struct place_run *run = &promised->runs[j];

            if (run->node < index->node_end && index->nodes[run->node].node != NULL &&
                run->group < other->group_count && has_room(plan->place, run->node, demand)) {
                const struct resources *requests = &other->groups[run->group].requests;

                node_index_take(index, run->node, requests, run->count);
                plan_backfill_add_run(&plan->backfill, run->node, run->count, requests);
            }
        }
    }
}

static void give_back(struct plan *plan) {
    for (size_t i = 0; i < plan->backfill.run_count; i++) {
        const struct profile_run *run = &plan->backfill.runs[i];

        node_index_take(&plan->place->index, run->node, run->requests, -(int64_t)run->count);
    }
}

/* At its instant, it goes where it was promised: what is promised to others is clear of that. */
static bool is_on_time(const struct plan *plan, const struct plan_input *input) {
    const struct plan_kept *kept = &plan->backfill.kept;

    return kept->has_own && kept->own.at_us <= input->now_us;
}

bool plan_brief_place(struct plan *plan, const struct plan_input *input, uint32_t number) {
    const struct plan_promised *own = &plan->backfill.kept.own;
    const struct demand *demand = plan->states[number].shape->demand;
    bool placed;

    if (is_on_time(plan, input) && plan_kept_is_placed(plan, input, own) &&
        place_runs(plan->place, demand, own->runs, own->run_count)) {
        return true;
    }
    take_promised(plan, demand);
    placed = place_gang(plan->place, demand, NULL);
    give_back(plan);
    return placed;
}

bool plan_brief_quotas(struct plan *plan, const struct plan_input *input, uint32_t number) {
    const struct plan_kept *kept = &plan->backfill.kept;
    const struct plan_shape *shape = plan->states[number].shape;
    struct usage *kept_usage = &plan_touch(plan, shape)->kept;
    bool fits = false;

    if (is_on_time(plan, input)) {
        return true;
    }
    for (int times = 1; times >= -1; times -= 2) {
        for (size_t i = 0; i < kept->count; i++) {
            const struct plan_shape *other = plan->states[kept->promises[i].number].shape;

            if (other->namespace_index == shape->namespace_index) {
                usage_add_demand(kept_usage, other->demand, times);
            }
        }
        if (times > 0) {
            fits = plan_ask_quotas(plan, input, shape, true).verdict == QUOTA_FITS;
        }
    }
    return fits;
}

struct reason plan_brief_delay(const struct plan *plan, int64_t runtime_us) {
    const struct plan_kept *kept = &plan->backfill.kept;
    struct reason reason = reason_plain(REASON_WOULD_DELAY);
    size_t first = 0;

    ENSURE(kept->count > 0);
    for (size_t i = 1; i < kept->count; i++) {
        first = kept->promises[i].at_us < kept->promises[first].at_us ? i : first;
    }
    reason.until_us = kept->promises[first].at_us;
    reason.job_id = plan_kept_job(plan, first);
    reason.needs = runtime_us;
    return reason;
}
