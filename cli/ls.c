#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/map.h"
#include "base/memory.h"
#include "cli/cli.h"
#include "cli/jobs.h"
#include "cli/print.h"

#include <stdlib.h>

#define FINISHED_SHOWN 20 /* on a terminal, of those that finished while we watched */

/* What was seen of the jobs so far: id to owned state. */
struct watch {
    struct map states;
};

static void forget(struct watch *watch, uint64_t id) {
    free(map_remove_id(&watch->states, id));
}

static bool is_listed(const struct job_set *set, size_t count, uint64_t id) {
    for (size_t i = 0; i < count; i++) {
        if (set->items[i].id == id) {
            return true;
        }
    }
    return false;
}

/* Those that were there and are not listed any more have finished: see how. */
static int add_missing(struct cli *cli, struct watch *watch, struct job_set *set) {
    size_t listed = set->count;
    struct map_entry *entry;

    for (size_t at = 0; (entry = map_next(&watch->states, &at)) != NULL;) {
        const uint64_t id = entry->id;
        char name[24];
        int status;

        if (is_listed(set, listed, id)) {
            continue;
        }
        (void)snprintf(name, sizeof name, "%" PRIu64, id);
        status = jobs_get(cli, name, set);
        if (status == CLI_NOT_FOUND) {
            forget(watch, id); /* Its history is over. */
        } else if (status != CLI_OK) {
            return status;
        }
    }
    return CLI_OK;
}

static void print_changes(struct cli *cli, struct watch *watch, const struct job_set *set) {
    for (size_t i = 0; i < set->count; i++) {
        const struct wire_job *job = &set->items[i];
        const char *before = map_get_id(&watch->states, job->id);

        if (before == NULL || strcmp(before, job->state) != 0) {
            jobs_print_line(cli, job);
        }
    }
}

/* Remember what was shown; of the finished ones only the last few, and none in a pipe. */
static void remember(struct cli *cli, struct watch *watch, const struct job_set *set) {
    size_t keep = cli->terminal ? FINISHED_SHOWN : 0;

    for (size_t i = set->count; i-- > 0;) {
        const struct wire_job *job = &set->items[i];

        if (!job_is_finished(job) || cli->options.all) {
            free(map_put_id(&watch->states, job->id, mem_copy_text(job->state)));
        } else if (keep > 0) {
            keep--;
            free(map_put_id(&watch->states, job->id, mem_copy_text(job->state)));
        } else {
            forget(watch, job->id);
        }
    }
}

static int look(struct cli *cli, struct watch *watch) {
    struct job_set set = {0};
    int status = jobs_list(cli, &set);

    if (status == CLI_OK && !cli->options.all && cli->options.state == NULL) {
        status = add_missing(cli, watch, &set);
    }
    if (status == CLI_OK) {
        if (cli->terminal) {
            printf("\033[H\033[J");
            status = jobs_print(cli, &set);
            (void)fflush(stdout);
        } else {
            print_changes(cli, watch, &set);
        }
        remember(cli, watch, &set);
    }
    job_set_finish(&set);
    return status;
}

/* Until interrupted, or until nobody reads. */
static int watch_jobs(struct cli *cli) {
    struct watch watch = {0};
    struct map_entry *entry;
    int status;

    do {
        status = look(cli, &watch);
        if (status == CLI_OK) {
            jobs_pause(CLOCK_US_PER_SECOND);
        }
    } while (status == CLI_OK && !ferror(stdout));
    for (size_t at = 0; (entry = map_next(&watch.states, &at)) != NULL;) {
        free(entry->value);
    }
    map_finish(&watch.states);
    return status;
}

int verb_ls(struct cli *cli) {
    struct job_set set = {0};
    int status;

    if (cli->options.watch) {
        return watch_jobs(cli);
    }
    status = jobs_list(cli, &set);
    if (status == CLI_OK) {
        status = jobs_print(cli, &set);
    }
    job_set_finish(&set);
    return status;
}
