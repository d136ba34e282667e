#include "k8s/payload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/limits.h"
#include "base/memory.h"
#include "base/seal.h"
#include "k8s/codec_json.h"
#include "k8s/codec_pod_spec.h"
#include "k8s/spark_conf.h"
#include "k8s/spark_operator.h"
#include "k8s/spark_properties.h"
#include "policy/avoid.h"
#include "policy/demand.h"
#include "policy/resources.h"
#include "tests/test.h"

#define MIB          ((int64_t)1 << 20)
#define STORE        "5f0c2f5e-7d7c-4b5e-9a0e-0a1b2c3d4e5f"
#define SUBMITTED_US (INT64_C(1795384800) * 1000000)

#define JVM                                                                         \
    "'image':'apache/spark:3.5.6','mainClass':'org.apache.spark.examples.SparkPi'," \
    "'mainApplicationFile':'local:///opt/spark/examples/jars/spark-examples_2.12-3.5.6.jar'"

/* JSON with single quotes, which no test needs for itself. Owned. */
static char *json_of(const char *text) {
    char *json = mem_copy_text(text);

    for (char *at = json; *at != '\0'; at++) {
        *at = *at == '\'' ? '"' : *at;
    }
    return json;
}

/* A payload from the members of its spec. */
static int read_spec(const char *spec, struct payload **out_payload, struct field_error *error) {
    char *text = mem_format("{'spec':{%s}}", spec);
    char *json = json_of(text);
    int r = payload_read(JOB_KIND_SPARK, json, strlen(json), "spark", out_payload, error);

    free(json);
    free(text);
    return r;
}

/* The demand is counted before the body is printed: it must be the printed body's. */
static void check_demand_is_the_bodys(const struct payload *payload, const char *what) {
    static const struct payload_run run = {
        .id = {.job_name = "other", .store_uid = STORE, .job_id = 77, .attempt = 3},
        .namespace_ = "spark",
        .submitted_us = 5};
    struct resource_names names = {0};
    struct field_error error = {0};
    struct demand *counted = NULL;
    struct demand *posted = demand_create();
    char *body = payload_pod_body(payload, &run);
    struct json_t *root = NULL;
    struct json_at top;
    struct json_at spec;

    if (payload_demand(payload, &names, &counted, &error) == OK) {
        CHECK_OK(json_parse_object(body, strlen(body), LIMIT_KUBE_OBJECT_BYTES, &root, &error),
                 what);
        top = json_at_root(root);
        spec = json_at_key(&top, "spec");
        CHECK_OK(codec_pod_spec_read(&spec, &names, CODEC_NAMES_STRICT,
                                     &demand_add_group(posted, counted->groups[0].role, 1)->pod,
                                     &error),
                 what);
        demand_settle(posted);
        CHECK(pod_demand_equal(&counted->groups[0].pod, &posted->groups[0].pod), what);
    }
    json_drop(root);
    free(body);
    demand_destroy(posted);
    demand_destroy(counted);
    resource_names_finish(&names);
}

static struct payload *must_read(const char *spec, const char *what) {
    struct payload *payload = NULL;
    struct field_error error = {0};
    int r = read_spec(spec, &payload, &error);

    if (r < 0) {
        fprintf(stderr, "%s: %s: %s\n", what, error.path, error.error.text);
    }
    CHECK_OK(r, what);
    check_demand_is_the_bodys(payload, what);
    return payload;
}

static struct payload_run run_of(const char *name) {
    return (struct payload_run){
        .id = {.job_name = name, .store_uid = STORE, .job_id = 42, .attempt = 1},
        .namespace_ = "spark",
        .submitted_us = SUBMITTED_US,
    };
}

/* One of what is created beside the pod; NULL: there is none. Owned. */
static char *part_body(const struct payload *payload, const struct payload_run *run,
                       const char *owner_uid, enum payload_part_kind kind) {
    struct payload_part part;

    return payload_part_make(payload, run, owner_uid, kind, &part) ? part.body : NULL;
}

/* A body, parsed. */
static json_t *parsed(char *body) {
    json_t *root = json_loads(body, 0, NULL);

    free(body);
    CHECK(root != NULL, "a body is JSON");
    return root;
}

/* Follow keys and indices: "spec.containers.0.env"; \x01 is a dot in a key. NULL where there is
 * nothing. */
static json_t *at(json_t *root, const char *path) {
    while (root != NULL && *path != '\0') {
        size_t length = strcspn(path, ".");
        char key[256];

        (void)snprintf(key, sizeof key, "%.*s", (int)length, path);
        for (char *dot = key; (dot = strchr(dot, '\x01')) != NULL;) {
            *dot = '.';
        }
        root = json_is_array(root) ? json_array_get(root, (size_t)atoi(key))
                                   : json_object_get(root, key);
        path += length + (path[length] == '.' ? 1 : 0);
    }
    return root;
}

static const char *text_at(json_t *root, const char *path) {
    return json_string_value(at(root, path));
}

/* The properties in a conf map's body; spark_conf_finish() them. */
static struct spark_conf properties_of(const struct payload *payload,
                                       const struct payload_run *run) {
    struct spark_conf conf = {0};
    json_t *map = parsed(part_body(payload, run, "uid-1", PAYLOAD_CONF_MAP));
    const char *text = json_string_value(json_object_get(at(map, "data"), "spark.properties"));

    CHECK(text != NULL, "the conf map has properties");
    CHECK_OK(spark_properties_parse(text, strlen(text), &conf), "the properties are readable");
    json_decref(map);
    return conf;
}

/* --- Golden bodies ---------------------------------------------------------- */

static char *read_file(const char *path) {
    FILE *file = fopen(path, "r");
    char *text;
    size_t count;

    if (file == NULL) {
        return NULL;
    }
    text = mem_alloc(1 << 20, 1);
    count = fread(text, 1, (1 << 20) - 1, file);
    text[count] = '\0';
    (void)fclose(file);
    return text;
}

/* To take new bodies as golden: run the test with NIGHTSHIFT_GOLDEN set to the folder to write
 * to, and review the difference. */
static void check_golden(const char *name, char *body) {
    const char *folder = getenv("NIGHTSHIFT_GOLDEN");
    char *path = mem_format("%s/%s.json", folder != NULL ? folder : "tests/k8s/golden", name);
    json_t *root = parsed(body);
    char *got = json_dumps(root, JSON_INDENT(2));
    char *want;

    if (folder != NULL) {
        FILE *file = fopen(path, "w");

        CHECK(file != NULL, path);
        (void)fprintf(file, "%s\n", got);
        (void)fclose(file);
    }
    want = read_file(path);
    CHECK(want != NULL, path);
    if (want[0] != '\0') {
        want[strlen(want) - 1] = '\0';
    }
    CHECK_STR(got, want, name);
    free(want);
    free(got);
    json_decref(root);
    free(path);
}

TEST(payload_bodies__equal_the_reviewed_ones) {
    static const struct {
        const char *name;
        const char *spec;
    } rows[] = {
        {"jvm-3.5", "'type':'Scala','sparkVersion':'3.5.6'," JVM
                    ",'arguments':['1000'],'driver':{'serviceAccount':'spark'},"
                    "'executor':{'instances':5}"},
        {"jvm-4.0", "'type':'Scala','image':'apache/spark:4.0.1',"
                    "'mainClass':'org.apache.spark.examples.SparkPi',"
                    "'mainApplicationFile':'local:///opt/spark/examples/jars/pi.jar',"
                    "'driver':{'serviceAccount':'spark'}"},
        {"python-3.5", "'type':'Python','sparkVersion':'3.5.6','image':'apache/spark-py:3.5.6',"
                       "'mainApplicationFile':'s3a://b/main.py','arguments':['--day','2026-11-22'],"
                       "'deps':{'pyFiles':['s3a://b/deps.zip']}"},
        {"python-4.1", "'type':'Python','image':'apache/spark:4.1.2-python3',"
                       "'mainApplicationFile':'local:///app/main.py'"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct payload *payload = must_read(rows[i].spec, rows[i].name);
        struct payload_run run = run_of("spark-pi");
        char name[64];

        (void)snprintf(name, sizeof name, "%s-pod", rows[i].name);
        check_golden(name, payload_pod_body(payload, &run));
        (void)snprintf(name, sizeof name, "%s-service", rows[i].name);
        check_golden(name, part_body(payload, &run, "uid-1", PAYLOAD_SERVICE));
        (void)snprintf(name, sizeof name, "%s-conf-map", rows[i].name);
        check_golden(name, part_body(payload, &run, "uid-1", PAYLOAD_CONF_MAP));
        payload_destroy(payload);
    }
}

/* --- Totals ----------------------------------------------------------------- */

#define CONF_73                                                                                  \
    "'spark.driver.memory':'4g','spark.driver.cores':'2',"                                       \
    "'spark.kubernetes.driver.request.cores':'1500m','spark.kubernetes.driver.limit.cores':'2'," \
    "'spark.executor.memory':'8g','spark.executor.memoryOverhead':'2g',"                         \
    "'spark.executor.cores':'4','spark.kubernetes.executor.request.cores':'3500m',"              \
    "'spark.kubernetes.executor.limit.cores':'4','spark.executor.instances':'4',"                \
    "'spark.kubernetes.driver.secrets.db-cred':'/etc/db',"                                       \
    "'spark.kubernetes.executor.secrets.db-cred':'/etc/db',"                                     \
    "'spark.kubernetes.driver.secretKeyRef.DB_PASS':'db-cred:password',"                         \
    "'spark.kubernetes.node.selector.disktype':'ssd',"                                           \
    "'spark.kubernetes.driver.node.selector.pool':'drivers',"                                    \
    "'spark.kubernetes.executor.node.selector.pool':'workers',"                                  \
    "'spark.kubernetes.driver.label.team':'fin',"                                                \
    "'spark.kubernetes.driver.annotation.run':'{{APP_ID}}',"                                     \
    "'spark.kubernetes.container.image.pullSecrets':'reg1,reg2'"

#define SPEC_73_WITH(more) JVM ",'sparkVersion':'4.1.0','sparkConf':{" CONF_73 more "}"
#define SPEC_73            SPEC_73_WITH("")

#define SPEC_72                                                                           \
    "'sparkVersion':'4.0.1','image':'i','mainApplicationFile':'s3a://b/main.py',"         \
    "'arguments':['--day','2026-11-22'],"                                                 \
    "'deps':{'pyFiles':['s3a://b/deps.zip','s3a://b/util.py']},"                          \
    "'driver':{'memory':'2g'},'executor':{'memory':'4g','cores':2,'instances':3},"        \
    "'sparkConf':{'spark.pyspark.python':'python3','spark.executor.pyspark.memory':'1g'," \
    "'spark.memory.offHeap.enabled':'true','spark.memory.offHeap.size':'512m'}"

TEST(payload_demand__adds_up_to_what_spark_asks_for) {
    static const struct {
        const char *what;
        const char *spec;
        int64_t driver_mib;
        int64_t executor_mib;
        int64_t executors;
        int64_t cpu_milli;
        int64_t cpu_limit_milli;
        int64_t memory_bytes;
        int64_t configmaps;
        int64_t networkpolicies;
        int64_t claims;
        int64_t gpus;
    } rows[] = {
        {"SparkPi on 3.5", JVM ",'executor':{'instances':5}", 1408, 1408, 5, 6000, 0, 8858370048, 2,
         0, 0, 0},
        {"PySpark with everything beside the heap", SPEC_72, 2867, 7270, 3, 7000, 0, 25875709952, 2,
         0, 0, 0},
        {"limits on both roles", SPEC_73, 4505, 10240, 4, 15500, 18000, 47673507840, 2, 0, 0, 0},
        {"dynamic allocation with claims, at its start",
         JVM ",'sparkConf':{'spark.driver.memory':'2g','spark.executor.memory':'2g',"
             "'spark.executor.cores':'2','spark.executor.memoryOverheadFactor':'0.2',"
             "'spark.dynamicAllocation.enabled':'true','spark.executor.instances':'3',"
             "'spark.dynamicAllocation.minExecutors':'2',"
             "'spark.dynamicAllocation.initialExecutors':'4',"
             "'spark.dynamicAllocation.maxExecutors':'20',"
             "'spark.kubernetes.executor.volumes.persistentVolumeClaim.spark-local-dir-1.options."
             "claimName':'OnDemand',"
             "'spark.kubernetes.executor.volumes.persistentVolumeClaim.spark-local-dir-1.options."
             "storageClass':'fast',"
             "'spark.kubernetes.executor.volumes.persistentVolumeClaim.spark-local-dir-1.options."
             "sizeLimit':'50Gi',"
             "'spark.kubernetes.executor.volumes.persistentVolumeClaim.spark-local-dir-1.mount."
             "path':'/data'}",
         2432, 2457, 4, 9000, 0, 12260 * MIB, 2, 0, 4, 0},
        {"executors with a GPU each, 4.2",
         JVM ",'sparkVersion':'4.2.0','sparkConf':{'spark.executor.instances':'2',"
             "'spark.executor.cores':'4','spark.executor.memory':'16g',"
             "'spark.executor.resource.gpu.amount':'1',"
             "'spark.executor.resource.gpu.vendor':'nvidia.com',"
             "'spark.executor.resource.gpu.discoveryScript':'/opt/spark/bin/gpus.sh',"
             "'spark.task.resource.gpu.amount':'0.25'}",
         1408, 18022, 2, 9000, 0, 39271268352, 2, 1, 0, 2},
        {"one executor unless told otherwise", JVM, 1408, 1408, 1, 2000, 0, 2816 * MIB, 2, 0, 0, 0},
        {"a driver that works alone", JVM ",'driver':{'kubernetesMaster':'local[2]'}", 1408, 0, 0,
         1000, 0, 1408 * MIB, 1, 0, 0, 0},
        {"no ConfigMap of the executors",
         JVM ",'sparkConf':{'spark.kubernetes.executor.disableConfigMap':'true'}", 1408, 1408, 1,
         2000, 0, 2816 * MIB, 1, 0, 0, 0},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct payload *payload = must_read(rows[i].spec, rows[i].what);
        struct resource_names names = {0};
        struct field_error error = {0};
        struct demand *demand = NULL;
        size_t gpu;

        CHECK_OK(payload_demand(payload, &names, &demand, &error), rows[i].what);
        CHECK_EQ(demand->groups[0].count, 1, rows[i].what);
        CHECK_EQ(demand->groups[0].requests.amount[RESOURCE_MEMORY], rows[i].driver_mib * MIB,
                 rows[i].what);
        CHECK_EQ(demand->group_count, rows[i].executors > 0 ? 2 : 1, rows[i].what);
        if (rows[i].executors > 0) {
            CHECK_EQ(demand->groups[1].count, rows[i].executors, rows[i].what);
            CHECK_EQ(demand->groups[1].requests.amount[RESOURCE_MEMORY], rows[i].executor_mib * MIB,
                     rows[i].what);
        }
        CHECK_EQ(demand->requests.amount[RESOURCE_CPU], rows[i].cpu_milli, rows[i].what);
        CHECK_EQ(demand->limits.amount[RESOURCE_CPU], rows[i].cpu_limit_milli, rows[i].what);
        CHECK_EQ(demand->requests.amount[RESOURCE_MEMORY], rows[i].memory_bytes, rows[i].what);
        CHECK_EQ(demand->limits.amount[RESOURCE_MEMORY], rows[i].memory_bytes, rows[i].what);
        CHECK_EQ(demand->requests.amount[RESOURCE_PODS], 1 + rows[i].executors, rows[i].what);
        CHECK_EQ(demand_object_amount(demand, "services"), 1, rows[i].what);
        CHECK_EQ(demand_object_amount(demand, "configmaps"), rows[i].configmaps, rows[i].what);
        CHECK_EQ(demand_object_amount(demand, "networkpolicies.networking.k8s.io"),
                 rows[i].networkpolicies, rows[i].what);
        CHECK_EQ(demand_object_amount(demand, "persistentvolumeclaims"), rows[i].claims,
                 rows[i].what);
        CHECK_EQ(demand_object_amount(demand, "requests.storage"), rows[i].claims * 50 * 1024 * MIB,
                 rows[i].what);
        CHECK_EQ(demand_object_amount(demand, "fast.storageclass.storage.k8s.io/requests.storage"),
                 rows[i].claims * 50 * 1024 * MIB, rows[i].what);
        gpu = resource_find(&names, "nvidia.com/gpu");
        CHECK_EQ(gpu == RESOURCE_NONE ? 0 : demand->requests.amount[gpu], rows[i].gpus,
                 rows[i].what);
        demand_destroy(demand);
        resource_names_finish(&names);
        payload_destroy(payload);
    }
}

TEST(payload_demand__computes_the_overhead_as_the_jvm_does) {
    static const struct {
        const char *memory;
        int64_t jvm_mib;
        int64_t python_mib;
    } rows[] = {
        {"512m", 896, 896},    {"1g", 1408, 1433},    {"2g", 2432, 2867},    {"3g", 3456, 4300},
        {"4g", 4505, 5734},    {"8g", 9011, 11468},   {"10g", 11264, 14336}, {"16g", 18022, 22937},
        {"32g", 36044, 45875}, {"64g", 72089, 91750}, {"1536M", 1920, 2150}, {"2048", 2432, 2867},
    };

    for (size_t i = 0; i < 2 * ARRAY_LEN(rows); i++) {
        bool is_python = i % 2 == 1;
        char *spec = mem_format("'image':'i','mainClass':'C','mainApplicationFile':'local:///a.%s',"
                                "'driver':{'memory':'%s'},'executor':{'memory':'%s'}",
                                is_python ? "py" : "jar", rows[i / 2].memory, rows[i / 2].memory);
        struct payload *payload = must_read(spec, rows[i / 2].memory);
        int64_t want = is_python ? rows[i / 2].python_mib : rows[i / 2].jvm_mib;
        struct resource_names names = {0};
        struct field_error error = {0};
        struct demand *demand = NULL;

        CHECK_OK(payload_demand(payload, &names, &demand, &error), spec);
        CHECK_EQ(demand->groups[0].requests.amount[RESOURCE_MEMORY], want * MIB, spec);
        CHECK_EQ(demand->groups[1].requests.amount[RESOURCE_MEMORY], want * MIB, spec);
        demand_destroy(demand);
        resource_names_finish(&names);
        payload_destroy(payload);
        free(spec);
    }
}

TEST(payload_demand__counts_whatever_runs_beside_the_driver) {
    static const char spec[] = JVM
        ",'driver':{'sidecars':[{'name':'s','image':'i','resources':{'requests':{'cpu':'250m',"
        "'memory':'100Mi'}}}],'initContainers':[{'name':'w','image':'i','resources':{'requests':"
        "{'cpu':'3'}}}],'memoryLimit':'2g','gpu':{'name':'nvidia.com/gpu','quantity':1},"
        "'tolerations':[{'key':'spot','operator':'Exists'}],'nodeSelector':{'pool':'d'},"
        "'priorityClassName':'high'}";
    struct payload *payload = must_read(spec, "the spec");
    struct resource_names names = {0};
    struct field_error error = {0};
    struct demand *demand = NULL;
    const struct pod_group *driver;

    CHECK_OK(payload_demand(payload, &names, &demand, &error), "the demand");
    driver = &demand->groups[0];
    CHECK_EQ(driver->role, POD_ROLE_DRIVER, "the driver comes first");
    CHECK_EQ(driver->requests.amount[RESOURCE_CPU], 3000, "an init container can be the largest");
    CHECK_EQ(driver->requests.amount[RESOURCE_MEMORY], 1508 * MIB, "a sidecar adds up");
    CHECK_EQ(driver->limits.amount[RESOURCE_MEMORY], 2048 * MIB, "memoryLimit is the limit");
    CHECK_EQ(driver->requests.amount[resource_find(&names, "nvidia.com/gpu")], 1, "the GPU");
    CHECK_EQ(driver->pod.toleration_count, 2, "its toleration, and that of busy nodes");
    CHECK_STR(driver->pod.selectors[0].value, "d", "its selector");
    CHECK_STR(driver->pod.priority_class, "high", "its priority class");
    CHECK_EQ(demand->groups[1].pod.toleration_count, 1, "only that of busy nodes");
    CHECK_EQ(demand->groups[1].pod.selector_count, 0, "not the executors' selector");
    demand_destroy(demand);
    resource_names_finish(&names);
    payload_destroy(payload);
}

TEST(payload_demand__places_each_role_by_its_own_selectors) {
    static const char spec[] = SPEC_73_WITH(",'spark.kubernetes.node.selector.pool':'common'");
    struct payload *payload = must_read(spec, "the spec");
    struct resource_names names = {0};
    struct field_error error = {0};
    struct demand *demand = NULL;

    CHECK_OK(payload_demand(payload, &names, &demand, &error), "the demand");
    for (size_t i = 0; i < 2; i++) {
        const struct pod_demand *pod = &demand->groups[i].pod;

        CHECK_EQ(pod->selector_count, 2, "one of each key");
        for (size_t j = 0; j < pod->selector_count; j++) {
            bool is_pool = strcmp(pod->selectors[j].key, "pool") == 0;

            CHECK_STR(pod->selectors[j].value,
                      !is_pool ? "ssd"
                      : i == 0 ? "drivers"
                               : "workers",
                      "the role's own wins");
        }
    }
    demand_destroy(demand);
    resource_names_finish(&names);
    payload_destroy(payload);
}

TEST(payload_log_container__is_the_one_that_kubectl_would_take) {
    static const struct {
        const char *what;
        const char *json;
        const char *want;
    } rows[] = {
        {"the first of several",
         "{\"metadata\":{},\"spec\":{\"containers\":[{\"name\":\"a\",\"image\":\"i\"},"
         "{\"name\":\"b\",\"image\":\"i\"}]}}",
         "a"},
        {"the one that is named",
         "{\"metadata\":{\"annotations\":{\"kubectl.kubernetes.io/default-container\":\"b\"}},"
         "\"spec\":{\"containers\":[{\"name\":\"a\",\"image\":\"i\"},"
         "{\"name\":\"b\",\"image\":\"i\"}]}}",
         "b"},
    };
    struct payload *spark = must_read(SPEC_72, "the spec");

    CHECK_STR(payload_log_container(spark), "spark-kubernetes-driver", "Spark's driver");
    payload_destroy(spark);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct payload *payload = NULL;
        struct field_error error = {0};

        CHECK_OK(
            payload_read(JOB_KIND_POD, rows[i].json, strlen(rows[i].json), "n", &payload, &error),
            rows[i].what);
        CHECK_STR(payload_log_container(payload), rows[i].want, rows[i].what);
        payload_destroy(payload);
    }
}

TEST(payload_explain__shows_the_arithmetic) {
    static const char *const rows[][2] = {
        {SPEC_72,
         "driver: cpu 1, memory 2867Mi = 2048Mi heap + 819Mi overhead (max of 0.4 x 2048 "
         "and 384)\n"
         "3 x executor: cpu 2, memory 7270Mi = 4096Mi heap + 1638Mi overhead (max of 0.4 x "
         "4096 and 384) + 512Mi off-heap + 1024Mi pyspark\n"},
        {JVM ",'batchScheduler':'volcano','driver':{'memory':'2g'},'executor':{'instances':3,"
             "'memory':'2g','cores':2},'dynamicAllocation':{'enabled':true,'minExecutors':2,"
             "'initialExecutors':4,'maxExecutors':20},'sparkConf':{"
             "'spark.executor.memoryOverheadFactor':'0.2'}",
         "driver: cpu 1, memory 2432Mi = 2048Mi heap + 384Mi overhead (max of 0.1 x 2048 and 384)\n"
         "4 x executor: cpu 2, memory 2457Mi = 2048Mi heap + 409Mi overhead (max of 0.2 x 2048 and "
         "384)\n"
         "executors: the 4 that a dynamic allocation begins with; then 2 to 20 (at most cpu 41 and "
         "memory 51572Mi with the driver)\n"
         "batchScheduler volcano: not used, this queue starts all of it or nothing\n"},
        {JVM ",'dynamicAllocation':{'enabled':true,'minExecutors':1,'initialExecutors':2,"
             "'maxExecutors':9,'reserve':'min'}",
         "driver: cpu 1, memory 1408Mi = 1024Mi heap + 384Mi overhead (max of 0.1 x 1024 and 384)\n"
         "1 x executor: cpu 1, memory 1408Mi = 1024Mi heap + 384Mi overhead (max of 0.1 x 1024 and "
         "384)\n"
         "executors: the 1 that a dynamic allocation keeps, beginning with 2; then 1 to 9 (at most "
         "cpu 10 and memory 14080Mi with the driver)\n"},
        {JVM ",'dynamicAllocation':{'enabled':true,'initialExecutors':2,'maxExecutors':9,"
             "'reserve':'max'}",
         "driver: cpu 1, memory 1408Mi = 1024Mi heap + 384Mi overhead (max of 0.1 x 1024 and 384)\n"
         "9 x executor: cpu 1, memory 1408Mi = 1024Mi heap + 384Mi overhead (max of 0.1 x 1024 and "
         "384)\n"
         "executors: the 9 that a dynamic allocation may come to, beginning with 2; then 0 to 9 "
         "(at most cpu 10 and memory 14080Mi with the driver)\n"},
        {JVM ",'dynamicAllocation':{'enabled':true}",
         "driver: cpu 1, memory 1408Mi = 1024Mi heap + 384Mi overhead (max of 0.1 x 1024 and 384)\n"
         "0 x executor: cpu 1, memory 1408Mi = 1024Mi heap + 384Mi overhead (max of 0.1 x 1024 and "
         "384)\n"
         "executors: the 0 that a dynamic allocation begins with; then 0 or more, without a "
         "maximum\n"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct payload *payload = must_read(rows[i][0], rows[i][0]);
        struct buf text;

        buf_init(&text, 4096);
        payload_explain(payload, &text);
        CHECK_STR(buf_text(&text), rows[i][1], rows[i][0]);
        buf_finish(&text);
        payload_destroy(payload);
    }
}

/* --- Bodies in detail ------------------------------------------------------- */

TEST(payload_bodies__carry_secrets_selectors_labels_and_limits) {
    static const struct {
        const char *path;
        const char *want;
    } rows[] = {
        {"metadata.labels.team", "fin"},
        {"metadata.labels.spark-role", "driver"},
        {"metadata.labels.spark-app-name", "billing"},
        {"metadata.labels.spark-version", "4.1.0"},
        {"metadata.labels.nightshift/job-id", "42"},
        {"metadata.labels.nightshift/job-uid", STORE "-42"},
        {"metadata.labels.nightshift/attempt", "1"},
        {"spec.nodeSelector.disktype", "ssd"},
        {"spec.nodeSelector.pool", "drivers"},
        {"spec.imagePullSecrets.0.name", "reg1"},
        {"spec.imagePullSecrets.1.name", "reg2"},
        {"spec.volumes.0.name", "db-cred-volume"},
        {"spec.volumes.0.secret.secretName", "db-cred"},
        {"spec.containers.0.volumeMounts.0.mountPath", "/etc/db"},
        {"spec.containers.0.env.3.name", "DB_PASS"},
        {"spec.containers.0.env.3.valueFrom.secretKeyRef.name", "db-cred"},
        {"spec.containers.0.env.3.valueFrom.secretKeyRef.key", "password"},
        {"spec.containers.0.resources.requests.cpu", "1500m"},
        {"spec.containers.0.resources.limits.cpu", "2"},
        {"spec.containers.0.resources.limits.memory", "4505Mi"},
        {"spec.containers.0.ports.3.name", "spark-connect"},
    };
    struct payload *payload = must_read(SPEC_73, "the spec");
    struct payload_run run = run_of("billing");
    json_t *pod = parsed(payload_pod_body(payload, &run));
    json_t *service = parsed(part_body(payload, &run, NULL, PAYLOAD_SERVICE));

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CHECK_STR(text_at(pod, rows[i].path), rows[i].want, rows[i].path);
    }
    CHECK_STR(text_at(pod, "metadata.annotations.run"),
              text_at(pod, "metadata.labels.spark-app-selector"), "{{APP_ID}} is replaced");
    CHECK(json_equal(at(service, "spec.selector"), at(pod, "metadata.labels")),
          "the Service selects all of the pod's labels");
    CHECK(at(service, "metadata.ownerReferences") == NULL, "no owner unless it is known");
    json_decref(service);
    json_decref(pod);
    payload_destroy(payload);
}

TEST(payload_bodies__have_the_ports_and_objects_of_the_version) {
    static const struct {
        const char *version;
        size_t ports;
        bool has_policy;
        const char *protocol;
        bool forbids_escalation;
    } rows[] = {
        {"3.5.0", 3, false, NULL, false}, {"4.0.1", 3, false, NULL, false},
        {"4.1.2", 4, false, NULL, false}, {"4.2.0", 4, true, "grpc", false},
        {"4.3.0", 4, true, "grpc", true}, {"4.17.2", 4, true, "grpc", true},
        {"5.0.0", 4, true, "grpc", true},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char *spec = mem_format(JVM ",'sparkVersion':'%s'", rows[i].version);
        struct payload *payload = must_read(spec, rows[i].version);
        struct payload_run run = run_of("pi");
        json_t *pod = parsed(payload_pod_body(payload, &run));
        json_t *service = parsed(part_body(payload, &run, "u", PAYLOAD_SERVICE));
        char *policy = part_body(payload, &run, "u", PAYLOAD_NETWORK_POLICY);

        CHECK_EQ(json_array_size(at(pod, "spec.containers.0.ports")), rows[i].ports, spec);
        CHECK_EQ(json_array_size(at(service, "spec.ports")), rows[i].ports, spec);
        CHECK_STR(text_at(service, "spec.ports.3.appProtocol"), rows[i].protocol, spec);
        CHECK_EQ(policy != NULL, rows[i].has_policy, spec);
        CHECK_EQ(
            json_is_false(at(pod, "spec.containers.0.securityContext.allowPrivilegeEscalation")),
            rows[i].forbids_escalation, spec);
        CHECK_EQ(json_is_false(at(service, "spec.publishNotReadyAddresses")),
                 rows[i].forbids_escalation, spec);
        CHECK_STR(text_at(pod, "metadata.labels.spark-version"), rows[i].version, spec);
        free(policy);
        json_decref(service);
        json_decref(pod);
        payload_destroy(payload);
        free(spec);
    }
}

TEST(payload_version__is_told_from_the_image_where_nothing_says_it) {
    static const struct {
        const char *image;
        const char *version;
    } rows[] = {
        {"apache/spark:4.3.0-scala2.13-java21-python3-ubuntu", "4.3.0"},
        {"r:5000/spark:v4.1.2", "4.1.2"},
        {"spark:4.9.9", "4.9.9"},
        {"spark:3.4.1", "3.5.0"}, /* older than any we know */
        {"etl:24.11.2", "3.5.0"}, /* a date, or the application's own number */
        {"etl:2024.11.2", "3.5.0"},
        {"etl:7.0.0", "3.5.0"},
        {"etl:latest", "3.5.0"},
        {"r:5000/etl", "3.5.0"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char *spec = mem_format("'mainClass':'C','mainApplicationFile':'local:///a.jar',"
                                "'image':'%s'",
                                rows[i].image);
        struct payload *payload = must_read(spec, rows[i].image);
        struct payload_run run = run_of("pi");
        json_t *pod = parsed(payload_pod_body(payload, &run));

        CHECK_STR(text_at(pod, "metadata.labels.spark-version"), rows[i].version, rows[i].image);
        json_decref(pod);
        payload_destroy(payload);
        free(spec);
    }
}

TEST(payload_bodies__have_sparks_version_in_the_images_name_from_4_1_on) {
    static const char *const rows[][2] = {
        {"4.1.2", "r:5000/spark:4.1.2-java21-4.1.2"},
        {"4.0.1", "r:5000/spark:{{SPARK_VERSION}}-java21-{{SPARK_VERSION}}"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char spec[512];
        struct payload *payload;
        struct payload_run run = run_of("pi");
        json_t *pod;

        (void)snprintf(spec, sizeof spec,
                       "'image':'r:5000/spark:{{SPARK_VERSION}}-java21-{{SPARK_VERSION}}',"
                       "'sparkVersion':'%s','mainClass':'C','mainApplicationFile':'local:///a.jar'",
                       rows[i][0]);
        payload = must_read(spec, rows[i][0]);
        pod = parsed(payload_pod_body(payload, &run));
        CHECK_STR(text_at(pod, "spec.containers.0.image"), rows[i][1], rows[i][0]);
        json_decref(pod);
        payload_destroy(payload);
    }
}

/* Who says so may let a container gain rights again. */
TEST(payload_bodies__forbid_more_rights_unless_told_otherwise) {
    static const struct {
        const char *what;
        const char *spec;
        bool allowed;
    } rows[] = {
        {"nothing said", "'x':'y'", false},
        {"for both", "'spark.kubernetes.securityContext.allowPrivilegeEscalation':'true'", true},
        {"for the driver",
         "'spark.kubernetes.driver.securityContext.allowPrivilegeEscalation':'true'", true},
        {"for both, but not the driver",
         "'spark.kubernetes.securityContext.allowPrivilegeEscalation':'true',"
         "'spark.kubernetes.driver.securityContext.allowPrivilegeEscalation':'false'",
         false},
        {"by the manifest's driver",
         "'x':'y'},'driver':{'securityContext':{'allowPrivilegeEscalation':true}", true},
        {"the manifest's driver says something else",
         "'x':'y'},'driver':{'securityContext':{'runAsUser':5}", false},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char *spec = mem_format(JVM ",'sparkVersion':'4.3.0','sparkConf':{%s}", rows[i].spec);
        struct payload *payload = must_read(spec, rows[i].what);
        struct payload_run run = run_of("pi");
        json_t *pod = parsed(payload_pod_body(payload, &run));
        json_t *allowed = at(pod, "spec.containers.0.securityContext.allowPrivilegeEscalation");

        CHECK(json_is_boolean(allowed), rows[i].what);
        CHECK_EQ(json_is_true(allowed), rows[i].allowed, rows[i].what);
        json_decref(pod);
        payload_destroy(payload);
        free(spec);
    }
}

TEST(payload_bodies__repeat_to_the_byte_and_differ_by_attempt) {
    struct payload *payload = must_read(SPEC_73, "the spec");
    struct payload_run run = run_of("billing");
    struct payload_run next = run_of("billing");
    char *a = payload_pod_body(payload, &run);
    char *b = payload_pod_body(payload, &run);
    char *c;
    char name[LIMIT_NAME_BYTES + 1];

    next.id.attempt = 2;
    c = payload_pod_body(payload, &next);
    CHECK_STR(a, b, "a repeat");
    CHECK(strcmp(a, c) != 0, "another attempt");
    payload_pod_name(payload, &next.id, name);
    CHECK_STR(name, "billing-42-2-driver", "the name to look for");
    free(a);
    free(b);
    free(c);
    payload_destroy(payload);
}

TEST(payload_bodies__name_the_created_pod_as_their_owner) {
    struct payload *payload = must_read(JVM, "the spec");
    struct payload_run run = run_of("pi");
    json_t *map = parsed(part_body(payload, &run, "uid-of-the-pod", PAYLOAD_CONF_MAP));
    json_t *service = parsed(part_body(payload, &run, "uid-of-the-pod", PAYLOAD_SERVICE));

    CHECK_STR(text_at(map, "metadata.ownerReferences.0.uid"), "uid-of-the-pod", "the map");
    CHECK_STR(text_at(map, "metadata.ownerReferences.0.name"), "pi-42-1-driver", "the map");
    CHECK_STR(text_at(map, "metadata.ownerReferences.0.kind"), "Pod", "the map");
    CHECK(json_is_true(at(map, "metadata.ownerReferences.0.controller")), "the map");
    CHECK(json_is_true(at(map, "immutable")), "the map");
    CHECK_STR(text_at(service, "metadata.ownerReferences.0.uid"), "uid-of-the-pod", "the Service");
    json_decref(service);
    json_decref(map);
    payload_destroy(payload);
}

TEST(payload_properties__are_the_submissions_with_the_fixed_ones_on_top) {
    static const struct {
        const char *key;
        const char *want; /* NULL: not there */
    } rows[] = {
        {"spark.app.name", "etl_daily.v2"},
        {"spark.submit.pyFiles", "s3a://b/deps.zip,s3a://b/util.py"},
        {"spark.kubernetes.memoryOverheadFactor", "0.4"},
        {"spark.kubernetes.resource.type", "python"},
        {"spark.kubernetes.submitInDriver", "true"},
        {"spark.jars", NULL},
        {"spark.driver.host", "etl-daily-v2-42-1-driver-svc.spark.svc"},
        {"spark.driver.port", "7078"},
        {"spark.driver.blockManager.port", "7079"},
        {"spark.kubernetes.driver.pod.name", "etl-daily-v2-42-1-driver"},
        {"spark.executor.instances", "3"},
        {"spark.executor.cores", "2"},
        {"spark.executor.memory", "4g"},
        {"spark.submit.deployMode", "cluster"},
        {"spark.kubernetes.namespace", "spark"},
        {"spark.app.submitTime", "1795384800000"},
        {"spark.kubernetes.executor.label.nightshift/job-id", "42"},
        {"spark.kubernetes.executor.label.nightshift/attempt", "1"},
        {"spark.kubernetes.executor.label.nightshift/job-uid", STORE "-42"},
        {"not.sparks", NULL},
    };
    struct payload *payload = must_read(SPEC_72, "the spec");
    struct payload_run run = run_of("etl_daily.v2");
    struct spark_conf conf = properties_of(payload, &run);
    json_t *pod = parsed(payload_pod_body(payload, &run));

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CHECK_STR(spark_conf_get(&conf, rows[i].key), rows[i].want, rows[i].key);
    }
    CHECK_STR(spark_conf_get(&conf, "spark.app.id"),
              text_at(pod, "metadata.labels.spark-app-selector"), "the application's id");
    CHECK_STR(text_at(pod, "metadata.labels.spark-app-name"), "etl-daily-v2", "the label");
    CHECK_STR(text_at(pod, "spec.containers.0.env.3.name"), "PYSPARK_PYTHON", "the order");
    CHECK_STR(text_at(pod, "spec.containers.0.env.4.name"), "PYSPARK_DRIVER_PYTHON", "the order");
    CHECK_STR(text_at(pod, "spec.containers.0.env.5.name"), "SPARK_LOCAL_DIRS", "the order");
    json_decref(pod);
    spark_conf_finish(&conf);
    payload_destroy(payload);
}

TEST(payload_properties__overwrite_what_is_not_the_users_to_set) {
    static const char spec[] =
        JVM ",'sparkConf':{'spark.app.id':'mine','spark.kubernetes.submitInDriver':'false',"
            "'spark.kubernetes.resource.type':'python','spark.driver.host':'here',"
            "'not.sparks':'x','spark.note':'a=b:c#d!e\\\\ \\n \\ud83d\\ude00'}";
    struct payload *payload = must_read(spec, "the spec");
    struct payload_run run = run_of("pi");
    struct spark_conf conf = properties_of(payload, &run);

    CHECK(strncmp(spark_conf_get(&conf, "spark.app.id"), "spark-", 6) == 0, "the id is ours");
    CHECK_STR(spark_conf_get(&conf, "spark.kubernetes.submitInDriver"), "true", "the switch");
    CHECK_STR(spark_conf_get(&conf, "spark.kubernetes.resource.type"), "java", "the type");
    CHECK_STR(spark_conf_get(&conf, "spark.driver.host"), "pi-42-1-driver-svc.spark.svc", "host");
    CHECK_STR(spark_conf_get(&conf, "not.sparks"), NULL, "not Spark's");
    CHECK_STR(spark_conf_get(&conf, "spark.note"), "a=b:c#d!e\\ \n \xF0\x9F\x98\x80", "escapes");
    spark_conf_finish(&conf);
    payload_destroy(payload);
}

/* --- Refusals --------------------------------------------------------------- */

TEST(payload_read__refuses_what_cannot_be_carried_out) {
    static const struct {
        const char *what;
        const char *spec;
        const char *path;
        const char *words; /* somewhere in the message */
    } rows[] = {
        {"a reserved label", JVM ",'driver':{'labels':{'spark-role':'x'}}",
         "spec.driver.labels.spark-role", "reserved"},
        {"a reserved label of executors",
         JVM ",'sparkConf':{'spark.kubernetes.executor.label.spark-exec-id':'x'}",
         "spec.sparkConf.spark.kubernetes.executor.label.spark-exec-id", "reserved"},
        {"a label of ours", JVM ",'driver':{'labels':{'nightshift/job-id':'1'}}",
         "spec.driver.labels.nightshift/job-id", "reserved"},
        {"a bind address", JVM ",'sparkConf':{'spark.driver.bindAddress':'0.0.0.0'}",
         "spec.sparkConf.spark.driver.bindAddress", "binds"},
        {"a local file", "'image':'i','mainClass':'C','mainApplicationFile':'file:///a.jar'",
         "spec.mainApplicationFile", "local:///"},
        {"a bare path", "'image':'i','mainClass':'C','mainApplicationFile':'/a.jar'",
         "spec.mainApplicationFile", "local:///"},
        {"a local dependency", JVM ",'deps':{'jars':['s3a://b/x.jar','/tmp/x.jar']}",
         "spec.deps.jars", "/tmp/x.jar"},
        {"a foreign master", JVM ",'sparkConf':{'spark.master':'yarn'}",
         "spec.sparkConf.spark.master", "k8s://"},
        {"a master of another scheme", JVM ",'sparkConf':{'spark.master':'k8s://ftp://x'}",
         "spec.sparkConf.spark.master", "https"},
        {"client mode", JVM ",'mode':'client'", "spec.mode", "cluster"},
        {"another namespace", JVM ",'sparkConf':{'spark.kubernetes.namespace':'other'}",
         "spec.sparkConf.spark.kubernetes.namespace", "spark"},
        {"a Kubernetes size", JVM ",'driver':{'memory':'4Gi'}", "spec.driver.memory", "Gi"},
        {"a fraction of a size", JVM ",'driver':{'memory':'1.5g'}", "spec.driver.memory", "size"},
        {"no memory", JVM ",'driver':{'memory':'500b'}", "spec.driver.memory", "at least"},
        {"half a core", JVM ",'executor':{'cores':0.5}", "spec.executor.cores", "whole number"},
        {"no executors", JVM ",'executor':{'instances':0}", "spec.executor.instances", "whole"},
        {"a limit below the request", JVM ",'driver':{'cores':2,'coreLimit':'1'}",
         "spec.driver.coreLimit", "below"},
        {"a resource without a vendor",
         JVM ",'sparkConf':{'spark.executor.resource.gpu.amount':'1'}",
         "spec.sparkConf.spark.executor.resource.gpu.amount", "vendor"},
        {"off-heap memory without a size",
         JVM ",'sparkConf':{'spark.memory.offHeap.enabled':'true'}",
         "spec.sparkConf.spark.memory.offHeap.enabled", "size"},
        {"more at the start than at most",
         JVM ",'dynamicAllocation':{'enabled':true,'initialExecutors':5,'maxExecutors':4}",
         "spec.dynamicAllocation.maxExecutors", "begins with"},
        {"all of an allocation without a bound",
         JVM ",'dynamicAllocation':{'enabled':true,'reserve':'max'}",
         "spec.dynamicAllocation.reserve", "no maxExecutors"},
        {"no main class", "'image':'i','mainApplicationFile':'local:///a.jar'", "spec.mainClass",
         "required"},
        {"no image", "'mainClass':'C','mainApplicationFile':'local:///a.jar'", "spec.image",
         "required"},
        {"an old version", JVM ",'sparkVersion':'2.4.8'", "spec.sparkVersion", "3.5"},
        {"an older version", JVM ",'sparkVersion':'3.4.4'", "spec.sparkVersion", "3.5"},
        {"a version that is none", JVM ",'sparkVersion':'24.11'", "spec.sparkVersion", "3.5"},
        {"a step left out that must not be",
         JVM ",'sparkConf':{'spark.kubernetes.driver.pod.excludedFeatureSteps':"
             "'org.apache.spark.deploy.k8s.features.DriverServiceFeatureStep'}",
         "spec.sparkConf.spark.kubernetes.driver.pod.excludedFeatureSteps", "NetworkPolicy"},
        {"a truth that is none", JVM ",'sparkConf':{'spark.kubernetes.local.dirs.tmpfs':'yes'}",
         "spec.sparkConf.spark.kubernetes.local.dirs.tmpfs", "true"},
        {"a typing error", JVM ",'executor':{'instance':3}", "spec.executor.instance",
         "did you mean instances"},
        {"a wrong type", JVM ",'arguments':'x'", "spec.arguments", "list"},
        {"a wrong type inside", JVM ",'arguments':['x',3]", "spec.arguments[1]", "text"},
        {"a template's file that nobody read",
         JVM ",'sparkConf':{'spark.kubernetes.driver.podTemplateFile':'/t.yaml'}",
         "spec.sparkConf.spark.kubernetes.driver.podTemplateFile", "spec.driver.template"},
        {"an executors' template's file that nobody read",
         JVM ",'sparkConf':{'spark.kubernetes.executor.podTemplateFile':'/t.yaml'}",
         "spec.sparkConf.spark.kubernetes.executor.podTemplateFile", "spec.executor.template"},
        {"a template that is none", JVM ",'driver':{'template':'t.yaml'}", "spec.driver.template",
         "object"},
        {"a template of wrong containers",
         JVM ",'executor':{'template':{'spec':{'containers':'c'}}}",
         "spec.executor.template.spec.containers", "list"},
        {"a template with a wrong label",
         JVM ",'driver':{'template':{'metadata':{'labels':{'a':5}}}}",
         "spec.driver.template.metadata.labels.a", "text"},
        {"a template that binds its pod", JVM ",'driver':{'template':{'spec':{'nodeName':'n'}}}",
         "spec.driver.template.spec.nodeName", "scheduler"},
        {"a sidecar that is none", JVM ",'executor':{'sidecars':['x']}",
         "spec.executor.sidecars[0]", "object"},
        {"a proxy user with a login of his own",
         JVM ",'proxyUser':'bob','sparkConf':{'spark.kerberos.principal':'p',"
             "'spark.kerberos.keytab':'local:///k'}",
         "spec.proxyUser", "not both"},
        {"executors of a name that pods can't have",
         JVM ",'sparkConf':{'spark.kubernetes.executor.podNamePrefix':'My_App'}",
         "spec.sparkConf.spark.kubernetes.executor.podNamePrefix", "My_App"},
        {"a driver's pod that can't be called so",
         JVM ",'sparkConf':{'spark.kubernetes.driver.pod.name':'My_App'}",
         "spec.sparkConf.spark.kubernetes.driver.pod.name", "My_App"},
        {"two names of the driver's pod",
         JVM ",'driver':{'podName':'a'},'sparkConf':{'spark.kubernetes.driver.pod.name':'b'}",
         "spec.driver.podName", "leave one out"},
        {"an executor's limit below its memory", JVM ",'executor':{'memoryLimit':'1g'}",
         "spec.executor.memoryLimit", "1408Mi"},
        {"an exporter without its jar", JVM ",'monitoring':{'prometheus':{'port':8090}}",
         "spec.monitoring.prometheus.jmxExporterJar", "required"},
        {"an exporter's port that is none",
         JVM ",'monitoring':{'prometheus':{'jmxExporterJar':'/j.jar','port':0}}",
         "spec.monitoring.prometheus.port", "port"},
        {"a type of Service that is none", JVM ",'sparkUIOptions':{'serviceType':'ExternalName'}",
         "spec.sparkUIOptions.serviceType", "NodePort"},
        {"an Ingress that is nowhere", JVM ",'sparkUIOptions':{'ingressAnnotations':{'a':'b'}}",
         "spec.sparkUIOptions.ingressAnnotations", "ingressURLFormat"},
        {"a driver's port without a number", JVM ",'driverIngressOptions':[{}]",
         "spec.driverIngressOptions[0].servicePort", "port"},
        {"a driver's port twice",
         JVM ",'driverIngressOptions':[{'servicePort':80},{'servicePort':80}]",
         "spec.driverIngressOptions[1]", "already"},
        {"an executor's mount without a volume", JVM ",'executor':{'volumeMounts':[{'name':'v'}]}",
         "spec.executor.volumeMounts[0].name", "spec.volumes"},
        {"a mount without a volume", JVM ",'driver':{'volumeMounts':[{'name':'v'}]}",
         "spec.driver.volumeMounts[0]", "spec.volumes"},
        {"a limit below the memory", JVM ",'driver':{'memoryLimit':'512m'}",
         "spec.driver.memoryLimit", "1408Mi"},
        {"a limit that is none", JVM ",'driver':{'memoryLimit':'much'}", "spec.driver.memoryLimit",
         "quantity"},
        {"a config map without a path", JVM ",'driver':{'configMaps':[{'name':'m'}]}",
         "spec.driver.configMaps[0]", "path"},
        {"a claim that nobody makes",
         JVM ",'sparkConf':{'spark.kubernetes.driver.volumes.persistentVolumeClaim.d.mount.path':"
             "'/d','spark.kubernetes.driver.volumes.persistentVolumeClaim.d.options.claimName':"
             "'OnDemand'}",
         "spec.sparkConf.spark.kubernetes.driver.volumes.persistentVolumeClaim.d.mount.path",
         "storageClass"},
        {"a claim of a few bytes, 4.0",
         JVM ",'sparkVersion':'4.0.0','sparkConf':{"
             "'spark.kubernetes.executor.volumes.persistentVolumeClaim.d.mount.path':'/d',"
             "'spark.kubernetes.executor.volumes.persistentVolumeClaim.d.options.claimName':'c',"
             "'spark.kubernetes.executor.volumes.persistentVolumeClaim.d.options.sizeLimit':'50'}",
         "spec.sparkConf.spark.kubernetes.executor.volumes.persistentVolumeClaim.d.options."
         "sizeLimit",
         "unit"},
        {"Hadoop's files twice",
         JVM ",'localFiles':{'hadoopConf':{'core-site.xml':'x'}},'sparkConf':{"
             "'spark.kubernetes.hadoop.configMapName':'m'}",
         "spec.sparkConf.spark.kubernetes.hadoop.configMapName", "one of them"},
        {"krb5.conf twice",
         JVM ",'sparkConf':{'spark.kubernetes.kerberos.krb5.path':'/k',"
             "'spark.kubernetes.kerberos.krb5.configMapName':'m'}",
         "spec.sparkConf.spark.kubernetes.kerberos.krb5.configMapName", "one of them"},
        {"a krb5.conf that nobody read",
         JVM ",'sparkConf':{'spark.kubernetes.kerberos.krb5.path':'/k'}",
         "spec.sparkConf.spark.kubernetes.kerberos.krb5.path", "krb5.configMapName"},
        {"a keytab of the submitter",
         JVM ",'sparkConf':{'spark.kerberos.keytab':'/k','spark.kerberos.principal':'p'}",
         "spec.sparkConf.spark.kerberos.keytab", "spec.localFiles.keytab"},
        {"a credential of the submitter",
         JVM ",'sparkConf':{'spark.kubernetes.authenticate.driver.caCertFile':'/ca'}",
         "spec.sparkConf.spark.kubernetes.authenticate.driver.caCertFile",
         "spec.localFiles.driverCredentials.ca-cert"},
        {"a token's file of the submitter",
         JVM ",'sparkConf':{'spark.kubernetes.authenticate.driver.oauthTokenFile':'/t'}",
         "spec.sparkConf.spark.kubernetes.authenticate.driver.oauthTokenFile", "oauth-token"},
        {"the submitter's own token in clear",
         JVM ",'sparkConf':{'spark.kubernetes.authenticate.submission.oauthToken':'x'}",
         "spec.sparkConf.spark.kubernetes.authenticate.submission.oauthToken", "clear"},
        {"a token that is said to be there, and is not",
         JVM ",'sparkConf':{'spark.kubernetes.authenticate.driver.oauthToken':"
             "'<present_but_redacted>'}",
         "spec.sparkConf.spark.kubernetes.authenticate.driver.oauthToken", "oauth-token"},
        {"a keytab of another name",
         JVM ",'localFiles':{'keytab':{'a':'AA=='}},'sparkConf':{'spark.kerberos.keytab':'/k/b',"
             "'spark.kerberos.principal':'p'}",
         "spec.sparkConf.spark.kerberos.keytab", "is called a"},
        {"a keytab twice",
         JVM ",'localFiles':{'keytab':{'a':'AA=='}},'sparkConf':{'spark.kerberos.keytab':"
             "'local:///a','spark.kerberos.principal':'p'}",
         "spec.sparkConf.spark.kerberos.keytab", "one of them"},
        {"two keytabs",
         JVM ",'localFiles':{'keytab':{'a':'AA==','b':'AA=='}},'sparkConf':{"
             "'spark.kerberos.principal':'p'}",
         "spec.localFiles.keytab", "more than one"},
        {"a keytab for nobody", JVM ",'localFiles':{'keytab':{'a':'AA=='}}",
         "spec.localFiles.keytab", "spark.kerberos.principal"},
        {"a credential that Spark does not know",
         JVM ",'localFiles':{'driverCredentials':{'password':'AA=='}}",
         "spec.localFiles.driverCredentials.password", "none of ca-cert"},
        {"secrets for an operator to read", JVM ",'localFiles':{'keytab':['AA==']}",
         "spec.localFiles.keytab", "object"},
        {"a keytab without a principal", JVM ",'sparkConf':{'spark.kerberos.keytab':'local:///k'}",
         "spec.sparkConf.spark.kerberos.keytab", "spark.kerberos.principal"},
        {"a principal without a keytab", JVM ",'sparkConf':{'spark.kerberos.principal':'p'}",
         "spec.sparkConf.spark.kerberos.principal", "spark.kerberos.keytab"},
        {"a token's Secret without its key",
         JVM ",'sparkConf':{'spark.kubernetes.kerberos.tokenSecret.name':'s'}",
         "spec.sparkConf.spark.kubernetes.kerberos.tokenSecret.name", "itemKey"},
        {"a file with a path for a name", JVM ",'localFiles':{'sparkConf':{'a/b':'x'}}",
         "spec.localFiles.sparkConf.a/b", "name of a file"},
        {"a file of ours", JVM ",'localFiles':{'sparkConf':{'spark.properties':'x'}}",
         "spec.localFiles.sparkConf.spark.properties", "name of a file"},
        {"a file that is no text", JVM ",'localFiles':{'hadoopConf':{'a':5}}",
         "spec.localFiles.hadoopConf.a", "text"},
        {"an unknown type of volume",
         JVM ",'sparkConf':{'spark.kubernetes.executor.volumes.tape.d.mount.path':'/d'}",
         "spec.sparkConf.spark.kubernetes.executor.volumes.tape.d.mount.path", "tape"},
        {"a secret in clear",
         JVM ",'sparkConf':{'spark.kubernetes.authenticate.driver.oauthToken':'x'}",
         "spec.sparkConf.spark.kubernetes.authenticate.driver.oauthToken", "clear"},
        {"a reference that is none",
         JVM ",'sparkConf':{'spark.kubernetes.driver.secretKeyRef.A':'b'}",
         "spec.sparkConf.spark.kubernetes.driver.secretKeyRef.A", "SECRET:KEY"},
        {"a pod's name that can't be one", JVM ",'driver':{'podName':'-p'}", "spec.driver.podName",
         "-p"},
        {"a pod's name that is empty", JVM ",'driver':{'podName':''}", "spec.driver.podName",
         "253"},
        {"a port beyond the last", JVM ",'sparkConf':{'spark.ui.port':'70000'}",
         "spec.sparkConf.spark.ui.port", "65535"},
        {"a shell", "'image':'i','mainApplicationFile':'pyspark-shell'", "spec.mainApplicationFile",
         "shell"},
        {"a selector twice", JVM ",'nodeSelector':{'a':'b'},'driver':{'nodeSelector':{'a':'b'}}",
         "spec.driver.nodeSelector", "not both"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct payload *payload = NULL;
        struct field_error error = {0};
        int r = read_spec(rows[i].spec, &payload, &error);

        CHECK_EQ(r, ERR_INVALID, rows[i].what);
        CHECK_STR(error.path, rows[i].path, rows[i].what);
        if (strstr(error.error.text, rows[i].words) == NULL) {
            fprintf(stderr, "%s: %s\n", error.path, error.error.text);
        }
        CHECK(strstr(error.error.text, rows[i].words) != NULL, rows[i].what);
    }
}

/* --- Files and claims ------------------------------------------------------- */

struct path_row {
    const char *path;
    const char *want;
};

static void check_paths(json_t *root, const struct path_row *rows, size_t count) {
    for (size_t i = 0; i < count; i++) {
        CHECK_STR(text_at(root, rows[i].path), rows[i].want, rows[i].path);
    }
}

TEST(payload_objects__hold_the_submitters_files) {
    static const struct path_row pod_rows[] = {
        {"spec.volumes.0.configMap.name", "pi-42-1-hadoop-config"},
        {"spec.volumes.0.configMap.items.0.key", "core-site.xml"},
        {"spec.volumes.1.configMap.name", "pi-42-1-krb5-file"},
        {"spec.volumes.1.configMap.items.0.path", "my.conf"},
        {"spec.volumes.2.secret.secretName", "tokens"},
        {"spec.volumes.4.configMap.items.0.key", "log4j2.properties"},
        {"spec.volumes.4.configMap.items.1.key", "spark.properties"},
        {"spec.containers.0.volumeMounts.0.mountPath", "/opt/hadoop/conf"},
        {"spec.containers.0.volumeMounts.1.mountPath", "/etc/krb5.conf"},
        {"spec.containers.0.volumeMounts.1.subPath", "krb5.conf"},
        {"spec.containers.0.env.3.name", "HADOOP_CONF_DIR"},
        {"spec.containers.0.env.4.value", "/mnt/secrets/hadoop-credentials/item"},
    };
    struct payload *payload = must_read(
        JVM ",'localFiles':{'hadoopConf':{'core-site.xml':'<x/>','hdfs-site.xml':'<y/>'},"
            "'krb5Conf':{'my.conf':'[libdefaults]'},'sparkConf':{'log4j2.properties':'a=b'}},"
            "'sparkConf':{'spark.kubernetes.kerberos.tokenSecret.name':'tokens',"
            "'spark.kubernetes.kerberos.tokenSecret.itemKey':'item',"
            "'spark.kerberos.keytab':'local:///k','spark.kerberos.principal':'p'}",
        "files");
    struct payload_run run = run_of("pi");
    json_t *pod = parsed(payload_pod_body(payload, &run));
    json_t *hadoop = parsed(part_body(payload, &run, "u", PAYLOAD_HADOOP_MAP));
    json_t *krb5 = parsed(part_body(payload, &run, "u", PAYLOAD_KRB5_MAP));
    json_t *map = parsed(part_body(payload, &run, "u", PAYLOAD_CONF_MAP));
    struct spark_conf conf = properties_of(payload, &run);

    check_paths(pod, pod_rows, ARRAY_LEN(pod_rows));
    CHECK_STR(json_string_value(json_object_get(at(hadoop, "data"), "hdfs-site.xml")), "<y/>",
              "Hadoop's files");
    CHECK_STR(json_string_value(json_object_get(at(krb5, "data"), "my.conf")), "[libdefaults]",
              "krb5.conf");
    CHECK_STR(json_string_value(json_object_get(at(map, "data"), "log4j2.properties")), "a=b",
              "Spark's files");
    CHECK_STR(spark_conf_get(&conf, "spark.kubernetes.executor.hadoopConfigMapName"),
              "pi-42-1-hadoop-config", "executors find Hadoop's, too");
    spark_conf_finish(&conf);
    json_decref(map);
    json_decref(krb5);
    json_decref(hadoop);
    json_decref(pod);
    payload_destroy(payload);
}

#define SECRETS                                                                          \
    JVM ",'localFiles':{'keytab':{'a.keytab':'%s'},'driverCredentials':{'ca-cert':'%s'," \
        "'oauth-token':'%s'}},'driver':{'serviceAccount':'robot'},'sparkConf':{"         \
        "'spark.kerberos.principal':'p','spark.kerberos.keytab':'/home/a.keytab',"       \
        "'spark.kubernetes.authenticate.driver.mounted.caCertFile':'/mine',"             \
        "'spark.kubernetes.authenticate.driver.oauthToken':'<present_but_redacted>',"    \
        "'spark.kubernetes.driver.secrets.s':'/s'}"

static struct seal_keys sealing_keys(void) {
    struct seal_keys keys = {.count = 0};
    struct error error = {0};

    CHECK_OK(seal_keys_parse("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", &keys, &error),
             "keys");
    return keys;
}

/* As a job's of the tests' namespace. */
static struct payload *read_sealed(const char *what) {
    static const unsigned char nonce[SEAL_NONCE_BYTES] = {1};
    const struct seal_keys keys = sealing_keys();
    char *keytab = seal_close(&keys.items[0], nonce, "spark/keytab/a.keytab", "\5\2k", 3);
    char *ca = seal_close(&keys.items[0], nonce, "spark/driverCredentials/ca-cert", "CA", 2);
    char *token = seal_close(&keys.items[0], nonce, "spark/driverCredentials/oauth-token", "T", 1);
    char *spec = mem_format(SECRETS, keytab, ca, token);
    struct payload *payload = must_read(spec, what);

    free(spec);
    free(token);
    free(ca);
    free(keytab);
    return payload;
}

TEST(payload_objects__hold_the_submitters_secrets) {
    static const struct path_row pod_rows[] = {
        {"spec.volumes.0.name", "kubernetes-credentials"},
        {"spec.volumes.0.secret.secretName", "pi-42-1-kubernetes-credentials"},
        {"spec.volumes.1.name", "s-volume"},
        {"spec.volumes.2.name", "kerberos-keytab"},
        {"spec.volumes.2.secret.secretName", "pi-42-1-kerberos-keytab"},
        {"spec.containers.0.volumeMounts.0.mountPath", "/mnt/secrets/spark-kubernetes-credentials"},
        {"spec.containers.0.volumeMounts.2.mountPath", "/mnt/secrets/kerberos-keytab"},
    };
    static const struct {
        const char *key, *want;
    } property_rows[] = {
        {"spark.kerberos.keytab", "/mnt/secrets/kerberos-keytab/a.keytab"},
        {"spark.kubernetes.authenticate.driver.mounted.caCertFile", "/mine"},
        {"spark.kubernetes.authenticate.driver.mounted.oauthTokenFile",
         "/mnt/secrets/spark-kubernetes-credentials/oauth-token"},
        {"spark.kubernetes.authenticate.driver.mounted.clientKeyFile", NULL},
        {"spark.kubernetes.authenticate.driver.oauthToken", "<present_but_redacted>"},
    };
    const struct seal_keys keys = sealing_keys();
    struct payload *payload = read_sealed("sealed");
    struct payload_run run = run_of("pi");
    json_t *pod = parsed(payload_pod_body(payload, &run));
    json_t *shown = parsed(part_body(payload, &run, "u", PAYLOAD_KEYTAB));
    struct spark_conf conf = properties_of(payload, &run);
    struct field_error error = {0};
    json_t *keytab;
    json_t *credentials;

    check_paths(pod, pod_rows, ARRAY_LEN(pod_rows));
    CHECK(at(pod, "spec.serviceAccountName") == NULL, "credentials of its own instead");
    for (size_t i = 0; i < ARRAY_LEN(property_rows); i++) {
        CHECK_STR(spark_conf_get(&conf, property_rows[i].key), property_rows[i].want,
                  property_rows[i].key);
    }
    CHECK_STR(json_string_value(json_object_get(at(shown, "stringData"), "a.keytab")),
              "<present_but_redacted>", "sealed: a word for it");
    CHECK(payload_is_sealed(payload), "there is something to open");
    CHECK_OK(payload_open(payload, &keys, &error), "it is opened");
    CHECK(!payload_is_sealed(payload), "all of it");
    keytab = parsed(part_body(payload, &run, "u", PAYLOAD_KEYTAB));
    credentials = parsed(part_body(payload, &run, "u", PAYLOAD_CREDENTIALS));
    CHECK_STR(json_string_value(json_object_get(at(keytab, "data"), "a.keytab")), "BQJr", "bytes");
    CHECK_STR(json_string_value(json_object_get(at(credentials, "data"), "ca-cert")), "Q0E=", "CA");
    CHECK_STR(json_string_value(json_object_get(at(credentials, "data"), "oauth-token")),
              "VA==", "the token");
    CHECK_STR(text_at(keytab, "metadata.ownerReferences.0.uid"), "u", "it goes with the pod");
    json_decref(credentials);
    json_decref(keytab);
    json_decref(shown);
    json_decref(pod);
    spark_conf_finish(&conf);
    payload_destroy(payload);
}

TEST(payload_open__refuses_what_was_sealed_for_another_place) {
    const struct seal_keys keys = sealing_keys();
    static const unsigned char nonce[SEAL_NONCE_BYTES] = {1};
    static const char *const places[] = {"other/keytab/a.keytab", "spark/keytab/b.keytab",
                                         "spark/driverCredentials/ca-cert"};

    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        char *keytab = seal_close(&keys.items[0], nonce, places[i], "k", 1);
        char *spec = mem_format(SECRETS, keytab, "QQ==", "QQ==");
        struct payload *payload = must_read(spec, places[i]);
        struct field_error error = {0};

        CHECK_EQ(payload_open(payload, &keys, &error), ERR_CORRUPT, places[i]);
        CHECK(strstr(error.error.text, "spark/keytab/a.keytab") != NULL, error.error.text);
        CHECK(payload_is_sealed(payload), places[i]);
        payload_destroy(payload);
        free(spec);
        free(keytab);
    }
}

TEST(payload_demand__counts_secrets) {
    struct resource_names names = {0};
    struct payload *payload = read_sealed("demand");
    struct demand *demand = NULL;

    CHECK_OK(payload_demand(payload, &names, &demand, NULL), "demand");
    CHECK_EQ(demand_object_amount(demand, "secrets"), 2, "both");
    demand_destroy(demand);
    resource_names_finish(&names);
    payload_destroy(payload);
}

#define CLAIM(role, name, claim)                                                                   \
    "'spark.kubernetes." role ".volumes.persistentVolumeClaim." name ".mount.path':'/" name        \
    "','spark.kubernetes." role ".volumes.persistentVolumeClaim." name                             \
    ".options.claimName':'" claim "','spark.kubernetes." role                                      \
    ".volumes.persistentVolumeClaim." name ".options.storageClass':'fast','spark.kubernetes." role \
    ".volumes.persistentVolumeClaim." name ".options.sizeLimit':'10Gi'"

TEST(payload_objects__are_the_claims_that_the_driver_needs) {
    static const struct {
        const char *version;
        const char *mode;
    } rows[] = {{"3.5.6", "ReadWriteOnce"}, {"4.1.0", "ReadWriteOncePod"}};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char *spec = mem_format(
            JVM ",'sparkVersion':'%s','sparkConf':{" CLAIM("driver", "a", "OnDemand") "," CLAIM(
                "driver", "b", "mine") "," CLAIM("executor", "c",
                                                 "OnDemand") ","
                                                             "'spark.kubernetes.driver.volumes."
                                                             "persistentVolumeClaim.a.label.x':'y',"
                                                             "'spark.executor.instances':'3'}",
            rows[i].version);
        struct payload *payload = must_read(spec, rows[i].version);
        struct payload_run run = run_of("pi");
        struct resource_names names = {0};
        struct field_error error = {0};
        struct demand *demand = NULL;
        json_t *pod = parsed(payload_pod_body(payload, &run));
        json_t *claim = parsed(part_body(payload, &run, "u", PAYLOAD_CLAIM_FIRST));
        json_t *other = parsed(part_body(payload, &run, "u", PAYLOAD_CLAIM_FIRST + 1));

        CHECK_STR(text_at(claim, "metadata.name"), "pi-42-1-driver-pvc-0", "its name");
        CHECK_STR(text_at(claim, "metadata.labels.x"), "y", "its label");
        CHECK_STR(text_at(claim, "metadata.ownerReferences.0.uid"), "u", "its owner");
        CHECK_STR(text_at(claim, "spec.accessModes.0"), rows[i].mode, rows[i].version);
        CHECK_STR(text_at(claim, "spec.storageClassName"), "fast", "its class");
        CHECK_STR(text_at(claim, "spec.resources.requests.storage"), "10Gi", "its size");
        CHECK_STR(text_at(other, "metadata.name"), "mine", "a name of its own");
        CHECK_STR(text_at(pod, "spec.volumes.0.persistentVolumeClaim.claimName"),
                  "pi-42-1-driver-pvc-0", "the pod mounts it");
        CHECK_OK(payload_demand(payload, &names, &demand, &error), "the demand");
        CHECK_EQ(demand_object_amount(demand, "persistentvolumeclaims"), 5, "two and three");
        CHECK_EQ(demand_object_amount(demand, "fast.storageclass.storage.k8s.io/requests.storage"),
                 5 * 10 * 1024 * MIB, "of that class");
        demand_destroy(demand);
        resource_names_finish(&names);
        json_decref(other);
        json_decref(claim);
        json_decref(pod);
        payload_destroy(payload);
        free(spec);
    }
}

/* --- Pod templates ---------------------------------------------------------- */

#define TEMPLATE                                                                                  \
    "'template':{'metadata':{'labels':{'team':'x','spark-role':'mine'},'annotations':{'a':'b'}}," \
    "'spec':{'restartPolicy':'Always','serviceAccountName':'mine','nodeSelector':{'zone':'a'},"   \
    "'tolerations':[{'key':'gpu','operator':'Exists'}],'priorityClassName':'high',"               \
    "'imagePullSecrets':[{'name':'first'}],'volumes':[{'name':'v','emptyDir':{}}],"               \
    "'initContainers':[{'name':'init','image':'i','resources':{'requests':{'cpu':'3',"            \
    "'memory':'1Gi'}}}],'containers':[{'name':'beside','image':'b','resources':{'requests':"      \
    "{'cpu':'500m','memory':'256Mi'}}},{'name':'main','image':'other','command':['x'],"           \
    "'workingDir':'/w','env':[{'name':'E','value':'1'}],'ports':[{'name':'p',"                    \
    "'containerPort':9}],'volumeMounts':[{'name':'v','mountPath':'/v'}],'resources':{'requests':" \
    "{'cpu':'9','ephemeral-storage':'1Gi'},'limits':{'nvidia.com/gpu':'1'}}}]}}"

TEST(payload_pod__is_made_of_the_drivers_template_by_sparks_rules) {
    static const struct {
        const char *path;
        const char *want;
    } rows[] = {
        {"metadata.name", "pi-42-1-driver"},
        {"metadata.labels.team", "x"},
        {"metadata.labels.spark-role", "driver"},
        {"metadata.annotations.a", "b"},
        {"metadata.annotations.kubectl\x01kubernetes\x01io/default-container", "main"},
        {"spec.restartPolicy", "Never"},
        {"spec.serviceAccountName", "said"},
        {"spec.priorityClassName", "high"},
        {"spec.nodeSelector.zone", "a"},
        {"spec.nodeSelector.disk", "ssd"},
        {"spec.tolerations.0.key", "gpu"},
        {"spec.tolerations.1.key", "more"},
        {"spec.imagePullSecrets.0.name", "first"},
        {"spec.imagePullSecrets.1.name", "second"},
        {"spec.volumes.0.name", "v"},
        {"spec.initContainers.0.name", "init"},
        {"spec.containers.0.name", "beside"},
        {"spec.containers.1.name", "main"},
        {"spec.containers.1.image", "apache/spark:3.5.6"},
        {"spec.containers.1.imagePullPolicy", "IfNotPresent"},
        {"spec.containers.1.command.0", "x"},
        {"spec.containers.1.workingDir", "/w"},
        {"spec.containers.1.args.0", "driver"},
        {"spec.containers.1.env.0.name", "E"},
        {"spec.containers.1.env.1.name", "SPARK_USER"},
        {"spec.containers.1.ports.0.name", "p"},
        {"spec.containers.1.ports.1.name", "driver-rpc-port"},
        {"spec.containers.1.volumeMounts.0.name", "v"},
        {"spec.containers.1.resources.requests.cpu", "1"},
        {"spec.containers.1.resources.requests.memory", "1408Mi"},
        {"spec.containers.1.resources.requests.ephemeral-storage", "1Gi"},
        {"spec.containers.1.resources.limits.memory", "1408Mi"},
        {"spec.containers.1.resources.limits.nvidia\x01"
         "com/gpu",
         "1"},
        {"spec.containers.2.name", "late"},
    };
    struct payload *payload =
        must_read(JVM ",'sparkConf':{'spark.kubernetes.driver.podTemplateContainerName':'main',"
                      "'spark.kubernetes.driver.podTemplateFile':'/t.yaml',"
                      "'spark.kubernetes.node.selector.disk':'ssd',"
                      "'spark.kubernetes.container.image.pullSecrets':'second'},'driver':{"
                      "'serviceAccount':'said','tolerations':[{'key':'more'}],"
                      "'sidecars':[{'name':'late','image':'l'}]," TEMPLATE "}",
                  "the template");
    struct payload_run run = run_of("pi");
    json_t *pod = parsed(payload_pod_body(payload, &run));
    json_t *service = parsed(part_body(payload, &run, NULL, PAYLOAD_SERVICE));

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CHECK_STR(text_at(pod, rows[i].path), rows[i].want, rows[i].path);
    }
    CHECK_STR(payload_log_container(payload), "main", "whose log is the driver's");
    CHECK(at(service, "spec.selector.team") == NULL, "the Service selects what Spark says alone");
    CHECK(part_body(payload, &run, NULL, PAYLOAD_TEMPLATE_MAP) == NULL, "none of the executors'");
    json_decref(service);
    json_decref(pod);
    payload_destroy(payload);
}

/* The template that executors are made of, as the driver will read it. */
static json_t *executor_template(const struct payload *payload) {
    struct payload_run run = run_of("pi");
    json_t *map = parsed(part_body(payload, &run, "uid-1", PAYLOAD_TEMPLATE_MAP));
    const char *text = text_at(map, "data.podspec-configmap-key");
    json_t *template;

    CHECK_STR(text_at(map, "metadata.name"), "pi-42-1-driver-podspec-conf-map", "its map");
    CHECK(json_is_true(at(map, "immutable")), "nobody changes it");
    template = json_loads(text, 0, NULL);
    CHECK(template != NULL, "the template is JSON, which is YAML");
    json_decref(map);
    return template;
}

TEST(payload_template__tells_executors_what_properties_cannot) {
    static const struct {
        const char *path;
        const char *want;
    } rows[] = {
        {"kind", "Pod"},
        {"spec.containers.0.name", "spark-kubernetes-executor"},
        {"spec.containers.0.env.0.name", "F"},
        {"spec.containers.0.env.1.name", "HADOOP_CONF_DIR"},
        {"spec.containers.0.envFrom.0.configMapRef.name", "m"},
        {"spec.containers.0.ports.0.name", "jmx"},
        {"spec.containers.0.lifecycle.preStop.exec.command.0", "stop"},
        {"spec.containers.0.resources.limits.nvidia\x01"
         "com/gpu",
         "2"},
        {"spec.containers.0.volumeMounts.0.mountPath", "/proj"},
        {"spec.containers.0.volumeMounts.1.mountPath", "/maps"},
        {"spec.containers.0.volumeMounts.2.mountPath", "/etc/hadoop/conf"},
        {"spec.containers.1.name", "side"},
        {"spec.initContainers.0.name", "init"},
        {"spec.volumes.0.name", "proj"},
        {"spec.volumes.1.configMap.name", "some.map"},
        {"spec.tolerations.0.key", "gpu"},
        {"spec.affinity.nodeAffinity.x", "y"},
        {"spec.dnsPolicy", "ClusterFirstWithHostNet"},
        {"spec.priorityClassName", "low"},
        {"spec.hostAliases.0.ip", "10.0.0.1"},
    };
    struct payload *payload = must_read(
        JVM ",'hadoopConfigMap':'h','volumes':[{'name':'proj','projected':{'sources':[]}},"
            "{'name':'plain','emptyDir':{}},{'name':'unused','emptyDir':{}}],"
            "'executor':{'env':[{'name':'A','value':'b'},{'name':'F','valueFrom':{'fieldRef':"
            "{'fieldPath':'status.hostIP'}}}],'envFrom':[{'configMapRef':{'name':'m'}}],"
            "'ports':[{'name':'jmx','containerPort':8090}],'lifecycle':{'preStop':{'exec':"
            "{'command':['stop']}}},'gpu':{'name':'nvidia.com/gpu','quantity':2},"
            "'volumeMounts':[{'name':'proj','mountPath':'/proj'},"
            "{'name':'plain','mountPath':'/plain'}],'configMaps':[{'name':'some.map',"
            "'path':'/maps'}],'sidecars':[{'name':'side','image':'s'}],"
            "'initContainers':[{'name':'init','image':'i'}],'tolerations':[{'key':'gpu'}],"
            "'affinity':{'nodeAffinity':{'x':'y'}},'hostNetwork':true,'priorityClassName':'low',"
            "'hostAliases':[{'ip':'10.0.0.1'}],'terminationGracePeriodSeconds':60,"
            "'securityContext':{'allowPrivilegeEscalation':true,'runAsUser':5}}",
        "the executors' fields");
    struct payload_run run = run_of("pi");
    struct spark_conf conf = properties_of(payload, &run);
    json_t *template = executor_template(payload);
    json_t *pod = parsed(payload_pod_body(payload, &run));

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CHECK_STR(text_at(template, rows[i].path), rows[i].want, rows[i].path);
    }
    CHECK_EQ(json_array_size(at(template, "spec.volumes")), 3, "what no executor mounts stays out");
    CHECK_EQ(json_integer_value(at(template, "spec.terminationGracePeriodSeconds")), 60, "grace");
    CHECK_EQ(json_integer_value(at(template, "spec.containers.0.securityContext.runAsUser")), 5,
             "the security context");
    CHECK_STR(spark_conf_get(&conf, "spark.kubernetes.executor.podTemplateFile"),
              "/opt/spark/pod-template/pod-spec-template.yml", "where the driver reads it");
    CHECK_STR(spark_conf_get(&conf, "spark.executorEnv.A"), "b", "a property where there is one");
    CHECK_STR(spark_conf_get(&conf, "spark.kubernetes.executor.volumes.emptyDir.plain.mount.path"),
              "/plain", "the same of a mount");
    CHECK_STR(spark_conf_get(&conf, "spark.kubernetes.executor.terminationGracePeriodSeconds"),
              "60s", "Spark 4.1 overwrites the template's");
    CHECK_STR(
        spark_conf_get(&conf, "spark.kubernetes.executor.securityContext.allowPrivilegeEscalation"),
        "true", "Spark 4.3 overwrites the template's");
    CHECK(strstr(text_at(pod, "spec.containers.0.volumeMounts.1.mountPath"), "/opt/spark/pod") !=
              NULL,
          "the driver mounts it");
    json_decref(pod);
    json_decref(template);
    spark_conf_finish(&conf);
    payload_destroy(payload);
}

TEST(payload_demand__counts_what_templates_add) {
    struct payload *payload = must_read(
        JVM ",'driver':{" TEMPLATE "},'executor':{'instances':3,'coreRequest':'2'," TEMPLATE
            ",'affinity':{'nodeAffinity':{'requiredDuringSchedulingIgnoredDuring"
            "Execution':{'nodeSelectorTerms':[{'matchExpressions':[{'key':'k',"
            "'operator':'Exists'}]}]}}}},'sparkConf':{"
            "'spark.kubernetes.driver.podTemplateContainerName':'main',"
            "'spark.kubernetes.executor.podTemplateContainerName':'main',"
            "'spark.kubernetes.executor.node.selector.disk':'ssd'}",
        "templates");
    struct resource_names names = {0};
    struct field_error error = {0};
    struct demand *demand = NULL;
    const struct pod_group *executor;

    CHECK_OK(payload_demand(payload, &names, &demand, &error), "its demand");
    CHECK_EQ(demand->group_count, 2, "two roles");
    CHECK_EQ(demand->groups[0].requests.amount[RESOURCE_CPU], 3000,
             "the init container asks for more than driver and sidecar");
    CHECK_EQ(demand->groups[0].requests.amount[RESOURCE_MEMORY], (1408 + 256) * MIB,
             "the driver and the one beside it");
    executor = &demand->groups[1];
    CHECK_EQ(executor->count, 3, "executors");
    CHECK_EQ(executor->requests.amount[RESOURCE_CPU], 3000, "as of the driver");
    CHECK_EQ(executor->requests.amount[RESOURCE_MEMORY], (1408 + 256) * MIB, "memory");
    CHECK_EQ(executor->requests.amount[resource_find(&names, "nvidia.com/gpu")], 1, "the GPU");
    CHECK_EQ(executor->pod.selector_count, 2, "the template's selector and the property's");
    CHECK_EQ(executor->pod.term_count, 1, "the affinity");
    CHECK(executor->pod.toleration_count >= 2, "the toleration, and the control plane's own");
    CHECK_STR(executor->pod.priority_class, "high", "the priority class");
    CHECK_EQ(demand_object_amount(demand, "configmaps"), 3,
             "properties, the executors' template, the executors' properties");
    demand_destroy(demand);
    resource_names_finish(&names);
    payload_destroy(payload);
}

/* --- Executors through the configuration ------------------------------------ */

/* --- What the operator makes beside the pods ------------------------------------ */

static json_t *exposed_part(const struct payload *payload, const struct payload_run *run,
                            size_t index) {
    return parsed(part_body(payload, run, "u", PAYLOAD_EXPOSED_FIRST + index));
}

TEST(payload_parts__show_the_driver_as_the_operator_does) {
    static const char spec[] =
        JVM ",'driverPodDisruptionBudget':true,'batchScheduler':'volcano','batchSchedulerOptions':{"
            "'queue':'q','priorityClassName':'high','resources':{'cpu':'2'}},'sparkUIOptions':{"
            "'servicePort':80,'serviceType':'NodePort','serviceLabels':{'a':'b'},'ingressURLFormat'"
            ":'https://ui.example.com/{{$appNamespace}}/{{ $appName }}','ingressAnnotations':{'c':"
            "'d'},'ingressTLS':[{'hosts':['ui.example.com'],'secretName':'tls'}]},"
            "'driverIngressOptions':[{'servicePort':5005,'ingressURLFormat':'{{$appId}}.x'},"
            "{'servicePort':6006,'servicePortName':'tensorboard'}]";
    struct payload *payload = must_read(spec, "the spec");
    struct payload_run run = run_of("etl");
    struct spark_conf conf = properties_of(payload, &run);
    struct resource_names names = {0};
    struct field_error error = {0};
    struct demand *demand = NULL;
    json_t *parts[8];
    static const struct {
        size_t part;
        const char *path;
        const char *want;
    } rows[] = {
        {0, "kind", "PodDisruptionBudget"},
        {0, "metadata.name", "etl-42-1-driver"},
        {0, "spec.selector.matchLabels.spark-role", "driver"},
        {0, "metadata.ownerReferences.0.uid", "u"},
        {1, "kind", "Service"},
        {1, "metadata.name", "etl-42-1-ui-svc"},
        {1, "metadata.labels.a", "b"},
        {1, "spec.type", "NodePort"},
        {1, "spec.ports.0.name", "spark-driver-ui-port"},
        {1, "spec.selector.spark-role", "driver"},
        {2, "kind", "Ingress"},
        {2, "metadata.name", "etl-42-1-ui-ingress"},
        {2, "metadata.annotations.c", "d"},
        {2, "spec.rules.0.host", "ui.example.com"},
        {2, "spec.rules.0.http.paths.0.path", "/spark/etl(/|$)(.*)"},
        {2, "spec.rules.0.http.paths.0.pathType", "ImplementationSpecific"},
        {2, "spec.rules.0.http.paths.0.backend.service.name", "etl-42-1-ui-svc"},
        {2, "spec.tls.0.secretName", "tls"},
        {3, "metadata.name", "etl-42-1-driver-5005"},
        {3, "spec.ports.0.name", "driver-ing-5005"},
        {3, "spec.type", "ClusterIP"},
        {4, "metadata.name", "etl-42-1-ing-5005"},
        {5, "metadata.name", "etl-42-1-driver-6006"},
        {5, "spec.ports.0.name", "tensorboard"},
    };

    for (size_t i = 0; i < 6; i++) {
        parts[i] = exposed_part(payload, &run, i);
    }
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CHECK_STR(text_at(parts[rows[i].part], rows[i].path), rows[i].want, rows[i].path);
    }
    CHECK_EQ(json_integer_value(at(parts[1], "spec.ports.0.port")), 80, "its own port");
    CHECK_EQ(json_integer_value(at(parts[1], "spec.ports.0.targetPort")), 4040, "the driver's");
    CHECK_STR(json_string_value(json_object_get(at(parts[2], "metadata.annotations"),
                                                "nginx.ingress.kubernetes.io/rewrite-target")),
              "/$2", "a subpath is taken off");
    CHECK(strstr(text_at(parts[4], "spec.rules.0.host"), "spark-") != NULL, "the application's id");
    for (size_t i = 6; i < SPARK_EXPOSED_COUNT; i++) {
        struct payload_part part;

        CHECK(!payload_part_make(payload, &run, NULL, PAYLOAD_EXPOSED_FIRST + i, &part), "no more");
    }
    CHECK_STR(spark_conf_get(&conf, "spark.ui.proxyBase"), "/spark/etl", "its pages know it");
    CHECK_OK(payload_demand(payload, &names, &demand, &error), "demand");
    CHECK_EQ(demand_object_amount(demand, "services"), 4, "services");
    CHECK_EQ(demand_object_amount(demand, "ingresses.networking.k8s.io"), 2, "ingresses");
    CHECK_EQ(demand_object_amount(demand, "poddisruptionbudgets.policy"), 1, "budgets");
    for (size_t i = 0; i < 6; i++) {
        json_decref(parts[i]);
    }
    demand_destroy(demand);
    resource_names_finish(&names);
    spark_conf_finish(&conf);
    payload_destroy(payload);
}

TEST(payload_of_a_template__is_left_as_it_is_where_nothing_is_added) {
    static const char spec[] =
        JVM ",'executor':{'template':{'spec':{'containers':[{'name':'c','image':'i'}]}}}";
    struct payload *payload = must_read(spec, "the spec");
    json_t *template = executor_template(payload);

    CHECK_STR(text_at(template, "spec.containers.0.name"), "c", "the container");
    CHECK(at(template, "spec.containers.0.volumeMounts") == NULL, "no empty list of mounts");
    CHECK(at(template, "spec.volumes") == NULL, "nor of volumes");
    json_decref(template);
    payload_destroy(payload);
}

TEST(payload_of_monitoring__has_the_exporter_in_both_roles) {
    static const char spec[] =
        JVM ",'driver':{'javaOptions':'-Da=b'},'monitoring':{'exposeDriverMetrics':true,"
            "'exposeExecutorMetrics':true,'prometheus':{'jmxExporterJar':'/prom.jar','port':9404,"
            "'portName':'metrics'}}";
    struct payload *payload = must_read(spec, "the spec");
    struct payload_run run = run_of("etl");
    struct spark_conf conf = properties_of(payload, &run);
    json_t *pod = parsed(payload_pod_body(payload, &run));
    json_t *map = parsed(part_body(payload, &run, "u", PAYLOAD_METRICS_MAP));
    json_t *template = executor_template(payload);
    static const char *const properties[][2] = {
        {"spark.driver.extraJavaOptions",
         "-Da=b -javaagent:/prom.jar=9404:/etc/metrics/conf/prometheus.yaml"},
        {"spark.executor.extraJavaOptions",
         "-javaagent:/prom.jar=9404:/etc/metrics/conf/prometheus.yaml"},
        {"spark.metrics.conf", "/etc/metrics/conf/metrics.properties"},
        {"spark.metrics.namespace", "spark.etl"},
        {"spark.kubernetes.executor.annotation.prometheus.io/scrape", "true"},
        {"spark.kubernetes.executor.annotation.prometheus.io/port", "9404"},
        {"spark.kubernetes.driver.annotation.prometheus.io/path", "/metrics"},
    };
    static const struct path_row of_pod[] = {
        {"spec.volumes.0.configMap.name", "etl-42-1-prom-conf"},
        {"spec.containers.0.volumeMounts.0.mountPath", "/etc/metrics/conf"},
        {"spec.containers.0.ports.3.name", "metrics"},
    };
    static const struct path_row of_template[] = {
        {"spec.volumes.0.configMap.name", "pi-42-1-prom-conf"},
        {"spec.containers.0.volumeMounts.0.name", "metrics-conf-vol"},
        {"spec.containers.0.ports.0.name", "metrics"},
    };

    for (size_t i = 0; i < ARRAY_LEN(properties); i++) {
        CHECK_STR(spark_conf_get(&conf, properties[i][0]), properties[i][1], properties[i][0]);
    }
    check_paths(pod, of_pod, ARRAY_LEN(of_pod));
    check_paths(template, of_template, ARRAY_LEN(of_template));
    CHECK_STR(text_at(map, "metadata.name"), "etl-42-1-prom-conf", "the map");
    CHECK(strstr(json_string_value(json_object_get(at(map, "data"), "prometheus.yaml")),
                 "spark_driver_") != NULL,
          "rules of its own");
    CHECK(strstr(json_string_value(json_object_get(at(map, "data"), "metrics.properties")),
                 "JmxSink") != NULL,
          "and properties");
    json_decref(pod);
    json_decref(map);
    json_decref(template);
    spark_conf_finish(&conf);
    payload_destroy(payload);
}

TEST(payload_of_monitoring__makes_no_map_of_files_in_the_image) {
    struct payload *payload = must_read(
        JVM ",'monitoring':{'metricsPropertiesFile':'/m','prometheus':{'jmxExporterJar':'/j',"
            "'configFile':'/c'},'exposeDriverMetrics':true}",
        "the spec");
    struct payload_run run = run_of("etl");
    struct spark_conf conf = properties_of(payload, &run);
    struct payload_part part;

    CHECK(!payload_part_make(payload, &run, NULL, PAYLOAD_METRICS_MAP, &part), "no map");
    CHECK_STR(spark_conf_get(&conf, "spark.metrics.conf"), "/m", "the image's file");
    CHECK_STR(spark_conf_get(&conf, "spark.driver.extraJavaOptions"), "-javaagent:/j=8090:/c",
              "the image's rules");
    CHECK(spark_conf_get(&conf, "spark.executor.extraJavaOptions") == NULL, "executors show none");
    spark_conf_finish(&conf);
    payload_destroy(payload);
}

/* Spark makes an executor's limit its request: it asks for as much as it may use. */
TEST(payload_demand__raises_executors_to_their_memory_limit) {
    struct payload *payload = must_read(JVM ",'executor':{'memoryLimit':'2Gi'}", "the spec");
    struct payload_run run = run_of("etl");
    struct spark_conf conf = properties_of(payload, &run);
    struct resource_names names = {0};
    struct field_error error = {0};
    struct demand *demand = NULL;

    CHECK_OK(payload_demand(payload, &names, &demand, &error), "demand");
    CHECK_EQ(demand->groups[1].requests.amount[RESOURCE_MEMORY], 2048 * MIB, "request");
    CHECK_EQ(demand->groups[1].limits.amount[RESOURCE_MEMORY], 2048 * MIB, "limit");
    CHECK_STR(spark_conf_get(&conf, "spark.executor.memoryOverhead"), "1024m", "said to Spark");
    demand_destroy(demand);
    resource_names_finish(&names);
    spark_conf_finish(&conf);
    payload_destroy(payload);
}

TEST(payload_properties__say_for_executors_what_spark_can_be_told) {
    static const struct {
        const char *key;
        const char *want;
    } rows[] = {
        {"spark.executorEnv.A", "b"},
        {"spark.kubernetes.executor.secretKeyRef.S", "s:k"},
        {"spark.kubernetes.executor.secrets.gcp", "/gcp"},
        {"spark.executorEnv.GOOGLE_APPLICATION_CREDENTIALS", "/gcp/key.json"},
        {"spark.kubernetes.executor.node.selector.pool", "w"},
        {"spark.kubernetes.executor.label.tier", "x"},
        {"spark.kubernetes.executor.label.app", "both"},
        {"spark.kubernetes.driver.label.app", "both"},
        {"spark.kubernetes.executor.scheduler.name", "volcano"},
        {"spark.kubernetes.executor.volumes.hostPath.spark-local-dir-1.mount.path", "/scratch"},
        {"spark.kubernetes.executor.volumes.hostPath.spark-local-dir-1.options.path", "/mnt/ssd"},
        {"spark.kubernetes.executor.deleteOnTermination", "false"},
        {"spark.hadoop.fs.x", "y"},
        {"spark.dynamicAllocation.shuffleTracking.enabled", "true"},
        {"spark.executor.memory", "3g"},
    };
    static const char text[] =
        "{'metadata':{'labels':{'app':'both'}},'spec':{" JVM
        ",'sparkConf':{'spark.executor.memory':'9g'},'hadoopConf':{'fs.x':'y'},"
        "'dynamicAllocation':{'enabled':true,'maxExecutors':4},"
        "'volumes':[{'name':'spark-local-dir-1','hostPath':{'path':'/mnt/ssd'}}],"
        "'executor':{'memory':'3g','env':[{'name':'A','value':'b'},{'name':'S','valueFrom':"
        "{'secretKeyRef':{'name':'s','key':'k'}}}],'secrets':[{'name':'gcp','path':'/gcp',"
        "'secretType':'GCPServiceAccount'}],'nodeSelector':{'pool':'w'},'labels':{'tier':'x'},"
        "'schedulerName':'volcano','deleteOnTermination':false,"
        "'volumeMounts':[{'name':'spark-local-dir-1','mountPath':'/scratch'}]}}}";
    struct payload *payload = NULL;
    struct field_error error = {0};
    char *json = json_of(text);
    struct payload_run run = run_of("pi");
    struct spark_conf conf;

    CHECK_OK(payload_read(JOB_KIND_SPARK, json, strlen(json), "spark", &payload, &error),
             error.error.text);
    conf = properties_of(payload, &run);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CHECK_STR(spark_conf_get(&conf, rows[i].key), rows[i].want, rows[i].key);
    }
    spark_conf_finish(&conf);
    payload_destroy(payload);
    free(json);
}

/* --- A driver's pod with a name of its own ------------------------------------ */

TEST(payload_with_a_pod_name__gives_it_to_the_pod_alone_in_every_attempt) {
    static const char *const specs[] = {
        JVM ",'driver':{'podName':'etl.driver'},'driverPodDisruptionBudget':true",
        JVM ",'sparkConf':{'spark.kubernetes.driver.pod.name':'etl.driver'}",
        JVM ",'driver':{'podName':'etl.driver'},"
            "'sparkConf':{'spark.kubernetes.driver.pod.name':'etl.driver'}",
    };

    for (size_t i = 0; i < 2 * ARRAY_LEN(specs); i++) {
        struct payload *payload = must_read(specs[i % ARRAY_LEN(specs)], "the spec");
        struct payload_run run = run_of("pi");
        struct spark_conf conf;
        struct payload_part part;
        char name[LIMIT_NAME_BYTES + 1];
        json_t *pod;

        run.id.attempt += i < ARRAY_LEN(specs) ? 0 : 1;
        pod = parsed(payload_pod_body(payload, &run));
        conf = properties_of(payload, &run);
        payload_pod_name(payload, &run.id, name);
        CHECK_STR(name, "etl.driver", "what is looked for");
        CHECK_STR(payload_given_pod_name(payload), "etl.driver", "what it says");
        CHECK_STR(text_at(pod, "metadata.name"), "etl.driver", "the pod");
        CHECK_STR(spark_conf_get(&conf, "spark.kubernetes.driver.pod.name"), "etl.driver",
                  "what executors are told");
        CHECK(payload_part_make(payload, &run, "u", PAYLOAD_SERVICE, &part), "the Service");
        CHECK_STR(part.name, run.id.attempt == 1 ? "pi-42-1-driver-svc" : "pi-42-2-driver-svc",
                  "is named as ever");
        free(part.body);
        CHECK(payload_part_make(payload, &run, "u", PAYLOAD_CONF_MAP, &part), "the map");
        CHECK(strstr(part.body, "\"name\":\"etl.driver\"") != NULL, "belongs to the pod");
        free(part.body);
        for (size_t kind = PAYLOAD_EXPOSED_FIRST; kind < PAYLOAD_CLAIM_FIRST; kind++) {
            if (payload_part_make(payload, &run, "u", kind, &part)) {
                CHECK_STR(part.name, run.id.attempt == 1 ? "pi-42-1-driver" : "pi-42-2-driver",
                          "the budget is the attempt's");
                free(part.body);
            }
        }
        json_decref(pod);
        spark_conf_finish(&conf);
        payload_destroy(payload);
    }
}

/* --- The Spark operator ----------------------------------------------------- */

TEST(payload_of_an_operator__is_the_application_with_our_names) {
    static const struct path_row rows[] = {
        {"kind", "SparkApplication"},
        {"metadata.name", "pi-42-1"},
        {"metadata.labels.app", "x"},
        {"metadata.labels.nightshift/attempt", "1"},
        {"spec.restartPolicy.type", "Never"},
        {"spec.sparkVersion", "3.5.6"},
        {"spec.mode", "cluster"},
        {"spec.type", "Scala"},
        {"spec.driver.podName", "pi-42-1-driver"},
        {"spec.driver.labels.nightshift/job-id", "42"},
        {"spec.executor.labels.nightshift/job-id", "42"},
    };
    static const char text[] =
        "{'metadata':{'labels':{'app':'x'}},'operator':true,'spec':{" JVM
        ",'suspend':true,'restartPolicy':{'type':'OnFailure'},'driver':{'cores':2},"
        "'executor':{'instances':3}}}";
    struct payload *payload = NULL;
    struct field_error error = {0};
    struct resource_names names = {0};
    struct demand *demand = NULL;
    struct payload_part part;
    char *json = json_of(text);
    struct payload_run run = run_of("pi");
    json_t *body;

    CHECK_OK(payload_read(JOB_KIND_SPARK, json, strlen(json), "spark", &payload, &error),
             error.error.text);
    CHECK(payload_is_for_operator(payload), "it is for the operator");
    body = parsed(payload_pod_body(payload, &run));
    check_paths(body, rows, ARRAY_LEN(rows));
    CHECK(at(body, "spec.suspend") == NULL, "we hold it, not the operator");
    CHECK(!payload_part_make(payload, &run, "u", PAYLOAD_SERVICE, &part), "no parts of ours");
    CHECK_OK(payload_demand(payload, &names, &demand, &error), "its demand");
    CHECK_EQ(demand->requests.amount[RESOURCE_CPU], 5000, "driver and executors");
    CHECK_EQ(demand_object_amount(demand, "sparkapplications.sparkoperator.k8s.io"), 1, "itself");
    CHECK_EQ(demand_object_amount(demand, "services"), 2, "the driver's, and that of its pages");
    CHECK_EQ(demand_object_amount(demand, "configmaps"), 3, "properties, template, executors'");
    CHECK_EQ(demand_object_amount(demand, "networkpolicies.networking.k8s.io"), 0, "from 4.2 on");
    demand_destroy(demand);
    resource_names_finish(&names);
    json_decref(body);
    payload_destroy(payload);
    free(json);
}

/* What we counted is what the operator is told, where its own defaults would differ. */
TEST(payload_of_an_operator__says_what_was_counted) {
    static const struct {
        const char *what;
        const char *spec;
        const char *path;
        const char *want; /* "": absent */
    } rows[] = {
        {"one executor, where spark-submit would take two", "",
         "spec.sparkConf.spark\x01"
         "executor\x01instances",
         "1"},
        {"what is said stays", ",'sparkConf':{'spark.executor.instances':'5'}",
         "spec.sparkConf.spark\x01"
         "executor\x01instances",
         "5"},
        {"our own field is told to nobody",
         ",'dynamicAllocation':{'enabled':true,'reserve':'min','maxExecutors':4}",
         "spec.dynamicAllocation.reserve", ""},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char *text = mem_format("{'metadata':{},'operator':true,'spec':{" JVM "%s}}", rows[i].spec);
        struct path_row row = {rows[i].path, rows[i].want};
        char *json = json_of(text);
        struct payload *payload = NULL;
        struct field_error error = {0};
        struct payload_run run = run_of("pi");
        json_t *body;

        CHECK_OK(payload_read(JOB_KIND_SPARK, json, strlen(json), "spark", &payload, &error),
                 error.error.text);
        body = parsed(payload_pod_body(payload, &run));
        if (rows[i].want[0] == '\0') {
            CHECK(at(body, rows[i].path) == NULL, rows[i].what);
        } else {
            check_paths(body, &row, 1);
        }
        json_decref(body);
        payload_destroy(payload);
        free(json);
        free(text);
    }
}

TEST(payload_of_an_operator__grows_and_keeps_off_nodes_as_our_own_pods) {
    static const struct path_row rows[] = {
        {"spec.driver.memory", "683m"},        {"spec.driver.memoryOverhead", "513m"},
        {"spec.driver.memoryLimit", "1793Mi"}, {"spec.executor.memoryOverhead", "768m"},
        {"spec.executor.memory", "1024m"},
    };
    static const char text[] =
        "{'metadata':{},'operator':true,'spec':{" JVM ",'driver':{'cores':1,'memory':'512m',"
        "'memoryLimit':'1344Mi'},'executor':{'instances':1,'memory':'512m'}}}";
    static const char affinity[] =
        "affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution";
    struct avoid_list avoid = {.count = 1, .nodes = {{.name = "node-7", .is_required = true}}};
    struct payload *payload = NULL;
    struct field_error error = {0};
    char *json = json_of(text);
    struct payload_run run = run_of("pi");
    json_t *body;

    CHECK_OK(payload_read(JOB_KIND_SPARK, json, strlen(json), "spark", &payload, &error),
             error.error.text);
    body = parsed(payload_pod_body(payload, &run));
    CHECK(at(body, "spec.executor.memoryOverhead") == NULL, "the first attempt is as it was said");
    json_decref(body);
    payload_grow(payload, 1334, 2000);
    payload_avoid(payload, &avoid);
    body = parsed(payload_pod_body(payload, &run));
    check_paths(body, rows, ARRAY_LEN(rows));
    CHECK(at(at(body, "spec.driver"), affinity) != NULL, "the driver keeps off");
    CHECK(at(at(body, "spec.executor"), affinity) != NULL, "executors, too");
    json_decref(body);
    payload_destroy(payload);
    free(json);
}

TEST(spark_operator_read__tells_how_far_the_operator_came) {
    static const struct {
        const char *status;
        enum operator_state want;
        const char *message;
    } rows[] = {
        {"", OPERATOR_PENDING, ""},
        {",'status':{}", OPERATOR_PENDING, ""},
        {",'status':{'applicationState':{'state':''}}", OPERATOR_PENDING, ""},
        {",'status':{'applicationState':{'state':'PENDING_RERUN'}}", OPERATOR_PENDING, ""},
        {",'status':{'applicationState':{'state':'SUBMITTED'}}", OPERATOR_SUBMITTED, ""},
        {",'status':{'applicationState':{'state':'RUNNING'}}", OPERATOR_SUBMITTED, ""},
        {",'status':{'applicationState':{'state':'COMPLETED'}}", OPERATOR_SUBMITTED, ""},
        {",'status':{'applicationState':{'state':'FAILED'},'executionAttempts':1}",
         OPERATOR_SUBMITTED, ""},
        {",'status':{'applicationState':{'state':'FAILED','errorMessage':'no'}}", OPERATOR_REFUSED,
         "no"},
        {",'status':{'applicationState':{'state':'SUBMISSION_FAILED','errorMessage':'why'}}",
         OPERATOR_REFUSED, "why"},
        {",'status':{'applicationState':{'state':'FAILED','errorMessage':'exceeded quota: q'}}",
         OPERATOR_QUOTA, "exceeded quota: q"},
        {",'status':{'applicationState':{'state':'FAILED','errorMessage':'java.net.X: no'}}",
         OPERATOR_PASSING, "java.net.X: no"},
        {",'status':{'applicationState':{'state':'FAILED','errorMessage':'driver pod already "
         "exist'}}",
         OPERATOR_POD_EXISTS, "driver pod already exist"},
    };
    struct payload_run run = run_of("pi");

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char *text = mem_format("{'metadata':{'labels':{'nightshift/job-uid':'" STORE
                                "-42','nightshift/attempt':'1'}}%s}",
                                rows[i].status);
        char *json = json_of(text);
        enum operator_state state = OPERATOR_ANOTHERS;
        char message[LIMIT_MESSAGE_BYTES + 1] = "";

        CHECK_OK(spark_operator_read(json, strlen(json), &run.id, &state, message), text);
        CHECK_EQ(state, rows[i].want, text);
        CHECK_STR(message, rows[i].message, text);
        run.id.attempt = 2;
        CHECK_OK(spark_operator_read(json, strlen(json), &run.id, &state, message), text);
        CHECK_EQ(state, OPERATOR_ANOTHERS, "of another attempt");
        run.id.attempt = 1;
        free(json);
        free(text);
    }
}

/* --- Plain pods ------------------------------------------------------------- */

static int read_pod(const char *text, struct payload **out_payload, struct field_error *error) {
    char *json = json_of(text);
    int r = payload_read(JOB_KIND_POD, json, strlen(json), "batch", out_payload, error);

    free(json);
    return r;
}

TEST(payload_of_a_pod__is_the_users_under_our_name) {
    static const char text[] =
        "{'metadata':{'labels':{'app':'train'},'annotations':{'a':'b'}},'spec':{'containers':["
        "{'name':'main','image':'i','resources':{'requests':{'cpu':'500m','memory':'1Gi'},"
        "'limits':{'nvidia.com/gpu':'2'}}}],'initContainers':[{'name':'i','image':'i','resources':"
        "{'requests':{'memory':'2Gi'}}}],'overhead':{'cpu':'100m'},'priorityClassName':'low',"
        "'activeDeadlineSeconds':60,'affinity':{'nodeAffinity':{"
        "'requiredDuringSchedulingIgnoredDuringExecution':{'nodeSelectorTerms':[{"
        "'matchExpressions':[{'key':'zone','operator':'In','values':['a','b']}]}]}}}}}";
    struct payload *payload = NULL;
    struct field_error error = {0};
    struct resource_names names = {0};
    struct demand *demand = NULL;
    struct payload_run run = run_of("nightly-train");
    const struct pod_group *group;
    json_t *pod;

    CHECK_OK(read_pod(text, &payload, &error), error.error.text);
    pod = parsed(payload_pod_body(payload, &run));
    CHECK_STR(text_at(pod, "metadata.name"), "nightly-train-42-1", "its name");
    CHECK_STR(text_at(pod, "metadata.labels.app"), "train", "its label");
    CHECK_STR(text_at(pod, "metadata.labels.nightshift/job-id"), "42", "our label");
    CHECK_STR(text_at(pod, "metadata.annotations.a"), "b", "its annotation");
    CHECK_STR(text_at(pod, "spec.restartPolicy"), "Never", "it does not restart");
    CHECK(part_body(payload, &run, NULL, PAYLOAD_SERVICE) == NULL, "no Service");
    CHECK(part_body(payload, &run, NULL, PAYLOAD_CONF_MAP) == NULL, "no ConfigMap");
    CHECK_OK(payload_demand(payload, &names, &demand, &error), "its demand");
    CHECK_EQ(demand->group_count, 1, "one pod");
    CHECK_EQ(demand->object_count, 0, "nothing beside it");
    group = &demand->groups[0];
    CHECK_EQ(group->role, POD_ROLE_POD, "its role");
    CHECK_EQ(group->requests.amount[RESOURCE_CPU], 600, "cpu and overhead");
    CHECK_EQ(group->requests.amount[RESOURCE_MEMORY], 2048 * MIB, "the init container's memory");
    CHECK_EQ(group->requests.amount[resource_find(&names, "nvidia.com/gpu")], 2, "from the limit");
    CHECK_EQ(group->pod.term_count, 1, "the affinity");
    CHECK_STR(group->pod.terms[0].rules[0].values[1], "b", "the affinity");
    CHECK(group->pod.has_run_deadline, "the deadline");
    json_decref(pod);
    demand_destroy(demand);
    resource_names_finish(&names);
    payload_destroy(payload);
}

TEST(payload_demand__has_the_overhead_of_a_runtime_class_told) {
    static const struct {
        const char *what;
        const char *spec;
        int want;
        int64_t cpu_milli;
    } rows[] = {
        {"no class", "", OK, 500},
        {"a class, and nobody knows its overhead", ",'runtimeClassName':'gvisor'", ERR_INVALID, 0},
        {"told", ",'runtimeClassName':'gvisor','overhead':{'cpu':'250m'}", OK, 750},
        {"told that there is none", ",'runtimeClassName':'nvidia','overhead':{}", OK, 500},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[256];
        struct payload *payload = NULL;
        struct field_error error = {0};
        struct resource_names names = {0};
        struct demand *demand = NULL;

        (void)snprintf(text, sizeof text,
                       "{'spec':{'containers':[{'name':'m','image':'i','resources':{'requests':"
                       "{'cpu':'500m'}}}]%s}}",
                       rows[i].spec);
        CHECK_OK(read_pod(text, &payload, &error), rows[i].what);
        CHECK_EQ(payload_demand(payload, &names, &demand, &error), rows[i].want, rows[i].what);
        if (rows[i].want == OK) {
            CHECK_EQ(demand->groups[0].requests.amount[RESOURCE_CPU], rows[i].cpu_milli,
                     rows[i].what);
        } else {
            CHECK_STR(error.path, "spec.runtimeClassName", rows[i].what);
        }
        demand_destroy(demand);
        resource_names_finish(&names);
        payload_destroy(payload);
    }
}

TEST(payload_of_a_pod__refuses_what_a_job_cannot_be) {
#define CONTAINER "'containers':[{'name':'m','image':'i'}]"
    static const struct {
        const char *what;
        const char *text;
        const char *path;
    } rows[] = {
        {"it restarts on failure", "{'spec':{" CONTAINER ",'restartPolicy':'OnFailure'}}",
         "spec.restartPolicy"},
        {"it restarts always", "{'spec':{" CONTAINER ",'restartPolicy':'Always'}}",
         "spec.restartPolicy"},
        {"no containers", "{'spec':{'containers':[]}}", "spec.containers"},
        {"no spec", "{}", "spec.containers"},
        {"no image", "{'spec':{'containers':[{'name':'m'}]}}", "spec.containers[0].image"},
        {"no name", "{'spec':{'containers':[{'image':'i'}]}}", "spec.containers[0].name"},
        {"a node", "{'spec':{" CONTAINER ",'nodeName':'n'}}", "spec.nodeName"},
        {"our label", "{'metadata':{'labels':{'nightshift/attempt':'1'}},'spec':{" CONTAINER "}}",
         "metadata.labels.nightshift/attempt"},
        {"not a label", "{'metadata':{'labels':{'a':'b c'}},'spec':{" CONTAINER "}}",
         "metadata.labels.a"},
    };
#undef CONTAINER

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct payload *payload = NULL;
        struct field_error error = {0};

        CHECK_EQ(read_pod(rows[i].text, &payload, &error), ERR_INVALID, rows[i].what);
        CHECK_STR(error.path, rows[i].path, rows[i].what);
    }
}
