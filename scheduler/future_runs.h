/* scheduler/future_runs.h - in the futures: the runs that schedules will make.
 *
 * In a future schedules make their jobs as they do in the daemon. These have ids that nobody else
 * knows (the next submission's may be one of them), and another future may give them others: a run
 * is known by its schedule and its occurrence.
 */
#ifndef SCHEDULER_FUTURE_RUNS_H
#define SCHEDULER_FUTURE_RUNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/job.h"

#define FUTURE_KEY_BYTES 128       /* namespace and name of a schedule have 63 each */
#define FORECAST_NEVER   INT64_MAX /* not known, or later than what was looked at */

/* Plain values: they are sent through a pipe. */
struct future_run {
    char key[FUTURE_KEY_BYTES]; /* namespace/name of the schedule */
    uint64_t job_id;            /* in this future; of an array the first element's, */
    uint64_t last_id;           /* and the last one's so far */
    uint64_t open;              /* of these: not over */
    struct occurrence occurrence;
    int64_t made_us;   /* wall clock, as all of these */
    int64_t starts_us; /* its first attempt; FORECAST_NEVER */
    int64_t ends_us;   /* it succeeds; FORECAST_NEVER */
    int64_t start_by_us;
    int64_t finish_by_us; /* 0: none */
    bool skipped;
};

struct future_runs {
    struct future_run *items; /* as they were made */
    size_t count;
    size_t open; /* of them: neither over nor skipped */
};

/* A job of a schedule was made or has changed; those beyond `most` are left out. */
void future_runs_note(struct future_runs *runs, size_t most, const struct job *job, int64_t now_us);
void future_runs_finish(struct future_runs *runs);

/* A run as several futures have it. */
struct forecast_run {
    struct future_run run;  /* of the first that has it */
    int64_t p50_us, p90_us; /* it starts; FORECAST_NEVER */
    int64_t ends_p50_us, ends_p90_us;
};

struct forecast_runs {
    struct forecast_run *items; /* by the time at which they are made, then by schedule */
    size_t count;
};

/* From what so many futures have; each a list as future_runs_note() made it. */
void forecast_runs_make(const struct future_runs *futures, size_t count,
                        struct forecast_runs *out_runs);
void forecast_runs_finish(struct forecast_runs *runs);

/* The deadline that half of the futures miss; 0: none. */
int64_t forecast_run_risk_us(const struct forecast_run *run);

#endif
