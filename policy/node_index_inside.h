/* policy/node_index_inside.h - what the files of policy/node_index.h share. */
#ifndef POLICY_NODE_INDEX_INSIDE_H
#define POLICY_NODE_INDEX_INSIDE_H

#include "policy/node_index.h"

#define NODE_LEAF_NODES      8 /* nodes under one leaf of a tree */
#define NODE_CPU_LEVEL_LEAST INT64_C(250)

/* A label that pods have asked about. */
struct label_key {
    bool is_fine; /* too many values for classes */
};

/* node_tree.c: the tree of a class as its nodes are; after a change of a node; and what the node is
 * worth in the class's total. */
void node_class_build_tree(const struct node_index *index, struct node_class *class);
void node_class_update(const struct node_index *index, struct node_class *class, uint32_t slot);
void node_class_add_total(const struct node_index *index, struct node_class *class,
                          const struct indexed_node *node, int64_t times);

/* node_classes.c: make the classes and their trees, unless they are made. */
void node_index_build(struct node_index *index);

/* node_index.c: remember the node as it is, if there is a mark. */
void node_index_save(struct node_index *index, uint32_t at);

#endif
