#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/http.h"
#include "cli/remote.h"

#define VERBS_MAX 32

void cli_complain(const char *format, ...) {
    char text[2048];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    (void)fflush(stdout);
    (void)fprintf(stderr, "nightshift: ");
    for (const char *at = text; *at != '\0'; at++) {
        (void)fputc((unsigned char)*at < ' ' || *at == 0x7f ? '?' : *at, stderr);
    }
    (void)fputc('\n', stderr);
}

static const struct verb *find_verb(const char *name) {
    const char *names[VERBS_MAX];
    const char *closest;
    size_t count = 0;

    for (const struct verb *verb = cli_verbs(); verb->name != NULL && count < VERBS_MAX; verb++) {
        if (strcmp(verb->name, name) == 0) {
            return verb;
        }
        names[count++] = verb->name;
    }
    closest = text_closest(name, names, count);
    cli_complain("there is no verb %s%s%s%s", name, closest != NULL ? "; did you mean " : "",
                 closest != NULL ? closest : "", closest != NULL ? "?" : "; see nightshift help");
    return NULL;
}

static int run(const struct verb *verb, struct cli *cli) {
    const char *no_colour = getenv("NO_COLOR");
    const char *term = getenv("TERM");
    int status = CLI_OK;

    cli->terminal = isatty(STDOUT_FILENO) == 1 && term != NULL && strcmp(term, "dumb") != 0;
    cli->colour = cli->terminal && (no_colour == NULL || no_colour[0] == '\0');
    if (!verb->local) {
        status = remote_open(cli);
    }
    if (status == CLI_OK) {
        status = verb->run(cli);
    }
    http_close(cli->http);
    return status;
}

/* A pipe that closed is no trouble; a full disk is. */
static int finish(int status) {
    if (fflush(stdout) != 0 && status == CLI_OK) {
        perror("nightshift: stdout");
        return CLI_REFUSED;
    }
    return status;
}

int cli_main(int argc, char **argv) {
    struct cli cli = {0};
    const struct verb *verb;
    int status;

    if (argc < 2) {
        cli_print_help(NULL);
        return CLI_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        cli_print_help(NULL);
        return finish(CLI_OK);
    }
    if (strcmp(argv[1], "admin") == 0) {
        return cli_admin(argc, argv);
    }
    verb = find_verb(strcmp(argv[1], "--version") == 0 ? "version" : argv[1]);
    if (verb == NULL) {
        return CLI_USAGE;
    }
    status = cli_parse(verb, argc - 1, argv + 1, &cli.options);
    if (status == CLI_OK && cli.options.help) {
        cli_print_help(verb);
    } else if (status == CLI_OK) {
        status = run(verb, &cli);
    }
    return finish(status);
}
