/* k8s/spark_exposed.h - what shows a driver to the world, and what guards it: Services and
 * Ingresses of its pages and of other ports of its, and a disruption budget.
 *
 * Of spec.sparkUIOptions, driverIngressOptions and driverPodDisruptionBudget. Source:
 * kubeflow/spark-operator, web_ui.go, driveringress.go, driver_pdb.go.
 */
#ifndef K8S_SPARK_EXPOSED_H
#define K8S_SPARK_EXPOSED_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/limits.h"
#include "k8s/resource.h"

struct field_error;
struct payload_run;
struct spark_app;
struct spark_attempt;

#define SPARK_EXPOSED_PORTS_MAX 8
#define SPARK_EXPOSED_COUNT     (1 + 2 * (1 + SPARK_EXPOSED_PORTS_MAX))

struct spark_exposed {
    enum kube_resource resource;
    const char *what; /* "service of the Spark UI": for messages */
    char name[LIMIT_NAME_BYTES + 1];
    char *body; /* to POST, the caller's */
};

int spark_exposed_check(const struct spark_app *app, struct field_error *error) MUST_CHECK;

/* The object of that index, below SPARK_EXPOSED_COUNT; false: there is none. */
bool spark_exposed_make(const struct spark_app *app, const struct payload_run *run,
                        const char *owner_uid, size_t index, struct spark_exposed *out_exposed);

/* Append the path under which the pages are shown, "/team/app"; false: at the root, or nowhere. */
bool spark_exposed_ui_path(const struct spark_attempt *attempt, struct buf *out_path);

#endif
