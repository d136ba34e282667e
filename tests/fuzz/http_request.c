/* Whatever bytes come in whatever pieces: the parser takes whole requests within its limits or
 * refuses once, and reads a stream the same way however it is cut. */
#include "api/http_parser.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "api/http.h"
#include "api/http_request.h"
#include "base/ensure.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct http_limits limits(void) {
    struct http_limits small = http_limits_default();

    small.header_bytes = 300;
    small.header_count = 8;
    small.url_bytes = 100;
    small.body_bytes = 300;
    return small;
}

/* Something that differs when requests do. */
static uint64_t add_text(uint64_t sum, const char *text) {
    for (; *text != '\0'; text++) {
        sum = (sum ^ (unsigned char)*text) * 0x100000001b3U;
    }
    return (sum ^ 0xff) * 0x100000001b3U;
}

static uint64_t add_request(uint64_t sum, const struct http_limits *limits,
                            const struct http_request *request) {
    size_t bytes;
    const char *body = http_body(request, &bytes);

    ENSURE(bytes <= limits->body_bytes);
    ENSURE(body[bytes] == '\0');
    ENSURE(request->field_count <= limits->header_count);
    ENSURE(strlen(http_target(request)) <= limits->url_bytes);
    ENSURE(http_path(request)[0] == '/' || strcmp(http_path(request), "*") == 0);
    ENSURE(request->version_1_0 || http_header(request, "Host") != NULL);
    sum = add_text(add_text(sum, http_method(request)), http_path(request));
    for (size_t i = 0; i < http_query_count(request); i++) {
        const char *name;
        const char *value;

        http_query_at(request, i, &name, &value);
        sum = add_text(add_text(sum, name), value);
    }
    for (size_t i = 0; i < request->field_count; i++) {
        sum = add_text(sum, request->head.data + request->fields[i].name);
        sum = add_text(sum, request->head.data + request->fields[i].value);
    }
    return add_text(sum, body) + bytes;
}

/* Read it all, in pieces of step bytes. */
static uint64_t read_all(const char *bytes, size_t count, size_t step) {
    struct http_limits small = limits();
    struct http_parser *parser = http_parser_create(&small, NULL);
    enum http_step next = HTTP_STEP_MORE;
    uint64_t sum = 0xcbf29ce484222325U;

    while (count > 0 && next != HTTP_STEP_REFUSED) {
        size_t now = step < count ? step : count;
        size_t used = 0;

        next = http_parser_feed(parser, bytes, now, &used);
        if (next == HTTP_STEP_REFUSED) {
            const char *why = NULL;
            int status = http_parser_refusal(parser, &why);

            ENSURE(status >= 400 && status <= 505);
            ENSURE(why != NULL);
            sum += 1;
            break;
        }
        ENSURE(used > 0 && used <= now);
        ENSURE(next != HTTP_STEP_MORE || used == now);
        if (next == HTTP_STEP_REQUEST) {
            struct http_request *request = http_parser_take_request(parser);

            sum = add_request(sum, &small, request);
            http_request_destroy(request);
        }
        bytes += used;
        count -= used;
    }
    http_parser_destroy(parser);
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *bytes = (const char *)data;
    uint64_t whole = read_all(bytes, size, size + 1);

    ENSURE(read_all(bytes, size, 1) == whole);
    ENSURE(read_all(bytes, size, 7) == whole);
    return 0;
}
