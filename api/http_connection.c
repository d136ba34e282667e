#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/http_parser.h"
#include "api/http_request.h"
#include "api/http_server.h"
#include "api/tls.h"
#include "base/ensure.h"
#include "base/memory.h"

/* Per wake-up, so that one upload or download does not starve the others. */
#define READS_PER_WAKE      4
#define SEND_BYTES_PER_WAKE (1024 * 1024)

/* A buffer is freed after use when it has grown beyond this. */
#define KEPT_BYTES    (2 * 1024)
#define LINGER_BYTES  (1024 * 1024)
#define OUT_BYTES_MAX (SIZE_MAX / 4)

static void flush(struct http_connection *c);

static const struct http_limits *limits_of(const struct http_connection *c) {
    return &c->server->config.limits;
}

static void set_deadline(struct http_connection *c, int64_t after_us) {
    int64_t now_us = http_server_now(c->server);

    c->deadline_us = now_us + after_us;
    http_server_wake_by(c->server, c->deadline_us, now_us);
}

static size_t queued(const struct http_connection *c) {
    return c->out.bytes - c->out_sent;
}

/* --- Sockets, plain or not -------------------------------------------------------------------- */

static enum tls_result result_of(ssize_t count, size_t *out_count, enum tls_result again) {
    if (count > 0) {
        *out_count = (size_t)count;
        return TLS_DONE;
    }
    if (count == 0) {
        return TLS_CLOSED;
    }
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? again : TLS_FAILED;
}

static enum tls_result get_bytes(struct http_connection *c, char *bytes, size_t room,
                                 size_t *out_count) {
    enum tls_result result;

    if (c->tls == NULL) {
        return result_of(recv(c->watch.fd, bytes, room, 0), out_count, TLS_WANT_READ);
    }
    result = tls_read(c->tls, bytes, room, out_count);
    c->read_wants_write = result == TLS_WANT_WRITE;
    return result;
}

static enum tls_result put_bytes(struct http_connection *c, const char *bytes, size_t count,
                                 size_t *out_count) {
    enum tls_result result;

    if (c->tls == NULL) {
        return result_of(send(c->watch.fd, bytes, count, MSG_NOSIGNAL), out_count, TLS_WANT_WRITE);
    }
    result = tls_write(c->tls, bytes, count, out_count);
    c->write_wants_read = result == TLS_WANT_READ;
    return result;
}

/* May the client's bytes come in? Not past those that wait in c->in: their turn is first. While
 * there are none reading goes on, so that an abort is noticed. */
static bool takes_bytes(const struct http_connection *c) {
    switch (c->phase) {
    case HTTP_PHASE_HANDSHAKE:
    case HTTP_PHASE_DEAD:
        return false;
    case HTTP_PHASE_LINGER:
        return true;
    default:
        return c->in.bytes == 0 && !c->eof;
    }
}

static bool wants_read(const struct http_connection *c) {
    if (c->phase == HTTP_PHASE_HANDSHAKE) {
        return !c->read_wants_write;
    }
    return takes_bytes(c) || c->write_wants_read;
}

static void update_watch(struct http_connection *c) {
    unsigned events = 0;

    if (c->phase == HTTP_PHASE_DEAD) {
        return;
    }
    events |= wants_read(c) ? POLLER_READ : 0;
    events |= c->read_wants_write || (queued(c) > 0 && !c->write_wants_read) ? POLLER_WRITE : 0;
    poller_fd_set(c->server->config.poller, &c->watch, events);
    /* The kernel does not know what OpenSSL has already read. */
    if ((events & POLLER_READ) != 0 && c->phase != HTTP_PHASE_HANDSHAKE && c->tls != NULL &&
        tls_pending(c->tls) > 0) {
        poller_fd_feed(c->server->config.poller, &c->watch, POLLER_READ);
    }
}

/* --- The end of a connection ------------------------------------------------------------------ */

static void uncount_body(struct http_connection *c) {
    c->server->body_bytes -= c->body_bytes;
    c->body_bytes = 0;
}

static void unlink_connection(struct http_connection *c) {
    if (c->previous != NULL) {
        c->previous->next = c->next;
    } else {
        c->server->connections = c->next;
    }
    if (c->next != NULL) {
        c->next->previous = c->previous;
    }
}

void http_connection_kill(struct http_connection *c) {
    if (c->phase == HTTP_PHASE_DEAD) {
        return;
    }
    c->phase = HTTP_PHASE_DEAD;
    c->deadline_us = CLOCK_NEVER_US;
    poller_fd_set(c->server->config.poller, &c->watch, 0);
    tls_session_destroy(c->tls);
    c->tls = NULL;
    (void)close(c->watch.fd);
    unlink_connection(c);
    uncount_body(c);
    c->server->stats.connections[c->peer.transport]--;
    http_listeners_resume(c->server);
    http_server_schedule(c);
}

void http_connection_free(struct http_connection *c) {
    struct http_request *request = c->request;

    if (request != NULL) {
        request->connection = NULL;
        memcpy(request->peer_names, c->tls_names, sizeof c->tls_names); /* It outlives us. */
        memset(c->tls_names, 0, sizeof c->tls_names);
        if (request->on_close != NULL) {
            request->on_close(request, request->on_close_owner);
        }
    }
    http_parser_destroy(c->parser);
    buf_finish(&c->in);
    buf_finish(&c->out);
    free(c->tls_names[0]);
    free(c->tls_names[1]);
    free(c);
}

/* Shut our side down, and swallow what still comes: closing with unread bytes would reset the
 * connection, and destroy the answer on its way. */
static void close_politely(struct http_connection *c) {
    if (c->eof) {
        http_connection_kill(c);
        return;
    }
    if (c->tls != NULL) {
        tls_shutdown(c->tls);
    }
    (void)shutdown(c->watch.fd, SHUT_WR);
    buf_finish(&c->in);
    c->in_used = 0;
    c->phase = HTTP_PHASE_LINGER;
    set_deadline(c, limits_of(c)->linger_us);
}

/* --- Sending ---------------------------------------------------------------------------------- */

static void release(struct buf *buf) {
    if (buf->bytes_room > KEPT_BYTES) {
        size_t bytes_max = buf->bytes_max;

        buf_finish(buf);
        buf_init(buf, bytes_max);
    } else {
        buf_clear(buf);
    }
}

static void begin_reading(struct http_connection *c) {
    c->phase = HTTP_PHASE_READING;
    c->progress_seen = HTTP_PROGRESS_IDLE;
    set_deadline(c, limits_of(c)->idle_us);
}

static void all_sent(struct http_connection *c) {
    release(&c->out);
    c->out_sent = 0;
    if (c->phase == HTTP_PHASE_STREAMING) {
        c->deadline_us = CLOCK_NEVER_US;
    } else if (c->phase == HTTP_PHASE_ANSWERING) {
        if (c->closing || c->eof) {
            close_politely(c);
        } else {
            begin_reading(c);
        }
    }
}

/* The socket is full: from now on bytes must leave at a minimum rate. */
static void begin_window(struct http_connection *c) {
    if ((c->phase == HTTP_PHASE_ANSWERING || c->phase == HTTP_PHASE_STREAMING) &&
        c->deadline_us == CLOCK_NEVER_US) {
        c->window_bytes = 0;
        set_deadline(c, limits_of(c)->send_us);
    }
}

/* Forget what is sent when that is most of the buffer: each byte moves at most once. */
static void compact(struct http_connection *c) {
    if (c->out_sent > c->out.bytes / 2) {
        buf_drop_front(&c->out, c->out_sent);
        c->out_sent = 0;
    }
}

static void flush(struct http_connection *c) {
    size_t budget = SEND_BYTES_PER_WAKE;

    c->flush_wanted = false;
    while (queued(c) > 0 && budget > 0) {
        size_t count = queued(c) < budget ? queued(c) : budget;
        size_t sent = 0;
        enum tls_result result = put_bytes(c, c->out.data + c->out_sent, count, &sent);

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
    if (queued(c) > 0) {
        compact(c);
        begin_window(c);
    } else {
        all_sent(c);
    }
}

/* --- Answers ---------------------------------------------------------------------------------- */

static enum http_afterwards afterwards(const struct http_connection *c,
                                       const struct http_request *request) {
    if (c->closing) {
        return HTTP_AFTERWARDS_CLOSE;
    }
    return request->version_1_0 ? HTTP_AFTERWARDS_KEEP : HTTP_AFTERWARDS_SILENT_KEEP;
}

/* The request, if there is one, is over; what is queued is all that comes. */
static void begin_answering(struct http_connection *c) {
    c->request = NULL;
    uncount_body(c);
    c->phase = HTTP_PHASE_ANSWERING;
    c->deadline_us = CLOCK_NEVER_US;
    c->window_bytes = 0;
}

static void refuse(struct http_connection *c, int status, const char *why) {
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
    begin_answering(c);
    flush(c);
}

/* The owner has written: send it now, or, in his callback, after that. */
static void push(struct http_connection *c) {
    if (c->in_handler) {
        return;
    }
    flush(c);
    if (c->phase == HTTP_PHASE_READING && (c->in.bytes > 0 || c->server->draining)) {
        http_server_schedule(c); /* The next request is not handed out from inside this call. */
    }
    update_watch(c);
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

void http_reply(struct http_request *request, const struct http_reply *reply) {
    struct http_connection *c = answered_connection(request);

    ENSURE(!request->streaming);
    if (c != NULL) {
        decide_closing(c, request, reply);
        http_answer_head(&c->out, reply, HTTP_FRAMING_LENGTH, afterwards(c, request),
                         http_server_date(c->server));
        if (!is_head(request) && http_status_has_body(reply->status)) {
            buf_add(&c->out, reply->body, reply->body_bytes);
        }
        begin_answering(c);
        push(c);
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
    size_t room = limits_of(c)->stream_bytes;

    if (queued(c) > 0 && queued(c) + count > room) {
        flush(c);
    }
    return c->phase != HTTP_PHASE_DEAD && queued(c) > 0 && queued(c) + count > room;
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
    if (queued(c) > 0 && !c->in_handler) {
        c->flush_wanted = true; /* A turn's many events leave together. */
        http_server_schedule(c);
    }
    return OK;
}

size_t http_stream_queued(const struct http_request *request) {
    return request->connection != NULL ? queued(request->connection) : 0;
}

void http_stream_end(struct http_request *request) {
    struct http_connection *c = answered_connection(request);

    ENSURE(request->streaming);
    if (c != NULL) {
        if (request->chunked && !is_head(request)) {
            buf_add_text(&c->out, "0\r\n\r\n");
        }
        begin_answering(c);
        push(c);
    }
    http_request_destroy(request);
}

void http_hang_up(struct http_request *request) {
    struct http_connection *c = answered_connection(request);

    if (c != NULL) {
        c->closing = true;
        begin_answering(c);
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
        flush(c);
    }
}

/* What is beyond a bound hears the bound, and which of nightshift's settings it is. */
static void refuse_beyond(struct http_connection *c, int status, const char *why) {
    const struct http_limits *limits = limits_of(c);
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
    refuse(c, status, text);
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
        refuse(c, status, "refused");
    } else if (request->expects_continue && !body_is_here) {
        buf_add_text(&c->out, "HTTP/1.1 100 Continue\r\n\r\n");
        flush(c);
    }
}

/* Bodies of all connections share a bound. */
static bool count_body(struct http_connection *c) {
    const struct http_request *request = http_parser_request(c->parser);
    size_t bytes = request != NULL ? request->body.bytes : 0;

    c->server->body_bytes += bytes - c->body_bytes;
    c->body_bytes = bytes;
    return bytes == 0 || c->server->body_bytes <= limits_of(c)->body_bytes_all;
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
        refuse(c, 503, "too many bodies are on their way (limits.bodiesBytes); try again");
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
    set_deadline(c,
                 progress == HTTP_PROGRESS_HEAD ? limits_of(c)->header_us : limits_of(c)->body_us);
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

static void feed_read_ahead(struct http_connection *c) {
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

static void read_some(struct http_connection *c) {
    for (int i = 0; i < READS_PER_WAKE && takes_bytes(c); i++) {
        size_t count = 0;
        enum tls_result result = get_bytes(c, c->server->read_buffer, HTTP_READ_BYTES, &count);

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

/* --- The poller's callbacks ------------------------------------------------------------------- */

static void end_handshake(struct http_connection *c) {
    c->tls_names[0] = tls_peer_name(c->tls, TLS_NAME_COMMON);
    c->tls_names[1] = tls_peer_name(c->tls, TLS_NAME_ORGANIZATION);
    c->peer.certificate = c->tls_names[0];
    c->peer.certificate_org = c->tls_names[1];
    begin_reading(c);
    set_deadline(c, limits_of(c)->header_us);
}

/* From here on without TLS; OpenSSL has sent its alert, if there was one to send. */
static void leave_tls(struct http_connection *c) {
    tls_session_destroy(c->tls);
    c->tls = NULL;
    c->read_wants_write = false;
}

static void shake_hands(struct http_connection *c) {
    enum tls_result result = tls_handshake(c->tls);

    c->read_wants_write = result == TLS_WANT_WRITE;
    if (result == TLS_DONE) {
        end_handshake(c);
    } else if (result == TLS_PLAIN_HTTP) {
        leave_tls(c);
        refuse(c, 400, "this port speaks TLS");
    } else if (result != TLS_WANT_READ && result != TLS_WANT_WRITE) {
        leave_tls(c);
        c->server->stats.refused++;
        close_politely(c);
    }
}

static void on_ready(struct poller_fd *watch, unsigned events) {
    struct http_connection *c = watch->owner;
    struct http_server *server = c->server;
    bool can_read = (events & POLLER_READ) != 0;
    bool can_write = (events & POLLER_WRITE) != 0;

    server->ready = server->config.clock(server->config.owner);
    if (c->phase == HTTP_PHASE_HANDSHAKE) {
        shake_hands(c);
    } else {
        bool read_now = can_read || (can_write && c->read_wants_write);

        if (can_write || (can_read && c->write_wants_read)) {
            flush(c);
        }
        if (read_now) {
            read_some(c);
        }
    }
    http_connection_settle(c);
    server->ready = (struct instant){0};
}

static void offer_room(struct http_connection *c) {
    struct http_request *request = c->request;

    if (c->phase != HTTP_PHASE_STREAMING || !request->room_wanted || request->on_room == NULL ||
        queued(c) > limits_of(c)->stream_bytes / 2) {
        return;
    }
    request->room_wanted = false;
    c->in_handler = true;
    request->on_room(request, request->on_room_owner);
    c->in_handler = false;
    if (c->phase == HTTP_PHASE_ANSWERING || c->phase == HTTP_PHASE_STREAMING) {
        flush(c);
        http_server_schedule(c); /* There may be room again, but others come first. */
    }
}

void http_connection_settle(struct http_connection *c) {
    if (c->flush_wanted && c->phase != HTTP_PHASE_DEAD) {
        flush(c);
    }
    offer_room(c);
    while (c->phase == HTTP_PHASE_READING && c->in.bytes > 0) {
        feed_read_ahead(c);
    }
    if (c->server->draining && c->phase == HTTP_PHASE_READING &&
        http_parser_progress(c->parser) == HTTP_PROGRESS_IDLE) {
        close_politely(c);
    }
    update_watch(c);
}

static void expire_reading(struct http_connection *c);

static bool is_idle(const struct http_connection *c) {
    return c->phase == HTTP_PHASE_READING && c->in.bytes == 0 &&
           http_parser_progress(c->parser) == HTTP_PROGRESS_IDLE;
}

void http_connection_evict(struct http_server *server, enum http_transport transport) {
    const struct http_limits *limits = &server->config.limits;
    int64_t mono_us = http_server_now(server);
    bool is_unix = transport == HTTP_UNIX;
    struct http_connection *longest = NULL;

    for (struct http_connection *c = server->connections; c != NULL; c = c->next) {
        if ((c->peer.transport == HTTP_UNIX) == is_unix && is_idle(c) &&
            (longest == NULL || c->deadline_us < longest->deadline_us)) {
            longest = c;
        }
    }
    if (longest != NULL &&
        mono_us - (longest->deadline_us - limits->idle_us) >= limits->idle_min_us) {
        server->stats.evicted++;
        expire_reading(longest);
    }
}

static void expire_reading(struct http_connection *c) {
    if (http_parser_progress(c->parser) == HTTP_PROGRESS_IDLE) {
        if (c->tls != NULL) {
            tls_shutdown(c->tls);
        }
        http_connection_kill(c);
    } else {
        refuse(c, 408,
               "the request took too long (limits.headerTimeout and limits.bodyTimeout bound it)");
    }
}

/* Has the reader kept up the minimum rate? Then it gets the next period. */
static void expire_sending(struct http_connection *c) {
    if (c->window_bytes >= limits_of(c)->send_bytes_min) {
        c->window_bytes = 0;
        set_deadline(c, limits_of(c)->send_us);
        return;
    }
    c->server->stats.timed_out++;
    c->server->stats.streams_dropped += c->phase == HTTP_PHASE_STREAMING ? 1 : 0;
    http_connection_kill(c);
}

void http_connection_expire(struct http_connection *c) {
    if (c->phase == HTTP_PHASE_ANSWERING || c->phase == HTTP_PHASE_STREAMING) {
        expire_sending(c);
    } else if (c->phase == HTTP_PHASE_LINGER) {
        http_connection_kill(c);
    } else {
        c->server->stats.timed_out++;
        if (c->phase == HTTP_PHASE_READING) {
            expire_reading(c);
        } else {
            http_connection_kill(c);
        }
    }
    update_watch(c);
}

void http_connection_open(struct http_listener *listener, int fd, const struct http_peer *peer) {
    struct http_server *server = listener->server;
    struct http_connection *c = mem_alloc(1, sizeof *c);

    c->server = server;
    c->peer = *peer;
    c->watch = (struct poller_fd){.fd = fd, .on_ready = on_ready, .owner = c};
    c->parser = http_parser_create(&server->config.limits, server->requests);
    buf_init(&c->in, HTTP_READ_BYTES);
    buf_init(&c->out, OUT_BYTES_MAX);
    c->next = server->connections;
    if (c->next != NULL) {
        c->next->previous = c;
    }
    server->connections = c;
    server->stats.accepted++;
    server->stats.connections[peer->transport]++;
    c->phase = HTTP_PHASE_READING;
    set_deadline(c, limits_of(c)->header_us);
    if (listener->tls != NULL) {
        c->phase = HTTP_PHASE_HANDSHAKE;
        set_deadline(c, limits_of(c)->handshake_us);
        c->tls = tls_session_create(listener->tls, fd);
        if (c->tls == NULL) {
            http_connection_kill(c);
        }
    }
    update_watch(c);
}
