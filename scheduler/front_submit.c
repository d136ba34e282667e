#include <stdlib.h>
#include <string.h>

#include "api/api.h"
#include "api/wire.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/memory.h"
#include "queue/queue.h"
#include "scheduler/daemon.h"
#include "scheduler/front.h"
#include "scheduler/front_view.h"
#include "scheduler/submission.h"

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

/* "parts", of its element "parts-7". */
static char *array_name(const struct job *element) {
    const char *dash = strrchr(element->name, '-');

    return mem_copy_text_n(element->name,
                           dash != NULL ? (size_t)(dash - element->name) : strlen(element->name));
}

/* One by one, and of an array all elements at once; returns how many jobs that is. One that was
 * forgotten meanwhile is known by its id alone. An array's name is the caller's to free. */
static uint64_t name_submitted(const struct daemon *daemon, uint64_t id,
                               struct wire_submitted *out_job) {
    struct core_array array;
    struct job job;

    *out_job = (struct wire_submitted){
        .id = id, .name = "", .namespace = "", .state = "", .array = "", .elements = WIRE_UNKNOWN};
    if (core_array(daemon->core, id, &array) && core_job(daemon->core, array.any_id, &job)) {
        out_job->array = job.array;
        out_job->elements = (int64_t)array.count;
        out_job->name = array_name(&job);
    } else if (core_job(daemon->core, id, &job)) {
        out_job->name = job.name;
    } else {
        return 1;
    }
    out_job->namespace = job.namespace;
    out_job->state = job_state_text(job.state);
    return out_job->elements != WIRE_UNKNOWN ? array.count : 1;
}

static void reply_submitted(struct daemon *daemon, struct api_call *call, uint64_t first_id,
                            size_t count, bool replayed, const struct wire_put *puts,
                            size_t put_count) {
    const size_t room = count < LIMIT_MANIFEST_DOCUMENTS ? count : LIMIT_MANIFEST_DOCUMENTS;
    struct wire_submitted one;
    struct wire_submitted *jobs = room == 1 ? &one : mem_alloc(room, sizeof *jobs);
    struct buf json = front_answer_buf();
    size_t named = 0;

    for (uint64_t at = 0; !call->brief && at < count && named < room; named++) {
        at += name_submitted(daemon, first_id + at, &jobs[named]);
    }
    wire_encode_submit_answer(&json, &(struct wire_submit_answer){.jobs = jobs,
                                                                  .job_count = named,
                                                                  .schedules = puts,
                                                                  .schedule_count = put_count,
                                                                  .first_id = first_id,
                                                                  .count = (int64_t)count,
                                                                  .replayed = replayed});
    front_reply_buf(call, replayed ? 200 : 201, &json);
    for (size_t i = 0; i < named; i++) {
        if (jobs[i].elements != WIRE_UNKNOWN) {
            free((void *)(uintptr_t)jobs[i].name);
        }
    }
    if (jobs != &one) {
        free(jobs);
    }
}

/* Keys on their way are known by a hash: of two keys with one, the second is told to ask again. */
static uint64_t key_id(const struct daemon *daemon, const char *key) {
    return hash_bytes(daemon->seed, key, strlen(key));
}

/* True when the key was seen before: the call is then ended. */
static bool replay(struct daemon *daemon, struct api_call *call) {
    struct submission submission;
    int r;

    if (call->idempotency_key[0] == '\0') {
        return false;
    }
    if (map_get_id(&daemon->front->keys, key_id(daemon, call->idempotency_key)) != NULL) {
        api_reply_error(call, ERR_BUSY, "the same submission is being written; ask again");
        return true;
    }
    r = queue_get_submission(daemon->queue, call->idempotency_key, &submission);
    if (r == ERR_NOT_FOUND) {
        return false;
    }
    if (r < 0) {
        api_reply_error(call, r == ERR_IO ? ERR_BUSY : r, "can't look up the idempotency key: %s",
                        err_sentence(r));
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
    json = front_answer_buf();
    submit = submission_event(work);
    front_dry_run(daemon, &submit, &json);
    submission_destroy(work);
    front_reply_buf(call, 200, &json);
}

void front_submit(struct daemon *daemon, struct api_call *call) {
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
        (void)map_put_id(&daemon->front->keys, key_id(daemon, call->idempotency_key), daemon);
    }
    inbox_add(&daemon->inbox,
              &(struct event){
                  .kind = EVENT_SUBMIT, .token = call->number, .submit = submission_event(work)},
              work, submission_destroy);
    turns_hurry(daemon);
}

/* The event of the turn that was committed; NULL: of another one. O(events): only for answers that
 * tell of schedules. */
static const struct submit_event *find_submit(const struct daemon *daemon, uint64_t token) {
    for (size_t i = 0; i < daemon->turn_events; i++) {
        const struct event *event = &daemon->inbox.events[i];

        if (event->kind == EVENT_SUBMIT && event->token == token) {
            return &event->submit;
        }
    }
    return NULL;
}

/* Nobody waits for the answer any more. */
void front_submit_settled(struct daemon *daemon, const struct reply *reply) {
    const struct submit_event *submit = find_submit(daemon, reply->token);

    if (submit != NULL && submit->key != NULL) {
        (void)map_remove_id(&daemon->front->keys, key_id(daemon, submit->key));
    }
}

void front_submit_answered(struct daemon *daemon, struct api_call *call,
                           const struct reply *reply) {
    if (call->idempotency_key[0] != '\0') {
        (void)map_remove_id(&daemon->front->keys, key_id(daemon, call->idempotency_key));
    }
    if (reply->code == OK) {
        const struct submit_event *submit =
            reply->puts != NULL ? find_submit(daemon, reply->token) : NULL;
        struct wire_put *puts = NULL;

        if (submit != NULL) {
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
