/* sim/pod_status.h - a pod's status as the kubelet writes it at each step of its life.
 *
 * Pure: each function returns a new status, owned by the caller, made from the pod's
 * present one. The steps: creating, waiting (a container's image or volume is not there),
 * running, terminated.
 */
#ifndef SIM_POD_STATUS_H
#define SIM_POD_STATUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json_t;

/* How containers end, and what the pod says about it. */
struct pod_exit {
    int code;
    const char *reason;      /* of the containers; NULL: Completed or Error */
    const char *pod_reason;  /* status.reason such as "Evicted"; NULL: none */
    const char *pod_message; /* NULL: none */
};

/* All containers wait for this reason; message may be NULL. */
struct json_t *pod_status_waiting(const struct json_t *pod, const char *reason, const char *message,
                                  int64_t now_us);

struct json_t *pod_status_running(const struct json_t *pod, const char *ip, int64_t now_us);

/* The same containers again: restartCount one higher, the end of the last run kept. */
struct json_t *pod_status_restarting(const struct json_t *pod, const struct pod_exit *exit,
                                     int64_t now_us);

/* All containers ended; the phase is Succeeded or Failed. */
struct json_t *pod_status_ended(const struct json_t *pod, const struct pod_exit *exit,
                                int64_t now_us);

/* The status of a pod whose containers each have a life of their own. */
enum container_state {
    CONTAINER_WAITING,
    CONTAINER_RUNNING,
    CONTAINER_TERMINATED,
};

struct container_report {
    const struct json_t *spec; /* the container's */
    bool init;                 /* of the list of init containers */
    enum container_state state;
    const char *reason;  /* NULL at TERMINATED: Completed or Error */
    const char *message; /* NULL: none */
    int exit_code;
    int64_t started_us;
    int64_t finished_us;
    unsigned restarts; /* of 0, last_* mean nothing */
    struct pod_exit last_exit;
    int64_t last_started_us;
    int64_t last_finished_us;
};

struct pod_report {
    const char *phase;
    const char *ip;
    const char *reason;  /* of the pod as a whole; NULL: none */
    const char *message; /* NULL: none */
    bool initialized;
    const struct container_report *containers;
    size_t container_count;
};

struct json_t *pod_status_report(const struct json_t *pod, const struct pod_report *report,
                                 int64_t now_us);

/* The pod's status to work on: its members are shared with the pod and may be replaced but not
 * changed, but for the conditions, which are the caller's. */
struct json_t *pod_status_begin(const struct json_t *pod);

/* Set one condition in a status; the transition time moves only if the value changes. reason and
 * message may be NULL. */
void pod_status_set_condition(struct json_t *status, const char *type, const char *value,
                              const char *reason, const char *message, int64_t now_us);

#endif
