/* k8s/outcome.h - how an attempt ended, from what its pod shows.
 *
 * Pure. Several signals are weighed: phase, the pod's reason, a DisruptionTarget condition, the
 * main container's end, its exit code. Sources: Kubernetes' and Spark's own constants; the
 * table is in outcome.c.
 */
#ifndef K8S_OUTCOME_H
#define K8S_OUTCOME_H

#include <stdbool.h>
#include <stdint.h>

#include "base/limits.h"
#include "policy/job.h"

struct pod_state;

#define OUTCOME_CAUSE_BYTES 400

enum outcome_kind {
    OUTCOME_PENDING,  /* not running yet; nothing wrong */
    OUTCOME_STUCK,    /* not running yet, and failure says why: fails after a grace time */
    OUTCOME_HOPELESS, /* not running yet, and never will: fails now */
    OUTCOME_RUNNING,
    OUTCOME_UNKNOWN, /* its node does not answer; lost after a grace time */
    OUTCOME_SUCCEEDED,
    OUTCOME_FAILED,
    OUTCOME_KIND_COUNT
};

struct outcome {
    enum outcome_kind kind;
    enum failure failure; /* FAILURE_NONE unless stuck, hopeless, unknown or failed */
    int32_t exit_code;    /* -1: unknown */
    bool spark_executors; /* failed for too many failed executors (exit code 11 of Spark) */
    char message[LIMIT_MESSAGE_BYTES + 1]; /* the cluster's own words, "" if it gave none */
    char cause[OUTCOME_CAUSE_BYTES];       /* every sign of a failure, "" if there is none */
};

/* Judge a pod as it is now. kind: what the job is; Spark gives some exit codes a meaning, of a
 * driver and of an executor. */
void outcome_judge(const struct pod_state *pod, enum job_kind kind, struct outcome *out_outcome);

/* The pod is gone although it was not finished and nobody of us removed it. pod is its last
 * known state, or NULL. */
void outcome_judge_gone(const struct pod_state *pod, enum job_kind kind,
                        struct outcome *out_outcome);

#endif
