/* policy/order.h - which waiting job is next.
 *
 * The order, and nothing else: whether the next job can start, and what it keeps from others if it
 * can't, is the pass's business (policy/plan.h). Whoever asks takes the first shape on offer, and
 * either starts its job, or withdraws the shape, or shuts its namespace or its team.
 *
 * ORDER_FIFO      in order of submission
 * ORDER_PRIORITY  the higher tier first, then the higher priority, then submission
 * ORDER_FAIR      the higher tier first; then down the team tree, at each step to the child that
 *                 borrows nothing before one that does, then to the lowest share
 *                 (policy/share.h), then by name; of one user's jobs, the one with the lowest
 *                 (eligible since) - priority * aging, then the longest eligible. aging 0: the
 *                 higher priority, then the longest eligible.
 * What is equal in all that goes by job id. The order does not depend on what was on offer
 * before. To offer and to withdraw costs the logarithm of what is there, to ask for the next
 * one the number of different kinds of nodes that jobs ask for.
 */
#ifndef POLICY_ORDER_H
#define POLICY_ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/order_settings.h"

struct order;
struct share;

#define ORDER_NONE UINT32_MAX

const char *order_mode_text(enum order_mode mode); /* "fifo", "priority", "fair" */

/* What does not change about a shape. */
struct order_shape {
    size_t namespace_index;
    uint32_t node; /* the user's, of the share tree; held by whoever adds the shape */
    int32_t tier;
    int32_t priority;
    uint64_t where; /* equal where jobs may use the same nodes: any number that says so */
};

/* The share tree stays as it is, or everything is added anew after order_configure(). */
struct order *order_create(const struct share *share);
void order_destroy(struct order *order);

/* Forgets all shapes, and opens everything. */
void order_configure(struct order *order, const struct order_settings *settings);

/* Shapes go by numbers that the caller gives out, from 0. A shape is added once, without offer. */
void order_add(struct order *order, uint32_t shape, const struct order_shape *about);
void order_remove(struct order *order, uint32_t shape);

/* Its first job is on offer, or another one than before. */
void order_offer(struct order *order, uint32_t shape, uint64_t job_id, int64_t eligible_us);
void order_withdraw(struct order *order, uint32_t shape); /* nothing if it is not on offer */
uint64_t order_offered_job(const struct order *order, uint32_t shape);  /* 0: none */
int64_t order_offered_since(const struct order *order, uint32_t shape); /* with ORDER_FAIR */

/* A new pass: shares are as of now, and every node of the tree is open again. */
void order_begin(struct order *order, int64_t now_us);

/* The shape whose job is next, among those that are on offer, open, and not withdrawn. */
uint32_t order_next(struct order *order);

/* The shares on the way to a shape's user have changed: its job was charged. */
void order_charged(struct order *order, uint32_t shape);

/* No shape of the namespace is next until it is opened; of the node and all below it, until
 * order_begin(). */
void order_shut_namespace(struct order *order, size_t namespace_index);
void order_open_namespace(struct order *order, size_t namespace_index);
void order_shut_node(struct order *order, uint32_t node);

/* No shape that may use these nodes is next until order_begin(): they are kept for the job. */
void order_shut_where(struct order *order, uint64_t where, uint64_t job_id);
uint64_t order_where_shut_for(const struct order *order, uint32_t shape); /* 0: it is open */

bool order_namespace_is_shut(const struct order *order, size_t namespace_index);

/* The node that shuts this one: itself, or the nearest above it; SHARE_NONE: none. */
uint32_t order_shut_by(const struct order *order, uint32_t node);

/* Do jobs of several users wait in the namespace? Their order may change by itself. */
bool order_is_contended(const struct order *order, size_t namespace_index);

#endif
