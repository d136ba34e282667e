/* scheduler/schedule_circles.h - schedules that would wait for each other for ever.
 *
 * A file's own circles are found when it is read; here are those that a schedule of the file closes
 * with schedules of the queue, which may have been submitted long ago.
 */
#ifndef SCHEDULER_SCHEDULE_CIRCLES_H
#define SCHEDULER_SCHEDULE_CIRCLES_H

#include "config/manifest.h"
#include "scheduler/core.h"

/* Complain if the runs of the set's manifest, a schedule of the namespace, would wait for runs that
 * wait for them. */
void schedule_circles_check(const struct core *core, const char *namespace,
                            const struct manifest_set *set, size_t manifest,
                            struct problems *problems);

#endif
