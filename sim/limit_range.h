/* sim/limit_range.h - what a LimitRange fills in and what it refuses.
 *
 * As the LimitRanger plugin of the API server; texts as recorded from it. Pure.
 */
#ifndef SIM_LIMIT_RANGE_H
#define SIM_LIMIT_RANGE_H

#include <stdbool.h>

#include "sim/resource.h"

struct buf;
struct json_t;

/* The LimitRange's own defaults when it's created: default from max, defaultRequest from default,
 * else from min. */
void limit_range_complete(struct json_t *limit_range);

/* Give the containers of a new pod the requests and limits that they lack, and note it in the
 * annotation kubernetes.io/limit-ranger. */
void limit_range_fill(const struct json_t *limit_range, struct json_t *pod);

/* Is the pod or the claim inside all bounds? If not, the reason is appended to *out_text. */
bool limit_range_allows(const struct json_t *limit_range, enum sim_resource_id id,
                        const struct json_t *object, struct buf *out_text);

#endif
