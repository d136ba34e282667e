#include "scheduler/entry.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "base/memory.h"
#include "scheduler/conditions.h"
#include "scheduler/view.h"

/* --- The course ------------------------------------------------------------------------------ */

const struct course *entry_course(const struct entry *entry) {
    static const struct course as_submitted = {.exit_code = -1};

    return entry->course != NULL ? entry->course : &as_submitted;
}

struct course *entry_edit(struct entry *entry) {
    if (entry->course == NULL) {
        entry->course = mem_alloc(1, sizeof *entry->course);
        entry->course->exit_code = -1;
        entry->course->eligible_us = entry->submitted_us;
    }
    return entry->course;
}

/* Jobs that were let go together share the instant until they start. */
int64_t entry_eligible_us(const struct entry *entry) {
    int64_t own_us = entry->course != NULL ? entry->course->eligible_us : entry->submitted_us;
    int64_t met_us = entry->terms->after[0] != '\0' ? conditions_met_us(entry) : 0;

    return met_us > own_us ? met_us : own_us;
}

/* --- Terms ----------------------------------------------------------------------------------- */

/* The job without what is its own. */
static struct job shared_part(const struct job *job) {
    struct job shared;

    memcpy(&shared, job, sizeof shared); /* The bytes between the members too: they are compared. */
    shared.id = 0;
    shared.name = NULL;
    shared.state = (enum job_state)0;
    shared.attempt = shared.failures = shared.retries = shared.infra_retries = 0;
    shared.driver_growth = shared.executor_growth = 0;
    shared.failed_as[0] = shared.failed_as[1] = 0;
    shared.avoid = NULL;
    shared.event_count = 0;
    shared.submitted_us = shared.eligible_us = 0;
    memset(&shared.occurrence, 0, sizeof shared.occurrence);
    shared.admitted_us = shared.started_us = shared.finished_us = 0;
    shared.preempted_us = 0;
    shared.preemptions = 0;
    shared.close_us = 0;
    shared.alarms = 0;
    shared.at_close = WINDOW_CLOSE_FINISH;
    shared.failure = FAILURE_NONE;
    shared.exit_code = 0;
    shared.has_run = false;
    shared.is_retried = shared.cancel_requested = shared.pods_deleted = shared.preempt_requested =
        false;
    return shared;
}

/* The texts that jobs share: those of the terms are interned, equal ones are one. */
static const size_t shared_texts[] = {
    offsetof(struct job, namespace),   offsetof(struct job, team),
    offsetof(struct job, submitter),   offsetof(struct job, priority_class),
    offsetof(struct job, window),      offsetof(struct job, schedule),
    offsetof(struct job, after),       offsetof(struct job, array),
    offsetof(struct job, retry.rules), offsetof(struct job, pod_name),
};

static const char *text_at(const struct job *job, size_t offset) {
    const char *text;

    memcpy(&text, (const char *)job + offset, sizeof text);
    return text != NULL ? text : "";
}

static void set_text(struct job *job, size_t offset, const char *text) {
    memcpy((char *)job + offset, &text, sizeof text);
}

/* Any number will do that is mostly another one for other terms. FNV-1a, eight bytes at a time. */
static uint64_t hash_of(const struct job *shared) {
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (size_t at = 0; at + sizeof hash <= sizeof *shared; at += sizeof hash) {
        uint64_t word;

        memcpy(&word, (const char *)shared + at, sizeof word);
        hash = (hash ^ word) * UINT64_C(0x100000001b3);
    }
    return hash;
}

/* Are these terms the ones of `shared`, whose texts are anybody's? */
static bool are_same(const struct terms *terms, const struct job *shared) {
    struct job like;

    memcpy(&like, shared, sizeof like);
    for (size_t i = 0; i < ARRAY_LEN(shared_texts); i++) {
        const char *text = text_at(&terms->job, shared_texts[i]);

        if (strcmp(text, text_at(shared, shared_texts[i])) != 0) {
            return false;
        }
        set_text(&like, shared_texts[i], text);
    }
    return memcmp(&like, &terms->job, sizeof like) == 0;
}

static struct terms *create_terms(struct core *core, uint64_t key, const struct job *shared) {
    struct terms *terms = mem_alloc(1, sizeof *terms);

    memcpy(&terms->job, shared, sizeof terms->job);
    for (size_t i = 0; i < ARRAY_LEN(shared_texts); i++) {
        (void)intern_take(&core->texts, text_at(shared, shared_texts[i]));
    }
    terms->key = key;
    (void)map_put_id(&core->terms, key, terms);
    return terms;
}

/* Terms with equal hashes that differ stand behind each other. */
static struct terms *find_terms(struct core *core, struct job *shared) {
    const char *texts[ARRAY_LEN(shared_texts)];
    struct terms *terms = NULL;
    uint64_t key;

    for (size_t i = 0; i < ARRAY_LEN(shared_texts); i++) {
        texts[i] = intern_take(&core->texts, text_at(shared, shared_texts[i]));
        set_text(shared, shared_texts[i], texts[i]);
    }
    for (key = hash_of(shared); (terms = map_get_id(&core->terms, key)) != NULL; key++) {
        if (memcmp(&terms->job, shared, sizeof *shared) == 0) {
            break;
        }
    }
    if (terms == NULL) {
        terms = create_terms(core, key, shared);
    }
    for (size_t i = 0; i < ARRAY_LEN(shared_texts); i++) {
        intern_drop(&core->texts, texts[i]);
    }
    return terms;
}

const struct job *entry_take_terms(struct core *core, const struct job *job) {
    struct job shared = shared_part(job);
    struct terms *terms = core->recent_terms;

    if (terms == NULL || !are_same(terms, &shared)) {
        terms = find_terms(core, &shared);
    }
    core->recent_terms = terms;
    terms->users++;
    return &terms->job;
}

struct terms *entry_terms(const struct entry *entry) {
    return (struct terms *)(uintptr_t)entry->terms; /* Its first member. */
}

void entry_drop_terms(struct core *core, const struct job *job) {
    struct terms *terms = (struct terms *)(uintptr_t)job; /* Its first member. */

    terms->users--;
    if (terms->users > 0) {
        return;
    }
    if (core->recent_terms == terms) {
        core->recent_terms = NULL;
    }
    (void)map_remove_id(&core->terms, terms->key);
    for (size_t i = 0; i < ARRAY_LEN(shared_texts); i++) {
        intern_drop(&core->texts, text_at(&terms->job, shared_texts[i]));
    }
    free(terms);
}

/* --- As a value ------------------------------------------------------------------------------ */

void view_job(const struct entry *entry, struct job *out_job) {
    const struct course *course = entry_course(entry);

    *out_job = *entry->terms;
    out_job->id = entry->id;
    out_job->name = entry->name;
    out_job->state = (enum job_state)entry->state;
    out_job->submitted_us = entry->submitted_us;
    out_job->event_count = entry->event_count;
    out_job->eligible_us = entry_eligible_us(entry);
    out_job->attempt = course->attempt;
    out_job->failures = course->failures;
    out_job->retries = course->retries;
    out_job->infra_retries = course->infra_retries;
    memcpy(out_job->failed_as, course->failed_as, sizeof out_job->failed_as);
    out_job->driver_growth = course->driver_growth;
    out_job->executor_growth = course->executor_growth;
    out_job->avoid = course->avoid != NULL ? course->avoid : "";
    out_job->admitted_us = course->admitted_us;
    out_job->started_us = course->started_us;
    out_job->finished_us = course->finished_us;
    out_job->close_us = course->close_us;
    out_job->at_close = course->at_close;
    out_job->failure = course->failure;
    out_job->exit_code = course->exit_code;
    out_job->cancel_requested = course->cancel_requested;
    out_job->preempt_requested = course->preempt_requested;
    out_job->is_retried = course->is_retried;
    out_job->pods_deleted = course->pods_deleted;
    out_job->has_run = course->has_run;
    out_job->preemptions = course->preemptions;
    out_job->preempted_us = course->preempted_us;
    out_job->occurrence = course->occurrence;
    out_job->alarms = course->alarms;
}

static bool has_text(const char *text) {
    return text != NULL && text[0] != '\0';
}

/* The course of a job that waits as it was submitted is none. */
void entry_load(struct entry *entry, const struct job *job) {
    const struct course course = {
        .attempt = job->attempt,
        .failures = job->failures,
        .retries = job->retries,
        .infra_retries = job->infra_retries,
        .failed_as = {job->failed_as[0], job->failed_as[1]},
        .driver_growth = job->driver_growth,
        .executor_growth = job->executor_growth,
        .eligible_us = job->eligible_us,
        .admitted_us = job->admitted_us,
        .started_us = job->started_us,
        .finished_us = job->finished_us,
        .close_us = job->close_us,
        .at_close = job->at_close,
        .failure = job->failure,
        .exit_code = job->exit_code,
        .cancel_requested = job->cancel_requested,
        .preempt_requested = job->preempt_requested,
        .has_run = job->has_run,
        .is_retried = job->is_retried,
        .pods_deleted = job->pods_deleted,
        .preemptions = job->preemptions,
        .preempted_us = job->preempted_us,
        .occurrence = job->occurrence,
        .alarms = job->alarms,
    };
    bool as_submitted =
        course.attempt == 0 && course.failures == 0 && course.retries == 0 &&
        course.infra_retries == 0 && course.driver_growth == 0 && course.executor_growth == 0 &&
        course.eligible_us == job->submitted_us && course.admitted_us == 0 &&
        course.started_us == 0 && course.finished_us == 0 && course.close_us == 0 &&
        course.failure == FAILURE_NONE && course.exit_code == -1 && !course.cancel_requested &&
        !course.pods_deleted && course.occurrence.time_us == 0 && course.alarms == 0;

    entry->state = (uint8_t)job->state;
    entry->submitted_us = job->submitted_us;
    entry->event_count = job->event_count;
    if (!as_submitted) {
        *entry_edit(entry) = course;
        entry->course->avoid = has_text(job->avoid) ? mem_copy_text(job->avoid) : NULL;
    }
}
