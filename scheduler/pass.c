#include <stdlib.h>

#include "base/ensure.h"
#include "base/memory.h"
#include "scheduler/lifecycle.h"
#include "scheduler/view.h"

bool pass_is_possible(const struct core *core) {
    const bool *synced = core->counts.synced;
    const bool *denied = core->counts.denied;

    return core->adopted && synced[CLUSTER_PODS] &&
           (synced[CLUSTER_QUOTAS] || denied[CLUSTER_QUOTAS]) &&
           (synced[CLUSTER_LIMIT_RANGES] || denied[CLUSTER_LIMIT_RANGES]) &&
           (synced[CLUSTER_NODES] || denied[CLUSTER_NODES]);
}

static void block(struct core *core, struct shape *shape, enum reason_code code) {
    core->plain_reasons[code] = reason_plain(code);
    shape->blocked_id = shape->waiting[shape->first];
    shape->reason = &core->plain_reasons[code];
}

static void make_room(struct core *core) {
    if (core->candidate_room < core->shapes.count) {
        core->candidate_room = 2 * core->shapes.count;
        core->candidates =
            mem_grow(core->candidates, core->candidate_room, sizeof *core->candidates);
        core->candidate_plans =
            mem_grow(core->candidate_plans, core->candidate_room, sizeof *core->candidate_plans);
    }
}

/* Every shape with jobs that may start, into the candidates; how many. Those that a LimitRange
 * refuses are blocked here. */
static size_t collect(struct core *core) {
    struct map_entry *item;
    struct error error = {0}; /* Nobody reads it: the reason says what people need. */
    size_t count = 0;

    make_room(core);
    for (size_t at = 0; (item = map_next(&core->shapes, &at)) != NULL;) {
        struct shape *shape = item->value;

        if (shape->waiting_end == shape->first) {
            continue;
        }
        if (view_check_limits(core, shape->namespace, shape->applied, &error) != OK) {
            block(core, shape, REASON_LIMIT_RANGE);
            continue;
        }
        core->candidates[count] = shape;
        core->candidate_plans[count++] = (struct plan_shape){
            .namespace_index = shape->namespace_index,
            .demand = shape->applied,
            .priority = shape->priority,
            .job_ids = shape->waiting + shape->first,
            .job_count = shape->waiting_end - shape->first,
        };
    }
    return count;
}

/* Admitting changes the lists that the plan looked at: copy its outcome first. */
static void admit(struct core *core, size_t candidate_count) {
    size_t count = plan_start_count(core->plan);
    uint64_t *ids = mem_alloc(count, sizeof *ids);

    for (size_t i = 0; i < count; i++) {
        ids[i] = plan_starts(core->plan)[i].job_id;
    }
    for (size_t i = 0; i < candidate_count; i++) {
        struct plan_wait wait = plan_wait(core->plan, i);

        core->candidates[i]->blocked_id = wait.job_id;
        core->candidates[i]->reason = wait.reason;
    }
    for (size_t i = 0; i < count; i++) {
        struct entry *entry = view_entry(core, ids[i]);

        ENSURE(entry != NULL);
        attempt_admit(core, entry);
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
            block(core, shape, code);
        }
    }
    core->pass_needed = false;
}

void pass_run(struct core *core) {
    size_t count;

    if (!pass_is_possible(core)) {
        block_all(core, REASON_CLUSTER_UNKNOWN);
        return;
    }
    if (core->counts.draining) {
        block_all(core, REASON_DRAINING);
        return;
    }
    if (core->counts.lease_lost) {
        block_all(core, REASON_NOT_LEADER);
        return;
    }
    count = collect(core);
    plan_run(core->plan,
             &(struct plan_input){.ledger = core->ledger,
                                  .shapes = core->candidate_plans,
                                  .shape_count = count,
                                  .starts_max = core->settings.starts_per_turn_max,
                                  .capacity_unknown = core->counts.denied[CLUSTER_NODES]});
    admit(core, count);
}
