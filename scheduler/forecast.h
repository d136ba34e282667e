/* scheduler/forecast.h - when waiting jobs will start, by running the policy forward.
 *
 * One future: the core is run forward with run times drawn from what is known of each job. Several
 * futures, from different seeds, make a forecast: of each job the start that half of them keep
 * (p50) and the one that nine in ten keep (p90). What cannot be known stays unknown: a job that in
 * a future waits for the end of a run of unknown length does not start in it.
 *
 * Pure, like the core; but a future uses its core up.
 */
#ifndef SCHEDULER_FORECAST_H
#define SCHEDULER_FORECAST_H

#include "scheduler/core.h"
#include "scheduler/future_runs.h"

struct future_options {
    struct core *core;
    struct instant now;
    uint64_t seed;
    struct event *added;              /* a submission that comes first; NULL: none */
    int64_t horizon_us;               /* how far to look */
    size_t starts_max;                /* how many to tell */
    size_t runs_max;                  /* the same of runs that schedules make, */
    int64_t runs_us;                  /* of those due within this time */
    uint64_t until_job;               /* no further than its start; 0: none */
    bool (*may_go_on)(void *context); /* asked now and then; NULL: always */
    void *context;
};

enum future_end {
    FUTURE_NOTHING_MORE, /* what has not started waits for something unknown */
    FUTURE_TOLD,         /* all that is asked about has started, and its runs are over */
    FUTURE_CUT,          /* by one of the limits: what has not started starts later */
    FUTURE_STUCK,        /* our bug: nothing is known */
};

struct future_start {
    uint64_t job_id;
    uint64_t after_id; /* the job whose end made way; 0: something else did */
    int64_t at_us;     /* wall clock */
};

struct future {
    struct future_start *starts; /* in order of time; of jobs that waited at the beginning */
    size_t count;
    struct future_runs runs;
    enum future_end end;
    int64_t until_us; /* known until then */
    bool chance;      /* run times were drawn: another seed may give another future */
    uint64_t turns;
};

void future_run(const struct future_options *options, struct future *out_future);
void future_finish(struct future *future);

struct forecast_job {
    uint64_t job_id;
    int64_t p50_us; /* wall clock, or FORECAST_NEVER */
    int64_t p90_us;
    uint64_t after_id; /* in the first future that starts it: whose end makes way; 0: none */
};

struct forecast {
    struct forecast_job *jobs; /* that start in any future, by id */
    size_t count;
    struct forecast_runs runs;
    unsigned futures;
    enum future_end end; /* the worst of theirs */
    int64_t until_us;    /* the nearest of theirs */
    uint64_t turns;
};

void forecast_make(const struct future *futures, size_t count, struct forecast *out_forecast);
void forecast_finish(struct forecast *forecast);

/* NULL: the job starts in no future. */
const struct forecast_job *forecast_find(const struct forecast *forecast, uint64_t job_id);

#endif
