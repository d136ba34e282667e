#include "sim/replay_policy.h"

#include <string.h>

#include "base/error.h"

const struct replay_policy replay_policies[] = {
    {"fifo", "fifo", "none"}, {"priority", "priority", "none"},
    {"easy", "fifo", "easy"}, {"conservative", "fifo", "conservative"},
    {"fair", "fair", "none"}, {"fair+backfill", "fair", "easy"},
};
const size_t replay_policy_count = ARRAY_LEN(replay_policies);

const struct replay_policy *replay_policy_find(const char *name) {
    for (size_t i = 0; i < replay_policy_count; i++) {
        if (strcmp(replay_policies[i].name, name) == 0) {
            return &replay_policies[i];
        }
    }
    return NULL;
}
