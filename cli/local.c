/* The verbs that need no daemon: config check, version, help. */
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/version.h"
#include "cli/cli.h"
#include "cli/print.h"
#include "config/config.h"

static int exit_of(int code) {
    switch (code) {
    case OK:
        return CLI_OK;
    case ERR_NOT_FOUND:
        return CLI_NOT_FOUND;
    case ERR_DENIED:
        return CLI_DENIED;
    default:
        return CLI_REFUSED;
    }
}

int verb_config(struct cli *cli) {
    const char *path = cli->options.operands[1];
    struct problems problems = {0};
    struct config config;
    struct buf text;
    int r;

    if (strcmp(cli->options.operands[0], "check") != 0) {
        cli_complain("usage: nightshift config check FILE");
        return CLI_USAGE;
    }
    r = config_load(path, &config, &problems);
    if (r == OK) {
        printf("%s: good\n", path);
        config_finish(&config);
    } else {
        buf_init(&text, LIMIT_CONFIG_BYTES);
        problems_print(&problems, path, &text);
        (void)fprintf(stderr, "%s", buf_text(&text));
        buf_finish(&text);
    }
    problems_finish(&problems);
    return exit_of(r);
}

int verb_version(struct cli *cli) {
    (void)cli;
    printf("nightshift %s\n", NIGHTSHIFT_VERSION);
    return CLI_OK;
}

int verb_help(struct cli *cli) {
    if (cli->options.operand_count == 0) {
        cli_print_help(NULL);
        return CLI_OK;
    }
    for (const struct verb *verb = cli_verbs(); verb->name != NULL; verb++) {
        if (strcmp(verb->name, cli->options.operands[0]) == 0) {
            cli_print_help(verb);
            return CLI_OK;
        }
    }
    cli_complain("there is no verb %s", cli->options.operands[0]);
    return CLI_USAGE;
}
