/* policy/usage.h - sums of pods and objects in one namespace, in the form quotas ask for.
 *
 * Sums are kept apart by what a quota's scopes can tell apart, so that a scoped quota adds up
 * the buckets it matches. There are as many buckets as different pods in that sense: a few.
 */
#ifndef POLICY_USAGE_H
#define POLICY_USAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/demand.h"
#include "policy/resources.h"

/* What scopes see of a pod. */
struct pod_scope {
    const char *priority_class; /* NULL: none; copied where it is kept */
    bool has_run_deadline;
    bool best_effort;
    bool crosses_namespaces; /* its affinity to pods looks beyond its own namespace */
};

struct usage_sum {
    struct resources requests; /* of pods that are not finished; RESOURCE_PODS counts them */
    struct resources limits;
    int64_t pods_all; /* finished ones too: count/pods */
};

struct usage_bucket {
    struct pod_scope scope;
    char *priority_class; /* owned; scope's text */
    struct usage_sum sum;
};

/* Zeroed is empty and ready. */
struct usage {
    struct usage_bucket *buckets;
    size_t bucket_count;
    struct object_demand *objects;
    size_t object_count;
};

void usage_finish(struct usage *usage);

/* Everything to zero; memory is kept. */
void usage_clear(struct usage *usage);

/* Add `times` pods (negative: take away). Finished pods count in pods_all alone. */
void usage_add_pods(struct usage *usage, const struct pod_scope *scope,
                    const struct resources *requests, const struct resources *limits, bool finished,
                    int64_t times);
void usage_add_object(struct usage *usage, const char *key, int64_t amount);

/* `times` pods of a settled group, and a settled demand's pods and objects `times` times. */
void usage_add_group(struct usage *usage, const struct pod_group *group, int64_t times);
void usage_add_demand(struct usage *usage, const struct demand *demand, int64_t times);

struct pod_scope pod_group_scope(const struct pod_group *group);

bool pod_scope_equal(const struct pod_scope *a, const struct pod_scope *b);

int64_t usage_object_amount(const struct usage *usage, const char *key);

#endif
