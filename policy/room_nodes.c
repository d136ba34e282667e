/* The nodes of the ledger, and those that pools may grow. */
#include "policy/room_inside.h"

#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "base/memory.h"
#include "policy/ledger.h"

#define CHANGES_LEAST 64 /* and more than half of the nodes: all are made anew */

/* --- Pools ----------------------------------------------------------------------------------- */

static bool is_member(const struct node_pool *pool, const struct node *node) {
    for (size_t i = 0; i < pool->node.label_count; i++) {
        const char *value = node_label(node, pool->node.labels[i].key);

        if (value == NULL || strcmp(value, pool->node.labels[i].value) != 0) {
            return false;
        }
    }
    return pool->node.label_count > 0;
}

static void count_member(struct room *room, const struct node *node, bool comes) {
    for (size_t i = 0; node != NULL && i < room->pool_count; i++) {
        if (is_member(&room->pools[i].about, node)) {
            room->pools[i].members += comes ? 1 : UINT32_MAX;
        }
    }
}

static uint32_t growths_wanted(const struct grown_pool *pool) {
    return pool->about.node_max > pool->members ? pool->about.node_max - pool->members : 0;
}

static void drop_pools(struct room *room) {
    for (size_t i = 0; i < room->pool_count; i++) {
        node_finish(&room->pools[i].about.node);
        node_finish(&room->pools[i].growth);
        free(room->pools[i].numbers);
    }
    room->pool_count = 0;
}

void room_set_pools(struct room *room, const struct node_pool *pools, size_t count) {
    drop_pools(room);
    room->pools = mem_grow(room->pools, count + 1, sizeof *room->pools);
    for (size_t i = 0; i < count; i++) {
        struct grown_pool *pool = &room->pools[i];

        *pool = (struct grown_pool){.about = {.node_max = pools[i].node_max}};
        node_copy(&pools[i].node, &pool->about.node);
        node_copy(&pools[i].node, &pool->growth);
        pool->growth.pool = mem_copy_text(pools[i].node.name);
        pool->growth.ready = true;
    }
    room->pool_count = count;
    room_touch_nodes(room);
}

/* --- What was changed ------------------------------------------------------------------------ */

static void drop_gone(struct room *room) {
    for (size_t i = 0; i < room->gone_count; i++) {
        node_finish(room->gone[i]);
        free(room->gone[i]);
    }
    room->gone_count = 0;
}

void room_drop_nodes(struct room *room) {
    drop_gone(room);
    drop_pools(room);
    free(room->gone);
    free(room->pools);
    free(room->dropped);
    free(room->touched_nodes);
    free(room->load);
}

void room_touch_nodes(struct room *room) {
    room->stale = true;
    for (size_t i = 0; i < room->touched_node_count; i++) {
        room->touched_nodes[i]->room_touched = false;
    }
    room->touched_node_count = room->dropped_count = 0;
}

static void touch_node(struct room *room, struct ledger_node *record) {
    if (room->stale || record->room_touched) {
        return;
    }
    if (room->touched_node_count == room->touched_node_room) {
        room->touched_node_room = room->touched_node_room > 0 ? room->touched_node_room * 2 : 16;
        room->touched_nodes =
            mem_grow(room->touched_nodes, room->touched_node_room, sizeof(struct ledger_node *));
    }
    record->room_touched = true;
    room->touched_nodes[room->touched_node_count++] = record;
}

void room_touch_node(struct room *room, struct ledger_node *record) {
    if (record->room_at != ROOM_NOWHERE) {
        touch_node(room, record);
    }
}

/* Both places look at it until they are settled. */
static void keep_gone(struct room *room, struct node *take_node) {
    if (take_node == NULL) {
        return;
    }
    if (room->gone_count == room->gone_room) {
        room->gone_room = room->gone_room > 0 ? room->gone_room * 2 : 16;
        room->gone = mem_grow(room->gone, room->gone_room, sizeof(struct node *));
    }
    room->gone[room->gone_count++] = take_node;
}

static void drop_number(struct room *room, uint32_t number) {
    if (room->dropped_count == room->dropped_room) {
        room->dropped_room = room->dropped_room > 0 ? room->dropped_room * 2 : 16;
        room->dropped = mem_grow(room->dropped, room->dropped_room, sizeof *room->dropped);
    }
    room->dropped[room->dropped_count++] = number;
}

void room_change_node(struct room *room, struct ledger_node *record, struct node *take_node) {
    if (!room->stale) {
        count_member(room, record->node, false);
        count_member(room, take_node, true);
        if (record->room_at != ROOM_NOWHERE) {
            drop_number(room, record->room_at);
        }
        room->nodes_changed = true;
        touch_node(room, record);
    }
    record->room_at = ROOM_NOWHERE;
    keep_gone(room, record->node);
    record->node = take_node;
    if (room->dropped_count + room->touched_node_count >
        CHANGES_LEAST + room->empty.index.node_count / 2) {
        room_touch_nodes(room);
    }
}

void room_forget_node(struct room *room, struct ledger_node *record) {
    size_t at = 0;

    if (!record->room_touched) {
        return;
    }
    while (room->touched_nodes[at] != record) {
        at++;
    }
    room->touched_nodes[at] = room->touched_nodes[--room->touched_node_count];
}

/* --- Both places ----------------------------------------------------------------------------- */

static uint32_t add_node(struct room *room, const struct node *node, const struct resources *free) {
    const uint32_t number = place_add_node(&room->place, node, free);
    const uint32_t again = place_add_node(&room->empty, node, &node->allocatable);

    ENSURE(number == again);
    if (number >= room->load_room) {
        const size_t space = 2 * (size_t)number + 16;

        room->load = mem_grow(room->load, space, sizeof *room->load);
        memset(&room->load[room->load_room], 0, (space - room->load_room) * sizeof *room->load);
        room->load_room = space;
    }
    return number;
}

static void add_record(struct room *room, struct ledger_node *record) {
    const struct resources free = ledger_node_free(record);

    if (record->node != NULL && record->room_at == ROOM_NOWHERE) {
        record->room_at = add_node(room, record->node, &free);
    }
}

static void add_growths(struct room *room, struct grown_pool *pool) {
    const uint32_t wanted = growths_wanted(pool);

    if (pool->count < wanted) {
        pool->numbers = mem_grow(pool->numbers, wanted, sizeof *pool->numbers);
    }
    while (pool->count < wanted) {
        pool->numbers[pool->count++] = add_node(room, &pool->growth, &pool->growth.allocatable);
    }
}

static void forget_placements(struct room *room, struct map *map) {
    struct map_entry *entry;

    for (size_t at = 0; (entry = map_next(map, &at)) != NULL;) {
        room_expected_clear(entry->value);
        room_touch(room, entry->value);
    }
}

static void make_anew(struct room *room) {
    place_clear(&room->place);
    place_clear(&room->empty);
    if (room->load_room > 0) {
        memset(room->load, 0, room->load_room * sizeof *room->load);
    }
    room->short_count = room->expected_antis = 0;
    forget_placements(room, &room->unbound);
    forget_placements(room, &room->jobs);
    for (size_t i = 0; i < room->pool_count; i++) {
        room->pools[i].members = room->pools[i].count = 0;
    }
    for (size_t i = 0; i < ledger_node_count(room->ledger); i++) {
        struct ledger_node *record = ledger_room_node(room->ledger, i);

        record->room_at = ROOM_NOWHERE;
        add_record(room, record);
        count_member(room, record->node, true);
    }
    for (size_t i = 0; i < room->pool_count; i++) {
        add_growths(room, &room->pools[i]);
    }
    room->stale = false;
}

/* --- Some nodes ------------------------------------------------------------------------------ */

static bool is_on_any(const struct expected *expected, const bool *nodes) {
    for (size_t i = 0; i < expected->coming_count; i++) {
        for (size_t j = 0; j < expected->comings[i].run_count; j++) {
            if (nodes[expected->comings[i].runs[j].node]) {
                return true;
            }
        }
    }
    return false;
}

static void move_expected(struct room *room, const struct map *map, const bool *nodes) {
    struct map_entry *entry;

    for (size_t at = 0; (entry = map_next(map, &at)) != NULL;) {
        if (is_on_any(entry->value, nodes)) {
            room_take_back(room, entry->value);
            room_touch(room, entry->value);
        }
    }
}

static bool some_come(const struct room *room) {
    for (size_t i = 0; i < room->touched_node_count; i++) {
        const struct ledger_node *record = room->touched_nodes[i];

        if (record->node != NULL && record->room_at == ROOM_NOWHERE) {
            return true;
        }
    }
    return false;
}

/* True if something is expected on one of them. */
static bool mark(const struct room *room, const uint32_t *numbers, size_t count, bool *nodes) {
    const struct resources none = {{0}};
    bool any = false;

    for (size_t i = 0; i < count; i++) {
        nodes[numbers[i]] = true;
        any = any || !resources_equal(&room->load[numbers[i]], &none);
    }
    return any;
}

/* What is expected on nodes that go has to go elsewhere; and if some come, what is expected on
 * nodes that may come is perhaps expected on those. */
static void move_away(struct room *room) {
    bool *nodes = mem_alloc(room->place.index.node_end, sizeof *nodes);
    bool any = mark(room, room->dropped, room->dropped_count, nodes);

    for (size_t i = 0; i < room->pool_count && some_come(room); i++) {
        any = mark(room, room->pools[i].numbers, room->pools[i].count, nodes) || any;
    }
    if (any) {
        move_expected(room, &room->unbound, nodes);
        move_expected(room, &room->jobs, nodes);
    }
    free(nodes);
}

static void change_some(struct room *room) {
    for (size_t i = 0; i < room->pool_count; i++) {
        struct grown_pool *pool = &room->pools[i];

        while (pool->count > growths_wanted(pool)) {
            drop_number(room, pool->numbers[--pool->count]);
        }
    }
    move_away(room);
    for (size_t i = 0; i < room->dropped_count; i++) {
        place_remove_node(&room->place, room->dropped[i]);
        place_remove_node(&room->empty, room->dropped[i]);
    }
    room->dropped_count = 0;
    for (size_t i = 0; i < room->touched_node_count; i++) {
        add_record(room, room->touched_nodes[i]);
    }
    for (size_t i = 0; i < room->pool_count; i++) {
        add_growths(room, &room->pools[i]);
    }
}

void room_settle_nodes(struct room *room) {
    if (!room->stale && !room->nodes_changed) {
        return;
    }
    place_rewind(&room->place);
    if (room->stale) {
        make_anew(room);
    } else {
        change_some(room);
    }
    room->nodes_changed = false;
    room->is_settled = true;
    room->version++;
    drop_gone(room);
}

bool room_pool(struct room *room, const char *name, struct room_pool *out_pool) {
    room_settle_nodes(room);
    for (size_t i = 0; i < room->pool_count; i++) {
        const struct grown_pool *pool = &room->pools[i];

        if (strcmp(pool->about.node.name, name) == 0) {
            *out_pool =
                (struct room_pool){.node_max = pool->about.node_max, .members = pool->members};
            for (uint32_t j = 0; j < pool->count; j++) {
                out_pool->expected += room->load[pool->numbers[j]].amount[RESOURCE_PODS] > 0;
            }
            return true;
        }
    }
    return false;
}
