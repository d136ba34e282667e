#include <stdlib.h>

#include "base/clock.h"
#include "base/ensure.h"
#include "base/memory.h"
#include "scheduler/arrays.h"
#include "scheduler/lifecycle.h"
#include "scheduler/preempting.h"
#include "scheduler/runtimes.h"
#include "scheduler/view.h"

bool pass_is_possible(const struct core *core) {
    const bool *synced = core->counts.synced;
    const bool *denied = core->counts.denied;

    return core->adopted && synced[CLUSTER_PODS] &&
           (synced[CLUSTER_QUOTAS] || denied[CLUSTER_QUOTAS]) &&
           (synced[CLUSTER_LIMIT_RANGES] || denied[CLUSTER_LIMIT_RANGES]) &&
           (synced[CLUSTER_NODES] || denied[CLUSTER_NODES]);
}

/* Tell the plan what changed. A LimitRange may refuse a shape. */
static void tell(struct core *core) {
    struct error error = {0}; /* Nobody reads it: the reason says what people need. */

    for (size_t i = 0; i < core->touched_count; i++) {
        struct shape *shape = core->touched[i];

        shape->is_touched = false;
        shape->plan.demand = shape->applied;
        shape->plan.is_refused =
            view_check_limits(core, shape->namespace, shape->applied, &error) != OK;
        shape->plan.job_ids = shape->waiting + shape->first;
        shape->plan.job_count =
            gate_reason(core, shape->gate) == NULL ? shape->waiting_end - shape->first : 0;
        plan_shape_changed(core->plan, shape->number);
    }
    core->touched_count = 0;
    if (core->plan_outdated) {
        core->plan_outdated = false;
        plan_configure(core->plan, &core->settings.order);
    }
}

/* Admitting changes the lists that the plan looked at: copy its outcome first. */
static void admit(struct core *core) {
    size_t count = plan_start_count(core->plan);
    size_t deferred = 0;
    uint64_t *ids = mem_alloc(count, sizeof *ids);

    for (size_t i = 0; i < count; i++) {
        ids[i] = plan_starts(core->plan)[i].job_id;
    }
    for (size_t i = 0; i < count; i++) {
        struct entry *entry = view_entry(core, ids[i]);

        ENSURE(entry != NULL);
        if (arrays_defer(core, entry)) {
            deferred++;
        } else {
            attempt_admit(core, entry);
        }
    }
    free(ids);
    /* What was admitted is charged already; only a full turn has to look again at once. */
    core->pass_needed = deferred > 0 || count >= core->settings.starts_per_turn_max;
}

static enum reason_code why_stopped(const struct core *core) {
    if (!pass_is_possible(core)) {
        return REASON_CLUSTER_UNKNOWN;
    }
    if (core->counts.draining) {
        return REASON_DRAINING;
    }
    return core->counts.lease_lost ? REASON_NOT_LEADER : REASON_NONE;
}

static int64_t runtime_us(const void *context, uint64_t job_id) {
    const struct core *core = context;

    return runtimes_expect(core, view_entry(core, job_id)).us;
}

void pass_run(struct core *core) {
    const struct plan_input input = {.is_idle = !core->pass_needed,
                                     .ledger = core->ledger,
                                     .now_us = core->instant.now_us,
                                     .starts_max = core->settings.starts_per_turn_max,
                                     .capacity_unknown = core->counts.denied[CLUSTER_NODES],
                                     .preemption = core->settings.preemption,
                                     .backfill = core->settings.backfill,
                                     .runtime_us = runtime_us};

    core->pass_needed = false;
    core->pass_due_us = CLOCK_NEVER_US;
    core->stopped = why_stopped(core);
    if (core->stopped != REASON_NONE) {
        return;
    }
    tell(core);
    plan_run(core->plan, &input);
    core->pass_due_us = plan_due_us(core->plan);
    preempting_choose(core, &input);
    admit(core);
    preempting_carry_out(core);
}
