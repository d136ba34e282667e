/* scheduler/front_view.h - the core's view in the words of the API.
 *
 * Private to the daemon's front.
 */
#ifndef SCHEDULER_FRONT_VIEW_H
#define SCHEDULER_FRONT_VIEW_H

#include "api/wire.h"
#include "base/civil.h"
#include "policy/reason.h"
#include "queue/change.h"
#include "scheduler/event.h"

struct api_call;
struct api_stats;
struct buf;
struct daemon;

/* Answer with what is in the buffer, which is finished; too large an answer is an error. */
void front_reply_buf(struct api_call *call, int status, struct buf *json);

/* With the job that the call names, as it is now; of an array with how many stand how. */
void front_reply_job(struct daemon *daemon, struct api_call *call);

/* A job ready for the wire; wire points into the struct and the view. */
struct front_job {
    struct wire_job wire;
    char reason[REASON_TEXT_BYTES];
    char occurrence[CIVIL_TIME_BYTES];
    char business_date[CIVIL_DATE_BYTES];
};

void front_job_fill(const struct daemon *daemon, const struct job *job, struct front_job *out_job);

/* What a job that is over asks for, as submitted: the caller's. NULL: it can't be read any more. */
struct demand;
struct demand *front_retry_demand(struct daemon *daemon, const struct job *job);

/* Grown memory and breakers. */
void front_learnt(struct daemon *daemon, struct buf *out_json);

/* Owned copies of attempts and events; zeroed is empty. */
struct front_attempts {
    int64_t now_us; /* what an attempt that is not over has cost is told as of then */
    struct wire_attempt *items;
    size_t count;
};

int front_attempt_add(void *attempts, const struct attempt *attempt);
void front_attempts_finish(struct front_attempts *attempts);

struct front_events {
    struct wire_event *items;
    size_t count;
};

void front_event_add(struct front_events *events, const struct job_event *event);
void front_events_finish(struct front_events *events);

/* outlook: when it starts, as far as known until then; NULL: not asked. */
void front_why(struct daemon *daemon, const struct job *job, const struct wire_outlook *outlook,
               int64_t until_us, struct buf *out_json);
void front_teams(struct daemon *daemon, struct buf *out_json); /* front_teams.c */
void front_team_metrics(const struct daemon *daemon, struct buf *out_text);
void front_notices(struct daemon *daemon, const struct api_call *call, struct buf *out_json);
void front_decide_notice(struct daemon *daemon, struct api_call *call);
void front_windows(struct daemon *daemon, struct buf *out_json);    /* front_windows.c */
void front_schedules(struct daemon *daemon, struct api_call *call); /* front_schedules.c */
void front_schedule(struct daemon *daemon, struct api_call *call);
void front_schedule_act(struct daemon *daemon, struct api_call *call);
void front_schedule_acted(struct daemon *daemon, struct api_call *call, const struct reply *reply);
void front_schedule_metrics(const struct daemon *daemon, struct buf *out_text);
void front_dry_run(struct daemon *daemon, const struct submit_event *submit,
                   struct buf *out_json); /* front_dry_run.c */
void front_status(struct daemon *daemon, struct buf *out_json);
void front_metrics(struct daemon *daemon, const struct api_stats *stats, struct buf *out_text);

/* front_ui.c: a page of the driver's own web interface, through the API server. */
void front_ui(struct daemon *daemon, struct api_call *call, const struct job *job);
void front_ui_gone(struct daemon *daemon, struct api_call *call);

/* front_logs.c: a pod's log from the API server to the client. */
void front_logs(struct daemon *daemon, struct api_call *call, const struct job *job);
void front_logs_gone(struct daemon *daemon, struct api_call *call);

#endif
