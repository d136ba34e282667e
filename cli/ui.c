/* nightshift ui: a port of this machine that shows a driver's own pages, through the daemon. */

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/remote.h"

#define PORT_DEFAULT    4040 /* as a driver on this machine would have */
#define REQUEST_SECONDS 5    /* for a browser to say what it wants */
#define BACKLOG         64
#define CONNECTIONS_MAX 32

/* What a browser asks for. */
struct wish {
    char head[LIMIT_HTTP_HEADER_BYTES];
    char *target;
    bool only_head;
};

/* --- The browser ------------------------------------------------------------------------------ */

static bool read_head(int fd, struct wish *wish) {
    size_t used = 0;
    const char *end;

    while (used + 1 < sizeof wish->head) {
        ssize_t got = read(fd, wish->head + used, sizeof wish->head - used - 1);

        if (got <= 0 && errno == EINTR && got < 0) {
            continue;
        }
        if (got <= 0) {
            return false;
        }
        used += (size_t)got;
        wish->head[used] = '\0';
        end = strstr(wish->head, "\r\n\r\n");
        if (end != NULL) {
            return end[4] == '\0'; /* Nobody asks for the next page before this one came. */
        }
    }
    return false;
}

/* A page of another site that has this port open under a name of its own is not let in. */
static bool is_for_us(const char *head) {
    const char *host = strcasestr(head, "\r\nHost:");

    if (host == NULL) {
        return false;
    }
    host += strlen("\r\nHost:");
    host += strspn(host, " ");
    return strncmp(host, "127.0.0.1:", 10) == 0 || strncmp(host, "localhost:", 10) == 0;
}

static bool read_wish(int fd, struct wish *wish) {
    char *end;

    if (!read_head(fd, wish) || !is_for_us(wish->head)) {
        return false;
    }
    wish->only_head = text_starts_with(wish->head, "HEAD /");
    if (!wish->only_head && !text_starts_with(wish->head, "GET /")) {
        return false;
    }
    wish->target = strchr(wish->head, '/');
    end = strpbrk(wish->target, " \r\n");
    if (end == NULL || *end != ' ') {
        return false;
    }
    *end = '\0';
    return true;
}

static void send_all(int fd, const char *bytes, size_t count) {
    while (count > 0) {
        ssize_t put = send(fd, bytes, count, MSG_NOSIGNAL);

        if (put < 0 && errno != EINTR) {
            return; /* The browser left. */
        }
        bytes += put > 0 ? put : 0;
        count -= put > 0 ? (size_t)put : 0;
    }
}

static void send_page(int fd, int status, const char *type, const struct buf *body,
                      bool only_head) {
    char head[512];
    int length = snprintf(head, sizeof head,
                          "HTTP/1.1 %d %s\r\nContent-Type: %.200s\r\nContent-Length: %zu\r\n"
                          "Connection: keep-alive\r\n\r\n",
                          status, status == 200 ? "OK" : "Error", type, body->bytes);

    send_all(fd, head, (size_t)length);
    if (!only_head) {
        send_all(fd, buf_text(body), body->bytes);
    }
}

/* --- The driver ------------------------------------------------------------------------------- */

/* The daemon decodes its parameter once: what the browser had encoded stays so until there. */
static void decode(char *text) {
    char *to = text;

    for (const char *from = text; *from != '\0'; to++) {
        unsigned byte;

        if (from[0] == '%' && sscanf(from + 1, "%2x", &byte) == 1 && byte >= 0x20) {
            *to = (char)byte;
            from += 3;
        } else {
            *to = *from++;
        }
    }
    *to = '\0';
}

/* One page. False: the browser is done, or nothing that we understand. */
static bool serve(struct cli *cli, const char *id, int fd) {
    char type[HTTP_TYPE_BYTES] = "text/plain";
    struct http_call call = {.method = "GET", .out_content_type = type};
    struct error error = {0};
    struct wish wish = {.head = ""};
    struct buf path, body;
    char *query;
    int status = 502;

    if (!read_wish(fd, &wish)) {
        return false;
    }
    buf_init(&path, 4 * LIMIT_HTTP_URL_BYTES);
    buf_init(&body, LIMIT_API_ANSWER_BYTES);
    query = strchr(wish.target, '?');
    if (query != NULL) {
        *query = '\0';
    }
    decode(wish.target);
    buf_add_format(&path, "/v1/jobs/%s/ui", id);
    if (query == NULL) {
        http_add_query(&path, "path", wish.target);
    } else {
        char *full = mem_format("%s?%s", wish.target, query + 1);

        http_add_query(&path, "path", full);
        free(full);
    }
    call.path = buf_text(&path);
    if (http_perform(cli->http, &call, &status, &body, &error) != OK) {
        buf_clear(&body);
        buf_add_text(&body, error.text);
        status = 502;
    }
    send_page(fd, status, type, &body, wish.only_head);
    buf_finish(&path);
    buf_finish(&body);
    return true;
}

/* --- The port --------------------------------------------------------------------------------- */

static int listen_at(uint16_t port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int on = 1;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
        bind(fd, (struct sockaddr *)&address, sizeof address) == 0 && listen(fd, BACKLOG) == 0) {
        return fd;
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return -1;
}

static unsigned port_of(int fd) {
    struct sockaddr_in address = {0};
    socklen_t bytes = sizeof address;

    (void)getsockname(fd, (struct sockaddr *)&address, &bytes);
    return ntohs(address.sin_port);
}

/* Without a port of his own choice the user gets the usual one, or one that is free. */
static int open_port(const struct cli *cli) {
    int64_t wanted = cli->options.port;
    int fd;

    if (wanted > 65535) {
        cli_complain("--port: 0 (any that is free) to 65535");
        return -1;
    }
    fd = listen_at(wanted >= 0 ? (uint16_t)wanted : PORT_DEFAULT);
    if (fd < 0 && wanted < 0) {
        fd = listen_at(0);
    }
    if (fd < 0) {
        cli_complain("can't listen at 127.0.0.1:%" PRId64 ": %s", wanted, strerror(errno));
    }
    return fd;
}

/* A browser opens several connections, and leaves some of them idle. Each is served by a process of
 * its own, with a connection of its own to the daemon. */
_Noreturn static void serve_connection(struct cli *cli, const char *id, int fd) {
    const struct timeval patience = {.tv_sec = REQUEST_SECONDS};

    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (remote_open(cli) == CLI_OK) {
        while (serve(cli, id, fd)) {
        }
    }
    _exit(0);
}

/* Those that have ended; where there are too many, one that is about to. */
static void reap(int *connections) {
    while (*connections > 0 &&
           waitpid(-1, NULL, *connections < CONNECTIONS_MAX ? WNOHANG : 0) > 0) {
        (*connections)--;
    }
}

/* Until it is interrupted. */
static int serve_all(struct cli *cli, const char *id, int listener) {
    int connections = 0;

    printf("http://127.0.0.1:%u/\n", port_of(listener));
    (void)fflush(stdout);
    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

        if (fd < 0 && errno != EINTR && errno != ECONNABORTED) {
            cli_complain("accept: %s", strerror(errno));
            return CLI_UNREACHABLE;
        }
        if (fd >= 0) {
            pid_t pid;

            reap(&connections);
            pid = fork();
            if (pid == 0) {
                (void)close(listener);
                serve_connection(cli, id, fd);
            }
            connections += pid > 0;
            (void)close(fd);
        }
    }
}

int verb_ui(struct cli *cli) {
    struct buf path, body;
    char id[REMOTE_JOB_BYTES];
    int status = remote_job_name(cli, cli->options.operands[0], id);
    int listener;

    buf_init(&path, LIMIT_HTTP_URL_BYTES);
    buf_init(&body, LIMIT_API_ANSWER_BYTES);
    buf_add_format(&path, "/v1/jobs/%s/ui", id);
    if (status == CLI_OK) {
        status = remote_get(cli, buf_text(&path), &body); /* Is there anything to be seen? */
    }
    buf_finish(&path);
    buf_finish(&body);
    if (status != CLI_OK) {
        return status;
    }
    listener = open_port(cli);
    if (listener < 0) {
        return CLI_USAGE;
    }
    status = serve_all(cli, id, listener);
    (void)close(listener);
    return status;
}
