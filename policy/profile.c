#include "policy/profile.h"

#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "base/memory.h"

/* At an instant something is given back (sign 1) or taken (-1). */
struct change {
    int64_t at_us;
    int sign;
    uint32_t order;  /* of arrival */
    uint64_t job_id; /* of what is taken */
    size_t namespace_index;
    const struct demand *demand;
    size_t first_run;
    size_t run_count;
};

/* Per node, by how much a stretch of time changes what is free there. */
struct dip {
    struct resources now;   /* so far */
    struct resources least; /* the lowest so far, kind by kind; at most 0 */
    bool touched;
};

struct dips {
    struct dip *by_node;
    uint32_t *touched; /* the nodes to look at */
    size_t touched_count;
};

struct profile {
    const struct place *now;
    int64_t now_us;
    struct profile_limits limits;
    struct change *changes; /* once sorted, by instant; what is given back goes first */
    size_t change_count;
    size_t change_room;
    bool sorted;
    struct change *ends; /* kept, sorted: the first changes of a pass */
    size_t end_count;
    size_t end_run_count; /* their runs are the first ones */
    struct profile_run *runs;
    size_t run_count;
    size_t run_room;
    size_t node_room;       /* of what is per node */
    struct resources *free; /* at the instant a search has come to */
    uint32_t *fits;         /* by group and node: how many pods go there; NOT_ACCEPTED */
    size_t fits_room;
    struct dips window;  /* of a search */
    struct dips lowered; /* of profile_lower() */
    bool is_lowered;
    bool lowered_is_old;      /* something has changed since */
    size_t lowered_for;       /* so many reservations */
    int64_t last_reserved_us; /* the latest start of a reservation */
    size_t reservation_count;
    struct place place;              /* the nodes at an instant, for an exact answer: */
    const struct node_index *loaded; /* those of this index, as they were at this node_version */
    uint64_t loaded_version;
    struct resources *left; /* free on each of them then */
    struct usage swept;     /* of one namespace */
};

#define NOT_ACCEPTED UINT32_MAX

struct profile *profile_create(void) {
    return mem_alloc(1, sizeof(struct profile));
}

void profile_destroy(struct profile *profile) {
    if (profile == NULL) {
        return;
    }
    place_finish(&profile->place);
    free(profile->left);
    usage_finish(&profile->swept);
    free(profile->changes);
    free(profile->ends);
    free(profile->runs);
    free(profile->free);
    free(profile->fits);
    free(profile->window.by_node);
    free(profile->window.touched);
    free(profile->lowered.by_node);
    free(profile->lowered.touched);
    free(profile);
}

static void clear_dips(struct dips *dips) {
    for (size_t i = 0; i < dips->touched_count; i++) {
        dips->by_node[dips->touched[i]] = (struct dip){.touched = false};
    }
    dips->touched_count = 0;
}

static void grow_dips(struct dips *dips, size_t from, size_t to) {
    dips->by_node = mem_grow(dips->by_node, to, sizeof *dips->by_node);
    memset(&dips->by_node[from], 0, (to - from) * sizeof *dips->by_node);
    dips->touched = mem_grow(dips->touched, to, sizeof *dips->touched);
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

void profile_begin(struct profile *profile, const struct place *now, int64_t now_us,
                   const struct profile_limits *limits) {
    ENSURE(!profile->is_lowered);
    clear_dips(&profile->window);
    clear_dips(&profile->lowered);
    if (now->index.node_end > profile->node_room) {
        grow_dips(&profile->window, profile->node_room, now->index.node_end);
        grow_dips(&profile->lowered, profile->node_room, now->index.node_end);
        profile->node_room = now->index.node_end;
        profile->free = mem_grow(profile->free, profile->node_room, sizeof *profile->free);
        profile->left = mem_grow(profile->left, profile->node_room, sizeof *profile->left);
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

static void sort_changes(struct profile *profile) {
    if (!profile->sorted && profile->change_count > 1) {
        qsort(profile->changes, profile->change_count, sizeof *profile->changes, compare_changes);
    }
    profile->sorted = true;
}

void profile_keep_ends(struct profile *profile) {
    sort_changes(profile);
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
    sort_changes(profile);
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

/* Dips. */

static void touch(struct dips *dips, uint32_t node) {
    if (!dips->by_node[node].touched) {
        dips->by_node[node].touched = true;
        dips->touched[dips->touched_count++] = node;
    }
}

static void take_least(struct dip *dip) {
    for (size_t i = 0; i < RESOURCE_KIND_MAX; i++) {
        if (dip->now.amount[i] < dip->least.amount[i]) {
            dip->least.amount[i] = dip->now.amount[i];
        }
    }
}

/* Does the change count for reservations from change `first` on, up to until_us? */
static bool is_within(const struct profile *profile, size_t at, int64_t until_us) {
    return at < profile->change_count && profile->changes[at].at_us < until_us &&
           profile->changes[at].at_us <= profile->last_reserved_us;
}

/* The nodes from which reservations take something, from change `first` on, up to until_us: how far
 * down do they go? */
static void find_dips(const struct profile *profile, size_t first, int64_t until_us,
                      struct dips *dips) {
    clear_dips(dips);
    for (size_t i = first; is_within(profile, i, until_us); i++) {
        const struct change *change = &profile->changes[i];

        for (size_t j = 0; change->sign < 0 && j < change->run_count; j++) {
            touch(dips, profile->runs[change->first_run + j].node);
        }
    }
    for (size_t i = first; dips->touched_count > 0 && is_within(profile, i, until_us); i++) {
        const struct change *change = &profile->changes[i];

        for (size_t j = 0; j < change->run_count; j++) {
            const struct profile_run *run = &profile->runs[change->first_run + j];
            struct dip *dip = &dips->by_node[run->node];

            if (dip->touched) {
                resources_add_times(&dip->now, run->requests, change->sign * (int64_t)run->count);
                if (change->sign < 0) {
                    take_least(dip);
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
    for (size_t i = 0; i < profile->change_count && profile->changes[i].at_us < until_us; i++) {
        count += profile->changes[i].sign < 0;
    }
    return count;
}

/* Take what the dips take from the nodes, or give it back. */
static void apply_dips(const struct profile *profile, struct place *place, int64_t times) {
    const struct resources none = {{0}};

    for (size_t i = 0; i < profile->lowered.touched_count; i++) {
        const uint32_t node = profile->lowered.touched[i];
        const struct resources *least = &profile->lowered.by_node[node].least;

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
        sort_changes(profile);
        find_dips(profile, 0, until_us, &profile->lowered);
        profile->lowered_is_old = false;
        profile->lowered_for = count;
    }
    apply_dips(profile, place, -1);
    profile->is_lowered = true;
}

/* Quotas. */

static struct quota_answer check_quotas(const struct profile *profile,
                                        const struct profile_ask *ask) {
    const struct usage *reserved[8];

    ENSURE(ask->charged_count < ARRAY_LEN(reserved));
    for (size_t i = 0; i < ask->charged_count; i++) {
        reserved[i] = ask->charged[i];
    }
    reserved[ask->charged_count] = &profile->swept;
    return quota_check((const struct quota *const *)ask->namespace->quotas,
                       ask->namespace->quota_count, ask->demand, &ask->namespace->own, reserved,
                       ask->charged_count + 1);
}

/* What a change means for the quotas of the gang's namespace. */
static bool sweep_quota(struct profile *profile, const struct profile_ask *ask,
                        const struct change *change) {
    if (change->demand == NULL || change->namespace_index != ask->namespace_index) {
        return false;
    }
    usage_add_demand(&profile->swept, change->demand, -change->sign);
    return true;
}

/* From change `first` on, up to until_us: the first answer that does not fit, or the last one. The
 * sweep is left where it was. */
static struct quota_answer check_quotas_until(struct profile *profile,
                                              const struct profile_ask *ask, size_t first,
                                              int64_t until_us) {
    struct quota_answer answer = check_quotas(profile, ask);
    size_t at = first;

    for (; answer.verdict == QUOTA_FITS && at < profile->change_count; at++) {
        const struct change *change = &profile->changes[at];

        if (change->at_us >= until_us || change->at_us > profile->last_reserved_us) {
            break;
        }
        if (sweep_quota(profile, ask, change) && change->sign < 0) {
            answer = check_quotas(profile, ask);
        }
    }
    while (at-- > first) {
        const struct change *change = &profile->changes[at];

        if (change->demand != NULL && change->namespace_index == ask->namespace_index) {
            usage_add_demand(&profile->swept, change->demand, change->sign);
        }
    }
    return answer;
}

static int64_t end_of(const struct profile_ask *ask, int64_t start_us) {
    return ask->runtime_us >= PROFILE_FOREVER - start_us ? PROFILE_FOREVER
                                                         : start_us + ask->runtime_us;
}

struct quota_answer profile_quotas(struct profile *profile, const struct profile_ask *ask) {
    sort_changes(profile);
    usage_clear(&profile->swept);
    return check_quotas_until(profile, ask, 0, end_of(ask, profile->now_us));
}

/* The search. */

struct search {
    struct profile *profile;
    const struct profile_ask *ask;
    size_t next;         /* the first change that has not been made */
    bool quotas_changed; /* since they were asked */
    bool quotas_fit;
    uint64_t sums[DEMAND_GROUPS_MAX]; /* how many pods of a group go to the nodes, at most */
};

static uint32_t count_fits(const struct pod_group *group, const struct resources *free) {
    int64_t most = group->count;

    for (size_t i = 0; i < RESOURCE_KIND_MAX; i++) {
        if (group->requests.amount[i] > 0) {
            const int64_t fits = free->amount[i] / group->requests.amount[i];

            most = fits < most ? fits : most;
        }
    }
    return most > 0 ? (uint32_t)most : 0;
}

static bool is_usable(const struct place *now, uint32_t node, const struct pod_demand *pod) {
    return now->index.nodes[node].node != NULL && node_index_holder(&now->index, node) == 0 &&
           node_accepts(now->index.nodes[node].node, pod);
}

static void measure_nodes(struct search *search) {
    struct profile *profile = search->profile;
    const struct demand *demand = search->ask->demand;
    const size_t nodes = profile->now->index.node_end;

    if (nodes * demand->group_count > profile->fits_room) {
        profile->fits_room = nodes * demand->group_count;
        profile->fits = mem_grow(profile->fits, profile->fits_room, sizeof *profile->fits);
    }
    for (size_t n = 0; n < nodes; n++) {
        profile->free[n] = profile->now->index.nodes[n].free;
    }
    for (size_t g = 0; g < demand->group_count; g++) {
        for (size_t n = 0; n < nodes; n++) {
            uint32_t fits = NOT_ACCEPTED;

            if (is_usable(profile->now, (uint32_t)n, &demand->groups[g].pod)) {
                fits = count_fits(&demand->groups[g], &profile->free[n]);
                search->sums[g] += fits;
            }
            profile->fits[g * nodes + n] = fits;
        }
    }
}

static void change_node(struct search *search, const struct profile_run *run, int sign) {
    struct profile *profile = search->profile;
    const struct demand *demand = search->ask->demand;
    struct resources *free = &profile->free[run->node];

    resources_add_times(free, run->requests, sign * (int64_t)run->count);
    for (size_t g = 0; g < demand->group_count; g++) {
        uint32_t *fits = &profile->fits[g * profile->now->index.node_end + run->node];

        if (*fits != NOT_ACCEPTED) {
            search->sums[g] -= *fits;
            *fits = count_fits(&demand->groups[g], free);
            search->sums[g] += *fits;
        }
    }
}

/* Make all changes up to an instant. */
static void sweep_to(struct search *search, int64_t at_us) {
    struct profile *profile = search->profile;

    while (search->next < profile->change_count && profile->changes[search->next].at_us <= at_us) {
        const struct change *change = &profile->changes[search->next++];

        if (sweep_quota(profile, search->ask, change)) {
            search->quotas_changed = true;
        }
        for (size_t i = 0; !search->ask->nodes_unknown && i < change->run_count; i++) {
            change_node(search, &profile->runs[change->first_run + i], change->sign);
        }
    }
}

static bool sums_suffice(const struct search *search) {
    const struct demand *demand = search->ask->demand;

    for (size_t g = 0; g < demand->group_count; g++) {
        if (search->sums[g] < demand->groups[g].count) {
            return false;
        }
    }
    return true;
}

/* The nodes of the pass, in a place of our own; only when they have changed. */
static void load_nodes(struct profile *profile) {
    const struct node_index *now = &profile->now->index;

    if (profile->loaded != now || profile->loaded_version != now->node_version) {
        place_copy_nodes(&profile->place, profile->now);
        profile->loaded = now;
        profile->loaded_version = now->node_version;
    }
}

/* Pod by pod, on what is left of the nodes from here until until_us. */
static bool nodes_hold(struct search *search, int64_t until_us) {
    struct profile *profile = search->profile;
    const struct resources nothing = {{0}};

    find_dips(profile, search->next, until_us, &profile->window);
    load_nodes(profile);
    for (size_t n = 0; n < profile->now->index.node_end; n++) {
        struct resources *left = &profile->left[n];

        *left = profile->free[n];
        resources_add(left, &profile->window.by_node[n].least);
        if (profile->now->index.nodes[n].node == NULL ||
            node_index_holder(&profile->now->index, (uint32_t)n) != 0) {
            *left = nothing;
        }
    }
    place_set_all_free(&profile->place, profile->left);
    return place_gang(&profile->place, search->ask->demand, NULL);
}

static bool fits_at(struct search *search, int64_t at_us) {
    struct profile *profile = search->profile;
    const int64_t until_us = end_of(search->ask, at_us);

    if (search->quotas_changed || profile->reservation_count > 0) {
        search->quotas_changed = false;
        search->quotas_fit =
            check_quotas_until(profile, search->ask, search->next, until_us).verdict == QUOTA_FITS;
    }
    return search->quotas_fit &&
           (search->ask->nodes_unknown || (sums_suffice(search) && nodes_hold(search, until_us)));
}

/* Is it the last change of an instant at which something is given back? */
static bool ends_instant(const struct profile *profile, size_t at) {
    const struct change *change = &profile->changes[at];

    return change->sign > 0 &&
           (at + 1 == profile->change_count || profile->changes[at + 1].at_us != change->at_us ||
            profile->changes[at + 1].sign < 0);
}

/* How many instants go to one that is looked at. */
static size_t find_stride(const struct profile *profile, int64_t until_us) {
    size_t count = 0;

    for (size_t i = 0; i < profile->change_count && profile->changes[i].at_us <= until_us; i++) {
        count += ends_instant(profile, i);
    }
    return count / profile->limits.instants_max + 1;
}

bool profile_earliest(struct profile *profile, const struct profile_ask *ask, int64_t *out_at_us) {
    struct search search = {.profile = profile, .ask = ask, .quotas_changed = true};
    const int64_t until_us =
        ask->before_us != 0 ? ask->before_us - 1 : profile->now_us + profile->limits.horizon_us;
    size_t stride;
    size_t skipped = 0;

    ENSURE(!profile->is_lowered);
    sort_changes(profile);
    usage_clear(&profile->swept);
    profile->place.run_count = 0;
    if (!ask->nodes_unknown) {
        measure_nodes(&search);
    }
    stride = find_stride(profile, until_us);
    for (size_t i = 0; i < profile->change_count; i++) {
        const int64_t at_us = profile->changes[i].at_us;

        if (at_us > until_us) {
            return false;
        }
        if (!ends_instant(profile, i) || (++skipped < stride && i + 1 < profile->change_count)) {
            continue;
        }
        skipped = 0;
        sweep_to(&search, at_us);
        if (fits_at(&search, at_us)) {
            *out_at_us = at_us;
            return true;
        }
    }
    return false;
}

/* What becomes of the nodes of a placement up to an instant, and then up to another one: each has
 * the least of it. */
static void follow_nodes(struct profile *profile, int64_t at_us, int64_t until_us,
                         const struct place_run *runs, size_t run_count) {
    struct dips *dips = &profile->window;
    bool is_there = false;

    clear_dips(dips);
    for (size_t i = 0; i < run_count; i++) {
        touch(dips, runs[i].node);
    }
    for (size_t i = 0; i < profile->change_count && profile->changes[i].at_us < until_us; i++) {
        const struct change *change = &profile->changes[i];

        if (change->at_us > at_us && !is_there) {
            is_there = true;
            for (size_t j = 0; j < dips->touched_count; j++) {
                dips->by_node[dips->touched[j]].least = dips->by_node[dips->touched[j]].now;
            }
        }
        for (size_t j = 0; j < change->run_count; j++) {
            const struct profile_run *run = &profile->runs[change->first_run + j];
            struct dip *dip = &dips->by_node[run->node];

            if (dip->touched) {
                resources_add_times(&dip->now, run->requests, change->sign * (int64_t)run->count);
                if (is_there && change->sign < 0) {
                    take_least(dip);
                }
            }
        }
    }
    for (size_t j = 0; !is_there && j < dips->touched_count; j++) {
        dips->by_node[dips->touched[j]].least = dips->by_node[dips->touched[j]].now;
    }
}

static bool placement_holds(struct profile *profile, const struct profile_ask *ask, int64_t at_us,
                            const struct place_run *runs, size_t run_count) {
    follow_nodes(profile, at_us, end_of(ask, at_us), runs, run_count);
    for (size_t i = 0; i < run_count; i++) {
        const struct pod_group *group = &ask->demand->groups[runs[i].group];
        struct resources *least = &profile->window.by_node[runs[i].node].least;
        struct resources left;

        if (!is_usable(profile->now, runs[i].node, &group->pod)) {
            return false;
        }
        resources_add_times(least, &group->requests, -(int64_t)runs[i].count);
        left = profile->now->index.nodes[runs[i].node].free;
        resources_add(&left, least);
        for (size_t kind = 0; kind < RESOURCE_KIND_MAX; kind++) {
            if (group->requests.amount[kind] > 0 && left.amount[kind] < 0) {
                return false;
            }
        }
    }
    return true;
}

bool profile_holds(struct profile *profile, const struct profile_ask *ask, int64_t at_us,
                   const struct place_run *runs, size_t run_count) {
    size_t next = 0;

    ENSURE(!profile->is_lowered);
    sort_changes(profile);
    usage_clear(&profile->swept);
    for (; next < profile->change_count && profile->changes[next].at_us <= at_us; next++) {
        (void)sweep_quota(profile, ask, &profile->changes[next]);
    }
    return check_quotas_until(profile, ask, next, end_of(ask, at_us)).verdict == QUOTA_FITS &&
           (ask->nodes_unknown || placement_holds(profile, ask, at_us, runs, run_count));
}

const struct place_run *profile_runs(const struct profile *profile, size_t *out_count) {
    *out_count = profile->place.run_count;
    return profile->place.runs;
}
