#include "scheduler/lifecycle.h"

#include <inttypes.h>
#include <string.h>

#include "base/ensure.h"
#include "base/text.h"
#include "scheduler/arrays.h"
#include "scheduler/breakers.h"
#include "scheduler/conditions.h"
#include "scheduler/news.h"
#include "scheduler/pod_names.h"
#include "scheduler/retrying.h"
#include "scheduler/runtimes.h"

#define BLIND_US        (1 * CLOCK_US_PER_SECOND) /* between looks while nothing can be seen */
#define FORGET_PER_TURN 64

void lifecycle_wake_at(struct core *core, uint64_t id, int64_t mono_us) {
    timers_add(&core->timers, mono_us, id);
}

/* The monotonic time of a wall-clock one, as the clocks stand now. */
static int64_t mono_of(const struct core *core, int64_t wall_us) {
    return core->instant.mono_us + (wall_us - core->instant.now_us);
}

int64_t lifecycle_backoff_us(struct core *core, uint32_t failures, int64_t at_least_us) {
    const struct retry_policy policy = {.backoff_first_us = core->settings.backoff_first_us,
                                        .backoff_max_us = core->settings.backoff_max_us};
    int64_t wait_us = retry_backoff_us(&policy, failures, rng_unit(&core->rng));

    return wait_us > at_least_us ? wait_us : at_least_us;
}

void lifecycle_wait(struct core *core, struct entry *entry, int64_t wait_us) {
    entry_edit(entry)->eligible_us = core->instant.now_us + wait_us;
    entry->run->eligible_mono_us = core->instant.mono_us + wait_us;
}

int64_t lifecycle_eligible_in_us(const struct core *core, const struct entry *entry) {
    if (entry->run == NULL) {
        return 0; /* Since it was submitted, whatever the clock said then. */
    }
    if (entry->run->eligible_mono_us == 0) {
        return entry_eligible_us(entry) - core->instant.now_us;
    }
    return entry->run->eligible_mono_us - core->instant.mono_us;
}

void lifecycle_note(struct core *core, struct entry *entry, const char *kind, const char *text) {
    outbox_add_change(&core->outbox, &(struct queue_change){
                                         .kind = CHANGE_EVENT_ADD,
                                         .event = {.job_id = entry->id,
                                                   .sequence = entry->event_count++,
                                                   .at_us = core->instant.now_us,
                                                   .attempt = entry_course(entry)->attempt,
                                                   .state = entry->state,
                                                   .kind = kind,
                                                   .text = outbox_text(&core->outbox, text)},
                                     });
    notices_take(core, entry, kind, text, entry->event_count - 1);
    view_changed(core, entry);
}

void lifecycle_note_first(struct core *core, struct entry *entry, const struct job *job) {
    struct queue_change change = {.kind = CHANGE_EVENT_ADD};
    char text[CHANGE_FIRST_TEXT_BYTES];

    change_first_event(job, text, &change.event);
    change.event.text = outbox_text(&core->outbox, text);
    outbox_add_change(&core->outbox, &change);
    entry->event_count = 1;
    view_changed(core, entry);
}

void lifecycle_move(struct core *core, struct entry *entry, enum job_state to, const char *kind,
                    const char *text) {
    const enum job_state from = (enum job_state)entry->state;

    view_count(core, entry, -1);
    entry->state = (uint8_t)job_move(from, to);
    view_count(core, entry, 1);
    arrays_take(core, entry, job_state_is_active(to) - job_state_is_active(from));
    groups_moved(core, entry, from);
    conditions_moved(core, entry, from);
    view_park(core, entry, PARKED_NOT);
    if (to == JOB_QUEUED && lifecycle_eligible_in_us(core, entry) <= 0) {
        arrays_offer(core, entry);
    } else {
        view_unlist(core, entry);
    }
    if (job_state_is_final(to)) {
        entry_edit(entry)->finished_us = core->instant.now_us;
        view_release_shape(core, entry);
        view_note_finished(core, entry->id);
        schedules_note_final(core, entry);
    }
    core->pass_needed = true;
    lifecycle_note(core, entry, kind, text);
    if (to == JOB_SUCCEEDED || to == JOB_FAILED) {
        alarms_ended(core, entry,
                     entry->run != NULL ? entry->run->attempt.finished_us : core->instant.now_us);
    }
    if (job_state_is_final(to) || to == JOB_HELD) {
        breakers_note(core, entry);
    }
}

/* Two drivers of one job could both write its output: the next attempt waits until the pod of the
 * last one has finished or gone. */
bool lifecycle_has_live_pod(const struct entry *entry) {
    for (const struct pod_note *note = entry_course(entry)->main_pods; note != NULL;
         note = note->next_of_job) {
        if (!note->finished) {
            return true;
        }
    }
    return false;
}

static void tick_waiting(struct core *core, struct entry *entry) {
    if (entry->shape == NULL) {
        lifecycle_move(core, entry,
                       job_may_move(entry->state, JOB_REJECTED) ? JOB_REJECTED : JOB_FAILED,
                       "rejected", "its stored specification can't be read any more");
        return;
    }
    if (alarms_forbid_start(entry)) {
        alarms_skip(core, entry);
        return;
    }
    if (entry_course(entry)->avoid != NULL) {
        retrying_refresh(core, entry);
    }
    if (lifecycle_eligible_in_us(core, entry) > 0) {
        lifecycle_wake_at(core, entry->id,
                          core->instant.mono_us + lifecycle_eligible_in_us(core, entry));
    } else if (lifecycle_has_live_pod(entry)) {
        view_unlist(core, entry); /* Looked at again when that pod changes. */
        view_park(core, entry, PARKED_NOT);
    } else if (entry->state == JOB_RETRY_WAIT) {
        lifecycle_move(core, entry, JOB_QUEUED, "queued", "its back-off is over");
    } else if (entry->is_listed && breakers_block(core, entry)) {
        view_unlist(core, entry);
        view_park(core, entry, PARKED_BREAKER);
    } else if (entry->state == JOB_QUEUED) {
        arrays_offer(core, entry);
    }
}

static void tick_submitting(struct core *core, struct entry *entry) {
    struct run *run = entry->run;

    if (run->start_in_flight || !core->adopted) {
        return;
    }
    if (run->application_end == APPLICATION_SUSPENDED) {
        attempt_suspend(core, entry);
        return;
    }
    if (entry_course(entry)->cancel_requested && !run->start_may_exist) {
        attempt_finish(core, entry, FAILURE_CANCELLED, -1, "before its pod was created");
    } else if (entry_course(entry)->cancel_requested && run->attempt.pod_name[0] != '\0') {
        attempt_delete_pod(core, entry); /* It may exist: an earlier try's fate is unknown. */
    } else if (run->start_due_us > core->instant.mono_us) {
        lifecycle_wake_at(core, entry->id, run->start_due_us);
    } else {
        attempt_start(core, entry);
    }
}

/* What keeps a pod from running, and since when (monotonic); zeroed: nothing that is known. */
struct trouble {
    enum failure failure;
    int64_t since_us;
    const char *message;
};

/* The pod's own words come first; but that it waits for a node says less than an event does. */
static struct trouble trouble_of(const struct run *run) {
    if (run->news_mono_us != 0 &&
        (run->stuck_mono_us == 0 || run->stuck_failure == FAILURE_UNSCHEDULABLE)) {
        return (struct trouble){run->news_failure, run->news_mono_us, run->news};
    }
    return (struct trouble){run->stuck_mono_us != 0 ? run->stuck_failure : run->standing_failure,
                            run->stuck_mono_us, run->standing_message};
}

/* When its pod is given up, monotonic: of one that can't start, after the grace of its class. */
static int64_t give_up_us(const struct core *core, const struct entry *entry,
                          const struct trouble *trouble, bool *out_is_stuck) {
    const struct run *run = entry->run;
    const int64_t due_us = run->created_mono_us + core->settings.start_timeout_us;
    int64_t grace_us;

    *out_is_stuck = false;
    if (trouble->since_us == 0) {
        return due_us;
    }
    grace_us = retrying_grace_us(core, entry, trouble->failure);
    *out_is_stuck = grace_us < due_us - trouble->since_us;
    return *out_is_stuck ? trouble->since_us + grace_us : due_us;
}

static void start_timed_out(struct core *core, struct entry *entry, const struct trouble *trouble,
                            bool is_stuck) {
    char limit[32];
    const char *message;

    text_print_duration(is_stuck ? retrying_grace_us(core, entry, trouble->failure)
                                 : core->settings.start_timeout_us,
                        limit);
    message = trouble->message != NULL && trouble->message[0] != '\0' ? trouble->message
                                                                      : "its pod did not start";
    message = outbox_format(&core->outbox,
                            is_stuck ? "could not start for %s: %s"
                                     : "not running %s after it was created: %s",
                            limit, message);
    attempt_delete_pod(core, entry);
    attempt_finish(core, entry,
                   trouble->failure != FAILURE_NONE ? trouble->failure : FAILURE_UNSCHEDULABLE, -1,
                   message);
}

/* Its pod was deleted, or will be: nothing else ends the attempt. */
static bool is_being_stopped(const struct entry *entry) {
    return entry_course(entry)->cancel_requested || entry_course(entry)->preempt_requested;
}

/* A cancelled job is over when its deletion is accepted; of one that is preempted the pod may take
 * its time to end, and is not asked again. */
static void go_on_stopping(struct core *core, struct entry *entry) {
    if (entry_course(entry)->cancel_requested || !entry->run->stop_asked) {
        entry->run->stop_asked = true;
        attempt_delete_pod(core, entry);
    }
}

/* True if the window it runs in has closed, and it was stopped. */
static bool closed(struct core *core, struct entry *entry) {
    int64_t close_us = entry_course(entry)->close_us;

    if (close_us == 0 || is_being_stopped(entry)) {
        return false;
    }
    if (close_us > core->instant.now_us) {
        lifecycle_wake_at(core, entry->id, mono_of(core, close_us));
        return false;
    }
    attempt_close(core, entry);
    return true;
}

/* When the attempt's pod was made, monotonic. */
static int64_t created_mono_us(const struct core *core, const struct run *run) {
    int64_t mono_us =
        run->created_mono_us != 0 ? run->created_mono_us : mono_of(core, run->attempt.created_us);

    return mono_us < core->instant.mono_us ? mono_us : core->instant.mono_us;
}

static void tick_starting(struct core *core, struct entry *entry) {
    struct run *run = entry->run;
    const struct trouble trouble = trouble_of(run);
    int64_t due_us;
    bool is_stuck;

    run->created_mono_us = created_mono_us(core, run);
    due_us = give_up_us(core, entry, &trouble, &is_stuck);

    if (closed(core, entry)) {
        return;
    }
    if (is_being_stopped(entry)) {
        go_on_stopping(core, entry);
    } else if (due_us > core->instant.mono_us) {
        lifecycle_wake_at(core, entry->id, due_us);
        news_tick(core, entry);
    } else if (core->counts.lost[CLUSTER_PODS]) { /* It may have run, and ended, unseen. */
        lifecycle_wake_at(core, entry->id, core->instant.mono_us + BLIND_US);
    } else {
        start_timed_out(core, entry, &trouble, is_stuck);
        lifecycle_tick(core, entry);
    }
}

/* The executors that it is to have; NULL: none. */
static const struct pod_group *executors_of(const struct entry *entry) {
    const struct demand *demand = entry->shape != NULL ? entry->shape->demand : NULL;

    for (size_t i = 0; demand != NULL && i < demand->group_count; i++) {
        if (demand->groups[i].role == POD_ROLE_EXECUTOR) {
            return &demand->groups[i];
        }
    }
    return NULL;
}

/* Does its driver run, and none of the executors that should? One that allocates them as it needs
 * them may come to need none, once it has had some. */
static bool lacks_executors(const struct core *core, const struct entry *entry) {
    const struct pod_group *executors = executors_of(entry);

    return core->settings.executor_timeout_us > 0 && executors != NULL &&
           entry->run->executors == 0 && (executors->least > 0 || !entry->run->had_executors);
}

/* True if its driver ran for too long without an executor, and was stopped. */
static bool starved(struct core *core, struct entry *entry) {
    struct run *run = entry->run;
    char limit[32];
    int64_t due_us;

    if (!lacks_executors(core, entry)) {
        return false;
    }
    run->alone_mono_us = run->alone_mono_us != 0 ? run->alone_mono_us : core->instant.mono_us;
    due_us = run->alone_mono_us + core->settings.executor_timeout_us;
    if (due_us <= core->instant.mono_us && core->counts.lost[CLUSTER_PODS]) {
        due_us = core->instant.mono_us + BLIND_US; /* They may run, unseen. */
    }
    if (due_us > core->instant.mono_us) {
        lifecycle_wake_at(core, entry->id, due_us);
        return false;
    }
    text_print_duration(core->settings.executor_timeout_us, limit);
    attempt_delete_pod(core, entry);
    attempt_finish(core, entry, FAILURE_EXECUTOR_STARVED, -1,
                   outbox_format(&core->outbox,
                                 "its driver ran for %s without a running executor, and was "
                                 "stopped; it asks for %" PRIu32,
                                 limit, executors_of(entry)->count));
    return true;
}

static void tick_running(struct core *core, struct entry *entry) {
    const int64_t limit_us = entry->terms->max_runtime_us;
    const int64_t warn_us = entry->terms->warn_runtime_us;
    const int64_t started_us = entry_course(entry)->started_us;
    const int64_t due_us = started_us + limit_us;
    char limit[32];

    if (closed(core, entry)) {
        return;
    }
    if (is_being_stopped(entry)) {
        go_on_stopping(core, entry);
        return;
    }
    if (starved(core, entry)) {
        lifecycle_tick(core, entry);
        return;
    }
    alarms_ran(core, entry, core->instant.now_us - started_us);
    if (warn_us != 0 && started_us + warn_us > core->instant.now_us) {
        lifecycle_wake_at(core, entry->id, mono_of(core, started_us + warn_us));
    }
    if (limit_us == 0) {
        return;
    }
    if (due_us > core->instant.now_us) {
        lifecycle_wake_at(core, entry->id, mono_of(core, due_us));
    } else {
        text_print_duration(limit_us, limit);
        runtimes_note(core, entry, limit_us);
        attempt_delete_pod(core, entry);
        attempt_finish(core, entry, FAILURE_DEADLINE, -1,
                       outbox_format(&core->outbox, "it ran for its maxRuntime of %s", limit));
    }
}

/* The pods of all attempts go when their time is over. */
static void tick_final(struct core *core, struct entry *entry) {
    int64_t due_us;

    if (entry_course(entry)->pods_deleted || entry_course(entry)->deletes_pending > 0 ||
        (entry->terms->ttl_s == JOB_TTL_NEVER && !entry_course(entry)->retired)) {
        return;
    }
    due_us = entry_course(entry)->retired
                 ? 0
                 : entry_course(entry)->finished_us + entry->terms->ttl_s * CLOCK_US_PER_SECOND;
    if (due_us > core->instant.now_us) {
        lifecycle_wake_at(core, entry->id, mono_of(core, due_us));
        return;
    }
    for (struct pod_note *note = entry_course(entry)->main_pods; note != NULL;
         note = note->next_of_job) {
        entry_edit(entry)->deletes_pending++;
        pods_clean_up(core, entry->terms->namespace, strchr(note->key, '/') + 1, note->uid,
                      entry->id);
    }
    if (entry_course(entry)->deletes_pending == 0) {
        entry_edit(entry)->pods_deleted = true;
        view_changed(core, entry);
    }
}

static void tick_with_pod(struct core *core, struct entry *entry) {
    if (entry->run->gone ||
        entry->run->gone_mono_us != 0) { /* And what took it may still be asked for. */
        attempt_observe(core, entry);
        if (!job_state_is_active((enum job_state)entry->state)) {
            lifecycle_tick(core, entry);
        }
    } else if (entry->state == JOB_STARTING) {
        tick_starting(core, entry);
    } else {
        tick_running(core, entry);
    }
}

void lifecycle_tick(struct core *core, struct entry *entry) {
    switch ((enum job_state)entry->state) {
    case JOB_QUEUED:
    case JOB_RETRY_WAIT:
        tick_waiting(core, entry);
        break;
    case JOB_SUBMITTING:
        tick_submitting(core, entry);
        break;
    case JOB_STARTING:
    case JOB_RUNNING:
        tick_with_pod(core, entry);
        break;
    case JOB_SUCCEEDED:
    case JOB_FAILED:
    case JOB_CANCELLED:
    case JOB_REJECTED:
    case JOB_SKIPPED:
        if (core->adopted) {
            tick_final(core, entry);
        }
        break;
    case JOB_HELD:
    case JOB_STATE_COUNT:
        break;
    }
}

void lifecycle_adopt(struct core *core) {
    struct entry *entry;

    core->adopted = true;
    for (uint64_t id = 0; (entry = entries_next(&core->entries, id)) != NULL; id = entry->id) {
        if (entry->run != NULL && !entry->run->seen &&
            (entry->state == JOB_STARTING || entry->state == JOB_RUNNING)) {
            entry->run->gone = true;
            attempt_observe(core, entry);
        }
        lifecycle_tick(core, entry);
    }
    pod_names_mark_all(core);
}

/* Once, not in every turn: the heap would grow until the first one is due. */
static void wake_to_forget(struct core *core, int64_t finished_us) {
    int64_t due_us = mono_of(core, finished_us + core->settings.history_age_us);

    if (core->forget_due_us <= core->instant.mono_us || due_us < core->forget_due_us) {
        core->forget_due_us = due_us;
        lifecycle_wake_at(core, 0, due_us);
    }
}

void lifecycle_forget(struct core *core) {
    int64_t before_us = core->instant.now_us - core->settings.history_age_us;
    size_t dropped = 0;
    size_t looks = 0;

    for (; looks < FORGET_PER_TURN && core->finished_first < core->finished_end; looks++) {
        uint64_t id = core->finished[core->finished_first];
        struct entry *entry = view_entry(core, id);
        bool too_many = core->finished_end - core->finished_first - core->finished_undone >
                        core->settings.history_count;

        if (entry == NULL) { /* It went before, with its schedule's history. */
            core->finished_first++;
            continue;
        }
        if (entry_course(entry)->ends_undone > 0) { /* It was tried again since. */
            entry->course->ends_undone--;
            core->finished_undone--;
            core->finished_first++;
            continue;
        }
        if (!too_many && entry_course(entry)->finished_us > before_us) {
            wake_to_forget(core, entry_course(entry)->finished_us);
            return;
        }
        core->finished_first++;
        if (entry->changed || conditions_need(core, entry) || growing_needs(core, id) ||
            arrays_keep(entry) ||
            (!entry_course(entry)->pods_deleted && entry->terms->ttl_s != JOB_TTL_NEVER)) {
            view_note_finished(core,
                               id); /* Its pods are still there: it must not hold up others. */
            continue;
        }
        outbox_add_change(&core->outbox,
                          &(struct queue_change){.kind = CHANGE_JOB_DROP, .job_id = id});
        view_drop(core, entry);
        dropped++;
    }
    if (dropped > 0 && looks == FORGET_PER_TURN) {
        lifecycle_wake_at(core, 0, core->instant.mono_us); /* There may be more. */
    }
}

bool lifecycle_drop_now(struct core *core, struct entry *entry) {
    if (!entry_course(entry)->retired) {
        entry_edit(entry)->retired = true;
        lifecycle_tick(core, entry);
    }
    if (entry->changed || !entry_course(entry)->pods_deleted || growing_needs(core, entry->id)) {
        return false;
    }
    outbox_add_change(&core->outbox,
                      &(struct queue_change){.kind = CHANGE_JOB_DROP, .job_id = entry->id});
    view_drop(core, entry);
    return true;
}
