#include "sim/pod_math.h"

#include <string.h>

#include <jansson.h>

#include "sim/tree.h"

static void add_resources(struct amounts *sum, const json_t *container, const char *path) {
    amounts_add_readable(sum, tree_at(container, path));
}

static bool is_sidecar(const json_t *init_container) {
    return tree_is(init_container, "restartPolicy", "Always");
}

/* Init containers run one after the other, each beside the sidecars before it. */
static void add_init_containers(const json_t *pod, const char *path, struct amounts *sum) {
    struct amounts sidecars = {0};
    struct amounts peak = {0};
    size_t i;
    json_t *container;

    json_array_foreach(tree_at(pod, "spec/initContainers"), i, container) {
        struct amounts now = {0};

        if (is_sidecar(container)) {
            add_resources(&sidecars, container, path);
            amounts_raise_all(&peak, &sidecars);
            continue;
        }
        add_resources(&now, container, path);
        amounts_add_all(&now, &sidecars);
        amounts_raise_all(&peak, &now);
        amounts_finish(&now);
    }
    amounts_add_all(sum, &sidecars);
    amounts_raise_all(sum, &peak);
    amounts_finish(&sidecars);
    amounts_finish(&peak);
}

static void sum_containers(const json_t *pod, const char *path, struct amounts *sum) {
    size_t i;
    json_t *container;

    json_array_foreach(tree_at(pod, "spec/containers"), i, container) {
        add_resources(sum, container, path);
    }
    add_init_containers(pod, path, sum);
}

/* What the pod says as a whole goes before its containers' sum. */
static void override_by_whole(const json_t *pod, const char *path, struct amounts *sum) {
    struct amounts whole = {0};

    add_resources(&whole, pod, path);
    for (size_t i = 0; i < whole.count; i++) {
        amounts_set(sum, whole.items[i].name, whole.items[i].value, whole.items[i].binary);
    }
    amounts_finish(&whole);
}

/* A request that nobody made is the limit of the whole pod, if there is one: the API server writes
 * it down when it fills in defaults. */
static void request_whole_limits(const json_t *pod, struct amounts *sum) {
    struct amounts limits = {0};

    add_resources(&limits, pod, "spec/resources/limits");
    for (size_t i = 0; i < limits.count; i++) {
        if (amounts_find(sum, limits.items[i].name) == NULL) {
            amounts_set(sum, limits.items[i].name, limits.items[i].value, limits.items[i].binary);
        }
    }
    amounts_finish(&limits);
}

void pod_requests_bare(const json_t *pod, struct amounts *out_sum) {
    sum_containers(pod, "resources/requests", out_sum);
    request_whole_limits(pod, out_sum);
    override_by_whole(pod, "spec/resources/requests", out_sum);
}

void pod_limits_bare(const json_t *pod, struct amounts *out_sum) {
    sum_containers(pod, "resources/limits", out_sum);
    override_by_whole(pod, "spec/resources/limits", out_sum);
}

void pod_requests(const json_t *pod, struct amounts *out_sum) {
    struct amounts sum = {0};

    pod_requests_bare(pod, &sum);
    add_resources(&sum, pod, "spec/overhead");
    amounts_add_all(out_sum, &sum);
    amounts_finish(&sum);
}

void pod_limits(const json_t *pod, struct amounts *out_sum) {
    struct amounts sum = {0};
    struct amounts overhead = {0};

    pod_limits_bare(pod, &sum);
    add_resources(&overhead, pod, "spec/overhead");
    for (size_t i = 0; i < overhead.count; i++) {
        const struct amount *more = &overhead.items[i];

        if (amounts_find(&sum, more->name) != NULL) {
            amounts_add(&sum, more->name, more->value, more->binary);
        }
    }
    amounts_add_all(out_sum, &sum);
    amounts_finish(&sum);
    amounts_finish(&overhead);
}

struct qos {
    bool any;        /* some container asks for cpu or memory */
    bool guaranteed; /* all so far limit both and ask for exactly that */
};

static void look_at_resource(const json_t *container, const char *name, struct qos *qos) {
    struct amounts requests = {0};
    struct amounts limits = {0};
    int64_t request;
    int64_t limit;

    add_resources(&requests, container, "resources/requests");
    add_resources(&limits, container, "resources/limits");
    request = amounts_value(&requests, name);
    limit = amounts_value(&limits, name);
    qos->any = qos->any || request > 0 || limit > 0;
    if (limit == 0 || (amounts_find(&requests, name) != NULL && request != limit)) {
        qos->guaranteed = false;
    }
    amounts_finish(&requests);
    amounts_finish(&limits);
}

static void look_at_containers(const json_t *containers, struct qos *qos) {
    size_t i;
    json_t *container;

    json_array_foreach(containers, i, container) {
        look_at_resource(container, "cpu", qos);
        look_at_resource(container, "memory", qos);
    }
}

const char *pod_qos_class(const json_t *pod) {
    struct qos qos = {.guaranteed = true};

    look_at_containers(tree_at(pod, "spec/containers"), &qos);
    look_at_containers(tree_at(pod, "spec/initContainers"), &qos);
    if (tree_at(pod, "spec/resources") != NULL) {
        qos = (struct qos){.guaranteed = true};
        look_at_resource(tree_at(pod, "spec"), "cpu", &qos);
        look_at_resource(tree_at(pod, "spec"), "memory", &qos);
    }
    if (!qos.any) {
        return "BestEffort";
    }
    return qos.guaranteed ? "Guaranteed" : "Burstable";
}

bool pod_finished(const json_t *pod) {
    return tree_is(pod, "status/phase", "Succeeded") || tree_is(pod, "status/phase", "Failed");
}

bool pod_terminating(const json_t *pod) {
    return tree_text(pod, "metadata/deletionTimestamp") != NULL;
}

const char *pod_node(const json_t *pod) {
    const char *node = tree_text(pod, "spec/nodeName");

    return node != NULL && node[0] != '\0' ? node : NULL;
}
