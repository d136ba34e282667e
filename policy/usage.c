#include "policy/usage.h"

#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "base/memory.h"
#include "base/text.h"

static bool texts_equal(const char *a, const char *b) {
    return strcmp(a != NULL ? a : "", b != NULL ? b : "") == 0;
}

void usage_finish(struct usage *usage) {
    if (usage == NULL) {
        return;
    }
    for (size_t i = 0; i < usage->bucket_count; i++) {
        free(usage->buckets[i].priority_class);
    }
    for (size_t i = 0; i < usage->object_count; i++) {
        free(usage->objects[i].key);
    }
    free(usage->buckets);
    free(usage->objects);
    *usage = (struct usage){0};
}

void usage_clear(struct usage *usage) {
    for (size_t i = 0; i < usage->bucket_count; i++) {
        memset(&usage->buckets[i].sum, 0, sizeof usage->buckets[i].sum);
    }
    for (size_t i = 0; i < usage->object_count; i++) {
        usage->objects[i].amount = 0;
    }
}

bool pod_scope_equal(const struct pod_scope *a, const struct pod_scope *b) {
    return a->has_run_deadline == b->has_run_deadline && a->best_effort == b->best_effort &&
           a->crosses_namespaces == b->crosses_namespaces &&
           texts_equal(a->priority_class, b->priority_class);
}

static struct usage_sum *sum_of(struct usage *usage, const struct pod_scope *scope) {
    struct usage_bucket *bucket;

    for (size_t i = 0; i < usage->bucket_count; i++) {
        if (pod_scope_equal(&usage->buckets[i].scope, scope)) {
            return &usage->buckets[i].sum;
        }
    }
    usage->buckets = mem_grow(usage->buckets, usage->bucket_count + 1, sizeof *usage->buckets);
    bucket = &usage->buckets[usage->bucket_count++];
    memset(bucket, 0, sizeof *bucket);
    bucket->scope = *scope;
    bucket->priority_class = mem_copy_text(scope->priority_class);
    bucket->scope.priority_class = bucket->priority_class;
    return &bucket->sum;
}

void usage_add_pods(struct usage *usage, const struct pod_scope *scope,
                    const struct resources *requests, const struct resources *limits, bool finished,
                    int64_t times) {
    struct usage_sum *sum = sum_of(usage, scope);

    sum->pods_all = amount_add(sum->pods_all, times);
    if (!finished) {
        resources_add_times(&sum->requests, requests, times);
        resources_add_times(&sum->limits, limits, times);
    }
}

void usage_add_object(struct usage *usage, const char *key, int64_t amount) {
    for (size_t i = 0; i < usage->object_count; i++) {
        if (strcmp(usage->objects[i].key, key) == 0) {
            usage->objects[i].amount = amount_add(usage->objects[i].amount, amount);
            return;
        }
    }
    usage->objects = mem_grow(usage->objects, usage->object_count + 1, sizeof *usage->objects);
    usage->objects[usage->object_count++] =
        (struct object_demand){.key = mem_copy_text(key), .amount = amount};
}

struct pod_scope pod_group_scope(const struct pod_group *group) {
    return (struct pod_scope){.priority_class = group->pod.priority_class,
                              .has_run_deadline = group->pod.has_run_deadline,
                              .best_effort = group->best_effort,
                              .crosses_namespaces = group->pod.crosses_namespaces};
}

void usage_add_group(struct usage *usage, const struct pod_group *group, int64_t times) {
    const struct pod_scope scope = pod_group_scope(group);

    if (times != 0) {
        usage_add_pods(usage, &scope, &group->requests, &group->limits, false, times);
    }
}

void usage_add_demand(struct usage *usage, const struct demand *demand, int64_t times) {
    ENSURE(demand->settled);
    for (size_t i = 0; i < demand->group_count; i++) {
        usage_add_group(usage, &demand->groups[i], demand->groups[i].count * times);
    }
    for (size_t i = 0; i < demand->object_count; i++) {
        usage_add_object(usage, demand->objects[i].key, demand->objects[i].amount * times);
    }
}

int64_t usage_object_amount(const struct usage *usage, const char *key) {
    if (text_starts_with(key, "count/")) {
        key += strlen("count/");
    }
    for (size_t i = 0; i < usage->object_count; i++) {
        if (strcmp(usage->objects[i].key, key) == 0) {
            return usage->objects[i].amount;
        }
    }
    return 0;
}
