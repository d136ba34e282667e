#include "policy/room.h"

#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "base/map.h"
#include "base/memory.h"
#include "policy/ledger.h"

/* Pods to come of one kind: a reservation's group, or one unbound pod. */
struct coming {
    const struct pod_demand *pod; /* the ledger's, until it says otherwise */
    const struct resources *requests;
    uint32_t wanted;
    uint32_t placed;
    bool is_anti;           /* its pods have anti-affinity */
    struct place_run *runs; /* the nodes they are counted on */
    size_t run_count;
};

/* All that comes for one job, or one unbound pod. */
struct expected {
    uint64_t id;     /* job id, or order of arrival */
    uint64_t job_id; /* 0: foreign */
    bool unbound;
    bool touched;
    struct resources *requests; /* copies, by coming: what was taken has to be given back */
    struct coming *comings;
    size_t coming_count;
};

struct room {
    const struct ledger *ledger;
    struct place place;
    struct place empty;
    struct node_pool *pools;
    size_t pool_count;
    struct node *growths; /* nodes that pools may grow to, behind the ledger's in both places */
    size_t growth_count;
    struct resources *load; /* by node: what is expected there */
    struct map jobs;        /* id -> struct expected */
    struct map unbound;
    struct expected **touched;
    size_t touched_count;
    size_t touched_room;
    struct ledger_node **touched_nodes;
    size_t touched_node_count;
    size_t touched_node_room;
    size_t short_count;               /* of expected with pods that found no room */
    uint64_t version;                 /* of what is free */
    struct place_resident *antis;     /* place->antis, and */
    struct place_resident *residents; /* place->residents */
    size_t expected_antis;            /* comings with anti-affinity */
    size_t antis_room;
    size_t residents_room;
    bool stale; /* the nodes themselves changed */
    bool empty_stale;
};

static void load_company(void *context, struct place *place);
static void find_antis(struct room *room);

struct room *room_create(const struct ledger *ledger) {
    struct room *room = mem_alloc(1, sizeof *room);

    room->ledger = ledger;
    room->stale = room->empty_stale = true;
    room->empty.index.some_day = true;
    room->place.load_company = load_company;
    room->place.company_context = room;
    return room;
}

static void expected_clear(struct expected *expected) {
    for (size_t i = 0; i < expected->coming_count; i++) {
        free(expected->comings[i].runs);
    }
    free(expected->comings);
    free(expected->requests);
    expected->comings = NULL;
    expected->requests = NULL;
    expected->coming_count = 0;
}

static void map_destroy(struct map *map) {
    struct map_entry *entry;

    for (size_t at = 0; (entry = map_next(map, &at)) != NULL;) {
        expected_clear(entry->value);
        free(entry->value);
    }
    map_finish(map);
}

static void drop_growths(struct room *room) {
    for (size_t i = 0; i < room->growth_count; i++) {
        node_finish(&room->growths[i]);
    }
    room->growth_count = 0;
}

static void drop_pools(struct room *room) {
    for (size_t i = 0; i < room->pool_count; i++) {
        node_finish(&room->pools[i].node);
    }
    room->pool_count = 0;
}

void room_destroy(struct room *room) {
    if (room == NULL) {
        return;
    }
    map_destroy(&room->jobs);
    map_destroy(&room->unbound);
    place_finish(&room->place);
    place_finish(&room->empty);
    drop_growths(room);
    drop_pools(room);
    free(room->growths);
    free(room->pools);
    free(room->load);
    free(room->antis);
    free(room->residents);
    free(room->touched);
    free(room->touched_nodes);
    free(room);
}

void room_set_pools(struct room *room, const struct node_pool *pools, size_t count) {
    drop_pools(room);
    room->pools = mem_grow(room->pools, count + 1, sizeof *room->pools);
    for (size_t i = 0; i < count; i++) {
        room->pools[i].node_max = pools[i].node_max;
        node_copy(&pools[i].node, &room->pools[i].node);
    }
    room->pool_count = count;
    room_touch_nodes(room);
}

/* --- What was touched ------------------------------------------------------------------------ */

void room_touch_nodes(struct room *room) {
    room->stale = room->empty_stale = true;
    for (size_t i = 0; i < room->touched_node_count; i++) {
        room->touched_nodes[i]->room_touched = false;
    }
    room->touched_node_count = 0; /* They may be gone at the next refresh. */
}

void room_touch_node(struct room *room, struct ledger_node *node) {
    if (room->stale || node->room_touched || node->room_at == ROOM_NOWHERE) {
        return;
    }
    if (room->touched_node_count == room->touched_node_room) {
        room->touched_node_room = room->touched_node_room > 0 ? room->touched_node_room * 2 : 16;
        room->touched_nodes =
            mem_grow(room->touched_nodes, room->touched_node_room, sizeof(struct ledger_node *));
    }
    node->room_touched = true;
    room->touched_nodes[room->touched_node_count++] = node;
}

static void touch(struct room *room, struct expected *expected) {
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
    touch(room, expected);
}

void room_touch_job(struct room *room, uint64_t job_id) {
    touch_id(room, &room->jobs, job_id);
}

void room_touch_unbound(struct room *room, uint64_t order) {
    touch_id(room, &room->unbound, order);
}

/* --- Expected pods --------------------------------------------------------------------------- */

/* Take its pods off the nodes; nothing to do where the nodes were made anew. */
static void take_back(struct room *room, struct expected *expected) {
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
    expected_clear(expected);
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

static bool has_anti(const struct pod_demand *pod) {
    for (size_t i = 0; i < pod->rule_count; i++) {
        if (pod->rules[i].kind == POD_RULE_ANTI_AFFINITY) {
            return true;
        }
    }
    return false;
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
    coming->is_anti = has_anti(coming->pod);
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

/* Everything touched leaves the nodes before any of it is placed again, visible pods first. */
static void settle_touched(struct room *room) {
    for (size_t i = 0; i < room->touched_count; i++) {
        take_back(room, room->touched[i]);
        read_books(room, room->touched[i]);
    }
    find_antis(room); /* Only now: what was taken back may be of reservations that are gone. */
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

/* --- Nodes ----------------------------------------------------------------------------------- */

static bool is_member(const struct node_pool *pool, const struct node *node) {
    for (size_t i = 0; i < pool->node.label_count; i++) {
        const char *value = node_label(node, pool->node.labels[i].key);

        if (value == NULL || strcmp(value, pool->node.labels[i].value) != 0) {
            return false;
        }
    }
    return pool->node.label_count > 0;
}

static uint32_t count_members(const struct room *room, const struct node_pool *pool) {
    uint32_t count = 0;

    for (size_t i = 0; i < ledger_node_count(room->ledger); i++) {
        const struct node *node = ledger_node(room->ledger, i)->node;

        count += node != NULL && is_member(pool, node);
    }
    return count;
}

static void make_growths(struct room *room) {
    drop_growths(room);
    for (size_t i = 0; i < room->pool_count; i++) {
        const struct node_pool *pool = &room->pools[i];
        const uint32_t members = count_members(room, pool);
        const uint32_t more = pool->node_max > members ? pool->node_max - members : 0;

        room->growths =
            mem_grow(room->growths, room->growth_count + more + 1, sizeof *room->growths);
        for (uint32_t j = 0; j < more; j++) {
            struct node *node = &room->growths[room->growth_count++];

            node_copy(&pool->node, node);
            node->pool = mem_copy_text(pool->node.name);
            node->ready = true;
        }
    }
}

static void add_nodes(struct room *room, struct place *place, bool all_free) {
    place_clear(place);
    for (size_t i = 0; i < ledger_node_count(room->ledger); i++) {
        const struct ledger_node *record = ledger_node(room->ledger, i);
        const struct resources free = ledger_node_free(record);

        if (record->node != NULL) {
            place_add_node(place, record->node, all_free ? &record->node->allocatable : &free);
        }
    }
    for (size_t i = 0; i < room->growth_count; i++) {
        place_add_node(place, &room->growths[i], &room->growths[i].allocatable);
    }
}

/* The empty nodes borrow the same records as the others: both are made anew together. */
static void load_empty(struct room *room) {
    if (room->empty_stale) {
        make_growths(room);
        add_nodes(room, &room->empty, true);
        room->empty_stale = false;
    }
}

static void number_nodes(struct room *room) {
    uint32_t at = 0;

    for (size_t i = 0; i < ledger_node_count(room->ledger); i++) {
        struct ledger_node *record = ledger_room_node(room->ledger, i);

        record->room_touched = false;
        record->room_at = record->node != NULL ? at++ : ROOM_NOWHERE;
    }
}

static void forget_placements(struct room *room, struct map *map) {
    struct map_entry *entry;

    for (size_t at = 0; (entry = map_next(map, &at)) != NULL;) {
        expected_clear(entry->value);
        touch(room, entry->value);
    }
}

static void make_anew(struct room *room) {
    const size_t count = ledger_node_count(room->ledger);

    load_empty(room);
    add_nodes(room, &room->place, false);
    number_nodes(room);
    room->load = mem_grow(room->load, count + room->growth_count + 1, sizeof *room->load);
    memset(room->load, 0, (count + room->growth_count) * sizeof *room->load);
    room->short_count = room->expected_antis = 0;
    forget_placements(room, &room->unbound);
    forget_placements(room, &room->jobs);
    room->stale = false;
}

/* True if a node is now fuller than it can be. */
static bool update_node(struct room *room, struct ledger_node *record) {
    struct resources free = ledger_node_free(record);
    const struct resources none = {{0}};

    record->room_touched = false;
    resources_subtract(&free, &room->load[record->room_at]);
    node_index_set_free(&room->place.index, record->room_at, &free);
    for (size_t i = 0; i < RESOURCE_KIND_MAX; i++) {
        if (free.amount[i] < 0 && !resources_equal(&room->load[record->room_at], &none)) {
            return true;
        }
    }
    return false;
}

static void touch_misplaced(struct room *room, struct map *map, bool crowded) {
    struct map_entry *entry;

    for (size_t at = 0; (entry = map_next(map, &at)) != NULL;) {
        if (is_short(entry->value) || (crowded && is_crowded_out(room, entry->value))) {
            touch(room, entry->value);
        }
    }
}

static void update_nodes(struct room *room) {
    bool crowded = false;

    for (size_t i = 0; i < room->touched_node_count; i++) {
        crowded = update_node(room, room->touched_nodes[i]) || crowded;
    }
    room->touched_node_count = 0;
    if (crowded || room->short_count > 0) {
        touch_misplaced(room, &room->unbound, crowded);
        touch_misplaced(room, &room->jobs, crowded);
    }
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

static void find_antis(struct room *room) {
    room->place.anti_count = push_all(room, true, &room->antis, &room->antis_room);
    room->place.antis = room->antis;
}

static void load_company(void *context, struct place *place) {
    struct room *room = context;

    place->resident_count = push_all(room, false, &room->residents, &room->residents_room);
    place->residents = room->residents;
}

/* --- The pass -------------------------------------------------------------------------------- */

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

uint64_t room_version(const struct room *room) {
    return room->version;
}

void room_refresh(struct room *room) {
    place_rewind(&room->place);
    if (room->stale || room->touched_count > 0 || room->touched_node_count > 0) {
        room->version++;
    }
    if (room->stale) {
        make_anew(room);
    } else {
        update_nodes(room);
    }
    settle_touched(room);
    find_antis(room);
    place_mark(&room->place);
    if (room->short_count > 0) {
        hold_for_short(room, &room->unbound);
        hold_for_short(room, &room->jobs);
    }
}

struct place *room_place(struct room *room) {
    return &room->place;
}

struct place *room_empty(struct room *room) {
    load_empty(room);
    return &room->empty;
}

bool room_pool(struct room *room, const char *name, struct room_pool *out_pool) {
    const size_t first = room->place.index.node_count - room->growth_count;

    for (size_t i = 0; i < room->pool_count; i++) {
        struct room_pool pool = {.node_max = room->pools[i].node_max};

        if (strcmp(room->pools[i].node.name, name) != 0) {
            continue;
        }
        pool.members = count_members(room, &room->pools[i]);
        for (size_t j = 0; j < room->growth_count; j++) {
            pool.expected += strcmp(room->growths[j].pool, name) == 0 &&
                             room->load[first + j].amount[RESOURCE_PODS] > 0;
        }
        *out_pool = pool;
        return true;
    }
    return false;
}

/* --- Checks ---------------------------------------------------------------------------------- */

static void add_loads(struct map *map, struct resources *loads, size_t *shorts) {
    struct map_entry *entry;

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

void room_verify(struct room *room) {
    struct resources *loads;
    size_t shorts = 0;

    room_refresh(room);
    place_rewind(&room->place);
    loads = mem_alloc(room->place.index.node_count, sizeof *loads);
    add_loads(&room->unbound, loads, &shorts);
    add_loads(&room->jobs, loads, &shorts);
    ENSURE(shorts == room->short_count);
    for (size_t i = 0; i < ledger_node_count(room->ledger); i++) {
        const struct ledger_node *record = ledger_node(room->ledger, i);
        struct resources free = ledger_node_free(record);

        if (record->node != NULL) {
            resources_subtract(&free, &loads[record->room_at]);
            ENSURE(resources_equal(&loads[record->room_at], &room->load[record->room_at]));
            ENSURE(resources_equal(&free, &room->place.index.nodes[record->room_at].free));
            ENSURE(room->place.index.nodes[record->room_at].node == record->node);
        }
    }
    node_index_verify(&room->place.index);
    place_mark(&room->place);
    free(loads);
}
