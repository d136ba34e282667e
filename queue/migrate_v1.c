/* From format 1 to 2: every record is written anew, under the same key. What jobs share was a table
 * of texts by hash, and one of how many use each; now it is on shelves. */
#include <lmdb.h>
#include <string.h>

#include "base/limits.h"
#include "queue/record.h"
#include "queue/record_v1.h"
#include "queue/shelf.h"
#include "queue/store.h"

/* Append to out what the record of format 1 under this key is in format 2. */
typedef int (*convert_fn)(struct buf *out, MDB_val key, MDB_val val);

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
    {TABLE_ATTEMPTS, convert_attempt},
    {TABLE_EVENTS, convert_event},
    {TABLE_SUBMISSIONS, convert_submission},
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

/* --- Jobs ------------------------------------------------------------------------------------ */

struct jobs_v1 {
    struct queue *queue;
    MDB_txn *txn;
    MDB_dbi specs; /* text by SHA-256 */
    MDB_dbi users;
    struct shelf_desk terms;
    struct shelf_desk texts;
    struct buf content;
    bool damage; /* what nothing refers to any more may belong to a damaged job */
};

/* Put what the job shares on the shelves. MDB_CORRUPTED: its spec is not there, or damaged. */
static int share_v1(struct jobs_v1 *jobs, const unsigned char *hash, struct stored_job *stored) {
    MDB_val key = store_val(hash, SPEC_HASH_BYTES);
    struct shelf_content content = {.sha256 = hash};
    const char *text;
    MDB_val val;
    int r = mdb_get(jobs->txn, jobs->specs, &key, &val);

    if (r != 0 || record_v1_decode_spec(val.mv_data, val.mv_size, &text, &content.count) != OK) {
        return r == 0 || r == MDB_NOTFOUND ? MDB_CORRUPTED : r;
    }
    content.bytes = text;
    r = shelf_take(&jobs->texts, &content, &stored->spec);
    if (r != 0) {
        return r;
    }
    buf_clear(&jobs->content);
    record_encode_terms(&jobs->content, &stored->job);
    content = (struct shelf_content){
        .bytes = jobs->content.data,
        .count = jobs->content.bytes,
    };
    return shelf_take(&jobs->terms, &content, &stored->terms);
}

static int convert_job(struct jobs_v1 *jobs, MDB_cursor *cursor, MDB_val key, MDB_val val) {
    struct buf *scratch = &jobs->queue->scratch;
    unsigned char hash[SPEC_HASH_BYTES];
    struct stored_job stored = {0};
    struct store_key copy;
    int r;

    if (record_v1_decode_job(val.mv_data, val.mv_size, &stored.job, hash) != OK ||
        key.mv_size != 8 || store_key_id(key) != stored.job.id) {
        jobs->damage = true;
        return 0;
    }
    r = share_v1(jobs, hash, &stored);
    if (r == MDB_CORRUPTED) {
        jobs->damage = true;
        return 0;
    }
    if (r != 0) {
        return r;
    }
    buf_clear(scratch);
    record_encode_job(scratch, &stored);
    key = store_id_key(&copy, stored.job.id);
    val = store_val(scratch->data, scratch->bytes);
    return mdb_cursor_put(cursor, &key, &val, MDB_CURRENT);
}

static int convert_jobs(struct jobs_v1 *jobs) {
    MDB_cursor *cursor;
    MDB_val key;
    MDB_val val;
    int r = mdb_cursor_open(jobs->txn, jobs->queue->tables[TABLE_JOBS], &cursor);

    if (r != 0) {
        return r;
    }
    while ((r = mdb_cursor_get(cursor, &key, &val, MDB_NEXT)) == 0) {
        r = convert_job(jobs, cursor, key, val);
        if (r != 0) {
            break;
        }
    }
    mdb_cursor_close(cursor);
    if (r != MDB_NOTFOUND) {
        return r;
    }
    r = shelf_flush(&jobs->terms);
    return r == 0 ? shelf_flush(&jobs->texts) : r;
}

static int migrate_jobs(struct queue *queue, MDB_txn *txn) {
    struct jobs_v1 jobs = {.queue = queue, .txn = txn};
    int r = mdb_dbi_open(txn, "specs", MDB_CREATE, &jobs.specs);

    if (r == 0) {
        r = mdb_dbi_open(txn, "users", MDB_CREATE, &jobs.users);
    }
    if (r != 0) {
        return r;
    }
    shelf_desk_init(&jobs.terms, queue, SHELF_TERMS);
    shelf_desk_init(&jobs.texts, queue, SHELF_SPECS);
    buf_init(&jobs.content, LIMIT_SPEC_BYTES);
    queue->is_past_journal = true;
    r = convert_jobs(&jobs);
    queue->is_past_journal = false;
    shelf_desk_finish(&jobs.terms);
    shelf_desk_finish(&jobs.texts);
    buf_finish(&jobs.content);
    if (r == 0) {
        r = mdb_drop(txn, jobs.users, 1);
    }
    return r == 0 && !jobs.damage ? mdb_drop(txn, jobs.specs, 1) : r;
}

int migrate_v1(struct queue *queue, MDB_txn *txn) {
    int r = migrate_jobs(queue, txn);

    for (size_t i = 0; i < ARRAY_LEN(conversions) && r == 0; i++) {
        r = convert_table(queue, txn, i);
    }
    return r;
}
