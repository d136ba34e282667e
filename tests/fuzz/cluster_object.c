/* What a cluster sends: pods (and how they ended), nodes, quotas, limit ranges. */
#include <stddef.h>
#include <stdint.h>

#include "base/ensure.h"
#include "k8s/codec_json.h"
#include "k8s/codec_limit_range.h"
#include "k8s/codec_node.h"
#include "k8s/codec_pod.h"
#include "k8s/codec_quota.h"
#include "k8s/outcome.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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
    return 0;
}
