#include "sim/builtin.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "sim/amounts.h"
#include "sim/json.h"
#include "sim/status.h"

static const char *const cluster_namespaces[] = {"default", "kube-node-lease", "kube-public",
                                                 "kube-system"};

static json_t *namespace_terminating(const struct sim_attempt *attempt) {
    json_t *status = sim_status_forbidden(
        attempt->resource, attempt->name,
        "unable to create new content in namespace %s because it is being terminated",
        attempt->namespace);
    char text[320];

    snprintf(text, sizeof text, "namespace %s is being terminated", attempt->namespace);
    json_object_set_new(json_object_get(status, "details"), "causes",
                        json_pack("[{s:s, s:s, s:s}]", "reason", "NamespaceTerminating", "message",
                                  text, "field", "metadata.namespace"));
    return status;
}

static json_t *check_namespace(const struct sim_store *store, const struct sim_attempt *attempt) {
    const json_t *namespace;

    if (!attempt->resource->namespaced || attempt->old != NULL) {
        return NULL;
    }
    namespace = sim_store_get(store, SIM_NAMESPACES, "", attempt->namespace);
    if (namespace == NULL) {
        return sim_status_not_found(sim_resource(SIM_NAMESPACES), attempt->namespace);
    }
    if (sim_json_at(namespace, "metadata.deletionTimestamp") != NULL) {
        return namespace_terminating(attempt);
    }
    return NULL;
}

static json_t *admit_service_account(const struct sim_store *store, struct sim_attempt *attempt,
                                     json_t *spec) {
    const char *account;

    if (sim_json_text(spec, "serviceAccountName") == NULL &&
        sim_json_text(spec, "serviceAccount") != NULL) {
        json_object_set(spec, "serviceAccountName", json_object_get(spec, "serviceAccount"));
    }
    sim_json_default_text(spec, "serviceAccountName", "default");
    account = sim_json_text(spec, "serviceAccountName");
    if (account == NULL ||
        sim_store_get(store, SIM_SERVICEACCOUNTS, attempt->namespace, account) == NULL) {
        return sim_status_forbidden(
            attempt->resource, attempt->name,
            "error looking up service account %s/%s: serviceaccount \"%s\" not found",
            attempt->namespace, account, account);
    }
    sim_json_set_text(spec, "serviceAccount", account);
    return NULL;
}

/* The class that pods without one get, or NULL. */
static json_t *default_class(const struct sim_store *store) {
    struct sim_walk walk = {0};
    json_t *class;

    while ((class = sim_store_next(store, SIM_PRIORITYCLASSES, "", &walk)) != NULL) {
        if (sim_json_true(class, "globalDefault")) {
            return class;
        }
    }
    return NULL;
}

static json_t *admit_priority(const struct sim_store *store, const struct sim_attempt *attempt,
                              json_t *spec) {
    const char *name = sim_json_text(spec, "priorityClassName");
    const char *policy;
    json_t *class;

    if (name != NULL && name[0] != '\0') {
        class = sim_store_get(store, SIM_PRIORITYCLASSES, "", name);
        if (class == NULL) {
            return sim_status_forbidden(attempt->resource, attempt->name,
                                        "no PriorityClass with name %s was found", name);
        }
    } else {
        class = default_class(store);
        if (class != NULL) {
            sim_json_set_text(spec, "priorityClassName", sim_json_text(class, "metadata.name"));
        }
    }
    policy = sim_json_text(class, "preemptionPolicy");
    sim_json_set_int(spec, "priority", sim_json_int(class, "value", 0));
    sim_json_set_text(spec, "preemptionPolicy", policy == NULL ? "PreemptLowerPriority" : policy);
    return NULL;
}

/* The same resources in the same amounts? */
static bool same_amounts(const json_t *a, const json_t *b) {
    struct amounts left = {0};
    struct amounts right = {0};
    bool same = json_object_size(a) == json_object_size(b);

    amounts_add_readable(&left, a);
    amounts_add_readable(&right, b);
    for (size_t i = 0; same && i < left.count; i++) {
        same = amounts_value(&right, left.items[i].name) == left.items[i].value;
    }
    amounts_finish(&left);
    amounts_finish(&right);
    return same;
}

static json_t *add_overhead(const struct sim_attempt *attempt, const json_t *class, json_t *spec) {
    const json_t *fixed = sim_json_at(class, "overhead.podFixed");
    const json_t *told = json_object_get(spec, "overhead");

    if (json_object_size(told) == 0) {
        if (fixed != NULL) {
            json_object_set_new(spec, "overhead", json_deep_copy(fixed));
        }
        return NULL;
    }
    if (fixed == NULL) {
        return sim_status_forbidden(attempt->resource, attempt->name,
                                    "pod rejected: Pod Overhead set without corresponding "
                                    "RuntimeClass defined Overhead");
    }
    return same_amounts(fixed, told)
               ? NULL
               : sim_status_forbidden(attempt->resource, attempt->name,
                                      "pod rejected: Pod's Overhead doesn't match RuntimeClass's "
                                      "defined Overhead");
}

static json_t *add_scheduling(const struct sim_attempt *attempt, const json_t *class,
                              json_t *spec) {
    const json_t *selector = sim_json_at(class, "scheduling.nodeSelector");
    const json_t *tolerations = sim_json_at(class, "scheduling.tolerations");
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)selector, key, value) {
        json_t *told = sim_json_make_object(spec, "nodeSelector");
        const json_t *other = json_object_get(told, key);

        if (other != NULL && !json_equal(other, value)) {
            return sim_status_forbidden(attempt->resource, attempt->name,
                                        "conflict: runtimeClass.scheduling.nodeSelector[%s] = %s; "
                                        "pod.spec.nodeSelector[%s] = %s",
                                        key, json_string_value(value), key,
                                        json_string_value(other));
        }
        json_object_set(told, key, value);
    }
    if (json_array_size(tolerations) > 0) {
        if (!json_is_array(json_object_get(spec, "tolerations"))) {
            json_object_set_new(spec, "tolerations", json_array());
        }
        json_array_extend(json_object_get(spec, "tolerations"), (json_t *)(uintptr_t)tolerations);
    }
    return NULL;
}

static json_t *admit_runtime_class(const struct sim_store *store, const struct sim_attempt *attempt,
                                   json_t *spec) {
    const char *name = sim_json_text(spec, "runtimeClassName");
    const json_t *class;
    json_t *refusal;

    if (name == NULL) {
        return add_overhead(attempt, NULL, spec);
    }
    class = sim_store_get(store, SIM_RUNTIMECLASSES, "", name);
    if (class == NULL) {
        return sim_status_forbidden(attempt->resource, attempt->name,
                                    "pod rejected: RuntimeClass \"%s\" not found", name);
    }
    refusal = add_overhead(attempt, class, spec);
    return refusal != NULL ? refusal : add_scheduling(attempt, class, spec);
}

static bool tolerates(const json_t *tolerations, const char *key) {
    const json_t *toleration;
    size_t i;

    json_array_foreach(tolerations, i, toleration) {
        const char *of = sim_json_text(toleration, "key");
        const char *effect = sim_json_text(toleration, "effect");

        if ((of == NULL || of[0] == '\0' || strcmp(of, key) == 0) &&
            (effect == NULL || effect[0] == '\0' || strcmp(effect, "NoExecute") == 0)) {
            return true;
        }
    }
    return false;
}

static void add_tolerations(json_t *spec) {
    static const char *const keys[] = {"node.kubernetes.io/not-ready",
                                       "node.kubernetes.io/unreachable"};

    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        json_t *tolerations = json_object_get(spec, "tolerations");

        if (tolerates(tolerations, keys[i])) {
            continue;
        }
        if (!json_is_array(tolerations)) {
            json_object_set_new(spec, "tolerations", json_array());
            tolerations = json_object_get(spec, "tolerations");
        }
        json_array_append_new(tolerations,
                              json_pack("{s:s, s:s, s:s, s:i}", "key", keys[i], "operator",
                                        "Exists", "effect", "NoExecute", "tolerationSeconds", 300));
    }
}

static json_t *admit_pod(const struct sim_store *store, struct sim_attempt *attempt) {
    json_t *spec = sim_json_make_object(attempt->object, "spec");
    json_t *refusal = admit_service_account(store, attempt, spec);

    if (refusal == NULL) {
        refusal = admit_priority(store, attempt, spec);
    }
    if (refusal == NULL) {
        refusal = admit_runtime_class(store, attempt, spec);
    }
    if (refusal == NULL) {
        add_tolerations(spec);
    }
    return refusal;
}

static void taint_node(json_t *node) {
    static const char key[] = "node.kubernetes.io/not-ready";
    json_t *spec = sim_json_make_object(node, "spec");
    json_t *taints = json_object_get(spec, "taints");
    const json_t *taint;
    size_t i;

    json_array_foreach(taints, i, taint) {
        const char *of = sim_json_text(taint, "key");

        if (of != NULL && strcmp(of, key) == 0) {
            return;
        }
    }
    if (!json_is_array(taints)) {
        json_object_set_new(spec, "taints", json_array());
        taints = json_object_get(spec, "taints");
    }
    json_array_append_new(taints, json_pack("{s:s, s:s}", "key", key, "effect", "NoSchedule"));
}

struct json_t *sim_builtin_admit(const struct sim_store *store, struct sim_attempt *attempt) {
    json_t *refusal = check_namespace(store, attempt);

    if (refusal != NULL || attempt->old != NULL) {
        return refusal;
    }
    if (attempt->resource->id == SIM_PODS) {
        return admit_pod(store, attempt);
    }
    if (attempt->resource->id == SIM_NODES) {
        taint_node(attempt->object);
    }
    return NULL;
}

static void create(struct sim_store *store, enum sim_resource_id id, const char *namespace,
                   json_t *object_take, int64_t now_us) {
    struct sim_write write = {.id = id, .namespace = namespace, .now_us = now_us};
    struct sim_answer answer = sim_store_post_take(store, &write, object_take);

    sim_answer_finish(&answer); /* It may be there already. */
}

void sim_builtin_fill_namespace(struct sim_store *store, const char *namespace, int64_t now_us) {
    create(store, SIM_SERVICEACCOUNTS, namespace,
           json_pack("{s:{s:s}}", "metadata", "name", "default"), now_us);
    create(store, SIM_CONFIGMAPS, namespace,
           json_pack("{s:{s:s}, s:{s:s}}", "metadata", "name", "kube-root-ca.crt", "data", "ca.crt",
                     ""),
           now_us);
}

void sim_builtin_fill_cluster(struct sim_store *store, int64_t now_us) {
    for (size_t i = 0; i < ARRAY_LEN(cluster_namespaces); i++) {
        create(store, SIM_NAMESPACES, "",
               json_pack("{s:{s:s}}", "metadata", "name", cluster_namespaces[i]), now_us);
    }
    create(store, SIM_PRIORITYCLASSES, "",
           json_pack("{s:{s:s}, s:i, s:s}", "metadata", "name", "system-cluster-critical", "value",
                     2000000000, "description",
                     "Used for system critical pods that must run in the cluster, but can be moved "
                     "to another node if necessary."),
           now_us);
    create(store, SIM_PRIORITYCLASSES, "",
           json_pack("{s:{s:s}, s:i, s:s}", "metadata", "name", "system-node-critical", "value",
                     2000001000, "description",
                     "Used for system critical pods that must not be moved from their current "
                     "node."),
           now_us);
}
