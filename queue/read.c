#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "queue/journal.h"
#include "queue/record.h"
#include "queue/shelf.h"
#include "queue/store.h"

/* --- Jobs ------------------------------------------------------------------------------------ */

/* The terms read last: those of the next job are mostly the same. Borrowed from the store. */
struct terms_read {
    uint64_t number;
    const void *bytes;
    size_t count;
};

/* Fill in the job's terms. */
static int add_terms(struct queue *queue, struct terms_read *terms, struct stored_job *job) {
    struct store_key room;
    int r = OK;

    if (terms->number != job->terms) {
        r = store_err(shelf_look(queue, SHELF_TERMS, job->terms, &terms->bytes, &terms->count));
        terms->number = r == OK ? job->terms : 0;
    }
    if (r == OK) {
        r = record_decode_terms(terms->bytes, terms->count, &job->job);
    }
    if (r == ERR_CORRUPT) {
        store_note_damage(queue, TABLE_TERMS, store_id_key(&room, job->terms));
    }
    return r == ERR_NOT_FOUND ? ERR_CORRUPT : r;
}

static int decode_job(struct queue *queue, struct terms_read *terms, MDB_val key, MDB_val val,
                      struct stored_job *out_job) {
    if (key.mv_size != 8 ||
        record_decode_job(store_key_id(key), val.mv_data, val.mv_size, out_job) != OK) {
        store_note_damage(queue, TABLE_JOBS, key);
        return ERR_CORRUPT;
    }
    return add_terms(queue, terms, out_job);
}

bool queue_can_read(struct queue *queue) {
    MDB_txn *txn;

    return store_begin_read(queue, &txn) == OK;
}

int queue_each_stored(struct queue *queue, int (*visit)(void *context, const struct queue_job *job),
                      void *context, uint64_t *out_damaged) {
    MDB_txn *txn = NULL;
    MDB_cursor *cursor = NULL;
    MDB_val key;
    MDB_val val;
    struct terms_read terms = {0};
    uint64_t damaged = 0;
    struct stored_job stored;
    int r = store_begin_read(queue, &txn);

    if (r < 0) {
        return r;
    }
    r = store_err(mdb_cursor_open(txn, queue->tables[TABLE_JOBS], &cursor));
    while (r == OK && (r = store_err(mdb_cursor_get(cursor, &key, &val, MDB_NEXT))) == OK) {
        if (decode_job(queue, &terms, key, val, &stored) != OK) {
            damaged++;
            continue;
        }
        r = visit(context, &(struct queue_job){.job = &stored.job,
                                               .terms = stored.terms,
                                               .spec = stored.spec,
                                               .demand = stored.demand});
    }
    mdb_cursor_close(cursor);
    if (r < 0 && r != ERR_NOT_FOUND) {
        return r;
    }
    *out_damaged = damaged;
    return OK;
}

struct job_visit {
    int (*visit)(void *context, const struct job *job);
    void *context;
};

static int visit_job(void *context, const struct queue_job *job) {
    struct job_visit *visit = context;

    return visit->visit(visit->context, job->job);
}

int queue_each_job(struct queue *queue, int (*visit)(void *context, const struct job *job),
                   void *context, uint64_t *out_damaged) {
    struct job_visit both = {.visit = visit, .context = context};

    return queue_each_stored(queue, visit_job, &both, out_damaged);
}

int queue_each_demand(struct queue *queue,
                      int (*visit)(void *context, uint64_t number, const void *bytes, size_t count),
                      void *context) {
    MDB_txn *txn = NULL;
    MDB_cursor *cursor = NULL;
    MDB_val key;
    MDB_val val;
    int r = store_begin_read(queue, &txn);

    if (r < 0) {
        return r;
    }
    r = store_err(mdb_cursor_open(txn, queue->tables[TABLE_DEMANDS], &cursor));
    while (r == OK && (r = store_err(mdb_cursor_get(cursor, &key, &val, MDB_NEXT))) == OK) {
        uint64_t number = store_key_id(key);
        const void *bytes;
        size_t count;

        if (record_decode_content(SHELF_DEMANDS, number, val.mv_data, val.mv_size, &bytes,
                                  &count) == OK) {
            r = visit(context, number, bytes, count);
        } else {
            store_note_damage(queue, TABLE_DEMANDS, key);
        }
    }
    mdb_cursor_close(cursor);
    return r == ERR_NOT_FOUND ? OK : r;
}

/* A job's record, terms and all, until the store changes. */
static int read_job(struct queue *queue, MDB_txn *txn, uint64_t id, struct stored_job *out_job) {
    struct terms_read terms = {0};
    struct store_key room;
    MDB_val key = store_id_key(&room, id);
    MDB_val val;
    int r = store_err(mdb_get(txn, queue->tables[TABLE_JOBS], &key, &val));

    return r == OK ? decode_job(queue, &terms, key, val, out_job) : r;
}

int queue_get_spec(struct queue *queue, uint64_t job_id, struct buf *out_text) {
    MDB_txn *txn = NULL;
    struct store_key room;
    struct stored_job stored;
    int r = store_begin_read(queue, &txn);

    if (r == OK) {
        r = read_job(queue, txn, job_id, &stored);
    }
    if (r != OK) {
        return r;
    }
    r = store_err(shelf_read(queue, SHELF_SPECS, stored.spec, out_text));
    if (r == ERR_CORRUPT) {
        store_note_damage(queue, TABLE_SPECS, store_id_key(&room, stored.spec));
    }
    return r;
}

/* --- Attempts and events --------------------------------------------------------------------- */

/* Walk the parts of one job; `decode_and_visit` gets each record. */
static int each_part(struct queue *queue, enum store_table table, uint64_t job_id, uint32_t from,
                     int (*decode_and_visit)(void *context, MDB_val key, MDB_val val),
                     void *context) {
    MDB_txn *txn = NULL;
    MDB_cursor *cursor = NULL;
    struct store_key first;
    MDB_val key = store_part_key(&first, job_id, from);
    MDB_val val;
    int r = store_begin_read(queue, &txn);

    if (r < 0) {
        return r;
    }
    r = store_err(mdb_cursor_open(txn, queue->tables[table], &cursor));
    if (r == OK) {
        r = store_err(mdb_cursor_get(cursor, &key, &val, MDB_SET_RANGE));
    }
    while (r == OK && key.mv_size == 12 && store_key_id(key) == job_id) {
        r = decode_and_visit(context, key, val);
        if (r == OK) {
            r = store_err(mdb_cursor_get(cursor, &key, &val, MDB_NEXT));
        }
    }
    mdb_cursor_close(cursor);
    return r == ERR_NOT_FOUND ? OK : r;
}

struct attempt_visit {
    struct queue *queue;
    int (*visit)(void *context, const struct attempt *attempt);
    void *context;
};

static int visit_attempt(void *context, MDB_val key, MDB_val val) {
    struct attempt_visit *visit = context;
    struct attempt attempt;
    int r = record_decode_attempt(store_key_id(key), store_key_part(key), val.mv_data, val.mv_size,
                                  &attempt);

    if (r < 0) {
        store_note_damage(visit->queue, TABLE_ATTEMPTS, key);
        return OK;
    }
    return visit->visit(visit->context, &attempt);
}

int queue_each_attempt(struct queue *queue, uint64_t job_id,
                       int (*visit)(void *context, const struct attempt *attempt), void *context) {
    struct attempt_visit both = {.queue = queue, .visit = visit, .context = context};

    return each_part(queue, TABLE_ATTEMPTS, job_id, 0, visit_attempt, &both);
}

struct event_visit {
    struct queue *queue;
    int (*visit)(void *context, const struct job_event *event);
    void *context;
};

static int visit_event(void *context, MDB_val key, MDB_val val) {
    struct event_visit *visit = context;
    struct job_event event;
    int r = record_decode_event(store_key_id(key), store_key_part(key), val.mv_data, val.mv_size,
                                &event);

    if (r < 0) {
        store_note_damage(visit->queue, TABLE_EVENTS, key);
        return OK;
    }
    return visit->visit(visit->context, &event);
}

/* The event that no record of its own tells of, because the job's does. */
static int visit_first(struct queue *queue, uint64_t job_id,
                       int (*visit)(void *context, const struct job_event *event), void *context) {
    char text[CHANGE_FIRST_TEXT_BYTES];
    struct store_key room;
    MDB_val key = store_part_key(&room, job_id, 0);
    struct stored_job stored;
    struct job_event event;
    MDB_txn *txn = NULL;
    MDB_val val;
    int r = store_begin_read(queue, &txn);

    if (r < 0) {
        return r;
    }
    r = store_err(mdb_get(txn, queue->tables[TABLE_EVENTS], &key, &val));
    if (r != ERR_NOT_FOUND) {
        return r;
    }
    r = read_job(queue, txn, job_id, &stored);
    if (r != OK || stored.job.event_count == 0) {
        return r == ERR_NOT_FOUND ? OK : r;
    }
    change_first_event(&stored.job, text, &event);
    return visit(context, &event);
}

int queue_each_event(struct queue *queue, uint64_t job_id, uint32_t from_sequence,
                     int (*visit)(void *context, const struct job_event *event), void *context) {
    struct event_visit both = {.queue = queue, .visit = visit, .context = context};
    int r = from_sequence == 0 ? visit_first(queue, job_id, visit, context) : OK;

    if (r < 0) {
        return r;
    }
    return each_part(queue, TABLE_EVENTS, job_id, from_sequence, visit_event, &both);
}

int queue_get_row(struct queue *queue, uint64_t job_id, struct buf *out_text) {
    MDB_txn *txn = NULL;
    struct stored_job stored;
    int r = store_begin_read(queue, &txn);

    r = r < 0 ? r : read_job(queue, txn, job_id, &stored);
    if (r == OK && stored.row != NULL) {
        buf_add_text(out_text, stored.row);
    }
    return r;
}

/* --- Submissions ----------------------------------------------------------------------------- */

static void load_key(struct queue *queue, MDB_val key, MDB_val val) {
    char text[STORE_KEY_BYTES];
    struct submission submission;

    (void)snprintf(text, sizeof text, "%.*s", (int)key.mv_size, (const char *)key.mv_data);
    if (record_decode_submission(text, val.mv_data, val.mv_size, &submission) == OK) {
        key_set_add(&queue->keys, key.mv_data, key.mv_size, submission.at_us);
    } else {
        key_set_add(&queue->damaged_keys, key.mv_data, key.mv_size, 0);
    }
}

/* Of one that was put aside: its name is "submissions/" and the key. */
static void load_damaged_key(struct queue *queue, MDB_val name, MDB_val val) {
    static const char folder[] = "submissions/";
    size_t before = strlen(folder);

    (void)val;
    if (name.mv_size > before && memcmp(name.mv_data, folder, before) == 0) {
        key_set_add(&queue->damaged_keys, (const char *)name.mv_data + before,
                    name.mv_size - before, 0);
    }
}

static int load_keys_of(struct queue *queue, enum store_table table,
                        void (*load)(struct queue *queue, MDB_val key, MDB_val val)) {
    MDB_cursor *cursor = NULL;
    MDB_val key;
    MDB_val val;
    int r = mdb_cursor_open(queue->txn, queue->tables[table], &cursor);

    while (r == 0 && (r = mdb_cursor_get(cursor, &key, &val, MDB_NEXT)) == 0) {
        load(queue, key, val);
    }
    mdb_cursor_close(cursor);
    return r == MDB_NOTFOUND ? 0 : r;
}

int store_load_keys(struct queue *queue, struct error *error) {
    int r = load_keys_of(queue, TABLE_SUBMISSIONS, load_key);

    if (r == 0) {
        r = load_keys_of(queue, TABLE_QUARANTINE, load_damaged_key);
    }
    return store_fail(error, r, "can't read the idempotency keys");
}

/* The key was used, nobody knows for what: as good as used. */
static bool was_submission_damaged(struct queue *queue, MDB_txn *txn, const char *key) {
    MDB_stat stat;
    char *name;
    bool was;

    if (mdb_stat(txn, queue->tables[TABLE_QUARANTINE], &stat) == 0 && stat.ms_entries == 0) {
        return false;
    }
    name = mem_format("submissions/%s", key);
    was = queue_is_quarantined(queue, name);
    free(name);
    return was;
}

int queue_get_submission(struct queue *queue, const char *key_text,
                         struct submission *out_submission) {
    MDB_txn *txn = NULL;
    MDB_val key = store_val(key_text, strlen(key_text));
    MDB_val val;
    struct submission submission;
    int r;

    if (!key_set_may_have(&queue->keys, key.mv_data, key.mv_size) &&
        !key_set_may_have(&queue->damaged_keys, key.mv_data, key.mv_size)) {
        return ERR_NOT_FOUND; /* That is known also while the writer has the tables. */
    }
    r = store_begin_read(queue, &txn);
    if (r < 0) {
        return r;
    }
    r = store_err(mdb_get(txn, queue->tables[TABLE_SUBMISSIONS], &key, &val));
    if (r == OK) {
        r = record_decode_submission(key_text, val.mv_data, val.mv_size, &submission);
        if (r < 0) {
            store_note_damage(queue, TABLE_SUBMISSIONS, key);
            key_set_add(&queue->damaged_keys, key.mv_data, key.mv_size, 0);
        }
    } else if (r == ERR_NOT_FOUND && was_submission_damaged(queue, txn, key_text)) {
        r = ERR_CORRUPT;
    }
    if (r == OK) {
        *out_submission = submission;
    }
    return r;
}

/* A key as it was put: a byte for the kind, a text, its NUL. */
static bool is_fact_key(MDB_val key, enum fact_kind kind) {
    const char *bytes = key.mv_data;

    return key.mv_size > 2 && bytes[0] == (char)kind && bytes[key.mv_size - 1] == '\0' &&
           strlen(bytes + 1) == key.mv_size - 2;
}

int queue_each_fact(struct queue *queue, enum fact_kind kind,
                    int (*visit)(void *context, const struct fact *fact), void *context,
                    uint64_t *out_damaged) {
    unsigned char first = (unsigned char)kind;
    MDB_txn *txn = NULL;
    MDB_cursor *cursor = NULL;
    MDB_val key = store_val(&first, 1);
    MDB_val val;
    struct fact fact = {.kind = kind};
    uint64_t damaged = 0;
    int r = store_begin_read(queue, &txn);

    if (r < 0) {
        return r;
    }
    r = store_err(mdb_cursor_open(txn, queue->tables[TABLE_FACTS], &cursor));
    if (r == OK) {
        r = store_err(mdb_cursor_get(cursor, &key, &val, MDB_SET_RANGE));
    }
    while (r == OK && *(const unsigned char *)key.mv_data == first) {
        fact.key = (const char *)key.mv_data + 1;
        if (is_fact_key(key, kind) &&
            record_decode_fact(kind, fact.key, val.mv_data, val.mv_size, &fact.value) == OK) {
            r = visit(context, &fact);
        } else {
            store_note_damage(queue, TABLE_FACTS, key);
            damaged++;
        }
        if (r == OK) {
            r = store_err(mdb_cursor_get(cursor, &key, &val, MDB_NEXT));
        }
    }
    mdb_cursor_close(cursor);
    if (r == OK || r == ERR_NOT_FOUND) {
        *out_damaged = damaged;
        return OK;
    }
    return r;
}

int queue_get_stats(struct queue *queue, struct queue_stats *out_stats) {
    struct queue_stats stats = {.map_bytes = queue->map_bytes};
    uint64_t *const counts[TABLE_COUNT] = {
        [TABLE_JOBS] = &stats.jobs,
        [TABLE_ATTEMPTS] = &stats.attempts,
        [TABLE_EVENTS] = &stats.events,
        [TABLE_SPECS] = &stats.specs,
        [TABLE_QUARANTINE] = &stats.quarantined,
    };
    MDB_txn *txn = NULL;
    MDB_envinfo info;
    MDB_stat stat;
    int r = store_begin_read(queue, &txn);

    if (r < 0) {
        return r;
    }
    for (size_t i = 0; i < TABLE_COUNT && r == OK; i++) {
        r = store_err(mdb_stat(txn, queue->tables[i], &stat));
        if (r == OK && counts[i] != NULL) {
            *counts[i] = stat.ms_entries;
        }
    }
    if (r == OK) {
        r = store_err(mdb_env_info(queue->env, &info));
    }
    if (r == OK) {
        r = store_err(mdb_env_stat(queue->env, &stat));
    }
    if (r == OK) {
        stats.file_bytes = (info.me_last_pgno + 1) * (uint64_t)stat.ms_psize;
        stats.journal_lost = journal_lost(queue->journal);
        *out_stats = stats;
    }
    return r;
}
