/* The books against the pods and reservations themselves. */
#include "policy/ledger_inside.h"

#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "base/memory.h"
#include "policy/room.h"
#include "policy/usage.h"

static void usages_equal(const struct usage *kept, const struct usage *computed) {
    for (size_t i = 0; i < kept->bucket_count; i++) {
        const struct usage_sum *sum = &kept->buckets[i].sum;
        struct usage_sum want = {.pods_all = 0};

        for (size_t j = 0; j < computed->bucket_count; j++) {
            if (pod_scope_equal(&kept->buckets[i].scope, &computed->buckets[j].scope)) {
                want = computed->buckets[j].sum;
            }
        }
        ENSURE(sum->pods_all == want.pods_all);
        ENSURE(resources_equal(&sum->requests, &want.requests));
        ENSURE(resources_equal(&sum->limits, &want.limits));
    }
    for (size_t i = 0; i < kept->object_count; i++) {
        ENSURE(kept->objects[i].amount == usage_object_amount(computed, kept->objects[i].key));
    }
    ENSURE(kept->bucket_count >= computed->bucket_count);
    ENSURE(kept->object_count >= computed->object_count);
}

/* A second set of books, made from the pods and reservations alone. */
struct recount {
    struct usage *own;
    struct usage *reserved;
    struct resources *node_used;
    size_t *node_pods;
};

static void recount_pods(const struct ledger *ledger, struct recount *recount) {
    struct map_entry *entry;
    size_t at = 0;
    size_t unbound = 0;

    while ((entry = map_next(&ledger->pods, &at)) != NULL) {
        const struct kept_pod *pod = entry->value;

        usage_add_pods(&recount->own[pod->namespace_index], &pod->scope, &pod->requests,
                       &pod->limits, pod->finished || pod->overdue, 1);
        unbound += pod->unbound != NULL;
        ENSURE((pod->unbound != NULL) == (pod->node == NULL && !pod->finished));
        if (pod->node != NULL) {
            const size_t node = ledger_node_at(ledger, pod->node->name);

            ENSURE(ledger->nodes[node] == pod->node);
            recount->node_pods[node]++;
            if (!pod->finished) {
                resources_add(&recount->node_used[node], &pod->requests);
            }
        }
    }
    ENSURE(unbound == ledger->unbound.count);
}

static void recount_reservations(const struct ledger *ledger, struct recount *recount) {
    for (size_t i = 0; i < ledger->reservation_count; i++) {
        const struct ledger_reservation *reservation = ledger->reservations[i];
        struct usage *reserved = &recount->reserved[reservation->namespace_index];
        struct usage *objects =
            reservation->objects_visible ? &recount->own[reservation->namespace_index] : reserved;
        const struct demand *demand = reservation->demand;

        ENSURE(i == 0 || ledger->reservations[i - 1]->job_id < reservation->job_id);
        for (size_t g = 0; g < demand->group_count; g++) {
            usage_add_group(reserved, &demand->groups[g],
                            ledger_outstanding(ledger, reservation, g));
        }
        for (size_t o = 0; o < demand->object_count; o++) {
            usage_add_object(objects, demand->objects[o].key, demand->objects[o].amount);
        }
    }
}

/* The counts of live pods by job, against the pods themselves. */
static void verify_jobs(const struct ledger *ledger) {
    struct map_entry *entry;
    uint64_t of_jobs = 0;
    uint64_t of_pods = 0;
    size_t leaving = 0;
    size_t at = 0;

    while ((entry = map_next(&ledger->jobs, &at)) != NULL) {
        const struct kept_job *job = entry->value;

        const struct kept_pod *pod = job->pods;

        of_jobs += job->pod_count;
        for (uint64_t i = 0; i < job->pod_count; i++, pod = pod->next_of_job) {
            ENSURE(pod != NULL && pod->job_id == job->id);
        }
        ENSURE(pod == NULL);
        ENSURE((map_get_id(&ledger->leaving, job->id) == job) ==
               (ledger_own_reservation(ledger, job->id) == NULL));
        leaving += ledger_own_reservation(ledger, job->id) == NULL;
        ENSURE(job->pod_count > 0);
        ENSURE(job->live[POD_ROLE_POD] + job->live[POD_ROLE_DRIVER] +
                   job->live[POD_ROLE_EXECUTOR] <=
               job->pod_count);
    }
    for (at = 0; (entry = map_next(&ledger->pods, &at)) != NULL;) {
        of_pods += ((const struct kept_pod *)entry->value)->job_id != 0;
    }
    ENSURE(of_jobs == of_pods && leaving == ledger->leaving.count);
}

void ledger_verify(const struct ledger *ledger) {
    struct recount recount = {
        .own = mem_alloc(ledger->namespace_count, sizeof(struct usage)),
        .reserved = mem_alloc(ledger->namespace_count, sizeof(struct usage)),
        .node_used = mem_alloc(ledger->node_count, sizeof(struct resources)),
        .node_pods = mem_alloc(ledger->node_count, sizeof(size_t)),
    };

    recount_pods(ledger, &recount);
    recount_reservations(ledger, &recount);
    verify_jobs(ledger);
    for (size_t i = 0; i < ledger->namespace_count; i++) {
        usages_equal(&ledger->namespaces[i]->own, &recount.own[i]);
        usages_equal(&ledger->namespaces[i]->reserved, &recount.reserved[i]);
        usage_finish(&recount.own[i]);
        usage_finish(&recount.reserved[i]);
    }
    for (size_t i = 0; i < ledger->node_count; i++) {
        const struct ledger_node *node = ledger->nodes[i];

        ENSURE(i == 0 || strcmp(ledger->nodes[i - 1]->name, node->name) < 0);
        ENSURE(resources_equal(&node->used, &recount.node_used[i]));
        ENSURE(node->pod_count == recount.node_pods[i]);
        ENSURE(node->node != NULL || node->pod_count > 0);
    }
    map_verify(&ledger->pods);
    map_verify(&ledger->unbound);
    map_verify(&ledger->jobs);
    free(recount.own);
    free(recount.reserved);
    free(recount.node_used);
    free(recount.node_pods);
}

static int quota_overrun(const struct ledger_namespace *namespace, const struct quota *quota,
                         const struct resource_names *names, struct error *error) {
    for (size_t i = 0; i < quota->item_count; i++) {
        const struct quota_item *item = &quota->items[i];
        const int64_t own = quota_item_amount(quota, item, &namespace->own);
        char own_text[QUANTITY_BYTES_MAX];
        char hard_text[QUANTITY_BYTES_MAX];

        if (own > item->hard) {
            quota_item_print(item, names, own, own_text);
            quota_item_print(item, names, item->hard, hard_text);
            return error_set(error, ERR_FULL, "quota %s/%s %s: pods take %s of %s", namespace->name,
                             quota->name, item->key, own_text, hard_text);
        }
    }
    return OK;
}

static int node_overrun(const struct ledger_node *node, const struct resource_names *names,
                        struct error *error) {
    char used_text[QUANTITY_BYTES_MAX];
    char whole_text[QUANTITY_BYTES_MAX];
    size_t kind;

    if (node->node == NULL) {
        return OK;
    }
    kind = resources_first_short(&node->used, &node->node->allocatable);
    if (kind == RESOURCE_NONE) {
        return OK;
    }
    resource_print(names, kind, node->used.amount[kind], used_text);
    resource_print(names, kind, node->node->allocatable.amount[kind], whole_text);
    return error_set(error, ERR_FULL, "node %s %s: pods take %s of %s", node->name,
                     resource_name(names, kind), used_text, whole_text);
}

int ledger_overrun(const struct ledger *ledger, const struct resource_names *names,
                   struct error *error) {
    int r = OK;

    for (size_t i = 0; r == OK && i < ledger->namespace_count; i++) {
        const struct ledger_namespace *namespace = ledger->namespaces[i];

        for (size_t j = 0; r == OK && j < namespace->quota_count; j++) {
            r = quota_overrun(namespace, namespace->quotas[j], names, error);
        }
    }
    for (size_t i = 0; r == OK && i < ledger->node_count; i++) {
        r = node_overrun(ledger->nodes[i], names, error);
    }
    return r;
}
