/* k8s/spark_fields.h - the fields of a SparkApplication's spec, one by one: a table.
 *
 * Source: the v1beta2 API of kubeflow/spark-operator. Typed fields win over sparkConf, as the
 * operator's do.
 */
#ifndef K8S_SPARK_FIELDS_H
#define K8S_SPARK_FIELDS_H

#include "base/error.h"

struct field_error;
struct json_at;
struct spark_app;

/* Read spec into app->conf and the borrowed members. ERR_INVALID names a field that is
 * unknown, of the wrong type, or beyond us. */
int spark_fields_read(const struct json_at *spec, struct spark_app *app,
                      struct field_error *error) MUST_CHECK;

/* The labels of the application itself, which become its pods'. */
int spark_labels_read(const struct json_at *metadata, struct spark_app *app,
                      struct field_error *error) MUST_CHECK;

#endif
