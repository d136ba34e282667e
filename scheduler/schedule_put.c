/* Schedules as people put, pause and delete them, and as they come back from the queue. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "base/memory.h"
#include "policy/zone.h"
#include "scheduler/lifecycle.h"

/* --- What a schedule owns -------------------------------------------------------------------- */

static void free_text(const char *text) {
    free((void *)(uintptr_t)text);
}

static const char *copy_text(const char *text) {
    return mem_copy_text(text != NULL ? text : "");
}

static struct new_after *copy_after(const struct new_job *job) {
    struct new_after *items = mem_alloc(job->after_count, sizeof *items);

    for (size_t i = 0; i < job->after_count; i++) {
        items[i] = job->after[i];
        items[i].item.schedule =
            mem_copy_text_n(items[i].item.schedule, items[i].item.schedule_bytes);
    }
    return items;
}

/* Its own texts; the zone is the core's, the demand is shared. */
static struct new_schedule own(struct core *core, const struct new_schedule *put) {
    struct new_schedule made = *put;
    struct new_job *job = &made.job;

    made.namespace = copy_text(put->namespace);
    made.name = copy_text(put->name);
    made.cron = copy_text(put->cron);
    made.text = copy_text(put->text);
    made.creator = NULL;
    made.zone = NULL;
    made.rule.zone = map_get(&core->schedules.zones, zone_name(put->rule.zone));
    job->name = made.name;
    job->schedule = made.name;
    job->namespace = made.namespace;
    job->team = copy_text(put->job.team);
    job->priority_class = copy_text(put->job.priority_class);
    job->window = copy_text(put->job.window);
    job->retry.rules = copy_text(put->job.retry.rules);
    job->pod_name = copy_text(put->job.pod_name);
    job->array = put->job.array != NULL ? mem_copy_text(put->job.array) : NULL;
    job->after = copy_after(&put->job);
    job->demand = put->job.demand != NULL ? demand_share(put->job.demand) : NULL;
    job->spec.text = mem_copy_text_n(put->job.spec.text, put->job.spec.bytes);
    job->spec.demand = put->job.spec.demand_bytes > 0
                           ? mem_copy(put->job.spec.demand, put->job.spec.demand_bytes)
                           : NULL;
    job->spec.row = NULL;
    return made;
}

static void disown(struct new_schedule *made) {
    free_text(made->namespace);
    free_text(made->name);
    free_text(made->cron);
    free_text(made->text);
    free_text(made->job.team);
    free_text(made->job.priority_class);
    free_text(made->job.window);
    free_text(made->job.retry.rules);
    free_text(made->job.pod_name);
    free_text(made->job.array);
    for (size_t i = 0; i < made->job.after_count; i++) {
        free_text(made->job.after[i].item.schedule);
    }
    free((void *)(uintptr_t)made->job.after);
    free_text(made->job.spec.text);
    free((void *)(uintptr_t)made->job.spec.demand);
    demand_destroy(made->job.demand);
}

static void destroy(struct schedule_entry *schedule) {
    disown(&schedule->made);
    free(schedule->creator);
    free(schedule->key);
    free(schedule);
}

/* What the turn's jobs were made of is needed until it has been committed. */
static void bury(struct core *core, struct schedule_entry *schedule) {
    struct schedules *schedules = &core->schedules;

    schedules->buried =
        mem_grow(schedules->buried, schedules->buried_count + 1, sizeof(struct schedule_entry *));
    schedules->buried[schedules->buried_count++] = schedule;
}

void schedules_begin(struct core *core) {
    struct schedules *schedules = &core->schedules;

    while (schedules->buried_count > 0) {
        destroy(schedules->buried[--schedules->buried_count]);
    }
}

void schedules_finish(struct core *core) {
    struct schedules *schedules = &core->schedules;
    struct map_entry *item;

    schedules_begin(core);
    free(schedules->buried);
    schedules_finish_runs(core);
    for (size_t at = 0; (item = map_next(&schedules->by_key, &at)) != NULL;) {
        destroy(item->value);
    }
    map_finish(&schedules->by_key);
    for (size_t at = 0; (item = map_next(&schedules->zones, &at)) != NULL;) {
        zone_destroy(item->value);
    }
    map_finish(&schedules->zones);
    heap_finish(&schedules->heap);
}

/* --- Zones ----------------------------------------------------------------------------------- */

/* The first of its name stays; another comes only by EVENT_ZONE. */
static void take_zone(struct core *core, struct new_schedule *put) {
    const char *name = zone_name(put->zone);

    put->rule.zone = put->zone;
    if (map_get(&core->schedules.zones, name) == NULL) {
        (void)map_put(&core->schedules.zones, name, put->zone);
        put->zone = NULL;
    }
}

void schedules_replace_zone(struct core *core, struct event *event) {
    struct schedules *schedules = &core->schedules;
    struct zone *old = map_put(&schedules->zones, zone_name(event->zone), event->zone);
    struct map_entry *item;

    for (size_t at = 0; (item = map_next(&schedules->by_key, &at)) != NULL;) {
        struct schedule_entry *schedule = item->value;

        if (schedule->made.rule.zone == old) {
            schedule->made.rule.zone = event->zone;
            schedules_arm(core, schedule);
        }
    }
    zone_destroy(old);
    event->zone = NULL;
}

/* --- Putting --------------------------------------------------------------------------------- */

static void store_definition(struct core *core, const struct schedule_entry *schedule) {
    struct queue_change change = {
        .kind = CHANGE_FACT_PUT,
        .fact = {.kind = FACT_SCHEDULE, .key = outbox_text(&core->outbox, schedule->key)},
    };

    change.fact.value.schedule = (struct fact_schedule){
        .created_us = schedule->made.created_us,
        .changed_us = schedule->made.changed_us,
        .submitter = outbox_text(&core->outbox, schedule->creator),
        .team = outbox_text(&core->outbox, schedule->made.job.team),
        .text = outbox_text(&core->outbox, schedule->made.text),
    };
    outbox_add_change(&core->outbox, &change);
}

/* From now on: nothing of the past is made up for. */
static void start_now(struct core *core, struct schedule_entry *schedule) {
    schedule->state.last_s = core->instant.now_us / CLOCK_US_PER_SECOND;
    schedule->state.last_civil_s = CRON_BEHIND;
    schedule->state.last_fold = false;
    schedules_store(core, schedule);
}

static bool is_same(const struct schedule_entry *schedule, const struct new_schedule *put) {
    return strcmp(schedule->made.text, put->text) == 0 &&
           strcmp(schedule->made.job.team, put->job.team) == 0;
}

static bool comes_at_the_same_times(const struct new_schedule *a, const struct new_schedule *b) {
    return strcmp(a->cron, b->cron) == 0 &&
           strcmp(zone_name(a->rule.zone), zone_name(b->rule.zone)) == 0 &&
           a->rule.from_civil_s == b->rule.from_civil_s;
}

static struct schedule_entry *add(struct core *core, const char *key,
                                  const struct new_schedule *put, const char *creator) {
    struct schedule_entry *schedule = mem_alloc(1, sizeof *schedule);

    schedule->key = mem_copy_text(key);
    schedule->made = own(core, put);
    schedule->creator = mem_copy_text(creator);
    (void)map_put(&core->schedules.by_key, key, schedule);
    return schedule;
}

/* The old one is buried with what it made in this turn. */
static struct schedule_entry *replace(struct core *core, struct schedule_entry *old,
                                      const struct new_schedule *put, const char *creator) {
    struct schedule_entry *schedule;

    if (old->item.place > 0) {
        heap_remove(&core->schedules.heap, &old->item);
    }
    (void)map_remove(&core->schedules.by_key, old->key);
    schedule = add(core, old->key, put, creator);
    schedule->state = old->state;
    schedule->made.created_us = old->made.created_us;
    bury(core, old);
    return schedule;
}

static enum schedule_put put_one(struct core *core, struct new_schedule *put,
                                 const char *submitter) {
    char *key = mem_format("%s/%s", put->namespace, put->name);
    struct schedule_entry *old = map_get(&core->schedules.by_key, key);
    enum schedule_put result = old == NULL ? SCHEDULE_CREATED : SCHEDULE_CHANGED;
    struct schedule_entry *schedule;

    take_zone(core, put);
    if (old != NULL && is_same(old, put)) {
        result = SCHEDULE_UNCHANGED;
        goto out;
    }
    if (old == NULL) {
        schedule = add(core, key, put, submitter);
        schedule->made.created_us = core->instant.now_us;
        start_now(core, schedule);
    } else {
        bool starts_anew = !comes_at_the_same_times(&old->made, put);

        schedule = replace(core, old, put, submitter);
        if (starts_anew) {
            start_now(core, schedule);
        }
    }
    schedule->made.changed_us = core->instant.now_us;
    store_definition(core, schedule);
    schedules_arm(core, schedule);
out:
    free(key);
    return result;
}

const char *schedules_put(struct core *core, const struct submit_event *submit) {
    char *letters = mem_alloc(submit->schedule_count + 1, 1);
    const char *kept;

    for (size_t i = 0; i < submit->schedule_count; i++) {
        letters[i] = (char)put_one(core, &submit->schedules[i], submit->submitter);
    }
    kept = outbox_text(&core->outbox, letters);
    free(letters);
    return kept;
}

void core_load_schedule(struct core *core, struct new_schedule *stored) {
    char *key = mem_format("%s/%s", stored->namespace, stored->name);

    take_zone(core, stored);
    (void)add(core, key, stored, stored->creator);
    free(key);
}

int core_load_schedule_state(struct core *core, const struct fact *fact) {
    struct schedule_entry *schedule = map_get(&core->schedules.by_key, fact->key);

    if (schedule == NULL) {
        return ERR_NOT_FOUND;
    }
    schedule->state = fact->value.schedule_state;
    return OK;
}

void schedules_loaded(struct core *core) {
    struct map_entry *item;

    for (size_t at = 0; (item = map_next(&core->schedules.by_key, &at)) != NULL;) {
        struct schedule_entry *schedule = item->value;

        if (schedule->state.last_s == 0) {
            start_now(core, schedule); /* Its state was lost. */
        }
        schedules_correct(core, schedule);
        schedules_arm(core, schedule);
    }
}

/* --- Acts ------------------------------------------------------------------------------------ */

static void answer(struct core *core, const struct event *event, int code, const char *text) {
    if (event->token != 0) {
        outbox_add_reply(&core->outbox,
                         &(struct reply){.token = event->token, .code = code, .text = text});
    }
}

static void set_paused(struct core *core, struct schedule_entry *schedule,
                       const struct event *event, bool paused) {
    if (!paused && schedule->made.rule.suspended) {
        answer(core, event, ERR_STALE, "its definition says suspend: true; submit it without that");
        return;
    }
    if (schedule->state.paused != paused) {
        schedule->state.paused = paused;
        schedules_store(core, schedule);
        schedules_arm(core, schedule);
    }
    answer(core, event, OK, "");
}

static void pause(struct core *core, struct schedule_entry *schedule, const struct event *event) {
    set_paused(core, schedule, event, true);
}

static void resume(struct core *core, struct schedule_entry *schedule, const struct event *event) {
    set_paused(core, schedule, event, false);
}

/* By hand: the wall clock's own time, to the second. */
static void trigger(struct core *core, struct schedule_entry *schedule, const struct event *event) {
    const struct schedule *rule = &schedule->made.rule;
    const struct schedule_runs *runs = schedules_runs(core, schedule);
    size_t active = runs != NULL ? runs->active_count : 0;
    int64_t now_s = core->instant.now_us / CLOCK_US_PER_SECOND;
    struct occurrence occurrence = schedule_occurrence(
        rule, &(struct cron_time){.time_s = now_s, .civil_s = zone_civil_s(rule->zone, now_s)});
    uint64_t id;

    if (event->schedule.has_date) {
        occurrence.business_date = event->schedule.business_date;
    }
    if (rule->overlap == SCHEDULE_FORBID && active > 0) {
        answer(core, event, ERR_STALE,
               outbox_format(&core->outbox, "job %" PRIu64 " is not over, and overlap is Forbid",
                             runs->active[0]));
        return;
    }
    if (requests_room(core) < schedules_jobs_of(schedule)) {
        const char *never = schedules_too_long(core, schedule);

        answer(core, event, ERR_FULL,
               never != NULL ? never : "the queue has no room for it; try again later");
        return;
    }
    if (rule->overlap == SCHEDULE_REPLACE && active > 0) {
        schedules_replace(core, runs);
    }
    id = schedules_make(core, schedule, &occurrence, SCHEDULE_RUNS, "");
    schedules_store(core, schedule);
    outbox_add_reply(
        &core->outbox,
        &(struct reply){.token = event->token, .code = OK, .first_id = id, .count = 1, .text = ""});
}

/* Its jobs stay. */
static void delete (struct core *core, struct schedule_entry *schedule, const struct event *event) {
    static const enum fact_kind kinds[] = {FACT_SCHEDULE, FACT_SCHEDULE_STATE};

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        outbox_add_change(
            &core->outbox,
            &(struct queue_change){
                .kind = CHANGE_FACT_DROP,
                .fact = {.kind = kinds[i], .key = outbox_text(&core->outbox, schedule->key)}});
    }
    if (schedule->item.place > 0) {
        heap_remove(&core->schedules.heap, &schedule->item);
    }
    (void)map_remove(&core->schedules.by_key, schedule->key);
    bury(core, schedule);
    answer(core, event, OK, "");
}

void schedules_act(struct core *core, const struct event *event) {
    static void (*const acts[])(struct core * core, struct schedule_entry * schedule,
                                const struct event *event) = {
        [SCHEDULE_PAUSE] = pause,
        [SCHEDULE_RESUME] = resume,
        [SCHEDULE_TRIGGER] = trigger,
        [SCHEDULE_DELETE] = delete,
    };
    struct schedule_entry *schedule = map_get(&core->schedules.by_key, event->schedule.key);

    if (schedule == NULL) {
        answer(core, event, ERR_NOT_FOUND,
               outbox_format(&core->outbox, "there is no schedule %s", event->schedule.key));
        return;
    }
    acts[event->schedule.action](core, schedule, event);
}

/* --- Looking --------------------------------------------------------------------------------- */

static void show(const struct core *core, const struct schedule_entry *schedule,
                 struct core_schedule *out) {
    const struct schedule_runs *runs = schedules_runs(core, schedule);

    *out = (struct core_schedule){
        .key = schedule->key,
        .made = &schedule->made,
        .creator = schedule->creator,
        .state = schedule->state,
        .next = schedule->next,
        .has_next = schedule->has_next,
        .suspended = schedule->state.paused || schedule->made.rule.suspended,
        .active = runs != NULL ? runs->active_count : 0,
    };
}

bool core_schedule(const struct core *core, const char *key, struct core_schedule *out_schedule) {
    const struct schedule_entry *schedule = map_get(&core->schedules.by_key, key);

    if (schedule != NULL) {
        show(core, schedule, out_schedule);
    }
    return schedule != NULL;
}

bool core_next_schedule(const struct core *core, size_t *at, struct core_schedule *out_schedule) {
    const struct map_entry *item = map_next(&core->schedules.by_key, at);

    if (item != NULL) {
        show(core, item->value, out_schedule);
    }
    return item != NULL;
}

const struct zone *core_next_zone(const struct core *core, size_t *at) {
    const struct map_entry *item = map_next(&core->schedules.zones, at);

    return item != NULL ? item->value : NULL;
}

size_t core_schedule_count(const struct core *core) {
    return core->schedules.by_key.count;
}

uint64_t core_schedule_verdicts(const struct core *core, enum schedule_verdict verdict) {
    return core->schedules.verdicts[verdict];
}
