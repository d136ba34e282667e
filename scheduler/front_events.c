#include <string.h>

#include "api/api.h"
#include "api/wire.h"
#include "base/limits.h"
#include "base/memory.h"
#include "queue/queue.h"
#include "scheduler/daemon.h"
#include "scheduler/front.h"
#include "scheduler/front_view.h"

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

void front_show_events(struct daemon *daemon, struct api_call *call) {
    struct job job;
    struct front_events events = {0};
    struct buf json;

    if (!front_permitted_job(daemon, call, &job) || !front_can_read(daemon, call)) {
        return;
    }
    if (call->follow) {
        follow(daemon, call, &job);
        return;
    }
    json = front_answer_buf();
    (void)!queue_each_event(daemon->queue, job.id, (uint32_t)(call->after_sequence + 1), add_event,
                            &events);
    wire_encode_event_list(
        &json, &(struct wire_event_list){.items = events.items, .item_count = events.count});
    front_reply_buf(call, 200, &json);
    front_events_finish(&events);
}

bool front_unfollow(struct daemon *daemon, const struct api_call *call) {
    struct front *front = daemon->front;

    for (size_t at = 0; at < front->follower_count; at++) {
        if (front->followers[at].call == call) {
            unfollow(front, at);
            return true;
        }
    }
    return false;
}
