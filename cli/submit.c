#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"
#include "base/memory.h"
#include "cli/cli.h"
#include "cli/dry_run.h"
#include "cli/input.h"
#include "cli/jobs.h"
#include "cli/print.h"
#include "cli/submission.h"

static int submit_file(struct cli *cli, const char *path, struct accepted *accepted) {
    struct buf text;
    int status;

    buf_init(&text, LIMIT_MANIFEST_BYTES);
    status = input_read(path, &text);
    if (status == CLI_OK && cli->options.dry_run) {
        status = dry_run(cli, input_name(path), input_type(input_name(path)), &text);
    } else if (status == CLI_OK) {
        status =
            submission_send(cli, input_name(path), input_type(input_name(path)), &text, accepted);
    }
    buf_finish(&text);
    return status;
}

static int print_accepted_document(const struct cli *cli, const struct accepted *accepted) {
    struct wire_submit_answer answer = {.jobs = accepted->jobs,
                                        .job_count = accepted->count,
                                        .first_id = accepted->count > 0 ? accepted->jobs[0].id : 0,
                                        .count = (int64_t)accepted->count,
                                        .replayed = accepted->replayed};
    struct buf json;
    int status;

    buf_init(&json, SIZE_MAX / 2);
    wire_encode_submit_answer(&json, &answer);
    status = print_document(cli, &json);
    buf_finish(&json);
    return status;
}

static int print_accepted(const struct cli *cli, const struct accepted *accepted) {
    static const char *const heads[] = {"ID", "NAME", "NAMESPACE", "STATE"};
    struct table table;

    if (print_is_document(cli)) {
        return print_accepted_document(cli, accepted);
    }
    table_init(&table, ARRAY_LEN(heads));
    for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
        table_add(&table, heads[i]);
    }
    for (size_t i = 0; i < accepted->count; i++) {
        const struct wire_submitted *job = &accepted->jobs[i];

        if (cli->options.output == CLI_NAME) {
            printf("%" PRIu64 "\n", job->id);
        }
        table_add_format(&table, "%" PRIu64, job->id);
        table_add(&table, job->name);
        table_add(&table, job->namespace);
        table_add(&table, job->state);
    }
    if (cli->options.output != CLI_NAME) {
        table_print(&table, cli, 3);
    }
    table_finish(&table);
    (void)fflush(stdout);
    return CLI_OK;
}

static int wait_for(struct cli *cli, const struct accepted *accepted) {
    uint64_t *ids = mem_alloc(accepted->count + 1, sizeof *ids);
    int status;

    for (size_t i = 0; i < accepted->count; i++) {
        ids[i] = accepted->jobs[i].id;
    }
    status = jobs_wait(cli, ids, accepted->count);
    free(ids);
    return status;
}

/* Each file is one request and taken as a whole or not at all; after one that is refused, the
 * rest is not sent. What was taken before it is said. */
int verb_submit(struct cli *cli) {
    struct accepted accepted = {0};
    int status = CLI_OK, printed = CLI_OK;

    for (size_t i = 0; i < cli->options.operand_count && status == CLI_OK; i++) {
        status = submit_file(cli, cli->options.operands[i], &accepted);
    }
    if (accepted.count > 0) {
        printed = print_accepted(cli, &accepted);
    }
    status = status != CLI_OK ? status : printed;
    if (status == CLI_OK && cli->options.wait) {
        status = wait_for(cli, &accepted);
    }
    accepted_finish(&accepted);
    return status;
}
