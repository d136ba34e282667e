/* The front on real sockets: a child process serves with a fake owner who says what he was told. */
#include "api/api.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "api/wire.h"
#include "base/buf.h"
#include "base/digest.h"
#include "base/log.h"
#include "tests/api/http_fixture.h"
#include "tests/fake/poll_poller.h"
#include "tests/test.h"

#define BODY_LARGE 5000

struct app {
    struct poll_poller *loop;
    struct api *api;
    struct poller_fd control;
    struct api_call *kept; /* answered when another asks for it */
    uint64_t gone;         /* the number of the call whose client left */
    bool ended;
};

static struct api_token token_of(const char *secret, const char *user, const char *const *teams,
                                 size_t count) {
    struct api_token token = {.user = user, .teams = teams, .team_count = count};

    digest_sha256(secret, strlen(secret), token.sha256);
    return token;
}

static int load(struct app *app, const char *first_secret) {
    static const char *const teams[] = {"a"};
    struct api_token tokens[] = {token_of(first_secret, "airflow", teams, 1),
                                 token_of("look", "dashboard", NULL, 0)};

    return api_reload(app->api, tokens, ARRAY_LEN(tokens), NULL);
}

/* Says everything that was decoded. */
static void say_call(struct api_call *call) {
    struct buf out;

    buf_init(&out, 65536);
    buf_add_format(
        &out,
        "%s job=%" PRIu64 " user=%s local=%d ns=%s team=%s name=%s states=%x after=%" PRIu64
        " limit=%zu follow=%d seq=%" PRId64 " attempt=%u tail=%" PRId64,
        api_route_text(call->route), call->job_id, call->identity.user, call->identity.local,
        call->namespace, call->team, call->name, call->states, call->after_id, call->limit,
        call->follow, call->after_sequence, call->attempt, call->tail_lines);
    if (call->route == API_SUBMIT) {
        buf_add_format(&out, " body=%zu:%.20s file=%s dns=%s dteam=%s hold=%d key=%s",
                       call->body_bytes, call->body, call->file, call->default_namespace,
                       call->default_team, call->hold, call->idempotency_key);
    }
    api_reply_text(call, 200, "text/plain", buf_text(&out), out.bytes);
    buf_finish(&out);
}

static void stream(struct api_call *call) {
    api_stream_start(call, "application/x-ndjson");
    CHECK_OK(api_stream_write(call, "one\n", 4), "a first line");
    CHECK_OK(api_stream_write(call, "two\n", 4), "a second");
    api_stream_end(call);
}

/* What the fake does with some ids; everything else is echoed. */
static void on_call(struct api_call *call, void *owner) {
    static const struct wire_detail detail = {"a.yaml", 3, 5, "spec.x", "unknown field"};
    struct app *app = owner;

    CHECK_EQ(api_find(app->api, call->number), call, "an open call is found");
    if (!api_call_permits(call, "a")) {
        api_reply_error(call, ERR_DENIED, "team %s is not yours", "a");
    } else if (call->job_id == 400) {
        api_reply_error(call, ERR_NOT_FOUND, "there is no job %d", 400);
    } else if (call->job_id == 401) {
        api_reply_details(call, ERR_INVALID, "1 problem", &detail, 1);
    } else if (call->job_id == 402) {
        api_reply_error(call, ERR_BUSY, "not now");
    } else if (call->job_id == 403) {
        app->kept = call;
    } else if (call->job_id == 404) { /* Answers both. */
        say_call(app->kept);
        app->kept = NULL;
        say_call(call);
    } else if (call->job_id == 405) {
        api_reply_error(call, app->gone != 0 ? OK : ERR_NOT_FOUND, "gone=%" PRIu64, app->gone);
    } else if (call->job_id == 406) {
        CHECK_OK(load(app, "new"), "reload");
        say_call(call);
    } else if (call->follow) {
        stream(call);
    } else {
        say_call(call);
    }
}

static void on_gone(struct api_call *call, void *owner) {
    struct app *app = owner;

    app->gone = call->number;
    if (app->kept == call) {
        app->kept = NULL;
        api_reply_error(call, ERR_NOT_FOUND, "nobody reads this");
    }
}

static void on_control(struct poller_fd *watch, unsigned events) {
    struct app *app = watch->owner;

    (void)events;
    poller_fd_set(poll_poller_of(app->loop), watch, 0);
    app->ended = true;
}

static bool has_ended(void *owner) {
    return ((struct app *)owner)->ended;
}

static struct instant sample(void *owner) {
    (void)owner;
    return clock_sample();
}

static _Noreturn void serve(struct fixture *fixture, int control, int ports) {
    static const struct log log = {.fd = STDERR_FILENO, .level = LOG_DEBUG};
    struct app app = {.loop = poll_poller_create()};
    struct api_config config = {.poller = poll_poller_of(app.loop),
                                .clock = sample,
                                .log = &log,
                                .http = http_limits_default(),
                                .on_call = on_call,
                                .on_gone = on_gone,
                                .owner = &app};
    char certificate[128], key[128];
    struct http_tls tls = {.certificate_file = certificate, .key_file = key};
    struct http_unix door = {.path = fixture->socket_path};
    struct error error = {0};

    (void)snprintf(certificate, sizeof certificate, "%s/server.crt", fixture->folder);
    (void)snprintf(key, sizeof key, "%s/server.key", fixture->folder);
    app.api = api_create(&config);
    app.control = (struct poller_fd){.fd = control, .on_ready = on_control, .owner = &app};
    CHECK_OK(api_listen_unix(app.api, &door, &error), error.text);
    CHECK_OK(api_listen_tls(app.api, "127.0.0.1", 0, &tls, &fixture->ports[DOOR_TLS], &error),
             error.text);
    CHECK_OK(load(&app, "secret"), "tokens");
    CHECK_EQ(write(ports, fixture->ports, sizeof fixture->ports), sizeof fixture->ports, "ports");
    (void)close(ports);
    poller_fd_set(config.poller, &app.control, POLLER_READ);
    CHECK(poll_poller_run(app.loop, has_ended, &app, 60 * CLOCK_US_PER_SECOND), "in time");
    api_destroy(app.api);
    poll_poller_destroy(app.loop);
    (void)close(control);
    exit(0);
}

static void start(struct fixture *fixture) {
    int control[2], ports[2];

    memset(fixture, 0, sizeof *fixture);
    (void)snprintf(fixture->folder, sizeof fixture->folder, "%s", test_folder());
    (void)snprintf(fixture->socket_path, sizeof fixture->socket_path, "%s/s", fixture->folder);
    make_certificate(fixture->folder, "server", NULL);
    CHECK_OK(pipe(control), "pipe");
    CHECK_OK(pipe(ports), "pipe");
    (void)fflush(NULL);
    fixture->pid = fork();
    if (fixture->pid == 0) {
        (void)close(control[1]);
        (void)close(ports[0]);
        serve(fixture, control[0], ports[1]);
    }
    (void)close(control[0]);
    (void)close(ports[1]);
    fixture->control = control[1];
    CHECK_EQ(read(ports[0], fixture->ports, sizeof fixture->ports), sizeof fixture->ports, "up");
    (void)close(ports[0]);
    (void)signal(SIGPIPE, SIG_IGN);
}

struct row {
    const char *what, *door, *request; /* first line; "Host" and the end are added */
    int status;
    const char *body, *head; /* what they contain; NULL: whatever */
};

static void check_row(const struct fixture *fixture, const struct row *row) {
    struct client client =
        client_open(fixture, strcmp(row->door, "unix") == 0 ? DOOR_UNIX : DOOR_TLS);
    const char *line_end = strstr(row->request, "\r\n");
    struct answer answer;
    char request[8192];

    /* "METHOD target\r\nheaders" becomes a whole request; a body follows an empty line. */
    (void)snprintf(request, sizeof request, "%.*s HTTP/1.1\r\nHost: x%s%s",
                   line_end != NULL ? (int)(line_end - row->request) : (int)strlen(row->request),
                   row->request, line_end != NULL ? line_end : "",
                   strstr(row->request, "\r\n\r\n") != NULL ? "" : "\r\n\r\n");
    client_send(&client, request);
    answer = client_answer(&client);
    CHECK_EQ(answer.status, row->status, row->what);
    if (row->body != NULL && strstr(answer.body, row->body) == NULL) {
        CHECK_STR(answer.body, row->body, row->what);
    }
    if (row->head != NULL && strstr(answer.head, row->head) == NULL) {
        CHECK_STR(answer.head, row->head, row->what);
    }
    answer_free(&answer);
    client_close(&client);
}

static void check_rows(const struct row *rows, size_t count) {
    struct fixture fixture;

    start(&fixture);
    for (size_t i = 0; i < count; i++) {
        check_row(&fixture, &rows[i]);
    }
    fixture_stop(&fixture);
}

#define BEARER "\r\nAuthorization: Bearer "

TEST(api__lets_in_whom_it_should) {
    static const struct row rows[] = {
        {"the socket's file mode is the gate", "unix", "GET /v1/jobs", 200, "local=1", NULL},
        {"health is for anybody", "tls", "GET /healthz", 200, "ok\n", NULL},
        {"readiness too", "tls", "GET /readyz", 200, "user=anonymous local=0", NULL},
        {"no token", "tls", "GET /v1/jobs", 401, "\"code\":\"Unauthenticated\"",
         "WWW-Authenticate: Bearer"},
        {"no token for metrics", "tls", "GET /metrics", 401, NULL, NULL},
        {"a wrong token", "tls", "GET /v1/jobs" BEARER "wrong", 401, NULL, NULL},
        {"strangers don't learn the paths", "tls", "GET /nowhere", 401, NULL, NULL},
        {"nor the methods", "tls", "PUT /v1/jobs\r\nContent-Length: 0", 401, NULL, NULL},
        {"a stranger's small body", "tls", "POST /v1/jobs\r\nContent-Length: 2\r\n\r\nhi", 401,
         "Unauthenticated", NULL},
        {"a large body is not waited for", "tls", "POST /v1/jobs\r\nContent-Length: 1000000", 401,
         NULL, "WWW-Authenticate: Bearer"},
        {"nor one without an end", "tls", "POST /v1/jobs\r\nTransfer-Encoding: chunked", 401, NULL,
         NULL},
        {"the right one", "tls", "GET /v1/jobs" BEARER "secret", 200, "user=token:airflow local=0",
         NULL},
        {"its team's jobs", "tls", "POST /v1/jobs/7/cancel\r\nContent-Length: 0" BEARER "secret",
         200, "POST /v1/jobs/{id}/cancel job=7", NULL},
        {"looking without a team", "tls", "GET /v1/jobs/7/why" BEARER "look", 200, NULL, NULL},
        {"changing without a team", "tls",
         "POST /v1/jobs/7/cancel\r\nContent-Length: 0" BEARER "look", 403,
         "{\"error\":{\"code\":\"Forbidden\",\"message\":\"team a is not yours\"}}", NULL},
        {"logs without a team", "tls", "GET /v1/jobs/7/logs" BEARER "look", 403, NULL, NULL},
        {"reloading", "unix", "GET /v1/jobs/406", 200, NULL, NULL},
        {"the old token", "tls", "GET /v1/jobs" BEARER "secret", 401, NULL, NULL},
        {"the new one", "tls", "GET /v1/jobs" BEARER "new", 200, NULL, NULL},
    };

    check_rows(rows, ARRAY_LEN(rows));
}

TEST(api__hands_out_what_was_asked) {
    static const struct row rows[] = {
        {"what a list defaults to", "unix", "GET /v1/jobs", 200,
         "ns= team= name= states=0 after=0 limit=100 follow=0 seq=-1 attempt=0 tail=-1", NULL},
        {"filters", "unix",
         "GET /v1/jobs?namespace=n&team=t&name=x&state=QUEUED,RUNNING&continue=9&limit=5", 200,
         "ns=n team=t name=x states=12 after=9 limit=5", NULL},
        {"a large limit is cut", "unix", "GET /v1/jobs?limit=999999999", 200, "limit=1000", NULL},
        {"logs", "unix", "GET /v1/jobs/7/logs?attempt=2&tail=10", 200, "attempt=2 tail=10", NULL},
        {"DELETE is to cancel", "unix", "DELETE /v1/jobs/7", 200, "POST /v1/jobs/{id}/cancel job=7",
         NULL},
        {"events", "unix", "GET /v1/jobs/7/events?after=3", 200, "seq=3", NULL},
        {"a stream", "unix", "GET /v1/jobs/7/events?follow=true", 200, "one\ntwo\n", "chunked"},
        {"a submission", "unix",
         "POST /v1/jobs?file=a.yaml&namespace=n&team=t&hold=true\r\nIdempotency-Key: k-1\r\n"
         "Content-Type: application/yaml; charset=utf-8\r\nContent-Length: 5\r\n\r\nkind:",
         200, "body=5:kind: file=a.yaml dns=n dteam=t hold=1 key=k-1", NULL},
        {"an error of the owner's", "unix", "GET /v1/jobs/400", 404,
         "{\"error\":{\"code\":\"NotFound\",\"message\":\"there is no job 400\"}}\n",
         "application/json"},
        {"one with details", "unix", "GET /v1/jobs/401", 422,
         "\"details\":[{\"file\":\"a.yaml\",\"line\":3,\"column\":5,\"path\":\"spec.x\","
         "\"message\":\"unknown field\"}]",
         NULL},
        {"one to come back after", "unix", "GET /v1/jobs/402", 503, NULL, "Retry-After: 1"},
    };

    check_rows(rows, ARRAY_LEN(rows));
}

TEST(api__refuses_what_it_does_not_understand) {
    static const struct row rows[] = {
        {"no such path", "unix", "GET /v1/nothing", 404, "\"code\":\"NotFound\"", NULL},
        {"no such method", "unix", "PUT /v1/status\r\nContent-Length: 0", 405, "MethodNotAllowed",
         "Allow: GET, HEAD\r\n"},
        {"no such parameter", "unix", "GET /v1/jobs?nmespace=x", 400,
         "there is no parameter nmespace here", NULL},
        {"a parameter of others", "unix", "GET /v1/jobs?tail=3", 400, NULL, NULL},
        {"a parameter twice", "unix", "GET /v1/jobs?team=a&team=b", 400, NULL, NULL},
        {"no such state", "unix", "GET /v1/jobs?state=QUEUED,BORED", 400, NULL, NULL},
        {"a limit of nothing", "unix", "GET /v1/jobs?limit=0", 400, NULL, NULL},
        {"a tail below 0", "unix", "GET /v1/jobs/7/logs?tail=-5", 400, NULL, NULL},
        {"neither true nor false", "unix", "GET /v1/jobs/7/logs?follow=maybe", 400, NULL, NULL},
        {"an empty body", "unix", "POST /v1/jobs\r\nContent-Length: 0", 400, NULL, NULL},
        {"a body of another type", "unix",
         "POST /v1/jobs\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nhi", 415,
         "UnsupportedMediaType", NULL},
        {"a type that only begins well", "unix",
         "POST /v1/jobs\r\nContent-Type: application/json5\r\nContent-Length: 2\r\n\r\nhi", 415,
         NULL, NULL},
        {"an empty key", "unix",
         "POST /v1/jobs\r\nIdempotency-Key: \r\nContent-Length: 2\r\n\r\nhi", 400, NULL, NULL},
        {"a key with a space", "unix",
         "POST /v1/jobs\r\nIdempotency-Key: a b\r\nContent-Length: 2\r\n\r\nhi", 400, NULL, NULL},
        {"a key too long", "unix",
         "POST /v1/jobs\r\nIdempotency-Key: "
         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
         "aaa"
         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
         "\r\nContent-Length: 2\r\n\r\nhi",
         400, NULL, NULL},
        {"an answer in HTML", "unix", "GET /v1/jobs\r\nAccept: text/html", 406, "NotAcceptable",
         NULL},
        {"or in anything", "unix", "GET /v1/jobs\r\nAccept: text/html, */*;q=0.1", 200, NULL, NULL},
        {"text from a route of JSON", "unix", "GET /v1/jobs\r\nAccept: text/plain", 406, NULL,
         NULL},
        {"text", "unix", "GET /metrics\r\nAccept: text/plain;version=0.0.4", 200, NULL, NULL},
    };

    check_rows(rows, ARRAY_LEN(rows));
}

TEST(api__answers_later_and_notices_who_left) {
    struct fixture fixture;
    struct client waiting, leaving, asking;
    struct answer answer;

    start(&fixture);
    waiting = client_open(&fixture, DOOR_UNIX);
    asking = client_open(&fixture, DOOR_UNIX);
    client_send(&waiting, "GET /v1/jobs/403 HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK_EQ(client_read(&waiting, 50000), 0, "no answer yet");
    client_expect(&asking, "GET /v1/jobs/404 HTTP/1.1\r\nHost: x\r\n\r\n", 200, "the other");
    answer = client_answer(&waiting);
    CHECK_EQ(answer.status, 200, "the answer came");
    CHECK(strstr(answer.body, "job=403") != NULL, "and is its own");
    answer_free(&answer);

    leaving = client_open(&fixture, DOOR_UNIX);
    client_send(&leaving, "GET /v1/jobs/403 HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK_EQ(client_read(&leaving, 50000), 0, "no answer yet");
    client_close(&leaving);
    for (int tries = 0; tries < 1000; tries++) {
        client_send(&asking, "GET /v1/jobs/405 HTTP/1.1\r\nHost: x\r\n\r\n");
        answer = client_answer(&asking);
        if (answer.status == 500) { /* OK as an error's code: it says "gone=3". */
            break;
        }
        answer_free(&answer);
    }
    CHECK(strstr(answer.body, "gone=3") != NULL, "the owner was told");
    answer_free(&answer);
    client_close(&waiting);
    client_close(&asking);
    fixture_stop(&fixture);
}

TEST(api_destroy__ends_what_is_open) {
    struct fixture fixture;
    struct client waiting;

    start(&fixture);
    waiting = client_open(&fixture, DOOR_UNIX);
    client_send(&waiting, "GET /v1/jobs/403 HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK_EQ(client_read(&waiting, 50000), 0, "no answer yet");
    fixture_stop(&fixture);
    client_close(&waiting);
}
