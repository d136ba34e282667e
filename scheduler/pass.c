#include <stdlib.h>

#include "base/ensure.h"
#include "base/memory.h"
#include "scheduler/view.h"

/* The shapes of a pass beside the plan's own view of them. */
struct candidates {
    struct shape **shapes;
    struct plan_shape *plan_shapes;
    size_t count;
};

bool pass_is_possible(const struct core *core) {
    const bool *synced = core->counts.synced;
    const bool *denied = core->counts.denied;

    return core->adopted && synced[CLUSTER_PODS] &&
           (synced[CLUSTER_QUOTAS] || denied[CLUSTER_QUOTAS]) &&
           (synced[CLUSTER_LIMIT_RANGES] || denied[CLUSTER_LIMIT_RANGES]) &&
           (synced[CLUSTER_NODES] || denied[CLUSTER_NODES]);
}

static void block(struct shape *shape, struct reason reason) {
    shape->blocked_id = shape->waiting[shape->first];
    shape->reason = reason;
}

/* Every shape with jobs that may start; those that a LimitRange refuses are blocked here. */
static void collect(struct core *core, struct candidates *out) {
    struct map_entry *item;

    out->shapes = mem_alloc(core->shapes.count, sizeof *out->shapes);
    out->plan_shapes = mem_alloc(core->shapes.count, sizeof *out->plan_shapes);
    for (size_t at = 0; (item = map_next(&core->shapes, &at)) != NULL;) {
        struct shape *shape = item->value;
        struct error error = {0};

        if (shape->waiting_end == shape->first) {
            continue;
        }
        if (view_check_limits(core, shape->namespace, shape->applied, &error) != OK) {
            block(shape, reason_plain(REASON_LIMIT_RANGE));
            continue;
        }
        out->shapes[out->count] = shape;
        out->plan_shapes[out->count++] = (struct plan_shape){
            .namespace_index = shape->namespace_index,
            .demand = shape->applied,
            .priority = shape->priority,
            .job_ids = shape->waiting + shape->first,
            .job_count = shape->waiting_end - shape->first,
        };
    }
}

/* Admitting changes the lists that the plan looked at: copy its outcome first. */
static void admit(struct core *core, const struct candidates *candidates) {
    size_t count = plan_start_count(core->plan);
    uint64_t *ids = mem_alloc(count, sizeof *ids);

    for (size_t i = 0; i < count; i++) {
        ids[i] = plan_starts(core->plan)[i].job_id;
    }
    for (size_t i = 0; i < candidates->count; i++) {
        struct plan_wait wait = plan_wait(core->plan, i);

        candidates->shapes[i]->blocked_id = wait.job_id;
        if (wait.reason != NULL) {
            candidates->shapes[i]->reason = *wait.reason;
        }
    }
    for (size_t i = 0; i < count; i++) {
        struct entry *entry = view_entry(core, ids[i]);

        ENSURE(entry != NULL);
        lifecycle_admit(core, entry);
    }
    free(ids);
    /* What was admitted is charged already; only a full turn has to look again at once. */
    core->pass_needed = count >= core->settings.starts_per_turn_max;
}

static void block_all(struct core *core, enum reason_code code) {
    struct map_entry *item;

    for (size_t at = 0; (item = map_next(&core->shapes, &at)) != NULL;) {
        struct shape *shape = item->value;

        if (shape->waiting_end > shape->first) {
            block(shape, reason_plain(code));
        }
    }
    core->pass_needed = false;
}

void pass_run(struct core *core) {
    struct candidates candidates = {0};

    if (!pass_is_possible(core)) {
        block_all(core, REASON_CLUSTER_UNKNOWN);
        return;
    }
    if (core->counts.draining) {
        block_all(core, REASON_DRAINING);
        return;
    }
    collect(core, &candidates);
    plan_run(core->plan,
             &(struct plan_input){.ledger = core->ledger,
                                  .shapes = candidates.plan_shapes,
                                  .shape_count = candidates.count,
                                  .starts_max = core->settings.starts_per_turn_max,
                                  .capacity_unknown = core->counts.denied[CLUSTER_NODES]});
    admit(core, &candidates);
    free(candidates.shapes);
    free(candidates.plan_shapes);
}
