/* sim/store_inside.h - what the parts of the store share: store.c writes, store_delete.c deletes
 * and collects. Not for other modules.
 */
#ifndef SIM_STORE_INSIDE_H
#define SIM_STORE_INSIDE_H

#include "base/limits.h"
#include "base/rng.h"
#include "sim/collection.h"
#include "sim/owners.h"
#include "sim/store.h"
#include "sim/version.h"

struct sim_store {
    struct sim_collection collections[SIM_RESOURCE_COUNT];
    int64_t version;
    struct rng rng;
    struct sim_admission admission;
    struct sim_observer observers[LIMIT_SIM_OBSERVERS];
    size_t observer_count;
    bool notifying;
    struct sim_owners owners;
    size_t terminating_namespaces;
};

/* NULL: there is none. Borrowed. */
struct sim_version *sim_store_find(const struct sim_store *store, enum sim_resource_id id,
                                   const char *namespace, const char *name);

/* Store a state, log it, tell everybody. Returns the object, borrowed. */
struct json_t *sim_store_commit(struct sim_store *store, enum sim_change_type type,
                                enum sim_resource_id id, const char *namespace, const char *name,
                                struct json_t *object_take, int64_t now_us);

/* Take an object out that is there, whatever holds it. The answer has its last state. */
struct sim_answer sim_store_remove(struct sim_store *store, enum sim_resource_id id,
                                   const char *namespace, const char *name, int64_t now_us);

/* No finalizer holds it. */
bool sim_store_may_go(const struct json_t *object);

struct sim_answer sim_answer_refuse(struct json_t *status_take);
struct sim_answer sim_answer_accept(int code, struct json_t *object);

#endif
