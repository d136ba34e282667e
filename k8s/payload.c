#include "k8s/payload.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/ensure.h"
#include "base/memory.h"
#include "base/text.h"
#include "k8s/codec_pod_rules.h"
#include "k8s/codec_pod_spec.h"
#include "k8s/pod_payload.h"
#include "k8s/spark_app.h"
#include "k8s/spark_driver.h"
#include "k8s/spark_size.h"
#include "k8s/spark_volumes.h"
#include "policy/demand.h"
#include "policy/resources.h"

#define BYTES_PER_MIB ((int64_t)1 << 20)

struct payload {
    enum job_kind kind;
    struct spark_app *app; /* of a Spark job */
    struct json_t *root;   /* of a pod, owned */
    char *namespace;
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

static int read_spark(struct payload *payload, const char *json, size_t bytes,
                      const char *namespace_, struct field_error *error) {
    int r = spark_app_read(json, bytes, namespace_, &payload->app, error);

    r = r < 0 ? r : spark_volumes_check(payload->app, error);
    return r < 0 ? r : spark_driver_check(payload->app, error);
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

/* What is known of the pods' labels before they are made: the user's, and the role. */
static void add_company(const struct payload *payload, const char *role, struct pod_demand *pod) {
    const struct spark_conf *conf = &payload->app->conf;
    const struct spark_conf_entry *entry;
    char prefix[64];
    size_t at = 0;

    pod_demand_set_namespace(pod, payload->namespace);
    spark_role_key("spark.kubernetes.*.label.", role, prefix, sizeof prefix);
    while ((entry = spark_conf_next(conf, prefix, &at)) != NULL) {
        pod_demand_add_label(pod, entry->key + strlen(prefix), entry->value);
    }
    pod_demand_add_label(pod, "spark-role", role);
}

/* Of the very tree that will be printed and posted: no second opinion about it. */
static int read_driver(const struct spark_app *app, struct resource_names *names,
                       struct pod_demand *out_pod, struct field_error *error) {
    static const struct payload_run run = {
        .id = {.job_name = "name", .store_uid = "store", .job_id = 1, .attempt = 1},
        .namespace_ = "namespace"};
    struct json_t *spec = spark_driver_pod_spec(app, &run);
    struct json_at top = json_at_root(spec);
    int r = codec_pod_spec_read(&top, names, CODEC_NAMES_STRICT, out_pod, error);

    json_drop(spec);
    if (r < 0 && error != NULL) {
        error_prefix(&error->error, "in the driver's pod, spec.%s", error->path);
        (void)text_copy(error->path, sizeof error->path, "spec.driver");
    }
    return r;
}

/* A plain pod's spec is posted as it is, but for its restart policy. */
static int read_pod_spec(struct json_t *root, const char *namespace_, struct resource_names *names,
                         struct pod_demand *out_pod, struct field_error *error) {
    struct json_at top = json_at_root(root);
    struct json_at metadata = json_at_key(&top, "metadata");
    struct json_at spec = json_at_key(&top, "spec");
    int r = codec_pod_company_read(&metadata, out_pod, error);

    if (r < 0) {
        return r;
    }
    pod_demand_set_namespace(out_pod, namespace_);
    return codec_pod_spec_read(&spec, names, CODEC_NAMES_STRICT, out_pod, error);
}

static int add_main_pod(const struct payload *payload, struct resource_names *names,
                        struct demand *demand, struct field_error *error) {
    bool is_spark = payload->kind == JOB_KIND_SPARK;
    struct pod_group *group =
        demand_add_group(demand, is_spark ? POD_ROLE_DRIVER : POD_ROLE_POD, 1);

    if (!is_spark) {
        return read_pod_spec(payload->root, payload->namespace, names, &group->pod, error);
    }
    add_company(payload, "driver", &group->pod);
    return read_driver(payload->app, names, &group->pod, error);
}

static void add_selectors(const struct spark_conf *conf, const char *prefix,
                          struct pod_demand *pod) {
    const struct spark_conf_entry *entry;
    size_t at = 0;

    while ((entry = spark_conf_next(conf, prefix, &at)) != NULL) {
        pod_demand_add_selector(pod, entry->key + strlen(prefix), entry->value);
    }
}

static void add_executor_selectors(const struct spark_conf *conf, struct pod_demand *pod) {
    static const char common[] = "spark.kubernetes.node.selector.";
    static const char own[] = "spark.kubernetes.executor.node.selector.";
    const struct spark_conf_entry *entry;
    size_t at = 0;

    add_selectors(conf, own, pod);
    while ((entry = spark_conf_next(conf, common, &at)) != NULL) {
        char *key = mem_format("%s%s", own, entry->key + strlen(common));

        if (spark_conf_find(conf, key) == NULL) { /* The role's own wins. */
            pod_demand_add_selector(pod, entry->key + strlen(common), entry->value);
        }
        free(key);
    }
}

static int add_executors(const struct payload *payload, struct resource_names *names,
                         struct demand *demand, struct field_error *error) {
    const struct spark_app *app = payload->app;
    const struct spark_size *size = &app->executor_size;
    int64_t memory = size->memory_mib * BYTES_PER_MIB;
    struct container_demand *container;
    struct pod_group *group;

    if (app->executor_count == 0) {
        return OK;
    }
    group = demand_add_group(demand, POD_ROLE_EXECUTOR, (uint32_t)app->executor_count);
    container = pod_demand_add_container(&group->pod, CONTAINER_MAIN);
    container_demand_request(container, RESOURCE_CPU, size->cpu_request_milli);
    container_demand_request(container, RESOURCE_MEMORY, memory);
    container_demand_limit(container, RESOURCE_MEMORY, memory);
    if (size->cpu_limit_milli > 0) {
        container_demand_limit(container, RESOURCE_CPU, size->cpu_limit_milli);
    }
    for (size_t i = 0; i < size->extended_count; i++) {
        size_t kind;
        int r = resource_intern(names, size->extended[i].name, &kind);

        if (r < 0) {
            return error_set(&error->error, r, "%s: %s", size->extended[i].name,
                             r == ERR_FULL ? "too many kinds of resources"
                                           : "not the name of a resource");
        }
        container_demand_limit(container, kind, size->extended[i].amount);
    }
    add_company(payload, "executor", &group->pod);
    pod_demand_tolerate_pressure(&group->pod);
    add_executor_selectors(&app->conf, &group->pod);
    return OK;
}

struct claims {
    struct demand *demand;
    int64_t executors;
};

static void add_claim(void *context, const char *storage_class, int64_t bytes) {
    const struct claims *claims = context;

    demand_add_claims(claims->demand, storage_class, bytes, claims->executors);
}

/* What is created beside the pods, by us and later by the driver. */
static void add_objects(const struct payload *payload, struct demand *demand) {
    static const struct payload_run run = {
        .id = {.job_name = "name", .store_uid = "store", .job_id = 1, .attempt = 1},
        .namespace_ = "namespace"};
    const struct spark_app *app = payload->app;
    const char *disabled = spark_conf_get(&app->conf, "spark.kubernetes.executor.disableConfigMap");
    bool has_executor_map =
        app->executor_count > 0 && !(disabled != NULL && strcasecmp(disabled, "true") == 0);
    char *policy = payload_network_policy_body(payload, &run, NULL);
    struct claims claims = {demand, app->executor_count};

    demand_add_object(demand, "services", 1);
    demand_add_object(demand, "configmaps", has_executor_map ? 2 : 1);
    if (policy != NULL) {
        demand_add_object(demand, "networkpolicies.networking.k8s.io", 1);
    }
    free(policy);
    if (app->executor_count > 0) {
        spark_volumes_executor_claims(app, add_claim, &claims);
    }
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

void payload_explain(const struct payload *payload, struct buf *out_text) {
    if (payload->kind == JOB_KIND_SPARK) {
        spark_size_explain(payload->app, out_text);
    }
}

void payload_pod_name(const struct payload *payload, const struct attempt_id *id,
                      char out_name[LIMIT_NAME_BYTES + 1]) {
    struct spark_names names;

    spark_names_make(id, &names);
    (void)snprintf(out_name, LIMIT_NAME_BYTES + 1, "%s",
                   payload->kind == JOB_KIND_SPARK ? names.pod : names.prefix);
}

const char *payload_log_container(const struct payload *payload) {
    return payload->kind == JOB_KIND_SPARK ? CONTAINER_SPARK_DRIVER
                                           : pod_payload_log_container(payload->root);
}

char *payload_pod_body(const struct payload *payload, const struct payload_run *run) {
    return payload->kind == JOB_KIND_SPARK ? spark_driver_pod(payload->app, run)
                                           : pod_payload_body(payload->root, run);
}

char *payload_service_body(const struct payload *payload, const struct payload_run *run,
                           const char *owner_uid) {
    return payload->kind == JOB_KIND_SPARK ? spark_driver_service(payload->app, run, owner_uid)
                                           : NULL;
}

char *payload_conf_map_body(const struct payload *payload, const struct payload_run *run,
                            const char *owner_uid) {
    return payload->kind == JOB_KIND_SPARK ? spark_driver_conf_map(payload->app, run, owner_uid)
                                           : NULL;
}

char *payload_network_policy_body(const struct payload *payload, const struct payload_run *run,
                                  const char *owner_uid) {
    return payload->kind == JOB_KIND_SPARK
               ? spark_driver_network_policy(payload->app, run, owner_uid)
               : NULL;
}
