/* api/wire.h - what goes over the HTTP interface, as plain structs and as JSON.
 *
 * Shared by the daemon, which encodes, and the command, which decodes; tests do both.
 * docs/manual/http-api.md is the reference; the tables in api/wire.c are its source. Encoding
 * borrows everything and never fails but for a full buffer. Decoding is strict about types and
 * tolerant of members it does not know and of those that are missing (they stay "", 0 or unknown).
 * Knows nothing of HTTP.
 *
 * Times are microseconds since the Unix epoch, in JSON RFC 3339, 0 being null. Texts that are not
 * there are "" (NULL is taken for it when encoding).
 */
#ifndef API_WIRE_H
#define API_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"

#define WIRE_UNKNOWN (-1) /* of an exit code: null in JSON */

struct wire_reason {
    const char *code; /* "Quota"; "" when nothing is to be said */
    const char *message;
};

struct wire_attempt {
    int64_t number; /* from 1 */
    const char *pod_name, *pod_uid, *node;
    int64_t admitted_us, created_us, started_us, finished_us;
    const char *failure; /* "oom"; "" while it has not failed */
    int64_t exit_code;   /* or WIRE_UNKNOWN */
    const char *message;
    const char *cause;                /* the signs that the failure was told by */
    int64_t cpu_seconds, gib_seconds; /* reserved, so far */
    int64_t pods;
    int64_t driver_memory_bytes, executor_memory_bytes; /* requests of one such pod; 0: none */
};

/* Elements of an array that are in one state. */
struct wire_elements {
    const char *state;
    int64_t count;
    const char *indices; /* "0-3,7"; those that are known */
};

/* A job, an array or a schedule's runs beside a job: before it, behind it, or on its way. */
struct wire_relation {
    int64_t id;        /* WIRE_UNKNOWN: none yet */
    const char *name;  /* "": forgotten */
    const char *state; /* of a job; "": of several */
    const char *on;    /* "success" */
    const char *otherwise;
    const char *stands; /* "met", "waits", "never" */
    int64_t done;       /* of `total` elements or runs */
    int64_t total;
    bool each;           /* element by element */
    int64_t expected_us; /* what is left of its run; 0: nothing, or unknown */
};

/* The memory that a job's pods were grown to, and after whose failure that was learnt. */
struct wire_grown {
    int64_t driver_memory_bytes, executor_memory_bytes; /* of one pod; 0: as submitted */
    int64_t job_id, attempt;                            /* 0: not known */
    int64_t learnt_us;
};

/* A node that its next pods keep off. */
struct wire_avoided {
    const char *name;
    bool required;
    int64_t jobs; /* that it failed lately, if all keep off it; 0: it failed this one */
    int64_t until_us;
};

/* One line of how a job's size comes about. */
struct wire_term {
    const char *text;
};

struct wire_job {
    uint64_t id;
    const char *name, *namespace, *team, *submitter;
    const char *window;        /* names of windows, joined by commas; "": none */
    const char *schedule;      /* whose run it is; "": nobody's */
    const char *occurrence;    /* "2026-12-24T22:00:00" on the wall clock of its zone */
    int64_t occurrence_us;     /* that instant */
    const char *business_date; /* "2026-12-24" */
    const char *array;         /* "0-999%50": the indices of its array; "": it is of none */
    int64_t array_id;          /* or WIRE_UNKNOWN */
    int64_t array_index;       /* the same */
    const char *kind;          /* "Spark", "Pod" */
    const char *state;         /* "QUEUED" */
    struct wire_reason reason;
    int64_t priority;
    int64_t attempts; /* so far */
    int64_t retries;  /* spent */
    const char *failure;
    int64_t exit_code; /* of the last attempt, or WIRE_UNKNOWN */
    int64_t submitted_us, eligible_us, admitted_us, started_us, finished_us;
    int64_t expected_runtime_us; /* whole seconds in JSON; 0: unknown */
    int64_t max_runtime_us;      /* the same; 0: none */
    int64_t warn_runtime_us;     /* the same */
    int64_t start_by_us, finish_by_us;
    const char *start_miss; /* "skip"; "": it is only told */
    bool preemptible;
    int64_t preemptions;
    const char *pod_name, *node;
    bool cancel_requested;
    /* Only of one job that is shown; NULL: left out. */
    const struct wire_elements *elements; /* of an array: of each state */
    size_t element_count;
    const struct wire_relation *predecessors;
    size_t predecessor_count;
    const struct wire_relation *successors;
    size_t successor_count;
    const struct wire_relation *critical; /* the longest way that it is on, or beside */
    size_t critical_count;
    int64_t critical_seconds;                /* what is left of it; or WIRE_UNKNOWN */
    int64_t slack_seconds;                   /* the job may take so much longer; or WIRE_UNKNOWN */
    const struct wire_attempt *attempt_list; /* only of one job that is shown; NULL: left out */
    size_t attempt_list_count;
    int64_t infra_retries; /* spent */
    int64_t retries_max, infra_retries_max;
    /* Only of one job that is shown; NULL: left out. */
    const struct wire_grown *grown; /* one, or none */
    size_t grown_count;
    const struct wire_avoided *avoided;
    size_t avoided_count;
    bool runs_again; /* whenever it ends: restartPolicy Always */
    const struct wire_term *demand;
    size_t demand_count;
};

struct wire_job_list {
    const struct wire_job *items;
    size_t item_count;
    const char *next; /* "continue" in JSON: ask again with it; "": that was all */
};

struct wire_attempt_list {
    const struct wire_attempt *items;
    size_t item_count;
};

struct wire_event {
    uint64_t job_id;
    int64_t sequence;
    int64_t at_us;
    int64_t attempt;
    const char *state; /* after it */
    const char *kind;
    const char *text;
};

struct wire_event_list {
    const struct wire_event *items;
    size_t item_count;
};

struct wire_check {
    const char *check; /* "quota", "capacity", "order", "retry", "hold", "cluster" */
    bool passed;
    const char *message; /* with its numbers */
};

struct wire_why {
    struct wire_job job;
    const struct wire_check *checks;
    size_t check_count;
    int64_t ahead;     /* waiting jobs before it */
    const char *start; /* as of wire_outlook; "" unless it was asked for */
    int64_t p50_us, p90_us;
    int64_t until_us;
    int64_t after;
};

/* When a waiting job is expected to start. */
struct wire_outlook {
    uint64_t id;
    const char *name, *namespace, *team, *state;
    const char *reason;     /* its code */
    const char *start;      /* "expected", "later" (than what was looked at) or "unknown" */
    int64_t p50_us, p90_us; /* half and nine in ten of the futures keep it; 0: not known */
    int64_t after;          /* the job whose end is expected to make way; 0: something else */
    int64_t without_p50_us; /* of a job that another would delay: without that one; else 0 */
};

/* A run that a schedule will make, and when it is expected to start and to be done. */
struct wire_planned {
    const char *schedule, *namespace, *team;
    const char *occurrence; /* on the wall clock of the schedule's zone */
    int64_t occurrence_us;
    const char *start;      /* as of wire_outlook; or "skipped" */
    int64_t p50_us, p90_us; /* half and nine in ten of the futures keep it; 0: not known */
    int64_t done_p50_us, done_p90_us;
    int64_t start_by_us, finish_by_us; /* 0: none */
    bool at_risk;                      /* half of the futures miss one of these */
};

struct wire_forecast {
    int64_t as_of_us;
    int64_t until_us; /* nothing beyond was looked at */
    int64_t futures;  /* that were run */
    const struct wire_outlook *items;
    size_t item_count;
    const struct wire_planned *runs; /* NULL: left out */
    size_t run_count;
    const struct wire_outlook *delayed; /* by the items: of what-if alone. NULL: left out */
    size_t delayed_count;
};

struct wire_detail {
    const char *file; /* as the client named it */
    int64_t line, column;
    const char *path;
    const char *message;
};

struct wire_error {
    const char *code; /* "NotFound" */
    const char *message;
    const struct wire_detail *details;
    size_t detail_count;
};

struct wire_submitted {
    uint64_t id;
    const char *name, *namespace, *state;
    const char *array; /* of a whole array, whose id and name these are: its indices; else "" */
    int64_t elements;  /* the same; else WIRE_UNKNOWN */
};

/* A schedule that was submitted. */
struct wire_put {
    const char *name, *namespace;
    const char *result; /* "created", "changed", "unchanged" */
};

struct wire_submit_answer {
    const struct wire_submitted *jobs;
    size_t job_count;
    const struct wire_put *schedules; /* NULL: left out */
    size_t schedule_count;
    uint64_t first_id; /* of all jobs of the request, whose ids are in a row */
    int64_t count;     /* of them, also where no jobs are named */
    bool replayed;     /* this idempotency key had been answered before */
};

struct wire_count {
    const char *name;
    int64_t count;
};

struct wire_sync {
    const char *name;  /* "pods" */
    const char *state; /* "synced", "listing", "denied", "lost: " and why */
    int64_t objects;
};

struct wire_status {
    const char *version;
    const char *queue_uid;
    const char *role;           /* "alone", "leader" or "standby" */
    const char *leader;         /* whose the lease is; "": nobody's, or there is none */
    const char *leader_address; /* for clients; "": not told */
    int64_t lease_renewed_us, lease_expires_us;
    int64_t lease_transitions;
    const char *host;
    int64_t pid;
    const char *config_file;
    int64_t started_us, now_us;
    bool ready;
    const char *not_ready; /* why */
    bool draining;
    bool nodes_check;    /* false: no right to list nodes, capacity is not checked */
    const char *cluster; /* the API server's address */
    const struct wire_sync *syncs;
    size_t sync_count;
    const struct wire_count *jobs; /* by state */
    size_t job_state_count;
    const struct wire_count *kube; /* figures of the cluster's client */
    size_t kube_count;
    const struct wire_count *store; /* and of the queue's file */
    size_t store_count;
};

/* An occurrence that is to come. */
struct wire_upcoming {
    const char *occurrence; /* "2026-12-24T22:00:00" on the wall clock of the schedule's zone */
    int64_t at_us;
    const char *business_date;
    const char *verdict; /* "run", "gap", "suspended" */
};

struct wire_schedule {
    const char *name, *namespace, *team, *submitter, *kind;
    const char *cron, *zone;
    const char *overlap; /* "Allow", "Forbid", "Replace" */
    const char *misfire; /* "none", "last", "all" */
    const char *state;   /* "active", "paused", "suspended", "over" */
    const char *window;
    int64_t created_us, changed_us;
    const char *last; /* occurrence that was dealt with; "": none yet */
    int64_t last_us;
    int64_t last_job; /* 0: none yet */
    const char *next; /* occurrence; "": none */
    int64_t next_us;
    int64_t active; /* runs that are not over */
    int64_t runs, skipped;
    const struct wire_upcoming *upcoming; /* only of one that is shown; NULL: left out */
    size_t upcoming_count;
    const char *definition; /* the same; "": left out */
};

struct wire_schedule_list {
    const struct wire_schedule *items;
    size_t item_count;
    int64_t now_us;
};

struct wire_window {
    const char *name, *zone;
    bool open;
    int64_t opens_us, closes_us; /* of this opening, or the next one; 0: none, or it stays open */
    int64_t changes_us;          /* when it opens or closes next; 0: not in sight */
    int64_t spill_us;            /* whole seconds in JSON */
    const char *at_close;        /* "finish", "requeue", "kill" */
    int64_t waiting;             /* jobs that name it */
    const char *freeze;          /* that keeps it shut now; "": none */
};

struct wire_window_list {
    const struct wire_window *items;
    size_t item_count;
    int64_t now_us;
};

/* A node of the team tree. Parts of the cluster are texts of decimals, such as "0.1750". */
struct wire_team {
    const char *name;   /* "": all teams */
    const char *parent; /* "": all teams, or nobody's */
    const char *kind;   /* "team", "user", "all" */
    int64_t depth;
    const char *weight;
    const char *share;   /* (running + used) / weight */
    const char *running; /* of the cluster's dominant resource, */
    const char *used;
    const char *resource; /* which is this; "": nothing runs or was used */
    bool is_borrowing;
    int64_t running_jobs, waiting_jobs;
    const char *holds;  /* "cpu 20, memory 80Gi" */
    const char *limits; /* "3 running, cpu 40, nominal cpu 20" */
};

struct wire_team_list {
    const struct wire_team *items; /* parents before their children */
    size_t item_count;
    const char *mode; /* "fifo", "priority", "fair" */
    int64_t now_us;
};

/* What a receiver is still to be told, or could not be. */
struct wire_notice {
    uint64_t id;
    const char *receiver;
    const char *class_text; /* "class" in JSON: "failed" */
    const char *event;      /* its kind: "finish_missed" */
    const char *state;      /* "waiting", "sending", "dead" */
    uint64_t job_id;
    const char *name, *namespace, *team;
    int64_t at_us;
    int64_t tries;
    int64_t dead_us;
    const char *text;
    const char *error; /* of the last try */
};

struct wire_notice_list {
    const struct wire_notice *items;
    size_t item_count;
};

/* What failures taught: memory that jobs of a name were grown to, a breaker, or a node that failed
 * jobs. */
struct wire_learnt {
    const char *kind; /* "memory", "breaker", "node" */
    const char *key;  /* "team-a/etl"; "job:team-a/etl", "schedule:...", "team:..."; "node-1" */
    int64_t updated_us;
    int64_t driver_memory_bytes, executor_memory_bytes; /* of memory; 0: not grown */
    int64_t job_id, attempt;                            /* after which it grew last; 0: not known */
    int64_t learnt_us;
    const char *state; /* of a breaker: "closed", "open", "half-open"; of a node: "required",
                          "preferred" or, while it is not avoided by all, "noted" */
    int64_t failures;  /* alike, in a row; of a node: jobs that failed there */
    const char *failure;
    int64_t exit_code;
    int64_t until_us; /* when one may try */
    int64_t probe_id; /* that tries; 0: none */
    int64_t milli;    /* of a node: what weighs against it, in thousandths of a job */
};

struct wire_learnt_list {
    const struct wire_learnt *items;
    size_t item_count;
    int64_t now_us;
};

/* --- Encoding: one JSON value, no newline. ---------------------------------------------------- */

void wire_encode_job(struct buf *out, const struct wire_job *job);
void wire_encode_job_list(struct buf *out, const struct wire_job_list *list);
void wire_encode_attempt_list(struct buf *out, const struct wire_attempt_list *list);
void wire_encode_event(struct buf *out, const struct wire_event *event);
void wire_encode_event_list(struct buf *out, const struct wire_event_list *list);
void wire_encode_why(struct buf *out, const struct wire_why *why);
void wire_encode_forecast(struct buf *out, const struct wire_forecast *forecast);
void wire_encode_error(struct buf *out, const struct wire_error *error);
void wire_encode_submit_answer(struct buf *out, const struct wire_submit_answer *answer);
void wire_encode_status(struct buf *out, const struct wire_status *status);
void wire_encode_team_list(struct buf *out, const struct wire_team_list *list);
void wire_encode_notice_list(struct buf *out, const struct wire_notice_list *list);
void wire_encode_schedule(struct buf *out, const struct wire_schedule *schedule);
void wire_encode_schedule_list(struct buf *out, const struct wire_schedule_list *list);
void wire_encode_learnt_list(struct buf *out, const struct wire_learnt_list *list);
void wire_encode_window_list(struct buf *out, const struct wire_window_list *list);

/* --- Decoding: texts and arrays live in memory until wire_memory_finish(). -------------------- */

struct wire_memory { /* zeroed is empty and ready */
    void **blocks;
    size_t count, room;
};
void wire_memory_finish(struct wire_memory *memory);

/* ERR_INVALID with words, the output untouched. bytes need not end in NUL. */
int wire_decode_job(const char *text, size_t bytes, struct wire_memory *memory,
                    struct wire_job *out_job, struct error *error) MUST_CHECK;
int wire_decode_job_list(const char *text, size_t bytes, struct wire_memory *memory,
                         struct wire_job_list *out_list, struct error *error) MUST_CHECK;
int wire_decode_attempt_list(const char *text, size_t bytes, struct wire_memory *memory,
                             struct wire_attempt_list *out_list, struct error *error) MUST_CHECK;
int wire_decode_event(const char *text, size_t bytes, struct wire_memory *memory,
                      struct wire_event *out_event, struct error *error) MUST_CHECK;
int wire_decode_event_list(const char *text, size_t bytes, struct wire_memory *memory,
                           struct wire_event_list *out_list, struct error *error) MUST_CHECK;
int wire_decode_why(const char *text, size_t bytes, struct wire_memory *memory,
                    struct wire_why *out_why, struct error *error) MUST_CHECK;
int wire_decode_forecast(const char *text, size_t bytes, struct wire_memory *memory,
                         struct wire_forecast *out_forecast, struct error *error) MUST_CHECK;
int wire_decode_error(const char *text, size_t bytes, struct wire_memory *memory,
                      struct wire_error *out_error, struct error *error) MUST_CHECK;
int wire_decode_submit_answer(const char *text, size_t bytes, struct wire_memory *memory,
                              struct wire_submit_answer *out_answer,
                              struct error *error) MUST_CHECK;
int wire_decode_team_list(const char *text, size_t bytes, struct wire_memory *memory,
                          struct wire_team_list *out_list, struct error *error) MUST_CHECK;
int wire_decode_notice_list(const char *text, size_t bytes, struct wire_memory *memory,
                            struct wire_notice_list *out_list, struct error *error) MUST_CHECK;
int wire_decode_schedule(const char *text, size_t bytes, struct wire_memory *memory,
                         struct wire_schedule *out_schedule, struct error *error) MUST_CHECK;
int wire_decode_schedule_list(const char *text, size_t bytes, struct wire_memory *memory,
                              struct wire_schedule_list *out_list, struct error *error) MUST_CHECK;
int wire_decode_learnt_list(const char *text, size_t bytes, struct wire_memory *memory,
                            struct wire_learnt_list *out_list, struct error *error) MUST_CHECK;
int wire_decode_window_list(const char *text, size_t bytes, struct wire_memory *memory,
                            struct wire_window_list *out_list, struct error *error) MUST_CHECK;
int wire_decode_status(const char *text, size_t bytes, struct wire_memory *memory,
                       struct wire_status *out_status, struct error *error) MUST_CHECK;

#endif
