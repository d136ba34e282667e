#include "base/limits.h"
#include "queue/store.h"

struct verify {
    struct queue *queue;
    struct error *error;
    const struct job *job;
    uint32_t attempts; /* seen of the job */
    uint32_t events;
};

static int verify_attempt(void *context, const struct attempt *attempt) {
    struct verify *verify = context;

    verify->attempts++;
    if (attempt->job_id != verify->job->id || attempt->number > verify->job->attempt) {
        return error_set(verify->error, ERR_CORRUPT, "job %llu: attempt %u does not belong to it",
                         (unsigned long long)verify->job->id, attempt->number);
    }
    return OK;
}

static int verify_event(void *context, const struct job_event *event) {
    struct verify *verify = context;

    if (event->sequence != verify->events) {
        return error_set(verify->error, ERR_CORRUPT, "job %llu: event %u is missing",
                         (unsigned long long)verify->job->id, verify->events);
    }
    verify->events++;
    return OK;
}

static int verify_job(void *context, const struct job *job) {
    struct verify *verify = context;
    struct buf text;
    int r;

    verify->job = job;
    verify->attempts = 0;
    verify->events = 0;
    buf_init(&text, LIMIT_SPEC_BYTES);
    r = queue_get_spec(verify->queue, job->id, &text);
    buf_finish(&text);
    if (r < 0) {
        return error_set(verify->error, ERR_CORRUPT, "job %llu: its spec is missing or damaged",
                         (unsigned long long)job->id);
    }
    r = queue_each_attempt(verify->queue, job->id, verify_attempt, verify);
    if (r == OK) {
        r = queue_each_event(verify->queue, job->id, 0, verify_event, verify);
    }
    if (r < 0) {
        return error_set(verify->error, r, "job %llu: an attempt or event is damaged",
                         (unsigned long long)job->id);
    }
    if (verify->events != job->event_count || verify->attempts != job->attempt) {
        return error_set(verify->error, ERR_CORRUPT,
                         "job %llu: has %u attempts and %u events, its record says %u and %u",
                         (unsigned long long)job->id, verify->attempts, verify->events,
                         job->attempt, job->event_count);
    }
    if (job->id >= verify->queue->next_id) {
        return error_set(verify->error, ERR_CORRUPT, "job %llu: next-id would give its id again",
                         (unsigned long long)job->id);
    }
    return OK;
}

int queue_verify(struct queue *queue, struct error *error) {
    struct verify verify = {.queue = queue, .error = error};
    uint64_t damaged = 0;
    int r = queue_each_job(queue, verify_job, &verify, &damaged);

    if (r < 0) {
        return error_set(error, r, "can't read the queue: %s", err_sentence(r));
    }
    if (damaged > 0) {
        return error_set(error, ERR_CORRUPT, "%llu job records are damaged",
                         (unsigned long long)damaged);
    }
    return OK;
}
