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
#include "k8s/pod_avoid.h"
#include "k8s/spark_app.h"
#include "k8s/spark_names.h"
#include "k8s/spark_template.h"
#include "k8s/submit_words.h"

/* The operator makes labels, and a Service's name, of an application's. */
#define NAME_BYTES_MAX 48
#define TTL_DEFAULT_S  86400
#define BYTES_PER_MIB  (1024 * 1024)

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

static void put_mib(struct json_t *object, const char *key, int64_t mib, const char *unit) {
    char text[32];

    (void)snprintf(text, sizeof text, "%" PRId64 "%s", mib, unit);
    json_put_text(object, key, text);
}

/* A retry with more memory: its fields are stronger than sparkConf. */
static void put_size(struct json_t *role, const struct spark_size *size, int64_t limit_mib) {
    if (!size->grown) {
        return;
    }
    put_mib(role, "memory", size->heap_mib, "m");
    put_mib(role, "memoryOverhead", size->overhead_mib, "m");
    if (json_object_get(role, "memoryLimit") != NULL) {
        put_mib(role, "memoryLimit", limit_mib, "Mi");
    }
}

static void put_roles(const struct spark_app *app, const struct payload_run *run,
                      struct json_t *spec) {
    struct json_t *driver = spark_template_object(spec, "driver");
    struct json_t *executor = spark_template_object(spec, "executor");
    struct spark_names names;

    spark_app_names(app, &run->id, &names);
    attempt_put_labels(&run->id, spark_template_object(driver, "labels"));
    attempt_put_labels(&run->id, spark_template_object(executor, "labels"));
    json_put_text(driver, "podName", names.pod);
    put_size(driver, &app->driver_size, app->driver_memory_limit_bytes / BYTES_PER_MIB);
    put_size(executor, &app->executor_size, app->executor_size.memory_mib);
    pod_avoid_add(driver, app->avoid); /* Their affinity, which is the webhook's to carry out. */
    pod_avoid_add(executor, app->avoid);
}

/* Counted, and not said by the manifest: Spark's own default may differ. */
static void put_instances(const struct spark_app *app, struct json_t *spec) {
    static const char key[] = "spark.executor.instances";
    const char *value = spark_conf_get(&app->conf, key);

    if (value != NULL) {
        put_default(spark_template_object(spec, "sparkConf"), key, value);
    }
}

static struct json_t *make_spec(const struct spark_app *app, const struct payload_run *run) {
    static const char *const types[] = {
        [SPARK_JVM] = "Scala", [SPARK_PYTHON] = "Python", [SPARK_R] = "R"};
    struct json_t *spec = json_deep_copy(app->spec);

    (void)json_object_del(spec, "suspend");
    (void)json_object_del(json_object_get(spec, "dynamicAllocation"), "reserve");
    json_put_take(spec, "restartPolicy", make_restart_policy());
    put_default(spec, "type", types[app->language]);
    put_default(spec, "mode", "cluster");
    put_default(spec, "sparkVersion", app->version.text);
    if (json_object_get(spec, "timeToLiveSeconds") == NULL) {
        json_put_int(spec, "timeToLiveSeconds", TTL_DEFAULT_S);
    }
    put_roles(app, run, spec);
    put_instances(app, spec);
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
static bool is_refused(const char *state, int64_t runs) {
    return strcmp(state, "SUBMISSION_FAILED") == 0 || strcmp(state, "FAILED_SUBMISSION") == 0 ||
           (strcmp(state, "FAILED") == 0 && runs == 0);
}

static enum operator_state state_of(const char *state) {
    static const char *const submitted[] = {"SUBMITTED", "RUNNING", "SUCCEEDING", "COMPLETED",
                                            "FAILING",   "FAILED",  "UNKNOWN"};

    for (size_t i = 0; i < ARRAY_LEN(submitted); i++) {
        if (strcmp(state, submitted[i]) == 0) {
            return OPERATOR_SUBMITTED;
        }
    }
    return OPERATOR_PENDING;
}

/* What status says, borrowed from the document. */
struct told {
    const char *state;
    const char *message;
    int64_t runs;
};

static int read_told(const struct json_at *root, struct told *out_told, struct field_error *error) {
    struct told told = {.state = "", .message = ""};
    struct json_at status = json_at_key(root, "status");
    struct json_at application = json_at_key(&status, "applicationState");
    struct json_at state = json_at_key(&application, "state");
    struct json_at message = json_at_key(&application, "errorMessage");
    struct json_at runs = json_at_key(&status, "executionAttempts");
    int r = json_get_text(&state, &told.state, error);

    r = r < 0 ? r : json_get_text(&message, &told.message, error);
    r = r < 0 ? r : json_get_int64(&runs, &told.runs, error);
    if (r == OK) {
        *out_told = told;
    }
    return r;
}

int spark_operator_read(const char *json, size_t bytes, const struct attempt_id *id,
                        enum operator_state *out_state, char out_message[LIMIT_MESSAGE_BYTES + 1]) {
    static const enum operator_state refusals[] = {
        [SUBMIT_REFUSED] = OPERATOR_REFUSED,
        [SUBMIT_QUOTA] = OPERATOR_QUOTA,
        [SUBMIT_PASSING] = OPERATOR_PASSING,
        [SUBMIT_POD_EXISTS] = OPERATOR_POD_EXISTS,
    };
    struct field_error error = {0};
    struct json_t *document = NULL;
    struct told told;
    int r = json_parse_object(json, bytes, LIMIT_KUBE_OBJECT_BYTES, &document, &error);
    struct json_at root = json_at_root(document);

    r = r < 0 ? r : read_told(&root, &told, &error);
    if (r == OK) {
        const enum submit_failure failure = submit_words_read(told.message, out_message);

        *out_state = !is_ours(&root, id)                 ? OPERATOR_ANOTHERS
                     : is_refused(told.state, told.runs) ? refusals[failure]
                                                         : state_of(told.state);
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

/* A submission that failed ends nothing here: whoever created the application looks at it. */
static enum operator_end end_of(const struct told *told) {
    return strcmp(told->state, "COMPLETED") == 0 ? OPERATOR_COMPLETED
           : strcmp(told->state, "SUSPENDING") == 0 || strcmp(told->state, "SUSPENDED") == 0
               ? OPERATOR_SUSPENDED
           : strcmp(told->state, "FAILED") == 0 && !is_refused(told->state, told->runs)
               ? OPERATOR_FAILED
               : OPERATOR_GOES_ON;
}

int spark_operator_follow(const char *json, size_t bytes, const char *store_uid,
                          struct operator_news *out_news, struct field_error *error) {
    struct operator_news news = {0};
    struct json_t *document = NULL;
    char sentence[LIMIT_MESSAGE_BYTES + 1];
    struct told told;
    int r = json_parse_object(json, bytes, LIMIT_KUBE_OBJECT_BYTES, &document, error);
    struct json_at root = json_at_root(document);

    r = r < 0 ? r : read_told(&root, &told, error);
    if (r == OK && !read_whose(&root, store_uid, &news)) {
        r = ERR_NOT_FOUND;
    }
    if (r == OK) {
        (void)submit_words_read(told.message, sentence);
        news.end = end_of(&told);
        (void)snprintf(news.text, sizeof news.text, "%.64s%s%.900s", told.state,
                       sentence[0] != '\0' ? ": " : "", sentence);
        *out_news = news;
    }
    json_drop(document);
    return r;
}
