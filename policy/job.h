/* policy/job.h - a job: its life cycle as a table, and what scheduling needs of it.
 *
 * A job changes state only through job_move(), which consults the table of allowed
 * transitions; the table is the documentation and a test walks every pair.
 */
#ifndef POLICY_JOB_H
#define POLICY_JOB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/limits.h"
#include "policy/window.h"

/* name, text shown to people and stored in JSON */
#define JOB_STATE_LIST(X)                                                                    \
    X(JOB_HELD, "HELD")             /* waits for a person to release it */                   \
    X(JOB_QUEUED, "QUEUED")         /* waits for quota, capacity, or its turn */             \
    X(JOB_SUBMITTING, "SUBMITTING") /* admitted; its pod is being created */                 \
    X(JOB_STARTING, "STARTING")     /* the pod exists and does not run yet */                \
    X(JOB_RUNNING, "RUNNING")       /* the pod runs */                                       \
    X(JOB_RETRY_WAIT, "RETRY_WAIT") /* an attempt failed; the next one waits its back-off */ \
    X(JOB_SUCCEEDED, "SUCCEEDED")                                                            \
    X(JOB_FAILED, "FAILED")                                                                  \
    X(JOB_CANCELLED, "CANCELLED")                                                            \
    X(JOB_REJECTED, "REJECTED") /* refused for good by the API server, or unreadable */      \
    X(JOB_SKIPPED, "SKIPPED")   /* its time passed */

enum job_state {
#define JOB_STATE_ENUM(name, text) name,
    JOB_STATE_LIST(JOB_STATE_ENUM)
#undef JOB_STATE_ENUM
    JOB_STATE_COUNT,
};

const char *job_state_text(enum job_state state);
int job_state_parse(const char *text, enum job_state *out_state) MUST_CHECK;

/* May a job go from one state to the other? */
bool job_may_move(enum job_state from, enum job_state to);

bool job_state_is_final(enum job_state state);

/* Does an attempt exist whose pods are, or may be, in the cluster? */
bool job_state_is_active(enum job_state state);

/* Waits for the scheduler's decision, so it always has a reason: QUEUED, RETRY_WAIT, HELD. */
bool job_state_is_waiting(enum job_state state);

/* Kinds of work; stored, so values stay. */
enum job_kind {
    JOB_KIND_SPARK = 0, /* we build the driver as spark-submit would */
    JOB_KIND_POD = 1,   /* one plain pod */
    JOB_KIND_COUNT,
};

/* How an attempt ended, or why it never started. Stored, so values stay; DESIGN 6.8. */
#define FAILURE_LIST(X)                                                                  \
    X(FAILURE_NONE, "none")                                                              \
    X(FAILURE_SUBMIT_TRANSIENT, "submit_transient") /* the API server failed us */       \
    X(FAILURE_QUOTA_RACE, "quota_race")             /* somebody took the quota first */  \
    X(FAILURE_REJECTED, "rejected")                 /* the API server refuses the pod */ \
    X(FAILURE_IMAGE, "image")                                                            \
    X(FAILURE_CONFIG, "config") /* a secret or config map is missing */                  \
    X(FAILURE_UNSCHEDULABLE, "unschedulable")                                            \
    X(FAILURE_EXECUTOR_STARVED, "executor_starved")                                      \
    X(FAILURE_OOM, "oom")                                                                \
    X(FAILURE_EVICTED, "evicted")                                                        \
    X(FAILURE_NODE_LOST, "node_lost") /* the pod vanished with its node, or by hand */   \
    X(FAILURE_PREEMPTED, "preempted")                                                    \
    X(FAILURE_DEADLINE, "deadline")                                                      \
    X(FAILURE_APP, "app") /* the program itself: by exit code */                         \
    X(FAILURE_CANCELLED, "cancelled")                                                    \
    X(FAILURE_DEPENDENCY, "dependency") /* what it waited for can't come any more */

enum failure {
#define FAILURE_ENUM(name, text) name,
    FAILURE_LIST(FAILURE_ENUM)
#undef FAILURE_ENUM
    FAILURE_COUNT,
};

const char *failure_text(enum failure failure);

/* What becomes of a job that has not started by its time. Stored, so values stay. */
enum start_miss {
    START_MISS_WARN = 0, /* it is told, and starts when it can */
    START_MISS_SKIP = 1, /* it is told, and never starts */
    START_MISS_COUNT,
};

/* The words for it, ended by NULL. */
extern const char *const start_miss_texts[START_MISS_COUNT + 1];

/* What was told of a job's deadlines, each once. Stored, so values stay. */
enum alarm {
    ALARM_START_MISSED = 1 << 0,
    ALARM_START_RISK = 1 << 1, /* a miss was foreseen, */
    ALARM_START_SAFE = 1 << 2, /* and then no longer */
    ALARM_FINISH_MISSED = 1 << 3,
    ALARM_FINISH_RISK = 1 << 4,
    ALARM_FINISH_SAFE = 1 << 5,
    ALARM_RUNTIME = 1 << 6, /* of the current attempt */
};

/* Retry policy; zeroed means "no retries". */
struct retry_policy {
    bool always;                /* runs again whenever it ends, until it is cancelled */
    uint32_t retries_max;       /* after the first attempt, of failures that spend */
    uint32_t infra_retries_max; /* of failures that do not */
    int64_t backoff_first_us;
    int64_t backoff_max_us;
    const char *rules; /* what the job says of single classes and exit codes; "" or NULL: nothing */
};

/* Exponential back-off with full jitter: uniform in [0, min(max, first * 2^(failures-1))].
 * `unit` is the caller's draw from [0, 1). Never below 1 ms. Source: Brooker, "Exponential
 * Backoff And Jitter" (AWS Architecture Blog, 2015). */
int64_t retry_backoff_us(const struct retry_policy *policy, uint32_t failures, double unit);

/* Which run of its schedule a job is; zeroed: of none. */
struct occurrence {
    int64_t civil_s;       /* when it was meant to run, on the wall clock of the schedule's zone */
    int64_t time_us;       /* that instant, or the one at which clocks jumped over it */
    int32_t business_date; /* the day it works for, since 1970-01-01 */
    bool fold;             /* the wall clock showed civil_s for the second time */
};

/* What scheduling needs of a job, as a value. Texts are borrowed from whoever made it (the
 * view's intern table, a record being decoded). Times are wall clock, microseconds since the
 * Unix epoch; 0 is "not yet". */
struct job {
    uint64_t id; /* from 1, in submission order */
    const char *name;
    const char *namespace;
    const char *team;
    const char *submitter;
    const char *priority_class; /* "": the lowest of ordinary ones, tier 0 */
    const char *window;   /* names of windows, joined by commas; "" or NULL: starts at any time */
    const char *schedule; /* whose run it is; "" or NULL: it was submitted by itself */
    struct occurrence occurrence; /* of that */
    const char *after;    /* what it waits for, as policy/after.h writes it; "" or NULL: nothing */
    const char *array;    /* "0-999%50": the indices of its array; "" or NULL: it is of none */
    uint64_t array_id;    /* the first element's id; the others follow it */
    const char *pod_name; /* its driver's pod in every attempt; "" or NULL: named after it */
    const char *avoid;    /* nodes that failed it: node_avoid_parse(); "" or NULL: none */
    enum job_kind kind;
    enum job_state state;
    int32_t priority;  /* higher goes first */
    uint32_t attempt;  /* the current or last one, from 1; 0: none yet */
    uint32_t failures; /* attempts that failed, for the back-off */
    uint32_t retries;  /* spent of retry.retries_max */
    uint32_t infra_retries;
    uint64_t failed_as[2];  /* how often with each class: retry_count_of() */
    uint32_t driver_growth; /* thousandths of its memory as submitted; 0: as submitted */
    uint32_t executor_growth;
    uint32_t ttl_s;       /* finished pods are deleted after it; JOB_TTL_NEVER keeps them */
    uint32_t event_count; /* events written so far; the next one's sequence number */
    struct retry_policy retry;
    int64_t submitted_us;
    int64_t eligible_us; /* not considered before */
    int64_t admitted_us; /* of the current attempt */
    int64_t started_us;  /* of the current attempt: its pod ran */
    int64_t finished_us;
    int64_t close_us;           /* the current attempt is stopped then; 0: its window lets it run */
    enum window_close at_close; /* and this is what becomes of it */
    int64_t expected_runtime_us; /* by its submitter; 0: not said */
    int64_t max_runtime_us;      /* a run is stopped after it; 0: never */
    int64_t warn_runtime_us;     /* and is told of after it; 0: never */
    int64_t start_by_us;         /* its first run is to start by then; 0: whenever */
    enum start_miss start_miss;
    int64_t finish_by_us; /* it is to succeed by then; 0: whenever */
    uint32_t alarms;      /* of enum alarm */
    int64_t preempted_us; /* the last time */
    uint32_t preemptions; /* so far */
    enum failure failure; /* of the last attempt */
    int32_t exit_code;    /* of the last attempt; -1: unknown */
    bool cancel_requested;
    bool for_operator;      /* its application is handed to the Spark operator */
    bool preemptible;       /* may be stopped for a job of a higher tier */
    bool preempt_requested; /* the current attempt is being stopped for another job */
    bool has_run;           /* a pod of any attempt ran */
    bool is_retried;        /* by a person, after it was over: no missed start keeps it back */
    bool pods_deleted;      /* the last attempt's pods are gone, or were asked to go */
    bool submitted_held;
};

#define JOB_TTL_NEVER UINT32_MAX

/* "uid:1000(alice)" is alice, "token:airflow" airflow: who it is, however the door was passed. */
void job_user(const char *submitter, char out_user[LIMIT_NAME_BYTES + 1]);

/* The new state; an illegal transition is our bug (ENSURE). */
enum job_state job_move(enum job_state from, enum job_state to);

#endif
