#include "k8s/spark_overlay.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "base/text.h"
#include "k8s/json_build.h"
#include "k8s/spark_app.h"
#include "k8s/spark_template.h"

#define SPARK_CONF_MAP_DIR  "/etc/spark/conf"
#define HADOOP_CONF_MAP_DIR "/etc/hadoop/conf"

/* Replaced if the role says it: its name in the role, and in the pod's spec. */
static const char *const replaced[][2] = {
    {"podSecurityContext", "securityContext"},
    {"affinity", "affinity"},
    {"dnsConfig", "dnsConfig"},
    {"priorityClassName", "priorityClassName"},
    {"terminationGracePeriodSeconds", "terminationGracePeriodSeconds"},
};

/* True, or as if it were not there. */
static const char *const switched[] = {"hostNetwork", "shareProcessNamespace"};

/* Appended to the list of that name in the pod's spec. */
static const char *const appended[][2] = {
    {"tolerations", "tolerations"},
    {"hostAliases", "hostAliases"},
    {"initContainers", "initContainers"},
    {"sidecars", "containers"},
};

/* In Spark's container. */
static const char *const of_container[] = {"envFrom",   "ports",           "configMaps",
                                           "lifecycle", "securityContext", "gpu"};

struct spark_overlay spark_overlay_driver(const struct spark_app *app) {
    return (struct spark_overlay){.app = app,
                                  .role = app->driver,
                                  .mounts = json_object_get(app->driver, "volumeMounts"),
                                  .env = json_object_get(app->driver, "env")};
}

struct spark_overlay spark_overlay_executor(const struct spark_app *app) {
    return (struct spark_overlay){.app = app,
                                  .role = app->executor,
                                  .mounts = app->executor_mounts,
                                  .env = app->executor_env};
}

static const char *map_name(const struct spark_overlay *overlay, const char *key) {
    return json_string_value(json_object_get(overlay->app->spec, key));
}

static bool says(const struct spark_overlay *overlay, const char *key) {
    const struct json_t *value = json_object_get(overlay->role, key);

    return value != NULL && !json_is_null(value) && !json_is_false(value) &&
           !(json_is_array(value) && json_array_size(value) == 0);
}

bool spark_overlay_is_there(const struct spark_overlay *overlay) {
    bool any = json_array_size(overlay->mounts) + json_array_size(overlay->env) > 0 ||
               map_name(overlay, "sparkConfigMap") != NULL ||
               map_name(overlay, "hadoopConfigMap") != NULL;

    for (size_t i = 0; i < ARRAY_LEN(replaced); i++) {
        any = any || says(overlay, replaced[i][0]);
    }
    for (size_t i = 0; i < ARRAY_LEN(switched); i++) {
        any = any || says(overlay, switched[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(appended); i++) {
        any = any || says(overlay, appended[i][0]);
    }
    for (size_t i = 0; i < ARRAY_LEN(of_container); i++) {
        any = any || says(overlay, of_container[i]);
    }
    return any;
}

/* --- Volumes --------------------------------------------------------------------------------- */

static bool has_mount(const struct json_t *mounts, const char *volume) {
    for (size_t i = 0; i < json_array_size(mounts); i++) {
        const char *name = json_string_value(json_object_get(json_array_get(mounts, i), "name"));

        if (name != NULL && strcmp(name, volume) == 0) {
            return true;
        }
    }
    return false;
}

/* Does Spark's container, or one of the containers beside it, mount the volume? */
static bool is_mounted(const struct spark_overlay *overlay, const char *volume) {
    static const char *const lists[] = {"sidecars", "initContainers"};

    if (has_mount(overlay->mounts, volume)) {
        return true;
    }
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        const struct json_t *list = json_object_get(overlay->role, lists[i]);

        for (size_t j = 0; j < json_array_size(list); j++) {
            if (has_mount(json_object_get(json_array_get(list, j), "volumeMounts"), volume)) {
                return true;
            }
        }
    }
    return false;
}

static void copy_volumes(const struct spark_overlay *overlay, struct json_t *volumes) {
    const struct json_t *list = json_object_get(overlay->app->spec, "volumes");

    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *volume = json_array_get(list, i);
        const char *name = json_string_value(json_object_get(volume, "name"));

        if (name != NULL && is_mounted(overlay, name)) {
            json_push_take(volumes, json_deep_copy(volume));
        }
    }
}

/* configMaps: each mounted whole. */
static void add_config_maps(const struct spark_overlay *overlay, struct json_t *volumes,
                            struct json_t *mounts) {
    const struct json_t *maps = json_object_get(overlay->role, "configMaps");

    for (size_t i = 0; i < json_array_size(maps); i++) {
        const struct json_t *item = json_array_get(maps, i);
        const char *map = json_string_value(json_object_get(item, "name"));
        const char *path = json_string_value(json_object_get(item, "path"));
        char name[64];

        /* Numbered: the map's own name may hold dots, or be too long for a volume's. */
        (void)snprintf(name, sizeof name, "config-map-%zu-vol", i + 1);
        if (map != NULL && path != NULL) {
            spark_template_mount_map(map, name, path, volumes, mounts);
        }
    }
}

void spark_overlay_volumes(const struct spark_overlay *overlay, struct json_t *volumes,
                           struct json_t *mounts) {
    const char *spark_map = map_name(overlay, "sparkConfigMap");
    const char *hadoop_map = map_name(overlay, "hadoopConfigMap");

    copy_volumes(overlay, volumes);
    json_push_copies(mounts, overlay->mounts);
    add_config_maps(overlay, volumes, mounts);
    if (spark_map != NULL) {
        spark_template_mount_map(spark_map, "spark-configmap-volume", SPARK_CONF_MAP_DIR, volumes,
                                 mounts);
    }
    if (hadoop_map != NULL) {
        spark_template_mount_map(hadoop_map, "hadoop-configmap-volume", HADOOP_CONF_MAP_DIR,
                                 volumes, mounts);
    }
}

/* --- Spark's container ----------------------------------------------------------------------- */

static void push_variable(struct json_t *env, const char *name, const char *value) {
    struct json_t *variable = json_new_object();

    json_put_text(variable, "name", name);
    json_put_text(variable, "value", value);
    json_push_take(env, variable);
}

void spark_overlay_env(const struct spark_overlay *overlay, struct json_t *env) {
    json_push_copies(env, overlay->env);
    if (map_name(overlay, "sparkConfigMap") != NULL) {
        push_variable(env, "SPARK_CONF_DIR", SPARK_CONF_MAP_DIR);
    }
    if (map_name(overlay, "hadoopConfigMap") != NULL) {
        push_variable(env, "HADOOP_CONF_DIR", HADOOP_CONF_MAP_DIR);
    }
}

static void put_gpu(struct json_t *container, const struct json_t *gpu) {
    const char *name = json_string_value(json_object_get(gpu, "name"));
    char text[32];

    if (name != NULL) {
        (void)snprintf(text, sizeof text, "%" PRId64,
                       (int64_t)json_integer_value(json_object_get(gpu, "quantity")));
        json_put_text(
            spark_template_object(spark_template_object(container, "resources"), "limits"), name,
            text);
    }
}

static void append(const struct json_t *list, struct json_t *object, const char *key) {
    if (json_array_size(list) > 0) {
        json_push_copies(spark_template_list(object, key), list);
    }
}

void spark_overlay_container(const struct spark_overlay *overlay, struct json_t *container) {
    append(json_object_get(overlay->role, "envFrom"), container, "envFrom");
    append(json_object_get(overlay->role, "ports"), container, "ports");
    json_put_copy(container, "lifecycle", overlay->role, "lifecycle");
    put_gpu(container, json_object_get(overlay->role, "gpu"));
}

/* --- The pod --------------------------------------------------------------------------------- */

void spark_overlay_spec(const struct spark_overlay *overlay, struct json_t *spec) {
    for (size_t i = 0; i < ARRAY_LEN(replaced); i++) {
        json_put_copy(spec, replaced[i][1], overlay->role, replaced[i][0]);
    }
    for (size_t i = 0; i < ARRAY_LEN(switched); i++) {
        if (json_is_true(json_object_get(overlay->role, switched[i]))) {
            json_put_bool(spec, switched[i], true);
        }
    }
    if (json_is_true(json_object_get(overlay->role, "hostNetwork"))) {
        json_put_text(spec, "dnsPolicy", "ClusterFirstWithHostNet");
    }
    for (size_t i = 0; i < ARRAY_LEN(appended); i++) {
        append(json_object_get(overlay->role, appended[i][0]), spec, appended[i][1]);
    }
}
