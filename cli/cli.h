/* cli/cli.h - what the verbs of `nightshift` share: options, exit codes, the verb table.
 *
 * One file per verb. A verb returns the exit status; what it has to say to people goes to
 * stderr, what it was asked for goes to stdout.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* Documented in docs/manual/cli.md. */
enum cli_exit {
    CLI_OK = 0,
    CLI_JOB_FAILED = 1,  /* wait: a job did not succeed */
    CLI_USAGE = 2,       /* the command line, or a name that is not unique */
    CLI_REFUSED = 3,     /* invalid input, or not possible now */
    CLI_NOT_FOUND = 4,   /* no such job, no such file */
    CLI_UNREACHABLE = 5, /* no connection, or it was lost */
    CLI_DENIED = 6,      /* not let in, or not for this team */
    CLI_TIMEOUT = 7,     /* wait --timeout */
    CLI_SERVER = 8,      /* the daemon is in trouble or overloaded, or speaks another language */
};

enum cli_output {
    CLI_TABLE,
    CLI_WIDE,
    CLI_JSON,
    CLI_YAML,
    CLI_NAME,
    CLI_OUTPUT_COUNT,
};

/* The values of an option that may be given several times. */
#define CLI_TEXTS_MAX 64
struct cli_texts {
    const char *items[CLI_TEXTS_MAX];
    size_t count;
};

struct cli_options {
    const char *server; /* NULL: NIGHTSHIFT_SERVER, then the default socket */
    const char *token_file, *ca_file;
    const char *output_text;
    enum cli_output output;
    const char *window, *since, *until, *form; /* report */
    bool email;
    const char *namespace, *team, *state, *name, *add, *rows, *date;
    const char *schedule; /* NULL: any */
    const char *selector; /* "app=etl,..."; NULL: none */
    struct cli_texts after;
    bool from_failed;
    bool all, watch, wait, hold, follow, utc, help, dry_run;
    int64_t limit, tail, attempt, executor, port; /* -1: not given */
    int64_t timeout_us;                           /* -1: for ever */
    const char *const *operands;
    size_t operand_count;
};

struct cli {
    struct cli_options options;
    struct http *http; /* opened when the verb needs the daemon */
    bool terminal;     /* stdout is one */
    bool colour;
    bool reached; /* the daemon has answered */
    bool patient; /* once reached, a lost connection is not worth a word: the verb tries again */
};

struct verb {
    const char *name;
    const char *operands; /* "JOB..." */
    const char *summary;
    uint64_t options; /* bits, see cli/options.c */
    size_t operands_min, operands_max;
    bool local; /* needs no daemon, or finds it by itself */
    int (*run)(struct cli *cli);
};

/* The table, ended by a NULL name. */
const struct verb *cli_verbs(void);

/* The names of a verb's options, one after the other from *at = 0; NULL: no more. */
const char *cli_next_option(const struct verb *verb, size_t *at);

/* Parse the arguments behind the verb. CLI_OK, or CLI_USAGE after saying why. Reorders argv. */
int cli_parse(const struct verb *verb, int argc, char **argv, struct cli_options *out_options);

void cli_print_help(const struct verb *verb); /* NULL: of everything */

/* "nightshift: ..." on stderr. */
void cli_complain(const char *format, ...) PRINTF_LIKE(1, 2);

/* Become `nightshiftd admin ...`; returns only if that can't be started. */
int cli_admin(int argc, char **argv);

/* All of it, from argv to exit status. */
int cli_main(int argc, char **argv);

int verb_submit(struct cli *cli);
int verb_spark_submit(struct cli *cli);
int verb_ls(struct cli *cli);
int verb_show(struct cli *cli);
int verb_why(struct cli *cli);
int verb_forecast(struct cli *cli);
int verb_simulate(struct cli *cli);
int verb_logs(struct cli *cli);
int verb_ui(struct cli *cli);
int verb_events(struct cli *cli);
int verb_cancel(struct cli *cli);
int verb_hold(struct cli *cli);
int verb_release(struct cli *cli);
int verb_retry(struct cli *cli);
int verb_breakers(struct cli *cli);
int verb_memory(struct cli *cli);
int verb_nodes(struct cli *cli);
int verb_wait(struct cli *cli);
int verb_teams(struct cli *cli);
int verb_usage(struct cli *cli);
int verb_windows(struct cli *cli);
int verb_notifications(struct cli *cli);
int verb_report(struct cli *cli);
int verb_schedules(struct cli *cli);
int verb_status(struct cli *cli);
int verb_admin(struct cli *cli);
int verb_config(struct cli *cli);
int verb_completion(struct cli *cli);
int verb_version(struct cli *cli);
int verb_help(struct cli *cli);

#endif
