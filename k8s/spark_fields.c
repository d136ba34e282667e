#include "k8s/spark_fields.h"

#include <string.h>

#include <jansson.h>

#include "base/limits.h"
#include "base/memory.h"
#include "k8s/codec_json.h"
#include "k8s/spark_app.h"
#include "k8s/spark_reader.h"
#include "k8s/spark_roles.h"

static int read_mode(struct spark_reader *reader, const struct json_at *at, const char *key) {
    const char *mode = "cluster";
    int r = json_get_text(at, &mode, reader->error);

    (void)key;
    if (r == OK && strcmp(mode, "cluster") != 0) {
        return json_fail(at, reader->error, ERR_INVALID,
                         "\"%s\": must be cluster; in client mode the driver runs where it is "
                         "submitted, which no quota counts and no queue starts later",
                         mode);
    }
    return r;
}

static int read_type(struct spark_reader *reader, const struct json_at *at, const char *key) {
    static const char *const types[] = {"Java", "Scala", "Python", "R"};
    const char *type;
    int r = spark_need_text(reader, at, &type);

    (void)key;
    for (size_t i = 0; r == OK && i < ARRAY_LEN(types); i++) {
        if (strcmp(type, types[i]) == 0) {
            return OK;
        }
    }
    return r < 0 ? r
                 : json_fail(at, reader->error, ERR_INVALID,
                             "\"%s\" is none of Java, Scala, Python and R", type);
}

static int read_main_class(struct spark_reader *reader, const struct json_at *at, const char *key) {
    (void)key;
    return json_get_text(at, &reader->app->main_class, reader->error);
}

static int read_resource(struct spark_reader *reader, const struct json_at *at, const char *key) {
    (void)key;
    return json_get_text(at, &reader->app->resource, reader->error);
}

static int read_proxy_user(struct spark_reader *reader, const struct json_at *at, const char *key) {
    (void)key;
    return json_get_text(at, &reader->app->proxy_user, reader->error);
}

static int read_arguments(struct spark_reader *reader, const struct json_at *at, const char *key) {
    size_t count = 0;
    int r = json_get_count(at, LIMIT_SPARK_ARGUMENTS, &count, reader->error);

    (void)key;
    for (size_t i = 0; r == OK && i < count; i++) {
        struct json_at item = json_at_index(at, i);
        const char *text;

        r = spark_need_text(reader, &item, &text);
    }
    if (r == OK) {
        reader->app->arguments = at->value;
    }
    return r;
}

static int read_deps(struct spark_reader *reader, const struct json_at *at, const char *key) {
    static const struct spark_field fields[] = {
        {"jars", spark_list_to_conf, "spark.jars"},
        {"files", spark_list_to_conf, "spark.files"},
        {"pyFiles", spark_list_to_conf, "spark.submit.pyFiles"},
        {"archives", spark_list_to_conf, "spark.archives"},
        {"packages", spark_list_to_conf, "spark.jars.packages"},
        {"excludePackages", spark_list_to_conf, "spark.jars.excludes"},
        {"repositories", spark_list_to_conf, "spark.jars.repositories"},
    };

    (void)key;
    return spark_read_object(reader, at, &(struct spark_field_table){fields, ARRAY_LEN(fields)});
}

static int read_reserve(struct spark_reader *reader, const struct json_at *at, const char *key) {
    const char *word;
    int r = spark_need_text(reader, at, &word);

    (void)key;
    if (r == OK) {
        reader->app->reserve = strcmp(word, "min") == 0   ? SPARK_RESERVE_MIN
                               : strcmp(word, "max") == 0 ? SPARK_RESERVE_MAX
                                                          : SPARK_RESERVE_INITIAL;
    }
    return r;
}

static int read_dynamic(struct spark_reader *reader, const struct json_at *at, const char *key) {
    static const struct spark_field fields[] = {
        {"enabled", spark_to_conf, "spark.dynamicAllocation.enabled"},
        {"initialExecutors", spark_to_conf, "spark.dynamicAllocation.initialExecutors"},
        {"minExecutors", spark_to_conf, "spark.dynamicAllocation.minExecutors"},
        {"maxExecutors", spark_to_conf, "spark.dynamicAllocation.maxExecutors"},
        {"reserve", read_reserve, NULL},
        {"shuffleTrackingEnabled", spark_to_conf,
         "spark.dynamicAllocation.shuffleTracking.enabled"},
        {"shuffleTrackingTimeout", spark_to_conf,
         "spark.dynamicAllocation.shuffleTracking.timeout"},
    };
    struct json_at enabled = json_at_key(at, "enabled");
    bool on = false;
    int r = json_get_bool(&enabled, &on, reader->error);

    (void)key;
    if (r == OK && on) {
        r = spark_set(reader, at, "spark.dynamicAllocation.shuffleTracking.enabled", "true");
    }
    return r < 0 ? r
                 : spark_read_object(reader, at,
                                     &(struct spark_field_table){fields, ARRAY_LEN(fields)});
}

/* A name of a ConfigMap. */
static int read_map_name(struct spark_reader *reader, const struct json_at *at, const char *key) {
    const char *name;

    (void)key;
    return spark_need_text(reader, at, &name);
}

int spark_fields_read(const struct json_at *spec, struct spark_app *app,
                      struct field_error *error) {
    static const struct spark_field fields[] = {
        {"sparkConf", spark_leave, NULL},  /* read before */
        {"hadoopConf", spark_leave, NULL}, /* the same */
        {"sparkVersion", spark_leave_text, NULL},
        {"type", read_type, NULL},
        {"mode", read_mode, NULL},
        {"mainClass", read_main_class, NULL},
        {"mainApplicationFile", read_resource, NULL},
        {"arguments", read_arguments, NULL},
        {"proxyUser", read_proxy_user, NULL},
        {"image", spark_to_conf, "spark.kubernetes.container.image"},
        {"imagePullPolicy", spark_to_conf, "spark.kubernetes.container.image.pullPolicy"},
        {"imagePullSecrets", spark_list_to_conf, "spark.kubernetes.container.image.pullSecrets"},
        {"nodeSelector", spark_map_to_conf, "spark.kubernetes.node.selector."},
        {"memoryOverheadFactor", spark_to_conf, "spark.kubernetes.memoryOverheadFactor"},
        {"pythonVersion", spark_to_conf, "spark.kubernetes.pyspark.pythonVersion"},
        {"deps", read_deps, NULL},
        {"dynamicAllocation", read_dynamic, NULL},
        {"driver", spark_read_driver, NULL},
        {"executor", spark_read_executor, NULL},
        {"volumes", spark_leave_list, NULL},
        {"localFiles", spark_leave, NULL},    /* read with what is mounted */
        {"restartPolicy", spark_leave, NULL}, /* the queue's, as are the next four */
        {"failureRetries", spark_leave, NULL},
        {"retryInterval", spark_leave, NULL},
        {"timeToLiveSeconds", spark_leave, NULL},
        {"suspend", spark_leave, NULL},
        {"sparkConfigMap", read_map_name, NULL},
        {"hadoopConfigMap", read_map_name, NULL},
        {"monitoring", spark_leave_object, NULL},            /* when all properties are there */
        {"batchScheduler", spark_leave_text, NULL},          /* this queue takes its place, */
        {"batchSchedulerOptions", spark_leave_object, NULL}, /* its shares that of its queues */
        {"sparkUIOptions", spark_leave_object, NULL},        /* objects beside the driver */
        {"driverIngressOptions", spark_leave_list, NULL},
        {"driverPodDisruptionBudget", spark_leave_bool, NULL},
    };
    struct spark_reader reader = {.app = app, .error = error, .spec = spec, .role = ""};
    struct json_at spark_conf = json_at_key(spec, "sparkConf");
    struct json_at hadoop_conf = json_at_key(spec, "hadoopConf");
    int r = spark_map_to_conf(&reader, &spark_conf, "");

    r = r < 0 ? r : spark_map_to_conf(&reader, &hadoop_conf, "spark.hadoop.");
    return r < 0 ? r
                 : spark_read_object(&reader, spec,
                                     &(struct spark_field_table){fields, ARRAY_LEN(fields)});
}

int spark_labels_read(const struct json_at *metadata, struct spark_app *app,
                      struct field_error *error) {
    struct spark_reader reader = {.app = app, .error = error, .role = ""};
    struct json_at labels = json_at_key(metadata, "labels");
    int r = spark_map_to_conf(&reader, &labels, "spark.kubernetes.driver.label.");

    return r < 0 ? r : spark_map_to_conf(&reader, &labels, "spark.kubernetes.executor.label.");
}
