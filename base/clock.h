/* base/clock.h - the only reader of clocks.
 *
 * One sample takes both clocks together; a turn of the scheduler has one sample.
 * Below the loop, time is an argument, never a call.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

#define CLOCK_US_PER_SECOND INT64_C(1000000)
#define CLOCK_US_PER_MS     INT64_C(1000)
#define CLOCK_NEVER_US      INT64_MAX

struct instant {
    int64_t now_us;  /* wall clock, microseconds since the Unix epoch: stored and shown */
    int64_t mono_us; /* monotonic clock, microseconds since boot: time-outs */
};

struct instant clock_sample(void);

#endif
