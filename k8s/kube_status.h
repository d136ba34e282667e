/* k8s/kube_status.h - what became of a request, in the API server's words and in ours.
 *
 * The one place that translates HTTP codes, Kubernetes Status objects and transport
 * failures. A value: it owns nothing and borrows nothing.
 */
#ifndef K8S_KUBE_STATUS_H
#define K8S_KUBE_STATUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* outcome, error code, may it help to send the same again? */
#define KUBE_OUTCOME_LIST(X)                                                                   \
    X(OK, OK, false)                                                                           \
    X(NOT_FOUND, ERR_NOT_FOUND, false)                                                         \
    X(EXISTS, ERR_EXISTS, false)                                                               \
    X(CONFLICT, ERR_STALE, false)            /* 409 but not EXISTS: read again, then repeat */ \
    X(QUOTA_EXCEEDED, ERR_FULL, false)       /* 403, somebody raced us to the quota */         \
    X(QUOTA_UNSPECIFIED, ERR_INVALID, false) /* 403, a quota wants requests or limits set */   \
    X(FORBIDDEN, ERR_DENIED, false) /* 403: RBAC, LimitRange, unknown ServiceAccount... */     \
    X(NAMESPACE_TERMINATING, ERR_INVALID, false)                                               \
    X(INVALID, ERR_INVALID, false)     /* 400, 405, 406, 413, 415, 422 */                      \
    X(UNAUTHORIZED, ERR_DENIED, false) /* 401, after the credentials were read once more */    \
    X(THROTTLED, ERR_BUSY, true)       /* 429, see retry_after_us */                           \
    X(GONE, ERR_STALE, false)          /* 410: list again */                                   \
    X(SERVER_ERROR, ERR_IO, true)      /* 5xx */                                               \
    X(TIMEOUT, ERR_IO, true)           /* 504, or our own deadline */                          \
    X(UNREACHABLE, ERR_IO, true)       /* no connection: never sent */                         \
    X(LOST, ERR_IO, true)              /* sent, and the reply never came whole */              \
    X(TOO_LARGE, ERR_FULL, false)      /* the answer is larger than the call allows */         \
    X(CREDENTIALS, ERR_DENIED, true)   /* no credentials to send it with */                    \
    X(HELD_BACK, ERR_BUSY, false)      /* a write that its owner may not send now */           \
    X(CLOSED, ERR_BUSY, false)         /* the client was closed meanwhile */

enum kube_outcome {
#define KUBE_OUTCOME_ENUM(name, code, repeat) KUBE_##name,
    KUBE_OUTCOME_LIST(KUBE_OUTCOME_ENUM)
#undef KUBE_OUTCOME_ENUM
    KUBE_OUTCOME_COUNT
};

/* Did the server carry it out? Decides whether to look before repeating a create. */
enum kube_execution {
    KUBE_NOT_EXECUTED,
    KUBE_EXECUTED,
    KUBE_EXECUTION_UNKNOWN
};

struct kube_status {
    enum kube_outcome outcome;
    enum kube_execution execution;
    int http_code;          /* 0: no answer came */
    int64_t retry_after_us; /* 0: the server did not say; header or details.retryAfterSeconds */
    char reason[64];        /* the server's, such as "AlreadyExists"; "" if it gave none */
    char cause[64];         /* reason of the first of details.causes, such as "DisruptionBudget" */
    char cause_field[128];  /* and its field, such as "spec.containers[0].name" */
    char kind[64];          /* details.kind, such as "pods" */
    char name[254];         /* details.name */
    char message[768];      /* the server's words, or curl's; cut if longer */
};

/* What the transport learnt of an answer. Borrowed. */
struct kube_reply {
    int http_code;
    const char *retry_after; /* the header's value, or NULL */
    const char *body;
    size_t body_bytes;
};

/* An answer that came whole. Understands JSON Status objects with and without kind, whatever
 * the Content-Type says, and plain text. Every code of 300 and more becomes a failure. */
struct kube_status kube_status_from_reply(const struct kube_reply *reply);

/* A Status object inside an ERROR event of a watch: HTTP 200, but a failure. */
struct kube_status kube_status_from_object(const char *json, size_t bytes);

/* A failure on our side of the wire. */
struct kube_status kube_status_of(enum kube_outcome outcome, enum kube_execution execution,
                                  const char *format, ...) PRINTF_LIKE(3, 4);

/* OK, or the outcome's error code with text such as
 * "create pod team-a/x: 403 Forbidden: exceeded quota: ..."; what names the request. */
int kube_status_error(const struct kube_status *status, const char *what, struct error *out_error);

/* "QUOTA_EXCEEDED", for logs and metrics. */
const char *kube_outcome_name(enum kube_outcome outcome);

/* True when sending the same again later may succeed without anything else changing. */
bool kube_outcome_is_transient(enum kube_outcome outcome);

#endif
