/* k8s/payload_sketch.h - a payload without the texts that decide nothing but what runs in it.
 *
 * Whoever submits the same application again and again changes its arguments. Payloads with equal
 * sketches can be built or not, and have the same demand, as one: a demand that was computed for
 * the first serves the others.
 */
#ifndef K8S_PAYLOAD_SKETCH_H
#define K8S_PAYLOAD_SKETCH_H

#include <stddef.h>

#include "base/buf.h"
#include "base/error.h"
#include "policy/job.h"

/* Append the canonical JSON with those texts emptied: a Spark application's arguments; of a pod's
 * containers args, command and the values of env. ERR_INVALID: it is not what config/ prints. */
int payload_sketch(enum job_kind kind, const char *json, size_t bytes, struct buf *out) MUST_CHECK;

#endif
