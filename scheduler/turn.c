#include "base/ensure.h"
#include "scheduler/arrays.h"
#include "scheduler/blamed.h"
#include "scheduler/breakers.h"
#include "scheduler/charges.h"
#include "scheduler/conditions.h"
#include "scheduler/learnt.h"
#include "scheduler/lifecycle.h"
#include "scheduler/teams.h"
#include "scheduler/view.h"

#define SUBMISSION_KEPT_US  (24 * 3600 * CLOCK_US_PER_SECOND)
#define SUBMISSION_SWEEP_US (3600 * CLOCK_US_PER_SECOND)

/* The first turn looks at every job that was loaded. */
static void tick_loaded(struct core *core) {
    struct entry *entry;

    for (uint64_t id = 0; (entry = entries_next(&core->entries, id)) != NULL; id = entry->id) {
        charges_loaded(core, entry);
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
    const int64_t blamed_us = blamed_wake_after_us(core);
    int64_t after_us = gates_wake_after_us(core);

    if (core->pass_needed || core->settle_again || conditions_are_due(core) ||
        core->pod_names.marked_count > 0) {
        return 0;
    }
    after_us = alarm_us < after_us ? alarm_us : after_us;
    after_us = notice_us < after_us ? notice_us : after_us;
    after_us = schedules_us < after_us ? schedules_us : after_us;
    after_us = blamed_us < after_us ? blamed_us : after_us;
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
    const bool is_growing = growing_go_on(core);
    const bool is_ordered = arrays_go_on(core);

    core->settle_again = conditions_settle(core) || is_growing || is_ordered;
    pod_names_settle(core);
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
    growing_sweep(core);
    schedules_begin(core);
    expire_submissions(core);
    if (ledger_advance(core->ledger, instant.now_us)) {
        core->pass_needed = true;
    }
    for (size_t i = 0; i < count; i++) {
        handlers_apply(core, &events[i]);
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
    blamed_tick(core);
    schedules_tick(core);
    view_settle(core);
    if (core->pass_needed || instant.now_us >= core->pass_due_us) {
        pass_run(core);
    }
    view_settle(core);
    store_changed(core);
    arrays_store(core);
    lifecycle_forget(core);
    notices_tick(core);
    schedules_forget(core);
    teams_store(core);
    core->counts.nodes = ledger_node_count(core->ledger);
    core->counts.breakers_open = core->breakers_open;
    core->counts.nodes_avoided = core->blamed_avoided;
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
