#include "api/tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "api/http.h"
#include "base/memory.h"

struct tls_context {
    SSL_CTX *ssl_ctx;
    BIO_METHOD *bio_method;
    size_t users; /* its owner, and the sessions */
};

struct tls_session {
    SSL *ssl;
    struct tls_context *context;
    int fd;
};

/* --- A BIO on send(MSG_NOSIGNAL), because OpenSSL's own raises SIGPIPE ------------------------ */

static bool would_block(void) {
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

static int bio_write(BIO *bio, const char *bytes, int count) {
    const struct tls_session *session = BIO_get_data(bio);
    ssize_t sent = send(session->fd, bytes, (size_t)count, MSG_NOSIGNAL);

    BIO_clear_retry_flags(bio);
    if (sent < 0 && would_block()) {
        BIO_set_retry_write(bio);
    }
    return (int)sent;
}

static int bio_read(BIO *bio, char *bytes, int room) {
    const struct tls_session *session = BIO_get_data(bio);
    ssize_t got = recv(session->fd, bytes, (size_t)room, 0);

    BIO_clear_retry_flags(bio);
    if (got < 0 && would_block()) {
        BIO_set_retry_read(bio);
    }
    return (int)got;
}

static long bio_ctrl(BIO *bio, int command, long number, void *pointer) {
    (void)bio;
    (void)number;
    (void)pointer;
    return command == BIO_CTRL_FLUSH ? 1 : 0;
}

static BIO_METHOD *bio_method_create(void) {
    BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "socket without signals");

    if (method != NULL) {
        (void)BIO_meth_set_write(method, bio_write);
        (void)BIO_meth_set_read(method, bio_read);
        (void)BIO_meth_set_ctrl(method, bio_ctrl);
    }
    return method;
}

/* --- Contexts --------------------------------------------------------------------------------- */

static int err_from_openssl(struct error *error, const char *what, const char *file) {
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    int code = error_set(error, ERR_INVALID, "%s%s%s: %s", what, file != NULL ? " " : "",
                         file != NULL ? file : "", reason != NULL ? reason : "unknown TLS failure");

    ERR_clear_error();
    return code;
}

static int no_passphrase(char *text, int room, int writing, void *owner) {
    (void)text;
    (void)room;
    (void)writing;
    (void)owner;
    return -1;
}

static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_length,
                           const unsigned char *offered, unsigned offered_length, void *owner) {
    static const unsigned char ours[] = "\x08http/1.1";
    unsigned char *chosen = NULL;

    (void)ssl;
    (void)owner;
    if (SSL_select_next_proto(&chosen, out_length, ours, sizeof ours - 1, offered,
                              offered_length) != OPENSSL_NPN_NEGOTIATED) {
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    }
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static int load_identity(SSL_CTX *ctx, const struct http_tls *files, struct error *error) {
    if (SSL_CTX_use_certificate_chain_file(ctx, files->certificate_file) != 1) {
        return err_from_openssl(error, "cannot use the certificate", files->certificate_file);
    }
    if (SSL_CTX_use_PrivateKey_file(ctx, files->key_file, SSL_FILETYPE_PEM) != 1) {
        return err_from_openssl(error, "cannot use the key", files->key_file);
    }
    if (SSL_CTX_check_private_key(ctx) != 1) {
        return err_from_openssl(error, "the key is not the certificate's:", files->key_file);
    }
    return OK;
}

static int load_client_ca(SSL_CTX *ctx, const struct http_tls *files, struct error *error) {
    STACK_OF(X509_NAME) * names;

    if (files->client_ca_file == NULL) {
        return OK;
    }
    names = SSL_load_client_CA_file(files->client_ca_file);
    if (names == NULL || SSL_CTX_load_verify_file(ctx, files->client_ca_file) != 1) {
        sk_X509_NAME_pop_free(names, X509_NAME_free);
        return err_from_openssl(error, "cannot use the clients' CA", files->client_ca_file);
    }
    SSL_CTX_set_client_CA_list(ctx, names); /* Takes the names. */
    SSL_CTX_set_verify(
        ctx, SSL_VERIFY_PEER | (files->client_required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
        NULL);
    return OK;
}

static void set_options(SSL_CTX *ctx) {
    (void)SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                       SSL_OP_NO_TICKET | SSL_OP_CIPHER_SERVER_PREFERENCE);
    (void)SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE |
                                    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    (void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    (void)SSL_CTX_set_num_tickets(ctx, 0);
    SSL_CTX_set_default_passwd_cb(ctx, no_passphrase);
    SSL_CTX_set_alpn_select_cb(ctx, choose_protocol, NULL);
}

int tls_context_create(const struct http_tls *files, struct tls_context **out_context,
                       struct error *error) {
    struct tls_context *context = mem_alloc(1, sizeof *context);
    int r;

    context->users = 1;
    context->bio_method = bio_method_create();
    context->ssl_ctx = SSL_CTX_new(TLS_server_method());
    if (context->bio_method == NULL || context->ssl_ctx == NULL ||
        SSL_CTX_set_min_proto_version(context->ssl_ctx, TLS1_2_VERSION) != 1 ||
        SSL_CTX_set_cipher_list(context->ssl_ctx, "ECDHE+AESGCM:ECDHE+CHACHA20") != 1) {
        r = err_from_openssl(error, "cannot set up TLS", NULL);
        goto out;
    }
    set_options(context->ssl_ctx);
    r = load_identity(context->ssl_ctx, files, error);
    if (r == OK) {
        r = load_client_ca(context->ssl_ctx, files, error);
    }
    if (r == OK) {
        *out_context = context;
        context = NULL;
    }
out:
    tls_context_destroy(context);
    return r;
}

void tls_context_destroy(struct tls_context *context) {
    if (context != NULL && --context->users == 0) {
        SSL_CTX_free(context->ssl_ctx);
        BIO_meth_free(context->bio_method);
        free(context);
    }
}

/* --- Sessions --------------------------------------------------------------------------------- */

struct tls_session *tls_session_create(struct tls_context *context, int fd) {
    struct tls_session *session = mem_alloc(1, sizeof *session);
    BIO *bio = BIO_new(context->bio_method);

    *session = (struct tls_session){SSL_new(context->ssl_ctx), context, fd};
    context->users++;
    if (session->ssl == NULL || bio == NULL) {
        (void)BIO_free(bio);
        tls_session_destroy(session);
        ERR_clear_error();
        return NULL;
    }
    BIO_set_data(bio, session);
    BIO_set_init(bio, 1);
    SSL_set_bio(session->ssl, bio, bio); /* Takes it. */
    SSL_set_accept_state(session->ssl);
    return session;
}

void tls_session_destroy(struct tls_session *session) {
    if (session != NULL) {
        SSL_free(session->ssl);
        tls_context_destroy(session->context);
        free(session);
    }
}

static enum tls_result result_of(const struct tls_session *session, int r) {
    switch (SSL_get_error(session->ssl, r)) {
    case SSL_ERROR_NONE:
        return TLS_DONE;
    case SSL_ERROR_WANT_READ:
        return TLS_WANT_READ;
    case SSL_ERROR_WANT_WRITE:
        return TLS_WANT_WRITE;
    case SSL_ERROR_ZERO_RETURN:
        return TLS_CLOSED;
    default:
        return TLS_FAILED;
    }
}

enum tls_result tls_handshake(struct tls_session *session) {
    enum tls_result result;

    ERR_clear_error();
    result = result_of(session, SSL_do_handshake(session->ssl));
    if (result == TLS_FAILED && ERR_GET_REASON(ERR_peek_error()) == SSL_R_HTTP_REQUEST) {
        result = TLS_PLAIN_HTTP;
    }
    ERR_clear_error();
    return result;
}

enum tls_result tls_read(struct tls_session *session, char *bytes, size_t room, size_t *out_count) {
    ERR_clear_error();
    return result_of(session, SSL_read_ex(session->ssl, bytes, room, out_count));
}

enum tls_result tls_write(struct tls_session *session, const char *bytes, size_t count,
                          size_t *out_count) {
    ERR_clear_error();
    return result_of(session, SSL_write_ex(session->ssl, bytes, count, out_count));
}

void tls_shutdown(struct tls_session *session) {
    ERR_clear_error();
    (void)SSL_shutdown(session->ssl);
    ERR_clear_error();
}

size_t tls_pending(const struct tls_session *session) {
    return (size_t)SSL_pending(session->ssl);
}

/* The text of a name's first such part; NULL if there is none, or a NUL hides in it. */
static char *name_part(const X509_NAME *name, int nid) {
    int at = X509_NAME_get_index_by_NID(name, nid, -1);
    unsigned char *text = NULL;
    char *copy = NULL;
    int length;

    if (at < 0) {
        return NULL;
    }
    length = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
    if (length > 0 && memchr(text, '\0', (size_t)length) == NULL) {
        copy = mem_copy_text_n((const char *)text, (size_t)length);
    }
    OPENSSL_free(text);
    return copy;
}

char *tls_peer_name(const struct tls_session *session, enum tls_name name) {
    X509 *certificate = SSL_get1_peer_certificate(session->ssl);
    char *text = NULL;

    if (certificate != NULL && SSL_get_verify_result(session->ssl) == X509_V_OK) {
        text = name_part(X509_get_subject_name(certificate),
                         name == TLS_NAME_COMMON ? NID_commonName : NID_organizationName);
    }
    X509_free(certificate);
    return text;
}
