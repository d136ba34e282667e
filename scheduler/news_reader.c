#include "scheduler/news_reader.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/memory.h"
#include "k8s/kube.h"
#include "k8s/pod_news.h"
#include "k8s/resource.h"
#include "scheduler/daemon.h"

#define DENIED_US   (10 * 60 * CLOCK_US_PER_SECOND) /* then it is tried again */
#define DEADLINE_US (20 * CLOCK_US_PER_SECOND)

struct news_reader {
    struct daemon *daemon;
    int64_t denied_until_us; /* monotonic; 0: not denied */
};

/* A question, and then its answer: the event borrows from it. */
struct question {
    struct news_reader *reader;
    uint64_t job_id;
    uint32_t attempt;
    char *pod_uid;
    bool of_end;
    struct pod_news news;
};

struct news_reader *news_reader_create(struct daemon *daemon) {
    struct news_reader *reader = mem_alloc(1, sizeof *reader);

    reader->daemon = daemon;
    return reader;
}

void news_reader_destroy(struct news_reader *reader) {
    free(reader);
}

static void question_destroy(void *value) {
    struct question *question = value;

    free(question->pod_uid);
    free(question);
}

static void answer(struct question *question, bool is_known) {
    struct event event = {.kind = EVENT_NEWS,
                          .news = {.job_id = question->job_id,
                                   .attempt = question->attempt,
                                   .pod_uid = question->pod_uid,
                                   .of_end = question->of_end,
                                   .is_known = is_known,
                                   .failure = question->news.failure,
                                   .message = question->news.message}};

    inbox_add(&question->reader->daemon->inbox, &event, question, question_destroy);
}

static void note_denied(struct news_reader *reader) {
    struct daemon *daemon = reader->daemon;
    const struct instant now = daemon_now(daemon);

    if (reader->denied_until_us == 0) {
        log_warn(&daemon->log, now.now_us,
                 "event=denied resource=events action=\"classed by what pods show alone; see "
                 "deploy/rbac\"");
    }
    reader->denied_until_us = now.mono_us + DENIED_US;
}

static void on_answer(void *context, const struct kube_answer *reply) {
    struct question *question = context;
    struct field_error error = {0};
    bool is_known = reply->status.outcome == KUBE_OK;

    if (reply->status.outcome == KUBE_FORBIDDEN) {
        note_denied(question->reader);
    } else if (is_known && pod_news_read(reply->body, reply->body_bytes, question->of_end,
                                         &question->news, &error) < 0) {
        is_known = false;
        log_warn(&question->reader->daemon->log, daemon_now(question->reader->daemon).now_us,
                 "job=%" PRIu64 " event=unreadable resource=events field=%s error=\"%s\"",
                 question->job_id, error.path, error.error.text);
    }
    answer(question, is_known);
}

/* Those about this very pod, not another one of its name. */
static void print_query(const struct command *command, struct buf *out) {
    struct buf fields;

    buf_init(&fields, LIMIT_HTTP_URL_BYTES);
    buf_add_format(&fields, "involvedObject.name=%s,involvedObject.uid=%s", command->pod_name,
                   command->pod_uid);
    resource_add_query(out, "fieldSelector", buf_text(&fields));
    resource_add_query_int(out, "limit", LIMIT_POD_NEWS);
    buf_finish(&fields);
}

static void ask(struct question *question, const struct command *command) {
    struct buf path, query;

    buf_init(&path, LIMIT_HTTP_URL_BYTES);
    buf_init(&query, LIMIT_HTTP_URL_BYTES);
    resource_add_path(
        &path, &(struct resource_path){.resource = KUBE_EVENTS, .namespace_ = command->namespace});
    print_query(command, &query);
    (void)kube_request(question->reader->daemon->kube,
                       &(struct kube_call){.method = KUBE_GET,
                                           .priority = KUBE_PRIORITY_LIST,
                                           .path = buf_text(&path),
                                           .query = buf_text(&query),
                                           .deadline_us = DEADLINE_US},
                       on_answer, question);
    buf_finish(&path);
    buf_finish(&query);
}

void news_reader_ask(struct news_reader *reader, const struct command *command) {
    struct question *question = mem_alloc(1, sizeof *question);

    *question = (struct question){.reader = reader,
                                  .job_id = command->job_id,
                                  .attempt = command->attempt,
                                  .pod_uid = mem_copy_text(command->pod_uid),
                                  .of_end = command->of_end};
    if (reader->denied_until_us > daemon_now(reader->daemon).mono_us) {
        answer(question, false);
        return;
    }
    ask(question, command);
}
