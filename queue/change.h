/* queue/change.h - what a turn of the scheduler asks to be made durable.
 *
 * Plain values: the scheduler's core fills them, queue_commit() writes all of a
 * turn's in one transaction. Texts are borrowed until the commit returns.
 */
#ifndef QUEUE_CHANGE_H
#define QUEUE_CHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/job.h"
#include "queue/fact.h"

#define SPEC_HASH_BYTES 32 /* SHA-256: digest_sha256() */

/* One try at running a job. */
struct attempt {
    uint64_t job_id;
    uint32_t number; /* from 1 */
    const char *pod_name;
    const char *pod_uid; /* "" until the API server has answered */
    const char *node;    /* "" until it is bound */
    int64_t admitted_us;
    int64_t created_us; /* the API server accepted the pod; 0: not yet */
    int64_t started_us;
    int64_t finished_us;
    enum failure failure;
    int32_t exit_code; /* -1: unknown */
    const char *message;
    const char *cause; /* the signs that the failure was told by; "": it did not fail */
    int64_t cpu_milli; /* requests of the whole gang, reserved from admission to the end */
    int64_t memory_bytes;
    uint32_t pods;
    int64_t driver_memory_bytes; /* of one such pod; of a plain pod its own */
    int64_t executor_memory_bytes;
    int64_t charged_us;   /* its user's usage grew by the gang from then on; 0: it never did */
    int64_t uncharged_us; /* until then; 0: it still does */
    const char *charge;   /* what of the gang is not cpu, memory or pods: resources_write() */
};

/* Something that happened to a job, with its cause and arithmetic. */
struct job_event {
    uint64_t job_id;
    uint32_t sequence; /* from 0, without gaps */
    int64_t at_us;
    uint32_t attempt;
    enum job_state state; /* after it */
    const char *kind;     /* one word, such as "admitted" */
    const char *text;
    bool is_implied; /* the job's record says as much: not stored, and given back all the same */
};

/* A job's first event, as its record implies it. text is room for the event's. */
#define CHANGE_FIRST_TEXT_BYTES 512

void change_first_event(const struct job *job, char text[CHANGE_FIRST_TEXT_BYTES],
                        struct job_event *out_event);

/* What an idempotency key was used for: jobs first_id … first_id + count - 1. */
struct submission {
    const char *key;
    uint64_t first_id;
    uint32_t count;
    int64_t at_us;
    unsigned char request_hash[SPEC_HASH_BYTES]; /* of the body, to refuse another one */
};

/* What a job is submitted with beside its fields, each stored once however many jobs share it. */
struct spec {
    unsigned char hash[SPEC_HASH_BYTES]; /* SHA-256 of the text */
    const char *text;                    /* NULL: only the demand is new */
    size_t bytes;
    const void *demand;  /* the settled demand as bytes, for a start without reading the text */
    size_t demand_bytes; /* 0: none */
    const char *row; /* of a template, the job's own: a JSON list, its index first; NULL: none */
};

enum queue_change_kind {
    CHANGE_JOB_PUT,      /* insert with its spec, or replace and keep it */
    CHANGE_JOB_DROP,     /* the job, its attempts and events, its share of the spec */
    CHANGE_HISTORY_DROP, /* its attempts and events, of a job that runs again and again */
    CHANGE_ATTEMPT_PUT,  /* insert or replace */
    CHANGE_EVENT_ADD,
    CHANGE_SUBMISSION_PUT,
    CHANGE_SUBMISSIONS_EXPIRE, /* all older than `before_us` */
    CHANGE_FACT_PUT,           /* insert or replace */
    CHANGE_FACT_DROP,          /* its value does not matter */
};

struct queue_change {
    enum queue_change_kind kind;
    union {
        struct {
            struct job job;
            const struct spec *spec; /* NULL: the one it has */
        };
        uint64_t job_id;
        struct attempt attempt;
        struct job_event event;
        struct submission submission;
        int64_t before_us;
        struct fact fact;
    };
};

#endif
