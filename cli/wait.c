#include <stdlib.h>

#include "base/memory.h"
#include "cli/cli.h"
#include "cli/jobs.h"
#include "cli/print.h"
#include "cli/remote.h"

/* The jobs as they ended, for those who asked for a document. */
static int print_ended(struct cli *cli, const uint64_t *ids, size_t count) {
    struct job_set set = {0};
    int status = CLI_OK;

    for (size_t i = 0; i < count && status == CLI_OK; i++) {
        status = jobs_get(cli, ids[i], &set);
    }
    if (status == CLI_OK) {
        status = jobs_print(cli, &set);
    }
    job_set_finish(&set);
    return status;
}

int verb_wait(struct cli *cli) {
    size_t count = cli->options.operand_count;
    uint64_t *ids = mem_alloc(count, sizeof *ids);
    int status = CLI_OK, printed = CLI_OK;

    for (size_t i = 0; i < count && status == CLI_OK; i++) {
        status = remote_find_job(cli, cli->options.operands[i], &ids[i]);
    }
    if (status == CLI_OK) {
        status = jobs_wait(cli, ids, count);
        if (status <= CLI_JOB_FAILED &&
            (print_is_document(cli) || cli->options.output == CLI_NAME)) {
            printed = print_ended(cli, ids, count);
        }
    }
    free(ids);
    return printed != CLI_OK ? printed : status;
}
