/* The tree of a class: the most that is free below each of its parts. */
#include "policy/node_index_inside.h"

#include <string.h>

#include "base/memory.h"

#define FILL_NODES (NODE_LEAF_NODES * 2 / 3) /* of a new leaf: others may come */

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

static struct node_most most_of(const struct node_index *index, const struct node_leaf *leaf) {
    struct node_most most = lowest(index->kind_end);

    for (uint32_t i = 0; i < leaf->count; i++) {
        const struct indexed_node *node = &index->nodes[leaf->nodes[i]];

        if (node->held_by == 0) {
            raise_to_node(&most, &node->free, index->kind_end);
        }
    }
    return most;
}

static void compute_parent(const struct node_index *index, struct node_class *class, uint32_t at) {
    class->most[at] = class->most[2 * at];
    raise_to(&class->most[at], &class->most[2 * at + 1], index->kind_end);
}

void node_class_update(const struct node_index *index, struct node_class *class, uint32_t leaf) {
    class->most[class->leaf_room + leaf] = most_of(index, &class->leaves[leaf]);
    for (uint32_t at = (class->leaf_room + leaf) / 2; at > 0; at /= 2) {
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

static void build_parents(const struct node_index *index, struct node_class *class) {
    for (uint32_t at = class->leaf_room - 1; at > 0; at--) {
        compute_parent(index, class, at);
    }
}

void node_class_build_tree(const struct node_index *index, struct node_class *class) {
    const struct node_most none = lowest(index->kind_end);
    struct node_cursor cursor = {0};
    uint32_t node;

    for (uint32_t leaf = 0; leaf < class->leaf_room; leaf++) {
        class->most[class->leaf_room + leaf] =
            leaf < class->leaf_count ? most_of(index, &class->leaves[leaf]) : none;
    }
    build_parents(index, class);
    class->total = (struct resources){{0}};
    while ((node = node_class_next(class, &cursor)) != NODE_INDEX_NONE) {
        node_class_add_total(index, class, &index->nodes[node], 1);
    }
}

uint32_t node_class_next(const struct node_class *class, struct node_cursor *cursor) {
    if (cursor->leaf < class->leaf_count && cursor->at == class->leaves[cursor->leaf].count) {
        cursor->leaf++;
        cursor->at = 0;
    }
    return cursor->leaf < class->leaf_count ? class->leaves[cursor->leaf].nodes[cursor->at++]
                                            : NODE_INDEX_NONE;
}

/* Room for so many leaves; the tree is to be built. */
static void need_leaves(struct node_class *class, uint32_t count) {
    uint32_t room = class->leaf_room > 0 ? class->leaf_room : 1;

    while (room < count) {
        room *= 2;
    }
    if (room != class->leaf_room) {
        class->leaf_room = room;
        class->leaves = mem_grow(class->leaves, room, sizeof *class->leaves);
        class->most = mem_grow(class->most, (size_t)2 * room, sizeof *class->most);
    }
}

/* The nodes of the leaves from `first` on are told where they are. */
static void tell_nodes(struct node_index *index, const struct node_class *class, uint32_t first) {
    for (uint32_t leaf = first; leaf < class->leaf_count; leaf++) {
        for (uint32_t i = 0; i < class->leaves[leaf].count; i++) {
            index->nodes[class->leaves[leaf].nodes[i]].leaf = leaf;
        }
    }
}

void node_class_clear(struct node_class *class) {
    class->leaf_count = class->count = class->held_count = 0;
    class->held_by = 0;
}

void node_class_append(struct node_index *index, uint32_t class_index, uint32_t node) {
    struct node_class *class = &index->classes[class_index];
    struct node_leaf *leaf;

    if (class->count == 0 || class->leaves[class->leaf_count - 1].count >= FILL_NODES) {
        need_leaves(class, class->leaf_count + 1);
        class->leaves[class->leaf_count++].count = 0;
    }
    leaf = &class->leaves[class->leaf_count - 1];
    leaf->nodes[leaf->count++] = node;
    class->count++;
    class->held_count += index->nodes[node].held_by != 0;
    index->nodes[node].class_index = class_index;
    index->nodes[node].leaf = class->leaf_count - 1;
}

/* The leaf in whose stretch of ranks the node belongs. */
static uint32_t find_leaf(const struct node_index *index, const struct node_class *class,
                          uint64_t rank) {
    uint32_t low = 0;
    uint32_t high = class->leaf_count;

    while (high - low > 1) {
        const uint32_t middle = low + (high - low) / 2;

        if (index->nodes[class->leaves[middle].nodes[0]].rank <= rank) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

/* Half of a full leaf becomes the next one. */
static void split_leaf(struct node_index *index, struct node_class *class, uint32_t leaf) {
    const uint32_t behind = class->leaf_count - leaf - 1;
    const uint32_t room = class->leaf_room;
    struct node_leaf *from;
    struct node_most *most;

    need_leaves(class, class->leaf_count + 1);
    from = &class->leaves[leaf];
    memmove(from + 2, from + 1, behind * sizeof *from);
    class->leaf_count++;
    from[0].count = NODE_LEAF_NODES / 2;
    from[1].count = NODE_LEAF_NODES - from[0].count;
    memcpy(from[1].nodes, &from[0].nodes[from[0].count], from[1].count * sizeof *from[1].nodes);
    tell_nodes(index, class, leaf + 1);
    if (class->leaf_room != room) {
        node_class_build_tree(index, class);
        return;
    }
    most = &class->most[class->leaf_room + leaf];
    memmove(most + 2, most + 1, behind * sizeof *most);
    most[0] = most_of(index, &from[0]);
    most[1] = most_of(index, &from[1]);
    build_parents(index, class);
}

static void drop_leaf(struct node_index *index, struct node_class *class, uint32_t leaf) {
    struct node_most *most = &class->most[class->leaf_room + leaf];
    const uint32_t behind = class->leaf_count - leaf - 1;

    class->leaf_count--;
    memmove(&class->leaves[leaf], &class->leaves[leaf + 1], behind * sizeof *class->leaves);
    memmove(most, most + 1, behind * sizeof *most);
    most[behind] = lowest(index->kind_end);
    tell_nodes(index, class, leaf);
    build_parents(index, class);
}

static void put_into_leaf(const struct node_index *index, struct node_leaf *leaf, uint32_t node) {
    uint32_t at = leaf->count++;

    for (; at > 0 && index->nodes[leaf->nodes[at - 1]].rank > index->nodes[node].rank; at--) {
        leaf->nodes[at] = leaf->nodes[at - 1];
    }
    leaf->nodes[at] = node;
}

void node_class_insert(struct node_index *index, uint32_t class_index, uint32_t node) {
    struct node_class *class = &index->classes[class_index];
    uint32_t leaf;

    if (class->count == 0) {
        node_class_append(index, class_index, node);
        node_class_build_tree(index, class);
        return;
    }
    leaf = find_leaf(index, class, index->nodes[node].rank);
    if (class->leaves[leaf].count == NODE_LEAF_NODES) {
        split_leaf(index, class, leaf);
        leaf = find_leaf(index, class, index->nodes[node].rank);
    }
    put_into_leaf(index, &class->leaves[leaf], node);
    class->count++;
    index->nodes[node].class_index = class_index;
    index->nodes[node].leaf = leaf;
    node_class_add_total(index, class, &index->nodes[node], 1);
    node_class_update(index, class, leaf);
}

void node_class_remove(struct node_index *index, uint32_t node) {
    struct node_class *class = &index->classes[index->nodes[node].class_index];
    const uint32_t at_leaf = index->nodes[node].leaf;
    struct node_leaf *leaf = &class->leaves[at_leaf];
    uint32_t at = 0;

    while (leaf->nodes[at] != node) {
        at++;
    }
    leaf->count--;
    memmove(&leaf->nodes[at], &leaf->nodes[at + 1], (leaf->count - at) * sizeof *leaf->nodes);
    class->count--;
    node_class_add_total(index, class, &index->nodes[node], -1);
    if (leaf->count == 0) {
        drop_leaf(index, class, at_leaf);
    } else {
        node_class_update(index, class, at_leaf);
    }
}
