/* queue/writer.h - a thread that writes and syncs, so that its owner need not wait for the disk.
 *
 * One write at a time: it is begun, the owner goes on, and ends it when the descriptor says so, or
 * before, and waits then. Knows no journal. Never logs.
 */
#ifndef QUEUE_WRITER_H
#define QUEUE_WRITER_H

#include <stddef.h>

#include "base/error.h"

struct writer;

struct writer_work {
    int fd;
    const char *bytes; /* unchanged until the end */
    size_t count;
    size_t at;
};

/* ERR_IO: the system has no thread or descriptor left. */
int writer_create(struct writer **out_writer) MUST_CHECK;

/* Ends what is under way. Accepts NULL. */
void writer_destroy(struct writer *writer);

/* Readable while a write is over and not ended. The writer's. */
int writer_fd(const struct writer *writer);

void writer_begin(struct writer *writer, const struct writer_work *work);

/* Waits if it must. 0: all is on disk; or the errno. */
int writer_end(struct writer *writer) MUST_CHECK;

/* The same by the caller's own thread; and without the sync. */
int writer_do(const struct writer_work *work) MUST_CHECK;
int writer_put(const struct writer_work *work) MUST_CHECK;

#endif
