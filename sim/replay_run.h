/* sim/replay_run.h - one trace under one policy: the scheduler's own core in virtual time.
 *
 * Jobs come as the trace says; the cluster obeys (scheduler/forward.h). What the core is told of a
 * job is what its submitter would have said; how long it runs is known here alone.
 */
#ifndef SIM_REPLAY_RUN_H
#define SIM_REPLAY_RUN_H

#include "sim/replay_cluster.h"
#include "sim/trace.h"

struct config;

struct replay_setup {
    const struct trace *trace;
    const struct replay_cluster *cluster;
    const struct config *config; /* the policy and the teams among it */
    uint64_t seed;
    int64_t start_delay_us; /* from a pod's creation until it runs */
    size_t forecasts; /* of so many jobs, evenly among all, the start is forecast when they come */
};

/* Of one job; times as in the trace, -1: it never came to that. */
struct replay_outcome {
    int64_t started_us;
    int64_t finished_us;
    bool is_forecast;
    int64_t forecast_us; /* the start that was forecast; -1: none could be */
};

struct replay_result {
    struct replay_outcome *jobs; /* by the trace's order; owned */
    uint64_t turns;
    size_t refused;   /* no empty cluster or no window could hold them: not submitted */
    size_t left_over; /* submitted, and never ended */
};

/* ERR_INVALID: the cluster, or a name; ERR_CORRUPT: the core came to no end (our bug). */
int replay_run(const struct replay_setup *setup, struct replay_result *out_result,
               struct error *error) MUST_CHECK;
void replay_result_finish(struct replay_result *result);

#endif
