/* Which running jobs make room for the first blocked one that this helps. */
#include <stdlib.h>

#include "base/ensure.h"
#include "base/memory.h"
#include "policy/plan_pass.h"
#include "policy/preempt.h"
#include "policy/room.h"

/* Questions asked to find the best victims, and those before a job is left to wait. */
#define CHECKS_MAX 512

const char *plan_preemption_text(enum plan_preemption_mode mode) {
    static const char *const texts[PLAN_PREEMPTION_MODE_COUNT] = {"off", "lower-tier", "reclaim"};

    ENSURE(mode < PLAN_PREEMPTION_MODE_COUNT);
    return texts[mode];
}

/* A blocked job, and the cluster as if some were gone. */
struct trial {
    struct plan *plan;
    const struct plan_input *input;
    const struct plan_blocked *blocked;
    const struct plan_shape *shape;
    const struct plan_victim **allowed; /* of all victims, those it may stop */
    size_t allowed_count;
    struct place
        *place;         /* the nodes it could use, after the pass and without pods that are going */
    struct usage going; /* negative: what pods that are going, and the victims, give back */
    int give;           /* 1: their pods are given back, -1: taken again */
};

void plan_note_blocked(struct plan *plan, uint32_t number, uint64_t job_id, bool is_kept) {
    struct plan_preempt_state *state = &plan->preempt;

    if (plan_is_brief(plan)) {
        return; /* What a look at everything has noted counts. */
    }
    for (size_t i = 0; i < state->blocked_count; i++) {
        if (state->blocked[i].job_id == job_id) { /* In an earlier slice. */
            state->blocked[i].is_kept = is_kept;
            return;
        }
    }
    if (state->blocked_count < ARRAY_LEN(state->blocked)) {
        state->blocked[state->blocked_count++] =
            (struct plan_blocked){.number = number, .job_id = job_id, .is_kept = is_kept};
    }
}

void plan_preempt_finish(struct plan_preempt_state *state) {
    place_finish(&state->place);
    free(state->chosen);
}

/* --- Whom it may stop ------------------------------------------------------------------------ */

/* The largest part of the cluster that the node's running jobs hold, with so much more or less, by
 * its weight. */
static double held_share(const struct plan *plan, uint32_t node, const struct resources *change,
                         int sign) {
    const struct share_node_info info = share_node(plan->share, node);
    double most = 0;

    for (size_t i = 0; i < RESOURCE_KIND_MAX; i++) {
        const int64_t whole = plan->capacity.amount[i];
        const double held =
            (double)info.running->amount[i] + (double)sign * (double)change->amount[i];

        if (i != RESOURCE_PODS && whole > 0 && held / (double)whole > most) {
            most = held / (double)whole;
        }
    }
    return most / info.weight;
}

/* Climb to where the two are siblings; false: one is above the other, or they are the same. */
static bool find_siblings(const struct share *share, uint32_t *a, uint32_t *b) {
    while (share_node(share, *a).depth > share_node(share, *b).depth) {
        *a = share_parent(share, *a);
    }
    while (share_node(share, *b).depth > share_node(share, *a).depth) {
        *b = share_parent(share, *b);
    }
    while (*a != *b && share_parent(share, *a) != share_parent(share, *b)) {
        *a = share_parent(share, *a);
        *b = share_parent(share, *b);
    }
    return *a != *b;
}

/* Would the victim's side still have at least the share of the job's side, after both? So nothing
 * is ever taken back in turn. And would it still come after it in the order, with what it used? */
static bool stays_above(const struct trial *trial, const struct plan_victim *victim,
                        const struct resources *lost) {
    const struct plan *plan = trial->plan;
    uint32_t gains = trial->shape->node;
    uint32_t loses = victim->node;
    const struct resources nothing = {{0}};
    const int64_t now_us = trial->input->now_us;
    double change;

    if (plan->settings.mode != ORDER_FAIR || !find_siblings(plan->share, &gains, &loses)) {
        return false; /* In another order, the victims would go before the job again. */
    }
    change = held_share(plan, loses, &nothing, -1) - held_share(plan, loses, lost, -1);
    return held_share(plan, gains, &trial->shape->demand->requests, 1) <=
               held_share(plan, loses, lost, -1) &&
           share_value(plan->share, gains, now_us) <
               share_value(plan->share, loses, now_us) - change;
}

static const struct ledger_reservation *gang_of(const struct trial *trial,
                                                const struct plan_victim *victim) {
    return ledger_find_reservation(trial->input->ledger, victim->job_id);
}

static bool may_stop(const struct trial *trial, const struct plan_victim *victim) {
    const struct ledger_reservation *gang = gang_of(trial, victim);

    if (gang == NULL) {
        return false;
    }
    return victim->tier < trial->shape->tier ||
           (trial->input->preemption == PLAN_PREEMPTION_RECLAIM &&
            victim->tier == trial->shape->tier &&
            stays_above(trial, victim, &gang->demand->requests));
}

/* Together the chosen of one team may be more than it can lose. */
static bool is_fair(const struct trial *trial, const uint32_t *chosen, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const struct plan_victim *victim = trial->allowed[chosen[i]];
        struct resources lost = {{0}};

        if (victim->tier < trial->shape->tier) {
            continue;
        }
        for (size_t j = 0; j < count; j++) {
            resources_add(&lost, &gang_of(trial, trial->allowed[chosen[j]])->demand->requests);
        }
        if (!stays_above(trial, victim, &lost)) {
            return false;
        }
    }
    return true;
}

/* --- Would it fit? --------------------------------------------------------------------------- */

static void give_run(void *context, uint32_t node, uint32_t count,
                     const struct resources *requests) {
    const struct trial *trial = context;

    node_index_take(&trial->place->index, node, requests, -trial->give * (int64_t)count);
}

static void give_back(struct trial *trial, uint64_t job_id, int give) {
    trial->give = give;
    if (!trial->input->capacity_unknown) {
        ledger_each_run(trial->input->ledger, job_id, give_run, trial);
    }
}

/* As if the gang were gone (1), or back again (-1). */
static void stop(struct trial *trial, const struct ledger_reservation *gang, int give) {
    if (gang->namespace_index == trial->shape->namespace_index) {
        usage_add_demand(&trial->going, gang->demand, -give);
    }
    give_back(trial, gang->job_id, give);
}

static bool quotas_hold(struct trial *trial) {
    const struct ledger_namespace *namespace =
        ledger_namespace(trial->input->ledger, trial->shape->namespace_index);
    const struct plan_namespace *pass = &trial->plan->namespaces[trial->shape->namespace_index];
    const struct usage *reserved[] = {&namespace->reserved, &pass->started, &pass->kept,
                                      &trial->going};

    return plan_check_quotas(trial->plan, trial->input, trial->blocked->number, reserved,
                             ARRAY_LEN(reserved));
}

static bool holds(struct trial *trial) {
    return quotas_hold(trial) && (trial->input->capacity_unknown ||
                                  place_possible(trial->place, trial->shape->demand, NULL));
}

static bool fits(void *context, const uint32_t *chosen, size_t count) {
    struct trial *trial = context;
    bool fits;

    for (size_t i = 0; i < count; i++) {
        stop(trial, gang_of(trial, trial->allowed[chosen[i]]), 1);
    }
    fits = holds(trial);
    for (size_t i = 0; i < count; i++) {
        stop(trial, gang_of(trial, trial->allowed[chosen[i]]), -1);
    }
    return fits;
}

/* The nodes after the pass; those that are kept for others hold nothing. */
static void load_place(struct trial *trial) {
    const struct node_index *nodes = &trial->plan->place->index;
    const struct resources nothing = {{0}};

    place_copy_nodes(trial->place, trial->plan->place);
    for (uint32_t i = 0; i < nodes->node_end; i++) {
        const uint64_t holder = nodes->nodes[i].node != NULL ? node_index_holder(nodes, i) : 0;

        if (holder != 0 && holder != trial->blocked->job_id) {
            node_index_set_free(&trial->place->index, i, &nothing);
        }
    }
}

static void load(struct trial *trial) {
    const struct ledger_reservation *gang;
    uint64_t job_id;
    size_t at = 0;

    usage_clear(&trial->going);
    if (!trial->input->capacity_unknown) {
        load_place(trial);
    }
    while ((gang = ledger_next_reservation(trial->input->ledger, &at)) != NULL) {
        if (gang->stay.is_leaving) {
            stop(trial, gang, 1);
        }
    }
    for (at = 0; (job_id = ledger_next_leaving(trial->input->ledger, &at)) != 0;) {
        give_back(trial, job_id, 1);
        ledger_add_pods_of(trial->input->ledger, job_id, trial->shape->namespace_index,
                           &trial->going, -1);
    }
    if (trial->blocked->is_kept) {
        usage_add_demand(&trial->going, trial->shape->demand, -1);
    }
}

/* --- The choice ------------------------------------------------------------------------------ */

static void find_allowed(struct trial *trial, const struct plan_victim *victims, size_t count) {
    trial->allowed_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (may_stop(trial, &victims[i])) {
            trial->allowed[trial->allowed_count++] = &victims[i];
        }
    }
}

static size_t choose(struct trial *trial, uint32_t *out_chosen) {
    struct preempt_victim *victims = mem_alloc(trial->allowed_count, sizeof *victims);
    const struct preempt_ask ask = {.victims = victims,
                                    .count = trial->allowed_count,
                                    .fits = fits,
                                    .context = trial,
                                    .checks_max = CHECKS_MAX};
    size_t count;

    for (size_t i = 0; i < trial->allowed_count; i++) {
        victims[i] = (struct preempt_victim){.job_id = trial->allowed[i]->job_id,
                                             .tier = trial->allowed[i]->tier,
                                             .pods = trial->allowed[i]->pods,
                                             .ran_us = trial->allowed[i]->ran_us};
    }
    count = preempt_choose(&ask, out_chosen);
    free(victims);
    return is_fair(trial, out_chosen, count) ? count : 0;
}

/* Job ids of those who go for this one; 0: nobody. *out_waits: room is on its way already. */
static size_t try_one(struct trial *trial, const struct plan_victim *victims, size_t count,
                      bool *out_waits) {
    struct plan_preempt_state *state = &trial->plan->preempt;
    uint32_t *chosen;
    size_t chosen_count = 0;

    find_allowed(trial, victims, count);
    if (trial->allowed_count == 0) {
        return 0;
    }
    load(trial);
    plan_keep_clear(trial->plan, trial->input, trial->blocked->number, trial->place);
    *out_waits = holds(trial);
    chosen = mem_alloc(trial->allowed_count, sizeof *chosen);
    if (!*out_waits) {
        chosen_count = choose(trial, chosen);
    }
    plan_keep_clear_end(trial->plan, trial->place);
    state->chosen = mem_grow(state->chosen, chosen_count + 1, sizeof *state->chosen);
    for (size_t i = 0; i < chosen_count; i++) {
        state->chosen[i] = trial->allowed[chosen[i]]->job_id;
    }
    free(chosen);
    return chosen_count;
}

/* Since the slice that saw it? */
static bool still_waits(const struct plan *plan, const struct plan_blocked *blocked) {
    const struct plan_state *state = &plan->states[blocked->number];

    return state->shape != NULL && state->own != NULL && state->waits_id == blocked->job_id;
}

bool plan_preempt(struct plan *plan, const struct plan_input *input,
                  const struct plan_victim *victims, size_t count,
                  struct plan_preemption *out_preemption) {
    struct trial trial = {.plan = plan,
                          .input = input,
                          .allowed = mem_alloc(count, sizeof *trial.allowed),
                          .place = &plan->preempt.place};
    bool waits = false;
    size_t chosen = 0;

    if (!input->capacity_unknown) {
        plan_load_nodes(plan, input->ledger);
    }
    for (size_t i = 0; i < plan->preempt.blocked_count && !waits && chosen == 0; i++) {
        trial.blocked = &plan->preempt.blocked[i];
        if (!still_waits(plan, trial.blocked)) {
            continue;
        }
        trial.shape = plan->states[trial.blocked->number].shape;
        chosen = try_one(&trial, victims, count, &waits);
    }
    if (chosen > 0) {
        plan_favour(plan, trial.blocked->job_id);
        *out_preemption = (struct plan_preemption){.job_id = trial.blocked->job_id,
                                                   .shape = trial.blocked->number,
                                                   .victims = plan->preempt.chosen,
                                                   .victim_count = chosen};
    }
    usage_finish(&trial.going);
    free((void *)trial.allowed);
    return chosen > 0;
}

void plan_note_preempting(struct plan *plan, uint64_t job_id) {
    for (size_t i = 0; i < plan->preempt.blocked_count; i++) {
        struct plan_state *state = &plan->states[plan->preempt.blocked[i].number];

        if (state->own != NULL && state->waits_id == job_id) {
            state->own->reason.code = REASON_PREEMPTING;
        }
    }
}

bool plan_has_blocked(const struct plan *plan) {
    return plan->backfill.look.is_done && plan->preempt.blocked_count > 0;
}
