/* policy/deadline.h - by when a job has to start or to end, as people write it.
 *
 * An instant ("2026-12-24T06:00:00+01:00"), or a time of day with days after the job's business
 * date ("06:00", "+1d 06:00"), which a zone makes an instant: where clocks jump over it, the
 * instant of the jump; where it comes twice, the first.
 */
#ifndef POLICY_DEADLINE_H
#define POLICY_DEADLINE_H

#include <stdint.h>

#include "base/error.h"

struct zone;

#define DEADLINE_DAYS_MAX 366

enum deadline_kind {
    DEADLINE_NONE,
    DEADLINE_INSTANT,
    DEADLINE_OFFSET,
};

struct deadline {
    enum deadline_kind kind;
    int64_t instant_us; /* of DEADLINE_INSTANT */
    int32_t days;       /* of DEADLINE_OFFSET: after the business date, */
    int32_t time_s;     /* and then on the wall clock, from 0 to 86400 */
};

/* ERR_INVALID for anything else. */
int deadline_parse(const char *text, struct deadline *out_deadline) MUST_CHECK;

/* The instant, or 0 without a deadline. business_day counts from 1970-01-01; zone NULL: UTC. */
int64_t deadline_us(const struct deadline *deadline, int64_t business_day, const struct zone *zone);

/* The day that the wall clock shows: the business date of what is submitted then. */
int64_t deadline_day_of(int64_t time_us, const struct zone *zone);

#endif
