/* queue/key_set.h - which idempotency keys the store may have: a no is certain.
 *
 * Most keys that are looked for are new. To know that from memory takes one look, and needs no
 * table, which another thread may be writing. A key is 64 bits of hash here, some 12 bytes of
 * memory; keys that are mistaken for others are looked for in the store, that is all.
 *
 * Keys are forgotten by generations: the elder goes when the store has dropped all of it.
 */
#ifndef QUEUE_KEY_SET_H
#define QUEUE_KEY_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KEY_SET_PARTS 64 /* each grows by itself: none takes long */

struct key_set_part {
    uint64_t *hashes; /* open addressing; 0: free */
    size_t room;
    size_t count;
};

struct key_set_generation {
    struct key_set_part parts[KEY_SET_PARTS];
    int64_t newest_us; /* of its keys */
    size_t count;
};

/* Zeroed is empty. */
struct key_set {
    struct key_set_generation young, old;
};

void key_set_finish(struct key_set *set);

/* at_us: by which the store will drop it. */
void key_set_add(struct key_set *set, const void *key, size_t bytes, int64_t at_us);
bool key_set_may_have(const struct key_set *set, const void *key, size_t bytes);

/* The store has dropped all keys from before then. */
void key_set_expire(struct key_set *set, int64_t before_us);

#endif
