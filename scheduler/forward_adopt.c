#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "policy/ledger.h"
#include "scheduler/forward_inside.h"

/* --- Quotas ---------------------------------------------------------------------------------- */

/* What the server counts lags, and nobody will count anew here: our own sums are enough. What they
 * can't tell (objects that are not ours) stays taken for ever. */
static void settle_quota(const struct ledger_namespace *namespace, struct quota *quota) {
    for (size_t i = 0; i < quota->item_count; i++) {
        struct quota_item *item = &quota->items[i];
        int64_t own = quota_item_amount(quota, item, &namespace->own);

        if (item->field == QUOTA_OBJECTS && item->used > own) {
            item->hard -= item->used - own;
        }
        item->used = 0;
    }
}

static void take_quotas(struct forward *forward) {
    const struct ledger *ledger = core_ledger(forward->options.core);
    size_t count = 0;

    for (size_t i = 0; i < ledger_namespace_count(ledger); i++) {
        count += ledger_namespace(ledger, i)->quota_count;
    }
    forward->quotas = mem_alloc(count, sizeof *forward->quotas);
    for (size_t i = 0; i < ledger_namespace_count(ledger); i++) {
        const struct ledger_namespace *namespace = ledger_namespace(ledger, i);

        for (size_t k = 0; k < namespace->quota_count; k++) {
            struct quota *quota = &forward->quotas[forward->quota_count++];

            quota_copy(namespace->quotas[k], quota);
            settle_quota(namespace, quota);
            forward_add_event(forward, EVENT_QUOTA)->quota = quota;
        }
    }
}

/* --- Attempts -------------------------------------------------------------------------------- */

/* In the place of pods that were admitted and are not visible yet. One that finds no room stays
 * unbound, as it would. */
static void make_outstanding(struct forward *forward, struct gang *gang,
                             const struct ledger_reservation *reservation, uint32_t group) {
    uint32_t count = ledger_outstanding(core_ledger(forward->options.core), reservation, group);
    struct demand *one = demand_create();

    pod_demand_copy(&reservation->demand->groups[group].pod,
                    &demand_add_group(one, reservation->demand->groups[group].role, 1)->pod);
    demand_settle(one);
    forward_load_place(forward);
    for (uint32_t i = 0; i < count; i++) {
        bool placed = place_gang(&forward->place, one, NULL);

        (void)gang_add_pod(gang, group, placed ? forward->place.runs[0].node : FORWARD_NO_NODE);
    }
    demand_destroy(one);
}

static bool find_main(struct gang *gang, const struct demand *demand) {
    for (size_t i = 0; i < gang->pod_count; i++) {
        if (demand->groups[gang->pods[i].group].role != POD_ROLE_EXECUTOR) {
            gang->main = i;
            return true;
        }
    }
    return false;
}

/* An attempt goes on: what is missing of it comes now, and it runs. */
static void take_attempt(struct forward *forward, const struct ledger_reservation *reservation) {
    struct gang *gang = gang_find(forward, reservation->job_id);
    size_t visible = gang != NULL ? gang->pod_count : 0;
    struct job job;

    if (!core_job(forward->options.core, reservation->job_id, &job)) {
        return;
    }
    if (gang == NULL) {
        gang = gang_add(forward, job.id, job.attempt);
    }
    for (uint32_t i = 0; i < reservation->demand->group_count; i++) {
        make_outstanding(forward, gang, reservation, i);
    }
    if (!find_main(gang, reservation->demand)) {
        gang_drop(forward, gang); /* Its main pod has ended: the core is about to hear of it. */
        return;
    }
    if (job.state == JOB_SUBMITTING) {
        gang_tell_start(forward, gang);
    }
    for (size_t i = visible; i < gang->pod_count; i++) {
        if (i != gang->main) {
            gang_tell_pod(forward, gang, i, POD_STANDS_WAITING);
        }
    }
    gang_run(forward, gang, job.state == JOB_RUNNING ? job.started_us : forward->now.now_us);
}

/* --- Pods ------------------------------------------------------------------------------------ */

static void tell_gone(struct forward *forward, const struct core_pod *pod) {
    struct event *event = forward_add_event(forward, EVENT_POD_GONE);

    event->gone.namespace = pod->namespace;
    event->gone.name = pod->name;
}

static uint32_t group_of(const struct demand *demand, enum pod_role role) {
    for (uint32_t i = 0; i < demand->group_count; i++) {
        if (demand->groups[i].role == role) {
            return i;
        }
    }
    return 0;
}

static void take_pod(struct forward *forward, const struct core_pod *pod) {
    const struct demand *demand = core_demand(forward->options.core, pod->job_id);
    struct gang *gang;
    struct gang_pod *mine;
    struct job job;

    if (demand == NULL || !core_job(forward->options.core, pod->job_id, &job) ||
        !job_state_is_active(job.state) || job.attempt != pod->attempt) {
        tell_gone(forward, pod); /* Of an attempt that is over: it is being deleted. */
        return;
    }
    gang = gang_find(forward, pod->job_id);
    gang = gang != NULL ? gang : gang_add(forward, pod->job_id, pod->attempt);
    mine = gang_add_pod(gang, group_of(demand, pod->role), FORWARD_NO_NODE);
    mine->name = mem_copy_text(pod->name);
    mine->uid = mem_copy_text(pod->uid);
    mine->node_name = mem_copy_text(pod->node);
}

void forward_adopt(struct forward *forward) {
    const struct ledger *ledger = core_ledger(forward->options.core);
    const struct ledger_reservation *reservation;
    struct core_pod pod;
    size_t at = 0;

    take_quotas(forward);
    while (core_next_pod(forward->options.core, &at, &pod)) {
        if (pod.job_id != 0 && !pod.finished) {
            take_pod(forward, &pod);
        }
    }
    for (at = 0; (reservation = ledger_next_reservation(ledger, &at)) != NULL;) {
        take_attempt(forward, reservation);
    }
}
