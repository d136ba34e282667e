/* k8s/payload_fill.h - a template's payload made into that of one of its rows, or of its runs.
 *
 * In a Spark application's arguments and environment, and in those of a pod's containers,
 * {{column}} becomes the row's value and {{index}} its index; other braces are left to whoever
 * knows them (Spark has some of its own). The index is in the environment too, as
 * NIGHTSHIFT_ARRAY_INDEX, and each value as NIGHTSHIFT_PARAM_ and its column's name, unless the
 * template sets these itself. What a job asks for is the same for all rows.
 */
#ifndef K8S_PAYLOAD_FILL_H
#define K8S_PAYLOAD_FILL_H

#include "base/buf.h"
#include "base/error.h"
#include "k8s/codec_json.h"
#include "policy/job.h"

/* A value that is not of a row: {{name}} and {{ name }} become its text, and the variable is set to
 * it, likewise (NULL: it has none). */
struct payload_value {
    const char *name;
    const char *variable;
    const char *text;
};

/* Replace the payload by one with such values. The same errors. */
int payload_fill_values(enum job_kind kind, struct buf *payload, const struct payload_value *values,
                        size_t count, struct field_error *error) MUST_CHECK;

/* Replace the payload by the row's. Its member "row" names the columns; row is [index,"value",..].
 * ERR_INVALID: they don't fit each other; ERR_FULL: longer than the buffer may be. */
int payload_fill(enum job_kind kind, struct buf *payload, const char *row,
                 struct field_error *error) MUST_CHECK;

#endif
