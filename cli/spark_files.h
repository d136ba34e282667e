/* cli/spark_files.h - files of this machine that spark-submit takes along, for a manifest.
 *
 * Spark's configuration folder (log4j2.properties and its like), Hadoop's, and krb5.conf; each as
 * Spark's own submission chooses them.
 */
#ifndef CLI_SPARK_FILES_H
#define CLI_SPARK_FILES_H

#include "base/error.h"

struct json_t;
struct spark_args;

/* Put localFiles into a Spark application's spec, if there are any. ERR_INVALID, ERR_NOT_FOUND,
 * ERR_FULL with a sentence. */
int spark_files_put(const struct spark_args *args, struct json_t *spec,
                    struct error *error) MUST_CHECK;

#endif
