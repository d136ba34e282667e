#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "sim/json.h"
#include "sim/pod.h"
#include "sim/rest_parts.h"
#include "sim/status.h"

static json_t *find_pod(struct sim_call *call) {
    json_t *pod =
        sim_store_get(call->rest->store, SIM_PODS, call->target.namespace, call->target.name);

    if (pod == NULL) {
        sim_call_refuse(call, sim_status_not_found(sim_resource(SIM_PODS), call->target.name));
    }
    return pod;
}

void sim_call_bind(struct sim_call *call) {
    struct sim_write write = {
        .id = SIM_PODS,
        .namespace = call->target.namespace,
        .name = call->target.name,
        .user = call->request->user,
        .now_us = call->request->now_us,
        .dry_run = call->dry_run,
    };
    json_t *body = sim_call_body(call, "Binding");
    const char *node = sim_json_text(body, "target.name");

    if (body == NULL) {
        return;
    }
    if (node == NULL || node[0] == '\0') {
        struct sim_invalid invalid = {0};

        sim_invalid_add(&invalid, "FieldValueRequired", "target.name", "Required value");
        sim_call_refuse(call,
                        sim_invalid_finish(&invalid, sim_resource(SIM_PODS), call->target.name));
    } else {
        struct sim_answer bound = sim_store_bind(call->rest->store, &write, node);

        sim_call_json(call, bound.code, bound.body);
    }
    json_decref(body);
}

void sim_call_evict(struct sim_call *call) {
    json_t *body = sim_call_body(call, "Eviction");
    struct sim_delete request = {
        .id = SIM_PODS,
        .namespace = call->target.namespace,
        .name = call->target.name,
        .now_us = call->request->now_us,
        .grace_seconds = sim_json_int(body, "deleteOptions.gracePeriodSeconds", SIM_GRACE_DEFAULT),
        .uid = sim_json_text(body, "deleteOptions.preconditions.uid"),
        .dry_run = call->dry_run,
    };
    struct sim_answer gone;

    if (body == NULL) {
        return;
    }
    gone = sim_store_delete(call->rest->store, &request);
    if (gone.code >= 400) {
        sim_call_refuse(call, gone.body);
    } else {
        sim_answer_finish(&gone);
        sim_call_json(call, 201, sim_status_success(201));
    }
    json_decref(body);
}

/* Logs. */

static bool has_container(const json_t *pod, const char *name) {
    static const char *const lists[] = {"spec.containers", "spec.initContainers"};
    const json_t *container;
    size_t i;

    for (size_t k = 0; k < ARRAY_LEN(lists); k++) {
        json_array_foreach(sim_json_at(pod, lists[k]), i, container) {
            const char *own = sim_json_text(container, "name");

            if (own != NULL && strcmp(own, name) == 0) {
                return true;
            }
        }
    }
    return false;
}

/* NULL, and the call is refused, when it isn't clear which container is meant. */
static const char *find_container(struct sim_call *call, const json_t *pod) {
    const char *name = sim_request_parameter(call->request, "container");
    const json_t *containers = sim_json_at(pod, "spec.containers");

    if (name != NULL && name[0] != '\0') {
        if (!has_container(pod, name)) {
            sim_call_refuse(call, sim_status_bad_request("container %s is not valid for pod %s",
                                                         name, call->target.name));
            return NULL;
        }
        return name;
    }
    if (json_array_size(containers) != 1) {
        sim_call_refuse(call,
                        sim_status_bad_request("a container name must be specified for pod %s",
                                               call->target.name));
        return NULL;
    }
    return sim_json_text(json_array_get(containers, 0), "name");
}

/* Keep the last lines only. */
static void keep_tail(struct buf *log, int64_t lines) {
    size_t at = log->bytes;

    if (lines <= 0) {
        buf_clear(log);
        return;
    }
    at -= at > 0 && log->data[at - 1] == '\n' ? 1 : 0;
    while (at > 0 && (log->data[at - 1] != '\n' || --lines > 0)) {
        at--;
    }
    buf_drop_front(log, at);
}

static void keep_head(struct buf *log, size_t bytes) {
    if (log->bytes > bytes) {
        log->bytes = bytes;
        log->data[bytes] = '\0';
    }
}

static void answer_log(struct sim_call *call, const json_t *pod, const char *container) {
    const struct sim_backend *backend = &call->rest->backend;
    const char *tail = sim_request_parameter(call->request, "tailLines");
    const char *most = sim_request_parameter(call->request, "limitBytes");
    struct pod_log log = {
        .namespace = call->target.namespace, .pod = call->target.name, .container = container};
    int64_t lines;
    int64_t bytes;

    if (backend->log == NULL) {
        sim_call_refuse(call, sim_status(500, "", NULL, NULL,
                                         "Get \"https://127.0.0.1:10250/containerLogs/%s/%s/%s\": "
                                         "dial tcp 127.0.0.1:10250: connect: connection refused",
                                         call->target.namespace, call->target.name, container));
        return;
    }
    if (!backend->log(backend->context, &log, &call->response->body)) {
        sim_call_refuse(call, sim_status_bad_request("container \"%s\" in pod \"%s\" is waiting to "
                                                     "start: ContainerCreating",
                                                     container, call->target.name));
        return;
    }
    if (tail != NULL && text_parse_int64(tail, &lines) == OK) {
        keep_tail(&call->response->body, lines);
    }
    if (most != NULL && text_parse_int64(most, &bytes) == OK && bytes >= 0) {
        keep_head(&call->response->body, (size_t)bytes);
    }
    call->response->code = 200;
    call->response->content_type = "text/plain";
    call->response->log_end = log.end;
    (void)text_copy(call->response->log_container, sizeof call->response->log_container, container);
    call->response->follow_log =
        sim_request_flag(call->request, "follow") && !sim_pod_is_finished(pod);
}

void sim_call_log(struct sim_call *call) {
    const json_t *pod = find_pod(call);
    const char *container = pod == NULL ? NULL : find_container(call, pod);
    const char *node = sim_json_text(pod, "spec.nodeName");

    if (container == NULL) {
        return;
    }
    if (node == NULL || node[0] == '\0') {
        call->response->code = 204;
        return;
    }
    if (sim_request_flag(call->request, "previous")) {
        sim_call_refuse(call, sim_status_bad_request("previous terminated container \"%s\" in pod "
                                                     "\"%s\" not found",
                                                     container, call->target.name));
        return;
    }
    answer_log(call, pod, container);
}
