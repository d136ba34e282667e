#include "queue/record.h"

#include <string.h>
#include <zlib.h>

#include "base/ensure.h"
#include "queue/fields.h"
#include "queue/fields_walk.h"

#define RECORD_HEAD_BYTES 5 /* kind; checksum: 32 bits */

/* The first byte. Format 1's records began with other values. */
enum record_kind {
    RECORD_JOB = 0x81,
    RECORD_ATTEMPT = 0x82,
    RECORD_EVENT = 0x83,
    RECORD_SUBMISSION = 0x84,
    RECORD_FACT = 0x85,
    RECORD_TERMS = 0x86,
    RECORD_SPEC = 0x87,
    RECORD_DEMAND = 0x88,
    RECORD_TERMS_USERS = 0x89,
    RECORD_SPEC_USERS = 0x8a,
    RECORD_DEMAND_USERS = 0x8b,
};

/* --- The fields ------------------------------------------------------------------------------ */

/* Rows that two tables have: a record's, and all of a job's for exports. */

/* What is the job's own; tag 24 is the row of a stored one. Next tag: 38. */
#define JOB_OWN_ROWS                                                                               \
    FIELD(4, FIELD_I64, struct job, submitted_us), FIELD(5, FIELD_TEXT, struct job, name),         \
        FIELD_BOUND(6, FIELD_ENUM, struct job, state, JOB_STATE_COUNT),                            \
        FIELD(7, FIELD_U32, struct job, attempt), FIELD(8, FIELD_U32, struct job, failures),       \
        FIELD(9, FIELD_U32, struct job, retries), FIELD(10, FIELD_U32, struct job, infra_retries), \
        FIELD_UNLESS(11, FIELD_U32, struct job, event_count, 1),                                   \
        FIELD_TIME(12, struct job, eligible_us, submitted_us, FIELD_AS_BASE),                      \
        FIELD_TIME(13, struct job, admitted_us, submitted_us, 0),                                  \
        FIELD_TIME(14, struct job, started_us, submitted_us, 0),                                   \
        FIELD_TIME(15, struct job, finished_us, submitted_us, 0),                                  \
        FIELD_BOUND(16, FIELD_ENUM, struct job, failure, FAILURE_COUNT),                           \
        FIELD_UNLESS(17, FIELD_I32, struct job, exit_code, -1),                                    \
        FIELD(18, FIELD_BOOL, struct job, cancel_requested),                                       \
        FIELD(19, FIELD_BOOL, struct job, pods_deleted),                                           \
        FIELD(20, FIELD_U32, struct job, preemptions),                                             \
        FIELD_TIME(21, struct job, preempted_us, submitted_us, 0),                                 \
        FIELD_TIME(22, struct job, close_us, submitted_us, 0),                                     \
        FIELD_BOUND(23, FIELD_ENUM, struct job, at_close, WINDOW_CLOSE_COUNT)

#define JOB_OWN_ROWS_2                                                                            \
    FIELD(25, FIELD_BOOL, struct job, preempt_requested),                                         \
        FIELD(26, FIELD_I64, struct job, occurrence.civil_s),                                     \
        FIELD_TIME(27, struct job, occurrence.time_us, submitted_us, 0),                          \
        FIELD(28, FIELD_I32, struct job, occurrence.business_date),                               \
        FIELD(29, FIELD_BOOL, struct job, occurrence.fold),                                       \
        FIELD(30, FIELD_BOOL, struct job, has_run), FIELD(31, FIELD_U32, struct job, alarms),     \
        FIELD(32, FIELD_U32, struct job, driver_growth),                                          \
        FIELD(33, FIELD_U32, struct job, executor_growth),                                        \
        FIELD(34, FIELD_TEXT, struct job, avoid), FIELD(35, FIELD_U64, struct job, failed_as[0]), \
        FIELD(36, FIELD_U64, struct job, failed_as[1]),                                           \
        FIELD(37, FIELD_BOOL, struct job, is_retried)

/* What a job has from its submission and never changes: stored once for all that have the same.
 * Next tag: 29. */
#define JOB_TERMS_ROWS                                                                          \
    FIELD(1, FIELD_TEXT, struct job, namespace), FIELD(2, FIELD_TEXT, struct job, team),        \
        FIELD(3, FIELD_TEXT, struct job, submitter),                                            \
        FIELD_BOUND(4, FIELD_ENUM, struct job, kind, JOB_KIND_COUNT),                           \
        FIELD(5, FIELD_I32, struct job, priority), FIELD(6, FIELD_U32, struct job, ttl_s),      \
        FIELD(7, FIELD_U32, struct job, retry.retries_max),                                     \
        FIELD(8, FIELD_U32, struct job, retry.infra_retries_max),                               \
        FIELD(9, FIELD_I64, struct job, retry.backoff_first_us),                                \
        FIELD(10, FIELD_I64, struct job, retry.backoff_max_us),                                 \
        FIELD(11, FIELD_I64, struct job, expected_runtime_us),                                  \
        FIELD(12, FIELD_BOOL, struct job, submitted_held),                                      \
        FIELD(13, FIELD_I64, struct job, max_runtime_us),                                       \
        FIELD(14, FIELD_BOOL, struct job, preemptible),                                         \
        FIELD(15, FIELD_TEXT, struct job, priority_class),                                      \
        FIELD(16, FIELD_TEXT, struct job, window), FIELD(17, FIELD_TEXT, struct job, schedule), \
        FIELD(18, FIELD_TEXT, struct job, after), FIELD(19, FIELD_TEXT, struct job, array),     \
        FIELD(20, FIELD_U64, struct job, array_id),                                             \
        FIELD(21, FIELD_I64, struct job, warn_runtime_us),                                      \
        FIELD(22, FIELD_I64, struct job, start_by_us),                                          \
        FIELD_BOUND(23, FIELD_ENUM, struct job, start_miss, START_MISS_COUNT),                  \
        FIELD(24, FIELD_I64, struct job, finish_by_us),                                         \
        FIELD(25, FIELD_LONG_TEXT, struct job, retry.rules),                                    \
        FIELD(26, FIELD_BOOL, struct job, retry.always),                                        \
        FIELD(27, FIELD_TEXT, struct job, pod_name),                                            \
        FIELD(28, FIELD_BOOL, struct job, for_operator)

/* A stored job begins with its job. */
static const struct field job_fields[] = {
    FIELD_UNLESS(1, FIELD_U64, struct stored_job, terms, 1),
    FIELD_UNLESS(2, FIELD_U64, struct stored_job, spec, 1),   /* 0: lost with a damaged record */
    FIELD_UNLESS(3, FIELD_U64, struct stored_job, demand, 1), /* 0: none */
    JOB_OWN_ROWS,
    FIELD(24, FIELD_TEXT, struct stored_job, row),
    JOB_OWN_ROWS_2,
};

static const struct field terms_fields[] = {JOB_TERMS_ROWS};
static const struct field exported_fields[] = {JOB_OWN_ROWS, JOB_OWN_ROWS_2, JOB_TERMS_ROWS};

_Static_assert(offsetof(struct stored_job, job) == 0, "rows of a job fit a stored one");

/* Next tag: 21. */
static const struct field attempt_fields[] = {
    FIELD(1, FIELD_I64, struct attempt, admitted_us),
    FIELD(2, FIELD_TEXT, struct attempt, pod_name),
    FIELD(3, FIELD_TEXT, struct attempt, pod_uid),
    FIELD(4, FIELD_TEXT, struct attempt, node),
    FIELD_TIME(5, struct attempt, created_us, admitted_us, 0),
    FIELD_TIME(6, struct attempt, started_us, admitted_us, 0),
    FIELD_TIME(7, struct attempt, finished_us, admitted_us, 0),
    FIELD_BOUND(8, FIELD_ENUM, struct attempt, failure, FAILURE_COUNT),
    FIELD_UNLESS(9, FIELD_I32, struct attempt, exit_code, -1),
    FIELD(11, FIELD_TEXT, struct attempt, message),
    FIELD(12, FIELD_TEXT, struct attempt, cause),
    FIELD(13, FIELD_I64, struct attempt, cpu_milli),
    FIELD(14, FIELD_I64, struct attempt, memory_bytes),
    FIELD(15, FIELD_U32, struct attempt, pods),
    FIELD(16, FIELD_I64, struct attempt, driver_memory_bytes),
    FIELD(17, FIELD_I64, struct attempt, executor_memory_bytes),
    FIELD_TIME(18, struct attempt, charged_us, admitted_us, 0),
    FIELD_TIME(19, struct attempt, uncharged_us, charged_us, 0),
    FIELD(20, FIELD_TEXT, struct attempt, charge),
};

/* Next tag: 6. */
static const struct field event_fields[] = {
    FIELD(1, FIELD_I64, struct job_event, at_us),
    FIELD(2, FIELD_U32, struct job_event, attempt),
    FIELD_BOUND(3, FIELD_ENUM, struct job_event, state, JOB_STATE_COUNT),
    FIELD(4, FIELD_TEXT, struct job_event, kind),
    FIELD(5, FIELD_TEXT, struct job_event, text),
};

/* Next tag: 5. */
static const struct field submission_fields[] = {
    FIELD(1, FIELD_I64, struct submission, at_us),
    FIELD(2, FIELD_U64, struct submission, first_id),
    FIELD_UNLESS(3, FIELD_U32, struct submission, count, 1),
    FIELD_BOUND(4, FIELD_BYTES, struct submission, request_hash, SPEC_HASH_BYTES),
};

#define TABLE(name, type)                                                                    \
    static const struct field_table name##_table = {name##_fields, ARRAY_LEN(name##_fields), \
                                                    sizeof(type)}

TABLE(job, struct stored_job);
TABLE(terms, struct job);
TABLE(exported, struct job);
TABLE(attempt, struct attempt);
TABLE(event, struct job_event);
TABLE(submission, struct submission);

const struct field_table *record_fields(enum record_of of) {
    static const struct field_table *const tables[] = {
        [RECORD_OF_JOB] = &exported_table,
        [RECORD_OF_ATTEMPT] = &attempt_table,
        [RECORD_OF_EVENT] = &event_table,
        [RECORD_OF_SUBMISSION] = &submission_table,
    };

    return tables[of];
}

/* --- Head and checksum ----------------------------------------------------------------------- */

/* Begin a record: the place of its head, filled in by finish(). */
static size_t begin(struct buf *out) {
    static const unsigned char room[RECORD_HEAD_BYTES] = {0};
    size_t at = out->bytes;

    buf_add(out, room, sizeof room);
    return at;
}

/* The part of a checksum that a record's key makes. */
static uint32_t key_of_bytes(const void *bytes, size_t count) {
    return (uint32_t)crc32_z(0, bytes, count);
}

static uint32_t key_of_ids(uint64_t id, uint32_t part) {
    unsigned char raw[12];

    for (size_t i = 0; i < 8; i++) {
        raw[i] = (unsigned char)(id >> (8 * i));
    }
    for (size_t i = 0; i < 4; i++) {
        raw[8 + i] = (unsigned char)(part >> (8 * i));
    }
    return key_of_bytes(raw, sizeof raw);
}

static uint32_t key_of_text(const char *text) {
    return key_of_bytes(text, strlen(text));
}

static uint32_t checksum(uint32_t key, unsigned char kind, const void *bytes, size_t count) {
    return (uint32_t)crc32_z(crc32_z(key, &kind, 1), bytes, count);
}

static void finish(struct buf *out, size_t at, enum record_kind kind, uint32_t key) {
    unsigned char *head;
    uint32_t sum;

    ENSURE(!out->full);
    head = (unsigned char *)out->data + at;
    sum = checksum(key, (unsigned char)kind, head + RECORD_HEAD_BYTES,
                   out->bytes - at - RECORD_HEAD_BYTES);
    head[0] = (unsigned char)kind;
    for (size_t i = 0; i < 4; i++) {
        head[1 + i] = (unsigned char)(sum >> (8 * i));
    }
}

/* The body of a record whose head is right; NULL: it is not. */
static const unsigned char *body_of(const void *bytes, size_t count, enum record_kind kind,
                                    uint32_t key) {
    const unsigned char *head = bytes;
    uint32_t sum = 0;

    if (count < RECORD_HEAD_BYTES || head[0] != (unsigned char)kind) {
        return NULL;
    }
    for (size_t i = 0; i < 4; i++) {
        sum |= (uint32_t)head[1 + i] << (8 * i);
    }
    if (sum != checksum(key, head[0], head + RECORD_HEAD_BYTES, count - RECORD_HEAD_BYTES)) {
        return NULL;
    }
    return head + RECORD_HEAD_BYTES;
}

static void encode(struct buf *out, enum record_kind kind, uint32_t key,
                   const struct field_table *table, const void *value) {
    size_t at = begin(out);

    fields_encode(out, table, value);
    finish(out, at, kind, key);
}

static int decode(const void *bytes, size_t count, enum record_kind kind, uint32_t key,
                  const struct field_table *table, void *out_value) {
    const unsigned char *body = body_of(bytes, count, kind, key);

    return body != NULL ? fields_decode(table, body, count - RECORD_HEAD_BYTES, out_value)
                        : ERR_CORRUPT;
}

/* --- The kinds ------------------------------------------------------------------------------- */

void record_encode_job(struct buf *out, const struct stored_job *job) {
    size_t at = begin(out);

    fields_encode_known(out, &job_table, job);
    finish(out, at, RECORD_JOB, key_of_ids(job->job.id, 0));
}

int record_decode_job(uint64_t id, const void *bytes, size_t count, struct stored_job *out_job) {
    struct stored_job job = {0};
    int r = decode(bytes, count, RECORD_JOB, key_of_ids(id, 0), &job_table, &job);

    if (r == OK && (id == 0 || job.terms == 0)) {
        r = ERR_CORRUPT;
    }
    if (r == OK) {
        *out_job = job;
        out_job->job.id = id;
    }
    return r;
}

void record_encode_terms(struct buf *out, const struct job *job) {
    fields_encode_known(out, &terms_table, job);
}

bool record_same_terms(const struct job *a, const struct job *b) {
    return fields_same(&terms_table, a, b);
}

int record_decode_terms(const void *bytes, size_t count, struct job *job) {
    return fields_decode(&terms_table, bytes, count, job);
}

void record_encode_attempt(struct buf *out, const struct attempt *attempt) {
    encode(out, RECORD_ATTEMPT, key_of_ids(attempt->job_id, attempt->number), &attempt_table,
           attempt);
}

int record_decode_attempt(uint64_t job_id, uint32_t number, const void *bytes, size_t count,
                          struct attempt *out_attempt) {
    struct attempt attempt = {0};
    int r =
        decode(bytes, count, RECORD_ATTEMPT, key_of_ids(job_id, number), &attempt_table, &attempt);

    if (r == OK && number == 0) {
        r = ERR_CORRUPT;
    }
    if (r == OK) {
        *out_attempt = attempt;
        out_attempt->job_id = job_id;
        out_attempt->number = number;
    }
    return r;
}

void record_encode_event(struct buf *out, const struct job_event *event) {
    encode(out, RECORD_EVENT, key_of_ids(event->job_id, event->sequence), &event_table, event);
}

int record_decode_event(uint64_t job_id, uint32_t sequence, const void *bytes, size_t count,
                        struct job_event *out_event) {
    struct job_event event = {0};
    int r = decode(bytes, count, RECORD_EVENT, key_of_ids(job_id, sequence), &event_table, &event);

    if (r == OK) {
        *out_event = event;
        out_event->job_id = job_id;
        out_event->sequence = sequence;
    }
    return r;
}

void record_encode_submission(struct buf *out, const struct submission *submission) {
    size_t at = begin(out);

    fields_encode_known(out, &submission_table, submission);
    finish(out, at, RECORD_SUBMISSION, key_of_text(submission->key));
}

int record_decode_submission(const char *key, const void *bytes, size_t count,
                             struct submission *out_submission) {
    struct submission submission = {0};
    int r =
        decode(bytes, count, RECORD_SUBMISSION, key_of_text(key), &submission_table, &submission);

    if (r == OK) {
        *out_submission = submission;
        out_submission->key = key;
    }
    return r;
}

static uint32_t key_of_fact(enum fact_kind kind, const char *key) {
    unsigned char first = (unsigned char)kind;

    return (uint32_t)crc32_z(key_of_bytes(&first, 1), (const unsigned char *)key, strlen(key));
}

void record_encode_fact(struct buf *out, const struct fact *fact) {
    encode(out, RECORD_FACT, key_of_fact(fact->kind, fact->key), fact_fields(fact->kind),
           &fact->value);
}

int record_decode_fact(enum fact_kind kind, const char *key, const void *bytes, size_t count,
                       union fact_value *out_value) {
    const struct field_table *table = fact_fields(kind);

    return table != NULL
               ? decode(bytes, count, RECORD_FACT, key_of_fact(kind, key), table, out_value)
               : ERR_CORRUPT;
}

/* --- What is shared -------------------------------------------------------------------------- */

static const unsigned char shelf_kinds[SHELF_COUNT] = {
    [SHELF_TERMS] = RECORD_TERMS,
    [SHELF_SPECS] = RECORD_SPEC,
    [SHELF_DEMANDS] = RECORD_DEMAND,
};

static const unsigned char users_kinds[SHELF_COUNT] = {
    [SHELF_TERMS] = RECORD_TERMS_USERS,
    [SHELF_SPECS] = RECORD_SPEC_USERS,
    [SHELF_DEMANDS] = RECORD_DEMAND_USERS,
};

void record_encode_content(struct buf *out, enum shelf shelf, uint64_t number, const void *content,
                           size_t bytes) {
    size_t at = begin(out);

    buf_add(out, content, bytes);
    finish(out, at, (enum record_kind)shelf_kinds[shelf], key_of_ids(number, 0));
}

int record_decode_content(enum shelf shelf, uint64_t number, const void *bytes, size_t count,
                          const void **out_content, size_t *out_bytes) {
    const unsigned char *body =
        body_of(bytes, count, (enum record_kind)shelf_kinds[shelf], key_of_ids(number, 0));

    if (body == NULL) {
        return ERR_CORRUPT;
    }
    *out_content = body;
    *out_bytes = count - RECORD_HEAD_BYTES;
    return OK;
}

struct users {
    uint64_t count;
};

static const struct field users_fields[] = {FIELD(1, FIELD_U64, struct users, count)};

TABLE(users, struct users);

void record_encode_users(struct buf *out, enum shelf shelf, uint64_t number, uint64_t users) {
    encode(out, (enum record_kind)users_kinds[shelf], key_of_ids(number, 0), &users_table,
           &(struct users){.count = users});
}

int record_decode_users(enum shelf shelf, uint64_t number, const void *bytes, size_t count,
                        uint64_t *out_users) {
    struct users users = {0};
    int r = decode(bytes, count, (enum record_kind)users_kinds[shelf], key_of_ids(number, 0),
                   &users_table, &users);

    if (r == OK && users.count < 2) {
        r = ERR_CORRUPT;
    }
    if (r == OK) {
        *out_users = users.count;
    }
    return r;
}
