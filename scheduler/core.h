/* scheduler/core.h - the scheduler as a pure function over its view of queue and cluster.
 *
 * The view is all that is known: jobs from the queue, pods, nodes, quotas and limit ranges from
 * the cluster. A turn applies events to it, decides what starts, and says what to store, what to
 * ask of the cluster and what to answer. It touches no clock, disk or network; chance comes from
 * the seed it was given. Equal histories give equal turns.
 */
#ifndef SCHEDULER_CORE_H
#define SCHEDULER_CORE_H

#include "base/clock.h"
#include "policy/reason.h"
#include "policy/share.h"
#include "scheduler/event.h"

struct core;
struct ledger;

struct core_options {
    uint64_t next_id; /* for the next job submitted */
    uint64_t seed;
    struct core_settings settings;
};

struct core *core_create(const struct core_options *options);
void core_destroy(struct core *core); /* Accepts NULL. */

/* A strict tier of jobs: the higher one goes first. */
struct priority_class {
    const char *name;
    int32_t tier;
};

/* Who shares, and what limits there are; copied. */
struct core_teams {
    const struct priority_class *classes;
    size_t class_count;
    struct share_settings share;
};

/* The node pools that may grow; copied. */
struct node_pool;
void core_set_pools(struct core *core, const struct node_pool *pools, size_t count);

/* Between turns, and before jobs are loaded; the next pass goes by them. Without it there are no
 * teams, no limits, and one tier. */
void core_set_teams(struct core *core, const struct core_teams *teams, int64_t now_us);

/* The books of who shares. */
const struct share *core_share(const struct core *core);

/* At start, before the first turn: a job from the queue, in id order. demand is settled and gets
 * shared; NULL if its spec can't be read any more: an active job is followed to its end, a
 * waiting one is rejected in the first turn. attempt is its last one, NULL if none. */
void core_load_job(struct core *core, const struct job *job, struct demand *demand,
                   const struct attempt *attempt);

/* The same for what a user used (FACT_USAGE); before the jobs. ERR_CORRUPT, ERR_INVALID, ERR_FULL:
 * it is left out. */
int core_load_usage(struct core *core, const struct fact *fact) MUST_CHECK;

/* Records of jobs or attempts are lost, and with them what users were charged for. */
void core_doubt_usage(struct core *core);

/* The same for what runs of a name took (FACT_RUNS). ERR_CORRUPT, ERR_FULL: it is left out. */
int core_load_runs(struct core *core, const struct fact *fact) MUST_CHECK;

/* The same for how members of a group ended that are forgotten (FACT_GROUP); before the jobs.
 * ERR_CORRUPT: it is left out. */
int core_load_group(struct core *core, const struct fact *fact) MUST_CHECK;

/* An array whose elements are not all there yet (FACT_ARRAY), with the specification and the demand
 * of its first element; after the jobs. ERR_CORRUPT: it is left out, and those to come are lost. */
int core_load_array(struct core *core, const struct fact *fact, const struct spec *spec,
                    struct demand *demand) MUST_CHECK;

/* The same for an array that was being cancelled (FACT_ARRAY_CANCEL); after both. ERR_CORRUPT: it
 * is left out, and goes on. */
int core_load_array_cancel(struct core *core, const struct fact *fact) MUST_CHECK;

/* And for memory that was grown (FACT_MEMORY), and for breakers (FACT_BREAKER). */
int core_load_memory(struct core *core, const struct fact *fact) MUST_CHECK;
int core_load_breaker(struct core *core, const struct fact *fact) MUST_CHECK;
/* And for nodes that failed jobs (FACT_NODE). */
int core_load_node(struct core *core, const struct fact *fact) MUST_CHECK;

/* The same for what receivers are still to be told (FACT_NOTICE). ERR_CORRUPT: it is left out. */
int core_load_notice(struct core *core, const struct fact *fact) MUST_CHECK;
/* The same for schedules (FACT_SCHEDULE): the zone is taken and the demand shared; and then for how
 * far they have come (FACT_SCHEDULE_STATE). ERR_NOT_FOUND: there is no such schedule. */
void core_load_schedule(struct core *core, struct new_schedule *stored);
int core_load_schedule_state(struct core *core, const struct fact *fact) MUST_CHECK;

/* The interned resource names that demands, nodes and quotas given to the core must use. */
struct resource_names *core_resource_names(struct core *core);

/* What a turn asks for. Everything is borrowed from the core until the next turn. */
struct turn {
    struct queue_change *changes;
    size_t change_count;
    struct command *commands;
    size_t command_count;
    struct reply *replies;
    size_t reply_count;
    int64_t wake_after_us; /* look again after this time at the latest; CLOCK_NEVER_US: no need */
};

/* Apply events in order, then decide. Events may be empty: time has passed. */
void scheduler_turn(struct core *core, struct instant instant, struct event *events, size_t count,
                    struct turn *out_turn);

/* --- Looking at the view, between turns ------------------------------------------------------ */

/* A job as it is now; false if there is none (any more). Its texts are borrowed until the next
 * turn. */
bool core_job(const struct core *core, uint64_t id, struct job *out_job);

/* The job with the lowest id above after_id; false at the end. */
bool core_next_job(const struct core *core, uint64_t after_id, struct job *out_job);

/* The jobs that have a deadline before them, from *at = 0 on, the nearest first, the others in no
 * order; some of them may be over already. */
bool core_next_deadline(const struct core *core, size_t *at, uint64_t *out_job_id,
                        int64_t *out_due_us);

/* An array, and how its elements stand. */
struct core_array {
    uint64_t first_id;
    uint64_t count;
    uint32_t running_max;           /* 0: all */
    size_t states[JOB_STATE_COUNT]; /* of those that are known, or to come */
    uint64_t unmade;                /* of those, the last ones: are to come in the next turns */
    struct fact_group forgotten;    /* of the others */
    const char *indices;            /* as in struct job; NULL: none of its elements is known */
    uint64_t any_id;                /* the first that is known; 0: none is */
};

/* A job's id and state alone, quickly: for those who look at a million. As core_next_job(). */
bool core_next_state(const struct core *core, uint64_t after_id, uint64_t *out_id,
                     enum job_state *out_state);

/* By its first element's id; false: there is none. */
bool core_array(const struct core *core, uint64_t first_id, struct core_array *out_array);

/* The latest job of that name, or the first element of the latest array; 0: there is none. O(jobs).
 */
uint64_t core_find_called(const struct core *core, const char *namespace, const char *name);

/* What the next job to be submitted will be called. */
uint64_t core_new_id(const struct core *core);

/* The current or last attempt; NULL if there was none. */
const struct attempt *core_attempt(const struct core *core, uint64_t id);

/* Why a waiting job waits. False for a job that does not wait. */
bool core_reason(const struct core *core, uint64_t id, struct reason *out_reason);

/* The same as a code and a sentence; false and "" for a job that does not wait. */
bool core_reason_print(struct core *core, uint64_t id, struct reason *out_reason,
                       char out_text[REASON_TEXT_BYTES]);

/* How many jobs wait, by team (in order of their names) and reason. O(shapes). */
typedef void core_waiting_fn(void *context, const char *team, enum reason_code reason, size_t jobs);
void core_count_waiting(const struct core *core, core_waiting_fn *tell, void *context);

/* How many waiting jobs are ahead of it in the order, among those of its namespace. */
size_t core_jobs_ahead(const struct core *core, uint64_t id);

/* The first of them, at most so many, in their order; how many. With fair shares those of the
 * same user alone: the others' shares decide, and these change. O(shapes * most). */
struct core_ahead {
    uint64_t job_id;
    int32_t tier;
    int32_t priority;
};
size_t core_list_ahead(const struct core *core, uint64_t id, struct core_ahead *out_ahead,
                       size_t most);

const struct demand *core_demand(const struct core *core, uint64_t id);

/* How long a run of the job takes in all that has gone on for ran_us already, for who looks ahead:
 * one of the earlier runs of its name, by `unit` from [0, 1), or what is expected of it. Always
 * more than ran_us; CLOCK_NEVER_US: nothing is known. out_chance: another unit may give another
 * answer. */
int64_t core_draw_runtime_us(const struct core *core, uint64_t id, double unit, int64_t ran_us,
                             bool *out_chance);

enum breaker_state {
    BREAKER_CLOSED,    /* it counts */
    BREAKER_OPEN,      /* nothing of it starts until its pause is over */
    BREAKER_HALF_OPEN, /* one job may try */
    BREAKER_STATE_COUNT,
};
const char *breaker_state_text(enum breaker_state state);

/* What was learnt of failures, one fact after the other from *at = 0; keys are borrowed until the
 * next turn. */
bool core_next_learnt(const struct core *core, size_t *at, struct fact *out_fact);
bool core_next_breaker(const struct core *core, size_t *at, struct fact *out_fact);

/* The memory that the job's pods were grown to, as of now; false: they are as submitted. */
struct core_grown {
    int64_t driver_bytes;      /* of one pod; 0: as submitted */
    int64_t executor_bytes;    /* the same */
    struct fact_memory learnt; /* of its name; zeroed: forgotten since */
};
bool core_grown(const struct core *core, uint64_t id, struct core_grown *out_grown);

/* The nodes that failed jobs lately, from *at = 0. Borrowed until the next turn. */
struct core_blamed {
    const char *name;
    const struct blame *blame;
    int64_t milli;    /* what weighs against it now, in thousandths of a job */
    int64_t until_us; /* that is enough for all to avoid it; the past: it is not */
    bool is_avoided;  /* by all: not if that were too many nodes */
    bool is_required;
};
bool core_next_blamed(const struct core *core, size_t *at, struct core_blamed *out_node);

/* Add those that everybody avoids to what a job avoids. */
struct avoid_list;
void core_avoid(const struct core *core, struct avoid_list *list);

/* Could a job with these windows (joined by commas; "": none) and run time (0: unknown) ever start?
 * ERR_INVALID with the window that is not there, or with the numbers. */
int core_check_window(struct core *core, const char *windows, int64_t expected_us,
                      struct error *error) MUST_CHECK;

/* How many waiting jobs name this window. O(shapes). */
size_t core_window_waiting(const struct core *core, const char *name);

/* What a receiver is to be told; texts are borrowed until the next turn. */
struct core_notice {
    uint64_t number;
    struct fact_notice value;
    bool in_flight;
};
bool core_notice(const struct core *core, uint64_t number, struct core_notice *out_notice);

/* All of them, the oldest first. */
typedef void core_notice_fn(void *context, const struct core_notice *notice);
void core_each_notice(const struct core *core, core_notice_fn *tell, void *context);

/* The configured windows; NULL: none. Borrowed until the next turn. */
const struct window_set *core_windows(const struct core *core);

/* A schedule as it is now. All is borrowed until the next turn. */
struct core_schedule {
    const char *key; /* namespace/name */
    const struct new_schedule *made;
    const char *creator;
    struct fact_schedule_state state;
    struct cron_time next; /* if has_next */
    bool has_next;
    bool suspended;
    size_t active; /* runs that are not over */
};
bool core_schedule(const struct core *core, const char *key, struct core_schedule *out_schedule);

/* Those there are, one after the other from *at = 0. */
bool core_next_schedule(const struct core *core, size_t *at, struct core_schedule *out_schedule);
size_t core_schedule_count(const struct core *core);

/* How many occurrences were dealt with in that way, since the start. */
uint64_t core_schedule_verdicts(const struct core *core, enum schedule_verdict verdict);

/* The zones of schedules, one after the other from *at = 0; NULL: no more. */
const struct zone *core_next_zone(const struct core *core, size_t *at);

/* Could such a job ever run here, as the cluster is now? ERR_INVALID with the nearest miss or the
 * limit it breaks; OK also while the cluster is not known yet. demand is settled. */
int core_check_possible(struct core *core, const char *namespace, struct demand *demand,
                        struct error *error) MUST_CHECK;

/* The books, for `why` and the metrics. */
const struct ledger *core_ledger(const struct core *core);

/* The pods that are seen, one after the other from *at = 0. Borrowed until the next turn. */
struct core_pod {
    const char *namespace;
    const char *name;
    const char *uid;
    const char *node; /* "": not bound */
    uint64_t job_id;  /* 0: not of this queue */
    uint32_t attempt;
    enum pod_role role;
    bool finished;
};
bool core_next_pod(const struct core *core, size_t *at, struct core_pod *out_pod);

/* The one that has this name now; false: none does. */
bool core_find_pod(const struct core *core, const char *namespace, const char *name,
                   struct core_pod *out_pod);

struct core_counts {
    size_t jobs[JOB_STATE_COUNT];
    size_t pods;
    size_t nodes;
    size_t quotas;
    bool synced[CLUSTER_PART_COUNT];
    bool denied[CLUSTER_PART_COUNT];
    bool draining;
    bool lease_lost;
    bool lost[CLUSTER_PART_COUNT]; /* its watch is cut off: the picture ages */
    uint64_t turns;
    uint64_t admissions;
    uint64_t quota_races;
    uint64_t preemptions; /* jobs stopped for others */
    uint64_t retries;     /* failed attempts that were followed by another */
    size_t breakers_open;
    size_t nodes_avoided; /* by all, for they failed several jobs */
    size_t notices;       /* that are to be sent, */
    size_t notices_dead;  /* or were put aside */
    uint64_t notices_sent;
    uint64_t notices_dropped; /* for want of room */
};
struct core_counts core_counts(const struct core *core);

/* Every invariant of view and ledger; the first that does not hold is described. O(everything);
 * for tests, and after each turn of a simulation. */
int core_verify(const struct core *core, struct error *error) MUST_CHECK;

#endif
