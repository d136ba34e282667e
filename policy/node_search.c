/* The next node with room, and the nearest to it. */
#include "policy/node_index_inside.h"

#include "base/memory.h"

struct node_needs node_needs_of(const struct resources *need) {
    struct node_needs needs = {.cpu_level = NODE_CPU_LEVELS,
                               .memory = need->amount[RESOURCE_MEMORY]};

    for (size_t i = 0; i < RESOURCE_KIND_MAX; i++) {
        if (need->amount[i] > 0) {
            needs.kinds[needs.count] = i;
            needs.amounts[needs.count++] = need->amount[i];
        }
    }
    for (size_t i = 0; i < NODE_CPU_LEVELS; i++) {
        if (need->amount[RESOURCE_CPU] >= NODE_CPU_LEVEL_LEAST << i) {
            needs.cpu_level = i;
        }
    }
    return needs;
}

static bool covers(const struct resources *free, const struct node_needs *needs) {
    for (size_t i = 0; i < needs->count; i++) {
        if (free->amount[needs->kinds[i]] < needs->amounts[i]) {
            return false;
        }
    }
    return true;
}

/* May one of these nodes have room? */
static bool may_cover(const struct node_most *most, const struct node_needs *needs) {
    return (needs->cpu_level == NODE_CPU_LEVELS || needs->memory <= 0 ||
            most->memory_at[needs->cpu_level] >= needs->memory) &&
           covers(&most->free, needs);
}

/* Behind this part of the tree; 0: it was the last. */
static uint32_t next_subtree(uint32_t at) {
    while ((at & 1) != 0) {
        at /= 2;
    }
    return at == 0 ? 0 : at + 1;
}

/* The first leaf from `leaf` on that may have room; leaf_count: none. */
static uint32_t next_leaf(const struct node_class *class, const struct node_needs *needs,
                          uint32_t leaf) {
    uint32_t at = leaf < class->leaf_count ? class->leaf_room + leaf : 0;

    while (at != 0) {
        if (!may_cover(&class->most[at], needs)) {
            at = next_subtree(at);
        } else if (at >= class->leaf_room) {
            return at - class->leaf_room;
        } else {
            at *= 2;
        }
    }
    return class->leaf_count;
}

/* The first with room from this place on; NODE_INDEX_NONE: none. */
static uint32_t next_with_room(const struct node_index *index, const struct node_choice *choice,
                               const struct node_class *class, const struct node_needs *needs,
                               struct node_cursor from) {
    while (from.leaf < class->leaf_count) {
        const struct node_leaf *leaf = &class->leaves[from.leaf];

        for (; from.at < leaf->count; from.at++) {
            const struct indexed_node *node = &index->nodes[leaf->nodes[from.at]];

            if (node->held_by == 0 && covers(&node->free, needs) &&
                node_index_accepts(index, choice, leaf->nodes[from.at])) {
                return leaf->nodes[from.at];
            }
        }
        from = (struct node_cursor){.leaf = next_leaf(class, needs, from.leaf + 1)};
    }
    return NODE_INDEX_NONE;
}

/* The class's next node with room, from a place on. */
static uint32_t next_in_class(const struct node_index *index, const struct node_choice *choice,
                              uint32_t at, const struct node_needs *needs,
                              struct node_cursor from) {
    const struct node_class *class = &index->classes[choice->classes[at]];

    if (class->count == 0 || class->held_by != 0 || !may_cover(&class->most[1], needs)) {
        return NODE_INDEX_NONE;
    }
    return next_with_room(index, choice, class, needs, from);
}

static bool goes_before(const struct node_index *index, uint32_t a, uint32_t b) {
    return b == NODE_INDEX_NONE || index->nodes[a].rank < index->nodes[b].rank;
}

/* The place behind a node. */
static struct node_cursor behind(const struct node_index *index, uint32_t node) {
    const struct indexed_node *of = &index->nodes[node];
    const struct node_leaf *leaf = &index->classes[of->class_index].leaves[of->leaf];
    struct node_cursor cursor = {.leaf = of->leaf};

    while (leaf->nodes[cursor.at] != node) {
        cursor.at++;
    }
    cursor.at++;
    return cursor;
}

static void start_search(struct node_index *index, const struct node_choice *choice,
                         const struct node_needs *needs) {
    if (choice->class_count > index->cursor_room) {
        index->cursor_room = choice->class_count;
        index->cursors = mem_grow(index->cursors, index->cursor_room, sizeof *index->cursors);
    }
    for (uint32_t i = 0; i < choice->class_count; i++) {
        index->cursors[i] = next_in_class(index, choice, i, needs, (struct node_cursor){0});
    }
}

/* The lowest rank of what each class offers: the order does not depend on the classes. */
uint32_t node_index_next_fit(struct node_index *index, const struct node_choice *choice,
                             const struct node_needs *needs, struct node_search *search) {
    uint32_t best = NODE_INDEX_NONE;
    uint32_t best_class = 0;

    if (!search->started) {
        start_search(index, choice, needs);
        search->started = true;
    }
    for (uint32_t i = 0; i < choice->class_count; i++) {
        const uint32_t node = index->cursors[i];

        if (node != NODE_INDEX_NONE && goes_before(index, node, best)) {
            best = node;
            best_class = i;
        }
    }
    if (best != NODE_INDEX_NONE) {
        index->cursors[best_class] =
            next_in_class(index, choice, best_class, needs, behind(index, best));
    }
    return best;
}

bool node_index_may_hold(const struct node_index *index, const struct node_choice *choice,
                         const struct node_needs *needs, uint32_t count) {
    for (size_t i = 0; i < needs->count; i++) {
        int64_t total = 0;

        for (uint32_t j = 0; j < choice->class_count; j++) {
            const struct node_class *class = &index->classes[choice->classes[j]];

            if (class->held_by == 0) {
                total = amount_add(total, class->total.amount[needs->kinds[i]]);
            }
        }
        if (total / needs->amounts[i] < count) {
            return false;
        }
    }
    return count == 0 || choice->class_count > 0;
}

/* The least part of a need that is free, and of which kind. */
static double least_part(const struct resources *free, const struct node_needs *needs,
                         size_t *out_kind) {
    double least = 0;

    *out_kind = RESOURCE_NONE;
    for (size_t i = 0; i < needs->count; i++) {
        const double part = (double)free->amount[needs->kinds[i]] / (double)needs->amounts[i];

        if (i == 0 || part < least) {
            *out_kind = needs->kinds[i];
            least = part;
        }
    }
    return least;
}

struct nearest {
    uint32_t node;
    size_t kind;
    double part;
};

static void nearest_in_leaf(const struct node_index *index, const struct node_choice *choice,
                            const struct node_leaf *leaf, const struct node_needs *needs,
                            struct nearest *best) {
    for (uint32_t i = 0; i < leaf->count; i++) {
        const uint32_t at = leaf->nodes[i];
        size_t kind;
        double part;

        if (index->nodes[at].held_by != 0 || !node_index_accepts(index, choice, at)) {
            continue;
        }
        part = least_part(&index->nodes[at].free, needs, &kind);
        if (best->node == NODE_INDEX_NONE || part > best->part ||
            (part >= best->part && goes_before(index, at, best->node))) {
            *best = (struct nearest){at, kind, part};
        }
    }
}

/* The first node of a part of the tree; NODE_INDEX_NONE: it has none. */
static uint32_t first_below(const struct node_class *class, uint32_t at) {
    while (at < class->leaf_room) {
        at *= 2;
    }
    return at - class->leaf_room < class->leaf_count ? class->leaves[at - class->leaf_room].nodes[0]
                                                     : NODE_INDEX_NONE;
}

/* May a part of the tree have a nearer node, or one as near that goes before the best? */
static bool may_be_nearer(const struct node_index *index, const struct node_class *class,
                          const struct node_needs *needs, uint32_t at, const struct nearest *best) {
    const uint32_t first = first_below(class, at);
    size_t kind;
    double part;

    if (first == NODE_INDEX_NONE || best->node == NODE_INDEX_NONE) {
        return first != NODE_INDEX_NONE;
    }
    part = least_part(&class->most[at].free, needs, &kind);
    return part > best->part || (part >= best->part && goes_before(index, first, best->node));
}

/* Only where something nearer may be. */
static void nearest_in_class(const struct node_index *index, const struct node_choice *choice,
                             const struct node_class *class, const struct node_needs *needs,
                             struct nearest *best) {
    for (uint32_t at = class->held_by == 0 && class->count > 0 ? 1 : 0; at != 0;) {
        if (!may_be_nearer(index, class, needs, at, best)) {
            at = next_subtree(at);
        } else if (at < class->leaf_room) {
            at *= 2;
        } else {
            nearest_in_leaf(index, choice, &class->leaves[at - class->leaf_room], needs, best);
            at = next_subtree(at);
        }
    }
}

uint32_t node_index_nearest(const struct node_index *index, const struct node_choice *choice,
                            const struct node_needs *needs, size_t *out_kind) {
    struct nearest best = {.node = NODE_INDEX_NONE, .kind = RESOURCE_NONE};

    for (uint32_t i = 0; needs->count > 0 && i < choice->class_count; i++) {
        nearest_in_class(index, choice, &index->classes[choice->classes[i]], needs, &best);
    }
    *out_kind = best.kind;
    return best.node;
}

/* The same of one class, of which something is held. */
static uint32_t count_held(const struct node_index *index, const struct node_choice *choice,
                           const struct node_class *class, uint32_t *first) {
    struct node_cursor cursor = {0};
    uint32_t count = 0;
    uint32_t at;

    if (class->held_by != 0 && !choice->by_node) { /* All of it. */
        at = class->leaves[0].nodes[0];
        *first = goes_before(index, at, *first) ? at : *first;
        return class->count;
    }
    while ((at = node_class_next(class, &cursor)) != NODE_INDEX_NONE) {
        if (node_index_holder(index, at) != 0 && node_index_accepts(index, choice, at)) {
            *first = goes_before(index, at, *first) ? at : *first;
            count++;
        }
    }
    return count;
}

uint32_t node_index_held(const struct node_index *index, const struct node_choice *choice,
                         uint64_t *out_job_id) {
    uint32_t first = NODE_INDEX_NONE;
    uint32_t count = 0;

    for (uint32_t i = 0; i < choice->class_count; i++) {
        const struct node_class *class = &index->classes[choice->classes[i]];

        if (class->count > 0 && (class->held_by != 0 || class->held_count > 0)) {
            count += count_held(index, choice, class, &first);
        }
    }
    *out_job_id = first != NODE_INDEX_NONE ? node_index_holder(index, first) : 0;
    return count;
}
