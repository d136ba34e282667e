#include "cli/waiting.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/text.h"
#include "cli/jobs.h"
#include "cli/print.h"

#define STATE_BYTES    32
#define PAUSE_FIRST_US (50 * CLOCK_US_PER_MS)
#define PAUSE_LAST_US  CLOCK_US_PER_SECOND
#define PATIENCE_US    (30 * CLOCK_US_PER_SECOND)

void job_names_add(struct job_names *names, const char *name) {
    if (names->count == names->room) {
        names->room = names->room > 0 ? 2 * names->room : 16;
        names->items = mem_grow(names->items, names->room, sizeof *names->items);
    }
    names->items[names->count++] = mem_copy_text(name);
}

void job_names_finish(struct job_names *names) {
    for (size_t i = 0; i < names->count; i++) {
        free(names->items[i]);
    }
    free(names->items);
    *names = (struct job_names){0};
}

void job_names_add_submitted(struct job_names *names, const struct wire_submitted *jobs,
                             size_t count) {
    for (size_t i = 0; i < count; i++) {
        char id[24];

        (void)snprintf(id, sizeof id, "%" PRIu64, jobs[i].id);
        job_names_add(names, id);
    }
}

/* Look once; *out_done tells whether there is more to come. With --watch each new state is told. */
static int look(struct cli *cli, const char *name, char state[STATE_BYTES], bool *out_done) {
    struct job_set set = {0};
    int r = jobs_get(cli, name, &set);

    *out_done = r != CLI_OK;
    if (r == CLI_OK && job_is_finished(&set.items[0])) {
        *out_done = true;
        if (!print_is_document(cli) && cli->options.output != CLI_NAME) {
            jobs_print_line(cli, &set.items[0]);
        }
        r = job_has_succeeded(&set.items[0]) ? CLI_OK : CLI_JOB_FAILED;
    } else if (r == CLI_OK && cli->options.watch && strcmp(set.items[0].state, state) != 0) {
        (void)text_copy(state, STATE_BYTES, set.items[0].state);
        jobs_print_line(cli, &set.items[0]);
    }
    job_set_finish(&set);
    return r;
}

bool waiting_bear_loss(int64_t *lost_us) {
    int64_t now_us = clock_sample().mono_us;

    if (*lost_us == 0) {
        *lost_us = now_us;
        cli_complain("the connection is lost; waiting for the daemon to come back");
    }
    return now_us - *lost_us < PATIENCE_US;
}

static int wait_all(struct cli *cli, const struct job_names *names) {
    int64_t pause_us = PAUSE_FIRST_US, begin_us = clock_sample().mono_us, lost_us = 0;
    char state[STATE_BYTES] = "";
    int worst = CLI_OK;

    for (size_t i = 0; i < names->count;) {
        bool done = false;
        int status = look(cli, names->items[i], state, &done);

        if (status == CLI_UNREACHABLE && cli->reached && waiting_bear_loss(&lost_us)) {
            done = false;
        } else {
            lost_us = 0;
            worst = status > worst ? status : worst;
        }
        if (done) {
            i++;
            continue;
        }
        if (cli->options.timeout_us >= 0 &&
            clock_sample().mono_us - begin_us >= cli->options.timeout_us) {
            cli_complain("job %s has not finished in time", names->items[i]);
            return CLI_TIMEOUT;
        }
        jobs_pause(pause_us);
        pause_us = 2 * pause_us < PAUSE_LAST_US ? 2 * pause_us : PAUSE_LAST_US;
    }
    return worst;
}

int waiting_run(struct cli *cli, const struct job_names *names) {
    int status;

    cli->patient = true;
    status = wait_all(cli, names);
    cli->patient = false;
    return status;
}
