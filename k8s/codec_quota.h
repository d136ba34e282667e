/* k8s/codec_quota.h - a ResourceQuota's JSON, read into policy's quota.
 *
 * Observed: the API server enforces status.hard, which its controller copies from spec.hard a
 * moment later. So status.hard counts, and spec.hard only until there is one.
 */
#ifndef K8S_CODEC_QUOTA_H
#define K8S_CODEC_QUOTA_H

#include <stddef.h>

#include "base/error.h"
#include "policy/quota.h"

struct field_error;

/* *out_quota is overwritten, and the caller's to finish. */
int codec_quota_read(const char *json, size_t bytes, struct resource_names *names,
                     struct quota *out_quota, struct field_error *error) MUST_CHECK;

#endif
