/* api/http_request.h - a request as it was parsed; the layer's own view of it.
 *
 * Built by http_parser, read by the functions of http.h, and given to the server's owner by
 * http_connection, which keeps the fields at the end. Not for use outside the HTTP layer.
 */
#ifndef API_HTTP_REQUEST_H
#define API_HTTP_REQUEST_H

#include "api/http.h"
#include "base/buf.h"

struct http_connection;
struct http_request_pool;

struct http_request {
    const char *method; /* static */
    struct buf head;    /* target, then names and values, each NUL-ended */
    struct http_place { /* offsets in head */
        uint32_t name, value;
    } * fields;
    size_t field_count, field_room;
    uint64_t name_lengths; /* of the fields: a bit for each length modulo 64 */
    char *decoded;         /* path, then the parameters' names and values, each NUL-ended */
    size_t decoded_room;
    char **params; /* name, value, name, value... */
    size_t param_count, param_room;
    struct buf body;
    bool keep_alive; /* as the client wants it */
    bool version_1_0;
    bool expects_continue;

    struct http_request_pool *pool; /* NULL: none */
    struct http_request *next;      /* of the pool's spare ones */

    /* http_connection's part. */
    struct http_connection *connection; /* NULL: gone */
    struct http_peer peer;
    char *peer_names[2]; /* what peer points to, once the connection is gone */
    bool streaming, chunked, room_wanted;
    enum http_overflow overflow;
    void (*on_close)(struct http_request *request, void *owner);
    void *on_close_owner;
    void (*on_room)(struct http_request *request, void *owner);
    void *on_room_owner;
};

/* Requests that are over and not large keep their memory for the next ones, some hundred of them.
 * The pool's memory lives as long as a request of it does. */
struct http_request_pool *http_request_pool_create(void);
void http_request_pool_destroy(struct http_request_pool *pool); /* Accepts NULL. */

/* pool may be NULL. */
struct http_request *http_request_create(const struct http_limits *limits,
                                         struct http_request_pool *pool);
void http_request_destroy(struct http_request *request); /* Accepts NULL. */

/* Split and decode the target once it is complete. false: it is not acceptable (400): not a path,
 * bad escapes, an escaped slash, NUL or control character in the path, or not UTF-8. */
bool http_request_decode_target(struct http_request *request);

/* A field's name has ended, and its value begins. */
void http_request_end_name(struct http_request *request);

/* How many headers have this name. */
size_t http_request_header_count(const struct http_request *request, const char *name);

#endif
