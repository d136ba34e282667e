/* What no scheduler can do without, and nothing else: creates pods of an API server at their times,
 * and watches until all of them have ended. Decides nothing.
 *
 *     api_alone PORT FILE     a line of FILE: microseconds, a namespace, a pod as JSON
 *
 * In the order of the times. Prints the seconds from the first time to the last end, and how late
 * the latest creation was sent, as JSON.
 */

#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/memory.h"

#define CONNECTIONS    32
#define PART_BYTES     262144
#define LINE_BYTES_MAX ((size_t)4 << 20)
#define REQUEST_BYTES  ((size_t)1 << 16)
#define WAIT_MS        60000

/* Its request is answered when the head and so many bytes have come. */
struct connection {
    int fd;
    bool busy;
    struct buf answer;
};

struct run {
    struct connection creators[CONNECTIONS];
    struct connection watch;
    bool in_body; /* of the watch's answer */
    size_t chunk_left;
    struct buf events; /* what of them has come, by whole lines and a piece */
    size_t busy_count;
    char *text; /* of the file, cut into lines on the way */
    char *next; /* NULL: all are sent */
    int64_t next_at_us;
    int64_t start_us;
    int64_t late_us;
    size_t created;
    size_t ended;
    int epoll_fd;
};

_Noreturn static void die(const char *what) {
    (void)fprintf(stderr, "api_alone: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int64_t elapsed_us(const struct run *run) {
    return clock_sample().mono_us - run->start_us;
}

static void open_connection(struct run *run, struct connection *connection, uint16_t port) {
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    int on = 1;

    connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connection->fd < 0 ||
        connect(connection->fd, (struct sockaddr *)&address, sizeof address) != 0 ||
        setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0 ||
        epoll_ctl(run->epoll_fd, EPOLL_CTL_ADD, connection->fd, &event) != 0) {
        die("127.0.0.1");
    }
    buf_init(&connection->answer, LINE_BYTES_MAX);
}

/* Requests are short: the socket's buffer takes them whole. */
static void send_all(struct connection *connection, const struct buf *request) {
    if (send(connection->fd, request->data, request->bytes, MSG_NOSIGNAL) !=
        (ssize_t)request->bytes) {
        die("send");
    }
}

static void begin_watch(struct run *run) {
    struct buf request;

    buf_init(&request, REQUEST_BYTES);
    buf_add_text(&request, "GET /api/v1/pods?watch=1 HTTP/1.1\r\nHost: localhost\r\n\r\n");
    send_all(&run->watch, &request);
    buf_finish(&request);
}

/* --- Creations -------------------------------------------------------------------------------- */

static void read_time(struct run *run) {
    char *end;

    if (run->next == NULL || *run->next == '\0') {
        run->next = NULL;
        return;
    }
    run->next_at_us = strtoll(run->next, &end, 10);
    run->next = end + 1;
}

/* Cut the line that run->next is in. */
static void take_line(struct run *run, char **out_namespace, char **out_pod) {
    char *line = run->next;
    char *end = strchr(line, '\n');
    char *space = strchr(line, ' ');

    if (end == NULL || space == NULL || space > end) {
        die("a line is no pod");
    }
    *end = '\0';
    *space = '\0';
    *out_namespace = line;
    *out_pod = space + 1;
    run->next = end + 1;
    read_time(run);
}

static void create_next(struct run *run, struct connection *connection) {
    int64_t late_us = elapsed_us(run) - run->next_at_us;
    struct buf request;
    char *namespace;
    char *pod;

    take_line(run, &namespace, &pod);
    buf_init(&request, REQUEST_BYTES);
    buf_add_format(&request,
                   "POST /api/v1/namespaces/%s/pods HTTP/1.1\r\nHost: localhost\r\n"
                   "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
                   namespace, strlen(pod));
    buf_add_text(&request, pod);
    send_all(connection, &request);
    buf_finish(&request);
    connection->busy = true;
    run->busy_count++;
    run->late_us = late_us > run->late_us ? late_us : run->late_us;
}

/* All that are due, as long as there are connections for them. */
static void create_due(struct run *run) {
    for (size_t i = 0; i < CONNECTIONS && run->next != NULL; i++) {
        if (run->next_at_us > elapsed_us(run)) {
            return;
        }
        if (!run->creators[i].busy) {
            create_next(run, &run->creators[i]);
        }
    }
}

static bool is_answered(const struct buf *answer) {
    const char *body = strstr(buf_text(answer), "\r\n\r\n");
    const char *length = strcasestr(buf_text(answer), "content-length:");

    if (body == NULL || length == NULL) {
        return false;
    }
    return answer->bytes >=
           (size_t)(body + 4 - answer->data) + strtoul(strchr(length, ':') + 1, NULL, 10);
}

static void take_answer(struct run *run, struct connection *connection) {
    if (!is_answered(&connection->answer)) {
        return;
    }
    if (strncmp(buf_text(&connection->answer), "HTTP/1.1 201", 12) != 0) {
        (void)fprintf(stderr, "%.500s\n", buf_text(&connection->answer));
        die("a pod was refused");
    }
    buf_clear(&connection->answer);
    connection->busy = false;
    run->busy_count--;
    run->created++;
}

/* --- The watch -------------------------------------------------------------------------------- */

/* Past the head of the answer or of the next chunk; NULL: it is not all here. */
static char *skip_head(struct run *run, char *at) {
    const char *mark = run->in_body ? "\r\n" : "\r\n\r\n";
    char *end;

    if (run->in_body && strncmp(at, "\r\n", 2) == 0) {
        at += 2; /* Of the chunk before. */
    }
    end = strstr(at, mark);
    if (end == NULL) {
        return NULL;
    }
    run->chunk_left = run->in_body ? strtoul(at, NULL, 16) : 0;
    run->in_body = true;
    return end + strlen(mark);
}

/* Chunks know nothing of lines. */
static void take_chunks(struct run *run) {
    struct buf *answer = &run->watch.answer;
    char *end = answer->data + answer->bytes;
    char *at = answer->data;

    while (at < end) {
        size_t bytes = (size_t)(end - at);

        if (run->chunk_left == 0) {
            char *next = skip_head(run, at);

            if (next == NULL) {
                break;
            }
            at = next;
            continue;
        }
        bytes = bytes < run->chunk_left ? bytes : run->chunk_left;
        buf_add(&run->events, at, bytes);
        run->chunk_left -= bytes;
        at += bytes;
    }
    buf_drop_front(answer, (size_t)(at - answer->data));
}

/* An event is a line; a pod is told of once after it has succeeded. */
static void take_events(struct run *run) {
    static const char mark[] = "\"phase\":\"Succeeded\"";
    char *line;
    char *stop;

    take_chunks(run);
    line = run->events.data;
    while (line != NULL && (stop = strchr(line, '\n')) != NULL) {
        run->ended += memmem(line, (size_t)(stop - line), mark, sizeof mark - 1) != NULL ? 1 : 0;
        line = stop + 1;
    }
    buf_drop_front(&run->events, line == NULL ? 0 : (size_t)(line - run->events.data));
}

/* --- The run ---------------------------------------------------------------------------------- */

static void receive(struct run *run, struct connection *connection) {
    static const size_t room = PART_BYTES;
    char part[PART_BYTES];
    ssize_t bytes = recv(connection->fd, part, room, 0);

    if (bytes <= 0) {
        die("the server closed a connection");
    }
    buf_add(&connection->answer, part, (size_t)bytes);
    if (connection == &run->watch) {
        take_events(run);
    } else {
        take_answer(run, connection);
    }
}

static int wait_ms(const struct run *run) {
    int64_t wait_us;

    if (run->next == NULL || run->busy_count == CONNECTIONS) {
        return WAIT_MS;
    }
    wait_us = run->next_at_us - elapsed_us(run);
    return wait_us <= 0 ? 0 : (int)(wait_us / CLOCK_US_PER_MS) + 1;
}

static void go(struct run *run) {
    struct epoll_event events[CONNECTIONS + 1];

    run->start_us = clock_sample().mono_us;
    while (run->next != NULL || run->busy_count > 0 || run->ended < run->created) {
        int timeout_ms = wait_ms(run);
        int count = epoll_wait(run->epoll_fd, events, CONNECTIONS + 1, timeout_ms);

        if (count < 0 || (count == 0 && timeout_ms == WAIT_MS)) {
            die("nothing happens any more");
        }
        for (int i = 0; i < count; i++) {
            receive(run, events[i].data.ptr);
        }
        create_due(run);
    }
}

static char *read_file(const char *path) {
    FILE *file = fopen(path, "rb");
    char *text;
    long bytes;

    if (file == NULL || fseek(file, 0, SEEK_END) != 0 || (bytes = ftell(file)) < 0) {
        die(path);
    }
    rewind(file);
    text = mem_alloc((size_t)bytes + 1, 1);
    if (fread(text, 1, (size_t)bytes, file) != (size_t)bytes) {
        die(path);
    }
    (void)fclose(file);
    return text;
}

int main(int argc, char **argv) {
    struct run *run = mem_alloc(1, sizeof *run);
    uint16_t port;

    if (argc != 3) {
        (void)fprintf(stderr, "api_alone PORT FILE\n");
        return 2;
    }
    port = (uint16_t)strtoul(argv[1], NULL, 10);
    run->text = read_file(argv[2]);
    run->next = run->text;
    buf_init(&run->events, LINE_BYTES_MAX);
    run->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    open_connection(run, &run->watch, port);
    for (size_t i = 0; i < CONNECTIONS; i++) {
        open_connection(run, &run->creators[i], port);
    }
    begin_watch(run);
    read_time(run);
    go(run);
    (void)printf("{\"jobs\": %zu, \"seconds\": %.6f, \"late\": %.6f}\n", run->created,
                 (double)elapsed_us(run) / 1e6, (double)run->late_us / 1e6);
    for (size_t i = 0; i < CONNECTIONS; i++) {
        buf_finish(&run->creators[i].answer);
    }
    buf_finish(&run->watch.answer);
    buf_finish(&run->events);
    free(run->text);
    free(run);
    return 0;
}
