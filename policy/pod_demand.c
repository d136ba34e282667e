/* One pod of a demand: built, copied, compared and added up. */
#include "policy/demand.h"

#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "base/limits.h"
#include "base/memory.h"

#define BEST_EFFORT_KINDS (RESOURCE_BIT(RESOURCE_CPU) | RESOURCE_BIT(RESOURCE_MEMORY))

void pod_demand_finish(struct pod_demand *pod) {
    if (pod == NULL) {
        return;
    }
    for (size_t i = 0; i < pod->selector_count; i++) {
        free(pod->selectors[i].key);
        free(pod->selectors[i].value);
    }
    for (size_t i = 0; i < pod->toleration_count; i++) {
        free(pod->tolerations[i].key);
        free(pod->tolerations[i].value);
    }
    for (size_t i = 0; i < pod->term_count; i++) {
        match_term_finish(&pod->terms[i]);
    }
    for (size_t i = 0; i < pod->label_count; i++) {
        free(pod->labels[i].key);
        free(pod->labels[i].value);
    }
    for (size_t i = 0; i < pod->rule_count; i++) {
        pod_rule_finish(&pod->rules[i]);
    }
    free(pod->labels);
    free(pod->rules);
    free(pod->namespace);
    free(pod->containers);
    free(pod->selectors);
    free(pod->tolerations);
    free(pod->terms);
    free(pod->priority_class);
    *pod = (struct pod_demand){0};
}

struct container_demand *pod_demand_add_container(struct pod_demand *pod,
                                                  enum container_kind kind) {
    struct container_demand *container;

    pod->containers = mem_grow(pod->containers, pod->container_count + 1, sizeof *pod->containers);
    container = &pod->containers[pod->container_count++];
    memset(container, 0, sizeof *container);
    container->kind = kind;
    return container;
}

void container_demand_request(struct container_demand *container, size_t kind, int64_t amount) {
    ENSURE(kind < RESOURCE_KIND_MAX);
    container->requests_set |= RESOURCE_BIT(kind);
    container->requests.amount[kind] = amount;
}

void container_demand_limit(struct container_demand *container, size_t kind, int64_t amount) {
    ENSURE(kind < RESOURCE_KIND_MAX);
    container->limits_set |= RESOURCE_BIT(kind);
    container->limits.amount[kind] = amount;
}

void pod_demand_add_selector(struct pod_demand *pod, const char *key, const char *value) {
    pod->selectors = mem_grow(pod->selectors, pod->selector_count + 1, sizeof *pod->selectors);
    pod->selectors[pod->selector_count++] =
        (struct text_pair){.key = mem_copy_text(key), .value = mem_copy_text(value)};
}

void pod_demand_add_toleration(struct pod_demand *pod, const struct toleration *toleration) {
    struct toleration copy = *toleration;

    copy.key = mem_copy_text(toleration->key);
    copy.value = mem_copy_text(toleration->value);
    pod->tolerations =
        mem_grow(pod->tolerations, pod->toleration_count + 1, sizeof *pod->tolerations);
    pod->tolerations[pod->toleration_count++] = copy;
}

void pod_demand_tolerate_pressure(struct pod_demand *pod) {
    char key[] = "node.kubernetes.io/memory-pressure";

    if (!pod_demand_is_best_effort(pod)) {
        pod_demand_add_toleration(
            pod, &(struct toleration){.key = key, .exists = true, .effect = TAINT_NO_SCHEDULE});
    }
}

struct match_term *pod_demand_add_term(struct pod_demand *pod) {
    pod->terms = mem_grow(pod->terms, pod->term_count + 1, sizeof *pod->terms);
    pod->terms[pod->term_count] = (struct match_term){0};
    return &pod->terms[pod->term_count++];
}

void pod_demand_set_namespace(struct pod_demand *pod, const char *namespace) {
    free(pod->namespace);
    pod->namespace = mem_copy_text(namespace);
}

void pod_demand_add_label(struct pod_demand *pod, const char *key, const char *value) {
    pod->labels = mem_grow(pod->labels, pod->label_count + 1, sizeof *pod->labels);
    pod->labels[pod->label_count++] =
        (struct text_pair){.key = mem_copy_text(key), .value = mem_copy_text(value)};
}

void pod_demand_take_rule(struct pod_demand *pod, const struct pod_rule *rule) {
    pod->rules = mem_grow(pod->rules, pod->rule_count + 1, sizeof *pod->rules);
    pod->rules[pod->rule_count++] = *rule;
}

void pod_demand_set_priority_class(struct pod_demand *pod, const char *name) {
    free(pod->priority_class);
    pod->priority_class = mem_copy_text(name);
}

void pod_demand_copy_where(const struct pod_demand *pod, struct pod_demand *out_pod) {
    struct pod_demand copy = {.container_count = 0};

    for (size_t i = 0; i < pod->selector_count; i++) {
        pod_demand_add_selector(&copy, pod->selectors[i].key, pod->selectors[i].value);
    }
    for (size_t i = 0; i < pod->toleration_count; i++) {
        pod_demand_add_toleration(&copy, &pod->tolerations[i]);
    }
    for (size_t i = 0; i < pod->term_count; i++) {
        struct match_term *term = pod_demand_add_term(&copy);

        for (size_t j = 0; j < pod->terms[i].rule_count; j++) {
            match_term_add_rule(term, &pod->terms[i].rules[j]);
        }
    }
    *out_pod = copy;
}

static void copy_company(const struct pod_demand *pod, struct pod_demand *copy) {
    pod_demand_set_namespace(copy, pod->namespace);
    for (size_t i = 0; i < pod->label_count; i++) {
        pod_demand_add_label(copy, pod->labels[i].key, pod->labels[i].value);
    }
    for (size_t i = 0; i < pod->rule_count; i++) {
        struct pod_rule rule;

        pod_rule_copy(&pod->rules[i], &rule);
        pod_demand_take_rule(copy, &rule);
    }
}

void pod_demand_copy_company(const struct pod_demand *pod, struct pod_demand *out_pod) {
    struct pod_demand copy = {.container_count = 0};

    copy_company(pod, &copy);
    *out_pod = copy;
}

void pod_demand_copy(const struct pod_demand *pod, struct pod_demand *out_pod) {
    struct pod_demand copy;

    pod_demand_copy_where(pod, &copy);
    copy_company(pod, &copy);
    copy.container_count = pod->container_count;
    copy.pod_level = pod->pod_level;
    copy.overhead = pod->overhead;
    copy.has_run_deadline = pod->has_run_deadline;
    copy.crosses_namespaces = pod->crosses_namespaces;
    if (pod->container_count > 0) {
        copy.containers = mem_copy(pod->containers, pod->container_count * sizeof *pod->containers);
    }
    pod_demand_set_priority_class(&copy, pod->priority_class);
    *out_pod = copy;
}

static bool texts_equal(const char *a, const char *b) {
    return strcmp(a != NULL ? a : "", b != NULL ? b : "") == 0;
}

static bool containers_equal(const struct container_demand *a, const struct container_demand *b) {
    return a->kind == b->kind && a->requests_set == b->requests_set &&
           a->limits_set == b->limits_set && resources_equal(&a->requests, &b->requests) &&
           resources_equal(&a->limits, &b->limits);
}

bool pod_demand_same_where(const struct pod_demand *a, const struct pod_demand *b) {
    if (a->selector_count != b->selector_count || a->toleration_count != b->toleration_count ||
        a->term_count != b->term_count) {
        return false;
    }
    for (size_t i = 0; i < a->selector_count; i++) {
        if (!texts_equal(a->selectors[i].key, b->selectors[i].key) ||
            !texts_equal(a->selectors[i].value, b->selectors[i].value)) {
            return false;
        }
    }
    for (size_t i = 0; i < a->toleration_count; i++) {
        const struct toleration *x = &a->tolerations[i];
        const struct toleration *y = &b->tolerations[i];

        if (x->exists != y->exists || x->effect != y->effect || !texts_equal(x->key, y->key) ||
            !texts_equal(x->value, y->value)) {
            return false;
        }
    }
    for (size_t i = 0; i < a->term_count; i++) {
        if (!match_term_equal(&a->terms[i], &b->terms[i])) {
            return false;
        }
    }
    return true;
}

static void hash_text(uint64_t *hash, const char *text) {
    for (; text != NULL && *text != '\0'; text++) {
        *hash = (*hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
    }
    *hash = (*hash ^ 256) * UINT64_C(0x100000001b3);
}

uint64_t pod_demand_where_hash(const struct pod_demand *pod) {
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < pod->selector_count; i++) {
        hash_text(&hash, pod->selectors[i].key);
        hash_text(&hash, pod->selectors[i].value);
    }
    for (size_t i = 0; i < pod->toleration_count; i++) {
        hash_text(&hash, pod->tolerations[i].key);
        hash_text(&hash, pod->tolerations[i].value);
    }
    for (size_t i = 0; i < pod->term_count; i++) {
        for (size_t j = 0; j < pod->terms[i].rule_count; j++) {
            hash_text(&hash, pod->terms[i].rules[j].key);
            for (size_t k = 0; k < pod->terms[i].rules[j].value_count; k++) {
                hash_text(&hash, pod->terms[i].rules[j].values[k]);
            }
        }
    }
    return hash;
}

static bool company_equal(const struct pod_demand *a, const struct pod_demand *b) {
    if (a->rule_count != b->rule_count) {
        return false;
    }
    for (size_t i = 0; i < a->rule_count; i++) {
        if (!pod_rule_equal(&a->rules[i], &b->rules[i])) {
            return false;
        }
    }
    if (a->rule_count == 0) {
        return true;
    }
    if (a->label_count != b->label_count || !texts_equal(a->namespace, b->namespace)) {
        return false;
    }
    for (size_t i = 0; i < a->label_count; i++) {
        if (strcmp(a->labels[i].key, b->labels[i].key) != 0 ||
            strcmp(a->labels[i].value, b->labels[i].value) != 0) {
            return false;
        }
    }
    return true;
}

bool pod_demand_equal(const struct pod_demand *a, const struct pod_demand *b) {
    if (a->container_count != b->container_count || a->has_run_deadline != b->has_run_deadline ||
        a->crosses_namespaces != b->crosses_namespaces ||
        !texts_equal(a->priority_class, b->priority_class) ||
        !resources_equal(&a->overhead, &b->overhead) ||
        !containers_equal(&a->pod_level, &b->pod_level)) {
        return false;
    }
    for (size_t i = 0; i < a->container_count; i++) {
        if (!containers_equal(&a->containers[i], &b->containers[i])) {
            return false;
        }
    }
    return pod_demand_same_where(a, b) && company_equal(a, b);
}

/* Only what is set; a request that is not set is the limit. */
static struct resources container_requests(const struct container_demand *container) {
    struct resources sum = {{0}};

    for (size_t i = 0; i < RESOURCE_KIND_MAX; i++) {
        if ((container->requests_set & RESOURCE_BIT(i)) != 0) {
            sum.amount[i] = container->requests.amount[i];
        } else if ((container->limits_set & RESOURCE_BIT(i)) != 0) {
            sum.amount[i] = container->limits.amount[i];
        }
    }
    return sum;
}

static struct resources container_limits(const struct container_demand *container) {
    struct resources sum = {{0}};

    for (size_t i = 0; i < RESOURCE_KIND_MAX; i++) {
        if ((container->limits_set & RESOURCE_BIT(i)) != 0) {
            sum.amount[i] = container->limits.amount[i];
        }
    }
    return sum;
}

/* The most that is in use at one time: an init container runs beside the sidecars that were
 * started before it, the main ones beside all of them. */
static struct resources
most_at_once(const struct pod_demand *pod,
             struct resources (*amounts)(const struct container_demand *container)) {
    struct resources sidecars = {{0}};
    struct resources starting = {{0}};
    struct resources running = {{0}};

    for (size_t i = 0; i < pod->container_count; i++) {
        struct resources amount = amounts(&pod->containers[i]);

        if (pod->containers[i].kind == CONTAINER_MAIN) {
            resources_add(&running, &amount);
        } else if (pod->containers[i].kind == CONTAINER_SIDECAR) {
            resources_add(&sidecars, &amount);
        } else {
            resources_add(&amount, &sidecars);
            resources_max(&starting, &amount);
        }
    }
    resources_add(&running, &sidecars);
    resources_max(&running, &starting);
    return running;
}

static void bound(struct resources *amounts) {
    for (size_t i = 0; i < RESOURCE_KIND_MAX; i++) {
        if (amounts->amount[i] > RESOURCE_POD_AMOUNT_MAX) {
            amounts->amount[i] = RESOURCE_POD_AMOUNT_MAX;
        }
    }
}

_Static_assert(RESOURCE_POD_AMOUNT_MAX <= INT64_MAX / LIMIT_JOB_PODS, "a job's sums are exact");

struct resources pod_demand_requests(const struct pod_demand *pod) {
    struct resources sum = most_at_once(pod, container_requests);
    const struct resources whole = container_requests(&pod->pod_level);

    for (size_t i = 0; i < RESOURCE_KIND_MAX; i++) {
        const bool limited_only = (pod->pod_level.requests_set & RESOURCE_BIT(i)) == 0;

        if (limited_only && sum.amount[i] > 0) {
            continue; /* The containers' requests are nearer than a limit of the whole. */
        }
        if (((pod->pod_level.requests_set | pod->pod_level.limits_set) & RESOURCE_BIT(i)) != 0) {
            sum.amount[i] = whole.amount[i];
        }
    }
    resources_add(&sum, &pod->overhead);
    sum.amount[RESOURCE_PODS] = 1;
    bound(&sum);
    return sum;
}

struct resources pod_demand_limits(const struct pod_demand *pod) {
    struct resources sum = most_at_once(pod, container_limits);

    for (size_t i = 0; i < RESOURCE_KIND_MAX; i++) {
        if ((pod->pod_level.limits_set & RESOURCE_BIT(i)) != 0) {
            sum.amount[i] = pod->pod_level.limits.amount[i];
        }
        if (sum.amount[i] > 0) {
            sum.amount[i] = amount_add(sum.amount[i], pod->overhead.amount[i]);
        }
    }
    sum.amount[RESOURCE_PODS] = 0;
    bound(&sum);
    return sum;
}

static bool sets_cpu_or_memory(const struct container_demand *container) {
    const struct resources requests = container_requests(container);

    for (size_t i = 0; i < RESOURCE_KIND_MAX; i++) {
        if ((BEST_EFFORT_KINDS & RESOURCE_BIT(i)) != 0 &&
            (requests.amount[i] > 0 || container->limits.amount[i] > 0)) {
            return true;
        }
    }
    return false;
}

bool pod_demand_is_best_effort(const struct pod_demand *pod) {
    for (size_t i = 0; i < pod->container_count; i++) {
        if (sets_cpu_or_memory(&pod->containers[i])) {
            return false;
        }
    }
    return !sets_cpu_or_memory(&pod->pod_level);
}

bool pod_demand_keeps_apart(const struct pod_demand *pod) {
    for (size_t i = 0; i < pod->rule_count; i++) {
        if (pod->rules[i].kind == POD_RULE_ANTI_AFFINITY) {
            return true;
        }
    }
    return false;
}
