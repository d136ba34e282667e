/* sim/replay_tell.h - a core is told of its cluster, as the watches would tell it. */
#ifndef SIM_REPLAY_TELL_H
#define SIM_REPLAY_TELL_H

#include "scheduler/forward.h"
#include "sim/replay_cluster.h"

/* All of it, and that this is all. ERR_INVALID: a quota's key or amount. */
int replay_tell(const struct replay_cluster *cluster, struct core *core, struct forward *forward,
                struct error *error) MUST_CHECK;

#endif
