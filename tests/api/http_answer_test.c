#include "api/http_answer.h"

#include "api/http.h"
#include "base/buf.h"
#include "base/limits.h"
#include "tests/test.h"

#define NOON    "Sun, 22 Nov 2026 12:00:00 GMT"
#define LATER   "Sun, 22 Nov 2026 12:00:01 GMT"
#define JSON    "application/json"
#define LONGEST "application/vnd.a-type-that-no-memo-holds+json"

/* Each row follows the one before it, with one memo. */
TEST(http_answer_plain_head__is_the_head_whatever_came_before) {
    static const struct {
        const char *what;
        int status;
        const char *type;
        size_t bytes;
        const char *date;
    } rows[] = {
        {"the first", 201, JSON, 10, NOON},
        {"the same", 201, JSON, 10, NOON},
        {"another length", 201, JSON, 12345, NOON},
        {"another status", 200, JSON, 12345, NOON},
        {"another type", 200, "text/plain", 1, NOON},
        {"no type", 200, NULL, 0, NOON},
        {"no type again", 200, NULL, 7, NOON},
        {"a type again", 200, "text/plain", 7, NOON},
        {"another second", 200, "text/plain", 7, LATER},
        {"too long to be kept", 200, LONGEST, 7, LATER},
        {"and again", 200, LONGEST, 8, LATER},
        {"one that is shorter", 200, "application", 8, LATER},
        {"a type that is none", 200, "text/plain\r\nSet-Cookie: x", 8, LATER},
        {"and again", 200, "text/plain\r\nSet-Cookie: x", 8, LATER},
    };
    struct http_head_memo memo = {0};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct http_reply reply = {
            .status = rows[i].status, .content_type = rows[i].type, .body_bytes = rows[i].bytes};
        struct buf got, want;

        buf_init(&got, LIMIT_MIB);
        buf_init(&want, LIMIT_MIB);
        buf_add_text(&got, "before it");
        buf_add_text(&want, "before it");
        http_answer_plain_head(&got, &memo, &reply, rows[i].date);
        http_answer_head(&want, &reply, HTTP_FRAMING_LENGTH, HTTP_AFTERWARDS_SILENT_KEEP,
                         rows[i].date);
        CHECK_STR(buf_text(&got), buf_text(&want), rows[i].what);
        buf_finish(&got);
        buf_finish(&want);
    }
}
