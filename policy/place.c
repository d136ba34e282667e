#include "policy/place.h"

#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "base/memory.h"

/* Nodes are told apart by how many of a pod they hold; from here on, all are roomy. */
#define BUCKET_COUNT 64

/* Now, or some day on empty nodes. */
typedef bool accepts_fn(const struct node *node, const struct pod_demand *pod);

/* One group being placed. */
struct batch {
    const struct pod_demand *pod;
    const struct resources *requests;
    uint32_t group;
    uint32_t count;
    accepts_fn *accepts;
    bool chooses; /* the pod has a node selector or affinity */
};

void place_finish(struct place *place) {
    if (place != NULL) {
        free(place->nodes);
        free(place->runs);
        free(place->fits);
        *place = (struct place){0};
    }
}

void place_clear(struct place *place) {
    place->node_count = 0;
    place->run_count = 0;
    place->held_count = 0;
    place->largest = (struct resources){{0}};
}

void place_add_node(struct place *place, const struct node *node, const struct resources *free) {
    if (place->node_count == place->node_room) {
        place->node_room = place->node_room > 0 ? place->node_room * 2 : 16;
        place->nodes = mem_grow(place->nodes, place->node_room, sizeof *place->nodes);
        place->fits = mem_grow(place->fits, place->node_room, sizeof *place->fits);
    }
    place->nodes[place->node_count++] = (struct place_node){
        .node = node,
        .plain = node->ready && !node->unschedulable && node->taint_count == 0,
        .free = *free,
    };
    resources_max(&place->largest, &node->allocatable);
}

static void push_run(struct place *place, const struct batch *batch, size_t node, uint32_t count) {
    if (place->run_count == place->run_room) {
        place->run_room = place->run_room > 0 ? place->run_room * 2 : 16;
        place->runs = mem_grow(place->runs, place->run_room, sizeof *place->runs);
    }
    place->runs[place->run_count++] =
        (struct place_run){.group = batch->group, .node = (uint32_t)node, .count = count};
    resources_add_times(&place->nodes[node].free, batch->requests, -(int64_t)count);
}

/* The kinds of which a pod needs something, and how much of each makes a node roomy. */
struct needs {
    size_t count;
    size_t kinds[RESOURCE_KIND_MAX];
    int64_t one[RESOURCE_KIND_MAX];
    int64_t many[RESOURCE_KIND_MAX];
};

static struct needs find_needs(const struct resources *need) {
    struct needs needs = {.count = 0};

    for (size_t i = 0; i < RESOURCE_KIND_MAX; i++) {
        if (need->amount[i] > 0) {
            needs.kinds[needs.count] = i;
            needs.one[needs.count] = need->amount[i];
            needs.many[needs.count++] = amount_multiply(need->amount[i], BUCKET_COUNT);
        }
    }
    return needs;
}

/* How many of a pod there is room for; a roomy node counts as BUCKET_COUNT, without the divisions
 * that are most of the cost of a pass over many nodes. */
static uint32_t fit_count(const struct needs *needs, const struct resources *free) {
    int64_t most = BUCKET_COUNT;

    for (size_t i = 0; i < needs->count; i++) {
        const int64_t all = free->amount[needs->kinds[i]];

        if (all < needs->one[i]) {
            return 0;
        }
        if (all < needs->many[i]) {
            const int64_t fits = all / needs->one[i];

            most = fits < most ? fits : most;
        }
    }
    return (uint32_t)most;
}

/* The same of a roomy node, up to what is wanted. */
static uint32_t fit_exactly(const struct needs *needs, const struct resources *free,
                            uint32_t wanted) {
    int64_t most = wanted;

    for (size_t i = 0; i < needs->count; i++) {
        const int64_t fits = free->amount[needs->kinds[i]] / needs->one[i];

        most = fits < most ? fits : most;
    }
    return (uint32_t)most;
}

static size_t bucket_of(uint32_t fits) {
    return fits < BUCKET_COUNT ? fits : BUCKET_COUNT - 1;
}

static bool chooses_nodes(const struct pod_demand *pod) {
    return pod->selector_count > 0 || pod->term_count > 0;
}

/* The usual answer without a look at the node itself, of which there may be ten thousand. */
static bool is_accepted(const struct batch *batch, const struct place_node *node) {
    return (node->plain && !batch->chooses) || batch->accepts(node->node, batch->pod);
}

/* Fill place->fits; the smallest bucket up to which the nodes hold the whole batch. */
static size_t measure(struct place *place, const struct batch *batch, const struct needs *needs) {
    uint64_t room[BUCKET_COUNT] = {0};
    uint64_t sum = 0;
    size_t bucket = 0;

    for (size_t i = 0; i < place->node_count; i++) {
        const struct place_node *node = &place->nodes[i];
        uint32_t fits = node->held_by == 0 ? fit_count(needs, &node->free) : 0;

        if (fits > 0 && !is_accepted(batch, node)) {
            fits = 0;
        }
        place->fits[i] = fits;
        room[bucket_of(fits)] += fits;
    }
    for (; bucket + 1 < BUCKET_COUNT; bucket++) {
        sum += room[bucket];
        if (sum >= batch->count) {
            break;
        }
    }
    return bucket;
}

/* Put what fits on the nodes, the tight ones first; how many were placed. */
static uint32_t fill(struct place *place, const struct batch *batch) {
    const struct needs needs = find_needs(batch->requests);
    const size_t last = measure(place, batch, &needs);
    uint32_t left = batch->count;

    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < place->node_count && left > 0; i++) {
            const size_t bucket = bucket_of(place->fits[i]);
            uint32_t count = place->fits[i];

            if (count == 0 || (pass == 0 ? bucket >= last : bucket != last)) {
                continue;
            }
            if (count == BUCKET_COUNT) {
                count = fit_exactly(&needs, &place->nodes[i].free, left);
            }
            count = count < left ? count : left;
            push_run(place, batch, i, count);
            left -= count;
        }
    }
    return batch->count - left;
}

/* Give back what the runs took. */
static void undo(struct place *place, const struct demand *demand) {
    for (size_t i = 0; i < place->run_count; i++) {
        const struct place_run *run = &place->runs[i];

        resources_add_times(&place->nodes[run->node].free, &demand->groups[run->group].requests,
                            run->count);
    }
    place->run_count = 0;
}

/* Of one pod on one node: the kind that is shortest, and the part of the need that is free. */
static double shortest(const struct resources *need, const struct resources *free,
                       size_t *out_kind) {
    double least = 0;

    *out_kind = RESOURCE_NONE;
    for (size_t i = 0; i < RESOURCE_KIND_MAX; i++) {
        if (need->amount[i] > 0) {
            const double part = (double)free->amount[i] / (double)need->amount[i];

            if (*out_kind == RESOURCE_NONE || part < least) {
                *out_kind = i;
                least = part;
            }
        }
    }
    return least;
}

static struct place_miss find_miss(const struct place *place, const struct batch *batch,
                                   uint32_t placed) {
    struct place_miss miss = {.group = batch->group,
                              .placed = placed,
                              .wanted = batch->count,
                              .nodes = (uint32_t)place->node_count,
                              .kind = RESOURCE_NONE};
    double nearest = 0;

    for (size_t i = 0; i < place->node_count; i++) {
        const struct place_node *node = &place->nodes[i];
        size_t kind;
        double part;

        if (!is_accepted(batch, node)) {
            continue;
        }
        miss.nodes_matching++;
        if (node->held_by != 0) {
            miss.held_by = miss.nodes_held++ == 0 ? node->held_by : miss.held_by;
            continue;
        }
        part = shortest(batch->requests, &node->free, &kind);
        if (kind != RESOURCE_NONE && (miss.kind == RESOURCE_NONE || part > nearest)) {
            nearest = part;
            miss.kind = kind;
            miss.node = (uint32_t)i;
            miss.needs = batch->requests->amount[kind];
            miss.free = node->free.amount[kind];
        }
    }
    return miss;
}

static struct batch batch_of(const struct demand *demand, size_t group, accepts_fn *accepts) {
    return (struct batch){.pod = &demand->groups[group].pod,
                          .requests = &demand->groups[group].requests,
                          .group = (uint32_t)group,
                          .count = demand->groups[group].count,
                          .accepts = accepts,
                          .chooses = chooses_nodes(&demand->groups[group].pod)};
}

/* How many of the many pods find no room any more once the single pod is on the node. */
static uint32_t room_lost(const struct place_node *node, const struct batch *single,
                          const struct batch *many) {
    const struct needs needs = find_needs(many->requests);
    struct resources free = node->free;
    uint32_t before;

    if (!is_accepted(many, node) || !resources_fit(many->requests, &free)) {
        return 0;
    }
    before = fit_exactly(&needs, &free, many->count);
    resources_subtract(&free, single->requests);
    return before -
           (resources_fit(many->requests, &free) ? fit_exactly(&needs, &free, many->count) : 0);
}

/* The node on which a single pod leaves the most room for the many. */
static size_t find_least_loss(const struct place *place, const struct batch *single,
                              const struct batch *many) {
    size_t best = place->node_count;
    uint32_t least = UINT32_MAX;

    for (size_t i = 0; i < place->node_count && least > 0; i++) {
        const struct place_node *node = &place->nodes[i];

        if (node->held_by == 0 && resources_fit(single->requests, &node->free) &&
            is_accepted(single, node)) {
            const uint32_t lost = room_lost(node, single, many);

            if (lost < least) {
                best = i;
                least = lost;
            }
        }
    }
    return best;
}

/* One pod and many equal ones, as a Spark driver and its executors are: with the one where it
 * costs the many least, the gang is placed if there is any way to place it. */
static bool place_pair(struct place *place, const struct demand *demand, size_t single_group,
                       accepts_fn *accepts) {
    const struct batch single = batch_of(demand, single_group, accepts);
    const struct batch many = batch_of(demand, 1 - single_group, accepts);
    const size_t node = find_least_loss(place, &single, &many);

    place->run_count = 0;
    if (node == place->node_count) {
        return false;
    }
    push_run(place, &single, node, 1);
    if (fill(place, &many) < many.count) {
        undo(place, demand);
        return false;
    }
    return true;
}

static bool place_in_order(struct place *place, const struct demand *demand, const uint32_t *order,
                           accepts_fn *accepts, struct place_miss *out_miss) {
    place->run_count = 0;
    for (size_t i = 0; i < demand->group_count; i++) {
        const struct batch batch = batch_of(demand, order[i], accepts);
        const uint32_t placed = fill(place, &batch);

        if (placed < batch.count) {
            *out_miss = find_miss(place, &batch, placed);
            undo(place, demand);
            return false;
        }
    }
    return true;
}

/* The pod's largest share of the largest node. */
static double pod_size(const struct place *place, const struct pod_group *group) {
    double size = 0;

    for (size_t i = 0; i < RESOURCE_KIND_MAX; i++) {
        if (group->requests.amount[i] > 0) {
            const int64_t whole = place->largest.amount[i] > 0 ? place->largest.amount[i] : 1;
            const double share = (double)group->requests.amount[i] / (double)whole;

            size = share > size ? share : size;
        }
    }
    return size;
}

/* Fewer accepting nodes sort first, as larger pods do. */
static double pickiness(const struct place *place, const struct pod_group *group,
                        accepts_fn *accepts) {
    double accepting = 0;

    for (size_t i = 0; i < place->node_count; i++) {
        accepting += accepts(place->nodes[i].node, &group->pod);
    }
    return -accepting;
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
                     accepts_fn *accepts, struct place_miss *out_miss) {
    uint32_t order[DEMAND_GROUPS_MAX];

    sort_groups(demand->group_count, keys, order);
    return place_in_order(place, demand, order, accepts, out_miss);
}

static bool is_pair(const struct demand *demand) {
    return demand->group_count == 2 &&
           (demand->groups[0].count == 1 || demand->groups[1].count == 1);
}

static bool place_with(struct place *place, const struct demand *demand, accepts_fn *accepts,
                       struct place_miss *out_miss) {
    double keys[DEMAND_GROUPS_MAX];
    struct place_miss miss;

    ENSURE(demand->settled);
    for (size_t i = 0; i < demand->group_count; i++) {
        keys[i] = pod_size(place, &demand->groups[i]);
    }
    if (place_by(place, demand, keys, accepts, out_miss)) {
        return true;
    }
    if (demand->group_count < 2) {
        return false;
    }
    if (is_pair(demand)) {
        return place_pair(place, demand, demand->groups[0].count == 1 ? 0 : 1, accepts);
    }
    for (size_t i = 0; i < demand->group_count; i++) {
        keys[i] = pickiness(place, &demand->groups[i], accepts);
    }
    return place_by(place, demand, keys, accepts, &miss);
}

bool place_gang(struct place *place, const struct demand *demand, struct place_miss *out_miss) {
    return place_with(place, demand, node_accepts, out_miss);
}

bool place_possible(struct place *empty, const struct demand *demand, struct place_miss *out_miss) {
    const bool possible = place_with(empty, demand, node_might_accept, out_miss);

    undo(empty, demand);
    return possible;
}

/* A group alone is placed if there is any way to. */
static bool fits_alone(struct place *empty, const struct demand *demand, size_t group,
                       struct place_miss *out_miss) {
    const struct batch batch = batch_of(demand, group, node_might_accept);
    uint32_t placed;

    empty->run_count = 0;
    placed = fill(empty, &batch);
    if (placed < batch.count) {
        *out_miss = find_miss(empty, &batch, placed);
    }
    undo(empty, demand);
    return placed == batch.count;
}

bool place_impossible(struct place *empty, const struct demand *demand,
                      struct place_miss *out_miss) {
    for (size_t i = 0; i < demand->group_count; i++) {
        if (!fits_alone(empty, demand, i, out_miss)) {
            return true;
        }
    }
    return is_pair(demand) && !place_possible(empty, demand, out_miss);
}

bool place_pod_possible(const struct place *empty, const struct pod_demand *pod,
                        const struct resources *requests) {
    for (size_t i = 0; i < empty->node_count; i++) {
        if (resources_fit(requests, &empty->nodes[i].free) &&
            node_might_accept(empty->nodes[i].node, pod)) {
            return true;
        }
    }
    return false;
}

uint32_t place_pods(struct place *place, const struct pod_demand *pod,
                    const struct resources *requests, uint32_t count) {
    const struct batch batch = {.pod = pod,
                                .requests = requests,
                                .count = count,
                                .accepts = node_accepts,
                                .chooses = chooses_nodes(pod)};
    uint32_t placed;

    place->run_count = 0;
    placed = fill(place, &batch);
    place->run_count = 0;
    return placed;
}

void place_hold_for_pod(struct place *place, const struct pod_demand *pod, uint64_t job_id) {
    ENSURE(job_id != 0);
    for (size_t i = 0; i < place->node_count; i++) {
        struct place_node *node = &place->nodes[i];

        if (node->held_by == 0 && node_accepts(node->node, pod)) {
            node->held_by = job_id;
            place->held_count++;
        }
    }
}

void place_hold(struct place *place, const struct demand *demand, uint64_t job_id) {
    for (size_t i = 0; i < demand->group_count; i++) {
        place_hold_for_pod(place, &demand->groups[i].pod, job_id);
    }
}
