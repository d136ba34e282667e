/* sim/timers.h - what is due when, in virtual time: a heap of (instant, id).
 *
 * Equal instants come in the order in which they were set. A timer is never taken
 * back: who sets one remembers its instant and ignores the others of the same id.
 */
#ifndef SIM_TIMERS_H
#define SIM_TIMERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct timer {
    int64_t due_us;
    uint64_t sequence;
    uint64_t id;
};

/* A plain value; zeroed is empty and ready. */
struct timers {
    struct timer *heap;
    size_t count;
    size_t room;
    uint64_t sequence;
};

void timers_finish(struct timers *timers); /* Accepts NULL. */

void timers_set(struct timers *timers, int64_t due_us, uint64_t id); /* O(log n) */

/* The earliest instant, CLOCK_NEVER_US when there is none. */
int64_t timers_next_us(const struct timers *timers);

/* Take the earliest timer if it is due by now_us. O(log n) */
bool timers_pop(struct timers *timers, int64_t now_us, struct timer *out_timer);

#endif
