/* sim/faults.h - what can go wrong in the simulated cluster, by name.
 *
 *   node-loss     node, deleteNode (false) its kubelet falls silent; the node may be deleted too
 *   node-return   node
 *   cordon        node                     uncordon takes it back
 *   uncordon      node
 *   drain         node                     cordon, and evict its pods through the eviction API
 *   evict         pod                      node pressure: the pod fails as Evicted
 *   oom-kill      pod                      its containers end with 137, OOMKilled
 *   kill-pod      pod, exitCode (137)      its containers end with this code
 *   preempt       pod                      the scheduler takes it away for another
 *   pod-vanish    pod, event, message      somebody deletes it by force; the event tells who
 *   sandbox       node, broken (true)      its pods can get no sandbox, and wait for one
 *   stale-quota   namespace, forMs         nobody recounts used for this long
 *   image-missing image                    images whose name holds this text can't be pulled;
 *                                          without image all can again
 *
 * "pod" is namespace and pod, or namespace (optional), role (driver or executor, optional)
 * and random: true, which draws one of the running pods that fit. node may be left out
 * with random: true as well.
 */
#ifndef SIM_FAULTS_H
#define SIM_FAULTS_H

#include <stdint.h>

#include "base/error.h"

struct census;
struct json_t;
struct node_controller;
struct quota_controller;
struct rng;
struct runtime;
struct sim_store;

/* All borrowed. */
struct faults {
    struct sim_store *store;
    const struct census *census;
    struct runtime *runtime;
    struct event_writer *events;
    struct node_controller *nodes;
    struct quota_controller *quotas;
    struct rng *rng;
};

/* params may be NULL. ERR_INVALID: unknown name, or a parameter is missing or wrong. ERR_NOT_FOUND:
 * there is no such thing, or none that fits. */
int fault_cause(const struct faults *faults, const char *name, const struct json_t *params,
                int64_t now_us, struct error *error) MUST_CHECK;

#endif
