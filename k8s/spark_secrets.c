#include "k8s/spark_secrets.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/base64.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/seal.h"
#include "base/text.h"
#include "k8s/json_build.h"
#include "k8s/spark_app.h"
#include "k8s/spark_files.h"
#include "k8s/spark_objects.h"

#define CREDENTIALS_DIR "/mnt/secrets/spark-kubernetes-credentials"
#define KEYTAB_DIR      "/mnt/secrets/kerberos-keytab"
#define KEYTAB_KEY      "spark.kerberos.keytab"
#define PRINCIPAL_KEY   "spark.kerberos.principal"
#define DRIVER_KEY      "spark.kubernetes.authenticate.driver."
#define SUBMIT_REMEDY                                                                    \
    "the daemon does not read files of the submitter's machine; submit with nightshift " \
    "spark-submit, or give what the file holds, in base64, as spec.localFiles."

/* Spark's names of them: of the property, of where it is mounted, and in the Secret. */
static const struct credential {
    const char *property;
    const char *mounted;
    const char *key;
} credentials[] = {
    {DRIVER_KEY "caCertFile", DRIVER_KEY "mounted.caCertFile", "ca-cert"},
    {DRIVER_KEY "clientCertFile", DRIVER_KEY "mounted.clientCertFile", "client-cert"},
    {DRIVER_KEY "clientKeyFile", DRIVER_KEY "mounted.clientKeyFile", "client-key"},
    {DRIVER_KEY "oauthToken", DRIVER_KEY "mounted.oauthTokenFile", "oauth-token"},
    {DRIVER_KEY "oauthTokenFile", DRIVER_KEY "mounted.oauthTokenFile", "oauth-token"},
};

static bool is_local(const char *uri) {
    return text_starts_with(uri, "local:");
}

/* --- Reading and checking -------------------------------------------------------------------- */

static bool is_credential(const char *key) {
    for (size_t i = 0; i < ARRAY_LEN(credentials); i++) {
        if (strcmp(credentials[i].key, key) == 0) {
            return true;
        }
    }
    return false;
}

int spark_secrets_read(const struct json_at *files, struct spark_app *app,
                       struct field_error *error) {
    struct json_at keytab = json_at_key(files, "keytab");
    struct json_at of_driver = json_at_key(files, "driverCredentials");
    struct json_at member;
    void *iterator = NULL;
    int r = spark_files_read_map(&keytab, &app->keytab, error);

    r = r < 0 ? r : spark_files_read_map(&of_driver, &app->credentials, error);
    if (r == OK && json_object_size(app->keytab) > 1) {
        r = json_fail(&keytab, error, ERR_INVALID, "more than one file");
    }
    while (r == OK && json_next(&of_driver, &iterator, &member)) {
        if (!is_credential(member.key)) {
            r = json_fail(&member, error, ERR_INVALID,
                          "is none of ca-cert, client-cert, client-key and oauth-token");
        }
    }
    return r;
}

static const char *keytab_name(const struct spark_app *app) {
    const char *name;
    json_t *text;

    json_object_foreach(app->keytab, name, text) {
        return name;
    }
    return NULL;
}

static const char *file_name(const char *path) {
    const char *slash = strrchr(path, '/');

    return slash != NULL ? slash + 1 : path;
}

static int check_keytab_file(const struct spark_app *app, const struct spark_conf_entry *entry,
                             struct field_error *error) {
    const char *name = keytab_name(app);

    if (is_local(entry->value)) {
        return name == NULL
                   ? OK
                   : spark_conf_fail(entry, error, ERR_INVALID,
                                     KEYTAB_KEY " is in the image, and spec.localFiles.keytab has "
                                                "one too; one of them says which");
    }
    if (name == NULL) {
        return spark_conf_fail(entry, error, ERR_INVALID,
                               KEYTAB_KEY ": \"%s\": " SUBMIT_REMEDY
                                          "keytab; or name one of the image local:///path",
                               entry->value);
    }
    return strcmp(name, file_name(entry->value)) == 0
               ? OK
               : spark_conf_fail(entry, error, ERR_INVALID,
                                 KEYTAB_KEY ": \"%s\": the file in spec.localFiles.keytab is "
                                            "called %s",
                                 entry->value, name);
}

static int check_keytab(const struct spark_app *app, struct field_error *error) {
    const struct spark_conf_entry *keytab = spark_conf_find(&app->conf, KEYTAB_KEY);
    const struct spark_conf_entry *principal = spark_conf_find(&app->conf, PRINCIPAL_KEY);

    if (keytab != NULL && principal == NULL) {
        return spark_conf_fail(keytab, error, ERR_INVALID,
                               KEYTAB_KEY " needs " PRINCIPAL_KEY " too");
    }
    if (principal != NULL && keytab == NULL && app->keytab == NULL) {
        return spark_conf_fail(principal, error, ERR_INVALID,
                               PRINCIPAL_KEY " needs " KEYTAB_KEY " too");
    }
    if (app->keytab != NULL && principal == NULL) {
        (void)text_copy(error->path, sizeof error->path, "spec.localFiles.keytab");
        return error_set(&error->error, ERR_INVALID,
                         "spec.localFiles.keytab needs " PRINCIPAL_KEY " in spec.sparkConf");
    }
    return keytab != NULL ? check_keytab_file(app, keytab, error) : OK;
}

static int check_credential(const struct spark_app *app, const struct credential *row,
                            struct field_error *error) {
    const struct spark_conf_entry *entry = spark_conf_find(&app->conf, row->property);

    if (entry == NULL || json_object_get(app->credentials, row->key) != NULL) {
        return OK;
    }
    return spark_conf_fail(entry, error, ERR_INVALID, "%s: " SUBMIT_REMEDY "driverCredentials.%s",
                           row->property, row->key);
}

/* As Spark writes them into the driver's properties; the queue would keep them in clear. */
static int check_tokens(const struct spark_app *app, struct field_error *error) {
    for (size_t i = 0; i < app->conf.count; i++) {
        const struct spark_conf_entry *entry = &app->conf.entries[i];

        if (text_ends_with(entry->key, "oauthToken") && strcmp(entry->value, SPARK_REDACTED) != 0) {
            return spark_conf_fail(
                entry, error, ERR_INVALID,
                "%s: it would be stored in clear; submit with nightshift spark-submit, or give the "
                "driver's, in base64, as spec.localFiles.driverCredentials.oauth-token",
                entry->key);
        }
    }
    return OK;
}

int spark_secrets_check(const struct spark_app *app, struct field_error *error) {
    int r = check_tokens(app, error);

    for (size_t i = 0; i < ARRAY_LEN(credentials) && r == OK; i++) {
        r = check_credential(app, &credentials[i], error);
    }
    return r < 0 ? r : check_keytab(app, error);
}

/* --- Opening --------------------------------------------------------------------------------- */

static bool has_sealed(const struct json_t *texts) {
    const char *name;
    json_t *text;

    json_object_foreach((struct json_t *)(uintptr_t)texts, name, text) {
        if (seal_is_sealed(json_string_value(text))) {
            return true;
        }
    }
    return false;
}

bool spark_secrets_are_sealed(const struct spark_app *app) {
    return has_sealed(app->keytab) || has_sealed(app->credentials);
}

static int open_one(const struct seal_keys *keys, const char *place, struct json_t *text,
                    struct error *error) {
    char *secret = NULL;
    char *encoded;
    size_t bytes = 0;
    int r = seal_open(keys, place, json_string_value(text), &secret, &bytes, error);

    if (r < 0) {
        return r;
    }
    encoded = base64_encode(secret, bytes, BASE64_USUAL);
    (void)json_string_set(text, encoded);
    seal_wipe(encoded, strlen(encoded));
    seal_wipe(secret, bytes);
    free(encoded);
    free(secret);
    return OK;
}

static int open_all(struct json_t *texts, const struct seal_keys *keys, const char *prefix,
                    struct field_error *error) {
    const char *name;
    json_t *text;
    int r = OK;

    json_object_foreach(texts, name, text) {
        if (r == OK && seal_is_sealed(json_string_value(text))) {
            char *place = mem_format("%s/%s", prefix, name);

            r = open_one(keys, place, text, &error->error);
            error_prefix(&error->error, "the secret %s can't be opened", place);
            free(place);
        }
    }
    return r;
}

int spark_secrets_open(struct spark_app *app, const struct seal_keys *keys, const char *namespace_,
                       struct field_error *error) {
    char *keytab = mem_format("%s/keytab", namespace_);
    char *of_driver = mem_format("%s/driverCredentials", namespace_);
    int r = open_all(app->keytab, keys, keytab, error);

    r = r < 0 ? r : open_all(app->credentials, keys, of_driver, error);
    free(of_driver);
    free(keytab);
    return r;
}

/* --- In the pod ------------------------------------------------------------------------------ */

bool spark_has_credentials(const struct spark_app *app) {
    return app->credentials != NULL;
}

void spark_mount_secret(const char *name, const char *secret, const char *folder,
                        struct json_t *volumes, struct json_t *mounts) {
    struct json_t *source = json_new_object();
    struct json_t *volume = json_new_object();
    struct json_t *mount = json_new_object();

    json_put_text(source, "secretName", secret);
    json_put_text(volume, "name", name);
    json_put_take(volume, "secret", source);
    json_push_take(volumes, volume);
    json_put_text(mount, "name", name);
    json_put_text(mount, "mountPath", folder);
    json_push_take(mounts, mount);
}

void spark_secrets_add_credentials(const struct spark_attempt *attempt, struct json_t *volumes,
                                   struct json_t *mounts) {
    char secret[LIMIT_NAME_BYTES + 1];

    if (attempt->app->credentials != NULL) {
        spark_name_credentials(&attempt->names, secret, sizeof secret);
        spark_mount_secret("kubernetes-credentials", secret, CREDENTIALS_DIR, volumes, mounts);
    }
}

void spark_secrets_add_keytab(const struct spark_attempt *attempt, struct json_t *volumes,
                              struct json_t *mounts) {
    char secret[LIMIT_NAME_BYTES + 1];

    if (attempt->app->keytab != NULL) {
        spark_name_keytab(&attempt->names, secret, sizeof secret);
        spark_mount_secret("kerberos-keytab", secret, KEYTAB_DIR, volumes, mounts);
    }
}

static int put_path(struct spark_conf *conf, const char *key, const char *folder,
                    const char *name) {
    char *path = mem_format("%s/%s", folder, name);
    int r = spark_conf_set(conf, key, path, "");

    free(path);
    return r;
}

int spark_secrets_overlay(const struct spark_app *app, struct spark_conf *conf) {
    int r = OK;

    for (size_t i = 0; i < ARRAY_LEN(credentials) && r == OK; i++) {
        const struct credential *row = &credentials[i];

        if (json_object_get(app->credentials, row->key) != NULL &&
            spark_conf_find(conf, row->mounted) == NULL) {
            r = put_path(conf, row->mounted, CREDENTIALS_DIR, row->key);
        }
    }
    if (r == OK && app->keytab != NULL) {
        r = put_path(conf, KEYTAB_KEY, KEYTAB_DIR, keytab_name(app));
    }
    return r;
}

/* --- Secrets --------------------------------------------------------------------------------- */

/* The values as they are; or, if they are still sealed, a word for each, for people to read. */
static char *make_secret(const struct spark_attempt *attempt, const char *name,
                         const struct json_t *texts, const char *owner_uid) {
    struct json_t *secret = spark_object(
        "v1", "Secret", spark_object_metadata(attempt, name, json_new_object(), NULL, owner_uid));
    const bool is_sealed = has_sealed(texts);
    struct json_t *data = json_new_object();
    const char *key;
    json_t *text;

    json_object_foreach((struct json_t *)(uintptr_t)texts, key, text) {
        json_put_text(data, key, is_sealed ? SPARK_REDACTED : json_string_value(text));
    }
    json_put_take(secret, is_sealed ? "stringData" : "data", data);
    json_put_bool(secret, "immutable", true);
    return json_print_take(secret);
}

char *spark_secrets_credentials(const struct spark_app *app, const struct payload_run *run,
                                const char *owner_uid) {
    struct spark_attempt attempt;
    char name[LIMIT_NAME_BYTES + 1];

    if (app->credentials == NULL) {
        return NULL;
    }
    spark_attempt_make(app, run, &attempt);
    spark_name_credentials(&attempt.names, name, sizeof name);
    return make_secret(&attempt, name, app->credentials, owner_uid);
}

char *spark_secrets_keytab(const struct spark_app *app, const struct payload_run *run,
                           const char *owner_uid) {
    struct spark_attempt attempt;
    char name[LIMIT_NAME_BYTES + 1];

    if (app->keytab == NULL) {
        return NULL;
    }
    spark_attempt_make(app, run, &attempt);
    spark_name_keytab(&attempt.names, name, sizeof name);
    return make_secret(&attempt, name, app->keytab, owner_uid);
}
