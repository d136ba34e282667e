#include "policy/plan.h"

#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "base/memory.h"
#include "policy/room.h"

/* What the pass did to a namespace. */
struct plan_namespace {
    struct usage started; /* by this pass */
    struct usage kept;    /* the shares of jobs that wait for nodes */
    uint64_t kept_for;    /* the first of those; 0: none */
    uint64_t blocked_by;  /* the job that quota stops; 0: none */
    uint32_t behind;      /* the reason of those behind blocked_by */
    size_t shapes_left;   /* in the heap, until it is blocked */
};

/* A shape whose next job waits. */
struct plan_waiting {
    uint64_t job_id;
    uint32_t reason; /* index */
};

struct plan {
    struct plan_start *starts;
    size_t start_count;
    size_t start_room;
    struct plan_waiting *waits; /* by shape */
    struct reason *reasons;
    size_t reason_count;
    size_t reason_room;
    size_t *next_jobs; /* by shape: how many of its jobs were started */
    uint32_t *heap;    /* shapes, the first in order on top */
    size_t heap_count;
    size_t shapes_left; /* in the heap, of namespaces that are not blocked */
    size_t shape_room;
    struct plan_namespace *namespaces;
    size_t namespace_count;
    struct place_run *runs;
    size_t run_count;
    size_t run_room;
    size_t *run_ends;    /* by start */
    struct place *place; /* the ledger's room; NULL until the pass needs it */
};

struct plan *plan_create(void) {
    return mem_alloc(1, sizeof(struct plan));
}

void plan_destroy(struct plan *plan) {
    if (plan == NULL) {
        return;
    }
    for (size_t i = 0; i < plan->namespace_count; i++) {
        usage_finish(&plan->namespaces[i].started);
        usage_finish(&plan->namespaces[i].kept);
    }
    free(plan->starts);
    free(plan->waits);
    free(plan->reasons);
    free(plan->next_jobs);
    free(plan->heap);
    free(plan->namespaces);
    free(plan->runs);
    free(plan->run_ends);
    free(plan);
}

/* Getting ready. */

static void reset_namespaces(struct plan *plan, const struct ledger *ledger) {
    const size_t count = ledger_namespace_count(ledger);

    if (count > plan->namespace_count) {
        plan->namespaces = mem_grow(plan->namespaces, count, sizeof *plan->namespaces);
        memset(&plan->namespaces[plan->namespace_count], 0,
               (count - plan->namespace_count) * sizeof *plan->namespaces);
        plan->namespace_count = count;
    }
    for (size_t i = 0; i < plan->namespace_count; i++) {
        usage_clear(&plan->namespaces[i].started);
        usage_clear(&plan->namespaces[i].kept);
        plan->namespaces[i].kept_for = 0;
        plan->namespaces[i].blocked_by = 0;
        plan->namespaces[i].shapes_left = 0;
    }
}

static void reset(struct plan *plan, const struct plan_input *input) {
    if (input->shape_count > plan->shape_room) {
        plan->shape_room = input->shape_count;
        plan->waits = mem_grow(plan->waits, plan->shape_room, sizeof *plan->waits);
        plan->next_jobs = mem_grow(plan->next_jobs, plan->shape_room, sizeof *plan->next_jobs);
        plan->heap = mem_grow(plan->heap, plan->shape_room, sizeof *plan->heap);
    }
    for (size_t i = 0; i < input->shape_count; i++) {
        plan->waits[i].job_id = 0;
        plan->next_jobs[i] = 0;
    }
    plan->start_count = 0;
    plan->run_count = 0;
    plan->heap_count = 0;
    plan->shapes_left = 0;
    plan->reason_count = 0;
    plan->place = NULL;
    reset_namespaces(plan, input->ledger);
}

/* Pods on their way have the first right to the nodes. */
static void load_nodes(struct plan *plan, const struct ledger *ledger) {
    if (plan->place == NULL) {
        room_refresh(ledger_room(ledger));
        plan->place = room_place(ledger_room(ledger));
    }
}

/* The order of shapes: that of their next jobs. */

static uint64_t next_job(const struct plan *plan, const struct plan_input *input, size_t shape) {
    return input->shapes[shape].job_ids[plan->next_jobs[shape]];
}

static bool goes_before(const struct plan *plan, const struct plan_input *input, uint32_t a,
                        uint32_t b) {
    const int32_t a_priority = input->shapes[a].priority;
    const int32_t b_priority = input->shapes[b].priority;

    if (a_priority != b_priority) {
        return a_priority > b_priority;
    }
    return next_job(plan, input, a) < next_job(plan, input, b);
}

static void sift_down(struct plan *plan, const struct plan_input *input, size_t at) {
    for (;;) {
        size_t first = at;

        for (size_t child = 2 * at + 1; child <= 2 * at + 2; child++) {
            if (child < plan->heap_count &&
                goes_before(plan, input, plan->heap[child], plan->heap[first])) {
                first = child;
            }
        }
        if (first == at) {
            return;
        }
        const uint32_t shape = plan->heap[at];

        plan->heap[at] = plan->heap[first];
        plan->heap[first] = shape;
        at = first;
    }
}

static void fill_heap(struct plan *plan, const struct plan_input *input) {
    for (size_t i = 0; i < input->shape_count; i++) {
        if (input->shapes[i].job_count > 0) {
            plan->heap[plan->heap_count++] = (uint32_t)i;
            plan->namespaces[input->shapes[i].namespace_index].shapes_left++;
            plan->shapes_left++;
        }
    }
    for (size_t i = plan->heap_count / 2; i-- > 0;) {
        sift_down(plan, input, i);
    }
}

/* The top shape is done with: it waits, or has no more jobs. */
static void pop(struct plan *plan, const struct plan_input *input) {
    struct plan_namespace *namespace =
        &plan->namespaces[input->shapes[plan->heap[0]].namespace_index];

    if (namespace->blocked_by == 0) {
        namespace->shapes_left--;
        plan->shapes_left--;
    }
    plan->heap[0] = plan->heap[--plan->heap_count];
    sift_down(plan, input, 0);
}

/* One job. */

static uint32_t add_reason(struct plan *plan, const struct reason *reason) {
    if (plan->reason_count == plan->reason_room) {
        plan->reason_room = plan->reason_room > 0 ? plan->reason_room * 2 : 16;
        plan->reasons = mem_grow(plan->reasons, plan->reason_room, sizeof *plan->reasons);
    }
    plan->reasons[plan->reason_count] = *reason;
    return (uint32_t)plan->reason_count++;
}

static void wait_for(struct plan *plan, const struct plan_input *input, size_t shape,
                     uint32_t reason) {
    plan->waits[shape] =
        (struct plan_waiting){.job_id = next_job(plan, input, shape), .reason = reason};
}

static void block_namespace(struct plan *plan, struct plan_namespace *namespace, uint64_t job_id) {
    const struct reason behind = reason_behind(job_id, REASON_QUOTA);

    namespace->blocked_by = job_id;
    namespace->behind = add_reason(plan, &behind);
    plan->shapes_left -= namespace->shapes_left;
}

/* Every node is kept for somebody: no further job finds a place. */
static bool all_nodes_are_kept(const struct plan *plan) {
    return plan->place != NULL && place_is_all_held(plan->place);
}

static struct quota_answer ask_quotas(const struct plan *plan, const struct plan_input *input,
                                      const struct plan_shape *shape, bool with_kept) {
    const struct ledger_namespace *namespace =
        ledger_namespace(input->ledger, shape->namespace_index);
    const struct plan_namespace *pass = &plan->namespaces[shape->namespace_index];
    const struct usage *reserved[] = {&namespace->reserved, &pass->started, &pass->kept};

    return quota_check((const struct quota *const *)namespace->quotas, namespace->quota_count,
                       shape->demand, &namespace->own, reserved, with_kept ? 3 : 2);
}

/* The first job in order that quota stops: those behind it in the namespace wait. */
static void stop_by_quota(struct plan *plan, const struct plan_input *input, size_t at,
                          const struct quota_answer *answer) {
    const struct plan_shape *shape = &input->shapes[at];
    struct plan_namespace *namespace = &plan->namespaces[shape->namespace_index];
    struct reason reason = reason_quota(answer, shape->demand);

    if (answer->verdict == QUOTA_SHORT) {
        block_namespace(plan, namespace, next_job(plan, input, at));
        if (namespace->kept_for != 0 &&
            ask_quotas(plan, input, shape, false).verdict == QUOTA_FITS) {
            reason = reason_behind(namespace->kept_for, REASON_CAPACITY);
        }
    }
    wait_for(plan, input, at, add_reason(plan, &reason));
}

/* It waits for nodes: they, and its share of the quotas, are kept for it. */
static void keep_for(struct plan *plan, const struct plan_input *input, size_t at) {
    const struct plan_shape *shape = &input->shapes[at];
    struct plan_namespace *namespace = &plan->namespaces[shape->namespace_index];
    const uint64_t job_id = next_job(plan, input, at);

    place_hold(plan->place, shape->demand, job_id);
    usage_add_demand(&namespace->kept, shape->demand, 1);
    namespace->kept_for = namespace->kept_for != 0 ? namespace->kept_for : job_id;
}

static void stop_by_capacity(struct plan *plan, const struct plan_input *input, size_t at,
                             const struct place_miss *miss) {
    const struct demand *demand = input->shapes[at].demand;
    struct place *empty = room_empty(ledger_room(input->ledger));
    struct place_miss never;
    struct reason reason;

    if (!place_possible(empty, demand, NULL)) {
        reason = place_impossible(empty, demand, &never)
                     ? reason_capacity(REASON_CAPACITY_NEVER, empty, demand, &never)
                     : reason_capacity(REASON_CAPACITY, plan->place, demand, miss);
        wait_for(plan, input, at, add_reason(plan, &reason));
        return;
    }
    reason = miss->nodes_held > 0 ? reason_behind(miss->held_by, REASON_CAPACITY)
                                  : reason_capacity(REASON_CAPACITY, plan->place, demand, miss);
    wait_for(plan, input, at, add_reason(plan, &reason));
    keep_for(plan, input, at);
}

static void record_start(struct plan *plan, uint32_t shape, uint64_t job_id,
                         const struct place_run *runs, size_t run_count) {
    if (plan->start_count == plan->start_room) {
        plan->start_room = plan->start_room > 0 ? plan->start_room * 2 : 16;
        plan->starts = mem_grow(plan->starts, plan->start_room, sizeof *plan->starts);
        plan->run_ends = mem_grow(plan->run_ends, plan->start_room, sizeof *plan->run_ends);
    }
    if (plan->run_count + run_count > plan->run_room) {
        plan->run_room = (plan->run_count + run_count) * 2;
        plan->runs = mem_grow(plan->runs, plan->run_room, sizeof *plan->runs);
    }
    if (run_count > 0) {
        memcpy(&plan->runs[plan->run_count], runs, run_count * sizeof *runs);
    }
    plan->run_count += run_count;
    plan->run_ends[plan->start_count] = plan->run_count;
    plan->starts[plan->start_count++] = (struct plan_start){.shape = shape, .job_id = job_id};
}

/* Does the job start? Otherwise its shape waits, for the reason that was written down. */
static bool try_job(struct plan *plan, const struct plan_input *input, uint32_t at) {
    const struct plan_shape *shape = &input->shapes[at];
    struct plan_namespace *namespace = &plan->namespaces[shape->namespace_index];
    struct quota_answer answer;
    struct place_miss miss;

    if (namespace->blocked_by != 0) {
        wait_for(plan, input, at, namespace->behind);
        return false;
    }
    answer = ask_quotas(plan, input, shape, true);
    if (answer.verdict != QUOTA_FITS) {
        stop_by_quota(plan, input, at, &answer);
        return false;
    }
    if (!input->capacity_unknown) {
        load_nodes(plan, input->ledger);
        if (!place_gang(plan->place, shape->demand, &miss)) {
            stop_by_capacity(plan, input, at, &miss);
            return false;
        }
    }
    usage_add_demand(&namespace->started, shape->demand, 1);
    record_start(plan, at, next_job(plan, input, at),
                 input->capacity_unknown ? NULL : plan->place->runs,
                 input->capacity_unknown ? 0 : plan->place->run_count);
    return true;
}

/* Nobody in the heap can start: blocked, without nodes, or too many starts already. */
static void stop_the_rest(struct plan *plan, const struct plan_input *input) {
    const bool kept = all_nodes_are_kept(plan) && !input->capacity_unknown;
    const struct reason reason =
        kept ? reason_behind(node_index_holder(&plan->place->index, 0), REASON_CAPACITY)
             : reason_plain(REASON_START_RATE);
    const uint32_t shared = add_reason(plan, &reason);

    for (size_t i = 0; i < plan->heap_count; i++) {
        const struct plan_namespace *namespace =
            &plan->namespaces[input->shapes[plan->heap[i]].namespace_index];

        wait_for(plan, input, plan->heap[i],
                 namespace->blocked_by != 0 ? namespace->behind : shared);
    }
    plan->heap_count = 0;
}

void plan_run(struct plan *plan, const struct plan_input *input) {
    reset(plan, input);
    fill_heap(plan, input);
    while (plan->shapes_left > 0 && plan->start_count < input->starts_max &&
           !all_nodes_are_kept(plan)) {
        const uint32_t at = plan->heap[0];

        if (!try_job(plan, input, at) || ++plan->next_jobs[at] == input->shapes[at].job_count) {
            pop(plan, input);
        } else {
            sift_down(plan, input, 0);
        }
    }
    stop_the_rest(plan, input);
}

size_t plan_start_count(const struct plan *plan) {
    return plan->start_count;
}

const struct plan_start *plan_starts(const struct plan *plan) {
    return plan->starts;
}

struct plan_wait plan_wait(const struct plan *plan, size_t shape) {
    const struct plan_waiting *waiting = &plan->waits[shape];

    ENSURE(shape < plan->shape_room);
    if (waiting->job_id == 0) {
        return (struct plan_wait){.job_id = 0};
    }
    return (struct plan_wait){.job_id = waiting->job_id, .reason = &plan->reasons[waiting->reason]};
}

const struct place_run *plan_start_runs(const struct plan *plan, size_t start, size_t *out_count) {
    const size_t begin = start > 0 ? plan->run_ends[start - 1] : 0;

    ENSURE(start < plan->start_count);
    *out_count = plan->run_ends[start] - begin;
    return *out_count > 0 ? &plan->runs[begin] : NULL;
}

const struct node *plan_node(const struct plan *plan, uint32_t index) {
    ENSURE(plan->place != NULL && index < plan->place->index.node_count);
    return plan->place->index.nodes[index].node;
}

bool plan_is_impossible(struct plan *plan, const struct plan_input *cluster,
                        const struct plan_shape *shape, struct reason *out_reason) {
    const struct ledger_namespace *namespace =
        ledger_namespace(cluster->ledger, shape->namespace_index);
    const struct quota_answer answer =
        quota_check((const struct quota *const *)namespace->quotas, namespace->quota_count,
                    shape->demand, &namespace->own, NULL, 0);
    struct place *empty = room_empty(ledger_room(cluster->ledger));
    struct place_miss miss;

    (void)plan;

    if (answer.verdict == QUOTA_MUST_SPECIFY) {
        *out_reason = reason_quota(&answer, shape->demand);
        return true;
    }
    if (!cluster->capacity_unknown && empty->index.node_count > 0 &&
        place_impossible(empty, shape->demand, &miss)) {
        *out_reason = reason_capacity(REASON_CAPACITY_NEVER, empty, shape->demand, &miss);
        return true;
    }
    if (answer.verdict == QUOTA_NEVER) {
        *out_reason = reason_quota(&answer, shape->demand);
        return true;
    }
    return false;
}
