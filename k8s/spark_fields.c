#include "k8s/spark_fields.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/text.h"
#include "k8s/codec_json.h"
#include "k8s/json_build.h"
#include "k8s/spark_app.h"
#include "k8s/spark_template.h"

#define KEY_BYTES_MAX   1024
#define FIELD_COUNT_MAX 64

struct reader {
    struct spark_app *app;
    struct field_error *error;
    const struct json_at *spec;
    const char *role; /* of the pod whose fields are read; "" outside */
};

/* How one field is read. key is what the function makes of it, mostly a key of the
 * configuration or its beginning, in which a star stands for the role. */
struct field {
    const char *name;
    int (*read)(struct reader *reader, const struct json_at *at, const char *key);
    const char *key;
};

struct field_table {
    const struct field *fields;
    size_t count;
};

void spark_role_key(const char *pattern, const char *role, char *out_key, size_t bytes_max) {
    const char *star = strchr(pattern, '*');

    if (star == NULL) {
        (void)text_copy(out_key, bytes_max, pattern);
    } else {
        (void)snprintf(out_key, bytes_max, "%.*s%s%s", (int)(star - pattern), pattern, role,
                       star + 1);
    }
}

static int set(struct reader *reader, const struct json_at *at, const char *key,
               const char *value) {
    char path[FIELD_PATH_BYTES_MAX];
    char full_key[KEY_BYTES_MAX];
    int r;

    json_at_path(at, path);
    spark_role_key(key, reader->role, full_key, sizeof full_key);
    r = spark_conf_set(&reader->app->conf, full_key, value, path);
    if (r < 0) {
        return json_fail(at, reader->error, r, "more than %d Spark properties",
                         LIMIT_SPARK_CONF_KEYS);
    }
    return OK;
}

/* A property whose key ends in a name the user chose. */
static int set_named(struct reader *reader, const struct json_at *at, const char *prefix,
                     const char *name, const char *value) {
    char key[KEY_BYTES_MAX];
    char start[KEY_BYTES_MAX];
    int length;

    spark_role_key(prefix, reader->role, start, sizeof start);
    length = snprintf(key, sizeof key, "%s%s", start, name);
    if (length < 0 || (size_t)length >= sizeof key || strchr(name, '*') != NULL) {
        return json_fail(at, reader->error, ERR_INVALID, "\"%s\" is not a usable name", name);
    }
    return set(reader, at, key, value);
}

static int need_text(struct reader *reader, const struct json_at *at, const char **out_text) {
    const char *text = NULL;
    int r = json_get_text(at, &text, reader->error);

    if (r == OK && text == NULL) {
        return json_fail(at, reader->error, ERR_INVALID, "is required");
    }
    if (r == OK) {
        *out_text = text;
    }
    return r;
}

/* A text, number or truth as Spark writes it. */
static int set_scalar(struct reader *reader, const struct json_at *at, const char *prefix,
                      const char *name) {
    char *printed;
    int r;

    if (json_is_string(at->value)) {
        return set_named(reader, at, prefix, name, json_string_value(at->value));
    }
    if (!json_is_number(at->value) && !json_is_boolean(at->value)) {
        return json_fail(at, reader->error, ERR_INVALID, "must be a text or a number");
    }
    printed = json_print(at->value);
    r = set_named(reader, at, prefix, name, printed);
    free(printed);
    return r;
}

static int to_conf(struct reader *reader, const struct json_at *at, const char *key) {
    return set_scalar(reader, at, key, "");
}

/* An object: each member becomes a property. */
static int map_to_conf(struct reader *reader, const struct json_at *at, const char *prefix) {
    struct json_at member;
    void *iterator = NULL;
    int r = json_expect_object(at, reader->error);

    while (r == OK && json_next(at, &iterator, &member)) {
        if (!json_is_there(&member)) {
            continue;
        }
        r = set_scalar(reader, &member, prefix, member.key);
    }
    return r;
}

/* A list of texts becomes one property, with commas. */
static int list_to_conf(struct reader *reader, const struct json_at *at, const char *key) {
    struct buf joined;
    size_t count = 0;
    int r = json_get_count(at, LIMIT_SPARK_ARGUMENTS, &count, reader->error);

    buf_init(&joined, LIMIT_SPEC_BYTES);
    for (size_t i = 0; r == OK && i < count; i++) {
        struct json_at item = json_at_index(at, i);
        const char *text;

        r = need_text(reader, &item, &text);
        if (r == OK) {
            buf_add_text(&joined, i > 0 ? "," : "");
            buf_add_text(&joined, text);
        }
    }
    if (r == OK && count > 0) {
        r = set(reader, at, key, buf_text(&joined));
    }
    buf_finish(&joined);
    return r;
}

static int not_supported(struct reader *reader, const struct json_at *at, const char *hint) {
    return json_fail(at, reader->error, ERR_INVALID, "%s is not supported yet%s%s", at->key,
                     hint != NULL ? ": " : "", hint != NULL ? hint : "");
}

/* An executor's memory limit: what its template says of it, Spark overwrites. */
static int refuse_memory_limit(struct reader *reader, const struct json_at *at, const char *key) {
    (void)key;
    return json_fail(at, reader->error, ERR_INVALID,
                     "Spark sets an executor's memory limit to its request; raise memoryOverhead");
}

/* Already read, or copied from the payload into the driver's pod, or the queue's business. */
static int leave(struct reader *reader, const struct json_at *at, const char *key) {
    (void)reader;
    (void)at;
    (void)key;
    return OK;
}

static int leave_list(struct reader *reader, const struct json_at *at, const char *key) {
    (void)key;
    return json_expect_array(at, reader->error);
}

static int leave_object(struct reader *reader, const struct json_at *at, const char *key) {
    (void)key;
    return json_expect_object(at, reader->error);
}

static int leave_int(struct reader *reader, const struct json_at *at, const char *key) {
    int64_t value;

    (void)key;
    return json_get_int64(at, &value, reader->error);
}

static int leave_bool(struct reader *reader, const struct json_at *at, const char *key) {
    bool value;

    (void)key;
    return json_get_bool(at, &value, reader->error);
}

static int leave_text(struct reader *reader, const struct json_at *at, const char *key) {
    const char *value;

    (void)key;
    return json_get_text(at, &value, reader->error);
}

/* memoryLimit: 4g as Spark writes it, or 4Gi as Kubernetes does. As the latter, 512m would be
 * half a byte. */
static int read_memory_limit(struct reader *reader, const struct json_at *at, const char *key) {
    int64_t *bytes = &reader->app->driver_memory_limit_bytes;
    const char *text = "";
    int r = json_get_text(at, &text, reader->error);

    (void)key;
    if (r < 0 || spark_size_parse(text, 1, bytes) == OK) {
        return r;
    }
    return json_get_units(at, bytes, reader->error);
}

/* Walk an object's members through a table; what it does not know is refused. */
static int read_object(struct reader *reader, const struct json_at *at,
                       const struct field_table *table) {
    const char *names[FIELD_COUNT_MAX];
    struct json_at member;
    void *iterator = NULL;
    int r = json_expect_object(at, reader->error);

    for (size_t i = 0; i < table->count; i++) {
        names[i] = table->fields[i].name;
    }
    while (r == OK && json_next(at, &iterator, &member)) {
        const struct field *field = NULL;
        const char *meant;

        for (size_t i = 0; i < table->count && field == NULL; i++) {
            field = strcmp(names[i], member.key) == 0 ? &table->fields[i] : NULL;
        }
        if (field == NULL) {
            meant = text_closest(member.key, names, table->count);
            r = json_fail(&member, reader->error, ERR_INVALID, "unknown field%s%s%s",
                          meant != NULL ? "; did you mean " : "", meant != NULL ? meant : "",
                          meant != NULL ? "?" : "");
        } else if (json_is_there(&member)) {
            r = field->read(reader, &member, field->key);
        }
    }
    return r;
}

static int read_mode(struct reader *reader, const struct json_at *at, const char *key) {
    const char *mode = "cluster";
    int r = json_get_text(at, &mode, reader->error);

    (void)key;
    if (r == OK && strcmp(mode, "cluster") != 0) {
        return json_fail(at, reader->error, ERR_INVALID,
                         "\"%s\": only cluster mode runs the driver in the cluster", mode);
    }
    return r;
}

static int read_type(struct reader *reader, const struct json_at *at, const char *key) {
    static const char *const types[] = {"Java", "Scala", "Python", "R"};
    const char *type;
    int r = need_text(reader, at, &type);

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

static int read_main_class(struct reader *reader, const struct json_at *at, const char *key) {
    (void)key;
    return json_get_text(at, &reader->app->main_class, reader->error);
}

static int read_resource(struct reader *reader, const struct json_at *at, const char *key) {
    (void)key;
    return json_get_text(at, &reader->app->resource, reader->error);
}

static int read_proxy_user(struct reader *reader, const struct json_at *at, const char *key) {
    (void)key;
    return json_get_text(at, &reader->app->proxy_user, reader->error);
}

static int read_arguments(struct reader *reader, const struct json_at *at, const char *key) {
    size_t count = 0;
    int r = json_get_count(at, LIMIT_SPARK_ARGUMENTS, &count, reader->error);

    (void)key;
    for (size_t i = 0; r == OK && i < count; i++) {
        struct json_at item = json_at_index(at, i);
        const char *text;

        r = need_text(reader, &item, &text);
    }
    if (r == OK) {
        reader->app->arguments = at->value;
    }
    return r;
}

static int read_deps(struct reader *reader, const struct json_at *at, const char *key) {
    static const struct field fields[] = {
        {"jars", list_to_conf, "spark.jars"},
        {"files", list_to_conf, "spark.files"},
        {"pyFiles", list_to_conf, "spark.submit.pyFiles"},
        {"archives", list_to_conf, "spark.archives"},
        {"packages", list_to_conf, "spark.jars.packages"},
        {"excludePackages", list_to_conf, "spark.jars.excludes"},
        {"repositories", list_to_conf, "spark.jars.repositories"},
    };

    (void)key;
    return read_object(reader, at, &(struct field_table){fields, ARRAY_LEN(fields)});
}

static int read_dynamic(struct reader *reader, const struct json_at *at, const char *key) {
    static const struct field fields[] = {
        {"enabled", to_conf, "spark.dynamicAllocation.enabled"},
        {"initialExecutors", to_conf, "spark.dynamicAllocation.initialExecutors"},
        {"minExecutors", to_conf, "spark.dynamicAllocation.minExecutors"},
        {"maxExecutors", to_conf, "spark.dynamicAllocation.maxExecutors"},
        {"shuffleTrackingEnabled", to_conf, "spark.dynamicAllocation.shuffleTracking.enabled"},
        {"shuffleTrackingTimeout", to_conf, "spark.dynamicAllocation.shuffleTracking.timeout"},
    };
    struct json_at enabled = json_at_key(at, "enabled");
    bool on = false;
    int r = json_get_bool(&enabled, &on, reader->error);

    (void)key;
    if (r == OK && on) {
        r = set(reader, at, "spark.dynamicAllocation.shuffleTracking.enabled", "true");
    }
    return r < 0 ? r : read_object(reader, at, &(struct field_table){fields, ARRAY_LEN(fields)});
}

/* envSecretKeyRefs: {ENV: {name, key}} */
static int read_secret_refs(struct reader *reader, const struct json_at *at, const char *key) {
    struct json_at member;
    void *iterator = NULL;
    int r = json_expect_object(at, reader->error);

    while (r == OK && json_next(at, &iterator, &member)) {
        struct json_at name_at = json_at_key(&member, "name");
        struct json_at key_at = json_at_key(&member, "key");
        const char *name;
        const char *entry;
        char value[KEY_BYTES_MAX];

        r = need_text(reader, &name_at, &name);
        r = r < 0 ? r : need_text(reader, &key_at, &entry);
        if (r == OK) {
            (void)snprintf(value, sizeof value, "%s:%s", name, entry);
            r = set_named(reader, &member, key, member.key, value);
        }
    }
    return r;
}

/* The variable that tells a program where its credentials are. */
static int set_secret_env(struct reader *reader, const struct json_at *at, const char *type,
                          const char *path) {
    const char *prefix =
        strcmp(reader->role, "driver") == 0 ? "spark.kubernetes.driverEnv." : "spark.executorEnv.";
    char value[KEY_BYTES_MAX];

    if (strcmp(type, "GCPServiceAccount") == 0) {
        (void)snprintf(value, sizeof value, "%s/key.json", path);
        return set_named(reader, at, prefix, "GOOGLE_APPLICATION_CREDENTIALS", value);
    }
    if (strcmp(type, "HadoopDelegationToken") == 0) {
        (void)snprintf(value, sizeof value, "%s/hadoop.token", path);
        return set_named(reader, at, prefix, "HADOOP_TOKEN_FILE_LOCATION", value);
    }
    return OK;
}

static int read_secret(struct reader *reader, const struct json_at *at, const char *key) {
    struct json_at name_at = json_at_key(at, "name");
    struct json_at path_at = json_at_key(at, "path");
    struct json_at type_at = json_at_key(at, "secretType");
    const char *name;
    const char *path;
    const char *type = "Generic";
    int r = need_text(reader, &name_at, &name);

    r = r < 0 ? r : need_text(reader, &path_at, &path);
    r = r < 0 ? r : json_get_text(&type_at, &type, reader->error);
    r = r < 0 ? r : set_named(reader, &path_at, key, name, path);
    return r < 0 ? r : set_secret_env(reader, at, type, path);
}

static int read_secrets(struct reader *reader, const struct json_at *at, const char *key) {
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
static int read_executor_variable(struct reader *reader, const struct json_at *at) {
    struct json_at name_at = json_at_key(at, "name");
    struct json_at value_at = json_at_key(at, "value");
    struct json_at from_at = json_at_key(at, "valueFrom");
    const char *name;
    const char *value = "";
    char reference[KEY_BYTES_MAX];
    int r = need_text(reader, &name_at, &name);

    if (r < 0) {
        return r;
    }
    r = json_expect_object(&from_at, reader->error);
    if (r == OK && secret_of(&from_at, reference, sizeof reference)) {
        return set_named(reader, at, "spark.kubernetes.executor.secretKeyRef.", name, reference);
    }
    if (r < 0 || json_is_there(&from_at)) {
        if (r == OK) {
            json_push_take(reader->app->executor_env, json_deep_copy(at->value));
        }
        return r;
    }
    r = json_get_text(&value_at, &value, reader->error);
    return r < 0 ? r : set_named(reader, at, "spark.executorEnv.", name, value);
}

static int read_executor_env(struct reader *reader, const struct json_at *at, const char *key) {
    size_t count = 0;
    int r = json_get_count(at, LIMIT_SPARK_ARGUMENTS, &count, reader->error);

    (void)key;
    for (size_t i = 0; r == OK && i < count; i++) {
        struct json_at item = json_at_index(at, i);

        r = read_executor_variable(reader, &item);
    }
    return r;
}

static int read_selector(struct reader *reader, const struct json_at *at, const char *key) {
    struct json_at common = json_at_key(reader->spec, "nodeSelector");

    if (json_is_there(&common)) {
        return json_fail(at, reader->error, ERR_INVALID,
                         "nodeSelector may be given for the application or for its roles, not "
                         "both");
    }
    return map_to_conf(reader, at, key);
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
static int set_volume_options(struct reader *reader, const struct json_at *source,
                              const char *stem) {
    struct json_at member;
    void *iterator = NULL;
    int r = json_expect_object(source, reader->error);

    while (r == OK && json_next(source, &iterator, &member)) {
        char tail[KEY_BYTES_MAX + sizeof "options."];

        (void)snprintf(tail, sizeof tail, "%soptions.", stem);
        if (strcmp(member.key, "readOnly") != 0 && json_is_there(&member)) {
            r = set_scalar(reader, &member, tail, member.key);
        }
    }
    return r;
}

/* Where an executor mounts it. */
static int set_volume_mount(struct reader *reader, const struct json_at *mount, const char *stem) {
    static const char *const names[][2] = {
        {"mountPath", "mount.path"}, {"readOnly", "mount.readOnly"}, {"subPath", "mount.subPath"}};
    int r = OK;

    for (size_t i = 0; r == OK && i < ARRAY_LEN(names); i++) {
        struct json_at at = json_at_key(mount, names[i][0]);

        if (json_is_there(&at)) {
            r = set_scalar(reader, &at, stem, names[i][1]);
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

static int read_executor_mount(struct reader *reader, const struct json_at *at) {
    struct json_at volumes = json_at_key(reader->spec, "volumes");
    struct json_at name_at = json_at_key(at, "name");
    const struct volume_type *type;
    struct json_at source;
    struct json_at volume;
    const char *name;
    char stem[KEY_BYTES_MAX];
    int r = need_text(reader, &name_at, &name);

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

static int read_executor_mounts(struct reader *reader, const struct json_at *at, const char *key) {
    size_t count = 0;
    int r = json_get_count(at, LIMIT_SPARK_ARGUMENTS, &count, reader->error);

    (void)key;
    for (size_t i = 0; r == OK && i < count; i++) {
        struct json_at item = json_at_index(at, i);

        r = read_executor_mount(reader, &item);
    }
    return r;
}

static int read_pod_name(struct reader *reader, const struct json_at *at, const char *key) {
    (void)key;
    return json_fail(at, reader->error, ERR_INVALID,
                     "the driver's pod is named after job, id and attempt, so that a retry "
                     "never meets an older pod; remove podName");
}

static int read_gpu(struct reader *reader, const struct json_at *at, const char *key) {
    struct json_at name_at = json_at_key(at, "name");
    struct json_at quantity_at = json_at_key(at, "quantity");
    const char *name;
    int64_t quantity = -1;
    int r = need_text(reader, &name_at, &name);

    (void)key;
    r = r < 0 ? r : json_get_int64(&quantity_at, &quantity, reader->error);
    if (r == OK && (quantity <= 0 || strchr(name, '/') == NULL)) {
        r = json_fail(at, reader->error, ERR_INVALID,
                      "needs a name such as nvidia.com/gpu and a quantity above 0");
    }
    return r;
}

static int read_template(struct reader *reader, const struct json_at *at, const char *key) {
    struct spark_app *app = reader->app;
    struct json_t **slot =
        strcmp(reader->role, "driver") == 0 ? &app->driver_template : &app->executor_template;

    (void)key;
    *slot = at->value;
    return spark_template_check(at, reader->error);
}

/* Spark 4.3 overwrites what a template says of it, unless this property says the same. */
static int read_executor_security(struct reader *reader, const struct json_at *at,
                                  const char *key) {
    struct json_at allows = json_at_key(at, "allowPrivilegeEscalation");
    bool value;
    int r = json_expect_object(at, reader->error);

    (void)key;
    r = r < 0 ? r : json_get_bool(&allows, &value, reader->error);
    return r < 0 || !json_is_there(&allows)
               ? r
               : to_conf(reader, &allows,
                         "spark.kubernetes.executor.securityContext.allowPrivilegeEscalation");
}

/* From Spark 4.1 on it is a property's, whose default would overwrite a template's. */
static int read_executor_grace(struct reader *reader, const struct json_at *at, const char *key) {
    char text[32];
    int64_t seconds = 0;
    int r = json_get_int64(at, &seconds, reader->error);

    (void)key;
    (void)snprintf(text, sizeof text, "%" PRId64 "s", seconds);
    return r < 0 ? r
                 : set(reader, at, "spark.kubernetes.executor.terminationGracePeriodSeconds", text);
}

/* A name of a ConfigMap. */
static int read_map_name(struct reader *reader, const struct json_at *at, const char *key) {
    const char *name;

    (void)key;
    return need_text(reader, at, &name);
}

#define COMMON_FIELDS                                                                              \
    {"cores", to_conf, "spark.*.cores"}, {"memory", to_conf, "spark.*.memory"},                    \
        {"memoryOverhead", to_conf, "spark.*.memoryOverhead"},                                     \
        {"coreRequest", to_conf, "spark.kubernetes.*.request.cores"},                              \
        {"coreLimit", to_conf, "spark.kubernetes.*.limit.cores"},                                  \
        {"image", to_conf, "spark.kubernetes.*.container.image"},                                  \
        {"serviceAccount", to_conf, "spark.kubernetes.authenticate.*.serviceAccountName"},         \
        {"javaOptions", to_conf, "spark.*.extraJavaOptions"},                                      \
        {"labels", map_to_conf, "spark.kubernetes.*.label."},                                      \
        {"annotations", map_to_conf, "spark.kubernetes.*.annotation."},                            \
        {"secrets", read_secrets, "spark.kubernetes.*.secrets."},                                  \
        {"envSecretKeyRefs", read_secret_refs, "spark.kubernetes.*.secretKeyRef."},                \
        {"nodeSelector", read_selector, "spark.kubernetes.*.node.selector."},                      \
        {"schedulerName", to_conf, "spark.kubernetes.*.scheduler.name"},                           \
        {"template", read_template, NULL}, {"gpu", read_gpu, NULL}, {"envFrom", leave_list, NULL}, \
        {"configMaps", leave_list, NULL}, {"affinity", leave_object, NULL},                        \
        {"tolerations", leave_list, NULL}, {"podSecurityContext", leave_object, NULL},             \
        {"hostNetwork", leave_bool, NULL}, {"dnsConfig", leave_object, NULL},                      \
        {"hostAliases", leave_list, NULL}, {"priorityClassName", leave_text, NULL},                \
        {"lifecycle", leave_object, NULL}, {"shareProcessNamespace", leave_bool, NULL},            \
        {"sidecars", leave_list, NULL}, {"initContainers", leave_list, NULL}, {                    \
        "ports", leave_list, NULL                                                                  \
    }

static int read_driver(struct reader *reader, const struct json_at *at, const char *key) {
    static const struct field fields[] = {
        COMMON_FIELDS,
        {"podName", read_pod_name, NULL},
        {"kubernetesMaster", to_conf, "spark.kubernetes.driver.master"},
        {"envVars", map_to_conf, "spark.kubernetes.driverEnv."},
        {"serviceLabels", map_to_conf, "spark.kubernetes.driver.service.label."},
        {"serviceAnnotations", map_to_conf, "spark.kubernetes.driver.service.annotation."},
        {"memoryLimit", read_memory_limit, NULL},
        {"env", leave_list, NULL},
        {"volumeMounts", leave_list, NULL},
        {"securityContext", leave_object, NULL},
        {"terminationGracePeriodSeconds", leave_int, NULL},
    };
    int r;

    (void)key;
    reader->app->driver = at->value;
    reader->role = "driver";
    r = read_object(reader, at, &(struct field_table){fields, ARRAY_LEN(fields)});
    reader->role = "";
    return r;
}

static int read_executor(struct reader *reader, const struct json_at *at, const char *key) {
    static const struct field fields[] = {
        COMMON_FIELDS,
        {"instances", to_conf, "spark.executor.instances"},
        {"deleteOnTermination", to_conf, "spark.kubernetes.executor.deleteOnTermination"},
        {"envVars", map_to_conf, "spark.executorEnv."},
        {"env", read_executor_env, NULL},
        {"volumeMounts", read_executor_mounts, NULL},
        {"memoryLimit", refuse_memory_limit, NULL},
        {"securityContext", read_executor_security, NULL},
        {"terminationGracePeriodSeconds", read_executor_grace, NULL},
    };
    int r;

    (void)key;
    reader->app->executor = at->value;
    reader->role = "executor";
    r = read_object(reader, at, &(struct field_table){fields, ARRAY_LEN(fields)});
    reader->role = "";
    return r;
}

int spark_fields_read(const struct json_at *spec, struct spark_app *app,
                      struct field_error *error) {
    static const struct field fields[] = {
        {"sparkConf", leave, NULL},  /* read before */
        {"hadoopConf", leave, NULL}, /* the same */
        {"sparkVersion", leave_text, NULL},
        {"type", read_type, NULL},
        {"mode", read_mode, NULL},
        {"mainClass", read_main_class, NULL},
        {"mainApplicationFile", read_resource, NULL},
        {"arguments", read_arguments, NULL},
        {"proxyUser", read_proxy_user, NULL},
        {"image", to_conf, "spark.kubernetes.container.image"},
        {"imagePullPolicy", to_conf, "spark.kubernetes.container.image.pullPolicy"},
        {"imagePullSecrets", list_to_conf, "spark.kubernetes.container.image.pullSecrets"},
        {"nodeSelector", map_to_conf, "spark.kubernetes.node.selector."},
        {"memoryOverheadFactor", to_conf, "spark.kubernetes.memoryOverheadFactor"},
        {"pythonVersion", to_conf, "spark.kubernetes.pyspark.pythonVersion"},
        {"deps", read_deps, NULL},
        {"dynamicAllocation", read_dynamic, NULL},
        {"driver", read_driver, NULL},
        {"executor", read_executor, NULL},
        {"volumes", leave_list, NULL},
        {"localFiles", leave, NULL},    /* read with what is mounted */
        {"restartPolicy", leave, NULL}, /* the queue's, as are the next four */
        {"failureRetries", leave, NULL},
        {"retryInterval", leave, NULL},
        {"timeToLiveSeconds", leave, NULL},
        {"suspend", leave, NULL},
        {"sparkConfigMap", read_map_name, NULL},
        {"hadoopConfigMap", read_map_name, NULL},
        {"monitoring", not_supported, "set spark.metrics.* in sparkConf"},
        {"batchScheduler", not_supported, "this queue starts the whole gang or nothing"},
        {"batchSchedulerOptions", not_supported, "this queue starts the whole gang or nothing"},
        {"sparkUIOptions", not_supported, NULL},
        {"driverIngressOptions", not_supported, NULL},
        {"driverPodDisruptionBudget", not_supported, NULL},
    };
    struct reader reader = {.app = app, .error = error, .spec = spec, .role = ""};
    struct json_at spark_conf = json_at_key(spec, "sparkConf");
    struct json_at hadoop_conf = json_at_key(spec, "hadoopConf");
    int r = map_to_conf(&reader, &spark_conf, "");

    r = r < 0 ? r : map_to_conf(&reader, &hadoop_conf, "spark.hadoop.");
    return r < 0 ? r : read_object(&reader, spec, &(struct field_table){fields, ARRAY_LEN(fields)});
}

int spark_labels_read(const struct json_at *metadata, struct spark_app *app,
                      struct field_error *error) {
    struct reader reader = {.app = app, .error = error, .role = ""};
    struct json_at labels = json_at_key(metadata, "labels");
    int r = map_to_conf(&reader, &labels, "spark.kubernetes.driver.label.");

    return r < 0 ? r : map_to_conf(&reader, &labels, "spark.kubernetes.executor.label.");
}
