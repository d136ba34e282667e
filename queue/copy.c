/* A queue's content as of one instant, while another process may be writing it. */
#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/memory.h"
#include "base/rng.h"
#include "queue/journal.h"
#include "queue/pages.h"
#include "queue/store.h"

#define TRIES      1000 /* of catching the tables and their journal together */
#define NAME_BYTES 64
#define MAIN_TABLE NULL

/* What only the journal has: puts and deletes in their order, texts owned. */
struct pending {
    struct journal_op *ops;
    size_t count;
};

struct source {
    const char *folder;
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi meta;
    char generation[META_BYTES];
    struct pending pending;
};

static int keep_op(void *context, const struct journal_op *op) {
    struct pending *pending = context;
    struct journal_op *kept;

    pending->ops = mem_grow(pending->ops, pending->count + 1, sizeof *pending->ops);
    kept = &pending->ops[pending->count++];
    *kept = *op;
    kept->key = mem_copy(op->key, op->key_bytes);
    kept->value = op->value_bytes > 0 ? mem_copy(op->value, op->value_bytes) : NULL;
    return 0;
}

static void drop_pending(struct pending *pending) {
    for (size_t i = 0; i < pending->count; i++) {
        free((void *)(uintptr_t)pending->ops[i].key);
        free((void *)(uintptr_t)pending->ops[i].value);
    }
    free(pending->ops);
    *pending = (struct pending){0};
}

/* LMDB makes lock.mdb, if it isn't there: it is then the queue's owner's, like the rest. */
static void give_lock_to_owner(const char *folder) {
    char *path = mem_format("%s/lock.mdb", folder);
    struct stat info;

    if (stat(folder, &info) == 0) {
        (void)!chown(path, info.st_uid, info.st_gid);
    }
    free(path);
}

/* A handle is for later transactions once the one that opened it is committed. */
static int open_meta(struct source *source) {
    MDB_txn *txn;
    int r = mdb_txn_begin(source->env, NULL, MDB_RDONLY, &txn);

    if (r != 0) {
        return r;
    }
    r = mdb_dbi_open(txn, "meta", 0, &source->meta);
    if (r != 0) {
        mdb_txn_abort(txn);
        return r;
    }
    return mdb_txn_commit(txn);
}

static int open_env(struct source *source) {
    int r = mdb_env_create(&source->env);

    r = r != 0 ? r : mdb_env_set_maxdbs(source->env, TABLE_COUNT);
    r = r != 0 ? r : mdb_env_set_mapsize(source->env, 2 * store_map_bytes_wanted(source->folder));
    r = r != 0 ? r : mdb_env_open(source->env, source->folder, MDB_NOTLS | MDB_RDONLY, 0600);
    if (r == 0) {
        give_lock_to_owner(source->folder);
        (void)mdb_reader_check(source->env, NULL);
    }
    return r;
}

/* The file is its owner's to mend. */
static int read_meta(MDB_txn *txn, MDB_dbi meta, const char *name, char out[META_BYTES]) {
    bool torn;

    return meta_get(txn, meta, name, out, &torn);
}

/* Is what the journal held still not in the tables? */
static bool is_generation_current(const struct source *source) {
    char now[META_BYTES];
    MDB_txn *txn;
    bool same = false;

    if (mdb_txn_begin(source->env, NULL, MDB_RDONLY, &txn) == 0) {
        (void)read_meta(txn, source->meta, "generation", now);
        same = strcmp(now, source->generation) == 0;
        mdb_txn_abort(txn);
    }
    return same;
}

static int begin(struct source *source) {
    int r = mdb_txn_begin(source->env, NULL, MDB_RDONLY, &source->txn);

    if (r == 0) {
        r = read_meta(source->txn, source->meta, "generation", source->generation);
        r = r == MDB_NOTFOUND ? 0 : r; /* An older format has no journal. */
    }
    return r;
}

/* Of the commit that the transaction reads: its pages stay while it does. */
static int check_pages(struct source *source, struct error *error) {
    int fd;
    int r = store_fail(error, mdb_env_get_fd(source->env, &fd), "can't read the queue's file");

    return r == OK ? pages_check(fd, mdb_txn_id(source->txn), error) : r;
}

static int read_journal(struct source *source, struct error *error) {
    char *path = mem_format("%s/journal", source->folder);
    int r = journal_peek(path, strtoull(source->generation, NULL, 16), keep_op, &source->pending);

    free(path);
    return r == OK ? OK : error_set(error, r, "can't read the queue's journal");
}

static void end(struct source *source) {
    drop_pending(&source->pending);
    if (source->txn != NULL) {
        mdb_txn_abort(source->txn);
        source->txn = NULL;
    }
}

static void close_source(struct source *source) {
    end(source);
    if (source->env != NULL) {
        mdb_env_close(source->env);
    }
}

/* The tables of a moment and the journal that belongs to them. The first moment at which the
 * journal was not emptied meanwhile: nothing that was acknowledged before is missing. */
static int open_source(struct source *source, struct error *error) {
    char *path = mem_format("%s/" STORE_FILE, source->folder);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int r = fd < 0 ? error_set(error, err_from_errno(errno), "%s: %s", path, strerror(errno))
                   : pages_check_head(fd, error);

    free(path);
    if (fd >= 0) {
        (void)close(fd);
    }
    if (r == OK) {
        r = store_fail(error, open_env(source), "can't open the queue's file");
    }
    if (r == OK) {
        r = store_check_size(source->env, error);
    }
    if (r == OK) {
        r = store_fail(error, open_meta(source), "can't read the queue's file");
    }
    for (int i = 0; r == OK && i < TRIES; i++) {
        r = store_fail(error, begin(source), "can't read the queue's file");
        if (r == OK) {
            r = read_journal(source, error);
        }
        if (r == OK && is_generation_current(source)) {
            return check_pages(source, error);
        }
        end(source);
    }
    return r < 0 ? r : error_set(error, ERR_BUSY, "the queue is written faster than it is read");
}

/* --- Writing the copy ------------------------------------------------------------------------ */

struct target {
    MDB_env *env;
    MDB_txn *txn;
};

static int open_target(struct target *target, const char *path, size_t map_bytes) {
    int r = mdb_env_create(&target->env);

    r = r != 0 ? r : mdb_env_set_maxdbs(target->env, TABLE_COUNT);
    r = r != 0 ? r : mdb_env_set_mapsize(target->env, map_bytes);
    r = r != 0 ? r : mdb_env_open(target->env, path, MDB_NOSUBDIR | MDB_NOLOCK | MDB_NOTLS, 0600);
    return r != 0 ? r : mdb_txn_begin(target->env, NULL, 0, &target->txn);
}

static int copy_table(struct source *source, struct target *target, const char *name) {
    MDB_cursor *cursor;
    MDB_dbi from;
    MDB_dbi to;
    MDB_val key;
    MDB_val val;
    int r = mdb_dbi_open(source->txn, name, 0, &from);

    r = r != 0 ? r : mdb_dbi_open(target->txn, name, MDB_CREATE, &to);
    r = r != 0 ? r : mdb_cursor_open(source->txn, from, &cursor);
    if (r != 0) {
        return r;
    }
    while ((r = mdb_cursor_get(cursor, &key, &val, MDB_NEXT)) == 0) {
        r = mdb_put(target->txn, to, &key, &val, MDB_APPEND);
        if (r != 0) {
            break;
        }
    }
    mdb_cursor_close(cursor);
    return r == MDB_NOTFOUND ? 0 : r;
}

/* All there are, whatever the format calls them. */
static int copy_tables(struct source *source, struct target *target) {
    MDB_cursor *cursor;
    MDB_dbi names;
    MDB_val key;
    MDB_val val;
    int r = mdb_dbi_open(source->txn, MAIN_TABLE, 0, &names);

    r = r != 0 ? r : mdb_cursor_open(source->txn, names, &cursor);
    if (r != 0) {
        return r;
    }
    while ((r = mdb_cursor_get(cursor, &key, &val, MDB_NEXT)) == 0) {
        char name[NAME_BYTES];

        (void)snprintf(name, sizeof name, "%.*s", (int)key.mv_size, (const char *)key.mv_data);
        r = copy_table(source, target, name);
        if (r != 0) {
            break;
        }
    }
    mdb_cursor_close(cursor);
    return r == MDB_NOTFOUND ? 0 : r;
}

static int apply(struct target *target, const struct journal_op *op) {
    MDB_val key = store_val(op->key, op->key_bytes);
    MDB_val val = store_val(op->value, op->value_bytes);
    MDB_dbi table;
    int r = op->table < TABLE_COUNT
                ? mdb_dbi_open(target->txn, store_table_name(op->table), MDB_CREATE, &table)
                : MDB_CORRUPTED;

    if (r != 0) {
        return r;
    }
    if (op->is_delete) {
        r = mdb_del(target->txn, table, &key, NULL);
        return r == MDB_NOTFOUND ? 0 : r;
    }
    return mdb_put(target->txn, table, &key, &val, 0);
}

/* No journal that lies about belongs to the copy. */
static int renew_generation(const struct source *source, struct target *target) {
    char text[META_BYTES];
    uint64_t generation;
    MDB_dbi meta;
    int r = mdb_dbi_open(target->txn, "meta", 0, &meta);

    if (r != 0 || source->generation[0] == '\0') {
        return r;
    }
    rng_secret(&generation, sizeof generation);
    (void)snprintf(text, sizeof text, "%016llx", (unsigned long long)generation);
    return meta_put(target->txn, meta, "generation", text);
}

static int write_target(struct source *source, struct target *target) {
    int r = copy_tables(source, target);

    for (size_t i = 0; i < source->pending.count && r == 0; i++) {
        r = apply(target, &source->pending.ops[i]);
    }
    if (r == 0) {
        r = renew_generation(source, target);
    }
    if (r == 0) {
        r = mdb_txn_commit(target->txn);
        target->txn = NULL;
    }
    return r;
}

static int copy_to(struct source *source, const char *path, struct error *error) {
    struct target target = {0};
    size_t map_bytes = 2 * store_map_bytes_wanted(source->folder) + LIMIT_QUEUE_MAP_BYTES_FIRST;
    int r = open_target(&target, path, map_bytes);

    if (r == 0) {
        r = write_target(source, &target);
    }
    if (target.txn != NULL) {
        mdb_txn_abort(target.txn);
    }
    if (target.env != NULL) {
        mdb_env_close(target.env);
    }
    return store_fail(error, r, "can't copy the queue");
}

int queue_copy(const char *folder, const char *path, struct error *error) {
    struct source source = {.folder = folder};
    int r = open_source(&source, error);

    (void)unlink(path);
    if (r == OK) {
        r = copy_to(&source, path, error);
    }
    close_source(&source);
    if (r < 0) {
        (void)unlink(path);
    }
    return r;
}

/* --- Looking and swapping -------------------------------------------------------------------- */

int queue_peek_next_id(const char *folder, uint64_t *out_next_id, struct error *error) {
    struct source source = {.folder = folder};
    char text[META_BYTES] = "";
    int r = open_source(&source, error);

    if (r == OK) {
        r = store_fail(error, read_meta(source.txn, source.meta, "next-id", text),
                       "can't read the queue's own record");
    }
    for (size_t i = 0; r == OK && i < source.pending.count; i++) {
        const struct journal_op *op = &source.pending.ops[i];

        if (op->table == TABLE_META && op->key_bytes == 7 && memcmp(op->key, "next-id", 7) == 0 &&
            !meta_unseal("next-id", op->value, op->value_bytes, text)) {
            r = error_set(error, ERR_CORRUPT, "the queue's next-id is damaged");
        }
    }
    close_source(&source);
    if (r == OK) {
        *out_next_id = strtoull(text, NULL, 10);
    }
    return r;
}

int queue_hold(const char *folder, int *out_fd, struct error *error) {
    int r = store_make_folder(folder, error);

    return r == OK ? store_lock_folder(folder, out_fd, error) : r;
}

int queue_swap(const char *folder, const char *path, bool keep, struct error *error) {
    char *place = mem_format("%s/" STORE_FILE, folder);
    char *kept = mem_format("%s/" STORE_FILE ".replaced", folder);
    int r = OK;

    if (keep) {
        (void)unlink(kept);
        if (link(place, kept) != 0 && errno != ENOENT) {
            r = error_set(error, ERR_IO, "can't keep %s: %s", place, strerror(errno));
        }
    }
    if (r == OK && rename(path, place) != 0) {
        r = error_set(error, ERR_IO, "can't rename %s to %s: %s", path, place, strerror(errno));
    }
    if (r == OK) {
        r = store_sync_folder(folder, error);
    }
    free(place);
    free(kept);
    return r;
}
