/* sim/cluster.h - what makes a store of objects a living cluster.
 *
 * Ties together the admission of quotas and limits, the quota controller, the binder,
 * the nodes' health, the fake container runtime and the Spark drivers in it. All in
 * virtual time: nothing here reads a clock; the same seed, calls and instants give the
 * same cluster, byte for byte. A kubesim drives it by timers, a simulation by jumps.
 *
 * Annotations that steer a pod (on executors and plain pods, or on a driver through
 * spark.kubernetes.driver.annotation.*):
 *   kubesim/runtime        "3s": how long its containers run, or the driver's work takes
 *   kubesim/start-delay    "200ms": from binding to running
 *   kubesim/stop-delay     "1s": from the delete to the end, at most the grace period
 *   kubesim/exit-code      "1": what its containers exit with; default 0
 *   kubesim/exit-reason    "OOMKilled": instead of Completed or Error
 *   kubesim/fail-attempts  "2": attempts below this number (label nightshift/attempt, from 1)
 *                          exit with exit-code, or 1; from it on with 0
 * An image whose tag is "missing" can't be pulled.
 */
#ifndef SIM_CLUSTER_H
#define SIM_CLUSTER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct buf;
struct cluster;
struct json_t;
struct pod_log;
struct process_kubelet;
struct sim_store;

/* Durations in microseconds. */
struct cluster_config {
    uint64_t seed;
    int64_t quota_lag_us;    /* from a change to the quota controller's recount */
    int64_t quota_resync_us; /* between its recounts without a cause */
    int64_t bind_delay_us;   /* from a change to the binder's next pass */
    int64_t start_delay_us;  /* from binding to running */
    int64_t stop_delay_us;   /* from a delete to the end of the containers */
    int64_t runtime_us;      /* of a pod or driver that doesn't say */
    int64_t retry_us;        /* first back-off of pulls, mounts and restarts; doubles to 32 times */
    int64_t driver_start_us; /* from a driver's running to its first executors */
    int64_t driver_round_us; /* between two rounds of executor requests */
    int64_t unreachable_us;  /* from a node's loss to evictions; -1: as tolerated */
    bool nodes_healthy;      /* new nodes become ready at once */
    bool events;             /* make Event objects as the real components do */

    /* Containers are local processes, of this kubelet; borrowed. NULL: they are fakes. */
    struct process_kubelet *processes;
};

/* 20 ms quota lag, 200 ms start, 5 s runtime, rounds of 1 s, healthy nodes, events. */
struct cluster_config cluster_config_default(void);

/* Registers itself with the store, which is borrowed and must outlive the cluster. */
struct cluster *cluster_create(struct sim_store *store, const struct cluster_config *config);
void cluster_destroy(struct cluster *cluster);

/* Do everything due until now_us, each at its own instant, and what follows from it. Call it after
 * writes to the store too: some of what they cause is due at once. */
void cluster_step(struct cluster *cluster, int64_t now_us);

/* When to call cluster_step() next; CLOCK_NEVER_US if only a write can change anything. */
int64_t cluster_next_us(const struct cluster *cluster);

/* Let something go wrong now. params is a JSON object or NULL; sim/faults.h lists what there is.
 * ERR_INVALID: unknown name or parameters; ERR_NOT_FOUND: no such pod, node or quota. */
int cluster_fault(struct cluster *cluster, const char *name, const struct json_t *params,
                  int64_t now_us, struct error *error) MUST_CHECK;

/* What the container has written so far, appended. ERR_NOT_FOUND: it has not run yet. */
int cluster_pod_log(const struct cluster *cluster, struct pod_log *log, struct buf *out) MUST_CHECK;

/* The highest used ever seen of this quota and key (cpu in thousandths, else whole units). */
int64_t cluster_quota_peak(const struct cluster *cluster, const char *namespace, const char *quota,
                           const char *key);

/* How often a create was refused for "exceeded quota", dry runs aside. */
int64_t cluster_quota_refusals(const struct cluster *cluster);

/* {"quotas": {"ns/quota": {"key": {"peak","hard"}}}, "quotaRefusals", "quotaOverruns", "binds",
 * "executorsCreated", "executorsRefused", ...}: a new object, owned by the caller. */
struct json_t *cluster_stats_json(const struct cluster *cluster);

/* Check all that must hold: no node holds more than it can, no quota was overrun, the books agree
 * with the store. False, and the reason in *error, when something does not. */
bool cluster_verify(const struct cluster *cluster, struct error *error);

#endif
