#include <inttypes.h>
#include <stdio.h>

#include "base/limits.h"
#include "cli/cli.h"
#include "cli/jobs.h"
#include "cli/print.h"
#include "cli/remote.h"
#include "cli/waiting.h"

/* The jobs as they ended, for those who asked for a document. */
static int print_ended(struct cli *cli, const struct job_names *names) {
    struct job_set set = {0};
    int status = CLI_OK;

    for (size_t i = 0; i < names->count && status == CLI_OK; i++) {
        status = jobs_get(cli, names->items[i], &set);
    }
    if (status == CLI_OK) {
        status = jobs_print(cli, &set);
    }
    job_set_finish(&set);
    return status;
}

static int name_operands(struct cli *cli, struct job_names *names) {
    int status = CLI_OK;

    for (size_t i = 0; i < cli->options.operand_count && status == CLI_OK; i++) {
        char name[REMOTE_JOB_BYTES];

        status = remote_job_name(cli, cli->options.operands[i], name);
        if (status == CLI_OK) {
            job_names_add(names, name);
        }
    }
    return status;
}

/* Those that have not finished and are what the options say; of an array all of it, once. */
static int name_selected(struct cli *cli, struct job_names *names) {
    struct job_set set = {0};
    int64_t array_id = WIRE_UNKNOWN;
    int status;

    if (cli->options.limit < 0) {
        cli->options.limit = LIMIT_MANIFEST_DOCUMENTS;
    }
    status = jobs_list(cli, &set);
    for (size_t i = 0; i < set.count && status == CLI_OK; i++) {
        const struct wire_job *job = &set.items[i];
        char id[24];

        if (job->array_id != WIRE_UNKNOWN && job->array_id == array_id) {
            continue;
        }
        array_id = job->array_id;
        (void)snprintf(id, sizeof id, "%" PRIu64,
                       array_id != WIRE_UNKNOWN ? (uint64_t)array_id : job->id);
        job_names_add(names, id);
    }
    if (status == CLI_OK && set.more) {
        cli_complain("more than %" PRId64 " jobs match: name fewer", cli->options.limit);
        status = CLI_REFUSED;
    }
    job_set_finish(&set);
    return status;
}

static bool has_selection(const struct cli_options *options) {
    return options->team != NULL || options->name != NULL || options->selector != NULL;
}

int verb_wait(struct cli *cli) {
    const bool is_selection = has_selection(&cli->options);
    struct job_names names = {0};
    int status, printed = CLI_OK;

    if (is_selection == (cli->options.operand_count > 0)) {
        cli_complain("which jobs? name them, or say --selector, --team or --name");
        return CLI_USAGE;
    }
    status = is_selection ? name_selected(cli, &names) : name_operands(cli, &names);
    if (status == CLI_OK) {
        status = waiting_run(cli, &names);
        if (status <= CLI_JOB_FAILED &&
            (print_is_document(cli) || cli->options.output == CLI_NAME)) {
            printed = print_ended(cli, &names);
        }
    }
    job_names_finish(&names);
    return printed != CLI_OK ? printed : status;
}
