#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <jansson.h>

#include "base/limits.h"
#include "base/memory.h"
#include "cli/cli.h"
#include "cli/dry_run.h"
#include "cli/input.h"
#include "cli/jobs.h"
#include "cli/print.h"
#include "cli/row_file.h"
#include "cli/submission.h"
#include "cli/waiting.h"

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

/* --- Rows of a template ----------------------------------------------------------------------- */

/* So many rows a request. */
#define ROWS_MAX 5000

/* The template, and the rows behind it as one line of JSON. */
static int send_rows(struct cli *cli, const char *file, const struct buf *template, json_t *spec,
                     struct accepted *accepted) {
    json_t *document =
        json_pack("{s:s,s:s,s:O}", "apiVersion", "nightshift/v1", "kind", "Rows", "spec", spec);
    char *json = json_dumps(document, JSON_COMPACT);
    struct buf text;
    int status;

    buf_init(&text, LIMIT_MANIFEST_BYTES);
    buf_add(&text, buf_text(template), template->bytes);
    buf_add_text(&text, "\n---\n");
    buf_add_text(&text, json);
    if (text.full) {
        cli_complain("%s: %d rows of it are larger than %d MiB", cli->options.rows, ROWS_MAX,
                     LIMIT_MANIFEST_BYTES / LIMIT_MIB);
        status = CLI_REFUSED;
    } else {
        status = submission_send(cli, file, "application/yaml", &text, accepted);
    }
    buf_finish(&text);
    free(json);
    json_decref(document);
    return status;
}

/* The next rows, as many as a request takes; an empty list behind the last. */
static int take_rows(struct row_file *rows, json_t **out_list) {
    json_t *list = json_array();
    json_t *row = list; /* anything but NULL */
    int status = CLI_OK;

    while (status == CLI_OK && row != NULL && json_array_size(list) < ROWS_MAX) {
        status = row_file_next(rows, &row);
        if (row != NULL && status == CLI_OK) {
            (void)json_array_append_new(list, row);
        }
    }
    *out_list = list;
    return status;
}

static int submit_rows(struct cli *cli, const char *file, const struct buf *template,
                       struct row_file *rows, struct accepted *accepted) {
    size_t sent = 0;
    bool more = true;
    int status = CLI_OK;

    while (status == CLI_OK && more) {
        json_t *list;
        json_t *spec;

        status = take_rows(rows, &list);
        more = json_array_size(list) > 0;
        spec = json_pack("{s:I,s:O,s:O}", "first", (json_int_t)sent, "names", rows->names, "rows",
                         list);
        if (status == CLI_OK && more) {
            status = send_rows(cli, file, template, spec, accepted);
        }
        sent += status == CLI_OK ? json_array_size(list) : 0;
        json_decref(spec);
        json_decref(list);
    }
    if (status != CLI_OK && sent > 0) {
        cli_complain("the first %zu rows are submitted, those behind them are not", sent);
    } else if (status == CLI_OK && sent == 0) {
        cli_complain("%s: holds no row", cli->options.rows);
        status = CLI_REFUSED;
    }
    return status;
}

static int submit_template(struct cli *cli, const char *path, struct accepted *accepted) {
    struct row_file rows;
    struct buf template;
    int status;

    buf_init(&template, LIMIT_MANIFEST_BYTES);
    status = input_read(path, &template);
    if (status == CLI_OK) {
        status = row_file_open(&rows, cli->options.rows);
        if (status == CLI_OK) {
            status = submit_rows(cli, input_name(path), &template, &rows, accepted);
        }
        row_file_close(&rows);
    }
    buf_finish(&template);
    return status;
}

static int print_accepted_document(const struct cli *cli, const struct accepted *accepted) {
    struct wire_submit_answer answer = {.jobs = accepted->jobs,
                                        .job_count = accepted->count,
                                        .schedules = accepted->schedules,
                                        .schedule_count = accepted->schedule_count,
                                        .first_id = accepted->count > 0 ? accepted->jobs[0].id : 0,
                                        .count = accepted->job_count,
                                        .replayed = accepted->replayed};
    struct buf json;
    int status;

    buf_init(&json, SIZE_MAX / 2);
    wire_encode_submit_answer(&json, &answer);
    status = print_document(cli, &json);
    buf_finish(&json);
    return status;
}

static void print_puts(const struct cli *cli, const struct accepted *accepted) {
    for (size_t i = 0; i < accepted->schedule_count; i++) {
        const struct wire_put *put = &accepted->schedules[i];

        printf("schedule %s/%s%s%s\n", put->namespace, put->name,
               cli->options.output == CLI_NAME ? "" : " ",
               cli->options.output == CLI_NAME ? "" : put->result);
    }
}

static int print_accepted(const struct cli *cli, const struct accepted *accepted) {
    static const char *const heads[] = {"ID", "NAME", "NAMESPACE", "STATE"};
    struct table table;

    if (print_is_document(cli)) {
        return print_accepted_document(cli, accepted);
    }
    print_puts(cli, accepted);
    if (accepted->count == 0) {
        (void)fflush(stdout);
        return CLI_OK;
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
        if (job->elements != WIRE_UNKNOWN) {
            table_add_format(&table, "%s[%s]", job->name, job->array);
        } else {
            table_add(&table, job->name);
        }
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
    struct job_names names = {0};
    int status;

    job_names_add_submitted(&names, accepted->jobs, accepted->count);
    status = waiting_run(cli, &names);
    job_names_finish(&names);
    return status;
}

/* Each file is one request and taken as a whole or not at all; after one that is refused, the
 * rest is not sent. What was taken before it is said. */
int verb_submit(struct cli *cli) {
    struct accepted accepted = {0};
    int status = CLI_OK, printed = CLI_OK;

    if (cli->options.rows != NULL && (cli->options.operand_count != 1 || cli->options.dry_run)) {
        cli_complain("--rows goes with one template, and without --dry-run");
        return CLI_USAGE;
    }
    for (size_t i = 0; i < cli->options.operand_count && status == CLI_OK; i++) {
        status = cli->options.rows != NULL
                     ? submit_template(cli, cli->options.operands[i], &accepted)
                     : submit_file(cli, cli->options.operands[i], &accepted);
    }
    if (accepted.count + accepted.schedule_count > 0) {
        printed = print_accepted(cli, &accepted);
    }
    status = status != CLI_OK ? status : printed;
    if (status == CLI_OK && cli->options.wait) {
        status = wait_for(cli, &accepted);
    }
    accepted_finish(&accepted);
    return status;
}
