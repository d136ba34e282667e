/* api/http.h - HTTP/1.1 for servers: sockets, TLS, framing, limits, deadlines. No routes.
 *
 * Each complete request goes to the server's owner, who answers at once, later (after a commit)
 * or with a stream. One connection's requests come one at a time, in order, the next when the
 * answer to the last has left. A request handed out is the owner's until he ends it, exactly once,
 * with http_reply(), http_stream_end(), http_abort() or http_hang_up(), even if the client is gone
 * by then: it stays readable and the answer goes nowhere. A client that shuts down its sending
 * side before it has its answer counts as gone. Callbacks come from the poller, never from inside
 * a call of this header (but for http_server_destroy). Never logs, routes, authenticates or reads
 * a clock of its own; bad requests are answered here and are only counted.
 */
#ifndef API_HTTP_H
#define API_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/clock.h"
#include "base/error.h"

struct poller;
struct http_server;
struct http_request;

enum http_transport {
    HTTP_UNIX,
    HTTP_TCP,
    HTTP_TLS,
    HTTP_TRANSPORT_COUNT
};

struct http_limits {
    size_t header_bytes, header_count; /* beyond: 431 */
    size_t url_bytes;                  /* 414 */
    size_t body_bytes;                 /* 413 */
    size_t body_bytes_all;             /* of all connections together: 503 */
    /* TCP and TLS. Beyond it the longest idle one is closed for each that comes; where none is
     * idle, clients wait in the backlog. */
    size_t connections_network;
    size_t connections_unix; /* apart, so that the network can't lock the operator out */
    size_t stream_bytes;     /* queued for a slow reader of a stream, see http_overflow */
    int64_t handshake_us, header_us, body_us,
        idle_us;           /* from begin to end; progress adds nothing */
    int64_t idle_min_us;   /* idle for less, none is closed to make room for another */
    int64_t linger_us;     /* to swallow what a refused client still sends, so it reads why */
    int64_t send_us;       /* in each such period while bytes are queued, */
    size_t send_bytes_min; /* this many must leave (or all), else the reader is cut off */
};
struct http_limits http_limits_default(void);

struct http_server_config {
    struct poller *poller;
    struct instant (*clock)(void *owner);
    /* May be NULL. The head is complete and the body not yet read: return 0 to go on or a status
     * to refuse with (401...). The request is lent for the call; it has no body and isn't ended. */
    int (*on_head)(const struct http_request *request, void *owner);
    void (*on_request)(struct http_request *request, void *owner);
    void *owner;
    struct http_limits limits;
};
struct http_server *http_server_create(const struct http_server_config *config);

struct http_unix {
    const char *path;  /* a stale socket there is replaced; a live one is ERR_BUSY */
    mode_t mode;       /* 0 is 0600; in force before the first client can connect */
    const char *group; /* name or number; NULL leaves it */
};
int http_listen_unix(struct http_server *server, const struct http_unix *unix_socket,
                     struct error *error) MUST_CHECK;

struct http_tls {
    const char *certificate_file, *key_file; /* PEM; the certificate first, then its chain */
    const char *client_ca_file;              /* NULL: clients are not asked for a certificate */
    bool client_required;                    /* else a client may come without, see http_peer */
};
/* host is numeric or a local name; port 0 lets the kernel choose; tls NULL is plain TCP. */
int http_listen_tcp(struct http_server *server, const char *host, uint16_t port,
                    const struct http_tls *tls, uint16_t *out_port, struct error *error) MUST_CHECK;

/* Read all certificate files again, for connections to come. On failure nothing changes. */
int http_server_reload_tls(struct http_server *server, struct error *error) MUST_CHECK;

/* From now on; what is under way keeps its deadlines. */
void http_server_set_limits(struct http_server *server, const struct http_limits *limits);

/* Stop listening, close idle connections, answer what was begun and close after it; streams go on
 * until they end. on_drained (may be NULL) comes once no connection is left. */
void http_server_drain(struct http_server *server, void (*on_drained)(void *owner));

/* Close everything; on_close of open requests is called from in here, and they are still to be
 * ended (now or later). Not from inside one of the server's callbacks. Accepts NULL. */
void http_server_destroy(struct http_server *server);

struct http_stats {
    size_t connections[HTTP_TRANSPORT_COUNT];
    uint64_t accepted, requests, refused, timed_out, streams_dropped, accept_failed, evicted;
};
struct http_stats http_server_stats(const struct http_server *server);
size_t http_server_connections(const struct http_server *server); /* that are open */

/* --- A request. What is returned lives as long as the request. -------------------------------- */

struct http_peer {
    enum http_transport transport;
    uid_t uid; /* with gid and pid: of a unix client when it connected; -1 on the network */
    gid_t gid;
    pid_t pid;
    char address[64];            /* "192.0.2.1:5000", "[2001:db8::1]:5000", "unix" */
    const char *certificate;     /* common name of a verified client certificate, or NULL */
    const char *certificate_org; /* its first organization, or NULL */
};
const struct http_peer *http_peer(const struct http_request *request);
const char *http_method(const struct http_request *request); /* "GET" */
const char *http_target(const struct http_request *request); /* as sent, with query */
const char *http_path(const struct http_request *request);   /* decoded, begins with '/' (or "*") */

/* Decoded value of the first such parameter ("" if it has none); NULL if absent. */
const char *http_query(const struct http_request *request, const char *name);
size_t http_query_count(const struct http_request *request);
void http_query_at(const struct http_request *request, size_t at, const char **out_name,
                   const char **out_value);

/* The first such header's value, any case of name; NULL if absent. Host, Authorization,
 * Content-Type, Content-Length and Idempotency-Key can't come twice: that is refused. */
const char *http_header(const struct http_request *request, const char *name);
const char *http_body(const struct http_request *request, size_t *out_bytes); /* NUL-ended */
bool http_is_gone(const struct http_request *request);                        /* the client left */

/* Called once, if the client goes or is cut off before the request is ended. NULL: not any more. */
void http_on_close(struct http_request *request,
                   void (*on_close)(struct http_request *request, void *owner), void *owner);

/* --- Answers. Texts and bytes are copied. ----------------------------------------------------- */

struct http_field {
    const char *name, *value; /* without control characters, else the field is left out */
};
struct http_reply {
    int status;
    const char *content_type; /* NULL: none */
    const struct http_field *fields;
    size_t field_count;
    const void *body; /* to HEAD only its length is sent */
    size_t body_bytes;
    bool close; /* this is the connection's last answer */
};
/* Ends the request. */
void http_reply(struct http_request *request, const struct http_reply *reply);

/* What happens to a stream whose reader is slower than its writer. */
enum http_overflow {
    HTTP_OVERFLOW_DROP,   /* cut it off (watch, server-sent events: the client comes back) */
    HTTP_OVERFLOW_REFUSE, /* refuse the write; go on in on_room (a file's content) */
};
/* Begin a chunked answer; reply's body is its first chunk. on_room (may be NULL) is called when
 * a write was refused and at most half of stream_bytes is still queued. */
void http_stream_start(struct http_request *request, const struct http_reply *reply,
                       enum http_overflow overflow,
                       void (*on_room)(struct http_request *request, void *owner), void *owner);
/* One chunk, all or nothing. ERR_FULL: refused, wait for on_room (one write may exceed the
 * bound when nothing is queued). ERR_IO: the client is gone or was dropped; end the request. */
int http_stream_write(struct http_request *request, const void *bytes, size_t count) MUST_CHECK;
void http_stream_end(struct http_request *request); /* Ends the request, in good order. */

/* End the request without (the rest of) an answer: with a reset, or with a plain close. */
void http_abort(struct http_request *request);
void http_hang_up(struct http_request *request);

#endif
