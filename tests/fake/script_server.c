#include "tests/fake/script_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/ensure.h"
#include "base/memory.h"
#include "tests/fake/recorded.h"

#define CONNECTIONS_MAX   128
#define REQUEST_BYTES_MAX (1 << 20)
#define HEAD_BYTES_MAX    (64 << 10)
#define LOG_BYTES_MAX     (16 << 20)

struct connection {
    struct script_server *server;
    pthread_t thread;
    int fd;
    SSL *ssl;
};

struct script_server {
    struct script_step *steps;
    int *used;
    size_t step_count;
    SSL_CTX *tls;
    int listen_fd;
    int port;
    pthread_t thread;
    pthread_mutex_t lock;
    bool is_stopping;
    struct buf log;
    unsigned requests;
    struct connection connections[CONNECTIONS_MAX];
    unsigned connection_count;
};

/* --- Bytes ------------------------------------------------------------------------------------ */

static bool send_all(struct connection *connection, const char *bytes, size_t count) {
    while (count > 0) {
        ssize_t sent = connection->ssl != NULL ? SSL_write(connection->ssl, bytes, (int)count)
                                               : send(connection->fd, bytes, count, MSG_NOSIGNAL);

        if (sent <= 0) {
            return false;
        }
        bytes += sent;
        count -= (size_t)sent;
    }
    return true;
}

static ssize_t receive(struct connection *connection, char *bytes, size_t room) {
    return connection->ssl != NULL ? SSL_read(connection->ssl, bytes, (int)room)
                                   : recv(connection->fd, bytes, room, 0);
}

static size_t content_length(const char *head) {
    const char *line = strcasestr(head, "\r\ncontent-length:");

    return line == NULL ? 0 : strtoul(line + strlen("\r\ncontent-length:"), NULL, 10);
}

/* One whole request at the front of in; false at the connection's end. */
static bool read_request(struct connection *connection, struct buf *in, size_t *out_bytes) {
    char part[4096];

    for (;;) {
        const char *end = strstr(buf_text(in), "\r\n\r\n");
        ssize_t got;

        if (end != NULL) {
            size_t bytes = (size_t)(end - in->data) + 4 + content_length(in->data);

            if (in->bytes >= bytes) {
                *out_bytes = bytes;
                return true;
            }
        }
        got = receive(connection, part, sizeof part);
        if (got <= 0) {
            return false;
        }
        buf_add(in, part, (size_t)got);
    }
}

/* --- Answers ---------------------------------------------------------------------------------- */

static void add_head(struct buf *head, const struct script_step *step, size_t body_bytes) {
    buf_add_format(head, "HTTP/1.1 %d Scripted\r\nContent-Type: %s\r\n%s", step->status,
                   step->type == NULL ? "application/json" : step->type,
                   step->headers == NULL ? "" : step->headers);
    if (step->chunked) {
        buf_add_text(head, "Transfer-Encoding: chunked\r\n\r\n");
    } else {
        buf_add_format(head, "Content-Length: %zu\r\n\r\n", body_bytes);
    }
}

static bool send_body(struct connection *connection, const struct script_step *step,
                      const char *body, bool chunked) {
    size_t left = strlen(body);
    bool is_cut = step->body_bytes > 0 && step->body_bytes < left;
    bool is_open_end = step->then != THEN_KEEP && chunked;

    left = is_cut ? step->body_bytes : left;
    while (left > 0) {
        size_t part = step->piece > 0 && step->piece < left ? step->piece : left;
        char size[24];

        (void)snprintf(size, sizeof size, "%zx\r\n", part);
        if ((chunked && !send_all(connection, size, strlen(size))) ||
            !send_all(connection, body, part) || (chunked && !send_all(connection, "\r\n", 2))) {
            return false;
        }
        body += part;
        left -= part;
    }
    return !chunked || is_cut || is_open_end || send_all(connection, "0\r\n\r\n", 5);
}

static bool send_recorded(struct connection *connection, const struct script_step *step) {
    struct recorded recorded = recorded_load(step->fixture);
    struct buf head;
    bool is_sent;

    buf_init(&head, HEAD_BYTES_MAX);
    buf_add_text(&head, recorded.head);
    if (!recorded.chunked && recorded.status != 204) {
        buf_add_format(&head, "Content-Length: %zu\r\n", strlen(recorded.body));
    }
    buf_add_text(&head, "\r\n");
    is_sent = send_all(connection, buf_text(&head), head.bytes) &&
              send_body(connection, step, recorded.body, recorded.chunked);
    buf_finish(&head);
    recorded_finish(&recorded);
    return is_sent;
}

static bool send_made(struct connection *connection, const struct script_step *step) {
    const char *body = step->body == NULL ? "" : step->body;
    struct buf head;
    bool is_sent;

    buf_init(&head, HEAD_BYTES_MAX);
    add_head(&head, step, strlen(body));
    is_sent = send_all(connection, buf_text(&head), head.bytes) &&
              send_body(connection, step, body, step->chunked);
    buf_finish(&head);
    return is_sent;
}

static bool send_answer(struct connection *connection, const struct script_step *step) {
    if (step->raw != NULL) {
        return send_all(connection, step->raw, strlen(step->raw));
    }
    return step->fixture != NULL ? send_recorded(connection, step) : send_made(connection, step);
}

/* --- The script ------------------------------------------------------------------------------- */

static bool fits(const struct script_step *step, const char *request) {
    return (step->expect == NULL || strstr(request, step->expect) != NULL) &&
           (step->expect_too == NULL || strstr(request, step->expect_too) != NULL);
}

static struct script_step choose_step(struct script_server *server, const char *request,
                                      size_t bytes) {
    struct script_step chosen = {.status = 599, .body = "nobody expects this", .then = THEN_CLOSE};
    char *text = mem_copy_text_n(request, bytes);

    pthread_mutex_lock(&server->lock);
    server->requests++;
    buf_add(&server->log, request, bytes);
    buf_add_char(&server->log, '\n');
    for (size_t i = 0; i < server->step_count; i++) {
        const struct script_step *step = &server->steps[i];
        int times = step->times == 0 ? 1 : step->times;

        if ((times < 0 || server->used[i] < times) && fits(step, text)) {
            server->used[i]++;
            chosen = *step;
            break;
        }
    }
    pthread_mutex_unlock(&server->lock);
    free(text);
    return chosen;
}

static bool is_stopping(struct script_server *server) {
    bool answer;

    pthread_mutex_lock(&server->lock);
    answer = server->is_stopping;
    pthread_mutex_unlock(&server->lock);
    return answer;
}

static void pause_ms(struct script_server *server, int ms) {
    struct timespec time = {0, 5000000};

    for (; ms > 0 && !is_stopping(server); ms -= 5) {
        nanosleep(&time, NULL);
    }
}

static void hold(struct connection *connection) {
    struct pollfd fd = {.fd = connection->fd, .events = POLLIN};

    while (!is_stopping(connection->server)) {
        if (poll(&fd, 1, 20) > 0) {
            return;
        }
    }
}

static void reset(struct connection *connection) {
    struct linger now = {.l_onoff = 1, .l_linger = 0};

    (void)setsockopt(connection->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

static void converse(struct connection *connection) {
    struct buf in;
    size_t bytes;
    enum script_then then = THEN_KEEP;

    buf_init(&in, REQUEST_BYTES_MAX);
    while (then == THEN_KEEP && read_request(connection, &in, &bytes)) {
        struct script_step step = choose_step(connection->server, in.data, bytes);

        buf_drop_front(&in, bytes);
        pause_ms(connection->server, step.delay_ms);
        then = send_answer(connection, &step) ? step.then : THEN_CLOSE;
    }
    if (then == THEN_HOLD) {
        hold(connection);
    } else if (then == THEN_RESET) {
        reset(connection);
    }
    buf_finish(&in);
}

static void *connection_main(void *context) {
    struct connection *connection = context;
    struct script_server *server = connection->server;
    int fd;

    if (server->tls != NULL) {
        connection->ssl = SSL_new(server->tls);
        (void)SSL_set_fd(connection->ssl, connection->fd);
    }
    if (connection->ssl == NULL || SSL_accept(connection->ssl) == 1) {
        converse(connection);
    }
    SSL_free(connection->ssl);
    pthread_mutex_lock(&server->lock);
    fd = connection->fd;
    connection->fd = -1;
    pthread_mutex_unlock(&server->lock);
    close(fd);
    return NULL;
}

static void *server_main(void *context) {
    struct script_server *server = context;
    int one = 1;

    for (;;) {
        int fd = accept4(server->listen_fd, NULL, NULL, SOCK_CLOEXEC);
        struct connection *connection;

        if (fd < 0) {
            return NULL;
        }
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        pthread_mutex_lock(&server->lock);
        ENSURE(server->connection_count < CONNECTIONS_MAX);
        connection = &server->connections[server->connection_count];
        *connection = (struct connection){.server = server, .fd = fd};
        ENSURE(pthread_create(&connection->thread, NULL, connection_main, connection) == 0);
        server->connection_count++;
        pthread_mutex_unlock(&server->lock);
    }
}

/* --- Life cycle ------------------------------------------------------------------------------- */

static X509 *parse_cert(const char *pem) {
    BIO *bio = BIO_new_mem_buf(pem, -1);
    X509 *cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);

    BIO_free(bio);
    ENSURE(cert != NULL);
    return cert;
}

static SSL_CTX *make_tls(const struct script_tls *tls) {
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    BIO *bio = BIO_new_mem_buf(tls->key_pem, -1);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    X509 *cert = parse_cert(tls->cert_pem);

    ENSURE(SSL_CTX_use_certificate(context, cert) == 1);
    ENSURE(SSL_CTX_use_PrivateKey(context, key) == 1);
    if (tls->client_ca_pem != NULL) {
        X509 *ca = parse_cert(tls->client_ca_pem);

        ENSURE(X509_STORE_add_cert(SSL_CTX_get_cert_store(context), ca) == 1);
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
        X509_free(ca);
    }
    X509_free(cert);
    EVP_PKEY_free(key);
    BIO_free(bio);
    return context;
}

static void open_door(struct script_server *server) {
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t bytes = sizeof address;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    server->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ENSURE(server->listen_fd >= 0);
    ENSURE(bind(server->listen_fd, (struct sockaddr *)&address, sizeof address) == 0);
    ENSURE(listen(server->listen_fd, 64) == 0);
    ENSURE(getsockname(server->listen_fd, (struct sockaddr *)&address, &bytes) == 0);
    server->port = ntohs(address.sin_port);
}

struct script_server *script_server_start(const struct script_step *steps, size_t count,
                                          const struct script_tls *tls) {
    struct script_server *server = mem_alloc(1, sizeof *server);

    (void)signal(SIGPIPE, SIG_IGN); /* OpenSSL writes without MSG_NOSIGNAL. */
    server->steps = mem_alloc(count + 1, sizeof *steps);
    if (count > 0) {
        memcpy(server->steps, steps, count * sizeof *steps);
    }
    server->used = mem_alloc(count + 1, sizeof *server->used);
    server->step_count = count;
    server->tls = tls == NULL ? NULL : make_tls(tls);
    buf_init(&server->log, LOG_BYTES_MAX);
    ENSURE(pthread_mutex_init(&server->lock, NULL) == 0);
    open_door(server);
    ENSURE(pthread_create(&server->thread, NULL, server_main, server) == 0);
    return server;
}

void script_server_stop(struct script_server *server) {
    if (server == NULL) {
        return;
    }
    (void)shutdown(server->listen_fd, SHUT_RDWR);
    pthread_join(server->thread, NULL);
    pthread_mutex_lock(&server->lock);
    server->is_stopping = true;
    for (unsigned i = 0; i < server->connection_count; i++) {
        if (server->connections[i].fd >= 0) {
            (void)shutdown(server->connections[i].fd, SHUT_RDWR);
        }
    }
    pthread_mutex_unlock(&server->lock);
    for (unsigned i = 0; i < server->connection_count; i++) {
        pthread_join(server->connections[i].thread, NULL);
    }
    close(server->listen_fd);
    SSL_CTX_free(server->tls);
    pthread_mutex_destroy(&server->lock);
    buf_finish(&server->log);
    free(server->steps);
    free(server->used);
    free(server);
}

int script_server_port(const struct script_server *server) {
    return server->port;
}

char *script_server_log(struct script_server *server) {
    char *text;

    pthread_mutex_lock(&server->lock);
    text = mem_copy_text(buf_text(&server->log));
    pthread_mutex_unlock(&server->lock);
    return text;
}

unsigned script_server_requests(struct script_server *server) {
    unsigned count;

    pthread_mutex_lock(&server->lock);
    count = server->requests;
    pthread_mutex_unlock(&server->lock);
    return count;
}

unsigned script_server_connections(struct script_server *server) {
    unsigned count;

    pthread_mutex_lock(&server->lock);
    count = server->connection_count;
    pthread_mutex_unlock(&server->lock);
    return count;
}

unsigned script_server_unused(struct script_server *server) {
    unsigned count = 0;

    pthread_mutex_lock(&server->lock);
    for (size_t i = 0; i < server->step_count; i++) {
        int times = server->steps[i].times;

        count += server->used[i] < (times > 0 ? times : 1) ? 1 : 0;
    }
    pthread_mutex_unlock(&server->lock);
    return count;
}
