/* scheduler/front.h - what the files of the daemon's front door share.
 *
 * front.c knows for each route who answers it, and brings a committed turn's replies to those who
 * wait for them. The answers are front_submit.c, front_change.c (what people do to jobs),
 * front_look.c, front_events.c, and those of front_view.h; front_listen.c has the doors.
 */
#ifndef SCHEDULER_FRONT_H
#define SCHEDULER_FRONT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/http.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/map.h"

struct api;
struct api_call;
struct config;
struct daemon;
struct job;
struct reply;

/* A client that follows a job's events. */
struct follower {
    struct api_call *call;
    uint64_t job_id;
};

struct front {
    struct api *api;
    struct map keys; /* by hash: idempotency keys of submissions that are not committed yet */
    struct follower *followers;
    size_t follower_count;
    struct front_forecasts *forecasts;
};

struct buf front_answer_buf(void);
/* The call's job, if it exists and the caller may do this to it; otherwise the call is ended. */
bool front_permitted_job(struct daemon *daemon, struct api_call *call, struct job *out_job);
/* Can the queue be written? Otherwise the call is ended. */
bool front_can_change(const struct daemon *daemon, struct api_call *call);
bool front_can_read(struct daemon *daemon, struct api_call *call);

void front_submit(struct daemon *daemon, struct api_call *call);
void front_submit_settled(struct daemon *daemon, const struct reply *reply);
void front_submit_answered(struct daemon *daemon, struct api_call *call, const struct reply *reply);

void front_change(struct daemon *daemon, struct api_call *call);
void front_retry(struct daemon *daemon, struct api_call *call);
void front_forget(struct daemon *daemon, struct api_call *call);
void front_reply_learnt(struct daemon *daemon, struct api_call *call);

void front_list(struct daemon *daemon, struct api_call *call);
void front_show(struct daemon *daemon, struct api_call *call);
void front_show_attempts(struct daemon *daemon, struct api_call *call);
void front_show_why(struct daemon *daemon, struct api_call *call);

void front_show_events(struct daemon *daemon, struct api_call *call);
/* The call is gone. Was it a follower's? */
bool front_unfollow(struct daemon *daemon, const struct api_call *call);

int front_listen_local(struct daemon *daemon, struct error *error) MUST_CHECK;
int front_listen_network(struct daemon *daemon, struct error *error) MUST_CHECK;
/* Tell the API who may come in. No file: nobody, over the network. */
int front_load_tokens(struct api *api, const struct config *config, struct error *error) MUST_CHECK;
struct http_limits front_http_limits(const struct config *config);

#endif
