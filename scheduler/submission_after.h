/* scheduler/submission_after.h - what a submitted job waits for, found among those that there are.
 *
 * What the file means by names, ids, labels and schedules becomes jobs of the same submission, by
 * their places, and jobs of the queue, by their ids. What is not found is refused with its place.
 */
#ifndef SCHEDULER_SUBMISSION_AFTER_H
#define SCHEDULER_SUBMISSION_AFTER_H

#include "config/manifest.h"
#include "scheduler/event.h"

struct daemon;

struct submission_afters {
    const struct manifest_set *set;
    size_t manifest;               /* whose they are */
    const struct after_refs *said; /* beside the manifest; NULL: nothing */
    struct new_after *items;       /* the caller's to free */
    size_t count;
    bool unread; /* labels of the queue's jobs can't be read now: not all were found */
};

/* namespace: the job's. */
void submission_find_after(struct daemon *daemon, const char *namespace,
                           struct submission_afters *afters, struct problems *problems);

#endif
