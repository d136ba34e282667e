#include "scheduler/forecast.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/rng.h"
#include "scheduler/forward.h"

#define ASK_EVERY 16 /* instants */

/* --- One future ------------------------------------------------------------------------------ */

struct look {
    const struct future_options *options;
    struct future *future;
    struct rng rng;
    struct forward *forward;
    size_t room;
    uint64_t first_id;  /* of jobs that are made in this future */
    uint64_t passed_id; /* nobody up to it waits any more */
    bool found;         /* the job that was looked for */
};

static int64_t draw_runtime(void *context, const struct job *job, int64_t ran_us) {
    struct look *look = context;
    bool chance = false;
    int64_t us =
        core_draw_runtime_us(look->options->core, job->id, rng_unit(&look->rng), ran_us, &chance);

    look->future->chance = look->future->chance || chance;
    return us;
}

static bool was_made_here(const struct look *look, const struct job *job) {
    return job->id >= look->first_id && job->schedule[0] != '\0';
}

/* Of those that are due later than is asked, too, what they take from others counts. */
static void note_run(struct look *look, const struct job *job, int64_t now_us) {
    const bool is_asked = now_us <= look->options->now.now_us + look->options->runs_us;

    future_runs_note(&look->future->runs, is_asked ? look->options->runs_max : 0, job, now_us);
}

static void note_start(void *context, const struct job *job, int64_t now_us) {
    struct look *look = context;
    struct future *future = look->future;

    if (was_made_here(look, job)) {
        note_run(look, job, now_us);
        return;
    }
    if (job->state != JOB_SUBMITTING || future->count == look->options->starts_max) {
        return;
    }
    if (future->count == look->room) {
        look->room = look->room > 0 ? 2 * look->room : 64;
        future->starts = mem_grow(future->starts, look->room, sizeof *future->starts);
    }
    future->starts[future->count++] = (struct future_start){
        .job_id = job->id, .after_id = forward_ended_now(look->forward), .at_us = now_us};
    look->found = look->found || job->id == look->options->until_job;
}

static bool may_go_on(const struct look *look, unsigned instants) {
    const struct future_options *options = look->options;

    return !look->found && look->future->count < options->starts_max &&
           (instants % ASK_EVERY != 0 || options->may_go_on == NULL ||
            options->may_go_on(options->context));
}

/* Of those that are asked about. Who waits no more is not looked at again. */
static bool somebody_waits(struct look *look) {
    struct job job;

    while (core_next_job(look->options->core, look->passed_id, &job)) {
        if (job_state_is_waiting(job.state) && job.state != JOB_HELD &&
            !was_made_here(look, &job)) {
            return true;
        }
        look->passed_id = job.id;
    }
    return false;
}

/* Schedules go on for ever; nobody asks about what they make later. */
static bool is_all_told(struct look *look) {
    return forward_now_us(look->forward) >= look->options->now.now_us + look->options->runs_us &&
           look->future->runs.open == 0 && !somebody_waits(look);
}

/* The core may want to wake for its own housekeeping long after the last job has ended. */
static enum future_end end_at_horizon(const struct forward *forward) {
    return forward_has_ends(forward) ? FUTURE_CUT : FUTURE_NOTHING_MORE;
}

static void go(struct look *look, struct forward *forward) {
    int64_t last_us = look->options->now.now_us + look->options->horizon_us;
    struct future *future = look->future;
    int64_t next_us;

    if (look->options->added != NULL) {
        forward_tell(forward, look->options->added, 1);
    }
    for (unsigned instants = 1; (next_us = forward_next_us(forward)) <= last_us; instants++) {
        if (!may_go_on(look, instants)) {
            future->end = FUTURE_CUT;
            future->until_us = forward_now_us(forward);
            return;
        }
        if (core_schedule_count(look->options->core) > 0 && is_all_told(look)) {
            future->end = FUTURE_TOLD;
            future->until_us = forward_now_us(forward);
            return;
        }
        forward_go(forward, next_us);
    }
    future->end = next_us == CLOCK_NEVER_US ? FUTURE_NOTHING_MORE : end_at_horizon(forward);
    future->until_us = last_us;
}

void future_run(const struct future_options *options, struct future *out_future) {
    struct future future = {.end = FUTURE_NOTHING_MORE};
    struct look look = {
        .options = options, .future = &future, .first_id = core_new_id(options->core)};
    struct forward *forward;

    rng_init(&look.rng, options->seed);
    forward = forward_create(&(struct forward_options){.core = options->core,
                                                       .start = options->now,
                                                       .context = &look,
                                                       .runtime_us = draw_runtime,
                                                       .on_job = note_start});
    look.forward = forward;
    go(&look, forward);
    future.turns = forward_turns(forward);
    if (forward_is_stuck(forward)) {
        future.end = FUTURE_STUCK;
    }
    forward_destroy(forward);
    *out_future = future;
}

void future_finish(struct future *future) {
    free(future->starts);
    future_runs_finish(&future->runs);
    *future = (struct future){0};
}

/* --- Several --------------------------------------------------------------------------------- */

static int by_job_then_time(const void *a, const void *b) {
    const struct future_start *left = a;
    const struct future_start *right = b;

    if (left->job_id != right->job_id) {
        return left->job_id < right->job_id ? -1 : 1;
    }
    return (left->at_us > right->at_us) - (left->at_us < right->at_us);
}

/* Each job's first start in one future: a job may start again after an attempt that ended early. */
static size_t first_starts(const struct future *future, struct future_start *out_starts) {
    size_t count = 0;

    if (future->count > 0) {
        memcpy(out_starts, future->starts, future->count * sizeof *out_starts);
        qsort(out_starts, future->count, sizeof *out_starts, by_job_then_time);
    }
    for (size_t i = 0; i < future->count; i++) {
        if (count == 0 || out_starts[count - 1].job_id != out_starts[i].job_id) {
            out_starts[count++] = out_starts[i];
        }
    }
    return count;
}

/* The time that so many of a hundred futures keep; a future in which the job does not start keeps
 * none. Times are sorted. */
static int64_t quantile(const struct future_start *starts, size_t count, size_t futures,
                        unsigned percent) {
    size_t rank = (futures * percent + 99) / 100;

    return rank <= count ? starts[rank - 1].at_us : FORECAST_NEVER;
}

static void list_jobs(const struct future_start *starts, size_t count, size_t futures,
                      struct forecast *forecast) {
    for (size_t from = 0, to; from < count; from = to) {
        for (to = from + 1; to < count && starts[to].job_id == starts[from].job_id; to++) {
            continue;
        }
        forecast->jobs[forecast->count++] = (struct forecast_job){
            .job_id = starts[from].job_id,
            .p50_us = quantile(starts + from, to - from, futures, 50),
            .p90_us = quantile(starts + from, to - from, futures, 90),
        };
    }
}

static int by_job(const void *a, const void *b) {
    uint64_t left = *(const uint64_t *)a;
    uint64_t right = ((const struct forecast_job *)b)->job_id;

    return (left > right) - (left < right);
}

static struct forecast_job *find(const struct forecast *forecast, uint64_t job_id) {
    return forecast->count == 0
               ? NULL
               : bsearch(&job_id, forecast->jobs, forecast->count, sizeof *forecast->jobs, by_job);
}

/* The first future has the last word. */
static void name_causes(const struct future *future, struct forecast *forecast) {
    for (size_t i = future->count; i-- > 0;) {
        struct forecast_job *job = find(forecast, future->starts[i].job_id);

        job->after_id = future->starts[i].after_id;
    }
}

static void join_runs(const struct future *futures, size_t count, struct forecast *forecast) {
    struct future_runs *runs = mem_alloc(count, sizeof *runs);

    for (size_t i = 0; i < count; i++) {
        runs[i] = futures[i].runs;
    }
    forecast_runs_make(runs, count, &forecast->runs);
    free(runs);
}

void forecast_make(const struct future *futures, size_t count, struct forecast *out_forecast) {
    struct forecast forecast = {.futures = (unsigned)count, .until_us = INT64_MAX};
    struct future_start *starts;
    size_t total = 0;
    size_t kept = 0;

    join_runs(futures, count, &forecast);
    for (size_t i = 0; i < count; i++) {
        total += futures[i].count;
        forecast.end = futures[i].end > forecast.end ? futures[i].end : forecast.end;
        forecast.turns += futures[i].turns;
        if (futures[i].until_us < forecast.until_us) {
            forecast.until_us = futures[i].until_us;
        }
    }
    starts = mem_alloc(total, sizeof *starts);
    forecast.jobs = mem_alloc(total, sizeof *forecast.jobs);
    for (size_t i = 0; i < count; i++) {
        kept += first_starts(&futures[i], starts + kept);
    }
    if (kept > 0) {
        qsort(starts, kept, sizeof *starts, by_job_then_time);
    }
    list_jobs(starts, kept, count, &forecast);
    for (size_t i = count; i-- > 0;) {
        name_causes(&futures[i], &forecast);
    }
    free(starts);
    *out_forecast = forecast;
}

void forecast_finish(struct forecast *forecast) {
    free(forecast->jobs);
    forecast_runs_finish(&forecast->runs);
    *forecast = (struct forecast){0};
}

const struct forecast_job *forecast_find(const struct forecast *forecast, uint64_t job_id) {
    return find(forecast, job_id);
}
