#include "policy/heap.h"

#include <stdlib.h>

#include "base/ensure.h"
#include "base/memory.h"

void heap_finish(struct heap *heap) {
    free(heap->items);
    heap->items = NULL;
    heap->count = 0;
    heap->room = 0;
}

struct heap_item *heap_top(const struct heap *heap) {
    return heap->count > 0 ? heap->items[0] : NULL;
}

static void put(struct heap *heap, uint32_t at, struct heap_item *item) {
    heap->items[at] = item;
    item->place = at + 1;
}

static void sift_up(struct heap *heap, uint32_t at) {
    struct heap_item *item = heap->items[at];

    while (at > 0 && heap->before(heap->context, item, heap->items[(at - 1) / 2])) {
        put(heap, at, heap->items[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    put(heap, at, item);
}

static void sift_down(struct heap *heap, uint32_t at) {
    struct heap_item *item = heap->items[at];

    for (;;) {
        uint32_t child = 2 * at + 1;

        if (child >= heap->count) {
            break;
        }
        if (child + 1 < heap->count &&
            heap->before(heap->context, heap->items[child + 1], heap->items[child])) {
            child++;
        }
        if (!heap->before(heap->context, heap->items[child], item)) {
            break;
        }
        put(heap, at, heap->items[child]);
        at = child;
    }
    put(heap, at, item);
}

void heap_push(struct heap *heap, struct heap_item *item) {
    ENSURE(item->place == 0);
    if (heap->count == heap->room) {
        heap->room = heap->room > 0 ? 2 * heap->room : 4;
        heap->items = mem_grow(heap->items, heap->room, sizeof(struct heap_item *));
    }
    put(heap, heap->count++, item);
    sift_up(heap, heap->count - 1);
}

void heap_fix(struct heap *heap, struct heap_item *item) {
    ENSURE(item->place > 0 && heap->items[item->place - 1] == item);
    sift_up(heap, item->place - 1);
    sift_down(heap, item->place - 1);
}

void heap_remove(struct heap *heap, struct heap_item *item) {
    const uint32_t at = item->place - 1;
    struct heap_item *last = heap->items[heap->count - 1];

    ENSURE(item->place > 0 && heap->items[at] == item);
    item->place = 0;
    heap->count--;
    if (item != last) {
        put(heap, at, last);
        heap_fix(heap, last);
    }
}

void heap_fix_all(struct heap *heap) {
    for (uint32_t i = heap->count / 2; i-- > 0;) {
        sift_down(heap, i);
    }
}
