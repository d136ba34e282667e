#include "sim/pod_proxy.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/poller.h"

#define PATIENCE_US (30 * CLOCK_US_PER_SECOND)
#define TYPE_BYTES  128

struct pod_proxy {
    struct pod_proxy_request request;
    struct poller_fd watch;
    struct poller_timer timer;
    struct buf out; /* still to be sent */
    struct buf in;
};

void pod_proxy_destroy(struct pod_proxy *proxy) {
    if (proxy == NULL) {
        return;
    }
    poller_timer_stop(proxy->request.poller, &proxy->timer);
    poller_fd_set(proxy->request.poller, &proxy->watch, 0);
    (void)close(proxy->watch.fd);
    buf_finish(&proxy->out);
    buf_finish(&proxy->in);
    free(proxy);
}

static void fail(struct pod_proxy *proxy, const char *reason) {
    proxy->request.on_done(proxy->request.context, &(struct pod_proxy_answer){.reason = reason});
}

/* The value of Content-Type in the head that ends here. */
static void find_type(const char *head, const char *end, char out_type[TYPE_BYTES]) {
    const char *at = strcasestr(head, "\r\nContent-Type:");

    (void)snprintf(out_type, TYPE_BYTES, "%s", "application/octet-stream");
    if (at != NULL && at < end) {
        at += strlen("\r\nContent-Type:");
        at += strspn(at, " ");
        (void)snprintf(out_type, TYPE_BYTES, "%.*s", (int)strcspn(at, "\r\n"), at);
    }
}

static void finish(struct pod_proxy *proxy) {
    const char *text = buf_text(&proxy->in);
    const char *end = strstr(text, "\r\n\r\n");
    struct pod_proxy_answer answer = {0};
    char type[TYPE_BYTES];

    if (end == NULL || sscanf(text, "HTTP/1.%*d %d", &answer.status) != 1) {
        fail(proxy, "malformed HTTP response");
        return;
    }
    find_type(text, end, type);
    answer.content_type = type;
    answer.body = end + 4;
    answer.bytes = proxy->in.bytes - (size_t)(answer.body - text);
    proxy->request.on_done(proxy->request.context, &answer);
}

static void receive(struct pod_proxy *proxy) {
    char part[16384];
    ssize_t got = read(proxy->watch.fd, part, sizeof part);

    if (got > 0) {
        buf_add(&proxy->in, part, (size_t)got);
    }
    if (got == 0 || proxy->in.full) {
        finish(proxy);
    } else if (got < 0 && errno != EAGAIN && errno != EINTR) {
        fail(proxy, strerror(errno));
    }
}

static void transmit(struct pod_proxy *proxy) {
    ssize_t put = send(proxy->watch.fd, proxy->out.data, proxy->out.bytes, MSG_NOSIGNAL);

    if (put < 0 && errno != EAGAIN && errno != EINTR) {
        fail(proxy, strerror(errno));
        return;
    }
    buf_drop_front(&proxy->out, put > 0 ? (size_t)put : 0);
    if (proxy->out.bytes == 0) {
        poller_fd_set(proxy->request.poller, &proxy->watch, POLLER_READ);
    }
}

static void on_ready(struct poller_fd *watch, unsigned events) {
    struct pod_proxy *proxy = watch->owner;

    if ((events & POLLER_WRITE) != 0 && proxy->out.bytes > 0) {
        transmit(proxy);
    } else {
        receive(proxy);
    }
}

static void on_time(struct poller_timer *timer) {
    fail(timer->owner, "i/o timeout");
}

int pod_proxy_start(const struct pod_proxy_request *request, struct pod_proxy **out_proxy,
                    struct error *error) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(request->port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct pod_proxy *proxy;

    if (fd < 0 || inet_pton(AF_INET, request->ip, &address.sin_addr) != 1 ||
        (connect(fd, (struct sockaddr *)&address, sizeof address) != 0 && errno != EINPROGRESS)) {
        int r = error_set(error, ERR_IO, "%s", strerror(errno));

        if (fd >= 0) {
            (void)close(fd);
        }
        return r;
    }
    proxy = mem_alloc(1, sizeof *proxy);
    proxy->request = *request;
    proxy->watch = (struct poller_fd){.fd = fd, .on_ready = on_ready, .owner = proxy};
    proxy->timer = (struct poller_timer){.on_time = on_time, .owner = proxy};
    buf_init(&proxy->out, LIMIT_MIB);
    buf_init(&proxy->in, 64 * LIMIT_MIB);
    buf_add_format(&proxy->out, "%s %s HTTP/1.0\r\nHost: %s:%u\r\nConnection: close\r\n\r\n",
                   request->method, request->target, request->ip, (unsigned)request->port);
    poller_fd_set(request->poller, &proxy->watch, POLLER_WRITE);
    poller_timer_set(request->poller, &proxy->timer, PATIENCE_US);
    *out_proxy = proxy;
    return OK;
}
