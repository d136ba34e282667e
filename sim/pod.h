/* sim/pod.h - what an API server knows of pods: decoding, defaults, QoS class, validation.
 *
 * Pure functions over JSON.
 */
#ifndef SIM_POD_H
#define SIM_POD_H

#include <stdbool.h>

struct json_t;
struct sim_invalid;

/* NULL or an owned 400. Quantities are made canonical. */
struct json_t *sim_pod_decode(struct json_t *pod);

void sim_pod_default(struct json_t *pod);

/* "Guaranteed", "Burstable" or "BestEffort". */
const char *sim_pod_qos(const struct json_t *pod);

/* Add what is wrong. old is NULL at a create, else the fields that may not change are compared. */
void sim_pod_check(const struct json_t *old, const struct json_t *pod, struct sim_invalid *invalid);

/* Succeeded or Failed. */
bool sim_pod_is_finished(const struct json_t *pod);

#endif
