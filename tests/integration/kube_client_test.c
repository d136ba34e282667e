/* The client and a reflector against kubesim: its TLS, its kubeconfig, and its faults. */
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/map.h"
#include "base/memory.h"
#include "k8s/reflector.h"
#include "tests/k8s/rig.h"
#include "tests/test.h"

#define KUBESIM "sim/kubesim"
#define PODS    "/api/v1/namespaces/default/pods"

struct world {
    struct rig rig;
    pid_t kubesim;
    struct reflector *reflector;
    struct map pods; /* what the owner believes: name to itself */
    unsigned synced;
    unsigned lost;
};

/* kubesim says its address on its first line, when it is ready. */
static char *start_kubesim(struct world *world) {
    char *kubeconfig = mem_format("%s/kubeconfig", test_folder());
    char program[] = KUBESIM;
    char out[] = "--kubeconfig-out";
    char *const argv[] = {program, out, kubeconfig, NULL};
    posix_spawn_file_actions_t actions;
    char said[256];
    FILE *pipe_end;
    int fds[2];

    CHECK_EQ(pipe2(fds, O_CLOEXEC), 0, "a pipe");
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, fds[1], STDOUT_FILENO);
    CHECK_EQ(posix_spawn(&world->kubesim, KUBESIM, &actions, NULL, argv, environ), 0, KUBESIM);
    posix_spawn_file_actions_destroy(&actions);
    close(fds[1]);
    pipe_end = fdopen(fds[0], "r");
    CHECK(fgets(said, sizeof said, pipe_end) != NULL, "kubesim is ready");
    fclose(pipe_end);
    return kubeconfig;
}

static void sink(void *context, const struct reflector_event *event) {
    struct world *world = context;

    if (event->type == REFLECTOR_UPSERT) {
        (void)map_put(&world->pods, event->name, world);
    } else if (event->type == REFLECTOR_DELETE) {
        (void)map_remove(&world->pods, event->name);
    } else if (event->type == REFLECTOR_SYNCED) {
        world->synced++;
    } else {
        world->lost++;
    }
}

static void world_open(struct world *world) {
    char *kubeconfig;
    struct kubeconfig_choice choice = {0};
    struct reflector_options options = {.resource = KUBE_PODS,
                                        .namespace_ = "default",
                                        .clock = clock_sample,
                                        .sink = sink,
                                        .context = world,
                                        .page_limit = 3,
                                        .progress_us = 2 * CLOCK_US_PER_SECOND,
                                        .backoff_min_us = 10000,
                                        .backoff_max_us = 100000};
    struct error error = {0};

    *world = (struct world){.synced = 0};
    kubeconfig = start_kubesim(world);
    choice.paths = kubeconfig;
    world->rig.loop = poll_poller_create();
    rng_init(&world->rig.rng, 1);
    CHECK_EQ(kubeconfig_load(&choice, &world->rig.access, &error), OK, error.text);
    world->rig.options = (struct kube_options){.poller = poll_poller_of(world->rig.loop),
                                               .rng = &world->rig.rng,
                                               .clock = clock_sample,
                                               .access = &world->rig.access,
                                               .qps = -1};
    rig_connect(&world->rig);
    options.kube = world->rig.kube;
    options.poller = world->rig.options.poller;
    options.rng = &world->rig.rng;
    world->reflector = reflector_create(&options);
    free(kubeconfig);
}

static void world_close(struct world *world) {
    reflector_destroy(world->reflector);
    rig_close(&world->rig);
    map_finish(&world->pods);
    (void)kill(world->kubesim, SIGKILL);
    (void)waitpid(world->kubesim, NULL, 0);
}

static struct kube_status ask(struct world *world, enum kube_method method, const char *path,
                              const char *body) {
    struct kube_call call = {.method = method,
                             .path = path,
                             .priority = KUBE_PRIORITY_WRITE,
                             .body = body,
                             .body_bytes = body == NULL ? 0 : strlen(body)};

    return rig_call(&world->rig, &call).status;
}

static struct kube_status create_pod(struct world *world, const char *name) {
    char *body =
        mem_format("{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"%s\"},"
                   "\"spec\":{\"containers\":[{\"name\":\"m\",\"image\":\"i\"}]}}",
                   name);
    struct kube_status status = ask(world, KUBE_POST, PODS, body);

    free(body);
    return status;
}

static void delete_pod(struct world *world, const char *name) {
    char *path = mem_format(PODS "/%s", name);
    struct kube_status status = ask(world, KUBE_DELETE, path, "{\"gracePeriodSeconds\":0}");

    CHECK_EQ(status.outcome, KUBE_OK, status.message);
    free(path);
}

/* Until the owner believes in so many pods; their names are a part of what. */
static void await_count(struct world *world, size_t count, const char *what) {
    int64_t end_us = clock_sample().mono_us + 10 * CLOCK_US_PER_SECOND;

    while ((world->pods.count != count || world->synced == 0) && clock_sample().mono_us < end_us) {
        poll_poller_round(world->rig.loop, 10000);
    }
    CHECK_EQ(world->pods.count, count, what);
    CHECK(world->synced > 0, what);
}

TEST(kube_client__follows_a_cluster_through_its_faults) {
    static const struct {
        const char *what;
        const char *fault;
    } rows[] = {
        {"no fault", NULL},
        {"duplicated events", "{\"fault\":\"duplicate-event\",\"count\":-1}"},
        {"a watch that is cut", "{\"fault\":\"cut-watch\"}"},
        {"KUBE 5: a watch whose version is gone", "{\"fault\":\"expire-watch\"}"},
        {"KUBE 17: a watch that goes silent", "{\"fault\":\"silence-watch\"}"},
        {"lists that fail", "{\"fault\":\"error\",\"verb\":\"list\",\"code\":500,\"count\":3}"},
    };
    struct world world;

    world_open(&world);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char name[3][16];

        if (rows[i].fault != NULL) {
            CHECK_EQ(ask(&world, KUBE_POST, "/sim/faults", rows[i].fault).outcome, KUBE_OK,
                     rows[i].what);
        }
        for (size_t j = 0; j < 3; j++) {
            struct kube_status status;

            (void)snprintf(name[j], sizeof name[j], "p-%zu-%zu", i, j);
            status = create_pod(&world, name[j]);
            CHECK_EQ(status.outcome, KUBE_OK, status.message);
        }
        await_count(&world, 3, rows[i].what);
        CHECK(map_get(&world.pods, name[0]) != NULL, rows[i].what);
        for (size_t j = 0; j < 3; j++) {
            delete_pod(&world, name[j]);
        }
        await_count(&world, 0, rows[i].what);
        (void)ask(&world, KUBE_DELETE, "/sim/faults", NULL);
    }
    world_close(&world);
}

TEST(kube_client__hears_the_quota_and_lost_replies) {
    static const char quota[] =
        "{\"apiVersion\":\"v1\",\"kind\":\"ResourceQuota\",\"metadata\":{\"name\":\"q\"},"
        "\"spec\":{\"hard\":{\"pods\":\"2\"}}}";
    struct kube_status status;
    struct world world;

    world_open(&world);
    status = ask(&world, KUBE_POST, "/api/v1/namespaces/default/resourcequotas", quota);
    CHECK_EQ(status.outcome, KUBE_OK, status.message);
    rig_idle(&world.rig, 300000); /* KUBE 1: the controller has to see the quota first. */
    CHECK_EQ(create_pod(&world, "a").outcome, KUBE_OK, "one");
    CHECK_EQ(ask(&world, KUBE_POST, "/sim/faults",
                 "{\"fault\":\"lose-reply\",\"verb\":\"create\",\"resource\":\"pods\"}")
                 .outcome,
             KUBE_OK, "the fault");
    status = create_pod(&world, "b");
    CHECK_EQ(status.outcome, KUBE_LOST, status.message);
    CHECK_EQ(status.execution, KUBE_EXECUTION_UNKNOWN, "look before you repeat");
    CHECK_EQ(ask(&world, KUBE_GET, PODS "/b", NULL).outcome, KUBE_OK, "it was made");
    status = create_pod(&world, "c");
    CHECK_EQ(status.outcome, KUBE_QUOTA_EXCEEDED, status.message);
    await_count(&world, 2, "the owner sees both");
    delete_pod(&world, "a");
    rig_idle(&world.rig, 300000); /* KUBE 2: the controller gives back what was charged. */
    CHECK_EQ(create_pod(&world, "b").outcome, KUBE_EXISTS, "it exists");
    world_close(&world);
}
