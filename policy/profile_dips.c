#include <string.h>

#include "base/memory.h"
#include "policy/profile_parts.h"

void profile_clear_dips(struct dips *dips) {
    for (size_t i = 0; i < dips->touched_count; i++) {
        dips->by_node[dips->touched[i]] = (struct dip){.touched = false};
    }
    dips->touched_count = 0;
}

void profile_grow_dips(struct dips *dips, size_t from, size_t to) {
    dips->by_node = mem_grow(dips->by_node, to, sizeof *dips->by_node);
    memset(&dips->by_node[from], 0, (to - from) * sizeof *dips->by_node);
    dips->touched = mem_grow(dips->touched, to, sizeof *dips->touched);
}

void profile_touch(struct dips *dips, uint32_t node) {
    if (!dips->by_node[node].touched) {
        dips->by_node[node].touched = true;
        dips->touched[dips->touched_count++] = node;
    }
}

void profile_take_least(struct dip *dip) {
    for (size_t i = 0; i < RESOURCE_KIND_MAX; i++) {
        if (dip->now.amount[i] < dip->least.amount[i]) {
            dip->least.amount[i] = dip->now.amount[i];
        }
    }
}

/* The next change from there on, if it counts for reservations up to until_us. */
static const struct change *next_within(const struct profile *profile, struct reach *at,
                                        int64_t until_us) {
    const struct change *next = profile_peek(profile, at);

    return next != NULL && next->at_us < until_us && next->at_us <= profile->last_reserved_us
               ? profile_next(profile, at)
               : NULL;
}

/* The nodes from which reservations take something, from `first` on, up to until_us: how far down
 * do they go? */
void profile_find_dips(struct profile *profile, struct reach first, int64_t until_us,
                       struct dips *dips) {
    const struct change *change;

    profile_clear_dips(dips);
    for (size_t i = first.own; i < profile->own.count; i++) {
        change = &profile->own.list[i];
        for (size_t j = 0; change->sign < 0 && change->at_us < until_us && j < change->run_count;
             j++) {
            profile_touch(dips, profile_runs_of(profile, change)[j].node);
        }
    }
    while (dips->touched_count > 0 && (change = next_within(profile, &first, until_us)) != NULL) {
        const struct profile_run *runs = profile_runs_of(profile, change);

        profile->steps += 1 + change->run_count;
        for (size_t j = 0; j < change->run_count; j++) {
            struct dip *dip = &dips->by_node[runs[j].node];

            if (dip->touched) {
                resources_add_times(&dip->now, runs[j].requests,
                                    change->sign * (int64_t)runs[j].count);
                if (change->sign < 0) {
                    profile_take_least(dip);
                }
            }
        }
    }
}

static size_t reservations_before(const struct profile *profile, int64_t until_us) {
    size_t count = 0;

    if (until_us > profile->last_reserved_us) {
        return profile->reservation_count;
    }
    for (size_t i = 0; i < profile->own.count; i++) {
        count += profile->own.list[i].sign < 0 && profile->own.list[i].at_us < until_us;
    }
    return count;
}

/* Take what the dips take from the nodes, or give it back. */
static void apply_dips(struct profile *profile, struct place *place, int64_t times) {
    const struct resources none = {{0}};

    for (size_t i = 0; i < profile->lowered.touched_count; i++) {
        const uint32_t node = profile->lowered.touched[i];
        const struct resources *least = &profile->lowered.by_node[node].least;

        profile->steps++;
        if (!resources_equal(least, &none)) {
            node_index_take(&place->index, node, least, times);
        }
    }
}

void profile_lift(struct profile *profile, struct place *place) {
    if (profile->is_lowered) {
        apply_dips(profile, place, 1);
        profile->is_lowered = false;
    }
}

void profile_lower(struct profile *profile, struct place *place, int64_t until_us) {
    const size_t count = reservations_before(profile, until_us);

    if (profile->is_lowered && !profile->lowered_is_old && count == profile->lowered_for) {
        return;
    }
    profile_lift(profile, place);
    if (count == 0) {
        return;
    }
    if (profile->lowered_is_old || count != profile->lowered_for) {
        profile_sort(profile);
        profile_find_dips(profile, (struct reach){0}, until_us, &profile->lowered);
        profile->lowered_is_old = false;
        profile->lowered_for = count;
    }
    apply_dips(profile, place, -1);
    profile->is_lowered = true;
}
