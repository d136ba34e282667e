#include "scheduler/future_runs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* --- In one future ---------------------------------------------------------------------------- */

static int by_id(const void *a, const void *b) {
    uint64_t left = *(const uint64_t *)a;
    uint64_t right = ((const struct future_run *)b)->job_id;

    return (left > right) - (left < right);
}

static struct future_run *find(const struct future_runs *runs, uint64_t job_id) {
    return runs->count == 0
               ? NULL
               : bsearch(&job_id, runs->items, runs->count, sizeof *runs->items, by_id);
}

/* The elements of an array are one run. */
static uint64_t id_of(const struct job *job) {
    return job->array_id != 0 ? job->array_id : job->id;
}

/* Ids rise, so the list stays sorted. */
static struct future_run *add(struct future_runs *runs, const struct job *job, int64_t now_us) {
    struct future_run *run;

    if (runs->count % 64 == 0) {
        runs->items = mem_grow(runs->items, runs->count + 64, sizeof *runs->items);
    }
    run = &runs->items[runs->count++];
    *run = (struct future_run){.job_id = id_of(job),
                               .occurrence = job->occurrence,
                               .made_us = now_us,
                               .starts_us = FORECAST_NEVER,
                               .ends_us = FORECAST_NEVER,
                               .start_by_us = job->start_by_us,
                               .finish_by_us = job->finish_by_us};
    (void)snprintf(run->key, sizeof run->key, "%s/%s", job->namespace, job->schedule);
    return run;
}

void future_runs_note(struct future_runs *runs, size_t most, const struct job *job,
                      int64_t now_us) {
    struct future_run *run = find(runs, id_of(job));

    if (run == NULL) {
        bool is_new = runs->count == 0 || id_of(job) > runs->items[runs->count - 1].job_id;

        if (!is_new || runs->count >= most) {
            return;
        }
        run = add(runs, job, now_us);
    }
    if (job->id > run->last_id) {
        run->last_id = job->id;
        run->open++;
        runs->open++;
    }
    if (job->state == JOB_SUBMITTING && run->starts_us == FORECAST_NEVER) {
        run->starts_us = now_us;
    } else if (job_state_is_final(job->state) && job->finished_us == now_us && run->open > 0) {
        run->skipped = job->state == JOB_SKIPPED;
        run->open--;
        runs->open--;
        run->ends_us = job->state == JOB_SUCCEEDED && run->open == 0 ? now_us : FORECAST_NEVER;
    }
}

void future_runs_finish(struct future_runs *runs) {
    free(runs->items);
    *runs = (struct future_runs){0};
}

/* --- In several ------------------------------------------------------------------------------- */

static int compare(int64_t left, int64_t right) {
    return (left > right) - (left < right);
}

/* The same run of several futures is side by side. */
static int by_run(const void *a, const void *b) {
    const struct future_run *left = a;
    const struct future_run *right = b;
    int order = compare(left->occurrence.time_us, right->occurrence.time_us);

    order = order != 0 ? order : strcmp(left->key, right->key);
    order = order != 0 ? order : compare(left->occurrence.civil_s, right->occurrence.civil_s);
    return order != 0 ? order : compare(left->occurrence.fold, right->occurrence.fold);
}

static int by_time(const void *a, const void *b) {
    return compare(*(const int64_t *)a, *(const int64_t *)b);
}

/* The time that so many of a hundred futures keep; those that have no such run keep none. */
static int64_t quantile(int64_t *times_us, size_t count, size_t futures, unsigned percent) {
    size_t rank = (futures * percent + 99) / 100;

    qsort(times_us, count, sizeof *times_us, by_time);
    return rank <= count ? times_us[rank - 1] : FORECAST_NEVER;
}

static struct forecast_run join(const struct future_run *runs, size_t count, size_t futures,
                                int64_t *times_us) {
    struct forecast_run joined = {.run = runs[0]};
    size_t skipped = 0;

    for (size_t i = 0; i < count; i++) {
        times_us[i] = runs[i].starts_us;
        skipped += runs[i].skipped ? 1 : 0;
    }
    joined.p50_us = quantile(times_us, count, futures, 50);
    joined.p90_us = quantile(times_us, count, futures, 90);
    for (size_t i = 0; i < count; i++) {
        times_us[i] = runs[i].ends_us;
    }
    joined.ends_p50_us = quantile(times_us, count, futures, 50);
    joined.ends_p90_us = quantile(times_us, count, futures, 90);
    joined.run.skipped = 2 * skipped > count;
    return joined;
}

void forecast_runs_make(const struct future_runs *futures, size_t count,
                        struct forecast_runs *out_runs) {
    struct forecast_runs joined = {0};
    struct future_run *all;
    int64_t *times_us;
    size_t total = 0;
    size_t at = 0;

    for (size_t i = 0; i < count; i++) {
        total += futures[i].count;
    }
    all = mem_alloc(total, sizeof *all);
    times_us = mem_alloc(total, sizeof *times_us);
    joined.items = mem_alloc(total, sizeof *joined.items);
    for (size_t i = 0; i < count; at += futures[i++].count) {
        if (futures[i].count > 0) {
            memcpy(&all[at], futures[i].items, futures[i].count * sizeof *all);
        }
    }
    if (total > 0) {
        qsort(all, total, sizeof *all, by_run);
    }
    for (size_t from = 0, to; from < total; from = to) {
        for (to = from + 1; to < total && by_run(&all[from], &all[to]) == 0; to++) {
            continue;
        }
        joined.items[joined.count++] = join(&all[from], to - from, count, times_us);
    }
    free(times_us);
    free(all);
    *out_runs = joined;
}

void forecast_runs_finish(struct forecast_runs *runs) {
    free(runs->items);
    *runs = (struct forecast_runs){0};
}

int64_t forecast_run_risk_us(const struct forecast_run *run) {
    if (run->run.skipped) {
        return 0;
    }
    if (run->run.start_by_us != 0 && run->p50_us != FORECAST_NEVER &&
        run->p50_us > run->run.start_by_us) {
        return run->run.start_by_us;
    }
    return run->run.finish_by_us != 0 && run->ends_p50_us != FORECAST_NEVER &&
                   run->ends_p50_us > run->run.finish_by_us
               ? run->run.finish_by_us
               : 0;
}
