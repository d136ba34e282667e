/* scheduler/timers.h - which job is to be looked at next, by time.
 *
 * A binary heap of (due, id), ties by id. An id may be in it several times and may be
 * stale: whoever takes an entry looks at the job and decides what is really due.
 */
#ifndef SCHEDULER_TIMERS_H
#define SCHEDULER_TIMERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct timer_entry {
    int64_t due_us;
    uint64_t id;
};

/* Zeroed is empty and ready. */
struct timers {
    struct timer_entry *entries;
    size_t count;
    size_t room;
};

void timers_finish(struct timers *timers);

/* O(log n). */
void timers_add(struct timers *timers, int64_t due_us, uint64_t id);

/* Remove the first entry that is due at now_us; false when there is none. */
bool timers_take_due(struct timers *timers, int64_t now_us, uint64_t *out_id);

/* Leave out those that are no longer wanted. O(n log n); called when there is no room, it costs
 * O(log n) for each added one: half of the room is free then. */
void timers_keep(struct timers *timers, bool (*is_wanted)(void *context, uint64_t id),
                 void *context);

/* When the next one is due; CLOCK_NEVER_US when empty. */
int64_t timers_next_us(const struct timers *timers);

#endif
