#include "config/retry_rules.h"

#include <stdint.h>
#include <string.h>

#include "base/ensure.h"
#include "base/limits.h"
#include "base/quantity.h"
#include "base/text.h"
#include "config/pod_schema.h"

static const char *const budgets[] = {"retries", "infra", "none", NULL};
static const char *const avoids[] = {"no", "preferred", "required", NULL};
static const char *const actions[] = {"Count", "Ignore", "FailJob", "FailIndex", NULL};
static const char *const operators[] = {"In", "NotIn", NULL};
static const char *const statuses[] = {"True", "False", "Unknown", NULL};

static const struct field backoff_fields[] = {
    FIELD("initial", FIELD_DURATION),
    FIELD("max", FIELD_DURATION),
};
static const struct schema backoff = SCHEMA(backoff_fields);

static const struct field class_fields[] = {
    FIELD_ONE_OF("avoidNode", avoids), FIELD_OF("backoff", FIELD_OBJECT, backoff),
    FIELD_ONE_OF("budget", budgets),   FIELD("grace", FIELD_DURATION),
    FIELD_RANGE("maxRetries", 0, 254),
};
static const struct schema class = SCHEMA(class_fields);

/* Those that happen to a pod of the job. */
static const struct field classes_fields[] = {
    FIELD_OF("app", FIELD_OBJECT, class),
    FIELD_OF("config", FIELD_OBJECT, class),
    FIELD_OF("deadline", FIELD_OBJECT, class),
    FIELD_OF("evicted", FIELD_OBJECT, class),
    FIELD_OF("executor_starved", FIELD_OBJECT, class),
    FIELD_OF("image", FIELD_OBJECT, class),
    FIELD_OF("node_lost", FIELD_OBJECT, class),
    FIELD_OF("oom", FIELD_OBJECT, class),
    FIELD_OF("preempted", FIELD_OBJECT, class),
    FIELD_OF("unschedulable", FIELD_OBJECT, class),
};
const struct schema schema_retry_classes = SCHEMA(classes_fields);

static const struct field growth_fields[] = {
    FIELD("ceiling", FIELD_QUANTITY),
    FIELD_RANGE("percent", 100, 1000),
};
static const struct schema growth = SCHEMA(growth_fields);

static const struct field codes_fields[] = {
    FIELD("containerName", FIELD_LABEL),
    {.name = "operator", .type = FIELD_WORD, .words = operators, .required = true},
    {.name = "values", .type = FIELD_IGNORED, .required = true}, /* check_codes() */
};
static const struct schema codes = SCHEMA(codes_fields);

static const struct field condition_fields[] = {
    FIELD_ONE_OF("status", statuses),
    FIELD_NEEDED("type", FIELD_LABEL_VALUE),
};
static const struct schema condition = SCHEMA(condition_fields);

static const struct field rule_fields[] = {
    {.name = "action", .type = FIELD_WORD, .words = actions, .required = true},
    FIELD_OF("onExitCodes", FIELD_OBJECT, codes),
    FIELD_OF("onPodConditions", FIELD_OBJECTS, condition),
};
static const struct schema rule = SCHEMA(rule_fields);

static const struct field policy_fields[] = {FIELD_OF("rules", FIELD_OBJECTS, rule)};
static const struct schema policy = SCHEMA(policy_fields);

static const struct field retry_fields[] = {
    FIELD_OF("backoff", FIELD_OBJECT, backoff),
    FIELD_OF("classes", FIELD_OBJECT, schema_retry_classes),
    FIELD_RANGE("infraRetries", 0, LIMIT_JOB_ATTEMPTS - 1),
    FIELD_RANGE("maxRetries", 0, LIMIT_JOB_ATTEMPTS - 1),
    FIELD_OF("memoryGrowth", FIELD_OBJECT, growth),
    FIELD_OF("podFailurePolicy", FIELD_OBJECT, policy),
};
const struct schema schema_retry = SCHEMA(retry_fields);

/* --- Reading --------------------------------------------------------------------------------- */

static int64_t duration_us(const struct text_node *object, const char *key) {
    const struct text_node *node = node_member(object, key);
    int64_t us = RETRY_UNSET;

    return node != NULL && text_parse_duration_us(node->text, &us) == OK ? us : RETRY_UNSET;
}

/* The place of a member's word among those allowed, from 1; 0: it is not there. */
static unsigned word_of(const struct text_node *object, const char *key, const char *const *words) {
    const struct text_node *node = node_member(object, key);
    unsigned at = 0;

    if (node == NULL) {
        return 0;
    }
    while (words[at] != NULL && strcmp(words[at], node->text) != 0) {
        at++;
    }
    return at + 1;
}

enum retry_avoid retry_avoid_of(const char *word) {
    unsigned at = 0;

    while (avoids[at] != NULL && strcmp(avoids[at], word) != 0) {
        at++;
    }
    return (enum retry_avoid)(at + 1);
}

static void read_class(const struct text_node *object, struct retry_class *out_class) {
    const struct text_node *retries = node_member(object, "maxRetries");
    const struct text_node *waits = node_member(object, "backoff");

    out_class->budget = (enum retry_budget)word_of(object, "budget", budgets);
    out_class->avoid = (enum retry_avoid)word_of(object, "avoidNode", avoids);
    out_class->grace_us = duration_us(object, "grace");
    if (retries != NULL) {
        out_class->retries_max = (int32_t)node_int(retries);
    }
    if (waits != NULL) {
        out_class->backoff_first_us = duration_us(waits, "initial");
        out_class->backoff_max_us = duration_us(waits, "max");
    }
}

void retry_classes_read(const struct text_node *classes, struct retry_classes *out_classes) {
    retry_classes_init(out_classes);
    for (size_t i = 0; classes != NULL && i < FAILURE_COUNT; i++) {
        const struct text_node *object = node_member(classes, failure_text((enum failure)i));

        if (object != NULL) {
            read_class(object, &out_classes->of[i]);
        }
    }
}

static void read_codes(const struct text_node *object, struct retry_rule *out_rule) {
    const struct text_node *container = node_member(object, "containerName");
    const struct text_node *values = node_member(object, "values");

    out_rule->not_in = word_of(object, "operator", operators) == 2;
    if (container != NULL) {
        (void)text_copy(out_rule->container, sizeof out_rule->container, container->text);
    }
    for (uint32_t i = 0; i < values->count; i++) {
        out_rule->codes[out_rule->code_count++] = (int32_t)node_int(&values->items[i]);
    }
}

static void read_conditions(const struct text_node *list, struct retry_rule *out_rule) {
    for (uint32_t i = 0; i < list->count; i++) {
        struct retry_pattern *pattern = &out_rule->patterns[out_rule->pattern_count++];
        const struct text_node *status = node_member(&list->items[i], "status");

        (void)text_copy(pattern->type, sizeof pattern->type,
                        node_member(&list->items[i], "type")->text);
        (void)text_copy(pattern->status, sizeof pattern->status,
                        status != NULL ? status->text : "True");
    }
}

static const struct text_node *rules_of(const struct text_node *retry) {
    const struct text_node *object = node_member(retry, "podFailurePolicy");

    return object != NULL ? node_member(object, "rules") : NULL;
}

static void read_rules(const struct text_node *list, struct retry_rules *out_rules) {
    for (uint32_t i = 0; list != NULL && i < list->count; i++) {
        struct retry_rule *out = &out_rules->rules[out_rules->rule_count++];
        const struct text_node *on_codes = node_member(&list->items[i], "onExitCodes");
        const struct text_node *on_conditions = node_member(&list->items[i], "onPodConditions");

        out->action = (enum retry_action)(word_of(&list->items[i], "action", actions) - 1);
        if (on_codes != NULL) {
            read_codes(on_codes, out);
        } else {
            read_conditions(on_conditions, out);
        }
    }
}

void retry_rules_read(const struct text_node *retry, struct retry_rules *out_rules) {
    const struct text_node *more = retry != NULL ? node_member(retry, "memoryGrowth") : NULL;
    const struct text_node *percent = more != NULL ? node_member(more, "percent") : NULL;
    const struct text_node *ceiling = more != NULL ? node_member(more, "ceiling") : NULL;

    retry_rules_init(out_rules);
    if (retry == NULL) {
        return;
    }
    retry_classes_read(node_member(retry, "classes"), &out_rules->classes);
    if (percent != NULL) {
        out_rules->growth.factor_permille = (int32_t)node_int(percent) * 10;
    }
    if (ceiling != NULL &&
        quantity_parse_units(ceiling->text, &out_rules->growth.ceiling_bytes) < 0) {
        out_rules->growth.ceiling_bytes = RETRY_UNSET;
    }
    read_rules(rules_of(retry), out_rules);
}

/* --- Checking -------------------------------------------------------------------------------- */

static void check_codes(const struct text_node *object, const struct trail *trail,
                        struct problems *problems) {
    static const struct field code = {
        .name = "values", .type = FIELD_INT, .min = 0, .max = INT32_MAX};
    const struct text_node *values = node_member(object, "values");
    struct trail in_values = {trail, "values", 0};
    bool is_in = word_of(object, "operator", operators) == 1;

    if (values == NULL || values->kind != NODE_LIST) {
        return; /* Its schema has said so. */
    }
    if (values->count == 0 || values->count > RETRY_CODES_MAX) {
        problems_add_at(problems, node_place(values), &in_values, "must have 1 to %d values",
                        RETRY_CODES_MAX);
    }
    for (uint32_t i = 0; i < values->count; i++) {
        struct trail at = {&in_values, NULL, i};
        struct text_node value = values->items[i];
        size_t before = problems->count;

        schema_check_field(&code, &value, &at, problems);
        if (problems->count == before && is_in && node_int(&value) == 0) {
            problems_add_at(problems, value.place, &at, "0 is success, and never a failure");
        }
    }
}

static void check_rule(const struct text_node *object, const struct trail *trail,
                       struct problems *problems) {
    const struct text_node *on_codes = node_member(object, "onExitCodes");
    const struct text_node *conditions = node_member(object, "onPodConditions");
    struct trail at_codes = {trail, "onExitCodes", 0};

    if ((on_codes != NULL) == (conditions != NULL)) {
        problems_add_at(problems, node_place(object), trail,
                        "needs one of onExitCodes and onPodConditions");
    } else if (on_codes != NULL && on_codes->kind == NODE_OBJECT) {
        check_codes(on_codes, &at_codes, problems);
    } else if (conditions != NULL && conditions->kind == NODE_LIST &&
               (conditions->count == 0 || conditions->count > RETRY_PATTERNS_MAX)) {
        problems_add_at(problems, node_place(conditions), trail, "must have 1 to %d conditions",
                        RETRY_PATTERNS_MAX);
    }
}

void retry_rules_check(const struct text_node *retry, const struct trail *trail,
                       struct problems *problems) {
    const struct text_node *list =
        retry != NULL && retry->kind == NODE_OBJECT ? rules_of(retry) : NULL;
    struct trail in_policy = {trail, "podFailurePolicy", 0};
    struct trail in_rules = {&in_policy, "rules", 0};

    if (list == NULL || list->kind != NODE_LIST) {
        return;
    }
    if (list->count > RETRY_RULES_MAX) {
        problems_add_at(problems, node_place(list), &in_rules, "more than %d", RETRY_RULES_MAX);
    }
    for (uint32_t i = 0; i < list->count; i++) {
        struct trail at = {&in_rules, NULL, i};

        if (list->items[i].kind == NODE_OBJECT) {
            check_rule(&list->items[i], &at, problems);
        }
    }
}
