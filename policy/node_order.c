/* In which order nodes are searched: ordinary ones first, then small ones, then by name. */
#include "policy/node_index_inside.h"

#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "base/memory.h"

#define RANK_STEP (UINT64_C(1) << 32)

static int compare(const struct node_index *index, uint32_t a, uint32_t b) {
    const struct indexed_node *x = &index->nodes[a];
    const struct indexed_node *y = &index->nodes[b];
    int by_name;

    if (x->special != y->special) {
        return x->special < y->special ? -1 : 1;
    }
    for (size_t i = 0; i < RESOURCE_KIND_MAX; i++) {
        const int64_t left = x->node->allocatable.amount[i];
        const int64_t right = y->node->allocatable.amount[i];

        if (left != right) {
            return left < right ? -1 : 1;
        }
    }
    by_name = strcmp(x->node->name, y->node->name);
    return by_name != 0 ? by_name : (a > b) - (a < b); /* What a pool may grow has one name. */
}

/* qsort() has no context: each item brings what it is compared by. */
struct sort_item {
    const struct node_index *index;
    uint32_t node;
};

static int compare_items(const void *a, const void *b) {
    const struct sort_item *x = a;
    const struct sort_item *y = b;

    return compare(x->index, x->node, y->node);
}

static void number_all(struct node_index *index) {
    for (size_t i = 0; i < index->node_count; i++) {
        index->nodes[index->ranked[i]].rank = (i + 1) * RANK_STEP;
    }
}

void node_order_build(struct node_index *index) {
    struct sort_item *items = mem_alloc(index->node_count, sizeof *items);
    size_t count = 0;

    for (size_t i = 0; i < index->node_end; i++) {
        if (index->nodes[i].node != NULL) {
            items[count++] = (struct sort_item){index, (uint32_t)i};
        }
    }
    ENSURE(count == index->node_count);
    qsort(items, count, sizeof *items, compare_items);
    for (size_t i = 0; i < count; i++) {
        index->ranked[i] = items[i].node;
    }
    free(items);
    number_all(index);
}

/* Where the node is among the first `count` of the order, or would be. */
static size_t position(const struct node_index *index, uint32_t node, size_t count) {
    size_t low = 0;
    size_t high = count;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;

        if (compare(index, index->ranked[middle], node) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* It is counted, and in no place yet. */
void node_order_insert(struct node_index *index, uint32_t node) {
    const size_t others = index->node_count - 1;
    const size_t at = position(index, node, others);
    const uint64_t before = at > 0 ? index->nodes[index->ranked[at - 1]].rank : 0;
    const uint64_t after =
        at < others ? index->nodes[index->ranked[at]].rank : before + 2 * RANK_STEP;

    memmove(&index->ranked[at + 1], &index->ranked[at], (others - at) * sizeof *index->ranked);
    index->ranked[at] = node;
    index->nodes[node].rank = before + (after - before) / 2;
    if (index->nodes[node].rank == before) {
        number_all(index);
    }
}

/* It is still counted. */
void node_order_remove(struct node_index *index, uint32_t node) {
    const size_t at = position(index, node, index->node_count);

    ENSURE(index->ranked[at] == node);
    memmove(&index->ranked[at], &index->ranked[at + 1],
            (index->node_count - at - 1) * sizeof *index->ranked);
}
