/* Submits one body again and again over a unix socket or TCP, from some clients at once: to the
 * daemon, or, with another --protocol, to one of those it is measured against.
 *
 * Each client keeps its connection and sends its next request when the last one is answered.
 * "@@@@@@@@" in the body becomes a number that no other has, and so does the end of the idempotency
 * key. --jobs repeats the body in each request. What came of it goes to the standard output as one
 * line of JSON.
 */

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/ensure.h"
#include "base/memory.h"
#include "tests/bench/protocol.h"

#define HOLE        "@@@@@@@@"
#define HOLE_BYTES  8
#define HOLES_MAX   20000
#define REQUEST_MAX ((size_t)64 << 20)
#define ANSWER_MAX  ((size_t)64 << 20)
#define CLIENTS_MAX 1024

struct options {
    const struct protocol *protocol;
    const char *socket_path; /* NULL: TCP */
    uint16_t port;           /* of 127.0.0.1 */
    size_t jobs;             /* of a request */
    const char *key;
    const char *query;
    const char *type;
    size_t clients;
    uint64_t requests_max; /* 0: until the time is over */
    int64_t time_us;
    uint64_t first; /* number for the first hole */
};

struct client {
    int fd;
    struct buf request;
    size_t sent;
    struct buf answer;
    int64_t since_us;
    bool waits_to_write;
};

struct load {
    struct options options;
    char *body;
    size_t body_bytes;
    struct buf request;
    size_t holes[HOLES_MAX]; /* in the request */
    size_t hole_count;
    uint64_t next_number;
    uint64_t begun;
    uint64_t answered;
    uint64_t refused;
    int64_t *times_us;
    size_t time_room;
    struct client clients[CLIENTS_MAX];
    int64_t start_us;
    int epoll_fd;
};

_Noreturn static void die(const char *what) {
    (void)fprintf(stderr, "submit_load: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int64_t mono_us(void) {
    return clock_sample().mono_us;
}

/* So many jobs one behind the other. */
static void repeat_body(struct load *load) {
    size_t bytes = load->body_bytes;

    load->body = mem_grow(load->body, bytes * load->options.jobs + 1, 1);
    for (size_t i = 1; i < load->options.jobs; i++) {
        memcpy(load->body + i * bytes, load->body, bytes);
    }
    load->body_bytes = bytes * load->options.jobs;
    load->body[load->body_bytes] = '\0';
}

static void read_body(struct load *load, const char *path) {
    FILE *file = fopen(path, "rb");
    long bytes;

    if (file == NULL || fseek(file, 0, SEEK_END) != 0 || (bytes = ftell(file)) < 0) {
        die(path);
    }
    rewind(file);
    load->body_bytes = (size_t)bytes;
    load->body = mem_alloc(load->body_bytes + 1, 1);
    if (fread(load->body, 1, load->body_bytes, file) != load->body_bytes) {
        die(path);
    }
    (void)fclose(file);
    repeat_body(load);
}

/* Each hole gets a number of its own, of eight digits. */
static void number_holes(struct load *load, char *request) {
    for (size_t i = 0; i < load->hole_count; i++) {
        uint64_t number = load->next_number++;

        for (size_t digit = HOLE_BYTES; digit > 0; digit--, number /= 10) {
            request[load->holes[i] + digit - 1] = (char)('0' + number % 10);
        }
    }
}

/* All requests are this one but for the numbers in it: to make them costs the same little whatever
 * the protocol is. */
static void build_request(struct load *load) {
    const char *at;
    const char *end;

    buf_init(&load->request, REQUEST_MAX);
    load->options.protocol->request(&(struct protocol_request){.key = load->options.key,
                                                               .number = HOLE,
                                                               .query = load->options.query,
                                                               .type = load->options.type,
                                                               .body = load->body,
                                                               .body_bytes = load->body_bytes,
                                                               .jobs = load->options.jobs},
                                    &load->request);
    ENSURE(!load->request.full);
    end = load->request.data + load->request.bytes;
    for (at = load->request.data; (at = memmem(at, (size_t)(end - at), HOLE, HOLE_BYTES)) != NULL;
         at += HOLE_BYTES) {
        ENSURE(load->hole_count < HOLES_MAX);
        load->holes[load->hole_count++] = (size_t)(at - load->request.data);
    }
}

static void send_more(struct load *load, struct client *client);

static void begin_request(struct load *load, struct client *client, int64_t now_us) {
    number_holes(load, load->request.data);
    buf_clear(&client->request);
    buf_add(&client->request, load->request.data, load->request.bytes);
    load->begun++;
    client->sent = 0;
    buf_clear(&client->answer);
    client->since_us = now_us;
    send_more(load, client);
}

static bool may_begin(const struct load *load, int64_t now_us) {
    if (load->options.requests_max > 0) {
        return load->begun < load->options.requests_max;
    }
    return now_us - load->start_us < load->options.time_us;
}

static void record_time(struct load *load, int64_t time_us) {
    if (load->answered == load->time_room) {
        load->time_room = load->time_room > 0 ? load->time_room * 2 : 4096;
        load->times_us = mem_grow(load->times_us, load->time_room, sizeof *load->times_us);
    }
    load->times_us[load->answered++] = time_us;
}

static void end_request(struct load *load, struct client *client, enum protocol_answer answer) {
    int64_t now_us = mono_us();

    record_time(load, now_us - client->since_us);
    if (answer == PROTOCOL_REFUSED && load->refused++ == 0) {
        (void)fprintf(stderr, "submit_load: refused: %.400s\n", buf_text(&client->answer));
    }
    if (may_begin(load, now_us)) {
        begin_request(load, client, now_us);
    }
}

static void watch(struct load *load, struct client *client, bool writes, int operation) {
    struct epoll_event event = {.events = writes ? EPOLLIN | EPOLLOUT : EPOLLIN,
                                .data.ptr = client};

    if (epoll_ctl(load->epoll_fd, operation, client->fd, &event) != 0) {
        die("epoll_ctl");
    }
    client->waits_to_write = writes;
}

static void send_more(struct load *load, struct client *client) {
    ssize_t n = send(client->fd, client->request.data + client->sent,
                     client->request.bytes - client->sent, MSG_NOSIGNAL);
    bool writes;

    if (n < 0 && errno != EAGAIN) {
        die("send");
    }
    client->sent += n > 0 ? (size_t)n : 0;
    writes = client->sent < client->request.bytes;
    if (writes != client->waits_to_write) {
        watch(load, client, writes, EPOLL_CTL_MOD);
    }
}

static void receive_more(struct load *load, struct client *client) {
    char part[65536];
    ssize_t n = recv(client->fd, part, sizeof part, 0);
    enum protocol_answer answer;

    if (n == 0 || (n < 0 && errno != EAGAIN)) {
        die("the other side closed the connection");
    }
    if (n < 0) {
        return;
    }
    buf_add(&client->answer, part, (size_t)n);
    answer = load->options.protocol->answer(&client->answer, load->options.jobs);
    if (answer != PROTOCOL_INCOMPLETE) {
        end_request(load, client, answer);
    }
}

static int connect_unix(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        die(path);
    }
    return fd;
}

static int connect_tcp(uint16_t port) {
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int on = 1;

    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0) {
        die("127.0.0.1");
    }
    return fd;
}

/* Reads until the greeting is answered: the socket still blocks. */
static void greet(const struct protocol *protocol, struct client *client) {
    char part[4096];
    ssize_t n;
    size_t readies = 0;

    protocol->greet(&client->request);
    if (send(client->fd, client->request.data, client->request.bytes, MSG_NOSIGNAL) < 0) {
        die("send");
    }
    /* PostgreSQL is ready once for the connection, and once more with its statements. */
    while (readies < 2) {
        n = recv(client->fd, part, sizeof part, 0);
        if (n <= 0) {
            die("no greeting");
        }
        for (ssize_t i = 0; i + 5 < n; i++) {
            readies += memcmp(part + i, "Z\0\0\0\5", 5) == 0 ? 1 : 0;
        }
    }
}

static void open_client(struct load *load, struct client *client) {
    const struct options *options = &load->options;

    client->fd = options->socket_path != NULL ? connect_unix(options->socket_path)
                                              : connect_tcp(options->port);
    buf_init(&client->request, REQUEST_MAX);
    buf_init(&client->answer, ANSWER_MAX);
    if (options->protocol->greet != NULL) {
        greet(options->protocol, client);
    }
    if (fcntl(client->fd, F_SETFL, O_NONBLOCK) != 0) {
        die("fcntl");
    }
    watch(load, client, false, EPOLL_CTL_ADD);
}

static void run(struct load *load) {
    static const int wait_ms = 60000;
    struct epoll_event events[CLIENTS_MAX];

    load->start_us = mono_us();
    for (size_t i = 0; i < load->options.clients && may_begin(load, mono_us()); i++) {
        begin_request(load, &load->clients[i], mono_us());
    }
    while (load->answered < load->begun) {
        int count = epoll_wait(load->epoll_fd, events, CLIENTS_MAX, wait_ms);

        if (count <= 0) {
            die("no answer for a minute");
        }
        for (int i = 0; i < count; i++) {
            struct client *client = events[i].data.ptr;

            if ((events[i].events & EPOLLOUT) != 0) {
                send_more(load, client);
            }
            if ((events[i].events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0) {
                receive_more(load, client);
            }
        }
    }
}

static int by_size(const void *a, const void *b) {
    const int64_t *first = a;
    const int64_t *second = b;

    return (*first > *second) - (*first < *second);
}

static void print(struct load *load) {
    double seconds = (double)(mono_us() - load->start_us) / 1e6;
    size_t count = (size_t)load->answered;

    ENSURE(count > 0);
    qsort(load->times_us, count, sizeof *load->times_us, by_size);
    (void)printf("{\"requests\": %" PRIu64 ", \"refused\": %" PRIu64 ", \"seconds\": %.6f, "
                 "\"p50_us\": %" PRId64 ", \"p99_us\": %" PRId64 ", \"next\": %" PRIu64 "}\n",
                 load->answered, load->refused, seconds, load->times_us[count / 2],
                 load->times_us[count - 1 - count / 100], load->next_number);
}

int main(int argc, char **argv) {
    static const struct option names[] = {
        {"socket", required_argument, NULL, 's'},   {"key", required_argument, NULL, 'k'},
        {"type", required_argument, NULL, 't'},     {"clients", required_argument, NULL, 'c'},
        {"requests", required_argument, NULL, 'n'}, {"seconds", required_argument, NULL, 'd'},
        {"first", required_argument, NULL, 'f'},    {"protocol", required_argument, NULL, 'p'},
        {"query", required_argument, NULL, 'q'},    {"port", required_argument, NULL, 'o'},
        {"jobs", required_argument, NULL, 'j'},     {NULL, 0, NULL, 0}};
    struct load *load = mem_alloc(1, sizeof *load);
    int c;

    load->options = (struct options){.protocol = protocol_find("http"),
                                     .key = "bench",
                                     .query = "",
                                     .type = "application/json",
                                     .clients = 1,
                                     .jobs = 1};
    while ((c = getopt_long(argc, argv, "", names, NULL)) != -1) {
        switch (c) {
        case 's':
            load->options.socket_path = optarg;
            break;
        case 'p':
            load->options.protocol = protocol_find(optarg);
            break;
        case 'q':
            load->options.query = optarg;
            break;
        case 'o':
            load->options.port = (uint16_t)strtoul(optarg, NULL, 10);
            break;
        case 'j':
            load->options.jobs = strtoul(optarg, NULL, 10);
            break;
        case 'k':
            load->options.key = optarg;
            break;
        case 't':
            load->options.type = optarg;
            break;
        case 'c':
            load->options.clients = strtoul(optarg, NULL, 10);
            break;
        case 'n':
            load->options.requests_max = strtoull(optarg, NULL, 10);
            break;
        case 'd':
            load->options.time_us = (int64_t)(strtod(optarg, NULL) * 1e6);
            break;
        case 'f':
            load->options.first = strtoull(optarg, NULL, 10);
            break;
        default:
            return 2;
        }
    }
    if (load->options.protocol == NULL || load->options.jobs == 0 ||
        (load->options.socket_path == NULL && load->options.port == 0) || optind + 1 != argc ||
        load->options.clients == 0 || load->options.clients > CLIENTS_MAX) {
        (void)fputs("usage: submit_load --socket PATH | --port N [--protocol NAME] [--clients N]\n"
                    "                   [--requests N | --seconds S] [--jobs N] [--key TEXT]\n"
                    "                   [--type MIME] [--query TEXT] [--first N] BODY\n",
                    stderr);
        return 2;
    }
    read_body(load, argv[optind]);
    build_request(load);
    load->next_number = load->options.first;
    load->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (load->epoll_fd < 0) {
        die("epoll_create1");
    }
    for (size_t i = 0; i < load->options.clients; i++) {
        open_client(load, &load->clients[i]);
    }
    run(load);
    print(load);
    return load->refused == 0 ? 0 : 1;
}
