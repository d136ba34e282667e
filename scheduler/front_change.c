#include <stdlib.h>
#include <string.h>

#include "api/api.h"
#include "base/memory.h"
#include "base/text.h"
#include "scheduler/daemon.h"
#include "scheduler/front.h"
#include "scheduler/front_beside.h"
#include "scheduler/front_team.h"
#include "scheduler/front_view.h"

void front_change(struct daemon *daemon, struct api_call *call) {
    enum event_kind kind = call->route == API_HOLD      ? EVENT_HOLD
                           : call->route == API_RELEASE ? EVENT_RELEASE
                                                        : EVENT_CANCEL;
    struct job job;

    if (!front_permitted_job(daemon, call, &job) || !front_can_change(daemon, call)) {
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
void front_retry(struct daemon *daemon, struct api_call *call) {
    struct demand *demand = NULL;
    struct job job;

    if (!front_permitted_job(daemon, call, &job) || !front_can_change(daemon, call)) {
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

void front_reply_learnt(struct daemon *daemon, struct api_call *call) {
    struct buf json = front_answer_buf();

    front_learnt(daemon, &json);
    front_reply_buf(call, 200, &json);
}

/* "node:NAME", "team:NAME" and other breakers, or NAMESPACE/NAME of grown memory. */
static enum forget_what what_of(const char *name) {
    if (text_starts_with(name, "node:")) {
        return FORGET_NODE;
    }
    return strchr(name, ':') != NULL ? FORGET_BREAKER : FORGET_MEMORY;
}

/* Whose a name is, is not known: only a team's breaker is the team's. */
void front_forget(struct daemon *daemon, struct api_call *call) {
    const bool is_team = text_starts_with(call->name, "team:");
    const enum forget_what what = what_of(call->name);
    char *key = mem_copy_text(call->name + (what == FORGET_NODE ? strlen("node:") : 0));

    if (!front_permits(daemon, call, is_team ? call->name + strlen("team:") : "")) {
        free(key);
        api_reply_error(call, ERR_DENIED, "%s may not reset %s", call->identity.user, call->name);
        return;
    }
    inbox_add(&daemon->inbox,
              &(struct event){.kind = EVENT_FORGET,
                              .token = call->number,
                              .forget = {.what = what, .key = key}},
              key, free);
}
