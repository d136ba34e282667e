#include "policy/schedule.h"

#include "base/civil.h"
#include "base/clock.h"
#include "base/ensure.h"
#include "base/limits.h"
#include "policy/zone.h"

const char *const schedule_overlap_texts[] = {
    [SCHEDULE_ALLOW] = "Allow",
    [SCHEDULE_FORBID] = "Forbid",
    [SCHEDULE_REPLACE] = "Replace",
    NULL,
};

const char *const schedule_misfire_texts[] = {
    [SCHEDULE_MISFIRE_NONE] = "none",
    [SCHEDULE_MISFIRE_LAST] = "last",
    [SCHEDULE_MISFIRE_ALL] = "all",
    NULL,
};

static const char *const verdict_words[] = {
#define VERDICT_WORD(name, word, text) [name] = (word),
    SCHEDULE_VERDICT_LIST(VERDICT_WORD)
#undef VERDICT_WORD
};

static const char *const verdict_texts[] = {
#define VERDICT_TEXT(name, word, text) [name] = (text),
    SCHEDULE_VERDICT_LIST(VERDICT_TEXT)
#undef VERDICT_TEXT
};

const char *schedule_verdict_word(enum schedule_verdict verdict) {
    ENSURE(verdict < SCHEDULE_VERDICT_COUNT);
    return verdict_words[verdict];
}

const char *schedule_verdict_text(enum schedule_verdict verdict) {
    ENSURE(verdict < SCHEDULE_VERDICT_COUNT);
    return verdict_texts[verdict];
}

/* --- Occurrences ----------------------------------------------------------------------------- */

bool schedule_in_gap(const struct schedule *schedule, const struct cron_time *time) {
    int64_t times_s[2];
    int32_t before_s = zone_offset_s(schedule->zone, time->time_s - 1);
    int32_t jump_s = zone_offset_s(schedule->zone, time->time_s) - before_s;

    if (zone_instants(schedule->zone, time->civil_s, times_s) > 0) {
        return false;
    }
    return schedule->clocks.gap == CRON_GAP_SKIP ||
           (schedule->clocks.gap_s_max > 0 && jump_s > schedule->clocks.gap_s_max);
}

/* The wall clock has shown this before: a zone's rules were changed meanwhile. */
static bool is_again(const struct cron_time *after, const struct cron_time *time) {
    if (after->civil_s == CRON_FROM || after->civil_s == CRON_BEHIND) {
        return false;
    }
    return !time->fold && time->civil_s <= after->civil_s && !after->fold;
}

bool schedule_next(const struct schedule *schedule, const struct cron_time *after,
                   struct cron_time *out_next) {
    /* Times in a gap are told of in any case. */
    const struct cron_policy clocks = {.gap = CRON_GAP_RUN, .repeat = schedule->clocks.repeat};
    struct cron_time next = *after;

    while (cron_next(&schedule->cron, schedule->zone, clocks, &next, &next)) {
        if (schedule->until_civil_s != SCHEDULE_ANY_CIVIL &&
            next.civil_s >= schedule->until_civil_s) {
            return false;
        }
        if (!is_again(after, &next) && next.civil_s >= schedule->from_civil_s) {
            *out_next = next;
            return true;
        }
    }
    return false;
}

/* FNV-1a over the key and the civil time. */
static uint64_t hash_of(const char *key, const struct cron_time *time) {
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (; *key != '\0'; key++) {
        hash = (hash ^ (unsigned char)*key) * UINT64_C(0x100000001b3);
    }
    for (unsigned shift = 0; shift < 64; shift += 8) {
        hash = (hash ^ ((uint64_t)time->civil_s >> shift & 0xff)) * UINT64_C(0x100000001b3);
    }
    return hash ^ hash >> 32;
}

int64_t schedule_due_us(const struct schedule *schedule, const char *key,
                        const struct cron_time *time) {
    int64_t due_us = time->time_s * CLOCK_US_PER_SECOND;

    if (schedule->jitter_us > 0) {
        due_us += (int64_t)(hash_of(key, time) % (uint64_t)schedule->jitter_us);
    }
    return due_us;
}

/* --- What is due ----------------------------------------------------------------------------- */

static int64_t late_us(const struct schedule *schedule, const struct cron_time *time,
                       int64_t now_us) {
    return now_us - time->time_s * CLOCK_US_PER_SECOND - schedule->jitter_us;
}

struct schedule_backlog schedule_count(const struct schedule *schedule, const char *key,
                                       const struct cron_time *after, int64_t now_us) {
    struct schedule_backlog backlog = {0};
    struct cron_time at = *after;

    while (schedule_next(schedule, &at, &at) && schedule_due_us(schedule, key, &at) <= now_us) {
        if (backlog.count == LIMIT_SCHEDULE_LOOKS) {
            backlog.more = true;
            break;
        }
        backlog.count++;
        if (schedule->late_us_max > 0 && late_us(schedule, &at, now_us) > schedule->late_us_max) {
            backlog.late = backlog.count;
        }
    }
    return backlog;
}

enum schedule_verdict schedule_judge(const struct schedule *schedule,
                                     const struct schedule_backlog *backlog,
                                     const struct cron_time *first, int64_t now_us) {
    bool is_late = late_us(schedule, first, now_us) > SCHEDULE_ON_TIME_US;

    if (schedule_in_gap(schedule, first)) {
        return SCHEDULE_SKIP_GAP;
    }
    if (schedule->suspended) {
        return SCHEDULE_SKIP_SUSPENDED;
    }
    if (backlog->late > 0) {
        return SCHEDULE_SKIP_LATE;
    }
    switch (schedule->misfire) {
    case SCHEDULE_MISFIRE_NONE:
        return is_late ? SCHEDULE_SKIP_MISSED : SCHEDULE_RUNS;
    case SCHEDULE_MISFIRE_LAST:
        return is_late && backlog->count > 1 ? SCHEDULE_SKIP_SUPERSEDED : SCHEDULE_RUNS;
    case SCHEDULE_MISFIRE_ALL:
        return is_late && schedule->catch_up_max > 0 && backlog->count > schedule->catch_up_max
                   ? SCHEDULE_SKIP_TOO_MANY
                   : SCHEDULE_RUNS;
    }
    return SCHEDULE_RUNS;
}

struct occurrence schedule_occurrence(const struct schedule *schedule,
                                      const struct cron_time *time) {
    return (struct occurrence){
        .civil_s = time->civil_s,
        .time_us = time->time_s * CLOCK_US_PER_SECOND,
        .business_date =
            (int32_t)(civil_day_of(time->civil_s - schedule->day_start_s) + schedule->day_offset),
        .fold = time->fold,
    };
}
