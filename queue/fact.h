/* queue/fact.h - small things the scheduler wants to know again after a restart.
 *
 * A fact is a value of a kind under a text key: the usage of a team's account, the latest run times
 * of a job's name. The scheduler puts them with CHANGE_FACT_PUT in the turn that changes them,
 * drops them with CHANGE_FACT_DROP, and reads all of a kind with queue_each_fact() at start.
 *
 * To add a kind: its struct and its member of the union here, its name in FACT_LIST, and its table
 * of fields in fact.c. To add a field to one: a member and a row with the next tag.
 */
#ifndef QUEUE_FACT_H
#define QUEUE_FACT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/blame.h" /* which jobs a node failed; its name as the key */
#include "policy/job.h"
#include "queue/fields.h"

#define FACT_SERIES_MAX 32
#define FACT_USAGE_MAX  8

/* What a user has used, and what of it is carried, decayed up to an instant: see
 * policy/share.h. Under "team/user" are the fixed kinds of resources, under
 * "team/user<tab>resource" is an extended one, in thousandths. */
struct fact_usage {
    int64_t updated_us;
    uint32_t count;
    int64_t amounts[FACT_USAGE_MAX];
    uint32_t carried_count;
    int64_t carried[FACT_USAGE_MAX];
    int64_t since_us;     /* charges before it do not count beside what is carried */
    int64_t half_life_us; /* 0: what is carried is not known */
};

/* The amount of a kind in such a list of so many kinds: whole numbers come first, and then, to a
 * billionth, what is to be added to them. A list has twice as many numbers as kinds. */
double fact_amount(const int64_t *numbers, uint32_t count, size_t kinds, size_t kind);
void fact_set_amount(int64_t *numbers, size_t kinds, size_t kind, double amount);

/* How long jobs of one name ran that succeeded, the latest last; namespace/name as the key. */
struct fact_runs {
    int64_t updated_us;
    uint32_t count;
    int64_t runs_us[FACT_SERIES_MAX];
};

/* The memory that jobs of one name were grown to after they had too little; namespace/name as the
 * key. */
struct fact_memory {
    int64_t updated_us;
    int64_t driver_bytes; /* of one pod; 0: not grown */
    int64_t executor_bytes;
    int64_t learnt_us; /* when they last grew, after this attempt */
    uint64_t job_id;   /* 0: not known */
    uint32_t attempt;
};

/* Jobs of one name, schedule or team that failed alike in a row. */
struct fact_breaker {
    int64_t updated_us;
    uint32_t state; /* enum breaker_state */
    uint32_t failures;
    uint32_t failure; /* enum failure */
    int32_t exit_code;
    int64_t until_us;
    uint64_t probe_id;
};

/* What people asked for: a schedule; its namespace/name as the key. */
struct fact_schedule {
    int64_t created_us;
    int64_t changed_us;
    const char *submitter;
    const char *team;
    const char *text; /* the document, as JSON */
};

/* How far a schedule has come; under the same key, and written with each of its runs. */
struct fact_schedule_state {
    int64_t last_s;       /* the instant of the latest occurrence that was dealt with */
    int64_t last_civil_s; /* and its wall clock's */
    bool last_fold;
    bool paused;
    uint64_t last_job; /* 0: none yet */
    uint64_t runs;     /* so far */
    uint64_t skipped;
};

/* What a receiver is to be told of, its number as sixteen hexadecimal digits as the key. */
struct fact_notice {
    const char *receiver;
    uint32_t class;  /* enum notice_class */
    uint64_t job_id; /* 0: of no job */
    uint32_t sequence;
    uint32_t attempt;
    enum job_state state;
    int64_t at_us;
    int64_t from_us;  /* of a report: it begins there, and ends at at_us */
    int64_t since_us; /* it is tried */
    int64_t dead_us;  /* it was put aside; 0: it was not */
    uint32_t tries;
    const char *kind;
    const char *text;
    const char *name;
    const char *namespace;
    const char *team;
    const char *pod_name;
    const char *pod_uid;
    const char *error; /* of the last try */
};

/* How members of a group ended that are forgotten: of an array ("array 100"), of a job that others
 * wait for ("17"), of a schedule's runs of a business date ("spark/load@20779"). */
struct fact_group {
    int64_t last_us; /* when the last of them ended */
    uint64_t ran;
    uint64_t succeeded;
    uint64_t failed;
    uint64_t cancelled;
    uint64_t skipped;
    uint64_t never_ran;
};

/* An array whose elements are not all there yet; the first one's id as the key. */
struct fact_array {
    uint64_t made; /* elements, from the first on */
};

/* A RuntimeClass of the cluster as it was heard of last, for the demands of jobs that name it when
 * the daemon starts; its name as the key. */
struct fact_runtime_class {
    const char *json;
};

/* An array that is being cancelled, some elements a turn; the first one's id as the key. */
struct fact_array_cancel {
    int64_t asked_us;
};

/* kind, number on disk (never used again), struct, its member of the union */
#define FACT_LIST(X)                                                      \
    X(FACT_USAGE, 1, struct fact_usage, usage)                            \
    X(FACT_RUNS, 2, struct fact_runs, runs)                               \
    X(FACT_SCHEDULE, 3, struct fact_schedule, schedule)                   \
    X(FACT_SCHEDULE_STATE, 4, struct fact_schedule_state, schedule_state) \
    X(FACT_GROUP, 5, struct fact_group, group)                            \
    X(FACT_MEMORY, 6, struct fact_memory, memory)                         \
    X(FACT_BREAKER, 7, struct fact_breaker, breaker)                      \
    X(FACT_NOTICE, 8, struct fact_notice, notice)                         \
    X(FACT_NODE, 9, struct blame, node)                                   \
    X(FACT_ARRAY, 10, struct fact_array, array)                           \
    X(FACT_ARRAY_CANCEL, 11, struct fact_array_cancel, array_cancel)      \
    X(FACT_RUNTIME_CLASS, 12, struct fact_runtime_class, runtime_class)

enum fact_kind {
#define FACT_ENUM(name, number, type, member) name = (number),
    FACT_LIST(FACT_ENUM)
#undef FACT_ENUM
};

union fact_value {
#define FACT_MEMBER(name, number, type, member) type member;
    FACT_LIST(FACT_MEMBER)
#undef FACT_MEMBER
};

struct fact {
    enum fact_kind kind;
    const char *key; /* not empty, at most FACT_KEY_BYTES */
    union fact_value value;
};

#define FACT_KEY_BYTES 480

/* NULL for a number that is no kind. */
const struct field_table *fact_fields(enum fact_kind kind);

#endif
