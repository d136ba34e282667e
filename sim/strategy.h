/* sim/strategy.h - what is particular to each resource: defaults, validation, what may change.
 *
 * Pure functions over JSON: no store, no time. Texts are those of a real API server
 * where a recorded exchange has them.
 */
#ifndef SIM_STRATEGY_H
#define SIM_STRATEGY_H

#include "sim/resource.h"

struct json_t;

/* Refuse what can't be decoded (400): NULL or an owned Status. Quantities are made canonical. */
struct json_t *sim_strategy_decode(const struct sim_resource *resource, struct json_t *object);

/* Fill in what the client left out. */
void sim_strategy_default(const struct sim_resource *resource, struct json_t *object);

/* The status that a new object begins with; nodes keep theirs. */
void sim_strategy_begin_status(const struct sim_resource *resource, struct json_t *object);

/* 422: NULL or an owned Status. old is NULL at a create. */
struct json_t *sim_strategy_validate(const struct sim_resource *resource, const char *name,
                                     const struct json_t *old, const struct json_t *object);

#endif
