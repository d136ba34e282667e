/* policy/ledger_inside.h - what the files of policy/ledger.h share. */
#ifndef POLICY_LEDGER_INSIDE_H
#define POLICY_LEDGER_INSIDE_H

#include "base/map.h"
#include "policy/ledger.h"

/* What the books keep of a visible pod. */
struct kept_pod {
    size_t namespace_index;
    struct ledger_node *node; /* NULL: not bound */
    uint64_t job_id;
    enum pod_role role;
    bool finished;
    bool overdue;
    int64_t overdue_us;
    struct pod_scope scope;
    char *priority_class; /* owned; scope's text */
    struct resources requests;
    struct resources limits;
    struct ledger_unbound *unbound; /* NULL: bound or finished */
    struct kept_pod *next_of_job;
    struct kept_pod **link_of_job; /* what points here */
    struct pod_demand company;     /* of a bound live pod: namespace, labels and rules */
};

/* Of one job's visible pods. */
struct kept_job {
    uint64_t id;
    uint64_t live[POD_ROLE_COUNT];
    uint64_t pod_count;
    struct kept_pod *pods;
};

struct ledger {
    struct map namespaces_by_name; /* size_t: the index */
    struct ledger_namespace **namespaces;
    uint64_t *versions; /* of the namespaces, side by side: a pass looks at all of them */
    size_t namespace_count;
    struct map pods; /* by uid: struct kept_pod */
    struct map nodes_by_name;
    struct ledger_node **nodes; /* sorted by name */
    size_t node_count;
    uint64_t nodes_version;
    struct resources capacity; /* allocatable of all listed nodes */
    struct map unbound;        /* by order of arrival */
    uint64_t unbound_order;
    struct map jobs;        /* by job id: struct kept_job */
    struct map antis;       /* by uid: struct kept_pod, bound, live, with anti-affinity */
    struct map terminating; /* by uid: struct kept_pod with an overdue_us to come */
    struct map leaving;     /* by job id: struct kept_job of those without a reservation */
    uint64_t version;       /* the newest seen */
    uint64_t job_changes;
    uint64_t changed_jobs[LEDGER_JOBS_NOTED]; /* a ring */
    int64_t now_us;
    int64_t due_us;                           /* when ledger_advance() has something to do */
    struct ledger_reservation **reservations; /* sorted by job id */
    size_t reservation_count;
    size_t stay_count; /* of them with a known run time */
    size_t leaving_count;
    struct room *room;
};

/* ledger.c: the namespace whose books are about to change; the newest version seen; when
 * ledger_advance() has something to do. */
struct ledger_namespace *ledger_change_namespace(struct ledger *ledger, size_t index);
void ledger_note_version(struct ledger *ledger, uint64_t version);
void ledger_note_due(struct ledger *ledger, int64_t due_us);

/* ledger_reservations.c: the job's, or NULL; charge what it still waits for, `times` times (1 or
 * -1); and whether the job's pods are all there is of it. */
struct ledger_reservation *ledger_own_reservation(const struct ledger *ledger, uint64_t job_id);
void ledger_charge_reservation(struct ledger *ledger, const struct ledger_reservation *reservation,
                               int64_t times);
void ledger_reservation_destroy(struct ledger_reservation *reservation);
void ledger_note_job(struct ledger *ledger, uint64_t job_id); /* ledger_changed_job() */
void ledger_note_whether_leaving(struct ledger *ledger, uint64_t job_id);

/* ledger_nodes.c: where a node of that name is, or would be. */
size_t ledger_node_at(const struct ledger *ledger, const char *name);
struct ledger_node *ledger_need_node(struct ledger *ledger, const char *name);
void ledger_drop_node_if_unused(struct ledger *ledger, struct ledger_node *record);
void ledger_node_destroy(struct ledger_node *record);

/* ledger_pods.c: charge a pod to its namespace, node and job (times 1), or take it back (-1). */
void ledger_charge_pod(struct ledger *ledger, struct kept_pod *pod, int times);
void ledger_finish_pods(struct ledger *ledger);

#endif
