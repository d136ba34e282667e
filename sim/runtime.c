#include "sim/runtime.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/map.h"
#include "base/memory.h"
#include "base/rfc3339.h"
#include "base/text.h"
#include "sim/agenda.h"
#include "sim/census.h"
#include "sim/event_writer.h"
#include "sim/pod_log.h"
#include "sim/pod_math.h"
#include "sim/pod_needs.h"
#include "sim/pod_plan.h"
#include "sim/pod_process.h"
#include "sim/pod_status.h"
#include "sim/process_kubelet.h"
#include "sim/runtime_inside.h"
#include "sim/store.h"
#include "sim/tree.h"

#define LOG_BYTES_MAX      (64 * 1024)
#define LOG_LINE_BYTES_MAX 1024
#define BACKOFF_DOUBLINGS  5

/* A container's process has ended. */
static void on_processes(void *context, uint64_t id, int64_t now_us) {
    struct runtime *runtime = context;
    struct run *run = map_get_id(&runtime->by_id, id);

    if (run != NULL) {
        runtime_plan(runtime, run, now_us);
    }
}

struct runtime *runtime_create(const struct runtime_config *config) {
    struct runtime *runtime = mem_alloc(1, sizeof *runtime);

    runtime->config = *config;
    if (config->processes != NULL) {
        process_kubelet_on_change(config->processes, on_processes, runtime);
    }
    return runtime;
}

static void run_destroy(struct run *run) {
    free(run->key);
    free(run->namespace);
    free(run->name);
    buf_finish(&run->log);
    free(run);
}

void runtime_destroy(struct runtime *runtime) {
    const struct map_entry *entry;

    if (runtime == NULL) {
        return;
    }
    for (size_t at = 0; (entry = map_next(&runtime->runs, &at)) != NULL;) {
        run_destroy(entry->value);
    }
    map_finish(&runtime->runs);
    map_finish(&runtime->by_id);
    map_finish(&runtime->lost_nodes);
    map_finish(&runtime->broken_nodes);
    agenda_finish(&runtime->agenda);
    free(runtime->hidden_image);
    free(runtime);
}

/* Runs and their agenda. */

void runtime_plan(struct runtime *runtime, struct run *run, int64_t due_us) {
    run->due_us = due_us;
    if (due_us != CLOCK_NEVER_US) {
        agenda_set(&runtime->agenda, due_us, run->id);
    }
}

static struct run *find_run(const struct runtime *runtime, const char *namespace,
                            const char *name) {
    char *key = mem_join(namespace, name);
    struct run *run = map_get(&runtime->runs, key);

    free(key);
    return run;
}

static struct run *run_create(struct runtime *runtime, const struct sim_change *change) {
    struct run *run = mem_alloc(1, sizeof *run);

    run->id = ++runtime->id;
    run->key = mem_join(change->namespace, change->name);
    run->namespace = mem_copy_text(change->namespace);
    run->name = mem_copy_text(change->name);
    run->deadline_us = CLOCK_NEVER_US;
    buf_init(&run->log, LOG_BYTES_MAX);
    (void)map_put(&runtime->runs, run->key, run);
    (void)map_put_id(&runtime->by_id, run->id, run);
    runtime_plan(runtime, run, change->now_us);
    return run;
}

static void run_forget(struct runtime *runtime, struct run *run) {
    (void)map_remove(&runtime->runs, run->key);
    (void)map_remove_id(&runtime->by_id, run->id);
    if (run->process != NULL) {
        process_kubelet_remove(runtime->config.processes, run->id);
    }
    run_destroy(run);
}

/* The containers get their time to stop, but no more than the grace period. */
static int64_t stop_us(const struct runtime *runtime, const struct run *run, const json_t *pod) {
    int64_t wanted_us = pod_plan_us(pod, "kubesim/stop-delay", runtime->config.stop_delay_us);
    int64_t grace_us =
        tree_int(pod, "metadata/deletionGracePeriodSeconds", 30) * CLOCK_US_PER_SECOND;

    if (!run->has_run || run->state == RUN_ENDED || run->process != NULL) {
        return 0;
    }
    return wanted_us < grace_us ? wanted_us : grace_us;
}

static void pod_changed(struct runtime *runtime, const struct sim_change *change) {
    struct run *run = find_run(runtime, change->namespace, change->name);

    if (change->type == SIM_DELETED) {
        if (run != NULL) {
            run_forget(runtime, run);
        }
        return;
    }
    if (run == NULL && pod_node(change->object) != NULL && !pod_finished(change->object)) {
        run = run_create(runtime, change);
    }
    if (run == NULL) {
        return;
    }
    if (pod_terminating(change->object) && run->state != RUN_STOPPING) {
        int64_t due_us = change->now_us + stop_us(runtime, run, change->object);

        run->state = RUN_STOPPING;
        runtime_plan(runtime, run, due_us);
    } else if (pod_finished(change->object) && run->state < RUN_STOPPING) {
        run->state = RUN_ENDED; /* Somebody else wrote its end. */
        if (run->process != NULL) {
            pod_process_stop(run->process, 0, change->now_us);
            (void)pod_process_step(run->process, change->now_us);
        }
        runtime_plan(runtime, run, CLOCK_NEVER_US);
    }
}

static void note_names(struct runtime *runtime) {
    if (runtime->config.processes != NULL) {
        process_kubelet_note_names(runtime->config.processes);
    }
}

void runtime_on_change(struct runtime *runtime, const struct sim_change *change) {
    if (change->resource->id == SIM_PODS) {
        pod_changed(runtime, change);
        note_names(runtime); /* Addresses come with a pod's status, and go with it. */
    } else if (change->resource->id == SIM_SERVICES) {
        note_names(runtime);
    } else if (change->resource->id == SIM_NODES && change->type == SIM_ADDED) {
        runtime_return_node(runtime, change->name, change->now_us);
    }
}

bool runtime_node_lost(const struct runtime *runtime, const char *node) {
    return map_get(&runtime->lost_nodes, node) != NULL ||
           sim_store_get(runtime->config.store, SIM_NODES, "", node) == NULL;
}

void runtime_lose_node(struct runtime *runtime, const char *node) {
    (void)map_put(&runtime->lost_nodes, node, runtime);
}

void runtime_return_node(struct runtime *runtime, const char *node, int64_t now_us) {
    const struct map_entry *entry;

    (void)map_remove(&runtime->lost_nodes, node);
    for (size_t at = 0; (entry = map_next(&runtime->runs, &at)) != NULL;) {
        struct run *run = entry->value;

        if (run->held) { /* On another lost node it's held again. */
            run->held = false;
            runtime_plan(runtime, run, now_us);
        }
    }
}

void runtime_break_sandboxes(struct runtime *runtime, const char *node, bool broken) {
    if (broken) {
        (void)map_put(&runtime->broken_nodes, node, runtime);
    } else {
        (void)map_remove(&runtime->broken_nodes, node);
    }
}

void runtime_hide_image(struct runtime *runtime, const char *part) {
    free(runtime->hidden_image);
    runtime->hidden_image = mem_copy_text(part);
}

/* The log. */

static void log_line_v(struct run *run, int64_t now_us, const char *format, va_list args)
    PRINTF_LIKE(3, 0);

static void log_line_v(struct run *run, int64_t now_us, const char *format, va_list args) {
    char time[RFC3339_BYTES_MAX];
    char line[LOG_LINE_BYTES_MAX];

    rfc3339_print(now_us, time);
    (void)vsnprintf(line, sizeof line, format, args);
    buf_add_format(&run->log, "%s %s\n", time, line);
}

static void log_run(struct run *run, int64_t now_us, const char *format, ...) PRINTF_LIKE(3, 4);

static void log_run(struct run *run, int64_t now_us, const char *format, ...) {
    va_list args;

    va_start(args, format);
    log_line_v(run, now_us, format, args);
    va_end(args);
}

void runtime_log(struct runtime *runtime, const char *namespace, const char *name, int64_t now_us,
                 const char *format, ...) {
    struct run *run = find_run(runtime, namespace, name);
    va_list args;

    if (run != NULL && run->has_run) {
        va_start(args, format);
        log_line_v(run, now_us, format, args);
        va_end(args);
    }
}

int runtime_read_log(const struct runtime *runtime, struct pod_log *log, struct buf *out) {
    const struct run *run = find_run(runtime, log->namespace, log->pod);

    if (run == NULL || !run->has_run) {
        return ERR_NOT_FOUND;
    }
    if (run->process != NULL) {
        return pod_process_read_log(run->process, log, out);
    }
    if (log->from < run->log.bytes) {
        buf_add(out, run->log.data + log->from, run->log.bytes - log->from);
    }
    log->end = run->log.bytes;
    return OK;
}

/* Steps of a run. Each is called with the pod as stored now; none may use it after a write. */

void runtime_write_status(struct runtime *runtime, const struct run *run, json_t *take_status,
                          int64_t now_us) {
    (void)sim_store_put_status(runtime->config.store, SIM_PODS, run->namespace, run->name,
                               take_status, now_us);
    json_decref(take_status);
}

void runtime_report(struct runtime *runtime, const json_t *pod, const char *type,
                    const char *reason, int64_t now_us, const char *message) {
    struct event_text text = {type, reason, "kubelet"};

    event_write(runtime->config.events, "Pod", pod, &text, now_us, "%s", message);
}

int64_t runtime_backoff_us(const struct runtime *runtime, struct run *run) {
    unsigned doublings = run->retries < BACKOFF_DOUBLINGS ? run->retries : BACKOFF_DOUBLINGS;

    run->retries++;
    return runtime->config.retry_us << doublings;
}

/* What the node has too little of, this pod included; NULL when all fits. Only who chose the node
 * without the binder can bring that about. */
static const struct amount *overfull(const struct runtime *runtime, const json_t *pod) {
    const struct census_node *node = census_find_node(runtime->config.census, pod_node(pod));
    const struct census_pod *entry =
        census_find_pod(runtime->config.census, tree_namespace(pod), tree_name(pod));

    for (size_t i = 0; node != NULL && entry != NULL && i < entry->requests.count; i++) {
        const struct amount *request = &entry->requests.items[i];

        if (request->value > 0 && amounts_value(&node->used, request->name) >
                                      amounts_value(&node->allocatable, request->name)) {
            return request;
        }
    }
    return NULL;
}

/* The kubelet refuses a pod for which it has no room. */
static void reject(struct runtime *runtime, struct run *run, const json_t *pod,
                   const struct amount *amount, int64_t now_us) {
    char *reason = mem_format("OutOf%s", amount->name);
    char *message = mem_format("Pod was rejected: Node didn't have enough resource: %s, requested: "
                               "%lld",
                               amount->name, (long long)amount->value);
    json_t *status = json_deep_copy(tree_at(pod, "status"));

    run->state = RUN_ENDED;
    tree_put_text(status, "phase", "Failed");
    tree_put_text(status, "reason", reason);
    tree_put_text(status, "message", message);
    runtime_write_status(runtime, run, status, now_us);
    free(reason);
    free(message);
}

static void see_pod(struct runtime *runtime, struct run *run, const json_t *pod, int64_t now_us) {
    const struct amount *missing = overfull(runtime, pod);
    int64_t delay_us = pod_plan_us(pod, "kubesim/start-delay", runtime->config.start_delay_us);

    if (missing != NULL) {
        reject(runtime, run, pod, missing, now_us);
        return;
    }
    run->state = RUN_CREATING;
    runtime_plan(runtime, run, now_us + delay_us);
    runtime_write_status(runtime, run, pod_status_waiting(pod, "ContainerCreating", NULL, now_us),
                         now_us);
}

static void wait_for_image(struct runtime *runtime, struct run *run, const json_t *pod,
                           const char *image, int64_t now_us) {
    bool backing_off = run->retries % 2 == 1;
    char *message = backing_off
                        ? mem_format("Back-off pulling image \"%s\"", image)
                        : mem_format("rpc error: code = NotFound desc = failed to pull and unpack "
                                     "image \"%s\": not found",
                                     image);

    runtime_plan(runtime, run, now_us + runtime_backoff_us(runtime, run));
    runtime_report(runtime, pod, backing_off ? "Normal" : "Warning",
                   backing_off ? "BackOff" : "Failed", now_us, message);
    runtime_write_status(
        runtime, run,
        pod_status_waiting(pod, backing_off ? "ImagePullBackOff" : "ErrImagePull", message, now_us),
        now_us);
    free(message);
}

/* The real kubelet says so in an event only: the container stays in ContainerCreating. */
static void wait_for_volume(struct runtime *runtime, struct run *run, const json_t *pod,
                            const json_t *volume, int64_t now_us) {
    bool secret = tree_at(volume, "secret") != NULL;
    char *message = mem_format("MountVolume.SetUp failed for volume \"%s\" : %s \"%s\" not found",
                               tree_text(volume, "name"), secret ? "secret" : "configmap",
                               secret ? tree_text(volume, "secret/secretName")
                                      : tree_text(volume, "configMap/name"));

    runtime_plan(runtime, run, now_us + runtime_backoff_us(runtime, run));
    runtime_report(runtime, pod, "Warning", "FailedMount", now_us, message);
    free(message);
}

/* The same: an event alone tells. */
static void wait_for_sandbox(struct runtime *runtime, struct run *run, const json_t *pod,
                             int64_t now_us) {
    runtime_plan(runtime, run, now_us + runtime_backoff_us(runtime, run));
    runtime_report(runtime, pod, "Warning", "FailedCreatePodSandBox", now_us,
                   "Failed to create pod sandbox: rpc error: code = Unknown desc = failed to setup "
                   "network for sandbox");
}

static void wait_for_reference(struct runtime *runtime, struct run *run, const json_t *pod,
                               int64_t now_us) {
    runtime_plan(runtime, run, now_us + runtime_backoff_us(runtime, run));
    runtime_write_status(runtime, run,
                         pod_status_waiting(pod, "CreateContainerConfigError",
                                            "a Secret or ConfigMap of its environment is not found",
                                            now_us),
                         now_us);
}

/* When the containers end by themselves. */
static int64_t end_us(const struct runtime *runtime, const struct run *run, const json_t *pod,
                      int64_t now_us) {
    int64_t runs_us = pod_plan_us(pod, "kubesim/runtime", -1);

    if (pod_is_spark_driver(pod)) {
        return run->deadline_us;
    }
    if (runs_us < 0) {
        if (pod_is_spark_executor(pod)) {
            return run->deadline_us;
        }
        runs_us = runtime->config.runtime_us;
    }
    return now_us + runs_us < run->deadline_us ? now_us + runs_us : run->deadline_us;
}

static void start_containers(struct runtime *runtime, struct run *run, const json_t *pod,
                             int64_t now_us) {
    char ip[32];

    (void)snprintf(ip, sizeof ip, "10.%u.%u.%u", (unsigned)(1 + (run->id >> 16) % 250),
                   (unsigned)(run->id >> 8) & 0xff, (unsigned)run->id & 0xff);
    run->state = RUN_RUNNING;
    run->has_run = true;
    run->retries = 0;
    runtime_plan(runtime, run, end_us(runtime, run, pod, now_us));
    log_run(run, now_us, "container of pod %s started", run->name);
    runtime_report(runtime, pod, "Normal", "Started", now_us, "Started container");
    pod = sim_store_get(runtime->config.store, SIM_PODS, run->namespace, run->name);
    runtime_write_status(runtime, run, pod_status_running(pod, ip, now_us), now_us);
}

/* The image that can't be pulled, or NULL. */
static const char *missing_image(const struct runtime *runtime, const json_t *pod) {
    const char *image = pod_missing_image(pod, runtime->hidden_image);

    if (image == NULL && runtime->config.processes != NULL) {
        image = process_kubelet_missing_image(runtime->config.processes, pod);
    }
    return image;
}

static void set_deadline(struct run *run, const json_t *pod) {
    int64_t seconds = tree_int(pod, "spec/activeDeadlineSeconds", -1);

    if (seconds >= 0) {
        run->deadline_us = tree_time(pod, "status/startTime") + seconds * CLOCK_US_PER_SECOND;
    }
}

static void try_start(struct runtime *runtime, struct run *run, const json_t *pod, int64_t now_us) {
    const json_t *volume = pod_missing_volume(runtime->config.store, pod);
    const char *image = missing_image(runtime, pod);

    if (map_get(&runtime->broken_nodes, pod_node(pod)) != NULL) {
        wait_for_sandbox(runtime, run, pod, now_us);
    } else if (volume != NULL) {
        wait_for_volume(runtime, run, pod, volume, now_us);
    } else if (image != NULL) {
        wait_for_image(runtime, run, pod, image, now_us);
    } else if (pod_misses_reference(runtime->config.store, pod)) {
        wait_for_reference(runtime, run, pod, now_us);
    } else if (runtime->config.processes != NULL) {
        set_deadline(run, pod);
        runtime_start_processes(runtime, run, pod, now_us);
    } else {
        set_deadline(run, pod);
        start_containers(runtime, run, pod, now_us);
    }
}

static bool restarts(const json_t *pod, const struct pod_exit *exit) {
    if (exit->pod_reason != NULL) {
        return false;
    }
    return tree_is(pod, "spec/restartPolicy", "Always") ||
           (tree_is(pod, "spec/restartPolicy", "OnFailure") && exit->code != 0);
}

static void end_containers(struct runtime *runtime, struct run *run, const json_t *pod,
                           const struct pod_exit *exit, int64_t now_us) {
    log_run(run, now_us, "container of pod %s ended with exit code %d", run->name, exit->code);
    if (restarts(pod, exit)) {
        run->state = RUN_RESTARTING;
        runtime_plan(runtime, run, now_us + runtime_backoff_us(runtime, run));
        runtime_write_status(runtime, run, pod_status_restarting(pod, exit, now_us), now_us);
        return;
    }
    run->state = RUN_ENDED;
    runtime_plan(runtime, run, CLOCK_NEVER_US);
    runtime_write_status(runtime, run, pod_status_ended(pod, exit, now_us), now_us);
}

static void end_of_runtime(struct runtime *runtime, struct run *run, const json_t *pod,
                           int64_t now_us) {
    struct pod_exit exit = pod_plan_exit(pod);

    if (now_us >= run->deadline_us) {
        exit = (struct pod_exit){
            .code = 143,
            .pod_reason = "DeadlineExceeded",
            .pod_message = "Pod was active on the node longer than the specified deadline"};
    }
    end_containers(runtime, run, pod, &exit, now_us);
}

void runtime_delete_pod(struct runtime *runtime, const json_t *pod, int64_t now_us) {
    struct sim_delete request = {
        .id = SIM_PODS, .namespace = tree_namespace(pod), .name = tree_name(pod), .now_us = now_us};
    struct sim_answer answer = sim_store_delete(runtime->config.store, &request);

    sim_answer_finish(&answer);
}

/* The containers were told to stop and have: the last status, and then the kubelet's own delete. */
static void finish_stop(struct runtime *runtime, struct run *run, const json_t *pod,
                        int64_t now_us) {
    if (run->has_run && !pod_finished(pod)) {
        struct pod_exit exit = {.code = 143};

        runtime_write_status(runtime, run, pod_status_ended(pod, &exit, now_us), now_us);
    }
    runtime_delete_pod(runtime, pod, now_us);
}

static void dispatch(struct runtime *runtime, struct run *run, const json_t *pod, int64_t now_us) {
    switch (run->state) {
    case RUN_BOUND:
        see_pod(runtime, run, pod, now_us);
        break;
    case RUN_CREATING:
        try_start(runtime, run, pod, now_us);
        break;
    case RUN_RUNNING:
        if (run->process != NULL) {
            runtime_step_processes(runtime, run, pod, now_us);
        } else {
            end_of_runtime(runtime, run, pod, now_us);
        }
        break;
    case RUN_RESTARTING:
        start_containers(runtime, run, pod, now_us);
        break;
    case RUN_STOPPING:
        if (run->process != NULL) {
            runtime_stop_processes(runtime, run, pod, now_us);
        } else {
            finish_stop(runtime, run, pod, now_us);
        }
        break;
    case RUN_ENDED:
        if (run->process != NULL) { /* Its processes may still be ending. */
            runtime_plan(runtime, run, pod_process_step(run->process, now_us));
        }
        break;
    case RUN_STATE_COUNT:
        break;
    }
}

static void step_run(struct runtime *runtime, struct run *run, int64_t now_us) {
    json_t *pod = sim_store_get(runtime->config.store, SIM_PODS, run->namespace, run->name);

    run->due_us = CLOCK_NEVER_US;
    if (pod == NULL || pod_node(pod) == NULL) {
        return;
    }
    if (runtime_node_lost(runtime, pod_node(pod))) {
        run->held = true;
        return;
    }
    json_incref(pod); /* Writes below replace the stored version. */
    dispatch(runtime, run, pod, now_us);
    json_decref(pod);
}

void runtime_step(struct runtime *runtime, int64_t now_us) {
    struct agenda_item item;

    while (agenda_pop(&runtime->agenda, now_us, &item)) {
        struct run *run = map_get_id(&runtime->by_id, item.id);

        if (run != NULL && run->due_us == item.due_us) {
            step_run(runtime, run, now_us);
        }
    }
    if (runtime->config.processes != NULL) {
        process_kubelet_write_names(runtime->config.processes);
    }
}

int64_t runtime_next_us(const struct runtime *runtime) {
    return agenda_next_us(&runtime->agenda);
}

int runtime_exit(struct runtime *runtime, const char *namespace, const char *name,
                 const struct pod_exit *exit, int64_t now_us) {
    struct run *run = find_run(runtime, namespace, name);
    json_t *pod = sim_store_get(runtime->config.store, SIM_PODS, namespace, name);

    if (run == NULL || pod == NULL || run->state >= RUN_ENDED ||
        (!run->has_run && exit->pod_reason == NULL)) {
        return ERR_NOT_FOUND;
    }
    json_incref(pod);
    if (run->process != NULL) {
        pod_process_stop(run->process, 0, now_us);
    }
    if (run->state == RUN_STOPPING) { /* The delete is still to come. */
        runtime_write_status(runtime, run, pod_status_ended(pod, exit, now_us), now_us);
    } else {
        end_containers(runtime, run, pod, exit, now_us);
    }
    if (run->process != NULL) {
        runtime_plan(runtime, run, now_us);
    }
    json_decref(pod);
    return OK;
}
