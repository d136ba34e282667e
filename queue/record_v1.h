/* queue/record_v1.h - reads what queues of format 1 hold, for their migration.
 *
 * Each record begins with a kind and a version of 16 bits and a CRC-32 of what follows. Numbers
 * have a fixed size; a text is its length in 16 bits, its bytes and a NUL. Nothing writes it any
 * more.
 */
#ifndef QUEUE_RECORD_V1_H
#define QUEUE_RECORD_V1_H

#include "base/error.h"
#include "queue/change.h"

/* Texts in the outputs point into bytes. ERR_CORRUPT for anything that no encoder wrote. */
int record_v1_decode_job(const void *bytes, size_t count, struct job *out_job,
                         unsigned char out_spec_hash[SPEC_HASH_BYTES]) MUST_CHECK;
int record_v1_decode_attempt(const void *bytes, size_t count,
                             struct attempt *out_attempt) MUST_CHECK;
int record_v1_decode_event(const void *bytes, size_t count, struct job_event *out_event) MUST_CHECK;
int record_v1_decode_submission(const void *bytes, size_t count,
                                struct submission *out_submission) MUST_CHECK;
int record_v1_decode_spec(const void *bytes, size_t count, const char **out_text,
                          size_t *out_bytes) MUST_CHECK;

#endif
