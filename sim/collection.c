#include "sim/collection.h"

#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "base/memory.h"
#include "sim/version.h"

void sim_collection_init(struct sim_collection *collection, size_t log_entries_max) {
    ENSURE(log_entries_max > 0);
    *collection = (struct sim_collection){
        .log = mem_alloc(log_entries_max, sizeof *collection->log),
        .log_room = log_entries_max,
    };
}

static struct sim_log_entry *entry_at(const struct sim_collection *collection, uint64_t position) {
    return &collection->log[position % collection->log_room];
}

static void drop_oldest(struct sim_collection *collection) {
    struct sim_log_entry *entry = entry_at(collection, collection->log_dropped);

    collection->compacted_number = entry->number;
    free(entry->namespace);
    sim_version_drop(entry->version);
    sim_version_drop(entry->old);
    *entry = (struct sim_log_entry){0};
    collection->log_dropped++;
}

static void shelf_finish(struct sim_shelf *shelf) {
    for (size_t i = 0; i < shelf->count; i++) {
        free(shelf->slots[i].name);
        sim_version_drop(shelf->slots[i].version);
    }
    free(shelf->slots);
    free(shelf->namespace);
}

void sim_collection_finish(struct sim_collection *collection) {
    if (collection == NULL || collection->log == NULL) {
        return;
    }
    while (collection->log_dropped < collection->log_end) {
        drop_oldest(collection);
    }
    for (size_t i = 0; i < collection->shelf_count; i++) {
        shelf_finish(&collection->shelves[i]);
    }
    free(collection->shelves);
    free(collection->log);
    *collection = (struct sim_collection){0};
}

static size_t shelf_position(const struct sim_collection *collection, const char *namespace,
                             int *out_order) {
    size_t low = 0;
    size_t high = collection->shelf_count;

    *out_order = 1;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(namespace, collection->shelves[middle].namespace);

        if (order == 0) {
            *out_order = 0;
            return middle;
        }
        if (order < 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low;
}

const struct sim_shelf *sim_collection_shelf(const struct sim_collection *collection,
                                             const char *namespace) {
    int order;
    size_t at = shelf_position(collection, namespace, &order);

    return order == 0 ? &collection->shelves[at] : NULL;
}

size_t sim_shelf_find(const struct sim_shelf *shelf, const char *name, int *out_order) {
    size_t low = 0;
    size_t high = shelf->count;

    *out_order = 1;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(name, shelf->slots[middle].name);

        if (order == 0) {
            *out_order = 0;
            return middle;
        }
        if (order < 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low;
}

struct sim_version *sim_collection_get(const struct sim_collection *collection,
                                       const char *namespace, const char *name) {
    const struct sim_shelf *shelf = sim_collection_shelf(collection, namespace);
    int order;
    size_t at;

    if (shelf == NULL) {
        return NULL;
    }
    at = sim_shelf_find(shelf, name, &order);
    return order == 0 ? shelf->slots[at].version : NULL;
}

/* Room for one more element of size bytes at index at, in an array of count. */
static void *array_insert(void *array, size_t *count, size_t *room, size_t at, size_t size) {
    unsigned char *bytes = array;

    if (*count == *room) {
        *room = *room == 0 ? 8 : *room * 2;
        bytes = mem_grow(bytes, *room, size);
    }
    memmove(bytes + (at + 1) * size, bytes + at * size, (*count - at) * size);
    memset(bytes + at * size, 0, size);
    (*count)++;
    return bytes;
}

static struct sim_shelf *make_shelf(struct sim_collection *collection, const char *namespace) {
    int order;
    size_t at = shelf_position(collection, namespace, &order);

    if (order != 0) {
        collection->shelves = array_insert(collection->shelves, &collection->shelf_count,
                                           &collection->shelf_room, at, sizeof(struct sim_shelf));
        collection->shelves[at].namespace = mem_copy_text(namespace);
    }
    return &collection->shelves[at];
}

static void shelf_remove(struct sim_shelf *shelf, size_t at) {
    free(shelf->slots[at].name);
    sim_version_drop(shelf->slots[at].version);
    shelf->count--;
    memmove(&shelf->slots[at], &shelf->slots[at + 1], (shelf->count - at) * sizeof *shelf->slots);
}

void sim_collection_put(struct sim_collection *collection, const char *namespace, const char *name,
                        struct sim_version *version) {
    struct sim_shelf *shelf = make_shelf(collection, namespace);
    int order;
    size_t at = sim_shelf_find(shelf, name, &order);

    if (version == NULL) {
        ENSURE(order == 0);
        shelf_remove(shelf, at);
        collection->count--;
        return;
    }
    if (order != 0) {
        shelf->slots =
            array_insert(shelf->slots, &shelf->count, &shelf->room, at, sizeof *shelf->slots);
        shelf->slots[at].name = mem_copy_text(name);
        collection->count++;
    }
    sim_version_share(version);
    sim_version_drop(shelf->slots[at].version);
    shelf->slots[at].version = version;
}

void sim_collection_log(struct sim_collection *collection, enum sim_change_type type,
                        const char *namespace, int64_t number, struct sim_version *version,
                        struct sim_version *old) {
    if (collection->log_end - collection->log_dropped == collection->log_room) {
        drop_oldest(collection);
    }
    *entry_at(collection, collection->log_end) = (struct sim_log_entry){
        .type = type,
        .number = number,
        .namespace = mem_copy_text(namespace),
        .version = sim_version_share(version),
        .old = old == NULL ? NULL : sim_version_share(old),
    };
    collection->log_end++;
}

void sim_collection_compact(struct sim_collection *collection, int64_t number) {
    while (collection->log_dropped < collection->log_end &&
           entry_at(collection, collection->log_dropped)->number <= number) {
        drop_oldest(collection);
    }
    if (number > collection->compacted_number) {
        collection->compacted_number = number;
    }
}

uint64_t sim_collection_log_after(const struct sim_collection *collection, int64_t number) {
    uint64_t low = collection->log_dropped;
    uint64_t high = collection->log_end;

    while (low < high) {
        uint64_t middle = low + (high - low) / 2;

        if (entry_at(collection, middle)->number <= number) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

const struct sim_log_entry *sim_collection_log_at(const struct sim_collection *collection,
                                                  uint64_t position) {
    if (position < collection->log_dropped || position >= collection->log_end) {
        return NULL;
    }
    return entry_at(collection, position);
}
