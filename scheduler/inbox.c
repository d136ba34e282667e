#include "scheduler/inbox.h"

#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "base/memory.h"

void inbox_add(struct inbox *inbox, const struct event *event, void *owned,
               void (*destroy)(void *value)) {
    if (inbox->count == inbox->room) {
        inbox->room = inbox->room > 0 ? inbox->room * 2 : 64;
        inbox->events = mem_grow(inbox->events, inbox->room, sizeof *inbox->events);
        inbox->owned = mem_grow(inbox->owned, inbox->room, sizeof *inbox->owned);
    }
    inbox->events[inbox->count] = *event;
    inbox->owned[inbox->count] = (struct inbox_owned){.value = owned, .destroy = destroy};
    inbox->count++;
}

void inbox_drop(struct inbox *inbox, size_t count) {
    ENSURE(count <= inbox->count);
    if (count == 0) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        if (inbox->owned[i].value != NULL) {
            inbox->owned[i].destroy(inbox->owned[i].value);
        }
    }
    inbox->count -= count;
    memmove(inbox->events, inbox->events + count, inbox->count * sizeof *inbox->events);
    memmove(inbox->owned, inbox->owned + count, inbox->count * sizeof *inbox->owned);
}

void inbox_finish(struct inbox *inbox) {
    if (inbox == NULL) {
        return;
    }
    inbox_drop(inbox, inbox->count);
    free(inbox->events);
    free(inbox->owned);
    *inbox = (struct inbox){0};
}
