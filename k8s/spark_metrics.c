#include "k8s/spark_metrics.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/limits.h"
#include "base/memory.h"
#include "base/text.h"
#include "k8s/codec_json.h"
#include "k8s/json_build.h"
#include "k8s/spark_app.h"
#include "k8s/spark_template.h"

#define METRICS_DIR     "/etc/metrics/conf"
#define PROPERTIES_FILE "metrics.properties"
#define RULES_FILE      "prometheus.yaml"
#define PORT_DEFAULT    8090
#define PORT_NAME       "jmx-exporter"
#define VOLUME          "metrics-conf-vol"

/* What the JVM and Spark measure is handed to JMX. */
static const char default_properties[] =
    "*.sink.jmx.class=org.apache.spark.metrics.sink.JmxSink\n"
    "driver.source.jvm.class=org.apache.spark.metrics.source.JvmSource\n"
    "executor.source.jvm.class=org.apache.spark.metrics.source.JvmSource\n";

/* A bean is metrics<name=NAMESPACE.APPLICATION.INSTANCE.METRIC>, the namespace as spark.metrics.*
 * says below. The first rule that fits names it as the operator's own rules do. */
static const char default_rules[] =
    "lowercaseOutputName: true\n"
    "attrNameSnakeCase: true\n"
    "rules:\n"
    "- {pattern: 'metrics<name=([^.]+)\\.([^.]+)\\.driver\\.(\\S+)\\.StreamingMetrics\\.streaming"
    "\\.(\\S+)><>Value', name: spark_streaming_driver_$4, type: GAUGE,"
    " labels: {app_namespace: $1, app_id: $2}}\n"
    "- {pattern: 'metrics<name=([^.]+)\\.([^.]+)\\.driver\\.spark\\.streaming\\.([^.]+)\\.(.+)><>"
    "Value', name: spark_structured_streaming_driver_$4, type: GAUGE,"
    " labels: {app_namespace: $1, app_id: $2, query_name: $3}}\n"
    "- {pattern: 'metrics<name=([^.]+)\\.([^.]+)\\.driver\\.(.+)><>Value',"
    " name: spark_driver_$3, type: GAUGE, labels: {app_namespace: $1, app_id: $2}}\n"
    "- {pattern: 'metrics<name=([^.]+)\\.([^.]+)\\.driver\\.(.+)><>Count',"
    " name: spark_driver_$3_count, type: COUNTER, labels: {app_namespace: $1, app_id: $2}}\n"
    "- {pattern: 'metrics<name=([^.]+)\\.([^.]+)\\.([0-9]+)\\.executor\\.(.+)><>Value',"
    " name: spark_executor_$4, type: GAUGE,"
    " labels: {app_namespace: $1, app_id: $2, executor_id: $3}}\n"
    "- {pattern: 'metrics<name=([^.]+)\\.([^.]+)\\.([0-9]+)\\.executor\\.(.+)><>Count',"
    " name: spark_executor_$4_count, type: COUNTER,"
    " labels: {app_namespace: $1, app_id: $2, executor_id: $3}}\n"
    "- {pattern: 'metrics<name=([^.]+)\\.([^.]+)\\.([0-9]+)\\.(.+)><>Value',"
    " name: spark_executor_$4, type: GAUGE,"
    " labels: {app_namespace: $1, app_id: $2, executor_id: $3}}\n"
    "- {pattern: 'metrics<name=([^.]+)\\.([^.]+)\\.([0-9]+)\\.(.+)><>Count',"
    " name: spark_executor_$4_count, type: COUNTER,"
    " labels: {app_namespace: $1, app_id: $2, executor_id: $3}}\n";

/* --- What the manifest says ------------------------------------------------------------------ */

static const struct json_t *monitoring(const struct spark_app *app) {
    return json_object_get(app->spec, "monitoring");
}

static const struct json_t *prometheus(const struct spark_app *app) {
    return json_object_get(monitoring(app), "prometheus");
}

/* NULL: not said, or said as nothing. */
static const char *text_of(const struct json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));

    return text != NULL && text[0] != '\0' ? text : NULL;
}

static int64_t port_of(const struct spark_app *app) {
    const struct json_t *port = json_object_get(prometheus(app), "port");

    return json_is_integer(port) ? json_integer_value(port) : PORT_DEFAULT;
}

static const char *expose_key(const char *role) {
    return strcmp(role, "driver") == 0 ? "exposeDriverMetrics" : "exposeExecutorMetrics";
}

bool spark_metrics_is_shown(const struct spark_app *app, const char *role) {
    return prometheus(app) != NULL &&
           json_is_true(json_object_get(monitoring(app), expose_key(role)));
}

static int check_prometheus(const struct json_at *at, struct field_error *error) {
    static const char *const texts[] = {"jmxExporterJar", "portName", "configFile",
                                        "configuration"};
    struct json_at jar = json_at_key(at, "jmxExporterJar");
    struct json_at port_at = json_at_key(at, "port");
    const char *text;
    int64_t port = PORT_DEFAULT;
    int r = json_get_int64(&port_at, &port, error);

    for (size_t i = 0; r == OK && i < ARRAY_LEN(texts); i++) {
        struct json_at member = json_at_key(at, texts[i]);

        r = json_get_text(&member, &text, error);
    }
    if (r == OK && (port < 1 || port > UINT16_MAX)) {
        r = json_fail(&port_at, error, ERR_INVALID, "is not a port");
    }
    if (r == OK && text_of(at->value, "jmxExporterJar") == NULL) {
        r = json_fail(&jar, error, ERR_INVALID,
                      "is required: the path of the exporter's jar in the image");
    }
    return r;
}

static int check(const struct json_at *at, struct field_error *error) {
    static const char *const truths[] = {"exposeDriverMetrics", "exposeExecutorMetrics"};
    static const char *const texts[] = {"metricsProperties", "metricsPropertiesFile"};
    struct json_at inner = json_at_key(at, "prometheus");
    const char *text;
    bool value;
    int r = json_expect_object(at, error);

    for (size_t i = 0; r == OK && i < ARRAY_LEN(truths); i++) {
        struct json_at member = json_at_key(at, truths[i]);

        r = json_get_bool(&member, &value, error);
    }
    for (size_t i = 0; r == OK && i < ARRAY_LEN(texts); i++) {
        struct json_at member = json_at_key(at, texts[i]);

        r = json_get_text(&member, &text, error);
    }
    r = r < 0 ? r : json_expect_object(&inner, error);
    return r < 0 || !json_is_there(&inner) ? r : check_prometheus(&inner, error);
}

/* --- Properties ------------------------------------------------------------------------------ */

static int set(struct spark_app *app, const char *pattern, const char *role, const char *value) {
    char key[256];

    spark_role_key(pattern, role, key, sizeof key);
    return spark_conf_set(&app->conf, key, value, "spec.monitoring");
}

/* The agent, behind what else the JVM is told. */
static int set_agent(struct spark_app *app, const char *role) {
    const char *file = text_of(prometheus(app), "configFile");
    const char *options;
    char key[64];
    char *value;
    int r;

    spark_role_key("spark.*.extraJavaOptions", role, key, sizeof key);
    options = spark_conf_get(&app->conf, key);
    value = mem_format("%s%s-javaagent:%s=%" PRId64 ":%s", options != NULL ? options : "",
                       options != NULL ? " " : "", text_of(prometheus(app), "jmxExporterJar"),
                       port_of(app), file != NULL ? file : METRICS_DIR "/" RULES_FILE);
    r = set(app, "spark.*.extraJavaOptions", role, value);
    free(value);
    return r;
}

static int show_role(struct spark_app *app, const char *role) {
    char port[24];
    int r;

    if (!spark_metrics_is_shown(app, role)) {
        return OK;
    }
    (void)snprintf(port, sizeof port, "%" PRId64, port_of(app));
    r = set(app, "spark.kubernetes.*.annotation.prometheus.io/scrape", role, "true");
    r = r < 0 ? r : set(app, "spark.kubernetes.*.annotation.prometheus.io/port", role, port);
    r = r < 0 ? r : set(app, "spark.kubernetes.*.annotation.prometheus.io/path", role, "/metrics");
    return r < 0 ? r : set_agent(app, role);
}

bool spark_metrics_is_there(const struct spark_app *app) {
    return prometheus(app) != NULL || text_of(monitoring(app), "metricsProperties") != NULL ||
           text_of(monitoring(app), "metricsPropertiesFile") != NULL;
}

int spark_metrics_read(const struct json_at *spec, struct spark_app *app,
                       struct field_error *error) {
    struct json_at at = json_at_key(spec, "monitoring");
    const char *file;
    int r = check(&at, error);

    if (r < 0 || !spark_metrics_is_there(app)) {
        return r;
    }
    file = text_of(at.value, "metricsPropertiesFile");
    r = set(app, "spark.metrics.conf", "", file != NULL ? file : METRICS_DIR "/" PROPERTIES_FILE);
    r = r < 0 ? r : show_role(app, "driver");
    r = r < 0 ? r : show_role(app, "executor");
    return r < 0 ? json_fail(&at, error, r, "more than %d Spark properties", LIMIT_SPARK_CONF_KEYS)
                 : OK;
}

/* --- The map --------------------------------------------------------------------------------- */

struct json_t *spark_metrics_data(const struct spark_app *app) {
    const char *properties = text_of(monitoring(app), "metricsProperties");
    const char *rules = text_of(prometheus(app), "configuration");
    struct json_t *data;

    if (!spark_metrics_is_there(app)) {
        return NULL;
    }
    data = json_new_object();
    if (text_of(monitoring(app), "metricsPropertiesFile") == NULL) {
        json_put_text(data, PROPERTIES_FILE, properties != NULL ? properties : default_properties);
    }
    if (prometheus(app) != NULL && text_of(prometheus(app), "configFile") == NULL) {
        json_put_text(data, RULES_FILE, rules != NULL ? rules : default_rules);
    }
    if (json_object_size(data) == 0) {
        json_drop(data);
        return NULL;
    }
    return data;
}

/* Who has the properties of Spark's metrics reads the file, whether it shows them or not. */
void spark_metrics_add_volume(const struct spark_app *app, const char *map, struct json_t *volumes,
                              struct json_t *mounts) {
    struct json_t *data = spark_metrics_data(app);

    if (data != NULL) {
        spark_template_mount_map(map, VOLUME, METRICS_DIR, volumes, mounts);
        json_drop(data);
    }
}

void spark_metrics_add_port(const struct spark_app *app, const char *role,
                            struct json_t *container) {
    const char *name = text_of(prometheus(app), "portName");
    struct json_t *port;

    if (!spark_metrics_is_shown(app, role)) {
        return;
    }
    port = json_new_object();
    json_put_text(port, "name", name != NULL ? name : PORT_NAME);
    json_put_int(port, "containerPort", port_of(app));
    json_put_text(port, "protocol", "TCP");
    json_push_take(spark_template_list(container, "ports"), port);
}
