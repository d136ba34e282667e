/* sim/quota_usage.h - what an object costs, and which quotas it is held against.
 *
 * As the API server's quota evaluators for pods, services, claims and counted objects.
 * Written apart from the policy's own quota rules, to be their second opinion. Pure.
 */
#ifndef SIM_QUOTA_USAGE_H
#define SIM_QUOTA_USAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/amounts.h"
#include "sim/resource.h"

struct buf;
struct json_t;

/* Does the quota's scope (spec.scopes and spec.scopeSelector) take in the object? */
bool quota_scope_covers(const struct json_t *quota, enum sim_resource_id id,
                        const struct json_t *object);

/* Everything the object costs now, whatever quota counts it, added to *out_usage. A pod that is
 * finished, or past its deletion, costs only count/pods. */
void quota_usage(enum sim_resource_id id, const struct json_t *object, int64_t now_us,
                 struct amounts *out_usage);

/* Is this key of a quota about objects of this resource? */
bool quota_key_concerns(const char *key, enum sim_resource_id id);

/* The compute keys of the quota that some container of the pod leaves open, such as
 * "limits.cpu,requests.cpu", appended to *out_names; false when there is none. */
bool quota_unspecified(const struct json_t *pod, const struct amounts *hard, struct buf *out_names);

#endif
