#include "scheduler/daemon.h"

#include <stdio.h>

#include "base/civil.h"
#include "base/limits.h"
#include "base/rfc3339.h"
#include "base/seal.h"
#include "k8s/payload.h"
#include "k8s/payload_fill.h"
#include "queue/queue.h"
#include "scheduler/secret_keys.h"

/* A run knows for when it is. */
static int fill_occurrence(const struct job *job, struct buf *text, struct field_error *error) {
    char occurrence[CIVIL_TIME_BYTES];
    char date[CIVIL_DATE_BYTES];
    char packed[CIVIL_DATE_BYTES];
    char instant[RFC3339_BYTES_MAX];
    const struct payload_value values[] = {
        {"schedule", "NIGHTSHIFT_SCHEDULE", job->schedule},
        {"occurrence", "NIGHTSHIFT_OCCURRENCE", occurrence},
        {"occurrenceTime", "NIGHTSHIFT_OCCURRENCE_TIME", instant},
        {"businessDate", "NIGHTSHIFT_BUSINESS_DATE", date},
        {"businessDateNoDash", NULL, packed},
    };

    if (job->occurrence.time_us == 0) {
        return OK;
    }
    civil_print_time(job->occurrence.civil_s, occurrence);
    civil_print_date(job->occurrence.business_date, date);
    (void)snprintf(packed, sizeof packed, "%.4s%.2s%.2s", date, date + 5, date + 8);
    rfc3339_print(job->occurrence.time_us, instant);
    return payload_fill_values(job->kind, text, values, ARRAY_LEN(values), error);
}

/* The demand of a stored spec; NULL if it can't be read any more. */
int daemon_read_payload(struct daemon *daemon, const struct job *job, struct payload **out_payload,
                        struct field_error *error) {
    struct buf text, row;
    int r;

    buf_init(&text, 2 * LIMIT_SPEC_BYTES);
    buf_init(&row, LIMIT_ROW_BYTES);
    r = queue_get_spec(daemon->queue, job->id, &text);
    r = r < 0 ? r : queue_get_row(daemon->queue, job->id, &row);
    r = r < 0 || row.bytes == 0 ? r : payload_fill(job->kind, &text, buf_text(&row), error);
    r = r < 0 ? r : fill_occurrence(job, &text, error);
    r = r < 0 ? r
              : payload_read(job->kind, text.data, text.bytes, job->namespace, out_payload, error);
    buf_finish(&row);
    buf_finish(&text);
    return r;
}

struct secret_keys daemon_secret_keys(const struct daemon *daemon) {
    return (struct secret_keys){.data_dir = daemon->config.data_dir,
                                .given = daemon->config.secrets_key_file};
}

int daemon_open_secrets(const struct daemon *daemon, struct payload *payload,
                        struct field_error *error) {
    const struct secret_keys place = daemon_secret_keys(daemon);
    struct seal_keys keys;
    int r;

    if (!payload_is_sealed(payload)) {
        return OK;
    }
    r = secret_keys_read(&place, &keys, &error->error);
    if (r == OK) {
        r = payload_open(payload, &keys, error);
        seal_wipe(&keys, sizeof keys);
    }
    error_prefix(&error->error, "secrets");
    return r;
}
