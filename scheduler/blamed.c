#include "scheduler/blamed.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "policy/avoid.h"
#include "policy/blame.h"

#define FADED_MILLI 50 /* no trace of it is kept */

struct blamed {
    struct blame blame;
    bool is_avoided;
};

/* What a node may have done, rather than the job or a person. */
static bool is_nodes_fault(enum failure failure) {
    return failure == FAILURE_EVICTED || failure == FAILURE_NODE_LOST ||
           failure == FAILURE_UNSCHEDULABLE;
}

static int64_t milli_now(const struct core *core, const struct blamed *blamed) {
    return blame_milli(&blamed->blame, core->retry.avoid_half_life_us, core->instant.now_us);
}

static int64_t threshold_milli(const struct core *core) {
    return (int64_t)core->retry.blame_above * 1000;
}

static bool is_on(const struct core *core) {
    return core->retry.blame_above > 0 && core->retry.blame_avoid != RETRY_AVOID_NO &&
           core->retry.avoid_half_life_us > 0;
}

static void store(struct core *core, enum queue_change_kind kind, const char *name,
                  const struct blamed *blamed) {
    outbox_add_change(&core->outbox, &(struct queue_change){
                                         .kind = kind,
                                         .fact = {.kind = FACT_NODE,
                                                  .key = outbox_text(&core->outbox, name),
                                                  .value.node = blamed != NULL ? blamed->blame
                                                                               : (struct blame){0}},
                                     });
}

static void set_avoided(struct core *core, const char *name, struct blamed *blamed, bool avoided) {
    if (blamed->is_avoided != avoided) {
        blamed->is_avoided = avoided;
        core->blamed_avoided += avoided ? 1 : (size_t)-1;
        core->pass_needed = true;
    }
    ledger_shun_node(core->ledger, name,
                     avoided && core->retry.blame_avoid == RETRY_AVOID_REQUIRED);
}

/* Forget it, and all that is kept of it. */
static void drop(struct core *core, const char *name) {
    const char *kept = outbox_text(&core->outbox, name);
    struct blamed *blamed = map_remove(&core->blamed, kept);

    set_avoided(core, kept, blamed, false);
    store(core, CHANGE_FACT_DROP, kept, NULL);
    free(blamed);
}

static void sweep(struct core *core) {
    struct map_entry *item;

    for (size_t at = 0; (item = map_next(&core->blamed, &at)) != NULL;) {
        if (milli_now(core, item->value) < FADED_MILLI) {
            drop(core, item->text);
        }
    }
}

void blamed_note(struct core *core, const struct entry *entry, enum failure failure) {
    const char *node = entry->run->attempt.node;
    struct blamed *blamed;

    if (node[0] == '\0' || !is_nodes_fault(failure) || !is_on(core)) {
        return;
    }
    blamed = map_get(&core->blamed, node);
    if (blamed == NULL) {
        sweep(core);
        if (core->blamed.count >= LIMIT_BLAMED_NODES) {
            return;
        }
        blamed = mem_alloc(1, sizeof *blamed);
        (void)map_put(&core->blamed, node, blamed);
    }
    blame_note(&blamed->blame, entry->id, core->instant.now_us);
    store(core, CHANGE_FACT_PUT, node, blamed);
    blamed_settle(core);
}

/* --- Who is avoided -------------------------------------------------------------------------- */

/* The heaviest that is not marked yet and weighs too much; of equals the first by name. */
static const struct map_entry *heaviest(const struct core *core, const bool *is_marked) {
    const struct map_entry *best = NULL;
    const struct map_entry *item;
    int64_t most = threshold_milli(core);
    size_t i = 0;

    for (size_t at = 0; (item = map_next(&core->blamed, &at)) != NULL; i++) {
        const int64_t milli = milli_now(core, item->value);

        if (!is_marked[i] && (milli > most || (best != NULL && milli == most &&
                                               strcmp(item->text, best->text) < 0))) {
            best = item;
            most = milli;
        }
    }
    return best;
}

static size_t place_in(const struct core *core, const struct map_entry *wanted) {
    const struct map_entry *item;
    size_t i = 0;

    for (size_t at = 0; (item = map_next(&core->blamed, &at)) != NULL && item != wanted;) {
        i++;
    }
    return i;
}

/* How many may be: not so many that the others have no place. */
static size_t most_avoided(const struct core *core) {
    const size_t half = ledger_node_count(core->ledger) / 2;

    if (!is_on(core)) {
        return 0;
    }
    return core->counts.synced[CLUSTER_NODES] && half < AVOID_FOR_ALL_MAX ? half
                                                                          : AVOID_FOR_ALL_MAX;
}

void blamed_settle(struct core *core) {
    bool *is_marked = mem_alloc(core->blamed.count + 1, sizeof *is_marked);
    const struct map_entry *item;
    size_t left = most_avoided(core);
    size_t i = 0;

    core->blamed_due_us = CLOCK_NEVER_US;
    for (; left > 0 && (item = heaviest(core, is_marked)) != NULL; left--) {
        const struct blamed *blamed = item->value;
        const int64_t ends_us = blame_ends_us(&blamed->blame, threshold_milli(core),
                                              core->retry.avoid_half_life_us, core->instant.now_us);

        is_marked[place_in(core, item)] = true;
        core->blamed_due_us = ends_us < core->blamed_due_us ? ends_us : core->blamed_due_us;
    }
    for (size_t at = 0; (item = map_next(&core->blamed, &at)) != NULL; i++) {
        set_avoided(core, item->text, item->value, is_marked[i]);
    }
    free(is_marked);
}

void blamed_tick(struct core *core) {
    if (core->blamed_due_us <= core->instant.now_us) {
        sweep(core);
        blamed_settle(core);
    }
}

int64_t blamed_wake_after_us(const struct core *core) {
    const int64_t left_us = core->blamed_due_us - core->instant.now_us;

    if (core->blamed_due_us == CLOCK_NEVER_US) {
        return CLOCK_NEVER_US;
    }
    return left_us > 0 ? left_us : 0;
}

void blamed_node_put(struct core *core, const char *name) {
    if (core->blamed.count > 0 && map_get(&core->blamed, name) != NULL) {
        blamed_settle(core);
    }
}

bool blamed_forget(struct core *core, const char *name) {
    if (map_get(&core->blamed, name) == NULL) {
        return false;
    }
    drop(core, name);
    blamed_settle(core);
    return true;
}

void blamed_finish(struct core *core) {
    struct map_entry *item;

    for (size_t at = 0; (item = map_next(&core->blamed, &at)) != NULL;) {
        free(item->value);
    }
    map_finish(&core->blamed);
}

/* --- The core's door ------------------------------------------------------------------------- */

int core_load_node(struct core *core, const struct fact *fact) {
    struct blamed *blamed;

    if (!blame_is_valid(&fact->value.node)) {
        return ERR_CORRUPT;
    }
    if (core->blamed.count >= LIMIT_BLAMED_NODES) {
        return ERR_FULL;
    }
    blamed = mem_alloc(1, sizeof *blamed);
    blamed->blame = fact->value.node;
    core->blamed_due_us = INT64_MIN;
    free(map_put(&core->blamed, fact->key, blamed));
    return OK;
}

bool core_next_blamed(const struct core *core, size_t *at, struct core_blamed *out_node) {
    const struct map_entry *item = map_next(&core->blamed, at);
    const struct blamed *blamed = item != NULL ? item->value : NULL;

    if (item == NULL) {
        return false;
    }
    *out_node = (struct core_blamed){
        .name = item->text,
        .blame = &blamed->blame,
        .milli = milli_now(core, blamed),
        .is_avoided = blamed->is_avoided,
        .is_required = core->retry.blame_avoid == RETRY_AVOID_REQUIRED,
        .until_us = blame_ends_us(&blamed->blame, threshold_milli(core),
                                  core->retry.avoid_half_life_us, core->instant.now_us)};
    return true;
}

/* A node that is in the list is required if either says so. */
static void add_to(struct avoid_list *list, const struct core_blamed *blamed) {
    size_t i = 0;

    while (i < list->count && strcmp(list->nodes[i].name, blamed->name) != 0) {
        i++;
    }
    if (i == AVOID_NODES_MAX) {
        return;
    }
    if (i == list->count) {
        list->count++;
        list->nodes[i] = (struct avoid_node){.milli = blamed->milli};
        (void)text_copy(list->nodes[i].name, sizeof list->nodes[i].name, blamed->name);
    }
    list->nodes[i].is_required = list->nodes[i].is_required || blamed->is_required;
}

void core_avoid(const struct core *core, struct avoid_list *list) {
    struct core_blamed blamed;

    for (size_t at = 0; core_next_blamed(core, &at, &blamed);) {
        if (blamed.is_avoided) {
            add_to(list, &blamed);
        }
    }
    avoid_sort(list);
}
