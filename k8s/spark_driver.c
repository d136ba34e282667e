#include "k8s/spark_driver.h"

#include <inttypes.h>
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
#include "k8s/spark_app.h"
#include "k8s/spark_objects.h"
#include "k8s/spark_volumes.h"

#define CONF_DIR        "/opt/spark/conf"
#define CONF_VOLUME     "spark-conf-volume-driver"
#define PROPERTIES_FILE "spark.properties"
#define LOCAL_DIR_NAME  "spark-local-dir-"
#define FILE_MODE       420 /* 0644 */
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
        struct json_t *volume = json_new_object();
        struct json_t *source = json_new_object();
        char name[LIMIT_NAME_BYTES + 16];

        (void)snprintf(name, sizeof name, "%s-volume", secret);
        json_put_text(source, "secretName", secret);
        json_put_text(volume, "name", name);
        json_put_take(volume, "secret", source);
        json_push_take(volumes, volume);
        json_push_take(mounts, new_mount(name, entry->value));
    }
}

/* spec.driver.configMaps: each mounted whole. */
static void add_config_maps(const struct spark_attempt *attempt, struct json_t *volumes,
                            struct json_t *mounts) {
    const struct json_t *maps = json_object_get(attempt->app->driver, "configMaps");

    for (size_t i = 0; i < json_array_size(maps); i++) {
        const struct json_t *item = json_array_get(maps, i);
        const char *map = json_string_value(json_object_get(item, "name"));
        const char *path = json_string_value(json_object_get(item, "path"));
        struct json_t *volume;
        struct json_t *source;
        struct json_t *mount;
        char name[64];

        if (map == NULL || path == NULL) {
            continue;
        }
        /* Numbered: the map's own name may hold dots, or be too long for a volume's. */
        (void)snprintf(name, sizeof name, "config-map-%zu-vol", i + 1);
        source = json_new_object();
        json_put_text(source, "name", map);
        volume = json_new_object();
        json_put_text(volume, "name", name);
        json_put_take(volume, "configMap", source);
        json_push_take(volumes, volume);
        mount = new_mount(name, path);
        json_put_bool(mount, "readOnly", true);
        json_push_take(mounts, mount);
    }
}

static void add_conf_volume(const struct spark_attempt *attempt, struct json_t *volumes,
                            struct json_t *mounts) {
    struct json_t *volume = json_new_object();
    struct json_t *source = json_new_object();
    struct json_t *items = json_new_array();
    struct json_t *item = json_new_object();

    json_put_text(item, "key", PROPERTIES_FILE);
    json_put_text(item, "path", PROPERTIES_FILE);
    json_put_int(item, "mode", FILE_MODE);
    json_push_take(items, item);
    json_put_text(source, "name", attempt->names.conf_map);
    json_put_take(source, "items", items);
    json_put_text(volume, "name", CONF_VOLUME);
    json_put_take(volume, "configMap", source);
    json_push_take(volumes, volume);
    json_push_take(mounts, new_mount(CONF_VOLUME, CONF_DIR));
}

static struct json_t *make_env(const struct spark_attempt *attempt, const char *local_dirs) {
    static const char prefix[] = "spark.kubernetes.driverEnv.";
    const struct spark_app *app = attempt->app;
    const struct spark_conf_entry *entry;
    struct json_t *env = json_new_array();
    size_t at = 0;

    push_variable(env, "SPARK_USER", app->proxy_user != NULL ? app->proxy_user : SPARK_USER);
    push_variable(env, "SPARK_APPLICATION_ID", attempt->names.app_id);
    while ((entry = spark_conf_next(&app->conf, prefix, &at)) != NULL) {
        push_variable(env, entry->key + strlen(prefix), entry->value);
    }
    push_pod_ip(env);
    push_secrets(attempt, env);
    push_python(attempt, env);
    push_variable(env, "SPARK_LOCAL_DIRS", local_dirs);
    push_variable(env, "SPARK_CONF_DIR", CONF_DIR);
    json_push_copies(env, json_object_get(app->driver, "env"));
    return env;
}

static struct json_t *make_args(const struct spark_attempt *attempt) {
    static const char *const runners[] = {[SPARK_PYTHON] = "org.apache.spark.deploy.PythonRunner",
                                          [SPARK_R] = "org.apache.spark.deploy.RRunner"};
    const struct spark_app *app = attempt->app;
    struct json_t *args = json_new_array();

    json_push_text(args, "driver");
    if (app->proxy_user != NULL) {
        json_push_text(args, "--proxy-user");
        json_push_text(args, app->proxy_user);
    }
    json_push_text(args, "--properties-file");
    json_push_text(args, CONF_DIR "/" PROPERTIES_FILE);
    json_push_text(args, "--class");
    json_push_text(args, app->language == SPARK_JVM ? app->main_class : runners[app->language]);
    json_push_text(args, app->resource);
    json_push_copies(args, app->arguments);
    return args;
}

static struct json_t *make_ports(const struct spark_attempt *attempt) {
    struct json_t *list = json_new_array();
    struct spark_port ports[SPARK_PORT_COUNT];
    size_t count = spark_ports(attempt->app, ports);

    for (size_t i = 0; i < count; i++) {
        struct json_t *item = json_new_object();

        json_put_text(item, "name", ports[i].name);
        json_put_int(item, "containerPort", ports[i].in_container);
        json_put_text(item, "protocol", "TCP");
        json_push_take(list, item);
    }
    json_push_copies(list, json_object_get(attempt->app->driver, "ports"));
    return list;
}

static void put_milli(struct json_t *object, const char *key, int64_t milli) {
    char text[QUANTITY_BYTES_MAX];

    quantity_print_milli(milli, text);
    json_put_text(object, key, text);
}

static void put_gpu(struct json_t *limits, const struct json_t *gpu) {
    const char *name = json_string_value(json_object_get(gpu, "name"));

    if (name != NULL) {
        char text[32];

        (void)snprintf(text, sizeof text, "%" PRId64,
                       (int64_t)json_integer_value(json_object_get(gpu, "quantity")));
        json_put_text(limits, name, text);
    }
}

static struct json_t *make_resources(const struct spark_attempt *attempt) {
    const struct spark_size *size = &attempt->app->driver_size;
    struct json_t *resources = json_new_object();
    struct json_t *requests = json_new_object();
    struct json_t *limits = json_new_object();
    char text[32];

    (void)snprintf(text, sizeof text, "%" PRId64 "Mi", size->memory_mib);
    put_milli(requests, "cpu", size->cpu_request_milli);
    json_put_text(requests, "memory", text);
    json_put_text(limits, "memory", text);
    if (attempt->app->driver_memory_limit_bytes > 0) {
        char limit[QUANTITY_BYTES_MAX];

        quantity_print_bytes(attempt->app->driver_memory_limit_bytes, limit);
        json_put_text(limits, "memory", limit);
    }
    if (size->cpu_limit_milli > 0) {
        put_milli(limits, "cpu", size->cpu_limit_milli);
    }
    for (size_t i = 0; i < size->extended_count; i++) {
        (void)snprintf(text, sizeof text, "%" PRId64, size->extended[i].amount);
        json_put_text(limits, size->extended[i].name, text);
    }
    put_gpu(limits, json_object_get(attempt->app->driver, "gpu"));
    json_put_take(resources, "requests", requests);
    json_put_take(resources, "limits", limits);
    return resources;
}

/* From Spark 4.3 on its containers may not gain rights, unless somebody says they may. What the
 * manifest says itself is laid over what Spark sets, as the operator's webhook would. */
static void put_security(const struct spark_attempt *attempt, struct json_t *container) {
    const char *allowed =
        get_either(attempt, "spark.kubernetes.driver.securityContext.allowPrivilegeEscalation",
                   "spark.kubernetes.securityContext.allowPrivilegeEscalation");
    const struct json_t *given = json_object_get(attempt->app->driver, "securityContext");
    struct json_t *security = given != NULL ? json_deep_copy(given) : json_new_object();

    if (spark_version_at_least(&attempt->app->version, 4, 3) &&
        json_object_get(security, "allowPrivilegeEscalation") == NULL) {
        json_put_bool(security, "allowPrivilegeEscalation",
                      allowed != NULL && strcasecmp(allowed, "true") == 0);
    }
    json_put_some_take(container, "securityContext", security);
}

/* The Spark container. Takes the mounts. */
static struct json_t *make_container(const struct spark_attempt *attempt, const char *local_dirs,
                                     struct json_t *mounts) {
    const struct json_t *driver = attempt->app->driver;
    const char *pull = get(attempt, "spark.kubernetes.container.image.pullPolicy");
    struct json_t *container = json_new_object();

    json_put_text(container, "name", CONTAINER_SPARK_DRIVER);
    json_put_text(container, "image",
                  get_either(attempt, "spark.kubernetes.driver.container.image",
                             "spark.kubernetes.container.image"));
    json_put_text(container, "imagePullPolicy", pull != NULL ? pull : "IfNotPresent");
    json_put_take(container, "args", make_args(attempt));
    json_put_take(container, "ports", make_ports(attempt));
    json_put_take(container, "env", make_env(attempt, local_dirs));
    json_put_copy(container, "envFrom", driver, "envFrom");
    json_put_take(container, "resources", make_resources(attempt));
    json_put_take(container, "volumeMounts", mounts);
    put_security(attempt, container);
    json_put_copy(container, "lifecycle", driver, "lifecycle");
    return container;
}

static void put_selector(const struct spark_attempt *attempt, struct json_t *spec) {
    static const char *const prefixes[] = {"spark.kubernetes.node.selector.",
                                           "spark.kubernetes.driver.node.selector."};
    struct json_t *selector = json_new_object();

    for (size_t i = 0; i < ARRAY_LEN(prefixes); i++) {
        const struct spark_conf_entry *entry;
        size_t at = 0;

        while ((entry = spark_conf_next(&attempt->app->conf, prefixes[i], &at)) != NULL) {
            json_put_text(selector, entry->key + strlen(prefixes[i]), entry->value);
        }
    }
    json_put_some_take(spec, "nodeSelector", selector);
}

static void put_pull_secrets(const struct spark_attempt *attempt, struct json_t *spec) {
    const char *text = get(attempt, "spark.kubernetes.container.image.pullSecrets");
    struct json_t *list = json_new_array();

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
            json_push_take(list, item);
        }
        text += bytes + (text[bytes] == ',' ? 1 : 0);
    }
    json_put_some_take(spec, "imagePullSecrets", list);
}

static void put_if(struct json_t *spec, const char *key, const char *value) {
    if (value != NULL) {
        json_put_text(spec, key, value);
    }
}

/* What only the manifest's driver can say. */
static void copy_driver_fields(const struct spark_attempt *attempt, struct json_t *spec) {
    static const char *const names[][2] = {
        {"podSecurityContext", "securityContext"},
        {"tolerations", "tolerations"},
        {"affinity", "affinity"},
        {"hostNetwork", "hostNetwork"},
        {"dnsConfig", "dnsConfig"},
        {"hostAliases", "hostAliases"},
        {"priorityClassName", "priorityClassName"},
        {"terminationGracePeriodSeconds", "terminationGracePeriodSeconds"},
        {"shareProcessNamespace", "shareProcessNamespace"},
        {"initContainers", "initContainers"},
    };
    const struct json_t *driver = attempt->app->driver;

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        json_put_copy(spec, names[i][1], driver, names[i][0]);
    }
    if (json_is_true(json_object_get(driver, "hostNetwork"))) {
        json_put_text(spec, "dnsPolicy", "ClusterFirstWithHostNet");
    }
}

static bool has_mount(const struct json_t *mounts, const char *volume) {
    for (size_t i = 0; i < json_array_size(mounts); i++) {
        const char *name = json_string_value(json_object_get(json_array_get(mounts, i), "name"));

        if (name != NULL && strcmp(name, volume) == 0) {
            return true;
        }
    }
    return false;
}

/* Does the driver, or one of the containers beside it, mount the volume? */
static bool is_mounted(const struct json_t *driver, const char *volume) {
    static const char *const lists[] = {"sidecars", "initContainers"};

    if (has_mount(json_object_get(driver, "volumeMounts"), volume)) {
        return true;
    }
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        const struct json_t *list = json_object_get(driver, lists[i]);

        for (size_t j = 0; j < json_array_size(list); j++) {
            if (has_mount(json_object_get(json_array_get(list, j), "volumeMounts"), volume)) {
                return true;
            }
        }
    }
    return false;
}

static void copy_volumes(const struct spark_attempt *attempt, struct json_t *volumes) {
    const struct json_t *list = json_object_get(attempt->app->spec, "volumes");

    for (size_t i = 0; i < json_array_size(list); i++) {
        json_t *volume = json_array_get(list, i);
        const char *name = json_string_value(json_object_get(volume, "name"));

        if (name != NULL && is_mounted(attempt->app->driver, name)) {
            json_push_take(volumes, json_deep_copy(volume));
        }
    }
}

static struct json_t *make_containers(const struct spark_attempt *attempt, struct json_t *volumes) {
    struct json_t *containers = json_new_array();
    struct json_t *mounts = json_new_array();
    struct buf local_dirs;

    buf_init(&local_dirs, LIMIT_SPEC_BYTES);
    add_secret_volumes(attempt, volumes, mounts);
    spark_volumes_add(attempt->app, volumes, mounts);
    copy_volumes(attempt, volumes);
    json_push_copies(mounts, json_object_get(attempt->app->driver, "volumeMounts"));
    add_config_maps(attempt, volumes, mounts);
    add_local_dirs(attempt, volumes, mounts, &local_dirs);
    add_conf_volume(attempt, volumes, mounts);
    json_push_take(containers, make_container(attempt, buf_text(&local_dirs), mounts));
    json_push_copies(containers, json_object_get(attempt->app->driver, "sidecars"));
    buf_finish(&local_dirs);
    return containers;
}

static struct json_t *make_spec(const struct spark_attempt *attempt) {
    const char *account = get(attempt, "spark.kubernetes.authenticate.driver.serviceAccountName");
    struct json_t *spec = json_new_object();
    struct json_t *volumes = json_new_array();

    json_put_take(spec, "containers", make_containers(attempt, volumes));
    json_put_text(spec, "restartPolicy", "Never");
    put_selector(attempt, spec);
    put_pull_secrets(attempt, spec);
    put_if(spec, "serviceAccountName", account);
    put_if(spec, "serviceAccount", account);
    put_if(spec, "schedulerName",
           get_either(attempt, "spark.kubernetes.driver.scheduler.name",
                      "spark.kubernetes.scheduler.name"));
    copy_driver_fields(attempt, spec);
    json_put_take(spec, "volumes", volumes);
    return spec;
}

struct json_t *spark_driver_pod_spec(const struct spark_app *app, const struct payload_run *run) {
    struct spark_attempt attempt;

    spark_attempt_make(app, run, &attempt);
    return make_spec(&attempt);
}

char *spark_driver_pod(const struct spark_app *app, const struct payload_run *run) {
    struct spark_attempt attempt;
    struct json_t *pod = json_new_object();
    struct json_t *metadata = json_new_object();

    spark_attempt_make(app, run, &attempt);
    json_put_text(metadata, "name", attempt.names.pod);
    json_put_text(metadata, "namespace", run->namespace_);
    json_put_take(metadata, "labels", spark_driver_labels(&attempt));
    json_put_some_take(
        metadata, "annotations",
        spark_named_texts(&attempt, "spark.kubernetes.driver.annotation.", attempt.names.app_id));
    json_put_text(pod, "apiVersion", "v1");
    json_put_text(pod, "kind", "Pod");
    json_put_take(pod, "metadata", metadata);
    json_put_take(pod, "spec", make_spec(&attempt));
    return json_print_take(pod);
}
