/* A job's rules as a line of text, as they are stored: a letter, numbers and words, semicolons.
 *
 *   c CLASS BUDGET AVOID MAX FIRST LAST GRACE;    of a class; -1 and 0 are unset
 *   g FACTOR CEILING;                             growth of memory
 *   x ACTION NOT CONTAINER CODE,CODE;             exit codes; "*" is any container
 *   p ACTION TYPE=STATUS,TYPE=STATUS;             conditions
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "policy/retry.h"

static bool is_said(const struct retry_class *class) {
    return class->budget != RETRY_BUDGET_UNSET || class->avoid != RETRY_AVOID_UNSET ||
           class->retries_max != RETRY_UNSET || class->backoff_first_us != RETRY_UNSET ||
           class->backoff_max_us != RETRY_UNSET || class->grace_us != RETRY_UNSET;
}

static void print_rule(const struct retry_rule *rule, struct buf *out) {
    if (rule->code_count > 0) {
        buf_add_format(out, "x %d %d %s ", (int)rule->action, (int)rule->not_in,
                       rule->container[0] != '\0' ? rule->container : "*");
    } else {
        buf_add_format(out, "p %d ", (int)rule->action);
    }
    for (size_t i = 0; i < rule->code_count; i++) {
        buf_add_format(out, "%s%" PRId32, i > 0 ? "," : "", rule->codes[i]);
    }
    for (size_t i = 0; i < rule->pattern_count; i++) {
        buf_add_format(out, "%s%s=%s", i > 0 ? "," : "", rule->patterns[i].type,
                       rule->patterns[i].status);
    }
    buf_add_char(out, ';');
}

void retry_rules_print(const struct retry_rules *rules, struct buf *out) {
    for (size_t i = 0; i < FAILURE_COUNT; i++) {
        const struct retry_class *class = &rules->classes.of[i];

        if (is_said(class)) {
            buf_add_format(out, "c %s %d %d %" PRId32 " %" PRId64 " %" PRId64 " %" PRId64 ";",
                           failure_text((enum failure)i), (int)class->budget, (int)class->avoid,
                           class->retries_max, class->backoff_first_us, class->backoff_max_us,
                           class->grace_us);
        }
    }
    if (rules->growth.factor_permille != RETRY_UNSET ||
        rules->growth.ceiling_bytes != RETRY_UNSET) {
        buf_add_format(out, "g %" PRId32 " %" PRId64 ";", rules->growth.factor_permille,
                       rules->growth.ceiling_bytes);
    }
    for (size_t i = 0; i < rules->rule_count; i++) {
        print_rule(&rules->rules[i], out);
    }
}

/* --- Back ------------------------------------------------------------------------------------ */

/* A place in the text; broken once something was not as it is printed. */
struct cursor {
    const char *at;
    bool is_broken;
};

/* Up to one of the stops, which is passed. */
static void take_word(struct cursor *cursor, const char *stops, char *out, size_t room) {
    size_t length = strcspn(cursor->at, stops);

    if (length == 0 || length >= room || cursor->at[length] == '\0') {
        cursor->is_broken = true;
        out[0] = '\0';
        return;
    }
    memcpy(out, cursor->at, length);
    out[length] = '\0';
    cursor->at += length + 1;
}

static int64_t take_number(struct cursor *cursor, const char *stops, int64_t min, int64_t max) {
    char word[24];
    int64_t value = min;

    take_word(cursor, stops, word, sizeof word);
    if (cursor->is_broken || text_parse_int64(word, &value) < 0 || value < min || value > max) {
        cursor->is_broken = true;
        return min;
    }
    return value;
}

static void take_class(struct cursor *cursor, struct retry_rules *rules) {
    char name[RETRY_WORD_BYTES + 1];
    size_t failure = 0;
    struct retry_class *class;

    take_word(cursor, " ", name, sizeof name);
    while (failure < FAILURE_COUNT && strcmp(failure_text((enum failure)failure), name) != 0) {
        failure++;
    }
    if (failure == FAILURE_COUNT) {
        cursor->is_broken = true;
        return;
    }
    class = &rules->classes.of[failure];
    class->budget = (enum retry_budget)take_number(cursor, " ", 0, RETRY_BUDGET_NONE);
    class->avoid = (enum retry_avoid)take_number(cursor, " ", 0, RETRY_AVOID_REQUIRED);
    class->retries_max = (int32_t)take_number(cursor, " ", RETRY_UNSET, INT32_MAX);
    class->backoff_first_us = take_number(cursor, " ", RETRY_UNSET, INT64_MAX);
    class->backoff_max_us = take_number(cursor, " ", RETRY_UNSET, INT64_MAX);
    class->grace_us = take_number(cursor, ";", RETRY_UNSET, INT64_MAX);
}

static void take_growth(struct cursor *cursor, struct retry_rules *rules) {
    rules->growth.factor_permille = (int32_t)take_number(cursor, " ", RETRY_UNSET, INT32_MAX);
    rules->growth.ceiling_bytes = take_number(cursor, ";", RETRY_UNSET, INT64_MAX);
}

static struct retry_rule *add_rule(struct cursor *cursor, struct retry_rules *rules) {
    struct retry_rule *rule;

    if (rules->rule_count == RETRY_RULES_MAX) {
        cursor->is_broken = true;
        return NULL;
    }
    rule = &rules->rules[rules->rule_count++];
    rule->action = (enum retry_action)take_number(cursor, " ", 0, RETRY_FAIL_INDEX);
    return rule;
}

/* Is there one more in a list of at most so many? */
static bool has_more(struct cursor *cursor, size_t count, size_t max) {
    if (cursor->is_broken || (count > 0 && cursor->at[-1] == ';')) {
        return false;
    }
    cursor->is_broken = count == max;
    return !cursor->is_broken;
}

static void take_codes(struct cursor *cursor, struct retry_rules *rules) {
    struct retry_rule *rule = add_rule(cursor, rules);

    if (rule == NULL) {
        return;
    }
    rule->not_in = take_number(cursor, " ", 0, 1) == 1;
    take_word(cursor, " ", rule->container, sizeof rule->container);
    if (strcmp(rule->container, "*") == 0) {
        rule->container[0] = '\0';
    }
    while (has_more(cursor, rule->code_count, RETRY_CODES_MAX)) {
        rule->codes[rule->code_count++] = (int32_t)take_number(cursor, ",;", 0, INT32_MAX);
    }
}

static void take_patterns(struct cursor *cursor, struct retry_rules *rules) {
    struct retry_rule *rule = add_rule(cursor, rules);

    while (rule != NULL && has_more(cursor, rule->pattern_count, RETRY_PATTERNS_MAX)) {
        struct retry_pattern *pattern = &rule->patterns[rule->pattern_count++];

        take_word(cursor, "=", pattern->type, sizeof pattern->type);
        take_word(cursor, ",;", pattern->status, sizeof pattern->status);
    }
}

int retry_rules_parse(const char *text, struct retry_rules *out_rules) {
    static const struct {
        char letter;
        void (*take)(struct cursor *cursor, struct retry_rules *rules);
    } clauses[] = {{'c', take_class}, {'g', take_growth}, {'x', take_codes}, {'p', take_patterns}};
    struct cursor cursor = {.at = text != NULL ? text : ""};

    retry_rules_init(out_rules);
    while (cursor.at[0] != '\0' && !cursor.is_broken) {
        size_t i = 0;

        while (i < ARRAY_LEN(clauses) && clauses[i].letter != cursor.at[0]) {
            i++;
        }
        if (i == ARRAY_LEN(clauses) || cursor.at[1] != ' ') {
            return ERR_CORRUPT;
        }
        cursor.at += 2;
        clauses[i].take(&cursor, out_rules);
    }
    return cursor.is_broken ? ERR_CORRUPT : OK;
}
