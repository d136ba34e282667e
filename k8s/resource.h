/* k8s/resource.h - the paths and queries of the Kubernetes resources we use.
 *
 * Pure text. Names are checked by whoever takes them in; here they are percent-encoded, so
 * that no name can ever change the path.
 */
#ifndef K8S_RESOURCE_H
#define K8S_RESOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

/* enum name, plural, API prefix, namespaced */
#define KUBE_RESOURCE_LIST(X)                                                  \
    X(NAMESPACES, "namespaces", "/api/v1", false)                              \
    X(NODES, "nodes", "/api/v1", false)                                        \
    X(PODS, "pods", "/api/v1", true)                                           \
    X(SERVICES, "services", "/api/v1", true)                                   \
    X(CONFIGMAPS, "configmaps", "/api/v1", true)                               \
    X(SECRETS, "secrets", "/api/v1", true)                                     \
    X(PERSISTENTVOLUMECLAIMS, "persistentvolumeclaims", "/api/v1", true)       \
    X(RESOURCEQUOTAS, "resourcequotas", "/api/v1", true)                       \
    X(LIMITRANGES, "limitranges", "/api/v1", true)                             \
    X(EVENTS, "events", "/api/v1", true)                                       \
    X(LEASES, "leases", "/apis/coordination.k8s.io/v1", true)                  \
    X(PRIORITYCLASSES, "priorityclasses", "/apis/scheduling.k8s.io/v1", false) \
    X(INGRESSES, "ingresses", "/apis/networking.k8s.io/v1", true)              \
    X(PODDISRUPTIONBUDGETS, "poddisruptionbudgets", "/apis/policy/v1", true)   \
    X(RUNTIMECLASSES, "runtimeclasses", "/apis/node.k8s.io/v1", false)         \
    X(NETWORKPOLICIES, "networkpolicies", "/apis/networking.k8s.io/v1", true)  \
    X(SPARKAPPLICATIONS, "sparkapplications", "/apis/sparkoperator.k8s.io/v1beta2", true)

enum kube_resource {
#define KUBE_RESOURCE_ENUM(name, plural, prefix, namespaced) KUBE_##name,
    KUBE_RESOURCE_LIST(KUBE_RESOURCE_ENUM)
#undef KUBE_RESOURCE_ENUM
    KUBE_RESOURCE_COUNT
};

/* "pods" */
const char *resource_plural(enum kube_resource resource);

/* Append the path of a collection, an object or its subresource. Each of the three texts may be
 * NULL; a namespaced resource without a namespace is that of the whole cluster. */
struct resource_path {
    enum kube_resource resource;
    const char *namespace_;
    const char *name;
    const char *subresource; /* "log", "status", "binding" */
};
void resource_add_path(struct buf *out, const struct resource_path *path);

/* Append "key=value" to a query, "&" before it where needed, the value percent-encoded.
 * Nothing when value is NULL. */
void resource_add_query(struct buf *out, const char *key, const char *value);
void resource_add_query_int(struct buf *out, const char *key, int64_t value);

/* Query of GET .../pods/NAME/log. The log may be followed: give the call an on_bytes. */
struct resource_log_query {
    const char *container; /* NULL: the only one */
    int64_t tail_lines;    /* 0: all */
    int64_t limit_bytes;   /* 0: all */
    bool follow;
    bool previous; /* of the container's previous run */
    bool timestamps;
};
void resource_add_log_query(struct buf *out, const struct resource_log_query *query);

#endif
