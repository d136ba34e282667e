#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/api.h"
#include "api/wire.h"
#include "base/limits.h"
#include "base/memory.h"
#include "queue/queue.h"
#include "scheduler/daemon.h"
#include "scheduler/front.h"
#include "scheduler/front_beside.h"
#include "scheduler/front_forecast.h"
#include "scheduler/front_retry.h"
#include "scheduler/front_view.h"

static bool matches(const struct job *job, const struct api_call *call) {
    return (call->namespace[0] == '\0' || strcmp(job->namespace, call->namespace) == 0) &&
           (call->team[0] == '\0' || strcmp(job->team, call->team) == 0) &&
           (call->name[0] == '\0' || strcmp(job->name, call->name) == 0) &&
           (call->states == 0 || (call->states & 1u << job->state) != 0);
}

void front_list(struct daemon *daemon, struct api_call *call) {
    struct front_job *jobs = mem_alloc(call->limit, sizeof *jobs);
    struct wire_job *wires = mem_alloc(call->limit, sizeof *wires);
    struct buf json = front_answer_buf();
    char next[24] = "";
    uint64_t id = call->after_id;
    size_t looked_at = 0;
    size_t count = 0;

    for (struct job job; core_next_job(daemon->core, id, &job); id = job.id) {
        bool is_full = count == call->limit;

        /* The next page begins with the first that is wanted and does not fit, or far on. */
        if ((is_full && matches(&job, call)) || looked_at++ == LIMIT_API_LIST_LOOKS) {
            (void)snprintf(next, sizeof next, "%" PRIu64, id);
            break;
        }
        if (!is_full && matches(&job, call)) {
            front_job_fill(daemon, &job, &jobs[count]);
            wires[count] = jobs[count].wire;
            count++;
        }
    }
    wire_encode_job_list(
        &json, &(struct wire_job_list){.items = wires, .item_count = count, .next = next});
    front_reply_buf(call, 200, &json);
    free(wires);
    free(jobs);
}

void front_show(struct daemon *daemon, struct api_call *call) {
    struct job job;
    struct front_attempts attempts = {.now_us = daemon_now(daemon).now_us};
    struct front_beside beside;
    struct front_retry retry;
    struct front_job shown;
    struct buf json;

    if (!front_permitted_job(daemon, call, &job)) {
        return;
    }
    json = front_answer_buf();
    front_job_fill(daemon, &job, &shown);
    (void)!queue_each_attempt(daemon->queue, job.id, front_attempt_add, &attempts);
    shown.wire.attempt_list = attempts.items;
    shown.wire.attempt_list_count = attempts.count;
    front_beside_fill(daemon, call, &job, &beside, &shown.wire);
    front_retry_fill(daemon, &job, &retry, &shown.wire);
    wire_encode_job(&json, &shown.wire);
    front_beside_finish(&beside);
    front_reply_buf(call, 200, &json);
    front_attempts_finish(&attempts);
}

void front_show_attempts(struct daemon *daemon, struct api_call *call) {
    struct job job;
    struct front_attempts attempts = {.now_us = daemon_now(daemon).now_us};
    struct buf json;

    if (!front_permitted_job(daemon, call, &job)) {
        return;
    }
    json = front_answer_buf();
    (void)!queue_each_attempt(daemon->queue, job.id, front_attempt_add, &attempts);
    wire_encode_attempt_list(
        &json, &(struct wire_attempt_list){.items = attempts.items, .item_count = attempts.count});
    front_reply_buf(call, 200, &json);
    front_attempts_finish(&attempts);
}

void front_show_why(struct daemon *daemon, struct api_call *call) {
    struct job job;
    struct buf json;

    if (!front_permitted_job(daemon, call, &job)) {
        return;
    }
    if (call->forecast && job_state_is_waiting(job.state)) {
        front_forecast(daemon->front->forecasts, call);
        return;
    }
    json = front_answer_buf();
    front_why(daemon, &job, NULL, 0, &json);
    front_reply_buf(call, 200, &json);
}
