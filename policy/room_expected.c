/* Pods to come: where they are counted. */
#include "policy/room_inside.h"

#include <stdlib.h>

#include "base/ensure.h"
#include "base/memory.h"
#include "policy/ledger_inside.h"

void room_expected_clear(struct expected *expected) {
    for (size_t i = 0; i < expected->coming_count; i++) {
        free(expected->comings[i].runs);
    }
    free(expected->comings);
    free(expected->requests);
    expected->comings = NULL;
    expected->requests = NULL;
    expected->coming_count = 0;
}

/* Take its pods off the nodes; nothing to do where it was cleared. */
void room_take_back(struct room *room, struct expected *expected) {
    for (size_t i = 0; i < expected->coming_count; i++) {
        const struct coming *coming = &expected->comings[i];

        for (size_t j = 0; j < coming->run_count; j++) {
            const struct place_run *run = &coming->runs[j];

            resources_add_times(&room->load[run->node], &expected->requests[i],
                                -(int64_t)run->count);
            node_index_take(&room->place.index, run->node, &expected->requests[i],
                            -(int64_t)run->count);
        }
        room->short_count -= coming->placed < coming->wanted;
        room->expected_antis -= coming->is_anti;
    }
    room_expected_clear(expected);
}

static void expect(struct expected *expected, const struct pod_demand *pod,
                   const struct resources *requests, uint32_t count) {
    struct coming *coming;

    if (count == 0) {
        return;
    }
    expected->comings =
        mem_grow(expected->comings, expected->coming_count + 1, sizeof *expected->comings);
    expected->requests =
        mem_grow(expected->requests, expected->coming_count + 1, sizeof *expected->requests);
    expected->requests[expected->coming_count] = *requests;
    coming = &expected->comings[expected->coming_count++];
    *coming = (struct coming){.pod = pod, .requests = requests, .wanted = count};
}

/* What the books say of it now. */
static void read_books(struct room *room, struct expected *expected) {
    const struct ledger_reservation *reservation;
    const struct ledger_unbound *unbound;

    if (expected->unbound) {
        unbound = ledger_find_unbound(room->ledger, expected->id);
        expected->job_id = unbound != NULL ? unbound->job_id : 0;
        if (unbound != NULL) {
            expect(expected, &unbound->pod, &unbound->requests, 1);
        }
        return;
    }
    expected->job_id = expected->id;
    reservation = ledger_find_reservation(room->ledger, expected->id);
    for (size_t i = 0; reservation != NULL && i < reservation->demand->group_count; i++) {
        const struct pod_group *group = &reservation->demand->groups[i];

        expect(expected, &group->pod, &group->requests,
               ledger_outstanding(room->ledger, reservation, i));
    }
}

static void put_on_nodes(struct room *room, struct coming *coming) {
    coming->placed = place_pods(&room->place, coming->pod, coming->requests, coming->wanted);
    coming->run_count = room->place.run_count;
    if (coming->run_count > 0) {
        coming->runs = mem_copy(room->place.runs, coming->run_count * sizeof *room->place.runs);
    }
    for (size_t i = 0; i < coming->run_count; i++) {
        resources_add_times(&room->load[coming->runs[i].node], coming->requests,
                            coming->runs[i].count);
    }
    room->short_count += coming->placed < coming->wanted;
    coming->is_anti = pod_demand_keeps_apart(coming->pod);
    room->expected_antis += coming->is_anti;
}

static int compare_expected(const void *a, const void *b) {
    const struct expected *x = *(struct expected *const *)a;
    const struct expected *y = *(struct expected *const *)b;

    if (x->unbound != y->unbound) {
        return x->unbound ? -1 : 1;
    }
    return (x->id > y->id) - (x->id < y->id);
}

/* Where its pods are expected may change, and what was said of that is borrowed from here. */
static void note_job(struct room *room, const struct expected *expected) {
    if (expected->job_id != 0) {
        ledger_note_job(room->ledger, expected->job_id);
    }
}

/* Everything touched leaves the nodes before any of it is placed again, visible pods first. */
void room_settle_touched(struct room *room) {
    for (size_t i = 0; i < room->touched_count; i++) {
        note_job(room, room->touched[i]);
        room_take_back(room, room->touched[i]);
        read_books(room, room->touched[i]);
        note_job(room, room->touched[i]);
    }
    room_find_antis(room); /* Only now: what was taken back may be of reservations that are gone. */
    if (room->touched_count > 1) { /* qsort() wants a list, even for nothing. */
        qsort(room->touched, room->touched_count, sizeof(struct expected *), compare_expected);
    }
    for (size_t i = 0; i < room->touched_count; i++) {
        struct expected *expected = room->touched[i];

        expected->touched = false;
        for (size_t j = 0; j < expected->coming_count; j++) {
            put_on_nodes(room, &expected->comings[j]);
        }
        if (expected->coming_count == 0) {
            (void)map_remove_id(expected->unbound ? &room->unbound : &room->jobs, expected->id);
            free(expected);
        }
    }
    room->touched_count = 0;
}

static bool is_short(const struct expected *expected) {
    for (size_t i = 0; i < expected->coming_count; i++) {
        if (expected->comings[i].placed < expected->comings[i].wanted) {
            return true;
        }
    }
    return false;
}

/* Real pods went where these were expected. By the copies: what is touched may be gone from the
 * ledger. */
static bool is_crowded_out(const struct room *room, const struct expected *expected) {
    for (size_t i = 0; i < expected->coming_count; i++) {
        const struct coming *coming = &expected->comings[i];

        for (size_t j = 0; j < coming->run_count; j++) {
            const struct resources *free = &room->place.index.nodes[coming->runs[j].node].free;

            for (size_t kind = 0; kind < RESOURCE_KIND_MAX; kind++) {
                if (expected->requests[i].amount[kind] > 0 && free->amount[kind] < 0) {
                    return true;
                }
            }
        }
    }
    return false;
}

static void each_run(const struct expected *expected, room_run_fn *visit, void *context) {
    for (size_t i = 0; expected != NULL && i < expected->coming_count; i++) {
        const struct coming *coming = &expected->comings[i];

        for (size_t j = 0; j < coming->run_count; j++) {
            visit(context, coming->runs[j].node, coming->runs[j].count, &expected->requests[i]);
        }
    }
}

void room_each_run(const struct room *room, uint64_t job_id, room_run_fn *visit, void *context) {
    each_run(map_get_id(&room->jobs, job_id), visit, context);
}

void room_each_unbound_run(const struct room *room, uint64_t order, room_run_fn *visit,
                           void *context) {
    each_run(map_get_id(&room->unbound, order), visit, context);
}

static void touch_misplaced(struct room *room, struct map *map, bool crowded) {
    struct map_entry *entry;

    for (size_t at = 0; (entry = map_next(map, &at)) != NULL;) {
        if (is_short(entry->value) || (crowded && is_crowded_out(room, entry->value))) {
            room_touch(room, entry->value);
        }
    }
}

void room_touch_misplaced(struct room *room, bool crowded) {
    touch_misplaced(room, &room->unbound, crowded);
    touch_misplaced(room, &room->jobs, crowded);
}

/* --- Company --------------------------------------------------------------------------------- */

static void push_resident(struct place_resident **list, size_t *count, size_t *space,
                          const struct place_resident *resident) {
    if (*count == *space) {
        *space = *space > 0 ? *space * 2 : 16;
        *list = mem_grow(*list, *space, sizeof **list);
    }
    (*list)[(*count)++] = *resident;
}

/* Pods that are counted on nodes where they are expected; antis: those with anti-affinity. */
static void push_expected(const struct map *map, bool antis, struct place_resident **list,
                          size_t *count, size_t *space) {
    const struct map_entry *entry;

    for (size_t at = 0; (entry = map_next(map, &at)) != NULL;) {
        const struct expected *expected = entry->value;

        for (size_t i = 0; i < expected->coming_count; i++) {
            const struct coming *coming = &expected->comings[i];

            for (size_t j = 0; (!antis || coming->is_anti) && j < coming->run_count; j++) {
                push_resident(list, count, space,
                              &(struct place_resident){.node = coming->runs[j].node,
                                                       .count = coming->runs[j].count,
                                                       .pod = coming->pod});
            }
        }
    }
}

static size_t push_all(struct room *room, bool antis, struct place_resident **list, size_t *space) {
    const struct ledger_node *node;
    const struct pod_demand *company;
    size_t count = 0;

    for (size_t at = 0; ledger_next_company(room->ledger, antis, &at, &node, &company);) {
        if (node->room_at != ROOM_NOWHERE) {
            push_resident(
                list, &count, space,
                &(struct place_resident){.node = node->room_at, .count = 1, .pod = company});
        }
    }
    if (!antis || room->expected_antis > 0) {
        push_expected(&room->unbound, antis, list, &count, space);
        push_expected(&room->jobs, antis, list, &count, space);
    }
    return count;
}

void room_find_antis(struct room *room) {
    room->place.anti_count = push_all(room, true, &room->antis, &room->antis_room);
    room->place.antis = room->antis;
}

void room_load_company(void *context, struct place *place) {
    struct room *room = context;

    place->resident_count = push_all(room, false, &room->residents, &room->residents_room);
    place->residents = room->residents;
}

static void hold_for_short(struct room *room, struct map *map) {
    struct map_entry *entry;

    for (size_t at = 0; (entry = map_next(map, &at)) != NULL;) {
        const struct expected *expected = entry->value;

        for (size_t i = 0; expected->job_id != 0 && i < expected->coming_count; i++) {
            const struct coming *coming = &expected->comings[i];

            if (coming->placed < coming->wanted &&
                place_pod_possible(room_empty(room), coming->pod, coming->requests)) {
                place_hold_for_pod(&room->place, coming->pod, expected->job_id);
            }
        }
    }
}

void room_hold_for_short(struct room *room) {
    hold_for_short(room, &room->unbound);
    hold_for_short(room, &room->jobs);
}

/* --- Checks ---------------------------------------------------------------------------------- */

static void add_loads(const struct map *map, struct resources *loads, size_t *shorts) {
    const struct map_entry *entry;

    for (size_t at = 0; (entry = map_next(map, &at)) != NULL;) {
        const struct expected *expected = entry->value;

        for (size_t i = 0; i < expected->coming_count; i++) {
            const struct coming *coming = &expected->comings[i];
            uint32_t placed = 0;

            for (size_t j = 0; j < coming->run_count; j++) {
                resources_add_times(&loads[coming->runs[j].node], &expected->requests[i],
                                    coming->runs[j].count);
                placed += coming->runs[j].count;
            }
            ENSURE(placed == coming->placed);
            *shorts += coming->placed < coming->wanted;
        }
    }
}

void room_verify_expected(const struct room *room) {
    const size_t count = room->place.index.node_end;
    struct resources *loads = mem_alloc(count, sizeof *loads);
    size_t shorts = 0;

    add_loads(&room->unbound, loads, &shorts);
    add_loads(&room->jobs, loads, &shorts);
    ENSURE(shorts == room->short_count);
    for (size_t i = 0; i < count; i++) {
        ENSURE(resources_equal(&loads[i], &room->load[i]));
    }
    free(loads);
}
