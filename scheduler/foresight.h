/* scheduler/foresight.h - what a forecast says of deadlines, told to the core.
 *
 * Private to the daemon. Alarms of what will be missed are the core's (scheduler/alarms.h).
 */
#ifndef SCHEDULER_FORESIGHT_H
#define SCHEDULER_FORESIGHT_H

#include <stdbool.h>

struct daemon;
struct forecast;

/* Has any job a deadline before it, or will any that a schedule makes? */
bool foresight_is_needed(const struct daemon *daemon);

/* Put it into the inbox, for the jobs with the nearest deadlines: at most LIMIT_OUTLOOKS. */
void foresight_tell(struct daemon *daemon, const struct forecast *forecast);

#endif
