#include "tests/queue/disk.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/rng.h"
#include "tests/test.h"

#define SECTOR_BYTES 512 /* what a disk writes wholly or not at all */

enum op_kind {
    OP_WRITE,
    OP_SYNC,
    OP_RENAME, /* the new file gets its name */
    OP_SYNC_FOLDER,
};

enum op_file {
    FILE_DATA,
    FILE_JOURNAL,
};

struct op {
    enum op_kind kind;
    enum op_file file;
    size_t at;
    size_t bytes;
    char *data;
    bool syncs; /* of a write: it is on disk when the call returns */
    bool lost;  /* the sync that should have written it failed: no later one does */
};

/* Interposed functions have no other place for what they need to know. */
static struct {
    bool armed;
    enum disk_layer layer;
    bool for_ever;
    int code;
    int calls_left;
    bool hit;
    bool no_more_maps;
    bool recording;
    struct op *ops;
    size_t op_count;
} disk;

void disk_arm(enum disk_layer layer, int nth, int code, bool for_ever) {
    disk.layer = layer;
    disk.calls_left = nth;
    disk.code = code;
    disk.for_ever = for_ever;
    disk.hit = false;
    disk.armed = true;
}

void disk_disarm(void) {
    disk.armed = false;
}

bool disk_was_hit(void) {
    return disk.hit;
}

void disk_refuse_maps(bool refuse) {
    disk.no_more_maps = refuse;
}

static bool fails(enum disk_layer layer) {
    if (!disk.armed || disk.layer != layer) {
        return false;
    }
    if (disk.calls_left > 0) {
        disk.calls_left--;
    }
    if (disk.calls_left > 0 || (disk.hit && !disk.for_ever)) {
        return false;
    }
    disk.hit = true;
    return true;
}

static void *real(const char *name) {
    void *function = dlsym(RTLD_NEXT, name);

    if (function == NULL) {
        abort();
    }
    return function;
}

/* ISO C has no cast from an object's pointer to a function's. */
#define CALL_REAL(name, ...)         \
    (((union {                       \
         void *object;               \
         __typeof__(&name) function; \
     }){.object = real(#name)})      \
         .function(__VA_ARGS__))

int mdb_env_create(MDB_env **env) {
    return fails(DISK_LMDB) ? disk.code : CALL_REAL(mdb_env_create, env);
}

int mdb_env_set_maxdbs(MDB_env *env, MDB_dbi dbs) {
    return fails(DISK_LMDB) ? disk.code : CALL_REAL(mdb_env_set_maxdbs, env, dbs);
}

int mdb_env_set_mapsize(MDB_env *env, size_t size) {
    return fails(DISK_LMDB) ? disk.code : CALL_REAL(mdb_env_set_mapsize, env, size);
}

int mdb_env_open(MDB_env *env, const char *path, unsigned int flags, mdb_mode_t mode) {
    return fails(DISK_LMDB) ? disk.code : CALL_REAL(mdb_env_open, env, path, flags, mode);
}

int mdb_dbi_open(MDB_txn *txn, const char *name, unsigned int flags, MDB_dbi *dbi) {
    return fails(DISK_LMDB) ? disk.code : CALL_REAL(mdb_dbi_open, txn, name, flags, dbi);
}

int mdb_get(MDB_txn *txn, MDB_dbi dbi, MDB_val *key, MDB_val *data) {
    return fails(DISK_LMDB) ? disk.code : CALL_REAL(mdb_get, txn, dbi, key, data);
}

int mdb_put(MDB_txn *txn, MDB_dbi dbi, MDB_val *key, MDB_val *data, unsigned int flags) {
    return fails(DISK_LMDB) ? disk.code : CALL_REAL(mdb_put, txn, dbi, key, data, flags);
}

int mdb_del(MDB_txn *txn, MDB_dbi dbi, MDB_val *key, MDB_val *data) {
    return fails(DISK_LMDB) ? disk.code : CALL_REAL(mdb_del, txn, dbi, key, data);
}

int mdb_cursor_open(MDB_txn *txn, MDB_dbi dbi, MDB_cursor **cursor) {
    return fails(DISK_LMDB) ? disk.code : CALL_REAL(mdb_cursor_open, txn, dbi, cursor);
}

int mdb_cursor_get(MDB_cursor *cursor, MDB_val *key, MDB_val *data, MDB_cursor_op op) {
    return fails(DISK_LMDB) ? disk.code : CALL_REAL(mdb_cursor_get, cursor, key, data, op);
}

int mdb_cursor_del(MDB_cursor *cursor, unsigned int flags) {
    return fails(DISK_LMDB) ? disk.code : CALL_REAL(mdb_cursor_del, cursor, flags);
}

int mdb_txn_begin(MDB_env *env, MDB_txn *parent, unsigned int flags, MDB_txn **txn) {
    return fails(DISK_LMDB) ? disk.code : CALL_REAL(mdb_txn_begin, env, parent, flags, txn);
}

/* A commit that fails has ended its transaction all the same. */
int mdb_txn_commit(MDB_txn *txn) {
    if (fails(DISK_LMDB)) {
        mdb_txn_abort(txn);
        return disk.code;
    }
    return CALL_REAL(mdb_txn_commit, txn);
}

static enum op_file file_of(int fd) {
    char link[64];
    char path[512];
    ssize_t bytes;

    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    bytes = readlink(link, path, sizeof path);
    return bytes > 8 && memcmp(path + bytes - 8, "/journal", 8) == 0 ? FILE_JOURNAL : FILE_DATA;
}

static struct op *add_op(enum op_kind kind, int fd) {
    disk.ops = mem_grow(disk.ops, disk.op_count + 1, sizeof *disk.ops);
    disk.ops[disk.op_count] = (struct op){.kind = kind, .file = file_of(fd)};
    return &disk.ops[disk.op_count++];
}

static void record(int fd, off_t at, const void *bytes, size_t count) {
    struct op *op;

    if (disk.recording) {
        op = add_op(OP_WRITE, fd);
        op->at = (size_t)at;
        op->bytes = count;
        op->syncs = (fcntl(fd, F_GETFL) & O_DSYNC) != 0;
        op->data = mem_alloc(count, 1);
        memcpy(op->data, bytes, count);
    }
}

static bool fails_with_errno(void) {
    if (fails(DISK_SYSTEM)) {
        errno = disk.code;
        return true;
    }
    return false;
}

/* A sync has failed though memory has all it should have written: those pages pass for clean. */
static bool fails_in_cache(int fd) {
    enum op_file file = file_of(fd);

    if (!fails(DISK_CACHE)) {
        return false;
    }
    for (size_t i = disk.op_count; i > 0; i--) {
        struct op *op = &disk.ops[i - 1];

        if (op->file == file && (op->kind != OP_WRITE || (op->syncs && i < disk.op_count))) {
            break;
        }
        op->lost = op->lost || op->file == file;
    }
    errno = disk.code;
    return true;
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at) {
    ssize_t written;

    if (fails_with_errno()) {
        return -1;
    }
    record(fd, at, bytes, count);
    written = CALL_REAL(pwrite, fd, bytes, count, at);
    return fails_in_cache(fd) ? -1 : written;
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    off_t at = lseek(fd, 0, SEEK_CUR);
    ssize_t written;

    if (fails_with_errno()) {
        return -1;
    }
    for (int i = 0; i < count; i++) {
        record(fd, at, parts[i].iov_base, parts[i].iov_len);
        at += (off_t)parts[i].iov_len;
    }
    written = CALL_REAL(writev, fd, parts, count);
    return fails_in_cache(fd) ? -1 : written;
}

int fdatasync(int fd) {
    int r;

    if (fails_with_errno()) {
        return -1;
    }
    if (fails_in_cache(fd)) {
        return -1;
    }
    r = CALL_REAL(fdatasync, fd);
    if (disk.recording) {
        (void)add_op(OP_SYNC, fd);
    }
    return r;
}

int fsync(int fd) {
    struct stat info;
    int r;

    if (fails_with_errno()) {
        return -1;
    }
    if (fails_in_cache(fd)) {
        return -1;
    }
    r = CALL_REAL(fsync, fd);
    if (disk.recording && fstat(fd, &info) == 0) {
        (void)add_op(S_ISDIR(info.st_mode) ? OP_SYNC_FOLDER : OP_SYNC, fd);
    }
    return r;
}

int rename(const char *from, const char *to) {
    if (fails_with_errno()) {
        return -1;
    }
    if (disk.recording) {
        (void)add_op(OP_RENAME, -1);
    }
    return CALL_REAL(rename, from, to);
}

void *mmap(void *address, size_t bytes, int protection, int flags, int fd, off_t at) {
    if (disk.no_more_maps) {
        errno = ENOMEM;
        return MAP_FAILED;
    }
    return CALL_REAL(mmap, address, bytes, protection, flags, fd, at);
}

/* --- Images ---------------------------------------------------------------------------------- */

void disk_record(bool on) {
    if (on) {
        for (size_t i = 0; i < disk.op_count; i++) {
            free(disk.ops[i].data);
        }
        free(disk.ops);
        disk.ops = NULL;
        disk.op_count = 0;
    }
    disk.recording = on;
}

size_t disk_op_count(void) {
    return disk.op_count;
}

/* Is operation i on disk for sure, when the power goes in the middle of operation `count`? */
static bool is_durable(size_t i, size_t count) {
    enum op_kind by = disk.ops[i].kind == OP_RENAME ? OP_SYNC_FOLDER : OP_SYNC;

    if (disk.ops[i].lost) {
        return false;
    }
    if (i < count && disk.ops[i].syncs) {
        return true;
    }
    for (size_t at = i + 1; at < count; at++) {
        if (disk.ops[at].kind == by &&
            (by == OP_SYNC_FOLDER || disk.ops[at].file == disk.ops[i].file)) {
            return true;
        }
    }
    return disk.ops[i].kind == OP_SYNC || disk.ops[i].kind == OP_SYNC_FOLDER;
}

static bool comes_through(enum disk_loss loss, struct rng *rng) {
    return loss == DISK_ALL || (loss == DISK_CHANCE && (rng_next(rng) & 1) != 0);
}

static void write_sectors(int fd, const struct op *op, enum disk_loss loss, struct rng *rng) {
    for (size_t done = 0, bytes; done < op->bytes; done += bytes) {
        bytes = SECTOR_BYTES - (op->at + done) % SECTOR_BYTES;
        if (bytes > op->bytes - done) {
            bytes = op->bytes - done;
        }
        if (comes_through(loss, rng)) {
            CHECK_EQ(CALL_REAL(pwrite, fd, op->data + done, bytes, (off_t)(op->at + done)), bytes,
                     "image");
        }
    }
}

static int open_image(const char *path, const char *base) {
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    char bytes[65536];
    ssize_t count;
    int from;

    CHECK(fd >= 0, path);
    if (base != NULL) {
        from = open(base, O_RDONLY);
        CHECK(from >= 0, base);
        while ((count = read(from, bytes, sizeof bytes)) > 0) {
            CHECK_EQ(write(fd, bytes, (size_t)count), count, "image");
        }
        (void)close(from);
    }
    return fd;
}

static void write_image(int fd, enum op_file file, size_t count, enum disk_loss loss,
                        struct rng *rng) {
    for (size_t i = 0; i <= count && i < disk.op_count; i++) {
        const struct op *op = &disk.ops[i];

        if (op->kind == OP_WRITE && op->file == file) {
            write_sectors(fd, op, is_durable(i, count) ? DISK_ALL : loss, rng);
        }
    }
    CHECK_EQ(close(fd), 0, "image");
}

static bool is_renamed(size_t count, enum disk_loss loss, struct rng *rng) {
    for (size_t i = 0; i <= count && i < disk.op_count; i++) {
        if (disk.ops[i].kind == OP_RENAME) {
            return comes_through(is_durable(i, count) ? DISK_ALL : loss, rng);
        }
    }
    return false;
}

void disk_make_image(const char *folder, const char *base, size_t count, enum disk_loss loss,
                     struct rng *rng) {
    char *fresh = mem_format("%s/data.mdb.new", folder);
    char *path = mem_format("%s/data.mdb", folder);
    char *journal = mem_format("%s/journal", folder);

    (void)mkdir(folder, 0700);
    (void)unlink(path);
    write_image(open_image(fresh, base), FILE_DATA, count, loss, rng);
    write_image(open_image(journal, NULL), FILE_JOURNAL, count, loss, rng);
    if (base != NULL || is_renamed(count, loss, rng)) {
        CHECK_EQ(CALL_REAL(rename, fresh, path), 0, "image");
    }
    free(fresh);
    free(path);
    free(journal);
}
