#include "scheduler/entries.h"

#include <stdlib.h>

#include "base/ensure.h"
#include "base/memory.h"

#define LEAF_ENTRIES 64
#define SHELF_LEAVES 1024
#define SHELF_IDS    ((uint64_t)SHELF_LEAVES * LEAF_ENTRIES)

struct entry_leaf {
    uint64_t used; /* a bit for each that is there */
    struct entry items[LEAF_ENTRIES];
};

struct entry_shelf {
    struct entry_leaf *leaves[SHELF_LEAVES];
    size_t count; /* leaves that are there */
};

static size_t leaf_of(uint64_t id) {
    return (size_t)(id % SHELF_IDS / LEAF_ENTRIES);
}

static uint64_t bit_of(uint64_t id) {
    return UINT64_C(1) << (id % LEAF_ENTRIES);
}

static struct entry_shelf *shelf_of(const struct entries *entries, uint64_t id) {
    return map_get_id(&entries->shelves, id / SHELF_IDS);
}

void entries_finish(struct entries *entries) {
    struct map_entry *item;

    if (entries == NULL) {
        return;
    }
    for (size_t at = 0; (item = map_next(&entries->shelves, &at)) != NULL;) {
        struct entry_shelf *shelf = item->value;

        for (size_t i = 0; i < SHELF_LEAVES; i++) {
            free(shelf->leaves[i]);
        }
        free(shelf);
    }
    map_finish(&entries->shelves);
    *entries = (struct entries){0};
}

struct entry *entries_get(const struct entries *entries, uint64_t id) {
    const struct entry_shelf *shelf = shelf_of(entries, id);
    struct entry_leaf *leaf = shelf != NULL ? shelf->leaves[leaf_of(id)] : NULL;

    return leaf != NULL && (leaf->used & bit_of(id)) != 0 ? &leaf->items[id % LEAF_ENTRIES] : NULL;
}

struct entry *entries_add(struct entries *entries, uint64_t id) {
    struct entry_shelf *shelf = shelf_of(entries, id);
    struct entry_leaf *leaf;
    struct entry *entry;

    if (shelf == NULL) {
        shelf = mem_alloc(1, sizeof *shelf);
        (void)map_put_id(&entries->shelves, id / SHELF_IDS, shelf);
    }
    leaf = shelf->leaves[leaf_of(id)];
    if (leaf == NULL) {
        leaf = mem_alloc(1, sizeof *leaf);
        shelf->leaves[leaf_of(id)] = leaf;
        shelf->count++;
    }
    ENSURE((leaf->used & bit_of(id)) == 0);
    leaf->used |= bit_of(id);
    entries->count++;
    entry = &leaf->items[id % LEAF_ENTRIES];
    *entry = (struct entry){.id = id};
    return entry;
}

void entries_remove(struct entries *entries, uint64_t id) {
    struct entry_shelf *shelf = shelf_of(entries, id);
    struct entry_leaf *leaf = shelf != NULL ? shelf->leaves[leaf_of(id)] : NULL;

    ENSURE(leaf != NULL && (leaf->used & bit_of(id)) != 0);
    leaf->used &= ~bit_of(id);
    entries->count--;
    if (leaf->used != 0) {
        return;
    }
    free(leaf);
    shelf->leaves[leaf_of(id)] = NULL;
    shelf->count--;
    if (shelf->count == 0) {
        (void)map_remove_id(&entries->shelves, id / SHELF_IDS);
        free(shelf);
    }
}

/* The first of a shelf from id on. */
static struct entry *first_from(const struct entry_shelf *shelf, uint64_t id) {
    uint64_t mask = ~(bit_of(id) - 1);

    for (size_t at = leaf_of(id); at < SHELF_LEAVES; at++) {
        struct entry_leaf *leaf = shelf->leaves[at];

        if (leaf != NULL && (leaf->used & mask) != 0) {
            return &leaf->items[__builtin_ctzll(leaf->used & mask)];
        }
        mask = UINT64_MAX;
    }
    return NULL;
}

struct entry *entries_next(const struct entries *entries, uint64_t after_id) {
    uint64_t from = after_id + 1;
    const struct entry_shelf *shelf;
    struct entry *entry = NULL;
    const struct map_entry *item;
    size_t at;

    if (after_id == UINT64_MAX) {
        return NULL;
    }
    shelf = shelf_of(entries, from);
    if (shelf != NULL) {
        entry = first_from(shelf, from);
    }
    if (entry == NULL) {
        at = map_seek_id(&entries->shelves, from / SHELF_IDS);
        item = map_next(&entries->shelves, &at);
        entry = item != NULL ? first_from(item->value, 0) : NULL;
    }
    return entry;
}
