#include "sim/pod_status.h"

#include <string.h>

#include <jansson.h>

#include "base/ensure.h"
#include "base/rfc3339.h"
#include "sim/tree.h"

static json_t *condition_of(json_t *status, const char *type) {
    json_t *conditions = tree_make_array(status, "conditions");
    json_t *condition;
    size_t i;
    int r;

    json_array_foreach(conditions, i, condition) {
        if (tree_is(condition, "type", type)) {
            return condition;
        }
    }
    condition = tree_pack("{s:s, s:s, s:n}", "type", type, "status", "", "lastProbeTime");
    r = json_array_append_new(conditions, condition);
    ENSURE(r == 0);
    return condition;
}

static void put_or_drop(json_t *object, const char *key, const char *text) {
    if (text != NULL) {
        tree_put_text(object, key, text);
    } else {
        tree_drop(object, key);
    }
}

void pod_status_set_condition(json_t *status, const char *type, const char *value,
                              const char *reason, const char *message, int64_t now_us) {
    json_t *condition = condition_of(status, type);

    if (!tree_is(condition, "status", value)) {
        tree_put_text(condition, "status", value);
        tree_put_time(condition, "lastTransitionTime", now_us);
    }
    put_or_drop(condition, "reason", reason);
    put_or_drop(condition, "message", message);
}

/* The status of the container of this name before, NULL when there was none. */
static json_t *old_container_status(const json_t *pod, const char *name) {
    json_t *status;
    size_t i;

    json_array_foreach(tree_at(pod, "status/containerStatuses"), i, status) {
        if (tree_is(status, "name", name)) {
            return status;
        }
    }
    return NULL;
}

static const char *text_or(const char *text, const char *fallback) {
    return text != NULL ? text : fallback;
}

/* What stays the same through a container's life. */
static json_t *container_status(const json_t *pod, const json_t *container, json_t *take_state) {
    const char *name = text_or(tree_text(container, "name"), "");
    const json_t *old = old_container_status(pod, name);
    const json_t *last = tree_at(old, "lastState");
    json_t *status = tree_pack(
        "{s:s, s:o, s:O?, s:b, s:I, s:s, s:s, s:b}", "name", name, "state", take_state, "lastState",
        last, "ready", 0, "restartCount", (json_int_t)tree_int(old, "restartCount", 0), "image",
        text_or(tree_text(container, "image"), ""), "imageID", "", "started", 0);

    if (last == NULL) {
        tree_put(status, "lastState", json_object());
    }
    return status;
}

static json_t *put_containers(json_t *status) {
    json_t *statuses = json_array();

    tree_put(status, "containerStatuses", statuses);
    return statuses;
}

static void append(json_t *array, json_t *take_value) {
    int r = json_array_append_new(array, take_value);

    ENSURE(r == 0);
}

/* Conditions are changed in place: the list gets its own. */
static void own_conditions(json_t *status) {
    json_t *conditions = json_array();
    json_t *condition;
    size_t i;

    json_array_foreach(tree_at(status, "conditions"), i, condition) {
        append(conditions, json_copy(condition));
    }
    if (i > 0) {
        tree_put(status, "conditions", conditions);
    } else {
        json_decref(conditions);
    }
}

json_t *pod_status_begin(const json_t *pod) {
    json_t *old = tree_at(pod, "status");
    json_t *status = json_is_object(old) ? json_copy(old) : json_object();

    ENSURE(status != NULL);
    own_conditions(status);
    return status;
}

static void set_readiness(json_t *status, const char *value, const char *reason, int64_t now_us) {
    pod_status_set_condition(status, "Initialized", "True", NULL, NULL, now_us);
    pod_status_set_condition(status, "Ready", value, reason, NULL, now_us);
    pod_status_set_condition(status, "ContainersReady", value, reason, NULL, now_us);
    pod_status_set_condition(status, "PodScheduled", "True", NULL, NULL, now_us);
}

static void set_start(json_t *status, int64_t now_us) {
    char text[RFC3339_BYTES_MAX];

    rfc3339_print(now_us, text);
    tree_default_text(status, "hostIP", "10.0.0.1");
    tree_default_text(status, "startTime", text);
}

json_t *pod_status_waiting(const json_t *pod, const char *reason, const char *message,
                           int64_t now_us) {
    json_t *status = pod_status_begin(pod);
    json_t *statuses = put_containers(status);
    json_t *container;
    size_t i;

    json_array_foreach(tree_at(pod, "spec/containers"), i, container) {
        json_t *state = tree_pack("{s:{s:s}}", "waiting", "reason", reason);

        if (message != NULL) {
            tree_put_text(state, "waiting/message", message);
        }
        append(statuses, container_status(pod, container, state));
    }
    tree_put_text(status, "phase", "Pending");
    set_start(status, now_us);
    set_readiness(status, "False", "ContainersNotReady", now_us);
    return status;
}

json_t *pod_status_running(const json_t *pod, const char *ip, int64_t now_us) {
    json_t *status = pod_status_begin(pod);
    json_t *statuses = put_containers(status);
    json_t *container;
    size_t i;

    json_array_foreach(tree_at(pod, "spec/containers"), i, container) {
        json_t *state = json_object();
        json_t *running;

        tree_put_time(state, "running/startedAt", now_us);
        running = container_status(pod, container, state);
        tree_put(running, "ready", json_true());
        tree_put(running, "started", json_true());
        append(statuses, running);
    }
    tree_put_text(status, "phase", "Running");
    tree_put_text(status, "podIP", ip);
    tree_put(status, "podIPs", tree_pack("[{s:s}]", "ip", ip));
    set_start(status, now_us);
    set_readiness(status, "True", NULL, now_us);
    return status;
}

static const char *exit_reason(const struct pod_exit *exit) {
    if (exit->reason != NULL) {
        return exit->reason;
    }
    return exit->code == 0 ? "Completed" : "Error";
}

static json_t *terminated_state(const json_t *pod, const json_t *container,
                                const struct pod_exit *exit, int64_t now_us) {
    const json_t *old = old_container_status(pod, text_or(tree_text(container, "name"), ""));
    const char *started = tree_text(old, "state/running/startedAt");
    json_t *state = tree_pack("{s:{s:i, s:s}}", "terminated", "exitCode", exit->code, "reason",
                              exit_reason(exit));

    if (started != NULL) {
        tree_put_text(state, "terminated/startedAt", started);
    } else {
        tree_put_time(state, "terminated/startedAt", now_us);
    }
    tree_put_time(state, "terminated/finishedAt", now_us);
    return state;
}

json_t *pod_status_restarting(const json_t *pod, const struct pod_exit *exit, int64_t now_us) {
    json_t *status = pod_status_waiting(pod, "CrashLoopBackOff", "back-off restarting", now_us);
    json_t *container;
    size_t i;

    json_array_foreach(tree_at(pod, "spec/containers"), i, container) {
        json_t *entry = json_array_get(tree_at(status, "containerStatuses"), i);

        tree_put(entry, "lastState", terminated_state(pod, container, exit, now_us));
        tree_put_int(entry, "restartCount", tree_int(entry, "restartCount", 0) + 1);
    }
    tree_put_text(status, "phase", "Running");
    return status;
}

json_t *pod_status_ended(const json_t *pod, const struct pod_exit *exit, int64_t now_us) {
    json_t *status = pod_status_begin(pod);
    json_t *statuses = put_containers(status);
    json_t *container;
    size_t i;

    json_array_foreach(tree_at(pod, "spec/containers"), i, container) {
        append(statuses,
               container_status(pod, container, terminated_state(pod, container, exit, now_us)));
    }
    tree_put_text(status, "phase", exit->code == 0 ? "Succeeded" : "Failed");
    put_or_drop(status, "reason", exit->pod_reason);
    put_or_drop(status, "message", exit->pod_message);
    set_readiness(status, "False", exit->code == 0 ? "PodCompleted" : "PodFailed", now_us);
    return status;
}

/* --- Containers with lives of their own ------------------------------------------------------- */

static json_t *end_state(const struct pod_exit *exit, const char *message, int64_t started_us,
                         int64_t finished_us) {
    json_t *state = tree_pack("{s:{s:i, s:s}}", "terminated", "exitCode", exit->code, "reason",
                              exit_reason(exit));

    if (message != NULL) {
        tree_put_text(state, "terminated/message", message);
    }
    tree_put_time(state, "terminated/startedAt", started_us);
    tree_put_time(state, "terminated/finishedAt", finished_us);
    return state;
}

static json_t *report_state(const struct container_report *report) {
    struct pod_exit exit = {.code = report->exit_code, .reason = report->reason};
    json_t *state = json_object();

    switch (report->state) {
    case CONTAINER_WAITING:
        tree_put_text(state, "waiting/reason", report->reason);
        if (report->message != NULL) {
            tree_put_text(state, "waiting/message", report->message);
        }
        break;
    case CONTAINER_RUNNING:
        tree_put_time(state, "running/startedAt", report->started_us);
        break;
    case CONTAINER_TERMINATED:
        json_decref(state);
        state = end_state(&exit, report->message, report->started_us, report->finished_us);
        break;
    }
    return state;
}

static bool is_ready(const struct container_report *report) {
    bool sidecar = report->init && tree_is(report->spec, "restartPolicy", "Always");

    if (report->init && !sidecar) {
        return report->state == CONTAINER_TERMINATED && report->exit_code == 0;
    }
    return report->state == CONTAINER_RUNNING;
}

static json_t *report_container(const json_t *pod, const struct container_report *report) {
    json_t *status = container_status(pod, report->spec, report_state(report));

    tree_put_int(status, "restartCount", (int64_t)report->restarts);
    if (is_ready(report)) {
        tree_put(status, "ready", json_true());
    }
    if (report->state == CONTAINER_RUNNING) {
        tree_put(status, "started", json_true());
    }
    if (report->restarts > 0) {
        tree_put(
            status, "lastState",
            end_state(&report->last_exit, NULL, report->last_started_us, report->last_finished_us));
    }
    return status;
}

static void set_conditions(json_t *status, const struct pod_report *report, int64_t now_us) {
    bool ready = strcmp(report->phase, "Running") == 0;
    const char *reason = strcmp(report->phase, "Succeeded") == 0 ? "PodCompleted"
                         : strcmp(report->phase, "Failed") == 0  ? "PodFailed"
                                                                 : "ContainersNotReady";

    for (size_t i = 0; i < report->container_count; i++) {
        ready = ready && is_ready(&report->containers[i]);
    }
    set_readiness(status, ready ? "True" : "False", ready ? NULL : reason, now_us);
    if (!report->initialized) {
        pod_status_set_condition(status, "Initialized", "False", "ContainersNotInitialized", NULL,
                                 now_us);
    }
}

json_t *pod_status_report(const json_t *pod, const struct pod_report *report, int64_t now_us) {
    json_t *status = pod_status_begin(pod);
    json_t *mains = json_array();
    json_t *inits = json_array();

    for (size_t i = 0; i < report->container_count; i++) {
        append(report->containers[i].init ? inits : mains,
               report_container(pod, &report->containers[i]));
    }
    tree_put(status, "containerStatuses", mains);
    if (json_array_size(inits) > 0) {
        tree_put(status, "initContainerStatuses", inits);
    } else {
        json_decref(inits);
    }
    tree_put_text(status, "phase", report->phase);
    tree_put_text(status, "podIP", report->ip);
    tree_put(status, "podIPs", tree_pack("[{s:s}]", "ip", report->ip));
    put_or_drop(status, "reason", report->reason);
    put_or_drop(status, "message", report->message);
    set_start(status, now_us);
    set_conditions(status, report, now_us);
    return status;
}
