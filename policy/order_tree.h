/* policy/order_tree.h - the trees of policy/order: what the files of it share.
 *
 * order_tree.c makes and unmakes them and keeps them in order; order.c is what others see.
 */
#ifndef POLICY_ORDER_TREE_H
#define POLICY_ORDER_TREE_H

#include "base/map.h"
#include "policy/heap.h"
#include "policy/order.h"

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

void order_look_up_share(const struct order *order, struct branch *branch);

/* The first on offer below a branch that has something on offer. */
struct leaf *order_first_of(const struct order *order, struct branch *branch);

/* The first jobs of two trees of one tier: by their users' ways down the share tree. */
bool order_goes_before(const struct order *order, const struct leaf *a, const struct leaf *b);

/* In the heap if it is wanted there, and at its place in it. */
void order_keep(struct heap *heap, struct heap_item *item, bool wanted);
void order_branch_changed(struct order *order, struct branch *branch);
void order_lane_changed(struct order *order, struct lane *lane);

void order_node_room(struct order *order, uint32_t node);
void order_space_room(struct order *order, size_t namespace_index);

/* Made if there is none. */
struct branch *order_need_branch(struct order *order, struct tree *tree, uint32_t node);
struct tree *order_need_tree(struct order *order, int32_t tier, uint64_t where);
struct lane *order_need_lane(struct order *order, struct branch *branch, size_t namespace_index);

/* A member less; what has none left goes. */
void order_drop_lane(struct order *order, struct lane *lane);

#endif
