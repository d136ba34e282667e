/* k8s/kube.h - one API server, asked without ever blocking.
 *
 * Owns the connections (HTTP/2 where the server offers it, else 1.1 with keep-alive), the
 * queue before them (rate limit, priorities, requests in flight) and the credentials. Every
 * request ends in exactly one callback unless it is cancelled; callbacks come from the loop, never
 * from inside kube_request().
 *
 * Repeats by itself: what was certainly not carried out (429 with a Retry-After, a 401 once after
 * reading the credentials again), and GETs that failed in passing, all within the call's deadline.
 * A create or delete whose fate is unknown goes back to the caller, who looks before repeating.
 */
#ifndef K8S_KUBE_H
#define K8S_KUBE_H

#include <stdint.h>

#include "base/clock.h"
#include "base/error.h"
#include "k8s/kube_status.h"

struct kube;
struct kube_access;
struct poller;
struct rng;

#define KUBE_QPS_DEFAULT         50
#define KUBE_BURST_DEFAULT       100
#define KUBE_DEADLINE_DEFAULT_US (INT64_C(30) * CLOCK_US_PER_SECOND)
#define KUBE_CONNECT_DEFAULT_US  (INT64_C(10) * CLOCK_US_PER_SECOND)
#define KUBE_DEADLINE_NONE       CLOCK_NEVER_US /* for watches and followed logs */

enum kube_method {
    KUBE_GET,
    KUBE_POST,
    KUBE_PUT,
    KUBE_PATCH,
    KUBE_DELETE,
    KUBE_METHOD_COUNT
};

/* Who goes first when the rate limit holds calls back. */
enum kube_priority {
    KUBE_PRIORITY_LEASE, /* leadership: also exempt from the bound of calls in flight */
    KUBE_PRIORITY_WRITE,
    KUBE_PRIORITY_READ,
    KUBE_PRIORITY_LIST, /* lists, watches, logs */
    KUBE_PRIORITY_COUNT
};

struct kube_options {
    struct poller *poller;
    struct rng *rng;                  /* for jitter; borrowed for the client's life */
    struct instant (*clock)(void);    /* clock_sample, or a test's */
    const struct kube_access *access; /* copied */
    const char *user_agent;           /* NULL: "nightshift" */
    double qps;                       /* 0: the default; negative: no limit */
    uint32_t burst;                   /* 0: the default */
    uint32_t in_flight_max;           /* 0: LIMIT_KUBE_REQUESTS_IN_FLIGHT; streams do not count */
    int64_t deadline_us;              /* of calls that name none; 0: KUBE_DEADLINE_DEFAULT_US */
    int64_t connect_us;               /* to connect, TLS included; 0: KUBE_CONNECT_DEFAULT_US */
    bool http1_only;                  /* never offer HTTP/2 */
    /* Asked for each call that writes, at the moment it would be sent: those of priority LEASE go
     * always. False ends it with KUBE_HELD_BACK. NULL: may always. */
    bool (*may_write)(void *context);
    void *context;
};

/* ERR_INVALID: certificates or proxy that curl can't use; ERR_IO: a file can't be read. */
int kube_open(const struct kube_options *options, struct kube **out_kube,
              struct error *error) MUST_CHECK;

/* Ends every call with KUBE_CLOSED (their callbacks run here, and must not call the client),
 * closes the connections, stops a credential plugin. Accepts NULL. */
void kube_close(struct kube *kube);

struct kube_answer {
    struct kube_status status;
    const char *body;         /* borrowed until the callback returns; "" if none; NUL-ended */
    size_t body_bytes;        /* 0 for a stream: its bytes went to on_bytes */
    const char *content_type; /* borrowed, too; "" if none was said */
};

typedef void kube_done(void *context, const struct kube_answer *answer);

/* Bytes of a successful answer as they come. Not OK ends the call with KUBE_LOST. May cancel
 * other calls, not its own. */
typedef int kube_bytes(void *context, const char *bytes, size_t count);

struct kube_call {
    enum kube_method method;
    enum kube_priority priority;
    const char *path;         /* "/api/v1/..."; texts and body are copied */
    const char *query;        /* without "?", percent-encoded; NULL: none */
    const char *content_type; /* of the body; NULL: application/json */
    const char *body;         /* NULL: none */
    size_t body_bytes;
    int64_t deadline_us;     /* from now to the callback, waiting included; 0: the default */
    size_t answer_bytes_max; /* 0: LIMIT_KUBE_OBJECT_BYTES; more is KUBE_TOO_LARGE */
    kube_bytes *on_bytes;    /* not NULL: a stream, whose size is not bounded */
    bool no_retry;           /* the caller has its own back-off */
};

/* Queue a call. The id (never 0) serves kube_cancel(). */
uint64_t kube_request(struct kube *kube, const struct kube_call *call, kube_done *done,
                      void *context);

/* Forget a call: its callback will not run. Whether the server acts is unknown. An id that is
 * over is ignored. */
void kube_cancel(struct kube *kube, uint64_t id);

/* Start over with new connections from the next call on: those of now look dead. */
void kube_distrust_connections(struct kube *kube);

/* New credentials and server for the calls to come (a reload). Failure changes nothing. */
int kube_set_access(struct kube *kube, const struct kube_access *access,
                    struct error *error) MUST_CHECK;

/* For /metrics and `status`. */
struct kube_figures {
    uint64_t requests;                     /* sent, repeats included */
    uint64_t outcomes[KUBE_OUTCOME_COUNT]; /* of calls, as the caller saw them */
    uint64_t throttled_by_server;          /* 429s, those that we repeated included */
    uint64_t retries;
    uint32_t waiting;
    uint32_t in_flight;
    uint32_t streams;
    int http_version; /* of the last answer: 11 or 20; 0: none yet */
};
struct kube_figures kube_figures(const struct kube *kube);

#endif
