#include "api/http_parser.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/http.h"
#include "api/http_request.h"
#include "tests/test.h"

#define HOST "Host: h\r\n"

static struct http_limits small_limits(void) {
    struct http_limits limits = http_limits_default();

    limits.header_bytes = 512;
    limits.header_count = 16;
    limits.url_bytes = 128;
    limits.body_bytes = 1000;
    return limits;
}

/* What a whole text came to: 200 for each request taken, then the refusal or 0. */
struct outcome {
    size_t requests;
    int refusal;
    size_t body_bytes; /* of the last request */
    char path[200];
    char method[32];
};

static void take(struct http_parser *parser, struct outcome *outcome) {
    struct http_request *request = http_parser_take_request(parser);
    size_t bytes;

    outcome->requests++;
    (void)http_body(request, &bytes);
    outcome->body_bytes = bytes;
    snprintf(outcome->path, sizeof outcome->path, "%s", http_path(request));
    snprintf(outcome->method, sizeof outcome->method, "%s", http_method(request));
    http_request_destroy(request);
}

/* Feed the text in pieces of step bytes, each at the end of its own memory. */
static struct outcome feed(const char *text, size_t count, size_t step) {
    struct http_limits limits = small_limits();
    struct http_parser *parser = http_parser_create(&limits, NULL);
    struct outcome outcome = {0};
    const char *why;

    while (count > 0 && outcome.refusal == 0) {
        size_t now = step < count ? step : count;
        size_t used;
        char *piece = malloc(now);

        CHECK(piece != NULL, "memory");
        memcpy(piece, text, now);
        switch (http_parser_feed(parser, piece, now, &used)) {
        case HTTP_STEP_MORE:
            CHECK_EQ(used, now, "more is asked for when all is used");
            break;
        case HTTP_STEP_HEAD:
            break;
        case HTTP_STEP_REQUEST:
            take(parser, &outcome);
            break;
        case HTTP_STEP_REFUSED:
            outcome.refusal = http_parser_refusal(parser, &why);
            CHECK(why != NULL, "a refusal says why");
            used = now;
            break;
        }
        free(piece);
        text += used;
        count -= used;
    }
    http_parser_destroy(parser);
    return outcome;
}

struct row {
    const char *what;
    const char *text;
    size_t bytes; /* 0: up to the NUL */
    size_t want_requests;
    int want_refusal;
};

static void check_rows(const struct row *rows, size_t count) {
    for (size_t i = 0; i < count; i++) {
        size_t bytes = rows[i].bytes > 0 ? rows[i].bytes : strlen(rows[i].text);

        for (size_t step = 1; step <= bytes; step = step < 5 ? step + 1 : step * 3) {
            struct outcome got = feed(rows[i].text, bytes, step);

            CHECK_EQ(got.requests, rows[i].want_requests, rows[i].what);
            /* In pieces a method may end before its target shows that it is one. */
            if (rows[i].want_refusal == 501 && step < bytes) {
                CHECK(got.refusal == 501 || got.refusal == 400, rows[i].what);
            } else {
                CHECK_EQ(got.refusal, rows[i].want_refusal, rows[i].what);
            }
        }
        CHECK_EQ(feed(rows[i].text, bytes, bytes).refusal, rows[i].want_refusal, rows[i].what);
    }
}

TEST(http_parser_feed__takes_what_is_valid) {
    static const struct row rows[] = {
        {"GET", "GET / HTTP/1.1\r\n" HOST "\r\n", 0, 1, 0},
        {"HTTP/1.0 without Host", "GET / HTTP/1.0\r\n\r\n", 0, 1, 0},
        {"empty lines first", "\r\n\r\nGET / HTTP/1.1\r\n" HOST "\r\n", 0, 1, 0},
        {"pipelined", "GET /a HTTP/1.1\r\n" HOST "\r\nGET /b HTTP/1.1\r\n" HOST "\r\n", 0, 2, 0},
        {"a body of known length", "POST / HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc", 0, 1,
         0},
        {"a body, then a request",
         "POST / HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabcGET / HTTP/1.1\r\n" HOST "\r\n", 0,
         2, 0},
        {"empty body", "POST / HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n", 0, 1, 0},
        {"chunks",
         "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 0, 1,
         0},
        {"chunks in other case",
         "POST / HTTP/1.1\r\n" HOST "transfer-encoding: Chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 0, 1,
         0},
        {"chunk extension and trailer",
         "POST / HTTP/1.1\r\n" HOST
         "Transfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nX-T: 1\r\n\r\n",
         0, 1, 0},
        {"a chunk that looks like a request is none",
         "POST / HTTP/1.1\r\n" HOST
         "Transfer-Encoding: chunked\r\n\r\n1c\r\nGET /evil HTTP/1.1\r\nA: b\r\n\r\n\r\n0\r\n\r\n",
         0, 1, 0},
        {"the client offers another protocol",
         "GET / HTTP/1.1\r\n" HOST "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n"
         "GET / HTTP/1.1\r\n" HOST "\r\n",
         0, 2, 0},
        {"absolute form", "GET http://other/x?y=1 HTTP/1.1\r\n" HOST "\r\n", 0, 1, 0},
        {"OPTIONS of the server", "OPTIONS * HTTP/1.1\r\n" HOST "\r\n", 0, 1, 0},
        {"the same cookie header twice", "GET / HTTP/1.1\r\n" HOST "Cookie: a\r\nCookie: b\r\n\r\n",
         0, 1, 0},
        {"an incomplete head", "GET / HTTP/1.1\r\nHo", 0, 0, 0},
        {"an incomplete body", "POST / HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nab", 0, 0, 0},
    };

    check_rows(rows, ARRAY_LEN(rows));
}

TEST(http_parser_feed__refuses_what_two_parsers_could_read_in_two_ways) {
    static const struct row rows[] = {
        {"length and chunks",
         "POST / HTTP/1.1\r\n" HOST
         "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
         0, 0, 400},
        {"chunks and length",
         "POST / HTTP/1.1\r\n" HOST
         "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
         0, 0, 400},
        {"two lengths that differ",
         "POST / HTTP/1.1\r\n" HOST "Content-Length: 3\r\nContent-Length: 5\r\n\r\nabcde", 0, 0,
         400},
        {"two equal lengths",
         "POST / HTTP/1.1\r\n" HOST "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 0, 0, 400},
        {"negative length", "POST / HTTP/1.1\r\n" HOST "Content-Length: -5\r\n\r\n", 0, 0, 400},
        {"signed length", "POST / HTTP/1.1\r\n" HOST "Content-Length: +5\r\n\r\nabcde", 0, 0, 400},
        {"hexadecimal length", "POST / HTTP/1.1\r\n" HOST "Content-Length: 0x5\r\n\r\nabcde", 0, 0,
         400},
        {"list of lengths", "POST / HTTP/1.1\r\n" HOST "Content-Length: 5, 6\r\n\r\nabcde", 0, 0,
         400},
        {"length beyond 64 bits",
         "POST / HTTP/1.1\r\n" HOST "Content-Length: 18446744073709551621\r\n\r\n", 0, 0, 400},
        {"chunk size beyond 64 bits",
         "POST / HTTP/1.1\r\n" HOST
         "Transfer-Encoding: chunked\r\n\r\n10000000000000005\r\nabcde\r\n",
         0, 0, 400},
        {"bad chunk size", "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nzz\r\n", 0,
         0, 400},
        {"no line end behind a chunk",
         "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n3\r\nabcX0\r\n\r\n", 0, 0,
         400},
        {"unknown coding", "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: xchunked\r\n\r\n", 0, 0,
         501},
        {"coding behind chunked",
         "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", 0, 0,
         400},
        {"coding before chunked",
         "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 0, 0, 501},
        {"two codings in two headers",
         "POST / HTTP/1.1\r\n" HOST
         "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
         0, 0, 400},
        {"chunks in HTTP/1.0",
         "POST / HTTP/1.0\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 0, 0, 400},
        {"space in a name", "GET / HTTP/1.1\r\n" HOST "Foo Bar: x\r\n\r\n", 0, 0, 400},
        {"space before the colon", "GET / HTTP/1.1\r\n" HOST "X-Foo : x\r\n\r\n", 0, 0, 400},
        {"folded header", "GET / HTTP/1.1\r\n" HOST "X-Foo: x\r\n y\r\n\r\n", 0, 0, 400},
        {"folded by a tab", "GET / HTTP/1.1\r\n" HOST "X-Foo: x\r\n\ty\r\n\r\n", 0, 0, 400},
        {"first header begins with a space", "GET / HTTP/1.1\r\n Host: h\r\n\r\n", 0, 0, 400},
        {"length behind a space", "POST / HTTP/1.1\r\n" HOST " Content-Length: 5\r\n\r\nGET /", 0,
         0, 400},
        {"CR alone in a value", "GET / HTTP/1.1\r\n" HOST "X-Foo: a\rb\r\n\r\n", 0, 0, 400},
        {"CR alone between headers", "GET / HTTP/1.1\r\n" HOST "X-Foo: a\rX-Bar: b\r\n\r\n", 0, 0,
         400},
        {"LF alone", "GET / HTTP/1.1\nHost: h\n\n", 0, 0, 400},
        {"LF alone between headers", "GET / HTTP/1.1\r\n" HOST "X: a\nY: b\r\n\r\n", 0, 0, 400},
        {"LF alone before the request", "\nGET / HTTP/1.1\r\n" HOST "\r\n", 0, 0, 400},
        {"a head that ends in CR LF CR X", "GET / HTTP/1.1\r\n" HOST "\r\rX", 0, 0, 400},
        {"NUL in a value", "GET / HTTP/1.1\r\n" HOST "X: a\0b\r\n\r\n",
         sizeof("GET / HTTP/1.1\r\n" HOST "X: a\0b\r\n\r\n") - 1, 0, 400},
        {"NUL in a name", "GET / HTTP/1.1\r\n" HOST "X\0: a\r\n\r\n",
         sizeof("GET / HTTP/1.1\r\n" HOST "X\0: a\r\n\r\n") - 1, 0, 400},
        {"no Host", "GET / HTTP/1.1\r\n\r\n", 0, 0, 400},
        {"two Hosts", "GET / HTTP/1.1\r\n" HOST "Host: i\r\n\r\n", 0, 0, 400},
        {"two Authorizations",
         "GET / HTTP/1.1\r\n" HOST "Authorization: a\r\nAuthorization: b\r\n\r\n", 0, 0, 400},
        {"empty name of the first header", "GET / HTTP/1.1\r\n: a\r\n" HOST "\r\n", 0, 0, 400},
        {"empty header name", "GET / HTTP/1.1\r\n" HOST ": a\r\n\r\n", 0, 0, 400},
        {"header without a colon", "GET / HTTP/1.1\r\n" HOST "nonsense\r\n\r\n", 0, 0, 400},
    };

    check_rows(rows, ARRAY_LEN(rows));
}

TEST(http_parser_feed__refuses_what_is_no_request) {
    static const struct row rows[] = {
        {"garbage", "\x16\x03\x01\x02garbage\r\n\r\n", 0, 0, 400},
        {"no target", "GET HTTP/1.1\r\n" HOST "\r\n", 0, 0, 400},
        {"no version", "GET /\r\n\r\n", 0, 0, 505},
        {"unknown method", "BREW /pot HTTP/1.1\r\n" HOST "\r\n", 0, 0, 501},
        {"proxy request", "CONNECT other:443 HTTP/1.1\r\n" HOST "\r\n", 0, 0, 501},
        {"HTTP/9.9", "GET / HTTP/9.9\r\n" HOST "\r\n", 0, 0, 505},
        {"HTTP/2.0", "GET / HTTP/2.0\r\n" HOST "\r\n", 0, 0, 505},
        {"HTTP/0.9", "GET / HTTP/0.9\r\n" HOST "\r\n", 0, 0, 505},
        {"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 0, 0, 505},
        {"another protocol", "OPTIONS / RTSP/1.0\r\n" HOST "\r\n", 0, 0, 505},
        {"yet another protocol", "SOURCE / ICE/1.0\r\n" HOST "\r\n", 0, 0, 505},
        {"expects the impossible", "GET / HTTP/1.1\r\n" HOST "Expect: gold\r\n\r\n", 0, 0, 417},
        {"bad escape", "GET /%zz HTTP/1.1\r\n" HOST "\r\n", 0, 0, 400},
        {"cut escape", "GET /%4 HTTP/1.1\r\n" HOST "\r\n", 0, 0, 400},
        {"escaped NUL", "GET /a%00 HTTP/1.1\r\n" HOST "\r\n", 0, 0, 400},
        {"escaped NUL in the query", "GET /?a=%00 HTTP/1.1\r\n" HOST "\r\n", 0, 0, 400},
        {"escaped slash", "GET /a%2fb HTTP/1.1\r\n" HOST "\r\n", 0, 0, 400},
        {"escaped line end", "GET /a%0ab HTTP/1.1\r\n" HOST "\r\n", 0, 0, 400},
        {"not UTF-8", "GET /%ff HTTP/1.1\r\n" HOST "\r\n", 0, 0, 400},
        {"overlong UTF-8", "GET /%c0%af HTTP/1.1\r\n" HOST "\r\n", 0, 0, 400},
        {"surrogate", "GET /%ed%a0%80 HTTP/1.1\r\n" HOST "\r\n", 0, 0, 400},
        {"cut UTF-8", "GET /%e2%82 HTTP/1.1\r\n" HOST "\r\n", 0, 0, 400},
        {"fragment", "GET /a#b HTTP/1.1\r\n" HOST "\r\n", 0, 0, 400},
        {"asterisk but not OPTIONS", "GET * HTTP/1.1\r\n" HOST "\r\n", 0, 0, 400},
    };

    check_rows(rows, ARRAY_LEN(rows));
}

/* A text with count times of a byte in the middle; free() it. */
static char *stretched(const char *before, char byte, size_t count, const char *after) {
    size_t begin = strlen(before);
    char *text = malloc(begin + count + strlen(after) + 1);

    CHECK(text != NULL, "memory");
    memcpy(text, before, begin);
    memset(text + begin, byte, count);
    memcpy(text + begin + count, after, strlen(after) + 1);
    return text;
}

TEST(http_parser_feed__holds_its_limits) {
    static const struct {
        const char *what;
        const char *before;
        char byte;
        size_t count;
        const char *after;
        size_t want_requests;
        int want_refusal;
    } rows[] = {
        {"the longest URL", "GET /", 'a', 127, " HTTP/1.1\r\n" HOST "\r\n", 1, 0},
        {"a URL too long", "GET /", 'a', 128, " HTTP/1.1\r\n" HOST "\r\n", 0, 414},
        {"a URL that never ends", "GET /", 'a', 5000, "", 0, 414},
        {"the longest headers", "GET / HTTP/1.1\r\n" HOST "X: ", 'a', 512 - 6, "\r\n\r\n", 1, 0},
        {"headers too long", "GET / HTTP/1.1\r\n" HOST "X: ", 'a', 512 - 5, "\r\n\r\n", 0, 431},
        {"a value that never ends", "GET / HTTP/1.1\r\n" HOST "X: ", 'a', 5000, "", 0, 431},
        {"a name that never ends", "GET / HTTP/1.1\r\n" HOST, 'a', 5000, "", 0, 431},
        {"a long trailer", "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\nX: ",
         'a', 5000, "\r\n\r\n", 0, 431},
        {"the longest body", "POST / HTTP/1.1\r\n" HOST "Content-Length: 1000\r\n\r\n", 'b', 1000,
         "", 1, 0},
        {"a length too long", "POST / HTTP/1.1\r\n" HOST "Content-Length: 1001\r\n\r\n", 'b', 1, "",
         0, 413},
        {"the longest chunk",
         "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n3e8\r\n", 'b', 1000,
         "\r\n0\r\n\r\n", 1, 0},
        {"a chunk too long", "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n3e9\r\n",
         'b', 1001, "\r\n0\r\n\r\n", 0, 413},
        {"a chunk extension that never ends",
         "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n1;", 'x', 40000, "", 0, 400},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char *text = stretched(rows[i].before, rows[i].byte, rows[i].count, rows[i].after);

        for (size_t step = 1; step < 50000; step *= 7) {
            struct outcome got = feed(text, strlen(text), step);

            CHECK_EQ(got.requests, rows[i].want_requests, rows[i].what);
            CHECK_EQ(got.refusal, rows[i].want_refusal, rows[i].what);
        }
        free(text);
    }
}

TEST(http_parser_feed__counts_headers) {
    char text[2000] = "GET / HTTP/1.1\r\nHost: h\r\n";

    for (int more = 1; more <= 16; more++) {
        char whole[2100];

        snprintf(text + strlen(text), sizeof text - strlen(text), "A%d: 1\r\n", more);
        snprintf(whole, sizeof whole, "%s\r\n", text);
        CHECK_EQ(feed(whole, strlen(whole), 9).refusal, more < 16 ? 0 : 431, "16 with Host");
    }
}

TEST(http_request__answers_questions) {
    static const char text[] = "PUT /a%20b/c%C3%A9?x=1+2%2F&y&&=z&x=3&e= HTTP/1.1\r\n"
                               "hOsT: example\r\nX-Empty:\r\nX-Two:  a b \r\nX-Two: c\r\n"
                               "Content-Length: 4\r\n\r\nb\0dy";
    struct http_limits limits = small_limits();
    struct http_parser *parser = http_parser_create(&limits, NULL);
    struct http_request *request;
    const char *name;
    const char *value;
    size_t used;
    size_t bytes;

    CHECK_EQ(http_parser_progress(parser), HTTP_PROGRESS_IDLE, "nothing came yet");
    CHECK_EQ(http_parser_feed(parser, text, 10, &used), HTTP_STEP_MORE, "a part");
    CHECK_EQ(http_parser_progress(parser), HTTP_PROGRESS_HEAD, "it has begun");
    CHECK_EQ(http_parser_feed(parser, text + 10, sizeof text - 11, &used), HTTP_STEP_HEAD, "head");
    CHECK_EQ(http_parser_progress(parser), HTTP_PROGRESS_BODY, "a body is to come");
    CHECK_STR(http_header(http_parser_request(parser), "Host"), "example", "readable before it");
    CHECK_EQ(http_parser_feed(parser, text + 10 + used, sizeof text - 11 - used, &used),
             HTTP_STEP_REQUEST, "all");
    request = http_parser_take_request(parser);
    CHECK_EQ(http_parser_progress(parser), HTTP_PROGRESS_IDLE, "ready for the next");
    CHECK_STR(http_method(request), "PUT", "method");
    CHECK_STR(http_target(request), "/a%20b/c%C3%A9?x=1+2%2F&y&&=z&x=3&e=", "target");
    CHECK_STR(http_path(request), "/a b/c\xc3\xa9", "path");
    CHECK_STR(http_query(request, "x"), "1 2/", "the first of two");
    CHECK_STR(http_query(request, "y"), "", "without a value");
    CHECK_STR(http_query(request, "e"), "", "with an empty value");
    CHECK_STR(http_query(request, "none"), NULL, "absent");
    CHECK_EQ(http_query_count(request), 5, "empty ones are skipped");
    http_query_at(request, 3, &name, &value);
    CHECK_STR(name, "x", "in order");
    CHECK_STR(value, "3", "in order");
    CHECK_STR(http_header(request, "host"), "example", "any case");
    CHECK_STR(http_header(request, "x-empty"), "", "empty");
    CHECK_STR(http_header(request, "X-Two"), "a b", "first, trimmed");
    CHECK_EQ(http_request_header_count(request, "x-two"), 2, "both are there");
    CHECK_STR(http_header(request, "X-None"), NULL, "absent");
    CHECK_MEM(http_body(request, &bytes), "b\0dy", 5, "body, NUL-ended");
    CHECK_EQ(bytes, 4, "its length");
    http_request_destroy(request);
    http_parser_destroy(parser);
}

TEST(http_request__decodes_absolute_targets) {
    static const char text[] = "GET http://other/x%41?y=1 HTTP/1.1\r\nHost: h\r\n\r\n";
    struct outcome got = feed(text, sizeof text - 1, sizeof text);

    CHECK_STR(got.path, "/xA", "the path alone");
    CHECK_STR(got.method, "GET", "method");
}
