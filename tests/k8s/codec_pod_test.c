#include "k8s/codec_pod.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "k8s/codec_json.h"
#include "tests/test.h"

#define MIB ((int64_t)1 << 20)

static char *read_fixture(const char *name) {
    char *path = mem_format("tests/fixtures/kube/%s.json", name);
    FILE *file = fopen(path, "r");
    char *text = mem_alloc(1 << 20, 1);
    size_t count;

    CHECK(file != NULL, path);
    count = fread(text, 1, (1 << 20) - 1, file);
    text[count] = '\0';
    (void)fclose(file);
    free(path);
    return text;
}

/* JSON with single quotes. */
static int read_text(const char *text, struct resource_names *names, struct pod_state *out_pod,
                     struct field_error *error) {
    char *json = mem_copy_text(text);
    int r;

    for (char *at = json; *at != '\0'; at++) {
        *at = *at == '\'' ? '"' : *at;
    }
    r = codec_pod_read(json, strlen(json), names, out_pod, NULL, error);
    free(json);
    return r;
}

TEST(codec_pod_read__reads_a_real_servers_pod) {
    struct resource_names names = {0};
    struct field_error error = {0};
    struct pod_state pod;
    char *json = read_fixture("05-pod-status-running");

    CHECK_OK(codec_pod_read(json, strlen(json), &names, &pod, NULL, &error), error.error.text);
    CHECK_STR(pod.namespace_, "team-a", "namespace");
    CHECK_STR(pod.name, "pod-1", "name");
    CHECK_STR(pod.uid, "c043f062-421f-4b18-9584-10709efd11e1", "uid");
    CHECK_STR(pod.node, "node-a", "node");
    CHECK_EQ(pod.phase, POD_RUNNING, "phase");
    CHECK_EQ(pod.requests.amount[RESOURCE_CPU], 500, "cpu");
    CHECK_EQ(pod.limits.amount[RESOURCE_MEMORY], 256 * MIB, "memory");
    CHECK_EQ(pod.requests.amount[resource_find(&names, "nvidia.com/gpu")], 2, "GPUs");
    CHECK_EQ(pod.requests.amount[RESOURCE_PODS], 1, "a pod is one pod");
    CHECK_STR(pod.priority_class, "batch-high", "priority class");
    CHECK_EQ(pod.main.phase, CONTAINER_RUNNING, "its container");
    CHECK_STR(pod.main_name, "main", "its container");
    CHECK_EQ(pod.created_us, INT64_C(1795357090) * 1000000, "created");
    CHECK_EQ(pod.started_us, pod.created_us, "started");
    CHECK_EQ(pod.job_id, 0, "not ours");
    CHECK(!pod.terminating, "alive");
    free(json);
    resource_names_finish(&names);
}

TEST(codec_pod_read__tells_phases_and_deletion_of_recorded_pods) {
    static const struct {
        const char *fixture;
        enum pod_phase phase;
        bool terminating;
    } rows[] = {
        {"05-pod-status-succeeded", POD_SUCCEEDED, false},
        {"05-pod-terminating", POD_PENDING, true},
        {"05-pod-status-bad-phase", POD_UNKNOWN, false},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct resource_names names = {0};
        struct field_error error = {0};
        struct pod_state pod;
        char *json = read_fixture(rows[i].fixture);

        CHECK_OK(codec_pod_read(json, strlen(json), &names, &pod, NULL, &error), rows[i].fixture);
        CHECK_EQ(pod.phase, rows[i].phase, rows[i].fixture);
        CHECK_EQ(pod.terminating, rows[i].terminating, rows[i].fixture);
        CHECK_EQ(pod.delete_at_us > pod.created_us, rows[i].terminating, rows[i].fixture);
        free(json);
        resource_names_finish(&names);
    }
}

#define OURS                                                                               \
    "'metadata':{'name':'p','namespace':'n','uid':'u','labels':{'nightshift/job-id':'42'," \
    "'nightshift/job-uid':'store-42','nightshift/attempt':'3','spark-role':'driver',"      \
    "'spark-app-selector':'spark-1'}}"

TEST(codec_pod_read__finds_the_driver_by_name_and_its_signs) {
    static const char text[] =
        "{" OURS ",'unknown':{'a':[1]},'spec':{'containers':[{'name':'sidecar'},"
        "{'name':'spark-kubernetes-driver','resources':{'requests':{'cpu':'1'}}}]},"
        "'status':{'phase':'Failed','reason':'Evicted','message':'low on memory',"
        "'containerStatuses':[{'name':'sidecar','state':{'running':{}}},"
        "{'name':'spark-kubernetes-driver','state':{'terminated':{'exitCode':137,'signal':9,"
        "'reason':'OOMKilled','message':'m','startedAt':'2026-11-22T14:18:10Z',"
        "'finishedAt':'2026-11-22T14:18:11Z'}}}],"
        "'initContainerStatuses':[{'name':'a','state':{'terminated':{'exitCode':0}}},"
        "{'name':'b','state':{'waiting':{'reason':'ErrImagePull'}}}],"
        "'conditions':[{'type':'PodScheduled','status':'False','reason':'Unschedulable',"
        "'message':'0/3 nodes'},{'type':'DisruptionTarget','status':'True',"
        "'reason':'PreemptionByScheduler','message':'d'},{'type':'Ready','status':'False'}]}}";
    struct resource_names names = {0};
    struct field_error error = {0};
    struct pod_state pod;

    CHECK_OK(read_text(text, &names, &pod, &error), error.error.text);
    CHECK_EQ(pod.job_id, 42, "job id");
    CHECK_STR(pod.job_uid, "store-42", "job uid");
    CHECK_EQ(pod.attempt, 3, "attempt");
    CHECK_EQ(pod.role, POD_ROLE_DRIVER, "role");
    CHECK_STR(pod.app_id, "spark-1", "application");
    CHECK_STR(pod.main_name, "spark-kubernetes-driver", "not the first container");
    CHECK_EQ(pod.main.phase, CONTAINER_TERMINATED, "its end");
    CHECK_EQ(pod.main.exit_code, 137, "its code");
    CHECK_EQ(pod.main.signal, 9, "its signal");
    CHECK_STR(pod.main.reason, "OOMKilled", "its reason");
    CHECK_EQ(pod.main.finished_us - pod.main.started_us, 1000000, "its times");
    CHECK_STR(pod.init.reason, "ErrImagePull", "what an init container waits for");
    CHECK_STR(pod.reason, "Evicted", "the pod's reason");
    CHECK_STR(pod.scheduled_reason, "Unschedulable", "the scheduler's");
    CHECK_STR(pod.disruption_reason, "PreemptionByScheduler", "the disruption's");
    resource_names_finish(&names);
}

TEST(codec_pod_read__takes_strange_labels_for_foreign) {
    static const struct {
        const char *what;
        const char *labels;
    } rows[] = {
        {"no labels", "{}"},
        {"null", "null"},
        {"no number", "{'nightshift/job-id':'x'}"},
        {"negative", "{'nightshift/job-id':'-1'}"},
        {"zero", "{'nightshift/job-id':'0'}"},
        {"too large", "{'nightshift/job-id':'99999999999999999999'}"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char *text = mem_format("{'metadata':{'name':'p','labels':%s}}", rows[i].labels);
        struct resource_names names = {0};
        struct field_error error = {0};
        struct pod_state pod;

        CHECK_OK(read_text(text, &names, &pod, &error), rows[i].what);
        CHECK_EQ(pod.job_id, 0, rows[i].what);
        CHECK(pod.best_effort, rows[i].what);
        free(text);
        resource_names_finish(&names);
    }
}

TEST(codec_pod_read__refuses_wrong_types_and_names_the_place) {
    static const struct {
        const char *text;
        const char *path;
    } rows[] = {
        {"[]", ""},
        {"{", ""},
        {"{}", "metadata"},
        {"{'metadata':[]}", "metadata"},
        {"{'metadata':{'name':3}}", "metadata.name"},
        {"{'metadata':{'name':'p','labels':{'spark-role':1}}}", "metadata.labels.spark-role"},
        {"{'metadata':{'name':'p','deletionTimestamp':'soon'}}", "metadata.deletionTimestamp"},
        {"{'metadata':{'name':'p'},'spec':{'containers':{}}}", "spec.containers"},
        {"{'metadata':{'name':'p'},'spec':{'containers':[{'name':'m','resources':{'requests':"
         "{'cpu':'much'}}}]}}",
         "spec.containers[0].resources.requests.cpu"},
        {"{'metadata':{'name':'p'},'spec':{'nodeSelector':{'a':1}}}", "spec.nodeSelector.a"},
        {"{'metadata':{'name':'p'},'status':{'phase':1}}", "status.phase"},
        {"{'metadata':{'name':'p'},'spec':{'containers':[{'name':'m'}]},'status':"
         "{'containerStatuses':[{'name':'m','state':{'terminated':{'exitCode':'x'}}}]}}",
         "status.containerStatuses[0].state.terminated.exitCode"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct resource_names names = {0};
        struct field_error error = {0};
        struct pod_state pod;

        CHECK_EQ(read_text(rows[i].text, &names, &pod, &error), ERR_INVALID, rows[i].text);
        CHECK_STR(error.path, rows[i].path, rows[i].text);
        resource_names_finish(&names);
    }
}

TEST(codec_pod_read__cuts_messages_between_characters) {
    struct resource_names names = {0};
    struct field_error error = {0};
    struct pod_state pod;
    char words[1200] = "";
    char *text;

    for (size_t i = 0; i + 3 < sizeof words; i += 3) {
        memcpy(words + i, "\xE2\x82\xAC", 4);
    }
    text = mem_format("{'metadata':{'name':'p'},'status':{'message':'x%s'}}", words);
    CHECK_OK(read_text(text, &names, &pod, &error), error.error.text);
    CHECK_EQ(strlen(pod.message), 511, "1 + 170 * 3");
    free(text);
    text = mem_format("{'metadata':{'name':'p'},'status':{'message':'%s'}}", words);
    CHECK_OK(read_text(text, &names, &pod, &error), error.error.text);
    CHECK_EQ(strlen(pod.message), 510, "170 * 3");
    free(text);
    resource_names_finish(&names);
}

#define TERM                                                                        \
    "{\"topologyKey\":\"host\",\"labelSelector\":{\"matchLabels\":{\"app\":\"x\"}," \
    "\"matchExpressions\":[{\"key\":\"tier\",\"operator\":\"NotIn\",\"values\":[\"a\",\"b\"]}]}"

TEST(codec_pod_read__reads_the_rules_about_other_pods) {
    static const char json[] =
        "{\"metadata\":{\"name\":\"p\",\"namespace\":\"ns\",\"labels\":{\"app\":\"x\",\"rev\":"
        "\"7\"}},"
        "\"spec\":{\"affinity\":{\"podAntiAffinity\":{"
        "\"requiredDuringSchedulingIgnoredDuringExecution\":[" TERM "}]},\"podAffinity\":{"
        "\"requiredDuringSchedulingIgnoredDuringExecution\":[" TERM
        ",\"namespaces\":[\"other\"],\"matchLabelKeys\":[\"rev\",\"none\"]}],"
        "\"preferredDuringSchedulingIgnoredDuringExecution\":[{\"weight\":1,"
        "\"podAffinityTerm\":" TERM "}}]}},\"topologySpreadConstraints\":["
        "{\"maxSkew\":2,\"minDomains\":3,\"topologyKey\":\"zone\",\"whenUnsatisfiable\":"
        "\"DoNotSchedule\",\"labelSelector\":{},\"nodeAffinityPolicy\":\"Ignore\","
        "\"nodeTaintsPolicy\":\"Honor\"},"
        "{\"maxSkew\":1,\"topologyKey\":\"zone\",\"whenUnsatisfiable\":\"ScheduleAnyway\"}]}}";
    struct resource_names names = {0};
    struct field_error error = {0};
    struct pod_demand demand;
    struct pod_state pod;
    const struct pod_rule *rule;

    CHECK_OK(codec_pod_read(json, strlen(json), &names, &pod, &demand, &error), error.error.text);
    CHECK_STR(demand.namespace, "ns", "namespace");
    CHECK_EQ(demand.label_count, 2, "labels");
    CHECK_EQ(demand.rule_count, 3, "what is required");
    CHECK(demand.crosses_namespaces, "one looks beyond the namespace");
    rule = &demand.rules[0];
    CHECK_EQ(rule->kind, POD_RULE_AFFINITY, "affinity");
    CHECK_STR(rule->namespaces[0], "other", "there");
    CHECK_EQ(rule->selector.rule_count, 3, "label, expression, and as its own label");
    CHECK_STR(rule->selector.rules[2].values[0], "7", "its own");
    rule = &demand.rules[1];
    CHECK_EQ(rule->kind, POD_RULE_ANTI_AFFINITY, "anti-affinity");
    CHECK_STR(rule->namespaces[0], "ns", "at home");
    CHECK_EQ(rule->selector.rules[1].operator, MATCH_NOT_IN, "an expression");
    rule = &demand.rules[2];
    CHECK_EQ(rule->kind, POD_RULE_SPREAD, "spread");
    CHECK_EQ(rule->skew_max, 2, "maxSkew");
    CHECK_EQ(rule->domains_min, 3, "minDomains");
    CHECK(rule->ignores_where && rule->honours_taints, "policies");
    CHECK(!rule->selects_nothing && rule->selector.rule_count == 0, "everything");
    pod_demand_finish(&demand);
    resource_names_finish(&names);
}
