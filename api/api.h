/* api/api.h - the front door: who calls, what for, and the answer.
 *
 * Owns the listeners. Finds the route, lets in who may come in (the unix socket: whom its file
 * mode lets; TCP: TLS and a bearer token, nothing else), checks the request's form and hands a
 * struct api_call to its owner, who answers at once, after a commit, or with a stream. /healthz
 * is answered here. What the owner must not forget: api_call_permits(), once he knows the team.
 * Knows neither queue, cluster nor scheduler. Logs requests at debug, refusals at warn.
 */
#ifndef API_API_H
#define API_API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/auth.h"
#include "api/http.h"
#include "base/clock.h"
#include "base/error.h"

struct api;
struct buf;
struct log;
struct poller;
struct wire_detail;

/* name, method, path ({id}: a job's or notification's, {schedule}: namespace/name), what it is to a
 * team: it looks or acts */
#define API_ROUTE_LIST(X)                                                         \
    X(API_SUBMIT, "POST", "/v1/jobs", API_ACTS)                                   \
    X(API_LIST, "GET", "/v1/jobs", API_LOOKS)                                     \
    X(API_SHOW, "GET", "/v1/jobs/{id}", API_LOOKS)                                \
    X(API_CANCEL, "POST", "/v1/jobs/{id}/cancel", API_ACTS)                       \
    X(API_DELETE, "DELETE", "/v1/jobs/{id}", API_ACTS)                            \
    X(API_HOLD, "POST", "/v1/jobs/{id}/hold", API_ACTS)                           \
    X(API_RELEASE, "POST", "/v1/jobs/{id}/release", API_ACTS)                     \
    X(API_RETRY, "POST", "/v1/jobs/{id}/retry", API_ACTS)                         \
    X(API_LEARNT, "GET", "/v1/learnt", API_LOOKS)                                 \
    X(API_FORGET, "POST", "/v1/learnt/forget", API_ACTS)                          \
    X(API_WHY, "GET", "/v1/jobs/{id}/why", API_LOOKS)                             \
    X(API_ATTEMPTS, "GET", "/v1/jobs/{id}/attempts", API_LOOKS)                   \
    X(API_EVENTS, "GET", "/v1/jobs/{id}/events", API_LOOKS)                       \
    X(API_LOGS, "GET", "/v1/jobs/{id}/logs", API_ACTS)                            \
    X(API_UI, "GET", "/v1/jobs/{id}/ui", API_ACTS)                                \
    X(API_OUTLOOK, "GET", "/v1/jobs/{id}/forecast", API_LOOKS)                    \
    X(API_FORECAST, "GET", "/v1/forecast", API_LOOKS)                             \
    X(API_SIMULATE, "POST", "/v1/forecast", API_LOOKS)                            \
    X(API_WINDOWS, "GET", "/v1/windows", API_LOOKS)                               \
    X(API_TEAMS, "GET", "/v1/teams", API_LOOKS)                                   \
    X(API_NOTICES, "GET", "/v1/notifications", API_LOOKS)                         \
    X(API_NOTICE_RETRY, "POST", "/v1/notifications/{id}/retry", API_ACTS)         \
    X(API_NOTICE_DROP, "POST", "/v1/notifications/{id}/drop", API_ACTS)           \
    X(API_REPORT, "GET", "/v1/report", API_LOOKS)                                 \
    X(API_REPORT_SEND, "POST", "/v1/report", API_ACTS)                            \
    X(API_SCHEDULES, "GET", "/v1/schedules", API_LOOKS)                           \
    X(API_SCHEDULE, "GET", "/v1/schedules/{schedule}", API_LOOKS)                 \
    X(API_SCHEDULE_DELETE, "DELETE", "/v1/schedules/{schedule}", API_ACTS)        \
    X(API_SCHEDULE_PAUSE, "POST", "/v1/schedules/{schedule}/pause", API_ACTS)     \
    X(API_SCHEDULE_RESUME, "POST", "/v1/schedules/{schedule}/resume", API_ACTS)   \
    X(API_SCHEDULE_TRIGGER, "POST", "/v1/schedules/{schedule}/trigger", API_ACTS) \
    X(API_STATUS, "GET", "/v1/status", API_LOOKS)                                 \
    X(API_METRICS, "GET", "/metrics", API_LOOKS)                                  \
    X(API_READY, "GET", "/readyz", API_LOOKS)   /* for anybody */                 \
    X(API_HEALTH, "GET", "/healthz", API_LOOKS) /* for anybody; never handed out */

enum api_route {
#define API_ROUTE_ENUM(name, method, path, access) name,
    API_ROUTE_LIST(API_ROUTE_ENUM)
#undef API_ROUTE_ENUM
    API_ROUTE_COUNT, /* API_DELETE is handed out as API_CANCEL */
};
const char *api_route_text(enum api_route route); /* "GET /v1/jobs/{id}", for metrics */

/* Texts are never NULL; "" is "not said". All of it lives until the call is ended. */
struct api_call {
    enum api_route route;
    uint64_t number;       /* from 1, never twice: for whoever answers later, see api_find() */
    uint64_t job_id;       /* of routes with {id} */
    int64_t job_index;     /* of "12_7", an array's id and an index; -1: none was given */
    const char *schedule;  /* of those with {schedule}: "namespace/name" */
    int64_t next_count;    /* SCHEDULE: so many occurrences to come */
    bool has_date;         /* SCHEDULE_TRIGGER: ?date= */
    int32_t business_date; /* that, in days since 1970-01-01 */
    struct api_identity identity;
    const struct http_peer *peer;

    /* SUBMIT, SIMULATE. The rest of the document decides where these are "". */
    const char *body;
    size_t body_bytes;
    const char *file;              /* the client's name of it, for messages */
    const char *default_namespace; /* ?namespace= */
    const char *default_team;      /* ?team= */
    const char *idempotency_key;   /* at most LIMIT_IDEMPOTENCY_KEY_BYTES, printable */
    unsigned char body_sha256[32]; /* for the replay of a key with another body */
    bool brief;   /* submit: only the ids' range; show: how it stands, without what is beside it */
    bool hold;    /* ?hold=true: all of them begin as held */
    bool dry_run; /* ?dryRun=true: show what would be created, submit nothing */

    /* LIST, FORECAST */
    const char *namespace, *team, *name; /* filters; FORGET: what */
    const char *selector;                /* "app=etl,...": labels that jobs are to have */
    const char *after_jobs;              /* "12,load:any": what submitted jobs wait for, too */
    uint32_t states;                     /* bits 1 << enum job_state; 0: any */
    uint64_t after_id;                   /* ?continue= */
    size_t limit;                        /* 1 to LIMIT_API_LIST_ITEMS */

    /* REPORT, REPORT_SEND; name is the window's */
    const char *since, *until;
    int report_form; /* enum report_form */

    bool forecast; /* WHY: with the expected start, which takes longer */

    /* EVENTS, LOGS */
    bool follow;
    int64_t after_sequence; /* EVENTS: those beyond; -1: all */
    uint32_t attempt;       /* LOGS; 0: the last one */
    int64_t tail_lines;     /* LOGS; -1: all */
    const char *ui_path;    /* UI; "": the first page. With its query */
    uint32_t executor;      /* LOGS; 0: the driver, or the only pod */

    void *context; /* the owner's, NULL at first */
};

struct api_config {
    struct poller *poller;
    struct instant (*clock)(void *owner);
    const struct log *log; /* borrowed */
    struct http_limits http;
    void (*on_call)(struct api_call *call, void *owner); /* to be ended by api_reply... */
    /* The client left before the call was ended. It must still be ended (which goes nowhere). */
    void (*on_gone)(struct api_call *call, void *owner);
    void (*on_room)(struct api_call *call, void *owner); /* after ERR_FULL; may be NULL */
    void (*on_drained)(void *owner);                     /* may be NULL */
    void *owner;
};

/* Without tokens at first. */
struct api *api_create(const struct api_config *config);

int api_listen_unix(struct api *api, const struct http_unix *unix_socket,
                    struct error *error) MUST_CHECK;
/* TLS is not a choice. */
int api_listen_tls(struct api *api, const char *host, uint16_t port, const struct http_tls *tls,
                   uint16_t *out_port, struct error *error) MUST_CHECK;

/* What /healthz says from now on, beside that we live; "" if nothing is the matter. */
void api_set_trouble(struct api *api, const char *text);

/* From now on; see http_server_set_limits(). */
void api_set_limits(struct api *api, const struct http_limits *limits);

/* From now on these tokens (copied) and what the certificate files hold now. On failure, nothing
 * changes. Calls already handed out go on. */
int api_reload(struct api *api, const struct api_token *tokens, size_t count,
               struct error *error) MUST_CHECK;

/* No new connections; what was begun is answered; then on_drained. */
void api_drain(struct api *api);

/* Not from inside a callback. Open calls' on_gone comes from in here; those not ended in it are
 * ended then. Accepts NULL. */
void api_destroy(struct api *api);

struct api_stats {
    struct http_stats http;
    uint64_t calls[API_ROUTE_COUNT];
    uint64_t unauthenticated, forbidden, malformed;
    size_t open; /* handed out and not ended */
};
struct api_stats api_stats(const struct api *api);

/* The clients that are connected, and those of them that wait for an answer. */
struct api_clients {
    size_t connected, waiting;
};

struct api_clients api_clients(const struct api *api);

/* The open call of this number, or NULL. */
struct api_call *api_find(struct api *api, uint64_t number);

/* May the caller do to this team's job what the route does? */
bool api_call_permits(const struct api_call *call, const char *team);

/* --- Answers. Each ends the call: it must not be touched after. ------------------------------- */

void api_reply_json(struct api_call *call, int status, const struct buf *json);
/* Any text: metrics ("text/plain; version=0.0.4"), logs. */
void api_reply_text(struct api_call *call, int status, const char *content_type, const char *text,
                    size_t bytes);
/* An error of ours as HTTP: INVALID 422, NOT_FOUND 404, EXISTS and STALE 409, FULL 429 and BUSY
 * 503 with Retry-After, DENIED 403, the rest 500. */
void api_reply_error(struct api_call *call, int code, const char *format, ...) PRINTF_LIKE(3, 4);
void api_reply_details(struct api_call *call, int code, const char *message,
                       const struct wire_detail *details, size_t count);

/* A stream: logs, events that are followed. ERR_FULL: wait for on_room. ERR_IO: end it. */
void api_stream_start(struct api_call *call, const char *content_type);
int api_stream_write(struct api_call *call, const void *bytes, size_t count) MUST_CHECK;
void api_stream_end(struct api_call *call);   /* ends the call */
void api_stream_abort(struct api_call *call); /* so too, and the client can tell it was cut */

#endif
