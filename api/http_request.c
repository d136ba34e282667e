#include "api/http_request.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"
#include "base/text.h"

#define SPARES_MAX       256
#define SPARE_BYTES_MAX  (4 * 1024) /* of its head, and of its body */
#define SPARE_FIELDS_MAX 32

struct http_request_pool {
    struct http_request *spares;
    size_t spare_count;
    size_t lent;
    bool closed;
};

/* --- The pool --------------------------------------------------------------------------------- */

static void free_request(struct http_request *request) {
    buf_finish(&request->head);
    buf_finish(&request->body);
    free(request->fields);
    free(request->decoded);
    free(request->params);
    free(request);
}

static void free_when_unused(struct http_request_pool *pool) {
    if (pool->closed && pool->lent == 0) {
        free(pool);
    }
}

struct http_request_pool *http_request_pool_create(void) {
    return mem_alloc(1, sizeof(struct http_request_pool));
}

void http_request_pool_destroy(struct http_request_pool *pool) {
    if (pool == NULL) {
        return;
    }
    while (pool->spares != NULL) {
        struct http_request *spare = pool->spares;

        pool->spares = spare->next;
        free_request(spare);
    }
    pool->closed = true;
    free_when_unused(pool);
}

/* As new, but for its memory. */
static void reset(struct http_request *request) {
    struct http_request fresh = {.head = request->head,
                                 .body = request->body,
                                 .fields = request->fields,
                                 .field_room = request->field_room,
                                 .decoded = request->decoded,
                                 .decoded_room = request->decoded_room,
                                 .params = request->params,
                                 .param_room = request->param_room};

    *request = fresh;
    buf_clear(&request->head);
    buf_clear(&request->body);
}

static struct http_request *take_spare(struct http_request_pool *pool) {
    struct http_request *request = pool->spares;

    if (request != NULL) {
        pool->spares = request->next;
        pool->spare_count--;
    }
    return request;
}

static bool is_worth_keeping(const struct http_request *request) {
    const struct http_request_pool *pool = request->pool;

    return pool != NULL && !pool->closed && pool->spare_count < SPARES_MAX &&
           request->head.bytes_room <= SPARE_BYTES_MAX &&
           request->body.bytes_room <= SPARE_BYTES_MAX && request->field_room <= SPARE_FIELDS_MAX &&
           request->param_room <= SPARE_FIELDS_MAX;
}

struct http_request *http_request_create(const struct http_limits *limits,
                                         struct http_request_pool *pool) {
    struct http_request *request = pool != NULL ? take_spare(pool) : NULL;

    if (request == NULL) {
        request = mem_alloc(1, sizeof *request);
    } else {
        reset(request);
    }
    if (pool != NULL) {
        pool->lent++;
    }
    request->pool = pool;
    /* The parser counts what the limits say; a few NULs come on top. */
    request->head.bytes_max = limits->url_bytes + limits->header_bytes + 2 * limits->header_count;
    request->body.bytes_max = limits->body_bytes;
    return request;
}

void http_request_destroy(struct http_request *request) {
    struct http_request_pool *pool;

    if (request == NULL) {
        return;
    }
    pool = request->pool;
    free(request->peer_names[0]);
    free(request->peer_names[1]);
    if (is_worth_keeping(request)) {
        request->next = pool->spares;
        pool->spares = request;
        pool->spare_count++;
    } else {
        free_request(request);
    }
    if (pool != NULL) {
        pool->lent--;
        free_when_unused(pool);
    }
}

/* --- The target ------------------------------------------------------------------------------- */

static int hex_value(char digit) {
    if (digit >= '0' && digit <= '9') {
        return digit - '0';
    }
    if (digit >= 'a' && digit <= 'f') {
        return digit - 'a' + 10;
    }
    return digit >= 'A' && digit <= 'F' ? digit - 'A' + 10 : -1;
}

static bool is_utf8(const char *text) {
    while (*text != '\0') {
        size_t length = text_utf8_bytes(text);

        if (length == 0) {
            return false;
        }
        text += length;
    }
    return true;
}

/* Decode [from, end) to *at, end it with a NUL and move *at behind. */
static bool decode(const char *from, const char *end, bool is_path, char **at) {
    char *begin = *at;
    char *to = begin;

    while (from < end) {
        char byte = *from++;

        if (byte == '%') {
            int high = end - from >= 2 ? hex_value(from[0]) : -1;
            int low = high >= 0 ? hex_value(from[1]) : -1;

            if (low < 0) {
                return false;
            }
            byte = (char)(high * 16 + low);
            from += 2;
            if (byte == '\0' || (is_path && (byte == '/' || (unsigned char)byte < ' '))) {
                return false;
            }
        } else if (byte == '+' && !is_path) {
            byte = ' ';
        }
        *to++ = byte;
    }
    *to = '\0';
    *at = to + 1;
    return is_utf8(begin);
}

static bool decode_query(struct http_request *request, const char *query, char **at) {
    size_t room = 1;

    for (const char *amp = query; (amp = strchr(amp, '&')) != NULL; amp++) {
        room++;
    }
    if (room > request->param_room) {
        request->params = mem_grow(request->params, 2 * room, sizeof *request->params);
        request->param_room = room;
    }
    while (*query != '\0') {
        const char *end = query + strcspn(query, "&");
        const char *name_end = memchr(query, '=', (size_t)(end - query));
        const char *value = name_end != NULL ? name_end + 1 : end;
        char **param = &request->params[2 * request->param_count];

        if (end > query) {
            param[0] = *at;
            if (!decode(query, name_end != NULL ? name_end : end, false, at)) {
                return false;
            }
            param[1] = *at;
            if (!decode(value, end, false, at)) {
                return false;
            }
            request->param_count++;
        }
        query = *end == '&' ? end + 1 : end;
    }
    return true;
}

/* Where the path begins: proxies' clients send "http://host/path". NULL: nowhere. */
static const char *find_path(const char *method, const char *target) {
    static const char *const schemes[] = {"http://", "https://"};

    if (target[0] == '/' || (strcmp(target, "*") == 0 && strcmp(method, "OPTIONS") == 0)) {
        return target;
    }
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        size_t length = strlen(schemes[i]);

        if (strncasecmp(target, schemes[i], length) == 0) {
            return strchr(target + length, '/');
        }
    }
    return NULL;
}

bool http_request_decode_target(struct http_request *request) {
    const char *target = buf_text(&request->head);
    const char *path = find_path(request->method, target);
    const char *end;
    size_t room;
    char *at;

    if (path == NULL || strchr(target, '#') != NULL) {
        return false;
    }
    end = path + strcspn(path, "?");
    /* Decoding never makes text longer; a name without a value gains one NUL: its '&' or the end
     * paid for the name's own. */
    room = 2 * strlen(path) + 4;
    if (room > request->decoded_room) {
        request->decoded = mem_grow(request->decoded, room, 1);
        request->decoded_room = room;
    }
    at = request->decoded;
    if (!decode(path, end, true, &at)) {
        return false;
    }
    return *end == '\0' || decode_query(request, end + 1, &at);
}

/* --- Questions -------------------------------------------------------------------------------- */

const struct http_peer *http_peer(const struct http_request *request) {
    return &request->peer;
}

const char *http_method(const struct http_request *request) {
    return request->method;
}

const char *http_target(const struct http_request *request) {
    return buf_text(&request->head);
}

const char *http_path(const struct http_request *request) {
    return request->decoded;
}

const char *http_query(const struct http_request *request, const char *name) {
    for (size_t i = 0; i < request->param_count; i++) {
        if (strcmp(request->params[2 * i], name) == 0) {
            return request->params[2 * i + 1];
        }
    }
    return NULL;
}

size_t http_query_count(const struct http_request *request) {
    return request->param_count;
}

void http_query_at(const struct http_request *request, size_t at, const char **out_name,
                   const char **out_value) {
    *out_name = request->params[2 * at];
    *out_value = request->params[2 * at + 1];
}

/* A field's value begins behind its name's NUL: most names differ in their length. */
static bool has_name(const struct http_request *request, size_t at, const char *name,
                     size_t bytes) {
    const struct http_place *field = &request->fields[at];

    return field->value - field->name == bytes + 1 &&
           strcasecmp(request->head.data + field->name, name) == 0;
}

static uint64_t length_bit(size_t bytes) {
    return UINT64_C(1) << (bytes % 64);
}

void http_request_end_name(struct http_request *request) {
    struct http_place *field = &request->fields[request->field_count - 1];

    buf_add_char(&request->head, '\0');
    field->value = (uint32_t)request->head.bytes;
    request->name_lengths |= length_bit(field->value - field->name - 1);
}

const char *http_header(const struct http_request *request, const char *name) {
    size_t bytes = strlen(name);

    if ((request->name_lengths & length_bit(bytes)) == 0) {
        return NULL; /* Most of the names that are looked for are not there. */
    }
    for (size_t i = 0; i < request->field_count; i++) {
        if (has_name(request, i, name, bytes)) {
            return request->head.data + request->fields[i].value;
        }
    }
    return NULL;
}

size_t http_request_header_count(const struct http_request *request, const char *name) {
    size_t bytes = strlen(name);
    size_t count = 0;

    if ((request->name_lengths & length_bit(bytes)) == 0) {
        return 0;
    }
    for (size_t i = 0; i < request->field_count; i++) {
        count += has_name(request, i, name, bytes) ? 1 : 0;
    }
    return count;
}

const char *http_body(const struct http_request *request, size_t *out_bytes) {
    *out_bytes = request->body.bytes;
    return buf_text(&request->body);
}

bool http_is_gone(const struct http_request *request) {
    return request->connection == NULL;
}
