#include "scheduler/arrays.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "scheduler/breakers.h"
#include "scheduler/conditions.h"
#include "scheduler/view.h"

/* --- Those that want to run ------------------------------------------------------------------ */

static void make_room(struct group *group) {
    size_t count = group->wanting_end - group->wanting_first;

    if (group->wanting_end < group->wanting_room) {
        return;
    }
    if (group->wanting_first > count) {
        memmove(group->wanting, group->wanting + group->wanting_first,
                count * sizeof *group->wanting);
        group->wanting_end = count;
        group->wanting_first = 0;
        return;
    }
    group->wanting_room = group->wanting_room > 0 ? 2 * group->wanting_room : 16;
    group->wanting = mem_grow(group->wanting, group->wanting_room, sizeof *group->wanting);
}

/* Into its place; mostly the last one. */
static void want(struct group *group, uint64_t id) {
    size_t at;

    make_room(group);
    for (at = group->wanting_end; at > group->wanting_first && group->wanting[at - 1] > id; at--) {
        group->wanting[at] = group->wanting[at - 1];
    }
    group->wanting[at] = id;
    group->wanting_end++;
}

static bool is_full(const struct group *group) {
    return group->taken >= group->running_max || group->wanting_first < group->wanting_end;
}

void arrays_offer(struct core *core, struct entry *entry) {
    struct group *group = groups_array(entry);

    if (entry->is_listed || entry->shape == NULL || entry->parked == PARKED_ARRAY) {
        return;
    }
    if (conditions_hold(core, entry)) {
        view_park(core, entry, PARKED_AFTER);
        return;
    }
    if (breakers_block(core, entry)) {
        view_park(core, entry, PARKED_BREAKER);
        return;
    }
    if (group != NULL && group->running_max > 0 && is_full(group)) {
        want(group, entry->id);
        view_park(core, entry, PARKED_ARRAY);
        groups_mark(core, group);
        return;
    }
    view_park(core, entry, PARKED_NOT);
    view_list(core, entry);
}

void arrays_take(struct core *core, const struct entry *entry, int times) {
    struct group *group = groups_array(entry);

    if (group != NULL && group->running_max > 0) {
        group->taken += (uint32_t)times;
        if (group->taken < group->running_max && group->wanting_first < group->wanting_end) {
            groups_mark(core, group);
        }
    }
}

/* Those that are not parked any more were cancelled or held, or are behind their turn. */
void arrays_fill(struct core *core, struct group *group) {
    while (group->wanting_first < group->wanting_end && group->taken < group->running_max) {
        struct entry *entry = view_entry(core, group->wanting[group->wanting_first++]);

        if (entry != NULL && entry->parked == PARKED_ARRAY) {
            view_park(core, entry, PARKED_NOT);
            view_list(core, entry);
        }
    }
}

struct reason arrays_reason(const struct entry *entry) {
    const struct group *group = groups_array(entry);
    struct reason reason = reason_plain(REASON_ARRAY_LIMIT);

    reason.job_id = group->first_id;
    reason.used = group->taken;
    reason.hard = group->running_max;
    (void)snprintf(reason.name, sizeof reason.name, "%s", group->key);
    return reason;
}
