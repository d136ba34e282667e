#include "k8s/kube_status.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/ensure.h"
#include "base/text.h"

#define RETRY_AFTER_SECONDS_MAX 3600

/* --- The table ---------------------------------------------------------------------------------
 */

static const struct {
    const char *name;
    int code;
    bool is_transient;
} outcomes[KUBE_OUTCOME_COUNT] = {
#define KUBE_OUTCOME_ROW(name, code, transient) {#name, code, transient},
    KUBE_OUTCOME_LIST(KUBE_OUTCOME_ROW)
#undef KUBE_OUTCOME_ROW
};

const char *kube_outcome_name(enum kube_outcome outcome) {
    return outcome < KUBE_OUTCOME_COUNT ? outcomes[outcome].name : "?";
}

bool kube_outcome_is_transient(enum kube_outcome outcome) {
    return outcome < KUBE_OUTCOME_COUNT && outcomes[outcome].is_transient;
}

/* --- Reading a Status --------------------------------------------------------------------------
 */

/* The length without a last character of UTF-8 whose end did not fit. */
static size_t without_cut_character(const char *text, size_t bytes) {
    size_t lead = bytes;
    size_t want;

    while (lead > 0 && bytes - lead < 3 && ((unsigned char)text[lead - 1] & 0xc0) == 0x80) {
        lead--;
    }
    if (lead == 0 || (unsigned char)text[lead - 1] < 0xc0) {
        return bytes;
    }
    want = (unsigned char)text[lead - 1] >= 0xf0   ? 4
           : (unsigned char)text[lead - 1] >= 0xe0 ? 3
                                                   : 2;
    return bytes - (lead - 1) < want ? lead - 1 : bytes;
}

/* One line of printable text: whatever the server sends may end up on a terminal. */
static void copy_words(char *out, size_t room, const char *text, size_t bytes) {
    size_t used = 0;

    for (size_t i = 0; i < bytes && used + 1 < room; i++) {
        unsigned char byte = (unsigned char)text[i];

        if (byte < 0x20 || byte == 0x7f) {
            byte = ' ';
        }
        if (byte == ' ' && (used == 0 || out[used - 1] == ' ')) {
            continue;
        }
        out[used++] = (char)byte;
    }
    used = without_cut_character(out, used);
    while (used > 0 && out[used - 1] == ' ') {
        used--;
    }
    out[used] = '\0';
}

/* The same of a body that is no JSON, and so may be in any encoding. */
static void copy_plain(char *out, size_t room, const char *text, size_t bytes) {
    copy_words(out, room, text, bytes);
    for (; *out != '\0'; out++) {
        if ((unsigned char)*out >= 0x80) {
            *out = '?';
        }
    }
}

static void copy_member(char *out, size_t room, const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));

    if (text != NULL) {
        copy_words(out, room, text, strlen(text));
    }
}

static int64_t seconds_to_us(int64_t seconds) {
    if (seconds <= 0) {
        return 0;
    }
    if (seconds > RETRY_AFTER_SECONDS_MAX) {
        seconds = RETRY_AFTER_SECONDS_MAX;
    }
    return seconds * CLOCK_US_PER_SECOND;
}

static void read_details(struct kube_status *status, const json_t *details) {
    const json_t *cause = json_array_get(json_object_get(details, "causes"), 0);
    int64_t retry_us =
        seconds_to_us(json_integer_value(json_object_get(details, "retryAfterSeconds")));

    copy_member(status->kind, sizeof status->kind, details, "kind");
    copy_member(status->name, sizeof status->name, details, "name");
    copy_member(status->cause, sizeof status->cause, cause, "reason");
    copy_member(status->cause_field, sizeof status->cause_field, cause, "field");
    if (status->retry_after_us == 0) {
        status->retry_after_us = retry_us;
    }
}

/* Fills the texts. A timeout of the server's comes as a Status without kind, so any
 * object with a message, reason or status is taken for one. False when this is none. */
static bool read_status_object(struct kube_status *status, const char *json, size_t bytes,
                               int *out_code) {
    json_t *root = json_loadb(json, bytes, JSON_DISABLE_EOF_CHECK, NULL);
    const char *kind = json_string_value(json_object_get(root, "kind"));
    bool is_status =
        json_is_object(root) && (kind == NULL || strcmp(kind, "Status") == 0) &&
        (json_object_get(root, "message") != NULL || json_object_get(root, "reason") != NULL ||
         json_object_get(root, "status") != NULL);

    if (is_status) {
        json_int_t code = json_integer_value(json_object_get(root, "code"));

        copy_member(status->message, sizeof status->message, root, "message");
        copy_member(status->reason, sizeof status->reason, root, "reason");
        read_details(status, json_object_get(root, "details"));
        *out_code = code >= 300 && code <= 599 ? (int)code : 0;
    }
    json_decref(root);
    return is_status;
}

/* --- Judging -----------------------------------------------------------------------------------
 */

/* RBAC, quota, LimitRange and a terminating namespace share one code and one reason: beside
 * the causes only the words tell them apart. The object's name comes before "is forbidden: ", and
 * can't hold these words. */
static enum kube_outcome judge_forbidden(const struct kube_status *status) {
    const char *words = strstr(status->message, "is forbidden: ");

    words = words == NULL ? status->message : words + strlen("is forbidden: ");
    if (strcmp(status->cause, "NamespaceTerminating") == 0 ||
        strstr(words, "because it is being terminated") != NULL) {
        return KUBE_NAMESPACE_TERMINATING;
    }
    if (text_starts_with(words, "exceeded quota: ")) {
        return KUBE_QUOTA_EXCEEDED;
    }
    if (text_starts_with(words, "failed quota: ")) {
        return KUBE_QUOTA_UNSPECIFIED;
    }
    return KUBE_FORBIDDEN;
}

static enum kube_outcome judge(const struct kube_status *status) {
    switch (status->http_code) {
    case 400:
    case 405:
    case 406:
    case 411:
    case 413:
    case 414:
    case 415:
    case 422:
        return KUBE_INVALID;
    case 401:
        return KUBE_UNAUTHORIZED;
    case 403:
        return judge_forbidden(status);
    case 404:
        return KUBE_NOT_FOUND;
    case 408:
    case 504:
        return KUBE_TIMEOUT;
    case 409:
        return strcmp(status->reason, "AlreadyExists") == 0 ? KUBE_EXISTS : KUBE_CONFLICT;
    case 410:
        return KUBE_GONE;
    case 429:
        return KUBE_THROTTLED;
    default:
        return status->http_code >= 500 ? KUBE_SERVER_ERROR : KUBE_INVALID;
    }
}

/* Whatever is refused before it reaches the store was not carried out. */
static enum kube_execution judge_execution(const struct kube_status *status) {
    if (status->http_code < 300) {
        return KUBE_EXECUTED;
    }
    return status->http_code == 408 || status->http_code >= 500 ? KUBE_EXECUTION_UNKNOWN
                                                                : KUBE_NOT_EXECUTED;
}

static void read_retry_after(struct kube_status *status, const char *header) {
    int64_t seconds;

    if (header != NULL && text_parse_int64(header, &seconds) == OK) {
        status->retry_after_us = seconds_to_us(seconds);
    }
}

struct kube_status kube_status_from_reply(const struct kube_reply *reply) {
    struct kube_status status = {.http_code = reply->http_code};
    int code;

    status.execution = judge_execution(&status);
    if (reply->http_code >= 200 && reply->http_code < 300) {
        return status;
    }
    read_retry_after(&status, reply->retry_after);
    if (!read_status_object(&status, reply->body, reply->body_bytes, &code)) {
        copy_plain(status.message, sizeof status.message, reply->body, reply->body_bytes);
    }
    if (status.message[0] == '\0') {
        (void)snprintf(status.message, sizeof status.message,
                       reply->http_code < 400 ? "the server answered with a redirect, which an API "
                                                "server never does: is this one?"
                                              : "the server gave no reason");
    }
    status.outcome = judge(&status);
    return status;
}

struct kube_status kube_status_from_object(const char *json, size_t bytes) {
    struct kube_status status = {.http_code = 500};
    int code = 0;

    if (!read_status_object(&status, json, bytes, &code)) {
        return kube_status_of(KUBE_SERVER_ERROR, KUBE_NOT_EXECUTED,
                              "the watch ended with an error that is no Status");
    }
    if (code != 0) {
        status.http_code = code;
    } else if (strcmp(status.reason, "Expired") == 0 || strcmp(status.reason, "Gone") == 0) {
        status.http_code = 410;
    }
    status.execution = KUBE_NOT_EXECUTED;
    status.outcome = judge(&status);
    return status;
}

struct kube_status kube_status_of(enum kube_outcome outcome, enum kube_execution execution,
                                  const char *format, ...) {
    struct kube_status status = {.outcome = outcome, .execution = execution};
    va_list args;

    va_start(args, format);
    (void)vsnprintf(status.message, sizeof status.message, format, args);
    va_end(args);
    return status;
}

int kube_status_error(const struct kube_status *status, const char *what, struct error *out_error) {
    int code;

    ENSURE(status->outcome < KUBE_OUTCOME_COUNT);
    code = outcomes[status->outcome].code;
    if (code == OK) {
        return OK;
    }
    if (status->http_code == 0) {
        return error_set(out_error, code, "%s: %s", what, status->message);
    }
    return error_set(out_error, code, "%s: %d %s%s%s", what, status->http_code, status->reason,
                     status->reason[0] == '\0' ? "" : ": ", status->message);
}
