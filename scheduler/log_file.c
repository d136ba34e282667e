#include "scheduler/log_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include "base/buf.h"
#include "base/memory.h"

#define LEVEL      1 /* Speed: it runs on the daemon's only thread. */
#define PART_BYTES (128 * 1024)

struct log_writer {
    char *path;
    char *part; /* where it is written until it is whole */
    int fd;
    ZSTD_CCtx *stream;
    size_t head_left;
    char *tail; /* a ring; NULL until the head is full */
    size_t tail_room;
    uint64_t tail_bytes; /* ever put into it */
    int64_t written;
    char *out;
};

/* --- Writing ---------------------------------------------------------------------------------- */

static int fail(const struct log_writer *writer, struct error *error) {
    return error_set(error, ERR_IO, "%s: %s", writer->part, strerror(errno));
}

int log_writer_open(const struct log_writer_options *options, struct log_writer **out_writer,
                    struct error *error) {
    struct log_writer *writer = mem_alloc(1, sizeof *writer);
    int r;

    *writer = (struct log_writer){
        .path = mem_copy_text(options->path),
        .part = mem_format("%s" LOG_FILE_PART, options->path),
        .stream = ZSTD_createCCtx(),
        .head_left = options->head_bytes,
        .tail_room = options->tail_bytes,
        .out = mem_alloc(1, PART_BYTES),
    };
    writer->fd = open(writer->part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    r = writer->fd < 0 ? fail(writer, error) : OK;
    if (r == OK && writer->stream == NULL) {
        r = error_set(error, ERR_NO_MEMORY, "%s: no memory for zstd", writer->part);
    }
    if (r != OK) {
        log_writer_abandon(writer);
        return r;
    }
    (void)ZSTD_CCtx_setParameter(writer->stream, ZSTD_c_compressionLevel, LEVEL);
    (void)ZSTD_CCtx_setParameter(writer->stream, ZSTD_c_checksumFlag, 1);
    *out_writer = writer;
    return OK;
}

static int write_out(struct log_writer *writer, size_t count) {
    for (size_t at = 0; at < count;) {
        ssize_t put = write(writer->fd, writer->out + at, count - at);

        if (put < 0 && errno != EINTR) {
            return ERR_IO;
        }
        at += put > 0 ? (size_t)put : 0;
    }
    writer->written += (int64_t)count;
    return OK;
}

static int compress(struct log_writer *writer, const char *bytes, size_t count,
                    ZSTD_EndDirective how) {
    ZSTD_inBuffer in = {bytes, count, 0};
    size_t left;

    do {
        ZSTD_outBuffer out = {writer->out, PART_BYTES, 0};

        left = ZSTD_compressStream2(writer->stream, &out, &in, how);
        if (ZSTD_isError(left) || write_out(writer, out.pos) != OK) {
            return ERR_IO;
        }
    } while (in.pos < in.size || (how == ZSTD_e_end && left > 0));
    return OK;
}

static void keep_in_tail(struct log_writer *writer, const char *bytes, size_t count) {
    if (writer->tail_room == 0) {
        writer->tail_bytes += count;
        return;
    }
    if (writer->tail == NULL) {
        writer->tail = mem_alloc(1, writer->tail_room);
    }
    while (count > 0) {
        size_t at = (size_t)(writer->tail_bytes % writer->tail_room);
        size_t part = writer->tail_room - at < count ? writer->tail_room - at : count;

        memcpy(writer->tail + at, bytes, part);
        writer->tail_bytes += part;
        bytes += part;
        count -= part;
    }
}

int log_writer_add(struct log_writer *writer, const char *bytes, size_t count) {
    size_t head = count < writer->head_left ? count : writer->head_left;
    int r = head == 0 ? OK : compress(writer, bytes, head, ZSTD_e_continue);

    writer->head_left -= head;
    keep_in_tail(writer, bytes + head, count - head);
    return r;
}

/* The bytes of the ring, the oldest first, as at most two runs. */
static int add_ring(struct log_writer *writer, size_t skip) {
    uint64_t first =
        writer->tail_bytes > writer->tail_room ? writer->tail_bytes - writer->tail_room : 0;
    int r = OK;

    for (uint64_t at = first + skip; r == OK && at < writer->tail_bytes;) {
        size_t place = (size_t)(at % writer->tail_room);
        uint64_t left = writer->tail_bytes - at;
        size_t part = left < writer->tail_room - place ? (size_t)left : writer->tail_room - place;

        r = compress(writer, writer->tail + place, part, ZSTD_e_continue);
        at += part;
    }
    return r;
}

/* How many of the ring's oldest bytes are the rest of a line that was cut. */
static size_t broken_line(const struct log_writer *writer) {
    size_t at = 0;

    while (at < writer->tail_room &&
           writer->tail[(writer->tail_bytes + at) % writer->tail_room] != '\n') {
        at++;
    }
    return at < writer->tail_room ? at + 1 : 0;
}

static int add_tail(struct log_writer *writer) {
    char mark[128];
    size_t skip = 0;
    uint64_t cut = 0;
    int r = OK;

    if (writer->tail_bytes > writer->tail_room) {
        skip = writer->tail == NULL ? 0 : broken_line(writer);
        cut = writer->tail_bytes - writer->tail_room + skip;
        (void)snprintf(mark, sizeof mark,
                       "\n[nightshift: %" PRIu64 " bytes of this log were cut out here]\n", cut);
        r = compress(writer, mark, strlen(mark), ZSTD_e_continue);
    }
    return r == OK && writer->tail != NULL ? add_ring(writer, skip) : r;
}

static void close_writer(struct log_writer *writer) {
    if (writer->fd >= 0) {
        (void)close(writer->fd);
    }
    (void)ZSTD_freeCCtx(writer->stream);
    free(writer->tail);
    free(writer->out);
    free(writer->part);
    free(writer->path);
    free(writer);
}

int log_writer_finish(struct log_writer *writer, int64_t *out_bytes, struct error *error) {
    int r = add_tail(writer);

    r = r == OK ? compress(writer, NULL, 0, ZSTD_e_end) : r;
    if (r != OK || rename(writer->part, writer->path) != 0) {
        r = fail(writer, error);
        (void)unlink(writer->part);
    } else {
        *out_bytes = writer->written;
    }
    close_writer(writer);
    return r;
}

void log_writer_abandon(struct log_writer *writer) {
    if (writer != NULL) {
        (void)unlink(writer->part);
        close_writer(writer);
    }
}

/* --- Reading ---------------------------------------------------------------------------------- */

/* Feed one part of the file; *out_whole: the frame has ended. */
static int expand(ZSTD_DCtx *stream, const char *bytes, size_t count, char *part, struct buf *out,
                  bool *out_whole) {
    ZSTD_inBuffer in = {bytes, count, 0};

    while (in.pos < in.size) {
        ZSTD_outBuffer text = {part, PART_BYTES, 0};
        size_t left = ZSTD_decompressStream(stream, &text, &in);

        if (ZSTD_isError(left)) {
            return ERR_CORRUPT;
        }
        *out_whole = left == 0;
        buf_add(out, part, text.pos);
        if (out->full) {
            return ERR_FULL;
        }
    }
    return OK;
}

static int read_all(int fd, ZSTD_DCtx *stream, struct buf *out) {
    char *bytes = mem_alloc(1, PART_BYTES);
    char *part = mem_alloc(1, PART_BYTES);
    bool whole = false;
    ssize_t got;
    int r = OK;

    while (r == OK && (got = read(fd, bytes, PART_BYTES)) != 0) {
        if (got > 0) {
            r = expand(stream, bytes, (size_t)got, part, out, &whole);
        } else if (errno != EINTR) {
            r = ERR_IO;
        }
    }
    free(bytes);
    free(part);
    return r == OK && !whole ? ERR_CORRUPT : r;
}

int log_file_read(const char *path, struct buf *out) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    ZSTD_DCtx *stream;
    int r;

    if (fd < 0) {
        return errno == ENOENT ? ERR_NOT_FOUND : ERR_IO;
    }
    stream = ZSTD_createDCtx();
    r = stream == NULL ? ERR_NO_MEMORY : read_all(fd, stream, out);
    (void)ZSTD_freeDCtx(stream);
    (void)close(fd);
    return r;
}
