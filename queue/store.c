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

#define QUEUE_FORMAT "nightshift-queue-2"

static const char *const table_names[TABLE_COUNT] = {
    "meta", "jobs", "attempts", "events", "specs", "users", "submissions", "facts",
};

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
    return store_fail(error, r, "can't open the queue's file");
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

int store_put_meta(struct queue *queue, MDB_txn *txn, const char *name, const char *value) {
    MDB_val key = store_val(name, strlen(name));
    MDB_val val = store_val(value, strlen(value));

    return mdb_put(txn, queue->tables[TABLE_META], &key, &val, 0);
}

/* Copy a text of the meta table, cut to what fits. */
static int get_meta(struct queue *queue, MDB_txn *txn, const char *name, char *out, size_t room) {
    MDB_val key = store_val(name, strlen(name));
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
    r = store_put_meta(queue, txn, "format", QUEUE_FORMAT);
    if (r == 0) {
        r = store_put_meta(queue, txn, "uid", queue->uid);
    }
    return r == 0 ? store_put_meta(queue, txn, "next-id", "1") : r;
}

static int read_meta(struct queue *queue, MDB_txn *txn, struct error *error) {
    char format[64];
    char next[24];
    int r = get_meta(queue, txn, "format", format, sizeof format);

    if (r == MDB_NOTFOUND) {
        r = make_meta(queue, txn);
        queue->next_id = 1;
        return store_fail(error, r, "can't write the queue's first record");
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
    return store_fail(error, r, "can't read the queue's own record");
}

static int read_or_make_tables(struct queue *queue, struct error *error) {
    MDB_txn *txn;
    int r = mdb_txn_begin(queue->env, NULL, 0, &txn);

    if (r != 0) {
        return store_fail(error, r, "can't begin a transaction");
    }
    r = store_fail(error, open_tables(queue, txn), "can't open the queue's tables");
    if (r == OK) {
        r = read_meta(queue, txn, error);
    }
    if (r < 0) {
        mdb_txn_abort(txn);
        return r;
    }
    return store_fail(error, mdb_txn_commit(txn), "can't write the queue's file");
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

void store_reopen(struct queue *queue) {
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

int store_begin_read(struct queue *queue, MDB_txn **out_txn) {
    if (queue->env == NULL) {
        return ERR_IO;
    }
    return store_err(mdb_txn_begin(queue->env, NULL, MDB_RDONLY, out_txn));
}
