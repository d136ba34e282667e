/* sim/objects.h - files of Kubernetes objects (YAML or JSON, several documents) into the store. */
#ifndef SIM_OBJECTS_H
#define SIM_OBJECTS_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct json_t;
struct sim_store;

/* All documents of a text as a JSON array, owned by the caller; a List counts as its items.
 * ERR_INVALID with line and column. Aliases are refused. */
int sim_objects_parse(const char *text, size_t bytes, struct json_t **out_objects,
                      struct error *error) MUST_CHECK;

/* Post each object to where its apiVersion and kind say, namespace "default" if it says none.
 * ERR_INVALID names the first that is refused; those before it stay. */
int sim_objects_load(struct sim_store *store, const struct json_t *objects, int64_t now_us,
                     struct error *error) MUST_CHECK;

#endif
