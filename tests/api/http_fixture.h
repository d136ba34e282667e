/* tests/api/http_fixture.h - an HTTP server in a child process, and clients for it.
 *
 * The server listens on a unix socket, on TCP, on TLS and on TLS with client certificates. Its
 * process keeps SIGPIPE's default.
 */
#ifndef TESTS_API_HTTP_FIXTURE_H
#define TESTS_API_HTTP_FIXTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "api/http.h"

#define FIXTURE_MS (CLOCK_US_PER_MS)

enum door {
    DOOR_UNIX,
    DOOR_TCP,
    DOOR_TLS,
    DOOR_TLS_CLIENT,
    DOOR_COUNT
};

extern const char *const door_names[DOOR_COUNT];

struct fixture {
    pid_t pid;
    int control; /* closed: the server ends */
    char folder[64];
    char socket_path[100];
    uint16_t ports[DOOR_COUNT];
};

struct fixture_options {
    struct http_limits limits;
    unsigned descriptors; /* the server's limit; 0: as it is */
};

/* Small buffers; deadlines that no test meets, however slow the machine. */
struct fixture_options fixture_options(void);
/* Deadlines of a few hundred milliseconds. */
struct fixture_options fixture_options_impatient(void);

void fixture_start(struct fixture *fixture, const struct fixture_options *options);
/* Checks that the server ended well: no leak, no sanitizer's finding. */
void fixture_stop(struct fixture *fixture);

/* A client: blocking, with a limit of some seconds on each wait. */
struct client {
    int fd;
    void *ssl;
    char *bytes; /* received; those from used on are still to be read */
    size_t count;
    size_t used;
    bool ended;
    bool reset;
};

struct answer {
    int status; /* 0: the connection ended first */
    char head[4096];
    char *body; /* owned, NUL-ended */
    size_t body_bytes;
    size_t body_room;
    bool complete; /* the body has the promised length, or its last chunk */
};

struct client client_open(const struct fixture *fixture, enum door door);
/* With a small receive buffer, for slow readers. */
struct client client_open_slow(const struct fixture *fixture, enum door door);
/* Connected, and no handshake made. */
struct client client_open_raw(const struct fixture *fixture, enum door door);
void client_close(struct client *client);
void client_send(struct client *client, const char *text);
void client_send_bytes(struct client *client, const void *bytes, size_t count);
/* false: the server took no more. */
bool client_try_send(struct client *client, const void *bytes, size_t count);
struct answer client_answer(struct client *client);
/* To a request whose answer has no body, whatever its head says. */
struct answer client_answer_of_head(struct client *client);
void answer_free(struct answer *answer);
/* Send, check the status, forget the answer. */
void client_expect(struct client *client, const char *request, int status, const char *what);
/* Wait until the server ends the connection; what came before it is dropped. false: it did not. */
bool client_sees_end(struct client *client, int64_t within_us);
/* Read some bytes that are there or come soon; 0 at the end or after the time. */
size_t client_read(struct client *client, int64_t within_us);

/* One counter of the server: see /stats in http_fixture.c. */
int64_t fixture_counter(const struct fixture *fixture, const char *name);
/* Wait until it has the value. */
void fixture_await(const struct fixture *fixture, const char *name, int64_t value,
                   const char *what);

/* A self-signed certificate and its key, as PEM files in the folder. */
void make_certificate(const char *folder, const char *name, const char *organization);
int64_t mono_us(void);

#endif
