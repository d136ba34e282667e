/* sim/agenda.h - what is due when, in virtual time: a heap of (instant, id).
 *
 * Equal instants come in the order in which they were set. An item is never taken
 * back: who sets one remembers its instant and ignores the others of the same id.
 */
#ifndef SIM_AGENDA_H
#define SIM_AGENDA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct agenda_item {
    int64_t due_us;
    uint64_t sequence;
    uint64_t id;
};

/* A plain value; zeroed is empty and ready. */
struct agenda {
    struct agenda_item *heap;
    size_t count;
    size_t room;
    uint64_t sequence;
};

void agenda_finish(struct agenda *agenda); /* Accepts NULL. */

void agenda_set(struct agenda *agenda, int64_t due_us, uint64_t id); /* O(log n) */

/* The earliest instant, CLOCK_NEVER_US when there is none. */
int64_t agenda_next_us(const struct agenda *agenda);

/* Take the earliest item if it is due by now_us. O(log n) */
bool agenda_pop(struct agenda *agenda, int64_t now_us, struct agenda_item *out_item);

#endif
