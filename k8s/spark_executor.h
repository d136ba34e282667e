/* k8s/spark_executor.h - executors: the pod template they are made of, and what Spark makes of it.
 *
 * The driver makes executors itself, from a template in a ConfigMap if there is one. Source:
 * Spark's PodTemplateConfigMapStep, BasicExecutorFeatureStep.
 */
#ifndef K8S_SPARK_EXECUTOR_H
#define K8S_SPARK_EXECUTOR_H

#include <stdbool.h>

struct json_t;
struct spark_app;

#define SPARK_TEMPLATE_DIR  "/opt/spark/pod-template"
#define SPARK_TEMPLATE_FILE "pod-spec-template.yml"
#define SPARK_TEMPLATE_KEY  "podspec-configmap-key"

/* Is there a template, given or made of what only a template can tell the driver? */
bool spark_executor_has_template(const struct spark_app *app);

/* The whole of it, a Pod: the caller's. metrics_map is the name of the ConfigMap of monitoring. */
struct json_t *spark_executor_template(const struct spark_app *app, const char *metrics_map);

/* The spec of an executor's pod as far as it decides where it fits: the caller's. */
struct json_t *spark_executor_pod_spec(const struct spark_app *app);

#endif
