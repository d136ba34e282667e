/* scheduler/demands.h - the demands of payloads that were read lately, to be found again.
 *
 * Payloads that differ only in what they tell their program (k8s/payload_sketch.h) ask for the
 * same in one namespace, and users submit the same application over and over: to find its demand
 * costs a microsecond or two, to read and build it anew a hundred. Bounded by LIMIT_DEMANDS_KEPT;
 * beyond it everything is forgotten, and found out again as it comes.
 */
#ifndef SCHEDULER_DEMANDS_H
#define SCHEDULER_DEMANDS_H

#include "base/limits.h"
#include "base/map.h"
#include "policy/job.h"
#include "queue/change.h"

struct demand;

/* What decides a demand: the first three, or the first two and the payload's sketch. */
struct demand_key {
    enum job_kind kind;
    const char *namespace;
    const unsigned char *spec_hash; /* SPEC_HASH_BYTES of them */
};

/* Zeroed is empty. */
struct demands {
    struct map by_key;
    /* What was found last by a spec's hash: most ask for the same again. */
    enum job_kind last_kind;
    char last_namespace[LIMIT_NAME_BYTES + 1];
    unsigned char last_hash[SPEC_HASH_BYTES];
    struct demand *last; /* one of by_key's, as long as that does not change; NULL: none */
};

void demands_finish(struct demands *demands); /* Accepts NULL. */

/* The demand, shared with the caller, who destroys it; NULL: not known. */
struct demand *demands_get(struct demands *demands, const struct demand_key *key);

/* The same by the payload's sketch: of this payload or of one that differs from it only in what
 * decides nothing. What is found is known by its key from now on. */
struct demand *demands_get_alike(struct demands *demands, const struct demand_key *key,
                                 const char *payload, size_t bytes);

/* Keep a settled demand, shared, for this payload and those like it; its origin is set. */
void demands_put(struct demands *demands, const struct demand_key *key, const char *payload,
                 size_t bytes, struct demand *demand);

#endif
