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

    for (size_t i = 0; i < index->node_end; i++) {
        const struct node *node = index->nodes[i].node;
        const char *value = node != NULL ? node_label(node, key) : NULL;
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
        kinds |= node->allocatable.amount[i] > 0 ? RESOURCE_BIT(i) : 0u;
    }
    return kinds;
}

static bool is_same_class(const struct node_index *index, const struct node *a,
                          const struct node *b) {
    const struct map_entry *entry;

    if (a->ready != b->ready || a->unschedulable != b->unschedulable || a->shunned != b->shunned ||
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

static uint32_t new_class(struct node_index *index) {
    if (index->class_count == index->class_room) {
        const size_t room = index->class_room > 0 ? index->class_room * 2 : 8;

        index->classes = mem_grow(index->classes, room, sizeof *index->classes);
        memset(&index->classes[index->class_room], 0,
               (room - index->class_room) * sizeof *index->classes);
        index->class_room = room;
    }
    return (uint32_t)index->class_count++;
}

/* One that has no nodes any more, or a new one. */
static uint32_t free_class(struct node_index *index) {
    for (size_t i = 0; index->empty_count > 0 && i < index->class_count; i++) {
        if (index->classes[i].count == 0) {
            index->empty_count--;
            return (uint32_t)i;
        }
    }
    return new_class(index);
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
                    (node->shunned ? 8u : 0u) ^ ((uint64_t)extended_kinds(index, node) << 32);
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

static uint32_t first_class(const struct node_index *index, uint64_t hash) {
    return (uint32_t)(uintptr_t)map_get_id(&index->classes_by_hash, hash);
}

/* Nodes of the class come: who asks for such ones has to look again. */
static uint32_t begin_class(struct node_index *index, uint64_t hash) {
    const uint32_t at = free_class(index);
    struct node_class *class = &index->classes[at];

    node_class_clear(class);
    class->hash = hash;
    class->twin = first_class(index, hash);
    (void)map_put_id(&index->classes_by_hash, hash, (void *)((uintptr_t)at + 1));
    index->version++;
    return at;
}

uint32_t node_index_class_for(struct node_index *index, const struct node *node) {
    const uint64_t hash = class_hash(index, node);
    uint32_t found = first_class(index, hash);

    while (found != 0) {
        const struct node_class *class = &index->classes[found - 1];

        if (is_same_class(index, index->nodes[class->leaves[0].nodes[0]].node, node)) {
            return found - 1;
        }
        found = class->twin;
    }
    return begin_class(index, hash);
}

void node_index_drop_class(struct node_index *index, uint32_t class_index) {
    const struct node_class *class = &index->classes[class_index];
    uint32_t at = first_class(index, class->hash);

    index->empty_count++;
    if (at == class_index + 1 && class->twin == 0) {
        (void)map_remove_id(&index->classes_by_hash, class->hash);
    } else if (at == class_index + 1) {
        (void)map_put_id(&index->classes_by_hash, class->hash, (void *)(uintptr_t) class->twin);
    } else {
        while (index->classes[at - 1].twin != class_index + 1) {
            at = index->classes[at - 1].twin;
        }
        index->classes[at - 1].twin = class->twin;
    }
}

/* What is kept as a class is kept node by node, before the classes are made anew. */
static void part_held_classes(struct node_index *index) {
    for (size_t i = 0; i < index->held_class_count; i++) {
        const struct node_class *class = &index->classes[index->held_classes[i]];
        struct node_cursor cursor = {0};
        uint32_t at;

        while ((at = node_class_next(class, &cursor)) != NODE_INDEX_NONE) {
            if (index->nodes[at].held_by == 0) {
                node_index_save(index, at);
                index->nodes[at].held_by = class->held_by;
            }
        }
    }
    index->held_class_count = 0;
}

void node_index_build(struct node_index *index) {
    if (index->built) {
        return;
    }
    part_held_classes(index);
    judge_keys(index);
    node_order_build(index);
    index->class_count = index->empty_count = 0;
    map_finish(&index->classes_by_hash);
    for (size_t i = 0; i < index->node_count; i++) {
        const uint32_t node = index->ranked[i];

        node_class_append(index, node_index_class_for(index, index->nodes[node].node), node);
    }
    for (size_t i = 0; i < index->class_count; i++) {
        node_class_build_tree(index, &index->classes[i]);
    }
    index->class_count_built = index->class_count;
    index->version++;
    index->built = true;
}
