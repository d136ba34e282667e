#include "queue/record_v1.h"

#include <stdint.h>
#include <string.h>
#include <zlib.h>

#define RECORD_VERSION    1
#define RECORD_HEAD_BYTES 8 /* kind, version: 16 bits each; checksum: 32 bits */

enum record_kind {
    RECORD_JOB = 0x4a4f,
    RECORD_ATTEMPT = 0x4154,
    RECORD_EVENT = 0x4556,
    RECORD_SUBMISSION = 0x5355,
    RECORD_SPEC = 0x5350,
    RECORD_USERS = 0x5553,
};

static uint32_t checksum(const void *bytes, size_t count) {
    return (uint32_t)crc32_z(crc32_z(0, NULL, 0), bytes, count);
}

/* Reads forward; once something is wrong everything after is 0 or "" and ok is false. */
struct reader {
    const unsigned char *at;
    size_t left;
    bool ok;
};

static uint64_t get_number(struct reader *reader, size_t bytes) {
    uint64_t value = 0;

    if (!reader->ok || reader->left < bytes) {
        reader->ok = false;
        return 0;
    }
    for (size_t i = 0; i < bytes; i++) {
        value |= (uint64_t)reader->at[i] << (8 * i);
    }
    reader->at += bytes;
    reader->left -= bytes;
    return value;
}

static uint32_t get_u32(struct reader *reader) {
    return (uint32_t)get_number(reader, 4);
}

static uint64_t get_u64(struct reader *reader) {
    return get_number(reader, 8);
}

static int64_t get_i64(struct reader *reader) {
    return (int64_t)get_number(reader, 8);
}

static const char *get_text(struct reader *reader) {
    size_t bytes = get_number(reader, 2);
    const char *text = (const char *)reader->at;

    if (!reader->ok || reader->left < bytes + 1 || text[bytes] != '\0' ||
        memchr(text, '\0', bytes) != NULL) {
        reader->ok = false;
        return "";
    }
    reader->at += bytes + 1;
    reader->left -= bytes + 1;
    return text;
}

/* A value of an enum with `count` members. */
static unsigned get_enum(struct reader *reader, unsigned count) {
    uint64_t value = get_number(reader, 1);

    if (value >= count) {
        reader->ok = false;
        return 0;
    }
    return (unsigned)value;
}

static struct reader open_record(const void *bytes, size_t count, enum record_kind kind) {
    const unsigned char *head = bytes;
    struct reader reader = {.at = head, .left = count, .ok = true};
    uint64_t found_kind = get_number(&reader, 2);
    uint64_t version = get_number(&reader, 2);
    uint64_t sum = get_number(&reader, 4);

    if (!reader.ok || found_kind != (uint64_t)kind || version != RECORD_VERSION ||
        sum != checksum(reader.at, reader.left)) {
        reader.ok = false;
    }
    return reader;
}

/* A record is good if everything was read, and nothing is left over. */
static int close_record(const struct reader *reader) {
    return reader->ok && reader->left == 0 ? OK : ERR_CORRUPT;
}

enum job_flag {
    JOB_FLAG_CANCEL_REQUESTED = 1,
    JOB_FLAG_PODS_DELETED = 2,
    JOB_FLAG_ALL = 3,
};

static void get_hash(struct reader *reader, unsigned char out_hash[SPEC_HASH_BYTES]) {
    if (!reader->ok || reader->left < SPEC_HASH_BYTES) {
        reader->ok = false;
        return;
    }
    memcpy(out_hash, reader->at, SPEC_HASH_BYTES);
    reader->at += SPEC_HASH_BYTES;
    reader->left -= SPEC_HASH_BYTES;
}

int record_v1_decode_job(const void *bytes, size_t count, struct job *out_job,
                         unsigned char out_spec_hash[SPEC_HASH_BYTES]) {
    struct reader reader = open_record(bytes, count, RECORD_JOB);
    struct job job = {0};
    unsigned char hash[SPEC_HASH_BYTES] = {0};
    uint64_t flags;

    job.id = get_u64(&reader);
    job.name = get_text(&reader);
    job.namespace = get_text(&reader);
    job.team = get_text(&reader);
    job.submitter = get_text(&reader);
    job.kind = (enum job_kind)get_enum(&reader, JOB_KIND_COUNT);
    job.state = (enum job_state)get_enum(&reader, JOB_STATE_COUNT);
    job.failure = (enum failure)get_enum(&reader, FAILURE_COUNT);
    flags = get_number(&reader, 1);
    job.cancel_requested = (flags & JOB_FLAG_CANCEL_REQUESTED) != 0;
    job.pods_deleted = (flags & JOB_FLAG_PODS_DELETED) != 0;
    job.priority = (int32_t)get_u32(&reader);
    job.attempt = get_u32(&reader);
    job.failures = get_u32(&reader);
    job.retries = get_u32(&reader);
    job.infra_retries = get_u32(&reader);
    job.ttl_s = get_u32(&reader);
    job.event_count = get_u32(&reader);
    job.retry.retries_max = get_u32(&reader);
    job.retry.infra_retries_max = get_u32(&reader);
    job.retry.backoff_first_us = get_i64(&reader);
    job.retry.backoff_max_us = get_i64(&reader);
    job.submitted_us = get_i64(&reader);
    job.eligible_us = get_i64(&reader);
    job.admitted_us = get_i64(&reader);
    job.started_us = get_i64(&reader);
    job.finished_us = get_i64(&reader);
    job.expected_runtime_us = get_i64(&reader);
    job.exit_code = (int32_t)get_u32(&reader);
    get_hash(&reader, hash);
    if (close_record(&reader) != OK || job.id == 0 || flags > JOB_FLAG_ALL) {
        return ERR_CORRUPT;
    }
    *out_job = job;
    memcpy(out_spec_hash, hash, sizeof hash);
    return OK;
}

int record_v1_decode_attempt(const void *bytes, size_t count, struct attempt *out_attempt) {
    struct reader reader = open_record(bytes, count, RECORD_ATTEMPT);
    struct attempt attempt = {0};

    attempt.job_id = get_u64(&reader);
    attempt.number = get_u32(&reader);
    attempt.pod_name = get_text(&reader);
    attempt.pod_uid = get_text(&reader);
    attempt.node = get_text(&reader);
    attempt.admitted_us = get_i64(&reader);
    attempt.created_us = get_i64(&reader);
    attempt.started_us = get_i64(&reader);
    attempt.finished_us = get_i64(&reader);
    attempt.failure = (enum failure)get_enum(&reader, FAILURE_COUNT);
    attempt.exit_code = (int32_t)get_u32(&reader);
    attempt.message = get_text(&reader);
    if (close_record(&reader) != OK || attempt.number == 0) {
        return ERR_CORRUPT;
    }
    *out_attempt = attempt;
    return OK;
}

int record_v1_decode_event(const void *bytes, size_t count, struct job_event *out_event) {
    struct reader reader = open_record(bytes, count, RECORD_EVENT);
    struct job_event event = {0};

    event.job_id = get_u64(&reader);
    event.sequence = get_u32(&reader);
    event.at_us = get_i64(&reader);
    event.attempt = get_u32(&reader);
    event.state = (enum job_state)get_enum(&reader, JOB_STATE_COUNT);
    event.kind = get_text(&reader);
    event.text = get_text(&reader);
    if (close_record(&reader) != OK) {
        return ERR_CORRUPT;
    }
    *out_event = event;
    return OK;
}

int record_v1_decode_submission(const void *bytes, size_t count,
                                struct submission *out_submission) {
    struct reader reader = open_record(bytes, count, RECORD_SUBMISSION);
    struct submission submission = {0};

    submission.first_id = get_u64(&reader);
    submission.count = get_u32(&reader);
    submission.at_us = get_i64(&reader);
    get_hash(&reader, submission.request_hash);
    if (close_record(&reader) != OK) {
        return ERR_CORRUPT;
    }
    *out_submission = submission;
    return OK;
}

int record_v1_decode_spec(const void *bytes, size_t count, const char **out_text,
                          size_t *out_bytes) {
    struct reader reader = open_record(bytes, count, RECORD_SPEC);

    if (!reader.ok) {
        return ERR_CORRUPT;
    }
    *out_text = (const char *)reader.at;
    *out_bytes = reader.left;
    return OK;
}
