#include "k8s/spark_volumes.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/limits.h"
#include "base/quantity.h"
#include "base/text.h"
#include "k8s/codec_json.h"
#include "k8s/json_build.h"
#include "k8s/spark_app.h"

#define STEM_BYTES_MAX  496
#define KEY_BYTES_MAX   640
#define CLAIM_ON_DEMAND "OnDemand"
#define BYTES_BARE_MIN  1024
#define DRIVER_VOLUMES  "spark.kubernetes.driver.volumes."

static const char *const types[] = {"hostPath", "emptyDir", "nfs", "persistentVolumeClaim"};

/* One volume of the configuration: where its keys begin. */
struct volume {
    const struct spark_conf *conf;
    const struct spark_conf_entry *first; /* of its keys */
    char stem[STEM_BYTES_MAX];            /* spark.kubernetes.driver.volumes.nfs.data. */
    char type[32];
    char name[64];
};

static const struct spark_conf_entry *find(const struct volume *volume, const char *tail) {
    char key[KEY_BYTES_MAX];

    (void)snprintf(key, sizeof key, "%s%s", volume->stem, tail);
    return spark_conf_find(volume->conf, key);
}

/* The option's value; NULL when absent or empty. */
static const char *get(const struct volume *volume, const char *tail) {
    const struct spark_conf_entry *entry = find(volume, tail);

    return entry != NULL && entry->value[0] != '\0' ? entry->value : NULL;
}

/* Take type and name out of a key; false when it does not have them. */
static bool split(const struct spark_conf *conf, const struct spark_conf_entry *entry,
                  const char *prefix, struct volume *out_volume) {
    struct volume volume = {.conf = conf, .first = entry};
    const char *type = entry->key + strlen(prefix);
    const char *type_end = strchr(type, '.');
    const char *name_end = type_end != NULL ? strchr(type_end + 1, '.') : NULL;

    if (name_end == NULL || (size_t)(type_end - type) >= sizeof volume.type ||
        (size_t)(name_end - type_end) > sizeof volume.name ||
        (size_t)(name_end - entry->key) + 2 > sizeof volume.stem) {
        return false;
    }
    (void)snprintf(volume.type, sizeof volume.type, "%.*s", (int)(type_end - type), type);
    (void)snprintf(volume.name, sizeof volume.name, "%.*s", (int)(name_end - type_end - 1),
                   type_end + 1);
    (void)snprintf(volume.stem, sizeof volume.stem, "%.*s", (int)(name_end - entry->key + 1),
                   entry->key);
    *out_volume = volume;
    return true;
}

/* The next volume of a role; false at the end. The keys of one stand together. */
static bool next_volume(const struct spark_conf *conf, const char *prefix, size_t *at,
                        struct volume *out_volume) {
    const struct spark_conf_entry *entry;
    size_t tail = 0;

    while ((entry = spark_conf_next(conf, prefix, at)) != NULL) {
        if (split(conf, entry, prefix, out_volume)) {
            tail = *at;
            while (spark_conf_next(conf, out_volume->stem, &tail) != NULL) {
                *at = tail;
            }
            return true;
        }
    }
    return false;
}

static bool is_type(const struct volume *volume, const char *type) {
    return strcmp(volume->type, type) == 0;
}

static int need(const struct volume *volume, const char *tail, struct field_error *error) {
    return get(volume, tail) != NULL ? OK
                                     : spark_conf_fail(volume->first, error, ERR_INVALID,
                                                       "%s%s is required", volume->stem, tail);
}

/* Is a claim created for it? Only when both are given, whatever it is called. */
static bool is_created(const struct volume *volume) {
    return is_type(volume, "persistentVolumeClaim") &&
           get(volume, "options.storageClass") != NULL && get(volume, "options.sizeLimit") != NULL;
}

static bool is_on_demand(const struct volume *volume) {
    const char *claim = get(volume, "options.claimName");

    return is_type(volume, "persistentVolumeClaim") && claim != NULL &&
           strcmp(claim, CLAIM_ON_DEMAND) == 0;
}

/* From Spark 4.0 on, few bare digits are taken for a forgotten unit. */
static int check_size(const struct spark_app *app, const struct volume *volume,
                      struct field_error *error) {
    const struct spark_conf_entry *entry = find(volume, "options.sizeLimit");
    const char *size = get(volume, "options.sizeLimit");
    int64_t bytes = 0;

    if (size == NULL) {
        return OK;
    }
    if (quantity_parse_units(size, &bytes) < 0 || bytes < 0) {
        return spark_conf_fail(entry, error, ERR_INVALID, "\"%s\" is not a quantity such as 50Gi",
                               size);
    }
    if (spark_version_at_least(&app->version, 4, 0) && bytes < BYTES_BARE_MIN &&
        strspn(size, "0123456789") == strlen(size)) {
        return spark_conf_fail(entry, error, ERR_INVALID,
                               "\"%s\" are bytes; write a unit, as in 50Gi", size);
    }
    return OK;
}

static int check_options(const struct volume *volume, struct field_error *error) {
    bool known = false;
    int r = OK;

    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        known = known || is_type(volume, types[i]);
    }
    if (!known) {
        return spark_conf_fail(volume->first, error, ERR_INVALID,
                               "\"%s\" is no type of volume that Spark knows", volume->type);
    }
    if (is_type(volume, "hostPath")) {
        r = need(volume, "options.path", error);
    } else if (is_type(volume, "nfs")) {
        r = need(volume, "options.path", error);
        r = r < 0 ? r : need(volume, "options.server", error);
    } else if (is_type(volume, "persistentVolumeClaim")) {
        r = need(volume, "options.claimName", error);
    }
    return r;
}

static int check_volume(const struct spark_app *app, const struct volume *volume,
                        struct field_error *error) {
    int r = check_options(volume, error);

    r = r < 0 ? r : check_size(app, volume, error);
    r = r < 0 ? r : need(volume, "mount.path", error);
    if (r < 0) {
        return r;
    }
    if (get(volume, "mount.subPath") != NULL && get(volume, "mount.subPathExpr") != NULL) {
        return spark_conf_fail(volume->first, error, ERR_INVALID,
                               "mount.subPath and mount.subPathExpr exclude each other");
    }
    if (is_on_demand(volume) && !is_created(volume)) {
        return spark_conf_fail(volume->first, error, ERR_INVALID,
                               "a claim " CLAIM_ON_DEMAND
                               " is created only with options.storageClass and options.sizeLimit");
    }
    return OK;
}

static int check_paths(const struct spark_conf *conf, const char *prefix,
                       const struct volume *volume, struct field_error *error) {
    struct volume other;
    size_t at = 0;

    while (next_volume(conf, prefix, &at, &other)) {
        const char *path = get(&other, "mount.path");

        if (strcmp(other.stem, volume->stem) != 0 && path != NULL &&
            strcmp(path, get(volume, "mount.path")) == 0) {
            return spark_conf_fail(volume->first, error, ERR_INVALID,
                                   "%s is the mount path of two volumes", path);
        }
    }
    return OK;
}

static int check_claim_count(const struct spark_app *app, const struct volume *volume,
                             struct field_error *error) {
    struct spark_claim claim;

    return spark_volumes_driver_claim(app, NULL, SPARK_CLAIMS_MAX, &claim)
               ? spark_conf_fail(volume->first, error, ERR_FULL,
                                 "more than %d claims to create for the driver", SPARK_CLAIMS_MAX)
               : OK;
}

static int check_role(const struct spark_app *app, const char *role, struct field_error *error) {
    struct volume volume;
    char prefix[64];
    size_t at = 0;
    int r = OK;

    spark_role_key("spark.kubernetes.*.volumes.", role, prefix, sizeof prefix);
    while (r == OK && next_volume(&app->conf, prefix, &at, &volume)) {
        r = check_volume(app, &volume, error);
        r = r < 0 ? r : check_paths(&app->conf, prefix, &volume, error);
        r = r < 0 ? r : check_claim_count(app, &volume, error);
    }
    return r;
}

int spark_volumes_check(const struct spark_app *app, struct field_error *error) {
    int r = check_role(app, "driver", error);

    return r < 0 ? r : check_role(app, "executor", error);
}

static void put_option(struct json_t *object, const char *key, const struct volume *volume,
                       const char *tail) {
    const char *value = get(volume, tail);

    if (value != NULL) {
        json_put_text(object, key, value);
    }
}

static bool is_read_only(const struct volume *volume) {
    const char *value = get(volume, "mount.readOnly");

    return value != NULL && strcasecmp(value, "true") == 0;
}

/* The claim's own name, or that of the one that is created for the volume of that index. */
static void claim_name(const struct volume *volume, const struct spark_names *names, size_t index,
                       char *out_name, size_t bytes_max) {
    if (is_on_demand(volume)) {
        (void)snprintf(out_name, bytes_max, "%s-driver-pvc-%zu", names->prefix, index);
    } else {
        (void)snprintf(out_name, bytes_max, "%s", get(volume, "options.claimName"));
    }
}

static struct json_t *volume_source(const struct volume *volume, const struct spark_names *names,
                                    size_t index) {
    char claim[LIMIT_NAME_BYTES + 1];

    struct json_t *source = json_new_object();

    if (is_type(volume, "hostPath")) {
        put_option(source, "path", volume, "options.path");
        put_option(source, "type", volume, "options.type");
    } else if (is_type(volume, "nfs")) {
        put_option(source, "server", volume, "options.server");
        put_option(source, "path", volume, "options.path");
    } else if (is_type(volume, "emptyDir")) {
        put_option(source, "medium", volume, "options.medium");
        put_option(source, "sizeLimit", volume, "options.sizeLimit");
    } else {
        claim_name(volume, names, index, claim, sizeof claim);
        json_put_text(source, "claimName", claim);
        if (is_read_only(volume)) {
            json_put_bool(source, "readOnly", true);
        }
    }
    return source;
}

static struct json_t *volume_mount(const struct volume *volume) {
    struct json_t *mount = json_new_object();

    json_put_text(mount, "name", volume->name);
    put_option(mount, "mountPath", volume, "mount.path");
    if (is_read_only(volume)) {
        json_put_bool(mount, "readOnly", true);
    }
    put_option(mount, "subPath", volume, "mount.subPath");
    put_option(mount, "subPathExpr", volume, "mount.subPathExpr");
    return mount;
}

void spark_volumes_add(const struct spark_app *app, const struct spark_names *names,
                       struct json_t *volumes, struct json_t *mounts) {
    struct volume volume;
    size_t at = 0;

    for (size_t index = 0; next_volume(&app->conf, DRIVER_VOLUMES, &at, &volume); index++) {
        struct json_t *object = json_new_object();

        json_put_text(object, "name", volume.name);
        json_put_take(object, volume.type, volume_source(&volume, names, index));
        json_push_take(volumes, object);
        json_push_take(mounts, volume_mount(&volume));
    }
}

static const char *access_mode(const struct spark_app *app) {
    const char *legacy =
        spark_conf_get(&app->conf, "spark.kubernetes.legacy.useReadWriteOnceAccessMode");

    return spark_version_at_least(&app->version, 4, 0) &&
                   !(legacy != NULL && strcasecmp(legacy, "true") == 0)
               ? "ReadWriteOncePod"
               : "ReadWriteOnce";
}

bool spark_volumes_driver_claim(const struct spark_app *app, const struct spark_names *names,
                                size_t index, struct spark_claim *out_claim) {
    struct volume volume;
    size_t at = 0;
    size_t created = 0;

    for (size_t i = 0; next_volume(&app->conf, DRIVER_VOLUMES, &at, &volume); i++) {
        struct spark_claim claim = {.access_mode = access_mode(app)};

        if (!is_created(&volume) || created++ < index) {
            continue;
        }
        claim.storage_class = get(&volume, "options.storageClass");
        claim.size = get(&volume, "options.sizeLimit");
        if (quantity_parse_units(claim.size, &claim.bytes) < 0) {
            claim.bytes = 0; /* spark_volumes_check() will say so. */
        }
        (void)snprintf(claim.labels, sizeof claim.labels, "%slabel.", volume.stem);
        (void)snprintf(claim.annotations, sizeof claim.annotations, "%sannotation.", volume.stem);
        if (names != NULL) {
            claim_name(&volume, names, i, claim.name, sizeof claim.name);
        }
        *out_claim = claim;
        return true;
    }
    return false;
}

void spark_volumes_executor_claims(const struct spark_app *app, spark_claim_found *found,
                                   void *context) {
    struct volume volume;
    size_t at = 0;

    while (next_volume(&app->conf, "spark.kubernetes.executor.volumes.", &at, &volume)) {
        int64_t bytes = 0;

        if (is_created(&volume) &&
            quantity_parse_units(get(&volume, "options.sizeLimit"), &bytes) == OK) {
            found(context, get(&volume, "options.storageClass"), bytes);
        }
    }
}
