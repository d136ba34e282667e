/* cancel, hold, release: one POST a job; all are tried, and the worst outcome is the status. */
#include <inttypes.h>
#include <stdio.h>

#include "base/limits.h"
#include "cli/cli.h"
#include "cli/jobs.h"
#include "cli/print.h"
#include "cli/remote.h"

static int print_answer(struct cli *cli, const struct buf *body) {
    struct wire_memory memory = {0};
    struct wire_job job;
    struct error error = {0};
    int status = CLI_OK;

    if (print_is_document(cli)) {
        return print_document(cli, body);
    }
    if (wire_decode_job(buf_text(body), body->bytes, &memory, &job, &error) != OK) {
        status = remote_garbled(&error);
    } else if (cli->options.output == CLI_NAME) {
        printf("%" PRIu64 "\n", job.id);
    } else {
        jobs_print_line(cli, &job);
    }
    wire_memory_finish(&memory);
    return status;
}

static int act_on(struct cli *cli, const char *name, const char *suffix) {
    struct buf path, body;
    int status = remote_job_path(cli, name, suffix, &path);

    buf_init(&body, LIMIT_API_ANSWER_BYTES);
    if (status == CLI_OK) {
        status = remote_post(cli, buf_text(&path), &body);
    }
    if (status == CLI_OK) {
        status = print_answer(cli, &body);
    }
    buf_finish(&path);
    buf_finish(&body);
    return status;
}

static int act_on_all(struct cli *cli, const char *suffix) {
    int worst = CLI_OK;

    for (size_t i = 0; i < cli->options.operand_count; i++) {
        int status = act_on(cli, cli->options.operands[i], suffix);

        worst = status > worst ? status : worst;
    }
    return worst;
}

int verb_cancel(struct cli *cli) {
    return act_on_all(cli, "/cancel");
}

int verb_hold(struct cli *cli) {
    return act_on_all(cli, "/hold");
}

int verb_release(struct cli *cli) {
    return act_on_all(cli, "/release");
}
