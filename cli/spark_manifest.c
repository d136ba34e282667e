#include "cli/spark_manifest.h"

#include <ctype.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/text.h"
#include "cli/spark_args.h"
#include "cli/spark_files.h"
#include "cli/spark_secrets.h"
#include "cli/spark_template.h"

#define NAME_BYTES_MAX LIMIT_LABEL_BYTES

static void put_text(json_t *object, const char *key, const char *text) {
    json_t *value = json_string(text);

    ENSURE(value != NULL); /* The texts are UTF-8: checked before. */
    (void)json_object_set_new(object, key, value);
}

/* --- Names ----------------------------------------------------------------------------------- */

/* The last part of the application's file. */
static const char *file_name(const char *resource) {
    const char *slash = strrchr(resource, '/');

    return slash == NULL || slash[1] == '\0' ? resource : slash + 1;
}

static const char *app_name(const struct spark_args *args) {
    const char *name = properties_get(&args->conf, "spark.app.name");

    if (name != NULL) {
        return name;
    }
    return args->main_class != NULL ? args->main_class : file_name(args->resource);
}

/* As Spark makes names of objects: lower case, one - for what they may not hold. It begins with a
 * letter, and fits a label. */
static void job_name(const char *name, char out_name[NAME_BYTES_MAX + 1]) {
    size_t length = 0;

    if (!isalpha((unsigned char)name[0])) {
        memcpy(out_name, "spark-", 6);
        length = 6;
    }
    for (; *name != '\0' && length < NAME_BYTES_MAX; name++) {
        unsigned char c = (unsigned char)*name;

        if (isascii(c) && isalnum(c)) {
            out_name[length++] = (char)tolower(c);
        } else if (length > 0 && out_name[length - 1] != '-') {
            out_name[length++] = '-';
        }
    }
    while (length > 0 && out_name[length - 1] == '-') {
        length--;
    }
    out_name[length] = '\0';
}

/* --- Files of this machine ------------------------------------------------------------------- */

/* A scheme other than file: somebody else's place. */
static bool is_remote(const char *uri, size_t length) {
    size_t scheme =
        strspn(uri, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+.-");

    return scheme > 0 && scheme < length && uri[scheme] == ':' &&
           !(scheme == 4 && strncmp(uri, "file", 4) == 0);
}

static int check_uris(const char *what, const char *uris, struct error *error) {
    while (*uris != '\0') {
        size_t length = strcspn(uris, ",");

        if (length > 0 && !is_remote(uris, length)) {
            return error_set(
                error, ERR_INVALID,
                "%s %.*s: files of this machine can't be uploaded; put it where the "
                "driver can fetch it (https:, s3a:, hdfs:, ...), or into the image and "
                "name it local:///path",
                what, (int)length, uris);
        }
        uris += length;
        uris += *uris == ',' ? 1 : 0;
    }
    return OK;
}

static int check_files(const struct spark_args *args, struct error *error) {
    static const struct {
        const char *option;
        const char *key;
    } lists[] = {
        {"--jars", "spark.jars"},
        {"--py-files", "spark.submit.pyFiles"},
        {"--files", "spark.files"},
        {"--archives", "spark.archives"},
    };
    int r = OK;

    if (strcmp(args->resource, "spark-internal") != 0 &&
        !is_remote(args->resource, strlen(args->resource))) {
        r = check_uris("the application", args->resource, error);
    }
    for (size_t i = 0; i < ARRAY_LEN(lists) && r == OK; i++) {
        const char *uris = properties_get(&args->conf, lists[i].key);

        r = uris == NULL ? OK : check_uris(lists[i].option, uris, error);
    }
    return r;
}

/* --- Pod templates --------------------------------------------------------------------------- */

static int put_template(const struct spark_args *args, const char *role, json_t *spec,
                        struct error *error) {
    char *key = mem_format("spark.kubernetes.%s.podTemplateFile", role);
    const char *uri = properties_get(&args->conf, key);
    json_t *template;
    int r = uri == NULL ? OK : spark_template_read(uri, &template, error);

    if (r == OK && uri != NULL) {
        (void)json_object_set_new(spec, role, json_pack("{s:o}", "template", template));
    }
    free(key);
    return r;
}

/* --- The manifest ---------------------------------------------------------------------------- */

static int check_utf8(const char *text, struct error *error) {
    json_t *value = json_string(text);

    if (value == NULL) {
        return error_set(error, ERR_INVALID, "an argument or property is not UTF-8 text");
    }
    json_decref(value);
    return OK;
}

static int check_texts(const struct spark_args *args, struct error *error) {
    int r = check_utf8(args->resource, error);

    for (size_t i = 0; i < args->argument_count && r == OK; i++) {
        r = check_utf8(args->arguments[i], error);
    }
    for (size_t i = 0; i < args->conf.count && r == OK; i++) {
        r = check_utf8(args->conf.items[i].key, error);
        r = r == OK ? check_utf8(args->conf.items[i].value, error) : r;
    }
    for (size_t i = 0; i < args->queue.count && r == OK; i++) {
        r = check_utf8(args->queue.items[i].key, error);
        r = r == OK ? check_utf8(args->queue.items[i].value, error) : r;
    }
    return r;
}

static const char *type_of(const char *resource) {
    if (text_ends_with(resource, ".py")) {
        return "Python";
    }
    return text_ends_with(resource, ".R") || text_ends_with(resource, ".r") ? "R" : "Scala";
}

static bool allocates_dynamically(const struct spark_args *args) {
    const char *enabled = properties_get(&args->conf, "spark.dynamicAllocation.enabled");

    return enabled != NULL && strcmp(enabled, "true") == 0;
}

/* spark-submit's defaults where the queue's differ. */
static json_t *conf_object(const struct spark_args *args) {
    json_t *conf = json_object();

    for (size_t i = 0; i < args->conf.count; i++) {
        const char *key = args->conf.items[i].key;

        put_text(conf, key,
                 spark_secrets_is_token(key) ? SPARK_REDACTED : args->conf.items[i].value);
    }
    put_text(conf, "spark.app.name", app_name(args));
    if (json_object_get(conf, "spark.executor.instances") == NULL && !allocates_dynamically(args)) {
        put_text(conf, "spark.executor.instances", "2");
    }
    return conf;
}

static json_t *spec_object(const struct spark_args *args) {
    json_t *spec = json_object();
    json_t *arguments = json_array();

    put_text(spec, "type", type_of(args->resource));
    put_text(spec, "mainApplicationFile", args->resource);
    if (args->main_class != NULL) {
        put_text(spec, "mainClass", args->main_class);
    }
    if (args->proxy_user != NULL) {
        put_text(spec, "proxyUser", args->proxy_user);
    }
    for (size_t i = 0; i < args->argument_count; i++) {
        (void)json_array_append_new(arguments, json_string(args->arguments[i]));
    }
    (void)json_object_set_new(spec, "arguments", arguments);
    (void)json_object_set_new(spec, "sparkConf", conf_object(args));
    return spec;
}

static json_t *metadata_object(const struct spark_args *args, const char *name) {
    const char *namespace = properties_get(&args->conf, "spark.kubernetes.namespace");
    json_t *metadata = json_object();
    json_t *annotations = json_object();

    put_text(metadata, "name", name);
    if (namespace != NULL) {
        put_text(metadata, "namespace", namespace);
    }
    for (size_t i = 0; i < args->queue.count; i++) {
        char *key = mem_format("nightshift/%s", args->queue.items[i].key);

        put_text(annotations, key, args->queue.items[i].value);
        free(key);
    }
    (void)json_object_set_new(metadata, "annotations", annotations);
    return metadata;
}

/* Takes the application's spec. */
static void print_manifest(const struct spark_args *args, const char *name, json_t *spark,
                           struct buf *out_json) {
    json_t *manifest = json_object();
    json_t *spec = json_object();
    char *text;

    put_text(manifest, "apiVersion", "nightshift/v1");
    put_text(manifest, "kind", "BatchJob");
    (void)json_object_set_new(manifest, "metadata", metadata_object(args, name));
    (void)json_object_set_new(spec, "spark", spark);
    (void)json_object_set_new(manifest, "spec", spec);
    text = json_dumps(manifest, JSON_COMPACT);
    ENSURE(text != NULL);
    buf_add_text(out_json, text);
    free(text);
    json_decref(manifest);
}

int spark_manifest(const struct spark_args *args, struct buf *out_json, struct error *error) {
    char name[NAME_BYTES_MAX + 1];
    json_t *spec;
    int r = check_texts(args, error);

    if (r == OK) {
        r = check_files(args, error);
    }
    if (r < 0) {
        return r;
    }
    spec = spec_object(args);
    r = put_template(args, "driver", spec, error);
    r = r < 0 ? r : put_template(args, "executor", spec, error);
    r = r < 0 ? r : spark_files_put(args, spec, error);
    if (r < 0) {
        json_decref(spec);
        return r;
    }
    job_name(app_name(args), name);
    print_manifest(args, name, spec, out_json);
    return OK;
}

bool spark_waits(const struct spark_args *args) {
    const char *wait = properties_get(&args->conf, "spark.kubernetes.submission.waitAppCompletion");

    return wait == NULL || strcmp(wait, "false") != 0;
}
