#include "config/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "base/memory.h"

#define CHUNK_BYTES_FIRST ((size_t)4 * 1024) /* Most documents need no more. */
#define CHUNK_BYTES       ((size_t)16 * 1024)
#define ALIGNMENT         alignof(max_align_t)

struct chunk {
    struct chunk *next;
    size_t used;
    size_t room;
    alignas(max_align_t) char bytes[];
};

struct arena {
    struct chunk *chunks; /* the newest first; only it has room to give */
};

struct arena *arena_create(void) {
    return mem_alloc(1, sizeof(struct arena));
}

void arena_destroy(struct arena *arena) {
    if (arena == NULL) {
        return;
    }
    for (struct chunk *chunk = arena->chunks, *next; chunk != NULL; chunk = next) {
        next = chunk->next;
        free(chunk);
    }
    free(arena);
}

static struct chunk *chunk_create(size_t room, struct chunk *next) {
    struct chunk *chunk = mem_grow(NULL, 1, sizeof *chunk + room); /* Zeroed as it is taken. */

    *chunk = (struct chunk){.next = next, .room = room};
    return chunk;
}

/* What is large gets a chunk of its own behind the newest, which keeps its room. */
static void *take_large(struct arena *arena, size_t bytes) {
    if (arena->chunks == NULL) {
        arena->chunks = chunk_create(CHUNK_BYTES_FIRST, NULL);
    }
    arena->chunks->next = chunk_create(bytes, arena->chunks->next);
    return arena->chunks->next->bytes;
}

/* Not zeroed. */
static void *take(struct arena *arena, size_t bytes) {
    struct chunk *chunk = arena->chunks;

    bytes = (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (bytes > CHUNK_BYTES_FIRST / 4) {
        return take_large(arena, bytes);
    }
    if (chunk == NULL || chunk->room - chunk->used < bytes) {
        chunk = chunk_create(chunk == NULL ? CHUNK_BYTES_FIRST : CHUNK_BYTES, chunk);
        arena->chunks = chunk;
    }
    chunk->used += bytes;
    return chunk->bytes + chunk->used - bytes;
}

void *arena_take(struct arena *arena, size_t count, size_t size) {
    void *room;

    ENSURE(size == 0 || count <= SIZE_MAX / 2 / size);
    room = take(arena, count * size);
    memset(room, 0, count * size);
    return room;
}

char *arena_text(struct arena *arena, const char *text, size_t bytes) {
    char *copy = take(arena, bytes + 1);

    if (bytes > 0) {
        memcpy(copy, text, bytes);
    }
    copy[bytes] = '\0';
    return copy;
}
