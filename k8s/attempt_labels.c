#include "k8s/attempt_labels.h"

#include <inttypes.h>
#include <stdio.h>

#include "k8s/json_build.h"
#include "k8s/spark_names.h"

void attempt_put_labels(const struct attempt_id *id, struct json_t *labels) {
    char text[64];

    (void)snprintf(text, sizeof text, "%" PRIu64, id->job_id);
    json_put_text(labels, LABEL_JOB_ID, text);
    attempt_job_uid(id, text);
    json_put_text(labels, LABEL_JOB_UID, text);
    (void)snprintf(text, sizeof text, "%" PRIu32, id->attempt);
    json_put_text(labels, LABEL_ATTEMPT, text);
}
