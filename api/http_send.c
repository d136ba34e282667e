#include "api/http_connection.h"

#include "api/http_parser.h"

/* Per wake-up, so that one download does not starve the others. */
#define SEND_BYTES_PER_WAKE (1024 * 1024)

/* A buffer is freed after use when it has grown beyond this. */
#define KEPT_BYTES (2 * 1024)

static void release(struct buf *buf) {
    if (buf->bytes_room > KEPT_BYTES) {
        size_t bytes_max = buf->bytes_max;

        buf_finish(buf);
        buf_init(buf, bytes_max);
    } else {
        buf_clear(buf);
    }
}

void http_connection_begin_reading(struct http_connection *c) {
    c->phase = HTTP_PHASE_READING;
    c->progress_seen = HTTP_PROGRESS_IDLE;
    http_connection_set_deadline(c, http_connection_limits(c)->idle_us);
}

static void all_sent(struct http_connection *c) {
    release(&c->out);
    c->out_sent = 0;
    if (c->phase == HTTP_PHASE_STREAMING) {
        c->deadline_us = CLOCK_NEVER_US;
    } else if (c->phase == HTTP_PHASE_ANSWERING) {
        if (c->closing || c->eof) {
            http_connection_close_politely(c);
        } else {
            http_connection_begin_reading(c);
        }
    }
}

/* The socket is full: from now on bytes must leave at a minimum rate. */
static void begin_window(struct http_connection *c) {
    if ((c->phase == HTTP_PHASE_ANSWERING || c->phase == HTTP_PHASE_STREAMING) &&
        c->deadline_us == CLOCK_NEVER_US) {
        c->window_bytes = 0;
        http_connection_set_deadline(c, http_connection_limits(c)->send_us);
    }
}

/* Forget what is sent when that is most of the buffer: each byte moves at most once. */
static void compact(struct http_connection *c) {
    if (c->out_sent > c->out.bytes / 2) {
        buf_drop_front(&c->out, c->out_sent);
        c->out_sent = 0;
    }
}

void http_connection_flush(struct http_connection *c) {
    size_t budget = SEND_BYTES_PER_WAKE;

    c->flush_wanted = false;
    while (http_connection_queued(c) > 0 && budget > 0) {
        size_t count = http_connection_queued(c) < budget ? http_connection_queued(c) : budget;
        size_t sent = 0;
        enum tls_result result = http_connection_put(c, c->out.data + c->out_sent, count, &sent);

        if (result == TLS_WANT_READ || result == TLS_WANT_WRITE) {
            break;
        }
        if (result != TLS_DONE) {
            http_connection_kill(c);
            return;
        }
        c->out_sent += sent;
        c->window_bytes += sent;
        budget -= sent;
    }
    if (http_connection_queued(c) > 0) {
        compact(c);
        begin_window(c);
    } else {
        all_sent(c);
    }
}
