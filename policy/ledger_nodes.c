/* Nodes, and what is charged to them. */
#include "policy/ledger_inside.h"

#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "base/memory.h"
#include "policy/room.h"

void ledger_node_destroy(struct ledger_node *record) {
    node_finish(record->node);
    free(record->node);
    free(record->name);
    free(record);
}

size_t ledger_node_at(const struct ledger *ledger, const char *name) {
    size_t low = 0;
    size_t high = ledger->node_count;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;

        if (strcmp(ledger->nodes[middle]->name, name) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

struct ledger_node *ledger_need_node(struct ledger *ledger, const char *name) {
    struct ledger_node *record = map_get(&ledger->nodes_by_name, name);
    size_t at;

    if (record != NULL) {
        return record;
    }
    at = ledger_node_at(ledger, name);
    record = mem_alloc(1, sizeof *record);
    record->name = mem_copy_text(name);
    ledger->nodes = mem_grow(ledger->nodes, ledger->node_count + 1, sizeof(struct ledger_node *));
    memmove(&ledger->nodes[at + 1], &ledger->nodes[at],
            (ledger->node_count - at) * sizeof(struct ledger_node *));
    ledger->nodes[at] = record;
    ledger->node_count++;
    record->room_at = ROOM_NOWHERE;
    (void)map_put(&ledger->nodes_by_name, name, record);
    return record;
}

void ledger_drop_node_if_unused(struct ledger *ledger, struct ledger_node *record) {
    size_t at;

    if (record->node != NULL || record->pod_count > 0) {
        return;
    }
    at = ledger_node_at(ledger, record->name);
    ledger->node_count--;
    memmove(&ledger->nodes[at], &ledger->nodes[at + 1],
            (ledger->node_count - at) * sizeof(struct ledger_node *));
    room_forget_node(ledger->room, record);
    (void)map_remove(&ledger->nodes_by_name, record->name);
    ledger_node_destroy(record);
}

static void change_node(struct ledger *ledger, struct ledger_node *record, struct node *take_node) {
    if (record->node != NULL) {
        resources_subtract(&ledger->capacity, &record->node->allocatable);
    }
    if (take_node != NULL) {
        resources_add(&ledger->capacity, &take_node->allocatable);
    }
    room_change_node(ledger->room, record, take_node);
    ledger->nodes_version++;
}

static void unlist_node(struct ledger *ledger, struct ledger_node *record) {
    change_node(ledger, record, NULL);
    ledger_drop_node_if_unused(ledger, record);
}

void ledger_put_node(struct ledger *ledger, const struct node *node) {
    struct ledger_node *record = ledger_need_node(ledger, node->name);
    struct node *copy;

    if (record->node != NULL && node_equal(record->node, node)) {
        return; /* A heartbeat: most of what nodes say. */
    }
    copy = mem_alloc(1, sizeof *copy);
    node_copy(node, copy);
    copy->shunned = record->node != NULL && record->node->shunned;
    change_node(ledger, record, copy);
}

void ledger_shun_node(struct ledger *ledger, const char *name, bool shunned) {
    struct ledger_node *record = map_get(&ledger->nodes_by_name, name);
    struct node *copy;

    if (record == NULL || record->node == NULL || record->node->shunned == shunned) {
        return;
    }
    copy = mem_alloc(1, sizeof *copy);
    node_copy(record->node, copy);
    copy->shunned = shunned;
    change_node(ledger, record, copy);
}

void ledger_set_pools(struct ledger *ledger, const struct node_pool *pools, size_t count) {
    room_set_pools(ledger->room, pools, count);
    ledger->nodes_version++;
}

uint64_t ledger_nodes_version(const struct ledger *ledger) {
    return ledger->nodes_version;
}

const struct resources *ledger_capacity(const struct ledger *ledger) {
    return &ledger->capacity;
}

void ledger_remove_node(struct ledger *ledger, const char *name) {
    struct ledger_node *record = map_get(&ledger->nodes_by_name, name);

    if (record != NULL) {
        unlist_node(ledger, record);
    }
}

size_t ledger_node_count(const struct ledger *ledger) {
    return ledger->node_count;
}

const struct ledger_node *ledger_node(const struct ledger *ledger, size_t index) {
    ENSURE(index < ledger->node_count);
    return ledger->nodes[index];
}

struct ledger_node *ledger_room_node(const struct ledger *ledger, size_t index) {
    ENSURE(index < ledger->node_count);
    return ledger->nodes[index];
}

struct resources ledger_node_free(const struct ledger_node *node) {
    struct resources free = node->node != NULL ? node->node->allocatable : (struct resources){{0}};

    resources_subtract(&free, &node->used);
    return free;
}
