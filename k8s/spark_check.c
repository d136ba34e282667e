#include "k8s/spark_check.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"
#include "base/text.h"
#include "k8s/codec_json.h"
#include "k8s/spark_app.h"

#define SCHEME_REMEDY                                                                            \
    "files of the submitter's machine cannot be uploaded; put it where the driver can fetch it " \
    "(https:, s3a:, hdfs:, ...), or into the image and name it local:///path"

#define EXECUTOR_PREFIX_BYTES_MAX 237 /* room for -exec- and a number. Source: Spark's Config. */
#define NAME_RULE                 "1 to 253 of a-z, 0-9, - and dots"

/* Keys and key families (ending in a dot) that we cannot carry out. */
static const struct {
    const char *key;
    const char *why;
} refused[] = {
    {"spark.driver.bindAddress", "the driver binds to its pod's address; remove it"},
    {"spark.kubernetes.driver.pod.featureSteps", "feature steps of the driver are Java code"},
};

static int check_refused(const struct spark_conf *conf, struct field_error *error) {
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        const char *key = refused[i].key;
        size_t at = 0;
        const struct spark_conf_entry *entry =
            text_ends_with(key, ".") ? spark_conf_next(conf, key, &at) : spark_conf_find(conf, key);

        if (entry != NULL) {
            return spark_conf_fail(entry, error, ERR_INVALID, "%s: %s", entry->key, refused[i].why);
        }
    }
    return OK;
}

static void drop_foreign(struct spark_conf *conf) {
    size_t i = 0;

    spark_conf_remove(conf, "spark.driver.host");
    while (i < conf->count) {
        if (text_starts_with(conf->entries[i].key, "spark.")) {
            i++;
        } else {
            spark_conf_remove(conf, conf->entries[i].key);
        }
    }
}

static int check_fixed(const struct spark_conf *conf, const char *key, const char *value,
                       struct field_error *error) {
    const struct spark_conf_entry *entry = spark_conf_find(conf, key);

    if (entry == NULL || strcmp(entry->value, value) == 0) {
        return OK;
    }
    return spark_conf_fail(entry, error, ERR_INVALID, "%s must be \"%s\" here, not \"%s\"", key,
                           value, entry->value);
}

/* A scheme and a colon; not a path, and not what lies on the submitter's disk. */
static bool is_remote(const char *uri, size_t bytes) {
    size_t scheme = 0;

    while (scheme < bytes && (isalnum((unsigned char)uri[scheme]) ||
                              (scheme > 0 && strchr("+.-", uri[scheme]) != NULL))) {
        scheme++;
    }
    if (scheme == 0 || scheme == bytes || uri[scheme] != ':' || !isalpha((unsigned char)uri[0])) {
        return false;
    }
    return !(scheme == 4 && strncmp(uri, "file", 4) == 0);
}

static int check_list(const struct spark_conf *conf, const char *key, struct field_error *error) {
    const struct spark_conf_entry *entry = spark_conf_find(conf, key);
    const char *at = entry != NULL ? entry->value : "";

    while (*at != '\0') {
        size_t bytes = strcspn(at, ",");

        while (bytes > 0 && *at == ' ') {
            at++;
            bytes--;
        }
        if (bytes > 0 && !is_remote(at, bytes)) {
            return spark_conf_fail(entry, error, ERR_INVALID, "%.*s: " SCHEME_REMEDY, (int)bytes,
                                   at);
        }
        at += bytes;
        at += *at == ',' ? 1 : 0;
    }
    return OK;
}

static int check_resources(const struct json_at *spec, const struct spark_app *app,
                           struct field_error *error) {
    static const char *const keys[] = {"spark.jars", "spark.files", "spark.archives",
                                       "spark.submit.pyFiles"};
    struct json_at file = json_at_key(spec, "mainApplicationFile");

    if (strcmp(app->resource, "spark-internal") != 0 &&
        !is_remote(app->resource, strlen(app->resource))) {
        return json_fail(&file, error, ERR_INVALID, "\"%s\": " SCHEME_REMEDY, app->resource);
    }
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        int r = check_list(&app->conf, keys[i], error);

        if (r < 0) {
            return r;
        }
    }
    return OK;
}

static bool is_reserved(const char *key, bool is_executor) {
    static const char *const names[] = {"spark-version",  "spark-app-selector",
                                        "spark-app-name", "spark-role",
                                        "spark-exec-id",  "spark-exec-resourceprofile-id"};
    size_t count = is_executor ? ARRAY_LEN(names) : 4;

    for (size_t i = 0; i < count; i++) {
        if (strcmp(key, names[i]) == 0) {
            return true;
        }
    }
    return text_starts_with(key, "nightshift/");
}

static bool has_template(const char *value) {
    return strstr(value, "{{APP_ID}}") != NULL || strstr(value, "{{EXECUTOR_ID}}") != NULL;
}

static int check_label(const struct spark_conf_entry *entry, const char *key, bool is_executor,
                       const struct spark_app *app, struct field_error *error) {
    bool replaced = spark_version_at_least(&app->version, 4, 0) && has_template(entry->value);

    if (is_reserved(key, is_executor)) {
        return spark_conf_fail(entry, error, ERR_INVALID, "the label %s is reserved", key);
    }
    if (!text_is_label_key(key)) {
        return spark_conf_fail(entry, error, ERR_INVALID, "\"%s\" is not a label's name", key);
    }
    if (!replaced && !text_is_label_value(entry->value)) {
        return spark_conf_fail(entry, error, ERR_INVALID, "\"%s\" is not a label's value",
                               entry->value);
    }
    return OK;
}

static int check_labels(const struct spark_app *app, const char *role, struct field_error *error) {
    const struct spark_conf_entry *entry;
    char prefix[64];
    size_t at = 0;
    int r = OK;

    spark_role_key("spark.kubernetes.*.label.", role, prefix, sizeof prefix);
    while (r == OK && (entry = spark_conf_next(&app->conf, prefix, &at)) != NULL) {
        r = check_label(entry, entry->key + strlen(prefix), strcmp(role, "executor") == 0, app,
                        error);
    }
    return r;
}

static int check_deploy_mode(const struct spark_conf *conf, struct field_error *error) {
    const struct spark_conf_entry *entry = spark_conf_find(conf, "spark.submit.deployMode");

    if (entry == NULL || strcmp(entry->value, "cluster") == 0) {
        return OK;
    }
    return spark_conf_fail(entry, error, ERR_INVALID,
                           "\"%s\": must be cluster; in client mode the driver runs where it is "
                           "submitted, which no quota counts and no queue starts later",
                           entry->value);
}

static bool has_scheme(const char *url, const char *scheme) {
    return strncasecmp(url, scheme, strlen(scheme)) == 0;
}

/* k8s://https://host:port, or without the inner scheme, which Spark writes down then. */
static int check_master(struct spark_conf *conf, struct field_error *error) {
    const struct spark_conf_entry *entry = spark_conf_find(conf, "spark.master");
    const char *inner;
    char *resolved;
    int r;

    if (entry == NULL) {
        return OK;
    }
    if (!text_starts_with(entry->value, "k8s://")) {
        return spark_conf_fail(entry, error, ERR_INVALID,
                               "spark.master: \"%s\" is not k8s://...; remove it, the cluster is "
                               "nightshift's",
                               entry->value);
    }
    inner = entry->value + strlen("k8s://");
    if (has_scheme(inner, "https://") || has_scheme(inner, "http://")) {
        return OK;
    }
    if (inner[0] == '\0' || strstr(inner, "://") != NULL) {
        return spark_conf_fail(entry, error, ERR_INVALID,
                               "spark.master: \"%s\": after k8s:// comes https://host:port",
                               entry->value);
    }
    resolved = mem_format("k8s://https://%s", inner);
    r = spark_conf_set(conf, "spark.master", resolved, "spec.sparkConf.spark.master");
    free(resolved);
    return r;
}

/* <secret>:<key>, split at the only colon. */
static int check_secret_refs(const struct spark_conf *conf, const char *prefix,
                             struct field_error *error) {
    const struct spark_conf_entry *entry;
    size_t at = 0;

    while ((entry = spark_conf_next(conf, prefix, &at)) != NULL) {
        const char *colon = strchr(entry->value, ':');

        if (colon == NULL || colon == entry->value || colon[1] == '\0' ||
            strchr(colon + 1, ':') != NULL) {
            return spark_conf_fail(entry, error, ERR_INVALID, "\"%s\" is not SECRET:KEY",
                                   entry->value);
        }
    }
    return OK;
}

static int check_choice(const struct spark_conf *conf, const char *key, const char *const *choices,
                        size_t count, struct field_error *error) {
    const struct spark_conf_entry *entry = spark_conf_find(conf, key);

    for (size_t i = 0; entry != NULL && i < count; i++) {
        if (strcmp(entry->value, choices[i]) == 0) {
            return OK;
        }
    }
    return entry == NULL
               ? OK
               : spark_conf_fail(entry, error, ERR_INVALID, "%s: \"%s\" is not one of %s, %s, %s",
                                 key, entry->value, choices[0], choices[1], choices[2]);
}

static int check_choices(const struct spark_conf *conf, struct field_error *error) {
    static const char *const pull[] = {"Always", "Never", "IfNotPresent"};
    static const char *const family[] = {"SingleStack", "PreferDualStack", "RequireDualStack"};
    int r = check_choice(conf, "spark.kubernetes.container.image.pullPolicy", pull, ARRAY_LEN(pull),
                         error);

    return r < 0 ? r
                 : check_choice(conf, "spark.kubernetes.driver.service.ipFamilyPolicy", family,
                                ARRAY_LEN(family), error);
}

static int check_ports(const struct spark_conf *conf, struct field_error *error) {
    static const char *const keys[] = {"spark.driver.port", "spark.driver.blockManager.port",
                                       "spark.blockManager.port", "spark.ui.port",
                                       "spark.connect.grpc.binding.port"};
    int64_t port;
    int r = OK;

    for (size_t i = 0; r == OK && i < ARRAY_LEN(keys); i++) {
        r = spark_conf_get_port(conf, keys[i], &port, error);
    }
    return r;
}

/* The file is on the submitter's machine: whoever submits sends what it holds. */
static int check_template_file(const struct spark_app *app, const char *role,
                               const struct json_t *template, struct field_error *error) {
    const struct spark_conf_entry *entry;
    char key[64];

    spark_role_key("spark.kubernetes.*.podTemplateFile", role, key, sizeof key);
    entry = spark_conf_find(&app->conf, key);
    if (entry == NULL || template != NULL) {
        return OK;
    }
    return spark_conf_fail(entry, error, ERR_INVALID,
                           "%s: the daemon does not read files of the submitter's machine; put the "
                           "template into spec.%s.template, as nightshift spark-submit does",
                           key, role);
}

static int check_truths(const struct spark_conf *conf, struct field_error *error) {
    static const char *const keys[] = {
        "spark.kubernetes.driver.service.publishNotReadyAddresses",
        "spark.kubernetes.driver.securityContext.allowPrivilegeEscalation",
        "spark.kubernetes.executor.securityContext.allowPrivilegeEscalation",
        "spark.kubernetes.securityContext.allowPrivilegeEscalation",
        "spark.kubernetes.local.dirs.tmpfs",
        "spark.kubernetes.executor.disableConfigMap",
        "spark.kubernetes.executor.deleteOnTermination",
        "spark.kubernetes.driver.service.deleteOnTermination",
        "spark.kubernetes.legacy.useReadWriteOnceAccessMode",
    };
    bool value;
    int r = OK;

    for (size_t i = 0; r == OK && i < ARRAY_LEN(keys); i++) {
        r = spark_conf_get_bool(conf, keys[i], &value, error);
    }
    return r;
}

/* Steps of the driver's making can be left out by their class names; of those only this one can
 * be left out here. */
static int check_excluded_steps(const struct spark_app *app, struct field_error *error) {
    static const char *const key = "spark.kubernetes.driver.pod.excludedFeatureSteps";
    const struct spark_conf_entry *entry = spark_conf_find(&app->conf, key);
    const char *at = entry != NULL ? entry->value : "";

    while (*at != '\0') {
        size_t bytes = strcspn(at, ",");

        if (bytes > 0 && (bytes != strlen(SPARK_NETWORK_POLICY_STEP) ||
                          strncmp(at, SPARK_NETWORK_POLICY_STEP, bytes) != 0)) {
            return spark_conf_fail(entry, error, ERR_INVALID,
                                   "%s: only " SPARK_NETWORK_POLICY_STEP " can be left out here",
                                   key);
        }
        at += bytes;
        at += *at == ',' ? 1 : 0;
    }
    return OK;
}

/* A user's own login, and somebody else's name. */
static int check_proxy_user(const struct json_at *spec, const struct spark_app *app,
                            struct field_error *error) {
    struct json_at at = json_at_key(spec, "proxyUser");

    return app->proxy_user != NULL &&
                   spark_conf_find(&app->conf, "spark.kerberos.principal") != NULL
               ? json_fail(&at, error, ERR_INVALID,
                           "either a proxy user or spark.kerberos.principal, not both")
               : OK;
}

/* Executors' names begin with it; Spark would refuse it when the driver has started. */
static int check_executor_prefix(const struct spark_conf *conf, struct field_error *error) {
    const struct spark_conf_entry *entry =
        spark_conf_find(conf, "spark.kubernetes.executor.podNamePrefix");

    if (entry == NULL || (strlen(entry->value) <= EXECUTOR_PREFIX_BYTES_MAX &&
                          text_is_dns_subdomain(entry->value))) {
        return OK;
    }
    return spark_conf_fail(entry, error, ERR_INVALID,
                           "\"%s\" can't be the beginning of pods' names: 1 to %d of a-z, 0-9, - "
                           "and dots",
                           entry->value, EXECUTOR_PREFIX_BYTES_MAX);
}

/* podName and the property say the same, and what can be a name. */
static int check_pod_name(const struct json_at *spec, struct spark_app *app,
                          struct field_error *error) {
    struct json_at driver = json_at_key(spec, "driver");
    struct json_at at = json_at_key(&driver, "podName");
    const struct spark_conf_entry *entry =
        spark_conf_find(&app->conf, "spark.kubernetes.driver.pod.name");

    if (app->pod_name != NULL && entry != NULL && strcmp(app->pod_name, entry->value) != 0) {
        return json_fail(&at, error, ERR_INVALID,
                         "\"%s\", and spark.kubernetes.driver.pod.name is \"%s\": leave one out",
                         app->pod_name, entry->value);
    }
    if (app->pod_name != NULL && !text_is_dns_subdomain(app->pod_name)) {
        return json_fail(&at, error, ERR_INVALID, "\"%s\" can't be a pod's name: " NAME_RULE,
                         app->pod_name);
    }
    if (entry == NULL || app->pod_name != NULL) {
        return OK;
    }
    if (!text_is_dns_subdomain(entry->value)) {
        return spark_conf_fail(entry, error, ERR_INVALID,
                               "\"%s\" can't be a pod's name: " NAME_RULE, entry->value);
    }
    app->pod_name = entry->value;
    return OK;
}

int spark_check(const struct json_at *spec, const char *namespace_, struct spark_app *app,
                struct field_error *error) {
    struct spark_conf *conf = &app->conf;
    int r;

    drop_foreign(conf);
    r = check_refused(conf, error);
    r = r < 0 ? r : check_master(conf, error);
    r = r < 0 ? r : check_deploy_mode(conf, error);
    r = r < 0 ? r : check_fixed(conf, "spark.kubernetes.namespace", namespace_, error);
    r = r < 0 ? r : check_resources(spec, app, error);
    r = r < 0 ? r : check_labels(app, "driver", error);
    r = r < 0 ? r : check_labels(app, "executor", error);
    r = r < 0 ? r : check_secret_refs(conf, "spark.kubernetes.driver.secretKeyRef.", error);
    r = r < 0 ? r : check_secret_refs(conf, "spark.kubernetes.executor.secretKeyRef.", error);
    r = r < 0 ? r : check_choices(conf, error);
    r = r < 0 ? r : check_template_file(app, "driver", app->driver_template, error);
    r = r < 0 ? r : check_template_file(app, "executor", app->executor_template, error);
    r = r < 0 ? r : check_truths(conf, error);
    r = r < 0 ? r : check_proxy_user(spec, app, error);
    r = r < 0 ? r : check_executor_prefix(conf, error);
    r = r < 0 ? r : check_pod_name(spec, app, error);
    r = r < 0 ? r : check_excluded_steps(app, error);
    return r < 0 ? r : check_ports(conf, error);
}
