/* sim/builtin.h - the admission plugins that need no controller.
 *
 * Namespace life cycle, ServiceAccount, Priority, DefaultTolerationSeconds and
 * TaintNodesByCondition, as a real API server has them on by default.
 */
#ifndef SIM_BUILTIN_H
#define SIM_BUILTIN_H

#include "sim/store.h"

/* NULL admits, else an owned Status. Changes attempt->object in place. */
struct json_t *sim_builtin_admit(const struct sim_store *store, struct sim_attempt *attempt);

/* Create what a namespace is born with: the service account default and the config map
 * kube-root-ca.crt, which counts against quotas. */
void sim_builtin_fill_namespace(struct sim_store *store, const char *namespace, int64_t now_us);

/* Create what a cluster is born with: its namespaces and priority classes. */
void sim_builtin_fill_cluster(struct sim_store *store, int64_t now_us);

#endif
