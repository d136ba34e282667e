/* Submits one body again and again over the daemon's unix socket, from some clients at once.
 *
 * Each client keeps its connection and sends its next request when the last one is answered.
 * "@@@@@@@@" in the body becomes a number that no other request has, and so does the idempotency
 * key. What came of it goes to the standard output as one line of JSON.
 */

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/ensure.h"
#include "base/memory.h"

#define HOLE        "@@@@@@@@"
#define HOLE_BYTES  8
#define HOLES_MAX   20000
#define ANSWER_MAX  ((size_t)64 << 20)
#define CLIENTS_MAX 1024

struct options {
    const char *socket_path;
    const char *key;
    const char *type;
    size_t clients;
    uint64_t requests_max; /* 0: until the time is over */
    int64_t time_us;
    uint64_t first; /* number for the first hole */
};

struct client {
    int fd;
    struct buf request;
    size_t body_at; /* in the request */
    size_t sent;
    struct buf answer;
    size_t answer_bytes; /* 0: its head is not complete */
    int64_t since_us;
    bool waits;
};

struct load {
    struct options options;
    char *body;
    size_t body_bytes;
    size_t holes[HOLES_MAX];
    size_t hole_count;
    uint64_t next_number;
    uint64_t begun;
    uint64_t answered;
    uint64_t refused;
    int64_t *times_us;
    size_t time_room;
    struct client clients[CLIENTS_MAX];
    int64_t start_us;
};

_Noreturn static void die(const char *what) {
    (void)fprintf(stderr, "submit_load: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int64_t mono_us(void) {
    return clock_sample().mono_us;
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
    for (char *at = load->body; (at = strstr(at, HOLE)) != NULL; at += HOLE_BYTES) {
        ENSURE(load->hole_count < HOLES_MAX);
        load->holes[load->hole_count++] = (size_t)(at - load->body);
    }
}

/* Each hole gets a number of its own. */
static void number_body(struct load *load, char *body) {
    for (size_t i = 0; i < load->hole_count; i++) {
        char digits[HOLE_BYTES + 1];

        (void)snprintf(digits, sizeof digits, "%08" PRIu64, load->next_number++ % 100000000);
        memcpy(body + load->holes[i], digits, HOLE_BYTES);
    }
}

static void begin_request(struct load *load, struct client *client) {
    char head[512];

    buf_clear(&client->request);
    (void)snprintf(head, sizeof head,
                   "POST /v1/jobs?file=bench HTTP/1.1\r\nHost: localhost\r\nContent-Type: %s\r\n"
                   "Idempotency-Key: %s-%" PRIu64 "\r\nContent-Length: %zu\r\n\r\n",
                   load->options.type, load->options.key, load->begun, load->body_bytes);
    buf_add_text(&client->request, head);
    client->body_at = client->request.bytes;
    buf_add(&client->request, load->body, load->body_bytes);
    number_body(load, client->request.data + client->body_at);
    load->begun++;
    client->sent = 0;
    client->answer_bytes = 0;
    buf_clear(&client->answer);
    client->waits = true;
    client->since_us = mono_us();
}

static bool may_begin(const struct load *load) {
    if (load->options.requests_max > 0) {
        return load->begun < load->options.requests_max;
    }
    return mono_us() - load->start_us < load->options.time_us;
}

static void record_time(struct load *load, int64_t time_us) {
    if (load->answered == load->time_room) {
        load->time_room = load->time_room > 0 ? load->time_room * 2 : 4096;
        load->times_us = mem_grow(load->times_us, load->time_room, sizeof *load->times_us);
    }
    load->times_us[load->answered++] = time_us;
}

static void end_request(struct load *load, struct client *client) {
    record_time(load, mono_us() - client->since_us);
    if (strncmp(buf_text(&client->answer), "HTTP/1.1 201", 12) != 0) {
        if (load->refused++ == 0) {
            (void)fprintf(stderr, "submit_load: refused: %.400s\n", buf_text(&client->answer));
        }
    }
    client->waits = false;
    if (may_begin(load)) {
        begin_request(load, client);
    }
}

static void send_more(struct client *client) {
    ssize_t n = send(client->fd, client->request.data + client->sent,
                     client->request.bytes - client->sent, MSG_NOSIGNAL);

    if (n < 0 && errno != EAGAIN) {
        die("send");
    }
    client->sent += n > 0 ? (size_t)n : 0;
}

/* The whole answer's size, once its head is there. */
static size_t answer_size(const struct client *client) {
    const char *text = buf_text(&client->answer);
    const char *end = strstr(text, "\r\n\r\n");
    const char *length;

    if (end == NULL) {
        return 0;
    }
    length = strcasestr(text, "\r\ncontent-length:");
    ENSURE(length != NULL && length < end);
    return (size_t)(end - text) + 4 + strtoul(length + 17, NULL, 10);
}

static void receive_more(struct load *load, struct client *client) {
    char part[65536];
    ssize_t n = recv(client->fd, part, sizeof part, 0);

    if (n == 0 || (n < 0 && errno != EAGAIN)) {
        die("the daemon closed the connection");
    }
    if (n < 0) {
        return;
    }
    buf_add(&client->answer, part, (size_t)n);
    if (client->answer_bytes == 0) {
        client->answer_bytes = answer_size(client);
    }
    if (client->answer_bytes > 0 && client->answer.bytes >= client->answer_bytes) {
        end_request(load, client);
    }
}

static void open_client(struct load *load, struct client *client) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s", load->options.socket_path);
    client->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (client->fd < 0 || connect(client->fd, (struct sockaddr *)&address, sizeof address) != 0 ||
        fcntl(client->fd, F_SETFL, O_NONBLOCK) != 0) {
        die(load->options.socket_path);
    }
    buf_init(&client->request, ANSWER_MAX);
    buf_init(&client->answer, ANSWER_MAX);
}

static void run(struct load *load) {
    static const int wait_ms = 60000;
    struct pollfd fds[CLIENTS_MAX];

    load->start_us = mono_us();
    for (size_t i = 0; i < load->options.clients && may_begin(load); i++) {
        begin_request(load, &load->clients[i]);
    }
    while (load->answered < load->begun) {
        for (size_t i = 0; i < load->options.clients; i++) {
            const struct client *client = &load->clients[i];
            short events = client->sent < client->request.bytes ? POLLOUT | POLLIN : POLLIN;

            fds[i] = (struct pollfd){.fd = client->waits ? client->fd : -1, .events = events};
        }
        if (poll(fds, load->options.clients, wait_ms) <= 0) {
            die("no answer for a minute");
        }
        for (size_t i = 0; i < load->options.clients; i++) {
            if ((fds[i].revents & POLLOUT) != 0) {
                send_more(&load->clients[i]);
            }
            if ((fds[i].revents & (POLLIN | POLLERR | POLLHUP)) != 0) {
                receive_more(load, &load->clients[i]);
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
        {"first", required_argument, NULL, 'f'},    {NULL, 0, NULL, 0}};
    struct load *load = mem_alloc(1, sizeof *load);
    int c;

    load->options = (struct options){.key = "bench", .type = "application/json", .clients = 1};
    while ((c = getopt_long(argc, argv, "", names, NULL)) != -1) {
        switch (c) {
        case 's':
            load->options.socket_path = optarg;
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
    if (load->options.socket_path == NULL || optind + 1 != argc || load->options.clients == 0 ||
        load->options.clients > CLIENTS_MAX) {
        (void)fputs("usage: submit_load --socket PATH [--clients N] [--requests N | --seconds S]\n"
                    "                   [--key TEXT] [--type MIME] [--first N] BODY\n",
                    stderr);
        return 2;
    }
    read_body(load, argv[optind]);
    load->next_number = load->options.first;
    for (size_t i = 0; i < load->options.clients; i++) {
        open_client(load, &load->clients[i]);
    }
    run(load);
    print(load);
    return load->refused == 0 ? 0 : 1;
}
