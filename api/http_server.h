/* api/http_server.h - what server, listeners and connections of the HTTP layer share. */
#ifndef API_HTTP_SERVER_H
#define API_HTTP_SERVER_H

#include <sys/types.h>

#include "api/http.h"
#include "api/http_answer.h"
#include "base/poller.h"

#define HTTP_READ_BYTES (64 * 1024)

struct http_connection;
struct tls_context;

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
    struct instant ready; /* while one is served or answered: since when; 0: look at the clock */
    char *read_buffer;
    char date[HTTP_DATE_BYTES];
    int64_t date_second;
    struct http_head_memo last_head;
    bool draining;
    void (*on_drained)(void *owner);
};

/* --- server ----------------------------------------------------------------------------------- */
int64_t http_server_now(const struct http_server *server);
const char *http_server_date(struct http_server *server);
/* See that the deadline is looked at in time. */
void http_server_wake_by(struct http_server *server, int64_t at_us, int64_t now_us);
void http_server_schedule(struct http_connection *connection);

/* --- listeners -------------------------------------------------------------------------------- */
void http_listeners_close(struct http_server *server);
/* Those without room ask again whether somebody waits: a connection may be idle by now. */
void http_listeners_retry(struct http_server *server);
/* There is room again: a connection ended, or time has passed. */
void http_listeners_resume(struct http_server *server);

#endif
