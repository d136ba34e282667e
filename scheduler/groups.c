#include "scheduler/groups.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/ensure.h"
#include "base/memory.h"
#include "policy/indices.h"
#include "scheduler/view.h"

/* --- Keys ------------------------------------------------------------------------------------ */

#define ARRAY_KEY "array "

static char *key_of(const struct after_item *item) {
    if (item->count == 0) {
        return mem_format("%s%s%.*s@%" PRId32, item->namespace != NULL ? item->namespace : "",
                          item->namespace != NULL ? "/" : "", (int)item->schedule_bytes,
                          item->schedule, item->business_date);
    }
    return mem_format("%s%" PRIu64, item->is_array ? ARRAY_KEY : "", item->first_id);
}

/* What a key stands for; false: it is none. */
static bool read_key(const char *key, struct after_item *out_item) {
    const bool is_array = strncmp(key, ARRAY_KEY, strlen(ARRAY_KEY)) == 0;
    struct after_reader reader = {.at = is_array ? key + strlen(ARRAY_KEY) : key};

    if (!after_next(&reader, out_item) || *reader.at != '\0' || reader.left > 0) {
        return false;
    }
    out_item->is_array = is_array;
    return true;
}

/* --- Making and ending ----------------------------------------------------------------------- */

static uint64_t ended(const struct fact_group *forgotten) {
    return forgotten->succeeded + forgotten->failed + forgotten->cancelled + forgotten->skipped;
}

static struct group *create(enum group_kind kind, char *key, uint64_t first_id, uint64_t total) {
    struct group *group = mem_alloc(1, sizeof *group);

    *group =
        (struct group){.kind = kind, .key = key, .first_id = first_id, .tally = {.total = total}};
    return group;
}

static void destroy(struct group *group) {
    free(group->key);
    free(group->conditions);
    free(group->moved);
    free(group->wanting);
    free(group);
}

static void destroy_all(struct map *map) {
    struct map_entry *item;

    for (size_t at = 0; (item = map_next(map, &at)) != NULL;) {
        destroy(item->value);
    }
    map_finish(map);
}

void groups_finish(struct core *core) {
    destroy_all(&core->groups.jobs);
    destroy_all(&core->groups.arrays);
    destroy_all(&core->groups.runs);
    free(core->groups.dirty);
}

static void store(struct core *core, const struct group *group, enum queue_change_kind kind) {
    struct queue_change change = {
        .kind = kind,
        .fact = {.kind = FACT_GROUP, .key = outbox_text(&core->outbox, group->key)},
    };

    change.fact.value.group = group->forgotten;
    outbox_add_change(&core->outbox, &change);
}

static void unmark(struct core *core, const struct group *group) {
    struct groups *groups = &core->groups;

    for (size_t i = 0; group->is_dirty && i < groups->dirty_count; i++) {
        if (groups->dirty[i] == group) {
            groups->dirty[i] = groups->dirty[--groups->dirty_count];
            return;
        }
    }
}

/* Nobody asks for it, and nobody will be added to its counts. */
static bool is_needed(const struct group *group) {
    return group->condition_count > 0 || (group->kind != GROUP_JOB && group->live > 0);
}

static void drop(struct core *core, struct group *group) {
    if (ended(&group->forgotten) > 0) {
        store(core, group, CHANGE_FACT_DROP);
    }
    unmark(core, group);
    if (group->kind == GROUP_RUNS) {
        (void)map_remove(&core->groups.runs, group->key);
    } else {
        (void)map_remove_id(group->kind == GROUP_JOB ? &core->groups.jobs : &core->groups.arrays,
                            group->first_id);
    }
    destroy(group);
}

void groups_sweep(struct core *core) {
    struct map *const maps[] = {&core->groups.jobs, &core->groups.arrays, &core->groups.runs};
    struct map_entry *item;

    for (size_t i = 0; i < ARRAY_LEN(maps); i++) {
        for (size_t at = 0; (item = map_next(maps[i], &at)) != NULL;) {
            if (!is_needed(item->value)) {
                drop(core, item->value);
            }
        }
    }
}

/* --- Counting -------------------------------------------------------------------------------- */

static int64_t when(const struct entry *entry) {
    const struct course *course = entry_course(entry);

    return course->finished_us != 0 ? course->finished_us : course->started_us;
}

static void note_time(struct group *group, int64_t time_us) {
    group->last_us = time_us > group->last_us ? time_us : group->last_us;
}

static void add_member(struct core *core, struct group *group, const struct entry *entry) {
    group->live++;
    group->states[entry->state]++;
    group->tally.total += group->kind == GROUP_RUNS;
    if (group->kind == GROUP_RUNS) {
        group->first_id = entry->id;
    }
    after_count(&group->tally, (enum job_state)entry->state, entry_course(entry)->has_run, 1);
    note_time(group, when(entry));
    groups_mark(core, group);
}

static void remember(struct core *core, struct group *group, const struct entry *entry) {
    struct fact_group *forgotten = &group->forgotten;
    struct after_tally one = {0};

    after_count(&one, (enum job_state)entry->state, entry_course(entry)->has_run, 1);
    forgotten->ran += one.ran;
    forgotten->succeeded += one.succeeded;
    forgotten->failed += one.failed;
    forgotten->cancelled += one.cancelled;
    forgotten->skipped += one.skipped;
    forgotten->never_ran += one.never_ran;
    forgotten->last_us = group->last_us;
    store(core, group, CHANGE_FACT_PUT);
}

static void drop_member(struct core *core, struct group *group, const struct entry *entry) {
    group->live--;
    group->states[entry->state]--;
    if (is_needed(group)) {
        remember(core, group, entry);
    } else {
        drop(core, group);
    }
}

/* Its groups: of no more than three kinds. */
struct memberships {
    struct group *of[3];
    size_t count;
};

static char *run_key(const struct entry *entry) {
    return mem_format("%s/%s@%" PRId32, entry->terms->namespace, entry->terms->schedule,
                      entry_course(entry)->occurrence.business_date);
}

static struct memberships memberships_of(const struct core *core, const struct entry *entry) {
    struct memberships all = {.of[0] = groups_array(entry)};
    struct group *job =
        core->groups.jobs.count > 0 ? map_get_id(&core->groups.jobs, entry->id) : NULL;
    struct group *runs = NULL;

    all.count = all.of[0] != NULL;
    if (entry->terms->schedule[0] != '\0') {
        char *key = run_key(entry);

        runs = map_get(&core->groups.runs, key);
        free(key);
    }
    if (job != NULL) {
        all.of[all.count++] = job;
    }
    if (runs != NULL) {
        all.of[all.count++] = runs;
    }
    return all;
}

static void join_array(struct core *core, struct terms *terms) {
    struct indices indices;
    struct error error = {0};
    struct group *group;

    if (terms->job.array[0] == '\0' || terms->array != NULL ||
        indices_parse(terms->job.array, &indices, &error) < 0) {
        return;
    }
    group = map_get_id(&core->groups.arrays, terms->job.array_id);
    if (group == NULL) {
        group = create(GROUP_ARRAY, mem_format(ARRAY_KEY "%" PRIu64, terms->job.array_id),
                       terms->job.array_id, indices.count);
        (void)map_put_id(&core->groups.arrays, group->first_id, group);
    }
    group->tally.total = indices.count;
    group->running_max = indices.running_max;
    terms->array = group;
}

static void join_runs(struct core *core, const struct entry *entry) {
    char *key;

    if (entry->terms->schedule[0] == '\0') {
        return;
    }
    key = run_key(entry);
    if (map_get(&core->groups.runs, key) == NULL) {
        (void)map_put(&core->groups.runs, key, create(GROUP_RUNS, key, 0, 0));
    } else {
        free(key);
    }
}

void groups_add(struct core *core, struct entry *entry) {
    struct memberships all;

    join_array(core, entry_terms(entry));
    join_runs(core, entry);
    all = memberships_of(core, entry);
    for (size_t i = 0; i < all.count; i++) {
        add_member(core, all.of[i], entry);
    }
}

void groups_drop(struct core *core, struct entry *entry) {
    struct memberships all = memberships_of(core, entry);

    for (size_t i = 0; i < all.count; i++) {
        drop_member(core, all.of[i], entry);
    }
}

static void note_moved(struct group *group, uint64_t id) {
    if (group->each_count == 0) {
        return;
    }
    if (group->moved_count == group->moved_room) {
        group->moved_room = group->moved_room > 0 ? 2 * group->moved_room : 16;
        group->moved = mem_grow(group->moved, group->moved_room, sizeof *group->moved);
    }
    group->moved[group->moved_count++] = id;
}

void groups_moved(struct core *core, const struct entry *entry, enum job_state from) {
    struct memberships all = memberships_of(core, entry);
    const enum job_state to = (enum job_state)entry->state;
    const bool has_run = entry_course(entry)->has_run;

    for (size_t i = 0; i < all.count; i++) {
        struct group *group = all.of[i];

        group->states[from]--;
        group->states[to]++;
        after_count(&group->tally, from, has_run, -1);
        after_count(&group->tally, to, has_run, 1);
        if (job_state_is_final(to) || job_state_is_final(from)) {
            note_time(group, core->instant.now_us);
            note_moved(group, entry->id);
            groups_mark(core, group);
        }
    }
}

void groups_ran(struct core *core, const struct entry *entry) {
    struct memberships all = memberships_of(core, entry);

    for (size_t i = 0; i < all.count; i++) {
        all.of[i]->tally.ran++;
        note_time(all.of[i], core->instant.now_us);
        note_moved(all.of[i], entry->id);
        groups_mark(core, all.of[i]);
    }
}

struct after_tally groups_tally(const struct core *core, const struct group *group) {
    struct after_tally tally = group->tally;
    uint64_t known = group->live + ended(&group->forgotten);

    if (group->kind != GROUP_RUNS) {
        known += growing_unmade(core, group->first_id, tally.total);
    }
    if (tally.total > known) {
        tally.cancelled += tally.total - known;
        tally.never_ran += tally.total - known;
    }
    return tally;
}

/* --- Finding --------------------------------------------------------------------------------- */

static struct group *make_job(struct core *core, const struct after_item *item) {
    struct group *group = create(GROUP_JOB, key_of(item), item->first_id, 1);
    const struct entry *entry = view_entry(core, item->first_id);

    (void)map_put_id(&core->groups.jobs, item->first_id, group);
    if (entry != NULL) {
        add_member(core, group, entry);
    }
    return group;
}

static struct group *make_array(struct core *core, const struct after_item *item) {
    struct group *group = create(GROUP_ARRAY, key_of(item), item->first_id, item->count);

    (void)map_put_id(&core->groups.arrays, item->first_id, group);
    return group;
}

static struct group *make_runs(struct core *core, const struct after_item *item) {
    struct group *group = create(GROUP_RUNS, key_of(item), 0, 0);

    (void)map_put(&core->groups.runs, group->key, group);
    return group;
}

const struct group *groups_peek(const struct core *core, const struct after_item *item) {
    const struct group *group;
    char *key;

    if (item->count > 0) {
        return map_get_id(item->is_array ? &core->groups.arrays : &core->groups.jobs,
                          item->first_id);
    }
    key = key_of(item);
    group = map_get(&core->groups.runs, key);
    free(key);
    return group;
}

struct group *groups_find(struct core *core, const struct after_item *item) {
    const struct group *group = groups_peek(core, item);

    if (group != NULL) {
        return (struct group *)(uintptr_t)group;
    }
    if (item->count == 0) {
        return make_runs(core, item);
    }
    return item->is_array ? make_array(core, item) : make_job(core, item);
}

int core_load_group(struct core *core, const struct fact *fact) {
    const struct fact_group *stored = &fact->value.group;
    struct after_item item;
    struct group *group;

    ENSURE(fact->kind == FACT_GROUP);
    if (!read_key(fact->key, &item)) {
        return ERR_CORRUPT;
    }
    group = groups_find(core, &item);
    group->forgotten = *stored;
    group->last_us = stored->last_us;
    group->tally.total += group->kind == GROUP_RUNS ? ended(stored) : 0;
    group->tally.ran += stored->ran;
    group->tally.succeeded += stored->succeeded;
    group->tally.failed += stored->failed;
    group->tally.cancelled += stored->cancelled;
    group->tally.skipped += stored->skipped;
    group->tally.never_ran += stored->never_ran;
    return OK;
}

/* --- Watching -------------------------------------------------------------------------------- */

void groups_watch(struct group *group, struct condition *condition, bool each) {
    if (group->condition_count == group->condition_room) {
        group->condition_room = group->condition_room > 0 ? 2 * group->condition_room : 2;
        group->conditions =
            mem_grow(group->conditions, group->condition_room, sizeof(struct condition *));
    }
    group->conditions[group->condition_count++] = condition;
    group->each_count += each;
}

void groups_unwatch(struct core *core, struct group *group, struct condition *condition,
                    bool each) {
    size_t at = 0;

    while (group->conditions[at] != condition) {
        at++;
    }
    group->conditions[at] = group->conditions[--group->condition_count];
    group->each_count -= each;
    if (!is_needed(group)) {
        drop(core, group);
    }
}

void groups_mark(struct core *core, struct group *group) {
    struct groups *groups = &core->groups;

    if (group->is_dirty) {
        return;
    }
    if (groups->dirty_count == groups->dirty_room) {
        groups->dirty_room = groups->dirty_room > 0 ? 2 * groups->dirty_room : 16;
        groups->dirty = mem_grow(groups->dirty, groups->dirty_room, sizeof(struct group *));
    }
    groups->dirty[groups->dirty_count++] = group;
    group->is_dirty = true;
}

struct group *groups_next_dirty(struct core *core) {
    struct groups *groups = &core->groups;
    struct group *group;

    if (groups->dirty_count == 0) {
        return NULL;
    }
    group = groups->dirty[--groups->dirty_count];
    group->is_dirty = false;
    return group;
}

/* --- Elements -------------------------------------------------------------------------------- */

struct group *groups_array(const struct entry *entry) {
    return entry_terms(entry)->array;
}

int64_t groups_index(const struct entry *entry) {
    struct indices indices;
    struct error error = {0};

    if (indices_parse(entry->terms->array, &indices, &error) < 0 ||
        entry->id - entry->terms->array_id >= indices.count) {
        return -1;
    }
    return indices_at(&indices, entry->id - entry->terms->array_id);
}

/* --- Verifying ------------------------------------------------------------------------------- */

static int verify_group(const struct core *core, const struct group *group, struct error *error) {
    const struct entry *entry;
    struct after_tally tally = {.total = group->tally.total};
    uint32_t taken = 0;
    size_t live = 0;

    for (uint64_t id = 0; (entry = entries_next(&core->entries, id)) != NULL; id = entry->id) {
        const struct memberships all = memberships_of(core, entry);
        bool is_member = false;

        for (size_t i = 0; i < all.count; i++) {
            is_member = is_member || all.of[i] == group;
        }
        if (is_member) {
            live++;
            after_count(&tally, (enum job_state)entry->state, entry_course(entry)->has_run, 1);
            taken += group->running_max > 0 &&
                     (entry->is_listed || job_state_is_active((enum job_state)entry->state));
        }
    }
    if (live != group->live || taken != group->taken ||
        tally.succeeded + group->forgotten.succeeded != group->tally.succeeded ||
        tally.failed + group->forgotten.failed != group->tally.failed ||
        tally.ran + group->forgotten.ran != group->tally.ran ||
        tally.never_ran + group->forgotten.never_ran != group->tally.never_ran) {
        return error_set(error, ERR_CORRUPT, "group %s is counted wrong", group->key);
    }
    return OK;
}

int groups_verify(const struct core *core, struct error *error) {
    const struct map *const maps[] = {&core->groups.jobs, &core->groups.arrays, &core->groups.runs};
    struct map_entry *item;
    int r = OK;

    for (size_t i = 0; i < ARRAY_LEN(maps); i++) {
        for (size_t at = 0; r == OK && (item = map_next(maps[i], &at)) != NULL;) {
            r = verify_group(core, item->value, error);
        }
    }
    return r;
}
