/* sim/census.h - who is where: the pods and nodes of the store, and what each node still holds.
 *
 * A view fed by the store's changes. A pod occupies its node from the binding until it's
 * finished or gone; one that is being deleted still does.
 */
#ifndef SIM_CENSUS_H
#define SIM_CENSUS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/map.h"
#include "sim/amounts.h"
#include "sim/fit.h"

struct json_t;
struct sim_change;
struct sim_store;

struct census_pod {
    uint64_t serial;         /* in the order of creation */
    char *key;               /* "namespace/name" */
    struct json_t *object;   /* the newest version, shared with the store */
    struct amounts requests; /* with pods: 1 */
    char *occupies;          /* the node; NULL while it takes no room */
};

struct census_node {
    char *name;
    struct json_t *object; /* NULL: pods are bound to it, but it isn't there */
    struct amounts allocatable;
    struct amounts used;
    struct fit_load room; /* of allocatable, and of used */
    struct fit_load load;
};

/* A plain value; zeroed is empty and ready. */
struct census {
    struct map pods;  /* key -> struct census_pod, oldest first */
    struct map nodes; /* name -> struct census_node */
    uint64_t serial;
};

void census_finish(struct census *census);

void census_on_change(struct census *census, const struct sim_change *change);

/* NULL when absent. */
struct census_pod *census_find_pod(const struct census *census, const char *namespace,
                                   const char *name);
struct census_node *census_find_node(const struct census *census, const char *name);

/* Does the view agree with the store, and no node hold more than its allocatable? */
bool census_verify(const struct census *census, const struct sim_store *store, struct error *error);

#endif
