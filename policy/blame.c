#include "policy/blame.h"

#include <math.h>
#include <string.h>

#define FAILURE_MILLI 1000.0

/* The pair's place among the marks; count if the job has none. */
static uint32_t place_of(const struct blame *blame, uint64_t job_id) {
    uint32_t at = 0;

    while (at < blame->count && blame->marks[at] != (int64_t)job_id) {
        at += 2;
    }
    return at;
}

static void take_out(struct blame *blame, uint32_t at) {
    memmove(&blame->marks[at], &blame->marks[at + 2],
            (blame->count - at - 2) * sizeof blame->marks[0]);
    blame->count -= 2;
}

void blame_note(struct blame *blame, uint64_t job_id, int64_t now_us) {
    const uint32_t at = place_of(blame, job_id);

    if (at < blame->count) {
        take_out(blame, at);
    } else if (blame->count == (uint32_t)(2 * BLAME_JOBS_MAX)) {
        take_out(blame, 0);
    }
    blame->marks[blame->count] = (int64_t)job_id;
    blame->marks[blame->count + 1] = now_us;
    blame->count += 2;
}

static double weight(const struct blame *blame, int64_t half_life_us, int64_t now_us) {
    double sum = 0;

    for (uint32_t at = 0; half_life_us > 0 && at < blame->count; at += 2) {
        const int64_t age_us = now_us - blame->marks[at + 1];

        sum += age_us > 0 ? exp2(-(double)age_us / (double)half_life_us) : 1;
    }
    return sum * FAILURE_MILLI;
}

int64_t blame_milli(const struct blame *blame, int64_t half_life_us, int64_t now_us) {
    return (int64_t)weight(blame, half_life_us, now_us);
}

int64_t blame_ends_us(const struct blame *blame, int64_t milli, int64_t half_life_us,
                      int64_t now_us) {
    const double now_milli = weight(blame, half_life_us, now_us);

    if (milli <= 0 || now_milli <= (double)milli) {
        return now_us;
    }
    return now_us + (int64_t)ceil(log2(now_milli / (double)milli) * (double)half_life_us);
}

size_t blame_jobs(const struct blame *blame) {
    return blame->count / 2;
}

bool blame_is_valid(const struct blame *blame) {
    if (blame->count > (uint32_t)(2 * BLAME_JOBS_MAX) || blame->count % 2 != 0) {
        return false;
    }
    for (uint32_t at = 0; at < blame->count; at += 2) {
        if (blame->marks[at] <= 0 || place_of(blame, (uint64_t)blame->marks[at]) != at) {
            return false;
        }
    }
    return true;
}
