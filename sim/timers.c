#include "sim/timers.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/memory.h"

void timers_finish(struct timers *timers) {
    if (timers != NULL) {
        free(timers->heap);
        *timers = (struct timers){0};
    }
}

static bool is_before(const struct timer *a, const struct timer *b) {
    return a->due_us != b->due_us ? a->due_us < b->due_us : a->sequence < b->sequence;
}

static void swap(struct timer *a, struct timer *b) {
    struct timer kept = *a;

    *a = *b;
    *b = kept;
}

void timers_set(struct timers *timers, int64_t due_us, uint64_t id) {
    size_t at = timers->count;

    if (timers->count == timers->room) {
        timers->room = timers->room == 0 ? 16 : timers->room * 2;
        timers->heap = mem_grow(timers->heap, timers->room, sizeof *timers->heap);
    }
    timers->heap[timers->count++] =
        (struct timer){.due_us = due_us, .sequence = timers->sequence++, .id = id};
    while (at > 0 && is_before(&timers->heap[at], &timers->heap[(at - 1) / 2])) {
        swap(&timers->heap[at], &timers->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
}

int64_t timers_next_us(const struct timers *timers) {
    return timers->count > 0 ? timers->heap[0].due_us : CLOCK_NEVER_US;
}

static void sink(struct timers *timers, size_t at) {
    for (;;) {
        size_t first = at;

        for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < timers->count; child++) {
            if (is_before(&timers->heap[child], &timers->heap[first])) {
                first = child;
            }
        }
        if (first == at) {
            return;
        }
        swap(&timers->heap[at], &timers->heap[first]);
        at = first;
    }
}

bool timers_pop(struct timers *timers, int64_t now_us, struct timer *out_timer) {
    if (timers->count == 0 || timers->heap[0].due_us > now_us) {
        return false;
    }
    *out_timer = timers->heap[0];
    timers->heap[0] = timers->heap[--timers->count];
    sink(timers, 0);
    return true;
}
