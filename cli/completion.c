/* completion: what a shell needs to complete our command lines, made from the tables of verbs. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

static void print_options(const struct verb *verb) {
    const char *name;

    for (size_t at = 0; (name = cli_next_option(verb, &at)) != NULL;) {
        printf(" --%s", name);
    }
}

/* What stands behind the options. */
static const char *operand_kind(const struct verb *verb) {
    return strstr(verb->operands, "JOB") != NULL    ? "job"
           : strstr(verb->operands, "FILE") != NULL ? "file"
           : strcmp(verb->operands, "[VERB]") == 0  ? "verb"
                                                    : "none";
}

static void print_verbs(void) {
    for (const struct verb *verb = cli_verbs(); verb->name != NULL; verb++) {
        printf("%s%s", verb == cli_verbs() ? "" : " ", verb->name);
    }
}

/* A function for bash, which zsh takes with bashcompinit. */
int verb_completion(struct cli *cli) {
    if (cli->options.operand_count > 0 && strcmp(cli->options.operands[0], "bash") != 0) {
        cli_complain("completion: only for bash, and for zsh with its bashcompinit");
        return CLI_USAGE;
    }
    printf("_nightshift() {\n"
           "    local current=${COMP_WORDS[COMP_CWORD]} options= operand=none verbs=\"");
    print_verbs();
    printf("\"\n"
           "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
           "        COMPREPLY=($(compgen -W \"$verbs\" -- \"$current\"))\n"
           "        return\n"
           "    fi\n"
           "    case ${COMP_WORDS[1]} in\n");
    for (const struct verb *verb = cli_verbs(); verb->name != NULL; verb++) {
        printf("    %s) operand=%s options=\"", verb->name, operand_kind(verb));
        print_options(verb);
        printf("\" ;;\n");
    }
    printf("    esac\n"
           "    case $current:$operand in\n"
           "    -*) COMPREPLY=($(compgen -W \"$options\" -- \"$current\")) ;;\n"
           "    *:job) COMPREPLY=($(compgen -W \"$(nightshift ls -o name 2>/dev/null)\" -- "
           "\"$current\")) ;;\n"
           "    *:file) COMPREPLY=($(compgen -f -- \"$current\")) ;;\n"
           "    *:verb) COMPREPLY=($(compgen -W \"$verbs\" -- \"$current\")) ;;\n"
           "    esac\n"
           "}\n"
           "complete -F _nightshift nightshift\n");
    return CLI_OK;
}
