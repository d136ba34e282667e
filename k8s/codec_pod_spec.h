/* k8s/codec_pod_spec.h - what a Pod's spec asks for: containers, selectors, tolerations, affinity.
 *
 * Used for pods in the cluster and for pods to come. Members nobody asks for are ignored.
 */
#ifndef K8S_CODEC_POD_SPEC_H
#define K8S_CODEC_POD_SPEC_H

#include "base/error.h"
#include "policy/demand.h"
#include "policy/resources.h"

struct field_error;
struct json_at;

enum codec_names {
    /* A resource the table has no room for is ignored: no demand can ask for it either. */
    CODEC_NAMES_TOLERANT,
    CODEC_NAMES_STRICT, /* it is ERR_FULL */
};

/* Fill a demand that is zeroed, but for what codec_pod_company_read() put into it; the caller's to
 * finish (also after a failure). */
int codec_pod_spec_read(const struct json_at *spec, struct resource_names *names,
                        enum codec_names mode, struct pod_demand *out_pod,
                        struct field_error *error) MUST_CHECK;

/* One entry of a resource list: its kind, or RESOURCE_NONE for one to be ignored. */
int codec_resource_read(const struct json_at *quantity, struct resource_names *names,
                        enum codec_names mode, size_t *out_kind, int64_t *out_amount,
                        struct field_error *error) MUST_CHECK;

#endif
