/* What the disk and LMDB alone can do, and what queue/ makes of it.
 *
 * raw_lmdb FOLDER SECONDS fsync    appends a page to a file and fdatasync()s it; prints how many
 *                                  a second
 * raw_lmdb FOLDER SECONDS commit BATCH [bulk]
 *
 * The latter commits so many submitted jobs a transaction: for a while through queue_commit(), and
 * for as long by LMDB alone, which puts the same keys and values into the same tables and commits
 * as often: they are what queue_commit() gave LMDB before, in a run that is not measured. bulk: one
 * submission record for all jobs of a commit. Prints both, jobs a second. No JSON, no HTTP, no
 * scheduling.
 */

#include <dlfcn.h>
#include <fcntl.h>
#include <inttypes.h>
#include <lmdb.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/ensure.h"
#include "base/memory.h"
#include "queue/queue.h"

#define BATCH_MAX  1000
#define TABLES_MAX 64
#define ROUNDS     4 /* by turns: the disk is not always the same */
#define BYTES_MAX  ((size_t)1 << 30)

/* --- What queue_commit() gives LMDB ----------------------------------------------------------- */

struct put {
    unsigned table;
    size_t key_bytes;
    size_t value_bytes;
};

/* The interposed mdb_put() has no other place for it. */
static struct {
    int (*real_put)(MDB_txn *, MDB_dbi, MDB_val *, MDB_val *, unsigned); /* found once */
    bool on;
    struct buf puts; /* of each: a struct put, the key, the value */
    size_t *ends;    /* in puts, of each commit */
    size_t end_count;
} record;

int mdb_put(MDB_txn *txn, MDB_dbi table, MDB_val *key, MDB_val *value, unsigned flags) {
    if (record.real_put == NULL) {
        void *found = dlsym(RTLD_NEXT, "mdb_put");

        memcpy(&record.real_put, &found, sizeof found);
    }
    if (record.on) {
        const struct put put = {table, key->mv_size, value->mv_size};

        buf_add(&record.puts, &put, sizeof put);
        buf_add(&record.puts, key->mv_data, key->mv_size);
        buf_add(&record.puts, value->mv_data, value->mv_size);
    }
    return record.real_put(txn, table, key, value, flags);
}

static void end_commit(void) {
    record.ends = mem_grow(record.ends, record.end_count + 1, sizeof *record.ends);
    record.ends[record.end_count++] = record.puts.bytes;
}

/* --- Commits ---------------------------------------------------------------------------------- */

struct batch {
    struct queue_change changes[3 * BATCH_MAX];
    char names[BATCH_MAX][32];
    char keys[BATCH_MAX][32];
    size_t count;
    struct spec spec;
};

static double seconds_since(int64_t start_us) {
    return (double)(clock_sample().mono_us - start_us) / 1e6;
}

/* As the benchmark's Spark application is stored: a text of 400 bytes that all jobs share. */
static void make_spec(struct spec *spec) {
    static char text[400];

    memset(text, 'x', sizeof text);
    *spec = (struct spec){.text = text,
                          .bytes = sizeof text,
                          .demand = "0123456789abcdef0123456789abcdef",
                          .demand_bytes = 32};
    digest_sha256(text, sizeof text, spec->hash);
}

static struct job job_of(uint64_t id, const char *name) {
    const int64_t now_us = INT64_C(1800000000000000) + (int64_t)id * 20;

    return (struct job){.id = id,
                        .name = name,
                        .namespace = "full",
                        .team = "full",
                        .submitter = "uid:0(root)",
                        .priority_class = "",
                        .window = "",
                        .kind = JOB_KIND_SPARK,
                        .state = JOB_QUEUED,
                        .ttl_s = 3600,
                        .submitted_us = now_us,
                        .eligible_us = now_us,
                        .event_count = 1,
                        .exit_code = -1};
}

static void add_submission(struct batch *batch, size_t at, uint64_t first_id, uint32_t count) {
    struct submission submission = {.key = batch->keys[at],
                                    .first_id = first_id,
                                    .count = count,
                                    .at_us = INT64_C(1800000000000000) + (int64_t)first_id * 20};

    (void)snprintf(batch->keys[at], sizeof batch->keys[at], "bench-%" PRIu64, first_id);
    digest_sha256(batch->keys[at], strlen(batch->keys[at]), submission.request_hash);
    batch->changes[batch->count++] =
        (struct queue_change){.kind = CHANGE_SUBMISSION_PUT, .submission = submission};
}

static void make_batch(struct batch *batch, uint64_t first_id, size_t jobs, bool is_bulk) {
    batch->count = 0;
    for (size_t i = 0; i < jobs; i++) {
        uint64_t id = first_id + i;

        (void)snprintf(batch->names[i], sizeof batch->names[i], "job-%08" PRIu64, id);
        batch->changes[batch->count++] = (struct queue_change){
            .kind = CHANGE_JOB_PUT, .job = job_of(id, batch->names[i]), .spec = &batch->spec};
        if (!is_bulk || i == 0) {
            add_submission(batch, i, id, is_bulk ? (uint32_t)jobs : 1);
        }
    }
}

static struct queue *must_open(const char *folder, const char *name) {
    char *path = mem_format("%s/%s", folder, name);
    struct queue *queue = NULL;
    struct error error = {0};

    if (queue_open(path, &error, &queue) != OK) {
        (void)fprintf(stderr, "raw_lmdb: %s\n", error.text);
        exit(1);
    }
    free(path);
    return queue;
}

/* Until the time is over, or, when `commits` is not 0, so many. Returns jobs a second of the time
 * that commits take: to make the jobs is not the queue's work, and LMDB alone is given its puts. */
static double run_queue(const char *folder, const char *name, double seconds, size_t commits,
                        size_t jobs, bool is_bulk) {
    struct queue *queue = must_open(folder, name);
    struct batch *batch = mem_alloc(1, sizeof *batch);
    struct error error = {0};
    uint64_t id = queue_next_id(queue);
    size_t done = 0;
    double spent = 0;

    make_spec(&batch->spec);
    for (; commits > 0 ? done < commits : spent < seconds; done++) {
        int64_t start_us;

        make_batch(batch, id, jobs, is_bulk);
        start_us = clock_sample().mono_us;
        ENSURE(queue_commit(queue, batch->changes, batch->count, &error) == OK);
        spent += seconds_since(start_us);
        id += jobs;
        if (record.on) {
            end_commit();
        }
    }
    queue_close(queue);
    free(batch);
    return (double)(done * jobs) / spent;
}

/* --- LMDB alone ------------------------------------------------------------------------------- */

static MDB_env *open_raw(const char *folder, int round, MDB_dbi tables[TABLES_MAX]) {
    char *path = mem_format("%s/raw-%d", folder, round);
    MDB_env *env;
    MDB_txn *txn;

    ENSURE(mkdir(path, 0700) == 0);
    ENSURE(mdb_env_create(&env) == 0);
    ENSURE(mdb_env_set_maxdbs(env, TABLES_MAX) == 0);
    ENSURE(mdb_env_set_mapsize(env, (size_t)8 << 30) == 0);
    ENSURE(mdb_env_open(env, path, MDB_NOTLS, 0600) == 0);
    ENSURE(mdb_txn_begin(env, NULL, 0, &txn) == 0);
    for (unsigned i = 0; i < TABLES_MAX; i++) {
        char name[16];

        (void)snprintf(name, sizeof name, "table-%u", i);
        ENSURE(mdb_dbi_open(txn, name, MDB_CREATE, &tables[i]) == 0);
    }
    ENSURE(mdb_txn_commit(txn) == 0);
    free(path);
    return env;
}

static void put_recorded(MDB_txn *txn, const MDB_dbi tables[TABLES_MAX], size_t from, size_t to) {
    while (from < to) {
        char *at = record.puts.data + from;
        struct put put;
        MDB_val key, value;

        memcpy(&put, at, sizeof put);
        key = (MDB_val){put.key_bytes, at + sizeof put};
        value = (MDB_val){put.value_bytes, at + sizeof put + put.key_bytes};
        ENSURE(put.table < TABLES_MAX);
        ENSURE(mdb_put(txn, tables[put.table], &key, &value, 0) == 0);
        from += sizeof put + put.key_bytes + put.value_bytes;
    }
}

static double run_raw(const char *folder, int round, double seconds, size_t jobs) {
    MDB_dbi tables[TABLES_MAX];
    MDB_env *env = open_raw(folder, round, tables);
    int64_t start_us = clock_sample().mono_us;
    size_t from = 0;
    size_t done = 0;
    double rate;

    for (; done < record.end_count && seconds_since(start_us) < seconds; done++) {
        MDB_txn *txn;

        ENSURE(mdb_txn_begin(env, NULL, 0, &txn) == 0);
        put_recorded(txn, tables, from, record.ends[done]);
        ENSURE(mdb_txn_commit(txn) == 0);
        from = record.ends[done];
    }
    rate = (double)(done * jobs) / seconds_since(start_us);
    mdb_env_close(env);
    return rate;
}

/* --- The disk --------------------------------------------------------------------------------- */

static double syncs_per_second(const char *folder, double seconds) {
    static const char page[4096] = {0};
    char *path = mem_format("%s/fsync", folder);
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    int64_t start_us = clock_sample().mono_us;
    unsigned count = 0;

    ENSURE(fd >= 0);
    for (; seconds_since(start_us) < seconds; count++) {
        ENSURE(write(fd, page, sizeof page) == (ssize_t)sizeof page);
        ENSURE(fdatasync(fd) == 0);
    }
    ENSURE(close(fd) == 0);
    free(path);
    return count / seconds_since(start_us);
}

/* More than the disk does in that time: a sync takes 100 us, a record 2. */
static size_t commits_to_record(double seconds, size_t jobs) {
    return (size_t)(seconds * 1e6 / (100 + 2 * (double)jobs)) + 1;
}

int main(int argc, char **argv) {
    double seconds = argc > 2 ? strtod(argv[2], NULL) : 0;
    size_t jobs = argc > 4 ? strtoul(argv[4], NULL, 10) : 0;
    double ours = 0;
    double raw = 0;

    if (argc == 4 && strcmp(argv[3], "fsync") == 0) {
        (void)printf("%.1f\n", syncs_per_second(argv[1], seconds));
        return 0;
    }
    if ((argc != 5 && argc != 6) || strcmp(argv[3], "commit") != 0 || jobs == 0 ||
        jobs > BATCH_MAX) {
        (void)fputs("usage: raw_lmdb FOLDER SECONDS fsync | commit BATCH [bulk]\n", stderr);
        return 2;
    }
    seconds /= ROUNDS;
    buf_init(&record.puts, BYTES_MAX);
    record.on = true;
    (void)run_queue(argv[1], "recorded", 0, commits_to_record(seconds, jobs), jobs, argc == 6);
    record.on = false;
    ENSURE(!record.puts.full);
    for (int round = 0; round < ROUNDS; round++) {
        ours += run_queue(argv[1], "queue", seconds, 0, jobs, argc == 6) / ROUNDS;
        raw += run_raw(argv[1], round, seconds, jobs) / ROUNDS;
    }
    (void)printf("%.1f %.1f\n", ours, raw);
    return 0;
}
