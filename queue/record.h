/* queue/record.h - values to bytes and back.
 *
 * Every record is a byte for its kind, a CRC-32 (little-endian) of its key and its body, and the
 * body: fields by tag (queue/fields.h). What the key says is not repeated in the body; a record
 * found under another key is damaged. Decoders check everything: the bytes come from disk.
 *
 * To store one more thing about a job (an attempt, an event): add it to struct job (...), and a row
 * with the next tag to its table in record.c. Jobs stored before then have the row's absent value.
 */
#ifndef QUEUE_RECORD_H
#define QUEUE_RECORD_H

#include "base/buf.h"
#include "queue/change.h"
#include "queue/fact.h"

void record_encode_job(struct buf *out, const struct job *job);
void record_encode_attempt(struct buf *out, const struct attempt *attempt);
void record_encode_event(struct buf *out, const struct job_event *event);
void record_encode_submission(struct buf *out, const struct submission *submission);
void record_encode_fact(struct buf *out, const struct fact *fact);

/* The first arguments are the key's. Texts in the outputs point into bytes and key. ERR_CORRUPT for
 * anything that no encoder wrote under that key. */
int record_decode_job(uint64_t id, const void *bytes, size_t count, struct job *out_job) MUST_CHECK;
int record_decode_attempt(uint64_t job_id, uint32_t number, const void *bytes, size_t count,
                          struct attempt *out_attempt) MUST_CHECK;
int record_decode_event(uint64_t job_id, uint32_t sequence, const void *bytes, size_t count,
                        struct job_event *out_event) MUST_CHECK;
int record_decode_submission(const char *key, const void *bytes, size_t count,
                             struct submission *out_submission) MUST_CHECK;

/* *out_value is filled as far as it is a struct of that kind. */
int record_decode_fact(enum fact_kind kind, const char *key, const void *bytes, size_t count,
                       union fact_value *out_value) MUST_CHECK;

/* A spec's text, and how many jobs share it: two records, so that one more user does not
 * rewrite the text. */
void record_encode_spec(struct buf *out, const unsigned char hash[SPEC_HASH_BYTES],
                        const void *text, size_t bytes);
int record_decode_spec(const unsigned char hash[SPEC_HASH_BYTES], const void *bytes, size_t count,
                       const char **out_text, size_t *out_bytes) MUST_CHECK;
void record_encode_users(struct buf *out, const unsigned char hash[SPEC_HASH_BYTES],
                         uint32_t users);
int record_decode_users(const unsigned char hash[SPEC_HASH_BYTES], const void *bytes, size_t count,
                        uint32_t *out_users) MUST_CHECK;

/* The fields of a kind, beyond what its key says. */
enum record_of {
    RECORD_OF_JOB,
    RECORD_OF_ATTEMPT,
    RECORD_OF_EVENT,
    RECORD_OF_SUBMISSION,
};
const struct field_table *record_fields(enum record_of of);

#endif
