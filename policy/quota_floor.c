#include "policy/quota_floor.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"

void quota_floor_finish(struct quota_floor *floor) {
    for (size_t i = floor->first; i < floor->end; i++) {
        free(floor->pods[i].priority_class);
    }
    free(floor->pods);
    *floor = (struct quota_floor){0};
}

/* What the quota's item still holds of the pod. */
static int64_t item_amount(const struct quota_item *item, const struct leaving_pod *pod) {
    switch (item->field) {
    case QUOTA_REQUESTS:
        return pod->sum.requests.amount[item->kind];
    case QUOTA_LIMITS:
        return pod->sum.limits.amount[item->kind];
    case QUOTA_PODS:
        return pod->sum.requests.amount[RESOURCE_PODS];
    case QUOTA_PODS_ALL:
        return pod->sum.pods_all;
    case QUOTA_OBJECTS:
    case QUOTA_NOTHING:
        break;
    }
    return 0;
}

static void add_to_quota(struct quota *quota, const struct leaving_pod *pod) {
    if (pod->version <= quota->released_version || !quota_matches(quota, &pod->scope)) {
        return;
    }
    for (size_t i = 0; i < quota->item_count; i++) {
        struct quota_item *item = &quota->items[i];

        item->leaving = amount_add(item->leaving, item_amount(item, pod));
    }
}

static void recount(const struct quota_floor *floor, struct quota *quota) {
    for (size_t i = 0; i < quota->item_count; i++) {
        quota->items[i].leaving = 0;
    }
    for (size_t i = floor->first; i < floor->end; i++) {
        add_to_quota(quota, &floor->pods[i]);
    }
}

static void drop_first(struct quota_floor *floor) {
    free(floor->pods[floor->first].priority_class);
    floor->first++;
    if (floor->first == floor->end) {
        floor->first = floor->end = 0;
    }
}

static void make_room(struct quota_floor *floor) {
    if (floor->end < floor->room) {
        return;
    }
    if (floor->first > floor->end / 2) {
        memmove(floor->pods, &floor->pods[floor->first],
                (floor->end - floor->first) * sizeof *floor->pods);
        floor->end -= floor->first;
        floor->first = 0;
        return;
    }
    floor->room = floor->room > 0 ? floor->room * 2 : 16;
    floor->pods = mem_grow(floor->pods, floor->room, sizeof *floor->pods);
}

void quota_floor_add(struct quota_floor *floor, struct quota **quotas, size_t quota_count,
                     const struct leaving_pod *pod) {
    struct leaving_pod *kept;

    if (quota_count == 0 || pod->version == 0) {
        return;
    }
    make_room(floor);
    kept = &floor->pods[floor->end++];
    *kept = *pod;
    kept->priority_class = mem_copy_text(pod->scope.priority_class);
    kept->scope.priority_class = kept->priority_class;
    for (size_t i = 0; i < quota_count; i++) {
        add_to_quota(quotas[i], kept);
    }
}

/* Was it counted again? Admission never lowers used. */
static bool is_lower(const struct quota *quota, const struct quota *old) {
    for (size_t i = 0; i < quota->item_count; i++) {
        for (size_t j = 0; j < old->item_count; j++) {
            if (strcmp(quota->items[i].key, old->items[j].key) == 0 &&
                quota->items[i].used < old->items[j].used) {
                return true;
            }
        }
    }
    return false;
}

static bool is_raised_by_floor(const struct quota *quota, const struct usage *own) {
    for (size_t i = 0; i < quota->item_count; i++) {
        const struct quota_item *item = &quota->items[i];

        if (item->field != QUOTA_OBJECTS &&
            item->used > amount_add(quota_item_amount(quota, item, own), item->leaving)) {
            return true;
        }
    }
    return false;
}

int64_t quota_floor_renew(struct quota *quota, const struct quota_clock *clock) {
    quota->seen_us = clock->now_us;
    quota->floor_is_old = false;
    return is_raised_by_floor(quota, clock->own) ? quota->seen_us + QUOTA_FLOOR_US : CLOCK_NEVER_US;
}

int64_t quota_floor_note(struct quota_floor *floor, struct quota **quotas, size_t quota_count,
                         size_t at, const struct quota *old, const struct quota_clock *clock) {
    struct quota *quota = quotas[at];
    uint64_t least = UINT64_MAX;

    quota->released_version = old != NULL ? old->released_version : quota->version;
    if (old != NULL && quota->version > old->released_version && is_lower(quota, old)) {
        quota->released_version = quota->version;
    }
    for (size_t i = 0; i < quota_count; i++) {
        least = quotas[i]->released_version < least ? quotas[i]->released_version : least;
    }
    while (floor->first < floor->end && floor->pods[floor->first].version <= least) {
        drop_first(floor);
    }
    recount(floor, quota);
    return quota_floor_renew(quota, clock);
}

/* A floor that nobody has renewed for long is not believed. */
static int64_t age_floor(struct quota *quota, const struct usage *own, int64_t now_us,
                         bool *changed) {
    const int64_t due_us = quota->seen_us + QUOTA_FLOOR_US;

    if (quota->floor_is_old || !is_raised_by_floor(quota, own)) {
        return CLOCK_NEVER_US;
    }
    if (due_us > now_us) {
        return due_us;
    }
    quota->floor_is_old = true;
    *changed = true;
    return CLOCK_NEVER_US;
}

int64_t quota_floor_advance(struct quota_floor *floor, struct quota **quotas, size_t quota_count,
                            const struct quota_clock *clock, bool *changed) {
    const int64_t now_us = clock->now_us;
    int64_t next_us = CLOCK_NEVER_US;
    bool dropped = false;

    while (floor->first < floor->end && floor->pods[floor->first].until_us <= now_us) {
        drop_first(floor);
        dropped = true;
    }
    if (floor->first < floor->end) {
        next_us = floor->pods[floor->first].until_us;
    }
    for (size_t i = 0; i < quota_count; i++) {
        int64_t due_us;

        if (dropped) {
            recount(floor, quotas[i]);
        }
        due_us = age_floor(quotas[i], clock->own, now_us, changed);
        next_us = due_us < next_us ? due_us : next_us;
    }
    *changed = *changed || dropped;
    return next_us;
}
