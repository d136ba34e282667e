/* sim/pod_plan.h - what a pod's labels and annotations say of how it runs and ends. Pure.
 *
 * The annotations are listed in sim/cluster.h.
 */
#ifndef SIM_POD_PLAN_H
#define SIM_POD_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/pod_status.h"

struct json_t;

/* What the pod's annotations say its containers end with. reason is borrowed from the pod. */
struct pod_exit pod_plan_exit(const struct json_t *pod);

/* The duration in the annotation, or the fallback. */
int64_t pod_plan_us(const struct json_t *pod, const char *key, int64_t fallback_us);

/* Does the Spark driver's (or an executor's) own logic decide when this pod ends? */
bool pod_is_spark_driver(const struct json_t *pod);
bool pod_is_spark_executor(const struct json_t *pod);

#endif
