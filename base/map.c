#include "base/map.h"

#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "base/hash.h"
#include "base/memory.h"

#define MAP_ENTRIES_FIRST 8

/* Twice as many slots as entries, holes included: probes stay short and always end. */
#define SLOTS_PER_ENTRY 2

static uint64_t mix(uint64_t value) {
    value = (value ^ (value >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ (value >> 27)) * UINT64_C(0x94d049bb133111eb);
    return value ^ (value >> 31);
}

static uint64_t hash_text(const char *text) {
    return hash_bytes(0, text, strlen(text));
}

void map_finish(struct map *map) {
    if (map == NULL) {
        return;
    }
    for (size_t i = 0; i < map->entry_count; i++) {
        free(map->entries[i].text);
    }
    free(map->entries);
    free(map->slots);
    *map = (struct map){0};
}

static bool is_key(const struct map_entry *entry, const char *text, uint64_t id) {
    return entry->value != NULL && entry->id == id &&
           (text == NULL || strcmp(entry->text, text) == 0);
}

/* A removed entry keeps its slot until the next rebuild, so that probes go on past it. */
static struct map_entry *find(const struct map *map, const char *text, uint64_t id) {
    size_t at;

    if (map->count == 0) {
        return NULL;
    }
    for (at = mix(id) & (map->slot_count - 1); map->slots[at] != 0;
         at = (at + 1) & (map->slot_count - 1)) {
        struct map_entry *entry = &map->entries[map->slots[at] - 1];

        if (is_key(entry, text, id)) {
            return entry;
        }
    }
    return NULL;
}

static void add_slot(struct map *map, size_t index) {
    size_t at = mix(map->entries[index].id) & (map->slot_count - 1);

    while (map->slots[at] != 0) {
        at = (at + 1) & (map->slot_count - 1);
    }
    map->slots[at] = (uint32_t)(index + 1);
}

/* Close the holes; the order stays. */
static void compact(struct map *map) {
    size_t kept = 0;

    for (size_t i = 0; i < map->entry_count; i++) {
        if (map->entries[i].value != NULL) {
            map->entries[kept++] = map->entries[i];
        }
    }
    map->entry_count = kept;
}

static void make_room(struct map *map) {
    if (map->entry_count < map->entry_room) {
        return;
    }
    compact(map);
    if (map->count >= map->entry_room - map->entry_room / 4) {
        map->entry_room = map->entry_room > 0 ? map->entry_room * 2 : MAP_ENTRIES_FIRST;
        map->slot_count = map->entry_room * SLOTS_PER_ENTRY;
        ENSURE(map->slot_count <= UINT32_MAX);
        map->entries = mem_grow(map->entries, map->entry_room, sizeof *map->entries);
        map->slots = mem_grow(map->slots, map->slot_count, sizeof *map->slots);
    }
    memset(map->slots, 0, map->slot_count * sizeof *map->slots);
    for (size_t i = 0; i < map->entry_count; i++) {
        add_slot(map, i);
    }
}

static void *put(struct map *map, const char *text, uint64_t id, void *value) {
    struct map_entry *entry = find(map, text, id);
    void *old = NULL;

    ENSURE(value != NULL);
    if (entry != NULL) {
        old = entry->value;
        entry->value = value;
        return old;
    }
    make_room(map);
    map->entries[map->entry_count] =
        (struct map_entry){.text = mem_copy_text(text), .id = id, .value = value};
    add_slot(map, map->entry_count);
    map->entry_count++;
    map->count++;
    return NULL;
}

static void *take_out(struct map *map, struct map_entry *entry) {
    void *old;

    if (entry == NULL) {
        return NULL;
    }
    old = entry->value;
    free(entry->text);
    entry->text = NULL;
    entry->value = NULL;
    map->count--;
    return old;
}

void *map_get(const struct map *map, const char *text) {
    const struct map_entry *entry = find(map, text, hash_text(text));

    return entry != NULL ? entry->value : NULL;
}

void *map_get_id(const struct map *map, uint64_t id) {
    const struct map_entry *entry = find(map, NULL, id);

    return entry != NULL ? entry->value : NULL;
}

void *map_put(struct map *map, const char *text, void *value) {
    return put(map, text, hash_text(text), value);
}

void *map_put_id(struct map *map, uint64_t id, void *value) {
    return put(map, NULL, id, value);
}

void *map_remove(struct map *map, const char *text) {
    return take_out(map, find(map, text, hash_text(text)));
}

void *map_remove_id(struct map *map, uint64_t id) {
    return take_out(map, find(map, NULL, id));
}

struct map_entry *map_next(const struct map *map, size_t *at) {
    while (*at < map->entry_count) {
        struct map_entry *entry = &map->entries[(*at)++];

        if (entry->value != NULL) {
            return entry;
        }
    }
    return NULL;
}

size_t map_seek_id(const struct map *map, uint64_t id) {
    size_t low = 0;
    size_t high = map->entry_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (map->entries[middle].id <= id) { /* Holes keep their ids. */
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

void map_verify(const struct map *map) {
    size_t live = 0;
    size_t used_slots = 0;

    ENSURE(map->count <= map->entry_count);
    ENSURE(map->entry_count <= map->entry_room);
    ENSURE(map->slot_count == map->entry_room * SLOTS_PER_ENTRY);
    for (size_t i = 0; i < map->entry_count; i++) {
        const struct map_entry *entry = &map->entries[i];

        ENSURE(entry->value != NULL || entry->text == NULL);
        if (entry->value != NULL) {
            live++;
            ENSURE(entry->text == NULL || entry->id == hash_text(entry->text));
            ENSURE(find(map, entry->text, entry->id) == entry);
        }
    }
    for (size_t i = 0; i < map->slot_count; i++) {
        ENSURE(map->slots[i] <= map->entry_count);
        used_slots += map->slots[i] != 0;
    }
    ENSURE(live == map->count);
    ENSURE(used_slots == map->entry_count);
}
