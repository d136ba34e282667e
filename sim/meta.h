/* sim/meta.h - the metadata of objects: names, uids, versions, and what an update may change of it.
 *
 * Functions over JSON; chance comes from the caller's rng.
 */
#ifndef SIM_META_H
#define SIM_META_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/resource.h"

struct json_t;
struct rng;

/* A new object before anything else is looked at: metadata and spec are objects, the namespace
 * fits. NULL or an owned 400. Sets the namespace and takes what clients may not set. */
struct json_t *sim_meta_check_new(const struct sim_resource *resource, const char *namespace,
                                  struct json_t *object);

/* The name, made from generateName if need be; owned, NULL if there is neither. */
char *sim_meta_name(struct json_t *object, struct rng *rng);

/* The owned 422 about that. */
struct json_t *sim_meta_no_name(const struct sim_resource *resource);

/* uid and creationTimestamp. */
void sim_meta_begin(struct json_t *metadata, struct rng *rng, int64_t now_us);

void sim_meta_set_version(struct json_t *object, int64_t number);

/* An update before anything else is looked at: names, uid, resourceVersion. NULL or an owned
 * Status. */
struct json_t *sim_meta_check_update(const struct sim_resource *resource, const char *namespace,
                                     const char *name, const struct json_t *old,
                                     const struct json_t *object);

/* A new object with kind, apiVersion and metadata first and in the usual order, managedFields
 * dropped; the rest is shared. */
struct json_t *sim_meta_ordered(const struct sim_resource *resource, const struct json_t *object);

/* What old becomes by this draft: metadata that can't change is old's, and so is the status, or
 * with status_only everything else. New. */
struct json_t *sim_meta_merge(const struct sim_resource *resource, const struct json_t *old,
                              const struct json_t *draft, bool status_only);

/* The same with everything but fixed metadata taken from draft. */
struct json_t *sim_meta_merge_raw(const struct sim_resource *resource, const struct json_t *old,
                                  const struct json_t *draft);

/* generation counts up if anything but metadata and status changed. */
void sim_meta_count_generation(const struct json_t *old, struct json_t *object);

#endif
