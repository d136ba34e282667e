/* The first instant at which a gang fits, and whether it fits at a given one. */
#include "base/ensure.h"
#include "policy/profile_parts.h"

#define PLENTY         UINT64_MAX
#define STEPS_OF_A_TRY 50
#define ENDS_AT_FIRST  256

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
                        const struct change *change, int times) {
    if (change->demand == NULL || change->namespace_index != ask->namespace_index) {
        return false;
    }
    usage_add_demand(&profile->swept, change->demand, -change->sign * times);
    return true;
}

/* From `first` on, up to until_us: the first answer that does not fit, or the last one. The sweep
 * is left where it was. */
static struct quota_answer check_quotas_until(struct profile *profile,
                                              const struct profile_ask *ask, struct reach first,
                                              int64_t until_us) {
    struct quota_answer answer = check_quotas(profile, ask);
    const struct change *change;
    struct reach at = first;
    size_t swept = 0;

    while (answer.verdict == QUOTA_FITS && (change = profile_peek(profile, &at)) != NULL &&
           change->at_us < until_us && change->at_us <= profile->last_reserved_us) {
        (void)profile_next(profile, &at);
        swept++;
        if (sweep_quota(profile, ask, change, 1) && change->sign < 0) {
            answer = check_quotas(profile, ask);
        }
    }
    profile->steps += swept;
    for (at = first; swept > 0; swept--) {
        (void)sweep_quota(profile, ask, profile_next(profile, &at), -1);
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
    return check_quotas_until(profile, ask, (struct reach){0}, end_of(ask, profile->now_us));
}

/* The search. */

struct search {
    struct profile *profile;
    const struct profile_ask *ask;
    struct reach next;   /* the first change that quotas have not seen, */
    struct reach nodes;  /* and that nodes have not */
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
}

/* What is free on the node as far as the search has come, wherever the nodes were moved to. */
static struct resources free_there(const struct search *search, uint32_t node) {
    const struct dip *dip = &search->profile->moved.by_node[node];
    struct resources free = index_of(search)->nodes[node].free;

    resources_add_times(&free, &dip->least, -1);
    resources_add(&free, &dip->now);
    return free;
}

static void note_unmoved(struct profile *profile, uint32_t node) {
    struct dip *dip = &profile->moved.by_node[node];

    if (!dip->is_new) {
        dip->is_new = true;
        profile->unmoved[profile->unmoved_count++] = node;
    }
}

static void change_node(struct search *search, const struct profile_run *run, int sign) {
    struct profile *profile = search->profile;
    const struct demand *demand = search->ask->demand;
    const struct node_index *index = index_of(search);
    const struct resources before = free_there(search, run->node);
    struct resources after = before;

    profile_touch(&profile->moved, run->node);
    note_unmoved(profile, run->node);
    resources_add_times(&after, run->requests, sign * (int64_t)run->count);
    resources_add_times(&profile->moved.by_node[run->node].now, run->requests,
                        sign * (int64_t)run->count);
    if (index->nodes[run->node].node == NULL || node_index_holder(index, run->node) != 0) {
        return;
    }
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

/* Make all changes up to an instant: to the quotas, */
static void sweep_quotas(struct search *search, int64_t at_us) {
    struct profile *profile = search->profile;
    const struct change *change;

    while ((change = profile_peek(profile, &search->next)) != NULL && change->at_us <= at_us) {
        (void)profile_next(profile, &search->next);
        profile->steps++;
        if (sweep_quota(profile, search->ask, change, 1)) {
            search->quotas_changed = true;
        }
    }
}

static void change_nodes(struct search *search, const struct change *change) {
    const struct profile_run *runs = profile_runs_of(search->profile, change);

    search->profile->steps += 2 * change->run_count;
    for (size_t i = 0; i < change->run_count; i++) {
        change_node(search, &runs[i], change->sign);
    }
}

/* and to the nodes; of what ends not more than so much. False: there is more. */
static bool sweep_nodes(struct search *search, size_t ends_max) {
    const struct profile *profile = search->profile;
    const size_t end = search->next.end;

    for (; search->nodes.own < search->next.own; search->nodes.own++) {
        change_nodes(search, &profile->own.list[search->nodes.own]);
    }
    for (; search->nodes.end < end && ends_max > 0; search->nodes.end++, ends_max--) {
        change_nodes(search, &profile->ends.list[search->nodes.end]);
    }
    return search->nodes.end == end;
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

/* The nodes of the pass become what they will be where the search is. */
static void move_nodes(struct profile *profile, struct node_index *index) {
    for (size_t i = 0; i < profile->unmoved_count; i++) {
        const uint32_t node = profile->unmoved[i];
        struct dip *dip = &profile->moved.by_node[node];
        struct resources change = dip->now;

        resources_add_times(&change, &dip->least, -1);
        node_index_take(index, node, &change, -1);
        dip->least = dip->now;
        dip->is_new = false;
    }
    profile->steps += 4 * profile->unmoved_count;
    profile->unmoved_count = 0;
}

/* The search is over: they are what they were. */
static void move_back(struct profile *profile) {
    struct node_index *index = &profile->now->index;
    const bool marked = index->marked;

    for (size_t i = 0; i < profile->moved.touched_count; i++) {
        struct dip *dip = &profile->moved.by_node[profile->moved.touched[i]];

        dip->now = (struct resources){{0}};
        note_unmoved(profile, profile->moved.touched[i]);
    }
    index->marked = false;
    move_nodes(profile, index);
    index->marked = marked;
    profile_clear_dips(&profile->moved);
}

static void take_window(struct profile *profile, struct node_index *index, int64_t times) {
    for (size_t i = 0; i < profile->window.touched_count; i++) {
        const uint32_t node = profile->window.touched[i];

        node_index_take(index, node, &profile->window.by_node[node].least, -times);
    }
    profile->steps += 4 * profile->window.touched_count;
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
    place->index.marked = false; /* All of it is given back. */
    place->placed_count = place->placed_antis = 0;
    move_nodes(profile, &place->index);
    take_window(profile, &place->index, 1);
    held = place_gang(place, demand, NULL);
    for (size_t i = 0; held && i < place->run_count; i++) {
        const struct place_run *run = &place->runs[i];

        node_index_take(&place->index, run->node, &demand->groups[run->group].requests,
                        -(int64_t)run->count);
    }
    take_window(profile, &place->index, -1);
    profile->steps += STEPS_OF_A_TRY + place->run_count;
    place->index.marked = profile->now->index.marked;
    profile->now->index = place->index;
    place->index = (struct node_index){0};
    return held;
}

static bool quotas_fit_at(struct search *search, int64_t until_us) {
    const bool did_fit = search->quotas_fit;

    if (search->quotas_changed || search->has_reserved) {
        search->quotas_changed = false;
        search->quotas_fit =
            check_quotas_until(search->profile, search->ask, search->next, until_us).verdict ==
            QUOTA_FITS;
        search->has_gained = search->has_gained || (search->quotas_fit && !did_fit);
    }
    return search->quotas_fit;
}

/* Once quotas fit, a part of what ends may be enough for the nodes: it only ever gives. */
static bool fits_at(struct search *search, int64_t at_us) {
    const int64_t until_us = end_of(search->ask, at_us);
    bool is_all = false;

    if (!quotas_fit_at(search, until_us) || search->ask->nodes_unknown) {
        return search->quotas_fit;
    }
    while (!is_all) {
        is_all = sweep_nodes(search, search->nodes.end == 0 ? ENDS_AT_FIRST : SIZE_MAX);
        if (search->has_gained && sums_suffice(search)) {
            search->has_gained = false;
            if (nodes_hold(search, until_us)) {
                return true;
            }
        }
    }
    return false;
}

/* Is something reserved for others of the gang's namespace? */
static bool has_reserved(const struct profile *profile, const struct profile_ask *ask) {
    for (size_t i = 0; profile->reservation_count > 0 && i < profile->own.count; i++) {
        const struct change *change = &profile->own.list[i];

        if (change->sign < 0 && change->demand != NULL &&
            change->namespace_index == ask->namespace_index) {
            return true;
        }
    }
    return false;
}

/* The next instant at which something is given back, up to until_us; false: there is none. */
static bool next_instant(const struct profile *profile, struct reach *at, int64_t until_us,
                         int64_t *out_at_us) {
    const struct change *change;

    while ((change = profile_next(profile, at)) != NULL && change->at_us <= until_us) {
        const struct change *next = profile_peek(profile, at);

        if (change->sign > 0 && (next == NULL || next->at_us != change->at_us || next->sign < 0)) {
            *out_at_us = change->at_us;
            return true;
        }
    }
    return false;
}

/* How many instants go to one that is looked at. */
static size_t find_stride(struct profile *profile, int64_t until_us) {
    struct reach at = {0};
    int64_t unused_us;
    size_t count = 0;

    if (profile->ends.count + profile->own.count <= profile->limits.instants_max) {
        return 1;
    }
    while (next_instant(profile, &at, until_us, &unused_us)) {
        count++;
    }
    profile->steps += count / 4;
    return count / profile->limits.instants_max + 1;
}

static bool search_instants(struct search *search, int64_t until_us, int64_t *out_at_us) {
    struct profile *profile = search->profile;
    const size_t stride = find_stride(profile, until_us);
    struct reach at = {0};
    size_t skipped = 0;
    int64_t at_us;

    while (next_instant(profile, &at, until_us, &at_us)) {
        if (++skipped < stride && profile_peek(profile, &at) != NULL) {
            continue;
        }
        skipped = 0;
        sweep_quotas(search, at_us);
        if (fits_at(search, at_us)) {
            *out_at_us = at_us;
            return true;
        }
    }
    return false;
}

bool profile_earliest(struct profile *profile, const struct profile_ask *ask, int64_t *out_at_us) {
    struct search search = {.profile = profile,
                            .ask = ask,
                            .has_reserved = has_reserved(profile, ask),
                            .has_gained = true,
                            .quotas_changed = true};
    const int64_t until_us =
        ask->before_us != 0 ? ask->before_us - 1 : profile->now_us + profile->limits.horizon_us;
    bool found;

    ENSURE(!profile->is_lowered);
    profile_sort(profile);
    usage_clear(&profile->swept);
    profile->place.run_count = 0;
    if (!ask->nodes_unknown) {
        measure_nodes(&search);
    }
    found = search_instants(&search, until_us, out_at_us);
    move_back(profile);
    return found;
}

/* What becomes of the nodes of a placement up to an instant, and then up to another one: each has
 * the least of it. */
static void follow_nodes(struct profile *profile, int64_t at_us, int64_t until_us,
                         const struct place_run *runs, size_t run_count) {
    struct dips *dips = &profile->window;
    const struct change *change;
    struct reach at = {0};
    bool is_there = false;

    profile_clear_dips(dips);
    for (size_t i = 0; i < run_count; i++) {
        profile_touch(dips, runs[i].node);
    }
    while ((change = profile_next(profile, &at)) != NULL && change->at_us < until_us) {
        const struct profile_run *changed = profile_runs_of(profile, change);

        if (is_there && change->at_us > profile->last_reserved_us) {
            break; /* From here on, there is only more. */
        }
        if (change->at_us > at_us && !is_there) {
            is_there = true;
            for (size_t j = 0; j < dips->touched_count; j++) {
                dips->by_node[dips->touched[j]].least = dips->by_node[dips->touched[j]].now;
            }
        }
        profile->steps += 1 + change->run_count / 2;
        for (size_t j = 0; j < change->run_count; j++) {
            struct dip *dip = &dips->by_node[changed[j].node];

            if (dip->touched) {
                resources_add_times(&dip->now, changed[j].requests,
                                    change->sign * (int64_t)changed[j].count);
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
    const struct change *change;
    struct reach next = {0};

    ENSURE(!profile->is_lowered);
    profile_sort(profile);
    usage_clear(&profile->swept);
    while ((change = profile_peek(profile, &next)) != NULL && change->at_us <= at_us) {
        (void)profile_next(profile, &next);
        (void)sweep_quota(profile, ask, change, 1);
    }
    return check_quotas_until(profile, ask, next, end_of(ask, at_us)).verdict == QUOTA_FITS &&
           (ask->nodes_unknown || placement_holds(profile, ask, at_us, runs, run_count));
}

const struct place_run *profile_runs(const struct profile *profile, size_t *out_count) {
    *out_count = profile->place.run_count;
    return profile->place.runs;
}
