#include "policy/place.h"

#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "base/memory.h"
#include "policy/place_rules.h"

/* One group being placed. */
struct batch {
    const struct pod_demand *pod;
    const struct resources *requests;
    uint64_t where_hash;
    uint32_t group;
    uint32_t count;
    const struct node_choice *choice;
    struct node_needs needs;
};

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

void place_set_all_free(struct place *place, const struct resources *free) {
    node_index_set_all_free(&place->index, free);
}

void place_mark(struct place *place) {
    node_index_mark(&place->index);
    place_forget_company(place);
}

void place_rewind(struct place *place) {
    node_index_rewind(&place->index);
    place_forget_company(place);
}

static void push_run(struct place *place, const struct batch *batch, uint32_t node,
                     uint32_t count) {
    if (place->run_count == place->run_room) {
        place->run_room = place->run_room > 0 ? place->run_room * 2 : 16;
        place->runs = mem_grow(place->runs, place->run_room, sizeof *place->runs);
    }
    place->runs[place->run_count++] =
        (struct place_run){.group = batch->group, .node = node, .count = count};
    node_index_take(&place->index, node, batch->requests, count);
}

/* How many pods find room, up to `wanted`. */
static uint32_t fit_count(const struct node_needs *needs, const struct resources *free,
                          uint32_t wanted) {
    int64_t most = wanted;

    for (size_t i = 0; i < needs->count; i++) {
        const int64_t fits = free->amount[needs->kinds[i]] / needs->amounts[i];

        most = fits < most ? fits : most;
    }
    return most > 0 ? (uint32_t)most : 0;
}

static struct batch batch_of(const struct demand *demand, size_t group) {
    const struct pod_group *from = &demand->groups[group];

    return (struct batch){.pod = &from->pod,
                          .requests = &from->requests,
                          .where_hash = from->where_hash,
                          .group = (uint32_t)group,
                          .count = from->count,
                          .needs = node_needs_of(&from->requests)};
}

/* The choice is valid until another one is asked for. */
static void choose(struct place *place, struct batch *batch) {
    batch->choice = node_index_choice(&place->index, batch->pod, batch->where_hash);
}

static void note_placed(struct place *place, uint32_t node, uint32_t count,
                        const struct pod_demand *pod) {
    if (place->placed_count == place->placed_room) {
        place->placed_room = place->placed_room > 0 ? place->placed_room * 2 : 16;
        place->placed = mem_grow(place->placed, place->placed_room, sizeof *place->placed);
    }
    place->placed[place->placed_count++] =
        (struct place_resident){.node = node, .count = count, .pod = pod};
    place->placed_antis += pod_demand_keeps_apart(pod);
}

/* The node for one more pod: where topology spread asks for it most, then the first. */
static uint32_t find_allowed(struct place *place, const struct batch *batch,
                             const struct place_rules *rules) {
    struct node_search search = {0};
    uint32_t best = NODE_INDEX_NONE;
    int64_t least = INT64_MAX;
    uint32_t at;

    while ((at = node_index_next_fit(&place->index, batch->choice, &batch->needs, &search)) !=
           NODE_INDEX_NONE) {
        const struct pod_rule *rule;
        int64_t weight;

        if (!place_rules_allow(rules, at, &rule)) {
            continue;
        }
        weight = place_rules_weight(rules, at);
        if (weight < least) {
            best = at;
            least = weight;
        }
        if (weight == 0) {
            break;
        }
    }
    return best;
}

/* Pod by pod, by the rules about other pods. */
static uint32_t fill_by_rules(struct place *place, struct batch *batch) {
    struct place_rules *rules = place_rules_create(place, batch->pod);
    uint32_t placed = 0;

    for (; placed < batch->count; placed++) {
        const uint32_t node = find_allowed(place, batch, rules);

        if (node == NODE_INDEX_NONE) {
            break;
        }
        push_run(place, batch, node, 1);
        note_placed(place, node, 1, batch->pod);
        place_rules_note(rules, node);
    }
    place_rules_destroy(rules);
    return placed;
}

/* Put what fits on the nodes; how many were placed. */
static uint32_t fill(struct place *place, struct batch *batch) {
    struct node_search search = {0};
    uint32_t left = batch->count;

    choose(place, batch);
    if (place_rules_concern(place, batch->pod)) {
        return fill_by_rules(place, batch);
    }
    while (left > 0) {
        const uint32_t node =
            node_index_next_fit(&place->index, batch->choice, &batch->needs, &search);
        uint32_t count;

        if (node == NODE_INDEX_NONE) {
            break;
        }
        count = fit_count(&batch->needs, &place->index.nodes[node].free, left);
        push_run(place, batch, node, count);
        note_placed(place, node, count, batch->pod);
        left -= count;
    }
    return batch->count - left;
}

/* Give back what the runs took, from the last one on. */
static void undo(struct place *place, const struct demand *demand) {
    while (place->run_count > 0) {
        const struct place_run *run = &place->runs[--place->run_count];

        if (place->placed_count > 0) {
            place->placed_antis -= pod_demand_keeps_apart(place->placed[--place->placed_count].pod);
        }

        node_index_take(&place->index, run->node, &demand->groups[run->group].requests,
                        -(int64_t)run->count);
    }
}

/* The node that the fewest things keep the pod from: one of each class is asked. */
static uint32_t find_least_refusal(const struct place *place, const struct pod_demand *pod) {
    const struct node_index *index = &place->index;
    size_t least = SIZE_MAX;
    uint32_t best = NODE_INDEX_NONE;
    char text[8];

    for (size_t i = 0; i < index->class_count; i++) {
        const struct node_class *class = &index->classes[i];
        uint32_t at;
        size_t count;

        if (class->count == 0) {
            continue;
        }
        at = class->leaves[0].nodes[0];
        count = node_refusal(index->nodes[at].node, pod, index->some_day, text, sizeof text);
        if (count < least || (count == least && index->nodes[at].rank < index->nodes[best].rank)) {
            least = count;
            best = at;
        }
    }
    return best;
}

/* Is there room for one more, where a rule keeps it off? */
static void find_rule(struct place *place, const struct batch *batch, struct place_miss *miss) {
    struct place_rules *rules = place_rules_create(place, batch->pod);
    struct node_search search = {0};
    const uint32_t node = node_index_next_fit(&place->index, batch->choice, &batch->needs, &search);

    if (node != NODE_INDEX_NONE && !place_rules_allow(rules, node, &miss->rule)) {
        miss->kept_off = true;
        miss->node = node;
    }
    place_rules_destroy(rules);
}

static struct place_miss find_miss(struct place *place, struct batch *batch, uint32_t placed) {
    struct place_miss miss = {.group = batch->group,
                              .placed = placed,
                              .wanted = batch->count,
                              .nodes = (uint32_t)place->index.node_count,
                              .kind = RESOURCE_NONE};
    uint32_t nearest;

    choose(place, batch);
    miss.nodes_matching = batch->choice->node_count;
    miss.nodes_held = node_index_held(&place->index, batch->choice, &miss.held_by);
    if (miss.nodes_matching == 0) {
        miss.node = find_least_refusal(place, batch->pod);
    }
    nearest = node_index_nearest(&place->index, batch->choice, &batch->needs, &miss.kind);
    if (nearest != NODE_INDEX_NONE) {
        miss.node = nearest;
        miss.needs = batch->requests->amount[miss.kind];
        miss.free = place->index.nodes[nearest].free.amount[miss.kind];
    }
    if (place_rules_concern(place, batch->pod)) {
        find_rule(place, batch, &miss);
    }
    return miss;
}

/* How many of the many pods find no room any more once the single pod is on the node. */
static uint32_t room_lost(const struct place *place, uint32_t node, const struct batch *single,
                          const struct batch *many) {
    struct resources free = place->index.nodes[node].free;
    const uint32_t before = fit_count(&many->needs, &free, many->count);

    if (before == 0 || !node_index_accepts(&place->index, many->choice, node)) {
        return 0;
    }
    resources_subtract(&free, single->requests);
    return before - fit_count(&many->needs, &free, many->count);
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
    const uint32_t placed = fill(place, batch);

    undo(place, demand);
    return placed == batch->count;
}

/* One pod and many equal ones, as a Spark driver and its executors are: with the one where it
 * costs the many least, the gang is placed if there is any way to place it. */
static bool place_pair(struct place *place, const struct demand *demand, size_t single_group) {
    struct batch single = batch_of(demand, single_group);
    struct batch many = batch_of(demand, 1 - single_group);
    uint32_t node;

    place->run_count = 0;
    if (place_rules_concern(place, single.pod) || place_rules_concern(place, many.pod) ||
        !fits_alone(place, demand, &many)) {
        return false; /* Rules decide where single pods go: what was tried is all there is. */
    }
    choose(place, &single);
    choose(place, &many);
    choose(place, &single); /* Again: the other one may have made the classes anew. */
    node = find_least_loss(place, &single, &many);
    if (node == NODE_INDEX_NONE) {
        return false;
    }
    push_run(place, &single, node, 1);
    note_placed(place, node, 1, single.pod);
    if (fill(place, &many) < many.count) {
        undo(place, demand);
        return false;
    }
    return true;
}

static bool place_in_order(struct place *place, const struct demand *demand, const uint32_t *order,
                           struct place_miss *out_miss) {
    place->run_count = 0;
    for (size_t i = 0; i < demand->group_count; i++) {
        struct batch batch = batch_of(demand, order[i]);
        uint32_t placed = 0;

        choose(place, &batch);
        if (out_miss != NULL ||
            node_index_may_hold(&place->index, batch.choice, &batch.needs, batch.count)) {
            placed = fill(place, &batch);
        }
        if (placed < batch.count) {
            if (out_miss != NULL) {
                *out_miss = find_miss(place, &batch, placed);
            }
            undo(place, demand);
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
    struct batch batch = batch_of(demand, group);

    choose(place, &batch);
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

bool place_possible(struct place *place, const struct demand *demand, struct place_miss *out_miss) {
    const bool possible = place_gang(place, demand, out_miss);

    undo(place, demand);
    return possible;
}

/* Pods that keep apart from each other, and fewer places apart than pods. */
static bool domains_are_too_few(struct place *place, struct batch *batch,
                                struct place_miss *out_miss) {
    const struct pod_rule *rule = NULL;
    uint32_t domains;

    choose(place, batch);
    domains = place_rules_domains(place, batch->pod, batch->choice, &rule);
    if (domains >= batch->count) {
        return false;
    }
    *out_miss = find_miss(place, batch, domains);
    out_miss->rule = rule;
    out_miss->kept_off = true;
    return true;
}

bool place_impossible(struct place *place, const struct demand *demand,
                      struct place_miss *out_miss) {
    for (size_t i = 0; i < demand->group_count; i++) {
        struct batch batch = batch_of(demand, i);
        uint32_t placed;

        place->run_count = 0;
        placed = fill(place, &batch);
        if (placed < batch.count) {
            *out_miss = find_miss(place, &batch, placed);
        }
        undo(place, demand);
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

    choose(place, &batch);
    return node_index_next_fit(&place->index, batch.choice, &batch.needs, &search) !=
           NODE_INDEX_NONE;
}

uint32_t place_pods(struct place *place, const struct pod_demand *pod,
                    const struct resources *requests, uint32_t count) {
    struct batch batch = batch_of_pod(pod, requests, count);

    place->run_count = 0;
    return fill(place, &batch);
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
        struct batch batch = batch_of(demand, i);

        choose(place, &batch);
        if (node_index_held(&place->index, batch.choice, &job_id) > 0) {
            return true;
        }
    }
    return false;
}

bool place_is_all_held(const struct place *place) {
    return place->index.node_count > 0 && place->index.held_count == place->index.node_count;
}
