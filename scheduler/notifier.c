#include "scheduler/notifier.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "api/report.h"
#include "base/buf.h"
#include "base/ensure.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/text.h"
#include "config/file.h"
#include "config/notifications.h"
#include "k8s/kube.h"
#include "k8s/resource.h"
#include "notify/message.h"
#include "notify/sender.h"
#include "notify/sign.h"
#include "policy/notice.h"
#include "queue/queue.h"
#include "scheduler/daemon.h"
#include "scheduler/loop.h"
#include "scheduler/reporter.h"

#define SECRET_BYTES_MAX 4096
#define HEADERS_MAX      4

struct notifier {
    struct daemon *daemon;
    struct sender *sender;
    struct notify_order *orders; /* under way */
};

/* One that is under way. */
struct notify_order {
    struct notify_order *next;
    struct notifier *notifier;
    uint64_t number;
    uint64_t kube_call; /* 0: it does not go there */
};

struct notifier *notifier_create(struct daemon *daemon) {
    struct notifier *notifier = mem_alloc(1, sizeof *notifier);

    notifier->daemon = daemon;
    notifier->sender = sender_create(loop_poller(daemon->loop));
    return notifier;
}

void notifier_destroy(struct notifier *notifier) {
    if (notifier == NULL) {
        return;
    }
    sender_destroy(notifier->sender);
    while (notifier->orders != NULL) {
        struct notify_order *order = notifier->orders;

        notifier->orders = order->next;
        if (order->kube_call != 0 && notifier->daemon->kube != NULL) {
            kube_cancel(notifier->daemon->kube, order->kube_call);
        }
        free(order);
    }
    free(notifier);
}

/* --- What became of it ------------------------------------------------------------------------ */

static void tell(struct daemon *daemon, uint64_t number, enum notice_result result,
                 const char *message, int64_t retry_after_us) {
    char *owned = mem_copy_text(message);
    struct core_notice notice;

    inbox_add(&daemon->inbox,
              &(struct event){.kind = EVENT_NOTICE_SENT,
                              .notice_sent = {.number = number,
                                              .result = result,
                                              .message = owned,
                                              .retry_after_us = retry_after_us}},
              owned, free);
    daemon_wake(daemon);
    if (!core_notice(daemon->core, number, &notice)) {
        return;
    }
    if (result == NOTICE_SENT) {
        log_info(&daemon->log, daemon_now(daemon).now_us,
                 "event=notified notification=%" PRIu64 " job=%" PRIu64 " receiver=%s class=%s",
                 number, notice.value.job_id, notice.value.receiver,
                 notice_class_texts[notice.value.class]);
    } else {
        log_warn(&daemon->log, daemon_now(daemon).now_us,
                 "event=notification_%s notification=%" PRIu64 " job=%" PRIu64
                 " receiver=%s tries=%" PRIu32 " error=\"%s\"",
                 result == NOTICE_REFUSED ? "refused" : "failed", number, notice.value.job_id,
                 notice.value.receiver, notice.value.tries + 1, message);
    }
}

static void finish(struct notify_order *order, enum notice_result result, const char *message,
                   int64_t retry_after_us) {
    struct notifier *notifier = order->notifier;
    struct notify_order **at = &notifier->orders;

    tell(notifier->daemon, order->number, result, message, retry_after_us);
    while (*at != order) {
        at = &(*at)->next;
    }
    *at = order->next;
    free(order);
}

static void on_sent(void *context, enum send_result result, const char *message,
                    int64_t retry_after_us) {
    static const enum notice_result results[] = {[SEND_DONE] = NOTICE_SENT,
                                                 [SEND_FAILED] = NOTICE_FAILED_NOW,
                                                 [SEND_REFUSED] = NOTICE_REFUSED};

    finish(context, results[result], message, retry_after_us);
}

static struct notify_order *begin(struct notifier *notifier, uint64_t number) {
    struct notify_order *order = mem_alloc(1, sizeof *order);

    *order =
        (struct notify_order){.next = notifier->orders, .notifier = notifier, .number = number};
    notifier->orders = order;
    return order;
}

/* --- What is sent ----------------------------------------------------------------------------- */

/* The same in each repeat, and never another's. */
static char *id_of(const struct daemon *daemon, const struct core_notice *notice) {
    return notice->value.job_id != 0
               ? mem_format("%s-%" PRIu64 "-%" PRIu32, queue_uid(daemon->queue),
                            notice->value.job_id, notice->value.sequence)
               : mem_format("%s-report-%" PRId64, queue_uid(daemon->queue),
                            notice->value.at_us / CLOCK_US_PER_SECOND);
}

static struct notify_message message_of(const struct core_notice *notice, const char *id) {
    const struct fact_notice *value = &notice->value;

    return (struct notify_message){.id = id,
                                   .class_text = notice_class_texts[value->class],
                                   .kind = value->kind,
                                   .text = value->text,
                                   .job_id = value->job_id,
                                   .name = value->name,
                                   .namespace = value->namespace,
                                   .team = value->team,
                                   .state = job_state_text(value->state),
                                   .attempt = value->attempt,
                                   .at_us = value->at_us};
}

/* A secret, without the newline that editors put at its end; false after telling why. */
static bool read_secret(struct notify_order *order, const char *path, struct buf *out) {
    struct problems problems = {0};
    bool read = path[0] == '\0' || file_read(path, FILE_ANY_MODE, out, &problems) == OK;

    if (!read) {
        char *message = mem_format(
            "%s: %s", path, problems.count > 0 ? problems.items[0].message : "can't be read");

        finish(order, NOTICE_FAILED_NOW, message, 0);
        free(message);
    }
    while (read && out->bytes > 0 && strchr(" \t\r\n", out->data[out->bytes - 1]) != NULL) {
        out->data[--out->bytes] = '\0';
    }
    problems_finish(&problems);
    return read;
}

static void secret_init(struct buf *secret) {
    buf_init(secret, SECRET_BYTES_MAX);
}

static void secret_finish(struct buf *secret) {
    if (secret->data != NULL) {
        explicit_bzero(secret->data, secret->bytes);
    }
    buf_finish(secret);
}

/* --- Over HTTP and SMTP ----------------------------------------------------------------------- */

/* Secrets of a sending, from their files. */
struct secrets {
    struct buf url;
    struct buf key;
    struct buf user;
    struct buf password;
};

static bool read_secrets(struct notify_order *order, const struct receiver_setting *setting,
                         struct secrets *out) {
    return read_secret(order, setting->url_file, &out->url) &&
           read_secret(order, setting->secret_file, &out->key) &&
           read_secret(order, setting->user_file, &out->user) &&
           read_secret(order, setting->password_file, &out->password);
}

static void render(const struct daemon *daemon, const struct receiver_setting *setting,
                   const struct notify_message *message, struct buf *out) {
    if (setting->kind == RECEIVER_EMAIL) {
        notify_email(message,
                     &(struct notify_addresses){.from = setting->from,
                                                .to = (const char *const *)setting->to,
                                                .to_count = setting->to_count},
                     daemon_now(daemon).now_us, out);
    } else if (setting->kind == RECEIVER_SLACK) {
        notify_slack(message, out);
    } else {
        notify_json(message, out);
    }
}

/* Owned: how many there are. */
static size_t make_headers(const struct daemon *daemon, const struct secrets *secrets,
                           const char *id, const struct buf *body, char *out[HEADERS_MAX]) {
    const struct sign_of of = {.time_s = daemon_now(daemon).now_us / CLOCK_US_PER_SECOND,
                               .id = id,
                               .body = body->data,
                               .body_bytes = body->bytes};
    char text[SIGN_TEXT_BYTES];
    size_t count = 0;

    out[count++] = mem_format("X-Nightshift-Id: %s", id);
    out[count++] = mem_format("X-Nightshift-Timestamp: %" PRId64, of.time_s);
    if (secrets->key.bytes > 0) {
        sign(secrets->key.data, secrets->key.bytes, &of, text);
        out[count++] = mem_format("X-Nightshift-Signature: %s", text);
    }
    return count;
}

static void dispatch(struct notify_order *order, const struct receiver_setting *setting,
                     const struct notify_message *message, const struct secrets *secrets) {
    struct notifier *notifier = order->notifier;
    char *headers[HEADERS_MAX];
    struct error error = {0};
    struct buf body;
    size_t count;

    buf_init(&body, LIMIT_NOTICE_BYTES);
    render(notifier->daemon, setting, message, &body);
    count = make_headers(notifier->daemon, secrets, message->id, &body, headers);
    if (sender_send(notifier->sender,
                    &(struct send_order){
                        .url = secrets->url.bytes > 0 ? buf_text(&secrets->url) : setting->url,
                        .ca_file = setting->ca_file,
                        .body = buf_text(&body),
                        .body_bytes = body.bytes,
                        .headers = (const char *const *)headers,
                        .header_count = count,
                        .from = setting->from,
                        .to = (const char *const *)setting->to,
                        .to_count = setting->to_count,
                        .user = buf_text(&secrets->user),
                        .password = buf_text(&secrets->password),
                        .allow_plain = setting->allow_plain,
                    },
                    on_sent, order, &error) < 0) {
        finish(order, NOTICE_REFUSED, error.text, 0);
    }
    for (size_t i = 0; i < count; i++) {
        free(headers[i]);
    }
    buf_finish(&body);
}

static void send_out(struct notify_order *order, const struct receiver_setting *setting,
                     const struct notify_message *message) {
    struct secrets secrets;

    secret_init(&secrets.url);
    secret_init(&secrets.key);
    secret_init(&secrets.user);
    secret_init(&secrets.password);
    if (read_secrets(order, setting, &secrets)) {
        dispatch(order, setting, message, &secrets);
    }
    secret_finish(&secrets.url);
    secret_finish(&secrets.key);
    secret_finish(&secrets.user);
    secret_finish(&secrets.password);
}

/* --- An Event in the cluster ------------------------------------------------------------------ */

static void on_event_made(void *context, const struct kube_answer *answer) {
    struct notify_order *order = context;
    char *message;

    order->kube_call = 0;
    if (answer->status.outcome == KUBE_OK || answer->status.outcome == KUBE_EXISTS) {
        finish(order, NOTICE_SENT, "", 0);
        return;
    }
    message = mem_format("the API server: %s", answer->status.message);
    finish(order,
           answer->status.outcome == KUBE_FORBIDDEN || answer->status.outcome == KUBE_INVALID ||
                   answer->status.outcome == KUBE_NOT_FOUND
               ? NOTICE_REFUSED
               : NOTICE_FAILED_NOW,
           message, 0);
    free(message);
}

/* Reports have no object that they could be about: nothing is to be done. */
static void make_event(struct notify_order *order, const struct core_notice *notice,
                       const struct notify_message *message) {
    struct daemon *daemon = order->notifier->daemon;
    struct buf body;
    char *path;

    if (notice->value.job_id == 0) {
        finish(order, NOTICE_SENT, "", 0);
        return;
    }
    buf_init(&body, LIMIT_NOTICE_BYTES);
    notify_event(message, notice->value.pod_name, notice->value.pod_uid, &body);
    path = mem_format("/api/v1/namespaces/%s/events", notice->value.namespace);
    order->kube_call = kube_request(daemon->kube,
                                    &(struct kube_call){.method = KUBE_POST,
                                                        .priority = KUBE_PRIORITY_LIST,
                                                        .path = path,
                                                        .body = buf_text(&body),
                                                        .body_bytes = body.bytes},
                                    on_event_made, order);
    free(path);
    buf_finish(&body);
}

/* --- A report --------------------------------------------------------------------------------- */

/* Made anew for each try: its notice holds no more than what it is of. */
static void on_report(void *context, const struct report *report) {
    struct notify_order *order = context;
    struct daemon *daemon = order->notifier->daemon;
    const struct zone *zone = daemon->config.windows->home;
    const struct receiver_setting *setting = NULL;
    struct notify_message message;
    struct core_notice notice;
    struct buf html, text;
    char *id;

    if (report != NULL && core_notice(daemon->core, order->number, &notice)) {
        setting = notifications_find(&daemon->config.notifications, notice.value.receiver);
    }
    if (setting == NULL) {
        finish(order, NOTICE_FAILED_NOW, "the configuration has changed", 0);
        return;
    }
    buf_init(&html, LIMIT_NOTICE_BYTES);
    buf_init(&text, LIMIT_NOTICE_BYTES);
    report_print(report, REPORT_HTML, zone, &html);
    report_print(report, REPORT_TEXT, zone, &text);
    id = id_of(daemon, &notice);
    message = message_of(&notice, id);
    message.text = buf_text(&text);
    message.html = buf_text(&html);
    send_out(order, setting, &message);
    free(id);
    buf_finish(&html);
    buf_finish(&text);
}

static void make_report(struct notify_order *order, const struct core_notice *notice) {
    struct error error = {0};

    if (reporter_ask(order->notifier->daemon->reporter,
                     &(struct report_question){.from_us = notice->value.from_us,
                                               .until_us = notice->value.at_us,
                                               .window = notice->value.name,
                                               .on_report = on_report,
                                               .context = order},
                     &error) < 0) {
        finish(order, NOTICE_FAILED_NOW, error.text, 0);
    }
}

void notifier_send(struct notifier *notifier, uint64_t number) {
    struct daemon *daemon = notifier->daemon;
    struct notify_order *order = begin(notifier, number);
    const struct receiver_setting *setting;
    struct notify_message message;
    struct core_notice notice;
    char *id;

    if (!core_notice(daemon->core, number, &notice)) {
        finish(order, NOTICE_SENT, "", 0); /* Dropped in the same turn. */
        return;
    }
    setting = notifications_find(&daemon->config.notifications, notice.value.receiver);
    if (setting == NULL) {
        finish(order, NOTICE_REFUSED, "the configuration has no receiver of that name any more", 0);
        return;
    }
    if (notice.value.class == NOTICE_REPORT) {
        make_report(order, &notice);
        return;
    }
    id = id_of(daemon, &notice);
    message = message_of(&notice, id);
    if (setting->kind == RECEIVER_KUBERNETES) {
        make_event(order, &notice, &message);
    } else {
        send_out(order, setting, &message);
    }
    free(id);
}
