/* policy/heap.h - a binary heap of things that know where they are in it.
 *
 * An item is embedded in what the heap orders; its owner sees to it that it stays where it is in
 * memory. Out of a heap, an item has no place. Equal orders give equal tops, whatever came before,
 * if no two items are equal.
 */
#ifndef POLICY_HEAP_H
#define POLICY_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct heap_item {
    uint32_t place; /* 1 + where it is; 0: in no heap */
};

/* Does a go before b? A total order. */
typedef bool heap_before_fn(void *context, const struct heap_item *a, const struct heap_item *b);

/* Zeroed but for `before` is empty. */
struct heap {
    struct heap_item **items;
    uint32_t count;
    uint32_t room;
    heap_before_fn *before;
    void *context;
};

void heap_finish(struct heap *heap);

struct heap_item *heap_top(const struct heap *heap); /* NULL: empty */
void heap_push(struct heap *heap, struct heap_item *item);
void heap_remove(struct heap *heap, struct heap_item *item);
void heap_fix(struct heap *heap, struct heap_item *item); /* its order changed */
void heap_fix_all(struct heap *heap);                     /* everybody's may have; O(count) */

#endif
