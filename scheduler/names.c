#include "scheduler/names.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "base/memory.h"

#define BLOCK_BYTES 16384

/* Before each text stands how far it is from its block's beginning, in two bytes. */
#define BACK_BYTES 2

struct names_block {
    uint32_t users;
    uint32_t used;
    char bytes[BLOCK_BYTES - 2 * sizeof(uint32_t)];
};

static struct names_block *block_of(const char *text) {
    const unsigned char *back = (const unsigned char *)text - BACK_BYTES;
    size_t distance = (size_t)back[0] | (size_t)back[1] << 8;

    return (struct names_block *)(uintptr_t)(text - distance);
}

static char *put(struct names_block *block, const char *text, size_t bytes) {
    char *at = block->bytes + block->used + BACK_BYTES;
    size_t distance = (size_t)(at - (char *)block);

    at[-2] = (char)(distance & 0xff);
    at[-1] = (char)(distance >> 8);
    memcpy(at, text, bytes);
    block->used += (uint32_t)(BACK_BYTES + bytes);
    return at;
}

const char *names_take(struct names *names, const char *text) {
    size_t bytes = strlen(text) + 1;
    struct names_block *last = names->last;

    if (names->previous != NULL && strcmp(names->previous, text) == 0) {
        block_of(names->previous)->users++;
        return names->previous;
    }
    ENSURE(bytes + BACK_BYTES <= sizeof last->bytes);
    if (last == NULL || last->used + BACK_BYTES + bytes > sizeof last->bytes) {
        last = names->last = mem_alloc(1, sizeof *last);
    }
    last->users++;
    names->previous = put(last, text, bytes);
    return names->previous;
}

void names_drop(struct names *names, const char *text) {
    struct names_block *block;

    if (text == NULL) {
        return;
    }
    block = block_of(text);
    ENSURE(block->users > 0);
    block->users--;
    if (block->users > 0) {
        return;
    }
    if (names->previous != NULL && block_of(names->previous) == block) {
        names->previous = NULL;
    }
    if (names->last == block) {
        block->used = 0;
    } else {
        free(block);
    }
}

void names_finish(struct names *names) {
    if (names != NULL) {
        ENSURE(names->last == NULL || names->last->users == 0);
        free(names->last);
        *names = (struct names){0};
    }
}
