#include "queue/key_set.h"

#include <stdlib.h>

#include "base/hash.h"
#include "base/memory.h"

#define ROOM_FIRST 64

static uint64_t hash_of(const void *key, size_t bytes) {
    uint64_t hash = hash_bytes(0, key, bytes);

    return hash != 0 ? hash : 1;
}

/* The part's number is the hash's highest bits, the place in it its lowest. */
static size_t part_of(uint64_t hash) {
    return hash >> 58;
}

_Static_assert(KEY_SET_PARTS == 1 << (64 - 58), "six bits choose a part");

/* Where the hash is, or is to be put. There is always a free place. */
static size_t find(const struct key_set_part *part, uint64_t hash) {
    size_t at = hash & (part->room - 1);

    while (part->hashes[at] != 0 && part->hashes[at] != hash) {
        at = (at + 1) & (part->room - 1);
    }
    return at;
}

static void grow(struct key_set_part *part) {
    const struct key_set_part old = *part;

    part->room = old.room > 0 ? 2 * old.room : ROOM_FIRST;
    part->hashes = mem_alloc(part->room, sizeof *part->hashes);
    for (size_t i = 0; i < old.room; i++) {
        if (old.hashes[i] != 0) {
            part->hashes[find(part, old.hashes[i])] = old.hashes[i];
        }
    }
    free(old.hashes);
}

static void finish_generation(struct key_set_generation *generation) {
    for (size_t i = 0; i < KEY_SET_PARTS; i++) {
        free(generation->parts[i].hashes);
    }
    *generation = (struct key_set_generation){0};
}

void key_set_finish(struct key_set *set) {
    finish_generation(&set->young);
    finish_generation(&set->old);
}

void key_set_add(struct key_set *set, const void *key, size_t bytes, int64_t at_us) {
    struct key_set_generation *young = &set->young;
    uint64_t hash = hash_of(key, bytes);
    struct key_set_part *part = &young->parts[part_of(hash)];
    size_t at;

    if (4 * part->count >= 3 * part->room) {
        grow(part);
    }
    at = find(part, hash);
    part->count += part->hashes[at] == 0;
    young->count += part->hashes[at] == 0;
    part->hashes[at] = hash;
    young->newest_us = at_us > young->newest_us ? at_us : young->newest_us;
}

static bool has(const struct key_set_generation *generation, uint64_t hash) {
    const struct key_set_part *part = &generation->parts[part_of(hash)];

    return part->count > 0 && part->hashes[find(part, hash)] == hash;
}

bool key_set_may_have(const struct key_set *set, const void *key, size_t bytes) {
    uint64_t hash = hash_of(key, bytes);

    return has(&set->young, hash) || has(&set->old, hash);
}

void key_set_expire(struct key_set *set, int64_t before_us) {
    if (set->old.count > 0 && set->old.newest_us >= before_us) {
        return;
    }
    finish_generation(&set->old);
    set->old = set->young;
    set->young = (struct key_set_generation){0};
}
