#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/limits.h"
#include "cli/cli.h"
#include "cli/jobs.h"
#include "cli/remote.h"

#define LOOK_US (CLOCK_US_PER_SECOND / 4)

static bool on_bytes(void *context, const char *bytes, size_t count) {
    (void)context;
    return fwrite(bytes, 1, count, stdout) == count && fflush(stdout) == 0;
}

static void add_number(struct buf *path, const char *name, int64_t number) {
    char text[24] = "";

    if (number >= 0) {
        (void)snprintf(text, sizeof text, "%" PRId64, number);
    }
    http_add_query(path, name, text);
}

/* A log begins with its container: until then there is nothing to follow. */
static int wait_for_begin(struct cli *cli, uint64_t id) {
    bool begun = false;
    int status = CLI_OK;

    while (status == CLI_OK && !begun) {
        struct job_set set = {0};

        status = jobs_get(cli, id, &set);
        begun = status == CLI_OK &&
                (job_is_finished(&set.items[0]) || strcmp(set.items[0].state, "RUNNING") == 0);
        job_set_finish(&set);
        if (status == CLI_OK && !begun) {
            jobs_pause(LOOK_US);
        }
    }
    return status;
}

int verb_logs(struct cli *cli) {
    struct http_call call = {.method = "GET", .on_bytes = on_bytes};
    struct buf path, body;
    uint64_t id = 0;
    int status = remote_find_job(cli, cli->options.operands[0], &id);

    if (status == CLI_OK && cli->options.follow && cli->options.attempt < 0) {
        status = wait_for_begin(cli, id);
    }
    buf_init(&path, LIMIT_HTTP_URL_BYTES);
    buf_add_format(&path, "/v1/jobs/%" PRIu64 "/logs", id);
    buf_init(&body, LIMIT_API_ANSWER_BYTES);
    add_number(&path, "attempt", cli->options.attempt);
    add_number(&path, "executor", cli->options.executor);
    add_number(&path, "tail", cli->options.tail);
    http_add_query(&path, "follow", cli->options.follow ? "true" : "");
    call.path = buf_text(&path);
    if (status == CLI_OK) {
        status = remote_perform(cli, &call, &body);
    }
    buf_finish(&path);
    buf_finish(&body);
    return status;
}
