/* k8s/spark_properties.h - a Spark configuration as a Java properties file, both ways.
 *
 * Source: the file format of java.util.Properties (load and store).
 */
#ifndef K8S_SPARK_PROPERTIES_H
#define K8S_SPARK_PROPERTIES_H

#include <stddef.h>

#include "base/buf.h"
#include "k8s/spark_conf.h"

/* Append key=value lines in the order of the keys, everything outside printable ASCII escaped. */
void spark_properties_print(const struct spark_conf *conf, struct buf *out_text);

/* Add what a properties file says to *conf, later lines winning. ERR_INVALID: a malformed
 * escape; ERR_FULL: too many keys. What came before it is in *conf then. */
int spark_properties_parse(const char *text, size_t bytes, struct spark_conf *conf) MUST_CHECK;

#endif
