/* scheduler/front_beside.h - what an answer says of a job's array, and of those it waits for.
 *
 * An array's id stands for all of it where something is done, and where it is shown for its first
 * element with a word on all; with an index ("12_0") it is always the element.
 */
#ifndef SCHEDULER_FRONT_BESIDE_H
#define SCHEDULER_FRONT_BESIDE_H

#include "api/wire.h"
#include "policy/job.h"
#include "scheduler/graph.h"

struct api_call;
struct daemon;

/* The call's "12_7" as the element's own id. False: there is none, and the call is ended. */
bool front_find_element(const struct daemon *daemon, struct api_call *call);

/* The job that the call names; of an array the first element that is known. False: there is none.
 */
bool front_find_job(const struct daemon *daemon, const struct api_call *call, struct job *out_job);

/* Does the call mean the whole array, of which this is an element? */
bool front_means_array(const struct api_call *call, const struct job *job);

/* What a shown job's wire points to. */
struct front_beside {
    struct graph graph;
    struct wire_elements *elements;
    size_t element_count;
    struct wire_relation *relations; /* of all three lists, one behind the other */
};

/* Of an array: how many of its elements stand how, and no more. */
void front_beside_count(const struct daemon *daemon, const struct api_call *call,
                        const struct job *job, struct front_beside *out_beside,
                        struct wire_job *wire);

/* All there is to say. */
void front_beside_fill(const struct daemon *daemon, const struct api_call *call,
                       const struct job *job, struct front_beside *out_beside,
                       struct wire_job *wire);
void front_beside_finish(struct front_beside *beside);

#endif
