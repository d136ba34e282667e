/* policy/room.h - the nodes of a ledger and what is free on them, with the pods that will come.
 *
 * A pod that is to come (of a reservation, or visible and not bound yet) is put on a node that
 * has room for it, and stays there until the books say more of it: it has the first right. The
 * ledger tells what it touched, and room_refresh() puts that alone in order: also nodes that come,
 * go or change, unless most of them do. A pass then places and holds on room_place(), and
 * the next refresh takes that back.
 *
 * An elastic pool adds the nodes it may still grow to: its most, less the members that are
 * there. They are looked at after all others. Owned by the ledger: ledger_room().
 */
#ifndef POLICY_ROOM_H
#define POLICY_ROOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/node.h"
#include "policy/place.h"

#define ROOM_NOWHERE UINT32_MAX

struct ledger;
struct ledger_node;
struct room;

/* Nodes that may come. */
struct node_pool {
    struct node node; /* how a new one looks; its name is the pool's. Members have all its labels */
    uint32_t node_max; /* members at most */
};

struct room *room_create(struct ledger *ledger);
void room_destroy(struct room *room);

/* Copies the pools. */
void room_set_pools(struct room *room, const struct node_pool *pools, size_t count);

/* For the ledger: what has changed. O(1). */
void room_touch_nodes(struct room *room); /* all nodes are to be made anew */
void room_touch_node(struct room *room, struct ledger_node *record); /* what is free on it */

/* The record's node becomes this one; NULL: it is not listed any more. The old one is freed when
 * nobody looks at it. */
void room_change_node(struct room *room, struct ledger_node *record, struct node *take_node);
void room_forget_node(struct room *room, struct ledger_node *record); /* It will be freed. */
void room_touch_job(struct room *room, uint64_t job_id);
void room_touch_unbound(struct room *room, uint64_t order);

/* Take the last pass back, put what was touched in order, and set place_mark(). Pods to come of
 * jobs of ours that find no room, but would on empty nodes, hold the nodes they could use. */
void room_refresh(struct room *room);

/* New with each refresh that changed anything: while it stays, nothing finds room that did not. */
uint64_t room_version(const struct room *room);

/* As of the last refresh, and what was placed since. A number is a listed node's (room_at), or one
 * that a pool may grow. */
struct place *room_place(struct room *room);

/* Where the pods to come of a reservation, or an unbound pod, are put: the last refresh. */
typedef void room_run_fn(void *context, uint32_t node, uint32_t count,
                         const struct resources *requests);
void room_each_run(const struct room *room, uint64_t job_id, room_run_fn *visit, void *context);
void room_each_unbound_run(const struct room *room, uint64_t order, room_run_fn *visit,
                           void *context);

/* The same nodes with everything free, also those that are not ready or cordoned: for
 * place_possible() and its siblings. Needs no refresh, but may be one's end: not during a pass. */
struct place *room_empty(struct room *room);

/* How a pool stands; false: no such pool. */
struct room_pool {
    uint32_t node_max;
    uint32_t members;
    uint32_t expected; /* nodes to come that pods are already counted on */
};

bool room_pool(struct room *room, const char *name, struct room_pool *out_pool);

/* Free amounts against the ledger and what is expected, by ENSURE. O(nodes + pods to come). */
void room_verify(struct room *room);

#endif
