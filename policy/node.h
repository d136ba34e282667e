/* policy/node.h - a node as placement sees it, and whether a pod may go there at all.
 *
 * Source of the rules: Kubernetes' documentation of node selectors, node affinity, taints and
 * tolerations. Room is not looked at here.
 */
#ifndef POLICY_NODE_H
#define POLICY_NODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/demand.h"
#include "policy/resources.h"

struct taint {
    char *key;
    char *value; /* "" when it has none */
    enum taint_effect effect;
};

/* Texts and arrays are owned. Zeroed is empty. */
struct node {
    char *name;
    struct text_pair *labels;
    size_t label_count;
    struct taint *taints;
    size_t taint_count;
    struct resources allocatable;
    bool ready;
    bool unschedulable; /* cordoned */
    bool shunned;       /* it failed several jobs lately: nothing is to start there for a time */
    char *pool;         /* not a node yet, but one that this elastic pool may grow; NULL: a node */
};

void node_init(struct node *node, const char *name);
void node_finish(struct node *node);
void node_copy(const struct node *node, struct node *out_node);

/* In every respect but `shunned`, which is not its own; labels and taints in the same order. */
bool node_equal(const struct node *a, const struct node *b);
bool node_taints_equal(const struct node *a, const struct node *b);

/* Adders copy their texts; value may be NULL. */
void node_add_label(struct node *node, const char *key, const char *value);
void node_add_taint(struct node *node, const char *key, const char *value,
                    enum taint_effect effect);

/* Of a taint's effect as Kubernetes writes it. One that nobody knows yet keeps pods away: better to
 * wait than to overrun. */
enum taint_effect taint_effect_of(const char *text);

/* The label's value, or NULL. */
const char *node_label(const struct node *node, const char *key);

/* Do node selector and required node affinity match alone? */
bool node_labels_match(const struct node *node, const struct pod_demand *pod);

/* May the pod run there now: selector, affinity, taints, cordon, readiness? */
bool node_accepts(const struct node *node, const struct pod_demand *pod);

/* Might it some day: the same without what comes and goes by itself (readiness, cordon, and the
 * taints under node.kubernetes.io/ and node.cloudprovider.kubernetes.io/)? */
bool node_might_accept(const struct node *node, const struct pod_demand *pod);

/* How many things keep the pod from the node (now, or some day); the first of them in words, such
 * as "has no label pool=gpu". */
size_t node_refusal(const struct node *node, const struct pod_demand *pod, bool some_day,
                    char *out_text, size_t bytes_max);

bool pod_tolerates(const struct pod_demand *pod, const struct taint *taint);

#endif
