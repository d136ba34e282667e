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

#define LEVEL       1           /* Speed: it runs on the daemon's only thread. */
#define FRAME_BYTES (64 * 1024) /* of text, in one frame: what a writer holds in memory */
#define PART_BYTES  (128 * 1024)

struct log_writer {
    char *path;
    char *part; /* where it is written until it is whole */
    int fd;
    char *text; /* that is not written yet */
    size_t text_bytes;
    size_t head_left;
    int ring_fd; /* a file without a name; -1 until the head is full */
    size_t ring_room;
    uint64_t tail_bytes; /* ever put into the ring */
    int64_t written;
};

/* --- Frames ----------------------------------------------------------------------------------- */

static int fail(const struct log_writer *writer, struct error *error) {
    return error_set(error, ERR_IO, "%s: %s", writer->part, strerror(errno));
}

static int write_all(int fd, const char *bytes, size_t count) {
    for (size_t at = 0; at < count;) {
        ssize_t put = write(fd, bytes + at, count - at);

        if (put < 0 && errno != EINTR) {
            return ERR_IO;
        }
        at += put > 0 ? (size_t)put : 0;
    }
    return OK;
}

/* Append the text as a frame of its own: a file that is cut off between two can be read. */
static int write_frame(int fd, const char *text, size_t count, int64_t *out_bytes) {
    ZSTD_CCtx *context = ZSTD_createCCtx();
    size_t room = ZSTD_compressBound(count);
    char *out = mem_alloc(1, room);
    size_t made = 0;
    int r = context == NULL ? ERR_NO_MEMORY : OK;

    if (r == OK) {
        (void)ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, LEVEL);
        (void)ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
        made = ZSTD_compress2(context, out, room, text, count);
        r = ZSTD_isError(made) ? ERR_IO : write_all(fd, out, made);
    }
    if (r == OK) {
        *out_bytes += (int64_t)made;
    }
    free(out);
    (void)ZSTD_freeCCtx(context);
    return r;
}

static int flush(struct log_writer *writer) {
    int r = write_frame(writer->fd, writer->text, writer->text_bytes, &writer->written);

    writer->text_bytes = 0;
    return r;
}

static int put(struct log_writer *writer, const char *bytes, size_t count) {
    int r = OK;

    while (r == OK && count > 0) {
        size_t part = FRAME_BYTES - writer->text_bytes;

        part = part < count ? part : count;
        memcpy(writer->text + writer->text_bytes, bytes, part);
        writer->text_bytes += part;
        bytes += part;
        count -= part;
        if (writer->text_bytes == FRAME_BYTES) {
            r = flush(writer);
        }
    }
    return r;
}

/* --- Writing ---------------------------------------------------------------------------------- */

int log_writer_open(const struct log_writer_options *options, struct log_writer **out_writer,
                    struct error *error) {
    struct log_writer *writer = mem_alloc(1, sizeof *writer);

    *writer = (struct log_writer){
        .path = mem_copy_text(options->path),
        .part = mem_format("%s" LOG_FILE_PART, options->path),
        .head_left = options->head_bytes,
        .ring_fd = -1,
        .ring_room = options->tail_bytes,
        .text = mem_alloc(1, FRAME_BYTES),
    };
    writer->fd = open(writer->part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (writer->fd < 0) {
        int r = fail(writer, error);

        log_writer_abandon(writer);
        return r;
    }
    *out_writer = writer;
    return OK;
}

/* Beside the log, so that it is on the same disk; gone with the writer, however that ends. */
static int open_ring(struct log_writer *writer) {
    char *path = mem_format("%s.ring" LOG_FILE_PART, writer->path);

    writer->ring_fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    (void)unlink(path);
    free(path);
    return writer->ring_fd < 0 ? ERR_IO : OK;
}

static int write_at(int fd, const char *bytes, size_t count, size_t at) {
    while (count > 0) {
        ssize_t put_bytes = pwrite(fd, bytes, count, (off_t)at);

        if (put_bytes < 0 && errno != EINTR) {
            return ERR_IO;
        }
        bytes += put_bytes > 0 ? put_bytes : 0;
        at += put_bytes > 0 ? (size_t)put_bytes : 0;
        count -= put_bytes > 0 ? (size_t)put_bytes : 0;
    }
    return OK;
}

static int keep_in_tail(struct log_writer *writer, const char *bytes, size_t count) {
    int r = OK;

    if (count == 0 || writer->ring_room == 0) {
        writer->tail_bytes += count;
        return OK;
    }
    if (writer->ring_fd < 0) {
        r = open_ring(writer);
    }
    while (r == OK && count > 0) {
        size_t at = (size_t)(writer->tail_bytes % writer->ring_room);
        size_t part = writer->ring_room - at < count ? writer->ring_room - at : count;

        r = write_at(writer->ring_fd, bytes, part, at);
        writer->tail_bytes += part;
        bytes += part;
        count -= part;
    }
    return r;
}

int log_writer_add(struct log_writer *writer, const char *bytes, size_t count) {
    size_t head = count < writer->head_left ? count : writer->head_left;
    int r = put(writer, bytes, head);

    writer->head_left -= head;
    return r == OK ? keep_in_tail(writer, bytes + head, count - head) : r;
}

/* Up to count bytes of the ring, as they were put in. 0: it can't be read. */
static size_t read_ring(const struct log_writer *writer, uint64_t from, char *out, size_t count) {
    size_t at = (size_t)(from % writer->ring_room);
    ssize_t got;

    count = writer->ring_room - at < count ? writer->ring_room - at : count;
    got = pread(writer->ring_fd, out, count, (off_t)at);
    return got > 0 ? (size_t)got : 0;
}

/* How many of the ring's oldest bytes are the rest of a line that was cut. */
static size_t broken_line(const struct log_writer *writer, char *part) {
    uint64_t first = writer->tail_bytes - writer->ring_room;
    size_t got;

    for (uint64_t at = first; at < writer->tail_bytes; at += got) {
        char *end;

        got = read_ring(writer, at, part, FRAME_BYTES);
        end = got == 0 ? NULL : memchr(part, '\n', got);
        if (end != NULL) {
            return (size_t)(at - first) + (size_t)(end - part) + 1;
        }
        if (got == 0) {
            break;
        }
    }
    return 0;
}

static int add_ring(struct log_writer *writer, uint64_t from, char *part) {
    int r = OK;

    for (uint64_t at = from; r == OK && at < writer->tail_bytes;) {
        uint64_t left = writer->tail_bytes - at;
        size_t got = read_ring(writer, at, part, left < FRAME_BYTES ? (size_t)left : FRAME_BYTES);

        r = got == 0 ? ERR_IO : put(writer, part, got);
        at += got;
    }
    return r;
}

static int add_tail(struct log_writer *writer) {
    char mark[128];
    char *part = mem_alloc(1, FRAME_BYTES);
    uint64_t from = 0;
    int r = OK;

    if (writer->tail_bytes > writer->ring_room) {
        from = writer->tail_bytes - writer->ring_room;
        from += writer->ring_fd < 0 ? 0 : broken_line(writer, part);
        (void)snprintf(mark, sizeof mark,
                       "\n[nightshift: %" PRIu64 " bytes of this log were cut out here]\n", from);
        r = put(writer, mark, strlen(mark));
    }
    r = r == OK && writer->ring_fd >= 0 ? add_ring(writer, from, part) : r;
    free(part);
    return r;
}

static void close_writer(struct log_writer *writer) {
    if (writer->fd >= 0) {
        (void)close(writer->fd);
    }
    if (writer->ring_fd >= 0) {
        (void)close(writer->ring_fd);
    }
    free(writer->text);
    free(writer->part);
    free(writer->path);
    free(writer);
}

static int write_rest(struct log_writer *writer) {
    int r = add_tail(writer);

    /* A file of no frame at all would be taken for one that was cut off. */
    return r == OK && (writer->text_bytes > 0 || writer->written == 0) ? flush(writer) : r;
}

int log_writer_finish(struct log_writer *writer, int64_t *out_bytes, struct error *error) {
    int r = write_rest(writer);

    if (r != OK || rename(writer->part, writer->path) != 0) {
        r = fail(writer, error);
        (void)unlink(writer->part);
    } else {
        *out_bytes = writer->written;
    }
    close_writer(writer);
    return r;
}

void log_writer_suspend(struct log_writer *writer) {
    if (writer != NULL) {
        if (write_rest(writer) != OK) {
            (void)unlink(writer->part);
        }
        close_writer(writer);
    }
}

void log_writer_abandon(struct log_writer *writer) {
    if (writer != NULL) {
        (void)unlink(writer->part);
        close_writer(writer);
    }
}

/* --- What was not finished -------------------------------------------------------------------- */

/* The bytes of whole frames at the beginning of the file. */
static off_t whole_frames(int fd) {
    size_t room = ZSTD_compressBound(FRAME_BYTES);
    char *bytes = mem_alloc(1, room);
    off_t at = 0;

    for (;;) {
        ssize_t got = pread(fd, bytes, room, at);
        size_t frame = got <= 0 ? 0 : ZSTD_findFrameCompressedSize(bytes, (size_t)got);

        if (got <= 0 || ZSTD_isError(frame) || frame == 0) {
            break;
        }
        at += (off_t)frame;
    }
    free(bytes);
    return at;
}

int log_file_salvage(const char *path, int64_t *out_bytes) {
    static const char mark[] =
        "\n[nightshift: the daemon ended here; what came after it is not in this log]\n";
    char *part = mem_format("%s" LOG_FILE_PART, path);
    int fd = open(part, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    off_t whole = fd < 0 ? 0 : whole_frames(fd);
    int64_t bytes = whole;
    int r = whole == 0 ? ERR_NOT_FOUND : OK;

    if (r == OK && (ftruncate(fd, whole) != 0 || lseek(fd, whole, SEEK_SET) < 0 ||
                    write_frame(fd, mark, strlen(mark), &bytes) != OK || rename(part, path) != 0)) {
        r = ERR_IO;
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    if (r == OK) {
        *out_bytes = bytes;
    } else {
        (void)unlink(part);
    }
    free(part);
    return r;
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
