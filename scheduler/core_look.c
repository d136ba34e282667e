/* Looking at the view, between turns. */
#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "base/memory.h"
#include "base/text.h"
#include "policy/limit_range.h"
#include "scheduler/arrays.h"
#include "scheduler/breakers.h"
#include "scheduler/conditions.h"
#include "scheduler/lifecycle.h"
#include "scheduler/view.h"

static bool give_job(const struct entry *entry, struct job *out_job) {
    if (entry != NULL) {
        view_job(entry, out_job);
    }
    return entry != NULL;
}

bool core_job(const struct core *core, uint64_t id, struct job *out_job) {
    return give_job(view_entry(core, id), out_job);
}

bool core_next_job(const struct core *core, uint64_t after_id, struct job *out_job) {
    return give_job(entries_next(&core->entries, after_id), out_job);
}

bool core_next_state(const struct core *core, uint64_t after_id, uint64_t *out_id,
                     enum job_state *out_state) {
    const struct entry *entry = entries_next(&core->entries, after_id);

    if (entry == NULL) {
        return false;
    }
    *out_id = entry->id;
    *out_state = (enum job_state)entry->state;
    return true;
}

bool core_next_deadline(const struct core *core, size_t *at, uint64_t *out_job_id,
                        int64_t *out_due_us) {
    const struct timers *due = &core->alarms.due;

    if (*at >= due->count) {
        return false;
    }
    *out_job_id = due->entries[*at].id;
    *out_due_us = due->entries[*at].due_us;
    (*at)++;
    return true;
}

bool core_array(const struct core *core, uint64_t first_id, struct core_array *out_array) {
    const struct group *group = map_get_id(&core->groups.arrays, first_id);
    const struct entry *entry = NULL;

    if (group == NULL) {
        return false;
    }
    *out_array = (struct core_array){.first_id = first_id,
                                     .count = group->tally.total,
                                     .running_max = group->running_max,
                                     .unmade = growing_unmade(core, first_id, group->tally.total),
                                     .forgotten = group->forgotten};
    memcpy(out_array->states, group->states, sizeof out_array->states);
    if (group->live > 0) {
        entry = entries_next(&core->entries, first_id - 1);
        out_array->indices = entry->terms->array;
        out_array->any_id = entry->id;
        out_array->states[entry->terms->submitted_held ? JOB_HELD : JOB_QUEUED] +=
            out_array->unmade;
    }
    return true;
}

/* "etl", or of an array's elements "etl-17". */
static bool is_called(const struct entry *entry, const char *name, size_t bytes) {
    return strncmp(entry->name, name, bytes) == 0 &&
           (entry->name[bytes] == '\0' ||
            (entry->terms->array[0] != '\0' && entry->name[bytes] == '-' &&
             strspn(entry->name + bytes + 1, "0123456789") == strlen(entry->name + bytes + 1)));
}

uint64_t core_find_called(const struct core *core, const char *namespace, const char *name) {
    const size_t bytes = strlen(name);
    const struct entry *entry;
    uint64_t found = 0;

    for (uint64_t id = 0; (entry = entries_next(&core->entries, id)) != NULL; id = entry->id) {
        if (is_called(entry, name, bytes) && strcmp(entry->terms->namespace, namespace) == 0) {
            found = entry->terms->array[0] != '\0' ? entry->terms->array_id : entry->id;
        }
    }
    return found;
}

uint64_t core_new_id(const struct core *core) {
    return core->next_id;
}

const struct attempt *core_attempt(const struct core *core, uint64_t id) {
    const struct entry *entry = view_entry(core, id);

    return entry != NULL && entry->run != NULL ? &entry->run->attempt : NULL;
}

const struct demand *core_demand(const struct core *core, uint64_t id) {
    const struct entry *entry = view_entry(core, id);

    return entry != NULL && entry->shape != NULL ? entry->shape->applied : NULL;
}

/* Not among those that may start: its time has not come, or the last attempt's pod is there. */
static struct reason unlisted_reason(const struct core *core, const struct entry *entry) {
    int64_t wait_us = lifecycle_eligible_in_us(core, entry);

    if (wait_us > 0) {
        return reason_retry_wait(core->instant.now_us + wait_us);
    }
    if (lifecycle_has_live_pod(entry)) {
        return reason_plain(REASON_POD_REMAINS);
    }
    return reason_plain(REASON_WAITING_TURN);
}

static struct reason queued_reason(const struct core *core, const struct entry *entry) {
    struct plan_wait wait;

    if (entry->parked == PARKED_AFTER) {
        return conditions_reason(core, entry);
    }
    if (entry->parked == PARKED_ARRAY) {
        return arrays_reason(entry);
    }
    if (entry->parked == PARKED_BREAKER) {
        return breakers_reason(core, entry);
    }
    if (entry->parked == PARKED_NAME) {
        return pod_names_reason(core, entry);
    }
    if (!entry->is_listed || entry->shape == NULL) {
        return unlisted_reason(core, entry);
    }
    if (gate_reason(core, entry->shape->gate) != NULL) {
        return *gate_reason(core, entry->shape->gate);
    }
    if (core->stopped != REASON_NONE) {
        return reason_plain(core->stopped);
    }
    wait = plan_wait(core->plan, entry->shape->number);
    if (wait.job_id == 0 || entry->id < wait.job_id) {
        return reason_plain(REASON_WAITING_TURN);
    }
    return entry->id == wait.job_id
               ? wait.reason
               : reason_behind(wait.job_id, (enum reason_code)wait.reason.code);
}

bool core_reason(const struct core *core, uint64_t id, struct reason *out_reason) {
    const struct entry *entry = view_entry(core, id);

    if (entry == NULL || !job_state_is_waiting(entry->state)) {
        return false;
    }
    if (entry->state == JOB_HELD) {
        *out_reason = reason_plain(REASON_HELD);
    } else if (entry->state == JOB_RETRY_WAIT) {
        *out_reason = unlisted_reason(core, entry);
    } else {
        *out_reason = queued_reason(core, entry);
    }
    return true;
}

bool core_reason_print(struct core *core, uint64_t id, struct reason *out_reason,
                       char out_text[REASON_TEXT_BYTES]) {
    const struct entry *entry = view_entry(core, id);
    struct error error = {0};

    out_text[0] = '\0';
    if (!core_reason(core, id, out_reason)) {
        return false;
    }
    reason_print(out_reason, &core->names, out_text);
    if (out_reason->code == REASON_LIMIT_RANGE && entry->shape != NULL &&
        view_check_limits(core, entry->terms->namespace, entry->shape->applied, &error) != OK) {
        (void)text_copy(out_text, REASON_TEXT_BYTES, error.text);
    }
    return true;
}

/* What no waiting will change: nodes too small, or something a quota asks for left unsaid. A demand
 * above a quota's hard may wait: hard can be raised, also by the clock. */
static int check_never(struct core *core, const char *namespace, const struct demand *demand,
                       struct error *error) {
    char text[REASON_TEXT_BYTES];
    struct reason reason;

    if (!view_is_unfit(core, namespace, demand, &reason)) {
        return OK;
    }
    reason_print(&reason, &core->names, text);
    return error_set(error, ERR_INVALID, "%s", text);
}

int core_check_window(struct core *core, const char *windows, int64_t expected_us,
                      struct error *error) {
    return gate_check(core, windows, expected_us, error);
}

size_t core_window_waiting(const struct core *core, const char *name) {
    struct map_entry *item;
    size_t waiting = 0;

    for (size_t at = 0; (item = map_next(&core->shapes, &at)) != NULL;) {
        const struct shape *shape = item->value;

        if (gate_has_window(shape->gate, name)) {
            waiting += shape->waiting_end - shape->first;
        }
    }
    return waiting;
}

const struct window_set *core_windows(const struct core *core) {
    return core->settings.windows;
}

int core_check_possible(struct core *core, const char *namespace, struct demand *demand,
                        struct error *error) {
    struct demand *applied = view_apply_limits(core, namespace, demand);
    int r = view_check_limits(core, namespace, applied, error);

    if (r == OK) {
        r = check_never(core, namespace, applied, error);
    }
    demand_destroy(applied);
    return r;
}

const struct ledger *core_ledger(const struct core *core) {
    return core->ledger;
}

static void describe_pod(const struct core *core, const struct pod_note *note,
                         struct core_pod *out_pod) {
    struct ledger_seen seen;
    bool known;

    known = ledger_get_pod(core->ledger, note->uid, &seen);
    ENSURE(known);
    *out_pod = (struct core_pod){.namespace = seen.namespace,
                                 .name = note->key + strlen(seen.namespace) + 1,
                                 .uid = note->uid,
                                 .node = seen.node,
                                 .job_id = note->job_id,
                                 .attempt = note->attempt,
                                 .role = seen.role,
                                 .finished = seen.finished};
}

bool core_next_pod(const struct core *core, size_t *at, struct core_pod *out_pod) {
    const struct map_entry *item = map_next(&core->pods, at);

    if (item != NULL) {
        describe_pod(core, item->value, out_pod);
    }
    return item != NULL;
}

bool core_find_pod(const struct core *core, const char *namespace, const char *name,
                   struct core_pod *out_pod) {
    char *key = mem_join(namespace, name);
    const struct pod_note *note = map_get(&core->pods, key);

    free(key);
    if (note != NULL) {
        describe_pod(core, note, out_pod);
    }
    return note != NULL;
}

struct core_counts core_counts(const struct core *core) {
    const struct notices *notices = &core->notices;
    struct core_counts counts = core->counts;

    counts.notices = notices->by_number.count - notices->dead_count;
    counts.notices_dead = notices->dead_count;
    counts.notices_sent = notices->sent;
    counts.notices_dropped = notices->dropped;
    return counts;
}
