/* The jobs that schedules have made, by the schedules' names. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "base/memory.h"
#include "scheduler/lifecycle.h"

#define KEY_BYTES (2 * LIMIT_NAME_BYTES + 2)

static void key_of(const struct entry *entry, char out_key[KEY_BYTES]) {
    (void)snprintf(out_key, KEY_BYTES, "%s/%s", entry->terms->namespace, entry->terms->schedule);
}

static bool is_run(const struct entry *entry) {
    return entry->terms->schedule[0] != '\0';
}

static void append(uint64_t **ids, size_t *count, uint64_t id) {
    *ids = mem_grow(*ids, *count + 1, sizeof **ids);
    (*ids)[(*count)++] = id;
}

static bool take_out(uint64_t *ids, size_t *count, uint64_t id) {
    for (size_t i = 0; i < *count; i++) {
        if (ids[i] == id) {
            (*count)--;
            memmove(ids + i, ids + i + 1, (*count - i) * sizeof *ids);
            return true;
        }
    }
    return false;
}

static struct schedule_runs *runs_of(struct core *core, const struct entry *entry) {
    struct schedule_runs *runs;
    char key[KEY_BYTES];

    key_of(entry, key);
    runs = map_get(&core->schedules.runs, key);
    if (runs == NULL) {
        runs = mem_alloc(1, sizeof *runs);
        (void)map_put(&core->schedules.runs, key, runs);
    }
    return runs;
}

/* The oldest ones go. */
static void retire(struct core *core, uint64_t *ids, size_t *count, int64_t kept) {
    while (kept >= 0 && *count > (size_t)kept) {
        uint64_t id = ids[0];

        (void)take_out(ids, count, id);
        append(&core->schedules.retired, &core->schedules.retired_count, id);
    }
}

static void keep_to_history(struct core *core, const struct entry *entry,
                            struct schedule_runs *runs) {
    const struct schedule_entry *schedule;
    char key[KEY_BYTES];

    key_of(entry, key);
    schedule = map_get(&core->schedules.by_key, key);
    if (schedule != NULL) {
        const int64_t jobs = (int64_t)schedules_jobs_of(schedule);

        retire(core, runs->succeeded, &runs->succeeded_count, schedule->made.succeeded_max * jobs);
        retire(core, runs->failed, &runs->failed_count, schedule->made.failed_max * jobs);
    }
}

static void note_over(struct core *core, const struct entry *entry, struct schedule_runs *runs) {
    if (entry->state == JOB_SUCCEEDED) {
        append(&runs->succeeded, &runs->succeeded_count, entry->id);
    } else {
        append(&runs->failed, &runs->failed_count, entry->id);
    }
    keep_to_history(core, entry, runs);
}

void schedules_note_job(struct core *core, const struct entry *entry) {
    struct schedule_runs *runs;

    if (!is_run(entry)) {
        return;
    }
    runs = runs_of(core, entry);
    if (job_state_is_final((enum job_state)entry->state)) {
        note_over(core, entry, runs);
    } else {
        append(&runs->active, &runs->active_count, entry->id);
    }
}

/* What waits for the end of a run is looked at again. */
static void wake(struct core *core, const struct entry *entry) {
    struct schedule_entry *schedule;
    char key[KEY_BYTES];

    key_of(entry, key);
    schedule = map_get(&core->schedules.by_key, key);
    if (schedule != NULL && schedule->waits_for_end) {
        schedule->waits_for_end = false;
        schedule->due_us = core->instant.now_us;
        heap_push(&core->schedules.heap, &schedule->item);
    }
}

void schedules_note_final(struct core *core, const struct entry *entry) {
    struct schedule_runs *runs;

    if (!is_run(entry)) {
        return;
    }
    runs = runs_of(core, entry);
    (void)take_out(runs->active, &runs->active_count, entry->id);
    note_over(core, entry, runs);
    wake(core, entry);
}

static void runs_destroy(struct schedule_runs *runs) {
    free(runs->active);
    free(runs->succeeded);
    free(runs->failed);
    free(runs);
}

void schedules_note_gone(struct core *core, const struct entry *entry) {
    struct schedule_runs *runs;
    char key[KEY_BYTES];

    if (!is_run(entry)) {
        return;
    }
    key_of(entry, key);
    runs = map_get(&core->schedules.runs, key);
    ENSURE(runs != NULL);
    if (!take_out(runs->active, &runs->active_count, entry->id) &&
        !take_out(runs->succeeded, &runs->succeeded_count, entry->id)) {
        (void)take_out(runs->failed, &runs->failed_count, entry->id);
    }
    if (runs->active_count + runs->succeeded_count + runs->failed_count == 0) {
        runs_destroy(map_remove(&core->schedules.runs, key));
    }
}

/* Its pods go first, however long they were to stay. */
void schedules_forget(struct core *core) {
    struct schedules *schedules = &core->schedules;
    size_t kept = 0;

    for (size_t i = 0; i < schedules->retired_count; i++) {
        uint64_t id = schedules->retired[i];
        struct entry *entry = view_entry(core, id);

        if (entry != NULL && !lifecycle_drop_now(core, entry)) {
            schedules->retired[kept++] = id;
        }
    }
    schedules->retired_count = kept;
}

void schedules_finish_runs(struct core *core) {
    struct map_entry *item;

    for (size_t at = 0; (item = map_next(&core->schedules.runs, &at)) != NULL;) {
        runs_destroy(item->value);
    }
    map_finish(&core->schedules.runs);
    free(core->schedules.retired);
}

/* --- Verifying ------------------------------------------------------------------------------- */

static int verify_list(const struct core *core, const char *key, const uint64_t *ids, size_t count,
                       bool is_final, struct error *error) {
    for (size_t i = 0; i < count; i++) {
        const struct entry *entry = view_entry(core, ids[i]);
        char its_key[KEY_BYTES];

        if (entry == NULL) {
            return error_set(error, ERR_CORRUPT, "schedule %s: its run %" PRIu64 " is gone", key,
                             ids[i]);
        }
        key_of(entry, its_key);
        if (strcmp(key, its_key) != 0 ||
            job_state_is_final((enum job_state)entry->state) != is_final) {
            return error_set(error, ERR_CORRUPT, "schedule %s: run %" PRIu64 " is not as noted",
                             key, ids[i]);
        }
    }
    return OK;
}

int schedules_verify_runs(const struct core *core, struct error *error) {
    const struct map_entry *item;
    int r = OK;

    for (size_t at = 0; r == OK && (item = map_next(&core->schedules.runs, &at)) != NULL;) {
        const struct schedule_runs *runs = item->value;

        r = verify_list(core, item->text, runs->active, runs->active_count, false, error);
        r = r < 0 ? r
                  : verify_list(core, item->text, runs->succeeded, runs->succeeded_count, true,
                                error);
        r = r < 0 ? r
                  : verify_list(core, item->text, runs->failed, runs->failed_count, true, error);
    }
    return r;
}
