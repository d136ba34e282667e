/* scheduler/front_retry.h - what failures made of a job, for those who ask: the memory it was grown
 * to, and the nodes it keeps off.
 */
#ifndef SCHEDULER_FRONT_RETRY_H
#define SCHEDULER_FRONT_RETRY_H

#include "api/wire.h"
#include "policy/avoid.h"

struct daemon;
struct job;

/* What the job's JSON borrows. */
struct front_retry {
    struct wire_grown grown;
    struct avoid_list own;
    struct wire_avoided avoided[AVOID_NODES_MAX];
    size_t avoided_count;
};

/* Into one job that is shown; retry must stay as long as it. */
void front_retry_fill(const struct daemon *daemon, const struct job *job, struct front_retry *retry,
                      struct wire_job *wire);

/* The nodes in words, for `why`: the caller's. NULL: there are none. */
char *front_retry_avoids(const struct daemon *daemon, const struct job *job);

#endif
