/* sim/replay_figures.h - what a replay came to, as numbers.
 *
 * Wait: from submission to start. Bounded slowdown: max(1, (wait + run) / max(run, 10 s)); source:
 * Feitelson, Rudolph, Schwiegelshohn, Sevcik, Wong, "Theory and Practice in Parallel Job
 * Scheduling" (1997). Loss of capacity: idle processor time while jobs wait, of all processor
 * time; source: Zhang, Franke, Moreira, Sivasubramaniam, "An Integrated Approach to Parallel
 * Scheduling Using Gang-Scheduling, Backfilling, and Migration" (2003). Fairness: the index of
 * Jain, Chiu, Hawe, "A Quantitative Measure of Fairness and Discrimination" (1984), of what each
 * team got over what max-min fairness by weight would have given it of the same total, for each
 * day on which jobs waited; a team is due no more than it asked for. 1 is perfectly fair.
 *
 * Computed from the outcomes alone, without the scheduler.
 */
#ifndef SIM_REPLAY_FIGURES_H
#define SIM_REPLAY_FIGURES_H

#include "sim/replay_run.h"

#define FIGURES_BINS 240 /* of the time line */

struct team_figures {
    const char *name; /* borrowed from the trace */
    double weight;
    size_t jobs;
    double wait_mean_s;
    double wait_p95_s;
    double slowdown_mean;
    double cpu_hours;
};

struct figures {
    size_t jobs; /* that ended; all below is about them */
    size_t refused;
    size_t left_over;
    double wait_mean_s;
    double wait_p50_s;
    double wait_p95_s;
    double wait_p99_s;
    double wait_max_s;
    double slowdown_mean;
    double slowdown_p95;
    double utilisation;      /* between the first submission and the last */
    double loss_of_capacity; /* in the same time */
    double jain;             /* mean over the days on which jobs waited; 1 if there was none */
    size_t days_contended;
    double makespan_s;
    size_t forecasts;             /* made of jobs that had to wait, or were told they would */
    size_t forecasts_unknown;     /* of these, nothing could be told */
    double forecast_error_mean_s; /* of what was told: |told - start| */
    double forecast_error_p50_s;
    double forecast_wait_mean_s; /* what these jobs waited: to compare the error with */
    struct team_figures *teams;  /* by name; owned */
    size_t team_count;
    double bin_s; /* of the time line, from the first submission to the last end */
    double bin_utilisation[FIGURES_BINS];
    double bin_wait_s[FIGURES_BINS]; /* mean of the jobs submitted in it; -1: none was */
};

/* weight_of may be NULL: every team weighs 1. */
void figures_compute(const struct trace *trace, const struct replay_result *result, double cpus,
                     double (*weight_of)(const void *context, const char *team),
                     const void *context, struct figures *out_figures);
void figures_finish(struct figures *figures);

#endif
