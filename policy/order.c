#include "policy/order.h"

#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "base/memory.h"
#include "policy/order_tree.h"
#include "policy/resources.h"
#include "policy/share.h"

static const char *const mode_texts[ORDER_MODE_COUNT] = {
    [ORDER_FIFO] = "fifo",
    [ORDER_PRIORITY] = "priority",
    [ORDER_FAIR] = "fair",
};

const char *order_mode_text(enum order_mode mode) {
    ENSURE(mode < ORDER_MODE_COUNT);
    return mode_texts[mode];
}

struct order *order_create(const struct share *share) {
    struct order *order = mem_alloc(1, sizeof *order);

    order->share = share;
    order->settings.mode = ORDER_PRIORITY;
    order_node_room(order, SHARE_ROOT);
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
                order_branch_changed(order, branch);
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
    struct tree *tree = order_need_tree(order, tiers_count ? about->tier : 0, about->where);
    struct branch *branch = order_need_branch(order, tree, about->node);
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
    leaf->lane = order_need_lane(order, branch, about->namespace_index);
    leaf->lane->members++;
    order->leaves[shape] = leaf;
}

void order_remove(struct order *order, uint32_t shape) {
    struct leaf *leaf = order->leaves[shape];

    order_withdraw(order, shape);
    order_drop_lane(order, leaf->lane);
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
    order_keep(&leaf->lane->leaves, &leaf->item, true);
    order_lane_changed(order, leaf->lane);
}

void order_withdraw(struct order *order, uint32_t shape) {
    struct leaf *leaf = order->leaves[shape];

    if (leaf->item.place != 0) {
        heap_remove(&leaf->lane->leaves, &leaf->item);
        order_lane_changed(order, leaf->lane);
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
            const struct leaf *leaf = order_first_of(order, tree->root);

            first = first == NULL || order_goes_before(order, leaf, first) ? leaf : first;
            tier = tree->tier;
        }
    }
    return first != NULL ? first->shape : ORDER_NONE;
}

static void branch_charged(const struct order *order, struct branch *branch) {
    order_look_up_share(order, branch);
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

    order_space_room(order, namespace_index);
    space = &order->spaces[namespace_index];
    if (space->is_shut != is_shut) {
        space->is_shut = is_shut;
        for (size_t i = 0; i < space->lane_count; i++) {
            order_lane_changed(order, space->lanes[i]);
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
    order_node_room(order, node);
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
            order_branch_changed(order, branch);
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
