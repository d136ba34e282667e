/* scheduler/front_demand.h - how a job's size comes about, line by line, for whoever asks. */
#ifndef SCHEDULER_FRONT_DEMAND_H
#define SCHEDULER_FRONT_DEMAND_H

#include <stddef.h>

#include "api/wire.h"
#include "policy/job.h"

struct daemon;

#define FRONT_DEMAND_LINES_MAX 16

/* What a shown job's wire points to. */
struct front_demand {
    struct wire_term lines[FRONT_DEMAND_LINES_MAX];
    size_t count;
    char *text;
};

/* The terms of Spark's sizes, and the sum of all pods and objects: as the job's next attempt would
 * ask for them, or as its current one did. Nothing if its specification can't be read. */
void front_demand_make(struct daemon *daemon, const struct job *job,
                       struct front_demand *out_demand);
void front_demand_finish(struct front_demand *demand);

#endif
