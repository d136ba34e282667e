/* scheduler/teams.h - what teams used, kept over restarts. Private to scheduler/core.
 *
 * A user's record is a fact under "team/user", in the order of the fixed kinds of resources. An
 * extended one has another number after a restart, and so a fact of its own, under
 * "team/user<tab>resource". Written in the turn that charges a user or charges it no more, so that
 * a crash forgets nothing; and in every order of jobs, so that fair shares begin with the past.
 */
#ifndef SCHEDULER_TEAMS_H
#define SCHEDULER_TEAMS_H

#include "scheduler/view.h"

/* At the end of a turn: add the records of users that changed. */
void teams_store(struct core *core);

#endif
