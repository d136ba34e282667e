#include "scheduler/log_stream.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/log_resume.h"
#include "base/memory.h"
#include "k8s/kube.h"
#include "k8s/resource.h"
#include "scheduler/daemon.h"
#include "scheduler/loop.h"

#define PAUSE_FIRST_US CLOCK_US_PER_SECOND
#define PAUSE_LAST_US  (10 * CLOCK_US_PER_SECOND)

struct log_stream {
    struct log_stream_options options;
    char *namespace;
    char *pod;
    char *container;
    struct log_resume resume;
    struct poller_timer timer; /* of the next connection; once gone, of the end */
    int64_t pause_us;
    uint64_t call;   /* under way; 0: none */
    uint64_t before; /* bytes that were known when the connection began */
    bool gone;
    bool broken;  /* the last connection did not end by itself */
    bool stopped; /* by on_bytes */
};

static struct poller *poller_of(const struct log_stream *stream) {
    return loop_poller(stream->options.daemon->loop);
}

void log_stream_close(struct log_stream *stream) {
    if (stream == NULL) {
        return;
    }
    if (stream->call != 0) {
        kube_cancel(stream->options.daemon->kube, stream->call);
    }
    poller_timer_stop(poller_of(stream), &stream->timer);
    free(stream->namespace);
    free(stream->pod);
    free(stream->container);
    free(stream);
}

static void end(struct log_stream *stream, enum log_stream_end how,
                const struct kube_status *status) {
    struct log_stream_options options = stream->options;

    log_stream_close(stream);
    options.on_end(options.context, how, status);
}

/* --- One connection --------------------------------------------------------------------------- */

static int hand_on(struct log_stream *stream, const char *bytes, size_t count) {
    static const char gap[] = "\n[nightshift: the log's connection broke, and its node has begun "
                              "another file since: a part may be missing here]\n";
    int r = OK;

    if (log_resume_take_gap(&stream->resume)) {
        r = stream->options.on_bytes(stream->options.context, gap, strlen(gap));
    }
    if (r == OK && count > 0) {
        r = stream->options.on_bytes(stream->options.context, bytes, count);
    }
    stream->stopped = r != OK;
    return r;
}

static int on_bytes(void *context, const char *bytes, size_t count) {
    struct log_stream *stream = context;
    size_t skip = log_resume_skip(&stream->resume, bytes, count);

    stream->pause_us = PAUSE_FIRST_US;
    return hand_on(stream, bytes + skip, count - skip);
}

static void connect_again(struct log_stream *stream) {
    poller_timer_set(poller_of(stream), &stream->timer, stream->pause_us);
    stream->pause_us = 2 * stream->pause_us > PAUSE_LAST_US ? PAUSE_LAST_US : 2 * stream->pause_us;
}

/* It ended by itself: the container has ended, or a proxy between was tired of it. */
static bool is_whole(const struct log_stream *stream) {
    if (stream->gone) {
        return true;
    }
    return stream->options.runs != NULL ? !stream->options.runs(stream->options.context)
                                        : stream->resume.taken == stream->before;
}

static void on_done(void *context, const struct kube_answer *answer) {
    struct log_stream *stream = context;
    enum kube_outcome outcome = answer->status.outcome;

    stream->call = 0;
    if (outcome != KUBE_NOT_FOUND) {
        stream->broken = outcome != KUBE_OK;
    }
    if (outcome == KUBE_CLOSED) {
        end(stream, LOG_STREAM_CLOSED, NULL);
    } else if (stream->stopped) {
        end(stream, LOG_STREAM_STOPPED, NULL);
    } else if (outcome == KUBE_OK && is_whole(stream)) {
        end(stream, LOG_STREAM_WHOLE, NULL);
    } else if (stream->resume.taken == 0 && outcome != KUBE_OK &&
               !kube_outcome_is_transient(outcome)) {
        end(stream, LOG_STREAM_REFUSED, &answer->status);
    } else if (outcome == KUBE_NOT_FOUND || stream->gone || stream->options.tail_lines > 0) {
        end(stream, stream->broken ? LOG_STREAM_BROKEN : LOG_STREAM_WHOLE, NULL);
    } else {
        connect_again(stream);
    }
}

static void connect_now(struct log_stream *stream) {
    struct buf path;
    struct buf query;

    buf_init(&path, LIMIT_HTTP_URL_BYTES);
    buf_init(&query, LIMIT_HTTP_URL_BYTES);
    resource_add_path(&path, &(struct resource_path){.resource = KUBE_PODS,
                                                     .namespace_ = stream->namespace,
                                                     .name = stream->pod,
                                                     .subresource = "log"});
    resource_add_log_query(&query,
                           &(struct resource_log_query){.container = stream->container,
                                                        .tail_lines = stream->options.tail_lines,
                                                        .follow = true});
    log_resume_again(&stream->resume);
    stream->before = stream->resume.taken;
    stream->call = kube_request(stream->options.daemon->kube,
                                &(struct kube_call){.method = KUBE_GET,
                                                    .priority = KUBE_PRIORITY_LIST,
                                                    .path = buf_text(&path),
                                                    .query = buf_text(&query),
                                                    .deadline_us = KUBE_DEADLINE_NONE,
                                                    .on_bytes = on_bytes,
                                                    .no_retry = true},
                                on_done, stream);
    buf_finish(&path);
    buf_finish(&query);
}

/* --- Its life --------------------------------------------------------------------------------- */

static void on_time(struct poller_timer *timer) {
    struct log_stream *stream = timer->owner;

    if (stream->gone) {
        end(stream, LOG_STREAM_BROKEN, NULL); /* What is on its way took too long. */
    } else if (!stream->broken && stream->options.runs != NULL && is_whole(stream)) {
        end(stream, LOG_STREAM_WHOLE, NULL);
    } else {
        connect_now(stream);
    }
}

void log_stream_gone(struct log_stream *stream) {
    stream->gone = true;
    if (stream->call != 0) {
        poller_timer_set(poller_of(stream), &stream->timer,
                         stream->options.daemon->config.logs_timeout_us);
    } else {
        end(stream, stream->broken ? LOG_STREAM_BROKEN : LOG_STREAM_WHOLE, NULL);
    }
}

struct log_stream *log_stream_open(const struct log_stream_options *options) {
    struct log_stream *stream = mem_alloc(1, sizeof *stream);

    *stream = (struct log_stream){
        .options = *options,
        .namespace = mem_copy_text(options->namespace),
        .pod = mem_copy_text(options->pod),
        .container = mem_copy_text(options->container),
        .timer = {.on_time = on_time, .owner = stream},
        .pause_us = PAUSE_FIRST_US,
    };
    connect_now(stream);
    return stream;
}
