/* What a cluster sends: pods (and how they ended), nodes, quotas, limit ranges, leases,
 * events, an operator's applications; and a credential plugin. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/ensure.h"
#include "base/limits.h"
#include "k8s/codec_json.h"
#include "k8s/codec_lease.h"
#include "k8s/codec_limit_range.h"
#include "k8s/codec_node.h"
#include "k8s/codec_pod.h"
#include "k8s/codec_quota.h"
#include "k8s/exec_credential.h"
#include "k8s/outcome.h"
#include "k8s/pod_news.h"
#include "k8s/spark_names.h"
#include "k8s/spark_operator.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_others(const char *json, size_t size) {
    static const struct attempt_id id = {
        .job_name = "name", .store_uid = "store", .job_id = 1, .attempt = 1};
    char message[LIMIT_MESSAGE_BYTES + 1];
    struct exec_credential credential;
    enum operator_state state;
    struct error error = {0};
    struct pod_news news;
    struct lease lease;

    for (int is_gone = 0; is_gone < 2; is_gone++) {
        if (pod_news_read(json, size, is_gone != 0, &news, NULL) == OK) {
            ENSURE((news.failure == FAILURE_NONE) == (news.message[0] == '\0'));
        }
    }
    if (codec_lease_read(json, size, &lease, NULL) == OK) {
        ENSURE(strlen(lease.holder) < sizeof lease.holder);
    }
    if (spark_operator_read(json, size, &id, &state, message) == OK) {
        ENSURE(strlen(message) < sizeof message);
    }
    if (exec_credential_parse(json, size, "client.authentication.k8s.io/v1", &credential, &error) ==
        OK) {
        ENSURE(credential.token != NULL || credential.cert_pem != NULL);
        exec_credential_finish(&credential);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *json = (const char *)data;
    struct resource_names names = {0};
    struct limit_range range;
    struct outcome outcome;
    struct pod_state pod;
    struct quota quota;
    struct node node;
    struct pod_demand demand;

    if (codec_pod_read(json, size, &names, &pod, &demand, NULL) == OK) {
        pod_demand_finish(&demand);
        outcome_judge(&pod, JOB_KIND_SPARK, &outcome);
        ENSURE(outcome.kind < OUTCOME_KIND_COUNT);
        outcome_judge_gone(&pod, JOB_KIND_POD, &outcome);
        ENSURE(outcome.kind == OUTCOME_SUCCEEDED || outcome.failure != FAILURE_NONE);
    }
    if (codec_node_read(json, size, &names, &node, NULL) == OK) {
        node_finish(&node);
    }
    if (codec_quota_read(json, size, &names, &quota, NULL) == OK) {
        quota_finish(&quota);
    }
    if (codec_limit_range_read(json, size, &names, &range, NULL) == OK) {
        limit_range_finish(&range);
    }
    resource_names_finish(&names);
    check_others(json, size);
    return 0;
}
