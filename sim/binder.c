#include "sim/binder.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/memory.h"
#include "sim/census.h"
#include "sim/event_writer.h"
#include "sim/fit.h"
#include "sim/near.h"
#include "sim/pod_math.h"
#include "sim/pod_status.h"
#include "sim/store.h"
#include "sim/tree.h"

#define SCHEDULER_NAME    "default-scheduler"
#define MESSAGE_BYTES_MAX 1024

struct binder {
    struct binder_config config;
    struct map waiting; /* key -> struct waiting */
    size_t ruled_count; /* waiting pods with rules about other pods */
    struct map antis;   /* key -> the binder: pods that have anti-affinity */
    int64_t pass_us;    /* when the next pass is due */
    int64_t bind_count;
};

/* A pod that waits for a node. */
struct waiting {
    uint64_t serial;
    int64_t priority;
    char *namespace;
    char *name;
    bool has_rules; /* about other pods */
};

struct binder *binder_create(const struct binder_config *config) {
    struct binder *binder = mem_alloc(1, sizeof *binder);

    binder->config = *config;
    binder->pass_us = CLOCK_NEVER_US;
    return binder;
}

static void waiting_destroy(struct waiting *waiting) {
    if (waiting != NULL) {
        free(waiting->namespace);
        free(waiting->name);
        free(waiting);
    }
}

void binder_destroy(struct binder *binder) {
    const struct map_entry *entry;

    if (binder == NULL) {
        return;
    }
    for (size_t at = 0; (entry = map_next(&binder->waiting, &at)) != NULL;) {
        waiting_destroy(entry->value);
    }
    map_finish(&binder->waiting);
    map_finish(&binder->antis);
    free(binder);
}

static bool waits_for_us(const struct sim_change *change) {
    const json_t *pod = change->object;

    return change->type != SIM_DELETED && pod_node(pod) == NULL && !pod_finished(pod) &&
           !pod_terminating(pod) && tree_is(pod, "spec/schedulerName", SCHEDULER_NAME) &&
           json_array_size(tree_at(pod, "spec/schedulingGates")) == 0;
}

static void plan_pass(struct binder *binder, int64_t now_us) {
    int64_t due_us = now_us + binder->config.delay_us;

    if (binder->waiting.count > 0 && due_us < binder->pass_us) {
        binder->pass_us = due_us;
    }
}

/* Keep the list of waiting pods; true if the pod has just come in. */
static bool note_pod(struct binder *binder, const struct sim_change *change) {
    char *key = mem_join(change->namespace, change->name);
    struct waiting *waiting = map_get(&binder->waiting, key);
    bool wanted = waits_for_us(change);
    bool came = wanted && waiting == NULL;

    if (change->type != SIM_DELETED && near_has_anti(change->object)) {
        (void)map_put(&binder->antis, key, binder);
    } else if (binder->antis.count > 0) {
        (void)map_remove(&binder->antis, key);
    }

    if (came) {
        waiting = mem_alloc(1, sizeof *waiting);
        waiting->serial =
            census_find_pod(binder->config.census, change->namespace, change->name)->serial;
        waiting->priority = tree_int(change->object, "spec/priority", 0);
        waiting->namespace = mem_copy_text(change->namespace);
        waiting->name = mem_copy_text(change->name);
        waiting->has_rules = near_has_rules(change->object);
        binder->ruled_count += waiting->has_rules;
        (void)map_put(&binder->waiting, key, waiting);
    } else if (!wanted && waiting != NULL) {
        (void)map_remove(&binder->waiting, key);
        binder->ruled_count -= waiting->has_rules;
        waiting_destroy(waiting);
    }
    free(key);
    return came;
}

/* Can the change have made room, or made a node fit? */
static bool opens_room(const struct sim_change *change) {
    if (change->resource->id == SIM_NODES) {
        return change->type != SIM_DELETED;
    }
    return change->type == SIM_DELETED ||
           (change->old != NULL && pod_finished(change->object) && !pod_finished(change->old));
}

/* Somebody may want to be near it. */
static bool was_bound(const struct sim_change *change) {
    return change->resource->id == SIM_PODS && change->old != NULL &&
           pod_node(change->old) == NULL && pod_node(change->object) != NULL;
}

void binder_on_change(struct binder *binder, const struct sim_change *change) {
    bool came = false;

    if (change->resource->id == SIM_PODS) {
        came = note_pod(binder, change);
    } else if (change->resource->id != SIM_NODES) {
        return;
    }
    if (came || opens_room(change) || (binder->ruled_count > 0 && was_bound(change))) {
        plan_pass(binder, change->now_us);
    }
}

/* Reasons why nodes don't fit, each with the number of its nodes. */
struct refusals {
    struct amounts counts; /* reason -> nodes; sorted, as the scheduler prints them */
    int64_t node_count;
};

/* The one with most room comes first, the name decides between two. */
struct candidate {
    struct census_node *node;
    double fullness;
};

static bool is_better(const struct candidate *a, const struct candidate *b) {
    return b->node == NULL || a->fullness < b->fullness ||
           (a->fullness <= b->fullness && strcmp(a->node->name, b->node->name) < 0);
}

/* Whether it fits is asked only of a node that would be better than the best so far: why the others
 * are refused matters only if none fits. */
static struct census_node *choose_node(const struct binder *binder, const struct census_pod *pod,
                                       struct refusals *refusals) {
    struct near *near = binder->antis.count > 0 || near_has_rules(pod->object)
                            ? near_create(binder->config.census, pod->object)
                            : NULL;
    const struct fit_load requests = fit_load_of(&pod->requests);
    struct candidate best = {0};
    const struct map_entry *entry;

    for (size_t at = 0; (entry = map_next(&binder->config.census->nodes, &at)) != NULL;) {
        struct census_node *node = entry->value;
        struct fit_node view = {node->object, &node->allocatable, &node->used};
        struct candidate next = {node, fit_fullness(&requests, &node->room, &node->load)};
        char reason[FIT_REASON_BYTES_MAX];

        if (node->object == NULL) {
            continue;
        }
        refusals->node_count++;
        if (!is_better(&next, &best)) {
            continue;
        }
        if (!fit_pod(pod->object, &pod->requests, &view, reason) ||
            (near != NULL && !near_allows(near, node->object, reason))) {
            reason[AMOUNTS_NAME_BYTES_MAX - 1] = '\0';
            amounts_add(&refusals->counts, reason, 1, false);
            continue;
        }
        best = next;
    }
    near_destroy(near);
    return best.node;
}

static void bind_pod(struct binder *binder, const struct census_pod *pod, const char *node,
                     int64_t now_us) {
    static const struct event_text text = {"Normal", "Scheduled", SCHEDULER_NAME};
    json_t *bound = json_copy(pod->object);
    json_t *status = pod_status_begin(bound);

    tree_put(bound, "spec", json_copy(tree_at(bound, "spec")));
    tree_put_text(bound, "spec/nodeName", node);
    pod_status_set_condition(status, "PodScheduled", "True", NULL, NULL, now_us);
    tree_put(bound, "status", status);
    binder->bind_count++;
    (void)sim_store_put_raw(binder->config.store, SIM_PODS, tree_namespace(bound), tree_name(bound),
                            bound, now_us);
    event_write(binder->config.events, "Pod", bound, &text, now_us,
                "Successfully assigned %s/%s to %s", tree_namespace(bound), tree_name(bound), node);
    json_decref(bound);
}

/* "0/3 nodes are available: 1 Insufficient cpu, 2 node(s) were unschedulable." */
static void print_refusals(const struct refusals *refusals, struct buf *out) {
    if (refusals->node_count == 0) {
        buf_add_text(out, "no nodes available to schedule pods");
        return;
    }
    buf_add_format(out, "0/%lld nodes are available: ", (long long)refusals->node_count);
    for (size_t i = 0; i < refusals->counts.count; i++) {
        buf_add_format(out, "%s%lld %s", i > 0 ? ", " : "",
                       (long long)refusals->counts.items[i].value, refusals->counts.items[i].name);
    }
    buf_add_char(out, '.');
}

static bool says_already(const json_t *pod, const char *message) {
    json_t *condition;
    size_t i;

    json_array_foreach(tree_at(pod, "status/conditions"), i, condition) {
        if (tree_is(condition, "type", "PodScheduled")) {
            return tree_is(condition, "message", message);
        }
    }
    return false;
}

static void report_unschedulable(struct binder *binder, const struct census_pod *pod,
                                 const struct refusals *refusals, int64_t now_us) {
    static const struct event_text text = {"Warning", "FailedScheduling", SCHEDULER_NAME};
    json_t *object = json_incref(pod->object);
    struct buf message;

    buf_init(&message, MESSAGE_BYTES_MAX);
    print_refusals(refusals, &message);
    if (!says_already(object, buf_text(&message))) {
        json_t *status = json_deep_copy(tree_at(object, "status"));

        pod_status_set_condition(status, "PodScheduled", "False", "Unschedulable",
                                 buf_text(&message), now_us);
        (void)sim_store_put_status(binder->config.store, SIM_PODS, tree_namespace(object),
                                   tree_name(object), status, now_us);
        event_write(binder->config.events, "Pod", object, &text, now_us, "%s", buf_text(&message));
        json_decref(status);
    }
    json_decref(object);
    buf_finish(&message);
}

static void try_pod(struct binder *binder, const struct waiting *waiting, int64_t now_us) {
    const struct census_pod *pod =
        census_find_pod(binder->config.census, waiting->namespace, waiting->name);
    struct refusals refusals = {0};
    const struct census_node *node;

    if (pod == NULL) {
        return;
    }
    node = choose_node(binder, pod, &refusals);
    if (node != NULL) {
        bind_pod(binder, pod, node->name, now_us);
    } else {
        report_unschedulable(binder, pod, &refusals, now_us);
    }
    amounts_finish(&refusals.counts);
}

static int compare_waiting(const void *a, const void *b) {
    const struct waiting *x = a;
    const struct waiting *y = b;

    if (x->priority != y->priority) {
        return x->priority > y->priority ? -1 : 1;
    }
    return (x->serial > y->serial) - (x->serial < y->serial);
}

/* Binding takes pods off the list, so a pass works on a copy. */
static size_t copy_waiting(const struct binder *binder, struct waiting **out_copies) {
    const struct map_entry *entry;
    size_t count = 0;

    *out_copies = mem_alloc(binder->waiting.count + 1, sizeof **out_copies);
    for (size_t at = 0; (entry = map_next(&binder->waiting, &at)) != NULL;) {
        const struct waiting *waiting = entry->value;

        (*out_copies)[count] = *waiting;
        (*out_copies)[count].namespace = mem_copy_text(waiting->namespace);
        (*out_copies)[count].name = mem_copy_text(waiting->name);
        count++;
    }
    qsort(*out_copies, count, sizeof **out_copies, compare_waiting);
    return count;
}

void binder_step(struct binder *binder, int64_t now_us) {
    struct waiting *copies;
    size_t count;

    if (binder->pass_us > now_us) {
        return;
    }
    binder->pass_us = CLOCK_NEVER_US;
    count = copy_waiting(binder, &copies);
    for (size_t i = 0; i < count; i++) {
        try_pod(binder, &copies[i], now_us);
        free(copies[i].namespace);
        free(copies[i].name);
    }
    free(copies);
}

int64_t binder_next_us(const struct binder *binder) {
    return binder->pass_us;
}

int64_t binder_bind_count(const struct binder *binder) {
    return binder->bind_count;
}
