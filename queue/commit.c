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
#include "queue/writer.h"

#define QUEUE_COMMIT_BLOCKS 256 /* with fewer left, a failed write was for want of room */

/* One turn's changes. next_id is the queue's only once it is committed. */
struct commit {
    const struct queue_change *changes;
    size_t count;
    struct queue *queue;
    MDB_txn *txn; /* the queue's */
    uint64_t next_id;
    uint64_t last_id;         /* the highest that was put; 0: none */
    struct shelf_desk *desks; /* the queue's */
    struct buf terms;         /* of the job being put */
    const struct job *like;   /* whose terms were taken last; NULL: none, or some went since */
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
    if (id >= commit->queue->next_id && id > commit->last_id) {
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
    return shelf_take(
        &commit->desks[SHELF_SPECS],
        &(struct shelf_content){.sha256 = spec->hash, .bytes = spec->text, .count = spec->bytes},
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
                      &(struct shelf_content){.bytes = spec->demand, .count = spec->demand_bytes},
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
    commit->last_id = job->id > commit->last_id ? job->id : commit->last_id;
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
    if (submission->first_id + submission->count > commit->next_id) {
        commit->next_id = submission->first_id + submission->count; /* Some are still to come. */
    }
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
    store_forget_moved(queue);
    if (queue->txn != NULL) {
        store_reopen(queue);
    }
    return fail_commit(queue, code, error);
}

/* Work that is done and made durable, on the writer's thread if there is one. */
struct transaction {
    struct queue *queue;
    int (*work)(struct queue *queue, void *context);
    void *context;
    struct error *error;
};

/* Once more with a larger map, else with a file that is opened anew. */
static int run(void *context) {
    const struct transaction *transaction = context;
    struct queue *queue = transaction->queue;
    int r;

    if (queue->txn == NULL || queue->is_torn) {
        store_reopen(queue);
    }
    if (queue->txn == NULL) {
        return error_set(transaction->error, ERR_IO, "the queue's file can't be opened again: %s",
                         queue->why_closed.text);
    }
    do {
        r = transaction->work(queue, transaction->context);
        if (r == 0) {
            r = store_sync(queue);
        }
        if (r != 0) {
            store_forget_moved(queue);
        }
    } while (r == MDB_MAP_FULL && grow_map(queue));
    return r == 0 ? OK : take_back(queue, r, transaction->error);
}

static int run_plain(struct queue *queue, void *context) {
    int (*const *work)(struct queue * queue) = context;

    return (*work)(queue);
}

int store_transact(struct queue *queue, int (*work)(struct queue *queue), struct error *error) {
    struct transaction transaction = {queue, run_plain, &work, error};

    return store_call(queue, run, &transaction);
}

/* Into the transaction, not to disk yet. */
static int put_changes(struct queue *queue, void *context) {
    struct store_pending *pending = context;
    struct commit commit = {.changes = pending->changes,
                            .count = pending->count,
                            .queue = queue,
                            .txn = queue->txn,
                            .next_id = queue->next_id,
                            .desks = queue->desks};
    int r;

    buf_init(&commit.terms, LIMIT_SPEC_BYTES);
    buf_init(&commit.row, LIMIT_RECORD_TEXT_BYTES);
    r = apply_all(&commit);
    if (r != 0) {
        shelf_desks_forget(queue->desks);
    }
    buf_finish(&commit.terms);
    buf_finish(&commit.row);
    pending->next_id = commit.next_id;
    return r;
}

/* What is being committed may be looked for: whether it is there, the tables tell. */
static void note_keys(struct queue *queue, const struct queue_change *changes, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (changes[i].kind == CHANGE_SUBMISSION_PUT) {
            const struct submission *submission = &changes[i].submission;

            key_set_add(&queue->keys, submission->key, strlen(submission->key), submission->at_us);
        } else if (changes[i].kind == CHANGE_SUBMISSIONS_EXPIRE) {
            key_set_expire(&queue->keys, changes[i].before_us);
        }
    }
}

int queue_commit(struct queue *queue, const struct queue_change *changes, size_t count,
                 struct error *error) {
    struct store_pending pending = {.changes = changes, .count = count};
    struct transaction transaction = {queue, put_changes, &pending, error};
    int r;

    note_keys(queue, changes, count);
    r = count == 0 ? OK : store_call(queue, run, &transaction);
    if (r == OK && count > 0) {
        queue->next_id = pending.next_id;
    }
    return r;
}

/* --- In two steps: what the writer does in between ------------------------------------------- */

/* All of it, from a file that may have to be opened first. */
static int commit_away(void *context) {
    struct queue *queue = context;
    struct transaction transaction = {queue, put_changes, &queue->pending, &queue->pending.error};

    return run(&transaction);
}

/* The changes are in the transaction, for which the journal has no room any more. */
static int fold_away(void *context) {
    struct queue *queue = context;
    int r = store_sync(queue);

    if (r == MDB_MAP_FULL) {
        store_forget_moved(queue);
        return commit_away(queue);
    }
    return r == 0 ? OK : take_back(queue, r, &queue->pending.error);
}

/* Meanwhile the transaction is read. */
static int write_journal(void *context) {
    struct queue *queue = context;
    int r = journal_write(queue->journal);

    return r == 0 ? OK : fail_commit(queue, r, &queue->pending.error);
}

/* The changes are put into the transaction; what is left to do? */
static struct writer_job begin_commit(struct queue *queue) {
    struct writer_job job = {.run = commit_away, .context = queue};
    int r = queue->txn != NULL ? put_changes(queue, &queue->pending) : MDB_BAD_TXN;

    if (r == 0) {
        job.run = journal_fits(queue->journal) ? write_journal : fold_away;
    } else {
        store_forget_moved(queue);
        queue->is_torn = true;
    }
    return job;
}

static int end_commit(struct queue *queue, int r, bool was_away, struct error *error) {
    if (r == OK) {
        queue->next_id = queue->pending.next_id;
        return OK;
    }
    if (!was_away) {
        store_forget_moved(queue);
        store_mend(queue);
    }
    *error = queue->pending.error;
    return r;
}

/* All of it by the writer; when the tables have it they can be read again. */
static int commit_by_writer(void *context) {
    struct queue *queue = context;
    struct writer_job job = begin_commit(queue);

    if (job.run == write_journal) {
        writer_share(queue->writer);
    }
    return job.run(queue);
}

static void go_on_away(struct queue *queue, int (*work)(void *context)) {
    queue->is_away = true;
    queue->is_writing = true;
    writer_begin(queue->writer, &(struct writer_job){.run = work, .context = queue});
}

int queue_commit_begin(struct queue *queue, const struct queue_change *changes, size_t count,
                       bool *out_is_writing, struct error *error) {
    *out_is_writing = false;
    if (count == 0 || queue->writer == NULL) {
        return queue_commit(queue, changes, count, error);
    }
    if (!queue_attend(queue)) {
        return error_set(error, ERR_IO, "the queue's file can't be opened again yet");
    }
    note_keys(queue, changes, count);
    queue->pending = (struct store_pending){.changes = changes, .count = count};
    go_on_away(queue, commit_by_writer);
    *out_is_writing = true;
    return OK;
}

int queue_commit_here(struct queue *queue, const struct queue_change *changes, size_t count,
                      bool *out_is_writing, struct error *error) {
    struct writer_job job;

    *out_is_writing = false;
    if (count == 0 || queue->writer == NULL || !queue_attend(queue)) {
        return queue_commit_begin(queue, changes, count, out_is_writing, error);
    }
    note_keys(queue, changes, count);
    queue->pending = (struct store_pending){.changes = changes, .count = count};
    job = begin_commit(queue);
    if (job.run == write_journal) {
        return end_commit(queue, write_journal(queue), false, error);
    }
    go_on_away(queue, job.run);
    *out_is_writing = true;
    return OK;
}

bool queue_commit_is_done(const struct queue *queue, int patience_ms) {
    ENSURE(queue->is_writing);
    return writer_is_done(queue->writer, patience_ms);
}

int queue_commit_end(struct queue *queue, struct error *error) {
    int r = writer_end(queue->writer);
    bool was_away = queue->is_away && !writer_has_shared(queue->writer);

    queue->is_writing = false;
    queue->is_away = false;
    return end_commit(queue, r, was_away, error);
}
