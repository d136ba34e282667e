/* k8s/pod_payload.h - a plain pod as a job: the user's pod under our name and labels.
 *
 * A job ends, so its pod never restarts containers by itself: a failed attempt is the retry
 * policy's business, which makes a new pod.
 */
#ifndef K8S_POD_PAYLOAD_H
#define K8S_POD_PAYLOAD_H

#include <stdint.h>

#include "base/error.h"

struct field_error;
struct json_at;
struct json_t;
struct payload_run;

/* root: {"metadata":{..},"spec":{..}}. ERR_INVALID names the field. */
int pod_payload_check(const struct json_at *root, struct field_error *error) MUST_CHECK;

/* The Pod to POST, owned. root was checked. */
char *pod_payload_body(const struct json_t *root, const struct payload_run *run);

/* See payload_log_container(). */
const char *pod_payload_log_container(const struct json_t *root);

/* The memory of the first container, request and limit, so grown: demand_grown_bytes(). */
void pod_payload_grow(struct json_t *root, uint32_t permille);

#endif
