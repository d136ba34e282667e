/* sim/replay_policy.h - the policies that can be compared, as settings of the core. */
#ifndef SIM_REPLAY_POLICY_H
#define SIM_REPLAY_POLICY_H

#include "scheduler/event.h"

struct replay_policy {
    const char *name;
    enum order_mode mode;
};

extern const struct replay_policy replay_policies[];
extern const size_t replay_policy_count;

/* NULL: there is none of that name. */
const struct replay_policy *replay_policy_find(const char *name);

#endif
