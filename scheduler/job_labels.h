/* scheduler/job_labels.h - which jobs of the queue have certain labels, by their specifications.
 */
#ifndef SCHEDULER_JOB_LABELS_H
#define SCHEDULER_JOB_LABELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct queue;

#define JOB_LABELS_MAX 16

struct job_label {
    const char *key;
    const char *value;
};

/* "app=etl,tier=gold": cut into its labels, which point into the text. ERR_INVALID: it is none. */
int job_labels_parse(char *text, struct job_label out_labels[JOB_LABELS_MAX],
                     size_t *out_count) MUST_CHECK;

/* Does the job have all of them? Reads its specification. */
bool job_labels_match(struct queue *queue, uint64_t id, const struct job_label *labels,
                      size_t count);

#endif
