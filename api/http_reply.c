#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "api/http_connection.h"
#include "api/http_request.h"
#include "base/ensure.h"

/* --- Answers ---------------------------------------------------------------------------------- */

static enum http_afterwards afterwards(const struct http_connection *c,
                                       const struct http_request *request) {
    if (c->closing) {
        return HTTP_AFTERWARDS_CLOSE;
    }
    return request->version_1_0 ? HTTP_AFTERWARDS_KEEP : HTTP_AFTERWARDS_SILENT_KEEP;
}

void http_connection_begin_answering(struct http_connection *c) {
    c->request = NULL;
    http_connection_uncount_body(c);
    c->phase = HTTP_PHASE_ANSWERING;
    c->deadline_us = CLOCK_NEVER_US;
    c->window_bytes = 0;
}

void http_connection_refuse(struct http_connection *c, int status, const char *why) {
    static const struct http_field challenge = {"WWW-Authenticate", "Bearer"};
    char text[200];
    struct http_reply reply = {.status = status, .content_type = "text/plain", .body = text};

    c->server->stats.refused++;
    c->closing = true;
    (void)snprintf(text, sizeof text, "%s\n", why);
    reply.body_bytes = strlen(text);
    if (status == 401) {
        reply.fields = &challenge;
        reply.field_count = 1;
    }
    http_answer_head(&c->out, &reply, HTTP_FRAMING_LENGTH, HTTP_AFTERWARDS_CLOSE,
                     http_server_date(c->server));
    buf_add(&c->out, text, reply.body_bytes);
    http_connection_begin_answering(c);
    http_connection_flush(c);
}

/* The owner has written: send it now, or, in his callback, after that. */
static void push(struct http_connection *c) {
    if (c->in_handler) {
        return;
    }
    http_connection_flush(c);
    if (c->phase == HTTP_PHASE_READING && (c->in.bytes > 0 || c->server->draining)) {
        http_server_schedule(c); /* The next request is not handed out from inside this call. */
    }
    http_connection_update_watch(c);
}

/* The connection that the answer goes to; NULL: the client is gone, only end the request. */
static struct http_connection *answered_connection(struct http_request *request) {
    struct http_connection *c = request->connection;

    if (c == NULL) {
        return NULL;
    }
    ENSURE(c->request == request);
    if (c->phase == HTTP_PHASE_DEAD) {
        c->request = NULL;
        return NULL;
    }
    return c;
}

static bool is_head(const struct http_request *request) {
    return strcmp(request->method, "HEAD") == 0;
}

static void decide_closing(struct http_connection *c, const struct http_request *request,
                           const struct http_reply *reply) {
    c->closing = c->closing || reply->close || !request->keep_alive || c->server->draining;
}

static void add_head(struct http_connection *c, const struct http_request *request,
                     const struct http_reply *reply) {
    const char *date = http_server_date(c->server);
    enum http_afterwards after = afterwards(c, request);

    if (after == HTTP_AFTERWARDS_SILENT_KEEP && reply->field_count == 0 &&
        http_status_has_body(reply->status)) {
        http_answer_plain_head(&c->out, &c->server->last_head, reply, date);
    } else {
        http_answer_head(&c->out, reply, HTTP_FRAMING_LENGTH, after, date);
    }
}

static void answer(struct http_connection *c, const struct http_request *request,
                   const struct http_reply *reply) {
    struct http_server *server = c->server;
    bool is_instant_known = server->ready.now_us != 0;

    if (!is_instant_known) {
        server->ready = server->config.clock(server->config.owner);
    }
    decide_closing(c, request, reply);
    add_head(c, request, reply);
    if (!is_head(request) && http_status_has_body(reply->status)) {
        buf_add(&c->out, reply->body, reply->body_bytes);
    }
    http_connection_begin_answering(c);
    push(c);
    if (!is_instant_known) {
        server->ready = (struct instant){0};
    }
}

void http_reply(struct http_request *request, const struct http_reply *reply) {
    struct http_connection *c = answered_connection(request);

    ENSURE(!request->streaming);
    if (c != NULL) {
        answer(c, request, reply);
    }
    http_request_destroy(request);
}

void http_on_close(struct http_request *request,
                   void (*on_close)(struct http_request *request, void *owner), void *owner) {
    request->on_close = on_close;
    request->on_close_owner = owner;
}

/* --- Streams ---------------------------------------------------------------------------------- */

static void add_chunk(struct http_connection *c, const struct http_request *request,
                      const void *bytes, size_t count) {
    if (count == 0 || is_head(request)) {
        return; /* An empty chunk would end the stream. */
    }
    if (request->chunked) {
        buf_add_format(&c->out, "%zx\r\n", count);
    }
    buf_add(&c->out, bytes, count);
    if (request->chunked) {
        buf_add_text(&c->out, "\r\n");
    }
}

void http_stream_start(struct http_request *request, const struct http_reply *reply,
                       enum http_overflow overflow,
                       void (*on_room)(struct http_request *request, void *owner), void *owner) {
    struct http_connection *c = request->connection;

    ENSURE(!request->streaming);
    request->streaming = true;
    request->chunked = !request->version_1_0;
    request->overflow = overflow;
    request->on_room = on_room;
    request->on_room_owner = owner;
    if (c == NULL || c->phase == HTTP_PHASE_DEAD) {
        return;
    }
    c->closing = c->closing || !request->chunked;
    decide_closing(c, request, reply);
    http_answer_head(&c->out, reply, request->chunked ? HTTP_FRAMING_CHUNKED : HTTP_FRAMING_CLOSE,
                     afterwards(c, request), http_server_date(c->server));
    add_chunk(c, request, reply->body, reply->body_bytes);
    c->phase = HTTP_PHASE_STREAMING;
    push(c);
}

/* Would count more bytes be too much, even after what can leave has left? */
static bool overflows(struct http_connection *c, size_t count) {
    size_t room = http_connection_limits(c)->stream_bytes;

    if (http_connection_queued(c) > 0 && http_connection_queued(c) + count > room) {
        http_connection_flush(c);
    }
    return c->phase != HTTP_PHASE_DEAD && http_connection_queued(c) > 0 &&
           http_connection_queued(c) + count > room;
}

int http_stream_write(struct http_request *request, const void *bytes, size_t count) {
    struct http_connection *c = request->connection;

    ENSURE(request->streaming);
    if (c == NULL || c->phase == HTTP_PHASE_DEAD) {
        return ERR_IO;
    }
    if (overflows(c, count)) {
        if (request->overflow == HTTP_OVERFLOW_REFUSE) {
            request->room_wanted = true;
            return ERR_FULL;
        }
        c->server->stats.streams_dropped++;
        http_connection_kill(c);
    }
    if (c->phase == HTTP_PHASE_DEAD) {
        return ERR_IO;
    }
    add_chunk(c, request, bytes, count);
    if (http_connection_queued(c) > 0 && !c->in_handler) {
        c->flush_wanted = true; /* A turn's many events leave together. */
        http_server_schedule(c);
    }
    return OK;
}

void http_stream_end(struct http_request *request) {
    struct http_connection *c = answered_connection(request);

    ENSURE(request->streaming);
    if (c != NULL) {
        if (request->chunked && !is_head(request)) {
            buf_add_text(&c->out, "0\r\n\r\n");
        }
        http_connection_begin_answering(c);
        push(c);
    }
    http_request_destroy(request);
}

void http_hang_up(struct http_request *request) {
    struct http_connection *c = answered_connection(request);

    if (c != NULL) {
        c->closing = true;
        http_connection_begin_answering(c);
        push(c);
    }
    http_request_destroy(request);
}

void http_abort(struct http_request *request) {
    struct http_connection *c = answered_connection(request);
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};

    if (c != NULL) {
        (void)setsockopt(c->watch.fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        c->request = NULL;
        http_connection_kill(c);
    }
    http_request_destroy(request);
}
