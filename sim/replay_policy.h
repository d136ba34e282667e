/* sim/replay_policy.h - the policies that can be compared, by the settings they stand for. */
#ifndef SIM_REPLAY_POLICY_H
#define SIM_REPLAY_POLICY_H

#include <stddef.h>

struct replay_policy {
    const char *name;
    const char *mode;     /* scheduling.mode */
    const char *backfill; /* scheduling.backfill */
};

extern const struct replay_policy replay_policies[];
extern const size_t replay_policy_count;

/* NULL: there is none of that name. */
const struct replay_policy *replay_policy_find(const char *name);

#endif
