#include "scheduler/front_forecast.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "api/api.h"
#include "api/wire.h"
#include "base/buf.h"
#include "base/civil.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/rng.h"
#include "scheduler/daemon.h"
#include "scheduler/foresight.h"
#include "scheduler/front_view.h"
#include "scheduler/lookahead.h"
#include "scheduler/loop.h"
#include "scheduler/submission.h"

#define KEPT_LEAST_US   (2 * CLOCK_US_PER_SECOND)
#define KEPT_TIMES      10
#define DELAY_LEAST_US  CLOCK_US_PER_SECOND /* less is none */
#define DELAYED_MAX     100
#define RUNS_KEPT_US    (600 * CLOCK_US_PER_SECOND) /* a report is no better for a newer one */
#define LOOK_FIRST_US   CLOCK_US_PER_SECOND
#define LOOK_DEFAULT_US (60 * CLOCK_US_PER_SECOND) /* until it may have been switched on */

/* A client's question. */
struct asked {
    uint64_t call_number;
    struct submission_work *work; /* of SIMULATE; else NULL */
    uint64_t first_id;            /* that its jobs have in the child */
};

struct front_forecasts {
    struct daemon *daemon;
    struct lookahead *lookahead;
    struct forecast kept;
    bool is_kept;
    int64_t kept_us;       /* wall clock: as of then */
    int64_t kept_until_us; /* monotonic */
    struct asked *asked;   /* in the order they came; the first is what the child works on */
    size_t count;
    struct poller_timer look_ahead; /* for deadlines, though nobody asks */
};

static struct instant clock_of(void *owner) {
    return daemon_now(owner);
}

static void on_look_ahead(struct poller_timer *timer);

struct front_forecasts *front_forecasts_create(struct daemon *daemon) {
    struct front_forecasts *forecasts = mem_alloc(1, sizeof *forecasts);

    forecasts->daemon = daemon;
    forecasts->lookahead = lookahead_create(loop_poller(daemon->loop), clock_of, daemon);
    forecasts->look_ahead = (struct poller_timer){.on_time = on_look_ahead, .owner = forecasts};
    poller_timer_set(loop_poller(daemon->loop), &forecasts->look_ahead, LOOK_FIRST_US);
    return forecasts;
}

static void asked_finish(struct asked *asked) {
    if (asked->work != NULL) {
        submission_destroy(asked->work);
    }
}

void front_forecasts_destroy(struct front_forecasts *forecasts) {
    if (forecasts == NULL) {
        return;
    }
    poller_timer_stop(loop_poller(forecasts->daemon->loop), &forecasts->look_ahead);
    lookahead_destroy(forecasts->lookahead);
    for (size_t i = 0; i < forecasts->count; i++) {
        asked_finish(&forecasts->asked[i]);
    }
    forecast_finish(&forecasts->kept);
    free(forecasts->asked);
    free(forecasts);
}

/* --- In the words of the API ----------------------------------------------------------------- */

/* Outlooks being listed. */
struct outlooks {
    struct wire_outlook *items;
    size_t count;
    size_t most;
};

static int64_t time_or_none(int64_t at_us) {
    return at_us == FORECAST_NEVER ? 0 : at_us;
}

static const char *start_text(const struct forecast *forecast, const struct forecast_job *job) {
    if (job != NULL && job->p50_us != FORECAST_NEVER) {
        return "expected";
    }
    return forecast->end == FUTURE_CUT ? "later" : "unknown";
}

static struct wire_outlook outlook_of(struct core *core, const struct job *job,
                                      const struct forecast *forecast) {
    const struct forecast_job *found = forecast_find(forecast, job->id);
    struct reason reason = {0};

    (void)core_reason(core, job->id, &reason);
    return (struct wire_outlook){
        .id = job->id,
        .name = job->name,
        .namespace = job->namespace,
        .team = job->team,
        .state = job_state_text(job->state),
        .reason = reason.code != REASON_NONE ? reason_code_text((enum reason_code)reason.code) : "",
        .start = start_text(forecast, found),
        .p50_us = found != NULL ? time_or_none(found->p50_us) : 0,
        .p90_us = found != NULL ? time_or_none(found->p90_us) : 0,
        .after = found != NULL ? (int64_t)found->after_id : 0,
    };
}

static bool is_asked_about(const struct api_call *call, const char *namespace, const char *team) {
    return (call->namespace[0] == '\0' || strcmp(namespace, call->namespace) == 0) &&
           (call->team[0] == '\0' || strcmp(team, call->team) == 0);
}

static bool matches(const struct job *job, const struct api_call *call) {
    return job_state_is_waiting(job->state) && is_asked_about(call, job->namespace, job->team);
}

static int by_time(const void *a, const void *b) {
    const struct forecast_job *left = a;
    const struct forecast_job *right = b;

    if (left->p50_us != right->p50_us) {
        return left->p50_us < right->p50_us ? -1 : 1;
    }
    return (left->job_id > right->job_id) - (left->job_id < right->job_id);
}

/* Those whose start is known come first, by time. */
static void list_known(struct core *core, const struct forecast *forecast,
                       const struct api_call *call, struct outlooks *out) {
    struct forecast_job *jobs = mem_alloc(forecast->count, sizeof *jobs);

    if (forecast->count > 0) {
        memcpy(jobs, forecast->jobs, forecast->count * sizeof *jobs);
        qsort(jobs, forecast->count, sizeof *jobs, by_time);
    }
    for (size_t i = 0; i < forecast->count && out->count < out->most; i++) {
        struct job job;

        if (core_job(core, jobs[i].job_id, &job) && matches(&job, call)) {
            out->items[out->count++] = outlook_of(core, &job, forecast);
        }
    }
    free(jobs);
}

static void list_others(struct core *core, const struct forecast *forecast,
                        const struct api_call *call, struct outlooks *out) {
    struct job job = {.id = 0};

    while (out->count < out->most && core_next_job(core, job.id, &job)) {
        if (matches(&job, call) && forecast_find(forecast, job.id) == NULL) {
            out->items[out->count++] = outlook_of(core, &job, forecast);
        }
    }
}

static void reply_forecast(struct api_call *call, const struct wire_forecast *wire) {
    struct buf json;

    buf_init(&json, LIMIT_HTTP_BODY_BYTES);
    wire_encode_forecast(&json, wire);
    api_reply_json(call, 200, &json);
    buf_finish(&json);
}

static struct wire_forecast wire_of(const struct forecast *forecast, int64_t as_of_us,
                                    const struct outlooks *outlooks) {
    return (struct wire_forecast){.as_of_us = as_of_us,
                                  .until_us = forecast->until_us,
                                  .futures = forecast->futures,
                                  .items = outlooks->items,
                                  .item_count = outlooks->count};
}

static void reply_gone(struct api_call *call) {
    api_reply_error(call, ERR_NOT_FOUND, "there is no job %" PRIu64 " any more", call->job_id);
}

/* forecast is NULL if there is none to be had: the checks stand by themselves. */
static void reply_why(struct front_forecasts *forecasts, struct api_call *call,
                      const struct forecast *forecast) {
    struct core *core = forecasts->daemon->core;
    struct wire_outlook outlook;
    struct job job;
    struct buf json;

    if (!core_job(core, call->job_id, &job)) {
        reply_gone(call);
        return;
    }
    buf_init(&json, LIMIT_HTTP_BODY_BYTES);
    if (forecast != NULL) {
        outlook = outlook_of(core, &job, forecast);
        front_why(forecasts->daemon, &job, &outlook, forecast->until_us, &json);
    } else {
        front_why(forecasts->daemon, &job, NULL, 0, &json);
    }
    api_reply_json(call, 200, &json);
    buf_finish(&json);
}

static void reply_without(struct front_forecasts *forecasts, struct api_call *call,
                          const struct error *error) {
    if (call->route == API_WHY && forecasts->daemon->core != NULL) {
        reply_why(forecasts, call, NULL);
    } else {
        api_reply_error(call, error->code, "%s", error->text);
    }
}

static void reply_outlook(struct front_forecasts *forecasts, struct api_call *call) {
    struct core *core = forecasts->daemon->core;
    struct wire_outlook outlook;
    struct wire_forecast wire;
    struct job job;

    if (!core_job(core, call->job_id, &job)) {
        reply_gone(call);
        return;
    }
    outlook = outlook_of(core, &job, &forecasts->kept);
    wire = wire_of(&forecasts->kept, forecasts->kept_us,
                   &(struct outlooks){.items = &outlook, .count = job_state_is_waiting(job.state)});
    reply_forecast(call, &wire);
}

/* --- Runs to come ----------------------------------------------------------------------------- */

/* With room for its text. */
struct planned {
    struct wire_planned wire;
    char occurrence[CIVIL_TIME_BYTES];
};

static const char *run_start_text(const struct forecast_run *run) {
    if (run->run.skipped) {
        return "skipped";
    }
    return run->p50_us != FORECAST_NEVER ? "expected" : "later";
}

static void fill_planned(const struct forecast_run *run, const struct core_schedule *schedule,
                         struct planned *out) {
    civil_print_time(run->run.occurrence.civil_s, out->occurrence);
    out->wire = (struct wire_planned){
        .schedule = schedule->made->name,
        .namespace = schedule->made->namespace,
        .team = schedule->made->job.team,
        .occurrence = out->occurrence,
        .occurrence_us = run->run.occurrence.time_us,
        .start = run_start_text(run),
        .p50_us = time_or_none(run->p50_us),
        .p90_us = time_or_none(run->p90_us),
        .done_p50_us = time_or_none(run->ends_p50_us),
        .done_p90_us = time_or_none(run->ends_p90_us),
        .start_by_us = run->run.start_by_us,
        .finish_by_us = run->run.finish_by_us,
        .at_risk = forecast_run_risk_us(run) != 0,
    };
}

/* Those of schedules that are still there. */
static size_t list_planned(const struct core *core, const struct forecast *forecast,
                           const struct api_call *call, struct planned *items) {
    size_t count = 0;

    for (size_t i = 0; i < forecast->runs.count && count < call->limit; i++) {
        struct core_schedule schedule;

        if (core_schedule(core, forecast->runs.items[i].run.key, &schedule) &&
            is_asked_about(call, schedule.made->namespace, schedule.made->job.team)) {
            fill_planned(&forecast->runs.items[i], &schedule, &items[count++]);
        }
    }
    return count;
}

static void reply_with_planned(const struct front_forecasts *forecasts, struct api_call *call,
                               struct wire_forecast *wire) {
    struct planned *planned = mem_alloc(call->limit, sizeof *planned);
    struct wire_planned *runs = mem_alloc(call->limit, sizeof *runs);

    wire->run_count = list_planned(forecasts->daemon->core, &forecasts->kept, call, planned);
    for (size_t i = 0; i < wire->run_count; i++) {
        runs[i] = planned[i].wire;
    }
    wire->runs = runs;
    reply_forecast(call, wire);
    free(runs);
    free(planned);
}

const struct forecast_runs *front_forecasts_runs(const struct front_forecasts *forecasts) {
    const int64_t age_us = daemon_now(forecasts->daemon).now_us - forecasts->kept_us;

    return forecasts->is_kept && age_us < RUNS_KEPT_US ? &forecasts->kept.runs : NULL;
}

static void reply_list(struct front_forecasts *forecasts, struct api_call *call) {
    struct core *core = forecasts->daemon->core;
    struct outlooks outlooks = {.most = call->limit};
    struct wire_forecast wire;

    outlooks.items = mem_alloc(outlooks.most, sizeof *outlooks.items);
    list_known(core, &forecasts->kept, call, &outlooks);
    list_others(core, &forecasts->kept, call, &outlooks);
    wire = wire_of(&forecasts->kept, forecasts->kept_us, &outlooks);
    reply_with_planned(forecasts, call, &wire);
    free(outlooks.items);
}

static void reply_kept(struct front_forecasts *forecasts, struct api_call *call) {
    if (call->route == API_WHY) {
        reply_why(forecasts, call, &forecasts->kept);
    } else if (call->route == API_OUTLOOK) {
        reply_outlook(forecasts, call);
    } else {
        reply_list(forecasts, call);
    }
}

/* --- What if --------------------------------------------------------------------------------- */

static void add_added(const struct new_job *job, uint64_t id, const struct forecast *with,
                      struct outlooks *out) {
    const struct forecast_job *found = forecast_find(with, id);

    out->items = mem_grow(out->items, out->count + 1, sizeof *out->items);
    out->items[out->count++] = (struct wire_outlook){
        .id = id,
        .name = job->name,
        .namespace = job->namespace,
        .team = job->team,
        .start = start_text(with, found),
        .p50_us = found != NULL ? time_or_none(found->p50_us) : 0,
        .p90_us = found != NULL ? time_or_none(found->p90_us) : 0,
        .after = found != NULL ? (int64_t)found->after_id : 0,
    };
}

/* Each element of an array under the array's name, as far as futures look. */
static void list_added(const struct submission_work *work, const struct forecast *with,
                       uint64_t first_id, struct outlooks *out) {
    const struct submit_event event = submission_event(work);
    uint64_t id = first_id;

    for (size_t i = 0; i < event.count; i++) {
        const uint64_t count = event.jobs[i].element_count > 0 ? event.jobs[i].element_count : 1;

        for (uint64_t k = 0; k < count && out->count < LIMIT_FORECAST_STARTS; k++) {
            add_added(&event.jobs[i], id + k, with, out);
        }
        id += count;
    }
}

/* Later than without, or not known any more though it was looked at for as long. */
static bool is_delayed(const struct lookahead_answer *answer, const struct forecast_job *without) {
    const struct forecast_job *with = forecast_find(&answer->with, without->job_id);
    int64_t with_us = with != NULL ? with->p50_us : FORECAST_NEVER;

    if (without->p50_us == FORECAST_NEVER ||
        (with_us == FORECAST_NEVER && answer->with.until_us < without->p50_us)) {
        return false;
    }
    return with_us > without->p50_us && with_us - without->p50_us > DELAY_LEAST_US;
}

static void list_delayed(struct core *core, const struct lookahead_answer *answer,
                         struct outlooks *out) {
    const struct forecast *as_is = &answer->as_is;
    struct forecast_job *jobs = mem_alloc(as_is->count, sizeof *jobs);

    out->items = mem_alloc(DELAYED_MAX, sizeof *out->items);
    if (as_is->count > 0) {
        memcpy(jobs, as_is->jobs, as_is->count * sizeof *jobs);
        qsort(jobs, as_is->count, sizeof *jobs, by_time);
    }
    for (size_t i = 0; i < as_is->count && out->count < DELAYED_MAX; i++) {
        struct job job;

        if (is_delayed(answer, &jobs[i]) && core_job(core, jobs[i].job_id, &job)) {
            out->items[out->count] = outlook_of(core, &job, &answer->with);
            out->items[out->count++].without_p50_us = jobs[i].p50_us;
        }
    }
    free(jobs);
}

static void reply_simulation(struct front_forecasts *forecasts, struct api_call *call,
                             const struct asked *asked, const struct lookahead_answer *answer) {
    struct outlooks added = {0};
    struct outlooks delayed = {0};
    struct wire_forecast wire;

    list_added(asked->work, &answer->with, asked->first_id, &added);
    list_delayed(forecasts->daemon->core, answer, &delayed);
    wire = wire_of(&answer->with, answer->asked_us, &added);
    wire.delayed = delayed.items;
    wire.delayed_count = delayed.count;
    reply_forecast(call, &wire);
    free(added.items);
    free(delayed.items);
}

/* --- Asking ---------------------------------------------------------------------------------- */

static void drop_asked(struct front_forecasts *forecasts, size_t at) {
    asked_finish(&forecasts->asked[at]);
    memmove(&forecasts->asked[at], &forecasts->asked[at + 1],
            (--forecasts->count - at) * sizeof *forecasts->asked);
}

static struct api_call *call_of(const struct front_forecasts *forecasts,
                                const struct asked *asked) {
    return front_find_call(forecasts->daemon, asked->call_number);
}

/* Everybody whom what is kept answers, and all whose question makes no sense any more. */
static void reply_all(struct front_forecasts *forecasts) {
    for (size_t i = 0; i < forecasts->count;) {
        struct api_call *call = call_of(forecasts, &forecasts->asked[i]);

        if (call != NULL && forecasts->daemon->core == NULL) {
            api_reply_error(call, ERR_BUSY, "this daemon does not lead any more; ask the leader");
        } else if (call != NULL && forecasts->asked[i].work != NULL) {
            i++;
            continue;
        } else if (call != NULL) {
            reply_kept(forecasts, call);
        }
        drop_asked(forecasts, i);
    }
}

static void fail_first(struct front_forecasts *forecasts, const struct error *error) {
    struct api_call *call = call_of(forecasts, &forecasts->asked[0]);

    if (call != NULL) {
        reply_without(forecasts, call, error);
    }
    drop_asked(forecasts, 0);
}

static void keep(struct front_forecasts *forecasts, const struct lookahead_answer *answer) {
    const struct forecast *found = &answer->as_is;
    int64_t kept_us = KEPT_TIMES * answer->took_us;

    forecast_finish(&forecasts->kept);
    forecasts->kept = *found;
    forecasts->kept.runs.items = mem_alloc(found->runs.count, sizeof *found->runs.items);
    if (found->runs.count > 0) {
        memcpy(forecasts->kept.runs.items, found->runs.items,
               found->runs.count * sizeof *found->runs.items);
    }
    forecasts->kept.jobs = mem_alloc(found->count, sizeof *found->jobs);
    if (found->count > 0) {
        memcpy(forecasts->kept.jobs, found->jobs, found->count * sizeof *found->jobs);
    }
    forecasts->is_kept = true;
    forecasts->kept_us = answer->asked_us;
    forecasts->kept_until_us =
        daemon_now(forecasts->daemon).mono_us + (kept_us > KEPT_LEAST_US ? kept_us : KEPT_LEAST_US);
    if (foresight_is_needed(forecasts->daemon)) {
        foresight_tell(forecasts->daemon, &forecasts->kept);
    }
}

static void ask_next(struct front_forecasts *forecasts);

static void on_answer(void *context, const struct lookahead_answer *answer,
                      const struct error *error) {
    struct front_forecasts *forecasts = context;
    struct asked *first = &forecasts->asked[0];
    struct api_call *call = call_of(forecasts, first);

    if (answer == NULL) {
        fail_first(forecasts, error);
    } else {
        keep(forecasts, answer);
        log_debug(&forecasts->daemon->log, daemon_now(forecasts->daemon).now_us,
                  "event=forecast jobs=%zu futures=%u turns=%" PRIu64 " fork_us=%" PRId64
                  " took_us=%" PRId64,
                  answer->as_is.count, answer->as_is.futures,
                  answer->as_is.turns + answer->with.turns, answer->fork_us, answer->took_us);
        if (first->work != NULL && call != NULL && forecasts->daemon->core != NULL) {
            reply_simulation(forecasts, call, first, answer);
            drop_asked(forecasts, 0);
        }
        reply_all(forecasts);
    }
    ask_next(forecasts);
}

static int ask(struct front_forecasts *forecasts, struct error *error) {
    struct daemon *daemon = forecasts->daemon;
    struct asked *first = &forecasts->asked[0];
    struct event added = {.kind = EVENT_SUBMIT};
    struct lookahead_question question = {
        .core = daemon->core,
        .now = daemon_now(daemon),
        .seed = rng_next(&daemon->rng),
        .added = first->work != NULL ? &added : NULL,
        .limits = {.futures_max = LIMIT_FORECAST_FUTURES,
                   .starts_max = LIMIT_FORECAST_STARTS,
                   .runs_max = LIMIT_FORECAST_RUNS,
                   .runs_us = LIMIT_FORECAST_HOURS * 3600 * CLOCK_US_PER_SECOND,
                   .horizon_us = LIMIT_FORECAST_DAYS * 86400 * CLOCK_US_PER_SECOND,
                   .spend_us = LIMIT_FORECAST_SECONDS * CLOCK_US_PER_SECOND},
        .on_answer = on_answer,
        .context = forecasts,
    };

    if (first->work != NULL) {
        added.submit = submission_event(first->work);
        first->first_id = core_new_id(daemon->core);
    }
    return lookahead_ask(forecasts->lookahead, &question, error);
}

/* Until one is under way, or nobody asks. */
static void ask_next(struct front_forecasts *forecasts) {
    while (forecasts->count > 0 && !lookahead_is_busy(forecasts->lookahead)) {
        struct error error = {0};

        if (forecasts->daemon->core == NULL) {
            reply_all(forecasts);
        } else if (ask(forecasts, &error) < 0) {
            fail_first(forecasts, &error);
        }
    }
}

static void add_asked(struct front_forecasts *forecasts, struct api_call *call,
                      struct submission_work *work) {
    forecasts->asked = mem_grow(forecasts->asked, forecasts->count + 1, sizeof *forecasts->asked);
    forecasts->asked[forecasts->count++] =
        (struct asked){.call_number = call->number, .work = work};
    ask_next(forecasts);
}

/* Often enough for a warning to come in time, and no oftener than it is worth: see keep(). */
static void on_look_ahead(struct poller_timer *timer) {
    struct front_forecasts *forecasts = timer->owner;
    struct daemon *daemon = forecasts->daemon;
    const int64_t every_us = daemon->config.look_ahead_us;
    const bool is_fresh =
        forecasts->is_kept && daemon_now(daemon).mono_us < forecasts->kept_until_us;

    if (every_us > 0 && !is_fresh && forecasts->count == 0 && foresight_is_needed(daemon)) {
        forecasts->asked = mem_grow(forecasts->asked, 1, sizeof *forecasts->asked);
        forecasts->asked[forecasts->count++] = (struct asked){.call_number = 0};
        ask_next(forecasts);
    }
    poller_timer_set(loop_poller(daemon->loop), timer, every_us > 0 ? every_us : LOOK_DEFAULT_US);
}

static bool is_full(struct front_forecasts *forecasts, struct api_call *call) {
    struct error error = {0};

    if (forecasts->count < LIMIT_FORECAST_CLIENTS) {
        return false;
    }
    (void)error_set(&error, ERR_FULL, "%zu others wait for a look ahead; ask again",
                    forecasts->count);
    reply_without(forecasts, call, &error);
    return true;
}

void front_forecast(struct front_forecasts *forecasts, struct api_call *call) {
    if (forecasts->is_kept && daemon_now(forecasts->daemon).mono_us < forecasts->kept_until_us) {
        reply_kept(forecasts, call);
    } else if (!is_full(forecasts, call)) {
        add_asked(forecasts, call, NULL);
    }
}

void front_simulate(struct front_forecasts *forecasts, struct api_call *call,
                    struct submission_work *take_work) {
    if (is_full(forecasts, call)) {
        submission_destroy(take_work);
    } else {
        add_asked(forecasts, call, take_work);
    }
}
