#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "api/wire.h"
#include "cli/cli.h"
#include "cli/print.h"
#include "cli/remote.h"

static void line(const char *name, const char *value) {
    printf("%-12s", name);
    print_clean(stdout, value[0] != '\0' ? value : "-");
    (void)putchar('\n');
}

static void counts_line(const char *name, const struct wire_count *counts, size_t count) {
    bool any = false;

    printf("%-12s", name);
    for (size_t i = 0; i < count; i++) {
        if (counts[i].count != 0) {
            printf("%s%" PRId64 " ", any ? ", " : "", counts[i].count);
            print_clean(stdout, counts[i].name);
            any = true;
        }
    }
    printf(any ? "\n" : "-\n");
}

/* "this one", or who it is and where; and for how long if it is not heard of again. */
static void leader_line(const struct wire_status *status) {
    char left[32];

    printf("%-12s", "leader");
    if (strcmp(status->role, "alone") == 0) {
        printf("this one, alone: without a lease\n");
        return;
    }
    print_clean(stdout, strcmp(status->role, "leader") == 0 ? "this one"
                        : status->leader[0] != '\0'         ? status->leader
                                                            : "nobody");
    if (strcmp(status->role, "leader") != 0 && status->leader_address[0] != '\0') {
        printf(" at ");
        print_clean(stdout, status->leader_address);
    }
    if (status->lease_expires_us > status->now_us) {
        print_span(status->now_us, status->lease_expires_us, left);
        printf(", lease for %s unless renewed", left);
    } else if (status->leader[0] != '\0') {
        printf(", lease run out");
    }
    printf(", %" PRId64 " changes of leader%s\n", status->lease_transitions,
           strcmp(status->role, "standby") == 0 ? "; this one stands by" : "");
}

static void print_status(const struct cli *cli, const struct wire_status *status) {
    char up[32], since[40];

    print_span(status->started_us, status->now_us, up);
    print_time(cli, status->started_us, since);
    line("version", status->version);
    printf("%-12s%s on ", "daemon", status->ready ? "ready" : "not ready");
    print_clean(stdout, status->host);
    printf(", pid %" PRId64 ", up %s, since %s%s\n", status->pid, up, since,
           status->draining ? ", draining" : "");
    if (!status->ready) {
        line("not ready", status->not_ready);
    }
    leader_line(status);
    line("queue", status->queue_uid);
    line("config", status->config_file);
    line("cluster", status->cluster);
    for (size_t i = 0; i < status->sync_count; i++) {
        printf("  %-16s", status->syncs[i].name);
        print_clean(stdout, status->syncs[i].state);
        printf(", %" PRId64 "\n", status->syncs[i].objects);
    }
    line("nodes check",
         status->nodes_check ? "on" : "off: no right to list nodes, only quotas are checked");
    counts_line("jobs", status->jobs, status->job_state_count);
    counts_line("requests", status->kube, status->kube_count);
    counts_line("store", status->store, status->store_count);
}

static int print_answer(const struct cli *cli, const struct buf *body) {
    struct wire_memory memory = {0};
    struct wire_status status;
    struct error error = {0};
    int exit_status = CLI_OK;

    if (wire_decode_status(buf_text(body), body->bytes, &memory, &status, &error) != OK) {
        exit_status = remote_garbled(&error);
    } else if (cli->options.output == CLI_NAME) {
        printf("%s\n", status.ready ? "ready" : "not-ready");
    } else {
        print_status(cli, &status);
    }
    wire_memory_finish(&memory);
    return exit_status;
}

int verb_status(struct cli *cli) {
    return remote_show(cli, "/v1/status", print_answer);
}
