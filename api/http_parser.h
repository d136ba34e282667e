/* api/http_parser.h - bytes in, requests or refusals out. No I/O.
 *
 * llhttp in strict mode does the framing; in front of it a guard looks at each line of the head
 * (no bare CR or LF, no folded lines, the protocol is HTTP/1.0 or 1.1), behind it come our own
 * limits and checks. Whatever two parsers could read in two ways is refused, and a refusal is
 * the connection's end.
 */
#ifndef API_HTTP_PARSER_H
#define API_HTTP_PARSER_H

#include <stddef.h>

struct http_limits;
struct http_parser;
struct http_request;
struct http_request_pool;

enum http_step {
    HTTP_STEP_MORE,    /* all bytes are used and more are needed */
    HTTP_STEP_HEAD,    /* the head is complete, a body is to come; feed on */
    HTTP_STEP_REQUEST, /* take the request before feeding on */
    HTTP_STEP_REFUSED, /* feed nothing more */
};

enum http_progress {
    HTTP_PROGRESS_IDLE, /* between requests */
    HTTP_PROGRESS_HEAD,
    HTTP_PROGRESS_BODY,
};

/* Both are borrowed; the pool, of the requests it makes, may be NULL. */
struct http_parser *http_parser_create(const struct http_limits *limits,
                                       struct http_request_pool *pool);
void http_parser_destroy(struct http_parser *parser); /* Accepts NULL. */

/* Use bytes up to the next step; *out_used says how many were. */
enum http_step http_parser_feed(struct http_parser *parser, const char *bytes, size_t count,
                                size_t *out_used);

enum http_progress http_parser_progress(const struct http_parser *parser);

/* The request being read: head complete after HTTP_STEP_HEAD. NULL while idle. */
struct http_request *http_parser_request(struct http_parser *parser);

/* After HTTP_STEP_REQUEST: the caller's to destroy. The parser is idle again. */
struct http_request *http_parser_take_request(struct http_parser *parser);

/* After HTTP_STEP_REFUSED: the status, and a static text that says why. */
int http_parser_refusal(const struct http_parser *parser, const char **out_why);

#endif
