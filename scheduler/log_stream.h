/* scheduler/log_stream.h - a pod's log, followed to its end over connections that break.
 *
 * Owns a request to the API server at a time. When one breaks the next asks for the whole log
 * again, and what came before is left out (base/log_resume.h); another log than before, because
 * the node has put the old part away, is taken with a word about it. Never gives up by itself while
 * there is a pod.
 */
#ifndef SCHEDULER_LOG_STREAM_H
#define SCHEDULER_LOG_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct daemon;
struct kube_status;
struct log_stream;

enum log_stream_end {
    LOG_STREAM_WHOLE,   /* all that there is came */
    LOG_STREAM_BROKEN,  /* the pod went while the connection was broken: its last part may lack */
    LOG_STREAM_REFUSED, /* it never began; the status says why */
    LOG_STREAM_STOPPED, /* on_bytes wanted no more */
    LOG_STREAM_CLOSED,  /* the daemon ends */
};

/* The texts are copied. */
struct log_stream_options {
    struct daemon *daemon;
    const char *namespace;
    const char *pod;
    const char *container;
    int64_t tail_lines; /* only these of what was there, then what follows, and a connection that
                         * breaks is the end; 0: all */

    /* Does the container still run? Asked when a connection has ended by itself. NULL: nobody
     * knows, and one that ended by itself with nothing new was the last. */
    bool (*runs)(void *context);
    int (*on_bytes)(void *context, const char *bytes, size_t count);
    /* Once, and the last call: the stream is no more. status is NULL unless it was REFUSED. */
    void (*on_end)(void *context, enum log_stream_end end, const struct kube_status *status);
    void *context;
};

/* on_end never comes before it returns. */
struct log_stream *log_stream_open(const struct log_stream_options *options);

/* Without a word to anybody. Accepts NULL. */
void log_stream_close(struct log_stream *stream);

/* The pod is no more: what is on its way still comes, within logs.timeout. May end the stream. */
void log_stream_gone(struct log_stream *stream);

#endif
