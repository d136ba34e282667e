/* tests/bench/protocol.h - how one asks a queue to take jobs, and knows that it has.
 *
 * The load program is the same for the daemon and for those it is measured against: only what is
 * written to a connection and what ends an answer differ.
 */
#ifndef TESTS_BENCH_PROTOCOL_H
#define TESTS_BENCH_PROTOCOL_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

struct protocol_request {
    const char *key;    /* of the run */
    const char *number; /* makes it this request's own */
    const char *query;  /* of http: "&brief=true" */
    const char *type;   /* MIME, of http */
    const char *body;   /* the jobs, one behind the other; of http the whole text */
    size_t body_bytes;
    size_t jobs;
};

enum protocol_answer {
    PROTOCOL_INCOMPLETE,
    PROTOCOL_TAKEN,
    PROTOCOL_REFUSED,
};

struct protocol {
    const char *name;
    /* What a new connection sends before its first request, answered like one; NULL: nothing. */
    void (*greet)(struct buf *out);
    void (*request)(const struct protocol_request *request, struct buf *out);
    enum protocol_answer (*answer)(const struct buf *answer, size_t jobs);
};

/* http, beanstalkd, redis, postgresql; NULL: no such name. */
const struct protocol *protocol_find(const char *name);

#endif
