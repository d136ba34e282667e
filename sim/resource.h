/* sim/resource.h - the kinds of objects that the simulated cluster serves, as one table.
 *
 * The table is constant. Discovery, routes, the store and the listings read it; a
 * kind without rules of its own is one more row.
 */
#ifndef SIM_RESOURCE_H
#define SIM_RESOURCE_H

#include <stdbool.h>
#include <stddef.h>

enum sim_resource_id {
    SIM_NAMESPACES,
    SIM_NODES,
    SIM_PODS,
    SIM_SERVICES,
    SIM_CONFIGMAPS,
    SIM_SECRETS,
    SIM_SERVICEACCOUNTS,
    SIM_RESOURCEQUOTAS,
    SIM_LIMITRANGES,
    SIM_EVENTS,
    SIM_PERSISTENTVOLUMECLAIMS,
    SIM_LEASES,
    SIM_PRIORITYCLASSES,
    SIM_RUNTIMECLASSES,
    SIM_PODDISRUPTIONBUDGETS,
    SIM_NETWORKPOLICIES,
    SIM_INGRESSES,
    SIM_SPARKAPPLICATIONS,
    SIM_SCHEDULEDSPARKAPPLICATIONS,
    SIM_SPARKCONNECTS,
    SIM_RESOURCE_COUNT,
};

struct sim_resource {
    enum sim_resource_id id;
    const char *group;   /* "" is core */
    const char *version; /* "v1" */
    const char *plural;  /* "pods" */
    const char *singular;
    const char *kind;
    const char *short_names; /* separated by commas, or "" */
    bool namespaced;
    bool has_status;     /* there is a /status, and plain writes leave status alone */
    bool has_generation; /* metadata.generation counts the changes of spec */
    bool upsert;         /* a PUT of an absent object creates it */
    bool is_custom;      /* of a CustomResourceDefinition: a list's items say what they are */
};

/* Never NULL: ids are ours. */
const struct sim_resource *sim_resource(enum sim_resource_id id);

/* NULL when nothing is served there. */
const struct sim_resource *sim_resource_find(const char *group, const char *version,
                                             const char *plural);

/* "pods", "leases.coordination.k8s.io": as error texts name a resource. */
const char *sim_resource_qualified(const struct sim_resource *resource);

/* "v1", "coordination.k8s.io/v1": what apiVersion says. */
const char *sim_resource_api_version(const struct sim_resource *resource);

#endif
