/* scheduler/front_team.h - whose a submitted job is, and whether that is right. */
#ifndef SCHEDULER_FRONT_TEAM_H
#define SCHEDULER_FRONT_TEAM_H

#include <stdbool.h>

#include "api/api.h"
#include "config/manifest.h"
#include "scheduler/daemon.h"

/* May the caller do to this team's job what the route does? A right to a team is one to all teams
 * below it. */
bool front_permits(const struct daemon *daemon, const struct api_call *call, const char *team);

/* The team of a job: what its manifest says, or the request, or else the team that its namespace is
 * given to, or jobs.defaultTeam, or the namespace's own name. Borrowed from who says so. */
const char *front_team_of(const struct daemon *daemon, const struct api_call *call,
                          const struct manifest *manifest, const char *namespace);

/* A namespace that is given to a team takes no jobs of others; a priority class is configured.
 * Problems get the place in the text. */
bool front_check_team(const struct daemon *daemon, const struct manifest *manifest,
                      const struct new_job *job, struct problems *problems);

#endif
