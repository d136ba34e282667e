#include "scheduler/front_team.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

bool front_permits(const struct daemon *daemon, const struct api_call *call, const char *team) {
    if (api_call_permits(call, team)) {
        return true;
    }
    for (const char *above = team; daemon->core != NULL && above != NULL;) {
        above = share_team_above(core_share(daemon->core), above);
        if (above != NULL && api_call_permits(call, above)) {
            return true;
        }
    }
    return false;
}

const char *front_team_of(const struct daemon *daemon, const struct api_call *call,
                          const struct manifest *manifest, const char *namespace) {
    const char *owner = share_team_of_namespace(core_share(daemon->core), namespace);
    const char *const choices[] = {manifest->team, call->default_team, owner,
                                   daemon->config.default_team, namespace};
    size_t at = 0;

    while (choices[at] == NULL || choices[at][0] == '\0') {
        at++;
    }
    return choices[at];
}

bool front_check_team(const struct daemon *daemon, const struct manifest *manifest,
                      const struct new_job *job, struct problems *problems) {
    const struct share *share = core_share(daemon->core);
    const char *owner = share_team_of_namespace(share, job->namespace);
    char *text;

    if (owner != NULL && !share_team_is_within(share, job->team, owner)) {
        text = mem_format("namespace %s is team %s's, and takes no jobs of team %s", job->namespace,
                          owner, job->team);
    } else if (job->priority_class[0] != '\0' &&
               team_set_class(&daemon->config.teams, job->priority_class) == NULL) {
        text = mem_format("there is no priority class %s (priorityClasses of the configuration)",
                          job->priority_class);
    } else {
        return true;
    }
    manifest_explain(manifest, "spec", text, problems);
    free(text);
    return false;
}
