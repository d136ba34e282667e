/* api/tls.h - TLS for server sockets, on OpenSSL: 1.2 and 1.3, HTTP/1.1 by ALPN.
 *
 * Never blocks, never raises SIGPIPE, never asks for a passphrase. No session is resumed: what a
 * client proved, it proves again.
 */
#ifndef API_TLS_H
#define API_TLS_H

#include <stddef.h>

#include "base/error.h"

struct http_tls;
struct tls_context;
struct tls_session;

enum tls_result {
    TLS_DONE,
    TLS_WANT_READ,  /* again when the socket is readable */
    TLS_WANT_WRITE, /* again when it is writable */
    TLS_CLOSED,     /* the other side has ended its stream in good order */
    TLS_FAILED,
    TLS_PLAIN_HTTP, /* of a handshake: the client speaks HTTP without TLS */
};

/* Read and check the files: ERR_INVALID with the file's name and OpenSSL's words. */
int tls_context_create(const struct http_tls *files, struct tls_context **out_context,
                       struct error *error) MUST_CHECK;
/* Sessions keep what they need of it. Accepts NULL. */
void tls_context_destroy(struct tls_context *context);

/* fd is borrowed and non-blocking. NULL: out of memory. */
struct tls_session *tls_session_create(struct tls_context *context, int fd);
void tls_session_destroy(struct tls_session *session); /* Accepts NULL. */

enum tls_result tls_handshake(struct tls_session *session);
enum tls_result tls_read(struct tls_session *session, char *bytes, size_t room, size_t *out_count);
enum tls_result tls_write(struct tls_session *session, const char *bytes, size_t count,
                          size_t *out_count);
/* Say goodbye, as far as the socket takes it now. */
void tls_shutdown(struct tls_session *session);

/* Bytes that the session holds and the kernel does not know of. */
size_t tls_pending(const struct tls_session *session);

enum tls_name {
    TLS_NAME_COMMON,
    TLS_NAME_ORGANIZATION
};
/* Of the client's certificate, if it has one (then it was verified); owned, or NULL. */
char *tls_peer_name(const struct tls_session *session, enum tls_name name);

#endif
