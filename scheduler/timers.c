#include "scheduler/timers.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/memory.h"

static bool before(const struct timer_entry *a, const struct timer_entry *b) {
    return a->due_us != b->due_us ? a->due_us < b->due_us : a->id < b->id;
}

static void swap(struct timer_entry *a, struct timer_entry *b) {
    struct timer_entry kept = *a;

    *a = *b;
    *b = kept;
}

void timers_finish(struct timers *timers) {
    if (timers != NULL) {
        free(timers->entries);
        *timers = (struct timers){0};
    }
}

void timers_add(struct timers *timers, int64_t due_us, uint64_t id) {
    size_t at = timers->count++;

    if (timers->count > timers->room) {
        timers->room = timers->room > 0 ? timers->room * 2 : 64;
        timers->entries = mem_grow(timers->entries, timers->room, sizeof *timers->entries);
    }
    timers->entries[at] = (struct timer_entry){.due_us = due_us, .id = id};
    while (at > 0 && before(&timers->entries[at], &timers->entries[(at - 1) / 2])) {
        swap(&timers->entries[at], &timers->entries[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
}

static void sink(struct timers *timers, size_t at) {
    for (;;) {
        size_t first = at;

        for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < timers->count; child++) {
            if (before(&timers->entries[child], &timers->entries[first])) {
                first = child;
            }
        }
        if (first == at) {
            return;
        }
        swap(&timers->entries[at], &timers->entries[first]);
        at = first;
    }
}

bool timers_take_due(struct timers *timers, int64_t now_us, uint64_t *out_id) {
    if (timers->count == 0 || timers->entries[0].due_us > now_us) {
        return false;
    }
    *out_id = timers->entries[0].id;
    timers->entries[0] = timers->entries[--timers->count];
    sink(timers, 0);
    return true;
}

void timers_keep(struct timers *timers, bool (*is_wanted)(void *context, uint64_t id),
                 void *context) {
    const size_t count = timers->count;

    timers->count = 0;
    for (size_t i = 0; i < count; i++) { /* What is added stays behind what is read. */
        if (is_wanted(context, timers->entries[i].id)) {
            timers_add(timers, timers->entries[i].due_us, timers->entries[i].id);
        }
    }
    if (timers->count > timers->room / 2) {
        timers->room *= 2;
        timers->entries = mem_grow(timers->entries, timers->room, sizeof *timers->entries);
    }
}

int64_t timers_next_us(const struct timers *timers) {
    return timers->count > 0 ? timers->entries[0].due_us : CLOCK_NEVER_US;
}
