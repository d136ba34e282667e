/* policy/cron.h - a cron line, and when it is due on the clocks of a zone.
 *
 * Five fields: minute, hour, day of month, month, day of week (0 or 7 is Sunday). Each is a list of
 * *, numbers, names (jan, mon), ranges, and steps (star/15, 9-17/2). Day of month also knows L (the
 * last day), L-3, 15W (the weekday nearest to the 15th) and LW; day of week 5L (the last Friday)
 * and 5#2 (the second one). Or @yearly, @annually, @monthly, @weekly, @daily, @midnight, @hourly.
 *
 * Where both day fields restrict, either is enough, else both have to match. What counts as
 * restricting, and what happens to times that clocks jump over or show twice, differs between
 * cronie (crontab(5), cron(8)) and Kubernetes (CronJob, whose parser is robfig/cron v3). L, W and #
 * are Quartz' and in neither.
 *
 * Pure values. Instants are seconds since the Unix epoch, civil times are base/civil.h's.
 */
#ifndef POLICY_CRON_H
#define POLICY_CRON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct zone;

enum cron_dialect {
    CRON_CRONIE,     /* a field that begins with * does not restrict; 7 is Sunday too */
    CRON_KUBERNETES, /* only * and ? do not; 5/15 is 5-59/15; a 7 is refused */
};

/* A time that clocks jump over. */
enum cron_gap {
    CRON_GAP_RUN,  /* is due at the instant of the jump */
    CRON_GAP_SKIP, /* is not due */
};

/* A time that clocks show twice. */
enum cron_repeat {
    CRON_REPEAT_FIRST,
    CRON_REPEAT_LAST,
    CRON_REPEAT_BOTH,
};

/* Lines whose minute or hour begins with * go by instants whatever it says: what is jumped over is
 * not there, and what comes twice is due twice. */
struct cron_policy {
    enum cron_gap gap;
    enum cron_repeat repeat;
    int32_t gap_s_max; /* a longer jump is skipped; 0: however long */
};

/* What a dialect's own daemon does. */
struct cron_policy cron_policy_of(enum cron_dialect dialect);

struct cron {
    uint64_t minutes;
    uint32_t hours;
    uint32_t days;           /* of the month: bits 1 to 31 */
    uint32_t near_days;      /* bit d: the weekday nearest to d */
    uint32_t before_last;    /* bit n: n days before the last of the month */
    uint16_t months;         /* bits 1 to 12 */
    uint8_t weekdays;        /* bit 0 is Sunday */
    uint8_t last_weekdays;   /* the last such day of the month */
    uint8_t nth_weekdays[7]; /* bit n: the n-th such day of the month */
    bool near_last;          /* the last day that is from Monday to Friday */
    bool any_day;            /* the day of month does not restrict */
    bool any_weekday;
    bool is_wild; /* goes by instants */
};

/* ERR_INVALID with a sentence that names the field; also for a line that is never due. */
int cron_parse(const char *text, enum cron_dialect dialect, struct error *error,
               struct cron *out_cron) MUST_CHECK;

/* Does it match a civil time, which is on a whole minute? */
bool cron_matches(const struct cron *cron, int64_t civil_s);

/* When a line is due. The same (civil_s, fold) is the same occurrence, however zones change. */
struct cron_time {
    int64_t time_s;  /* the instant */
    int64_t civil_s; /* what the line asked for: where clocks jump over it, not what they show */
    bool fold;       /* the wall clock shows it for the second time */
};

#define CRON_FROM   INT64_MIN /* as civil_s: time_s is still to come, */
#define CRON_BEHIND INT64_MAX /* and all of it is over */

/* The first one behind `after`, in the order of (time_s, civil_s): of several that were jumped over
 * all are due at one instant. False if there is none before the year 2200. */
bool cron_next(const struct cron *cron, const struct zone *zone, struct cron_policy policy,
               const struct cron_time *after, struct cron_time *out_next);

#endif
