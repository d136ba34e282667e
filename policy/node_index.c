#include "policy/node_index.h"

#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "base/memory.h"

#define LEAF_NODES       8  /* nodes under one leaf of a tree */
#define LABEL_VALUES_MAX 64 /* a label with more values makes no classes */
#define CPU_LEVEL_LEAST  INT64_C(250)

/* A label that pods have asked about. */
struct label_key {
    bool is_fine; /* too many values for classes */
};

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

/* --- Trees ----------------------------------------------------------------------------------- */

static void raise_to(struct node_most *most, const struct node_most *other, size_t kind_end) {
    for (size_t i = 0; i < kind_end; i++) {
        if (other->free.amount[i] > most->free.amount[i]) {
            most->free.amount[i] = other->free.amount[i];
        }
    }
    for (size_t i = 0; i < NODE_CPU_LEVELS; i++) {
        if (other->memory_at[i] > most->memory_at[i]) {
            most->memory_at[i] = other->memory_at[i];
        }
    }
}

/* Of what no node has, nothing is free at best. */
static struct node_most lowest(size_t kind_end) {
    struct node_most low = {.free = {{0}}};

    for (size_t i = 0; i < kind_end; i++) {
        low.free.amount[i] = INT64_MIN;
    }
    for (size_t i = 0; i < NODE_CPU_LEVELS; i++) {
        low.memory_at[i] = INT64_MIN;
    }
    return low;
}

static void raise_to_node(struct node_most *most, const struct resources *free, size_t kind_end) {
    for (size_t i = 0; i < kind_end; i++) {
        if (free->amount[i] > most->free.amount[i]) {
            most->free.amount[i] = free->amount[i];
        }
    }
    for (size_t i = 0; i < NODE_CPU_LEVELS; i++) {
        if (free->amount[RESOURCE_CPU] < CPU_LEVEL_LEAST << i) {
            break;
        }
        if (free->amount[RESOURCE_MEMORY] > most->memory_at[i]) {
            most->memory_at[i] = free->amount[RESOURCE_MEMORY];
        }
    }
}

static void compute_leaf(const struct node_index *index, struct node_class *class, uint32_t leaf) {
    const uint32_t first = leaf * LEAF_NODES;
    struct node_most most = lowest(index->kind_end);

    for (uint32_t slot = first; slot < first + LEAF_NODES && slot < class->count; slot++) {
        const struct indexed_node *node = &index->nodes[class->nodes[slot]];

        if (node->held_by == 0) {
            raise_to_node(&most, &node->free, index->kind_end);
        }
    }
    class->most[class->leaf_count + leaf] = most;
}

static void compute_parent(const struct node_index *index, struct node_class *class, uint32_t at) {
    class->most[at] = class->most[2 * at];
    raise_to(&class->most[at], &class->most[2 * at + 1], index->kind_end);
}

static void update_path(const struct node_index *index, struct node_class *class, uint32_t slot) {
    compute_leaf(index, class, slot / LEAF_NODES);
    for (uint32_t at = (class->leaf_count + slot / LEAF_NODES) / 2; at > 0; at /= 2) {
        compute_parent(index, class, at);
    }
}

static void add_total(const struct node_index *index, struct node_class *class,
                      const struct indexed_node *node, int64_t times) {
    if (node->held_by != 0) {
        return;
    }
    for (size_t i = 0; i < index->kind_end; i++) {
        if (node->free.amount[i] > 0) {
            class->total.amount[i] =
                amount_add(class->total.amount[i], times * node->free.amount[i]);
        }
    }
}

static void build_tree(const struct node_index *index, struct node_class *class) {
    uint32_t leaves = 1;

    while (leaves * LEAF_NODES < class->count) {
        leaves *= 2;
    }
    class->leaf_count = leaves;
    class->most = mem_grow(class->most, (size_t)2 * leaves, sizeof *class->most);
    class->total = (struct resources){{0}};
    for (uint32_t leaf = 0; leaf < leaves; leaf++) {
        compute_leaf(index, class, leaf);
    }
    for (uint32_t at = leaves - 1; at > 0; at--) {
        compute_parent(index, class, at);
    }
    for (uint32_t slot = 0; slot < class->count; slot++) {
        add_total(index, class, &index->nodes[class->nodes[slot]], 1);
    }
}

/* --- Classes --------------------------------------------------------------------------------- */

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

static void save(struct node_index *index, uint32_t at) {
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

/* What is kept as a class is kept node by node, before the classes are made anew. */
static void part_held_classes(struct node_index *index) {
    for (size_t i = 0; i < index->held_class_count; i++) {
        const struct node_class *class = &index->classes[index->held_classes[i]];

        for (uint32_t slot = 0; slot < class->count; slot++) {
            struct indexed_node *node = &index->nodes[class->nodes[slot]];

            if (node->held_by == 0) {
                save(index, class->nodes[slot]);
                node->held_by = class->held_by;
            }
        }
    }
    index->held_class_count = 0;
}

static void build(struct node_index *index) {
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
        build_tree(index, class);
    }
    index->version++;
    index->built = true;
}

/* --- Changes --------------------------------------------------------------------------------- */

static void replace(struct node_index *index, uint32_t at, const struct resources *free,
                    uint64_t held_by) {
    struct indexed_node *node = &index->nodes[at];
    struct node_class *class;

    ENSURE(at < index->node_count);
    build(index);
    class = &index->classes[node->class_index];
    add_total(index, class, node, -1);
    class->held_count += (uint32_t)((held_by != 0) - (node->held_by != 0));
    if (class->held_by == 0) { /* Else the node is held all the time. */
        index->held_count += (uint32_t)((held_by != 0) - (node->held_by != 0));
    }
    node->free = *free;
    node->held_by = held_by;
    add_total(index, class, node, 1);
    update_path(index, class, node->slot);
}

void node_index_set_free(struct node_index *index, uint32_t node, const struct resources *free) {
    save(index, node);
    replace(index, node, free, index->nodes[node].held_by);
}

void node_index_set_all_free(struct node_index *index, const struct resources *free) {
    ENSURE(!index->marked);
    for (size_t i = 0; i < index->node_count; i++) {
        index->nodes[i].free = free[i];
    }
    for (size_t i = 0; index->built && i < index->class_count; i++) {
        build_tree(index, &index->classes[i]);
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
        save(index, node);
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
    build(index);
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

/* --- Choices --------------------------------------------------------------------------------- */

/* True if the key is new: then the classes have to be made again. */
static bool note_key(struct node_index *index, const char *key) {
    if (map_get(&index->keys, key) != NULL) {
        return false;
    }
    (void)map_put(&index->keys, key, mem_alloc(1, sizeof(struct label_key)));
    index->built = false;
    return true;
}

static void note_keys(struct node_index *index, const struct pod_demand *pod) {
    for (size_t i = 0; i < pod->selector_count; i++) {
        (void)note_key(index, pod->selectors[i].key);
    }
    for (size_t i = 0; i < pod->term_count; i++) {
        for (size_t j = 0; j < pod->terms[i].rule_count; j++) {
            if (!pod->terms[i].rules[j].on_name) {
                (void)note_key(index, pod->terms[i].rules[j].key);
            }
        }
    }
}

static bool is_fine_key(const struct node_index *index, const char *key) {
    return ((const struct label_key *)map_get(&index->keys, key))->is_fine;
}

static bool asks_by_node(const struct node_index *index, const struct pod_demand *pod) {
    for (size_t i = 0; i < pod->selector_count; i++) {
        if (is_fine_key(index, pod->selectors[i].key)) {
            return true;
        }
    }
    for (size_t i = 0; i < pod->term_count; i++) {
        for (size_t j = 0; j < pod->terms[i].rule_count; j++) {
            const struct match_rule *rule = &pod->terms[i].rules[j];

            if (rule->on_name || is_fine_key(index, rule->key)) {
                return true;
            }
        }
    }
    return false;
}

static bool accepts(const struct node_index *index, const struct pod_demand *where, uint32_t node) {
    return index->some_day ? node_might_accept(index->nodes[node].node, where)
                           : node_accepts(index->nodes[node].node, where);
}

bool node_index_accepts(const struct node_index *index, const struct node_choice *choice,
                        uint32_t node) {
    return !choice->by_node || accepts(index, &choice->where, node);
}

bool node_index_chooses(const struct node_index *index, const struct node_choice *choice,
                        uint32_t node) {
    for (uint32_t i = 0; i < choice->class_count; i++) {
        if (choice->classes[i] == index->nodes[node].class_index) {
            return node_index_accepts(index, choice, node);
        }
    }
    return false;
}

static uint32_t accepting_nodes(const struct node_index *index, const struct node_choice *choice,
                                const struct node_class *class) {
    uint32_t count = 0;

    if (!choice->by_node) {
        return accepts(index, &choice->where, class->nodes[0]) ? class->count : 0;
    }
    for (uint32_t slot = 0; slot < class->count; slot++) {
        count += accepts(index, &choice->where, class->nodes[slot]);
    }
    return count;
}

static void choose(struct node_index *index, struct node_choice *choice) {
    choice->by_node = asks_by_node(index, &choice->where);
    choice->classes = mem_grow(choice->classes, index->class_count + 1, sizeof *choice->classes);
    choice->class_count = 0;
    choice->node_count = 0;
    for (size_t i = 0; i < index->class_count; i++) {
        const uint32_t count = accepting_nodes(index, choice, &index->classes[i]);

        if (count > 0) {
            choice->classes[choice->class_count++] = (uint32_t)i;
            choice->node_count += count;
        }
    }
    choice->version = index->version;
}

static struct node_choice *choice_create(struct node_index *index, const struct pod_demand *pod,
                                         uint64_t hash) {
    struct node_choice *choice = mem_alloc(1, sizeof *choice);
    struct node_choice *twin = map_get_id(&index->choices, hash);

    pod_demand_copy_where(pod, &choice->where);
    choice->version = UINT64_MAX;
    if (twin == NULL) {
        (void)map_put_id(&index->choices, hash, choice);
    } else {
        choice->next = twin->next;
        twin->next = choice;
    }
    note_keys(index, pod);
    return choice;
}

const struct node_choice *node_index_choice(struct node_index *index, const struct pod_demand *pod,
                                            uint64_t hash) {
    struct node_choice *choice = map_get_id(&index->choices, hash);

    while (choice != NULL && !pod_demand_same_where(&choice->where, pod)) {
        choice = choice->next;
    }
    if (choice == NULL) {
        choice = choice_create(index, pod, hash);
    }
    build(index);
    if (choice->version != index->version) {
        choose(index, choice);
    }
    return choice;
}

/* --- Searching ------------------------------------------------------------------------------- */

struct node_needs node_needs_of(const struct resources *need) {
    struct node_needs needs = {.cpu_level = NODE_CPU_LEVELS,
                               .memory = need->amount[RESOURCE_MEMORY]};

    for (size_t i = 0; i < RESOURCE_KIND_MAX; i++) {
        if (need->amount[i] > 0) {
            needs.kinds[needs.count] = i;
            needs.amounts[needs.count++] = need->amount[i];
        }
    }
    for (size_t i = 0; i < NODE_CPU_LEVELS; i++) {
        if (need->amount[RESOURCE_CPU] >= CPU_LEVEL_LEAST << i) {
            needs.cpu_level = i;
        }
    }
    return needs;
}

static bool covers(const struct resources *free, const struct node_needs *needs) {
    for (size_t i = 0; i < needs->count; i++) {
        if (free->amount[needs->kinds[i]] < needs->amounts[i]) {
            return false;
        }
    }
    return true;
}

/* May one of these nodes have room? */
static bool may_cover(const struct node_most *most, const struct node_needs *needs) {
    return (needs->cpu_level == NODE_CPU_LEVELS || needs->memory <= 0 ||
            most->memory_at[needs->cpu_level] >= needs->memory) &&
           covers(&most->free, needs);
}

/* Behind this part of the tree; 0: it was the last. */
static uint32_t next_subtree(uint32_t at) {
    while ((at & 1) != 0) {
        at /= 2;
    }
    return at == 0 ? 0 : at + 1;
}

/* The first leaf from `leaf` on that may have room; leaf_count: none. */
static uint32_t next_leaf(const struct node_class *class, const struct node_needs *needs,
                          uint32_t leaf) {
    uint32_t at = leaf < class->leaf_count ? class->leaf_count + leaf : 0;

    while (at != 0) {
        if (!may_cover(&class->most[at], needs)) {
            at = next_subtree(at);
        } else if (at >= class->leaf_count) {
            return at - class->leaf_count;
        } else {
            at *= 2;
        }
    }
    return class->leaf_count;
}

/* The first slot from `slot` on with room; count: none. */
static uint32_t next_slot(const struct node_index *index, const struct node_choice *choice,
                          const struct node_class *class, const struct node_needs *needs,
                          uint32_t slot) {
    while (slot < class->count) {
        const struct indexed_node *node = &index->nodes[class->nodes[slot]];

        if (node->held_by == 0 && covers(&node->free, needs) &&
            node_index_accepts(index, choice, class->nodes[slot])) {
            return slot;
        }
        slot++;
        if (slot % LEAF_NODES == 0) {
            slot = next_leaf(class, needs, slot / LEAF_NODES) * LEAF_NODES;
        }
    }
    return class->count;
}

/* The class's next node with room, from the slot on. */
static uint32_t next_in_class(const struct node_index *index, const struct node_choice *choice,
                              uint32_t at, const struct node_needs *needs, uint32_t slot) {
    const struct node_class *class = &index->classes[choice->classes[at]];

    if (class->held_by != 0 || !may_cover(&class->most[1], needs)) {
        return NODE_INDEX_NONE;
    }
    slot = next_slot(index, choice, class, needs, slot);
    return slot < class->count ? class->nodes[slot] : NODE_INDEX_NONE;
}

static void start_search(struct node_index *index, const struct node_choice *choice,
                         const struct node_needs *needs) {
    if (choice->class_count > index->cursor_room) {
        index->cursor_room = choice->class_count;
        index->cursors = mem_grow(index->cursors, index->cursor_room, sizeof *index->cursors);
    }
    for (uint32_t i = 0; i < choice->class_count; i++) {
        index->cursors[i] = next_in_class(index, choice, i, needs, 0);
    }
}

/* The lowest rank of what each class offers: the order does not depend on the classes. */
uint32_t node_index_next_fit(struct node_index *index, const struct node_choice *choice,
                             const struct node_needs *needs, struct node_search *search) {
    uint32_t best = NODE_INDEX_NONE;
    uint32_t best_class = 0;

    if (!search->started) {
        start_search(index, choice, needs);
        search->started = true;
    }
    for (uint32_t i = 0; i < choice->class_count; i++) {
        const uint32_t node = index->cursors[i];

        if (node != NODE_INDEX_NONE &&
            (best == NODE_INDEX_NONE || index->nodes[node].rank < index->nodes[best].rank)) {
            best = node;
            best_class = i;
        }
    }
    if (best != NODE_INDEX_NONE) {
        index->cursors[best_class] =
            next_in_class(index, choice, best_class, needs, index->nodes[best].slot + 1);
    }
    return best;
}

bool node_index_may_hold(const struct node_index *index, const struct node_choice *choice,
                         const struct node_needs *needs, uint32_t count) {
    for (size_t i = 0; i < needs->count; i++) {
        int64_t total = 0;

        for (uint32_t j = 0; j < choice->class_count; j++) {
            const struct node_class *class = &index->classes[choice->classes[j]];

            if (class->held_by == 0) {
                total = amount_add(total, class->total.amount[needs->kinds[i]]);
            }
        }
        if (total / needs->amounts[i] < count) {
            return false;
        }
    }
    return count == 0 || choice->class_count > 0;
}

/* The least part of a need that is free, and of which kind. */
static double least_part(const struct resources *free, const struct node_needs *needs,
                         size_t *out_kind) {
    double least = 0;

    *out_kind = RESOURCE_NONE;
    for (size_t i = 0; i < needs->count; i++) {
        const double part = (double)free->amount[needs->kinds[i]] / (double)needs->amounts[i];

        if (i == 0 || part < least) {
            *out_kind = needs->kinds[i];
            least = part;
        }
    }
    return least;
}

struct nearest {
    uint32_t node;
    size_t kind;
    double part;
};

static void nearest_in_leaf(const struct node_index *index, const struct node_choice *choice,
                            const struct node_class *class, const struct node_needs *needs,
                            uint32_t leaf, struct nearest *best) {
    for (uint32_t slot = leaf * LEAF_NODES; slot < (leaf + 1) * LEAF_NODES && slot < class->count;
         slot++) {
        const uint32_t at = class->nodes[slot];
        size_t kind;
        double part;

        if (index->nodes[at].held_by != 0 || !node_index_accepts(index, choice, at)) {
            continue;
        }
        part = least_part(&index->nodes[at].free, needs, &kind);
        if (best->node == NODE_INDEX_NONE || part > best->part ||
            (part >= best->part && at < best->node)) {
            *best = (struct nearest){at, kind, part};
        }
    }
}

/* Only where something nearer may be. */
static void nearest_in_class(const struct node_index *index, const struct node_choice *choice,
                             const struct node_class *class, const struct node_needs *needs,
                             struct nearest *best) {
    for (uint32_t at = class->held_by == 0 ? 1 : 0; at != 0;) {
        size_t kind;

        if (best->node != NODE_INDEX_NONE &&
            least_part(&class->most[at].free, needs, &kind) <= best->part) {
            at = next_subtree(at);
        } else if (at < class->leaf_count) {
            at *= 2;
        } else {
            nearest_in_leaf(index, choice, class, needs, at - class->leaf_count, best);
            at = next_subtree(at);
        }
    }
}

uint32_t node_index_nearest(const struct node_index *index, const struct node_choice *choice,
                            const struct node_needs *needs, size_t *out_kind) {
    struct nearest best = {.node = NODE_INDEX_NONE, .kind = RESOURCE_NONE};

    for (uint32_t i = 0; needs->count > 0 && i < choice->class_count; i++) {
        nearest_in_class(index, choice, &index->classes[choice->classes[i]], needs, &best);
    }
    *out_kind = best.kind;
    return best.node;
}

uint32_t node_index_held(const struct node_index *index, const struct node_choice *choice,
                         uint64_t *out_job_id) {
    uint32_t first = NODE_INDEX_NONE;
    uint32_t count = 0;

    for (uint32_t i = 0; i < choice->class_count; i++) {
        const struct node_class *class = &index->classes[choice->classes[i]];

        for (uint32_t slot = 0;
             (class->held_by != 0 || class->held_count > 0) && slot < class->count; slot++) {
            const uint32_t at = class->nodes[slot];

            if (node_index_holder(index, at) != 0 && node_index_accepts(index, choice, at)) {
                first = at < first ? at : first;
                count++;
            }
        }
    }
    *out_job_id = first != NODE_INDEX_NONE ? node_index_holder(index, first) : 0;
    return count;
}

/* --- Checks ---------------------------------------------------------------------------------- */

static void verify_class(const struct node_index *index, const struct node_class *class) {
    struct node_class again = {.nodes = class->nodes, .count = class->count};
    uint32_t held = 0;

    build_tree(index, &again);
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
