/* Looks at everything. To find instants, and jobs that keep clear of them, may take longer than
 * an event may, or a turn. So a look at everything has a budget of steps, which are counted, not
 * timed: equal inputs give equal passes. Where a pass has spent it, the look stops, and a later
 * pass goes on with it, with the nodes, quotas and running jobs as they are then. What is promised
 * is kept from slice to slice as it is from pass to pass; a shape that the look came to is passed
 * over, unless it is another one now or keeps something from those behind it. What happens in
 * between gets brief passes.
 *
 * Room that becomes free while a look is under way may so go to a job behind one that the look came
 * to before: to none that is promised something, and for no longer than the look takes. */
#include "policy/plan_pass.h"

#define STEPS_OF_A_SHAPE 20

/* So many passes go to what happens before the look goes on all the same. */
#define PUT_OFF_MAX 3

/* Looks that take more than an event may rest so many times as long as they took, if so many steps
 * take a microsecond; or until input->backfill.every_us is over. */
#define REST_TIMES    10
#define STEPS_IN_A_US 10

bool plan_is_brief(const struct plan *plan) {
    return plan->backfill.is_brief;
}

static size_t steps_of(const struct plan *plan) {
    const struct plan_backfill_state *state = &plan->backfill;

    return state->profile == NULL
               ? state->look.steps
               : state->look.steps + profile_steps(state->profile) - state->look.profile_steps;
}

bool plan_look_is_spent(const struct plan *plan) {
    return !plan_is_brief(plan) && steps_of(plan) >= plan->backfill.look.steps_max;
}

static bool is_due(const struct plan_look *look, const struct plan_input *input) {
    return look->number == 0 || input->now_us >= look->next_us || input->now_us < look->begun_us ||
           look->mode != input->backfill.mode || input->backfill.every_us == 0;
}

static void begin_look(struct plan_look *look, const struct plan_input *input) {
    *look = (struct plan_look){.is_under_way = true,
                               .is_first = true,
                               .is_large = look->is_large,
                               .number = look->number + 1,
                               .last_done = look->last_done,
                               .begun_us = input->now_us,
                               .mode = input->backfill.mode,
                               .is_firm = true};
}

static size_t budget(const struct plan_look *look, const struct plan_input *input) {
    if (input->backfill.every_us == 0) {
        return SIZE_MAX;
    }
    return look->is_first && !input->is_idle ? input->backfill.event_steps
                                             : input->backfill.slice_steps;
}

/* Does this pass go on with the look that is under way? */
static bool goes_on(struct plan *plan, const struct plan_input *input) {
    struct plan_look *look = &plan->backfill.look;

    if (!look->is_first && !input->is_idle && look->put_off < PUT_OFF_MAX) {
        look->put_off++;
        return false;
    }
    look->put_off = 0;
    look->passes++;
    look->steps_max = budget(look, input);
    return plan_ends_refresh(plan, input);
}

void plan_look_begin(struct plan *plan, const struct plan_input *input) {
    struct plan_backfill_state *state = &plan->backfill;
    struct plan_look *look = &state->look;

    look->is_first = look->is_done = false;
    look->steps = 0;
    look->profile_steps = state->profile != NULL ? profile_steps(state->profile) : 0;
    state->is_brief = false;
    if (input->backfill.mode == PLAN_BACKFILL_NONE) {
        *look = (struct plan_look){.number = look->number, .steps_max = SIZE_MAX};
        state->is_sliced = false;
        return;
    }
    if (look->is_under_way &&
        (look->mode != input->backfill.mode || input->now_us < look->begun_us)) {
        look->is_under_way = false;
    }
    if (!look->is_under_way && is_due(look, input)) {
        begin_look(look, input);
    }
    state->is_sliced = input->backfill.every_us > 0;
    if (!look->is_under_way || !goes_on(plan, input)) {
        state->is_brief = true;
        look->is_wanted = look->is_wanted || !input->is_idle;
    }
}

bool plan_look_passes_over(struct plan *plan, const struct plan_input *input, uint32_t number) {
    const struct plan_look *look = &plan->backfill.look;
    const struct plan_state *state = &plan->states[number];
    size_t promised;

    if (plan_is_brief(plan) || !look->is_under_way || !look->is_started || state->keeps ||
        state->seen != look->number || state->own == NULL) {
        return false;
    }
    promised = input->backfill.mode == PLAN_BACKFILL_CONSERVATIVE && state->through != look->number
                   ? plan_kept_count(plan, number)
                   : 0;
    plan->backfill.look.steps += 4;
    if (promised <= state->promised) {
        if (state->promised > 0) {
            return false; /* The job behind those: this pass has offered it. */
        }
        plan_pass_over(plan, number);
    } else {
        plan_pass_over_promised(plan, number, promised);
    }
    return true;
}

void plan_look_saw(struct plan *plan, uint32_t number) {
    struct plan_look *look = &plan->backfill.look;
    struct plan_state *state = &plan->states[number];

    if (!plan_is_brief(plan)) {
        look->steps += STEPS_OF_A_SHAPE;
        look->looked_at += plan_is_reserving(plan) && state->seen != look->number;
        state->seen = look->number;
    }
}

void plan_look_end(struct plan *plan, const struct plan_input *input, bool is_done) {
    struct plan_look *look = &plan->backfill.look;
    int64_t rest_us;

    look->is_done = !plan_is_brief(plan) && is_done;
    look->work += look->is_under_way ? steps_of(plan) : 0;
    if (plan_is_brief(plan) || !look->is_under_way) {
        return;
    }
    look->is_started = true;
    if (!is_done) {
        return;
    }
    look->is_under_way = false;
    look->last_done = look->number;
    look->is_large = look->work > input->backfill.event_steps && input->backfill.every_us > 0;
    rest_us = look->is_large ? (int64_t)(look->work / STEPS_IN_A_US) * REST_TIMES : 0;
    look->next_us =
        look->begun_us + (rest_us < input->backfill.every_us ? rest_us : input->backfill.every_us);
}
