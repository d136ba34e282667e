/* config/arena.h - memory that is given back all at once.
 *
 * A tree of a hundred thousand nodes is freed in a handful of calls, and nothing in
 * it needs an owner of its own.
 */
#ifndef CONFIG_ARENA_H
#define CONFIG_ARENA_H

#include <stddef.h>

struct arena;

struct arena *arena_create(void);

/* Everything taken from it is gone. Accepts NULL. */
void arena_destroy(struct arena *arena);

/* Zeroed room for count things of size bytes, aligned for any of them; never NULL. */
void *arena_take(struct arena *arena, size_t count, size_t size);

char *arena_text(struct arena *arena, const char *text, size_t bytes);

#endif
