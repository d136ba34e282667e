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
#include "scheduler/front_demand.h"
#include "scheduler/front_forecast.h"
#include "scheduler/front_retry.h"
#include "scheduler/front_view.h"
#include "scheduler/job_labels.h"

/* So many specifications are read for the labels of one answer. */
#define SELECTOR_LOOKS 2000

/* What the jobs of a list are to be. */
struct filter {
    struct daemon *daemon;
    const struct api_call *call;
    char *selector; /* cut into labels; owned */
    struct job_label labels[JOB_LABELS_MAX];
    size_t label_count;
    size_t looks;
    uint64_t array_id; /* whose elements' labels were looked at last; 0: none */
    bool array_matches;
};

/* "parts" is also the array whose elements are called parts-0 and so on, by its first. */
static bool is_called(const struct job *job, const char *name) {
    const size_t bytes = strlen(name);

    return strcmp(job->name, name) == 0 ||
           (job->array_id == job->id && job->array[0] != '\0' &&
            strncmp(job->name, name, bytes) == 0 && job->name[bytes] == '-' &&
            strchr(job->name + bytes + 1, '-') == NULL);
}

static bool has_labels(struct filter *filter, const struct job *job) {
    const bool is_element = job->array[0] != '\0';
    bool matches;

    if (filter->label_count == 0) {
        return true;
    }
    if (is_element && job->array_id == filter->array_id) {
        return filter->array_matches; /* All have one specification. */
    }
    filter->looks++;
    matches = job_labels_match(filter->daemon->queue, job->id, filter->labels, filter->label_count);
    if (is_element) {
        filter->array_id = job->array_id;
        filter->array_matches = matches;
    }
    return matches;
}

static bool matches(struct filter *filter, const struct job *job) {
    const struct api_call *call = filter->call;

    return (call->namespace[0] == '\0' || strcmp(job->namespace, call->namespace) == 0) &&
           (call->team[0] == '\0' || strcmp(job->team, call->team) == 0) &&
           (call->name[0] == '\0' || is_called(job, call->name)) &&
           (call->states == 0 || (call->states & 1u << job->state) != 0) && has_labels(filter, job);
}

static void list(struct filter *filter, struct api_call *call) {
    struct daemon *daemon = filter->daemon;
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
        if ((is_full && matches(filter, &job)) || looked_at++ == LIMIT_API_LIST_LOOKS ||
            filter->looks == SELECTOR_LOOKS) {
            (void)snprintf(next, sizeof next, "%" PRIu64, id);
            break;
        }
        if (!is_full && matches(filter, &job)) {
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

void front_list(struct daemon *daemon, struct api_call *call) {
    struct filter filter = {.daemon = daemon, .call = call};

    if (call->selector[0] != '\0') {
        if (!front_can_read(daemon, call)) {
            return;
        }
        filter.selector = mem_copy_text(call->selector);
        if (job_labels_parse(filter.selector, filter.labels, &filter.label_count) < 0) {
            api_reply_error(call, ERR_INVALID,
                            "selector: expected KEY=VALUE, several joined by commas, at most %d",
                            JOB_LABELS_MAX);
            free(filter.selector);
            return;
        }
    }
    list(&filter, call);
    free(filter.selector);
}

void front_show(struct daemon *daemon, struct api_call *call) {
    struct job job;
    struct front_attempts attempts = {.now_us = daemon_now(daemon).now_us};
    struct front_beside beside;
    struct front_demand demand;
    struct front_retry retry;
    struct front_job shown;
    struct buf json;

    if (!front_permitted_job(daemon, call, &job)) {
        return;
    }
    if (call->brief || !queue_can_read(daemon->queue)) {
        front_reply_job(daemon, call);
        return;
    }
    json = front_answer_buf();
    front_job_fill(daemon, &job, &shown);
    (void)!queue_each_attempt(daemon->queue, job.id, front_attempt_add, &attempts);
    shown.wire.attempt_list = attempts.items;
    shown.wire.attempt_list_count = attempts.count;
    front_beside_fill(daemon, call, &job, &beside, &shown.wire);
    front_retry_fill(daemon, &job, &retry, &shown.wire);
    front_demand_make(daemon, &job, &demand);
    shown.wire.demand = demand.lines;
    shown.wire.demand_count = demand.count;
    wire_encode_job(&json, &shown.wire);
    front_beside_finish(&beside);
    front_demand_finish(&demand);
    front_reply_buf(call, 200, &json);
    front_attempts_finish(&attempts);
}

void front_show_attempts(struct daemon *daemon, struct api_call *call) {
    struct job job;
    struct front_attempts attempts = {.now_us = daemon_now(daemon).now_us};
    struct buf json;

    if (!front_permitted_job(daemon, call, &job) || !front_can_read(daemon, call)) {
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
