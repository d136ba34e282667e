#include "tests/sim/kit.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "base/clock.h"
#include "sim/store.h"
#include "sim/tree.h"
#include "tests/test.h"

#define JSON_BYTES_MAX 16384

static json_t *load(const char *format, va_list args) PRINTF_LIKE(1, 0);

static json_t *load(const char *format, va_list args) {
    static char text[JSON_BYTES_MAX];
    json_error_t error;
    json_t *value;

    (void)vsnprintf(text, sizeof text, format, args);
    for (char *c = text; *c != '\0'; c++) {
        *c = *c == '\'' ? '"' : *c;
    }
    value = json_loads(text, 0, &error);
    CHECK(value != NULL, text);
    return value;
}

static int post(struct kit *kit, const struct sim_write *write, json_t *take_object) {
    struct sim_answer answer = sim_store_post(kit->store, write, take_object);
    int code = answer.code;
    const char *message = code == 201 ? "" : tree_text(answer.body, "message");

    (void)snprintf(kit->message, sizeof kit->message, "%s", message != NULL ? message : "?");
    sim_answer_finish(&answer);
    json_decref(take_object);
    return code;
}

int kit_post(struct kit *kit, enum sim_resource_id id, const char *namespace, const char *format,
             ...) {
    struct sim_write write = {.id = id, .namespace = namespace, .now_us = kit->now_us};
    json_t *object;
    va_list args;

    va_start(args, format);
    object = load(format, args);
    va_end(args);
    return post(kit, &write, object);
}

int kit_post_dry(struct kit *kit, enum sim_resource_id id, const char *namespace,
                 const char *format, ...) {
    struct sim_write write = {
        .id = id, .namespace = namespace, .now_us = kit->now_us, .dry_run = true};
    json_t *object;
    va_list args;

    va_start(args, format);
    object = load(format, args);
    va_end(args);
    return post(kit, &write, object);
}

int kit_delete(struct kit *kit, enum sim_resource_id id, const char *namespace, const char *name) {
    struct sim_delete request = {.id = id,
                                 .namespace = namespace,
                                 .name = name,
                                 .now_us = kit->now_us,
                                 .grace_seconds = SIM_GRACE_DEFAULT};
    struct sim_answer answer = sim_store_delete(kit->store, &request);
    int code = answer.code;

    sim_answer_finish(&answer);
    return code;
}

void kit_open(struct kit *kit, const struct cluster_config *config) {
    struct cluster_config quiet = cluster_config_default();

    *kit = (struct kit){.now_us = KIT_START_US};
    quiet.events = false;
    kit->store = sim_store_create(&(struct sim_store_options){.seed = 1});
    kit->cluster = cluster_create(kit->store, config != NULL ? config : &quiet);
    CHECK_EQ(kit_post(kit, SIM_NAMESPACES, "", "{'metadata':{'name':'a'}}"), 201, "namespace a");
    kit_run(kit, KIT_SECOND);
}

void kit_close(struct kit *kit) {
    sim_store_destroy(kit->store);
    cluster_destroy(kit->cluster);
}

void kit_add_node(struct kit *kit, const char *name, const char *cpu, const char *memory) {
    CHECK_EQ(kit_post(kit, SIM_NODES, "",
                      "{'metadata':{'name':'%s','labels':{'kubernetes.io/hostname':'%s'}},"
                      "'status':{'capacity':{'cpu':'%s','memory':'%s','pods':'110'}}}",
                      name, name, cpu, memory),
             201, name);
    kit_run(kit, 10 * KIT_MS);
}

void kit_run(struct kit *kit, int64_t for_us) {
    int64_t end_us = kit->now_us + for_us;
    struct error error = {0};

    for (;;) {
        int64_t next_us = cluster_next_us(kit->cluster);

        if (next_us > end_us) {
            break;
        }
        kit->now_us = next_us > kit->now_us ? next_us : kit->now_us;
        cluster_step(kit->cluster, kit->now_us);
        CHECK(cluster_verify(kit->cluster, &error), error.text);
    }
    kit->now_us = end_us;
}

static int post_conf(struct kit *kit, const char *name, const char *properties) {
    struct sim_write write = {.id = SIM_CONFIGMAPS, .namespace = "a", .now_us = kit->now_us};
    char text[4096];
    char map[300];
    json_t *object;

    (void)snprintf(map, sizeof map, "%s-conf-map", name);
    (void)snprintf(text, sizeof text,
                   "#comment\nspark.app.id=spark-%s\nspark.driver.host=%s-driver-svc.a.svc\n"
                   "spark.driver.port=7078\nspark.kubernetes.memoryOverheadFactor=0.1\n"
                   "spark.kubernetes.container.image=apache/spark\\:3.5.6\n%s",
                   name, name, properties);
    object = tree_pack("{s:{s:s}, s:b, s:{s:s}}", "metadata", "name", map, "immutable", 1, "data",
                       "spark.properties", text);
    return post(kit, &write, object);
}

int kit_submit_spark(struct kit *kit, const char *name, const char *version,
                     const char *annotations, const char *properties) {
    int code = kit_post(
        kit, SIM_PODS, "a",
        "{'metadata':{'name':'%s-driver','labels':{'spark-role':'driver','spark-version':'%s',"
        "'spark-app-selector':'spark-%s','spark-app-name':'%s'},'annotations':%s},"
        "'spec':{'restartPolicy':'Never','containers':[{'name':'spark-kubernetes-driver',"
        "'image':'apache/spark:3.5.6','args':['driver','--properties-file',"
        "'/opt/spark/conf/spark.properties','--class','org.apache.spark.examples.SparkPi',"
        "'local:///pi.jar'],'resources':{'requests':{'cpu':'1','memory':'1408Mi'},"
        "'limits':{'memory':'1408Mi'}},'volumeMounts':[{'name':'conf',"
        "'mountPath':'/opt/spark/conf'}]}],'volumes':[{'name':'conf','configMap':"
        "{'name':'%s-conf-map'}}]}}",
        name, version, name, name, annotations, name);

    if (code == 201) {
        CHECK_EQ(post_conf(kit, name, properties), 201, kit->message);
        CHECK_EQ(kit_post(kit, SIM_SERVICES, "a",
                          "{'metadata':{'name':'%s-driver-svc'},'spec':{'clusterIP':'None',"
                          "'selector':{'spark-app-selector':'spark-%s'},"
                          "'ports':[{'name':'driver-rpc-port','port':7078}]}}",
                          name, name),
                 201, kit->message);
    }
    return code;
}

const char *kit_text(struct kit *kit, enum sim_resource_id id, const char *name, const char *path) {
    const char *text = tree_text(sim_store_get(kit->store, id, "a", name), path);

    return text != NULL ? text : "";
}

const char *kit_phase(struct kit *kit, const char *pod) {
    const json_t *object = sim_store_get(kit->store, SIM_PODS, "a", pod);

    return object == NULL ? "gone" : tree_text(object, "status/phase");
}

int64_t kit_count_pods(struct kit *kit, const char *phase, const char *role) {
    struct sim_walk walk = {0};
    const json_t *pod;
    int64_t count = 0;

    while ((pod = sim_store_next(kit->store, SIM_PODS, "a", &walk)) != NULL) {
        const char *label = tree_label(pod, "spark-role");

        count += tree_is(pod, "status/phase", phase) &&
                 (role == NULL || (label != NULL && strcmp(label, role) == 0));
    }
    return count;
}

int kit_fault(struct kit *kit, const char *name, const char *params) {
    char text[1000];
    struct error error = {0};
    json_t *object;
    int r;

    (void)snprintf(text, sizeof text, "%s", params);
    for (char *c = text; *c != '\0'; c++) {
        *c = *c == '\'' ? '"' : *c;
    }
    object = json_loads(text, 0, NULL);
    CHECK(object != NULL, params);
    r = cluster_fault(kit->cluster, name, object, kit->now_us, &error);
    (void)snprintf(kit->message, sizeof kit->message, "%s", error.text);
    json_decref(object);
    return r;
}
