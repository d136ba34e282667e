#include "api/http_parser.h"

#include <llhttp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/http_request.h"
#include "base/ensure.h"
#include "base/memory.h"

/* " HTTP/1.1" before the end of the first line. */
#define VERSION_BYTES 9

/* What chunk sizes, extensions and trailers may cost beside the body they carry. */
#define CHUNK_OVERHEAD_BYTES  (16 * 1024)
#define CHUNK_OVERHEAD_FACTOR 8

struct http_parser {
    llhttp_t llhttp;
    llhttp_settings_t settings;
    const struct http_limits *limits;
    struct http_request_pool *pool;
    struct http_request *request; /* NULL while idle */
    enum http_progress progress;
    bool line_begins; /* the next byte is a line's first */
    bool last_was_cr;
    bool first_line; /* reading the request line */
    bool in_name;    /* the field's name has begun and not ended */
    bool complete;
    char version[VERSION_BYTES]; /* the last bytes of the request line */
    size_t url_bytes;
    size_t field_bytes;
    size_t body_wire_bytes;
    int refusal;
    const char *why;
};

static int refuse(struct http_parser *parser, int status, const char *why) {
    if (parser->refusal == 0) {
        parser->refusal = status;
        parser->why = why;
    }
    return HPE_USER;
}

/* --- llhttp's callbacks: they collect, and never call back into it ---------------------------- */

static int on_message_begin(llhttp_t *llhttp) {
    struct http_parser *parser = llhttp->data;

    ENSURE(parser->request == NULL);
    parser->request = http_request_create(parser->limits, parser->pool);
    parser->progress = HTTP_PROGRESS_HEAD;
    return HPE_OK;
}

static int on_url(llhttp_t *llhttp, const char *at, size_t count) {
    struct http_parser *parser = llhttp->data;

    parser->url_bytes += count;
    if (parser->url_bytes > parser->limits->url_bytes) {
        return refuse(parser, HTTP_STATUS_URI_TOO_LONG, "the URL is too long");
    }
    buf_add(&parser->request->head, at, count);
    return HPE_OK;
}

static int on_text_complete(llhttp_t *llhttp) {
    struct http_parser *parser = llhttp->data;

    if (parser->progress == HTTP_PROGRESS_HEAD) {
        buf_add_char(&parser->request->head, '\0');
    }
    return HPE_OK;
}

/* Counts what a field adds to the head (and to the trailer, which is dropped). */
static int add_field_bytes(struct http_parser *parser, const char *at, size_t count) {
    parser->field_bytes += count;
    if (parser->field_bytes > parser->limits->header_bytes) {
        return refuse(parser, HTTP_STATUS_REQUEST_HEADER_FIELDS_TOO_LARGE,
                      "the headers are too long");
    }
    if (parser->progress == HTTP_PROGRESS_HEAD) {
        buf_add(&parser->request->head, at, count);
    }
    return HPE_OK;
}

static int begin_field(struct http_parser *parser) {
    struct http_request *request = parser->request;

    if (request->field_count == parser->limits->header_count) {
        return refuse(parser, HTTP_STATUS_REQUEST_HEADER_FIELDS_TOO_LARGE,
                      "there are too many headers");
    }
    if (request->field_count == request->field_room) {
        request->field_room = request->field_room > 0 ? 2 * request->field_room : 8;
        request->fields = mem_grow(request->fields, request->field_room, sizeof *request->fields);
    }
    request->fields[request->field_count++] =
        (struct http_place){.name = (uint32_t)request->head.bytes};
    return HPE_OK;
}

static int on_header_field(llhttp_t *llhttp, const char *at, size_t count) {
    struct http_parser *parser = llhttp->data;

    if (parser->progress == HTTP_PROGRESS_HEAD && !parser->in_name) {
        int r = begin_field(parser);

        if (r != HPE_OK) {
            return r;
        }
        parser->in_name = true;
    }
    return add_field_bytes(parser, at, count);
}

/* llhttp lets a line pass that begins with its colon. */
static int on_header_field_complete(llhttp_t *llhttp) {
    struct http_parser *parser = llhttp->data;
    struct http_request *request = parser->request;

    if (parser->progress != HTTP_PROGRESS_HEAD) {
        return HPE_OK;
    }
    if (!parser->in_name || request->fields[request->field_count - 1].name == request->head.bytes) {
        return refuse(parser, HTTP_STATUS_BAD_REQUEST, "a header has no name");
    }
    parser->in_name = false;
    http_request_end_name(request);
    return HPE_OK;
}

/* llhttp keeps the blanks at a value's end. */
static int on_header_value_complete(llhttp_t *llhttp) {
    struct http_parser *parser = llhttp->data;
    struct buf *head = &parser->request->head;

    if (parser->progress == HTTP_PROGRESS_HEAD) {
        size_t begin = parser->request->fields[parser->request->field_count - 1].value;

        while (head->bytes > begin && strchr(" \t", head->data[head->bytes - 1]) != NULL) {
            head->bytes--;
        }
    }
    return on_text_complete(llhttp);
}

static int on_header_value(llhttp_t *llhttp, const char *at, size_t count) {
    return add_field_bytes(llhttp->data, at, count);
}

/* The checks of a whole head are made outside, see check_head(). */
static int on_headers_complete(llhttp_t *llhttp) {
    llhttp->upgrade = 0; /* We switch to no other protocol, whatever the client offers. */
    return HPE_PAUSED;
}

static int on_body(llhttp_t *llhttp, const char *at, size_t count) {
    struct http_parser *parser = llhttp->data;

    if (count > parser->limits->body_bytes - parser->request->body.bytes) {
        return refuse(parser, HTTP_STATUS_PAYLOAD_TOO_LARGE, "the body is too long");
    }
    buf_add(&parser->request->body, at, count);
    return HPE_OK;
}

static int on_message_complete(llhttp_t *llhttp) {
    struct http_parser *parser = llhttp->data;

    parser->complete = true;
    return HPE_PAUSED;
}

/* --- Life cycle ------------------------------------------------------------------------------- */

/* Ready for the next request. */
static void reset(struct http_parser *parser) {
    llhttp_init(&parser->llhttp, HTTP_REQUEST, &parser->settings);
    parser->llhttp.data = parser;
    parser->request = NULL;
    parser->progress = HTTP_PROGRESS_IDLE;
    parser->line_begins = true;
    parser->last_was_cr = false;
    parser->first_line = true;
    parser->in_name = false;
    parser->complete = false;
    memset(parser->version, 0, sizeof parser->version);
    parser->url_bytes = 0;
    parser->field_bytes = 0;
    parser->body_wire_bytes = 0;
}

struct http_parser *http_parser_create(const struct http_limits *limits,
                                       struct http_request_pool *pool) {
    struct http_parser *parser = mem_alloc(1, sizeof *parser);

    parser->limits = limits;
    parser->pool = pool;
    llhttp_settings_init(&parser->settings);
    parser->settings.on_message_begin = on_message_begin;
    parser->settings.on_url = on_url;
    parser->settings.on_url_complete = on_text_complete;
    parser->settings.on_header_field = on_header_field;
    parser->settings.on_header_field_complete = on_header_field_complete;
    parser->settings.on_header_value = on_header_value;
    parser->settings.on_header_value_complete = on_header_value_complete;
    parser->settings.on_headers_complete = on_headers_complete;
    parser->settings.on_body = on_body;
    parser->settings.on_message_complete = on_message_complete;
    reset(parser);
    return parser;
}

void http_parser_destroy(struct http_parser *parser) {
    if (parser != NULL) {
        http_request_destroy(parser->request);
        free(parser);
    }
}

/* --- The guard -------------------------------------------------------------------------------- */

/* One line of the head, or the part of it that is here. Refuses what llhttp 8 still lets pass:
 * folded lines, and line ends that are not CR LF. */
static bool guard_line(struct http_parser *parser, const char *line, size_t count) {
    bool ends = line[count - 1] == '\n';
    size_t body = ends ? count - 1 : count; /* bytes before the LF */
    const char *cr = memchr(line, '\r', body);
    bool ends_in_cr = body > 0 ? line[body - 1] == '\r' : parser->last_was_cr;

    if (parser->line_begins && !parser->first_line && (line[0] == ' ' || line[0] == '\t')) {
        (void)refuse(parser, HTTP_STATUS_BAD_REQUEST, "a header line is folded");
        return false;
    }
    if ((cr != NULL && cr != line + body - 1) || (parser->last_was_cr && body > 0) ||
        (ends && !ends_in_cr)) {
        (void)refuse(parser, HTTP_STATUS_BAD_REQUEST, "a line does not end in CR LF");
        return false;
    }
    parser->line_begins = ends;
    parser->last_was_cr = !ends && ends_in_cr;
    return true;
}

/* Keep the end of the request line; llhttp also takes RTSP/1.0 and ICE/1.0 for HTTP. */
static void remember_version(struct http_parser *parser, const char *line, size_t count) {
    while (count > 0 && (line[count - 1] == '\n' || line[count - 1] == '\r')) {
        count--;
    }
    if (count >= VERSION_BYTES) {
        memcpy(parser->version, line + count - VERSION_BYTES, VERSION_BYTES);
    } else {
        memmove(parser->version, parser->version + count, VERSION_BYTES - count);
        memcpy(parser->version + VERSION_BYTES - count, line, count);
    }
}

static bool check_version(struct http_parser *parser) {
    if (memcmp(parser->version, " HTTP/1.", VERSION_BYTES - 1) == 0 &&
        (parser->version[VERSION_BYTES - 1] == '0' || parser->version[VERSION_BYTES - 1] == '1')) {
        return true;
    }
    (void)refuse(parser, HTTP_STATUS_HTTP_VERSION_NOT_SUPPORTED, "the protocol is not HTTP/1.1");
    return false;
}

/* After llhttp has read a piece of the head. */
static bool end_of_line(struct http_parser *parser, const char *line, size_t count) {
    if (!parser->first_line || parser->progress == HTTP_PROGRESS_IDLE) {
        return true; /* Empty lines before a request are skipped. */
    }
    remember_version(parser, line, count);
    if (!parser->line_begins) {
        return true;
    }
    parser->first_line = false;
    return check_version(parser);
}

/* --- Whole heads ------------------------------------------------------------------------------ */

/* One coding, and that chunked: whatever else is there is for somebody else to read. */
static bool check_framing(struct http_parser *parser) {
    const struct http_request *request = parser->request;
    const char *coding = http_header(request, "Transfer-Encoding");

    if (coding == NULL) {
        return true;
    }
    if (request->version_1_0 || http_header(request, "Content-Length") != NULL ||
        http_request_header_count(request, "Transfer-Encoding") > 1) {
        (void)refuse(parser, HTTP_STATUS_BAD_REQUEST, "the body's length is ambiguous");
        return false;
    }
    if (strcasecmp(coding, "chunked") != 0) {
        (void)refuse(parser, HTTP_STATUS_NOT_IMPLEMENTED, "the only transfer coding is chunked");
        return false;
    }
    return true;
}

static bool check_fields(struct http_parser *parser) {
    static const char *const singles[] = {"Authorization", "Content-Length", "Content-Type", "Host",
                                          "Idempotency-Key"};
    const struct http_request *request = parser->request;

    for (size_t i = 0; i < ARRAY_LEN(singles); i++) {
        if (http_request_header_count(request, singles[i]) > 1) {
            (void)refuse(parser, HTTP_STATUS_BAD_REQUEST, "a header comes twice that may not");
            return false;
        }
    }
    if (!request->version_1_0 && http_header(request, "Host") == NULL) {
        (void)refuse(parser, HTTP_STATUS_BAD_REQUEST, "there is no Host header");
        return false;
    }
    return true;
}

static bool check_expectation(struct http_parser *parser) {
    const char *expect = http_header(parser->request, "Expect");

    if (expect == NULL || parser->request->version_1_0) {
        return true;
    }
    if (strcasecmp(expect, "100-continue") != 0) {
        (void)refuse(parser, HTTP_STATUS_EXPECTATION_FAILED, "only 100-continue can be expected");
        return false;
    }
    parser->request->expects_continue = true;
    return true;
}

static bool check_head(struct http_parser *parser) {
    struct http_request *request = parser->request;
    const llhttp_t *llhttp = &parser->llhttp;

    request->method = llhttp_method_name((llhttp_method_t)llhttp->method);
    request->version_1_0 = llhttp->http_minor == 0;
    request->keep_alive = llhttp_should_keep_alive(llhttp) != 0;
    if (llhttp->method == HTTP_CONNECT) {
        (void)refuse(parser, HTTP_STATUS_NOT_IMPLEMENTED, "this is no proxy");
        return false;
    }
    if (!http_request_decode_target(request)) {
        (void)refuse(parser, HTTP_STATUS_BAD_REQUEST, "the URL is not valid");
        return false;
    }
    if (!check_fields(parser) || !check_framing(parser) || !check_expectation(parser)) {
        return false;
    }
    if (http_header(request, "Content-Length") != NULL &&
        llhttp->content_length > parser->limits->body_bytes) {
        (void)refuse(parser, HTTP_STATUS_PAYLOAD_TOO_LARGE, "the body is too long");
        return false;
    }
    return true;
}

static bool has_body(const struct http_parser *parser) {
    return (parser->llhttp.flags & F_CHUNKED) != 0 || parser->llhttp.content_length > 0;
}

/* --- Feeding ---------------------------------------------------------------------------------- */

static bool is_token(char byte) {
    return (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') || byte == '-';
}

/* Does this look like a request with a method that nobody here knows? */
static bool is_other_method(const char *line, size_t count) {
    size_t i = 0;

    while (i < count && is_token(line[i])) {
        i++;
    }
    return i > 0 && i + 1 < count && line[i] == ' ' && line[i + 1] == '/';
}

static void refuse_error(struct http_parser *parser, llhttp_errno_t error, const char *line,
                         size_t count) {
    if (error == HPE_INVALID_METHOD && is_other_method(line, count)) {
        (void)refuse(parser, HTTP_STATUS_NOT_IMPLEMENTED, "the method is unknown");
    } else if (error == HPE_INVALID_VERSION || error == HPE_PAUSED_H2_UPGRADE) {
        (void)refuse(parser, HTTP_STATUS_HTTP_VERSION_NOT_SUPPORTED,
                     "the protocol is not HTTP/1.1");
    } else {
        (void)refuse(parser, HTTP_STATUS_BAD_REQUEST, "this is not a valid HTTP/1.1 request");
    }
}

/* How many of the bytes go to llhttp at once: one line of a head, a body as it comes. */
static size_t piece(const struct http_parser *parser, const char *bytes, size_t count) {
    const char *lf;

    if (parser->progress == HTTP_PROGRESS_BODY) {
        return count;
    }
    lf = memchr(bytes, '\n', count);
    return lf != NULL ? (size_t)(lf - bytes) + 1 : count;
}

/* Chunks may not carry much more of anything else than of the body. */
static bool check_overhead(struct http_parser *parser, size_t used) {
    if (parser->progress != HTTP_PROGRESS_BODY) {
        return true;
    }
    parser->body_wire_bytes += used;
    if (parser->body_wire_bytes >
        CHUNK_OVERHEAD_BYTES + CHUNK_OVERHEAD_FACTOR * parser->request->body.bytes) {
        (void)refuse(parser, HTTP_STATUS_BAD_REQUEST, "there is more wrapping than body");
        return false;
    }
    return true;
}

/* llhttp paused where a head is complete, behind its last byte. */
static enum http_step step_head(struct http_parser *parser) {
    if (!check_head(parser)) {
        return HTTP_STEP_REFUSED;
    }
    if (!has_body(parser)) {
        parser->complete = true; /* llhttp would say so only when it is given more. */
        return HTTP_STEP_REQUEST;
    }
    parser->progress = HTTP_PROGRESS_BODY;
    llhttp_resume(&parser->llhttp);
    return HTTP_STEP_HEAD;
}

/* One piece through guard and llhttp. */
static enum http_step step(struct http_parser *parser, const char *bytes, size_t count,
                           size_t *out_used) {
    bool in_head = parser->progress != HTTP_PROGRESS_BODY;
    llhttp_errno_t error;

    if (in_head && !guard_line(parser, bytes, count)) {
        return HTTP_STEP_REFUSED;
    }
    error = llhttp_execute(&parser->llhttp, bytes, count);
    *out_used = count;
    if (error == HPE_PAUSED) {
        *out_used = (size_t)(llhttp_get_error_pos(&parser->llhttp) - bytes);
    }
    if (parser->refusal != 0 || (error != HPE_OK && error != HPE_PAUSED)) {
        refuse_error(parser, error, bytes, count);
        return HTTP_STEP_REFUSED;
    }
    if (in_head && !end_of_line(parser, bytes, count)) {
        return HTTP_STEP_REFUSED;
    }
    if (!check_overhead(parser, *out_used)) {
        return HTTP_STEP_REFUSED;
    }
    if (error == HPE_OK) {
        return HTTP_STEP_MORE;
    }
    return parser->complete ? HTTP_STEP_REQUEST : step_head(parser);
}

enum http_step http_parser_feed(struct http_parser *parser, const char *bytes, size_t count,
                                size_t *out_used) {
    size_t used_all = 0;
    enum http_step next = HTTP_STEP_MORE;

    ENSURE(parser->refusal == 0);
    while (next == HTTP_STEP_MORE && used_all < count) {
        const char *at = bytes + used_all;
        size_t used = 0;

        next = step(parser, at, piece(parser, at, count - used_all), &used);
        used_all += used;
    }
    *out_used = used_all;
    return next;
}

enum http_progress http_parser_progress(const struct http_parser *parser) {
    return parser->progress;
}

struct http_request *http_parser_request(struct http_parser *parser) {
    return parser->request;
}

struct http_request *http_parser_take_request(struct http_parser *parser) {
    struct http_request *request = parser->request;

    ENSURE(parser->complete);
    reset(parser);
    return request;
}

int http_parser_refusal(const struct http_parser *parser, const char **out_why) {
    *out_why = parser->why;
    return parser->refusal;
}
