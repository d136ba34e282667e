#include <inttypes.h>
#include <stdlib.h>

#include "api/api.h"
#include "api/wire.h"
#include "base/buf.h"
#include "base/limits.h"
#include "base/memory.h"
#include "policy/notice.h"
#include "scheduler/daemon.h"
#include "scheduler/front.h"
#include "scheduler/front_view.h"

/* Notices being listed. */
struct notice_list {
    const struct api_call *call;
    struct wire_notice *items;
    size_t count;
};

static void add_notice(void *context, const struct core_notice *notice) {
    struct notice_list *list = context;
    const struct fact_notice *value = &notice->value;

    if (value->job_id != 0 && !api_call_permits(list->call, value->team)) {
        return;
    }
    list->items[list->count++] = (struct wire_notice){
        .id = notice->number,
        .receiver = value->receiver,
        .class_text = notice_class_texts[value->class],
        .event = value->kind,
        .state = value->dead_us != 0 ? "dead"
                 : notice->in_flight ? "sending"
                                     : "waiting",
        .job_id = value->job_id,
        .name = value->name,
        .namespace = value->namespace,
        .team = value->team,
        .at_us = value->at_us,
        .tries = value->tries,
        .dead_us = value->dead_us,
        .text = value->text,
        .error = value->error,
    };
}

void front_notices(struct daemon *daemon, const struct api_call *call, struct buf *out_json) {
    struct notice_list list = {.call = call,
                               .items = mem_alloc(LIMIT_NOTICES + 1, sizeof *list.items)};

    core_each_notice(daemon->core, add_notice, &list);
    wire_encode_notice_list(
        out_json, &(struct wire_notice_list){.items = list.items, .item_count = list.count});
    free(list.items);
}

void front_decide_notice(struct daemon *daemon, struct api_call *call) {
    const enum event_kind kind =
        call->route == API_NOTICE_RETRY ? EVENT_NOTICE_RETRY : EVENT_NOTICE_DROP;
    struct core_notice notice;

    if (!core_notice(daemon->core, call->job_id, &notice)) {
        api_reply_error(call, ERR_NOT_FOUND, "there is no notification %" PRIu64, call->job_id);
    } else if (notice.value.job_id != 0 && !api_call_permits(call, notice.value.team)) {
        api_reply_error(call, ERR_DENIED, "not for team %s", notice.value.team);
    } else if (front_can_change(daemon, call)) {
        inbox_add(&daemon->inbox,
                  &(struct event){.kind = kind, .token = call->number, .notice = call->job_id},
                  NULL, NULL);
    }
}
