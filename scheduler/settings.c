#include "scheduler/settings.h"

#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "policy/plan.h"
#include "scheduler/team_settings.h"

static struct plan_backfill backfill_of(const struct config *config) {
    struct plan_backfill backfill = {.promises_max = (size_t)config->backfill_depth,
                                     .jobs_max = (size_t)config->backfill_jobs,
                                     .instants_max = LIMIT_BACKFILL_INSTANTS,
                                     .ends_max = LIMIT_BACKFILL_ENDS,
                                     .horizon_us = config->backfill_horizon_us,
                                     .event_steps = LIMIT_BACKFILL_EVENT_STEPS,
                                     .slice_steps = LIMIT_BACKFILL_SLICE_STEPS,
                                     .every_us = config->backfill_interval_us};

    while (strcmp(plan_backfill_text(backfill.mode), config->backfill) != 0) {
        backfill.mode++; /* The configuration holds no other text. */
    }
    return backfill;
}

static enum plan_preemption_mode preemption_of(const struct config *config) {
    enum plan_preemption_mode mode = PLAN_PREEMPTION_OFF;

    while (strcmp(plan_preemption_text(mode), config->preemption) != 0) {
        mode++;
    }
    return mode;
}

struct core_settings core_settings_of(const struct config *config) {
    return (struct core_settings){
        .starts_per_turn_max = (size_t)config->starts_per_turn_max,
        .start_timeout_us = config->start_timeout_us,
        .events_after_us = config->events_after_us,
        .executor_timeout_us = config->executor_timeout_us,
        .backoff_first_us = CLOCK_US_PER_SECOND,
        .backoff_max_us = 30 * CLOCK_US_PER_SECOND,
        .history_age_us = config->history_age_us,
        .history_count = (size_t)config->history_count,
        .jobs_waiting_max = (size_t)config->jobs_waiting_max,
        .catch_up_per_s = (size_t)config->catch_up_per_s,
        .backfill = backfill_of(config),
        .preemption = preemption_of(config),
        .preempt_protection_us = config->preempt_protection_us,
        .runtime_percent = (unsigned)config->runtime_percent,
        .runtime_default_us = config->runtime_default_us,
        .windows = config->windows,
        .notices = config->notifications.routes,
        .retry = &config->retry,
        .order = team_settings_order(config),
    };
}
