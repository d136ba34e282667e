#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "api/api.h"
#include "base/buf.h"
#include "base/limits.h"
#include "base/memory.h"
#include "k8s/kube.h"
#include "k8s/payload.h"
#include "k8s/resource.h"
#include "queue/queue.h"
#include "scheduler/daemon.h"
#include "scheduler/front.h"
#include "scheduler/front_view.h"

#define UI_PAGE_BYTES (32 * LIMIT_MIB)
#define UI_FIRST_PAGE "/jobs/" /* where Spark's own redirect of "/" leads */

/* A page on its way from a driver to a client. Hangs on the call. */
struct page {
    struct api_call *call;
    int64_t port;
    uint64_t request;
};

static void on_done(void *context, const struct kube_answer *answer) {
    struct page *page = context;
    struct error error = {0};

    page->call->context = NULL;
    if (answer->status.outcome == KUBE_OK) {
        api_reply_text(page->call, 200,
                       answer->content_type[0] != '\0' ? answer->content_type : "text/html",
                       answer->body, answer->body_bytes);
    } else {
        (void)kube_status_error(&answer->status, "the driver's web interface", &error);
        api_reply_error(page->call, error.code, "%s", error.text);
    }
    free(page);
}

/* The path below the proxy is the caller's: it was decoded once, and is encoded again. */
static void add_path(struct buf *out, const char *path, size_t bytes) {
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/";

    for (size_t i = 0; i < bytes; i++) {
        if (strchr(plain, path[i]) != NULL) {
            buf_add_char(out, path[i]);
        } else {
            buf_add_format(out, "%%%02X", (unsigned)(unsigned char)path[i]);
        }
    }
}

/* 0: there is none, and the call is answered. */
static int64_t find_port(struct daemon *daemon, struct api_call *call, const struct job *job) {
    struct payload *payload = NULL;
    struct field_error error = {0};
    int64_t port;

    if (!front_can_read(daemon, call)) {
        return 0;
    }
    if (daemon_read_payload(daemon, job, &payload, &error) < 0) {
        api_reply_error(call, ERR_CORRUPT, "the job's stored specification can't be read");
        return 0;
    }
    port = payload_ui_port(payload);
    payload_destroy(payload);
    if (port == 0) {
        api_reply_error(call, ERR_NOT_FOUND,
                        "job %" PRIu64 " serves no pages: spark.ui.enabled is false", job->id);
    }
    return port;
}

static void ask(struct daemon *daemon, struct page *page, const struct job *job, const char *pod) {
    const char *wanted = page->call->ui_path;
    const char *query = strchr(wanted, '?');
    size_t bytes = query == NULL ? strlen(wanted) : (size_t)(query - wanted);
    struct buf path;

    if (bytes <= 1) {
        wanted = UI_FIRST_PAGE;
        bytes = strlen(wanted);
    }
    buf_init(&path, LIMIT_HTTP_URL_BYTES);
    resource_add_path(&path, &(struct resource_path){
                                 .resource = KUBE_PODS, .namespace_ = job->namespace, .name = pod});
    buf_add_format(&path, ":%" PRId64 "/proxy", page->port);
    add_path(&path, wanted, bytes);
    page->request = kube_request(daemon->kube,
                                 &(struct kube_call){
                                     .method = KUBE_GET,
                                     .priority = KUBE_PRIORITY_LIST,
                                     .path = buf_text(&path),
                                     .query = query == NULL ? NULL : query + 1,
                                     .answer_bytes_max = UI_PAGE_BYTES,
                                     .no_retry = true,
                                 },
                                 on_done, page);
    buf_finish(&path);
}

void front_ui(struct daemon *daemon, struct api_call *call, const struct job *job) {
    const struct attempt *attempt = core_attempt(daemon->core, job->id);
    struct page *page;
    int64_t port;

    if (job->kind != JOB_KIND_SPARK) {
        api_reply_error(call, ERR_INVALID, "job %" PRIu64 " is no Spark application", job->id);
        return;
    }
    if (job->state != JOB_RUNNING || attempt == NULL || attempt->pod_name[0] == '\0') {
        api_reply_error(call, ERR_NOT_FOUND,
                        "job %" PRIu64 " is %s: its driver serves pages only while it runs",
                        job->id, job_state_text(job->state));
        return;
    }
    port = find_port(daemon, call, job);
    if (port == 0) {
        return;
    }
    page = mem_alloc(1, sizeof *page);
    *page = (struct page){.call = call, .port = port};
    call->context = page;
    ask(daemon, page, job, attempt->pod_name);
}

void front_ui_gone(struct daemon *daemon, struct api_call *call) {
    struct page *page = call->context;

    if (page != NULL) {
        kube_cancel(daemon->kube, page->request);
        api_reply_error(call, ERR_IO, "the client left");
        free(page);
    }
}
