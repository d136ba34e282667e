#include "sim/agenda.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/memory.h"

void agenda_finish(struct agenda *agenda) {
    if (agenda != NULL) {
        free(agenda->heap);
        *agenda = (struct agenda){0};
    }
}

static bool is_before(const struct agenda_item *a, const struct agenda_item *b) {
    return a->due_us != b->due_us ? a->due_us < b->due_us : a->sequence < b->sequence;
}

static void swap(struct agenda_item *a, struct agenda_item *b) {
    struct agenda_item kept = *a;

    *a = *b;
    *b = kept;
}

void agenda_set(struct agenda *agenda, int64_t due_us, uint64_t id) {
    size_t at = agenda->count;

    if (agenda->count == agenda->room) {
        agenda->room = agenda->room == 0 ? 16 : agenda->room * 2;
        agenda->heap = mem_grow(agenda->heap, agenda->room, sizeof *agenda->heap);
    }
    agenda->heap[agenda->count++] =
        (struct agenda_item){.due_us = due_us, .sequence = agenda->sequence++, .id = id};
    while (at > 0 && is_before(&agenda->heap[at], &agenda->heap[(at - 1) / 2])) {
        swap(&agenda->heap[at], &agenda->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
}

int64_t agenda_next_us(const struct agenda *agenda) {
    return agenda->count > 0 ? agenda->heap[0].due_us : CLOCK_NEVER_US;
}

static void sink(struct agenda *agenda, size_t at) {
    for (;;) {
        size_t first = at;

        for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < agenda->count; child++) {
            if (is_before(&agenda->heap[child], &agenda->heap[first])) {
                first = child;
            }
        }
        if (first == at) {
            return;
        }
        swap(&agenda->heap[at], &agenda->heap[first]);
        at = first;
    }
}

bool agenda_pop(struct agenda *agenda, int64_t now_us, struct agenda_item *out_item) {
    if (agenda->count == 0 || agenda->heap[0].due_us > now_us) {
        return false;
    }
    *out_item = agenda->heap[0];
    agenda->heap[0] = agenda->heap[--agenda->count];
    sink(agenda, 0);
    return true;
}
