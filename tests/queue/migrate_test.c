/* A queue of format 1, as its last daemon left it, becomes one of ours: all of it or nothing. */
#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/memory.h"
#include "base/rng.h"
#include "tests/queue/disk.h"
#include "tests/queue/history.h"
#include "tests/test.h"

#define FIXTURE "tests/fixtures/queue/v1.mdb.gz"
#define JOBS    35 /* in it */
#define CHANCES 3

static void unpack(const char *path) {
    gzFile from = gzopen(FIXTURE, "rb");
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    char bytes[65536];
    int count;

    CHECK(from != NULL && fd >= 0, path);
    while ((count = gzread(from, bytes, sizeof bytes)) > 0) {
        CHECK_EQ(write(fd, bytes, (size_t)count), count, "unpacked");
    }
    CHECK_EQ(gzclose(from), Z_OK, "all of it");
    (void)close(fd);
}

/* A folder with the old file. The caller frees the name. */
static char *old_queue(const char *name) {
    char *folder = mem_format("%s/%s", test_folder(), name);
    char *path = mem_format("%s/data.mdb", folder);

    (void)mkdir(folder, 0700);
    unpack(path);
    free(path);
    return folder;
}

/* What it holds after its migration. The caller frees it. */
static char *migrated_text(void) {
    char *folder = old_queue("model");
    struct queue *queue = history_must_open(folder);
    char *text;

    CHECK_EQ(queue_migrated_from(queue), 1, "it says so");
    text = history_describe(queue);
    queue_close(queue);
    free(folder);
    return text;
}

TEST(queue_open__migrates_format_1) {
    char *folder = old_queue("old");
    char *text = migrated_text();
    struct queue *queue = history_must_open(folder);
    struct queue_stats stats;

    history_check_holds(queue, text, "twice the same");
    CHECK_OK(queue_get_stats(queue, &stats), "stats");
    CHECK_EQ(stats.jobs, JOBS, "all jobs");
    CHECK_EQ(queue_next_id(queue), 39, "the ids go on");
    CHECK(strstr(text, "retried default RUNNING") == NULL, "states are kept");
    CHECK(strstr(text, "job 5 default/retried etl SUCCEEDED 3 ") != NULL, "attempts");
    CHECK(strstr(text, "job 31 default/waiting default RETRY_WAIT 1 ") != NULL, "waiting");
    CHECK(strstr(text, " key bulk 34 5") != NULL, "idempotency keys");
    queue_close(queue);
    queue = history_must_open(folder);
    CHECK_EQ(queue_migrated_from(queue), 0, "once");
    history_check_holds(queue, text, "and it stays so");
    queue_close(queue);
    free(text);
    free(folder);
}

static bool fail_once(enum disk_layer layer, int code, int nth, const char *want) {
    char *name = mem_format("f%d-%d-%d", (int)layer, code, nth);
    char *folder = old_queue(name);
    struct error error = {0};
    struct queue *queue = NULL;

    disk_arm(layer, nth, code, true);
    if (queue_open(folder, &error, &queue) == OK) {
        queue_close(queue);
    } else {
        CHECK(error.text[0] != '\0', "with words");
    }
    disk_disarm();
    queue = history_must_open(folder);
    history_check_holds(queue, want, "migrated at last");
    queue_close(queue);
    free(folder);
    free(name);
    return disk_was_hit();
}

TEST_WITHIN(queue_open__migrates_though_its_nth_call_failed_before, 120) {
    char *text = migrated_text();
    int nth = 1;

    while (fail_once(DISK_SYSTEM, ENOSPC, nth, text)) {
        nth++;
    }
    CHECK(nth > 3, "it writes");
    for (nth = 1; fail_once(DISK_CACHE, EIO, nth, text); nth++) {
    }
    for (nth = 1; fail_once(DISK_LMDB, EIO, nth, text); nth += 7) {
    }
    CHECK(nth > 100, "every record is put");
    free(text);
}

/* Killed is like a power loss where all that was written has come through. */
TEST_WITHIN(queue_open__migrates_all_or_nothing_when_the_power_goes, 120) {
    char *base = mem_format("%s/base.mdb", test_folder());
    char *image = mem_format("%s/image", test_folder());
    char *folder = old_queue("recorded");
    char *text = migrated_text();
    struct rng rng;
    struct queue *queue;

    unpack(base);
    rng_init(&rng, 1);
    disk_record(true);
    queue = history_must_open(folder);
    disk_record(false);
    queue_close(queue);
    CHECK(disk_op_count() > 3, "it wrote");
    for (size_t count = 0; count <= disk_op_count(); count++) {
        for (int i = 0; i < 2 + CHANCES; i++) {
            disk_make_image(image, base, count,
                            i == 0   ? DISK_ALL
                            : i == 1 ? DISK_NONE
                                     : DISK_CHANCE,
                            &rng);
            queue = history_must_open(image);
            history_check_holds(queue, text, "the old one, which is migrated, or the new one");
            queue_close(queue);
        }
    }
    disk_record(true);
    disk_record(false);
    free(base);
    free(image);
    free(folder);
    free(text);
}

/* As if a later nightshift had been here. */
static void write_format(const char *folder, const char *format) {
    MDB_val key = {.mv_size = 6, .mv_data = (char[]){"format~"}};
    MDB_val val = {.mv_size = strlen(format), .mv_data = (void *)(uintptr_t)format};
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi meta;

    CHECK_EQ(mdb_env_create(&env), 0, "env");
    CHECK_EQ(mdb_env_set_maxdbs(env, 2), 0, "env");
    CHECK_EQ(mdb_env_open(env, folder, 0, 0600), 0, "env");
    CHECK_EQ(mdb_txn_begin(env, NULL, 0, &txn), 0, "txn");
    CHECK_EQ(mdb_dbi_open(txn, "meta", 0, &meta), 0, "table");
    CHECK_EQ(mdb_put(txn, meta, &key, &val, 0), 0, "put");
    key.mv_size++;
    CHECK_EQ(mdb_put(txn, meta, &key, &val, 0), 0, "put its copy");
    CHECK_EQ(mdb_txn_commit(txn), 0, "commit");
    mdb_env_close(env);
}

TEST(queue_open__refuses_what_it_does_not_know) {
    static const struct {
        const char *what;
        const char *format;
        const char *words;
    } rows[] = {
        {"the next one", "nightshift-queue-3", "of a later nightshift"},
        {"a much later one", "nightshift-queue-99", "it has format 99"},
        {"another program's", "dinner", "not a queue of nightshift's"},
        {"no number", "nightshift-queue-2x", "not a queue of nightshift's"},
        {"zero", "nightshift-queue-0", "not a queue of nightshift's"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char *name = mem_format("r%d", (int)i);
        char *folder = old_queue(name);
        struct error error = {0};
        struct queue *queue = NULL;

        write_format(folder, rows[i].format);
        CHECK_EQ(queue_open(folder, &error, &queue), ERR_CORRUPT, rows[i].what);
        CHECK(strstr(error.text, rows[i].words) != NULL, error.text);
        free(folder);
        free(name);
    }
}
