/* scheduler/submission.h - a submitted text made into an event, or refused with places.
 *
 * The only code that sees both the manifest's fields and the builder of what they become: an
 * error of the latter is told at the line of the former.
 */
#ifndef SCHEDULER_SUBMISSION_H
#define SCHEDULER_SUBMISSION_H

#include "scheduler/event.h"

struct api_call;
struct daemon;
struct submission_work;

/* NULL: the call was refused, and is ended. */
struct submission_work *submission_read(struct daemon *daemon, struct api_call *call);

/* Borrows from the work. */
struct submit_event submission_event(const struct submission_work *work);

/* At start: a schedule of the queue goes into the core again. ERR_INVALID, ERR_CORRUPT: it can't be
 * read any more. */
int submission_load_schedule(struct daemon *daemon, const struct fact *fact,
                             struct error *error) MUST_CHECK;

void submission_destroy(void *work);

#endif
