#include "policy/place_fill.h"

#include "base/memory.h"
#include "policy/place_rules.h"

void place_push_run(struct place *place, const struct batch *batch, uint32_t node, uint32_t count) {
    if (place->run_count == place->run_room) {
        place->run_room = place->run_room > 0 ? place->run_room * 2 : 16;
        place->runs = mem_grow(place->runs, place->run_room, sizeof *place->runs);
    }
    place->runs[place->run_count++] =
        (struct place_run){.group = batch->group, .node = node, .count = count};
    node_index_take(&place->index, node, batch->requests, count);
}

/* How many pods find room, up to `wanted`. */
uint32_t place_fit_count(const struct node_needs *needs, const struct resources *free,
                         uint32_t wanted) {
    int64_t most = wanted;

    for (size_t i = 0; i < needs->count; i++) {
        const int64_t fits = free->amount[needs->kinds[i]] / needs->amounts[i];

        most = fits < most ? fits : most;
    }
    return most > 0 ? (uint32_t)most : 0;
}

struct batch place_batch_of(const struct demand *demand, size_t group) {
    const struct pod_group *from = &demand->groups[group];

    return (struct batch){.pod = &from->pod,
                          .requests = &from->requests,
                          .where_hash = from->where_hash,
                          .group = (uint32_t)group,
                          .count = from->count,
                          .needs = node_needs_of(&from->requests)};
}

/* The choice is valid until another one is asked for. */
void place_choose(struct place *place, struct batch *batch) {
    batch->choice = node_index_choice(&place->index, batch->pod, batch->where_hash);
}

void place_note(struct place *place, uint32_t node, uint32_t count, const struct pod_demand *pod) {
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
        place_push_run(place, batch, node, 1);
        place_note(place, node, 1, batch->pod);
        place_rules_note(rules, node);
    }
    place_rules_destroy(rules);
    return placed;
}

/* Put what fits on the nodes; how many were placed. */
uint32_t place_fill(struct place *place, struct batch *batch) {
    struct node_search search = {0};
    uint32_t left = batch->count;

    place_choose(place, batch);
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
        count = place_fit_count(&batch->needs, &place->index.nodes[node].free, left);
        place_push_run(place, batch, node, count);
        place_note(place, node, count, batch->pod);
        left -= count;
    }
    return batch->count - left;
}

/* Give back what the runs took, from the last one on. */
void place_undo(struct place *place, const struct demand *demand) {
    while (place->run_count > 0) {
        const struct place_run *run = &place->runs[--place->run_count];

        if (place->placed_count > 0) {
            place->placed_antis -= pod_demand_keeps_apart(place->placed[--place->placed_count].pod);
        }

        node_index_take(&place->index, run->node, &demand->groups[run->group].requests,
                        -(int64_t)run->count);
    }
}
