/* sim/node_controller.h - the health of nodes and what it does to pods.
 *
 * Makes new nodes ready (if told that they are healthy); marks a lost node NotReady and
 * taints it; evicts its pods when their toleration is over (they stay Terminating: no
 * kubelet answers); fails and removes the pods of a node that is deleted.
 */
#ifndef SIM_NODE_CONTROLLER_H
#define SIM_NODE_CONTROLLER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct census;
struct node_controller;
struct runtime;
struct sim_change;
struct sim_store;

struct node_controller_config {
    struct sim_store *store; /* borrowed, as the others */
    struct runtime *runtime;
    const struct census *census;
    int64_t unreachable_us; /* -1: as the pods' tolerations say */
    int64_t orphan_us;      /* from a node's deletion to its pods' */
    bool nodes_healthy;
};

struct node_controller *node_controller_create(const struct node_controller_config *config);
void node_controller_destroy(struct node_controller *controller);

void node_controller_on_change(struct node_controller *controller, const struct sim_change *change);

void node_controller_step(struct node_controller *controller, int64_t now_us);
int64_t node_controller_next_us(const struct node_controller *controller);

/* The node's kubelet falls silent, or is heard again. ERR_NOT_FOUND: there is no such node. */
int node_controller_lose(struct node_controller *controller, const char *node,
                         int64_t now_us) MUST_CHECK;
int node_controller_return(struct node_controller *controller, const char *node,
                           int64_t now_us) MUST_CHECK;

/* spec.unschedulable on or off. ERR_NOT_FOUND. */
int node_controller_cordon(struct node_controller *controller, const char *node, bool on,
                           int64_t now_us) MUST_CHECK;

/* Add the condition DisruptionTarget to a pod and delete it with its grace. ERR_NOT_FOUND. */
int disrupt_pod(struct sim_store *store, const char *namespace, const char *name,
                const char *reason, const char *message, int64_t now_us) MUST_CHECK;

#endif
