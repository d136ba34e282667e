/* nightshift admin: the daemon's program has the tools, since it knows the queue's format. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "cli/cli.h"

#define DAEMON "nightshiftd"

/* The one beside this program; the caller frees it. NULL: it can't be told. */
static char *beside_us(void) {
    char path[4096];
    ssize_t bytes = readlink("/proc/self/exe", path, sizeof path - 1);
    char *slash;

    if (bytes < 0) {
        return NULL;
    }
    path[bytes] = '\0';
    slash = strrchr(path, '/');
    if (slash != NULL) {
        *slash = '\0';
    }
    return mem_format("%s/" DAEMON, path);
}

int verb_admin(struct cli *cli) {
    (void)cli;
    return CLI_USAGE; /* Not come to: cli_main() hands the whole line to cli_admin(). */
}

int cli_admin(int argc, char **argv) {
    char **words = mem_alloc((size_t)argc + 1, sizeof *words);
    char *path = beside_us();

    memcpy(words, argv, (size_t)argc * sizeof *words);
    words[0] = (char[]){DAEMON};
    if (path != NULL) {
        (void)execv(path, words);
    }
    (void)execvp(DAEMON, words);
    cli_complain("can't start " DAEMON ", which has these tools: %s", strerror(errno));
    free(path);
    free(words);
    return CLI_NOT_FOUND;
}
