#include "sim/fit.h"

#include <stdio.h>

#include <jansson.h>

#include "tests/test.h"

static json_t *load(const char *text) {
    char room[2000];
    json_t *value;

    (void)snprintf(room, sizeof room, "%s", text);
    for (char *c = room; *c != '\0'; c++) {
        *c = *c == '\'' ? '"' : *c;
    }
    value = json_loads(room, 0, NULL);
    CHECK(value != NULL, text);
    return value;
}

#define NODE_AFFINITY(expressions)                                                            \
    "{'spec':{'affinity':{'nodeAffinity':{'requiredDuringSchedulingIgnoredDuringExecution':{" \
    "'nodeSelectorTerms':[{'matchExpressions':[" expressions "]}]}}}}}"

TEST(fit_pod__filters_as_the_scheduler_does) {
    static const char node[] = "{'metadata':{'name':'n1','labels':{'disk':'ssd','size':'8'}},"
                               "'status':{'conditions':[{'type':'Ready','status':'True'}]}}";
    static const char tainted[] =
        "{'metadata':{'name':'n1'},'spec':{'taints':[{'key':'gpu','value':'yes',"
        "'effect':'NoSchedule'}]}}";
    static const struct {
        const char *what;
        const char *node;
        const char *pod;
        const char *want; /* the reason; NULL: it fits */
    } rows[] = {
        {"nothing asked", node, "{'spec':{}}", NULL},
        {"a selector that matches", node, "{'spec':{'nodeSelector':{'disk':'ssd'}}}", NULL},
        {"one that does not", node, "{'spec':{'nodeSelector':{'disk':'hdd'}}}",
         "node(s) didn't match Pod's node affinity/selector"},
        {"one for a label that is not there", node, "{'spec':{'nodeSelector':{'zone':'a'}}}",
         "node(s) didn't match Pod's node affinity/selector"},
        {"In", node, NODE_AFFINITY("{'key':'disk','operator':'In','values':['hdd','ssd']}"), NULL},
        {"NotIn", node, NODE_AFFINITY("{'key':'disk','operator':'NotIn','values':['ssd']}"),
         "node(s) didn't match Pod's node affinity/selector"},
        {"NotIn of a missing label", node,
         NODE_AFFINITY("{'key':'zone','operator':'NotIn','values':['a']}"), NULL},
        {"Exists", node, NODE_AFFINITY("{'key':'disk','operator':'Exists'}"), NULL},
        {"DoesNotExist", node, NODE_AFFINITY("{'key':'disk','operator':'DoesNotExist'}"),
         "node(s) didn't match Pod's node affinity/selector"},
        {"Gt", node, NODE_AFFINITY("{'key':'size','operator':'Gt','values':['7']}"), NULL},
        {"Gt is not at least", node, NODE_AFFINITY("{'key':'size','operator':'Gt','values':['8']}"),
         "node(s) didn't match Pod's node affinity/selector"},
        {"Lt", node, NODE_AFFINITY("{'key':'size','operator':'Lt','values':['9']}"), NULL},
        {"all requirements of a term", node,
         NODE_AFFINITY("{'key':'disk','operator':'Exists'},{'key':'zone','operator':'Exists'}"),
         "node(s) didn't match Pod's node affinity/selector"},
        {"an empty term", node, NODE_AFFINITY(""),
         "node(s) didn't match Pod's node affinity/selector"},
        {"a taint", tainted, "{'spec':{}}", "node(s) had untolerated taint {gpu: yes}"},
        {"tolerated", tainted,
         "{'spec':{'tolerations':[{'key':'gpu','operator':'Equal','value':'yes',"
         "'effect':'NoSchedule'}]}}",
         NULL},
        {"by another value", tainted,
         "{'spec':{'tolerations':[{'key':'gpu','value':'no','effect':'NoSchedule'}]}}",
         "node(s) had untolerated taint {gpu: yes}"},
        {"by another effect", tainted,
         "{'spec':{'tolerations':[{'key':'gpu','operator':'Exists','effect':'NoExecute'}]}}",
         "node(s) had untolerated taint {gpu: yes}"},
        {"everything tolerated", tainted, "{'spec':{'tolerations':[{'operator':'Exists'}]}}", NULL},
        {"a mere preference", "{'spec':{'taints':[{'key':'a','effect':'PreferNoSchedule'}]}}",
         "{'spec':{}}", NULL},
        {"cordoned", "{'spec':{'unschedulable':true}}", "{'spec':{}}",
         "node(s) were unschedulable"},
        {"not ready", "{'status':{'conditions':[{'type':'Ready','status':'Unknown'}]}}",
         "{'spec':{}}", "node(s) had untolerated taint {node.kubernetes.io/not-ready: }"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct amounts none = {0};
        json_t *pod = load(rows[i].pod);
        json_t *object = load(rows[i].node);
        struct fit_node view = {object, &none, &none};
        char reason[FIT_REASON_BYTES_MAX] = "";

        CHECK_EQ(fit_pod(pod, &none, &view, reason), rows[i].want == NULL, rows[i].what);
        if (rows[i].want != NULL) {
            CHECK_STR(reason, rows[i].want, rows[i].what);
        }
        json_decref(pod);
        json_decref(object);
    }
}

TEST(fit_pod__needs_room) {
    static const struct {
        const char *what;
        int64_t used_cpu;
        int64_t used_pods;
        const char *want;
    } rows[] = {
        {"an exact fit", 3000, 1, NULL},
        {"a thousandth too little", 3001, 1, "Insufficient cpu"},
        {"no pod left", 0, 10, "Too many pods"},
    };
    json_t *pod = load("{'spec':{}}");
    json_t *node = load("{'metadata':{'name':'n'}}");

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct amounts requests = {0};
        struct amounts allocatable = {0};
        struct amounts used = {0};
        struct fit_node view = {node, &allocatable, &used};
        char reason[FIT_REASON_BYTES_MAX] = "";

        amounts_set(&requests, "cpu", 1000, false);
        amounts_set(&requests, "pods", 1, false);
        amounts_set(&allocatable, "cpu", 4000, false);
        amounts_set(&allocatable, "pods", 10, false);
        amounts_set(&used, "cpu", rows[i].used_cpu, false);
        amounts_set(&used, "pods", rows[i].used_pods, false);
        CHECK_EQ(fit_pod(pod, &requests, &view, reason), rows[i].want == NULL, rows[i].what);
        if (rows[i].want != NULL) {
            CHECK_STR(reason, rows[i].want, rows[i].what);
        }
        amounts_finish(&requests);
        amounts_finish(&allocatable);
        amounts_finish(&used);
    }
    json_decref(pod);
    json_decref(node);
}
