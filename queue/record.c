#include "queue/record.h"

#include <stdint.h>
#include <string.h>
#include <zlib.h>

#include "base/ensure.h"
#include "base/limits.h"

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

static void put_number(struct buf *out, uint64_t value, size_t bytes) {
    unsigned char raw[8];

    for (size_t i = 0; i < bytes; i++) {
        raw[i] = (unsigned char)(value >> (8 * i));
    }
    buf_add(out, raw, bytes);
}

static void put_u16(struct buf *out, uint64_t value) {
    ENSURE(value <= UINT16_MAX);
    put_number(out, value, 2);
}

static void put_u32(struct buf *out, uint32_t value) {
    put_number(out, value, 4);
}

static void put_u64(struct buf *out, uint64_t value) {
    put_number(out, value, 8);
}

static void put_i64(struct buf *out, int64_t value) {
    put_number(out, (uint64_t)value, 8);
}

static void put_text(struct buf *out, const char *text) {
    size_t bytes = text == NULL ? 0 : strlen(text);

    if (bytes > LIMIT_RECORD_TEXT_BYTES) {
        bytes = LIMIT_RECORD_TEXT_BYTES;
    }
    put_u16(out, bytes);
    buf_add(out, text, bytes);
    buf_add_char(out, '\0');
}

/* Begin a record: the place of its head, filled in by finish(). */
static size_t begin(struct buf *out) {
    static const unsigned char room[RECORD_HEAD_BYTES] = {0};
    size_t at = out->bytes;

    buf_add(out, room, sizeof room);
    return at;
}

static uint32_t checksum(const void *bytes, size_t count) {
    return (uint32_t)crc32_z(crc32_z(0, NULL, 0), bytes, count);
}

static void finish(struct buf *out, size_t at, enum record_kind kind) {
    uint32_t sum;
    unsigned char *head;

    ENSURE(!out->full);
    head = (unsigned char *)out->data + at;
    sum = checksum(head + RECORD_HEAD_BYTES, out->bytes - at - RECORD_HEAD_BYTES);
    head[0] = (unsigned char)kind;
    head[1] = (unsigned char)(kind >> 8);
    head[2] = RECORD_VERSION;
    head[3] = 0;
    for (size_t i = 0; i < 4; i++) {
        head[4 + i] = (unsigned char)(sum >> (8 * i));
    }
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

void record_encode_job(struct buf *out, const struct job *job) {
    size_t at = begin(out);

    put_u64(out, job->id);
    put_text(out, job->name);
    put_text(out, job->namespace);
    put_text(out, job->team);
    put_text(out, job->submitter);
    put_number(out, job->kind, 1);
    put_number(out, job->state, 1);
    put_number(out, job->failure, 1);
    put_number(out,
               (job->cancel_requested ? JOB_FLAG_CANCEL_REQUESTED : 0u) |
                   (job->pods_deleted ? JOB_FLAG_PODS_DELETED : 0u),
               1);
    put_u32(out, (uint32_t)job->priority);
    put_u32(out, job->attempt);
    put_u32(out, job->failures);
    put_u32(out, job->retries);
    put_u32(out, job->infra_retries);
    put_u32(out, job->ttl_s);
    put_u32(out, job->event_count);
    put_u32(out, job->retry.retries_max);
    put_u32(out, job->retry.infra_retries_max);
    put_i64(out, job->retry.backoff_first_us);
    put_i64(out, job->retry.backoff_max_us);
    put_i64(out, job->submitted_us);
    put_i64(out, job->eligible_us);
    put_i64(out, job->admitted_us);
    put_i64(out, job->started_us);
    put_i64(out, job->finished_us);
    put_i64(out, job->expected_runtime_us);
    put_u32(out, (uint32_t)job->exit_code);
    buf_add(out, job->spec_hash, sizeof job->spec_hash);
    finish(out, at, RECORD_JOB);
}

static void get_hash(struct reader *reader, unsigned char out_hash[SPEC_HASH_BYTES]) {
    if (!reader->ok || reader->left < SPEC_HASH_BYTES) {
        reader->ok = false;
        return;
    }
    memcpy(out_hash, reader->at, SPEC_HASH_BYTES);
    reader->at += SPEC_HASH_BYTES;
    reader->left -= SPEC_HASH_BYTES;
}

int record_decode_job(const void *bytes, size_t count, struct job *out_job) {
    struct reader reader = open_record(bytes, count, RECORD_JOB);
    struct job job = {0};
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
    get_hash(&reader, job.spec_hash);
    if (close_record(&reader) != OK || job.id == 0 || flags > JOB_FLAG_ALL) {
        return ERR_CORRUPT;
    }
    *out_job = job;
    return OK;
}

void record_encode_attempt(struct buf *out, const struct attempt *attempt) {
    size_t at = begin(out);

    put_u64(out, attempt->job_id);
    put_u32(out, attempt->number);
    put_text(out, attempt->pod_name);
    put_text(out, attempt->pod_uid);
    put_text(out, attempt->node);
    put_i64(out, attempt->admitted_us);
    put_i64(out, attempt->created_us);
    put_i64(out, attempt->started_us);
    put_i64(out, attempt->finished_us);
    put_number(out, attempt->failure, 1);
    put_u32(out, (uint32_t)attempt->exit_code);
    put_text(out, attempt->message);
    finish(out, at, RECORD_ATTEMPT);
}

int record_decode_attempt(const void *bytes, size_t count, struct attempt *out_attempt) {
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

void record_encode_event(struct buf *out, const struct job_event *event) {
    size_t at = begin(out);

    put_u64(out, event->job_id);
    put_u32(out, event->sequence);
    put_i64(out, event->at_us);
    put_u32(out, event->attempt);
    put_number(out, event->state, 1);
    put_text(out, event->kind);
    put_text(out, event->text);
    finish(out, at, RECORD_EVENT);
}

int record_decode_event(const void *bytes, size_t count, struct job_event *out_event) {
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

void record_encode_submission(struct buf *out, const struct submission *submission) {
    size_t at = begin(out);

    put_u64(out, submission->first_id);
    put_u32(out, submission->count);
    put_i64(out, submission->at_us);
    buf_add(out, submission->request_hash, sizeof submission->request_hash);
    finish(out, at, RECORD_SUBMISSION);
}

int record_decode_submission(const void *bytes, size_t count, struct submission *out_submission) {
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

void record_encode_spec(struct buf *out, const void *text, size_t bytes) {
    size_t at = begin(out);

    buf_add(out, text, bytes);
    finish(out, at, RECORD_SPEC);
}

int record_decode_spec(const void *bytes, size_t count, const char **out_text, size_t *out_bytes) {
    struct reader reader = open_record(bytes, count, RECORD_SPEC);

    if (!reader.ok) {
        return ERR_CORRUPT;
    }
    *out_text = (const char *)reader.at;
    *out_bytes = reader.left;
    return OK;
}

void record_encode_users(struct buf *out, uint32_t users) {
    size_t at = begin(out);

    put_u32(out, users);
    finish(out, at, RECORD_USERS);
}

int record_decode_users(const void *bytes, size_t count, uint32_t *out_users) {
    struct reader reader = open_record(bytes, count, RECORD_USERS);
    uint32_t users = get_u32(&reader);

    if (close_record(&reader) != OK || users == 0) {
        return ERR_CORRUPT;
    }
    *out_users = users;
    return OK;
}
