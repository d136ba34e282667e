/* policy/report.h - what ran in a stretch of time, what it used and cost, and what went wrong.
 *
 * Fed with jobs and their attempts, one after the other; a report is a value then. What an attempt
 * uses is what it had reserved, from its admission to its end, cut to the stretch: a reservation
 * keeps its room whether its program is busy or not.
 */
#ifndef POLICY_REPORT_H
#define POLICY_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/job.h"

struct window_set;

#define REPORT_LISTED_MAX 100 /* jobs of each list; the counts are of all */
#define REPORT_GROUPS_MAX 256 /* teams, pools, labels; the others are one, "(others)" */
#define REPORT_SPANS_MAX  64  /* openings of a window */

enum report_list {
    REPORT_FAILED,  /* for good, or rejected */
    REPORT_RETRIED, /* an attempt failed, and there was another */
    REPORT_LATE,    /* missed a deadline */
    REPORT_SKIPPED,
    REPORT_AT_RISK, /* of a deadline that is still before it */
    REPORT_LIST_COUNT,
};

extern const char *const report_list_texts[REPORT_LIST_COUNT]; /* "failed" */

struct report_job {
    uint64_t id; /* 0: a schedule will make it */
    char *name;
    char *namespace;
    char *team;
    enum job_state state;
    enum failure failure;
    uint32_t attempts;
    int64_t due_us; /* the deadline that is missed or at risk; 0: none */
    char *message;  /* of the last attempt */
};

struct report_jobs {
    struct report_job *items;
    size_t listed;
    size_t count;
};

/* In cores, bytes and microseconds at once, so doubles: exact enough for the hours of a year. */
struct report_usage {
    double cpu_hours;
    double gib_hours;
};

enum report_by {
    REPORT_BY_TEAM,
    REPORT_BY_POOL,
    REPORT_BY_LABEL,
    REPORT_BY_COUNT,
};

struct report_group {
    char *name;
    size_t jobs;
    struct report_usage usage;
};

struct report_groups {
    struct report_group *items; /* by what they used, the most first, once it is finished */
    size_t count;
};

struct report_span {
    int64_t opens_us;
    int64_t closes_us;
};

struct report_window {
    char *name;
    struct report_span spans[REPORT_SPANS_MAX]; /* in the stretch */
    size_t span_count;
    double open_hours;
    size_t jobs;           /* that name it and ran */
    double used_cpu_hours; /* of these, while it was open */
};

struct report {
    int64_t from_us;
    int64_t until_us;
    char *window;                   /* only its jobs; "": all */
    size_t jobs;                    /* that ran, ended or waited in the stretch */
    size_t ran;                     /* had an attempt in it */
    size_t states[JOB_STATE_COUNT]; /* of those that ended in it, or have not */
    size_t failed_attempts;
    struct report_jobs lists[REPORT_LIST_COUNT];
    struct report_usage usage;
    struct report_groups groups[REPORT_BY_COUNT];
    struct report_window *windows;
    size_t window_count;
    double price_cpu_hour;
    double price_gib_hour; /* both 0: nothing is said of cost */
    const char *currency;  /* borrowed */
    double capacity_cpu;   /* of the nodes, now; 0: not known */
};

/* windows may be NULL. Texts are copied. */
void report_init(struct report *report, int64_t from_us, int64_t until_us, const char *window,
                 const struct window_set *windows);
void report_finish(struct report *report);

/* Is the job one of the report's? */
bool report_concerns(const struct report *report, const struct job *job);

/* What one try reserved. */
struct report_attempt {
    int64_t admitted_us;
    int64_t finished_us; /* 0: it goes on */
    int64_t cpu_milli;
    int64_t memory_bytes;
    bool failed;
    const char *pool; /* of nodes, where its driver ran; "": not known */
};

/* label is the job's, of the key that is reported; "": none. message is its last attempt's. */
void report_add(struct report *report, const struct job *job, const char *label,
                const char *message, const struct report_attempt *attempts, size_t count);

/* A job that a schedule will make, which is expected to miss the deadline: as far as it is known
 * yet, so its id is 0. The message says what is expected. */
void report_add_risk(struct report *report, const struct job *planned, int64_t due_us,
                     const char *message);

/* After the last one. */
void report_settle(struct report *report);

double report_cost(const struct report *report, const struct report_usage *usage);

#endif
