/* config/job_schema.h - the objects people submit, as tables: what is outside of their specs. */
#ifndef CONFIG_JOB_SCHEMA_H
#define CONFIG_JOB_SCHEMA_H

#include "config/schema.h"

extern const struct schema schema_batch_job;
extern const struct schema schema_batch_job_spec;
extern const struct schema schema_spark_application;
extern const struct schema schema_pod;
extern const struct schema schema_list; /* its items are looked at one by one */

#endif
