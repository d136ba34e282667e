#include "config/manifest.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/memory.h"
#include "tests/test.h"

#define SPARK "apiVersion: sparkoperator.k8s.io/v1beta2\nkind: SparkApplication\n"
#define BATCH "apiVersion: nightshift/v1\nkind: BatchJob\n"
#define POD   "apiVersion: v1\nkind: Pod\n"
#define NAMED "metadata: {name: a}\n"

static const char *kind_text(enum job_kind kind) {
    return kind == JOB_KIND_SPARK ? "spark" : "pod";
}

static void print_number(const char *name, int64_t value, int64_t unset, struct buf *out) {
    if (value != unset) {
        buf_add_format(out, " %s=%" PRId64, name, value);
    }
}

static void print_deadline(const char *name, const struct deadline *deadline, struct buf *out) {
    if (deadline->kind == DEADLINE_INSTANT) {
        print_number(name, deadline->instant_us, 0, out);
    } else if (deadline->kind == DEADLINE_OFFSET) {
        buf_add_format(out, " %s=%" PRId32 "d+%" PRId32, name, deadline->days, deadline->time_s);
    }
}

static void print_schedule(const struct schedule_text *schedule, struct buf *out) {
    const struct schedule *rule = &schedule->rule;

    buf_add_format(out, " [%s] zone=%s %s %s", schedule->cron, schedule->zone,
                   schedule_overlap_texts[rule->overlap], schedule_misfire_texts[rule->misfire]);
    print_number("gap", rule->clocks.gap, CRON_GAP_RUN, out);
    print_number("repeat", rule->clocks.repeat, CRON_REPEAT_FIRST, out);
    print_number("late", rule->late_us_max, 0, out);
    print_number("count", rule->catch_up_max, 0, out);
    print_number("jitter", rule->jitter_us, 0, out);
    print_number("from", rule->from_civil_s, SCHEDULE_ANY_CIVIL, out);
    print_number("until", rule->until_civil_s, SCHEDULE_ANY_CIVIL, out);
    print_number("start", rule->day_start_s, 0, out);
    print_number("offset", rule->day_offset, 0, out);
    print_number("succeeded", schedule->succeeded_max, SCHEDULE_HISTORY_UNSET, out);
    print_number("failed", schedule->failed_max, SCHEDULE_HISTORY_UNSET, out);
    buf_add_format(out, "%s%s", rule->suspended ? " suspended" : "",
                   rule->keeps_missed ? " keeps" : "");
    CHECK_EQ(schedule->document_bytes, strlen(schedule->document), "the document's size");
}

static void print_manifest(const struct manifest *m, struct buf *out) {
    buf_add_format(out, "%s %s/%s", kind_text(m->kind), m->namespace, m->name);
    buf_add_format(out, "%s%s%s%s", m->team[0] != '\0' ? " team=" : "", m->team,
                   m->hold ? " hold" : "", m->runs_again ? " always" : "");
    buf_add_format(out, "%s%s", m->window[0] != '\0' ? " window=" : "", m->window);
    print_number("priority", m->priority, 0, out);
    print_number("retries", m->retries_max, MANIFEST_UNSET, out);
    print_number("infra", m->infra_retries_max, MANIFEST_UNSET, out);
    print_number("first", m->backoff_first_us, MANIFEST_UNSET, out);
    print_number("max", m->backoff_max_us, MANIFEST_UNSET, out);
    print_number("ttl", m->ttl_s, MANIFEST_UNSET, out);
    print_number("expected", m->expected_runtime_us, 0, out);
    print_number("longest", m->max_runtime_us, 0, out);
    print_number("warned", m->warn_runtime_us, 0, out);
    print_deadline("start-by", &m->start_by, out);
    buf_add_format(out, "%s", m->start_miss == START_MISS_SKIP ? " or-skip" : "");
    print_deadline("finish-by", &m->finish_by, out);
    buf_add_format(out, "%s", m->preemptible ? " preemptible" : "");
    if (m->schedule != NULL) {
        print_schedule(m->schedule, out);
    }
    buf_add_format(out, " %s\n", m->payload);
    CHECK_EQ(m->payload_bytes, strlen(m->payload), "the payload's size");
}

/* The manifests, a line each, or the problems. */
static void read_as_text(const char *text, struct buf *out) {
    struct manifest_set set = {0};
    struct problems problems = {0};

    if (manifest_set_parse(text, strlen(text), &set, &problems) == OK) {
        for (size_t i = 0; i < set.count; i++) {
            print_manifest(&set.items[i], out);
        }
    } else {
        problems_print(&problems, "job.yaml", out);
    }
    manifest_set_destroy(&set);
    problems_finish(&problems);
}

struct row {
    const char *what;
    const char *text;
    const char *want;
};

static void check_rows(const struct row *rows, size_t count) {
    for (size_t i = 0; i < count; i++) {
        struct buf out;

        buf_init(&out, LIMIT_MIB);
        read_as_text(rows[i].text, &out);
        CHECK_STR(buf_text(&out), rows[i].want, rows[i].what);
        buf_finish(&out);
    }
}

TEST(manifest__becomes_queue_fields_and_a_canonical_payload) {
    static const struct row rows[] = {
        {"the least of a Spark application", SPARK NAMED "spec: {}\n",
         "spark /a {\"metadata\":{},\"spec\":{}}\n"},
        {"types are settled and members sorted",
         SPARK NAMED "spec: {sparkVersion: 3.5, sparkConf: {b: on, a: 5}, arguments: [1, true], "
                     "driver: {cores: 2, memory: 1024, coreLimit: 1}}\n",
         "spark /a {\"metadata\":{},\"spec\":{\"arguments\":[\"1\",\"true\"],\"driver\":{"
         "\"coreLimit\":\"1\",\"cores\":2,\"memory\":\"1024\"},\"sparkConf\":{\"a\":\"5\",\"b\":"
         "\"on\"},\"sparkVersion\":\"3.5\"}}\n"},
        {"JSON gives the same",
         "{\"spec\":{\"sparkVersion\":\"3.5\"},\"kind\":\"SparkApplication\",\"apiVersion\":"
         "\"sparkoperator.k8s.io/v1beta2\",\"metadata\":{\"name\":\"a\",\"namespace\":\"n\"}}",
         "spark n/a {\"metadata\":{},\"spec\":{\"sparkVersion\":\"3.5\"}}\n"},
        {"annotations of ours and of kubectl's stay out of the payload",
         SPARK "metadata:\n  name: a\n  labels: {z: 1, b: x}\n  annotations:\n"
               "    kubectl.kubernetes.io/last-applied-configuration: '{}'\n"
               "    nightshift/team: Data_1\n    note: yes\nspec: {}\n",
         "spark /a team=Data_1 {\"metadata\":{\"annotations\":{\"note\":\"yes\"},\"labels\":{\"b\":"
         "\"x\",\"z\":\"1\"}},\"spec\":{}}\n"},
        {"every annotation",
         POD "metadata:\n  name: a\n  annotations:\n    nightshift/priority: '-5'\n"
             "    nightshift/hold: 'true'\n    nightshift/retries: 3\n"
             "    nightshift/infra-retries: '4'\n    nightshift/backoff-initial: 5s\n"
             "    nightshift/backoff-max: 1m\n    nightshift/ttl: 1500ms\n"
             "    nightshift/expected-runtime: 2h\n    nightshift/max-runtime: 3h\n"
             "    nightshift/preemptible: 'true'\n    nightshift/warn-runtime: 1h\n"
             "    nightshift/start-by: '05:00'\n    nightshift/on-start-miss: skip\n"
             "    nightshift/finish-by: '2026-12-24T05:00:00Z'\nspec: {containers: [{name: c}]}\n",
         "pod /a hold priority=-5 retries=3 infra=4 first=5000000 max=60000000 ttl=2 "
         "expected=7200000000 longest=10800000000 warned=3600000000 start-by=0d+18000 or-skip "
         "finish-by=1798088400000000 preemptible "
         "{\"metadata\":{},\"spec\":{\"containers\":[{\"name\":\"c\"}]}}\n"},
        {"restartPolicy, suspend and timeToLiveSeconds are ours",
         SPARK NAMED "spec: {suspend: true, timeToLiveSeconds: 60, restartPolicy: {type: "
                     "OnFailure, onFailureRetries: 2, onFailureRetryInterval: 10}}\n",
         "spark /a hold retries=2 first=10000000 ttl=60 {\"metadata\":{},\"spec\":{"
         "\"restartPolicy\":{\"onFailureRetries\":2,\"onFailureRetryInterval\":10,\"type\":"
         "\"OnFailure\"},\"suspend\":true,\"timeToLiveSeconds\":60}}\n"},
        {"Always runs again, after the operator's 5 s",
         SPARK NAMED "spec: {restartPolicy: {type: Always, onFailureRetries: 2}}\n",
         "spark /a always retries=0 first=5000000 {\"metadata\":{},\"spec\":{\"restartPolicy\":{"
         "\"onFailureRetries\":2,\"type\":\"Always\"}}}\n"},
        {"Never means no retries, a time to live of 0 that all goes at once",
         SPARK NAMED "spec: {timeToLiveSeconds: 0, restartPolicy: {type: Never}}\n",
         "spark /a retries=0 ttl=0 {\"metadata\":{},\"spec\":{\"restartPolicy\":{\"type\":"
         "\"Never\"},\"timeToLiveSeconds\":0}}\n"},
        {"a batch job of Spark",
         BATCH "metadata: {name: a, namespace: n, labels: {x: y}}\n"
               "spec:\n  team: t\n  priority: 7\n  hold: true\n  expectedRuntime: 1m\n"
               "  maxRuntime: 2m\n  preemptible: true\n  window: nightly,weekend\n"
               "  ttlSecondsAfterFinished: 0\n"
               "  retry: {maxRetries: 1, infraRetries: 2, backoff: {initial: 1s, max: 2s}}\n"
               "  spark: {mainClass: M, restartPolicy: {type: Never}}\n",
         "spark n/a team=t hold window=nightly,weekend priority=7 retries=1 infra=2 first=1000000 "
         "max=2000000 ttl=0 "
         "expected=60000000 longest=120000000 preemptible "
         "{\"metadata\":{\"labels\":{\"x\":\"y\"}},\"spec\":{\"mainClass\":"
         "\"M\",\"restartPolicy\":{\"type\":\"Never\"}}}\n"},
        {"deadlines in their longer and shorter forms",
         BATCH "metadata: {name: a}\nspec:\n  startBy: {at: +1d 02:00, onMiss: warn}\n"
               "  finishBy: +1d 06:00\n  maxRuntime: {warn: 1h, kill: 2h}\n"
               "  spark: {mainClass: M}\n",
         "spark /a longest=7200000000 warned=3600000000 start-by=1d+7200 finish-by=1d+21600 "
         "{\"metadata\":{},\"spec\":{\"mainClass\":\"M\"}}\n"},
        {"a batch job of a pod: both labels, the template's win",
         BATCH "metadata: {name: a, labels: {x: outer, y: outer}}\nspec:\n  pod:\n"
               "    metadata: {labels: {x: inner, z: inner}}\n"
               "    spec: {containers: [{name: c, image: i}]}\n",
         "pod /a {\"metadata\":{\"labels\":{\"x\":\"inner\",\"y\":\"outer\",\"z\":\"inner\"}},"
         "\"spec\":{\"containers\":[{\"image\":\"i\",\"name\":\"c\"}]}}\n"},
        {"what the server wrote is ignored, what is null is not there",
         POD "metadata: {name: a, uid: 1-2, creationTimestamp: null, managedFields: [{}]}\n"
             "spec: {hostname: null, containers: [{name: c, resources: {limits: {cpu: 0.5}}}]}\n"
             "status: {phase: Running}\n",
         "pod /a {\"metadata\":{},\"spec\":{\"containers\":[{\"name\":\"c\",\"resources\":{"
         "\"limits\":{\"cpu\":\"0.5\"}}}]}}\n"},
        {"file modes are octal",
         POD NAMED "spec: {containers: [{name: c}], volumes: [{name: v, "
                   "configMap: {name: m, defaultMode: 0644}}]}\n",
         "pod /a {\"metadata\":{},\"spec\":{\"containers\":[{\"name\":\"c\"}],\"volumes\":[{"
         "\"configMap\":{\"defaultMode\":420,\"name\":\"m\"},\"name\":\"v\"}]}}\n"},
        {"several documents, and a list",
         SPARK NAMED "spec: {}\n---\napiVersion: v1\nkind: List\nmetadata: {resourceVersion: ''}\n"
                     "items:\n- {apiVersion: v1, kind: Pod, metadata: {name: b}, spec: "
                     "{containers: []}}\n- {apiVersion: sparkoperator.k8s.io/v1beta2, kind: "
                     "SparkApplication, metadata: {name: c}, spec: {}}\n",
         "spark /a {\"metadata\":{},\"spec\":{}}\n"
         "pod /b {\"metadata\":{},\"spec\":{\"containers\":[]}}\n"
         "spark /c {\"metadata\":{},\"spec\":{}}\n"},
    };

    check_rows(rows, ARRAY_LEN(rows));
}

TEST(manifest__says_file_line_column_path_and_what_was_meant) {
    static const struct row rows[] = {
        {"a typo, deep", SPARK NAMED "spec:\n  driver:\n    memroy: 1g\n",
         "job.yaml:6:5: spec.driver.memroy: unknown field (did you mean \"memory\"?)\n"},
        {"all problems, in order",
         SPARK "metadata: {name: A}\nspec:\n  executor: {instances: many, cores: 0}\n  driver:\n"
               "    memory: 4Gi\n",
         "job.yaml:3:18: metadata.name: \"A\" is not a name: 1 to 63 of a-z, 0-9 and -, not - at "
         "either end\n"
         "job.yaml:5:25: spec.executor.instances: must be a whole number, not many\n"
         "job.yaml:5:38: spec.executor.cores: must be between 1 and 2147483647, not 0\n"
         "job.yaml:7:13: spec.driver.memory: \"4Gi\" is not a size as Spark writes it; write it "
         "like 512m or 4g\n"},
        {"no name", SPARK "metadata: {}\nspec: {}\n",
         "job.yaml:3:1: metadata.name: missing; it is required\n"},
        {"no metadata", SPARK "spec: {}\n",
         "job.yaml:1:1: metadata.name: missing; it is required\n"},
        {"a Spark name begins with a letter", SPARK "metadata: {name: 1a}\nspec: {}\n",
         "job.yaml:3:18: metadata.name: \"1a\": the name of a Spark application begins with a "
         "letter\n"},
        {"no spec", SPARK NAMED, "job.yaml:1:1: spec: missing; it is required\n"},
        {"nothing to run", BATCH NAMED "spec: {team: t}\n",
         "job.yaml:4:1: spec: nothing to run; it needs one of spark and pod\n"},
        {"two things to run", BATCH NAMED "spec:\n  spark: {}\n  pod: {spec: {containers: []}}\n",
         "job.yaml:6:3: spec: has both spark and pod; exactly one of them says what to run\n"},
        {"what is no field of ours",
         BATCH NAMED "spec:\n  spark: {}\n  finishBy: x\n  sparkApplication: {}\n  arrray: 5\n",
         "job.yaml:6:13: spec.finishBy: \"x\" is not a deadline; write it like 06:00, +1d 06:00 "
         "or 2026-12-24T06:00:00+01:00\n"
         "job.yaml:7:3: spec: has another beside sparkApplication; exactly one says what to run\n"
         "job.yaml:7:3: spec.sparkApplication.operator: missing; it is required\n"
         "job.yaml:7:3: spec.sparkApplication.spec: missing; it is required\n"
         "job.yaml:8:3: spec.arrray: unknown field (did you mean \"array\"?)\n"},
        {"retries beyond the bound",
         BATCH NAMED "spec: {spark: {}, retry: {maxRetries: 1000, backoff: {initial: 5}}}\n",
         "job.yaml:4:39: spec.retry.maxRetries: must be between 0 and 999, not 1000\n"
         "job.yaml:4:64: spec.retry.backoff.initial: \"5\" is not a duration; write it like 90s, "
         "15m or 1h30m\n"},
        {"deadlines",
         BATCH NAMED "spec:\n  spark: {}\n  startBy: {onMiss: run}\n"
                     "  maxRuntime: {kill: x}\n",
         "job.yaml:6:3: spec.startBy.at: missing; it is required\n"
         "job.yaml:6:21: spec.startBy.onMiss: must be warn or skip, not \"run\"\n"
         "job.yaml:7:22: spec.maxRuntime.kill: \"x\" is not a duration; write it like 90s, 15m or "
         "1h30m\n"},
        {"a warning that would come after the end",
         BATCH NAMED "spec: {spark: {}, maxRuntime: {kill: 1h, warn: 60m}}\n",
         "job.yaml:4:48: a run would be stopped before it is warned of: maxRuntime.warn must be "
         "below maxRuntime.kill\n"},
        {"annotations",
         POD "metadata:\n  name: a\n  annotations:\n    nightshift/prioritty: '5'\n"
             "    nightshift/retries: lots\n    nightshift/finish-by: nightly\n"
             "    nightshift/window: a, b\n"
             "spec: {containers: []}\n",
         "job.yaml:6:5: metadata.annotations.nightshift/prioritty: unknown annotation (did you "
         "mean \"nightshift/priority\"?)\n"
         "job.yaml:7:25: metadata.annotations.nightshift/retries: must be a whole number, not "
         "lots\n"
         "job.yaml:8:27: metadata.annotations.nightshift/finish-by: \"nightly\" is not a deadline; "
         "write it like 06:00, +1d 06:00 or 2026-12-24T06:00:00+01:00\n"
         "job.yaml:9:24: metadata.annotations.nightshift/window: \"a, b\" is not a name, nor names "
         "joined by commas: 1 to 63 of a-z, 0-9 and -, not - at either end\n"},
        {"labels of ours",
         POD "metadata: {name: a, labels: {nightshift/job-id: x}}\nspec: "
             "{containers: []}\n",
         "job.yaml:3:30: metadata.labels.nightshift/job-id: labels nightshift/... are given by the "
         "scheduler\n"},
        {"the queue's fields in a template",
         BATCH NAMED "spec:\n  pod:\n    metadata:\n      annotations: {nightshift/team: t}\n"
                     "      labels: {nightshift/x: y}\n    spec: {containers: []}\n",
         "job.yaml:7:21: spec.pod.metadata.annotations.nightshift/team: not read in a pod "
         "template; say it in the job's own spec\n"
         "job.yaml:8:16: spec.pod.metadata.labels.nightshift/x: labels nightshift/... are given by "
         "the scheduler\n"},
        {"a pod that never ends", POD NAMED "spec: {restartPolicy: Always, containers: []}\n",
         "job.yaml:4:23: spec.restartPolicy: must be Never or OnFailure, not \"Always\"\n"},
        {"a container's typo", POD NAMED "spec:\n  containers:\n  - name: c\n    imagee: x\n",
         "job.yaml:7:5: spec.containers[0].imagee: unknown field (did you mean \"image\"?)\n"},
        {"a bad quantity",
         POD NAMED "spec: {containers: [{name: c, resources: {requests: {cpu: 1core}}}]}\n",
         "job.yaml:4:59: spec.containers[0].resources.requests.cpu: \"1core\" is not a quantity; "
         "write it like 500m, 2 or 4Gi\n"},
        {"a resource's typo",
         POD NAMED "spec: {containers: [{name: c, resources: {limits: {memroy: 1Gi, a/b: 1}}}]}\n",
         "job.yaml:4:52: spec.containers[0].resources.limits.memroy: unknown field (did you mean "
         "\"memory\"?)\n"},
        {"a kind's typo", "apiVersion: nightshift/v1\nkind: BatchJbo\n",
         "job.yaml:2:7: kind: \"BatchJbo\" is not known (did you mean \"BatchJob\"?)\n"},
        {"a kind that is none of ours", "apiVersion: apps/v1\nkind: Deployment\n",
         "job.yaml:2:7: kind: \"Deployment\" is not known; taken are BatchJob, SparkApplication, "
         "Pod, Job and List\n"},
        {"an old version", "apiVersion: sparkoperator.k8s.io/v1beta1\nkind: SparkApplication\n",
         "job.yaml:1:13: apiVersion: SparkApplication is of \"sparkoperator.k8s.io/v1beta2\", not "
         "\"sparkoperator.k8s.io/v1beta1\"\n"},
        {"no kind, no version", "a: 1\n",
         "job.yaml:1:1: kind: missing; it is required\n"
         "job.yaml:1:1: apiVersion: missing; it is required\n"},
        {"not an object", "- a\n",
         "job.yaml:1:1: not a manifest: that is an object with apiVersion, kind, metadata, spec\n"},
        {"nothing", "# nothing\n", "job.yaml: holds no job\n"},
        {"an empty list", "apiVersion: v1\nkind: List\nitems: []\n", "job.yaml: holds no job\n"},
        {"in a list",
         "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Pod\n  metadata: {name: "
         "a}\n"
         "  spec: {container: []}\n- {apiVersion: v1, kind: List, items: []}\n- 5\n",
         "job.yaml:7:3: items[0].spec.containers: missing; it is required\n"
         "job.yaml:7:10: items[0].spec.container: unknown field (did you mean \"containers\"?)\n"
         "job.yaml:8:26: items[1].kind: \"List\" is not known; taken are BatchJob, "
         "SparkApplication, Pod, Job and List\n"
         "job.yaml:9:3: items[2]: must be an object (key: value), not 5\n"},
        {"YAML itself", "a: [1\n",
         "job.yaml:2:1: not valid YAML: did not find expected ',' or ']', while parsing a flow "
         "sequence\n"},
    };

    check_rows(rows, ARRAY_LEN(rows));
}

static void check_spec_with(const struct manifest_defaults *defaults, const char *text,
                            const char *want) {
    struct problems problems = {0};
    struct manifest_set set;

    CHECK_OK(manifest_set_parse_with(defaults, text, strlen(text), &set, &problems), text);
    CHECK_STR(strstr(set.items[0].payload, "\"spec\":") + strlen("\"spec\":"), want, text);
    manifest_set_destroy(&set);
}

TEST(manifest_set_parse_with__gives_an_image_to_applications_without) {
    static const struct manifest_defaults defaults = {"i:4", "4.0.1", 100, "initial", NULL};
    static const struct {
        const char *text;
        const char *want;
    } rows[] = {
        {SPARK NAMED "spec: {}", "{\"image\":\"i:4\",\"sparkVersion\":\"4.0.1\"}}"},
        {SPARK NAMED "spec: {arguments: [], mainClass: M, sparkVersion: 3.5.1, type: Java}",
         "{\"arguments\":[],\"image\":\"i:4\",\"mainClass\":\"M\",\"sparkVersion\":\"3.5.1\","
         "\"type\":\"Java\"}}"},
        {SPARK NAMED "spec: {image: own}", "{\"image\":\"own\",\"sparkVersion\":\"4.0.1\"}}"},
        {SPARK NAMED "spec: {image: 'own:3.5.6'}", "{\"image\":\"own:3.5.6\"}}"},
        {SPARK NAMED "spec: {image: 'r:5000/own:v4.1.0'}", "{\"image\":\"r:5000/own:v4.1.0\"}}"},
        {SPARK NAMED "spec: {sparkConf: {spark.kubernetes.container.image: 'own:3.5.6'}}",
         "{\"sparkConf\":{\"spark.kubernetes.container.image\":\"own:3.5.6\"}}}"},
        {SPARK NAMED "spec: {driver: {image: 'd:3.5.6'}}",
         "{\"driver\":{\"image\":\"d:3.5.6\"},\"image\":\"i:4\"}}"},
        {SPARK NAMED "spec: {image: 'own:latest', sparkVersion: 3.5.2}",
         "{\"image\":\"own:latest\",\"sparkVersion\":\"3.5.2\"}}"},
        {BATCH NAMED "spec: {spark: {}}", "{\"image\":\"i:4\",\"sparkVersion\":\"4.0.1\"}}"},
        {POD NAMED "spec: {containers: []}", "{\"containers\":[]}}"},
        {SPARK NAMED "spec: {image: 'i:4.0', dynamicAllocation: {enabled: true}}",
         "{\"dynamicAllocation\":{\"enabled\":true,\"maxExecutors\":100},\"image\":\"i:4.0\"}}"},
        {SPARK NAMED "spec: {image: 'i:4.0', dynamicAllocation: {enabled: true, maxExecutors: 7}}",
         "{\"dynamicAllocation\":{\"enabled\":true,\"maxExecutors\":7},\"image\":\"i:4.0\"}}"},
        {SPARK NAMED "spec: {image: 'i:4.0', dynamicAllocation: {enabled: false}}",
         "{\"dynamicAllocation\":{\"enabled\":false},\"image\":\"i:4.0\"}}"},
        {SPARK NAMED "spec: {image: 'i:4.0', sparkConf: {spark.dynamicAllocation.enabled: 'true', "
                     "spark.dynamicAllocation.initialExecutors: '300'}}",
         "{\"image\":\"i:4.0\",\"sparkConf\":{\"spark.dynamicAllocation.enabled\":\"true\","
         "\"spark.dynamicAllocation.initialExecutors\":\"300\","
         "\"spark.dynamicAllocation.maxExecutors\":\"300\"}}}"},
        {BATCH NAMED "spec: {sparkApplication: {operator: true, spec: {image: 'i:3.5.6'}}}",
         "{\"image\":\"i:3.5.6\"}}"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        check_spec_with(&defaults, rows[i].text, rows[i].want);
    }
}

TEST(manifest__tells_the_name_that_a_driver_gives_its_pod) {
    static const char key[] = "spark.kubernetes.driver.pod.name";
    static const struct {
        const char *format; /* %s: the property */
        const char *want;   /* NULL: refused */
    } rows[] = {
        {SPARK NAMED "spec: {driver: {podName: etl}}", "etl"},
        {SPARK NAMED "spec: {sparkConf: {%s: etl}}", "etl"},
        {SPARK NAMED "spec: {driver: {podName: etl}, sparkConf: {%s: etl}}", "etl"},
        {SPARK NAMED "spec: {}", ""},
        {BATCH NAMED "spec: {spark: {driver: {podName: etl}}}", "etl"},
        {BATCH NAMED "spec: {sparkApplication: {operator: true, spec: {driver: {podName: etl}}}}",
         "etl"},
        {POD NAMED "spec: {containers: []}", ""},
        {BATCH NAMED "spec: {array: 0-9, spark: {driver: {podName: etl}}}", NULL},
        {BATCH NAMED "spec: {array: 0-9, spark: {sparkConf: {%s: etl}}}", NULL},
        {BATCH NAMED "spec: {array: 0-9, spark: {}}", ""},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct manifest_set set = {0};
        struct problems problems = {0};
        char text[512];
        const char *hole = strstr(rows[i].format, "%s");
        size_t before = hole != NULL ? (size_t)(hole - rows[i].format) : strlen(rows[i].format);
        int r;

        (void)snprintf(text, sizeof text, "%.*s%s%s", (int)before, rows[i].format,
                       hole != NULL ? key : "", hole != NULL ? hole + 2 : "");
        r = manifest_set_parse(text, strlen(text), &set, &problems);
        CHECK_EQ(r, rows[i].want != NULL ? OK : ERR_INVALID, text);
        if (rows[i].want != NULL) {
            CHECK_STR(set.items[0].pod_name, rows[i].want, text);
        } else {
            CHECK_STR(problems.items[0].path, "spec.spark.driver.podName", text);
            CHECK(strstr(problems.items[0].message, "leave it out") != NULL, text);
        }
        problems_finish(&problems);
        manifest_set_destroy(&set);
    }
}

TEST(manifest_set_parse_with__reserves_what_is_configured) {
    static const struct manifest_defaults defaults = {"i:4.0", "", 0, "max", NULL};
    static const struct {
        const char *text;
        const char *want;
    } rows[] = {
        {SPARK NAMED "spec: {dynamicAllocation: {enabled: true, maxExecutors: 7}}",
         "{\"dynamicAllocation\":{\"enabled\":true,\"maxExecutors\":7,\"reserve\":\"max\"},"
         "\"image\":\"i:4.0\"}}"},
        {SPARK NAMED "spec: {dynamicAllocation: {enabled: true, reserve: min}}",
         "{\"dynamicAllocation\":{\"enabled\":true,\"reserve\":\"min\"},\"image\":\"i:4.0\"}}"},
        {SPARK NAMED "spec: {dynamicAllocation: {enabled: false}}",
         "{\"dynamicAllocation\":{\"enabled\":false},\"image\":\"i:4.0\"}}"},
        {SPARK NAMED "spec: {sparkConf: {spark.dynamicAllocation.enabled: 'true'}}",
         "{\"dynamicAllocation\":{\"reserve\":\"max\"},\"image\":\"i:4.0\","
         "\"sparkConf\":{\"spark.dynamicAllocation.enabled\":\"true\"}}}"},
        {SPARK NAMED "spec: {}", "{\"image\":\"i:4.0\"}}"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        check_spec_with(&defaults, rows[i].text, rows[i].want);
    }
}

#define KUBE_JOB "apiVersion: batch/v1\nkind: Job\nmetadata: {name: j, labels: {a: b}}\n"
#define TEMPLATE "template: {spec: {restartPolicy: OnFailure, containers: [{name: c, image: i}]}}"

TEST(manifest_of_a_job__is_a_pod_or_an_array_of_them) {
    static const struct {
        const char *what;
        const char *text;
        size_t jobs;
        const char *indices;
        int64_t retries;
        int64_t ttl_s;
        int64_t runtime_us;
        bool hold;
    } rows[] = {
        {"Kubernetes' defaults", KUBE_JOB "spec: {" TEMPLATE "}", 1, NULL, 6, MANIFEST_UNSET, 0,
         false},
        {"its limits",
         KUBE_JOB "spec: {backoffLimit: 2, activeDeadlineSeconds: 60, ttlSecondsAfterFinished: 5, "
                  "suspend: true, " TEMPLATE "}",
         1, NULL, 2, 5, 60000000, true},
        {"one completion", KUBE_JOB "spec: {completions: 1, parallelism: 1, " TEMPLATE "}", 1, NULL,
         6, MANIFEST_UNSET, 0, false},
        {"one after the other", KUBE_JOB "spec: {completions: 3, " TEMPLATE "}", 3, "0-2%1", 6,
         MANIFEST_UNSET, 0, false},
        {"some at once", KUBE_JOB "spec: {completions: 4, parallelism: 2, " TEMPLATE "}", 4,
         "0-3%2", 6, MANIFEST_UNSET, 0, false},
        {"all at once", KUBE_JOB "spec: {completions: 4, parallelism: 9, " TEMPLATE "}", 4, "0-3",
         6, MANIFEST_UNSET, 0, false},
        {"one with an index",
         KUBE_JOB "spec: {completions: 1, completionMode: Indexed, backoffLimitPerIndex: 1, "
                  "backoffLimit: 9, " TEMPLATE "}",
         1, "0", 1, MANIFEST_UNSET, 0, false},
        {"what the server wrote",
         KUBE_JOB "spec: {selector: {matchLabels: {a: b}}, manualSelector: true, managedBy: "
                  "kubernetes.io/job-controller, podReplacementPolicy: Failed, " TEMPLATE "}\n"
                  "status: {active: 1}\n",
         1, NULL, 6, MANIFEST_UNSET, 0, false},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct problems problems = {0};
        struct manifest_set set;
        const struct manifest *job;

        CHECK_OK(manifest_set_parse(rows[i].text, strlen(rows[i].text), &set, &problems),
                 rows[i].what);
        job = &set.items[0];
        CHECK_EQ(job->kind, JOB_KIND_POD, rows[i].what);
        CHECK_EQ(manifest_job_count(job), rows[i].jobs, rows[i].what);
        CHECK_STR(job->rows.indices, rows[i].indices, rows[i].what);
        CHECK_EQ(job->retries_max, rows[i].retries, rows[i].what);
        CHECK_EQ(job->ttl_s, rows[i].ttl_s, rows[i].what);
        CHECK_EQ(job->max_runtime_us, rows[i].runtime_us, rows[i].what);
        CHECK_EQ(job->hold, rows[i].hold, rows[i].what);
        CHECK(strstr(job->payload, "\"labels\":{\"a\":\"b\"}") != NULL, "the Job's labels");
        CHECK(strstr(job->payload, "\"restartPolicy\":\"Never\"") != NULL, "restarts are retries");
        manifest_set_destroy(&set);
    }
}

TEST(manifest_of_a_job__refuses_what_has_no_meaning_here) {
    static const struct row rows[] = {
        {"a queue of its own", KUBE_JOB "spec: {parallelism: 3, " TEMPLATE "}\n",
         "job.yaml:4:21: spec.parallelism: pods that share a queue of their own end together; say "
         "completions, and each is a job\n"},
        {"an index without a number", KUBE_JOB "spec: {completionMode: Indexed, " TEMPLATE "}\n",
         "job.yaml:4:24: spec.completionMode: Indexed needs completions\n"},
        {"rules of failures", KUBE_JOB "spec: {podFailurePolicy: {rules: []}, " TEMPLATE "}\n",
         "job.yaml:4:8: spec.podFailurePolicy: its rules are not read; say spec.retry of a "
         "BatchJob\n"},
        {"a label of ours",
         KUBE_JOB "spec: {template: {metadata: {labels: {nightshift/x: y}}, spec: {containers: "
                  "[{name: c, image: i}]}}}\n",
         "job.yaml:4:39: spec.template.metadata.labels.nightshift/x: labels nightshift/... are "
         "given "
         "by the scheduler\n"},
        {"no template", KUBE_JOB "spec: {}\n",
         "job.yaml:4:1: spec.template: missing; it is required\n"},
    };

    check_rows(rows, ARRAY_LEN(rows));
}

TEST(manifest__canonical_json_of_itself_is_itself) {
    static const char text[] = SPARK NAMED
        "spec:\n  sparkConf: {n: 1.50, t: \"a\\u2028\\\"\\\\\\u0001\xf0\x9f\x98\x80\"}\n"
        "  memoryOverheadFactor: 0.1\n  driver: {lifecycle: {a: [0x10, 1e400, -0.0, 1e20]}}\n";
    struct problems problems = {0};
    struct manifest_set first;
    struct manifest_set second;
    char *again;

    CHECK_OK(manifest_set_parse(text, sizeof text - 1, &first, &problems), "first");
    again = mem_format("{\"apiVersion\":\"sparkoperator.k8s.io/v1beta2\",\"kind\":"
                       "\"SparkApplication\",\"metadata\":{\"name\":\"b\"},%s",
                       strstr(first.items[0].payload, "\"spec\":"));
    CHECK_OK(manifest_set_parse(again, strlen(again), &second, &problems), again);
    CHECK_STR(second.items[0].payload, first.items[0].payload, "the same bytes");
    free(again);
    manifest_set_destroy(&first);
    manifest_set_destroy(&second);
}

TEST(manifest_explain__leads_back_to_what_the_user_wrote) {
    static const char text[] = BATCH NAMED
        "spec:\n  spark:\n    sparkConf:\n      spark.driver.bindAddress: 1.2.3.4\n"
        "---\n" SPARK NAMED "spec:\n  driver: {memory: 1g}\n"
        "---\napiVersion: v1\nkind: List\nitems:\n"
        "- {apiVersion: v1, kind: Pod, metadata: {name: c}, spec: {containers: [{name: c}]}}\n"
        "---\n" BATCH "metadata: {name: d, namespace: n, labels: {x: y}}\n"
        "spec: {pod: {metadata: {labels: {z: z}}, spec: {containers: []}}}\n";
    static const struct {
        size_t job;
        const char *path;
        const char *want;
    } rows[] = {
        {0, "spec.sparkConf.spark.driver.bindAddress",
         "f:7:33: spec.spark.sparkConf.spark.driver.bindAddress: no\n"},
        {0, "spec.mainClass", "f:5:3: spec.spark.mainClass: no\n"},
        {0, "metadata.labels.x", "f:3:1: metadata.labels.x: no\n"},
        {0, "", "f:5:3: spec.spark: no\n"},
        {1, "spec.driver.memory", "f:13:20: spec.driver.memory: no\n"},
        {1, "spec.executor.memory", "f:12:1: spec.executor.memory: no\n"},
        {3, "metadata.namespace", "f:22:32: metadata.namespace: no\n"},
        {3, "metadata.labels.x", "f:22:47: metadata.labels.x: no\n"},
        {3, "metadata.labels.z", "f:23:37: spec.pod.metadata.labels.z: no\n"},
        {2, "spec.containers[0].image", "f:18:72: items[0].spec.containers[0].image: no\n"},
    };
    struct problems problems = {0};
    struct manifest_set set;

    CHECK_OK(manifest_set_parse(text, sizeof text - 1, &set, &problems), "parse");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct manifest *manifest = &set.items[rows[i].job];
        struct buf out;

        buf_init(&out, 1000);
        manifest_explain(manifest, rows[i].path, "no", &problems);
        problems_print(&problems, "f", &out);
        CHECK_STR(buf_text(&out), rows[i].want, rows[i].path);
        CHECK_EQ(manifest_position(manifest, rows[i].path).line, problems.items[0].place.line,
                 rows[i].path);
        problems_finish(&problems);
        buf_finish(&out);
    }
    manifest_set_destroy(&set);
}

static void check_example(const char *file, const char *want) {
    struct buf text;
    struct buf out;
    char line[1024];
    char *payload;
    FILE *in = fopen(file, "r");

    CHECK(in != NULL, file);
    buf_init(&text, LIMIT_MIB);
    buf_init(&out, LIMIT_MIB);
    while (fgets(line, sizeof line, in) != NULL) {
        buf_add_text(&text, line);
    }
    (void)fclose(in);
    read_as_text(buf_text(&text), &out);
    payload = strstr(out.data, " {\"metadata\"");
    CHECK(payload != NULL, out.data);
    *payload = '\0';
    CHECK_STR(out.data, want, file);
    buf_finish(&text);
    buf_finish(&out);
}

TEST(manifest__examples_are_taken) {
    check_example("examples/spark-pi.yaml",
                  "spark spark/spark-pi team=research priority=10 retries=3 first=30000000 "
                  "max=600000000 ttl=3600 expected=300000000");
    check_example("examples/spark-application.yaml",
                  "spark spark/daily-report team=reporting priority=5 retries=2 first=60000000 "
                  "ttl=86400 expected=2700000000");
    check_example("examples/pyspark.yaml", "spark spark/etl-daily team=etl hold");
    check_example("examples/job.yaml",
                  "pod spark/thumbnails priority=5 retries=1 longest=3600000000");
    check_example("examples/pod.yaml", "pod ops/nightly-backup team=ops retries=1 ttl=3600");
}

#define SCHEDULE "apiVersion: nightshift/v1\nkind: Schedule\nmetadata: {name: s, labels: {a: b}}\n"
#define CRON_JOB "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: s, labels: {a: b}}\n"
#define SCHEDULED_SPARK                                                                     \
    "apiVersion: sparkoperator.k8s.io/v1beta2\nkind: ScheduledSparkApplication\nmetadata: " \
    "{name: s, labels: {a: b}}\n"
#define OF_PODS  "template: {spec: {pod: {spec: {containers: [{name: c}]}}}}"
#define OF_A_JOB "jobTemplate: {spec: {template: {spec: {containers: [{name: c}]}}}}"

TEST(manifest__knows_three_kinds_of_schedules) {
    static const struct row rows[] = {
        {"the least of a schedule", SCHEDULE "spec: {cron: '@daily', " OF_PODS "}\n",
         "pod /s [@daily] zone= Allow last "
         "{\"metadata\":{},\"spec\":{\"containers\":[{\"name\":\"c\"}]}}\n"},
        {"everything",
         SCHEDULE
         "spec:\n  cron: 30 22 * * mon-fri\n  zone: Europe/Berlin\n  semantics: kubernetes\n"
         "  gap: run\n  repeat: last\n  jitter: 5m\n  overlap: Forbid\n  suspend: true\n"
         "  misfire: {policy: all, maxLateness: 2h, maxCount: 9}\n"
         "  from: 2026-12-01\n  until: 2026-12-31T06:00\n"
         "  businessDate: {dayStart: '06:00', offsetDays: -1}\n"
         "  history: {succeeded: 3, failed: 5}\n"
         "  template: {metadata: {labels: {x: y}}, spec: {team: red, priority: 5, "
         "pod: {spec: {containers: [{name: c}]}}}}\n",
         "pod /s team=red priority=5 [30 22 * * mon-fri] zone=Europe/Berlin Forbid all repeat=1 "
         "late=7200000000 count=9 jitter=300000000 from=1796083200 until=1798696800 start=21600 "
         "offset=-1 succeeded=3 failed=5 suspended "
         "{\"metadata\":{\"labels\":{\"x\":\"y\"}},\"spec\":{\"containers\":[{\"name\":\"c\"}]}}"
         "\n"},
        {"a Spark template", SCHEDULE "spec: {cron: '@daily', template: {spec: {spark: {}}}}\n",
         "spark /s [@daily] zone= Allow last {\"metadata\":{},\"spec\":{}}\n"},
        {"a CronJob and its defaults", CRON_JOB "spec: {schedule: '5/15 * * * *', " OF_A_JOB "}\n",
         "pod /s retries=6 [5/15 * * * *] zone= Allow last gap=1 repeat=2 keeps "
         "{\"metadata\":{},\"spec\":{\"containers\":[{\"name\":\"c\"}]}}\n"},
        {"all of a CronJob",
         CRON_JOB
         "spec:\n  schedule: 0 1 * * *\n  timeZone: Asia/Tokyo\n  concurrencyPolicy: Replace\n"
         "  startingDeadlineSeconds: 60\n  suspend: true\n  successfulJobsHistoryLimit: 3\n"
         "  failedJobsHistoryLimit: 0\n"
         "  jobTemplate:\n    metadata: {labels: {x: y}}\n    spec: {backoffLimit: 2, "
         "activeDeadlineSeconds: 30, ttlSecondsAfterFinished: 7, template: {metadata: {labels: {z: "
         "w}}, spec: {containers: [{name: c}]}}}\nstatus: {}\n",
         "pod /s retries=2 ttl=7 longest=30000000 [0 1 * * *] zone=Asia/Tokyo Replace last gap=1 "
         "repeat=2 late=60000000 succeeded=3 failed=0 suspended keeps "
         "{\"metadata\":{\"labels\":{\"x\":\"y\",\"z\":\"w\"}},\"spec\":{\"containers\":[{"
         "\"name\":\"c\"}]}}\n"},
        {"all of a ScheduledSparkApplication",
         SCHEDULED_SPARK
         "spec:\n  schedule: '@hourly'\n  timeZone: Local\n  concurrencyPolicy: Forbid\n"
         "  suspend: false\n  successfulRunHistoryLimit: 1\n  failedRunHistoryLimit: 2\n"
         "  template: {restartPolicy: {type: Never}}\n",
         "spark /s retries=0 [@hourly] zone= Forbid last gap=1 repeat=2 succeeded=1 failed=2 keeps "
         "{\"metadata\":{\"labels\":{\"a\":\"b\"}},\"spec\":{\"restartPolicy\":{\"type\":\"Never\"}"
         "}"
         "}\n"},
        {"a line that is none", SCHEDULE "spec:\n  cron: 61 * * * *\n  " OF_PODS "\n",
         "job.yaml:5:9: spec.cron: minute \"61\": not a value, range, list or step of this "
         "field\n"},
        {"dates that are none",
         SCHEDULE "spec:\n  cron: '@daily'\n  from: 2026-13-01\n  until: 2026-12-01T25:00\n  "
                  "businessDate: {dayStart: x}\n  " OF_PODS "\n",
         "job.yaml:6:9: spec.from: not a date; write it like 2026-12-24 or 2026-12-24T22:00\n"
         "job.yaml:7:10: spec.until: not a date; write it like 2026-12-24 or 2026-12-24T22:00\n"
         "job.yaml:8:3: spec.businessDate: dayStart is not a time of day; write it like 06:00\n"},
        {"a template with nothing to run",
         SCHEDULE "spec:\n  cron: '@daily'\n  template: {spec: {team: a}}\n",
         "job.yaml:6:14: spec.template.spec: nothing to run; it needs one of spark and pod\n"},
        {"a mistake in the template has its path",
         SCHEDULE "spec:\n  cron: '@daily'\n  template:\n    spec: {pod: {spec: {containers: "
                  "[{name: c, imagee: x}]}}}\n",
         "job.yaml:7:48: spec.template.spec.pod.spec.containers[0].imagee: unknown field (did you "
         "mean \"image\"?)\n"},
        {"Jobs of several pods",
         CRON_JOB "spec: {schedule: '@daily', jobTemplate: {spec: "
                  "{completions: 2, template: {spec: {containers: [{name: "
                  "c}]}}}}}\n",
         "job.yaml:4:62: spec.jobTemplate.spec: the jobs of a CronJob have one pod; of a Schedule "
         "its "
         "template may have an array\n"},
        {"a count without all",
         SCHEDULE "spec:\n  cron: '@daily'\n  misfire: {maxCount: 3}\n  " OF_PODS "\n",
         "job.yaml:6:3: spec.misfire: maxCount is of policy: all\n"},
    };

    check_rows(rows, ARRAY_LEN(rows));
}

/* --- Secrets --------------------------------------------------------------------------------- */

/* Readable, so that rows show what is sealed for what. */
static char *seal_plainly(void *context, const char *namespace, const char *place,
                          const void *secret, size_t bytes, struct error *error) {
    (void)context;
    if (strcmp(namespace, "nowhere") == 0) {
        (void)error_set(error, ERR_IO, "no key");
        return NULL;
    }
    return mem_format("sealed:%s/%s=%.*s", namespace, place, (int)bytes, (const char *)secret);
}

#define SECRETS "localFiles: {keytab: {k: aGk=}, driverCredentials: {ca-cert: 'Yg=='}}"
#define SEALED(namespace)                                                                          \
    "{\"localFiles\":{\"driverCredentials\":{\"ca-cert\":\"sealed:" namespace "/driverCredentials" \
                                                                              "/ca-cert=b\"},"     \
                                                                              "\"keytab\":{\"k\":" \
                                                                              "\"sealed"           \
                                                                              ":" namespace "/key" \
                                                                                            "tab/" \
                                                                                            "k="   \
                                                                                            "hi\"" \
                                                                                            "}}"

TEST(manifest_set_parse_with__seals_secrets_before_anything_is_made_of_them) {
    static const struct manifest_sealer sealer = {.seal = seal_plainly};
    static const struct manifest_defaults defaults = {"", "", 0, "", &sealer};
    static const struct {
        const char *what, *text;
        const char *want[2]; /* payloads; NULL: no second one */
        const char *document;
    } rows[] = {
        {"an application", SPARK NAMED "spec: {" SECRETS "}", {SEALED("") "}}", NULL}, NULL},
        {"with a namespace",
         SPARK "metadata: {name: a, namespace: n}\nspec: {" SECRETS "}",
         {SEALED("n") "}}", NULL},
         NULL},
        {"a job", BATCH NAMED "spec: {spark: {" SECRETS "}}", {SEALED("") "}}", NULL}, NULL},
        {"two that share it by an alias",
         "apiVersion: v1\nkind: List\nitems:\n- &a {apiVersion: nightshift/v1, kind: BatchJob, "
         "metadata: {name: a}, spec: {spark: {" SECRETS "}}}\n- *a\n",
         {SEALED("") "}}", SEALED("") "}}"},
         NULL},
        {"a schedule",
         "apiVersion: nightshift/v1\nkind: Schedule\nmetadata: {name: a, namespace: s}\nspec: "
         "{cron: '0 1 * * *', template: {spec: {spark: {" SECRETS "}}}}",
         {SEALED("s") "}}", NULL},
         SEALED("s")},
        {"an operator's schedule",
         "apiVersion: sparkoperator.k8s.io/v1beta2\nkind: ScheduledSparkApplication\n" NAMED
         "spec: {schedule: '0 1 * * *', template: {" SECRETS "}}",
         {SEALED("") "}}", NULL},
         SEALED("")},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct problems problems = {0};
        struct manifest_set set;

        CHECK_OK(
            manifest_set_parse_with(&defaults, rows[i].text, strlen(rows[i].text), &set, &problems),
            rows[i].what);
        for (size_t j = 0; j < 2 && rows[i].want[j] != NULL; j++) {
            CHECK(set.items[j].has_secrets, rows[i].what);
            CHECK_STR(strstr(set.items[j].payload, "\"spec\":") + strlen("\"spec\":"),
                      rows[i].want[j], rows[i].what);
        }
        if (rows[i].document != NULL) {
            CHECK(strstr(set.items[0].schedule->document, rows[i].document) != NULL,
                  set.items[0].schedule->document);
        }
        manifest_set_destroy(&set);
    }
}

TEST(manifest_set_parse_with__refuses_secrets_that_are_none) {
    static const struct manifest_sealer sealer = {.seal = seal_plainly};
    static const struct {
        const char *what, *files;
        bool is_stored;
        const char *want; /* the message's beginning; NULL: it is taken */
    } rows[] = {
        {"no base64", "{keytab: {k: '?'}}", false, "is not base64"},
        {"a number that is no base64", "{keytab: {k: 5}}", false, "is not base64"},
        {"a number that is", "{keytab: {k: 1234}}", false, NULL},
        {"a list", "{keytab: {k: [aGk=]}}", false, "must be text"},
        {"nothing", "{keytab: {k: null}}", false, "must be"},
        {"none", "{keytab: {}}", false, NULL},
        {"none at all", "{keytab: null}", false, NULL},
        {"no map", "{keytab: aGk=}", false, "must be"},
        {"sealed, from outside", "{keytab: {k: 'sealed:1:x:y'}}", false, "is sealed already"},
        {"sealed, of the store", "{keytab: {k: 'sealed:1:x:y'}}", true, NULL},
        {"in clear, of the store", "{keytab: {k: aGk=}}", true, "a secret can't be sealed here"},
        {"of no known name", "{driverCredentials: {password: aGk=}}", false, "unknown field"},
        {"without a key", "{keytab: {k: aGk=}}}\nmetadata: {name: a, namespace: nowhere}#", false,
         "no key"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const bool named = strstr(rows[i].files, "metadata") != NULL;
        char *text = mem_format(SPARK "%sspec: {localFiles: %s%s\n", named ? "" : NAMED,
                                rows[i].files, named ? "" : "}");
        const struct manifest_defaults defaults = {"", "", 0, "",
                                                   rows[i].is_stored ? NULL : &sealer};
        struct problems problems = {0};
        struct manifest_set set = {0};
        int r = manifest_set_parse_with(&defaults, text, strlen(text), &set, &problems);

        CHECK_EQ(r, rows[i].want != NULL ? ERR_INVALID : OK, rows[i].what);
        CHECK(rows[i].want == NULL ||
                  strncmp(problems.items[0].message, rows[i].want, strlen(rows[i].want)) == 0,
              problems.count > 0 ? problems.items[0].message : rows[i].what);
        problems_finish(&problems);
        manifest_set_destroy(&set);
        free(text);
    }
}
