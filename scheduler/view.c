#include "scheduler/view.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "base/memory.h"
#include "policy/demand_change.h"
#include "policy/limit_range.h"
#include "scheduler/arrays.h"
#include "scheduler/charges.h"
#include "scheduler/conditions.h"
#include "scheduler/news.h"
#include "scheduler/runtimes.h"

/* --- Runs ------------------------------------------------------------------------------------ */

void run_set_text(const char **slot, const char *text) {
    char *copy = mem_copy_text(text == NULL ? "" : text);

    free((void *)(uintptr_t)*slot);
    *slot = copy;
}

void run_forget_pod(struct run *run) {
    run->seen = run->gone = false;
    run->gone_mono_us = 0;
    run->standing = POD_STANDS_WAITING;
    run->standing_failure = FAILURE_NONE;
    run->standing_started_us = run->standing_finished_us = 0;
    run->stuck_mono_us = 0;
    run->asked_of_end = run->news_in_flight = false;
    run->news_asked = 0;
    run->news_due_us = 0;
    news_forget(run);
    free(run->standing_message);
    free(run->standing_cause);
    free(run->signs);
    free(run->application);
    run->application = NULL;
    run->application_end = APPLICATION_GOES_ON;
    run->standing_message = run->standing_cause = NULL;
    run->signs = NULL;
}

static void run_destroy(struct run *run) {
    if (run == NULL) {
        return;
    }
    free((void *)(uintptr_t)run->attempt.pod_name);
    free((void *)(uintptr_t)run->attempt.pod_uid);
    free((void *)(uintptr_t)run->attempt.node);
    free((void *)(uintptr_t)run->attempt.message);
    free((void *)(uintptr_t)run->attempt.cause);
    free((void *)(uintptr_t)run->attempt.charge);
    run_forget_pod(run);
    free(run);
}

/* --- Entries --------------------------------------------------------------------------------- */

struct entry *view_entry(const struct core *core, uint64_t id) {
    return entries_get(&core->entries, id);
}

struct demand *view_base(const struct entry *entry) {
    struct demand *base = entry_course(entry)->base;

    return base != NULL ? base : entry->shape->demand;
}

/* The base is kept beside the shape if it is not the shape's. */
static void keep_base(struct entry *entry, struct demand *base, const struct demand *demand) {
    struct demand *old = entry_course(entry)->base;

    if (old != NULL || base != demand) {
        entry_edit(entry)->base = base != demand ? demand_share(base) : NULL;
        demand_destroy(old);
    }
}

/* With the memory that it has grown to. */
void view_join(struct core *core, struct entry *entry, struct demand *base) {
    const struct demand_change change = {.driver_permille = entry_course(entry)->driver_growth,
                                         .executor_permille = entry_course(entry)->executor_growth};
    struct demand *demand = demand_changed(base, &change);

    keep_base(entry, base, demand);
    shape_join(core, entry, demand);
    demand_destroy(demand);
}

void view_dress(struct core *core, struct entry *entry, struct demand *demand) {
    struct demand *base;
    const enum parked parked = (enum parked)entry->parked;
    bool was_listed = entry->is_listed;

    if (demand_equal(demand, entry->shape->demand)) {
        demand_destroy(demand);
        return;
    }
    base = demand_share(view_base(entry));
    view_park(core, entry, PARKED_NOT);
    view_count(core, entry, -1);
    view_release_shape(core, entry);
    keep_base(entry, base, demand);
    shape_join(core, entry, demand);
    view_count(core, entry, 1);
    view_park(core, entry, parked);
    if (was_listed) {
        view_list(core, entry);
    }
    demand_destroy(base);
    demand_destroy(demand);
    core->pass_needed = true;
}

static struct plan_input input_of(const struct core *core) {
    return (struct plan_input){.ledger = core->ledger,
                               .capacity_unknown = !core->counts.synced[CLUSTER_NODES]};
}

static struct plan_shape shape_of(const struct core *core, const char *namespace,
                                  const struct demand *applied) {
    return (struct plan_shape){
        .namespace_index = ledger_namespace_index(core->ledger, namespace),
        .demand = applied,
        .job_count = 1,
    };
}

bool view_is_never(const struct core *core, const char *namespace, const struct demand *applied,
                   struct reason *out_reason) {
    const struct plan_input input = input_of(core);
    const struct plan_shape shape = shape_of(core, namespace, applied);

    return plan_is_impossible(&input, &shape, out_reason);
}

bool view_is_unfit(const struct core *core, const char *namespace, const struct demand *applied,
                   struct reason *out_reason) {
    const struct plan_input input = input_of(core);
    const struct plan_shape shape = shape_of(core, namespace, applied);

    return plan_is_unfit(&input, &shape, out_reason);
}

struct entry *view_add(struct core *core, const struct job *job, struct demand *demand) {
    struct entry *entry = entries_add(&core->entries, job->id);

    entry_load(entry, job);
    entry->name = names_take(&core->job_names, job->name);
    entry->terms = entry_take_terms(core, job);
    if (demand != NULL && !job_state_is_final(job->state)) {
        view_join(core, entry, demand);
    }
    view_count(core, entry, 1);
    groups_add(core, entry);
    if (job_state_is_active(job->state)) {
        arrays_take(core, entry, 1);
    }
    conditions_join(core, entry);
    alarms_arm(core, entry);
    schedules_note_job(core, entry);
    return entry;
}

void view_count(struct core *core, const struct entry *entry, int times) {
    core->counts.jobs[entry->state] += (size_t)times;
    if (entry->shape != NULL && job_state_is_waiting(entry->state)) {
        entry->shape->held += entry->state == JOB_HELD ? (size_t)times : 0;
        entry->shape->retrying += entry->state == JOB_RETRY_WAIT ? (size_t)times : 0;
        entry->shape->queued += entry->state == JOB_QUEUED ? (size_t)times : 0;
        share_wait(core->share,
                   &(struct share_charge){.node = entry->shape->plan.node,
                                          .namespace_index = entry->shape->plan.namespace_index},
                   times);
    }
}

/* What the entry owns. */
static void entry_finish(struct core *core, struct entry *entry) {
    view_release_shape(core, entry);
    names_drop(&core->job_names, entry->name);
    entry_drop_terms(core, entry->terms);
    run_destroy(entry->run);
    if (entry->course != NULL) {
        free(entry->course->avoid);
        demand_destroy(entry->course->base);
    }
    free(entry->course);
}

void view_drop(struct core *core, struct entry *entry) {
    schedules_note_gone(core, entry);
    core->finished_undone -= entry_course(entry)->ends_undone;
    view_count(core, entry, -1);
    groups_drop(core, entry);
    ledger_release(core->ledger, entry->id); /* Of pods that nobody ever saw end. */
    charges_forget(core, entry);
    entry_finish(core, entry);
    entries_remove(&core->entries, entry->id);
}

static void append_id(uint64_t **ids, size_t *end, size_t *room, uint64_t id) {
    if (*end == *room) {
        *room = *room > 0 ? *room * 2 : 16;
        *ids = mem_grow(*ids, *room, sizeof **ids);
    }
    (*ids)[(*end)++] = id;
}

void view_note_new(struct core *core, struct entry *entry, const struct spec *spec) {
    if (core->new_spec_count == core->new_spec_room) {
        core->new_spec_room = core->new_spec_room > 0 ? core->new_spec_room * 2 : 16;
        core->new_specs = mem_grow(core->new_specs, core->new_spec_room, sizeof *core->new_specs);
    }
    core->new_specs[core->new_spec_count++] = spec;
    entry->is_new = true;
    view_changed(core, entry);
}

void view_changed(struct core *core, struct entry *entry) {
    if (!entry->changed) {
        entry->changed = true;
        append_id(&core->changed, &core->changed_count, &core->changed_room, entry->id);
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

void view_forget_finished(struct core *core, struct entry *entry) {
    entry_edit(entry)->ends_undone++;
    core->finished_undone++;
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
    ledger_release(core->ledger, entry->id);
    ledger_reserve(core->ledger, entry->id, entry->terms->namespace, entry->shape->applied);
    view_expect(core, entry);
    if (entry->state == JOB_STARTING || entry->state == JOB_RUNNING) {
        ledger_objects_visible(core->ledger, entry->id);
    }
}

void view_expect(struct core *core, const struct entry *entry) {
    const struct ledger_stay stay = {.started_us = entry_course(entry)->started_us,
                                     .runtime_us = runtimes_expect(core, entry).us,
                                     .limit_us = entry->terms->max_runtime_us,
                                     .is_leaving = entry_course(entry)->preempt_requested};

    ledger_expect(core->ledger, entry->id, &stay);
}

static void reserve_again(struct core *core, const char *namespace) {
    struct entry *entry;

    for (uint64_t id = 0; (entry = entries_next(&core->entries, id)) != NULL; id = entry->id) {
        if (job_state_is_active(entry->state) && entry->shape != NULL &&
            strcmp(entry->terms->namespace, namespace) == 0) {
            view_reserve(core, entry);
        }
    }
}

/* What was submitted stays; what admission will make of it changes. Gangs that run already keep
 * the charge they were admitted with, unless we are still learning what was there at start. */
static void apply_again(struct core *core, const char *namespace) {
    struct map_entry *item;

    for (size_t at = 0; (item = map_next(&core->shapes, &at)) != NULL;) {
        struct shape *shape = item->value;

        if (strcmp(shape->namespace, namespace) == 0) {
            struct demand *old = shape->applied;

            shape->applied = view_apply_limits(core, namespace, shape->demand);
            demand_destroy(old); /* Not before: the plan compares the two. */
            shape_touch(core, shape);
        }
    }
    if (!core->adopted) {
        reserve_again(core, namespace);
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
    uint64_t after = 0;

    conditions_finish(core);
    for (struct entry *entry = NULL; (entry = entries_next(&core->entries, after)) != NULL;) {
        after = entry->id;
        entry_finish(core, entry);
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
    groups_finish(core);
    pod_names_finish(core);
    growing_finish(core);
    arrays_finish(core);
    entries_finish(&core->entries);
    names_finish(&core->job_names);
    map_finish(&core->terms);
    map_finish(&core->shapes);
    free(core->unsettled);
    free(core->new_specs);
    map_finish(&core->limits);
    map_finish(&core->pods);
    map_finish(&core->cleanups);
    free(core->touched);
    for (size_t i = 0; i < core->class_count; i++) {
        free((void *)(uintptr_t)core->classes[i].name);
    }
    free(core->classes);
    free(core->finished);
    free(core->changed);
}
