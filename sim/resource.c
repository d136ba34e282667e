#include "sim/resource.h"

#include <string.h>

#include "base/ensure.h"

/* In the order of enum sim_resource_id. */
static const struct sim_resource resources[] = {
    {.id = SIM_NAMESPACES,
     .group = "",
     .version = "v1",
     .plural = "namespaces",
     .singular = "namespace",
     .kind = "Namespace",
     .short_names = "ns",
     .has_status = true},
    {.id = SIM_NODES,
     .group = "",
     .version = "v1",
     .plural = "nodes",
     .singular = "node",
     .kind = "Node",
     .short_names = "no",
     .has_status = true,
     .upsert = true},
    {.id = SIM_PODS,
     .group = "",
     .version = "v1",
     .plural = "pods",
     .singular = "pod",
     .kind = "Pod",
     .short_names = "po",
     .namespaced = true,
     .has_status = true},
    {.id = SIM_SERVICES,
     .group = "",
     .version = "v1",
     .plural = "services",
     .singular = "service",
     .kind = "Service",
     .short_names = "svc",
     .namespaced = true,
     .has_status = true},
    {.id = SIM_CONFIGMAPS,
     .group = "",
     .version = "v1",
     .plural = "configmaps",
     .singular = "configmap",
     .kind = "ConfigMap",
     .short_names = "cm",
     .namespaced = true},
    {.id = SIM_SECRETS,
     .group = "",
     .version = "v1",
     .plural = "secrets",
     .singular = "secret",
     .kind = "Secret",
     .short_names = "",
     .namespaced = true},
    {.id = SIM_SERVICEACCOUNTS,
     .group = "",
     .version = "v1",
     .plural = "serviceaccounts",
     .singular = "serviceaccount",
     .kind = "ServiceAccount",
     .short_names = "sa",
     .namespaced = true},
    {.id = SIM_RESOURCEQUOTAS,
     .group = "",
     .version = "v1",
     .plural = "resourcequotas",
     .singular = "resourcequota",
     .kind = "ResourceQuota",
     .short_names = "quota",
     .namespaced = true,
     .has_status = true},
    {.id = SIM_LIMITRANGES,
     .group = "",
     .version = "v1",
     .plural = "limitranges",
     .singular = "limitrange",
     .kind = "LimitRange",
     .short_names = "limits",
     .namespaced = true},
    {.id = SIM_EVENTS,
     .group = "",
     .version = "v1",
     .plural = "events",
     .singular = "event",
     .kind = "Event",
     .short_names = "ev",
     .namespaced = true,
     .upsert = true},
    {.id = SIM_PERSISTENTVOLUMECLAIMS,
     .group = "",
     .version = "v1",
     .plural = "persistentvolumeclaims",
     .singular = "persistentvolumeclaim",
     .kind = "PersistentVolumeClaim",
     .short_names = "pvc",
     .namespaced = true,
     .has_status = true},
    {.id = SIM_LEASES,
     .group = "coordination.k8s.io",
     .version = "v1",
     .plural = "leases",
     .singular = "lease",
     .kind = "Lease",
     .short_names = "",
     .namespaced = true,
     .upsert = true},
    {.id = SIM_PRIORITYCLASSES,
     .group = "scheduling.k8s.io",
     .version = "v1",
     .plural = "priorityclasses",
     .singular = "priorityclass",
     .kind = "PriorityClass",
     .short_names = "pc",
     .has_generation = true},
    {.id = SIM_RUNTIMECLASSES,
     .group = "node.k8s.io",
     .version = "v1",
     .plural = "runtimeclasses",
     .singular = "runtimeclass",
     .kind = "RuntimeClass",
     .short_names = ""},
    /* Kept and shown, but evictions don't ask them. */
    {.id = SIM_PODDISRUPTIONBUDGETS,
     .group = "policy",
     .version = "v1",
     .plural = "poddisruptionbudgets",
     .singular = "poddisruptionbudget",
     .kind = "PodDisruptionBudget",
     .short_names = "pdb",
     .namespaced = true,
     .has_status = true,
     .has_generation = true},
    /* Kept and shown, but no traffic is held back. */
    {.id = SIM_NETWORKPOLICIES,
     .group = "networking.k8s.io",
     .version = "v1",
     .plural = "networkpolicies",
     .singular = "networkpolicy",
     .kind = "NetworkPolicy",
     .short_names = "netpol",
     .namespaced = true,
     .has_generation = true},
    /* Kept and shown, but no traffic comes in. */
    {.id = SIM_INGRESSES,
     .group = "networking.k8s.io",
     .version = "v1",
     .plural = "ingresses",
     .singular = "ingress",
     .kind = "Ingress",
     .short_names = "ing",
     .namespaced = true,
     .has_status = true,
     .has_generation = true},
    /* Kept with their status; a Spark operator, if one runs, acts on them. */
    {.id = SIM_SPARKAPPLICATIONS,
     .group = "sparkoperator.k8s.io",
     .version = "v1beta2",
     .plural = "sparkapplications",
     .singular = "sparkapplication",
     .kind = "SparkApplication",
     .short_names = "sparkapp",
     .namespaced = true,
     .has_status = true,
     .has_generation = true,
     .is_custom = true},
    {.id = SIM_SCHEDULEDSPARKAPPLICATIONS,
     .group = "sparkoperator.k8s.io",
     .version = "v1beta2",
     .plural = "scheduledsparkapplications",
     .singular = "scheduledsparkapplication",
     .kind = "ScheduledSparkApplication",
     .short_names = "scheduledsparkapp",
     .namespaced = true,
     .has_status = true,
     .has_generation = true,
     .is_custom = true},
    {.id = SIM_SPARKCONNECTS,
     .group = "sparkoperator.k8s.io",
     .version = "v1alpha1",
     .plural = "sparkconnects",
     .singular = "sparkconnect",
     .kind = "SparkConnect",
     .short_names = "sparkconn",
     .namespaced = true,
     .has_status = true,
     .has_generation = true,
     .is_custom = true},
};

_Static_assert(sizeof resources / sizeof resources[0] == SIM_RESOURCE_COUNT, "a row per id");

const struct sim_resource *sim_resource(enum sim_resource_id id) {
    ENSURE((unsigned)id < SIM_RESOURCE_COUNT);
    ENSURE(resources[id].id == id);
    return &resources[id];
}

const struct sim_resource *sim_resource_find(const char *group, const char *version,
                                             const char *plural) {
    for (unsigned i = 0; i < SIM_RESOURCE_COUNT; i++) {
        const struct sim_resource *resource = &resources[i];

        if (strcmp(resource->plural, plural) == 0 && strcmp(resource->group, group) == 0 &&
            strcmp(resource->version, version) == 0) {
            return resource;
        }
    }
    return NULL;
}

const char *sim_resource_qualified(const struct sim_resource *resource) {
    switch (resource->id) {
    case SIM_LEASES:
        return "leases.coordination.k8s.io";
    case SIM_PRIORITYCLASSES:
        return "priorityclasses.scheduling.k8s.io";
    case SIM_RUNTIMECLASSES:
        return "runtimeclasses.node.k8s.io";
    case SIM_PODDISRUPTIONBUDGETS:
        return "poddisruptionbudgets.policy";
    case SIM_NETWORKPOLICIES:
        return "networkpolicies.networking.k8s.io";
    case SIM_INGRESSES:
        return "ingresses.networking.k8s.io";
    case SIM_SPARKAPPLICATIONS:
        return "sparkapplications.sparkoperator.k8s.io";
    case SIM_SCHEDULEDSPARKAPPLICATIONS:
        return "scheduledsparkapplications.sparkoperator.k8s.io";
    case SIM_SPARKCONNECTS:
        return "sparkconnects.sparkoperator.k8s.io";
    default:
        ENSURE(resource->group[0] == '\0');
        return resource->plural;
    }
}

const char *sim_resource_api_version(const struct sim_resource *resource) {
    switch (resource->id) {
    case SIM_SPARKAPPLICATIONS:
    case SIM_SCHEDULEDSPARKAPPLICATIONS:
        return "sparkoperator.k8s.io/v1beta2";
    case SIM_SPARKCONNECTS:
        return "sparkoperator.k8s.io/v1alpha1";
    case SIM_LEASES:
        return "coordination.k8s.io/v1";
    case SIM_PRIORITYCLASSES:
        return "scheduling.k8s.io/v1";
    case SIM_RUNTIMECLASSES:
        return "node.k8s.io/v1";
    case SIM_PODDISRUPTIONBUDGETS:
        return "policy/v1";
    case SIM_NETWORKPOLICIES:
    case SIM_INGRESSES:
        return "networking.k8s.io/v1";
    default:
        ENSURE(resource->group[0] == '\0');
        return resource->version;
    }
}
