/* tests/fake/script_server.h - an HTTP/1.1 server that answers as its script says.
 *
 * Replays recorded exchanges and misbehaves on demand. Threads of its own, so that the
 * module under test runs on the test's loop undisturbed. Each request takes the first step that
 * expects it and is not used up; a request that nobody expects gets a 599.
 */
#ifndef TESTS_FAKE_SCRIPT_SERVER_H
#define TESTS_FAKE_SCRIPT_SERVER_H

#include <stdbool.h>
#include <stddef.h>

enum script_then {
    THEN_KEEP,  /* the connection, for the next request */
    THEN_CLOSE, /* in order */
    THEN_RESET, /* with a TCP reset */
    THEN_HOLD   /* open and silent until the client or the test ends */
};

struct script_step {
    const char *expect;     /* a part of the request, head or body; NULL: any request */
    const char *expect_too; /* another part, or NULL */
    /* One of these is the answer. */
    const char *fixture; /* the answer recorded in this file of tests/fixtures/kube */
    const char *raw;     /* these bytes, head and all; "": nothing */
    int status;          /* a head made for this status, and the body */
    const char *body;    /* NULL: "" */
    const char *type;    /* Content-Type; NULL: application/json */
    const char *headers; /* further lines, each with its \r\n, or NULL */
    /* How it is sent. */
    bool chunked;      /* instead of a Content-Length; a recorded answer knows for itself */
    size_t piece;      /* bytes per write (and chunk); 0: all at once */
    size_t body_bytes; /* cut the body after so many; 0: don't */
    int delay_ms;      /* before the answer */
    enum script_then then;
    int times; /* how often; 0: once; negative: for ever */
};

/* PEM texts, borrowed; NULL: plain HTTP. */
struct script_tls {
    const char *cert_pem;
    const char *key_pem;
    const char *client_ca_pem; /* not NULL: a client certificate is required */
};

struct script_server;

/* The steps are copied, their texts borrowed. On a free port of 127.0.0.1. */
struct script_server *script_server_start(const struct script_step *steps, size_t count,
                                          const struct script_tls *tls);
void script_server_stop(struct script_server *server); /* Accepts NULL. */

int script_server_port(const struct script_server *server);

/* What was asked so far, owned: the heads and bodies of all requests. */
char *script_server_log(struct script_server *server);
unsigned script_server_requests(struct script_server *server);
unsigned script_server_connections(struct script_server *server);

/* How many steps have not been used as often as they say (those for ever: not at all). */
unsigned script_server_unused(struct script_server *server);

#endif
