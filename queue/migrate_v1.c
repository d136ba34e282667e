/* From format 1 to 2: the same tables and keys, every record written anew. */
#include <lmdb.h>
#include <string.h>

#include "base/limits.h"
#include "queue/record.h"
#include "queue/record_v1.h"
#include "queue/store.h"

/* Append to out what the record of format 1 under this key is in format 2. */
typedef int (*convert_fn)(struct buf *out, MDB_val key, MDB_val val);

static int convert_job(struct buf *out, MDB_val key, MDB_val val) {
    unsigned char hash[SPEC_HASH_BYTES];
    struct job job;
    int r = record_v1_decode_job(val.mv_data, val.mv_size, &job, hash);

    if (r == OK && (key.mv_size != 8 || store_key_id(key) != job.id)) {
        r = ERR_CORRUPT;
    }
    if (r == OK) {
        memcpy(job.spec_hash, hash, sizeof hash);
        record_encode_job(out, &job);
    }
    return r;
}

static int convert_attempt(struct buf *out, MDB_val key, MDB_val val) {
    struct attempt attempt;
    int r = record_v1_decode_attempt(val.mv_data, val.mv_size, &attempt);

    if (r == OK && (key.mv_size != 12 || store_key_id(key) != attempt.job_id ||
                    store_key_part(key) != attempt.number)) {
        r = ERR_CORRUPT;
    }
    if (r == OK) {
        record_encode_attempt(out, &attempt);
    }
    return r;
}

static int convert_event(struct buf *out, MDB_val key, MDB_val val) {
    struct job_event event;
    int r = record_v1_decode_event(val.mv_data, val.mv_size, &event);

    if (r == OK && (key.mv_size != 12 || store_key_id(key) != event.job_id ||
                    store_key_part(key) != event.sequence)) {
        r = ERR_CORRUPT;
    }
    if (r == OK) {
        record_encode_event(out, &event);
    }
    return r;
}

static int convert_spec(struct buf *out, MDB_val key, MDB_val val) {
    const char *text;
    size_t bytes;
    int r = record_v1_decode_spec(val.mv_data, val.mv_size, &text, &bytes);

    if (r == OK && key.mv_size != SPEC_HASH_BYTES) {
        r = ERR_CORRUPT;
    }
    if (r == OK) {
        record_encode_spec(out, key.mv_data, text, bytes);
    }
    return r;
}

static int convert_users(struct buf *out, MDB_val key, MDB_val val) {
    uint32_t users;
    int r = record_v1_decode_users(val.mv_data, val.mv_size, &users);

    if (r == OK && key.mv_size != SPEC_HASH_BYTES) {
        r = ERR_CORRUPT;
    }
    if (r == OK) {
        record_encode_users(out, key.mv_data, users);
    }
    return r;
}

static int convert_submission(struct buf *out, MDB_val key, MDB_val val) {
    char text[LIMIT_IDEMPOTENCY_KEY_BYTES + 1];
    struct submission submission;
    int r = record_v1_decode_submission(val.mv_data, val.mv_size, &submission);

    if (r < 0 || key.mv_size >= sizeof text) {
        return ERR_CORRUPT;
    }
    memcpy(text, key.mv_data, key.mv_size);
    text[key.mv_size] = '\0';
    submission.key = text;
    record_encode_submission(out, &submission);
    return OK;
}

static const struct {
    enum store_table table;
    convert_fn convert;
} conversions[] = {
    {TABLE_JOBS, convert_job},     {TABLE_ATTEMPTS, convert_attempt},
    {TABLE_EVENTS, convert_event}, {TABLE_SPECS, convert_spec},
    {TABLE_USERS, convert_users},  {TABLE_SUBMISSIONS, convert_submission},
};

/* A damaged record stays as it is: it is as damaged in format 2, and found there. The key is
 * copied: it points into the page that the put changes. */
static int convert_table(struct queue *queue, MDB_txn *txn, size_t which) {
    enum store_table table = conversions[which].table;
    struct buf *scratch = &queue->scratch;
    struct store_key copy;
    MDB_cursor *cursor;
    MDB_val key;
    MDB_val val;
    int r = mdb_cursor_open(txn, queue->tables[table], &cursor);

    if (r != 0) {
        return r;
    }
    while ((r = mdb_cursor_get(cursor, &key, &val, MDB_NEXT)) == 0) {
        buf_clear(scratch);
        if (key.mv_size > sizeof copy.bytes ||
            conversions[which].convert(scratch, key, val) != OK) {
            continue;
        }
        memcpy(copy.bytes, key.mv_data, key.mv_size);
        key.mv_data = copy.bytes;
        val = store_val(scratch->data, scratch->bytes);
        r = mdb_cursor_put(cursor, &key, &val, MDB_CURRENT);
        if (r != 0) {
            break;
        }
    }
    mdb_cursor_close(cursor);
    return r == MDB_NOTFOUND ? 0 : r;
}

int migrate_v1(struct queue *queue, MDB_txn *txn) {
    int r = 0;

    for (size_t i = 0; i < ARRAY_LEN(conversions) && r == 0; i++) {
        r = convert_table(queue, txn, i);
    }
    return r;
}
