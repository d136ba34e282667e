/* sim/owners.h - who owns whom, for garbage collection.
 *
 * Follows the store's changes and says which objects to look at again: those whose
 * owner went, and those that were born with an owner that isn't there.
 */
#ifndef SIM_OWNERS_H
#define SIM_OWNERS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/map.h"
#include "sim/store.h"

struct sim_ref {
    enum sim_resource_id id;
    char *namespace;
    char *name;
};

void sim_ref_finish(struct sim_ref *ref);

/* Zeroed is empty and ready. */
struct sim_owners {
    struct map by_uid;     /* uid -> struct owner */
    struct sim_ref *queue; /* to be looked at, oldest first from queue_at */
    size_t queue_at;
    size_t queue_count;
    size_t queue_room;
};

void sim_owners_finish(struct sim_owners *owners);

void sim_owners_note(struct sim_owners *owners, const struct sim_change *change);

/* The next object to look at; the caller finishes *out_ref. */
bool sim_owners_next(struct sim_owners *owners, struct sim_ref *out_ref);

/* True if it has owners and none of them is there. */
bool sim_owners_abandoned(const struct sim_owners *owners, const struct json_t *object);

/* The dependents of this uid: count, and each of them borrowed until the next change. */
size_t sim_owners_dependents(const struct sim_owners *owners, const char *uid,
                             const struct sim_ref **out_refs);

#endif
