/* policy/node_index.h - nodes in classes, and a quick way to the next one with room.
 *
 * Nodes that accept the same pods are one class: equal taints, readiness, cordon and kinds of
 * resources, and equal values of the labels that any pod has asked about so far. A label with
 * very many values (the host's name) makes no classes; a pod that asks about it is checked
 * against each node. Within a class a tree of the most that is free, kind by kind, leads to the
 * next node with room in about the logarithm of their number. Nodes go from ordinary to special
 * ones (taints, extended resources; those that a pool may grow come last), then from small to
 * large, then by name. A node comes or goes at about the cost of finding its place in that order.
 *
 * Everything that was changed since node_index_mark() can be taken back, at the cost of what
 * was changed: a pass tries, and leaves the index as it was.
 */
#ifndef POLICY_NODE_INDEX_H
#define POLICY_NODE_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/map.h"
#include "policy/demand.h"
#include "policy/node.h"
#include "policy/resources.h"

#define NODE_INDEX_NONE UINT32_MAX

struct indexed_node {
    const struct node *node; /* NULL: a free number */
    struct resources free;   /* after everything that is there, or was placed */
    uint64_t held_by;        /* the job it alone is kept for; 0: none. See node_index_holder() */
    uint64_t rank;           /* in the order of searching, once that is made */
    uint32_t special;        /* taints and extended resources: too good for pods that need none */
    uint32_t class_index;
    uint32_t leaf; /* of its class */
    bool saved;    /* since the mark */
};

/* The most that is free on any of some nodes, kind by kind; and since the one with much memory may
 * have no cpu left, the most memory where there is also so much cpu: 1/4, 1/2, 1, 2, ... cores. */
#define NODE_CPU_LEVELS 9

struct node_most {
    struct resources free;
    int64_t memory_at[NODE_CPU_LEVELS];
};

#define NODE_LEAF_NODES 12

struct node_leaf {
    uint32_t nodes[NODE_LEAF_NODES]; /* by rank */
    uint32_t count;                  /* at least 1 */
};

struct node_class {
    struct node_leaf *leaves; /* by rank */
    uint32_t leaf_count;
    uint32_t leaf_room;     /* of leaves, and of the tree: a power of two */
    struct node_most *most; /* the tree: its root at 1, leaves at the end */
    uint32_t count;         /* nodes; 0: the class may become another one */
    uint64_t held_by;       /* the job that all of it is kept for; 0: none */
    uint32_t held_count;    /* of its nodes, kept one by one */
    struct resources total; /* what is free on all nodes that are not held, where it is above 0 */
    uint64_t hash;
    uint32_t twin; /* 1 + the next class of that hash; 0: none */
};

/* The nodes that a pod may use, whatever their room. */
struct node_choice {
    struct pod_demand where; /* selectors, affinity and tolerations of such pods; owned */
    uint64_t version;        /* of the classes below, and */
    uint64_t node_version;   /* of the nodes that were counted */
    uint32_t *classes;
    uint32_t class_count;
    uint32_t node_count; /* that accept the pod */
    bool by_node;        /* the classes are not enough: ask node_index_accepts() */
    struct node_choice *next;
};

/* Zeroed is empty and ready. */
struct node_index {
    struct indexed_node *nodes; /* by number */
    size_t node_end;            /* above all numbers that were given out */
    size_t node_count;          /* nodes */
    size_t node_room;
    struct resources largest; /* see node_index_largest() */
    uint64_t node_version;    /* new when a node comes or goes */
    bool some_day; /* nodes are asked node_might_accept() and not node_accepts(); set it first */
    uint32_t held_count;
    /* Private. */
    uint32_t *free_numbers;
    size_t free_count;
    uint32_t *ranked; /* the nodes, in the order of searching */
    struct node_class *classes;
    size_t class_count;
    size_t class_room;
    size_t class_count_built;   /* when the classes were made; many more have come since: anew */
    size_t empty_count;         /* of classes without nodes */
    struct map classes_by_hash; /* 1 + the first class of a hash */
    size_t kind_end;            /* above the last kind that any node has, or had */
    uint32_t largest_count[RESOURCE_KIND_MAX]; /* of nodes with the largest */
    bool largest_is_old;
    uint64_t version; /* of the classes: new when one comes to be */
    bool built;
    struct map choices; /* by hash: struct node_choice */
    struct map keys;    /* of labels that pods ask about: struct label_key */
    struct node_save *saves;
    size_t save_count;
    size_t save_room;
    uint32_t *held_classes; /* since the mark */
    size_t held_class_count;
    size_t held_class_room;
    uint32_t *cursors; /* of the search under way: by class, the next node */
    uint32_t cursor_room;
    bool marked;
};

void node_index_finish(struct node_index *index);

/* Forget the nodes, keep the memory and what is known about pods. */
void node_index_clear(struct node_index *index);

/* The node is borrowed; its number is good until it is removed: the lowest one that was never
 * given out, or the one that became free last. Not between mark and rewind. The classes are made at
 * the first use, in O(n log n); from then on a node costs O(log n), and sometimes O(n / 8). */
uint32_t node_index_add(struct node_index *index, const struct node *node,
                        const struct resources *free);
void node_index_remove(struct node_index *index, uint32_t node);

/* The same nodes under the same numbers. */
void node_index_copy_nodes(struct node_index *index, const struct node_index *from);

/* The first node in the order of searching; there is one. */
uint32_t node_index_first(struct node_index *index);

/* The allocatable of any node, kind by kind, at most. */
const struct resources *node_index_largest(struct node_index *index);

/* O(log n). */
void node_index_set_free(struct node_index *index, uint32_t node, const struct resources *free);
void node_index_take(struct node_index *index, uint32_t node, const struct resources *requests,
                     int64_t times); /* negative: give back */

/* Keep the choice's nodes, unless they are kept already, for a job: a held node takes no pods.
 * O(classes), or O(nodes) for a choice by node. Only after node_index_mark(). */
void node_index_hold(struct node_index *index, const struct node_choice *choice, uint64_t job_id);

/* The job a node is kept for; 0: none. */
uint64_t node_index_holder(const struct node_index *index, uint32_t node);

/* Remember from here on what changes; and take it back, to the mark, which stays. */
void node_index_mark(struct node_index *index);
void node_index_rewind(struct node_index *index);

/* Where pods like this may go; the index's own, until a node is added or another choice is asked
 * for. `hash` is pod_demand_where_hash(). */
const struct node_choice *node_index_choice(struct node_index *index, const struct pod_demand *pod,
                                            uint64_t hash);

/* May a pod of this choice go to this node (of one of the choice's classes)? */
bool node_index_accepts(const struct node_index *index, const struct node_choice *choice,
                        uint32_t node);

/* The same of any node. */
bool node_index_chooses(const struct node_index *index, const struct node_choice *choice,
                        uint32_t node);

/* The kinds of which a pod needs something. */
struct node_needs {
    size_t count;
    size_t kinds[RESOURCE_KIND_MAX];
    int64_t amounts[RESOURCE_KIND_MAX];
    size_t cpu_level; /* NODE_CPU_LEVELS: less than the lowest */
    int64_t memory;
};

struct node_needs node_needs_of(const struct resources *need);

/* A search from the first node on; zeroed is before it. */
struct node_search {
    bool started;
};

/* The next node with room for one pod, that is not held; NODE_INDEX_NONE: no more. One search at
 * a time: the next one ends it, and so does another choice. */
uint32_t node_index_next_fit(struct node_index *index, const struct node_choice *choice,
                             const struct node_needs *needs, struct node_search *search);

/* False: the nodes certainly hold no `count` of such pods. O(classes). */
bool node_index_may_hold(const struct node_index *index, const struct node_choice *choice,
                         const struct node_needs *needs, uint32_t count);

/* The node, not held, on which the scarcest kind is nearest to what one pod needs of it;
 * NODE_INDEX_NONE if there is none. */
uint32_t node_index_nearest(const struct node_index *index, const struct node_choice *choice,
                            const struct node_needs *needs, size_t *out_kind);

/* Of the choice's nodes, how many are held, and the job of the first of them (0: none). */
uint32_t node_index_held(const struct node_index *index, const struct node_choice *choice,
                         uint64_t *out_job_id);

/* Trees and totals against the nodes themselves, by ENSURE. O(n). */
void node_index_verify(const struct node_index *index);

#endif
