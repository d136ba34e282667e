/* k8s/rate_limit.h - a token bucket: so many requests per second, so many at once after a rest.
 *
 * Pure: time is an argument (monotonic microseconds, never going back).
 */
#ifndef K8S_RATE_LIMIT_H
#define K8S_RATE_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

/* A value. Counts time, not tokens: the bucket is full while spent_until_us lies in the past. */
struct rate_limit {
    int64_t token_us;       /* what one request costs; 0: no limit */
    int64_t burst_us;       /* how far ahead of now the spending may run */
    int64_t spent_until_us; /* tokens are spent up to this time */
};

/* qps <= 0: no limit. burst counts at least 1. */
struct rate_limit rate_limit_make(double qps, uint32_t burst);

/* Spend one token; false when there is none. */
bool rate_limit_take(struct rate_limit *limit, int64_t mono_us);

/* How long until a token is there; 0: now. */
int64_t rate_limit_wait_us(const struct rate_limit *limit, int64_t mono_us);

#endif
