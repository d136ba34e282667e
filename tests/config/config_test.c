#include "config/config.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/limits.h"
#include "tests/test.h"

/* "ok", or the problems. */
static void parse_as_text(const char *text, struct buf *out) {
    struct problems problems = {0};
    struct config config;

    if (config_parse(text, strlen(text), &config, &problems) == OK) {
        buf_add_text(out, "ok");
        config_finish(&config);
    } else {
        problems_print(&problems, "c", out);
    }
    problems_finish(&problems);
}

TEST(config_parse__is_strict_and_points_at_the_place) {
    static const struct {
        const char *text;
        const char *want;
    } rows[] = {
        {"", "ok"},
        {"# nothing\n", "ok"},
        {"dataDir:\nlisten:\n", "ok"},
        {"[a]", "c:1:1: must be an object (key: value)\n"},
        {"dataDir: a\n---\ndataDir: b\n", "c:3:1: a second document; one is expected\n"},
        {"datadir: /x\n", "c:1:1: datadir: unknown field (did you mean \"dataDir\"?)\n"},
        {"listen:\n  unix:\n    pth: x\n    mode: 0999\n",
         "c:3:5: listen.unix.pth: unknown field (did you mean \"path\"?)\n"
         "c:4:11: listen.unix.mode: \"0999\" is not a file mode; write it like 0660\n"},
        {"listen: {unix: {mode: 0600, group: staff}}\n", "ok"},
        {"listen.unix.path: x\n", "c:1:1: listen.unix.path: unknown field\n"},
        {"listen: /run/x\n", "c:1:9: listen: must be an object (key: value)\n"},
        {"listen: {unix: {path: ''}}\n",
         "c:1:1: listen: no door: neither unix.path nor tcp.address is set\n"},
        {"listen:\n  tcp:\n    address: 0.0.0.0:8443\n",
         "c:2:3: listen.tcp.tls.cert: missing; TCP is served only with TLS\n"
         "c:2:3: listen.tcp.tls.key: missing; TCP is served only with TLS\n"
         "c:2:3: listen.tcp.tokensFile: missing; TCP is served only to bearers of tokens\n"},
        {"listen: {tcp: {address: 'h:1', tls: {cert: c, key: k}}}\n",
         "c:1:10: listen.tcp.tokensFile: missing; TCP is served only to bearers of tokens\n"},
        {"listen: {tcp: {address: 'h:1', tokensFile: t, tls: {cert: c}}}\n",
         "c:1:47: listen.tcp.tls.key: missing; TCP is served only with TLS\n"},
        {"listen: {tcp: {address: 'h:1', tokensFile: t, tls: {key: k}}}\n",
         "c:1:47: listen.tcp.tls.cert: missing; TCP is served only with TLS\n"},
        {"listen: {tcp: {address: 8443, tokensFile: t, tls: {cert: c, key: k}}}\n",
         "c:1:25: listen.tcp.address: must be host:port, like 0.0.0.0:8443\n"},
        {"listen: {tcp: {address: '[::]:8443', tokensFile: t, tls: {cert: c, key: k}}}\n", "ok"},
        {"kubernetes: {namespaces: all, qps: 0.5, burst: 1}\n", "ok"},
        {"kubernetes: {namespaces: [a, B], qps: 0, burst: 0}\n",
         "c:1:30: kubernetes.namespaces[1]: \"B\" is not a name: 1 to 63 of a-z, 0-9 and -, not - "
         "at either end\n"
         "c:1:39: kubernetes.qps: must be above 0 and at most 1000000, not 0\n"
         "c:1:49: kubernetes.burst: must be between 1 and 10000, not 0\n"},
        {"kubernetes: {namespaces: some}\n",
         "c:1:26: kubernetes.namespaces: must be a list of names, or all\n"},
        {"kubernetes: {inCluster: true, kubeconfig: x}\n",
         "c:1:25: kubernetes.inCluster: contradicts kubernetes.kubeconfig\n"},
        {"kubernetes: {requestTimeout: 0s}\n",
         "c:1:30: kubernetes.requestTimeout: must be above 0\n"},
        {"kubernetes: {watchSilence: 0s}\n", "c:1:28: kubernetes.watchSilence: must be above 0\n"},
        {"leader: {leaseDuration: 12500ms}\n",
         "c:1:25: leader.leaseDuration: must be whole seconds, at least 1s\n"},
        {"leader: {renewDeadline: 15s}\n",
         "c:1:25: leader.renewDeadline: must be below leader.leaseDuration\n"},
        {"leader: {retryPeriod: 6s}\n",
         "c:1:23: leader.retryPeriod: must be above 0 and at most half of leader.renewDeadline\n"},
        {"retry: {backoff: {initial: 1h, max: 1m}}\n",
         "c:1:28: retry.backoff.initial: must not be above retry.backoff.max\n"},
        {"scheduling: {startTimeout: 0s, mode: unfair}\n",
         "c:1:38: scheduling.mode: must be fifo, priority or fair, not \"unfair\"\n"},
        {"scheduling: {startTimeout: 0s}\n", "c:1:28: scheduling.startTimeout: must be above 0\n"},
        {"limits: {bodyBytes: 1Gi, waitingJobs: yes}\n",
         "c:1:21: limits.bodyBytes: must be between 1Ki and 32Mi, not 1Gi\n"
         "c:1:39: limits.waitingJobs: must be a whole number, not yes\n"},
        {"log: {level: loud}\n",
         "c:1:14: log.level: must be error, warn, info or debug, not \"loud\"\n"},
        {"history: {age: 30}\n",
         "c:1:16: history.age: \"30\" is not a duration; write it like 90s, "
         "15m or 1h30m\n"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf out;

        buf_init(&out, LIMIT_MIB);
        parse_as_text(rows[i].text, &out);
        CHECK_STR(buf_text(&out), rows[i].want, rows[i].text);
        buf_finish(&out);
    }
}

TEST(config_parse__leaves_the_output_alone_on_failure) {
    struct problems problems = {0};
    struct config config = {.kube_burst = 7};

    CHECK_EQ(config_parse("x: 1", 4, &config, &problems), ERR_INVALID, "invalid");
    CHECK_EQ(config.kube_burst, 7, "untouched");
    problems_finish(&problems);
}

TEST(config_init_default__has_the_documented_values) {
    struct config config;

    config_init_default(&config);
    CHECK_STR(config.data_dir, "/var/lib/nightshift", "dataDir");
    CHECK_EQ(config.unix_mode, 0660, "mode");
    CHECK_EQ(config.namespace_count, 0, "all namespaces");
    CHECK_EQ(config.kube_qps_milli, 50000, "qps");
    CHECK_EQ(config.ttl_us, INT64_C(3600000000), "ttl");
    CHECK_EQ(config.body_bytes_max, 32 * LIMIT_MIB, "body");
    CHECK_STR(config.tcp_address, "", "no TCP");
    config_finish(&config);
}

static const char full[] =
    "dataDir: /data dir\n"
    "listen:\n"
    "  unix: {path: /run/\"x\", mode: 0600, group: ops}\n"
    "  tcp:\n"
    "    address: 127.0.0.1:0\n"
    "    tls: {cert: c, key: k, clientCA: ca}\n"
    "    tokensFile: t\n"
    "kubernetes:\n"
    "  context: 'true'\n"
    "  inCluster: true\n"
    "  namespaces: [a, b]\n"
    "  qps: 0.25\n"
    "  burst: 7\n"
    "scheduling: {mode: fair, maxStartsPerTurn: 3, startTimeout: 25h}\n"
    "jobs: {defaultNamespace: n, defaultTeam: T_1, ttlAfterFinished: 0s}\n"
    "retry: {maxRetries: 0, infraRetries: 1, backoff: {initial: 1s, max: 1d}}\n"
    "spark: {defaultVersion: 4.0.1, defaultImage: i}\n"
    "limits: {bodyBytes: 64Ki, waitingJobs: 5}\n"
    "history: {age: 1d, count: 0}\n"
    "log: {level: debug}\n";

TEST(config_print__reads_back_as_the_same_values) {
    struct problems problems = {0};
    struct config config;
    struct config again;
    struct buf first;
    struct buf second;

    buf_init(&first, LIMIT_MIB);
    buf_init(&second, LIMIT_MIB);
    CHECK_OK(config_parse(full, sizeof full - 1, &config, &problems), "every setting");
    config_print(&config, &first);
    CHECK_OK(config_parse(first.data, first.bytes, &again, &problems), first.data);
    config_print(&again, &second);
    CHECK_STR(second.data, first.data, "printed twice");
    CHECK_STR(again.data_dir, "/data dir", "text");
    CHECK_STR(again.unix_path, "/run/\"x\"", "text with quotes");
    CHECK_STR(again.context, "true", "text that looks like a flag");
    CHECK_STR(again.spark_version, "4.0.1", "text that looks like a number");
    CHECK_EQ(again.unix_mode, 0600, "mode");
    CHECK_EQ(again.namespace_count, 2, "namespaces");
    CHECK_STR(again.namespaces[1], "b", "second namespace");
    CHECK_EQ(again.kube_qps_milli, 250, "rate");
    CHECK_EQ(again.start_timeout_us, INT64_C(90000000000), "25 h");
    CHECK_EQ(again.ttl_us, 0, "nothing");
    CHECK_EQ(again.body_bytes_max, 65536, "bytes");
    config_finish(&config);
    config_finish(&again);
    buf_finish(&first);
    buf_finish(&second);
}

static void read_file(const char *path, struct buf *out) {
    char line[1024];
    FILE *in = fopen(path, "r");

    CHECK(in != NULL, path);
    while (fgets(line, sizeof line, in) != NULL) {
        buf_add_text(out, line);
    }
    (void)fclose(in);
}

/* Change the table, and this says what to paste. */
TEST(config_print__is_what_the_manual_and_the_example_say) {
    struct config config;
    struct buf file;
    struct buf want;

    buf_init(&file, LIMIT_MIB);
    buf_init(&want, LIMIT_MIB);
    config_print_manual(&want);
    read_file("docs/manual/configuration.md", &file);
    CHECK(strstr(buf_text(&file), want.data) != NULL, want.data);

    buf_clear(&file);
    buf_clear(&want);
    config_init_default(&config);
    config_print(&config, &want);
    read_file("examples/nightshift.yaml", &file);
    CHECK(strstr(buf_text(&file), want.data) != NULL, want.data);
    config_finish(&config);
    buf_finish(&file);
    buf_finish(&want);
}

static const char *write_file(const char *name, const char *text, mode_t mode, char *out_path,
                              size_t bytes_max) {
    FILE *out;

    (void)snprintf(out_path, bytes_max, "%s/%s", test_folder(), name);
    out = fopen(out_path, "w");
    CHECK(out != NULL, out_path);
    CHECK(fputs(text, out) >= 0, out_path);
    (void)fclose(out);
    CHECK_EQ(chmod(out_path, mode), 0, out_path);
    return out_path;
}

TEST(config_load__says_why_a_file_cannot_be_read) {
    struct problems problems = {0};
    struct config config;
    char path[256];

    CHECK_EQ(config_load("/nowhere/nightshift.yaml", &config, &problems), ERR_NOT_FOUND, "missing");
    CHECK_STR(problems.items[0].message, "No such file or directory", "missing");
    CHECK_EQ(problems.items[0].place.line, 0, "missing");
    CHECK_EQ(config_load("/tmp", &config, &problems), ERR_INVALID, "a folder");
    CHECK_OK(config_load(write_file("c.yaml", "dataDir: /x\n", 0644, path, sizeof path), &config,
                         &problems),
             "a good one");
    CHECK_STR(config.data_dir, "/x", "a good one");
    config_finish(&config);
    problems_finish(&problems);
}

TEST(config_load__takes_the_example_of_teams) {
    struct problems problems = {0};
    struct config config;

    CHECK_OK(config_load("examples/teams.yaml", &config, &problems), "it is right");
    CHECK_EQ(config.teams.team_count, 4, "teams");
    CHECK_STR(config.mode, "fair", "mode");
    config_finish(&config);
}
