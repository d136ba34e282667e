/* api/http_server.h - what server, listeners and connections of the HTTP layer share.
 *
 * A connection is freed in one place only, the server's next round (see http_connection_kill),
 * so no function here has to fear for the memory it works on.
 */
#ifndef API_HTTP_SERVER_H
#define API_HTTP_SERVER_H

#include <sys/types.h>

#include "api/http.h"
#include "api/http_answer.h"
#include "base/buf.h"
#include "base/poller.h"

#define HTTP_READ_BYTES (64 * 1024)

struct http_connection;
struct http_parser;
struct tls_context;
struct tls_session;

struct http_listener {
    struct http_server *server;
    struct http_listener *next;
    struct poller_fd watch;
    enum http_transport transport;
    char *path; /* of a unix socket: removed at the end if it's still this one */
    dev_t device;
    ino_t inode;
    struct http_tls tls_files; /* owned texts */
    struct tls_context *tls;
};

struct http_server {
    struct http_server_config config;
    struct http_listener *listeners;
    struct http_connection *connections; /* alive */
    struct http_connection *scheduled;   /* to be looked at in the next round */
    struct http_request_pool *requests;
    struct poller_timer round_timer;
    struct poller_timer sweep_timer;
    int64_t sweep_at_us;
    int64_t sweep_gap_us; /* deadlines are this coarse */
    struct http_stats stats;
    size_t body_bytes;    /* of all requests read and not ended */
    struct instant ready; /* while a connection is served: since when; 0: look at the clock */
    char *read_buffer;
    char date[HTTP_DATE_BYTES];
    int64_t date_second;
    bool draining;
    void (*on_drained)(void *owner);
};

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

/* --- server ----------------------------------------------------------------------------------- */
int64_t http_server_now(const struct http_server *server);
const char *http_server_date(struct http_server *server);
/* See that the deadline is looked at in time. */
void http_server_wake_by(struct http_server *server, int64_t at_us, int64_t now_us);
void http_server_schedule(struct http_connection *connection);

/* --- listeners -------------------------------------------------------------------------------- */
void http_listeners_close(struct http_server *server);
/* There is room again: a connection ended, or time has passed. */
/* Those without room ask again whether somebody waits: a connection may be idle by now. */
void http_listeners_retry(struct http_server *server);
void http_listeners_resume(struct http_server *server);

/* --- connections ------------------------------------------------------------------------------ */
/* Takes fd. */
void http_connection_open(struct http_listener *listener, int fd, const struct http_peer *peer);
/* Its deadline has passed. */
void http_connection_expire(struct http_connection *connection);
/* Go on with what is possible without the network. */
void http_connection_settle(struct http_connection *connection);
/* Close the socket now; memory and request follow in the next round. */
/* Close the connection of that door that has been idle for longest, if one has been for
 * idle_min_us: whoever comes now has something to say. O(connections). */
void http_connection_evict(struct http_server *server, enum http_transport transport);

void http_connection_kill(struct http_connection *connection);
/* Tell the request's owner, free all. Only for the server's round. */
void http_connection_free(struct http_connection *connection);

#endif
