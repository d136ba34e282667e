/* policy/ledger.h - the cluster's books: who uses what of each namespace and each node.
 *
 * Fed with watch events in any order and any number of times: put is "it is like this now".
 * It keeps its own copies. Pods of unknown nodes and quotas of empty namespaces are fine.
 *
 * A reservation is an admitted gang: its pods that are not visible yet are charged to the
 * namespace as reserved, and placed on nodes first in each pass. A visible pod of the job takes
 * the place of one of them; when it goes (an executor died) the place is open again, until the
 * reservation is dropped with the attempt.
 */
#ifndef POLICY_LEDGER_H
#define POLICY_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "policy/demand.h"
#include "policy/node.h"
#include "policy/quota.h"
#include "policy/quota_floor.h"

struct ledger;
struct room;

/* A pod as the watch shows it; borrowed for the call. */
struct ledger_pod {
    const char *uid; /* the key */
    const char *namespace;
    const char *node;   /* NULL: not bound */
    bool finished;      /* Succeeded or Failed */
    uint64_t version;   /* resourceVersion; 0: not known */
    int64_t overdue_us; /* being deleted: quotas forget it then, on the wall clock; 0: never */
    uint64_t job_id;    /* ours: whose reservation it fills; 0: foreign */
    enum pod_role role; /* with job_id: in which group */
    const struct pod_demand *demand;
};

/* Charged to a namespace, from 0; an index stays for the ledger's life. */
struct ledger_namespace {
    char *name;
    struct quota **quotas; /* sorted by name */
    size_t quota_count;
    struct usage own;      /* visible pods, and visible objects of reservations */
    struct usage reserved; /* pods to come, and objects of reservations */
    struct quota_floor floor;
};

struct ledger_node {
    char *name;
    struct node *node;     /* NULL: pods are bound to it, but it was not listed */
    struct resources used; /* effective requests of its live pods; RESOURCE_PODS counts them */
    size_t pod_count;      /* that name it, finished ones too */
    uint32_t room_at;      /* room's own: its number there, or ROOM_NOWHERE */
    bool room_touched;     /* room's own: changed since room_refresh() */
};

/* A visible live pod without a node. */
struct ledger_unbound {
    uint64_t order; /* of arrival */
    uint64_t job_id;
    struct pod_demand pod;
    struct resources requests;
};

/* How long an admitted gang stays; zeroed: unknown. */
struct ledger_stay {
    int64_t started_us; /* its main pod ran; 0: not yet */
    int64_t runtime_us; /* expected; 0: unknown */
    int64_t limit_us;   /* at most; 0: none */
    bool is_leaving;    /* its attempt is over: its pods go, and no more come */
};

/* A gang that was admitted. */
struct ledger_reservation {
    uint64_t job_id;
    size_t namespace_index;
    struct demand *demand; /* shared */
    bool objects_visible;
    struct ledger_stay stay;
};

struct ledger *ledger_create(void);
void ledger_destroy(struct ledger *ledger);

/* Each put replaces what has the same key (a pod's uid, a node's name, a quota's namespace and
 * name); each remove of what is not there does nothing. */
void ledger_put_pod(struct ledger *ledger, const struct ledger_pod *pod);
void ledger_remove_pod(struct ledger *ledger, const char *uid);
void ledger_remove_pod_at(struct ledger *ledger, const char *uid,
                          uint64_t version); /* of its end */
void ledger_put_node(struct ledger *ledger, const struct node *node);
void ledger_remove_node(struct ledger *ledger, const char *name);

/* Nothing more is to start on it, or all may again: until said otherwise, however often the node is
 * put. Of a node that is not there nothing is kept. */
void ledger_shun_node(struct ledger *ledger, const char *name, bool shunned);
void ledger_put_quota(struct ledger *ledger, const struct quota *quota);
void ledger_remove_quota(struct ledger *ledger, const char *namespace, const char *name);

/* A pod that was put, by its uid: what is kept of it, borrowed until it changes. False: none. */
struct ledger_seen {
    const char *namespace;
    const char *node; /* "": not bound */
    enum pod_role role;
    bool finished;
};
bool ledger_get_pod(const struct ledger *ledger, const char *uid, struct ledger_seen *out_seen);

/* It is now_us, on the wall clock: end what is over (policy/quota_floor.h, and pods that should
 * be gone). True if a quota may have more room. O(1) before ledger_due_us(). */
bool ledger_advance(struct ledger *ledger, int64_t now_us);
int64_t
ledger_due_us(const struct ledger *ledger); /* CLOCK_NEVER_US: only an event can change it */

/* The server refused a pod for want of quota: its figures are newer than what we believed. */
void ledger_quota_refused(struct ledger *ledger, const char *namespace);

/* Admit a job: a settled demand, shared from now on. Pods of it that are visible already count.
 * A second reserve of the same job replaces the first. */
void ledger_reserve(struct ledger *ledger, uint64_t job_id, const char *namespace,
                    struct demand *demand);

/* How long it is expected to stay; nothing if it has no reservation. */
void ledger_expect(struct ledger *ledger, uint64_t job_id, const struct ledger_stay *stay);

/* Of how many reservations is the run time known? And does any leave? */
size_t ledger_stay_count(const struct ledger *ledger);
bool ledger_has_leaving(const struct ledger *ledger);

/* Its objects exist: charge them as own until the release, no longer on top of status.used. */
void ledger_objects_visible(struct ledger *ledger, uint64_t job_id);

/* The attempt is over (or came to nothing). Its visible pods stay charged until they go. */
void ledger_release(struct ledger *ledger, uint64_t job_id);

/* The node pools that may grow; copied. */
struct node_pool;
void ledger_set_pools(struct ledger *ledger, const struct node_pool *pools, size_t count);

/* The nodes with what is free on them, kept up to date as the books change: policy/room.h. */
struct room *ledger_room(const struct ledger *ledger);

/* The live pods that are bound: where, and namespace, labels and rules. `antis`: those with
 * anti-affinity alone. Begin with 0; false: no more. */
bool ledger_next_company(const struct ledger *ledger, bool antis, size_t *at,
                         const struct ledger_node **out_node,
                         const struct pod_demand **out_company);

/* For the pass. Nodes are sorted by name, unbound pods by arrival, reservations by job id. */
size_t ledger_namespace_index(struct ledger *ledger, const char *name); /* made if it is new */
size_t ledger_namespace_count(const struct ledger *ledger);
const struct ledger_namespace *ledger_namespace(const struct ledger *ledger, size_t index);
uint64_t ledger_namespace_version(const struct ledger *ledger, size_t index); /* from 1; new when
                                                                              its books change */

/* Whose reservation, stay or pods changed, one after the other: how often that was, and the job of
 * the n-th time, counted from 0, for the last LEDGER_JOBS_NOTED of them. */
#define LEDGER_JOBS_NOTED 4096
uint64_t ledger_job_changes(const struct ledger *ledger);
uint64_t ledger_changed_job(const struct ledger *ledger, uint64_t n);

uint64_t ledger_nodes_version(const struct ledger *ledger); /* new when a listed node changes */
const struct resources *ledger_capacity(const struct ledger *ledger); /* of all listed nodes */
size_t ledger_node_count(const struct ledger *ledger);
const struct ledger_node *ledger_node(const struct ledger *ledger, size_t index);
struct ledger_node *ledger_room_node(const struct ledger *ledger, size_t index); /* for room.c */
const struct ledger_unbound *ledger_next_unbound(const struct ledger *ledger, size_t *at);
const struct ledger_unbound *ledger_find_unbound(const struct ledger *ledger, uint64_t order);
const struct ledger_reservation *ledger_next_reservation(const struct ledger *ledger, size_t *at);
size_t ledger_reservation_after(const struct ledger *ledger, uint64_t job_id); /* for `at` */
const struct ledger_reservation *ledger_find_reservation(const struct ledger *ledger,
                                                         uint64_t job_id);

/* Where the live pods of a job are: those that are bound, and those that are to come where
 * room_refresh() has put them. node is an index of room_place(). */
typedef void ledger_run_fn(void *context, uint32_t node, uint32_t count,
                           const struct resources *requests);
void ledger_each_run(const struct ledger *ledger, uint64_t job_id, ledger_run_fn *visit,
                     void *context);

/* Add the live pods of a job, if they are of the namespace, so many times to a usage. */
void ledger_add_pods_of(const struct ledger *ledger, uint64_t job_id, size_t namespace_index,
                        struct usage *usage, int64_t times);

/* The next job with visible pods but without a reservation: its attempt is over, and they go. */
uint64_t ledger_next_leaving(const struct ledger *ledger, size_t *at); /* 0: no more */

/* How many pods of a group are still to come. */
uint32_t ledger_outstanding(const struct ledger *ledger,
                            const struct ledger_reservation *reservation, size_t group);

struct resources ledger_node_free(const struct ledger_node *node);

/* Sums recomputed from scratch must equal those kept; by ENSURE. O(everything). */
void ledger_verify(const struct ledger *ledger);

/* OK, or ERR_FULL with a sentence: the first quota key or node whose visible pods exceed it. */
int ledger_overrun(const struct ledger *ledger, const struct resource_names *names,
                   struct error *error) MUST_CHECK;

#endif
