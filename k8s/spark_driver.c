#include "k8s/spark_driver.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <jansson.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/quantity.h"
#include "base/text.h"
#include "k8s/codec_json.h"
#include "k8s/json_build.h"
#include "k8s/pod_avoid.h"
#include "k8s/spark_app.h"
#include "k8s/spark_executor.h"
#include "k8s/spark_files.h"
#include "k8s/spark_metrics.h"
#include "k8s/spark_objects.h"
#include "k8s/spark_overlay.h"
#include "k8s/spark_secrets.h"
#include "k8s/spark_size.h"
#include "k8s/spark_template.h"
#include "k8s/spark_volumes.h"

#define CONF_DIR       "/opt/spark/conf"
#define CONF_VOLUME    "spark-conf-volume-driver"
#define LOCAL_DIR_NAME "spark-local-dir-"
/* Who the driver is for Hadoop without a proxy user: the user of Spark's own images. */
#define SPARK_USER "spark"

static const char *get(const struct spark_attempt *attempt, const char *key) {
    return spark_conf_get(&attempt->app->conf, key);
}

/* The first of two keys that is set; NULL if neither is. */
static const char *get_either(const struct spark_attempt *attempt, const char *key,
                              const char *otherwise) {
    const char *value = get(attempt, key);

    return value != NULL ? value : get(attempt, otherwise);
}

static void push_variable(struct json_t *env, const char *name, const char *value) {
    struct json_t *variable = json_new_object();

    json_put_text(variable, "name", name);
    json_put_text(variable, "value", value);
    json_push_take(env, variable);
}

/* A variable whose value is looked up: takes the source, which goes under the given kind. */
static void push_reference(struct json_t *env, const char *name, const char *kind,
                           struct json_t *source) {
    struct json_t *variable = json_new_object();
    struct json_t *from = json_new_object();

    json_put_text(variable, "name", name);
    json_put_take(from, kind, source);
    json_put_take(variable, "valueFrom", from);
    json_push_take(env, variable);
}

static void push_pod_ip(struct json_t *env) {
    struct json_t *field = json_new_object();

    json_put_text(field, "apiVersion", "v1");
    json_put_text(field, "fieldPath", "status.podIP");
    push_reference(env, "SPARK_DRIVER_BIND_ADDRESS", "fieldRef", field);
}

static void push_secrets(const struct spark_attempt *attempt, struct json_t *env) {
    static const char prefix[] = "spark.kubernetes.driver.secretKeyRef.";
    const struct spark_conf_entry *entry;
    size_t at = 0;

    while ((entry = spark_conf_next(&attempt->app->conf, prefix, &at)) != NULL) {
        const char *colon = strchr(entry->value, ':'); /* checked when it was read */
        char name[LIMIT_NAME_BYTES + 1];
        struct json_t *secret = json_new_object();

        (void)snprintf(name, sizeof name, "%.*s", (int)(colon - entry->value), entry->value);
        json_put_text(secret, "name", name);
        json_put_text(secret, "key", colon + 1);
        push_reference(env, entry->key + strlen(prefix), "secretKeyRef", secret);
    }
}

static void push_python(const struct spark_attempt *attempt, struct json_t *env) {
    const char *python = get(attempt, "spark.pyspark.python");
    const char *driver = get_either(attempt, "spark.pyspark.driver.python", "spark.pyspark.python");

    if (attempt->app->language != SPARK_PYTHON) {
        return;
    }
    if (python != NULL) {
        push_variable(env, "PYSPARK_PYTHON", python);
    }
    if (driver != NULL) {
        push_variable(env, "PYSPARK_DRIVER_PYTHON", driver);
    }
}

/* The paths of mounts that are meant for local directories, joined by commas; false if none. */
static bool join_local_mounts(const struct json_t *mounts, struct buf *out) {
    for (size_t i = 0; i < json_array_size(mounts); i++) {
        const struct json_t *mount = json_array_get(mounts, i);
        const char *name = json_string_value(json_object_get(mount, "name"));
        const char *path = json_string_value(json_object_get(mount, "mountPath"));

        if (name != NULL && path != NULL && text_starts_with(name, LOCAL_DIR_NAME)) {
            buf_add_text(out, out->bytes > 0 ? "," : "");
            buf_add_text(out, path);
        }
    }
    return out->bytes > 0;
}

static struct json_t *new_mount(const char *name, const char *path) {
    struct json_t *mount = json_new_object();

    json_put_text(mount, "name", name);
    json_put_text(mount, "mountPath", path);
    return mount;
}

static void push_empty_dir(const struct spark_attempt *attempt, const char *name,
                           struct json_t *volumes) {
    const char *in_memory = get(attempt, "spark.kubernetes.local.dirs.tmpfs");
    struct json_t *volume = json_new_object();
    struct json_t *empty = json_new_object();

    if (in_memory != NULL && strcasecmp(in_memory, "true") == 0) {
        json_put_text(empty, "medium", "Memory");
    }
    json_put_text(volume, "name", name);
    json_put_take(volume, "emptyDir", empty);
    json_push_take(volumes, volume);
}

/* The local directories: the user's mounts, or empty directories at the configured paths. Gives
 * their list for the environment. */
static void add_local_dirs(const struct spark_attempt *attempt, struct json_t *volumes,
                           struct json_t *mounts, struct buf *out_list) {
    const char *dirs = get(attempt, "spark.local.dir");
    int number = 0;

    if (join_local_mounts(mounts, out_list)) {
        return;
    }
    dirs = dirs != NULL && dirs[0] != '\0' ? dirs : attempt->names.local_dir;
    buf_add_text(out_list, dirs);
    while (*dirs != '\0') {
        size_t bytes = strcspn(dirs, ",");
        char name[64];
        char path[4096];

        (void)snprintf(name, sizeof name, LOCAL_DIR_NAME "%d", ++number);
        (void)snprintf(path, sizeof path, "%.*s", (int)(bytes < 4095 ? bytes : 4095), dirs);
        push_empty_dir(attempt, name, volumes);
        json_push_take(mounts, new_mount(name, path));
        dirs += bytes + (dirs[bytes] == ',' ? 1 : 0);
    }
}

static void add_secret_volumes(const struct spark_attempt *attempt, struct json_t *volumes,
                               struct json_t *mounts) {
    static const char prefix[] = "spark.kubernetes.driver.secrets.";
    const struct spark_conf_entry *entry;
    size_t at = 0;

    while ((entry = spark_conf_next(&attempt->app->conf, prefix, &at)) != NULL) {
        const char *secret = entry->key + strlen(prefix);
        char name[LIMIT_NAME_BYTES + 16];

        (void)snprintf(name, sizeof name, "%s-volume", secret);
        spark_mount_secret(name, secret, entry->value, volumes, mounts);
    }
}

static void add_template_volume(const struct spark_attempt *attempt, struct json_t *volumes,
                                struct json_t *mounts) {
    struct json_t *volume = json_new_object();
    struct json_t *source = json_new_object();
    struct json_t *items = json_new_array();
    struct json_t *item = json_new_object();
    char name[SPARK_PREFIX_BYTES_MAX + 32];

    spark_name_template_map(&attempt->names, name, sizeof name);
    json_put_text(item, "key", SPARK_TEMPLATE_KEY);
    json_put_text(item, "path", SPARK_TEMPLATE_FILE);
    json_push_take(items, item);
    json_put_text(source, "name", name);
    json_put_take(source, "items", items);
    json_put_text(volume, "name", "pod-template-volume");
    json_put_take(volume, "configMap", source);
    json_push_take(volumes, volume);
    json_push_take(mounts, new_mount("pod-template-volume", SPARK_TEMPLATE_DIR));
}

static void add_conf_volume(const struct spark_attempt *attempt, struct json_t *volumes,
                            struct json_t *mounts) {
    struct json_t *volume = json_new_object();
    struct json_t *source = json_new_object();
    struct json_t *items = json_new_array();

    spark_files_add_items(attempt->app, items);
    json_put_text(source, "name", attempt->names.conf_map);
    json_put_take(source, "items", items);
    json_put_text(volume, "name", CONF_VOLUME);
    json_put_take(volume, "configMap", source);
    json_push_take(volumes, volume);
    json_push_take(mounts, new_mount(CONF_VOLUME, CONF_DIR));
}

static void add_env(const struct spark_attempt *attempt, const char *local_dirs,
                    struct json_t *env) {
    static const char prefix[] = "spark.kubernetes.driverEnv.";
    const struct spark_app *app = attempt->app;
    const struct spark_overlay overlay = spark_overlay_driver(app);
    const struct spark_conf_entry *entry;
    size_t at = 0;

    push_variable(env, "SPARK_USER", app->proxy_user != NULL ? app->proxy_user : SPARK_USER);
    push_variable(env, "SPARK_APPLICATION_ID", attempt->names.app_id);
    while ((entry = spark_conf_next(&app->conf, prefix, &at)) != NULL) {
        push_variable(env, entry->key + strlen(prefix), entry->value);
    }
    push_pod_ip(env);
    push_secrets(attempt, env);
    push_python(attempt, env);
    spark_files_add_env(attempt, env);
    push_variable(env, "SPARK_LOCAL_DIRS", local_dirs);
    push_variable(env, "SPARK_CONF_DIR", CONF_DIR);
    spark_overlay_env(&overlay, env);
}

static void add_args(const struct spark_attempt *attempt, struct json_t *args) {
    static const char *const runners[] = {[SPARK_PYTHON] = "org.apache.spark.deploy.PythonRunner",
                                          [SPARK_R] = "org.apache.spark.deploy.RRunner"};
    const struct spark_app *app = attempt->app;

    json_push_text(args, "driver");
    if (app->proxy_user != NULL) {
        json_push_text(args, "--proxy-user");
        json_push_text(args, app->proxy_user);
    }
    json_push_text(args, "--properties-file");
    json_push_text(args, CONF_DIR "/" SPARK_PROPERTIES_FILE);
    json_push_text(args, "--class");
    json_push_text(args, app->language == SPARK_JVM ? app->main_class : runners[app->language]);
    json_push_text(args, app->resource);
    json_push_copies(args, app->arguments);
}

static void add_ports(const struct spark_attempt *attempt, struct json_t *list) {
    struct spark_port ports[SPARK_PORT_COUNT];
    size_t count = spark_ports(attempt->app, ports);

    for (size_t i = 0; i < count; i++) {
        struct json_t *item = json_new_object();

        json_put_text(item, "name", ports[i].name);
        json_put_int(item, "containerPort", ports[i].in_container);
        json_put_text(item, "protocol", "TCP");
        json_push_take(list, item);
    }
}

static void put_memory_limit(const struct spark_app *app, struct json_t *limits) {
    char limit[QUANTITY_BYTES_MAX];

    if (app->driver_memory_limit_bytes > 0) {
        quantity_print_bytes(app->driver_memory_limit_bytes, limit);
        json_put_text(limits, "memory", limit);
    }
}

/* From Spark 4.3 on its containers may not gain rights, unless somebody says they may. What the
 * manifest says itself is laid over what Spark sets, as the operator's webhook would. */
static void put_security(const struct spark_attempt *attempt, struct json_t *container) {
    const char *allowed =
        get_either(attempt, "spark.kubernetes.driver.securityContext.allowPrivilegeEscalation",
                   "spark.kubernetes.securityContext.allowPrivilegeEscalation");
    const struct json_t *given = json_object_get(attempt->app->driver, "securityContext");

    json_put_copy(container, "securityContext", attempt->app->driver, "securityContext");
    if (spark_version_at_least(&attempt->app->version, 4, 3) &&
        json_object_get(given, "allowPrivilegeEscalation") == NULL) {
        json_put_bool(spark_template_object(container, "securityContext"),
                      "allowPrivilegeEscalation",
                      allowed != NULL && strcasecmp(allowed, "true") == 0);
    }
}

/* Its name; from Spark 4.1 on with Spark's version in it where {{SPARK_VERSION}} stands. */
static void put_image(const struct spark_attempt *attempt, struct json_t *container) {
    static const char variable[] = "{{SPARK_VERSION}}";
    const char *image = get_either(attempt, "spark.kubernetes.driver.container.image",
                                   "spark.kubernetes.container.image");
    const bool is_replaced = spark_version_at_least(&attempt->app->version, 4, 1);
    struct buf name;

    buf_init(&name, (size_t)2 * LIMIT_SPEC_BYTES);
    for (const char *at; is_replaced && (at = strstr(image, variable)) != NULL;
         image = at + strlen(variable)) {
        buf_add(&name, image, (size_t)(at - image));
        buf_add_text(&name, attempt->app->version.text);
    }
    buf_add_text(&name, image);
    json_put_text(container, "image", buf_text(&name));
    buf_finish(&name);
}

/* Make Spark's container of the template's. */
static void fill_container(const struct spark_attempt *attempt, const char *local_dirs,
                           struct json_t *container) {
    const struct spark_overlay overlay = spark_overlay_driver(attempt->app);
    const char *pull = get(attempt, "spark.kubernetes.container.image.pullPolicy");
    struct json_t *resources = spark_template_object(container, "resources");

    json_put_text(container, "name", spark_driver_container_name(attempt->app));
    put_image(attempt, container);
    json_put_text(container, "imagePullPolicy", pull != NULL ? pull : "IfNotPresent");
    add_args(attempt, spark_template_list(container, "args"));
    add_ports(attempt, spark_template_list(container, "ports"));
    add_env(attempt, local_dirs, spark_template_list(container, "env"));
    spark_size_put(&attempt->app->driver_size, resources);
    put_memory_limit(attempt->app, spark_template_object(resources, "limits"));
    put_security(attempt, container);
    spark_overlay_container(&overlay, container);
    spark_metrics_add_port(attempt->app, "driver", container);
}

static void put_selector(const struct spark_attempt *attempt, struct json_t *spec) {
    static const char *const prefixes[] = {"spark.kubernetes.node.selector.",
                                           "spark.kubernetes.driver.node.selector."};

    for (size_t i = 0; i < ARRAY_LEN(prefixes); i++) {
        const struct spark_conf_entry *entry;
        size_t at = 0;

        while ((entry = spark_conf_next(&attempt->app->conf, prefixes[i], &at)) != NULL) {
            json_put_text(spark_template_object(spec, "nodeSelector"),
                          entry->key + strlen(prefixes[i]), entry->value);
        }
    }
}

static void put_pull_secrets(const struct spark_attempt *attempt, struct json_t *spec) {
    const char *text = get(attempt, "spark.kubernetes.container.image.pullSecrets");

    while (text != NULL && *text != '\0') {
        size_t bytes = strcspn(text, ",");
        char name[LIMIT_NAME_BYTES + 1];
        struct json_t *item;

        (void)snprintf(name, sizeof name, "%.*s",
                       (int)(bytes < LIMIT_NAME_BYTES ? bytes : LIMIT_NAME_BYTES),
                       text + strspn(text, " "));
        if (bytes > 0) {
            item = json_new_object();
            json_put_text(item, "name", name);
            json_push_take(spark_template_list(spec, "imagePullSecrets"), item);
        }
        text += bytes + (text[bytes] == ',' ? 1 : 0);
    }
}

static void put_if(struct json_t *spec, const char *key, const char *value) {
    if (value != NULL) {
        json_put_text(spec, key, value);
    }
}

/* The local directories into out_dirs. */
static void add_volumes(const struct spark_attempt *attempt, struct json_t *volumes,
                        struct json_t *mounts, struct buf *out_dirs) {
    const struct spark_overlay overlay = spark_overlay_driver(attempt->app);
    char metrics[SPARK_PREFIX_BYTES_MAX + 32];

    spark_secrets_add_credentials(attempt, volumes, mounts);
    add_secret_volumes(attempt, volumes, mounts);
    spark_volumes_add(attempt->app, &attempt->names, volumes, mounts);
    spark_overlay_volumes(&overlay, volumes, mounts);
    spark_name_metrics_map(&attempt->names, metrics, sizeof metrics);
    spark_metrics_add_volume(attempt->app, metrics, volumes, mounts);
    spark_files_add_volumes(attempt, volumes, mounts);
    if (spark_executor_has_template(attempt->app)) {
        add_template_volume(attempt, volumes, mounts);
    }
    add_local_dirs(attempt, volumes, mounts, out_dirs);
    add_conf_volume(attempt, volumes, mounts);
}

static struct json_t *make_spec(const struct spark_attempt *attempt) {
    const struct spark_overlay overlay = spark_overlay_driver(attempt->app);
    const char *account = get(attempt, "spark.kubernetes.authenticate.driver.serviceAccountName");
    struct json_t *spec = spark_template_copy(attempt->app->driver_template, "spec");
    struct json_t *container = spark_template_take_container(
        spec, get(attempt, "spark.kubernetes.driver.podTemplateContainerName"));
    struct buf local_dirs;

    buf_init(&local_dirs, LIMIT_SPEC_BYTES);
    add_volumes(attempt, spark_template_list(spec, "volumes"),
                spark_template_list(container, "volumeMounts"), &local_dirs);
    fill_container(attempt, buf_text(&local_dirs), container);
    json_push_take(spark_template_list(spec, "containers"), container);
    json_put_text(spec, "restartPolicy", "Never");
    put_selector(attempt, spec);
    put_pull_secrets(attempt, spec);
    if (!spark_has_credentials(attempt->app)) {
        put_if(spec, "serviceAccountName", account);
        put_if(spec, "serviceAccount", account);
    }
    put_if(spec, "schedulerName",
           get_either(attempt, "spark.kubernetes.driver.scheduler.name",
                      "spark.kubernetes.scheduler.name"));
    spark_overlay_spec(&overlay, spec);
    buf_finish(&local_dirs);
    return spec;
}

struct json_t *spark_driver_pod_spec(const struct spark_app *app, const struct payload_run *run) {
    struct spark_attempt attempt;

    spark_attempt_make(app, run, &attempt);
    return make_spec(&attempt);
}

const char *spark_driver_container_name(const struct spark_app *app) {
    return spark_template_container_name(
        app->driver_template,
        spark_conf_get(&app->conf, "spark.kubernetes.driver.podTemplateContainerName"),
        CONTAINER_SPARK_DRIVER);
}

/* What the template has, and what the properties say. */
static struct json_t *make_annotations(const struct spark_attempt *attempt,
                                       const struct json_t *template_metadata) {
    struct json_t *annotations = spark_template_copy(template_metadata, "annotations");
    struct json_t *said =
        spark_named_texts(attempt, "spark.kubernetes.driver.annotation.", attempt->names.app_id);
    const char *container = spark_driver_container_name(attempt->app);

    (void)json_object_update(annotations, said);
    json_decref(said);
    if (strcmp(container, CONTAINER_SPARK_DRIVER) != 0) {
        json_put_text(annotations, ANNOTATION_MAIN_CONTAINER, container);
    }
    return annotations;
}

char *spark_driver_pod(const struct spark_app *app, const struct payload_run *run) {
    struct spark_attempt attempt;
    struct json_t *pod = json_new_object();
    struct json_t *metadata = spark_template_copy(app->driver_template, "metadata");
    struct json_t *labels = spark_template_copy(metadata, "labels");
    struct json_t *own_labels;
    struct json_t *spec;

    spark_attempt_make(app, run, &attempt);
    own_labels = spark_driver_labels(&attempt);
    (void)json_object_update(labels, own_labels);
    json_decref(own_labels);
    json_put_text(metadata, "name", attempt.names.pod);
    json_put_text(metadata, "namespace", run->namespace_);
    json_put_take(metadata, "labels", labels);
    json_put_some_take(metadata, "annotations", make_annotations(&attempt, metadata));
    json_put_text(pod, "apiVersion", "v1");
    json_put_text(pod, "kind", "Pod");
    json_put_take(pod, "metadata", metadata);
    spec = make_spec(&attempt);
    pod_avoid_add(spec, app->avoid);
    json_put_take(pod, "spec", spec);
    return json_print_take(pod);
}
