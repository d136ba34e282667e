#include "scheduler/lifecycle.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/memory.h"
#include "base/text.h"
#include "scheduler/charges.h"
#include "scheduler/news.h"
#include "scheduler/retrying.h"
#include "scheduler/runtimes.h"

bool attempt_is_current(const struct entry *entry, uint32_t attempt) {
    return entry->run != NULL && entry->run->attempt.number == attempt &&
           job_state_is_active(entry->state);
}

static void describe_demand(const struct core *core, const struct demand *demand, char *out,
                            size_t room) {
    char cpu[QUANTITY_BYTES_MAX];
    char memory[QUANTITY_BYTES_MAX];

    resource_print(&core->names, RESOURCE_CPU, demand->requests.amount[RESOURCE_CPU], cpu);
    resource_print(&core->names, RESOURCE_MEMORY, demand->requests.amount[RESOURCE_MEMORY], memory);
    (void)snprintf(out, room, "%" PRId64 " pod%s, cpu %s, memory %s",
                   demand->requests.amount[RESOURCE_PODS],
                   demand->requests.amount[RESOURCE_PODS] == 1 ? "" : "s", cpu, memory);
}

static struct run *new_run(struct core *core, struct entry *entry) {
    struct run *run = entry->run != NULL ? entry->run : mem_alloc(1, sizeof *run);
    struct attempt old = run->attempt;

    run_forget_pod(run);
    *run = (struct run){.attempt = {.job_id = entry->id,
                                    .number = entry_course(entry)->attempt,
                                    .pod_name = old.pod_name,
                                    .pod_uid = old.pod_uid,
                                    .node = old.node,
                                    .message = old.message,
                                    .cause = old.cause,
                                    .charge = old.charge,
                                    .admitted_us = core->instant.now_us,
                                    .exit_code = -1}};
    run_set_text(&run->attempt.pod_name, "");
    run_set_text(&run->attempt.pod_uid, "");
    run_set_text(&run->attempt.node, "");
    run_set_text(&run->attempt.message, "");
    run_set_text(&run->attempt.cause, "");
    return run;
}

void attempt_start(struct core *core, struct entry *entry) {
    entry->run->start_in_flight = true;
    outbox_add_command(&core->outbox,
                       &(struct command){.kind = COMMAND_START,
                                         .job_id = entry->id,
                                         .attempt = entry->run->attempt.number,
                                         .namespace = entry->terms->namespace,
                                         .look_first = entry->run->start_may_exist,
                                         .only_look = entry_course(entry)->cancel_requested});
    entry->run->start_may_exist = true;
}

static void note_pod_memory(struct attempt *attempt, const struct demand *demand) {
    for (size_t i = 0; i < demand->group_count; i++) {
        const struct pod_group *group = &demand->groups[i];
        int64_t *of_one = group->role == POD_ROLE_EXECUTOR ? &attempt->executor_memory_bytes
                                                           : &attempt->driver_memory_bytes;

        *of_one = group->requests.amount[RESOURCE_MEMORY];
    }
}

/* Of a job that runs again and again: the pods of its earlier runs, and now and then their
 * history. */
static void forget_runs(struct core *core, struct entry *entry) {
    const struct course *course = entry_course(entry);

    for (struct pod_note *note = course->main_pods; note != NULL; note = note->next_of_job) {
        pods_clean_up(core, entry->terms->namespace, strchr(note->key, '/') + 1, note->uid,
                      entry->id);
    }
    if (course->attempt > 0 && course->attempt % (LIMIT_JOB_ATTEMPTS - 1) == 0) {
        outbox_add_change(&core->outbox,
                          &(struct queue_change){.kind = CHANGE_HISTORY_DROP, .job_id = entry->id});
    }
}

void attempt_admit(struct core *core, struct entry *entry) {
    struct course *course = entry_edit(entry);
    char text[160];
    char what[128];

    describe_demand(core, entry->shape->applied, what, sizeof what);
    (void)snprintf(text, sizeof text, "quota and nodes hold the whole gang: %s", what);
    if (entry->terms->retry.always) {
        forget_runs(core, entry);
    }
    course->eligible_us = entry_eligible_us(entry);
    course->attempt++;
    course->admitted_us = core->instant.now_us;
    course->started_us = 0;
    course->finished_us = 0;
    course->alarms &= ~(uint32_t)ALARM_RUNTIME;
    course->close_us = gate_close_us(entry->shape->gate, &course->at_close);
    view_reserve(core, entry);
    charges_forget(core, entry);
    entry->run = new_run(core, entry);
    note_pod_memory(&entry->run->attempt, entry->shape->applied);
    charges_begin(core, entry);
    view_run_changed(core, entry);
    core->counts.admissions++;
    lifecycle_move(core, entry, JOB_SUBMITTING, "admitted", text);
    attempt_start(core, entry);
}

/* Close the books of the attempt; the job then goes wherever its caller says. */
static void end_attempt(struct core *core, struct entry *entry, enum failure failure,
                        int32_t exit_code, const char *message) {
    struct run *run = entry->run;

    run->attempt.failure = failure;
    run->attempt.exit_code = exit_code;
    run->attempt.finished_us =
        run->standing_finished_us != 0 ? run->standing_finished_us : core->instant.now_us;
    if (run->attempt.finished_us < run->attempt.started_us) {
        run->attempt.finished_us = run->attempt.started_us;
    }
    if (run->attempt.started_us != 0) {
        alarms_ran(core, entry, run->attempt.finished_us - run->attempt.started_us);
    }
    run_set_text(&run->attempt.message, message);
    if (failure != FAILURE_NONE && run->attempt.cause[0] == '\0') {
        run_set_text(&run->attempt.cause, message); /* There was no pod to look at. */
    }
    entry_edit(entry)->failure = failure;
    entry_edit(entry)->exit_code = exit_code;
    view_run_changed(core, entry);
    /* Its driver may still make executors, or have made some that the watch has not shown: while
     * its pod lives, their places are not free. pods.c gives them back. */
    charges_end(core, entry);
    if (lifecycle_has_live_pod(entry)) {
        ledger_expect(core->ledger, entry->id, &(struct ledger_stay){.is_leaving = true});
    } else {
        ledger_release(core->ledger, entry->id);
    }
}

/* A run that came to its end by itself says how long runs take; others were cut short. */
static void note_runtime(struct core *core, const struct entry *entry) {
    const struct attempt *attempt = &entry->run->attempt;

    if (attempt->started_us != 0) {
        runtimes_note(core, entry, attempt->finished_us - attempt->started_us);
    }
}

void attempt_close(struct core *core, struct entry *entry) {
    attempt_delete_pod(core, entry);
    if (entry_course(entry)->at_close == WINDOW_CLOSE_KILL) {
        attempt_finish(core, entry, FAILURE_DEADLINE, -1, "its window closed");
        return;
    }
    end_attempt(core, entry, FAILURE_PREEMPTED, -1, "its window closed");
    lifecycle_wait(core, entry, 0);
    lifecycle_move(core, entry, JOB_RETRY_WAIT, "window_closed",
                   "its window closed; it waits for the next opening, no retry spent");
    lifecycle_tick(core, entry);
}

void attempt_preempt(struct core *core, struct entry *entry, const char *text) {
    entry_edit(entry)->preempt_requested = true;
    entry_edit(entry)->preemptions++;
    entry_edit(entry)->preempted_us = core->instant.now_us;
    view_expect(core, entry);
    lifecycle_note(core, entry, "preempting", text);
    lifecycle_tick(core, entry);
}

/* So long after its pod it does not compete for the room that it made. */
#define PREEMPTED_REST_US CLOCK_US_PER_SECOND

/* It did not come to its end in the time it was given: it waits for its turn again. */
static void preempted(struct core *core, struct entry *entry, int32_t exit_code) {
    end_attempt(core, entry, FAILURE_PREEMPTED, exit_code, "stopped for another job");
    lifecycle_wait(core, entry, PREEMPTED_REST_US);
    lifecycle_move(core, entry, JOB_RETRY_WAIT, "preempted",
                   "stopped for another job, queued again, no retry spent");
}

/* The attempt is over, one way or another. */
void attempt_finish(struct core *core, struct entry *entry, enum failure failure, int32_t exit_code,
                    const char *message) {
    const bool was_preempted = entry_course(entry)->preempt_requested;
    struct diagnosis diagnosis;

    diagnose(core, entry, failure, exit_code, message, &diagnosis);
    run_set_text(&entry->run->attempt.cause, diagnosis.cause);
    failure = diagnosis.failure;
    entry_edit(entry)->preempt_requested = false;
    if (entry_course(entry)->cancel_requested) {
        end_attempt(core, entry, FAILURE_CANCELLED, exit_code, message);
        lifecycle_move(core, entry, JOB_CANCELLED, "cancelled", message);
        return;
    }
    if (was_preempted && failure != FAILURE_NONE) {
        preempted(core, entry, exit_code);
        return;
    }
    end_attempt(core, entry, failure, exit_code, message);
    if (failure == FAILURE_NONE) {
        note_runtime(core, entry);
    }
    if (failure == FAILURE_NONE && entry->terms->retry.always) {
        retrying_run_again(core, entry, message);
    } else if (failure == FAILURE_NONE) {
        lifecycle_move(core, entry, JOB_SUCCEEDED, "succeeded", message);
    } else {
        retrying_decide(core, entry, &diagnosis, message);
    }
}

void attempt_delete_pod(struct core *core, struct entry *entry) {
    if (entry->run->attempt.pod_name[0] != '\0') {
        pods_clean_up(core, entry->terms->namespace, entry->run->attempt.pod_name,
                      entry->run->attempt.pod_uid, entry->id);
    }
}

static void running(struct core *core, struct entry *entry) {
    struct run *run = entry->run;

    if (entry->state == JOB_RUNNING) {
        return;
    }
    /* Kubernetes cuts its times to seconds: a pod seems to run before it was created. */
    run->attempt.started_us =
        run->standing_started_us != 0 ? run->standing_started_us : core->instant.now_us;
    if (run->attempt.started_us < run->attempt.admitted_us) {
        run->attempt.started_us = run->attempt.admitted_us;
    }
    entry_edit(entry)->started_us = run->attempt.started_us;
    alarms_started(core, entry, run->attempt.started_us);
    if (!entry_course(entry)->has_run) {
        entry_edit(entry)->has_run = true;
        groups_ran(core, entry);
    }
    entry_edit(entry)->quota_races = 0;
    if (run->news != NULL) {
        news_forget(run);
        run_set_text(&run->attempt.message, "");
    }
    view_run_changed(core, entry);
    view_expect(core, entry);
    lifecycle_move(core, entry, JOB_RUNNING, "running",
                   outbox_format(&core->outbox, "pod %s on node %s", run->attempt.pod_name,
                                 run->attempt.node));
}

/* Did its pod show what took it before it went? */
static bool is_explained(const struct run *run) {
    return run->standing_failure != FAILURE_NONE;
}

/* Its pod can't tell any more, or never did: the Spark operator has seen how it ended. */
static void end_as_told(struct core *core, struct entry *entry) {
    const struct run *run = entry->run;
    const char *text = outbox_format(&core->outbox, "the Spark operator: %s", run->application);

    if (run->application_end == APPLICATION_COMPLETED) {
        running(core, entry);
        attempt_finish(core, entry, FAILURE_NONE, 0, text);
    } else {
        attempt_finish(core, entry,
                       run->standing_failure != FAILURE_NONE          ? run->standing_failure
                       : strstr(run->application, "ExitCode") != NULL ? FAILURE_APP
                                                                      : FAILURE_NODE_LOST,
                       -1, text);
    }
}

/* So long its word may be behind what became of the driver; longer before its first list. */
#define WORD_US (3 * CLOCK_US_PER_SECOND)
#define LIST_US (5 * 60 * CLOCK_US_PER_SECOND)

/* Its driver is gone, or was deleted: the operator may have done it, and says why in a moment. */
static bool awaits_operator(struct core *core, struct entry *entry) {
    const int64_t word_us = core->applications == APPLICATIONS_KNOWN ? WORD_US : LIST_US;
    const struct course *course = entry_course(entry);
    struct run *run = entry->run;

    if (!entry->terms->for_operator || run->application_end != APPLICATION_GOES_ON ||
        core->applications == APPLICATIONS_DENIED || course->cancel_requested ||
        course->preempt_requested) {
        return false;
    }
    if (run->gone_mono_us == 0) {
        run->gone_mono_us = core->instant.mono_us;
    }
    if (run->gone_mono_us + word_us <= core->instant.mono_us) {
        return false;
    }
    lifecycle_wake_at(core, entry->id, run->gone_mono_us + word_us);
    return true;
}

void attempt_applications(struct core *core, bool denied) {
    struct entry *entry;

    core->applications = denied ? APPLICATIONS_DENIED : APPLICATIONS_KNOWN;
    for (uint64_t id = 0; (entry = entries_next(&core->entries, id)) != NULL; id = entry->id) {
        if (entry->run != NULL && entry->run->gone_mono_us != 0) {
            entry->run->gone_mono_us = core->instant.mono_us;
            lifecycle_tick(core, entry);
        }
    }
}

/* Nobody is to resume it beside the queue: it is taken back, and the next attempt is another. */
void attempt_suspend(struct core *core, struct entry *entry) {
    static const char text[] = "its application was suspended on the Spark operator";

    pods_take_back(core, entry, entry->run->attempt.number);
    attempt_delete_pod(core, entry); /* As the operator does, unless it died in between. */
    if (entry_course(entry)->cancel_requested) {
        attempt_finish(core, entry, FAILURE_CANCELLED, -1, text);
        return;
    }
    entry_edit(entry)->preempt_requested = false;
    end_attempt(core, entry, FAILURE_PREEMPTED, -1, text);
    lifecycle_wait(core, entry, 0);
    lifecycle_move(core, entry, JOB_RETRY_WAIT, "suspended",
                   "its application was suspended on the Spark operator (spec.suspend), and is "
                   "taken back; no retry spent");
    lifecycle_move(core, entry, JOB_HELD, "held",
                   "until somebody releases it: then it goes on with a new attempt");
}

static bool is_suspended(const struct run *run) {
    return run->application_end == APPLICATION_SUSPENDED &&
           !(run->seen && run->standing == POD_STANDS_SUCCEEDED);
}

/* Was its pod deleted, as far as it shows? */
static bool is_deleted(const struct run *run) {
    return run->gone || (run->seen && run->standing == POD_STANDS_FAILED &&
                         run->standing_failure == FAILURE_NODE_LOST);
}

/* Follow what the pod shows. Not while its creation is under way: that comes to its end first. */
void attempt_observe(struct core *core, struct entry *entry) {
    struct run *run = entry->run;
    const char *message;

    if (entry->state != JOB_STARTING && entry->state != JOB_RUNNING) {
        return;
    }
    if (is_suspended(run)) {
        attempt_suspend(core, entry);
        return;
    }
    if (is_deleted(run) && awaits_operator(core, entry)) {
        return;
    }
    message = run->standing_message != NULL ? run->standing_message : "";
    if (run->seen && run->standing == POD_STANDS_SUCCEEDED) {
        running(core, entry);
        attempt_finish(core, entry, FAILURE_NONE, 0, message[0] != '\0' ? message : "exit code 0");
    } else if (run->seen && run->standing == POD_STANDS_FAILED) {
        attempt_finish(core, entry, run->standing_failure, run->standing_exit_code, message);
    } else if (run->application_end != APPLICATION_GOES_ON && (run->gone || !run->seen)) {
        end_as_told(core, entry);
    } else if (run->gone) {
        if (!is_explained(run) && !entry_course(entry)->cancel_requested &&
            !entry_course(entry)->preempt_requested && news_ask_of_end(core, entry)) {
            return;
        }
        attempt_finish(core, entry,
                       run->standing_failure != FAILURE_NONE ? run->standing_failure
                                                             : FAILURE_NODE_LOST,
                       -1, message[0] != '\0' ? message : "its pod is gone");
    } else if (run->seen && run->standing == POD_STANDS_HOPELESS) {
        attempt_delete_pod(core, entry);
        attempt_finish(core, entry, run->standing_failure, -1, message);
    } else if (run->seen && run->standing == POD_STANDS_RUNNING) {
        running(core, entry);
    }
}

/* --- Starting -------------------------------------------------------------------------------- */

/* What the watch has told of may be a pod of an earlier try, deleted since. */
static void forget_other_pod(struct run *run, const char *uid) {
    if (uid[0] != '\0' && strcmp(run->attempt.pod_uid, uid) != 0) {
        run_forget_pod(run);
    }
}

static void start_done(struct core *core, struct entry *entry,
                       const struct started_event *started) {
    struct run *run = entry->run;

    forget_other_pod(run, started->pod_uid);
    run->attempt.created_us = core->instant.now_us;
    run->created_mono_us = core->instant.mono_us;
    if (started->pod_uid[0] != '\0') { /* "": only the watch knows it. */
        run_set_text(&run->attempt.pod_uid, started->pod_uid);
    }
    run_set_text(&run->attempt.pod_name, started->pod_name);
    run_set_text(&run->attempt.message, "");
    view_run_changed(core, entry);
    ledger_objects_visible(core->ledger, entry->id);
    lifecycle_move(core, entry, JOB_STARTING, "starting",
                   outbox_format(&core->outbox, "created pod %s", started->pod_name));
    if (entry_course(entry)->cancel_requested) {
        attempt_delete_pod(core, entry);
    }
    attempt_observe(core, entry);
}

static void start_quota(struct core *core, struct entry *entry,
                        const struct started_event *started) {
    int64_t wait_us = lifecycle_backoff_us(core, ++entry_edit(entry)->quota_races, 0);

    core->counts.quota_races++;
    ledger_quota_refused(core->ledger, entry->terms->namespace);
    end_attempt(core, entry, FAILURE_QUOTA_RACE, -1, started->message);
    lifecycle_wait(core, entry, wait_us);
    if (entry_course(entry)->cancel_requested) {
        lifecycle_move(core, entry, JOB_CANCELLED, "cancelled", "before its pod was created");
    } else if (!entry->terms->retry.always && entry_course(entry)->attempt >= LIMIT_JOB_ATTEMPTS) {
        lifecycle_move(core, entry, JOB_FAILED, "failed", "too many attempts");
    } else {
        lifecycle_move(core, entry, JOB_QUEUED, "quota_race",
                       outbox_format(&core->outbox, "back in the queue, no retry spent: %s",
                                     started->message));
    }
}

static void start_refused(struct core *core, struct entry *entry,
                          const struct started_event *started) {
    end_attempt(core, entry, FAILURE_REJECTED, -1, started->message);
    if (entry_course(entry)->cancel_requested) {
        lifecycle_move(core, entry, JOB_CANCELLED, "cancelled", "before its pod was created");
    } else {
        lifecycle_move(core, entry, JOB_REJECTED, "rejected", started->message);
    }
}

/* It can't be this attempt any more, through no fault of the job's: the next one. */
static void start_next(struct core *core, struct entry *entry, const struct started_event *started,
                       const char *kind) {
    end_attempt(core, entry, FAILURE_SUBMIT_TRANSIENT, -1, started->message);
    if (entry_course(entry)->cancel_requested) {
        lifecycle_move(core, entry, JOB_CANCELLED, "cancelled", "before its pod was created");
    } else if (!entry->terms->retry.always && entry_course(entry)->attempt >= LIMIT_JOB_ATTEMPTS) {
        lifecycle_move(core, entry, JOB_FAILED, "failed", "too many attempts");
    } else {
        lifecycle_wait(core, entry,
                       lifecycle_backoff_us(core, ++entry_edit(entry)->quota_races, 0));
        lifecycle_move(core, entry, JOB_QUEUED, kind, started->message);
    }
}

/* The name belongs to somebody else's pod: the next attempt has another name. */
static void start_conflict(struct core *core, struct entry *entry,
                           const struct started_event *started) {
    start_next(core, entry, started, "conflict");
}

/* An application that the Spark operator has given up is not taken up again. */
static void start_anew(struct core *core, struct entry *entry,
                       const struct started_event *started) {
    start_next(core, entry, started, "submit_transient");
}

static void start_transient(struct core *core, struct entry *entry,
                            const struct started_event *started) {
    struct run *run = entry->run;
    int64_t wait_us = lifecycle_backoff_us(core, ++run->start_failures, started->retry_after_us);
    char wait[32];

    run->start_due_us = core->instant.mono_us + wait_us;
    text_print_duration(wait_us, wait);
    if (strcmp(run->attempt.message, started->message) != 0) {
        run_set_text(&run->attempt.message, started->message); /* Shown while it is asked again. */
        view_run_changed(core, entry);
    }
    if (run->start_failures == 1) { /* Once is enough: an outage would fill the history. */
        lifecycle_note(core, entry, "submit_transient",
                       outbox_format(&core->outbox, "%s; asked again in %s, until it is known",
                                     started->message, wait));
    }
    if (strcmp(run->attempt.pod_name, started->pod_name) != 0) {
        run_set_text(&run->attempt.pod_name, started->pod_name); /* It may exist: for a cancel. */
        view_run_changed(core, entry);
    }
}

void attempt_started(struct core *core, const struct started_event *started) {
    static void (*const handlers[])(struct core *, struct entry *, const struct started_event *) = {
        [START_DONE] = start_done,       [START_QUOTA] = start_quota,
        [START_REFUSED] = start_refused, [START_CONFLICT] = start_conflict,
        [START_ANEW] = start_anew,       [START_TRANSIENT] = start_transient,
    };
    struct entry *entry = view_entry(core, started->job_id);

    if (entry == NULL || !attempt_is_current(entry, started->attempt) ||
        entry->state != JOB_SUBMITTING) {
        return;
    }
    entry->run->start_in_flight = false;
    handlers[started->result](core, entry, started);
    lifecycle_tick(core, entry);
}

void attempt_application(struct core *core, const struct application_event *news) {
    struct entry *entry = view_entry(core, news->job_id);
    struct run *run = entry != NULL ? entry->run : NULL;

    if (entry != NULL && news->end == APPLICATION_SUSPENDED &&
        !attempt_is_current(entry, news->attempt)) {
        pods_take_back(core, entry, news->attempt); /* As it was to be before a restart. */
        return;
    }
    if (entry == NULL || !attempt_is_current(entry, news->attempt) ||
        (run->application != NULL && strcmp(run->application, news->text) == 0)) {
        return;
    }
    free(run->application);
    run->application = mem_copy_text(news->text);
    run->application_end = news->end;
    lifecycle_note(core, entry, "operator",
                   outbox_format(&core->outbox, "the Spark operator: %s", news->text));
    if (entry->state == JOB_SUBMITTING) {
        run->start_due_us = 0; /* It is looked at now. */
    }
    attempt_observe(core, entry);
    lifecycle_tick(core, entry);
}
