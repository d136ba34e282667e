/* config/spark_schema.h - the fields of a SparkApplication's spec.
 *
 * sparkoperator.k8s.io/v1beta2 as of the Spark operator 2.x, all of it: what the
 * driver's builder cannot do yet it refuses itself, with the place.
 */
#ifndef CONFIG_SPARK_SCHEMA_H
#define CONFIG_SPARK_SCHEMA_H

#include "config/schema.h"

extern const struct schema schema_spark_spec;
extern const char *const spark_reserves[]; /* words of dynamicAllocation.reserve */

#endif
