/* k8s/spark_volumes.h - the volumes a Spark configuration asks for.
 *
 * spark.kubernetes.<role>.volumes.<type>.<name>.mount... and .options...; types hostPath,
 * emptyDir, nfs and persistentVolumeClaim. Source: Spark's KubernetesVolumeUtils.
 */
#ifndef K8S_SPARK_VOLUMES_H
#define K8S_SPARK_VOLUMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "k8s/spark_names.h"

struct field_error;
struct json_t;
struct spark_app;

/* Both roles. ERR_INVALID: unknown type, missing option, one path twice, or a claim that nobody
 * would create. */
int spark_volumes_check(const struct spark_app *app, struct field_error *error) MUST_CHECK;

/* Add the driver's volumes and mounts. The configuration was checked. */
void spark_volumes_add(const struct spark_app *app, const struct spark_names *names,
                       struct json_t *volumes, struct json_t *mounts);

#define SPARK_CLAIMS_MAX 8

/* A claim that is created for the driver, and belongs to its pod. */
struct spark_claim {
    char name[SPARK_PREFIX_BYTES_MAX + 32];
    const char *storage_class; /* borrowed from the configuration, as is the next */
    const char *size;
    int64_t bytes;
    const char *access_mode;
    char labels[512]; /* where the keys of its labels and annotations begin */
    char annotations[512];
};

/* The claim of that index, from 0 on, or false; names NULL: without its name. */
bool spark_volumes_driver_claim(const struct spark_app *app, const struct spark_names *names,
                                size_t index, struct spark_claim *out_claim);

/* What the claims that Spark creates for one executor ask of a quota: called for each. */
typedef void spark_claim_found(void *context, const char *storage_class, int64_t bytes);
void spark_volumes_executor_claims(const struct spark_app *app, spark_claim_found *found,
                                   void *context);

#endif
