#include "api/http_answer.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "api/http.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/error.h"

#define LENGTH "Content-Length: "

static const char *phrase_of(int status) {
    static const struct {
        int status;
        const char *phrase;
    } phrases[] = {
        {100, "Continue"},
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {206, "Partial Content"},
        {301, "Moved Permanently"},
        {302, "Found"},
        {303, "See Other"},
        {304, "Not Modified"},
        {307, "Temporary Redirect"},
        {308, "Permanent Redirect"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {410, "Gone"},
        {411, "Length Required"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {417, "Expectation Failed"},
        {422, "Unprocessable Content"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
        {507, "Insufficient Storage"},
    };

    for (size_t i = 0; i < ARRAY_LEN(phrases); i++) {
        if (phrases[i].status == status) {
            return phrases[i].phrase;
        }
    }
    return "Other";
}

bool http_status_has_body(int status) {
    return status >= 200 && status != 204 && status != 304;
}

/* A control character in a value could begin a header, or an answer, of somebody else's making. */
static bool is_clean(const char *text) {
    for (; *text != '\0'; text++) {
        if (((unsigned char)*text < ' ' && *text != '\t') || *text == 0x7f) {
            return false;
        }
    }
    return true;
}

static void add_field(struct buf *out, const char *name, const char *value) {
    if (name != NULL && value != NULL && is_clean(name) && is_clean(value)) {
        buf_add_text(out, name);
        buf_add_text(out, ": ");
        buf_add_text(out, value);
        buf_add_text(out, "\r\n");
    }
}

static void add_beginning(struct buf *out, const struct http_reply *reply, const char *date) {
    buf_add_text(out, "HTTP/1.1 ");
    buf_add_int64(out, reply->status);
    buf_add_char(out, ' ');
    buf_add_text(out, phrase_of(reply->status));
    buf_add_text(out, "\r\n");
    buf_add_text(out, "Date: "); /* Ours, and clean. */
    buf_add_text(out, date);
    buf_add_text(out, "\r\n");
    add_field(out, "Content-Type", reply->content_type);
}

void http_answer_head(struct buf *out, const struct http_reply *reply, enum http_framing framing,
                      enum http_afterwards afterwards, const char *date) {
    add_beginning(out, reply, date);
    for (size_t i = 0; i < reply->field_count; i++) {
        add_field(out, reply->fields[i].name, reply->fields[i].value);
    }
    if (framing == HTTP_FRAMING_CHUNKED) {
        add_field(out, "Transfer-Encoding", "chunked");
    } else if (framing == HTTP_FRAMING_LENGTH && http_status_has_body(reply->status)) {
        buf_add_text(out, LENGTH);
        buf_add_uint64(out, reply->body_bytes);
        buf_add_text(out, "\r\n");
    }
    if (afterwards != HTTP_AFTERWARDS_SILENT_KEEP) {
        add_field(out, "Connection", afterwards == HTTP_AFTERWARDS_CLOSE ? "close" : "keep-alive");
    }
    buf_add_text(out, "\r\n");
}

static bool is_known(const struct http_head_memo *memo, const struct http_reply *reply,
                     const char *date) {
    return memo->bytes > 0 && memo->status == reply->status && strcmp(memo->date, date) == 0 &&
           reply->content_type != NULL && strcmp(memo->content_type, reply->content_type) == 0;
}

/* Forgotten when it is too long. */
static void learn(struct http_head_memo *memo, const struct http_reply *reply, const char *date,
                  const char *head, size_t bytes) {
    const char *type = reply->content_type != NULL ? reply->content_type : "";

    memo->bytes = 0;
    if (bytes <= sizeof memo->text && strlen(type) < sizeof memo->content_type) {
        memo->status = reply->status;
        (void)snprintf(memo->content_type, sizeof memo->content_type, "%s", type);
        (void)snprintf(memo->date, sizeof memo->date, "%s", date);
        memcpy(memo->text, head, bytes);
        memo->bytes = bytes;
    }
}

void http_answer_plain_head(struct buf *out, struct http_head_memo *memo,
                            const struct http_reply *reply, const char *date) {
    size_t from = out->bytes;

    if (is_known(memo, reply, date)) {
        buf_add(out, memo->text, memo->bytes);
    } else {
        add_beginning(out, reply, date);
        buf_add(out, LENGTH, strlen(LENGTH));
        if (!out->full) {
            learn(memo, reply, date, out->data + from, out->bytes - from);
        }
    }
    buf_add_uint64(out, reply->body_bytes);
    buf_add_text(out, "\r\n\r\n");
}

void http_date_print(int64_t now_us, char out_text[HTTP_DATE_BYTES]) {
    static const char days[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t seconds = (time_t)(now_us / CLOCK_US_PER_SECOND);
    struct tm tm;

    out_text[0] = '\0';
    if (gmtime_r(&seconds, &tm) != NULL) {
        (void)snprintf(out_text, HTTP_DATE_BYTES, "%s, %02u %s %04u %02u:%02u:%02u GMT",
                       days[tm.tm_wday % 7], (unsigned)tm.tm_mday % 100, months[tm.tm_mon % 12],
                       ((unsigned)tm.tm_year + 1900) % 10000, (unsigned)tm.tm_hour % 100,
                       (unsigned)tm.tm_min % 100, (unsigned)tm.tm_sec % 100);
    }
}
