#include "notify/message.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/civil.h"
#include "base/clock.h"
#include "base/ensure.h"
#include "base/memory.h"
#include "base/rfc3339.h"

#define EVENT_NOTE_BYTES 1024 /* what the API server takes of an Event's message */
#define LINE_BYTES       76   /* of base64 in an e-mail: RFC 2045 */
#define WORD_BYTES       45   /* of text in one encoded word, which has at most 75 characters */

/* --- JSON ------------------------------------------------------------------------------------- */

/* What a program said may be no UTF-8: the bytes that are not ASCII become question marks then. */
static json_t *text_of(const char *text) {
    json_t *value = json_string(text);
    char *ascii;

    if (value != NULL) {
        return value;
    }
    ascii = mem_copy_text(text);
    for (char *at = ascii; *at != '\0'; at++) {
        *at = (unsigned char)*at < 0x80 ? *at : '?';
    }
    value = json_string(ascii);
    free(ascii);
    return value;
}

static void put(json_t *object, const char *key, const char *text) {
    (void)json_object_set_new(object, key, text_of(text));
}

static void put_time(json_t *object, const char *key, int64_t time_us) {
    char text[RFC3339_BYTES_MAX];

    rfc3339_print(time_us, text);
    put(object, key, text);
}

static void put_int(json_t *object, const char *key, int64_t value) {
    (void)json_object_set_new(object, key, json_integer(value));
}

static void print(json_t *object, struct buf *out) {
    char *text = json_dumps(object, JSON_COMPACT);

    ENSURE(text != NULL);
    buf_add_text(out, text);
    free(text);
    json_decref(object);
}

void notify_json(const struct notify_message *message, struct buf *out) {
    json_t *object = json_object();
    json_t *job;

    put(object, "id", message->id);
    put_time(object, "at", message->at_us);
    put(object, "class", message->class_text);
    put(object, "event", message->kind);
    put(object, "text", message->text);
    if (message->job_id != 0) {
        job = json_object();
        put_int(job, "id", (int64_t)message->job_id);
        put(job, "name", message->name);
        put(job, "namespace", message->namespace);
        put(job, "team", message->team);
        put(job, "state", message->state);
        put_int(job, "attempt", message->attempt);
        (void)json_object_set_new(object, "job", job);
    }
    if (message->html != NULL) {
        put(object, "html", message->html);
    }
    print(object, out);
}

/* "etl (job 7, team red): finish_missed" */
static char *headline(const struct notify_message *message) {
    if (message->job_id == 0) {
        return mem_format("nightshift: %s", message->class_text);
    }
    return mem_format("%s/%s (job %" PRIu64 ", team %s): %s", message->namespace, message->name,
                      message->job_id, message->team, message->kind);
}

/* Slack reads these three as its own marks. */
static void add_escaped(struct buf *out, const char *text) {
    for (; *text != '\0'; text++) {
        switch (*text) {
        case '&':
            buf_add_text(out, "&amp;");
            break;
        case '<':
            buf_add_text(out, "&lt;");
            break;
        case '>':
            buf_add_text(out, "&gt;");
            break;
        default:
            buf_add_char(out, *text);
            break;
        }
    }
}

void notify_slack(const struct notify_message *message, struct buf *out) {
    char *head = headline(message);
    json_t *object = json_object();
    struct buf text;

    buf_init(&text, 64 * 1024);
    buf_add_char(&text, '*');
    add_escaped(&text, head);
    buf_add_text(&text, "*\n");
    add_escaped(&text, message->text);
    put(object, "text", buf_text(&text));
    print(object, out);
    buf_finish(&text);
    free(head);
}

/* --- E-mail ----------------------------------------------------------------------------------- */

/* RFC 2047, so that no byte of a text can end the header: words of base64. */
static void add_header_text(struct buf *out, const char *name, const char *text) {
    size_t left = strlen(text);

    buf_add_format(out, "%s:", name);
    do {
        size_t bytes = left < WORD_BYTES ? left : WORD_BYTES;
        char *word;

        while (bytes < left && bytes > 1 && ((unsigned char)text[bytes] & 0xc0) == 0x80) {
            bytes--; /* Not within a character. */
        }
        word = base64_encode(text, bytes, BASE64_USUAL);
        buf_add_format(out, " =?UTF-8?B?%s?=\r\n", word);
        free(word);
        text += bytes;
        left -= bytes;
    } while (left > 0);
}

static void add_date(struct buf *out, int64_t now_us) {
    static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    int64_t now_s = now_us / CLOCK_US_PER_SECOND;
    int64_t day = civil_day_of(now_s);
    struct civil_date date = civil_date_of(day);
    int second = (int)(now_s - day * CIVIL_DAY_S);

    buf_add_format(out, "Date: %s, %d %s %04d %02d:%02d:%02d +0000\r\n", days[civil_weekday(day)],
                   date.day, months[date.month - 1], date.year, second / 3600, second / 60 % 60,
                   second % 60);
}

static void add_body(struct buf *out, const char *type, const char *text) {
    char *encoded = base64_encode(text, strlen(text), BASE64_USUAL);
    size_t left = strlen(encoded);

    buf_add_format(
        out, "Content-Type: %s; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n", type);
    for (const char *at = encoded; left > 0;) {
        size_t bytes = left < LINE_BYTES ? left : LINE_BYTES;

        buf_add(out, at, bytes);
        buf_add_text(out, "\r\n");
        at += bytes;
        left -= bytes;
    }
    free(encoded);
}

void notify_email(const struct notify_message *message, const struct notify_addresses *addresses,
                  int64_t now_us, struct buf *out) {
    char *head = headline(message);
    char *text;
    char at[RFC3339_BYTES_MAX];

    rfc3339_print(message->at_us, at);
    text = mem_format("%s\n\n%s\n\nat %s, id %s\n", head, message->text, at, message->id);
    add_date(out, now_us);
    buf_add_format(out, "From: %s\r\n", addresses->from);
    for (size_t i = 0; i < addresses->to_count; i++) {
        buf_add_format(out, "%s%s%s", i == 0 ? "To: " : "\t", addresses->to[i],
                       i + 1 < addresses->to_count ? ",\r\n" : "\r\n");
    }
    add_header_text(out, "Subject", head);
    buf_add_format(out,
                   "Message-ID: <%s@nightshift>\r\nX-Nightshift-Id: %s\r\n"
                   "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n",
                   message->id, message->id);
    add_body(out, message->html != NULL ? "text/html" : "text/plain",
             message->html != NULL ? message->html : text);
    free(text);
    free(head);
}

/* --- Kubernetes ------------------------------------------------------------------------------- */

static bool is_bad_news(const char *kind) {
    static const char *const good[] = {"succeeded", "start_safe", "finish_safe"};

    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        if (strcmp(kind, good[i]) == 0) {
            return false;
        }
    }
    return true;
}

/* "finish_missed" as Kubernetes writes reasons: "FinishMissed". */
static void print_reason(const char *kind, char out_text[64]) {
    size_t count = 0;

    for (bool first = true; *kind != '\0' && count < 63; kind++) {
        if (*kind == '_') {
            first = true;
            continue;
        }
        out_text[count++] = (char)(first && *kind >= 'a' && *kind <= 'z' ? *kind - 32 : *kind);
        first = false;
    }
    out_text[count] = '\0';
}

/* Of a job that never had a pod its namespace is the nearest there is. An Event has to stand in the
 * namespace that it names as its object's: of a namespace, its own. */
static json_t *about_what(const struct notify_message *message, const char *pod_name,
                          const char *pod_uid) {
    const bool is_pod = pod_uid[0] != '\0';
    json_t *about = json_object();

    put(about, "apiVersion", "v1");
    put(about, "kind", is_pod ? "Pod" : "Namespace");
    put(about, "name", is_pod ? pod_name : message->namespace);
    put(about, "namespace", message->namespace);
    if (is_pod) {
        put(about, "uid", pod_uid);
    }
    return about;
}

void notify_event(const struct notify_message *message, const char *pod_name, const char *pod_uid,
                  struct buf *out) {
    json_t *object = json_object();
    json_t *metadata = json_object();
    json_t *source = json_object();
    char *name =
        mem_format("%s.%s", pod_uid[0] != '\0' ? pod_name : message->namespace, message->id);
    char *note =
        mem_format("job %" PRIu64 " %s: %s", message->job_id, message->name, message->text);
    char reason[64];

    if (strlen(note) > EVENT_NOTE_BYTES) {
        size_t bytes = EVENT_NOTE_BYTES;

        while (bytes > 0 && ((unsigned char)note[bytes] & 0xc0) == 0x80) {
            bytes--;
        }
        note[bytes] = '\0';
    }
    print_reason(message->kind, reason);
    put(object, "apiVersion", "v1");
    put(object, "kind", "Event");
    put(metadata, "name", name);
    put(metadata, "namespace", message->namespace);
    (void)json_object_set_new(object, "metadata", metadata);
    (void)json_object_set_new(object, "involvedObject", about_what(message, pod_name, pod_uid));
    put(object, "reason", reason);
    put(object, "message", note);
    put(object, "type", is_bad_news(message->kind) ? "Warning" : "Normal");
    put_time(object, "firstTimestamp", message->at_us);
    put_time(object, "lastTimestamp", message->at_us);
    put_int(object, "count", 1);
    put(source, "component", "nightshift");
    (void)json_object_set_new(object, "source", source);
    print(object, out);
    free(name);
    free(note);
}
