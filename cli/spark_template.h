/* cli/spark_template.h - pod templates on this machine, for a manifest.
 *
 * What spark.kubernetes.driver.podTemplateFile and its sibling name: YAML or JSON of a Pod, read
 * where spark-submit would read it.
 */
#ifndef CLI_SPARK_TEMPLATE_H
#define CLI_SPARK_TEMPLATE_H

#include "base/error.h"

struct json_t;

/* metadata and spec of the Pod in a file: a path, or a file: URI. The caller's.
 * ERR_NOT_FOUND, ERR_INVALID with a sentence. */
int spark_template_read(const char *uri, struct json_t **out_template,
                        struct error *error) MUST_CHECK;

#endif
