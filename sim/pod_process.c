#include "sim/pod_process.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/buf.h"
#include "base/memory.h"
#include "sim/files.h"
#include "sim/pod_container.h"
#include "sim/pod_log.h"
#include "sim/pod_process_inside.h"
#include "sim/process.h"
#include "sim/process_memory.h"
#include "sim/tree.h"

#define BACKOFF_DOUBLINGS 5
#define SIDECAR_GRACE_US  (30 * CLOCK_US_PER_SECOND)

struct pod_process {
    const struct pod_process_config *config;
    uint64_t id;
    json_t *pod; /* as it was at the start */
    char *ip;
    char *folder;
    char *claims;
    char *hosts;
    struct pod_container *containers; /* init containers and sidecars first, in their order */
    size_t count;
    bool stopping;
    bool sidecars_told; /* to end */
    bool init_failed;
    int64_t kill_us;
};

/* --- Life ------------------------------------------------------------------------------------- */

static enum container_kind kind_of(const json_t *spec, bool init) {
    if (!init) {
        return CONTAINER_MAIN;
    }
    return tree_is(spec, "restartPolicy", "Always") ? CONTAINER_SIDECAR : CONTAINER_INIT;
}

static void add_containers(struct pod_process *process, const char *list, bool init) {
    json_t *spec;
    size_t i;

    json_array_foreach(tree_at(process->pod, list), i, spec) {
        process->containers[process->count++] =
            (struct pod_container){.pod = process,
                                   .spec = spec,
                                   .kind = kind_of(spec, init),
                                   .waiting_reason = "PodInitializing"};
    }
}

struct pod_volumes_query pod_process_volumes(const struct pod_container_start *start) {
    return (struct pod_volumes_query){.store = start->config->store,
                                      .pod = start->pod,
                                      .folder = start->folder,
                                      .claims = start->claims,
                                      .ip = start->ip,
                                      .token = start->config->token,
                                      .authority = start->config->authority};
}

static struct pod_container_start start_of(const struct pod_process *process, int64_t now_us) {
    return (struct pod_container_start){.config = process->config,
                                        .pod = process->pod,
                                        .ip = process->ip,
                                        .folder = process->folder,
                                        .claims = process->claims,
                                        .hosts = process->hosts,
                                        .now_us = now_us};
}

static int make_folders(struct pod_process *process, struct error *error) {
    struct pod_container_start start = start_of(process, 0);
    struct pod_volumes_query volumes = pod_process_volumes(&start);
    int r = files_make_folder(process->folder, 0755, error);

    r = r == OK ? files_make_folder(process->claims, 0755, error) : r;
    r = r == OK ? pod_volumes_make(&volumes, error) : r;
    return r == OK ? files_write(process->hosts, "", 0, 0644, error) : r;
}

int pod_process_create(const struct pod_process_config *config, const json_t *pod, uint64_t id,
                       const char *ip, struct pod_process **out, struct error *error) {
    struct pod_process *process = mem_alloc(1, sizeof *process);
    size_t count = json_array_size(tree_at(pod, "spec/containers")) +
                   json_array_size(tree_at(pod, "spec/initContainers"));
    int r;

    *process = (struct pod_process){
        .config = config,
        .id = id,
        .pod = json_incref(tree_walkable(pod)),
        .ip = mem_copy_text(ip),
        .folder = mem_format("%s/pod.%s", config->folder, tree_uid(pod)),
        .claims = mem_format("%s/claims", config->folder),
        .hosts = mem_format("%s/pod.%s/hosts", config->folder, tree_uid(pod)),
        .containers = mem_alloc(count + 1, sizeof *process->containers),
        .kill_us = CLOCK_NEVER_US,
    };
    add_containers(process, "spec/initContainers", true);
    add_containers(process, "spec/containers", false);
    r = make_folders(process, error);
    if (r != OK) {
        pod_process_destroy(process);
        return r;
    }
    *out = process;
    return OK;
}

void pod_process_destroy(struct pod_process *process) {
    if (process == NULL) {
        return;
    }
    for (size_t i = 0; i < process->count; i++) {
        pod_container_finish(&process->containers[i]);
    }
    files_remove_all(process->folder);
    free(process->containers);
    free(process->hosts);
    free(process->claims);
    free(process->folder);
    free(process->ip);
    json_decref(process->pod);
    free(process);
}

void pod_process_note_change(struct pod_process *process) {
    process->config->on_change(process->config->context, process->id);
}

/* --- Order ------------------------------------------------------------------------------------ */

static bool restarts(const struct pod_process *process, const struct pod_container *container) {
    const char *policy = tree_text(process->pod, "spec/restartPolicy");

    if (process->stopping || process->sidecars_told || process->init_failed) {
        return false;
    }
    if (container->kind == CONTAINER_SIDECAR) {
        return true;
    }
    if (policy == NULL || strcmp(policy, "Never") == 0) {
        return false;
    }
    return container->exit_code != 0 ||
           (container->kind == CONTAINER_MAIN && strcmp(policy, "Always") == 0);
}

static int64_t backoff_us(const struct pod_process *process, unsigned restarts_so_far) {
    unsigned doublings = restarts_so_far < BACKOFF_DOUBLINGS ? restarts_so_far : BACKOFF_DOUBLINGS;

    return process->config->retry_us << doublings;
}

static void see_ends(struct pod_process *process, int64_t now_us) {
    for (size_t i = 0; i < process->count; i++) {
        struct pod_container *container = &process->containers[i];

        if (container->state != CONTAINER_RUNNING || !process_ended(container->process)) {
            continue;
        }
        pod_container_note_end(container, now_us);
        if (restarts(process, container)) {
            pod_container_set_back(container, now_us + backoff_us(process, container->restarts));
        } else if (container->kind == CONTAINER_INIT && container->exit_code != 0) {
            process->init_failed = true;
        }
    }
}

static void run(struct pod_process *process, struct pod_container *container, int64_t now_us) {
    struct pod_container_start start = start_of(process, now_us);

    if (container->state == CONTAINER_WAITING && container->retry_us <= now_us) {
        pod_container_run(container, &start);
    }
}

/* Whether what comes after it may start. */
static bool is_through(const struct pod_container *container) {
    return container->kind == CONTAINER_INIT
               ? container->state == CONTAINER_TERMINATED && container->exit_code == 0
               : container->state != CONTAINER_WAITING || container->restarts > 0;
}

static void start_due(struct pod_process *process, int64_t now_us) {
    for (size_t i = 0; i < process->count; i++) {
        struct pod_container *container = &process->containers[i];

        run(process, container, now_us);
        if (container->kind != CONTAINER_MAIN && !is_through(container)) {
            return;
        }
    }
}

static bool all_ended(const struct pod_process *process, enum container_kind kind) {
    for (size_t i = 0; i < process->count; i++) {
        const struct pod_container *container = &process->containers[i];

        if (container->kind == kind && container->state != CONTAINER_TERMINATED) {
            return false;
        }
    }
    return true;
}

static bool all_silent(const struct pod_process *process, bool sidecars) {
    for (size_t i = 0; i < process->count; i++) {
        const struct pod_container *container = &process->containers[i];

        if ((container->kind == CONTAINER_SIDECAR) == sidecars &&
            container->state == CONTAINER_RUNNING) {
            return false;
        }
    }
    return true;
}

static bool work_is_over(const struct pod_process *process) {
    return process->init_failed || all_ended(process, CONTAINER_MAIN);
}

bool pod_process_ended(const struct pod_process *process) {
    return (process->stopping || work_is_over(process)) && all_silent(process, false) &&
           all_silent(process, true);
}

/* --- The end ---------------------------------------------------------------------------------- */

static void tell(struct pod_process *process, bool sidecars, void (*how)(struct process *)) {
    for (size_t i = 0; i < process->count; i++) {
        struct pod_container *container = &process->containers[i];

        if ((container->kind == CONTAINER_SIDECAR) == sidecars &&
            container->state == CONTAINER_RUNNING) {
            how(container->process);
        }
    }
}

/* Sidecars end when nobody is left whom they serve. */
static void end_sidecars(struct pod_process *process, int64_t now_us) {
    bool over = process->stopping || work_is_over(process);

    if (!over || process->sidecars_told || !all_silent(process, false)) {
        return;
    }
    process->sidecars_told = true;
    if (process->kill_us == CLOCK_NEVER_US) {
        process->kill_us = now_us + SIDECAR_GRACE_US;
    }
    tell(process, true, process_terminate);
}

void pod_process_stop(struct pod_process *process, int64_t grace_us, int64_t now_us) {
    process->kill_us = now_us + grace_us;
    if (!process->stopping) {
        process->stopping = true;
        tell(process, false, process_terminate);
    }
}

/* --- Steps ------------------------------------------------------------------------------------ */

static int64_t next_step_us(const struct pod_process *process) {
    int64_t next_us = process->kill_us;

    if (pod_process_ended(process)) {
        return CLOCK_NEVER_US;
    }
    for (size_t i = 0; i < process->count && !process->stopping; i++) {
        const struct pod_container *container = &process->containers[i];

        if (container->state == CONTAINER_WAITING && container->retry_us > 0 &&
            container->retry_us < next_us) {
            next_us = container->retry_us;
        }
    }
    return next_us;
}

int64_t pod_process_step(struct pod_process *process, int64_t now_us) {
    see_ends(process, now_us);
    if (!process->stopping && !work_is_over(process)) {
        start_due(process, now_us);
    }
    end_sidecars(process, now_us);
    if (now_us >= process->kill_us) {
        process->kill_us = CLOCK_NEVER_US;
        tell(process, false, process_kill);
        tell(process, true, process_kill);
    }
    return next_step_us(process);
}

/* --- What it tells ---------------------------------------------------------------------------- */

static bool any_failed(const struct pod_process *process) {
    for (size_t i = 0; i < process->count; i++) {
        const struct pod_container *container = &process->containers[i];

        if (container->kind == CONTAINER_MAIN &&
            (container->state != CONTAINER_TERMINATED || container->exit_code != 0)) {
            return true;
        }
    }
    return process->init_failed;
}

static bool init_is_through(const struct pod_process *process) {
    for (size_t i = 0; i < process->count; i++) {
        const struct pod_container *container = &process->containers[i];

        if (container->kind != CONTAINER_MAIN && !is_through(container)) {
            return false;
        }
    }
    return true;
}

static const char *phase(const struct pod_process *process, const struct pod_exit *exit) {
    if (exit != NULL) {
        return "Failed";
    }
    if (pod_process_ended(process)) {
        return any_failed(process) ? "Failed" : "Succeeded";
    }
    for (size_t i = 0; i < process->count; i++) {
        const struct pod_container *container = &process->containers[i];

        if (container->kind == CONTAINER_MAIN && container->started_us > 0) {
            return "Running";
        }
    }
    return "Pending";
}

json_t *pod_process_status(const struct pod_process *process, const json_t *pod,
                           const struct pod_exit *exit, int64_t now_us) {
    struct container_report *reports = mem_alloc(process->count + 1, sizeof *reports);
    struct pod_report report = {
        .phase = phase(process, exit),
        .ip = process->ip,
        .reason = exit == NULL ? NULL : exit->pod_reason,
        .message = exit == NULL ? NULL : exit->pod_message,
        .initialized = init_is_through(process),
        .containers = reports,
        .container_count = process->count,
    };
    json_t *status;

    for (size_t i = 0; i < process->count; i++) {
        reports[i] = pod_container_report(&process->containers[i]);
    }
    status = pod_status_report(pod, &report, now_us);
    free(reports);
    return status;
}

int pod_process_read_log(const struct pod_process *process, struct pod_log *log, struct buf *out) {
    for (size_t i = 0; i < process->count; i++) {
        const struct pod_container *container = &process->containers[i];

        if (tree_is(container->spec, "name", log->container) && container->process != NULL) {
            log->end = process_read_log(container->process, log->from, out);
            return OK;
        }
    }
    return ERR_NOT_FOUND;
}

void pod_process_write_names(struct pod_process *process, const char *names) {
    const char *name = tree_name(process->pod);
    char *text = mem_format("127.0.0.1\tlocalhost\n%s\t%s\n%s", process->ip, name, names);
    struct error error = {0};

    /* In place: it is mounted. A disk that is full leaves the pod without names. */
    (void)!files_write(process->hosts, text, strlen(text), 0644, &error);
    free(text);
}

/* --- Memory ----------------------------------------------------------------------------------- */

static bool is_limited(const struct pod_container *container) {
    return container->state == CONTAINER_RUNNING && container->memory_bytes > 0 &&
           !container->out_of_memory && process_pid(container->process) > 0;
}

static bool is_watched(const struct pod_container *container) {
    return is_limited(container) && container->group == NULL;
}

static void kill_for_memory(struct pod_container *container) {
    container->out_of_memory = true;
    process_kill(container->process);
}

bool pod_process_check_groups(struct pod_process *process) {
    bool limited = false;

    for (size_t i = 0; i < process->count; i++) {
        struct pod_container *container = &process->containers[i];

        if (is_limited(container)) {
            limited = true;
            if (pod_container_lacked_memory(container)) {
                kill_for_memory(container);
            }
        }
    }
    return limited;
}

size_t pod_process_limited(const struct pod_process *process, struct process_memory *out,
                           size_t room) {
    size_t count = 0;

    for (size_t i = 0; i < process->count && count < room; i++) {
        if (is_watched(&process->containers[i])) {
            out[count++].root = process_pid(process->containers[i].process);
        }
    }
    return count;
}

/* As a kernel with cgroups does to a group: all of the container is killed. */
size_t pod_process_check_memory(struct pod_process *process, const struct process_memory *measured,
                                size_t count) {
    size_t seen = 0;

    for (size_t i = 0; i < process->count && seen < count; i++) {
        struct pod_container *container = &process->containers[i];

        if (is_watched(container) && container->memory_bytes < measured[seen++].bytes) {
            kill_for_memory(container);
        }
    }
    return seen;
}
