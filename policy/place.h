/* policy/place.h - does a whole gang fit on the nodes, pod by pod?
 *
 * Aggregates are not enough: a free core on each of four nodes does not hold one pod of three.
 * Groups go largest pod first; a group goes to the nodes that hold the fewest more of its pods
 * (best fit, in units of the pod), so that roomy nodes stay whole for wide pods. When that
 * fails, a single pod beside one group (a Spark driver) goes where it costs the group least, which
 * finds a way if there is one; other gangs try the group first that the fewest nodes accept, and
 * may miss a way. All or nothing. The Kubernetes scheduler decides where pods really go; this
 * decides whether they can.
 */
#ifndef POLICY_PLACE_H
#define POLICY_PLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/demand.h"
#include "policy/node.h"
#include "policy/resources.h"

/* A node in a pass. */
struct place_node {
    const struct node *node;
    uint64_t held_by;      /* the job it is kept for; 0: nobody. A held node takes no pods */
    bool plain;            /* accepts every pod that does not choose its nodes */
    struct resources free; /* after everything that is there, or placed earlier in the pass */
};

/* `count` pods of a group on one node. */
struct place_run {
    uint32_t group;
    uint32_t node; /* an index into the pass's nodes */
    uint32_t count;
};

/* Why a gang does not fit: the first group that did not. */
struct place_miss {
    uint32_t group;
    uint32_t placed; /* pods of that group that found room */
    uint32_t wanted;
    uint32_t nodes;          /* in the pass */
    uint32_t nodes_matching; /* that accept the pod, whatever their room */
    uint32_t nodes_held;     /* of the matching, kept for a job ahead */
    uint64_t held_by;        /* the first such job, or 0 */
    size_t kind;             /* short on the nearest node; RESOURCE_NONE if no node matches */
    int64_t needs;           /* of that kind, one pod */
    int64_t free;            /* of that kind there, after what was placed */
    uint32_t node;           /* the nearest */
};

/* Nodes of a pass and room to work in; reusable, grows to the largest cluster seen. Zeroed is
 * empty and ready. */
struct place {
    struct place_node *nodes;
    size_t node_count;
    size_t node_room;
    struct place_run *runs; /* of the last gang that was placed */
    size_t run_count;
    size_t run_room;
    uint32_t *fits;           /* per node: how many of a pod go there */
    struct resources largest; /* allocatable of any node, kind by kind */
    uint32_t held_count;
};

void place_finish(struct place *place);

/* Forget the nodes, keep the memory. */
void place_clear(struct place *place);
void place_add_node(struct place *place, const struct node *node, const struct resources *free);

/* Place a settled demand; its room is taken from the nodes and place->runs say where. On
 * failure nothing changes but *out_miss. O(nodes * groups). */
bool place_gang(struct place *place, const struct demand *demand, struct place_miss *out_miss);

/* Place as many as possible of `count` pods of one group; how many were. Takes the room. */
uint32_t place_pods(struct place *place, const struct pod_demand *pod,
                    const struct resources *requests, uint32_t count);

/* Keep every node that accepts one of the gang's pods for the job (if it is not kept already):
 * nothing more is placed there in this pass. */
void place_hold(struct place *place, const struct demand *demand, uint64_t job_id);
void place_hold_for_pod(struct place *place, const struct pod_demand *pod, uint64_t job_id);

/* Would place_gang() place it if every node were empty, ready and not cordoned? `empty` holds
 * the nodes with all of their allocatable free, and is left so. */
bool place_possible(struct place *empty, const struct demand *demand, struct place_miss *out_miss);

/* Is it certain that the gang cannot run on these nodes, even if they were empty? */
bool place_impossible(struct place *empty, const struct demand *demand,
                      struct place_miss *out_miss);

/* The same as place_possible() of one pod. */
bool place_pod_possible(const struct place *empty, const struct pod_demand *pod,
                        const struct resources *requests);

#endif
