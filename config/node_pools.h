/* config/node_pools.h - the node pools that may grow, of a configuration.
 *
 *     nodePools:
 *       - name: spot
 *         maxCount: 40                      # nodes at most, those that are there included
 *         labels: {pool: spot}              # a new node's; a node with all of them is a member
 *         taints: [{key: spot, value: "true", effect: NoSchedule}]
 *         allocatable: {cpu: 15500m, memory: 60Gi, pods: "110"}
 *
 * Amounts stay texts, checked: what a resource is called and measured in is the scheduler's.
 */
#ifndef CONFIG_NODE_POOLS_H
#define CONFIG_NODE_POOLS_H

#include <stddef.h>
#include <stdint.h>

#include "config/node.h"
#include "config/problem.h"

struct pool_text {
    char *key;
    char *value;
};

struct pool_taint {
    char *key;
    char *value;
    char *effect;
};

/* Texts and arrays are owned. */
struct pool_setting {
    char *name;
    uint32_t node_max;
    struct pool_text *labels;
    size_t label_count;
    struct pool_taint *taints;
    size_t taint_count;
    struct pool_text *allocatable; /* resource and quantity */
    size_t allocatable_count;
};

struct pool_set {
    struct pool_setting *pools;
    size_t count;
};

extern const char *const node_pools_members[]; /* of the configuration; NULL ends it */

/* Of a configuration's root. Empty if there is a problem with it. */
void node_pools_read(struct text_node *root, struct pool_set *out_set, struct problems *problems);
void pool_set_finish(struct pool_set *set);

#endif
