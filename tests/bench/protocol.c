#include "tests/bench/protocol.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/ensure.h"
#include "base/error.h"

/* --- The daemon ------------------------------------------------------------------------------ */

static void http_request(const struct protocol_request *request, struct buf *out) {
    buf_add_format(out,
                   "POST /v1/jobs?file=bench%s HTTP/1.1\r\nHost: localhost\r\nContent-Type: %s\r\n"
                   "Idempotency-Key: %s-%s\r\nContent-Length: %zu\r\n\r\n",
                   request->query, request->type, request->key, request->number,
                   request->body_bytes);
    buf_add(out, request->body, request->body_bytes);
}

/* Where the body begins, and how long it is; false: the head is not all here. */
static bool read_head(const struct buf *answer, size_t *out_body_at, size_t *out_body_bytes) {
    static const char name[] = "Content-Length:";
    const char *at = buf_text(answer);
    const char *end;

    *out_body_bytes = 0;
    while ((end = strstr(at, "\r\n")) != NULL && end != at) {
        if (strncasecmp(at, name, sizeof name - 1) == 0) {
            *out_body_bytes = strtoul(at + sizeof name - 1, NULL, 10);
        }
        at = end + 2;
    }
    *out_body_at = end != NULL ? (size_t)(end + 2 - answer->data) : 0;
    return end != NULL;
}

static enum protocol_answer http_answer(const struct buf *answer, size_t jobs) {
    size_t body_at;
    size_t body_bytes;

    (void)jobs;
    if (!read_head(answer, &body_at, &body_bytes) || answer->bytes < body_at + body_bytes) {
        return PROTOCOL_INCOMPLETE;
    }
    return strncmp(buf_text(answer), "HTTP/1.1 201", 12) == 0 ? PROTOCOL_TAKEN : PROTOCOL_REFUSED;
}

/* --- beanstalkd: a put for each job, all written before the first answer is read --- */

static void beanstalkd_request(const struct protocol_request *request, struct buf *out) {
    size_t bytes = request->body_bytes / request->jobs;

    for (size_t i = 0; i < request->jobs; i++) {
        buf_add_format(out, "put 0 0 60 %zu\r\n", bytes);
        buf_add(out, request->body + i * bytes, bytes);
        buf_add_text(out, "\r\n");
    }
}

static enum protocol_answer beanstalkd_answer(const struct buf *answer, size_t jobs) {
    const char *at = buf_text(answer);
    const char *end;

    for (; (end = strstr(at, "\r\n")) != NULL; at = end + 2, jobs--) {
        if (strncmp(at, "INSERTED ", 9) != 0) {
            return PROTOCOL_REFUSED;
        }
    }
    return jobs == 0 ? PROTOCOL_TAKEN : PROTOCOL_INCOMPLETE;
}

/* --- Redis: one LPUSH of all --- */

static void redis_request(const struct protocol_request *request, struct buf *out) {
    size_t bytes = request->body_bytes / request->jobs;

    buf_add_format(out, "*%zu\r\n$5\r\nLPUSH\r\n$4\r\njobs\r\n", 2 + request->jobs);
    for (size_t i = 0; i < request->jobs; i++) {
        buf_add_format(out, "$%zu\r\n", bytes);
        buf_add(out, request->body + i * bytes, bytes);
        buf_add_text(out, "\r\n");
    }
}

static enum protocol_answer redis_answer(const struct buf *answer, size_t jobs) {
    (void)jobs;
    if (answer->bytes < 2 || answer->data[answer->bytes - 1] != '\n') {
        return PROTOCOL_INCOMPLETE;
    }
    return answer->data[0] == ':' ? PROTOCOL_TAKEN : PROTOCOL_REFUSED;
}

/* --- PostgreSQL: a prepared INSERT, of an array when there are many --------------------------- */

static void add_number(struct buf *out, uint64_t value, size_t bytes) {
    while (bytes-- > 0) {
        buf_add_char(out, (char)(value >> 8 * bytes & 0xff));
    }
}

/* Sets a message's length, which counts itself, when its end is known. */
static void end_message(struct buf *out, size_t length_at) {
    uint64_t length = out->bytes - length_at;

    for (size_t i = 0; i < 4; i++) {
        out->data[length_at + i] = (char)(length >> 8 * (3 - i) & 0xff);
    }
}

static size_t begin_message(struct buf *out, char type) {
    buf_add_char(out, type);
    add_number(out, 0, 4);
    return out->bytes - 4;
}

static void add_parse(struct buf *out, const char *name, const char *query) {
    size_t at = begin_message(out, 'P');

    buf_add(out, name, strlen(name) + 1);
    buf_add(out, query, strlen(query) + 1);
    add_number(out, 0, 2);
    end_message(out, at);
}

static void postgresql_greet(struct buf *out) {
    static const char settings[] = "user\0bench\0database\0postgres\0";
    size_t at = out->bytes;

    add_number(out, 0, 4);
    add_number(out, 196608, 4); /* protocol 3.0 */
    buf_add(out, settings, sizeof settings);
    end_message(out, at);
    add_parse(out, "one", "INSERT INTO jobs (payload) VALUES ($1::text)");
    add_parse(out, "many", "INSERT INTO jobs (payload) SELECT unnest($1::text[])");
    end_message(out, begin_message(out, 'S'));
}

static void add_array(const struct protocol_request *request, struct buf *out) {
    size_t bytes = request->body_bytes / request->jobs;

    add_number(out, 20 + request->jobs * (4 + bytes), 4);
    add_number(out, 1, 4);  /* dimensions */
    add_number(out, 0, 4);  /* without NULL */
    add_number(out, 25, 4); /* text */
    add_number(out, request->jobs, 4);
    add_number(out, 1, 4); /* from 1 */
    for (size_t i = 0; i < request->jobs; i++) {
        add_number(out, bytes, 4);
        buf_add(out, request->body + i * bytes, bytes);
    }
}

static void postgresql_request(const struct protocol_request *request, struct buf *out) {
    const char *statement = request->jobs == 1 ? "one" : "many";
    size_t at = begin_message(out, 'B');

    buf_add_char(out, '\0');
    buf_add(out, statement, strlen(statement) + 1);
    add_number(out, 1, 2);
    add_number(out, 1, 2); /* binary */
    add_number(out, 1, 2);
    if (request->jobs == 1) {
        add_number(out, request->body_bytes, 4);
        buf_add(out, request->body, request->body_bytes);
    } else {
        add_array(request, out);
    }
    add_number(out, 0, 2);
    end_message(out, at);
    at = begin_message(out, 'E');
    buf_add_char(out, '\0');
    add_number(out, 0, 4);
    end_message(out, at);
    end_message(out, begin_message(out, 'S'));
}

static enum protocol_answer postgresql_answer(const struct buf *answer, size_t jobs) {
    bool failed = false;
    size_t at = 0;

    (void)jobs;
    while (answer->bytes - at >= 5) {
        const unsigned char *message = (const unsigned char *)answer->data + at;
        size_t bytes = 1 + ((size_t)message[1] << 24 | (size_t)message[2] << 16 |
                            (size_t)message[3] << 8 | message[4]);

        if (answer->bytes - at < bytes) {
            return PROTOCOL_INCOMPLETE;
        }
        failed = failed || message[0] == 'E';
        at += bytes;
        /* The first 'Z' of a connection comes before the statements are prepared. */
        if (message[0] == 'Z' && at == answer->bytes) {
            return failed ? PROTOCOL_REFUSED : PROTOCOL_TAKEN;
        }
    }
    return PROTOCOL_INCOMPLETE;
}

const struct protocol *protocol_find(const char *name) {
    static const struct protocol protocols[] = {
        {"http", NULL, http_request, http_answer},
        {"beanstalkd", NULL, beanstalkd_request, beanstalkd_answer},
        {"redis", NULL, redis_request, redis_answer},
        {"postgresql", postgresql_greet, postgresql_request, postgresql_answer},
    };

    for (size_t i = 0; i < ARRAY_LEN(protocols); i++) {
        if (strcmp(protocols[i].name, name) == 0) {
            return &protocols[i];
        }
    }
    return NULL;
}
