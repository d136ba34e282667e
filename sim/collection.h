/* sim/collection.h - all objects of one resource in key order, and the log of their newest changes.
 *
 * Owns its references to versions. Objects lie on one sorted shelf per namespace
 * (cluster-wide resources have the one shelf ""). The log is a ring: positions count
 * up for ever, and those below log_first() are compacted.
 */
#ifndef SIM_COLLECTION_H
#define SIM_COLLECTION_H

#include <stddef.h>
#include <stdint.h>

#include "sim/store.h"

struct sim_version;

struct sim_slot {
    char *name;
    struct sim_version *version;
};

struct sim_shelf {
    char *namespace;
    struct sim_slot *slots; /* sorted by name */
    size_t count;
    size_t room;
};

struct sim_log_entry {
    enum sim_change_type type;
    int64_t number; /* resourceVersion of the change */
    char *namespace;
    struct sim_version *version;
    struct sim_version *old; /* NULL at SIM_ADDED */
};

struct sim_collection {
    struct sim_shelf *shelves; /* sorted by namespace; empty ones stay */
    size_t shelf_count;
    size_t shelf_room;
    size_t count;
    struct sim_log_entry *log;
    size_t log_room;
    uint64_t log_end;         /* position after the newest */
    uint64_t log_dropped;     /* position of the oldest kept */
    int64_t compacted_number; /* changes up to here are gone from the log */
};

void sim_collection_init(struct sim_collection *collection, size_t log_entries_max);
void sim_collection_finish(struct sim_collection *collection);

/* The shelf, or NULL. O(log namespaces). */
const struct sim_shelf *sim_collection_shelf(const struct sim_collection *collection,
                                             const char *namespace);

/* The index of name, or of where it would be put. */
size_t sim_shelf_find(const struct sim_shelf *shelf, const char *name, int *out_order);

struct sim_version *sim_collection_get(const struct sim_collection *collection,
                                       const char *namespace, const char *name);

/* Insert or replace (shares version), or remove (version NULL). */
void sim_collection_put(struct sim_collection *collection, const char *namespace, const char *name,
                        struct sim_version *version);

/* Append a change; the oldest falls out of a full ring. */
void sim_collection_log(struct sim_collection *collection, enum sim_change_type type,
                        const char *namespace, int64_t number, struct sim_version *version,
                        struct sim_version *old);

/* Forget all changes up to this resourceVersion. */
void sim_collection_compact(struct sim_collection *collection, int64_t number);

/* The position of the first change after this resourceVersion. O(log n). */
uint64_t sim_collection_log_after(const struct sim_collection *collection, int64_t number);

/* NULL when the position is compacted or not reached yet. */
const struct sim_log_entry *sim_collection_log_at(const struct sim_collection *collection,
                                                  uint64_t position);

#endif
