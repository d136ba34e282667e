#include <errno.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/memory.h"
#include "base/rng.h"
#include "queue/store.h"

#define FORMAT_PREFIX "nightshift-queue-"
#define FORMAT_OURS   2
#define FORMAT_BYTES  64

/* A text of the meta table, mended if one of the two is damaged. */
static int get_meta(struct queue *queue, const char *name, char out[META_BYTES]) {
    bool torn;
    int r = meta_get(queue->txn, queue->tables[TABLE_META], name, out, &torn);

    return r == 0 && torn ? meta_mend(queue, name, out) : r;
}

/* Past the journal: of a transaction that is about to be committed. */
static int put_meta(struct queue *queue, MDB_txn *txn, const char *name, const char *value) {
    return meta_put(txn, queue->tables[TABLE_META], name, value);
}

static int put_format(struct queue *queue, MDB_txn *txn) {
    char format[FORMAT_BYTES];

    (void)snprintf(format, sizeof format, FORMAT_PREFIX "%d", FORMAT_OURS);
    return put_meta(queue, txn, "format", format);
}

int format_put_next_id(struct queue *queue, uint64_t next_id) {
    char next[24];

    (void)snprintf(next, sizeof next, "%llu", (unsigned long long)next_id);
    return store_put_meta(queue, "next-id", next);
}

int format_put_generation(struct queue *queue, uint64_t generation) {
    char text[24];

    (void)snprintf(text, sizeof text, "%016llx", (unsigned long long)generation);
    return put_meta(queue, queue->txn, "generation", text);
}

/* --- Making ---------------------------------------------------------------------------------- */

static int write_first(struct queue *queue, MDB_txn *txn) {
    uint64_t uid;
    int r = store_open_tables(queue, txn);

    rng_secret(&uid, sizeof uid);
    (void)snprintf(queue->uid, sizeof queue->uid, "%016llx", (unsigned long long)uid);
    if (r == 0) {
        r = put_format(queue, txn);
    }
    if (r == 0) {
        r = put_meta(queue, txn, "uid", queue->uid);
    }
    return r == 0 ? put_meta(queue, txn, "next-id", "1") : r;
}

/* An environment of the one file, closed again: its commit has put it on disk. */
static int write_file(struct queue *queue, const char *path) {
    MDB_env *env;
    MDB_txn *txn;
    int r = mdb_env_create(&env);

    if (r != 0) {
        return r;
    }
    r = mdb_env_set_maxdbs(env, TABLE_COUNT);
    if (r == 0) {
        r = mdb_env_set_mapsize(env, queue->map_bytes);
    }
    if (r == 0) {
        r = mdb_env_open(env, path, MDB_NOSUBDIR | MDB_NOLOCK | MDB_NOTLS, 0600);
    }
    if (r == 0) {
        r = mdb_txn_begin(env, NULL, 0, &txn);
    }
    if (r == 0) {
        r = write_first(queue, txn);
        if (r == 0) {
            r = mdb_txn_commit(txn);
        } else {
            mdb_txn_abort(txn);
        }
    }
    mdb_env_close(env);
    return r;
}

/* Under another name first: a power loss leaves no file, or a queue. */
static int make_file(struct queue *queue, const char *path, struct error *error) {
    char *fresh = mem_format("%s/" STORE_FILE_NEW, queue->folder);
    int r;

    (void)unlink(fresh);
    r = store_fail(error, write_file(queue, fresh), "can't make the queue's file");
    if (r == OK && rename(fresh, path) != 0) {
        r = error_set(error, ERR_IO, "can't rename %s: %s", fresh, strerror(errno));
    }
    if (r == OK) {
        r = store_sync_folder(queue->folder, error);
    }
    free(fresh);
    return r;
}

int format_make_file(struct queue *queue, struct error *error) {
    char *path = mem_format("%s/" STORE_FILE, queue->folder);
    struct stat info;
    int r = OK;

    if (stat(path, &info) != 0) {
        r = errno == ENOENT ? make_file(queue, path, error)
                            : error_set(error, ERR_IO, "%s: %s", path, strerror(errno));
    } else if (info.st_size == 0) {
        /* LMDB would begin a new queue in it, as if there had never been one. */
        r = error_set(error, ERR_CORRUPT, "%s is empty: it has been a queue; restore a backup",
                      path);
    }
    free(path);
    return r;
}

/* --- Reading and migrating ------------------------------------------------------------------- */

static int (*const steps[FORMAT_OURS])(struct queue *queue, MDB_txn *txn) = {
    NULL, /* 0 never was */
    migrate_v1,
};

/* Step by step from one format to the next, all in the open transaction. */
static int migrate(struct queue *queue, uint32_t from) {
    char next_id[META_BYTES];
    int r = 0;

    for (uint32_t format = from; format < FORMAT_OURS && r == 0; format++) {
        r = steps[format](queue, queue->txn);
    }
    queue->migrated_from = from;
    r = r == 0 ? put_meta(queue, queue->txn, "uid", queue->uid) : r;
    r = r == 0 ? get_meta(queue, "next-id", next_id) : r;
    r = r == 0 ? put_meta(queue, queue->txn, "next-id", next_id) : r;
    return r == 0 ? put_format(queue, queue->txn) : r;
}

/* 0: not a format of ours at all. */
static uint32_t parse_format(const char *text) {
    char *end;
    unsigned long number;

    if (strncmp(text, FORMAT_PREFIX, strlen(FORMAT_PREFIX)) != 0) {
        return 0;
    }
    number = strtoul(text + strlen(FORMAT_PREFIX), &end, 10);
    return *end == '\0' && number < 1000000 ? (uint32_t)number : 0;
}

static int adopt_format(struct queue *queue, const char *text, struct error *error) {
    uint32_t format = parse_format(text);

    if (format == 0) {
        return error_set(error, ERR_CORRUPT, "its format is \"%s\": not a queue of nightshift's",
                         text);
    }
    if (format > FORMAT_OURS) {
        return error_set(error, ERR_CORRUPT,
                         "it has format %u, of a later nightshift; this one knows up to %d. Start "
                         "the later one, or restore a backup of this one's",
                         format, FORMAT_OURS);
    }
    return format == FORMAT_OURS ? OK
                                 : store_fail(error, migrate(queue, format), "can't migrate it");
}

/* Another program's, or a later one's, has no checksum that we know. */
static int refuse_other_format(struct queue *queue, struct error *error) {
    char text[FORMAT_BYTES];
    MDB_val key = store_val("format", strlen("format"));
    MDB_val val;

    if (mdb_get(queue->txn, queue->tables[TABLE_META], &key, &val) != 0) {
        return OK;
    }
    (void)snprintf(text, sizeof text, "%.*s", (int)val.mv_size, (const char *)val.mv_data);
    text[strcspn(text, "#")] = '\0';
    if (parse_format(text) != 0 && parse_format(text) <= FORMAT_OURS) {
        return OK; /* One that we would know by its checksum: damaged. */
    }
    return adopt_format(queue, text, error);
}

/* Of the journal. A file that was just made, or of an earlier program, has none yet. */
static int read_generation(struct queue *queue) {
    char text[META_BYTES];
    int r = get_meta(queue, "generation", text);

    if (r == MDB_NOTFOUND) {
        rng_secret(&queue->generation, sizeof queue->generation);
        return format_put_generation(queue, queue->generation);
    }
    if (r == 0) {
        queue->generation = strtoull(text, NULL, 16);
    }
    return r;
}

static int read_all(struct queue *queue, struct error *error) {
    char format[META_BYTES];
    char uid[META_BYTES];
    int code = get_meta(queue, "format", format);
    int r;

    if (code == MDB_CORRUPTED) {
        r = refuse_other_format(queue, error);
        if (r < 0) {
            return r;
        }
    }
    if (code == 0) {
        code = get_meta(queue, "uid", uid);
    }
    if (code == MDB_NOTFOUND || code == MDB_CORRUPTED) {
        return error_set(error, ERR_CORRUPT,
                         "its own record is missing or damaged: not a queue, or restore a backup");
    }
    (void)snprintf(queue->uid, sizeof queue->uid, "%.*s", QUEUE_UID_BYTES - 1, uid);
    r = store_fail(error, code, "can't read its own record");
    if (r == OK) {
        r = adopt_format(queue, format, error);
    }
    return r == OK ? store_fail(error, read_generation(queue), "can't read its own record") : r;
}

int format_read(struct queue *queue, struct error *error) {
    int r;

    queue->is_past_journal = true; /* What is mended is committed with the tables. */
    r = read_all(queue, error);
    queue->is_past_journal = false;
    return r;
}

/* The highest id there is: whatever next-id says, none is given twice. */
static int read_last_id(struct queue *queue, uint64_t *out_id) {
    MDB_cursor *cursor;
    MDB_val key;
    MDB_val val;
    int r = mdb_cursor_open(queue->txn, queue->tables[TABLE_JOBS], &cursor);

    if (r != 0) {
        return r;
    }
    r = mdb_cursor_get(cursor, &key, &val, MDB_LAST);
    mdb_cursor_close(cursor);
    *out_id = r == 0 ? store_key_id(key) : 0;
    return r == MDB_NOTFOUND ? 0 : r;
}

int format_read_next_id(struct queue *queue, struct error *error) {
    char next[META_BYTES];
    uint64_t last_id = 0;
    int code = get_meta(queue, "next-id", next);

    if (code == 0) {
        code = read_last_id(queue, &last_id);
        queue->next_id = strtoull(next, NULL, 10);
    }
    if (code == MDB_NOTFOUND || code == MDB_CORRUPTED || (code == 0 && queue->next_id == 0)) {
        return error_set(error, ERR_CORRUPT, "its next-id is missing or damaged: restore a backup");
    }
    if (last_id >= queue->next_id) {
        queue->next_id = last_id + 1;
    }
    return store_fail(error, code, "can't read its own record");
}
