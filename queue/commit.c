#include <errno.h>
#include <lmdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#include "base/ensure.h"
#include "base/limits.h"
#include "queue/journal.h"
#include "queue/record.h"
#include "queue/shelf.h"
#include "queue/store.h"

#define QUEUE_COMMIT_BLOCKS 256 /* with fewer left, a failed write was for want of room */

/* One turn's changes. next_id is the queue's only once it is committed. */
struct commit {
    const struct queue_change *changes;
    size_t count;
    struct queue *queue;
    MDB_txn *txn; /* the queue's */
    uint64_t next_id;
    struct shelf_desk desks[SHELF_COUNT];
    struct buf terms;       /* of the job being put */
    const struct job *like; /* whose terms were taken last; NULL: none, or some went since */
    struct buf row;
};

static int put_scratch(struct commit *commit, enum store_table table, MDB_val key) {
    struct buf *scratch = &commit->queue->scratch;

    return store_put(commit->queue, table, key, store_val(scratch->data, scratch->bytes));
}

/* A job's record as it is, all zero if there is none. A damaged one goes to the quarantine: what it
 * shared nobody knows. */
static int take_stored(struct commit *commit, uint64_t id, struct stored_job *out_job) {
    struct store_key room;
    MDB_val key = store_id_key(&room, id);
    MDB_val val;
    int r;

    *out_job = (struct stored_job){0};
    if (id >= commit->next_id) {
        return 0; /* One that was never given. */
    }
    r = mdb_get(commit->txn, commit->queue->tables[TABLE_JOBS], &key, &val);
    if (r == 0 && record_decode_job(id, val.mv_data, val.mv_size, out_job) != OK) {
        r = store_quarantine(commit->queue, TABLE_JOBS, key);
    }
    return r == MDB_NOTFOUND ? 0 : r;
}

static int take_terms(struct commit *commit, const struct job *job,
                      const struct shelf_content *content, uint64_t *out_number) {
    int r = shelf_take(&commit->desks[SHELF_TERMS], content, out_number);

    commit->like = r == 0 ? job : NULL;
    return r;
}

/* Terms hardly ever change: those that the job has are looked at before any others, and those of a
 * new job are mostly the ones of the job before it. stored is to be the job. */
static int share_terms(struct commit *commit, const struct job *job, struct stored_job *stored) {
    struct shelf_desk *desk = &commit->desks[SHELF_TERMS];
    struct shelf_content content;
    const void *known;
    size_t known_bytes;
    int r = 0;

    if (stored->terms == 0 && commit->like != NULL && record_same_terms(commit->like, job)) {
        stored->terms = shelf_take_again(desk);
        return 0;
    }
    buf_clear(&commit->terms);
    record_encode_terms(&commit->terms, &stored->job);
    ENSURE(!commit->terms.full);
    content = (struct shelf_content){
        .hash = shelf_hash(commit->terms.data, commit->terms.bytes),
        .bytes = commit->terms.data,
        .count = commit->terms.bytes,
    };
    if (stored->terms == 0) {
        return take_terms(commit, job, &content, &stored->terms);
    }
    r = shelf_look(commit->queue, SHELF_TERMS, stored->terms, &known, &known_bytes);
    if (r == 0 && known_bytes == content.count && memcmp(known, content.bytes, known_bytes) == 0) {
        return 0;
    }
    commit->like = NULL;
    if (r == MDB_NOTFOUND || r == MDB_CORRUPTED) {
        return shelf_restore(desk, stored->terms, &content);
    }
    r = r == 0 ? shelf_drop(desk, stored->terms) : r;
    return r == 0 ? take_terms(commit, job, &content, &stored->terms) : r;
}

/* And its row, whose bytes are the store's until the next thing is put there. */
static void keep_row(struct commit *commit, const struct spec *spec, struct stored_job *stored) {
    const char *row = stored->row;

    if (spec != NULL && spec->row != NULL) {
        row = spec->row;
    }
    buf_clear(&commit->row);
    buf_add_text(&commit->row, row != NULL ? row : "");
    stored->row = buf_text(&commit->row);
}

/* A job keeps its spec for ever. */
static int share_spec(struct commit *commit, const struct spec *spec, struct stored_job *stored) {
    if (spec->text == NULL || stored->spec != 0) {
        return 0;
    }
    return shelf_take(&commit->desks[SHELF_SPECS],
                      &(struct shelf_content){.hash = shelf_hash_of_spec(spec->hash),
                                              .bytes = spec->text,
                                              .count = spec->bytes},
                      &stored->spec);
}

static int share_demand(struct commit *commit, const struct spec *spec, struct stored_job *stored) {
    struct shelf_desk *desk = &commit->desks[SHELF_DEMANDS];
    int r = stored->demand != 0 ? shelf_drop(desk, stored->demand) : 0;

    stored->demand = 0;
    if (r != 0 || spec->demand_bytes == 0) {
        return r;
    }
    return shelf_take(desk,
                      &(struct shelf_content){.hash = shelf_hash(spec->demand, spec->demand_bytes),
                                              .bytes = spec->demand,
                                              .count = spec->demand_bytes},
                      &stored->demand);
}

static int apply_job_put(struct commit *commit, const struct queue_change *change) {
    const struct job *job = &change->job;
    struct stored_job stored;
    struct store_key key;
    int r = take_stored(commit, job->id, &stored);

    if (r != 0) {
        return r;
    }
    stored.job = *job;
    keep_row(commit, change->spec, &stored);
    r = share_terms(commit, job, &stored);
    if (r == 0 && change->spec != NULL) {
        r = share_spec(commit, change->spec, &stored);
    }
    if (r == 0 && change->spec != NULL) {
        r = share_demand(commit, change->spec, &stored);
    }
    if (r != 0) {
        return r;
    }
    if (job->id >= commit->next_id) {
        commit->next_id = job->id + 1;
    }
    buf_clear(&commit->queue->scratch);
    record_encode_job(&commit->queue->scratch, &stored);
    return put_scratch(commit, TABLE_JOBS, store_id_key(&key, job->id));
}

/* Delete all records of a table whose key begins with the job's id. */
static int drop_parts(struct commit *commit, enum store_table table, uint64_t job_id) {
    MDB_cursor *cursor;
    struct store_key key;
    MDB_val at = store_part_key(&key, job_id, 0);
    MDB_val val;
    int r = mdb_cursor_open(commit->txn, commit->queue->tables[table], &cursor);

    if (r != 0) {
        return r;
    }
    r = mdb_cursor_get(cursor, &at, &val, MDB_SET_RANGE);
    while (r == 0 && at.mv_size == 12 && store_key_id(at) == job_id) {
        r = store_cursor_del(commit->queue, table, cursor);
        if (r == 0) {
            r = mdb_cursor_get(cursor, &at, &val, MDB_NEXT);
        }
    }
    mdb_cursor_close(cursor);
    return r == MDB_NOTFOUND ? 0 : r;
}

/* Its shares first: a count that is damaged is counted anew from the records of jobs. */
static int drop_shares(struct commit *commit, const struct stored_job *stored) {
    const uint64_t numbers[SHELF_COUNT] = {
        [SHELF_TERMS] = stored->terms,
        [SHELF_SPECS] = stored->spec,
        [SHELF_DEMANDS] = stored->demand,
    };
    int r = 0;

    commit->like = NULL;
    for (size_t i = 0; i < SHELF_COUNT && r == 0; i++) {
        r = numbers[i] != 0 ? shelf_drop(&commit->desks[i], numbers[i]) : 0;
    }
    return r;
}

static int apply_history_drop(struct commit *commit, const struct queue_change *change) {
    int r = drop_parts(commit, TABLE_ATTEMPTS, change->job_id);

    return r == 0 ? drop_parts(commit, TABLE_EVENTS, change->job_id) : r;
}

static int apply_job_drop(struct commit *commit, const struct queue_change *change) {
    struct stored_job stored;
    struct store_key key;
    int r = take_stored(commit, change->job_id, &stored);

    if (r == 0) {
        r = drop_shares(commit, &stored);
    }
    if (r == 0) {
        r = store_del(commit->queue, TABLE_JOBS, store_id_key(&key, change->job_id));
    }
    return r == 0 || r == MDB_NOTFOUND ? apply_history_drop(commit, change) : r;
}

static int apply_attempt_put(struct commit *commit, const struct queue_change *change) {
    struct store_key key;

    buf_clear(&commit->queue->scratch);
    record_encode_attempt(&commit->queue->scratch, &change->attempt);
    return put_scratch(commit, TABLE_ATTEMPTS,
                       store_part_key(&key, change->attempt.job_id, change->attempt.number));
}

static int apply_event_add(struct commit *commit, const struct queue_change *change) {
    struct store_key key;

    if (change->event.is_implied) {
        ENSURE(change->event.sequence == 0);
        return 0;
    }
    buf_clear(&commit->queue->scratch);
    record_encode_event(&commit->queue->scratch, &change->event);
    return put_scratch(commit, TABLE_EVENTS,
                       store_part_key(&key, change->event.job_id, change->event.sequence));
}

static int apply_submission_put(struct commit *commit, const struct queue_change *change) {
    const struct submission *submission = &change->submission;

    ENSURE(strlen(submission->key) <= LIMIT_IDEMPOTENCY_KEY_BYTES);
    buf_clear(&commit->queue->scratch);
    record_encode_submission(&commit->queue->scratch, submission);
    return put_scratch(commit, TABLE_SUBMISSIONS,
                       store_val(submission->key, strlen(submission->key)));
}

static int apply_submissions_expire(struct commit *commit, const struct queue_change *change) {
    MDB_cursor *cursor;
    MDB_val key;
    MDB_val val;
    struct submission submission;
    char text[STORE_KEY_BYTES];
    int r = mdb_cursor_open(commit->txn, commit->queue->tables[TABLE_SUBMISSIONS], &cursor);

    if (r != 0) {
        return r;
    }
    while ((r = mdb_cursor_get(cursor, &key, &val, MDB_NEXT)) == 0) {
        (void)snprintf(text, sizeof text, "%.*s", (int)key.mv_size, (const char *)key.mv_data);
        if (record_decode_submission(text, val.mv_data, val.mv_size, &submission) == OK &&
            submission.at_us < change->before_us) {
            r = store_cursor_del(commit->queue, TABLE_SUBMISSIONS, cursor);
            if (r != 0) {
                break;
            }
        }
    }
    mdb_cursor_close(cursor);
    return r == MDB_NOTFOUND ? 0 : r;
}

static int apply_fact_put(struct commit *commit, const struct queue_change *change) {
    const struct fact *fact = &change->fact;
    struct store_key key;

    buf_clear(&commit->queue->scratch);
    record_encode_fact(&commit->queue->scratch, fact);
    return put_scratch(commit, TABLE_FACTS, store_fact_key(&key, fact->kind, fact->key));
}

static int apply_fact_drop(struct commit *commit, const struct queue_change *change) {
    struct store_key room;
    MDB_val key = store_fact_key(&room, change->fact.kind, change->fact.key);
    int r = store_del(commit->queue, TABLE_FACTS, key);

    return r == MDB_NOTFOUND ? 0 : r;
}

static int (*const appliers[])(struct commit *commit, const struct queue_change *change) = {
    [CHANGE_JOB_PUT] = apply_job_put,
    [CHANGE_JOB_DROP] = apply_job_drop,
    [CHANGE_HISTORY_DROP] = apply_history_drop,
    [CHANGE_ATTEMPT_PUT] = apply_attempt_put,
    [CHANGE_EVENT_ADD] = apply_event_add,
    [CHANGE_SUBMISSION_PUT] = apply_submission_put,
    [CHANGE_SUBMISSIONS_EXPIRE] = apply_submissions_expire,
    [CHANGE_FACT_PUT] = apply_fact_put,
    [CHANGE_FACT_DROP] = apply_fact_drop,
};

static int apply_all(struct commit *commit) {
    int r = 0;

    for (size_t i = 0; i < commit->count && r == 0; i++) {
        const struct queue_change *change = &commit->changes[i];

        ENSURE(change->kind < ARRAY_LEN(appliers));
        r = appliers[change->kind](commit, change);
    }
    for (size_t i = 0; i < SHELF_COUNT && r == 0; i++) {
        r = shelf_flush(&commit->desks[i]);
    }
    if (r == 0 && commit->next_id != commit->queue->next_id) {
        r = format_put_next_id(commit->queue, commit->next_id);
    }
    return r;
}

/* A map grows while no transaction is open; what the journal has is then played again. */
static bool grow_map(struct queue *queue) {
    if (queue->map_bytes >= LIMIT_QUEUE_MAP_BYTES_LAST) {
        return false;
    }
    queue->map_bytes *= 2;
    store_reopen(queue);
    if (queue->txn == NULL) {
        queue->map_bytes /= 2;
    }
    return queue->txn != NULL;
}

int queue_check_room(const struct queue *queue, struct error *error) {
    struct statvfs disk;
    uint64_t free_bytes;

    if (statvfs(queue->folder, &disk) != 0) {
        return OK; /* The commit will tell. */
    }
    free_bytes = (uint64_t)disk.f_bavail * disk.f_frsize;
    if ((disk.f_flag & ST_RDONLY) != 0) {
        return error_set(error, ERR_IO, "the file system of %s is read-only", queue->folder);
    }
    if (free_bytes >= LIMIT_QUEUE_ROOM_BYTES) {
        return OK;
    }
    return error_set(error, ERR_IO,
                     "no room on the disk of %s: %llu KiB are free, %llu KiB are kept for the jobs "
                     "there are",
                     queue->folder, (unsigned long long)(free_bytes / LIMIT_KIB),
                     (unsigned long long)(LIMIT_QUEUE_ROOM_BYTES / LIMIT_KIB));
}

/* LMDB tells of a short write as an input/output error: say it when the disk is full. */
static int fail_commit(const struct queue *queue, int code, struct error *error) {
    struct statvfs disk;

    if ((code == EIO || code == ENOSPC) && statvfs(queue->folder, &disk) == 0 &&
        disk.f_bavail < QUEUE_COMMIT_BLOCKS) {
        return error_set(error, ERR_IO, "can't write the queue's file: no room on the disk of %s",
                         queue->folder);
    }
    return store_fail(error, code, "can't write the queue's file");
}

/* The file as it was before what failed. */
static int take_back(struct queue *queue, int code, struct error *error) {
    if (queue->txn != NULL) {
        store_reopen(queue);
    }
    return fail_commit(queue, code, error);
}

struct transaction {
    int (*work)(struct queue *queue, void *context);
    void *context;
    int (*sync)(struct queue *queue);
};

/* Do it and make it durable: once more with a larger map, else with a file that is opened anew. */
static int run(struct queue *queue, const struct transaction *transaction, struct error *error) {
    int r;

    ENSURE(!queue->is_writing);
    if (queue->txn == NULL) {
        store_reopen(queue);
    }
    if (queue->txn == NULL) {
        return error_set(error, ERR_IO, "the queue's file can't be opened again: %s",
                         queue->why_closed.text);
    }
    do {
        r = transaction->work(queue, transaction->context);
        if (r == 0) {
            r = transaction->sync(queue);
        }
        if (r != 0) {
            store_forget_moved(queue);
        }
    } while (r == MDB_MAP_FULL && grow_map(queue));
    return r == 0 ? OK : take_back(queue, r, error);
}

static int run_plain(struct queue *queue, void *context) {
    int (*const *work)(struct queue * queue) = context;

    return (*work)(queue);
}

int store_transact(struct queue *queue, int (*work)(struct queue *queue), struct error *error) {
    return run(queue, &(struct transaction){run_plain, &work, store_sync}, error);
}

static int run_commit(struct queue *queue, void *context) {
    struct commit *commit = context;
    int r;

    commit->queue = queue;
    commit->txn = queue->txn;
    commit->next_id = queue->next_id;
    commit->like = NULL;
    buf_init(&commit->terms, LIMIT_SPEC_BYTES);
    buf_init(&commit->row, LIMIT_RECORD_TEXT_BYTES);
    for (size_t i = 0; i < SHELF_COUNT; i++) {
        shelf_desk_init(&commit->desks[i], queue, (enum shelf)i);
    }
    r = apply_all(commit);
    for (size_t i = 0; i < SHELF_COUNT; i++) {
        shelf_desk_finish(&commit->desks[i]);
    }
    buf_finish(&commit->terms);
    buf_finish(&commit->row);
    return r;
}

static int commit_changes(struct queue *queue, const struct queue_change *changes, size_t count,
                          int (*sync)(struct queue *queue), struct error *error) {
    struct commit commit = {.changes = changes, .count = count};
    int r;

    if (count == 0) {
        return OK;
    }
    r = run(queue, &(struct transaction){run_commit, &commit, sync}, error);
    if (r == OK && queue->is_writing) {
        queue->next_id_then = commit.next_id;
    } else if (r == OK) {
        queue->next_id = commit.next_id;
    }
    return r;
}

int queue_commit(struct queue *queue, const struct queue_change *changes, size_t count,
                 struct error *error) {
    return commit_changes(queue, changes, count, store_sync, error);
}

int queue_start_writer(struct queue *queue, int *out_fd, struct error *error) {
    int r = journal_start_writer(queue->journal, out_fd);

    return r == OK ? OK : error_set(error, r, "the system has no thread for the queue's writes");
}

int queue_commit_begin(struct queue *queue, const struct queue_change *changes, size_t count,
                       bool *out_is_writing, struct error *error) {
    int r = commit_changes(queue, changes, count, store_begin_sync, error);

    *out_is_writing = queue->is_writing;
    return r;
}

int queue_commit_end(struct queue *queue, struct error *error) {
    int r = store_end_sync(queue);

    if (r != 0) {
        store_forget_moved(queue);
        return take_back(queue, r, error);
    }
    queue->next_id = queue->next_id_then;
    return OK;
}
