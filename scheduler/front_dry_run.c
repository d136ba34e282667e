#include <stdlib.h>
#include <string.h>

#include "api/wire_text.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/quantity.h"
#include "k8s/payload.h"
#include "queue/queue.h"
#include "scheduler/daemon.h"
#include "scheduler/front_view.h"

/* What is asked for in all, {"cpu":"3","pods":"3"}; zeroes are left out. */
static void add_amounts(const struct resource_names *names, const struct resources *resources,
                        struct buf *out) {
    bool any = false;

    buf_add_char(out, '{');
    for (size_t kind = 0; kind < RESOURCE_KIND_MAX; kind++) {
        char amount[QUANTITY_BYTES_MAX];

        if (resources->amount[kind] != 0) {
            resource_print(names, kind, resources->amount[kind], amount);
            buf_add_text(out, any ? "," : "");
            wire_text_quote(out, resource_name(names, kind));
            buf_add_char(out, ':');
            wire_text_quote(out, amount);
            any = true;
        }
    }
    buf_add_char(out, '}');
}

/* How that comes about, a line a role. */
static void add_arithmetic(const struct payload *payload, struct buf *out) {
    struct buf text;
    bool any = false;

    buf_init(&text, LIMIT_SPEC_BYTES);
    payload_explain(payload, &text);
    buf_add_char(out, '[');
    for (char *line = text.data, *end; line != NULL && (end = strchr(line, '\n')) != NULL;
         line = end + 1) {
        *end = '\0';
        buf_add_text(out, any ? "," : "");
        wire_text_quote(out, line);
        any = true;
    }
    buf_add_char(out, ']');
    buf_finish(&text);
}

/* The bodies as they would be sent, but for the owner that the created pod becomes. */
static void add_objects(const struct payload *payload, const struct payload_run *run,
                        struct buf *out) {
    char *pod = payload_pod_body(payload, run);
    struct payload_part part;

    buf_add_char(out, '[');
    buf_add_text(out, pod);
    for (size_t i = 0; i < PAYLOAD_PART_COUNT; i++) {
        if (payload_part_make(payload, run, NULL, i, &part)) {
            buf_add_char(out, ',');
            buf_add_text(out, part.body);
            free(part.body);
        }
    }
    buf_add_char(out, ']');
    free(pod);
}

static void add_job(struct daemon *daemon, const struct new_job *job, const struct payload *payload,
                    uint64_t id, struct buf *out) {
    const struct resource_names *names = core_resource_names(daemon->core);
    const struct payload_run run = {
        .id = {.job_name = job->name,
               .store_uid = queue_uid(daemon->queue),
               .job_id = id,
               .attempt = 1},
        .namespace_ = job->namespace,
        .submitted_us = daemon_now(daemon).now_us,
    };

    buf_add_text(out, "{\"name\":");
    wire_text_quote(out, job->name);
    buf_add_text(out, ",\"namespace\":");
    wire_text_quote(out, job->namespace);
    buf_add_text(out, ",\"requests\":");
    add_amounts(names, &job->demand->requests, out);
    buf_add_text(out, ",\"limits\":");
    add_amounts(names, &job->demand->limits, out);
    buf_add_text(out, ",\"arithmetic\":");
    add_arithmetic(payload, out);
    buf_add_text(out, ",\"objects\":");
    add_objects(payload, &run, out);
    buf_add_char(out, '}');
}

void front_dry_run(struct daemon *daemon, const struct submit_event *submit, struct buf *out_json) {
    size_t count = submit->count + submit->schedule_count;

    buf_add_text(out_json, "{\"items\":[");
    for (size_t i = 0; i < count; i++) {
        const struct new_job *job = i < submit->count
                                        ? &submit->jobs[i]
                                        : &submit->schedules[i - submit->count].job; /* A run. */
        struct payload *payload = NULL;
        struct field_error error = {0};

        /* It could be read a moment ago. */
        if (payload_read(job->kind, job->spec.text, job->spec.bytes, job->namespace, &payload,
                         &error) == OK) {
            buf_add_text(out_json, i > 0 ? "," : "");
            add_job(daemon, job, payload, queue_next_id(daemon->queue) + i, out_json);
            payload_destroy(payload);
        }
    }
    buf_add_text(out_json, "]}");
}
