#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/api.h"
#include "base/buf.h"
#include "base/limits.h"
#include "base/memory.h"
#include "k8s/codec_json.h"
#include "k8s/json_scan.h"
#include "k8s/kube.h"
#include "k8s/payload.h"
#include "k8s/resource.h"
#include "k8s/spark_names.h"
#include "queue/queue.h"
#include "scheduler/daemon.h"
#include "scheduler/front.h"
#include "scheduler/front_view.h"
#include "scheduler/log_collector.h"
#include "scheduler/log_file.h"
#include "scheduler/log_stream.h"

#define LOG_FETCH_BYTES (16 * LIMIT_MIB)

/* A log on its way from the API server to a client. Hangs on the call. */
struct log_fetch {
    struct daemon *daemon;
    struct api_call *call;
    uint64_t request;
    struct log_stream *stream; /* of one that is followed; NULL: of none */
    bool began;
    size_t sent;
    struct log_key key;
    char namespace[LIMIT_NAME_BYTES + 1];
    char container[LIMIT_LABEL_BYTES + 1];
};

/* --- From the store --------------------------------------------------------------------------- */

static const char *last_lines(const struct buf *text, int64_t lines) {
    size_t at = text->bytes;

    if (lines < 0 || at == 0) {
        return buf_text(text);
    }
    at -= text->data[at - 1] == '\n' ? 1 : 0;
    while (at > 0 && (text->data[at - 1] != '\n' || --lines > 0)) {
        at--;
    }
    return lines == 0 && at == text->bytes ? text->data + text->bytes : text->data + at;
}

/* False when there is none: the call is then still to be answered. */
static bool reply_stored(const struct log_fetch *fetch) {
    char *path = log_shelf_path(log_collector_shelf(fetch->daemon->logs), &fetch->key);
    struct buf text;
    const char *from;
    int r;

    buf_init(&text, 2 * LIMIT_LOG_FILE_BYTES);
    r = log_file_read(path, &text);
    free(path);
    if (r == OK) {
        from = last_lines(&text, fetch->call->tail_lines);
        api_reply_text(fetch->call, 200, "text/plain; charset=utf-8", from,
                       text.bytes - (size_t)(from - buf_text(&text)));
    } else if (r != ERR_NOT_FOUND) {
        api_reply_error(fetch->call, r, "the stored log of the pod can't be read: it is damaged");
    }
    buf_finish(&text);
    return r != ERR_NOT_FOUND;
}

/* The rest of a log whose beginning the client has. */
static bool send_stored_rest(const struct log_fetch *fetch) {
    char *path = log_shelf_path(log_collector_shelf(fetch->daemon->logs), &fetch->key);
    struct buf text;
    bool sent;

    buf_init(&text, 2 * LIMIT_LOG_FILE_BYTES);
    sent = log_file_read(path, &text) == OK && text.bytes >= fetch->sent &&
           api_stream_write(fetch->call, buf_text(&text) + fetch->sent, text.bytes - fetch->sent) ==
               OK;
    free(path);
    buf_finish(&text);
    return sent;
}

/* --- From the API server ---------------------------------------------------------------------- */

static void end_without(struct log_fetch *fetch, const struct kube_status *status) {
    struct error error = {0};

    if (reply_stored(fetch)) {
        return;
    }
    (void)kube_status_error(status, "the pod's log", &error);
    api_reply_error(fetch->call, error.code, "%s; no log of it is stored", error.text);
}

static void on_done(void *context, const struct kube_answer *answer) {
    struct log_fetch *fetch = context;
    struct api_call *call = fetch->call;

    call->context = NULL;
    if (answer->status.outcome != KUBE_OK) {
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
    fetch->sent += count;
    return api_stream_write(fetch->call, bytes, count); /* Too slow a reader ends the stream. */
}

static void on_stream_end(void *context, enum log_stream_end end,
                          const struct kube_status *status) {
    struct log_fetch *fetch = context;
    struct api_call *call = fetch->call;

    call->context = NULL;
    if (end == LOG_STREAM_REFUSED) {
        end_without(fetch, status);
    } else if (!fetch->began && end == LOG_STREAM_WHOLE) {
        api_reply_text(call, 200, "text/plain; charset=utf-8", "", 0);
    } else if (!fetch->began) {
        api_reply_error(call, ERR_BUSY, "the pod's log can't be had now");
    } else if (end == LOG_STREAM_WHOLE ||
               (end == LOG_STREAM_BROKEN && call->tail_lines < 0 && send_stored_rest(fetch))) {
        api_stream_end(call);
    } else {
        api_stream_abort(call); /* A log that was cut must not look whole. */
    }
    free(fetch);
}

/* Of an executor nobody here knows. */
static bool driver_runs(void *context) {
    const struct log_fetch *fetch = context;
    const struct attempt *attempt = core_attempt(fetch->daemon->core, fetch->key.job_id);
    struct job job;

    return core_job(fetch->daemon->core, fetch->key.job_id, &job) && job.state == JOB_RUNNING &&
           attempt != NULL && attempt->number == fetch->key.attempt;
}

static void follow(struct log_fetch *fetch, const char *pod) {
    fetch->stream = log_stream_open(&(struct log_stream_options){
        .daemon = fetch->daemon,
        .namespace = fetch->namespace,
        .pod = pod,
        .container = fetch->container,
        .tail_lines = fetch->call->tail_lines > 0 ? fetch->call->tail_lines : 0,
        .runs = fetch->key.executor == LOG_EXECUTOR_NONE ? driver_runs : NULL,
        .on_bytes = on_bytes,
        .on_end = on_stream_end,
        .context = fetch});
}

static void ask(struct log_fetch *fetch, const char *pod) {
    const struct api_call *call = fetch->call;
    struct buf path;
    struct buf query;

    if (call->follow) {
        follow(fetch, pod);
        return;
    }
    buf_init(&path, LIMIT_HTTP_URL_BYTES);
    buf_init(&query, LIMIT_HTTP_URL_BYTES);
    resource_add_path(&path, &(struct resource_path){.resource = KUBE_PODS,
                                                     .namespace_ = fetch->namespace,
                                                     .name = pod,
                                                     .subresource = "log"});
    resource_add_log_query(&query, &(struct resource_log_query){
                                       .container = fetch->container,
                                       .tail_lines = call->tail_lines > 0 ? call->tail_lines : 0,
                                       .limit_bytes = LOG_FETCH_BYTES});
    fetch->request = kube_request(fetch->daemon->kube,
                                  &(struct kube_call){
                                      .method = KUBE_GET,
                                      .priority = KUBE_PRIORITY_LIST,
                                      .path = buf_text(&path),
                                      .query = buf_text(&query),
                                      .answer_bytes_max = LOG_FETCH_BYTES + LIMIT_MIB,
                                  },
                                  on_done, fetch);
    buf_finish(&path);
    buf_finish(&query);
}

/* --- Executors -------------------------------------------------------------------------------- */

/* The name of the first pod in a list. */
static bool first_name(const struct kube_answer *answer, char *out_name, size_t room) {
    struct json_slice list, items, key, pod, meta, name;
    struct json_cursor cursor;

    if (json_scan_text(answer->body, answer->body_bytes, &list) != OK ||
        !json_scan_member(list, "items", &items)) {
        return false;
    }
    cursor = json_scan_members(items);
    return json_scan_next(&cursor, &key, &pod) && json_scan_member(pod, "metadata", &meta) &&
           json_scan_member(meta, "name", &name) && json_scan_copy_text(name, out_name, room);
}

static void executor_found(void *context, const struct kube_answer *answer) {
    struct log_fetch *fetch = context;
    struct api_call *call = fetch->call;
    char name[LIMIT_NAME_BYTES + 1];

    if (answer->status.outcome == KUBE_OK && first_name(answer, name, sizeof name)) {
        ask(fetch, name);
        return;
    }
    call->context = NULL;
    if (answer->status.outcome != KUBE_OK) {
        end_without(fetch, &answer->status);
    } else if (!reply_stored(fetch)) {
        api_reply_error(call, ERR_NOT_FOUND,
                        "attempt %" PRIu32 " of job %" PRIu64 " has no executor %" PRIu32
                        " now, and no log of it is stored (logs.collect: all would)",
                        fetch->key.attempt, fetch->key.job_id, fetch->key.executor);
    }
    free(fetch);
}

/* Executors are named by their driver: this one is found by its labels. */
static void find_executor(struct log_fetch *fetch) {
    char labels[160];
    struct buf path;
    struct buf query;

    (void)snprintf(labels, sizeof labels,
                   "nightshift/job-id=%" PRIu64 ",nightshift/attempt=%" PRIu32
                   ",spark-exec-id=%" PRIu32,
                   fetch->key.job_id, fetch->key.attempt, fetch->key.executor);
    buf_init(&path, LIMIT_HTTP_URL_BYTES);
    buf_init(&query, LIMIT_HTTP_URL_BYTES);
    resource_add_path(
        &path, &(struct resource_path){.resource = KUBE_PODS, .namespace_ = fetch->namespace});
    resource_add_query(&query, "labelSelector", labels);
    (void)snprintf(fetch->container, sizeof fetch->container, "%s", CONTAINER_SPARK_EXECUTOR);
    fetch->request = kube_request(fetch->daemon->kube,
                                  &(struct kube_call){
                                      .method = KUBE_GET,
                                      .priority = KUBE_PRIORITY_LIST,
                                      .path = buf_text(&path),
                                      .query = buf_text(&query),
                                  },
                                  executor_found, fetch);
    buf_finish(&path);
    buf_finish(&query);
}

/* --- The call --------------------------------------------------------------------------------- */

struct find_pod {
    uint32_t attempt; /* wanted; 0: the last. Then the one that was found */
    uint32_t found;
    char name[LIMIT_NAME_BYTES + 1];
};

static int match_attempt(void *context, const struct attempt *attempt) {
    struct find_pod *find = context;

    if (find->attempt == 0 || attempt->number == find->attempt) {
        find->found = attempt->number;
        (void)snprintf(find->name, sizeof find->name, "%s", attempt->pod_name);
    }
    return OK;
}

/* Has another attempt's pod, or somebody else's, its name by now? */
static bool is_replaced(const struct daemon *daemon, const struct job *job,
                        const struct find_pod *find) {
    struct core_pod pod;

    return core_find_pod(daemon->core, job->namespace, find->name, &pod) &&
           (pod.job_id != job->id || pod.attempt != find->found);
}

static void tell_stored(struct log_fetch *fetch, const struct find_pod *find) {
    if (!reply_stored(fetch)) {
        api_reply_error(fetch->call, ERR_NOT_FOUND,
                        "the pod of attempt %" PRIu32 " is gone, another one is called %s now, and "
                        "no log of it is stored",
                        find->found, find->name);
    }
    fetch->call->context = NULL;
    free(fetch);
}

void front_logs(struct daemon *daemon, struct api_call *call, const struct job *job) {
    struct find_pod find = {.attempt = call->attempt};
    struct payload *payload = NULL;
    struct field_error error = {0};
    struct log_fetch *fetch;

    if (!front_can_read(daemon, call)) {
        return;
    }
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
    *fetch = (struct log_fetch){
        .daemon = daemon,
        .call = call,
        .key = {.job_id = job->id, .attempt = find.found, .executor = call->executor}};
    (void)snprintf(fetch->namespace, sizeof fetch->namespace, "%s", job->namespace);
    (void)snprintf(fetch->container, sizeof fetch->container, "%s", payload_log_container(payload));
    payload_destroy(payload);
    call->context = fetch;
    if (call->executor != LOG_EXECUTOR_NONE) {
        find_executor(fetch);
    } else if (is_replaced(daemon, job, &find)) {
        tell_stored(fetch, &find);
    } else {
        ask(fetch, find.name);
    }
}

void front_logs_gone(struct daemon *daemon, struct api_call *call) {
    struct log_fetch *fetch = call->context;

    if (fetch == NULL) {
        return; /* Another kind of call: it is answered as if its client were there. */
    }
    kube_cancel(daemon->kube, fetch->request);
    log_stream_close(fetch->stream);
    if (fetch->began) {
        api_stream_end(call);
    } else {
        api_reply_error(call, ERR_IO, "the client left");
    }
    free(fetch);
}
