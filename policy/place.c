#include "policy/place.h"

#include <stdlib.h>

#include "base/ensure.h"
#include "policy/place_fill.h"
#include "policy/place_rules.h"

void place_finish(struct place *place) {
    if (place != NULL) {
        node_index_finish(&place->index);
        free(place->runs);
        free(place->placed);
        *place = (struct place){0};
    }
}

static void place_forget_company(struct place *place) {
    place->placed_count = 0;
    place->placed_antis = 0;
    place->resident_count = 0;
    place->company_is_loaded = false;
}

void place_clear(struct place *place) {
    node_index_clear(&place->index);
    place->run_count = 0;
    place_forget_company(place);
}

void place_load_company(struct place *place) {
    if (place->load_company != NULL && !place->company_is_loaded) {
        if (!place->index.marked) {
            place->placed_count = place->placed_antis = 0; /* They are told with the others. */
        }
        place->load_company(place->company_context, place);
    }
    place->company_is_loaded = true;
}

uint32_t place_add_node(struct place *place, const struct node *node,
                        const struct resources *free) {
    return node_index_add(&place->index, node, free);
}

void place_remove_node(struct place *place, uint32_t node) {
    node_index_remove(&place->index, node);
}

void place_copy_nodes(struct place *place, const struct place *from) {
    place_clear(place);
    node_index_copy_nodes(&place->index, &from->index);
}

void place_mark(struct place *place) {
    node_index_mark(&place->index);
    place_forget_company(place);
}

void place_rewind(struct place *place) {
    node_index_rewind(&place->index);
    place_forget_company(place);
}

/* How many of the many pods find no room any more once the single pod is on the node. */
static uint32_t room_lost(const struct place *place, uint32_t node, const struct batch *single,
                          const struct batch *many) {
    struct resources free = place->index.nodes[node].free;
    const uint32_t before = place_fit_count(&many->needs, &free, many->count);

    if (before == 0 || !node_index_accepts(&place->index, many->choice, node)) {
        return 0;
    }
    resources_subtract(&free, single->requests);
    return before - place_fit_count(&many->needs, &free, many->count);
}

static bool has_class(const struct node_choice *choice, uint32_t class_index) {
    for (uint32_t i = 0; i < choice->class_count; i++) {
        if (choice->classes[i] == class_index) {
            return true;
        }
    }
    return false;
}

/* The node on which a single pod leaves the most room for the many. */
static uint32_t find_least_loss(struct place *place, const struct batch *single,
                                const struct batch *many) {
    struct node_search search = {0};
    uint32_t best = NODE_INDEX_NONE;
    uint32_t least = UINT32_MAX;
    uint32_t at;

    while (least > 0 && (at = node_index_next_fit(&place->index, single->choice, &single->needs,
                                                  &search)) != NODE_INDEX_NONE) {
        const bool shared = has_class(many->choice, place->index.nodes[at].class_index);
        const uint32_t lost = shared ? room_lost(place, at, single, many) : 0;

        if (lost < least) {
            best = at;
            least = lost;
        }
    }
    return best;
}

/* A group alone is placed if there is any way to. */
static bool fits_alone(struct place *place, const struct demand *demand, struct batch *batch) {
    const uint32_t placed = place_fill(place, batch);

    place_undo(place, demand);
    return placed == batch->count;
}

/* One pod and many equal ones, as a Spark driver and its executors are: with the one where it
 * costs the many least, the gang is placed if there is any way to place it. */
static bool place_pair(struct place *place, const struct demand *demand, size_t single_group) {
    struct batch single = place_batch_of(demand, single_group);
    struct batch many = place_batch_of(demand, 1 - single_group);
    uint32_t node;

    place->run_count = 0;
    if (place_rules_concern(place, single.pod) || place_rules_concern(place, many.pod) ||
        !fits_alone(place, demand, &many)) {
        return false; /* Rules decide where single pods go: what was tried is all there is. */
    }
    place_choose(place, &single);
    place_choose(place, &many);
    place_choose(place, &single); /* Again: the other one may have made the classes anew. */
    node = find_least_loss(place, &single, &many);
    if (node == NODE_INDEX_NONE) {
        return false;
    }
    place_push_run(place, &single, node, 1);
    place_note(place, node, 1, single.pod);
    if (place_fill(place, &many) < many.count) {
        place_undo(place, demand);
        return false;
    }
    return true;
}

static bool place_in_order(struct place *place, const struct demand *demand, const uint32_t *order,
                           struct place_miss *out_miss) {
    place->run_count = 0;
    for (size_t i = 0; i < demand->group_count; i++) {
        struct batch batch = place_batch_of(demand, order[i]);
        uint32_t placed = 0;

        place_choose(place, &batch);
        if (out_miss != NULL ||
            node_index_may_hold(&place->index, batch.choice, &batch.needs, batch.count)) {
            placed = place_fill(place, &batch);
        }
        if (placed < batch.count) {
            if (out_miss != NULL) {
                *out_miss = place_find_miss(place, &batch, placed);
            }
            place_undo(place, demand);
            return false;
        }
    }
    return true;
}

/* The pod's largest share of the largest node. */
static double pod_size(struct place *place, const struct pod_group *group) {
    const struct resources *largest = node_index_largest(&place->index);
    double size = 0;

    for (size_t i = 0; i < RESOURCE_KIND_MAX; i++) {
        if (group->requests.amount[i] > 0) {
            const int64_t most = largest->amount[i];
            const double share = (double)group->requests.amount[i] / (double)(most > 0 ? most : 1);

            size = share > size ? share : size;
        }
    }
    return size;
}

/* Fewer accepting nodes sort first, as larger pods do. */
static double pickiness(struct place *place, const struct demand *demand, size_t group) {
    struct batch batch = place_batch_of(demand, group);

    place_choose(place, &batch);
    return -(double)batch.choice->node_count;
}

/* Insertion sort, largest key first, ties in the gang's own order: there are a few groups. */
static void sort_groups(size_t count, const double *keys, uint32_t *out_order) {
    for (size_t i = 0; i < count; i++) {
        size_t at = i;

        for (; at > 0 && keys[out_order[at - 1]] < keys[i]; at--) {
            out_order[at] = out_order[at - 1];
        }
        out_order[at] = (uint32_t)i;
    }
}

/* In the order of what the groups' keys say. */
static bool place_by(struct place *place, const struct demand *demand, const double *keys,
                     struct place_miss *out_miss) {
    uint32_t order[DEMAND_GROUPS_MAX];

    sort_groups(demand->group_count, keys, order);
    return place_in_order(place, demand, order, out_miss);
}

static bool is_pair(const struct demand *demand) {
    return demand->group_count == 2 &&
           (demand->groups[0].count == 1 || demand->groups[1].count == 1);
}

static bool has_rules(const struct place *place, const struct demand *demand) {
    for (size_t i = 0; i < demand->group_count; i++) {
        if (place_rules_concern(place, &demand->groups[i].pod)) {
            return true;
        }
    }
    return false;
}

static bool try_gang(struct place *place, const struct demand *demand,
                     struct place_miss *out_miss) {
    double keys[DEMAND_GROUPS_MAX];

    ENSURE(demand->settled);
    if (has_rules(place, demand)) {
        place_load_company(place);
    }
    for (size_t i = 0; i < demand->group_count; i++) {
        keys[i] = pod_size(place, &demand->groups[i]);
    }
    if (place_by(place, demand, keys, out_miss)) {
        return true;
    }
    if (demand->group_count < 2) {
        return false;
    }
    if (is_pair(demand)) {
        return place_pair(place, demand, demand->groups[0].count == 1 ? 0 : 1);
    }
    for (size_t i = 0; i < demand->group_count; i++) {
        keys[i] = pickiness(place, demand, i);
    }
    return place_by(place, demand, keys, NULL);
}

bool place_gang(struct place *place, const struct demand *demand, struct place_miss *out_miss) {
    const bool placed = try_gang(place, demand, out_miss);

    if (!place->index.marked && place->load_company == NULL) {
        place->placed_count = place->placed_antis = 0; /* Nobody promised that it stays there. */
    }
    return placed;
}

bool place_runs(struct place *place, const struct demand *demand, const struct place_run *runs,
                size_t count) {
    place->run_count = 0;
    for (size_t i = 0; i < count; i++) {
        struct batch batch = place_batch_of(demand, runs[i].group);

        if (node_index_holder(&place->index, runs[i].node) != 0 ||
            place_fit_count(&batch.needs, &place->index.nodes[runs[i].node].free, runs[i].count) <
                runs[i].count) {
            place_undo(place, demand);
            return false;
        }
        place_push_run(place, &batch, runs[i].node, runs[i].count);
        place_note(place, runs[i].node, runs[i].count, batch.pod);
    }
    return true;
}

bool place_possible(struct place *place, const struct demand *demand, struct place_miss *out_miss) {
    const bool possible = place_gang(place, demand, out_miss);

    place_undo(place, demand);
    return possible;
}

/* Pods that keep apart from each other, and fewer places apart than pods. */
static bool domains_are_too_few(struct place *place, struct batch *batch,
                                struct place_miss *out_miss) {
    const struct pod_rule *rule = NULL;
    uint32_t domains;

    place_choose(place, batch);
    domains = place_rules_domains(place, batch->pod, batch->choice, &rule);
    if (domains >= batch->count) {
        return false;
    }
    *out_miss = place_find_miss(place, batch, domains);
    out_miss->rule = rule;
    out_miss->kept_off = true;
    return true;
}

bool place_impossible(struct place *place, const struct demand *demand,
                      struct place_miss *out_miss) {
    for (size_t i = 0; i < demand->group_count; i++) {
        struct batch batch = place_batch_of(demand, i);
        uint32_t placed;

        place->run_count = 0;
        placed = place_fill(place, &batch);
        if (placed < batch.count) {
            *out_miss = place_find_miss(place, &batch, placed);
        }
        place_undo(place, demand);
        if (placed < batch.count && !place_rules_concern(place, batch.pod)) {
            return true;
        }
        if (domains_are_too_few(place, &batch, out_miss)) {
            return true;
        }
    }
    return is_pair(demand) && !has_rules(place, demand) && !place_possible(place, demand, out_miss);
}

static struct batch batch_of_pod(const struct pod_demand *pod, const struct resources *requests,
                                 uint32_t count) {
    return (struct batch){.pod = pod,
                          .requests = requests,
                          .where_hash = pod_demand_where_hash(pod),
                          .count = count,
                          .needs = node_needs_of(requests)};
}

bool place_pod_possible(struct place *place, const struct pod_demand *pod,
                        const struct resources *requests) {
    struct batch batch = batch_of_pod(pod, requests, 1);
    struct node_search search = {0};

    place_choose(place, &batch);
    return node_index_next_fit(&place->index, batch.choice, &batch.needs, &search) !=
           NODE_INDEX_NONE;
}

uint32_t place_pods(struct place *place, const struct pod_demand *pod,
                    const struct resources *requests, uint32_t count) {
    struct batch batch = batch_of_pod(pod, requests, count);

    place->run_count = 0;
    return place_fill(place, &batch);
}

void place_hold_for_pod(struct place *place, const struct pod_demand *pod, uint64_t job_id) {
    node_index_hold(&place->index,
                    node_index_choice(&place->index, pod, pod_demand_where_hash(pod)), job_id);
}

void place_hold(struct place *place, const struct demand *demand, uint64_t job_id) {
    for (size_t i = 0; i < demand->group_count; i++) {
        const struct pod_group *group = &demand->groups[i];

        node_index_hold(&place->index,
                        node_index_choice(&place->index, &group->pod, group->where_hash), job_id);
    }
}

bool place_is_kept_from(struct place *place, const struct demand *demand) {
    uint64_t job_id;

    for (size_t i = 0; i < demand->group_count; i++) {
        struct batch batch = place_batch_of(demand, i);

        place_choose(place, &batch);
        if (node_index_held(&place->index, batch.choice, &job_id) > 0) {
            return true;
        }
    }
    return false;
}

bool place_is_all_held(const struct place *place) {
    return place->index.node_count > 0 && place->index.held_count == place->index.node_count;
}
