/* scheduler/diagnosis.h - what an attempt failed of, from all signs there are of it.
 *
 * Private to scheduler/core. k8s/outcome.h reads the main pod; here the ends of executors and the
 * state of the node come to it.
 */
#ifndef SCHEDULER_DIAGNOSIS_H
#define SCHEDULER_DIAGNOSIS_H

#include "scheduler/view.h"

#define DIAGNOSIS_CAUSE_BYTES 512

struct diagnosis {
    enum failure failure;
    bool of_executors; /* out of memory: they were, not the driver */
    char cause[DIAGNOSIS_CAUSE_BYTES];
};

/* The attempt ends with that failure, as far as its main pod tells. */
void diagnose(const struct core *core, const struct entry *entry, enum failure failure,
              int32_t exit_code, const char *message, struct diagnosis *out_diagnosis);

#endif
