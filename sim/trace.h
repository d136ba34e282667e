/* sim/trace.h - a workload trace: which jobs came when, what they asked for, how long they ran.
 *
 * Three forms, told apart by their first character, each also compressed by gzip:
 * - the Standard Workload Format: 18 numbers a line (Chapin and others, "Benchmarks and Standards
 *   for the Evaluation of Parallel Job Schedulers", 1999; the Parallel Workloads Archive says what
 *   each field means). Of the three columns that Alea's logs have behind them, the last one
 *   ("2:ppn=8:cl_zegox") says on how many nodes the processors lie;
 * - JSON lines, our own: docs/manual/replay.md;
 * - the logs of SWIM (Chen, Ganapathi, Griffith, Katz, "The Case for Evaluating MapReduce
 *   Performance Using Workload Suites", 2011), which have bytes and no times: "job0", submission,
 *   gap, bytes of input, shuffle and output. What they take is our own model: an executor of one
 *   processor for each GB, at most 64, and a driver; 20 s, and 10 MB a second from each executor.
 *   They have no users: teams are jobs below 1 GB, below 1 TB, and larger ones.
 */
#ifndef SIM_TRACE_H
#define SIM_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "policy/demand.h"

/* Texts are owned. */
struct trace_job {
    char *name;
    char *user;
    char *team;
    char *namespace;
    char *window;         /* as in struct job; NULL: starts at any time */
    char *priority_class; /* NULL: none */
    bool preemptible;
    int64_t submit_us; /* since the trace's own beginning of time */
    int64_t runtime_us;
    int64_t expected_us; /* the submitter's own estimate; 0: none */
    int64_t limit_us;    /* it would have been stopped after it; 0: none */
    int32_t priority;
    struct demand *demand; /* settled */
};

struct trace {
    struct trace_job *jobs; /* by time of submission, as in the file where that is equal */
    size_t count;
    size_t room;
    int64_t begin_us;   /* wall clock of submit_us 0, if the trace says; else 0 */
    int64_t processors; /* of the machine, if the trace says; else 0 */
    size_t skipped;     /* lines that could not be used */
};

enum trace_team {
    TRACE_TEAM_USER,
    TRACE_TEAM_GROUP,
    TRACE_TEAM_QUEUE,
};

struct trace_options {
    enum trace_team team; /* what of SWF's becomes the team */
    int64_t pod_cpus;     /* SWF: processors of a pod at most, where the trace does not say */
    bool skip_bad;        /* leave lines out that can't be used, and count them */
    int64_t jobs_max;     /* read no more; 0: all */
};

/* On failure the error says file:line and what to do; nothing is left behind. */
int trace_read(const char *path, const struct trace_options *options, struct trace *out_trace,
               struct error *error) MUST_CHECK;
void trace_finish(struct trace *trace);

/* Make arrivals denser or sparser, so that the work would keep `load` of so many processors busy
 * between the first submission and the last. */
void trace_set_load(struct trace *trace, double load, double processors);

/* Processors times seconds of all jobs. */
double trace_work(const struct trace *trace);
double trace_job_cpus(const struct trace_job *job);

#endif
