#include "policy/node_index.h"

#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "base/memory.h"
#include "policy/node_index_inside.h"

#define CLASSES_MORE 64 /* than twice those that were made at once: labels are judged again */

/* A node as it was at the mark. */
struct node_save {
    uint32_t node;
    uint64_t held_by;
    struct resources free;
};

static void class_finish(struct node_class *class) {
    free(class->leaves);
    free(class->most);
    *class = (struct node_class){0};
}

static void choice_destroy(struct node_choice *choice) {
    while (choice != NULL) {
        struct node_choice *next = choice->next;

        pod_demand_finish(&choice->where);
        free(choice->classes);
        free(choice);
        choice = next;
    }
}

void node_index_finish(struct node_index *index) {
    struct map_entry *entry;

    if (index == NULL) {
        return;
    }
    for (size_t i = 0; i < index->class_room; i++) {
        class_finish(&index->classes[i]);
    }
    for (size_t at = 0; (entry = map_next(&index->choices, &at)) != NULL;) {
        choice_destroy(entry->value);
    }
    for (size_t at = 0; (entry = map_next(&index->keys, &at)) != NULL;) {
        free(entry->value);
    }
    map_finish(&index->choices);
    map_finish(&index->keys);
    map_finish(&index->classes_by_hash);
    free(index->classes);
    free(index->nodes);
    free(index->free_numbers);
    free(index->ranked);
    free(index->saves);
    free(index->cursors);
    free(index->held_classes);
    *index = (struct node_index){0};
}

void node_index_clear(struct node_index *index) {
    index->node_end = index->node_count = 0;
    index->free_count = 0;
    index->held_count = 0;
    index->save_count = 0;
    index->held_class_count = 0;
    index->marked = false;
    index->largest_is_old = true;
    index->kind_end = RESOURCE_FIXED_COUNT;
    index->node_version++;
    index->built = false;
}

/* --- Nodes ----------------------------------------------------------------------------------- */

static uint32_t new_number(struct node_index *index) {
    if (index->free_count > 0) {
        return index->free_numbers[--index->free_count];
    }
    if (index->node_end == index->node_room) {
        index->node_room = index->node_room > 0 ? index->node_room * 2 : 16;
        index->nodes = mem_grow(index->nodes, index->node_room, sizeof *index->nodes);
        index->ranked = mem_grow(index->ranked, index->node_room, sizeof *index->ranked);
        index->free_numbers =
            mem_grow(index->free_numbers, index->node_room, sizeof *index->free_numbers);
    }
    return (uint32_t)index->node_end++;
}

/* What the node has that none had before: then the classes are made anew. */
static bool raise_kind_end(struct node_index *index, const struct node *node) {
    for (size_t i = RESOURCE_KIND_MAX; i > index->kind_end; i--) {
        if (node->allocatable.amount[i - 1] > 0) {
            index->kind_end = i;
            return true;
        }
    }
    return false;
}

static void count_largest(struct node_index *index, const struct node *node) {
    for (size_t i = 0; i < RESOURCE_KIND_MAX; i++) {
        const int64_t amount = node->allocatable.amount[i];

        if (amount > index->largest.amount[i]) {
            index->largest.amount[i] = amount;
            index->largest_count[i] = 1;
        } else {
            index->largest_count[i] += amount == index->largest.amount[i];
        }
    }
}

static void uncount_largest(struct node_index *index, const struct node *node) {
    for (size_t i = 0; !index->largest_is_old && i < RESOURCE_KIND_MAX; i++) {
        if (node->allocatable.amount[i] == index->largest.amount[i]) {
            index->largest_is_old = --index->largest_count[i] == 0;
        }
    }
}

const struct resources *node_index_largest(struct node_index *index) {
    if (index->largest_is_old) {
        index->largest_is_old = false;
        index->largest = (struct resources){{0}};
        memset(index->largest_count, 0, sizeof index->largest_count);
        for (size_t i = 0; i < index->node_end; i++) {
            if (index->nodes[i].node != NULL) {
                count_largest(index, index->nodes[i].node);
            }
        }
    }
    return &index->largest;
}

/* Taints and extended resources: what makes a node too good for pods that need none of it. */
static uint32_t speciality(const struct node *node) {
    size_t special = node->taint_count + (node->pool != NULL ? 2 * RESOURCE_KIND_MAX : 0);

    for (size_t i = RESOURCE_FIXED_COUNT; i < RESOURCE_KIND_MAX; i++) {
        special += node->allocatable.amount[i] > 0;
    }
    return (uint32_t)special;
}

static void put_node(struct node_index *index, uint32_t at, const struct node *node,
                     const struct resources *free) {
    index->nodes[at] =
        (struct indexed_node){.node = node, .free = *free, .special = speciality(node)};
    index->node_count++;
    index->node_version++;
    if (!index->largest_is_old) {
        count_largest(index, node);
    }
    index->built = !raise_kind_end(index, node) && index->built &&
                   index->class_count <= 2 * index->class_count_built + CLASSES_MORE;
    if (index->built) {
        node_order_insert(index, at);
        node_class_insert(index, node_index_class_for(index, node), at);
    }
}

uint32_t node_index_add(struct node_index *index, const struct node *node,
                        const struct resources *free) {
    uint32_t at;

    ENSURE(!index->marked);
    at = new_number(index);
    put_node(index, at, node, free);
    return at;
}

void node_index_remove(struct node_index *index, uint32_t at) {
    struct indexed_node *node = &index->nodes[at];

    ENSURE(!index->marked && at < index->node_end && node->node != NULL);
    if (index->built) {
        node_order_remove(index, at);
        node_class_remove(index, at);
        if (index->classes[node->class_index].count == 0) {
            node_index_drop_class(index, node->class_index);
        }
    }
    uncount_largest(index, node->node);
    *node = (struct indexed_node){.node = NULL};
    index->node_count--;
    index->node_version++;
    index->free_numbers[index->free_count++] = at;
}

void node_index_copy_nodes(struct node_index *index, const struct node_index *from) {
    node_index_clear(index);
    for (uint32_t i = 0; i < from->node_end; i++) {
        const uint32_t at = new_number(index);

        ENSURE(at == i);
        index->nodes[at] = (struct indexed_node){.node = NULL};
        if (from->nodes[i].node != NULL) {
            put_node(index, at, from->nodes[i].node, &from->nodes[i].free);
        }
    }
    if (from->free_count > 0) {
        memcpy(index->free_numbers, from->free_numbers,
               from->free_count * sizeof *from->free_numbers);
    }
    index->free_count = from->free_count;
}

uint32_t node_index_first(struct node_index *index) {
    ENSURE(index->node_count > 0);
    node_index_build(index);
    return index->ranked[0];
}

/* --- Changes --------------------------------------------------------------------------------- */

void node_index_save(struct node_index *index, uint32_t at) {
    struct indexed_node *node = &index->nodes[at];

    if (!index->marked || node->saved) {
        return;
    }
    if (index->save_count == index->save_room) {
        index->save_room = index->save_room > 0 ? index->save_room * 2 : 16;
        index->saves = mem_grow(index->saves, index->save_room, sizeof *index->saves);
    }
    node->saved = true;
    index->saves[index->save_count++] =
        (struct node_save){.node = at, .held_by = node->held_by, .free = node->free};
}

static void replace(struct node_index *index, uint32_t at, const struct resources *free,
                    uint64_t held_by) {
    struct indexed_node *node = &index->nodes[at];
    struct node_class *class;

    ENSURE(at < index->node_end && node->node != NULL);
    node_index_build(index);
    class = &index->classes[node->class_index];
    node_class_add_total(index, class, node, -1);
    class->held_count += (uint32_t)((held_by != 0) - (node->held_by != 0));
    if (class->held_by == 0) { /* Else the node is held all the time. */
        index->held_count += (uint32_t)((held_by != 0) - (node->held_by != 0));
    }
    node->free = *free;
    node->held_by = held_by;
    node_class_add_total(index, class, node, 1);
    node_class_update(index, class, node->leaf);
}

void node_index_set_free(struct node_index *index, uint32_t node, const struct resources *free) {
    node_index_save(index, node);
    replace(index, node, free, index->nodes[node].held_by);
}

void node_index_take(struct node_index *index, uint32_t node, const struct resources *requests,
                     int64_t times) {
    struct resources free = index->nodes[node].free;

    resources_add_times(&free, requests, -times);
    node_index_set_free(index, node, &free);
}

static void hold_node(struct node_index *index, uint32_t node, uint64_t job_id) {
    const struct resources free = index->nodes[node].free;

    if (index->nodes[node].held_by == 0) {
        node_index_save(index, node);
        replace(index, node, &free, job_id);
    }
}

static void hold_class(struct node_index *index, uint32_t at, uint64_t job_id) {
    struct node_class *class = &index->classes[at];

    if (index->held_class_count == index->held_class_room) {
        index->held_class_room = index->held_class_room > 0 ? index->held_class_room * 2 : 16;
        index->held_classes =
            mem_grow(index->held_classes, index->held_class_room, sizeof *index->held_classes);
    }
    index->held_classes[index->held_class_count++] = at;
    index->held_count += class->count - class->held_count;
    class->held_by = job_id;
}

void node_index_hold(struct node_index *index, const struct node_choice *choice, uint64_t job_id) {
    uint32_t node;

    ENSURE(index->marked && choice->version == index->version && job_id != 0);
    for (uint32_t i = 0; i < choice->class_count; i++) {
        const struct node_class *class = &index->classes[choice->classes[i]];

        if (class->held_by != 0) {
            continue;
        }
        if (!choice->by_node) {
            hold_class(index, choice->classes[i], job_id);
            continue;
        }
        for (struct node_cursor cursor = {0};
             (node = node_class_next(class, &cursor)) != NODE_INDEX_NONE;) {
            if (node_index_accepts(index, choice, node)) {
                hold_node(index, node, job_id);
            }
        }
    }
}

uint64_t node_index_holder(const struct node_index *index, uint32_t at) {
    const struct indexed_node *node = &index->nodes[at];

    if (node->held_by != 0 || !index->built) {
        return node->held_by;
    }
    return index->classes[node->class_index].held_by;
}

void node_index_mark(struct node_index *index) {
    ENSURE(index->save_count == 0);
    node_index_build(index);
    index->marked = true;
}

void node_index_rewind(struct node_index *index) {
    index->marked = false;
    while (index->held_class_count > 0) {
        struct node_class *class = &index->classes[index->held_classes[--index->held_class_count]];

        index->held_count -= class->count - class->held_count;
        class->held_by = 0;
    }
    while (index->save_count > 0) {
        const struct node_save *old = &index->saves[--index->save_count];

        index->nodes[old->node].saved = false;
        if (index->nodes[old->node].held_by == old->held_by &&
            resources_equal(&index->nodes[old->node].free, &old->free)) {
            continue; /* It was given back already: most are, of gangs that did not fit. */
        }
        replace(index, old->node, &old->free, old->held_by);
    }
}

/* --- Checks ---------------------------------------------------------------------------------- */

static void verify_tree(const struct node_index *index, const struct node_class *class) {
    struct node_class again = *class;

    again.most = mem_alloc((size_t)2 * class->leaf_room, sizeof *again.most);
    node_class_build_tree(index, &again);
    for (uint32_t at = 1; at < 2 * class->leaf_room; at++) {
        for (size_t i = 0; i < index->kind_end; i++) {
            ENSURE(again.most[at].free.amount[i] == class->most[at].free.amount[i]);
        }
        for (size_t i = 0; i < NODE_CPU_LEVELS; i++) {
            ENSURE(again.most[at].memory_at[i] == class->most[at].memory_at[i]);
        }
    }
    for (size_t i = 0; i < index->kind_end; i++) {
        ENSURE(again.total.amount[i] == class->total.amount[i]);
    }
    free(again.most);
}

static void verify_class(const struct node_index *index, uint32_t class_index) {
    const struct node_class *class = &index->classes[class_index];
    struct node_cursor cursor = {0};
    uint64_t rank = 0;
    uint32_t held = 0;
    uint32_t count = 0;
    uint32_t at;

    while ((at = node_class_next(class, &cursor)) != NODE_INDEX_NONE) {
        const struct indexed_node *node = &index->nodes[at];

        ENSURE(node->leaf == cursor.leaf && node->class_index == class_index);
        ENSURE(node->node != NULL && node->rank > rank);
        rank = node->rank;
        held += node->held_by != 0;
        count++;
    }
    for (uint32_t i = 0; i < class->leaf_count; i++) {
        ENSURE(class->leaves[i].count > 0 && class->leaves[i].count <= NODE_LEAF_NODES);
    }
    ENSURE(count == class->count && held == class->held_count);
    verify_tree(index, class);
}

void node_index_verify(const struct node_index *index) {
    size_t nodes = 0;
    uint32_t held = 0;

    ENSURE(index->node_count + index->free_count == index->node_end);
    for (size_t i = 0; index->built && i < index->class_count; i++) {
        verify_class(index, (uint32_t)i);
        nodes += index->classes[i].count;
        held +=
            index->classes[i].held_by != 0 ? index->classes[i].count : index->classes[i].held_count;
    }
    for (size_t i = 1; index->built && i < index->node_count; i++) {
        ENSURE(index->nodes[index->ranked[i - 1]].rank < index->nodes[index->ranked[i]].rank);
    }
    ENSURE(!index->built || (nodes == index->node_count && held == index->held_count));
}
