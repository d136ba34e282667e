/* policy/runtime.h - how long a job is expected to run, and when a running one will end.
 *
 * The first of these that is known: what its submitter says, what jobs of its name took before,
 * its limit, the default of the configuration. Nothing expected exceeds the limit. Pure.
 */
#ifndef POLICY_RUNTIME_H
#define POLICY_RUNTIME_H

#include <stdint.h>

enum runtime_source {
    RUNTIME_UNKNOWN,
    RUNTIME_BY_USER,
    RUNTIME_BY_HISTORY,
    RUNTIME_BY_LIMIT,
    RUNTIME_BY_DEFAULT,
};

/* All of them 0 when not known. */
struct runtime_known {
    int64_t user_us;
    int64_t history_us;
    int64_t limit_us;
    int64_t default_us;
};

struct runtime {
    int64_t us; /* 0: unknown */
    enum runtime_source source;
};

struct runtime runtime_expect(const struct runtime_known *known);

/* A number for run times that are alike, within an eighth: 0 for an unknown one. */
unsigned runtime_class(int64_t us);

/* When a job that started then will end, always after now_us; RUNTIME_NEVER if nothing is
 * expected. A job that outlives its expectation gets 10 s more, then 1, 5, 15, 30 minutes, 1, 2,
 * 5, 10, 20, 50, 100 hours (each from the expected end), but not beyond its limit.
 * Source of growing corrections: Tsafrir, Etsion, Feitelson, "Backfilling Using System-Generated
 * Predictions Rather than User Runtime Estimates" (2007). */
#define RUNTIME_NEVER INT64_MAX

int64_t runtime_end_us(int64_t started_us, int64_t expected_us, int64_t limit_us, int64_t now_us);

#endif
