#include "k8s/spark_app.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/text.h"
#include "k8s/json_build.h"
#include "k8s/spark_check.h"
#include "k8s/spark_fields.h"
#include "k8s/spark_metrics.h"
#include "k8s/spark_size.h"

#define VERSION_DEFAULT "3.5.0"
/* The oldest that we know, and the next major one: between these a version newer than any that is
 * known is built as the newest known is. Beyond it stands a number that means something else. */
#define MAJOR_OLDEST 3
#define MINOR_OLDEST 5
#define MAJOR_MOST   5

bool spark_version_at_least(const struct spark_version *version, int major, int minor) {
    return version->major > major || (version->major == major && version->minor >= minor);
}

static bool is_supported(const struct spark_version *version) {
    return spark_version_at_least(version, MAJOR_OLDEST, MINOR_OLDEST) &&
           version->major <= MAJOR_MOST;
}

/* "3.5", "3.5.6", "v4.0.1-scala2.13": a supported version, or false. */
static bool read_version(const char *text, struct spark_version *out_version) {
    struct spark_version version = {0};
    const char *start = text[0] == 'v' ? text + 1 : text;
    size_t length = strspn(start, "0123456789.");

    if (length == 0 || length >= sizeof version.text ||
        sscanf(start, "%3d.%3d", &version.major, &version.minor) != 2) {
        return false;
    }
    (void)snprintf(version.text, sizeof version.text, "%.*s", (int)length, start);
    if (!is_supported(&version)) {
        return false;
    }
    *out_version = version;
    return true;
}

static const char *driver_image(const struct spark_conf *conf) {
    const char *image = spark_conf_get(conf, "spark.kubernetes.driver.container.image");

    return image != NULL ? image : spark_conf_get(conf, "spark.kubernetes.container.image");
}

/* What stands after the colon of the image's last part. */
static const char *image_tag(const char *image) {
    const char *slash = strrchr(image, '/');
    const char *colon = strchr(slash != NULL ? slash : image, ':');

    return colon != NULL ? colon + 1 : "";
}

/* sparkVersion binds; an image's tag is a hint that may mean anything. */
static int resolve_version(const struct json_at *spec, struct spark_app *app,
                           struct field_error *error) {
    struct json_at at = json_at_key(spec, "sparkVersion");
    const char *image = driver_image(&app->conf);
    const char *text = NULL;
    int r = json_get_text(&at, &text, error);

    if (r < 0) {
        return r;
    }
    if (text != NULL) {
        return read_version(text, &app->version)
                   ? OK
                   : json_fail(&at, error, ERR_INVALID,
                               "\"%s\" is not supported: 3.5 and later are", text);
    }
    if (image == NULL || !read_version(image_tag(image), &app->version)) {
        (void)read_version(VERSION_DEFAULT, &app->version);
    }
    return OK;
}

static enum spark_language language_of(const char *resource) {
    if (text_ends_with(resource, ".py")) {
        return SPARK_PYTHON;
    }
    return text_ends_with(resource, ".R") || text_ends_with(resource, ".r") ? SPARK_R : SPARK_JVM;
}

static int resolve_main(const struct json_at *spec, struct spark_app *app,
                        struct field_error *error) {
    static const char *const shells[] = {"spark-shell", "pyspark-shell", "sparkr-shell"};
    static const char *const classes[] = {
        "org.apache.spark.sql.hive.thriftserver.SparkSQLCLIDriver",
        "org.apache.spark.sql.hive.thriftserver.HiveThriftServer2",
        "org.apache.spark.sql.connect.service.SparkConnectServer",
    };
    struct json_at file_at = json_at_key(spec, "mainApplicationFile");
    struct json_at class_at = json_at_key(spec, "mainClass");

    if (app->resource == NULL || app->resource[0] == '\0') {
        app->resource = "spark-internal";
    }
    for (size_t i = 0; i < ARRAY_LEN(shells); i++) {
        if (strcmp(app->resource, shells[i]) == 0) {
            return json_fail(&file_at, error, ERR_INVALID, "a shell cannot run in the cluster");
        }
    }
    app->language = language_of(app->resource);
    if (app->language != SPARK_JVM) {
        return OK;
    }
    if (app->main_class == NULL || app->main_class[0] == '\0') {
        return json_fail(&class_at, error, ERR_INVALID,
                         "mainClass is required: the jar's manifest is not read here");
    }
    for (size_t i = 0; i < ARRAY_LEN(classes); i++) {
        if (strcmp(app->main_class, classes[i]) == 0) {
            return json_fail(&class_at, error, ERR_INVALID, "%s cannot run in cluster mode",
                             app->main_class);
        }
    }
    return OK;
}

/* spark.jars has the application's own jar at its end. */
static int add_own_jar(struct spark_app *app) {
    const struct spark_conf_entry *jars = spark_conf_find(&app->conf, "spark.jars");
    char *text;
    int r;

    if (app->language != SPARK_JVM) {
        return OK;
    }
    if (strcmp(app->resource, "spark-internal") == 0) {
        return jars != NULL ? OK : spark_conf_set(&app->conf, "spark.jars", "", "");
    }
    text = jars == NULL || jars->value[0] == '\0' ? mem_copy_text(app->resource)
                                                  : mem_format("%s,%s", jars->value, app->resource);
    r = spark_conf_set(&app->conf, "spark.jars", text, "spec.mainApplicationFile");
    free(text);
    return r;
}

static int set_if_absent(struct spark_app *app, const char *key, const char *value) {
    return spark_conf_find(&app->conf, key) != NULL ? OK
                                                    : spark_conf_set(&app->conf, key, value, "");
}

/* What a submission adds whoever runs it. */
static int add_defaults(struct spark_app *app, const char *namespace_, struct field_error *error) {
    int r = add_own_jar(app);

    r = r < 0 ? r : set_if_absent(app, "spark.submit.pyFiles", "");
    r = r < 0 ? r : set_if_absent(app, "spark.submit.deployMode", "cluster");
    r = r < 0 ? r : set_if_absent(app, "spark.master", "k8s://https://kubernetes.default.svc:443");
    r = r < 0 ? r : set_if_absent(app, "spark.kubernetes.namespace", namespace_);
    return r < 0
               ? error_set(&error->error, r, "more than %d Spark properties", LIMIT_SPARK_CONF_KEYS)
               : OK;
}

static int require_image(const struct json_at *spec, const struct spark_app *app,
                         struct field_error *error) {
    struct json_at image = json_at_key(spec, "image");

    if (driver_image(&app->conf) == NULL) {
        return json_fail(&image, error, ERR_INVALID, "image is required");
    }
    if (spark_conf_get(&app->conf, "spark.kubernetes.container.image") == NULL &&
        spark_conf_get(&app->conf, "spark.kubernetes.executor.container.image") == NULL) {
        return json_fail(&image, error, ERR_INVALID, "the executors have no image");
    }
    return OK;
}

static int resolve(const struct json_at *top, const char *namespace_, struct spark_app *app,
                   struct field_error *error) {
    struct json_at spec = json_at_key(top, "spec");
    struct json_at metadata = json_at_key(top, "metadata");
    int r = json_expect_object(&spec, error);

    if (r == OK && !json_is_there(&spec)) {
        r = json_fail(&spec, error, ERR_INVALID, "spec is required");
    }
    app->spec = spec.value;
    r = r < 0 ? r : spark_labels_read(&metadata, app, error);
    r = r < 0 ? r : spark_fields_read(&spec, app, error);
    r = r < 0 ? r : spark_metrics_read(&spec, app, error);
    r = r < 0 ? r : resolve_main(&spec, app, error);
    r = r < 0 ? r : require_image(&spec, app, error);
    r = r < 0 ? r : resolve_version(&spec, app, error);
    r = r < 0 ? r : spark_check(&spec, namespace_, app, error);
    r = r < 0 ? r : spark_size_resolve(app, error);
    return r < 0 ? r : add_defaults(app, namespace_, error);
}

void spark_app_names(const struct spark_app *app, const struct attempt_id *id,
                     struct spark_names *out_names) {
    spark_names_make(id, out_names);
    if (app->pod_name != NULL) {
        (void)snprintf(out_names->pod, sizeof out_names->pod, "%s", app->pod_name);
    }
}

int spark_app_read(const char *json, size_t bytes, const char *namespace_,
                   struct spark_app **out_app, struct field_error *error) {
    struct spark_app *app;
    struct json_at top;
    struct json_t *root;
    int r = json_parse_object(json, bytes, LIMIT_SPEC_BYTES, &root, error);

    if (r < 0) {
        return r;
    }
    app = mem_alloc(1, sizeof *app);
    app->root = root;
    app->executor_mounts = json_new_array();
    app->executor_env = json_new_array();
    top = json_at_root(root);
    r = resolve(&top, namespace_, app, error);
    if (r < 0) {
        spark_app_destroy(app);
        return r;
    }
    *out_app = app;
    return OK;
}

void spark_app_destroy(struct spark_app *app) {
    if (app == NULL) {
        return;
    }
    spark_conf_finish(&app->conf);
    json_drop(app->executor_mounts);
    json_drop(app->executor_env);
    json_drop(app->root);
    free(app);
}
