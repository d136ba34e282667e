#include "k8s/spark_executor.h"

#include <string.h>

#include <jansson.h>

#include "base/ensure.h"
#include "base/quantity.h"
#include "k8s/codec_json.h"
#include "k8s/json_build.h"
#include "k8s/pod_avoid.h"
#include "k8s/spark_app.h"
#include "k8s/spark_metrics.h"
#include "k8s/spark_overlay.h"
#include "k8s/spark_size.h"
#include "k8s/spark_template.h"
#include "policy/avoid.h"

#define CONTAINER_SPARK_EXECUTOR "spark-kubernetes-executor"
#define BLOCK_MANAGER_PORT       7079

bool spark_executor_has_template(const struct spark_app *app) {
    const struct spark_overlay overlay = spark_overlay_executor(app);

    return app->executor_template != NULL || spark_overlay_is_there(&overlay) ||
           spark_metrics_is_there(app) || (app->avoid != NULL && app->avoid->count > 0);
}

static struct json_t *take_container(const struct spark_app *app, struct json_t *spec) {
    return spark_template_take_container(
        spec, spark_conf_get(&app->conf, "spark.kubernetes.executor.podTemplateContainerName"));
}

static void name_container(struct json_t *container) {
    const char *name = json_string_value(json_object_get(container, "name"));

    if (name == NULL || name[0] == '\0') {
        json_put_text(container, "name", CONTAINER_SPARK_EXECUTOR);
    }
}

/* First in the list again: so Spark finds it, by its name or without. */
static void put_first(struct json_t *spec, struct json_t *container) {
    int r = json_array_insert_new(spark_template_list(spec, "containers"), 0, container);

    ENSURE(r == 0);
}

static struct json_t *make_template_spec(const struct spark_app *app, const char *metrics_map) {
    const struct spark_overlay overlay = spark_overlay_executor(app);
    struct json_t *spec = spark_template_copy(app->executor_template, "spec");
    struct json_t *container = take_container(app, spec);

    name_container(container);
    if (spark_overlay_is_there(&overlay)) {
        spark_overlay_volumes(&overlay, spark_template_list(spec, "volumes"),
                              spark_template_list(container, "volumeMounts"));
        spark_overlay_env(&overlay, spark_template_list(container, "env"));
        json_put_copy(container, "securityContext", app->executor, "securityContext");
        spark_overlay_container(&overlay, container);
    }
    if (spark_metrics_is_there(app)) {
        spark_metrics_add_volume(app, metrics_map, spark_template_list(spec, "volumes"),
                                 spark_template_list(container, "volumeMounts"));
    }
    spark_metrics_add_port(app, "executor", container);
    put_first(spec, container);
    spark_overlay_spec(&overlay, spec);
    return spec;
}

struct json_t *spark_executor_template(const struct spark_app *app, const char *metrics_map) {
    struct json_t *pod = json_new_object();
    struct json_t *spec = make_template_spec(app, metrics_map);

    json_put_text(pod, "apiVersion", "v1");
    json_put_text(pod, "kind", "Pod");
    json_put_take(pod, "metadata", spark_template_copy(app->executor_template, "metadata"));
    pod_avoid_add(spec, app->avoid);
    json_put_take(pod, "spec", spec);
    return pod;
}

/* --- What Spark makes of it ------------------------------------------------------------------ */

static void add_port(const struct spark_app *app, struct json_t *container) {
    struct json_t *port = json_new_object();
    int64_t number = BLOCK_MANAGER_PORT;
    int r = spark_conf_get_port(&app->conf, "spark.blockManager.port", &number, NULL);

    ENSURE(r == OK); /* Checked when the application was read. */
    json_put_text(port, "name", "blockmanager");
    json_put_int(port, "containerPort", number);
    json_put_text(port, "protocol", "TCP");
    json_push_take(spark_template_list(container, "ports"), port);
}

static void put_selector(const struct spark_app *app, const char *prefix, struct json_t *spec) {
    const struct spark_conf_entry *entry;
    size_t at = 0;

    while ((entry = spark_conf_next(&app->conf, prefix, &at)) != NULL) {
        json_put_text(spark_template_object(spec, "nodeSelector"), entry->key + strlen(prefix),
                      entry->value);
    }
}

static void put_memory_limit(const struct spark_app *app, struct json_t *container) {
    struct json_t *resources = spark_template_object(container, "resources");
    char limit[QUANTITY_BYTES_MAX];

    if (app->executor_memory_limit_bytes > 0) {
        quantity_print_bytes(app->executor_memory_limit_bytes, limit);
        json_put_text(spark_template_object(resources, "limits"), "memory", limit);
    }
}

struct json_t *spark_executor_pod_spec(const struct spark_app *app) {
    struct json_t *spec = make_template_spec(app, "metrics");
    struct json_t *container = take_container(app, spec);

    spark_size_put(&app->executor_size, spark_template_object(container, "resources"));
    put_memory_limit(app, container);
    add_port(app, container);
    json_push_take(spark_template_list(spec, "containers"), container);
    put_selector(app, "spark.kubernetes.node.selector.", spec);
    put_selector(app, "spark.kubernetes.executor.node.selector.", spec);
    return spec;
}
