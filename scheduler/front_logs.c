#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/api.h"
#include "base/buf.h"
#include "base/limits.h"
#include "base/memory.h"
#include "k8s/codec_json.h"
#include "k8s/kube.h"
#include "k8s/payload.h"
#include "k8s/resource.h"
#include "queue/queue.h"
#include "scheduler/daemon.h"
#include "scheduler/front_view.h"

#define LOG_FETCH_BYTES (16 * LIMIT_MIB)

/* A log on its way from the API server to a client. Hangs on the call. */
struct log_fetch {
    struct api_call *call;
    uint64_t request;
    bool began;
};

static void end_without(struct log_fetch *fetch, const struct kube_status *status) {
    struct error error = {0};

    (void)kube_status_error(status, "the pod's log", &error);
    api_reply_error(fetch->call, error.code, "%s", error.text);
}

static void on_done(void *context, const struct kube_answer *answer) {
    struct log_fetch *fetch = context;
    struct api_call *call = fetch->call;

    call->context = NULL;
    if (fetch->began && answer->status.outcome == KUBE_OK) {
        api_stream_end(call);
    } else if (fetch->began) {
        api_stream_abort(call); /* A log that was cut must not look whole. */
    } else if (answer->status.outcome != KUBE_OK) {
        end_without(fetch, &answer->status);
    } else {
        api_reply_text(call, 200, "text/plain; charset=utf-8", answer->body, answer->body_bytes);
    }
    free(fetch);
}

static int on_bytes(void *context, const char *bytes, size_t count) {
    struct log_fetch *fetch = context;

    if (!fetch->began) {
        fetch->began = true;
        api_stream_start(fetch->call, "text/plain; charset=utf-8");
    }
    return api_stream_write(fetch->call, bytes, count); /* Too slow a reader ends the stream. */
}

struct find_pod {
    uint32_t attempt;
    char name[LIMIT_NAME_BYTES + 1];
};

static int match_attempt(void *context, const struct attempt *attempt) {
    struct find_pod *find = context;

    if (find->attempt == 0 || attempt->number == find->attempt) {
        (void)snprintf(find->name, sizeof find->name, "%s", attempt->pod_name);
    }
    return OK;
}

void front_logs(struct daemon *daemon, struct api_call *call, const struct job *job) {
    struct find_pod find = {.attempt = call->attempt};
    struct payload *payload = NULL;
    struct field_error error = {0};
    struct log_fetch *fetch;
    struct buf path;
    struct buf query;

    if (queue_each_attempt(daemon->queue, job->id, match_attempt, &find) < 0 ||
        find.name[0] == '\0') {
        api_reply_error(call, ERR_NOT_FOUND, "job %llu has no pod yet",
                        (unsigned long long)job->id);
        return;
    }
    if (daemon_read_payload(daemon, job, &payload, &error) < 0) {
        api_reply_error(call, ERR_CORRUPT, "the job's stored specification can't be read");
        return;
    }
    fetch = mem_alloc(1, sizeof *fetch);
    *fetch = (struct log_fetch){.call = call};
    call->context = fetch;
    buf_init(&path, LIMIT_HTTP_URL_BYTES);
    buf_init(&query, LIMIT_HTTP_URL_BYTES);
    resource_add_path(&path, &(struct resource_path){.resource = KUBE_PODS,
                                                     .namespace_ = job->namespace,
                                                     .name = find.name,
                                                     .subresource = "log"});
    resource_add_log_query(&query, &(struct resource_log_query){
                                       .container = payload_log_container(payload),
                                       .tail_lines = call->tail_lines > 0 ? call->tail_lines : 0,
                                       .limit_bytes = call->follow ? 0 : LOG_FETCH_BYTES,
                                       .follow = call->follow});
    fetch->request = kube_request(daemon->kube,
                                  &(struct kube_call){
                                      .method = KUBE_GET,
                                      .priority = KUBE_PRIORITY_LIST,
                                      .path = buf_text(&path),
                                      .query = buf_text(&query),
                                      .deadline_us = call->follow ? KUBE_DEADLINE_NONE : 0,
                                      .answer_bytes_max = LOG_FETCH_BYTES + LIMIT_MIB,
                                      .on_bytes = call->follow ? on_bytes : NULL,
                                  },
                                  on_done, fetch);
    payload_destroy(payload);
    buf_finish(&path);
    buf_finish(&query);
}

void front_logs_gone(struct daemon *daemon, struct api_call *call) {
    struct log_fetch *fetch = call->context;

    if (fetch == NULL) {
        return; /* Another kind of call: it is answered as if its client were there. */
    }
    kube_cancel(daemon->kube, fetch->request);
    if (fetch->began) {
        api_stream_end(call);
    } else {
        api_reply_error(call, ERR_IO, "the client left");
    }
    free(fetch);
}
