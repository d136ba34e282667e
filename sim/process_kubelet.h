/* sim/process_kubelet.h - all pods that run as processes of this machine, and what they share.
 *
 * Owns the pods' processes, a part of the loopback network that no other kubesim has (127.N.*.*),
 * the names of services and pods in each pod's /etc/hosts, and the groups in which the kernel holds
 * memory limits. Where it can't be asked for that, a look at /proc each 100 ms does; a container
 * above its limit is killed whole. Unlike the rest of the
 * cluster it lives in real time.
 */
#ifndef SIM_PROCESS_KUBELET_H
#define SIM_PROCESS_KUBELET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/error.h"

struct image_set;
struct json_t;
struct pod_process;
struct poller;
struct process_kubelet;
struct sim_store;

struct process_kubelet_config {
    struct poller *poller;
    struct instant (*clock)(void *context);
    void *clock_context;
    const struct sim_store *store;  /* borrowed */
    const struct image_set *images; /* borrowed */
    const char *folder;             /* an empty one; removed at the end */
    bool shared; /* containers see the machine's own files, even where they need not */
    int64_t retry_us;
};

/* ERR_IO: no part of the loopback network is free, or the folder can't be used. */
int process_kubelet_create(const struct process_kubelet_config *config,
                           struct process_kubelet **out, struct error *error) MUST_CHECK;

/* Kills all that still runs. Accepts NULL. */
void process_kubelet_destroy(struct process_kubelet *kubelet);

/* Where pods find the API, before the first starts. The texts are copied; authority may be NULL. */
struct process_kubelet_api {
    const char *host;
    uint16_t port;
    const char *token;
    const char *authority;
};
void process_kubelet_set_api(struct process_kubelet *kubelet,
                             const struct process_kubelet_api *api);

/* A container of the pod with this id has ended. */
void process_kubelet_on_change(struct process_kubelet *kubelet,
                               void (*on_change)(void *context, uint64_t id, int64_t now_us),
                               void *context);

/* Are containers apart from the machine's files and processes? If not, why. */
bool process_kubelet_isolates(const struct process_kubelet *kubelet, const char **out_reason);

/* Who holds memory limits, and why: a sentence, owned by the caller. */
char *process_kubelet_tell_limits(const struct process_kubelet *kubelet);

/* The image that is not there; NULL when all are. Borrowed from the pod. */
const char *process_kubelet_missing_image(const struct process_kubelet *kubelet,
                                          const struct json_t *pod);

/* Begin a pod; its first step is the caller's. The kubelet owns it. The errors of
 * pod_process_create(). */
int process_kubelet_add(struct process_kubelet *kubelet, const struct json_t *pod, uint64_t id,
                        struct pod_process **out, struct error *error) MUST_CHECK;

/* Kills what still runs of it. */
void process_kubelet_remove(struct process_kubelet *kubelet, uint64_t id);

/* Write the names anew, if a service or a pod's address has changed since. */
void process_kubelet_note_names(struct process_kubelet *kubelet);
void process_kubelet_write_names(struct process_kubelet *kubelet);

/* Begin to watch the memory of those that have limits. */
void process_kubelet_watch_memory(struct process_kubelet *kubelet);

#endif
