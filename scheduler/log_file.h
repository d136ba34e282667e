/* scheduler/log_file.h - one pod's log, kept as a compressed file.
 *
 * The only file that knows zstd. Of a log that is too long its beginning and its end are kept, and
 * a line says how much was cut out between them. A file is written under a name that ends in
 * ".part" and renamed when it is whole; it is for its owner alone, and has checksums. It is not
 * forced to the disk: a power cut may cost what the system has not written by then. A writer holds
 * 64 KiB in memory, however long the log: the end of a long one waits in a file without a name.
 */
#ifndef SCHEDULER_LOG_FILE_H
#define SCHEDULER_LOG_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct buf;
struct log_writer;

#define LOG_FILE_PART ".part"

struct log_writer_options {
    const char *path;
    size_t head_bytes; /* kept from the beginning */
    size_t tail_bytes; /* and from the end */
};

int log_writer_open(const struct log_writer_options *options, struct log_writer **out_writer,
                    struct error *error) MUST_CHECK;

/* ERR_IO: the disk; the writer is of no use any more but to be abandoned. */
int log_writer_add(struct log_writer *writer, const char *bytes, size_t count) MUST_CHECK;

/* Rename it into its place. Takes the writer, whatever comes of it. out_bytes: of the file. */
int log_writer_finish(struct log_writer *writer, int64_t *out_bytes,
                      struct error *error) MUST_CHECK;

/* The log goes on, but we don't: leave all that came for log_file_salvage(). Accepts NULL. */
void log_writer_suspend(struct log_writer *writer);

/* Make a log of what an unfinished one holds, and let it say that it is not whole. ERR_NOT_FOUND:
 * it holds nothing; ERR_IO. Either way there is no unfinished one afterwards. */
int log_file_salvage(const char *path, int64_t *out_bytes) MUST_CHECK;

/* Leaves nothing behind. Accepts NULL. */
void log_writer_abandon(struct log_writer *writer);

/* Append the text. ERR_NOT_FOUND; ERR_CORRUPT: the file is damaged; ERR_FULL: no room in out. */
int log_file_read(const char *path, struct buf *out) MUST_CHECK;

#endif
