#include "scheduler/foresight.h"

#include <stdlib.h>

#include "base/limits.h"
#include "base/memory.h"
#include "scheduler/daemon.h"
#include "scheduler/forecast.h"

static bool has_schedule(const struct core *core) {
    struct core_schedule schedule;
    size_t at = 0;

    while (core_next_schedule(core, &at, &schedule)) {
        if (schedule.made->start_by.kind != DEADLINE_NONE ||
            schedule.made->finish_by.kind != DEADLINE_NONE) {
            return true;
        }
    }
    return false;
}

bool foresight_is_needed(const struct daemon *daemon) {
    uint64_t id;
    int64_t due_us;
    size_t at = 0;

    return daemon->core != NULL &&
           (core_next_deadline(daemon->core, &at, &id, &due_us) || has_schedule(daemon->core));
}

static int64_t or_never(int64_t at_us) {
    return at_us == FORECAST_NEVER ? CLOCK_NEVER_US : at_us;
}

/* False if nothing is known of it. */
static bool look_at(const struct forecast *forecast, const struct job *job,
                    struct outlook *out_outlook) {
    const struct forecast_job *found = forecast_find(forecast, job->id);

    *out_outlook =
        (struct outlook){.job_id = job->id, .p50_us = CLOCK_NEVER_US, .p90_us = CLOCK_NEVER_US};
    if (found != NULL && found->p50_us != FORECAST_NEVER) {
        out_outlook->p50_us = found->p50_us;
        out_outlook->p90_us = or_never(found->p90_us);
    } else if (job_state_is_waiting(job->state) && job->start_miss == START_MISS_SKIP &&
               job->start_by_us != 0 && !job->has_run) {
        out_outlook->p50_us = job->start_by_us + 1; /* In these futures it is skipped. */
        out_outlook->not_before = true;
    } else if (job_state_is_waiting(job->state) && job->state != JOB_HELD &&
               forecast->end == FUTURE_CUT) {
        out_outlook->p50_us = forecast->until_us;
        out_outlook->not_before = true;
    } else {
        return job->state == JOB_RUNNING;
    }
    return true;
}

void foresight_tell(struct daemon *daemon, const struct forecast *forecast) {
    struct event event = {.kind = EVENT_OUTLOOK};
    struct outlook *jobs = mem_alloc(LIMIT_OUTLOOKS, sizeof *jobs);
    size_t at = 0;
    int64_t due_us;
    uint64_t id;

    while (event.outlook.count < LIMIT_OUTLOOKS && daemon->core != NULL &&
           core_next_deadline(daemon->core, &at, &id, &due_us)) {
        struct job job;

        if (core_job(daemon->core, id, &job) &&
            look_at(forecast, &job, &jobs[event.outlook.count])) {
            event.outlook.count++;
        }
    }
    event.outlook.jobs = jobs;
    inbox_add(&daemon->inbox, &event, jobs, free);
    daemon_wake(daemon);
}
