#include "policy/retry.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/text.h"
#include "tests/test.h"

static const struct retry_policy policy = {
    .retries_max = 2, .infra_retries_max = 20, .backoff_first_us = 10, .backoff_max_us = 600};

static struct retry_rules *no_rules(void) {
    struct retry_rules *rules = malloc(sizeof *rules);

    retry_rules_init(rules);
    return rules;
}

TEST(retry_class_of__has_defaults_that_need_no_configuration) {
    static const struct {
        enum failure failure;
        enum retry_budget budget;
        enum retry_avoid avoid;
    } rows[] = {
        {FAILURE_NONE, RETRY_BUDGET_NONE, RETRY_AVOID_NO},
        {FAILURE_SUBMIT_TRANSIENT, RETRY_BUDGET_INFRA, RETRY_AVOID_NO},
        {FAILURE_QUOTA_RACE, RETRY_BUDGET_INFRA, RETRY_AVOID_NO},
        {FAILURE_REJECTED, RETRY_BUDGET_NONE, RETRY_AVOID_NO},
        {FAILURE_IMAGE, RETRY_BUDGET_USER, RETRY_AVOID_PREFERRED},
        {FAILURE_CONFIG, RETRY_BUDGET_USER, RETRY_AVOID_NO},
        {FAILURE_UNSCHEDULABLE, RETRY_BUDGET_INFRA, RETRY_AVOID_PREFERRED},
        {FAILURE_EXECUTOR_STARVED, RETRY_BUDGET_INFRA, RETRY_AVOID_NO},
        {FAILURE_OOM, RETRY_BUDGET_USER, RETRY_AVOID_NO},
        {FAILURE_EVICTED, RETRY_BUDGET_INFRA, RETRY_AVOID_PREFERRED},
        {FAILURE_NODE_LOST, RETRY_BUDGET_INFRA, RETRY_AVOID_PREFERRED},
        {FAILURE_PREEMPTED, RETRY_BUDGET_INFRA, RETRY_AVOID_NO},
        {FAILURE_DEADLINE, RETRY_BUDGET_NONE, RETRY_AVOID_NO},
        {FAILURE_APP, RETRY_BUDGET_USER, RETRY_AVOID_NO},
        {FAILURE_CANCELLED, RETRY_BUDGET_NONE, RETRY_AVOID_NO},
        {FAILURE_DEPENDENCY, RETRY_BUDGET_NONE, RETRY_AVOID_NO},
    };
    struct retry_rules *rules = no_rules();
    struct retry_classes common;

    retry_classes_init(&common);
    CHECK_EQ(ARRAY_LEN(rows), FAILURE_COUNT, "a row per class");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct retry_class class = retry_class_of(rules, &common, &policy, rows[i].failure);

        CHECK_EQ(class.budget, rows[i].budget, failure_text(rows[i].failure));
        CHECK_EQ(class.avoid, rows[i].avoid, failure_text(rows[i].failure));
        CHECK_EQ(class.backoff_first_us, 10, failure_text(rows[i].failure));
        CHECK_EQ(class.backoff_max_us, 600, failure_text(rows[i].failure));
        CHECK_EQ(class.retries_max, RETRY_UNSET, failure_text(rows[i].failure));
    }
    free(rules);
}

TEST(retry_class_of__the_job_goes_before_the_configuration) {
    struct retry_rules *rules = no_rules();
    struct retry_classes common;
    struct retry_class class;

    retry_classes_init(&common);
    common.of[FAILURE_OOM] = (struct retry_class){.budget = RETRY_BUDGET_INFRA,
                                                  .avoid = RETRY_AVOID_REQUIRED,
                                                  .retries_max = 3,
                                                  .backoff_first_us = 20,
                                                  .backoff_max_us = 40,
                                                  .grace_us = 50};
    rules->classes.of[FAILURE_OOM].retries_max = 1;
    rules->classes.of[FAILURE_OOM].backoff_max_us = 30;
    class = retry_class_of(rules, &common, &policy, FAILURE_OOM);
    CHECK_EQ(class.budget, RETRY_BUDGET_INFRA, "what the job does not say");
    CHECK_EQ(class.avoid, RETRY_AVOID_REQUIRED, "nor this");
    CHECK_EQ(class.retries_max, 1, "what it says");
    CHECK_EQ(class.backoff_first_us, 20, "the class's back-off before the common one");
    CHECK_EQ(class.backoff_max_us, 30, "the job's own first");
    CHECK_EQ(class.grace_us, 50, "the grace time");
    free(rules);
}

static struct retry_signs signs_of(const char *container, int32_t code, const char *condition) {
    struct retry_signs signs = {0};

    if (container != NULL) {
        signs.exit_count = 1;
        signs.exits[0].code = code;
        (void)text_copy(signs.exits[0].container, sizeof signs.exits[0].container, container);
    }
    if (condition != NULL) {
        signs.condition_count = 1;
        (void)text_copy(signs.conditions[0].type, sizeof signs.conditions[0].type, condition);
        (void)text_copy(signs.conditions[0].status, sizeof signs.conditions[0].status, "True");
    }
    return signs;
}

TEST(retry_rule_of__is_the_first_that_fits) {
    static const char text[] = "x 2 0 main 42,43;x 1 1 side 1;p 1 DisruptionTarget=True,Foo=False;"
                               "x 0 0 * 7;";
    static const struct {
        const char *what;
        const char *container;
        int32_t code;
        const char *condition;
        int want; /* -1: none */
    } rows[] = {
        {"a code of the list", "main", 43, NULL, 0},
        {"another code", "main", 44, NULL, -1},
        {"another container's", "other", 42, NULL, -1},
        {"not in the list", "side", 2, NULL, 1},
        {"in the list that it must not be in", "side", 1, NULL, -1},
        {"a condition", NULL, 0, "DisruptionTarget", 2},
        {"a condition with another status", NULL, 0, "Foo", -1},
        {"any container", "other", 7, NULL, 3},
        {"the first rule, though a later one fits too", "main", 42, "DisruptionTarget", 0},
        {"nothing to go by", NULL, 0, NULL, -1},
    };
    struct retry_rules *rules = no_rules();

    CHECK_OK(retry_rules_parse(text, rules), "reads");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct retry_signs signs =
            signs_of(rows[i].container, rows[i].code, rows[i].condition);
        const struct retry_rule *rule = retry_rule_of(rules, &signs);

        CHECK_EQ(rule == NULL ? -1 : (int)(rule - rules->rules), rows[i].want, rows[i].what);
    }
    free(rules);
}

TEST(retry_rules_parse__reads_what_is_printed_and_nothing_else) {
    static const char *const good[] = {
        "",
        "c oom 2 3 5 1000 2000 3000;",
        "c image 0 0 -1 -1 -1 60000000;g 2000 68719476736;",
        "x 2 0 main 42,43;x 3 0 * 9;x 1 1 * 1;p 1 DisruptionTarget=True,Foo=False;",
    };
    static const char *const bad[] = {
        "c",
        "c oom 2 3 5 1000 2000 3000",
        "c nothing 0 0 -1 -1 -1 -1;",
        "c oom 9 0 -1 -1 -1 -1;",
        "x 2 0 main ;",
        "x 4 0 main 1;",
        "p 1 A;",
        "y 1;",
        "g 1;",
        "x 2 0 main 42,43",
        "c oom 2 3 5 1000 2000 x;",
    };
    struct retry_rules *rules = no_rules();
    struct buf text;

    buf_init(&text, RETRY_TEXT_BYTES);
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        buf_clear(&text);
        CHECK_OK(retry_rules_parse(good[i], rules), good[i]);
        retry_rules_print(rules, &text);
        CHECK_STR(buf_text(&text), good[i], good[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        CHECK_EQ(retry_rules_parse(bad[i], rules), ERR_CORRUPT, bad[i]);
    }
    CHECK_OK(retry_rules_parse(NULL, rules), "no text");
    buf_finish(&text);
    free(rules);
}

TEST(retry_rules_print__the_longest_rules_fit) {
    struct retry_rules *rules = no_rules();
    struct retry_rules *back = no_rules();
    struct buf text;

    buf_init(&text, 10 * RETRY_TEXT_BYTES);
    rules->rule_count = RETRY_RULES_MAX;
    for (size_t i = 0; i < RETRY_RULES_MAX; i++) {
        struct retry_rule *rule = &rules->rules[i];

        memset(rule->container, 'c', RETRY_WORD_BYTES);
        rule->code_count = RETRY_CODES_MAX;
        for (size_t k = 0; k < RETRY_CODES_MAX; k++) {
            rule->codes[k] = INT32_MAX;
        }
    }
    retry_rules_print(rules, &text);
    CHECK_OK(retry_rules_parse(buf_text(&text), back), "comes back");
    CHECK_EQ(back->rules[RETRY_RULES_MAX - 1].codes[RETRY_CODES_MAX - 1], INT32_MAX, "whole");
    CHECK(text.bytes < RETRY_TEXT_BYTES, "within its limit");
    buf_finish(&text);
    free(rules);
    free(back);
}

TEST(retry_count_add__counts_each_class_for_itself) {
    uint64_t counts[2] = {0};

    retry_count_add(counts, FAILURE_OOM);
    retry_count_add(counts, FAILURE_OOM);
    retry_count_add(counts, FAILURE_CANCELLED);
    CHECK_EQ(retry_count_of(counts, FAILURE_OOM), 2, "twice");
    CHECK_EQ(retry_count_of(counts, FAILURE_CANCELLED), 1, "the last class");
    CHECK_EQ(retry_count_of(counts, FAILURE_EXECUTOR_STARVED), 0, "its neighbour");
    CHECK_EQ(retry_count_of(counts, FAILURE_EVICTED), 0, "the other neighbour");
    for (int i = 0; i < 300; i++) {
        retry_count_add(counts, FAILURE_OOM);
    }
    CHECK_EQ(retry_count_of(counts, FAILURE_OOM), 255, "no more than a byte");
    CHECK_EQ(retry_count_of(counts, FAILURE_EVICTED), 0, "and no carry");
}
