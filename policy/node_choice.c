/* Which classes a pod may go to. */
#include "policy/node_index_inside.h"

#include "base/memory.h"

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

/* All nodes of a class are alike to a choice that is not by node. */
static uint32_t accepting_nodes(const struct node_index *index, const struct node_choice *choice,
                                const struct node_class *class) {
    struct node_cursor cursor = {0};
    uint32_t count = 0;
    uint32_t node;

    while ((node = node_class_next(class, &cursor)) != NODE_INDEX_NONE) {
        if (!choice->by_node) {
            return accepts(index, &choice->where, node) ? class->count : 0;
        }
        count += accepts(index, &choice->where, node);
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
}

/* Nodes came or went: the same classes have other nodes. One that is by node is chosen anew. */
static void bring_up_to_date(struct node_index *index, struct node_choice *choice) {
    const bool same_classes = choice->version == index->version;

    if (same_classes && choice->node_version == index->node_version) {
        return;
    }
    if (same_classes && !choice->by_node) {
        choice->node_count = 0;
        for (uint32_t i = 0; i < choice->class_count; i++) {
            choice->node_count += index->classes[choice->classes[i]].count;
        }
    } else {
        choose(index, choice);
    }
    choice->version = index->version;
    choice->node_version = index->node_version;
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
    node_index_build(index);
    bring_up_to_date(index, choice);
    return choice;
}
