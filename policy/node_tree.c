/* The tree of a class: the most that is free below each of its parts. */
#include "policy/node_index_inside.h"

#include "base/memory.h"

static void raise_to(struct node_most *most, const struct node_most *other, size_t kind_end) {
    for (size_t i = 0; i < kind_end; i++) {
        if (other->free.amount[i] > most->free.amount[i]) {
            most->free.amount[i] = other->free.amount[i];
        }
    }
    for (size_t i = 0; i < NODE_CPU_LEVELS; i++) {
        if (other->memory_at[i] > most->memory_at[i]) {
            most->memory_at[i] = other->memory_at[i];
        }
    }
}

/* Of what no node has, nothing is free at best. */
static struct node_most lowest(size_t kind_end) {
    struct node_most low = {.free = {{0}}};

    for (size_t i = 0; i < kind_end; i++) {
        low.free.amount[i] = INT64_MIN;
    }
    for (size_t i = 0; i < NODE_CPU_LEVELS; i++) {
        low.memory_at[i] = INT64_MIN;
    }
    return low;
}

static void raise_to_node(struct node_most *most, const struct resources *free, size_t kind_end) {
    for (size_t i = 0; i < kind_end; i++) {
        if (free->amount[i] > most->free.amount[i]) {
            most->free.amount[i] = free->amount[i];
        }
    }
    for (size_t i = 0; i < NODE_CPU_LEVELS; i++) {
        if (free->amount[RESOURCE_CPU] < NODE_CPU_LEVEL_LEAST << i) {
            break;
        }
        if (free->amount[RESOURCE_MEMORY] > most->memory_at[i]) {
            most->memory_at[i] = free->amount[RESOURCE_MEMORY];
        }
    }
}

static void compute_leaf(const struct node_index *index, struct node_class *class, uint32_t leaf) {
    const uint32_t first = leaf * NODE_LEAF_NODES;
    struct node_most most = lowest(index->kind_end);

    for (uint32_t slot = first; slot < first + NODE_LEAF_NODES && slot < class->count; slot++) {
        const struct indexed_node *node = &index->nodes[class->nodes[slot]];

        if (node->held_by == 0) {
            raise_to_node(&most, &node->free, index->kind_end);
        }
    }
    class->most[class->leaf_count + leaf] = most;
}

static void compute_parent(const struct node_index *index, struct node_class *class, uint32_t at) {
    class->most[at] = class->most[2 * at];
    raise_to(&class->most[at], &class->most[2 * at + 1], index->kind_end);
}

void node_class_update(const struct node_index *index, struct node_class *class, uint32_t slot) {
    compute_leaf(index, class, slot / NODE_LEAF_NODES);
    for (uint32_t at = (class->leaf_count + slot / NODE_LEAF_NODES) / 2; at > 0; at /= 2) {
        compute_parent(index, class, at);
    }
}

void node_class_add_total(const struct node_index *index, struct node_class *class,
                          const struct indexed_node *node, int64_t times) {
    if (node->held_by != 0) {
        return;
    }
    for (size_t i = 0; i < index->kind_end; i++) {
        if (node->free.amount[i] > 0) {
            class->total.amount[i] =
                amount_add(class->total.amount[i], times * node->free.amount[i]);
        }
    }
}

void node_class_build_tree(const struct node_index *index, struct node_class *class) {
    uint32_t leaves = 1;

    while (leaves * NODE_LEAF_NODES < class->count) {
        leaves *= 2;
    }
    class->leaf_count = leaves;
    class->most = mem_grow(class->most, (size_t)2 * leaves, sizeof *class->most);
    class->total = (struct resources){{0}};
    for (uint32_t leaf = 0; leaf < leaves; leaf++) {
        compute_leaf(index, class, leaf);
    }
    for (uint32_t at = leaves - 1; at > 0; at--) {
        compute_parent(index, class, at);
    }
    for (uint32_t slot = 0; slot < class->count; slot++) {
        node_class_add_total(index, class, &index->nodes[class->nodes[slot]], 1);
    }
}
