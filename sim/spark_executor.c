#include "sim/spark_executor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/ensure.h"
#include "base/memory.h"
#include "base/text.h"
#include "sim/tree.h"

static const char *property(const struct spark_application *application, const char *key) {
    return java_properties_get(application->properties, key);
}

static const char *property_or(const struct spark_application *application, const char *key,
                               const char *fallback) {
    const char *value = property(application, key);

    return value != NULL ? value : fallback;
}

static void set_member(json_t *object, const char *key, const char *text) {
    int r = json_object_set_new(object, key, json_string(text));

    ENSURE(r == 0);
}

static void append(json_t *array, json_t *take_value) {
    int r = json_array_append_new(array, take_value);

    ENSURE(r == 0);
}

/* Every property that begins with the prefix becomes a member named by the rest. */
static void copy_prefixed(const struct spark_application *application, const char *prefix,
                          json_t *target) {
    const struct map_entry *entry;

    for (size_t at = 0; (entry = map_next(&application->properties->values, &at)) != NULL;) {
        if (text_starts_with(entry->text, prefix) && entry->text[strlen(prefix)] != '\0') {
            set_member(target, entry->text + strlen(prefix), entry->value);
        }
    }
}

static json_t *owner(const json_t *driver_pod) {
    return tree_pack("[{s:s, s:s, s:s, s:s, s:b}]", "apiVersion", "v1", "kind", "Pod", "name",
                     tree_name(driver_pod), "uid", tree_uid(driver_pod), "controller", 1);
}

static void set_labels(const struct spark_application *application, const char *number,
                       json_t *labels) {
    static const char *const inherited[] = {"spark-version", "spark-app-name"};

    copy_prefixed(application, "spark.kubernetes.executor.label.", labels);
    for (size_t i = 0; i < ARRAY_LEN(inherited); i++) {
        const char *value = tree_label(application->driver_pod, inherited[i]);

        if (value != NULL) {
            set_member(labels, inherited[i], value);
        }
    }
    set_member(labels, "spark-app-selector", property_or(application, "spark.app.id", "unknown"));
    set_member(labels, "spark-role", "executor");
    set_member(labels, "spark-exec-id", number);
    set_member(labels, "spark-exec-resourceprofile-id", "0");
}

static json_t *metadata(const struct spark_application *application, int64_t number) {
    char number_text[24];
    char *name = mem_format("%s-exec-%lld", application->name_prefix, (long long)number);
    json_t *node = tree_pack("{s:s}", "name", name);

    (void)snprintf(number_text, sizeof number_text, "%lld", (long long)number);
    set_labels(application, number_text, tree_make(node, "labels"));
    copy_prefixed(application, "spark.kubernetes.executor.annotation.",
                  tree_make(node, "annotations"));
    tree_put(node, "ownerReferences", owner(application->driver_pod));
    free(name);
    return node;
}

/* spark.executor.resource.gpu.{amount,vendor} */
static void add_custom_resources(const struct spark_application *application, json_t *limits) {
    static const char prefix[] = "spark.executor.resource.";
    const struct map_entry *entry;

    for (size_t at = 0; (entry = map_next(&application->properties->values, &at)) != NULL;) {
        const char *rest = entry->text + strlen(prefix);
        size_t length;
        char *vendor_key;
        const char *vendor;
        char *resource;

        if (!text_starts_with(entry->text, prefix) || !text_ends_with(entry->text, ".amount")) {
            continue;
        }
        length = strlen(rest) - strlen(".amount");
        vendor_key = mem_format("%s%.*s.vendor", prefix, (int)length, rest);
        vendor = property(application, vendor_key);
        resource = mem_format("%s/%.*s", vendor != NULL ? vendor : "", (int)length, rest);
        if (vendor != NULL) {
            set_member(limits, resource, entry->value);
        }
        free(vendor_key);
        free(resource);
    }
}

static json_t *resources(const struct spark_application *application) {
    const struct executor_plan *plan = application->plan;
    char *memory = mem_format("%lldMi", (long long)plan->executor_memory_mib);
    char *cores = mem_format("%lld", (long long)plan->executor_cores);
    json_t *node = tree_pack("{s:{s:s, s:s}, s:{s:s}}", "requests", "cpu",
                             plan->cpu_request != NULL ? plan->cpu_request : cores, "memory",
                             memory, "limits", "memory", memory);

    if (plan->cpu_limit != NULL) {
        tree_put_text(node, "limits/cpu", plan->cpu_limit);
    }
    add_custom_resources(application, tree_at(node, "limits"));
    free(memory);
    free(cores);
    return node;
}

static void add_variable(json_t *env, const char *name, const char *value) {
    append(env, tree_pack("{s:s, s:s}", "name", name, "value", value));
}

static json_t *environment(const struct spark_application *application, int64_t number) {
    json_t *env = json_array();
    char *url = mem_format("spark://CoarseGrainedScheduler@%s:%s",
                           property_or(application, "spark.driver.host", "unknown"),
                           property_or(application, "spark.driver.port", "7078"));
    char *memory = mem_format("%lldm", (long long)application->plan->heap_mib);
    char *cores = mem_format("%lld", (long long)application->plan->executor_cores);
    char *id = mem_format("%lld", (long long)number);

    add_variable(env, "SPARK_DRIVER_URL", url);
    add_variable(env, "SPARK_EXECUTOR_CORES", cores);
    add_variable(env, "SPARK_EXECUTOR_MEMORY", memory);
    add_variable(env, "SPARK_APPLICATION_ID", property_or(application, "spark.app.id", ""));
    add_variable(env, "SPARK_CONF_DIR", "/opt/spark/conf");
    add_variable(env, "SPARK_EXECUTOR_ID", id);
    add_variable(env, "SPARK_RESOURCE_PROFILE_ID", "0");
    free(url);
    free(memory);
    free(cores);
    free(id);
    return env;
}

static const char *image(const struct spark_application *application) {
    return property_or(application, "spark.kubernetes.executor.container.image",
                       property_or(application, "spark.kubernetes.container.image", "spark"));
}

static json_t *container(const struct spark_application *application, int64_t number) {
    json_t *node = tree_pack(
        "{s:s, s:s, s:s, s:[s], s:[{s:s, s:i, s:s}]}", "name", "spark-kubernetes-executor", "image",
        image(application), "imagePullPolicy",
        property_or(application, "spark.kubernetes.container.image.pullPolicy", "IfNotPresent"),
        "args", "executor", "ports", "name", "blockmanager", "containerPort", 7079, "protocol",
        "TCP");

    tree_put(node, "env", environment(application, number));
    tree_put(node, "resources", resources(application));
    if (application->config_map != NULL) {
        tree_put(node, "volumeMounts",
                 tree_pack("[{s:s, s:s}]", "name", "spark-conf-volume-exec", "mountPath",
                           "/opt/spark/conf"));
    }
    return node;
}

static json_t *volumes(const struct spark_application *application) {
    json_t *list = tree_pack("[{s:s, s:{}}]", "name", "spark-local-dir-1", "emptyDir");

    if (application->config_map != NULL) {
        append(list, tree_pack("{s:s, s:{s:s}}", "name", "spark-conf-volume-exec", "configMap",
                               "name", application->config_map));
    }
    return list;
}

static void set_if_known(json_t *spec, const char *key, const char *value) {
    if (value != NULL && value[0] != '\0') {
        tree_put_text(spec, key, value);
    }
}

static json_t *spec(const struct spark_application *application, int64_t number) {
    json_t *node = tree_pack("{s:s, s:[o], s:o}", "restartPolicy", "Never", "containers",
                             container(application, number), "volumes", volumes(application));
    json_t *selector = tree_make(node, "nodeSelector");

    copy_prefixed(application, "spark.kubernetes.node.selector.", selector);
    copy_prefixed(application, "spark.kubernetes.executor.node.selector.", selector);
    set_if_known(node, "schedulerName",
                 property_or(application, "spark.kubernetes.executor.scheduler.name",
                             property(application, "spark.kubernetes.scheduler.name")));
    set_if_known(node, "serviceAccountName",
                 property_or(application,
                             "spark.kubernetes.authenticate.executor.serviceAccountName",
                             tree_text(application->driver_pod, "spec/serviceAccountName")));
    return node;
}

json_t *spark_executor_pod(const struct spark_application *application, int64_t number) {
    return tree_pack("{s:s, s:s, s:o, s:o}", "apiVersion", "v1", "kind", "Pod", "metadata",
                     metadata(application, number), "spec", spec(application, number));
}

json_t *spark_executor_config_map(const struct spark_application *application) {
    json_t *map =
        tree_pack("{s:s, s:s, s:{s:s, s:o}, s:b, s:{s:s}}", "apiVersion", "v1", "kind", "ConfigMap",
                  "metadata", "name", application->config_map, "ownerReferences",
                  owner(application->driver_pod), "immutable", 1, "data",
                  "spark.kubernetes.namespace", tree_namespace(application->driver_pod));

    return map;
}
