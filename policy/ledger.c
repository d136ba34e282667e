#include "policy/ledger.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/ensure.h"
#include "base/memory.h"
#include "policy/ledger_inside.h"
#include "policy/room.h"

struct ledger *ledger_create(void) {
    struct ledger *ledger = mem_alloc(1, sizeof *ledger);

    ledger->room = room_create(ledger);
    ledger->due_us = CLOCK_NEVER_US;
    return ledger;
}

struct room *ledger_room(const struct ledger *ledger) {
    return ledger->room;
}

static void free_values(struct map *map) {
    struct map_entry *entry;
    size_t at = 0;

    while ((entry = map_next(map, &at)) != NULL) {
        free(entry->value);
    }
    map_finish(map);
}

static void namespace_destroy(struct ledger_namespace *namespace) {
    for (size_t i = 0; i < namespace->quota_count; i++) {
        quota_finish(namespace->quotas[i]);
        free(namespace->quotas[i]);
    }
    quota_floor_finish(&namespace->floor);
    usage_finish(&namespace->own);
    usage_finish(&namespace->reserved);
    free(namespace->quotas);
    free(namespace->name);
    free(namespace);
}

void ledger_destroy(struct ledger *ledger) {
    if (ledger == NULL) {
        return;
    }
    ledger_finish_pods(ledger);
    for (size_t i = 0; i < ledger->namespace_count; i++) {
        namespace_destroy(ledger->namespaces[i]);
    }
    for (size_t i = 0; i < ledger->node_count; i++) {
        ledger_node_destroy(ledger->nodes[i]);
    }
    for (size_t i = 0; i < ledger->reservation_count; i++) {
        ledger_reservation_destroy(ledger->reservations[i]);
    }
    free_values(&ledger->namespaces_by_name);
    map_finish(&ledger->pods);
    map_finish(&ledger->terminating);
    map_finish(&ledger->antis);
    map_finish(&ledger->nodes_by_name);
    map_finish(&ledger->unbound);
    map_finish(&ledger->jobs);
    map_finish(&ledger->leaving);
    free(ledger->namespaces);
    free(ledger->versions);
    free(ledger->nodes);
    free(ledger->reservations);
    room_destroy(ledger->room);
    free(ledger);
}

/* Namespaces. */

size_t ledger_namespace_index(struct ledger *ledger, const char *name) {
    size_t *index = map_get(&ledger->namespaces_by_name, name);
    struct ledger_namespace *namespace;

    if (index != NULL) {
        return *index;
    }
    namespace = mem_alloc(1, sizeof *namespace);
    namespace->name = mem_copy_text(name);
    ledger->namespaces = mem_grow(ledger->namespaces, ledger->namespace_count + 1,
                                  sizeof(struct ledger_namespace *));
    ledger->versions =
        mem_grow(ledger->versions, ledger->namespace_count + 1, sizeof *ledger->versions);
    ledger->namespaces[ledger->namespace_count] = namespace;
    ledger->versions[ledger->namespace_count] = 1;
    index = mem_alloc(1, sizeof *index);
    *index = ledger->namespace_count++;
    (void)map_put(&ledger->namespaces_by_name, name, index);
    return *index;
}

/* Whose books are about to change. */
struct ledger_namespace *ledger_change_namespace(struct ledger *ledger, size_t index) {
    ledger->versions[index]++;
    return ledger->namespaces[index];
}

uint64_t ledger_namespace_version(const struct ledger *ledger, size_t index) {
    ENSURE(index < ledger->namespace_count);
    return ledger->versions[index];
}

void ledger_note_job(struct ledger *ledger, uint64_t job_id) {
    ledger->changed_jobs[ledger->job_changes++ % LEDGER_JOBS_NOTED] = job_id;
}

uint64_t ledger_job_changes(const struct ledger *ledger) {
    return ledger->job_changes;
}

uint64_t ledger_changed_job(const struct ledger *ledger, uint64_t n) {
    ENSURE(n < ledger->job_changes && ledger->job_changes - n <= LEDGER_JOBS_NOTED);
    return ledger->changed_jobs[n % LEDGER_JOBS_NOTED];
}

size_t ledger_namespace_count(const struct ledger *ledger) {
    return ledger->namespace_count;
}

const struct ledger_namespace *ledger_namespace(const struct ledger *ledger, size_t index) {
    ENSURE(index < ledger->namespace_count);
    return ledger->namespaces[index];
}

void ledger_note_version(struct ledger *ledger, uint64_t version) {
    ledger->version = version > ledger->version ? version : ledger->version;
}

void ledger_note_due(struct ledger *ledger, int64_t due_us) {
    ledger->due_us = due_us < ledger->due_us ? due_us : ledger->due_us;
}

/* Time. */

static bool end_overdue_pods(struct ledger *ledger) {
    struct map_entry *entry;
    bool any = false;

    for (size_t at = 0; (entry = map_next(&ledger->terminating, &at)) != NULL;) {
        struct kept_pod *pod = entry->value;

        if (pod->overdue) {
            continue;
        }
        if (pod->overdue_us >= ledger->now_us) {
            ledger_note_due(ledger, pod->overdue_us + 1);
            continue;
        }
        ledger_charge_pod(ledger, pod, -1);
        pod->overdue = true;
        ledger_charge_pod(ledger, pod, 1);
        any = true;
    }
    return any;
}

bool ledger_advance(struct ledger *ledger, int64_t now_us) {
    bool changed;

    ledger->now_us = now_us;
    if (now_us < ledger->due_us) {
        return false;
    }
    ledger->due_us = CLOCK_NEVER_US;
    changed = end_overdue_pods(ledger);
    for (size_t i = 0; i < ledger->namespace_count; i++) {
        struct ledger_namespace *namespace = ledger->namespaces[i];
        const struct quota_clock clock = {now_us, &namespace->own};
        bool more_room = false;

        ledger_note_due(ledger, quota_floor_advance(&namespace->floor, namespace->quotas,
                                                    namespace->quota_count, &clock, &more_room));
        if (more_room) {
            (void)ledger_change_namespace(ledger, i);
            changed = true;
        }
    }
    return changed;
}

int64_t ledger_due_us(const struct ledger *ledger) {
    return ledger->due_us;
}
