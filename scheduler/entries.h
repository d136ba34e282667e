/* scheduler/entries.h - the jobs of the view by id: dense, in order, where they stay.
 *
 * Ids are given in ascending order and never again, so entries stand in leaves of 64 beside each
 * other: no pointer, no hash and no allocation of its own for each. A leaf goes with its last
 * entry.
 */
#ifndef SCHEDULER_ENTRIES_H
#define SCHEDULER_ENTRIES_H

#include "base/map.h"
#include "scheduler/entry.h"

/* Zeroed is empty and ready. */
struct entries {
    struct map shelves; /* id / 65536 -> struct entry_shelf */
    size_t count;
};

/* Forgets all entries; what they own is the caller's to free before. Accepts NULL. */
void entries_finish(struct entries *entries);

/* NULL: there is none. */
struct entry *entries_get(const struct entries *entries, uint64_t id);

/* A zeroed entry with this id, which there never was. Stays where it is until it is removed. */
struct entry *entries_add(struct entries *entries, uint64_t id);
void entries_remove(struct entries *entries, uint64_t id);

/* The one with the lowest id above after_id; NULL: there is none. Any may be removed meanwhile. */
struct entry *entries_next(const struct entries *entries, uint64_t after_id);

#endif
