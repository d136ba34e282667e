/* When jobs will start; and what would change if there were more. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "api/wire.h"
#include "base/limits.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/http.h"
#include "cli/input.h"
#include "cli/print.h"
#include "cli/remote.h"

static void add_start(struct table *table, const struct cli *cli, const struct wire_outlook *job,
                      int64_t at_us) {
    char text[40];

    print_time(cli, at_us, text);
    table_add(table, at_us != 0 ? text : strcmp(job->start, "later") == 0 ? "later" : "unknown");
}

static void add_heads(struct table *table, const char *const *heads, size_t count) {
    table_init(table, count);
    for (size_t i = 0; i < count; i++) {
        table_add(table, heads[i]);
    }
}

static void print_outlooks(const struct cli *cli, const struct wire_forecast *forecast) {
    static const char *const heads[] = {"ID",    "NAME", "NAMESPACE", "TEAM",
                                        "START", "BY",   "IN",        "WAITS FOR"};
    struct table table;

    add_heads(&table, heads, ARRAY_LEN(heads));
    for (size_t i = 0; i < forecast->item_count; i++) {
        const struct wire_outlook *job = &forecast->items[i];
        char in[32];

        print_span(forecast->as_of_us, job->p50_us, in);
        table_add_format(&table, "%" PRIu64, job->id);
        table_add(&table, job->name);
        table_add(&table, job->namespace);
        table_add(&table, job->team);
        add_start(&table, cli, job, job->p50_us);
        add_start(&table, cli, job, job->p90_us);
        table_add(&table, in);
        table_add(&table, job->reason);
    }
    table_print(&table, cli, SIZE_MAX);
    table_finish(&table);
}

static void add_done(struct table *table, const struct cli *cli, int64_t at_us) {
    char text[40];

    print_time(cli, at_us, text);
    table_add(table, at_us != 0 ? text : "-");
}

static void print_planned(const struct cli *cli, const struct wire_forecast *forecast) {
    static const char *const heads[] = {"SCHEDULE", "NAMESPACE", "TEAM",   "OCCURRENCE",
                                        "START",    "DONE",      "DUE BY", "AT RISK"};
    struct table table;

    add_heads(&table, heads, ARRAY_LEN(heads));
    for (size_t i = 0; i < forecast->run_count; i++) {
        const struct wire_planned *run = &forecast->runs[i];
        char start[40];

        print_time(cli, run->p50_us, start);
        table_add(&table, run->schedule);
        table_add(&table, run->namespace);
        table_add(&table, run->team);
        table_add(&table, run->occurrence);
        table_add(&table, strcmp(run->start, "expected") == 0 ? start : run->start);
        add_done(&table, cli, run->done_p50_us);
        add_done(&table, cli, run->finish_by_us != 0 ? run->finish_by_us : run->start_by_us);
        table_add(&table, run->at_risk ? "yes" : "no");
    }
    table_print(&table, cli, SIZE_MAX);
    table_finish(&table);
}

static bool has_start(const struct wire_forecast *forecast, const char *start) {
    for (size_t i = 0; i < forecast->item_count; i++) {
        if (strcmp(forecast->items[i].start, start) == 0) {
            return true;
        }
    }
    return false;
}

/* To stderr: for people alone. */
static void explain(const struct cli *cli, const struct wire_forecast *forecast) {
    char until[40];

    if (!cli->terminal) {
        return;
    }
    print_time(cli, forecast->until_us, until);
    if (has_start(forecast, "later")) {
        (void)fprintf(stderr, "later: not before %s, further was not looked\n", until);
    }
    if (has_start(forecast, "unknown")) {
        (void)fputs("unknown: it waits for something whose end is not known, such as a run without "
                    "an estimate\n",
                    stderr);
    }
}

static void print_names(const struct wire_forecast *forecast) {
    for (size_t i = 0; i < forecast->item_count; i++) {
        printf("%" PRIu64 "\n", forecast->items[i].id);
    }
}

static int print_forecast(const struct cli *cli, const struct wire_forecast *forecast) {
    if (cli->options.output == CLI_NAME) {
        print_names(forecast);
        return CLI_OK;
    }
    if (forecast->item_count == 0) {
        (void)fputs("nothing waits\n", stderr);
    } else {
        print_outlooks(cli, forecast);
        explain(cli, forecast);
    }
    if (forecast->run_count > 0) {
        puts("\nTo come:");
        print_planned(cli, forecast);
    }
    return CLI_OK;
}

/* An answer of the daemon's, as a document or by `print`. */
static int show(const struct cli *cli, const struct buf *body,
                int (*print)(const struct cli *cli, const struct wire_forecast *forecast)) {
    struct wire_memory memory = {0};
    struct wire_forecast forecast;
    struct error error = {0};
    int status;

    if (print_is_document(cli)) {
        return print_document(cli, body);
    }
    status = wire_decode_forecast(buf_text(body), body->bytes, &memory, &forecast, &error) == OK
                 ? print(cli, &forecast)
                 : remote_garbled(&error);
    wire_memory_finish(&memory);
    return status;
}

int verb_forecast(struct cli *cli) {
    const struct cli_options *options = &cli->options;
    struct buf path, body;
    int status = CLI_OK;

    buf_init(&body, LIMIT_API_ANSWER_BYTES);
    if (options->operand_count > 0) {
        status = remote_job_path(cli, options->operands[0], "/forecast", &path);
    } else {
        char limit[24];

        (void)snprintf(limit, sizeof limit, "%" PRId64, options->limit > 0 ? options->limit : 500);
        buf_init(&path, LIMIT_HTTP_URL_BYTES);
        buf_add_text(&path, "/v1/forecast");
        http_add_query(&path, "namespace", options->namespace);
        http_add_query(&path, "team", options->team);
        http_add_query(&path, "limit", limit);
    }
    if (status == CLI_OK) {
        status = remote_get(cli, buf_text(&path), &body);
    }
    if (status == CLI_OK) {
        status = show(cli, &body, print_forecast);
    }
    buf_finish(&path);
    buf_finish(&body);
    return status;
}

/* --- What if --------------------------------------------------------------------------------- */

static void print_delayed(const struct cli *cli, const struct wire_forecast *forecast) {
    static const char *const heads[] = {"ID", "NAME", "TEAM", "START", "INSTEAD OF", "LATER BY"};
    struct table table;

    add_heads(&table, heads, ARRAY_LEN(heads));
    for (size_t i = 0; i < forecast->delayed_count; i++) {
        const struct wire_outlook *job = &forecast->delayed[i];
        char before[40];
        char by[32];

        print_time(cli, job->without_p50_us, before);
        print_span(job->without_p50_us, job->p50_us, by);
        table_add_format(&table, "%" PRIu64, job->id);
        table_add(&table, job->name);
        table_add(&table, job->team);
        add_start(&table, cli, job, job->p50_us);
        table_add(&table, before);
        table_add(&table, by);
    }
    table_print(&table, cli, SIZE_MAX);
    table_finish(&table);
}

static int print_simulation(const struct cli *cli, const struct wire_forecast *forecast) {
    int status = print_forecast(cli, forecast);

    if (status == CLI_OK && cli->options.output != CLI_NAME) {
        if (forecast->delayed_count > 0) {
            printf("\n%zu would start later:\n", forecast->delayed_count);
            print_delayed(cli, forecast);
        } else {
            printf("\nNobody would start later.\n");
        }
    }
    return status;
}

static int simulate(struct cli *cli, const struct buf *text, struct buf *body) {
    const char *file = input_name(cli->options.add);
    struct http_call call = {
        .method = "POST",
        .body = buf_text(text),
        .body_bytes = text->bytes,
        .content_type = input_type(file),
    };
    struct buf path;
    int status;

    buf_init(&path, LIMIT_HTTP_URL_BYTES);
    buf_add_text(&path, "/v1/forecast");
    http_add_query(&path, "file", file);
    http_add_query(&path, "namespace", cli->options.namespace);
    http_add_query(&path, "team", cli->options.team);
    call.path = buf_text(&path);
    status = remote_perform(cli, &call, body);
    buf_finish(&path);
    return status;
}

int verb_simulate(struct cli *cli) {
    struct buf text, body;
    int status;

    if (cli->options.add == NULL) {
        cli_complain("simulate: --add FILE says what would be submitted");
        return CLI_USAGE;
    }
    buf_init(&text, LIMIT_MANIFEST_BYTES);
    buf_init(&body, LIMIT_API_ANSWER_BYTES);
    status = input_read(cli->options.add, &text);
    if (status == CLI_OK) {
        status = simulate(cli, &text, &body);
    }
    if (status == CLI_OK) {
        status = show(cli, &body, print_simulation);
    }
    buf_finish(&text);
    buf_finish(&body);
    return status;
}
