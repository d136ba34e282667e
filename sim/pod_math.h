/* sim/pod_math.h - what a pod asks for, as the scheduler and the quota add it up. */
#ifndef SIM_POD_MATH_H
#define SIM_POD_MATH_H

#include <stdbool.h>

#include "sim/amounts.h"

struct json_t;

/* Sum over the containers, at least each init container beside the sidecars started before it,
 * plus overhead (for limits only where there is a limit). Quantities that do not parse count 0:
 * validation has refused such a pod before it gets here. Added to *out_sum. */
void pod_requests(const struct json_t *pod, struct amounts *out_sum);
void pod_limits(const struct json_t *pod, struct amounts *out_sum);

/* The same without overhead, into empty sums: what a LimitRange compares. */
void pod_requests_bare(const struct json_t *pod, struct amounts *out_sum);
void pod_limits_bare(const struct json_t *pod, struct amounts *out_sum);

/* "Guaranteed", "Burstable" or "BestEffort". */
const char *pod_qos_class(const struct json_t *pod);

/* Succeeded or Failed. */
bool pod_finished(const struct json_t *pod);

/* Being deleted: it has a deletionTimestamp. */
bool pod_terminating(const struct json_t *pod);

/* The node it is bound to; NULL when not bound. */
const char *pod_node(const struct json_t *pod);

#endif
