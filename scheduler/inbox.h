/* scheduler/inbox.h - events on their way to the next turn, with what they borrow.
 *
 * Callbacks translate and append; the loop takes a bounded run of them from the front. Each
 * event may bring an owned value with its texts, destroyed once the turn is over. Who fills it
 * keeps it bounded: a client has one event at a time in it, and the watches rest while it is full.
 */
#ifndef SCHEDULER_INBOX_H
#define SCHEDULER_INBOX_H

#include "scheduler/event.h"

struct inbox_owned {
    void *value;
    void (*destroy)(void *value);
};

/* Zeroed is empty and ready. */
struct inbox {
    struct event *events;
    struct inbox_owned *owned; /* beside each event */
    size_t count;
    size_t room;
};

void inbox_finish(struct inbox *inbox);

/* owned may be NULL. */
void inbox_add(struct inbox *inbox, const struct event *event, void *owned,
               void (*destroy)(void *value));

/* Destroy the first `count` events and close the gap. */
void inbox_drop(struct inbox *inbox, size_t count);

#endif
