/* tests/k8s/rig.h - a client, a scripted server and a loop, ready to talk. */
#ifndef TESTS_K8S_RIG_H
#define TESTS_K8S_RIG_H

#include "base/rng.h"
#include "k8s/kube.h"
#include "k8s/kubeconfig.h"
#include "tests/fake/poll_poller.h"
#include "tests/fake/script_server.h"

struct rig {
    struct poll_poller *loop;
    struct rng rng;
    struct script_server *server;
    struct kube_access access; /* texts that rig_close() frees; change it before rig_connect() */
    struct kube_options options;
    struct kube *kube;
};

/* Server and options, no client yet. */
void rig_begin(struct rig *rig, const struct script_step *steps, size_t count,
               const struct script_tls *tls);

/* The client; the test fails if it can't be opened. */
void rig_connect(struct rig *rig);

/* Both, with plain HTTP. */
void rig_open(struct rig *rig, const struct script_step *steps, size_t count);
void rig_close(struct rig *rig);

/* The outcome of one call, waited for. */
struct rig_result {
    bool is_done;
    struct kube_status status;
    char body[16384];
    size_t body_bytes;
};

void rig_result_done(void *result, const struct kube_answer *answer); /* a kube_done */
struct rig_result rig_call(struct rig *rig, const struct kube_call *call);
struct rig_result rig_get(struct rig *rig, const char *path);

/* Rounds of the loop until the flag is set; the test fails after 10 s. */
void rig_wait(struct rig *rig, const bool *flag, const char *what);

/* Rounds of the loop for so long. */
void rig_idle(struct rig *rig, int64_t us);

/* Write a file into the test's folder; returns its path, owned. */
char *rig_file(const char *name, const char *content);

#endif
