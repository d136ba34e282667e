#include "sim/quota_usage.h"

#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/text.h"
#include "sim/pod_math.h"
#include "sim/tree.h"

/* Scopes. */

static bool is_cross_namespace_term(const json_t *term) {
    return json_array_size(tree_at(term, "namespaces")) > 0 ||
           tree_at(term, "namespaceSelector") != NULL;
}

static bool any_cross_namespace_term(const json_t *terms, const char *inner) {
    size_t i;
    json_t *term;

    json_array_foreach(terms, i, term) {
        if (is_cross_namespace_term(tree_at(term, inner))) {
            return true;
        }
    }
    return false;
}

static bool uses_cross_namespace_affinity(const json_t *pod) {
    static const char *const kinds[] = {"podAffinity", "podAntiAffinity"};

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        const json_t *affinity = tree_at(tree_at(pod, "spec/affinity"), kinds[i]);

        if (any_cross_namespace_term(
                tree_at(affinity, "requiredDuringSchedulingIgnoredDuringExecution"), "") ||
            any_cross_namespace_term(
                tree_at(affinity, "preferredDuringSchedulingIgnoredDuringExecution"),
                "podAffinityTerm")) {
            return true;
        }
    }
    return false;
}

static bool list_holds(const json_t *list, const char *text) {
    size_t i;
    json_t *value;

    json_array_foreach(list, i, value) {
        if (json_is_string(value) && strcmp(json_string_value(value), text) == 0) {
            return true;
        }
    }
    return false;
}

static bool priority_class_matches(const json_t *pod, const char *operator, const json_t * values) {
    const char *class = tree_text(pod, "spec/priorityClassName");
    bool has = class != NULL && class[0] != '\0';
    bool listed = has && list_holds(values, class);

    if (strcmp(operator, "In") == 0) {
        return listed;
    }
    if (strcmp(operator, "NotIn") == 0) {
        return !listed;
    }
    return strcmp(operator, "DoesNotExist") == 0 ? !has : has;
}

static bool pod_in_scope(const json_t *pod, const char *scope, const char *operator,
                         const json_t * values) {
    bool terminating = tree_int(pod, "spec/activeDeadlineSeconds", -1) >= 0;
    bool best_effort = strcmp(pod_qos_class(pod), "BestEffort") == 0;

    if (strcmp(scope, "Terminating") == 0) {
        return terminating;
    }
    if (strcmp(scope, "NotTerminating") == 0) {
        return !terminating;
    }
    if (strcmp(scope, "BestEffort") == 0) {
        return best_effort;
    }
    if (strcmp(scope, "NotBestEffort") == 0) {
        return !best_effort;
    }
    if (strcmp(scope, "PriorityClass") == 0) {
        return priority_class_matches(pod, operator, values);
    }
    if (strcmp(scope, "CrossNamespacePodAffinity") == 0) {
        return uses_cross_namespace_affinity(pod);
    }
    return false;
}

/* By the class of a claim's attributes; those of most claims have none. */
static bool claim_in_scope(const json_t *claim, const char *operator, const json_t * values) {
    const char *class = tree_text(claim, "spec/volumeAttributesClassName");
    bool has = class != NULL && class[0] != '\0';
    bool listed = has && list_holds(values, class);

    if (strcmp(operator, "In") == 0) {
        return listed;
    }
    if (strcmp(operator, "NotIn") == 0) {
        return !listed;
    }
    return strcmp(operator, "DoesNotExist") == 0 ? !has : has;
}

/* Pods have scopes, and claims one: a quota with a scope leaves everything else alone. */
static bool in_scope(enum sim_resource_id id, const json_t *object, const char *scope,
                     const char *operator, const json_t * values) {
    if (id == SIM_PERSISTENTVOLUMECLAIMS && scope != NULL) {
        return strcmp(scope, "VolumeAttributesClass") == 0 &&
               claim_in_scope(object, operator != NULL ? operator: "Exists", values);
    }
    return id == SIM_PODS && scope != NULL &&
           pod_in_scope(object, scope, operator != NULL ? operator: "Exists", values);
}

bool quota_scope_covers(const json_t *quota, enum sim_resource_id id, const json_t *object) {
    size_t i;
    json_t *item;

    json_array_foreach(tree_at(quota, "spec/scopes"), i, item) {
        if (!in_scope(id, object, json_string_value(item), "Exists", NULL)) {
            return false;
        }
    }
    json_array_foreach(tree_at(quota, "spec/scopeSelector/matchExpressions"), i, item) {
        if (!in_scope(id, object, tree_text(item, "scopeName"), tree_text(item, "operator"),
                      tree_at(item, "values"))) {
            return false;
        }
    }
    return true;
}

/* Usage. */

/* "count/pods", "count/leases.coordination.k8s.io" */
static void count_key(enum sim_resource_id id, char out_key[AMOUNTS_NAME_BYTES_MAX]) {
    const struct sim_resource *resource = sim_resource(id);

    if (resource->group[0] == '\0') {
        (void)snprintf(out_key, AMOUNTS_NAME_BYTES_MAX, "count/%s", resource->plural);
    } else {
        (void)snprintf(out_key, AMOUNTS_NAME_BYTES_MAX, "count/%s.%s", resource->plural,
                       resource->group);
    }
}

/* Before there was count/, these had keys of their own names. */
static bool counted_by_name(enum sim_resource_id id) {
    return id == SIM_PODS || id == SIM_SERVICES || id == SIM_CONFIGMAPS || id == SIM_SECRETS ||
           id == SIM_RESOURCEQUOTAS || id == SIM_PERSISTENTVOLUMECLAIMS;
}

static bool is_compute(const char *name) {
    return strcmp(name, "cpu") == 0 || strcmp(name, "memory") == 0 ||
           strcmp(name, "ephemeral-storage") == 0;
}

static void add_prefixed(struct amounts *usage, const char *prefix, const struct amount *amount) {
    char key[AMOUNTS_NAME_BYTES_MAX];

    (void)snprintf(key, sizeof key, "%s%s", prefix, amount->name);
    amounts_add(usage, key, amount->value, amount->binary);
}

static void add_pod_requests(const json_t *pod, struct amounts *usage) {
    struct amounts requests = {0};

    pod_requests(pod, &requests);
    for (size_t i = 0; i < requests.count; i++) {
        const struct amount *amount = &requests.items[i];

        if (is_compute(amount->name) || text_starts_with(amount->name, "hugepages-")) {
            amounts_add(usage, amount->name, amount->value, amount->binary);
        }
        add_prefixed(usage, "requests.", amount);
    }
    amounts_finish(&requests);
}

static void add_pod_limits(const json_t *pod, struct amounts *usage) {
    struct amounts limits = {0};

    pod_limits(pod, &limits);
    for (size_t i = 0; i < limits.count; i++) {
        if (is_compute(limits.items[i].name)) {
            add_prefixed(usage, "limits.", &limits.items[i]);
        }
    }
    amounts_finish(&limits);
}

/* deletionTimestamp is when the grace ends; the real evaluator grants the grace once more. */
static bool pod_is_past_deletion(const json_t *pod, int64_t now_us) {
    int64_t end_us = tree_time(pod, "metadata/deletionTimestamp");
    int64_t grace_seconds = tree_int(pod, "metadata/deletionGracePeriodSeconds", 0);

    return end_us != 0 && now_us > end_us + grace_seconds * CLOCK_US_PER_SECOND;
}

static void add_pod(const json_t *pod, int64_t now_us, struct amounts *usage) {
    if (pod_finished(pod) || pod_is_past_deletion(pod, now_us)) {
        return;
    }
    amounts_add(usage, "pods", 1, false);
    add_pod_requests(pod, usage);
    add_pod_limits(pod, usage);
}

static void add_service(const json_t *service, struct amounts *usage) {
    int64_t ports = (int64_t)json_array_size(tree_at(service, "spec/ports"));
    bool balanced = tree_is(service, "spec/type", "LoadBalancer");
    bool by_node = tree_is(service, "spec/type", "NodePort");

    if (balanced && json_is_false(tree_at(service, "spec/allocateLoadBalancerNodePorts"))) {
        ports = 0;
    }
    amounts_add(usage, "services", 1, false);
    amounts_add(usage, "services.loadbalancers", balanced ? 1 : 0, false);
    amounts_add(usage, "services.nodeports", balanced || by_node ? ports : 0, false);
}

static void add_claim(const json_t *claim, struct amounts *usage) {
    const char *class = tree_text(claim, "spec/storageClassName");
    struct amounts requests = {0};
    const struct amount *storage;

    amounts_add_readable(&requests, tree_at(claim, "spec/resources/requests"));
    storage = amounts_find(&requests, "storage");
    amounts_add(usage, "persistentvolumeclaims", 1, false);
    if (storage != NULL) {
        amounts_add(usage, "requests.storage", storage->value, storage->binary);
    }
    if (class != NULL && class[0] != '\0') {
        char key[AMOUNTS_NAME_BYTES_MAX];

        (void)snprintf(key, sizeof key, "%.60s.storageclass.storage.k8s.io/persistentvolumeclaims",
                       class);
        amounts_add(usage, key, 1, false);
        (void)snprintf(key, sizeof key, "%.60s.storageclass.storage.k8s.io/requests.storage",
                       class);
        if (storage != NULL) {
            amounts_add(usage, key, storage->value, storage->binary);
        }
    }
    amounts_finish(&requests);
}

void quota_usage(enum sim_resource_id id, const json_t *object, int64_t now_us,
                 struct amounts *out_usage) {
    char key[AMOUNTS_NAME_BYTES_MAX];

    count_key(id, key);
    amounts_add(out_usage, key, 1, false);
    if (id == SIM_PODS) {
        add_pod(object, now_us, out_usage);
    } else if (id == SIM_SERVICES) {
        add_service(object, out_usage);
    } else if (id == SIM_PERSISTENTVOLUMECLAIMS) {
        add_claim(object, out_usage);
    } else if (counted_by_name(id)) {
        amounts_add(out_usage, sim_resource(id)->plural, 1, false);
    }
}

static bool is_compute_key(const char *key) {
    return strcmp(key, "cpu") == 0 || strcmp(key, "memory") == 0 ||
           strcmp(key, "requests.cpu") == 0 || strcmp(key, "requests.memory") == 0 ||
           strcmp(key, "limits.cpu") == 0 || strcmp(key, "limits.memory") == 0;
}

static bool concerns_pods(const char *key) {
    return is_compute_key(key) || text_starts_with(key, "hugepages-") ||
           strcmp(key, "ephemeral-storage") == 0 || strcmp(key, "limits.ephemeral-storage") == 0 ||
           (text_starts_with(key, "requests.") && strcmp(key, "requests.storage") != 0);
}

static bool concerns_claims(const char *key) {
    return strcmp(key, "requests.storage") == 0 ||
           strstr(key, ".storageclass.storage.k8s.io/") != NULL;
}

bool quota_key_concerns(const char *key, enum sim_resource_id id) {
    char count[AMOUNTS_NAME_BYTES_MAX];

    count_key(id, count);
    if (strcmp(key, count) == 0 ||
        (counted_by_name(id) && strcmp(key, sim_resource(id)->plural) == 0)) {
        return true;
    }
    return (id == SIM_PODS && concerns_pods(key)) ||
           (id == SIM_PERSISTENTVOLUMECLAIMS && concerns_claims(key)) ||
           (id == SIM_SERVICES && text_starts_with(key, "services."));
}

/* Must specify. */

static bool container_has(const json_t *container, const char *key) {
    const char *list = text_starts_with(key, "limits.") ? "resources/limits" : "resources/requests";
    const char *dot = strchr(key, '.');

    return json_object_get(tree_at(container, list), dot != NULL ? dot + 1 : key) != NULL;
}

static bool all_have(const json_t *containers, const char *key) {
    size_t i;
    json_t *container;

    json_array_foreach(containers, i, container) {
        if (!container_has(container, key)) {
            return false;
        }
    }
    return true;
}

/* A pod that says what it needs as a whole is not asked for its containers' needs. */
static bool says_as_a_whole(const json_t *pod) {
    return json_object_size(tree_at(pod, "spec/resources/requests")) > 0 ||
           json_object_size(tree_at(pod, "spec/resources/limits")) > 0;
}

bool quota_unspecified(const json_t *pod, const struct amounts *hard, struct buf *out_names) {
    bool any = false;

    if (says_as_a_whole(pod)) {
        return false;
    }

    for (size_t i = 0; i < hard->count; i++) {
        const char *key = hard->items[i].name;

        if (is_compute_key(key) && !(all_have(tree_at(pod, "spec/containers"), key) &&
                                     all_have(tree_at(pod, "spec/initContainers"), key))) {
            buf_add_format(out_names, "%s%s", any ? "," : "", key);
            any = true;
        }
    }
    return any;
}
