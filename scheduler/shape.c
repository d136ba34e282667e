#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "base/limits.h"
#include "base/memory.h"
#include "scheduler/arrays.h"
#include "scheduler/runtimes.h"
#include "scheduler/view.h"

/* A list's mark of an id that is gone: ids don't come that high. */
#define TAKEN (UINT64_C(1) << 63)

/* So many in a turn go from, or into, the middle of their list at once, at the price of moving the
 * ids on one side of it; more are settled together. */
#define MOVES_PER_TURN 8

/* --- Finding --------------------------------------------------------------------------------- */

static void shape_destroy(struct shape *shape) {
    demand_destroy(shape->demand);
    demand_destroy(shape->applied);
    free(shape->waiting);
    free(shape->late);
    free(shape);
}

/* What makes jobs equal, but for the demand. */
struct kind {
    const struct job *terms; /* its texts are interned */
    int64_t expected_us;     /* 0 of jobs without a window: they fit wherever they start */
    unsigned runtime_class;  /* jobs that run about as long are equal */
};

static struct kind kind_of(const struct core *core, const struct entry *entry) {
    const int64_t expected_us = runtimes_expect(core, entry).us;
    struct kind kind = {.terms = entry->terms, .runtime_class = runtime_class(expected_us)};

    if (entry->terms->window[0] != '\0') {
        kind.expected_us = gate_rounded_us(expected_us);
    }
    return kind;
}

static struct shape *shape_create(struct core *core, uint64_t key, const struct kind *kind,
                                  struct demand *demand) {
    const struct job *terms = kind->terms;
    struct shape *shape = mem_alloc(1, sizeof *shape);
    char user[LIMIT_NAME_BYTES + 1];

    shape->key = key;
    shape->namespace = intern_take(&core->texts, terms->namespace);
    shape->team = intern_take(&core->texts, terms->team);
    shape->submitter = intern_take(&core->texts, terms->submitter);
    shape->priority_class = intern_take(&core->texts, terms->priority_class);
    shape->window = intern_take(&core->texts, terms->window);
    shape->expected_us = kind->expected_us;
    shape->runtime_class = kind->runtime_class;
    shape->gate = gate_take(core, shape->window, shape->expected_us);
    shape->demand = demand_share(demand);
    shape->applied = view_apply_limits(core, shape->namespace, demand);
    job_user(shape->submitter, user);
    shape->plan = (struct plan_shape){
        .namespace_index = ledger_namespace_index(core->ledger, terms->namespace),
        .demand = shape->applied,
        .node = share_hold(core->share, shape->team, user),
        .tier = shape_tier(core, shape->priority_class),
        .priority = terms->priority,
    };
    share_name_namespace(core->share, shape->plan.namespace_index, shape->namespace);
    shape->number = plan_add_shape(core->plan, &shape->plan);
    shape_touch(core, shape);
    (void)map_put_id(&core->shapes, key, shape);
    return shape;
}

static bool is_of_shape(const struct shape *shape, const struct kind *kind) {
    const struct job *terms = kind->terms;

    return shape->namespace == terms->namespace && shape->plan.priority == terms->priority &&
           shape->team == terms->team && shape->submitter == terms->submitter &&
           shape->priority_class == terms->priority_class && shape->window == terms->window &&
           shape->expected_us == kind->expected_us && shape->runtime_class == kind->runtime_class;
}

static uint64_t key_of(const struct kind *kind, const struct demand *demand) {
    const struct job *terms = kind->terms;
    const char *texts[] = {terms->namespace, terms->team, terms->submitter, terms->priority_class,
                           terms->window};
    uint64_t hash = demand_hash(demand) ^ (uint32_t)terms->priority ^ (uint64_t)kind->expected_us ^
                    (uint64_t)kind->runtime_class << 40;

    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        for (const char *at = texts[i]; *at != '\0'; at++) {
            hash = (hash ^ (unsigned char)*at) * UINT64_C(0x100000001b3);
        }
        hash = (hash ^ i) * UINT64_C(0x100000001b3);
    }
    return hash;
}

void shape_touch(struct core *core, struct shape *shape) {
    if (shape->is_touched) {
        return;
    }
    if (core->touched_count == core->touched_room) {
        core->touched_room = core->touched_room > 0 ? core->touched_room * 2 : 16;
        core->touched = mem_grow(core->touched, core->touched_room, sizeof(struct shape *));
    }
    core->touched[core->touched_count++] = shape;
    shape->is_touched = true;
}

int32_t shape_tier(const struct core *core, const char *priority_class) {
    for (size_t i = 0; i < core->class_count; i++) {
        if (strcmp(core->classes[i].name, priority_class) == 0) {
            return core->classes[i].tier;
        }
    }
    return 0;
}

/* The shape of equal jobs. Those with equal hashes that differ stand behind each other. */
static struct shape *shape_of(struct core *core, const struct kind *kind, struct demand *demand) {
    struct shape *shape = core->recent_shape;

    if (shape != NULL && shape->demand == demand && is_of_shape(shape, kind)) {
        return shape;
    }
    for (uint64_t key = key_of(kind, demand);; key++) {
        shape = map_get_id(&core->shapes, key);
        if (shape == NULL) {
            return shape_create(core, key, kind, demand);
        }
        if (is_of_shape(shape, kind) && demand_equal(shape->demand, demand)) {
            return shape;
        }
    }
}

void shape_join(struct core *core, struct entry *entry, struct demand *demand) {
    struct kind kind = kind_of(core, entry);

    entry->shape = shape_of(core, &kind, demand);
    entry->shape->jobs++;
    core->recent_shape = entry->shape;
}

static void forget_unsettled(struct core *core, const struct shape *shape) {
    for (size_t i = 0; shape->is_unsettled && i < core->unsettled_count; i++) {
        if (core->unsettled[i] == shape) {
            core->unsettled[i] = core->unsettled[--core->unsettled_count];
            return;
        }
    }
}

static void forget_touched(struct core *core, const struct shape *shape) {
    for (size_t i = 0; shape->is_touched && i < core->touched_count; i++) {
        if (core->touched[i] == shape) {
            core->touched[i] = core->touched[--core->touched_count];
            return;
        }
    }
}

void view_release_shape(struct core *core, struct entry *entry) {
    struct shape *shape = entry->shape;

    if (shape == NULL) {
        return;
    }
    view_unlist(core, entry);
    entry->shape = NULL;
    shape->jobs--;
    if (shape->jobs > 0) {
        return;
    }
    forget_unsettled(core, shape);
    forget_touched(core, shape);
    if (core->recent_shape == shape) {
        core->recent_shape = NULL;
    }
    (void)map_remove_id(&core->shapes, shape->key);
    gate_drop(core, shape->gate);
    plan_remove_shape(core->plan, shape->number);
    share_drop(core->share, shape->plan.node);
    intern_drop(&core->texts, shape->namespace);
    intern_drop(&core->texts, shape->team);
    intern_drop(&core->texts, shape->submitter);
    intern_drop(&core->texts, shape->priority_class);
    intern_drop(&core->texts, shape->window);
    shape_destroy(shape);
}

/* --- The list of those that wait ------------------------------------------------------------- */

static void append_id(uint64_t **ids, size_t *end, size_t *room, uint64_t id) {
    if (*end == *room) {
        *room = *room > 0 ? *room * 2 : 4;
        *ids = mem_grow(*ids, *room, sizeof **ids);
    }
    (*ids)[(*end)++] = id;
}

/* Where id is, or belongs, in the list; marks don't matter. */
static size_t waiting_place(const struct shape *shape, uint64_t id) {
    size_t low = shape->first;
    size_t high = shape->waiting_end;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if ((shape->waiting[middle] & ~TAKEN) < id) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

size_t view_waiting_before(const struct shape *shape, uint64_t id) {
    ENSURE(!shape->is_unsettled);
    return waiting_place(shape, id) - shape->first;
}

/* Behind a job of its own shape that waits, by the last pass: another pass would say no more. */
static bool is_behind_blocked(const struct core *core, const struct shape *shape, uint64_t id) {
    const uint64_t blocked_id = plan_waiting_job(core->plan, shape->number);

    return blocked_id != 0 && shape->first < shape->waiting_end &&
           shape->waiting[shape->first] == blocked_id && blocked_id < id;
}

static void note_unsettled(struct core *core, struct shape *shape) {
    if (shape->is_unsettled) {
        return;
    }
    if (core->unsettled_count == core->unsettled_room) {
        core->unsettled_room = core->unsettled_room > 0 ? core->unsettled_room * 2 : 16;
        core->unsettled = mem_grow(core->unsettled, core->unsettled_room, sizeof *core->unsettled);
    }
    core->unsettled[core->unsettled_count++] = shape;
    shape->is_unsettled = true;
}

/* Room at the front, left by those that went, is used before the list grows. */
static void use_front(struct shape *shape) {
    size_t count = shape->waiting_end - shape->first;

    if (shape->waiting_end == shape->waiting_room && shape->first > count) {
        memmove(shape->waiting, shape->waiting + shape->first, count * sizeof *shape->waiting);
        shape->first = 0;
        shape->waiting_end = count;
    }
}

/* May another id be moved in or out of the list's middle right now? */
static bool may_move(struct core *core, const struct shape *shape) {
    if (shape->is_unsettled || core->list_moves >= MOVES_PER_TURN) {
        return false;
    }
    core->list_moves++;
    return true;
}

static void move_in(struct shape *shape, uint64_t id) {
    size_t at = waiting_place(shape, id);
    uint64_t *waiting;

    append_id(&shape->waiting, &shape->waiting_end, &shape->waiting_room, id);
    waiting = shape->waiting;
    memmove(waiting + at + 1, waiting + at, (shape->waiting_end - 1 - at) * sizeof *waiting);
    waiting[at] = id;
}

/* The shorter side closes the gap. */
static void move_out(struct shape *shape, size_t at) {
    uint64_t *waiting = shape->waiting;
    size_t before = at - shape->first;
    size_t behind = shape->waiting_end - 1 - at;

    if (before < behind) {
        memmove(waiting + shape->first + 1, waiting + shape->first, before * sizeof *waiting);
        shape->first++;
    } else {
        memmove(waiting + at, waiting + at + 1, behind * sizeof *waiting);
        shape->waiting_end--;
    }
}

void view_list(struct core *core, struct entry *entry) {
    struct shape *shape = entry->shape;
    uint64_t id = entry->id;

    if (entry->is_listed || shape == NULL) {
        return;
    }
    entry->is_listed = true;
    arrays_take(core, entry, 1);
    if (!is_behind_blocked(core, shape, id)) {
        core->pass_needed = true;
    }
    shape_touch(core, shape);
    if (shape->first == shape->waiting_end ||
        (shape->waiting[shape->waiting_end - 1] & ~TAKEN) < id) {
        use_front(shape);
        append_id(&shape->waiting, &shape->waiting_end, &shape->waiting_room, id);
    } else if (may_move(core, shape)) {
        move_in(shape, id);
    } else {
        append_id(&shape->late, &shape->late_count, &shape->late_room, id);
        note_unsettled(core, shape);
    }
}

static void take_late(struct shape *shape, uint64_t id) {
    size_t at = 0;

    while (at < shape->late_count && shape->late[at] != id) {
        at++;
    }
    ENSURE(at < shape->late_count);
    shape->late[at] = shape->late[--shape->late_count];
}

static void take_waiting(struct core *core, struct shape *shape, size_t at) {
    if (at != shape->first && may_move(core, shape)) {
        move_out(shape, at);
        return;
    }
    shape->waiting[at] |= TAKEN;
    shape->taken++;
    while (shape->first < shape->waiting_end && (shape->waiting[shape->first] & TAKEN) != 0) {
        shape->first++;
        shape->taken--;
    }
    if (shape->taken > 0) {
        note_unsettled(core, shape);
    }
}

void view_unlist(struct core *core, struct entry *entry) {
    struct shape *shape = entry->shape;
    size_t at;

    if (!entry->is_listed) {
        return;
    }
    entry->is_listed = false;
    arrays_take(core, entry, -1);
    core->pass_needed = true;
    shape_touch(core, shape);
    at = waiting_place(shape, entry->id);
    if (at < shape->waiting_end && shape->waiting[at] == entry->id) {
        take_waiting(core, shape, at);
    } else {
        take_late(shape, entry->id);
    }
    if (shape->first == shape->waiting_end) {
        shape->first = shape->waiting_end = 0;
    }
}

void view_park(struct core *core, struct entry *entry, enum parked parked) {
    if ((entry->parked == PARKED_NAME) != (parked == PARKED_NAME)) {
        pod_names_wait(core, entry, parked == PARKED_NAME);
    }
    if (entry->shape != NULL) {
        entry->shape->parked[entry->parked]--;
        entry->shape->parked[parked]++;
    }
    entry->parked = (uint8_t)parked;
}

/* --- Settling -------------------------------------------------------------------------------- */

static int compare_ids(const void *a, const void *b) {
    uint64_t left = *(const uint64_t *)a;
    uint64_t right = *(const uint64_t *)b;

    return left < right ? -1 : left > right;
}

static void drop_taken(struct shape *shape) {
    size_t kept = shape->first;

    for (size_t at = shape->first; shape->taken > 0 && at < shape->waiting_end; at++) {
        if ((shape->waiting[at] & TAKEN) == 0) {
            shape->waiting[kept++] = shape->waiting[at];
        }
    }
    if (shape->taken > 0) {
        shape->waiting_end = kept;
        shape->taken = 0;
    }
}

/* Both are sorted: from the back, each into its place. */
static void merge_late(struct shape *shape) {
    size_t end = shape->waiting_end + shape->late_count;
    size_t at = shape->waiting_end;
    size_t late = shape->late_count;

    qsort(shape->late, shape->late_count, sizeof *shape->late, compare_ids);
    if (end > shape->waiting_room) {
        shape->waiting_room = end;
        shape->waiting = mem_grow(shape->waiting, shape->waiting_room, sizeof *shape->waiting);
    }
    shape->waiting_end = end;
    while (late > 0) {
        if (at > shape->first && shape->waiting[at - 1] > shape->late[late - 1]) {
            shape->waiting[--end] = shape->waiting[--at];
        } else {
            shape->waiting[--end] = shape->late[--late];
        }
    }
    free(shape->late);
    shape->late = NULL;
    shape->late_count = shape->late_room = 0;
}

void view_settle(struct core *core) {
    for (size_t i = 0; i < core->unsettled_count; i++) {
        struct shape *shape = core->unsettled[i];

        shape->is_unsettled = false;
        drop_taken(shape);
        if (shape->late_count > 0) {
            merge_late(shape);
        }
    }
    core->unsettled_count = 0;
    core->list_moves = 0;
}

/* --- Verifying ------------------------------------------------------------------------------- */

int shape_verify(const struct core *core, const struct shape *shape, struct error *error) {
    uint64_t before = 0;

    if (shape->is_unsettled || shape->taken > 0 || shape->late_count > 0) {
        return error_set(error, ERR_CORRUPT, "a shape's list is not settled");
    }
    if (shape->waiting_end - shape->first > shape->jobs) {
        return error_set(error, ERR_CORRUPT, "a shape lists more jobs than it has");
    }
    for (size_t i = shape->first; i < shape->waiting_end; i++) {
        const struct entry *entry = view_entry(core, shape->waiting[i]);

        if (shape->waiting[i] <= before || entry == NULL || entry->shape != shape ||
            !entry->is_listed) {
            return error_set(error, ERR_CORRUPT, "a shape's list is wrong at place %zu",
                             i - shape->first);
        }
        before = shape->waiting[i];
    }
    return OK;
}
