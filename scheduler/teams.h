/* scheduler/teams.h - what teams used, kept over restarts. Private to scheduler/core.
 *
 * A user's record is a fact under "team/user", in the order of the fixed kinds of resources. An
 * extended one has another number after a restart, and so a fact of its own, under
 * "team/user<tab>resource". Written with ORDER_FAIR alone, and of each user once in ten seconds
 * at most: a crash forgets no more than that.
 */
#ifndef SCHEDULER_TEAMS_H
#define SCHEDULER_TEAMS_H

#include "scheduler/view.h"

/* At the end of a turn: add the records that are due to its changes. */
void teams_store(struct core *core);

#endif
