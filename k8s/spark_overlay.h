/* k8s/spark_overlay.h - what a SparkApplication says of pods that Spark has no property for.
 *
 * The operator's webhook patches it onto pods as they are created. We lay it over the driver's pod
 * ourselves, and give it to the executors by the pod template they are made of.
 * Source: kubeflow/spark-operator, internal/webhook/sparkpod_defaulter.go.
 */
#ifndef K8S_SPARK_OVERLAY_H
#define K8S_SPARK_OVERLAY_H

#include <stdbool.h>

struct json_t;
struct spark_app;

/* Whose pods: what spec.driver or spec.executor holds (NULL: nothing), and of its mounts and
 * variables those that are not said by Spark's properties. */
struct spark_overlay {
    const struct spark_app *app;
    const struct json_t *role;
    const struct json_t *mounts;
    const struct json_t *env;
};

struct spark_overlay spark_overlay_driver(const struct spark_app *app);
struct spark_overlay spark_overlay_executor(const struct spark_app *app);

/* Does it say anything at all? */
bool spark_overlay_is_there(const struct spark_overlay *overlay);

/* Add to a list of volumes, a list of mounts, a list of variables. */
void spark_overlay_volumes(const struct spark_overlay *overlay, struct json_t *volumes,
                           struct json_t *mounts);
void spark_overlay_env(const struct spark_overlay *overlay, struct json_t *env);

/* Change Spark's container: all but mounts, variables and the security context. */
void spark_overlay_container(const struct spark_overlay *overlay, struct json_t *container);

/* Change the pod's spec: all but its volumes and Spark's container. */
void spark_overlay_spec(const struct spark_overlay *overlay, struct json_t *spec);

#endif
