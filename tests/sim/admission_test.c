#include "sim/admission.h"

#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "sim/amounts.h"
#include "sim/resource.h"
#include "sim/store.h"
#include "sim/tree.h"
#include "tests/sim/kit.h"
#include "tests/test.h"

static void add_quota(struct kit *kit, const char *name, const char *spec) {
    CHECK_EQ(
        kit_post(kit, SIM_RESOURCEQUOTAS, "a", "{'metadata':{'name':'%s'},'spec':%s}", name, spec),
        201, kit->message);
    kit_run(kit, 100 * KIT_MS);
}

/* Resources are the inside of requests and limits. */
static int post_pod(struct kit *kit, const char *name, const char *requests, const char *limits,
                    const char *more) {
    return kit_post(kit, SIM_PODS, "a",
                    "{'metadata':{'name':'%s'},'spec':{'schedulerName':'outside','containers':[{"
                    "'name':'m','image':'i:1','resources':{'requests':{%s},'limits':{%s}}}]%s}}",
                    name, requests, limits, more);
}

/* The texts are those of the recorded exchanges 05-pod-403-* with a real API server. */
TEST(admission__refuses_in_the_real_ones_words) {
    static const struct {
        const char *what;
        const char *name;
        const char *requests;
        const char *limits;
        const char *want;
    } rows[] = {
        {"too much cpu", "pod-big", "'cpu':'8','memory':'256Mi'", "'cpu':'8','memory':'256Mi'",
         "pods \"pod-big\" is forbidden: exceeded quota: team-quota, requested: "
         "limits.cpu=8,requests.cpu=8, used: limits.cpu=1,requests.cpu=1, limited: "
         "limits.cpu=4,requests.cpu=4"},
        {"an extended resource", "pod-gpu", "'cpu':'500m','memory':'256Mi','nvidia.com/gpu':'7'",
         "'cpu':'500m','memory':'256Mi','nvidia.com/gpu':'7'",
         "pods \"pod-gpu\" is forbidden: exceeded quota: team-quota, requested: "
         "requests.nvidia.com/gpu=7, used: requests.nvidia.com/gpu=2, limited: "
         "requests.nvidia.com/gpu=8"},
        {"nothing said", "pod-noreq", "", "",
         "pods \"pod-noreq\" is forbidden: failed quota: team-quota: must specify "
         "limits.cpu,limits.memory,requests.cpu,requests.memory"},
        {"no cpu limit", "pod-x", "'cpu':'1','memory':'1Gi'", "'memory':'1Gi'",
         "pods \"pod-x\" is forbidden: failed quota: team-quota: must specify limits.cpu"},
        {"too much memory", "pod-y", "'cpu':'1','memory':'1408Mi'", "'cpu':'1','memory':'4Gi'",
         "pods \"pod-y\" is forbidden: exceeded quota: team-quota, requested: limits.memory=4Gi, "
         "used: limits.memory=512Mi, limited: limits.memory=4Gi"},
    };
    struct kit kit;

    kit_open(&kit, NULL);
    add_quota(&kit, "team-quota",
              "{'hard':{'limits.cpu':'4','limits.memory':'4Gi','pods':'8','requests.cpu':'4',"
              "'requests.memory':'4Gi','requests.nvidia.com/gpu':'8'}}");
    CHECK_EQ(post_pod(&kit, "pod-1", "'cpu':'500m','memory':'256Mi','nvidia.com/gpu':'2'",
                      "'cpu':'500m','memory':'256Mi','nvidia.com/gpu':'2'", ""),
             201, kit.message);
    CHECK_EQ(post_pod(&kit, "pod-2", "'cpu':'500m','memory':'256Mi'",
                      "'cpu':'500m','memory':'256Mi'", ""),
             201, kit.message);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CHECK_EQ(post_pod(&kit, rows[i].name, rows[i].requests, rows[i].limits, ""), 403,
                 rows[i].what);
        CHECK_STR(kit.message, rows[i].want, rows[i].what);
    }
    CHECK_STR(kit_text(&kit, SIM_RESOURCEQUOTAS, "team-quota", "status/used/requests.cpu"), "1",
              "refusals charge nothing");
    kit_close(&kit);
}

TEST(admission__charges_at_once_and_dry_runs_not_at_all) {
    struct kit kit;

    kit_open(&kit, NULL);
    add_quota(&kit, "q", "{'hard':{'pods':'2','requests.cpu':'2'}}");
    CHECK_EQ(kit_post_dry(&kit, SIM_PODS, "a",
                          "{'metadata':{'name':'dry'},'spec':{'containers':[{'name':'m',"
                          "'image':'i','resources':{'requests':{'cpu':'1'}}}]}}"),
             201, kit.message);
    CHECK_STR(kit_text(&kit, SIM_RESOURCEQUOTAS, "q", "status/used/pods"), "0", "a dry run");
    CHECK_EQ(post_pod(&kit, "p1", "'cpu':'1500m'", "", ""), 201, kit.message);
    CHECK_STR(kit_text(&kit, SIM_RESOURCEQUOTAS, "q", "status/used/requests.cpu"), "1500m",
              "before the controller has run");
    CHECK_EQ(kit_post_dry(&kit, SIM_PODS, "a",
                          "{'metadata':{'name':'dry'},'spec':{'containers':[{'name':'m',"
                          "'image':'i','resources':{'requests':{'cpu':'1'}}}]}}"),
             403, "a dry run is refused all the same");
    CHECK_EQ(cluster_quota_refusals(kit.cluster), 0, "but not counted");
    CHECK_EQ(post_pod(&kit, "p2", "'cpu':'501m'", "", ""), 403, "no room");
    CHECK_EQ(cluster_quota_refusals(kit.cluster), 1, "this one counts");
    CHECK_EQ(kit_delete(&kit, SIM_PODS, "a", "p1"), 200, "deleted");
    CHECK_EQ(post_pod(&kit, "p2", "'cpu':'501m'", "", ""), 403, "the controller gives back");
    kit_run(&kit, 25 * KIT_MS);
    CHECK_EQ(post_pod(&kit, "p2", "'cpu':'501m'", "", ""), 201, "a little later");
    kit_close(&kit);
}

/* Recorded as 13-*: the status is what counts. */
TEST(admission__a_new_quota_admits_everything_until_it_is_counted) {
    struct kit kit;

    kit_open(&kit, NULL);
    CHECK_EQ(kit_post(&kit, SIM_RESOURCEQUOTAS, "a",
                      "{'metadata':{'name':'q'},'spec':{'hard':{'pods':'1'}}}"),
             201, kit.message);
    CHECK_EQ(post_pod(&kit, "p1", "", "", ""), 201, "no status yet");
    CHECK_EQ(post_pod(&kit, "p2", "", "", ""), 201, "still none");
    kit_run(&kit, 25 * KIT_MS);
    CHECK_EQ(post_pod(&kit, "p3", "", "", ""), 403, "now there is");
    CHECK_STR(kit.message,
              "pods \"p3\" is forbidden: exceeded quota: q, requested: pods=1, used: pods=2, "
              "limited: pods=1",
              "used above hard");
    kit_close(&kit);
}

/* A name that exists is charged first; the recount finds the leak. */
TEST(admission__a_full_quota_hides_the_conflict) {
    struct kit kit;

    kit_open(&kit, NULL);
    add_quota(&kit, "q", "{'hard':{'pods':'2'}}");
    CHECK_EQ(post_pod(&kit, "p1", "", "", ""), 201, "first");
    CHECK_EQ(post_pod(&kit, "p1", "", "", ""), 409, "exists");
    CHECK_STR(kit_text(&kit, SIM_RESOURCEQUOTAS, "q", "status/used/pods"), "2", "leaked");
    CHECK_EQ(post_pod(&kit, "p1", "", "", ""), 403, "the quota answers first");
    kit_run(&kit, 301 * KIT_SECOND);
    CHECK_STR(kit_text(&kit, SIM_RESOURCEQUOTAS, "q", "status/used/pods"), "1", "resynced");
    kit_close(&kit);
}

TEST(admission__scopes_choose_their_pods) {
    static const struct {
        const char *what;
        const char *scope;
        const char *requests;
        const char *more;
        int want; /* under pods: 0 */
    } rows[] = {
        {"no scope takes in all", "", "", "", 403},
        {"best effort", "'scopes':['BestEffort'],", "", "", 403},
        {"best effort and a burstable pod", "'scopes':['BestEffort'],", "'cpu':'1'", "", 201},
        {"not best effort", "'scopes':['NotBestEffort'],", "'cpu':'1'", "", 403},
        {"not best effort and a best effort pod", "'scopes':['NotBestEffort'],", "", "", 201},
        {"terminating", "'scopes':['Terminating'],", "", ",'activeDeadlineSeconds':5", 403},
        {"terminating and a pod without end", "'scopes':['Terminating'],", "", "", 201},
        {"not terminating", "'scopes':['NotTerminating'],", "", "", 403},
        {"not terminating and a pod with an end", "'scopes':['NotTerminating'],", "",
         ",'activeDeadlineSeconds':5", 201},
        {"a priority class",
         "'scopeSelector':{'matchExpressions':[{'scopeName':'PriorityClass','operator':'In',"
         "'values':['high']}]},",
         "", ",'priorityClassName':'high'", 403},
        {"another priority class",
         "'scopeSelector':{'matchExpressions':[{'scopeName':'PriorityClass','operator':'In',"
         "'values':['low']}]},",
         "", ",'priorityClassName':'high'", 201},
        {"any class but this",
         "'scopeSelector':{'matchExpressions':[{'scopeName':'PriorityClass','operator':'NotIn',"
         "'values':['low']}]},",
         "", ",'priorityClassName':'high'", 403},
        {"any class at all",
         "'scopeSelector':{'matchExpressions':[{'scopeName':'PriorityClass',"
         "'operator':'Exists'}]},",
         "", ",'priorityClassName':'high'", 403},
        {"any class and a pod without", "'scopes':['PriorityClass'],", "", "", 201},
        {"affinity across namespaces", "'scopes':['CrossNamespacePodAffinity'],", "",
         ",'affinity':{'podAffinity':{'requiredDuringSchedulingIgnoredDuringExecution':[{"
         "'topologyKey':'z','namespaces':['b']}]}}",
         403},
        {"affinity at home", "'scopes':['CrossNamespacePodAffinity'],", "",
         ",'affinity':{'podAffinity':{'requiredDuringSchedulingIgnoredDuringExecution':[{"
         "'topologyKey':'z'}]}}",
         201},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct kit kit;
        char spec[500];

        kit_open(&kit, NULL);
        CHECK_EQ(
            kit_post(&kit, SIM_PRIORITYCLASSES, "", "{'metadata':{'name':'high'},'value':1000}"),
            201, kit.message);
        (void)snprintf(spec, sizeof spec, "{%s'hard':{'pods':'0'}}", rows[i].scope);
        add_quota(&kit, "q", spec);
        CHECK_EQ(post_pod(&kit, "p", rows[i].requests, "", rows[i].more), rows[i].want,
                 rows[i].what);
        kit_close(&kit);
    }
}

TEST(admission__counts_objects_of_every_kind) {
    static const struct {
        const char *what;
        const char *hard;
        enum sim_resource_id id;
        const char *object; /* with the name x; another x2 is refused */
        const char *want;   /* behind 'requested: ' */
    } rows[] = {
        {"config maps", "'configmaps':'%d'", SIM_CONFIGMAPS, "{'metadata':{'name':'x%s'}}",
         "configmaps=1"},
        {"config maps by count", "'count/configmaps':'%d'", SIM_CONFIGMAPS,
         "{'metadata':{'name':'x%s'}}", "count/configmaps=1"},
        {"secrets", "'secrets':'%d'", SIM_SECRETS, "{'metadata':{'name':'x%s'}}", "secrets=1"},
        {"services", "'services':'%d'", SIM_SERVICES,
         "{'metadata':{'name':'x%s'},'spec':{'clusterIP':'None','ports':[{'port':1}]}}",
         "services=1"},
        {"node ports", "'services.nodeports':'%d'", SIM_SERVICES,
         "{'metadata':{'name':'x%s'},'spec':{'type':'NodePort','ports':[{'port':1}]}}",
         "services.nodeports=1"},
        {"load balancers", "'services.loadbalancers':'%d'", SIM_SERVICES,
         "{'metadata':{'name':'x%s'},'spec':{'type':'LoadBalancer','ports':[{'port':1}]}}",
         "services.loadbalancers=1"},
        {"claims", "'persistentvolumeclaims':'%d'", SIM_PERSISTENTVOLUMECLAIMS,
         "{'metadata':{'name':'x%s'},'spec':{'accessModes':['ReadWriteOnce'],'resources':{"
         "'requests':{'storage':'1Gi'}}}}",
         "persistentvolumeclaims=1"},
        {"storage", "'requests.storage':'%dGi'", SIM_PERSISTENTVOLUMECLAIMS,
         "{'metadata':{'name':'x%s'},'spec':{'accessModes':['ReadWriteOnce'],'resources':{"
         "'requests':{'storage':'1Gi'}}}}",
         "requests.storage=1Gi"},
        {"storage of a class", "'fast.storageclass.storage.k8s.io/requests.storage':'%dGi'",
         SIM_PERSISTENTVOLUMECLAIMS,
         "{'metadata':{'name':'x%s'},'spec':{'storageClassName':'fast','accessModes':["
         "'ReadWriteOnce'],'resources':{'requests':{'storage':'1Gi'}}}}",
         "fast.storageclass.storage.k8s.io/requests.storage=1Gi"},
        {"pods by count", "'count/pods':'%d'", SIM_PODS,
         "{'metadata':{'name':'x%s'},'spec':{'containers':[{'name':'m','image':'i'}]}}",
         "count/pods=1"},
        {"ephemeral storage", "'requests.ephemeral-storage':'%dGi'", SIM_PODS,
         "{'metadata':{'name':'x%s'},'spec':{'containers':[{'name':'m','image':'i','resources':{"
         "'requests':{'ephemeral-storage':'1Gi'}}}]}}",
         "requests.ephemeral-storage=1Gi"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct kit kit;
        char hard[200];
        char spec[300];
        char object[600];
        char want[200];
        /* A namespace may hold a ConfigMap of its own from the start. */
        int present;

        kit_open(&kit, NULL);
        present = (int)sim_store_count(kit.store, rows[i].id, "a");
        (void)snprintf(hard, sizeof hard, "%s", rows[i].hard);
        (void)snprintf(strchr(hard, '%'), sizeof hard - (size_t)(strchr(hard, '%') - hard), "%d%s",
                       1 + present, strchr(rows[i].hard, '%') + 2);
        (void)snprintf(spec, sizeof spec, "{'hard':{%s}}", hard);
        add_quota(&kit, "q", spec);
        for (int round = 0; round < 2; round++) {
            char *mark;

            (void)snprintf(object, sizeof object, "%s", rows[i].object);
            mark = strstr(object, "%s");
            mark[0] = round == 0 ? '1' : '2';
            mark[1] = '0';
            CHECK_EQ(kit_post(&kit, rows[i].id, "a", "%s", object), round == 0 ? 201 : 403,
                     rows[i].what);
        }
        (void)snprintf(want, sizeof want, "exceeded quota: q, requested: %s, used:", rows[i].want);
        CHECK(strstr(kit.message, want) != NULL, kit.message);
        kit_close(&kit);
    }
}

TEST(admission__limit_ranges_fill_in_and_refuse) {
    struct kit kit;
    const json_t *pod;

    kit_open(&kit, NULL);
    CHECK_EQ(kit_post(&kit, SIM_LIMITRANGES, "a",
                      "{'metadata':{'name':'lr'},'spec':{'limits':[{'type':'Container','max':{"
                      "'cpu':'1'},'default':{'cpu':'200m','memory':'64Mi'},'defaultRequest':{"
                      "'cpu':'100m','memory':'32Mi'}}]}}"),
             201, kit.message);
    CHECK_EQ(post_pod(&kit, "lr-1", "", "", ""), 201, kit.message);
    pod = sim_store_get(kit.store, SIM_PODS, "a", "lr-1");
    CHECK_STR(tree_annotation(pod, "kubernetes.io/limit-ranger"),
              "LimitRanger plugin set: cpu, memory request for container m; cpu, memory limit for "
              "container m",
              "the note");
    pod = json_array_get(tree_at(pod, "spec/containers"), 0);
    CHECK_STR(tree_text(pod, "resources/requests/cpu"), "100m", "request");
    CHECK_STR(tree_text(pod, "resources/limits/memory"), "64Mi", "limit");
    CHECK_STR(kit_text(&kit, SIM_PODS, "lr-1", "status/qosClass"), "Burstable",
              "the class comes after the defaults");
    CHECK_EQ(post_pod(&kit, "lr-2", "'cpu':'2','memory':'256Mi'", "'cpu':'2','memory':'256Mi'", ""),
             403, "over the maximum");
    CHECK_STR(kit.message,
              "pods \"lr-2\" is forbidden: maximum cpu usage per Container is 1, but limit is 2",
              "the text");
    kit_close(&kit);
}

TEST(admission__limit_ranges_of_pods_and_claims) {
    static const struct {
        const char *what;
        const char *item;
        const char *requests;
        const char *limits;
        const char *want; /* NULL: admitted */
    } rows[] = {
        {"a pod inside", "{'type':'Pod','max':{'cpu':'2'}}", "'cpu':'1'", "'cpu':'2'", NULL},
        {"a pod outside", "{'type':'Pod','max':{'cpu':'1500m'}}", "'cpu':'1'", "'cpu':'2'",
         "maximum cpu usage per Pod is 1500m, but limit is 2"},
        {"a minimum", "{'type':'Container','min':{'memory':'1Gi'}}", "'memory':'512Mi'", "",
         "minimum memory usage per Container is 1Gi, but request is 512Mi"},
        {"a ratio", "{'type':'Container','maxLimitRequestRatio':{'cpu':'2'}}", "'cpu':'1'",
         "'cpu':'3'",
         "cpu max limit to request ratio per Container is 2, but provided ratio is 3.000000"},
        {"no limit under a pod's maximum", "{'type':'Pod','max':{'memory':'1Gi'}}", "'cpu':'1'", "",
         "maximum memory usage per Pod is 1Gi.  No limit is specified"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct kit kit;

        kit_open(&kit, NULL);
        CHECK_EQ(kit_post(&kit, SIM_LIMITRANGES, "a",
                          "{'metadata':{'name':'lr'},'spec':{'limits':[%s]}}", rows[i].item),
                 201, kit.message);
        CHECK_EQ(post_pod(&kit, "p", rows[i].requests, rows[i].limits, ""),
                 rows[i].want == NULL ? 201 : 403, rows[i].what);
        if (rows[i].want != NULL) {
            CHECK(strstr(kit.message, rows[i].want) != NULL, kit.message);
        }
        kit_close(&kit);
    }
}

/* Recorded as 06b-*: finished pods leave pods, not count/pods; hard may be lowered below used. */
TEST(admission__finished_pods_count_as_objects_only) {
    struct kit kit;
    const json_t *used;

    kit_open(&kit, NULL);
    kit_add_node(&kit, "n1", "4", "8Gi");
    add_quota(&kit, "q", "{'hard':{'pods':'5','count/pods':'5','requests.cpu':'1'}}");
    CHECK_EQ(kit_post(&kit, SIM_PODS, "a",
                      "{'metadata':{'name':'p','annotations':{'kubesim/runtime':'1s'}},'spec':{"
                      "'restartPolicy':'Never','containers':[{'name':'m','image':'i','resources':{"
                      "'requests':{'cpu':'300m'}}}]}}"),
             201, kit.message);
    CHECK_STR(kit_text(&kit, SIM_RESOURCEQUOTAS, "q", "status/used/requests.cpu"), "300m", "live");
    kit_run(&kit, 3 * KIT_SECOND);
    CHECK_STR(kit_phase(&kit, "p"), "Succeeded", "it has run");
    CHECK_STR(kit_text(&kit, SIM_RESOURCEQUOTAS, "q", "status/used/requests.cpu"), "0", "cpu");
    CHECK_STR(kit_text(&kit, SIM_RESOURCEQUOTAS, "q", "status/used/pods"), "0", "pods");
    used = tree_at(sim_store_get(kit.store, SIM_RESOURCEQUOTAS, "a", "q"), "status/used");
    CHECK_STR(json_string_value(json_object_get(used, "count/pods")), "1", "count/pods");
    CHECK_EQ(cluster_quota_peak(kit.cluster, "a", "q", "requests.cpu"), 300, "the peak is kept");
    kit_close(&kit);
}
