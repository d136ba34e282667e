#include "k8s/spark_roles.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "base/limits.h"
#include "base/memory.h"
#include "base/text.h"
#include "k8s/codec_json.h"
#include "k8s/json_build.h"
#include "k8s/spark_app.h"
#include "k8s/spark_reader.h"
#include "k8s/spark_template.h"

/* memoryLimit: 4g as Spark writes it, or 4Gi as Kubernetes does. As the latter, 512m would be
 * half a byte. */
static int read_memory_limit(struct spark_reader *reader, const struct json_at *at,
                             const char *key) {
    struct spark_app *app = reader->app;
    int64_t *bytes = strcmp(reader->role, "driver") == 0 ? &app->driver_memory_limit_bytes
                                                         : &app->executor_memory_limit_bytes;
    const char *text = "";
    int r = json_get_text(at, &text, reader->error);

    (void)key;
    if (r < 0 || spark_size_parse(text, 1, bytes) == OK) {
        return r;
    }
    return json_get_units(at, bytes, reader->error);
}

/* envSecretKeyRefs: {ENV: {name, key}} */
static int read_secret_refs(struct spark_reader *reader, const struct json_at *at,
                            const char *key) {
    struct json_at member;
    void *iterator = NULL;
    int r = json_expect_object(at, reader->error);

    while (r == OK && json_next(at, &iterator, &member)) {
        struct json_at name_at = json_at_key(&member, "name");
        struct json_at key_at = json_at_key(&member, "key");
        const char *name;
        const char *entry;
        char value[SPARK_KEY_BYTES_MAX];

        r = spark_need_text(reader, &name_at, &name);
        r = r < 0 ? r : spark_need_text(reader, &key_at, &entry);
        if (r == OK) {
            (void)snprintf(value, sizeof value, "%s:%s", name, entry);
            r = spark_set_named(reader, &member, key, member.key, value);
        }
    }
    return r;
}

/* The variable that tells a program where its credentials are. */
static int set_secret_env(struct spark_reader *reader, const struct json_at *at, const char *type,
                          const char *path) {
    const char *prefix =
        strcmp(reader->role, "driver") == 0 ? "spark.kubernetes.driverEnv." : "spark.executorEnv.";
    char value[SPARK_KEY_BYTES_MAX];

    if (strcmp(type, "GCPServiceAccount") == 0) {
        (void)snprintf(value, sizeof value, "%s/key.json", path);
        return spark_set_named(reader, at, prefix, "GOOGLE_APPLICATION_CREDENTIALS", value);
    }
    if (strcmp(type, "HadoopDelegationToken") == 0) {
        (void)snprintf(value, sizeof value, "%s/hadoop.token", path);
        return spark_set_named(reader, at, prefix, "HADOOP_TOKEN_FILE_LOCATION", value);
    }
    return OK;
}

static int read_secret(struct spark_reader *reader, const struct json_at *at, const char *key) {
    struct json_at name_at = json_at_key(at, "name");
    struct json_at path_at = json_at_key(at, "path");
    struct json_at type_at = json_at_key(at, "secretType");
    const char *name;
    const char *path;
    const char *type = "Generic";
    int r = spark_need_text(reader, &name_at, &name);

    r = r < 0 ? r : spark_need_text(reader, &path_at, &path);
    r = r < 0 ? r : json_get_text(&type_at, &type, reader->error);
    r = r < 0 ? r : spark_set_named(reader, &path_at, key, name, path);
    return r < 0 ? r : set_secret_env(reader, at, type, path);
}

static int read_secrets(struct spark_reader *reader, const struct json_at *at, const char *key) {
    size_t count = 0;
    int r = json_get_count(at, LIMIT_SPARK_ARGUMENTS, &count, reader->error);

    for (size_t i = 0; r == OK && i < count; i++) {
        struct json_at item = json_at_index(at, i);

        r = read_secret(reader, &item, key);
    }
    return r;
}

/* Are all members among these? */
static bool has_only(struct json_t *object, const char *const *names) {
    const char *key;
    json_t *value;

    json_object_foreach(object, key, value) {
        size_t i = 0;

        while (names[i] != NULL && strcmp(names[i], key) != 0) {
            i++;
        }
        if (names[i] == NULL && !json_is_null(value)) {
            return false;
        }
    }
    return true;
}

/* SECRET:KEY, if that is all a variable's source says. */
static bool secret_of(const struct json_at *from, char *out_value, size_t bytes_max) {
    static const char *const members[] = {"secretKeyRef", NULL};
    static const char *const secret_members[] = {"name", "key", NULL};
    struct json_t *secret = json_object_get(from->value, "secretKeyRef");
    const char *name = json_string_value(json_object_get(secret, "name"));
    const char *key = json_string_value(json_object_get(secret, "key"));

    if (name == NULL || key == NULL || !has_only(from->value, members) ||
        !has_only(secret, secret_members)) {
        return false;
    }
    (void)snprintf(out_value, bytes_max, "%s:%s", name, key);
    return true;
}

/* One variable of an executor: a property, or left to the template. */
static int read_executor_variable(struct spark_reader *reader, const struct json_at *at) {
    struct json_at name_at = json_at_key(at, "name");
    struct json_at value_at = json_at_key(at, "value");
    struct json_at from_at = json_at_key(at, "valueFrom");
    const char *name;
    const char *value = "";
    char reference[SPARK_KEY_BYTES_MAX];
    int r = spark_need_text(reader, &name_at, &name);

    if (r < 0) {
        return r;
    }
    r = json_expect_object(&from_at, reader->error);
    if (r == OK && secret_of(&from_at, reference, sizeof reference)) {
        return spark_set_named(reader, at, "spark.kubernetes.executor.secretKeyRef.", name,
                               reference);
    }
    if (r < 0 || json_is_there(&from_at)) {
        if (r == OK) {
            json_push_take(reader->app->executor_env, json_deep_copy(at->value));
        }
        return r;
    }
    r = json_get_text(&value_at, &value, reader->error);
    return r < 0 ? r : spark_set_named(reader, at, "spark.executorEnv.", name, value);
}

static int read_executor_env(struct spark_reader *reader, const struct json_at *at,
                             const char *key) {
    size_t count = 0;
    int r = json_get_count(at, LIMIT_SPARK_ARGUMENTS, &count, reader->error);

    (void)key;
    for (size_t i = 0; r == OK && i < count; i++) {
        struct json_at item = json_at_index(at, i);

        r = read_executor_variable(reader, &item);
    }
    return r;
}

static int read_selector(struct spark_reader *reader, const struct json_at *at, const char *key) {
    struct json_at common = json_at_key(reader->spec, "nodeSelector");

    if (json_is_there(&common)) {
        return json_fail(at, reader->error, ERR_INVALID,
                         "nodeSelector may be given for the application or for its roles, not "
                         "both");
    }
    return spark_map_to_conf(reader, at, key);
}

/* The volume of that name in spec.volumes; absent if there is none. */
static struct json_at find_volume(const struct json_at *volumes, const char *name) {
    for (size_t i = 0; i < json_array_size(volumes->value); i++) {
        struct json_at volume = json_at_index(volumes, i);
        const char *text = json_string_value(json_object_get(volume.value, "name"));

        if (text != NULL && strcmp(text, name) == 0) {
            return volume;
        }
    }
    return (struct json_at){.parent = volumes};
}

/* The options of an executor's volume: members of its source that Spark has a key for. */
static int set_volume_options(struct spark_reader *reader, const struct json_at *source,
                              const char *stem) {
    struct json_at member;
    void *iterator = NULL;
    int r = json_expect_object(source, reader->error);

    while (r == OK && json_next(source, &iterator, &member)) {
        char tail[SPARK_KEY_BYTES_MAX + sizeof "options."];

        (void)snprintf(tail, sizeof tail, "%soptions.", stem);
        if (strcmp(member.key, "readOnly") != 0 && json_is_there(&member)) {
            r = spark_set_scalar(reader, &member, tail, member.key);
        }
    }
    return r;
}

/* Where an executor mounts it. */
static int set_volume_mount(struct spark_reader *reader, const struct json_at *mount,
                            const char *stem) {
    static const char *const names[][2] = {
        {"mountPath", "mount.path"}, {"readOnly", "mount.readOnly"}, {"subPath", "mount.subPath"}};
    int r = OK;

    for (size_t i = 0; r == OK && i < ARRAY_LEN(names); i++) {
        struct json_at at = json_at_key(mount, names[i][0]);

        if (json_is_there(&at)) {
            r = spark_set_scalar(reader, &at, stem, names[i][1]);
        }
    }
    return r;
}

/* What Spark has properties for, in all the versions we know. */
static const struct volume_type {
    const char *name;
    const char *const members[4];
} volume_types[] = {
    {"hostPath", {"path", NULL}},
    {"emptyDir", {"medium", "sizeLimit", NULL}},
    {"nfs", {"path", "server", "readOnly", NULL}},
    {"persistentVolumeClaim", {"claimName", "readOnly", NULL}},
};

/* The type of a volume that Spark can mount by its properties alone; NULL: only a template can. */
static const struct volume_type *plain_type(const struct json_at *mount,
                                            const struct json_at *volume) {
    static const char *const mount_members[] = {"name", "mountPath", "readOnly", "subPath", NULL};
    const char *name = json_string_value(json_object_get(mount->value, "name"));

    for (size_t i = 0; i < ARRAY_LEN(volume_types); i++) {
        struct json_t *source = json_object_get(volume->value, volume_types[i].name);

        if (source != NULL && json_is_object(source) && strchr(name, '.') == NULL &&
            has_only(mount->value, mount_members) && has_only(source, volume_types[i].members)) {
            return &volume_types[i];
        }
    }
    return NULL;
}

static int read_executor_mount(struct spark_reader *reader, const struct json_at *at) {
    struct json_at volumes = json_at_key(reader->spec, "volumes");
    struct json_at name_at = json_at_key(at, "name");
    const struct volume_type *type;
    struct json_at source;
    struct json_at volume;
    const char *name;
    char stem[SPARK_KEY_BYTES_MAX];
    int r = spark_need_text(reader, &name_at, &name);

    if (r < 0) {
        return r;
    }
    volume = find_volume(&volumes, name);
    if (!json_is_there(&volume)) {
        return json_fail(&name_at, reader->error, ERR_INVALID, "spec.volumes has no \"%s\"", name);
    }
    type = plain_type(at, &volume);
    if (type == NULL) {
        json_push_take(reader->app->executor_mounts, json_deep_copy(at->value));
        return OK;
    }
    source = json_at_key(&volume, type->name);
    (void)snprintf(stem, sizeof stem, "spark.kubernetes.executor.volumes.%s.%s.", type->name, name);
    r = set_volume_mount(reader, at, stem);
    return r < 0 ? r : set_volume_options(reader, &source, stem);
}

static int read_executor_mounts(struct spark_reader *reader, const struct json_at *at,
                                const char *key) {
    size_t count = 0;
    int r = json_get_count(at, LIMIT_SPARK_ARGUMENTS, &count, reader->error);

    (void)key;
    for (size_t i = 0; r == OK && i < count; i++) {
        struct json_at item = json_at_index(at, i);

        r = read_executor_mount(reader, &item);
    }
    return r;
}

static int read_pod_name(struct spark_reader *reader, const struct json_at *at, const char *key) {
    (void)key;
    return json_get_text(at, &reader->app->pod_name, reader->error);
}

static int read_gpu(struct spark_reader *reader, const struct json_at *at, const char *key) {
    struct json_at name_at = json_at_key(at, "name");
    struct json_at quantity_at = json_at_key(at, "quantity");
    const char *name;
    int64_t quantity = -1;
    int r = spark_need_text(reader, &name_at, &name);

    (void)key;
    r = r < 0 ? r : json_get_int64(&quantity_at, &quantity, reader->error);
    if (r == OK && (quantity <= 0 || strchr(name, '/') == NULL)) {
        r = json_fail(at, reader->error, ERR_INVALID,
                      "needs a name such as nvidia.com/gpu and a quantity above 0");
    }
    return r;
}

static int read_template(struct spark_reader *reader, const struct json_at *at, const char *key) {
    struct spark_app *app = reader->app;
    struct json_t **slot =
        strcmp(reader->role, "driver") == 0 ? &app->driver_template : &app->executor_template;

    (void)key;
    *slot = at->value;
    return spark_template_check(at, reader->error);
}

/* Spark 4.3 overwrites what a template says of it, unless this property says the same. */
static int read_executor_security(struct spark_reader *reader, const struct json_at *at,
                                  const char *key) {
    struct json_at allows = json_at_key(at, "allowPrivilegeEscalation");
    bool value;
    int r = json_expect_object(at, reader->error);

    (void)key;
    r = r < 0 ? r : json_get_bool(&allows, &value, reader->error);
    return r < 0 || !json_is_there(&allows)
               ? r
               : spark_to_conf(
                     reader, &allows,
                     "spark.kubernetes.executor.securityContext.allowPrivilegeEscalation");
}

/* From Spark 4.1 on it is a property's, whose default would overwrite a template's. */
static int read_executor_grace(struct spark_reader *reader, const struct json_at *at,
                               const char *key) {
    char text[32];
    int64_t seconds = 0;
    int r = json_get_int64(at, &seconds, reader->error);

    (void)key;
    (void)snprintf(text, sizeof text, "%" PRId64 "s", seconds);
    return r < 0 ? r
                 : spark_set(reader, at, "spark.kubernetes.executor.terminationGracePeriodSeconds",
                             text);
}

#define COMMON_FIELDS                                                                              \
    {"cores", spark_to_conf, "spark.*.cores"}, {"memory", spark_to_conf, "spark.*.memory"},        \
        {"memoryOverhead", spark_to_conf, "spark.*.memoryOverhead"},                               \
        {"coreRequest", spark_to_conf, "spark.kubernetes.*.request.cores"},                        \
        {"coreLimit", spark_to_conf, "spark.kubernetes.*.limit.cores"},                            \
        {"image", spark_to_conf, "spark.kubernetes.*.container.image"},                            \
        {"serviceAccount", spark_to_conf, "spark.kubernetes.authenticate.*.serviceAccountName"},   \
        {"javaOptions", spark_to_conf, "spark.*.extraJavaOptions"},                                \
        {"labels", spark_map_to_conf, "spark.kubernetes.*.label."},                                \
        {"annotations", spark_map_to_conf, "spark.kubernetes.*.annotation."},                      \
        {"secrets", read_secrets, "spark.kubernetes.*.secrets."},                                  \
        {"envSecretKeyRefs", read_secret_refs, "spark.kubernetes.*.secretKeyRef."},                \
        {"nodeSelector", read_selector, "spark.kubernetes.*.node.selector."},                      \
        {"schedulerName", spark_to_conf, "spark.kubernetes.*.scheduler.name"},                     \
        {"template", read_template, NULL}, {"gpu", read_gpu, NULL},                                \
        {"envFrom", spark_leave_list, NULL}, {"configMaps", spark_leave_list, NULL},               \
        {"affinity", spark_leave_object, NULL}, {"tolerations", spark_leave_list, NULL},           \
        {"podSecurityContext", spark_leave_object, NULL}, {"hostNetwork", spark_leave_bool, NULL}, \
        {"dnsConfig", spark_leave_object, NULL}, {"hostAliases", spark_leave_list, NULL},          \
        {"priorityClassName", spark_leave_text, NULL}, {"lifecycle", spark_leave_object, NULL},    \
        {"shareProcessNamespace", spark_leave_bool, NULL}, {"sidecars", spark_leave_list, NULL},   \
        {"initContainers", spark_leave_list, NULL}, {                                              \
        "ports", spark_leave_list, NULL                                                            \
    }

static int read_role(struct spark_reader *reader, const struct json_at *at, const char *role,
                     const struct spark_field_table *table) {
    int r;

    reader->role = role;
    r = spark_read_object(reader, at, table);
    reader->role = "";
    return r;
}

int spark_read_driver(struct spark_reader *reader, const struct json_at *at, const char *key) {
    static const struct spark_field fields[] = {
        COMMON_FIELDS,
        {"podName", read_pod_name, NULL},
        {"kubernetesMaster", spark_to_conf, "spark.kubernetes.driver.master"},
        {"envVars", spark_map_to_conf, "spark.kubernetes.driverEnv."},
        {"serviceLabels", spark_map_to_conf, "spark.kubernetes.driver.service.label."},
        {"serviceAnnotations", spark_map_to_conf, "spark.kubernetes.driver.service.annotation."},
        {"memoryLimit", read_memory_limit, NULL},
        {"env", spark_leave_list, NULL},
        {"volumeMounts", spark_leave_list, NULL},
        {"securityContext", spark_leave_object, NULL},
        {"terminationGracePeriodSeconds", spark_leave_int, NULL},
    };

    (void)key;
    reader->app->driver = at->value;
    return read_role(reader, at, "driver", &(struct spark_field_table){fields, ARRAY_LEN(fields)});
}

int spark_read_executor(struct spark_reader *reader, const struct json_at *at, const char *key) {
    static const struct spark_field fields[] = {
        COMMON_FIELDS,
        {"instances", spark_to_conf, "spark.executor.instances"},
        {"deleteOnTermination", spark_to_conf, "spark.kubernetes.executor.deleteOnTermination"},
        {"envVars", spark_map_to_conf, "spark.executorEnv."},
        {"env", read_executor_env, NULL},
        {"volumeMounts", read_executor_mounts, NULL},
        {"memoryLimit", read_memory_limit, NULL},
        {"securityContext", read_executor_security, NULL},
        {"terminationGracePeriodSeconds", read_executor_grace, NULL},
    };

    (void)key;
    reader->app->executor = at->value;
    return read_role(reader, at, "executor",
                     &(struct spark_field_table){fields, ARRAY_LEN(fields)});
}
