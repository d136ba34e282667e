/* k8s/codec_pod_rules.h - what a pod's spec asks of labels: of its node's, and of other pods'.
 *
 * Label selectors and node selector terms, required inter-pod affinity and anti-affinity,
 * topology spread constraints with DoNotSchedule. A namespaceSelector that is not empty is read as
 * every namespace: the labels of namespaces are not watched.
 */
#ifndef K8S_CODEC_POD_RULES_H
#define K8S_CODEC_POD_RULES_H

#include <stdbool.h>

#include "base/error.h"
#include "policy/demand.h"

struct field_error;
struct json_at;

/* The rules of a matchExpressions list, or of matchFields (on_name), added to the term. */
int codec_match_rules_read(const struct json_at *list, bool on_name, struct match_term *term,
                           struct field_error *error) MUST_CHECK;

/* Namespace and labels of a pod's metadata; before its spec is read. */
int codec_pod_company_read(const struct json_at *metadata, struct pod_demand *pod,
                           struct field_error *error) MUST_CHECK;

/* The rules about other pods of a pod's spec, added to the pod. */
int codec_pod_rules_read(const struct json_at *spec, struct pod_demand *pod,
                         struct field_error *error) MUST_CHECK;

#endif
