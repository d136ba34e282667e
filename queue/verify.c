#include <inttypes.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/memory.h"
#include "queue/record.h"
#include "queue/store.h"

#define PROBLEM_BYTES 512

struct verify {
    struct queue *queue;
    MDB_txn *txn;
    void (*problem)(void *context, const char *text);
    void *context;
    uint64_t problems;
    unsigned char (*hashes)[SPEC_HASH_BYTES]; /* of each job's spec */
    size_t hash_count;
    size_t hash_room;
};

static void complain(struct verify *verify, const char *format, ...) PRINTF_LIKE(2, 3);

static void complain(struct verify *verify, const char *format, ...) {
    char text[PROBLEM_BYTES];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    verify->problems++;
    verify->problem(verify->context, text);
}

/* Call back for each record of a table. */
static int each_record(struct verify *verify, enum store_table table,
                       void (*check)(struct verify *verify, MDB_val key, MDB_val val)) {
    MDB_cursor *cursor = NULL;
    MDB_val key;
    MDB_val val;
    int r = mdb_cursor_open(verify->txn, verify->queue->tables[table], &cursor);

    while (r == 0 && (r = mdb_cursor_get(cursor, &key, &val, MDB_NEXT)) == 0) {
        check(verify, key, val);
    }
    mdb_cursor_close(cursor);
    return r == MDB_NOTFOUND ? 0 : r;
}

/* --- A job's parts --------------------------------------------------------------------------- */

struct history {
    struct verify *verify;
    const struct job *job;
    uint32_t attempts;
    uint32_t events;
    enum job_state state; /* after the last event */
    uint32_t attempt;     /* of the last event */
};

static int check_attempt(void *context, const struct attempt *attempt) {
    struct history *history = context;

    history->attempts++;
    if (attempt->number != history->attempts) {
        complain(history->verify, "job %" PRIu64 ": attempt %u is missing", history->job->id,
                 history->attempts);
        history->attempts = attempt->number;
    }
    if (attempt->number > history->job->attempt) {
        complain(history->verify, "job %" PRIu64 ": attempt %u does not belong to it",
                 history->job->id, attempt->number);
    }
    return OK;
}

static void check_move(struct history *history, const struct job_event *event) {
    if (event->sequence > 0 && event->state != history->state &&
        !job_may_move(history->state, event->state)) {
        complain(history->verify, "job %" PRIu64 ": event %u moves it from %s to %s",
                 history->job->id, event->sequence, job_state_text(history->state),
                 job_state_text(event->state));
    }
    if (event->attempt < history->attempt || event->attempt > history->job->attempt) {
        complain(history->verify, "job %" PRIu64 ": event %u is of attempt %u", history->job->id,
                 event->sequence, event->attempt);
    }
}

static int check_event(void *context, const struct job_event *event) {
    struct history *history = context;

    if (event->sequence != history->events) {
        complain(history->verify, "job %" PRIu64 ": event %u is missing", history->job->id,
                 history->events);
    } else {
        check_move(history, event);
    }
    history->events = event->sequence + 1;
    history->state = event->state;
    history->attempt = event->attempt;
    return OK;
}

static int check_parts(struct history *history) {
    struct verify *verify = history->verify;
    const struct job *job = history->job;
    int r = queue_each_attempt(verify->queue, job->id, check_attempt, history);

    if (r == OK) {
        r = queue_each_event(verify->queue, job->id, 0, check_event, history);
    }
    if (r < 0) {
        return r;
    }
    if (history->events != job->event_count || history->attempts != job->attempt) {
        complain(verify,
                 "job %" PRIu64 ": has %u attempts and %u events, its record says %u and %u",
                 job->id, history->attempts, history->events, job->attempt, job->event_count);
    } else if (history->events > 0 && history->state != job->state) {
        complain(verify, "job %" PRIu64 ": is %s, its history ends as %s", job->id,
                 job_state_text(job->state), job_state_text(history->state));
    }
    return OK;
}

static void note_hash(struct verify *verify, const unsigned char *hash) {
    if (verify->hash_count == verify->hash_room) {
        verify->hash_room = verify->hash_room > 0 ? 2 * verify->hash_room : 1024;
        verify->hashes = mem_grow(verify->hashes, verify->hash_room, sizeof *verify->hashes);
    }
    memcpy(verify->hashes[verify->hash_count++], hash, SPEC_HASH_BYTES);
}

static int check_job(void *context, const struct job *job) {
    struct verify *verify = context;
    struct history history = {.verify = verify, .job = job};
    MDB_val key = store_val(job->spec_hash, SPEC_HASH_BYTES);
    MDB_val val;

    if (mdb_get(verify->txn, verify->queue->tables[TABLE_SPECS], &key, &val) != 0) {
        complain(verify, "job %" PRIu64 ": its spec is missing", job->id);
    }
    note_hash(verify, job->spec_hash);
    if (job->id >= verify->queue->next_id) {
        complain(verify, "job %" PRIu64 ": next-id would give its id again", job->id);
    }
    return check_parts(&history);
}

/* --- Every record of every table ------------------------------------------------------------- */

static bool has_job(struct verify *verify, uint64_t id) {
    struct store_key room;
    MDB_val key = store_id_key(&room, id);
    MDB_val val;

    return mdb_get(verify->txn, verify->queue->tables[TABLE_JOBS], &key, &val) == 0;
}

static void check_job_record(struct verify *verify, MDB_val key, MDB_val val) {
    struct job job;

    if (key.mv_size != 8 ||
        record_decode_job(store_key_id(key), val.mv_data, val.mv_size, &job) != OK) {
        complain(verify, "job %" PRIu64 ": its record is damaged", store_key_id(key));
    }
}

static void check_attempt_record(struct verify *verify, MDB_val key, MDB_val val) {
    struct attempt attempt;

    if (key.mv_size != 12 || record_decode_attempt(store_key_id(key), store_key_part(key),
                                                   val.mv_data, val.mv_size, &attempt) != OK) {
        complain(verify, "job %" PRIu64 ": the record of attempt %u is damaged", store_key_id(key),
                 store_key_part(key));
    }
    if (!has_job(verify, store_key_id(key))) {
        complain(verify, "job %" PRIu64 ": is not there, but its attempt %u is", store_key_id(key),
                 store_key_part(key));
    }
}

static void check_event_record(struct verify *verify, MDB_val key, MDB_val val) {
    struct job_event event;

    if (key.mv_size != 12 || record_decode_event(store_key_id(key), store_key_part(key),
                                                 val.mv_data, val.mv_size, &event) != OK) {
        complain(verify, "job %" PRIu64 ": the record of event %u is damaged", store_key_id(key),
                 store_key_part(key));
    }
    if (!has_job(verify, store_key_id(key))) {
        complain(verify, "job %" PRIu64 ": is not there, but its event %u is", store_key_id(key),
                 store_key_part(key));
    }
}

static void print_hash(MDB_val key, char out[17]) {
    const unsigned char *bytes = key.mv_data;

    out[0] = '\0';
    for (size_t i = 0; i < 8 && i < key.mv_size; i++) {
        (void)snprintf(out + 2 * i, 3, "%02x", bytes[i]);
    }
}

static void check_spec_record(struct verify *verify, MDB_val key, MDB_val val) {
    unsigned char found[SPEC_HASH_BYTES];
    const char *text;
    size_t bytes;
    char name[17];
    MDB_val users;

    print_hash(key, name);
    if (key.mv_size != SPEC_HASH_BYTES ||
        record_decode_spec(key.mv_data, val.mv_data, val.mv_size, &text, &bytes) != OK) {
        complain(verify, "spec %s: its record is damaged", name);
        return;
    }
    digest_sha256(text, bytes, found);
    if (memcmp(found, key.mv_data, SPEC_HASH_BYTES) != 0) {
        complain(verify, "spec %s: its text has another hash", name);
    }
    if (mdb_get(verify->txn, verify->queue->tables[TABLE_USERS], &key, &users) != 0) {
        complain(verify, "spec %s: nobody counts its jobs", name);
    }
}

static int compare_hashes(const void *a, const void *b) {
    return memcmp(a, b, SPEC_HASH_BYTES);
}

/* How many jobs have the spec; the hashes are sorted. */
static uint64_t count_jobs(const struct verify *verify, const void *hash) {
    size_t low = 0;
    size_t high = verify->hash_count;
    uint64_t count = 0;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (compare_hashes(verify->hashes[middle], hash) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    while (low < verify->hash_count && compare_hashes(verify->hashes[low], hash) == 0) {
        low++;
        count++;
    }
    return count;
}

static void check_users_record(struct verify *verify, MDB_val key, MDB_val val) {
    uint32_t users = 0;
    uint64_t jobs;
    char name[17];

    print_hash(key, name);
    if (key.mv_size != SPEC_HASH_BYTES ||
        record_decode_users(key.mv_data, val.mv_data, val.mv_size, &users) != OK) {
        complain(verify, "spec %s: its count of jobs is damaged", name);
        return;
    }
    jobs = count_jobs(verify, key.mv_data);
    if (jobs != users) {
        complain(verify, "spec %s: is counted for %u jobs, %" PRIu64 " have it", name, users, jobs);
    }
}

static void check_submission_record(struct verify *verify, MDB_val key, MDB_val val) {
    char *text = mem_format("%.*s", (int)key.mv_size, (const char *)key.mv_data);
    struct submission submission;

    if (record_decode_submission(text, val.mv_data, val.mv_size, &submission) != OK) {
        complain(verify, "idempotency key %s: its record is damaged", text);
    } else if (submission.first_id == 0 ||
               submission.first_id + submission.count > verify->queue->next_id) {
        complain(verify, "idempotency key %s: is of jobs that never were", text);
    }
    free(text);
}

static void check_fact_record(struct verify *verify, MDB_val key, MDB_val val) {
    const char *bytes = key.mv_data;
    union fact_value value;

    if (key.mv_size < 3 || bytes[key.mv_size - 1] != '\0' ||
        record_decode_fact((enum fact_kind)(unsigned char)bytes[0], bytes + 1, val.mv_data,
                           val.mv_size, &value) != OK) {
        complain(verify, "fact %.*s: its record is damaged",
                 key.mv_size > 1 ? (int)key.mv_size - 1 : 0, bytes + 1);
    }
}

static const struct {
    enum store_table table;
    void (*check)(struct verify *verify, MDB_val key, MDB_val val);
} checks[] = {
    {TABLE_JOBS, check_job_record},     {TABLE_ATTEMPTS, check_attempt_record},
    {TABLE_EVENTS, check_event_record}, {TABLE_SPECS, check_spec_record},
    {TABLE_USERS, check_users_record},  {TABLE_SUBMISSIONS, check_submission_record},
    {TABLE_FACTS, check_fact_record},
};

int queue_verify_all(struct queue *queue, void (*problem)(void *context, const char *text),
                     void *context, uint64_t *out_problems) {
    struct verify verify = {.queue = queue, .problem = problem, .context = context};
    uint64_t damaged = 0;
    int r = store_begin_read(queue, &verify.txn);

    if (r == OK) {
        r = queue_each_job(queue, check_job, &verify, &damaged);
    }
    if (r == OK && verify.hash_count > 0) {
        qsort(verify.hashes, verify.hash_count, sizeof *verify.hashes, compare_hashes);
    }
    for (size_t i = 0; i < ARRAY_LEN(checks) && r == OK; i++) {
        r = store_err(each_record(&verify, checks[i].table, checks[i].check));
    }
    free(verify.hashes);
    if (r == OK) {
        *out_problems = verify.problems;
    }
    return r;
}

static void keep_first(void *context, const char *text) {
    (void)!error_set(context, ERR_CORRUPT, "%s", text);
}

int queue_verify(struct queue *queue, struct error *error) {
    struct error first = {0};
    uint64_t problems = 0;
    int r = queue_verify_all(queue, keep_first, &first, &problems);

    if (r < 0) {
        return error_set(error, r, "can't read the queue: %s", err_sentence(r));
    }
    return problems == 0 ? OK : error_set(error, ERR_CORRUPT, "%s", first.text);
}
