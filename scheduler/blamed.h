/* scheduler/blamed.h - nodes that failed several jobs, kept off by all of them for a time.
 *
 * Private to scheduler/core. The weights are policy/blame.h's. While one weighs more than
 * retry.avoidNodes.forAllAbove it is avoided by all pods to come; at most half of the nodes are,
 * the heaviest first: what fails everywhere is not a node's fault. Facts of the queue.
 */
#ifndef SCHEDULER_BLAMED_H
#define SCHEDULER_BLAMED_H

#include "scheduler/view.h"

/* The job's attempt failed like this on the node it was on. */
void blamed_note(struct core *core, const struct entry *entry, enum failure failure);

/* Who is avoided as of now: after settings changed, and whenever a weight may have come down. */
void blamed_settle(struct core *core);
void blamed_tick(struct core *core);
int64_t blamed_wake_after_us(const struct core *core);

/* A node came or changed: it is avoided if it was. */
void blamed_node_put(struct core *core, const char *name);

bool blamed_forget(struct core *core, const char *name); /* false: there is no such node */
void blamed_finish(struct core *core);

#endif
