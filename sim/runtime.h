/* sim/runtime.h - the kubelets: containers that start, write a log, run and end.
 *
 * Every bound pod whose node is there goes ContainerCreating, Running, and ends as its
 * annotations say (sim/cluster.h). Missing images, volumes and references keep it
 * waiting as the real one does. A Spark driver or executor runs until somebody ends it.
 * With a process kubelet the containers are processes of this machine, in real time, and
 * end when these do.
 */
#ifndef SIM_RUNTIME_H
#define SIM_RUNTIME_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct buf;
struct census;
struct event_writer;
struct pod_exit;
struct pod_log;
struct process_kubelet;
struct runtime;
struct sim_change;
struct sim_store;

struct runtime_config {
    struct sim_store *store;     /* borrowed */
    const struct census *census; /* borrowed */
    struct event_writer *events; /* borrowed */
    int64_t start_delay_us;
    int64_t stop_delay_us;
    int64_t runtime_us;
    int64_t retry_us;
    struct process_kubelet *processes; /* borrowed; NULL: containers are fakes */
};

struct runtime *runtime_create(const struct runtime_config *config);
void runtime_destroy(struct runtime *runtime);

void runtime_on_change(struct runtime *runtime, const struct sim_change *change);

void runtime_step(struct runtime *runtime, int64_t now_us);
int64_t runtime_next_us(const struct runtime *runtime);

/* The containers of a running pod end now. With exit->pod_reason the whole pod has failed, whatever
 * its restartPolicy. ERR_NOT_FOUND: they don't run. */
int runtime_exit(struct runtime *runtime, const char *namespace, const char *name,
                 const struct pod_exit *exit, int64_t now_us) MUST_CHECK;

/* A node is lost: its pods go on unseen, until it returns. */
void runtime_lose_node(struct runtime *runtime, const char *node);
void runtime_return_node(struct runtime *runtime, const char *node, int64_t now_us);
bool runtime_node_lost(const struct runtime *runtime, const char *node);

/* No sandbox can be made on the node, so its pods stay in ContainerCreating; or they can again. */
void runtime_break_sandboxes(struct runtime *runtime, const char *node, bool broken);

/* Images whose name holds this text can't be pulled; NULL: all can again. */
void runtime_hide_image(struct runtime *runtime, const char *part);

/* Append a line to the pod's log; dropped when the pod has not started or the log is full. */
void runtime_log(struct runtime *runtime, const char *namespace, const char *name, int64_t now_us,
                 const char *format, ...) PRINTF_LIKE(5, 6);

/* Appended. ERR_NOT_FOUND: no container of this pod has run. */
int runtime_read_log(const struct runtime *runtime, struct pod_log *log,
                     struct buf *out) MUST_CHECK;

#endif
