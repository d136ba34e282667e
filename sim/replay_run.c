#include "sim/replay_run.h"

#include <stdlib.h>

#include "base/limits.h"
#include "base/memory.h"
#include "scheduler/forward.h"
#include "scheduler/settings.h"
#include "scheduler/team_settings.h"
#include "sim/process_forecast.h"
#include "sim/replay_tell.h"

#define BEGIN_UNLESS_SAID_US (INT64_C(1577836800) * CLOCK_US_PER_SECOND) /* 2020-01-01 UTC */
#define SUBMITTED_AT_ONCE    512

struct run {
    const struct replay_setup *setup;
    struct core *core;
    struct forward *forward;
    struct replay_result *result;
    int64_t begin_us;    /* wall clock of the trace's 0 */
    size_t *trace_index; /* by job id - 1 */
    size_t submitted;
};

static const struct trace_job *job_of(const struct run *run, uint64_t id, size_t *out_index) {
    *out_index = run->trace_index[id - 1];
    return &run->setup->trace->jobs[*out_index];
}

static int64_t runtime_us(void *context, const struct job *job, int64_t ran_us) {
    size_t index;

    (void)ran_us;
    return job_of(context, job->id, &index)->runtime_us;
}

static void on_job(void *context, const struct job *job, int64_t now_us) {
    struct run *run = context;
    size_t index;
    struct replay_outcome *outcome;

    (void)now_us;
    (void)job_of(run, job->id, &index);
    outcome = &run->result->jobs[index];
    outcome->started_us = job->started_us != 0 ? job->started_us - run->begin_us : -1;
    outcome->finished_us = job_state_is_final(job->state) ? job->finished_us - run->begin_us : -1;
}

/* --- Submitting ------------------------------------------------------------------------------ */

/* A run that outlived its limit was given more time than that: then that is what it asked for. */
static int64_t limit_of(const struct trace_job *job) {
    if (job->limit_us == 0 || job->limit_us > job->runtime_us) {
        return job->limit_us;
    }
    return job->runtime_us + CLOCK_US_PER_SECOND;
}

static struct new_job new_job_of(const struct trace_job *job) {
    struct new_job new_job = {
        .name = job->name,
        .namespace = job->namespace,
        .team = job->team,
        .priority_class = job->priority_class,
        .window = job->window,
        .preemptible = job->preemptible,
        .kind = JOB_KIND_SPARK,
        .priority = job->priority,
        .ttl_s = JOB_TTL_NEVER,
        .retry = {.infra_retries_max = LIMIT_JOB_ATTEMPTS},
        .expected_runtime_us = job->expected_us,
        .max_runtime_us = limit_of(job),
        .demand = job->demand,
        .spec = {.text = "{}", .bytes = 2},
    };

    return new_job;
}

static const char *window_of(const struct trace_job *job) {
    return job->window != NULL ? job->window : "";
}

/* No empty cluster could hold it, or no window is long enough. */
static bool is_refused(const struct run *run, const struct trace_job *job) {
    struct error error = {0};
    int64_t expected_us = job->expected_us != 0 ? job->expected_us : limit_of(job);

    return core_check_possible(run->core, job->namespace, job->demand, &error) < 0 ||
           core_check_window(run->core, window_of(job), expected_us, &error) < 0;
}

/* Those that come at one instant, a few hundred at a time; some are turned away at the door, as the
 * daemon does. */
static void submit(struct run *run, size_t from, size_t to) {
    struct new_job *jobs = mem_alloc(to - from, sizeof *jobs);
    struct event *events = mem_alloc(to - from, sizeof *events);
    size_t count = 0;

    for (size_t i = from; i < to; i++) {
        const struct trace_job *job = &run->setup->trace->jobs[i];

        if (is_refused(run, job)) {
            run->result->refused++;
            continue;
        }
        run->trace_index[run->submitted++] = i;
        jobs[count] = new_job_of(job);
        events[count] = (struct event){
            .kind = EVENT_SUBMIT,
            .submit = {.jobs = &jobs[count], .count = 1, .submitter = job->user},
        };
        count++;
    }
    forward_tell(run->forward, events, count);
    free(events);
    free(jobs);
}

/* The last job of each stretch of the trace. */
static bool is_chosen(const struct run *run, size_t index) {
    size_t wanted = run->setup->forecasts;
    size_t count = run->setup->trace->count;

    return index * wanted / count != (index + 1) * wanted / count;
}

static void forecast_job(struct run *run, uint64_t id, struct replay_outcome *outcome) {
    int64_t now_us = forward_now_us(run->forward);
    int64_t at_us = now_us;

    if (outcome->started_us < 0) {
        at_us = process_forecast(run->core, (struct instant){.now_us = now_us, .mono_us = now_us},
                                 run->setup->seed, id);
    }
    outcome->is_forecast = true;
    outcome->forecast_us = at_us == CLOCK_NEVER_US ? -1 : at_us - run->begin_us;
}

/* Of those that were submitted just now, from this one of the trace on. */
static void forecast_chosen(struct run *run, size_t from) {
    for (size_t id = run->submitted; id > 0 && run->trace_index[id - 1] >= from; id--) {
        size_t index = run->trace_index[id - 1];

        if (is_chosen(run, index)) {
            forecast_job(run, id, &run->result->jobs[index]);
        }
    }
}

static void go_until(struct run *run, int64_t until_us) {
    int64_t next_us;

    while ((next_us = forward_next_us(run->forward)) < until_us) {
        forward_go(run->forward, next_us);
    }
    if (until_us != CLOCK_NEVER_US) {
        forward_go(run->forward, until_us);
    }
}

static void run_all(struct run *run) {
    const struct trace *trace = run->setup->trace;

    for (size_t i = 0; i < trace->count;) {
        size_t end = i + 1;

        while (end < trace->count && end - i < SUBMITTED_AT_ONCE &&
               trace->jobs[end].submit_us == trace->jobs[i].submit_us) {
            end++;
        }
        go_until(run, run->begin_us + trace->jobs[i].submit_us);
        submit(run, i, end);
        forecast_chosen(run, i);
        i = end;
    }
    go_until(run, CLOCK_NEVER_US);
}

static void count_left_over(struct run *run) {
    for (size_t i = 0; i < run->submitted; i++) {
        run->result->left_over += run->result->jobs[run->trace_index[i]].finished_us < 0;
    }
}

/* --- One run --------------------------------------------------------------------------------- */

static int64_t begin_of(const struct trace *trace) {
    if (trace->begin_us != 0 || trace->jobs[0].submit_us > BEGIN_UNLESS_SAID_US / 4) {
        return trace->begin_us; /* Some write Unix time into the lines. */
    }
    return BEGIN_UNLESS_SAID_US;
}

/* As the daemon does it, but for what bounds a daemon's memory and its patience. */
static struct core_settings settings_of(const struct config *config) {
    struct core_settings settings = core_settings_of(config);

    settings.starts_per_turn_max = SIZE_MAX / 2;
    settings.start_timeout_us = INT64_MAX / 4;
    settings.events_after_us = 0;
    settings.history_age_us = 0;
    settings.history_count = 0;
    settings.jobs_waiting_max = SIZE_MAX / 2;
    return settings;
}

static struct core *create_core(const struct replay_setup *setup, int64_t now_us) {
    struct core *core = core_create(&(struct core_options){
        .next_id = 1, .seed = setup->seed, .settings = settings_of(setup->config)});
    struct team_settings teams;
    size_t dropped;

    team_settings_init(&teams, setup->config, core_resource_names(core), &dropped);
    core_set_teams(core, &teams.core, now_us);
    team_settings_finish(&teams);
    return core;
}

/* Are the windows and classes that jobs name in the configuration? */
static int check_names(const struct run *run, struct error *error) {
    const struct config *config = run->setup->config;

    for (size_t i = 0; i < run->setup->trace->count; i++) {
        const struct trace_job *job = &run->setup->trace->jobs[i];

        if (job->priority_class != NULL &&
            team_set_class(&config->teams, job->priority_class) == NULL) {
            return error_set(error, ERR_INVALID,
                             "a job's priorityClass \"%s\" is not in the configuration; "
                             "name one that has it (--config)",
                             job->priority_class);
        }
        if (core_check_window(run->core, window_of(job), 0, error) < 0) {
            return ERR_INVALID;
        }
    }
    return OK;
}

int replay_run(const struct replay_setup *setup, struct replay_result *out_result,
               struct error *error) {
    const struct trace *trace = setup->trace;
    struct replay_result result = {.jobs = mem_alloc(trace->count, sizeof *result.jobs)};
    struct run run = {.setup = setup, .result = &result, .begin_us = begin_of(trace)};
    int64_t now_us = run.begin_us + trace->jobs[0].submit_us;
    int r;

    for (size_t i = 0; i < trace->count; i++) {
        result.jobs[i] = (struct replay_outcome){.started_us = -1, .finished_us = -1};
    }
    run.trace_index = mem_alloc(trace->count, sizeof *run.trace_index);
    run.core = create_core(setup, now_us);
    run.forward =
        forward_create(&(struct forward_options){.core = run.core,
                                                 .start = {.now_us = now_us, .mono_us = now_us},
                                                 .start_delay_us = setup->start_delay_us,
                                                 .context = &run,
                                                 .runtime_us = runtime_us,
                                                 .on_job = on_job});
    r = check_names(&run, error);
    r = r < 0 ? r : replay_tell(setup->cluster, run.core, run.forward, error);
    if (r == OK) {
        run_all(&run);
        count_left_over(&run);
        result.turns = forward_turns(run.forward);
        if (forward_is_stuck(run.forward)) {
            r = error_set(error, ERR_CORRUPT, "the scheduler comes to no end at one instant");
        }
    }
    forward_destroy(run.forward);
    core_destroy(run.core);
    free(run.trace_index);
    if (r < 0) {
        replay_result_finish(&result);
        return r;
    }
    *out_result = result;
    return OK;
}

void replay_result_finish(struct replay_result *result) {
    free(result->jobs);
    *result = (struct replay_result){0};
}
