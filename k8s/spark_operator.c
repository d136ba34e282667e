#include "k8s/spark_operator.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/digest.h"
#include "base/text.h"
#include "k8s/attempt_labels.h"
#include "k8s/codec_json.h"
#include "k8s/json_build.h"
#include "k8s/spark_app.h"
#include "k8s/spark_names.h"
#include "k8s/spark_template.h"

/* The operator makes labels, and a Service's name, of an application's. */
#define NAME_BYTES_MAX 48
#define TTL_DEFAULT_S  86400

int spark_operator_check(const struct spark_app *app, struct field_error *error) {
    struct json_at top = json_at_root(app->root);
    struct json_at spec = json_at_key(&top, "spec");
    struct json_at files = json_at_key(&spec, "localFiles");

    return json_is_there(&files)
               ? json_fail(&files, error, ERR_INVALID,
                           "the Spark operator does not know it; put the files into ConfigMaps "
                           "(sparkConfigMap, hadoopConfigMap)")
               : OK;
}

void spark_operator_name(const struct attempt_id *id, char out_name[LIMIT_LABEL_BYTES + 1]) {
    unsigned char digest[DIGEST_BYTES];
    struct spark_names names;
    char hex[17];

    spark_names_make(id, &names);
    if (strlen(names.prefix) <= NAME_BYTES_MAX) {
        (void)snprintf(out_name, LIMIT_LABEL_BYTES + 1, "%s", names.prefix);
        return;
    }
    digest_sha256(names.prefix, strlen(names.prefix), digest);
    digest_print_hex(digest, 8, hex);
    (void)snprintf(out_name, LIMIT_LABEL_BYTES + 1, "spark-%s-%" PRIu64 "-%" PRIu32, hex,
                   id->job_id, id->attempt);
}

static void put_default(struct json_t *object, const char *key, const char *text) {
    if (json_object_get(object, key) == NULL) {
        json_put_text(object, key, text);
    }
}

static struct json_t *make_restart_policy(void) {
    struct json_t *policy = json_new_object();

    json_put_text(policy, "type", "Never");
    return policy;
}

static void put_labels(struct json_t *spec, const char *role, const struct attempt_id *id) {
    attempt_put_labels(id, spark_template_object(spark_template_object(spec, role), "labels"));
}

static struct json_t *make_spec(const struct spark_app *app, const struct payload_run *run) {
    static const char *const types[] = {
        [SPARK_JVM] = "Scala", [SPARK_PYTHON] = "Python", [SPARK_R] = "R"};
    struct json_t *spec = json_deep_copy(app->spec);
    struct spark_names names;

    spark_names_make(&run->id, &names);
    (void)json_object_del(spec, "suspend");
    json_put_take(spec, "restartPolicy", make_restart_policy());
    put_default(spec, "type", types[app->language]);
    put_default(spec, "mode", "cluster");
    put_default(spec, "sparkVersion", app->version.text);
    if (json_object_get(spec, "timeToLiveSeconds") == NULL) {
        json_put_int(spec, "timeToLiveSeconds", TTL_DEFAULT_S);
    }
    put_labels(spec, "driver", &run->id);
    put_labels(spec, "executor", &run->id);
    json_put_text(json_object_get(spec, "driver"), "podName", names.pod);
    return spec;
}

char *spark_operator_body(const struct spark_app *app, const struct payload_run *run) {
    const struct json_t *given = json_object_get(app->root, "metadata");
    struct json_t *object = json_new_object();
    struct json_t *metadata = spark_template_copy(app->root, "metadata");
    struct json_t *labels = spark_template_copy(given, "labels");
    char name[LIMIT_LABEL_BYTES + 1];

    spark_operator_name(&run->id, name);
    attempt_put_labels(&run->id, labels);
    json_put_take(metadata, "labels", labels);
    json_put_text(metadata, "name", name);
    json_put_text(metadata, "namespace", run->namespace_);
    json_put_text(object, "apiVersion", "sparkoperator.k8s.io/v1beta2");
    json_put_text(object, "kind", "SparkApplication");
    json_put_take(object, "metadata", metadata);
    json_put_take(object, "spec", make_spec(app, run));
    return json_print_take(object);
}

/* --- Its status ------------------------------------------------------------------------------ */

static bool is_ours(const struct json_at *root, const struct attempt_id *id) {
    struct json_at metadata = json_at_key(root, "metadata");
    struct json_at labels = json_at_key(&metadata, "labels");
    const struct json_t *uid = json_object_get(labels.value, LABEL_JOB_UID);
    const struct json_t *attempt = json_object_get(labels.value, LABEL_ATTEMPT);
    char want_uid[64];
    char want_attempt[16];

    attempt_job_uid(id, want_uid);
    (void)snprintf(want_attempt, sizeof want_attempt, "%" PRIu32, id->attempt);
    return json_is_string(uid) && strcmp(json_string_value(uid), want_uid) == 0 &&
           json_is_string(attempt) && strcmp(json_string_value(attempt), want_attempt) == 0;
}

/* FAILED without a run is a submission that failed. */
static enum operator_state state_of(const char *state, int64_t runs) {
    static const char *const submitted[] = {"SUBMITTED", "RUNNING", "SUCCEEDING", "COMPLETED",
                                            "FAILING",   "FAILED",  "UNKNOWN"};

    if (strcmp(state, "SUBMISSION_FAILED") == 0 || strcmp(state, "FAILED_SUBMISSION") == 0 ||
        (strcmp(state, "FAILED") == 0 && runs == 0)) {
        return OPERATOR_REFUSED;
    }
    for (size_t i = 0; i < ARRAY_LEN(submitted); i++) {
        if (strcmp(state, submitted[i]) == 0) {
            return OPERATOR_SUBMITTED;
        }
    }
    return OPERATOR_PENDING;
}

int spark_operator_read(const char *json, size_t bytes, const struct attempt_id *id,
                        enum operator_state *out_state, char out_message[LIMIT_MESSAGE_BYTES + 1]) {
    struct field_error error = {0};
    struct json_t *document = NULL;
    const char *state = "";
    const char *message = "";
    int64_t runs = 0;
    int r = json_parse_object(json, bytes, LIMIT_KUBE_OBJECT_BYTES, &document, &error);
    struct json_at root = json_at_root(document);
    struct json_at status = json_at_key(&root, "status");
    struct json_at application = json_at_key(&status, "applicationState");
    struct json_at state_at = json_at_key(&application, "state");
    struct json_at message_at = json_at_key(&application, "errorMessage");
    struct json_at runs_at = json_at_key(&status, "executionAttempts");

    r = r < 0 ? r : json_get_text(&state_at, &state, &error);
    r = r < 0 ? r : json_get_text(&message_at, &message, &error);
    r = r < 0 ? r : json_get_int64(&runs_at, &runs, &error);
    if (r == OK) {
        *out_state = is_ours(&root, id) ? state_of(state, runs) : OPERATOR_ANOTHERS;
        (void)text_copy(out_message, LIMIT_MESSAGE_BYTES + 1, message);
    }
    json_drop(document);
    return r;
}

/* The attempt that its labels name; false: of another store, or of nobody's. */
static bool read_whose(const struct json_at *root, const char *store_uid,
                       struct operator_news *news) {
    struct json_at metadata = json_at_key(root, "metadata");
    const struct json_t *labels = json_object_get(metadata.value, "labels");
    const char *id = json_string_value(json_object_get(labels, LABEL_JOB_ID));
    const char *attempt = json_string_value(json_object_get(labels, LABEL_ATTEMPT));

    news->job_id = id != NULL ? strtoull(id, NULL, 10) : 0;
    news->attempt = attempt != NULL ? (uint32_t)strtoul(attempt, NULL, 10) : 0;
    return news->job_id != 0 && is_ours(root, &(struct attempt_id){.store_uid = store_uid,
                                                                   .job_id = news->job_id,
                                                                   .attempt = news->attempt});
}

int spark_operator_follow(const char *json, size_t bytes, const char *store_uid,
                          struct operator_news *out_news, struct field_error *error) {
    struct operator_news news = {0};
    struct json_t *document = NULL;
    const char *state = "";
    const char *message = "";
    int r = json_parse_object(json, bytes, LIMIT_KUBE_OBJECT_BYTES, &document, error);
    struct json_at root = json_at_root(document);
    struct json_at status = json_at_key(&root, "status");
    struct json_at application = json_at_key(&status, "applicationState");
    struct json_at state_at = json_at_key(&application, "state");
    struct json_at message_at = json_at_key(&application, "errorMessage");

    r = r < 0 ? r : json_get_text(&state_at, &state, error);
    r = r < 0 ? r : json_get_text(&message_at, &message, error);
    if (r == OK && !read_whose(&root, store_uid, &news)) {
        r = ERR_NOT_FOUND;
    }
    if (r == OK) {
        news.end = strcmp(state, "COMPLETED") == 0 ? OPERATOR_COMPLETED
                   : strcmp(state, "FAILED") == 0  ? OPERATOR_FAILED
                                                   : OPERATOR_GOES_ON;
        (void)snprintf(news.text, sizeof news.text, "%.64s%s%.1500s", state,
                       message[0] != '\0' ? ": " : "", message);
        *out_news = news;
    }
    json_drop(document);
    return r;
}
