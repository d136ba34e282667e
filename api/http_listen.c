#include <arpa/inet.h>
#include <errno.h>
#include <grp.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "api/http_connection.h"
#include "api/http_server.h"
#include "api/tls.h"
#include "base/memory.h"
#include "base/text.h"

#define ACCEPTS_PER_WAKE 64
#define BACKLOG          1024
#define ACCEPT_RETRY_US  (100 * CLOCK_US_PER_MS)

/* With the kernel's own megabytes a reader that has stopped would look alive for long. */
#define SEND_BUFFER_BYTES (128 * 1024)

/* --- Accepting -------------------------------------------------------------------------------- */

static bool has_room(const struct http_listener *listener) {
    const struct http_stats *stats = &listener->server->stats;
    const struct http_limits *limits = &listener->server->config.limits;

    if (listener->transport == HTTP_UNIX) {
        return stats->connections[HTTP_UNIX] < limits->connections_unix;
    }
    return stats->connections[HTTP_TCP] + stats->connections[HTTP_TLS] <
           limits->connections_network;
}

static void print_address(const struct sockaddr_storage *address, char *text, size_t room) {
    char ip[INET6_ADDRSTRLEN] = "?";

    if (address->ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)address;

        (void)inet_ntop(AF_INET6, &in6->sin6_addr, ip, sizeof ip);
        (void)snprintf(text, room, "[%s]:%u", ip, ntohs(in6->sin6_port));
    } else {
        const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)address;

        (void)inet_ntop(AF_INET, &in->sin_addr, ip, sizeof ip);
        (void)snprintf(text, room, "%s:%u", ip, ntohs(in->sin_port));
    }
}

static struct http_peer peer_of(const struct http_listener *listener, int fd,
                                const struct sockaddr_storage *address) {
    struct http_peer peer = {
        .transport = listener->transport, .uid = (uid_t)-1, .gid = (gid_t)-1, .pid = -1};
    struct ucred credentials;
    socklen_t bytes = sizeof credentials;

    if (listener->transport != HTTP_UNIX) {
        print_address(address, peer.address, sizeof peer.address);
        return peer;
    }
    (void)text_copy(peer.address, sizeof peer.address, "unix");
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &bytes) == 0) {
        peer.uid = credentials.uid;
        peer.gid = credentials.gid;
        peer.pid = credentials.pid;
    }
    return peer;
}

static void pause_listener(struct http_listener *listener) {
    poller_fd_set(listener->server->config.poller, &listener->watch, 0);
}

/* Out of descriptors or memory: trying again at once would spin. */
static void put_off(struct http_listener *listener) {
    struct http_server *server = listener->server;
    int64_t now_us = http_server_now(server);

    server->stats.accept_failed++;
    pause_listener(listener);
    http_server_wake_by(server, now_us + ACCEPT_RETRY_US, now_us);
}

/* false: no more for now. */
/* Somebody closes, or is idle for long enough by then. */
static void put_off_until_idle(struct http_listener *listener) {
    struct http_server *server = listener->server;
    int64_t now_us = http_server_now(server);

    pause_listener(listener);
    http_server_wake_by(server, now_us + server->config.limits.idle_min_us, now_us);
}

static bool accept_one(struct http_listener *listener) {
    struct sockaddr_storage address;
    socklen_t bytes = sizeof address;
    const int on = 1;
    struct http_peer peer;
    int fd;

    memset(&address, 0, sizeof address);
    fd = accept4(listener->watch.fd, (struct sockaddr *)&address, &bytes,
                 SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            put_off(listener);
        }
        return errno == ECONNABORTED || errno == EINTR;
    }
    if (listener->transport != HTTP_UNIX) {
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }
    peer = peer_of(listener, fd, &address);
    http_connection_open(listener, fd, &peer);
    return true;
}

static void on_connect(struct poller_fd *watch, unsigned events) {
    struct http_listener *listener = watch->owner;

    (void)events;
    for (int i = 0; i < ACCEPTS_PER_WAKE; i++) {
        if (!has_room(listener) && i > 0) {
            return; /* Whether somebody else waits, the next round tells. */
        }
        if (!has_room(listener)) {
            http_connection_evict(listener->server, listener->transport);
        }
        if (!has_room(listener)) {
            put_off_until_idle(listener); /* The rest waits in the kernel's backlog. */
            return;
        }
        if (!accept_one(listener)) {
            return;
        }
    }
}

void http_listeners_resume(struct http_server *server) {
    for (struct http_listener *listener = server->listeners; listener != NULL;
         listener = listener->next) {
        if (has_room(listener)) {
            poller_fd_set(server->config.poller, &listener->watch, POLLER_READ);
        }
    }
}

void http_listeners_retry(struct http_server *server) {
    for (struct http_listener *listener = server->listeners; listener != NULL;
         listener = listener->next) {
        if (!has_room(listener)) {
            poller_fd_set(server->config.poller, &listener->watch, POLLER_READ);
        }
    }
}

/* --- Life cycle ------------------------------------------------------------------------------- */

/* Takes fd. */
static struct http_listener *listener_create(struct http_server *server, int fd,
                                             enum http_transport transport) {
    struct http_listener *listener = mem_alloc(1, sizeof *listener);

    listener->server = server;
    listener->transport = transport;
    listener->watch = (struct poller_fd){.fd = fd, .on_ready = on_connect, .owner = listener};
    return listener;
}

static void listener_start(struct http_listener *listener) {
    listener->next = listener->server->listeners;
    listener->server->listeners = listener;
    poller_fd_set(listener->server->config.poller, &listener->watch, POLLER_READ);
}

static char *free_text(const char *text) {
    union {
        const char *borrowed;
        char *owned;
    } both = {text};

    free(both.owned);
    return NULL;
}

/* Remove our socket's file, but not one that another server has put in its place. */
static void remove_socket(const struct http_listener *listener) {
    struct stat now;

    if (listener->path != NULL && lstat(listener->path, &now) == 0 &&
        now.st_dev == listener->device && now.st_ino == listener->inode) {
        (void)unlink(listener->path);
    }
}

static void listener_destroy(struct http_listener *listener) {
    remove_socket(listener);
    poller_fd_set(listener->server->config.poller, &listener->watch, 0);
    (void)close(listener->watch.fd);
    tls_context_destroy(listener->tls);
    free(listener->path);
    (void)free_text(listener->tls_files.certificate_file);
    (void)free_text(listener->tls_files.key_file);
    (void)free_text(listener->tls_files.client_ca_file);
    free(listener);
}

void http_listeners_close(struct http_server *server) {
    while (server->listeners != NULL) {
        struct http_listener *listener = server->listeners;

        server->listeners = listener->next;
        listener_destroy(listener);
    }
}

/* --- Unix sockets ----------------------------------------------------------------------------- */

static int io_error(struct error *error, const char *what, const char *name) {
    return error_set(error, ERR_IO, "cannot %s %s: %s", what, name, strerror(errno));
}

/* Remove a socket that a dead server left; leave anything else alone. */
static int remove_stale(const struct sockaddr_un *address, struct error *error) {
    struct stat now;
    int r = OK;
    int fd;

    if (lstat(address->sun_path, &now) != 0) {
        return errno == ENOENT ? OK : io_error(error, "look at", address->sun_path);
    }
    if (!S_ISSOCK(now.st_mode)) {
        return error_set(error, ERR_EXISTS, "%s exists and is not a socket", address->sun_path);
    }
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return io_error(error, "make a socket for", address->sun_path);
    }
    if (connect(fd, (const struct sockaddr *)address, sizeof *address) == 0 || errno == EAGAIN) {
        r = error_set(error, ERR_BUSY, "another server listens on %s", address->sun_path);
    } else if (errno != ECONNREFUSED || unlink(address->sun_path) != 0) {
        r = io_error(error, "replace", address->sun_path);
    }
    (void)close(fd);
    return r;
}

static int find_group(const char *name, gid_t *out_group, struct error *error) {
    char memory[4096];
    struct group group;
    struct group *found = NULL;
    int64_t number;

    if (text_parse_int64(name, &number) == OK && number >= 0 && number < UINT32_MAX) {
        *out_group = (gid_t)number;
        return OK;
    }
    if (getgrnam_r(name, &group, memory, sizeof memory, &found) != 0 || found == NULL) {
        return error_set(error, ERR_INVALID, "there is no group %s", name);
    }
    *out_group = group.gr_gid;
    return OK;
}

/* Rights first, clients after: until listen() nobody can connect. */
static int open_up(int fd, const struct http_unix *unix_socket, struct error *error) {
    gid_t group;

    if (unix_socket->group != NULL) {
        int r = find_group(unix_socket->group, &group, error);

        if (r != OK) {
            return r;
        }
        if (lchown(unix_socket->path, (uid_t)-1, group) != 0) {
            return io_error(error, "give its group to", unix_socket->path);
        }
    }
    if (chmod(unix_socket->path, unix_socket->mode != 0 ? unix_socket->mode : 0600) != 0) {
        return io_error(error, "set the mode of", unix_socket->path);
    }
    return listen(fd, BACKLOG) == 0 ? OK : io_error(error, "listen on", unix_socket->path);
}

int http_listen_unix(struct http_server *server, const struct http_unix *unix_socket,
                     struct error *error) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct http_listener *listener;
    struct stat now;
    int r;
    int fd;

    if (!text_copy(address.sun_path, sizeof address.sun_path, unix_socket->path)) {
        return error_set(error, ERR_INVALID, "%s is too long for a socket: at most %zu bytes",
                         unix_socket->path, sizeof address.sun_path - 1);
    }
    r = remove_stale(&address, error);
    if (r != OK) {
        return r;
    }
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return io_error(error, "make a socket for", unix_socket->path);
    }
    listener = listener_create(server, fd, HTTP_UNIX);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0 ||
        lstat(unix_socket->path, &now) != 0) {
        r = io_error(error, "bind", unix_socket->path);
        goto out;
    }
    listener->path = mem_copy_text(unix_socket->path);
    listener->device = now.st_dev;
    listener->inode = now.st_ino;
    r = open_up(fd, unix_socket, error);
out:
    if (r == OK) {
        listener_start(listener);
    } else {
        listener_destroy(listener);
    }
    return r;
}

/* --- TCP -------------------------------------------------------------------------------------- */

static int bind_one(const struct addrinfo *address) {
    const int on = 1;
    const int send_bytes = SEND_BUFFER_BYTES;
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0) {
        return -1;
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &send_bytes, sizeof send_bytes);
    if (bind(fd, address->ai_addr, address->ai_addrlen) != 0 || listen(fd, BACKLOG) != 0) {
        int cause = errno;

        (void)close(fd);
        errno = cause;
        return -1;
    }
    return fd;
}

static int bind_tcp(const char *host, uint16_t port, int *out_fd, struct error *error) {
    const struct addrinfo hints = {.ai_family = AF_UNSPEC,
                                   .ai_socktype = SOCK_STREAM,
                                   .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    char service[8];
    int fd = -1;
    int r;

    (void)snprintf(service, sizeof service, "%u", port);
    r = getaddrinfo(host, service, &hints, &found);
    if (r != 0) {
        return error_set(error, ERR_INVALID, "%s is no address to listen on: %s", host,
                         gai_strerror(r));
    }
    for (const struct addrinfo *at = found; at != NULL && fd < 0; at = at->ai_next) {
        fd = bind_one(at);
    }
    r = fd >= 0 ? OK
                : error_set(error, errno == EADDRINUSE ? ERR_BUSY : ERR_IO,
                            "cannot listen on %s port %u: %s", host, port, strerror(errno));
    freeaddrinfo(found);
    if (r == OK) {
        *out_fd = fd;
    }
    return r;
}

static uint16_t port_of(int fd) {
    struct sockaddr_storage address;
    socklen_t bytes = sizeof address;

    if (getsockname(fd, (struct sockaddr *)&address, &bytes) != 0) {
        return 0;
    }
    if (address.ss_family == AF_INET6) {
        return ntohs(((const struct sockaddr_in6 *)(const void *)&address)->sin6_port);
    }
    return ntohs(((const struct sockaddr_in *)(const void *)&address)->sin_port);
}

static struct http_tls copy_files(const struct http_tls *files) {
    return (struct http_tls){
        .certificate_file = mem_copy_text(files->certificate_file),
        .key_file = mem_copy_text(files->key_file),
        .client_ca_file = mem_copy_text(files->client_ca_file),
        .client_required = files->client_required,
    };
}

int http_listen_tcp(struct http_server *server, const char *host, uint16_t port,
                    const struct http_tls *tls, uint16_t *out_port, struct error *error) {
    struct tls_context *context = NULL;
    struct http_listener *listener;
    int fd = -1;
    int r = tls != NULL ? tls_context_create(tls, &context, error) : OK;

    if (r == OK) {
        r = bind_tcp(host, port, &fd, error);
    }
    if (r != OK) {
        tls_context_destroy(context);
        return r;
    }
    listener = listener_create(server, fd, tls != NULL ? HTTP_TLS : HTTP_TCP);
    listener->tls = context;
    if (tls != NULL) {
        listener->tls_files = copy_files(tls);
    }
    if (out_port != NULL) {
        *out_port = port_of(fd);
    }
    listener_start(listener);
    return OK;
}

/* Load all, then exchange all: one bad file leaves every listener as it was. */
int http_server_reload_tls(struct http_server *server, struct error *error) {
    struct tls_context **fresh;
    struct http_listener *listener;
    size_t count = 0;
    size_t at = 0;
    int r = OK;

    for (listener = server->listeners; listener != NULL; listener = listener->next) {
        count++;
    }
    fresh = mem_alloc(count, sizeof(struct tls_context *));
    for (listener = server->listeners; listener != NULL && r == OK; listener = listener->next) {
        r = listener->tls != NULL ? tls_context_create(&listener->tls_files, &fresh[at], error)
                                  : OK;
        at++;
    }
    at = 0;
    for (listener = server->listeners; listener != NULL; listener = listener->next, at++) {
        if (r == OK && fresh[at] != NULL) {
            tls_context_destroy(listener->tls);
            listener->tls = fresh[at];
        } else {
            tls_context_destroy(fresh[at]);
        }
    }
    free(fresh);
    return r;
}
