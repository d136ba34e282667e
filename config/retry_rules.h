/* config/retry_rules.h - what a job or the configuration says of failures: `retry`'s classes,
 * podFailurePolicy and memoryGrowth.
 */
#ifndef CONFIG_RETRY_RULES_H
#define CONFIG_RETRY_RULES_H

#include "config/node.h"
#include "config/problem.h"
#include "config/schema.h"
#include "policy/retry.h"

extern const struct schema schema_retry;         /* a BatchJob's spec.retry */
extern const struct schema schema_retry_classes; /* the configuration's retry.classes */

/* "no", "preferred", "required". */
enum retry_avoid retry_avoid_of(const char *word);

/* Of an object that its schema let pass; NULL says nothing. */
void retry_classes_read(const struct text_node *classes, struct retry_classes *out_classes);

/* What a schema can't tell: rules that are neither about codes nor about conditions, and so on. */
void retry_rules_check(const struct text_node *retry, const struct trail *trail,
                       struct problems *problems);

/* The rules of a checked spec.retry, NULL for none. */
void retry_rules_read(const struct text_node *retry, struct retry_rules *out_rules);

#endif
