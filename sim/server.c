#include "sim/server.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/http.h"
#include "base/buf.h"
#include "base/ensure.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/poller.h"
#include "base/text.h"
#include "sim/api_faults.h"
#include "sim/control.h"
#include "sim/json.h"
#include "sim/pod.h"
#include "sim/pod_proxy.h"
#include "sim/rest.h"
#include "sim/status.h"
#include "sim/watch.h"

#define PENDING_BYTES_MAX      (64 * LIMIT_MIB)
#define PENDING_BYTES_ENOUGH   (256 * LIMIT_KIB)
#define BOOKMARK_EVERY_US      (60 * CLOCK_US_PER_SECOND)
#define BOOKMARK_BEFORE_END_US (2 * CLOCK_US_PER_SECOND)
#define LOG_POLL_US            (200 * CLOCK_US_PER_MS)
#define PARAMETERS_MAX         32
#define CUT_AFTER_US           (20 * CLOCK_US_PER_MS) /* so that what was sent before arrives */

enum stage {
    STAGE_DELAYED,   /* waits before it's executed */
    STAGE_HELD,      /* executed, the answer waits */
    STAGE_HALF_SENT, /* its second half waits, or is never sent */
    STAGE_WATCHING,  /* a stream of events */
    STAGE_FOLLOWING, /* a stream of log lines */
    STAGE_PROXYING,  /* a pod is asked */
    STAGE_HUNG,      /* never answered */
};

/* One request that isn't ended yet. */
struct exchange {
    struct sim_server *server;
    struct http_request *request;
    struct exchange *next;
    struct exchange **link; /* what points here */
    struct poller_timer timer;
    enum stage stage;
    struct api_fault_plan plan;
    struct sim_target target;
    struct sim_response response;
    struct buf pending; /* of a stream: what the connection hasn't taken yet */
    bool silent;        /* a watch that was told to say nothing */
    struct buf late;    /* an event that the next one overtakes */
    bool ending;        /* end the stream once pending is gone */
    int64_t end_us;     /* of a watch, monotonic */
    int64_t bookmark_us;
    int64_t speak_us; /* says nothing before; 0: may speak */
    size_t log_sent;
    struct pod_proxy *proxy;
    char proxy_type[128];
};

struct sim_server {
    struct sim_server_config config;
    char *tokens[LIMIT_SIM_TOKENS];
    struct http_server *http;
    struct exchange *exchanges;
    struct sim_stats stats;
    int64_t pumped_version;
};

static void on_request(struct http_request *request, void *owner);

static struct instant http_clock(void *owner) {
    const struct sim_server *server = owner;

    return server->config.clock(server->config.clock_context);
}

static struct instant now(const struct sim_server *server) {
    return server->config.clock(server->config.clock_context);
}

struct sim_server *sim_server_create(const struct sim_server_config *config) {
    struct sim_server *server = mem_alloc(1, sizeof *server);
    struct http_server_config http = {
        .poller = config->poller,
        .clock = http_clock,
        .on_request = on_request,
        .owner = server,
        .limits = http_limits_default(),
    };

    ENSURE(config->token_count <= LIMIT_SIM_TOKENS);
    server->config = *config;
    for (size_t i = 0; i < config->token_count; i++) {
        server->tokens[i] = mem_copy_text(config->tokens[i]);
    }
    server->http = http_server_create(&http);
    return server;
}

int sim_server_listen(struct sim_server *server, const char *host, uint16_t port,
                      const char *certificate_file, const char *key_file, uint16_t *out_port,
                      struct error *error) {
    struct http_tls tls = {.certificate_file = certificate_file, .key_file = key_file};

    return http_listen_tcp(server->http, host, port, certificate_file == NULL ? NULL : &tls,
                           out_port, error);
}

/* Exchanges. */

static void on_time(struct poller_timer *timer);
static void on_gone(struct http_request *request, void *owner);

static struct exchange *exchange_create(struct sim_server *server, struct http_request *request) {
    struct exchange *exchange = mem_alloc(1, sizeof *exchange);

    *exchange = (struct exchange){
        .server = server,
        .request = request,
        .next = server->exchanges,
        .link = &server->exchanges,
        .timer = {.on_time = on_time, .owner = exchange},
    };
    if (exchange->next != NULL) {
        exchange->next->link = &exchange->next;
    }
    server->exchanges = exchange;
    buf_init(&exchange->pending, PENDING_BYTES_MAX);
    buf_init(&exchange->late, PENDING_BYTES_MAX);
    return exchange;
}

/* The request must be ended by then. */
static void exchange_destroy(struct exchange *exchange) {
    poller_timer_stop(exchange->server->config.poller, &exchange->timer);
    *exchange->link = exchange->next;
    if (exchange->next != NULL) {
        exchange->next->link = exchange->link;
    }
    pod_proxy_destroy(exchange->proxy);
    sim_response_finish(&exchange->response);
    buf_finish(&exchange->pending);
    buf_finish(&exchange->late);
    free(exchange);
}

static void hold(struct exchange *exchange, enum stage stage, int64_t wait_us) {
    exchange->stage = stage;
    poller_timer_set(exchange->server->config.poller, &exchange->timer, wait_us);
}

static void break_off(struct exchange *exchange) {
    http_on_close(exchange->request, NULL, NULL);
    http_abort(exchange->request);
    exchange_destroy(exchange);
}

void sim_server_destroy(struct sim_server *server) {
    if (server == NULL) {
        return;
    }
    while (server->exchanges != NULL) {
        break_off(server->exchanges);
    }
    http_server_destroy(server->http);
    for (size_t i = 0; i < ARRAY_LEN(server->tokens); i++) {
        free(server->tokens[i]);
    }
    sim_stats_finish(&server->stats);
    free(server);
}

/* Answers. */

static void reply(struct exchange *exchange) {
    struct sim_response *response = &exchange->response;
    char *retry =
        response->retry_after_seconds > 0 ? mem_format("%d", response->retry_after_seconds) : NULL;
    struct http_field fields[] = {{"Cache-Control", "no-cache, private"}, {"Retry-After", retry}};
    struct http_reply answer = {
        .status = response->code,
        .content_type = response->content_type,
        .fields = fields,
        .field_count = retry == NULL ? 1 : 2,
        .body = buf_text(&response->body),
        .body_bytes = response->body.bytes,
    };

    http_reply(exchange->request, &answer);
    free(retry);
    exchange_destroy(exchange);
}

static void start_stream(struct exchange *exchange, const void *body, size_t body_bytes);
static bool flush(struct exchange *exchange);

/* The first half now. */
static void reply_in_halves(struct exchange *exchange) {
    size_t half = exchange->response.body.bytes / 2;

    start_stream(exchange, buf_text(&exchange->response.body), half);
    hold(exchange, STAGE_HALF_SENT,
         exchange->plan.cut_body ? CUT_AFTER_US : exchange->plan.body_us);
}

static void reply_second_half(struct exchange *exchange) {
    size_t half = exchange->response.body.bytes / 2;

    if (exchange->plan.cut_body) {
        break_off(exchange);
        return;
    }
    buf_add(&exchange->pending, exchange->response.body.data + half,
            exchange->response.body.bytes - half);
    exchange->ending = true;
    (void)flush(exchange);
}

static void reply_as_planned(struct exchange *exchange) {
    if (exchange->plan.garbage) {
        buf_clear(&exchange->response.body);
        buf_add_text(&exchange->response.body, "{\"kind\":\"Pod\",\"metadata\":{,");
    }
    if (exchange->plan.cut_body || exchange->plan.body_us > 0) {
        reply_in_halves(exchange);
    } else {
        reply(exchange);
    }
}

/* Write what is pending, in chunks; false when the stream broke (and is gone). */
static bool flush(struct exchange *exchange) {
    size_t sent = 0;
    int r = OK;

    while (r == OK && sent < exchange->pending.bytes) {
        size_t count = exchange->pending.bytes - sent;

        count = count < exchange->server->config.chunk_bytes ? count
                                                             : exchange->server->config.chunk_bytes;
        r = http_stream_write(exchange->request, exchange->pending.data + sent, count);
        sent += r == OK ? count : 0;
    }
    if (r != OK && r != ERR_FULL) {
        break_off(exchange);
        return false;
    }
    buf_drop_front(&exchange->pending, sent);
    if (exchange->ending && exchange->pending.bytes == 0) {
        http_on_close(exchange->request, NULL, NULL);
        http_stream_end(exchange->request);
        exchange_destroy(exchange);
        return false;
    }
    return true;
}

static void on_room(struct http_request *request, void *owner);

static void start_stream(struct exchange *exchange, const void *body, size_t body_bytes) {
    struct http_field fields[] = {{"Cache-Control", "no-cache, private"}};
    struct http_reply head = {
        .status = exchange->response.code,
        .content_type = exchange->response.content_type,
        .fields = fields,
        .field_count = 1,
        .body = body,
        .body_bytes = body_bytes,
    };

    http_on_close(exchange->request, on_gone, exchange);
    http_stream_start(exchange->request, &head, HTTP_OVERFLOW_REFUSE, on_room, exchange);
}

/* Watches. */

static void add_event(struct exchange *exchange, const struct sim_watch_event *event) {
    struct api_faults *faults = exchange->server->config.faults;
    int64_t now_us = now(exchange->server).now_us;

    if (api_faults_act(faults, API_FAULT_DROP_EVENT, &exchange->target)) {
        return;
    }
    if (exchange->late.bytes == 0 &&
        api_faults_act(faults, API_FAULT_REORDER_EVENT, &exchange->target)) {
        sim_rest_event_line(&exchange->response, event, now_us, &exchange->late);
        return;
    }
    sim_rest_event_line(&exchange->response, event, now_us, &exchange->pending);
    if (api_faults_act(faults, API_FAULT_TRUNCATE_EVENT, &exchange->target)) {
        exchange->pending.bytes -= 20;
        exchange->ending = true;
        return;
    }
    buf_add(&exchange->pending, buf_text(&exchange->late), exchange->late.bytes);
    buf_clear(&exchange->late);
    if (api_faults_act(faults, API_FAULT_DUPLICATE_EVENT, &exchange->target)) {
        sim_rest_event_line(&exchange->response, event, now_us, &exchange->pending);
    }
}

static void expire(struct exchange *exchange) {
    sim_rest_error_line(sim_rest_expired(exchange->response.watch), &exchange->pending);
    exchange->ending = true;
}

/* Faults that a watch as a whole meets; false when it's gone. */
static bool meet_watch_faults(struct exchange *exchange) {
    struct api_faults *faults = exchange->server->config.faults;

    if (api_faults_act(faults, API_FAULT_CUT_WATCH, &exchange->target)) {
        break_off(exchange);
        return false;
    }
    if (api_faults_act(faults, API_FAULT_SILENCE_WATCH, &exchange->target)) {
        exchange->silent = true;
    }
    if (api_faults_act(faults, API_FAULT_EXPIRE_WATCH, &exchange->target)) {
        expire(exchange);
    }
    return true;
}

/* Append events until there is enough to send; true if there may be more. */
static bool fill_pending(struct exchange *exchange) {
    struct sim_watch_event event;
    enum sim_watch_result result;

    while (!exchange->ending && exchange->pending.bytes < PENDING_BYTES_ENOUGH) {
        result = sim_watch_next(exchange->response.watch, &event);
        if (result == SIM_WATCH_EXPIRED) {
            expire(exchange);
        }
        if (result != SIM_WATCH_EVENT) {
            return false;
        }
        add_event(exchange, &event);
    }
    return !exchange->ending;
}

/* Send what is new, as far as the connection takes it; the rest goes on in on_room(). */
static void pump(struct exchange *exchange) {
    bool more = !exchange->silent && exchange->speak_us == 0;

    while (more) {
        more = fill_pending(exchange);
        if (!flush(exchange)) {
            return;
        }
        more = more && exchange->pending.bytes == 0;
    }
}

/* Set the timer to what comes next: a bookmark or the end. */
static void arm_watch(struct exchange *exchange, int64_t mono_us) {
    int64_t next_us = exchange->end_us;

    if (exchange->response.bookmarks && exchange->bookmark_us < next_us) {
        next_us = exchange->bookmark_us;
    }
    if (exchange->speak_us != 0 && exchange->speak_us < next_us) {
        next_us = exchange->speak_us;
    }
    hold(exchange, STAGE_WATCHING, next_us - mono_us);
}

static int64_t next_bookmark(const struct exchange *exchange, int64_t mono_us) {
    int64_t last_us = exchange->end_us - BOOKMARK_BEFORE_END_US;

    if (mono_us >= last_us) {
        return CLOCK_NEVER_US;
    }
    return mono_us + BOOKMARK_EVERY_US < last_us ? mono_us + BOOKMARK_EVERY_US : last_us;
}

static void start_watch(struct exchange *exchange) {
    int64_t mono_us = now(exchange->server).mono_us;

    start_stream(exchange, NULL, 0);
    exchange->stage = STAGE_WATCHING;
    if (exchange->plan.garbage) {
        buf_add_text(&exchange->pending, "{\"type\":\"ADDED\",\"object\":{,\n");
    }
    if (exchange->plan.cut_body) {
        hold(exchange, STAGE_HALF_SENT, CUT_AFTER_US);
        return;
    }
    exchange->end_us = mono_us + exchange->response.timeout_us;
    exchange->bookmark_us = next_bookmark(exchange, mono_us);
    exchange->speak_us = exchange->plan.body_us > 0 ? mono_us + exchange->plan.body_us : 0;
    arm_watch(exchange, mono_us);
    if (meet_watch_faults(exchange)) {
        pump(exchange);
    }
}

static void watch_time(struct exchange *exchange) {
    int64_t mono_us = now(exchange->server).mono_us;

    if (mono_us >= exchange->end_us) {
        exchange->ending = true;
        (void)flush(exchange);
        return;
    }
    if (mono_us >= exchange->bookmark_us && !exchange->silent && !exchange->ending) {
        sim_rest_bookmark_line(&exchange->response, &exchange->pending);
        exchange->bookmark_us = next_bookmark(exchange, mono_us);
    }
    if (exchange->speak_us != 0 && mono_us >= exchange->speak_us) {
        exchange->speak_us = 0;
        arm_watch(exchange, mono_us);
        pump(exchange);
        return;
    }
    arm_watch(exchange, mono_us);
    (void)flush(exchange);
}

/* Logs. */

static void start_follow(struct exchange *exchange) {
    exchange->log_sent = exchange->response.log_end;
    start_stream(exchange, buf_text(&exchange->response.body), exchange->response.body.bytes);
    hold(exchange, STAGE_FOLLOWING, LOG_POLL_US);
}

static void follow(struct exchange *exchange) {
    struct sim_server *server = exchange->server;
    const struct sim_backend *backend = &server->config.rest->backend;
    const json_t *pod = sim_store_get(server->config.rest->store, SIM_PODS,
                                      exchange->target.namespace, exchange->target.name);
    struct pod_log log = {.namespace = exchange->target.namespace,
                          .pod = exchange->target.name,
                          .container = exchange->response.log_container,
                          .from = exchange->log_sent};

    exchange->ending = pod == NULL || sim_pod_is_finished(pod);
    if (backend->log(backend->context, &log, &exchange->pending)) {
        exchange->log_sent = log.end;
    }
    hold(exchange, STAGE_FOLLOWING, LOG_POLL_US);
    (void)flush(exchange);
}

static void on_room(struct http_request *request, void *owner) {
    struct exchange *exchange = owner;

    (void)request;
    if (exchange->stage == STAGE_WATCHING) {
        pump(exchange);
    } else {
        (void)flush(exchange);
    }
}

static void on_gone(struct http_request *request, void *owner) {
    struct exchange *exchange = owner;

    http_abort(request);
    exchange_destroy(exchange);
}

/* Requests. */

static void refuse(struct exchange *exchange, json_t *status_take) {
    buf_init(&exchange->response.body, LIMIT_SIM_BODY_BYTES);
    sim_response_status(&exchange->response, status_take);
}

static bool is_public(const char *path) {
    return strcmp(path, "/healthz") == 0 || strcmp(path, "/livez") == 0 ||
           strcmp(path, "/readyz") == 0 || strcmp(path, "/version") == 0;
}

static bool knows_token(const struct sim_server *server, const char *token) {
    bool known = false;

    for (size_t i = 0; i < server->config.token_count; i++) {
        size_t length = strlen(server->tokens[i]);

        known |=
            strlen(token) == length && text_equal_constant_time(server->tokens[i], token, length);
    }
    return known;
}

static json_t *anonymous(const struct exchange *exchange) {
    const struct sim_target *target = &exchange->target;
    const char *path = http_path(exchange->request);
    char *where;
    json_t *status;

    if (target->resource == NULL) {
        return sim_status(403, "Forbidden", NULL, NULL,
                          "forbidden: User \"system:anonymous\" cannot get path \"%s\"", path);
    }
    where = target->namespace[0] == '\0' ? mem_copy_text("at the cluster scope")
                                         : mem_format("in the namespace \"%s\"", target->namespace);
    status = sim_status(403, "Forbidden", target->resource, NULL,
                        "%s is forbidden: User \"system:anonymous\" cannot %s resource \"%s\" in "
                        "API group \"%s\" %s",
                        sim_resource_qualified(target->resource), target->verb,
                        target->resource->plural, target->resource->group, where);
    free(where);
    return status;
}

/* NULL lets the request in. */
static json_t *authenticate(const struct exchange *exchange) {
    static const char scheme[] = "Bearer ";
    const char *header = http_header(exchange->request, "Authorization");

    if (exchange->server->config.token_count == 0 || is_public(http_path(exchange->request))) {
        return NULL;
    }
    if (header == NULL) {
        return anonymous(exchange);
    }
    if (!text_starts_with(header, scheme) ||
        !knows_token(exchange->server, header + strlen(scheme))) {
        return sim_status(401, "Unauthorized", NULL, NULL, "Unauthorized");
    }
    return NULL;
}

/* A watch, or a log, by WebSocket. Clients that would rather have one take HTTP's own stream after
 * a 503, which a proxy between that knows none gives them, too; an answer without an end would
 * keep some waiting for it. */
static bool asks_for_socket(const struct exchange *exchange) {
    const char *upgrade = http_header(exchange->request, "Upgrade");

    return upgrade != NULL && strcasecmp(upgrade, "websocket") == 0;
}

/* The request as the REST layer has it; parameters has room for PARAMETERS_MAX. */
static struct sim_request request_of(const struct exchange *exchange,
                                     struct sim_parameter *parameters) {
    struct http_request *request = exchange->request;
    struct sim_request out = {
        .method = http_method(request),
        .path = http_path(request),
        .parameters = parameters,
        .accept = http_header(request, "Accept"),
        .content_type = http_header(request, "Content-Type"),
        .now_us = now(exchange->server).now_us,
    };
    size_t count = http_query_count(request);

    out.parameter_count = count < PARAMETERS_MAX ? count : PARAMETERS_MAX;
    for (size_t i = 0; i < out.parameter_count; i++) {
        http_query_at(request, i, &parameters[i].name, &parameters[i].value);
    }
    out.body = http_body(request, &out.body_bytes);
    return out;
}

static json_t *fault_status(int code) {
    switch (code) {
    case 503:
        return sim_status(503, "ServiceUnavailable", NULL, NULL,
                          "the server is currently unable to handle the request");
    case 504:
        return sim_status(504, "Timeout", NULL, NULL,
                          "Timeout: request did not complete within the allotted timeout");
    case 409:
        return sim_status(409, "Conflict", NULL, NULL,
                          "Operation cannot be fulfilled: the object has been modified; please "
                          "apply your changes to the latest version and try again");
    case 410:
        return sim_status(410, "Expired", NULL, NULL,
                          "The provided continue parameter or resource version is too old");
    case 422:
        return sim_status(422, "Invalid", NULL, NULL, "the object is invalid: simulated fault");
    default:
        return sim_status(code, "InternalError", NULL, NULL,
                          "Internal error occurred: simulated fault");
    }
}

static void answer_fault(struct exchange *exchange) {
    if (exchange->plan.code == 429) {
        buf_init(&exchange->response.body, LIMIT_SIM_BODY_BYTES);
        buf_add_text(&exchange->response.body, "Too many requests, please try again later.\n");
        exchange->response.code = 429;
        exchange->response.content_type = "text/plain; charset=utf-8";
        exchange->response.retry_after_seconds = 1;
    } else {
        refuse(exchange, fault_status(exchange->plan.code));
    }
    if (exchange->plan.retry_after_seconds > 0) {
        exchange->response.retry_after_seconds = exchange->plan.retry_after_seconds;
    }
}

/* Pods' own pages. */

static void refuse_proxy(struct exchange *exchange, const char *ip, unsigned port,
                         const char *reason) {
    refuse(exchange,
           sim_status(503, "ServiceUnavailable", NULL, NULL,
                      "error trying to reach service: dial tcp %s:%u: %s", ip, port, reason));
}

static void on_page(void *context, const struct pod_proxy_answer *answer) {
    struct exchange *exchange = context;

    http_on_close(exchange->request, NULL, NULL);
    if (answer->status == 0) {
        refuse_proxy(exchange, exchange->target.name, 0, answer->reason);
    } else {
        buf_init(&exchange->response.body, LIMIT_SIM_BODY_BYTES);
        buf_add(&exchange->response.body, answer->body, answer->bytes);
        (void)text_copy(exchange->proxy_type, sizeof exchange->proxy_type, answer->content_type);
        exchange->response.code = answer->status;
        exchange->response.content_type = exchange->proxy_type;
    }
    sim_stats_count(&exchange->server->stats, &exchange->target, &exchange->response);
    reply(exchange);
}

/* .../pods/NAME:PORT/proxy/PATH: false when it is no such path. */
static bool read_proxy_path(const char *target, char namespace[64], char name[256],
                            unsigned *out_port, const char **out_rest) {
    int end = 0;

    if (sscanf(target, "/api/v1/namespaces/%63[^/]/pods/%255[^/:]:%u/proxy%n", namespace, name,
               out_port, &end) != 3 ||
        end == 0 || *out_port == 0 || *out_port > 65535) {
        return false;
    }
    *out_rest = target[end] == '/' ? target + end : "/";
    return true;
}

/* True: the request is about a pod's page, and answered now or later. */
static bool proxy(struct exchange *exchange) {
    struct sim_server *server = exchange->server;
    struct pod_proxy_request request = {.poller = server->config.poller,
                                        .method = http_method(exchange->request),
                                        .on_done = on_page,
                                        .context = exchange};
    struct error error = {0};
    char namespace[64];
    char name[256];
    const json_t *pod;
    unsigned port;

    if (!read_proxy_path(http_target(exchange->request), namespace, name, &port, &request.target)) {
        return false;
    }
    pod = sim_store_get(server->config.rest->store, SIM_PODS, namespace, name);
    request.ip = sim_json_text(pod, "status.podIP");
    request.port = (uint16_t)port;
    if (pod == NULL) {
        refuse(exchange, sim_status_not_found(sim_resource(SIM_PODS), name));
    } else if (request.ip == NULL || !text_starts_with(request.ip, "127.")) {
        refuse_proxy(exchange, request.ip == NULL ? "" : request.ip, port, "connection refused");
    } else if (pod_proxy_start(&request, &exchange->proxy, &error) != OK) {
        refuse_proxy(exchange, request.ip, port, error.text);
    } else {
        exchange->stage = STAGE_PROXYING;
        http_on_close(exchange->request, on_gone, exchange);
        return true;
    }
    sim_stats_count(&server->stats, &exchange->target, &exchange->response);
    reply(exchange);
    return true;
}

static void run_control(struct exchange *exchange, const struct sim_request *request) {
    const struct sim_server *server = exchange->server;
    struct sim_control control = {
        .store = server->config.rest->store,
        .faults = server->config.faults,
        .cluster = server->config.cluster,
        .stats = &server->stats,
    };

    buf_init(&exchange->response.body, LIMIT_SIM_BODY_BYTES);
    for (const struct exchange *at = server->exchanges; at != NULL; at = at->next) {
        control.open_watches += at->stage == STAGE_WATCHING && at->response.watch != NULL;
    }
    sim_control_handle(&control, request, &exchange->response);
}

/* A new fault may be about watches that are open already. */
static void spread_watch_faults(struct sim_server *server) {
    struct exchange *next;

    for (struct exchange *at = server->exchanges; at != NULL; at = next) {
        next = at->next;
        if (at->stage == STAGE_WATCHING && at->response.watch != NULL && meet_watch_faults(at)) {
            (void)flush(at);
        }
    }
}

static void execute(struct exchange *exchange) {
    struct sim_parameter parameters[PARAMETERS_MAX];
    struct sim_request request = request_of(exchange, parameters);
    struct sim_server *server = exchange->server;

    if (exchange->plan.code == 0 && proxy(exchange)) {
        return;
    }
    if (exchange->plan.code != 0) {
        answer_fault(exchange);
    } else if (text_starts_with(request.path, "/sim/")) {
        run_control(exchange, &request);
    } else if (asks_for_socket(exchange)) {
        refuse(exchange, fault_status(503));
    } else {
        sim_rest_handle(server->config.rest, &request, &exchange->response);
    }
    sim_stats_count(&server->stats, &exchange->target, &exchange->response);
    if (exchange->plan.lose_reply) {
        break_off(exchange);
    } else if (exchange->response.watch != NULL && exchange->plan.answer_us > 0) {
        hold(exchange, STAGE_HELD, exchange->plan.answer_us);
    } else if (exchange->response.watch != NULL) {
        start_watch(exchange);
    } else if (exchange->response.follow_log) {
        start_follow(exchange);
    } else if (exchange->response.wait_us > 0 || exchange->plan.answer_us > 0) {
        hold(exchange, STAGE_HELD, exchange->response.wait_us + exchange->plan.answer_us);
    } else {
        bool control = text_starts_with(request.path, "/sim/");

        reply_as_planned(exchange);
        if (control) {
            spread_watch_faults(server);
        }
    }
}

static void on_time(struct poller_timer *timer) {
    struct exchange *exchange = timer->owner;

    switch (exchange->stage) {
    case STAGE_DELAYED:
        execute(exchange);
        break;
    case STAGE_HELD:
        if (exchange->response.watch != NULL) {
            start_watch(exchange);
        } else {
            reply_as_planned(exchange);
        }
        break;
    case STAGE_HALF_SENT:
        reply_second_half(exchange);
        break;
    case STAGE_WATCHING:
        watch_time(exchange);
        break;
    case STAGE_FOLLOWING:
        follow(exchange);
        break;
    case STAGE_PROXYING:
    case STAGE_HUNG:
        break;
    }
}

/* The target with the name that a create has in its body. */
static struct sim_target named_target(const struct exchange *exchange,
                                      const struct sim_request *request) {
    struct sim_target target = exchange->target;
    json_t *body;
    const char *name;

    if (strcmp(target.verb, "create") != 0 || target.name[0] != '\0' ||
        !api_faults_by_name(exchange->server->config.faults)) {
        return target;
    }
    body = json_loadb(request->body == NULL ? "" : request->body, request->body_bytes, 0, NULL);
    name = sim_json_text(body, "metadata.name");
    (void)text_copy(target.name, sizeof target.name, name == NULL ? "" : name);
    json_decref(body);
    return target;
}

static void on_request(struct http_request *request, void *owner) {
    struct sim_server *server = owner;
    struct exchange *exchange = exchange_create(server, request);
    struct sim_parameter parameters[PARAMETERS_MAX];
    struct sim_request asked = request_of(exchange, parameters);
    json_t *refusal;

    sim_rest_target(&asked, &exchange->target);
    refusal = authenticate(exchange);
    if (refusal != NULL) {
        refuse(exchange, refusal);
        sim_stats_count(&server->stats, &exchange->target, &exchange->response);
        reply(exchange);
        return;
    }
    if (!text_starts_with(asked.path, "/sim/")) {
        struct sim_target target = named_target(exchange, &asked);

        exchange->plan = api_faults_of_request(server->config.faults, &target);
    }
    if (exchange->plan.reset) {
        break_off(exchange);
    } else if (exchange->plan.hang) {
        exchange->stage = STAGE_HUNG;
        http_on_close(request, on_gone, exchange);
    } else if (exchange->plan.delay_us > 0) {
        hold(exchange, STAGE_DELAYED, exchange->plan.delay_us);
    } else {
        execute(exchange);
    }
}

void sim_server_turn(struct sim_server *server) {
    int64_t version = sim_store_version(server->config.rest->store);
    struct exchange *next;

    if (version == server->pumped_version) {
        return;
    }
    server->pumped_version = version;
    for (struct exchange *at = server->exchanges; at != NULL; at = next) {
        next = at->next;
        if (at->stage == STAGE_WATCHING) {
            pump(at);
        }
    }
}
