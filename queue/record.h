/* queue/record.h - values to bytes and back.
 *
 * Every record begins with a kind, a version and a CRC-32 of what follows. Numbers
 * are little-endian; a text is its length in 16 bits, its bytes and a NUL, so that a
 * decoded text can be read in place. Decoders check everything: the bytes come from disk.
 */
#ifndef QUEUE_RECORD_H
#define QUEUE_RECORD_H

#include "base/buf.h"
#include "queue/change.h"

void record_encode_job(struct buf *out, const struct job *job);
void record_encode_attempt(struct buf *out, const struct attempt *attempt);
void record_encode_event(struct buf *out, const struct job_event *event);
void record_encode_submission(struct buf *out, const struct submission *submission);

/* Texts in the outputs point into bytes. ERR_CORRUPT for anything that no encoder wrote. */
int record_decode_job(const void *bytes, size_t count, struct job *out_job) MUST_CHECK;
int record_decode_attempt(const void *bytes, size_t count, struct attempt *out_attempt) MUST_CHECK;
int record_decode_event(const void *bytes, size_t count, struct job_event *out_event) MUST_CHECK;
int record_decode_submission(const void *bytes, size_t count,
                             struct submission *out_submission) MUST_CHECK;

/* A spec's text, and how many jobs share it: two records, so that one more user does not
 * rewrite the text. */
void record_encode_spec(struct buf *out, const void *text, size_t bytes);
int record_decode_spec(const void *bytes, size_t count, const char **out_text,
                       size_t *out_bytes) MUST_CHECK;
void record_encode_users(struct buf *out, uint32_t users);
int record_decode_users(const void *bytes, size_t count, uint32_t *out_users) MUST_CHECK;

#endif
