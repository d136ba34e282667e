/* k8s/pod_avoid.h - the nodes that failed a job, in the affinity of its next pods. */
#ifndef K8S_POD_AVOID_H
#define K8S_POD_AVOID_H

struct avoid_list;
struct json_t;

/* Into a pod's spec, beside whatever affinity it has: by the nodes' names, required where the list
 * says so, else preferred. NULL: none are avoided. */
void pod_avoid_add(struct json_t *spec, const struct avoid_list *avoid);

#endif
