/* nightshiftd: the daemon's command line. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "admin/admin.h"
#include "base/version.h"
#include "scheduler/daemon_main.h"

#define DEFAULT_CONFIG "/etc/nightshift/nightshift.yaml"

static const char usage[] =
    "Usage: nightshiftd [--config FILE]\n"
    "       nightshiftd admin VERB [OPTION]...\n"
    "\n"
    "The batch scheduler for Spark on Kubernetes. Keeps the queue, starts a job when its\n"
    "driver and executors fit quota and nodes, retries what fails.\n"
    "\n"
    "  -c, --config FILE  its configuration (default: " DEFAULT_CONFIG ",\n"
    "                     if that exists)\n"
    "  -h, --help         this text\n"
    "      --version      the version\n"
    "\n"
    "admin: the operator's tools on the queue; see nightshiftd admin --help.\n"
    "SIGHUP reads the configuration again, SIGTERM stops in good order.\n"
    "Exit status: 0 stopped in good order, 2 bad configuration or usage, 3 the queue or the\n"
    "socket is in use, 4 the queue is damaged, 5 the system refused something.\n";

int main(int argc, char **argv) {
    const char *config = access(DEFAULT_CONFIG, F_OK) == 0 ? DEFAULT_CONFIG : "";

    if (argc > 1 && strcmp(argv[1], "admin") == 0) {
        return admin_main(argc - 1, argv + 1, config);
    }
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            (void)fputs(usage, stdout);
            return 0;
        }
        if (strcmp(argv[i], "--version") == 0) {
            (void)puts("nightshiftd " NIGHTSHIFT_VERSION);
            return 0;
        }
        if ((strcmp(argv[i], "--config") == 0 || strcmp(argv[i], "-c") == 0) && i + 1 < argc) {
            config = argv[++i];
        } else {
            (void)fprintf(stderr, "nightshiftd: unknown argument \"%s\"\n%s", argv[i], usage);
            return 2;
        }
    }
    return daemon_main(config);
}
