/* sim/protobuf.h - objects that clients send as Kubernetes' protobuf instead of JSON.
 *
 * Clients of client-go and controller-runtime write built-in kinds so, and read JSON all the same.
 * Known are the kinds that controllers write beside pods: DeleteOptions, ConfigMap, Event, Lease,
 * Service, Ingress. Fields that the tables (sim/protobuf_schema.c) don't name are dropped, as a
 * server drops those of a newer client. managedFields are among them: nobody here reads them.
 * Source: the generated.proto files of Kubernetes 1.33; protobuf.dev, encoding.
 */
#ifndef SIM_PROTOBUF_H
#define SIM_PROTOBUF_H

#include <stddef.h>

#include "base/error.h"

struct json_t;

#define SIM_CONTENT_PROTOBUF "application/vnd.kubernetes.protobuf"

/* The object, with its kind and apiVersion. ERR_INVALID: it is cut off, or not well formed;
 * ERR_NOT_FOUND: of a kind that is not known here. */
int sim_protobuf_read(const char *data, size_t bytes, struct json_t **out_object) MUST_CHECK;

#endif
