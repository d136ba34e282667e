#include "policy/pod_rule.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"

static bool texts_equal(const char *a, const char *b) {
    return strcmp(a != NULL ? a : "", b != NULL ? b : "") == 0;
}

static void finish_texts(char **texts, size_t count) {
    for (size_t i = 0; i < count; i++) {
        free(texts[i]);
    }
    free(texts);
}

static char **copy_texts(char *const *texts, size_t count) {
    char **copies = count > 0 ? mem_alloc(count, sizeof *copies) : NULL;

    for (size_t i = 0; i < count; i++) {
        copies[i] = mem_copy_text(texts[i]);
    }
    return copies;
}

static bool texts_all_equal(char *const *a, char *const *b, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(a[i], b[i]) != 0) {
            return false;
        }
    }
    return true;
}

void match_term_finish(struct match_term *term) {
    for (size_t i = 0; i < term->rule_count; i++) {
        finish_texts(term->rules[i].values, term->rules[i].value_count);
        free(term->rules[i].key);
    }
    free(term->rules);
    *term = (struct match_term){0};
}

void match_term_add_rule(struct match_term *term, const struct match_rule *rule) {
    struct match_rule copy = *rule;

    copy.key = mem_copy_text(rule->key);
    copy.values = copy_texts(rule->values, rule->value_count);
    term->rules = mem_grow(term->rules, term->rule_count + 1, sizeof *term->rules);
    term->rules[term->rule_count++] = copy;
}

static bool rules_equal(const struct match_rule *a, const struct match_rule *b) {
    return a->operator== b->operator&& a->on_name == b->on_name &&
           a->value_count == b->value_count && texts_equal(a->key, b->key) &&
           texts_all_equal(a->values, b->values, a->value_count);
}

bool match_term_equal(const struct match_term *a, const struct match_term *b) {
    if (a->rule_count != b->rule_count) {
        return false;
    }
    for (size_t i = 0; i < a->rule_count; i++) {
        if (!rules_equal(&a->rules[i], &b->rules[i])) {
            return false;
        }
    }
    return true;
}

static bool is_among(const struct match_rule *rule, const char *value) {
    for (size_t i = 0; i < rule->value_count; i++) {
        if (strcmp(rule->values[i], value) == 0) {
            return true;
        }
    }
    return false;
}

/* Both must be whole numbers, or it does not hold. */
static bool compares(const struct match_rule *rule, const char *value) {
    int64_t have;
    int64_t bound;

    if (value == NULL || rule->value_count != 1 || text_parse_int64(value, &have) < 0 ||
        text_parse_int64(rule->values[0], &bound) < 0) {
        return false;
    }
    return rule->operator== MATCH_GT ? have > bound : have<bound;
}

bool match_rule_holds(const struct match_rule *rule, const char *value) {
    switch (rule->operator) {
    case MATCH_IN:
        return value != NULL && is_among(rule, value);
    case MATCH_NOT_IN:
        return value == NULL || !is_among(rule, value);
    case MATCH_EXISTS:
        return value != NULL;
    case MATCH_DOES_NOT_EXIST:
        return value == NULL;
    case MATCH_GT:
    case MATCH_LT:
        return compares(rule, value);
    }
    return false;
}

void pod_rule_finish(struct pod_rule *rule) {
    free(rule->topology_key);
    match_term_finish(&rule->selector);
    finish_texts(rule->namespaces, rule->namespace_count);
    *rule = (struct pod_rule){.kind = POD_RULE_AFFINITY};
}

void pod_rule_copy(const struct pod_rule *rule, struct pod_rule *out_rule) {
    struct pod_rule copy = *rule;

    copy.topology_key = mem_copy_text(rule->topology_key);
    copy.selector = (struct match_term){0};
    for (size_t i = 0; i < rule->selector.rule_count; i++) {
        match_term_add_rule(&copy.selector, &rule->selector.rules[i]);
    }
    copy.namespaces = copy_texts(rule->namespaces, rule->namespace_count);
    *out_rule = copy;
}

bool pod_rule_equal(const struct pod_rule *a, const struct pod_rule *b) {
    return a->kind == b->kind && texts_equal(a->topology_key, b->topology_key) &&
           a->selects_nothing == b->selects_nothing && a->every_namespace == b->every_namespace &&
           a->skew_max == b->skew_max && a->domains_min == b->domains_min &&
           a->ignores_where == b->ignores_where && a->honours_taints == b->honours_taints &&
           a->namespace_count == b->namespace_count &&
           texts_all_equal(a->namespaces, b->namespaces, a->namespace_count) &&
           match_term_equal(&a->selector, &b->selector);
}

void pod_rule_add_namespace(struct pod_rule *rule, const char *namespace) {
    rule->namespaces =
        mem_grow(rule->namespaces, rule->namespace_count + 1, sizeof *rule->namespaces);
    rule->namespaces[rule->namespace_count++] = mem_copy_text(namespace);
}

static const char *find_label(const struct text_pair *labels, size_t count, const char *key) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(labels[i].key, key) == 0) {
            return labels[i].value;
        }
    }
    return NULL;
}

static bool is_in_namespaces(const struct pod_rule *rule, const char *namespace) {
    for (size_t i = 0; i < rule->namespace_count; i++) {
        if (strcmp(rule->namespaces[i], namespace) == 0) {
            return true;
        }
    }
    return rule->every_namespace;
}

bool pod_rule_selects(const struct pod_rule *rule, const char *namespace,
                      const struct text_pair *labels, size_t label_count) {
    if (rule->selects_nothing || namespace == NULL || !is_in_namespaces(rule, namespace)) {
        return false;
    }
    for (size_t i = 0; i < rule->selector.rule_count; i++) {
        const struct match_rule *part = &rule->selector.rules[i];

        if (!match_rule_holds(part, find_label(labels, label_count, part->key))) {
            return false;
        }
    }
    return true;
}
