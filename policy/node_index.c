#include "policy/node_index.h"

#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "base/memory.h"
#include "policy/node_index_inside.h"

/* A node as it was at the mark. */
struct node_save {
    uint32_t node;
    uint64_t held_by;
    struct resources free;
};

static void class_finish(struct node_class *class) {
    free(class->nodes);
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
    free(index->classes);
    free(index->nodes);
    free(index->saves);
    free(index->cursors);
    free(index->held_classes);
    *index = (struct node_index){0};
}

void node_index_clear(struct node_index *index) {
    index->node_count = 0;
    index->held_count = 0;
    index->save_count = 0;
    index->held_class_count = 0;
    index->marked = false;
    index->largest = (struct resources){{0}};
    index->kind_end = RESOURCE_FIXED_COUNT;
    index->version++;
    index->built = false;
}

void node_index_add(struct node_index *index, const struct node *node,
                    const struct resources *free) {
    ENSURE(!index->marked);
    if (index->node_count == index->node_room) {
        index->node_room = index->node_room > 0 ? index->node_room * 2 : 16;
        index->nodes = mem_grow(index->nodes, index->node_room, sizeof *index->nodes);
    }
    index->nodes[index->node_count++] = (struct indexed_node){.node = node, .free = *free};
    resources_max(&index->largest, &node->allocatable);
    for (size_t i = RESOURCE_KIND_MAX; i > index->kind_end; i--) {
        if (node->allocatable.amount[i - 1] > 0) {
            index->kind_end = i;
        }
    }
    index->built = false;
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

    ENSURE(at < index->node_count);
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
    node_class_update(index, class, node->slot);
}

void node_index_set_free(struct node_index *index, uint32_t node, const struct resources *free) {
    node_index_save(index, node);
    replace(index, node, free, index->nodes[node].held_by);
}

void node_index_set_all_free(struct node_index *index, const struct resources *free) {
    ENSURE(!index->marked);
    for (size_t i = 0; i < index->node_count; i++) {
        index->nodes[i].free = free[i];
    }
    for (size_t i = 0; index->built && i < index->class_count; i++) {
        node_class_build_tree(index, &index->classes[i]);
    }
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
        for (uint32_t slot = 0; slot < class->count; slot++) {
            if (node_index_accepts(index, choice, class->nodes[slot])) {
                hold_node(index, class->nodes[slot], job_id);
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
        replace(index, old->node, &old->free, old->held_by);
    }
}

/* --- Checks ---------------------------------------------------------------------------------- */

static void verify_class(const struct node_index *index, const struct node_class *class) {
    struct node_class again = {.nodes = class->nodes, .count = class->count};
    uint32_t held = 0;

    node_class_build_tree(index, &again);
    ENSURE(again.leaf_count == class->leaf_count);
    for (uint32_t at = 1; at < 2 * class->leaf_count; at++) {
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
    for (uint32_t slot = 0; slot < class->count; slot++) {
        const struct indexed_node *node = &index->nodes[class->nodes[slot]];

        ENSURE(node->slot == slot);
        held += node->held_by != 0;
    }
    ENSURE(held == class->held_count);
    free(again.most);
}

void node_index_verify(const struct node_index *index) {
    size_t nodes = 0;
    uint32_t held = 0;

    for (size_t i = 0; index->built && i < index->class_count; i++) {
        verify_class(index, &index->classes[i]);
        nodes += index->classes[i].count;
        held +=
            index->classes[i].held_by != 0 ? index->classes[i].count : index->classes[i].held_count;
    }
    ENSURE(!index->built || (nodes == index->node_count && held == index->held_count));
}
