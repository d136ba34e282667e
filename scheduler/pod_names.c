#include "scheduler/pod_names.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "base/memory.h"
#include "scheduler/lifecycle.h"

struct pod_name {
    char *key;         /* namespace/name */
    uint32_t taken;    /* times by... */
    uint64_t taker;    /* ...this job */
    uint64_t *waiting; /* ids of those that are parked for it, ascending */
    size_t waiting_count;
    size_t waiting_room;
    bool is_marked;
};

static bool has_name(const struct entry *entry) {
    return entry->terms->pod_name[0] != '\0';
}

static struct pod_name *find(const struct core *core, const struct entry *entry) {
    char *key = mem_format("%s/%s", entry->terms->namespace, entry->terms->pod_name);
    struct pod_name *name = map_get(&core->pod_names.by_key, key);

    free(key);
    return name;
}

static struct pod_name *need(struct core *core, const struct entry *entry) {
    struct pod_name *name = find(core, entry);

    if (name == NULL) {
        name = mem_alloc(1, sizeof *name);
        name->key = mem_format("%s/%s", entry->terms->namespace, entry->terms->pod_name);
        (void)map_put(&core->pod_names.by_key, name->key, name);
    }
    return name;
}

static void destroy(struct pod_name *name) {
    free(name->key);
    free(name->waiting);
    free(name);
}

void pod_names_finish(struct core *core) {
    struct map_entry *item;

    for (size_t at = 0; (item = map_next(&core->pod_names.by_key, &at)) != NULL;) {
        destroy(item->value);
    }
    map_finish(&core->pod_names.by_key);
    free(core->pod_names.marked);
}

static void mark(struct core *core, struct pod_name *name) {
    struct pod_names *names = &core->pod_names;

    if (name->is_marked) {
        return;
    }
    if (names->marked_count == names->marked_room) {
        names->marked_room = names->marked_room > 0 ? 2 * names->marked_room : 8;
        names->marked = mem_grow(names->marked, names->marked_room, sizeof(struct pod_name *));
    }
    name->is_marked = true;
    names->marked[names->marked_count++] = name;
}

void pod_names_touch(struct core *core, const char *key) {
    struct pod_name *name =
        core->pod_names.by_key.count > 0 ? map_get(&core->pod_names.by_key, key) : NULL;

    if (name != NULL) {
        mark(core, name);
    }
}

void pod_names_mark_all(struct core *core) {
    struct map_entry *item;

    for (size_t at = 0; (item = map_next(&core->pod_names.by_key, &at)) != NULL;) {
        mark(core, item->value);
    }
}

/* --- Who has it ------------------------------------------------------------------------------ */

/* What is in the way of a name that no job has taken; HOLDER_NEXT: nothing. */
static enum reason_holder obstacle_of(const struct core *core, const char *key,
                                      uint64_t *out_job_id) {
    const struct pod_note *note = map_get(&core->pods, key);
    const struct cleanup *cleanup = map_get(&core->cleanups, key);

    if (note == NULL) {
        *out_job_id = cleanup != NULL ? cleanup->job_id : 0;
        return cleanup != NULL ? HOLDER_ENDED : HOLDER_NEXT;
    }
    *out_job_id = note->job_id;
    if (!note->is_main) {
        return note->finished ? HOLDER_FOREIGN_ENDED : HOLDER_FOREIGN;
    }
    return note->finished ? HOLDER_ENDED : HOLDER_POD;
}

static bool is_free(const struct core *core, const struct pod_name *name) {
    uint64_t job_id;

    return name->taken == 0 && obstacle_of(core, name->key, &job_id) == HOLDER_NEXT;
}

bool pod_names_block(struct core *core, const struct entry *entry) {
    struct pod_name *name;

    if (!has_name(entry)) {
        return false;
    }
    name = need(core, entry);
    mark(core, name);
    return !is_free(core, name) || (name->waiting_count > 0 && name->waiting[0] < entry->id);
}

void pod_names_take(struct core *core, const struct entry *entry, int times) {
    struct pod_name *name;

    if (times == 0 || !has_name(entry)) {
        return;
    }
    name = need(core, entry);
    ENSURE(times > 0 ? name->taken == 0 || name->taker == entry->id
                     : name->taken > 0 && name->taker == entry->id);
    name->taken += (uint32_t)times;
    name->taker = entry->id;
    if (name->taken == 0) {
        mark(core, name);
    }
}

/* --- Who waits ------------------------------------------------------------------------------- */

/* The first place whose id is not lower. Most come behind all others. */
static size_t place_of(const struct pod_name *name, uint64_t id) {
    size_t low = 0;
    size_t high = name->waiting_count;

    if (high == 0 || name->waiting[high - 1] < id) {
        return high;
    }
    while (low < high) {
        const size_t middle = low + (high - low) / 2;

        if (name->waiting[middle] < id) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static void join(struct pod_name *name, uint64_t id) {
    const size_t at = place_of(name, id);

    if (name->waiting_count == name->waiting_room) {
        name->waiting_room = name->waiting_room > 0 ? 2 * name->waiting_room : 4;
        name->waiting = mem_grow(name->waiting, name->waiting_room, sizeof *name->waiting);
    }
    memmove(&name->waiting[at + 1], &name->waiting[at],
            (name->waiting_count - at) * sizeof *name->waiting);
    name->waiting[at] = id;
    name->waiting_count++;
}

static void leave(struct pod_name *name, uint64_t id) {
    const size_t at = place_of(name, id);

    ENSURE(at < name->waiting_count && name->waiting[at] == id);
    name->waiting_count--;
    memmove(&name->waiting[at], &name->waiting[at + 1],
            (name->waiting_count - at) * sizeof *name->waiting);
}

void pod_names_wait(struct core *core, const struct entry *entry, bool waits) {
    struct pod_name *name = need(core, entry);

    if (waits) {
        join(name, entry->id);
    } else {
        leave(name, entry->id);
        mark(core, name);
    }
}

/* --- Settling -------------------------------------------------------------------------------- */

/* A pod of ours that has ended makes room; not before we know whose it is. */
static void clear_away(struct core *core, const struct pod_name *name) {
    struct pod_note *note = map_get(&core->pods, name->key);
    const size_t namespace_bytes = strcspn(name->key, "/");
    char *namespace;

    if (!core->adopted || note == NULL || !note->is_main || !note->finished || note->leaves ||
        name->waiting_count == 0) {
        return;
    }
    note->leaves = true; /* Once: until it is gone, for a finalizer may keep it for long. */
    namespace = mem_copy_text_n(name->key, namespace_bytes);
    pods_clean_up(core, namespace, name->key + namespace_bytes + 1, note->uid, note->job_id);
    free(namespace);
}

/* A pod came between the offer and its admission: whoever is offered waits for that one, too. */
static void withdraw(struct core *core, const struct pod_name *name) {
    struct entry *entry = view_entry(core, name->taker);

    ENSURE(entry != NULL);
    if (entry->is_listed && map_get(&core->pods, name->key) != NULL) {
        view_unlist(core, entry);
        view_park(core, entry, PARKED_NAME);
    }
}

static void settle_one(struct core *core, struct pod_name *name) {
    if (name->taken > 0) {
        withdraw(core, name);
    }
    clear_away(core, name);
    while (name->waiting_count > 0 && is_free(core, name)) {
        struct entry *entry = view_entry(core, name->waiting[0]);

        ENSURE(entry != NULL);
        view_park(core, entry, PARKED_NOT);
        lifecycle_tick(core, entry);
    }
}

static void drop_if_unused(struct core *core, struct pod_name *name) {
    if (name->taken == 0 && name->waiting_count == 0 && !name->is_marked) {
        (void)map_remove(&core->pod_names.by_key, name->key);
        destroy(name);
    }
}

void pod_names_settle(struct core *core) {
    struct pod_names *names = &core->pod_names;

    while (names->marked_count > 0) {
        struct pod_name *name = names->marked[--names->marked_count];

        settle_one(core, name);
        name->is_marked = false;
        drop_if_unused(core, name);
    }
}

struct reason pod_names_reason(const struct core *core, const struct entry *entry) {
    const struct pod_name *name = find(core, entry);
    enum reason_holder holder = HOLDER_JOB;
    uint64_t job_id = name->taker;

    if (name->taken == 0) {
        holder = obstacle_of(core, name->key, &job_id);
    }
    if (holder == HOLDER_NEXT && name->waiting_count > 0 && name->waiting[0] != entry->id) {
        holder = HOLDER_JOB;
        job_id = name->waiting[0];
    }
    return reason_pod_name(holder, job_id, name->key);
}

/* --- Verifying ------------------------------------------------------------------------------- */

static int verify_one(const struct core *core, const struct pod_name *name, struct error *error) {
    const struct entry *taker = view_entry(core, name->taker);

    if (name->taken > 0 &&
        (taker == NULL ||
         name->taken !=
             (uint32_t)(taker->is_listed + job_state_is_active((enum job_state)taker->state)))) {
        return error_set(error, ERR_CORRUPT, "pod name %s: taken by job %" PRIu64 ", which is not",
                         name->key, name->taker);
    }
    for (size_t i = 0; i < name->waiting_count; i++) {
        const struct entry *entry = view_entry(core, name->waiting[i]);

        if (entry == NULL || entry->parked != PARKED_NAME || find(core, entry) != name) {
            return error_set(error, ERR_CORRUPT,
                             "pod name %s: job %" PRIu64 " does not wait for it", name->key,
                             name->waiting[i]);
        }
    }
    if (name->waiting_count > 0 && !name->is_marked && is_free(core, name)) {
        return error_set(error, ERR_CORRUPT, "pod name %s is free, and waited for", name->key);
    }
    return OK;
}

int pod_names_verify(const struct core *core, struct error *error) {
    const struct map_entry *item;
    int r = OK;

    for (size_t at = 0; r == OK && (item = map_next(&core->pod_names.by_key, &at)) != NULL;) {
        r = verify_one(core, item->value, error);
    }
    return r;
}
