/* What export reads and import writes beyond what the daemon needs. */
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/memory.h"
#include "queue/record.h"
#include "queue/shelf.h"
#include "queue/store.h"

static int each_record(struct queue *queue, enum store_table table,
                       int (*visit)(void *context, MDB_val key, MDB_val val), void *context) {
    MDB_txn *txn = NULL;
    MDB_cursor *cursor = NULL;
    MDB_val key;
    MDB_val val;
    int r = store_begin_read(queue, &txn);

    if (r < 0) {
        return r;
    }
    r = store_err(mdb_cursor_open(txn, queue->tables[table], &cursor));
    while (r == OK && (r = store_err(mdb_cursor_get(cursor, &key, &val, MDB_NEXT))) == OK) {
        r = visit(context, key, val);
    }
    mdb_cursor_close(cursor);
    return r == ERR_NOT_FOUND ? OK : r;
}

struct spec_visit {
    struct queue *queue;
    int (*visit)(void *context, uint64_t number, const char *text, size_t bytes);
    void *context;
};

static int visit_spec(void *context, MDB_val key, MDB_val val) {
    struct spec_visit *visit = context;
    uint64_t number = store_key_id(key);
    struct buf text;
    int r = OK;

    (void)val;
    buf_init(&text, LIMIT_SPEC_BYTES);
    if (shelf_read(visit->queue, SHELF_SPECS, number, &text) == 0) {
        r = visit->visit(visit->context, number, buf_text(&text), text.bytes);
    } /* Else queue_verify_all() tells of it. */
    buf_finish(&text);
    return r;
}

int queue_each_spec(struct queue *queue,
                    int (*visit)(void *context, uint64_t number, const char *text, size_t bytes),
                    void *context) {
    struct spec_visit both = {.queue = queue, .visit = visit, .context = context};

    return each_record(queue, TABLE_SPECS, visit_spec, &both);
}

struct submission_visit {
    int (*visit)(void *context, const struct submission *submission);
    void *context;
};

static int visit_submission(void *context, MDB_val key, MDB_val val) {
    struct submission_visit *visit = context;
    char *text = mem_format("%.*s", (int)key.mv_size, (const char *)key.mv_data);
    struct submission submission;
    int r = OK;

    if (record_decode_submission(text, val.mv_data, val.mv_size, &submission) == OK) {
        r = visit->visit(visit->context, &submission);
    }
    free(text);
    return r;
}

int queue_each_submission(struct queue *queue,
                          int (*visit)(void *context, const struct submission *submission),
                          void *context) {
    struct submission_visit both = {.visit = visit, .context = context};

    return each_record(queue, TABLE_SUBMISSIONS, visit_submission, &both);
}

static int put_identity(struct queue *queue) {
    int r = store_put_meta(queue, "uid", queue->uid);

    return r == 0 ? format_put_next_id(queue, queue->next_id) : r;
}

int queue_adopt(struct queue *queue, const char *uid, uint64_t next_id, struct error *error) {
    if (uid != NULL) {
        (void)snprintf(queue->uid, sizeof queue->uid, "%s", uid);
    }
    if (next_id > queue->next_id) {
        queue->next_id = next_id;
    }
    return store_transact(queue, put_identity, error);
}
