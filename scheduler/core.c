#include "scheduler/core.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include "base/ensure.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/text.h"
#include "policy/limit_range.h"
#include "policy/notice.h"
#include "policy/runtime_history.h"
#include "scheduler/arrays.h"
#include "scheduler/breakers.h"
#include "scheduler/conditions.h"
#include "scheduler/learnt.h"
#include "scheduler/lifecycle.h"
#include "scheduler/retrying.h"
#include "scheduler/teams.h"
#include "scheduler/view.h"

#define SUBMISSION_KEPT_US  (24 * 3600 * CLOCK_US_PER_SECOND)
#define SUBMISSION_SWEEP_US (3600 * CLOCK_US_PER_SECOND)

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

static void apply_settings(struct core *core, const struct core_settings *settings) {
    struct window_set *windows = core->settings.windows;
    struct notice_routes *notices = core->settings.notices;

    core->settings = *settings;
    core->settings.windows = window_set_share(settings->windows);
    core->settings.retry = NULL;
    if (settings->retry != NULL) {
        core->retry = *settings->retry;
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
    retry_settings_init(&core->retry);
    rng_init(&core->rng, options->seed);
    core->ledger = ledger_create();
    core->runtimes = runtime_history_create(LIMIT_RUNTIME_NAMES);
    core->share = share_create();
    core->plan = plan_create(core->share, eligible_us, core);
    core->pass_needed = true;
    core->pass_due_us = CLOCK_NEVER_US;
    schedules_init(core);
    apply_settings(core, &options->settings);
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
    run->attempt.cause = NULL;
    run_set_text(&run->attempt.pod_name, attempt->pod_name);
    run_set_text(&run->attempt.pod_uid, attempt->pod_uid);
    run_set_text(&run->attempt.node, attempt->node);
    run_set_text(&run->attempt.message, attempt->message);
    run_set_text(&run->attempt.cause, attempt->cause);
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
    if (job_state_is_final(job->state)) {
        view_note_finished(core, job->id);
    }
}

/* --- Events ---------------------------------------------------------------------------------- */

static void on_pod(struct core *core, struct event *event) {
    pods_put(core, &event->pod);
}

static void on_pod_gone(struct core *core, struct event *event) {
    pods_gone(core, event->gone.namespace, event->gone.name, event->gone.version);
}

static void on_node(struct core *core, struct event *event) {
    ledger_put_node(core->ledger, event->node);
    core->pass_needed = true;
}

static void on_node_gone(struct core *core, struct event *event) {
    ledger_remove_node(core->ledger, event->gone.name);
    core->pass_needed = true;
}

static void on_quota(struct core *core, struct event *event) {
    ledger_put_quota(core->ledger, event->quota);
    core->pass_needed = true;
}

static void on_quota_gone(struct core *core, struct event *event) {
    ledger_remove_quota(core->ledger, event->gone.namespace, event->gone.name);
    core->pass_needed = true;
}

static void on_limit_range(struct core *core, struct event *event) {
    view_put_limit_range(core, event->limit_range);
}

static void on_limit_range_gone(struct core *core, struct event *event) {
    view_remove_limit_range(core, event->gone.namespace, event->gone.name);
}

static void on_lost(struct core *core, struct event *event) {
    core->counts.lost[event->synced.part] = true;
}

/* Of those that wait, what grew before the nodes were known. */
static void refit_all(struct core *core) {
    struct entry *entry;

    for (uint64_t id = 0; (entry = entries_next(&core->entries, id)) != NULL; id = entry->id) {
        if (job_state_is_waiting((enum job_state)entry->state)) {
            retrying_refit(core, entry);
        }
    }
}

static void on_synced(struct core *core, struct event *event) {
    core->counts.lost[event->synced.part] = false;
    core->counts.synced[event->synced.part] = !event->synced.denied;
    core->counts.denied[event->synced.part] = event->synced.denied;
    core->pass_needed = true;
    if (event->synced.part == CLUSTER_NODES && !event->synced.denied) {
        refit_all(core);
    }
    if (event->synced.part == CLUSTER_PODS && !event->synced.denied && !core->adopted) {
        lifecycle_adopt(core);
    }
}

static void on_started(struct core *core, struct event *event) {
    attempt_started(core, &event->started);
}

static void on_deleted(struct core *core, struct event *event) {
    pods_deleted(core, &event->deleted);
}

static void on_cancel(struct core *core, struct event *event) {
    (event->whole ? arrays_order : requests_cancel)(core, event);
}

static void on_retry(struct core *core, struct event *event) {
    (event->whole ? arrays_order : requests_retry)(core, event);
}

static void on_forget(struct core *core, struct event *event) {
    requests_forget(core, event);
}

static void on_hold(struct core *core, struct event *event) {
    (event->whole ? arrays_order : requests_hold)(core, event);
}

static void on_release(struct core *core, struct event *event) {
    (event->whole ? arrays_order : requests_release)(core, event);
}

/* The start time-out may be shorter now. */
static void on_settings(struct core *core, struct event *event) {
    struct entry *entry;

    apply_settings(core, &event->settings);
    for (uint64_t id = 0; (entry = entries_next(&core->entries, id)) != NULL; id = entry->id) {
        if (entry->state == JOB_STARTING) {
            lifecycle_tick(core, entry);
        }
    }
}

static void on_lease(struct core *core, struct event *event) {
    core->counts.lease_lost = !event->lease_held;
    core->pass_needed = true;
}

static void on_outlook(struct core *core, struct event *event) {
    alarms_foresee(core, &event->outlook);
}

static void on_notice_sent(struct core *core, struct event *event) {
    notices_sent(core, &event->notice_sent);
}

static void reply_notice(struct core *core, uint64_t token, bool found) {
    if (token != 0) {
        outbox_add_reply(&core->outbox,
                         &(struct reply){.token = token,
                                         .code = found ? OK : ERR_NOT_FOUND,
                                         .text = found ? "" : "there is no such notification"});
    }
}

static void on_notice_retry(struct core *core, struct event *event) {
    reply_notice(core, event->token, notices_retry(core, event->notice));
}

static void on_notice_drop(struct core *core, struct event *event) {
    reply_notice(core, event->token, notices_drop(core, event->notice));
}

static void on_report(struct core *core, struct event *event) {
    notices_report(core, &event->report);
}

static void on_drain(struct core *core, struct event *event) {
    (void)event;
    core->counts.draining = true;
    core->pass_needed = true;
}

static void on_schedule(struct core *core, struct event *event) {
    schedules_act(core, event);
}

static void (*const handlers[EVENT_KIND_COUNT])(struct core *core, struct event *event) = {
    [EVENT_SUBMIT] = requests_submit,
    [EVENT_CANCEL] = on_cancel,
    [EVENT_HOLD] = on_hold,
    [EVENT_RELEASE] = on_release,
    [EVENT_RETRY] = on_retry,
    [EVENT_FORGET] = on_forget,
    [EVENT_POD] = on_pod,
    [EVENT_POD_GONE] = on_pod_gone,
    [EVENT_NODE] = on_node,
    [EVENT_NODE_GONE] = on_node_gone,
    [EVENT_QUOTA] = on_quota,
    [EVENT_QUOTA_GONE] = on_quota_gone,
    [EVENT_LIMIT_RANGE] = on_limit_range,
    [EVENT_LIMIT_RANGE_GONE] = on_limit_range_gone,
    [EVENT_SYNCED] = on_synced,
    [EVENT_STARTED] = on_started,
    [EVENT_DELETED] = on_deleted,
    [EVENT_SETTINGS] = on_settings,
    [EVENT_LEASE] = on_lease,
    [EVENT_LOST] = on_lost,
    [EVENT_DRAIN] = on_drain,
    [EVENT_OUTLOOK] = on_outlook,
    [EVENT_NOTICE_SENT] = on_notice_sent,
    [EVENT_NOTICE_RETRY] = on_notice_retry,
    [EVENT_NOTICE_DROP] = on_notice_drop,
    [EVENT_REPORT] = on_report,
    [EVENT_SCHEDULE] = on_schedule,
    [EVENT_ZONE] = schedules_replace_zone,
};

/* --- The turn -------------------------------------------------------------------------------- */

/* The first turn looks at every job that was loaded. */
static void tick_loaded(struct core *core) {
    struct entry *entry;

    for (uint64_t id = 0; (entry = entries_next(&core->entries, id)) != NULL; id = entry->id) {
        lifecycle_tick(core, entry);
    }
    core->is_loaded = true;
}

static void tick_all_due(struct core *core) {
    bool cleanups = false;
    uint64_t id;

    while (timers_take_due(&core->timers, core->instant.mono_us, &id)) {
        struct entry *entry = view_entry(core, id);

        cleanups = cleanups || id == 0;
        if (entry != NULL) {
            lifecycle_tick(core, entry);
        }
    }
    if (cleanups) {
        pods_tick_cleanups(core);
    }
}

/* The jobs and attempts that the turn touched, once each, as they are at its end. */
static void store_changed(struct core *core) {
    size_t new_count = 0;

    for (size_t i = 0; i < core->changed_count; i++) {
        struct entry *entry = view_entry(core, core->changed[i]);
        struct queue_change change = {.kind = CHANGE_JOB_PUT};

        ENSURE(entry != NULL);
        entry->changed = false;
        view_job(entry, &change.job);
        if (entry->is_new) {
            entry->is_new = false;
            change.spec = core->new_specs[new_count++];
        }
        outbox_add_change(&core->outbox, &change);
        if (entry->run != NULL && entry->run->changed) {
            entry->run->changed = false;
            outbox_add_change(&core->outbox, &(struct queue_change){
                                                 .kind = CHANGE_ATTEMPT_PUT,
                                                 .attempt = entry->run->attempt,
                                             });
        }
    }
    ENSURE(new_count == core->new_spec_count);
    core->changed_count = 0;
    core->new_spec_count = 0;
}

static void expire_submissions(struct core *core) {
    int64_t now_us = core->instant.now_us;

    if (now_us - core->submissions_expired_us < SUBMISSION_SWEEP_US) {
        return;
    }
    core->submissions_expired_us = now_us;
    share_sweep(core->share, now_us);
    learnt_sweep(core);
    outbox_add_change(&core->outbox,
                      &(struct queue_change){.kind = CHANGE_SUBMISSIONS_EXPIRE,
                                             .before_us = now_us - SUBMISSION_KEPT_US});
}

static int64_t wake_after_us(const struct core *core) {
    const int64_t next_us = timers_next_us(&core->timers);
    const int64_t books_us = ledger_due_us(core->ledger);
    const int64_t due_us = books_us < core->pass_due_us ? books_us : core->pass_due_us;
    const int64_t alarm_us = alarms_wake_after_us(core);
    const int64_t notice_us = notices_wake_after_us(core);
    const int64_t schedules_us = schedules_wake_after_us(core);
    int64_t after_us = gates_wake_after_us(core);

    if (core->pass_needed || core->settle_again || conditions_are_due(core)) {
        return 0;
    }
    after_us = alarm_us < after_us ? alarm_us : after_us;
    after_us = notice_us < after_us ? notice_us : after_us;
    after_us = schedules_us < after_us ? schedules_us : after_us;
    if (next_us != CLOCK_NEVER_US) {
        const int64_t left_us =
            next_us > core->instant.mono_us ? next_us - core->instant.mono_us : 0;

        after_us = left_us < after_us ? left_us : after_us;
    }
    if (core->breakers_due_us != CLOCK_NEVER_US) {
        const int64_t left_us = core->breakers_due_us - core->instant.now_us;

        after_us = left_us < after_us ? (left_us > 0 ? left_us : 0) : after_us;
    }
    if (due_us != CLOCK_NEVER_US) { /* On the wall clock. */
        const int64_t wait_us = due_us > core->instant.now_us ? due_us - core->instant.now_us : 0;

        after_us = wait_us < after_us ? wait_us : after_us;
    }
    return after_us;
}

/* What jobs wait for has come, or can't any more. */
static void settle(struct core *core) {
    const bool go_on = arrays_go_on(core);

    core->settle_again = conditions_settle(core) || go_on;
    if (!core->is_settled) {
        core->is_settled = true;
        groups_sweep(core);
    }
}

void scheduler_turn(struct core *core, struct instant instant, struct event *events, size_t count,
                    struct turn *out_turn) {
    core->instant = instant;
    core->counts.turns++;
    outbox_clear(&core->outbox);
    schedules_begin(core);
    expire_submissions(core);
    if (ledger_advance(core->ledger, instant.now_us) || instant.now_us >= core->pass_due_us) {
        core->pass_needed = true;
    }
    for (size_t i = 0; i < count; i++) {
        ENSURE(events[i].kind < EVENT_KIND_COUNT);
        handlers[events[i].kind](core, &events[i]);
    }
    if (!core->is_loaded) {
        share_settle(core->share, instant.now_us);
        tick_loaded(core);
        schedules_loaded(core);
    }
    tick_all_due(core);
    alarms_tick(core);
    settle(core);
    gates_tick(core);
    breakers_tick(core);
    schedules_tick(core);
    view_settle(core);
    if (core->pass_needed) {
        pass_run(core);
    }
    view_settle(core);
    store_changed(core);
    teams_store(core);
    lifecycle_forget(core);
    notices_tick(core);
    schedules_forget(core);
    core->counts.nodes = ledger_node_count(core->ledger);
    core->counts.breakers_open = core->breakers_open;
    *out_turn = (struct turn){
        .changes = core->outbox.changes,
        .change_count = core->outbox.change_count,
        .commands = core->outbox.commands,
        .command_count = core->outbox.command_count,
        .replies = core->outbox.replies,
        .reply_count = core->outbox.reply_count,
        .wake_after_us = wake_after_us(core),
    };
}

/* --- Looking --------------------------------------------------------------------------------- */

static bool give_job(const struct entry *entry, struct job *out_job) {
    if (entry != NULL) {
        view_job(entry, out_job);
    }
    return entry != NULL;
}

bool core_job(const struct core *core, uint64_t id, struct job *out_job) {
    return give_job(view_entry(core, id), out_job);
}

bool core_next_job(const struct core *core, uint64_t after_id, struct job *out_job) {
    return give_job(entries_next(&core->entries, after_id), out_job);
}

bool core_next_deadline(const struct core *core, size_t *at, uint64_t *out_job_id,
                        int64_t *out_due_us) {
    const struct timers *due = &core->alarms.due;

    if (*at >= due->count) {
        return false;
    }
    *out_job_id = due->entries[*at].id;
    *out_due_us = due->entries[*at].due_us;
    (*at)++;
    return true;
}

bool core_array(const struct core *core, uint64_t first_id, struct core_array *out_array) {
    const struct group *group = map_get_id(&core->groups.arrays, first_id);
    const struct entry *entry = NULL;

    if (group == NULL) {
        return false;
    }
    *out_array = (struct core_array){.first_id = first_id,
                                     .count = group->tally.total,
                                     .running_max = group->running_max,
                                     .forgotten = group->forgotten};
    memcpy(out_array->states, group->states, sizeof out_array->states);
    if (group->live > 0) {
        entry = entries_next(&core->entries, first_id - 1);
        out_array->indices = entry->terms->array;
    }
    return true;
}

/* "etl", or of an array's elements "etl-17". */
static bool is_called(const struct entry *entry, const char *name, size_t bytes) {
    return strncmp(entry->name, name, bytes) == 0 &&
           (entry->name[bytes] == '\0' ||
            (entry->terms->array[0] != '\0' && entry->name[bytes] == '-' &&
             strspn(entry->name + bytes + 1, "0123456789") == strlen(entry->name + bytes + 1)));
}

uint64_t core_find_called(const struct core *core, const char *namespace, const char *name) {
    const size_t bytes = strlen(name);
    const struct entry *entry;
    uint64_t found = 0;

    for (uint64_t id = 0; (entry = entries_next(&core->entries, id)) != NULL; id = entry->id) {
        if (is_called(entry, name, bytes) && strcmp(entry->terms->namespace, namespace) == 0) {
            found = entry->terms->array[0] != '\0' ? entry->terms->array_id : entry->id;
        }
    }
    return found;
}

uint64_t core_new_id(const struct core *core) {
    return core->next_id;
}

const struct attempt *core_attempt(const struct core *core, uint64_t id) {
    const struct entry *entry = view_entry(core, id);

    return entry != NULL && entry->run != NULL ? &entry->run->attempt : NULL;
}

const struct demand *core_demand(const struct core *core, uint64_t id) {
    const struct entry *entry = view_entry(core, id);

    return entry != NULL && entry->shape != NULL ? entry->shape->applied : NULL;
}

/* Not among those that may start: its time has not come, or the last attempt's pod is there. */
static struct reason unlisted_reason(const struct core *core, const struct entry *entry) {
    int64_t wait_us = lifecycle_eligible_in_us(core, entry);

    if (wait_us > 0) {
        return reason_retry_wait(core->instant.now_us + wait_us);
    }
    if (lifecycle_has_live_pod(entry)) {
        return reason_plain(REASON_POD_REMAINS);
    }
    return reason_plain(REASON_WAITING_TURN);
}

static struct reason queued_reason(const struct core *core, const struct entry *entry) {
    struct plan_wait wait;

    if (entry->parked == PARKED_AFTER) {
        return conditions_reason(core, entry);
    }
    if (entry->parked == PARKED_ARRAY) {
        return arrays_reason(entry);
    }
    if (entry->parked == PARKED_BREAKER) {
        return breakers_reason(core, entry);
    }
    if (!entry->is_listed || entry->shape == NULL) {
        return unlisted_reason(core, entry);
    }
    if (gate_reason(core, entry->shape->gate) != NULL) {
        return *gate_reason(core, entry->shape->gate);
    }
    if (core->stopped != REASON_NONE) {
        return reason_plain(core->stopped);
    }
    wait = plan_wait(core->plan, entry->shape->number);
    if (wait.job_id == 0 || entry->id < wait.job_id) {
        return reason_plain(REASON_WAITING_TURN);
    }
    return entry->id == wait.job_id
               ? wait.reason
               : reason_behind(wait.job_id, (enum reason_code)wait.reason.code);
}

bool core_reason(const struct core *core, uint64_t id, struct reason *out_reason) {
    const struct entry *entry = view_entry(core, id);

    if (entry == NULL || !job_state_is_waiting(entry->state)) {
        return false;
    }
    if (entry->state == JOB_HELD) {
        *out_reason = reason_plain(REASON_HELD);
    } else if (entry->state == JOB_RETRY_WAIT) {
        *out_reason = unlisted_reason(core, entry);
    } else {
        *out_reason = queued_reason(core, entry);
    }
    return true;
}

bool core_reason_print(struct core *core, uint64_t id, struct reason *out_reason,
                       char out_text[REASON_TEXT_BYTES]) {
    const struct entry *entry = view_entry(core, id);
    struct error error = {0};

    out_text[0] = '\0';
    if (!core_reason(core, id, out_reason)) {
        return false;
    }
    reason_print(out_reason, &core->names, out_text);
    if (out_reason->code == REASON_LIMIT_RANGE && entry->shape != NULL &&
        view_check_limits(core, entry->terms->namespace, entry->shape->applied, &error) != OK) {
        (void)text_copy(out_text, REASON_TEXT_BYTES, error.text);
    }
    return true;
}

/* What no waiting will change: nodes too small, or something a quota asks for left unsaid. A demand
 * above a quota's hard may wait: hard can be raised, also by the clock. */
static int check_never(struct core *core, const char *namespace, const struct demand *demand,
                       struct error *error) {
    char text[REASON_TEXT_BYTES];
    struct reason reason;

    if (!view_is_never(core, namespace, demand, &reason) || reason.code == REASON_QUOTA_NEVER) {
        return OK;
    }
    reason_print(&reason, &core->names, text);
    return error_set(error, ERR_INVALID, "%s", text);
}

int core_check_window(struct core *core, const char *windows, int64_t expected_us,
                      struct error *error) {
    return gate_check(core, windows, expected_us, error);
}

size_t core_window_waiting(const struct core *core, const char *name) {
    struct map_entry *item;
    size_t waiting = 0;

    for (size_t at = 0; (item = map_next(&core->shapes, &at)) != NULL;) {
        const struct shape *shape = item->value;

        if (gate_has_window(shape->gate, name)) {
            waiting += shape->waiting_end - shape->first;
        }
    }
    return waiting;
}

const struct window_set *core_windows(const struct core *core) {
    return core->settings.windows;
}

int core_check_possible(struct core *core, const char *namespace, struct demand *demand,
                        struct error *error) {
    struct demand *applied = view_apply_limits(core, namespace, demand);
    int r = view_check_limits(core, namespace, applied, error);

    if (r == OK) {
        r = check_never(core, namespace, applied, error);
    }
    demand_destroy(applied);
    return r;
}

const struct ledger *core_ledger(const struct core *core) {
    return core->ledger;
}

bool core_next_pod(const struct core *core, size_t *at, struct core_pod *out_pod) {
    const struct map_entry *item = map_next(&core->pods, at);
    const struct pod_note *note = item != NULL ? item->value : NULL;
    struct ledger_seen seen;
    bool known;

    if (note == NULL) {
        return false;
    }
    known = ledger_get_pod(core->ledger, note->uid, &seen);
    ENSURE(known);
    *out_pod = (struct core_pod){.namespace = seen.namespace,
                                 .name = note->key + strlen(seen.namespace) + 1,
                                 .uid = note->uid,
                                 .node = seen.node,
                                 .job_id = note->job_id,
                                 .attempt = note->attempt,
                                 .role = seen.role,
                                 .finished = seen.finished};
    return true;
}

struct core_counts core_counts(const struct core *core) {
    const struct notices *notices = &core->notices;
    struct core_counts counts = core->counts;

    counts.notices = notices->by_number.count - notices->dead_count;
    counts.notices_dead = notices->dead_count;
    counts.notices_sent = notices->sent;
    counts.notices_dropped = notices->dropped;
    return counts;
}

/* --- Verifying ------------------------------------------------------------------------------- */

struct counted {
    size_t states[JOB_STATE_COUNT];
    size_t listed;
    size_t reasons[REASON_CODE_COUNT]; /* as core_count_waiting() has them */
};

static int verify_entry(const struct core *core, const struct entry *entry, struct counted *counted,
                        struct error *error) {
    struct job value;
    const struct job *job = &value;
    struct reason reason;

    view_job(entry, &value);
    counted->states[job->state]++;
    counted->listed += entry->is_listed;
    if (job_state_is_final(job->state) && entry->shape != NULL) {
        return error_set(error, ERR_CORRUPT, "job %" PRIu64 ": final, and has a shape", job->id);
    }
    if (job_state_is_active(job->state) && entry->run == NULL) {
        return error_set(error, ERR_CORRUPT, "job %" PRIu64 ": active without attempt", job->id);
    }
    if (entry->is_listed && job->state != JOB_QUEUED) {
        return error_set(error, ERR_CORRUPT, "job %" PRIu64 ": listed though %s", job->id,
                         job_state_text(job->state));
    }
    if (job_state_is_waiting(job->state) &&
        (!core_reason(core, job->id, &reason) || reason.code == REASON_NONE)) {
        return error_set(error, ERR_CORRUPT, "job %" PRIu64 ": waits for no reason", job->id);
    }
    if (job_state_is_waiting(job->state) && entry->shape != NULL) {
        bool is_parked = job->state != JOB_HELD && !entry->is_listed;
        static const enum reason_code parked[PARKED_COUNT] = {
            [PARKED_NOT] = REASON_RETRY_WAIT,
            [PARKED_AFTER] = REASON_DEPENDENCY,
            [PARKED_ARRAY] = REASON_ARRAY_LIMIT,
            [PARKED_BREAKER] = REASON_BREAKER,
        };

        counted->reasons[is_parked ? parked[entry->parked] : reason.code]++;
    }
    if (job->retries > job->retry.retries_max ||
        job->infra_retries > job->retry.infra_retries_max) {
        return error_set(error, ERR_CORRUPT, "job %" PRIu64 ": spent more retries than it had",
                         job->id);
    }
    return OK;
}

static int verify_shapes(const struct core *core, size_t listed, struct error *error) {
    struct map_entry *item;
    size_t waiting = 0;

    for (size_t at = 0; (item = map_next(&core->shapes, &at)) != NULL;) {
        const struct shape *shape = item->value;
        int r = shape_verify(core, shape, error);

        if (r < 0) {
            return r;
        }
        waiting += shape->waiting_end - shape->first;
    }
    return waiting == listed ? OK
                             : error_set(error, ERR_CORRUPT, "%zu jobs wait in lists, %zu should",
                                         waiting, listed);
}

static void take_reason(void *context, const char *team, enum reason_code reason, size_t jobs) {
    struct counted *counted = context;

    (void)team;
    counted->reasons[reason] -= jobs;
}

/* What the metrics say against what each job says for itself. */
static int verify_reasons(const struct core *core, struct counted *counted, struct error *error) {
    core_count_waiting(core, take_reason, counted);
    for (size_t i = 0; i < REASON_CODE_COUNT; i++) {
        if (counted->reasons[i] != 0) {
            return error_set(error, ERR_CORRUPT, "%zd more jobs wait for %s than are counted",
                             (ssize_t)counted->reasons[i], reason_code_text((enum reason_code)i));
        }
    }
    return OK;
}

/* The executors that are counted are those that are known to run. */
static int verify_executors(const struct core *core, struct error *error) {
    const struct entry *entry;
    const struct map_entry *item;
    size_t counted = 0;
    size_t known = 0;

    for (uint64_t id = 0; (entry = entries_next(&core->entries, id)) != NULL; id = entry->id) {
        counted += entry->run != NULL ? entry->run->executors : 0;
    }
    for (size_t at = 0; (item = map_next(&core->pods, &at)) != NULL;) {
        const struct pod_note *note = item->value;

        entry = note->works && !note->is_main ? view_entry(core, note->job_id) : NULL;
        known += entry != NULL && entry->run != NULL && entry->run->attempt.number == note->attempt;
    }
    return counted == known
               ? OK
               : error_set(error, ERR_CORRUPT, "%zu executors are counted, %zu known to run",
                           counted, known);
}

int core_verify(const struct core *core, struct error *error) {
    struct counted counted = {0};
    const struct entry *entry;
    size_t entries = 0;
    int r = OK;

    for (uint64_t id = 0; r == OK && (entry = entries_next(&core->entries, id)) != NULL;
         id = entry->id) {
        r = verify_entry(core, entry, &counted, error);
        entries++;
    }
    if (r == OK) {
        r = verify_shapes(core, counted.listed, error);
    }
    if (r == OK) {
        r = verify_reasons(core, &counted, error);
    }
    if (r == OK) {
        r = verify_executors(core, error);
    }
    if (r < 0) {
        return r;
    }
    if (memcmp(counted.states, core->counts.jobs, sizeof counted.states) != 0 ||
        entries != core->entries.count) {
        return error_set(error, ERR_CORRUPT, "the counts by state are wrong");
    }
    r = conditions_verify(core, error);
    if (r == OK) {
        r = schedules_verify(core, error);
    }
    ledger_verify(core->ledger);
    share_verify(core->share, core->instant.now_us);
    return r;
}
