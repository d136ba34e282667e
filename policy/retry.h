/* policy/retry.h - what follows a failed attempt: another one, when, or none.
 *
 * Pure. For each class of failure there are defaults, what the configuration says instead, and
 * what the job says instead of both; a job may have rules for exit codes and conditions of its
 * pod, as in Kubernetes' podFailurePolicy, which go before its class. docs/manual/retry.md has
 * the table.
 */
#ifndef POLICY_RETRY_H
#define POLICY_RETRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "policy/job.h"

#define RETRY_UNSET          (-1)
#define RETRY_EXITS_MAX      8  /* of a pod that are looked at */
#define RETRY_CONDITIONS_MAX 12 /* the same */
#define RETRY_RULES_MAX      20 /* of a job, as Kubernetes has it */
#define RETRY_CODES_MAX      255
#define RETRY_PATTERNS_MAX   20
#define RETRY_WORD_BYTES     63
#define RETRY_TEXT_BYTES     65536 /* a job's rules as text */

/* What another attempt is paid from. */
enum retry_budget {
    RETRY_BUDGET_UNSET,
    RETRY_BUDGET_USER,  /* maxRetries */
    RETRY_BUDGET_INFRA, /* infraRetries */
    RETRY_BUDGET_NONE,  /* there is no other attempt */
};

/* How the next attempt keeps off the node of this one. */
enum retry_avoid {
    RETRY_AVOID_UNSET,
    RETRY_AVOID_NO,
    RETRY_AVOID_PREFERRED, /* Kubernetes takes another one if there is one */
    RETRY_AVOID_REQUIRED,
};

/* A class of failure. RETRY_UNSET where nothing is said. */
struct retry_class {
    enum retry_budget budget;
    enum retry_avoid avoid;
    int32_t retries_max; /* of this class alone, within the budget */
    int64_t backoff_first_us;
    int64_t backoff_max_us;
    int64_t grace_us; /* a pod that can't start for it is given up after this */
};

struct retry_classes {
    struct retry_class of[FAILURE_COUNT];
};

/* More memory after a driver or executors had too little. */
struct retry_growth {
    int32_t factor_permille; /* of what the last attempt had; 1000: none */
    int64_t ceiling_bytes;   /* of one pod; 0: what a node and the quotas hold */
};

enum retry_action {
    RETRY_COUNT,      /* spends maxRetries, whatever its class */
    RETRY_IGNORE,     /* spends infraRetries */
    RETRY_FAIL,       /* the job fails, and of an array all that is left of it is cancelled */
    RETRY_FAIL_INDEX, /* of an array the element fails, the others go on */
};

struct retry_pattern {
    char type[RETRY_WORD_BYTES + 1];
    char status[RETRY_WORD_BYTES + 1];
};

/* Either about exit codes (code_count > 0) or about conditions. */
struct retry_rule {
    enum retry_action action;
    bool not_in;
    char container[RETRY_WORD_BYTES + 1]; /* "": any */
    size_t code_count;
    int32_t codes[RETRY_CODES_MAX];
    size_t pattern_count;
    struct retry_pattern patterns[RETRY_PATTERNS_MAX];
};

/* What a job says for itself. */
struct retry_rules {
    struct retry_classes classes;
    struct retry_growth growth; /* RETRY_UNSET: nothing said */
    size_t rule_count;
    struct retry_rule rules[RETRY_RULES_MAX];
};

/* What a pod showed at its end. */
struct retry_signs {
    size_t exit_count;
    struct {
        char container[RETRY_WORD_BYTES + 1];
        int32_t code; /* not 0 */
    } exits[RETRY_EXITS_MAX];
    size_t condition_count;
    struct retry_pattern conditions[RETRY_CONDITIONS_MAX];
};

/* What the configuration says, beside a job's own budgets and back-off. */
struct retry_settings {
    struct retry_classes classes;
    struct retry_growth growth;
    int64_t avoid_half_life_us; /* of a failure's weight against its node; 0: nothing is avoided */
    uint32_t blame_above; /* a node that failed so many jobs lately, and more, is avoided by all */
    enum retry_avoid blame_avoid; /* how */
    int64_t learnt_age_us;        /* grown memory that nobody used for so long is forgotten */
    uint32_t breaker_jobs;      /* of one name failing alike in a row open its breaker; 0: never */
    uint32_t breaker_team_jobs; /* the same of one team */
    int64_t breaker_pause_us;   /* then one job may try */
};

void retry_settings_init(struct retry_settings *out_settings); /* the defaults */

/* Everything unset. */
void retry_rules_init(struct retry_rules *out_rules);
void retry_classes_init(struct retry_classes *out_classes);

/* A job's rules as one line, nothing for none; and back. ERR_CORRUPT: no printed rules. NULL and
 * "" are none. */
void retry_rules_print(const struct retry_rules *rules, struct buf *out);
int retry_rules_parse(const char *text, struct retry_rules *out_rules) MUST_CHECK;

/* The class as it is for a job: its own rules, else the configuration, else the defaults, else the
 * job's common back-off. Nothing is unset but retries_max and grace_us: no bound, then. */
struct retry_class retry_class_of(const struct retry_rules *rules,
                                  const struct retry_classes *common,
                                  const struct retry_policy *policy, enum failure failure);

/* The same of memory's growth. */
struct retry_growth retry_growth_of(const struct retry_rules *rules,
                                    const struct retry_growth *common);

/* The first rule that fits the signs; NULL: none does. */
const struct retry_rule *retry_rule_of(const struct retry_rules *rules,
                                       const struct retry_signs *signs);

const char *
retry_action_text(enum retry_action action); /* "Count", "Ignore", "FailJob", "FailIndex" */

/* How often a job's attempts failed with a class, saturated: two words of bytes. */
uint32_t retry_count_of(const uint64_t counts[2], enum failure failure);
void retry_count_add(uint64_t counts[2], enum failure failure);

#endif
