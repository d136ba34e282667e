/* scheduler/team_settings.h - the teams, classes and limits of a configuration, for the core. */
#ifndef SCHEDULER_TEAM_SETTINGS_H
#define SCHEDULER_TEAM_SETTINGS_H

#include "config/config.h"
#include "scheduler/core.h"

/* Made from a configuration, whose texts it borrows. */
struct team_settings {
    struct core_teams core; /* for core_set_teams() */
    struct priority_class *classes;
    struct share_team *teams;
    struct share_namespace *namespaces;
};

/* Resources are named in the core's table. One too many for it is left out: *out_dropped counts
 * them. */
void team_settings_init(struct team_settings *settings, const struct config *config,
                        struct resource_names *names, size_t *out_dropped);
void team_settings_finish(struct team_settings *settings);

/* The order of a configuration. */
struct order_settings team_settings_order(const struct config *config);

#endif
