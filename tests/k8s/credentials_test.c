#include "k8s/credentials.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/memory.h"
#include "base/rfc3339.h"
#include "tests/fake/certificates.h"
#include "tests/k8s/rig.h"
#include "tests/test.h"

#define V1 "client.authentication.k8s.io/v1"

/* A server that knows one token. */
#define KNOWS(token)                                                                 \
    {.expect = "Authorization: Bearer " token "\r\n", .status = 200, .times = -1}, { \
        .fixture = "02-401-bad-token", .times = -1                                   \
    }

static void replace_file(const char *name, const char *content) {
    free(rig_file(name, content));
}

TEST(credentials__read_a_token_file_again_when_the_server_refuses) {
    static const struct script_step steps[] = {KNOWS("new")};
    struct rig_result result;
    struct rig rig;

    rig_begin(&rig, steps, ARRAY_LEN(steps), NULL);
    rig.access.token_file = rig_file("token", "old\n");
    rig_connect(&rig);
    result = rig_get(&rig, "/x");
    CHECK_EQ(result.status.outcome, KUBE_UNAUTHORIZED, "the old token");
    CHECK_EQ(script_server_requests(rig.server), 2, "asked twice, not more");
    replace_file("token", "new\n");
    CHECK_EQ(rig_get(&rig, "/x").status.outcome, KUBE_OK, "the rotated file");
    CHECK_EQ(script_server_requests(rig.server), 4, "one refusal, then well");
    replace_file("token", "");
    CHECK_EQ(rig_get(&rig, "/x").status.outcome, KUBE_OK, "an empty file changes nothing");
    rig_close(&rig);
}

TEST(credentials__say_why_there_is_no_token) {
    static const struct script_step steps[] = {KNOWS("new")};
    struct kube_call once = {.method = KUBE_GET, .path = "/x", .no_retry = true};
    struct rig_result result;
    struct rig rig;

    rig_begin(&rig, steps, ARRAY_LEN(steps), NULL);
    rig.access.token_file = mem_format("%s/token", test_folder());
    rig_connect(&rig);
    result = rig_call(&rig, &once);
    CHECK_EQ(result.status.outcome, KUBE_CREDENTIALS, "no token");
    CHECK(strstr(result.status.message, "token: No such file") != NULL, result.status.message);
    CHECK_EQ(script_server_requests(rig.server), 0, "nobody was asked");
    rig_close(&rig);
}

TEST(credentials__a_refused_static_token_is_not_tried_again) {
    static const struct script_step steps[] = {KNOWS("new")};
    struct rig rig;

    rig_begin(&rig, steps, ARRAY_LEN(steps), NULL);
    rig.access.token = mem_copy_text("old");
    rig_connect(&rig);
    CHECK_EQ(rig_get(&rig, "/x").status.outcome, KUBE_UNAUTHORIZED, "refused");
    CHECK_EQ(script_server_requests(rig.server), 1, "once");
    rig_close(&rig);
}

/* --- Exec plugins ----------------------------------------------------------------------------- */

static void use_plugin(struct rig *rig, const char *script, const char *arg) {
    struct kube_exec *exec = &rig->access.exec;

    exec->command = rig_file("plugin", script);
    CHECK_EQ(chmod(exec->command, 0700), 0, "executable");
    exec->api_version = mem_copy_text(V1);
    exec->args = mem_alloc(2, sizeof *exec->args);
    exec->args[0] = mem_copy_text(arg);
    exec->env = mem_alloc(2, sizeof *exec->env);
    exec->env[0] = mem_format("FOLDER=%s", test_folder());
}

/* Counts its runs in a file and gives the token that another file holds. */
#define PLUGIN                   \
    "#!/bin/sh\n"                \
    "echo run >> $FOLDER/runs\n" \
    "cat > /dev/null\n"          \
    "cat $FOLDER/answer\n"

static size_t count_runs(void) {
    char *path = mem_format("%s/runs", test_folder());
    FILE *file = fopen(path, "r");
    size_t count = 0;
    char line[16];

    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        count++;
    }
    if (file != NULL) {
        fclose(file);
    }
    free(path);
    return count;
}

static void answer_with(const char *token, int64_t expires_in_us) {
    char expiry[RFC3339_BYTES_MAX];
    char *text;

    rfc3339_print(clock_sample().now_us + expires_in_us, expiry);
    text = mem_format("{\"kind\":\"ExecCredential\",\"apiVersion\":\"" V1
                      "\",\"status\":{\"token\":\"%s\",\"expirationTimestamp\":\"%s\"}}",
                      token, expiry);
    replace_file("answer", text);
    free(text);
}

#define HOUR_US (3600 * CLOCK_US_PER_SECOND)

TEST(credentials__run_a_plugin_once_for_many_calls_and_again_when_refused) {
    static const struct script_step steps[] = {
        {.expect = "Bearer first\r\n", .status = 200, .times = 4},
        {.expect = "Bearer second\r\n", .status = 200, .times = -1},
        {.fixture = "02-401-bad-token", .times = -1},
    };
    struct kube_call get = {.method = KUBE_GET, .path = "/x"};
    struct rig_result results[4] = {{0}};
    struct rig rig;

    rig_begin(&rig, steps, ARRAY_LEN(steps), NULL);
    use_plugin(&rig, PLUGIN, "x");
    answer_with("first", HOUR_US);
    rig_connect(&rig);
    for (size_t i = 0; i < ARRAY_LEN(results); i++) {
        (void)kube_request(rig.kube, &get, rig_result_done, &results[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(results); i++) {
        rig_wait(&rig, &results[i].is_done, "all wait for the plugin");
        CHECK_EQ(results[i].status.outcome, KUBE_OK, results[i].status.message);
    }
    CHECK_EQ(count_runs(), 1, "one run for all");
    answer_with("second", HOUR_US);
    rig_idle(&rig, 1100000); /* A plugin rests for a second. */
    CHECK_EQ(rig_get(&rig, "/x").status.outcome, KUBE_OK, "refused, run again, well");
    CHECK_EQ(count_runs(), 2, "a second run");
    CHECK_EQ(script_server_requests(rig.server), 6, "one refusal");
    rig_close(&rig);
}

TEST(credentials__renew_before_the_expiry_without_waiting) {
    static const struct script_step steps[] = {
        {.expect = "Bearer first\r\n", .status = 200, .body = "1", .times = -1},
        {.expect = "Bearer second\r\n", .status = 200, .body = "2", .times = -1},
    };
    struct rig_result result;
    struct rig rig;

    rig_begin(&rig, steps, ARRAY_LEN(steps), NULL);
    use_plugin(&rig, PLUGIN "sleep 0.3\n", "x");
    answer_with("first", 6 * CLOCK_US_PER_SECOND);
    rig_connect(&rig);
    CHECK_STR(rig_get(&rig, "/x").body, "1", "the first");
    answer_with("second", HOUR_US);
    for (size_t i = 0; i < 200 && count_runs() < 2; i++) {
        CHECK_STR(rig_get(&rig, "/x").body, "1", "never without");
        rig_idle(&rig, 50000);
    }
    CHECK_EQ(count_runs(), 2, "once more");
    CHECK_STR(rig_get(&rig, "/x").body, "1", "the first still serves while the plugin runs");
    rig_idle(&rig, 600000);
    result = rig_get(&rig, "/x");
    CHECK_STR(result.body, "2", "the second");
    CHECK_EQ(count_runs(), 2, "and no more");
    rig_close(&rig);
}

TEST(credentials__report_what_a_plugin_did_wrong) {
    static const struct {
        const char *what;
        const char *script;
        const char *words;
    } rows[] = {
        {"it fails", "#!/bin/sh\necho 'no \033[1mprofile' >&2\nexit 3\n",
         "exit status 3: no  [1mprofile"},
        {"it dies", "#!/bin/sh\nkill -9 $$\n", "exit status 137"},
        {"no JSON", "#!/bin/sh\necho secret-token\n", "not JSON"},
        {"another kind", "#!/bin/sh\necho '{\"kind\":\"Pod\"}'\n",
         "kind: should be ExecCredential"},
        {"another version",
         "#!/bin/sh\necho '{\"kind\":\"ExecCredential\",\"apiVersion\":\"v9\"}'\n",
         "apiVersion: should be " V1},
        {"nothing in it",
         "#!/bin/sh\necho '{\"kind\":\"ExecCredential\",\"apiVersion\":\"" V1
         "\",\"status\":{}}'\n",
         "neither token nor"},
        {"expired already",
         "#!/bin/sh\necho '{\"kind\":\"ExecCredential\",\"apiVersion\":\"" V1
         "\",\"status\":{\"token\":\"t\",\"expirationTimestamp\":\"2001-01-01T00:00:00Z\"}}'\n",
         "has expired already"},
        {"half a pair",
         "#!/bin/sh\necho '{\"kind\":\"ExecCredential\",\"apiVersion\":\"" V1
         "\",\"status\":{\"token\":\"t\",\"clientKeyData\":\"k\"}}'\n",
         "come together"},
        {"it never stops writing", "#!/bin/sh\nexec cat /dev/zero\n", "wrote more than"},
        {"no program", "#!/nowhere/sh\n", "can't run"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        static const struct script_step steps[] = {KNOWS("new")};
        struct kube_call once = {.method = KUBE_GET, .path = "/x", .no_retry = true};
        struct rig_result result;
        struct rig rig;

        rig_begin(&rig, steps, ARRAY_LEN(steps), NULL);
        use_plugin(&rig, rows[i].script, "x");
        rig_connect(&rig);
        result = rig_call(&rig, &once);
        CHECK_EQ(result.status.outcome, KUBE_CREDENTIALS, rows[i].what);
        CHECK(strstr(result.status.message, "exec plugin ") != NULL, result.status.message);
        CHECK(strstr(result.status.message, "secret-token") == NULL, "no secret is shown");
        if (strstr(result.status.message, rows[i].words) == NULL) {
            CHECK_STR(result.status.message, rows[i].words, rows[i].what);
        }
        rig_close(&rig);
    }
}

TEST(credentials__tell_the_plugin_what_it_may_know) {
    static const struct script_step steps[] = {KNOWS("t")};
    struct rig rig;
    FILE *file;
    char text[1024] = "";
    char *path = mem_format("%s/info", test_folder());

    rig_begin(&rig, steps, ARRAY_LEN(steps), NULL);
    use_plugin(&rig,
               "#!/bin/sh\necho \"$KUBERNETES_EXEC_INFO|$1\" > $FOLDER/info\ncat $FOLDER/answer\n",
               "an arg; echo no shell");
    rig.access.exec.provide_cluster_info = true;
    answer_with("t", HOUR_US);
    rig_connect(&rig);
    CHECK_EQ(rig_get(&rig, "/x").status.outcome, KUBE_OK, "well");
    file = fopen(path, "r");
    CHECK(file != NULL && fgets(text, sizeof text, file) != NULL, "it was told");
    fclose(file);
    CHECK(strstr(text,
                 "{\"kind\":\"ExecCredential\",\"apiVersion\":\"" V1
                 "\",\"spec\":{\"interactive\":false,\"cluster\":{\"server\":\"http://") == text,
          text);
    CHECK(strstr(text, "|an arg; echo no shell\n") != NULL, text);
    free(path);
    rig_close(&rig);
}

TEST(credentials__closing_kills_a_running_plugin) {
    static const struct script_step steps[] = {KNOWS("t")};
    struct kube_call get = {.method = KUBE_GET, .path = "/x", .deadline_us = 200000};
    int64_t began_us = clock_sample().mono_us;
    struct rig_result result;
    struct rig rig;

    rig_begin(&rig, steps, ARRAY_LEN(steps), NULL);
    use_plugin(&rig, "#!/bin/sh\nsleep 1000 & wait\n", "x");
    rig_connect(&rig);
    result = rig_call(&rig, &get);
    CHECK_EQ(result.status.outcome, KUBE_TIMEOUT, "the call's deadline holds");
    CHECK_EQ(result.status.execution, KUBE_NOT_EXECUTED, "never sent");
    rig_close(&rig);
    CHECK(clock_sample().mono_us - began_us < 5000000, "nobody waited for the plugin");
}

TEST(credentials__a_plugin_may_give_a_certificate) {
    static const struct script_step steps[] = {{.status = 200, .times = -1}};
    struct authority *authority = authority_create("the cluster's authority");
    struct key_pair server = authority_issue(authority, "kubernetes", "IP:127.0.0.1");
    struct key_pair client = authority_issue(authority, "nightshift", NULL);
    struct script_tls tls = {server.cert_pem, server.key_pem, authority_cert_pem(authority)};
    struct rig_result result;
    struct rig rig;
    char *pems[] = {client.cert_pem, client.key_pem};
    char *answer;

    rig_begin(&rig, steps, ARRAY_LEN(steps), &tls);
    rig.access.ca.data = mem_copy_text(authority_cert_pem(authority));
    rig.access.ca.data_bytes = strlen(rig.access.ca.data);
    use_plugin(&rig, PLUGIN, "x");
    for (size_t i = 0; i < ARRAY_LEN(pems); i++) {
        for (char *at = pems[i]; (at = strchr(at, '\n')) != NULL; at++) {
            *at = '\x1f'; /* A mark that becomes \n in JSON below. */
        }
    }
    answer =
        mem_format("{\"kind\":\"ExecCredential\",\"apiVersion\":\"" V1
                   "\",\"status\":{\"clientCertificateData\":\"%s\",\"clientKeyData\":\"%s\"}}",
                   client.cert_pem, client.key_pem);
    {
        struct buf json;

        buf_init(&json, 1 << 16);
        for (char *at = answer; *at != '\0'; at++) {
            if (*at == '\x1f') {
                buf_add_text(&json, "\\n");
            } else {
                buf_add_char(&json, *at);
            }
        }
        replace_file("answer", buf_text(&json));
        buf_finish(&json);
    }
    rig_connect(&rig);
    result = rig_get(&rig, "/x");
    CHECK_EQ(result.status.outcome, KUBE_OK, result.status.message);
    rig_close(&rig);
    free(answer);
    authority_destroy(authority);
    key_pair_finish(&server);
    key_pair_finish(&client);
}
