/* sim/replay_cluster.h - the cluster that a trace is replayed on: nodes and quotas.
 *
 * From YAML (docs/manual/replay.md), from the list of machines that Alea's logs come with (lines of
 * id, name, count, processors, speed and KiB of memory), or a number of equal nodes.
 */
#ifndef SIM_REPLAY_CLUSTER_H
#define SIM_REPLAY_CLUSTER_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "policy/node.h"

/* One line of a quota. Texts are owned. */
struct replay_quota {
    char *namespace;
    char *name;
    char *key;
    char *hard;
};

struct replay_cluster {
    struct node *nodes;
    size_t node_count;
    struct replay_quota *quotas; /* the keys of one quota stand together */
    size_t quota_count;
};

void replay_cluster_finish(struct replay_cluster *cluster);

/* What is wrong goes to out_problems, a line each with file, line and column. */
int replay_cluster_read(const char *path, struct replay_cluster *out_cluster,
                        struct buf *out_problems) MUST_CHECK;
int replay_cluster_read_machines(const char *path, struct replay_cluster *out_cluster,
                                 struct buf *out_problems) MUST_CHECK;

/* "128x1", "20x80x505Gi": count, cpu, memory. */
int replay_cluster_parse(const char *text, struct replay_cluster *out_cluster) MUST_CHECK;

/* count more nodes NAME-1, NAME-2, ..., of a cluster with that name. */
void replay_cluster_add(struct replay_cluster *cluster, const char *name, int64_t count,
                        int64_t cpu_milli, int64_t memory);

double replay_cluster_cpus(const struct replay_cluster *cluster);

#endif
