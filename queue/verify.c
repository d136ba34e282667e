#include <inttypes.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/memory.h"
#include "queue/record.h"
#include "queue/shelf.h"
#include "queue/store.h"
#include "queue/usage_check.h"

#define PROBLEM_BYTES 512

struct verify {
    struct queue *queue;
    MDB_txn *txn;
    void (*problem)(void *context, const char *text);
    void *context;
    uint64_t problems;
    struct usage_check *usage;
    struct map users[SHELF_COUNT]; /* number -> how many jobs refer to it, as the pointer's value */
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

    if (attempt->number == history->job->attempt) {
        usage_check_add_attempt(history->verify->usage, history->job, attempt);
    }
    history->attempts++;
    if (history->job->retry.always && history->attempts == 1) {
        history->attempts = attempt->number; /* What was before is forgotten. */
    }
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

    if (history->job->retry.always && history->events == 1) { /* The first one is implied. */
        history->events = event->sequence;
        history->state = event->state;
    }
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

/* --- What jobs share ------------------------------------------------------------------------- */

static uint64_t users_of(const void *context, uint64_t number) {
    return (uintptr_t)map_get_id(context, number);
}

static void count_user(struct verify *verify, enum shelf shelf, uint64_t number) {
    struct map *users = &verify->users[shelf];

    if (number != 0) {
        (void)map_put_id(users, number, (void *)(uintptr_t)(users_of(users, number) + 1));
    }
}

static void count_users(struct verify *verify, const struct queue_job *stored) {
    count_user(verify, SHELF_TERMS, stored->terms);
    count_user(verify, SHELF_SPECS, stored->spec);
    count_user(verify, SHELF_DEMANDS, stored->demand);
}

static void on_problem(void *context, const char *text) {
    complain(context, "%s", text);
}

static int check_shelves(struct verify *verify) {
    int r = OK;

    for (size_t i = 0; i < SHELF_COUNT && r == OK; i++) {
        r = shelf_verify(verify->queue, &(struct shelf_check){.shelf = (enum shelf)i,
                                                              .users_of = users_of,
                                                              .users = &verify->users[i],
                                                              .problem = on_problem,
                                                              .context = verify});
    }
    return r;
}

static int check_job(void *context, const struct queue_job *stored) {
    const struct job *job = stored->job;
    struct verify *verify = context;
    struct history history = {.verify = verify, .job = job};
    const void *bytes;
    size_t count;

    count_users(verify, stored);
    if (shelf_look(verify->queue, SHELF_SPECS, stored->spec, &bytes, &count) == MDB_NOTFOUND) {
        complain(verify, "job %" PRIu64 ": its spec is missing", job->id);
    }
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
    struct stored_job job;

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

static int take_usage(void *context, const struct fact *fact) {
    const struct verify *verify = context;

    usage_check_add_fact(verify->usage, fact);
    return OK;
}

static void check_meta_record(struct verify *verify, MDB_val key, MDB_val val) {
    if (!meta_is_whole(key, val)) {
        complain(verify, "the queue's own record: %.*s is damaged", (int)key.mv_size,
                 (const char *)key.mv_data);
    }
}

static const struct {
    enum store_table table;
    void (*check)(struct verify *verify, MDB_val key, MDB_val val);
} checks[] = {
    {TABLE_JOBS, check_job_record},     {TABLE_ATTEMPTS, check_attempt_record},
    {TABLE_EVENTS, check_event_record}, {TABLE_SUBMISSIONS, check_submission_record},
    {TABLE_FACTS, check_fact_record},   {TABLE_META, check_meta_record},
};

int queue_verify_all(struct queue *queue, void (*problem)(void *context, const char *text),
                     void *context, uint64_t *out_problems) {
    struct verify verify = {
        .queue = queue, .problem = problem, .context = context, .usage = usage_check_create()};
    uint64_t damaged = 0;
    int r = store_begin_read(queue, &verify.txn);

    if (r == OK) {
        r = queue_each_fact(queue, FACT_USAGE, take_usage, &verify, &damaged);
    }
    if (r == OK) {
        r = queue_each_stored(queue, check_job, &verify, &damaged);
    }
    for (size_t i = 0; i < ARRAY_LEN(checks) && r == OK; i++) {
        r = store_err(each_record(&verify, checks[i].table, checks[i].check));
    }
    if (r == OK) {
        r = check_shelves(&verify);
    }
    if (r == OK) {
        usage_check_tell(verify.usage, on_problem, &verify);
    }
    for (size_t i = 0; i < SHELF_COUNT; i++) {
        map_finish(&verify.users[i]);
    }
    usage_check_destroy(verify.usage);
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
