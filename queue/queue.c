#include "queue/queue.h"

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/ensure.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/rng.h"
#include "queue/record.h"

#define QUEUE_FORMAT        "nightshift-queue-1"
#define QUEUE_COMMIT_BLOCKS 256 /* with fewer left, a failed write was for want of room */

enum table {
    TABLE_META,
    TABLE_JOBS,        /* id, big-endian */
    TABLE_ATTEMPTS,    /* job id and number, big-endian */
    TABLE_EVENTS,      /* job id and sequence, big-endian */
    TABLE_SPECS,       /* SHA-256 of the text */
    TABLE_USERS,       /* the same key: how many jobs share the spec */
    TABLE_SUBMISSIONS, /* idempotency key */
    TABLE_COUNT,
};

static const char *const table_names[TABLE_COUNT] = {
    "meta", "jobs", "attempts", "events", "specs", "users", "submissions",
};

struct queue {
    char *folder;
    int lock_fd;
    MDB_env *env;
    MDB_dbi tables[TABLE_COUNT];
    size_t map_bytes;
    char uid[QUEUE_UID_BYTES];
    uint64_t next_id;
    struct buf scratch; /* the record being encoded */
};

static int err_from_lmdb(int code) {
    switch (code) {
    case 0:
        return OK;
    case MDB_NOTFOUND:
        return ERR_NOT_FOUND;
    case MDB_KEYEXIST:
        return ERR_EXISTS;
    case MDB_MAP_FULL:
    case MDB_DBS_FULL:
    case MDB_READERS_FULL:
    case MDB_TXN_FULL:
        return ERR_FULL;
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INVALID:
    case MDB_VERSION_MISMATCH:
        return ERR_CORRUPT;
    case ENOMEM:
        return ERR_NO_MEMORY;
    default:
        return ERR_IO;
    }
}

/* The same, with LMDB's words and what we were doing. */
static int fail(struct error *error, int code, const char *doing) {
    int r = err_from_lmdb(code);

    return r == OK ? OK : error_set(error, r, "%s: %s", doing, mdb_strerror(code));
}

/* --- Keys ------------------------------------------------------------------------------- */

struct key {
    unsigned char bytes[12];
};

static void put_big_endian(unsigned char *out, uint64_t value, size_t bytes) {
    for (size_t i = 0; i < bytes; i++) {
        out[i] = (unsigned char)(value >> (8 * (bytes - 1 - i)));
    }
}

static uint64_t get_big_endian(const unsigned char *bytes, size_t count) {
    uint64_t value = 0;

    for (size_t i = 0; i < count; i++) {
        value = value << 8 | bytes[i];
    }
    return value;
}

static MDB_val id_key(struct key *key, uint64_t id) {
    put_big_endian(key->bytes, id, 8);
    return (MDB_val){.mv_size = 8, .mv_data = key->bytes};
}

static MDB_val part_key(struct key *key, uint64_t id, uint32_t part) {
    put_big_endian(key->bytes, id, 8);
    put_big_endian(key->bytes + 8, part, 4);
    return (MDB_val){.mv_size = 12, .mv_data = key->bytes};
}

static MDB_val bytes_val(const void *bytes, size_t count) {
    return (MDB_val){.mv_size = count, .mv_data = (void *)(uintptr_t)bytes};
}

/* --- Opening ---------------------------------------------------------------------------- */

static int lock_folder(struct queue *queue, struct error *error) {
    char *path = mem_format("%s/lock", queue->folder);
    int r = OK;

    queue->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (queue->lock_fd < 0) {
        r = error_set(error, ERR_IO, "%s: %s", path, strerror(errno));
    } else if (flock(queue->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        r = error_set(error, ERR_BUSY, "%s: another process has this queue open", queue->folder);
    }
    free(path);
    return r;
}

static int open_environment(struct queue *queue, struct error *error) {
    int r = mdb_env_create(&queue->env);

    if (r == 0) {
        r = mdb_env_set_maxdbs(queue->env, TABLE_COUNT);
    }
    if (r == 0) {
        r = mdb_env_set_mapsize(queue->env, queue->map_bytes);
    }
    if (r == 0) {
        r = mdb_env_open(queue->env, queue->folder, MDB_NOTLS, 0600);
    }
    return fail(error, r, "can't open the queue's file");
}

static int open_tables(struct queue *queue, MDB_txn *txn) {
    for (size_t i = 0; i < TABLE_COUNT; i++) {
        int r = mdb_dbi_open(txn, table_names[i], MDB_CREATE, &queue->tables[i]);

        if (r != 0) {
            return r;
        }
    }
    return 0;
}

static int put_meta(struct queue *queue, MDB_txn *txn, const char *name, const char *value) {
    MDB_val key = bytes_val(name, strlen(name));
    MDB_val val = bytes_val(value, strlen(value));

    return mdb_put(txn, queue->tables[TABLE_META], &key, &val, 0);
}

/* Copy a text of the meta table, cut to what fits. */
static int get_meta(struct queue *queue, MDB_txn *txn, const char *name, char *out, size_t room) {
    MDB_val key = bytes_val(name, strlen(name));
    MDB_val val;
    int r = mdb_get(txn, queue->tables[TABLE_META], &key, &val);

    if (r == 0) {
        (void)snprintf(out, room, "%.*s", (int)val.mv_size, (const char *)val.mv_data);
    }
    return r;
}

static int make_meta(struct queue *queue, MDB_txn *txn) {
    uint64_t uid;
    int r;

    rng_secret(&uid, sizeof uid);
    (void)snprintf(queue->uid, sizeof queue->uid, "%016llx", (unsigned long long)uid);
    r = put_meta(queue, txn, "format", QUEUE_FORMAT);
    if (r == 0) {
        r = put_meta(queue, txn, "uid", queue->uid);
    }
    return r == 0 ? put_meta(queue, txn, "next-id", "1") : r;
}

static int read_meta(struct queue *queue, MDB_txn *txn, struct error *error) {
    char format[64];
    char next[24];
    int r = get_meta(queue, txn, "format", format, sizeof format);

    if (r == MDB_NOTFOUND) {
        r = make_meta(queue, txn);
        queue->next_id = 1;
        return fail(error, r, "can't write the queue's first record");
    }
    if (r == 0 && strcmp(format, QUEUE_FORMAT) != 0) {
        return error_set(error, ERR_CORRUPT, "%s: its format is \"%s\", this program knows \"%s\"",
                         queue->folder, format, QUEUE_FORMAT);
    }
    if (r == 0) {
        r = get_meta(queue, txn, "uid", queue->uid, sizeof queue->uid);
    }
    if (r == 0) {
        r = get_meta(queue, txn, "next-id", next, sizeof next);
    }
    if (r == 0) {
        queue->next_id = strtoull(next, NULL, 10);
        if (queue->next_id == 0) {
            return error_set(error, ERR_CORRUPT, "%s: next-id is damaged", queue->folder);
        }
    }
    return fail(error, r, "can't read the queue's own record");
}

static int read_or_make_tables(struct queue *queue, struct error *error) {
    MDB_txn *txn;
    int r = mdb_txn_begin(queue->env, NULL, 0, &txn);

    if (r != 0) {
        return fail(error, r, "can't begin a transaction");
    }
    r = fail(error, open_tables(queue, txn), "can't open the queue's tables");
    if (r == OK) {
        r = read_meta(queue, txn, error);
    }
    if (r < 0) {
        mdb_txn_abort(txn);
        return r;
    }
    return fail(error, mdb_txn_commit(txn), "can't write the queue's file");
}

/* A file that grew keeps its size: the map must hold it. */
static size_t map_bytes_wanted(const char *folder) {
    size_t bytes = LIMIT_QUEUE_MAP_BYTES_FIRST;
    char *path = mem_format("%s/data.mdb", folder);
    struct stat info;

    if (stat(path, &info) == 0) {
        while (bytes < (size_t)info.st_size && bytes < LIMIT_QUEUE_MAP_BYTES_LAST) {
            bytes *= 2;
        }
    }
    free(path);
    return bytes;
}

int queue_open(const char *folder, struct error *error, struct queue **out_queue) {
    struct queue *queue;
    int r;

    if (mkdir(folder, 0700) != 0 && errno != EEXIST) {
        return error_set(error, ERR_IO, "can't make the folder %s: %s", folder, strerror(errno));
    }
    queue = mem_alloc(1, sizeof *queue);
    queue->folder = mem_copy_text(folder);
    queue->lock_fd = -1;
    queue->map_bytes = map_bytes_wanted(folder);
    buf_init(&queue->scratch, LIMIT_SPEC_BYTES + 4096);
    r = lock_folder(queue, error);
    if (r == OK) {
        r = open_environment(queue, error);
    }
    if (r == OK) {
        r = read_or_make_tables(queue, error);
    }
    if (r < 0) {
        queue_close(queue);
        return r;
    }
    *out_queue = queue;
    return OK;
}

void queue_close(struct queue *queue) {
    if (queue == NULL) {
        return;
    }
    if (queue->env != NULL) {
        mdb_env_close(queue->env);
    }
    if (queue->lock_fd >= 0) {
        (void)close(queue->lock_fd);
    }
    buf_finish(&queue->scratch);
    free(queue->folder);
    free(queue);
}

const char *queue_uid(const struct queue *queue) {
    return queue->uid;
}

uint64_t queue_next_id(const struct queue *queue) {
    return queue->next_id;
}

/* --- Committing ------------------------------------------------------------------------- */

/* One turn's transaction. next_id is the queue's only once it is committed. */
struct commit {
    struct queue *queue;
    MDB_txn *txn;
    uint64_t next_id;
};

static int put_scratch(struct commit *commit, enum table table, MDB_val key) {
    struct buf *scratch = &commit->queue->scratch;
    MDB_val val = bytes_val(scratch->data, scratch->bytes);

    return mdb_put(commit->txn, commit->queue->tables[table], &key, &val, 0);
}

/* Add or remove one user of a spec; the last one takes the spec with it. */
static int count_user(struct commit *commit, const unsigned char *hash, bool more) {
    MDB_dbi users_table = commit->queue->tables[TABLE_USERS];
    MDB_val key = bytes_val(hash, SPEC_HASH_BYTES);
    MDB_val val;
    uint32_t users = 0;
    int r = mdb_get(commit->txn, users_table, &key, &val);

    if (r != 0 && r != MDB_NOTFOUND) {
        return r;
    }
    if (r == 0 && record_decode_users(val.mv_data, val.mv_size, &users) != OK) {
        return MDB_CORRUPTED;
    }
    if (!more && users <= 1) {
        r = mdb_del(commit->txn, commit->queue->tables[TABLE_SPECS], &key, NULL);
        if (r == 0 || r == MDB_NOTFOUND) {
            r = mdb_del(commit->txn, users_table, &key, NULL);
        }
        return r == MDB_NOTFOUND ? 0 : r;
    }
    buf_clear(&commit->queue->scratch);
    record_encode_users(&commit->queue->scratch, more ? users + 1 : users - 1);
    return put_scratch(commit, TABLE_USERS, key);
}

static int apply_job_put(struct commit *commit, const struct queue_change *change) {
    const struct job *job = &change->job;
    struct key key;
    MDB_val id = id_key(&key, job->id);
    MDB_val old;
    int r = mdb_get(commit->txn, commit->queue->tables[TABLE_JOBS], &id, &old);

    if (r == MDB_NOTFOUND) {
        r = count_user(commit, job->spec_hash, true);
    }
    if (r != 0) {
        return r;
    }
    if (job->id >= commit->next_id) {
        commit->next_id = job->id + 1;
    }
    buf_clear(&commit->queue->scratch);
    record_encode_job(&commit->queue->scratch, job);
    return put_scratch(commit, TABLE_JOBS, id);
}

/* Delete all records of a table whose key begins with the job's id. */
static int drop_parts(struct commit *commit, enum table table, uint64_t job_id) {
    MDB_cursor *cursor;
    struct key key;
    MDB_val at = part_key(&key, job_id, 0);
    MDB_val val;
    int r = mdb_cursor_open(commit->txn, commit->queue->tables[table], &cursor);

    if (r != 0) {
        return r;
    }
    r = mdb_cursor_get(cursor, &at, &val, MDB_SET_RANGE);
    while (r == 0 && at.mv_size == 12 && get_big_endian(at.mv_data, 8) == job_id) {
        r = mdb_cursor_del(cursor, 0);
        if (r == 0) {
            r = mdb_cursor_get(cursor, &at, &val, MDB_NEXT);
        }
    }
    mdb_cursor_close(cursor);
    return r == MDB_NOTFOUND ? 0 : r;
}

static int apply_job_drop(struct commit *commit, const struct queue_change *change) {
    struct key key;
    MDB_val id = id_key(&key, change->job_id);
    MDB_val val;
    struct job job;
    int r = mdb_get(commit->txn, commit->queue->tables[TABLE_JOBS], &id, &val);

    if (r != 0) {
        return r == MDB_NOTFOUND ? 0 : r;
    }
    if (record_decode_job(val.mv_data, val.mv_size, &job) != OK) {
        return MDB_CORRUPTED;
    }
    r = count_user(commit, job.spec_hash, false);
    if (r == 0) {
        r = mdb_del(commit->txn, commit->queue->tables[TABLE_JOBS], &id, NULL);
    }
    if (r == 0) {
        r = drop_parts(commit, TABLE_ATTEMPTS, change->job_id);
    }
    return r == 0 ? drop_parts(commit, TABLE_EVENTS, change->job_id) : r;
}

static int apply_attempt_put(struct commit *commit, const struct queue_change *change) {
    struct key key;

    buf_clear(&commit->queue->scratch);
    record_encode_attempt(&commit->queue->scratch, &change->attempt);
    return put_scratch(commit, TABLE_ATTEMPTS,
                       part_key(&key, change->attempt.job_id, change->attempt.number));
}

static int apply_event_add(struct commit *commit, const struct queue_change *change) {
    struct key key;

    buf_clear(&commit->queue->scratch);
    record_encode_event(&commit->queue->scratch, &change->event);
    return put_scratch(commit, TABLE_EVENTS,
                       part_key(&key, change->event.job_id, change->event.sequence));
}

static int apply_spec_add(struct commit *commit, const struct queue_change *change) {
    MDB_val key = bytes_val(change->spec.hash, SPEC_HASH_BYTES);
    MDB_val val;
    int r = mdb_get(commit->txn, commit->queue->tables[TABLE_SPECS], &key, &val);

    if (r != MDB_NOTFOUND) {
        return r;
    }
    buf_clear(&commit->queue->scratch);
    record_encode_spec(&commit->queue->scratch, change->spec.text, change->spec.bytes);
    return put_scratch(commit, TABLE_SPECS, key);
}

static int apply_submission_put(struct commit *commit, const struct queue_change *change) {
    const struct submission *submission = &change->submission;

    ENSURE(strlen(submission->key) <= LIMIT_IDEMPOTENCY_KEY_BYTES);
    buf_clear(&commit->queue->scratch);
    record_encode_submission(&commit->queue->scratch, submission);
    return put_scratch(commit, TABLE_SUBMISSIONS,
                       bytes_val(submission->key, strlen(submission->key)));
}

static int apply_submissions_expire(struct commit *commit, const struct queue_change *change) {
    MDB_cursor *cursor;
    MDB_val key;
    MDB_val val;
    struct submission submission;
    int r = mdb_cursor_open(commit->txn, commit->queue->tables[TABLE_SUBMISSIONS], &cursor);

    if (r != 0) {
        return r;
    }
    while ((r = mdb_cursor_get(cursor, &key, &val, MDB_NEXT)) == 0) {
        if (record_decode_submission(val.mv_data, val.mv_size, &submission) == OK &&
            submission.at_us < change->before_us) {
            r = mdb_cursor_del(cursor, 0);
            if (r != 0) {
                break;
            }
        }
    }
    mdb_cursor_close(cursor);
    return r == MDB_NOTFOUND ? 0 : r;
}

static int (*const appliers[])(struct commit *commit, const struct queue_change *change) = {
    [CHANGE_JOB_PUT] = apply_job_put,
    [CHANGE_JOB_DROP] = apply_job_drop,
    [CHANGE_ATTEMPT_PUT] = apply_attempt_put,
    [CHANGE_EVENT_ADD] = apply_event_add,
    [CHANGE_SPEC_ADD] = apply_spec_add,
    [CHANGE_SUBMISSION_PUT] = apply_submission_put,
    [CHANGE_SUBMISSIONS_EXPIRE] = apply_submissions_expire,
};

static int apply_all(struct commit *commit, const struct queue_change *changes, size_t count) {
    char next[24];
    int r = 0;

    for (size_t i = 0; i < count && r == 0; i++) {
        ENSURE(changes[i].kind < ARRAY_LEN(appliers));
        r = appliers[changes[i].kind](commit, &changes[i]);
    }
    if (r == 0 && commit->next_id != commit->queue->next_id) {
        (void)snprintf(next, sizeof next, "%llu", (unsigned long long)commit->next_id);
        r = put_meta(commit->queue, commit->txn, "next-id", next);
    }
    return r;
}

/* One try: LMDB's code. */
static int try_commit(struct commit *commit, const struct queue_change *changes, size_t count) {
    int r = mdb_txn_begin(commit->queue->env, NULL, 0, &commit->txn);

    if (r != 0) {
        return r;
    }
    r = apply_all(commit, changes, count);
    if (r != 0) {
        mdb_txn_abort(commit->txn);
        return r;
    }
    return mdb_txn_commit(commit->txn);
}

/* After a failed write LMDB may refuse everything until the file is opened anew. */
static void reopen(struct queue *queue) {
    struct error error = {0};

    mdb_env_close(queue->env);
    queue->env = NULL;
    if (open_environment(queue, &error) != OK || read_or_make_tables(queue, &error) != OK) {
        if (queue->env != NULL) {
            mdb_env_close(queue->env);
            queue->env = NULL;
        }
    }
}

/* When the map can't grow, LMDB has none at all: the file is opened anew with the old one. */
static bool grow_map(struct queue *queue) {
    if (queue->map_bytes >= LIMIT_QUEUE_MAP_BYTES_LAST) {
        return false;
    }
    if (mdb_env_set_mapsize(queue->env, queue->map_bytes * 2) != 0) {
        reopen(queue);
        return false;
    }
    queue->map_bytes *= 2;
    return true;
}

/* LMDB tells of a short write as an input/output error: say it when the disk is full. */
static int fail_commit(const struct queue *queue, int code, struct error *error) {
    struct statvfs disk;

    if ((code == EIO || code == ENOSPC) && statvfs(queue->folder, &disk) == 0 &&
        disk.f_bavail < QUEUE_COMMIT_BLOCKS) {
        return error_set(error, ERR_IO, "can't write the queue's file: no room on the disk of %s",
                         queue->folder);
    }
    return fail(error, code, "can't write the queue's file");
}

int queue_commit(struct queue *queue, const struct queue_change *changes, size_t count,
                 struct error *error) {
    struct commit commit;
    int r;

    if (count == 0) {
        return OK;
    }
    if (queue->env == NULL) {
        reopen(queue);
    }
    if (queue->env == NULL) {
        return error_set(error, ERR_IO, "the queue's file can't be opened again");
    }
    do {
        commit = (struct commit){.queue = queue, .next_id = queue->next_id};
        r = try_commit(&commit, changes, count);
    } while (r == MDB_MAP_FULL && grow_map(queue));
    if (r == 0) {
        queue->next_id = commit.next_id;
        return OK;
    }
    if (err_from_lmdb(r) == ERR_IO) {
        reopen(queue);
    }
    return fail_commit(queue, r, error);
}

/* --- Reading ---------------------------------------------------------------------------- */

static int begin_read(struct queue *queue, MDB_txn **out_txn) {
    if (queue->env == NULL) {
        return ERR_IO;
    }
    return err_from_lmdb(mdb_txn_begin(queue->env, NULL, MDB_RDONLY, out_txn));
}

int queue_each_job(struct queue *queue, int (*visit)(void *context, const struct job *job),
                   void *context, uint64_t *out_damaged) {
    MDB_txn *txn = NULL;
    MDB_cursor *cursor = NULL;
    MDB_val key;
    MDB_val val;
    uint64_t damaged = 0;
    struct job job;
    int r = begin_read(queue, &txn);

    if (r < 0) {
        return r;
    }
    r = err_from_lmdb(mdb_cursor_open(txn, queue->tables[TABLE_JOBS], &cursor));
    while (r == OK && (r = err_from_lmdb(mdb_cursor_get(cursor, &key, &val, MDB_NEXT))) == OK) {
        if (record_decode_job(val.mv_data, val.mv_size, &job) != OK || key.mv_size != 8 ||
            get_big_endian(key.mv_data, 8) != job.id) {
            damaged++;
            continue;
        }
        r = visit(context, &job);
    }
    mdb_cursor_close(cursor);
    mdb_txn_abort(txn);
    if (r < 0 && r != ERR_NOT_FOUND) {
        return r;
    }
    *out_damaged = damaged;
    return OK;
}

/* Walk the parts of one job; `decode_and_visit` gets each record. */
static int each_part(struct queue *queue, enum table table, uint64_t job_id, uint32_t from,
                     int (*decode_and_visit)(void *context, MDB_val val), void *context) {
    MDB_txn *txn = NULL;
    MDB_cursor *cursor = NULL;
    struct key first;
    MDB_val key = part_key(&first, job_id, from);
    MDB_val val;
    int r = begin_read(queue, &txn);

    if (r < 0) {
        return r;
    }
    r = err_from_lmdb(mdb_cursor_open(txn, queue->tables[table], &cursor));
    if (r == OK) {
        r = err_from_lmdb(mdb_cursor_get(cursor, &key, &val, MDB_SET_RANGE));
    }
    while (r == OK && key.mv_size == 12 && get_big_endian(key.mv_data, 8) == job_id) {
        r = decode_and_visit(context, val);
        if (r == OK) {
            r = err_from_lmdb(mdb_cursor_get(cursor, &key, &val, MDB_NEXT));
        }
    }
    mdb_cursor_close(cursor);
    mdb_txn_abort(txn);
    return r == ERR_NOT_FOUND ? OK : r;
}

struct attempt_visit {
    int (*visit)(void *context, const struct attempt *attempt);
    void *context;
};

static int visit_attempt(void *context, MDB_val val) {
    struct attempt_visit *visit = context;
    struct attempt attempt;
    int r = record_decode_attempt(val.mv_data, val.mv_size, &attempt);

    return r < 0 ? r : visit->visit(visit->context, &attempt);
}

int queue_each_attempt(struct queue *queue, uint64_t job_id,
                       int (*visit)(void *context, const struct attempt *attempt), void *context) {
    struct attempt_visit both = {.visit = visit, .context = context};

    return each_part(queue, TABLE_ATTEMPTS, job_id, 0, visit_attempt, &both);
}

struct event_visit {
    int (*visit)(void *context, const struct job_event *event);
    void *context;
};

static int visit_event(void *context, MDB_val val) {
    struct event_visit *visit = context;
    struct job_event event;
    int r = record_decode_event(val.mv_data, val.mv_size, &event);

    return r < 0 ? r : visit->visit(visit->context, &event);
}

int queue_each_event(struct queue *queue, uint64_t job_id, uint32_t from_sequence,
                     int (*visit)(void *context, const struct job_event *event), void *context) {
    struct event_visit both = {.visit = visit, .context = context};

    return each_part(queue, TABLE_EVENTS, job_id, from_sequence, visit_event, &both);
}

int queue_get_spec(struct queue *queue, const unsigned char hash[SPEC_HASH_BYTES],
                   struct buf *out_text) {
    MDB_txn *txn = NULL;
    MDB_val key = bytes_val(hash, SPEC_HASH_BYTES);
    MDB_val val;
    const char *text;
    size_t bytes;
    unsigned char found[SPEC_HASH_BYTES];
    int r = begin_read(queue, &txn);

    if (r < 0) {
        return r;
    }
    r = err_from_lmdb(mdb_get(txn, queue->tables[TABLE_SPECS], &key, &val));
    if (r == OK) {
        r = record_decode_spec(val.mv_data, val.mv_size, &text, &bytes);
    }
    if (r == OK) {
        digest_sha256(text, bytes, found);
        r = memcmp(found, hash, SPEC_HASH_BYTES) == 0 ? OK : ERR_CORRUPT;
    }
    if (r == OK) {
        buf_add(out_text, text, bytes);
        r = out_text->full ? ERR_FULL : OK;
    }
    mdb_txn_abort(txn);
    return r;
}

int queue_get_submission(struct queue *queue, const char *key_text,
                         struct submission *out_submission) {
    MDB_txn *txn = NULL;
    MDB_val key = bytes_val(key_text, strlen(key_text));
    MDB_val val;
    struct submission submission;
    int r = begin_read(queue, &txn);

    if (r < 0) {
        return r;
    }
    r = err_from_lmdb(mdb_get(txn, queue->tables[TABLE_SUBMISSIONS], &key, &val));
    if (r == OK) {
        r = record_decode_submission(val.mv_data, val.mv_size, &submission);
    }
    if (r == OK) {
        submission.key = key_text;
        *out_submission = submission;
    }
    mdb_txn_abort(txn);
    return r;
}

int queue_get_stats(struct queue *queue, struct queue_stats *out_stats) {
    struct queue_stats stats = {.map_bytes = queue->map_bytes};
    uint64_t *const counts[TABLE_COUNT] = {
        [TABLE_JOBS] = &stats.jobs,
        [TABLE_ATTEMPTS] = &stats.attempts,
        [TABLE_EVENTS] = &stats.events,
        [TABLE_SPECS] = &stats.specs,
    };
    MDB_txn *txn = NULL;
    MDB_envinfo info;
    MDB_stat stat;
    int r = begin_read(queue, &txn);

    if (r < 0) {
        return r;
    }
    for (size_t i = 0; i < TABLE_COUNT && r == OK; i++) {
        r = err_from_lmdb(mdb_stat(txn, queue->tables[i], &stat));
        if (r == OK && counts[i] != NULL) {
            *counts[i] = stat.ms_entries;
        }
    }
    if (r == OK) {
        r = err_from_lmdb(mdb_env_info(queue->env, &info));
    }
    if (r == OK) {
        r = err_from_lmdb(mdb_env_stat(queue->env, &stat));
    }
    if (r == OK) {
        stats.file_bytes = (info.me_last_pgno + 1) * (uint64_t)stat.ms_psize;
        *out_stats = stats;
    }
    mdb_txn_abort(txn);
    return r;
}

/* --- Verifying -------------------------------------------------------------------------- */

struct verify {
    struct queue *queue;
    struct error *error;
    const struct job *job;
    uint32_t attempts; /* seen of the job */
    uint32_t events;
};

static int verify_attempt(void *context, const struct attempt *attempt) {
    struct verify *verify = context;

    verify->attempts++;
    if (attempt->job_id != verify->job->id || attempt->number > verify->job->attempt) {
        return error_set(verify->error, ERR_CORRUPT, "job %llu: attempt %u does not belong to it",
                         (unsigned long long)verify->job->id, attempt->number);
    }
    return OK;
}

static int verify_event(void *context, const struct job_event *event) {
    struct verify *verify = context;

    if (event->sequence != verify->events) {
        return error_set(verify->error, ERR_CORRUPT, "job %llu: event %u is missing",
                         (unsigned long long)verify->job->id, verify->events);
    }
    verify->events++;
    return OK;
}

static int verify_job(void *context, const struct job *job) {
    struct verify *verify = context;
    struct buf text;
    int r;

    verify->job = job;
    verify->attempts = 0;
    verify->events = 0;
    buf_init(&text, LIMIT_SPEC_BYTES);
    r = queue_get_spec(verify->queue, job->spec_hash, &text);
    buf_finish(&text);
    if (r < 0) {
        return error_set(verify->error, ERR_CORRUPT, "job %llu: its spec is missing or damaged",
                         (unsigned long long)job->id);
    }
    r = queue_each_attempt(verify->queue, job->id, verify_attempt, verify);
    if (r == OK) {
        r = queue_each_event(verify->queue, job->id, 0, verify_event, verify);
    }
    if (r < 0) {
        return error_set(verify->error, r, "job %llu: an attempt or event is damaged",
                         (unsigned long long)job->id);
    }
    if (verify->events != job->event_count || verify->attempts != job->attempt) {
        return error_set(verify->error, ERR_CORRUPT,
                         "job %llu: has %u attempts and %u events, its record says %u and %u",
                         (unsigned long long)job->id, verify->attempts, verify->events,
                         job->attempt, job->event_count);
    }
    if (job->id >= verify->queue->next_id) {
        return error_set(verify->error, ERR_CORRUPT, "job %llu: next-id would give its id again",
                         (unsigned long long)job->id);
    }
    return OK;
}

int queue_verify(struct queue *queue, struct error *error) {
    struct verify verify = {.queue = queue, .error = error};
    uint64_t damaged = 0;
    int r = queue_each_job(queue, verify_job, &verify, &damaged);

    if (r < 0) {
        return error_set(error, r, "can't read the queue: %s", err_sentence(r));
    }
    if (damaged > 0) {
        return error_set(error, ERR_CORRUPT, "%llu job records are damaged",
                         (unsigned long long)damaged);
    }
    return OK;
}
