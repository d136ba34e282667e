#include "policy/node.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"

#define TAINT_UNSCHEDULABLE "node.kubernetes.io/unschedulable"

void node_init(struct node *node, const char *name) {
    *node = (struct node){.name = mem_copy_text(name)};
}

void node_finish(struct node *node) {
    if (node == NULL) {
        return;
    }
    for (size_t i = 0; i < node->label_count; i++) {
        free(node->labels[i].key);
        free(node->labels[i].value);
    }
    for (size_t i = 0; i < node->taint_count; i++) {
        free(node->taints[i].key);
        free(node->taints[i].value);
    }
    free(node->labels);
    free(node->taints);
    free(node->name);
    free(node->pool);
    *node = (struct node){0};
}

void node_copy(const struct node *node, struct node *out_node) {
    struct node copy;

    node_init(&copy, node->name);
    for (size_t i = 0; i < node->label_count; i++) {
        node_add_label(&copy, node->labels[i].key, node->labels[i].value);
    }
    for (size_t i = 0; i < node->taint_count; i++) {
        node_add_taint(&copy, node->taints[i].key, node->taints[i].value, node->taints[i].effect);
    }
    copy.allocatable = node->allocatable;
    copy.ready = node->ready;
    copy.unschedulable = node->unschedulable;
    copy.shunned = node->shunned;
    copy.pool = mem_copy_text(node->pool);
    *out_node = copy;
}

static bool labels_equal(const struct node *a, const struct node *b) {
    if (a->label_count != b->label_count) {
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

bool node_taints_equal(const struct node *a, const struct node *b) {
    if (a->taint_count != b->taint_count) {
        return false;
    }
    for (size_t i = 0; i < a->taint_count; i++) {
        if (a->taints[i].effect != b->taints[i].effect ||
            strcmp(a->taints[i].key, b->taints[i].key) != 0 ||
            strcmp(a->taints[i].value, b->taints[i].value) != 0) {
            return false;
        }
    }
    return true;
}

bool node_equal(const struct node *a, const struct node *b) {
    return a->ready == b->ready && a->unschedulable == b->unschedulable &&
           strcmp(a->name, b->name) == 0 && (a->pool == NULL) == (b->pool == NULL) &&
           (a->pool == NULL || strcmp(a->pool, b->pool) == 0) &&
           resources_equal(&a->allocatable, &b->allocatable) && labels_equal(a, b) &&
           node_taints_equal(a, b);
}

void node_add_label(struct node *node, const char *key, const char *value) {
    node->labels = mem_grow(node->labels, node->label_count + 1, sizeof *node->labels);
    node->labels[node->label_count++] = (struct text_pair){
        .key = mem_copy_text(key), .value = mem_copy_text(value != NULL ? value : "")};
}

void node_add_taint(struct node *node, const char *key, const char *value,
                    enum taint_effect effect) {
    node->taints = mem_grow(node->taints, node->taint_count + 1, sizeof *node->taints);
    node->taints[node->taint_count++] =
        (struct taint){.key = mem_copy_text(key),
                       .value = mem_copy_text(value != NULL ? value : ""),
                       .effect = effect};
}

enum taint_effect taint_effect_of(const char *text) {
    if (strcmp(text, "PreferNoSchedule") == 0) {
        return TAINT_PREFER_NO_SCHEDULE;
    }
    return strcmp(text, "NoExecute") == 0 ? TAINT_NO_EXECUTE : TAINT_NO_SCHEDULE;
}

const char *node_label(const struct node *node, const char *key) {
    for (size_t i = 0; i < node->label_count; i++) {
        if (strcmp(node->labels[i].key, key) == 0) {
            return node->labels[i].value;
        }
    }
    return NULL;
}

static bool rule_holds(const struct match_rule *rule, const struct node *node) {
    return match_rule_holds(rule, rule->on_name ? node->name : node_label(node, rule->key));
}

static bool term_holds(const struct match_term *term, const struct node *node) {
    for (size_t i = 0; i < term->rule_count; i++) {
        if (!rule_holds(&term->rules[i], node)) {
            return false;
        }
    }
    return term->rule_count > 0;
}

bool node_labels_match(const struct node *node, const struct pod_demand *pod) {
    for (size_t i = 0; i < pod->selector_count; i++) {
        const char *value = node_label(node, pod->selectors[i].key);

        if (value == NULL || strcmp(value, pod->selectors[i].value) != 0) {
            return false;
        }
    }
    for (size_t i = 0; i < pod->term_count; i++) {
        if (term_holds(&pod->terms[i], node)) {
            return true;
        }
    }
    return pod->term_count == 0;
}

static bool toleration_covers(const struct toleration *toleration, const struct taint *taint) {
    const bool every_key = toleration->key == NULL || toleration->key[0] == '\0';

    if (toleration->effect != TAINT_ANY_EFFECT && toleration->effect != taint->effect) {
        return false;
    }
    if (every_key) {
        return toleration->exists;
    }
    return strcmp(toleration->key, taint->key) == 0 &&
           (toleration->exists ||
            strcmp(toleration->value != NULL ? toleration->value : "", taint->value) == 0);
}

bool pod_tolerates(const struct pod_demand *pod, const struct taint *taint) {
    if (taint->effect == TAINT_PREFER_NO_SCHEDULE) {
        return true;
    }
    for (size_t i = 0; i < pod->toleration_count; i++) {
        if (toleration_covers(&pod->tolerations[i], taint)) {
            return true;
        }
    }
    return false;
}

static bool is_passing(const struct taint *taint) {
    return text_starts_with(taint->key, "node.kubernetes.io/") ||
           text_starts_with(taint->key, "node.cloudprovider.kubernetes.io/");
}

static bool taints_allow(const struct node *node, const struct pod_demand *pod, bool some_day) {
    for (size_t i = 0; i < node->taint_count; i++) {
        if (!(some_day && is_passing(&node->taints[i])) && !pod_tolerates(pod, &node->taints[i])) {
            return false;
        }
    }
    return true;
}

/* A cordon is the taint it is about to become. */
static bool cordon_allows(const struct node *node, const struct pod_demand *pod) {
    char key[] = TAINT_UNSCHEDULABLE;
    char value[] = "";
    const struct taint cordon = {.key = key, .value = value, .effect = TAINT_NO_SCHEDULE};

    return !node->unschedulable || pod_tolerates(pod, &cordon);
}

bool node_accepts(const struct node *node, const struct pod_demand *pod) {
    return node->ready && !node->shunned && cordon_allows(node, pod) &&
           taints_allow(node, pod, false) && node_labels_match(node, pod);
}

bool node_might_accept(const struct node *node, const struct pod_demand *pod) {
    return taints_allow(node, pod, true) && node_labels_match(node, pod);
}

/* --- Why not ---------------------------------------------------------------------------------- */

struct refusal {
    size_t count;
    char *text;
    size_t bytes_max;
};

static void refuse(struct refusal *refusal, const char *format, ...) PRINTF_LIKE(2, 3);

/* Only the first is put into words. */
static void refuse(struct refusal *refusal, const char *format, ...) {
    va_list args;

    if (refusal->count++ > 0) {
        return;
    }
    va_start(args, format);
    (void)vsnprintf(refusal->text, refusal->bytes_max, format, args);
    va_end(args);
}

/* A cordon, and a node that is not ready, are told by their own words. */
static bool is_said_otherwise(const struct node *node, const struct taint *taint) {
    return (node->unschedulable && strcmp(taint->key, TAINT_UNSCHEDULABLE) == 0) ||
           (!node->ready && (strcmp(taint->key, "node.kubernetes.io/not-ready") == 0 ||
                             strcmp(taint->key, "node.kubernetes.io/unreachable") == 0));
}

static void refuse_taints(struct refusal *refusal, const struct node *node,
                          const struct pod_demand *pod, bool some_day) {
    for (size_t i = 0; i < node->taint_count; i++) {
        const struct taint *taint = &node->taints[i];

        if (!(some_day && is_passing(taint)) && !is_said_otherwise(node, taint) &&
            !pod_tolerates(pod, taint)) {
            refuse(refusal, "has the taint %s%s%s", taint->key, taint->value[0] != '\0' ? "=" : "",
                   taint->value);
        }
    }
}

static void refuse_labels(struct refusal *refusal, const struct node *node,
                          const struct pod_demand *pod) {
    bool any_term = pod->term_count == 0;

    for (size_t i = 0; i < pod->selector_count; i++) {
        const char *value = node_label(node, pod->selectors[i].key);

        if (value == NULL || strcmp(value, pod->selectors[i].value) != 0) {
            refuse(refusal, "has no label %s=%s", pod->selectors[i].key, pod->selectors[i].value);
        }
    }
    for (size_t i = 0; i < pod->term_count; i++) {
        any_term = any_term || term_holds(&pod->terms[i], node);
    }
    if (!any_term) {
        refuse(refusal, "does not match its node affinity");
    }
}

size_t node_refusal(const struct node *node, const struct pod_demand *pod, bool some_day,
                    char *out_text, size_t bytes_max) {
    struct refusal refusal = {.text = out_text, .bytes_max = bytes_max};

    refuse_labels(&refusal, node, pod);
    refuse_taints(&refusal, node, pod, some_day);
    if (!some_day && !node->ready) {
        refuse(&refusal, "is not ready");
    }
    if (!some_day && !cordon_allows(node, pod)) {
        refuse(&refusal, "is cordoned");
    }
    if (!some_day && node->shunned) {
        refuse(&refusal, "failed several jobs lately");
    }
    return refusal.count;
}
