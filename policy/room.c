#include "policy/room.h"

#include <stdlib.h>

#include "base/ensure.h"
#include "base/memory.h"
#include "policy/ledger.h"
#include "policy/room_inside.h"

struct room *room_create(struct ledger *ledger) {
    struct room *room = mem_alloc(1, sizeof *room);

    room->ledger = ledger;
    room->stale = true;
    room->empty.index.some_day = true;
    room->place.load_company = room_load_company;
    room->place.company_context = room;
    return room;
}

static void map_destroy(struct map *map) {
    struct map_entry *entry;

    for (size_t at = 0; (entry = map_next(map, &at)) != NULL;) {
        room_expected_clear(entry->value);
        free(entry->value);
    }
    map_finish(map);
}

void room_destroy(struct room *room) {
    if (room == NULL) {
        return;
    }
    map_destroy(&room->jobs);
    map_destroy(&room->unbound);
    place_finish(&room->place);
    place_finish(&room->empty);
    room_drop_nodes(room);
    free(room->antis);
    free(room->residents);
    free(room->touched);
    free(room);
}

void room_touch(struct room *room, struct expected *expected) {
    if (expected->touched) {
        return;
    }
    if (room->touched_count == room->touched_room) {
        room->touched_room = room->touched_room > 0 ? room->touched_room * 2 : 16;
        room->touched = mem_grow(room->touched, room->touched_room, sizeof(struct expected *));
    }
    expected->touched = true;
    room->touched[room->touched_count++] = expected;
}

static void touch_id(struct room *room, struct map *map, uint64_t id) {
    struct expected *expected = map_get_id(map, id);

    if (expected == NULL) {
        expected = mem_alloc(1, sizeof *expected);
        expected->id = id;
        expected->unbound = map == &room->unbound;
        (void)map_put_id(map, id, expected);
    }
    room_touch(room, expected);
}

void room_touch_job(struct room *room, uint64_t job_id) {
    touch_id(room, &room->jobs, job_id);
}

void room_touch_unbound(struct room *room, uint64_t order) {
    touch_id(room, &room->unbound, order);
}

/* True if a node is now fuller than it can be. */
static bool update_node(struct room *room, const struct ledger_node *record) {
    struct resources free = ledger_node_free(record);
    const struct resources none = {{0}};

    resources_subtract(&free, &room->load[record->room_at]);
    node_index_set_free(&room->place.index, record->room_at, &free);
    for (size_t i = 0; i < RESOURCE_KIND_MAX; i++) {
        if (free.amount[i] < 0 && !resources_equal(&room->load[record->room_at], &none)) {
            return true;
        }
    }
    return false;
}

static void update_nodes(struct room *room) {
    bool crowded = false;

    for (size_t i = 0; i < room->touched_node_count; i++) {
        struct ledger_node *record = room->touched_nodes[i];

        record->room_touched = false;
        crowded = (record->room_at != ROOM_NOWHERE && update_node(room, record)) || crowded;
    }
    room->touched_node_count = 0;
    if (crowded || room->short_count > 0) {
        room_touch_misplaced(room, crowded);
    }
}

uint64_t room_version(const struct room *room) {
    return room->version;
}

void room_refresh(struct room *room) {
    place_rewind(&room->place);
    room_settle_nodes(room);
    if (room->touched_count > 0 || room->touched_node_count > 0 || room->is_settled) {
        room->is_settled = false;
        room->version++;
        update_nodes(room);
        room_settle_touched(room);
        room_find_antis(room);
    }
    place_mark(&room->place);
    if (room->short_count > 0) {
        room_hold_for_short(room);
    }
}

struct place *room_place(struct room *room) {
    return &room->place;
}

struct place *room_empty(struct room *room) {
    room_settle_nodes(room);
    return &room->empty;
}

void room_verify(struct room *room) {
    size_t nodes = 0;

    room_refresh(room);
    place_rewind(&room->place);
    room_verify_expected(room);
    for (size_t i = 0; i < ledger_node_count(room->ledger); i++) {
        const struct ledger_node *record = ledger_node(room->ledger, i);
        struct resources free = ledger_node_free(record);

        if (record->node != NULL) {
            resources_subtract(&free, &room->load[record->room_at]);
            ENSURE(resources_equal(&free, &room->place.index.nodes[record->room_at].free));
            ENSURE(room->place.index.nodes[record->room_at].node == record->node);
            ENSURE(room->empty.index.nodes[record->room_at].node == record->node);
            nodes++;
        }
    }
    for (size_t i = 0; i < room->pool_count; i++) {
        nodes += room->pools[i].count;
    }
    ENSURE(nodes == room->place.index.node_count && nodes == room->empty.index.node_count);
    node_index_verify(&room->place.index);
    node_index_verify(&room->empty.index);
    place_mark(&room->place);
}
