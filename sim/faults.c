#include "sim/faults.h"

#include <string.h>

#include <jansson.h>

#include "base/clock.h"
#include "base/rng.h"
#include "sim/census.h"
#include "sim/event_writer.h"
#include "sim/node_controller.h"
#include "sim/pod_math.h"
#include "sim/pod_status.h"
#include "sim/quota_controller.h"
#include "sim/runtime.h"
#include "sim/store.h"
#include "sim/tree.h"

/* A fault with its circumstances. */
struct cause {
    const struct faults *faults;
    const json_t *params;
    int64_t now_us;
    struct error *error;
    json_t *pod;  /* a reference of its own, if the fault is about a pod */
    json_t *node; /* the same */
};

static bool pod_fits(const struct cause *cause, const json_t *pod) {
    const char *namespace = tree_text(cause->params, "namespace");
    const char *role = tree_text(cause->params, "role");
    const char *label = tree_label(pod, "spark-role");

    return tree_is(pod, "status/phase", "Running") && !pod_terminating(pod) &&
           (namespace == NULL || strcmp(namespace, tree_namespace(pod)) == 0) &&
           (role == NULL || (label != NULL && strcmp(role, label) == 0));
}

/* The index-th of those that fit, and how many there are. */
static json_t *nth_pod(const struct cause *cause, uint64_t index, uint64_t *out_count) {
    const struct map_entry *entry;
    json_t *found = NULL;

    *out_count = 0;
    for (size_t at = 0; (entry = map_next(&cause->faults->census->pods, &at)) != NULL;) {
        struct census_pod *pod = entry->value;

        if (pod_fits(cause, pod->object)) {
            if (*out_count == index) {
                found = pod->object;
            }
            ++*out_count;
        }
    }
    return found;
}

static json_t *draw_pod(const struct cause *cause) {
    uint64_t count;

    (void)nth_pod(cause, 0, &count);
    return count > 0 ? nth_pod(cause, rng_below(cause->faults->rng, count), &count) : NULL;
}

static int need_pod(struct cause *cause) {
    const char *namespace = tree_text(cause->params, "namespace");
    const char *name = tree_text(cause->params, "pod");
    json_t *pod;

    if (name == NULL && !tree_true(cause->params, "random")) {
        return error_set(cause->error, ERR_INVALID, "which pod? give pod, or random: true");
    }
    pod = name == NULL ? draw_pod(cause)
                       : sim_store_get(cause->faults->store, SIM_PODS,
                                       namespace != NULL ? namespace : "default", name);
    if (pod == NULL) {
        return error_set(cause->error, ERR_NOT_FOUND, "there is no such pod");
    }
    cause->pod = json_incref(pod);
    return OK;
}

static json_t *nth_node(const struct cause *cause, uint64_t index, uint64_t *out_count) {
    const struct map_entry *entry;
    json_t *found = NULL;

    *out_count = 0;
    for (size_t at = 0; (entry = map_next(&cause->faults->census->nodes, &at)) != NULL;) {
        struct census_node *node = entry->value;

        if (node->object != NULL) {
            if (*out_count == index) {
                found = node->object;
            }
            ++*out_count;
        }
    }
    return found;
}

static json_t *draw_node(const struct cause *cause) {
    uint64_t count;

    (void)nth_node(cause, 0, &count);
    return count > 0 ? nth_node(cause, rng_below(cause->faults->rng, count), &count) : NULL;
}

static int need_node(struct cause *cause) {
    const char *name = tree_text(cause->params, "node");
    json_t *node;

    if (name == NULL && !tree_true(cause->params, "random")) {
        return error_set(cause->error, ERR_INVALID, "which node? give node, or random: true");
    }
    node =
        name == NULL ? draw_node(cause) : sim_store_get(cause->faults->store, SIM_NODES, "", name);
    if (node == NULL) {
        return error_set(cause->error, ERR_NOT_FOUND, "there is no such node");
    }
    cause->node = json_incref(node);
    return OK;
}

static int delete_now(const struct cause *cause, enum sim_resource_id id, const json_t *object) {
    struct sim_delete request = {.id = id,
                                 .namespace = tree_namespace(object),
                                 .name = tree_name(object),
                                 .now_us = cause->now_us};
    struct sim_answer answer = sim_store_delete(cause->faults->store, &request);
    int code = answer.code;

    sim_answer_finish(&answer);
    return code == 200 ? OK : ERR_NOT_FOUND;
}

static int node_loss(struct cause *cause) {
    int r = node_controller_lose(cause->faults->nodes, tree_name(cause->node), cause->now_us);

    if (r == OK && tree_true(cause->params, "deleteNode")) {
        r = delete_now(cause, SIM_NODES, cause->node);
    }
    return r;
}

static int node_return(struct cause *cause) {
    return node_controller_return(cause->faults->nodes, tree_name(cause->node), cause->now_us);
}

static int cordon(struct cause *cause) {
    return node_controller_cordon(cause->faults->nodes, tree_name(cause->node), true,
                                  cause->now_us);
}

static int uncordon(struct cause *cause) {
    return node_controller_cordon(cause->faults->nodes, tree_name(cause->node), false,
                                  cause->now_us);
}

static int disrupt(struct cause *cause, const json_t *pod, const char *reason,
                   const char *message) {
    return disrupt_pod(cause->faults->store, tree_namespace(pod), tree_name(pod), reason, message,
                       cause->now_us);
}

/* Evicting deletes, so the pods are gathered first. */
static json_t *pods_on(const struct cause *cause, const char *node) {
    const struct map_entry *entry;
    json_t *pods = json_array();

    for (size_t at = 0; (entry = map_next(&cause->faults->census->pods, &at)) != NULL;) {
        const struct census_pod *pod = entry->value;

        if (pod->occupies != NULL && strcmp(pod->occupies, node) == 0 &&
            !pod_terminating(pod->object)) {
            (void)json_array_append(pods, pod->object);
        }
    }
    return pods;
}

static int drain(struct cause *cause) {
    json_t *pods = pods_on(cause, tree_name(cause->node));
    json_t *pod;
    size_t i;
    int r = cordon(cause);

    json_array_foreach(pods, i, pod) {
        int one = disrupt(cause, pod, "EvictionByEvictionAPI", "Eviction API: evicting");

        r = r == OK ? one : r;
    }
    json_decref(pods);
    return r;
}

static int end_pod(struct cause *cause, const struct pod_exit *exit) {
    int r = runtime_exit(cause->faults->runtime, tree_namespace(cause->pod), tree_name(cause->pod),
                         exit, cause->now_us);

    return r == OK ? OK : error_set(cause->error, r, "the pod's containers do not run");
}

/* As who took the pod away tells of it. */
static void tell(const struct cause *cause, const json_t *pod, const struct event_text *text,
                 const char *message) {
    event_write(cause->faults->events, "Pod", pod, text, cause->now_us, "%s", message);
}

/* As a kubelet does: nobody sees the pod ended without the condition that says why. */
static int evict(struct cause *cause) {
    static const struct event_text text = {"Warning", "Evicted", "kubelet"};
    struct pod_exit exit = {.code = 137,
                            .pod_reason = "Evicted",
                            .pod_message = "The node was low on resource: memory."};
    json_t *status;

    if (!tree_is(cause->pod, "status/phase", "Running")) {
        return error_set(cause->error, ERR_INVALID, "the pod's containers do not run");
    }
    status = json_deep_copy(tree_at(cause->pod, "status"));
    pod_status_set_condition(status, "DisruptionTarget", "True", "TerminationByKubelet",
                             "The node was low on resource: memory.", cause->now_us);
    (void)sim_store_put_status(cause->faults->store, SIM_PODS, tree_namespace(cause->pod),
                               tree_name(cause->pod), status, cause->now_us);
    json_decref(status);
    tell(cause, cause->pod, &text, exit.pod_message);
    return end_pod(cause, &exit);
}

static int oom_kill(struct cause *cause) {
    struct pod_exit exit = {.code = 137, .reason = "OOMKilled"};

    return end_pod(cause, &exit);
}

static int kill_pod(struct cause *cause) {
    struct pod_exit exit = {.code = (int)(tree_int(cause->params, "exitCode", 137) & 0xff)};

    return end_pod(cause, &exit);
}

static int preempt(struct cause *cause) {
    static const struct event_text text = {"Normal", "Preempted", "default-scheduler"};

    tell(cause, cause->pod, &text, "Preempted by a pod of higher priority");
    return disrupt(cause, cause->pod, "PreemptionByScheduler",
                   "default-scheduler: preempting to accommodate a higher priority pod");
}

static int pod_vanish(struct cause *cause) {
    const struct event_text text = {"Warning", tree_text(cause->params, "event"), "kubelet"};
    const char *message = tree_text(cause->params, "message");

    if (text.reason != NULL) {
        tell(cause, cause->pod, &text, message != NULL ? message : "");
    }
    return delete_now(cause, SIM_PODS, cause->pod);
}

static int sandbox(struct cause *cause) {
    const json_t *broken = tree_at(cause->params, "broken");

    runtime_break_sandboxes(cause->faults->runtime, tree_name(cause->node),
                            broken == NULL || json_is_true(broken));
    return OK;
}

static int stale_quota(struct cause *cause) {
    const char *namespace = tree_text(cause->params, "namespace");
    int64_t for_ms = tree_int(cause->params, "forMs", -1);

    if (namespace == NULL || for_ms < 0) {
        return error_set(cause->error, ERR_INVALID, "give namespace and forMs");
    }
    quota_controller_sleep(cause->faults->quotas, namespace,
                           cause->now_us + for_ms * CLOCK_US_PER_MS);
    return OK;
}

static int image_missing(struct cause *cause) {
    runtime_hide_image(cause->faults->runtime, tree_text(cause->params, "image"));
    return OK;
}

static const struct fault {
    const char *name;
    int (*need)(struct cause *cause); /* finds what the fault is about, or NULL */
    int (*act)(struct cause *cause);
} fault_table[] = {
    {"node-loss", need_node, node_loss},
    {"node-return", need_node, node_return},
    {"cordon", need_node, cordon},
    {"uncordon", need_node, uncordon},
    {"drain", need_node, drain},
    {"evict", need_pod, evict},
    {"oom-kill", need_pod, oom_kill},
    {"kill-pod", need_pod, kill_pod},
    {"preempt", need_pod, preempt},
    {"pod-vanish", need_pod, pod_vanish},
    {"sandbox", need_node, sandbox},
    {"stale-quota", NULL, stale_quota},
    {"image-missing", NULL, image_missing},
};

static int run_fault(const struct fault *fault, struct cause *cause) {
    int r = fault->need != NULL ? fault->need(cause) : OK;

    if (r == OK) {
        r = fault->act(cause);
    }
    json_decref(cause->pod);
    json_decref(cause->node);
    return r;
}

int fault_cause(const struct faults *faults, const char *name, const json_t *params, int64_t now_us,
                struct error *error) {
    struct cause cause = {.faults = faults, .params = params, .now_us = now_us, .error = error};

    for (size_t i = 0; i < ARRAY_LEN(fault_table); i++) {
        if (strcmp(fault_table[i].name, name) == 0) {
            return run_fault(&fault_table[i], &cause);
        }
    }
    return error_set(error, ERR_INVALID, "there is no fault named %s", name);
}
