#include "scheduler/schedules.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/civil.h"
#include "base/ensure.h"
#include "base/memory.h"
#include "policy/zone.h"
#include "scheduler/lifecycle.h"

#define LOOK_AT_LEAST_US (60 * CLOCK_US_PER_SECOND)
#define QUEUE_FULL_US    (10 * CLOCK_US_PER_SECOND) /* until it is tried again */
#define CORRECTION_S     (3 * 3600)                 /* a clock put back by more was wrong before */

static struct schedule_entry *entry_of(const struct heap_item *item) {
    return (struct schedule_entry *)(uintptr_t)item; /* Its first member. */
}

static bool is_before(void *context, const struct heap_item *a, const struct heap_item *b) {
    const struct schedule_entry *left = entry_of(a);
    const struct schedule_entry *right = entry_of(b);

    (void)context;
    return left->due_us != right->due_us ? left->due_us < right->due_us
                                         : strcmp(left->key, right->key) < 0;
}

void schedules_init(struct core *core) {
    core->schedules.heap = (struct heap){.before = is_before};
}

/* --- When ------------------------------------------------------------------------------------ */

static int64_t now_s(const struct core *core) {
    return core->instant.now_us / CLOCK_US_PER_SECOND;
}

static struct cron_time last_of(const struct schedule_entry *schedule) {
    return (struct cron_time){.time_s = schedule->state.last_s,
                              .civil_s = schedule->state.last_civil_s,
                              .fold = schedule->state.last_fold};
}

/* A clock that is put back shows what it showed; one that was far ahead was wrong. */
void schedules_correct(struct core *core, struct schedule_entry *schedule) {
    if (schedule->state.last_s > now_s(core) + CORRECTION_S) {
        schedule->state.last_s = now_s(core);
        schedule->state.last_civil_s = CRON_BEHIND;
        schedule->state.last_fold = false;
        schedules_store(core, schedule);
    }
}

static bool is_suspended(const struct schedule_entry *schedule) {
    return schedule->state.paused || schedule->made.rule.suspended;
}

static void take_off(struct core *core, struct schedule_entry *schedule) {
    if (schedule->item.place > 0) {
        heap_remove(&core->schedules.heap, &schedule->item);
    }
}

static void look_at(struct core *core, struct schedule_entry *schedule, int64_t due_us) {
    take_off(core, schedule);
    schedule->due_us = due_us;
    heap_push(&core->schedules.heap, &schedule->item);
}

void schedules_arm(struct core *core, struct schedule_entry *schedule) {
    const struct cron_time last = last_of(schedule);

    schedule->waits_for_end = false;
    schedule->has_next = schedule_next(&schedule->made.rule, &last, &schedule->next);
    if (!schedule->has_next || (is_suspended(schedule) && schedule->made.rule.keeps_missed)) {
        take_off(core, schedule);
    } else {
        look_at(core, schedule,
                schedule_due_us(&schedule->made.rule, schedule->key, &schedule->next));
    }
}

int64_t schedules_wake_after_us(const struct core *core) {
    const struct heap_item *top = heap_top(&core->schedules.heap);
    int64_t left_us;

    if (top == NULL) {
        return CLOCK_NEVER_US;
    }
    left_us = entry_of(top)->due_us - core->instant.now_us;
    return left_us < LOOK_AT_LEAST_US ? (left_us > 0 ? left_us : 0) : LOOK_AT_LEAST_US;
}

/* --- Making ---------------------------------------------------------------------------------- */

void schedules_store(struct core *core, const struct schedule_entry *schedule) {
    struct queue_change change = {
        .kind = CHANGE_FACT_PUT,
        .fact = {.kind = FACT_SCHEDULE_STATE, .key = outbox_text(&core->outbox, schedule->key)},
    };

    change.fact.value.schedule_state = schedule->state;
    outbox_add_change(&core->outbox, &change);
}

/* What is skipped is one record, of an array too. The turn's changes borrow the job's spec, so it
 * is not a copy that is added. */
static struct entry *add_run(struct core *core, struct new_job *job, const char *creator,
                             const char *after, bool runs) {
    const char *array = job->array;
    const uint64_t element_count = job->element_count;
    struct entry *entry;

    job->array = runs ? array : NULL;
    job->element_count = runs ? element_count : 0;
    entry = requests_add(core, job, creator, after);
    job->array = array;
    job->element_count = element_count;
    return entry;
}

size_t schedules_jobs_of(const struct schedule_entry *schedule) {
    const uint64_t elements = schedule->made.job.element_count;

    return elements > 0 ? elements : 1;
}

uint64_t schedules_make(struct core *core, struct schedule_entry *schedule,
                        const struct occurrence *occurrence, enum schedule_verdict verdict,
                        const char *text) {
    struct new_job *job = &schedule->made.job;
    const struct zone *zone = schedule->made.rule.zone;
    struct entry *entry;
    struct buf after;

    buf_init(&after, AFTER_TEXT_BYTES);
    job->occurrence = *occurrence;
    job->start_by_us = deadline_us(&schedule->made.start_by, occurrence->business_date, zone);
    job->finish_by_us = deadline_us(&schedule->made.finish_by, occurrence->business_date, zone);
    requests_print_after(job, 0, &after);
    entry = add_run(core, job, schedule->creator, buf_text(&after), verdict == SCHEDULE_RUNS);
    buf_finish(&after);
    core->schedules.verdicts[verdict]++;
    schedule->state.last_job = entry->id;
    if (verdict == SCHEDULE_RUNS) {
        schedule->state.runs++;
    } else {
        schedule->state.skipped++;
        lifecycle_move(core, entry, JOB_SKIPPED, "skipped", text);
    }
    return entry->id;
}

const struct schedule_runs *schedules_runs(const struct core *core,
                                           const struct schedule_entry *schedule) {
    return map_get(&core->schedules.runs, schedule->key);
}

void schedules_replace(struct core *core, const struct schedule_runs *runs) {
    size_t count = runs->active_count;
    uint64_t *ids = mem_copy(runs->active, count * sizeof *ids); /* They leave the list. */

    for (size_t i = 0; i < count; i++) {
        requests_cancel(core, &(struct event){.kind = EVENT_CANCEL, .job_id = ids[i]});
    }
    free(ids);
}

/* --- What is due ----------------------------------------------------------------------------- */

/* One look at a schedule: what is due of it, and how far that has been dealt with. */
struct look {
    struct core *core;
    struct schedule_entry *schedule;
    struct schedule_backlog backlog;
    struct cron_time time; /* the first that is due */
    size_t *made;          /* jobs of this turn */
};

static struct schedule_backlog one_less(struct schedule_backlog backlog) {
    backlog.count--;
    backlog.late -= backlog.late > 0 ? 1 : 0;
    return backlog;
}

/* Dealt with, in the same commit as what came of it. */
static void done(struct look *look) {
    struct fact_schedule_state *state = &look->schedule->state;

    state->last_s = look->time.time_s;
    state->last_civil_s = look->time.civil_s;
    state->last_fold = look->time.fold;
    look->backlog = one_less(look->backlog);
}

static void count(struct look *look) {
    const struct cron_time last = last_of(look->schedule);

    look->backlog = schedule_count(&look->schedule->made.rule, look->schedule->key, &last,
                                   look->core->instant.now_us);
}

static bool find_first(struct look *look) {
    const struct cron_time last = last_of(look->schedule);

    if (look->backlog.more && look->backlog.count <= LIMIT_SCHEDULE_LOOKS / 2) {
        count(look);
    }
    return look->backlog.count > 0 && schedule_next(&look->schedule->made.rule, &last, &look->time);
}

/* Of an occurrence that is the first of what is left. */
static enum schedule_verdict judge(const struct look *look, const struct cron_time *time,
                                   const struct schedule_backlog *left) {
    struct schedule rule = look->schedule->made.rule;

    rule.suspended = is_suspended(look->schedule);
    return schedule_judge(&rule, left, time, look->core->instant.now_us);
}

/* Of a long outage only the latest skips have records of their own: the rest share one. Leaves the
 * last of these as the one that is dealt with. How many others they were. */
static size_t skip_many(struct look *look, enum schedule_verdict verdict,
                        struct cron_time *out_first) {
    size_t others = 0;

    *out_first = look->time;
    while (look->backlog.count > LIMIT_SCHEDULE_SKIPS + 1) {
        const struct schedule_backlog left = one_less(look->backlog);
        struct cron_time next;

        if (!schedule_next(&look->schedule->made.rule, &look->time, &next) ||
            judge(look, &next, &left) != verdict) {
            break;
        }
        done(look);
        look->time = next;
        others++;
    }
    return others;
}

static const char *text_of_skip(struct look *look, enum schedule_verdict verdict, size_t others,
                                const struct cron_time *first) {
    const char *text = schedule_verdict_text(verdict);
    char since[CIVIL_TIME_BYTES];

    if (others == 0) {
        return text;
    }
    civil_print_time(first->civil_s, since);
    return outbox_format(&look->core->outbox, "%s; so are %zu before it, since %s", text, others,
                         since);
}

static void skip(struct look *look, enum schedule_verdict verdict, const char *text) {
    struct cron_time first;
    size_t others = verdict == SCHEDULE_SKIP_OVERLAP || verdict == SCHEDULE_SKIP_GAP ||
                            verdict == SCHEDULE_SKIP_LIMIT
                        ? 0
                        : skip_many(look, verdict, &first);
    struct occurrence occurrence = schedule_occurrence(&look->schedule->made.rule, &look->time);

    if (text == NULL) {
        text = text_of_skip(look, verdict, others, &first);
    }
    (void)schedules_make(look->core, look->schedule, &occurrence, verdict, text);
    look->schedule->state.skipped += others;
    look->core->schedules.verdicts[verdict] += others;
    (*look->made)++;
    done(look);
}

static bool is_late(const struct look *look) {
    return look->core->instant.now_us -
               schedule_due_us(&look->schedule->made.rule, look->schedule->key, &look->time) >
           SCHEDULE_ON_TIME_US;
}

/* Runs that are late are made at a bounded rate. */
static bool may_catch_up(struct core *core) {
    struct schedules *schedules = &core->schedules;

    if (core->settings.catch_up_per_s == 0) {
        return true;
    }
    if (core->instant.mono_us - schedules->second_us >= CLOCK_US_PER_SECOND ||
        core->instant.mono_us < schedules->second_us) {
        schedules->second_us = core->instant.mono_us;
        schedules->caught_up = 0;
    }
    return schedules->caught_up < core->settings.catch_up_per_s;
}

const char *schedules_too_long(struct core *core, const struct schedule_entry *schedule) {
    const size_t jobs = schedules_jobs_of(schedule);

    return jobs > core->settings.jobs_waiting_max
               ? outbox_format(&core->outbox,
                               "its %zu elements are more than the queue ever holds "
                               "(limits.waitingJobs: %zu)",
                               jobs, core->settings.jobs_waiting_max)
               : NULL;
}

/* True: look on. False: not now; when is set. */
static bool run(struct look *look) {
    struct core *core = look->core;
    struct schedule_entry *schedule = look->schedule;
    const struct schedule *rule = &schedule->made.rule;
    const struct schedule_runs *runs = schedules_runs(core, schedule);
    size_t active = runs != NULL ? runs->active_count : 0;
    struct occurrence occurrence = schedule_occurrence(rule, &look->time);
    char text[REASON_TEXT_BYTES];

    if (rule->overlap == SCHEDULE_FORBID && active > 0) {
        if (is_late(look) && rule->misfire == SCHEDULE_MISFIRE_ALL) {
            schedule->waits_for_end = true; /* Caught up with one after the other. */
            take_off(core, schedule);
            return false;
        }
        skip(look, SCHEDULE_SKIP_OVERLAP,
             outbox_format(&core->outbox, "job %" PRIu64 " is not over, and overlap is Forbid",
                           runs->active[0]));
        return true;
    }
    if (schedules_too_long(core, schedule) != NULL) {
        skip(look, SCHEDULE_SKIP_LIMIT, schedules_too_long(core, schedule));
        return true;
    }
    if (requests_room(core) < schedules_jobs_of(schedule)) {
        look_at(core, schedule, core->instant.now_us + QUEUE_FULL_US);
        return false;
    }
    /* One that takes another's place makes nobody more. */
    if (!(rule->overlap == SCHEDULE_REPLACE && active > 0) &&
        !requests_may_wait(core, &schedule->made.job, 1, schedule->creator, text)) {
        skip(look, SCHEDULE_SKIP_LIMIT,
             outbox_format(&core->outbox, "%s, as many as may wait", text));
        return true;
    }
    if (is_late(look)) {
        if (!may_catch_up(core)) {
            look_at(core, schedule,
                    core->instant.now_us + CLOCK_US_PER_SECOND -
                        (core->instant.mono_us - core->schedules.second_us));
            return false;
        }
        core->schedules.caught_up++;
    }
    if (rule->overlap == SCHEDULE_REPLACE && active > 0) {
        schedules_replace(core, runs);
    }
    (void)schedules_make(core, schedule, &occurrence, SCHEDULE_RUNS, "");
    *look->made += schedules_jobs_of(schedule);
    done(look);
    return true;
}

/* All of a schedule that is due, as far as the turn goes. */
static void deal_with(struct core *core, struct schedule_entry *schedule, size_t *made) {
    struct look look = {.core = core, .schedule = schedule, .made = made};
    size_t before = *made;
    bool goes_on = true;

    count(&look);
    while (goes_on && *made < LIMIT_SCHEDULE_RUNS && find_first(&look)) {
        enum schedule_verdict verdict = judge(&look, &look.time, &look.backlog);

        if (verdict == SCHEDULE_RUNS) {
            goes_on = run(&look);
        } else {
            skip(&look, verdict, NULL);
        }
    }
    if (*made > before) {
        schedules_store(core, schedule);
    }
    if (goes_on) {
        schedules_arm(core, schedule);
    }
}

/* The clock was put back by more than any zone does. */
static void correct_all(struct core *core) {
    struct map_entry *item;

    for (size_t at = 0; (item = map_next(&core->schedules.by_key, &at)) != NULL;) {
        schedules_correct(core, item->value);
        schedules_arm(core, item->value);
    }
}

void schedules_tick(struct core *core) {
    size_t made = 0;
    struct heap_item *top;

    if (now_s(core) + CORRECTION_S < core->schedules.looked_s) {
        correct_all(core);
    }
    core->schedules.looked_s = now_s(core);
    while (made < LIMIT_SCHEDULE_RUNS && (top = heap_top(&core->schedules.heap)) != NULL &&
           entry_of(top)->due_us <= core->instant.now_us) {
        deal_with(core, entry_of(top), &made);
    }
}

/* --- Verifying ------------------------------------------------------------------------------- */

int schedules_verify(const struct core *core, struct error *error) {
    const struct map_entry *item;
    size_t listed = 0;

    for (size_t at = 0; (item = map_next(&core->schedules.by_key, &at)) != NULL;) {
        const struct schedule_entry *schedule = item->value;

        listed += schedule->item.place > 0 ? 1 : 0;
        if (schedule->item.place == 0 && schedule->has_next && !schedule->waits_for_end &&
            !is_suspended(schedule)) {
            return error_set(error, ERR_CORRUPT, "schedule %s: nobody looks at it", item->text);
        }
    }
    if (listed != core->schedules.heap.count) {
        return error_set(error, ERR_CORRUPT, "%zu schedules in the heap, %zu should",
                         (size_t)core->schedules.heap.count, listed);
    }
    return schedules_verify_runs(core, error);
}
