/* Every invariant of the view. */
#include <inttypes.h>
#include <string.h>
#include <sys/types.h>

#include "scheduler/conditions.h"
#include "scheduler/pod_names.h"
#include "scheduler/view.h"

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
            [PARKED_NOT] = REASON_RETRY_WAIT,    [PARKED_AFTER] = REASON_DEPENDENCY,
            [PARKED_ARRAY] = REASON_ARRAY_LIMIT, [PARKED_BREAKER] = REASON_BREAKER,
            [PARKED_NAME] = REASON_POD_NAME,
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
    if (r == OK) {
        r = pod_names_verify(core, error);
    }
    ledger_verify(core->ledger);
    share_verify(core->share, core->instant.now_us);
    return r;
}
