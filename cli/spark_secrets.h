/* cli/spark_secrets.h - the secrets of this machine that spark-submit packs for the driver. */
#ifndef CLI_SPARK_SECRETS_H
#define CLI_SPARK_SECRETS_H

#include <stdbool.h>

#include "base/error.h"

struct json_t;
struct spark_args;

/* What stands for a secret wherever people can read it, as Spark has it. */
#define SPARK_REDACTED "<present_but_redacted>"

/* Is a property's value a secret that goes nowhere as it is? */
bool spark_secrets_is_token(const char *key);

/* Read the keytab and the driver's credentials that properties name, and put them, in base64, into
 * localFiles. Of a manifest that is printed, SPARK_REDACTED. */
int spark_secrets_put(const struct spark_args *args, struct json_t *local_files,
                      struct error *error) MUST_CHECK;

#endif
