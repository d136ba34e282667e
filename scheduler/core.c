#include "scheduler/core.h"

#include <stdlib.h>

#include "base/ensure.h"
#include "base/limits.h"
#include "base/memory.h"
#include "policy/notice.h"
#include "policy/runtime_history.h"
#include "scheduler/blamed.h"
#include "scheduler/breakers.h"
#include "scheduler/charges.h"
#include "scheduler/learnt.h"
#include "scheduler/view.h"

/* For the plan: ages count from here. */
static int64_t eligible_us(const void *context, uint64_t job_id) {
    const struct core *core = context;

    return entry_eligible_us(view_entry(core, job_id));
}

static void take_classes(struct core *core, const struct core_teams *teams) {
    for (size_t i = 0; i < core->class_count; i++) {
        free((void *)(uintptr_t)core->classes[i].name);
    }
    core->class_count = teams->class_count;
    core->classes = mem_grow(core->classes, core->class_count + 1, sizeof *core->classes);
    for (size_t i = 0; i < core->class_count; i++) {
        core->classes[i] = (struct priority_class){.name = mem_copy_text(teams->classes[i].name),
                                                   .tier = teams->classes[i].tier};
    }
}

void core_set_pools(struct core *core, const struct node_pool *pools, size_t count) {
    ledger_set_pools(core->ledger, pools, count);
    core->pass_needed = true;
}

void core_set_teams(struct core *core, const struct core_teams *teams, int64_t now_us) {
    struct map_entry *item;

    take_classes(core, teams);
    share_configure(core->share, &teams->share, now_us);
    for (size_t at = 0; (item = map_next(&core->shapes, &at)) != NULL;) {
        struct shape *shape = item->value;

        shape->plan.tier = shape_tier(core, shape->priority_class);
    }
    core->plan_outdated = true;
    core->pass_needed = true;
}

const struct share *core_share(const struct core *core) {
    return core->share;
}

void core_apply_settings(struct core *core, const struct core_settings *settings) {
    struct window_set *windows = core->settings.windows;
    struct notice_routes *notices = core->settings.notices;

    core->settings = *settings;
    core->settings.windows = window_set_share(settings->windows);
    core->settings.retry = NULL;
    if (settings->retry != NULL) {
        core->retry = *settings->retry;
        core->blamed_due_us = INT64_MIN; /* By other rules, from now on. */
    }
    core->settings.notices = notice_routes_share(settings->notices);
    window_set_destroy(windows);
    notice_routes_destroy(notices);
    gates_replaced(core);
    core->plan_outdated = true;
    core->pass_needed = true;
}

struct core *core_create(const struct core_options *options) {
    struct core *core = mem_alloc(1, sizeof *core);

    core->next_id = options->next_id;
    core->gates.due_us = INT64_MIN;
    core->breakers_due_us = CLOCK_NEVER_US;
    core->blamed_due_us = CLOCK_NEVER_US;
    retry_settings_init(&core->retry);
    rng_init(&core->rng, options->seed);
    core->ledger = ledger_create();
    core->runtimes = runtime_history_create(LIMIT_RUNTIME_NAMES);
    core->share = share_create();
    core->plan = plan_create(core->share, eligible_us, core);
    core->pass_needed = true;
    core->pass_due_us = CLOCK_NEVER_US;
    schedules_init(core);
    core_apply_settings(core, &options->settings);
    return core;
}

void core_destroy(struct core *core) {
    if (core == NULL) {
        return;
    }
    view_finish(core);
    schedules_finish(core);
    gates_finish(core);
    breakers_finish(core);
    learnt_finish(core);
    blamed_finish(core);
    notices_finish(&core->notices);
    notice_routes_destroy(core->settings.notices);
    window_set_destroy(core->settings.windows);
    plan_destroy(core->plan);
    runtime_history_destroy(core->runtimes);
    free(core->preemption.victims);
    share_destroy(core->share);
    ledger_destroy(core->ledger);
    timers_finish(&core->timers);
    alarms_finish(&core->alarms);
    outbox_finish(&core->outbox);
    resource_names_finish(&core->names);
    intern_finish(&core->texts);
    free(core);
}

struct resource_names *core_resource_names(struct core *core) {
    return &core->names;
}

static struct run *load_run(const struct attempt *attempt) {
    struct run *run = mem_alloc(1, sizeof *run);

    run->attempt = *attempt;
    run->attempt.pod_name = run->attempt.pod_uid = run->attempt.node = run->attempt.message = NULL;
    run->attempt.cause = run->attempt.charge = NULL;
    run_set_text(&run->attempt.pod_name, attempt->pod_name);
    run_set_text(&run->attempt.pod_uid, attempt->pod_uid);
    run_set_text(&run->attempt.node, attempt->node);
    run_set_text(&run->attempt.message, attempt->message);
    run_set_text(&run->attempt.cause, attempt->cause);
    run_set_text(&run->attempt.charge, attempt->charge);
    run->start_may_exist = true; /* We may have died between asking and hearing. */
    return run;
}

void core_load_job(struct core *core, const struct job *job, struct demand *demand,
                   const struct attempt *attempt) {
    struct entry *entry = view_add(core, job, demand);

    ENSURE(job->id < core->next_id);
    if (attempt != NULL) {
        entry->run = load_run(attempt);
        entry->run->had_executors = entry->state == JOB_RUNNING; /* We don't remember. */
    }
    if (job_state_is_active(job->state)) {
        ENSURE(entry->run != NULL);
        if (entry->shape != NULL) {
            view_reserve(core, entry);
        }
    }
    charges_load(core, entry);
    if (job_state_is_final(job->state)) {
        view_note_finished(core, job->id);
    }
}
