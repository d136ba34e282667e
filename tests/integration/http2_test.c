/* The client over HTTP/2: nghttpx (Debian's nghttp2-proxy) in front of the scripted server. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/memory.h"
#include "k8s/reflector.h"
#include "tests/fake/certificates.h"
#include "tests/k8s/rig.h"
#include "tests/test.h"

#define NGHTTPX  "/usr/sbin/nghttpx"
#define NAP_NS   10000000
#define NAPS_MAX 500

struct proxy {
    struct authority *authority;
    struct key_pair server;
    char *cert_file;
    char *key_file;
    int port;
    pid_t pid;
};

static struct sockaddr_in loopback(int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

static int find_free_port(void) {
    struct sockaddr_in address = loopback(0);
    socklen_t bytes = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    CHECK(bind(fd, (struct sockaddr *)&address, sizeof address) == 0, strerror(errno));
    CHECK(getsockname(fd, (struct sockaddr *)&address, &bytes) == 0, strerror(errno));
    close(fd);
    return ntohs(address.sin_port);
}

static void wait_for_port(int port) {
    struct sockaddr_in address = loopback(port);
    struct timespec nap = {0, NAP_NS};

    for (int i = 0; i < NAPS_MAX; i++) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        int r = connect(fd, (struct sockaddr *)&address, sizeof address);

        close(fd);
        if (r == 0) {
            return;
        }
        nanosleep(&nap, NULL);
    }
    CHECK(false, "nghttpx listens");
}

static void proxy_run(struct proxy *proxy, int backend_port) {
    char *backend = mem_format("--backend=127.0.0.1,%d", backend_port);
    char *frontend = mem_format("--frontend=127.0.0.1,%d", proxy->port);
    char program[] = NGHTTPX;
    char workers[] = "--workers=1";
    char config[] = "--conf=/dev/null";
    char *const argv[] = {program,  workers,         config,           backend,
                          frontend, proxy->key_file, proxy->cert_file, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;

    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
    CHECK_EQ(posix_spawn(&proxy->pid, NGHTTPX, &actions, &attributes, argv, environ), 0, NGHTTPX);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    free(backend);
    free(frontend);
    wait_for_port(proxy->port);
}

static void proxy_kill(struct proxy *proxy) {
    if (proxy->pid > 0) {
        (void)kill(-proxy->pid, SIGKILL);
        (void)waitpid(proxy->pid, NULL, 0);
        proxy->pid = 0;
    }
}

/* A rig whose client speaks to the proxy. */
static void begin(struct proxy *proxy, struct rig *rig, const struct script_step *steps,
                  size_t count) {
    if (access(NGHTTPX, X_OK) != 0) {
        SKIP(NGHTTPX " is absent: apt-get install nghttp2-proxy");
    }
    *proxy = (struct proxy){.authority = authority_create("the cluster's authority"),
                            .port = find_free_port()};
    proxy->server = authority_issue(proxy->authority, "kubernetes", "IP:127.0.0.1");
    proxy->cert_file = rig_file("server.crt", proxy->server.cert_pem);
    proxy->key_file = rig_file("server.key", proxy->server.key_pem);
    rig_begin(rig, steps, count, NULL);
    free(rig->access.server);
    rig->access.server = mem_format("https://127.0.0.1:%d", proxy->port);
    rig->access.ca.data = mem_copy_text(authority_cert_pem(proxy->authority));
    rig->access.ca.data_bytes = strlen(rig->access.ca.data);
    proxy_run(proxy, script_server_port(rig->server));
}

static void end(struct proxy *proxy, struct rig *rig) {
    rig_close(rig);
    proxy_kill(proxy);
    authority_destroy(proxy->authority);
    key_pair_finish(&proxy->server);
    free(proxy->cert_file);
    free(proxy->key_file);
}

/* How many of our descriptors are connections to this port. */
static unsigned count_connections(int port) {
    unsigned count = 0;

    for (int fd = 3; fd < 256; fd++) {
        struct sockaddr_in peer;
        socklen_t bytes = sizeof peer;

        if (getpeername(fd, (struct sockaddr *)&peer, &bytes) == 0 && peer.sin_family == AF_INET &&
            ntohs(peer.sin_port) == port) {
            count++;
        }
    }
    return count;
}

static int ignore_bytes(void *context, const char *bytes, size_t count) {
    (void)context;
    (void)bytes;
    (void)count;
    return OK;
}

TEST(http2__carries_many_requests_and_streams_on_one_connection) {
    static const struct script_step steps[] = {
        {.expect = "/watch",
         .status = 200,
         .body = "x\n",
         .chunked = true,
         .then = THEN_HOLD,
         .times = -1},
        {.expect = "POST /p", .expect_too = "{\"kind\":\"Pod\"}", .status = 201, .times = -1},
        {.expect = "/x", .status = 200, .body = "{}", .delay_ms = 50, .times = -1},
        {.expect = "/none", .fixture = "05-pod-delete-404", .times = -1},
    };
    struct kube_call get = {.method = KUBE_GET, .path = "/x"};
    struct kube_call post = {
        .method = KUBE_POST, .path = "/p", .body = "{\"kind\":\"Pod\"}", .body_bytes = 14};
    struct kube_call watch = {.method = KUBE_GET,
                              .path = "/watch",
                              .on_bytes = ignore_bytes,
                              .deadline_us = KUBE_DEADLINE_NONE};
    struct rig_result *results = mem_alloc(20, sizeof *results);
    struct rig_result watched[2] = {{0}};
    struct proxy proxy;
    struct rig rig;

    begin(&proxy, &rig, steps, ARRAY_LEN(steps));
    rig_connect(&rig);
    (void)kube_request(rig.kube, &watch, rig_result_done, &watched[0]);
    (void)kube_request(rig.kube, &watch, rig_result_done, &watched[1]);
    for (size_t i = 0; i < 20; i++) {
        (void)kube_request(rig.kube, i % 2 == 0 ? &get : &post, rig_result_done, &results[i]);
    }
    for (size_t i = 0; i < 20; i++) {
        rig_wait(&rig, &results[i].is_done, "all end");
        CHECK_EQ(results[i].status.outcome, KUBE_OK, results[i].status.message);
    }
    CHECK_EQ(kube_figures(rig.kube).http_version, 20, "HTTP/2");
    CHECK_EQ(count_connections(proxy.port), 1, "one connection for all");
    CHECK_EQ(rig_get(&rig, "/none").status.outcome, KUBE_NOT_FOUND, "errors come as ever");
    CHECK_EQ(kube_figures(rig.kube).streams, 2, "the streams live");
    end(&proxy, &rig);
    free(results);
}

TEST(http2__is_not_used_when_it_is_not_wanted) {
    static const struct script_step steps[] = {{.status = 200, .times = -1}};
    struct proxy proxy;
    struct rig rig;

    begin(&proxy, &rig, steps, ARRAY_LEN(steps));
    rig.options.http1_only = true;
    rig_connect(&rig);
    CHECK_EQ(rig_get(&rig, "/x").status.outcome, KUBE_OK, "well");
    CHECK_EQ(kube_figures(rig.kube).http_version, 11, "HTTP/1.1");
    end(&proxy, &rig);
}

struct tally {
    unsigned synced;
    unsigned lost;
    bool is_synced_twice;
    bool is_synced;
};

static void count_events(void *context, const struct reflector_event *event) {
    struct tally *tally = context;

    tally->synced += event->type == REFLECTOR_SYNCED;
    tally->lost += event->type == REFLECTOR_LOST;
    tally->is_synced = tally->synced > 0;
    tally->is_synced_twice = tally->synced > 1;
}

TEST(http2__a_dying_server_is_lost_and_found_again) {
    static const struct script_step steps[] = {
        {.expect = "watch=true", .status = 200, .chunked = true, .then = THEN_HOLD, .times = -1},
        {.expect = "limit=", .fixture = "05-pods-list-empty", .times = -1},
        {.expect = "/slow", .status = 201, .delay_ms = 5000, .times = -1},
    };
    struct kube_call create = {.method = KUBE_POST, .path = "/slow", .body = "{}", .body_bytes = 2};
    struct reflector_options options = {.resource = KUBE_PODS,
                                        .clock = clock_sample,
                                        .sink = count_events,
                                        .backoff_min_us = 20000,
                                        .backoff_max_us = 100000};
    struct rig_result result = {0};
    struct tally tally = {0};
    struct reflector *reflector;
    struct proxy proxy;
    struct rig rig;

    begin(&proxy, &rig, steps, ARRAY_LEN(steps));
    rig_connect(&rig);
    options.kube = rig.kube;
    options.poller = rig.options.poller;
    options.rng = &rig.rng;
    options.context = &tally;
    reflector = reflector_create(&options);
    rig_wait(&rig, &tally.is_synced, "the first list");
    (void)kube_request(rig.kube, &create, rig_result_done, &result);
    rig_idle(&rig, 200000);
    proxy_kill(&proxy);
    rig_wait(&rig, &result.is_done, "the create ends");
    CHECK_EQ(result.status.outcome, KUBE_LOST, result.status.message);
    CHECK_EQ(result.status.execution, KUBE_EXECUTION_UNKNOWN, "it may have happened");
    rig_idle(&rig, 300000);
    CHECK(tally.lost > 0, "the reflector says that it is blind");
    proxy_run(&proxy, script_server_port(rig.server));
    rig_wait(&rig, &tally.is_synced_twice, "and sees again");
    reflector_destroy(reflector);
    end(&proxy, &rig);
}
