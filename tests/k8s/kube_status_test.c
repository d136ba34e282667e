#include "k8s/kube_status.h"

#include <string.h>

#include "base/buf.h"
#include "tests/fake/recorded.h"
#include "tests/test.h"

static struct kube_status status_of_recorded(const char *name) {
    struct recorded recorded = recorded_load(name);
    struct kube_reply reply = {.http_code = recorded.status,
                               .retry_after = recorded.retry_after,
                               .body = recorded.body,
                               .body_bytes = strlen(recorded.body)};
    struct kube_status status = kube_status_from_reply(&reply);

    recorded_finish(&recorded);
    return status;
}

/* Every failing answer that a real server was seen to give. */
TEST(kube_status_from_reply__tells_recorded_answers_apart) {
    static const struct {
        const char *what;
        const char *recorded;
        enum kube_outcome outcome;
        enum kube_execution execution;
        int64_t retry_after_us;
        const char *words;
    } rows[] = {
        {"a bad token", "02-401-bad-token", KUBE_UNAUTHORIZED, KUBE_NOT_EXECUTED, 0,
         "Unauthorized"},
        {"nobody may", "02-403-anonymous", KUBE_FORBIDDEN, KUBE_NOT_EXECUTED, 0, "cannot"},
        {"RBAC", "02-403-rbac", KUBE_FORBIDDEN, KUBE_NOT_EXECUTED, 0, "cannot"},
        {"impersonation", "08-impersonate-403", KUBE_FORBIDDEN, KUBE_NOT_EXECUTED, 0, "cannot"},
        {"KUBE 3: exceeded quota", "05-pod-403-exceeded-quota", KUBE_QUOTA_EXCEEDED,
         KUBE_NOT_EXECUTED, 0, "exceeded quota: team-quota, requested: "},
        {"KUBE 3: an extended resource", "05-pod-403-exceeded-quota-gpu", KUBE_QUOTA_EXCEEDED,
         KUBE_NOT_EXECUTED, 0, "exceeded quota"},
        {"KUBE 3: count/pods", "06b-pod-403-count-quota", KUBE_QUOTA_EXCEEDED, KUBE_NOT_EXECUTED, 0,
         "exceeded quota"},
        {"KUBE 3: a scoped quota", "06b-pod-403-scoped-quota", KUBE_QUOTA_EXCEEDED,
         KUBE_NOT_EXECUTED, 0, "exceeded quota"},
        {"KUBE 1: over status.hard", "13-pod-4-403", KUBE_QUOTA_EXCEEDED, KUBE_NOT_EXECUTED, 0,
         "limited: pods=3"},
        {"KUBE 3: requests are missing", "05-pod-403-failed-quota-must-specify",
         KUBE_QUOTA_UNSPECIFIED, KUBE_NOT_EXECUTED, 0, "must specify limits.cpu"},
        {"KUBE 3: unknown PriorityClass", "05-pod-403-no-priorityclass", KUBE_FORBIDDEN,
         KUBE_NOT_EXECUTED, 0, "no PriorityClass"},
        {"KUBE 3: unknown ServiceAccount", "05-pod-403-no-serviceaccount", KUBE_FORBIDDEN,
         KUBE_NOT_EXECUTED, 0, "serviceaccount"},
        {"KUBE 3: LimitRange", "06b-pod-403-limitrange-max", KUBE_FORBIDDEN, KUBE_NOT_EXECUTED, 0,
         "maximum"},
        {"KUBE 3: namespace terminating", "09-pod-403-namespace-terminating",
         KUBE_NAMESPACE_TERMINATING, KUBE_NOT_EXECUTED, 0, "is being terminated"},
        {"KUBE 4: max in flight, no Status", "12-429-max-inflight-create", KUBE_THROTTLED,
         KUBE_NOT_EXECUTED, 1000000, "Too many requests, please try again later."},
        {"KUBE 4: the same of a list", "12-429-max-inflight-list", KUBE_THROTTLED,
         KUBE_NOT_EXECUTED, 1000000, "Too many requests"},
        {"KUBE 4: priority and fairness", "12-429-apf-reject-list", KUBE_THROTTLED,
         KUBE_NOT_EXECUTED, 1000000, "Too many requests"},
        {"KUBE 4: a disruption budget", "05-eviction-429", KUBE_THROTTLED, KUBE_NOT_EXECUTED, 0,
         "disruption budget"},
        {"KUBE 5: an expired continue token", "10-pods-list-410-continue-expired", KUBE_GONE,
         KUBE_NOT_EXECUTED, 0, "too old"},
        {"KUBE 5: an exact version gone", "10-pods-list-410-exact-rv", KUBE_GONE, KUBE_NOT_EXECUTED,
         0, "too old"},
        {"KUBE 6: a version from the future", "06-pods-list-504-future-rv", KUBE_TIMEOUT,
         KUBE_EXECUTION_UNKNOWN, 1000000, "Too large resource version"},
        {"KUBE 6: a version that is no number", "06-pods-list-500-rv-not-a-number",
         KUBE_SERVER_ERROR, KUBE_EXECUTION_UNKNOWN, 0, "abc"},
        {"KUBE 9: a lease update without version", "07-lease-update-no-rv", KUBE_INVALID,
         KUBE_NOT_EXECUTED, 0, "must be specified for an update"},
        {"KUBE 9: an old version", "07-lease-update-409-Conflict", KUBE_CONFLICT, KUBE_NOT_EXECUTED,
         0, "the object has been modified"},
        {"KUBE 9: no fraction digits", "07-lease-time-without-micros", KUBE_INVALID,
         KUBE_NOT_EXECUTED, 0, "parsing time"},
        {"KUBE 9: an invalid lease", "07-lease-422", KUBE_INVALID, KUBE_NOT_EXECUTED, 0,
         "is invalid"},
        {"it exists", "07-lease-409-AlreadyExists", KUBE_EXISTS, KUBE_NOT_EXECUTED, 0,
         "already exists"},
        {"a precondition", "05-pod-delete-409-uid", KUBE_CONFLICT, KUBE_NOT_EXECUTED, 0,
         "the UID in the precondition"},
        {"not there", "05-pod-delete-404", KUBE_NOT_FOUND, KUBE_NOT_EXECUTED, 0, "not found"},
        {"KUBE 13: the kubelet refuses", "05-pod-log-500-dial", KUBE_SERVER_ERROR,
         KUBE_EXECUTION_UNKNOWN, 0, "connection refused"},
        {"KUBE 13: no such container", "05-pod-log-400-container", KUBE_INVALID, KUBE_NOT_EXECUTED,
         0, "container nope is not valid"},
        {"broken JSON", "05-pods-400-truncated-json", KUBE_INVALID, KUBE_NOT_EXECUTED, 0, "JSON"},
        {"a method it does not know", "05-pods-405", KUBE_INVALID, KUBE_NOT_EXECUTED, 0,
         "does not allow"},
        {"many causes", "05-pods-422-many", KUBE_INVALID, KUBE_NOT_EXECUTED, 0, "Invalid value"},
        {"KUBE 16: a create without etcd", "11-create-504-etcd-down", KUBE_TIMEOUT,
         KUBE_EXECUTION_UNKNOWN, 0, "did not complete"},
        {"KUBE 16: a Status without kind, as text", "11-get-504-etcd-down", KUBE_TIMEOUT,
         KUBE_EXECUTION_UNKNOWN, 0, "Timeout: request did not complete within 1m0s"},
        {"KUBE 16: the first create after it", "11-create-after-long-outage", KUBE_SERVER_ERROR,
         KUBE_EXECUTION_UNKNOWN, 0, "resource quota evaluation timed out"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct kube_status status = status_of_recorded(rows[i].recorded);

        CHECK_STR(kube_outcome_name(status.outcome), kube_outcome_name(rows[i].outcome),
                  rows[i].what);
        CHECK_EQ(status.execution, rows[i].execution, rows[i].what);
        CHECK_EQ(status.retry_after_us, rows[i].retry_after_us, rows[i].what);
        if (strstr(status.message, rows[i].words) == NULL) {
            CHECK_STR(status.message, rows[i].words, rows[i].what);
        }
    }
}

TEST(kube_status_from_reply__takes_good_answers_for_good) {
    static const char *const names[] = {"05-pods-list-empty", "05-pod-log-204-no-host"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct kube_status status = status_of_recorded(names[i]);

        CHECK_EQ(status.outcome, KUBE_OK, names[i]);
        CHECK_EQ(status.execution, KUBE_EXECUTED, names[i]);
    }
}

TEST(kube_status_from_reply__survives_bodies_that_are_no_status) {
    static const struct {
        const char *what;
        int http_code;
        const char *retry_after;
        const char *body;
        enum kube_outcome outcome;
        int64_t retry_after_us;
        const char *message;
    } rows[] = {
        {"empty", 500, NULL, "", KUBE_SERVER_ERROR, 0, "the server gave no reason"},
        {"a redirect", 302, NULL, "", KUBE_INVALID, 0,
         "the server answered with a redirect, which an API server never does: is this one?"},
        {"HTML over lines", 502, NULL, "<html>\r\n  bad\tgateway\r\n", KUBE_SERVER_ERROR, 0,
         "<html> bad gateway"},
        {"bytes that are no UTF-8, and escapes", 500, NULL, "a\xff\x1b[31mred", KUBE_SERVER_ERROR,
         0, "a? [31mred"},
        {"half a Status", 500, NULL, "{\"kind\":\"Status\",\"mess", KUBE_SERVER_ERROR, 0,
         "{\"kind\":\"Status\",\"mess"},
        {"another kind", 500, NULL, "{\"kind\":\"Pod\",\"message\":\"no\"}", KUBE_SERVER_ERROR, 0,
         "{\"kind\":\"Pod\",\"message\":\"no\"}"},
        {"fields of wrong types", 403, NULL,
         "{\"kind\":\"Status\",\"message\":7,\"reason\":[],\"details\":\"x\"}", KUBE_FORBIDDEN, 0,
         "the server gave no reason"},
        {"retryAfterSeconds alone", 429, NULL,
         "{\"kind\":\"Status\",\"message\":\"wait\",\"details\":{\"retryAfterSeconds\":3}}",
         KUBE_THROTTLED, 3000000, "wait"},
        {"the header wins", 429, "2",
         "{\"kind\":\"Status\",\"message\":\"wait\",\"details\":{\"retryAfterSeconds\":3}}",
         KUBE_THROTTLED, 2000000, "wait"},
        {"a day is too long to believe", 429, "86400", "wait", KUBE_THROTTLED, INT64_C(3600000000),
         "wait"},
        {"a date is not understood", 429, "Sun, 22 Nov 2026 14:18:10 GMT", "wait", KUBE_THROTTLED,
         0, "wait"},
        {"negative", 503, "-5", "wait", KUBE_SERVER_ERROR, 0, "wait"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct kube_reply reply = {.http_code = rows[i].http_code,
                                   .retry_after = rows[i].retry_after,
                                   .body = rows[i].body,
                                   .body_bytes = strlen(rows[i].body)};
        struct kube_status status = kube_status_from_reply(&reply);

        CHECK_EQ(status.outcome, rows[i].outcome, rows[i].what);
        CHECK_EQ(status.retry_after_us, rows[i].retry_after_us, rows[i].what);
        CHECK_STR(status.message, rows[i].message, rows[i].what);
    }
}

/* A name can't smuggle the words by which a quota's refusal is known. */
TEST(kube_status_from_reply__is_not_fooled_by_an_objects_name) {
    static const char body[] =
        "{\"kind\":\"Status\",\"reason\":\"Forbidden\",\"message\":\"pods \\\"exceeded quota: \\\" "
        "is forbidden: User \\\"x\\\" cannot create\"}";
    struct kube_reply reply = {.http_code = 403, .body = body, .body_bytes = sizeof body - 1};

    CHECK_EQ(kube_status_from_reply(&reply).outcome, KUBE_FORBIDDEN, "RBAC it is");
}

TEST(kube_status_from_reply__cuts_long_words_between_characters) {
    struct kube_reply reply = {.http_code = 500};
    struct kube_status status;
    struct buf body;

    buf_init(&body, 4096);
    buf_add_text(&body, "{\"kind\":\"Status\",\"message\":\"x");
    for (size_t i = 0; i < 500; i++) {
        buf_add_text(&body, "\xe2\x82\xac"); /* three bytes */
    }
    buf_add_text(&body, "\"}");
    reply.body = buf_text(&body);
    reply.body_bytes = body.bytes;
    status = kube_status_from_reply(&reply);
    CHECK_EQ(strlen(status.message) % 3, 1, "whole characters after the x");
    CHECK(strlen(status.message) > 760, "and as many as fit");
    buf_finish(&body);
}

TEST(kube_status_from_object__reads_the_error_of_a_watch) {
    static const struct {
        const char *what;
        const char *json;
        enum kube_outcome outcome;
    } rows[] = {
        {"KUBE 5: too old",
         "{\"kind\":\"Status\",\"status\":\"Failure\",\"message\":\"too old resource "
         "version: 372 (383)\",\"reason\":\"Expired\",\"code\":410}",
         KUBE_GONE},
        {"the reason alone", "{\"status\":\"Failure\",\"reason\":\"Expired\"}", KUBE_GONE},
        {"the server's trouble", "{\"status\":\"Failure\",\"code\":500}", KUBE_SERVER_ERROR},
        {"no Status", "{\"kind\":\"Pod\"}", KUBE_SERVER_ERROR},
        {"no code", "{\"status\":\"Failure\"}", KUBE_SERVER_ERROR},
        {"a code that is none", "{\"status\":\"Failure\",\"code\":200}", KUBE_SERVER_ERROR},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CHECK_EQ(kube_status_from_object(rows[i].json, strlen(rows[i].json)).outcome,
                 rows[i].outcome, rows[i].what);
    }
}

TEST(kube_status_error__keeps_the_servers_words) {
    struct kube_status refused = status_of_recorded("02-403-rbac");
    struct kube_status fine = {.outcome = KUBE_OK};
    struct kube_status lost = kube_status_of(KUBE_LOST, KUBE_EXECUTION_UNKNOWN, "it broke");
    struct error error = {0};

    CHECK_EQ(kube_status_error(&fine, "list pods", &error), OK, "no failure");
    CHECK_EQ(error.code, OK, "no failure, no error");
    CHECK_EQ(kube_status_error(&refused, "list pods", &error), ERR_DENIED, "refused");
    CHECK(strncmp(error.text, "list pods: 403 Forbidden: ", 26) == 0, error.text);
    CHECK(strstr(error.text, "cannot") != NULL, error.text);
    error = (struct error){0};
    CHECK_EQ(kube_status_error(&lost, "get pod", &error), ERR_IO, "lost");
    CHECK_STR(error.text, "get pod: it broke", "no code without an answer");
}
