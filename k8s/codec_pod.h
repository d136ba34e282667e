/* k8s/codec_pod.h - a Pod's JSON, read into what we need of it.
 *
 * A plain value that owns nothing. Texts longer than Kubernetes allows are an error, messages
 * are cut. Unknown members are ignored, wrong types are ERR_INVALID.
 */
#ifndef K8S_CODEC_POD_H
#define K8S_CODEC_POD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/limits.h"

struct field_error;

#define POD_UID_BYTES 63
#define POD_REASON_BYTES 127
#define POD_MESSAGE_BYTES 511

enum pod_phase {
    POD_PENDING,
    POD_RUNNING,
    POD_SUCCEEDED,
    POD_FAILED,
    POD_UNKNOWN, /* also for a phase that nobody knows */
};

enum pod_role {
    POD_ROLE_NONE,
    POD_ROLE_DRIVER, /* label spark-role */
    POD_ROLE_EXECUTOR,
};

enum container_phase {
    CONTAINER_ABSENT, /* no status yet */
    CONTAINER_WAITING,
    CONTAINER_RUNNING,
    CONTAINER_TERMINATED,
};

struct container_state {
    enum container_phase phase;
    int32_t exit_code;                 /* terminated */
    int32_t signal;                    /* terminated; 0: none told */
    int64_t started_us;                /* running, terminated; 0: not told */
    int64_t finished_us;               /* terminated */
    char reason[POD_REASON_BYTES + 1]; /* waiting, terminated */
    char message[POD_MESSAGE_BYTES + 1];
};

struct pod_state {
    char namespace_[LIMIT_LABEL_BYTES + 1];
    char name[LIMIT_NAME_BYTES + 1];
    char uid[POD_UID_BYTES + 1];
    char node[LIMIT_NAME_BYTES + 1]; /* "": not bound */

    /* Our labels; 0 and "" on foreign pods. */
    uint64_t job_id;
    char job_uid[LIMIT_LABEL_BYTES + 1];
    uint32_t attempt;
    enum pod_role role;
    char app_id[LIMIT_LABEL_BYTES + 1]; /* label spark-app-selector */

    enum pod_phase phase;
    bool terminating; /* has a deletionTimestamp */
    int64_t created_us;
    int64_t started_us;                /* status.startTime */
    int64_t delete_after_us;           /* deletionTimestamp: now + grace when asked; 0: not asked */
    char reason[POD_REASON_BYTES + 1]; /* status.reason, such as Evicted */
    char message[POD_MESSAGE_BYTES + 1];

    /* The container that counts: Spark's driver by its name, else the first of the spec. */
    struct container_state main;
    /* The first init container that waits for something or failed; absent otherwise. */
    struct container_state init;

    bool unschedulable; /* PodScheduled is False; its reason and message: */
    char scheduled_reason[POD_REASON_BYTES + 1];
    char scheduled_message[POD_MESSAGE_BYTES + 1];
    char disruption_reason[POD_REASON_BYTES + 1]; /* of DisruptionTarget=True; "": none */
    char disruption_message[POD_MESSAGE_BYTES + 1];
};

int codec_pod_read(const char *json, size_t bytes, struct pod_state *out_pod,
                   struct field_error *error) MUST_CHECK;

#endif
