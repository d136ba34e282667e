#include "sim/cluster.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/buf.h"
#include "base/rng.h"
#include "sim/resource.h"
#include "sim/store.h"
#include "sim/tree.h"
#include "tests/sim/kit.h"
#include "tests/test.h"

/* A pod of one cpu; annotations and more of the spec may be given. */
static int post_pod(struct kit *kit, const char *name, const char *annotations, const char *more) {
    return kit_post(kit, SIM_PODS, "a",
                    "{'metadata':{'name':'%s','annotations':{%s}},'spec':{'restartPolicy':'Never',"
                    "'containers':[{'name':'m','image':'i:1','resources':{'requests':{'cpu':'1'}}}"
                    "]%s}}",
                    name, annotations, more);
}

static const json_t *pod_of(struct kit *kit, const char *name) {
    return sim_store_get(kit->store, SIM_PODS, "a", name);
}

static const json_t *container_of(struct kit *kit, const char *name) {
    return json_array_get(tree_at(pod_of(kit, name), "status/containerStatuses"), 0);
}

static const char *waiting_reason(struct kit *kit, const char *name) {
    return tree_text(container_of(kit, name), "state/waiting/reason");
}

static const json_t *condition(const json_t *object, const char *type) {
    json_t *found;
    size_t i;

    json_array_foreach(tree_at(object, "status/conditions"), i, found) {
        if (tree_is(found, "type", type)) {
            return found;
        }
    }
    return NULL;
}

TEST(cluster__a_pod_lives_its_life) {
    struct kit kit;
    const json_t *container;

    kit_open(&kit, NULL);
    kit_add_node(&kit, "n1", "4", "8Gi");
    CHECK_EQ(post_pod(&kit, "p", "'kubesim/runtime':'2s'", ""), 201, kit.message);
    CHECK_STR(kit_phase(&kit, "p"), "Pending", "at first");
    kit_run(&kit, 50 * KIT_MS);
    CHECK_STR(kit_text(&kit, SIM_PODS, "p", "spec/nodeName"), "n1", "bound");
    CHECK_STR(waiting_reason(&kit, "p"), "ContainerCreating", "the kubelet has seen it");
    kit_run(&kit, 200 * KIT_MS);
    CHECK_STR(kit_phase(&kit, "p"), "Running", "then");
    CHECK_STR(tree_text(condition(pod_of(&kit, "p"), "Ready"), "status"), "True", "ready");
    CHECK(kit_text(&kit, SIM_PODS, "p", "status/podIP")[0] != '\0', "it has an address");
    container = container_of(&kit, "p");
    CHECK(tree_text(container, "state/running/startedAt") != NULL, "and a start");
    kit_run(&kit, 2 * KIT_SECOND);
    CHECK_STR(kit_phase(&kit, "p"), "Succeeded", "in the end");
    container = container_of(&kit, "p");
    CHECK_EQ(tree_int(container, "state/terminated/exitCode", -1), 0, "well");
    CHECK_STR(tree_text(container, "state/terminated/reason"), "Completed", "completed");
    CHECK_EQ(tree_time(container, "state/terminated/finishedAt") -
                 tree_time(container, "state/terminated/startedAt"),
             2 * KIT_SECOND, "after its time");
    kit_close(&kit);
}

TEST(cluster__a_pod_ends_as_it_is_told) {
    static const struct {
        const char *what;
        const char *annotations;
        const char *more;
        const char *want_phase;
        int want_code;
        const char *want_reason;
    } rows[] = {
        {"an exit code", "'kubesim/exit-code':'3'", "", "Failed", 3, "Error"},
        {"out of memory", "'kubesim/exit-reason':'OOMKilled'", "", "Failed", 137, "OOMKilled"},
        {"the first attempt of two", "'kubesim/fail-attempts':'2'", "", "Failed", 1, "Error"},
        {"no attempt to fail", "'kubesim/fail-attempts':'1'", "", "Succeeded", 0, "Completed"},
        {"its deadline", "'kubesim/runtime':'1h'", ",'activeDeadlineSeconds':3", "Failed", 143,
         "Error"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct kit kit;

        kit_open(&kit, NULL);
        kit_add_node(&kit, "n1", "4", "8Gi");
        CHECK_EQ(post_pod(&kit, "p", rows[i].annotations, rows[i].more), 201, kit.message);
        kit_run(&kit, 10 * KIT_SECOND);
        CHECK_STR(kit_phase(&kit, "p"), rows[i].want_phase, rows[i].what);
        CHECK_EQ(tree_int(container_of(&kit, "p"), "state/terminated/exitCode", -1),
                 rows[i].want_code, rows[i].what);
        CHECK_STR(tree_text(container_of(&kit, "p"), "state/terminated/reason"),
                  rows[i].want_reason, rows[i].what);
        kit_close(&kit);
    }
}

TEST(cluster__a_pod_waits_for_what_it_needs) {
    struct kit kit;

    kit_open(&kit, NULL);
    kit_add_node(&kit, "n1", "8", "8Gi");
    CHECK_EQ(post_pod(&kit, "volume", "", ",'volumes':[{'name':'v','secret':{'secretName':'s'}}]"),
             201, kit.message);
    CHECK_EQ(post_pod(&kit, "optional", "",
                      ",'volumes':[{'name':'v','configMap':{'name':'c','optional':true}}]"),
             201, kit.message);
    CHECK_EQ(kit_post(&kit, SIM_PODS, "a",
                      "{'metadata':{'name':'image'},'spec':{'containers':[{'name':'m',"
                      "'image':'x:missing'}]}}"),
             201, kit.message);
    CHECK_EQ(kit_post(&kit, SIM_PODS, "a",
                      "{'metadata':{'name':'variable'},'spec':{'containers':[{'name':'m',"
                      "'image':'x','env':[{'name':'E','valueFrom':{'secretKeyRef':{'name':'s',"
                      "'key':'k'}}}]}]}}"),
             201, kit.message);
    kit_run(&kit, 300 * KIT_MS);
    CHECK_STR(waiting_reason(&kit, "volume"), "ContainerCreating", "a missing Secret");
    CHECK_STR(kit_phase(&kit, "optional"), "Running", "an optional one");
    CHECK_STR(waiting_reason(&kit, "image"), "ErrImagePull", "a missing image");
    CHECK_STR(waiting_reason(&kit, "variable"), "CreateContainerConfigError", "a variable");
    kit_run(&kit, 500 * KIT_MS);
    CHECK_STR(waiting_reason(&kit, "image"), "ImagePullBackOff", "and back-off");
    CHECK_EQ(kit_post(&kit, SIM_SECRETS, "a", "{'metadata':{'name':'s'}}"), 201, kit.message);
    kit_run(&kit, 4 * KIT_SECOND);
    CHECK_STR(kit_phase(&kit, "volume"), "Running", "now it's there");
    CHECK_STR(kit_phase(&kit, "variable"), "Running", "for both");
    CHECK_STR(kit_phase(&kit, "image"), "Pending", "the image never comes");
    kit_close(&kit);
}

TEST(cluster__a_failing_pod_is_restarted_if_it_says_so) {
    struct kit kit;

    kit_open(&kit, NULL);
    kit_add_node(&kit, "n1", "8", "8Gi");
    CHECK_EQ(kit_post(&kit, SIM_PODS, "a",
                      "{'metadata':{'name':'p','annotations':{'kubesim/runtime':'1s',"
                      "'kubesim/exit-code':'1'}},'spec':{'restartPolicy':'OnFailure',"
                      "'containers':[{'name':'m','image':'x'}]}}"),
             201, kit.message);
    kit_run(&kit, 1400 * KIT_MS);
    CHECK_STR(waiting_reason(&kit, "p"), "CrashLoopBackOff", "between two runs");
    CHECK_EQ(tree_int(container_of(&kit, "p"), "lastState/terminated/exitCode", -1), 1, "the last");
    kit_run(&kit, 5 * KIT_SECOND);
    CHECK_STR(kit_phase(&kit, "p"), "Running", "it goes on");
    CHECK(tree_int(container_of(&kit, "p"), "restartCount", 0) > 1, "and on");
    kit_close(&kit);
}

TEST(cluster__binds_where_there_is_room_and_says_why_not) {
    struct kit kit;

    kit_open(&kit, NULL);
    kit_add_node(&kit, "n1", "2", "8Gi");
    kit_add_node(&kit, "n2", "2", "8Gi");
    for (int i = 0; i < 5; i++) {
        char name[16];

        (void)snprintf(name, sizeof name, "p%d", i);
        CHECK_EQ(post_pod(&kit, name, "'kubesim/runtime':'10s'", ""), 201, kit.message);
    }
    CHECK_EQ(post_pod(&kit, "other", "", ",'schedulerName':'mine'"), 201, kit.message);
    kit_run(&kit, 1 * KIT_SECOND);
    CHECK_EQ(kit_count_pods(&kit, "Running", NULL), 4, "two on each");
    CHECK(strcmp(kit_text(&kit, SIM_PODS, "p0", "spec/nodeName"),
                 kit_text(&kit, SIM_PODS, "p1", "spec/nodeName")) != 0,
          "spread");
    CHECK_STR(tree_text(condition(pod_of(&kit, "p4"), "PodScheduled"), "reason"), "Unschedulable",
              "the last one");
    CHECK_STR(tree_text(condition(pod_of(&kit, "p4"), "PodScheduled"), "message"),
              "0/2 nodes are available: 2 Insufficient cpu.", "and why");
    CHECK(condition(pod_of(&kit, "other"), "PodScheduled") == NULL, "not ours to bind");
    kit_run(&kit, 10 * KIT_SECOND);
    CHECK_STR(kit_phase(&kit, "p4"), "Running", "when there is room");
    kit_close(&kit);
}

TEST(cluster__higher_priority_is_bound_first) {
    struct kit kit;

    kit_open(&kit, NULL);
    CHECK_EQ(kit_post(&kit, SIM_PRIORITYCLASSES, "", "{'metadata':{'name':'high'},'value':9}"), 201,
             kit.message);
    CHECK_EQ(post_pod(&kit, "low", "", ""), 201, kit.message);
    CHECK_EQ(post_pod(&kit, "high", "", ",'priorityClassName':'high'"), 201, kit.message);
    kit_run(&kit, 1 * KIT_SECOND);
    kit_add_node(&kit, "n1", "1", "8Gi");
    kit_run(&kit, 1 * KIT_SECOND);
    CHECK_STR(kit_phase(&kit, "high"), "Running", "the younger, but higher");
    CHECK_STR(kit_phase(&kit, "low"), "Pending", "waits");
    kit_close(&kit);
}

TEST(cluster__a_deleted_pod_gets_its_grace) {
    struct kit kit;

    kit_open(&kit, NULL);
    kit_add_node(&kit, "n1", "4", "8Gi");
    CHECK_EQ(post_pod(&kit, "p", "'kubesim/runtime':'1h','kubesim/stop-delay':'3s'", ""), 201,
             kit.message);
    kit_run(&kit, 1 * KIT_SECOND);
    CHECK_EQ(kit_delete(&kit, SIM_PODS, "a", "p"), 200, "deleted");
    kit_run(&kit, 2900 * KIT_MS);
    CHECK(tree_text(pod_of(&kit, "p"), "metadata/deletionTimestamp") != NULL, "it stops");
    kit_run(&kit, 200 * KIT_MS);
    CHECK_STR(kit_phase(&kit, "p"), "gone", "it has stopped");
    kit_close(&kit);
}

TEST(cluster__a_lost_node_keeps_its_pods_until_they_are_evicted) {
    struct cluster_config config = cluster_config_default();
    struct kit kit;

    config.unreachable_us = 10 * KIT_SECOND;
    kit_open(&kit, &config);
    kit_add_node(&kit, "n1", "4", "8Gi");
    CHECK_EQ(post_pod(&kit, "p", "'kubesim/runtime':'5s'", ""), 201, kit.message);
    kit_run(&kit, 1 * KIT_SECOND);
    CHECK_OK(kit_fault(&kit, "node-loss", "{'node':'n1'}"), kit.message);
    CHECK_EQ(post_pod(&kit, "q", "'kubesim/runtime':'1s'", ""), 201, kit.message);
    kit_run(&kit, 8 * KIT_SECOND);
    CHECK_STR(kit_phase(&kit, "p"), "Running", "nobody has heard of its end");
    CHECK_STR(tree_text(condition(pod_of(&kit, "p"), "Ready"), "status"), "False", "not ready");
    CHECK_STR(kit_phase(&kit, "q"), "Pending", "nothing is bound there");
    CHECK(condition(pod_of(&kit, "p"), "DisruptionTarget") == NULL, "it bears the loss so far");
    kit_run(&kit, 3 * KIT_SECOND);
    CHECK_STR(tree_text(condition(pod_of(&kit, "p"), "DisruptionTarget"), "reason"),
              "DeletionByTaintManager", "evicted");
    kit_run(&kit, 100 * KIT_SECOND);
    CHECK_STR(kit_phase(&kit, "p"), "Running", "but no kubelet says that it's gone");
    CHECK_OK(kit_fault(&kit, "node-return", "{'node':'n1'}"), kit.message);
    kit_run(&kit, 5 * KIT_SECOND);
    CHECK_STR(kit_phase(&kit, "p"), "gone", "now one does");
    CHECK_STR(kit_phase(&kit, "q"), "Succeeded", "and works again");
    kit_close(&kit);
}

TEST(cluster__faults_do_what_they_say) {
    static const struct {
        const char *what;
        const char *fault;
        const char *params;
        const char *want_phase;
        const char *want_disruption; /* reason of the condition, NULL: none */
        const char *want_pod_reason; /* NULL: none */
        int want_code;
    } rows[] = {
        {"node pressure", "evict", "{'namespace':'a','pod':'p'}", "Failed", "TerminationByKubelet",
         "Evicted", 137},
        {"out of memory", "oom-kill", "{'namespace':'a','pod':'p'}", "Failed", NULL, NULL, 137},
        {"killed", "kill-pod", "{'namespace':'a','pod':'p','exitCode':9}", "Failed", NULL, NULL, 9},
        {"drawn by lot", "kill-pod", "{'random':true}", "Failed", NULL, NULL, 137},
        {"gone by hand", "pod-vanish", "{'namespace':'a','pod':'p'}", "gone", NULL, NULL, 0},
        {"preempted", "preempt", "{'namespace':'a','pod':'p'}", "Running", "PreemptionByScheduler",
         NULL, 0},
        {"drained", "drain", "{'node':'n1'}", "Running", "EvictionByEvictionAPI", NULL, 0},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct kit kit;
        const json_t *pod;

        kit_open(&kit, NULL);
        kit_add_node(&kit, "n1", "4", "8Gi");
        CHECK_EQ(post_pod(&kit, "p", "'kubesim/runtime':'1h'", ""), 201, kit.message);
        kit_run(&kit, 1 * KIT_SECOND);
        CHECK_OK(kit_fault(&kit, rows[i].fault, rows[i].params), kit.message);
        CHECK_STR(kit_phase(&kit, "p"), rows[i].want_phase, rows[i].what);
        pod = pod_of(&kit, "p");
        CHECK_STR(tree_text(condition(pod, "DisruptionTarget"), "reason"), rows[i].want_disruption,
                  rows[i].what);
        CHECK_STR(tree_text(pod, "status/reason"), rows[i].want_pod_reason, rows[i].what);
        CHECK_EQ(tree_int(container_of(&kit, "p"), "state/terminated/exitCode", 0),
                 rows[i].want_code, rows[i].what);
        kit_run(&kit, 1 * KIT_SECOND);
        if (rows[i].want_disruption != NULL && rows[i].want_pod_reason == NULL) {
            CHECK_STR(kit_phase(&kit, "p"), "gone", rows[i].what);
        }
        kit_close(&kit);
    }
}

TEST(cluster__faults_refuse_nonsense) {
    static const struct {
        const char *fault;
        const char *params;
        int want;
    } rows[] = {
        {"earthquake", "{}", ERR_INVALID},           {"evict", "{}", ERR_INVALID},
        {"evict", "{'pod':'x'}", ERR_NOT_FOUND},     {"node-loss", "{'node':'x'}", ERR_NOT_FOUND},
        {"evict", "{'random':true}", ERR_NOT_FOUND}, {"stale-quota", "{}", ERR_INVALID},
    };
    struct kit kit;

    kit_open(&kit, NULL);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CHECK_EQ(kit_fault(&kit, rows[i].fault, rows[i].params), rows[i].want, rows[i].fault);
        CHECK(kit.message[0] != '\0', rows[i].fault);
    }
    kit_close(&kit);
}

TEST(cluster__a_deleted_node_fails_its_pods) {
    struct kit kit;

    kit_open(&kit, NULL);
    kit_add_node(&kit, "n1", "4", "8Gi");
    CHECK_EQ(post_pod(&kit, "p", "'kubesim/runtime':'1h'", ""), 201, kit.message);
    kit_run(&kit, 1 * KIT_SECOND);
    CHECK_OK(kit_fault(&kit, "node-loss", "{'node':'n1','deleteNode':true}"), kit.message);
    kit_run(&kit, 4 * KIT_SECOND);
    CHECK_STR(kit_phase(&kit, "p"), "Running", "for a while nobody minds");
    kit_run(&kit, 2 * KIT_SECOND);
    CHECK_STR(kit_phase(&kit, "p"), "gone", "then it's collected");
    kit_close(&kit);
}

TEST(cluster__a_stale_quota_gives_nothing_back) {
    struct kit kit;

    kit_open(&kit, NULL);
    kit_add_node(&kit, "n1", "4", "8Gi");
    CHECK_EQ(kit_post(&kit, SIM_RESOURCEQUOTAS, "a",
                      "{'metadata':{'name':'q'},'spec':{'hard':{'pods':'1'}}}"),
             201, kit.message);
    kit_run(&kit, 100 * KIT_MS);
    CHECK_EQ(post_pod(&kit, "p", "'kubesim/runtime':'1s'", ""), 201, kit.message);
    CHECK_OK(kit_fault(&kit, "stale-quota", "{'namespace':'a','forMs':60000}"), kit.message);
    kit_run(&kit, 59 * KIT_SECOND);
    CHECK_STR(kit_phase(&kit, "p"), "Succeeded", "it's over long since");
    CHECK_EQ(post_pod(&kit, "p2", "", ""), 403, "but still counted");
    kit_run(&kit, 2 * KIT_SECOND);
    CHECK_EQ(post_pod(&kit, "p2", "", ""), 201, "until the controller wakes");
    kit_close(&kit);
}

/* Who names the node himself can name a full one. */
TEST(cluster__a_kubelet_rejects_what_it_has_no_room_for) {
    struct kit kit;

    kit_open(&kit, NULL);
    kit_add_node(&kit, "n1", "1", "8Gi");
    CHECK_EQ(post_pod(&kit, "p", "'kubesim/runtime':'1h'", ""), 201, kit.message);
    kit_run(&kit, 1 * KIT_SECOND);
    CHECK_EQ(post_pod(&kit, "q", "", ",'nodeName':'n1'"), 201, kit.message);
    kit_run(&kit, 1 * KIT_SECOND);
    CHECK_STR(kit_phase(&kit, "q"), "Failed", "no room");
    CHECK_STR(kit_text(&kit, SIM_PODS, "q", "status/reason"), "OutOfcpu", "of cpu");
    CHECK_STR(kit_phase(&kit, "p"), "Running", "the first one goes on");
    kit_close(&kit);
}

TEST(cluster__a_pod_on_a_node_to_come_starts_when_it_comes) {
    struct kit kit;

    kit_open(&kit, NULL);
    CHECK_EQ(post_pod(&kit, "p", "'kubesim/runtime':'1h'", ",'nodeName':'n1'"), 201, kit.message);
    kit_run(&kit, 10 * KIT_SECOND);
    CHECK_STR(kit_phase(&kit, "p"), "Pending", "no kubelet");
    kit_add_node(&kit, "n1", "1", "8Gi");
    kit_run(&kit, 1 * KIT_SECOND);
    CHECK_STR(kit_phase(&kit, "p"), "Running", "now there is");
    kit_close(&kit);
}

TEST(cluster__a_deleted_namespace_empties) {
    struct kit kit;

    kit_open(&kit, NULL);
    kit_add_node(&kit, "n1", "8", "32Gi");
    CHECK_EQ(kit_submit_spark(&kit, "pi", "3.5.6", "{'kubesim/runtime':'1h'}", ""), 201,
             kit.message);
    kit_run(&kit, 5 * KIT_SECOND);
    CHECK_EQ(kit_delete(&kit, SIM_NAMESPACES, "", "a"), 200, "deleted");
    CHECK_EQ(post_pod(&kit, "late", "", ""), 403, "nothing new comes in");
    kit_run(&kit, 40 * KIT_SECOND);
    CHECK_EQ(sim_store_count(kit.store, SIM_PODS, "a"), 0, "no pod is left");
    CHECK(sim_store_get(kit.store, SIM_NAMESPACES, "", "a") == NULL, "and the namespace is gone");
    kit_close(&kit);
}

TEST(cluster__makes_events) {
    struct cluster_config config = cluster_config_default();
    struct sim_walk walk = {0};
    struct kit kit;
    const json_t *event;
    bool failed = false;
    bool scheduled = false;

    kit_open(&kit, &config);
    CHECK_EQ(post_pod(&kit, "p", "", ""), 201, kit.message);
    kit_run(&kit, 1 * KIT_SECOND);
    kit_add_node(&kit, "n1", "4", "8Gi");
    kit_run(&kit, 1 * KIT_SECOND);
    while ((event = sim_store_next(kit.store, SIM_EVENTS, "a", &walk)) != NULL) {
        failed = failed || tree_is(event, "reason", "FailedScheduling");
        scheduled = scheduled || tree_is(event, "message", "Successfully assigned a/p to n1");
    }
    CHECK(failed, "no nodes at first");
    CHECK(scheduled, "then one");
    kit_close(&kit);
}

TEST(cluster__keeps_a_bounded_number_of_events) {
    struct cluster_config config = cluster_config_default();
    struct kit kit;

    kit_open(&kit, &config);
    kit_add_node(&kit, "n1", "4", "8Gi");
    for (int i = 0; i < 2100; i++) {
        char name[16];

        (void)snprintf(name, sizeof name, "p%d", i);
        CHECK_EQ(post_pod(&kit, name, "'kubesim/runtime':'1ms','kubesim/start-delay':'1ms'", ""),
                 201, kit.message);
        kit_run(&kit, 10 * KIT_MS);
        CHECK_EQ(kit_delete(&kit, SIM_PODS, "a", name), 200, name);
    }
    CHECK_EQ(sim_store_count(kit.store, SIM_EVENTS, NULL), 4096, "two for each pod");
    kit_close(&kit);
}

/* Random load and random faults: nothing may overrun a quota or a node, whatever happens. */
static void random_action(struct kit *kit, struct rng *rng, int number) {
    static const struct {
        const char *name;
        const char *params;
    } faults[] = {
        {"kill-pod", "{'random':true}"},
        {"oom-kill", "{'random':true,'role':'executor'}"},
        {"evict", "{'random':true}"},
        {"pod-vanish", "{'random':true}"},
        {"preempt", "{'random':true}"},
        {"drain", "{'random':true}"},
        {"node-loss", "{'random':true}"},
        {"node-return", "{'random':true}"},
        {"uncordon", "{'random':true}"},
        {"node-return", "{'node':'n1'}"},
        {"stale-quota", "{'namespace':'a','forMs':3000}"},
    };
    char name[32];

    (void)snprintf(name, sizeof name, "x%d", number);
    if (rng_below(rng, 3) == 0) {
        size_t at = (size_t)rng_below(rng, ARRAY_LEN(faults));
        int r = kit_fault(kit, faults[at].name, faults[at].params);

        CHECK(r == OK || r == ERR_NOT_FOUND, faults[at].name);
    } else if (rng_below(rng, 2) == 0) {
        (void)post_pod(kit, name, "'kubesim/runtime':'4s'", "");
    } else if (sim_store_count(kit->store, SIM_SERVICES, "a") < 5) {
        (void)kit_submit_spark(kit, name, "3.5.6", "{'kubesim/runtime':'5s'}", "");
    }
}

TEST(cluster__never_overruns_a_quota_or_a_node) {
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct cluster_config config = cluster_config_default();
        struct kit kit;
        struct rng rng;
        char what[32];

        (void)snprintf(what, sizeof what, "seed %llu", (unsigned long long)seed);
        rng_init(&rng, seed);
        config.seed = seed;
        config.unreachable_us = 5 * KIT_SECOND;
        config.quota_lag_us = (int64_t)rng_below(&rng, 500) * KIT_MS;
        kit_open(&kit, &config);
        kit_add_node(&kit, "n1", "6", "16Gi");
        kit_add_node(&kit, "n2", "3", "8Gi");
        CHECK_EQ(kit_post(&kit, SIM_RESOURCEQUOTAS, "a",
                          "{'metadata':{'name':'q'},'spec':{'hard':{'pods':'8',"
                          "'requests.cpu':'7'}}}"),
                 201, kit.message);
        kit_run(&kit, 1 * KIT_SECOND);
        for (int i = 0; i < 60; i++) {
            random_action(&kit, &rng, i);
            kit_run(&kit, (int64_t)rng_below(&rng, 2000) * KIT_MS);
        }
        CHECK(cluster_quota_peak(kit.cluster, "a", "q", "pods") <= 8, what);
        CHECK(cluster_quota_peak(kit.cluster, "a", "q", "requests.cpu") <= 7000, what);
        CHECK(cluster_quota_peak(kit.cluster, "a", "q", "pods") > 3, "the load was real");
        kit_close(&kit);
    }
}

/* Equal seeds and calls give equal bytes. */
TEST(cluster__repeats_itself_from_its_seed) {
    char *dumps[2];

    for (size_t i = 0; i < 2; i++) {
        struct kit kit;
        struct sim_walk walk = {0};
        struct buf text;
        json_t *pod;

        kit_open(&kit, NULL);
        kit_add_node(&kit, "n1", "6", "16Gi");
        CHECK_EQ(kit_submit_spark(&kit, "pi", "3.5.6", "{'kubesim/runtime':'9s'}", ""), 201,
                 kit.message);
        kit_run(&kit, 5 * KIT_SECOND);
        buf_init(&text, 1 << 20);
        while ((pod = sim_store_next(kit.store, SIM_PODS, "a", &walk)) != NULL) {
            char *dump = json_dumps(pod, 0);

            buf_add_text(&text, dump);
            free(dump);
        }
        dumps[i] = buf_take_text(&text);
        kit_close(&kit);
    }
    CHECK_STR(dumps[0], dumps[1], "the same twice");
    free(dumps[0]);
    free(dumps[1]);
}
