#include "k8s/spark_objects.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/ensure.h"
#include "base/limits.h"
#include "base/text.h"
#include "k8s/attempt_labels.h"
#include "k8s/codec_json.h"
#include "k8s/json_build.h"
#include "k8s/spark_app.h"
#include "k8s/spark_check.h"
#include "k8s/spark_driver.h"
#include "k8s/spark_executor.h"
#include "k8s/spark_exposed.h"
#include "k8s/spark_files.h"
#include "k8s/spark_metrics.h"
#include "k8s/spark_properties.h"
#include "k8s/spark_secrets.h"
#include "k8s/spark_size.h"
#include "k8s/spark_template.h"
#include "k8s/spark_volumes.h"

#define US_PER_MS 1000
/* Room in a ConfigMap for the rest of it. Source: Kubernetes' limit of 1 MiB for its data. */
#define PROPERTIES_BYTES_MAX (LIMIT_MIB - 16 * LIMIT_KIB)

void spark_attempt_make(const struct spark_app *app, const struct payload_run *run,
                        struct spark_attempt *out_attempt) {
    const char *app_name = spark_conf_get(&app->conf, "spark.app.name");

    *out_attempt = (struct spark_attempt){
        .app = app, .run = run, .app_name = app_name != NULL ? app_name : run->id.job_name};
    spark_app_names(app, &run->id, &out_attempt->names);
}

/* Checked when the application was read. */
static int64_t port(const struct spark_app *app, const char *key, int64_t otherwise) {
    int64_t value = otherwise;
    int r = spark_conf_get_port(&app->conf, key, &value, NULL);

    ENSURE(r == OK);
    return value;
}

int64_t spark_ui_port(const struct spark_app *app) {
    bool enabled = true;

    if (spark_conf_get_bool(&app->conf, "spark.ui.enabled", &enabled, NULL) != OK) {
        enabled = true; /* Spark's own business to complain. */
    }
    return enabled ? port(app, "spark.ui.port", 4040) : 0;
}

size_t spark_ports(const struct spark_app *app, struct spark_port out_ports[SPARK_PORT_COUNT]) {
    int64_t rpc = port(app, "spark.driver.port", 7078);
    int64_t block = port(app, "spark.driver.blockManager.port", 7079);
    int64_t ui = port(app, "spark.ui.port", 4040);
    int64_t connect = port(app, "spark.connect.grpc.binding.port", 15002);

    out_ports[0] = (struct spark_port){"driver-rpc-port", rpc, rpc};
    out_ports[1] = (struct spark_port){"blockmanager", block, block};
    if (spark_conf_find(&app->conf, "spark.driver.blockManager.port") == NULL) {
        out_ports[1].in_container = port(app, "spark.blockManager.port", block);
    }
    out_ports[2] = (struct spark_port){"spark-ui", ui, ui};
    out_ports[3] = (struct spark_port){"spark-connect", connect, connect};
    return spark_version_at_least(&app->version, 4, 1) ? 4 : 3;
}

/* Every {{APP_ID}} becomes the id, every {{EXECUTOR_ID}} nothing. */
static void replace(const char *text, const char *app_id, struct buf *out) {
    static const char app[] = "{{APP_ID}}";
    static const char executor[] = "{{EXECUTOR_ID}}";

    while (*text != '\0') {
        if (text_starts_with(text, app)) {
            buf_add_text(out, app_id);
            text += strlen(app);
        } else if (text_starts_with(text, executor)) {
            text += strlen(executor);
        } else {
            buf_add_char(out, *text++);
        }
    }
}

struct json_t *spark_named_texts(const struct spark_attempt *attempt, const char *prefix,
                                 const char *app_id) {
    struct json_t *object = json_new_object();
    const struct spark_conf_entry *entry;
    struct buf value;
    size_t at = 0;

    buf_init(&value, (size_t)16 * LIMIT_SPEC_BYTES);
    while ((entry = spark_conf_next(&attempt->app->conf, prefix, &at)) != NULL) {
        buf_clear(&value);
        if (app_id != NULL) {
            replace(entry->value, app_id, &value);
        } else {
            buf_add_text(&value, entry->value);
        }
        json_put_text(object, entry->key + strlen(prefix), buf_text(&value));
    }
    buf_finish(&value);
    return object;
}

struct json_t *spark_driver_labels(const struct spark_attempt *attempt) {
    const struct spark_app *app = attempt->app;
    bool is_replaced = spark_version_at_least(&app->version, 4, 0);
    struct json_t *labels = spark_named_texts(attempt, "spark.kubernetes.driver.label.",
                                              is_replaced ? attempt->names.app_id : NULL);
    char name[64];

    json_put_text(labels, "spark-version", app->version.text);
    json_put_text(labels, "spark-app-selector", attempt->names.app_id);
    spark_app_name_label(attempt->app_name, name);
    json_put_text(labels, "spark-app-name", name);
    json_put_text(labels, "spark-role", "driver");
    attempt_put_labels(&attempt->run->id, labels);
    return labels;
}

static struct json_t *make_owner(const struct spark_attempt *attempt, const char *uid) {
    struct json_t *owners = json_new_array();
    struct json_t *owner = json_new_object();

    json_put_text(owner, "apiVersion", "v1");
    json_put_text(owner, "kind", "Pod");
    json_put_text(owner, "name", attempt->names.pod);
    json_put_text(owner, "uid", uid);
    json_put_bool(owner, "controller", true);
    json_push_take(owners, owner);
    return owners;
}

struct json_t *spark_object_metadata(const struct spark_attempt *attempt, const char *name,
                                     struct json_t *labels, struct json_t *annotations,
                                     const char *owner_uid) {
    struct json_t *metadata = json_new_object();

    json_put_text(metadata, "name", name);
    json_put_text(metadata, "namespace", attempt->run->namespace_);
    json_put_text(labels, "spark-app-selector", attempt->names.app_id);
    attempt_put_labels(&attempt->run->id, labels);
    json_put_take(metadata, "labels", labels);
    if (annotations != NULL) {
        json_put_some_take(metadata, "annotations", annotations);
    }
    if (owner_uid != NULL) {
        json_put_take(metadata, "ownerReferences", make_owner(attempt, owner_uid));
    }
    return metadata;
}

struct json_t *spark_object(const char *api_version, const char *kind, struct json_t *metadata) {
    struct json_t *object = json_new_object();

    json_put_text(object, "apiVersion", api_version);
    json_put_text(object, "kind", kind);
    json_put_take(object, "metadata", metadata);
    return object;
}

static struct json_t *make_service_ports(const struct spark_app *app) {
    struct json_t *list = json_new_array();
    struct spark_port ports[SPARK_PORT_COUNT];
    size_t count = spark_ports(app, ports);

    for (size_t i = 0; i < count; i++) {
        struct json_t *item = json_new_object();

        json_put_text(item, "name", ports[i].name);
        json_put_int(item, "port", ports[i].in_service);
        json_put_int(item, "targetPort", ports[i].in_service);
        if (i == 3 && spark_version_at_least(&app->version, 4, 2)) {
            json_put_text(item, "appProtocol", "grpc");
        }
        json_push_take(list, item);
    }
    return list;
}

/* "IPv4,IPv6" as a list. */
static struct json_t *make_families(const char *text) {
    struct json_t *list = json_new_array();

    while (*text != '\0') {
        size_t bytes = strcspn(text, ",");
        char family[16];

        (void)snprintf(family, sizeof family, "%.*s", (int)(bytes < 15 ? bytes : 15), text);
        if (bytes > 0) {
            json_push_text(list, family);
        }
        text += bytes + (text[bytes] == ',' ? 1 : 0);
    }
    return list;
}

static const char *conf_or(const struct spark_app *app, const char *key, const char *otherwise) {
    const char *value = spark_conf_get(&app->conf, key);

    return value != NULL ? value : otherwise;
}

/* Checked when the application was read. */
static bool truth(const struct spark_app *app, const char *key) {
    bool value = false;
    int r = spark_conf_get_bool(&app->conf, key, &value, NULL);

    ENSURE(r == OK);
    return value;
}

char *spark_driver_service(const struct spark_app *app, const struct payload_run *run,
                           const char *owner_uid) {
    struct spark_attempt attempt;
    struct json_t *spec = json_new_object();
    struct json_t *service;
    struct json_t *labels;
    struct json_t *annotations;

    spark_attempt_make(app, run, &attempt);
    labels = spark_named_texts(&attempt, "spark.kubernetes.driver.service.label.", NULL);
    annotations = spark_named_texts(&attempt, "spark.kubernetes.driver.service.annotation.", NULL);
    service = spark_object(
        "v1", "Service",
        spark_object_metadata(&attempt, attempt.names.service, labels, annotations, owner_uid));
    json_put_text(spec, "clusterIP", "None");
    json_put_text(spec, "ipFamilyPolicy",
                  conf_or(app, "spark.kubernetes.driver.service.ipFamilyPolicy", "SingleStack"));
    json_put_take(
        spec, "ipFamilies",
        make_families(conf_or(app, "spark.kubernetes.driver.service.ipFamilies", "IPv4")));
    json_put_take(spec, "selector", spark_driver_labels(&attempt));
    json_put_take(spec, "ports", make_service_ports(app));
    if (spark_version_at_least(&app->version, 4, 3)) {
        json_put_bool(spec, "publishNotReadyAddresses",
                      truth(app, "spark.kubernetes.driver.service.publishNotReadyAddresses"));
    }
    json_put_take(service, "spec", spec);
    return json_print_take(service);
}

/* The reading left room for these: a full configuration was refused there. */
static void overlay(struct spark_conf *conf, const char *key, const char *value) {
    int r = spark_conf_set(conf, key, value, "");

    ENSURE(r == OK);
}

static void overlay_int(struct spark_conf *conf, const char *key, int64_t value) {
    char text[32];

    (void)snprintf(text, sizeof text, "%" PRId64, value);
    overlay(conf, key, text);
}

static void overlay_executor_labels(struct spark_conf *conf, const struct attempt_id *id) {
    char uid[64];

    overlay_int(conf, "spark.kubernetes.executor.label." LABEL_JOB_ID, (int64_t)id->job_id);
    overlay_int(conf, "spark.kubernetes.executor.label." LABEL_ATTEMPT, id->attempt);
    attempt_job_uid(id, uid);
    overlay(conf, "spark.kubernetes.executor.label." LABEL_JOB_UID, uid);
}

static void overlay_unless_said(struct spark_conf *conf, const char *key, const char *value) {
    if (spark_conf_find(conf, key) == NULL) {
        overlay(conf, key, value);
    }
}

/* Where its pages and its metrics are. */
static void overlay_shown(const struct spark_attempt *attempt, struct spark_conf *conf) {
    char text[512];
    struct buf path;

    buf_init(&path, LIMIT_SPEC_BYTES);
    if (spark_exposed_ui_path(attempt, &path)) {
        overlay_unless_said(conf, "spark.ui.proxyBase", buf_text(&path));
        overlay_unless_said(conf, "spark.ui.proxyRedirectUri", "/");
    }
    buf_finish(&path);
    if (spark_metrics_is_there(attempt->app)) {
        (void)snprintf(text, sizeof text, "%s.%s", attempt->run->namespace_,
                       attempt->run->id.job_name);
        overlay(conf, "spark.metrics.namespace", text);
    }
}

static void overlay_secrets(const struct spark_app *app, struct spark_conf *conf) {
    int r = spark_secrets_overlay(app, conf);

    ENSURE(r == OK);
}

static void overlay_all(const struct spark_attempt *attempt, struct spark_conf *conf) {
    static const char *const languages[] = {
        [SPARK_JVM] = "java", [SPARK_PYTHON] = "python", [SPARK_R] = "r"};
    const struct spark_app *app = attempt->app;
    struct spark_port ports[SPARK_PORT_COUNT];
    char text[512];

    (void)spark_ports(app, ports);
    overlay(conf, "spark.app.name", attempt->app_name);
    overlay(conf, "spark.app.id", attempt->names.app_id);
    if (spark_conf_find(conf, "spark.app.submitTime") == NULL) {
        overlay_int(conf, "spark.app.submitTime", attempt->run->submitted_us / US_PER_MS);
    }
    overlay(conf, "spark.kubernetes.driver.pod.name", attempt->names.pod);
    overlay(conf, "spark.kubernetes.submitInDriver", "true");
    spark_print_double(app->overhead_factor, text);
    overlay(conf, "spark.kubernetes.memoryOverheadFactor", text);
    (void)snprintf(text, sizeof text, "%s.%s.svc", attempt->names.service,
                   attempt->run->namespace_);
    overlay(conf, "spark.driver.host", text);
    overlay_int(conf, "spark.driver.port", ports[0].in_service);
    overlay_int(conf, "spark.driver.blockManager.port", ports[1].in_service);
    overlay(conf, "spark.kubernetes.resource.type", languages[app->language]);
    if (spark_files_hadoop_map_name(attempt, text, sizeof text)) {
        overlay(conf, "spark.kubernetes.executor.hadoopConfigMapName", text);
    }
    if (spark_executor_has_template(app)) {
        overlay(conf, "spark.kubernetes.executor.podTemplateFile",
                SPARK_TEMPLATE_DIR "/" SPARK_TEMPLATE_FILE);
    }
    overlay_executor_labels(conf, &attempt->run->id);
    overlay_secrets(app, conf);
    overlay_shown(attempt, conf);
}

static void print_properties(const struct spark_attempt *attempt, struct buf *out) {
    struct spark_conf conf = {0};

    for (size_t i = 0; i < attempt->app->conf.count; i++) {
        const struct spark_conf_entry *entry = &attempt->app->conf.entries[i];

        overlay(&conf, entry->key, entry->value);
    }
    overlay_all(attempt, &conf);
    buf_add_format(out, "# Spark properties, in the ConfigMap %s.\n", attempt->names.conf_map);
    spark_properties_print(&conf, out);
    spark_conf_finish(&conf);
}

char *spark_object_map(const struct spark_attempt *attempt, const char *name, struct json_t *data,
                       const char *owner_uid) {
    struct json_t *map =
        spark_object("v1", "ConfigMap",
                     spark_object_metadata(attempt, name, json_new_object(), NULL, owner_uid));

    json_put_take(map, "data", data);
    json_put_bool(map, "immutable", true);
    return json_print_take(map);
}

char *spark_driver_conf_map(const struct spark_app *app, const struct payload_run *run,
                            const char *owner_uid) {
    struct spark_attempt attempt;
    struct json_t *data = json_new_object();
    struct buf properties;

    spark_attempt_make(app, run, &attempt);
    buf_init(&properties, LIMIT_MIB);
    print_properties(&attempt, &properties);
    ENSURE(!properties.full); /* spark_driver_check() measured it. */
    spark_files_add_data(app, data);
    json_put_text(data, "spark.kubernetes.namespace", run->namespace_);
    json_put_text(data, "spark.properties", buf_text(&properties));
    buf_finish(&properties);
    return spark_object_map(&attempt, attempt.names.conf_map, data, owner_uid);
}

char *spark_driver_metrics_map(const struct spark_app *app, const struct payload_run *run,
                               const char *owner_uid) {
    struct json_t *data = spark_metrics_data(app);
    struct spark_attempt attempt;
    char name[SPARK_PREFIX_BYTES_MAX + 32];

    if (data == NULL) {
        return NULL;
    }
    spark_attempt_make(app, run, &attempt);
    spark_name_metrics_map(&attempt.names, name, sizeof name);
    return spark_object_map(&attempt, name, data, owner_uid);
}

char *spark_driver_template_map(const struct spark_app *app, const struct payload_run *run,
                                const char *owner_uid) {
    struct spark_attempt attempt;
    struct json_t *data;
    char name[SPARK_PREFIX_BYTES_MAX + 32];
    char metrics[SPARK_PREFIX_BYTES_MAX + 32];
    char *template;

    if (!spark_executor_has_template(app)) {
        return NULL;
    }
    spark_attempt_make(app, run, &attempt);
    spark_name_template_map(&attempt.names, name, sizeof name);
    spark_name_metrics_map(&attempt.names, metrics, sizeof metrics);
    template = json_print_take(spark_executor_template(app, metrics));
    data = json_new_object();
    json_put_text(data, SPARK_TEMPLATE_KEY, template);
    free(template);
    return spark_object_map(&attempt, name, data, owner_uid);
}

static int check_mounts(const struct json_at *mounts, const struct json_at *volumes,
                        struct field_error *error) {
    size_t count = 0;
    int r = json_get_count(mounts, LIMIT_SPARK_ARGUMENTS, &count, error);

    for (size_t i = 0; r == OK && i < count; i++) {
        struct json_at item = json_at_index(mounts, i);
        struct json_at name_at = json_at_key(&item, "name");
        const char *name = "";
        bool is_there = false;

        r = json_get_text(&name_at, &name, error);
        for (size_t j = 0; r == OK && !is_there; j++) {
            struct json_at volume = json_at_index(volumes, j);
            struct json_at volume_name = json_at_key(&volume, "name");
            const char *text = "";

            if (!json_is_there(&volume)) {
                return json_fail(&item, error, ERR_INVALID, "spec.volumes has no \"%s\"", name);
            }
            r = json_get_text(&volume_name, &text, error);
            is_there = strcmp(text, name) == 0;
        }
    }
    return r;
}

static int check_config_maps(const struct json_at *maps, struct field_error *error) {
    size_t count = 0;
    int r = json_get_count(maps, LIMIT_SPARK_ARGUMENTS, &count, error);

    for (size_t i = 0; r == OK && i < count; i++) {
        struct json_at item = json_at_index(maps, i);
        struct json_at name_at = json_at_key(&item, "name");
        struct json_at path_at = json_at_key(&item, "path");
        const char *name = NULL;
        const char *path = NULL;

        r = json_get_text(&name_at, &name, error);
        r = r < 0 ? r : json_get_text(&path_at, &path, error);
        if (r == OK && (name == NULL || path == NULL)) {
            r = json_fail(&item, error, ERR_INVALID, "needs a name and a path");
        }
    }
    return r;
}

/* What is copied out of a role's fields: into the driver's pod, or the executors' template. */
static int check_role(const struct json_at *spec, const char *role, struct field_error *error) {
    static const char *const beside[] = {"sidecars", "initContainers"};
    struct json_at volumes = json_at_key(spec, "volumes");
    struct json_at at = json_at_key(spec, role);
    struct json_at mounts = json_at_key(&at, "volumeMounts");
    struct json_at maps = json_at_key(&at, "configMaps");
    int r = check_mounts(&mounts, &volumes, error);

    for (size_t i = 0; r == OK && i < ARRAY_LEN(beside); i++) {
        struct json_at list = json_at_key(&at, beside[i]);

        r = spark_template_check_containers(&list, error);
    }
    return r < 0 ? r : check_config_maps(&maps, error);
}

int spark_driver_check(const struct spark_app *app, struct field_error *error) {
    struct json_at top = json_at_root(app->root);
    struct json_at spec = json_at_key(&top, "spec");
    struct buf properties;
    bool full;
    int r = check_role(&spec, "driver", error);

    r = r < 0 ? r : check_role(&spec, "executor", error);
    r = r < 0 ? r : spark_files_check(app, error);
    r = r < 0 ? r : spark_exposed_check(app, error);
    buf_init(&properties, PROPERTIES_BYTES_MAX);
    spark_properties_print(&app->conf, &properties);
    full = properties.full || app->conf.count + 32 > LIMIT_SPARK_CONF_KEYS;
    buf_finish(&properties);
    if (r == OK && full) {
        r = json_fail(&spec, error, ERR_FULL,
                      "the Spark properties do not fit a ConfigMap (%d bytes, %d keys)",
                      PROPERTIES_BYTES_MAX, LIMIT_SPARK_CONF_KEYS - 32);
    }
    return r;
}
