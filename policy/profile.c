#include "policy/profile.h"

#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "base/memory.h"
#include "policy/profile_parts.h"

struct profile *profile_create(void) {
    return mem_alloc(1, sizeof(struct profile));
}

static void changes_finish(struct changes *changes) {
    free(changes->list);
    free(changes->runs);
}

static void changes_clear(struct changes *changes) {
    changes->count = changes->sorted = changes->run_count = 0;
}

void profile_destroy(struct profile *profile) {
    if (profile == NULL) {
        return;
    }
    place_finish(&profile->place);
    usage_finish(&profile->swept);
    changes_finish(&profile->ends);
    changes_finish(&profile->own);
    free(profile->moved.by_node);
    free(profile->moved.touched);
    free(profile->unmoved);
    free(profile->window.by_node);
    free(profile->window.touched);
    free(profile->lowered.by_node);
    free(profile->lowered.touched);
    free(profile);
}

void profile_begin(struct profile *profile, struct place *now, int64_t now_us,
                   const struct profile_limits *limits) {
    const size_t node_end = now->index.node_end;

    ENSURE(!profile->is_lowered);
    if (node_end > profile->node_room) {
        profile_grow_dips(&profile->window, profile->node_room, node_end);
        profile_grow_dips(&profile->moved, profile->node_room, node_end);
        profile_grow_dips(&profile->lowered, profile->node_room, node_end);
        profile->unmoved = mem_grow(profile->unmoved, node_end, sizeof *profile->unmoved);
        profile->node_room = node_end;
    }
    profile->now = now;
    profile->limits = *limits;
    profile->now_us = now_us;
    changes_clear(&profile->own);
    profile->reservation_count = 0;
    profile->last_reserved_us = 0;
    profile->lowered_for = 0;
    profile->lowered_is_old = true;
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

#define FEW        16   /* changes that are put in their places one by one */
#define RUNS_SPARE 1024 /* runs that may lie idle */

static void sort_changes(struct changes *changes) {
    if (changes->count - changes->sorted > FEW) {
        qsort(changes->list, changes->count, sizeof *changes->list, compare_changes);
        changes->sorted = changes->count;
    }
    for (; changes->sorted < changes->count; changes->sorted++) {
        const struct change change = changes->list[changes->sorted];
        size_t at = changes->sorted;

        while (at > 0 && compare_changes(&change, &changes->list[at - 1]) < 0) {
            at--;
        }
        memmove(&changes->list[at + 1], &changes->list[at],
                (changes->sorted - at) * sizeof *changes->list);
        changes->list[at] = change;
    }
}

void profile_sort(struct profile *profile) {
    sort_changes(&profile->ends);
    sort_changes(&profile->own);
}

const struct change *profile_peek(const struct profile *profile, const struct reach *at) {
    const struct change *end = at->end < profile->ends.count ? &profile->ends.list[at->end] : NULL;
    const struct change *own = at->own < profile->own.count ? &profile->own.list[at->own] : NULL;

    if (end == NULL || own == NULL) {
        return end != NULL ? end : own;
    }
    return own->at_us < end->at_us ? own : end;
}

const struct change *profile_next(const struct profile *profile, struct reach *at) {
    const struct change *next = profile_peek(profile, at);

    if (next != NULL && at->end < profile->ends.count && next == &profile->ends.list[at->end]) {
        at->end++;
    } else if (next != NULL) {
        at->own++;
    }
    return next;
}

const struct profile_run *profile_runs_of(const struct profile *profile,
                                          const struct change *change) {
    return (change->is_put ? profile->ends.runs : profile->own.runs) + change->first_run;
}

static void add_change(struct profile *profile, struct changes *changes,
                       const struct change *change) {
    if (changes->count == changes->room) {
        changes->room = changes->room > 0 ? changes->room * 2 : 64;
        changes->list = mem_grow(changes->list, changes->room, sizeof *changes->list);
    }
    changes->list[changes->count] = *change;
    changes->list[changes->count++].order = ++changes->order;
    if (change->at_us <= profile->last_reserved_us) {
        profile->lowered_is_old = true;
    }
}

static struct change copy_part(struct changes *changes, const struct profile_part *part) {
    const size_t first = changes->run_count;

    if (first + part->run_count > changes->run_room) {
        changes->run_room = 2 * (first + part->run_count);
        changes->runs = mem_grow(changes->runs, changes->run_room, sizeof *changes->runs);
    }
    if (part->run_count > 0) {
        memcpy(&changes->runs[first], part->runs, part->run_count * sizeof *part->runs);
    }
    changes->run_count += part->run_count;
    return (struct change){.sign = 1,
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
    change = copy_part(&profile->own, part);
    change.at_us = at_us;
    add_change(profile, &profile->own, &change);
}

/* --- What is kept ----------------------------------------------------------------------------- */

void profile_put_end(struct profile *profile, uint64_t job_id, int64_t at_us,
                     const struct profile_part *part) {
    struct change change;

    ENSURE(job_id != 0);
    if (at_us < PROFILE_FOREVER) {
        change = copy_part(&profile->ends, part);
        change.is_put = true;
        change.at_us = at_us;
        change.job_id = job_id;
        add_change(profile, &profile->ends, &change);
    }
}

static int compare_ids(const void *a, const void *b) {
    const uint64_t left = *(const uint64_t *)a;
    const uint64_t right = *(const uint64_t *)b;

    return (left > right) - (left < right);
}

/* Of runs that nobody uses any more there are not more than of others, by much. */
static void pack_runs(struct changes *changes) {
    struct profile_run *runs;
    size_t used = 0;

    for (size_t i = 0; i < changes->count; i++) {
        used += changes->list[i].run_count;
    }
    if (changes->run_count <= 2 * used + RUNS_SPARE) {
        return;
    }
    runs = mem_alloc(changes->run_room, sizeof *runs);
    changes->run_count = 0;
    for (size_t i = 0; i < changes->count; i++) {
        struct change *change = &changes->list[i];

        for (size_t j = 0; j < change->run_count; j++) {
            runs[changes->run_count + j] = changes->runs[change->first_run + j];
        }
        change->first_run = changes->run_count;
        changes->run_count += change->run_count;
    }
    free(changes->runs);
    changes->runs = runs;
}

void profile_drop_ends(struct profile *profile, const uint64_t *job_ids, size_t count) {
    struct changes *ends = &profile->ends;
    size_t left = 0;

    sort_changes(ends);
    for (size_t i = 0; i < ends->count; i++) {
        if (bsearch(&ends->list[i].job_id, job_ids, count, sizeof *job_ids, compare_ids) == NULL) {
            if (left < i) {
                ends->list[left] = ends->list[i];
            }
            left++;
        }
    }
    profile->lowered_is_old = true;
    ends->count = ends->sorted = left;
    pack_runs(ends);
}

void profile_drop_all(struct profile *profile) {
    changes_clear(&profile->ends);
    profile->lowered_is_old = true;
}

size_t profile_end_count(const struct profile *profile) {
    return profile->ends.count;
}

uint64_t profile_end(struct profile *profile, size_t n, int64_t *out_at_us) {
    ENSURE(n < profile->ends.count);
    sort_changes(&profile->ends);
    *out_at_us = profile->ends.list[n].at_us;
    return profile->ends.list[n].job_id;
}

uint64_t profile_steps(const struct profile *profile) {
    return profile->steps;
}

/* --- What is reserved ------------------------------------------------------------------------- */

void profile_reserve(struct profile *profile, uint64_t job_id, int64_t at_us, int64_t until_us,
                     const struct profile_part *part) {
    struct change change = copy_part(&profile->own, part);

    ENSURE(job_id != 0);
    ENSURE(at_us > profile->now_us && until_us > at_us);
    profile->reservation_count++;
    profile->lowered_is_old = true;
    if (at_us > profile->last_reserved_us) {
        profile->last_reserved_us = at_us;
    }
    change.job_id = job_id;
    change.at_us = at_us;
    change.sign = -1;
    add_change(profile, &profile->own, &change);
    if (until_us < PROFILE_FOREVER) {
        change.at_us = until_us;
        change.sign = 1;
        add_change(profile, &profile->own, &change);
    }
}

void profile_cancel(struct profile *profile, uint64_t job_id) {
    struct changes *own = &profile->own;
    size_t left = 0;

    ENSURE(!profile->is_lowered);
    profile_sort(profile);
    profile->last_reserved_us = 0;
    profile->reservation_count = 0;
    for (size_t i = 0; i < own->count; i++) {
        const struct change *change = &own->list[i];

        if (change->job_id == job_id && job_id != 0) { /* 0: of ends. */
            continue;
        }
        if (change->sign < 0) {
            profile->reservation_count++;
            profile->last_reserved_us = change->at_us; /* They are sorted. */
        }
        own->list[left++] = *change;
    }
    own->count = own->sorted = left;
    profile->lowered_is_old = true;
}

bool profile_first_reservation(const struct profile *profile, int64_t until_us, int64_t *out_at_us,
                               uint64_t *out_job_id) {
    const struct change *first = NULL;

    for (size_t i = 0; i < profile->own.count; i++) {
        const struct change *change = &profile->own.list[i];

        if (change->sign < 0 && (first == NULL || compare_changes(change, first) < 0)) {
            first = change;
        }
    }
    if (first == NULL || first->at_us >= until_us) {
        return false;
    }
    *out_at_us = first->at_us;
    *out_job_id = first->job_id;
    return true;
}
