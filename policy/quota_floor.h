/* policy/quota_floor.h - what a namespace's quotas still charge for pods that have ended.
 *
 * The server charges a pod when it admits it, and gives it back some time after its end, when the
 * quota's controller has counted again. Between the two it refuses what our own sums of visible
 * pods would allow. So a pod that ended stays charged as `leaving`, for each quota until a status
 * of that quota, newer than the pod's end, shows less in use than the one before (that is a
 * count; admission only adds), or for QUOTA_LEAVING_US if no such status comes.
 *
 * status.used itself is a floor of what is taken, as it may know of pods that we do not see yet,
 * and of charges that leaked. The controller counts everything every five minutes whatever
 * happens, so a floor that nobody has renewed for QUOTA_FLOOR_US is a status that we missed (or
 * a controller that is dead): from then on our own sums decide, until a new status comes or the
 * server refuses a pod. Part of the ledger.
 */
#ifndef POLICY_QUOTA_FLOOR_H
#define POLICY_QUOTA_FLOOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/quota.h"
#include "policy/usage.h"

#define QUOTA_LEAVING_US INT64_C(5000000)
#define QUOTA_FLOOR_US   INT64_C(360000000)

/* A pod that ended, or one finished before that is gone now. */
struct leaving_pod {
    uint64_t version; /* resourceVersion of its end */
    int64_t until_us;
    struct pod_scope scope;
    char *priority_class; /* owned; scope's text */
    struct usage_sum sum; /* what it was charged with, and is not any more */
};

/* Of a namespace; zeroed is empty. */
struct quota_floor {
    struct leaving_pod *pods; /* in the order they ended, from `first` on */
    size_t first;
    size_t end;
    size_t room;
};

void quota_floor_finish(struct quota_floor *floor);

/* The pod counts no longer in our sums. Its scope's text is copied. */
void quota_floor_add(struct quota_floor *floor, struct quota **quotas, size_t quota_count,
                     const struct leaving_pod *pod);

struct quota_clock {
    int64_t now_us;
    const struct usage *own; /* the namespace's visible pods */
};

/* quotas[at] has a new status; `old` is the one before, or NULL. When to advance at the latest. */
int64_t quota_floor_note(struct quota_floor *floor, struct quota **quotas, size_t quota_count,
                         size_t at, const struct quota *old, const struct quota_clock *clock);

/* The server refused a pod: its used is what it was. When to advance at the latest. */
int64_t quota_floor_renew(struct quota *quota, const struct quota_clock *clock);

/* What is over by now. Gives the instant of the next that will be, CLOCK_NEVER_US if none;
 * *changed is set if any quota has more room. */
int64_t quota_floor_advance(struct quota_floor *floor, struct quota **quotas, size_t quota_count,
                            const struct quota_clock *clock, bool *changed);

#endif
