/* tests/policy/samples.h - pods, demands, nodes and quotas from one line of text.
 *
 * Words are separated by spaces.
 *   pod     "main cpu=1/2 memory=1Gi sidecar cpu=100m init cpu=/2 overhead cpu=10m whole cpu=4"
 *           RESOURCE=REQUEST[/LIMIT] for the container named before; then
 *           @LABEL=VALUE node selector, ~KEY[=VALUE] toleration, ^CLASS, !deadline
 *   demand  "driver*1 main cpu=1 | executor*2 main cpu=2 | +services=1 +configmaps=2"
 *   node    "cpu=4 memory=8Gi pods=110 @zone=a %gpu=yes !cordoned !notready"
 *   quota   "pods=3 requests.cpu=2:500m" (KEY=HARD[:USED])
 */
#ifndef TESTS_POLICY_SAMPLES_H
#define TESTS_POLICY_SAMPLES_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "policy/demand.h"
#include "policy/node.h"
#include "policy/quota.h"
#include "policy/resources.h"
#include "tests/test.h"

/* The next word of *at, or NULL; free it. */
static inline char *sample_word(const char **at) {
    const char *start = *at + strspn(*at, " ");
    const size_t bytes = strcspn(start, " ");

    *at = start + bytes;
    return bytes > 0 ? mem_copy_text_n(start, bytes) : NULL;
}

/* Cut "key=value" in two; value is "" without '='. */
static inline char *sample_cut(char *word, char separator) {
    char *at = strchr(word, separator);

    if (at == NULL) {
        return word + strlen(word);
    }
    *at = '\0';
    return at + 1;
}

static inline int64_t sample_amount(struct resource_names *names, const char *name,
                                    const char *quantity, size_t *out_kind) {
    int64_t amount = -1;

    CHECK_OK(resource_intern(names, name, out_kind), name);
    CHECK_OK(resource_parse(names, *out_kind, quantity, &amount), quantity);
    return amount;
}

static inline struct container_demand *sample_container(struct pod_demand *pod, const char *word) {
    static const char *const kinds[] = {"main", "init", "sidecar"};

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (strcmp(word, kinds[i]) == 0) {
            return pod_demand_add_container(pod, (enum container_kind)i);
        }
    }
    return strcmp(word, "whole") == 0 ? &pod->pod_level : NULL;
}

static inline void sample_set(struct container_demand *container, struct pod_demand *pod,
                              struct resource_names *names, const char *name, char *request) {
    const char *limit = sample_cut(request, '/');
    size_t kind;
    int64_t amount;

    if (*request != '\0') {
        amount = sample_amount(names, name, request, &kind);
        if (container == NULL) {
            pod->overhead.amount[kind] = amount;
        } else {
            container_demand_request(container, kind, amount);
        }
    }
    if (*limit != '\0') {
        amount = sample_amount(names, name, limit, &kind);
        container_demand_limit(container, kind, amount);
    }
}

static inline void sample_pod_word(struct pod_demand *pod, struct container_demand **container,
                                   struct resource_names *names, char *word) {
    char *value;

    if (strchr(word, '=') == NULL && strchr("~^!", *word) == NULL) {
        *container = sample_container(pod, word);
        return;
    }
    value = sample_cut(word, '=');
    if (*word == '@') {
        pod_demand_add_selector(pod, word + 1, value);
    } else if (*word == '~') {
        const struct toleration toleration = {
            .key = word + 1, .value = value, .exists = *value == '\0'};

        pod_demand_add_toleration(pod, &toleration);
    } else if (*word == '^') {
        pod_demand_set_priority_class(pod, word + 1);
    } else if (*word == '!') {
        pod->has_run_deadline = true;
    } else {
        sample_set(*container, pod, names, word, value);
    }
}

/* Into a zeroed pod; up to the end or a '|', which is returned. */
static inline const char *sample_pod(struct pod_demand *pod, struct resource_names *names,
                                     const char *text) {
    struct container_demand *container = NULL;
    char *word;

    while ((word = sample_word(&text)) != NULL) {
        const bool end = strcmp(word, "|") == 0;

        if (!end) {
            sample_pod_word(pod, &container, names, word);
        }
        free(word);
        if (end) {
            break;
        }
    }
    return text;
}

/* Settled; the caller destroys it. */
static inline struct demand *sample_demand(struct resource_names *names, const char *text) {
    struct demand *demand = demand_create();
    char *word;

    while ((word = sample_word(&text)) != NULL) {
        if (*word == '+') {
            const char *value = sample_cut(word, '=');

            demand_add_object(demand, word + 1, atoll(value));
        } else {
            const char *count = sample_cut(word, '*');
            enum pod_role role = POD_ROLE_POD;

            role = strcmp(word, "driver") == 0 ? POD_ROLE_DRIVER : role;
            role = strcmp(word, "executor") == 0 ? POD_ROLE_EXECUTOR : role;
            text =
                sample_pod(&demand_add_group(demand, role, (uint32_t)strtoul(count, NULL, 10))->pod,
                           names, text);
        }
        free(word);
    }
    demand_settle(demand);
    return demand;
}

/* The caller finishes it. */
static inline struct node sample_node(struct resource_names *names, const char *name,
                                      const char *text) {
    struct node node;
    char *word;
    size_t kind;

    node_init(&node, name);
    node.ready = true;
    while ((word = sample_word(&text)) != NULL) {
        const char *value = sample_cut(word, '=');

        if (*word == '@') {
            node_add_label(&node, word + 1, value);
        } else if (*word == '%') {
            node_add_taint(&node, word + 1, value, TAINT_NO_SCHEDULE);
        } else if (strcmp(word, "!cordoned") == 0) {
            node.unschedulable = true;
        } else if (strcmp(word, "!notready") == 0) {
            node.ready = false;
        } else {
            const int64_t amount = sample_amount(names, word, value, &kind);

            node.allocatable.amount[kind] = amount;
        }
        free(word);
    }
    return node;
}

/* The caller finishes it. */
static inline struct quota sample_quota(struct resource_names *names, const char *namespace,
                                        const char *name, const char *text) {
    struct quota quota;
    char *word;

    quota_init(&quota, namespace, name);
    while ((word = sample_word(&text)) != NULL) {
        char *hard = sample_cut(word, '=');
        const char *used = sample_cut(hard, ':');

        CHECK_OK(quota_add_item(&quota, names, word, hard, used), word);
        free(word);
    }
    return quota;
}

#endif
