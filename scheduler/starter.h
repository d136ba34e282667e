/* scheduler/starter.h - creates what an attempt needs in the cluster, or says why not.
 *
 * Pod first, then Service and ConfigMap that belong to it, as spark-submit does. Idempotent:
 * names and bodies follow from the job and the attempt, "exists already" with our labels is
 * success, and an order may be given again after a crash or a lost reply. What was created before
 * a refusal is deleted again before the refusal is told.
 */
#ifndef SCHEDULER_STARTER_H
#define SCHEDULER_STARTER_H

#include <stdbool.h>
#include <stdint.h>

#include "scheduler/event.h"

struct kube;
struct payload;
struct starter;

struct starter_options {
    struct kube *kube;
    const char *queue_uid;
    /* Each order ends in one call. The event's texts are borrowed. */
    void (*on_started)(void *context, const struct started_event *started);
    void (*on_deleted)(void *context, const struct deleted_event *deleted);
    void *context;
};

struct starter *starter_create(const struct starter_options *options);

/* After kube_close(): no callback comes any more. Accepts NULL. */
void starter_destroy(struct starter *starter);

struct start_order {
    uint64_t job_id;
    uint32_t attempt;
    const char *job_name;
    const char *namespace;
    int64_t admitted_us; /* of the attempt, as stored: bodies repeat byte for byte */
    bool look_first;
    bool only_look; /* with look_first: START_REFUSED when it is not there, nothing is created */
    struct payload *payload; /* taken */
};

void starter_start(struct starter *starter, const struct start_order *order);

struct delete_order {
    uint64_t job_id;
    const char *namespace;
    const char *name;
    const char *uid; /* of the pod; "": whichever has the name now, if it is the job's */
};

/* Delete a pod; one that is not meant is left alone, and what is meant is gone then. */
void starter_delete(struct starter *starter, const struct delete_order *order);

/* Delete the attempt's SparkApplication; told as a deletion of order->name, which is any text. */
struct attempt_id;
void starter_take_back(struct starter *starter, const struct delete_order *order,
                       const struct attempt_id *id);

/* Orders that are not over yet. */
size_t starter_in_flight(const struct starter *starter);

#endif
