/* k8s/codec_pod.h - a Pod's JSON, read into what we need of it.
 *
 * A plain value that owns nothing. Texts that Kubernetes bounds are refused beyond the bound;
 * reasons and messages are cut. Unknown members are ignored, wrong types are ERR_INVALID.
 */
#ifndef K8S_CODEC_POD_H
#define K8S_CODEC_POD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/limits.h"
#include "policy/demand.h"
#include "policy/resources.h"
#include "policy/retry.h"

struct field_error;

#define POD_UID_BYTES     63
#define POD_REASON_BYTES  127
#define POD_MESSAGE_BYTES 511

enum pod_phase {
    POD_PENDING,
    POD_RUNNING,
    POD_SUCCEEDED,
    POD_FAILED,
    POD_UNKNOWN, /* also for a phase that nobody knows */
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

    /* By labels. Of a foreign pod, or one whose labels of ours are nonsense: 0 and "". */
    uint64_t job_id;
    char job_uid[LIMIT_LABEL_BYTES + 1];
    uint32_t attempt;
    enum pod_role role;                 /* POD_ROLE_POD without spark-role */
    char app_id[LIMIT_LABEL_BYTES + 1]; /* spark-app-selector */

    /* For quotas and room, as policy/demand.h computes them. */
    struct resources requests;
    struct resources limits;
    bool best_effort;
    bool has_run_deadline;
    char priority_class[LIMIT_NAME_BYTES + 1];

    enum pod_phase phase;
    bool terminating; /* has a deletionTimestamp */
    int64_t created_us;
    int64_t started_us;   /* status.startTime; 0: not yet, as below */
    int64_t delete_at_us; /* deletionTimestamp: the end of the grace period */
    int64_t overdue_us;   /* the grace period has been over as long again; 0: not deleted */
    uint64_t version;     /* resourceVersion; 0: none */
    char reason[POD_REASON_BYTES + 1]; /* status.reason, such as Evicted */
    char message[POD_MESSAGE_BYTES + 1];

    struct retry_signs signs; /* of all its containers that did not end well; its conditions */

    /* The container that counts: Spark's driver by its name, else the first of the spec. */
    char main_name[LIMIT_LABEL_BYTES + 1];
    struct container_state main;
    /* The first init container that waits or failed; absent otherwise. */
    struct container_state init;

    char scheduled_reason[POD_REASON_BYTES + 1]; /* of PodScheduled=False; "": none */
    char scheduled_message[POD_MESSAGE_BYTES + 1];
    char disruption_reason[POD_REASON_BYTES + 1]; /* of DisruptionTarget=True; "": none */
    char disruption_message[POD_MESSAGE_BYTES + 1];
};

/* error may name any field. The table grows by the kinds of resources that are new to it.
 * out_demand (may be NULL) is what the spec asks for, the caller's to finish. */
int codec_pod_read(const char *json, size_t bytes, struct resource_names *names,
                   struct pod_state *out_pod, struct pod_demand *out_demand,
                   struct field_error *error) MUST_CHECK;

#endif
