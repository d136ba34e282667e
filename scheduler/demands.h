/* scheduler/demands.h - the demands of payloads that were read lately, to be found again.
 *
 * Equal specs in one namespace ask for the same, and users submit the same application over and
 * over: to find its demand costs a microsecond, to read and build it anew two hundred. Bounded by
 * LIMIT_DEMANDS_KEPT; beyond it everything is forgotten, and found out again as it comes.
 */
#ifndef SCHEDULER_DEMANDS_H
#define SCHEDULER_DEMANDS_H

#include "base/map.h"
#include "policy/job.h"
#include "queue/change.h"

struct demand;

/* What decides a demand. */
struct demand_key {
    enum job_kind kind;
    const char *namespace;
    const unsigned char *spec_hash; /* SPEC_HASH_BYTES of them */
};

/* Zeroed is empty. */
struct demands {
    struct map by_key;
};

void demands_finish(struct demands *demands); /* Accepts NULL. */

/* The demand, shared with the caller, who destroys it; NULL: not known. */
struct demand *demands_get(const struct demands *demands, const struct demand_key *key);

/* Keep a settled demand, shared. */
void demands_put(struct demands *demands, const struct demand_key *key, struct demand *demand);

#endif
