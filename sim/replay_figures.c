#include "sim/replay_figures.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/map.h"
#include "base/memory.h"

#define SLOWDOWN_BOUND_S 10.0
#define DAY_S            86400.0

/* Times in seconds since the first submission. */
struct span {
    size_t team;
    double cpus;
    double submit_s;
    double start_s;
    double end_s;
};

struct work {
    struct span *spans;
    size_t count;
    double last_submit_s;
    double last_end_s;
    double cpus;
};

static double seconds(int64_t us) {
    return (double)us / CLOCK_US_PER_SECOND;
}

static double wait_of(const struct span *span) {
    return span->start_s - span->submit_s;
}

static double slowdown_of(const struct span *span) {
    double run_s = span->end_s - span->start_s;
    double slowdown = (span->end_s - span->submit_s) / fmax(run_s, SLOWDOWN_BOUND_S);

    return fmax(slowdown, 1);
}

/* --- Sums over jobs -------------------------------------------------------------------------- */

static int by_value(const void *a, const void *b) {
    double left = *(const double *)a;
    double right = *(const double *)b;

    return (left > right) - (left < right);
}

/* The smallest value that so many of all do not exceed; sorted is not empty. */
static double quantile(const double *sorted, size_t count, double share) {
    size_t rank = (size_t)ceil(share * (double)count);

    return sorted[rank > 0 ? rank - 1 : 0];
}

static double mean(const double *values, size_t count) {
    double sum = 0;

    for (size_t i = 0; i < count; i++) {
        sum += values[i];
    }
    return count > 0 ? sum / (double)count : 0;
}

static void fill_jobs(const struct work *work, struct figures *figures) {
    double *waits = mem_alloc(work->count, sizeof *waits);
    double *slowdowns = mem_alloc(work->count, sizeof *slowdowns);

    for (size_t i = 0; i < work->count; i++) {
        waits[i] = wait_of(&work->spans[i]);
        slowdowns[i] = slowdown_of(&work->spans[i]);
    }
    figures->wait_mean_s = mean(waits, work->count);
    figures->slowdown_mean = mean(slowdowns, work->count);
    if (work->count > 0) {
        qsort(waits, work->count, sizeof *waits, by_value);
        qsort(slowdowns, work->count, sizeof *slowdowns, by_value);
        figures->wait_p50_s = quantile(waits, work->count, 0.5);
        figures->wait_p95_s = quantile(waits, work->count, 0.95);
        figures->wait_p99_s = quantile(waits, work->count, 0.99);
        figures->wait_max_s = waits[work->count - 1];
        figures->slowdown_p95 = quantile(slowdowns, work->count, 0.95);
    }
    free(waits);
    free(slowdowns);
}

static void fill_team(const struct work *work, size_t team, struct team_figures *out_team) {
    double *waits = mem_alloc(work->count, sizeof *waits);
    double slowdowns = 0;

    for (size_t i = 0; i < work->count; i++) {
        const struct span *span = &work->spans[i];

        if (span->team == team) {
            waits[out_team->jobs++] = wait_of(span);
            slowdowns += slowdown_of(span);
            out_team->cpu_hours += span->cpus * (span->end_s - span->start_s) / 3600;
        }
    }
    if (out_team->jobs > 0) {
        out_team->wait_mean_s = mean(waits, out_team->jobs);
        out_team->slowdown_mean = slowdowns / (double)out_team->jobs;
        qsort(waits, out_team->jobs, sizeof *waits, by_value);
        out_team->wait_p95_s = quantile(waits, out_team->jobs, 0.95);
    }
    free(waits);
}

/* --- Use of the machine ---------------------------------------------------------------------- */

struct change {
    double at_s;
    double running; /* processors more, or fewer */
    int waiting;    /* jobs more, or fewer */
};

static int by_time(const void *a, const void *b) {
    const struct change *left = a;
    const struct change *right = b;

    if (left->at_s != right->at_s) {
        return left->at_s < right->at_s ? -1 : 1;
    }
    /* What ends gives its room to what starts at the same instant. */
    return (left->running > right->running) - (left->running < right->running);
}

/* Sorted; three for each job. The caller frees it. */
static struct change *changes_of(const struct work *work) {
    struct change *changes = mem_alloc(3 * work->count, sizeof *changes);

    for (size_t i = 0; i < work->count; i++) {
        const struct span *span = &work->spans[i];

        changes[3 * i] = (struct change){.at_s = span->submit_s, .waiting = 1};
        changes[3 * i + 1] =
            (struct change){.at_s = span->start_s, .waiting = -1, .running = span->cpus};
        changes[3 * i + 2] = (struct change){.at_s = span->end_s, .running = -span->cpus};
    }
    if (work->count > 0) {
        qsort(changes, 3 * work->count, sizeof *changes, by_time);
    }
    return changes;
}

/* Spread over the bins that an interval touches. */
static void add_to_bins(struct figures *figures, double from_s, double to_s, double cpus) {
    for (size_t bin = (size_t)(from_s / figures->bin_s); bin < FIGURES_BINS && from_s < to_s;
         bin++) {
        double end_s = fmin(to_s, figures->bin_s * (double)(bin + 1));

        if (end_s > from_s) {
            figures->bin_utilisation[bin] += cpus * (end_s - from_s);
            from_s = end_s;
        }
    }
}

static void fill_use(const struct work *work, struct figures *figures) {
    struct change *changes = changes_of(work);
    double used = 0;
    double lost = 0;
    double running = 0;
    double at_s = 0;
    long waiting = 0;

    for (size_t i = 0; i < 3 * work->count; i++) {
        double until_s = fmin(changes[i].at_s, work->last_submit_s);

        add_to_bins(figures, at_s, changes[i].at_s, running);
        if (until_s > at_s) {
            used += running * (until_s - at_s);
            lost += waiting > 0 ? (work->cpus - running) * (until_s - at_s) : 0;
        }
        at_s = changes[i].at_s;
        running += changes[i].running;
        waiting += changes[i].waiting;
    }
    free(changes);
    if (work->last_submit_s > 0) {
        figures->utilisation = used / (work->cpus * work->last_submit_s);
        figures->loss_of_capacity = lost / (work->cpus * work->last_submit_s);
    }
    for (size_t i = 0; i < FIGURES_BINS; i++) {
        figures->bin_utilisation[i] /= work->cpus * figures->bin_s;
    }
}

static void fill_waits_over_time(const struct work *work, struct figures *figures) {
    size_t counts[FIGURES_BINS] = {0};

    for (size_t i = 0; i < work->count; i++) {
        size_t bin = (size_t)(work->spans[i].submit_s / figures->bin_s);

        bin = bin < FIGURES_BINS ? bin : FIGURES_BINS - 1;
        counts[bin]++;
        figures->bin_wait_s[bin] += wait_of(&work->spans[i]);
    }
    for (size_t i = 0; i < FIGURES_BINS; i++) {
        figures->bin_wait_s[i] = counts[i] > 0 ? figures->bin_wait_s[i] / (double)counts[i] : -1;
    }
}

/* --- Fairness -------------------------------------------------------------------------------- */

/* Of one day: processor seconds by team. */
struct day {
    double *used;
    double *asked; /* used, or waited for */
};

static void add_to_days(struct day *days, size_t day_count, size_t team, double from_s, double to_s,
                        double cpus, bool waited) {
    for (size_t day = (size_t)(from_s / DAY_S); day < day_count && from_s < to_s; day++) {
        double end_s = fmin(to_s, DAY_S * (double)(day + 1));

        days[day].asked[team] += cpus * (end_s - from_s);
        days[day].used[team] += waited ? 0 : cpus * (end_s - from_s);
        from_s = end_s;
    }
}

/* Max-min fairness: raise all weighted shares together; who has what it asked for stops. */
static void share_out(const struct day *day, const struct figures *figures, double total,
                      double *out_due) {
    double weights = 0;
    bool more = true;

    for (size_t i = 0; i < figures->team_count; i++) {
        out_due[i] = -1;
        weights += day->asked[i] > 0 ? figures->teams[i].weight : 0;
    }
    while (more) {
        more = false;
        for (size_t i = 0; i < figures->team_count; i++) {
            double weight = figures->teams[i].weight;

            if (out_due[i] < 0 && day->asked[i] <= total * weight / weights) {
                out_due[i] = day->asked[i];
                total -= day->asked[i];
                weights -= day->asked[i] > 0 ? weight : 0;
                more = true;
            }
        }
    }
    for (size_t i = 0; i < figures->team_count; i++) {
        out_due[i] = out_due[i] < 0 ? total * figures->teams[i].weight / weights : out_due[i];
    }
}

static double jain_of_day(const struct day *day, const struct figures *figures, double *due) {
    double total = 0;
    double sum = 0;
    double squares = 0;
    size_t count = 0;

    for (size_t i = 0; i < figures->team_count; i++) {
        total += day->used[i];
    }
    share_out(day, figures, total, due);
    for (size_t i = 0; i < figures->team_count; i++) {
        if (due[i] > 0) {
            double got = day->used[i] / due[i];

            sum += got;
            squares += got * got;
            count++;
        }
    }
    return squares > 0 ? sum * sum / ((double)count * squares) : 1;
}

/* Two teams asked for something, and not all was given. */
static bool is_contended(const struct day *day, size_t team_count) {
    size_t asking = 0;
    double used = 0;
    double asked = 0;

    for (size_t i = 0; i < team_count; i++) {
        asking += day->asked[i] > 0;
        used += day->used[i];
        asked += day->asked[i];
    }
    return asking > 1 && used > 0 && asked > 1.01 * used;
}

static void fill_fairness(const struct work *work, struct figures *figures) {
    size_t day_count = (size_t)(work->last_submit_s / DAY_S) + 1;
    struct day *days = mem_alloc(day_count, sizeof *days);
    double *due = mem_alloc(figures->team_count, sizeof *due);
    double sum = 0;

    for (size_t i = 0; i < day_count; i++) {
        days[i].used = mem_alloc(figures->team_count, sizeof *days[i].used);
        days[i].asked = mem_alloc(figures->team_count, sizeof *days[i].asked);
    }
    for (size_t i = 0; i < work->count; i++) {
        const struct span *span = &work->spans[i];

        add_to_days(days, day_count, span->team, span->submit_s, span->start_s, span->cpus, true);
        add_to_days(days, day_count, span->team, span->start_s, span->end_s, span->cpus, false);
    }
    for (size_t i = 0; i < day_count; i++) {
        if (is_contended(&days[i], figures->team_count)) {
            sum += jain_of_day(&days[i], figures, due);
            figures->days_contended++;
        }
        free(days[i].used);
        free(days[i].asked);
    }
    figures->jain = figures->days_contended > 0 ? sum / (double)figures->days_contended : 1;
    free(due);
    free(days);
}

/* --- Teams ----------------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b) {
    return strcmp(((const struct team_figures *)a)->name, ((const struct team_figures *)b)->name);
}

static void list_teams(const struct trace *trace, struct figures *figures) {
    struct map seen = {0};

    figures->teams = mem_alloc(trace->count, sizeof *figures->teams);
    for (size_t i = 0; i < trace->count; i++) {
        if (map_put(&seen, trace->jobs[i].team, figures) == NULL) {
            figures->teams[figures->team_count++].name = trace->jobs[i].team;
        }
    }
    map_finish(&seen);
    qsort(figures->teams, figures->team_count, sizeof *figures->teams, by_name);
}

static size_t team_at(const struct figures *figures, const char *name) {
    const struct team_figures key = {.name = name};
    const struct team_figures *found =
        bsearch(&key, figures->teams, figures->team_count, sizeof *figures->teams, by_name);

    return (size_t)(found - figures->teams);
}

/* --- Forecasts ------------------------------------------------------------------------------- */

/* Of jobs that start at once nothing has to be told. */
static bool had_to_be_told(const struct replay_outcome *outcome, double wait_s) {
    return outcome->is_forecast && outcome->started_us >= 0 &&
           (wait_s > 0 || outcome->forecast_us != outcome->started_us);
}

static void fill_forecasts(const struct trace *trace, const struct replay_result *result,
                           struct figures *figures) {
    double *errors = mem_alloc(trace->count, sizeof *errors);
    size_t count = 0;

    for (size_t i = 0; i < trace->count; i++) {
        const struct replay_outcome *outcome = &result->jobs[i];
        double wait_s = seconds(outcome->started_us - trace->jobs[i].submit_us);

        if (!had_to_be_told(outcome, wait_s)) {
            continue;
        }
        figures->forecasts++;
        if (outcome->forecast_us < 0) {
            figures->forecasts_unknown++;
        } else {
            figures->forecast_wait_mean_s += wait_s;
            errors[count++] = fabs(seconds(outcome->forecast_us - outcome->started_us));
        }
    }
    if (count > 0) {
        figures->forecast_wait_mean_s /= (double)count;
        figures->forecast_error_mean_s = mean(errors, count);
        qsort(errors, count, sizeof *errors, by_value);
        figures->forecast_error_p50_s = quantile(errors, count, 0.5);
    }
    free(errors);
}

/* --- All ------------------------------------------------------------------------------------- */

static void take_spans(const struct trace *trace, const struct replay_result *result,
                       const struct figures *figures, struct work *work) {
    int64_t first_us = trace->jobs[0].submit_us;

    work->spans = mem_alloc(trace->count, sizeof *work->spans);
    for (size_t i = 0; i < trace->count; i++) {
        const struct replay_outcome *outcome = &result->jobs[i];
        struct span *span = &work->spans[work->count];

        if (outcome->finished_us < 0 || outcome->started_us < 0) {
            continue;
        }
        *span = (struct span){.team = team_at(figures, trace->jobs[i].team),
                              .cpus = trace_job_cpus(&trace->jobs[i]),
                              .submit_s = seconds(trace->jobs[i].submit_us - first_us),
                              .start_s = seconds(outcome->started_us - first_us),
                              .end_s = seconds(outcome->finished_us - first_us)};
        work->last_submit_s = fmax(work->last_submit_s, span->submit_s);
        work->last_end_s = fmax(work->last_end_s, span->end_s);
        work->count++;
    }
}

void figures_compute(const struct trace *trace, const struct replay_result *result, double cpus,
                     double (*weight_of)(const void *context, const char *team),
                     const void *context, struct figures *out_figures) {
    struct figures figures = {.refused = result->refused, .left_over = result->left_over};
    struct work work = {.cpus = cpus};

    list_teams(trace, &figures);
    take_spans(trace, result, &figures, &work);
    figures.jobs = work.count;
    figures.makespan_s = work.last_end_s;
    figures.bin_s = fmax(work.last_end_s / FIGURES_BINS, 1);
    for (size_t i = 0; i < figures.team_count; i++) {
        struct team_figures *team = &figures.teams[i];

        team->weight = weight_of != NULL ? weight_of(context, team->name) : 1;
        fill_team(&work, i, team);
    }
    fill_jobs(&work, &figures);
    fill_use(&work, &figures);
    fill_waits_over_time(&work, &figures);
    fill_fairness(&work, &figures);
    fill_forecasts(trace, result, &figures);
    free(work.spans);
    *out_figures = figures;
}

void figures_finish(struct figures *figures) {
    free(figures->teams);
    *figures = (struct figures){0};
}
