/* sim/store.h - the objects of the simulated cluster, their versions and their watch logs.
 *
 * Owns every stored object as an immutable JSON version: a write stores a new one,
 * so a borrowed object may be kept by json_incref() but never changed (deep-copy it,
 * or copy the levels that change). One counter gives resourceVersions. Each resource
 * has a log of its newest changes; older ones are compacted (410).
 * Writes run the whole path of an API server: defaults, the admission plugins that
 * need no controller (namespace life cycle, service account, priority, tolerations,
 * not-ready taint), the hooks below, validation, storing, garbage collection.
 * Time and seed are arguments: equal calls give equal bytes. Never blocks, never logs.
 */
#ifndef SIM_STORE_H
#define SIM_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/resource.h"

struct json_t;
struct sim_collection;
struct sim_store;

enum sim_change_type {
    SIM_ADDED,
    SIM_MODIFIED,
    SIM_DELETED,
};

/* One change, borrowed for the call. */
struct sim_change {
    enum sim_change_type type;
    const struct sim_resource *resource;
    const char *namespace; /* "" for cluster-wide resources */
    const char *name;
    int64_t version;       /* resourceVersion */
    struct json_t *object; /* at DELETED the last state, with the deletion's resourceVersion */
    struct json_t *old;    /* NULL at ADDED */
    int64_t now_us;
};

/* Sees every change, in order, after it's stored. Must not write to the store from inside
 * (ENSUREd): note what is to be done and do it in the next step. */
struct sim_observer {
    void (*on_change)(void *context, const struct sim_change *change);
    void *context;
};

/* What is about to be stored. */
struct sim_attempt {
    const struct sim_resource *resource;
    const char *namespace;
    const char *name;
    const char *subresource;  /* "" or "status" */
    const struct json_t *old; /* NULL at a create */
    struct json_t *object;
    const char *user;
    int64_t now_us;
    bool dry_run; /* check, but charge nothing */
};

/* Hooks that may refuse: NULL admits, else an owned Status (sim/status.h). May write other objects
 * through sim_store_put_status() and nothing else. Not called for deletes. */
struct sim_admission {
    /* Before validation; may change attempt->object in place (LimitRange defaults). */
    struct json_t *(*mutate)(void *context, struct sim_attempt *attempt);
    /* After validation, before the name is looked up, as the real one: a create of a name that
     * exists is charged first, and a full quota hides the 409 (LimitRange bounds, quota). */
    struct json_t *(*validate)(void *context, const struct sim_attempt *attempt);
    void *context;
};

struct sim_store_options {
    uint64_t seed;          /* of uids and generated names */
    size_t log_entries_max; /* changes kept per resource; 0: the default */
};

struct sim_store *sim_store_create(const struct sim_store_options *options);
void sim_store_destroy(struct sim_store *store);

void sim_store_set_admission(struct sim_store *store, const struct sim_admission *admission);
void sim_store_observe(struct sim_store *store, const struct sim_observer *observer);

/* Reading. Objects are borrowed until the next write. */

/* NULL when absent. namespace is "" for cluster-wide resources. O(log n). */
struct json_t *sim_store_get(const struct sim_store *store, enum sim_resource_id id,
                             const char *namespace, const char *name);

/* Walk in order of (namespace, name); zeroed to begin. No writes during a walk. */
struct sim_walk {
    size_t shelf;
    size_t at;
};
/* The next object, or NULL at the end. namespace NULL walks all namespaces. O(1) amortised. */
struct json_t *sim_store_next(const struct sim_store *store, enum sim_resource_id id,
                              const char *namespace, struct sim_walk *walk);

size_t sim_store_count(const struct sim_store *store, enum sim_resource_id id,
                       const char *namespace);

/* The newest resourceVersion given out. */
int64_t sim_store_version(const struct sim_store *store);

/* Writing. */

struct sim_write {
    enum sim_resource_id id;
    const char *namespace;   /* "" for cluster-wide resources */
    const char *name;        /* of an update; NULL: the object's own */
    const char *subresource; /* NULL, "status", or "binding" of an update */
    const char *user;        /* NULL: the cluster itself */
    int64_t now_us;
    bool dry_run;
};

/* An HTTP code and the object or Status that goes with it. */
struct sim_answer {
    int code;            /* 200 and 201 are success */
    struct json_t *body; /* owned; may be a stored version: do not change it */
};
void sim_answer_finish(struct sim_answer *answer);

/* The object is borrowed and not changed; apiVersion and kind may be absent. */
struct sim_answer sim_store_post(struct sim_store *store, const struct sim_write *write,
                                 const struct json_t *object);

/* The same of an object that is given away: nobody else may hold it or a part of it. */
struct sim_answer sim_store_post_take(struct sim_store *store, const struct sim_write *write,
                                      struct json_t *object_take);

/* Replace. metadata.resourceVersion in the object is a precondition if it's there. Nothing changed:
 * 200 with the same resourceVersion and no event. */
struct sim_answer sim_store_put(struct sim_store *store, const struct sim_write *write,
                                const struct json_t *object);

/* For controllers: replace status alone by a value borrowed; false when the object is gone.
 * No validation, no hooks; nothing happens when it's equal. */
bool sim_store_put_status(struct sim_store *store, enum sim_resource_id id, const char *namespace,
                          const char *name, struct json_t *status, int64_t now_us);

/* The same for one label, annotation... of any object: store this whole object (borrowed, metadata
 * of the old one kept where the API forbids changes). No hooks and no validation. */
bool sim_store_put_raw(struct sim_store *store, enum sim_resource_id id, const char *namespace,
                       const char *name, const struct json_t *object, int64_t now_us);

/* What the scheduler does: set spec.nodeName, once (409 after), and condition PodScheduled. 201. */
struct sim_answer sim_store_bind(struct sim_store *store, const struct sim_write *write,
                                 const char *node);

struct sim_delete {
    enum sim_resource_id id;
    const char *namespace;
    const char *name;
    int64_t now_us;
    int64_t grace_seconds; /* SIM_GRACE_DEFAULT, or what the client asked */
    const char *uid;       /* precondition or NULL */
    const char *version;   /* precondition or NULL */
    bool orphan;           /* leave the dependents alone */
    bool dry_run;
};
#define SIM_GRACE_DEFAULT (-1)

/* A bound live pod stays with deletionTimestamp until it's deleted with grace 0 (by the runtime);
 * everything else goes at once, unless it has finalizers. 200, or a Status. */
struct sim_answer sim_store_delete(struct sim_store *store, const struct sim_delete *request);

/* Do what garbage collection and namespace deletion owe, a bounded amount; true while more is left.
 * Call after writes (the REST layer and a simulation's step do). */
bool sim_store_collect(struct sim_store *store, int64_t now_us);

/* For the REST layer. */

/* Versions and log, borrowed. */
const struct sim_collection *sim_store_collection(const struct sim_store *store,
                                                  enum sim_resource_id id);

/* Forget the log up to the newest change: watches from before get 410. */
void sim_store_compact(struct sim_store *store);

#endif
