#include "queue/store.h"

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/ensure.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/rng.h"
#include "queue/journal.h"
#include "queue/pages.h"
#include "queue/shelf.h"
#include "queue/writer.h"

#define READ_PATIENCE_MS 200 /* for a writer that has the file */

static const char *const table_names[TABLE_COUNT] = {
    [TABLE_META] = "meta",
    [TABLE_JOBS] = "jobs",
    [TABLE_ATTEMPTS] = "attempts",
    [TABLE_EVENTS] = "events",
    [TABLE_TERMS] = "terms",
    [TABLE_TERMS_INDEX] = "terms-index",
    [TABLE_TERMS_USERS] = "terms-users",
    [TABLE_SPECS] = "texts",
    [TABLE_SPECS_INDEX] = "texts-index",
    [TABLE_SPECS_USERS] = "texts-users",
    [TABLE_DEMANDS] = "demands",
    [TABLE_DEMANDS_INDEX] = "demands-index",
    [TABLE_DEMANDS_USERS] = "demands-users",
    [TABLE_SUBMISSIONS] = "submissions",
    [TABLE_FACTS] = "facts",
    [TABLE_QUARANTINE] = "quarantine",
};

const char *store_table_name(enum store_table table) {
    return table_names[table];
}

int store_err(int code) {
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
int store_fail(struct error *error, int code, const char *doing) {
    int r = store_err(code);

    return r == OK ? OK : error_set(error, r, "%s: %s", doing, mdb_strerror(code));
}

/* --- Keys ------------------------------------------------------------------------------- */

static void put_big_endian(unsigned char *out, uint64_t value, size_t bytes) {
    for (size_t i = 0; i < bytes; i++) {
        out[i] = (unsigned char)(value >> (8 * (bytes - 1 - i)));
    }
}

static uint64_t get_big_endian(MDB_val key, size_t from, size_t to) {
    const unsigned char *bytes = key.mv_data;
    uint64_t value = 0;

    for (size_t i = from; i < to && i < key.mv_size; i++) {
        value = value << 8 | bytes[i];
    }
    return value;
}

uint64_t store_key_id(MDB_val key) {
    return get_big_endian(key, 0, 8);
}

uint32_t store_key_part(MDB_val key) {
    return (uint32_t)get_big_endian(key, 8, 12);
}

MDB_val store_id_key(struct store_key *key, uint64_t id) {
    put_big_endian(key->bytes, id, 8);
    return (MDB_val){.mv_size = 8, .mv_data = key->bytes};
}

MDB_val store_part_key(struct store_key *key, uint64_t id, uint32_t part) {
    put_big_endian(key->bytes, id, 8);
    put_big_endian(key->bytes + 8, part, 4);
    return (MDB_val){.mv_size = 12, .mv_data = key->bytes};
}

MDB_val store_fact_key(struct store_key *key, enum fact_kind kind, const char *text) {
    size_t bytes = strlen(text) + 1;

    ENSURE(bytes > 1 && bytes - 1 <= FACT_KEY_BYTES);
    key->bytes[0] = (unsigned char)kind;
    memcpy(key->bytes + 1, text, bytes);
    return (MDB_val){.mv_size = 1 + bytes, .mv_data = key->bytes};
}

MDB_val store_val(const void *bytes, size_t count) {
    return (MDB_val){.mv_size = count, .mv_data = (void *)(uintptr_t)bytes};
}

/* --- The file -------------------------------------------------------------------------------- */

int store_sync_folder(const char *folder, struct error *error) {
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int r = OK;

    if (fd < 0 || fsync(fd) != 0) {
        r = error_set(error, ERR_IO, "can't sync the folder %s: %s", folder, strerror(errno));
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return r;
}

/* The new folder's name is durable, too. */
int store_make_folder(const char *folder, struct error *error) {
    char *parent;
    char *slash;
    int r;

    if (mkdir(folder, 0700) != 0) {
        return errno == EEXIST ? OK
                               : error_set(error, ERR_IO, "can't make the folder %s: %s", folder,
                                           strerror(errno));
    }
    parent = mem_copy_text(folder);
    slash = strrchr(parent, '/');
    if (slash != NULL && slash != parent) {
        *slash = '\0';
    }
    r = store_sync_folder(slash == NULL ? "." : slash == parent ? "/" : parent, error);
    free(parent);
    return r;
}

int store_lock_folder(const char *folder, int *out_fd, struct error *error) {
    char *path = mem_format("%s/lock", folder);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    int r = OK;

    if (fd < 0) {
        r = error_set(error, ERR_IO, "%s: %s", path, strerror(errno));
    } else if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        r = error_set(error, ERR_BUSY, "%s: another process has this queue open", folder);
        (void)close(fd);
    } else {
        *out_fd = fd;
    }
    free(path);
    return r;
}

static int open_environment(struct queue *queue, struct error *error) {
    int r = mdb_env_create(&queue->env);

    if (r == 0) {
        r = mdb_env_set_maxdbs(queue->env, TABLE_COUNT + STORE_OLD_TABLES);
    }
    if (r == 0) {
        r = mdb_env_set_mapsize(queue->env, queue->map_bytes);
    }
    if (r == 0) {
        r = mdb_env_open(queue->env, queue->folder, MDB_NOTLS, 0600);
    }
    return store_fail(error, r, "can't open the queue's file");
}

int store_check_size(MDB_env *env, struct error *error) {
    MDB_envinfo info;
    struct stat file;
    MDB_stat stat;
    int fd;
    int r = mdb_env_stat(env, &stat);

    r = r != 0 ? r : mdb_env_info(env, &info);
    r = r != 0 ? r : mdb_env_get_fd(env, &fd);
    if (r != 0 || fstat(fd, &file) != 0) {
        return error_set(error, ERR_IO, "can't read the queue's file");
    }
    if ((uint64_t)file.st_size < (info.me_last_pgno + 1) * (uint64_t)stat.ms_psize) {
        return error_set(error, ERR_CORRUPT, "the queue's file is cut: %lld bytes are left of %llu",
                         (long long)file.st_size,
                         (unsigned long long)(info.me_last_pgno + 1) * stat.ms_psize);
    }
    return OK;
}

/* The first pages say which commit is the last one. When writing them failed, what the system has
 * in memory may never get to the disk, though it now reads like that (and like clean memory):
 * write what we are about to believe, and believe it once it is on disk. */
static int settle(struct queue *queue, struct error *error) {
    MDB_stat stat;
    size_t bytes;
    char *pages;
    int fd;
    int r = mdb_env_stat(queue->env, &stat);

    r = r != 0 ? r : mdb_env_get_fd(queue->env, &fd);
    if (r != 0) {
        return store_fail(error, r, "can't read the queue's file");
    }
    bytes = 2 * (size_t)stat.ms_psize;
    pages = mem_alloc(bytes, 1);
    errno = EIO; /* Of a read or write that is short. */
    if (pread(fd, pages, bytes, 0) != (ssize_t)bytes ||
        pwrite(fd, pages, bytes, 0) != (ssize_t)bytes || fdatasync(fd) != 0) {
        r = error_set(error, ERR_IO, "can't write the first pages of the queue's file: %s",
                      strerror(errno));
    }
    free(pages);
    return r;
}

int store_open_tables(struct queue *queue, MDB_txn *txn) {
    for (size_t i = 0; i < TABLE_COUNT; i++) {
        int r = mdb_dbi_open(txn, table_names[i], MDB_CREATE, &queue->tables[i]);

        if (r != 0) {
            return r;
        }
    }
    return 0;
}

static int begin(struct queue *queue) {
    int r;

    (void)mdb_reader_check(queue->env, NULL); /* One that was killed would keep pages. */
    r = mdb_txn_begin(queue->env, NULL, 0, &queue->txn);

    if (r != 0) {
        queue->txn = NULL;
    }
    return r;
}

/* A transaction that is committed has ended, whatever came of it. */
static int end(struct queue *queue) {
    MDB_txn *txn = queue->txn;

    queue->txn = NULL;
    journal_drop(queue->journal);
    return mdb_txn_commit(txn);
}

/* The tables are there, in our format; what had to be made or migrated is committed. */
static int prepare_tables(struct queue *queue, struct error *error) {
    int r = store_fail(error, begin(queue), "can't begin a transaction");

    if (r == OK) {
        r = store_fail(error, store_open_tables(queue, queue->txn),
                       "can't open the queue's tables");
    }
    if (r == OK) {
        r = format_read(queue, error);
    }
    return r == OK ? store_fail(error, end(queue), "can't write the queue's file") : r;
}

static int replay_op(void *context, const struct journal_op *op) {
    struct queue *queue = context;
    MDB_val key = store_val(op->key, op->key_bytes);
    MDB_val val = store_val(op->value, op->value_bytes);
    int r;

    if (op->table >= TABLE_COUNT) {
        return MDB_CORRUPTED;
    }
    if (op->is_delete) {
        r = mdb_del(queue->txn, queue->tables[op->table], &key, NULL);
        return r == MDB_NOTFOUND ? 0 : r;
    }
    return mdb_put(queue->txn, queue->tables[op->table], &key, &val, 0);
}

/* Begin the transaction of what only the journal has. */
static int play_journal(struct queue *queue, struct error *error) {
    int r = begin(queue);

    if (r != 0) {
        return store_fail(error, r, "can't begin a transaction");
    }
    r = journal_replay(queue->journal, queue->generation, replay_op, queue);
    if (r == ERR_IO || r == ERR_CORRUPT) {
        return error_set(error, r, "%s/journal: %s", queue->folder, err_sentence(r));
    }
    if (r != 0) {
        return store_fail(error, r, "can't read the queue's journal");
    }
    return format_read_next_id(queue, error);
}

static void close_environment(struct queue *queue) {
    shelf_desks_forget(queue->desks);
    if (queue->txn != NULL) {
        mdb_txn_abort(queue->txn);
        queue->txn = NULL;
    }
    if (queue->env != NULL) {
        mdb_env_close(queue->env);
        queue->env = NULL;
    }
}

static int try_open_file(struct queue *queue, struct error *error) {
    int r = open_environment(queue, error);

    if (r == OK) {
        r = store_check_size(queue->env, error);
    }
    if (r == OK) {
        r = settle(queue, error);
    }
    if (r == OK) {
        r = prepare_tables(queue, error);
    }
    return r == OK ? play_journal(queue, error) : r;
}

/* What the journal has may need a larger map than what is committed. */
static int open_file(struct queue *queue, struct error *error) {
    struct error why = {0};
    int r = try_open_file(queue, &why);

    while (r == ERR_FULL && queue->map_bytes < LIMIT_QUEUE_MAP_BYTES_LAST) {
        close_environment(queue);
        queue->map_bytes *= 2;
        why = (struct error){0};
        r = try_open_file(queue, &why);
    }
    return r == OK ? OK : error_set(error, r, "%s: %s", queue->folder, why.text);
}

static int open_journal(struct queue *queue, struct error *error) {
    char *path = mem_format("%s/journal", queue->folder);
    int r = journal_open(path, LIMIT_QUEUE_JOURNAL_BYTES_FIRST, LIMIT_QUEUE_JOURNAL_BYTES_LAST,
                         error, &queue->journal);

    free(path);
    return r;
}

/* A file that grew keeps its size: the map must hold it. */
size_t store_map_bytes_wanted(const char *folder) {
    size_t bytes = LIMIT_QUEUE_MAP_BYTES_FIRST;
    char *path = mem_format("%s/" STORE_FILE, folder);
    struct stat info;

    if (stat(path, &info) == 0) {
        while (bytes < (size_t)info.st_size && bytes < LIMIT_QUEUE_MAP_BYTES_LAST) {
            bytes *= 2;
        }
    }
    free(path);
    return bytes;
}

/* --- Writing ---------------------------------------------------------------------------- */

int store_put(struct queue *queue, enum store_table table, MDB_val key, MDB_val val) {
    const struct journal_op op = {.table = (uint8_t)table,
                                  .key = key.mv_data,
                                  .key_bytes = key.mv_size,
                                  .value = val.mv_data,
                                  .value_bytes = val.mv_size};

    if (!queue->is_past_journal) {
        journal_add(queue->journal, &op);
    }
    return mdb_put(queue->txn, queue->tables[table], &key, &val, 0);
}

int store_del(struct queue *queue, enum store_table table, MDB_val key) {
    const struct journal_op op = {
        .table = (uint8_t)table, .is_delete = true, .key = key.mv_data, .key_bytes = key.mv_size};

    if (!queue->is_past_journal) {
        journal_add(queue->journal, &op);
    }
    return mdb_del(queue->txn, queue->tables[table], &key, NULL);
}

int store_cursor_del(struct queue *queue, enum store_table table, MDB_cursor *cursor) {
    struct journal_op op = {.table = (uint8_t)table, .is_delete = true};
    MDB_val key;
    MDB_val val;
    int r = mdb_cursor_get(cursor, &key, &val, MDB_GET_CURRENT);

    if (r != 0) {
        return r;
    }
    op.key = key.mv_data;
    op.key_bytes = key.mv_size;
    journal_add(queue->journal, &op);
    return mdb_cursor_del(cursor, 0);
}

/* Commit the transaction and begin the next one: the journal is empty then. */
static int fold(struct queue *queue) {
    uint64_t generation;
    int r;

    rng_secret(&generation, sizeof generation);
    r = format_put_generation(queue, generation);
    if (r == 0) {
        r = end(queue);
    }
    if (r == 0) {
        queue->generation = generation;
        journal_restart(queue->journal, generation);
        (void)begin(queue); /* If it fails, whoever comes next reopens the file. */
    }
    return r;
}

int store_sync(struct queue *queue) {
    return journal_fits(queue->journal) ? journal_write(queue->journal) : fold(queue);
}

/* --- Opening and closing ---------------------------------------------------------------- */

/* Before LMDB may follow its links. Once: what we write ourselves is whole. */
static int check_pages(const struct queue *queue, struct error *error) {
    char *path = mem_format("%s/" STORE_FILE, queue->folder);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int r = fd < 0 ? error_set(error, ERR_IO, "%s: %s", path, strerror(errno))
                   : pages_check(fd, 0, error);

    if (fd >= 0) {
        (void)close(fd);
    }
    if (r < 0) {
        error_prefix(error, "%s", queue->folder);
    }
    free(path);
    return r;
}

int queue_open(const char *folder, struct error *error, struct queue **out_queue) {
    struct queue *queue;
    int r = store_make_folder(folder, error);

    if (r < 0) {
        return r;
    }
    queue = mem_alloc(1, sizeof *queue);
    queue->folder = mem_copy_text(folder);
    queue->lock_fd = -1;
    buf_init(&queue->scratch, LIMIT_SPEC_BYTES + 4096);
    queue->desks = shelf_desks_create(queue);
    r = store_lock_folder(queue->folder, &queue->lock_fd, error);
    if (r == OK) {
        r = format_make_file(queue, error);
    }
    if (r == OK) {
        r = check_pages(queue, error);
    }
    if (r == OK) {
        r = open_journal(queue, error);
    }
    if (r == OK) {
        queue->map_bytes = store_map_bytes_wanted(folder);
        r = open_file(queue, error);
    }
    if (r == OK) {
        r = store_load_keys(queue, error);
    }
    if (r < 0) {
        close_environment(queue); /* What was not read to its end is not committed. */
        queue_close(queue);
        return r;
    }
    *out_queue = queue;
    return OK;
}

/* --- The writer ------------------------------------------------------------------------- */

/* Waits for what the writer does by itself. */
static void end_mending(struct queue *queue) {
    if (queue->is_mending) {
        queue->is_mending = false;
        queue->is_away = false;
        (void)!writer_end(queue->writer);
    }
}

int store_call(struct queue *queue, int (*work)(void *context), void *context) {
    if (queue->writer == NULL) {
        return work(context);
    }
    ENSURE(!queue->is_writing);
    end_mending(queue);
    writer_begin(queue->writer, &(struct writer_job){.run = work, .context = context});
    return writer_end(queue->writer);
}

void store_reopen(struct queue *queue) {
    close_environment(queue);
    queue->is_torn = false;
    queue->why_closed = (struct error){0};
    if (open_file(queue, &queue->why_closed) != OK) {
        close_environment(queue);
    }
}

static int reopen(void *context) {
    store_reopen(context);
    return OK;
}

void store_mend(struct queue *queue) {
    if (queue->writer == NULL) {
        store_reopen(queue);
        return;
    }
    ENSURE(!queue->is_writing && !queue->is_mending);
    queue->is_mending = true;
    queue->is_away = true;
    writer_begin(queue->writer, &(struct writer_job){.run = reopen, .context = queue});
}

bool queue_attend(struct queue *queue) {
    if (queue->is_mending && writer_is_done(queue->writer, 0)) {
        end_mending(queue);
    }
    return !queue->is_mending;
}

int queue_start_writer(struct queue *queue, int *out_fd, struct error *error) {
    int r = writer_create(&queue->writer);

    if (r < 0) {
        return error_set(error, r, "the system has no thread for the queue's writes");
    }
    close_environment(queue); /* The journal has what was not committed. */
    (void)store_call(queue, reopen, queue);
    *out_fd = writer_fd(queue->writer);
    return OK;
}

/* What is in the journal goes to the tables, for who copies the file: the journal has it all. */
static int end_file(void *context) {
    struct queue *queue = context;

    if (queue->txn != NULL && !queue->is_torn && queue->journal != NULL &&
        !journal_is_empty(queue->journal)) {
        (void)fold(queue);
    }
    close_environment(queue);
    return OK;
}

void queue_close(struct queue *queue) {
    if (queue == NULL) {
        return;
    }
    if (queue->is_writing) {
        struct error error = {0};

        (void)!queue_commit_end(queue,
                                &error); /* Nobody was told: all of it is found, or nothing. */
    }
    (void)store_call(queue, end_file, queue);
    writer_destroy(queue->writer);
    journal_close(queue->journal);
    if (queue->lock_fd >= 0) {
        (void)close(queue->lock_fd);
    }
    buf_finish(&queue->scratch);
    shelf_desks_destroy(queue->desks);
    key_set_finish(&queue->keys);
    key_set_finish(&queue->damaged_keys);
    store_finish_damage(queue);
    free(queue->folder);
    free(queue);
}

const char *queue_uid(const struct queue *queue) {
    return queue->uid;
}

uint32_t queue_migrated_from(const struct queue *queue) {
    return queue->migrated_from;
}

uint64_t queue_next_id(const struct queue *queue) {
    return queue->next_id;
}

int store_begin_read(struct queue *queue, MDB_txn **out_txn) {
    if (!queue->is_away && queue->txn == NULL && !queue->is_writing) {
        store_mend(queue);
    }
    if (queue->is_away && !writer_shares(queue->writer, READ_PATIENCE_MS)) {
        return ERR_IO;
    }
    if (queue->txn == NULL) {
        return ERR_IO;
    }
    *out_txn = queue->txn;
    return OK;
}
