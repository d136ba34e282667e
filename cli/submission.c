#include "cli/submission.h"

#include <stdlib.h>

#include "base/digest.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/rng.h"
#include "cli/remote.h"

#define KEY_SECRET_BYTES 16

void accepted_finish(struct accepted *accepted) {
    free(accepted->jobs);
    free(accepted->schedules);
    wire_memory_finish(&accepted->memory);
}

/* New for each invocation and file: the daemon answers a repeated request with the same jobs. */
static void make_key(char key[2 * KEY_SECRET_BYTES + 1]) {
    unsigned char secret[KEY_SECRET_BYTES];

    rng_secret(secret, sizeof secret);
    digest_print_hex(secret, sizeof secret, key);
}

static int accept(struct accepted *accepted, const struct buf *body) {
    struct wire_submit_answer answer;
    struct error error = {0};

    if (wire_decode_submit_answer(buf_text(body), body->bytes, &accepted->memory, &answer,
                                  &error) != OK) {
        return remote_garbled(&error);
    }
    accepted->jobs =
        mem_grow(accepted->jobs, accepted->count + answer.job_count + 1, sizeof *accepted->jobs);
    for (size_t i = 0; i < answer.job_count; i++) {
        accepted->jobs[accepted->count++] = answer.jobs[i];
    }
    accepted->job_count += answer.count;
    accepted->schedules =
        mem_grow(accepted->schedules, accepted->schedule_count + answer.schedule_count + 1,
                 sizeof *accepted->schedules);
    for (size_t i = 0; i < answer.schedule_count; i++) {
        accepted->schedules[accepted->schedule_count++] = answer.schedules[i];
    }
    accepted->replayed = accepted->replayed || answer.replayed;
    return CLI_OK;
}

static void add_after(struct buf *path, const struct cli_texts *after) {
    struct buf joined;

    buf_init(&joined, LIMIT_HTTP_URL_BYTES);
    for (size_t i = 0; i < after->count; i++) {
        buf_add_format(&joined, "%s%s", i > 0 ? "," : "", after->items[i]);
    }
    http_add_query(path, "after", buf_text(&joined));
    buf_finish(&joined);
}

int submission_send(struct cli *cli, const char *file, const char *content_type,
                    const struct buf *text, struct accepted *accepted) {
    char key[2 * KEY_SECRET_BYTES + 1];
    struct buf path, body;
    struct http_call call = {
        .method = "POST",
        .body = buf_text(text),
        .body_bytes = text->bytes,
        .content_type = content_type,
        .idempotency_key = key,
    };
    int status;

    make_key(key);
    buf_init(&path, LIMIT_HTTP_URL_BYTES);
    buf_init(&body, LIMIT_API_ANSWER_BYTES);
    buf_add_text(&path, "/v1/jobs");
    http_add_query(&path, "file", file);
    http_add_query(&path, "namespace", cli->options.namespace);
    http_add_query(&path, "team", cli->options.team);
    add_after(&path, &cli->options.after);
    http_add_query(&path, "hold", cli->options.hold ? "true" : "");
    call.path = buf_text(&path);
    if (path.full) {
        cli_complain("--after: these are more than %d bytes", LIMIT_HTTP_URL_BYTES);
        status = CLI_USAGE;
    } else {
        status = remote_perform(cli, &call, &body);
    }
    if (status == CLI_OK) {
        status = accept(accepted, &body);
    }
    buf_finish(&path);
    buf_finish(&body);
    return status;
}
