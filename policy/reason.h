/* policy/reason.h - why a job waits: a code and the numbers behind it.
 *
 * A value of fixed size without pointers, so that it outlives what it was found in.
 */
#ifndef POLICY_REASON_H
#define POLICY_REASON_H

#include <stddef.h>
#include <stdint.h>

#include "policy/place.h"
#include "policy/quota.h"
#include "policy/resources.h"
#include "policy/share.h"

#define REASON_RULE_OF_OTHERS (POD_RULE_SPREAD + 1) /* field of CAPACITY: not the pod's own rule */
#define REASON_NAME_BYTES     72                    /* longer names are cut */
#define REASON_TEXT_BYTES     512

/* name, machine text */
#define REASON_LIST(X)                                                                             \
    X(REASON_NONE, "None")                                                                         \
    X(REASON_HELD, "Held")                          /* a person holds it */                        \
    X(REASON_RETRY_WAIT, "RetryWait")               /* until an instant */                         \
    X(REASON_CLUSTER_UNKNOWN, "ClusterUnknown")     /* pods, nodes or quotas not listed yet */     \
    X(REASON_NAMESPACE_UNKNOWN, "NamespaceUnknown") /* no such namespace in the cluster */         \
    X(REASON_QUOTA, "Quota")                        /* short now */                                \
    X(REASON_QUOTA_NEVER, "QuotaNever")             /* more than hard */                           \
    X(REASON_QUOTA_MUST_SPECIFY, "QuotaMustSpecify")                                               \
    X(REASON_LIMIT_RANGE, "LimitRange")                                                            \
    X(REASON_CAPACITY, "Capacity")            /* no room on the nodes now */                       \
    X(REASON_CAPACITY_NEVER, "CapacityNever") /* not even on empty nodes */                        \
    X(REASON_BEHIND, "Behind")                /* what it needs is kept for a job ahead */          \
    X(REASON_TEAM_LIMIT, "TeamLimit")         /* of the user, the team, or one above it */         \
    X(REASON_NAMESPACE_LIMIT, "NamespaceLimit")                                                    \
    X(REASON_START_RATE, "StartRate")            /* enough starts for now */                       \
    X(REASON_WAITING_TURN, "WaitingTurn")        /* not looked at yet */                           \
    X(REASON_DRAINING, "Draining")               /* the daemon starts nothing more */              \
    X(REASON_WINDOW, "Window")                   /* none of its windows is open */                 \
    X(REASON_WINDOW_TOO_SHORT, "WindowTooShort") /* it closes before the job would be done */      \
    X(REASON_WINDOW_UNKNOWN, "WindowUnknown")    /* none of that name is configured */             \
    X(REASON_FREEZE, "Freeze")                   /* nothing starts until it ends */                \
    X(REASON_PREEMPTING, "Preempting")           /* jobs were stopped for it and go */             \
    X(REASON_WOULD_DELAY, "WouldDelay")          /* it would be in the way of a job's promise */   \
    X(REASON_BACKFILL_LIMIT, "BackfillLimit")    /* enough looked at behind a promise */           \
    X(REASON_NOT_LEADER, "NotLeader")                                                              \
    X(REASON_POD_REMAINS, "PodRemains")           /* an earlier attempt's pod is not gone yet */   \
    X(REASON_DEPENDENCY, "Dependency")            /* of what it waits for, something is to come */ \
    X(REASON_DEPENDENCY_NEVER, "DependencyNever") /* as it stands, it can't come */                \
    X(REASON_ARRAY_LIMIT, "ArrayLimit")           /* as many of its array run as may */            \
    X(REASON_BREAKER, "Breaker")                  /* jobs like it failed alike in a row */         \
    X(REASON_POD_NAME, "PodName")                 /* the name that its pod is to have is taken */

enum reason_code {
#define REASON_ENUM(name, text) name,
    REASON_LIST(REASON_ENUM)
#undef REASON_ENUM
    REASON_CODE_COUNT,
};

/* Which members count depends on the code. Zeroed is REASON_NONE. Padding is zero in those the
 * functions below make, so that memcmp() tells whether a reason changed. */
struct reason {
    uint32_t code; /* enum reason_code */
    /* QUOTA: enum quota_field; LIMIT: enum share_limit; CAPACITY with a key: the rule's kind;
     * POD_NAME: enum reason_holder */
    uint8_t field;
    uint8_t kind;       /* QUOTA, CAPACITY, LIMIT: the resource */
    uint8_t role;       /* CAPACITY: enum pod_role */
    uint8_t ahead_code; /* BEHIND: what the job ahead waits for */
    uint64_t job_id;    /* BEHIND, POD_NAME: the job ahead; DEPENDENCY...: that it waits for */
    int64_t until_us;   /* RETRY_WAIT, WINDOW..., FREEZE; WOULD_DELAY: when that job starts */
    int64_t needs;      /* WINDOW...: the expected run time, us; 0: unknown */
    int64_t starts_us;  /* promised to it, whatever the code; 0: nothing is */
    int64_t free;
    int64_t hard; /* WINDOW_TOO_SHORT: when it closes */
    int64_t used; /* taken of it: the larger of status.used and our own sum */
    int64_t own;
    int64_t reserved;
    uint32_t placed;
    uint32_t wanted;
    uint32_t nodes;
    uint32_t nodes_matching;
    uint32_t is_pool;      /* CAPACITY: `name` is the pool of a node that may come */
    uint32_t starts_nodes; /* promised */
    /* QUOTA: namespace/quota; MUST_SPECIFY: the quota; CAPACITY: the nearest node; LIMIT: whose;
     * WINDOW..., FREEZE: its name; POD_NAME: namespace/pod. */
    char name[REASON_NAME_BYTES];
    /* QUOTA: the key; MUST_SPECIFY: what is missing; WINDOW...: until_us on its clock. */
    char key[REASON_NAME_BYTES];
    char starts_on[REASON_NAME_BYTES]; /* the first of the promised nodes */
};

const char *reason_code_text(enum reason_code code);

struct reason reason_plain(enum reason_code code);
struct reason reason_retry_wait(int64_t until_us);
/* A breaker is open, until an instant, or as long as a job tries (probe_id; 0: none does). */
struct reason_broken {
    const char *key;
    uint32_t failures;
    const char *failure; /* the class */
    int32_t exit_code;
    int64_t until_us;
    uint64_t probe_id;
};
struct reason reason_breaker(const struct reason_broken *broken);

/* Who has the name that a job's pod is to have. */
enum reason_holder {
    HOLDER_JOB,           /* job_id is before it */
    HOLDER_NEXT,          /* nobody (any more): it is about to be offered */
    HOLDER_POD,           /* the pod of job_id, which has neither finished nor gone */
    HOLDER_ENDED,         /* the same, which has ended and goes */
    HOLDER_FOREIGN,       /* a pod that is not this queue's */
    HOLDER_FOREIGN_ENDED, /* the same, which has ended */
    HOLDER_COUNT,
};
struct reason reason_pod_name(enum reason_holder holder, uint64_t job_id, const char *pod);

struct reason reason_behind(uint64_t job_id, enum reason_code ahead_code);

/* Of an answer that does not fit. */
struct reason reason_quota(const struct quota_answer *answer, const struct demand *demand);

/* Of an answer that refuses; `whose` is the team's or the namespace's name. */
struct reason reason_limit(const struct share_answer *answer, const char *whose);

/* code: REASON_CAPACITY or REASON_CAPACITY_NEVER. */
struct reason reason_capacity(enum reason_code code, const struct place *place,
                              const struct demand *demand, const struct place_miss *miss);

/* Promise it an instant, on so many nodes; `node` is the first of them, NULL if there is none. */
void reason_promise(struct reason *reason, int64_t starts_us, uint32_t nodes, const char *node);

/* One sentence, such as "quota team-a/compute requests.memory: needs 24Gi, free 10Gi of 100Gi
 * (pods 84Gi, reserved 6Gi)". */
void reason_print(const struct reason *reason, const struct resource_names *names,
                  char out_text[REASON_TEXT_BYTES]);

#endif
