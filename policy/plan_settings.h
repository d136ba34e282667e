/* policy/plan_settings.h - what people choose about passes; policy/plan.h explains. */
#ifndef POLICY_PLAN_SETTINGS_H
#define POLICY_PLAN_SETTINGS_H

#include <stddef.h>
#include <stdint.h>

enum plan_backfill_mode {
    PLAN_BACKFILL_NONE,
    PLAN_BACKFILL_EASY,         /* a promise for the first blocked job of each kind */
    PLAN_BACKFILL_CONSERVATIVE, /* for every blocked job */
    PLAN_BACKFILL_MODE_COUNT,
};

/* Zeroed is none. */
struct plan_backfill {
    enum plan_backfill_mode mode;
    size_t promises_max; /* in a pass */
    size_t jobs_max;     /* shapes looked at in a pass once something is promised */
    size_t instants_max; /* looked at for a promise */
    size_t ends_max; /* about so many of the running jobs are expected to end: the first; 0: all */
    int64_t horizon_us; /* nothing is promised beyond it */

    /* A look at everything that takes more steps than an event may is cut into slices, and begins
     * so often at least; the passes in between are brief (policy/plan_look.c). */
    int64_t every_us;   /* 0: each pass is a look at everything, however long it takes */
    size_t event_steps; /* of a pass that something has called for */
    size_t slice_steps; /* of one that goes on where the last one stopped */
};

enum plan_preemption_mode {
    PLAN_PREEMPTION_OFF,
    PLAN_PREEMPTION_LOWER_TIER, /* preemptible jobs of lower tiers may be stopped */
    PLAN_PREEMPTION_RECLAIM,    /* and those of teams that hold more than their share */
    PLAN_PREEMPTION_MODE_COUNT,
};

#endif
