#include "api/api.h"

#include <inttypes.h>
#include <pwd.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/call.h"
#include "api/route.h"
#include "api/wire.h"
#include "base/ensure.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/map.h"
#include "base/memory.h"
#include "base/text.h"

#define BODY_BYTES_UNKNOWN_MAX 4096 /* read of a stranger's, to tell him in JSON why not */
#define WARN_GAP_US            CLOCK_US_PER_SECOND
#define USER_BYTES             96
#define PASSWD_BYTES           4096
#define HEALTH_BYTES           512
#define SPARES_MAX             256

struct call {
    struct api_call shown; /* first: what the owner has is this */
    struct api *api;
    struct call *next; /* of the spare ones */
    struct http_request *request;
    struct api_auth *auth; /* held; NULL of a local caller */
    int64_t began_us;      /* monotonic */
    bool streaming;
    char user[USER_BYTES]; /* of a local caller */
    char schedule[2 * LIMIT_NAME_BYTES + 2];
};

struct api {
    struct api_config config;
    struct http_server *server;
    struct api_auth *auth;
    struct map calls; /* by number */
    struct call *spares;
    size_t spare_count;
    uint64_t last_number;
    struct api_stats stats;
    int64_t warned_us; /* of the last refusal that was logged */
    uint64_t warnings_held;
    uid_t user_uid; /* the last local caller's, so as not to read /etc/passwd each time */
    char user_name[USER_BYTES];
    char health[HEALTH_BYTES]; /* what /healthz says */
};

/* --- Answers ---------------------------------------------------------------------------------- */

struct error_form {
    int code; /* ours */
    int status;
    const char *name;
};

static const struct error_form *error_form_of(int code) {
    static const struct error_form forms[] = {
        {ERR_INVALID, 422, "Invalid"},   {ERR_NOT_FOUND, 404, "NotFound"},
        {ERR_EXISTS, 409, "Exists"},     {ERR_STALE, 409, "Conflict"},
        {ERR_FULL, 429, "LimitReached"}, {ERR_BUSY, 503, "Unavailable"},
        {ERR_DENIED, 403, "Forbidden"},  {ERR_IO, 500, "Internal"},
        {ERR_CORRUPT, 500, "Internal"},  {ERR_NO_MEMORY, 500, "Internal"},
    };

    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        if (forms[i].code == code) {
            return &forms[i];
        }
    }
    return &forms[ARRAY_LEN(forms) - 1];
}

static const char *status_name(int status) {
    static const struct {
        int status;
        const char *name;
    } names[] = {
        {400, "BadRequest"},
        {401, "Unauthenticated"},
        {403, "Forbidden"},
        {404, "NotFound"},
        {405, "MethodNotAllowed"},
        {406, "NotAcceptable"},
        {415, "UnsupportedMediaType"},
    };

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (names[i].status == status) {
            return names[i].name;
        }
    }
    return "Internal";
}

static void send_error(struct http_request *request, int status, const struct wire_error *error,
                       const struct http_field *field) {
    struct http_reply reply = {.status = status, .content_type = "application/json"};
    struct buf json;

    buf_init(&json, LIMIT_API_ANSWER_BYTES);
    wire_encode_error(&json, error);
    buf_add_char(&json, '\n');
    reply.body = buf_text(&json);
    reply.body_bytes = json.bytes;
    reply.fields = field;
    reply.field_count = field != NULL ? 1 : 0;
    http_reply(request, &reply);
    buf_finish(&json);
}

/* Answer a request that does not become a call. */
static void refuse(struct http_request *request, int status, const char *message,
                   const struct http_field *field) {
    struct wire_error error = {.code = status_name(status), .message = message};

    send_error(request, status, &error, field);
}

static struct call *call_of(struct api_call *shown) {
    return (struct call *)shown;
}

/* How long calls took is told to who wants all: nobody else has to look at the clock for it. */
static bool is_traced(const struct api *api) {
    return api->config.log != NULL && api->config.log->level >= LOG_DEBUG;
}

/* The request has been ended; forget the call. */
static void finish(struct call *call, int status) {
    struct api *api = call->api;
    struct instant now;

    if (!is_traced(api)) {
        return;
    }
    now = api->config.clock(api->config.owner);
    log_debug(api->config.log, now.now_us,
              "call=%" PRIu64 " route=\"%s\" job=%" PRIu64
              " status=%d user=%s peer=%s duration_us=%" PRId64,
              call->shown.number, api_route_text(call->shown.route), call->shown.job_id, status,
              call->shown.identity.user, call->shown.peer->address, now.mono_us - call->began_us);
}

static void forget(struct call *call) {
    struct api *api = call->api;

    (void)map_remove_id(&api->calls, call->shown.number);
    api_auth_drop(call->auth);
    if (api->spare_count == SPARES_MAX) {
        free(call);
        return;
    }
    call->next = api->spares;
    api->spares = call;
    api->spare_count++;
}

static void free_spares(struct api *api) {
    while (api->spares != NULL) {
        struct call *spare = api->spares;

        api->spares = spare->next;
        free(spare);
    }
}

/* As new; its long texts are empty. */
static struct call *take_spare(struct api *api) {
    struct call *call = api->spares;

    if (call == NULL) {
        return mem_alloc(1, sizeof *call);
    }
    api->spares = call->next;
    api->spare_count--;
    memset(call, 0, offsetof(struct call, user));
    call->user[0] = '\0';
    call->schedule[0] = '\0';
    return call;
}

void api_reply_text(struct api_call *shown, int status, const char *content_type, const char *text,
                    size_t bytes) {
    struct call *call = call_of(shown);
    struct http_reply reply = {
        .status = status, .content_type = content_type, .body = text, .body_bytes = bytes};

    ENSURE(!call->streaming);
    finish(call, status);
    http_reply(call->request, &reply);
    forget(call);
}

void api_reply_json(struct api_call *shown, int status, const struct buf *json) {
    if (json->full) {
        api_reply_error(shown, ERR_FULL, "the answer is too large: ask for less");
        return;
    }
    api_reply_text(shown, status, "application/json", buf_text(json), json->bytes);
}

void api_reply_details(struct api_call *shown, int code, const char *message,
                       const struct wire_detail *details, size_t count) {
    static const struct http_field retry_after = {"Retry-After", "1"};
    const struct error_form *form = error_form_of(code);
    struct call *call = call_of(shown);
    struct wire_error error = {.code = form->name,
                               .message = message,
                               .details = count > 0 ? details : NULL,
                               .detail_count = count};

    ENSURE(!call->streaming);
    if (code == ERR_DENIED) {
        call->api->stats.forbidden++;
    }
    finish(call, form->status);
    send_error(call->request, form->status, &error,
               code == ERR_FULL || code == ERR_BUSY ? &retry_after : NULL);
    forget(call);
}

void api_reply_error(struct api_call *shown, int code, const char *format, ...) {
    struct error error = {0};
    va_list args;

    va_start(args, format);
    (void)error_set_v(&error, code, format, args);
    va_end(args);
    api_reply_details(shown, code, error.text, NULL, 0);
}

static void on_room(struct http_request *request, void *owner) {
    struct call *call = owner;
    struct api *api = call->api;

    (void)request;
    if (api->config.on_room != NULL) {
        api->config.on_room(&call->shown, api->config.owner);
    }
}

void api_stream_start(struct api_call *shown, const char *content_type) {
    static const struct http_field fields[] = {{"Cache-Control", "no-store"},
                                               {"X-Accel-Buffering", "no"}};
    struct call *call = call_of(shown);
    struct http_reply reply = {.status = 200,
                               .content_type = content_type,
                               .fields = fields,
                               .field_count = ARRAY_LEN(fields)};

    ENSURE(!call->streaming);
    call->streaming = true;
    http_stream_start(call->request, &reply, HTTP_OVERFLOW_REFUSE, on_room, call);
}

int api_stream_write(struct api_call *shown, const void *bytes, size_t count) {
    struct call *call = call_of(shown);

    ENSURE(call->streaming);
    return http_stream_write(call->request, bytes, count);
}

void api_stream_end(struct api_call *shown) {
    struct call *call = call_of(shown);

    ENSURE(call->streaming);
    finish(call, 200);
    http_stream_end(call->request);
    forget(call);
}

void api_stream_abort(struct api_call *shown) {
    struct call *call = call_of(shown);

    finish(call, 0);
    http_abort(call->request);
    forget(call);
}

bool api_call_permits(const struct api_call *call, const char *team) {
    return route_access(call->route) == API_LOOKS || api_identity_has_team(&call->identity, team);
}

struct api_call *api_find(struct api *api, uint64_t number) {
    struct call *call = map_get_id(&api->calls, number);

    return call != NULL ? &call->shown : NULL;
}

/* --- Who calls -------------------------------------------------------------------------------- */

static const char *user_of(struct api *api, uid_t uid) {
    char room[PASSWD_BYTES];
    struct passwd entry, *found = NULL;

    if (api->user_name[0] == '\0' || api->user_uid != uid) {
        if (getpwuid_r(uid, &entry, room, sizeof room, &found) != 0 || found == NULL) {
            (void)snprintf(api->user_name, sizeof api->user_name, "uid:%u", (unsigned)uid);
        } else {
            (void)snprintf(api->user_name, sizeof api->user_name, "uid:%u(%s)", (unsigned)uid,
                           entry.pw_name);
        }
        api->user_uid = uid;
    }
    return api->user_name;
}

/* Whoever tries tokens must not fill the log: a line a second, with what it stands for. */
static void warn_refused(struct api *api, const struct http_request *request) {
    struct instant now = api->config.clock(api->config.owner);

    api->stats.unauthenticated++;
    if (api->warned_us != 0 && now.mono_us - api->warned_us < WARN_GAP_US) {
        api->warnings_held++;
        return;
    }
    log_warn(api->config.log, now.now_us,
             "event=unauthenticated peer=%s authorization=%s refused_since=%" PRIu64,
             http_peer(request)->address,
             http_header(request, "Authorization") != NULL ? "wrong" : "missing",
             api->warnings_held);
    api->warned_us = now.mono_us;
    api->warnings_held = 0;
}

static bool is_known(const struct api *api, const struct http_request *request,
                     struct api_identity *out_identity) {
    if (http_peer(request)->transport == HTTP_UNIX) {
        *out_identity = (struct api_identity){.local = true};
        return true;
    }
    return http_peer(request)->transport == HTTP_TLS &&
           api_auth_check(api->auth, http_header(request, "Authorization"), out_identity) == OK;
}

/* A stranger's large body is not worth reading. */
static int on_head(const struct http_request *request, void *owner) {
    struct api *api = owner;
    const char *length = http_header(request, "Content-Length");
    struct api_identity identity;
    bool large = length != NULL ? strtoull(length, NULL, 10) > BODY_BYTES_UNKNOWN_MAX
                                : http_header(request, "Transfer-Encoding") != NULL;

    if (!large || is_known(api, request, &identity)) {
        return 0;
    }
    warn_refused(api, request);
    return 401;
}

/* --- Requests --------------------------------------------------------------------------------- */

static void on_close(struct http_request *request, void *owner) {
    struct call *call = owner;
    struct api *api = call->api;

    (void)request;
    if (api->config.on_gone != NULL) {
        api->config.on_gone(&call->shown, api->config.owner);
    }
}

static struct call *call_create(struct api *api, struct http_request *request,
                                const struct route_match *match,
                                const struct api_identity *identity) {
    struct call *call = take_spare(api);

    call->api = api;
    call->request = request;
    if (is_traced(api)) {
        call->began_us = api->config.clock(api->config.owner).mono_us;
    }
    call->shown.route = match->route;
    call->shown.job_id = match->job_id;
    call->shown.job_index = match->job_index;
    if (match->schedule[0] != '\0') {
        memcpy(call->schedule, match->schedule, sizeof call->schedule);
    }
    call->shown.schedule = call->schedule;
    call->shown.peer = http_peer(request);
    call->shown.identity = *identity;
    if (identity->local) {
        (void)text_copy(call->user, sizeof call->user, user_of(api, call->shown.peer->uid));
        call->shown.identity.user = call->user;
    } else {
        call->auth = api_auth_hold(api->auth);
    }
    return call;
}

static void hand_out(struct api *api, struct http_request *request, const struct route_match *match,
                     const struct api_identity *identity) {
    struct call *call = call_create(api, request, match, identity);
    struct error error = {0};
    int status = call_decode(&call->shown, request, &error);

    call->shown.number = ++api->last_number;
    if (status != 0) {
        api->stats.malformed++;
        finish(call, status);
        refuse(request, status, error.text, NULL);
        forget(call);
        return;
    }
    api->stats.calls[match->route]++;
    if (call->shown.route == API_DELETE) {
        call->shown.route = API_CANCEL;
    }
    (void)map_put_id(&api->calls, call->shown.number, call);
    http_on_close(request, on_close, call);
    api->config.on_call(&call->shown, api->config.owner);
}

static void answer_health(const struct api *api, struct http_request *request) {
    const struct http_reply reply = {.status = 200,
                                     .content_type = "text/plain",
                                     .body = api->health,
                                     .body_bytes = strlen(api->health)};

    http_reply(request, &reply);
}

void api_set_trouble(struct api *api, const char *text) {
    (void)snprintf(api->health, sizeof api->health, "ok%s%.*s\n", text[0] != '\0' ? ", but " : "",
                   (int)sizeof api->health - 16, text);
}

static void on_request(struct http_request *request, void *owner) {
    static const struct http_field challenge = {"WWW-Authenticate", "Bearer realm=\"nightshift\""};
    struct api *api = owner;
    struct api_identity identity = {.user = "anonymous"};
    struct route_match match = {0};
    bool known = is_known(api, request, &identity);
    int status = route_find(http_method(request), http_path(request), &match);

    if (status == 0 && match.route == API_HEALTH) {
        api->stats.calls[API_HEALTH]++;
        answer_health(api, request);
    } else if (!known && (status != 0 || match.route != API_READY)) {
        /* Before 404 and 405: which paths there are is nobody's business. */
        warn_refused(api, request);
        refuse(request, 401, "a bearer token is required", &challenge);
    } else if (status == 405) {
        api->stats.malformed++;
        refuse(request, 405, "this path does not take this method",
               &(struct http_field){"Allow", match.allow});
    } else if (status != 0) {
        api->stats.malformed++;
        refuse(request, status, "there is no such path", NULL);
    } else {
        hand_out(api, request, &match, &identity);
    }
}

static struct instant api_clock(void *owner) {
    struct api *api = owner;

    return api->config.clock(api->config.owner);
}

/* --- Life ------------------------------------------------------------------------------------- */

struct api *api_create(const struct api_config *config) {
    struct api *api = mem_alloc(1, sizeof *api);
    struct http_server_config http = {
        .poller = config->poller,
        .clock = api_clock,
        .on_head = on_head,
        .on_request = on_request,
        .owner = api,
        .limits = config->http,
    };

    api->config = *config;
    api_set_trouble(api, "");
    api->auth = api_auth_create(NULL, 0);
    api->server = http_server_create(&http);
    return api;
}

int api_listen_unix(struct api *api, const struct http_unix *unix_socket, struct error *error) {
    return http_listen_unix(api->server, unix_socket, error);
}

int api_listen_tls(struct api *api, const char *host, uint16_t port, const struct http_tls *tls,
                   uint16_t *out_port, struct error *error) {
    ENSURE(tls != NULL);
    return http_listen_tcp(api->server, host, port, tls, out_port, error);
}

void api_set_limits(struct api *api, const struct http_limits *limits) {
    http_server_set_limits(api->server, limits);
}

int api_reload(struct api *api, const struct api_token *tokens, size_t count, struct error *error) {
    int r = http_server_reload_tls(api->server, error);

    if (r != OK) {
        return r;
    }
    api_auth_drop(api->auth);
    api->auth = api_auth_create(tokens, count);
    return OK;
}

static void on_drained(void *owner) {
    struct api *api = owner;

    if (api->config.on_drained != NULL) {
        api->config.on_drained(api->config.owner);
    }
}

void api_drain(struct api *api) {
    http_server_drain(api->server, on_drained);
}

/* Calls the owner has not ended by now. */
static void end_calls(struct api *api) {
    struct map_entry *entry;

    for (size_t at = 0; (entry = map_next(&api->calls, &at)) != NULL;) {
        struct call *call = entry->value;

        http_abort(call->request);
        forget(call);
    }
}

void api_destroy(struct api *api) {
    if (api == NULL) {
        return;
    }
    http_server_destroy(api->server);
    end_calls(api);
    map_finish(&api->calls);
    free_spares(api);
    api_auth_drop(api->auth);
    free(api);
}

struct api_stats api_stats(const struct api *api) {
    struct api_stats stats = api->stats;

    stats.http = http_server_stats(api->server);
    stats.open = api->calls.count;
    return stats;
}

struct api_clients api_clients(const struct api *api) {
    return (struct api_clients){.connected = http_server_connections(api->server),
                                .waiting = api->calls.count};
}
