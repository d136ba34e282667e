#include "sim/node_controller.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/clock.h"
#include "base/ensure.h"
#include "base/memory.h"
#include "sim/agenda.h"
#include "sim/census.h"
#include "sim/pod_math.h"
#include "sim/pod_status.h"
#include "sim/runtime.h"
#include "sim/store.h"
#include "sim/tree.h"

#define TAINT_NOT_READY   "node.kubernetes.io/not-ready"
#define TAINT_UNREACHABLE "node.kubernetes.io/unreachable"

enum duty_kind {
    DUTY_WELCOME, /* a new node: ready it */
    DUTY_EVICT,   /* a pod on a lost node: its toleration is over */
    DUTY_ORPHAN,  /* the pods of a deleted node */
};

/* Something to do at an instant. */
struct duty {
    enum duty_kind kind;
    char *node;
    char *namespace; /* of the pod, with its name and uid, or NULL */
    char *name;
    char *uid;
};

struct node_controller {
    struct node_controller_config config;
    struct agenda agenda;
    struct map duties; /* by timer id */
    uint64_t id;
};

struct node_controller *node_controller_create(const struct node_controller_config *config) {
    struct node_controller *controller = mem_alloc(1, sizeof *controller);

    controller->config = *config;
    return controller;
}

static void duty_destroy(struct duty *duty) {
    free(duty->node);
    free(duty->namespace);
    free(duty->name);
    free(duty->uid);
    free(duty);
}

void node_controller_destroy(struct node_controller *controller) {
    const struct map_entry *entry;

    if (controller == NULL) {
        return;
    }
    for (size_t at = 0; (entry = map_next(&controller->duties, &at)) != NULL;) {
        duty_destroy(entry->value);
    }
    map_finish(&controller->duties);
    agenda_finish(&controller->agenda);
    free(controller);
}

static struct duty *plan_duty(struct node_controller *controller, enum duty_kind kind,
                              const char *node, int64_t due_us) {
    struct duty *duty = mem_alloc(1, sizeof *duty);

    duty->kind = kind;
    duty->node = mem_copy_text(node);
    (void)map_put_id(&controller->duties, ++controller->id, duty);
    agenda_set(&controller->agenda, due_us, controller->id);
    return duty;
}

void node_controller_on_change(struct node_controller *controller,
                               const struct sim_change *change) {
    if (change->resource->id != SIM_NODES) {
        return;
    }
    if (change->type == SIM_ADDED && controller->config.nodes_healthy) {
        (void)plan_duty(controller, DUTY_WELCOME, change->name, change->now_us);
    } else if (change->type == SIM_DELETED) {
        (void)plan_duty(controller, DUTY_ORPHAN, change->name,
                        change->now_us + controller->config.orphan_us);
    }
}

/* Nodes. */

static json_t *copy_node(const struct node_controller *controller, const char *name) {
    const json_t *node = sim_store_get(controller->config.store, SIM_NODES, "", name);
    json_t *copy = json_deep_copy(node);

    ENSURE((copy == NULL) == (node == NULL));
    return copy;
}

static void put_node(struct node_controller *controller, const char *name, json_t *take_node,
                     int64_t now_us) {
    (void)sim_store_put_raw(controller->config.store, SIM_NODES, "", name, take_node, now_us);
    json_decref(take_node);
}

static void remove_taint(json_t *node, const char *key) {
    json_t *taints = tree_at(node, "spec/taints");

    for (size_t i = json_array_size(taints); i > 0; i--) {
        if (tree_is(json_array_get(taints, i - 1), "key", key)) {
            (void)json_array_remove(taints, i - 1);
        }
    }
    if (taints != NULL && json_array_size(taints) == 0) {
        tree_drop(node, "spec/taints");
    }
}

static void add_taint(json_t *node, const char *key, const char *effect, int64_t now_us) {
    json_t *taint = tree_pack("{s:s, s:s}", "key", key, "effect", effect);
    int r;

    tree_put_time(taint, "timeAdded", now_us);
    r = json_array_append_new(tree_make_array(node, "spec/taints"), taint);
    ENSURE(r == 0);
}

static void make_ready(json_t *node, int64_t now_us) {
    json_t *status = tree_make(node, "status");

    remove_taint(node, TAINT_NOT_READY);
    remove_taint(node, TAINT_UNREACHABLE);
    pod_status_set_condition(status, "Ready", "True", "KubeletReady",
                             "kubelet is posting ready status", now_us);
    if (tree_at(status, "allocatable") == NULL && tree_at(status, "capacity") != NULL) {
        tree_put(status, "allocatable", json_deep_copy(tree_at(status, "capacity")));
    }
}

static void welcome(struct node_controller *controller, const char *name, int64_t now_us) {
    json_t *node = copy_node(controller, name);

    if (node != NULL) {
        make_ready(node, now_us);
        put_node(controller, name, node, now_us);
    }
}

int node_controller_cordon(struct node_controller *controller, const char *name, bool on,
                           int64_t now_us) {
    json_t *node = copy_node(controller, name);

    if (node == NULL) {
        return ERR_NOT_FOUND;
    }
    remove_taint(node, "node.kubernetes.io/unschedulable");
    if (on) {
        tree_put(node, "spec/unschedulable", json_true());
        add_taint(node, "node.kubernetes.io/unschedulable", "NoSchedule", now_us);
    } else {
        tree_drop(node, "spec/unschedulable");
    }
    put_node(controller, name, node, now_us);
    return OK;
}

/* Pods of a lost node. */

/* How long the pod bears the loss of its node; CLOCK_NEVER_US for ever. */
static int64_t toleration_us(const struct node_controller *controller, const json_t *pod) {
    int64_t bears_us = -1;
    json_t *toleration;
    size_t i;

    json_array_foreach(tree_at(pod, "spec/tolerations"), i, toleration) {
        const char *key = tree_text(toleration, "key");
        const char *effect = tree_text(toleration, "effect");
        int64_t seconds = tree_int(toleration, "tolerationSeconds", -1);

        if ((key != NULL && strcmp(key, TAINT_UNREACHABLE) != 0) ||
            (effect != NULL && strcmp(effect, "NoExecute") != 0)) {
            continue;
        }
        if (seconds < 0) {
            return CLOCK_NEVER_US;
        }
        bears_us = seconds * CLOCK_US_PER_SECOND;
    }
    if (bears_us >= 0 && controller->config.unreachable_us >= 0) {
        return controller->config.unreachable_us;
    }
    return bears_us >= 0 ? bears_us : 0;
}

static void mark_unready(struct node_controller *controller, const json_t *pod, int64_t now_us) {
    json_t *status = json_deep_copy(tree_at(pod, "status"));

    pod_status_set_condition(status, "Ready", "False", NULL, NULL, now_us);
    (void)sim_store_put_status(controller->config.store, SIM_PODS, tree_namespace(pod),
                               tree_name(pod), status, now_us);
    json_decref(status);
}

static void plan_eviction(struct node_controller *controller, const char *node, const json_t *pod,
                          int64_t now_us) {
    int64_t bears_us = toleration_us(controller, pod);
    struct duty *duty;

    if (bears_us == CLOCK_NEVER_US) {
        return;
    }
    duty = plan_duty(controller, DUTY_EVICT, node, now_us + bears_us);
    duty->namespace = mem_copy_text(tree_namespace(pod));
    duty->name = mem_copy_text(tree_name(pod));
    duty->uid = mem_copy_text(tree_uid(pod));
}

static void visit_pods_of(struct node_controller *controller, const char *node, int64_t now_us,
                          void (*visit)(struct node_controller *controller, const char *node,
                                        const json_t *pod, int64_t now_us)) {
    const struct map_entry *entry;
    json_t *pods = json_array();
    json_t *pod;
    size_t i;

    for (size_t at = 0; (entry = map_next(&controller->config.census->pods, &at)) != NULL;) {
        const struct census_pod *found = entry->value;

        if (found->occupies != NULL && strcmp(found->occupies, node) == 0) {
            int r = json_array_append(pods, found->object);

            ENSURE(r == 0);
        }
    }
    json_array_foreach(pods, i, pod) {
        visit(controller, node, pod, now_us);
    }
    json_decref(pods);
}

static void suffer_loss(struct node_controller *controller, const char *node, const json_t *pod,
                        int64_t now_us) {
    mark_unready(controller, pod, now_us);
    plan_eviction(controller, node, pod, now_us);
}

int node_controller_lose(struct node_controller *controller, const char *name, int64_t now_us) {
    json_t *node = copy_node(controller, name);

    if (node == NULL) {
        return ERR_NOT_FOUND;
    }
    runtime_lose_node(controller->config.runtime, name);
    remove_taint(node, TAINT_UNREACHABLE);
    add_taint(node, TAINT_UNREACHABLE, "NoSchedule", now_us);
    add_taint(node, TAINT_UNREACHABLE, "NoExecute", now_us);
    pod_status_set_condition(tree_make(node, "status"), "Ready", "Unknown", "NodeStatusUnknown",
                             "Kubelet stopped posting node status.", now_us);
    put_node(controller, name, node, now_us);
    visit_pods_of(controller, name, now_us, suffer_loss);
    return OK;
}

static void mark_ready(struct node_controller *controller, const char *node, const json_t *pod,
                       int64_t now_us) {
    json_t *status = json_deep_copy(tree_at(pod, "status"));

    (void)node;
    if (tree_is(pod, "status/phase", "Running")) {
        pod_status_set_condition(status, "Ready", "True", NULL, NULL, now_us);
        (void)sim_store_put_status(controller->config.store, SIM_PODS, tree_namespace(pod),
                                   tree_name(pod), status, now_us);
    }
    json_decref(status);
}

int node_controller_return(struct node_controller *controller, const char *name, int64_t now_us) {
    json_t *node = copy_node(controller, name);

    if (node == NULL) {
        return ERR_NOT_FOUND;
    }
    make_ready(node, now_us);
    put_node(controller, name, node, now_us);
    visit_pods_of(controller, name, now_us, mark_ready);
    runtime_return_node(controller->config.runtime, name, now_us);
    return OK;
}

/* Deletes. */

static void delete_pod(struct sim_store *store, const char *namespace, const char *name,
                       int64_t grace_seconds, int64_t now_us) {
    struct sim_delete request = {.id = SIM_PODS,
                                 .namespace = namespace,
                                 .name = name,
                                 .now_us = now_us,
                                 .grace_seconds = grace_seconds};
    struct sim_answer answer = sim_store_delete(store, &request);

    sim_answer_finish(&answer); /* Gone already is as good. */
}

int disrupt_pod(struct sim_store *store, const char *namespace, const char *name,
                const char *reason, const char *message, int64_t now_us) {
    const json_t *pod = sim_store_get(store, SIM_PODS, namespace, name);
    json_t *status;

    if (pod == NULL) {
        return ERR_NOT_FOUND;
    }
    status = json_deep_copy(tree_at(pod, "status"));
    pod_status_set_condition(status, "DisruptionTarget", "True", reason, message, now_us);
    (void)sim_store_put_status(store, SIM_PODS, namespace, name, status, now_us);
    json_decref(status);
    delete_pod(store, namespace, name, SIM_GRACE_DEFAULT, now_us);
    return OK;
}

/* Only if it's still the same pod and the node still lost. */
static void evict(struct node_controller *controller, const struct duty *duty, int64_t now_us) {
    const json_t *pod =
        sim_store_get(controller->config.store, SIM_PODS, duty->namespace, duty->name);

    if (pod != NULL && strcmp(tree_uid(pod), duty->uid) == 0 && !pod_terminating(pod) &&
        !pod_finished(pod) && runtime_node_lost(controller->config.runtime, duty->node)) {
        int r = disrupt_pod(controller->config.store, duty->namespace, duty->name,
                            "DeletionByTaintManager",
                            "Taint manager: deleting due to NoExecute taint", now_us);

        ENSURE(r == OK);
    }
}

/* Pod GC: the pod fails, says why, and goes. */
static void collect_orphan(struct node_controller *controller, const char *node, const json_t *pod,
                           int64_t now_us) {
    json_t *status = json_deep_copy(tree_at(pod, "status"));

    (void)node;
    pod_status_set_condition(status, "DisruptionTarget", "True", "DeletionByPodGC",
                             "PodGC: node no longer exists", now_us);
    tree_put_text(status, "phase", "Failed");
    (void)sim_store_put_status(controller->config.store, SIM_PODS, tree_namespace(pod),
                               tree_name(pod), status, now_us);
    json_decref(status);
    delete_pod(controller->config.store, tree_namespace(pod), tree_name(pod), 0, now_us);
}

static void do_duty(struct node_controller *controller, const struct duty *duty, int64_t now_us) {
    bool exists = sim_store_get(controller->config.store, SIM_NODES, "", duty->node) != NULL;

    switch (duty->kind) {
    case DUTY_WELCOME:
        welcome(controller, duty->node, now_us);
        break;
    case DUTY_EVICT:
        evict(controller, duty, now_us);
        break;
    case DUTY_ORPHAN:
        if (!exists) {
            visit_pods_of(controller, duty->node, now_us, collect_orphan);
        }
        break;
    }
}

void node_controller_step(struct node_controller *controller, int64_t now_us) {
    struct agenda_item item;

    while (agenda_pop(&controller->agenda, now_us, &item)) {
        struct duty *duty = map_remove_id(&controller->duties, item.id);

        do_duty(controller, duty, now_us);
        duty_destroy(duty);
    }
}

int64_t node_controller_next_us(const struct node_controller *controller) {
    return agenda_next_us(&controller->agenda);
}
