/* k8s/spark_operator.h - an application handed to an installed Spark operator, and its status.
 *
 * We create the SparkApplication when all of it fits; the operator submits it once and never again
 * (restartPolicy Never): retries are ours. Its pods bear our labels, and the driver our name for
 * it, so they are followed as those we make ourselves.
 * Source: kubeflow/spark-operator, api/v1beta2.
 */
#ifndef K8S_SPARK_OPERATOR_H
#define K8S_SPARK_OPERATOR_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/limits.h"

struct attempt_id;
struct field_error;
struct json_t;
struct payload_run;
struct spark_app;

/* What only we could carry out is refused: it would be lost on the operator. */
int spark_operator_check(const struct spark_app *app, struct field_error *error) MUST_CHECK;

/* The name of the attempt's SparkApplication. */
void spark_operator_name(const struct attempt_id *id, char out_name[LIMIT_LABEL_BYTES + 1]);

/* The SparkApplication to POST, owned by the caller. */
char *spark_operator_body(const struct spark_app *app, const struct payload_run *run);

enum operator_state {
    OPERATOR_ANOTHERS,  /* not this attempt's */
    OPERATOR_PENDING,   /* not submitted yet */
    OPERATOR_SUBMITTED, /* its driver was created, or it is over */
    /* The submission failed, and for good: the operator tries it once. The message says why. */
    OPERATOR_REFUSED,
    OPERATOR_QUOTA,      /* ... because somebody else was faster */
    OPERATOR_PASSING,    /* ... and another application may do better */
    OPERATOR_POD_EXISTS, /* ... it says: its own pod, if it died after it had submitted */
};

/* Read a SparkApplication as the server has it. ERR_INVALID: it can't be read. */
int spark_operator_read(const char *json, size_t bytes, const struct attempt_id *id,
                        enum operator_state *out_state,
                        char out_message[LIMIT_MESSAGE_BYTES + 1]) MUST_CHECK;

enum operator_end {
    OPERATOR_GOES_ON,
    OPERATOR_COMPLETED,
    OPERATOR_FAILED,
    OPERATOR_SUSPENDED, /* spec.suspend was set: its driver is deleted until it is resumed */
};

/* What a watch tells of an application. */
struct operator_news {
    uint64_t job_id;
    uint32_t attempt;
    enum operator_end end;
    char text[LIMIT_MESSAGE_BYTES + 1]; /* "RUNNING", "FAILED: driver pod not found"; "" is new */
};

/* ERR_INVALID: it can't be read; ERR_NOT_FOUND: it is of no attempt of this store. */
int spark_operator_follow(const char *json, size_t bytes, const char *store_uid,
                          struct operator_news *out_news, struct field_error *error) MUST_CHECK;

#endif
