#include "k8s/rate_limit.h"

#include "base/clock.h"

struct rate_limit rate_limit_make(double qps, uint32_t burst) {
    struct rate_limit limit = {0};

    if (qps > 0) {
        double token_us = (double)CLOCK_US_PER_SECOND / qps;

        /* Faster than one request per microsecond is as good as no limit. */
        limit.token_us = token_us >= (double)CLOCK_US_PER_SECOND * 3600 ? CLOCK_US_PER_SECOND * 3600
                                                                        : (int64_t)token_us;
        limit.burst_us = limit.token_us * (int64_t)(burst == 0 ? 1 : burst);
    }
    return limit;
}

int64_t rate_limit_wait_us(const struct rate_limit *limit, int64_t mono_us) {
    int64_t over_us = limit->spent_until_us + limit->token_us - (mono_us + limit->burst_us);

    return over_us > 0 ? over_us : 0;
}

bool rate_limit_take(struct rate_limit *limit, int64_t mono_us) {
    if (rate_limit_wait_us(limit, mono_us) > 0) {
        return false;
    }
    if (limit->spent_until_us < mono_us) {
        limit->spent_until_us = mono_us;
    }
    limit->spent_until_us += limit->token_us;
    return true;
}
