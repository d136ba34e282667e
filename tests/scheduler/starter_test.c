/* Each call that a start makes fails in each way: what the starter tells, and what it leaves. */
#include "scheduler/starter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "k8s/payload.h"
#include "tests/k8s/rig.h"
#include "tests/test.h"

#define PODS      "/api/v1/namespaces/a/pods"
#define POST_POD  "POST " PODS " HTTP"
#define POST_SVC  "POST /api/v1/namespaces/a/services HTTP"
#define POST_CONF "POST /api/v1/namespaces/a/configmaps HTTP"
#define GET_POD   "GET " PODS "/"
#define GET_PART  "GET /api/v1/namespaces/a/" /* also of a pod: those come first */
#define DEL_POD   "DELETE " PODS "/"

#define POD_OF(job_uid, attempt)                                                                \
    "{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"p\",\"namespace\":\"a\"," \
    "\"uid\":\"uid-1\",\"resourceVersion\":\"1\",\"labels\":{\"nightshift/job-id\":\"7\","      \
    "\"nightshift/job-uid\":\"" job_uid "\",\"nightshift/attempt\":\"" attempt "\"}},"          \
    "\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]},\"status\":{}}"
#define OUR_POD POD_OF("store-7", "1")
#define OUR_POD_RUNS                                                                               \
    "{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"p\",\"namespace\":\"a\","    \
    "\"uid\":"                                                                                     \
    "\"uid-1\",\"resourceVersion\":\"2\",\"labels\":{\"nightshift/job-id\":\"7\","                 \
    "\"nightshift/job-uid\":\"store-7\",\"nightshift/attempt\":\"1\"}},\"spec\":{\"containers\":[" \
    "{\"name\":\"c\",\"image\":\"i\"}]},\"status\":{\"phase\":\"Running\"}}"

#define STATUS(code, reason, message)                                                          \
    "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"status\":\"Failure\",\"message\":\"" message \
    "\",\"reason\":\"" reason "\",\"code\":" #code "}"

static const char payload_json[] =
    "{\"metadata\":{\"name\":\"pi\"},\"spec\":{\"type\":\"Scala\",\"sparkVersion\":\"3.5.6\","
    "\"image\":\"spark:3.5.6\",\"mainClass\":\"Pi\",\"mainApplicationFile\":\"local:///pi.jar\"}}";

enum fault {
    FAULT_NONE,
    FAULT_SILENCE, /* until our own deadline */
    FAULT_RESET,   /* after the request was read, so it may have been carried out */
    FAULT_HALF,    /* an answer that ends in the middle */
    FAULT_EXISTS,
    FAULT_INVALID,
    FAULT_THROTTLED,
    FAULT_SERVER_ERROR,
    FAULT_UNAVAILABLE,
    FAULT_QUOTA,
    FAULT_RIGHTS,
    FAULT_NO_NAMESPACE,
    FAULT_COUNT,
};

static const struct script_step faults[FAULT_COUNT] = {
    [FAULT_SILENCE] = {.raw = "", .then = THEN_HOLD},
    [FAULT_RESET] = {.raw = "", .then = THEN_RESET},
    [FAULT_HALF] = {.raw = "HTTP/1.1 201 Created\r\nContent-Length: 500\r\n\r\n{\"kind\"",
                    .then = THEN_CLOSE},
    [FAULT_EXISTS] = {.status = 409, .body = STATUS(409, "AlreadyExists", "it already exists")},
    [FAULT_INVALID] = {.status = 422, .body = STATUS(422, "Invalid", "spec.x: Required value")},
    [FAULT_THROTTLED] = {.status = 429, .body = STATUS(429, "TooManyRequests", "slow down")},
    [FAULT_SERVER_ERROR] = {.status = 500, .body = STATUS(500, "InternalError", "etcd")},
    [FAULT_UNAVAILABLE] = {.status = 503, .body = STATUS(503, "ServiceUnavailable", "starting")},
    [FAULT_QUOTA] = {.status = 403,
                     .body = STATUS(403, "Forbidden",
                                    "pods is forbidden: exceeded quota: compute, requested: "
                                    "pods=1, used: pods=3, limited: pods=3")},
    [FAULT_RIGHTS] = {.status = 403,
                      .body = STATUS(403, "Forbidden",
                                     "pods is forbidden: User x cannot create resource pods")},
    [FAULT_NO_NAMESPACE] = {.status = 404,
                            .body = STATUS(404, "NotFound", "namespaces a not found")},
};

struct told {
    bool is_done;
    enum start_result result;
    char pod_name[64];
    char pod_uid[64];
    char message[512];
    bool is_deleted_told;
    bool gone;
};

static void on_started(void *context, const struct started_event *started) {
    struct told *told = context;

    CHECK(!told->is_done, "one answer to an order");
    CHECK_EQ(started->job_id, 7, "the job");
    CHECK_EQ(started->attempt, 1, "the attempt");
    told->is_done = true;
    told->result = started->result;
    (void)snprintf(told->pod_name, sizeof told->pod_name, "%s", started->pod_name);
    (void)snprintf(told->pod_uid, sizeof told->pod_uid, "%s", started->pod_uid);
    (void)snprintf(told->message, sizeof told->message, "%s", started->message);
}

static void on_deleted(void *context, const struct deleted_event *deleted) {
    struct told *told = context;

    CHECK(!told->is_deleted_told, "one answer to an order");
    told->is_deleted_told = true;
    told->gone = deleted->gone;
}

/* A client, a server and a starter. */
struct stage {
    struct rig rig;
    struct starter *starter;
    struct told told;
    bool only_look;
};

static void open_stage(struct stage *stage, const struct script_step *steps, size_t count) {
    *stage = (struct stage){.starter = NULL};
    rig_begin(&stage->rig, steps, count, NULL);
    stage->rig.options.deadline_us = 200 * CLOCK_US_PER_MS;
    rig_connect(&stage->rig);
    stage->starter = starter_create(&(struct starter_options){.kube = stage->rig.kube,
                                                              .queue_uid = "store",
                                                              .on_started = on_started,
                                                              .on_deleted = on_deleted,
                                                              .context = &stage->told});
}

static void close_stage(struct stage *stage) {
    CHECK_EQ(starter_in_flight(stage->starter), 0, "no order is left over");
    rig_close(&stage->rig);
    starter_destroy(stage->starter);
}

static void order_of(struct stage *stage, const char *json, bool look_first) {
    struct payload *payload = NULL;
    struct field_error error = {0};

    CHECK_OK(payload_read(JOB_KIND_SPARK, json, strlen(json), "a", &payload, &error),
             "the payload");
    stage->told.is_done = false;
    starter_start(stage->starter, &(struct start_order){.job_id = 7,
                                                        .attempt = 1,
                                                        .job_name = "pi",
                                                        .namespace = "a",
                                                        .admitted_us = 1700000000000000,
                                                        .look_first = look_first,
                                                        .only_look = stage->only_look,
                                                        .payload = payload});
    rig_wait(&stage->rig, &stage->told.is_done, "the order's answer");
}

static void order(struct stage *stage, bool look_first) {
    order_of(stage, payload_json, look_first);
}

static size_t count_of(struct stage *stage, const char *what) {
    char *log = script_server_log(stage->rig.server);
    size_t count = 0;

    for (const char *at = strstr(log, what); at != NULL; at = strstr(at + 1, what)) {
        count++;
    }
    free(log);
    return count;
}

/* The faulty step, before those of a server that does what it is asked. */
static size_t make_steps(struct script_step *out, const char *expect, enum fault fault,
                         const char *looked_at) {
    size_t count = 0;

    if (fault != FAULT_NONE) {
        out[count] = faults[fault];
        out[count].times = -1;
        out[count++].expect = expect;
    }
    out[count++] =
        (struct script_step){.expect = POST_POD, .status = 201, .body = OUR_POD, .times = -1};
    out[count++] =
        (struct script_step){.expect = POST_SVC, .status = 201, .body = "{}", .times = -1};
    out[count++] =
        (struct script_step){.expect = POST_CONF, .status = 201, .body = "{}", .times = -1};
    out[count++] =
        (struct script_step){.expect = DEL_POD, .status = 200, .body = "{}", .times = -1};
    out[count] =
        (struct script_step){.expect = GET_POD, .status = 200, .body = looked_at, .times = -1};
    if (looked_at == NULL) {
        out[count].status = 404;
        out[count].body = STATUS(404, "NotFound", "pods not found");
    }
    out[++count] = (struct script_step){.expect = GET_PART,
                                        .status = 404,
                                        .body = STATUS(404, "NotFound", "not found"),
                                        .times = -1};
    return count + 1;
}

TEST_WITHIN(starter_start__tells_what_became_of_each_call, 120) {
    static const struct {
        const char *what;
        const char *call; /* that fails */
        enum fault fault;
        const char *looked_at; /* what a look finds; NULL: nothing */
        bool look_first;
        enum start_result want;
        size_t want_creates; /* of the pod */
        size_t want_deletes;
    } rows[] = {
        {"nothing fails", "", FAULT_NONE, NULL, false, START_DONE, 1, 0},
        {"a look that finds nothing", "", FAULT_NONE, NULL, true, START_DONE, 1, 0},
        {"a look that finds ours", "", FAULT_NONE, OUR_POD, true, START_DONE, 0, 0},
        {"a look that finds another job's", "", FAULT_NONE, POD_OF("store-8", "1"), true,
         START_CONFLICT, 0, 0},
        {"a look whose answer is garbage", "", FAULT_NONE, "{\"kind\":\"Pod\",", true,
         START_TRANSIENT, 0, 0},
        {"a look that finds another store's", "", FAULT_NONE, POD_OF("other-7", "1"), true,
         START_CONFLICT, 0, 0},
        {"a look that finds another attempt's", "", FAULT_NONE, POD_OF("store-7", "2"), true,
         START_CONFLICT, 0, 0},

        {"pod: silence", POST_POD, FAULT_SILENCE, NULL, false, START_TRANSIENT, 1, 0},
        {"pod: reset", POST_POD, FAULT_RESET, NULL, false, START_TRANSIENT, 1, 0},
        {"pod: half an answer", POST_POD, FAULT_HALF, NULL, false, START_TRANSIENT, 1, 0},
        {"pod: exists, and is ours", POST_POD, FAULT_EXISTS, OUR_POD, false, START_DONE, 1, 0},
        {"pod: exists, and is not", POST_POD, FAULT_EXISTS, POD_OF("x", "1"), false, START_CONFLICT,
         1, 0},
        {"pod: exists, and is gone, and exists", POST_POD, FAULT_EXISTS, NULL, false,
         START_TRANSIENT, 2, 0},
        {"pod: 422", POST_POD, FAULT_INVALID, NULL, false, START_REFUSED, 1, 0},
        {"pod: 500", POST_POD, FAULT_SERVER_ERROR, NULL, false, START_TRANSIENT, 1, 0},
        {"pod: 403 quota", POST_POD, FAULT_QUOTA, NULL, false, START_QUOTA, 1, 0},
        {"pod: 403 no rights", POST_POD, FAULT_RIGHTS, NULL, false, START_TRANSIENT, 1, 0},
        {"pod: no namespace", POST_POD, FAULT_NO_NAMESPACE, NULL, false, START_REFUSED, 1, 0},

        {"service: silence", POST_SVC, FAULT_SILENCE, NULL, false, START_TRANSIENT, 1, 0},
        {"service: reset", POST_SVC, FAULT_RESET, NULL, false, START_TRANSIENT, 1, 0},
        {"service: exists", POST_SVC, FAULT_EXISTS, NULL, false, START_DONE, 1, 0},
        {"service: 422", POST_SVC, FAULT_INVALID, NULL, false, START_REFUSED, 1, 1},
        {"service: 500", POST_SVC, FAULT_SERVER_ERROR, NULL, false, START_TRANSIENT, 1, 0},
        {"service: 403 quota", POST_SVC, FAULT_QUOTA, NULL, false, START_QUOTA, 1, 1},
        {"service: 403 no rights", POST_SVC, FAULT_RIGHTS, NULL, false, START_TRANSIENT, 1, 0},

        {"config map: silence", POST_CONF, FAULT_SILENCE, NULL, false, START_TRANSIENT, 1, 0},
        {"config map: half an answer", POST_CONF, FAULT_HALF, NULL, false, START_TRANSIENT, 1, 0},
        {"config map: exists", POST_CONF, FAULT_EXISTS, NULL, false, START_DONE, 1, 0},
        {"config map: 422", POST_CONF, FAULT_INVALID, NULL, false, START_REFUSED, 1, 1},
        {"config map: 403 quota", POST_CONF, FAULT_QUOTA, NULL, false, START_QUOTA, 1, 1},

        {"look: silence", GET_POD, FAULT_SILENCE, NULL, true, START_TRANSIENT, 0, 0},
        {"look: reset", GET_POD, FAULT_RESET, NULL, true, START_TRANSIENT, 0, 0},
        {"look: 500", GET_POD, FAULT_SERVER_ERROR, NULL, true, START_TRANSIENT, 0, 0},
        {"look: 503", GET_POD, FAULT_UNAVAILABLE, NULL, true, START_TRANSIENT, 0, 0},
        {"look: 403 no rights", GET_POD, FAULT_RIGHTS, NULL, true, START_TRANSIENT, 0, 0},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct script_step steps[10];
        size_t count = make_steps(steps, rows[i].call, rows[i].fault, rows[i].looked_at);
        struct stage stage;

        open_stage(&stage, steps, count);
        order(&stage, rows[i].look_first);
        CHECK_EQ(stage.told.result, rows[i].want, rows[i].what);
        CHECK_EQ(count_of(&stage, POST_POD), rows[i].want_creates, rows[i].what);
        CHECK_EQ(count_of(&stage, DEL_POD), rows[i].want_deletes, rows[i].what);
        CHECK(stage.told.result == START_DONE || stage.told.message[0] != '\0', rows[i].what);
        CHECK(stage.told.pod_name[0] != '\0', "the name, for whoever has to delete it");
        if (stage.told.result == START_DONE) {
            CHECK_STR(stage.told.pod_uid, "uid-1", rows[i].what);
        }
        close_stage(&stage);
    }
}

static const char handed_json[] =
    "{\"metadata\":{\"name\":\"pi\"},\"operator\":true,\"spec\":{\"type\":\"Scala\","
    "\"sparkVersion\":\"3.5.6\",\"image\":\"spark:3.5.6\",\"mainClass\":\"Pi\","
    "\"mainApplicationFile\":\"local:///pi.jar\"}}";

#define WEBHOOK "admission webhook \\\"validate.sparkoperator.k8s.io\\\" denied the request: "

TEST_WITHIN(starter_start__tells_what_the_webhook_says_to_an_application, 60) {
    static const struct {
        const char *what;
        const char *body;
        enum start_result want;
    } rows[] = {
        {"its own look at the quotas",
         STATUS(403, "Forbidden", WEBHOOK "failed to validate resource quota \\\"a/q\\\""),
         START_QUOTA},
        {"a specification that it does not take",
         STATUS(403, "Forbidden", WEBHOOK "node selector cannot be defined at both"),
         START_REFUSED},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct script_step step = {
            .expect = "POST /apis/sparkoperator.k8s.io/v1beta2/namespaces/a/sparkapplications",
            .status = 403,
            .body = rows[i].body,
            .times = -1,
        };
        struct stage stage;

        open_stage(&stage, &step, 1);
        order_of(&stage, handed_json, false);
        CHECK_EQ(stage.told.result, rows[i].want, rows[i].what);
        close_stage(&stage);
    }
}

/* An application that the operator has; the answer to a look at its driver's pod, if it comes to
 * that. The operator tries an application once: no word of it may end in asking it again. */
TEST_WITHIN(starter_start__tells_what_the_operator_made_of_it, 60) {
    static const struct {
        const char *what;
        const char *state;
        const char *message;
        const char *pod; /* NULL: there is none */
        enum start_result want;
    } rows[] = {
        {"submitted", "SUBMITTED", "", NULL, START_DONE},
        {"not yet", "", "", NULL, START_TRANSIENT},
        {"refused", "SUBMISSION_FAILED", "serviceaccount not found", NULL, START_REFUSED},
        {"given up", "FAILED", "serviceaccount not found", NULL, START_REFUSED},
        {"somebody was faster", "FAILED", "pods is forbidden: exceeded quota: q", NULL,
         START_QUOTA},
        {"no connection", "FAILED", "java.net.ConnectException: refused", NULL, START_ANEW},
        {"it died after it had submitted", "FAILED", "driver pod already exist", OUR_POD_RUNS,
         START_DONE},
        {"it died while it submitted", "FAILED", "driver pod already exist", OUR_POD, START_ANEW},
        {"another conflict", "FAILED", "driver pod already exist", NULL, START_ANEW},
        {"another's pod", "FAILED", "driver pod already exist", POD_OF("x", "1"), START_CONFLICT},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char *body =
            mem_format("{\"metadata\":{\"name\":\"pi-7-1\",\"labels\":{\"nightshift/job-uid\":"
                       "\"store-7\",\"nightshift/attempt\":\"1\"}},\"status\":{"
                       "\"applicationState\":{\"state\":\"%s\",\"errorMessage\":\"%s\"}}}",
                       rows[i].state, rows[i].message);
        const struct script_step steps[] = {
            {.expect = "GET /apis/sparkoperator.k8s.io/v1beta2/namespaces/a/sparkapplications/",
             .status = 200,
             .body = body,
             .times = -1},
            {.expect = GET_POD,
             .status = rows[i].pod != NULL ? 200 : 404,
             .body = rows[i].pod != NULL ? rows[i].pod : STATUS(404, "NotFound", "pods not found"),
             .times = -1},
            {.expect = DEL_POD, .status = 200, .body = "{}", .times = -1},
        };
        struct stage stage;

        open_stage(&stage, steps, ARRAY_LEN(steps));
        order_of(&stage, handed_json, true);
        CHECK_EQ(stage.told.result, rows[i].want, rows[i].what);
        CHECK_EQ(count_of(&stage, "POST "), 0, rows[i].what);
        if (rows[i].message[0] != '\0' && rows[i].pod == NULL) {
            CHECK(strstr(stage.told.message, rows[i].message) != NULL, stage.told.message);
        }
        close_stage(&stage);
        free(body);
    }
}

/* A pod that begins between the look and the deletion is kept, and is the attempt's. */
TEST_WITHIN(starter_start__deletes_a_driver_only_as_it_was_seen, 30) {
    static const char application[] =
        "{\"metadata\":{\"labels\":{\"nightshift/job-uid\":\"store-7\",\"nightshift/attempt\":"
        "\"1\"}},\"status\":{\"applicationState\":{\"state\":\"FAILED\",\"errorMessage\":"
        "\"driver pod already exist\"}}}";
    static const struct script_step steps[] = {
        {.expect = "GET /apis/sparkoperator.k8s.io/", .status = 200, .body = application},
        {.expect = GET_POD, .status = 200, .body = OUR_POD, .times = 1},
        {.expect = DEL_POD, .status = 409, .body = STATUS(409, "Conflict", "it was modified")},
        {.expect = GET_POD, .status = 200, .body = OUR_POD_RUNS, .times = 1},
    };
    struct stage stage;

    open_stage(&stage, steps, ARRAY_LEN(steps));
    order_of(&stage, handed_json, true);
    CHECK_EQ(stage.told.result, START_DONE, "adopted");
    CHECK_EQ(count_of(&stage, "\"resourceVersion\":\"1\""), 1, "as it was seen");
    CHECK_EQ(count_of(&stage, DEL_POD), 1, "once");
    close_stage(&stage);
}

/* 429 and 503: certainly not carried out; repeated or told as passing, never taken for an end. */
TEST_WITHIN(starter_start__takes_no_busy_server_for_an_end, 60) {
    static const char *const calls[] = {POST_POD, POST_SVC, POST_CONF};
    static const enum fault busy[] = {FAULT_THROTTLED, FAULT_UNAVAILABLE};

    for (size_t i = 0; i < ARRAY_LEN(calls) * ARRAY_LEN(busy); i++) {
        struct script_step steps[10];
        size_t count = make_steps(steps, calls[i % 3], busy[i / 3], NULL);
        struct stage stage;

        open_stage(&stage, steps, count);
        order(&stage, false);
        CHECK_EQ(stage.told.result, START_TRANSIENT, calls[i % 3]);
        CHECK_EQ(count_of(&stage, DEL_POD), 0, calls[i % 3]);
        close_stage(&stage);
    }
}

/* A refusal is told only when what was created is gone: else the order is asked for again. */
TEST_WITHIN(starter_start__undoes_the_pod_before_it_tells_a_refusal, 60) {
    static const struct {
        const char *what;
        enum fault fault; /* of the deletion */
        enum start_result want;
    } rows[] = {
        {"deleted", FAULT_NONE, START_QUOTA},
        {"gone already", FAULT_NO_NAMESPACE, START_QUOTA},
        {"lost", FAULT_RESET, START_TRANSIENT},
        {"500", FAULT_SERVER_ERROR, START_TRANSIENT},
        {"no rights", FAULT_RIGHTS, START_TRANSIENT},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct script_step steps[10];
        size_t count;
        struct stage stage;

        steps[0] = faults[FAULT_QUOTA];
        steps[0].expect = POST_SVC;
        count = 1 + make_steps(steps + 1, DEL_POD, rows[i].fault, NULL);
        open_stage(&stage, steps, count);
        order(&stage, false);
        CHECK_EQ(stage.told.result, rows[i].want, rows[i].what);
        CHECK_EQ(count_of(&stage, POST_POD), 1, rows[i].what);
        close_stage(&stage);
    }
}

/* The reply of each creation in turn is lost after it was carried out; the order is given again,
 * looking first: everything is there once, and the pod was created once. */
TEST_WITHIN(starter_start__is_done_by_the_second_order_after_a_lost_reply, 60) {
    static const char *const calls[] = {POST_POD, POST_SVC, POST_CONF};

    for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
        struct script_step steps[10];
        size_t count;
        struct stage stage;

        steps[0] = faults[FAULT_RESET];
        steps[0].expect = calls[i];
        count = 1 + make_steps(steps + 1, calls[i], FAULT_EXISTS, OUR_POD);
        open_stage(&stage, steps, count);
        order(&stage, false);
        CHECK_EQ(stage.told.result, START_TRANSIENT, calls[i]);
        order(&stage, true);
        CHECK_EQ(stage.told.result, START_DONE, calls[i]);
        CHECK_STR(stage.told.pod_uid, "uid-1", calls[i]);
        CHECK_EQ(count_of(&stage, POST_POD), 1, calls[i]);
        CHECK(count_of(&stage, POST_CONF) >= 1, "the last part is there too");
        close_stage(&stage);
    }
}

/* Quota is checked before "exists already": what an earlier order created looks refused. */
TEST_WITHIN(starter_start__looks_for_a_part_that_quota_refuses, 60) {
    static const struct {
        const char *what;
        struct script_step found;
        enum start_result want;
        size_t want_deletes;
    } rows[] = {
        {"there", {.status = 200, .body = "{}", .times = -1}, START_DONE, 0},
        {"not there",
         {.status = 404, .body = STATUS(404, "NotFound", "x"), .times = -1},
         START_QUOTA,
         1},
        {"not known",
         {.status = 500, .body = STATUS(500, "InternalError", "x"), .times = -1},
         START_TRANSIENT,
         0},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct script_step steps[10];
        size_t count;
        struct stage stage;

        steps[0] = rows[i].found;
        steps[0].expect = "GET /api/v1/namespaces/a/services/";
        count = 1 + make_steps(steps + 1, POST_SVC, FAULT_QUOTA, OUR_POD);
        open_stage(&stage, steps, count);
        order(&stage, true);
        CHECK_EQ(stage.told.result, rows[i].want, rows[i].what);
        CHECK_EQ(count_of(&stage, DEL_POD), rows[i].want_deletes, rows[i].what);
        close_stage(&stage);
    }
}

TEST(starter_start__creates_nothing_for_a_cancelled_job) {
    static const struct {
        const char *what;
        const char *looked_at;
        enum start_result want;
    } rows[] = {
        {"not there", NULL, START_REFUSED},
        {"there, and deleted by the next command", OUR_POD, START_DONE},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct script_step steps[10];
        size_t count = make_steps(steps, "", FAULT_NONE, rows[i].looked_at);
        struct stage stage;

        open_stage(&stage, steps, count);
        stage.only_look = true;
        order(&stage, true);
        CHECK_EQ(stage.told.result, rows[i].want, rows[i].what);
        CHECK_EQ(count_of(&stage, POST_POD), 0, rows[i].what);
        close_stage(&stage);
    }
}

TEST_WITHIN(starter_delete__tells_gone_only_when_it_is, 60) {
    static const struct {
        const char *what;
        struct script_step step;
        bool want_gone;
        const char *looked_at; /* after a conflict; NULL: it is not there */
    } rows[] = {
        {"deleted", {.status = 200, .body = "{}"}, true, NULL},
        {"not there", {.status = 404, .body = STATUS(404, "NotFound", "no")}, true, NULL},
        {"another pod has its name",
         {.status = 409, .body = STATUS(409, "Conflict", "uid")},
         true,
         "{\"metadata\":{\"name\":\"p\",\"namespace\":\"a\",\"uid\":\"uid-2\"}}"},
        {"gone when we look", {.status = 409, .body = STATUS(409, "Conflict", "uid")}, true, NULL},
        {"somebody wrote to it at the same moment",
         {.status = 409, .body = STATUS(409, "Conflict", "modified")},
         false,
         "{\"metadata\":{\"name\":\"p\",\"namespace\":\"a\",\"uid\":\"uid-1\"}}"},
        {"and what is there can't be read",
         {.status = 409, .body = STATUS(409, "Conflict", "modified")},
         false,
         "{"},
        {"lost", {.raw = "", .then = THEN_RESET}, false, NULL},
        {"silence", {.raw = "", .then = THEN_HOLD}, false, NULL},
        {"500", {.status = 500, .body = STATUS(500, "InternalError", "x")}, false, NULL},
        {"503", {.status = 503, .body = STATUS(503, "ServiceUnavailable", "x")}, false, NULL},
        {"429", {.status = 429, .body = STATUS(429, "TooManyRequests", "x")}, false, NULL},
        {"403", {.status = 403, .body = STATUS(403, "Forbidden", "cannot delete")}, false, NULL},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct script_step steps[] = {
            rows[i].step,
            {.expect = GET_POD, .status = 200, .body = rows[i].looked_at, .times = -1}};
        struct stage stage;

        steps[0].times = -1;
        steps[0].expect = DEL_POD;
        if (rows[i].looked_at == NULL) {
            steps[1].status = 404;
            steps[1].body = STATUS(404, "NotFound", "no");
        }
        open_stage(&stage, steps, ARRAY_LEN(steps));
        starter_delete(
            stage.starter,
            &(struct delete_order){.job_id = 7, .namespace = "a", .name = "p", .uid = "uid-1"});
        rig_wait(&stage.rig, &stage.told.is_deleted_told, rows[i].what);
        CHECK_EQ(stage.told.gone, rows[i].want_gone, rows[i].what);
        CHECK(count_of(&stage, "preconditions") > 0, "the uid is a precondition");
        close_stage(&stage);
    }
}

/* Its creation may have been carried out, or not: then the name may be anybody's. */
TEST_WITHIN(starter_delete__of_an_unknown_pod_deletes_none_but_the_jobs, 60) {
    static const struct {
        const char *what;
        const char *looked_at; /* NULL: it is not there */
        bool want_gone;
        size_t want_deletes;
    } rows[] = {
        {"the job's", OUR_POD, true, 1},
        {"of another attempt of it", POD_OF("store-7", "2"), true, 1},
        {"not there", NULL, true, 0},
        {"another job's", POD_OF("store-8", "1"), true, 0},
        {"another store's", POD_OF("other-7", "1"), true, 0},
        {"somebody else's", "{\"metadata\":{\"name\":\"p\",\"namespace\":\"a\",\"uid\":\"uid-9\"}}",
         true, 0},
        {"no pod at all", "{", false, 0},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct script_step steps[10];
        size_t count = make_steps(steps, "", FAULT_NONE, rows[i].looked_at);
        struct stage stage;

        open_stage(&stage, steps, count);
        starter_delete(stage.starter, &(struct delete_order){
                                          .job_id = 7, .namespace = "a", .name = "p", .uid = ""});
        rig_wait(&stage.rig, &stage.told.is_deleted_told, rows[i].what);
        CHECK_EQ(stage.told.gone, rows[i].want_gone, rows[i].what);
        CHECK_EQ(count_of(&stage, DEL_POD), rows[i].want_deletes, rows[i].what);
        CHECK_EQ(count_of(&stage, "\"uid\":\"uid-1\""), rows[i].want_deletes,
                 "by the uid that was seen");
        close_stage(&stage);
    }
}
