/* notify/sender.h - bytes on their way to a receiver, over HTTP or SMTP, without ever blocking.
 *
 * Each order ends in exactly one callback, from the loop. TLS is verified; redirects are not
 * followed, and no proxy is taken from the environment. Never says more of a secret than that there
 * is one.
 */
#ifndef NOTIFY_SENDER_H
#define NOTIFY_SENDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct poller;
struct sender;

enum send_result {
    SEND_DONE,
    SEND_FAILED,  /* in passing: a connection, a time-out, a 5xx, a 429, an SMTP 4xx */
    SEND_REFUSED, /* by the receiver, or an order that can't be carried out */
};

/* Texts and bytes are copied. */
struct send_order {
    const char *url;     /* https, http, smtps or smtp */
    const char *ca_file; /* "": the system's authorities */
    const char *body;
    size_t body_bytes;
    /* HTTP: */
    const char *const *headers; /* "Name: value" */
    size_t header_count;
    /* SMTP: */
    const char *from;
    const char *const *to;
    size_t to_count;
    const char *user; /* "": no login */
    const char *password;
    bool allow_plain; /* without TLS, if the server has none */
};

/* message says why not, in words for people; retry_after_us is the receiver's wish, or 0. */
typedef void send_done(void *context, enum send_result result, const char *message,
                       int64_t retry_after_us);

struct sender *sender_create(struct poller *poller);

/* What is under way is cut off; nobody hears of it. Accepts NULL. */
void sender_destroy(struct sender *sender);

/* ERR_INVALID, ERR_NO_MEMORY: curl does not take it; there is no callback then. */
int sender_send(struct sender *sender, const struct send_order *order, send_done *done,
                void *context, struct error *error) MUST_CHECK;

#endif
