#include "k8s/codec_pod_rules.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/memory.h"
#include "k8s/codec_json.h"

#define ENTRY_COUNT_MAX 1024
#define SKEW_MAX        INT32_MAX

static int read_operator(const struct json_at *at, enum match_operator *out_operator,
                         struct field_error *error) {
    static const struct {
        const char *name;
        enum match_operator operator;
    } operators[] = {{"In", MATCH_IN},         {"NotIn", MATCH_NOT_IN},
                     {"Exists", MATCH_EXISTS}, {"DoesNotExist", MATCH_DOES_NOT_EXIST},
                     {"Gt", MATCH_GT},         {"Lt", MATCH_LT}};
    const char *text = "";
    int r = json_get_text(at, &text, error);

    for (size_t i = 0; r == OK && i < ARRAY_LEN(operators); i++) {
        if (strcmp(text, operators[i].name) == 0) {
            *out_operator = operators[i].operator;
            return OK;
        }
    }
    return r < 0 ? r
                 : json_fail(at, error, ERR_INVALID,
                             "\"%s\" is none of In, NotIn, Exists, DoesNotExist, Gt, Lt", text);
}

static int read_values(const struct json_at *at, struct match_rule *rule,
                       struct field_error *error) {
    size_t count = 0;
    int r = json_get_count(at, ENTRY_COUNT_MAX, &count, error);

    if (r < 0 || count == 0) {
        return r;
    }
    rule->values = mem_alloc(count, sizeof *rule->values);
    for (size_t i = 0; r == OK && i < count; i++) {
        struct json_at item = json_at_index(at, i);
        const char *value = "";

        r = json_get_text(&item, &value, error);
        rule->values[rule->value_count++] = mem_copy_text(value);
    }
    return r;
}

static int read_rule(const struct json_at *at, struct match_term *term, bool on_name,
                     struct field_error *error) {
    struct json_at key_at = json_at_key(at, "key");
    struct json_at operator_at = json_at_key(at, "operator");
    struct json_at values_at = json_at_key(at, "values");
    struct match_rule rule = {.on_name = on_name};
    const char *key = "";
    int r = json_get_text(&key_at, &key, error);

    r = r < 0 ? r : read_operator(&operator_at, &rule.operator, error);
    r = r < 0 ? r : read_values(&values_at, &rule, error);
    rule.key = mem_copy_text(key);
    if (r == OK) {
        match_term_add_rule(term, &rule);
    }
    for (size_t i = 0; i < rule.value_count; i++) {
        free(rule.values[i]);
    }
    free(rule.values);
    free(rule.key);
    return r;
}

int codec_match_rules_read(const struct json_at *at, bool on_name, struct match_term *term,
                           struct field_error *error) {
    size_t count = 0;
    int r = json_get_count(at, ENTRY_COUNT_MAX, &count, error);

    for (size_t i = 0; r == OK && i < count; i++) {
        struct json_at item = json_at_index(at, i);

        r = read_rule(&item, term, on_name, error);
    }
    return r;
}

static int read_label(const struct json_at *member, struct pod_demand *pod,
                      struct field_error *error) {
    const char *value = "";
    int r = json_get_text(member, &value, error);

    if (r == OK) {
        pod_demand_add_label(pod, member->key, value);
    }
    return r;
}

int codec_pod_company_read(const struct json_at *metadata, struct pod_demand *pod,
                           struct field_error *error) {
    struct json_at namespace_at = json_at_key(metadata, "namespace");
    struct json_at labels = json_at_key(metadata, "labels");
    struct json_at member;
    const char *namespace = "";
    void *iterator = NULL;
    int r = json_get_text(&namespace_at, &namespace, error);

    r = r < 0 ? r : json_expect_object(&labels, error);
    pod_demand_set_namespace(pod, namespace);
    while (r == OK && json_next(&labels, &iterator, &member)) {
        r = read_label(&member, pod, error);
    }
    return r;
}

static void add_value_rule(struct match_term *term, const char *key, enum match_operator operator,
                           const char * value) {
    char *key_copy = mem_copy_text(key);
    char *value_copy = mem_copy_text(value);

    match_term_add_rule(
        term, &(struct match_rule){
                  .key = key_copy, .operator= operator, .values = & value_copy, .value_count = 1});
    free(key_copy);
    free(value_copy);
}

static int read_match_labels(const struct json_at *at, struct match_term *term,
                             struct field_error *error) {
    struct json_at member;
    void *iterator = NULL;
    int r = json_expect_object(at, error);

    while (r == OK && json_next(at, &iterator, &member)) {
        const char *value = "";

        r = json_get_text(&member, &value, error);
        if (r == OK) {
            add_value_rule(term, member.key, MATCH_IN, value);
        }
    }
    return r;
}

static int read_selector(const struct json_at *at, struct pod_rule *rule,
                         struct field_error *error) {
    struct json_at labels = json_at_key(at, "matchLabels");
    struct json_at expressions = json_at_key(at, "matchExpressions");
    int r = json_expect_object(at, error);

    rule->selects_nothing = !json_is_there(at);
    r = r < 0 ? r : read_match_labels(&labels, &rule->selector, error);
    return r < 0 ? r : codec_match_rules_read(&expressions, false, &rule->selector, error);
}

/* matchLabelKeys: as the pod's own label, where it has it; mismatchLabelKeys: unlike it. */
static int read_label_keys(const struct json_at *list, const struct pod_demand *pod,
                           enum match_operator operator, struct match_term * term,
                           struct field_error *error) {
    size_t count = 0;
    int r = json_get_count(list, ENTRY_COUNT_MAX, &count, error);

    for (size_t i = 0; r == OK && i < count; i++) {
        struct json_at item = json_at_index(list, i);
        const char *key = "";

        r = json_get_text(&item, &key, error);
        for (size_t j = 0; r == OK && j < pod->label_count; j++) {
            if (strcmp(pod->labels[j].key, key) == 0) {
                add_value_rule(term, key, operator, pod->labels[j].value);
            }
        }
    }
    return r;
}

static int read_namespaces(const struct json_at *term, struct pod_demand *pod,
                           struct pod_rule *rule, struct field_error *error) {
    struct json_at list = json_at_key(term, "namespaces");
    struct json_at selector = json_at_key(term, "namespaceSelector");
    size_t count = 0;
    int r = json_get_count(&list, ENTRY_COUNT_MAX, &count, error);

    for (size_t i = 0; r == OK && i < count; i++) {
        struct json_at item = json_at_index(&list, i);
        const char *name = "";

        r = json_get_text(&item, &name, error);
        pod_rule_add_namespace(rule, name);
    }
    rule->every_namespace = json_is_there(&selector);
    if (count == 0 && !rule->every_namespace) {
        pod_rule_add_namespace(rule, pod->namespace != NULL ? pod->namespace : "");
    } else {
        pod->crosses_namespaces = true;
    }
    return r;
}

static int read_pod_term(const struct json_at *at, struct pod_demand *pod, struct pod_rule *rule,
                         struct field_error *error) {
    struct json_at key_at = json_at_key(at, "topologyKey");
    struct json_at selector = json_at_key(at, "labelSelector");
    struct json_at match = json_at_key(at, "matchLabelKeys");
    struct json_at mismatch = json_at_key(at, "mismatchLabelKeys");
    const char *key = "";
    int r = json_get_text(&key_at, &key, error);

    rule->topology_key = mem_copy_text(key);
    r = r < 0 ? r : read_selector(&selector, rule, error);
    r = r < 0 ? r : read_label_keys(&match, pod, MATCH_IN, &rule->selector, error);
    r = r < 0 ? r : read_label_keys(&mismatch, pod, MATCH_NOT_IN, &rule->selector, error);
    return r < 0 ? r : read_namespaces(at, pod, rule, error);
}

static int read_required(const struct json_at *list, enum pod_rule_kind kind,
                         struct pod_demand *pod, struct field_error *error) {
    size_t count = 0;
    int r = json_get_count(list, ENTRY_COUNT_MAX, &count, error);

    for (size_t i = 0; r == OK && i < count; i++) {
        struct json_at item = json_at_index(list, i);
        struct pod_rule rule = {.kind = kind};

        r = read_pod_term(&item, pod, &rule, error);
        pod_demand_take_rule(pod, &rule);
    }
    return r;
}

/* A preference keeps no pod from a node, but a quota may ask whom it looks at. */
static int read_preferred(const struct json_at *list, struct pod_demand *pod,
                          struct field_error *error) {
    size_t count = 0;
    int r = json_get_count(list, ENTRY_COUNT_MAX, &count, error);

    for (size_t i = 0; r == OK && i < count; i++) {
        struct json_at item = json_at_index(list, i);
        struct json_at term = json_at_key(&item, "podAffinityTerm");
        struct pod_rule rule = {.kind = POD_RULE_AFFINITY};

        r = read_namespaces(&term, pod, &rule, error);
        pod_rule_finish(&rule);
    }
    return r;
}

static int read_pod_affinity(const struct json_at *affinity, const char *name,
                             enum pod_rule_kind kind, struct pod_demand *pod,
                             struct field_error *error) {
    struct json_at at = json_at_key(affinity, name);
    struct json_at required = json_at_key(&at, "requiredDuringSchedulingIgnoredDuringExecution");
    struct json_at preferred = json_at_key(&at, "preferredDuringSchedulingIgnoredDuringExecution");
    int r = read_required(&required, kind, pod, error);

    return r < 0 ? r : read_preferred(&preferred, pod, error);
}

static int read_count(const struct json_at *parent, const char *key, uint32_t *out_count,
                      struct field_error *error) {
    struct json_at at = json_at_key(parent, key);
    int64_t value = 1;
    int r = json_get_int64(&at, &value, error);

    if (r == OK && (value < 1 || value > SKEW_MAX)) {
        return json_fail(&at, error, ERR_INVALID, "must be above 0");
    }
    *out_count = (uint32_t)value;
    return r;
}

static int read_policy(const struct json_at *parent, const char *key, const char *unusual,
                       bool *out_unusual, struct field_error *error) {
    struct json_at at = json_at_key(parent, key);
    const char *text = "";
    int r = json_get_text(&at, &text, error);

    *out_unusual = strcmp(text, unusual) == 0;
    return r;
}

static int read_spread(const struct json_at *at, struct pod_demand *pod, struct pod_rule *rule,
                       struct field_error *error) {
    struct json_at key_at = json_at_key(at, "topologyKey");
    struct json_at selector = json_at_key(at, "labelSelector");
    struct json_at match = json_at_key(at, "matchLabelKeys");
    const char *key = "";
    int r = json_get_text(&key_at, &key, error);

    rule->topology_key = mem_copy_text(key);
    pod_rule_add_namespace(rule, pod->namespace != NULL ? pod->namespace : "");
    r = r < 0 ? r : read_selector(&selector, rule, error);
    r = r < 0 ? r : read_label_keys(&match, pod, MATCH_IN, &rule->selector, error);
    r = r < 0 ? r : read_count(at, "maxSkew", &rule->skew_max, error);
    r = r < 0 ? r : read_count(at, "minDomains", &rule->domains_min, error);
    r = r < 0 ? r : read_policy(at, "nodeAffinityPolicy", "Ignore", &rule->ignores_where, error);
    return r < 0 ? r : read_policy(at, "nodeTaintsPolicy", "Honor", &rule->honours_taints, error);
}

static int read_spreads(const struct json_at *list, struct pod_demand *pod,
                        struct field_error *error) {
    size_t count = 0;
    int r = json_get_count(list, ENTRY_COUNT_MAX, &count, error);

    for (size_t i = 0; r == OK && i < count; i++) {
        struct json_at item = json_at_index(list, i);
        struct json_at when_at = json_at_key(&item, "whenUnsatisfiable");
        struct pod_rule rule = {.kind = POD_RULE_SPREAD};
        const char *when = "DoNotSchedule";

        r = json_get_text(&when_at, &when, error);
        if (r == OK && strcmp(when, "DoNotSchedule") != 0) {
            continue;
        }
        r = r < 0 ? r : read_spread(&item, pod, &rule, error);
        pod_demand_take_rule(pod, &rule);
    }
    return r;
}

int codec_pod_rules_read(const struct json_at *spec, struct pod_demand *pod,
                         struct field_error *error) {
    struct json_at affinity = json_at_key(spec, "affinity");
    struct json_at spreads = json_at_key(spec, "topologySpreadConstraints");
    int r = read_pod_affinity(&affinity, "podAffinity", POD_RULE_AFFINITY, pod, error);

    r = r < 0 ? r
              : read_pod_affinity(&affinity, "podAntiAffinity", POD_RULE_ANTI_AFFINITY, pod, error);
    return r < 0 ? r : read_spreads(&spreads, pod, error);
}
