/* sim/pod_process.h - a pod whose containers are local processes: in order, and to their end.
 *
 * Init containers one after the other, sidecars beside them, then all others; restarts by the
 * pod's policy; the end by SIGTERM and, when the grace period is over, SIGKILL. Writes nothing to
 * the store: whoever owns it does, with pod_process_status().
 */
#ifndef SIM_POD_PROCESS_H
#define SIM_POD_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/error.h"
#include "sim/pod_status.h"

struct buf;
struct image_set;
struct json_t;
struct pod_log;
struct pod_process;
struct poller;
struct process_cgroups;
struct process_memory;
struct sim_store;

#define POD_PROCESS_LOG_BYTES (10 * 1024 * 1024) /* of a container; then the oldest go */

/* Borrowed by all pods; the same for all. */
struct pod_process_config {
    struct poller *poller;
    const struct sim_store *store;
    const struct image_set *images;
    const char *folder; /* of all pods */
    bool isolated;
    struct process_cgroups *groups; /* for memory limits; NULL: they are watched */
    const char *api_host;           /* where pods reach the API */
    uint16_t api_port;
    const char *token;     /* of every service account */
    const char *authority; /* PEM, or NULL */
    int64_t retry_us;      /* first back-off */

    /* A container has ended: step the pod soon. */
    void (*on_change)(void *context, uint64_t id);
    void *context;
};

/* id is what on_change is called with. ERR_INVALID, ERR_IO with words: a volume can't be made; it
 * may be tried again. */
int pod_process_create(const struct pod_process_config *config, const struct json_t *pod,
                       uint64_t id, const char *ip, struct pod_process **out,
                       struct error *error) MUST_CHECK;

/* Kills what still runs; its folders go too. Accepts NULL. */
void pod_process_destroy(struct pod_process *process);

/* Start and restart what is due. Returns when to be called again, CLOCK_NEVER_US for not before a
 * change. */
int64_t pod_process_step(struct pod_process *process, int64_t now_us);

/* Ask all to end; kill them when the grace is over. May be called again with another grace. */
void pod_process_stop(struct pod_process *process, int64_t grace_us, int64_t now_us);

/* All containers have ended, and none is to run again. */
bool pod_process_ended(const struct pod_process *process);

/* A new status made from the pod's present one. exit: NULL, or what the pod as a whole ended of
 * (its codes are the containers' own). */
struct json_t *pod_process_status(const struct pod_process *process, const struct json_t *pod,
                                  const struct pod_exit *exit, int64_t now_us);

/* Append what the container wrote in its last run. ERR_NOT_FOUND: it has not run. */
int pod_process_read_log(const struct pod_process *process, struct pod_log *log,
                         struct buf *out) MUST_CHECK;

/* Write the pod's /etc/hosts anew. */
void pod_process_write_names(struct pod_process *process, const char *names);

/* Has it a running container with a memory limit? One of which the kernel has killed a part is
 * killed whole, as a kubelet's are. */
bool pod_process_check_groups(struct pod_process *process);

/* Those with a limit that the kernel does not hold: their shims' pids, at most room of them; and
 * then the verdict on each, in the same order. Both return how many. */
size_t pod_process_limited(const struct pod_process *process, struct process_memory *out,
                           size_t room);
size_t pod_process_check_memory(struct pod_process *process, const struct process_memory *measured,
                                size_t count);

#endif
