/* When what runs is expected to end. It is read from the ledger once, in slices, and kept up to
 * date from then on by the ledger's list of jobs that changed. */
#include <stdlib.h>

#include "base/memory.h"
#include "policy/plan_pass.h"
#include "policy/runtime.h"

/* Pods of an attempt that is over go within about this time. */
#define LEAVING_US INT64_C(30000000)

/* Steps: a job that is only looked at; and one whose pods are collected. */
#define STEPS_SEEN 1
#define STEPS_READ 10

void plan_ends_finish(struct plan_ends *ends) {
    free(ends->sample);
    free(ends->ids);
}

static void add_run(void *context, uint32_t node, uint32_t count,
                    const struct resources *requests) {
    plan_backfill_add_run(context, node, count, requests);
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

/* If it runs, and ends soon enough to count. Jobs without a reservation are on their way out. */
static void put_end(struct plan *plan, const struct plan_input *input, uint64_t job_id) {
    struct plan_backfill_state *state = &plan->backfill;
    const struct ledger_reservation *gang = ledger_find_reservation(input->ledger, job_id);
    const int64_t end_us = gang != NULL ? gang_end_us(input, gang) : input->now_us + LEAVING_US;

    state->look.steps += STEPS_SEEN;
    if (gang != NULL && (end_us == RUNTIME_NEVER || end_us > state->ends.last_us)) {
        return;
    }
    state->look.steps += STEPS_READ;
    state->run_count = 0;
    ledger_each_run(input->ledger, job_id, add_run, state);
    if (gang != NULL || state->run_count > 0) {
        profile_put_end(
            state->profile, job_id, end_us,
            &(struct profile_part){.namespace_index = gang != NULL ? gang->namespace_index : 0,
                                   .demand = gang != NULL ? gang->demand : NULL,
                                   .runs = state->runs,
                                   .run_count = state->run_count});
    }
}

/* --- Reading --------------------------------------------------------------------------------- */

/* Of more running gangs than are looked at, those that end first count: by a sample of them, for
 * what matters is about how many. */
static void begin_reading(struct plan *plan, const struct plan_input *input) {
    struct plan_ends *ends = &plan->backfill.ends;
    const size_t count = ledger_stay_count(input->ledger);
    const size_t ends_max = input->backfill.ends_max;

    profile_drop_all(plan->backfill.profile);
    ends->stride = ends_max > 0 ? count / ends_max + 1 : 1;
    ends->seen = ends->sample_count = 0;
    ends->job_id = 0;
    ends->last_us = RUNTIME_NEVER;
    ends->phase = ends->stride > 1 ? PLAN_ENDS_SAMPLED : PLAN_ENDS_READ;
    ends->changes = ledger_job_changes(input->ledger);
    ends->nodes = ledger_nodes_version(input->ledger);
}

static int compare_instants(const void *a, const void *b) {
    const int64_t left = *(const int64_t *)a;
    const int64_t right = *(const int64_t *)b;

    return (left > right) - (left < right);
}

static void take_sample(struct plan *plan, const struct plan_input *input,
                        const struct ledger_reservation *gang) {
    struct plan_ends *ends = &plan->backfill.ends;

    plan->backfill.look.steps += STEPS_SEEN;
    if (gang->stay.runtime_us == 0 || ends->seen++ % ends->stride != 0) {
        return;
    }
    if (ends->sample_count == ends->sample_room) {
        ends->sample_room = 2 * ends->sample_room + 64;
        ends->sample = mem_grow(ends->sample, ends->sample_room, sizeof *ends->sample);
    }
    ends->sample[ends->sample_count++] = gang_end_us(input, gang);
}

static void end_sample(struct plan *plan, const struct plan_input *input) {
    struct plan_ends *ends = &plan->backfill.ends;
    const int64_t kept_us = plan_kept_last_us(plan);
    const size_t at = ends->sample_count / ends->stride;

    if (ends->sample_count > 0) {
        qsort(ends->sample, ends->sample_count, sizeof *ends->sample, compare_instants);
        ends->last_us = ends->sample[at] > kept_us ? ends->sample[at] : kept_us;
    }
    ends->phase = PLAN_ENDS_READ;
    ends->job_id = 0;
    ends->changes = ledger_job_changes(input->ledger);
}

static void put_leaving(struct plan *plan, const struct plan_input *input) {
    uint64_t job_id;
    size_t at = 0;

    while ((job_id = ledger_next_leaving(input->ledger, &at)) != 0) {
        put_end(plan, input, job_id);
    }
}

/* Go on with it, as far as this pass may. */
static void read_on(struct plan *plan, const struct plan_input *input) {
    struct plan_ends *ends = &plan->backfill.ends;
    const enum plan_ends_phase phase = ends->phase;
    const struct ledger_reservation *gang = NULL;
    size_t at = ledger_reservation_after(input->ledger, ends->job_id);

    while ((gang = ledger_next_reservation(input->ledger, &at)) != NULL) {
        ends->job_id = gang->job_id;
        if (phase == PLAN_ENDS_SAMPLED) {
            take_sample(plan, input, gang);
        } else {
            put_end(plan, input, gang->job_id);
        }
        if (plan_look_is_spent(plan)) {
            return;
        }
    }
    if (phase == PLAN_ENDS_SAMPLED) {
        end_sample(plan, input);
    } else {
        put_leaving(plan, input);
        ends->phase = PLAN_ENDS_KNOWN;
    }
}

/* --- Keeping up ------------------------------------------------------------------------------ */

static int compare_ids(const void *a, const void *b) {
    const uint64_t left = *(const uint64_t *)a;
    const uint64_t right = *(const uint64_t *)b;

    return (left > right) - (left < right);
}

static void note_id(struct plan_ends *ends, uint64_t job_id) {
    if (ends->id_count == ends->id_room) {
        ends->id_room = 2 * ends->id_room + 64;
        ends->ids = mem_grow(ends->ids, ends->id_room, sizeof *ends->ids);
    }
    ends->ids[ends->id_count++] = job_id;
}

/* The jobs that changed, and those that should be over. */
static void collect_changed(struct plan *plan, const struct plan_input *input) {
    struct plan_ends *ends = &plan->backfill.ends;
    struct profile *profile = plan->backfill.profile;
    const uint64_t changes = ledger_job_changes(input->ledger);
    size_t left = 0;
    int64_t at_us;

    ends->id_count = 0;
    for (; ends->changes < changes; ends->changes++) {
        note_id(ends, ledger_changed_job(input->ledger, ends->changes));
    }
    for (size_t i = 0; i < profile_end_count(profile); i++) {
        const uint64_t job_id = profile_end(profile, i, &at_us);

        if (at_us > input->now_us) {
            break;
        }
        note_id(ends, job_id);
    }
    if (ends->id_count > 1) {
        qsort(ends->ids, ends->id_count, sizeof *ends->ids, compare_ids);
    }
    for (size_t i = 0; i < ends->id_count; i++) {
        if (left == 0 || ends->ids[i] != ends->ids[left - 1]) {
            ends->ids[left++] = ends->ids[i];
        }
    }
    ends->id_count = left;
}

/* Those that were not read yet will be. */
static void catch_up(struct plan *plan, const struct plan_input *input) {
    struct plan_ends *ends = &plan->backfill.ends;

    collect_changed(plan, input);
    if (ends->id_count == 0) {
        return;
    }
    profile_drop_ends(plan->backfill.profile, ends->ids, ends->id_count);
    for (size_t i = 0; i < ends->id_count; i++) {
        if (ends->phase == PLAN_ENDS_KNOWN || ends->ids[i] <= ends->job_id) {
            put_end(plan, input, ends->ids[i]);
        }
    }
    plan->backfill.look.steps += profile_end_count(plan->backfill.profile) / 8;
}

/* Were too many changes missed, or are the ends that were known past by now? */
static bool are_old(const struct plan *plan, const struct plan_input *input) {
    const struct plan_backfill_state *state = &plan->backfill;
    const struct plan_ends *ends = &state->ends;
    const size_t count = profile_end_count(state->profile);
    const size_t ends_max = input->backfill.ends_max;

    if (ledger_job_changes(input->ledger) - ends->changes > LEDGER_JOBS_NOTED) {
        return true;
    }
    if (!state->look.is_first || ends->phase != PLAN_ENDS_KNOWN) {
        return false;
    }
    return ends->nodes != ledger_nodes_version(input->ledger) ||
           ends->last_us < plan_kept_last_us(plan) ||
           (ends->last_us != RUNTIME_NEVER && count < ends_max / 2) ||
           (ends_max > 0 && count > 2 * ends_max);
}

bool plan_ends_refresh(struct plan *plan, const struct plan_input *input) {
    struct plan_backfill_state *state = &plan->backfill;
    struct plan_ends *ends = &state->ends;

    if (state->profile == NULL) {
        state->profile = profile_create();
    }
    plan_load_nodes(plan, input->ledger);
    if (ends->phase != PLAN_ENDS_UNKNOWN && are_old(plan, input)) {
        ends->phase = PLAN_ENDS_UNKNOWN;
    }
    if (ends->phase == PLAN_ENDS_UNKNOWN) {
        begin_reading(plan, input);
    }
    if (ends->phase != PLAN_ENDS_SAMPLED) {
        catch_up(plan, input);
    }
    while (ends->phase != PLAN_ENDS_KNOWN) {
        read_on(plan, input);
        if (plan_look_is_spent(plan)) {
            break;
        }
    }
    return ends->phase == PLAN_ENDS_KNOWN;
}
