#include "k8s/spark_files.h"

#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "base/limits.h"
#include "base/text.h"
#include "k8s/codec_json.h"
#include "k8s/json_build.h"
#include "k8s/spark_app.h"
#include "k8s/spark_objects.h"
#include "k8s/spark_secrets.h"

#define HADOOP_DIR        "/opt/hadoop/conf"
#define HADOOP_VOLUME     "hadoop-properties"
#define KRB5_FILE         "krb5.conf"
#define KRB5_VOLUME       "krb5-file"
#define TOKEN_DIR         "/mnt/secrets/hadoop-credentials"
#define TOKEN_VOLUME      "hadoop-secret"
#define HADOOP_MAP_KEY    "spark.kubernetes.hadoop.configMapName"
#define KRB5_MAP_KEY      "spark.kubernetes.kerberos.krb5.configMapName"
#define KRB5_PATH_KEY     "spark.kubernetes.kerberos.krb5.path"
#define TOKEN_NAME_KEY    "spark.kubernetes.kerberos.tokenSecret.name"
#define TOKEN_ITEM_KEY    "spark.kubernetes.kerberos.tokenSecret.itemKey"
#define FILE_MODE         420 /* 0644 */
#define FILES_MAX         256
#define RESERVED_DATA_KEY "spark.kubernetes.namespace"

/* --- Reading --------------------------------------------------------------------------------- */

/* Letters, digits, - _ and dots, as the keys of a ConfigMap. */
static bool is_file_name(const char *name) {
    return name[0] != '\0' && strlen(name) <= LIMIT_NAME_BYTES && strcmp(name, ".") != 0 &&
           strcmp(name, "..") != 0 &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") ==
               strlen(name);
}

static int check_file(const struct json_at *file, struct field_error *error) {
    const char *text = "";
    int r = json_get_text(file, &text, error);

    if (r < 0) {
        return r;
    }
    if (!is_file_name(file->key) || strcmp(file->key, SPARK_PROPERTIES_FILE) == 0 ||
        strcmp(file->key, RESERVED_DATA_KEY) == 0) {
        return json_fail(file, error, ERR_INVALID, "\"%s\" can't be the name of a file here",
                         file->key);
    }
    return OK;
}

int spark_files_read_map(const struct json_at *files, struct json_t **out_files,
                         struct field_error *error) {
    struct json_at file;
    void *iterator = NULL;
    int r = json_expect_object(files, error);

    while (r == OK && json_next(files, &iterator, &file)) {
        r = json_is_there(&file) ? check_file(&file, error)
                                 : json_fail(&file, error, ERR_INVALID, "must be a text");
    }
    if (r == OK && json_object_size(files->value) > FILES_MAX) {
        r = json_fail(files, error, ERR_FULL, "more than %d files", FILES_MAX);
    }
    if (r == OK && json_object_size(files->value) > 0) {
        *out_files = files->value;
    }
    return r;
}

static int read_files(const struct json_at *at, const char *key, struct json_t **out_files,
                      struct field_error *error) {
    struct json_at files = json_at_key(at, key);

    return spark_files_read_map(&files, out_files, error);
}

int spark_files_read(const struct json_at *at, struct spark_app *app, struct field_error *error) {
    int r = json_expect_object(at, error);

    r = r < 0 ? r : read_files(at, "hadoopConf", &app->hadoop_files, error);
    r = r < 0 ? r : read_files(at, "krb5Conf", &app->krb5_files, error);
    r = r < 0 ? r : read_files(at, "sparkConf", &app->spark_files, error);
    r = r < 0 ? r : spark_secrets_read(at, app, error);
    if (r == OK && json_object_size(app->krb5_files) > 1) {
        struct json_at files = json_at_key(at, "krb5Conf");

        r = json_fail(&files, error, ERR_INVALID, "more than one file");
    }
    return r;
}

/* --- Checking -------------------------------------------------------------------------------- */

static const char *get(const struct spark_app *app, const char *key) {
    return spark_conf_get(&app->conf, key);
}

/* Both or neither. */
static int check_pair(const struct spark_app *app, const char *one, const char *other,
                      struct field_error *error) {
    const struct spark_conf_entry *first = spark_conf_find(&app->conf, one);
    const struct spark_conf_entry *second = spark_conf_find(&app->conf, other);

    if ((first == NULL) == (second == NULL)) {
        return OK;
    }
    return spark_conf_fail(first != NULL ? first : second, error, ERR_INVALID, "%s needs %s too",
                           first != NULL ? one : other, first != NULL ? other : one);
}

static int check_krb5(const struct spark_app *app, struct field_error *error) {
    const struct spark_conf_entry *path = spark_conf_find(&app->conf, KRB5_PATH_KEY);
    const struct spark_conf_entry *map = spark_conf_find(&app->conf, KRB5_MAP_KEY);

    if (map != NULL && (path != NULL || app->krb5_files != NULL)) {
        return spark_conf_fail(map, error, ERR_INVALID,
                               "a krb5.conf is given as a file (" KRB5_PATH_KEY ") and as a "
                               "ConfigMap; one of them says which");
    }
    if (path != NULL && app->krb5_files == NULL) {
        return spark_conf_fail(path, error, ERR_INVALID,
                               KRB5_PATH_KEY
                               ": the daemon does not read files of the submitter's machine; put "
                               "it into a ConfigMap (" KRB5_MAP_KEY "), or submit with nightshift "
                               "spark-submit");
    }
    return OK;
}

static int check_hadoop(const struct spark_app *app, struct field_error *error) {
    const struct spark_conf_entry *map = spark_conf_find(&app->conf, HADOOP_MAP_KEY);

    if (map != NULL && app->hadoop_files != NULL) {
        return spark_conf_fail(map, error, ERR_INVALID,
                               "Hadoop's configuration is given by HADOOP_CONF_DIR and by a "
                               "ConfigMap; one of them says which");
    }
    return OK;
}

int spark_files_check(const struct spark_app *app, struct field_error *error) {
    int r = check_hadoop(app, error);

    r = r < 0 ? r : check_krb5(app, error);
    r = r < 0 ? r : spark_secrets_check(app, error);
    return r < 0 ? r : check_pair(app, TOKEN_NAME_KEY, TOKEN_ITEM_KEY, error);
}

/* --- Volumes --------------------------------------------------------------------------------- */

static void push_item(struct json_t *items, const char *key, const char *path) {
    struct json_t *item = json_new_object();

    json_put_text(item, "key", key);
    json_put_text(item, "path", path);
    json_push_take(items, item);
}

/* Takes the ConfigMap's source; returns the mount to add to. */
static struct json_t *add_volume(const char *name, struct json_t *source, struct json_t *volumes,
                                 struct json_t *mounts) {
    struct json_t *volume = json_new_object();
    struct json_t *mount = json_new_object();

    json_put_text(volume, "name", name);
    json_put_take(volume, "configMap", source);
    json_push_take(volumes, volume);
    json_put_text(mount, "name", name);
    json_push_take(mounts, mount);
    return mount;
}

bool spark_files_hadoop_map_name(const struct spark_attempt *attempt, char *out_name,
                                 size_t bytes_max) {
    const char *existing = get(attempt->app, HADOOP_MAP_KEY);

    if (existing != NULL) {
        (void)snprintf(out_name, bytes_max, "%s", existing);
    } else {
        spark_name_hadoop_map(&attempt->names, out_name, bytes_max);
    }
    return existing != NULL || attempt->app->hadoop_files != NULL;
}

static void add_hadoop(const struct spark_attempt *attempt, struct json_t *volumes,
                       struct json_t *mounts) {
    struct json_t *items = json_new_array();
    struct json_t *source = json_new_object();
    char name[LIMIT_NAME_BYTES + 1];
    const char *key;
    json_t *text;

    (void)spark_files_hadoop_map_name(attempt, name, sizeof name);
    json_object_foreach(attempt->app->hadoop_files, key, text) {
        push_item(items, key, key);
    }
    json_put_text(source, "name", name);
    json_put_some_take(source, "items", items);
    json_put_text(add_volume(HADOOP_VOLUME, source, volumes, mounts), "mountPath", HADOOP_DIR);
}

static const char *krb5_key(const struct spark_app *app) {
    const char *key;
    json_t *text;

    json_object_foreach(app->krb5_files, key, text) {
        return key;
    }
    return KRB5_FILE;
}

static void add_krb5(const struct spark_attempt *attempt, struct json_t *volumes,
                     struct json_t *mounts) {
    const char *existing = get(attempt->app, KRB5_MAP_KEY);
    struct json_t *items = json_new_array();
    struct json_t *source = json_new_object();
    struct json_t *mount;
    char name[LIMIT_NAME_BYTES + 1];

    spark_name_krb5_map(&attempt->names, name, sizeof name);
    if (existing == NULL) {
        push_item(items, krb5_key(attempt->app), krb5_key(attempt->app));
    }
    json_put_text(source, "name", existing != NULL ? existing : name);
    json_put_some_take(source, "items", items);
    mount = add_volume(KRB5_VOLUME, source, volumes, mounts);
    json_put_text(mount, "mountPath", "/etc/" KRB5_FILE);
    json_put_text(mount, "subPath", KRB5_FILE);
}

static bool has_hadoop(const struct spark_app *app) {
    return get(app, HADOOP_MAP_KEY) != NULL || app->hadoop_files != NULL;
}

void spark_files_add_volumes(const struct spark_attempt *attempt, struct json_t *volumes,
                             struct json_t *mounts) {
    const struct spark_app *app = attempt->app;

    if (has_hadoop(app)) {
        add_hadoop(attempt, volumes, mounts);
    }
    if (get(app, KRB5_MAP_KEY) != NULL || app->krb5_files != NULL) {
        add_krb5(attempt, volumes, mounts);
    }
    spark_secrets_add_keytab(attempt, volumes, mounts);
    if (get(app, TOKEN_NAME_KEY) != NULL) {
        spark_mount_secret(TOKEN_VOLUME, get(app, TOKEN_NAME_KEY), TOKEN_DIR, volumes, mounts);
    }
}

static void push_variable(struct json_t *env, const char *name, const char *value) {
    struct json_t *variable = json_new_object();

    json_put_text(variable, "name", name);
    json_put_text(variable, "value", value);
    json_push_take(env, variable);
}

void spark_files_add_env(const struct spark_attempt *attempt, struct json_t *env) {
    const char *item = get(attempt->app, TOKEN_ITEM_KEY);
    char path[sizeof TOKEN_DIR + 1 + LIMIT_NAME_BYTES];

    if (has_hadoop(attempt->app)) {
        push_variable(env, "HADOOP_CONF_DIR", HADOOP_DIR);
    }
    if (item != NULL) {
        (void)snprintf(path, sizeof path, TOKEN_DIR "/%s", item);
        push_variable(env, "HADOOP_TOKEN_FILE_LOCATION", path);
    }
}

/* --- ConfigMaps ------------------------------------------------------------------------------ */

static void push_file(struct json_t *items, const char *key) {
    struct json_t *item = json_new_object();

    json_put_text(item, "key", key);
    json_put_text(item, "path", key);
    json_put_int(item, "mode", FILE_MODE);
    json_push_take(items, item);
}

void spark_files_add_items(const struct spark_app *app, struct json_t *items) {
    bool done = false; /* The payload's keys are in order, and Spark's items too. */
    const char *key;
    json_t *text;

    json_object_foreach(app->spark_files, key, text) {
        if (!done && strcmp(key, SPARK_PROPERTIES_FILE) > 0) {
            push_file(items, SPARK_PROPERTIES_FILE);
            done = true;
        }
        push_file(items, key);
    }
    if (!done) {
        push_file(items, SPARK_PROPERTIES_FILE);
    }
}

void spark_files_add_data(const struct spark_app *app, struct json_t *data) {
    const char *key;
    json_t *text;

    json_object_foreach(app->spark_files, key, text) {
        json_put_take(data, key, json_deep_copy(text));
    }
}

char *spark_files_hadoop_map(const struct spark_app *app, const struct payload_run *run,
                             const char *owner_uid) {
    struct spark_attempt attempt;
    char name[LIMIT_NAME_BYTES + 1];

    if (app->hadoop_files == NULL) {
        return NULL;
    }
    spark_attempt_make(app, run, &attempt);
    spark_name_hadoop_map(&attempt.names, name, sizeof name);
    return spark_object_map(&attempt, name, json_deep_copy(app->hadoop_files), owner_uid);
}

char *spark_files_krb5_map(const struct spark_app *app, const struct payload_run *run,
                           const char *owner_uid) {
    struct spark_attempt attempt;
    char name[LIMIT_NAME_BYTES + 1];

    if (app->krb5_files == NULL) {
        return NULL;
    }
    spark_attempt_make(app, run, &attempt);
    spark_name_krb5_map(&attempt.names, name, sizeof name);
    return spark_object_map(&attempt, name, json_deep_copy(app->krb5_files), owner_uid);
}
