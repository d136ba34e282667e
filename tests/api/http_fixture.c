#include "tests/api/http_fixture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/memory.h"
#include "tests/fake/poll_poller.h"
#include "tests/test.h"

#define CLIENT_WAIT_US (5 * CLOCK_US_PER_SECOND)

const char *const door_names[DOOR_COUNT] = {"unix", "tcp", "tls", "tls with client certificates"};

int64_t mono_us(void) {
    return clock_sample().mono_us;
}

/* --- The server ------------------------------------------------------------------------------- */

struct app {
    struct poll_poller *loop;
    struct http_server *http;
    struct poller_fd control;
    bool end;
    bool drained;
    int64_t closed;  /* on_close was called */
    int64_t refused; /* writes */
    int64_t ended_late;
};

enum job_kind {
    JOB_REPLY,
    JOB_STREAM,
    JOB_SOURCE,
    JOB_ABORT,
    JOB_HANG_UP
};

/* A request that is being answered over time. */
struct job {
    struct app *app;
    struct http_request *request;
    struct poller_timer timer;
    int64_t every_us;
    int64_t left;
    size_t chunk;
    enum job_kind kind;
};

static int64_t number_of(const struct http_request *request, const char *name, int64_t otherwise) {
    const char *text = http_query(request, name);

    return text != NULL ? strtoll(text, NULL, 10) : otherwise;
}

static void reply_text(struct http_request *request, int status, const char *text) {
    struct http_reply reply = {
        .status = status, .content_type = "text/plain", .body = text, .body_bytes = strlen(text)};

    http_reply(request, &reply);
}

static void end_job(struct job *job) {
    poller_timer_stop(poll_poller_of(job->app->loop), &job->timer);
    free(job);
}

static void on_close(struct http_request *request, void *owner) {
    struct job *job = owner;

    job->app->closed++;
    if (http_query(request, "late") == NULL) {
        if (job->kind == JOB_STREAM || job->kind == JOB_SOURCE) {
            http_stream_end(request);
        } else {
            http_hang_up(request);
        }
        end_job(job);
    }
}

static bool write_chunk(struct job *job) {
    char *bytes = mem_alloc(1, job->chunk);
    int r;

    memset(bytes, 'x', job->chunk);
    r = http_stream_write(job->request, bytes, job->chunk);
    free(bytes);
    job->app->refused += r == ERR_FULL ? 1 : 0;
    return r == OK;
}

/* As much as there is room for. */
static void on_room(struct http_request *request, void *owner) {
    struct job *job = owner;

    while (job->left > 0 && write_chunk(job)) {
        job->left--;
    }
    if (job->left == 0) {
        http_stream_end(request);
        end_job(job);
    }
}

static void on_job_time(struct poller_timer *timer) {
    struct job *job = timer->owner;

    switch (job->kind) {
    case JOB_REPLY:
        job->app->ended_late += http_is_gone(job->request) ? 1 : 0;
        reply_text(job->request, 200, "deferred");
        break;
    case JOB_ABORT:
        http_abort(job->request);
        break;
    case JOB_HANG_UP:
        http_hang_up(job->request);
        break;
    default:
        if (job->left > 0) {
            if (write_chunk(job)) {
                job->left--;
                poller_timer_set(poll_poller_of(job->app->loop), &job->timer, job->every_us);
            } /* Else on_close ends it. */
            return;
        }
        http_stream_end(job->request);
    }
    end_job(job);
}

static struct job *begin_job(struct app *app, struct http_request *request, enum job_kind kind) {
    struct job *job = mem_alloc(1, sizeof *job);

    job->app = app;
    job->request = request;
    job->kind = kind;
    job->timer = (struct poller_timer){.on_time = on_job_time, .owner = job};
    job->every_us = number_of(request, "ms", 10) * CLOCK_US_PER_MS;
    job->left = number_of(request, "n", 3);
    job->chunk = (size_t)number_of(request, "chunk", 1000);
    if (http_query(request, "late") == NULL || kind != JOB_REPLY) {
        http_on_close(request, on_close, job);
    }
    return job;
}

static void begin_timed(struct app *app, struct http_request *request, enum job_kind kind) {
    struct job *job = begin_job(app, request, kind);
    struct http_reply head = {.status = 200, .content_type = "text/event-stream"};

    if (kind == JOB_STREAM) {
        http_stream_start(request, &head, HTTP_OVERFLOW_DROP, NULL, NULL);
    }
    poller_timer_set(poll_poller_of(app->loop), &job->timer, job->every_us);
}

static void serve_hello(struct app *app, struct http_request *request) {
    static const struct http_field fields[] = {{"X-Good", "yes"}, {"X-Bad", "a\r\nX-Evil: b"}};
    struct http_reply reply = {.status = 200,
                               .content_type = "text/plain",
                               .fields = fields,
                               .field_count = 2,
                               .body = "hello",
                               .body_bytes = 5};

    (void)app;
    http_reply(request, &reply);
}

static void serve_echo(struct app *app, struct http_request *request) {
    struct http_reply reply = {.status = 201};

    (void)app;
    reply.body = http_body(request, &reply.body_bytes);
    http_reply(request, &reply);
}

static void serve_big(struct app *app, struct http_request *request) {
    size_t bytes = (size_t)number_of(request, "n", 1 << 20);
    char *body = mem_alloc(1, bytes);
    struct http_reply reply = {.status = 200, .body = body, .body_bytes = bytes};

    (void)app;
    memset(body, 'b', bytes);
    http_reply(request, &reply);
    free(body);
}

static void serve_peer(struct app *app, struct http_request *request) {
    const struct http_peer *peer = http_peer(request);
    char text[300];

    (void)app;
    snprintf(text, sizeof text, "%d %d %d %d %s %s %s", (int)peer->transport, (int)peer->uid,
             (int)peer->gid, (int)peer->pid, peer->address,
             peer->certificate != NULL ? peer->certificate : "-",
             peer->certificate_org != NULL ? peer->certificate_org : "-");
    reply_text(request, 200, text);
}

static void serve_stats(struct app *app, struct http_request *request) {
    struct http_stats stats = http_server_stats(app->http);
    char text[600];

    snprintf(text, sizeof text,
             "unix=%zu tcp=%zu tls=%zu accepted=%ju requests=%ju refused=%ju timed_out=%ju "
             "dropped=%ju accept_failed=%ju closed=%jd writes_refused=%jd ended_late=%jd "
             "callbacks=%ju ",
             stats.connections[HTTP_UNIX], stats.connections[HTTP_TCP], stats.connections[HTTP_TLS],
             (uintmax_t)stats.accepted, (uintmax_t)stats.requests, (uintmax_t)stats.refused,
             (uintmax_t)stats.timed_out, (uintmax_t)stats.streams_dropped,
             (uintmax_t)stats.accept_failed, (intmax_t)app->closed, (intmax_t)app->refused,
             (intmax_t)app->ended_late, (uintmax_t)poll_poller_callbacks(app->loop));
    reply_text(request, 200, text);
}

static void serve_defer(struct app *app, struct http_request *request) {
    begin_timed(app, request, JOB_REPLY);
}

static void serve_stream(struct app *app, struct http_request *request) {
    begin_timed(app, request, JOB_STREAM);
}

static void serve_source(struct app *app, struct http_request *request) {
    struct job *job = begin_job(app, request, JOB_SOURCE);
    struct http_reply head = {.status = 200, .body = "begin", .body_bytes = 5};

    http_stream_start(request, &head, HTTP_OVERFLOW_REFUSE, on_room, job);
    on_room(request, job);
}

static void serve_abort(struct app *app, struct http_request *request) {
    (void)app;
    http_abort(request);
}

static void serve_abort_later(struct app *app, struct http_request *request) {
    begin_timed(app, request, JOB_ABORT);
}

static void serve_hang_up(struct app *app, struct http_request *request) {
    begin_timed(app, request, JOB_HANG_UP);
}

static void serve_last(struct app *app, struct http_request *request) {
    struct http_reply reply = {.status = 204, .close = true};

    (void)app;
    http_reply(request, &reply);
}

static void on_drained(void *owner) {
    struct app *app = owner;

    app->drained = true;
    app->end = true;
}

static void serve_drain(struct app *app, struct http_request *request) {
    http_server_drain(app->http, on_drained);
    reply_text(request, 200, "draining");
}

static void serve_reload(struct app *app, struct http_request *request) {
    struct error error = {0};
    int r = http_server_reload_tls(app->http, &error);

    reply_text(request, r == OK ? 200 : 500, error.text);
}

static void on_request(struct http_request *request, void *owner) {
    static const struct {
        const char *path;
        void (*serve)(struct app *app, struct http_request *request);
    } routes[] = {
        {"/hello", serve_hello},     {"/echo", serve_echo},
        {"/big", serve_big},         {"/peer", serve_peer},
        {"/stats", serve_stats},     {"/defer", serve_defer},
        {"/stream", serve_stream},   {"/source", serve_source},
        {"/abort", serve_abort},     {"/abort-later", serve_abort_later},
        {"/hang-up", serve_hang_up}, {"/last", serve_last},
        {"/drain", serve_drain},     {"/reload", serve_reload},
    };

    for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
        if (strcmp(http_path(request), routes[i].path) == 0) {
            routes[i].serve(owner, request);
            return;
        }
    }
    reply_text(request, 404, "nothing here");
}

static int on_head(const struct http_request *request, void *owner) {
    (void)owner;
    return strcmp(http_path(request), "/secret") == 0 ? 401 : 0;
}

static void on_control(struct poller_fd *watch, unsigned events) {
    struct app *app = watch->owner;

    (void)events;
    app->end = true;
}

static bool has_ended(void *owner) {
    const struct app *app = owner;

    return app->end;
}

static struct instant sample(void *owner) {
    (void)owner;
    return clock_sample();
}

static void listen_all(struct app *app, struct fixture *fixture) {
    struct http_unix unix_socket = {.path = fixture->socket_path, .mode = 0640};
    char certificate[100];
    char key[100];
    char ca[100];
    struct http_tls tls = {certificate, key, NULL, false};
    struct error error = {0};

    snprintf(certificate, sizeof certificate, "%s/server.crt", fixture->folder);
    snprintf(key, sizeof key, "%s/server.key", fixture->folder);
    snprintf(ca, sizeof ca, "%s/client.crt", fixture->folder);
    CHECK_OK(http_listen_unix(app->http, &unix_socket, &error), error.text);
    CHECK_OK(http_listen_tcp(app->http, "127.0.0.1", 0, NULL, &fixture->ports[DOOR_TCP], &error),
             error.text);
    CHECK_OK(http_listen_tcp(app->http, "127.0.0.1", 0, &tls, &fixture->ports[DOOR_TLS], &error),
             error.text);
    tls.client_ca_file = ca;
    CHECK_OK(
        http_listen_tcp(app->http, "127.0.0.1", 0, &tls, &fixture->ports[DOOR_TLS_CLIENT], &error),
        error.text);
}

_Noreturn static void run_server(struct fixture *fixture, const struct fixture_options *options,
                                 int control, int ports) {
    struct app app = {.loop = poll_poller_create()};
    struct http_server_config config = {.poller = poll_poller_of(app.loop),
                                        .clock = sample,
                                        .on_head = on_head,
                                        .on_request = on_request,
                                        .owner = &app,
                                        .limits = options->limits};
    struct rlimit rlimit;

    (void)signal(SIGPIPE, SIG_DFL);
    app.http = http_server_create(&config);
    listen_all(&app, fixture);
    app.control = (struct poller_fd){.fd = control, .on_ready = on_control, .owner = &app};
    poller_fd_set(config.poller, &app.control, POLLER_READ);
    if (options->descriptors > 0 && getrlimit(RLIMIT_NOFILE, &rlimit) == 0) {
        rlimit.rlim_cur = options->descriptors;
        (void)setrlimit(RLIMIT_NOFILE, &rlimit);
    }
    if (write(ports, fixture->ports, sizeof fixture->ports) < 0) {
        abort();
    }
    (void)close(ports);
    (void)poll_poller_run(app.loop, has_ended, &app, 60 * CLOCK_US_PER_SECOND);
    http_server_destroy(app.http);
    /* Requests that nobody has ended yet, on purpose (?late), end now. */
    for (int i = 0; i < 30; i++) {
        poll_poller_round(app.loop, 10 * CLOCK_US_PER_MS);
    }
    poll_poller_destroy(app.loop);
    (void)close(control);
    exit(0);
}

struct fixture_options fixture_options(void) {
    struct fixture_options options = {.limits = http_limits_default()};

    options.limits.linger_us = 200 * FIXTURE_MS;
    options.limits.stream_bytes = 64 * 1024;
    options.limits.body_bytes = 9 << 20;
    return options;
}

struct fixture_options fixture_options_impatient(void) {
    struct fixture_options options = fixture_options();

    options.limits.handshake_us = 600 * FIXTURE_MS;
    options.limits.header_us = 300 * FIXTURE_MS;
    options.limits.body_us = 500 * FIXTURE_MS;
    options.limits.idle_us = 400 * FIXTURE_MS;
    options.limits.send_us = 250 * FIXTURE_MS;
    return options;
}

void fixture_start(struct fixture *fixture, const struct fixture_options *options) {
    int control[2];
    int ports[2];

    memset(fixture, 0, sizeof *fixture);
    snprintf(fixture->folder, sizeof fixture->folder, "%s", test_folder());
    snprintf(fixture->socket_path, sizeof fixture->socket_path, "%s/http.sock", fixture->folder);
    make_certificate(fixture->folder, "server", NULL);
    make_certificate(fixture->folder, "client", "system:masters");
    CHECK_OK(pipe(control), "pipe");
    CHECK_OK(pipe(ports), "pipe");
    fflush(NULL);
    fixture->pid = fork();
    if (fixture->pid == 0) {
        (void)close(control[1]);
        (void)close(ports[0]);
        run_server(fixture, options, control[0], ports[1]);
    }
    (void)close(control[0]);
    (void)close(ports[1]);
    fixture->control = control[1];
    CHECK_EQ(read(ports[0], fixture->ports, sizeof fixture->ports), sizeof fixture->ports,
             "the server is up");
    (void)close(ports[0]);
    (void)signal(SIGPIPE, SIG_IGN); /* The client's; the server has the default. */
}

void fixture_stop(struct fixture *fixture) {
    int status = -1;

    (void)close(fixture->control);
    CHECK_EQ(waitpid(fixture->pid, &status, 0), fixture->pid, "the server ends");
    CHECK_EQ(status, 0, "the server ends well");
    CHECK(access(fixture->socket_path, F_OK) != 0, "the socket's file is removed");
}

/* --- Certificates ----------------------------------------------------------------------------- */

static void write_pem(const char *folder, const char *name, const char *end, X509 *certificate,
                      EVP_PKEY *key) {
    char path[200];
    FILE *file;

    snprintf(path, sizeof path, "%s/%s.%s", folder, name, end);
    file = fopen(path, "w");
    CHECK(file != NULL, path);
    if (certificate != NULL) {
        CHECK_EQ(PEM_write_X509(file, certificate), 1, path);
    } else {
        CHECK_EQ(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL), 1, path);
    }
    CHECK_OK(fclose(file), path);
}

void make_certificate(const char *folder, const char *name, const char *organization) {
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    X509_NAME *subject = X509_get_subject_name(certificate);

    CHECK(key != NULL, "a key");
    (void)X509_set_version(certificate, 2);
    (void)ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    (void)X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
    (void)X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    (void)X509_set_pubkey(certificate, key);
    (void)X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1,
                                     -1, 0);
    if (organization != NULL) {
        (void)X509_NAME_add_entry_by_txt(subject, "O", MBSTRING_ASC,
                                         (const unsigned char *)organization, -1, -1, 0);
    }
    (void)X509_set_issuer_name(certificate, subject);
    CHECK(X509_sign(certificate, key, EVP_sha256()) > 0, "signed");
    write_pem(folder, name, "crt", certificate, NULL);
    write_pem(folder, name, "key", NULL, key);
    X509_free(certificate);
    EVP_PKEY_free(key);
}

/* --- The client ------------------------------------------------------------------------------- */

static int connect_unix(const struct fixture *fixture) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(address.sun_path, sizeof address.sun_path, "%s", fixture->socket_path);
    CHECK_OK(connect(fd, (struct sockaddr *)&address, sizeof address), "connect");
    return fd;
}

static int connect_tcp(uint16_t port, int receive_bytes) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    const int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (receive_bytes > 0) {
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof receive_bytes);
    }
    CHECK_OK(connect(fd, (struct sockaddr *)&address, sizeof address), "connect");
    return fd;
}

static void limit_waits(int fd) {
    struct timeval limit = {.tv_sec = CLIENT_WAIT_US / CLOCK_US_PER_SECOND};

    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
}

static SSL *begin_tls(const struct fixture *fixture, enum door door, int fd) {
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    char path[200];
    SSL *ssl;

    if (door == DOOR_TLS_CLIENT) {
        snprintf(path, sizeof path, "%s/client.crt", fixture->folder);
        CHECK_EQ(SSL_CTX_use_certificate_file(ctx, path, SSL_FILETYPE_PEM), 1, path);
        snprintf(path, sizeof path, "%s/client.key", fixture->folder);
        CHECK_EQ(SSL_CTX_use_PrivateKey_file(ctx, path, SSL_FILETYPE_PEM), 1, path);
    }
    ssl = SSL_new(ctx);
    SSL_CTX_free(ctx);
    CHECK_EQ(SSL_set_fd(ssl, fd), 1, "fd");
    CHECK_EQ(SSL_connect(ssl), 1, "handshake");
    return ssl;
}

struct client client_open_raw(const struct fixture *fixture, enum door door) {
    struct client client = {.fd = connect_tcp(fixture->ports[door], 0)};

    limit_waits(client.fd);
    return client;
}

static struct client open_any(const struct fixture *fixture, enum door door, int receive_bytes) {
    struct client client = {.fd = door == DOOR_UNIX
                                      ? connect_unix(fixture)
                                      : connect_tcp(fixture->ports[door], receive_bytes)};

    limit_waits(client.fd);
    if (door == DOOR_TLS || door == DOOR_TLS_CLIENT) {
        client.ssl = begin_tls(fixture, door, client.fd);
    }
    return client;
}

struct client client_open(const struct fixture *fixture, enum door door) {
    return open_any(fixture, door, 0);
}

struct client client_open_slow(const struct fixture *fixture, enum door door) {
    return open_any(fixture, door, 4096);
}

void client_close(struct client *client) {
    SSL_free(client->ssl);
    (void)close(client->fd);
    free(client->bytes);
    *client = (struct client){.fd = -1};
}

bool client_try_send(struct client *client, const void *bytes, size_t count) {
    const char *at = bytes;

    while (count > 0) {
        ssize_t sent = client->ssl != NULL ? SSL_write(client->ssl, at, (int)count)
                                           : send(client->fd, at, count, MSG_NOSIGNAL);

        if (sent <= 0) {
            return false;
        }
        at += sent;
        count -= (size_t)sent;
    }
    return true;
}

void client_send_bytes(struct client *client, const void *bytes, size_t count) {
    CHECK(client_try_send(client, bytes, count), "the server takes what is sent");
}

void client_send(struct client *client, const char *text) {
    client_send_bytes(client, text, strlen(text));
}

static ssize_t receive(struct client *client, char *bytes, size_t room) {
    ssize_t got;

    if (client->ssl == NULL) {
        got = recv(client->fd, bytes, room, 0);
        client->reset = got < 0 && errno == ECONNRESET;
        CHECK(got >= 0 || errno != EAGAIN, "the server answers in time");
        return got;
    }
    errno = 0;
    got = SSL_read(client->ssl, bytes, (int)room);
    client->reset = got < 0 && errno == ECONNRESET;
    CHECK(got > 0 || errno != EAGAIN, "the server answers in time");
    return got;
}

static size_t unused(const struct client *client) {
    return client->count - client->used;
}

/* One read; false at the end. */
static bool fill(struct client *client) {
    size_t room = 256 * 1024;
    ssize_t got;

    if (client->ended) {
        return false;
    }
    if (client->used > 0) {
        memmove(client->bytes, client->bytes + client->used, unused(client));
        client->count -= client->used;
        client->used = 0;
    }
    client->bytes = mem_grow(client->bytes, client->count + room, 1);
    got = receive(client, client->bytes + client->count, room);
    if (got <= 0) {
        client->ended = true;
        return false;
    }
    client->count += (size_t)got;
    return true;
}

/* Bytes up to and with the end's text; 0: it did not come. */
static size_t find(struct client *client, const char *end) {
    for (;;) {
        char *from = client->bytes != NULL ? client->bytes + client->used : NULL;
        char *found = unused(client) > 0 ? memmem(from, unused(client), end, strlen(end)) : NULL;

        if (found != NULL) {
            return (size_t)(found - from) + strlen(end);
        }
        if (!fill(client)) {
            return 0;
        }
    }
}

static void add_body(struct answer *answer, const char *bytes, size_t count) {
    if (answer->body_room < answer->body_bytes + count + 1) {
        answer->body_room = 2 * (answer->body_bytes + count + 1);
        answer->body = mem_grow(answer->body, answer->body_room, 1);
    }
    if (count > 0) {
        memcpy(answer->body + answer->body_bytes, bytes, count);
    }
    answer->body_bytes += count;
    answer->body[answer->body_bytes] = '\0';
}

static bool read_exactly(struct client *client, size_t count, struct answer *answer) {
    size_t have;

    while (unused(client) < count && fill(client)) {
    }
    have = unused(client) < count ? unused(client) : count;
    add_body(answer, have > 0 ? client->bytes + client->used : NULL, have);
    client->used += have;
    return have == count;
}

static bool read_chunks(struct client *client, struct answer *answer) {
    for (;;) {
        size_t line = find(client, "\r\n");
        size_t count;

        if (line == 0) {
            return false;
        }
        count = strtoul(client->bytes + client->used, NULL, 16);
        client->used += line;
        if (!read_exactly(client, count, answer) || find(client, "\r\n") != 2) {
            return false;
        }
        client->used += 2;
        if (count == 0) {
            return true;
        }
    }
}

static const char *header_of(const struct answer *answer, const char *name) {
    const char *at = strcasestr(answer->head, name);

    return at != NULL ? at + strlen(name) : NULL;
}

static struct answer read_head(struct client *client) {
    struct answer answer = {.body = mem_alloc(1, 1)};
    size_t bytes = find(client, "\r\n\r\n");

    if (bytes == 0) {
        return answer;
    }
    CHECK(bytes < sizeof answer.head, "a reasonable head");
    memcpy(answer.head, client->bytes + client->used, bytes);
    answer.head[bytes] = '\0';
    client->used += bytes;
    CHECK_MEM(answer.head, "HTTP/1.1 ", 9, "a status line");
    answer.status = atoi(answer.head + 9);
    answer.complete = true;
    return answer;
}

struct answer client_answer_of_head(struct client *client) {
    return read_head(client);
}

struct answer client_answer(struct client *client) {
    struct answer answer = read_head(client);
    const char *length = header_of(&answer, "\r\nContent-Length: ");

    if (header_of(&answer, "\r\nTransfer-Encoding: chunked") != NULL) {
        answer.complete = read_chunks(client, &answer);
    } else if (length != NULL) {
        answer.complete = read_exactly(client, strtoul(length, NULL, 10), &answer);
    } else if (answer.status >= 200 && answer.status != 204 && answer.status != 304) {
        while (fill(client)) {
        }
        answer.complete = read_exactly(client, unused(client), &answer) && !client->reset;
    }
    return answer;
}

void answer_free(struct answer *answer) {
    free(answer->body);
    *answer = (struct answer){0};
}

void client_expect(struct client *client, const char *request, int status, const char *what) {
    struct answer answer;

    client_send(client, request);
    answer = client_answer(client);
    CHECK_EQ(answer.status, status, what);
    CHECK(answer.complete || status == 0, what);
    answer_free(&answer);
}

static bool is_readable(struct client *client, int64_t within_us) {
    struct pollfd fd = {.fd = client->fd, .events = POLLIN};

    if (client->ssl != NULL && SSL_pending(client->ssl) > 0) {
        return true;
    }
    return poll(&fd, 1, (int)(within_us / CLOCK_US_PER_MS)) > 0;
}

size_t client_read(struct client *client, int64_t within_us) {
    char bytes[16 * 1024];
    ssize_t got;

    if (client->ended || !is_readable(client, within_us)) {
        return 0;
    }
    got = receive(client, bytes, sizeof bytes);
    if (got <= 0) {
        client->ended = true;
        return 0;
    }
    return (size_t)got;
}

bool client_sees_end(struct client *client, int64_t within_us) {
    int64_t end_us = mono_us() + within_us;

    while (!client->ended && mono_us() < end_us) {
        (void)client_read(client, end_us - mono_us());
    }
    return client->ended;
}

int64_t fixture_counter(const struct fixture *fixture, const char *name) {
    struct client client = client_open(fixture, DOOR_UNIX);
    struct answer answer;
    const char *at;
    int64_t value;

    client_send(&client, "GET /stats HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    answer = client_answer(&client);
    CHECK_EQ(answer.status, 200, "counters");
    at = strstr(answer.body, name);
    CHECK(at != NULL && at[strlen(name)] == '=', name);
    value = strtoll(at + strlen(name) + 1, NULL, 10);
    answer_free(&answer);
    client_close(&client);
    return value;
}

void fixture_await(const struct fixture *fixture, const char *name, int64_t value,
                   const char *what) {
    int64_t end_us = mono_us() + CLIENT_WAIT_US;
    int64_t now = 0;

    while (mono_us() < end_us) {
        now = fixture_counter(fixture, name);
        if (now == value) {
            return;
        }
        (void)poll(NULL, 0, 5);
    }
    CHECK_EQ(now, value, what);
}
