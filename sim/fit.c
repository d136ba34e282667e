#include "sim/fit.h"

#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "base/text.h"
#include "sim/tree.h"

static bool same_text(const char *a, const char *b) {
    return strcmp(a != NULL ? a : "", b != NULL ? b : "") == 0;
}

static bool toleration_covers(const json_t *toleration, const json_t *taint) {
    const char *effect = tree_text(toleration, "effect");
    const char *key = tree_text(toleration, "key");

    if (effect != NULL && effect[0] != '\0' && !same_text(effect, tree_text(taint, "effect"))) {
        return false;
    }
    if (key != NULL && key[0] != '\0' && !same_text(key, tree_text(taint, "key"))) {
        return false;
    }
    if (tree_is(toleration, "operator", "Exists")) {
        return true;
    }
    return key != NULL && key[0] != '\0' &&
           same_text(tree_text(toleration, "value"), tree_text(taint, "value"));
}

bool fit_tolerates(const json_t *pod, const json_t *taint) {
    size_t i;
    json_t *toleration;

    json_array_foreach(tree_at(pod, "spec/tolerations"), i, toleration) {
        if (toleration_covers(toleration, taint)) {
            return true;
        }
    }
    return false;
}

static bool check_taints(const json_t *pod, const json_t *node, char *out_reason) {
    size_t i;
    json_t *taint;

    json_array_foreach(tree_at(node, "spec/taints"), i, taint) {
        const char *value = tree_text(taint, "value");

        if (tree_is(taint, "effect", "PreferNoSchedule") || fit_tolerates(pod, taint)) {
            continue;
        }
        (void)snprintf(out_reason, FIT_REASON_BYTES_MAX, "node(s) had untolerated taint {%s: %s}",
                       tree_text(taint, "key"), value != NULL ? value : "");
        return false;
    }
    return true;
}

/* A node whose kubelet says it's not ready, even if nobody has tainted it yet. */
static bool check_ready(const json_t *node, char *out_reason) {
    size_t i;
    json_t *condition;

    json_array_foreach(tree_at(node, "status/conditions"), i, condition) {
        if (tree_is(condition, "type", "Ready") && !tree_is(condition, "status", "True")) {
            (void)text_copy(out_reason, FIT_REASON_BYTES_MAX,
                            "node(s) had untolerated taint {node.kubernetes.io/not-ready: }");
            return false;
        }
    }
    return true;
}

static bool check_cordon(const json_t *pod, const json_t *node, char *out_reason) {
    json_t *taint;
    bool tolerated;

    if (!tree_true(node, "spec/unschedulable")) {
        return true;
    }
    taint =
        tree_pack("{s:s, s:s}", "key", "node.kubernetes.io/unschedulable", "effect", "NoSchedule");
    tolerated = fit_tolerates(pod, taint);
    json_decref(taint);
    if (!tolerated) {
        (void)text_copy(out_reason, FIT_REASON_BYTES_MAX, "node(s) were unschedulable");
    }
    return tolerated;
}

static bool selector_matches(const json_t *selector, const json_t *node) {
    const char *key;
    json_t *value;

    json_object_foreach(tree_walkable(selector), key, value) {
        const char *label = tree_label(node, key);

        if (label == NULL || !json_is_string(value) ||
            strcmp(label, json_string_value(value)) != 0) {
            return false;
        }
    }
    return true;
}

static bool holds(const json_t *values, const char *text) {
    size_t i;
    json_t *value;

    json_array_foreach(values, i, value) {
        if (json_is_string(value) && strcmp(json_string_value(value), text) == 0) {
            return true;
        }
    }
    return false;
}

static bool compare_numbers(const char *label, const json_t *values, bool greater) {
    const char *bound_text = json_string_value(json_array_get(values, 0));
    int64_t number;
    int64_t bound;

    if (bound_text == NULL || text_parse_int64(label, &number) != OK ||
        text_parse_int64(bound_text, &bound) != OK) {
        return false;
    }
    return greater ? number > bound : number < bound;
}

/* value NULL: the node doesn't have the key. */
static bool requirement_holds(const json_t *requirement, const char *value) {
    const char *operator= tree_text(requirement, "operator");
    const json_t *values = tree_at(requirement, "values");

    if (operator== NULL) {
        return false;
    }
    if (strcmp(operator, "In") == 0) {
        return value != NULL && holds(values, value);
    }
    if (strcmp(operator, "NotIn") == 0) {
        return value == NULL || !holds(values, value);
    }
    if (strcmp(operator, "Exists") == 0) {
        return value != NULL;
    }
    if (strcmp(operator, "DoesNotExist") == 0) {
        return value == NULL;
    }
    return value != NULL && (strcmp(operator, "Gt") == 0 || strcmp(operator, "Lt") == 0) &&
           compare_numbers(value, values, strcmp(operator, "Gt") == 0);
}

/* An empty term matches nothing; all requirements of a term must hold. */
static bool term_matches(const json_t *term, const json_t *node) {
    const json_t *expressions = tree_at(term, "matchExpressions");
    const json_t *fields = tree_at(term, "matchFields");
    size_t i;
    json_t *requirement;

    json_array_foreach(expressions, i, requirement) {
        const char *key = tree_text(requirement, "key");

        if (key == NULL || !requirement_holds(requirement, tree_label(node, key))) {
            return false;
        }
    }
    json_array_foreach(fields, i, requirement) {
        if (!tree_is(requirement, "key", "metadata.name") ||
            !requirement_holds(requirement, tree_name(node))) {
            return false;
        }
    }
    return json_array_size(expressions) + json_array_size(fields) > 0;
}

static bool affinity_matches(const json_t *pod, const json_t *node) {
    const json_t *terms =
        tree_at(tree_at(pod, "spec/affinity/nodeAffinity"),
                "requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms");
    size_t i;
    json_t *term;

    if (terms == NULL) {
        return true;
    }
    json_array_foreach(terms, i, term) {
        if (term_matches(term, node)) {
            return true;
        }
    }
    return false;
}

bool fit_selected(const json_t *pod, const json_t *node) {
    return selector_matches(tree_at(pod, "spec/nodeSelector"), node) && affinity_matches(pod, node);
}

static bool check_affinity(const json_t *pod, const json_t *node, char *out_reason) {
    if (fit_selected(pod, node)) {
        return true;
    }
    (void)text_copy(out_reason, FIT_REASON_BYTES_MAX,
                    "node(s) didn't match Pod's node affinity/selector");
    return false;
}

static bool check_resources(const struct amounts *requests, const struct fit_node *node,
                            char *out_reason) {
    for (size_t i = 0; i < requests->count; i++) {
        const struct amount *request = &requests->items[i];
        int64_t left = amounts_value(node->allocatable, request->name) -
                       amounts_value(node->used, request->name);

        if (request->value > 0 && request->value > left) {
            if (strcmp(request->name, "pods") == 0) {
                (void)text_copy(out_reason, FIT_REASON_BYTES_MAX, "Too many pods");
            } else {
                (void)snprintf(out_reason, FIT_REASON_BYTES_MAX, "Insufficient %s", request->name);
            }
            return false;
        }
    }
    return true;
}

bool fit_pod(const json_t *pod, const struct amounts *requests, const struct fit_node *node,
             char out_reason[FIT_REASON_BYTES_MAX]) {
    return check_cordon(pod, node->object, out_reason) &&
           check_taints(pod, node->object, out_reason) && check_ready(node->object, out_reason) &&
           check_affinity(pod, node->object, out_reason) &&
           check_resources(requests, node, out_reason);
}

struct fit_load fit_load_of(const struct amounts *amounts) {
    return (struct fit_load){.cpu = amounts_value(amounts, "cpu"),
                             .memory = amounts_value(amounts, "memory")};
}

static double part_of(int64_t used, int64_t room) {
    return room > 0 ? (double)used / (double)room : 1;
}

double fit_fullness(const struct fit_load *requests, const struct fit_load *allocatable,
                    const struct fit_load *used) {
    double cpu = part_of(used->cpu + requests->cpu, allocatable->cpu);
    double memory = part_of(used->memory + requests->memory, allocatable->memory);

    return cpu > memory ? cpu : memory;
}
