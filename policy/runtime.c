#include "policy/runtime.h"

#include <stddef.h>

#include "base/ensure.h"
#include "base/error.h"

#define SECOND_US INT64_C(1000000)
#define MINUTE_US (60 * SECOND_US)
#define HOUR_US   (60 * MINUTE_US)

static const int64_t corrections_us[] = {
    0,
    10 * SECOND_US,
    1 * MINUTE_US,
    5 * MINUTE_US,
    15 * MINUTE_US,
    30 * MINUTE_US,
    1 * HOUR_US,
    2 * HOUR_US,
    5 * HOUR_US,
    10 * HOUR_US,
    20 * HOUR_US,
    50 * HOUR_US,
    100 * HOUR_US,
};

static struct runtime first_known(const struct runtime_known *known) {
    if (known->user_us > 0) {
        return (struct runtime){known->user_us, RUNTIME_BY_USER};
    }
    if (known->history_us > 0) {
        return (struct runtime){known->history_us, RUNTIME_BY_HISTORY};
    }
    if (known->limit_us > 0) {
        return (struct runtime){known->limit_us, RUNTIME_BY_LIMIT};
    }
    if (known->default_us > 0) {
        return (struct runtime){known->default_us, RUNTIME_BY_DEFAULT};
    }
    return (struct runtime){0, RUNTIME_UNKNOWN};
}

struct runtime runtime_expect(const struct runtime_known *known) {
    struct runtime runtime = first_known(known);

    if (known->limit_us > 0 && runtime.us > known->limit_us) {
        return (struct runtime){known->limit_us, RUNTIME_BY_LIMIT};
    }
    return runtime;
}

unsigned runtime_class(int64_t us) {
    uint64_t rest = us > 0 ? (uint64_t)us : 0;
    unsigned octave = 0;

    for (; rest >= 16; rest >>= 1) {
        octave++;
    }
    return 8 * octave + (unsigned)rest; /* Up to three bits behind the first count. */
}

/* The sum, or the latest time there is. */
static int64_t after(int64_t at_us, int64_t more_us) {
    return at_us > RUNTIME_NEVER - 1 - more_us ? RUNTIME_NEVER - 1 : at_us + more_us;
}

static int64_t corrected_end_us(int64_t end_us, int64_t now_us) {
    for (size_t i = 0; i < ARRAY_LEN(corrections_us); i++) {
        if (after(end_us, corrections_us[i]) > now_us) {
            return after(end_us, corrections_us[i]);
        }
    }
    return after(now_us, corrections_us[ARRAY_LEN(corrections_us) - 1]);
}

int64_t runtime_end_us(int64_t started_us, int64_t expected_us, int64_t limit_us, int64_t now_us) {
    const int64_t last_us = limit_us > 0 ? after(started_us, limit_us) : RUNTIME_NEVER - 1;
    int64_t end_us;

    ENSURE(started_us >= 0 && expected_us >= 0 && limit_us >= 0);
    if (expected_us == 0) {
        return RUNTIME_NEVER;
    }
    end_us = corrected_end_us(after(started_us, expected_us), now_us);
    if (end_us > last_us) {
        end_us = last_us > now_us ? last_us : after(now_us, corrections_us[1]);
    }
    return end_us;
}
