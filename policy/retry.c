#include "policy/retry.h"

#include <inttypes.h>
#include <string.h>

#include "base/ensure.h"
#include "base/text.h"

#define SECOND_US ((int64_t)1000000)
#define HOUR_US   (3600 * SECOND_US)

#define UNSAID \
    .retries_max = RETRY_UNSET, .backoff_first_us = RETRY_UNSET, .backoff_max_us = RETRY_UNSET

/* A pod that a kubelet refuses, or that is evicted, may be so again on the same node. */
static const struct retry_class defaults[FAILURE_COUNT] = {
    [FAILURE_NONE] = {RETRY_BUDGET_NONE, RETRY_AVOID_NO, UNSAID, .grace_us = RETRY_UNSET},
    [FAILURE_SUBMIT_TRANSIENT] = {RETRY_BUDGET_INFRA, RETRY_AVOID_NO, UNSAID,
                                  .grace_us = RETRY_UNSET},
    [FAILURE_QUOTA_RACE] = {RETRY_BUDGET_INFRA, RETRY_AVOID_NO, UNSAID, .grace_us = RETRY_UNSET},
    [FAILURE_REJECTED] = {RETRY_BUDGET_NONE, RETRY_AVOID_NO, UNSAID, .grace_us = RETRY_UNSET},
    [FAILURE_IMAGE] = {RETRY_BUDGET_USER, RETRY_AVOID_PREFERRED, UNSAID,
                       .grace_us = 300 * SECOND_US},
    [FAILURE_CONFIG] = {RETRY_BUDGET_USER, RETRY_AVOID_NO, UNSAID, .grace_us = 300 * SECOND_US},
    [FAILURE_UNSCHEDULABLE] = {RETRY_BUDGET_INFRA, RETRY_AVOID_PREFERRED, UNSAID,
                               .grace_us = RETRY_UNSET},
    [FAILURE_EXECUTOR_STARVED] = {RETRY_BUDGET_INFRA, RETRY_AVOID_NO, UNSAID,
                                  .grace_us = RETRY_UNSET},
    [FAILURE_OOM] = {RETRY_BUDGET_USER, RETRY_AVOID_NO, UNSAID, .grace_us = RETRY_UNSET},
    [FAILURE_EVICTED] = {RETRY_BUDGET_INFRA, RETRY_AVOID_PREFERRED, UNSAID,
                         .grace_us = RETRY_UNSET},
    [FAILURE_NODE_LOST] = {RETRY_BUDGET_INFRA, RETRY_AVOID_PREFERRED, UNSAID,
                           .grace_us = RETRY_UNSET},
    [FAILURE_PREEMPTED] = {RETRY_BUDGET_INFRA, RETRY_AVOID_NO, UNSAID, .grace_us = RETRY_UNSET},
    [FAILURE_DEADLINE] = {RETRY_BUDGET_NONE, RETRY_AVOID_NO, UNSAID, .grace_us = RETRY_UNSET},
    [FAILURE_APP] = {RETRY_BUDGET_USER, RETRY_AVOID_NO, UNSAID, .grace_us = RETRY_UNSET},
    [FAILURE_DEPENDENCY] = {RETRY_BUDGET_NONE, RETRY_AVOID_NO, UNSAID, .grace_us = RETRY_UNSET},
    [FAILURE_CANCELLED] = {RETRY_BUDGET_NONE, RETRY_AVOID_NO, UNSAID, .grace_us = RETRY_UNSET},
};

static const struct retry_class nothing_said = {UNSAID, .grace_us = RETRY_UNSET};

void retry_classes_init(struct retry_classes *out_classes) {
    for (size_t i = 0; i < FAILURE_COUNT; i++) {
        out_classes->of[i] = nothing_said;
    }
}

void retry_rules_init(struct retry_rules *out_rules) {
    memset(out_rules, 0, sizeof *out_rules);
    retry_classes_init(&out_rules->classes);
    out_rules->growth = (struct retry_growth){RETRY_UNSET, RETRY_UNSET};
}

void retry_settings_init(struct retry_settings *out_settings) {
    *out_settings = (struct retry_settings){
        .growth = {.factor_permille = 1500},
        .avoid_half_life_us = HOUR_US,
        .blame_above = 2,
        .blame_avoid = RETRY_AVOID_PREFERRED,
        .learnt_age_us = 30 * 24 * HOUR_US,
        .breaker_jobs = 10,
        .breaker_pause_us = HOUR_US / 2,
    };
    retry_classes_init(&out_settings->classes);
}

/* --- Classes --------------------------------------------------------------------------------- */

/* What `over` says, and `under` where it says nothing. */
static struct retry_class merged(const struct retry_class *over, const struct retry_class *under) {
    struct retry_class class = *over;

    class.budget = over->budget != RETRY_BUDGET_UNSET ? over->budget : under->budget;
    class.avoid = over->avoid != RETRY_AVOID_UNSET ? over->avoid : under->avoid;
    class.retries_max = over->retries_max != RETRY_UNSET ? over->retries_max : under->retries_max;
    class.grace_us = over->grace_us != RETRY_UNSET ? over->grace_us : under->grace_us;
    if (over->backoff_first_us == RETRY_UNSET) {
        class.backoff_first_us = under->backoff_first_us;
    }
    if (over->backoff_max_us == RETRY_UNSET) {
        class.backoff_max_us = under->backoff_max_us;
    }
    return class;
}

struct retry_class retry_class_of(const struct retry_rules *rules,
                                  const struct retry_classes *common,
                                  const struct retry_policy *policy, enum failure failure) {
    struct retry_class class = merged(&common->of[failure], &defaults[failure]);
    const struct retry_class waits = {.backoff_first_us = policy->backoff_first_us,
                                      .backoff_max_us = policy->backoff_max_us,
                                      .retries_max = RETRY_UNSET,
                                      .grace_us = RETRY_UNSET};

    class = merged(&rules->classes.of[failure], &class);
    return merged(&class, &waits);
}

struct retry_growth retry_growth_of(const struct retry_rules *rules,
                                    const struct retry_growth *common) {
    struct retry_growth growth = rules->growth;

    if (growth.factor_permille == RETRY_UNSET) {
        growth.factor_permille = common->factor_permille;
    }
    if (growth.ceiling_bytes == RETRY_UNSET) {
        growth.ceiling_bytes = common->ceiling_bytes;
    }
    return growth;
}

static unsigned place_of(enum failure failure) {
    return 8 * ((unsigned)failure % 8);
}

_Static_assert(FAILURE_COUNT <= 16, "two words hold a byte per class");

uint32_t retry_count_of(const uint64_t counts[2], enum failure failure) {
    return (uint32_t)(counts[failure / 8] >> place_of(failure)) & 0xff;
}

void retry_count_add(uint64_t counts[2], enum failure failure) {
    if (retry_count_of(counts, failure) < 0xff) {
        counts[failure / 8] += UINT64_C(1) << place_of(failure);
    }
}

/* --- Rules ----------------------------------------------------------------------------------- */

static bool has_code(const struct retry_rule *rule, int32_t code) {
    for (size_t i = 0; i < rule->code_count; i++) {
        if (rule->codes[i] == code) {
            return true;
        }
    }
    return false;
}

/* Ends with 0 are not among the signs: they never count, as in Kubernetes. */
static bool fits_codes(const struct retry_rule *rule, const struct retry_signs *signs) {
    for (size_t i = 0; i < signs->exit_count; i++) {
        bool is_meant =
            rule->container[0] == '\0' || strcmp(rule->container, signs->exits[i].container) == 0;

        if (is_meant && has_code(rule, signs->exits[i].code) != rule->not_in) {
            return true;
        }
    }
    return false;
}

static bool has_condition(const struct retry_signs *signs, const struct retry_pattern *pattern) {
    for (size_t i = 0; i < signs->condition_count; i++) {
        if (strcmp(signs->conditions[i].type, pattern->type) == 0 &&
            strcmp(signs->conditions[i].status, pattern->status) == 0) {
            return true;
        }
    }
    return false;
}

static bool fits_conditions(const struct retry_rule *rule, const struct retry_signs *signs) {
    for (size_t i = 0; i < rule->pattern_count; i++) {
        if (has_condition(signs, &rule->patterns[i])) {
            return true;
        }
    }
    return false;
}

const struct retry_rule *retry_rule_of(const struct retry_rules *rules,
                                       const struct retry_signs *signs) {
    for (size_t i = 0; i < rules->rule_count; i++) {
        const struct retry_rule *rule = &rules->rules[i];

        if (rule->code_count > 0 ? fits_codes(rule, signs) : fits_conditions(rule, signs)) {
            return rule;
        }
    }
    return NULL;
}

/* --- Words ----------------------------------------------------------------------------------- */

const char *retry_action_text(enum retry_action action) {
    static const char *const texts[] = {"Count", "Ignore", "FailJob", "FailIndex"};

    return texts[action];
}
