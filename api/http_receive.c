#include <stdio.h>

#include "api/http_connection.h"
#include "api/http_parser.h"
#include "api/http_request.h"

/* Per wake-up, so that one upload does not starve the others. */
#define READS_PER_WAKE 4

#define LINGER_BYTES (1024 * 1024)

/* --- Requests --------------------------------------------------------------------------------- */

static void adopt(struct http_connection *c, struct http_request *request) {
    request->connection = c;
    request->peer = c->peer;
}

static void hand_out(struct http_connection *c) {
    struct http_request *request = http_parser_take_request(c->parser);

    adopt(c, request);
    c->request = request;
    c->phase = HTTP_PHASE_HANDED;
    c->deadline_us = CLOCK_NEVER_US;
    c->server->stats.requests++;
    c->in_handler = true;
    c->server->config.on_request(request, c->server->config.owner);
    c->in_handler = false;
    if (c->phase == HTTP_PHASE_ANSWERING || c->phase == HTTP_PHASE_STREAMING) {
        http_connection_flush(c);
    }
}

/* What is beyond a bound hears the bound, and which of nightshift's settings it is. */
static void refuse_beyond(struct http_connection *c, int status, const char *why) {
    const struct http_limits *limits = http_connection_limits(c);
    char text[160];

    switch (status) {
    case 413:
        (void)snprintf(text, sizeof text, "%s: at most %zu bytes are taken (limits.bodyBytes)", why,
                       limits->body_bytes);
        break;
    case 414:
        (void)snprintf(text, sizeof text, "%s: at most %zu bytes are taken", why,
                       limits->url_bytes);
        break;
    case 431:
        (void)snprintf(text, sizeof text,
                       "%s: at most %zu bytes (limits.headerBytes) and %zu headers are taken", why,
                       limits->header_bytes, limits->header_count);
        break;
    default:
        (void)snprintf(text, sizeof text, "%s", why);
        break;
    }
    http_connection_refuse(c, status, text);
}

/* The head is here, the body is not. */
static void begin_body(struct http_connection *c, bool body_is_here) {
    struct http_request *request = http_parser_request(c->parser);
    int status = 0;

    adopt(c, request);
    if (c->server->config.on_head != NULL) {
        status = c->server->config.on_head(request, c->server->config.owner);
    }
    if (status != 0) {
        http_connection_refuse(c, status, "refused");
    } else if (request->expects_continue && !body_is_here) {
        buf_add_text(&c->out, "HTTP/1.1 100 Continue\r\n\r\n");
        http_connection_flush(c);
    }
}

/* Bodies of all connections share a bound. */
static bool count_body(struct http_connection *c) {
    const struct http_request *request = http_parser_request(c->parser);
    size_t bytes = request != NULL ? request->body.bytes : 0;

    c->server->body_bytes += bytes - c->body_bytes;
    c->body_bytes = bytes;
    return bytes == 0 || c->server->body_bytes <= http_connection_limits(c)->body_bytes_all;
}

/* One step of the parser; the number of bytes it used. */
static size_t feed_step(struct http_connection *c, const char *bytes, size_t count) {
    const char *why = NULL;
    size_t used = 0;
    enum http_step step = http_parser_feed(c->parser, bytes, count, &used);

    if (step == HTTP_STEP_REFUSED) {
        int status = http_parser_refusal(c->parser, &why);

        refuse_beyond(c, status, why);
        return count;
    }
    if (!count_body(c)) {
        http_connection_refuse(c, 503,
                               "too many bodies are on their way (limits.bodiesBytes); try again");
        return count;
    }
    if (step == HTTP_STEP_HEAD) {
        begin_body(c, used < count);
    } else if (step == HTTP_STEP_REQUEST) {
        hand_out(c);
    }
    return used;
}

/* Each part of a request has its deadline, from its begin; progress adds nothing to it. */
static void follow_progress(struct http_connection *c) {
    enum http_progress progress = http_parser_progress(c->parser);

    if (c->phase != HTTP_PHASE_READING || (int)progress == c->progress_seen) {
        return;
    }
    c->progress_seen = (int)progress;
    http_connection_set_deadline(c, progress == HTTP_PROGRESS_HEAD
                                        ? http_connection_limits(c)->header_us
                                        : http_connection_limits(c)->body_us);
}

/* Use bytes until one request is with the owner; the number used. */
static size_t feed(struct http_connection *c, const char *bytes, size_t count) {
    size_t used = 0;

    while (used < count && c->phase == HTTP_PHASE_READING) {
        used += feed_step(c, bytes + used, count - used);
        follow_progress(c);
    }
    return used;
}

void http_connection_feed_read_ahead(struct http_connection *c) {
    c->in_used += feed(c, c->in.data + c->in_used, c->in.bytes - c->in_used);
    if (c->in_used >= c->in.bytes) {
        size_t bytes_max = c->in.bytes_max;

        buf_finish(&c->in);
        buf_init(&c->in, bytes_max);
        c->in_used = 0;
    }
}

/* --- Reading ---------------------------------------------------------------------------------- */

static void take_bytes(struct http_connection *c, const char *bytes, size_t count) {
    if (c->phase == HTTP_PHASE_LINGER) {
        c->lingered_bytes += count;
        if (c->lingered_bytes > LINGER_BYTES) {
            http_connection_kill(c);
        }
        return;
    }
    if (c->phase == HTTP_PHASE_READING) {
        size_t used = feed(c, bytes, count);

        bytes += used;
        count -= used;
    }
    if (count > 0 && c->phase != HTTP_PHASE_LINGER && c->phase != HTTP_PHASE_DEAD) {
        buf_add(&c->in, bytes, count);
    }
}

static void take_end(struct http_connection *c) {
    if (c->phase == HTTP_PHASE_ANSWERING) {
        c->eof = true; /* It shall have the answer that is already on its way. */
    } else {
        http_connection_kill(c);
    }
}

void http_connection_read(struct http_connection *c) {
    for (int i = 0; i < READS_PER_WAKE && http_connection_takes_bytes(c); i++) {
        size_t count = 0;
        enum tls_result result =
            http_connection_get(c, c->server->read_buffer, HTTP_READ_BYTES, &count);

        if (result == TLS_WANT_READ || result == TLS_WANT_WRITE) {
            return;
        }
        if (result == TLS_CLOSED) {
            take_end(c);
            return;
        }
        if (result != TLS_DONE) {
            http_connection_kill(c);
            return;
        }
        take_bytes(c, c->server->read_buffer, count);
        if (c->tls == NULL && count < HTTP_READ_BYTES) {
            return; /* There was no more; if there is by now, the poller says so. */
        }
    }
}
