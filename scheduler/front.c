#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/api.h"
#include "api/wire.h"
#include "base/ensure.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/text.h"
#include "config/tokens.h"
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

/* A client that follows a job's events. */
struct follower {
    struct api_call *call;
    uint64_t job_id;
};

struct front {
    struct api *api;
    struct map keys; /* idempotency keys of submissions that are not committed yet */
    struct follower *followers;
    size_t follower_count;
    struct front_forecasts *forecasts;
};

/* --- Answers --------------------------------------------------------------------------------- */

void front_reply_buf(struct api_call *call, int status, struct buf *json) {
    if (json->full) {
        api_reply_error(call, ERR_FULL, "the answer is larger than this server sends");
    } else {
        api_reply_json(call, status, json);
    }
    buf_finish(json);
}

static struct buf answer_buf(void) {
    struct buf json;

    buf_init(&json, LIMIT_HTTP_BODY_BYTES);
    return json;
}

/* The call's job, if it exists and the caller may do this to it; otherwise the call is ended. */
static bool permitted_job(struct daemon *daemon, struct api_call *call, struct job *out_job) {
    if (!front_find_element(daemon, call)) {
        return false;
    }
    if (!core_job(daemon->core, call->job_id, out_job)) {
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

/* --- Submitting ------------------------------------------------------------------------------ */

/* In the order of the event that the reply answers. */
static void name_puts(const struct submit_event *submit, const char *puts,
                      struct wire_put *out_puts) {
    for (size_t i = 0; i < submit->schedule_count; i++) {
        out_puts[i] = (struct wire_put){
            .name = submit->schedules[i].name,
            .namespace = submit->schedules[i].namespace,
            .result = puts[i] == SCHEDULE_CREATED   ? "created"
                      : puts[i] == SCHEDULE_CHANGED ? "changed"
                                                    : "unchanged",
        };
    }
}

static void reply_submitted(struct daemon *daemon, struct api_call *call, uint64_t first_id,
                            size_t count, bool replayed, const struct wire_put *puts,
                            size_t put_count) {
    size_t named = call->brief ? 0 : count;
    struct wire_submitted *jobs = mem_alloc(named, sizeof *jobs);
    struct buf json = answer_buf();

    for (size_t i = 0; i < named; i++) {
        struct job job;
        bool known = core_job(daemon->core, first_id + i, &job);

        /* One that was forgotten meanwhile is known by its id alone. */
        jobs[i] = (struct wire_submitted){
            .id = first_id + i,
            .name = known ? job.name : "",
            .namespace = known ? job.namespace : "",
            .state = known ? job_state_text(job.state) : "",
        };
    }
    wire_encode_submit_answer(&json, &(struct wire_submit_answer){.jobs = jobs,
                                                                  .job_count = named,
                                                                  .schedules = puts,
                                                                  .schedule_count = put_count,
                                                                  .first_id = first_id,
                                                                  .count = (int64_t)count,
                                                                  .replayed = replayed});
    front_reply_buf(call, replayed ? 200 : 201, &json);
    free(jobs);
}

/* True when the key was seen before: the call is then ended. */
static bool replay(struct daemon *daemon, struct api_call *call) {
    struct submission submission;
    int r;

    if (call->idempotency_key[0] == '\0') {
        return false;
    }
    if (map_get(&daemon->front->keys, call->idempotency_key) != NULL) {
        api_reply_error(call, ERR_BUSY, "the same submission is being written; ask again");
        return true;
    }
    r = queue_get_submission(daemon->queue, call->idempotency_key, &submission);
    if (r == ERR_NOT_FOUND) {
        return false;
    }
    if (r < 0) {
        api_reply_error(call, r, "can't look up the idempotency key: %s", err_sentence(r));
    } else if (memcmp(submission.request_hash, call->body_sha256, SPEC_HASH_BYTES) != 0) {
        api_reply_error(call, ERR_EXISTS, "this idempotency key was used for another request");
    } else {
        reply_submitted(daemon, call, submission.first_id, submission.count, true, NULL, 0);
    }
    return true;
}

/* What would be created; nothing is kept. */
static void show_submission(struct daemon *daemon, struct api_call *call) {
    struct submission_work *work = submission_read(daemon, call);
    struct submit_event submit;
    struct buf json;

    if (work == NULL) {
        return; /* It has been refused. */
    }
    json = answer_buf();
    submit = submission_event(work);
    front_dry_run(daemon, &submit, &json);
    submission_destroy(work);
    front_reply_buf(call, 200, &json);
}

static void on_submit(struct daemon *daemon, struct api_call *call) {
    struct submission_work *work;
    struct error why = {0};

    if (call->dry_run) {
        show_submission(daemon, call);
        return;
    }
    if (daemon->stalled) {
        api_reply_error(call, ERR_BUSY, "the queue can't be written, nothing is accepted: %s",
                        daemon->stall.text);
        return;
    }
    if (replay(daemon, call)) {
        return;
    }
    if (!daemon_has_room(daemon, &why)) {
        api_reply_error(call, ERR_BUSY, "nothing is accepted: %s", why.text);
        return;
    }
    work = submission_read(daemon, call);
    if (work == NULL) {
        return; /* It has been refused. */
    }
    if (call->idempotency_key[0] != '\0') {
        (void)map_put(&daemon->front->keys, call->idempotency_key, daemon);
    }
    inbox_add(&daemon->inbox,
              &(struct event){
                  .kind = EVENT_SUBMIT, .token = call->number, .submit = submission_event(work)},
              work, submission_destroy);
}

/* The event of the turn that was committed; NULL: of another one. */
static const struct submit_event *find_submit(const struct daemon *daemon, uint64_t token) {
    for (size_t i = 0; i < daemon->turn_events; i++) {
        const struct event *event = &daemon->inbox.events[i];

        if (event->kind == EVENT_SUBMIT && event->token == token) {
            return &event->submit;
        }
    }
    return NULL;
}

static void submit_answered(struct daemon *daemon, struct api_call *call,
                            const struct reply *reply) {
    if (call->idempotency_key[0] != '\0') {
        (void)map_remove(&daemon->front->keys, call->idempotency_key);
    }
    if (reply->code == OK) {
        const struct submit_event *submit = find_submit(daemon, reply->token);
        struct wire_put *puts = NULL;

        if (submit != NULL && reply->puts != NULL) {
            puts = mem_alloc(submit->schedule_count, sizeof *puts);
            name_puts(submit, reply->puts, puts);
        }
        reply_submitted(daemon, call, reply->first_id, reply->count, false, puts,
                        puts != NULL ? submit->schedule_count : 0);
        free(puts);
    } else {
        api_reply_error(call, reply->code, "%s", reply->text);
    }
}

/* --- Cancel, hold, release ------------------------------------------------------------------- */

static void on_change(struct daemon *daemon, struct api_call *call) {
    enum event_kind kind = call->route == API_HOLD      ? EVENT_HOLD
                           : call->route == API_RELEASE ? EVENT_RELEASE
                                                        : EVENT_CANCEL;
    struct job job;

    if (!permitted_job(daemon, call, &job)) {
        return;
    }
    if (daemon->stalled) {
        api_reply_error(call, ERR_BUSY, "the queue can't be written, nothing is changed: %s",
                        daemon->stall.text);
        return;
    }
    inbox_add(&daemon->inbox,
              &(struct event){.kind = kind,
                              .token = call->number,
                              .job_id = call->job_id,
                              .whole = front_means_array(call, &job)},
              NULL, NULL);
}

static void demand_drop(void *demand) {
    demand_destroy(demand);
}

/* A job that is over has no demand in the view any more. */
static void on_retry(struct daemon *daemon, struct api_call *call) {
    struct demand *demand = NULL;
    struct job job;

    if (!permitted_job(daemon, call, &job)) {
        return;
    }
    if (daemon->stalled) {
        api_reply_error(call, ERR_BUSY, "the queue can't be written, nothing is changed: %s",
                        daemon->stall.text);
        return;
    }
    if (job_state_is_final(job.state) || front_means_array(call, &job)) {
        demand = front_retry_demand(daemon, &job);
    }
    inbox_add(&daemon->inbox,
              &(struct event){.kind = EVENT_RETRY,
                              .token = call->number,
                              .whole = front_means_array(call, &job),
                              .retry = {.job_id = call->job_id, .demand = demand}},
              demand, demand_drop);
}

static void on_learnt(struct daemon *daemon, struct api_call *call) {
    struct buf json = answer_buf();

    front_learnt(daemon, &json);
    front_reply_buf(call, 200, &json);
}

/* Whose a name is, is not known: only a team's breaker is the team's. */
static void on_forget(struct daemon *daemon, struct api_call *call) {
    const bool is_team = text_starts_with(call->name, "team:");
    char *key = mem_copy_text(call->name);

    if (!front_permits(daemon, call, is_team ? call->name + strlen("team:") : "")) {
        free(key);
        api_reply_error(call, ERR_DENIED, "%s may not reset %s", call->identity.user, call->name);
        return;
    }
    inbox_add(&daemon->inbox,
              &(struct event){.kind = EVENT_FORGET,
                              .token = call->number,
                              .forget = {.is_breaker = strchr(key, ':') != NULL, .key = key}},
              key, free);
}

void front_reply_job(struct daemon *daemon, struct api_call *call, uint64_t id) {
    struct buf json = answer_buf();
    struct front_job shown;
    struct job job;

    if (!core_job(daemon->core, id, &job)) {
        api_reply_error(call, ERR_NOT_FOUND, "there is no job %" PRIu64, id);
        return;
    }
    front_job_fill(daemon, &job, &shown);
    wire_encode_job(&json, &shown.wire);
    front_reply_buf(call, 200, &json);
}

static void on_notices(struct daemon *daemon, struct api_call *call);

void front_reply(struct daemon *daemon, const struct reply *reply) {
    struct api_call *call = api_find(daemon->front->api, reply->token);

    if (call == NULL) {
        return;
    }
    if (call->route == API_SUBMIT) {
        submit_answered(daemon, call, reply);
    } else if (reply->code == OK &&
               (call->route == API_NOTICE_RETRY || call->route == API_NOTICE_DROP)) {
        on_notices(daemon, call);
    } else if (call->schedule[0] != '\0') {
        front_schedule_acted(daemon, call, reply);
    } else if (reply->code == OK) {
        if (call->route == API_FORGET) {
            on_learnt(daemon, call);
        } else {
            front_reply_job(daemon, call, call->job_id);
        }
    } else {
        api_reply_error(call, reply->code, "%s", reply->text);
    }
}

static void tell_stalled(struct daemon *daemon, uint64_t token) {
    struct front *front = daemon->front;
    struct api_call *call = api_find(front->api, token);

    if (call == NULL) {
        return;
    }
    if (call->idempotency_key[0] != '\0') {
        (void)map_remove(&front->keys, call->idempotency_key);
    }
    api_reply_error(call, ERR_BUSY,
                    "the queue can't be written: %s. This request is carried out as soon as it "
                    "can: ask again with the same Idempotency-Key, or look",
                    daemon->stall.text);
}

/* It may be stored yet, or not: its key, or a look, will tell. Those whose turn is still to come
 * keep their keys, and wait. */
void front_tell_stalled(struct daemon *daemon) {
    for (size_t i = 0; i < daemon->turn.reply_count; i++) {
        tell_stalled(daemon, daemon->turn.replies[i].token);
    }
}

/* --- Looking --------------------------------------------------------------------------------- */

static bool matches(const struct job *job, const struct api_call *call) {
    return (call->namespace[0] == '\0' || strcmp(job->namespace, call->namespace) == 0) &&
           (call->team[0] == '\0' || strcmp(job->team, call->team) == 0) &&
           (call->name[0] == '\0' || strcmp(job->name, call->name) == 0) &&
           (call->states == 0 || (call->states & 1u << job->state) != 0);
}

static void on_list(struct daemon *daemon, struct api_call *call) {
    struct front_job *jobs = mem_alloc(call->limit, sizeof *jobs);
    struct wire_job *wires = mem_alloc(call->limit, sizeof *wires);
    struct buf json = answer_buf();
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

static void on_show(struct daemon *daemon, struct api_call *call) {
    struct job job;
    struct front_attempts attempts = {.now_us = daemon_now(daemon).now_us};
    struct front_beside beside;
    struct front_job shown;
    struct buf json;

    if (!permitted_job(daemon, call, &job)) {
        return;
    }
    json = answer_buf();
    front_job_fill(daemon, &job, &shown);
    (void)!queue_each_attempt(daemon->queue, job.id, front_attempt_add, &attempts);
    shown.wire.attempt_list = attempts.items;
    shown.wire.attempt_list_count = attempts.count;
    front_beside_fill(daemon, call, &job, &beside, &shown.wire);
    wire_encode_job(&json, &shown.wire);
    front_beside_finish(&beside);
    front_reply_buf(call, 200, &json);
    front_attempts_finish(&attempts);
}

static void on_attempts(struct daemon *daemon, struct api_call *call) {
    struct job job;
    struct front_attempts attempts = {.now_us = daemon_now(daemon).now_us};
    struct buf json;

    if (!permitted_job(daemon, call, &job)) {
        return;
    }
    json = answer_buf();
    (void)!queue_each_attempt(daemon->queue, job.id, front_attempt_add, &attempts);
    wire_encode_attempt_list(
        &json, &(struct wire_attempt_list){.items = attempts.items, .item_count = attempts.count});
    front_reply_buf(call, 200, &json);
    front_attempts_finish(&attempts);
}

static void on_why(struct daemon *daemon, struct api_call *call) {
    struct job job;
    struct buf json;

    if (!permitted_job(daemon, call, &job)) {
        return;
    }
    if (call->forecast && job_state_is_waiting(job.state)) {
        front_forecast(daemon->front->forecasts, call);
        return;
    }
    json = answer_buf();
    front_why(daemon, &job, NULL, 0, &json);
    front_reply_buf(call, 200, &json);
}

static void on_status(struct daemon *daemon, struct api_call *call) {
    struct buf json = answer_buf();

    front_status(daemon, &json);
    front_reply_buf(call, 200, &json);
}

static void on_windows(struct daemon *daemon, struct api_call *call) {
    struct buf json = answer_buf();

    front_windows(daemon, &json);
    front_reply_buf(call, 200, &json);
}

static void on_teams(struct daemon *daemon, struct api_call *call) {
    struct buf json = answer_buf();

    front_teams(daemon, &json);
    front_reply_buf(call, 200, &json);
}

static void on_metrics(struct daemon *daemon, struct api_call *call) {
    struct buf text = answer_buf();
    struct api_stats stats = api_stats(daemon->front->api);

    front_metrics(daemon, &stats, &text);
    api_reply_text(call, 200, "text/plain; version=0.0.4", buf_text(&text), text.bytes);
    buf_finish(&text);
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

/* --- Events ---------------------------------------------------------------------------------- */

static struct wire_event wire_of(const struct job_event *event) {
    return (struct wire_event){.job_id = event->job_id,
                               .sequence = event->sequence,
                               .at_us = event->at_us,
                               .attempt = event->attempt,
                               .state = job_state_text(event->state),
                               .kind = event->kind,
                               .text = event->text};
}

/* One line of a stream; not OK when its reader is gone or too slow. */
static int write_event(struct api_call *call, const struct job_event *event) {
    struct wire_event wire = wire_of(event);
    struct buf line;
    int r;

    buf_init(&line, LIMIT_MIB);
    wire_encode_event(&line, &wire);
    buf_add_char(&line, '\n');
    r = api_stream_write(call, line.data, line.bytes);
    buf_finish(&line);
    return r;
}

static int stream_event(void *context, const struct job_event *event) {
    return write_event(context, event);
}

static void unfollow(struct front *front, size_t at) {
    front->followers[at] = front->followers[--front->follower_count];
}

static void follow(struct daemon *daemon, struct api_call *call, const struct job *job) {
    struct front *front = daemon->front;
    uint32_t from = (uint32_t)(call->after_sequence + 1);

    api_stream_start(call, "application/x-ndjson");
    if (queue_each_event(daemon->queue, job->id, from, stream_event, call) < 0 ||
        job_state_is_final(job->state)) {
        api_stream_end(call);
        return;
    }
    front->followers =
        mem_grow(front->followers, front->follower_count + 1, sizeof *front->followers);
    front->followers[front->follower_count++] = (struct follower){.call = call, .job_id = job->id};
}

void front_tell_events(struct daemon *daemon, const struct queue_change *changes, size_t count) {
    struct front *front = daemon->front;

    for (size_t i = 0; i < count && front->follower_count > 0; i++) {
        for (size_t at = front->follower_count; changes[i].kind == CHANGE_EVENT_ADD && at > 0;
             at--) {
            struct follower *follower = &front->followers[at - 1];

            if (follower->job_id == changes[i].event.job_id &&
                (write_event(follower->call, &changes[i].event) < 0 ||
                 job_state_is_final(changes[i].event.state))) {
                api_stream_end(follower->call);
                unfollow(front, at - 1);
            }
        }
    }
}

static int add_event(void *context, const struct job_event *event) {
    front_event_add(context, event);
    return OK;
}

static void on_events(struct daemon *daemon, struct api_call *call) {
    struct job job;
    struct front_events events = {0};
    struct buf json;

    if (!permitted_job(daemon, call, &job)) {
        return;
    }
    if (call->follow) {
        follow(daemon, call, &job);
        return;
    }
    json = answer_buf();
    (void)!queue_each_event(daemon->queue, job.id, (uint32_t)(call->after_sequence + 1), add_event,
                            &events);
    wire_encode_event_list(
        &json, &(struct wire_event_list){.items = events.items, .item_count = events.count});
    front_reply_buf(call, 200, &json);
    front_events_finish(&events);
}

static void on_logs(struct daemon *daemon, struct api_call *call) {
    struct job job;

    if (permitted_job(daemon, call, &job)) {
        front_logs(daemon, call, &job);
    }
}

static void on_ui(struct daemon *daemon, struct api_call *call) {
    struct job job;

    if (permitted_job(daemon, call, &job)) {
        front_ui(daemon, call, &job);
    }
}

/* --- Looking ahead --------------------------------------------------------------------------- */

struct api_call *front_find_call(const struct daemon *daemon, uint64_t number) {
    return api_find(daemon->front->api, number);
}

static void on_forecast(struct daemon *daemon, struct api_call *call) {
    front_forecast(daemon->front->forecasts, call);
}

static void on_outlook(struct daemon *daemon, struct api_call *call) {
    struct job job;

    if (permitted_job(daemon, call, &job)) {
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
    struct buf json = answer_buf();

    front_notices(daemon, call, &json);
    front_reply_buf(call, 200, &json);
}

static void on_report(struct daemon *daemon, struct api_call *call) {
    reporter_call(daemon->reporter, call);
}

/* --- Calls ----------------------------------------------------------------------------------- */

static void (*const handlers[API_ROUTE_COUNT])(struct daemon *daemon, struct api_call *call) = {
    [API_SUBMIT] = on_submit,
    [API_LIST] = on_list,
    [API_SHOW] = on_show,
    [API_CANCEL] = on_change,
    [API_HOLD] = on_change,
    [API_RELEASE] = on_change,
    [API_WHY] = on_why,
    [API_ATTEMPTS] = on_attempts,
    [API_EVENTS] = on_events,
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
    [API_RETRY] = on_retry,
    [API_LEARNT] = on_learnt,
    [API_FORGET] = on_forget,
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
    struct front *front = daemon->front;

    for (size_t at = 0; at < front->follower_count; at++) {
        if (front->followers[at].call == call) {
            unfollow(front, at);
            api_stream_end(call);
            return;
        }
    }
    if (call->route == API_UI) {
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

static int split_address(const char *address, char *host, size_t room, uint16_t *out_port,
                         struct error *error) {
    const char *colon = strrchr(address, ':');
    int64_t port;

    if (colon == NULL || (size_t)(colon - address) >= room ||
        text_parse_int64(colon + 1, &port) != OK || port < 0 || port > UINT16_MAX) {
        return error_set(error, ERR_INVALID, "listen.tcp.address: \"%s\" is not host:port",
                         address);
    }
    (void)snprintf(host, room, "%.*s", (int)(colon - address), address);
    if (host[0] == '[' && text_ends_with(host, "]")) {
        host[strlen(host) - 1] = '\0';
        memmove(host, host + 1, strlen(host));
    }
    *out_port = (uint16_t)port;
    return OK;
}

/* Tell the API who may come in. No file: nobody, over the network. */
static int load_tokens(struct api *api, const struct config *config, struct error *error) {
    struct token_list list = {0};
    struct problems problems = {0};
    struct api_token *tokens;
    struct buf text;
    int r = OK;

    if (config->tokens_file[0] != '\0') {
        r = token_list_load(config->tokens_file, &list, &problems);
    }
    if (r < 0) {
        buf_init(&text, LIMIT_CONFIG_BYTES);
        problems_print(&problems, config->tokens_file, &text);
        (void)error_set(error, r, "%s", buf_text(&text));
        buf_finish(&text);
        problems_finish(&problems);
        return r;
    }
    tokens = mem_alloc(list.count, sizeof *tokens);
    for (size_t i = 0; i < list.count; i++) {
        memcpy(tokens[i].sha256, list.items[i].sha256, sizeof tokens[i].sha256);
        tokens[i].user = list.items[i].user;
        tokens[i].teams = (const char *const *)list.items[i].teams;
        tokens[i].team_count = list.items[i].team_count;
    }
    r = api_reload(api, tokens, list.count, error);
    free(tokens);
    token_list_finish(&list);
    return r;
}

static int listen_network(struct daemon *daemon, struct error *error) {
    const struct config *config = &daemon->config;
    const struct http_tls tls = {
        .certificate_file = config->tls_cert,
        .key_file = config->tls_key,
        .client_ca_file = config->tls_client_ca[0] != '\0' ? config->tls_client_ca : NULL,
        .client_required = config->tls_client_ca[0] != '\0',
    };
    char host[256];
    uint16_t port;
    int r;

    if (config->tcp_address[0] == '\0') {
        return OK;
    }
    r = split_address(config->tcp_address, host, sizeof host, &port, error);
    if (r == OK) {
        r = api_listen_tls(daemon->front->api, host, port, &tls, &port, error);
    }
    if (r == OK) {
        r = load_tokens(daemon->front->api, config, error);
    }
    if (r == OK) {
        log_info(&daemon->log, daemon->started_us, "event=listening address=%s port=%u", host,
                 (unsigned)port);
    }
    return r;
}

static int listen_local(struct daemon *daemon, struct error *error) {
    const struct config *config = &daemon->config;
    int r;

    if (config->unix_path[0] == '\0') {
        return OK;
    }
    r = api_listen_unix(
        daemon->front->api,
        &(struct http_unix){.path = config->unix_path,
                            .mode = (mode_t)config->unix_mode,
                            .group = config->unix_group[0] != '\0' ? config->unix_group : NULL},
        error);
    if (r == OK) {
        log_info(&daemon->log, daemon->started_us, "event=listening socket=%s", config->unix_path);
    }
    return r;
}

static struct http_limits limits_of(const struct config *config) {
    struct http_limits limits = http_limits_default();

    limits.body_bytes = (size_t)config->body_bytes_max;
    limits.body_bytes_all = (size_t)config->bodies_bytes_max;
    limits.header_bytes = (size_t)config->header_bytes_max;
    limits.connections_network = (size_t)config->connections_max;
    limits.connections_unix = (size_t)config->unix_connections_max;
    limits.header_us = config->header_timeout_us;
    limits.body_us = config->body_timeout_us;
    limits.idle_us = config->idle_timeout_us;
    limits.send_us = config->send_timeout_us;
    return limits;
}

int front_open(struct daemon *daemon, struct error *error) {
    const struct config *config = &daemon->config;
    struct api_config api = {
        .poller = loop_poller(daemon->loop),
        .clock = on_clock,
        .log = &daemon->log,
        .http = limits_of(config),
        .on_call = on_call,
        .on_gone = on_gone,
        .on_drained = on_drained,
        .owner = daemon,
    };
    int r;

    daemon->front = mem_alloc(1, sizeof *daemon->front);
    daemon->front->api = api_create(&api);
    daemon->front->forecasts = front_forecasts_create(daemon);
    r = listen_local(daemon, error);
    if (r == OK) {
        r = listen_network(daemon, error);
    }
    return r;
}

int front_reload(struct daemon *daemon, const struct config *config, struct error *error) {
    const struct http_limits limits = limits_of(config);
    int r = load_tokens(daemon->front->api, config, error);

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
