#include "cli/spark_secrets.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/base64.h"
#include "base/buf.h"
#include "base/limits.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/input.h"
#include "cli/spark_args.h"

#define DRIVER_KEY     "spark.kubernetes.authenticate.driver."
#define TOKEN_KEY      DRIVER_KEY "oauthToken"
#define TOKEN_FILE_KEY DRIVER_KEY "oauthTokenFile"
#define KEYTAB_KEY     "spark.kerberos.keytab"

static const struct {
    const char *property;
    const char *name; /* in Spark's Secret */
} files[] = {
    {DRIVER_KEY "caCertFile", "ca-cert"},
    {DRIVER_KEY "clientCertFile", "client-cert"},
    {DRIVER_KEY "clientKeyFile", "client-key"},
    {TOKEN_FILE_KEY, "oauth-token"},
};

bool spark_secrets_is_token(const char *key) {
    return text_ends_with(key, "oauthToken");
}

static void put(const struct spark_args *args, const char *name, const void *secret, size_t bytes,
                json_t *texts) {
    char *encoded = base64_encode(secret, bytes, BASE64_USUAL);

    (void)json_object_set_new(texts, name,
                              json_string(args->print_manifest ? SPARK_REDACTED : encoded));
    free(encoded);
}

static int put_file(const struct spark_args *args, const char *property, const char *name,
                    json_t *texts, struct error *error) {
    const char *path = properties_get(&args->conf, property);
    struct buf bytes;
    int r = OK;

    if (path == NULL) {
        return OK;
    }
    buf_init(&bytes, LIMIT_SECRET_BYTES);
    if (input_read(path, &bytes) != CLI_OK) {
        r = error_set(error, ERR_NOT_FOUND,
                      "%s: %s can't be read: it is to be a file of this machine, of at most %d KiB",
                      property, path, LIMIT_SECRET_BYTES / LIMIT_KIB);
    } else if (bytes.bytes == 0) {
        r = error_set(error, ERR_INVALID, "%s: %s is empty", property, path);
    } else {
        put(args, name, bytes.data, bytes.bytes, texts);
    }
    buf_finish(&bytes);
    return r;
}

static int put_credentials(const struct spark_args *args, json_t *texts, struct error *error) {
    const char *token = properties_get(&args->conf, TOKEN_KEY);
    int r = OK;

    if (token != NULL && properties_get(&args->conf, TOKEN_FILE_KEY) != NULL) {
        return error_set(error, ERR_INVALID,
                         TOKEN_KEY " and " TOKEN_FILE_KEY "; one of them says which token");
    }
    if (token != NULL) {
        put(args, "oauth-token", token, strlen(token), texts);
    }
    for (size_t i = 0; i < ARRAY_LEN(files) && r == OK; i++) {
        r = put_file(args, files[i].property, files[i].name, texts, error);
    }
    return r;
}

/* Under the name of the file; one of the image stays there. */
static int put_keytab(const struct spark_args *args, json_t *texts, struct error *error) {
    const char *path = properties_get(&args->conf, KEYTAB_KEY);
    const char *slash = path != NULL ? strrchr(path, '/') : NULL;

    if (path == NULL || text_starts_with(path, "local:")) {
        return OK;
    }
    return put_file(args, KEYTAB_KEY, slash != NULL ? slash + 1 : path, texts, error);
}

int spark_secrets_put(const struct spark_args *args, struct json_t *local_files,
                      struct error *error) {
    json_t *credentials = json_object();
    json_t *keytab = json_object();
    int r = put_credentials(args, credentials, error);

    r = r < 0 ? r : put_keytab(args, keytab, error);
    if (r == OK && json_object_size(credentials) > 0) {
        (void)json_object_set(local_files, "driverCredentials", credentials);
    }
    if (r == OK && json_object_size(keytab) > 0) {
        (void)json_object_set(local_files, "keytab", keytab);
    }
    json_decref(credentials);
    json_decref(keytab);
    return r;
}
