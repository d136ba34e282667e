/* sim/pod_container.h - one container of a pod that runs as a process: start, end, start again.
 *
 * Knows nothing of the other containers. Restarts and their back-off are decided by the pod.
 */
#ifndef SIM_POD_CONTAINER_H
#define SIM_POD_CONTAINER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "sim/pod_status.h"

struct json_t;
struct pod_process;
struct pod_process_config;
struct process;
struct process_cgroup;

enum container_kind {
    CONTAINER_INIT,    /* runs to its end before the next */
    CONTAINER_SIDECAR, /* an init container that goes on */
    CONTAINER_MAIN,
};

struct pod_container {
    struct pod_process *pod;   /* who is told of its end */
    const struct json_t *spec; /* borrowed from the pod */
    enum container_kind kind;
    struct process *process;      /* NULL: has never run, or its start failed */
    struct process_cgroup *group; /* holds its memory limit; NULL: it has none, or is watched */
    enum container_state state;
    const char *waiting_reason;
    char *message; /* why it waits or could not be run */
    int exit_code;
    bool out_of_memory;
    int64_t memory_bytes; /* its limit; 0: none */
    int64_t started_us;
    int64_t finished_us;
    int64_t retry_us; /* when to try again while it waits */
    unsigned restarts;
    struct pod_exit last_exit; /* of the run before */
    int64_t last_started_us;
    int64_t last_finished_us;
    int log_number; /* of the runs' folders */
};

void pod_container_finish(struct pod_container *container);

/* What one start needs. */
struct pod_container_start {
    const struct pod_process_config *config;
    const struct json_t *pod;
    const char *ip;
    const char *folder; /* of the pod */
    const char *claims; /* of all */
    const char *hosts;  /* the file to be /etc/hosts */
    int64_t now_us;
};

/* RUNNING, or WAITING with a reason where something that it refers to is not there. */
void pod_container_run(struct pod_container *container, const struct pod_container_start *start);

/* Has the kernel killed any of it for want of memory? */
bool pod_container_lacked_memory(const struct pod_container *container);

/* Its process has ended: TERMINATED. */
void pod_container_note_end(struct pod_container *container, int64_t now_us);

/* Back to WAITING, for another run at retry_us. */
void pod_container_set_back(struct pod_container *container, int64_t retry_us);

/* For the status; borrowed from the container. */
struct container_report pod_container_report(const struct pod_container *container);

#endif
