/* queue/record.h - values to bytes and back.
 *
 * Every record is a byte for its kind, a CRC-32 (little-endian) of its key and its body, and the
 * body: fields by tag (queue/fields.h). What the key says is not repeated in the body; a record
 * found under another key is damaged. Decoders check everything: the bytes come from disk.
 *
 * To store one more thing about a job: add it to struct job, and a row with the next tag to a table
 * in record.c: terms_fields if it comes from the submission and never changes (it is then stored
 * once for all jobs that have the same), else job_fields. Attempts and events have tables of their
 * own. What was stored before then has the row's absent value.
 */
#ifndef QUEUE_RECORD_H
#define QUEUE_RECORD_H

#include "base/buf.h"
#include "queue/change.h"
#include "queue/fact.h"

/* What jobs share is stored once, under a number, on one of these. */
enum shelf {
    SHELF_TERMS,
    SHELF_SPECS,
    SHELF_DEMANDS,
    SHELF_COUNT,
};

/* A job's own record: its terms are elsewhere. */
struct stored_job {
    struct job job;
    uint64_t terms; /* numbers on the shelves, from 1 */
    uint64_t spec;
    uint64_t demand; /* 0: none */
    const char *row; /* "" or NULL: none */
};

void record_encode_job(struct buf *out, const struct stored_job *job);
void record_encode_attempt(struct buf *out, const struct attempt *attempt);
void record_encode_event(struct buf *out, const struct job_event *event);
void record_encode_submission(struct buf *out, const struct submission *submission);
void record_encode_fact(struct buf *out, const struct fact *fact);

/* The first arguments are the key's. Texts in the outputs point into bytes and key. ERR_CORRUPT for
 * anything that no encoder wrote under that key. */
int record_decode_job(uint64_t id, const void *bytes, size_t count,
                      struct stored_job *out_job) MUST_CHECK;
int record_decode_attempt(uint64_t job_id, uint32_t number, const void *bytes, size_t count,
                          struct attempt *out_attempt) MUST_CHECK;
int record_decode_event(uint64_t job_id, uint32_t sequence, const void *bytes, size_t count,
                        struct job_event *out_event) MUST_CHECK;
int record_decode_submission(const char *key, const void *bytes, size_t count,
                             struct submission *out_submission) MUST_CHECK;

/* *out_value is filled as far as it is a struct of that kind. */
int record_decode_fact(enum fact_kind kind, const char *key, const void *bytes, size_t count,
                       union fact_value *out_value) MUST_CHECK;

/* A job's terms as content of their shelf; decoded, they are put into the job. */
void record_encode_terms(struct buf *out, const struct job *job);
bool record_same_terms(const struct job *a, const struct job *b); /* as fields_same() has it */
int record_decode_terms(const void *bytes, size_t count, struct job *job) MUST_CHECK;

/* Something on a shelf, and how many jobs share it, if it is more than one: two records, so that
 * one more user does not rewrite the content. */
void record_encode_content(struct buf *out, enum shelf shelf, uint64_t number, const void *content,
                           size_t bytes);
int record_decode_content(enum shelf shelf, uint64_t number, const void *bytes, size_t count,
                          const void **out_content, size_t *out_bytes) MUST_CHECK;
void record_encode_users(struct buf *out, enum shelf shelf, uint64_t number, uint64_t users);
int record_decode_users(enum shelf shelf, uint64_t number, const void *bytes, size_t count,
                        uint64_t *out_users) MUST_CHECK;

/* The fields of a kind, beyond what its key says. */
enum record_of {
    RECORD_OF_JOB,
    RECORD_OF_ATTEMPT,
    RECORD_OF_EVENT,
    RECORD_OF_SUBMISSION,
};
const struct field_table *record_fields(enum record_of of);

#endif
