/* api/http_answer.h - the bytes of an answer's head. */
#ifndef API_HTTP_ANSWER_H
#define API_HTTP_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct http_reply;

#define HTTP_DATE_BYTES 32

/* How the body's end is found. */
enum http_framing {
    HTTP_FRAMING_LENGTH,
    HTTP_FRAMING_CHUNKED,
    HTTP_FRAMING_CLOSE,
};

enum http_afterwards {
    HTTP_AFTERWARDS_SILENT_KEEP, /* HTTP/1.1 keeps connections unless told otherwise */
    HTTP_AFTERWARDS_KEEP,        /* HTTP/1.0 wants to be told */
    HTTP_AFTERWARDS_CLOSE,
};

/* Add the status line and all headers. Answers that have no body by their status get no length. */
void http_answer_head(struct buf *out, const struct http_reply *reply, enum http_framing framing,
                      enum http_afterwards afterwards, const char *date);

/* The head of an answer that has a length, no headers of its own and a connection that is kept: the
 * one before it was mostly the same. Zeroed, a memo knows none. */
struct http_head_memo {
    int status;
    char content_type[32];
    char date[HTTP_DATE_BYTES];
    char text[160]; /* up to the length */
    size_t bytes;
};
void http_answer_plain_head(struct buf *out, struct http_head_memo *memo,
                            const struct http_reply *reply, const char *date);

/* May an answer with this status have a body? */
bool http_status_has_body(int status);

/* "Sun, 22 Nov 2026 22:00:00 GMT" */
void http_date_print(int64_t now_us, char out_text[HTTP_DATE_BYTES]);

#endif
