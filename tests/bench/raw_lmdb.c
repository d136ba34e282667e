/* What the disk and LMDB alone can do: the bound that durable submissions are measured against.
 *
 * raw_lmdb FOLDER SECONDS fsync            appends a page to a file and fdatasync()s it
 * raw_lmdb FOLDER SECONDS commit BATCH     commits so many jobs' records in each transaction:
 *                                          the tables, keys and sizes of the daemon's queue
 * raw_lmdb FOLDER SECONDS commit BATCH bulk    the same, one submission record for all of them
 *
 * Prints how many syncs, or jobs, a second. No JSON, no HTTP, no scheduling.
 */

#include <fcntl.h>
#include <lmdb.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/ensure.h"
#include "base/memory.h"

/* As queue/record.c has them for the benchmark's job. */
#define JOB_BYTES        212
#define EVENT_BYTES      54
#define SUBMISSION_BYTES 60
#define USERS_BYTES      12
#define SUBMISSION_KEY   "bench-000000000000"

enum table {
    TABLE_META,
    TABLE_JOBS,
    TABLE_EVENTS,
    TABLE_USERS,
    TABLE_SUBMISSIONS,
    TABLE_COUNT,
};

struct raw {
    MDB_env *env;
    MDB_dbi tables[TABLE_COUNT];
    unsigned char key[32];
    unsigned char value[512];
};

static double seconds_since(int64_t start_us) {
    return (double)(clock_sample().mono_us - start_us) / 1e6;
}

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

static void open_tables(struct raw *raw, const char *folder) {
    static const char *const names[TABLE_COUNT] = {"meta", "jobs", "events", "users",
                                                   "submissions"};
    MDB_txn *txn;

    ENSURE(mdb_env_create(&raw->env) == 0);
    ENSURE(mdb_env_set_maxdbs(raw->env, TABLE_COUNT) == 0);
    ENSURE(mdb_env_set_mapsize(raw->env, (size_t)8 << 30) == 0);
    ENSURE(mdb_env_open(raw->env, folder, MDB_NOTLS, 0600) == 0);
    ENSURE(mdb_txn_begin(raw->env, NULL, 0, &txn) == 0);
    for (size_t i = 0; i < TABLE_COUNT; i++) {
        ENSURE(mdb_dbi_open(txn, names[i], MDB_CREATE, &raw->tables[i]) == 0);
    }
    ENSURE(mdb_txn_commit(txn) == 0);
}

static void put(struct raw *raw, MDB_txn *txn, enum table table, MDB_val key, size_t bytes) {
    MDB_val val = {.mv_size = bytes, .mv_data = raw->value};

    ENSURE(mdb_put(txn, raw->tables[table], &key, &val, 0) == 0);
}

static MDB_val id_key(struct raw *raw, unsigned long id, size_t bytes) {
    memset(raw->key, 0, sizeof raw->key);
    for (size_t i = 0; i < 8; i++) {
        raw->key[i] = (unsigned char)(id >> (8 * (7 - i)));
    }
    return (MDB_val){.mv_size = bytes, .mv_data = raw->key};
}

static void put_submission(struct raw *raw, MDB_txn *txn, unsigned long id) {
    char key[32];
    int bytes = snprintf(key, sizeof key, "bench-%lu", id);

    put(raw, txn, TABLE_SUBMISSIONS, (MDB_val){.mv_size = (size_t)bytes, .mv_data = key},
        SUBMISSION_BYTES);
}

static void commit_batch(struct raw *raw, unsigned long first, unsigned long count, bool is_bulk) {
    MDB_txn *txn;

    ENSURE(mdb_txn_begin(raw->env, NULL, 0, &txn) == 0);
    for (unsigned long id = first; id < first + count; id++) {
        put(raw, txn, TABLE_USERS, id_key(raw, 1, 32), USERS_BYTES);
        put(raw, txn, TABLE_JOBS, id_key(raw, id, 8), JOB_BYTES);
        put(raw, txn, TABLE_EVENTS, id_key(raw, id, 12), EVENT_BYTES);
        if (!is_bulk || id == first) {
            put_submission(raw, txn, id);
        }
    }
    put(raw, txn, TABLE_META, id_key(raw, 1, 8), 8);
    ENSURE(mdb_txn_commit(txn) == 0);
}

static double jobs_per_second(const char *folder, double seconds, unsigned long batch,
                              bool is_bulk) {
    struct raw raw = {.env = NULL};
    unsigned long id = 1;
    int64_t start_us;

    memset(raw.value, 'x', sizeof raw.value);
    open_tables(&raw, folder);
    start_us = clock_sample().mono_us;
    for (; seconds_since(start_us) < seconds; id += batch) {
        commit_batch(&raw, id, batch, is_bulk);
    }
    mdb_env_close(raw.env);
    return (double)(id - 1) / seconds_since(start_us);
}

int main(int argc, char **argv) {
    if (argc == 4 && strcmp(argv[3], "fsync") == 0) {
        (void)printf("%.1f\n", syncs_per_second(argv[1], strtod(argv[2], NULL)));
        return 0;
    }
    if ((argc == 5 || argc == 6) && strcmp(argv[3], "commit") == 0) {
        (void)printf("%.1f\n", jobs_per_second(argv[1], strtod(argv[2], NULL),
                                               strtoul(argv[4], NULL, 10), argc == 6));
        return 0;
    }
    (void)fputs("usage: raw_lmdb FOLDER SECONDS fsync | commit BATCH [bulk]\n", stderr);
    return 2;
}
