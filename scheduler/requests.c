#include "scheduler/lifecycle.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/memory.h"
#include "scheduler/arrays.h"
#include "scheduler/blamed.h"
#include "scheduler/breakers.h"
#include "scheduler/growing.h"
#include "scheduler/learnt.h"
#include "scheduler/retrying.h"

static void reply(struct core *core, uint64_t token, int code, const char *text) {
    if (token != 0) {
        outbox_add_reply(&core->outbox,
                         &(struct reply){.token = token, .code = code, .count = 1, .text = text});
    }
}

/* Those included that are promised. */
static size_t waiting_count(const struct core *core) {
    return core->counts.jobs[JOB_QUEUED] + core->counts.jobs[JOB_HELD] +
           core->counts.jobs[JOB_RETRY_WAIT] + core->growths.unmade;
}

/* The jobs that one of a submission stands for. */
static uint64_t count_of(const struct new_job *new_job) {
    return new_job->element_count > 0 ? new_job->element_count : 1;
}

static uint64_t submit_count(const struct submit_event *submit) {
    uint64_t count = 0;

    for (size_t i = 0; i < submit->count; i++) {
        count += count_of(&submit->jobs[i]);
    }
    return count;
}

/* Do they wait for the same but for who it is, and stand beside each other? */
static bool goes_on(const struct after_item *before, const struct after_item *item) {
    return !before->is_array && !item->is_array && before->count > 0 && item->count > 0 &&
           before->on == item->on && before->otherwise == item->otherwise &&
           before->first_id + before->count == item->first_id;
}

void requests_print_after(const struct new_job *new_job, uint64_t first_id, struct buf *out) {
    struct after_item run = {.count = 0};

    for (size_t i = 0; i < new_job->after_count; i++) {
        struct after_item item = new_job->after[i].item;

        item.first_id += new_job->after[i].is_here ? first_id : 0;
        if (item.count == 0 && new_job->occurrence.time_us != 0) {
            item.business_date = new_job->occurrence.business_date;
        }
        if (i > 0 && goes_on(&run, &item)) {
            run.count++;
            continue;
        }
        if (i > 0) {
            after_print(&run, out);
        }
        run = item;
    }
    if (new_job->after_count > 0) {
        after_print(&run, out);
    }
}

size_t requests_room(const struct core *core) {
    size_t waiting = waiting_count(core);

    return waiting < core->settings.jobs_waiting_max ? core->settings.jobs_waiting_max - waiting
                                                     : 0;
}

/* What its record will be. */
static struct job job_of(const struct core *core, const struct new_job *new_job,
                         const char *submitter, const char *after) {
    return (struct job){
        .id = core->next_id,
        .name = new_job->name,
        .namespace = new_job->namespace,
        .team = new_job->team,
        .submitter = submitter,
        .priority_class = new_job->priority_class != NULL ? new_job->priority_class : "",
        .window = new_job->window,
        .schedule = new_job->schedule,
        .occurrence = new_job->occurrence,
        .after = after,
        .array = new_job->array,
        .pod_name = new_job->pod_name,
        .array_id = new_job->array != NULL ? core->next_id - new_job->array_place : 0,
        .kind = new_job->kind,
        .for_operator = new_job->for_operator,
        .state = new_job->hold ? JOB_HELD : JOB_QUEUED,
        .priority = new_job->priority,
        .ttl_s = new_job->ttl_s,
        .retry = new_job->retry,
        .submitted_us = core->instant.now_us,
        .eligible_us = core->instant.now_us,
        .expected_runtime_us = new_job->expected_runtime_us,
        .max_runtime_us = new_job->max_runtime_us,
        .warn_runtime_us = new_job->warn_runtime_us,
        .start_by_us = new_job->start_by_us,
        .start_miss = new_job->start_miss,
        .finish_by_us = new_job->finish_by_us,
        .preemptible = new_job->preemptible,
        .exit_code = -1,
        .submitted_held = new_job->hold,
    };
}

struct entry *requests_make(struct core *core, const struct job *job, struct demand *demand,
                            const struct spec *spec) {
    struct entry *entry = view_add(core, job, demand);

    view_note_new(core, entry, spec);
    retrying_recall(core, entry);
    if (job->state == JOB_QUEUED) {
        arrays_offer(core, entry);
    }
    lifecycle_note_first(core, entry, job);
    return entry;
}

struct entry *requests_add(struct core *core, const struct new_job *new_job, const char *submitter,
                           const char *after) {
    const struct job job = job_of(core, new_job, submitter, after);

    if (new_job->element_count > 0) {
        return growing_begin(core, &job, new_job);
    }
    core->next_id++;
    return requests_make(core, &job, new_job->demand, &new_job->spec);
}

/* All are counted in while we ask, for each makes room less for the next. */
bool requests_may_wait(struct core *core, const struct new_job *jobs, size_t count,
                       const char *submitter, char text[REASON_TEXT_BYTES]) {
    struct share_charge *charges;
    struct share_answer answer = {.limit = SHARE_WITHIN};
    char user[LIMIT_NAME_BYTES + 1];
    size_t counted = 0;

    if (!share_limits_waiting(core->share)) {
        return true;
    }
    charges = mem_alloc(count, sizeof *charges);
    job_user(submitter, user);
    while (counted < count && answer.limit == SHARE_WITHIN) {
        const struct new_job *job = &jobs[counted];
        struct share_charge *charge = &charges[counted];

        charge->node = share_hold(core->share, job->team, user);
        charge->namespace_index = ledger_namespace_index(core->ledger, job->namespace);
        share_name_namespace(core->share, charge->namespace_index, job->namespace);
        answer = share_check_waiting(core->share, charge, (int64_t)count_of(job));
        share_wait(core->share, charge, (int)count_of(job));
        counted++;
    }
    if (answer.limit != SHARE_WITHIN) {
        const struct reason reason =
            reason_limit(&answer, answer.of_namespace ? jobs[counted - 1].namespace
                                                      : share_node(core->share, answer.node).name);

        reason_print(&reason, &core->names, text);
    }
    while (counted > 0) {
        counted--;
        share_wait(core->share, &charges[counted], -(int)count_of(&jobs[counted]));
        share_drop(core->share, charges[counted].node);
    }
    free(charges);
    return answer.limit == SHARE_WITHIN;
}

/* Would a team or a namespace have too many waiting jobs? The first that says so is replied. */
static bool may_wait(struct core *core, const struct event *event) {
    const struct submit_event *submit = &event->submit;
    char text[REASON_TEXT_BYTES];

    if (requests_may_wait(core, submit->jobs, submit->count, submit->submitter, text)) {
        return true;
    }
    reply(core, event->token, ERR_FULL,
          outbox_format(&core->outbox, "%s, as many as may; submit later", text));
    return false;
}

static void submit_all(struct core *core, const struct submit_event *submit) {
    const uint64_t first_id = core->next_id;
    struct buf after;

    buf_init(&after, AFTER_TEXT_BYTES);
    for (size_t i = 0; i < submit->count; i++) {
        if (i == 0 || submit->jobs[i].after != submit->jobs[i - 1].after) {
            buf_clear(&after);
            requests_print_after(&submit->jobs[i], first_id, &after);
        }
        (void)requests_add(core, &submit->jobs[i], submit->submitter, buf_text(&after));
    }
    buf_finish(&after);
}

/* Does what a job waits for fit its record? Ids make it longer, the larger they are. */
static bool may_wait_for(struct core *core, const struct event *event) {
    const struct submit_event *submit = &event->submit;
    bool fits = true;
    struct buf after;

    buf_init(&after, AFTER_TEXT_BYTES);
    for (size_t i = 0; fits && i < submit->count; i++) {
        if (submit->jobs[i].after_count > 0 &&
            (i == 0 || submit->jobs[i].after != submit->jobs[i - 1].after)) {
            buf_clear(&after);
            requests_print_after(&submit->jobs[i], core->next_id, &after);
            fits = !after.full;
            if (!fits) {
                reply(core, event->token, ERR_FULL,
                      outbox_format(&core->outbox,
                                    "job %s waits for more than a job's record holds (%d bytes); "
                                    "let it wait for an array, or for a job that waits for them",
                                    submit->jobs[i].name, AFTER_TEXT_BYTES));
            }
        }
    }
    buf_finish(&after);
    return fits;
}

void requests_submit(struct core *core, struct event *event) {
    const struct submit_event *submit = &event->submit;
    const uint64_t first_id = core->next_id;
    const uint64_t count = submit_count(submit);
    const char *puts = NULL;

    if (core->schedules.by_key.count + submit->schedule_count > LIMIT_SCHEDULES) {
        reply(core, event->token, ERR_FULL,
              outbox_format(&core->outbox, "more than %d schedules", LIMIT_SCHEDULES));
        return;
    }
    if (waiting_count(core) + count > core->settings.jobs_waiting_max) {
        reply(core, event->token, ERR_FULL,
              outbox_format(&core->outbox,
                            "the queue holds %zu waiting jobs and may hold %zu, and these are "
                            "%" PRIu64 "; submit later, or raise limits.waitingJobs",
                            waiting_count(core), core->settings.jobs_waiting_max, count));
        return;
    }
    if (!may_wait(core, event)) {
        return;
    }
    if (!may_wait_for(core, event)) {
        return;
    }
    submit_all(core, submit);
    if (submit->schedule_count > 0) {
        puts = schedules_put(core, submit);
    }
    if (submit->key != NULL && submit->count > 0) {
        struct queue_change change = {
            .kind = CHANGE_SUBMISSION_PUT,
            .submission = {.key = submit->key,
                           .first_id = first_id,
                           .count = (uint32_t)count,
                           .at_us = core->instant.now_us},
        };

        memcpy(change.submission.request_hash, submit->request_hash, SPEC_HASH_BYTES);
        outbox_add_change(&core->outbox, &change);
    }
    outbox_add_reply(
        &core->outbox,
        &(struct reply){
            .token = event->token, .first_id = first_id, .count = count, .puts = puts, .text = ""});
}

void requests_cancel(struct core *core, const struct event *event) {
    struct entry *entry = view_entry(core, event->job_id);

    if (entry == NULL) {
        reply(core, event->token, ERR_NOT_FOUND, "there is no such job");
        return;
    }
    if (job_state_is_final(entry->state)) {
        reply(core, event->token, ERR_STALE,
              outbox_format(&core->outbox, "the job is %s already", job_state_text(entry->state)));
        return;
    }
    if (!job_state_is_active(entry->state)) {
        entry_edit(entry)->cancel_requested = true;
        lifecycle_move(core, entry, JOB_CANCELLED, "cancelled", "while it waited");
    } else if (!entry_course(entry)->cancel_requested) {
        entry_edit(entry)->cancel_requested = true;
        lifecycle_note(core, entry, "cancel", "asked for; its pod is being deleted");
    }
    lifecycle_tick(core, entry);
    reply(core, event->token, OK, "");
}

/* It is over no more. */
static void forget_end(struct core *core, struct entry *entry) {
    struct course *course = entry_edit(entry);

    view_forget_finished(core, entry);
    course->is_retried = true;
    course->cancel_requested = course->pods_deleted = false;
    course->deletes_pending = 0;
    course->finished_us = 0;
    course->eligible_us = core->instant.now_us;
    if (entry->run != NULL) {
        entry->run->eligible_mono_us = core->instant.mono_us;
    }
}

static void revive(struct core *core, struct entry *entry, struct demand *demand) {
    forget_end(core, entry);
    retrying_renew(entry);
    view_join(core, entry, demand);
    lifecycle_move(core, entry, JOB_QUEUED, "retried", "by hand; its budgets are new");
    lifecycle_tick(core, entry);
}

/* The text, or NULL if it may be tried again. */
static const char *refuse_retry(struct core *core, const struct entry *entry,
                                const struct retry_event *retry) {
    if (!job_state_is_final(entry->state) || !job_may_move(entry->state, JOB_QUEUED)) {
        return outbox_format(&core->outbox, "a job that is %s can't be tried again",
                             job_state_text(entry->state));
    }
    if (retry->demand == NULL) {
        return "its stored specification can't be read any more";
    }
    if (waiting_count(core) >= core->settings.jobs_waiting_max) {
        return "the queue holds as many waiting jobs as it may (limits.waitingJobs)";
    }
    return NULL;
}

void requests_retry(struct core *core, const struct event *event) {
    struct entry *entry = view_entry(core, event->retry.job_id);
    const char *refusal;

    if (entry == NULL) {
        reply(core, event->token, ERR_NOT_FOUND, "there is no such job");
        return;
    }
    if (entry->state == JOB_RETRY_WAIT) {
        lifecycle_wait(core, entry, 0);
        lifecycle_note(core, entry, "retried", "by hand; it does not wait for its back-off");
        lifecycle_tick(core, entry);
        reply(core, event->token, OK, "");
        return;
    }
    refusal = refuse_retry(core, entry, &event->retry);
    if (refusal != NULL) {
        reply(core, event->token, ERR_STALE, refusal);
        return;
    }
    revive(core, entry, event->retry.demand);
    reply(core, event->token, OK, "");
}

void requests_forget(struct core *core, const struct event *event) {
    const struct forget_event *forget = &event->forget;
    static bool (*const forgets[])(struct core *, const char *) = {
        [FORGET_MEMORY] = learnt_forget,
        [FORGET_BREAKER] = breakers_reset,
        [FORGET_NODE] = blamed_forget,
    };
    bool known = forgets[forget->what](core, forget->key);

    reply(core, event->token, known ? OK : ERR_NOT_FOUND, known ? "" : "there is nothing so named");
}

void requests_hold(struct core *core, const struct event *event) {
    struct entry *entry = view_entry(core, event->job_id);

    if (entry == NULL) {
        reply(core, event->token, ERR_NOT_FOUND, "there is no such job");
    } else if (entry->state == JOB_HELD) {
        reply(core, event->token, OK, "");
    } else if (!job_may_move(entry->state, JOB_HELD)) {
        reply(core, event->token, ERR_STALE,
              outbox_format(&core->outbox, "a job that is %s can't be held",
                            job_state_text(entry->state)));
    } else {
        lifecycle_move(core, entry, JOB_HELD, "held", "by hand");
        reply(core, event->token, OK, "");
    }
}

void requests_release(struct core *core, const struct event *event) {
    struct entry *entry = view_entry(core, event->job_id);

    if (entry == NULL) {
        reply(core, event->token, ERR_NOT_FOUND, "there is no such job");
    } else if (entry->state != JOB_HELD) {
        reply(
            core, event->token, ERR_STALE,
            outbox_format(&core->outbox, "the job is %s, not held", job_state_text(entry->state)));
    } else {
        lifecycle_move(core, entry, JOB_QUEUED, "released", "by hand");
        lifecycle_tick(core, entry);
        reply(core, event->token, OK, "");
    }
}
