#include "scheduler/retrying.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "policy/avoid.h"
#include "policy/demand_change.h"
#include "scheduler/arrays.h"
#include "scheduler/blamed.h"
#include "scheduler/learnt.h"
#include "scheduler/lifecycle.h"

#define GROWTH_PERMILLE_MAX 1000000
#define ALWAYS              "restartPolicy Always"

/* The job's rules, read when they are needed: failures are few. What can't be read says nothing. */
static struct retry_rules *read_rules(const struct entry *entry) {
    struct retry_rules *rules = mem_alloc(1, sizeof *rules);

    if (retry_rules_parse(entry->terms->retry.rules, rules) < 0) {
        retry_rules_init(rules);
    }
    return rules;
}

int64_t retrying_grace_us(const struct core *core, const struct entry *entry,
                          enum failure failure) {
    struct retry_rules *rules = read_rules(entry);
    const struct retry_class class =
        retry_class_of(rules, &core->retry.classes, &entry->terms->retry, failure);

    free(rules);
    return class.grace_us != RETRY_UNSET ? class.grace_us : CLOCK_NEVER_US;
}

/* Why the job could never start with such a demand; REASON_NONE: it could. */
static enum reason_code never_reason(struct core *core, const struct entry *entry,
                                     struct demand *demand) {
    const char *namespace = entry->terms->namespace;
    struct demand *applied = view_apply_limits(core, namespace, demand);
    struct error error = {0};
    struct reason reason = reason_plain(REASON_NONE);

    if (view_check_limits(core, namespace, applied, &error) < 0) {
        reason.code = REASON_LIMIT_RANGE;
    } else if (!view_is_never(core, namespace, applied, &reason)) {
        reason.code = REASON_NONE;
    }
    demand_destroy(applied);
    return (enum reason_code)reason.code;
}

/* --- Nodes ----------------------------------------------------------------------------------- */

static void keep_avoided(struct entry *entry, const struct avoid_list *list) {
    struct course *course = entry_edit(entry);
    struct buf text;

    buf_init(&text, AVOID_OWN_MAX * (LIMIT_NAME_BYTES + 64));
    avoid_print(list, &text);
    free(course->avoid);
    course->avoid = list->count > 0 ? buf_take_text(&text) : NULL;
    buf_finish(&text);
}

static void avoid(struct core *core, struct entry *entry, enum retry_avoid how) {
    const char *node = entry->run->attempt.node;
    struct avoid_list list;

    if (how == RETRY_AVOID_NO || node[0] == '\0' || core->retry.avoid_half_life_us == 0) {
        return;
    }
    avoid_parse(entry_course(entry)->avoid, &list);
    avoid_note(&list, node, how == RETRY_AVOID_REQUIRED, core->retry.avoid_half_life_us,
               core->instant.now_us);
    keep_avoided(entry, &list);
}

/* Without these nodes the gang could never start: then they are only the last choice. */
static void relax(struct core *core, struct entry *entry, struct avoid_list *list) {
    for (size_t i = 0; i < list->count; i++) {
        list->nodes[i].is_required = false;
    }
    keep_avoided(entry, list);
    lifecycle_note(core, entry, "avoid_relaxed",
                   "no other node could hold it: the nodes that failed it are its last choice now");
}

/* --- Memory ---------------------------------------------------------------------------------- */

static uint32_t *growth_slot(struct course *course, bool of_executors) {
    return of_executors ? &course->executor_growth : &course->driver_growth;
}

/* Could a gang ever start that has grown so far? Quotas that can be raised bound it, too. */
static bool is_possible(struct core *core, struct entry *entry, bool of_executors,
                        uint32_t permille) {
    const struct course *course = entry_course(entry);
    const struct demand_change change = {
        .driver_permille = of_executors ? course->driver_growth : permille,
        .executor_permille = of_executors ? permille : course->executor_growth};
    struct demand *demand = demand_changed(view_base(entry), &change);
    const enum reason_code never = never_reason(core, entry, demand);

    demand_destroy(demand);
    return never == REASON_NONE;
}

/* The most of it that could start. */
static uint32_t largest_possible(struct core *core, struct entry *entry, bool of_executors,
                                 uint32_t had, uint32_t wanted) {
    uint32_t low = had;
    uint32_t high = wanted;

    if (is_possible(core, entry, of_executors, wanted)) {
        return wanted;
    }
    while (high - low > 1) {
        const uint32_t middle = low + (high - low) / 2;

        if (is_possible(core, entry, of_executors, middle)) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

static uint32_t wanted_permille(const struct retry_growth *growth, uint32_t had, int64_t base) {
    double wanted = (double)had * growth->factor_permille / 1000;

    if (growth->ceiling_bytes > 0 && wanted / 1000 * (double)base > (double)growth->ceiling_bytes) {
        wanted = (double)growth->ceiling_bytes / (double)base * 1000;
    }
    wanted = wanted < GROWTH_PERMILLE_MAX ? wanted : GROWTH_PERMILLE_MAX;
    return wanted > had ? (uint32_t)wanted : had;
}

/* Says what came of it, for the event. */
static const char *grow(struct core *core, struct entry *entry, const struct retry_growth *growth,
                        bool of_executors) {
    struct course *course = entry_edit(entry);
    uint32_t *slot = growth_slot(course, of_executors);
    const uint32_t had = *slot > 1000 ? *slot : 1000;
    const int64_t base =
        entry->shape != NULL ? demand_role_memory(view_base(entry), of_executors) : 0;
    const char *of = of_executors ? "executors" : "its main pod";
    char memory[QUANTITY_BYTES_MAX];
    uint32_t wanted;
    uint32_t got;

    if (base == 0 || growth->factor_permille <= 1000) {
        return "";
    }
    wanted = wanted_permille(growth, had, base);
    got = wanted > had ? largest_possible(core, entry, of_executors, had, wanted) : had;
    if (demand_grown_bytes(base, got) <= demand_grown_bytes(base, had)) {
        return outbox_format(&core->outbox, "; %s can't have more memory than before", of);
    }
    *slot = got;
    learnt_note(core, entry, of_executors, demand_grown_bytes(base, got));
    resource_print(&core->names, RESOURCE_MEMORY, demand_grown_bytes(base, got), memory);
    return outbox_format(&core->outbox, "; memory %s for %s%s", memory, of,
                         got < wanted ? ", the most that could start" : "");
}

/* --- What the next attempt asks for ---------------------------------------------------------- */

/* False: without the nodes that it must avoid it could never start, and nothing was changed. */
static bool dress(struct core *core, struct entry *entry, const struct avoid_list *list) {
    const char *avoided[AVOID_OWN_MAX];
    struct demand_change change = {.driver_permille = entry_course(entry)->driver_growth,
                                   .executor_permille = entry_course(entry)->executor_growth,
                                   .avoided = avoided};
    struct demand *demand;
    enum reason_code never;

    for (size_t i = 0; i < list->count; i++) {
        if (list->nodes[i].is_required) {
            avoided[change.avoided_count++] = list->nodes[i].name;
        }
    }
    demand = demand_changed(view_base(entry), &change);
    never = change.avoided_count > 0 ? never_reason(core, entry, demand) : REASON_NONE;
    if (never == REASON_NONE || never == REASON_QUOTA_NEVER) {
        view_dress(core, entry, demand);
        return true;
    }
    demand_destroy(demand);
    return false;
}

void retrying_refresh(struct core *core, struct entry *entry) {
    const int64_t half_life_us = core->retry.avoid_half_life_us;
    const int64_t now_us = core->instant.now_us;
    struct avoid_list list;
    size_t before;
    int64_t ends_us;

    if (entry->shape == NULL) {
        return;
    }
    avoid_parse(entry_course(entry)->avoid, &list);
    before = list.count;
    avoid_settle(&list, half_life_us, now_us);
    if (list.count != before) {
        keep_avoided(entry, &list);
        view_changed(core, entry);
    }
    if (!dress(core, entry, &list)) {
        relax(core, entry, &list);
        (void)dress(core, entry, &list);
    }
    ends_us = avoid_ends_us(&list, half_life_us, now_us);
    if (ends_us != INT64_MAX) {
        lifecycle_wake_at(core, entry->id, core->instant.mono_us + (ends_us - now_us));
    }
}

/* No more than could start here. */
static uint32_t within(struct core *core, struct entry *entry, bool of_executors,
                       uint32_t permille) {
    return permille > 1000 ? largest_possible(core, entry, of_executors, 1000, permille) : 0;
}

void retrying_recall(struct core *core, struct entry *entry) {
    uint32_t driver, executors;

    if (entry->shape == NULL || !learnt_find(core, entry, view_base(entry), &driver, &executors)) {
        return;
    }
    entry_edit(entry)->driver_growth = within(core, entry, false, driver);
    entry_edit(entry)->executor_growth = within(core, entry, true, executors);
    retrying_refresh(core, entry);
}

/* Growth that could not start any more is less from now on. */
static bool refit_role(struct core *core, struct entry *entry, bool of_executors) {
    uint32_t *slot = growth_slot(entry_edit(entry), of_executors);
    uint32_t fits = *slot > 1000 ? within(core, entry, of_executors, *slot) : *slot;

    if (fits == *slot) {
        return false;
    }
    *slot = fits;
    learnt_note(core, entry, of_executors,
                demand_grown_bytes(demand_role_memory(view_base(entry), of_executors), fits));
    return true;
}

void retrying_refit(struct core *core, struct entry *entry) {
    const struct course *course = entry_course(entry);
    bool driver, executors;

    if (entry->shape == NULL ||
        (course->driver_growth <= 1000 && course->executor_growth <= 1000)) {
        return;
    }
    driver = refit_role(core, entry, false);
    executors = refit_role(core, entry, true);
    if (driver || executors) {
        lifecycle_note(core, entry, "memory", "less than it had grown to: no more could start");
        retrying_refresh(core, entry);
    }
}

/* --- The decision ---------------------------------------------------------------------------- */

/* What pays for another attempt. */
struct purse {
    enum retry_budget budget;
    uint32_t *spent;
    uint32_t most;
    const char *what; /* "retr", to be followed by y or ies */
};

static struct purse purse_of(struct entry *entry, enum retry_budget budget) {
    struct course *course = entry_edit(entry);
    const struct retry_policy *retry = &entry->terms->retry;

    if (budget == RETRY_BUDGET_INFRA) {
        return (struct purse){budget, &course->infra_retries, retry->infra_retries_max,
                              "infrastructure retr"};
    }
    return (struct purse){budget, &course->retries, retry->retries_max, "retr"};
}

static enum retry_budget budget_of(const struct retry_class *class, const struct retry_rule *rule) {
    static const enum retry_budget budgets[] = {[RETRY_COUNT] = RETRY_BUDGET_USER,
                                                [RETRY_IGNORE] = RETRY_BUDGET_INFRA,
                                                [RETRY_FAIL] = RETRY_BUDGET_NONE,
                                                [RETRY_FAIL_INDEX] = RETRY_BUDGET_NONE};

    return rule != NULL ? budgets[rule->action] : class->budget;
}

/* Its class may fail no more; RETRY_UNSET allows what the budget does. */
static bool is_class_spent(const struct course *course, const struct retry_class *class) {
    return class->retries_max != RETRY_UNSET &&
           retry_count_of(course->failed_as, course->failure) > (uint32_t) class->retries_max;
}

static void fail(struct core *core, struct entry *entry, const struct purse *purse,
                 const struct retry_class *class, const char *message) {
    const struct course *course = entry_course(entry);
    const char *why = "not tried again";

    if (purse->budget != RETRY_BUDGET_NONE && is_class_spent(course, class)) {
        why = outbox_format(&core->outbox, "retries %" PRId32 " of %" PRId32 " of this class used",
                            class->retries_max, class->retries_max);
    } else if (purse->budget != RETRY_BUDGET_NONE) {
        why = outbox_format(&core->outbox, "%sies %" PRIu32 " of %" PRIu32 " used", purse->what,
                            *purse->spent, purse->most);
    }
    lifecycle_move(
        core, entry, JOB_FAILED, "failed",
        outbox_format(&core->outbox, "%s: %s (%s)", failure_text(course->failure), message, why));
}

static void try_again(struct core *core, struct entry *entry, const struct purse *purse,
                      const struct retry_class *class, const char *message) {
    const struct retry_policy waits = {.backoff_first_us = class->backoff_first_us,
                                       .backoff_max_us = class->backoff_max_us};
    const struct course *course = entry_course(entry);
    int64_t wait_us = retry_backoff_us(&waits, course->failures, rng_unit(&core->rng));
    char wait[32];

    core->counts.retries++;
    lifecycle_wait(core, entry, wait_us);
    text_print_duration(wait_us, wait);
    if (entry->terms->retry.always) {
        lifecycle_move(core, entry, JOB_RETRY_WAIT, "retry",
                       outbox_format(&core->outbox, "%s: %s; runs again in %s (" ALWAYS ")",
                                     failure_text(course->failure), message, wait));
        return;
    }
    (*purse->spent)++;
    lifecycle_move(core, entry, JOB_RETRY_WAIT, "retry",
                   outbox_format(&core->outbox,
                                 "%s: %s; tried again in %s (%sy %" PRIu32 " of %" PRIu32 ")",
                                 failure_text(course->failure), message, wait, purse->what,
                                 *purse->spent, purse->most));
}

/* What the rules of the job and its class make of it. */
struct verdict {
    struct retry_class class;
    struct retry_growth growth;
    enum retry_budget budget;
    const char *rule; /* of podFailurePolicy, what it does; NULL: none fits */
    bool fails_array; /* it is FailJob, of an array's element */
};

static struct verdict judge(const struct core *core, const struct entry *entry,
                            enum failure failure) {
    struct retry_rules *rules = read_rules(entry);
    const struct retry_signs *signs = entry->run->signs;
    const struct retry_rule *rule = signs != NULL ? retry_rule_of(rules, signs) : NULL;
    struct verdict verdict = {
        .class = retry_class_of(rules, &core->retry.classes, &entry->terms->retry, failure),
        .growth = retry_growth_of(rules, &core->retry.growth),
        .rule = rule != NULL ? retry_action_text(rule->action) : NULL};

    verdict.fails_array =
        rule != NULL && rule->action == RETRY_FAIL && entry->terms->array[0] != '\0';
    verdict.budget = budget_of(&verdict.class, rule);
    free(rules);
    return verdict;
}

/* Of a job that runs again whenever it ends only its own rules can say that this was the end. */
static bool is_over(const struct entry *entry, const struct verdict *verdict,
                    const struct purse *purse) {
    const struct course *course = entry_course(entry);

    if (entry->terms->retry.always) {
        return verdict->rule != NULL && verdict->budget == RETRY_BUDGET_NONE;
    }
    return verdict->budget == RETRY_BUDGET_NONE || *purse->spent >= purse->most ||
           is_class_spent(course, &verdict->class) || course->attempt >= LIMIT_JOB_ATTEMPTS;
}

void retrying_decide(struct core *core, struct entry *entry, const struct diagnosis *diagnosis,
                     const char *message) {
    struct course *course = entry_edit(entry);
    const struct verdict verdict = judge(core, entry, diagnosis->failure);
    const struct purse purse = purse_of(entry, verdict.budget);

    course->failures++;
    blamed_note(core, entry, diagnosis->failure);
    retry_count_add(course->failed_as, diagnosis->failure);
    if (verdict.rule != NULL) {
        message = outbox_format(&core->outbox, "%s; podFailurePolicy: %s%s", message, verdict.rule,
                                verdict.fails_array ? ", so its array is cancelled" : "");
    }
    if (diagnosis->failure == FAILURE_OOM) { /* Of a job that fails, too: for the next night. */
        message = outbox_format(&core->outbox, "%s%s", message,
                                grow(core, entry, &verdict.growth, diagnosis->of_executors));
    }
    if (is_over(entry, &verdict, &purse)) {
        fail(core, entry, &purse, &verdict.class, message);
        if (verdict.fails_array) {
            arrays_fail(core, entry);
        }
        return;
    }
    avoid(core, entry, verdict.class.avoid);
    try_again(core, entry, &purse, &verdict.class, message);
    retrying_refresh(core, entry);
}

void retrying_run_again(struct core *core, struct entry *entry, const char *message) {
    const int64_t wait_us = entry->terms->retry.backoff_first_us;
    char wait[32];

    retrying_renew(entry);
    lifecycle_wait(core, entry, wait_us);
    text_print_duration(wait_us, wait);
    lifecycle_move(
        core, entry, JOB_RETRY_WAIT, "run_again",
        outbox_format(&core->outbox, "%s; runs again in %s (" ALWAYS ")", message, wait));
    retrying_refresh(core, entry);
}

void retrying_renew(struct entry *entry) {
    struct course *course = entry_edit(entry);

    course->failures = course->retries = course->infra_retries = 0;
    course->failed_as[0] = course->failed_as[1] = 0;
    course->quota_races = 0;
}
