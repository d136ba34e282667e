#include "k8s/payload.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <jansson.h>

#include "base/ensure.h"
#include "base/memory.h"
#include "base/text.h"
#include "k8s/codec_pod_rules.h"
#include "k8s/codec_pod_spec.h"
#include "k8s/pod_avoid.h"
#include "k8s/pod_payload.h"
#include "k8s/runtime_class.h"
#include "k8s/spark_app.h"
#include "k8s/spark_beside.h"
#include "k8s/spark_driver.h"
#include "k8s/spark_executor.h"
#include "k8s/spark_files.h"
#include "k8s/spark_objects.h"
#include "k8s/spark_operator.h"
#include "k8s/spark_secrets.h"
#include "k8s/spark_size.h"
#include "k8s/spark_template.h"
#include "k8s/spark_volumes.h"
#include "policy/avoid.h"
#include "policy/demand.h"
#include "policy/resources.h"

struct payload {
    enum job_kind kind;
    struct spark_app *app; /* of a Spark job */
    struct json_t *root;   /* of a pod, owned */
    bool for_operator;
    char *namespace;
    struct avoid_list avoid;
    const struct runtime_classes *classes; /* NULL: unknown */
};

static int read_pod(struct payload *payload, const char *json, size_t bytes,
                    struct field_error *error) {
    struct json_at root;
    int r = json_parse_object(json, bytes, LIMIT_SPEC_BYTES, &payload->root, error);

    if (r < 0) {
        return r;
    }
    root = json_at_root(payload->root);
    return pod_payload_check(&root, error);
}

static int read_local_files(struct spark_app *app, struct field_error *error) {
    struct json_at top = json_at_root(app->root);
    struct json_at spec = json_at_key(&top, "spec");
    struct json_at files = json_at_key(&spec, "localFiles");

    return spark_files_read(&files, app, error);
}

/* {"metadata":{..},"operator":true,"spec":{..}}: another makes it. */
static int read_operator(struct payload *payload, struct field_error *error) {
    struct json_at top = json_at_root(payload->app->root);
    struct json_at at = json_at_key(&top, "operator");
    int r = json_get_bool(&at, &payload->for_operator, error);

    return r < 0 || !payload->for_operator ? r : spark_operator_check(payload->app, error);
}

static int read_spark(struct payload *payload, const char *json, size_t bytes,
                      const char *namespace_, struct field_error *error) {
    int r = spark_app_read(json, bytes, namespace_, &payload->app, error);

    r = r < 0 ? r : read_local_files(payload->app, error);
    r = r < 0 ? r : spark_volumes_check(payload->app, error);
    r = r < 0 ? r : spark_driver_check(payload->app, error);
    return r < 0 ? r : read_operator(payload, error);
}

int payload_read(enum job_kind kind, const char *json, size_t bytes, const char *namespace_,
                 struct payload **out_payload, struct field_error *error) {
    struct payload *payload = mem_alloc(1, sizeof *payload);
    int r;

    payload->kind = kind;
    payload->namespace = mem_copy_text(namespace_);
    if (kind == JOB_KIND_SPARK) {
        r = read_spark(payload, json, bytes, namespace_, error);
    } else {
        r = read_pod(payload, json, bytes, error);
    }
    if (r < 0) {
        payload_destroy(payload);
        return r;
    }
    *out_payload = payload;
    return OK;
}

void payload_destroy(struct payload *payload) {
    if (payload == NULL) {
        return;
    }
    spark_app_destroy(payload->app);
    json_drop(payload->root);
    free(payload->namespace);
    free(payload);
}

static void add_template_labels(const struct json_t *template, struct pod_demand *pod) {
    struct json_t *metadata = spark_template_copy(template, "metadata");
    struct json_at at = json_at_root(metadata);
    struct json_at labels = json_at_key(&at, "labels");
    struct json_at label;
    void *iterator = NULL;

    while (json_next(&labels, &iterator, &label)) {
        const char *value = "";
        int r = json_get_text(&label, &value, NULL);

        ENSURE(r == OK); /* Checked when it was read. */
        pod_demand_add_label(pod, label.key, value);
    }
    json_drop(metadata);
}

/* What is known of the pods' labels before they are made: the user's, and the role. */
static void add_company(const struct payload *payload, const char *role, struct pod_demand *pod) {
    const struct spark_conf *conf = &payload->app->conf;
    const struct spark_conf_entry *entry;
    char prefix[64];
    size_t at = 0;

    pod_demand_set_namespace(pod, payload->namespace);
    add_template_labels(strcmp(role, "driver") == 0 ? payload->app->driver_template
                                                    : payload->app->executor_template,
                        pod);
    spark_role_key("spark.kubernetes.*.label.", role, prefix, sizeof prefix);
    while ((entry = spark_conf_next(conf, prefix, &at)) != NULL) {
        pod_demand_add_label(pod, entry->key + strlen(prefix), entry->value);
    }
    pod_demand_add_label(pod, "spark-role", role);
}

/* As its RuntimeClass will have it. */
static int read_spec(const struct payload *payload, const struct json_at *spec,
                     struct resource_names *names, struct pod_demand *out_pod,
                     struct field_error *error) {
    struct json_at admitted = *spec;
    int r = runtime_class_admit(payload->classes, spec, &admitted.value, error);

    if (r == OK) {
        r = codec_pod_spec_read(&admitted, names, CODEC_NAMES_STRICT, out_pod, error);
        json_drop(admitted.value);
    }
    return r;
}

/* Of the very tree that will be printed and posted: no second opinion about it. */
static int read_driver(const struct payload *payload, struct resource_names *names,
                       struct pod_demand *out_pod, struct field_error *error) {
    static const struct payload_run run = {
        .id = {.job_name = "name", .store_uid = "store", .job_id = 1, .attempt = 1},
        .namespace_ = "namespace"};
    struct json_t *spec = spark_driver_pod_spec(payload->app, &run);
    struct json_at top = json_at_root(spec);
    int r = read_spec(payload, &top, names, out_pod, error);

    json_drop(spec);
    if (r < 0 && error != NULL) {
        error_prefix(&error->error, "in the driver's pod, spec.%s", error->path);
        (void)text_copy(error->path, sizeof error->path, "spec.driver");
    }
    return r;
}

/* A plain pod's spec is posted as it is, but for its restart policy. */
static int read_pod_spec(const struct payload *payload, struct resource_names *names,
                         struct pod_demand *out_pod, struct field_error *error) {
    struct json_at top = json_at_root(payload->root);
    struct json_at metadata = json_at_key(&top, "metadata");
    struct json_at spec = json_at_key(&top, "spec");
    int r = codec_pod_company_read(&metadata, out_pod, error);

    if (r < 0) {
        return r;
    }
    pod_demand_set_namespace(out_pod, payload->namespace);
    return read_spec(payload, &spec, names, out_pod, error);
}

static int add_main_pod(const struct payload *payload, struct resource_names *names,
                        struct demand *demand, struct field_error *error) {
    bool is_spark = payload->kind == JOB_KIND_SPARK;
    struct pod_group *group =
        demand_add_group(demand, is_spark ? POD_ROLE_DRIVER : POD_ROLE_POD, 1);

    if (!is_spark) {
        return read_pod_spec(payload, names, &group->pod, error);
    }
    add_company(payload, "driver", &group->pod);
    return read_driver(payload, names, &group->pod, error);
}

static int read_executor(const struct payload *payload, struct resource_names *names,
                         struct pod_demand *out_pod, struct field_error *error) {
    struct json_t *spec = spark_executor_pod_spec(payload->app);
    struct json_at top = json_at_root(spec);
    int r = read_spec(payload, &top, names, out_pod, error);

    json_drop(spec);
    if (r < 0 && error != NULL) {
        error_prefix(&error->error, "in an executor's pod, spec.%s", error->path);
        (void)text_copy(error->path, sizeof error->path, "spec.executor");
    }
    return r;
}

static int add_executors(const struct payload *payload, struct resource_names *names,
                         struct demand *demand, struct field_error *error) {
    const struct spark_app *app = payload->app;
    struct pod_group *group;

    if (app->executor_count == 0) {
        return OK;
    }
    group = demand_add_group(demand, POD_ROLE_EXECUTOR, (uint32_t)app->executor_count);
    group->least = (uint32_t)app->executor_count_min;
    add_company(payload, "executor", &group->pod);
    return read_executor(payload, names, &group->pod, error);
}

struct claims {
    struct demand *demand;
    int64_t executors;
};

static void add_claim(void *context, const char *storage_class, int64_t bytes) {
    const struct claims *claims = context;

    demand_add_claims(claims->demand, storage_class, bytes, claims->executors);
}

/* What quotas call it. */
static const char *quota_key(enum kube_resource resource) {
    switch (resource) {
    case KUBE_NETWORKPOLICIES:
        return "networkpolicies.networking.k8s.io";
    case KUBE_INGRESSES:
        return "ingresses.networking.k8s.io";
    case KUBE_PODDISRUPTIONBUDGETS:
        return "poddisruptionbudgets.policy";
    default:
        return resource_plural(resource);
    }
}

/* Its spark-submit always has a template's map, and it adds a Service of the driver's pages. */
static void add_objects_of_operator(const struct spark_app *app, const struct payload_run *run,
                                    struct demand *demand) {
    char *policy = spark_driver_network_policy(app, run, NULL);

    demand_add_object(demand, "sparkapplications.sparkoperator.k8s.io", 1);
    demand_add_object(demand, resource_plural(KUBE_SERVICES), 2);
    demand_add_object(demand, resource_plural(KUBE_CONFIGMAPS), 2);
    if (policy != NULL) {
        demand_add_object(demand, quota_key(KUBE_NETWORKPOLICIES), 1);
    }
    free(policy);
}

/* What is created beside the pods, by us and later by the driver. */
static void add_objects(const struct payload *payload, struct demand *demand) {
    static const struct payload_run run = {
        .id = {.job_name = "name", .store_uid = "store", .job_id = 1, .attempt = 1},
        .namespace_ = "namespace"};
    const struct spark_app *app = payload->app;
    const char *disabled = spark_conf_get(&app->conf, "spark.kubernetes.executor.disableConfigMap");
    struct claims claims = {demand, app->executor_count};
    struct payload_part part;
    struct spark_claim claim;

    if (payload->for_operator) {
        add_objects_of_operator(app, &run, demand);
    }
    for (size_t i = 0; i < PAYLOAD_CLAIM_FIRST; i++) {
        if (payload_part_make(payload, &run, NULL, i, &part)) {
            demand_add_object(demand, quota_key(part.resource), 1);
            free(part.body);
        }
    }
    for (size_t i = 0; spark_volumes_driver_claim(app, NULL, i, &claim); i++) {
        demand_add_claims(demand, claim.storage_class, claim.bytes, 1);
    }
    if (app->executor_count > 0 && !(disabled != NULL && strcasecmp(disabled, "true") == 0)) {
        demand_add_object(demand, resource_plural(KUBE_CONFIGMAPS), 1);
    }
    if (app->executor_count > 0) {
        spark_volumes_executor_claims(app, add_claim, &claims);
    }
}

void payload_set_runtime_classes(struct payload *payload, const struct runtime_classes *classes) {
    payload->classes = classes;
}

int payload_demand(const struct payload *payload, struct resource_names *names,
                   struct demand **out_demand, struct field_error *error) {
    struct demand *demand = demand_create();
    bool is_spark = payload->kind == JOB_KIND_SPARK;
    int r = add_main_pod(payload, names, demand, error);

    if (r == OK && is_spark) {
        r = add_executors(payload, names, demand, error);
        add_objects(payload, demand);
    }
    if (r < 0) {
        demand_destroy(demand);
        return r;
    }
    demand_settle(demand);
    *out_demand = demand;
    return OK;
}

void payload_grow(struct payload *payload, uint32_t driver_permille, uint32_t executor_permille) {
    if (payload->kind == JOB_KIND_SPARK) {
        spark_size_grow(payload->app, driver_permille, executor_permille);
    } else {
        pod_payload_grow(payload->root, driver_permille);
    }
}

void payload_avoid(struct payload *payload, const struct avoid_list *avoid) {
    payload->avoid = *avoid;
    if (payload->kind == JOB_KIND_SPARK) {
        payload->app->avoid = &payload->avoid;
    } else {
        pod_avoid_add(json_object_get(payload->root, "spec"), &payload->avoid);
    }
}

bool payload_is_sealed(const struct payload *payload) {
    return payload->kind == JOB_KIND_SPARK && spark_secrets_are_sealed(payload->app);
}

int payload_open(struct payload *payload, const struct seal_keys *keys, struct field_error *error) {
    return spark_secrets_open(payload->app, keys, payload->namespace, error);
}

void payload_explain(const struct payload *payload, struct buf *out_text) {
    if (payload->kind == JOB_KIND_SPARK) {
        spark_size_explain(payload->app, out_text);
    }
}

void payload_pod_name(const struct payload *payload, const struct attempt_id *id,
                      char out_name[LIMIT_NAME_BYTES + 1]) {
    struct spark_names names;

    if (payload->kind == JOB_KIND_SPARK) {
        spark_app_names(payload->app, id, &names);
    } else {
        spark_names_make(id, &names);
    }
    (void)snprintf(out_name, LIMIT_NAME_BYTES + 1, "%s",
                   payload->kind == JOB_KIND_SPARK ? names.pod : names.prefix);
}

const char *payload_given_pod_name(const struct payload *payload) {
    return payload->kind == JOB_KIND_SPARK ? payload->app->pod_name : NULL;
}

const char *payload_log_container(const struct payload *payload) {
    return payload->kind == JOB_KIND_SPARK ? spark_driver_container_name(payload->app)
                                           : pod_payload_log_container(payload->root);
}

int64_t payload_ui_port(const struct payload *payload) {
    return spark_ui_port(payload->app);
}

bool payload_is_for_operator(const struct payload *payload) {
    return payload->for_operator;
}

char *payload_pod_body(const struct payload *payload, const struct payload_run *run) {
    if (payload->for_operator) {
        return spark_operator_body(payload->app, run);
    }
    return payload->kind == JOB_KIND_SPARK ? spark_driver_pod(payload->app, run)
                                           : pod_payload_body(payload->root, run);
}

static const struct {
    enum kube_resource resource;
    const char *what;
    char *(*body)(const struct spark_app *app, const struct payload_run *run,
                  const char *owner_uid);
    void (*name)(const struct spark_names *names, char *out_name, size_t bytes_max);
} parts[PAYLOAD_EXPOSED_FIRST] = {
    [PAYLOAD_SERVICE] = {KUBE_SERVICES, "service", spark_driver_service, spark_name_service},
    [PAYLOAD_CONF_MAP] = {KUBE_CONFIGMAPS, "config map", spark_driver_conf_map,
                          spark_name_conf_map},
    [PAYLOAD_NETWORK_POLICY] = {KUBE_NETWORKPOLICIES, "network policy", spark_driver_network_policy,
                                spark_name_network_policy},
    [PAYLOAD_HADOOP_MAP] = {KUBE_CONFIGMAPS, "config map of Hadoop's files", spark_files_hadoop_map,
                            spark_name_hadoop_map},
    [PAYLOAD_KRB5_MAP] = {KUBE_CONFIGMAPS, "config map of krb5.conf", spark_files_krb5_map,
                          spark_name_krb5_map},
    [PAYLOAD_CREDENTIALS] = {KUBE_SECRETS, "secret of the driver's credentials",
                             spark_secrets_credentials, spark_name_credentials},
    [PAYLOAD_KEYTAB] = {KUBE_SECRETS, "secret of the keytab", spark_secrets_keytab,
                        spark_name_keytab},
    [PAYLOAD_TEMPLATE_MAP] = {KUBE_CONFIGMAPS, "config map of the executors' template",
                              spark_driver_template_map, spark_name_template_map},
    [PAYLOAD_METRICS_MAP] = {KUBE_CONFIGMAPS, "config map of the metrics", spark_driver_metrics_map,
                             spark_name_metrics_map},
};

static bool make_claim(const struct payload *payload, const struct payload_run *run,
                       const char *owner_uid, size_t index, struct payload_part *out_part) {
    struct payload_part part = {.resource = KUBE_PERSISTENTVOLUMECLAIMS, .what = "volume claim"};
    struct spark_names names;
    struct spark_claim claim;

    spark_names_make(&run->id, &names);
    if (!spark_volumes_driver_claim(payload->app, &names, index, &claim)) {
        return false;
    }
    (void)snprintf(part.name, sizeof part.name, "%s", claim.name);
    part.body = spark_driver_claim(payload->app, run, owner_uid, index);
    *out_part = part;
    return true;
}

static bool make_exposed(const struct payload *payload, const struct payload_run *run,
                         const char *owner_uid, size_t index, struct payload_part *out_part) {
    struct spark_exposed exposed;

    if (!spark_exposed_make(payload->app, run, owner_uid, index, &exposed)) {
        return false;
    }
    *out_part = (struct payload_part){
        .resource = exposed.resource, .what = exposed.what, .body = exposed.body};
    (void)snprintf(out_part->name, sizeof out_part->name, "%s", exposed.name);
    return true;
}

bool payload_part_make(const struct payload *payload, const struct payload_run *run,
                       const char *owner_uid, size_t kind, struct payload_part *out_part) {
    struct payload_part part;
    struct spark_names names;

    if (payload->kind != JOB_KIND_SPARK || payload->for_operator) {
        return false;
    }
    if (kind >= PAYLOAD_CLAIM_FIRST) {
        return make_claim(payload, run, owner_uid, kind - PAYLOAD_CLAIM_FIRST, out_part);
    }
    if (kind >= PAYLOAD_EXPOSED_FIRST) {
        return make_exposed(payload, run, owner_uid, kind - PAYLOAD_EXPOSED_FIRST, out_part);
    }
    part = (struct payload_part){.resource = parts[kind].resource, .what = parts[kind].what};
    part.body = parts[kind].body(payload->app, run, owner_uid);
    if (part.body == NULL) {
        return false;
    }
    spark_names_make(&run->id, &names);
    parts[kind].name(&names, part.name, sizeof part.name);
    *out_part = part;
    return true;
}
