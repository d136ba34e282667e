#include "scheduler/view.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "base/memory.h"
#include "policy/limit_range.h"

static void append_id(uint64_t **ids, size_t *end, size_t *room, uint64_t id) {
    if (*end == *room) {
        *room = *room > 0 ? *room * 2 : 16;
        *ids = mem_grow(*ids, *room, sizeof **ids);
    }
    (*ids)[(*end)++] = id;
}

/* --- Runs ------------------------------------------------------------------------------------ */

void run_set_text(const char **slot, const char *text) {
    char *copy = mem_copy_text(text == NULL ? "" : text);

    free((void *)(uintptr_t)*slot);
    *slot = copy;
}

static void run_destroy(struct run *run) {
    if (run == NULL) {
        return;
    }
    free((void *)(uintptr_t)run->attempt.pod_name);
    free((void *)(uintptr_t)run->attempt.pod_uid);
    free((void *)(uintptr_t)run->attempt.node);
    free((void *)(uintptr_t)run->attempt.message);
    free(run->standing_message);
    free(run);
}

/* --- Shapes ---------------------------------------------------------------------------------- */

static void shape_destroy(struct shape *shape) {
    demand_destroy(shape->demand);
    demand_destroy(shape->applied);
    free(shape->waiting);
    free(shape->key);
    free(shape);
}

static struct shape *shape_create(struct core *core, char *key, const struct job *job,
                                  struct demand *demand) {
    struct shape *shape = mem_alloc(1, sizeof *shape);

    shape->key = key;
    shape->namespace = intern_take(&core->texts, job->namespace);
    shape->namespace_index = ledger_namespace_index(core->ledger, job->namespace);
    shape->priority = job->priority;
    shape->demand = demand_share(demand);
    shape->applied = view_apply_limits(core, shape->namespace, demand);
    (void)map_put(&core->shapes, key, shape);
    return shape;
}

/* The shape of equal jobs. Demands with equal hashes that differ get keys of their own. */
static struct shape *shape_of(struct core *core, const struct job *job, struct demand *demand) {
    for (unsigned twin = 0;; twin++) {
        char *key = mem_format("%s %" PRId32 " %016" PRIx64 " %u", job->namespace, job->priority,
                               demand_hash(demand), twin);
        struct shape *shape = map_get(&core->shapes, key);

        if (shape == NULL) {
            return shape_create(core, key, job, demand);
        }
        free(key);
        if (demand_equal(shape->demand, demand)) {
            return shape;
        }
    }
}

void view_release_shape(struct core *core, struct entry *entry) {
    struct shape *shape = entry->shape;

    if (shape == NULL) {
        return;
    }
    view_unlist(core, entry);
    entry->shape = NULL;
    shape->jobs--;
    if (shape->jobs == 0) {
        (void)map_remove(&core->shapes, shape->key);
        intern_drop(&core->texts, shape->namespace);
        shape_destroy(shape);
    }
}

/* Where id is, or belongs, in the list. */
static size_t waiting_place(const struct shape *shape, uint64_t id) {
    size_t low = shape->first;
    size_t high = shape->waiting_end;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (shape->waiting[middle] < id) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

size_t view_waiting_before(const struct shape *shape, uint64_t id) {
    return waiting_place(shape, id) - shape->first;
}

/* Behind a job of its own shape that waits, by the last pass: another pass would say no more. */
static bool is_behind_blocked(const struct shape *shape, uint64_t id) {
    return shape->blocked_id != 0 && shape->first < shape->waiting_end &&
           shape->waiting[shape->first] == shape->blocked_id && shape->blocked_id < id;
}

void view_list(struct core *core, struct entry *entry) {
    struct shape *shape = entry->shape;
    size_t at;

    if (entry->is_listed || shape == NULL) {
        return;
    }
    entry->is_listed = true;
    if (!is_behind_blocked(shape, entry->job.id)) {
        core->pass_needed = true;
    }
    if (shape->first > 0 && shape->waiting_end == shape->waiting_room) {
        memmove(shape->waiting, shape->waiting + shape->first,
                (shape->waiting_end - shape->first) * sizeof *shape->waiting);
        shape->waiting_end -= shape->first;
        shape->first = 0;
    }
    at = waiting_place(shape, entry->job.id);
    append_id(&shape->waiting, &shape->waiting_end, &shape->waiting_room, entry->job.id);
    memmove(shape->waiting + at + 1, shape->waiting + at,
            (shape->waiting_end - 1 - at) * sizeof *shape->waiting);
    shape->waiting[at] = entry->job.id;
}

void view_unlist(struct core *core, struct entry *entry) {
    struct shape *shape = entry->shape;
    size_t at;

    if (!entry->is_listed) {
        return;
    }
    entry->is_listed = false;
    core->pass_needed = true;
    at = waiting_place(shape, entry->job.id);
    ENSURE(at < shape->waiting_end && shape->waiting[at] == entry->job.id);
    if (at == shape->first) {
        shape->first++;
    } else {
        memmove(shape->waiting + at, shape->waiting + at + 1,
                (shape->waiting_end - 1 - at) * sizeof *shape->waiting);
        shape->waiting_end--;
    }
    if (shape->first == shape->waiting_end) {
        shape->first = shape->waiting_end = 0;
        shape->blocked_id = 0;
    }
}

/* --- Entries --------------------------------------------------------------------------------- */

struct entry *view_entry(const struct core *core, uint64_t id) {
    return map_get_id(&core->entries, id);
}

struct entry *view_add(struct core *core, const struct job *job, struct demand *demand) {
    struct entry *entry = mem_alloc(1, sizeof *entry);

    entry->job = *job;
    entry->job.name = intern_take(&core->texts, job->name);
    entry->job.namespace = intern_take(&core->texts, job->namespace);
    entry->job.team = intern_take(&core->texts, job->team);
    entry->job.submitter = intern_take(&core->texts, job->submitter);
    if (demand != NULL && !job_state_is_final(job->state)) {
        entry->shape = shape_of(core, job, demand);
        entry->shape->jobs++;
    }
    core->counts.jobs[job->state]++;
    (void)map_put_id(&core->entries, job->id, entry);
    return entry;
}

static void entry_destroy(struct core *core, struct entry *entry) {
    view_release_shape(core, entry);
    intern_drop(&core->texts, entry->job.name);
    intern_drop(&core->texts, entry->job.namespace);
    intern_drop(&core->texts, entry->job.team);
    intern_drop(&core->texts, entry->job.submitter);
    run_destroy(entry->run);
    free(entry);
}

void view_drop(struct core *core, struct entry *entry) {
    core->counts.jobs[entry->job.state]--;
    (void)map_remove_id(&core->entries, entry->job.id);
    entry_destroy(core, entry);
}

void view_changed(struct core *core, struct entry *entry) {
    if (!entry->changed) {
        entry->changed = true;
        append_id(&core->changed, &core->changed_count, &core->changed_room, entry->job.id);
    }
}

void view_run_changed(struct core *core, struct entry *entry) {
    entry->run->changed = true;
    view_changed(core, entry);
}

void view_note_finished(struct core *core, uint64_t id) {
    if (core->finished_end == core->finished_room) {
        size_t count = core->finished_end - core->finished_first;

        if (core->finished_first > count) {
            memmove(core->finished, core->finished + core->finished_first,
                    count * sizeof *core->finished);
        } else {
            core->finished_room = core->finished_room > 0 ? core->finished_room * 2 : 64;
            core->finished = mem_grow(core->finished, core->finished_room, sizeof *core->finished);
            memmove(core->finished, core->finished + core->finished_first,
                    count * sizeof *core->finished);
        }
        core->finished_first = 0;
        core->finished_end = count;
    }
    core->finished[core->finished_end++] = id;
}

/* --- LimitRanges ----------------------------------------------------------------------------- */

static const struct namespace_limits no_limits;

static const struct namespace_limits *limits_of(const struct core *core, const char *namespace) {
    const struct namespace_limits *limits = map_get(&core->limits, namespace);

    return limits != NULL ? limits : &no_limits;
}

struct demand *view_apply_limits(struct core *core, const char *namespace, struct demand *demand) {
    const struct namespace_limits *limits = limits_of(core, namespace);

    return limit_ranges_apply((const struct limit_range *const *)limits->ranges, limits->count,
                              demand);
}

int view_check_limits(struct core *core, const char *namespace, const struct demand *demand,
                      struct error *error) {
    const struct namespace_limits *limits = limits_of(core, namespace);

    if (limits->count == 0) {
        return OK; /* Without a look at the demand: a pass asks for every shape. */
    }
    return limit_ranges_check((const struct limit_range *const *)limits->ranges, limits->count,
                              demand, &core->names, error);
}

void view_reserve(struct core *core, struct entry *entry) {
    ledger_reserve(core->ledger, entry->job.id, entry->job.namespace, entry->shape->applied);
    if (entry->job.state == JOB_STARTING || entry->job.state == JOB_RUNNING) {
        ledger_objects_visible(core->ledger, entry->job.id);
    }
}

/* What was submitted stays; what admission will make of it changes. Gangs that run already keep
 * the charge they were admitted with, unless we are still learning what was there at start. */
static void apply_again(struct core *core, const char *namespace) {
    struct map_entry *item;

    for (size_t at = 0; (item = map_next(&core->shapes, &at)) != NULL;) {
        struct shape *shape = item->value;

        if (strcmp(shape->namespace, namespace) == 0) {
            demand_destroy(shape->applied);
            shape->applied = view_apply_limits(core, namespace, shape->demand);
        }
    }
    for (size_t at = 0; !core->adopted && (item = map_next(&core->entries, &at)) != NULL;) {
        struct entry *entry = item->value;

        if (job_state_is_active(entry->job.state) && entry->shape != NULL &&
            strcmp(entry->job.namespace, namespace) == 0) {
            view_reserve(core, entry);
        }
    }
    core->pass_needed = true;
}

static void range_destroy(struct limit_range *range) {
    limit_range_finish(range);
    free(range);
}

/* Take the range of that name out of the list, and destroy it. */
static void remove_range(struct namespace_limits *limits, const char *name) {
    for (size_t i = 0; i < limits->count; i++) {
        if (strcmp(limits->ranges[i]->name, name) == 0) {
            range_destroy(limits->ranges[i]);
            memmove(&limits->ranges[i], &limits->ranges[i + 1],
                    (limits->count - i - 1) * sizeof *limits->ranges);
            limits->count--;
            return;
        }
    }
}

void view_put_limit_range(struct core *core, const struct limit_range *range) {
    struct namespace_limits *limits = map_get(&core->limits, range->namespace);
    struct limit_range *copy = mem_alloc(1, sizeof *copy);
    size_t at = 0;

    if (limits == NULL) {
        limits = mem_alloc(1, sizeof *limits);
        (void)map_put(&core->limits, range->namespace, limits);
    }
    limit_range_copy(range, copy);
    remove_range(limits, range->name);
    limits->ranges = mem_grow(limits->ranges, limits->count + 1, sizeof *limits->ranges);
    while (at < limits->count && strcmp(limits->ranges[at]->name, range->name) < 0) {
        at++;
    }
    memmove(&limits->ranges[at + 1], &limits->ranges[at],
            (limits->count - at) * sizeof *limits->ranges);
    limits->ranges[at] = copy;
    limits->count++;
    apply_again(core, range->namespace);
}

void view_remove_limit_range(struct core *core, const char *namespace, const char *name) {
    struct namespace_limits *limits = map_get(&core->limits, namespace);

    if (limits != NULL) {
        remove_range(limits, name);
        apply_again(core, namespace);
    }
}

/* --- The end --------------------------------------------------------------------------------- */

void view_finish(struct core *core) {
    struct map_entry *item;

    for (size_t at = 0; (item = map_next(&core->entries, &at)) != NULL;) {
        entry_destroy(core, item->value);
    }
    for (size_t at = 0; (item = map_next(&core->limits, &at)) != NULL;) {
        struct namespace_limits *limits = item->value;

        for (size_t i = 0; i < limits->count; i++) {
            range_destroy(limits->ranges[i]);
        }
        free(limits->ranges);
        free(limits);
    }
    for (size_t at = 0; (item = map_next(&core->pods, &at)) != NULL;) {
        struct pod_note *note = item->value;

        free(note->key);
        free(note->uid);
        free(note);
    }
    for (size_t at = 0; (item = map_next(&core->cleanups, &at)) != NULL;) {
        struct cleanup *cleanup = item->value;

        free(cleanup->namespace);
        free(cleanup->name);
        free(cleanup->uid);
        free(cleanup->key);
        free(cleanup);
    }
    map_finish(&core->entries);
    map_finish(&core->shapes);
    map_finish(&core->limits);
    map_finish(&core->pods);
    map_finish(&core->cleanups);
    free(core->candidates);
    free(core->candidate_plans);
    free(core->finished);
    free(core->changed);
}
