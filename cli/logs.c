#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/log_resume.h"
#include "cli/cli.h"
#include "cli/jobs.h"
#include "cli/remote.h"
#include "cli/waiting.h"

#define LOOK_US (CLOCK_US_PER_SECOND / 4)

/* A log on its way to the terminal, over connections that may break. */
struct show {
    struct log_resume resume;
    bool closed; /* nobody reads what we print */
};

static bool on_bytes(void *context, const char *bytes, size_t count) {
    static const char gap[] = "\n[nightshift: another log begins here: a part may be missing]\n";
    struct show *show = context;
    size_t skip = log_resume_skip(&show->resume, bytes, count);

    if (log_resume_take_gap(&show->resume)) {
        (void)fputs(gap, stdout);
    }
    show->closed =
        fwrite(bytes + skip, 1, count - skip, stdout) != count - skip || fflush(stdout) != 0;
    return !show->closed;
}

static void add_number(struct buf *path, const char *name, int64_t number) {
    char text[24] = "";

    if (number >= 0) {
        (void)snprintf(text, sizeof text, "%" PRId64, number);
    }
    http_add_query(path, name, text);
}

/* One connection. attempt: -1 is the last. */
static int fetch(struct cli *cli, const char *id, int64_t attempt, struct show *show) {
    struct http_call call = {.method = "GET", .on_bytes = on_bytes, .context = show};
    struct buf path, body;
    int status;

    buf_init(&path, LIMIT_HTTP_URL_BYTES);
    buf_add_format(&path, "/v1/jobs/%s/logs", id);
    buf_init(&body, LIMIT_API_ANSWER_BYTES);
    add_number(&path, "attempt", attempt);
    add_number(&path, "executor", cli->options.executor);
    add_number(&path, "tail", cli->options.tail);
    http_add_query(&path, "follow", cli->options.follow ? "true" : "");
    call.path = buf_text(&path);
    log_resume_again(&show->resume);
    status = remote_perform(cli, &call, &body);
    buf_finish(&path);
    buf_finish(&body);
    return status;
}

/* --- Following -------------------------------------------------------------------------------- */

/* How the job stands. */
struct stand {
    int64_t attempts; /* so far */
    bool running;
    bool finished;
};

static int look(struct cli *cli, const char *id, struct stand *out) {
    struct job_set set = {0};
    int64_t lost_us = 0;
    int status;

    while ((status = jobs_get(cli, id, &set)) == CLI_UNREACHABLE && cli->reached &&
           waiting_bear_loss(&lost_us)) {
        jobs_pause(LOOK_US);
    }
    if (status == CLI_OK) {
        *out = (struct stand){.attempts = set.items[0].attempts,
                              .running = strcmp(set.items[0].state, "RUNNING") == 0,
                              .finished = job_is_over(&set.items[0])};
    }
    job_set_finish(&set);
    return status;
}

/* To its end. Of a log's last lines a second connection would send others. */
static int follow_attempt(struct cli *cli, const char *id, int64_t attempt) {
    struct show show = {.closed = false};
    int64_t lost_us = 0;
    uint64_t taken;
    int status;

    do {
        taken = show.resume.taken;
        status = fetch(cli, id, attempt, &show);
        if (show.resume.taken > taken) {
            lost_us = 0;
        }
        if (status != CLI_UNREACHABLE || show.closed || cli->options.tail >= 0 ||
            !waiting_bear_loss(&lost_us)) {
            break;
        }
        jobs_pause(LOOK_US);
    } while (true);
    return status;
}

/* A log begins with its container: until then there is nothing to follow. */
static bool has_begun(const struct stand *stand, int64_t attempt) {
    return stand->attempts > attempt ||
           (stand->attempts == attempt && (stand->running || stand->finished));
}

/* From the present attempt to the last, as long as the job is tried again. */
static int follow_job(struct cli *cli, const char *id) {
    struct stand stand = {.attempts = 0};
    int64_t next = 0;
    int of_log = CLI_NOT_FOUND;
    int status;

    while ((status = look(cli, id, &stand)) == CLI_OK) {
        if (next == 0) {
            next = stand.attempts > 0 ? stand.attempts : 1;
        }
        if (has_begun(&stand, next)) {
            if (of_log == CLI_OK) {
                (void)fprintf(stderr, "nightshift: attempt %" PRId64 "\n", next);
            }
            of_log = follow_attempt(cli, id, next++);
        } else if (stand.finished && stand.attempts == 0) {
            return follow_attempt(cli, id, -1); /* It never ran: the daemon says so. */
        } else if (stand.finished) {
            return of_log;
        } else {
            jobs_pause(LOOK_US);
        }
    }
    return status;
}

int verb_logs(struct cli *cli) {
    struct show show = {.closed = false};
    char id[REMOTE_JOB_BYTES];
    int status = remote_job_name(cli, cli->options.operands[0], id);

    if (status != CLI_OK) {
        return status;
    }
    if (!cli->options.follow) {
        return fetch(cli, id, cli->options.attempt, &show);
    }
    cli->patient = true;
    status = cli->options.attempt < 0 ? follow_job(cli, id)
                                      : follow_attempt(cli, id, cli->options.attempt);
    cli->patient = false;
    return status;
}
