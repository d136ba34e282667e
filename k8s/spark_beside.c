#include "k8s/spark_beside.h"

#include <string.h>

#include "k8s/json_build.h"
#include "k8s/spark_app.h"
#include "k8s/spark_check.h"
#include "k8s/spark_objects.h"
#include "k8s/spark_volumes.h"

static struct json_t *make_claim_spec(const struct spark_claim *claim) {
    struct json_t *spec = json_new_object();
    struct json_t *modes = json_new_array();
    struct json_t *resources = json_new_object();
    struct json_t *requests = json_new_object();

    json_push_text(modes, claim->access_mode);
    json_put_text(requests, "storage", claim->size);
    json_put_take(resources, "requests", requests);
    json_put_text(spec, "storageClassName", claim->storage_class);
    json_put_take(spec, "accessModes", modes);
    json_put_take(spec, "resources", resources);
    return spec;
}

char *spark_driver_claim(const struct spark_app *app, const struct payload_run *run,
                         const char *owner_uid, size_t index) {
    struct spark_attempt attempt;
    struct spark_claim claim;
    struct json_t *object;

    spark_attempt_make(app, run, &attempt);
    if (!spark_volumes_driver_claim(app, &attempt.names, index, &claim)) {
        return NULL;
    }
    object = spark_object(
        "v1", "PersistentVolumeClaim",
        spark_object_metadata(&attempt, claim.name, spark_named_texts(&attempt, claim.labels, NULL),
                              spark_named_texts(&attempt, claim.annotations, NULL), owner_uid));
    json_put_take(object, "spec", make_claim_spec(&claim));
    return json_print_take(object);
}

static struct json_t *make_match_labels(struct json_t *labels) {
    struct json_t *selector = json_new_object();

    json_put_take(selector, "matchLabels", labels);
    return selector;
}

static struct json_t *make_ingress(const struct spark_attempt *attempt) {
    struct json_t *rules = json_new_array();
    struct json_t *rule = json_new_object();
    struct json_t *peers = json_new_array();
    struct json_t *peer = json_new_object();
    struct json_t *labels = json_new_object();

    json_put_text(labels, "spark-app-selector", attempt->names.app_id);
    json_put_take(peer, "podSelector", make_match_labels(labels));
    json_push_take(peers, peer);
    json_put_take(rule, "from", peers);
    json_push_take(rules, rule);
    return rules;
}

char *spark_driver_network_policy(const struct spark_app *app, const struct payload_run *run,
                                  const char *owner_uid) {
    struct spark_attempt attempt;
    struct json_t *spec;
    struct json_t *policy;
    struct json_t *labels;
    char name[SPARK_PREFIX_BYTES_MAX + 32];
    const char *excluded =
        spark_conf_get(&app->conf, "spark.kubernetes.driver.pod.excludedFeatureSteps");

    if (!spark_version_at_least(&app->version, 4, 2) ||
        (excluded != NULL && strstr(excluded, SPARK_NETWORK_POLICY_STEP) != NULL)) {
        return NULL;
    }
    spark_attempt_make(app, run, &attempt);
    spark_name_network_policy(&attempt.names, name, sizeof name);
    policy =
        spark_object("networking.k8s.io/v1", "NetworkPolicy",
                     spark_object_metadata(&attempt, name, json_new_object(), NULL, owner_uid));
    labels = json_new_object();
    json_put_text(labels, "spark-app-selector", attempt.names.app_id);
    json_put_text(labels, "spark-role", "executor");
    spec = json_new_object();
    json_put_take(spec, "podSelector", make_match_labels(labels));
    json_put_take(spec, "ingress", make_ingress(&attempt));
    json_put_take(policy, "spec", spec);
    return json_print_take(policy);
}
