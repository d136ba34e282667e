/* policy/place.h - does a whole gang fit on the nodes, pod by pod?
 *
 * Aggregates are not enough: a free core on each of four nodes does not hold one pod of three.
 * Groups go largest pod first; a group goes to the first nodes with room, small nodes before
 * large ones and special ones last (first fit decreasing, on policy/node_index.h: a pod costs
 * about the logarithm of the number of nodes). When that fails, a single pod beside one group
 * (a Spark driver) goes where it costs the group least, which finds a way if there is one; other
 * gangs try the group first that the fewest nodes accept, and may miss a way. All or nothing.
 * The Kubernetes scheduler decides where pods really go; this decides whether they can. Pods with
 * rules about other pods go one by one (policy/place_rules.h), and may miss a way too.
 */
#ifndef POLICY_PLACE_H
#define POLICY_PLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/demand.h"
#include "policy/node.h"
#include "policy/node_index.h"
#include "policy/resources.h"

/* `count` pods of a group on one node. */
struct place_run {
    uint32_t group;
    uint32_t node; /* an index into the pass's nodes */
    uint32_t count;
};

/* Pods that are there, or were placed; what policy/place_rules.h looks at of them is the company:
 * namespace, labels and rules. */
struct place_resident {
    uint32_t node;
    uint32_t count;
    const struct pod_demand *pod;
};

/* Why a gang does not fit: the first group that did not. */
struct place_miss {
    uint32_t group;
    uint32_t placed; /* pods of that group that found room */
    uint32_t wanted;
    uint32_t nodes;              /* in the pass */
    uint32_t nodes_matching;     /* that accept the pod, whatever their room */
    uint32_t nodes_held;         /* of the matching, kept for a job ahead */
    uint64_t held_by;            /* the first such job, or 0 */
    size_t kind;                 /* short on the nearest node; RESOURCE_NONE if no node matches */
    int64_t needs;               /* of that kind, one pod */
    int64_t free;                /* of that kind there, after what was placed */
    uint32_t node;               /* the nearest */
    const struct pod_rule *rule; /* what keeps the pod off nodes with room; NULL: nothing, or */
    bool kept_off;               /* the anti-affinity of a pod that is there */
};

/* The nodes, and room to work in; reusable, grows to the largest cluster seen. Zeroed is empty
 * and ready. */
struct place {
    struct node_index index;
    struct place_run *runs; /* of the last gang that was placed */
    size_t run_count;
    size_t run_room;
    /* Whoever owns the place: */
    struct place_resident *antis; /* pods there that have anti-affinity; borrowed */
    size_t anti_count;
    struct place_resident *residents; /* all pods there, once load_company() was called; borrowed */
    size_t resident_count;
    void (*load_company)(void *context, struct place *place); /* NULL: no pods are there */
    void *company_context;
    bool company_is_loaded;
    struct place_resident *placed; /* since the mark or the last loading; pods borrowed as long */
    size_t placed_count;
    size_t placed_antis; /* of those, with anti-affinity */
    size_t placed_room;
};

void place_finish(struct place *place);

/* Forget the nodes, keep the memory. */
void place_clear(struct place *place);

/* As node_index_add() and its siblings. */
uint32_t place_add_node(struct place *place, const struct node *node, const struct resources *free);
void place_remove_node(struct place *place, uint32_t node);
void place_copy_nodes(struct place *place, const struct place *from);

/* Remember from here on what is placed and held; and take all of that back, to the mark. */
void place_mark(struct place *place);
void place_rewind(struct place *place);

/* Have the pods that are there told, unless they were. */
void place_load_company(struct place *place);

/* Place a settled demand; its room is taken from the nodes and place->runs say where. On
 * failure nothing changes but *out_miss, which may be NULL: then a miss is found out faster. */
bool place_gang(struct place *place, const struct demand *demand, struct place_miss *out_miss);

/* Place it like this, if that has room. Rules about other pods are not asked. */
bool place_runs(struct place *place, const struct demand *demand, const struct place_run *runs,
                size_t count);

/* Place as many as possible of `count` pods of one group; how many were. Takes the room, and
 * place->runs say where. */
uint32_t place_pods(struct place *place, const struct pod_demand *pod,
                    const struct resources *requests, uint32_t count);

/* Keep every node that accepts one of the gang's pods for the job (if it is not kept already):
 * nothing more is placed there. Only after place_mark(). */
void place_hold(struct place *place, const struct demand *demand, uint64_t job_id);
void place_hold_for_pod(struct place *place, const struct pod_demand *pod, uint64_t job_id);

/* Is a node kept for somebody that one of the gang's pods could use? */
bool place_is_kept_from(struct place *place, const struct demand *demand);

/* There are nodes, and all are kept for somebody. */
bool place_is_all_held(const struct place *place);

/* Would place_gang() place it on these nodes? Nothing is taken. out_miss may be NULL. */
bool place_possible(struct place *place, const struct demand *demand, struct place_miss *out_miss);

/* Is it certain that the gang cannot run on these nodes? place_gang() may miss a way, this does
 * not call a gang impossible that is not. */
bool place_impossible(struct place *place, const struct demand *demand,
                      struct place_miss *out_miss);

/* The same as place_possible() of one pod. */
bool place_pod_possible(struct place *place, const struct pod_demand *pod,
                        const struct resources *requests);

#endif
