#include "cli/cli.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "cli/spark_args.h"

enum kind {
    FLAG,
    TEXT,
    TEXTS, /* may be given again */
    NUMBER,
    DURATION,
};

enum option_bit {
    O_NAMESPACE,
    O_TEAM,
    O_STATE,
    O_NAME,
    O_ALL,
    O_LIMIT,
    O_WATCH,
    O_WAIT,
    O_HOLD,
    O_FOLLOW,
    O_ATTEMPT,
    O_TAIL,
    O_EXECUTOR,
    O_PORT,
    O_TIMEOUT,
    O_ADD,
    O_ROWS,
    O_DRY_RUN,
    O_WINDOW,
    O_SINCE,
    O_UNTIL,
    O_EMAIL,
    O_FORM,
    O_DATE,
    O_FROM_FAILED,
    O_SCHEDULE,
    O_SELECTOR,
    O_AFTER,
    O_OUTPUT,
    O_UTC,
    O_SERVER,
    O_TOKEN_FILE,
    O_CA_FILE,
    O_HELP,
    O_COUNT,
};

#define BIT(option) (UINT64_C(1) << (option))
#define REMOTE      (BIT(O_SERVER) | BIT(O_TOKEN_FILE) | BIT(O_CA_FILE) | BIT(O_HELP))
#define SHOWS       (REMOTE | BIT(O_OUTPUT) | BIT(O_UTC))
#define RAW         (UINT64_C(1) << 63) /* its arguments are its own affair: all are operands */
_Static_assert(O_COUNT <= 63, "a bit for each option, and RAW");
#define FIELD(name)  offsetof(struct cli_options, name)
#define ANY_OPERANDS SIZE_MAX

static const struct option_row {
    const char *name;
    char letter;
    enum kind kind;
    size_t offset;
    const char *argument;
    const char *help;
} rows[O_COUNT] = {
    [O_NAMESPACE] = {"namespace", 'n', TEXT, FIELD(namespace), "NAME",
                     "the namespace; of submit: where a manifest names none"},
    [O_TEAM] = {"team", 't', TEXT, FIELD(team), "NAME",
                "the team; of submit: where a manifest names none"},
    [O_STATE] = {"state", 's', TEXT, FIELD(state), "STATE,...", "only jobs in these states"},
    [O_NAME] = {"name", 'N', TEXT, FIELD(name), "NAME", "only jobs of this name"},
    [O_ALL] = {"all", 'a', FLAG, FIELD(all), NULL, "finished jobs too"},
    [O_LIMIT] = {"limit", 'l', NUMBER, FIELD(limit), "N", "at most N jobs (500)"},
    [O_WATCH] = {"watch", 'w', FLAG, FIELD(watch), NULL, "go on showing what changes"},
    [O_WAIT] = {"wait", 'w', FLAG, FIELD(wait), NULL, "wait until they have finished"},
    [O_HOLD] = {"hold", 0, FLAG, FIELD(hold), NULL, "hold them until they are released"},
    [O_FOLLOW] = {"follow", 'f', FLAG, FIELD(follow), NULL, "go on until the end"},
    [O_ATTEMPT] = {"attempt", 0, NUMBER, FIELD(attempt), "N", "of this attempt, not the last"},
    [O_TAIL] = {"tail", 0, NUMBER, FIELD(tail), "N", "only the last N lines"},
    [O_EXECUTOR] = {"executor", 0, NUMBER, FIELD(executor), "N",
                    "of this executor, not the driver"},
    [O_PORT] = {"port", 0, NUMBER, FIELD(port), "N", "of this machine (4040, or one that is free)"},
    [O_TIMEOUT] = {"timeout", 0, DURATION, FIELD(timeout_us), "TIME",
                   "give up after it (90s, 15m, 2h)"},
    [O_ADD] = {"add", 0, TEXT, FIELD(add), "FILE", "manifests to be thought of as submitted"},
    [O_ROWS] = {"rows", 0, TEXT, FIELD(rows), "FILE",
                "a job for each row of it (CSV or JSON lines), with the file as the template"},
    [O_DRY_RUN] = {"dry-run", 0, FLAG, FIELD(dry_run), NULL,
                   "submit nothing; print what would be created, and what it asks for"},
    [O_WINDOW] = {"window", 0, TEXT, FIELD(window), "NAME", "only jobs that name this window"},
    [O_SINCE] = {"since", 0, TEXT, FIELD(since), "WHEN",
                 "yesterday, today, 2026-11-22, 24h (ago), or an instant (24h)"},
    [O_UNTIL] = {"until", 0, TEXT, FIELD(until), "WHEN", "the same (now)"},
    [O_EMAIL] = {"email", 0, FLAG, FIELD(email), NULL, "send it to who gets reports, too"},
    [O_FORM] = {"output", 'o', TEXT, FIELD(form), "FORM", "text, json, html"},
    [O_DATE] = {"date", 0, TEXT, FIELD(date), "DATE",
                "of schedules trigger: the business date, such as 2026-12-24"},
    [O_FROM_FAILED] = {"from-failed", 0, FLAG, FIELD(from_failed), NULL,
                       "all jobs that have failed, or those of the options"},
    [O_SCHEDULE] = {"schedule", 0, TEXT, FIELD(schedule), "NAME", "only runs of this schedule"},
    [O_SELECTOR] = {"selector", 0, TEXT, FIELD(selector), "KEY=VALUE,...",
                    "only jobs with all these labels"},
    [O_AFTER] = {"after", 0, TEXTS, FIELD(after), "JOB[:ON]",
                 "wait for it, too: success (else skipped), failure, any, start; may be repeated"},
    [O_OUTPUT] = {"output", 'o', TEXT, FIELD(output_text), "FORM", "table, wide, json, yaml, name"},
    [O_UTC] = {"utc", 0, FLAG, FIELD(utc), NULL, "times in UTC, not in local time"},
    [O_SERVER] = {"server", 0, TEXT, FIELD(server), "URL",
                  "unix:PATH or https://HOST:PORT (NIGHTSHIFT_SERVER)"},
    [O_TOKEN_FILE] = {"token-file", 0, TEXT, FIELD(token_file), "FILE",
                      "a bearer token for https (NIGHTSHIFT_TOKEN_FILE)"},
    [O_CA_FILE] = {"ca-file", 0, TEXT, FIELD(ca_file), "FILE",
                   "whom to trust for https (NIGHTSHIFT_CA_FILE)"},
    [O_HELP] = {"help", 'h', FLAG, FIELD(help), NULL, "this"},
};

static const struct verb verbs[] = {
    {"submit", "FILE...", "put the jobs of manifests (- is stdin) into the queue",
     SHOWS | BIT(O_NAMESPACE) | BIT(O_TEAM) | BIT(O_HOLD) | BIT(O_WAIT) | BIT(O_TIMEOUT) |
         BIT(O_DRY_RUN) | BIT(O_ROWS) | BIT(O_AFTER),
     1, ANY_OPERANDS, false, verb_submit},
    {"spark-submit", "[OPTION...] FILE [ARGUMENT...]",
     "put a Spark application into the queue with spark-submit's own command line", RAW, 0,
     ANY_OPERANDS, true, verb_spark_submit},
    {"ls", "", "list jobs that have not finished",
     SHOWS | BIT(O_NAMESPACE) | BIT(O_TEAM) | BIT(O_STATE) | BIT(O_NAME) | BIT(O_ALL) |
         BIT(O_LIMIT) | BIT(O_WATCH) | BIT(O_SELECTOR),
     0, 0, false, verb_ls},
    {"show", "JOB", "all there is to know about a job", SHOWS | BIT(O_NAMESPACE), 1, 1, false,
     verb_show},
    {"why", "JOB", "why it waits, check by check", SHOWS | BIT(O_NAMESPACE), 1, 1, false, verb_why},
    {"forecast", "[JOB]", "when waiting jobs are expected to start",
     SHOWS | BIT(O_NAMESPACE) | BIT(O_TEAM) | BIT(O_LIMIT), 0, 1, false, verb_forecast},
    {"simulate", "--add FILE", "when new jobs would start, and whom they would delay",
     SHOWS | BIT(O_ADD) | BIT(O_NAMESPACE) | BIT(O_TEAM), 0, 0, false, verb_simulate},
    {"logs", "JOB", "what its driver printed",
     REMOTE | BIT(O_NAMESPACE) | BIT(O_FOLLOW) | BIT(O_ATTEMPT) | BIT(O_EXECUTOR) | BIT(O_TAIL), 1,
     1, false, verb_logs},
    {"ui", "JOB", "show the pages of its driver at a port of this machine",
     REMOTE | BIT(O_NAMESPACE) | BIT(O_PORT), 1, 1, false, verb_ui},
    {"events", "JOB", "what happened to it, and why", SHOWS | BIT(O_NAMESPACE) | BIT(O_FOLLOW), 1,
     1, false, verb_events},
    {"cancel", "JOB...", "end jobs for good", REMOTE | BIT(O_NAMESPACE) | BIT(O_OUTPUT), 1,
     ANY_OPERANDS, false, verb_cancel},
    {"hold", "JOB...", "keep waiting jobs from starting", REMOTE | BIT(O_NAMESPACE) | BIT(O_OUTPUT),
     1, ANY_OPERANDS, false, verb_hold},
    {"release", "JOB...", "let held jobs go on", REMOTE | BIT(O_NAMESPACE) | BIT(O_OUTPUT), 1,
     ANY_OPERANDS, false, verb_release},
    {"retry", "JOB... | --from-failed", "another attempt for jobs that are over",
     REMOTE | BIT(O_OUTPUT) | BIT(O_NAMESPACE) | BIT(O_TEAM) | BIT(O_NAME) | BIT(O_LIMIT) |
         BIT(O_FROM_FAILED) | BIT(O_SINCE) | BIT(O_SCHEDULE),
     0, ANY_OPERANDS, false, verb_retry},
    {"wait", "JOB... | --selector KEY=VALUE,...",
     "wait until jobs have finished; fails unless all succeeded",
     SHOWS | BIT(O_NAMESPACE) | BIT(O_TIMEOUT) | BIT(O_TEAM) | BIT(O_NAME) | BIT(O_SELECTOR), 0,
     ANY_OPERANDS, false, verb_wait},
    {"teams", "", "the tree of teams: shares, what runs and waits, limits", SHOWS, 0, 0, false,
     verb_teams},
    {"usage", "", "who used what, teams and their users, the largest first", SHOWS, 0, 0, false,
     verb_usage},
    {"windows", "", "which windows are open, and what waits for them", SHOWS, 0, 0, false,
     verb_windows},
    {"notifications", "[ls | retry ID... | drop ID...]",
     "what receivers are still to be told, or could not be", SHOWS, 0, ANY_OPERANDS, false,
     verb_notifications},
    {"report", "", "what ran, failed, was late or skipped, and what it used",
     REMOTE | BIT(O_WINDOW) | BIT(O_SINCE) | BIT(O_UNTIL) | BIT(O_EMAIL) | BIT(O_FORM), 0, 0, false,
     verb_report},
    {"schedules", "[VERB NAME]",
     "what makes jobs again and again: ls, show, next NAME [N], pause, resume, trigger, delete",
     SHOWS | BIT(O_NAMESPACE) | BIT(O_DATE), 0, 3, false, verb_schedules},
    {"breakers", "[reset NAME...]", "what fails alike in a row, and is stopped", SHOWS, 0,
     ANY_OPERANDS, false, verb_breakers},
    {"memory", "[reset NAME...]", "the memory that jobs were grown to", SHOWS, 0, ANY_OPERANDS,
     false, verb_memory},
    {"nodes", "[reset NODE...]", "the nodes that failed jobs, and for how long they are avoided",
     SHOWS, 0, ANY_OPERANDS, false, verb_nodes},
    {"status", "", "how the daemon is", SHOWS, 0, 0, false, verb_status},
    {"admin", "VERB...", "the operator's tools on the queue: nightshift admin --help", BIT(O_HELP),
     0, ANY_OPERANDS, true, verb_admin},
    {"config", "check FILE", "look for mistakes in a configuration file", BIT(O_HELP), 2, 2, true,
     verb_config},
    {"completion", "[bash]",
     "a script that completes command lines: source <(nightshift completion)", BIT(O_HELP), 0, 1,
     true, verb_completion},
    {"version", "", "which nightshift this is", BIT(O_HELP), 0, 0, true, verb_version},
    {"help", "[VERB]", "this, or more about a verb", BIT(O_HELP), 0, 1, true, verb_help},
    {0},
};

const struct verb *cli_verbs(void) {
    return verbs;
}

static int take_one_of_texts(const struct option_row *row, const char *value,
                             struct cli_texts *texts) {
    if (texts->count == CLI_TEXTS_MAX) {
        cli_complain("--%s: at most %d times", row->name, CLI_TEXTS_MAX);
        return CLI_USAGE;
    }
    texts->items[texts->count++] = value;
    return CLI_OK;
}

static int take_text_as(const struct option_row *row, const char *value, char *at) {
    int64_t number = 0;
    int r = OK;

    if (row->kind == TEXT) {
        memcpy(at, &value, sizeof value);
        return CLI_OK;
    }
    if (row->kind == TEXTS) {
        return take_one_of_texts(row, value, (struct cli_texts *)(void *)at);
    }
    r = row->kind == NUMBER ? text_parse_int64(value, &number)
                            : text_parse_duration_us(value, &number);
    if (r != OK || number < 0) {
        cli_complain("--%s: %s is not a %s", row->name, value,
                     row->kind == NUMBER ? "number" : "duration such as 90s or 15m");
        return CLI_USAGE;
    }
    memcpy(at, &number, sizeof number);
    return CLI_OK;
}

static int take(const struct option_row *row, const char *value, struct cli_options *options) {
    char *at = (char *)options + row->offset;

    if (row->kind == FLAG) {
        *(bool *)at = true;
        return CLI_OK;
    }
    return take_text_as(row, value, at);
}

static int take_output(struct cli_options *options) {
    static const char *const names[CLI_OUTPUT_COUNT] = {"table", "wide", "json", "yaml", "name"};

    if (options->output_text == NULL) {
        return CLI_OK;
    }
    for (int i = 0; i < CLI_OUTPUT_COUNT; i++) {
        if (strcmp(options->output_text, names[i]) == 0) {
            options->output = (enum cli_output)i;
            return CLI_OK;
        }
    }
    cli_complain("--output: %s is none of table, wide, json, yaml, name", options->output_text);
    return CLI_USAGE;
}

/* What getopt wants, made from our table; each long option's value is 256 + its row. */
struct getopt_tables {
    struct option options[O_COUNT + 1];
    char letters[2 * O_COUNT + 2];
    unsigned char row_of_letter[128];
};

static void make_tables(const struct verb *verb, struct getopt_tables *tables) {
    size_t count = 0, used = 0;

    memset(tables, 0, sizeof *tables);
    tables->letters[used++] = ':';
    for (int i = 0; i < O_COUNT; i++) {
        if ((verb->options & BIT(i)) == 0) {
            continue;
        }
        tables->options[count++] = (struct option){
            rows[i].name, rows[i].kind == FLAG ? no_argument : required_argument, NULL, 256 + i};
        if (rows[i].letter != 0) {
            tables->row_of_letter[(unsigned char)rows[i].letter] = (unsigned char)i;
            tables->letters[used++] = rows[i].letter;
            if (rows[i].kind != FLAG) {
                tables->letters[used++] = ':';
            }
        }
    }
}

static int check_operands(const struct verb *verb, const struct cli_options *options) {
    if (options->help || (options->operand_count >= verb->operands_min &&
                          options->operand_count <= verb->operands_max)) {
        return CLI_OK;
    }
    cli_complain("usage: nightshift %s [OPTION...] %s", verb->name, verb->operands);
    return CLI_USAGE;
}

int cli_parse(const struct verb *verb, int argc, char **argv, struct cli_options *out_options) {
    struct cli_options options = {
        .limit = -1, .tail = -1, .attempt = -1, .executor = -1, .port = -1, .timeout_us = -1};
    struct getopt_tables tables;
    int found, status = CLI_OK;

    if (verb->options == RAW) {
        options.operands = (const char *const *)(argv + 1);
        options.operand_count = (size_t)(argc - 1);
        *out_options = options;
        return CLI_OK;
    }
    make_tables(verb, &tables);
    optind = 0; /* GNU: start over. */
    opterr = 0;
    while (status == CLI_OK &&
           (found = getopt_long(argc, argv, tables.letters, tables.options, NULL)) != -1) {
        if (found == '?' || found == ':') {
            cli_complain("%s %s; see nightshift %s --help", argv[optind - 1],
                         found == ':' ? "needs a value" : "is not an option here", verb->name);
            return CLI_USAGE;
        }
        status = take(&rows[found >= 256 ? found - 256 : tables.row_of_letter[found & 127]], optarg,
                      &options);
    }
    options.operands = (const char *const *)(argv + optind);
    options.operand_count = (size_t)(argc - optind);
    status = status == CLI_OK ? take_output(&options) : status;
    status = status == CLI_OK ? check_operands(verb, &options) : status;
    if (status == CLI_OK) {
        *out_options = options;
    }
    return status;
}

const char *cli_next_option(const struct verb *verb, size_t *at) {
    while (verb->options != RAW && *at < O_COUNT) {
        const size_t option = (*at)++;

        if ((verb->options & BIT(option)) != 0) {
            return rows[option].name;
        }
    }
    return NULL;
}

static void print_verb_help(const struct verb *verb) {
    printf("nightshift %s [OPTION...]%s%s\n  %s\n\n", verb->name,
           verb->operands[0] != '\0' ? " " : "", verb->operands, verb->summary);
    for (int i = 0; i < O_COUNT; i++) {
        char left[40];

        if ((verb->options & BIT(i)) != 0) {
            (void)snprintf(left, sizeof left, "--%s%s%s", rows[i].name,
                           rows[i].argument != NULL ? " " : "",
                           rows[i].argument != NULL ? rows[i].argument : "");
            printf("  %c%c%c %-20s  %s\n", rows[i].letter != 0 ? '-' : ' ',
                   rows[i].letter != 0 ? rows[i].letter : ' ', rows[i].letter != 0 ? ',' : ' ',
                   left, rows[i].help);
        }
    }
    if (strstr(verb->operands, "JOB") != NULL) {
        printf("\nJOB is an id, a NAME or a NAMESPACE/NAME if only one job has it; of an array 12 "
               "is all of "
               "it, 12_7 one element.\n");
    }
}

void cli_print_help(const struct verb *verb) {
    if (verb != NULL && verb->options == RAW) {
        spark_args_print_help();
        return;
    }
    if (verb != NULL) {
        print_verb_help(verb);
        return;
    }
    printf("nightshift VERB [OPTION...]\n\n");
    for (verb = verbs; verb->name != NULL; verb++) {
        char left[32];

        (void)snprintf(left, sizeof left, "%s %s", verb->name, verb->operands);
        printf("  %-18s %s\n", left, verb->summary);
    }
    printf(
        "\nnightshift help VERB tells more. The daemon is found by --server, NIGHTSHIFT_SERVER,\n"
        "or at its socket in /run/nightshift.\n"
        "Exit status: 0 well, 1 a job failed, 2 usage, 3 refused, 4 not found, 5 unreachable,\n"
        "6 denied, 7 timeout, 8 the daemon is in trouble.\n");
}
