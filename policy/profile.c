#include "policy/profile.h"

#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "base/memory.h"
#include "policy/profile_parts.h"

struct profile *profile_create(void) {
    return mem_alloc(1, sizeof(struct profile));
}

void profile_destroy(struct profile *profile) {
    if (profile == NULL) {
        return;
    }
    place_finish(&profile->place);
    usage_finish(&profile->swept);
    free(profile->changes);
    free(profile->ends);
    free(profile->runs);
    free(profile->moved.by_node);
    free(profile->moved.touched);
    free(profile->window.by_node);
    free(profile->window.touched);
    free(profile->lowered.by_node);
    free(profile->lowered.touched);
    free(profile);
}

static void begin(struct profile *profile, int64_t now_us) {
    profile->now_us = now_us;
    profile->change_count = profile->end_count;
    profile->run_count = profile->end_run_count;
    profile->sorted = false;
    profile->reservation_count = 0;
    profile->last_reserved_us = 0;
    profile->lowered_for = 0;
    profile->lowered_is_old = true;
}

void profile_begin(struct profile *profile, struct place *now, int64_t now_us,
                   const struct profile_limits *limits) {
    ENSURE(!profile->is_lowered);
    profile_clear_dips(&profile->moved);
    profile_clear_dips(&profile->window);
    profile_clear_dips(&profile->lowered);
    if (now->index.node_end > profile->node_room) {
        profile_grow_dips(&profile->window, profile->node_room, now->index.node_end);
        profile_grow_dips(&profile->moved, profile->node_room, now->index.node_end);
        profile_grow_dips(&profile->lowered, profile->node_room, now->index.node_end);
        profile->node_room = now->index.node_end;
    }
    profile->now = now;
    profile->limits = *limits;
    profile->end_count = profile->end_run_count = 0;
    begin(profile, now_us);
}

bool profile_begin_again(struct profile *profile, int64_t now_us) {
    if (profile->end_count == 0 || profile->ends[0].at_us <= now_us) {
        return false;
    }
    ENSURE(!profile->is_lowered);
    begin(profile, now_us);
    memcpy(profile->changes, profile->ends, profile->end_count * sizeof *profile->ends);
    profile->sorted = true;
    return true;
}

/* Changes. */

static int compare_changes(const void *a, const void *b) {
    const struct change *left = a;
    const struct change *right = b;

    if (left->at_us != right->at_us) {
        return left->at_us < right->at_us ? -1 : 1;
    }
    if (left->sign != right->sign) {
        return left->sign > right->sign ? -1 : 1;
    }
    return left->order < right->order ? -1 : 1;
}

void profile_sort(struct profile *profile) {
    if (!profile->sorted && profile->change_count > 1) {
        qsort(profile->changes, profile->change_count, sizeof *profile->changes, compare_changes);
    }
    profile->sorted = true;
}

void profile_keep_ends(struct profile *profile) {
    profile_sort(profile);
    profile->end_count = profile->change_count;
    profile->end_run_count = profile->run_count;
    profile->ends = mem_grow(profile->ends, profile->end_count + 1, sizeof *profile->ends);
    if (profile->end_count > 0) {
        memcpy(profile->ends, profile->changes, profile->end_count * sizeof *profile->ends);
    }
}

static void add_change(struct profile *profile, const struct change *change) {
    size_t at = profile->change_count;

    if (profile->change_count == profile->change_room) {
        profile->change_room = profile->change_room > 0 ? profile->change_room * 2 : 64;
        profile->changes =
            mem_grow(profile->changes, profile->change_room, sizeof *profile->changes);
    }
    while (profile->sorted && at > 0 && compare_changes(change, &profile->changes[at - 1]) < 0) {
        profile->changes[at] = profile->changes[at - 1];
        at--;
    }
    profile->changes[at] = *change;
    profile->change_count++;
    if (change->at_us <= profile->last_reserved_us) {
        profile->lowered_is_old = true;
    }
}

static struct change copy_part(struct profile *profile, const struct profile_part *part) {
    const size_t first = profile->run_count;

    if (first + part->run_count > profile->run_room) {
        profile->run_room = 2 * (first + part->run_count);
        profile->runs = mem_grow(profile->runs, profile->run_room, sizeof *profile->runs);
    }
    if (part->run_count > 0) {
        memcpy(&profile->runs[first], part->runs, part->run_count * sizeof *part->runs);
    }
    profile->run_count += part->run_count;
    return (struct change){.order = (uint32_t)profile->change_count,
                           .namespace_index = part->namespace_index,
                           .demand = part->demand,
                           .first_run = first,
                           .run_count = part->run_count};
}

void profile_add_end(struct profile *profile, int64_t at_us, const struct profile_part *part) {
    struct change change;

    ENSURE(at_us > profile->now_us);
    if (at_us == PROFILE_FOREVER) {
        return;
    }
    change = copy_part(profile, part);
    change.at_us = at_us;
    change.sign = 1;
    add_change(profile, &change);
}

void profile_reserve(struct profile *profile, uint64_t job_id, int64_t at_us, int64_t until_us,
                     const struct profile_part *part) {
    struct change change = copy_part(profile, part);

    ENSURE(job_id != 0);
    ENSURE(at_us > profile->now_us && until_us > at_us);
    profile_sort(profile);
    profile->reservation_count++;
    profile->lowered_is_old = true;
    if (at_us > profile->last_reserved_us) {
        profile->last_reserved_us = at_us;
    }
    change.job_id = job_id;
    change.at_us = at_us;
    change.sign = -1;
    add_change(profile, &change);
    if (until_us < PROFILE_FOREVER) {
        change.order = (uint32_t)profile->change_count;
        change.at_us = until_us;
        change.sign = 1;
        add_change(profile, &change);
    }
}

void profile_cancel(struct profile *profile, uint64_t job_id) {
    size_t left = 0;

    ENSURE(!profile->is_lowered);
    profile->last_reserved_us = 0;
    profile->reservation_count = 0;
    for (size_t i = 0; i < profile->change_count; i++) {
        const struct change *change = &profile->changes[i];

        if (change->job_id == job_id) {
            continue;
        }
        if (change->sign < 0) {
            profile->reservation_count++;
            profile->last_reserved_us = change->at_us > profile->last_reserved_us
                                            ? change->at_us
                                            : profile->last_reserved_us;
        }
        profile->changes[left++] = *change;
    }
    profile->change_count = left;
    profile->lowered_is_old = true;
}

bool profile_first_reservation(const struct profile *profile, int64_t until_us, int64_t *out_at_us,
                               uint64_t *out_job_id) {
    for (size_t i = 0; profile->reservation_count > 0 && i < profile->change_count; i++) {
        if (profile->changes[i].at_us >= until_us) {
            return false;
        }
        if (profile->changes[i].sign < 0) {
            *out_at_us = profile->changes[i].at_us;
            *out_job_id = profile->changes[i].job_id;
            return true;
        }
    }
    return false;
}
