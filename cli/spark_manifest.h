/* cli/spark_manifest.h - a spark-submit command line as the BatchJob it means. */
#ifndef CLI_SPARK_MANIFEST_H
#define CLI_SPARK_MANIFEST_H

#include "base/buf.h"
#include "base/error.h"

struct spark_args;

/* Append the manifest as JSON. ERR_INVALID: names that can't be, files of this machine. */
int spark_manifest(const struct spark_args *args, struct buf *out_json,
                   struct error *error) MUST_CHECK;

/* Does the command wait for the application's end, as spark-submit does unless told otherwise? */
bool spark_waits(const struct spark_args *args);

#endif
