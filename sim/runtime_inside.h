/* sim/runtime_inside.h - what the parts of the runtime share. */
#ifndef SIM_RUNTIME_INSIDE_H
#define SIM_RUNTIME_INSIDE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/map.h"
#include "sim/agenda.h"
#include "sim/runtime.h"

struct json_t;
struct pod_process;

enum run_state {
    RUN_BOUND,    /* the kubelet has not seen it yet */
    RUN_CREATING, /* until the image is pulled and the volumes are mounted */
    RUN_RUNNING,
    RUN_RESTARTING,
    RUN_STOPPING, /* deleted; until the containers have ended */
    RUN_ENDED,
    RUN_STATE_COUNT,
};

/* One pod on a node. */
struct run {
    uint64_t id;
    char *key;
    char *namespace;
    char *name;
    enum run_state state;
    int64_t due_us; /* of the next step; CLOCK_NEVER_US when it waits for others */
    int64_t deadline_us;
    unsigned retries;
    bool held; /* a step was due while the node was lost */
    bool has_run;
    bool stop_sent;   /* its processes were told to end, for a delete */
    int64_t leave_us; /* and have, which its status says: it goes then; 0: not yet */
    struct buf log;
    struct pod_process *process; /* of the process kubelet; NULL: a fake, or not started */
};

struct runtime {
    struct runtime_config config;
    struct map runs;  /* "namespace/name" -> struct run */
    struct map by_id; /* the same, by run.id */
    struct map lost_nodes;
    struct map broken_nodes; /* no sandbox can be made there */
    struct agenda agenda;
    uint64_t id;
    char *hidden_image;
};

/* When the run's next step is due. */
void runtime_plan(struct runtime *runtime, struct run *run, int64_t due_us);

int64_t runtime_backoff_us(const struct runtime *runtime, struct run *run);

/* take_status is taken. The pod as stored before must not be used after. */
void runtime_write_status(struct runtime *runtime, const struct run *run,
                          struct json_t *take_status, int64_t now_us);

/* An event of the kubelet's. */
void runtime_report(struct runtime *runtime, const struct json_t *pod, const char *type,
                    const char *reason, int64_t now_us, const char *message);

/* The kubelet's own delete, when all has ended. The run is gone after it. */
void runtime_delete_pod(struct runtime *runtime, const struct json_t *pod, int64_t now_us);

/* Runs whose containers are processes (runtime_process.c). */

void runtime_start_processes(struct runtime *runtime, struct run *run, const struct json_t *pod,
                             int64_t now_us);
void runtime_step_processes(struct runtime *runtime, struct run *run, const struct json_t *pod,
                            int64_t now_us);
void runtime_stop_processes(struct runtime *runtime, struct run *run, const struct json_t *pod,
                            int64_t now_us);

#endif
