/* sim/pod_needs.h - what is missing for the containers of a pod to start. Changes nothing. */
#ifndef SIM_POD_NEEDS_H
#define SIM_POD_NEEDS_H

#include <stdbool.h>

struct json_t;
struct sim_store;

/* The image that can't be pulled: its tag is "missing", or its name holds the hidden text (NULL:
 * none). Borrowed; NULL when all are there. */
const char *pod_missing_image(const struct json_t *pod, const char *hidden);

/* The volume whose ConfigMap or Secret is not there, and not optional. Borrowed, or NULL. */
const struct json_t *pod_missing_volume(const struct sim_store *store, const struct json_t *pod);

/* Is a Secret or ConfigMap not there that a variable of the environment takes its value from? */
bool pod_misses_reference(const struct sim_store *store, const struct json_t *pod);

#endif
