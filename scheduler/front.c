#include "scheduler/front.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "api/api.h"
#include "api/wire.h"
#include "base/ensure.h"
#include "base/limits.h"
#include "base/memory.h"
#include "queue/queue.h"
#include "scheduler/daemon.h"
#include "scheduler/front_beside.h"
#include "scheduler/front_forecast.h"
#include "scheduler/front_team.h"
#include "scheduler/front_view.h"
#include "scheduler/leader.h"
#include "scheduler/loop.h"
#include "scheduler/reporter.h"
#include "scheduler/submission.h"

/* --- Answers --------------------------------------------------------------------------------- */

void front_reply_buf(struct api_call *call, int status, struct buf *json) {
    if (json->full) {
        api_reply_error(call, ERR_FULL, "the answer is larger than this server sends");
    } else {
        api_reply_json(call, status, json);
    }
    buf_finish(json);
}

struct buf front_answer_buf(void) {
    struct buf json;

    buf_init(&json, LIMIT_HTTP_BODY_BYTES);
    return json;
}

bool front_permitted_job(struct daemon *daemon, struct api_call *call, struct job *out_job) {
    if (!front_find_element(daemon, call)) {
        return false;
    }
    if (!front_find_job(daemon, call, out_job)) {
        api_reply_error(call, ERR_NOT_FOUND, "there is no job %" PRIu64, call->job_id);
        return false;
    }
    if (!front_permits(daemon, call, out_job->team)) {
        api_reply_error(call, ERR_DENIED, "job %" PRIu64 " is team %s's; %s has no right to it",
                        call->job_id, out_job->team, call->identity.user);
        return false;
    }
    return true;
}

bool front_can_change(const struct daemon *daemon, struct api_call *call) {
    if (daemon->stalled) {
        api_reply_error(call, ERR_BUSY, "the queue can't be written, nothing is changed: %s",
                        daemon->stall.text);
    }
    return !daemon->stalled;
}

bool front_can_read(struct daemon *daemon, struct api_call *call) {
    bool can = queue_can_read(daemon->queue);

    if (!can) {
        api_reply_error(call, ERR_BUSY,
                        "the queue can't be read while the last turn is being stored; ask again");
    }
    return can;
}

void front_reply_job(struct daemon *daemon, struct api_call *call) {
    struct buf json;
    struct front_beside beside;
    struct front_job shown;
    struct job job;

    if (!front_find_job(daemon, call, &job)) {
        api_reply_error(call, ERR_NOT_FOUND, "there is no job %" PRIu64, call->job_id);
        return;
    }
    json = front_answer_buf();
    front_job_fill(daemon, &job, &shown);
    front_beside_count(daemon, call, &job, &beside, &shown.wire);
    wire_encode_job(&json, &shown.wire);
    front_beside_finish(&beside);
    front_reply_buf(call, 200, &json);
}

static void on_notices(struct daemon *daemon, struct api_call *call);

void front_reply(struct daemon *daemon, const struct reply *reply) {
    struct api_call *call = api_find(daemon->front->api, reply->token);

    if (call == NULL) {
        front_submit_settled(daemon, reply);
        return;
    }
    if (call->route == API_SUBMIT) {
        front_submit_answered(daemon, call, reply);
    } else if (reply->code == OK &&
               (call->route == API_NOTICE_RETRY || call->route == API_NOTICE_DROP)) {
        on_notices(daemon, call);
    } else if (call->schedule[0] != '\0') {
        front_schedule_acted(daemon, call, reply);
    } else if (reply->code == OK) {
        if (call->route == API_FORGET) {
            front_reply_learnt(daemon, call);
        } else {
            front_reply_job(daemon, call);
        }
    } else {
        api_reply_error(call, reply->code, "%s", reply->text);
    }
}

static void tell_stalled(struct daemon *daemon, uint64_t token) {
    struct api_call *call = api_find(daemon->front->api, token);

    if (call == NULL) {
        return;
    }
    api_reply_error(call, ERR_BUSY,
                    "the queue can't be written: %s. This request is carried out as soon as it "
                    "can: ask again with the same Idempotency-Key, or look",
                    daemon->stall.text);
}

/* It may be stored yet, or not: its key, or a look, will tell. The keys stay taken until then. */
void front_tell_stalled(struct daemon *daemon) {
    for (size_t i = 0; i < daemon->inbox.count; i++) {
        tell_stalled(daemon, daemon->inbox.events[i].token);
    }
}

/* --- What is answered at once -------------------------------------------------------------- */

static void on_status(struct daemon *daemon, struct api_call *call) {
    struct buf json = front_answer_buf();

    front_status(daemon, &json);
    front_reply_buf(call, 200, &json);
}

static void on_windows(struct daemon *daemon, struct api_call *call) {
    struct buf json = front_answer_buf();

    front_windows(daemon, &json);
    front_reply_buf(call, 200, &json);
}

static void on_teams(struct daemon *daemon, struct api_call *call) {
    struct buf json = front_answer_buf();

    front_teams(daemon, &json);
    front_reply_buf(call, 200, &json);
}

static void on_metrics(struct daemon *daemon, struct api_call *call) {
    struct buf text = front_answer_buf();
    struct api_stats stats = api_stats(daemon->front->api);

    front_metrics(daemon, &stats, &text);
    api_reply_text(call, 200, "text/plain; version=0.0.4", buf_text(&text), text.bytes);
    buf_finish(&text);
}

void front_set_trouble(struct daemon *daemon, const char *text) {
    if (daemon->front != NULL) {
        api_set_trouble(daemon->front->api, text);
    }
}

static void on_ready(struct daemon *daemon, struct api_call *call) {
    struct error why = {0};

    if (daemon_is_ready(daemon, &why)) {
        api_reply_text(call, 200, "text/plain", "ok\n", 3);
    } else {
        char *text = mem_format("not ready: %s\n", why.text);

        api_reply_text(call, 503, "text/plain", text, strlen(text));
        free(text);
    }
}

static void on_logs(struct daemon *daemon, struct api_call *call) {
    struct job job;

    if (front_permitted_job(daemon, call, &job)) {
        front_logs(daemon, call, &job);
    }
}

static void on_ui(struct daemon *daemon, struct api_call *call) {
    struct job job;

    if (front_permitted_job(daemon, call, &job)) {
        front_ui(daemon, call, &job);
    }
}

/* --- Looking ahead --------------------------------------------------------------------------- */

struct api_clients front_clients(const struct daemon *daemon) {
    return api_clients(daemon->front->api);
}

struct api_call *front_find_call(const struct daemon *daemon, uint64_t number) {
    return api_find(daemon->front->api, number);
}

static void on_forecast(struct daemon *daemon, struct api_call *call) {
    front_forecast(daemon->front->forecasts, call);
}

static void on_outlook(struct daemon *daemon, struct api_call *call) {
    struct job job;

    if (front_permitted_job(daemon, call, &job)) {
        front_forecast(daemon->front->forecasts, call);
    }
}

static void on_simulate(struct daemon *daemon, struct api_call *call) {
    struct submission_work *work = submission_read(daemon, call);

    if (work != NULL && submission_event(work).count == 0) {
        api_reply_error(call, ERR_INVALID,
                        "there is no job in it: of a schedule, simulate what it makes");
        submission_destroy(work);
    } else if (work != NULL) {
        front_simulate(daemon->front->forecasts, call, work);
    }
}

static void on_notices(struct daemon *daemon, struct api_call *call) {
    struct buf json = front_answer_buf();

    front_notices(daemon, call, &json);
    front_reply_buf(call, 200, &json);
}

static void on_report(struct daemon *daemon, struct api_call *call) {
    reporter_call(daemon->reporter, call);
}

/* --- Calls ----------------------------------------------------------------------------------- */

static void (*const handlers[API_ROUTE_COUNT])(struct daemon *daemon, struct api_call *call) = {
    [API_SUBMIT] = front_submit,
    [API_LIST] = front_list,
    [API_SHOW] = front_show,
    [API_CANCEL] = front_change,
    [API_HOLD] = front_change,
    [API_RELEASE] = front_change,
    [API_WHY] = front_show_why,
    [API_ATTEMPTS] = front_show_attempts,
    [API_EVENTS] = front_show_events,
    [API_LOGS] = on_logs,
    [API_UI] = on_ui,
    [API_STATUS] = on_status,
    [API_METRICS] = on_metrics,
    [API_READY] = on_ready,
    [API_OUTLOOK] = on_outlook,
    [API_FORECAST] = on_forecast,
    [API_SIMULATE] = on_simulate,
    [API_WINDOWS] = on_windows,
    [API_TEAMS] = on_teams,
    [API_NOTICES] = on_notices,
    [API_NOTICE_RETRY] = front_decide_notice,
    [API_NOTICE_DROP] = front_decide_notice,
    [API_REPORT] = on_report,
    [API_REPORT_SEND] = on_report,
    [API_SCHEDULES] = front_schedules,
    [API_SCHEDULE] = front_schedule,
    [API_SCHEDULE_DELETE] = front_schedule_act,
    [API_SCHEDULE_PAUSE] = front_schedule_act,
    [API_SCHEDULE_RESUME] = front_schedule_act,
    [API_SCHEDULE_TRIGGER] = front_schedule_act,
    [API_RETRY] = front_retry,
    [API_LEARNT] = front_reply_learnt,
    [API_FORGET] = front_forget,
};

/* A standby has no queue to ask. */
static bool is_for_standbys(enum api_route route) {
    return route == API_READY || route == API_STATUS || route == API_METRICS;
}

static void on_call(struct api_call *call, void *owner) {
    struct daemon *daemon = owner;

    ENSURE(handlers[call->route] != NULL);
    if (daemon->core == NULL && !is_for_standbys(call->route)) {
        struct error why = {0};

        leader_explain(daemon, &why);
        api_reply_error(call, ERR_BUSY, "%s; ask the leader", why.text);
        return;
    }
    handlers[call->route](owner, call);
}

static void on_gone(struct api_call *call, void *owner) {
    struct daemon *daemon = owner;

    if (front_unfollow(daemon, call)) {
        api_stream_end(call);
    } else if (call->route == API_UI) {
        front_ui_gone(daemon, call);
    } else {
        front_logs_gone(daemon, call);
    }
}

static void on_drained(void *owner) {
    struct daemon *daemon = owner;

    daemon->front_drained = true;
}

static struct instant on_clock(void *owner) {
    return daemon_now(owner);
}

/* --- Opening --------------------------------------------------------------------------------- */

int front_open(struct daemon *daemon, struct error *error) {
    const struct config *config = &daemon->config;
    struct api_config api = {
        .poller = loop_poller(daemon->loop),
        .clock = on_clock,
        .log = &daemon->log,
        .http = front_http_limits(config),
        .on_call = on_call,
        .on_gone = on_gone,
        .on_drained = on_drained,
        .owner = daemon,
    };
    int r;

    daemon->front = mem_alloc(1, sizeof *daemon->front);
    daemon->front->api = api_create(&api);
    daemon->front->forecasts = front_forecasts_create(daemon);
    r = front_listen_local(daemon, error);
    if (r == OK) {
        r = front_listen_network(daemon, error);
    }
    return r;
}

int front_reload(struct daemon *daemon, const struct config *config, struct error *error) {
    const struct http_limits limits = front_http_limits(config);
    int r = front_load_tokens(daemon->front->api, config, error);

    if (r == OK) {
        api_set_limits(daemon->front->api, &limits);
    }
    return r;
}

void front_drain(struct daemon *daemon) {
    api_drain(daemon->front->api);
}

void front_close(struct daemon *daemon) {
    struct front *front = daemon->front;

    if (front == NULL) {
        return;
    }
    front_forecasts_destroy(front->forecasts);
    api_destroy(front->api);
    map_finish(&front->keys);
    free(front->followers);
    free(front);
    daemon->front = NULL;
}
