#include "sim/protobuf_schema.h"

#include <string.h>

#define MESSAGE(name)                                           \
    static const struct protobuf_message name = {name##_fields, \
                                                 sizeof name##_fields / sizeof name##_fields[0]}

/* --- meta/v1 --------------------------------------------------------------------------------- */

static const struct protobuf_field owner_fields[] = {
    {.number = 5, .name = "apiVersion"},
    {.number = 1, .name = "kind"},
    {.number = 3, .name = "name"},
    {.number = 4, .name = "uid"},
    {.number = 6, .name = "controller", .type = PROTOBUF_BOOL, .keeps_zero = true},
    {.number = 7, .name = "blockOwnerDeletion", .type = PROTOBUF_BOOL, .keeps_zero = true},
};
MESSAGE(owner);

static const struct protobuf_field metadata_fields[] = {
    {.number = 1, .name = "name"},
    {.number = 2, .name = "generateName"},
    {.number = 3, .name = "namespace"},
    {.number = 5, .name = "uid"},
    {.number = 6, .name = "resourceVersion"},
    {.number = 7, .name = "generation", .type = PROTOBUF_INT},
    {.number = 8, .name = "creationTimestamp", .type = PROTOBUF_TIME},
    {.number = 9, .name = "deletionTimestamp", .type = PROTOBUF_TIME},
    {.number = 10, .name = "deletionGracePeriodSeconds", .type = PROTOBUF_INT, .keeps_zero = true},
    {.number = 11, .name = "labels", .type = PROTOBUF_TEXT_MAP},
    {.number = 12, .name = "annotations", .type = PROTOBUF_TEXT_MAP},
    {.number = 13,
     .name = "ownerReferences",
     .type = PROTOBUF_MESSAGE,
     .message = &owner,
     .repeated = true},
    {.number = 14, .name = "finalizers", .repeated = true},
};
MESSAGE(metadata);

#define METADATA \
    { .number = 1, .name = "metadata", .type = PROTOBUF_MESSAGE, .message = &metadata }

static const struct protobuf_field preconditions_fields[] = {
    {.number = 1, .name = "uid", .keeps_zero = true},
    {.number = 2, .name = "resourceVersion", .keeps_zero = true},
};
MESSAGE(preconditions);

static const struct protobuf_field delete_options_fields[] = {
    {.number = 1, .name = "gracePeriodSeconds", .type = PROTOBUF_INT, .keeps_zero = true},
    {.number = 2, .name = "preconditions", .type = PROTOBUF_MESSAGE, .message = &preconditions},
    {.number = 3, .name = "orphanDependents", .type = PROTOBUF_BOOL, .keeps_zero = true},
    {.number = 4, .name = "propagationPolicy", .keeps_zero = true},
    {.number = 5, .name = "dryRun", .repeated = true},
};
MESSAGE(delete_options);

/* --- core/v1 --------------------------------------------------------------------------------- */

static const struct protobuf_field config_map_fields[] = {
    METADATA,
    {.number = 2, .name = "data", .type = PROTOBUF_TEXT_MAP},
    {.number = 3, .name = "binaryData", .type = PROTOBUF_BYTES_MAP},
    {.number = 4, .name = "immutable", .type = PROTOBUF_BOOL, .keeps_zero = true},
};
MESSAGE(config_map);

static const struct protobuf_field service_port_fields[] = {
    {.number = 1, .name = "name"},
    {.number = 2, .name = "protocol"},
    {.number = 3, .name = "port", .type = PROTOBUF_INT},
    {.number = 4, .name = "targetPort", .type = PROTOBUF_INT_OR_TEXT},
    {.number = 5, .name = "nodePort", .type = PROTOBUF_INT},
    {.number = 6, .name = "appProtocol", .keeps_zero = true},
};
MESSAGE(service_port);

static const struct protobuf_field service_spec_fields[] = {
    {.number = 1,
     .name = "ports",
     .type = PROTOBUF_MESSAGE,
     .message = &service_port,
     .repeated = true},
    {.number = 2, .name = "selector", .type = PROTOBUF_TEXT_MAP},
    {.number = 3, .name = "clusterIP"},
    {.number = 4, .name = "type"},
    {.number = 5, .name = "externalIPs", .repeated = true},
    {.number = 7, .name = "sessionAffinity"},
    {.number = 8, .name = "loadBalancerIP"},
    {.number = 9, .name = "loadBalancerSourceRanges", .repeated = true},
    {.number = 10, .name = "externalName"},
    {.number = 11, .name = "externalTrafficPolicy"},
    {.number = 13, .name = "publishNotReadyAddresses", .type = PROTOBUF_BOOL},
    {.number = 17, .name = "ipFamilyPolicy", .keeps_zero = true},
    {.number = 18, .name = "clusterIPs", .repeated = true},
    {.number = 19, .name = "ipFamilies", .repeated = true},
    {.number = 21, .name = "loadBalancerClass", .keeps_zero = true},
    {.number = 22, .name = "internalTrafficPolicy", .keeps_zero = true},
};
MESSAGE(service_spec);

static const struct protobuf_field service_fields[] = {
    METADATA,
    {.number = 2, .name = "spec", .type = PROTOBUF_MESSAGE, .message = &service_spec},
};
MESSAGE(service);

static const struct protobuf_field reference_fields[] = {
    {.number = 1, .name = "kind"},       {.number = 2, .name = "namespace"},
    {.number = 3, .name = "name"},       {.number = 4, .name = "uid"},
    {.number = 5, .name = "apiVersion"}, {.number = 6, .name = "resourceVersion"},
    {.number = 7, .name = "fieldPath"},
};
MESSAGE(reference);

static const struct protobuf_field event_source_fields[] = {
    {.number = 1, .name = "component"},
    {.number = 2, .name = "host"},
};
MESSAGE(event_source);

static const struct protobuf_field event_fields[] = {
    METADATA,
    {.number = 2, .name = "involvedObject", .type = PROTOBUF_MESSAGE, .message = &reference},
    {.number = 3, .name = "reason"},
    {.number = 4, .name = "message"},
    {.number = 5, .name = "source", .type = PROTOBUF_MESSAGE, .message = &event_source},
    {.number = 6, .name = "firstTimestamp", .type = PROTOBUF_TIME},
    {.number = 7, .name = "lastTimestamp", .type = PROTOBUF_TIME},
    {.number = 8, .name = "count", .type = PROTOBUF_INT},
    {.number = 9, .name = "type"},
    {.number = 10, .name = "eventTime", .type = PROTOBUF_MICRO_TIME},
    {.number = 12, .name = "action"},
    {.number = 13, .name = "related", .type = PROTOBUF_MESSAGE, .message = &reference},
    {.number = 14, .name = "reportingComponent"},
    {.number = 15, .name = "reportingInstance"},
};
MESSAGE(event);

/* --- coordination.k8s.io/v1 ------------------------------------------------------------------ */

static const struct protobuf_field lease_spec_fields[] = {
    {.number = 1, .name = "holderIdentity", .keeps_zero = true},
    {.number = 2, .name = "leaseDurationSeconds", .type = PROTOBUF_INT, .keeps_zero = true},
    {.number = 3, .name = "acquireTime", .type = PROTOBUF_MICRO_TIME},
    {.number = 4, .name = "renewTime", .type = PROTOBUF_MICRO_TIME},
    {.number = 5, .name = "leaseTransitions", .type = PROTOBUF_INT, .keeps_zero = true},
};
MESSAGE(lease_spec);

static const struct protobuf_field lease_fields[] = {
    METADATA,
    {.number = 2, .name = "spec", .type = PROTOBUF_MESSAGE, .message = &lease_spec},
};
MESSAGE(lease);

/* --- networking.k8s.io/v1 -------------------------------------------------------------------- */

static const struct protobuf_field backend_port_fields[] = {
    {.number = 1, .name = "name"},
    {.number = 2, .name = "number", .type = PROTOBUF_INT},
};
MESSAGE(backend_port);

static const struct protobuf_field backend_service_fields[] = {
    {.number = 1, .name = "name"},
    {.number = 2, .name = "port", .type = PROTOBUF_MESSAGE, .message = &backend_port},
};
MESSAGE(backend_service);

static const struct protobuf_field backend_fields[] = {
    {.number = 4, .name = "service", .type = PROTOBUF_MESSAGE, .message = &backend_service},
};
MESSAGE(backend);

static const struct protobuf_field ingress_path_fields[] = {
    {.number = 1, .name = "path"},
    {.number = 2, .name = "backend", .type = PROTOBUF_MESSAGE, .message = &backend},
    {.number = 3, .name = "pathType", .keeps_zero = true},
};
MESSAGE(ingress_path);

static const struct protobuf_field ingress_http_fields[] = {
    {.number = 1,
     .name = "paths",
     .type = PROTOBUF_MESSAGE,
     .message = &ingress_path,
     .repeated = true},
};
MESSAGE(ingress_http);

static const struct protobuf_field ingress_rule_value_fields[] = {
    {.number = 1, .name = "http", .type = PROTOBUF_MESSAGE, .message = &ingress_http},
};
MESSAGE(ingress_rule_value);

static const struct protobuf_field ingress_rule_fields[] = {
    {.number = 1, .name = "host"},
    {.number = 2, .type = PROTOBUF_MESSAGE, .message = &ingress_rule_value},
};
MESSAGE(ingress_rule);

static const struct protobuf_field ingress_tls_fields[] = {
    {.number = 1, .name = "hosts", .repeated = true},
    {.number = 2, .name = "secretName"},
};
MESSAGE(ingress_tls);

static const struct protobuf_field ingress_spec_fields[] = {
    {.number = 1, .name = "defaultBackend", .type = PROTOBUF_MESSAGE, .message = &backend},
    {.number = 2,
     .name = "tls",
     .type = PROTOBUF_MESSAGE,
     .message = &ingress_tls,
     .repeated = true},
    {.number = 3,
     .name = "rules",
     .type = PROTOBUF_MESSAGE,
     .message = &ingress_rule,
     .repeated = true},
    {.number = 4, .name = "ingressClassName", .keeps_zero = true},
};
MESSAGE(ingress_spec);

static const struct protobuf_field ingress_fields[] = {
    METADATA,
    {.number = 2, .name = "spec", .type = PROTOBUF_MESSAGE, .message = &ingress_spec},
};
MESSAGE(ingress);

const struct protobuf_message *protobuf_message_of(const char *kind) {
    static const struct {
        const char *kind;
        const struct protobuf_message *message;
    } kinds[] = {
        {"ConfigMap", &config_map}, {"DeleteOptions", &delete_options},
        {"Event", &event},          {"Ingress", &ingress},
        {"Lease", &lease},          {"Service", &service},
    };

    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(kinds[i].kind, kind) == 0) {
            return kinds[i].message;
        }
    }
    return NULL;
}
