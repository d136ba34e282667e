/* sim/near.h - where other pods let a pod go: the default scheduler's filters of inter-pod
 * affinity, anti-affinity (that of pods which are there too) and topology spread. Pure.
 *
 * Required terms and DoNotSchedule constraints alone. A namespaceSelector, empty or not, means
 * every namespace; nodeAffinityPolicy and nodeTaintsPolicy are at their defaults.
 */
#ifndef SIM_NEAR_H
#define SIM_NEAR_H

#include <stdbool.h>

#include "sim/fit.h"

struct census;
struct json_t;
struct near;

/* Has the pod such a rule; has it anti-affinity? */
bool near_has_rules(const struct json_t *pod);
bool near_has_anti(const struct json_t *pod);

/* Look at all pods once. */
struct near *near_create(const struct census *census, const struct json_t *pod);
void near_destroy(struct near *near); /* Accepts NULL. */

/* True, or false and the reason as the scheduler words it. */
bool near_allows(const struct near *near, const struct json_t *node,
                 char out_reason[FIT_REASON_BYTES_MAX]);

#endif
