/* scheduler/event.h - what happens to the scheduler, and what it asks for: plain values.
 *
 * The daemon's callbacks translate requests, watch lines and finished calls into events; a turn
 * answers with changes to store, commands for the cluster and replies for clients. Texts in an
 * event are borrowed until the turn is over, unless said otherwise.
 */
#ifndef SCHEDULER_EVENT_H
#define SCHEDULER_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/after.h"
#include "policy/deadline.h"
#include "policy/demand.h"
#include "policy/job.h"
#include "policy/order_settings.h"
#include "policy/plan_settings.h"
#include "policy/retry.h"
#include "policy/schedule.h"
#include "queue/change.h"

struct limit_range;
struct notice_routes;
struct node;
struct quota;
struct window_set;
struct zone;

enum event_kind {
    EVENT_SUBMIT,
    EVENT_CANCEL,
    EVENT_HOLD,
    EVENT_RELEASE,
    EVENT_RETRY, /* one that is over gets another attempt, one that waits for its next has it now */
    EVENT_FORGET,   /* what was learnt of failures: grown memory, an open breaker */
    EVENT_POD,      /* a pod is like this now */
    EVENT_POD_GONE, /* by namespace and name */
    EVENT_NEWS,     /* COMMAND_NEWS is over */
    EVENT_CLASS,    /* a RuntimeClass, to be remembered, or gone */
    EVENT_NODE,
    EVENT_NODE_GONE,
    EVENT_QUOTA,
    EVENT_QUOTA_GONE,
    EVENT_LIMIT_RANGE,
    EVENT_LIMIT_RANGE_GONE,
    EVENT_APPLICATION,  /* what the Spark operator says of one that we handed to it */
    EVENT_APPLICATIONS, /* all that there are have been told, or can't be */
    EVENT_SYNCED,       /* all pods, nodes, ... there are have been told */
    EVENT_LOST,         /* news of a part can't come: until it is synced again */
    EVENT_STARTED,      /* COMMAND_START is over */
    EVENT_DELETED,      /* COMMAND_DELETE is over */
    EVENT_SETTINGS,
    EVENT_LEASE,        /* we hold the lease, or not (any more): start something, or nothing */
    EVENT_DRAIN,        /* start nothing more */
    EVENT_NOTICE_SENT,  /* COMMAND_NOTIFY is over */
    EVENT_NOTICE_RETRY, /* a person says so */
    EVENT_NOTICE_DROP,
    EVENT_REPORT,   /* a report is due: its receivers are to be told */
    EVENT_OUTLOOK,  /* what a forecast says of jobs with deadlines */
    EVENT_SCHEDULE, /* a schedule is paused, resumed, triggered or deleted */
    EVENT_ZONE,     /* a time zone's rules have changed */
    EVENT_KIND_COUNT,
};

/* What a new job waits for. */
struct new_after {
    struct after_item item;
    bool is_here; /* item.first_id is a place in this submission, from 0 */
};

/* One job of a submission. demand is settled, and shared when the turn keeps it. */
struct new_job {
    const char *name;
    const char *namespace;
    const char *team;
    const char *priority_class; /* NULL or "": none */
    const char *window;         /* as in struct job */
    const char *schedule;       /* the same */
    struct occurrence occurrence;
    enum job_kind kind;
    int32_t priority;
    bool hold;
    bool for_operator;
    uint32_t ttl_s;
    struct retry_policy retry;
    int64_t expected_runtime_us;
    int64_t max_runtime_us;
    int64_t warn_runtime_us;
    int64_t start_by_us;
    enum start_miss start_miss;
    int64_t finish_by_us;
    bool preemptible;
    const struct new_after *after; /* jobs of equal pointers wait for the same */
    size_t after_count;
    const char *pod_name; /* as in struct job, and so is the next */
    const char *array;
    uint64_t array_place;   /* of the element, from 0; the first is so many jobs before it */
    uint64_t element_count; /* not 0: it stands for all elements of `array`, each named after it */
    struct demand *demand;
    struct spec spec;
};

/* A schedule that is put in the place of the one of its name. Its zone is taken (and NULL then). */
struct new_schedule {
    const char *namespace;
    const char *name;
    const char *cron;
    struct schedule rule; /* whose zone does not matter */
    struct zone *zone;
    struct deadline start_by; /* of each run */
    struct deadline finish_by;
    int64_t succeeded_max; /* runs that are kept; negative: as many as of other jobs */
    int64_t failed_max;
    struct new_job job;  /* what it makes, but for the name and the occurrence */
    const char *text;    /* the definition, as it is stored */
    const char *creator; /* of a stored one; NULL: who submits it */
    int64_t created_us;  /* the same; 0: now */
    int64_t changed_us;
};

/* All of them or none. An array's elements take as many ids as there are. */
struct submit_event {
    struct new_job *jobs;
    size_t count;
    struct new_schedule *schedules;
    size_t schedule_count;
    const char *submitter;
    const char *key; /* idempotency; NULL: none */
    unsigned char request_hash[SPEC_HASH_BYTES];
};

enum schedule_action {
    SCHEDULE_PAUSE,
    SCHEDULE_RESUME,
    SCHEDULE_TRIGGER, /* one run now, beside its occurrences */
    SCHEDULE_DELETE,
};

struct schedule_event {
    enum schedule_action action;
    const char *key; /* "namespace/name" */
    bool has_date;
    int32_t business_date; /* of TRIGGER, if it is not today's */
};

/* How a pod stands, for its job. */
enum pod_standing {
    POD_STANDS_WAITING,
    POD_STANDS_STUCK,    /* waiting, and `failure` says for what: fails after the start time-out */
    POD_STANDS_HOPELESS, /* waiting, and will never run: fails now */
    POD_STANDS_RUNNING,
    POD_STANDS_SUCCEEDED,
    POD_STANDS_FAILED,
};

struct pod_event {
    const char *namespace;
    const char *name;
    const char *uid;
    const char *node; /* "": not bound */
    uint64_t job_id;  /* 0: not of this queue */
    uint32_t attempt;
    bool is_main; /* the driver, or the only pod: whose end is the attempt's end */
    bool terminating;
    enum pod_standing standing;
    enum failure failure;
    int32_t exit_code;
    const char *message;
    const char *cause;               /* all signs of its end, for people; NULL or "": none */
    const struct retry_signs *signs; /* of one that failed; NULL: none */
    int64_t created_us;
    int64_t started_us;
    int64_t finished_us;
    enum pod_role role;
    const struct pod_demand *demand;
    uint64_t version;   /* resourceVersion; 0: not known */
    int64_t overdue_us; /* being deleted, and quotas forget it then; 0: not so */
};

/* How an application of the Spark operator's has ended, as it says. */
enum application_end {
    APPLICATION_GOES_ON,
    APPLICATION_COMPLETED,
    APPLICATION_FAILED,
    APPLICATION_SUSPENDED, /* by a person: its driver was deleted, or is being */
};

struct application_event {
    uint64_t job_id;
    uint32_t attempt;
    enum application_end end;
    const char *text; /* its state, and what it says of it */
};

/* What became of COMMAND_START. */
enum start_result {
    START_DONE,      /* pod, service and config map exist, and are this attempt's */
    START_QUOTA,     /* refused for quota; nothing was left behind */
    START_REFUSED,   /* refused for good; nothing was left behind */
    START_CONFLICT,  /* the name is taken by a pod that is not ours */
    START_ANEW,      /* failed in passing, and this attempt can't be asked again: the next one */
    START_TRANSIENT, /* failed in passing, or its fate is unknown: ask again */
};

struct started_event {
    uint64_t job_id;
    uint32_t attempt;
    enum start_result result;
    const char *pod_name;
    const char *pod_uid; /* of START_DONE */
    const char *message;
    int64_t retry_after_us; /* the server's wish; 0: none */
};

struct deleted_event {
    const char *namespace;
    const char *name;
    bool gone; /* deleted, being deleted, or not there; else it failed in passing */
    const char *message;
};

/* What the cluster's events say of an attempt's pod. */
struct news_event {
    uint64_t job_id;
    uint32_t attempt;
    const char *pod_uid;
    bool of_end;          /* as in the command */
    bool is_known;        /* false: they could not be read */
    enum failure failure; /* FAILURE_NONE: nothing wrong, or nothing known */
    const char *message;  /* "" with FAILURE_NONE */
};

struct class_event {
    const char *name;
    const char *json; /* NULL: it is gone */
};

struct retry_event {
    uint64_t job_id;
    struct demand *demand; /* as submitted; NULL: its specification can't be read */
};

enum forget_what {
    FORGET_MEMORY,
    FORGET_BREAKER,
    FORGET_NODE,
};

struct forget_event {
    enum forget_what what;
    const char *key; /* of what core_next_learnt(), core_next_breaker(), core_next_blamed() told */
};

enum cluster_part {
    CLUSTER_PODS,
    CLUSTER_NODES,
    CLUSTER_QUOTAS,
    CLUSTER_LIMIT_RANGES,
    CLUSTER_PART_COUNT,
};

struct synced_event {
    enum cluster_part part;
    bool denied; /* we have no right to see it: the check is off */
};

/* What a reload may change. */
struct core_settings {
    size_t starts_per_turn_max;
    int64_t start_timeout_us; /* pod made to pod running */
    int64_t events_after_us;  /* a pod that does not run by then is looked up in events; 0: never */
    int64_t executor_timeout_us; /* a driver runs without a running executor; 0: for ever */
    int64_t backoff_first_us;    /* between tries of our own calls to the cluster */
    int64_t backoff_max_us;
    int64_t history_age_us; /* finished jobs are forgotten after it */
    size_t history_count;   /* and beyond so many */
    size_t jobs_waiting_max;
    size_t elements_per_turn_max; /* of long arrays, that a turn makes; 0: as many as is good */
    unsigned runtime_percent;   /* of a name's runs were through in what is expected; 0: ignored */
    int64_t runtime_default_us; /* expected where nothing is known; 0: unknown */
    struct order_settings order;
    struct plan_backfill backfill;
    enum plan_preemption_mode preemption;
    int64_t preempt_protection_us;      /* a job is not stopped again so soon */
    struct window_set *windows;         /* the core shares it; NULL: none */
    const struct retry_settings *retry; /* copied; NULL: the defaults */
    struct notice_routes *notices;      /* as windows */
    size_t catch_up_per_s;              /* runs of schedules that are late, in a second; 0: all */
};

/* When a job will start: half of the futures keep p50_us, nine in ten p90_us. CLOCK_NEVER_US: not
 * known. What runs has started. */
struct outlook {
    uint64_t job_id;
    int64_t p50_us;
    int64_t p90_us;
    bool not_before; /* p50_us is as far as was looked: it starts later */
};

struct outlook_event {
    const struct outlook *jobs;
    size_t count;
};

enum notice_result {
    NOTICE_SENT,
    NOTICE_FAILED_NOW, /* in passing: to be tried again */
    NOTICE_REFUSED,    /* and will be again */
};

struct notice_sent_event {
    uint64_t number;
    enum notice_result result;
    const char *message;
    int64_t retry_after_us; /* the receiver's wish; 0: none */
};

/* Of this stretch of time, and of this window's jobs ("": of all). */
struct report_event {
    const char *window;
    int64_t from_us;
    int64_t until_us;
    uint64_t receivers; /* bits, by their place in the routes' list */
};

struct event {
    enum event_kind kind;
    uint64_t token; /* of the client that waits for a reply; 0: nobody */
    bool
        whole; /* of CANCEL, HOLD, RELEASE, RETRY: the job is an array's first, and all are meant */
    union {
        struct submit_event submit;
        uint64_t job_id; /* of CANCEL, HOLD, RELEASE */
        struct retry_event retry;
        struct forget_event forget;
        struct pod_event pod;
        struct {
            const char *namespace; /* "" for a node */
            const char *name;
            uint64_t version; /* of the deletion; 0: not known */
        } gone;
        const struct node *node;
        const struct quota *quota;
        const struct limit_range *limit_range;
        struct synced_event synced;
        struct application_event application;
        struct started_event started;
        struct deleted_event deleted;
        struct news_event news;
        struct class_event class;
        struct core_settings settings;
        bool lease_held;
        bool applications_denied; /* of APPLICATIONS: nobody will tell of them */
        struct outlook_event outlook;
        struct notice_sent_event notice_sent;
        uint64_t notice; /* of NOTICE_RETRY, NOTICE_DROP */
        struct report_event report;
        struct schedule_event schedule;
        struct zone *zone; /* taken, and NULL then */
    };
};

enum command_kind {
    COMMAND_START,     /* create the attempt's pod and what belongs to it, unless they exist */
    COMMAND_NOTIFY,    /* send core_notice() */
    COMMAND_DELETE,    /* delete a pod; what belongs to it goes with it */
    COMMAND_TAKE_BACK, /* delete the attempt's SparkApplication; over as COMMAND_DELETE is */
    COMMAND_NEWS,      /* read the events about a pod */
};

struct command {
    enum command_kind kind;
    uint64_t job_id;
    uint32_t attempt;
    const char *namespace;
    const char *pod_name; /* of COMMAND_DELETE, COMMAND_NEWS; of TAKE_BACK: what its end tells */
    const char *pod_uid;  /* of COMMAND_DELETE: a precondition, "": any; of COMMAND_NEWS */
    bool of_end;          /* of COMMAND_NEWS: it is gone; what took it? */
    uint64_t notice;      /* of COMMAND_NOTIFY: its number */
    bool look_first;      /* of COMMAND_START: an earlier try may have created it */
    bool only_look; /* of COMMAND_START: it is cancelled, so START_REFUSED if it is not there */
};

/* The answer to a client's event. */
struct reply {
    uint64_t token;
    int code;          /* OK or an error */
    uint64_t first_id; /* of SUBMIT */
    size_t count;
    const char *puts; /* of SUBMIT: a letter for each schedule, of enum schedule_put; NULL: none */
    const char *text; /* why not, for people; "" with OK */
};

enum schedule_put {
    SCHEDULE_CREATED = 'c',
    SCHEDULE_CHANGED = 'm',
    SCHEDULE_UNCHANGED = 'u',
};

#endif
