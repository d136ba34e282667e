/* config/kube_job.h - a batch/v1 Job: what of it is the queue's.
 *
 * Its pods are made by us, each a job of its own: many completions are an array, of which so many
 * run at once as its parallelism says. What has no meaning here is refused by its name.
 */
#ifndef CONFIG_KUBE_JOB_H
#define CONFIG_KUBE_JOB_H

#include "config/schema.h"

struct arena;
struct manifest;

extern const struct schema schema_kube_job;
extern const struct schema schema_kube_job_spec;

/* Read a spec that the schema let pass: limits and retries into the manifest. Returns the indices
 * of its array as spec.array of a BatchJob has them, in the arena; NULL: it is one pod, or there
 * is a new problem. */
const char *kube_job_read(const struct text_node *spec, const struct trail *trail,
                          struct arena *arena, struct problems *problems,
                          struct manifest *manifest);

/* The spec of its pods, whose restarts are our retries. The copy lives in the arena. */
const struct text_node *kube_job_pod_spec(const struct text_node *spec, struct arena *arena);

#endif
