/* Which nodes are alike. */
#include "policy/node_index_inside.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

#define LABEL_VALUES_MAX 64 /* a label with more values makes no classes */

/* Does the label have too many values to make classes of? */
static bool has_many_values(const struct node_index *index, const char *key) {
    const char *values[LABEL_VALUES_MAX];
    size_t count = 0;

    for (size_t i = 0; i < index->node_count; i++) {
        const char *value = node_label(index->nodes[i].node, key);
        size_t at = 0;

        if (value == NULL) {
            continue;
        }
        while (at < count && strcmp(values[at], value) != 0) {
            at++;
        }
        if (at < count) {
            continue;
        }
        if (count == LABEL_VALUES_MAX) {
            return true;
        }
        values[count++] = value;
    }
    return false;
}

static void judge_keys(struct node_index *index) {
    struct map_entry *entry;

    for (size_t at = 0; (entry = map_next(&index->keys, &at)) != NULL;) {
        ((struct label_key *)entry->value)->is_fine = has_many_values(index, entry->text);
    }
}

static bool values_equal(const char *a, const char *b) {
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* Which extended resources it has, as bits. */
static unsigned extended_kinds(const struct node_index *index, const struct node *node) {
    unsigned kinds = 0;

    for (size_t i = RESOURCE_FIXED_COUNT; i < index->kind_end; i++) {
        kinds |= node->allocatable.amount[i] > 0 ? RESOURCE_BIT(i) : 0;
    }
    return kinds;
}

static bool is_same_class(const struct node_index *index, const struct node *a,
                          const struct node *b) {
    const struct map_entry *entry;

    if (a->ready != b->ready || a->unschedulable != b->unschedulable ||
        (a->pool == NULL) != (b->pool == NULL) || !node_taints_equal(a, b) ||
        extended_kinds(index, a) != extended_kinds(index, b)) {
        return false;
    }
    for (size_t at = 0; (entry = map_next(&index->keys, &at)) != NULL;) {
        if (!((const struct label_key *)entry->value)->is_fine &&
            !values_equal(node_label(a, entry->text), node_label(b, entry->text))) {
            return false;
        }
    }
    return true;
}

static void add_to_class(struct node_index *index, uint32_t class_index, uint32_t node) {
    struct node_class *class = &index->classes[class_index];

    /* Grows by doubling: there is room for `count` rounded up to a power of two. */
    if ((class->count & (class->count - 1)) == 0) {
        const size_t room = class->count > 0 ? (size_t) class->count * 2 : 1;

        class->nodes = mem_grow(class->nodes, room, sizeof *class->nodes);
    }
    class->nodes[class->count++] = node;
    index->nodes[node].class_index = class_index;
}

static uint32_t new_class(struct node_index *index) {
    if (index->class_count == index->class_room) {
        const size_t room = index->class_room > 0 ? index->class_room * 2 : 8;

        index->classes = mem_grow(index->classes, room, sizeof *index->classes);
        memset(&index->classes[index->class_room], 0,
               (room - index->class_room) * sizeof *index->classes);
        index->class_room = room;
    }
    index->classes[index->class_count].count = 0;
    index->classes[index->class_count].held_count = 0;
    index->classes[index->class_count].held_by = 0;
    return (uint32_t)index->class_count++;
}

static void text_hash(uint64_t *hash, const char *text) {
    for (; text != NULL && *text != '\0'; text++) {
        *hash = (*hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
    }
    *hash = (*hash ^ (text == NULL)) * UINT64_C(0x100000001b3);
}

static uint64_t class_hash(const struct node_index *index, const struct node *node) {
    uint64_t hash = UINT64_C(0xcbf29ce484222325) ^ (node->ready ? 1u : 0u) ^
                    (node->unschedulable ? 2u : 0u) ^ (node->pool != NULL ? 4u : 0u) ^
                    ((uint64_t)extended_kinds(index, node) << 32);
    const struct map_entry *entry;

    for (size_t i = 0; i < node->taint_count; i++) {
        text_hash(&hash, node->taints[i].key);
        text_hash(&hash, node->taints[i].value);
    }
    for (size_t at = 0; (entry = map_next(&index->keys, &at)) != NULL;) {
        if (!((const struct label_key *)entry->value)->is_fine) {
            text_hash(&hash, node_label(node, entry->text));
        }
    }
    return hash;
}

/* The class of a node: `by_hash` has 1 + the class, under hashes that are free of collisions. */
static uint32_t class_for(struct node_index *index, struct map *by_hash, const struct node *node) {
    for (uint64_t hash = class_hash(index, node);; hash++) {
        const uintptr_t found = (uintptr_t)map_get_id(by_hash, hash);

        if (found == 0) {
            const uint32_t class = new_class(index);

            (void)map_put_id(by_hash, hash, (void *)((uintptr_t) class + 1));
            return class;
        }
        if (is_same_class(index, index->nodes[index->classes[found - 1].nodes[0]].node, node)) {
            return (uint32_t)(found - 1);
        }
    }
}

/* Of one node, for sorting. */
struct sort_item {
    size_t special;
    struct resources allocatable;
    uint32_t node;
};

/* Taints and extended resources: what makes a node too good for pods that need none of it. */
static size_t speciality(const struct node_index *index, const struct node *node) {
    size_t special = node->taint_count + (node->pool != NULL ? 2 * RESOURCE_KIND_MAX : 0);

    for (size_t i = RESOURCE_FIXED_COUNT; i < index->kind_end; i++) {
        special += node->allocatable.amount[i] > 0;
    }
    return special;
}

static int compare_items(const void *a, const void *b) {
    const struct sort_item *x = a;
    const struct sort_item *y = b;

    if (x->special != y->special) {
        return x->special < y->special ? -1 : 1;
    }
    for (size_t i = 0; i < RESOURCE_KIND_MAX; i++) {
        if (x->allocatable.amount[i] != y->allocatable.amount[i]) {
            return x->allocatable.amount[i] < y->allocatable.amount[i] ? -1 : 1;
        }
    }
    return (x->node > y->node) - (x->node < y->node);
}

static void fill_classes(struct node_index *index, const struct sort_item *items) {
    struct map by_hash = {0};

    index->class_count = 0;
    for (size_t i = 0; i < index->node_count; i++) {
        const uint32_t node = items[i].node;

        index->nodes[node].rank = (uint32_t)i;
        add_to_class(index, class_for(index, &by_hash, index->nodes[node].node), node);
    }
    map_finish(&by_hash);
}

/* What is kept as a class is kept node by node, before the classes are made anew. */
static void part_held_classes(struct node_index *index) {
    for (size_t i = 0; i < index->held_class_count; i++) {
        const struct node_class *class = &index->classes[index->held_classes[i]];

        for (uint32_t slot = 0; slot < class->count; slot++) {
            struct indexed_node *node = &index->nodes[class->nodes[slot]];

            if (node->held_by == 0) {
                node_index_save(index, class->nodes[slot]);
                node->held_by = class->held_by;
            }
        }
    }
    index->held_class_count = 0;
}

void node_index_build(struct node_index *index) {
    struct sort_item *items;

    if (index->built) {
        return;
    }
    part_held_classes(index);
    items = mem_alloc(index->node_count, sizeof *items);
    for (size_t i = 0; i < index->node_count; i++) {
        const struct node *node = index->nodes[i].node;

        items[i] = (struct sort_item){speciality(index, node), node->allocatable, (uint32_t)i};
    }
    qsort(items, index->node_count, sizeof *items, compare_items);
    judge_keys(index);
    fill_classes(index, items);
    free(items);
    for (size_t i = 0; i < index->class_count; i++) {
        struct node_class *class = &index->classes[i];

        for (uint32_t slot = 0; slot < class->count; slot++) {
            index->nodes[class->nodes[slot]].slot = slot;
            class->held_count += index->nodes[class->nodes[slot]].held_by != 0;
        }
        node_class_build_tree(index, class);
    }
    index->version++;
    index->built = true;
}
