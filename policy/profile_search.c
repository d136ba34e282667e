/* The first instant at which a gang fits, and whether it fits at a given one. */
#include "base/ensure.h"
#include "policy/profile_parts.h"

#define PLENTY UINT64_MAX

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
    profile_sort(profile);
    usage_clear(&profile->swept);
    return check_quotas_until(profile, ask, 0, end_of(ask, profile->now_us));
}

/* The search. */

struct search {
    struct profile *profile;
    const struct profile_ask *ask;
    size_t next;         /* the first change that has not been made */
    bool has_reserved;   /* something is, in the gang's namespace */
    bool quotas_changed; /* since they were asked */
    bool quotas_fit;
    bool has_gained; /* some node has, since they were asked */
    const struct node_choice *choices[DEMAND_GROUPS_MAX];
    uint64_t sums[DEMAND_GROUPS_MAX]; /* how many pods of a group go to the nodes, at most */
};

static struct node_index *index_of(const struct search *search) {
    return &search->profile->now->index;
}

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

/* The nodes that have room now. Of more than enough it does not matter how many there are. */
static uint64_t count_room(struct search *search, size_t group) {
    const struct pod_group *of = &search->ask->demand->groups[group];
    const struct node_needs needs = node_needs_of(&of->requests);
    struct node_index *index = index_of(search);
    struct node_search walk = {0};
    uint64_t sum = 0;
    uint32_t node;

    while ((node = node_index_next_fit(index, search->choices[group], &needs, &walk)) !=
           NODE_INDEX_NONE) {
        sum += count_fits(of, &index->nodes[node].free);
        if (sum >= 4 * (uint64_t)of->count) {
            return PLENTY;
        }
    }
    return sum;
}

static void measure_nodes(struct search *search) {
    const struct demand *demand = search->ask->demand;

    for (size_t i = 0; i < 2 * demand->group_count; i++) { /* The last may change the first. */
        const struct pod_group *group = &demand->groups[i % demand->group_count];

        search->choices[i % demand->group_count] =
            node_index_choice(index_of(search), &group->pod, group->where_hash);
    }
    for (size_t g = 0; g < demand->group_count; g++) {
        search->sums[g] = count_room(search, g);
    }
    profile_clear_dips(&search->profile->moved);
}

static void change_node(struct search *search, const struct profile_run *run, int sign) {
    struct profile *profile = search->profile;
    const struct demand *demand = search->ask->demand;
    const struct node_index *index = index_of(search);
    struct dip *dip = &profile->moved.by_node[run->node];
    struct resources before = index->nodes[run->node].free;
    struct resources after;

    profile_touch(&profile->moved, run->node);
    resources_add(&before, &dip->now);
    resources_add_times(&dip->now, run->requests, sign * (int64_t)run->count);
    if (index->nodes[run->node].node == NULL || node_index_holder(index, run->node) != 0) {
        return;
    }
    after = index->nodes[run->node].free;
    resources_add(&after, &dip->now);
    for (size_t g = 0; g < demand->group_count; g++) {
        const struct pod_group *group = &demand->groups[g];

        if (node_index_chooses(index, search->choices[g], run->node)) {
            const uint32_t fits = count_fits(group, &after);

            search->has_gained = search->has_gained || (sign > 0 && fits > 0);
            if (search->sums[g] != PLENTY) {
                search->sums[g] += fits;
                search->sums[g] -= count_fits(group, &before);
            }
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

static void move_nodes(struct profile *profile, int64_t times) {
    struct node_index *index = &profile->place.index;

    for (size_t i = 0; i < profile->moved.touched_count; i++) {
        const uint32_t node = profile->moved.touched[i];

        node_index_take(index, node, &profile->moved.by_node[node].now, -times);
    }
    for (size_t i = 0; i < profile->window.touched_count; i++) {
        const uint32_t node = profile->window.touched[i];

        node_index_take(index, node, &profile->window.by_node[node].least, -times);
    }
}

/* Pod by pod, on what is left of the nodes from here until until_us: those of the pass, for a
 * moment, but without the pods that are there. */
static bool nodes_hold(struct search *search, int64_t until_us) {
    struct profile *profile = search->profile;
    const struct demand *demand = search->ask->demand;
    struct place *place = &profile->place;
    bool held;

    profile_find_dips(profile, search->next, until_us, &profile->window);
    place->index = profile->now->index;
    place->index.marked = false; /* All of it is given back here. */
    place->placed_count = place->placed_antis = 0;
    move_nodes(profile, 1);
    held = place_gang(place, demand, NULL);
    for (size_t i = 0; held && i < place->run_count; i++) {
        const struct place_run *run = &place->runs[i];

        node_index_take(&place->index, run->node, &demand->groups[run->group].requests,
                        -(int64_t)run->count);
    }
    move_nodes(profile, -1);
    place->index.marked = profile->now->index.marked;
    profile->now->index = place->index;
    place->index = (struct node_index){0};
    return held;
}

static bool fits_at(struct search *search, int64_t at_us) {
    struct profile *profile = search->profile;
    const int64_t until_us = end_of(search->ask, at_us);

    if (!search->ask->nodes_unknown && !sums_suffice(search)) {
        return false;
    }
    if (search->quotas_changed || search->has_reserved) {
        search->has_gained = search->has_gained || !search->quotas_fit;
        search->quotas_changed = false;
        search->quotas_fit =
            check_quotas_until(profile, search->ask, search->next, until_us).verdict == QUOTA_FITS;
    }
    if (!search->quotas_fit || search->ask->nodes_unknown) {
        return search->quotas_fit;
    }
    if (!search->has_gained) {
        return false;
    }
    search->has_gained = false;
    return nodes_hold(search, until_us);
}

/* Is something reserved for others of the gang's namespace? */
static bool has_reserved(const struct profile *profile, const struct profile_ask *ask) {
    for (size_t i = 0; profile->reservation_count > 0 && i < profile->change_count; i++) {
        if (profile->changes[i].sign < 0 && profile->changes[i].demand != NULL &&
            profile->changes[i].namespace_index == ask->namespace_index) {
            return true;
        }
    }
    return false;
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
    struct search search = {.profile = profile,
                            .ask = ask,
                            .has_reserved = has_reserved(profile, ask),
                            .has_gained = true,
                            .quotas_changed = true};
    const int64_t until_us =
        ask->before_us != 0 ? ask->before_us - 1 : profile->now_us + profile->limits.horizon_us;
    size_t stride;
    size_t skipped = 0;

    ENSURE(!profile->is_lowered);
    profile_sort(profile);
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

    profile_clear_dips(dips);
    for (size_t i = 0; i < run_count; i++) {
        profile_touch(dips, runs[i].node);
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
                    profile_take_least(dip);
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
    profile_sort(profile);
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
