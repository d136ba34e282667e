/* Pods, as the watch shows them. */
#include "policy/ledger_inside.h"

#include <stdlib.h>

#include "base/ensure.h"
#include "base/memory.h"
#include "policy/room.h"
#include "policy/usage.h"

static struct kept_job *need_job(struct ledger *ledger, uint64_t job_id) {
    struct kept_job *job = map_get_id(&ledger->jobs, job_id);

    if (job == NULL) {
        job = mem_alloc(1, sizeof *job);
        job->id = job_id;
        (void)map_put_id(&ledger->jobs, job_id, job);
    }
    return job;
}

static void link_to_job(struct kept_job *job, struct kept_pod *pod) {
    pod->next_of_job = job->pods;
    pod->link_of_job = &job->pods;
    if (job->pods != NULL) {
        job->pods->link_of_job = &pod->next_of_job;
    }
    job->pods = pod;
}

static void unlink_from_job(struct kept_pod *pod) {
    *pod->link_of_job = pod->next_of_job;
    if (pod->next_of_job != NULL) {
        pod->next_of_job->link_of_job = pod->link_of_job;
    }
}

/* Count a pod of ours in (+1) or out (-1), and recharge the reservation it fills. */
static void count_for_job(struct ledger *ledger, struct kept_pod *pod, int times) {
    const struct ledger_reservation *reservation;
    struct kept_job *job;

    if (pod->job_id == 0) {
        return;
    }
    reservation = ledger_own_reservation(ledger, pod->job_id);
    if (reservation != NULL) {
        ledger_charge_reservation(ledger, reservation, -1);
    }
    ledger_note_job(ledger, pod->job_id);
    job = need_job(ledger, pod->job_id);
    if (times > 0) {
        link_to_job(job, pod);
    } else {
        unlink_from_job(pod);
    }
    job->pod_count += (uint64_t)times;
    job->live[pod->role] += pod->finished ? 0 : (uint64_t)times;
    if (job->pod_count == 0) {
        free(map_remove_id(&ledger->jobs, pod->job_id));
    }
    if (reservation == NULL) {
        ledger_note_whether_leaving(ledger, pod->job_id);
    }
    if (reservation != NULL) {
        ledger_charge_reservation(ledger, reservation, 1);
    }
}

/* Charge a pod to its namespace, node and job (times 1), or take the charge back (-1). */
void ledger_charge_pod(struct ledger *ledger, struct kept_pod *pod, int times) {
    usage_add_pods(&ledger_change_namespace(ledger, pod->namespace_index)->own, &pod->scope,
                   &pod->requests, &pod->limits, pod->finished || pod->overdue, times);
    if (pod->node != NULL) {
        pod->node->pod_count += (size_t)times;
        if (!pod->finished) {
            resources_add_times(&pod->node->used, &pod->requests, times);
            room_touch_node(ledger->room, pod->node);
        }
    }
    count_for_job(ledger, pod, times);
}

static void drop_unbound(struct ledger *ledger, struct ledger_unbound *unbound) {
    if (unbound != NULL) {
        room_touch_unbound(ledger->room, unbound->order);
        (void)map_remove_id(&ledger->unbound, unbound->order);
        pod_demand_finish(&unbound->pod);
        free(unbound);
    }
}

static void drop_pod(struct ledger *ledger, struct kept_pod *pod) {
    ledger_charge_pod(ledger, pod, -1);
    drop_unbound(ledger, pod->unbound);
    if (pod->node != NULL) {
        ledger_drop_node_if_unused(ledger, pod->node);
    }
    pod_demand_finish(&pod->company);
    free(pod->priority_class);
    free(pod);
}

/* The record for placement: the old one, which keeps its place in line, or a new one. */
static struct ledger_unbound *keep_unbound(struct ledger *ledger, struct ledger_unbound *old,
                                           const struct ledger_pod *pod,
                                           const struct resources *requests) {
    if (old == NULL) {
        old = mem_alloc(1, sizeof *old);
        old->order = ledger->unbound_order++;
        (void)map_put_id(&ledger->unbound, old->order, old);
    } else {
        pod_demand_finish(&old->pod);
    }
    room_touch_unbound(ledger->room, old->order);
    old->job_id = pod->job_id;
    old->requests = *requests;
    pod_demand_copy(pod->demand, &old->pod);
    return old;
}

/* Our sums do not hold (all of) the pod any more: the server may, for a while. */
static void note_leaving(struct ledger *ledger, const struct kept_pod *pod, bool gone,
                         uint64_t version) {
    struct ledger_namespace *namespace = ledger_change_namespace(ledger, pod->namespace_index);
    const bool charged = !pod->finished && !pod->overdue;
    struct leaving_pod leaving = {
        .version = version, .until_us = ledger->now_us + QUOTA_LEAVING_US, .scope = pod->scope};

    if (charged) {
        leaving.sum.requests = pod->requests;
        leaving.sum.limits = pod->limits;
    }
    leaving.sum.pods_all = gone ? 1 : 0;
    if (namespace->quota_count > 0 && version != 0) {
        quota_floor_add(&namespace->floor, namespace->quotas, namespace->quota_count, &leaving);
        ledger_note_due(ledger, leaving.until_us);
    }
}

static void note_overdue(struct ledger *ledger, struct kept_pod *pod, const char *uid) {
    if (pod->overdue_us == 0 || pod->finished) {
        (void)map_remove(&ledger->terminating, uid);
        return;
    }
    pod->overdue = pod->overdue_us < ledger->now_us;
    (void)map_put(&ledger->terminating, uid, pod);
    if (!pod->overdue) {
        ledger_note_due(ledger, pod->overdue_us + 1);
    }
}

static void keep_company(struct ledger *ledger, struct kept_pod *kept,
                         const struct ledger_pod *pod) {
    (void)map_remove(&ledger->antis, pod->uid);
    if (kept->node == NULL || kept->finished) {
        return;
    }
    pod_demand_copy_company(pod->demand, &kept->company);
    if (pod_demand_keeps_apart(&kept->company)) {
        (void)map_put(&ledger->antis, pod->uid, kept);
    }
}

void ledger_put_pod(struct ledger *ledger, const struct ledger_pod *pod) {
    struct kept_pod *old = map_get(&ledger->pods, pod->uid);
    struct kept_pod *kept = mem_alloc(1, sizeof *kept);
    struct ledger_unbound *unbound = NULL;

    ENSURE(pod->role < POD_ROLE_COUNT);
    kept->namespace_index = ledger_namespace_index(ledger, pod->namespace);
    kept->node = pod->node != NULL ? ledger_need_node(ledger, pod->node) : NULL;
    kept->job_id = pod->job_id;
    kept->role = pod->role;
    kept->finished = pod->finished;
    kept->priority_class = mem_copy_text(pod->demand->priority_class);
    kept->scope = (struct pod_scope){.priority_class = kept->priority_class,
                                     .has_run_deadline = pod->demand->has_run_deadline,
                                     .best_effort = pod_demand_is_best_effort(pod->demand),
                                     .crosses_namespaces = pod->demand->crosses_namespaces};
    kept->requests = pod_demand_requests(pod->demand);
    kept->limits = pod_demand_limits(pod->demand);
    keep_company(ledger, kept, pod);
    kept->overdue_us = pod->overdue_us;
    ledger_note_version(ledger, pod->version);
    note_overdue(ledger, kept, pod->uid);
    ledger_charge_pod(ledger, kept, 1);
    (void)map_put(&ledger->pods, pod->uid, kept);
    if (old != NULL && kept->finished && !old->finished) {
        note_leaving(ledger, old, false, pod->version);
    }
    if (old != NULL) {
        unbound = old->unbound;
        old->unbound = NULL;
        drop_pod(ledger, old);
    }
    if (pod->node == NULL && !pod->finished) {
        kept->unbound = keep_unbound(ledger, unbound, pod, &kept->requests);
    } else {
        drop_unbound(ledger, unbound);
    }
}

void ledger_remove_pod(struct ledger *ledger, const char *uid) {
    ledger_remove_pod_at(ledger, uid, ledger->version);
}

void ledger_remove_pod_at(struct ledger *ledger, const char *uid, uint64_t version) {
    struct kept_pod *pod = map_remove(&ledger->pods, uid);

    (void)map_remove(&ledger->terminating, uid);
    (void)map_remove(&ledger->antis, uid);
    if (pod != NULL) {
        note_leaving(ledger, pod, true, version);
        drop_pod(ledger, pod);
    }
}

bool ledger_get_pod(const struct ledger *ledger, const char *uid, struct ledger_seen *out_seen) {
    const struct kept_pod *pod = map_get(&ledger->pods, uid);

    if (pod == NULL) {
        return false;
    }
    *out_seen = (struct ledger_seen){
        .namespace = ledger->namespaces[pod->namespace_index]->name,
        .node = pod->node != NULL ? pod->node->name : "",
        .role = pod->role,
        .finished = pod->finished,
    };
    return true;
}

void ledger_finish_pods(struct ledger *ledger) {
    struct map_entry *entry;
    size_t at = 0;

    while ((entry = map_next(&ledger->pods, &at)) != NULL) {
        drop_pod(ledger, entry->value);
    }
    map_finish(&ledger->pods);
    map_finish(&ledger->terminating);
    map_finish(&ledger->antis);
}

const struct ledger_unbound *ledger_next_unbound(const struct ledger *ledger, size_t *at) {
    const struct map_entry *entry = map_next(&ledger->unbound, at);

    return entry != NULL ? entry->value : NULL;
}

const struct ledger_unbound *ledger_find_unbound(const struct ledger *ledger, uint64_t order) {
    return map_get_id(&ledger->unbound, order);
}

bool ledger_next_company(const struct ledger *ledger, bool antis, size_t *at,
                         const struct ledger_node **out_node,
                         const struct pod_demand **out_company) {
    const struct map_entry *entry;

    while ((entry = map_next(antis ? &ledger->antis : &ledger->pods, at)) != NULL) {
        const struct kept_pod *pod = entry->value;

        if (pod->node != NULL && !pod->finished) {
            *out_node = pod->node;
            *out_company = &pod->company;
            return true;
        }
    }
    return false;
}

void ledger_each_run(const struct ledger *ledger, uint64_t job_id, ledger_run_fn *visit,
                     void *context) {
    const struct kept_job *job = map_get_id(&ledger->jobs, job_id);

    for (const struct kept_pod *pod = job != NULL ? job->pods : NULL; pod != NULL;
         pod = pod->next_of_job) {
        if (pod->unbound != NULL) {
            room_each_unbound_run(ledger->room, pod->unbound->order, visit, context);
        } else if (!pod->finished && pod->node->node != NULL) {
            visit(context, pod->node->room_at, 1, &pod->requests);
        }
    }
    room_each_run(ledger->room, job_id, visit, context);
}

void ledger_add_pods_of(const struct ledger *ledger, uint64_t job_id, size_t namespace_index,
                        struct usage *usage, int64_t times) {
    const struct kept_job *job = map_get_id(&ledger->jobs, job_id);

    for (const struct kept_pod *pod = job != NULL ? job->pods : NULL; pod != NULL;
         pod = pod->next_of_job) {
        if (!pod->finished && pod->namespace_index == namespace_index) {
            usage_add_pods(usage, &pod->scope, &pod->requests, &pod->limits, false, times);
        }
    }
}

uint64_t ledger_next_leaving(const struct ledger *ledger, size_t *at) {
    const struct map_entry *entry = map_next(&ledger->leaving, at);

    return entry != NULL ? ((const struct kept_job *)entry->value)->id : 0;
}
