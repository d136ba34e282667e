/* k8s/spark_volumes.h - the volumes a Spark configuration asks for.
 *
 * spark.kubernetes.<role>.volumes.<type>.<name>.mount... and .options...; types hostPath,
 * emptyDir, nfs and persistentVolumeClaim. Source: Spark's KubernetesVolumeUtils.
 */
#ifndef K8S_SPARK_VOLUMES_H
#define K8S_SPARK_VOLUMES_H

#include <stdint.h>

#include "base/error.h"

struct field_error;
struct json_t;
struct spark_app;

/* Both roles. ERR_INVALID: unknown type, missing option, one path twice, or a claim that the
 * submitter would have to create. */
int spark_volumes_check(const struct spark_app *app, struct field_error *error) MUST_CHECK;

/* Add the driver's volumes and mounts. The configuration was checked. */
void spark_volumes_add(const struct spark_app *app, struct json_t *volumes, struct json_t *mounts);

/* What the claims that Spark creates for one executor ask of a quota: called for each. */
typedef void spark_claim_found(void *context, const char *storage_class, int64_t bytes);
void spark_volumes_executor_claims(const struct spark_app *app, spark_claim_found *found,
                                   void *context);

#endif
