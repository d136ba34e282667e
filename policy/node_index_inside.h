/* policy/node_index_inside.h - what the files of policy/node_index.h share. */
#ifndef POLICY_NODE_INDEX_INSIDE_H
#define POLICY_NODE_INDEX_INSIDE_H

#include "policy/node_index.h"

#define NODE_CPU_LEVEL_LEAST INT64_C(250)

/* A label that pods have asked about. */
struct label_key {
    bool is_fine; /* too many values for classes */
};

/* node_tree.c: a class without nodes; one comes that is behind all others (then the tree is to be
 * built), or anywhere; one goes; one of a leaf has changed; what one adds to the class's total. */
void node_class_clear(struct node_class *class);
void node_class_append(struct node_index *index, uint32_t class_index, uint32_t node);
void node_class_insert(struct node_index *index, uint32_t class_index, uint32_t node);
void node_class_remove(struct node_index *index, uint32_t node);
void node_class_update(const struct node_index *index, struct node_class *class, uint32_t leaf);
void node_class_build_tree(const struct node_index *index, struct node_class *class);
void node_class_add_total(const struct node_index *index, struct node_class *class,
                          const struct indexed_node *node, int64_t times);

/* Nodes of a class one after another, by rank. Begin with zeros; NODE_INDEX_NONE: no more. */
struct node_cursor {
    uint32_t leaf;
    uint32_t at;
};
uint32_t node_class_next(const struct node_class *class, struct node_cursor *cursor);

/* node_order.c: where a node is in the order of searching. */
void node_order_build(struct node_index *index);
void node_order_insert(struct node_index *index, uint32_t node);
void node_order_remove(struct node_index *index, uint32_t node);

/* node_classes.c: make the classes and their trees, unless they are made; and the class of a node
 * that comes. */
void node_index_build(struct node_index *index);
uint32_t node_index_class_for(struct node_index *index, const struct node *node);
void node_index_drop_class(struct node_index *index, uint32_t class_index); /* It has no nodes. */

/* node_index.c: remember the node as it is, if there is a mark. */
void node_index_save(struct node_index *index, uint32_t at);

#endif
