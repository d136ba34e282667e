/* policy/demand_change.h - a gang as the next attempt asks for it: with more memory, and without
 * the nodes that failed it. Pure, but for the memory of what it returns.
 */
#ifndef POLICY_DEMAND_CHANGE_H
#define POLICY_DEMAND_CHANGE_H

#include <stddef.h>
#include <stdint.h>

#include "policy/demand.h"

struct demand_change {
    uint32_t driver_permille; /* of memory; up to 1000: none more. Of a plain pod too */
    uint32_t executor_permille;
    const char *const *avoided; /* nodes no pod of the gang may be on */
    size_t avoided_count;
};

/* A memory request or limit so grown: whole MiB, rounded up. */
int64_t demand_grown_bytes(int64_t bytes, uint32_t permille);

/* The settled demand, changed: the caller's to destroy. Of each pod the first main container
 * grows. The same demand, shared, if that makes no difference. */
struct demand *demand_changed(struct demand *demand, const struct demand_change *change);

/* The largest memory request of a pod that the role's growth is about; 0: it asks for none. */
int64_t demand_role_memory(const struct demand *demand, bool of_executors);

#endif
