/* cancel, hold, release, retry: one POST a job; all are tried, and the worst outcome counts. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/text.h"
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

/* Instead of names: all that have failed, and are what the options say. */
static int retry_failed(struct cli *cli) {
    struct job_set set = {0};
    int64_t after_us = 0;
    int worst;

    if (cli->options.since != NULL && text_parse_duration_us(cli->options.since, &after_us) < 0) {
        cli_complain("--since: expected a time such as 8h");
        return CLI_USAGE;
    }
    after_us = after_us > 0 ? clock_sample().now_us - after_us : 0;

    cli->options.state = "FAILED";
    if (cli->options.limit < 0) {
        cli->options.limit = LIMIT_MANIFEST_DOCUMENTS;
    }
    worst = jobs_list(cli, &set);
    for (size_t i = 0; i < set.count; i++) {
        const struct wire_job *job = &set.items[i];
        char name[REMOTE_JOB_BYTES];
        int status;

        if (job->finished_us < after_us) {
            continue;
        }
        if (cli->options.schedule != NULL && strcmp(job->schedule, cli->options.schedule) != 0) {
            continue;
        }
        remote_name_of(job, NULL, name);
        status = act_on(cli, name, "/retry");
        worst = status > worst ? status : worst;
    }
    if (set.more) {
        cli_complain("there are more; ask again, or raise --limit");
        worst = worst > CLI_OK ? worst : CLI_REFUSED;
    }
    job_set_finish(&set);
    return worst;
}

int verb_retry(struct cli *cli) {
    const bool is_selection = cli->options.from_failed;

    if (is_selection == (cli->options.operand_count > 0)) {
        cli_complain("which jobs? name them, or say --from-failed");
        return CLI_USAGE;
    }
    return is_selection ? retry_failed(cli) : act_on_all(cli, "/retry");
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
