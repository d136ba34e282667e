#include "config/job_schema.h"

#include <stdint.h>

#include "base/limits.h"
#include "config/pod_schema.h"
#include "config/retry_rules.h"
#include "config/spark_schema.h"
#include "policy/job.h"

#define PRIORITY_MAX 1000000000

/* Either a word for the instant alone, or these. */
static const struct field start_by_fields[] = {
    FIELD_NEEDED("at", FIELD_DEADLINE),
    {.name = "onMiss", .type = FIELD_WORD, .words = start_miss_texts},
};
static const struct schema start_by = SCHEMA(start_by_fields);

static const struct field max_runtime_fields[] = {
    FIELD("kill", FIELD_DURATION),
    FIELD("warn", FIELD_DURATION),
};
static const struct schema max_runtime = SCHEMA(max_runtime_fields);

/* Handed to an installed Spark operator. */
static const struct field for_operator_fields[] = {
    {.name = "operator", .type = FIELD_BOOL, .required = true},
    {.name = "spec", .type = FIELD_OBJECT, .object = &schema_spark_spec, .required = true},
};
static const struct schema for_operator = SCHEMA(for_operator_fields);

static const struct field batch_job_spec_fields[] = {
    FIELD("after", FIELD_IGNORED), /* config/after_refs.c reads it */
    FIELD("array", FIELD_TEXT),
    FIELD("expectedRuntime", FIELD_DURATION),
    FIELD("finishBy", FIELD_DEADLINE),
    FIELD("hold", FIELD_BOOL),
    FIELD_OF("maxRuntime", FIELD_DURATION, max_runtime),
    FIELD_OF("pod", FIELD_OBJECT, schema_pod_template),
    FIELD("preemptible", FIELD_BOOL),
    FIELD_RANGE("priority", -PRIORITY_MAX, PRIORITY_MAX),
    FIELD("priorityClass", FIELD_LABEL_VALUE),
    FIELD_OF("retry", FIELD_OBJECT, schema_retry),
    FIELD_OF("spark", FIELD_OBJECT, schema_spark_spec),
    FIELD_OF("startBy", FIELD_DEADLINE, start_by),
    FIELD("team", FIELD_LABEL_VALUE),
    FIELD_RANGE("ttlSecondsAfterFinished", 0, UINT32_MAX - 1),
    FIELD("window", FIELD_LABELS),
    FIELD_OF("sparkApplication", FIELD_OBJECT, for_operator),
};
const struct schema schema_batch_job_spec = SCHEMA(batch_job_spec_fields);

/* apiVersion and kind chose the table; metadata.name is checked by whoever reads it. */
#define OBJECT_FIELDS                                                         \
    FIELD_NEEDED("apiVersion", FIELD_TEXT), FIELD_NEEDED("kind", FIELD_TEXT), \
        FIELD_OF("metadata", FIELD_OBJECT, schema_object_meta)

#define SPEC_OF(schema_) \
    { .name = "spec", .type = FIELD_OBJECT, .object = &(schema_), .required = true }

static const struct field batch_job_fields[] = {OBJECT_FIELDS, SPEC_OF(schema_batch_job_spec)};
const struct schema schema_batch_job = SCHEMA(batch_job_fields);

static const struct field spark_application_fields[] = {
    OBJECT_FIELDS,
    SPEC_OF(schema_spark_spec),
    FIELD("status", FIELD_IGNORED),
};
const struct schema schema_spark_application = SCHEMA(spark_application_fields);

static const struct field pod_fields[] = {
    OBJECT_FIELDS,
    SPEC_OF(schema_pod_spec),
    FIELD("status", FIELD_IGNORED),
};
const struct schema schema_pod = SCHEMA(pod_fields);

static const struct field list_fields[] = {
    FIELD_NEEDED("apiVersion", FIELD_TEXT),
    FIELD_NEEDED("items", FIELD_OPAQUES),
    FIELD_NEEDED("kind", FIELD_TEXT),
    FIELD("metadata", FIELD_IGNORED),
};
const struct schema schema_list = SCHEMA(list_fields);
