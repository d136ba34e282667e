#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "scheduler/gates.h"
#include "scheduler/view.h"

/* --- By team and reason ---------------------------------------------------------------------- */

struct tally {
    const char *team;
    size_t jobs[REASON_CODE_COUNT];
};

static struct tally *tally_of(struct map *tallies, const char *team) {
    struct tally *tally = map_get(tallies, team);

    if (tally == NULL) {
        tally = mem_alloc(1, sizeof *tally);
        tally->team = team;
        (void)map_put(tallies, team, tally);
    }
    return tally;
}

static size_t listed_count(const struct shape *shape) {
    return shape->waiting_end - shape->first; /* Settled, between turns. */
}

/* As core_reason() has it, of all jobs of a shape at once: one waits for its reason, and the others
 * are behind it. */
static void tally_listed(const struct core *core, const struct shape *shape, struct tally *tally) {
    const struct reason *gate = gate_reason(core, shape->gate);
    size_t count = listed_count(shape);
    struct plan_wait wait;

    if (count == 0) {
        return;
    }
    if (gate != NULL || core->stopped != REASON_NONE) {
        tally->jobs[gate != NULL ? gate->code : (uint32_t)core->stopped] += count;
        return;
    }
    wait = plan_wait(core->plan, shape->number);
    if (wait.job_id == 0) {
        tally->jobs[REASON_WAITING_TURN] += count;
    } else {
        tally->jobs[wait.reason.code]++;
        tally->jobs[REASON_BEHIND] += count - 1;
    }
}

static void tally_shape(const struct core *core, const struct shape *shape, struct tally *tally) {
    const size_t after = shape->parked[PARKED_AFTER];
    const size_t array = shape->parked[PARKED_ARRAY];
    const size_t broken = shape->parked[PARKED_BREAKER];
    const size_t named = shape->parked[PARKED_NAME];
    const size_t listed = listed_count(shape) + after + array + broken + named;

    tally->jobs[REASON_HELD] += shape->held;
    tally->jobs[REASON_RETRY_WAIT] += shape->retrying;
    tally->jobs[REASON_DEPENDENCY] += after;
    tally->jobs[REASON_ARRAY_LIMIT] += array;
    tally->jobs[REASON_BREAKER] += broken;
    tally->jobs[REASON_POD_NAME] += named;
    /* Queued and not on offer: until a back-off is over, or an earlier pod is gone. */
    tally->jobs[REASON_RETRY_WAIT] += shape->queued > listed ? shape->queued - listed : 0;
    tally_listed(core, shape, tally);
}

static int by_team(const void *a, const void *b) {
    return strcmp((*(const struct tally *const *)a)->team, (*(const struct tally *const *)b)->team);
}

static void tell_tallies(struct map *tallies, core_waiting_fn *tell, void *context) {
    struct tally **sorted = mem_alloc(tallies->count + 1, sizeof *sorted);
    struct map_entry *item;
    size_t count = 0;

    for (size_t at = 0; (item = map_next(tallies, &at)) != NULL;) {
        sorted[count++] = item->value;
    }
    qsort(sorted, count, sizeof(struct tally *), by_team);
    for (size_t i = 0; i < count; i++) {
        for (size_t code = 0; code < REASON_CODE_COUNT; code++) {
            if (sorted[i]->jobs[code] > 0) {
                tell(context, sorted[i]->team, (enum reason_code)code, sorted[i]->jobs[code]);
            }
        }
        free(sorted[i]);
    }
    free(sorted);
}

void core_count_waiting(const struct core *core, core_waiting_fn *tell, void *context) {
    struct map tallies = {0};
    struct map_entry *item;

    for (size_t at = 0; (item = map_next(&core->shapes, &at)) != NULL;) {
        const struct shape *shape = item->value;

        tally_shape(core, shape, tally_of(&tallies, shape->team));
    }
    tell_tallies(&tallies, tell, context);
    map_finish(&tallies);
}

/* --- Who goes first -------------------------------------------------------------------------- */

/* How many of a shape's jobs go before a job of another one, shares aside. */
static size_t ahead_in(const struct core *core, const struct shape *shape,
                       const struct plan_shape *of, uint64_t id) {
    const enum order_mode mode = core->settings.order.mode;
    const struct plan_shape *plan = &shape->plan;

    if (mode == ORDER_FAIR && plan->node != of->node) {
        return 0;
    }
    if (mode == ORDER_FIFO || (plan->tier == of->tier && plan->priority == of->priority)) {
        return view_waiting_before(shape, id);
    }
    return plan->tier > of->tier || (plan->tier == of->tier && plan->priority > of->priority)
               ? shape->waiting_end - shape->first
               : 0;
}

size_t core_jobs_ahead(const struct core *core, uint64_t id) {
    const struct entry *entry = view_entry(core, id);
    struct map_entry *item;
    size_t ahead = 0;

    if (entry == NULL || entry->shape == NULL) {
        return 0;
    }
    for (size_t at = 0; (item = map_next(&core->shapes, &at)) != NULL;) {
        const struct shape *shape = item->value;

        if (shape->namespace == entry->shape->namespace) {
            ahead += ahead_in(core, shape, &entry->shape->plan, id);
        }
    }
    return ahead;
}

static bool goes_first(const struct core *core, const struct core_ahead *a,
                       const struct core_ahead *b) {
    if (core->settings.order.mode != ORDER_FIFO && a->tier != b->tier) {
        return a->tier > b->tier;
    }
    if (core->settings.order.mode != ORDER_FIFO && a->priority != b->priority) {
        return a->priority > b->priority;
    }
    return a->job_id < b->job_id;
}

/* Into its place; the last one falls out when there are too many. */
static size_t insert(const struct core *core, const struct core_ahead *one,
                     struct core_ahead *sorted, size_t count, size_t most) {
    size_t at = count < most ? count : most;

    while (at > 0 && goes_first(core, one, &sorted[at - 1])) {
        if (at < most) {
            sorted[at] = sorted[at - 1];
        }
        at--;
    }
    if (at < most) {
        sorted[at] = *one;
    }
    return count < most ? count + 1 : most;
}

size_t core_list_ahead(const struct core *core, uint64_t id, struct core_ahead *out_ahead,
                       size_t most) {
    const struct entry *entry = view_entry(core, id);
    struct map_entry *item;
    size_t count = 0;

    for (size_t at = 0;
         entry != NULL && entry->shape != NULL && (item = map_next(&core->shapes, &at)) != NULL;) {
        const struct shape *shape = item->value;
        size_t jobs = shape->namespace == entry->shape->namespace
                          ? ahead_in(core, shape, &entry->shape->plan, id)
                          : 0;

        for (size_t i = 0; i < jobs && i < most; i++) {
            const struct core_ahead one = {.job_id = shape->waiting[shape->first + i],
                                           .tier = shape->plan.tier,
                                           .priority = shape->plan.priority};

            count = insert(core, &one, out_ahead, count, most);
        }
    }
    return count;
}
