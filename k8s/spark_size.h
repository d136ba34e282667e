/* k8s/spark_size.h - how much cpu and memory Spark will ask for, and how many executors.
 *
 * Source: Spark's BasicDriverFeatureStep, BasicExecutorFeatureStep and ResourceProfile. The
 * overhead is a product of doubles, truncated, exactly as the JVM computes it.
 */
#ifndef K8S_SPARK_SIZE_H
#define K8S_SPARK_SIZE_H

#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"

struct field_error;
struct json_t;
struct spark_app;
struct spark_size;

/* Fill the sizes and counts from app->conf, language and version. */
int spark_size_resolve(struct spark_app *app, struct field_error *error) MUST_CHECK;

/* Add requests and limits to a container's resources, over what they are there. */
void spark_size_put(const struct spark_size *size, struct json_t *resources);

/* Driver and executors with more memory, as thousandths of their pods' (demand_grown_bytes()): heap
 * and overhead share what is added, and the configuration says so to Spark. */
void spark_size_grow(struct spark_app *app, uint32_t driver_permille, uint32_t executor_permille);

/* A double as the JVM prints one of this size: "0.1", "1.0". */
void spark_print_double(double value, char out_text[32]);

/* Append the arithmetic, a line each for driver and executors. */
void spark_size_explain(const struct spark_app *app, struct buf *out_text);

#endif
