#include <inttypes.h>
#include <stdio.h>

#include "base/limits.h"
#include "cli/cli.h"
#include "cli/remote.h"

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

int verb_logs(struct cli *cli) {
    struct http_call call = {.method = "GET", .on_bytes = on_bytes};
    struct buf path, body;
    int status = remote_job_path(cli, cli->options.operands[0], "/logs", &path);

    buf_init(&body, LIMIT_API_ANSWER_BYTES);
    add_number(&path, "attempt", cli->options.attempt);
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
