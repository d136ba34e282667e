#include "api/http_connection.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/http_parser.h"
#include "api/http_request.h"
#include "api/tls.h"
#include "base/memory.h"

#define OUT_BYTES_MAX (SIZE_MAX / 4)

const struct http_limits *http_connection_limits(const struct http_connection *c) {
    return &c->server->config.limits;
}

void http_connection_set_deadline(struct http_connection *c, int64_t after_us) {
    int64_t now_us = http_server_now(c->server);

    c->deadline_us = now_us + after_us;
    http_server_wake_by(c->server, c->deadline_us, now_us);
}

size_t http_connection_queued(const struct http_connection *c) {
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

enum tls_result http_connection_get(struct http_connection *c, char *bytes, size_t room,
                                    size_t *out_count) {
    enum tls_result result;

    if (c->tls == NULL) {
        return result_of(recv(c->watch.fd, bytes, room, 0), out_count, TLS_WANT_READ);
    }
    result = tls_read(c->tls, bytes, room, out_count);
    c->read_wants_write = result == TLS_WANT_WRITE;
    return result;
}

enum tls_result http_connection_put(struct http_connection *c, const char *bytes, size_t count,
                                    size_t *out_count) {
    enum tls_result result;

    if (c->tls == NULL) {
        return result_of(send(c->watch.fd, bytes, count, MSG_NOSIGNAL), out_count, TLS_WANT_WRITE);
    }
    result = tls_write(c->tls, bytes, count, out_count);
    c->write_wants_read = result == TLS_WANT_READ;
    return result;
}

bool http_connection_takes_bytes(const struct http_connection *c) {
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
    return http_connection_takes_bytes(c) || c->write_wants_read;
}

void http_connection_update_watch(struct http_connection *c) {
    unsigned events = 0;

    if (c->phase == HTTP_PHASE_DEAD) {
        return;
    }
    events |= wants_read(c) ? POLLER_READ : 0;
    events |= c->read_wants_write || (http_connection_queued(c) > 0 && !c->write_wants_read)
                  ? POLLER_WRITE
                  : 0;
    poller_fd_set(c->server->config.poller, &c->watch, events);
    /* The kernel does not know what OpenSSL has already read. */
    if ((events & POLLER_READ) != 0 && c->phase != HTTP_PHASE_HANDSHAKE && c->tls != NULL &&
        tls_pending(c->tls) > 0) {
        poller_fd_feed(c->server->config.poller, &c->watch, POLLER_READ);
    }
}

/* --- The end of a connection ------------------------------------------------------------------ */

void http_connection_uncount_body(struct http_connection *c) {
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
    http_connection_uncount_body(c);
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

void http_connection_close_politely(struct http_connection *c) {
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
    http_connection_set_deadline(c, http_connection_limits(c)->linger_us);
}
/* --- The poller's callbacks ------------------------------------------------------------------- */

static void end_handshake(struct http_connection *c) {
    c->tls_names[0] = tls_peer_name(c->tls, TLS_NAME_COMMON);
    c->tls_names[1] = tls_peer_name(c->tls, TLS_NAME_ORGANIZATION);
    c->peer.certificate = c->tls_names[0];
    c->peer.certificate_org = c->tls_names[1];
    http_connection_begin_reading(c);
    http_connection_set_deadline(c, http_connection_limits(c)->header_us);
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
        http_connection_refuse(c, 400, "this port speaks TLS");
    } else if (result != TLS_WANT_READ && result != TLS_WANT_WRITE) {
        leave_tls(c);
        c->server->stats.refused++;
        http_connection_close_politely(c);
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
            http_connection_flush(c);
        }
        if (read_now) {
            http_connection_read(c);
        }
    }
    http_connection_settle(c);
    server->ready = (struct instant){0};
}

static void offer_room(struct http_connection *c) {
    struct http_request *request = c->request;

    if (c->phase != HTTP_PHASE_STREAMING || !request->room_wanted || request->on_room == NULL ||
        http_connection_queued(c) > http_connection_limits(c)->stream_bytes / 2) {
        return;
    }
    request->room_wanted = false;
    c->in_handler = true;
    request->on_room(request, request->on_room_owner);
    c->in_handler = false;
    if (c->phase == HTTP_PHASE_ANSWERING || c->phase == HTTP_PHASE_STREAMING) {
        http_connection_flush(c);
        http_server_schedule(c); /* There may be room again, but others come first. */
    }
}

void http_connection_settle(struct http_connection *c) {
    if (c->flush_wanted && c->phase != HTTP_PHASE_DEAD) {
        http_connection_flush(c);
    }
    offer_room(c);
    while (c->phase == HTTP_PHASE_READING && c->in.bytes > 0) {
        http_connection_feed_read_ahead(c);
    }
    if (c->server->draining && c->phase == HTTP_PHASE_READING &&
        http_parser_progress(c->parser) == HTTP_PROGRESS_IDLE) {
        http_connection_close_politely(c);
    }
    http_connection_update_watch(c);
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
        http_connection_refuse(
            c, 408,
            "the request took too long (limits.headerTimeout and limits.bodyTimeout bound it)");
    }
}

/* Has the reader kept up the minimum rate? Then it gets the next period. */
static void expire_sending(struct http_connection *c) {
    if (c->window_bytes >= http_connection_limits(c)->send_bytes_min) {
        c->window_bytes = 0;
        http_connection_set_deadline(c, http_connection_limits(c)->send_us);
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
    http_connection_update_watch(c);
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
    http_connection_set_deadline(c, http_connection_limits(c)->header_us);
    if (listener->tls != NULL) {
        c->phase = HTTP_PHASE_HANDSHAKE;
        http_connection_set_deadline(c, http_connection_limits(c)->handshake_us);
        c->tls = tls_session_create(listener->tls, fd);
        if (c->tls == NULL) {
            http_connection_kill(c);
        }
    }
    http_connection_update_watch(c);
}
