#include "queue/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/ensure.h"
#include "base/memory.h"
#include "queue/writer.h"

#define MAGIC        "NSJRNL1" /* 8 bytes with its NUL */
#define HEADER_BYTES 40
#define OP_BYTES     8 /* before an op's key and value */
#define FILL_BYTES   65536
#define UNKNOWN      UINT64_MAX

struct journal {
    int fd;
    int direct_fd; /* the same file past the system's cache; -1: its file system has no such way */
    size_t file_bytes;
    size_t file_bytes_last;
    uint64_t generation;
    size_t at;        /* where the next record goes */
    uint64_t records; /* of this generation; UNKNOWN until they have been counted */
    uint64_t lost;    /* of them, damaged and passed over */
    char *pending;    /* the record as it is to lie in the file, at the start of a block */
    size_t pending_bytes;
    bool is_too_large; /* what is pending has no room there */
};

/* Little-endian, at fixed places: magic, generation, number, payload bytes, CRC-32 of all. */
struct header {
    uint64_t generation;
    uint64_t number;
    uint64_t bytes; /* of the payload */
    uint32_t crc;
};

static void put_number(char *out, uint64_t value, size_t bytes) {
    for (size_t i = 0; i < bytes; i++) {
        out[i] = (char)(value >> 8 * i & 0xff);
    }
}

static uint64_t get_number(const char *bytes, size_t count) {
    uint64_t value = 0;

    for (size_t i = count; i > 0; i--) {
        value = value << 8 | (unsigned char)bytes[i - 1];
    }
    return value;
}

static void write_header(char out[HEADER_BYTES], const struct header *header) {
    memcpy(out, MAGIC, 8);
    put_number(out + 8, header->generation, 8);
    put_number(out + 16, header->number, 8);
    put_number(out + 24, header->bytes, 8);
    put_number(out + 32, header->crc, 4);
    put_number(out + 36, 0, 4);
}

static bool read_header(const char bytes[HEADER_BYTES], struct header *out) {
    out->generation = get_number(bytes + 8, 8);
    out->number = get_number(bytes + 16, 8);
    out->bytes = get_number(bytes + 24, 8);
    out->crc = (uint32_t)get_number(bytes + 32, 4);
    return memcmp(bytes, MAGIC, 8) == 0;
}

/* Of the header before its sum, and the payload. */
static uint32_t sum(const char *record, size_t payload_bytes) {
    uLong crc = crc32_z(0, (const Bytef *)record, 32);

    return (uint32_t)crc32_z(crc, (const Bytef *)record + HEADER_BYTES, payload_bytes);
}

static size_t whole_blocks(size_t bytes) {
    return (bytes + JOURNAL_BLOCK_BYTES - 1) / JOURNAL_BLOCK_BYTES * JOURNAL_BLOCK_BYTES;
}

/* --- The file --------------------------------------------------------------------------------- */

/* Written, not only reserved: a reserved extent costs a transaction of the file system when it is
 * first written. */
static int fill(int fd, size_t from, size_t bytes) {
    static const char zeros[FILL_BYTES];
    int r = 0;

    while (r == 0 && from < bytes) {
        size_t part = bytes - from < sizeof zeros ? bytes - from : sizeof zeros;

        r = writer_put(&(struct writer_work){.fd = fd, .bytes = zeros, .count = part, .at = from});
        from += part;
    }
    if (r == 0 && fsync(fd) != 0) {
        r = errno;
    }
    return r;
}

/* The file's name is on disk too. */
static int sync_folder(const char *path) {
    char *folder = mem_copy_text(path);
    char *slash = strrchr(folder, '/');
    int fd;
    int r = 0;

    if (slash != NULL) {
        *slash = '\0';
    }
    fd = open(slash != NULL ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0) {
        r = errno;
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    free(folder);
    return r;
}

static int prepare(struct journal *journal, const char *path, size_t bytes) {
    struct stat info;
    int r;

    journal->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (journal->fd < 0 || fstat(journal->fd, &info) != 0) {
        return errno;
    }
    journal->file_bytes = (size_t)info.st_size / JOURNAL_BLOCK_BYTES * JOURNAL_BLOCK_BYTES;
    if (journal->file_bytes >= bytes) {
        return 0; /* One that was made with another size does as well. */
    }
    r = fill(journal->fd, journal->file_bytes, bytes);
    journal->file_bytes = bytes;
    return r == 0 ? sync_folder(path) : r;
}

static void close_direct(struct journal *journal) {
    if (journal->direct_fd >= 0) {
        (void)close(journal->direct_fd);
        journal->direct_fd = -1;
    }
}

int journal_open(const char *path, size_t bytes_first, size_t bytes_last, struct error *error,
                 struct journal **out_journal) {
    struct journal *journal = mem_alloc(1, sizeof *journal);
    int r;

    ENSURE(bytes_first % JOURNAL_BLOCK_BYTES == 0 && bytes_last % JOURNAL_BLOCK_BYTES == 0);
    journal->fd = -1;
    journal->direct_fd = -1;
    journal->records = UNKNOWN;
    journal->file_bytes_last = bytes_last;
    r = prepare(journal, path, bytes_first);
    if (r != 0) {
        journal_close(journal);
        return error_set(error, ERR_IO, "%s: %s", path, strerror(r));
    }
    journal->direct_fd = open(path, O_RDWR | O_CLOEXEC | O_DIRECT);
    journal->pending = mem_alloc_aligned(JOURNAL_BLOCK_BYTES, bytes_last);
    journal_drop(journal);
    *out_journal = journal;
    return OK;
}

void journal_close(struct journal *journal) {
    if (journal == NULL) {
        return;
    }
    close_direct(journal);
    if (journal->fd >= 0) {
        (void)close(journal->fd);
    }
    free(journal->pending);
    free(journal);
}

/* --- Reading ---------------------------------------------------------------------------------- */

static void start_over(struct journal *journal, uint64_t generation) {
    journal->generation = generation;
    journal->at = 0;
    journal->records = 0;
    journal->lost = 0;
}

/* The op at the start of so many bytes; its size, 0 for damage. */
static size_t read_op(const char *bytes, size_t count, struct journal_op *out) {
    size_t size;

    if (count < OP_BYTES) {
        return 0;
    }
    *out = (struct journal_op){.is_delete = bytes[0] != 0,
                               .table = (uint8_t)bytes[1],
                               .key = bytes + OP_BYTES,
                               .key_bytes = (size_t)get_number(bytes + 2, 2),
                               .value_bytes = (size_t)get_number(bytes + 4, 4)};
    out->value = bytes + OP_BYTES + out->key_bytes;
    size = OP_BYTES + out->key_bytes + out->value_bytes;
    return size <= count ? size : 0;
}

static int visit_ops(const char *payload, size_t bytes,
                     int (*visit)(void *context, const struct journal_op *op), void *context) {
    int r = 0;

    while (r == 0 && bytes > 0) {
        struct journal_op op;
        size_t size = read_op(payload, bytes, &op);

        if (size == 0) {
            return ERR_CORRUPT; /* Its sum was right: not damage, but a writer we don't know. */
        }
        r = visit(context, &op);
        payload += size;
        bytes -= size;
    }
    return r;
}

/* A whole record of this generation. */
static bool is_record(const struct journal *journal, const char *file, size_t at,
                      struct header *out_header) {
    return at < journal->file_bytes && read_header(file + at, out_header) &&
           out_header->generation == journal->generation &&
           out_header->bytes <= journal->file_bytes - at - HEADER_BYTES &&
           sum(file + at, out_header->bytes) == out_header->crc;
}

/* The payload of the next record, if there is one. */
static const char *find_record(const struct journal *journal, const char *file, size_t *out_bytes) {
    struct header header;

    if (!is_record(journal, file, journal->at, &header) || header.number != journal->records) {
        return NULL;
    }
    *out_bytes = header.bytes;
    return file + journal->at + HEADER_BYTES;
}

/* Each record was on disk before the next one was written: if one comes later, this is no end but
 * damage. Stands before the later one then. */
static bool pass_over_damage(struct journal *journal, const char *file) {
    for (size_t at = journal->at; at < journal->file_bytes; at += JOURNAL_BLOCK_BYTES) {
        struct header header;

        if (is_record(journal, file, at, &header) && header.number > journal->records) {
            journal->lost += header.number - journal->records;
            journal->records = header.number;
            journal->at = at;
            return true;
        }
    }
    return false;
}

static int read_file(const struct journal *journal, char *out) {
    size_t done = 0;

    while (done < journal->file_bytes) {
        ssize_t n = pread(journal->fd, out + done, journal->file_bytes - done, (off_t)done);

        if (n <= 0 && !(n < 0 && errno == EINTR)) {
            return ERR_IO;
        }
        done += n > 0 ? (size_t)n : 0;
    }
    return OK;
}

/* A sync that failed before this process began left its record in the system's memory, where it
 * passes for clean: write what we are about to believe, and believe it once it is on disk. What
 * follows it would be lost with it. */
static int settle(const struct journal *journal, const char *file) {
    const struct writer_work work = {.fd = journal->fd, .bytes = file, .count = journal->at};

    return journal->at == 0 || writer_do(&work) == 0 ? OK : ERR_IO;
}

int journal_replay(struct journal *journal, uint64_t generation,
                   int (*visit)(void *context, const struct journal_op *op), void *context) {
    bool is_known = journal->records != UNKNOWN && journal->generation == generation;
    uint64_t limit = is_known ? journal->records : UINT64_MAX;
    char *file = mem_alloc(journal->file_bytes, 1);
    const char *payload;
    size_t bytes;
    int r = read_file(journal, file);

    journal_drop(journal);
    if (r == OK) {
        start_over(journal, generation);
    }
    while (r == OK && journal->records < limit) {
        payload = find_record(journal, file, &bytes);
        if (payload == NULL) {
            if (!is_known && pass_over_damage(journal, file)) {
                continue;
            }
            break;
        }
        r = visit_ops(payload, bytes, visit, context);
        journal->at += whole_blocks(HEADER_BYTES + bytes);
        journal->records++;
    }
    if (r == OK && is_known && journal->records < limit) {
        r = ERR_CORRUPT; /* What was acknowledged is not there any more. */
    }
    if (r == OK && !is_known) {
        r = settle(journal, file);
    }
    if (r != OK) {
        journal->records = is_known ? limit : UNKNOWN;
    }
    free(file);
    return r;
}

int journal_peek(const char *path, uint64_t generation,
                 int (*visit)(void *context, const struct journal_op *op), void *context) {
    struct journal journal = {.generation = generation};
    struct stat info;
    const char *payload;
    char *file = NULL;
    size_t bytes;
    int r = OK;

    journal.fd = open(path, O_RDONLY | O_CLOEXEC);
    if (journal.fd < 0) {
        return errno == ENOENT ? OK : ERR_IO;
    }
    if (fstat(journal.fd, &info) != 0) {
        r = ERR_IO;
    } else {
        journal.file_bytes = (size_t)info.st_size / JOURNAL_BLOCK_BYTES * JOURNAL_BLOCK_BYTES;
        file = mem_alloc(journal.file_bytes + 1, 1);
        r = read_file(&journal, file);
    }
    while (r == OK && ((payload = find_record(&journal, file, &bytes)) != NULL ||
                       pass_over_damage(&journal, file))) {
        if (payload != NULL) {
            r = visit_ops(payload, bytes, visit, context);
            journal.at += whole_blocks(HEADER_BYTES + bytes);
            journal.records++;
        }
    }
    free(file);
    (void)close(journal.fd);
    return r;
}

/* --- Writing ---------------------------------------------------------------------------------- */

void journal_restart(struct journal *journal, uint64_t generation) {
    size_t doubled = 2 * journal->file_bytes;

    start_over(journal, generation);
    if (doubled <= journal->file_bytes_last &&
        fill(journal->fd, journal->file_bytes, doubled) == 0) {
        journal->file_bytes = doubled;
    }
}

/* Appends so many bytes; NULL: no journal would hold them. */
static char *add_room(struct journal *journal, size_t count) {
    char *room = journal->pending + journal->pending_bytes;

    if (journal->is_too_large || count > journal->file_bytes_last - journal->pending_bytes) {
        journal->is_too_large = true;
        return NULL;
    }
    journal->pending_bytes += count;
    return room;
}

void journal_add(struct journal *journal, const struct journal_op *op) {
    char *room = add_room(journal, OP_BYTES + op->key_bytes + op->value_bytes);

    ENSURE(op->key_bytes <= UINT16_MAX && op->value_bytes <= UINT32_MAX);
    if (room == NULL) {
        return;
    }
    room[0] = (char)op->is_delete;
    room[1] = (char)op->table;
    put_number(room + 2, op->key_bytes, 2);
    put_number(room + 4, op->value_bytes, 4);
    memcpy(room + OP_BYTES, op->key, op->key_bytes);
    if (op->value_bytes > 0) {
        memcpy(room + OP_BYTES + op->key_bytes, op->value, op->value_bytes);
    }
}

/* Leaves room for the header: a record is written as it lies. */
void journal_drop(struct journal *journal) {
    journal->pending_bytes = HEADER_BYTES;
    journal->is_too_large = false;
}

bool journal_is_empty(const struct journal *journal) {
    return journal->records == 0;
}

uint64_t journal_lost(const struct journal *journal) {
    return journal->lost;
}

bool journal_fits(const struct journal *journal) {
    return !journal->is_too_large && journal->pending_bytes <= journal->file_bytes - journal->at;
}

/* Whole blocks: none is read before it is written, and no acknowledged one is written again. */
static void pad(struct journal *journal) {
    size_t bytes = whole_blocks(journal->pending_bytes);

    memset(journal->pending + journal->pending_bytes, 0, bytes - journal->pending_bytes);
    journal->pending_bytes = bytes;
}

/* The pending record as it is to lie in the file. */
static void seal(struct journal *journal) {
    char *record = journal->pending;
    struct header header = {.generation = journal->generation,
                            .number = journal->records,
                            .bytes = journal->pending_bytes - HEADER_BYTES};

    ENSURE(journal->records != UNKNOWN && journal_fits(journal));
    write_header(record, &header);
    header.crc = sum(record, header.bytes);
    write_header(record, &header);
    pad(journal);
}

/* From our memory to the disk, a fifth sooner than by the system's, where that can be done: some
 * file systems say only now that it can't. */
static int write_pending(struct journal *journal) {
    struct writer_work work = {.fd = journal->direct_fd,
                               .bytes = journal->pending,
                               .count = journal->pending_bytes,
                               .at = journal->at};
    int r = journal->direct_fd >= 0 ? writer_do(&work) : EINVAL;

    if (r == EINVAL) {
        close_direct(journal);
        work.fd = journal->fd;
        r = writer_do(&work);
    }
    return r;
}

int journal_write(struct journal *journal) {
    int r;

    seal(journal);
    r = write_pending(journal);
    if (r == 0) {
        journal->at += journal->pending_bytes;
        journal->records++;
    }
    journal_drop(journal);
    return r;
}
