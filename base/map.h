/* base/map.h - a hash map from text or from a 64-bit id to a pointer.
 *
 * Open addressing, iteration in insertion order (holes skipped), so that equal
 * histories give equal orders and nothing depends on the hash. Keys are copied by the
 * text map; values are never owned. Not for keys an attacker may flood without bound:
 * whoever inserts holds the bound.
 */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct map_entry {
    char *text;  /* the key of a text map, owned; NULL in an id map and in a hole */
    uint64_t id; /* the key of an id map; the hash in a text map */
    void *value; /* NULL is a hole: values are never NULL */
};

/* A plain value; zeroed is empty and ready. One map uses text keys or ids, never both. */
struct map {
    struct map_entry *entries; /* in insertion order, with holes */
    size_t entry_count;        /* holes included */
    size_t entry_room;
    uint32_t *slots; /* 1 + index into entries; 0 is free */
    size_t slot_count;
    size_t count; /* live entries */
};

void map_finish(struct map *map); /* Frees keys and tables, not values. Accepts NULL. */

/* NULL when absent. O(1). */
void *map_get(const struct map *map, const char *text);
void *map_get_id(const struct map *map, uint64_t id);

/* Insert or replace; the old value, or NULL. value is not NULL. */
void *map_put(struct map *map, const char *text, void *value);
void *map_put_id(struct map *map, uint64_t id, void *value);

/* The removed value, or NULL. */
void *map_remove(struct map *map, const char *text);
void *map_remove_id(struct map *map, uint64_t id);

/* Iterate: `for (size_t at = 0; (entry = map_next(&map, &at)) != NULL;)`. Removing the entry
 * just returned is allowed; inserting during an iteration is not. */
struct map_entry *map_next(const struct map *map, size_t *at);

/* Where map_next() goes on behind an id, in a map whose ids were all put in ascending order.
 * O(log n). */
size_t map_seek_id(const struct map *map, uint64_t id);

/* Every invariant, by ENSURE. O(n). */
void map_verify(const struct map *map);

#endif
