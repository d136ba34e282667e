/* sim/spark_executor.h - what a Spark driver itself makes: executors and their ConfigMap.
 *
 * As Spark's BasicExecutorFeatureStep and its fellows build them; only what a cluster
 * can see. Pure.
 */
#ifndef SIM_SPARK_EXECUTOR_H
#define SIM_SPARK_EXECUTOR_H

#include <stdint.h>

#include "sim/executor_plan.h"
#include "sim/java_properties.h"

struct json_t;

/* The driver they work for. All borrowed. */
struct spark_application {
    const struct json_t *driver_pod;
    const struct java_properties *properties;
    const struct executor_plan *plan;
    const char *name_prefix; /* of the executor pods */
    const char *config_map;  /* their spark-exec-...-conf-map; NULL: none */
};

/* New objects, owned by the caller. number counts from 1. */
struct json_t *spark_executor_pod(const struct spark_application *application, int64_t number);
struct json_t *spark_executor_config_map(const struct spark_application *application);

#endif
