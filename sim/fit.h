/* sim/fit.h - may this pod run on this node? The filters of the default scheduler. Pure.
 *
 * Node selector, required node affinity, taints, cordon, readiness, and what the pod
 * requests against what the node has left.
 */
#ifndef SIM_FIT_H
#define SIM_FIT_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/amounts.h"

struct json_t;

#define FIT_REASON_BYTES_MAX 256

/* What is known of the node. */
struct fit_node {
    const struct json_t *object;
    const struct amounts *allocatable;
    const struct amounts *used;
};

/* True, or false and the first reason as the scheduler words it, such as "Insufficient cpu". */
bool fit_pod(const struct json_t *pod, const struct amounts *requests, const struct fit_node *node,
             char out_reason[FIT_REASON_BYTES_MAX]);

/* Do node selector and required node affinity match alone? */
bool fit_selected(const struct json_t *pod, const struct json_t *node);

/* Does the pod tolerate the taint? Effect NULL: the taint's own. */
bool fit_tolerates(const struct json_t *pod, const struct json_t *taint);

/* What decides between nodes that fit, taken out of amounts once for many comparisons. */
struct fit_load {
    int64_t cpu;
    int64_t memory;
};
struct fit_load fit_load_of(const struct amounts *amounts);

/* How full the node would be with the pod: the larger part of cpu and memory, 0 to 1 (more when it
 * does not fit). Least allocated nodes come first. */
double fit_fullness(const struct fit_load *requests, const struct fit_load *allocatable,
                    const struct fit_load *used);

#endif
