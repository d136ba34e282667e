/* policy/schedule.h - a schedule's rules: which of its occurrences are due, and which of those run.
 *
 * An occurrence is what its cron line names, on one day, on the clocks of its zone. Those that are
 * due are dealt with one after the other, in their order: each runs, or is skipped for a reason.
 * How far that has come is the caller's to keep, and to hand back: nothing is due twice, whatever
 * happened to clocks and zones in between.
 *
 * Pure: instants come in; nothing is read, kept or drawn. Jitter follows from the schedule's key
 * and the occurrence, so that a restart finds the same.
 */
#ifndef POLICY_SCHEDULE_H
#define POLICY_SCHEDULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/cron.h"
#include "policy/job.h"
#include "policy/window.h"

struct zone;

/* A run is due while an earlier one is not over. */
enum schedule_overlap {
    SCHEDULE_ALLOW,   /* both */
    SCHEDULE_FORBID,  /* the new one is skipped */
    SCHEDULE_REPLACE, /* the old one is cancelled */
};

/* Occurrences that were not dealt with in their time. */
enum schedule_misfire {
    SCHEDULE_MISFIRE_NONE, /* none of them runs */
    SCHEDULE_MISFIRE_LAST, /* the latest one */
    SCHEDULE_MISFIRE_ALL,  /* each of them, the oldest first */
};

/* The words for them, each list ended by NULL. */
extern const char *const schedule_overlap_texts[];
extern const char *const schedule_misfire_texts[];

#define SCHEDULE_ON_TIME_US INT64_C(60000000) /* later than this is not in its time */
#define SCHEDULE_ANY_CIVIL  INT64_MIN

/* Plain values; the zone and the days are somebody else's. */
struct schedule {
    struct cron cron;
    struct cron_policy clocks;
    const struct zone *zone;
    enum schedule_overlap overlap;
    enum schedule_misfire misfire;
    uint32_t catch_up_max; /* of misfire all: no more than the latest so many; 0: any number */
    int64_t late_us_max;   /* what is later is skipped; 0: however late */
    int64_t jitter_us;     /* each starts up to this much later */
    int64_t from_civil_s;  /* SCHEDULE_ANY_CIVIL: since ever */
    int64_t until_civil_s; /* the first that is too late; SCHEDULE_ANY_CIVIL: for ever */
    int32_t day_start_s;   /* earlier hours belong to the day before, for the business date */
    int32_t day_offset;    /* which is so many days from there */
    bool suspended;        /* by its definition */
    bool keeps_missed;     /* while suspended, occurrences are missed rather than skipped */
};

/* What becomes of an occurrence. */
#define SCHEDULE_VERDICT_LIST(X)                                                             \
    X(SCHEDULE_RUNS, "run", "")                                                              \
    X(SCHEDULE_SKIP_GAP, "gap", "the clocks were put forward over it")                       \
    X(SCHEDULE_SKIP_SUSPENDED, "suspended", "the schedule is suspended")                     \
    X(SCHEDULE_SKIP_LATE, "late", "too late")                                                \
    X(SCHEDULE_SKIP_MISSED, "missed", "it was missed, and misfire is none")                  \
    X(SCHEDULE_SKIP_SUPERSEDED, "superseded", "a later one is due, and misfire is last")     \
    X(SCHEDULE_SKIP_TOO_MANY, "too_many", "more were missed than are caught up with")        \
    X(SCHEDULE_SKIP_OVERLAP, "overlap", "an earlier run is not over, and overlap is Forbid") \
    X(SCHEDULE_SKIP_LIMIT, "limit", "as many jobs wait as its team or namespace may have")

enum schedule_verdict {
#define SCHEDULE_VERDICT_ENUM(name, word, text) name,
    SCHEDULE_VERDICT_LIST(SCHEDULE_VERDICT_ENUM)
#undef SCHEDULE_VERDICT_ENUM
    SCHEDULE_VERDICT_COUNT,
};

const char *schedule_verdict_word(enum schedule_verdict verdict);
const char *schedule_verdict_text(enum schedule_verdict verdict);

/* The next occurrence behind `after`, run or skipped for a gap; false: there is none. */
bool schedule_next(const struct schedule *schedule, const struct cron_time *after,
                   struct cron_time *out_next);

/* When it is to be dealt with: its instant and its share of the jitter. */
int64_t schedule_due_us(const struct schedule *schedule, const char *key,
                        const struct cron_time *time);

/* Does it stand in the gap, and is skipped for that? */
bool schedule_in_gap(const struct schedule *schedule, const struct cron_time *time);

/* How many are due behind `after`, of which so many at the beginning are too late. `more`: only the
 * first LIMIT_SCHEDULE_LOOKS were counted. O(due). */
struct schedule_backlog {
    size_t count;
    size_t late;
    bool more;
};
struct schedule_backlog schedule_count(const struct schedule *schedule, const char *key,
                                       const struct cron_time *after, int64_t now_us);

/* What becomes of the first of a backlog; whether an earlier run is over is not asked here. */
enum schedule_verdict schedule_judge(const struct schedule *schedule,
                                     const struct schedule_backlog *backlog,
                                     const struct cron_time *first, int64_t now_us);

/* The occurrence as its job has it. */
struct occurrence schedule_occurrence(const struct schedule *schedule,
                                      const struct cron_time *time);

#endif
