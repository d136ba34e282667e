/* k8s/codec_limit_range.h - a LimitRange's JSON, read into policy's limit range. */
#ifndef K8S_CODEC_LIMIT_RANGE_H
#define K8S_CODEC_LIMIT_RANGE_H

#include <stddef.h>

#include "base/error.h"
#include "policy/limit_range.h"

struct field_error;

/* *out_range is overwritten, and the caller's to finish. */
int codec_limit_range_read(const char *json, size_t bytes, struct resource_names *names,
                           struct limit_range *out_range, struct field_error *error) MUST_CHECK;

#endif
