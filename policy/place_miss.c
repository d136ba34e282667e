/* What kept a group off the nodes. */
#include "policy/place_fill.h"
#include "policy/place_rules.h"

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

struct place_miss place_find_miss(struct place *place, struct batch *batch, uint32_t placed) {
    struct place_miss miss = {.group = batch->group,
                              .placed = placed,
                              .wanted = batch->count,
                              .nodes = (uint32_t)place->index.node_count,
                              .kind = RESOURCE_NONE};
    uint32_t nearest;

    place_choose(place, batch);
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
