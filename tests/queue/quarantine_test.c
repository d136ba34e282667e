/* A damaged record is moved aside and reported; the rest goes on, and nothing is guessed. */
#include <lmdb.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "tests/queue/history.h"
#include "tests/test.h"

/* Flip a bit of a record's last byte, or of its only one. */
static void damage(const char *folder, const char *table, const void *key, size_t key_bytes) {
    MDB_val at = {.mv_size = key_bytes, .mv_data = (void *)(uintptr_t)key};
    MDB_val val;
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi dbi;
    char *copy;

    CHECK_EQ(mdb_env_create(&env), 0, table);
    CHECK_EQ(mdb_env_set_maxdbs(env, 2), 0, table);
    CHECK_EQ(mdb_env_open(env, folder, 0, 0600), 0, table);
    CHECK_EQ(mdb_txn_begin(env, NULL, 0, &txn), 0, table);
    CHECK_EQ(mdb_dbi_open(txn, table, 0, &dbi), 0, table);
    CHECK_EQ(mdb_get(txn, dbi, &at, &val), 0, table);
    copy = mem_alloc(val.mv_size, 1);
    memcpy(copy, val.mv_data, val.mv_size);
    copy[val.mv_size - 1] ^= 0x10;
    val.mv_data = copy;
    CHECK_EQ(mdb_put(txn, dbi, &at, &val, 0), 0, table);
    CHECK_EQ(mdb_txn_commit(txn), 0, table);
    mdb_env_close(env);
    free(copy);
}

static void join_name(void *context, const char *name) {
    buf_add_format(context, "%s ", name);
}

static char *quarantine(struct queue *queue) {
    struct error error = {0};
    struct buf names;

    buf_init(&names, 4096);
    CHECK_EQ(queue_quarantine(queue, join_name, &names, &error), OK, error.text);
    return buf_take_text(&names);
}

static int count_attempt(void *context, const struct attempt *attempt) {
    (void)attempt;
    ++*(size_t *)context;
    return OK;
}

static int count_event(void *context, const struct job_event *event) {
    (void)event;
    ++*(size_t *)context;
    return OK;
}

struct seen {
    size_t jobs, attempts, events; /* the last two of job 1 */
    uint64_t damaged;
};

static int count_job(void *context, const struct job *job) {
    (void)job;
    ((struct seen *)context)->jobs++;
    return OK;
}

static struct seen look(struct queue *queue) {
    struct seen seen = {0};

    CHECK_OK(queue_each_job(queue, count_job, &seen, &seen.damaged), "jobs");
    CHECK_OK(queue_each_attempt(queue, 1, count_attempt, &seen.attempts), "attempts");
    CHECK_OK(queue_each_event(queue, 1, 0, count_event, &seen.events), "events");
    return seen;
}

/* Two jobs of one spec; the first has two attempts and three events. */
static char *make_queue(const char *name) {
    char *folder = mem_format("%s/%s", test_folder(), name);
    struct history history[HISTORY_COMMITS];
    struct queue *queue = history_must_open(folder);

    history_fill(history);
    for (size_t i = 0; i < 3; i++) {
        history_must_commit(queue, &history[i]);
    }
    queue_close(queue);
    return folder;
}

static const unsigned char first_key[8] = {0, 0, 0, 0, 0, 0, 0, 1};
static const unsigned char job_key[8] = {0, 0, 0, 0, 0, 0, 0, 1};
static const unsigned char attempt_key[12] = {0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2};
static const unsigned char event_key[12] = {0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1};

TEST(queue__goes_on_without_a_damaged_record) {
    static const struct {
        const char *what;
        const char *table;
        const void *key;
        size_t key_bytes;
        const char *name;
        struct seen seen;
    } rows[] = {
        {"a job", "jobs", job_key, 8, "jobs/1 ", {1, 2, 3, 1}},
        {"an attempt", "attempts", attempt_key, 12, "attempts/1/2 ", {2, 1, 3, 0}},
        {"an event", "events", event_key, 12, "events/1/1 ", {2, 2, 2, 0}},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char *folder = make_queue(rows[i].table);
        struct queue_stats stats;
        struct queue *queue;
        struct seen seen;
        char *names;

        damage(folder, rows[i].table, rows[i].key, rows[i].key_bytes);
        queue = history_must_open(folder);
        for (int round = 0; round < 2; round++) {
            seen = look(queue);
            CHECK_EQ(seen.jobs, rows[i].seen.jobs, rows[i].what);
            CHECK_EQ(seen.attempts, rows[i].seen.attempts, rows[i].what);
            CHECK_EQ(seen.events, rows[i].seen.events, rows[i].what);
            CHECK_EQ(seen.damaged, round == 0 ? rows[i].seen.damaged : 0, rows[i].what);
            CHECK_EQ(queue_has_damage(queue), round == 0, "found once");
            names = quarantine(queue);
            CHECK_STR(names, round == 0 ? rows[i].name : "", rows[i].what);
            free(names);
        }
        queue_close(queue);
        queue = history_must_open(folder);
        CHECK_OK(queue_get_stats(queue, &stats), "stats");
        CHECK_EQ(stats.quarantined, 1, "it is still there");
        queue_close(queue);
        free(folder);
    }
}

/* Nobody has read it before it is written over, or dropped. */
TEST(queue_commit__goes_on_over_a_damaged_record) {
    static const char *const tables[] = {"jobs", "texts-users"};
    struct history history[HISTORY_COMMITS];

    history_fill(history);
    for (size_t i = 0; i < 2 * ARRAY_LEN(tables); i++) {
        char *name = mem_format("over-%d", (int)i);
        char *folder = make_queue(name);
        const char *table = tables[i % 2];
        const struct queue_change *job = &history[2].changes[1];
        struct history change = {{i < 2 ? *job : history[3].changes[0]}, 1};
        struct queue *queue;
        char *names;

        CHECK_EQ(job->kind, CHANGE_JOB_PUT, "job 1");
        damage(folder, table, first_key, sizeof first_key);
        queue = history_must_open(folder);
        history_must_commit(queue, &change);
        CHECK_EQ(look(queue).jobs, i < 2 ? 2 : 1, "written or dropped");
        names = quarantine(queue);
        CHECK(strncmp(names, table, i == 1 ? 0 : strlen(table)) == 0, names);
        free(names);
        queue_close(queue);
        free(folder);
        free(name);
    }
}

TEST(queue_get_spec__quarantines_a_damaged_one) {
    char *folder = make_queue("spec");
    struct history history[HISTORY_COMMITS];
    struct queue_change again;
    struct error error = {0};
    struct queue *queue;
    struct buf text;
    char *names;

    history_fill(history);
    damage(folder, "texts", first_key, sizeof first_key);
    queue = history_must_open(folder);
    buf_init(&text, 4096);
    CHECK_EQ(queue_get_spec(queue, 1, &text), ERR_CORRUPT, "told");
    names = quarantine(queue);
    CHECK(strncmp(names, "texts/", 6) == 0, names);
    CHECK_EQ(queue_get_spec(queue, 1, &text), ERR_NOT_FOUND, "gone");
    again = history[0].changes[1];
    again.job.id = 9;
    again.job.state = JOB_QUEUED;
    history_must_commit(queue, &(struct history){{again}, 1});
    CHECK_OK(queue_get_spec(queue, 2, &text), "somebody submits the same again");
    CHECK_EQ(queue_verify(queue, &error), OK, error.text);
    free(names);
    buf_finish(&text);
    queue_close(queue);
    free(folder);
}

/* A count is counted anew, terms come back with the next job that has them. */
TEST(queue_commit__mends_what_jobs_share) {
    static const char *const tables[] = {"texts-users", "terms-users", "terms", "demands"};

    for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
        char *folder = make_queue(tables[i]);
        struct history history[HISTORY_COMMITS];
        struct queue_change changes[3];
        struct error error = {0};
        struct queue *queue;

        history_fill(history);
        changes[0] = changes[1] = history[0].changes[1];
        changes[0].job.id = 8;
        changes[1].job.id = 9;
        changes[0].job.state = changes[1].job.state = JOB_QUEUED;
        changes[2] = (struct queue_change){.kind = CHANGE_JOB_DROP, .job_id = 8};
        damage(folder, tables[i], first_key, sizeof first_key);
        queue = history_must_open(folder);
        history_must_commit(queue, &(struct history){{changes[0], changes[1], changes[2]}, 3});
        free(quarantine(queue));
        CHECK_EQ(look(queue).jobs, 3, tables[i]);
        CHECK_EQ(queue_verify(queue, &error), OK, error.text);
        queue_close(queue);
        free(folder);
    }
}

/* It was used: to take it for a new one would make its jobs twice. */
TEST(queue_get_submission__never_forgets_a_damaged_key) {
    char *folder = make_queue("key");
    struct submission submission;
    struct queue *queue;
    char *names;

    damage(folder, "submissions", "tuesday", 7);
    queue = history_must_open(folder);
    CHECK_EQ(queue_get_submission(queue, "tuesday", &submission), ERR_CORRUPT, "found damaged");
    names = quarantine(queue);
    CHECK_STR(names, "submissions/tuesday ", "moved");
    CHECK_EQ(queue_get_submission(queue, "tuesday", &submission), ERR_CORRUPT, "and remembered");
    CHECK_EQ(queue_get_submission(queue, "friday", &submission), ERR_NOT_FOUND, "another one");
    free(names);
    queue_close(queue);
    free(folder);
}

static int print_damage(void *context, const struct queue_damage *found) {
    buf_add_format(context, "%s: %s, %d bytes; ", found->name, found->reason, found->count > 0);
    return OK;
}

TEST(queue_drop_quarantined__drops_one_or_all) {
    char *folder = make_queue("drop");
    struct error error = {0};
    struct queue_stats stats;
    struct queue *queue;
    struct buf text;

    damage(folder, "jobs", job_key, 8);
    damage(folder, "attempts", attempt_key, 12);
    damage(folder, "events", event_key, 12);
    queue = history_must_open(folder);
    (void)look(queue);
    free(quarantine(queue));
    buf_init(&text, 4096);
    CHECK_OK(queue_each_quarantined(queue, print_damage, &text), "listed");
    CHECK_STR(buf_text(&text),
              "attempts/1/2: its checksum or its form is wrong, 1 bytes; "
              "events/1/1: its checksum or its form is wrong, 1 bytes; "
              "jobs/1: its checksum or its form is wrong, 1 bytes; ",
              "all three");
    CHECK_EQ(queue_drop_quarantined(queue, "jobs/2", &error), ERR_NOT_FOUND, "not in there");
    error = (struct error){0};
    CHECK_EQ(queue_drop_quarantined(queue, "jobs/1", &error), OK, error.text);
    CHECK_OK(queue_get_stats(queue, &stats), "stats");
    CHECK_EQ(stats.quarantined, 2, "one less");
    CHECK_EQ(queue_drop_quarantined(queue, NULL, &error), OK, error.text);
    CHECK_OK(queue_get_stats(queue, &stats), "stats");
    CHECK_EQ(stats.quarantined, 0, "none");
    buf_finish(&text);
    queue_close(queue);
    free(folder);
}
