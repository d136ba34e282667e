/* k8s/spark_metrics.h - spec.monitoring: Spark's metrics by the Prometheus JMX exporter.
 *
 * As the operator does: a ConfigMap of metrics.properties and the exporter's rules, mounted where
 * the exporter's agent looks for it, which is loaded by Java's options; a port and annotations for
 * whoever scrapes. Source: kubeflow/spark-operator, monitoring_config.go.
 */
#ifndef K8S_SPARK_METRICS_H
#define K8S_SPARK_METRICS_H

#include <stdbool.h>

#include "base/error.h"

struct field_error;
struct json_at;
struct json_t;
struct spark_app;

/* Make properties of it, when all others are read. */
int spark_metrics_read(const struct json_at *spec, struct spark_app *app,
                       struct field_error *error) MUST_CHECK;

/* Does it need the executors' template? */
bool spark_metrics_is_there(const struct spark_app *app);

/* Where a role's pods are scraped there is a port; false: they are not. */
bool spark_metrics_is_shown(const struct spark_app *app, const char *role);

/* The data of the ConfigMap, the caller's; NULL: none is needed. */
struct json_t *spark_metrics_data(const struct spark_app *app);

/* To a pod: the map of that name; and to a role's Spark container: the port. */
void spark_metrics_add_volume(const struct spark_app *app, const char *map, struct json_t *volumes,
                              struct json_t *mounts);
void spark_metrics_add_port(const struct spark_app *app, const char *role,
                            struct json_t *container);

#endif
