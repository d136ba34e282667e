/* cli/http.h - one request to the daemon, over its unix socket or over TLS.
 *
 * Over the network only https is spoken: a token must not travel in the clear.
 */
#ifndef CLI_HTTP_H
#define CLI_HTTP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/error.h"

struct http;

#define HTTP_TYPE_BYTES 128

struct http_place {
    const char *server;     /* "unix:PATH", "unix://PATH", "https://HOST:PORT" */
    const char *token_file; /* NULL: none */
    const char *ca_file;    /* NULL: the system's */
};

/* ERR_INVALID: not such an address; ERR_NOT_FOUND, ERR_IO: the token's file. */
int http_open(const struct http_place *place, struct http **out_http,
              struct error *error) MUST_CHECK;
void http_close(struct http *http); /* Accepts NULL. */

struct http_call {
    const char *method; /* "GET" */
    const char *path;   /* with its query, escaped */
    const void *body;
    size_t body_bytes;
    const char *content_type;
    const char *idempotency_key; /* given: a lost answer is asked for again */
    /* Given: the body of a good answer goes here piece by piece. false: enough. */
    bool (*on_bytes)(void *context, const char *bytes, size_t count);
    void *context;
    char *out_content_type; /* given: room for HTTP_TYPE_BYTES; kept where none was told */
};

/* *out_status is the HTTP status; out_body is cleared first. ERR_IO: no answer;
 * ERR_DENIED: the socket is not for this user. */
int http_perform(struct http *http, const struct http_call *call, int *out_status,
                 struct buf *out_body, struct error *error) MUST_CHECK;

/* Add "?name=value" or "&name=value", escaped; NULL and "" values are left out. */
void http_add_query(struct buf *path, const char *name, const char *value);

#endif
