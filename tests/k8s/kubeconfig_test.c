#include "k8s/kubeconfig.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "tests/k8s/rig.h"
#include "tests/test.h"

/* A kubeconfig of one context "c" with this cluster and user. */
#define CONFIG(cluster, user)                                                     \
    "apiVersion: v1\nkind: Config\ncurrent-context: c\n"                          \
    "contexts:\n- name: c\n  context: {cluster: k, user: u, namespace: team-a}\n" \
    "clusters:\n- name: k\n  cluster:\n" cluster "users:\n- name: u\n  user:\n" user
#define SERVER "    server: https://k.example:6443/\n"
#define NOBODY "    {}\n"

static int parse(const char *text, bool allow_insecure, struct kube_access *out_access,
                 struct error *error) {
    struct kubeconfig_choice choice = {.allow_insecure = allow_insecure};

    return kubeconfig_parse(text, strlen(text), "/etc/ns/kubeconfig", &choice, out_access, error);
}

TEST(kubeconfig_parse__reads_every_field) {
    static const char text[] = CONFIG(
        SERVER "    certificate-authority-data: aGVsbG8=\n"
               "    proxy-url: http://proxy:3128\n"
               "    tls-server-name: kube.internal\n",
        "    client-certificate: certs/me.crt\n"
        "    client-key-data: |\n      a2\n      V5\n"
        "    tokenFile: /run/token\n"
        "    token: abc\n"
        "    exec:\n"
        "      apiVersion: client.authentication.k8s.io/v1\n"
        "      command: ./bin/plugin\n"
        "      args: [get-token, --cluster, \"\"]\n"
        "      env:\n      - {name: AWS_PROFILE, value: prod}\n      - {name: EMPTY, value: ''}\n"
        "      installHint: install it\n"
        "      provideClusterInfo: true\n"
        "      interactiveMode: IfAvailable\n");
    struct kube_access access;
    struct error error = {0};

    CHECK_EQ(parse(text, false, &access, &error), OK, error.text);
    CHECK_STR(access.source, "/etc/ns/kubeconfig, context c", "where from");
    CHECK_STR(access.server, "https://k.example:6443", "no slash at the end");
    CHECK_STR(access.namespace_, "team-a", "namespace");
    CHECK_STR(access.proxy_url, "http://proxy:3128", "proxy");
    CHECK_STR(access.tls_server_name, "kube.internal", "tls-server-name");
    CHECK_STR(access.ca.data, "hello", "decoded");
    CHECK_EQ(access.ca.data_bytes, 5, "its length");
    CHECK_STR(access.client_cert.file, "/etc/ns/certs/me.crt", "beside the file");
    CHECK_STR(access.client_key.data, "key", "base64 over several lines");
    CHECK_STR(access.token, "abc", "token");
    CHECK_STR(access.token_file, "/run/token", "an absolute path");
    CHECK_STR(access.exec.command, "/etc/ns/./bin/plugin", "beside the file");
    CHECK_STR(access.exec.args[1], "--cluster", "args");
    CHECK_STR(access.exec.args[2], "", "an empty arg");
    CHECK_EQ(access.exec.args[3], NULL, "the end");
    CHECK_STR(access.exec.env[0], "AWS_PROFILE=prod", "env");
    CHECK_STR(access.exec.env[1], "EMPTY=", "an empty value");
    CHECK_STR(access.exec.install_hint, "install it", "hint");
    CHECK(access.exec.provide_cluster_info, "cluster info");
    kube_access_finish(&access);
    kube_access_finish(&access);
}

TEST(kubeconfig_parse__reads_json) {
    static const char text[] =
        "{\"current-context\":\"c\",\"contexts\":[{\"name\":\"c\",\"context\":{\"cluster\":\"k\","
        "\"user\":\"u\"}}],\"clusters\":[{\"name\":\"k\",\"cluster\":{\"server\":"
        "\"https://h\"}}],\"users\":[{\"name\":\"u\",\"user\":{\"token\":\"t\\u0041\"}}]}";
    struct kube_access access;
    struct error error = {0};

    CHECK_EQ(parse(text, false, &access, &error), OK, error.text);
    CHECK_STR(access.server, "https://h", "server");
    CHECK_STR(access.token, "tA", "token");
    CHECK_EQ(access.namespace_, NULL, "none given");
    kube_access_finish(&access);
}

TEST(kubeconfig_parse__refuses_with_place_and_advice) {
    static const struct {
        const char *what;
        const char *text;
        const char *words[3];
    } rows[] = {
        {"not YAML", "a: [", {"/etc/ns/kubeconfig:", "not YAML"}},
        {"a list", "- a", {"not a kubeconfig"}},
        {"empty", "", {"current-context: is not set"}},
        {"no such context", "current-context: x", {"contexts", "no context named \"x\""}},
        {"contexts of a wrong type",
         "current-context: x\ncontexts: 7",
         {":2: contexts: ", "should be a list"}},
        {"no such cluster",
         "current-context: c\ncontexts:\n- name: c\n  context: {cluster: z}\n",
         {":4: contexts[c].context.cluster: ", "no cluster named \"z\""}},
        {"no user", CONFIG(SERVER, NOBODY) "", {NULL}},
        {"no server", CONFIG("    {}\n", NOBODY), {"clusters[k].cluster.server: ", "is missing"}},
        {"a server that is no text",
         CONFIG("    server: [1]\n", NOBODY),
         {":10: clusters[k].cluster.server: ", "should be a text"}},
        {"no scheme",
         CONFIG("    server: k.example:6443\n", NOBODY),
         {":10: clusters[k].cluster.server: ", "should begin with https://"}},
        {"credentials in the URL",
         CONFIG("    server: https://a:b@k\n", NOBODY),
         {"clusters[k].cluster.server: ", "is not a URL"}},
        {"plain HTTP",
         CONFIG("    server: http://k.example\n", NOBODY),
         {"clusters[k].cluster.server: ", "REFUSED", "allowInsecure"}},
        {"a host that looks local",
         CONFIG("    server: http://localhost.example\n", NOBODY),
         {"REFUSED"}},
        {"an unchecked certificate",
         CONFIG(SERVER "    insecure-skip-tls-verify: true\n", NOBODY),
         {":11: clusters[k].cluster.insecure-skip-tls-verify: ", "REFUSED", "allowInsecure"}},
        {"a CA that would not be looked at",
         CONFIG(SERVER "    certificate-authority-data: YQ==\n    insecure-skip-tls-verify: true\n",
                NOBODY),
         {"insecure-skip-tls-verify: ", "contradicts"}},
        {"maybe",
         CONFIG(SERVER "    insecure-skip-tls-verify: maybe\n", NOBODY),
         {"should be true or false"}},
        {"broken base64",
         CONFIG(SERVER "    certificate-authority-data: a*b=\n", NOBODY),
         {":11: clusters[k].cluster.certificate-authority-data: ", "is not base64"}},
        {"a proxy of another kind",
         CONFIG(SERVER "    proxy-url: ftp://x\n", NOBODY),
         {"proxy-url: ", "should begin with"}},
        {"a certificate without its key",
         CONFIG(SERVER, "    client-certificate-data: YQ==\n"),
         {"users[u].user: ", "no client-key"}},
        {"a password",
         CONFIG(SERVER, "    username: a\n    password: b\n"),
         {":14: users[u].user.username: ", "REFUSED", "1.19"}},
        {"an auth provider",
         CONFIG(SERVER, "    auth-provider: {name: gcp}\n"),
         {"users[u].user.auth-provider: ", "exec plugin"}},
        {"impersonation", CONFIG(SERVER, "    as: root\n"), {"users[u].user.as: ", "REFUSED"}},
        {"a token of two lines",
         CONFIG(SERVER, "    token: \"a\\nb\"\n"),
         {"token: ", "line break"}},
        {"a token with a NUL", CONFIG(SERVER, "    token: \"a\\0b\"\n"), {"token: ", "NUL"}},
        {"an exec without command",
         CONFIG(SERVER, "    exec: {apiVersion: client.authentication.k8s.io/v1}\n"),
         {"users[u].user.exec.command: ", "is missing"}},
        {"an old exec",
         CONFIG(SERVER, "    exec: {command: x, apiVersion: "
                        "client.authentication.k8s.io/v1alpha1}\n"),
         {"users[u].user.exec.apiVersion: ", "v1alpha1"}},
        {"an exec that asks",
         CONFIG(SERVER, "    exec: {command: x, interactiveMode: Always, "
                        "apiVersion: client.authentication.k8s.io/v1}\n"),
         {"users[u].user.exec.interactiveMode: ", "daemon"}},
        {"args of a wrong type",
         CONFIG(SERVER, "    exec: {command: x, args: y, apiVersion: "
                        "client.authentication.k8s.io/v1}\n"),
         {"users[u].user.exec.args: ", "should be a list"}},
        {"env without a name",
         CONFIG(SERVER, "    exec: {command: x, env: [{value: y}], "
                        "apiVersion: client.authentication.k8s.io/v1}\n"),
         {"users[u].user.exec.env[0]: ", "needs a name"}},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct kube_access access;
        struct error error = {0};
        int r = parse(rows[i].text, false, &access, &error);

        if (rows[i].words[0] == NULL) {
            CHECK_EQ(r, OK, error.text);
            kube_access_finish(&access);
            continue;
        }
        CHECK_EQ(r, ERR_INVALID, rows[i].what);
        for (size_t j = 0; j < 3 && rows[i].words[j] != NULL; j++) {
            if (strstr(error.text, rows[i].words[j]) == NULL) {
                CHECK_STR(error.text, rows[i].words[j], rows[i].what);
            }
        }
    }
}

TEST(kubeconfig_parse__accepts_what_is_insecure_only_when_told_to) {
    static const struct {
        const char *what;
        const char *text;
        bool needs_leave;
    } rows[] = {
        {"no check", CONFIG(SERVER "    insecure-skip-tls-verify: true\n", NOBODY), true},
        {"plain HTTP", CONFIG("    server: http://k.example\n", NOBODY), true},
        {"plain HTTP to ourselves", CONFIG("    server: http://127.0.0.1:8080\n", NOBODY), false},
        {"by name", CONFIG("    server: http://localhost/x\n", NOBODY), false},
        {"IPv6", CONFIG("    server: http://[::1]:8080\n", NOBODY), false},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct kube_access access;
        struct error error = {0};

        CHECK_EQ(parse(rows[i].text, true, &access, &error), OK, rows[i].what);
        kube_access_finish(&access);
        if (rows[i].needs_leave) {
            CHECK_EQ(parse(rows[i].text, false, &access, &error), ERR_INVALID, rows[i].what);
        } else {
            CHECK_EQ(parse(rows[i].text, false, &access, &error), OK, rows[i].what);
            kube_access_finish(&access);
        }
    }
}

TEST(kubeconfig_load__merges_files_and_the_first_wins) {
    char *first = rig_file("first", "current-context: one\ncontexts:\n- name: one\n  context: "
                                    "{cluster: k, user: u}\nusers: []\n");
    char *second =
        rig_file("second", CONFIG("    server: https://second\n", "    tokenFile: token\n"));
    char *third = rig_file("third", "current-context: c\nclusters:\n- name: k\n  cluster: {server: "
                                    "https://third}\n");
    char *paths = mem_format("/nowhere:%s::%s:%s", first, second, third);
    char *token = mem_format("%s/token", test_folder());
    struct kubeconfig_choice choice = {.paths = paths};
    struct kube_access access;
    struct error error = {0};

    CHECK_EQ(kubeconfig_load(&choice, &access, &error), OK, error.text);
    CHECK_STR(access.server, "https://second", "the first file that has the cluster");
    CHECK_STR(access.token_file, token, "relative to the file that names it");
    CHECK_EQ(access.namespace_, NULL, "the first file's context");
    kube_access_finish(&access);
    choice.context = "c";
    CHECK_EQ(kubeconfig_load(&choice, &access, &error), OK, error.text);
    CHECK_STR(access.namespace_, "team-a", "the chosen context");
    kube_access_finish(&access);
    choice.paths = "/nowhere:/nowhere-either";
    CHECK_EQ(kubeconfig_load(&choice, &access, &error), ERR_NOT_FOUND, "none exists");
    CHECK(strstr(error.text, "/nowhere: No such file") != NULL, error.text);
    free(first);
    free(second);
    free(third);
    free(paths);
    free(token);
}

TEST(kubeconfig_load_in_cluster__reads_the_service_account) {
    char *paths[] = {rig_file("token", "abc\n"), rig_file("ca.crt", "-----BEGIN X"),
                     rig_file("namespace", "batch\n")};
    struct kubeconfig_in_cluster in = {.folder = test_folder(), .host = "10.0.0.1", .port = "443"};
    struct kube_access access;
    struct error error = {0};

    CHECK_EQ(kubeconfig_load_in_cluster(&in, &access, &error), OK, error.text);
    CHECK_STR(access.server, "https://10.0.0.1:443", "server");
    CHECK_STR(access.token_file, paths[0], "read again when it rotates");
    CHECK_STR(access.ca.file, paths[1], "CA");
    CHECK_STR(access.namespace_, "batch", "namespace");
    kube_access_finish(&access);
    in.host = "fd00::1";
    CHECK_EQ(kubeconfig_load_in_cluster(&in, &access, &error), OK, error.text);
    CHECK_STR(access.server, "https://[fd00::1]:443", "IPv6");
    kube_access_finish(&access);
    in.host = NULL;
    CHECK_EQ(kubeconfig_load_in_cluster(&in, &access, &error), ERR_NOT_FOUND, "not in a cluster");
    in.host = "10.0.0.1";
    CHECK_EQ(unlink(paths[1]), 0, "no CA");
    error = (struct error){0};
    CHECK_EQ(kubeconfig_load_in_cluster(&in, &access, &error), ERR_NOT_FOUND, "no CA");
    CHECK(strstr(error.text, "ca.crt") != NULL, error.text);
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        free(paths[i]);
    }
}

/* The environment, as a process of its own may change it. */
TEST(kubeconfig_load_default__prefers_the_explicit) {
    char *given = rig_file("given", CONFIG("    server: https://given\n", NOBODY));
    char *home = rig_file("config", CONFIG("    server: https://environment\n", NOBODY));
    struct kubeconfig_choice choice = {.paths = given};
    struct kube_access access;
    struct error error = {0};

    CHECK_EQ(setenv("KUBECONFIG", home, 1), 0, "environment");
    CHECK_EQ(kubeconfig_load_default(&choice, &access, &error), OK, error.text);
    CHECK_STR(access.server, "https://given", "the explicit one");
    kube_access_finish(&access);
    choice.paths = NULL;
    CHECK_EQ(kubeconfig_load_default(&choice, &access, &error), OK, error.text);
    CHECK_STR(access.server, "https://environment", "then KUBECONFIG");
    kube_access_finish(&access);
    CHECK_EQ(unsetenv("KUBECONFIG"), 0, "environment");
    CHECK_EQ(unsetenv("KUBERNETES_SERVICE_HOST"), 0, "environment");
    CHECK_EQ(setenv("HOME", "/nowhere", 1), 0, "environment");
    CHECK_EQ(kubeconfig_load_default(&choice, &access, &error), ERR_NOT_FOUND, "nothing");
    CHECK(strstr(error.text, "no cluster is configured") != NULL, error.text);
    free(given);
    free(home);
}
