/* api/http_connection.h - one client's connection, from its acceptance to its end.
 *
 * A connection is freed in one place only, the server's next round (see http_connection_kill), so
 * no function here has to fear for the memory it works on. http_connection.c has its socket, its
 * deadlines and its end; http_receive.c makes requests of what comes in; http_reply.c is what the
 * requests' owner calls; http_send.c brings out what is queued.
 */
#ifndef API_HTTP_CONNECTION_H
#define API_HTTP_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/http.h"
#include "api/http_server.h"
#include "api/tls.h"
#include "base/buf.h"
#include "base/poller.h"

struct http_parser;

enum http_phase {
    HTTP_PHASE_HANDSHAKE,
    HTTP_PHASE_READING,   /* idle, or a request is coming in */
    HTTP_PHASE_HANDED,    /* the owner has the request and has not answered */
    HTTP_PHASE_STREAMING, /* the owner has the request and writes a stream */
    HTTP_PHASE_ANSWERING, /* the answer is complete and on its way out */
    HTTP_PHASE_LINGER,    /* our side is shut down; the client's bytes are swallowed */
    HTTP_PHASE_DEAD,      /* closed; freed in the next round */
};

struct http_connection {
    struct http_server *server;
    struct http_connection *previous, *next; /* in server->connections */
    struct http_connection *scheduled_next;
    struct poller_fd watch;
    struct tls_session *tls; /* NULL: plain */
    struct http_parser *parser;
    struct http_request *request; /* handed out and not ended */
    struct buf in;                /* read ahead while a request is being answered */
    size_t in_used;
    struct buf out;
    size_t out_sent;
    int64_t deadline_us; /* monotonic */
    size_t window_bytes; /* left since the sending deadline was set */
    size_t body_bytes;   /* our part of server->body_bytes */
    size_t lingered_bytes;
    struct http_peer peer;
    char *tls_names[2]; /* what peer.certificate and peer.certificate_org point to */
    enum http_phase phase;
    int progress_seen; /* enum http_progress that deadline_us is for */
    bool closing;      /* the answer now under way is the last */
    bool eof;
    bool scheduled;
    bool in_handler; /* the owner's callback runs: what he writes is sent after it */
    bool flush_wanted;
    bool read_wants_write, write_wants_read; /* TLS */
};

/* --- For the server and its listeners --------------------------------------------------------- */

/* Takes fd. */
void http_connection_open(struct http_listener *listener, int fd, const struct http_peer *peer);
/* Its deadline has passed. */
void http_connection_expire(struct http_connection *connection);
/* Go on with what is possible without the network. */
void http_connection_settle(struct http_connection *connection);
/* Close the connection of that door that has been idle for longest, if one has been for
 * idle_min_us: whoever comes now has something to say. O(connections). */
void http_connection_evict(struct http_server *server, enum http_transport transport);
/* Close the socket now; memory and request follow in the next round. */
void http_connection_kill(struct http_connection *connection);
/* Tell the request's owner, free all. Only for the server's round. */
void http_connection_free(struct http_connection *connection);

/* --- Between its files ------------------------------------------------------------------------ */

const struct http_limits *http_connection_limits(const struct http_connection *c);
void http_connection_set_deadline(struct http_connection *c, int64_t after_us);
/* Bytes that are to be sent. */
size_t http_connection_queued(const struct http_connection *c);

enum tls_result http_connection_get(struct http_connection *c, char *bytes, size_t room,
                                    size_t *out_count);
enum tls_result http_connection_put(struct http_connection *c, const char *bytes, size_t count,
                                    size_t *out_count);

/* May the client's bytes come in? Not past those that wait in c->in: their turn is first. While
 * there are none reading goes on, so that an abort is noticed. */
bool http_connection_takes_bytes(const struct http_connection *c);
/* Tell the poller what the connection waits for. */
void http_connection_update_watch(struct http_connection *c);

/* Its body, if there was one, no longer counts in what all bodies take. */
void http_connection_uncount_body(struct http_connection *c);
/* Shut our side down, and swallow what still comes: closing with unread bytes would reset the
 * connection, and destroy the answer on its way. */
void http_connection_close_politely(struct http_connection *c);

/* http_receive.c */
void http_connection_read(struct http_connection *c);
void http_connection_feed_read_ahead(struct http_connection *c);

/* http_reply.c: the request, if there is one, is over; what is queued is all that comes. */
void http_connection_begin_answering(struct http_connection *c);
void http_connection_refuse(struct http_connection *c, int status, const char *why);

/* http_send.c */
void http_connection_begin_reading(struct http_connection *c);
void http_connection_flush(struct http_connection *c);

#endif
