#include "tests/k8s/rig.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/memory.h"
#include "tests/test.h"

#define WAIT_US (20 * CLOCK_US_PER_SECOND)

void rig_begin(struct rig *rig, const struct script_step *steps, size_t count,
               const struct script_tls *tls) {
    *rig = (struct rig){.loop = poll_poller_create()};
    rng_init(&rig->rng, 1);
    rig->server = script_server_start(steps, count, tls);
    rig->access.server = mem_format("%s://127.0.0.1:%d", tls == NULL ? "http" : "https",
                                    script_server_port(rig->server));
    rig->options = (struct kube_options){
        .poller = poll_poller_of(rig->loop),
        .rng = &rig->rng,
        .clock = clock_sample,
        .access = &rig->access,
        .qps = -1,
    };
}

void rig_connect(struct rig *rig) {
    struct error error = {0};

    if (kube_open(&rig->options, &rig->kube, &error) != OK) {
        CHECK_STR(error.text, "", "the client opens");
    }
}

void rig_open(struct rig *rig, const struct script_step *steps, size_t count) {
    rig_begin(rig, steps, count, NULL);
    rig_connect(rig);
}

void rig_close(struct rig *rig) {
    kube_close(rig->kube);
    script_server_stop(rig->server);
    kube_access_finish(&rig->access);
    poll_poller_destroy(rig->loop);
}

static bool is_set(void *owner) {
    return *(const bool *)owner;
}

void rig_wait(struct rig *rig, const bool *flag, const char *what) {
    if (!poll_poller_run(rig->loop, is_set, (void *)(uintptr_t)flag, WAIT_US)) {
        char *log = rig->server == NULL ? NULL : script_server_log(rig->server);

        fprintf(stderr, "the server was asked:\n%s\n", log == NULL ? "" : log);
        free(log);
        CHECK(false, what);
    }
}

static bool never(void *owner) {
    (void)owner;
    return false;
}

void rig_idle(struct rig *rig, int64_t us) {
    (void)poll_poller_run(rig->loop, never, NULL, us);
}

void rig_result_done(void *result_pointer, const struct kube_answer *answer) {
    struct rig_result *result = result_pointer;

    CHECK(!result->is_done, "one callback per call");
    result->is_done = true;
    result->status = answer->status;
    result->body_bytes = answer->body_bytes;
    (void)snprintf(result->body, sizeof result->body, "%s", answer->body);
}

struct rig_result rig_call(struct rig *rig, const struct kube_call *call) {
    struct rig_result *result = mem_alloc(1, sizeof *result);
    struct rig_result copy;

    CHECK(kube_request(rig->kube, call, rig_result_done, result) != 0, "an id");
    CHECK(!result->is_done, "no callback from inside");
    rig_wait(rig, &result->is_done, call->path);
    copy = *result;
    free(result);
    return copy;
}

struct rig_result rig_get(struct rig *rig, const char *path) {
    struct kube_call call = {.method = KUBE_GET, .priority = KUBE_PRIORITY_READ, .path = path};

    return rig_call(rig, &call);
}

char *rig_file(const char *name, const char *content) {
    char *path = mem_format("%s/%s", test_folder(), name);
    FILE *file = fopen(path, "w");

    CHECK(file != NULL, path);
    CHECK_EQ(fwrite(content, 1, strlen(content), file), strlen(content), path);
    CHECK_EQ(fclose(file), 0, path);
    return path;
}
