/* queue/usage_check.h - does what users are said to have used follow from what they were charged?
 *
 * The scheduler keeps two accounts of each user (policy/share.h): what it used, and what of that is
 * carried, of charges that are not remembered one by one. The difference is what the latest
 * attempts of jobs were charged, which is computed here from their records.
 */
#ifndef QUEUE_USAGE_CHECK_H
#define QUEUE_USAGE_CHECK_H

#include "queue/change.h"

struct usage_check;

struct usage_check *usage_check_create(void);
void usage_check_destroy(struct usage_check *check); /* accepts NULL */

/* All facts of FACT_USAGE first; then the jobs, each with its latest attempt. */
void usage_check_add_fact(struct usage_check *check, const struct fact *fact);
void usage_check_add_attempt(struct usage_check *check, const struct job *job,
                             const struct attempt *attempt);

/* Calls back with a line for each thing that is wrong. */
void usage_check_tell(const struct usage_check *check,
                      void (*problem)(void *context, const char *text), void *context);

#endif
