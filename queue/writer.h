/* queue/writer.h - a thread that writes and syncs, so that its owner need not wait for the disk.
 *
 * One job at a time: it is begun, the owner goes on, and ends it when the descriptor says so, or
 * before, and waits then. Knows no journal. Never logs.
 */
#ifndef QUEUE_WRITER_H
#define QUEUE_WRITER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct writer;

/* On the thread, and what it works on is the thread's until the end. */
struct writer_job {
    int (*run)(void *context);
    void *context;
};

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

/* Readable while a job is over and not ended. The writer's. */
int writer_fd(const struct writer *writer);

void writer_begin(struct writer *writer, const struct writer_job *job);

/* By the job, on the thread: what is left of it leaves alone what the owner may look at. */
void writer_share(struct writer *writer);

/* Has it said so, or is it over? Waits for that so long at most. */
bool writer_shares(struct writer *writer, int patience_ms);

/* Is the job that was begun over? Waits for that so long at most. */
bool writer_is_done(struct writer *writer, int patience_ms);

/* Waits if it must. What the job's function returned. */
int writer_end(struct writer *writer) MUST_CHECK;
bool writer_has_shared(const struct writer *writer); /* the job that was ended last */

/* By the caller's own thread: write all and sync; and without the sync. 0, or the errno. */
int writer_do(const struct writer_work *work) MUST_CHECK;
int writer_put(const struct writer_work *work) MUST_CHECK;

#endif
