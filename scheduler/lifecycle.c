#include "scheduler/view.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/text.h"

#define FORGET_PER_TURN 64

/* --- Small things ---------------------------------------------------------------------------- */

static void reply(struct core *core, uint64_t token, int code, const char *text) {
    if (token != 0) {
        outbox_add_reply(&core->outbox,
                         &(struct reply){.token = token, .code = code, .count = 1, .text = text});
    }
}

static void wake_at(struct core *core, uint64_t id, int64_t mono_us) {
    timers_add(&core->timers, mono_us, id);
}

/* The monotonic time of a wall-clock one, as the clocks stand now. */
static int64_t mono_of(const struct core *core, int64_t wall_us) {
    return core->instant.mono_us + (wall_us - core->instant.now_us);
}

static int64_t backoff_us(struct core *core, uint32_t failures, int64_t at_least_us) {
    const struct retry_policy policy = {.backoff_first_us = core->settings.backoff_first_us,
                                        .backoff_max_us = core->settings.backoff_max_us};
    int64_t wait_us = retry_backoff_us(&policy, failures, rng_unit(&core->rng));

    return wait_us > at_least_us ? wait_us : at_least_us;
}

static bool is_current(const struct entry *entry, uint32_t attempt) {
    return entry->run != NULL && entry->run->attempt.number == attempt &&
           job_state_is_active(entry->job.state);
}

/* --- Moving ---------------------------------------------------------------------------------- */

void lifecycle_note(struct core *core, struct entry *entry, const char *kind, const char *text) {
    outbox_add_change(&core->outbox, &(struct queue_change){
                                         .kind = CHANGE_EVENT_ADD,
                                         .event = {.job_id = entry->job.id,
                                                   .sequence = entry->job.event_count++,
                                                   .at_us = core->instant.now_us,
                                                   .attempt = entry->job.attempt,
                                                   .state = entry->job.state,
                                                   .kind = kind,
                                                   .text = outbox_text(&core->outbox, text)},
                                     });
    view_changed(core, entry);
}

void lifecycle_move(struct core *core, struct entry *entry, enum job_state to, const char *kind,
                    const char *text) {
    core->counts.jobs[entry->job.state]--;
    core->counts.jobs[to]++;
    job_move(&entry->job, to);
    if (to == JOB_QUEUED && entry->job.eligible_us <= core->instant.now_us) {
        view_list(core, entry);
    } else {
        view_unlist(core, entry);
    }
    if (job_state_is_final(to)) {
        entry->job.finished_us = core->instant.now_us;
        view_release_shape(core, entry);
        view_note_finished(core, entry->job.id);
    }
    core->pass_needed = true;
    lifecycle_note(core, entry, kind, text);
}

/* --- Submitting ------------------------------------------------------------------------------ */

static size_t waiting_count(const struct core *core) {
    return core->counts.jobs[JOB_QUEUED] + core->counts.jobs[JOB_HELD] +
           core->counts.jobs[JOB_RETRY_WAIT];
}

static void submit_one(struct core *core, const struct new_job *new_job, const char *submitter) {
    struct job job = {
        .id = core->next_id++,
        .name = new_job->name,
        .namespace = new_job->namespace,
        .team = new_job->team,
        .submitter = submitter,
        .kind = new_job->kind,
        .state = new_job->hold ? JOB_HELD : JOB_QUEUED,
        .priority = new_job->priority,
        .ttl_s = new_job->ttl_s,
        .retry = new_job->retry,
        .submitted_us = core->instant.now_us,
        .eligible_us = core->instant.now_us,
        .expected_runtime_us = new_job->expected_runtime_us,
        .exit_code = -1,
    };
    struct entry *entry;

    memcpy(job.spec_hash, new_job->spec_hash, sizeof job.spec_hash);
    outbox_add_change(&core->outbox,
                      &(struct queue_change){
                          .kind = CHANGE_SPEC_ADD,
                          .spec = {.text = new_job->spec, .bytes = new_job->spec_bytes},
                      });
    memcpy(core->outbox.changes[core->outbox.change_count - 1].spec.hash, new_job->spec_hash,
           SPEC_HASH_BYTES);
    entry = view_add(core, &job, new_job->demand);
    if (job.state == JOB_QUEUED) {
        view_list(core, entry);
    }
    lifecycle_note(core, entry, "submitted", outbox_format(&core->outbox, "by %s", submitter));
}

void lifecycle_submit(struct core *core, struct event *event) {
    const struct submit_event *submit = &event->submit;
    uint64_t first_id = core->next_id;

    if (waiting_count(core) + submit->count > core->settings.jobs_waiting_max) {
        reply(core, event->token, ERR_FULL,
              outbox_format(&core->outbox,
                            "the queue holds %zu waiting jobs and may hold %zu; submit later, or "
                            "raise limits.jobsWaiting",
                            waiting_count(core), core->settings.jobs_waiting_max));
        return;
    }
    for (size_t i = 0; i < submit->count; i++) {
        submit_one(core, &submit->jobs[i], submit->submitter);
    }
    if (submit->key != NULL) {
        struct queue_change change = {
            .kind = CHANGE_SUBMISSION_PUT,
            .submission = {.key = submit->key,
                           .first_id = first_id,
                           .count = (uint32_t)submit->count,
                           .at_us = core->instant.now_us},
        };

        memcpy(change.submission.request_hash, submit->request_hash, SPEC_HASH_BYTES);
        outbox_add_change(&core->outbox, &change);
    }
    outbox_add_reply(&core->outbox, &(struct reply){.token = event->token,
                                                    .first_id = first_id,
                                                    .count = submit->count,
                                                    .text = ""});
}

/* --- Removing pods --------------------------------------------------------------------------- */

static char *pod_key(const char *namespace, const char *name) {
    return mem_format("%s/%s", namespace, name);
}

static void clean_up(struct core *core, const char *namespace, const char *name, const char *uid,
                     uint64_t job_id) {
    char *key = pod_key(namespace, name);
    struct cleanup *cleanup = map_get(&core->cleanups, key);

    if (cleanup != NULL) {
        free(key);
        return;
    }
    cleanup = mem_alloc(1, sizeof *cleanup);
    cleanup->key = key;
    cleanup->namespace = mem_copy_text(namespace);
    cleanup->name = mem_copy_text(name);
    cleanup->uid = mem_copy_text(uid);
    cleanup->job_id = job_id;
    cleanup->due_us = core->instant.mono_us;
    (void)map_put(&core->cleanups, key, cleanup);
    wake_at(core, 0, cleanup->due_us);
}

void lifecycle_tick_cleanups(struct core *core) {
    struct map_entry *item;

    for (size_t at = 0; (item = map_next(&core->cleanups, &at)) != NULL;) {
        struct cleanup *cleanup = item->value;

        if (cleanup->in_flight) {
            continue;
        }
        if (cleanup->due_us > core->instant.mono_us) {
            wake_at(core, 0, cleanup->due_us);
            continue;
        }
        cleanup->in_flight = true;
        outbox_add_command(&core->outbox,
                           &(struct command){
                               .kind = COMMAND_DELETE,
                               .job_id = cleanup->job_id,
                               .namespace = outbox_text(&core->outbox, cleanup->namespace),
                               .pod_name = outbox_text(&core->outbox, cleanup->name),
                               .pod_uid = outbox_text(&core->outbox, cleanup->uid),
                           });
    }
}

static void cleanup_done(struct core *core, struct cleanup *cleanup) {
    (void)map_remove(&core->cleanups, cleanup->key);
    free(cleanup->namespace);
    free(cleanup->name);
    free(cleanup->uid);
    free(cleanup->key);
    free(cleanup);
}

/* --- Attempts -------------------------------------------------------------------------------- */

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

    free(run->standing_message);
    *run = (struct run){.attempt = {.job_id = entry->job.id,
                                    .number = entry->job.attempt,
                                    .pod_name = old.pod_name,
                                    .pod_uid = old.pod_uid,
                                    .node = old.node,
                                    .message = old.message,
                                    .admitted_us = core->instant.now_us,
                                    .exit_code = -1}};
    run_set_text(&run->attempt.pod_name, "");
    run_set_text(&run->attempt.pod_uid, "");
    run_set_text(&run->attempt.node, "");
    run_set_text(&run->attempt.message, "");
    return run;
}

static void start(struct core *core, struct entry *entry) {
    entry->run->start_in_flight = true;
    outbox_add_command(&core->outbox, &(struct command){.kind = COMMAND_START,
                                                        .job_id = entry->job.id,
                                                        .attempt = entry->run->attempt.number,
                                                        .namespace = entry->job.namespace,
                                                        .look_first = entry->run->start_may_exist});
    entry->run->start_may_exist = true;
}

void lifecycle_admit(struct core *core, struct entry *entry) {
    char text[160];
    char what[128];

    describe_demand(core, entry->shape->applied, what, sizeof what);
    (void)snprintf(text, sizeof text, "quota and nodes hold the whole gang: %s", what);
    view_reserve(core, entry);
    entry->job.attempt++;
    entry->job.admitted_us = core->instant.now_us;
    entry->job.started_us = 0;
    entry->job.finished_us = 0;
    entry->run = new_run(core, entry);
    view_run_changed(core, entry);
    core->counts.admissions++;
    lifecycle_move(core, entry, JOB_SUBMITTING, "admitted", text);
    start(core, entry);
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
    run_set_text(&run->attempt.message, message);
    entry->job.failure = failure;
    entry->job.exit_code = exit_code;
    view_run_changed(core, entry);
    ledger_release(core->ledger, entry->job.id);
}

static void retry_or_fail(struct core *core, struct entry *entry, const char *message) {
    struct job *job = &entry->job;
    bool spends = failure_spends_retry(job->failure);
    uint32_t *spent = spends ? &job->retries : &job->infra_retries;
    uint32_t most = spends ? job->retry.retries_max : job->retry.infra_retries_max;
    char wait[32];
    int64_t wait_us;

    job->failures++;
    if (!failure_may_retry(job->failure) || *spent >= most || job->attempt >= LIMIT_JOB_ATTEMPTS) {
        lifecycle_move(core, entry, JOB_FAILED, "failed",
                       outbox_format(&core->outbox, "%s: %s (%s %" PRIu32 " of %" PRIu32 " used)",
                                     failure_text(job->failure), message,
                                     spends ? "retries" : "infrastructure retries", *spent, most));
        return;
    }
    (*spent)++;
    wait_us = retry_backoff_us(&job->retry, job->failures, rng_unit(&core->rng));
    job->eligible_us = core->instant.now_us + wait_us;
    text_print_duration(wait_us, wait);
    lifecycle_move(core, entry, JOB_RETRY_WAIT, "retry",
                   outbox_format(&core->outbox,
                                 "%s: %s; tried again in %s (%s %" PRIu32 " of %" PRIu32 ")",
                                 failure_text(job->failure), message, wait,
                                 spends ? "retry" : "infrastructure retry", *spent, most));
}

/* The attempt is over, one way or another. */
static void finish(struct core *core, struct entry *entry, enum failure failure, int32_t exit_code,
                   const char *message) {
    if (entry->job.cancel_requested) {
        end_attempt(core, entry, FAILURE_CANCELLED, exit_code, message);
        lifecycle_move(core, entry, JOB_CANCELLED, "cancelled", message);
        return;
    }
    end_attempt(core, entry, failure, exit_code, message);
    if (failure == FAILURE_NONE) {
        lifecycle_move(core, entry, JOB_SUCCEEDED, "succeeded", message);
    } else {
        retry_or_fail(core, entry, message);
    }
}

static void delete_run_pod(struct core *core, struct entry *entry) {
    if (entry->run->attempt.pod_name[0] != '\0') {
        clean_up(core, entry->job.namespace, entry->run->attempt.pod_name,
                 entry->run->attempt.pod_uid, entry->job.id);
    }
}

static void running(struct core *core, struct entry *entry) {
    struct run *run = entry->run;

    if (entry->job.state == JOB_RUNNING) {
        return;
    }
    /* Kubernetes cuts its times to seconds: a pod seems to run before it was created. */
    entry->job.started_us =
        run->standing_started_us != 0 ? run->standing_started_us : core->instant.now_us;
    if (entry->job.started_us < run->attempt.admitted_us) {
        entry->job.started_us = run->attempt.admitted_us;
    }
    run->attempt.started_us = entry->job.started_us;
    entry->quota_races = 0;
    view_run_changed(core, entry);
    lifecycle_move(core, entry, JOB_RUNNING, "running",
                   outbox_format(&core->outbox, "pod %s on node %s", run->attempt.pod_name,
                                 run->attempt.node));
}

/* Follow what the pod shows. Not while its creation is under way: that comes to its end first. */
static void observe(struct core *core, struct entry *entry) {
    struct run *run = entry->run;
    const char *message;

    if (entry->job.state != JOB_STARTING && entry->job.state != JOB_RUNNING) {
        return;
    }
    message = run->standing_message != NULL ? run->standing_message : "";
    if (run->seen && run->standing == POD_STANDS_SUCCEEDED) {
        running(core, entry);
        finish(core, entry, FAILURE_NONE, 0, message[0] != '\0' ? message : "exit code 0");
    } else if (run->seen && run->standing == POD_STANDS_FAILED) {
        finish(core, entry, run->standing_failure, run->standing_exit_code, message);
    } else if (run->gone) {
        finish(core, entry,
               run->standing_failure != FAILURE_NONE ? run->standing_failure : FAILURE_NODE_LOST,
               -1, message[0] != '\0' ? message : "its pod is gone");
    } else if (run->seen && run->standing == POD_STANDS_HOPELESS) {
        delete_run_pod(core, entry);
        finish(core, entry, run->standing_failure, -1, message);
    } else if (run->seen && run->standing == POD_STANDS_RUNNING) {
        running(core, entry);
    }
}

/* --- Pods ------------------------------------------------------------------------------------ */

static void link_main_pod(struct core *core, struct pod_note *note) {
    struct entry *entry = note->is_main ? view_entry(core, note->job_id) : NULL;

    if (entry != NULL) {
        note->next_of_job = entry->main_pods;
        entry->main_pods = note;
    }
}

static void unlink_main_pod(struct core *core, struct pod_note *note) {
    struct entry *entry = note->is_main ? view_entry(core, note->job_id) : NULL;

    for (struct pod_note **at = entry != NULL ? &entry->main_pods : NULL; at != NULL && *at != NULL;
         at = &(*at)->next_of_job) {
        if (*at == note) {
            *at = note->next_of_job;
            break;
        }
    }
}

static void note_destroy(struct core *core, struct pod_note *note) {
    unlink_main_pod(core, note);
    core->counts.pods--;
    ledger_remove_pod(core->ledger, note->uid);
    free(note->key);
    free(note->uid);
    free(note);
}

static void keep_pod(struct core *core, const struct pod_event *pod, bool finished) {
    char *key = pod_key(pod->namespace, pod->name);
    struct pod_note *note = map_get(&core->pods, key);

    if (note != NULL && strcmp(note->uid, pod->uid) != 0) {
        (void)map_remove(&core->pods, key);
        note_destroy(core, note); /* Deleted and made again between two looks. */
        note = NULL;
    }
    if (note == NULL) {
        note = mem_alloc(1, sizeof *note);
        *note = (struct pod_note){.key = mem_copy_text(key),
                                  .job_id = pod->job_id,
                                  .attempt = pod->attempt,
                                  .is_main = pod->is_main && pod->job_id != 0,
                                  .uid = mem_copy_text(pod->uid)};
        (void)map_put(&core->pods, key, note);
        core->counts.pods++;
        link_main_pod(core, note);
    }
    note->finished = finished;
    ledger_put_pod(core->ledger,
                   &(struct ledger_pod){.uid = pod->uid,
                                        .namespace = pod->namespace,
                                        .node = pod->node[0] != '\0' ? pod->node : NULL,
                                        .finished = finished,
                                        .job_id = pod->job_id,
                                        .role = pod->role,
                                        .demand = pod->demand});
    free(key);
}

static void note_standing(struct core *core, struct entry *entry, const struct pod_event *pod) {
    struct run *run = entry->run;

    run->seen = true;
    run->gone = false; /* Made anew, if it was. */
    run->standing = pod->standing;
    run->standing_failure = pod->failure;
    run->standing_exit_code = pod->exit_code;
    run->standing_started_us = pod->started_us;
    run->standing_finished_us = pod->finished_us;
    free(run->standing_message);
    run->standing_message = mem_copy_text(pod->message);
    if (strcmp(run->attempt.node, pod->node) != 0 || strcmp(run->attempt.pod_uid, pod->uid) != 0) {
        run_set_text(&run->attempt.node, pod->node);
        run_set_text(&run->attempt.pod_uid, pod->uid);
        run_set_text(&run->attempt.pod_name, pod->name);
        view_run_changed(core, entry);
    }
}

void lifecycle_pod(struct core *core, const struct pod_event *pod) {
    bool finished = pod->standing == POD_STANDS_SUCCEEDED || pod->standing == POD_STANDS_FAILED;
    struct entry *entry = pod->job_id != 0 ? view_entry(core, pod->job_id) : NULL;

    keep_pod(core, pod, finished);
    core->pass_needed = true;
    if (entry == NULL || !pod->is_main) {
        return;
    }
    if (is_current(entry, pod->attempt)) {
        note_standing(core, entry, pod);
        observe(core, entry);
        lifecycle_tick(core, entry);
        return;
    }
    if (!finished && !pod->terminating) {
        /* A creation that came through after all, when nobody waited for it any more. */
        clean_up(core, pod->namespace, pod->name, pod->uid, pod->job_id);
    }
    lifecycle_tick(core, entry);
}

void lifecycle_pod_gone(struct core *core, const char *namespace, const char *name) {
    char *key = pod_key(namespace, name);
    struct pod_note *note = map_remove(&core->pods, key);
    struct entry *entry;
    uint32_t attempt;

    free(key);
    if (note == NULL) {
        return;
    }
    core->pass_needed = true;
    entry = note->is_main ? view_entry(core, note->job_id) : NULL;
    attempt = note->attempt;
    note_destroy(core, note);
    if (entry == NULL) {
        return;
    }
    if (is_current(entry, attempt)) {
        entry->run->gone = true;
        observe(core, entry);
    }
    lifecycle_tick(core, entry);
}

/* --- Starting -------------------------------------------------------------------------------- */

/* What the watch has told of may be a pod of an earlier try, deleted since. */
static void forget_other_pod(struct run *run, const char *uid) {
    if (strcmp(run->attempt.pod_uid, uid) != 0) {
        run->seen = run->gone = false;
        run->standing = POD_STANDS_WAITING;
        run->standing_failure = FAILURE_NONE;
        run->standing_started_us = run->standing_finished_us = 0;
        free(run->standing_message);
        run->standing_message = NULL;
    }
}

static void start_done(struct core *core, struct entry *entry,
                       const struct started_event *started) {
    struct run *run = entry->run;

    forget_other_pod(run, started->pod_uid);
    run->attempt.created_us = core->instant.now_us;
    run_set_text(&run->attempt.pod_uid, started->pod_uid);
    run_set_text(&run->attempt.pod_name, started->pod_name);
    view_run_changed(core, entry);
    ledger_objects_visible(core->ledger, entry->job.id);
    lifecycle_move(core, entry, JOB_STARTING, "starting",
                   outbox_format(&core->outbox, "created pod %s", started->pod_name));
    if (entry->job.cancel_requested) {
        delete_run_pod(core, entry);
    }
    observe(core, entry);
}

static void start_quota(struct core *core, struct entry *entry,
                        const struct started_event *started) {
    int64_t wait_us = backoff_us(core, ++entry->quota_races, 0);

    core->counts.quota_races++;
    end_attempt(core, entry, FAILURE_QUOTA_RACE, -1, started->message);
    entry->job.eligible_us = core->instant.now_us + wait_us;
    if (entry->job.cancel_requested) {
        lifecycle_move(core, entry, JOB_CANCELLED, "cancelled", "before its pod was created");
    } else if (entry->job.attempt >= LIMIT_JOB_ATTEMPTS) {
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
    if (entry->job.cancel_requested) {
        lifecycle_move(core, entry, JOB_CANCELLED, "cancelled", "before its pod was created");
    } else {
        lifecycle_move(core, entry, JOB_REJECTED, "rejected", started->message);
    }
}

/* The name belongs to somebody else's pod: the next attempt has another name. */
static void start_conflict(struct core *core, struct entry *entry,
                           const struct started_event *started) {
    end_attempt(core, entry, FAILURE_SUBMIT_TRANSIENT, -1, started->message);
    if (entry->job.cancel_requested) {
        lifecycle_move(core, entry, JOB_CANCELLED, "cancelled", "before its pod was created");
    } else if (entry->job.attempt >= LIMIT_JOB_ATTEMPTS) {
        lifecycle_move(core, entry, JOB_FAILED, "failed", "too many attempts");
    } else {
        entry->job.eligible_us = core->instant.now_us;
        lifecycle_move(core, entry, JOB_QUEUED, "conflict", started->message);
    }
}

static void start_transient(struct core *core, struct entry *entry,
                            const struct started_event *started) {
    struct run *run = entry->run;
    int64_t wait_us = backoff_us(core, ++run->start_failures, started->retry_after_us);
    char wait[32];

    run->start_due_us = core->instant.mono_us + wait_us;
    text_print_duration(wait_us, wait);
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

void lifecycle_started(struct core *core, const struct started_event *started) {
    static void (*const handlers[])(struct core *, struct entry *, const struct started_event *) = {
        [START_DONE] = start_done,           [START_QUOTA] = start_quota,
        [START_REFUSED] = start_refused,     [START_CONFLICT] = start_conflict,
        [START_TRANSIENT] = start_transient,
    };
    struct entry *entry = view_entry(core, started->job_id);

    if (entry == NULL || !is_current(entry, started->attempt) ||
        entry->job.state != JOB_SUBMITTING) {
        return;
    }
    entry->run->start_in_flight = false;
    handlers[started->result](core, entry, started);
    lifecycle_tick(core, entry);
}

/* --- Deleting -------------------------------------------------------------------------------- */

static void deleted_of_job(struct core *core, struct entry *entry, const char *pod_name) {
    bool is_current_pod = entry->run != NULL && strcmp(entry->run->attempt.pod_name, pod_name) == 0;

    if (job_state_is_active(entry->job.state) && entry->job.cancel_requested && is_current_pod &&
        !entry->run->start_in_flight) {
        finish(core, entry, FAILURE_CANCELLED, -1, "its pod was deleted");
    } else if (entry->deletes_pending > 0 && --entry->deletes_pending == 0) {
        entry->job.pods_deleted = true;
        view_changed(core, entry);
    }
}

void lifecycle_deleted(struct core *core, const struct deleted_event *deleted) {
    char *key = pod_key(deleted->namespace, deleted->name);
    struct cleanup *cleanup = map_get(&core->cleanups, key);
    struct entry *entry;

    free(key);
    if (cleanup == NULL) {
        return;
    }
    if (!deleted->gone) {
        cleanup->in_flight = false;
        cleanup->due_us = core->instant.mono_us + backoff_us(core, ++cleanup->failures, 0);
        wake_at(core, 0, cleanup->due_us);
        return;
    }
    entry = view_entry(core, cleanup->job_id);
    cleanup_done(core, cleanup);
    if (entry != NULL) {
        deleted_of_job(core, entry, deleted->name);
        lifecycle_tick(core, entry);
    }
}

/* --- People ---------------------------------------------------------------------------------- */

void lifecycle_cancel(struct core *core, const struct event *event) {
    struct entry *entry = view_entry(core, event->job_id);

    if (entry == NULL) {
        reply(core, event->token, ERR_NOT_FOUND, "there is no such job");
        return;
    }
    if (job_state_is_final(entry->job.state)) {
        reply(core, event->token, ERR_STALE,
              outbox_format(&core->outbox, "the job is %s already",
                            job_state_text(entry->job.state)));
        return;
    }
    if (!job_state_is_active(entry->job.state)) {
        entry->job.cancel_requested = true;
        lifecycle_move(core, entry, JOB_CANCELLED, "cancelled", "while it waited");
    } else if (!entry->job.cancel_requested) {
        entry->job.cancel_requested = true;
        lifecycle_note(core, entry, "cancel", "asked for; its pod is being deleted");
    }
    lifecycle_tick(core, entry);
    reply(core, event->token, OK, "");
}

void lifecycle_hold(struct core *core, const struct event *event) {
    struct entry *entry = view_entry(core, event->job_id);

    if (entry == NULL) {
        reply(core, event->token, ERR_NOT_FOUND, "there is no such job");
    } else if (entry->job.state == JOB_HELD) {
        reply(core, event->token, OK, "");
    } else if (!job_may_move(entry->job.state, JOB_HELD)) {
        reply(core, event->token, ERR_STALE,
              outbox_format(&core->outbox, "a job that is %s can't be held",
                            job_state_text(entry->job.state)));
    } else {
        lifecycle_move(core, entry, JOB_HELD, "held", "by hand");
        reply(core, event->token, OK, "");
    }
}

void lifecycle_release(struct core *core, const struct event *event) {
    struct entry *entry = view_entry(core, event->job_id);

    if (entry == NULL) {
        reply(core, event->token, ERR_NOT_FOUND, "there is no such job");
    } else if (entry->job.state != JOB_HELD) {
        reply(core, event->token, ERR_STALE,
              outbox_format(&core->outbox, "the job is %s, not held",
                            job_state_text(entry->job.state)));
    } else {
        lifecycle_move(core, entry, JOB_QUEUED, "released", "by hand");
        lifecycle_tick(core, entry);
        reply(core, event->token, OK, "");
    }
}

/* --- Time ------------------------------------------------------------------------------------ */

/* Two drivers of one job could both write its output: the next attempt waits until the pod of the
 * last one has finished or gone. */
static bool has_live_pod(const struct entry *entry) {
    for (const struct pod_note *note = entry->main_pods; note != NULL; note = note->next_of_job) {
        if (!note->finished) {
            return true;
        }
    }
    return false;
}

static void tick_waiting(struct core *core, struct entry *entry) {
    if (entry->shape == NULL) {
        lifecycle_move(core, entry,
                       job_may_move(entry->job.state, JOB_REJECTED) ? JOB_REJECTED : JOB_FAILED,
                       "rejected", "its stored specification can't be read any more");
    } else if (entry->job.eligible_us > core->instant.now_us) {
        wake_at(core, entry->job.id, mono_of(core, entry->job.eligible_us));
    } else if (has_live_pod(entry)) {
        view_unlist(core, entry); /* Looked at again when that pod changes. */
    } else if (entry->job.state == JOB_RETRY_WAIT) {
        lifecycle_move(core, entry, JOB_QUEUED, "queued", "its back-off is over");
    } else if (entry->job.state == JOB_QUEUED) {
        view_list(core, entry);
    }
}

static void tick_submitting(struct core *core, struct entry *entry) {
    struct run *run = entry->run;

    if (run->start_in_flight || !core->adopted) {
        return;
    }
    if (entry->job.cancel_requested && !run->start_may_exist) {
        finish(core, entry, FAILURE_CANCELLED, -1, "before its pod was created");
    } else if (entry->job.cancel_requested && run->attempt.pod_name[0] != '\0') {
        delete_run_pod(core, entry); /* It may exist: an earlier try's fate is unknown. */
    } else if (run->start_due_us > core->instant.mono_us) {
        wake_at(core, entry->job.id, run->start_due_us);
    } else {
        start(core, entry);
    }
}

static void start_timed_out(struct core *core, struct entry *entry) {
    struct run *run = entry->run;
    char limit[32];
    const char *message;

    text_print_duration(core->settings.start_timeout_us, limit);
    message = run->standing_message != NULL && run->standing_message[0] != '\0'
                  ? run->standing_message
                  : "its pod did not start";
    message =
        outbox_format(&core->outbox, "not running %s after it was created: %s", limit, message);
    delete_run_pod(core, entry);
    finish(core, entry,
           run->standing_failure != FAILURE_NONE ? run->standing_failure : FAILURE_UNSCHEDULABLE,
           -1, message);
}

static void tick_starting(struct core *core, struct entry *entry) {
    int64_t due_us = entry->run->attempt.created_us + core->settings.start_timeout_us;

    if (entry->job.cancel_requested) {
        delete_run_pod(core, entry);
    } else if (due_us > core->instant.now_us) {
        wake_at(core, entry->job.id, mono_of(core, due_us));
    } else {
        start_timed_out(core, entry);
        lifecycle_tick(core, entry);
    }
}

/* The pods of all attempts go when their time is over. */
static void tick_final(struct core *core, struct entry *entry) {
    int64_t due_us;

    if (entry->job.pods_deleted || entry->deletes_pending > 0 ||
        entry->job.ttl_s == JOB_TTL_NEVER) {
        return;
    }
    due_us = entry->job.finished_us + entry->job.ttl_s * CLOCK_US_PER_SECOND;
    if (due_us > core->instant.now_us) {
        wake_at(core, entry->job.id, mono_of(core, due_us));
        return;
    }
    for (struct pod_note *note = entry->main_pods; note != NULL; note = note->next_of_job) {
        entry->deletes_pending++;
        clean_up(core, entry->job.namespace, strchr(note->key, '/') + 1, note->uid, entry->job.id);
    }
    if (entry->deletes_pending == 0) {
        entry->job.pods_deleted = true;
        view_changed(core, entry);
    }
}

void lifecycle_tick(struct core *core, struct entry *entry) {
    switch (entry->job.state) {
    case JOB_QUEUED:
    case JOB_RETRY_WAIT:
        tick_waiting(core, entry);
        break;
    case JOB_SUBMITTING:
        tick_submitting(core, entry);
        break;
    case JOB_STARTING:
        tick_starting(core, entry);
        break;
    case JOB_RUNNING:
        if (entry->job.cancel_requested) {
            delete_run_pod(core, entry);
        }
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
    struct map_entry *item;

    core->adopted = true;
    for (size_t at = 0; (item = map_next(&core->entries, &at)) != NULL;) {
        struct entry *entry = item->value;

        if (entry->run != NULL && !entry->run->seen &&
            (entry->job.state == JOB_STARTING || entry->job.state == JOB_RUNNING)) {
            entry->run->gone = true;
            observe(core, entry);
        }
        lifecycle_tick(core, entry);
    }
}

/* Once, not in every turn: the heap would grow until the first one is due. */
static void wake_to_forget(struct core *core, int64_t finished_us) {
    int64_t due_us = mono_of(core, finished_us + core->settings.history_age_us);

    if (core->forget_due_us <= core->instant.mono_us || due_us < core->forget_due_us) {
        core->forget_due_us = due_us;
        wake_at(core, 0, due_us);
    }
}

void lifecycle_forget(struct core *core) {
    int64_t before_us = core->instant.now_us - core->settings.history_age_us;

    for (size_t i = 0; i < FORGET_PER_TURN && core->finished_first < core->finished_end; i++) {
        uint64_t id = core->finished[core->finished_first];
        struct entry *entry = view_entry(core, id);
        bool too_many = core->finished_end - core->finished_first > core->settings.history_count;

        ENSURE(entry != NULL);
        if (!too_many && entry->job.finished_us > before_us) {
            wake_to_forget(core, entry->job.finished_us);
            return;
        }
        if (entry->changed || (!entry->job.pods_deleted && entry->job.ttl_s != JOB_TTL_NEVER)) {
            return;
        }
        core->finished_first++;
        outbox_add_change(&core->outbox,
                          &(struct queue_change){.kind = CHANGE_JOB_DROP, .job_id = id});
        view_drop(core, entry);
    }
}
