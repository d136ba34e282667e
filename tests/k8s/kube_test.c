#include "k8s/kube.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/limits.h"
#include "base/memory.h"
#include "tests/fake/certificates.h"
#include "tests/k8s/rig.h"
#include "tests/test.h"

#define CREATE_PATH "/api/v1/namespaces/a/pods"

static struct kube_call create_call(void) {
    return (struct kube_call){.method = KUBE_POST,
                              .priority = KUBE_PRIORITY_WRITE,
                              .path = CREATE_PATH,
                              .body = "{\"kind\":\"Pod\"}",
                              .body_bytes = 14};
}

/* --- The ordinary ----------------------------------------------------------------------------- */

TEST(kube_request__sends_what_it_was_told_and_gives_the_answer) {
    static const struct script_step steps[] = {
        {.expect = "GET /api/v1/pods?limit=1 HTTP/1.1\r\n", .fixture = "05-pods-list-empty"},
        {.expect = "POST " CREATE_PATH " HTTP/1.1\r\n",
         .expect_too = "\r\n\r\n{\"kind\":\"Pod\"}",
         .status = 201,
         .body = "{\"kind\":\"Pod\",\"made\":true}"},
        {.expect = "PATCH /p HTTP/1.1",
         .expect_too = "application/merge-patch+json",
         .status = 200},
        {.expect = "DELETE /p HTTP/1.1", .status = 200},
        {.expect = "GET /log", .fixture = "05-pod-log-204-no-host"},
    };
    struct kube_call list = {.method = KUBE_GET, .path = "/api/v1/pods", .query = "limit=1"};
    struct kube_call create = create_call();
    struct kube_call patch = {.method = KUBE_PATCH,
                              .path = "/p",
                              .body = "{}",
                              .body_bytes = 2,
                              .content_type = "application/merge-patch+json"};
    struct kube_call erase = {.method = KUBE_DELETE, .path = "/p"};
    struct rig_result result;
    struct rig rig;
    char *log;

    rig_begin(&rig, steps, ARRAY_LEN(steps), NULL);
    rig.access.token = mem_copy_text("secret");
    rig_connect(&rig);
    result = rig_call(&rig, &list);
    CHECK_EQ(result.status.outcome, KUBE_OK, result.status.message);
    CHECK(strstr(result.body, "\"items\":[]") != NULL, result.body);
    result = rig_call(&rig, &create);
    CHECK_EQ(result.status.http_code, 201, result.status.message);
    CHECK_STR(result.body, "{\"kind\":\"Pod\",\"made\":true}", "the object");
    CHECK_EQ(rig_call(&rig, &patch).status.outcome, KUBE_OK, "patch");
    CHECK_EQ(rig_call(&rig, &erase).status.outcome, KUBE_OK, "delete");
    result = rig_get(&rig, "/log");
    CHECK_EQ(result.status.http_code, 204, "KUBE 13: a log that is not there yet is empty");
    CHECK_EQ(result.body_bytes, 0, "KUBE 13: no body");
    CHECK_EQ(script_server_unused(rig.server), 0, "all were asked for");
    CHECK_EQ(script_server_connections(rig.server), 1, "KUBE 18: one connection is kept");
    CHECK_EQ(kube_figures(rig.kube).http_version, 11, "this server speaks 1.1");
    CHECK_EQ(kube_figures(rig.kube).outcomes[KUBE_OK], 5, "counted");
    log = script_server_log(rig.server);
    CHECK(strstr(log, "Authorization: Bearer secret\r\n") != NULL, log);
    CHECK(strstr(log, "Accept: application/json\r\n") != NULL, log);
    CHECK(strstr(log, "Expect:") == NULL, log);
    free(log);
    rig_close(&rig);
}

TEST(kube_request__goes_through_the_proxy_that_the_kubeconfig_names) {
    static const struct script_step steps[] = {
        {.expect = "GET http://k.example:8080/x HTTP/1.1\r\nHost: k.example:8080\r\n",
         .status = 200},
        {.expect = "CONNECT k.example:6443 HTTP/1.1\r\n", .status = 407, .then = THEN_CLOSE},
    };
    struct kube_call once = {.method = KUBE_POST, .path = "/x", .body = "{}", .body_bytes = 2};
    struct rig_result result;
    struct error error = {0};
    struct rig rig;

    rig_begin(&rig, steps, ARRAY_LEN(steps), NULL);
    rig.access.proxy_url = rig.access.server;
    rig.access.server = mem_copy_text("http://k.example:8080");
    rig_connect(&rig);
    result = rig_get(&rig, "/x");
    CHECK_EQ(result.status.outcome, KUBE_OK, result.status.message);
    free(rig.access.server);
    rig.access.server = mem_copy_text("https://k.example:6443");
    CHECK_OK(kube_set_access(rig.kube, &rig.access, &error), error.text);
    result = rig_call(&rig, &once);
    CHECK_EQ(result.status.outcome, KUBE_UNREACHABLE, result.status.message);
    CHECK_EQ(result.status.execution, KUBE_NOT_EXECUTED, "the proxy refused the tunnel");
    rig_close(&rig);
}

/* Waiting must cost nothing: curl's milliseconds may not become a timer of zero. */
TEST(kube_request__sleeps_while_it_waits) {
    static const struct script_step steps[] = {{.status = 200, .delay_ms = 400}};
    uint64_t before;
    struct rig rig;

    rig_open(&rig, steps, ARRAY_LEN(steps));
    before = poll_poller_callbacks(rig.loop);
    CHECK_EQ(rig_get(&rig, "/x").status.outcome, KUBE_OK, "the answer");
    CHECK(poll_poller_callbacks(rig.loop) - before < 40, "few callbacks in 400 ms");
    before = poll_poller_callbacks(rig.loop);
    rig_idle(&rig, 200000);
    CHECK(poll_poller_callbacks(rig.loop) - before < 5, "and hardly any when idle");
    rig_close(&rig);
}

/* --- Failures on the wire --------------------------------------------------------------------- */

/* A create whose fate is unknown is never repeated by the client; what certainly did not
 * happen is said to be so. */
TEST(kube_request__tells_lost_from_never_sent) {
    static const struct {
        const char *what;
        struct script_step step;
        enum kube_outcome outcome;
        enum kube_execution execution;
    } rows[] = {
        {"reset before the head",
         {.raw = "", .then = THEN_RESET},
         KUBE_LOST,
         KUBE_EXECUTION_UNKNOWN},
        {"closed before the head",
         {.raw = "", .then = THEN_CLOSE},
         KUBE_LOST,
         KUBE_EXECUTION_UNKNOWN},
        {"reset inside the head",
         {.raw = "HTTP/1.1 201 Cre", .then = THEN_RESET},
         KUBE_LOST,
         KUBE_EXECUTION_UNKNOWN},
        {"reset after the head",
         {.raw = "HTTP/1.1 201 Created\r\nContent-Length: 10\r\n\r\n", .then = THEN_RESET},
         KUBE_LOST,
         KUBE_EXECUTION_UNKNOWN},
        {"closed inside the body",
         {.status = 201, .body = "{\"kind\":\"Pod\"}", .body_bytes = 5, .then = THEN_CLOSE},
         KUBE_LOST,
         KUBE_EXECUTION_UNKNOWN},
        {"cut inside a chunk",
         {.status = 201,
          .body = "{\"kind\":\"Pod\"}",
          .chunked = true,
          .body_bytes = 5,
          .piece = 2,
          .then = THEN_CLOSE},
         KUBE_LOST,
         KUBE_EXECUTION_UNKNOWN},
        {"no HTTP at all",
         {.raw = "hello\r\n\r\n", .then = THEN_CLOSE},
         KUBE_LOST,
         KUBE_EXECUTION_UNKNOWN},
        {"KUBE 16: the server's own time-out",
         {.fixture = "11-create-504-etcd-down"},
         KUBE_TIMEOUT,
         KUBE_EXECUTION_UNKNOWN},
        {"KUBE 16: etcd has just come back",
         {.fixture = "11-create-after-long-outage"},
         KUBE_SERVER_ERROR,
         KUBE_EXECUTION_UNKNOWN},
        {"KUBE 3: the quota", {.fixture = "13-pod-4-403"}, KUBE_QUOTA_EXCEEDED, KUBE_NOT_EXECUTED},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct kube_call create = create_call();
        struct rig_result result;
        struct rig rig;

        rig_open(&rig, &rows[i].step, 1);
        result = rig_call(&rig, &create);
        CHECK_STR(kube_outcome_name(result.status.outcome), kube_outcome_name(rows[i].outcome),
                  rows[i].what);
        CHECK_EQ(result.status.execution, rows[i].execution, rows[i].what);
        CHECK_EQ(script_server_requests(rig.server), 1, rows[i].what);
        rig_close(&rig);
    }
}

/* curl repeats by itself what fails on a kept connection: not with us. */
TEST(kube_request__does_not_repeat_a_create_when_a_kept_connection_breaks) {
    static const struct script_step steps[] = {
        {.expect = "GET", .status = 200},
        {.expect = "POST", .raw = "", .then = THEN_CLOSE},
        {.expect = "POST", .status = 201},
    };
    struct kube_call create = create_call();
    struct rig_result result;
    struct rig rig;

    rig_open(&rig, steps, ARRAY_LEN(steps));
    CHECK_EQ(rig_get(&rig, "/x").status.outcome, KUBE_OK, "the connection is kept");
    result = rig_call(&rig, &create);
    CHECK_EQ(result.status.outcome, KUBE_LOST, result.status.message);
    CHECK_EQ(result.status.execution, KUBE_EXECUTION_UNKNOWN, "the server may have acted");
    CHECK_EQ(script_server_requests(rig.server), 2, "sent once");
    CHECK_EQ(rig_call(&rig, &create).status.outcome, KUBE_OK, "the next one is fine");
    rig_close(&rig);
}

TEST(kube_request__knows_that_nobody_listens) {
    struct kube_call create = create_call();
    struct rig_result result;
    struct rig rig;

    rig_open(&rig, NULL, 0);
    script_server_stop(rig.server);
    rig.server = NULL;
    result = rig_call(&rig, &create);
    CHECK_EQ(result.status.outcome, KUBE_UNREACHABLE, "KUBE 17: a stopping server refuses");
    CHECK_EQ(result.status.execution, KUBE_NOT_EXECUTED, "never sent");
    rig_close(&rig);
}

TEST(kube_request__repeats_reads_that_failed_in_passing) {
    static const struct script_step steps[] = {
        {.raw = "", .then = THEN_RESET},
        {.status = 503, .body = "later"},
        {.fixture = "11-get-504-etcd-down"},
        {.status = 200, .body = "{}"},
    };
    struct rig_result result;
    struct rig rig;

    rig_open(&rig, steps, ARRAY_LEN(steps));
    result = rig_get(&rig, "/x");
    CHECK_EQ(result.status.outcome, KUBE_OK, result.status.message);
    CHECK_EQ(kube_figures(rig.kube).retries, 3, "three repeats");
    CHECK_EQ(kube_figures(rig.kube).requests, 4, "four requests");
    rig_close(&rig);
}

TEST(kube_request__gives_up_and_returns_the_last_failure) {
    static const struct script_step steps[] = {{.status = 500, .body = "no", .times = -1}};
    struct kube_call once = {.method = KUBE_GET, .path = "/x", .no_retry = true};
    struct rig rig;

    rig_open(&rig, steps, ARRAY_LEN(steps));
    CHECK_EQ(rig_call(&rig, &once).status.outcome, KUBE_SERVER_ERROR, "no repeat was wanted");
    CHECK_EQ(script_server_requests(rig.server), 1, "once");
    CHECK_EQ(rig_get(&rig, "/x").status.outcome, KUBE_SERVER_ERROR, "given up");
    CHECK_EQ(script_server_requests(rig.server), 6, "five times");
    rig_close(&rig);
}

TEST(kube_request__bounds_the_answer) {
    static const struct script_step steps[] = {
        {.status = 200, .body = "0123456789", .times = 2},
    };
    struct kube_call call = {.method = KUBE_GET, .path = "/x", .answer_bytes_max = 9};
    struct rig rig;

    rig_open(&rig, steps, ARRAY_LEN(steps));
    CHECK_EQ(rig_call(&rig, &call).status.outcome, KUBE_TOO_LARGE, "one byte too many");
    call.answer_bytes_max = 10;
    CHECK_EQ(rig_call(&rig, &call).status.outcome, KUBE_OK, "an exact fit");
    rig_close(&rig);
}

/* --- Throttling ------------------------------------------------------------------------------- */

TEST(kube_request__waits_as_long_as_a_throttling_server_says) {
    static const struct script_step steps[] = {
        {.expect = "POST", .fixture = "12-429-max-inflight-create"},
        {.expect = "POST", .status = 201},
        {.expect = "DELETE", .fixture = "05-eviction-429"},
        {.expect = "GET /list", .fixture = "12-429-apf-reject-list"},
    };
    struct kube_call create = create_call();
    struct kube_call evict = {.method = KUBE_DELETE, .path = "/evict"};
    struct kube_call hurried = {.method = KUBE_GET, .path = "/list", .deadline_us = 500000};
    int64_t began_us = clock_sample().mono_us;
    struct rig_result result;
    struct rig rig;

    rig_open(&rig, steps, ARRAY_LEN(steps));
    result = rig_call(&rig, &create);
    CHECK_EQ(result.status.outcome, KUBE_OK, "KUBE 4: repeated, for it was not carried out");
    CHECK(clock_sample().mono_us - began_us >= 1000000, "KUBE 4: Retry-After: 1");
    result = rig_call(&rig, &evict);
    CHECK_EQ(result.status.outcome, KUBE_THROTTLED, "KUBE 4: a budget is no throttling");
    CHECK_STR(result.status.cause, "DisruptionBudget", "KUBE 4: the cause");
    began_us = clock_sample().mono_us;
    result = rig_call(&rig, &hurried);
    CHECK_EQ(result.status.outcome, KUBE_THROTTLED, "the deadline comes before the retry");
    CHECK_EQ(result.status.retry_after_us, 1000000, "the caller may wait");
    CHECK(clock_sample().mono_us - began_us < 400000, "told at once");
    CHECK_EQ(kube_figures(rig.kube).throttled_by_server, 3, "counted");
    rig_close(&rig);
}

TEST(kube_request__keeps_to_the_rate_limit_and_lets_writes_pass) {
    static const struct script_step steps[] = {{.status = 200, .times = -1}};
    struct kube_call list = {.method = KUBE_GET, .path = "/list", .priority = KUBE_PRIORITY_LIST};
    struct kube_call create = create_call();
    struct kube_call lease = {.method = KUBE_PUT,
                              .path = "/lease",
                              .body = "{}",
                              .body_bytes = 2,
                              .priority = KUBE_PRIORITY_LEASE};
    struct rig_result results[5] = {{0}};
    int64_t began_us = clock_sample().mono_us;
    struct rig rig;
    char *log;

    rig_begin(&rig, steps, ARRAY_LEN(steps), NULL);
    rig.options.qps = 10;
    rig.options.burst = 1;
    rig_connect(&rig);
    for (size_t i = 0; i < 3; i++) {
        (void)kube_request(rig.kube, &list, rig_result_done, &results[i]);
    }
    (void)kube_request(rig.kube, &create, rig_result_done, &results[3]);
    (void)kube_request(rig.kube, &lease, rig_result_done, &results[4]);
    CHECK_EQ(kube_figures(rig.kube).waiting, 5, "nothing is sent from inside");
    for (size_t i = 0; i < ARRAY_LEN(results); i++) {
        rig_wait(&rig, &results[i].is_done, "all end");
    }
    CHECK(clock_sample().mono_us - began_us >= 300000, "ten a second");
    log = script_server_log(rig.server);
    CHECK(strstr(log, "PUT /lease") < strstr(log, "POST "), "the lease first");
    CHECK(strstr(log, "POST ") < strstr(log, "GET /list"), "writes before lists");
    free(log);
    rig_close(&rig);
}

static bool is_open(void *context) {
    return *(bool *)context;
}

TEST(kube_request__asks_for_leave_when_a_write_would_be_sent) {
    static const struct script_step steps[] = {{.status = 200, .times = -1}};
    struct kube_call create = create_call();
    struct kube_call delete = {
        .method = KUBE_DELETE, .priority = KUBE_PRIORITY_WRITE, .path = CREATE_PATH "/x"};
    struct kube_call list = {.method = KUBE_GET, .path = "/list", .priority = KUBE_PRIORITY_LIST};
    struct kube_call lease = {
        .method = KUBE_PATCH, .path = "/lease", .body = "{}", .priority = KUBE_PRIORITY_LEASE};
    const struct {
        const char *what;
        const struct kube_call *call;
        enum kube_outcome want;
    } rows[] = {
        {"a create that waited for its turn meanwhile", &create, KUBE_HELD_BACK},
        {"a delete", &delete, KUBE_HELD_BACK},
        {"a read goes", &list, KUBE_OK},
        {"so does the lease", &lease, KUBE_OK},
    };
    bool open = true;
    struct rig rig;

    rig_begin(&rig, steps, ARRAY_LEN(steps), NULL);
    rig.options.may_write = is_open;
    rig.options.context = &open;
    rig_connect(&rig);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct rig_result result = {0};

        open = true;
        (void)kube_request(rig.kube, rows[i].call, rig_result_done, &result);
        open = false;
        rig_wait(&rig, &result.is_done, rows[i].what);
        CHECK_EQ(result.status.outcome, rows[i].want, rows[i].what);
        if (rows[i].want == KUBE_HELD_BACK) {
            CHECK_EQ(result.status.execution, KUBE_NOT_EXECUTED, rows[i].what);
        }
    }
    open = true;
    CHECK_EQ(rig_call(&rig, &create).status.outcome, KUBE_OK, "allowed again");
    CHECK_EQ(kube_figures(rig.kube).requests, 3, "three were sent");
    rig_close(&rig);
}

TEST(kube_request__bounds_what_is_in_flight) {
    static const struct script_step steps[] = {
        {.expect = "GET", .status = 200, .delay_ms = 60, .times = -1},
        {.expect = "PUT", .status = 200, .times = -1},
    };
    struct kube_call get = {.method = KUBE_GET, .path = "/x", .priority = KUBE_PRIORITY_READ};
    struct kube_call lease = {.method = KUBE_PUT,
                              .path = "/lease",
                              .body = "{}",
                              .body_bytes = 2,
                              .priority = KUBE_PRIORITY_LEASE};
    struct rig_result results[6] = {{0}};
    struct rig_result renewed = {0};
    struct rig rig;

    rig_begin(&rig, steps, ARRAY_LEN(steps), NULL);
    rig.options.in_flight_max = 2;
    rig_connect(&rig);
    for (size_t i = 0; i < ARRAY_LEN(results); i++) {
        (void)kube_request(rig.kube, &get, rig_result_done, &results[i]);
    }
    rig_idle(&rig, 20000);
    CHECK_EQ(kube_figures(rig.kube).in_flight, 2, "two at a time");
    CHECK_EQ(kube_figures(rig.kube).waiting, 4, "the others wait");
    (void)kube_request(rig.kube, &lease, rig_result_done, &renewed);
    rig_wait(&rig, &renewed.is_done, "the lease");
    CHECK(!results[4].is_done, "the lease did not wait");
    for (size_t i = 0; i < ARRAY_LEN(results); i++) {
        rig_wait(&rig, &results[i].is_done, "all end");
        CHECK_EQ(results[i].status.outcome, KUBE_OK, "all end well");
    }
    CHECK_EQ(kube_figures(rig.kube).in_flight, 0, "none is left");
    CHECK(script_server_connections(rig.server) <= 3, "and no more connections than that");
    rig_close(&rig);
}

/* --- Deadlines, cancelling, closing ----------------------------------------------------------- */

TEST(kube_request__ends_at_its_deadline) {
    static const struct script_step steps[] = {
        {.expect = "/silent", .raw = "", .then = THEN_HOLD, .times = -1},
        {.expect = "/half", .status = 200, .body = "{\"a\":1}", .body_bytes = 3, .then = THEN_HOLD},
    };
    struct kube_call silent = {.method = KUBE_POST,
                               .path = "/silent",
                               .body = "{}",
                               .body_bytes = 2,
                               .deadline_us = 100000};
    struct kube_call half = {.method = KUBE_GET, .path = "/half", .deadline_us = 100000};
    struct kube_call waiting = {.method = KUBE_POST,
                                .path = "/silent",
                                .deadline_us = 100000,
                                .priority = KUBE_PRIORITY_LIST};
    struct rig_result first = {0};
    struct rig_result second = {0};
    struct rig_result result;
    struct rig rig;

    rig_begin(&rig, steps, ARRAY_LEN(steps), NULL);
    rig.options.in_flight_max = 1;
    rig_connect(&rig);
    (void)kube_request(rig.kube, &silent, rig_result_done, &first);
    (void)kube_request(rig.kube, &waiting, rig_result_done, &second);
    rig_wait(&rig, &first.is_done, "the deadline");
    CHECK_EQ(first.status.outcome, KUBE_TIMEOUT, "no answer");
    CHECK_EQ(first.status.execution, KUBE_EXECUTION_UNKNOWN, "it was sent");
    rig_wait(&rig, &second.is_done, "the deadline of the one behind");
    CHECK_EQ(second.status.outcome, KUBE_TIMEOUT, "it never had its turn");
    CHECK_EQ(second.status.execution, KUBE_NOT_EXECUTED, "so it was not sent");
    result = rig_call(&rig, &half);
    CHECK_EQ(result.status.outcome, KUBE_TIMEOUT, "half an answer is none");
    CHECK_EQ(kube_figures(rig.kube).in_flight, 0, "none is left");
    rig_close(&rig);
}

TEST(kube_cancel__silences_a_call_in_any_state) {
    static const struct script_step steps[] = {
        {.expect = "/silent", .raw = "", .then = THEN_HOLD, .times = -1},
        {.expect = "/busy", .fixture = "12-429-max-inflight-list", .times = -1},
        {.expect = "/fine", .status = 200, .times = -1},
    };
    struct kube_call silent = {.method = KUBE_GET, .path = "/silent"};
    struct kube_call busy = {.method = KUBE_GET, .path = "/busy"};
    struct rig_result unwanted = {0};
    struct rig rig;
    uint64_t ids[3];

    rig_open(&rig, steps, ARRAY_LEN(steps));
    ids[0] = kube_request(rig.kube, &silent, rig_result_done, &unwanted);
    ids[1] = kube_request(rig.kube, &busy, rig_result_done, &unwanted);
    rig_idle(&rig, 100000);
    ids[2] = kube_request(rig.kube, &silent, rig_result_done, &unwanted);
    CHECK_EQ(kube_figures(rig.kube).in_flight, 1, "one is on the wire");
    CHECK_EQ(kube_figures(rig.kube).waiting, 2, "one is paused, one waits");
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        kube_cancel(rig.kube, ids[i]);
        kube_cancel(rig.kube, ids[i]);
    }
    kube_cancel(rig.kube, 999);
    CHECK_EQ(rig_get(&rig, "/fine").status.outcome, KUBE_OK, "others go on");
    CHECK_EQ(kube_figures(rig.kube).in_flight, 0, "none on the wire");
    CHECK_EQ(kube_figures(rig.kube).waiting, 0, "none waits");
    CHECK(!unwanted.is_done, "no callback came");
    rig_close(&rig);
}

TEST(kube_close__ends_every_call) {
    static const struct script_step steps[] = {
        {.expect = "/silent", .raw = "", .then = THEN_HOLD, .times = -1},
        {.expect = "/busy", .fixture = "12-429-max-inflight-list", .times = -1},
    };
    struct kube_call silent = {.method = KUBE_GET, .path = "/silent"};
    struct kube_call busy = {.method = KUBE_GET, .path = "/busy"};
    struct rig_result results[3] = {{0}};
    struct rig rig;

    rig_open(&rig, steps, ARRAY_LEN(steps));
    (void)kube_request(rig.kube, &silent, rig_result_done, &results[0]);
    (void)kube_request(rig.kube, &busy, rig_result_done, &results[1]);
    rig_idle(&rig, 100000);
    (void)kube_request(rig.kube, &silent, rig_result_done, &results[2]);
    kube_close(rig.kube);
    rig.kube = NULL;
    for (size_t i = 0; i < ARRAY_LEN(results); i++) {
        CHECK(results[i].is_done, "each has its end");
        CHECK_EQ(results[i].status.outcome, KUBE_CLOSED, "this one");
    }
    CHECK_EQ(results[0].status.execution, KUBE_EXECUTION_UNKNOWN, "it was sent");
    CHECK_EQ(results[2].status.execution, KUBE_NOT_EXECUTED, "it was not");
    rig_close(&rig);
}

TEST(kube_distrust_connections__leaves_the_old_ones_to_finish) {
    static const struct script_step steps[] = {
        {.expect = "/slow", .status = 200, .delay_ms = 200},
        {.expect = "/next", .status = 200, .times = -1},
    };
    struct kube_call slow = {.method = KUBE_GET, .path = "/slow"};
    struct rig_result result = {0};
    struct error error = {0};
    struct rig rig;

    rig_open(&rig, steps, ARRAY_LEN(steps));
    (void)kube_request(rig.kube, &slow, rig_result_done, &result);
    rig_idle(&rig, 50000);
    CHECK_OK(kube_set_access(rig.kube, &rig.access, &error), error.text);
    CHECK_EQ(rig_get(&rig, "/next").status.outcome, KUBE_OK, "on a new connection");
    CHECK_EQ(script_server_connections(rig.server), 2, "a new connection");
    CHECK(!result.is_done, "the old one is under way");
    rig_wait(&rig, &result.is_done, "the old one ends");
    CHECK_EQ(result.status.outcome, KUBE_OK, "well");
    rig_close(&rig);
}

/* --- Streams ---------------------------------------------------------------------------------- */

struct stream {
    struct rig_result result; /* first: rig_result_done() gets the whole */
    struct rig *rig;
    uint64_t id;
    char bytes[4096];
    size_t count;
    size_t refuse_at;
    bool cancels;
};

static int on_bytes(void *context, const char *bytes, size_t count) {
    struct stream *stream = context;

    CHECK(stream->count + count < sizeof stream->bytes, "it fits");
    memcpy(stream->bytes + stream->count, bytes, count);
    stream->count += count;
    if (stream->cancels) {
        kube_cancel(stream->rig->kube, stream->id);
    }
    return stream->refuse_at > 0 && stream->count >= stream->refuse_at ? ERR_FULL : OK;
}

static const struct kube_call follow_call = {.method = KUBE_GET,
                                             .path = "/log",
                                             .query = "follow=true",
                                             .priority = KUBE_PRIORITY_LIST,
                                             .deadline_us = KUBE_DEADLINE_NONE,
                                             .on_bytes = on_bytes};

TEST(kube_request__streams_a_followed_log) {
    static const struct script_step steps[] = {
        {.expect = "GET /log?follow=true",
         .status = 200,
         .body = "one\ntwo\nthree\n",
         .type = "text/plain",
         .chunked = true,
         .piece = 3},
        {.expect = "GET /log", .fixture = "05-pod-log-500-dial"},
        {.expect = "GET /log",
         .status = 200,
         .body = "abcdefgh",
         .chunked = true,
         .piece = 2,
         .then = THEN_HOLD,
         .times = 2},
    };
    struct stream streams[4] = {{.count = 0}, {.count = 0}, {.refuse_at = 3}, {.cancels = true}};
    struct rig rig;

    rig_open(&rig, steps, ARRAY_LEN(steps));
    for (size_t i = 0; i < ARRAY_LEN(streams); i++) {
        streams[i].rig = &rig;
        streams[i].id = kube_request(rig.kube, &follow_call, rig_result_done, &streams[i]);
        if (!streams[i].cancels) {
            rig_wait(&rig, &streams[i].result.is_done, "the stream's end");
        }
    }
    CHECK_EQ(streams[0].result.status.outcome, KUBE_OK, "the log");
    CHECK_STR(streams[0].bytes, "one\ntwo\nthree\n", "all of it, whatever the chunks");
    CHECK_EQ(streams[0].result.body_bytes, 0, "not twice");
    CHECK_EQ(streams[1].result.status.outcome, KUBE_SERVER_ERROR, "KUBE 13: the kubelet refuses");
    CHECK_EQ(streams[1].count, 0, "an error is no log");
    CHECK(strstr(streams[1].result.status.message, "connection refused") != NULL, "its words");
    CHECK_EQ(streams[2].result.status.outcome, KUBE_LOST, "the reader refused");
    rig_idle(&rig, 50000);
    CHECK(streams[3].count > 0, "some came");
    CHECK(!streams[3].result.is_done, "it cancelled itself");
    CHECK_EQ(kube_figures(rig.kube).streams, 0, "none is left");
    rig_close(&rig);
}

TEST(kube_request__streams_do_not_count_as_in_flight) {
    static const struct script_step steps[] = {
        {.expect = "/log",
         .status = 200,
         .body = "x",
         .chunked = true,
         .then = THEN_HOLD,
         .times = -1},
        {.expect = "/x", .status = 200},
    };
    struct stream streams[3] = {{.count = 0}};
    struct rig rig;

    rig_begin(&rig, steps, ARRAY_LEN(steps), NULL);
    rig.options.in_flight_max = 1;
    rig_connect(&rig);
    for (size_t i = 0; i < ARRAY_LEN(streams); i++) {
        (void)kube_request(rig.kube, &follow_call, rig_result_done, &streams[i]);
    }
    CHECK_EQ(rig_get(&rig, "/x").status.outcome, KUBE_OK, "it has its turn");
    CHECK_EQ(kube_figures(rig.kube).streams, 3, "three streams");
    rig_close(&rig);
}

/* --- TLS -------------------------------------------------------------------------------------- */

struct tls_world {
    struct authority *authority;
    struct authority *stranger;
    struct key_pair server;
    struct key_pair client;
    struct script_tls tls;
};

static void tls_begin(struct tls_world *world, const char *sans) {
    world->authority = authority_create("the cluster's authority");
    world->stranger = authority_create("a stranger");
    world->server = authority_issue(world->authority, "kubernetes", sans);
    world->client = authority_issue(world->authority, "nightshift", NULL);
    world->tls = (struct script_tls){world->server.cert_pem, world->server.key_pem, NULL};
}

static void tls_end(struct tls_world *world) {
    authority_destroy(world->authority);
    authority_destroy(world->stranger);
    key_pair_finish(&world->server);
    key_pair_finish(&world->client);
}

static struct kube_material inline_material(const char *pem) {
    return (struct kube_material){.data = mem_copy_text(pem), .data_bytes = strlen(pem)};
}

static const struct script_step fine[] = {{.status = 200, .times = -1}};

TEST(kube_open__trusts_the_clusters_authority_alone) {
    static const struct {
        const char *what;
        const char *sans;
        const char *tls_server_name;
        bool is_stranger;
        bool is_file;
        bool is_system;
        enum kube_outcome outcome;
        const char *words;
    } rows[] = {
        {"the right one, inline", "IP:127.0.0.1", NULL, false, false, false, KUBE_OK, ""},
        {"the right one, a file", "IP:127.0.0.1", NULL, false, true, false, KUBE_OK, ""},
        {"a stranger's", "IP:127.0.0.1", NULL, true, false, false, KUBE_UNREACHABLE, "certificate"},
        {"a stranger's file", "IP:127.0.0.1", NULL, true, true, false, KUBE_UNREACHABLE,
         "certificate"},
        {"none: the system's", "IP:127.0.0.1", NULL, false, false, true, KUBE_UNREACHABLE,
         "certificate"},
        {"another host's certificate", "DNS:elsewhere", NULL, false, false, false, KUBE_UNREACHABLE,
         "match"},
        {"tls-server-name", "DNS:kube.internal", "kube.internal", false, false, false, KUBE_OK, ""},
        {"tls-server-name of another", "DNS:kube.internal", "kube.external", false, false, false,
         KUBE_UNREACHABLE, "match"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct tls_world world;
        struct rig_result result;
        struct kube_call once = {.method = KUBE_GET, .path = "/x", .no_retry = true};
        struct rig rig;
        const char *pem;

        tls_begin(&world, rows[i].sans);
        pem = authority_cert_pem(rows[i].is_stranger ? world.stranger : world.authority);
        rig_begin(&rig, fine, ARRAY_LEN(fine), &world.tls);
        if (rows[i].is_file) {
            rig.access.ca.file = rig_file("ca.crt", pem);
        } else if (!rows[i].is_system) {
            rig.access.ca = inline_material(pem);
        }
        rig.access.tls_server_name = mem_copy_text(rows[i].tls_server_name);
        rig_connect(&rig);
        result = rig_call(&rig, &once);
        CHECK_STR(kube_outcome_name(result.status.outcome), kube_outcome_name(rows[i].outcome),
                  rows[i].what);
        if (strstr(result.status.message, rows[i].words) == NULL) {
            CHECK_STR(result.status.message, rows[i].words, rows[i].what);
        }
        if (rows[i].outcome != KUBE_OK) {
            CHECK_EQ(result.status.execution, KUBE_NOT_EXECUTED, rows[i].what);
            CHECK_EQ(script_server_requests(rig.server), 0, "not a byte of a request");
        }
        rig_close(&rig);
        tls_end(&world);
    }
}

TEST(kube_open__shows_its_client_certificate) {
    static const struct {
        const char *what;
        bool has_cert;
        bool is_file;
    } rows[] = {{"inline", true, false}, {"files", true, true}, {"none", false, false}};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct kube_call once = {.method = KUBE_GET, .path = "/x", .no_retry = true};
        struct tls_world world;
        struct rig_result result;
        struct rig rig;

        tls_begin(&world, "IP:127.0.0.1");
        world.tls.client_ca_pem = authority_cert_pem(world.authority);
        rig_begin(&rig, fine, ARRAY_LEN(fine), &world.tls);
        rig.access.ca = inline_material(authority_cert_pem(world.authority));
        if (rows[i].is_file) {
            rig.access.client_cert.file = rig_file("client.crt", world.client.cert_pem);
            rig.access.client_key.file = rig_file("client.key", world.client.key_pem);
        } else if (rows[i].has_cert) {
            rig.access.client_cert = inline_material(world.client.cert_pem);
            rig.access.client_key = inline_material(world.client.key_pem);
        }
        rig_connect(&rig);
        result = rig_call(&rig, &once);
        CHECK_EQ(result.status.outcome == KUBE_OK, rows[i].has_cert, rows[i].what);
        CHECK_EQ(script_server_requests(rig.server), rows[i].has_cert ? 1 : 0, rows[i].what);
        rig_close(&rig);
        tls_end(&world);
    }
}

TEST(kube_open__refuses_material_that_can_not_be) {
    static const struct {
        const char *what;
        const char *file;
        const char *data;
        int code;
        const char *words;
    } rows[] = {
        {"no such file", "/nowhere/ca.crt", NULL, ERR_NOT_FOUND, "/nowhere/ca.crt"},
        {"a folder", "/tmp", NULL, ERR_INVALID, "not a regular file"},
        {"no PEM", NULL, "hello", ERR_INVALID, "is not PEM"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct error error = {0};
        struct rig rig;

        rig_begin(&rig, fine, ARRAY_LEN(fine), NULL);
        rig.access.ca.file = mem_copy_text(rows[i].file);
        if (rows[i].data != NULL) {
            rig.access.ca = inline_material(rows[i].data);
        }
        CHECK_EQ(kube_open(&rig.options, &rig.kube, &error), rows[i].code, rows[i].what);
        CHECK(strstr(error.text, rows[i].words) != NULL, error.text);
        CHECK(strstr(error.text, "certificate-authority") != NULL, error.text);
        rig_close(&rig);
    }
}
