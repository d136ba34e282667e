#include "scheduler/conditions.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/civil.h"
#include "base/ensure.h"
#include "base/memory.h"
#include "base/text.h"
#include "policy/indices.h"
#include "scheduler/arrays.h"
#include "scheduler/lifecycle.h"

/* One turn lets so many jobs go; to end one costs as much as to let ten go. */
#define WORK_PER_TURN 20000
#define WORK_OF_END   10

/* --- Making and ending ----------------------------------------------------------------------- */

static struct condition *condition_of(const struct entry *entry) {
    return entry_terms(entry)->condition;
}

/* Has it not started, and may it still? */
static bool is_before_start(const struct entry *entry) {
    return (entry->state == JOB_QUEUED || entry->state == JOB_HELD) &&
           entry_course(entry)->attempt == 0;
}

static size_t count_parts(const char *text) {
    struct after_reader reader = {.at = text};
    struct after_item item;
    size_t count = 0;

    while (after_next(&reader, &item)) {
        count++;
    }
    return count;
}

static void mark(struct core *core, struct condition *condition) {
    if (condition->is_unsettled) {
        return;
    }
    if (core->unsettled_condition_count == core->unsettled_condition_room) {
        core->unsettled_condition_room =
            core->unsettled_condition_room > 0 ? 2 * core->unsettled_condition_room : 16;
        core->unsettled_conditions = mem_grow(
            core->unsettled_conditions, core->unsettled_condition_room, sizeof(struct condition *));
    }
    core->unsettled_conditions[core->unsettled_condition_count++] = condition;
    condition->is_unsettled = true;
}

static struct condition *create(struct core *core, struct terms *terms) {
    struct condition *condition = mem_alloc(1, sizeof *condition);
    struct after_reader reader = {.at = terms->job.after, .namespace = terms->job.namespace};
    struct after_item item;

    condition->terms = terms;
    condition->parts = mem_alloc(count_parts(terms->job.after), sizeof *condition->parts);
    while (after_next(&reader, &item)) {
        struct condition_part *part = &condition->parts[condition->part_count++];

        *part = (struct condition_part){item, groups_find(core, &item)};
        groups_watch(part->group, condition, item.each);
        condition->has_each = condition->has_each || item.each;
    }
    return condition;
}

static void free_condition(struct condition *condition) {
    free(condition->parts);
    free(condition->ids);
    free(condition);
}

static void unmark(struct core *core, const struct condition *condition) {
    for (size_t i = 0; condition->is_unsettled && i < core->unsettled_condition_count; i++) {
        if (core->unsettled_conditions[i] == condition) {
            core->unsettled_conditions[i] =
                core->unsettled_conditions[--core->unsettled_condition_count];
            return;
        }
    }
}

static void destroy(struct core *core, struct condition *condition) {
    unmark(core, condition);
    condition->terms->condition = NULL;
    for (size_t i = 0; i < condition->part_count; i++) {
        groups_unwatch(core, condition->parts[i].group, condition, condition->parts[i].item.each);
    }
    free_condition(condition);
}

void conditions_finish(struct core *core) {
    struct map_entry *item;

    for (size_t at = 0; (item = map_next(&core->terms, &at)) != NULL;) {
        struct terms *terms = item->value;

        if (terms->condition != NULL) {
            free_condition(terms->condition);
        }
    }
    free(core->unsettled_conditions);
}

static void add_id(struct condition *condition, uint64_t id) {
    if (condition->id_count == condition->id_room) {
        condition->id_room = condition->id_room > 0 ? 2 * condition->id_room : 1;
        condition->ids = mem_grow(condition->ids, condition->id_room, sizeof *condition->ids);
    }
    condition->ids[condition->id_count++] = id;
}

void conditions_join(struct core *core, struct entry *entry) {
    struct terms *terms = entry_terms(entry);

    if (terms->job.after[0] == '\0' || !is_before_start(entry)) {
        return;
    }
    if (terms->condition == NULL) {
        terms->condition = create(core, terms);
    }
    terms->condition->users++;
    if (!terms->condition->is_met || terms->condition->has_each) {
        add_id(terms->condition, entry->id);
        mark(core, terms->condition);
    }
}

static void leave(struct core *core, struct condition *condition) {
    if (--condition->users == 0) {
        destroy(core, condition);
    }
}

/* Its first attempt has been counted when it is admitted. */
void conditions_moved(struct core *core, struct entry *entry, enum job_state from) {
    const bool is_over = job_state_is_final((enum job_state)entry->state);
    const uint32_t attempts = entry_course(entry)->attempt;

    if (entry->terms->after[0] == '\0') {
        return;
    }
    if (job_state_is_final(from)) {
        conditions_join(core, entry);
    } else if (attempts == (is_over ? 0 : 1) && (is_over || entry->state == JOB_SUBMITTING)) {
        leave(core, condition_of(entry));
    }
}

/* --- Judging --------------------------------------------------------------------------------- */

/* The element of the part's array with the entry's own index; 0: it has none. */
static uint64_t element_for(const struct core *core, const struct condition_part *part,
                            const struct entry *entry) {
    const struct entry *any = entries_next(&core->entries, part->group->first_id - 1);
    struct indices indices;
    struct error error = {0};
    uint64_t place;

    if (any == NULL || any->id - part->group->first_id >= part->item.count ||
        indices_parse(any->terms->array, &indices, &error) < 0 ||
        !indices_find(&indices, groups_index(entry), &place)) {
        return 0;
    }
    return part->group->first_id + place;
}

/* How a part stands for an entry of its condition. */
static struct after_tally tally_of(const struct core *core, const struct condition_part *part,
                                   const struct entry *entry) {
    struct after_tally tally = {.total = 1};
    const struct entry *element;
    uint64_t id;

    if (!part->item.each) {
        return groups_tally(core, part->group);
    }
    id = element_for(core, part, entry);
    element = view_entry(core, id);
    if (element == NULL && growing_unmade(core, id, 1) > 0) {
        return tally; /* It is to come. */
    }
    if (element == NULL) {
        tally.cancelled = tally.never_ran = 1;
    } else {
        after_count(&tally, (enum job_state)element->state, entry_course(element)->has_run, 1);
    }
    return tally;
}

/* Without an entry: of the parts that all its jobs have in common. Once these are met, of an
 * element's own. A broken part that lets wait makes the whole wait. out_part: what decides; NULL if
 * all are met. */
static enum after_verdict judge(const struct core *core, const struct condition *condition,
                                const struct entry *entry, const struct condition_part **out_part) {
    const struct condition_part *waits = NULL;

    for (size_t i = 0; i < condition->part_count; i++) {
        const struct condition_part *part = &condition->parts[i];
        struct after_tally tally;
        enum after_verdict verdict;

        if (part->item.each ? entry == NULL : condition->is_met) {
            continue;
        }
        tally = tally_of(core, part, entry);
        verdict = after_judge(&tally, part->item.on);
        if (verdict == AFTER_BROKEN && part->item.otherwise != AFTER_WAIT) {
            *out_part = part;
            return AFTER_BROKEN;
        }
        waits = verdict != AFTER_MET && waits == NULL ? part : waits;
    }
    *out_part = waits;
    return waits != NULL ? AFTER_WAITS : AFTER_MET;
}

static size_t count_met(const struct core *core, const struct condition *condition,
                        const struct entry *entry) {
    size_t met = 0;

    for (size_t i = 0; i < condition->part_count; i++) {
        const struct after_tally tally = tally_of(core, &condition->parts[i], entry);

        met += after_judge(&tally, condition->parts[i].item.on) == AFTER_MET;
    }
    return met;
}

bool conditions_hold(const struct core *core, const struct entry *entry) {
    const struct condition *condition = condition_of(entry);
    const struct condition_part *part;

    if (condition == NULL || !is_before_start(entry)) {
        return false;
    }
    if (!condition->is_met) {
        return true;
    }
    return condition->has_each && judge(core, condition, entry, &part) != AFTER_MET;
}

int64_t conditions_met_us(const struct entry *entry) {
    const struct condition *condition = condition_of(entry);

    return condition != NULL && condition->is_met && is_before_start(entry) ? condition->met_us : 0;
}

/* --- In words --------------------------------------------------------------------------------- */

/* "job 12 (load) is RUNNING", "array 100 (etl)", "load of 2026-11-22". */
static void describe(const struct core *core, const struct condition_part *part,
                     const struct entry *entry, char out_text[REASON_NAME_BYTES]) {
    const struct group *group = part->group;
    const uint64_t id = part->item.each ? element_for(core, part, entry) : group->first_id;
    const struct entry *one = view_entry(core, id);
    char date[CIVIL_DATE_BYTES];

    if (group->kind == GROUP_RUNS) {
        civil_print_date(part->item.business_date, date);
        (void)snprintf(out_text, REASON_NAME_BYTES, "%.*s of %s", (int)part->item.schedule_bytes,
                       part->item.schedule, date);
    } else if (group->kind == GROUP_ARRAY && !part->item.each) {
        (void)snprintf(out_text, REASON_NAME_BYTES, "%s%s%.40s%s", group->key,
                       one != NULL ? " (" : "", one != NULL ? one->name : "",
                       one != NULL ? ")" : "");
    } else if (one != NULL) {
        (void)snprintf(out_text, REASON_NAME_BYTES, "job %" PRIu64 " (%.30s) is %s", id, one->name,
                       job_state_text((enum job_state)one->state));
    } else {
        (void)snprintf(out_text, REASON_NAME_BYTES, "job %" PRIu64 " is forgotten", id);
    }
}

struct reason conditions_reason(const struct core *core, const struct entry *entry) {
    const struct condition *condition = condition_of(entry);
    struct reason reason = reason_plain(REASON_DEPENDENCY);
    const struct condition_part *part = NULL;
    struct after_tally tally;

    if (condition == NULL || judge(core, condition, entry, &part) != AFTER_WAITS) {
        return reason_plain(REASON_WAITING_TURN); /* It is about to be let go, or ended. */
    }
    tally = tally_of(core, part, entry);
    reason.code = after_judge(&tally, part->item.on) == AFTER_BROKEN ? REASON_DEPENDENCY_NEVER
                                                                     : REASON_DEPENDENCY;
    reason.field = (uint8_t)part->item.on;
    reason.job_id = part->group->first_id;
    reason.needs = (int64_t)condition->part_count;
    reason.free = (int64_t)count_met(core, condition, entry);
    reason.used = (int64_t)after_done(&tally, part->item.on);
    reason.hard = (int64_t)tally.total;
    describe(core, part, entry, reason.name);
    return reason;
}

/* --- Settling -------------------------------------------------------------------------------- */

static const char *const wishes[AFTER_ON_COUNT] = {
    [AFTER_SUCCESS] = "succeed",
    [AFTER_FAILURE] = "fail",
    [AFTER_ANY] = "end",
    [AFTER_START] = "start",
};

/* "job 12 (load) is FAILED, and was to succeed first" */
static const char *explain(struct core *core, const struct condition_part *part,
                           const struct entry *entry) {
    const struct after_tally tally = tally_of(core, part, entry);
    char what[REASON_NAME_BYTES];

    describe(core, part, entry, what);
    if (tally.total == 1) {
        return outbox_format(&core->outbox, "%s, and was to %s first", what, wishes[part->item.on]);
    }
    return outbox_format(&core->outbox,
                         "%s: %" PRIu64 " succeeded, %" PRIu64 " failed, %" PRIu64
                         " cancelled, %" PRIu64 " skipped of %" PRIu64
                         ", and they were to %s first",
                         what, tally.succeeded, tally.failed, tally.cancelled, tally.skipped,
                         tally.total, wishes[part->item.on]);
}

/* What it waited for can't come any more. */
static void end_job(struct core *core, struct entry *entry, const struct condition_part *part) {
    const char *text = explain(core, part, entry);

    if (part->item.otherwise == AFTER_FAIL) {
        entry_edit(entry)->failure = FAILURE_DEPENDENCY;
        lifecycle_move(core, entry, JOB_FAILED, "failed", text);
    } else {
        lifecycle_move(core, entry, JOB_SKIPPED, "skipped", text);
    }
    lifecycle_tick(core, entry);
}

static void let_go(struct core *core, struct entry *entry) {
    /* Each element has its own instant, unless it was let go before a restart. */
    if (condition_of(entry)->has_each &&
        (entry->course == NULL || entry->course->eligible_us == entry->submitted_us)) {
        entry_edit(entry)->eligible_us = core->instant.now_us;
        view_changed(core, entry);
    }
    if (entry->state == JOB_QUEUED) {
        arrays_offer(core, entry);
    }
}

static void settle_job(struct core *core, struct entry *entry, size_t *work) {
    const struct condition_part *part;

    *work += 1;
    switch (judge(core, condition_of(entry), entry, &part)) {
    case AFTER_WAITS: /* For an element, which tells when it moves. */
        break;
    case AFTER_MET:
        let_go(core, entry);
        break;
    case AFTER_BROKEN:
        *work += WORK_OF_END;
        end_job(core, entry, part);
        break;
    }
}

static bool is_held_by(const struct entry *entry, const struct condition *condition) {
    return entry != NULL && is_before_start(entry) && condition_of(entry) == condition;
}

/* All that it holds, from where the last turn stopped. */
static void settle_all(struct core *core, struct condition *condition, size_t *work) {
    while (condition->at < condition->id_count && *work < WORK_PER_TURN) {
        struct entry *entry = view_entry(core, condition->ids[condition->at++]);

        if (is_held_by(entry, condition)) {
            settle_job(core, entry, work);
        }
    }
    if (condition->at < condition->id_count) {
        mark(core, condition);
        return;
    }
    free(condition->ids);
    condition->ids = NULL;
    condition->at = condition->id_count = condition->id_room = 0;
}

static void note_met(struct core *core, struct condition *condition) {
    condition->is_met = true;
    for (size_t i = 0; i < condition->part_count; i++) {
        int64_t last_us = condition->parts[i].group->last_us;

        condition->met_us = last_us > condition->met_us ? last_us : condition->met_us;
    }
    if (condition->met_us > core->instant.now_us) {
        condition->met_us = core->instant.now_us;
    }
}

/* It stays met, whatever becomes of those that it waited for. */
static void settle_condition(struct core *core, struct condition *condition, size_t *work) {
    const struct condition_part *part;

    *work += condition->part_count;
    condition->users++; /* It must outlive the jobs that it ends. */
    if (condition->is_met) {
        settle_all(core, condition, work);
    } else {
        switch (judge(core, condition, NULL, &part)) {
        case AFTER_WAITS:
            break;
        case AFTER_MET:
            note_met(core, condition);
            settle_all(core, condition, work);
            break;
        case AFTER_BROKEN:
            settle_all(core, condition, work);
            break;
        }
    }
    leave(core, condition);
}

/* The condition's element with this index; NULL: it has none. */
static struct entry *element_of(const struct core *core, const struct condition *condition,
                                int64_t index) {
    const struct job *terms = &condition->terms->job;
    struct indices indices;
    struct error error = {0};
    uint64_t place;

    if (!condition->has_each || index < 0 || indices_parse(terms->array, &indices, &error) < 0 ||
        !indices_find(&indices, index, &place)) {
        return NULL;
    }
    return view_entry(core, terms->array_id + place);
}

/* The elements that wait for those of the group that have moved. */
static void settle_each(struct core *core, struct group *group, size_t *work) {
    for (size_t i = 0; i < group->moved_count; i++) {
        const struct entry *moved = view_entry(core, group->moved[i]);
        const int64_t index = moved != NULL ? groups_index(moved) : -1;

        /* From the back: the one looked at may go. */
        for (size_t k = group->condition_count; k > 0; k--) {
            struct condition *condition = group->conditions[k - 1];
            struct entry *entry = element_of(core, condition, index);

            if (condition->is_met && is_held_by(entry, condition) && !entry->is_listed) {
                settle_job(core, entry, work);
            }
        }
    }
    group->moved_count = 0;
}

bool conditions_need(const struct core *core, const struct entry *entry) {
    const struct group *group = groups_array(entry);

    for (size_t i = 0; group != NULL && group->each_count > 0 && i < group->condition_count; i++) {
        const struct entry *waits = element_of(core, group->conditions[i], groups_index(entry));

        if (waits != NULL && is_before_start(waits)) {
            return true;
        }
    }
    return false;
}

static void settle_group(struct core *core, struct group *group, size_t *work) {
    for (size_t i = 0; i < group->condition_count; i++) {
        if (!group->conditions[i]->is_met) {
            mark(core, group->conditions[i]);
        }
    }
    *work += group->condition_count;
    settle_each(core, group, work);
}

static struct condition *next_unsettled(struct core *core) {
    struct condition *condition;

    if (core->unsettled_condition_count == 0) {
        return NULL;
    }
    condition = core->unsettled_conditions[--core->unsettled_condition_count];
    condition->is_unsettled = false;
    return condition;
}

bool conditions_are_due(const struct core *core) {
    return core->groups.dirty_count > 0 || core->unsettled_condition_count > 0;
}

bool conditions_settle(struct core *core) {
    struct condition *condition;
    struct group *group;
    size_t work = 0;

    while (work < WORK_PER_TURN) {
        if ((group = groups_next_dirty(core)) != NULL) {
            arrays_fill(core, group);
            settle_group(core, group, &work);
        } else if ((condition = next_unsettled(core)) != NULL) {
            settle_condition(core, condition, &work);
        } else {
            return false;
        }
    }
    return true;
}

/* --- Verifying ------------------------------------------------------------------------------- */

static size_t count_users(const struct core *core, const struct terms *terms) {
    const struct entry *entry;
    size_t users = 0;

    for (uint64_t id = 0; (entry = entries_next(&core->entries, id)) != NULL; id = entry->id) {
        users += entry_terms(entry) == terms && is_before_start(entry);
    }
    return users;
}

/* Whoever it holds may not start, and whoever may start is not held. */
static int verify_entry(const struct core *core, const struct entry *entry, struct error *error) {
    const bool held = conditions_hold(core, entry);

    if (entry->is_listed && held) {
        return error_set(error, ERR_CORRUPT, "job %" PRIu64 " is offered before its time",
                         entry->id);
    }
    if (entry->state == JOB_QUEUED && entry->shape != NULL && !core->settle_again &&
        held != (entry->parked == PARKED_AFTER)) {
        return error_set(error, ERR_CORRUPT, "job %" PRIu64 " waits for nobody", entry->id);
    }
    return OK;
}

int conditions_verify(const struct core *core, struct error *error) {
    const struct entry *entry;
    struct map_entry *item;
    int r = OK;

    for (size_t at = 0; (item = map_next(&core->terms, &at)) != NULL;) {
        const struct terms *terms = item->value;
        size_t users = terms->job.after[0] != '\0' ? count_users(core, terms) : 0;

        if (users != (terms->condition != NULL ? terms->condition->users : 0)) {
            return error_set(error, ERR_CORRUPT, "%zu jobs wait for \"%s\", and are not counted",
                             users, terms->job.after);
        }
    }
    for (uint64_t id = 0; r == OK && (entry = entries_next(&core->entries, id)) != NULL;
         id = entry->id) {
        r = entry->terms->after[0] != '\0' ? verify_entry(core, entry, error) : OK;
    }
    return r == OK ? groups_verify(core, error) : r;
}
