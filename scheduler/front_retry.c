/* What failures made of a job: the memory it was grown to, and the nodes it keeps off. */
#include "scheduler/front_retry.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/rfc3339.h"
#include "policy/blame.h"
#include "scheduler/daemon.h"

#define TEXT_BYTES 4096

static void fill_grown(const struct daemon *daemon, const struct job *job,
                       struct front_retry *retry, struct wire_job *wire) {
    struct core_grown grown;

    if (!core_grown(daemon->core, job->id, &grown)) {
        return;
    }
    retry->grown = (struct wire_grown){.driver_memory_bytes = grown.driver_bytes,
                                       .executor_memory_bytes = grown.executor_bytes,
                                       .job_id = (int64_t)grown.learnt.job_id,
                                       .attempt = grown.learnt.attempt,
                                       .learnt_us = grown.learnt.learnt_us};
    wire->grown = &retry->grown;
    wire->grown_count = 1;
}

/* Of those that failed the job itself, when it keeps off them no longer. */
static int64_t own_end_us(const struct daemon *daemon, const struct avoid_node *node) {
    const struct avoid_list one = {.nodes = {*node}, .count = 1};

    return avoid_ends_us(&one, daemon->config.avoid_half_life_us, daemon_now(daemon).now_us);
}

static struct wire_avoided *slot(struct front_retry *retry, const char *name) {
    size_t i = 0;

    while (i < retry->avoided_count && strcmp(retry->avoided[i].name, name) != 0) {
        i++;
    }
    if (i == retry->avoided_count) {
        retry->avoided[retry->avoided_count++] = (struct wire_avoided){.name = name};
    }
    return &retry->avoided[i];
}

static void fill_avoided(const struct daemon *daemon, const struct job *job,
                         struct front_retry *retry, struct wire_job *wire) {
    struct core_blamed blamed;

    avoid_parse(job->avoid, &retry->own);
    avoid_settle(&retry->own, daemon->config.avoid_half_life_us, daemon_now(daemon).now_us);
    for (size_t i = 0; i < retry->own.count; i++) {
        struct wire_avoided *avoided = slot(retry, retry->own.nodes[i].name);

        avoided->required = retry->own.nodes[i].is_required;
        avoided->until_us = own_end_us(daemon, &retry->own.nodes[i]);
    }
    for (size_t at = 0; core_next_blamed(daemon->core, &at, &blamed);) {
        struct wire_avoided *avoided;

        if (!blamed.is_avoided || retry->avoided_count == AVOID_NODES_MAX) {
            continue;
        }
        avoided = slot(retry, blamed.name);
        avoided->required = avoided->required || blamed.is_required;
        avoided->jobs = (int64_t)blame_jobs(blamed.blame);
        if (blamed.until_us > avoided->until_us) {
            avoided->until_us = blamed.until_us;
        }
    }
    wire->avoided = retry->avoided_count > 0 ? retry->avoided : NULL;
    wire->avoided_count = retry->avoided_count;
}

void front_retry_fill(const struct daemon *daemon, const struct job *job, struct front_retry *retry,
                      struct wire_job *wire) {
    *retry = (struct front_retry){0};
    fill_grown(daemon, job, retry, wire);
    if (!job_state_is_final(job->state)) {
        fill_avoided(daemon, job, retry, wire);
    }
}

char *front_retry_avoids(const struct daemon *daemon, const struct job *job) {
    struct front_retry retry = {0};
    struct wire_job wire = {0};
    struct buf text;

    fill_avoided(daemon, job, &retry, &wire);
    if (wire.avoided_count == 0) {
        return NULL;
    }
    buf_init(&text, TEXT_BYTES);
    for (size_t i = 0; i < wire.avoided_count; i++) {
        const struct wire_avoided *avoided = &wire.avoided[i];
        char until[RFC3339_BYTES_MAX];

        rfc3339_print(avoided->until_us, until);
        buf_add_format(&text, "%s%s %s ", i > 0 ? "; " : "",
                       avoided->required ? "keeps off" : "would rather not be on", avoided->name);
        if (avoided->jobs > 0) {
            buf_add_format(&text, "(which failed %" PRId64 " jobs) until %s", avoided->jobs, until);
        } else {
            buf_add_format(&text, "(which failed it) until %s", until);
        }
    }
    return buf_take_text(&text);
}
