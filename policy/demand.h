/* policy/demand.h - what a job asks of the cluster: a gang of pods, and objects beside them.
 *
 * A demand is built by whoever reads a payload (add groups, containers, objects), then
 * settled: the effective vectors, totals and hash are computed and it never changes again.
 * Settled demands may be shared; equal jobs have equal demands.
 * Source of the effective values: Kubernetes' documentation of init containers, sidecar
 * containers, pod overhead and pod-level resources.
 */
#ifndef POLICY_DEMAND_H
#define POLICY_DEMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/pod_rule.h"
#include "policy/resources.h"

enum container_kind {
    CONTAINER_MAIN,
    CONTAINER_INIT,    /* runs to its end before the main ones start */
    CONTAINER_SIDECAR, /* an init container with restartPolicy: Always */
};

/* Amounts count only where their bit is set. */
struct container_demand {
    enum container_kind kind;
    uint16_t requests_set; /* RESOURCE_BIT()s */
    uint16_t limits_set;
    struct resources requests;
    struct resources limits;
};

enum taint_effect {
    TAINT_ANY_EFFECT, /* of a toleration only */
    TAINT_NO_SCHEDULE,
    TAINT_PREFER_NO_SCHEDULE, /* never refuses a pod */
    TAINT_NO_EXECUTE,
};

struct toleration {
    char *key;   /* NULL or "": every key */
    char *value; /* NULL is "" */
    bool exists; /* operator Exists: any value */
    enum taint_effect effect;
};

/* One pod. Zeroed is empty; pod_demand_finish() frees what the adders copied. */
struct pod_demand {
    struct container_demand *containers; /* in the pod's order, init containers first */
    size_t container_count;
    struct container_demand pod_level; /* spec.resources; no bits set: none */
    struct resources overhead;
    struct text_pair *selectors; /* nodeSelector: all must be there */
    size_t selector_count;
    struct toleration *tolerations;
    size_t toleration_count;
    struct match_term *terms; /* required node affinity: one of them must match; 0: no affinity */
    size_t term_count;
    char *priority_class;     /* NULL: none */
    bool has_run_deadline;    /* activeDeadlineSeconds is set: quota scope Terminating */
    bool crosses_namespaces;  /* a term of its affinity to pods: scope CrossNamespacePodAffinity */
    char *namespace;          /* for rules about pods: where it is, */
    struct text_pair *labels; /* and what its labels are */
    size_t label_count;
    struct pod_rule *rules; /* about the pods near it: all must hold */
    size_t rule_count;
};

void pod_demand_finish(struct pod_demand *pod);

/* Adders copy their texts. The container returned is zeroed, and valid until the next one. */
struct container_demand *pod_demand_add_container(struct pod_demand *pod, enum container_kind kind);
void container_demand_request(struct container_demand *container, size_t kind, int64_t amount);
void container_demand_limit(struct container_demand *container, size_t kind, int64_t amount);
void pod_demand_add_selector(struct pod_demand *pod, const char *key, const char *value);
void pod_demand_add_toleration(struct pod_demand *pod, const struct toleration *toleration);
struct match_term *pod_demand_add_term(struct pod_demand *pod); /* valid until the next one */

/* What the control plane lets pods tolerate that ask for cpu or memory: nodes short of memory. */
void pod_demand_tolerate_pressure(struct pod_demand *pod);
void pod_demand_set_namespace(struct pod_demand *pod, const char *namespace);
void pod_demand_add_label(struct pod_demand *pod, const char *key, const char *value);
void pod_demand_take_rule(struct pod_demand *pod, const struct pod_rule *rule); /* its texts too */
void pod_demand_set_priority_class(struct pod_demand *pod, const char *name);   /* NULL: none */

/* A deep copy into *out_pod, which is overwritten. */
void pod_demand_copy(const struct pod_demand *pod, struct pod_demand *out_pod);

/* Labels tell pods apart only where they have rules about pods: jobs that differ in a label alone
 * ask for the same. */
bool pod_demand_equal(const struct pod_demand *a, const struct pod_demand *b);

/* The namespace, labels and rules alone, of a pod that is there. */
void pod_demand_copy_company(const struct pod_demand *pod, struct pod_demand *out_pod);

/* What decides which nodes accept it: selectors, required affinity, tolerations. The hash of
 * equal ones is equal, in every run. The copy has nothing else. */
bool pod_demand_same_where(const struct pod_demand *a, const struct pod_demand *b);
uint64_t pod_demand_where_hash(const struct pod_demand *pod);
void pod_demand_copy_where(const struct pod_demand *pod, struct pod_demand *out_pod);

/* What a scheduler and a quota count: max(init, main + sidecars) + overhead; a request that is
 * not set is the limit, if that is set. RESOURCE_PODS is 1. */
struct resources pod_demand_requests(const struct pod_demand *pod);

/* Overhead counts where there is a limit. RESOURCE_PODS is 0. */
struct resources pod_demand_limits(const struct pod_demand *pod);

/* No container has a request or limit of cpu or memory. */
bool pod_demand_is_best_effort(const struct pod_demand *pod);

/* Has it anti-affinity to other pods? */
bool pod_demand_keeps_apart(const struct pod_demand *pod);

enum pod_role {
    POD_ROLE_POD,
    POD_ROLE_DRIVER,
    POD_ROLE_EXECUTOR,
    POD_ROLE_COUNT,
};

#define DEMAND_GROUPS_MAX 16

const char *pod_role_text(enum pod_role role); /* "pod", "driver", "executor" */

/* Equal pods. */
struct pod_group {
    enum pod_role role;
    uint32_t count;
    uint32_t least; /* of executors: so many are there for as long as it runs; 0: not always any */
    struct pod_demand pod;
    /* By demand_settle(): */
    struct resources requests; /* effective, of one pod; RESOURCE_PODS is 1 */
    struct resources limits;
    uint64_t where_hash; /* pod_demand_where_hash() */
    bool best_effort;
};

/* Objects as quotas name them, without "count/": "services", "configmaps", "deployments.apps",
 * "requests.storage" (bytes), "fast.storageclass.storage.k8s.io/requests.storage". */
struct object_demand {
    char *key;
    int64_t amount;
};

/* Claims that are made for the pods, each of so many bytes: for a LimitRange. Their sums are
 * among the objects. */
struct claim_demand {
    int64_t bytes;
    int64_t count;
};

#define DEMAND_ORIGIN_BYTES 16

struct demand {
    struct pod_group *groups; /* the driver first */
    size_t group_count;
    struct claim_demand *claims;
    size_t claim_count;
    struct object_demand *objects; /* sorted by key, no key twice */
    size_t object_count;
    /* By demand_settle(): */
    struct resources requests; /* of all pods; RESOURCE_PODS counts them */
    struct resources limits;
    uint64_t hash;
    bool settled;
    uint32_t uses;
    unsigned char origin[DEMAND_ORIGIN_BYTES]; /* see demand_set_origin(); all zero: not known */
};

struct demand *demand_create(void);
void demand_destroy(struct demand *demand); /* one use less; the last one frees. Accepts NULL. */

/* One use more of a settled demand; gives it back. */
struct demand *demand_share(struct demand *demand);

/* A deep copy, not settled, used once. */
struct demand *demand_copy(const struct demand *demand);

/* A group of count zeroed pods; valid until the next one is added. */
struct pod_group *demand_add_group(struct demand *demand, enum pod_role role, uint32_t count);

/* So many more of a kind of object; "count/" in front of the key is dropped. */
void demand_add_object(struct demand *demand, const char *key, int64_t amount);

/* So many PersistentVolumeClaims; storage_class NULL or "": none is named. */
void demand_add_claims(struct demand *demand, const char *storage_class, int64_t bytes,
                       int64_t count);
int64_t demand_object_amount(const struct demand *demand, const char *key); /* 0: none */

/* Compute what is derived; no more changes after it. */
void demand_settle(struct demand *demand);

/* What a settled demand was computed from, as a digest: whatever has the same origin has the same
 * demand, in every run of this program. It is no part of the demand. */
void demand_set_origin(struct demand *demand, const unsigned char origin[DEMAND_ORIGIN_BYTES]);

/* Of settled demands. Equal demands have equal hashes, in every run. */
bool demand_equal(const struct demand *a, const struct demand *b);
uint64_t demand_hash(const struct demand *demand);

#endif
