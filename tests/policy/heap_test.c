#include "policy/heap.h"

#include "base/rng.h"
#include "tests/test.h"

#define THINGS 200

struct thing {
    struct heap_item item;
    uint64_t key;
};

static bool compare(void *context, const struct heap_item *a, const struct heap_item *b) {
    (void)context;
    return ((const struct thing *)a)->key < ((const struct thing *)b)->key;
}

static const struct thing *lowest(const struct thing *things) {
    const struct thing *best = NULL;

    for (size_t i = 0; i < THINGS; i++) {
        if (things[i].item.place != 0 && (best == NULL || things[i].key < best->key)) {
            best = &things[i];
        }
    }
    return best;
}

TEST(heap__top_is_the_lowest_whatever_happened) {
    struct heap heap = {.before = compare};
    struct thing things[THINGS] = {0};
    struct rng rng;

    rng_init(&rng, 7);
    for (size_t step = 0; step < 20000; step++) {
        struct thing *thing = &things[rng_below(&rng, THINGS)];

        if (thing->item.place == 0) {
            thing->key = rng_below(&rng, 1000) * THINGS + (uint64_t)(thing - things);
            heap_push(&heap, &thing->item);
        } else if (rng_below(&rng, 2) == 0) {
            heap_remove(&heap, &thing->item);
        } else {
            thing->key = rng_below(&rng, 1000) * THINGS + (uint64_t)(thing - things);
            heap_fix(&heap, &thing->item);
        }
        CHECK_EQ((const void *)heap_top(&heap), (const void *)lowest(things), "the top");
    }
    for (size_t i = 0; i < THINGS; i++) {
        things[i].key = (uint64_t)(THINGS - i);
    }
    heap_fix_all(&heap);
    CHECK_EQ((const void *)heap_top(&heap), (const void *)lowest(things), "all in another order");
    heap_finish(&heap);
}
