/* scheduler/settings.h - the configuration as the core takes it; teams: team_settings.h. */
#ifndef SCHEDULER_SETTINGS_H
#define SCHEDULER_SETTINGS_H

#include "config/config.h"
#include "scheduler/event.h"

/* Borrows the configuration's windows. */
struct core_settings core_settings_of(const struct config *config);

#endif
