#include "policy/order.h"

#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "base/map.h"
#include "base/memory.h"
#include "policy/heap.h"
#include "policy/resources.h"
#include "policy/share.h"

/* Each tier, and each kind of nodes that its jobs ask for, has a tree of heaps that mirrors the
 * share tree: when those nodes are kept for somebody, all of it is shut at once. A user's branch
 * holds lanes, one for each namespace; a lane holds leaves, the shapes on offer. What is empty or
 * shut is in no heap. Shares are looked up once in a pass, and only where somebody looks. */

/* Each begins with its heap's item, so an item is the thing itself. */
struct leaf {
    struct heap_item item;
    uint32_t shape;
    int32_t priority;
    struct lane *lane;
    int64_t rank; /* the lower, the sooner; then the longest eligible; then the lowest id */
    int64_t eligible_us;
    uint64_t job_id;
};

struct lane {
    struct heap_item item;
    struct branch *branch;
    size_t namespace_index;
    struct heap leaves;
    size_t members; /* shapes that were added, on offer or not */
};

struct branch {
    struct heap_item item;
    struct branch *parent; /* NULL: the root of a tree */
    struct tree *tree;
    uint32_t node;
    uint32_t depth;
    bool holds_lanes;
    struct heap below;
    size_t members; /* lanes or branches that exist below it */
    uint64_t pass;  /* what is below it is in the order of this pass */
    double share;
    bool is_borrowing;
};

struct tree {
    int32_t tier;
    uint64_t where;
    struct branch *root;
    struct map branches; /* by node */
    uint64_t shut_for;   /* a job; 0: it is open */
};

struct space {
    bool is_shut;
    struct lane **lanes;
    size_t lane_count;
};

struct order {
    const struct share *share;
    struct order_settings settings;
    int64_t now_us;
    uint64_t pass;
    struct leaf **leaves; /* by shape; NULL: not added */
    size_t leaf_room;
    struct tree **trees; /* the highest tier first, then by `where` */
    size_t tree_count;
    struct space *spaces; /* by namespace */
    size_t space_count;
    bool *is_shut; /* by node */
    size_t node_count;
    uint32_t *shut_nodes;
    size_t shut_count;
};

static const char *const mode_texts[ORDER_MODE_COUNT] = {
    [ORDER_FIFO] = "fifo",
    [ORDER_PRIORITY] = "priority",
    [ORDER_FAIR] = "fair",
};

const char *order_mode_text(enum order_mode mode) {
    ENSURE(mode < ORDER_MODE_COUNT);
    return mode_texts[mode];
}

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

static void look_up_share(const struct order *order, struct branch *branch) {
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
        look_up_share(order, (struct branch *)branch->below.items[i]);
    }
    heap_fix_all(&branch->below);
}

/* The first on offer below a branch that has something on offer. */
static struct leaf *first_of(const struct order *order, struct branch *branch) {
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
        return leaf_goes_before(first_of(order, (struct branch *)(uintptr_t)a),
                                first_of(order, (struct branch *)(uintptr_t)b));
    }
    return sibling_goes_before(order, (const struct branch *)a, (const struct branch *)b);
}

/* The first jobs of two trees of one tier: by their users' ways down the share tree. */
static bool goes_before(const struct order *order, const struct leaf *a, const struct leaf *b) {
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

static void keep(struct heap *heap, struct heap_item *item, bool wanted) {
    if (!wanted && item->place != 0) {
        heap_remove(heap, item);
    } else if (wanted && item->place == 0) {
        heap_push(heap, item);
    } else if (wanted) {
        heap_fix(heap, item);
    }
}

static void branch_changed(struct order *order, struct branch *branch) {
    for (; branch->parent != NULL; branch = branch->parent) {
        if (branch->item.place == 0) {
            look_up_share(order, branch); /* Nobody did while it was out. */
        }
        keep(&branch->parent->below, &branch->item,
             branch->below.count > 0 && !order->is_shut[branch->node]);
    }
}

static void lane_changed(struct order *order, struct lane *lane) {
    keep(&lane->branch->below, &lane->item,
         lane->leaves.count > 0 && !order->spaces[lane->namespace_index].is_shut);
    branch_changed(order, lane->branch);
}

/* --- Making and unmaking --------------------------------------------------------------------- */

static void node_room(struct order *order, uint32_t node) {
    if (node >= order->node_count) {
        order->is_shut = mem_grow(order->is_shut, 2 * (size_t)node + 1, sizeof *order->is_shut);
        memset(&order->is_shut[order->node_count], 0, 2 * (size_t)node + 1 - order->node_count);
        order->node_count = 2 * (size_t)node + 1;
    }
}

static void space_room(struct order *order, size_t namespace_index) {
    if (namespace_index >= order->space_count) {
        const size_t room = 2 * namespace_index + 1;

        order->spaces = mem_grow(order->spaces, room, sizeof *order->spaces);
        memset(&order->spaces[order->space_count], 0,
               (room - order->space_count) * sizeof *order->spaces);
        order->space_count = room;
    }
}

static struct branch *need_branch(struct order *order, struct tree *tree, uint32_t node) {
    struct branch *branch = map_get_id(&tree->branches, node);

    if (branch != NULL) {
        return branch;
    }
    node_room(order, node);
    branch = mem_alloc(1, sizeof *branch);
    branch->tree = tree;
    branch->node = node;
    branch->below = (struct heap){.before = compare_branches, .context = order};
    look_up_share(order, branch);
    (void)map_put_id(&tree->branches, node, branch);
    if (node != SHARE_ROOT) {
        branch->parent = need_branch(order, tree, share_parent(order->share, node));
        branch->parent->members++;
        branch->depth = branch->parent->depth + 1;
    }
    return branch;
}

static bool is_before(const struct tree *tree, int32_t tier, uint64_t where) {
    return tree->tier > tier || (tree->tier == tier && tree->where < where);
}

static struct tree *need_tree(struct order *order, int32_t tier, uint64_t where) {
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
    tree->root = need_branch(order, tree, SHARE_ROOT);
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

static struct lane *need_lane(struct order *order, struct branch *branch, size_t namespace_index) {
    struct space *space;
    struct lane *lane;

    space_room(order, namespace_index);
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

static void drop_lane(struct order *order, struct lane *lane) {
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

struct order *order_create(const struct share *share) {
    struct order *order = mem_alloc(1, sizeof *order);

    order->share = share;
    order->settings.mode = ORDER_PRIORITY;
    node_room(order, SHARE_ROOT);
    return order;
}

static void forget_shapes(struct order *order) {
    for (size_t i = 0; i < order->leaf_room; i++) {
        if (order->leaves[i] != NULL) {
            order_remove(order, (uint32_t)i);
        }
    }
}

void order_destroy(struct order *order) {
    if (order == NULL) {
        return;
    }
    forget_shapes(order);
    for (size_t i = 0; i < order->space_count; i++) {
        free(order->spaces[i].lanes);
    }
    free(order->spaces);
    free(order->leaves);
    free(order->trees);
    free(order->is_shut);
    free(order->shut_nodes);
    free(order);
}

static void open_nodes(struct order *order) {
    for (size_t i = 0; i < order->shut_count; i++) {
        const uint32_t node = order->shut_nodes[i];

        order->is_shut[node] = false;
        for (size_t j = 0; j < order->tree_count; j++) {
            struct branch *branch = map_get_id(&order->trees[j]->branches, node);

            if (branch != NULL) {
                branch_changed(order, branch);
            }
        }
    }
    order->shut_count = 0;
}

void order_configure(struct order *order, const struct order_settings *settings) {
    forget_shapes(order);
    open_nodes(order);
    for (size_t i = 0; i < order->space_count; i++) {
        order->spaces[i].is_shut = false;
    }
    order->settings = *settings;
}

/* --- Shapes ---------------------------------------------------------------------------------- */

void order_add(struct order *order, uint32_t shape, const struct order_shape *about) {
    const bool tiers_count = order->settings.mode != ORDER_FIFO;
    struct tree *tree = need_tree(order, tiers_count ? about->tier : 0, about->where);
    struct branch *branch = need_branch(order, tree, about->node);
    struct leaf *leaf = mem_alloc(1, sizeof *leaf);

    if (shape >= order->leaf_room) {
        const size_t room = 2 * (size_t)shape + 1;

        order->leaves = mem_grow(order->leaves, room, sizeof(struct leaf *));
        memset(&order->leaves[order->leaf_room], 0,
               (room - order->leaf_room) * sizeof(struct leaf *));
        order->leaf_room = room;
    }
    ENSURE(order->leaves[shape] == NULL);
    leaf->shape = shape;
    leaf->priority = about->priority;
    leaf->lane = need_lane(order, branch, about->namespace_index);
    leaf->lane->members++;
    order->leaves[shape] = leaf;
}

void order_remove(struct order *order, uint32_t shape) {
    struct leaf *leaf = order->leaves[shape];

    order_withdraw(order, shape);
    drop_lane(order, leaf->lane);
    free(leaf);
    order->leaves[shape] = NULL;
}

static int64_t rank_of(const struct order *order, const struct leaf *leaf, int64_t eligible_us) {
    switch (order->settings.mode) {
    case ORDER_PRIORITY:
        return -(int64_t)leaf->priority;
    case ORDER_FAIR:
        if (order->settings.aging_us == 0) {
            return -(int64_t)leaf->priority;
        }
        return amount_subtract(eligible_us,
                               amount_multiply(leaf->priority, order->settings.aging_us));
    default:
        return 0;
    }
}

void order_offer(struct order *order, uint32_t shape, uint64_t job_id, int64_t eligible_us) {
    struct leaf *leaf = order->leaves[shape];

    if (leaf->item.place != 0 && leaf->job_id == job_id) {
        return;
    }
    leaf->job_id = job_id;
    leaf->eligible_us = order->settings.mode == ORDER_FAIR ? eligible_us : 0;
    leaf->rank = rank_of(order, leaf, eligible_us);
    keep(&leaf->lane->leaves, &leaf->item, true);
    lane_changed(order, leaf->lane);
}

void order_withdraw(struct order *order, uint32_t shape) {
    struct leaf *leaf = order->leaves[shape];

    if (leaf->item.place != 0) {
        heap_remove(&leaf->lane->leaves, &leaf->item);
        lane_changed(order, leaf->lane);
    }
}

uint64_t order_offered_job(const struct order *order, uint32_t shape) {
    const struct leaf *leaf = order->leaves[shape];

    return leaf->item.place != 0 ? leaf->job_id : 0;
}

int64_t order_offered_since(const struct order *order, uint32_t shape) {
    return order->leaves[shape]->eligible_us;
}

/* --- The pass -------------------------------------------------------------------------------- */

void order_begin(struct order *order, int64_t now_us) {
    open_nodes(order);
    for (size_t i = 0; i < order->tree_count; i++) {
        order->trees[i]->shut_for = 0;
    }
    order->now_us = now_us;
    order->pass++;
}

uint32_t order_next(struct order *order) {
    const struct leaf *first = NULL;
    int32_t tier = 0;

    if (order->is_shut[SHARE_ROOT]) {
        return ORDER_NONE;
    }
    for (size_t i = 0; i < order->tree_count; i++) {
        const struct tree *tree = order->trees[i];

        if (first != NULL && tree->tier < tier) {
            break;
        }
        if (tree->root->below.count > 0 && tree->shut_for == 0) {
            const struct leaf *leaf = first_of(order, tree->root);

            first = first == NULL || goes_before(order, leaf, first) ? leaf : first;
            tier = tree->tier;
        }
    }
    return first != NULL ? first->shape : ORDER_NONE;
}

static void branch_charged(const struct order *order, struct branch *branch) {
    look_up_share(order, branch);
    if (branch->item.place != 0) {
        heap_fix(&branch->parent->below, &branch->item);
    }
}

/* In the other trees of the tier too: their first jobs are compared with this one's. */
void order_charged(struct order *order, uint32_t shape) {
    const struct branch *leaf = order->leaves[shape]->lane->branch;

    if (order->settings.mode != ORDER_FAIR) {
        return;
    }
    for (size_t i = 0; i < order->tree_count; i++) {
        struct tree *tree = order->trees[i];

        if (tree->tier != leaf->tree->tier || tree->root->pass != order->pass) {
            continue; /* It is not in this pass's order yet, or any more. */
        }
        for (const struct branch *on_way = leaf; on_way->parent != NULL; on_way = on_way->parent) {
            struct branch *branch = map_get_id(&tree->branches, on_way->node);

            if (branch != NULL) {
                branch_charged(order, branch);
            }
        }
    }
}

/* --- Shutting -------------------------------------------------------------------------------- */

static void set_namespace_shut(struct order *order, size_t namespace_index, bool is_shut) {
    struct space *space;

    space_room(order, namespace_index);
    space = &order->spaces[namespace_index];
    if (space->is_shut != is_shut) {
        space->is_shut = is_shut;
        for (size_t i = 0; i < space->lane_count; i++) {
            lane_changed(order, space->lanes[i]);
        }
    }
}

void order_shut_namespace(struct order *order, size_t namespace_index) {
    set_namespace_shut(order, namespace_index, true);
}

void order_open_namespace(struct order *order, size_t namespace_index) {
    set_namespace_shut(order, namespace_index, false);
}

bool order_namespace_is_shut(const struct order *order, size_t namespace_index) {
    return namespace_index < order->space_count && order->spaces[namespace_index].is_shut;
}

void order_shut_node(struct order *order, uint32_t node) {
    node_room(order, node);
    if (order->is_shut[node]) {
        return;
    }
    order->is_shut[node] = true;
    order->shut_nodes =
        mem_grow(order->shut_nodes, order->shut_count + 1, sizeof *order->shut_nodes);
    order->shut_nodes[order->shut_count++] = node;
    for (size_t i = 0; i < order->tree_count; i++) {
        struct branch *branch = map_get_id(&order->trees[i]->branches, node);

        if (branch != NULL) {
            branch_changed(order, branch);
        }
    }
}

void order_shut_where(struct order *order, uint64_t where, uint64_t job_id) {
    for (size_t i = 0; i < order->tree_count; i++) {
        if (order->trees[i]->where == where && order->trees[i]->shut_for == 0) {
            order->trees[i]->shut_for = job_id;
        }
    }
}

uint64_t order_where_shut_for(const struct order *order, uint32_t shape) {
    return order->leaves[shape]->lane->branch->tree->shut_for;
}

uint32_t order_shut_by(const struct order *order, uint32_t node) {
    for (;; node = share_parent(order->share, node)) {
        if (node < order->node_count && order->is_shut[node]) {
            return node;
        }
        if (node == SHARE_ROOT) {
            return SHARE_NONE;
        }
    }
}

bool order_is_contended(const struct order *order, size_t namespace_index) {
    const struct space *space =
        namespace_index < order->space_count ? &order->spaces[namespace_index] : NULL;

    return space != NULL && space->lane_count > 1;
}
