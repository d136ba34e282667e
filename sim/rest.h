/* sim/rest.h - the Kubernetes API over the store: a request value in, a response value out.
 *
 * No sockets and no clock, so that tests and simulations call it directly; sim/server.h
 * puts it behind HTTP. Codes, Status objects and texts follow recorded exchanges of a
 * real API server. Knows nothing of faults and tokens: they come before it.
 */
#ifndef SIM_REST_H
#define SIM_REST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "sim/pod_log.h"
#include "sim/store.h"

struct sim_watch;
struct sim_watch_event;

struct sim_parameter {
    const char *name;
    const char *value;
};

struct sim_request {
    const char *method;
    const char *path; /* decoded, without the query */
    const struct sim_parameter *parameters;
    size_t parameter_count;
    const char *accept;       /* NULL: JSON */
    const char *content_type; /* NULL: JSON */
    const char *body;
    size_t body_bytes;
    const char *user; /* NULL: admin */
    int64_t now_us;
};

/* What the request was about, for faults, statistics and tests. */
struct sim_target {
    const char *verb; /* get list watch create update patch delete deletecollection; "" elsewhere */
    const struct sim_resource *resource; /* NULL outside of resources */
    char namespace[256];                 /* "" for cluster-wide and all */
    char name[256];
    char subresource[32];
};

enum sim_form {
    SIM_FORM_JSON,
    SIM_FORM_TABLE,
    SIM_FORM_METADATA,
};

struct sim_response {
    int code;
    const char *content_type; /* NULL: none */
    int retry_after_seconds;  /* 0: no such header */
    struct buf body;
    int64_t wait_us; /* send it only after this time */

    /* A stream of events, when not NULL: owned. Ends after timeout_us, or never if that is 0. */
    struct sim_watch *watch;
    int64_t timeout_us;
    bool bookmarks;
    enum sim_form form;

    /* A container's log that grows: it is followed from here on. */
    bool follow_log;
    char log_container[64];
    size_t log_end;
};

/* What lives outside of the store; every member may be NULL. */
struct sim_backend {
    /* Append what the container has written; false: it has not run yet. */
    bool (*log)(void *context, struct pod_log *log, struct buf *out);
    void *context;
};

struct sim_rest {
    struct sim_store *store; /* borrowed */
    struct sim_backend backend;
};

/* Which resource the request names; unknown paths have none. */
void sim_rest_target(const struct sim_request *request, struct sim_target *out_target);

/* Never fails: refusals are responses. Runs sim_store_collect() after writes. */
void sim_rest_handle(struct sim_rest *rest, const struct sim_request *request,
                     struct sim_response *out_response);
void sim_response_finish(struct sim_response *response);

/* A response that holds this Status (taken). */
void sim_response_status(struct sim_response *response, struct json_t *status_take);

/* One line of a watch's stream, appended: an event, a bookmark, or an ERROR with a Status. */
void sim_rest_event_line(const struct sim_response *response, const struct sim_watch_event *event,
                         int64_t now_us, struct buf *out);
void sim_rest_bookmark_line(const struct sim_response *response, struct buf *out);
void sim_rest_error_line(struct json_t *status_take, struct buf *out);

/* The 410 that ends a watch. New. */
struct json_t *sim_rest_expired(const struct sim_watch *watch);

/* The value of the first such parameter, or NULL. */
const char *sim_request_parameter(const struct sim_request *request, const char *name);
/* "1", "true" or empty. */
bool sim_request_flag(const struct sim_request *request, const char *name);

#endif
