#include "policy/order_tree.h"

#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "base/memory.h"
#include "policy/share.h"

/* --- What goes before what ------------------------------------------------------------------- */

static bool leaf_goes_before(const struct leaf *a, const struct leaf *b) {
    if (a->rank != b->rank) {
        return a->rank < b->rank;
    }
    if (a->eligible_us != b->eligible_us) {
        return a->eligible_us < b->eligible_us;
    }
    return a->job_id < b->job_id;
}

static bool compare_leaves(void *context, const struct heap_item *a, const struct heap_item *b) {
    (void)context;
    return leaf_goes_before((const struct leaf *)a, (const struct leaf *)b);
}

static const struct leaf *lane_first(const struct lane *lane) {
    return (const struct leaf *)heap_top(&lane->leaves);
}

static bool compare_lanes(void *context, const struct heap_item *a, const struct heap_item *b) {
    (void)context;
    return leaf_goes_before(lane_first((const struct lane *)a), lane_first((const struct lane *)b));
}

void order_look_up_share(const struct order *order, struct branch *branch) {
    if (order->settings.mode == ORDER_FAIR) {
        branch->share = share_value(order->share, branch->node, order->now_us);
        branch->is_borrowing = share_is_borrowing(order->share, branch->node);
    }
}

/* Put what is below the branch in this pass's order. */
static void refresh(const struct order *order, struct branch *branch) {
    if (branch->pass == order->pass) {
        return;
    }
    branch->pass = order->pass;
    if (branch->holds_lanes || order->settings.mode != ORDER_FAIR) {
        return;
    }
    for (uint32_t i = 0; i < branch->below.count; i++) {
        order_look_up_share(order, (struct branch *)branch->below.items[i]);
    }
    heap_fix_all(&branch->below);
}

/* The first on offer below a branch that has something on offer. */
struct leaf *order_first_of(const struct order *order, struct branch *branch) {
    while (!branch->holds_lanes) {
        refresh(order, branch);
        branch = (struct branch *)heap_top(&branch->below);
    }
    return (struct leaf *)heap_top(&((struct lane *)heap_top(&branch->below))->leaves);
}

/* Of two siblings in the share tree, perhaps of different trees here. */
static bool sibling_goes_before(const struct order *order, const struct branch *a,
                                const struct branch *b) {
    if (a->is_borrowing != b->is_borrowing) {
        return b->is_borrowing;
    }
    if (a->share < b->share || b->share < a->share) {
        return a->share < b->share;
    }
    return share_sibling_order(order->share, a->node, b->node) < 0;
}

static bool compare_branches(void *context, const struct heap_item *a, const struct heap_item *b) {
    const struct order *order = context;

    if (order->settings.mode != ORDER_FAIR) {
        return leaf_goes_before(order_first_of(order, (struct branch *)(uintptr_t)a),
                                order_first_of(order, (struct branch *)(uintptr_t)b));
    }
    return sibling_goes_before(order, (const struct branch *)a, (const struct branch *)b);
}

/* The first jobs of two trees of one tier: by their users' ways down the share tree. */
bool order_goes_before(const struct order *order, const struct leaf *a, const struct leaf *b) {
    const struct branch *one = a->lane->branch;
    const struct branch *other = b->lane->branch;

    if (order->settings.mode != ORDER_FAIR || one->node == other->node) {
        return leaf_goes_before(a, b);
    }
    while (one->depth > other->depth) {
        one = one->parent;
    }
    while (other->depth > one->depth) {
        other = other->parent;
    }
    while (one->parent->node != other->parent->node) {
        one = one->parent;
        other = other->parent;
    }
    return sibling_goes_before(order, one, other);
}

/* --- Up and down the tree -------------------------------------------------------------------- */

void order_keep(struct heap *heap, struct heap_item *item, bool wanted) {
    if (!wanted && item->place != 0) {
        heap_remove(heap, item);
    } else if (wanted && item->place == 0) {
        heap_push(heap, item);
    } else if (wanted) {
        heap_fix(heap, item);
    }
}

void order_branch_changed(struct order *order, struct branch *branch) {
    for (; branch->parent != NULL; branch = branch->parent) {
        if (branch->item.place == 0) {
            order_look_up_share(order, branch); /* Nobody did while it was out. */
        }
        order_keep(&branch->parent->below, &branch->item,
                   branch->below.count > 0 && !order->is_shut[branch->node]);
    }
}

void order_lane_changed(struct order *order, struct lane *lane) {
    order_keep(&lane->branch->below, &lane->item,
               lane->leaves.count > 0 && !order->spaces[lane->namespace_index].is_shut);
    order_branch_changed(order, lane->branch);
}

/* --- Making and unmaking --------------------------------------------------------------------- */

void order_node_room(struct order *order, uint32_t node) {
    if (node >= order->node_count) {
        order->is_shut = mem_grow(order->is_shut, 2 * (size_t)node + 1, sizeof *order->is_shut);
        memset(&order->is_shut[order->node_count], 0, 2 * (size_t)node + 1 - order->node_count);
        order->node_count = 2 * (size_t)node + 1;
    }
}

void order_space_room(struct order *order, size_t namespace_index) {
    if (namespace_index >= order->space_count) {
        const size_t room = 2 * namespace_index + 1;

        order->spaces = mem_grow(order->spaces, room, sizeof *order->spaces);
        memset(&order->spaces[order->space_count], 0,
               (room - order->space_count) * sizeof *order->spaces);
        order->space_count = room;
    }
}

struct branch *order_need_branch(struct order *order, struct tree *tree, uint32_t node) {
    struct branch *branch = map_get_id(&tree->branches, node);

    if (branch != NULL) {
        return branch;
    }
    order_node_room(order, node);
    branch = mem_alloc(1, sizeof *branch);
    branch->tree = tree;
    branch->node = node;
    branch->below = (struct heap){.before = compare_branches, .context = order};
    order_look_up_share(order, branch);
    (void)map_put_id(&tree->branches, node, branch);
    if (node != SHARE_ROOT) {
        branch->parent = order_need_branch(order, tree, share_parent(order->share, node));
        branch->parent->members++;
        branch->depth = branch->parent->depth + 1;
    }
    return branch;
}

static bool is_before(const struct tree *tree, int32_t tier, uint64_t where) {
    return tree->tier > tier || (tree->tier == tier && tree->where < where);
}

struct tree *order_need_tree(struct order *order, int32_t tier, uint64_t where) {
    struct tree *tree;
    size_t at = 0;

    while (at < order->tree_count && is_before(order->trees[at], tier, where)) {
        at++;
    }
    if (at < order->tree_count && order->trees[at]->tier == tier &&
        order->trees[at]->where == where) {
        return order->trees[at];
    }
    tree = mem_alloc(1, sizeof *tree);
    tree->tier = tier;
    tree->where = where;
    order->trees = mem_grow(order->trees, order->tree_count + 1, sizeof(struct tree *));
    memmove(&order->trees[at + 1], &order->trees[at],
            (order->tree_count - at) * sizeof(struct tree *));
    order->trees[at] = tree;
    order->tree_count++;
    tree->root = order_need_branch(order, tree, SHARE_ROOT);
    return tree;
}

static struct lane *find_lane(const struct space *space, const struct branch *branch) {
    for (size_t i = 0; i < space->lane_count; i++) {
        if (space->lanes[i]->branch == branch) {
            return space->lanes[i];
        }
    }
    return NULL;
}

struct lane *order_need_lane(struct order *order, struct branch *branch, size_t namespace_index) {
    struct space *space;
    struct lane *lane;

    order_space_room(order, namespace_index);
    space = &order->spaces[namespace_index];
    lane = find_lane(space, branch);
    if (lane == NULL) {
        lane = mem_alloc(1, sizeof *lane);
        lane->branch = branch;
        lane->namespace_index = namespace_index;
        lane->leaves.before = compare_leaves;
        branch->holds_lanes = true;
        branch->below.before = compare_lanes;
        branch->members++;
        space->lanes = mem_grow(space->lanes, space->lane_count + 1, sizeof(struct lane *));
        space->lanes[space->lane_count++] = lane;
    }
    return lane;
}

static void drop_tree(struct order *order, struct tree *tree) {
    size_t at = 0;

    while (order->trees[at] != tree) {
        at++;
    }
    order->tree_count--;
    memmove(&order->trees[at], &order->trees[at + 1],
            (order->tree_count - at) * sizeof(struct tree *));
    map_finish(&tree->branches);
    free(tree);
}

static void drop_branch(struct order *order, struct branch *branch) {
    struct tree *tree = branch->tree;

    while (branch != NULL && --branch->members == 0) {
        struct branch *parent = branch->parent;

        ENSURE(branch->below.count == 0 && branch->item.place == 0);
        (void)map_remove_id(&tree->branches, branch->node);
        heap_finish(&branch->below);
        free(branch);
        branch = parent;
    }
    if (tree->branches.count == 0) {
        drop_tree(order, tree);
    }
}

void order_drop_lane(struct order *order, struct lane *lane) {
    struct space *space = &order->spaces[lane->namespace_index];

    if (--lane->members > 0) {
        return;
    }
    for (size_t i = 0; i < space->lane_count; i++) {
        if (space->lanes[i] == lane) {
            space->lanes[i] = space->lanes[--space->lane_count];
            break;
        }
    }
    drop_branch(order, lane->branch);
    heap_finish(&lane->leaves);
    free(lane);
}
