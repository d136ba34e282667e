/* k8s/spark_driver.h - the objects of one attempt of a Spark application, as JSON to POST.
 *
 * Source: the feature steps of Spark's KubernetesDriverBuilder, and what the operator's webhook
 * adds for the fields that Spark has no configuration for. Every text is owned by the caller.
 */
#ifndef K8S_SPARK_DRIVER_H
#define K8S_SPARK_DRIVER_H

#include <stddef.h>

#include "base/error.h"

struct field_error;
struct json_t;
struct payload_run;
struct spark_app;

/* Whether the application's payload can be made into a pod and a ConfigMap at all: what is
 * copied from it names volumes that exist, and the properties are not too long. */
int spark_driver_check(const struct spark_app *app, struct field_error *error) MUST_CHECK;

char *spark_driver_pod(const struct spark_app *app, const struct payload_run *run);

/* That pod's spec before it is printed: the caller's to json_drop(). */
struct json_t *spark_driver_pod_spec(const struct spark_app *app, const struct payload_run *run);

/* What the Spark container of that pod is called: the template's own name for it, if it has one. */
const char *spark_driver_container_name(const struct spark_app *app);

/* owner_uid NULL: without an owner. */
char *spark_driver_service(const struct spark_app *app, const struct payload_run *run,
                           const char *owner_uid);
char *spark_driver_conf_map(const struct spark_app *app, const struct payload_run *run,
                            const char *owner_uid);
char *spark_driver_metrics_map(const struct spark_app *app, const struct payload_run *run,
                               const char *owner_uid); /* NULL: no monitoring that needs it */
char *spark_driver_template_map(const struct spark_app *app, const struct payload_run *run,
                                const char *owner_uid); /* NULL: the executors have none */

#endif
