#include "scheduler/lifecycle.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

struct attempt_number {
    uint64_t job_id;
    uint32_t application; /* the attempt whose application it is; 0: a pod is meant */
};

static char *pod_key(const char *namespace, const char *name) {
    return mem_join(namespace, name);
}

static void clean_up(struct core *core, const char *namespace, const char *name, const char *uid,
                     const struct attempt_number *of) {
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
    cleanup->job_id = of->job_id;
    cleanup->attempt = of->application;
    cleanup->due_us = core->instant.mono_us;
    (void)map_put(&core->cleanups, key, cleanup);
    lifecycle_wake_at(core, 0, cleanup->due_us);
}

void pods_clean_up(struct core *core, const char *namespace, const char *name, const char *uid,
                   uint64_t job_id) {
    clean_up(core, namespace, name, uid, &(struct attempt_number){.job_id = job_id});
}

void pods_take_back(struct core *core, const struct entry *entry, uint32_t attempt) {
    const struct attempt_number of = {.job_id = entry->id, .application = attempt};
    char name[64]; /* A pod's has no blank. */

    (void)snprintf(name, sizeof name, "application %" PRIu64 ".%" PRIu32, entry->id, attempt);
    clean_up(core, entry->terms->namespace, name, "", &of);
}

void pods_tick_cleanups(struct core *core) {
    struct map_entry *item;

    for (size_t at = 0; (item = map_next(&core->cleanups, &at)) != NULL;) {
        struct cleanup *cleanup = item->value;

        if (cleanup->in_flight) {
            continue;
        }
        if (cleanup->due_us > core->instant.mono_us) {
            lifecycle_wake_at(core, 0, cleanup->due_us);
            continue;
        }
        cleanup->in_flight = true;
        outbox_add_command(&core->outbox,
                           &(struct command){
                               .kind = cleanup->attempt != 0 ? COMMAND_TAKE_BACK : COMMAND_DELETE,
                               .job_id = cleanup->job_id,
                               .attempt = cleanup->attempt,
                               .namespace = outbox_text(&core->outbox, cleanup->namespace),
                               .pod_name = outbox_text(&core->outbox, cleanup->name),
                               .pod_uid = outbox_text(&core->outbox, cleanup->uid),
                           });
    }
}

static void cleanup_done(struct core *core, struct cleanup *cleanup) {
    (void)map_remove(&core->cleanups, cleanup->key);
    pod_names_touch(core, cleanup->key);
    free(cleanup->namespace);
    free(cleanup->name);
    free(cleanup->uid);
    free(cleanup->key);
    free(cleanup);
}

/* --- Pods ------------------------------------------------------------------------------------ */

static void link_main_pod(struct core *core, struct pod_note *note) {
    struct entry *entry = note->is_main ? view_entry(core, note->job_id) : NULL;

    if (entry != NULL) {
        struct course *course = entry_edit(entry);

        note->next_of_job = course->main_pods;
        course->main_pods = note;
    }
}

static void unlink_main_pod(struct core *core, struct pod_note *note) {
    struct entry *entry = note->is_main ? view_entry(core, note->job_id) : NULL;

    for (struct pod_note **at = entry != NULL ? &entry_edit(entry)->main_pods : NULL;
         at != NULL && *at != NULL; at = &(*at)->next_of_job) {
        if (*at == note) {
            *at = note->next_of_job;
            break;
        }
    }
}

/* Executors of the current attempt are counted while they run. */
static void count_executor(struct core *core, struct pod_note *note, bool works) {
    struct entry *entry = note->is_main ? NULL : view_entry(core, note->job_id);
    struct run *run = entry != NULL ? entry->run : NULL;
    bool worked = note->works;

    note->works = works;
    if (worked == works || run == NULL || run->attempt.number != note->attempt) {
        return;
    }
    if (works) {
        run->executors++;
        run->had_executors = true;
    } else if (--run->executors == 0) {
        run->alone_mono_us = core->instant.mono_us;
    }
}

static void note_destroy(struct core *core, struct pod_note *note) {
    unlink_main_pod(core, note);
    pod_names_touch(core, note->key);
    count_executor(core, note, false);
    core->counts.pods--;
    ledger_remove_pod(core->ledger, note->uid);
    free(note->key);
    free(note->uid);
    free(note);
}

/* True if it has ended, and had not before. */
static bool keep_pod(struct core *core, const struct pod_event *pod, bool finished) {
    char *key = pod_key(pod->namespace, pod->name);
    struct pod_note *note = map_get(&core->pods, key);
    bool has_ended;

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
        pod_names_touch(core, key);
    }
    has_ended = finished && !note->finished;
    if (has_ended) {
        pod_names_touch(core, key);
    }
    note->finished = finished;
    count_executor(core, note, pod->standing == POD_STANDS_RUNNING);
    ledger_put_pod(core->ledger,
                   &(struct ledger_pod){.uid = pod->uid,
                                        .namespace = pod->namespace,
                                        .node = pod->node[0] != '\0' ? pod->node : NULL,
                                        .finished = finished,
                                        .version = pod->version,
                                        .overdue_us = pod->overdue_us,
                                        .job_id = pod->job_id,
                                        .role = pod->role,
                                        .demand = pod->demand});
    free(key);
    return has_ended;
}

static void note_standing(struct core *core, struct entry *entry, const struct pod_event *pod) {
    struct run *run = entry->run;

    run->seen = true;
    run->gone = false; /* Made anew, if it was. */
    run->gone_mono_us = 0;
    run->standing = pod->standing;
    run->standing_failure = pod->failure;
    run->standing_exit_code = pod->exit_code;
    run->standing_started_us = pod->started_us;
    run->standing_finished_us = pod->finished_us;
    free(run->standing_message);
    run->standing_message = mem_copy_text(pod->message);
    free(run->standing_cause);
    run->standing_cause = mem_copy_text(pod->cause != NULL ? pod->cause : "");
    free(run->signs);
    run->signs = pod->signs != NULL ? mem_copy(pod->signs, sizeof *pod->signs) : NULL;
    if (pod->standing != POD_STANDS_STUCK || run->stuck_failure != pod->failure) {
        run->stuck_mono_us = 0;
    }
    if (pod->standing == POD_STANDS_STUCK && run->stuck_mono_us == 0) {
        run->stuck_mono_us = core->instant.mono_us;
        run->stuck_failure = pod->failure;
    }
    if (strcmp(run->attempt.node, pod->node) != 0 || strcmp(run->attempt.pod_uid, pod->uid) != 0) {
        run_set_text(&run->attempt.node, pod->node);
        run_set_text(&run->attempt.pod_uid, pod->uid);
        run_set_text(&run->attempt.pod_name, pod->name);
        view_run_changed(core, entry);
    }
}

/* The last pod of an attempt that is over has ended: nothing more can come of it. */
static void release_if_over(struct core *core, struct entry *entry) {
    if (!job_state_is_active((enum job_state)entry->state) && !lifecycle_has_live_pod(entry)) {
        ledger_release(core->ledger, entry->id);
    }
}

/* It may have been the last one that ran, or the first. */
static void executor_changed(struct core *core, struct entry *entry) {
    if (entry->state == JOB_RUNNING) {
        lifecycle_tick(core, entry);
    }
}

/* The pod that had its name went unseen, and another attempt's, or somebody else's, came. */
static void displace(struct core *core, const struct pod_event *pod) {
    char *key = pod_key(pod->namespace, pod->name);
    const struct pod_note *note = map_get(&core->pods, key);

    if (note != NULL && strcmp(note->uid, pod->uid) != 0 &&
        (note->job_id != pod->job_id || note->attempt != pod->attempt)) {
        pods_gone(core, pod->namespace, pod->name, 0);
    }
    free(key);
}

void pods_put(struct core *core, const struct pod_event *pod) {
    bool finished = pod->standing == POD_STANDS_SUCCEEDED || pod->standing == POD_STANDS_FAILED;
    struct entry *entry = pod->job_id != 0 ? view_entry(core, pod->job_id) : NULL;
    bool has_ended;

    displace(core, pod);
    has_ended = keep_pod(core, pod, finished);
    core->pass_needed = true;
    if (entry == NULL) {
        return;
    }
    if (!pod->is_main) {
        if (has_ended && pod->standing == POD_STANDS_FAILED &&
            attempt_is_current(entry, pod->attempt)) {
            entry->run->executor_ends[pod->failure]++;
        }
        executor_changed(core, entry);
        return;
    }
    if (attempt_is_current(entry, pod->attempt)) {
        note_standing(core, entry, pod);
        attempt_observe(core, entry);
        lifecycle_tick(core, entry);
        return;
    }
    if (!finished && !pod->terminating) {
        /* A creation that came through after all, when nobody waited for it any more. */
        pods_clean_up(core, pod->namespace, pod->name, pod->uid, pod->job_id);
    }
    release_if_over(core, entry);
    lifecycle_tick(core, entry);
}

void pods_gone(struct core *core, const char *namespace, const char *name, uint64_t version) {
    char *key = pod_key(namespace, name);
    struct pod_note *note = map_remove(&core->pods, key);
    struct entry *entry;
    uint32_t attempt;
    bool is_main;

    free(key);
    if (note == NULL) {
        return;
    }
    core->pass_needed = true;
    entry = view_entry(core, note->job_id);
    is_main = note->is_main;
    attempt = note->attempt;
    if (version != 0) {
        ledger_remove_pod_at(core->ledger, note->uid, version);
    }
    note_destroy(core, note);
    if (entry == NULL || !is_main) {
        if (entry != NULL) {
            executor_changed(core, entry);
        }
        return;
    }
    if (attempt_is_current(entry, attempt)) {
        entry->run->gone = true;
        attempt_observe(core, entry);
    }
    release_if_over(core, entry);
    lifecycle_tick(core, entry);
}

/* --- Deleting -------------------------------------------------------------------------------- */

static void deleted_of_job(struct core *core, struct entry *entry, const char *pod_name) {
    bool is_current_pod = entry->run != NULL && strcmp(entry->run->attempt.pod_name, pod_name) == 0;

    if (job_state_is_active(entry->state) && entry_course(entry)->cancel_requested &&
        is_current_pod && !entry->run->start_in_flight) {
        attempt_finish(core, entry, FAILURE_CANCELLED, -1, "its pod was deleted");
    } else if (entry_course(entry)->deletes_pending > 0 &&
               --entry_edit(entry)->deletes_pending == 0) {
        entry_edit(entry)->pods_deleted = true;
        view_changed(core, entry);
    }
}

void pods_deleted(struct core *core, const struct deleted_event *deleted) {
    char *key = pod_key(deleted->namespace, deleted->name);
    struct cleanup *cleanup = map_get(&core->cleanups, key);
    struct entry *entry;
    bool of_pod;

    free(key);
    if (cleanup == NULL) {
        return;
    }
    of_pod = cleanup->attempt == 0;
    if (!deleted->gone) {
        cleanup->in_flight = false;
        cleanup->due_us =
            core->instant.mono_us + lifecycle_backoff_us(core, ++cleanup->failures, 0);
        lifecycle_wake_at(core, 0, cleanup->due_us);
        return;
    }
    entry = view_entry(core, cleanup->job_id);
    cleanup_done(core, cleanup);
    if (entry != NULL && of_pod) {
        deleted_of_job(core, entry, deleted->name);
        lifecycle_tick(core, entry);
    }
}
